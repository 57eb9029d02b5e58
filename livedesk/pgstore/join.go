package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlJoin = `SAVEPOINT livedesk_join`

	// Timeouts are the host's business in a transaction of the host's; durability is ours.
	sqlJoinSettings = `SELECT ` + sqlClock + `, ` + sqlDurable + `, current_setting('transaction_isolation')`

	sqlKeep    = `RELEASE SAVEPOINT livedesk_join`
	sqlRetreat = `ROLLBACK TO SAVEPOINT livedesk_join`
)

// wantedIsolation is what Update needs: each statement must see what others committed while the one before it waited.
const wantedIsolation = "read committed"

// isolationError means that the host's transaction can't be joined by Update.
type isolationError struct{ level string }

// Error implements error.
func (e *isolationError) Error() string {
	return "pgstore: the transaction is " + e.level + ", want " + wantedIsolation
}

// Joined is a [livedesk.Store] inside one transaction of the host's, see [Store.Join].
type Joined struct {
	s  *Store
	tx pgx.Tx
}

var (
	_ livedesk.Store        = (*Joined)(nil)
	_ livedesk.DurableStore = (*Joined)(nil)
)

// Join returns a Store whose View and Update run inside tx, which the host began on the same database at READ COMMITTED
// and ends by itself. What Update did is kept when tx commits and gone when it rolls back, together with what the host
// did. When an Update fails or panics, a savepoint takes back its changes alone and tx goes on to be usable.
//
// Nothing is tried again: after [livedesk.ErrSerialization] the host rolls back and starts over. Locks are held until
// tx ends, so it should end soon, and a tx that locks rows of its own should do so before its Updates, in every
// transaction alike. Timeouts are those of tx; synchronous_commit is raised to "on" for the rest of it. Hooks and workers
// are told when Update returns, before the commit; workers find what is due at their next poll.
//
// A Joined is used by one goroutine at a time, as tx is, and its clock is read anew by each View and Update.
func (s *Store) Join(tx pgx.Tx) *Joined { return &Joined{s, tx} }

// Durable implements [livedesk.DurableStore].
func (j *Joined) Durable() bool { return true }

// View implements [livedesk.Store] at the isolation level of the host's transaction, whose own changes it sees.
func (j *Joined) View(ctx context.Context, fn func(ctx context.Context, tx livedesk.ReadTx) error) error {
	return j.run(ctx, false, func(ctx context.Context, t *tx) error { return fn(ctx, t) })
}

// Update implements [livedesk.Store], except that its changes are kept by the commit of the host's transaction.
func (j *Joined) Update(ctx context.Context, fn func(ctx context.Context, tx livedesk.Tx) error) error {
	return j.run(ctx, true, func(ctx context.Context, t *tx) error { return fn(ctx, t) })
}

func (j *Joined) run(ctx context.Context, write bool, fn func(ctx context.Context, t *tx) error) error {
	if err := j.s.enter(ctx); err != nil {
		return err
	}
	t := &tx{s: j.s, conn: j.tx, write: write, joined: true, start: func(b *pgx.Batch, now *int64) {
		b.Queue(sqlJoin)
		b.Queue(sqlJoinSettings).QueryRow(func(r pgx.Row) error {
			var level string
			if err := r.Scan(now, nil, &level); err != nil || !write || level == wantedIsolation {
				return err
			}
			return &isolationError{level}
		})
	}}
	inner, cancel := t.context(ctx)
	defer cancel()
	kept := false
	defer func() {
		t.end()
		if !kept && t.begun {
			j.retreat(ctx)
		}
	}()
	if err := fn(inner, t); err != nil {
		return err
	}
	switch {
	case t.failed != nil:
		return t.failed
	case ctx.Err() != nil:
		return explain("join", ctx.Err())
	case t.begun || t.applied != nil:
		if err := t.send(ctx, "join", func(b *pgx.Batch) { b.Queue(sqlKeep) }); err != nil {
			return err
		}
	}
	kept = true
	return nil
}

// retreat takes back what one transaction did. When it fails, so will everything that the host does next.
func (j *Joined) retreat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if _, err := j.tx.Exec(ctx, sqlRetreat); err == nil {
		_, _ = j.tx.Exec(ctx, sqlKeep)
	}
}
