package pgstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

// refill empties a schema and puts a history of n conversations into it.
func refill(b *testing.B, pool *pgxpool.Pool, name string, n int) {
	b.Helper()
	for _, table := range []string{"contacts", "threads", "arrivals", "conversations", "inbox", "messages", "agents", "queues"} {
		_, err := pool.Exec(b.Context(), "TRUNCATE "+name+"."+table)
		require.NoError(b, err)
	}
	_, err := pool.Exec(b.Context(), strings.NewReplacer("{s}", name, "{n}", fmt.Sprint(n)).Replace(history))
	require.NoError(b, err)
	for _, table := range []string{"contacts", "threads", "arrivals", "conversations", "inbox", "messages"} {
		_, err = pool.Exec(b.Context(), "VACUUM ANALYZE "+name+"."+table)
		require.NoError(b, err)
	}
}

// content and keys are slices of 1,000 of what the history calls the older nine tenths.
func content(n int) livedesk.Prune {
	return livedesk.Prune{Workspace: "w", Before: time.UnixMicro(int64(n) * 9 / 10), Limit: 1000}
}

func keys(n int) livedesk.Prune {
	return livedesk.Prune{Workspace: "w", KeysBefore: time.Unix(int64(n)/1000*9/10*24*60*60, 0), Limit: 1000}
}

func prune(ctx context.Context, s *pgstore.Store, p livedesk.Prune) (out livedesk.Pruned, err error) {
	err = s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		out, err = tx.Prune(ctx, p)
		return err
	})
	return out, err
}

// comesBack takes in one text of a customer who wrote before, as the engine does where it reopens or begins a conversation.
func comesBack(ctx context.Context, s *pgstore.Store, person int) error {
	return s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		a := arrival(0, fmt.Sprint("k", serial.Add(1), time.Now().UnixNano()))
		a.Channel, a.Address = fmt.Sprint("c", person%7), channel.Address(fmt.Sprintf("+1%d", 4150000000+person))
		found, err := tx.TakeIn(ctx, []livedesk.Arrival{a})
		if err != nil {
			return err
		}
		var c livedesk.Changes
		l := found[0]
		conv := livedesk.Conversation{Workspace: "w", ID: fmt.Sprint("new", serial.Add(1)), Channel: a.Channel, Contact: l.Contact.ID,
			Address: a.Address, State: livedesk.Resolved, Cycle: 1, CreatedAt: tx.Now()}
		if l.Current != nil {
			conv = *l.Current
		} else {
			l.Thread.Conversation = conv.ID
			c.Threads = []livedesk.Thread{l.Thread}
		}
		conv.LastSeq++
		conv.ActiveAt = tx.Now()
		c.Conversations = []livedesk.Conversation{conv}
		c.Messages = []livedesk.Message{{Workspace: "w", ID: fmt.Sprint("n", serial.Add(1)), Conversation: conv.ID, Channel: conv.Channel,
			Contact: conv.Contact, Seq: conv.LastSeq, Kind: livedesk.Incoming, At: tx.Now(), Text: "And now?"}}
		return tx.Apply(ctx, c)
	})
}

// BenchmarkPrune times slices of retention, and texts that come in alone and beside them, of customers all over the history.
// LIVEDESK_BENCH_CONVERSATIONS=200000 makes it a long one: 1,000,000 messages, 600,000 keys.
func BenchmarkPrune(b *testing.B) {
	n := benchConversations(b)
	pool := connect(b, url(b), nil)
	name := newSchema(b, pool)
	s, err := pgstore.New(pool, pgstore.Config{Schema: name, StatementTimeout: -1})
	require.NoError(b, err)
	require.NoError(b, s.Migrate(b.Context()))
	refill(b, pool, name, n)
	inbound := func(b *testing.B) {
		var took []time.Duration
		for person := 0; b.Loop(); {
			person = (person + 7919) % n
			began := time.Now()
			require.NoError(b, comesBack(b.Context(), s, person+1))
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99_ms")
		b.ReportMetric(float64(took[len(took)-1])/1e6, "max_ms")
	}
	b.Run("inbound", inbound)
	slices := func(p livedesk.Prune) func(b *testing.B) {
		return func(b *testing.B) {
			rows := 0
			for b.Loop() {
				gone, err := prune(b.Context(), s, p)
				require.NoError(b, err)
				rows += gone.Messages + gone.Conversations + gone.Keys
				if !gone.More {
					b.StopTimer()
					refill(b, pool, name, n)
					b.StartTimer()
				}
			}
			b.ReportMetric(float64(rows)/float64(b.N), "rows/op")
		}
	}
	b.Run("content", slices(content(n)))
	b.Run("keys", slices(keys(n)))
	b.Run("inbound beside slices", func(b *testing.B) {
		refill(b, pool, name, n)
		ctx, cancel := context.WithCancel(b.Context())
		var all sync.WaitGroup
		cut := 0
		all.Go(func() {
			for more := true; more && ctx.Err() == nil; cut++ {
				gone, err := prune(ctx, s, content(n))
				more = err == nil && gone.More
			}
		})
		inbound(b)
		cancel()
		all.Wait()
		b.ReportMetric(float64(cut), "slices")
	})
}
