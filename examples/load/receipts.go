package main

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// receipts is status callbacks of texts that the carrier has: "sent", and some time later "delivered", for each.
type receipts struct {
	b    *bench
	l    *line
	rate map[side]float64 // of the last turn, to prepare enough for the next
	lost int
}

// window is how many texts are reported sent before the first of them is reported delivered.
const window = 256

// statusTexts is how many texts one conversation has, about as many as real ones.
const statusTexts = 4

func openReceipts(ctx context.Context, b *bench) (contest, error) {
	l, err := b.openLine(ctx, "+15105550103", nil)
	if err != nil {
		return nil, err
	}
	return &receipts{b: b, l: l, rate: map[side]float64{}}, nil
}

func (r *receipts) turn(ctx context.Context, to side, workers int, d time.Duration) (turn, error) {
	// Two callbacks for each text, and some more texts than the last turn had.
	want := int(max(r.rate[to], 4000)*d.Seconds()*0.75) + window
	texts, err := r.prepare(ctx, to, want)
	if err != nil {
		return turn{}, err
	}
	stop := func() error { return nil }
	if to == desk {
		stop = r.l.start(ctx)
	}
	t := r.b.meter.clocked(func() turn {
		return drive(ctx, workers, d, func(ctx context.Context, n uint64) error {
			i, word := step(n)
			if i >= len(texts) {
				return errSpent
			}
			m := texts[i]
			return r.b.report(ctx, r.l, to, m, word)
		})
	})
	r.rate[to] = t.rate()
	if to == desk && t.failed == 0 {
		n, err := r.missing(ctx, texts, t.done)
		if err != nil {
			return t, err
		}
		r.lost += n
	}
	return t, stop()
}

// step says which text callback n is about, and what it says.
func step(n uint64) (i int, word string) {
	block, place := int(n/(2*window)), int(n%(2*window))
	if place < window {
		return block*window + place, "sent"
	}
	return block*window + place - window, "delivered"
}

// prepare makes texts that the carrier took already.
func (r *receipts) prepare(ctx context.Context, to side, n int) ([]livedesk.Message, error) {
	n -= n % window
	if to == bare {
		texts := make([]livedesk.Message, n)
		names := make([]string, n)
		for i := range texts {
			names[i] = r.b.ids.sid(r.b.sids.Add(1))
			texts[i] = livedesk.Message{ID: r.b.ids.row(time.Now(), r.b.rows.Add(1)), ProviderID: names[i]}
		}
		return texts, r.b.db.bare.fill(ctx, names)
	}
	people := r.b.meet(n / statusTexts)
	if err := r.b.settle(ctx, r.l, people, 1); err != nil {
		return nil, err
	}
	return r.b.sendable(ctx, r.l, people, statusTexts, func(now time.Time, m *livedesk.Message) {
		m.ProviderID = r.b.ids.sid(r.b.sids.Add(1))
		m.Delivery.State, m.Delivery.Due, m.Delivery.Attempts = livedesk.Accepted, time.Time{}, 1
		m.Delivery.History = []livedesk.DeliveryNote{
			{At: now, State: livedesk.Posting, Source: "attempt"},
			{At: now, State: livedesk.Accepted, Source: "answer", Word: string(channel.StatusAccepted)},
		}
	})
}

// report posts a status callback to the address that the desk gave the carrier with the text.
func (b *bench) report(ctx context.Context, l *line, to side, m livedesk.Message, word string) error {
	return l.client.post(ctx, to, l.webhook+"/status/"+m.ID, statusForm(b.ids.account(), m.ProviderID, l.number, "+12025550147", word))
}

// missing counts the texts whose state is not what the first done callbacks said.
func (r *receipts) missing(ctx context.Context, texts []livedesk.Message, done int) (wrong int, err error) {
	said := map[int]livedesk.DeliveryState{}
	for n := range done {
		switch i, word := step(uint64(n)); word {
		case "sent":
			said[i] = livedesk.Sent
		default:
			said[i] = livedesk.Delivered
		}
	}
	for i := 0; i < len(texts); i += batch {
		part := texts[i:min(i+batch, len(texts))]
		keys := make([]livedesk.MessageKey, len(part))
		for k, m := range part {
			keys[k] = livedesk.MessageKey{Workspace: m.Workspace, ID: m.ID}
		}
		err := r.b.db.store.View(ctx, func(ctx context.Context, tx livedesk.ReadTx) error {
			there, err := tx.Messages(ctx, keys)
			for k, m := range there {
				if want := said[i+k]; want != "" && (m.Delivery == nil || m.Delivery.State != want) {
					wrong++
				}
			}
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return wrong, nil
}

func (r *receipts) wrong(context.Context) (int, error) { return r.lost, nil }
