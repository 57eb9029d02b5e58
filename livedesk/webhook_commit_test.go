package livedesk_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// switchable is a store whose Update can be broken and mended.
type switchable struct {
	storeWrap
	how atomic.Pointer[func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error]
}

func (s *switchable) wrap(inner livedesk.Store) livedesk.Store {
	s.Store = inner
	s.update = func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
		if how := s.how.Load(); how != nil {
			return (*how)(ctx, inner, fn)
		}
		return inner.Update(ctx, fn)
	}
	return &s.storeWrap
}

func (s *switchable) set(how func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error) {
	if how == nil {
		s.how.Store(nil)
		return
	}
	s.how.Store(&how)
}

// The carrier hears 2xx when the text is committed, and not before: a store that fails is answered 503, and the
// carrier's next attempt makes exactly one.
func TestStoreThatFails(t *testing.T) { // R4, R22, F127
	t.Parallel()
	type update = func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error
	for name, broken := range map[string]update{
		"before the transaction": func(context.Context, livedesk.Store, func(context.Context, livedesk.Tx) error) error {
			return errBroken
		},
		"rolled back": func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
			return inner.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
				if err := fn(ctx, tx); err != nil {
					return err
				}
				return errBroken
			})
		},
		"after the commit": func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
			if err := inner.Update(ctx, fn); err != nil {
				return err
			}
			return errBroken
		},
		"a panic": func(context.Context, livedesk.Store, func(context.Context, livedesk.Tx) error) error {
			panic("store bug")
		},
		"always lost to others": func(context.Context, livedesk.Store, func(context.Context, livedesk.Tx) error) error {
			return livedesk.ErrSerialization
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var store switchable
			w := newWorld(t, func(s *settings) { s.Wrap = store.wrap })
			w.twilioChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
			h := w.genuine(smstest.Text{From: alice, Body: "hello"})
			store.set(broken)
			for range 2 {
				res := w.call(request(h, ""))
				require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
				require.NotEmpty(t, res.Header.Get("Retry-After"))
			}
			store.set(nil)
			require.Equal(t, http.StatusNoContent, w.call(request(h, "")).StatusCode)
			w.settle()
			require.Equal(t, []string{"hello"}, w.incoming(alice))
			require.Equal(t, []string{"Hi"}, w.bodies())
		})
	}
}

// A store that loses to others now and then is tried again, unseen from outside.
func TestStoreThatLosesToOthers(t *testing.T) { // F106
	t.Parallel()
	var store switchable
	w := newWorld(t, func(s *settings) { s.Wrap = store.wrap })
	w.twilioChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	w.agents(w.ch.ID, 10, "ada")
	var n atomic.Int64
	store.set(func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
		if n.Add(1)%3 != 0 {
			_ = inner.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { // decides, and is rolled back
				if err := fn(ctx, tx); err != nil {
					return err
				}
				return livedesk.ErrSerialization
			})
			return livedesk.ErrSerialization
		}
		return inner.Update(ctx, fn)
	})
	for i := range 5 {
		w.text(fmt.Sprintf("+1415555%04d", i), "hello")
	}
	require.Len(t, w.all(livedesk.List{}), 5)
	require.Len(t, w.bodies(), 5)
	require.Equal(t, 5, w.load("ada"))
}

// A store that takes 20 s is answered 503 before the carrier gives up (Bandwidth waits 10 s), and the retries make one. Those
// that come while the first is still in the air wait for it: what one customer writes is decided in its order.
func TestStoreThatIsSlow(t *testing.T) { // F28
	t.Parallel()
	for name, commits := range map[string]bool{"and commits in the end": true, "and gives up": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var store switchable
				w := newWorld(t, func(s *settings) { s.Wrap, s.RealTime = store.wrap, true })
				w.bandwidthChannel(nil)
				h := w.genuine(smstest.Text{From: alice, Body: "hello"})
				store.set(func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
					if commits {
						err := inner.Update(context.WithoutCancel(ctx), fn)
						time.Sleep(20 * time.Second)
						return err
					}
					select {
					case <-time.After(20 * time.Second):
						return errBroken
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				began := time.Now()
				require.Equal(t, http.StatusServiceUnavailable, w.call(request(h, "")).StatusCode)
				require.LessOrEqual(t, time.Since(began), 9*time.Second)
				store.set(nil)
				for {
					at := time.Now()
					status := w.call(request(h, "")).StatusCode
					require.LessOrEqual(t, time.Since(at), 9*time.Second)
					if status == http.StatusNoContent {
						break
					}
					require.Equal(t, http.StatusServiceUnavailable, status)
				}
				require.LessOrEqual(t, time.Since(began), 21*time.Second, "the store is well again")
				require.Equal(t, []string{"hello"}, w.incoming(alice))
				time.Sleep(time.Minute)
			})
		})
	}
}

// A caller who goes away while the store commits leaves one text or none, and the retry makes one.
func TestCallerGoesAwayDuringTheCommit(t *testing.T) { // F27
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		for i := range 50 {
			h := w.genuine(smstest.Text{From: alice, Body: fmt.Sprint(i)})
			ctx, cancel := context.WithCancel(w.ctx())
			var gone sync.WaitGroup
			gone.Go(func() {
				time.Sleep(time.Duration(i) * 2 * time.Microsecond)
				cancel()
			})
			w.call(request(h, "").WithContext(ctx))
			gone.Wait()
			require.Equal(t, http.StatusNoContent, w.call(request(h, "")).StatusCode)
			require.Len(t, w.incoming(alice), i+1)
		}
	})
}

func TestConcurrentDuplicates(t *testing.T) { // F31, I2, I12
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		w.agents(w.ch.ID, 5, "ada")
		engines := []*livedesk.Engine{w.engine, w.open(), w.open(), w.open()}
		for _, e := range engines {
			require.NoError(t, e.Settle(w.ctx()))
		}
		h := w.genuine(smstest.Text{From: alice, Body: "hello"})
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				res, err := smstest.HandlerTransport(engines[i%len(engines)].Webhooks()).RoundTrip(request(h, ""))
				if err != nil || res.StatusCode != http.StatusNoContent {
					t.Errorf("status %v, error %v", res, err)
				}
			})
		}
		all.Wait()
		w.settle()
		require.Equal(t, []string{"hello"}, w.incoming(alice))
		require.Equal(t, []string{"Hi"}, w.bodies())
		require.Equal(t, 1, w.only().Unread)
		require.Equal(t, 1, w.load("ada"))
	})
}

// Several first messages of new contacts, at once over several processes, make one conversation each.
func TestFirstMessagesTogether(t *testing.T) { // F32, I3, R5
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		engines := []*livedesk.Engine{w.engine, w.open(), w.open(), w.open()}
		const contacts, each = 60, 4
		var hooks []smstest.Webhook
		for i := range contacts * each {
			hooks = append(hooks, w.genuine(smstest.Text{From: addr(fmt.Sprintf("+1415555%04d", i/each)), Body: fmt.Sprint(i % each)}))
		}
		for _, e := range engines {
			require.NoError(t, e.Settle(w.ctx()))
		}
		var all sync.WaitGroup
		for i, h := range hooks {
			all.Go(func() {
				res, err := smstest.HandlerTransport(engines[i%len(engines)].Webhooks()).RoundTrip(request(h, ""))
				if err != nil || res.StatusCode != http.StatusNoContent {
					t.Errorf("status %v, error %v", res, err)
				}
			})
		}
		all.Wait()
		list := w.all(livedesk.List{})
		require.Len(t, list, contacts)
		for _, c := range list {
			require.Equal(t, each, c.Unread)
			require.ElementsMatch(t, []string{"0", "1", "2", "3"}, w.incoming(string(c.Address)))
		}
	})
}

// One customer number, many tenants: nothing is shared.
func TestTenantsWithTheSameCustomer(t *testing.T) { // F44, I17
	t.Parallel()
	const tenants = 20
	w := newWorld(t, func(s *settings) {
		s.Twilio.Numbers = nil
		for i := range tenants {
			s.Twilio.Numbers = append(s.Twilio.Numbers, addr(fmt.Sprintf("+1510555%04d", i+100)))
		}
	})
	w.twilioChannel(nil)
	for i := range tenants {
		number := fmt.Sprintf("+1510555%04d", i+100)
		desk := w.engine.Desk(fmt.Sprint("tenant ", i))
		c := livedesk.Channel{Provider: "twilio", Greeting: "Hi", Values: livedesk.Values{"name": "x", "phone_number": number,
			"account_sid": smstest.TwilioAccountSID, "auth_token": smstest.TwilioAuthToken}}
		if i == 0 { // the world's own channel has the first number
			continue
		}
		c, err := desk.PutChannel(w.ctx(), c)
		require.NoError(t, err)
		target, err := desk.WebhookURL(w.ctx(), c.ID)
		require.NoError(t, err)
		d := w.deliver(smstest.Text{From: alice, To: addr(number), URL: target, Body: fmt.Sprint("to ", i)})
		require.True(t, d.OK())
	}
	w.settle()
	require.Empty(t, w.all(livedesk.List{}))
	seen := map[string]bool{}
	for i := 1; i < tenants; i++ {
		p, err := w.engine.Desk(fmt.Sprint("tenant ", i)).Conversations(w.ctx(), livedesk.List{})
		require.NoError(t, err)
		require.Len(t, p.Items, 1)
		require.Equal(t, 1, p.Items[0].Unread)
		require.False(t, seen[p.Items[0].Contact], "a contact in two workspaces")
		seen[p.Items[0].Contact] = true
	}
	require.Len(t, w.twilio.Sent(), tenants-1)
}
