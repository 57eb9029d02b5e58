package livedesk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// losing is a store that loses three transactions of ten to others: half of them before they begin, half when they would commit.
type losing struct {
	livedesk.Store
	mu     sync.Mutex
	chance *rand.Rand
	lost   int
}

func (s *losing) Durable() bool { return false }

// loses reports whether a transaction is lost, and when.
func (s *losing) loses() (lost, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.chance == nil || s.chance.IntN(10) >= 3 {
		return false, false
	}
	s.lost++
	return true, s.chance.IntN(2) == 0
}

func (s *losing) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	switch lost, late := s.loses(); {
	case !lost:
		return s.Store.Update(ctx, fn)
	case late:
		return s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			if err := fn(ctx, tx); err != nil {
				return err
			}
			return livedesk.ErrSerialization
		})
	}
	return fmt.Errorf("deadlock: %w", livedesk.ErrSerialization)
}

// Of ten transactions three are lost to others, as by deadlocks and failed serialization: each is tried again, and at no
// commit has anybody more than their capacity; in the end nobody waits beside a free place, and nobody is lost.
func TestAssignmentOnAStoreThatLoses(t *testing.T) { // F106, I9, I10, I11
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var store losing
	w := newWorld(t, func(s *settings) {
		s.Wrap = func(inner livedesk.Store) livedesk.Store {
			store.Store = audit(t, 3)(inner)
			return &store
		}
	})
	w.bandwidthChannel(nil)
	names := []string{"ada", "bo", "cy", "di"}
	w.agents(w.ch.ID, 3, names...)
	second := w.open()
	require.NoError(t, second.Settle(w.ctx()))
	var hooks []smstest.Webhook
	for i := range 64 {
		hooks = append(hooks, w.genuine(smstest.Text{From: addr(phone(i)), Body: "hello"}))
	}
	store.mu.Lock()
	store.chance = rand.New(rand.NewPCG(seed, 1))
	store.mu.Unlock()
	var all sync.WaitGroup
	for g := range 32 {
		all.Go(func() {
			desk := []*livedesk.Desk{w.desk, second.Desk("main")}[g%2]
			for _, h := range hooks[g*2 : g*2+2] {
				for w.call(request(h, "")).StatusCode == http.StatusServiceUnavailable { // as the carrier does
				}
				_ = desk.SetPresence(w.ctx(), names[g%4], []livedesk.Presence{livedesk.Online, livedesk.Busy}[g/4%2], 0)
				p, err := desk.Conversations(w.ctx(), livedesk.List{States: []livedesk.State{livedesk.Open}, Assignee: names[g%4], Limit: 2})
				if err != nil {
					t.Error(err)
				}
				for _, c := range p.Items {
					_, _ = desk.Resolve(w.ctx(), c.ID, host)
				}
			}
		})
	}
	all.Wait()
	require.NotZero(t, store.lost)
	store.mu.Lock()
	store.chance = nil
	store.mu.Unlock()
	for _, n := range names {
		w.presence(n, livedesk.Online)
	}
	w.settle()
	list := w.all(livedesk.List{})
	require.Len(t, list, 64)
	waits, held := 0, 0
	for _, c := range list {
		switch {
		case c.State != livedesk.Open:
		case c.Queue != "":
			waits++
		default:
			held++
		}
	}
	require.True(t, waits == 0 || held == 12, "%d wait while %d places of 12 are taken", waits, held)
}

// Many who write at once, to two engines, go to equal agents in exactly even turn, whatever the mode: places are given one
// after the other.
func TestExactCounts(t *testing.T) { // F101
	t.Parallel()
	customers := 1000
	if testing.Short() {
		customers = 200
	}
	for _, mode := range []livedesk.Mode{livedesk.RoundRobin, livedesk.RoundRobinCapped, livedesk.LeastLoaded, livedesk.ShareLoaded} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.Mode = mode })
			w.agents(w.ch.ID, customers, "ada", "bo", "cy", "di", "ed", "flo", "gil")
			engines := []*livedesk.Engine{w.engine, w.open()}
			var hooks []smstest.Webhook
			for i := range customers {
				hooks = append(hooks, w.genuine(smstest.Text{From: addr(phone(i)), Body: "hello"}))
			}
			var all sync.WaitGroup
			for g := range 16 {
				all.Go(func() {
					for i := g; i < customers; i += 16 {
						rec := httptest.NewRecorder()
						engines[g%2].Webhooks().ServeHTTP(rec, request(hooks[i], ""))
						if rec.Code != http.StatusNoContent {
							t.Errorf("status %d", rec.Code)
						}
					}
				})
			}
			all.Wait()
			agents, err := w.desk.Agents(w.ctx())
			require.NoError(t, err)
			least, most, total := customers, 0, 0
			for _, a := range agents {
				least, most, total = min(least, a.Load), max(most, a.Load), total+a.Load
			}
			require.Equal(t, customers, total)
			require.LessOrEqual(t, most-least, 1)
		})
	}
}
