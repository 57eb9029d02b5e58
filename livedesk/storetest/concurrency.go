package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func concurrencyCases() []Case {
	all := []Case{
		clause("a key that arrives 50 times at once is new once", keyAtOnce),
		clause("first messages of one contact at once make one live conversation", firstMessagesAtOnce),
		clause("no update is lost", noLostUpdate),
		clause("of many writers of one version one wins", oneWriterWins),
		clause("keys in any order don't deadlock", noDeadlock),
		clause("one that fails, panics or is canceled leaves those beside it whole", failuresBeside),
		clause("what an Update kept is seen by all that begin later", keptInOrder),
		clause("each text is claimed by one at a time, and in order in its conversation", claimsAtOnce),
		clause("each job is leased once", jobsAtOnce),
		clause("what Claim finds is of one moment with its thread, and nothing that a STOP took back before", stopsAtOnce),
		clause("nobody waits while there is room", nobodyWaits),
		clause("no agent is given more than the capacity", capacityHolds),
		clause("whoever read up to a revision finds everything that is committed later", revisionsAtOnce),
	}
	for i := range all {
		all[i].Needs = append(all[i].Needs, ConcurrentWriters)
	}
	return append(all,
		clause("a View sees one moment, and nobody waits for it", viewStands, ConcurrentViews),
		clause("a View waits for no Update and sees none of what isn't committed", viewBesideUpdate, ConcurrentViews),
	)
}

func keyAtOnce(ctx context.Context, p *probe) {
	at := newSite()
	var mu sync.Mutex
	var fresh int
	p.parallel(50, func(i int) {
		got := p.takeIn(ctx, at.arrival(1, "k"))
		mu.Lock()
		defer mu.Unlock()
		if got[0].New {
			fresh++
		}
	})
	p.that(fresh == 1, "the key is new once, not %d times", fresh)
}

// takeText does what the engine does with a text: it joins the live conversation or makes one.
func (p *probe) takeText(ctx context.Context, at site, person int, key string) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		arrived, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(person, key)})
		if err != nil || !arrived[0].New {
			return err
		}
		return tx.Apply(ctx, textIn(arrived[0].LoadedThread))
	})
}

// textIn is a customer's text in the live conversation, or in a new one.
func textIn(l livedesk.LoadedThread) (c livedesk.Changes) {
	if l.Current == nil {
		l.Current = new(newConversation(l))
		l.Thread.Conversation = l.Current.ID
		c.Threads = []livedesk.Thread{l.Thread}
	}
	l.Current.LastSeq++
	c.Conversations = []livedesk.Conversation{*l.Current}
	c.Messages = []livedesk.Message{incoming(*l.Current, l.Current.LastSeq)}
	return c
}

func firstMessagesAtOnce(ctx context.Context, p *probe) {
	at := newSite()
	const people, each = 8, 5
	p.parallel(people*each*2, func(i int) { // each text twice
		p.takeText(ctx, at, i%people, fmt.Sprint("text ", i%(people*each)))
	})
	rows := p.list(ctx, livedesk.ConversationQuery{Workspace: at.workspace, Limit: 1000})
	p.that(len(rows) == people, "%d people have %d conversations", people, len(rows))
	for _, c := range rows {
		got := p.seqs(ctx, livedesk.TimelineQuery{Workspace: at.workspace, Conversation: c.ID, Limit: 1000})
		p.same(got, span(1, each), "the places of a conversation's texts")
	}
}

func noLostUpdate(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	const workers, each = 8, 10
	p.parallel(workers, func(int) {
		for range each {
			for lost := 0; ; lost++ {
				p.that(lost <= workers*each, "a writer loses to others at most as often as they write")
				err := p.try(ctx, func(ctx context.Context, tx livedesk.Tx) error {
					// This read doesn't lock, so the writer may lose; the version must say so.
					rows, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: at.workspace, IDs: []string{c.ID}})
					if err != nil {
						return err
					}
					rows[0].Unread++
					return tx.Apply(ctx, livedesk.Changes{Conversations: rows})
				})
				if err == nil {
					break
				}
				if !errors.Is(err, livedesk.ErrConflict) {
					p.must(err, "count")
				}
			}
		}
	})
	got := p.conversation(ctx, at.workspace, c.ID)
	p.that(got.Unread == workers*each, "%d times one more makes %d", workers*each, got.Unread)
	p.that(got.Version == workers*each+1, "the version grew with each: %d", got.Version)
}

func oneWriterWins(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	var mu sync.Mutex
	won := 0
	p.parallel(20, func(i int) {
		mine := c
		mine.Assignee = fmt.Sprint("agent ", i)
		err := p.tryApply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{mine}})
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			won++
		} else if !errors.Is(err, livedesk.ErrConflict) {
			p.must(err, "apply")
		}
	})
	p.that(won == 1, "one writer wins, not %d", won)
}

func noDeadlock(ctx context.Context, p *probe) {
	at := newSite()
	const n, rounds = 6, 5
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("a", i))
	}
	p.hire(ctx, at.workspace, names...)
	var texts []livedesk.Message
	for _, c := range p.talks(ctx, at, 0, n) {
		texts = append(texts, outgoing(c, 1, p.now(ctx)))
	}
	p.sendable(ctx, texts...)
	p.parallel(workers, func(worker int) {
		for round := range rounds {
			order := shuffled(n)
			if worker%2 == 1 {
				slices.Reverse(order)
			}
			order = append(order[round:], order[:round]...)
			p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
				return touch(ctx, tx, at, order, texts, fmt.Sprint(worker, " ", round))
			})
			p.due(ctx, livedesk.Claim{Limit: 1 + round})
		}
	})
	for i := range n {
		l := p.threads(ctx, at.key(i))[0]
		p.that(l.Thread.Version == workers*rounds+2, "thread %d was written %d times: version %d", i, workers*rounds+1, l.Thread.Version)
	}
}

// touch locks and writes one of each kind of row for each of some people, in the order of the verbs but in any order of keys.
func touch(ctx context.Context, tx livedesk.Tx, at site, order []int, texts []livedesk.Message, key string) error {
	var arrivals []livedesk.Arrival
	var threads []livedesk.ThreadKey
	var messages []livedesk.MessageKey
	var senders []livedesk.Sender
	q := livedesk.QueueQuery{Workspace: at.workspace, Heads: 1}
	for _, n := range order {
		arrivals = append(arrivals, at.arrival(n, fmt.Sprint(key, " ", n)))
		threads = append(threads, at.key(n))
		messages = append(messages, livedesk.MessageKey{Workspace: at.workspace, ID: texts[n].ID})
		senders = append(senders, livedesk.Sender{Workspace: at.workspace, Channel: fmt.Sprint("channel ", n)})
		q.IDs, q.Loads = append(q.IDs, fmt.Sprint("team:", n)), append(q.Loads, fmt.Sprint("a", n))
	}
	arrived, err := tx.TakeIn(ctx, arrivals)
	if err != nil {
		return err
	}
	if _, err = tx.Threads(ctx, threads); err != nil {
		return err
	}
	var c livedesk.Changes
	if c.Messages, err = tx.Messages(ctx, messages); err != nil {
		return err
	}
	budgets, err := tx.Senders(ctx, senders)
	if err != nil {
		return err
	}
	found, err := tx.Queues(ctx, q)
	if err != nil {
		return err
	}
	c.Queues, c.Agents = found.Queues, found.Agents
	for i := range arrived {
		c.Threads, c.Budgets = append(c.Threads, arrived[i].Thread), append(c.Budgets, budgets[i])
	}
	return tx.Apply(ctx, c)
}

func failuresBeside(ctx context.Context, p *probe) {
	at := newSite()
	const n = 60
	boom := errors.New("boom")
	p.parallel(n+1, func(i int) {
		if i == n {
			p.holdUp(ctx)
			return
		}
		own, cancel := context.WithCancel(ctx)
		defer cancel()
		defer func() {
			if r := recover(); r != nil && r != any("boom") {
				panic(r)
			}
		}()
		// Only those that mean to succeed are tried again; the others must fail in their own way the first time.
		run := p.Update
		if i%4 == 0 {
			run = p.try
		}
		err := run(own, func(ctx context.Context, tx livedesk.Tx) error {
			if _, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(i, fmt.Sprint("k", i))}); err != nil {
				return err
			}
			switch i % 4 {
			case 1:
				return boom
			case 2:
				panic("boom")
			case 3:
				cancel()
			}
			return nil
		})
		switch i % 4 {
		case 0:
			p.must(err, "an Update beside those that fail")
		case 1:
			p.that(err == boom || errors.Is(err, livedesk.ErrSerialization), "the error comes back as it is: %v", err)
		default:
			p.that(err != nil, "an Update whose ctx ended fails")
		}
	})
	for i := range n {
		kept := p.threads(ctx, at.key(i))[0].Contact.ID != ""
		p.that(kept == (i%4 == 0), "Update %d is kept: %v", i, kept)
		p.same(p.fresh(ctx, at.arrival(i, fmt.Sprint("k", i))), []bool{i%4 != 0}, fmt.Sprintf("whether key %d is new", i))
	}
}

// holdUp keeps a single writer busy for a moment, so that those who wait for it are taken together.
func (p *probe) holdUp(ctx context.Context) {
	p.update(ctx, func(context.Context, livedesk.Tx) error {
		time.Sleep(50 * time.Millisecond)
		return nil
	})
}

func keptInOrder(ctx context.Context, p *probe) {
	at := newSite()
	p.parallel(16, func(i int) {
		for n := i * 10; n < i*10+10; n++ {
			p.takeIn(ctx, at.arrival(n, fmt.Sprint("k", n)))
			p.that(p.threads(ctx, at.key(n))[0].Contact.ID != "", "a View after the Update sees it")
			p.same(p.fresh(ctx, at.arrival(n, fmt.Sprint("k", n))), []bool{false}, "whether the key is new to the next Update")
		}
	})
}

func revisionsAtOnce(ctx context.Context, p *probe) {
	const writers, each = 6, 20
	seen := map[string]bool{}
	var last int64
	done := make(chan struct{})
	var reader sync.WaitGroup
	var once sync.Once
	finish := func() {
		once.Do(func() { close(done) })
		reader.Wait()
	}
	defer finish() // also when a writer's failure ends the case
	follow := func() {
		for _, o := range p.after(ctx, last, 7) {
			seen[o.ID] = true
			last = o.Revision
		}
	}
	reader.Go(func() {
		defer func() { _ = recover() }() // p has the failure
		for {
			select {
			case <-done:
				return
			default:
				follow()
			}
		}
	})
	p.parallel(writers, func(w int) {
		for i := range each {
			p.putObjects(ctx, newObject(fmt.Sprint(w, "-", i), ""))
		}
	})
	finish()
	for range writers * each {
		follow()
	}
	p.that(len(seen) == writers*each, "of %d objects whoever follows the revisions has seen %d", writers*each, len(seen))
}

// soon bounds what must happen at once.
const soon = 20 * time.Second

// beside runs fn on another goroutine and reports whether it ended soon.
func (p *probe) beside(ctx context.Context, fn func(ctx context.Context)) bool {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }() // p has the failure
		fn(ctx)
	}()
	select {
	case <-done:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func viewStands(ctx context.Context, p *probe) {
	p.hire(ctx, "acme", "ann")
	p.read(ctx, func(inner context.Context, tx livedesk.ReadTx) error {
		before, err := tx.Agents(inner, "acme", nil)
		if err != nil {
			return err
		}
		now := tx.Now()
		if !p.beside(ctx, func(ctx context.Context) { p.hire(ctx, "acme", "ben") }) {
			return errors.New("an Update waits for a View")
		}
		after, err := tx.Agents(inner, "acme", nil)
		if err != nil {
			return err
		}
		if len(before) != 1 || len(after) != 1 || !tx.Now().Equal(now) {
			return fmt.Errorf("a View went from %d agents to %d", len(before), len(after))
		}
		return nil
	})
	p.that(len(p.agents(ctx, "acme")) == 2, "the next View sees the Update")
}

func viewBesideUpdate(ctx context.Context, p *probe) {
	p.hire(ctx, "acme", "ann")
	p.update(ctx, func(inner context.Context, tx livedesk.Tx) error {
		if err := tx.Apply(inner, livedesk.Changes{Agents: []livedesk.Agent{{Workspace: "acme", ID: "ben"}}}); err != nil {
			return err
		}
		seen := -1
		if !p.beside(ctx, func(ctx context.Context) { seen = len(p.agents(ctx, "acme")) }) {
			return errors.New("a View waits for an Update")
		}
		if seen != 1 {
			return fmt.Errorf("a View sees %d agents, not the one that is committed", seen)
		}
		return nil
	})
}
