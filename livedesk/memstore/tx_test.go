package memstore_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
)

func put(id string) func(context.Context, livedesk.Tx) error {
	return func(ctx context.Context, tx livedesk.Tx) error {
		return tx.Apply(ctx, livedesk.Changes{Agents: []livedesk.Agent{{Workspace: "acme", ID: id}}})
	}
}

func agents(t *testing.T, s livedesk.Store) (ids []string) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		rows, err := tx.Agents(ctx, "acme", nil)
		for _, a := range rows {
			ids = append(ids, a.ID)
		}
		return err
	}))
	return ids
}

func TestNotDurable(t *testing.T) {
	t.Parallel()
	require.False(t, memstore.New().Durable())
}

func TestWaitingUpdateGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		go func() {
			_ = s.Update(t.Context(), func(context.Context, livedesk.Tx) error {
				time.Sleep(time.Minute)
				return nil
			})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, s.Update(ctx, put("ann")), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		require.Empty(t, agents(t, s), "a View waits for nobody")
		require.Equal(t, time.Second, time.Since(start))
		require.NoError(t, s.Update(t.Context(), put("ben")))
		require.Equal(t, time.Minute, time.Since(start))
		require.Equal(t, []string{"ben"}, agents(t, s))
	})
}

func TestCloseWaitsForUpdate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		done := make(chan error, 1)
		go func() {
			done <- s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
				time.Sleep(time.Minute)
				return put("ann")(ctx, tx)
			})
		}()
		synctest.Wait()
		require.NoError(t, s.Check(t.Context()))
		start := time.Now()
		require.NoError(t, s.Close())
		require.Equal(t, time.Minute, time.Since(start))
		require.NoError(t, <-done)
		require.NoError(t, s.Close())
		require.ErrorIs(t, s.Check(t.Context()), livedesk.ErrClosed)
	})
}

// A test that fails inside a transaction leaves by runtime.Goexit; the store must neither keep that nor stay locked.
func TestGoexitKeepsNothing(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			if err := put("ann")(ctx, tx); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
	}()
	<-done
	require.NoError(t, s.Update(t.Context(), put("ben")))
	require.Equal(t, []string{"ben"}, agents(t, s))
}

func TestLimitsAreChecked(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	require.Error(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.Claim(ctx, livedesk.Claim{})
		return err
	}))
	require.Error(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.ClaimJobs(ctx, 0, time.Minute)
		return err
	}))
	for _, limit := range []int{-1, 0, 1001} {
		require.Error(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
			_, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "acme", Limit: limit})
			return err
		}))
		require.Error(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
			_, err := tx.Timeline(ctx, livedesk.TimelineQuery{Workspace: "acme", Conversation: "c", Limit: limit})
			return err
		}))
	}
}

// The contract lets a store send what Apply got together with its commit, so nothing can follow. A caller who goes on all
// the same finds out here, and not on another store.
func TestApplyIsTheLastVerb(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	require.Error(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		require.NoError(t, put("ann")(ctx, tx))
		_, err := tx.Agents(ctx, "acme", nil)
		require.Error(t, err)
		return put("ben")(ctx, tx)
	}))
	require.Empty(t, agents(t, s))
}

// Nothing is kept of a transaction whose Apply was refused, not even when its function doesn't care.
func TestRefusedApplyKeepsNothing(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	require.NoError(t, s.Update(t.Context(), put("ann")))
	in := livedesk.Arrival{Workspace: "acme", Channel: "c", Key: "k", Address: "+15550001"}
	for range 2 {
		require.ErrorIs(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			got, err := tx.TakeIn(ctx, []livedesk.Arrival{in})
			require.NoError(t, err)
			require.True(t, got[0].New)
			_ = put("ann")(ctx, tx)
			return nil
		}), livedesk.ErrExists)
	}
}
