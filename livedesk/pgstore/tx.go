package pgstore

import (
	"context"
	"errors"
	"net"
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

	// The clock, read once per transaction, and settings that end with it, as after SET LOCAL.
	sqlSettings = `SELECT ` + sqlClock + `, ` + sqlDurable + `, set_config('lock_timeout', $1, true),
		set_config('statement_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $3, true), ` + sqlPlans

	// Every statement of ours finds its rows by an index, with whatever parameters: there is no need to plan it anew each
	// time, which takes longer than to run it, nor to walk a table because it was small when it was last analyzed.
	// Not every relative of PostgreSQL knows these settings.
	sqlPlans = `CASE WHEN current_setting('enable_seqscan', true) IS NOT NULL THEN set_config('enable_seqscan', 'off', true) END,
		CASE WHEN current_setting('plan_cache_mode', true) IS NOT NULL THEN set_config('plan_cache_mode', 'force_generic_plan', true) END`

	sqlClock = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

	// A commit is acknowledged when it is on disk, whatever the cluster or the pool say; a stronger setting stays.
	sqlDurable = `set_config('synchronous_commit',
		CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)`
)

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

	guarded bool                         // the savepoint of Apply exists
	locked  map[rowKey][]livedesk.Member // queues that are locked, with who was in them
	served  []served
}

var _ livedesk.Tx = (*tx)(nil)

// rowKey names a row.
type rowKey struct{ workspace, id string }

// View implements [livedesk.Store]. The view is a REPEATABLE READ transaction that is READ ONLY: one moment, no locks.
// It costs one round trip for each verb, the first of which begins it, and one to end it.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx livedesk.ReadTx) error) error {
	return s.run(ctx, false, func(ctx context.Context, t *tx) error { return fn(ctx, t) })
}

// Update implements [livedesk.Store]. It is a READ COMMITTED transaction with row locks. It costs one round trip to begin,
// which is that of the first verb unless fn asks for Now before, one for each verb, and one to commit. A statement
// that loses to others (SQLSTATE 40001, 40P01) or waits too long for them (55P03) makes it [livedesk.ErrSerialization].
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
		b.Queue(sqlSettings, s.settings...).QueryRow(func(r pgx.Row) error { return r.Scan(now, nil, nil, nil, nil, nil, nil) })
	}}
	inner, cancel := t.context(ctx)
	defer cancel()
	defer t.leave(ctx, c)
	if err := fn(inner, t); err != nil {
		return err
	}
	t.end()
	return t.commit(ctx, c)
}

// context returns the ctx of the function, which is dead after cancel, and makes t begin with it.
func (t *tx) context(ctx context.Context) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancel(context.WithValue(ctx, nested{t.s}, true))
	t.first = func() error { return t.send(inner, "begin", func(*pgx.Batch) {}) }
	return inner, cancel
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
	return t.broke(doing, t.pipeline(ctx, add))
}

// broke remembers what broke the transaction, and returns it.
func (t *tx) broke(doing string, err error) error {
	if err == nil || err == errOver || t.failed != nil {
		return err
	}
	t.failed = explain(doing, err)
	return t.failed
}

// exec runs one statement without parameters, also in a transaction that the server has aborted.
func (t *tx) exec(ctx context.Context, statement string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return errOver
	}
	_, err := t.conn.Exec(ctx, statement)
	return err
}

// pipeline is send without a verdict on the error.
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
	add(b)
	if b.Len() == 0 {
		return nil
	}
	err := t.conn.SendBatch(ctx, b).Close()
	if begins && now != 0 {
		t.now = time.UnixMicro(now).UTC()
		if offset := t.s.cfg.ClockOffset; offset != nil {
			t.now = t.now.Add(offset()).Truncate(time.Microsecond)
		}
	}
	return err
}

// end lets no further verb run.
func (t *tx) end() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
}

// commit ends a transaction whose function succeeded. The end of ctx doesn't interrupt a COMMIT that was sent, so it
// never leaves the outcome open.
func (t *tx) commit(ctx context.Context, c *pgxpool.Conn) error {
	switch {
	case t.failed != nil:
		return t.failed
	case ctx.Err() != nil:
		return explain("commit", ctx.Err())
	case !t.begun || !t.write:
		return nil
	case c.Conn().IsClosed(): // nothing is sent
		return explain("commit", net.ErrClosed)
	}
	if d := t.s.cfg.CommitTimeout; d > 0 {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), d)
		defer cancel()
		ctx = detached
	} else {
		ctx = context.WithoutCancel(ctx)
	}
	tag, err := c.Exec(ctx, sqlCommit)
	if err != nil {
		return explainCommit(err)
	}
	if tag.String() != sqlCommit {
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
