package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// everyday asks for the first few of everything that stands in an order, and does what a batch of texts and one of answers do.
func everyday(ctx context.Context, t *testing.T, s *pgstore.Store) {
	reads := func(ctx context.Context, tx livedesk.ReadTx) error {
		r, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "w1", IDs: []string{"team:the-customers-of-the-north-and-of-the-south"}, Loads: []string{"ann"}, Heads: 8})
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
		_, err = tx.Agents(ctx, "w1", []string{"ann"})
		require.NoError(t, err)
		for _, q := range []livedesk.ConversationQuery{{Assignee: "ann"}, {Contact: "p10"}, {IDs: []string{fmt.Sprintf("v%025d", 10)}}} {
			q.Workspace, q.Limit = "w1", 25
			_, err := tx.Conversations(ctx, q)
			require.NoError(t, err)
		}
		_, err = tx.Contacts(ctx, "w1", []string{"p10"})
		require.NoError(t, err)
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
	require.ErrorIs(t, s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { texts(ctx, t, tx); return errTest }), errTest)
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

// texts loads and writes what 16 texts of customers and 16 receipts need.
func texts(ctx context.Context, t *testing.T, tx livedesk.Tx) {
	const n = 16
	var arrivals []livedesk.Arrival
	var threads []livedesk.ThreadKey
	var byID, byCarrier []livedesk.MessageKey
	for i := 1; i <= n; i++ {
		arrivals = append(arrivals, livedesk.Arrival{Workspace: "w1", Channel: "c1", Key: fmt.Sprint("new", i), Address: address(i)})
		threads = append(threads, livedesk.ThreadKey{Workspace: "w1", Conversation: fmt.Sprintf("v%025d", i)})
		byID = append(byID, livedesk.MessageKey{Workspace: "w1", ID: fmt.Sprint("m", i)})
		byCarrier = append(byCarrier, livedesk.MessageKey{Workspace: "w1", Channel: "c1", ProviderID: fmt.Sprint("SM", i)})
	}
	arrived, err := tx.TakeIn(ctx, arrivals)
	require.NoError(t, err)
	var c livedesk.Changes
	for _, a := range arrived {
		require.NotNil(t, a.Current)
		a.Current.LastSeq++
		c.Conversations = append(c.Conversations, *a.Current)
	}
	c.Conversations[0].Priority++ // not an ordinary text's work
	_, err = tx.Threads(ctx, threads)
	require.NoError(t, err)
	_, err = tx.Messages(ctx, byCarrier)
	require.NoError(t, err)
	c.Deliveries, err = tx.Messages(ctx, byID)
	require.NoError(t, err)
	require.NotEmpty(t, c.Deliveries[n-1].ID)
	require.NoError(t, tx.Apply(ctx, c))
	_, err = tx.Messages(ctx, byID) // sends it
	require.NoError(t, err)
}

// most is the greatest number of rows that a step of a plan gave.
func (n node) most() float64 {
	most := n.Rows * n.Loops
	for _, p := range n.Plans {
		most = max(most, p.most())
	}
	return most
}

// readsToJoin reports whether a plan has a join that reads one side from its beginning, and so may read all of it.
func (n node) readsToJoin() bool {
	return n.Kind == "Merge Join" || n.Kind == "Hash Join" || slices.ContainsFunc(n.Plans, node.readsToJoin)
}

// small are 20,000 desks with one conversation each beside the crowded one: for the planner a workspace is as good as a key.
const small = `
INSERT INTO {s}.contacts (workspace, id, address, created_at, version)
	SELECT 'x' || i, 'p' || i, '+1' || (4150000000 + i), i, 1 FROM generate_series(1, 20000) AS i;
INSERT INTO {s}.threads (workspace, channel, contact, conversation, version)
	SELECT 'x' || i, 'c' || i, 'p' || i, 'v' || i, 1 FROM generate_series(1, 20000) AS i;
INSERT INTO {s}.conversations (workspace, id, channel, contact, address, state, live_key, cycle, created_at, active_at, version)
	SELECT 'x' || i, 'v' || i, 'c' || i, 'p' || i, '+1' || (4150000000 + i), 'open', true, 1, 1, i, 1 FROM generate_series(1, 20000) AS i;
INSERT INTO {s}.messages (workspace, id, conversation, channel, contact, seq, kind, at, version)
	SELECT 'x' || i, 'm' || i, 'v' || i, 'c' || i, 'p' || i, 1, 'incoming', i, 1 FROM generate_series(1, 20000) AS i;
`

// young leaves few conversations but those that wait, and nothing in the keys but these: what has an order is larger then.
const young = `
DELETE FROM {s}.conversations WHERE created_at > 5100;
DELETE FROM {s}.inbox WHERE active_at > 5100;
REINDEX INDEX {s}.conversations_pkey;
`

// What every day asks for is found by the index that is made for it: nobody reads a long line, or all of a desk, whatever the
// statistics say. They may be those of a desk where everybody waits in one queue, of one among many that are nearly
// empty, or of tables that were empty when they were analyzed, or when the statements were planned.
func TestNobodyReadsALongLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		planned bool   // on empty tables
		before  string // done to empty tables
		filled  string
		after   string // done to full ones
		skip    string // what need not be good yet
	}{
		{name: "analyzed", filled: crowd, after: "VACUUM ANALYZE {t}"},
		{name: "analyzed when it was empty", before: "ANALYZE {t}", filled: crowd},
		{name: "never analyzed", filled: crowd},
		{name: "planned when it was empty", planned: true, filled: crowd, skip: "resolved"}, // nothing is old within a minute
		{name: "young", filled: crowd + young, after: "VACUUM ANALYZE {t}"},
		{name: "one of many", filled: crowd + young + small, after: "VACUUM ANALYZE {t}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{all: map[string][]any{}}
			pool := connect(t, url(t), func(c *pgxpool.Config) { c.ConnConfig.Tracer = r })
			name := newSchema(t, pool)
			s, err := pgstore.New(pool, pgstore.Config{Schema: name, StatementTimeout: -1})
			require.NoError(t, err)
			require.NoError(t, s.Migrate(t.Context()))
			p := &planner{conn: connect(t, url(t), func(c *pgxpool.Config) { c.MaxConns = 1 }), schema: name}
			p.each(t, "ALTER TABLE {t} SET (autovacuum_enabled = false)")
			p.exec(t, strings.ReplaceAll(crowd, "{s}", name))
			r.all, r.sent = map[string][]any{}, nil
			everyday(t.Context(), t, s)
			p.each(t, "TRUNCATE {t}")
			if c.before != "" {
				p.each(t, c.before)
			}
			if c.planned {
				p.prepare(t, r)
			}
			p.exec(t, strings.ReplaceAll(c.filled, "{s}", name))
			if c.after != "" {
				p.each(t, c.after)
			}
			if !c.planned {
				p.prepare(t, r)
			}
			for i, text := range p.texts {
				if c.skip != "" && strings.Contains(text, c.skip) {
					continue
				}
				if n, raw := p.run(t, i, r.all[text]); n.most() > 1000 || n.Hit+n.Read > 2000 || n.readsToJoin() {
					t.Errorf("%.0f rows and %d pages read by\n%s\n%s", n.most(), n.Hit+n.Read, text, raw)
				}
			}
			require.Greater(t, len(p.texts), 30)
		})
	}
}

// planner is a connection with statements that are planned once, for any parameters, as a store's transactions do.
type planner struct {
	conn   *pgxpool.Pool // of one connection
	schema string
	texts  []string
	// settings are those of each text. It is run with them as well: the server may have forgotten its plan.
	settings []string
}

func (p *planner) exec(t *testing.T, statement string) {
	t.Helper()
	_, err := p.conn.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err, statement)
}

// each does something to every table that grows.
func (p *planner) each(t *testing.T, statement string) {
	t.Helper()
	for _, table := range []string{"contacts", "threads", "arrivals", "conversations", "inbox", "messages", "jobs", "objects"} {
		p.exec(t, strings.ReplaceAll(statement, "{t}", p.schema+"."+table))
	}
}

// prepare plans what was recorded, each statement once.
func (p *planner) prepare(t *testing.T, r *recorder) {
	t.Helper()
	for i, text := range r.sent {
		if slices.Contains(p.texts, text) || !strings.Contains(text, p.schema) {
			continue
		}
		settings := "SELECT " + pgstore.Plans
		if i > 0 && r.sent[i-1] == pgstore.ByIndex {
			settings += "; " + pgstore.ByIndex
		}
		name := fmt.Sprint("planned", len(p.texts))
		nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(r.all[text])), ", ")
		p.texts, p.settings = append(p.texts, text), append(p.settings, settings)
		p.exec(t, "BEGIN; "+settings+"; PREPARE "+name+" AS "+text+"; EXPLAIN EXECUTE "+name+" ("+nulls+"); COMMIT")
	}
}

// run runs a statement with the plan that it has; everything it does is rolled back.
func (p *planner) run(t *testing.T, i int, args []any) (node, string) {
	t.Helper()
	tx, err := p.conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	_, err = tx.Exec(t.Context(), p.settings[i], pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	places := make([]string, len(args))
	for i := range args {
		places[i] = "$" + strconv.Itoa(i+1)
	}
	var raw string
	err = tx.QueryRow(t.Context(), fmt.Sprintf("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE planned%d (%s)", i, strings.Join(places, ", ")),
		append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...).Scan(&raw)
	require.NoError(t, err, p.texts[i])
	return planOf(t, raw), raw
}
