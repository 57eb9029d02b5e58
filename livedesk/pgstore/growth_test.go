package pgstore_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

const (
	// growthVariable is how many conversations there are at most, each with five messages.
	growthVariable = "LIVEDESK_BENCH_CONVERSATIONS"
	// keptVariable is a schema's name, to which the number of conversations is added; then the history is kept for the next run.
	keptVariable = "LIVEDESK_BENCH_SCHEMA"
)

// history fills the schema with {n} resolved conversations of five messages each, and 2,000 live ones whatever {n} is, of
// which 200 wait in a queue: a desk's work of today on years of its past.
const history = `
INSERT INTO {s}.contacts (workspace, id, address, created_at, version)
	SELECT 'w', 'p' || i, '+1' || (4150000000 + i), i, 1 FROM generate_series(1, {n}) AS i;
INSERT INTO {s}.threads (workspace, channel, contact, conversation, version)
	SELECT 'w', 'c' || i % 7, 'p' || i, 'v' || i, 1 FROM generate_series(1, {n}) AS i;
INSERT INTO {s}.arrivals (workspace, channel, key, day)
	SELECT 'w', 'c' || i % 7, md5(i::text) || '-' || k, i / 1000 FROM generate_series(1, {n}) AS i CROSS JOIN generate_series(1, 3) AS k;
INSERT INTO {s}.conversations (workspace, id, channel, contact, address, state, live_key, cycle, assignee, queue, queued_at,
		created_at, active_at, waiting_since, waits, unread, unseen, last_seq, version)
	SELECT 'w', 'v' || i, 'c' || i % 7, 'p' || i, '+1' || (4150000000 + i), CASE WHEN live THEN 'open' ELSE 'resolved' END,
		CASE WHEN live THEN true END, 1, CASE WHEN waits THEN '' ELSE 'a' || i % 50 END, CASE WHEN waits THEN 'channel:c0' END,
		CASE WHEN waits THEN i END, i, i, CASE WHEN live THEN i END, live, live::int, live, 5, 1
	FROM (SELECT i, i % ({n} / 2000) = 0 AS live, i % ({n} / 200) = 0 AS waits FROM generate_series(1, {n}) AS i) AS x;
INSERT INTO {s}.inbox (workspace, state, active_at, conversation, channel, assignee, unseen)
	SELECT workspace, state, active_at, id, channel, assignee, unseen FROM {s}.conversations;
INSERT INTO {s}.messages (workspace, id, conversation, channel, contact, seq, kind, class, text, at, provider_id, delivery, version)
	SELECT 'w', 'm' || i || '-' || seq, 'v' || i, 'c' || i % 7, 'p' || i, seq, CASE seq % 2 WHEN 1 THEN 'incoming' ELSE 'outgoing' END,
		'human', 'Where is my order? It was promised for today.', i, 'SM' || i || '-' || seq, CASE seq % 2 WHEN 0 THEN 'delivered' END, 1
	FROM generate_series(1, {n}) AS i CROSS JOIN generate_series(1, 5) AS seq;
INSERT INTO {s}.agents (workspace, id, version) SELECT 'w', 'a' || i, 1 FROM generate_series(0, 49) AS i;
INSERT INTO {s}.queues (workspace, id, members, version) VALUES ('w', 'channel:c0', '[]', 1);
`

// BenchmarkGrowth times what people and queues wait for, on a short history and on a long one: the first page of the inbox, a
// conversation, the badges, a queue's heads, and a batch of 16 texts of customers who wrote long ago. With
// LIVEDESK_BENCH_CONVERSATIONS=1000000 the long one has 5,000,000 messages, and takes some minutes to make.
func BenchmarkGrowth(b *testing.B) {
	sizes := []int{10_000, benchConversations(b)}
	for _, n := range slices.Compact(sizes) {
		b.Run(fmt.Sprint(n), func(b *testing.B) { growth(b, n) })
	}
}

// benchConversations is how long a long history is.
func benchConversations(b *testing.B) int {
	b.Helper()
	most, err := strconv.Atoi(os.Getenv(growthVariable))
	if err != nil {
		return 10_000
	}
	return max(10_000, most)
}

// withHistory returns a store with a history of n conversations, which it makes unless a run before kept it.
func withHistory(b *testing.B, n int) *pgstore.Store {
	pool := connect(b, url(b), nil)
	var name string
	if kept := os.Getenv(keptVariable); kept != "" {
		name = fmt.Sprintf("%s_%d", kept, n)
	} else {
		name = newSchema(b, pool)
	}
	s, err := pgstore.New(pool, pgstore.Config{Schema: name, StatementTimeout: -1})
	require.NoError(b, err)
	require.NoError(b, s.Migrate(b.Context()))
	var there bool
	require.NoError(b, pool.QueryRow(b.Context(), "SELECT EXISTS (SELECT FROM "+name+".queues)").Scan(&there)) // which come last
	if there {
		return s
	}
	_, err = pool.Exec(b.Context(), strings.NewReplacer("{s}", name, "{n}", fmt.Sprint(n)).Replace(history))
	require.NoError(b, err)
	for _, table := range []string{"contacts", "threads", "arrivals", "conversations", "inbox", "messages", "agents", "queues"} {
		_, err = pool.Exec(b.Context(), "VACUUM ANALYZE "+name+"."+table)
		require.NoError(b, err)
	}
	_, err = pool.Exec(b.Context(), "CHECKPOINT")
	require.NoError(b, err)
	return s
}

func growth(b *testing.B, n int) {
	s := withHistory(b, n)
	view := func(name string, fn func(ctx context.Context, tx livedesk.ReadTx) error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, s.View(b.Context(), fn))
			}
		})
	}
	view("inbox", func(ctx context.Context, tx livedesk.ReadTx) error {
		list, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "w", States: []livedesk.State{livedesk.Open}, Limit: 50})
		require.Len(b, list, 50)
		return err
	})
	view("history", func(ctx context.Context, tx livedesk.ReadTx) error {
		list, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "w", States: []livedesk.State{livedesk.Resolved}, Channel: "c3", Limit: 50})
		require.Len(b, list, 50)
		return err
	})
	view("counts", func(ctx context.Context, tx livedesk.ReadTx) error {
		_, err := tx.Counts(ctx, livedesk.CountQuery{Workspace: "w", Agent: "a1"})
		return err
	})
	at := 0
	view("conversation", func(ctx context.Context, tx livedesk.ReadTx) error {
		at = (at + 7919) % n
		list, err := tx.Timeline(ctx, livedesk.TimelineQuery{Workspace: "w", Conversation: fmt.Sprint("v", at+1), Last: true, Limit: 50})
		require.GreaterOrEqual(b, len(list), 5) // more where a run before added to it
		return err
	})
	view("queue", func(ctx context.Context, tx livedesk.ReadTx) error {
		found, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "w", IDs: []string{"channel:c0"}, Heads: 32})
		require.Len(b, found.Queues[0].Waiting, 32)
		return err
	})
	b.Run("inbound", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, comeBack(b, s, n, &at))
		}
	})
}

// comeBack takes in a batch of 16 texts of customers who wrote before.
func comeBack(b *testing.B, s *pgstore.Store, n int, at *int) error {
	return s.Update(b.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		var arrivals []livedesk.Arrival
		for range 16 {
			*at = (*at + 7919) % n
			a := arrival(0, fmt.Sprint("k", serial.Add(1), time.Now().UnixNano()))
			a.Channel, a.Address = fmt.Sprint("c", (*at+1)%7), channel.Address(fmt.Sprintf("+1%d", 4150000001+*at))
			arrivals = append(arrivals, a)
		}
		found, err := tx.TakeIn(ctx, arrivals)
		if err != nil {
			return err
		}
		var c livedesk.Changes
		for _, f := range found {
			conv := *f.Current
			conv.LastSeq++
			conv.Unread++
			conv.ActiveAt = tx.Now()
			c.Conversations = append(c.Conversations, conv)
			c.Messages = append(c.Messages, livedesk.Message{Workspace: "w", ID: fmt.Sprint("n", tx.Now().UnixMicro(), "-", serial.Add(1)), Conversation: conv.ID,
				Channel: conv.Channel, Contact: conv.Contact, Seq: conv.LastSeq, Kind: livedesk.Incoming, At: tx.Now(), Text: "And now?"})
		}
		return tx.Apply(ctx, c)
	})
}
