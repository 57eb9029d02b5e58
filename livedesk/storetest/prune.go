package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func pruneCases() []Case {
	return []Case{
		clause("deletes resolved conversations that were last active before, with their timelines, and nothing else", prunesOld),
		clause("deletes a slice of at most Limit of each, and comes to an end", prunesSlices),
		clause("deletes the oldest messages first, and leaves a timeline without a gap", prunesInOrder),
		clause("leaves contacts, threads and their consent", prunesConsent),
		clause("leaves a thread without a conversation, where another begins", prunesCurrent),
		clause("leaves a conversation that has an unfinished text", prunesFinished),
		clause("deletes nothing of another workspace", prunesWorkspace),
		clause("leaves the keys of TakeIn, whatever it deletes", prunesNoKeys),
		clause("deletes keys that are older than KeysBefore, a slice at a time", prunesKeys),
		clause("is undone when the transaction is rolled back", prunesRolledBack),
		clause("passes over a conversation that somebody else has locked, and waits for nobody", prunesPastThreads, ConcurrentWriters),
		clause("leaves what stands behind a message that somebody else has locked, and waits for nobody", prunesPastMessages, ConcurrentWriters),
		clause("harms nobody who writes meanwhile", prunesBeside, ConcurrentWriters),
	}
}

// young is when what is to stay was last active; origin is before it.
var young = origin.Add(24 * time.Hour)

// everything is a slice that takes all that is old.
func (at site) everything() livedesk.Prune {
	return livedesk.Prune{Workspace: at.workspace, Before: young, Limit: 1000}
}

func (p *probe) prune(ctx context.Context, q livedesk.Prune) (out livedesk.Pruned) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		out, err = tx.Prune(ctx, q)
		return err
	})
	return out
}

// tales makes a conversation with each of n persons, which begin as shape has them and have so many messages.
func (p *probe) tales(ctx context.Context, at site, n, messages int, shape func(n int, c *livedesk.Conversation)) []livedesk.Conversation {
	talks := p.talksAs(ctx, at, 0, n, func(n int, c *livedesk.Conversation) {
		c.State, c.LastSeq, c.ActiveAt = livedesk.Resolved, int64(messages), origin.Add(time.Duration(n)*time.Second)
		shape(n, c)
	})
	var rows []livedesk.Message
	for _, c := range talks {
		for _, seq := range shuffled(messages) {
			rows = append(rows, incoming(c, int64(seq+1)))
		}
	}
	p.apply(ctx, livedesk.Changes{Messages: rows})
	return talks
}

func asTheyAre(int, *livedesk.Conversation) {}

// left returns which of the conversations are there, and how many messages each of them has.
func (p *probe) left(ctx context.Context, talks []livedesk.Conversation) (out []string) {
	for i, c := range talks {
		found := p.conversation(ctx, c.Workspace, c.ID).ID == c.ID
		entries := p.timeline(ctx, livedesk.TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, Limit: 1000})
		p.that(found || len(entries) == 0, "no message is left of a conversation that is gone")
		if found {
			out = append(out, fmt.Sprint(i, ":", len(entries)))
		}
	}
	return out
}

func prunesOld(ctx context.Context, p *probe) {
	at := newSite()
	states := []livedesk.State{livedesk.Resolved, livedesk.Open, livedesk.Pending, livedesk.Snoozed, livedesk.Resolved, livedesk.Resolved}
	talks := p.tales(ctx, at, len(states), 2, func(n int, c *livedesk.Conversation) {
		c.State = states[n]
		switch n {
		case 4:
			c.ActiveAt, c.Queue = young, ""
		case 5:
			c.ActiveAt, c.Unread, c.Assignee = young.Add(-time.Microsecond), 1, "ann"
		}
	})
	none := p.prune(ctx, livedesk.Prune{Workspace: at.workspace, Limit: 1000})
	p.same(none, livedesk.Pruned{}, "what is deleted without a time")
	p.same(p.prune(ctx, at.everything()), livedesk.Pruned{Messages: 4, Conversations: 2}, "what is deleted")
	p.same(p.left(ctx, talks), []string{"1:2", "2:2", "3:2", "4:2"}, "what is left, with its messages")
	p.that(len(p.list(ctx, livedesk.ConversationQuery{Workspace: at.workspace, Limit: 9})) == 4, "the list has what is left")
	gone := livedesk.ConversationQuery{Workspace: at.workspace, Assignee: "ann", Unread: true, Limit: 9}
	p.that(len(p.list(ctx, gone)) == 0, "no list has what is gone")
	p.same(p.prune(ctx, at.everything()), livedesk.Pruned{}, "what is deleted again")
}

func prunesSlices(ctx context.Context, p *probe) {
	const n, each, limit = 9, 5, 7
	at := newSite()
	talks := p.tales(ctx, at, n, each, func(n int, c *livedesk.Conversation) { c.ActiveAt = origin.Add(-time.Duration(n%4) * time.Hour) })
	q := at.everything()
	q.Limit = limit
	var all livedesk.Pruned
	for round := 0; ; round++ {
		got := p.prune(ctx, q)
		p.that(got.Messages <= limit && got.Conversations <= limit, "a slice is small: %+v", got)
		p.that(round < n*each, "it comes to an end")
		all.Messages, all.Conversations = all.Messages+got.Messages, all.Conversations+got.Conversations
		if !got.More {
			break
		}
		p.that(got.Messages+got.Conversations > 0, "each slice that says that there is more has deleted something")
	}
	p.same(all, livedesk.Pruned{Messages: n * each, Conversations: n}, "what was deleted in all")
	p.that(len(p.left(ctx, talks)) == 0, "nothing is left")
}

func prunesInOrder(ctx context.Context, p *probe) {
	at := newSite()
	talks := p.tales(ctx, at, 3, 4, asTheyAre)
	q := at.everything()
	q.Limit = 2
	p.same(p.prune(ctx, q), livedesk.Pruned{Messages: 2, More: true}, "what is deleted")
	p.same(p.left(ctx, talks), []string{"0:2", "1:4", "2:4"}, "what is left, with its messages")
	rest := p.timeline(ctx, livedesk.TimelineQuery{Workspace: at.workspace, Conversation: talks[0].ID, Limit: 9})
	p.that(rest[0].Seq == 3 && rest[1].Seq == 4, "the last messages are left: %d and %d", rest[0].Seq, rest[1].Seq)
	p.that(p.conversation(ctx, at.workspace, talks[0].ID).LastSeq == 4, "seqs go on behind the last")
	p.same(p.prune(ctx, q), livedesk.Pruned{Messages: 2, Conversations: 1, More: true}, "what is deleted next")
	p.same(p.left(ctx, talks), []string{"1:4", "2:4"}, "a conversation goes with its last message")
}

func prunesConsent(ctx context.Context, p *probe) {
	at := newSite()
	p.tales(ctx, at, 2, 1, asTheyAre)
	before := p.threads(ctx, at.key(0), at.key(1))
	thread := before[0].Thread
	thread.Consent = livedesk.ConsentState{OptedOut: true, Since: origin, Source: "customer", Keyword: "STOP"}
	thread.Automatic = 3
	p.apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{thread}})
	p.prune(ctx, at.everything())
	after := p.threads(ctx, at.key(0), at.key(1))
	p.same(after[0].Contact, before[0].Contact, "the contact")
	p.same(after[1].Contact, before[1].Contact, "the other contact")
	p.that(after[0].Thread.Version > thread.Version, "the version of a thread that lost its conversation grows")
	thread.Conversation, thread.Version = "", after[0].Thread.Version
	p.same(after[0].Thread, thread, "the thread, without its conversation")
}

func prunesCurrent(ctx context.Context, p *probe) {
	at := newSite()
	first := p.tales(ctx, at, 2, 1, func(n int, c *livedesk.Conversation) {
		if n == 1 {
			c.ActiveAt = young
		}
	})
	l := p.threads(ctx, at.key(1))[0] // the second person has another by now, and the first one gets old
	second := newConversation(l)
	thread, was := l.Thread, *l.Current
	thread.Conversation, was.ActiveAt = second.ID, origin
	p.apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{thread}, Conversations: []livedesk.Conversation{was, second}})
	p.that(p.prune(ctx, at.everything()).Conversations == 2, "both first conversations are deleted")
	got := p.takeIn(ctx, at.arrival(0, ""), at.arrival(1, ""))
	p.that(got[0].Thread.Conversation == "" && got[0].Current == nil, "the first person has no conversation: %+v", got[0])
	p.that(got[1].Thread.Conversation == second.ID && got[1].Current != nil && got[1].Current.ID == second.ID, "the second has the other one: %+v", got[1])
	p.that(p.threads(ctx, livedesk.ThreadKey{Workspace: at.workspace, Conversation: first[0].ID})[0].Contact.ID == "", "the old one isn't found")
	again, thread := newConversation(got[0].LoadedThread), got[0].Thread
	again.LastSeq, thread.Conversation = 1, again.ID
	p.apply(ctx, livedesk.Changes{
		Threads: []livedesk.Thread{thread}, Conversations: []livedesk.Conversation{again}, Messages: []livedesk.Message{incoming(again, 1)},
	})
	p.that(p.threads(ctx, at.key(0))[0].Current.ID == again.ID, "another begins")
}

func prunesFinished(ctx context.Context, p *probe) {
	at := newSite()
	talks := p.tales(ctx, at, 3, 1, asTheyAre)
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{outgoing(talks[0], 2, p.now(ctx)), inState(talks[2], 2, p.now(ctx), livedesk.Delivered)}})
	p.same(p.prune(ctx, at.everything()), livedesk.Pruned{Messages: 3, Conversations: 2}, "what is deleted")
	p.same(p.left(ctx, talks), []string{"0:2"}, "what is left, with its messages")
	p.that(len(p.due(ctx, anything)) == 1, "the text is still due")
}

func prunesWorkspace(ctx context.Context, p *probe) {
	at := newSite()
	foreign := site{"beta", at.channel}
	talks := p.tales(ctx, foreign, 2, 2, asTheyAre)
	mine := p.tales(ctx, at, 1, 1, asTheyAre)
	p.takeIn(ctx, foreign.arrival(1, "seen"))
	q := at.everything()
	q.KeysBefore = p.now(ctx).Add(100 * 24 * time.Hour)
	p.same(p.prune(ctx, q), livedesk.Pruned{Messages: 1, Conversations: 1}, "what is deleted")
	p.same(p.left(ctx, append(talks, mine...)), []string{"0:2", "1:2"}, "what is left, with its messages")
	p.that(!p.fresh(ctx, foreign.arrival(1, "seen"))[0], "the key of another workspace is known")
}

func prunesNoKeys(ctx context.Context, p *probe) {
	at := newSite()
	p.takeIn(ctx, at.arrival(0, "seen"))
	p.tales(ctx, at, 1, 1, asTheyAre)
	q := at.everything()
	q.KeysBefore = p.now(ctx).Add(-24 * time.Hour)
	p.prune(ctx, q)
	p.that(!p.fresh(ctx, at.arrival(0, "seen"))[0], "the key is known")
}

func prunesKeys(ctx context.Context, p *probe) {
	const n, limit = 10, 4
	at := newSite()
	var arrivals []livedesk.Arrival
	for i := range n {
		arrivals = append(arrivals, at.arrival(i, fmt.Sprint("key ", i)))
	}
	p.takeIn(ctx, arrivals...)
	q := livedesk.Prune{Workspace: at.workspace, KeysBefore: p.now(ctx).Add(48 * time.Hour), Limit: limit}
	for _, want := range []livedesk.Pruned{{Keys: limit, More: true}, {Keys: limit, More: true}, {Keys: n - 2*limit}, {}} {
		p.same(p.prune(ctx, q), want, "what is deleted")
	}
	p.that(!slices.Contains(p.fresh(ctx, arrivals...), false), "all keys are new again")
}

func prunesRolledBack(ctx context.Context, p *probe) {
	at := newSite()
	talks := p.tales(ctx, at, 2, 2, asTheyAre)
	p.takeIn(ctx, at.arrival(0, "seen"))
	before := p.threads(ctx, at.key(0))[0]
	q := at.everything()
	q.KeysBefore = p.now(ctx).Add(48 * time.Hour)
	p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		got, err := tx.Prune(ctx, q)
		p.same(got, livedesk.Pruned{Messages: 4, Conversations: 2, Keys: 1}, "what is deleted")
		return err
	})
	p.same(p.left(ctx, talks), []string{"0:2", "1:2"}, "what is left, with its messages")
	p.same(p.threads(ctx, at.key(0))[0], before, "the thread")
	p.that(!p.fresh(ctx, at.arrival(0, "seen"))[0], "the key is known")
}

func prunesPastThreads(ctx context.Context, p *probe) {
	at := newSite()
	talks := p.tales(ctx, at, 3, 2, asTheyAre)
	locks := func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.Threads(ctx, []livedesk.ThreadKey{at.key(0)})
		return err
	}
	got, beside := p.prunePast(ctx, at, locks)
	if !beside { // writers take turns
		return
	}
	p.same(got, livedesk.Pruned{Messages: 4, Conversations: 2}, "what is deleted beside a lock")
	p.same(p.left(ctx, talks), []string{"0:2"}, "what is left, with its messages")
	p.same(p.prune(ctx, at.everything()), livedesk.Pruned{Messages: 2, Conversations: 1}, "what is deleted later")
}

// prunePast prunes while somebody has something locked, and reports whether it did.
func (p *probe) prunePast(ctx context.Context, at site, locks func(context.Context, livedesk.Tx) error) (got livedesk.Pruned, besides bool) {
	p.passing(ctx, "Prune", locks, func(ctx context.Context, tx livedesk.Tx, beside func() bool) (err error) {
		got, err = tx.Prune(ctx, at.everything())
		besides = beside()
		return err
	})
	return got, besides
}

func prunesPastMessages(ctx context.Context, p *probe) {
	at := newSite()
	talks := p.tales(ctx, at, 2, 4, asTheyAre)
	third := p.timeline(ctx, livedesk.TimelineQuery{Workspace: at.workspace, Conversation: talks[0].ID, After: 2, Limit: 1})[0]
	locks := func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: at.workspace, ID: third.ID}})
		return err
	}
	got, beside := p.prunePast(ctx, at, locks)
	if !beside {
		return
	}
	p.same(got, livedesk.Pruned{Messages: 6, Conversations: 1}, "what is deleted beside a lock")
	p.same(p.left(ctx, talks), []string{"0:2"}, "what is left, with its messages")
}

// prunesBeside lets customers write while what they wrote before is deleted: one who comes first has the old conversation
// again, one who comes later begins another, and nothing of either is lost.
func prunesBeside(ctx context.Context, p *probe) {
	const people, each, writers = 40, 3, 4
	at := newSite()
	p.tales(ctx, at, people, each, asTheyAre)
	var done atomic.Int64
	p.parallel(writers+2, func(worker int) {
		if worker >= writers {
			q := at.everything()
			for q.Limit = 5 + worker; done.Load() < writers && !p.broken(); {
				p.prune(ctx, q)
			}
			return
		}
		defer done.Add(1)
		for n := worker; n < people; n += writers {
			p.writesAgain(ctx, at, n)
		}
	})
	for n := range people {
		l := p.threads(ctx, at.key(n))[0]
		p.that(l.Current != nil && l.Current.State == livedesk.Open, "person %d has a conversation", n)
		entries := p.timeline(ctx, livedesk.TimelineQuery{Workspace: at.workspace, Conversation: l.Current.ID, Limit: 9})
		p.that(len(entries) > 0 && entries[len(entries)-1].Seq == l.Current.LastSeq, "the last entry is what person %d wrote last", n)
		for i, m := range entries {
			p.that(m.Seq == entries[0].Seq+int64(i), "the timeline of person %d has no gap", n)
		}
	}
	p.prune(ctx, at.everything())
	all := p.list(ctx, livedesk.ConversationQuery{Workspace: at.workspace, Limit: 1000})
	p.that(len(all) == people, "each has one conversation: %d of %d", len(all), people)
}

// writesAgain lets person n write, as the engine would: into the conversation that there is, or into another.
func (p *probe) writesAgain(ctx context.Context, at site, n int) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		got, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(n, fmt.Sprint("again ", n))})
		if err != nil {
			return err
		}
		var c livedesk.Changes
		talk, thread := newConversation(got[0].LoadedThread), got[0].Thread
		if got[0].Current != nil {
			talk = *got[0].Current
		} else {
			thread.Conversation = talk.ID
			c.Threads = append(c.Threads, thread)
		}
		talk.State, talk.ActiveAt = livedesk.Open, young
		talk.LastSeq++
		c.Conversations, c.Messages = append(c.Conversations, talk), append(c.Messages, incoming(talk, talk.LastSeq))
		return tx.Apply(ctx, c)
	})
}
