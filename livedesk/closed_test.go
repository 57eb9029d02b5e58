package livedesk_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// On a channel that sends nothing, every text that may have left gets its verdict all the same, behind whatever is queued.
func TestVerdictsOnClosedChannels(t *testing.T) { // I6
	t.Parallel()
	for name, close := range map[string]func(w *world){
		"disabled": func(w *world) { w.change(func(c *livedesk.Channel) { c.Disabled = true }) },
		"paused":   func(w *world) { require.NoError(w.t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, "")) },
		"removed":  func(w *world) { require.NoError(w.t, w.desk.RemoveChannel(w.ctx(), w.ch.ID)) },
	} {
		for _, carrier := range []string{"twilio", "bandwidth"} {
			t.Run(name+" "+carrier, func(t *testing.T) {
				t.Parallel()
				var dead atomic.Bool
				w := newWorld(t, quietCarriers, func(s *settings) {
					s.Wrap = atState(livedesk.Posting, nil, func() error {
						if dead.Load() {
							return errors.New("process died")
						}
						return nil
					})
				})
				if carrier == "twilio" {
					w.twilioChannel(nil)
				} else {
					w.bandwidthChannel(nil)
				}
				testVerdictsOn(t, w, &dead, func() { close(w) }, name == "removed")
			})
		}
	}
}

func testVerdictsOn(t *testing.T, w *world, dead *atomic.Bool, close func(), removed bool) {
	w.blind()
	w.carrier.Fail(lostAndGone)
	unknown := w.start(alice, "outcome unknown")
	w.settle()
	require.Equal(t, livedesk.Unknown, w.state(unknown.ID))
	dead.Store(true)
	posting := w.start(bob, "its worker died")
	_ = w.engine.Settle(w.ctx())
	dead.Store(false)
	require.Equal(t, livedesk.Posting, w.state(posting.ID))
	for range 100 { // what waits stands before them
		w.reply(unknown.Conversation, "behind it")
	}
	queued := w.start("+14155550177", "waits")
	close()
	w.settle()
	for range 100 {
		w.later(20 * time.Second)
	}
	require.Equal(t, livedesk.Unconfirmed, w.state(unknown.ID))
	require.Equal(t, livedesk.Unconfirmed, w.state(posting.ID))
	want := livedesk.Queued
	if removed {
		want = livedesk.Canceled
	}
	require.Equal(t, want, w.state(queued.ID))
}

// A store that counts says which closed channels have something to settle: a text that its worker left in posting is enough.
func TestVerdictsOnClosedChannelsThatAreCounted(t *testing.T) { // I6
	t.Parallel()
	require.Equal(t, livedesk.Unknown, livedesk.Posting.Counted())
	var dead atomic.Bool
	w := newWorld(t, quietCarriers, func(s *settings) {
		s.Wrap = func(inner livedesk.Store) livedesk.Store {
			return counted{atState(livedesk.Posting, nil, func() error {
				if dead.Load() {
					return errors.New("process died")
				}
				return nil
			})(inner), inner.(orderly).Store.(livedesk.MeasuredStore)}
		}
	})
	w.twilioChannel(nil)
	dead.Store(true)
	m := w.start(alice, "its worker died")
	_ = w.engine.Settle(w.ctx())
	dead.Store(false)
	require.Equal(t, livedesk.Posting, w.state(m.ID))
	w.change(func(c *livedesk.Channel) { c.Disabled = true })
	for range 100 {
		w.later(20 * time.Second)
	}
	require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
	require.Zero(t, w.sends())
}

// looks counts how often a closed channel is looked at, page by page.
type looks struct {
	livedesk.Store
	channel       string
	counts, lists atomic.Int64
	broken        atomic.Bool // what is lost can't be read
}

func (l *looks) Durable() bool { return false }

func (l *looks) View(ctx context.Context, fn func(context.Context, livedesk.ReadTx) error) error {
	return l.Store.View(ctx, func(ctx context.Context, tx livedesk.ReadTx) error { return fn(ctx, lookTx{tx, l}) })
}

type lookTx struct {
	livedesk.ReadTx
	l *looks
}

func (t lookTx) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	if q.Channel == t.l.channel {
		t.l.lists.Add(1)
		if t.l.broken.Load() {
			return nil, errBroken
		}
	}
	return t.ReadTx.Conversations(ctx, q)
}

// countedLooks is the same with counts.
type countedLooks struct {
	*looks
	livedesk.MeasuredStore
}

func (l countedLooks) CountTexts(ctx context.Context, workspace, channel string) (livedesk.TextCounts, error) {
	if channel == l.channel {
		l.counts.Add(1)
	}
	if l.broken.Load() {
		return livedesk.TextCounts{}, errBroken
	}
	return l.MeasuredStore.CountTexts(ctx, workspace, channel)
}

// looked is a world with a channel whose looks are counted.
func looked(t *testing.T, measured bool, opts ...option) (*world, *looks) {
	l := &looks{}
	w := newWorld(t, append(opts, quietCarriers, func(s *settings) {
		s.Wrap = func(inner livedesk.Store) livedesk.Store {
			if l.Store = inner; measured {
				return countedLooks{l, inner.(orderly).Store.(livedesk.MeasuredStore)}
			}
			return l
		}
	})...)
	l.channel = w.twilioChannel(nil).ID
	return w, l
}

// strand leaves texts as a worker that dies does: posting, and leased until an instant.
func (w *world) strand(until time.Time, list ...livedesk.Message) {
	w.t.Helper()
	require.NoError(w.t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		keys := make([]livedesk.MessageKey, len(list))
		for i, m := range list {
			keys[i] = livedesk.MessageKey{Workspace: "main", ID: m.ID}
		}
		msgs, err := tx.Messages(ctx, keys)
		for _, m := range msgs {
			m.Delivery.State, m.Delivery.Due, m.Delivery.Attempts = livedesk.Posting, until, 1
		}
		if err != nil {
			return err
		}
		return tx.Apply(ctx, livedesk.Changes{Deliveries: msgs})
	}))
}

func (w *world) disable(off bool) {
	w.t.Helper()
	w.change(func(c *livedesk.Channel) { c.Disabled = off })
}

// A closed channel is looked at once a minute, and after three looks that found nothing no more while it stays closed: what
// only waits there is nothing. One that is opened and closed again is looked at anew, and so is one whose carrier is probed.
func TestClosedChannelsAreLookedAtSeldom(t *testing.T) {
	t.Parallel()
	for name, measured := range map[string]bool{"with counts": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, l := looked(t, measured)
			look := func(after time.Duration, want int64) {
				t.Helper()
				before := l.counts.Load() + l.lists.Load()
				w.later(after)
				require.Equal(t, want, l.counts.Load()+l.lists.Load()-before)
			}
			w.settle()
			waits := w.start(alice, "waits")
			w.disable(true)
			look(0, 1)
			look(59*time.Second, 0)
			look(time.Second, 1)
			look(time.Minute, 1)
			look(time.Minute, 0)
			look(time.Minute, 0)
			require.Equal(t, livedesk.Queued, w.state(waits.ID))
			w.disable(false)
			w.later(time.Minute)
			w.disable(true)
			look(time.Minute, 1)
			w.disable(false)
			w.carrier.FailFunc(func(smstest.Request) smstest.Fault { return smstest.Fault{Kind: smstest.FaultStatus, Status: 401} })
			w.start(bob, "hello")
			w.settle()
			for range 5 {
				look(time.Minute, 1)
			}
			w.advance(-time.Hour) // the store's clock was set right
			look(0, 1)
			require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
			look(time.Minute, 0)
		})
	}
}

// What a dead worker left is settled on a closed channel, however much, and also behind other conversations; the host is told.
// Only as much is read as that takes, and where nobody knows how much it is, so much.
func TestManyVerdictsOnClosedChannel(t *testing.T) { // I6
	t.Parallel()
	for name, measured := range map[string]bool{"with counts": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told atomic.Int64
			w, l := looked(t, measured, func(s *settings) {
				s.Hooks.Delivery = func(context.Context, livedesk.Message) { told.Add(1) }
			})
			pages := func(want int64) {
				t.Helper()
				before := l.lists.Load()
				w.later(time.Minute)
				require.Equal(t, want, l.lists.Load()-before)
			}
			var list []livedesk.Message
			for i := range 231 {
				list = append(list, w.start(phone(i), "hello"))
				w.advance(time.Millisecond)
			}
			w.disable(true)
			oldest, lost := list[0], list[131:]
			w.strand(w.clock().Add(5*time.Minute), lost...)
			for range 4 { // none is due, and none is forgotten
				w.later(time.Minute)
			}
			require.Zero(t, told.Load())
			pages(map[bool]int64{true: 2, false: 4}[measured])
			for _, m := range lost {
				require.Equal(t, livedesk.Unknown, w.state(m.ID))
			}
			require.EqualValues(t, 100, told.Load())
			w.strand(w.clock(), oldest)
			pages(map[bool]int64{true: 5, false: 4}[measured])
			require.Equal(t, measured, w.state(oldest.ID) == livedesk.Unknown)
			require.Equal(t, livedesk.Queued, w.state(list[1].ID))
		})
	}
}

// A process dies with the job that would look for a text. On a closed channel the text is looked for all the same, once, and
// gets its verdict.
func TestVerdictWhoseJobIsGone(t *testing.T) { // I6
	t.Parallel()
	w, _ := looked(t, true)
	w.carrier.Fail(lostAndGone)
	m := w.start(alice, "hello")
	w.settle()
	w.startMany(100) // what waits stands before it
	w.disable(true)
	w.advance(30 * time.Second)
	require.NoError(t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.ClaimJobs(ctx, 100, time.Hour)
		return err
	}))
	w.later(verdict - time.Minute)
	w.advance(time.Minute)
	require.NoError(t, w.engine.Settle(w.ctx()))
	require.Equal(t, 1, w.lists())
	require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
}

// What can't be read or written is told, and tried again.
func TestVerdictsWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	for name, measured := range map[string]bool{"with counts": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, l := looked(t, measured)
			m := w.start(alice, "hello")
			w.disable(true)
			w.strand(w.clock().Add(30*time.Second), m)
			w.settle()
			w.advance(time.Minute)
			l.broken.Store(true)
			err := w.engine.Settle(w.ctx())
			require.ErrorIs(t, err, errBroken)
			require.ErrorContains(t, err, "verdicts of channel "+w.ch.ID)
			l.broken.Store(false)
			w.later(time.Minute)
			require.Equal(t, livedesk.Unknown, w.state(m.ID))
		})
	}
}

// What is lost for somebody who opted out meanwhile isn't put before the gate of a closed channel again.
func TestNoRepeatForOptedOutOnClosedChannel(t *testing.T) { // R12
	t.Parallel()
	w := onTwilio(t, repeatAbsent)
	w.carrier.Fail(lostAndGone)
	m := w.start(alice, "hello")
	w.settle()
	_, err := w.desk.OptOut(w.ctx(), w.ch.ID, alice, host, "")
	require.NoError(t, err)
	for range 60 {
		w.later(10 * time.Second)
	}
	require.Len(t, notes(w.message(m.ID)), 4)
	w.disable(true)
	w.later(verdict)
	require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
}

// A worker that hung until its text was settled without it, on a channel that was closed meanwhile, has no say any more.
func TestSlowWorkerOnClosedChannel(t *testing.T) { // I6
	t.Parallel()
	w := newWorld(t, quietCarriers)
	w.bandwidthChannel(nil)
	arrived := make(chan struct{}, 10)
	w.carrier.FailFunc(func(smstest.Request) smstest.Fault {
		arrived <- struct{}{}
		return smstest.Fault{Kind: smstest.FaultHang}
	})
	m := w.start(alice, "hello")
	ctx, cancel := context.WithCancel(w.ctx())
	var slow sync.WaitGroup
	slow.Go(func() { _ = w.engine.Settle(ctx) })
	<-arrived
	w.disable(true)
	w.advance(61 * time.Second)
	second := w.open()
	require.NoError(t, second.Settle(w.ctx()))
	settled := w.message(m.ID)
	require.Equal(t, livedesk.Unknown, settled.Delivery.State)
	cancel()
	slow.Wait()
	w.carrier.FailFunc(nil)
	w.settleOn(second)
	require.Equal(t, settled, w.message(m.ID))
}
