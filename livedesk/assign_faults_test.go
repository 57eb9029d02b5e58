package livedesk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// unlisted is a store that can't list conversations inside a transaction while it is on.
type unlisted struct {
	livedesk.Store
	on atomic.Bool
}

func (s *unlisted) Durable() bool { return false }

func (s *unlisted) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	return s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return fn(ctx, unlistedTx{tx, s}) })
}

type unlistedTx struct {
	livedesk.Tx
	s *unlisted
}

func (t unlistedTx) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	if t.s.on.Load() {
		return nil, errBroken
	}
	return t.Tx.Conversations(ctx, q)
}

// What a decision can't read isn't taken for nothing: the text is the carrier's to repeat, and a job is done later.
func TestDecisionsThatCantRead(t *testing.T) { // I9
	t.Parallel()
	for name, c := range map[string]struct {
		settings livedesk.Assignment
		before   func(w *world)
		queue    bool // who comes waits in the channel's line
	}{
		"how many of a channel somebody has": {livedesk.Assignment{Limit: 1}, func(w *world) { w.text(alice, "hello") }, true},
		"whether somebody came before": {livedesk.Assignment{}, func(w *world) {
			_, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: bob})
			require.NoError(w.t, err)
			w.advance(time.Second)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var store unlisted
			w := newWorld(t, func(s *settings) {
				s.Wrap = func(inner livedesk.Store) livedesk.Store { store.Store = inner; return &store }
			})
			w.bandwidthChannel(func(ch *livedesk.Channel) { ch.Assignment = c.settings })
			w.agents(w.ch.ID, 5, "ada")
			c.before(w)
			h := w.genuine(smstest.Text{From: bob, Body: "hello"})
			store.on.Store(true)
			require.Equal(t, http.StatusServiceUnavailable, w.call(request(h, "")).StatusCode)
			store.on.Store(false)
			require.Empty(t, w.of(bob))
			require.Equal(t, http.StatusNoContent, w.call(request(h, "")).StatusCode)
			require.Equal(t, c.queue, w.live(bob).Queue != "")
		})
	}
	var store unlisted
	w := newWorld(t, func(s *settings) {
		s.Wrap = func(inner livedesk.Store) livedesk.Store { store.Store = inner; return &store }
	})
	w.bandwidthChannel(func(ch *livedesk.Channel) { ch.Assignment.OfflineGraceSeconds = 60 })
	w.agents(w.ch.ID, 5, "ada")
	w.text(alice, "hello")
	w.presence("ada", livedesk.Offline)
	w.advance(time.Minute)
	store.on.Store(true)
	_ = w.engine.Settle(w.ctx())
	store.on.Store(false)
	require.Equal(t, "ada", w.live(alice).Assignee)
	w.later(time.Minute)
	require.Empty(t, w.live(alice).Assignee)
}
