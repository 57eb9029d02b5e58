package livedesk

import (
	"cmp"
	"slices"
	"strings"

	"github.com/livedesk/livedesk-go/routing"
)

// Who can take a conversation, and why not.

// keep gives a conversation back to the agent who had it, if that is still possible.
func (p *placing) keep(c *conv) bool {
	if c.wish.keep == "" {
		return false
	}
	if p.unfit(c, c.wish.keep) != "" {
		return false
	}
	p.giveBack(c, c.wish.keep, &Decision{At: p.u.now, Cause: c.wish.facts.Cause})
	return true
}

// giveBack gives a conversation to the agent who had it, or the one before, by a decision.
func (p *placing) giveBack(c *conv, agent string, d *Decision) {
	d.Tier, d.Agent = TierBefore, agent
	d.look(TierBefore, "", LookDecided)
	c.wish.decision = d
	p.give(c, p.agent(agent), "had it before", d)
}

// unfit says why the agent who had a conversation can't have it again; empty if they can.
func (p *placing) unfit(c *conv, agent string) SkipReason {
	a := p.agent(agent)
	if why := p.absent(a); why != "" || c.wish.woken {
		return why
	}
	q := p.queues[ChannelQueue(c.now.Channel)]
	switch {
	case q == nil || !slices.ContainsFunc(q.row.Members, func(m Member) bool { return m.Agent == a.ID }):
		return SkipNoMember
	case p.u.humansWait(p.workspace, c.now.Channel):
		return SkipClosed
	case !roomFor(*a):
		return SkipFull
	case p.limited(c, a.ID):
		return SkipLimit
	}
	return ""
}

// absent says why an agent takes nothing now, whatever the load; empty for one on line.
func (p *placing) absent(a *Agent) SkipReason {
	if a == nil {
		return SkipUnknown
	}
	switch a.PresentAt(p.u.now) {
	case Online:
		return ""
	case Busy:
		return SkipBusy
	}
	return SkipOffline
}

// pick finds who of a line takes c, which needs something: the place in q.row.Members. Where nobody does, alike are those
// for whom nobody does either; its Channel is empty where that is everybody.
func (p *placing) pick(q *line, c *conv, needs Needs) (place int, found bool, alike Alike) {
	if p.shut(q, c) {
		if !p.shutLine(q) {
			alike.Channel = c.now.Channel
		}
		return -1, false, alike
	}
	barred := map[string]bool{}
	for {
		i := p.choose(q, c, needs, barred)
		switch {
		case i >= 0 && p.barred(c, q.row.Members[i].Agent) == "":
			return i, true, Alike{}
		case i >= 0:
			barred[q.row.Members[i].Agent] = true
			continue
		case needs != "": // somebody may be there who lacks only that
			if _, found, alike = p.pick(q, c, ""); found {
				alike = Alike{c.now.Channel, needs}
			}
		case len(barred) > 0:
			alike.Channel = c.now.Channel
		}
		return -1, false, alike
	}
}

// barred says why an agent can't take this conversation in particular; empty if they can.
func (p *placing) barred(c *conv, agent string) SkipReason {
	switch {
	case c.wish != nil && c.wish.silent == agent:
		return SkipSilent
	case p.limited(c, agent):
		return SkipLimit
	}
	return ""
}

// choose asks the queue's strategy, leaving out who is barred, or lacks what is needed.
func (p *placing) choose(q *line, c *conv, needs Needs, barred map[string]bool) int {
	members, index := make([]routing.Member, 0, len(q.row.Members)), make([]int, 0, len(q.row.Members))
	for i, m := range q.row.Members {
		a := p.agent(m.Agent)
		if p.absent(a) != "" || barred[m.Agent] || !a.Meets(needs) {
			continue
		}
		members = append(members, routing.Member{
			Agent: a.ID, Load: a.Load + a.OutsideLoad, Capacity: a.Capacity, Last: m.Last, Position: i,
		})
		index = append(index, i)
	}
	f := routing.Facts{Workspace: p.workspace, Channel: c.now.Channel, Conversation: c.now.ID}
	if c.wish != nil {
		f = c.wish.facts
	}
	i := strategy(p.mode(q)).Pick(f, members)
	if i < 0 || i >= len(members) {
		return -1
	}
	return index[i]
}

// manual reports whether a queue is served by people only.
func (p *placing) manual(q *line) bool {
	ch := p.channelOf(q)
	return ch != nil && (ch.channel.Assignment.Manual || ch.channel.Assignment.HostAssigned)
}

// hostAssigned reports whether the host chooses who gets a conversation, and nobody else.
func (p *placing) hostAssigned(c *conv) bool {
	ch := p.u.snap.channels[objectKey{p.workspace, c.now.Channel}]
	return ch != nil && ch.channel.Assignment.HostAssigned
}

func (p *placing) mode(q *line) Mode {
	if ch := p.channelOf(q); ch != nil {
		return ch.channel.Assignment.Mode
	}
	return LeastLoaded
}

func (p *placing) channelOf(q *line) *channelInfo {
	id, ok := strings.CutPrefix(q.row.ID, "channel:")
	if !ok {
		return nil
	}
	return p.u.snap.channels[objectKey{p.workspace, id}]
}

func strategy(m Mode) routing.Strategy {
	switch m {
	case ShareLoaded:
		return routing.LeastLoaded{ByShare: true}
	case RoundRobin:
		return routing.RoundRobin{}
	case RoundRobinCapped:
		return routing.RoundRobin{HonorCapacity: true}
	}
	return routing.LeastLoaded{}
}

func strategyName(m Mode) string { return cmp.Or(string(m), "least_loaded") }

func roomFor(a Agent) bool {
	return routing.Member{Load: a.Load + a.OutsideLoad, Capacity: a.Capacity}.Room()
}
