package pgstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

// crowd fills a schema with one desk where everything stands in one long line: 5,000 conversations that wait in one queue, as
// many resolved ones, one timeline of 5,000 entries, and so on. For the planner every row there is like every other.
const crowd = `
INSERT INTO {s}.contacts (workspace, id, address, created_at, version)
	SELECT 'w1', 'p' || i, '+1' || (4150000000 + i), i, 1 FROM generate_series(1, 10000) AS i;
INSERT INTO {s}.threads (workspace, channel, contact, conversation, consent_since, version)
	SELECT 'w1', 'c1', 'p' || i, 'v' || lpad(i::text, 25, '0'), i, 1 FROM generate_series(1, 10000) AS i;
INSERT INTO {s}.threads (workspace, channel, contact, consent_since, version)
	SELECT 'w1', 'c' || i, 'p1', i, 1 FROM generate_series(2, 5000) AS i;
INSERT INTO {s}.arrivals (workspace, channel, key, day) SELECT 'w1', 'c1', 'k' || i, i FROM generate_series(1, 5000) AS i;
INSERT INTO {s}.conversations (workspace, id, channel, contact, address, state, live_key, cycle, queue, queued_at,
		created_at, active_at, waiting_since, waits, unread, unseen, last_seq, version)
	SELECT 'w1', 'v' || lpad(i::text, 25, '0'), 'c1', 'p' || i, '+1' || (4150000000 + i), CASE WHEN live THEN 'open' ELSE 'resolved' END,
		CASE WHEN live THEN true END, 1, CASE WHEN live THEN 'team:the-customers-of-the-north-and-of-the-south' END, CASE WHEN live THEN i END, i, i,
		CASE WHEN live THEN i END, live, live::int, live, 1, 1
	FROM (SELECT i, i <= 5000 AS live FROM generate_series(1, 10000) AS i) AS x;
INSERT INTO {s}.inbox (workspace, state, active_at, conversation, channel, assignee, unseen)
	SELECT workspace, state, active_at, id, channel, assignee, unseen FROM {s}.conversations;
INSERT INTO {s}.messages (workspace, id, conversation, channel, contact, seq, kind, text, at, version)
	SELECT 'w1', 'e' || i, 'v' || lpad('9000', 25, '0'), 'c1', 'p9000', i, 'note', 'Where is my order?', i, 1 FROM generate_series(1, 5000) AS i;
INSERT INTO {s}.messages (workspace, id, conversation, channel, contact, seq, kind, class, text, at, delivery, stage, rank, due, fence, version)
	SELECT 'w1', 'm' || i, 'v' || lpad(i::text, 25, '0'), 'c1', 'p' || i, 1, 'outgoing', 'human', 'On its way.', i, 'queued', 'queued', 1, i, 1, 1
	FROM generate_series(1, 5000) AS i;
INSERT INTO {s}.jobs (workspace, key, kind, due, fence) SELECT 'w1', 'j' || i, 'snooze', i, 1 FROM generate_series(1, 5000) AS i;
INSERT INTO {s}.objects (workspace, kind, id, key, data, version, revision)
	SELECT 'w1', 'channel', 'c' || i, 'hook' || i, '{}', 1, i FROM generate_series(1, 5000) AS i;
`

// pagesAndClaims asks for the first few of everything that stands in an order.
func pagesAndClaims(ctx context.Context, t *testing.T, s *pgstore.Store) {
	reads := func(ctx context.Context, tx livedesk.ReadTx) error {
		r, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "w1", IDs: []string{"team:the-customers-of-the-north-and-of-the-south"}, Heads: 8})
		require.NoError(t, err)
		require.Len(t, r.Queues, 1)
		require.Len(t, r.Queues[0].Waiting, 8)
		require.True(t, r.Queues[0].More)
		for _, q := range []livedesk.ConversationQuery{
			{}, {States: []livedesk.State{livedesk.Open}}, {States: []livedesk.State{livedesk.Resolved}}, {Channel: "c1"}, {Unread: true},
			{After: &livedesk.Mark{At: time.UnixMicro(4000), ID: "v4000"}},
			{Order: livedesk.LongestWaiting}, {Order: livedesk.LongestWaiting, After: &livedesk.Mark{At: time.UnixMicro(4000), ID: "v4000"}},
			{Order: livedesk.LongestWaiting, States: []livedesk.State{livedesk.Open}},
		} {
			q.Workspace, q.Limit = "w1", 25
			got, err := tx.Conversations(ctx, q)
			require.NoError(t, err)
			require.Len(t, got, 25)
		}
		for _, q := range []livedesk.TimelineQuery{{}, {Last: true}, {After: 4000}, {Before: 4000, Last: true}} {
			q.Workspace, q.Conversation, q.Limit = "w1", fmt.Sprintf("v%025d", 9000), 50
			got, err := tx.Timeline(ctx, q)
			require.NoError(t, err)
			require.Len(t, got, 50)
		}
		for _, q := range []livedesk.ConsentQuery{{}, {Channel: "c1"}, {Contact: "p1"}} {
			q.Workspace, q.Limit = "w1", 50
			got, err := tx.Consents(ctx, q)
			require.NoError(t, err)
			require.Len(t, got, 50)
		}
		got, err := tx.Objects(ctx, livedesk.ObjectQuery{AfterRevision: new(int64), Limit: 50})
		require.NoError(t, err)
		require.Len(t, got, 50)
		return nil
	}
	require.NoError(t, s.View(ctx, reads))
	require.ErrorIs(t, s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		got, err := tx.Claim(ctx, livedesk.Claim{Limit: 16})
		require.NoError(t, err)
		require.Len(t, got, 16)
		jobs, err := tx.ClaimJobs(ctx, 16, time.Minute)
		require.NoError(t, err)
		require.Len(t, jobs, 16)
		gone, err := tx.Prune(ctx, livedesk.Prune{Workspace: "w1", Before: time.UnixMicro(9000), KeysBefore: time.Unix(86400*4000, 0), Limit: 100})
		require.NoError(t, err)
		require.Equal(t, 100, gone.Keys)
		return errors.Join(reads(ctx, tx), errTest)
	}), errTest)
}

// most is the greatest number of rows that a step of a plan gave.
func (n node) most() float64 {
	most := n.Rows * n.Loops
	for _, p := range n.Plans {
		most = max(most, p.most())
	}
	return most
}

// The first few of a long line are found by the index of its order: nobody reads the line, whatever the statistics say, which
// are those of a desk where everybody waits in one queue, or of one that was empty.
func TestNobodyReadsALongLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before bool // the tables are analyzed when they are empty
		after  bool
		young  bool // nearly all conversations are those that wait
	}{
		{name: "analyzed", after: true},
		{name: "analyzed when it was empty", before: true},
		{name: "never analyzed"},
		{name: "young", after: true, young: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{all: map[string][]any{}}
			pool := connect(t, url(t), func(c *pgxpool.Config) { c.ConnConfig.Tracer = r })
			name := newSchema(t, pool)
			s, err := pgstore.New(pool, pgstore.Config{Schema: name, StatementTimeout: -1})
			require.NoError(t, err)
			require.NoError(t, s.Migrate(t.Context()))
			each := func(want bool, statement string) {
				for _, table := range []string{"contacts", "threads", "arrivals", "conversations", "inbox", "messages", "jobs", "objects"} {
					if want {
						_, err := pool.Exec(t.Context(), strings.ReplaceAll(statement, "{t}", name+"."+table))
						require.NoError(t, err)
					}
				}
			}
			each(true, "ALTER TABLE {t} SET (autovacuum_enabled = false)")
			each(c.before, "ANALYZE {t}")
			_, err = pool.Exec(t.Context(), strings.ReplaceAll(crowd, "{s}", name))
			require.NoError(t, err)
			if c.young {
				_, err = pool.Exec(t.Context(), strings.ReplaceAll(`DELETE FROM {s}.conversations WHERE created_at > 5100; DELETE FROM {s}.inbox WHERE active_at > 5100`, "{s}", name))
				require.NoError(t, err)
			}
			each(c.after, "VACUUM ANALYZE {t}")
			r.all, r.sent = map[string][]any{}, nil
			pagesAndClaims(t.Context(), t, s)

			seen := map[string]bool{}
			for i, text := range r.sent {
				if seen[text] || !strings.Contains(text, "LIMIT") {
					continue
				}
				seen[text] = true
				byIndex := i > 0 && r.sent[i-1] == pgstore.ByIndex
				if n, raw := explainAny(t, pool, byIndex, text, r.all[text]); n.most() > 1000 {
					t.Errorf("%.0f rows read by\n%s\n%s", n.most(), text, raw)
				}
			}
			require.Greater(t, len(seen), 15)
		})
	}
}

// explainAny runs a statement with the plan for any parameters, and with the settings of the store's transactions.
func explainAny(t *testing.T, pool *pgxpool.Pool, byIndex bool, text string, args []any) (node, string) {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	exec := func(statement string) {
		_, err := tx.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err, statement)
	}
	exec("SELECT " + pgstore.Plans)
	if byIndex {
		exec(pgstore.ByIndex)
	}
	exec("PREPARE planned AS " + text)
	defer exec("DEALLOCATE planned")
	places := make([]string, len(args))
	for i := range args {
		places[i] = "$" + strconv.Itoa(i+1)
	}
	var raw string
	err = tx.QueryRow(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE planned ("+strings.Join(places, ", ")+")",
		append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...).Scan(&raw)
	require.NoError(t, err, text)
	var plans []struct{ Plan node }
	require.NoError(t, json.Unmarshal([]byte(raw), &plans))
	return plans[0].Plan, raw
}
