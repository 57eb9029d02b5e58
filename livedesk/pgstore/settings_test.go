package pgstore

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// onePool returns a pool of one connection with settings of the host's.
func onePool(t *testing.T, settings map[string]string) *pgxpool.Pool {
	t.Helper()
	url := os.Getenv("LIVEDESK_TEST_POSTGRES")
	if url == "" && os.Getenv("LIVEDESK_TEST_REQUIRED") != "" {
		t.Fatal("no LIVEDESK_TEST_POSTGRES, and this run requires it")
	}
	if url == "" {
		t.Skip("no LIVEDESK_TEST_POSTGRES; for example: LIVEDESK_TEST_POSTGRES=$(.ci/postgres start /tmp/livedesk-pg) go test ./livedesk/pgstore")
	}
	cfg, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	cfg.MaxConns = 1
	for k, v := range settings {
		cfg.ConnConfig.RuntimeParams[k] = v
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

var settingNames = []string{"synchronous_commit", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout",
	"enable_seqscan", "enable_hashjoin", "transaction_isolation", "transaction_read_only"}

// Settings hold for the transaction and leave no trace on the host's connection; durability is raised, never lowered
// (F117, R21).
func TestSettingsEndWithTheTransaction(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ host, inside string }{{"off", "on"}, {"local", "on"}, {"remote_write", "on"}, {"on", "on"}, {"remote_apply", "remote_apply"}} {
		pool := onePool(t, map[string]string{"synchronous_commit": c.host, "lock_timeout": "7s"})
		s, err := New(pool, Config{LockTimeout: 1500 * time.Millisecond, StatementTimeout: -1})
		require.NoError(t, err)
		look := func(ctx context.Context, tx *tx) (out []string) {
			tx.Now()
			pc := tx.conn.(*pgxpool.Conn)
			for _, name := range settingNames {
				var v string
				require.NoError(t, pc.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&v))
				out = append(out, v)
			}
			return out
		}
		require.NoError(t, s.run(t.Context(), true, func(ctx context.Context, tx *tx) error {
			require.Equal(t, []string{c.inside, "1500ms", "0", "10s", "off", "off", "read committed", "off"}, look(ctx, tx))
			return nil
		}))
		require.NoError(t, s.run(t.Context(), false, func(ctx context.Context, tx *tx) error {
			require.Equal(t, []string{c.inside, "1500ms", "0", "10s", "off", "off", "repeatable read", "on"}, look(ctx, tx))
			return nil
		}))
		for i, want := range []string{c.host, "7s", "0", "0", "on", "on", "read committed", "off"} {
			var v string
			require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_setting($1)", settingNames[i]).Scan(&v))
			require.Equal(t, want, v, settingNames[i])
		}
	}
}

// A transaction that does nothing costs no round trip, and one that only looks at the clock begins and ends cleanly.
func TestTransactionBeginsWithItsFirstVerb(t *testing.T) {
	t.Parallel()
	pool := onePool(t, nil)
	s, err := New(pool, Config{})
	require.NoError(t, err)
	require.NoError(t, s.run(t.Context(), true, func(_ context.Context, tx *tx) error {
		require.EqualValues(t, 'I', tx.conn.(*pgxpool.Conn).Conn().PgConn().TxStatus())
		require.WithinDuration(t, time.Now(), tx.Now(), time.Minute)
		require.EqualValues(t, 'T', tx.conn.(*pgxpool.Conn).Conn().PgConn().TxStatus())
		return nil
	}))
	require.EqualValues(t, 1, pool.Stat().TotalConns(), "the connection was given back, not thrown away")
	require.EqualValues(t, 1, pool.Stat().NewConnsCount())
}
