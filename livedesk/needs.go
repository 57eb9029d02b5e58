package livedesk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/livedesk/livedesk-go/routing"
)

// Needs is what an agent must have to be given a waiting conversation: a language, and skills. It is one text, so that a
// store keeps and compares it like any other: the language in lower case, a colon, and the skills in order with commas
// between them, "fr:billing,vip". Empty asks for nothing.
type Needs string

// NeedsOf returns what a target asks of its agents, where the contact speaks language (BCP 47, empty when unknown).
func NeedsOf(t routing.Target, language string) Needs {
	wanted := t.Language
	if wanted == routing.ContactLanguage {
		wanted, _, _ = strings.Cut(plainTag(language), "-")
	}
	skills := slices.Compact(slices.Sorted(slices.Values(t.Skills)))
	if wanted == "" && len(skills) == 0 {
		return ""
	}
	return Needs(plainTag(wanted) + ":" + strings.Join(skills, ","))
}

// Language is a range of RFC 4647, section 3.3.1, in lower case; empty for any.
func (n Needs) Language() string {
	language, _, _ := strings.Cut(string(n), ":")
	return language
}

// Skills returns the skills, in order.
func (n Needs) Skills() []string {
	if _, skills, _ := strings.Cut(string(n), ":"); skills != "" {
		return strings.Split(skills, ",")
	}
	return nil
}

// Meets reports whether the agent has all the skills and speaks the language. Skills are compared byte by byte; "fr" is
// spoken by who has "fr" or "fr-CA", whatever the case. It allocates for skills only.
func (a Agent) Meets(n Needs) bool {
	if n == "" {
		return true
	}
	for _, s := range n.Skills() {
		if !slices.Contains(a.Skills, s) {
			return false
		}
	}
	wanted := n.Language()
	return wanted == "" || slices.ContainsFunc(a.Languages, func(tag string) bool { return inRange(plainTag(tag), wanted) })
}

// plainTag returns a language tag as it is compared.
func plainTag(tag string) string { return strings.ReplaceAll(strings.ToLower(tag), "_", "-") }

// inRange is basic filtering of RFC 4647, section 3.3.1, of plain tags.
func inRange(tag, wanted string) bool {
	rest, found := strings.CutPrefix(tag, wanted)
	return found && (rest == "" || rest[0] == '-')
}

// Most of what an agent has.
const (
	maxAgentSkills    = 50
	maxAgentLanguages = 20
)

// cleanAbilities returns the agent's skills and languages as they are kept, or the first thing that is wrong with them.
func (a Agent) cleanAbilities() (skills, languages []string, err error) {
	if len(a.Skills) > maxAgentSkills {
		return nil, nil, invalid("skills", "has more than 50")
	}
	for i, s := range a.Skills {
		field := fmt.Sprintf("skills[%d]", i)
		if err := checkID(field, s); err != nil {
			return nil, nil, err
		}
		if strings.Contains(s, ",") {
			return nil, nil, invalid(field, "has a comma: write each skill by itself")
		}
	}
	if len(a.Languages) > maxAgentLanguages {
		return nil, nil, invalid("languages", "has more than 20")
	}
	for i, tag := range a.Languages {
		if tag == "" || !languageTag.MatchString(tag) {
			return nil, nil, invalid(fmt.Sprintf("languages[%d]", i), `is not a language tag such as "en" or "fr-CA"`)
		}
	}
	return uniq(a.Skills), uniq(a.Languages), nil
}
