package sqlitestore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// The log begins anew while many write without a pause, so that its file stays small; and it is not SQLite that does it,
// inside of somebody's commit.
func TestLogBeginsAnewUnderLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	s := openAt(t, path, sqlitestore.Config{})
	s.FoldEvery(300)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 150 {
				key := fmt.Sprintf("%d-%03d", w, i)
				if err := s.Update(context.Background(), func(ctx context.Context, tx livedesk.Tx) error {
					_, err := takeIn(ctx, tx, w*150+i, key)
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	require.Eventually(t, func() bool { return !s.Folding() }, time.Minute, time.Millisecond)
	written := s.PagesWritten()
	require.Greater(t, written, 3000, "pages written in all")
	info, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	require.Less(t, info.Size()/4096, int64(written)/2, "pages in the log's file, of %d that were written", written)
	for w := range 8 {
		require.Len(t, has(t, s, fmt.Sprintf("%d-%03d", w, 0), fmt.Sprintf("%d-%03d", w, 149)), 2)
	}
}

// A store is closed while its log is being folded.
func TestCloseWhileFolding(t *testing.T) {
	t.Parallel()
	for range 10 {
		path := filepath.Join(t.TempDir(), "desk.db")
		s := openAt(t, path, sqlitestore.Config{})
		s.FoldEvery(1)
		for i := range 20 {
			update(t, s, taking(i, fmt.Sprint("k", i)))
		}
		require.NoError(t, s.Close())
		_, err := os.Stat(path + "-wal")
		require.ErrorIs(t, err, os.ErrNotExist, "everything is in the file")
		s = openAt(t, path, sqlitestore.Config{})
		require.Len(t, has(t, s, "k0", "k19"), 2)
	}
}
