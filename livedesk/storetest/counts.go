package storetest

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// The cases of a [livedesk.MeasuredStore], which a store need not be.
func countCases() []Case {
	return []Case{
		clause("are of the texts of one channel, by what is known of them", countsTexts),
		clause("have a text as what it is now", countsMoving),
		clause("have the time at which the oldest queued text was stored, whatever is due first", countsOldest),
		clause("are of the jobs that are due, not of those that are claimed or come later", countsDue),
		clause("have those jobs as parked that were tried that often, due or not", countsParked),
		clause("stop at MaxCounted, and their oldest doesn't", countsStop),
		clause("are ErrNested inside a transaction", countsNested),
	}
}

// measured returns the store as one that counts, or skips the case.
func (p *probe) measured() livedesk.MeasuredStore {
	m, ok := p.Store.(livedesk.MeasuredStore)
	if !ok {
		p.must(&SkipError{"the store is no MeasuredStore, which is optional"}, "count")
	}
	return m
}

func (p *probe) textCounts(ctx context.Context, at site) livedesk.TextCounts {
	n, err := p.measured().CountTexts(ctx, at.workspace, at.channel)
	p.must(err, "count texts")
	return n
}

func (p *probe) jobCounts(ctx context.Context, parked int) livedesk.JobCounts {
	n, err := p.measured().CountJobs(ctx, parked)
	p.must(err, "count jobs")
	return n
}

// deliveryStates are all that there are.
var deliveryStates = []livedesk.DeliveryState{
	livedesk.Queued, livedesk.Claimed, livedesk.Posting, livedesk.Accepted, livedesk.Sent, livedesk.Delivered, livedesk.Read,
	livedesk.Undelivered, livedesk.Failed, livedesk.Unknown, livedesk.Unconfirmed, livedesk.Canceled,
}

// inState is a text that has come that far.
func inState(c livedesk.Conversation, seq int64, now time.Time, s livedesk.DeliveryState) livedesk.Message {
	m := outgoing(c, seq, now)
	if m.Delivery.State = s; s.Final() || s.Counted() == "" || s == livedesk.Unconfirmed {
		m.Delivery.Due = time.Time{}
	}
	return m
}

func countsTexts(ctx context.Context, p *probe) {
	p.measured()
	at, now := newSite(), p.now(ctx)
	others := []site{{at.workspace, newID()}, {"beta", at.channel}}
	for i, s := range append(others, at) {
		c := p.talk(ctx, s, 1)
		rows := []livedesk.Message{incoming(c, 1)}
		for k, state := range deliveryStates {
			for range i + 1 { // others have other numbers
				rows = append(rows, inState(c, int64(len(rows)+1), now, state))
			}
			rows[len(rows)-1].At = origin.Add(time.Duration(k) * time.Hour)
		}
		p.apply(ctx, livedesk.Changes{Messages: rows})
	}
	p.same(p.textCounts(ctx, at), livedesk.TextCounts{Queued: 6, Oldest: origin, Unknown: 6, Unconfirmed: 3}, "the channel's counts")
	p.same(p.textCounts(ctx, others[0]), livedesk.TextCounts{Queued: 2, Oldest: origin, Unknown: 2, Unconfirmed: 1}, "another channel's")
	p.same(p.textCounts(ctx, others[1]), livedesk.TextCounts{Queued: 4, Oldest: origin, Unknown: 4, Unconfirmed: 2}, "another workspace's")
	p.same(p.textCounts(ctx, newSite()), livedesk.TextCounts{}, "those of a channel that has none")
}

func countsMoving(ctx context.Context, p *probe) {
	p.measured()
	at := newSite()
	c := p.talk(ctx, at, 1)
	m := p.sendable(ctx, outgoing(c, 1, p.now(ctx)))[0]
	p.same(p.textCounts(ctx, at), livedesk.TextCounts{Queued: 1, Oldest: origin}, "the counts of a queued text")
	for _, step := range []struct {
		to   livedesk.DeliveryState
		want livedesk.TextCounts
	}{
		{livedesk.Posting, livedesk.TextCounts{Unknown: 1}},
		{livedesk.Unknown, livedesk.TextCounts{Unknown: 1}},
		{livedesk.Unconfirmed, livedesk.TextCounts{Unconfirmed: 1}},
		{livedesk.Delivered, livedesk.TextCounts{}},
		{livedesk.Queued, livedesk.TextCounts{Queued: 1, Oldest: origin}},
	} {
		m.Delivery = inState(c, 1, p.now(ctx), step.to).Delivery
		p.apply(ctx, livedesk.Changes{Deliveries: []livedesk.Message{m}})
		m.Version++
		p.same(p.textCounts(ctx, at), step.want, "the counts of a text that is "+string(step.to))
	}
	p.apply(ctx, livedesk.Changes{Cancels: []livedesk.Cancel{{Workspace: c.Workspace, Channel: c.Channel, Contact: c.Contact}}})
	p.same(p.textCounts(ctx, at), livedesk.TextCounts{}, "the counts of a text that was taken back")
}

func countsOldest(ctx context.Context, p *probe) {
	p.measured()
	at, now := newSite(), p.now(ctx)
	c := p.talk(ctx, at, 1)
	rows := []livedesk.Message{outgoing(c, 1, now), outgoing(c, 2, now.Add(long)), outgoing(c, 3, now.Add(-long)), inState(c, 4, now, livedesk.Posting)}
	for i, ago := range []time.Duration{1, 3, 2, 4} {
		rows[i].At = origin.Add(-ago * time.Minute)
	}
	rows[1].Class = livedesk.ClassAutomatic
	p.apply(ctx, livedesk.Changes{Messages: rows})
	p.same(p.textCounts(ctx, at), livedesk.TextCounts{Queued: 3, Oldest: rows[1].At, Unknown: 1}, "the counts")
}

func countsDue(ctx context.Context, p *probe) {
	p.same(p.jobCounts(ctx, 3), livedesk.JobCounts{}, "the counts of no job")
	now := p.now(ctx)
	b := newJob("b", now.Add(-time.Minute))
	b.Workspace = "beta"
	p.schedule(ctx, newJob("a", now.Add(-time.Second)), b, newJob("c", now), newJob("later", now.Add(long)))
	p.same(p.jobCounts(ctx, 3), livedesk.JobCounts{Due: 3, Oldest: b.Due}, "the counts of all workspaces")
	p.claimJobs(ctx, 2, p.brief())
	p.same(p.jobCounts(ctx, 3), livedesk.JobCounts{Due: 1, Oldest: now}, "the counts beside two that are claimed")
	p.lapse(ctx)
	p.that(p.jobCounts(ctx, 3).Due == 3, "those whose lease lapsed are due again")
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: newJob("a", now), Done: true}, {Job: b, Done: true}, {Job: newJob("c", now), Done: true}}})
	p.same(p.jobCounts(ctx, 3), livedesk.JobCounts{}, "the counts when they are done")
}

func countsParked(ctx context.Context, p *probe) {
	p.measured()
	now := p.now(ctx)
	p.schedule(ctx, newJob("a", now.Add(-time.Second)), newJob("b", now))
	for i := range 4 {
		p.that(p.jobCounts(ctx, 3).Parked == max(0, i-2)*2, "the jobs are parked from the third attempt on, not after %d", i)
		for _, j := range p.claimJobs(ctx, 9, long) {
			j.Due = p.now(ctx)
			p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: j}}})
		}
	}
	p.schedule(ctx, newJob("a", now.Add(long)))
	n := p.jobCounts(ctx, 3)
	p.that(n.Parked == 1 && n.Due == 1, "one that is scheduled anew was never tried: %+v", n)
	b := p.claimJobs(ctx, 9, long)
	n = p.jobCounts(ctx, 3)
	p.that(len(b) == 1 && n.Parked == 1 && n.Due == 0, "one that is claimed is parked all the same: %+v", n)
}

func countsStop(ctx context.Context, p *probe) {
	p.measured()
	at, now := newSite(), p.now(ctx)
	first := now.Add(-24 * time.Hour)
	c := p.talk(ctx, at, 1)
	var rows livedesk.Changes
	for i := range livedesk.MaxCounted + 1 {
		stored := first.Add(time.Duration(i) * time.Second)
		m := outgoing(c, int64(i+1), now)
		m.At = stored
		rows.Messages = append(rows.Messages, m)
		rows.Jobs = append(rows.Jobs, livedesk.JobChange{Job: newJob(m.ID, stored)})
	}
	p.apply(ctx, rows)
	p.same(p.textCounts(ctx, at), livedesk.TextCounts{Queued: livedesk.MaxCounted, Oldest: first}, "the channel's counts")
	p.same(p.jobCounts(ctx, 3), livedesk.JobCounts{Due: livedesk.MaxCounted, Oldest: first}, "the counts of jobs")
}

func countsNested(ctx context.Context, p *probe) {
	m := p.measured()
	var texts, jobs error
	p.update(ctx, func(ctx context.Context, _ livedesk.Tx) error {
		_, texts = m.CountTexts(ctx, "acme", "sms")
		_, jobs = m.CountJobs(ctx, 3)
		return nil
	})
	p.is(texts, livedesk.ErrNested, "CountTexts in an Update")
	p.is(jobs, livedesk.ErrNested, "CountJobs in an Update")
}
