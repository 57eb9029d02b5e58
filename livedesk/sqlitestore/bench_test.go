package sqlitestore_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// BenchmarkTakeIn takes texts in, as the engine does, over 5,000 contacts: from 1, 8 or 64 goroutines, each with one
// text per Update, and as batches of 16. The ratio is to a bare loop of one insert per commit in the same run, which is
// what the disk allows without group commit.
func BenchmarkTakeIn(b *testing.B) {
	bare := bareCommits(b)
	for _, c := range []struct{ workers, batch int }{{1, 1}, {8, 1}, {64, 1}, {4, 16}} {
		b.Run(fmt.Sprintf("workers=%d/batch=%d", c.workers, c.batch), func(b *testing.B) {
			s := open(b, sqlitestore.Config{})
			var next atomic.Int64
			b.ReportAllocs()
			var all sync.WaitGroup
			work := make(chan struct{}, c.workers)
			for range c.workers {
				all.Go(func() {
					for range work {
						takeBatch(b, s, next.Add(int64(c.batch)), c.batch)
					}
				})
			}
			start := time.Now()
			n := 0
			for b.Loop() {
				work <- struct{}{}
				n += c.batch
			}
			close(work)
			all.Wait()
			rate := float64(n) / time.Since(start).Seconds()
			b.ReportMetric(rate, "texts/s")
			b.ReportMetric(rate/bare, "x_bare")
		})
	}
}

// takeBatch takes the texts from first-size on in one Update; no two of them are of the same contact.
func takeBatch(b *testing.B, s *sqlitestore.Store, first int64, size int) {
	err := s.Update(context.Background(), func(ctx context.Context, tx livedesk.Tx) error {
		var arrivals []livedesk.Arrival
		for i := range int64(size) {
			arrivals = append(arrivals, arrival(int((first-i)*7919%5000), fmt.Sprintf("SM%032d", first-i)))
		}
		arrived, err := tx.TakeIn(ctx, arrivals)
		if err != nil {
			return err
		}
		var all livedesk.Changes
		for i, a := range arrived {
			c := decide(a.LoadedThread, arrivals[i].Key, tx.Now())
			all.Threads = append(all.Threads, c.Threads...)
			all.Conversations = append(all.Conversations, c.Conversations...)
			all.Messages = append(all.Messages, c.Messages...)
		}
		return tx.Apply(ctx, all)
	})
	if err != nil {
		b.Error(err)
	}
}

// bareCommits returns how many single inserts per second the disk commits under the same settings.
func bareCommits(b *testing.B) float64 {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "bare.db")+"?_journal=WAL&_sync=FULL&_txlock=immediate")
	require.NoError(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT)")
	require.NoError(b, err)
	insert, err := db.Prepare("INSERT INTO t (s) VALUES (?)")
	require.NoError(b, err)
	start, n := time.Now(), 0
	for time.Since(start) < time.Second {
		_, err := insert.Exec("Where is my order? It was promised for today.")
		require.NoError(b, err)
		n++
	}
	rate := float64(n) / time.Since(start).Seconds()
	b.Logf("bare: %.0f commits/s", rate)
	return rate
}
