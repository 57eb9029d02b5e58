package storetest

import (
	"context"
	"errors"
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
		clause("of a budget that isn't there yet no change is lost", firstBudget),
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
	// second is told whether the first has not gone on yet when its verbs have returned.
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
	want := texts
	if besides {
		want = texts[1:]
	}
	found := dueIDs(got)
	slices.Sort(found)
	p.same(found, messageIDs(want), what+": what is found")
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
	var got livedesk.Roster
	var besides bool
	p.passing(ctx, "Queues", func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.Threads(ctx, []livedesk.ThreadKey{at.key(0)})
		return err
	}, func(ctx context.Context, tx livedesk.Tx, beside func() bool) (err error) {
		got, err = tx.Queues(ctx, livedesk.QueueQuery{Workspace: at.workspace, IDs: []string{id}, Heads: 9})
		besides = beside()
		return err
	})
	if besides {
		rows = rows[1:]
	}
	p.same(got.Queues[0].Waiting, rows, "who waits")
	p.that(got.Queues[0].More == besides, "More is %v when one of those who wait is locked: %v", got.Queues[0].More, besides)
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

func loadsAfterOthers(ctx context.Context, p *probe) {
	w := p.world(ctx)
	ws := w.at.workspace
	var first, got counted
	meeting{
		first: func(ctx context.Context, tx livedesk.Tx) (err error) {
			first, err = w.load(ctx, tx)
			return err
		},
		last: func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, first.more()) },
		second: func(ctx context.Context, tx livedesk.Tx, _ func() bool) (err error) {
			got, err = w.load(ctx, tx)
			return err
		},
		patience: moment,
	}.run(ctx, p)
	p.same(got.counts(), []int{1, 1, 1, 1, 1, 1}, "how often thread, conversation, message, budget, queue and agent were counted up")
	meeting{
		first: func(ctx context.Context, tx livedesk.Tx) (err error) {
			first, err = w.load(ctx, tx)
			return err
		},
		last: func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, first.more()) },
		second: func(ctx context.Context, tx livedesk.Tx, _ func() bool) (err error) {
			// By the other ways to name them.
			got.threads, err = tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: ws, Conversation: w.text.Conversation}})
			if err != nil {
				return err
			}
			got.roster, err = tx.Queues(ctx, livedesk.QueueQuery{Workspace: ws, Agents: []string{"ann"}})
			return err
		},
		patience: moment,
	}.run(ctx, p)
	p.same(got.counts(), []int{2, 2, 1, 1, 2, 2}, "how often thread, conversation, queue and agent were counted up")
}

// counted is a row of each kind that is locked by loading it, with a count in it.
type counted struct {
	threads  []livedesk.LoadedThread
	messages []livedesk.Message
	budgets  []livedesk.Budget
	roster   livedesk.Roster
}

// load loads them, in the order in which they are to be locked.
func (w *world) load(ctx context.Context, tx livedesk.Tx) (c counted, err error) {
	ws := w.at.workspace
	if c.threads, err = tx.Threads(ctx, []livedesk.ThreadKey{w.at.key(1)}); err != nil {
		return c, err
	}
	if c.messages, err = tx.Messages(ctx, []livedesk.MessageKey{{Workspace: ws, ID: w.text.ID}}); err != nil {
		return c, err
	}
	if c.budgets, err = tx.Senders(ctx, []livedesk.Sender{w.at.sender()}); err != nil {
		return c, err
	}
	c.roster, err = tx.Queues(ctx, livedesk.QueueQuery{Workspace: ws, IDs: []string{w.queue.ID}})
	return c, err
}

// more counts each one up.
func (c counted) more() livedesk.Changes {
	thread, conv := c.threads[0].Thread, *c.threads[0].Current
	thread.Automatic++
	conv.Unread++
	c.messages[0].Delivery.Attempts++
	c.budgets[0].Next = c.budgets[0].Next.Add(time.Second)
	c.roster.Queues[0].Count++
	c.roster.Agents[0].OutsideLoad++
	return livedesk.Changes{
		Threads: []livedesk.Thread{thread}, Conversations: []livedesk.Conversation{conv}, Messages: c.messages,
		Budgets: c.budgets, Queues: c.roster.Queues, Agents: c.roster.Agents,
	}
}

func (c counted) counts() []int {
	return []int{
		c.threads[0].Thread.Automatic, c.threads[0].Current.Unread, c.messages[0].Delivery.Attempts,
		int(c.budgets[0].Next.Sub(origin) / time.Second), int(c.roster.Queues[0].Count) - 4, c.roster.Agents[0].OutsideLoad,
	}
}

func locksHold(ctx context.Context, p *probe) {
	w := p.world(ctx)
	const each = 6
	p.parallel(workers, func(int) {
		for range each {
			// No retry on ErrConflict: what was locked can't have changed.
			p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
				c, err := w.load(ctx, tx)
				if err != nil {
					return err
				}
				return tx.Apply(ctx, c.more())
			})
		}
	})
	var got counted
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		got, err = w.load(ctx, tx)
		return err
	})
	const n = workers * each
	p.same(got.counts(), []int{n, n, n, n, n, n}, "how often thread, conversation, message, budget, queue and agent were counted up")
}

func takeInHolds(ctx context.Context, p *probe) {
	at := newSite()
	const people, each = 3, 6
	p.parallel(workers, func(worker int) {
		for round := range each {
			p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
				var arrivals []livedesk.Arrival
				for _, n := range shuffled(people) {
					arrivals = append(arrivals, at.arrival((n+worker)%people, fmt.Sprint(worker, " ", round, " ", n)))
				}
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
	var texts []livedesk.Message
	for _, c := range p.talks(ctx, at, 0, 2) {
		texts = append(texts, outgoing(c, 1, p.now(ctx)))
	}
	p.sendable(ctx, texts...)
	const each = 6
	began := time.Now()
	p.parallel(workers, func(worker int) {
		for left := each; left > 0 && !p.broken(); {
			p.that(time.Since(began) < 2*soon, "a text that is due is found again and again: %d times are left", left)
			n := 0
			p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
				var due []livedesk.DueText
				if worker%2 == 0 {
					due, err = tx.Claim(ctx, livedesk.Claim{Limit: 1})
				} else {
					due, err = loadText(ctx, tx, at, texts[worker/2%2])
				}
				n = len(due)
				if err != nil || n == 0 {
					return err
				}
				due[0].Message.Delivery.Attempts++
				due[0].Thread.Automatic++
				return tx.Apply(ctx, livedesk.Changes{Messages: textsOf(due), Threads: []livedesk.Thread{due[0].Thread}})
			})
			if left -= n; n == 0 {
				time.Sleep(time.Millisecond) // others had all of them
			}
		}
	})
	attempts, automatic := 0, 0
	for i, m := range texts {
		attempts += p.message(ctx, m.Workspace, m.ID).Delivery.Attempts
		automatic += p.threads(ctx, at.key(i))[0].Thread.Automatic
	}
	p.same([]int{attempts, automatic}, []int{workers * each, workers * each}, "how often texts and threads were counted up")
}

// loadText loads what a Claim returns of a text, by the verbs that wait for it.
func loadText(ctx context.Context, tx livedesk.Tx, at site, m livedesk.Message) ([]livedesk.DueText, error) {
	l, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: at.workspace, Conversation: m.Conversation}})
	if err != nil {
		return nil, err
	}
	rows, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: at.workspace, ID: m.ID}})
	if err != nil {
		return nil, err
	}
	return []livedesk.DueText{{Message: rows[0], Contact: l[0].Contact, Thread: l[0].Thread}}, nil
}

func firstBudget(ctx context.Context, p *probe) {
	for range 5 {
		s := newSite().sender()
		p.parallel(workers, func(int) {
			for again := true; again; {
				var version int64
				err := p.try(ctx, func(ctx context.Context, tx livedesk.Tx) error {
					rows, err := tx.Senders(ctx, []livedesk.Sender{s})
					if err != nil {
						return err
					}
					if version = rows[0].Version; version == 0 {
						rows[0].Next = origin
					}
					rows[0].Next = rows[0].Next.Add(time.Second)
					return tx.Apply(ctx, livedesk.Changes{Budgets: rows})
				})
				// One of those who found none is the first, where they didn't have to wait for each other.
				if again = version == 0 && errors.Is(err, livedesk.ErrExists); !again {
					p.must(err, "spend")
				}
			}
		})
		got := p.budgets(ctx, s)[0]
		p.same(got, livedesk.Budget{Sender: s, Next: origin.Add(workers * time.Second), Version: workers}, "the budget")
	}
}
