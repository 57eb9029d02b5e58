package storetest

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

func cancelCases() []Case {
	return []Case{
		clause("take back what is queued and claimed, and nothing else", cancelStates),
		clause("leave a reason, a note at Now, no Due, a higher Fence and Version", cancelLeaves),
		clause("keep the last notes of a full history", cancelHistory),
		clause("take back texts of the named thread only", cancelScope),
		clause("run before Messages", cancelBeforeMessages),
		clause("take the text from the worker that has seen it", cancelFromWorker),
		clause("make room for the next text of the conversation", cancelUnblocks),
		clause("of a thread without texts have no effect", cancelNothing),
	}
}

// cancelFor takes back what a conversation's contact has queued.
func cancelFor(c livedesk.Conversation) livedesk.Cancel {
	return livedesk.Cancel{Workspace: c.Workspace, Channel: c.Channel, Contact: c.Contact, Reason: channel.ReasonOptOut}
}

func (p *probe) cancel(ctx context.Context, c livedesk.Conversation) (now time.Time) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		now = tx.Now()
		return tx.Apply(ctx, livedesk.Changes{Cancels: []livedesk.Cancel{cancelFor(c)}})
	})
	return now
}

func cancelStates(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	states := []livedesk.DeliveryState{
		livedesk.Queued, livedesk.Claimed, livedesk.Posting, livedesk.Accepted, livedesk.Sent, livedesk.Delivered,
		livedesk.Undelivered, livedesk.Failed, livedesk.Unknown, livedesk.Unconfirmed, livedesk.Canceled, livedesk.Queued,
	}
	rows := []livedesk.Message{incoming(c, 1)}
	for i, s := range states {
		m := outgoing(c, int64(i+2), time.Time{})
		m.Delivery.State = s
		if s == livedesk.Queued || s == livedesk.Claimed || s == livedesk.Posting || s == livedesk.Unknown {
			m.Delivery.Due = p.now(ctx).Add(long)
		}
		rows = append(rows, m)
	}
	p.sendable(ctx, rows...)
	p.cancel(ctx, c)
	p.same(p.message(ctx, c.Workspace, rows[0].ID), rows[0], "the incoming message")
	for i, s := range states {
		got := p.message(ctx, c.Workspace, rows[i+1].ID)
		if s == livedesk.Queued || s == livedesk.Claimed {
			p.that(got.Delivery.State == livedesk.Canceled, "%s becomes canceled, not %s", s, got.Delivery.State)
			continue
		}
		p.same(got, rows[i+1], "a message that is "+string(s))
	}
}

func cancelLeaves(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := fullMessages(c)[1]
	m.Delivery.State = livedesk.Queued
	p.sendable(ctx, m)
	now := p.cancel(ctx, c)
	got := p.message(ctx, c.Workspace, m.ID)
	d := got.Delivery
	p.that(d.State == livedesk.Canceled && d.Reason == channel.ReasonOptOut, "state and reason are set: %s, %s", d.State, d.Reason)
	p.that(d.Due.IsZero(), "there is no due")
	p.that(d.Fence > 7, "the fence grows from 7, it is %d", d.Fence)
	p.that(got.Version > 1, "the version grows from 1, it is %d", got.Version)
	p.that(len(d.History) == 3, "there is one more note")
	p.same(d.History[:2], m.Delivery.History, "the notes before")
	p.that(d.History[2].At.Equal(now) && d.History[2].State == livedesk.Canceled, "the last note is at Now and says canceled")
	want := m
	want.Version, want.Delivery = got.Version, got.Delivery
	p.same(got, want, "the rest of the message")
}

func cancelHistory(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := outgoing(c, 1, p.now(ctx))
	for i := range livedesk.MaxHistory {
		m.Delivery.History = append(m.Delivery.History, livedesk.DeliveryNote{At: origin.Add(time.Duration(i) * time.Second), State: livedesk.Queued, Source: "attempt"})
	}
	p.sendable(ctx, m)
	p.cancel(ctx, c)
	got := p.message(ctx, c.Workspace, m.ID).Delivery.History
	p.that(len(got) == livedesk.MaxHistory, "there are %d notes, not %d", livedesk.MaxHistory, len(got))
	p.same(got[:livedesk.MaxHistory-1], m.Delivery.History[1:], "the notes before")
}

func cancelScope(ctx context.Context, p *probe) {
	at := newSite()
	other, foreign := site{at.workspace, newID()}, site{"beta", at.channel}
	c := p.talk(ctx, at, 1)
	rows := []livedesk.Conversation{c, p.talk(ctx, at, 2), p.talk(ctx, other, 1), p.talk(ctx, foreign, 1)}
	var texts []livedesk.Message
	for _, r := range rows {
		texts = append(texts, outgoing(r, 1, p.now(ctx)))
	}
	c.State = livedesk.Resolved
	second := newConversation(p.threads(ctx, at.key(1))[0])
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c, second}})
	texts = append(texts, outgoing(second, 1, p.now(ctx)))
	p.sendable(ctx, texts...)
	p.cancel(ctx, c)
	for i, want := range []livedesk.DeliveryState{livedesk.Canceled, livedesk.Queued, livedesk.Queued, livedesk.Queued, livedesk.Canceled} {
		got := p.message(ctx, texts[i].Workspace, texts[i].ID)
		p.that(got.Delivery.State == want, "text %d is %s, not %s", i, want, got.Delivery.State)
	}
}

func cancelBeforeMessages(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	old := outgoing(c, 1, p.now(ctx))
	p.sendable(ctx, old)
	confirmation := outgoing(c, 2, p.now(ctx))
	confirmation.Class = livedesk.ClassConfirmation
	p.apply(ctx, livedesk.Changes{Cancels: []livedesk.Cancel{cancelFor(c)}, Messages: []livedesk.Message{confirmation}})
	p.same(dueIDs(p.due(ctx, anything)), []string{confirmation.ID}, "what is due")
	old.Version = 1
	p.is(p.tryApply(ctx, livedesk.Changes{Cancels: []livedesk.Cancel{cancelFor(c)}, Messages: []livedesk.Message{old}}), livedesk.ErrConflict,
		"writing a text that the cancel changed")
}

func cancelFromWorker(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	p.sendable(ctx, outgoing(c, 1, p.now(ctx)))
	m := p.due(ctx, anything)[0].Message
	p.cancel(ctx, c)
	m.Delivery.State = livedesk.Posting
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}}), livedesk.ErrConflict, "posting what was canceled")
}

func cancelUnblocks(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	p.sendable(ctx, outgoing(c, 1, p.now(ctx).Add(long)))
	p.cancel(ctx, c)
	next := outgoing(c, 2, p.now(ctx))
	p.sendable(ctx, next)
	p.same(dueIDs(p.due(ctx, anything)), []string{next.ID}, "what is due")
}

func cancelNothing(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	p.cancel(ctx, c)
	c.Contact = newID()
	p.cancel(ctx, c)
}
