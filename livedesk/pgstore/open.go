package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/livedesk/livedesk-go/livedesk"
)

var (
	_ livedesk.Store        = (*Store)(nil)
	_ livedesk.DurableStore = (*Store)(nil)
	_ livedesk.CheckedStore = (*Store)(nil)
)

// DefaultSchema is the schema of the zero [Config].
const DefaultSchema = "livedesk"

// Config configures a [Store]. The zero Config works.
type Config struct {
	// Schema is the PostgreSQL schema that holds the tables: 1 to 48 of a-z, 0-9 and '_', not beginning with a digit.
	// Empty means [DefaultSchema]. Every statement names it, so search_path never matters.
	Schema string
	// LockTimeout is how long a statement waits for a row that another transaction holds; then Update answers
	// [livedesk.ErrSerialization] and [livedesk.ErrLocked]. Zero means 250 ms: others in the same batch wait with it until
	// they are told apart. Negative means no limit. Whole milliseconds.
	LockTimeout time.Duration
	// StatementTimeout bounds each statement. Zero means 5 s, below what carriers wait for a webhook; negative means
	// no limit. Whole milliseconds.
	StatementTimeout time.Duration
	// IdleTimeout is how long the server lets a transaction be open without a statement, so that a process that hangs
	// holds no locks for ever. Zero means 10 s; negative means no limit. Whole milliseconds.
	IdleTimeout time.Duration
	// CommitTimeout bounds the wait for the answer to a COMMIT, which the end of the caller's ctx doesn't cut short:
	// then the outcome is unknown ([ErrCommitUnknown]). Zero means 10 s; negative means no limit.
	CommitTimeout time.Duration
	// ClockOffset is added to the database's time, for tests that let time pass. It is asked once for each transaction
	// and must be safe for concurrent use. Nil means none.
	ClockOffset func() time.Duration
}

func (c Config) withDefaults() Config {
	c.Schema = cmp.Or(c.Schema, DefaultSchema)
	c.LockTimeout = cmp.Or(c.LockTimeout, 250*time.Millisecond)
	c.StatementTimeout = cmp.Or(c.StatementTimeout, 5*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 10*time.Second)
	c.CommitTimeout = cmp.Or(c.CommitTimeout, 10*time.Second)
	return c
}

// validSchema leaves room for goose and for index names, which PostgreSQL cuts at 63 bytes.
var validSchema = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,47}$`)

func (c Config) validate() error {
	var problems []error
	wrong := func(field, want string) { problems = append(problems, errors.New("Config."+field+": want "+want)) }
	if !validSchema.MatchString(c.Schema) {
		wrong("Schema", "1 to 48 of a-z, 0-9 and '_', not beginning with a digit")
	}
	if strings.HasPrefix(c.Schema, "pg_") {
		wrong("Schema", "a name that doesn't begin with pg_: these are PostgreSQL's own")
	}
	timeout := func(field string, d time.Duration) {
		if d > 0 && (d < time.Millisecond || d > 24*time.Hour) {
			wrong(field, "at least 1ms and at most 24h")
		}
	}
	timeout("LockTimeout", c.LockTimeout)
	timeout("StatementTimeout", c.StatementTimeout)
	timeout("IdleTimeout", c.IdleTimeout)
	return errors.Join(problems...)
}

// millis is a timeout as PostgreSQL's settings have it; 0 means none.
func millis(d time.Duration) string { return strconv.FormatInt(max(d, 0).Milliseconds(), 10) }

// Store is a [livedesk.Store] in a PostgreSQL database, over a pool of the host's. Make one with [New]; the zero Store
// can't be used. It is safe for concurrent use, and any number of Stores, in any number of processes, may use the same
// schema. It remembers nothing of what is stored.
type Store struct {
	cfg      Config
	pool     *pgxpool.Pool
	schema   string   // quoted
	rendered sync.Map // of statements to their text with the schema in it
	settings []any    // of sqlSettings
	closed   atomic.Bool

	strangers atomic.Int32 // for how many batches TakeIn reckons with contacts that are new
}

// New returns a Store over pool, which stays the host's: to configure, to share and to close. It does no I/O and no DDL;
// see [Store.Migrate] and [Store.Check]. The error says all that is wrong with cfg.
func New(pool *pgxpool.Pool, cfg Config) (*Store, error) {
	if pool == nil {
		return nil, errors.New("pgstore: pool is nil")
	}
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("pgstore: %w", err)
	}
	return &Store{
		cfg: cfg, pool: pool, schema: quote(cfg.Schema),
		settings: []any{millis(cfg.LockTimeout), millis(cfg.StatementTimeout), millis(cfg.IdleTimeout)},
	}, nil
}

// quote returns a valid schema as an identifier.
func quote(schema string) string { return `"` + schema + `"` }

// sql returns a statement with the schema in it. The text is the same each time, so that prepared ones are found again.
func (s *Store) sql(statement string) string {
	if text, ok := s.rendered.Load(statement); ok {
		return text.(string)
	}
	text := strings.ReplaceAll(statement, "{s}", s.schema)
	s.rendered.Store(statement, text)
	return text
}

// Durable implements [livedesk.DurableStore].
func (s *Store) Durable() bool { return true }

// Close lets no new transaction begin: View and Update answer [livedesk.ErrClosed] from now on. Those under way go on.
// It doesn't close the pool, and it never fails.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

// enter is asked before every transaction.
func (s *Store) enter(ctx context.Context) error {
	if ctx.Value(nested{s}) != nil {
		return livedesk.ErrNested
	}
	if s.closed.Load() {
		return livedesk.ErrClosed
	}
	return ctx.Err()
}

// nested is the context key of a transaction of a store.
type nested struct{ s *Store }
