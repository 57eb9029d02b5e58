package pgstore_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

// bare returns how many single inserts per second the same server commits, one after the other over one connection: what
// it allows without batches.
func bare(b *testing.B, pool *pgxpool.Pool) float64 {
	b.Helper()
	name := newSchema(b, pool)
	_, err := pool.Exec(b.Context(), "CREATE SCHEMA "+name+"; CREATE TABLE "+name+".t (id bigint PRIMARY KEY, s text)")
	require.NoError(b, err)
	c, err := pool.Acquire(b.Context())
	require.NoError(b, err)
	defer c.Release()
	start, n := time.Now(), 0
	for time.Since(start) < time.Second {
		_, err := c.Exec(b.Context(), "INSERT INTO "+name+".t VALUES ($1, $2)", n, "Where is my order? It was promised for today.")
		require.NoError(b, err)
		n++
	}
	return float64(n) / time.Since(start).Seconds()
}

// report adds what a benchmark did per second, and how that compares to bare.
func report(b *testing.B, n int, start time.Time, bare float64) {
	rate := float64(n) / time.Since(start).Seconds()
	b.ReportMetric(rate, "rows/s")
	b.ReportMetric(rate/bare, "x_bare")
	b.ReportMetric(bare, "bare/s")
}

// analyze does what autovacuum does within a minute: without statistics plans are poor.
func analyze(b *testing.B, pool *pgxpool.Pool) {
	b.Helper()
	_, err := pool.Exec(b.Context(), "VACUUM ANALYZE")
	require.NoError(b, err)
}

var serial atomic.Int64

// takeBatch takes texts in as the engine does: keys, threads, one conversation and one message each.
func takeBatch(ctx context.Context, s livedesk.Store, senders []int) error {
	return s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		var arrivals []livedesk.Arrival
		for _, n := range senders {
			arrivals = append(arrivals, arrival(n, fmt.Sprint("k", serial.Add(1))))
		}
		rows, err := tx.TakeIn(ctx, arrivals)
		if err != nil {
			return err
		}
		now := tx.Now()
		var c livedesk.Changes
		for _, l := range rows {
			conv := livedesk.Conversation{Workspace: "w", ID: "v" + l.Contact.ID, Channel: "sms", Contact: l.Contact.ID, Address: l.Contact.Address,
				State: livedesk.Open, Cycle: 1, CreatedAt: now, WaitingSince: now, Assignee: "ann"}
			if l.Current != nil {
				conv = *l.Current
			} else {
				l.Thread.Conversation = conv.ID
				c.Threads = append(c.Threads, l.Thread)
			}
			conv.LastSeq++
			conv.Unread++
			conv.ActiveAt, conv.Preview = now, "Where is my order? It was promised for today."
			c.Conversations = append(c.Conversations, conv)
			c.Messages = append(c.Messages, livedesk.Message{Workspace: "w", ID: fmt.Sprint("m", serial.Add(1)), Conversation: conv.ID,
				Channel: "sms", Contact: conv.Contact, Seq: conv.LastSeq, Kind: livedesk.Incoming, At: now, ProviderID: "SM",
				By: livedesk.Actor{Kind: livedesk.ActorCustomer}, Text: "Where is my order? It was promised for today."})
		}
		return tx.Apply(ctx, c)
	})
}

// BenchmarkTakeIn takes in batches of texts, of senders that are known and of senders that are all new, with one batch
// under way and with two, as the engine has.
func BenchmarkTakeIn(b *testing.B) {
	pool := connect(b, url(b), nil)
	const known = 5000
	for _, size := range []int{1, 16, 64} {
		for _, fresh := range []bool{false, true} {
			for _, flights := range []int{1, 2} {
				b.Run(fmt.Sprintf("batch=%d/new=%v/flights=%d", size, fresh, flights), func(b *testing.B) {
					s := open(b, pool, pgstore.Config{})
					var next atomic.Int64
					batch := func() (out []int) {
						for range size {
							n := int(next.Add(1))
							if !fresh {
								n %= known
							}
							out = append(out, n)
						}
						return out
					}
					for range known / 50 {
						var people []int
						for range 50 {
							people = append(people, int(next.Add(1))%known)
						}
						require.NoError(b, takeBatch(b.Context(), s, people))
					}
					analyze(b, pool)
					compare := bare(b, pool)
					work := make(chan []int)
					var all sync.WaitGroup
					for range flights {
						all.Go(func() {
							for senders := range work {
								if err := takeBatch(b.Context(), s, senders); err != nil {
									b.Error(err)
								}
							}
						})
					}
					b.ReportAllocs()
					start, n := time.Now(), 0
					for b.Loop() {
						work <- batch()
						n += size
					}
					close(work)
					all.Wait()
					report(b, n, start, compare)
				})
			}
		}
	}
}

// outbox fills a store with conversations that each have texts to send, and returns how many texts.
func outbox(b *testing.B, s livedesk.Store, conversations, each int) int {
	b.Helper()
	now := time.Now().Add(-time.Hour)
	for from := 0; from < conversations; from += 500 {
		require.NoError(b, s.Update(b.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			var arrivals []livedesk.Arrival
			for n := from; n < min(from+500, conversations); n++ {
				arrivals = append(arrivals, livedesk.Arrival{Workspace: "w", Channel: "sms", Address: address(n)})
			}
			threads, err := tx.TakeIn(ctx, arrivals)
			if err != nil {
				return err
			}
			var c livedesk.Changes
			for i, t := range threads {
				conv := conversation(from + i)
				conv.Contact = t.Contact.ID
				c.Conversations = append(c.Conversations, conv)
				for seq := range each {
					m := outgoing(conv, int64(seq+1), now)
					m.ProviderID = "SM" + m.ID
					c.Messages = append(c.Messages, m)
				}
			}
			return tx.Apply(ctx, c)
		}))
	}
	return conversations * each
}

// BenchmarkClaim claims texts in batches of 50 and writes each as accepted in the same transaction, by 1 and by 4 workers.
func BenchmarkClaim(b *testing.B) {
	pool := connect(b, url(b), nil)
	for _, workers := range []int{1, 4} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			compare := bare(b, pool)
			b.ReportAllocs()
			n := 0
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				s := open(b, pool, pgstore.Config{})
				total := outbox(b, s, 2000, 5)
				analyze(b, pool)
				b.StartTimer()
				start := time.Now()
				var left atomic.Int64
				left.Store(int64(total))
				var all sync.WaitGroup
				for range workers {
					all.Go(func() {
						for left.Load() > 0 {
							got, err := claimAndFinish(b.Context(), s)
							if err != nil {
								b.Error(err)
								return
							}
							left.Add(-int64(got))
						}
					})
				}
				all.Wait()
				spent += time.Since(start)
				n += total
			}
			report(b, n, time.Now().Add(-spent), compare)
		})
	}
}

func claimAndFinish(ctx context.Context, s livedesk.Store) (int, error) {
	n := 0
	err := s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		got, err := tx.Claim(ctx, livedesk.Claim{Limit: 50})
		if n = len(got); n == 0 {
			return err
		}
		var c livedesk.Changes
		for _, d := range got {
			d.Message.Delivery.State, d.Message.Delivery.Due = livedesk.Accepted, time.Time{}
			c.Deliveries = append(c.Deliveries, d.Message)
		}
		return tx.Apply(ctx, c)
	})
	return n, err
}

// BenchmarkReceipts merges batches of 64 delivery receipts into texts that are found by the carrier's id.
func BenchmarkReceipts(b *testing.B) {
	pool := connect(b, url(b), nil)
	s := open(b, pool, pgstore.Config{})
	outbox(b, s, 5000, 1)
	analyze(b, pool)
	compare := bare(b, pool)
	b.ReportAllocs()
	start, n := time.Now(), 0
	for b.Loop() {
		err := s.Update(b.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			now := tx.Now()
			var keys []livedesk.MessageKey
			for range 64 {
				n++
				keys = append(keys, livedesk.MessageKey{Workspace: "w", Channel: "sms", ProviderID: "SM" + outgoing(conversation(n%5000), 1, now).ID})
			}
			rows, err := tx.Messages(ctx, keys)
			if err != nil {
				return err
			}
			for i := range rows {
				rows[i].Delivery.State, rows[i].Delivery.Due = livedesk.Delivered, time.Time{}
				rows[i].Delivery.History = append(rows[i].Delivery.History, livedesk.DeliveryNote{At: now, State: livedesk.Delivered, Source: "receipt", Word: "delivered"})
				rows[i].Delivery.History = rows[i].Delivery.History[max(0, len(rows[i].Delivery.History)-3):]
			}
			return tx.Apply(ctx, livedesk.Changes{Deliveries: rows})
		})
		require.NoError(b, err)
	}
	report(b, n, start, compare)
}
