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

// BenchmarkTakeIn takes texts in, as the engine does, from 64 goroutines over 5,000 contacts. The ratio is to a bare loop
// of one insert per commit in the same run, which is what the disk allows without group commit.
func BenchmarkTakeIn(b *testing.B) {
	bare := bareCommits(b)
	for _, workers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			s := open(b, sqlitestore.Config{})
			var next atomic.Int64
			b.ReportAllocs()
			var all sync.WaitGroup
			work := make(chan struct{}, workers)
			for range workers {
				all.Go(func() {
					for range work {
						takeOne(b, s, next.Add(1))
					}
				})
			}
			start := time.Now()
			n := 0
			for b.Loop() {
				work <- struct{}{}
				n++
			}
			close(work)
			all.Wait()
			rate := float64(n) / time.Since(start).Seconds()
			b.ReportMetric(rate, "texts/s")
			b.ReportMetric(rate/bare, "x_bare")
		})
	}
}

func takeOne(b *testing.B, s *sqlitestore.Store, n int64) {
	err := s.Update(context.Background(), func(ctx context.Context, tx livedesk.Tx) error {
		_, err := takeIn(ctx, tx, int(n*7919%5000), fmt.Sprintf("SM%032d", n))
		return err
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
