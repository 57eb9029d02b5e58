package livedesk_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// A worker hangs beyond its lease while the carrier has the text; another takes over: one request, and no second.
func TestTakeoverWhilePosting(t *testing.T) { // F61, F54, R9, R14
	t.Parallel()
	for name, accept := range map[string]bool{"the carrier has it": true, "the carrier has nothing": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, w *world) {
				arrived := make(chan struct{}, 10)
				w.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
					if r.Kind != smstest.KindSend {
						return smstest.Fault{}
					}
					arrived <- struct{}{}
					return smstest.Fault{Kind: smstest.FaultHang, Accept: accept}
				})
				m := w.start(alice, "hello")
				ctx, cancel := context.WithCancel(w.ctx())
				var slow sync.WaitGroup
				slow.Go(func() { _ = w.engine.Settle(ctx) })
				<-arrived
				require.Equal(t, livedesk.Posting, w.state(m.ID), "the attempt is written down before the first byte")
				second := w.open()
				require.NoError(t, second.Settle(w.ctx()))
				require.Equal(t, livedesk.Posting, w.state(m.ID), "not before the lease is over")
				w.advance(61 * time.Second)
				require.NoError(t, second.Settle(w.ctx()))
				require.Equal(t, livedesk.Unknown, w.state(m.ID))
				cancel() // the first one wakes
				slow.Wait()
				w.carrier.FailFunc(nil)
				if accept {
					require.NoError(t, w.carrier.Report(w.ctx(), w.carrier.Sent()[0].ID, smstest.Step{Status: "delivered"}))
				}
				w.settleOn(second)
				w.later(time.Hour)
				require.Equal(t, 1, w.sends())
				want := livedesk.Unconfirmed
				if accept {
					want = livedesk.Delivered
				}
				require.Equal(t, want, w.state(m.ID))
			}, quietCarriers)
		})
	}
}

// spyTx tells which states of texts a transaction writes.
type spyTx struct {
	livedesk.Tx
	seen func(livedesk.DeliveryState)
}

func (s spyTx) Apply(ctx context.Context, c livedesk.Changes) error {
	for _, m := range slices.Concat(c.Messages, c.Deliveries) {
		if m.Delivery != nil && m.Version > 0 {
			s.seen(m.Delivery.State)
		}
	}
	return s.Tx.Apply(ctx, c)
}

// atState stops the transaction that writes a state: before it, or after its commit.
func atState(state livedesk.DeliveryState, before, after func() error) func(livedesk.Store) livedesk.Store {
	return func(inner livedesk.Store) livedesk.Store {
		return &storeWrap{inner, func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
			hit := false
			err := inner.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
				if err := fn(ctx, spyTx{tx, func(s livedesk.DeliveryState) { hit = hit || s == state }}); err != nil {
					return err
				}
				if hit && before != nil {
					return before()
				}
				return nil
			})
			if err == nil && hit && after != nil {
				return after()
			}
			return err
		}}
	}
}

// Processes die at each step of a delivery: the text leaves once or not at all, and gets its verdict.
func TestDeathAtEachStep(t *testing.T) { // F54, I5, I6
	t.Parallel()
	dead := errors.New("process died")
	for name, c := range map[string]struct {
		state  livedesk.DeliveryState
		before bool
		sends  int
		want   livedesk.DeliveryState
	}{
		"before the gate commits":   {livedesk.Posting, true, 1, livedesk.Delivered},
		"after the gate committed":  {livedesk.Posting, false, 0, livedesk.Unconfirmed},
		"before the answer commits": {livedesk.Accepted, true, 1, livedesk.Accepted},
		"after the answer":          {livedesk.Accepted, false, 1, livedesk.Accepted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var alive atomic.Bool
			die := func() error {
				if alive.Load() {
					return nil
				}
				return dead
			}
			wrap := atState(c.state, nil, die)
			if c.before {
				wrap = atState(c.state, die, nil)
			}
			onOne(t, func(t *testing.T, w *world) {
				m := w.start(alice, "hello")
				_ = w.engine.Settle(w.ctx())
				alive.Store(true) // the process comes back
				second := w.open()
				require.NoError(t, second.Settle(w.ctx()))
				w.advance(61 * time.Second)
				w.settleOn(second)
				if c.state == livedesk.Accepted && c.before {
					require.Equal(t, livedesk.Unknown, w.state(m.ID), "never queued again")
					require.NoError(t, w.carrier.Report(w.ctx(), w.carrier.Sent()[0].ID, smstest.Step{Status: "accepted"}))
				}
				w.advance(20 * time.Minute)
				w.settleOn(second)
				require.Equal(t, c.sends, w.sends())
				if c.want == livedesk.Delivered {
					require.NoError(t, w.carrier.Report(w.ctx(), w.carrier.Sent()[0].ID, smstest.Step{Status: "delivered"}))
				}
				require.Equal(t, c.want, w.state(m.ID))
			}, quietCarriers, func(s *settings) { s.Wrap = wrap })
		})
	}
}

// onOne runs a test with a channel on the fake Twilio.
func onOne(t *testing.T, test func(t *testing.T, w *world), opts ...option) {
	t.Helper()
	w := newWorld(t, opts...)
	w.twilioChannel(nil)
	test(t, w)
}

// More than 2 s between the gate and the first byte: known not sent, and tried again.
func TestSleepAfterTheGate(t *testing.T) { // R15
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *settings) { s.RealTime, s.Wrap = true, sleepyGate(3*time.Second) })
		w.twilioChannel(nil)
		m := w.start(alice, "hello")
		w.settle()
		require.Zero(t, w.sends())
		require.Equal(t, livedesk.Queued, w.state(m.ID))
		time.Sleep(time.Minute)
		w.settle()
		require.Equal(t, 1, w.sends())
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
	})
}

// sleepyGate lets the first worker sleep between the commit of its gate and the first byte.
func sleepyGate(d time.Duration) func(livedesk.Store) livedesk.Store {
	var slept atomic.Bool
	return atState(livedesk.Posting, nil, func() error {
		if slept.CompareAndSwap(false, true) {
			time.Sleep(d)
		}
		return nil
	})
}

// A worker that slept through its lease finds that somebody else took over: its fence is old, so that nothing leaves and
// nothing that it thinks counts.
func TestSleepThroughTheLease(t *testing.T) { // F61, R14
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *settings) { s.RealTime, s.Wrap = true, sleepyGate(70*time.Second) })
		w.twilioChannel(nil)
		m := w.start(alice, "hello")
		var slow sync.WaitGroup
		slow.Go(func() { _ = w.engine.Settle(w.ctx()) })
		time.Sleep(65 * time.Second)
		second := w.open()
		require.NoError(t, second.Settle(w.ctx()))
		require.Equal(t, livedesk.Unknown, w.state(m.ID), "never queued again: bytes may have left")
		slow.Wait()
		require.Equal(t, livedesk.Unknown, w.state(m.ID), "the late answer of who lost its lease")
		time.Sleep(time.Hour)
		w.settleOn(second)
		require.Zero(t, w.sends())
		require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
	})
}

// A channel out of service keeps its queue, takes texts in, and goes on by itself when it is back.
func TestDisabledChannel(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		m := w.start(alice, "hello")
		w.change(func(c *livedesk.Channel) { c.Disabled = true })
		w.settle()
		for range 5 {
			w.later(time.Minute)
		}
		require.Equal(t, livedesk.Queued, w.state(m.ID))
		require.Zero(t, w.sends())
		require.Zero(t, w.message(m.ID).Delivery.Attempts)
		w.text(bob, "are you there?")
		require.Equal(t, []string{"are you there?"}, w.incoming(bob))
		_, err := w.desk.Reply(w.ctx(), w.live(bob).ID, host, livedesk.Draft{Text: "no"})
		require.ErrorIs(t, err, livedesk.ErrChannelClosed)
		_, err = w.desk.Start(w.ctx(), w.ch.ID, bob, host, livedesk.Draft{Text: "no"})
		require.ErrorIs(t, err, livedesk.ErrChannelClosed)
		w.change(func(c *livedesk.Channel) { c.Disabled = false })
		w.later(time.Minute)
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
	})
}

// A process without the channel's provider leaves its texts to those who have it.
func TestProcessWithoutTheProvider(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		m := w.start(alice, "hello")
		poor, err := livedesk.New(w.store, livedesk.Config{PublicURL: publicURL, Logger: w.settings(nil).Logger})
		require.NoError(t, err)
		require.NoError(t, poor.Settle(w.ctx()))
		require.Equal(t, livedesk.Queued, w.state(m.ID))
		require.Zero(t, w.message(m.ID).Delivery.Attempts)
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
	})
}

// A removed channel sends nothing more.
func TestRemovedChannelSendsNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.text(alice, "hello")
		m := w.reply(w.only().ID, "never")
		require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
		w.later(time.Hour)
		w.later(48 * time.Hour)
		require.Zero(t, w.sends())
		require.NotEqual(t, livedesk.Delivered, w.state(m.ID))
		_, err := w.desk.Reply(w.ctx(), w.only().ID, host, livedesk.Draft{Text: "no"})
		require.ErrorIs(t, err, livedesk.ErrChannelClosed)
		require.Equal(t, []string{"hello"}, w.incoming(alice), "conversations stay")
	})
}
