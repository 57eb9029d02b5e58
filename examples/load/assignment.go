package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// assignment is whole lives of conversations: a customer who never wrote before writes, the least loaded of eight agents
// gets the conversation as soon as one has a free place, and resolves it, which frees the place. There are fewer places
// than workers above 16, so that some always wait then.
type assignment struct {
	b        *bench
	l        *line
	assigned chan string // conversations that an agent has, by id
	lives    int
}

const (
	team     = 8
	capacity = 2
)

func openAssignment(ctx context.Context, b *bench) (contest, error) {
	a := &assignment{b: b, assigned: make(chan string, 1<<16)}
	l, err := b.openLine(ctx, "+15105550105", func(c *livedesk.Config) { c.Hooks.Conversation = a.heard })
	if err != nil {
		return nil, err
	}
	a.l = l
	var ids []string
	for i := range team {
		id := fmt.Sprintf("agent-%d", i+1)
		ids = append(ids, id)
		if _, err := l.PutAgent(ctx, livedesk.Agent{ID: id, Capacity: capacity}); err != nil {
			return nil, err
		}
		if err := l.SetPresence(ctx, id, livedesk.Online, 0); err != nil {
			return nil, err
		}
	}
	return a, l.SetMembers(ctx, l.channel.ID, ids)
}

// heard is the hook: whoever got a conversation has it in hand.
func (a *assignment) heard(ctx context.Context, c livedesk.Conversation) {
	if c.State != livedesk.Open || c.Assignee == "" {
		return
	}
	select {
	case a.assigned <- c.ID:
	case <-ctx.Done():
	}
}

func (a *assignment) turn(ctx context.Context, to side, workers int, d time.Duration) (turn, error) {
	if to == bare {
		return a.b.meter.clocked(func() turn { return drive(ctx, workers, d, a.bare) }), nil
	}
	stop := a.l.start(ctx)
	t := a.b.meter.clocked(func() turn { return drive(ctx, workers, d, a.desk) })
	a.lives += t.done
	return t, stop()
}

// desk is one life: a worker begins one, and ends the next that an agent has, which may be another's.
func (a *assignment) desk(ctx context.Context, n uint64) error {
	who := a.b.meet(1).from
	if err := a.b.write(ctx, a.l, desk, who, n); err != nil {
		return err
	}
	select {
	case id := <-a.assigned:
		_, err := a.l.Resolve(ctx, id, livedesk.Actor{Kind: livedesk.ActorHost})
		return err
	case <-time.After(10 * time.Second):
		return errors.New("a conversation waits although an agent has a free place")
	}
}

func (a *assignment) bare(ctx context.Context, n uint64) error {
	who, sid := a.b.meet(1).from, a.b.ids.sid(a.b.sids.Add(1))
	err := a.l.client.post(ctx, bare, a.l.webhook, inboundForm(a.b.ids.account(), sid, address(who), a.l.number, text(who, n)))
	if err != nil {
		return err
	}
	return a.b.db.bare.mark(ctx, sid, "resolved")
}

// wrong counts the conversations that are not resolved, and the places that agents still have taken, at the end.
func (a *assignment) wrong(ctx context.Context) (int, error) {
	n, err := a.l.Counts(ctx, livedesk.CountQuery{Channel: a.l.channel.ID})
	if err != nil {
		return 0, err
	}
	agents, err := a.l.Agents(ctx)
	wrong := n.Open
	for _, g := range agents {
		wrong += g.Load
	}
	return wrong, err
}
