package main

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// inbound is texts of customers: of those with an open conversation, or of such as were never heard of.
type inbound struct {
	b      *bench
	l      *line
	known  crowd // empty: everybody is new
	before int   // what the desk had of it at the beginning
	acked  int   // texts that the desk took
	count  func(ctx context.Context) (int, error)
}

// openKnown opens the desk of -seed-conversations with -seed-messages each; every text is of one of those customers.
func openKnown(ctx context.Context, b *bench) (contest, error) {
	l, err := b.openLine(ctx, "+15105550101", nil)
	if err != nil {
		return nil, err
	}
	in := &inbound{b: b, l: l, known: b.meet(b.conversations)}
	if err := b.settle(ctx, l, in.known, b.messages); err != nil {
		return nil, err
	}
	in.before = b.conversations * b.messages
	in.count = in.entries
	return in, nil
}

// openNew opens a channel on which nobody answers, so that all its conversations wait.
func openNew(ctx context.Context, b *bench) (contest, error) {
	l, err := b.openLine(ctx, "+15105550102", nil)
	if err != nil {
		return nil, err
	}
	in := &inbound{b: b, l: l}
	in.count = in.conversations
	return in, nil
}

func (in *inbound) turn(ctx context.Context, to side, workers int, d time.Duration) (turn, error) {
	stop := func() error { return nil }
	if to == desk {
		stop = in.l.start(ctx)
	}
	t := in.b.meter.clocked(func() turn {
		return drive(ctx, workers, d, func(ctx context.Context, n uint64) error {
			return in.b.write(ctx, in.l, to, in.from(n), n)
		})
	})
	if to == desk {
		in.acked += t.done
	}
	return t, stop()
}

// from says who writes text n of a turn.
func (in *inbound) from(n uint64) uint64 {
	if in.known.size() == 0 {
		return in.b.meet(1).from
	}
	return in.known.from + mix(n)%uint64(in.known.size())
}

func (in *inbound) wrong(ctx context.Context) (int, error) {
	there, err := in.count(ctx)
	return max(in.before+in.acked-there, 0), err
}

// entries counts what stands in all timelines of the channel: a text to an open conversation is one entry.
func (in *inbound) entries(ctx context.Context) (n int, err error) {
	for c, err := range in.l.AllConversations(ctx, livedesk.List{Channel: in.l.channel.ID, Limit: livedesk.MaxLimit}) {
		if err != nil {
			return 0, err
		}
		n += int(c.LastSeq)
	}
	return n, nil
}

// conversations counts those of the channel: each new customer has one.
func (in *inbound) conversations(ctx context.Context) (int, error) {
	n, err := in.l.Counts(ctx, livedesk.CountQuery{Channel: in.l.channel.ID})
	return n.Open, err
}
