package livedesk_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// lazy is a store whose reads can be made to fail or to hang, and that has a schema to be checked.
type lazy struct {
	livedesk.Store
	hang, broken, wrongSchema atomic.Bool
	views                     atomic.Int64
}

func (l *lazy) Durable() bool { return false }

func (l *lazy) Check(context.Context) error {
	if l.wrongSchema.Load() {
		return errors.New("schema 3 is wanted, 2 is there")
	}
	return nil
}

func (l *lazy) View(ctx context.Context, fn func(context.Context, livedesk.ReadTx) error) error {
	l.views.Add(1)
	switch {
	case l.hang.Load():
		<-ctx.Done()
		return ctx.Err()
	case l.broken.Load():
		return errBroken
	}
	return l.Store.View(ctx, fn)
}

func (l *lazy) wrap(s livedesk.Store) livedesk.Store {
	l.Store = s
	return l
}

func status(h http.Handler, method string) int {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, "/healthz", nil))
	return rec.Code
}

// Liveness depends on nothing. Readiness depends on the store, and not on a carrier.
func TestLivenessAndReadiness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store lazy
		w := newWorld(t, realTime, func(s *settings) { s.Wrap = store.wrap })
		w.twilioChannel(nil)
		live, ready := w.engine.Liveness(), w.engine.Readiness()
		both := func(wantLive, wantReady int) {
			t.Helper()
			time.Sleep(time.Second) // readiness asks once a second
			began := time.Now()
			require.Equal(t, wantLive, status(live, "GET"))
			require.Zero(t, time.Since(began))
			require.Equal(t, wantReady, status(ready, "GET"))
			require.LessOrEqual(t, time.Since(began), 2*time.Second)
		}
		both(204, 204)
		w.twilio.SetDown(true)
		both(204, 204)
		for _, why := range []*atomic.Bool{&store.broken, &store.hang, &store.wrongSchema} {
			why.Store(true)
			both(204, 503)
			h := w.engine.Health(t.Context())
			require.False(t, h.Ready)
			require.NotEmpty(t, h.Problem)
			why.Store(false)
			both(204, 204)
		}
		require.Equal(t, 204, status(ready, "HEAD"))
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			require.Equal(t, 405, status(ready, method))
			require.Equal(t, 405, status(live, method))
		}
		time.Sleep(time.Second)
		before := store.views.Load()
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() { status(ready, "GET") })
		}
		all.Wait()
		require.Equal(t, before+1, store.views.Load(), "whoever calls, it asks once a second")
	})
}

// Whoever asks first and hangs up doesn't make the engine unready for the others.
func TestReadinessOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rec := httptest.NewRecorder()
	w.engine.Readiness().ServeHTTP(rec, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	require.Equal(t, 204, rec.Code)
}

// An engine says whether it runs, what fails in the background, and how its channels are.
func TestEngineHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store switchable
		w := newWorld(t, realTime, func(s *settings) { s.Wrap = store.wrap })
		w.twilioChannel(nil)
		w.bandwidthChannel(func(c *livedesk.Channel) { c.Disabled = true })
		h := w.engine.Health(t.Context())
		require.Equal(t, livedesk.EngineHealth{Ready: true,
			Channels: map[livedesk.HealthState]int{livedesk.HealthOK: 1, livedesk.HealthDisabled: 1}}, h)
		stop := running(t, w.engine)
		synctest.Wait()
		require.True(t, w.engine.Health(t.Context()).Running)
		require.Empty(t, w.engine.Health(t.Context()).Failing)
		store.set(func(context.Context, livedesk.Store, func(context.Context, livedesk.Tx) error) error {
			return errBroken
		})
		time.Sleep(time.Minute)
		h = w.engine.Health(t.Context())
		require.Contains(t, h.Failing["outbox"], "disk on fire")
		require.Contains(t, h.Failing["jobs"], "disk on fire")
		require.NotContains(t, h.Failing, "configuration", "reads go on")
		store.set(nil)
		time.Sleep(time.Minute)
		require.Empty(t, w.engine.Health(t.Context()).Failing)
		require.NoError(t, stop())
		require.False(t, w.engine.Health(t.Context()).Running)
		b, err := json.Marshal(w.engine.Health(t.Context()))
		require.NoError(t, err)
		require.JSONEq(t, `{"running":false,"ready":true,"channels":{"ok":1,"disabled":1},"ignored":0}`, string(b))
	})
}

// While the store hangs, a webhook is answered in time, whatever somebody else is reading.
func TestWebhookWaitsForNoOtherRead(t *testing.T) { // F28
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store lazy
		w := newWorld(t, realTime, func(s *settings) { s.Wrap = store.wrap })
		w.twilioChannel(nil)
		ctx, cancel := context.WithCancel(t.Context())
		store.hang.Store(true)
		go func() { _, _ = w.desk.Channels(ctx) }() // holds the configuration up
		synctest.Wait()
		began := time.Now()
		r := httptest.NewRequest("POST", publicURL+"/AAAAAAAAAAAAAAAAAAAAAAAAAA", nil)
		require.Equal(t, http.StatusServiceUnavailable, w.call(r).StatusCode)
		require.Equal(t, 8*time.Second, time.Since(began))
		cancel()
	})
}
