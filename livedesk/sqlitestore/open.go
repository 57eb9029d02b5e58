package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/livedesk/livedesk-go/livedesk"
)

var (
	_ livedesk.Store        = (*Store)(nil)
	_ livedesk.DurableStore = (*Store)(nil)
	_ livedesk.CheckedStore = (*Store)(nil)
)

// Config configures a [Store]. The zero Config works.
type Config struct {
	// Clock tells the time of transactions, for tests. It is asked once for each and must be safe for concurrent use.
	// Nil means time.Now.
	Clock func() time.Time
	// Readers is how many Views read at once; more wait. Zero means one per processor and at least 4; negative means 1.
	Readers int
	// LockWait is how long an Update waits for its turn and for a lock that another process holds, before it answers
	// [livedesk.ErrBusy]. Zero means 5 s, half of what carriers wait for a webhook; negative means not at all.
	LockWait time.Duration
	// MaxWaiting is how many Updates wait for their turn at most; one more answers [livedesk.ErrBusy] at once. Zero
	// means 1024; negative means none.
	MaxWaiting int
	// Logger gets what happens in the background: a lost transaction, a log file that grows. Nil means slog.Default().
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Readers == 0 {
		c.Readers = max(4, runtime.GOMAXPROCS(0))
	}
	c.Readers = max(1, c.Readers)
	if c.LockWait == 0 {
		c.LockWait = 5 * time.Second
	}
	if c.MaxWaiting == 0 {
		c.MaxWaiting = 1024
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// Store is a [livedesk.Store] in one SQLite file. Make one with [Open]; the zero Store can't be used. It is safe for
// concurrent use, and several Stores, of one process or of several, may use the same file.
type Store struct {
	cfg    Config
	path   string
	db     *sql.DB
	line   line
	writer writer
	// readers holds Readers places; nil is a place whose connection isn't open.
	readers chan *conn

	folder     *conn // of who folds; nil before the first time
	folding    atomic.Bool
	complained time.Time
	foldEvery  int           // pages
	maxLog     int64         // a log of this size is reported
	maxAge     time.Duration // of a group that still takes newcomers

	closing chan struct{} // closed by Close
	gate    sync.RWMutex  // held for reading by every transaction
	closed  atomic.Bool
}

// Open opens the desk in the file at path, makes the file if there is none (readable by its owner only, in a directory
// that exists), and brings its schema up to date. ctx bounds the opening only.
//
// The error says what is in the way: a directory that is missing, a path that is a directory, a file that may not be
// read and written or isn't a database, a file system without WAL (most network file systems), or a schema that is
// newer than this version of the library can use; for that one errors.Is matches [ErrNewerSchema].
func Open(ctx context.Context, path string, cfg Config) (*Store, error) {
	s, err := open(ctx, path, cfg)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: open %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, cfg Config) (*Store, error) {
	path, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	db, err := openDB(path)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s := &Store{cfg: cfg, path: path, db: db, closing: make(chan struct{}), maxLog: maxLog, foldEvery: foldEvery,
		maxAge: maxGroupAge, readers: make(chan *conn, cfg.Readers)}
	for range cfg.Readers {
		s.readers <- nil
	}
	if s.writer.c, err = s.connectFirst(ctx); err == nil {
		err = Migrate(ctx, db)
	}
	if err == nil {
		err = checkSchema(ctx, s.writer.c.sc)
	}
	if err != nil {
		return nil, errors.Join(explain(err), s.shut())
	}
	return s, nil
}

// connectFirst makes the first connection. Turning the log on needs the file alone for a moment, and of several processes
// that open a new file SQLite lets some fail at once, without waiting.
func (s *Store) connectFirst(ctx context.Context) (*conn, error) {
	deadline := time.Now().Add(s.cfg.LockWait)
	for {
		c, err := s.connect(ctx, writing)
		if err == nil || !busy(err) || !time.Now().Before(deadline) {
			return c, err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// creating keeps the making of files apart from the looking for them: on POSIX, closing any handle of a file drops
// every lock that the process holds on it (https://sqlite.org/howtocorrupt.html, 2.2), so a handle of ours must not
// be closed on a file that SQLite already has open.
var creating sync.Mutex

// prepareFile returns the absolute path of a file that exists and may be written, having made it if there was none.
func prepareFile(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", errors.New("a path is needed; for a desk in memory use memstore")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	creating.Lock()
	defer creating.Unlock()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, createFile(path)
	case err != nil:
		return "", plain(err)
	case info.IsDir():
		return "", errors.New("is a directory")
	case !info.Mode().IsRegular():
		return "", errors.New("is not a regular file")
	}
	return path, checkFileSystem(path)
}

func createFile(path string) error {
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("directory %s: %w", dir, plain(err))
	}
	if err := checkFileSystem(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was faster
	}
	if err != nil {
		return fmt.Errorf("make the file: %w", plain(err))
	}
	return f.Close()
}

// plain returns err without the path, which Open names already.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// explain says in words what SQLite says in numbers about a file that it can't use.
func explain(err error) error {
	switch primary(err) {
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("is not a SQLite database: %w", err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("is damaged: %w", err)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("the file or its directory may not be written: %w", err)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return fmt.Errorf("the file or its directory may not be read and written: %w", err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("another process holds the lock: %w: %w", livedesk.ErrBusy, err)
	}
	return err
}

// Durable implements [livedesk.DurableStore]: true.
func (s *Store) Durable() bool { return true }

// Close waits for the transactions that run, refuses those that wait and all later ones with [livedesk.ErrClosed], and
// closes the file, whose write-ahead log is then folded into it. Closing again has no effect. Don't call it from inside
// a transaction.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	close(s.closing)
	s.gate.Lock()
	defer s.gate.Unlock()
	if err := s.shut(); err != nil {
		return fmt.Errorf("sqlitestore: close: %w", err)
	}
	return nil
}

// shut closes every connection. Nothing uses them.
func (s *Store) shut() error {
	var errs []error
	for range cap(s.readers) {
		if c := <-s.readers; c != nil {
			errs = append(errs, c.close())
		}
	}
	for _, c := range []*conn{s.folder, s.writer.c} {
		if c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(append(errs, s.db.Close())...)
}

// enter admits a transaction, or says why not. Whoever was admitted leaves with s.gate.RUnlock.
func (s *Store) enter(ctx context.Context) error {
	if ctx.Value(inside{s}) != nil {
		return livedesk.ErrNested
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// TryRLock fails only while Close holds or awaits the gate.
	if !s.gate.TryRLock() {
		return livedesk.ErrClosed
	}
	if s.closed.Load() {
		s.gate.RUnlock()
		return livedesk.ErrClosed
	}
	return nil
}

// inside marks the contexts of a store's transactions.
type inside struct{ store *Store }

// within returns the context of a transaction, which ends with it.
func (s *Store) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(context.WithValue(ctx, inside{s}, true))
}
