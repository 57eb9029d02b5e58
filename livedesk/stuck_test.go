package livedesk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// poisoned is a store that can't keep a text which holds the word poison.
type poisoned struct{ switchable }

// fails lets the store fail at such a text, each time.
func (p *poisoned) fails(how func() error) {
	p.set(func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
		time.Sleep(10 * time.Millisecond) // a commit, during which the next ones gather
		return inner.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			return fn(ctx, &poisonedTx{tx, how})
		})
	})
}

type poisonedTx struct {
	livedesk.Tx
	how func() error
}

func (t *poisonedTx) Apply(ctx context.Context, c livedesk.Changes) error {
	if slices.ContainsFunc(c.Messages, func(m livedesk.Message) bool { return strings.Contains(m.Text, "poison") }) {
		if err := t.how(); err != nil {
			return err
		}
	}
	return t.Tx.Apply(ctx, c)
}

var poisons = map[string]func() error{
	"an error":              func() error { return errBroken },
	"a panic":               func() error { panic("store bug") },
	"always lost to others": func() error { return livedesk.ErrSerialization },
	"always locked":         func() error { return fmt.Errorf("%w: %w", livedesk.ErrLocked, livedesk.ErrSerialization) },
}

// A text that can't be stored delays the others of its batch by less than a second, and those of its own contact don't wait
// for it; it is never acknowledged.
func TestTextThatCannotBeStored(t *testing.T) { // F43
	t.Parallel()
	kinds := maps.Clone(poisons)
	kinds["locked by somebody for long"] = func() error {
		time.Sleep(40 * time.Millisecond)
		return poisons["always locked"]()
	}
	for name, how := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var store poisoned
				w := newWorld(t, realTime, func(s *settings) { s.Wrap = store.wrap })
				w.bandwidthChannel(nil)
				const n = 100
				bad := []int{0, 40}
				var hooks []smstest.Webhook
				for i := range n {
					m := textFrom(phone(i), "hello")
					if slices.Contains(bad, i) {
						m.Body = "poison"
					}
					hooks = append(hooks, w.genuine(m))
				}
				next := w.genuine(textFrom(phone(bad[1]), "and this?"))
				w.deliver(textFrom(alice, "I come before all that"))
				store.fails(how)
				answers, took := make([]int, n), make([]time.Duration, n)
				var all sync.WaitGroup
				for i, h := range hooks {
					all.Go(func() {
						began := time.Now()
						answers[i] = w.call(request(h, "")).StatusCode
						took[i] = time.Since(began)
					})
					if i == 0 {
						time.Sleep(time.Millisecond) // it is tried alone
					}
				}
				all.Wait()
				for i := range n {
					if slices.Contains(bad, i) {
						require.Equal(t, http.StatusServiceUnavailable, answers[i])
						continue
					}
					require.Equal(t, http.StatusNoContent, answers[i])
					require.Less(t, took[i], time.Second)
				}
				require.Equal(t, http.StatusNoContent, w.call(request(next, "")).StatusCode)
				require.Equal(t, []string{"and this?"}, w.incoming(phone(bad[1])))
				for i := range n {
					if !slices.Contains(bad, i) {
						require.Equal(t, []string{"hello"}, w.incoming(phone(i)))
					}
				}
			})
		})
	}
}

// Who only loses to others comes in when the others have, and before what the same contact wrote later.
func TestLateTextsKeepTheirOrder(t *testing.T) { // F43
	t.Parallel()
	var store poisoned
	w, a := onArchive(t, func(s *settings) { s.Wrap = store.wrap })
	fails := 0
	store.fails(func() error {
		if fails++; fails > 13 {
			return nil
		}
		return livedesk.ErrSerialization
	})
	a.add(w.clock().Add(-3*time.Minute), alice, "poison at first")
	a.add(w.clock().Add(-2*time.Minute), alice, "hello")
	a.add(w.clock().Add(-time.Minute), bob, "hello")
	require.Equal(t, livedesk.Backfilled{Texts: 3, New: 3}, w.backfill(time.Hour))
	require.Equal(t, []string{"poison at first", "hello"}, w.incoming(alice))
	require.Equal(t, 14, fails)
}

// It is shown, without its words, once it failed again while others came in, and until it comes in itself.
func TestStuckTextIsShown(t *testing.T) { // F43
	t.Parallel()
	var store poisoned
	var log logBuffer
	w := newWorld(t, func(s *settings) { s.Wrap, s.Logger = store.wrap, log.logger() })
	w.twilioChannel(nil)
	store.fails(func() error { return errBroken })
	bad := w.genuine(smstest.Text{From: alice, Body: "poison, pretty please", Media: []string{"https://media.example.com/1.png"}})
	stuck := func() []livedesk.StuckText { return w.engine.Health(w.ctx()).Stuck }
	first := w.clock()
	require.Equal(t, http.StatusServiceUnavailable, w.call(request(bad, "")).StatusCode)
	w.advance(time.Second)
	w.text(bob, "hello")
	require.Empty(t, stuck(), "once is no habit")
	require.Equal(t, http.StatusServiceUnavailable, w.call(request(bad, "")).StatusCode)
	require.Len(t, stuck(), 1)

	id := w.carrier.Webhooks()[0].ID
	require.Equal(t, []livedesk.StuckText{{
		Workspace: "main", Channel: w.ch.ID, ProviderID: id, Bytes: len("poison, pretty please"), Media: 1,
		Tries: 2, First: first, Last: first.Add(time.Second),
	}}, stuck())
	b, err := json.Marshal(w.engine.Health(w.ctx()))
	require.NoError(t, err)
	require.Contains(t, string(b), fmt.Sprintf(`"stuck":[{"workspace":"main","channel":%q,"provider_id":%q,"bytes":21,"media":1,"tries":2,`, w.ch.ID, id))
	require.Contains(t, log.String(), "text can't be stored, others can")
	for _, secret := range []string{"pretty", alice[1:]} {
		require.NotContains(t, string(b), secret)
		require.NotContains(t, log.String(), secret)
	}
	w.later(8 * 24 * time.Hour)
	require.Empty(t, stuck(), "it hasn't come for a week")

	require.Equal(t, http.StatusServiceUnavailable, w.call(request(bad, "")).StatusCode)
	require.Len(t, stuck(), 1)
	store.set(nil)
	require.Equal(t, http.StatusNoContent, w.call(request(bad, "")).StatusCode)
	require.Empty(t, stuck())
	require.Len(t, w.incoming(alice), 1)
}

// While nothing can be stored nobody is to blame. Only a hundred are remembered.
func TestStuckTextsOfAnOutage(t *testing.T) {
	t.Parallel()
	var store poisoned
	w := newWorld(t, func(s *settings) { s.Wrap = store.wrap })
	w.bandwidthChannel(nil)
	var hooks []smstest.Webhook
	for i := range 105 {
		hooks = append(hooks, w.genuine(textFrom(phone(i), "poison")))
	}
	store.set(func(context.Context, livedesk.Store, func(context.Context, livedesk.Tx) error) error {
		return errBroken
	})
	for range 2 {
		for _, h := range hooks[:3] {
			require.Equal(t, http.StatusServiceUnavailable, w.call(request(h, "")).StatusCode)
		}
	}
	store.set(nil)
	require.Empty(t, w.engine.Health(w.ctx()).Stuck)
	for _, h := range hooks[:3] {
		require.Equal(t, http.StatusNoContent, w.call(request(h, "")).StatusCode)
	}
	require.Empty(t, w.engine.Health(w.ctx()).Stuck)

	store.fails(func() error { return errBroken })
	hooks = hooks[3:]
	for _, h := range hooks {
		for range 2 {
			require.Equal(t, http.StatusServiceUnavailable, w.call(request(h, "")).StatusCode)
		}
	}
	require.Empty(t, w.engine.Health(w.ctx()).Stuck)
	w.text(alice, "hello")
	require.Len(t, w.engine.Health(w.ctx()).Stuck, 100)
}

// A list is taken in behind a text that can't be stored, at once; the person who asked is told.
func TestBackfillPassesOverAStuckText(t *testing.T) { // F43
	t.Parallel()
	for name, how := range poisons {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var store poisoned
			w, a := onArchive(t, func(s *settings) { s.Wrap = store.wrap })
			store.fails(how)
			const n = 250 // three batches
			for i := range n {
				a.add(w.clock().Add(-time.Hour+time.Duration(i)*time.Second), phone(i), map[bool]string{true: "poison"}[i == 20])
			}
			out, err := w.desk.Backfill(w.ctx(), w.ch.ID, w.clock().Add(-2*time.Hour))
			require.ErrorContains(t, err, "1 texts could not be taken in")
			require.Equal(t, livedesk.Backfilled{Texts: n, New: n - 1}, out)
			require.Len(t, w.all(livedesk.List{}), n-1)
			store.set(nil)
			out, err = w.desk.Backfill(w.ctx(), w.ch.ID, w.clock().Add(-2*time.Hour))
			require.NoError(t, err)
			require.Equal(t, livedesk.Backfilled{Texts: n, New: 1}, out)
		})
	}
}

// While nothing of a batch comes in, the list is left alone: nothing is passed over for the store's fault.
func TestBackfillStopsWhileNothingIsStored(t *testing.T) {
	t.Parallel()
	var store poisoned
	w, a := onArchive(t, func(s *settings) { s.Wrap = store.wrap })
	for i := range 250 {
		a.add(w.clock().Add(-time.Hour+time.Duration(i)*time.Second), phone(i), map[bool]string{true: "poison"}[i < 100])
	}
	store.fails(func() error { return errBroken })
	_, err := w.desk.Backfill(w.ctx(), w.ch.ID, w.clock().Add(-2*time.Hour))
	require.ErrorIs(t, err, errBroken)
	require.Empty(t, w.all(livedesk.List{}))
}

// By itself the engine tries it in five rounds, with growing pauses, takes in what is behind it in the first, and then counts
// the gap as filled.
func TestGapWithAStuckText(t *testing.T) { // F43
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store poisoned
		w, a := onArchive(t, realTime, func(s *settings) { s.Wrap = store.wrap })
		began := time.Now()
		stop := running(t, w.engine)
		time.Sleep(time.Second)
		require.NoError(t, stop())
		for i := range 250 {
			a.add(began.Add(time.Duration(i+10)*time.Second), phone(i), map[bool]string{true: "poison"}[i == 20])
		}
		time.Sleep(time.Hour)
		store.fails(func() error { return errBroken })
		stop = running(t, w.engine)
		time.Sleep(10 * time.Second)
		require.Len(t, w.all(livedesk.List{}), 249)
		time.Sleep(3 * time.Hour)
		require.NoError(t, stop())
		stuck := w.engine.Health(w.ctx()).Stuck
		require.Len(t, stuck, 1)
		require.Equal(t, 5, stuck[0].Tries)
		require.InDelta(t, 15*time.Minute, stuck[0].Last.Sub(stuck[0].First), float64(10*time.Second))
	})
}
