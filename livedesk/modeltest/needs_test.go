package modeltest

import (
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// What a target asks of the agents behind it, and who has it.

// place is where a rule, or somebody by hand, sends a conversation.
type place struct {
	to       string // a line, humans, bot, or "" for nobody
	skills   string // who takes it there has all of these words
	language string // ... and speaks this, or the customer's where it is theirs
}

const (
	humans = "humans" // the line of the channel's people
	theirs = routing.ContactLanguage
)

// stored is the place as the desk gets it.
func (p place) stored() routing.Target {
	out := routing.Target{Skills: strings.Fields(p.skills), Language: p.language}
	switch p.to {
	case team:
		out.Kind, out.ID = routing.ToTeam, "night"
	case humans:
		out.Kind = routing.ToHumans
	case cysOwn:
		out.Kind, out.ID = routing.ToAgent, "cy"
	case bot:
		out.Kind, out.ID = routing.ToAI, bot
	default:
		out.Kind = routing.ToNobody
	}
	return out
}

// line is the line of a place, for a conversation.
func (m *model) line(p place, t *talk) string {
	if p.to == humans {
		return m.queue(t.channel)
	}
	return p.to
}

// want is what who takes a conversation has to have: a language, and skills in order.
type want struct{ language, skills string }

// asked is what a place asks for a conversation that is sent there now.
func (m *model) asked(p place, t *talk) want {
	language := p.language
	if language == theirs {
		language = subtags(m.speaks[t.who])[0]
	}
	return want{strings.ToLower(language), strings.Join(slices.Sorted(slices.Values(strings.Fields(p.skills))), ",")}
}

// needs is the want as a conversation has it.
func (w want) needs() livedesk.Needs {
	if w == (want{}) {
		return ""
	}
	return livedesk.Needs(w.language + ":" + w.skills)
}

// wanted is the want of a conversation's needs.
func wanted(n livedesk.Needs) want {
	return want{n.Language(), strings.Join(n.Skills(), ",")}
}

// has reports whether an agent has what is wanted: all the skills, and a language that is the wanted one or a kind of it.
func (a *agent) has(w want) bool {
	for skill := range strings.SplitSeq(w.skills, ",") {
		if skill != "" && !slices.Contains(a.skills, skill) {
			return false
		}
	}
	if w.language == "" {
		return true
	}
	asked := subtags(w.language)
	return slices.ContainsFunc(a.languages, func(tag string) bool {
		spoken := subtags(tag)
		return len(spoken) >= len(asked) && slices.Equal(spoken[:len(asked)], asked)
	})
}

// subtags are the parts of a language tag; one empty part of none.
func subtags(tag string) []string { return strings.Split(strings.ToLower(tag), "-") }

// What agents have, and what customers speak. "frr" begins like French, and isn't.
var (
	abilities = [][]string{nil, {"billing"}, {"vip"}, {"vip", "billing"}}
	tongues   = [][]string{nil, {"fr"}, {"en-GB", "FR-ca"}, {"frr", "en"}}
	spoken    = []string{"", "fr", "Fr-BE", "en-US", "de"}
)

// knows holds decisions about what needs a skill to the agents who have it for good.
func (d *desk) knows(list []livedesk.Message, skill string, agents []string) {
	for _, e := range list {
		if e.Kind != livedesk.ActivityKind || e.Activity.Decision == nil {
			continue
		}
		made := e.Activity.Decision
		if made.Agent != "" && slices.Contains(made.Needs.Skills(), skill) {
			require.Contains(d.t, agents, made.Agent, "got what needs %s", made.Needs)
		}
	}
}
