package livedesk

import "slices"

// The life of a conversation is the table below: what can happen in which state, what follows, and what it takes with
// it. Any other change is refused with a [StateError]. Nothing else in the package decides about states.

// occurrence is something that can happen to a conversation.
type occurrence string

const (
	customerWrites occurrence = "customer message"
	keywordArrives occurrence = "STOP, START or HELP" // never opens, wakes or reopens
	agentStarts    occurrence = "write first"
	hostNotifies   occurrence = "notify"
	humanReplies   occurrence = "reply to"
	humanTakes     occurrence = "assign"
	aiHandsOver    occurrence = "hand over"
	givenToAI      occurrence = "give to an AI agent"
	putAside       occurrence = "snooze"
	wakes          occurrence = "wake"
	closes         occurrence = "resolve"
	agentReopens   occurrence = "reopen"
)

// Two results that the moment decides: what routing makes of it (pending if an AI agent takes it, else open), and the
// state that a snoozed conversation had before.
const (
	asRouted State = "as routed"
	asBefore State = "as before"
	none     State = "none" // no conversation that this could happen to
)

// effect is what a transition takes with it.
type effect uint8

const (
	creates   effect = 1 << iota // a new conversation begins
	newCycle                     // Cycle grows, ResolvedAt is cleared
	routes                       // somebody is chosen for it
	keepAgent                    // ... the same agent first, if that is still possible
	greets                       // the channel's greeting is due
	leaves                       // it leaves its queue; who had it gets a free place
	theirs                       // it belongs to the human who did it
)

// transition is one row: in any state of from, on this, it becomes to.
type transition struct {
	from []State
	on   occurrence
	to   State // empty: stays as it is
	do   effect
}

var lifecycle = []transition{
	{[]State{none}, customerWrites, asRouted, creates | routes | greets},
	{[]State{Open, Pending}, customerWrites, "", 0},
	{[]State{Snoozed}, customerWrites, asBefore, routes | keepAgent},
	// Within ReopenWindow; later it counts as none, and a new conversation begins.
	{[]State{Resolved}, customerWrites, asRouted, newCycle | routes | keepAgent},

	{[]State{none}, keywordArrives, Resolved, creates},
	{[]State{Open, Pending, Snoozed, Resolved}, keywordArrives, "", 0},

	{[]State{none}, agentStarts, Open, creates | theirs},
	{[]State{Open, Snoozed}, agentStarts, "", 0}, // joins the live one as a reply
	{[]State{Pending}, agentStarts, Open, theirs},
	{[]State{none}, hostNotifies, Resolved, creates},
	{[]State{Open, Pending, Snoozed}, hostNotifies, "", 0}, // joins the live one and changes nothing

	{[]State{Open, Snoozed}, humanReplies, "", 0},
	{[]State{Pending}, humanReplies, Open, theirs},
	{[]State{Pending}, humanTakes, Open, theirs},
	{[]State{Open, Snoozed}, humanTakes, "", theirs},
	{[]State{Pending}, aiHandsOver, Open, routes},
	{[]State{Open}, givenToAI, Pending, leaves},

	{[]State{Open, Pending}, putAside, Snoozed, leaves},
	{[]State{Snoozed}, wakes, asBefore, routes | keepAgent},
	{[]State{Open, Pending, Snoozed}, closes, Resolved, leaves},
	{[]State{Resolved}, agentReopens, Open, newCycle | theirs},
}

// follow returns the row for what happens in a state.
func follow(from State, on occurrence) (transition, error) {
	for _, t := range lifecycle {
		if t.on == on && slices.Contains(t.from, from) {
			return t, nil
		}
	}
	e := &StateError{From: from, What: string(on)}
	switch on {
	case closes:
		e.To = Resolved
	case putAside:
		e.To = Snoozed
	case agentReopens, humanTakes, humanReplies:
		e.To = Open
	case givenToAI:
		e.To = Pending
	}
	return transition{}, e
}

func (t transition) has(e effect) bool { return t.do&e != 0 }
