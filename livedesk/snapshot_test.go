package livedesk_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// slowViews is a store that takes its time to be read, and counts how often it is.
type slowViews struct {
	livedesk.Store
	views *atomic.Int64
}

func (s slowViews) View(ctx context.Context, fn func(context.Context, livedesk.ReadTx) error) error {
	s.views.Add(1)
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.Store.View(ctx, fn)
}

func (s slowViews) Durable() bool { return false }

// A process that has only just begun takes in what its load balancer gives it at once: those who wait for the
// configuration share a read of it.
func TestFreshProcessTakesABurstIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var views atomic.Int64
		w := newWorld(t, realTime, func(s *settings) {
			s.Wrap = func(inner livedesk.Store) livedesk.Store { return slowViews{inner, &views} }
		})
		w.twilioChannel(nil)
		fresh := w.open()
		w.twilio.SetWebhooks(w.url, smstest.HandlerTransport(fresh.Webhooks()))
		views.Store(0)
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				d, err := w.twilio.Deliver(t.Context(), smstest.Text{From: addr(phone(i)), Body: "hello"})
				if err != nil || !d.OK() {
					t.Errorf("webhook: status %d, error %v", d.Status, err)
				}
			})
		}
		all.Wait()
		require.LessOrEqual(t, views.Load(), int64(3))
	})
}

// Nobody waits longer for the configuration than a webhook may take, though a read of it hangs.
func TestUnknownKeyIsAnsweredInTime(t *testing.T) { // F28, F130
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, realTime, func(s *settings) {
			s.Wrap = func(inner livedesk.Store) livedesk.Store { return hungViews{inner} }
		})
		stop := running(t, w.engine)
		time.Sleep(3 * time.Second)
		for range 3 {
			began := time.Now()
			res := w.call(request(smstest.Webhook{URL: publicURL + "/" + unknownKey}, ""))
			require.Equal(t, 503, res.StatusCode)
			require.LessOrEqual(t, time.Since(began), 8*time.Second)
		}
		require.NoError(t, stop())
	})
}

const unknownKey = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// hungViews is a store that never answers a reader.
type hungViews struct{ livedesk.Store }

func (hungViews) View(ctx context.Context, _ func(context.Context, livedesk.ReadTx) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func (hungViews) Durable() bool { return false }

// A number that another process has just added to a connection that this one knows: its texts come to the same address, and
// are taken in. A number that nobody has is looked for once in a while, and acknowledged.
func TestNumberOfAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	other := w.open()
	w.bandwidth.SetWebhooks(w.url, smstest.HandlerTransport(other.Webhooks()))
	w.deliver(smstest.Text{From: addr(alice), Body: "to the first"})
	first := w.ch
	values := livedesk.Values{}
	for k, v := range first.Values {
		values[k] = v
	}
	const second = "+19195550101"
	values["name"], values["phone_number"] = "Second", second
	ch := w.put(livedesk.Channel{Provider: "bandwidth", Values: values})
	w.deliver(smstest.Text{From: addr(bob), To: second, Body: "to the second"})
	list := w.all(livedesk.List{Channel: ch.ID})
	require.Len(t, list, 1)
	require.Equal(t, []string{"to the second"}, w.incoming(bob))
	require.Zero(t, other.Ignored())
	w.deliver(smstest.Text{From: addr(bob), To: "+19195550109", Body: "to nobody"})
	require.EqualValues(t, 1, other.Ignored())
}

// Nor are receipts lost for what such a number sent.
func TestReceiptsOfANumberOfAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	other := w.open()
	w.bandwidth.SetWebhooks(w.url, smstest.HandlerTransport(other.Webhooks()))
	w.deliver(smstest.Text{From: addr(alice), Body: "to the first"})
	values := livedesk.Values{}
	for k, v := range w.ch.Values {
		values[k] = v
	}
	values["name"], values["phone_number"] = "Second", "+19195550101"
	w.ch = w.put(livedesk.Channel{Provider: "bandwidth", Values: values})
	m := w.start(bob, "hello")
	w.settle()
	require.Equal(t, livedesk.Delivered, w.state(m.ID))
	require.Zero(t, other.Ignored())
}
