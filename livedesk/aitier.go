package livedesk

import (
	"encoding/json"
	"time"
)

// How AI agents get conversations, and lose them.

// spot is one place of a stop: a queue of human agents, of whom those with what it needs count, or an AI agent.
type spot struct {
	line  string
	needs Needs
	ai    string
}

// unfitAI says why an AI agent can't have a conversation; empty if it can.
func (p *placing) unfitAI(c *conv, name string) SkipReason {
	t := c.wish.thread
	_, known := p.u.e.ais[name]
	switch {
	case c.now.HandedOver == c.now.Cycle:
		return SkipHandedOver
	case t.contact.Address != "" && p.u.maySpeak(t) != nil: // a simulation needs no address
		return SkipNotWritable
	case !known:
		return SkipUnknown
	case !p.u.e.aiHealths.fit(name, p.u.now):
		return SkipUnhealthy
	case p.u.e.cfg.AIReplies >= 0 && p.u.now.Before(t.row.AINext):
		return SkipBudget
	}
	return ""
}

// maySpeak tells why nothing may be said to a thread that no human says: as for humans, never to our own numbers, and
// not while a person is to look whether the customer has opted out.
func (u *unit) maySpeak(t *thread) error {
	if u.snap.own[t.contact.Address] {
		return ErrNotReplyable
	}
	if t.current.flagged() {
		return errFlagged
	}
	return t.mayWrite()
}

// tiers returns the first stop behind the rules: the channel's AI agents, then its human agents.
func tiers(c *conv) stop {
	ch := c.wish.thread.info
	if ch == nil || !ch.channel.UseAI || len(ch.channel.AIAgents) == 0 {
		return humans(c)
	}
	s := stop{tier: TierAI}
	for _, name := range ch.channel.AIAgents {
		s.spots = append(s.spots, spot{ai: name})
	}
	return s
}

// giveAI gives a conversation to an AI agent by a decision.
func (p *placing) giveAI(c *conv, name string, d *Decision) {
	if a := p.agent(c.now.Assignee); a != nil { // who keeps it until now; nobody, as a rule
		a.Load--
		p.freed = true
	}
	cause := d.Reason
	if cause == "" {
		cause = string(d.Tier)
	}
	c.wish.decision, d.AI = d, name
	p.u.toAI(c, name, Actor{}, cause, d)
}

// toAI makes an open conversation an AI agent's.
func (u *unit) toAI(c *conv, name string, by Actor, cause string, d *Decision) {
	from := c.now.Assignee
	c.now.State, c.now.AI = Pending, name
	c.now.Assignee = ""
	c.leaveLine()
	u.activity(c, by, Activity{What: "given_to_ai", From: from, To: name, Cause: cause, Decision: d})
	u.dueTurn(c)
}

// leaveAI notes what a change of state means for the AI agent that has the conversation.
func (c *conv) leaveAI(from, to State) {
	c.now.AITurn = 0
	if to != Open {
		return // it may go on with it afterwards
	}
	if from == Pending {
		c.now.HandedOver = c.now.Cycle
	}
	c.now.AI = ""
}

// handOver gives a conversation that an AI agent has to humans.
func (u *unit) handOver(t *thread, c *conv, cause string) error {
	tr, err := follow(c.now.State, aiHandsOver)
	if err != nil {
		return err
	}
	u.enter(c, tr, AIActor(c.now.AI), truncate(cause, 256))
	u.wantAgain(t, c, tr)
	return nil
}

// jobTurn lets an AI agent answer.
const jobTurn = "turn"

// turnSubject is what a turn's job is about. Which entry is to be answered is kept with the conversation: later messages
// move it while the job stands.
type turnSubject struct {
	Conversation string    `json:"conversation"`
	Since        time.Time `json:"since"` // when the turn became due
}

// dueTurn lets the AI agent that has a conversation answer what the customer wrote. Where a turn is due or under way
// already, it becomes one for the new message too.
func (u *unit) dueTurn(c *conv) {
	if c.now.State != Pending || c.now.WaitingSince.IsZero() {
		return
	}
	if c.now.AITurn == 0 {
		u.jobs = append(u.jobs, JobChange{Job: u.turnJob(c.now)})
	}
	c.now.AITurn = c.now.LastSeq
}

func (u *unit) turnJob(c Conversation) Job {
	data, err := json.Marshal(turnSubject{c.ID, u.now})
	if err != nil {
		panic(err) // of a string and a time
	}
	return Job{Workspace: c.Workspace, Key: jobTurn + ":" + c.ID, Kind: jobTurn, Subject: string(data), Due: u.now}
}

// wakesPending reports whether an AI agent has a conversation that is put aside.
func (c *conv) wakesPending() bool { return c.now.Before == Pending }
