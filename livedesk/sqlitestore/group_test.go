package sqlitestore_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// together runs updates that share one transaction: all wait while the first is held. The nth error is the nth's; where
// one panics or ends its goroutine the error says so.
func together(s *sqlitestore.Store, ctxs []context.Context, fns ...func(context.Context, livedesk.Tx) error) []error {
	s.KeepGroups()
	errs := make([]error, len(fns))
	held, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for i, fn := range fns {
		all.Go(func() {
			errs[i] = fmt.Errorf("ended: %w", errTest)
			defer func() {
				if r := recover(); r != nil {
					errs[i] = fmt.Errorf("panicked: %v", r)
				}
			}()
			errs[i] = s.Update(ctxs[i], func(ctx context.Context, tx livedesk.Tx) error {
				if i == 0 {
					close(held)
					<-release
				}
				return fn(ctx, tx)
			})
		})
		if i == 0 {
			<-held
		}
		for s.Waiting() < i {
			time.Sleep(100 * time.Microsecond)
		}
	}
	close(release)
	all.Wait()
	return errs
}

func taking(n int, key string) func(context.Context, livedesk.Tx) error {
	return func(ctx context.Context, tx livedesk.Tx) error {
		_, err := takeIn(ctx, tx, n, key)
		return err
	}
}

func contexts(t *testing.T, n int) []context.Context {
	out := make([]context.Context, n)
	for i := range out {
		out[i] = t.Context()
	}
	return out
}

// F27: one of several that share a commit goes wrong, in every way; it takes back its own changes and no others.
func TestOneOfAGroupGoesWrong(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]func(cancel context.CancelFunc) error{
		"error":   func(context.CancelFunc) error { return errTest },
		"cancel":  func(cancel context.CancelFunc) error { cancel(); return nil },
		"panic":   func(context.CancelFunc) error { panic("oh") },
		"goexit":  func(context.CancelFunc) error { runtime.Goexit(); return nil },
		"nothing": nil,
	} {
		for _, place := range []int{0, 1, 2} {
			t.Run(fmt.Sprintf("%s/%d", name, place), func(t *testing.T) {
				t.Parallel()
				s := open(t, sqlitestore.Config{})
				ctxs := contexts(t, 3)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ctxs[place] = ctx
				fns := []func(context.Context, livedesk.Tx) error{taking(0, "k0"), taking(1, "k1"), taking(2, "k2")}
				inner := fns[place]
				fns[place] = func(ctx context.Context, tx livedesk.Tx) error {
					if err := inner(ctx, tx); err != nil || wrong == nil {
						return err
					}
					return wrong(cancel)
				}
				errs := together(s, ctxs, fns...)
				want := []string{"k0", "k1", "k2"}
				for i, err := range errs {
					if i == place && wrong != nil {
						require.Error(t, err)
						continue
					}
					require.NoError(t, err, i)
				}
				if wrong != nil {
					want = append(want[:place:place], want[place+1:]...)
				}
				require.Equal(t, want, has(t, s, "k0", "k1", "k2"))
			})
		}
	}
}

// Many at once: what Update acknowledged is stored, what it refused isn't, and commits were shared.
func TestConcurrentUpdates(t *testing.T) {
	t.Parallel()
	s := open(t, sqlitestore.Config{})
	const workers, each = 32, 30
	var all sync.WaitGroup
	var mu sync.Mutex
	kept := map[string]bool{}
	for w := range workers {
		all.Go(func() {
			for i := range each {
				key := fmt.Sprintf("%02d-%03d", w, i)
				ctx, cancel := context.WithCancel(context.Background())
				err := s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
					if _, err := takeIn(ctx, tx, w*7+i%5, key); err != nil {
						return err
					}
					switch i % 7 {
					case 3:
						return errTest
					case 5:
						cancel()
					}
					return nil
				})
				cancel()
				mu.Lock()
				kept[key] = err == nil
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for key, ok := range kept {
		require.Equal(t, ok, len(has(t, s, key)) == 1, key)
	}
	require.Less(t, s.Commits(), workers*each/2, "commits must be shared")
}

// A full disk makes SQLite drop the whole transaction: the ones whose work went with it may try again, and the one that
// filled it gets to know why. Afterwards the store works (F119).
func TestLostGroup(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	var logged strings.Builder
	s := openAt(t, path, sqlitestore.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	update(t, s, taking(9, "before"))
	s.LimitPages(t, 8)
	var runs atomic.Int32
	errs := together(s, contexts(t, 3), taking(0, "k0"), func(ctx context.Context, tx livedesk.Tx) error {
		runs.Add(1)
		huge := arrival(1, "k1")
		huge.Country = strings.Repeat("x", 1<<20)
		_, err := tx.TakeIn(ctx, []livedesk.Arrival{huge})
		return err
	}, taking(2, "k2"))
	require.ErrorIs(t, errs[0], livedesk.ErrSerialization)
	require.ErrorContains(t, errs[1], "full")
	require.NotErrorIs(t, errs[1], livedesk.ErrSerialization)
	require.NoError(t, errs[2], "it ran on a fresh connection")
	require.EqualValues(t, 1, runs.Load())
	require.Equal(t, []string{"before", "k2"}, has(t, s, "before", "k0", "k2"))
	update(t, s, taking(0, "k0"))
	require.Contains(t, logged.String(), "transaction lost")
	require.NotContains(t, logged.String(), "promised")
}

// The one that loses a transaction by itself doesn't go on outside of it, whatever fn makes of the error.
func TestBrokenTransactionIsNotUsedOn(t *testing.T) {
	t.Parallel()
	s := open(t, sqlitestore.Config{})
	update(t, s, taking(9, "before"))
	s.LimitPages(t, 8)
	err := s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		huge := arrival(1, "k1")
		huge.Country = strings.Repeat("x", 1<<20)
		_, err := tx.TakeIn(ctx, []livedesk.Arrival{huge})
		require.Error(t, err)
		_, err = takeIn(ctx, tx, 2, "k2")
		require.Error(t, err)
		return nil
	})
	require.ErrorContains(t, err, "full")
	require.Equal(t, []string{"before"}, has(t, s, "before", "k1", "k2"))
}

// A caller whose context ends in the line leaves it at once; so does one too many, and everybody when the store closes.
func TestLeavingTheLine(t *testing.T) {
	t.Parallel()
	s := open(t, sqlitestore.Config{MaxWaiting: 2, LockWait: 150 * time.Millisecond})
	held, release := make(chan struct{}), make(chan struct{})
	var holder sync.WaitGroup
	holder.Go(func() {
		require.NoError(t, s.Update(t.Context(), func(context.Context, livedesk.Tx) error {
			close(held)
			<-release
			return nil
		}))
	})
	<-held
	never := func(context.Context, livedesk.Tx) error { t.Error("must not run"); return nil }

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Update(ctx, never), context.DeadlineExceeded)
	require.ErrorIs(t, s.Update(t.Context(), never), livedesk.ErrBusy, "the turn didn't come in time")

	var waiting sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		waiting.Go(func() { errs[i] = s.Update(t.Context(), never) })
	}
	for s.Waiting() < 2 {
		time.Sleep(time.Millisecond)
	}
	require.ErrorIs(t, s.Update(t.Context(), never), livedesk.ErrBusy, "the line is full")
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	waiting.Wait()
	for _, err := range errs {
		require.Error(t, err)
	}
	close(release)
	holder.Wait()
	require.NoError(t, <-closed)
	require.ErrorIs(t, s.Update(t.Context(), never), livedesk.ErrClosed)
	require.ErrorIs(t, s.View(t.Context(), nil), livedesk.ErrClosed)
}

// A View sees one moment, however many commits pass, and an Update waits for none.
func TestViewKeepsItsMoment(t *testing.T) {
	t.Parallel()
	s := open(t, sqlitestore.Config{Readers: 1})
	update(t, s, taking(1, "one"))
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		key := livedesk.TimelineQuery{Workspace: "w", Conversation: talk(address(1)), Limit: 10}
		before, err := tx.Timeline(ctx, key)
		require.NoError(t, err)
		update(t, s, taking(1, "two"))
		after, err := tx.Timeline(ctx, key)
		require.NoError(t, err)
		require.Equal(t, before, after)
		_, err = tx.(interface {
			ExecForTest(string) (int64, error)
		}).ExecForTest("DELETE FROM messages")
		require.ErrorContains(t, err, "readonly")
		return nil
	}))
	require.Equal(t, []string{"one", "two"}, has(t, s, "one", "two"))
}

// F128: a log file that can't be folded into the database, since a View stays open, is reported, once and without
// anything of what is in it.
func TestLongViewIsReported(t *testing.T) {
	t.Parallel()
	var logged strings.Builder
	s := openAt(t, filepath.Join(t.TempDir(), "desk.db"), sqlitestore.Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	s.ReportLogFrom(1 << 20)
	s.FoldEvery(100)
	update(t, s, taking(1, "before"))
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		_, err := tx.Contacts(ctx, "w", []string{"any"})
		require.NoError(t, err)
		for i := range 600 {
			update(t, s, taking(i, fmt.Sprint("k", i)))
		}
		return nil
	}))
	require.NoError(t, s.Close())
	require.Equal(t, 1, strings.Count(logged.String(), "sqlite log grows"), logged.String())
	require.NotContains(t, logged.String(), "+1415")
}

// F127: when the commit itself is refused, everybody in it gets a plain error, nothing is kept, and the next transaction
// begins afresh. (A foreign key that is checked at the commit makes SQLite refuse it.)
func TestRefusedCommitFailsAll(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	s := openAt(t, path, sqlitestore.Config{Logger: slog.New(slog.DiscardHandler)})
	_, err := raw(t, path).Exec(`CREATE TABLE parent (id INTEGER PRIMARY KEY);
		CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)`)
	require.NoError(t, err)
	errs := together(s, contexts(t, 3), taking(0, "k0"), func(ctx context.Context, tx livedesk.Tx) error {
		if err := taking(1, "k1")(ctx, tx); err != nil {
			return err
		}
		_, err := tx.(interface {
			ExecForTest(string) (int64, error)
		}).ExecForTest("INSERT INTO child VALUES (7)")
		return err
	}, taking(2, "k2"))
	for _, err := range errs {
		require.ErrorContains(t, err, "sqlitestore: commit: ")
		for _, ours := range []error{livedesk.ErrSerialization, livedesk.ErrBusy, livedesk.ErrConflict, livedesk.ErrExists} {
			require.NotErrorIs(t, err, ours)
		}
	}
	require.Empty(t, has(t, s, "k0", "k1", "k2"))
	update(t, s, taking(0, "k0"))
	require.Equal(t, []string{"k0"}, has(t, s, "k0", "k1", "k2"))
}
