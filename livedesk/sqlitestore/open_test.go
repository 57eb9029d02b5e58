package sqlitestore_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// F124: what is in the way is said at Open, in words.
func TestOpenSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	require.NoError(t, os.WriteFile(garbage, []byte("this is a letter and not a database, and long enough to be one; "+
		"a file that is shorter than a header would count as empty and become a desk"), 0o600))
	for name, c := range map[string]struct{ path, want string }{
		"empty path":        {"", "memstore"},
		"memory":            {":memory:", "memstore"},
		"missing directory": {filepath.Join(dir, "no", "desk.db"), "no such file"},
		"directory":         {dir, "is a directory"},
		"not a database":    {garbage, "is not a SQLite database"},
		"device":            {os.DevNull, "is not a regular file"},
		"file as directory": {filepath.Join(garbage, "desk.db"), "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sqlitestore.Open(t.Context(), c.path, sqlitestore.Config{})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// The file is for its owner's eyes: it holds what customers wrote.
func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("permissions are another thing there")
	}
	path := filepath.Join(t.TempDir(), "odd name?#%20.db")
	s := openAt(t, path, sqlitestore.Config{})
	update(t, s, taking(1, "one"))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), suffix)
	}
}

// F118: a file that brings weaker settings with it is set right, on each connection.
func TestSettingsOfTheFileDontCount(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	db := raw(t, path)
	for _, q := range []string{"PRAGMA journal_mode = DELETE", "PRAGMA synchronous = OFF", "CREATE TABLE host (x)"} {
		_, err := db.Exec(q)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	s := openAt(t, path, sqlitestore.Config{Readers: 3})
	for _, settings := range s.Settings(t) {
		require.Equal(t, "wal", settings["journal_mode"])
		require.Equal(t, "2", settings["synchronous"])
		require.Equal(t, "1", settings["foreign_keys"])
		require.NotEqual(t, "0", settings["busy_timeout"])
	}
	require.Equal(t, "wal", ask(t, raw(t, path), "PRAGMA journal_mode"))
}

// A file that can't leave its journal mode, since somebody has it open, is refused and not used as it is.
func TestLogRefused(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, sqlitestore.CheckSetting("journal_mode", "memory"), "refuses the write-ahead log")
	require.ErrorContains(t, sqlitestore.CheckSetting("synchronous", "1"), "synchronous is 1, must be 2")

	path := filepath.Join(t.TempDir(), "desk.db")
	db := raw(t, path)
	_, err := db.Exec("CREATE TABLE host (x); BEGIN EXCLUSIVE")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = sqlitestore.Open(ctx, path, sqlitestore.Config{})
	require.ErrorIs(t, err, livedesk.ErrBusy)
}

// A file that is somebody's for a moment is waited for.
func TestOpenWaitsForTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	db := raw(t, path)
	_, err := db.Exec("CREATE TABLE host (x); BEGIN EXCLUSIVE")
	require.NoError(t, err)
	opened := make(chan error, 1)
	go func() {
		s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Config{LockWait: time.Minute})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		require.NoError(t, err)
		t.Fatal("opened although the file is somebody's")
	case <-time.After(400 * time.Millisecond): // longer than SQLite itself waits
	}
	_, err = db.Exec("ROLLBACK")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.NoError(t, <-opened)
}

// F123: a foreign process holds the write lock. Updates answer in time, Views go on, and nothing piles up.
func TestForeignWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	s := openAt(t, path, sqlitestore.Config{LockWait: time.Second})
	update(t, s, taking(1, "before"))
	db := raw(t, path)
	_, err := db.Exec("BEGIN IMMEDIATE")
	require.NoError(t, err)

	never := func(context.Context, livedesk.Tx) error { t.Error("must not run"); return nil }
	start := time.Now()
	errs := make(chan error, 10)
	for range cap(errs) {
		go func() { errs <- s.Update(t.Context(), never) }()
	}
	require.Equal(t, []string{"before"}, has(t, s, "before"))
	for range cap(errs) {
		require.ErrorIs(t, <-errs, livedesk.ErrBusy)
	}
	require.Less(t, time.Since(start), 9*time.Second, "they wait together, not one after the other")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Update(ctx, never), context.DeadlineExceeded)

	_, err = db.Exec("ROLLBACK")
	require.NoError(t, err)
	update(t, s, taking(1, "after"))
	require.Equal(t, []string{"before", "after"}, has(t, s, "before", "after"))
}

// Two stores on one file, as two processes have it: both write, and neither sees half of the other's.
func TestTwoStoresOnOneFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	a, b := openAt(t, path, sqlitestore.Config{}), openAt(t, path, sqlitestore.Config{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50 {
			update(t, b, taking(i%7, keys("b", 50)[i]))
		}
	}()
	for i, key := range keys("a", 50) {
		update(t, a, taking(i%7, key))
	}
	<-done
	require.Len(t, has(t, a, append(keys("a", 50), keys("b", 50)...)...), 100)
}

func keys(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, prefix+string(rune('A'+i/26))+string(rune('a'+i%26)))
	}
	return all
}
