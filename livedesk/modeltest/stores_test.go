package modeltest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// clock is what tests move.
type clock struct {
	ahead atomic.Int64
	runs  bool // it goes on by itself as well
}

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }
func (c *clock) offset() time.Duration   { return time.Duration(c.ahead.Load()) }

// now stands still but for advance; it is near the machine's, since carriers compare the two.
func (c *clock) now() time.Time { return began.Add(c.offset()) }

var began = time.Now().UTC().Truncate(time.Second)

// opener returns an empty store, which is closed by its t.
type opener func(t tester, c *clock) livedesk.Store

// onEveryStore runs a test on each store that there is.
func onEveryStore(t *testing.T, test func(t *testing.T, open opener)) {
	t.Run("memory", func(t *testing.T) {
		test(t, func(_ tester, c *clock) livedesk.Store { return memstore.NewAt(c.now) })
	})
	t.Run("sqlite", func(t *testing.T) {
		dir, n := t.TempDir(), 0
		test(t, func(t tester, c *clock) livedesk.Store {
			n++
			name := filepath.Join(dir, time.Duration(n).String())
			s, err := sqlitestore.Open(t.Context(), name, sqlitestore.Config{Clock: c.now})
			require.NoError(t, err)
			t.Cleanup(func() {
				require.NoError(t, s.Close())
				require.NoError(t, os.Remove(name))
			})
			return s
		})
	})
	t.Run("postgres", func(t *testing.T) { test(t, postgres(t)) })
}

// tables are emptied before each day.
var tables = []string{"contacts", "threads", "arrivals", "conversations", "inbox", "messages", "agents", "queues", "queue_agents", "budgets", "jobs", "objects"}

var schemas atomic.Int64

func postgres(t *testing.T) opener {
	const variable = "LIVEDESK_TEST_POSTGRES"
	url := os.Getenv(variable)
	if url == "" && os.Getenv("LIVEDESK_TEST_REQUIRED") != "" {
		t.Fatalf("no %s, and this run requires it", variable)
	}
	if url == "" {
		t.Skipf("no %s; set it to the URL of a PostgreSQL", variable)
	}
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	schema := fmt.Sprintf("livedesk_model_%d_%d", os.Getpid(), schemas.Add(1))
	cfg := pgstore.Config{Schema: schema}
	s, err := pgstore.New(pool, cfg)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	t.Cleanup(func() {
		_, err := pool.Exec(context.WithoutCancel(t.Context()), "DROP SCHEMA "+schema+" CASCADE")
		require.NoError(t, err)
	})
	return func(t tester, c *clock) livedesk.Store {
		for _, table := range tables {
			_, err := pool.Exec(t.Context(), "DELETE FROM "+schema+"."+table)
			require.NoError(t, err)
		}
		cfg.ClockOffset, c.runs = c.offset, true
		s, err := pgstore.New(pool, cfg)
		require.NoError(t, err)
		return s
	}
}
