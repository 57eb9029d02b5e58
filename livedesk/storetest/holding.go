package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// The cases in which many count the same rows up. No count may be lost, and nobody may be told of a conflict: what was loaded
// is locked, so it can't have changed.

// counting loads a row in a way that locks it, and counts it up. It returns the count that it found, and what to write.
type counting func(ctx context.Context, tx livedesk.Tx) (int, livedesk.Changes, error)

// countThread counts a thread up with the conversations that are loaded and locked with it.
func countThread(k livedesk.ThreadKey) counting {
	return func(ctx context.Context, tx livedesk.Tx) (n int, c livedesk.Changes, err error) {
		rows, err := tx.Threads(ctx, []livedesk.ThreadKey{k})
		if err != nil {
			return 0, c, err
		}
		l := rows[0]
		n = l.Thread.Automatic
		l.Thread.Automatic++
		c.Threads = []livedesk.Thread{l.Thread}
		for _, conv := range []*livedesk.Conversation{l.Current, l.Asked} {
			if conv == nil || conv == l.Asked && l.Current != nil && conv.ID == l.Current.ID {
				continue
			}
			conv.Unread++
			c.Conversations = append(c.Conversations, *conv)
		}
		return n, c, nil
	}
}

func countMessage(k livedesk.MessageKey) counting {
	return func(ctx context.Context, tx livedesk.Tx) (n int, c livedesk.Changes, err error) {
		if c.Messages, err = tx.Messages(ctx, []livedesk.MessageKey{k}); err != nil {
			return 0, c, err
		}
		n = c.Messages[0].Delivery.Attempts
		c.Messages[0].Delivery.Attempts++
		return n, c, nil
	}
}

func countBudget(s livedesk.Sender) counting {
	return func(ctx context.Context, tx livedesk.Tx) (n int, c livedesk.Changes, err error) {
		if c.Budgets, err = tx.Senders(ctx, []livedesk.Sender{s}); err != nil {
			return 0, c, err
		}
		b := &c.Budgets[0]
		if b.Version == 0 {
			b.Next = origin
		}
		n = int(b.Next.Sub(origin) / time.Second)
		b.Next = b.Next.Add(time.Second)
		return n, c, nil
	}
}

func countQueue(q livedesk.QueueQuery) counting {
	return func(ctx context.Context, tx livedesk.Tx) (n int, c livedesk.Changes, err error) {
		found, err := tx.Queues(ctx, q)
		if err != nil {
			return 0, c, err
		}
		c.Queues, n = found.Queues, int(found.Queues[0].Count)
		c.Queues[0].Count++
		return n, c, nil
	}
}

func countAgent(q livedesk.QueueQuery) counting {
	return func(ctx context.Context, tx livedesk.Tx) (n int, c livedesk.Changes, err error) {
		found, err := tx.Queues(ctx, q)
		if err != nil {
			return 0, c, err
		}
		c.Agents, n = found.Agents, found.Agents[0].OutsideLoad
		c.Agents[0].OutsideLoad++
		return n, c, nil
	}
}

// countClaimed counts up a text that is due, and its thread. Without one there are no changes.
func countClaimed(ctx context.Context, tx livedesk.Tx) (n int, c livedesk.Changes, err error) {
	due, err := tx.Claim(ctx, livedesk.Claim{Limit: 1})
	for _, d := range due {
		d.Message.Delivery.Attempts++
		d.Thread.Automatic++
		c.Deliveries, c.Threads = []livedesk.Message{d.Message}, []livedesk.Thread{d.Thread}
	}
	return len(due), c, err
}

// countings makes a world and returns all ways to lock a row of it by loading it.
func (p *probe) countings(ctx context.Context) map[string]counting {
	w := p.world(ctx)
	ws, quiet, earlier := w.at.workspace, p.meet(ctx, w.at, 7, 8)[0], newConversation(w.known)
	earlier.State = livedesk.Resolved
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{earlier}})
	return map[string]counting{
		"Threads by address":                 countThread(w.at.key(1)),
		"Threads by conversation":            countThread(livedesk.ThreadKey{Workspace: ws, Conversation: w.text.Conversation}),
		"Threads by an earlier conversation": countThread(livedesk.ThreadKey{Workspace: ws, Conversation: earlier.ID}),
		"Threads where there is no talk yet": countThread(livedesk.ThreadKey{Workspace: ws, Channel: w.at.channel, Address: quiet.Contact.Address}),
		"Messages":                           countMessage(livedesk.MessageKey{Workspace: ws, ID: w.text.ID}),
		"Senders":                            countBudget(w.at.sender()),
		"Queues by id":                       countQueue(livedesk.QueueQuery{Workspace: ws, IDs: []string{w.queue.ID}}),
		"Queues by agent":                    countQueue(livedesk.QueueQuery{Workspace: ws, Agents: []string{"ann"}}),
		"Queues for its members":             countAgent(livedesk.QueueQuery{Workspace: ws, IDs: []string{w.queue.ID}}),
		"Queues for loads":                   countAgent(livedesk.QueueQuery{Workspace: ws, Loads: []string{"ann"}}),
	}
}

// count counts once.
func (p *probe) count(ctx context.Context, up counting) (before int) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		n, c, err := up(ctx, tx)
		if err != nil {
			return err
		}
		before = n
		return tx.Apply(ctx, c)
	})
	return before
}

func loadsAfterOthers(ctx context.Context, p *probe) {
	for verb, up := range p.countings(ctx) {
		before, found := p.count(ctx, up), 0
		var changes livedesk.Changes
		meeting{
			first: func(ctx context.Context, tx livedesk.Tx) (err error) {
				_, changes, err = up(ctx, tx)
				return err
			},
			last: func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, changes) },
			second: func(ctx context.Context, tx livedesk.Tx, _ func() bool) (err error) {
				found, _, err = up(ctx, tx)
				return err
			},
			patience: moment,
		}.run(ctx, p)
		p.that(found == before+2, "by %s the row is found as it was left: counted up to %d, not to %d", verb, before+2, found)
	}
}

func locksHold(ctx context.Context, p *probe) {
	const each = 5
	for verb, up := range p.countings(ctx) {
		before := p.count(ctx, up)
		p.parallel(workers, func(int) {
			for range each {
				p.count(ctx, up)
			}
		})
		after := p.count(ctx, up)
		p.that(after == before+1+workers*each, "by %s the row was counted up %d times, not %d", verb, workers*each, after-before-1)
	}
}

func takeInHolds(ctx context.Context, p *probe) {
	at := newSite()
	const people, each = 3, 6
	p.parallel(workers, func(worker int) {
		for round := range each {
			var arrivals []livedesk.Arrival
			for _, n := range shuffled(people) {
				arrivals = append(arrivals, at.arrival((n+worker)%people, fmt.Sprint(worker, " ", round, " ", n)))
			}
			p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
				arrived, err := tx.TakeIn(ctx, arrivals)
				if err != nil {
					return err
				}
				var c livedesk.Changes
				for _, a := range arrived {
					if a.Current == nil {
						a.Current = new(newConversation(a.LoadedThread))
						a.Thread.Conversation = a.Current.ID
					}
					a.Thread.Automatic++
					a.Current.Unread++
					c.Threads, c.Conversations = append(c.Threads, a.Thread), append(c.Conversations, *a.Current)
				}
				return tx.Apply(ctx, c)
			})
		}
	})
	for n := range people {
		l := p.threads(ctx, at.key(n))[0]
		p.same([]int{l.Thread.Automatic, l.Current.Unread}, []int{workers * each, workers * each}, "how often thread and conversation were counted up")
	}
}

func claimHolds(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	m := outgoing(c, 1, p.now(ctx))
	p.sendable(ctx, m)
	ups := []counting{
		countClaimed,
		countThread(livedesk.ThreadKey{Workspace: at.workspace, Conversation: c.ID}),
		countMessage(livedesk.MessageKey{Workspace: at.workspace, ID: m.ID}),
	}
	const each = 8
	var done [3]atomic.Int64
	began := time.Now()
	p.parallel(workers, func(worker int) {
		way := worker % len(ups)
		for left := each; left > 0 && !p.broken(); {
			p.that(time.Since(began) < soon, "a text that is due is found again and again: %d times are left", left)
			var changes livedesk.Changes
			p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
				if _, changes, err = ups[way](ctx, tx); err != nil || len(changes.Messages)+len(changes.Deliveries)+len(changes.Threads) == 0 {
					return err
				}
				return tx.Apply(ctx, changes)
			})
			if len(changes.Messages)+len(changes.Deliveries)+len(changes.Threads) > 0 {
				left--
				done[way].Add(1)
			} else {
				time.Sleep(time.Millisecond) // somebody else had it
			}
		}
	})
	got := []int{p.message(ctx, at.workspace, m.ID).Delivery.Attempts, p.threads(ctx, at.key(1))[0].Thread.Automatic}
	claimed := int(done[0].Load())
	p.same(got, []int{claimed + int(done[2].Load()), claimed + int(done[1].Load())}, "how often text and thread were counted up")
}

func firstQueue(ctx context.Context, p *probe) {
	for i := range 5 {
		up := countQueue(livedesk.QueueQuery{Workspace: "acme", IDs: []string{fmt.Sprint("team:", i)}, Heads: 1})
		p.parallel(workers, func(int) { p.count(ctx, up) })
		n := p.count(ctx, up)
		p.that(n == workers, "the queue was counted up %d times, not %d", workers, n)
	}
}

func firstBudget(ctx context.Context, p *probe) {
	for range 5 {
		up := countBudget(newSite().sender())
		p.parallel(workers, func(int) { p.count(ctx, up) })
		n := p.count(ctx, up)
		p.that(n == workers, "the budget was counted up %d times, not %d", workers, n)
	}
}
