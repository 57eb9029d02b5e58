package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// What must outlive the process: rows, and what stands beside them. Fences above all: the JSON of a message is made for
// clients and leaves Delivery.Fence out, so a store that keeps rows as JSON forgets who holds a lease.

func reopenCases() []Case {
	all := []Case{
		clause("finds every row as it was", reopenRows),
		clause("finds the Fence of a text, so that who lost it is known", reopenFences),
		clause("gives no job a Fence that its key had before", reopenJobFences),
		clause("goes on with revisions behind those that were seen, tombstones among them", reopenRevisions),
		clause("knows the keys of TakeIn", reopenKeys),
	}
	for i := range all {
		all[i].Needs = append(all[i].Needs, Reopening)
	}
	return all
}

// again closes the store and opens it again.
func (p *probe) again() {
	if p.reopen == nil {
		p.must(&SkipError{"the test doesn't say how to open the store again; pass WithReopen"}, "reopen")
	}
	s, err := p.reopen(p.Store)
	p.must(err, "reopen")
	p.that(s != nil, "reopen returns a store")
	p.Store = s
}

func reopenRows(ctx context.Context, p *probe) {
	w := p.world(ctx)
	c := p.talk(ctx, newSite(), 1)
	p.sendable(ctx, fullMessages(c)...)
	entries := livedesk.TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, Limit: 9}
	for _, when := range []string{"written", "changed"} {
		before, texts := w.picture(ctx, p), p.timeline(ctx, entries)
		p.again()
		p.same(w.picture(ctx, p), before, "what was "+when+", after the store was opened again,")
		p.same(p.timeline(ctx, entries), texts, "the timeline")
		if when == "written" {
			p.update(ctx, w.changeAll)
		}
	}
}

func reopenFences(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := outgoing(c, 1, p.now(ctx))
	m.Delivery.Fence = 1 << 40
	p.sendable(ctx, m)
	held := p.post(ctx, anything)[0]
	p.again()
	got := p.message(ctx, m.Workspace, m.ID)
	p.that(got.Delivery.Fence == held.Delivery.Fence, "the fence is %d as it was, not %d", held.Delivery.Fence, got.Delivery.Fence)
	p.same(got, held, "the text")
	held.Delivery.Due = p.now(ctx)
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{held}})
	p.again()
	next := p.due(ctx, anything)
	p.that(len(next) == 1 && next[0].Message.Delivery.Fence == held.Delivery.Fence, "the next claim finds it under the fence %d", held.Delivery.Fence)
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{held}}), livedesk.ErrConflict, "a write of who had it before")
}

func reopenJobFences(ctx context.Context, p *probe) {
	now, seen := p.now(ctx), map[int64]bool{}
	for round := range 3 {
		p.schedule(ctx, newJob("a", now))
		got := p.claimJobs(ctx, 9, long)
		p.that(len(got) == 1 && !seen[got[0].Fence], "round %d: the job is claimed under a fence of its own: %+v", round, got)
		seen[got[0].Fence] = true
		p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: got[0], Done: true}}})
		p.again()
	}
	p.schedule(ctx, newJob("b", now))
	held := p.claimJobs(ctx, 9, p.brief())[0]
	p.again()
	p.that(len(p.claimJobs(ctx, 9, long)) == 0, "the lease lasts")
	held.Due = p.now(ctx).Add(-time.Second)
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: held}}})
	got := p.claimJobs(ctx, 9, long)
	p.that(len(got) == 1 && got[0].Attempts == 2 && got[0].Subject == held.Subject, "its holder moves it by its fence: %+v", got)
}

func reopenRevisions(ctx context.Context, p *probe) {
	p.putObjects(ctx, newObject("a", "hook"), newObject("b", ""))
	gone := p.after(ctx, 0, 9)[1]
	gone.Deleted = true
	p.putObjects(ctx, gone)
	before := p.after(ctx, 0, 9)
	seen := before[len(before)-1].Revision
	p.again()
	p.same(p.after(ctx, 0, 9), before, "the objects behind 0")
	p.that(len(p.after(ctx, seen, 9)) == 0, "nothing is behind what was seen")
	for i := range 3 {
		p.putObjects(ctx, newObject(fmt.Sprint("c", i), ""))
		p.again()
		got := p.after(ctx, seen, 9)
		p.that(len(got) == i+1 && got[i].ID == fmt.Sprint("c", i), "what came later is behind what was seen: %v", objectIDs(got))
	}
	p.is(p.tryApply(ctx, livedesk.Changes{Objects: []livedesk.Object{newObject("x", "hook")}}), livedesk.ErrExists, "a second object of a key")
}

func reopenKeys(ctx context.Context, p *probe) {
	at := newSite()
	first := p.takeIn(ctx, at.arrival(1, "k1"))[0]
	p.again()
	got := p.takeIn(ctx, at.arrival(1, "k1"), at.arrival(1, "k2"), at.arrival(1, ""))
	p.same(news(got), []bool{false, true, false}, "whether the keys are new")
	p.that(got[0].Contact.ID == first.Contact.ID, "the contact is the first one")
}
