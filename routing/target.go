package routing

import (
	"slices"
	"strings"
)

// Validate reports everything that is wrong with the target by itself, as [FieldErrors], with fields such as "skills[0]".
func (t Target) Validate() error {
	c := newChecker()
	c.target("", t, ToAgent, ToTeam, ToAI, ToHumans, ToNobody)
	return c.errs.err()
}

// Equal reports whether two targets are the same.
func (t Target) Equal(u Target) bool {
	return t.Kind == u.Kind && t.ID == u.ID && t.Language == u.Language && slices.Equal(t.Skills, u.Skills)
}

// hasQueue reports whether a conversation can wait for the target.
func (t Target) hasQueue() bool { return t.Kind == ToAgent || t.Kind == ToTeam || t.Kind == ToHumans }

// String names the target for people: "team support with billing, vip who speak fr".
func (t Target) String() string {
	words := []string{string(t.Kind)}
	if t.ID != "" {
		words = append(words, t.ID)
	}
	if len(t.Skills) > 0 {
		words = append(words, "with", strings.Join(t.Skills, ", "))
	}
	switch t.Language {
	case "":
	case ContactLanguage:
		words = append(words, "who speak the contact's language")
	default:
		words = append(words, "who speak", t.Language)
	}
	return strings.Join(words, " ")
}

func (t Target) clone() Target {
	t.Skills = slices.Clone(t.Skills)
	return t
}

func cloneTargets(list []Target) []Target {
	out := slices.Clone(list)
	for i := range out {
		out[i] = out[i].clone()
	}
	return out
}
