package livedesk

import (
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/routing"
)

// Decision is how routing came to what it did with a conversation: what was looked at, in order, who was passed over and
// why, and under which version of the rules. It is kept with the timeline's activity, see [Desk.Explain]. It holds nothing
// of the message's text, no number, and no value of an attribute; lists are bounded, so that it stays below about 24 KiB
// (1 KiB on most desks). Where 1,000 rules don't hold, a decision takes 0.4 ms, nearly all of it to write this record.
type Decision struct {
	At time.Time `json:"at"` // by the store's clock
	// Cause is why it was routed; empty when it was given to somebody from the line where it waited.
	Cause routing.Cause `json:"cause,omitempty"`
	// Tier is what decided.
	Tier Tier `json:"tier"`
	// Rule is the id of the rule that decided.
	Rule string `json:"rule,omitempty"`
	// Reason is what the router or rule gave as its reason.
	Reason string `json:"reason,omitempty"`
	// Looked are the tiers that were asked, in order, the one that decided last.
	Looked []Look `json:"looked,omitempty"`
	// Version is that of the rules; empty where they weren't asked, or there are none.
	Version string `json:"version,omitempty"`
	// Rules are the rules that were looked at, in order: at most the last 20 before the decision. MoreRules is how
	// many others were, or were passed over because they are off or for other channels.
	Rules     []routing.Step `json:"rules,omitempty"`
	MoreRules int            `json:"more_rules,omitempty"`
	// Queue is the line of those who could get it; empty where nobody may.
	Queue string `json:"queue,omitempty"`
	// Needs is what an agent had to have, by the target that decided.
	Needs Needs `json:"needs,omitempty"`
	// Agent is who got it; empty when it waits.
	Agent string `json:"agent,omitempty"`
	// AI is the AI agent that got it.
	AI string `json:"ai,omitempty"`
	// Skipped are agents of the line, and AI agents, who could not take it: at most 20. MoreSkipped is how many others.
	Skipped     []Skipped `json:"skipped,omitempty"`
	MoreSkipped int       `json:"more_skipped,omitempty"`
	// Until is when the wait ends by the rule's timeout; zero for never.
	Until time.Time `json:"until,omitzero"`
	// Opens is when the business hours open that it waits for; zero where it waits for none, or for some that don't open again.
	Opens time.Time `json:"opens,omitzero"`
}

// Tier is a stage of routing.
type Tier string

// The tiers, in the order in which they are asked.
const (
	TierBefore Tier = "before" // the agent who had the conversation
	TierRouter Tier = "router" // the host's own [routing.Router]
	TierRules  Tier = "rules"  // the workspace's rules
	TierAI     Tier = "ai"     // the channel's AI agents
	TierHumans Tier = "humans" // the channel's human agents
	TierHand   Tier = "hand"   // somebody passed it on: [Desk.Transfer]
	TierQueue  Tier = "queue"  // a place came free for who waited longest
)

// Look is what became of a tier, or of one rule that held, when it was asked.
type Look struct {
	Tier   Tier       `json:"tier"`
	Rule   string     `json:"rule,omitempty"`
	Result LookResult `json:"result"`
}

// LookResult is what a tier answered.
type LookResult string

// The results.
const (
	LookPassed   LookResult = "passed"   // it had nothing to say
	LookPanicked LookResult = "panicked" // the host's router did, which counts as a pass
	LookNobody   LookResult = "nobody"   // nobody behind its targets could take it
	LookClosed   LookResult = "closed"   // nobody could, since business hours are closed: the team's, or those the channel's humans wait for
	LookWaits    LookResult = "waits"    // nobody could take it, and it waits there
	LookDecided  LookResult = "decided"
)

// Skipped is an agent who could not take a conversation.
type Skipped struct {
	Agent string     `json:"agent"`
	AI    bool       `json:"ai,omitempty"` // it is an AI agent
	Why   SkipReason `json:"why"`
}

// SkipReason is why an agent could not take a conversation.
type SkipReason string

// The reasons.
const (
	SkipOffline  SkipReason = "offline"
	SkipBusy     SkipReason = "busy"
	SkipFull     SkipReason = "full"      // the capacity is used up
	SkipUnknown  SkipReason = "unknown"   // is in the list, and not on the desk
	SkipNoMember SkipReason = "no_member" // had it before, and isn't on the channel's list any more
	SkipNeeds    SkipReason = "needs"     // lacks a skill or the language that the target asks for
	SkipLimit    SkipReason = "limit"     // has as many of the channel as [Assignment] Limit allows
	SkipSilent   SkipReason = "silent"    // has it, and didn't answer in time
	SkipClosed   SkipReason = "closed"    // business hours are closed: the team's, or those that the channel's humans wait for

	// Of AI agents. SkipUnknown means that this process wasn't given it.
	SkipUnhealthy   SkipReason = "unhealthy"    // failed too often just now, see [AIHealth]
	SkipHandedOver  SkipReason = "handed_over"  // an AI agent had it in this cycle, and humans took over
	SkipNotWritable SkipReason = "not_writable" // nothing automatic may be said to the contact
	SkipBudget      SkipReason = "budget"       // the contact had as many turns in the last hour as [Config] AIReplies allows
)

const (
	maxSteps   = 20
	maxSkipped = 20
)

func (d Decision) clone() Decision {
	d.At, d.Until, d.Opens = micro(d.At), micro(d.Until), micro(d.Opens)
	d.Looked, d.Skipped, d.Rules = slices.Clone(d.Looked), slices.Clone(d.Skipped), slices.Clone(d.Rules)
	for i := range d.Rules {
		d.Rules[i].Failed = slices.Clone(d.Rules[i].Failed)
	}
	return d
}

func (d *Decision) look(t Tier, rule string, r LookResult) {
	d.Looked = append(d.Looked, Look{t, rule, r})
}

// walked adds what a walk over the rules looked at.
func (d *Decision) walked(e routing.Explanation) {
	d.Version = e.Version
	for _, s := range e.Steps {
		if s.Outcome == routing.OutcomeOff || s.Outcome == routing.OutcomeOtherChannel {
			d.MoreRules++
			continue
		}
		if s.Failed = s.Failed[:min(len(s.Failed), 3)]; len(d.Rules) == maxSteps {
			d.Rules = append(d.Rules[:0], d.Rules[1:]...)
			d.MoreRules++
		}
		s.Problem = truncate(s.Problem, 128)
		d.Rules = append(d.Rules, s)
	}
}

// skip notes who of a line could not take a conversation.
func (d *Decision) skip(agent string, why SkipReason) {
	d.pass(Skipped{Agent: agent, Why: why})
}

// skipAI notes an AI agent that could not take a conversation.
func (d *Decision) skipAI(name string, why SkipReason) {
	d.pass(Skipped{Agent: name, AI: true, Why: why})
}

func (d *Decision) pass(s Skipped) {
	switch {
	case s.Why == "":
	case len(d.Skipped) == maxSkipped:
		d.MoreSkipped++
	default:
		d.Skipped = append(d.Skipped, s)
	}
}
