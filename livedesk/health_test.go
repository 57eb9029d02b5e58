package livedesk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

const carol = "+14155550103"

// told keeps what the ChannelHealth hook was told.
type told struct {
	mu   sync.Mutex
	list []livedesk.Health
}

func (h *told) option(s *settings) {
	s.Hooks.ChannelHealth = func(_ context.Context, now livedesk.Health) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.list = append(h.list, now)
	}
}

// states returns the states in the order in which they were told, and forgets them.
func (h *told) states() (out []livedesk.HealthState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, now := range h.list {
		out = append(out, now.State)
	}
	h.list = nil
	return out
}

func (h *told) all() []livedesk.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.list)
}

// health returns how the world's channel is doing, as an engine sees it.
func (w *world) health(e *livedesk.Engine) livedesk.Health {
	w.t.Helper()
	h, err := e.Desk("main").Health(w.ctx(), w.ch.ID)
	require.NoError(w.t, err)
	return h
}

// fleet opens n engines in all, on the world's store.
func (w *world) fleet(n int) []*livedesk.Engine {
	engines := []*livedesk.Engine{w.engine}
	for len(engines) < n {
		engines = append(engines, w.open())
	}
	return engines
}

// settleAll lets all engines work at once.
func (w *world) settleAll(engines []*livedesk.Engine) {
	w.t.Helper()
	var all sync.WaitGroup
	for _, e := range engines {
		all.Go(func() {
			if err := e.Settle(w.ctx()); err != nil {
				w.t.Error(err)
			}
		})
	}
	all.Wait()
	require.NoError(w.t, w.twilio.Wait(w.ctx()))
	require.NoError(w.t, w.bandwidth.Wait(w.ctx()))
}

// A process without the driver, or with the wrong key, says so for itself; the others aren't concerned. What can't be
// opened is tried again.
func TestHealthOfOneProcess(t *testing.T) {
	t.Parallel()
	ring := func(b byte) livedesk.Sealer {
		r, err := livedesk.NewKeyRing(bytes.Repeat([]byte{b}, 32))
		require.NoError(t, err)
		return r
	}
	w := newWorld(t, func(s *settings) { s.Sealer = ring(1) })
	w.twilioChannel(nil)
	var heard told
	poor := w.open(heard.option, func(s *settings) { s.Providers = []sms.Provider{&paper{}} })
	h := w.health(poor)
	require.Equal(t, livedesk.HealthDriverMissing, h.State)
	require.Contains(t, h.Reason, "twilio")
	require.Equal(t, w.clock(), h.Since)
	require.NoError(t, poor.Settle(w.ctx()))
	require.Equal(t, []livedesk.HealthState{livedesk.HealthDriverMissing}, heard.states())
	require.Equal(t, map[livedesk.HealthState]int{livedesk.HealthDriverMissing: 1}, poor.Health(w.ctx()).Channels)

	away := &moody{Sealer: ring(1)}
	away.broken.Store(true)
	locked := w.open(heard.option, func(s *settings) { s.Sealer = away })
	m := w.start(alice, "hello")
	began := w.clock()
	require.NoError(t, locked.Settle(w.ctx()))
	for range 3 {
		h = w.health(locked)
		require.Equal(t, livedesk.HealthCannotOpen, h.State)
		require.Equal(t, began, h.Since)
		require.Equal(t, w.clock().Add(time.Minute), h.NextProbe)
		w.advance(time.Minute)
	}
	require.Equal(t, livedesk.HealthOK, w.health(w.engine).State)
	away.broken.Store(false)
	require.NoError(t, locked.Settle(w.ctx()))
	require.Equal(t, livedesk.HealthOK, w.health(locked).State, "it resumes by itself")
	require.NoError(t, w.twilio.Wait(w.ctx()))
	require.Equal(t, livedesk.Delivered, w.state(m.ID))
	require.Equal(t, []livedesk.HealthState{livedesk.HealthCannotOpen, livedesk.HealthOK}, heard.states())
}

// moody is a key service that is away at times.
type moody struct {
	livedesk.Sealer
	broken atomic.Bool
}

func (m *moody) Open(ctx context.Context, sealed []byte, about string) ([]byte, error) {
	if m.broken.Load() {
		return nil, errors.New("key service is away")
	}
	return m.Sealer.Open(ctx, sealed, about)
}

// measured is a store that counts.
type measured struct{ livedesk.Store }

func (measured) Durable() bool { return false }

func (measured) CountTexts(_ context.Context, workspace, channel string) (livedesk.TextCounts, error) {
	if workspace != "main" || channel == "" {
		return livedesk.TextCounts{}, errBroken
	}
	return livedesk.TextCounts{Queued: 3, Oldest: time.Unix(1e9, 0).UTC(), Unknown: 2, Unconfirmed: 1}, nil
}

func (measured) CountJobs(_ context.Context, parked int) (livedesk.JobCounts, error) {
	return livedesk.JobCounts{Due: parked, Parked: 1}, nil
}

func TestHealthOfAllWithCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.Wrap = func(s livedesk.Store) livedesk.Store { return measured{s} } })
	w.twilioChannel(func(c *livedesk.Channel) { c.Values["name"], c.Disabled = "B", true })
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Values["name"] = "A" })
	require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, ""))
	list, err := w.desk.AllHealth(w.ctx())
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, []any{"A", livedesk.HealthPaused, "B", livedesk.HealthDisabled}, []any{list[0].Name, list[0].State, list[1].Name, list[1].State})
	require.Equal(t, &livedesk.TextCounts{Queued: 3, Oldest: time.Unix(1e9, 0).UTC(), Unknown: 2, Unconfirmed: 1}, list[0].Texts)
	b, err := json.Marshal(list[0])
	require.NoError(t, err)
	require.Contains(t, string(b), `"state":"paused"`)
	require.Contains(t, string(b), `"texts":{"queued":3,"oldest":"2001-09-09T01:46:40Z","unknown":2,"unconfirmed":1}`)
	require.Equal(t, &livedesk.JobCounts{Due: 10, Parked: 1}, w.engine.Health(w.ctx()).Jobs)
	require.Nil(t, newWorld(t).engine.Health(w.ctx()).Jobs)
}

// counted is a world's store with the counts of the store behind it.
type counted struct {
	livedesk.Store
	livedesk.MeasuredStore
}

func (counted) Durable() bool { return false }

func withCounts(s *settings) {
	s.Wrap = func(s livedesk.Store) livedesk.Store { return counted{s, s.(orderly).Store.(livedesk.MeasuredStore)} }
}

// What waits in a channel is counted, and what nobody knows about; and in the engine what should have been done.
func TestHealthCounts(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		counts := func() livedesk.TextCounts {
			h, err := w.desk.Health(w.ctx(), w.ch.ID)
			require.NoError(t, err)
			return *h.Texts
		}
		require.Zero(t, counts())
		require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, ""))
		began := w.clock()
		w.start(alice, "one")
		w.advance(time.Minute)
		w.start(bob, "two")
		w.settle()
		require.Equal(t, livedesk.TextCounts{Queued: 2, Oldest: began}, counts())
		w.carrier.Fail(smstest.Fault{Kind: smstest.FaultReset})
		require.NoError(t, w.desk.ResumeChannel(w.ctx(), w.ch.ID, host))
		w.settle()
		require.Equal(t, livedesk.TextCounts{Unknown: 1}, counts())
		w.later(verdict)
		require.Equal(t, livedesk.TextCounts{Unconfirmed: 1}, counts())
	}, withCounts)
}

func TestEngineHealthCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCounts)
	w.twilioChannel(nil)
	w.text(alice, "hello")
	w.later(time.Hour) // the workspace's retention has had its turn
	until := w.clock().Add(time.Hour)
	_, err := w.desk.Snooze(w.ctx(), w.only().ID, host, until)
	require.NoError(t, err)
	require.Equal(t, &livedesk.JobCounts{}, w.engine.Health(w.ctx()).Jobs, "it is for later")
	w.advance(2 * time.Hour)
	require.Equal(t, &livedesk.JobCounts{Due: 1, Oldest: until}, w.engine.Health(w.ctx()).Jobs)
	w.settle()
	require.Equal(t, &livedesk.JobCounts{}, w.engine.Health(w.ctx()).Jobs)
}

func BenchmarkAllHealthOf100(b *testing.B) {
	d, _ := manyChannels(b, 100)
	b.ReportAllocs()
	for b.Loop() {
		if list, err := d.AllHealth(b.Context()); err != nil || len(list) != 100 {
			b.Fatal(len(list), err)
		}
	}
}
