package livedesk

import "context"

// placeOn is an agent on a channel.
type placeOn struct{ channel, agent string }

// limited reports whether an agent has as many conversations of c's channel as one may be given.
func (p *placing) limited(c *conv, agent string) bool {
	limit, at := p.limit(c), placeOn{c.now.Channel, agent}
	if limit == 0 {
		return false
	}
	if _, asked := p.held[at]; !asked {
		n, err := p.load(at)
		if err != nil {
			p.err = err
		}
		p.held[at] = n
	}
	return p.now(at) >= limit
}

func (p *placing) limit(c *conv) int {
	if ch := p.u.snap.channels[objectKey{p.workspace, c.now.Channel}]; ch != nil {
		return ch.channel.Assignment.Limit
	}
	return 0
}

// now returns how many open conversations of a channel an agent has as this unit leaves them.
func (p *placing) now(at placeOn) int {
	n := p.held[at]
	for _, c := range p.u.order {
		if c.now.Workspace == p.workspace && c.now.Channel == at.channel {
			n += one(counts(c.now) == at.agent) - one(counts(c.was) == at.agent)
		}
	}
	return n
}

// knownBar is barred without asking the store, for explaining.
func (p *placing) knownBar(c *conv, agent string) SkipReason {
	if _, asked := p.held[placeOn{c.now.Channel, agent}]; asked || p.limit(c) == 0 {
		return p.barred(c, agent)
	}
	return ""
}

// countOpen counts the open conversations of a channel that an agent has. Whoever may give the agent another one holds
// the agent's row, as this unit does, so the count stays right.
func (u *unit) countOpen(ctx context.Context, workspace string, at placeOn) (int, error) {
	list, err := u.tx.Conversations(ctx, ConversationQuery{
		Workspace: workspace, Channel: at.channel, Assignee: at.agent, States: []State{Open}, Limit: 1000,
	})
	return len(list), err
}
