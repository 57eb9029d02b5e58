package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// outbound is a backlog of texts that wait in the store, several to each customer, and the time until the carrier has
// them and the store knows it. Workers are those of [livedesk.Config]: texts in the carrier's hands at once.
type outbound struct {
	b    *bench
	l    *line
	rate map[side]float64 // of the last turn
	bad  int
}

// backlogTexts is how many texts wait for one customer: their order must be kept.
const backlogTexts = 5

func openOutbound(ctx context.Context, b *bench) (contest, error) {
	l, err := b.openLine(ctx, "+15105550104", nil)
	if err != nil {
		return nil, err
	}
	return &outbound{b: b, l: l, rate: map[side]float64{}}, nil
}

func (o *outbound) turn(ctx context.Context, to side, workers int, d time.Duration) (t turn, err error) {
	n := max(int(max(o.rate[to], 500)*d.Seconds())/backlogTexts, 1) * backlogTexts
	if to == bare {
		t, err = o.bare(ctx, workers, n)
	} else {
		t, err = o.desk(ctx, workers, n)
	}
	o.rate[to] = t.rate()
	return t, err
}

func (o *outbound) desk(ctx context.Context, workers, n int) (turn, error) {
	people := o.b.meet(n / backlogTexts)
	if err := o.b.settle(ctx, o.l, people, 1); err != nil {
		return turn{}, err
	}
	if _, err := o.b.sendable(ctx, o.l, people, backlogTexts, func(time.Time, *livedesk.Message) {}); err != nil {
		return turn{}, err
	}
	d, err := o.b.open(func(c *livedesk.Config) { c.Workers = workers })
	if err != nil {
		return turn{}, err
	}
	if _, err := d.Channels(ctx); err != nil { // reads the configuration
		return turn{}, err
	}
	all := o.b.carrier.expect(n)
	t := o.b.meter.clocked(func() turn {
		stop := d.start(ctx)
		err = errors.Join(wait(ctx, all), stop()) // Run returns when every answer is stored
		return turn{done: n}
	})
	taken, disordered := o.b.carrier.count()
	o.bad += disordered
	if err != nil {
		return turn{}, fmt.Errorf("the carrier got %d of %d texts: %w", taken, n, err)
	}
	return t, nil
}

// wait bounds how long a backlog may take, so that a text that never leaves is told of.
func wait(ctx context.Context, all <-chan struct{}) error {
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Minute):
		return errors.New("two minutes are over")
	}
}

func (o *outbound) bare(ctx context.Context, workers, n int) (turn, error) {
	names := make([]string, n)
	for i := range names {
		names[i] = o.b.ids.sid(o.b.sids.Add(1))
	}
	if err := o.b.db.bare.fill(ctx, names); err != nil {
		return turn{}, err
	}
	o.b.carrier.expect(n)
	first := o.b.meet(n).from
	return o.b.meter.clocked(func() turn {
		return drive(ctx, workers, time.Hour, func(ctx context.Context, i uint64) error {
			if i >= uint64(n) {
				return errSpent
			}
			if err := o.b.send(ctx, o.l.number, address(first+i), numbered(1)); err != nil {
				return err
			}
			return o.b.db.bare.mark(ctx, names[i], "accepted")
		})
	}), nil
}

func (o *outbound) wrong(context.Context) (int, error) { return o.bad, nil }
