package pgstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

// calm is what populate left when all of it has gone out, and storm a backlog after that.
const (
	calm  = `UPDATE {s}.messages SET delivery = 'delivered', due = NULL, stage = NULL WHERE due IS NOT NULL; DELETE FROM {s}.jobs`
	storm = `UPDATE {s}.messages SET delivery = 'queued', due = at, stage = 'queued' WHERE seq = 2 AND at % 20 = 0;
INSERT INTO {s}.jobs (workspace, key, kind, due, fence) SELECT 'w', 'j' || i, 'snooze', i, 1 FROM generate_series(1, 5000) AS i`
)

// A claim looks at what it takes and not at all that is due, also with a plan made of statistics from when nothing was: an
// outage ends with a backlog that nobody has analyzed.
func TestClaimOfABacklogLooksAtWhatItTakes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("left out by -short; run without it")
	}
	admin := connect(t, url(t), nil)
	name := newSchema(t, admin)
	run := func(text string) {
		t.Helper()
		_, err := admin.Exec(t.Context(), strings.ReplaceAll(text, "{s}", name))
		require.NoError(t, err)
	}
	sent := &recorder{all: map[string][]any{}}
	pool := connect(t, url(t), func(c *pgxpool.Config) { c.ConnConfig.Tracer = sent })
	s, err := pgstore.New(pool, pgstore.Config{Schema: name})
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	run(populate)
	run(calm)
	run("VACUUM ANALYZE {s}.messages")
	run("VACUUM ANALYZE {s}.jobs")
	run(storm)

	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()
	// The rows that this server's process has fetched, by whatever index.
	fetched := func() (n int64) {
		require.NoError(t, tx.QueryRow(t.Context(), `SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
			FROM pg_stat_xact_all_tables WHERE schemaname = $1 AND relname IN ('messages', 'jobs')`, name).Scan(&n))
		return n
	}
	_, err = tx.Exec(t.Context(), "SELECT "+pgstore.Plans) // as every transaction of the store's own does
	require.NoError(t, err)
	before := fetched()
	require.NoError(t, s.Join(tx).Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		texts, err := tx.Claim(ctx, livedesk.Claim{Limit: 20})
		require.NoError(t, err)
		require.Len(t, texts, 20)
		jobs, err := tx.ClaimJobs(ctx, 20, time.Minute)
		require.NoError(t, err)
		require.Len(t, jobs, 20)
		return nil
	}))
	require.Positive(t, fetched()-before)
	require.Less(t, fetched()-before, int64(500))
	// Which plan is chosen is a matter of a hundredth of the costs, so that this shows it on some days only; what keeps it from
	// being chosen is seen on all of them.
	for _, claim := range []string{"WITH front ", "WITH d "} {
		require.Equal(t, "off", sent.value(claim, -1, "enable_sort"), claim)
		require.Equal(t, "on", sent.value(claim, +1, "enable_sort"), claim)
	}
}
