package pgstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
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

// recorder keeps every statement that a pool was given, with the parameters it came with last, and the order they came in.
type recorder struct {
	mu   sync.Mutex
	all  map[string][]any
	sent []string
}

// value returns what a setting is set to by the statement that is step behind (or before) the first one that begins so.
func (r *recorder) value(begins string, step int, setting string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.sent, func(text string) bool { return strings.HasPrefix(text, begins) })
	if i < 0 || i+step < 0 || i+step >= len(r.sent) {
		return "nothing"
	}
	_, value, _ := strings.Cut(r.sent[i+step], "set_config('"+setting+"', '")
	value, _, _ = strings.Cut(value, "'")
	return value
}

func (r *recorder) keep(text string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if verb, _, _ := strings.Cut(text, " "); slices.Contains([]string{"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"}, verb) {
		r.all[text] = args
		r.sent = append(r.sent, text)
	}
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	r.keep(d.SQL, d.Args)
	return ctx
}
func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (r *recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	r.keep(d.SQL, d.Args)
}
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// populate fills a schema with 100,000 contacts and conversations, a tenth of them live, and twice as many texts.
const populate = `
INSERT INTO {s}.contacts (workspace, id, address, created_at, version)
	SELECT 'w' || i % 3, 'p' || i, '+1' || (4150000000 + i), i, 1 FROM generate_series(1, 100000) AS i;
INSERT INTO {s}.threads (workspace, channel, contact, conversation, version)
	SELECT 'w' || i % 3, 'c' || i % 7, 'p' || i, 'v' || i, 1 FROM generate_series(1, 100000) AS i;
INSERT INTO {s}.arrivals (workspace, channel, key, day)
	SELECT 'w' || i % 3, 'c' || i % 7, 'k' || i, i / 100 FROM generate_series(1, 100000) AS i;
INSERT INTO {s}.conversations (workspace, id, channel, contact, address, state, live_key, cycle, assignee, queue, queued_at,
		priority, created_at, active_at, waiting_since, waits, unread, unseen, last_seq, version)
	SELECT 'w' || i % 3, 'v' || i, 'c' || i % 7, 'p' || i, '+1' || (4150000000 + i), CASE WHEN live THEN 'open' ELSE 'resolved' END,
		CASE WHEN live THEN true END, 1, CASE WHEN live AND i % 20 = 0 THEN '' ELSE 'a' || i % 2000 END,
		CASE WHEN live AND i % 20 = 0 THEN 'channel:c' || i % 7 END, CASE WHEN live AND i % 20 = 0 THEN i END, i % 5, i, i,
		CASE WHEN live THEN i END, live, live::int, live, 2, 1
	FROM (SELECT i, i % 10 = 0 AS live FROM generate_series(1, 100000) AS i) AS x;
INSERT INTO {s}.messages (workspace, id, conversation, channel, contact, seq, kind, class, text, at, key, provider_id, delivery, stage, rank, due, fence, version)
	SELECT 'w' || i % 3, 'm' || i || '-' || seq, 'v' || i, 'c' || i % 7, 'p' || i, seq, CASE seq WHEN 1 THEN 'incoming' ELSE 'outgoing' END,
		'human', 'Where is my order?', i, CASE WHEN seq = 2 THEN 'key' || i END, 'SM' || i || '-' || seq,
		CASE WHEN seq = 2 THEN CASE WHEN i % 50 = 0 THEN 'queued' ELSE 'delivered' END END,
		CASE WHEN seq = 2 AND i % 50 = 0 THEN 'queued' END, 1,
		CASE WHEN seq = 2 AND i % 50 = 0 THEN i END, 1, 1
	FROM generate_series(1, 100000) AS i CROSS JOIN generate_series(1, 2) AS seq;
INSERT INTO {s}.inbox (workspace, state, active_at, conversation, channel, assignee, unseen)
	SELECT workspace, state, active_at, id, channel, assignee, unseen FROM {s}.conversations;
INSERT INTO {s}.agents (workspace, id, version) SELECT 'w' || i % 3, 'a' || i, 1 FROM generate_series(1, 3000) AS i;
INSERT INTO {s}.queues (workspace, id, members, version)
	SELECT 'w' || i % 3, 'team:' || i, jsonb_build_array(jsonb_build_object('agent', 'a' || i, 'last', 0)), 1 FROM generate_series(1, 3000) AS i;
INSERT INTO {s}.queue_agents (workspace, agent, queue) SELECT 'w' || i % 3, 'a' || i, 'team:' || i FROM generate_series(1, 3000) AS i;
INSERT INTO {s}.jobs (workspace, key, kind, due, fence) SELECT 'w' || i % 3, 'j' || i, 'snooze', i, 1 FROM generate_series(1, 20000) AS i;
INSERT INTO {s}.objects (workspace, kind, id, key, data, version, revision)
	SELECT 'w' || i % 3, 'channel', 'c' || i, 'hook' || i, '{}', 1, i FROM generate_series(1, 5000) AS i;
INSERT INTO {s}.budgets (workspace, channel, next, version) SELECT 'w' || i % 3, 'c' || i, i, 1 FROM generate_series(1, 5000) AS i;
UPDATE {s}.counters SET value = 5000;
`

// everyVerb calls every method with every kind of argument, inside View and inside Update.
func everyVerb(t *testing.T, s *pgstore.Store) {
	ctx := t.Context()
	n, err := s.CountTexts(ctx, "w1", "c1")
	require.NoError(t, err)
	require.NotZero(t, n.Queued)
	jobs, err := s.CountJobs(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, livedesk.MaxCounted, jobs.Due)
	require.NoError(t, s.View(ctx, func(ctx context.Context, tx livedesk.ReadTx) error { reads(ctx, t, tx); return nil }))
	require.NoError(t, s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { reads(ctx, t, tx); return nil }))
	require.ErrorIs(t, s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { writes(ctx, t, tx); return errTest }), errTest)
}

func reads(ctx context.Context, t *testing.T, tx livedesk.ReadTx) {
	threads, err := tx.Threads(ctx, []livedesk.ThreadKey{
		{Workspace: "w1", Channel: "c1", Address: "+14150000001"}, {Workspace: "w1", Conversation: "v10"}, {Workspace: "w2", Conversation: "v20"}})
	require.NoError(t, err)
	require.NotNil(t, threads[0].Current)
	require.NotNil(t, threads[1].Asked)
	for _, keys := range [][]livedesk.ThreadKey{{{Workspace: "w1", Channel: "c1", Address: "+14150000001"}}, {{Workspace: "w1", Conversation: "v10"}}} {
		_, err = tx.Threads(ctx, keys)
		require.NoError(t, err)
	}
	for _, q := range []livedesk.ConsentQuery{{}, {Channel: "c1"}, {Contact: "p1"}} {
		q.Workspace, q.Limit = "w1", 50
		_, err = tx.Consents(ctx, q)
		require.NoError(t, err)
	}
	_, err = tx.Messages(ctx, []livedesk.MessageKey{{Workspace: "w1", ID: "m1-1"}})
	require.NoError(t, err)
	m, err := tx.Messages(ctx, []livedesk.MessageKey{
		{Workspace: "w1", ID: "m1-1"}, {Workspace: "w1", Channel: "c1", ProviderID: "SM1-2"}, {Workspace: "w1", Conversation: "v4", Key: "key4"}})
	require.NoError(t, err)
	require.NotEmpty(t, m[0].ID+m[1].ID+m[2].ID)
	for _, heads := range []int{0, 32} {
		q, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "w1", IDs: []string{"channel:c1", "team:1"}, Agents: []string{"a1", "a4"}, Loads: []string{"a7"}, Heads: heads})
		require.NoError(t, err)
		require.Len(t, q.Queues, 3)
		require.Len(t, q.Agents, 3)
	}
	for _, ids := range [][]string{{"a1", "a4", "a7"}, nil} {
		_, err = tx.Agents(ctx, "w1", ids)
		require.NoError(t, err)
	}
	_, err = tx.Contacts(ctx, "w1", []string{"p1", "p4"})
	require.NoError(t, err)
	for _, last := range []bool{false, true} {
		_, err = tx.Timeline(ctx, livedesk.TimelineQuery{Workspace: "w1", Conversation: "v1", Last: last, Limit: 50})
		require.NoError(t, err)
	}
	for _, channel := range []string{"", "c1"} {
		_, err = tx.Counts(ctx, livedesk.CountQuery{Workspace: "w1", Channel: channel, Agent: "a1"})
		require.NoError(t, err)
	}
	for _, q := range []livedesk.ObjectQuery{{Workspace: "w1", Kind: "channel", IDs: []string{"c1"}}, {Workspace: "w1", Kind: "none"}, {Kind: "channel", Key: "hook1"}, {AfterRevision: new(int64(4990)), Limit: 9}} {
		_, err = tx.Objects(ctx, q)
		require.NoError(t, err)
	}
	lists(ctx, t, tx)
}

// lists asks for every combination of conditions.
func lists(ctx context.Context, t *testing.T, tx livedesk.ReadTx) {
	_, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "w1", IDs: []string{"v1", "v4"}})
	require.NoError(t, err)
	for bits := range 64 {
		q := livedesk.ConversationQuery{Workspace: "w1", Limit: 25, Unassigned: bits&1 != 0, Unread: bits&2 != 0}
		if bits&4 != 0 {
			q.Channel = "c1"
		}
		if bits&8 != 0 {
			q.Contact = "p10"
		}
		if bits&16 != 0 {
			q.Assignee = "a10"
		}
		if bits&32 != 0 {
			q.After = &livedesk.Mark{At: time.UnixMicro(50000), ID: "v50000"}
		}
		for _, q.States = range [][]livedesk.State{nil, {livedesk.Open}, {livedesk.Resolved}} {
			for _, q.Order = range []livedesk.Order{livedesk.LatestActivity, livedesk.LongestWaiting} {
				_, err := tx.Conversations(ctx, q)
				require.NoError(t, err)
			}
		}
	}
}

func writes(ctx context.Context, t *testing.T, tx livedesk.Tx) {
	gone, err := tx.Prune(ctx, livedesk.Prune{Workspace: "w2", Before: time.UnixMicro(60000), KeysBefore: time.Unix(86400*300, 0), Limit: 100})
	require.NoError(t, err)
	require.True(t, gone.More && gone.Messages > 0 && gone.Conversations > 0 && gone.Keys == 100, "%+v", gone)
	var arrivals []livedesk.Arrival
	for i := range 64 {
		arrivals = append(arrivals, livedesk.Arrival{Workspace: "w1", Channel: "c1", Key: fmt.Sprint("new", i), Address: address(i)})
	}
	_, err = tx.TakeIn(ctx, arrivals)
	require.NoError(t, err)
	_, err = tx.TakeIn(ctx, []livedesk.Arrival{{Workspace: "w1", Channel: "c1", Address: "+19990000000"}}) // one that is reckoned with
	require.NoError(t, err)
	for _, c := range []livedesk.Claim{{Limit: 50}, {Limit: 50, PerSender: 2}} {
		got, err := tx.Claim(ctx, c)
		require.NoError(t, err)
		require.NotEmpty(t, got)
	}
	jobs, err := tx.ClaimJobs(ctx, 32, time.Minute)
	require.NoError(t, err)
	require.Len(t, jobs, 32)
	l, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: "w1", Conversation: "v10"}, {Workspace: "w2", Conversation: "v20"}})
	require.NoError(t, err)
	m, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: "w1", ID: "m1-2"}, {Workspace: "w1", ID: "m4-2"}})
	require.NoError(t, err)
	budgets, err := tx.Senders(ctx, []livedesk.Sender{{Workspace: "w1", Channel: "c1"}, {Workspace: "w1", Channel: "fresh"}})
	require.NoError(t, err)
	c := livedesk.Changes{Messages: m[:1:1], Deliveries: m[1:], Budgets: budgets, DeletedAgents: []livedesk.Agent{{Workspace: "w1", ID: "a7"}}}
	for _, r := range l {
		c.Contacts, c.Threads, c.Conversations = append(c.Contacts, r.Contact), append(c.Threads, r.Thread), append(c.Conversations, *r.Asked)
		c.Cancels = append(c.Cancels, livedesk.Cancel{Workspace: r.Thread.Workspace, Channel: r.Thread.Channel, Contact: r.Contact.ID})
	}
	c.Conversations[1].Priority++ // not an ordinary text's work
	fresh := conversation(1)
	c.Contacts = append(c.Contacts, livedesk.Contact{Workspace: "w1", ID: "fresh", Address: "fresh"})
	c.Conversations = append(c.Conversations, fresh)
	c.Messages = append(c.Messages, outgoing(fresh, 1, time.Now()), livedesk.Message{Workspace: "w1", ID: "note", Conversation: fresh.ID, Seq: 2, Kind: livedesk.Note})
	c.Agents = []livedesk.Agent{{Workspace: "w1", ID: "a1", Version: 1}, {Workspace: "w1", ID: "fresh"}}
	c.Queues = []livedesk.Queue{{Workspace: "w1", ID: "team:1", Version: 1, Members: []livedesk.Member{{Agent: "a4"}}}, {Workspace: "w1", ID: "fresh", Members: []livedesk.Member{{Agent: "a1"}}}}
	moved, done := livedesk.JobChange{Job: jobs[0]}, livedesk.JobChange{Job: jobs[1], Done: true}
	c.Jobs = []livedesk.JobChange{moved, done, {Job: livedesk.Job{Workspace: "w1", Key: "fresh", Due: time.Now()}}}
	c.Objects = []livedesk.Object{{Workspace: "w1", Kind: "channel", ID: "c1", Version: 1}, {Workspace: "w1", Kind: "channel", ID: "fresh"}}
	require.NoError(t, tx.Apply(ctx, c))
	_, err = tx.Messages(ctx, []livedesk.MessageKey{{Workspace: "w1", ID: "m1-2"}}) // sends it
	require.NoError(t, err)
}

// node is a step of a plan.
type node struct {
	Kind     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Cond     string  `json:"Index Cond"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Hit      int64   `json:"Shared Hit Blocks"`
	Read     int64   `json:"Shared Read Blocks"`
	Plans    []node
}

// walks returns the tables and indexes that a plan goes through from end to end. The one that is meant is the first step
// from sender to sender, which stops after one entry.
func (n node) walks() (out []string) {
	switch {
	case n.Kind == "Seq Scan" && n.Relation != "counters":
		out = append(out, n.Relation)
	case strings.HasPrefix(n.Kind, "Index") && n.Cond == "" && n.Index != "messages_sender":
		out = append(out, n.Index)
	}
	for _, p := range n.Plans {
		out = append(out, p.walks()...)
	}
	return out
}

// explain returns the plan of a statement; everything it does is rolled back.
func explain(t *testing.T, conn *pgx.Conn, how, text string, args ...any) (n node, raw string) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	require.NoError(t, tx.QueryRow(t.Context(), "EXPLAIN ("+how+", FORMAT JSON) "+text, args...).Scan(&raw), text)
	return planOf(t, raw), raw
}

// planOf reads what EXPLAIN says in JSON.
func planOf(t *testing.T, raw string) node {
	t.Helper()
	var plans []struct{ Plan node }
	require.NoError(t, json.Unmarshal([]byte(raw), &plans))
	return plans[0].Plan
}

// pages is how many a statement may read here. Lists of the live with a condition that no index holds look at all of
// them (every tenth row here); others stay near to what they return.
func pages(text string) int64 {
	for _, live := range []string{"count(*)", "waiting_since IS NOT NULL", "live_key", ".agents AS t WHERE t.workspace = $1 ORDER BY"} {
		if strings.Contains(text, live) {
			return 12000
		}
	}
	return 1500
}

// Who adds a statement is told to have it looked at below.
func TestEveryStatementIsListed(t *testing.T) {
	t.Parallel()
	findsNothing := []string{
		"sqlBegin", "sqlBeginView", "sqlCommit", "sqlRollback", "sqlJoin", "sqlKeep", "sqlRetreat", // of transactions
		"sqlSettings", "sqlJoinSettings", "sqlPlans", "sqlByIndex", "sqlAnyOrder", "sqlBegan", "sqlClock", "sqlDurable", // of what they are done with
		"sqlSchemaVersion", "sqlMakeSchema", "sqlSchemaExists", "sqlEncoding", // of migrations
	}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for _, id := range spec.Names {
				if strings.HasPrefix(id.Name, "sql") && !slices.Contains(findsNothing, id.Name) {
					seen++
					require.NotEmpty(t, pgstore.Statements[id.Name], "%s in %s is missing in Statements", id.Name, name)
				}
			}
			return true
		})
	}
	require.Equal(t, len(pgstore.Statements), seen)
}

// Every statement finds its rows by an index, with the parameters it was given and with a plan for any: none walks a
// table, and none reads more than a few pages for each row it returns.
func TestEveryStatementUsesAnIndex(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("left out by -short; run without it")
	}
	r := &recorder{all: map[string][]any{}}
	pool := connect(t, url(t), func(c *pgxpool.Config) { c.ConnConfig.Tracer = r })
	name := newSchema(t, pool)
	s, err := pgstore.New(pool, pgstore.Config{Schema: name, StatementTimeout: -1})
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	_, err = pool.Exec(t.Context(), strings.ReplaceAll(populate, "{s}", name))
	require.NoError(t, err)
	for _, table := range []string{"contacts", "threads", "arrivals", "conversations", "inbox", "messages", "agents", "queues", "queue_agents", "budgets", "jobs", "objects"} {
		_, err = pool.Exec(t.Context(), "VACUUM ANALYZE "+name+"."+table)
		require.NoError(t, err)
	}
	r.all = map[string][]any{}
	everyVerb(t, s)
	statements := maps.Clone(r.all)
	for name, text := range pgstore.Statements {
		if _, ok := statements[pgstore.Sends(s, text)]; !ok {
			t.Errorf("%s isn't looked at", name)
		}
	}

	plain, err := pgx.Connect(t.Context(), url(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = plain.Close(context.WithoutCancel(t.Context())) })
	_, err = plain.Exec(t.Context(), "SET plan_cache_mode = force_generic_plan; SET join_collapse_limit = 1")
	require.NoError(t, err)
	for text, args := range statements {
		if !strings.Contains(text, name) {
			continue
		}
		_, err = plain.Exec(t.Context(), "UPDATE "+name+".counters SET value = value + 1000") // as Apply does before
		require.NoError(t, err)
		n, raw := explain(t, plain, "ANALYZE, BUFFERS, TIMING OFF", text, args...)
		// Whoever asks for all agents of a workspace may as well get them from the table.
		if w := n.walks(); len(w) > 0 && !strings.Contains(text, ".agents AS t WHERE t.workspace = $1 ORDER BY") {
			t.Errorf("walks %v\n%s\n%s", w, text, raw)
		}
		if n.Hit+n.Read > pages(text) {
			t.Errorf("%d pages read by\n%s\n%s", n.Hit+n.Read, text, raw)
		}

		_, err := plain.Prepare(t.Context(), "generic", text)
		require.NoError(t, err)
		nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(args)), ", ")
		_, err = plain.Exec(t.Context(), "SET enable_seqscan = off") // as every transaction of the store does
		require.NoError(t, err)
		n, raw = explain(t, plain, "COSTS ON", "EXECUTE generic ("+nulls+")")
		if w := n.walks(); len(w) > 0 {
			t.Errorf("the plan for any parameters walks %v\n%s\n%s", w, text, raw)
		}
		_, err = plain.Exec(t.Context(), "SET enable_seqscan = on")
		require.NoError(t, err)
		require.NoError(t, plain.Deallocate(t.Context(), "generic"))
	}
	t.Logf("%d statements", len(statements))
}
