package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// conn is one connection with its prepared statements. One goroutine uses it at a time.
//
// Its statements run under a context that never ends. The driver interrupts a statement whose context ends, SQLite then
// rolls back the whole transaction and not the statement alone, and the next one would run outside of any. Statements
// are short, so whoever wants to stop asks its context between them. It also saves a goroutine per statement.
type conn struct {
	sc    *sql.Conn
	stmts map[string]*statement
	texts map[update]string
}

// statement is one that is prepared.
type statement struct {
	*sql.Stmt
	row *cells // that a query found last; nil before the first
}

// maxStatements is how many statements a connection keeps prepared: all that a desk needs, of all that it could need.
const maxStatements = 500

func newConn(sc *sql.Conn) *conn {
	return &conn{sc: sc, stmts: make(map[string]*statement, 64), texts: make(map[update]string, 16)}
}

// text returns the text of an update, built once per connection.
func (c *conn) text(u update, build func(update) string) string {
	text, known := c.texts[u]
	if !known {
		text = build(u)
		c.texts[u] = text
	}
	return text
}

// prepared returns the statement of a text, prepared once per connection.
func (c *conn) prepared(text string) (*statement, error) {
	if s := c.stmts[text]; s != nil {
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		c.forget()
	}
	stmt, err := c.sc.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	s := &statement{Stmt: stmt}
	c.stmts[text] = s
	return s, nil
}

// exec runs a statement and returns how many rows it changed.
func (c *conn) exec(text string, args ...any) (int64, error) {
	s, err := c.prepared(text)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// query calls each for every row until it returns false. The cells are good until each returns; each must not run the
// same statement again.
func (c *conn) query(each func(*cells) (more bool), text string, args ...any) error {
	s, err := c.prepared(text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if s.row == nil {
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		s.row = newCells(len(columns))
	}
	for rows.Next() {
		if err := s.row.scan(rows); err != nil {
			return err
		}
		more := each(s.row)
		if err := s.row.err; err != nil {
			s.row.err = nil
			return err
		}
		if !more {
			return rows.Close()
		}
	}
	return rows.Err()
}

// forget closes all statements.
func (c *conn) forget() {
	for _, s := range c.stmts {
		_ = s.Close() // a statement that can't be finalized goes with its connection
	}
	clear(c.stmts)
	clear(c.texts)
}

// close gives the statements and the connection back.
func (c *conn) close() error {
	c.forget()
	return c.sc.Close()
}

// discard closes the connection for good, so that the next one begins with fresh state.
func (c *conn) discard() {
	c.forget()
	_ = c.sc.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.sc.Close()
}

// code returns SQLite's extended result code of err, or 0 when err isn't SQLite's.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// primary returns the primary part of err's result code.
func primary(err error) int { return code(err) & 0xff }

// taken reports that err is a unique key that is taken. SQLite has then undone that statement and no more.
func taken(err error) bool {
	c := code(err)
	return c == sqlite3.SQLITE_CONSTRAINT_UNIQUE || c == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY ||
		c == sqlite3.SQLITE_CONSTRAINT_ROWID
}

// busy reports that another connection holds the lock.
func busy(err error) bool { return primary(err) == sqlite3.SQLITE_BUSY }

// harmless reports that err undid its own statement and left the transaction as it was. After anything else the
// connection isn't trusted: SQLite may have rolled back everything (https://sqlite.org/lang_transaction.html, 3.1).
func harmless(err error) bool {
	switch primary(err) {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return true
	}
	return false
}
