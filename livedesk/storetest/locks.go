package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func lockCases() []Case {
	all := []Case{
		clause("Claim passes over a text that somebody else has locked, and waits for nobody", claimPastText),
		clause("Claim passes over a text whose thread somebody else has locked, and waits for nobody", claimPastThread),
		clause("ClaimJobs passes over a job that somebody else has locked", claimPastJob),
		clause("Queues passes over a waiting conversation that somebody else has locked, and says that there is more", queuePastLocked),
		clause("Agents locks nobody out", agentsUnlocked),
		clause("TakeIn returns what whoever had the thread before left of it", takeInAfterOthers),
		clause("Threads, Messages, Senders and Queues return what whoever had the rows before left of them", loadsAfterOthers),
		clause("what Threads, Messages, Senders and Queues return isn't changed by others meanwhile", locksHold),
		clause("what TakeIn returns isn't changed by others meanwhile", takeInHolds),
		clause("what Claim returns isn't changed by others meanwhile", claimHolds),
		clause("a queue that isn't there yet is locked all the same", firstQueue),
		clause("a budget that isn't there yet is locked all the same", firstBudget),
	}
	for i := range all {
		all[i].Needs = append(all[i].Needs, ConcurrentWriters)
	}
	return all
}

const (
	// headStart is how long a transaction waits for another to begin beside it. Where Updates take turns none ever does.
	headStart = 100 * time.Millisecond
	// moment is long enough for a verb to return that doesn't wait.
	moment = 50 * time.Millisecond
)

// meeting is two transactions, of which the second begins while the first has something locked, if the store lets two run
// at once.
type meeting struct {
	// first locks; it runs to its end when the second has ended, or after patience.
	first    func(ctx context.Context, tx livedesk.Tx) error
	last     func(ctx context.Context, tx livedesk.Tx) error // the rest of the first; may be nil
	patience time.Duration
	// second is told, when its verbs have returned, whether the first has not gone on yet. While the first commits nobody can
	// tell what is still locked.
	second func(ctx context.Context, tx livedesk.Tx, beside func() bool) error
}

// run reports whether the second waited for the first although both were under way.
func (m meeting) run(ctx context.Context, p *probe) (waited bool) {
	locked, began, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var lockOnce, beginOnce sync.Once
	var held atomic.Bool
	p.parallel(2, func(i int) {
		if i == 1 {
			defer close(ended)
			<-locked
			p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
				beginOnce.Do(func() { close(began) })
				return m.second(ctx, tx, held.Load)
			})
			return
		}
		defer lockOnce.Do(func() { close(locked) }) // also when it failed
		p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			if err := m.first(ctx, tx); err != nil {
				return err
			}
			held.Store(true)
			defer held.Store(false)
			lockOnce.Do(func() { close(locked) })
			if happens(began, headStart) {
				waited = !happens(ended, m.patience)
			}
			held.Store(false)
			if m.last == nil {
				return nil
			}
			return m.last(ctx, tx)
		})
	})
	return waited
}

func happens(c <-chan struct{}, within time.Duration) bool {
	select {
	case <-c:
		return true
	case <-time.After(within):
		return false
	}
}

// passing is a meeting in which the second must not wait.
func (p *probe) passing(ctx context.Context, what string, first func(ctx context.Context, tx livedesk.Tx) error,
	second func(ctx context.Context, tx livedesk.Tx, beside func() bool) error) {
	waited := meeting{first: first, second: second, patience: soon}.run(ctx, p)
	p.that(!waited, "%s: it doesn't wait for who has the lock", what)
}

// pastLocked stores texts to three people, lets first lock something of the first one's, and claims meanwhile.
func (p *probe) pastLocked(ctx context.Context, what string, first func(ctx context.Context, tx livedesk.Tx, at site, text livedesk.Message) error) {
	at := newSite()
	var texts []livedesk.Message
	for i, c := range p.talks(ctx, at, 1, 4) {
		texts = append(texts, outgoing(c, 1, p.now(ctx).Add(time.Duration(i-9)*time.Second)))
	}
	p.sendable(ctx, texts...)
	// Only this site's senders: the store may hold what an earlier round left.
	claim := livedesk.Claim{Limit: 3, Senders: map[livedesk.Sender]int{at.sender(): 3}}
	var got []livedesk.DueText
	var besides bool
	p.passing(ctx, what, func(ctx context.Context, tx livedesk.Tx) error { return first(ctx, tx, at, texts[0]) },
		func(ctx context.Context, tx livedesk.Tx, beside func() bool) (err error) {
			got, err = tx.Claim(ctx, claim)
			besides = beside()
			return err
		})
	if besides {
		found := dueIDs(got)
		slices.Sort(found)
		p.same(found, messageIDs(texts[1:]), what+": what is found meanwhile")
	}
	p.that(len(p.due(ctx, claim)) == 3, "%s: all are found afterwards", what)
	for i := range texts {
		texts[i].Version, texts[i].Delivery.Due = 1, time.Time{}
	}
	p.apply(ctx, livedesk.Changes{Messages: texts})
}

func claimPastText(ctx context.Context, p *probe) {
	p.pastLocked(ctx, "a text locked by Messages", func(ctx context.Context, tx livedesk.Tx, _ site, text livedesk.Message) error {
		_, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: text.Workspace, ID: text.ID}})
		return err
	})
	p.pastLocked(ctx, "a text locked by another Claim", func(ctx context.Context, tx livedesk.Tx, _ site, text livedesk.Message) error {
		got, err := tx.Claim(ctx, livedesk.Claim{Limit: 1})
		if err == nil && !slices.Equal(dueIDs(got), []string{text.ID}) {
			err = fmt.Errorf("%d texts are found, not the first", len(got))
		}
		return err
	})
}

func claimPastThread(ctx context.Context, p *probe) {
	p.pastLocked(ctx, "a thread locked by Threads", func(ctx context.Context, tx livedesk.Tx, at site, _ livedesk.Message) error {
		_, err := tx.Threads(ctx, []livedesk.ThreadKey{at.key(1)})
		return err
	})
	p.pastLocked(ctx, "a thread locked by its conversation", func(ctx context.Context, tx livedesk.Tx, at site, text livedesk.Message) error {
		_, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: at.workspace, Conversation: text.Conversation}})
		return err
	})
	p.pastLocked(ctx, "a thread locked by TakeIn", func(ctx context.Context, tx livedesk.Tx, at site, _ livedesk.Message) error {
		_, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(1, "k")})
		return err
	})
}

func claimPastJob(ctx context.Context, p *probe) {
	now := p.now(ctx)
	p.schedule(ctx, newJob("a", now.Add(-time.Second)), newJob("b", now))
	var got []livedesk.Job
	p.passing(ctx, "ClaimJobs", func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.ClaimJobs(ctx, 1, long)
		return err
	}, func(ctx context.Context, tx livedesk.Tx, _ func() bool) (err error) {
		got, err = tx.ClaimJobs(ctx, 9, long)
		return err
	})
	p.same(jobKeys(got), []string{"b"}, "what is claimed beside or behind who has the first")
}

func queuePastLocked(ctx context.Context, p *probe) {
	at := newSite()
	id := livedesk.ChannelQueue(at.channel)
	rows := p.talksAs(ctx, at, 0, 3, func(n int, c *livedesk.Conversation) {
		c.Queue, c.QueuedAt = id, origin.Add(time.Duration(n)*time.Second)
	})
	earlier := rows[0]
	earlier.ID, earlier.Version, earlier.State, earlier.Queue = newID(), 0, livedesk.Resolved, ""
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{earlier}})
	byThread := func(k livedesk.ThreadKey) func(ctx context.Context, tx livedesk.Tx) error {
		return func(ctx context.Context, tx livedesk.Tx) error {
			_, err := tx.Threads(ctx, []livedesk.ThreadKey{k})
			return err
		}
	}
	for what, lock := range map[string]func(ctx context.Context, tx livedesk.Tx) error{
		"locked by address":                 byThread(at.key(0)),
		"locked by itself":                  byThread(livedesk.ThreadKey{Workspace: at.workspace, Conversation: rows[0].ID}),
		"locked by an earlier conversation": byThread(livedesk.ThreadKey{Workspace: at.workspace, Conversation: earlier.ID}),
		"locked by TakeIn": func(ctx context.Context, tx livedesk.Tx) error {
			_, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(0, "k")})
			return err
		},
	} {
		var got livedesk.Roster
		var besides bool
		p.passing(ctx, "Queues beside a head "+what, lock, func(ctx context.Context, tx livedesk.Tx, beside func() bool) (err error) {
			got, err = tx.Queues(ctx, livedesk.QueueQuery{Workspace: at.workspace, IDs: []string{id}, Heads: 9})
			besides = beside()
			return err
		})
		if q := got.Queues[0]; besides {
			p.same(q.Waiting, rows[1:], "who waits, beside a head "+what)
			p.that(q.More, "there is more beside a head %s", what)
		}
		p.same(p.queue(ctx, at.workspace, id, 9).Waiting, rows, "who waits afterwards")
	}
}

func agentsUnlocked(ctx context.Context, p *probe) {
	p.hire(ctx, "acme", "ann")
	p.passing(ctx, "a change of an agent", func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.Agents(ctx, "acme", []string{"ann"})
		return err
	}, func(ctx context.Context, tx livedesk.Tx, _ func() bool) error {
		rows, err := tx.Agents(ctx, "acme", []string{"ann"})
		if err != nil {
			return err
		}
		rows[0].Name = "Anna"
		return tx.Apply(ctx, livedesk.Changes{Agents: rows})
	})
	p.that(p.agents(ctx, "acme", "ann")[0].Name == "Anna", "the agent was changed")
}

func takeInAfterOthers(ctx context.Context, p *probe) {
	at := newSite()
	for round, when := range []string{"who is new", "who is known", "whose key is known"} {
		var l livedesk.LoadedThread
		var got []livedesk.Arrived
		p.that(p.threads(ctx, at.key(1))[0].Thread.Automatic == round, "the thread was changed %d times", round)
		meeting{
			first: func(ctx context.Context, tx livedesk.Tx) error {
				arrived, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(1, fmt.Sprint("a", round))})
				if err == nil {
					l = arrived[0].LoadedThread
				}
				return err
			},
			last: func(ctx context.Context, tx livedesk.Tx) error {
				if l.Current == nil {
					l.Current = new(newConversation(l))
					l.Thread.Conversation = l.Current.ID
				}
				l.Thread.Automatic, l.Current.Unread = round+1, round+1
				return tx.Apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{l.Thread}, Conversations: []livedesk.Conversation{*l.Current}})
			},
			patience: moment,
			second: func(ctx context.Context, tx livedesk.Tx, _ func() bool) (err error) {
				got, err = tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(1, fmt.Sprint("b", min(round, 1)))})
				return err
			},
		}.run(ctx, p)
		now := p.threads(ctx, at.key(1))[0]
		p.same(got[0].LoadedThread, now, "the thread of a contact "+when)
		p.that(now.Current != nil && now.Current.Unread == round+1, "the first one's change was kept")
	}
}
