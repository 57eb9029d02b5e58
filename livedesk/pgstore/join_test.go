package pgstore_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

func begin(t *testing.T, pool *pgxpool.Pool, level pgx.TxIsoLevel) pgx.Tx {
	t.Helper()
	tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: level})
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	return tx
}

func TestJoinFollowsTheHostsTransaction(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	s := open(t, pool, pgstore.Config{})

	tx := begin(t, pool, pgx.ReadCommitted)
	apply(t, s.Join(tx), hire("ann"))
	require.Equal(t, []string{"ann"}, agentNames(t, s.Join(tx)), "the transaction sees it")
	require.Empty(t, agentNames(t, s), "nobody else does")
	require.NoError(t, tx.Rollback(t.Context()))
	require.Empty(t, agentNames(t, s))

	tx = begin(t, pool, pgx.ReadCommitted)
	apply(t, s.Join(tx), hire("ann"))
	apply(t, s.Join(tx), hire("ben"))
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, []string{"ann", "ben"}, agentNames(t, s))
}

func TestJoinTakesBackItsOwnChangesAlone(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	s := open(t, pool, pgstore.Config{})
	tx := begin(t, pool, pgx.ReadCommitted)
	j := s.Join(tx)
	apply(t, j, hire("ann"))
	require.ErrorIs(t, j.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		require.NoError(t, tx.Apply(ctx, hire("ben")))
		return errTest
	}), errTest)
	require.PanicsWithValue(t, "boom", func() {
		_ = j.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			require.NoError(t, tx.Apply(ctx, hire("carl")))
			panic("boom")
		})
	})
	own, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, j.Update(own, func(ctx context.Context, tx livedesk.Tx) error {
		require.NoError(t, tx.Apply(ctx, hire("dora")))
		cancel()
		return nil
	}), context.Canceled)
	require.ErrorIs(t, j.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		return tx.Apply(ctx, hire("ann"))
	}), livedesk.ErrExists)
	apply(t, j, hire("zoe"))
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, []string{"ann", "zoe"}, agentNames(t, s))
}

func TestJoinNeedsReadCommitted(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	s := open(t, pool, pgstore.Config{})
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable} {
		tx := begin(t, pool, level)
		err := s.Join(tx).Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, hire("ann")) })
		require.ErrorContains(t, err, string(level)+", want read committed")
		require.Empty(t, agentNames(t, s.Join(tx)), "a View is welcome")
		require.NoError(t, tx.Commit(t.Context()))
	}
	require.Empty(t, agentNames(t, s))
}

func TestJoinIsATransactionOfTheStore(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	s := open(t, pool, pgstore.Config{})
	j := s.Join(begin(t, pool, pgx.ReadCommitted))
	require.True(t, j.Durable())
	require.NoError(t, j.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		require.ErrorIs(t, s.Update(ctx, nil), livedesk.ErrNested)
		require.ErrorIs(t, j.Update(ctx, nil), livedesk.ErrNested)
		require.ErrorIs(t, j.View(ctx, nil), livedesk.ErrNested)
		return nil
	}))
	require.NoError(t, s.Close())
	require.ErrorIs(t, j.Update(t.Context(), nil), livedesk.ErrClosed)
}

// A host's pool with synchronous_commit off commits our changes durably all the same (F117, R21).
func TestJoinRaisesDurability(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["synchronous_commit"] = "off" })
	s := open(t, pool, pgstore.Config{})
	tx := begin(t, pool, pgx.ReadCommitted)
	apply(t, s.Join(tx), hire("ann"))
	var level string
	require.NoError(t, tx.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&level))
	require.Equal(t, "on", level)
}
