package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func claimCases() []Case {
	return []Case{
		clause("finds what is due and nothing else", claimDue),
		clause("returns a text as it is stored, with its contact and its thread", claimReturns),
		clause("changes nothing", claimChangesNothing),
		clause("finds an unfinished text whatever its state", claimAnyState),
		clause("waits for an earlier unfinished text of the conversation", claimInOrder),
		clause("waits for an earlier text that isn't due yet", claimBehindLater),
		clause("isn't held up by other conversations", claimBeside),
		clause("finds the lowest rank first, then the longest due", claimUrgent),
		clause("finds at most Limit", claimLimit),
		clause("finds at most PerSender of one sender", claimPerSender),
		clause("lets Senders override PerSender, 0 taking none", claimSenders),
		clause("passes over a spent sender to the next", claimPastSpent),
		clause("serves every workspace", claimWorkspaces),
		clause("what it found can be written in the same transaction", claimWritten),
		clause("finds nothing that was taken back, and what is left with the newest consent", claimAfterStop),
		clause("follows a text whose Due was moved", claimMoved),
		clause("leaves everything as it was when the transaction is rolled back", claimRolledBack),
	}
}

// anything claims all that is due.
var anything = livedesk.Claim{Limit: 100}

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
	p.same(dueIDs(p.due(ctx, anything)), []string{due.ID, exactly.ID}, "what is found")
}

func claimReturns(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	m := fullMessages(c)[1]
	m.Delivery.State, m.Delivery.Due = livedesk.Queued, p.now(ctx)
	m = p.sendable(ctx, m)[0]
	l := p.threads(ctx, at.key(1))[0]
	l.Contact.Name, l.Contact.Labels, l.Thread.Automatic, l.Thread.AINext = "Zoe", []string{"vip"}, 3, origin
	p.apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{l.Contact}, Threads: []livedesk.Thread{l.Thread}})
	l.Contact.Version++
	l.Thread.Version++
	p.same(p.due(ctx, anything), []livedesk.DueText{{Message: m, Contact: l.Contact, Thread: l.Thread}}, "what is found")
}

func claimChangesNothing(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := p.sendable(ctx, outgoing(c, 1, p.now(ctx)))[0]
	first := p.due(ctx, anything)
	p.that(len(first) == 1, "the text is found")
	p.same(p.message(ctx, c.Workspace, m.ID), m, "the stored text")
	p.same(p.due(ctx, anything), first, "what is found the next time")
}

func claimAnyState(ctx context.Context, p *probe) {
	states := []livedesk.DeliveryState{livedesk.Queued, livedesk.Claimed, livedesk.Posting, livedesk.Unknown, livedesk.Accepted}
	rows := p.talks(ctx, newSite(), 1, len(states)+1)
	want := map[string]livedesk.DeliveryState{}
	for i, s := range states {
		m := outgoing(rows[i], 1, p.now(ctx).Add(-time.Minute))
		m.Delivery.State = s
		want[m.ID] = s
		p.sendable(ctx, m)
	}
	got := p.due(ctx, anything)
	p.that(len(got) == len(states), "every text with a due is found, not %d", len(got))
	for _, d := range got {
		p.that(d.Message.Delivery.State == want[d.Message.ID], "%s stays, it is %s", want[d.Message.ID], d.Message.Delivery.State)
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
		got := p.post(ctx, anything)
		p.same(messageIDs(got), []string{want.ID}, "what is found")
		p.that(len(p.due(ctx, anything)) == 0, "nothing more while it is posted")
		m := got[0]
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
	p.that(len(p.due(ctx, anything)) == 0, "nothing is found behind a text without a verdict")
	waits.Version, waits.Delivery.Due, waits.Delivery.State = 1, time.Time{}, livedesk.Unconfirmed
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{waits}})
	p.same(dueIDs(p.due(ctx, anything)), []string{next.ID}, "what is found after the verdict")
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
	p.same(dueIDs(p.due(ctx, anything)), want, "what is found")
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
	p.same(messageIDs(p.post(ctx, livedesk.Claim{Limit: 10})), want[:10], "the first ten")
	p.same(dueIDs(p.due(ctx, anything)), want[10:], "the others")
}

func claimLimit(ctx context.Context, p *probe) {
	rows := p.talks(ctx, newSite(), 1, 8)
	for _, c := range rows {
		p.sendable(ctx, outgoing(c, 1, p.now(ctx)))
	}
	for _, want := range []int{3, 3, 1, 0} {
		got := p.post(ctx, livedesk.Claim{Limit: 3})
		p.that(len(got) == want, "%d texts are found, not %d", want, len(got))
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
		got := bySender(p.post(ctx, livedesk.Claim{Limit: 100, PerSender: 3}))
		p.same(got, map[string][]string{a.channel: all[a.channel][i:end], b.channel: all[b.channel][i:end]}, "what is found")
	}
}

func claimSenders(ctx context.Context, p *probe) {
	a, b, c, d := newSite(), newSite(), newSite(), newSite()
	all := p.crowd(ctx, 5, a, b, c, d)
	got := bySender(p.post(ctx, livedesk.Claim{Limit: 100, PerSender: 2, Senders: map[livedesk.Sender]int{
		{Workspace: a.workspace, Channel: a.channel}: 0,
		{Workspace: b.workspace, Channel: b.channel}: 4,
		{Workspace: c.workspace, Channel: c.channel}: 1,
		{Workspace: "beta", Channel: d.channel}:      0,
	}}))
	p.same(got, map[string][]string{
		b.channel: all[b.channel][:4], c.channel: all[c.channel][:1], d.channel: all[d.channel][:2],
	}, "what is found under budgets of 0, 4, 1 and the common 2")
	rest := bySender(p.post(ctx, livedesk.Claim{Limit: 100, Senders: map[livedesk.Sender]int{
		{Workspace: a.workspace, Channel: a.channel}: 3,
	}}))
	p.same(rest, map[string][]string{
		a.channel: all[a.channel][:3], b.channel: all[b.channel][4:], c.channel: all[c.channel][1:], d.channel: all[d.channel][2:],
	}, "what is found under a budget of 3 and no common one")
}

func claimPastSpent(ctx context.Context, p *probe) {
	spent, other := newSite(), newSite()
	p.crowd(ctx, 300, spent)
	late := outgoing(p.talk(ctx, other, 1), 1, p.now(ctx))
	late.Class = livedesk.ClassAutomatic
	p.sendable(ctx, late)
	got := p.due(ctx, livedesk.Claim{Limit: 3, Senders: map[livedesk.Sender]int{
		{Workspace: spent.workspace, Channel: spent.channel}: 2,
	}})
	p.that(len(got) == 3 && got[2].Message.ID == late.ID, "the other sender's text is found behind the two that are allowed")
}

func claimWorkspaces(ctx context.Context, p *probe) {
	at := newSite()
	foreign := site{"beta", at.channel}
	p.crowd(ctx, 2, at)
	p.crowd(ctx, 2, foreign)
	got := p.due(ctx, livedesk.Claim{Limit: 100, PerSender: 1})
	p.that(len(got) == 2 && got[0].Message.Workspace != got[1].Message.Workspace, "one channel id in two workspaces is two senders")
}

func claimWritten(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	p.sendable(ctx, outgoing(c, 1, p.now(ctx)))
	var d livedesk.DueText
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		due, err := tx.Claim(ctx, anything)
		if err != nil || len(due) != 1 {
			return errors.Join(err, fmt.Errorf("%d texts are found, not 1", len(due)))
		}
		d = due[0]
		d.Message.Delivery.State, d.Message.Delivery.Due, d.Message.ProviderID = livedesk.Accepted, time.Time{}, "SM1"
		d.Thread.Automatic++
		return tx.Apply(ctx, livedesk.Changes{Deliveries: []livedesk.Message{d.Message}, Threads: []livedesk.Thread{d.Thread}})
	})
	d.Message.Version++
	d.Thread.Version++
	p.same(p.message(ctx, c.Workspace, d.Message.ID), d.Message, "the text")
	p.same(p.threads(ctx, at.key(1))[0].Thread, d.Thread, "the thread")
	p.that(len(p.due(ctx, anything)) == 0, "nothing is due any more")
}

// stopping opts the contact of a loaded thread out, takes back what waits, and confirms it.
func stopping(l livedesk.LoadedThread, confirmation livedesk.Message) livedesk.Changes {
	l.Thread.Consent = livedesk.ConsentState{OptedOut: true, Since: origin, Source: "keyword", Keyword: "stop"}
	confirmation.Class = livedesk.ClassConfirmation
	return livedesk.Changes{
		Threads: []livedesk.Thread{l.Thread}, Cancels: []livedesk.Cancel{cancelFor(*l.Current)}, Messages: []livedesk.Message{confirmation},
	}
}

func claimAfterStop(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	p.sendable(ctx, outgoing(c, 1, p.now(ctx)), outgoing(c, 2, p.now(ctx)))
	got := p.due(ctx, anything)
	p.that(len(got) == 1 && !got[0].Thread.Consent.OptedOut, "before a STOP a text is found whose thread has not opted out")
	confirmation := outgoing(c, 3, p.now(ctx))
	p.apply(ctx, stopping(p.threads(ctx, at.key(1))[0], confirmation))
	got = p.due(ctx, anything)
	p.same(dueIDs(got), []string{confirmation.ID}, "what is found after it")
	p.that(got[0].Thread.Consent.OptedOut, "its thread says that the contact opted out")
}

func claimMoved(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := p.sendable(ctx, outgoing(c, 1, p.now(ctx).Add(long)))[0]
	p.that(len(p.due(ctx, anything)) == 0, "it isn't due")
	m.Delivery.Due = p.now(ctx)
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}})
	p.that(len(p.due(ctx, anything)) == 1, "it is due after it was moved")
}

func claimRolledBack(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := p.sendable(ctx, outgoing(c, 1, p.now(ctx)))[0]
	p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		due, err := tx.Claim(ctx, anything)
		if err != nil || len(due) != 1 {
			return errors.Join(err, fmt.Errorf("%d texts are found, not 1", len(due)))
		}
		due[0].Message.Delivery.State, due[0].Message.Delivery.Due = livedesk.Posting, tx.Now().Add(long)
		return tx.Apply(ctx, livedesk.Changes{Deliveries: textsOf(due)})
	})
	p.same(p.message(ctx, m.Workspace, m.ID), m, "the text")
	p.that(len(p.due(ctx, anything)) == 1, "it can be claimed")
}
