package storetest

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func deliveryCases() []Case {
	return []Case{
		clause("write the ProviderID and the Delivery of a message that exists, under the next Version", deliveryWrites),
		clause("a row of another Version is ErrConflict, and of a message that isn't there", deliveryVersions),
		clause("let a text be found by its carrier's id, which is ErrExists when another one has it", deliveryProviderID),
		clause("make a text due, and finish it", deliveryDue),
		clause("are written behind Cancels and Messages", deliveryOrder),
		clause("decide what a later Cancel takes back", deliveryCanceled),
	}
}

// deliver writes what became of texts and returns them as they are stored.
func (p *probe) deliver(ctx context.Context, rows ...livedesk.Message) []livedesk.Message {
	p.apply(ctx, livedesk.Changes{Deliveries: rows})
	for i := range rows {
		rows[i].Version++
	}
	return rows
}

func (p *probe) tryDeliver(ctx context.Context, m livedesk.Message) error {
	return p.tryApply(ctx, livedesk.Changes{Deliveries: []livedesk.Message{m}})
}

func deliveryWrites(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := fullMessages(c)[1]
	other := outgoing(c, 1, origin)
	p.sendable(ctx, m, other)
	m.Version = 1
	for _, d := range []livedesk.Delivery{
		{State: livedesk.Accepted, Fence: 9, Attempts: 3, Segments: 2},
		{State: livedesk.Unknown, Due: origin.Add(time.Hour), Expires: origin.Add(time.Minute), Fence: 1 << 40, Code: "30008", Reason: "unknown",
			History: []livedesk.DeliveryNote{{At: origin, State: livedesk.Unknown, Source: "answer", Detail: "lost"}}},
		*m.Delivery,
	} {
		m.Delivery, m.ProviderID = &d, "SM"+string(d.State)
		m = p.deliver(ctx, m)[0]
		p.same(p.message(ctx, m.Workspace, m.ID), m, "the message")
	}
	other.Version = 1
	p.same(p.message(ctx, other.Workspace, other.ID), other, "another message")
}

func deliveryVersions(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := p.sendable(ctx, outgoing(c, 1, origin))[0]
	p.deliver(ctx, m)
	p.is(p.tryDeliver(ctx, m), livedesk.ErrConflict, "an old version")
	m.ID, m.Seq = newID(), 2
	p.is(p.tryDeliver(ctx, m), livedesk.ErrConflict, "a delivery of a message that isn't there")
}

func deliveryProviderID(ctx context.Context, p *probe) {
	at := newSite()
	rows := p.talks(ctx, at, 1, 3)
	texts := p.sendable(ctx, outgoing(rows[0], 1, origin), outgoing(rows[1], 1, origin))
	texts[0].ProviderID, texts[1].ProviderID = "SM1", "SM1"
	p.deliver(ctx, texts[0])
	key := livedesk.MessageKey{Workspace: at.workspace, Channel: at.channel, ProviderID: "SM1"}
	p.that(p.messages(ctx, key)[0].ID == texts[0].ID, "the text is found by its carrier's id")
	p.is(p.tryDeliver(ctx, texts[1]), livedesk.ErrExists, "a second text of a carrier's id")
}

func deliveryDue(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	first, second := outgoing(c, 1, p.now(ctx).Add(long)), outgoing(c, 2, p.now(ctx))
	first = p.sendable(ctx, first, second)[0]
	p.that(len(p.due(ctx, anything)) == 0, "the first isn't due, and the second waits for it")
	first.Delivery.Due = p.now(ctx)
	first = p.deliver(ctx, first)[0]
	p.same(dueIDs(p.due(ctx, anything)), []string{first.ID}, "what is due after the first was moved")
	first.Delivery.Due, first.Delivery.State = time.Time{}, livedesk.Sent
	p.deliver(ctx, first)
	p.same(dueIDs(p.due(ctx, anything)), []string{second.ID}, "what is due after the first was finished")
}

func deliveryOrder(ctx context.Context, p *probe) {
	at := newSite()
	rows := p.talks(ctx, at, 1, 3)
	texts := p.sendable(ctx, outgoing(rows[0], 1, origin), outgoing(rows[1], 1, origin))
	err := p.tryApply(ctx, livedesk.Changes{Cancels: []livedesk.Cancel{cancelFor(rows[0])}, Deliveries: texts[:1]})
	p.is(err, livedesk.ErrConflict, "a delivery of a text that a Cancel of the same Apply took back")
	texts[0].ProviderID = "SM1"
	texts[0] = p.deliver(ctx, texts[0])[0]
	gives, takes := texts[0], texts[1]
	gives.ProviderID, takes.ProviderID = "", "SM1"
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{gives}, Deliveries: []livedesk.Message{takes}})
	key := livedesk.MessageKey{Workspace: at.workspace, Channel: at.channel, ProviderID: "SM1"}
	p.that(p.messages(ctx, key)[0].ID == takes.ID, "a carrier's id went from a message to a delivery")
}

func deliveryCanceled(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	texts := p.sendable(ctx, outgoing(c, 1, origin), outgoing(c, 2, origin))
	texts[0].Delivery.State = livedesk.Posting
	texts[1].Delivery.State = livedesk.Claimed
	p.deliver(ctx, texts...)
	p.cancel(ctx, c)
	for i, want := range []livedesk.DeliveryState{livedesk.Posting, livedesk.Canceled} {
		got := p.message(ctx, c.Workspace, texts[i].ID).Delivery.State
		p.that(got == want, "text %d is %s, not %s", i, got, want)
	}
	texts[0].Delivery.State = livedesk.Queued
	p.deliver(ctx, texts[0])
	p.cancel(ctx, c)
	p.that(p.message(ctx, c.Workspace, texts[0].ID).Delivery.State == livedesk.Canceled, "what was put back is taken back")
}
