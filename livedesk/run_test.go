package livedesk_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

func realTime(s *settings) { s.RealTime = true }

// running starts the engine and returns what stops it and waits.
func running(t *testing.T, e *livedesk.Engine) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() {
			cancel()
			err = <-done
		})
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

// Run does by itself what Settle does on request: texts leave, snoozes end, retries happen.
func TestRun(t *testing.T) { // F167
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, realTime)
		w.twilioChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		stop := running(t, w.engine)
		synctest.Wait()
		require.ErrorContains(t, w.engine.Run(t.Context()), "running")

		began := time.Now()
		w.deliver(smstest.Text{From: alice, Body: "hello"})
		synctest.Wait()
		require.Equal(t, []string{"Hi"}, w.bodies(), "at once, without polling")
		require.Zero(t, time.Since(began))

		w.twilio.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: 429, RetryAfter: 20 * time.Second})
		m := w.start(bob, "later")
		time.Sleep(19 * time.Second)
		require.Equal(t, livedesk.Queued, w.state(m.ID))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, livedesk.Delivered, w.state(m.ID))

		id := w.live(alice).ID
		_, err := w.desk.Snooze(w.ctx(), id, host, time.Now().Add(time.Hour))
		require.NoError(t, err)
		time.Sleep(time.Hour - time.Second)
		require.Equal(t, livedesk.Snoozed, w.conversation(id).State)
		time.Sleep(2 * time.Second)
		require.Equal(t, livedesk.Open, w.conversation(id).State)
		require.NoError(t, stop())
		require.NoError(t, w.engine.Settle(t.Context()), "still usable")
		again := running(t, w.engine)
		synctest.Wait()
		require.NoError(t, again(), "and may run again")
	})
}

// Work that another process left is found by polling.
func TestRunFindsWorkOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, realTime)
		worker := w.open()
		stop := running(t, worker)
		time.Sleep(time.Minute)
		w.twilioChannel(nil)
		w.start(alice, "hello")
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, []string{"hello"}, w.bodies())
		require.NoError(t, stop())
	})
}

// Run ends within DrainTimeout, with what is in flight finished, or named if a carrier hangs.
func TestDrain(t *testing.T) { // F167
	t.Parallel()
	t.Run("nothing in flight", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, realTime)
			stop := running(t, w.engine)
			time.Sleep(time.Minute)
			began := time.Now()
			require.NoError(t, stop())
			require.Less(t, time.Since(began), time.Second)
		})
	})
	t.Run("a slow carrier is waited for", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, realTime)
			w.twilioChannel(nil)
			w.twilio.FailFunc(func(r smstest.Request) smstest.Fault {
				if r.Kind == smstest.KindSend {
					time.Sleep(5 * time.Second)
				}
				return smstest.Fault{}
			})
			stop := running(t, w.engine)
			m := w.start(alice, "hello")
			time.Sleep(time.Second)
			require.NoError(t, stop())
			require.Contains(t, []livedesk.DeliveryState{livedesk.Accepted, livedesk.Sent, livedesk.Delivered}, w.state(m.ID))
			require.Equal(t, 1, w.sends())
		})
	})
	t.Run("a carrier that hangs is left", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, realTime, func(s *settings) { s.SendTimeout, s.DrainTimeout = -1, 3*time.Second })
			w.twilioChannel(nil)
			w.twilio.Fail(smstest.Fault{Kind: smstest.FaultHang})
			stop := running(t, w.engine)
			m := w.start(alice, "hello")
			time.Sleep(time.Second) // it has the fault
			second := w.start(bob, "not begun")
			time.Sleep(time.Second)
			began := time.Now()
			require.ErrorContains(t, stop(), "in flight")
			require.LessOrEqual(t, time.Since(began), 4*time.Second)
			synctest.Wait()
			time.Sleep(2 * time.Minute)
			other := w.open()
			require.NoError(t, other.Settle(t.Context()))
			require.Equal(t, livedesk.Unknown, w.state(m.ID))
			require.NotEqual(t, livedesk.Queued, w.state(second.ID))
			require.Equal(t, 2, w.sends())
		})
	})
	t.Run("jobs in hand are done", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var store switchable
			var log logBuffer
			w := newWorld(t, realTime, func(s *settings) { s.Wrap, s.Logger = store.wrap, log.logger() })
			w.twilioChannel(nil)
			for i := range 5 {
				w.text(phone(i), "hello")
				_, err := w.desk.Snooze(w.ctx(), w.live(phone(i)).ID, host, time.Now().Add(time.Minute))
				require.NoError(t, err)
			}
			store.set(func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
				time.Sleep(100 * time.Millisecond)
				return inner.Update(ctx, fn)
			})
			stop := running(t, w.engine)
			time.Sleep(time.Minute + 300*time.Millisecond) // they are claimed, and one is being done
			require.NoError(t, stop())
			require.NotContains(t, log.String(), "failed")
			require.Len(t, w.all(livedesk.List{States: []livedesk.State{livedesk.Open}}), 5)
		})
	})
	t.Run("webhooks go on while it drains", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, realTime, func(s *settings) { s.SendTimeout = -1 })
			w.twilioChannel(nil)
			w.twilio.Fail(smstest.Fault{Kind: smstest.FaultHang})
			stop := running(t, w.engine)
			w.start(alice, "hello")
			time.Sleep(time.Second)
			var ended sync.WaitGroup
			ended.Go(func() { _ = stop() })
			time.Sleep(time.Second)
			w.deliver(smstest.Text{From: bob, Body: "still here"})
			require.Equal(t, []string{"still here"}, w.incoming(bob))
			ended.Wait()
		})
	})
}

// A broken store ends nothing: Run goes on when it is mended, and asks seldom meanwhile.
func TestRunSurvivesABrokenStore(t *testing.T) { // F131
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store switchable
		w := newWorld(t, realTime, func(s *settings) { s.Wrap = store.wrap })
		w.twilioChannel(nil)
		m := w.start(alice, "hello")
		var asked, last, pause atomic.Int64
		last.Store(time.Now().UnixNano())
		store.set(func(context.Context, livedesk.Store, func(context.Context, livedesk.Tx) error) error {
			asked.Add(1)
			now := time.Now().UnixNano()
			pause.Store(max(pause.Load(), now-last.Swap(now)))
			if asked.Load()%5 == 0 {
				panic("store bug")
			}
			return errBroken
		})
		stop := running(t, w.engine)
		time.Sleep(10 * time.Minute)
		require.Less(t, asked.Load(), int64(200), "with growing pauses")
		require.Less(t, time.Duration(pause.Load()), 10*time.Second, "F130")
		store.set(nil)
		time.Sleep(10 * time.Second)
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
		require.NoError(t, stop())
	})
}

// A transaction that never ends, over a connection that is dead without anybody having noticed, holds nothing up for ever:
// Run gives it up, goes on when the store answers again, and can be stopped meanwhile.
func TestRunGivesUpATransactionThatHangs(t *testing.T) { // F130
	t.Parallel()
	hangs := func(ctx context.Context, _ livedesk.Store, _ func(context.Context, livedesk.Tx) error) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, stops := range map[string]bool{"and goes on": false, "and stops": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var store switchable
				w := newWorld(t, realTime, func(s *settings) { s.Wrap = store.wrap })
				w.twilioChannel(nil)
				w.text(alice, "hello")
				_, err := w.desk.Snooze(w.ctx(), w.only().ID, host, time.Now().Add(time.Minute))
				require.NoError(t, err)
				m := w.start(bob, "hello")
				store.set(hangs)
				stop := running(t, w.engine)
				time.Sleep(time.Minute)
				if stops {
					began := time.Now()
					_ = stop()
					require.LessOrEqual(t, time.Since(began), 15*time.Second, "DrainTimeout")
					return
				}
				store.set(nil)
				time.Sleep(20 * time.Second)
				require.Equal(t, livedesk.Delivered, w.state(m.ID))
				require.Equal(t, livedesk.Open, w.live(alice).State)
				require.NoError(t, stop())
			})
		})
	}
}

// Hooks come after the commit, in its order, and see what is stored.
func TestHooks(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seqs []int64
	w := newWorld(t, func(s *settings) {
		s.Hooks.Message = func(_ context.Context, m livedesk.Message) {
			mu.Lock()
			defer mu.Unlock()
			seqs = append(seqs, m.Seq)
		}
	})
	w.twilioChannel(nil)
	for i := range 50 {
		w.deliver(smstest.Text{From: alice, Body: fmt.Sprint(i)})
	}
	w.settle()
	mu.Lock()
	defer mu.Unlock()
	require.GreaterOrEqual(t, len(seqs), 51)
	require.IsIncreasing(t, seqs)
}

// What hooks see last is what is stored.
func TestHooksSeeWhatIsStored(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	told, texts, talks := 0, map[string]livedesk.Message{}, map[string]livedesk.Conversation{}
	message := func(_ context.Context, m livedesk.Message) { mu.Lock(); texts[m.ID] = m; told++; mu.Unlock() }
	w := newWorld(t, func(s *settings) {
		s.Hooks = livedesk.Hooks{Message: message, Delivery: message,
			Conversation: func(_ context.Context, c livedesk.Conversation) { mu.Lock(); talks[c.ID] = c; mu.Unlock() }}
	})
	w.twilioChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	w.text(alice, "hello")
	w.reply(w.only().ID, "hi")
	w.settle()
	mu.Lock()
	defer mu.Unlock()
	require.Greater(t, told, len(texts), "of deliveries too")
	for _, m := range w.texts(w.only().ID) {
		require.Equal(t, m, texts[m.ID])
	}
	require.Equal(t, w.only(), talks[w.only().ID])
}

// A hook that blocks delays no webhook and no delivery.
func TestSlowHook(t *testing.T) { // F171
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := newWorld(t, realTime, func(s *settings) {
			wait := func(context.Context, livedesk.Message) { <-release }
			s.Hooks = livedesk.Hooks{Message: wait, Delivery: wait, Conversation: func(context.Context, livedesk.Conversation) { <-release }}
		})
		w.twilioChannel(func(c *livedesk.Channel) { c.Greeting, c.Rate = "Hi", -1 })
		stop := running(t, w.engine)
		began := time.Now()
		for i := range 600 { // more than the line of waiting calls takes
			w.deliver(smstest.Text{From: addr(phone(i)), Body: "hello"})
		}
		require.Less(t, time.Since(began), time.Second)
		time.Sleep(time.Minute)
		require.Len(t, w.bodies(), 600)
		close(release)
		require.NoError(t, stop())
		synctest.Wait()
	})
}

// A hook may call the engine: a small bot.
func TestHookThatReplies(t *testing.T) { // F171
	t.Parallel()
	var w *world
	w = newWorld(t, func(s *settings) {
		s.Hooks.Message = func(ctx context.Context, m livedesk.Message) {
			if m.Kind == livedesk.Incoming {
				if _, err := w.desk.Reply(ctx, m.Conversation, livedesk.Actor{Kind: livedesk.ActorHost}, livedesk.Draft{Text: "echo " + m.Text, Key: m.ID}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	w.twilioChannel(nil)
	w.text(alice, "one")
	w.text(alice, "two")
	require.Equal(t, []string{"echo one", "echo two"}, w.bodies())
}

// Engines leave no goroutine behind. Not parallel: it counts.
func TestNoGoroutineIsLeft(t *testing.T) { // I19
	before := runtime.NumGoroutine()
	for range 5 {
		w := newWorld(t, func(s *settings) { s.Hooks.Message = func(context.Context, livedesk.Message) {} })
		w.twilioChannel(nil)
		stop := running(t, w.engine)
		w.deliver(smstest.Text{From: alice, Body: "hello"})
		res := w.call(request(smstest.Webhook{URL: publicURL, Header: http.Header{}}, ""))
		require.Equal(t, 404, res.StatusCode)
		require.NoError(t, stop())
		w.settle()
		require.NoError(t, w.twilio.Close())
		require.NoError(t, w.bandwidth.Close())
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, time.Minute, 10*time.Millisecond)
}
