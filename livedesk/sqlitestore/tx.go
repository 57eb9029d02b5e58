package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// What a transaction consists of. "closure" takes back one Update of several.
const (
	sqlBegin      = `BEGIN IMMEDIATE`
	sqlBeginRead  = `BEGIN`
	sqlCommit     = `COMMIT`
	sqlRollback   = `ROLLBACK`
	sqlSavepoint  = `SAVEPOINT closure`
	sqlRelease    = `RELEASE closure`
	sqlRollbackTo = `ROLLBACK TO closure`
)

var (
	// errOver is the answer of a transaction that is used after its function returned.
	errOver = errors.New("sqlitestore: transaction is over")
	// errApplied is the answer of every verb behind Apply, which the contract has as the last: another store may have sent
	// it together with its commit.
	errApplied = errors.New("sqlitestore: Apply was the last verb of the transaction")
	// errLimit is the answer to a page or a claim of a size that the contract excludes.
	errLimit = errors.New("sqlitestore: limit is out of range")
)

// reader is a transaction that reads. It is used by one goroutine; only over is read by others.
type reader struct {
	c       *conn
	now     time.Time
	over    atomic.Bool
	applied bool
	seen    *seen // nil in a View
	broken  error // what SQLite answered last, when the connection isn't to be trusted any more
}

var (
	_ livedesk.ReadTx = (*reader)(nil)
	_ livedesk.Tx     = (*tx)(nil)
)

// tx is a transaction that writes.
type tx struct {
	reader
	nested bool  // others' changes are in the same transaction
	wrote  bool  // it has changed something; where it is nested, behind a savepoint that takes back this closure alone
	failed error // what the verb answered that failed
}

// Now implements [livedesk.ReadTx].
func (r *reader) Now() time.Time { return r.now }

// usable is asked first by every method.
func (r *reader) usable(ctx context.Context) error {
	switch {
	case r.over.Load():
		return errOver
	case r.applied:
		return errApplied
	case r.broken != nil:
		return r.broken
	}
	return ctx.Err()
}

// fail remembers an error after which the connection isn't trusted, and returns it.
func (r *reader) fail(err error) error {
	if err == nil || code(err) == 0 || harmless(err) {
		return err
	}
	if r.broken == nil {
		r.broken = fmt.Errorf("sqlitestore: %w", err)
	}
	return r.broken
}

// scanner takes the columns of one row.
type scanner[T any] func(*cells) T

// some calls each for every row of a query until it returns false.
func (r *reader) some(each func(*cells) (more bool), text string, args ...any) error {
	return r.fail(r.c.query(each, text, args...))
}

// all appends every row of a query to out.
func all[T any](r *reader, out []T, scan scanner[T], text string, args ...any) ([]T, error) {
	err := r.some(func(c *cells) bool {
		out = append(out, scan(c))
		return true
	}, text, args...)
	return out, err
}

// one returns the only row of a query, or the zero value.
func one[T any](r *reader, scan scanner[T], text string, args ...any) (v T, found bool, err error) {
	err = r.some(func(c *cells) bool {
		v, found = scan(c), true
		return true
	}, text, args...)
	return v, found, err
}

// change runs a verb that writes. When it fails the whole closure has failed: what it did is taken back, whatever fn makes
// of the error.
func (t *tx) change(ctx context.Context, verb func() error) error {
	if err := t.usable(ctx); err != nil {
		return err
	}
	if t.failed != nil {
		return t.failed
	}
	if err := t.guard(); err != nil {
		return err
	}
	t.failed = verb()
	return t.failed
}

// guard sees to it that what the closure writes can be taken back without what others wrote.
func (t *tx) guard() error {
	if t.wrote {
		return nil
	}
	if t.nested {
		if _, err := t.exec(sqlSavepoint); err != nil {
			return err
		}
	}
	t.wrote = true
	return nil
}

// rollBack takes back the closure. It fails when the savepoint is gone, and that is how one finds out that SQLite has
// dropped the transaction.
func (t *tx) rollBack() error {
	if _, err := t.c.exec(sqlRollbackTo); err != nil {
		return err
	}
	_, err := t.c.exec(sqlRelease)
	return err
}

// exec changes rows and returns how many.
func (t *tx) exec(text string, args ...any) (int64, error) {
	n, err := t.c.exec(text, args...)
	return n, t.fail(err)
}

// put writes one row: insert when the writer has read no version, else update where the version is still that one.
func (t *tx) put(read int64, insert, update string, values []any, key ...any) error {
	if read == 0 {
		return t.write(insert, values...)
	}
	return t.write(update, append(append(make([]any, 0, len(values)+len(key)+1), values...), append(key, read)...)...)
}

// write runs a statement that writes one row.
func (t *tx) write(text string, args ...any) error {
	n, err := t.exec(text, args...)
	switch {
	case taken(err):
		return livedesk.ErrExists
	case err != nil:
		return err
	case n == 0:
		return livedesk.ErrConflict
	}
	return nil
}
