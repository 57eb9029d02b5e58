package console

import (
	"fmt"
	"strings"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// decisionRow is one decision of routing in words.
type decisionRow struct {
	livedesk.Decision
	Outcome string   // who got it, or where it waits
	Needed  string   // what whoever got it had to have
	Why     string   // what decided
	Rules   []string // what the rules that were looked at made of it
	Skipped []string
}

// decisionRows says decisions in words; who names agents by id.
func decisionRows(list []livedesk.Decision, who func(string) string) []decisionRow {
	var out []decisionRow
	for _, d := range list {
		out = append(out, newDecisionRow(d, who))
	}
	return out
}

func newDecisionRow(d livedesk.Decision, who func(string) string) decisionRow {
	row := decisionRow{Decision: d, Outcome: "Waits for " + waitsFor(d.Queue, d.Needs, who), Why: tierWords[d.Tier]}
	switch {
	case d.AI != "":
		row.Outcome = "AI agent " + d.AI
	case d.Agent != "":
		row.Outcome = who(d.Agent)
		if d.Needs != "" {
			row.Needed = "somebody " + needWords(d.Needs)
		}
	case d.Queue == "":
		row.Outcome = "Stays unassigned"
	case !d.Opens.IsZero():
		row.Outcome = "Waits for the opening, " + zonedMoment(d.Opens) + ", then for " + waitsFor(d.Queue, d.Needs, who)
	}
	if d.Reason != "" {
		row.Why += ": " + d.Reason
	}
	for _, s := range d.Rules {
		row.Rules = append(row.Rules, ruleLine(s))
	}
	for _, s := range d.Skipped {
		name := who(s.Agent)
		if s.AI {
			name = "AI agent " + s.Agent
		}
		row.Skipped = append(row.Skipped, name+": "+skipWords[s.Why])
	}
	if d.MoreSkipped > 0 {
		row.Skipped = append(row.Skipped, fmt.Sprintf("and %d more", d.MoreSkipped))
	}
	return row
}

// waitsFor says for whom the conversations of a line wait: "somebody in support with billing who speaks fr".
func waitsFor(queue string, needs livedesk.Needs, who func(string) string) string {
	kind, id, _ := strings.Cut(queue, ":")
	words := "somebody on this channel"
	switch kind {
	case "agent":
		words = who(id)
	case "team":
		words = "somebody in " + id
	}
	return strings.TrimSpace(words + " " + needWords(needs))
}

// needWords says what an agent must have: "with billing and returns who speaks fr".
func needWords(n livedesk.Needs) string {
	var words []string
	if skills := n.Skills(); len(skills) > 0 {
		words = append(words, "with "+listWords(skills))
	}
	if language := n.Language(); language != "" {
		words = append(words, "who speaks "+language)
	}
	return strings.Join(words, " ")
}

// listWords is a list in a sentence: "a, b and c".
func listWords(list []string) string {
	if last := len(list) - 1; last > 0 {
		return strings.Join(list[:last], ", ") + " and " + list[last]
	}
	return strings.Join(list, "")
}

func ruleLine(s routing.Step) string {
	name := s.Name
	if name == "" {
		name = s.Rule
	}
	switch s.Outcome {
	case routing.OutcomeMatched:
		return name + ": holds"
	case routing.OutcomeFailed:
		why := make([]string, len(s.Failed))
		for i, f := range s.Failed {
			why[i] = f.Why
		}
		return name + ": doesn’t hold, " + strings.Join(why, "; ")
	case routing.OutcomeBroken:
		return name + ": can’t be used, " + s.Problem
	case routing.OutcomeNotAtHandOver:
		return name + ": isn’t looked at when an AI agent hands over"
	}
	return name + ": " + strings.ReplaceAll(string(s.Outcome), "_", " ")
}

var tierWords = map[livedesk.Tier]string{
	livedesk.TierBefore: "the agent who had it before",
	livedesk.TierRouter: "the host’s own router",
	livedesk.TierRules:  "a routing rule",
	livedesk.TierAI:     "the channel’s AI agents",
	livedesk.TierHumans: "the channel’s agents",
	livedesk.TierHand:   "passed on by hand",
	livedesk.TierQueue:  "a place came free",
}

var skipWords = map[livedesk.SkipReason]string{
	livedesk.SkipOffline:  "offline",
	livedesk.SkipBusy:     "busy",
	livedesk.SkipFull:     "no room left",
	livedesk.SkipUnknown:  "isn’t on the desk",
	livedesk.SkipNoMember: "isn’t on this channel any more",
	livedesk.SkipNeeds:    "lacks a skill or the language that it takes",
	livedesk.SkipLimit:    "has enough of this channel",
	livedesk.SkipSilent:   "didn’t answer in time",
	livedesk.SkipClosed:   "hours are closed",

	livedesk.SkipUnhealthy:   "failed too often just now",
	livedesk.SkipHandedOver:  "humans took over already",
	livedesk.SkipNotWritable: "may not write to this sender",
	livedesk.SkipBudget:      "has answered this customer often enough for an hour",
}
