package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func claimCases() []Case {
	return []Case{
		clause("takes what is due and nothing else", claimDue),
		clause("returns what it stored: a higher Fence, a Due of now and lease, Claimed if it was Queued", claimReturns),
		clause("takes nothing twice while the lease lasts", claimOnce),
		clause("takes again what a worker let lapse, under a higher Fence", claimLapsed),
		clause("leaves a state other than Queued as it is", claimKeepsState),
		clause("waits for an earlier unfinished text of the conversation", claimInOrder),
		clause("waits for an earlier text that isn't due yet", claimBehindLater),
		clause("isn't held up by other conversations", claimBeside),
		clause("takes the lowest rank first, then the longest due", claimUrgent),
		clause("takes at most Limit", claimLimit),
		clause("takes at most PerSender of one sender", claimPerSender),
		clause("lets Senders override PerSender, 0 taking none", claimSenders),
		clause("passes over a spent sender to the next", claimPastSpent),
		clause("serves every workspace", claimWorkspaces),
		clause("what it returned can be written by its Version", claimWritten),
		clause("who lost the lease to another can't write", claimLost),
		clause("follows a text whose Due was moved", claimMoved),
		clause("leaves everything as it was when the transaction is rolled back", claimRolledBack),
	}
}

// anything claims all that is due.
var anything = livedesk.Claim{Limit: 100, Lease: long}

// sendable stores texts and returns them as they are stored.
func (p *probe) sendable(ctx context.Context, rows ...livedesk.Message) []livedesk.Message {
	p.apply(ctx, livedesk.Changes{Messages: rows})
	for i := range rows {
		rows[i].Version++
	}
	return rows
}

func claimDue(ctx context.Context, p *probe) {
	rows := p.talks(ctx, newSite(), 1, 6)
	now := p.now(ctx)
	due, exactly, later, never := outgoing(rows[0], 1, now.Add(-time.Second)), outgoing(rows[1], 1, now), outgoing(rows[2], 1, now.Add(long)), outgoing(rows[3], 1, time.Time{})
	never.Delivery.State = livedesk.Sent
	p.sendable(ctx, due, exactly, later, never, incoming(rows[4], 1))
	p.same(messageIDs(p.claim(ctx, anything)), []string{due.ID, exactly.ID}, "what is claimed")
}

func claimReturns(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := fullMessages(c)[1]
	m.Delivery.State, m.Delivery.Due = livedesk.Queued, p.now(ctx)
	p.sendable(ctx, m)
	var got []livedesk.Message
	var now time.Time
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		now = tx.Now()
		got, err = tx.Claim(ctx, livedesk.Claim{Limit: 1, Lease: 90 * time.Second})
		return err
	})
	p.that(len(got) == 1, "one text is claimed, not %d", len(got))
	d := got[0].Delivery
	p.that(d.Fence > 7, "the fence grows from 7, it is %d", d.Fence)
	p.that(d.Due.Equal(now.Add(90*time.Second)), "due is now and lease")
	p.that(d.State == livedesk.Claimed, "the state is claimed, not %s", d.State)
	want := m
	want.Version = got[0].Version
	want.Delivery = new(*m.Delivery)
	want.Delivery.Fence, want.Delivery.Due, want.Delivery.State = d.Fence, d.Due, d.State
	p.same(got[0], want, "the rest of the message")
	p.same(p.message(ctx, c.Workspace, m.ID), got[0], "the stored message")
}

func claimOnce(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	p.sendable(ctx, outgoing(c, 1, p.now(ctx)))
	p.that(len(p.claim(ctx, anything)) == 1, "the text is claimed")
	p.that(len(p.claim(ctx, anything)) == 0, "it isn't claimed a second time")
}

func claimLapsed(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := p.sendable(ctx, outgoing(c, 1, p.now(ctx)))[0]
	fence := int64(0)
	for range 3 {
		got := p.claim(ctx, livedesk.Claim{Limit: 1, Lease: p.brief()})
		p.that(len(got) == 1 && got[0].ID == m.ID, "the text is claimed when its lease lapsed")
		p.that(got[0].Delivery.Fence > fence, "the fence grows from %d, it is %d", fence, got[0].Delivery.Fence)
		p.that(got[0].Delivery.State == livedesk.Claimed, "it stays claimed")
		fence = got[0].Delivery.Fence
		p.lapse(ctx)
	}
}

func claimKeepsState(ctx context.Context, p *probe) {
	states := []livedesk.DeliveryState{livedesk.Claimed, livedesk.Posting, livedesk.Unknown, livedesk.Accepted}
	rows := p.talks(ctx, newSite(), 1, len(states)+1)
	want := map[string]livedesk.DeliveryState{}
	for i, s := range states {
		m := outgoing(rows[i], 1, p.now(ctx).Add(-time.Minute))
		m.Delivery.State = s
		want[m.ID] = s
		p.sendable(ctx, m)
	}
	got := p.claim(ctx, anything)
	p.that(len(got) == len(states), "every text with a due is claimed, not %d", len(got))
	for _, m := range got {
		p.that(m.Delivery.State == want[m.ID], "%s stays, it is %s", want[m.ID], m.Delivery.State)
	}
}

func claimInOrder(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	now := p.now(ctx)
	// The later ones are more urgent and longer due; order in the conversation wins all the same.
	first, second, third := outgoing(c, 1, now), outgoing(c, 2, now.Add(-time.Minute)), outgoing(c, 5, now.Add(-time.Hour))
	first.Class, third.Class = livedesk.ClassAutomatic, livedesk.ClassConfirmation
	p.sendable(ctx, third, first, second)
	for _, want := range []livedesk.Message{first, second, third} {
		got := p.claim(ctx, anything)
		p.same(messageIDs(got), []string{want.ID}, "what is claimed")
		p.that(len(p.claim(ctx, anything)) == 0, "nothing more while it is unfinished")
		m := got[0]
		m.Delivery.State, m.Delivery.Due = livedesk.Posting, p.now(ctx).Add(long)
		p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}})
		p.that(len(p.claim(ctx, anything)) == 0, "nothing more while it is posted")
		m.Version++
		m.Delivery.State, m.Delivery.Due = livedesk.Accepted, time.Time{}
		p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}})
	}
}

func claimBehindLater(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	waits := outgoing(c, 1, p.now(ctx).Add(long))
	waits.Delivery.State = livedesk.Unknown
	next := outgoing(c, 2, p.now(ctx))
	p.sendable(ctx, waits, next)
	p.that(len(p.claim(ctx, anything)) == 0, "nothing is claimed behind a text without a verdict")
	waits.Version, waits.Delivery.Due, waits.Delivery.State = 1, time.Time{}, livedesk.Unconfirmed
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{waits}})
	p.same(messageIDs(p.claim(ctx, anything)), []string{next.ID}, "what is claimed after the verdict")
}

func claimBeside(ctx context.Context, p *probe) {
	rows := p.talks(ctx, newSite(), 1, 4)
	now := p.now(ctx)
	var want []string
	for i, c := range rows {
		m := outgoing(c, 1, now.Add(time.Duration(i)*time.Microsecond-time.Second))
		p.sendable(ctx, m, outgoing(c, 2, now.Add(-long)))
		want = append(want, m.ID)
	}
	p.same(messageIDs(p.claim(ctx, anything)), want, "what is claimed")
}

func claimUrgent(ctx context.Context, p *probe) {
	classes := []livedesk.Class{livedesk.ClassAutomatic, livedesk.ClassAI, livedesk.ClassHuman, livedesk.ClassConfirmation}
	at := newSite()
	rows := p.talks(ctx, at, 1, 13)
	rows = append(rows, p.talks(ctx, site{at.workspace, newID()}, 1, 13)...)
	now := p.now(ctx)
	var texts []livedesk.Message
	for i, c := range rows {
		m := outgoing(c, 1, now.Add(-time.Duration(i*7%24+1)*time.Second))
		m.Class = classes[i%4]
		texts = append(texts, m)
	}
	p.sendable(ctx, texts...)
	slices.SortFunc(texts, func(a, b livedesk.Message) int {
		if a.Class != b.Class {
			return a.Class.Rank() - b.Class.Rank()
		}
		return a.Delivery.Due.Compare(b.Delivery.Due)
	})
	want := messageIDs(texts)
	p.same(messageIDs(p.claim(ctx, livedesk.Claim{Limit: 10, Lease: long})), want[:10], "the first ten")
	p.same(messageIDs(p.claim(ctx, anything)), want[10:], "the others")
}

func claimLimit(ctx context.Context, p *probe) {
	rows := p.talks(ctx, newSite(), 1, 8)
	for _, c := range rows {
		p.sendable(ctx, outgoing(c, 1, p.now(ctx)))
	}
	for _, want := range []int{3, 3, 1, 0} {
		got := p.claim(ctx, livedesk.Claim{Limit: 3, Lease: long})
		p.that(len(got) == want, "%d texts are claimed, not %d", want, len(got))
	}
}

// crowd stores n texts, one in each of n conversations, for each of some sites, and returns them by channel.
func (p *probe) crowd(ctx context.Context, n int, sites ...site) map[string][]string {
	out := map[string][]string{}
	now := p.now(ctx)
	for _, at := range sites {
		var rows []livedesk.Message
		for i, c := range p.talks(ctx, at, 0, n) {
			rows = append(rows, outgoing(c, 1, now.Add(time.Duration(i)*time.Microsecond-time.Minute)))
		}
		p.sendable(ctx, rows...)
		out[at.channel] = messageIDs(rows)
	}
	return out
}

func bySender(rows []livedesk.Message) map[string][]string {
	out := map[string][]string{}
	for _, m := range rows {
		out[m.Channel] = append(out[m.Channel], m.ID)
	}
	return out
}

func claimPerSender(ctx context.Context, p *probe) {
	a, b := newSite(), newSite()
	all := p.crowd(ctx, 7, a, b)
	for i := 0; i < 7; i += 3 {
		end := min(i+3, 7)
		got := bySender(p.claim(ctx, livedesk.Claim{Limit: 100, Lease: long, PerSender: 3}))
		p.same(got, map[string][]string{a.channel: all[a.channel][i:end], b.channel: all[b.channel][i:end]}, "what is claimed")
	}
}

func claimSenders(ctx context.Context, p *probe) {
	a, b, c, d := newSite(), newSite(), newSite(), newSite()
	all := p.crowd(ctx, 5, a, b, c, d)
	got := bySender(p.claim(ctx, livedesk.Claim{Limit: 100, Lease: long, PerSender: 2, Senders: map[livedesk.Sender]int{
		{Workspace: a.workspace, Channel: a.channel}: 0,
		{Workspace: b.workspace, Channel: b.channel}: 4,
		{Workspace: c.workspace, Channel: c.channel}: 1,
		{Workspace: "beta", Channel: d.channel}:      0,
	}}))
	p.same(got, map[string][]string{
		b.channel: all[b.channel][:4], c.channel: all[c.channel][:1], d.channel: all[d.channel][:2],
	}, "what is claimed under budgets of 0, 4, 1 and the common 2")
	rest := bySender(p.claim(ctx, livedesk.Claim{Limit: 100, Lease: long, Senders: map[livedesk.Sender]int{
		{Workspace: a.workspace, Channel: a.channel}: 3,
	}}))
	p.same(rest, map[string][]string{
		a.channel: all[a.channel][:3], b.channel: all[b.channel][4:], c.channel: all[c.channel][1:], d.channel: all[d.channel][2:],
	}, "what is claimed under a budget of 3 and no common one")
}

func claimPastSpent(ctx context.Context, p *probe) {
	spent, other := newSite(), newSite()
	p.crowd(ctx, 300, spent)
	late := outgoing(p.talk(ctx, other, 1), 1, p.now(ctx))
	late.Class = livedesk.ClassAutomatic
	p.sendable(ctx, late)
	got := p.claim(ctx, livedesk.Claim{Limit: 3, Lease: long, Senders: map[livedesk.Sender]int{
		{Workspace: spent.workspace, Channel: spent.channel}: 2,
	}})
	p.that(len(got) == 3 && got[2].ID == late.ID, "the other sender's text is claimed behind the two that are allowed")
}

func claimWorkspaces(ctx context.Context, p *probe) {
	at := newSite()
	foreign := site{"beta", at.channel}
	p.crowd(ctx, 2, at)
	p.crowd(ctx, 2, foreign)
	got := p.claim(ctx, livedesk.Claim{Limit: 100, Lease: long, PerSender: 1})
	p.that(len(got) == 2 && got[0].Workspace != got[1].Workspace, "one channel id in two workspaces is two senders")
}

func claimWritten(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	p.sendable(ctx, outgoing(c, 1, p.now(ctx)))
	m := p.claim(ctx, anything)[0]
	m.Delivery.State, m.Delivery.Due, m.ProviderID = livedesk.Accepted, time.Time{}, "SM1"
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}})
	m.Version++
	p.same(p.message(ctx, m.Workspace, m.ID), m, "the message")
}

func claimLost(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	p.sendable(ctx, outgoing(c, 1, p.now(ctx)))
	mine := p.claim(ctx, livedesk.Claim{Limit: 1, Lease: p.brief()})[0]
	p.lapse(ctx)
	theirs := p.claim(ctx, anything)[0]
	mine.Delivery.State = livedesk.Posting
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{mine}}), livedesk.ErrConflict, "a write under a lapsed lease")
	theirs.Delivery.State = livedesk.Posting
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{theirs}})
}

func claimMoved(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := p.sendable(ctx, outgoing(c, 1, p.now(ctx).Add(long)))[0]
	p.that(len(p.claim(ctx, anything)) == 0, "it isn't due")
	m.Delivery.Due = p.now(ctx)
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}})
	p.that(len(p.claim(ctx, anything)) == 1, "it is due after it was moved")
}

func claimRolledBack(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := p.sendable(ctx, outgoing(c, 1, p.now(ctx)))[0]
	p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.Claim(ctx, anything)
		return err
	})
	p.same(p.message(ctx, m.Workspace, m.ID), m, "the message")
	p.that(len(p.claim(ctx, anything)) == 1, "it can be claimed")
}
