package pgstore_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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

// sequence keeps the statements of batches in their order.
type sequence struct {
	mu  sync.Mutex
	all []string
}

func (s *sequence) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (s *sequence) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (s *sequence) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (s *sequence) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	s.mu.Lock()
	s.all = append(s.all, d.SQL)
	s.mu.Unlock()
}
func (s *sequence) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// before and after return what a setting is set to by the statement next to the one that begins so.
func (s *sequence) before(begins, setting string) string { return s.next(begins, setting, -1) }
func (s *sequence) after(begins, setting string) string  { return s.next(begins, setting, +1) }

func (s *sequence) next(begins, setting string, step int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(text string) bool { return strings.HasPrefix(text, begins+" ") })
	if i < 0 || i+step < 0 || i+step >= len(s.all) {
		return "nothing"
	}
	_, value, _ := strings.Cut(s.all[i+step], "set_config('"+setting+"', '")
	value, _, _ = strings.Cut(value, "'")
	return value
}

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
	sent := &sequence{}
	pool := connect(t, url(t), func(c *pgxpool.Config) { c.ConnConfig.Tracer = sent })
	s, err := pgstore.New(pool, pgstore.Config{Schema: name})
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	run(populate)
	run(calm)
	run("VACUUM ANALYZE {s}.messages")
	run("VACUUM ANALYZE {s}.jobs")
	run(storm)

	// What the statistics of indexes count as read, or -1 while a claim isn't counted yet.
	read := func(index string) (n int64) {
		err := admin.QueryRow(t.Context(), `SELECT CASE WHEN sum(idx_scan) = 0 THEN -1 ELSE sum(idx_tup_read) END::bigint
			FROM pg_stat_all_indexes WHERE schemaname = $1 AND indexrelname LIKE $2`, name, index).Scan(&n)
		require.NoError(t, err)
		return n
	}
	run("SELECT pg_stat_reset_single_table_counters(indexrelid) FROM pg_stat_all_indexes WHERE schemaname = '{s}'")
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		texts, err := tx.Claim(ctx, livedesk.Claim{Limit: 20})
		require.NoError(t, err)
		require.Len(t, texts, 20)
		jobs, err := tx.ClaimJobs(ctx, 20, time.Minute)
		require.NoError(t, err)
		require.Len(t, jobs, 20)
		return nil
	}))
	// Which plan is chosen is a matter of a hundredth of the costs, so that this shows it on some days only; what keeps it from
	// being chosen is seen on all of them.
	for claim := range slices.Values([]string{"WITH front", "WITH d"}) {
		require.Equal(t, "off", sent.before(claim, "enable_sort"), claim)
		require.Equal(t, "on", sent.after(claim, "enable_sort"), claim)
	}
	pool.Close() // its servers tell what they counted when they end
	require.Eventually(t, func() bool { return read("messages_outbox") >= 0 || read("messages_unfinished") > 1000 }, time.Minute, 10*time.Millisecond)
	require.Eventually(t, func() bool { return read("jobs_%") >= 0 }, time.Minute, 10*time.Millisecond)
	require.Less(t, read("messages_outbox")+read("messages_unfinished")+read("messages_sender"), int64(500))
	require.Less(t, read("jobs_%"), int64(500))
}
