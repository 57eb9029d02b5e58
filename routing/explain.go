package routing

import (
	"fmt"
	"slices"
	"strings"
)

// Explanation says what each rule that was looked at made of a conversation, and why. It holds nothing of the message's
// text, no number, and no value of an attribute.
type Explanation struct {
	Version string `json:"version,omitzero"` // of the rules
	// Steps are the rules in the order of the walk, up to the one that decided. Those that weren't looked at, because
	// they are off or for other channels, are among them.
	Steps []Step `json:"steps,omitzero"`
	// Winner is the id of the rule that decided; empty where none did, and the tiers after the rules decide.
	Winner string `json:"winner,omitzero"`
}

// Step is one rule in an [Explanation].
type Step struct {
	Rule    string  `json:"rule"` // its id
	Name    string  `json:"name,omitzero"`
	Outcome Outcome `json:"outcome"`
	// Failed are the questions that made the condition fail: the first of an "all", every one of an "any". At most 8.
	Failed []Failure `json:"failed,omitzero"`
	// Problem is what is wrong with a broken rule.
	Problem string `json:"problem,omitzero"`
}

// Failure is one question that didn't hold, or one under "not" that did.
type Failure struct {
	Field string `json:"field"` // "condition.all[1].text.keyword"
	Why   string `json:"why"`   // "text has none of 3 keywords"
}

// Outcome is what became of a rule in a walk.
type Outcome string

// The outcomes.
const (
	OutcomeMatched       Outcome = "matched"
	OutcomeFailed        Outcome = "failed"           // its condition doesn't hold
	OutcomeOff           Outcome = "off"              // it is disabled
	OutcomeBroken        Outcome = "broken"           // it was stored so that it can't be used
	OutcomeOtherChannel  Outcome = "other_channel"    // it isn't for this channel
	OutcomeNotAtHandOver Outcome = "not_at_hand_over" // this is a hand-over, and it isn't looked at then
)

// maxFailures bounds what a step names.
const maxFailures = 8

// Explain says how [Rules.Route] comes to its decision. It looks at the conditions as they were written rather than in
// the order that is fastest, so it costs up to a microsecond a rule, and Route pays nothing for it.
func (r *Rules) Explain(f Facts) Explanation { return r.ExplainAfter(Place{}, f) }

// ExplainAfter says how [Rules.After] comes to its decision.
func (r *Rules) ExplainAfter(p Place, f Facts) Explanation {
	if r == nil {
		return Explanation{}
	}
	w := walk{r: r, f: &f, s: new(scratch)}
	w.begin()
	e := Explanation{Version: r.version}
	for i := range r.list {
		if p != (Place{}) && r.list[i].place.Compare(p) <= 0 {
			continue
		}
		step := w.explain(&r.list[i])
		e.Steps = append(e.Steps, step)
		if step.Outcome == OutcomeMatched {
			e.Winner = step.Rule
			break
		}
	}
	return e
}

func (w *walk) explain(r *compiled) Step {
	s := Step{Rule: r.place.Rule, Name: r.name, Outcome: r.skip, Problem: r.problem}
	switch {
	case r.skip != "":
	case len(r.channels) > 0 && !slices.Contains(r.channels, w.f.Channel):
		s.Outcome = OutcomeOtherChannel
	case w.f.Cause == CauseHandOver && !r.handOver:
		s.Outcome = OutcomeNotAtHandOver
	default:
		s.Outcome = OutcomeMatched
		if s.Failed = w.failures(&r.root, true); s.Failed != nil {
			s.Outcome = OutcomeFailed
			s.Failed = s.Failed[:min(len(s.Failed), maxFailures)]
		}
	}
	return s
}

// failures returns the questions that keep a condition from being as wanted; none if it is.
func (w *walk) failures(n *node, wanted bool) []Failure {
	switch n.op {
	case opAlways:
		if wanted {
			return nil
		}
		return []Failure{{n.field, "always holds"}}
	case opNot:
		return w.failures(&n.kids[0], !wanted)
	case opQuestion:
		l := &w.r.index.leaves[n.leaf]
		if (w.s.truth.has(n.leaf) || l.ask.dear() && w.dear(n.leaf)) == wanted {
			return nil
		}
		return []Failure{{n.field, w.why(l, !wanted)}}
	}
	if (n.op == opAll) == wanted {
		return w.firstFailure(n.kids, wanted)
	}
	return w.allFailures(n.kids, wanted)
}

// firstFailure is for groups that need everything to be as wanted.
func (w *walk) firstFailure(kids []node, wanted bool) []Failure {
	for i := range kids {
		if f := w.failures(&kids[i], wanted); f != nil {
			return f
		}
	}
	return nil
}

// allFailures is for groups that need one to be as wanted.
func (w *walk) allFailures(kids []node, wanted bool) (all []Failure) {
	for i := range kids {
		f := w.failures(&kids[i], wanted)
		if f == nil {
			return nil
		}
		all = append(all, f...)
	}
	return all
}

// why says in a few words why a question holds or doesn't.
func (w *walk) why(l *leaf, holds bool) string {
	switch l.ask {
	case askHandOver:
		return either(holds, "this is a hand-over", "this is no hand-over")
	case askHours:
		return either(w.f.Open, "hours are open", "hours are closed")
	case askContact:
		return either(w.f.Contact.Returning, "contact is a returning one", "contact is new")
	case askMedia:
		return fmt.Sprintf("message has %d media", w.f.Media)
	case askChannel:
		return l.listed(holds, "channel is", "channel isn't", "one asked for", "channels")
	case askSender:
		return l.listed(holds, "sender is", "sender isn't", "one asked for", "numbers")
	case askSenderPrefix:
		return l.listed(holds, "sender begins with", "sender doesn't begin with", "prefix", "prefixes")
	case askCountry:
		return known("country", w.f.Contact.Country)
	case askLanguage:
		return known("language", w.f.Contact.Language)
	case askContactLabel:
		return l.listed(holds, "contact has", "contact doesn't have", "label", "labels")
	case askConversationLabel:
		return l.listed(holds, "conversation has", "conversation doesn't have", "label", "labels")
	case askAttribute:
		return w.whyAttribute(l, holds)
	case askTime, askWeekday:
		m, zone := w.moment(l.zone), w.r.index.zones[l.zone]
		return fmt.Sprintf("it is %s %02d:%02d in %s", m.day, m.minute/60, m.minute%60, zone)
	case askAvailable:
		return l.target.String() + either(holds, " has somebody free", " has nobody free")
	case askRegexp:
		return either(holds, "text matches", "text doesn't match")
	}
	return l.whyWord(holds)
}

func (w *walk) whyAttribute(l *leaf, holds bool) string {
	_, set := w.f.Contact.Attributes[l.key]
	switch name := quote(l.key); {
	case !set:
		return "contact has no attribute " + name
	case holds && l.count > 0:
		return "attribute " + name + " is one of those named"
	case holds:
		return "contact has an attribute " + name
	default:
		return "attribute " + name + " is something else"
	}
}

func (l *leaf) whyWord(holds bool) string {
	switch l.name {
	case "text.starts_with":
		return l.listed(holds, "text begins with", "text doesn't begin with", "phrase", "phrases")
	case "text.equals":
		return l.listed(holds, "text is", "text isn't", "phrase", "phrases")
	case "text.keyword":
		return l.listed(holds, "text has", "text doesn't have", "keyword", "keywords")
	}
	return l.listed(holds, "text has", "text doesn't have", "phrase", "phrases")
}

// listed speaks of the values that a question lists without telling them.
func (l *leaf) listed(holds bool, does, doesnt, one, many string) string {
	switch {
	case l.count == 1:
		return either(holds, does, doesnt) + " the " + one
	case holds:
		return fmt.Sprintf("%s one of %d %s", does, l.count, many)
	}
	return fmt.Sprintf("%s none of %d %s", does, l.count, many)
}

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

func known(what, value string) string {
	if value == "" {
		return what + " is unknown"
	}
	return what + " is " + quote(value)
}

// String returns the explanation for a person, one line for each rule.
func (e Explanation) String() string {
	var b strings.Builder
	for _, s := range e.Steps {
		fmt.Fprintf(&b, "%s", s.Rule)
		if s.Name != "" {
			fmt.Fprintf(&b, " (%s)", s.Name)
		}
		fmt.Fprintf(&b, ": %s", strings.ReplaceAll(string(s.Outcome), "_", " "))
		for i, f := range s.Failed {
			fmt.Fprintf(&b, "%s%s: %s", either(i == 0, ", ", "; "), f.Field, f.Why)
		}
		if s.Problem != "" {
			fmt.Fprintf(&b, ", %s", s.Problem)
		}
		b.WriteByte('\n')
	}
	if e.Winner == "" {
		b.WriteString("no rule decides")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
