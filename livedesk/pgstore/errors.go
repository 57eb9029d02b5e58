package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/livedesk/livedesk-go/livedesk"
)

// ErrCommitUnknown means that the connection was lost, or the server didn't answer, between COMMIT and its answer: what
// the transaction wrote is kept whole or not at all, and only a look at the database can tell which.
var ErrCommitUnknown = errors.New("pgstore: outcome of the commit is unknown")

// errRolledBack is a COMMIT that the server answered with ROLLBACK.
var errRolledBack = errors.New("pgstore: transaction was rolled back by the server")

// SQLSTATE codes, by PostgreSQL's Appendix A.
const (
	codeUniqueViolation     = "23505"
	codeSerialization       = "40001"
	codeDeadlock            = "40P01"
	codeLockNotAvailable    = "55P03" // lock_timeout
	codeQueryCanceled       = "57014" // statement_timeout, or somebody's pg_cancel_backend
	codeStatementUnknown    = "40003"
	codeIdleInTransaction   = "25P03"
	codeUndefinedTable      = "42P01"
	codeInvalidSchema       = "3F000"
	codeReadOnlyTransaction = "25006" // a standby
)

var meanings = map[string]string{
	codeSerialization:       "lost to another transaction",
	codeDeadlock:            "deadlock",
	codeLockNotAvailable:    "a row was locked for too long",
	codeQueryCanceled:       "statement took too long",
	codeIdleInTransaction:   "transaction was idle for too long",
	codeUndefinedTable:      "schema is missing; run Migrate",
	codeInvalidSchema:       "schema is missing; run Migrate",
	codeReadOnlyTransaction: "server is read-only",
}

// failure is an error of the driver or the server in words that hold nothing of the rows: messages of the server can
// quote values, and their details do. The original can be reached with errors.As.
type failure struct {
	text string
	errs []error
}

// Error implements error.
func (f *failure) Error() string { return f.text }

// Unwrap returns the cause, and what it means in the Store's contract.
func (f *failure) Unwrap() []error { return f.errs }

// canceled is a statement that was canceled though it had time left.
type canceled struct{ error }

// Unwrap returns the server's error.
func (c *canceled) Unwrap() error { return c.error }

// stale is a connection that was closed while it lay in the pool, which shows when a transaction is to begin: there is none,
// and another connection may be alive.
type stale struct{ error }

// Unwrap returns the driver's error.
func (s *stale) Unwrap() error { return s.error }

// gone reports whether a connection is closed. One that doesn't answer may not be, and has cost its caller the time.
func gone(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Severity == "FATAL"
	}
	n, network := errors.AsType[net.Error](err)
	return network && !n.Timeout() || errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// explain puts an error into the terms of the Store's contract.
func explain(doing string, err error) error {
	if r, ok := errors.AsType[refused](err); ok {
		return r.error
	}
	if s, ok := errors.AsType[*stale](err); ok {
		known := explain(doing, s.error)
		return &failure{known.Error(), []error{known, livedesk.ErrSerialization}}
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		why := meanings[pg.Code]
		errs := []error{err}
		_, early := errors.AsType[*canceled](err)
		switch {
		case early:
			why = "canceled before its time"
			errs = append(errs, livedesk.ErrSerialization)
		case pg.Code == codeSerialization, pg.Code == codeDeadlock:
			errs = append(errs, livedesk.ErrSerialization)
		case pg.Code == codeLockNotAvailable:
			errs = append(errs, livedesk.ErrSerialization, livedesk.ErrLocked)
		}
		f := &failure{text: fmt.Sprintf("pgstore: %s: SQLSTATE %s", doing, pg.Code), errs: errs}
		if why != "" {
			f.text += " (" + why + ")"
		}
		return f
	}
	if level, ok := errors.AsType[*isolationError](err); ok {
		return level
	}
	_, network := errors.AsType[net.Error](err)
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	switch {
	case errors.Is(err, puddle.ErrClosedPool):
		return &failure{"pgstore: " + doing + ": pool is closed", []error{livedesk.ErrClosed}}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), network, connect,
		errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("pgstore: %s: %w", doing, err)
	}
	return &failure{fmt.Sprintf("pgstore: %s: driver error of type %T", doing, err), []error{err}}
}

// explainCommit tells an answer that says no from what leaves the outcome open. pgconn.SafeToRetry can't: it is also true
// of a connection that was found closed while the answer was waited for.
func explainCommit(err error) error {
	if r, ok := errors.AsType[refused](err); ok {
		return r.error
	}
	pg, answered := errors.AsType[*pgconn.PgError](err)
	if answered && pg.Severity == "ERROR" && pg.Code != codeStatementUnknown {
		return explain("commit", err)
	}
	return &failure{ErrCommitUnknown.Error(), []error{ErrCommitUnknown, err}}
}

// missing reports whether a table or its schema isn't there.
func missing(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == codeUndefinedTable || pg.Code == codeInvalidSchema)
}
