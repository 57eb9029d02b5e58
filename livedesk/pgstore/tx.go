package pgstore

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlBegin     = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`
	sqlBeginView = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`
	sqlCommit    = `COMMIT`
	sqlRollback  = `ROLLBACK`

	sqlBegan = `(extract(epoch FROM now()) * 1000000)::bigint`

	sqlClock = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

	// A commit is acknowledged when it is on disk, whatever the cluster or the pool say; a stronger setting stays.
	sqlDurable = `set_config('synchronous_commit',
		CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)`
)

var (
	// When it began, which is its time, and settings that end with it, as after SET LOCAL.
	sqlSettings = `SELECT ` + sqlBegan + `, ` + sqlDurable + `, set_config('lock_timeout', $1, true),
		set_config('statement_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $3, true), ` + sqlPlans

	// How statements are planned.
	sqlPlans = strings.Join(plans, ", ")

	// Between these two whatever is asked for in an order is found by the index that has it. For all that the planner knows
	// it may as well sort a whole line: one that was empty when it was analyzed, or in which everybody stands.
	sqlByIndex  = `SELECT ` + setting("enable_sort", "off")
	sqlAnyOrder = `SELECT ` + setting("enable_sort", "on")
)

// plans are settings for statements that find their rows by an index, one after the other, with whatever parameters, in the
// order in which they name their tables. There is no need to plan them anew each time, which takes longer than to run them. A
// table isn't walked, nor begun with, nor read whole for a join or before its first row is known, because it was small, or
// never analyzed, or because all its rows were alike when that was planned. None is worth to be compiled, or to be done by
// several processes, which read far beyond a page before they are stopped.
var plans = []string{
	setting("plan_cache_mode", "force_generic_plan"), setting("join_collapse_limit", "1"),
	setting("enable_seqscan", "off"), setting("enable_bitmapscan", "off"),
	setting("enable_hashjoin", "off"), setting("enable_mergejoin", "off"),
	setting("jit", "off"), setting("max_parallel_workers_per_gather", "0"),
}

// setting sets what not every relative of PostgreSQL knows, until the transaction ends.
func setting(name, value string) string {
	return `CASE WHEN current_setting('` + name + `', true) IS NOT NULL THEN set_config('` + name + `', '` + value + `', true) END`
}

// began scans what sqlSettings answers: when the transaction began, and what was set.
func began(now *int64) []any {
	return append([]any{now, nil, nil, nil, nil}, make([]any, len(plans))...)
}

// rollbackTimeout bounds the wait for the answer to a ROLLBACK; after it the connection is thrown away.
const rollbackTimeout = 5 * time.Second

var (
	// errOver is the answer of a transaction that is used after its function returned.
	errOver = errors.New("pgstore: transaction is over")
	// errLimit is the answer to a page or a claim of a size that the contract excludes.
	errLimit = errors.New("pgstore: limit is out of range")
)

// conn is what a pooled connection and a host's transaction have in common.
type conn interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error)
}

// tx is a transaction. It implements livedesk.Tx; View hands it out as a livedesk.ReadTx.
type tx struct {
	s     *Store
	conn  conn
	write bool                           // inside Update: what is loaded is locked
	start func(b *pgx.Batch, now *int64) // queues what begins the transaction
	first func() error                   // begins it, for Now

	mu     sync.Mutex
	begun  bool
	over   bool
	failed error // what broke the transaction
	now    time.Time
	ahead  *time.Duration // what ClockOffset said, where it was asked before the server
	joined bool           // inside a transaction of the host's, whose own time may be long ago

	applied   *applying                        // what Apply left to travel with what comes next
	unwritten []livedesk.Thread                // of contacts that TakeIn made: they travel with what comes next, but not with Queues
	talks     map[rowKey]livedesk.Conversation // as they were loaded
	locked    map[rowKey][]livedesk.Member     // queues that are locked, with who was in them
}

var _ livedesk.Tx = (*tx)(nil)

// rowKey names a row.
type rowKey struct{ workspace, id string }

// View implements [livedesk.Store]. The view is a REPEATABLE READ transaction that is READ ONLY: one moment, no locks.
// It costs one round trip for each verb, the first of which begins it, and one to end it.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx livedesk.ReadTx) error) error {
	return s.run(ctx, false, func(ctx context.Context, t *tx) error { return fn(ctx, t) })
}

// Update implements [livedesk.Store]. It is a READ COMMITTED transaction with row locks. It costs one round trip for each
// verb, the first of which begins it (as Now does before any), and one to commit, which takes Apply with it. A statement
// that loses to others (SQLSTATE 40001, 40P01), waits too long for them (55P03) or is taken away before its time (57014)
// makes it [livedesk.ErrSerialization], and so does a connection of the pool that turns out to be closed at its beginning.
// [ErrCommitUnknown] means that it may or may not have been committed. Any other error means that it was not.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx livedesk.Tx) error) error {
	return s.run(ctx, true, func(ctx context.Context, t *tx) error { return fn(ctx, t) })
}

func (s *Store) run(ctx context.Context, write bool, fn func(ctx context.Context, t *tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	c, err := s.acquire(ctx)
	if err != nil {
		return explain("connect", err)
	}
	begin := sqlBeginView
	if write {
		begin = sqlBegin
	}
	t := &tx{s: s, conn: c, write: write, start: func(b *pgx.Batch, now *int64) {
		b.Queue(begin)
		b.Queue(sqlSettings, s.settings...).QueryRow(func(r pgx.Row) error { return r.Scan(began(now)...) })
	}}
	inner, cancel := t.context(ctx)
	defer cancel()
	defer t.leave(ctx, c)
	if err := fn(inner, t); err != nil {
		return err
	}
	return t.commit(ctx, c)
}

// context returns the ctx of the function, which is dead after cancel, and makes t begin with it.
func (t *tx) context(ctx context.Context) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancel(context.WithValue(ctx, nested{t.s}, true))
	t.first = func() error { return t.send(inner, "begin", func(*pgx.Batch) {}) }
	return inner, cancel
}

// clock returns the transaction's time as a parameter: nil, and what is to be added to the server's, before it has begun.
func (t *tx) clock() (now *int64, offset int64) {
	t.mu.Lock()
	began := !t.begun && !t.joined
	t.mu.Unlock()
	if !began {
		return new(t.Now().UnixMicro()), 0
	}
	if ahead := t.s.cfg.ClockOffset; ahead != nil {
		t.ahead = new(ahead().Truncate(time.Microsecond))
		return nil, t.ahead.Microseconds()
	}
	return nil, 0
}

// Now implements [livedesk.ReadTx]. It begins the transaction if nothing else did; when that fails every verb and the
// transaction itself answer the error.
func (t *tx) Now() time.Time {
	t.mu.Lock()
	begun := t.begun
	t.mu.Unlock()
	if !begun {
		_ = t.first() // kept in failed
	}
	return t.now
}

// send sends what add queues as one pipeline: one round trip. An error breaks the transaction.
func (t *tx) send(ctx context.Context, doing string, add func(b *pgx.Batch)) error {
	sent := time.Now()
	return t.broke(doing, t.tooEarly(sent, t.pipeline(ctx, add)))
}

// tooEarly marks a cancellation that can't be the statement timeout's, since less than that has passed since sent: somebody
// took the statement away (pg_cancel_backend), or the server did, when lock_timeout ended in the moment in which a lock was
// granted and the next wait forgot why. That says nothing against an Update. In a host's transaction the
// timeout isn't known.
func (t *tx) tooEarly(sent time.Time, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	limit := t.s.cfg.StatementTimeout
	if !ok || pg.Code != codeQueryCanceled || !t.write || t.joined || limit > 0 && time.Since(sent) >= limit {
		return err
	}
	return &canceled{err}
}

// broke remembers what broke the transaction, and returns it.
func (t *tx) broke(doing string, err error) error {
	if err == nil || err == errOver || t.failed != nil {
		return err
	}
	t.failed = explain(doing, err)
	return t.failed
}

// pipeline is send without a verdict on the error, but for that of an Apply that goes with it.
func (t *tx) pipeline(ctx context.Context, add func(b *pgx.Batch)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		return errOver
	case t.failed != nil:
		return t.failed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	b := &pgx.Batch{}
	var now int64
	begins := !t.begun
	if begins {
		t.begun = true
		t.start(b, &now)
	}
	applied := t.take(b)
	add(b)
	if b.Len() == 0 {
		return nil
	}
	err := applied.means(t.conn.SendBatch(ctx, b).Close())
	if begins && now == 0 && t.write && !t.joined && ctx.Err() == nil && gone(err) {
		err = &stale{err}
	}
	if begins && now != 0 {
		t.now = time.UnixMicro(now).UTC()
		switch offset := t.s.cfg.ClockOffset; {
		case t.ahead != nil:
			t.now = t.now.Add(*t.ahead)
		case offset != nil:
			t.now = t.now.Add(offset()).Truncate(time.Microsecond)
		}
	}
	return err
}

// byIndex queues a statement for the first few of a line: they are found by the index that has its order.
func byIndex(b *pgx.Batch, text string, args ...any) *pgx.QueuedQuery {
	b.Queue(sqlByIndex)
	q := b.Queue(text, args...)
	b.Queue(sqlAnyOrder)
	return q
}

// take puts what TakeIn and Apply left into a batch; mu is held.
func (t *tx) take(b *pgx.Batch) *applying {
	if len(t.unwritten) > 0 {
		b.Queue(t.s.sql(sqlInsertThread), threads.versioned(pointers(t.unwritten))...)
		t.unwritten = nil
	}
	a := t.applied
	if t.applied = nil; a != nil {
		b.QueuedQueries = append(b.QueuedQueries, a.b.QueuedQueries...)
	}
	return a
}

// end lets no further verb run.
func (t *tx) end() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
}

// commit ends a transaction whose function succeeded, in one round trip with what Apply left. The end of ctx doesn't
// interrupt a COMMIT that was sent, so it never leaves the outcome open.
func (t *tx) commit(ctx context.Context, c *pgxpool.Conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	switch {
	case t.failed != nil:
		return t.failed
	case ctx.Err() != nil:
		return explain("commit", ctx.Err())
	case !t.write || !t.begun && t.applied == nil:
		return nil
	case c.Conn().IsClosed(): // nothing is sent
		return explain("commit", net.ErrClosed)
	}
	ctx = context.WithoutCancel(ctx)
	if d := t.s.cfg.CommitTimeout; d > 0 {
		detached, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		ctx = detached
	}
	b := &pgx.Batch{}
	if !t.begun {
		t.begun = true
		t.start(b, new(int64))
	}
	applied := t.take(b)
	rolledBack := false
	b.Queue(sqlCommit).Exec(func(tag pgconn.CommandTag) error {
		rolledBack = tag.String() != sqlCommit
		return nil
	})
	sent := time.Now()
	switch err := applied.means(t.conn.SendBatch(ctx, b).Close()); {
	case err != nil:
		return explainCommit(t.tooEarly(sent, err))
	case rolledBack:
		return errRolledBack
	}
	return nil
}

// leave gives the connection back, after a rollback where the transaction is still open: its function failed or
// panicked, or it was a View. A connection that doesn't come back clean is thrown away by the pool.
func (t *tx) leave(ctx context.Context, c *pgxpool.Conn) {
	t.end()
	defer c.Release()
	if pc := c.Conn().PgConn(); pc.IsClosed() || pc.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_, _ = c.Exec(ctx, sqlRollback) // the pool looks at the connection's state
}
