package routing

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a rule may hold. They are far above what people write.
const (
	maxRules         = 5000
	maxAllConditions = 20_000 // of all rules, groups included
	maxIDBytes       = 128
	maxList          = 1000 // values of one question, channels of a scope
	maxTargets       = 10
	maxSkills        = 10 // of one target
	maxAddLabels     = 20
	maxDepth         = 8   // groups inside groups
	maxConditions    = 200 // of one rule, groups included
	maxWordChars     = 256
	maxAllWords      = 256 << 10 // bytes of all words that the rules of a set look for in texts
	maxOrder         = 1_000_000_000
	maxTimeout       = 30 * 24 * 60 * 60 // seconds
	maxMedia         = 1_000_000
)

// Validate reports everything that is wrong with the rule by itself, as [FieldErrors], with fields such as
// "condition.any[0].text.regexp". It is meant for saving one rule; [Compile] also checks what concerns the set. It loads
// zones and compiles patterns, so it takes tens of microseconds.
func (r Rule) Validate() error {
	c := newChecker()
	c.rule("", &r)
	return c.errs.err()
}

// checker gathers what is wrong, and keeps what it had to load, so that compiling doesn't load it again.
type checker struct {
	errs       FieldErrors
	zones      map[string]*time.Location
	patterns   map[string]*pattern
	totals     totals
	conditions int  // of the rule that is checked
	atHandOver bool // it is looked at at hand-over
}

// totals are what all rules of a set have together.
type totals struct {
	words      int // bytes
	steps      int // of patterns
	conditions int
}

func newChecker() *checker {
	return &checker{zones: map[string]*time.Location{}, patterns: map[string]*pattern{}}
}

// set checks all rules of a set.
func (c *checker) set(rules []Rule) {
	if len(rules) > maxRules {
		c.errs.add("rules", fmt.Sprintf("has %d entries, at most %d are allowed", len(rules), maxRules))
		return
	}
	first := map[string]int{}
	for i := range rules {
		field := item("rules", i)
		c.rule(field, &rules[i])
		id := rules[i].ID
		if j, twice := first[id]; twice && id != "" {
			c.errs.add(field+".id", fmt.Sprintf("is the id of %s already", item("rules", j)))
			continue
		}
		first[id] = i
	}
}

func (c *checker) rule(field string, r *Rule) {
	c.id(sub(field, "id"), r.ID)
	if len(r.Name) > maxIDBytes || hasControl(r.Name) {
		c.errs.add(sub(field, "name"), "must be one line of at most 128 bytes")
	}
	c.list(sub(field, "channels"), r.Channels, maxList, c.id)
	if r.Order < 0 || r.Order > maxOrder {
		c.errs.add(sub(field, "order"), "must be between 0 and 1,000,000,000")
	}
	c.conditions, c.atHandOver = 0, r.AlsoAtHandOver
	c.condition(sub(field, "condition"), &r.Condition, 0)
	c.targets(sub(field, "targets"), r.Targets)
	c.list(sub(field, "add_labels"), r.AddLabels, maxAddLabels, c.id)
	if p := r.SetPriority; p != nil && (*p < -100 || *p > 100) {
		c.errs.add(sub(field, "set_priority"), "must be between -100 and 100")
	}
	c.fallback(field, r)
}

// id checks an id, a label, or the name of an attribute.
func (c *checker) id(field, id string) {
	switch {
	case id == "":
		c.errs.add(field, "is required")
	case len(id) > maxIDBytes:
		c.errs.add(field, "is too long (at most 128 bytes)")
	case !utf8.ValidString(id):
		c.errs.add(field, "is not valid UTF-8")
	case hasControl(id):
		c.errs.add(field, "holds a control character")
	}
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// list checks the entries of a list that may be missing.
func (c *checker) list(field string, list []string, most int, entry func(field, value string)) {
	if len(list) > most {
		c.errs.add(field, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), most))
		return
	}
	for i, v := range list {
		entry(item(field, i), v)
	}
}

// values checks the list of a question, if it is asked: it mustn't be empty.
func (c *checker) values(in, name string, list []string, entry func(field, value string)) {
	if list == nil {
		return
	}
	field := sub(in, name)
	if len(list) == 0 {
		c.errs.add(field, "is empty: name at least one")
	}
	c.list(field, list, maxList, entry)
}

func (c *checker) targets(field string, targets []Target) {
	if len(targets) == 0 {
		c.errs.add(field, `is required: say where the conversation goes, [{"kind":"nobody"}] leaves it unassigned`)
	}
	if len(targets) > maxTargets {
		c.errs.add(field, fmt.Sprintf("has %d entries, at most %d are allowed", len(targets), maxTargets))
		return
	}
	for i, t := range targets {
		c.target(item(field, i), t, ToAgent, ToTeam, ToAI, ToHumans, ToNobody)
		if t.Kind == ToNobody && len(targets) > 1 {
			c.errs.add(item(field, i), "nobody stands alone: remove it or the other targets")
		}
	}
}

func (c *checker) target(field string, t Target, kinds ...TargetKind) {
	switch t.Kind {
	case ToHumans, ToNobody:
		if t.ID != "" {
			c.errs.add(sub(field, "id"), "must be left out: "+string(t.Kind)+" has none")
		}
	case ToAgent, ToTeam, ToAI:
		c.id(sub(field, "id"), t.ID)
	}
	c.needs(field, t)
	if !slices.Contains(kinds, t.Kind) {
		c.errs.add(sub(field, "kind"), oneOf(string(t.Kind), kinds...))
	}
}

// needs checks what a target asks of its agents.
func (c *checker) needs(field string, t Target) {
	narrow := t.Kind == ToTeam || t.Kind == ToHumans
	switch {
	case len(t.Skills) == 0:
	case !narrow:
		c.errs.add(sub(field, "skills"), "must be left out: only a team or humans can be narrowed")
	default:
		c.list(sub(field, "skills"), t.Skills, maxSkills, c.skill)
	}
	switch {
	case t.Language == "":
	case !narrow:
		c.errs.add(sub(field, "language"), "must be left out: only a team or humans can be narrowed")
	default:
		c.language(sub(field, "language"), t.Language)
	}
}

// skill checks the name of a skill.
func (c *checker) skill(field, name string) {
	c.id(field, name)
	if strings.Contains(name, ",") {
		c.errs.add(field, "has a comma: write each skill by itself")
	}
}

// oneOf says which words are allowed.
func oneOf[T ~string](got string, allowed ...T) string {
	words := make([]string, len(allowed))
	for i, w := range allowed {
		words[i] = string(w)
	}
	list := strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	if got == "" {
		return "is required: " + list
	}
	return quote(got) + " is unknown: it is " + list
}

// fallback checks what happens when nobody is there.
func (c *checker) fallback(field string, r *Rule) {
	queue := slices.ContainsFunc(r.Targets, Target.hasQueue)
	switch r.Unavailable {
	case "", NextRule, NextTier:
	case Wait:
		if !queue {
			c.errs.add(sub(field, "unavailable"), "no target has a queue to wait in: leave it out, or say next_rule or next_tier")
		}
	default:
		c.errs.add(sub(field, "unavailable"), oneOf(string(r.Unavailable), Wait, NextRule, NextTier))
	}
	if r.Timeout == (Timeout{}) {
		return
	}
	field = sub(field, "timeout")
	if !queue || r.Unavailable != "" && r.Unavailable != Wait {
		c.errs.add(field, "must be left out: the rule doesn't wait")
	}
	if r.Timeout.AfterSeconds < 1 || r.Timeout.AfterSeconds > maxTimeout {
		c.errs.add(field+".after_seconds", "must be between 1 and 2,592,000 (30 days)")
	}
	if r.Timeout.Then != NextRule && r.Timeout.Then != NextTier {
		c.errs.add(field+".then", oneOf(string(r.Timeout.Then), NextRule, NextTier))
	}
}

// word checks an entry that is looked for in texts.
func (c *checker) word(field, w string) {
	switch n := utf8.RuneCountInString(w); {
	case w == "":
		c.errs.add(field, "is empty")
	case n > maxWordChars:
		c.errs.add(field, fmt.Sprintf("is too long (at most %d characters)", maxWordChars))
	case !utf8.ValidString(w):
		c.errs.add(field, "is not valid UTF-8")
	case strings.TrimFunc(w, unicode.IsSpace) != w:
		c.errs.add(field, "has blanks at its ends: remove them, keyword finds whole words")
	case folded(w) == "":
		c.errs.add(field, "has nothing to look for: accents by themselves don't count")
	default:
		c.totals.words += len(w)
		if c.totals.words > maxAllWords {
			c.errs.add(field, "is too much: the words of all rules together may have 256 KiB")
		}
	}
}

// zone loads a zone by its IANA name. Names that mean another zone on another machine are refused.
func (c *checker) zone(field, name string) {
	if c.zones[name] != nil {
		return
	}
	switch {
	case name == "":
		c.errs.add(field, "is required: an IANA name like Europe/Paris, or UTC")
		return
	case name == "Local", name == "localtime", name == "posixrules", name == "Factory",
		strings.HasPrefix(name, "posix/"), strings.HasPrefix(name, "right/"):
		c.errs.add(field, "doesn't name a place: it is an IANA name like Europe/Paris, or UTC")
		return
	}
	loc, err := time.LoadLocation(name)
	if err == nil {
		c.zones[name] = loc
		return
	}
	if _, err := time.LoadLocation("Etc/UTC"); err != nil {
		c.errs.add(field, "can't be loaded: this host has no zone data, import time/tzdata")
		return
	}
	c.errs.add(field, quote(name)+" is unknown: it is an IANA name like Europe/Paris, or UTC")
}
