package sqlitestore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// cells is a row that a query found. Its columns are taken one after the other, in the order of the SELECT.
type cells struct {
	values []any
	places []any // pointers to values, for Scan
	next   int
	err    error // the first value that isn't what it should be
}

func newCells(columns int) *cells {
	c := &cells{values: make([]any, columns), places: make([]any, columns)}
	for i := range c.values {
		c.places[i] = &c.values[i]
	}
	return c
}

// scan goes to the row that rows stands at.
func (c *cells) scan(rows *sql.Rows) error {
	c.next = 0
	return rows.Scan(c.places...)
}

func (c *cells) take() any {
	v := c.values[c.next]
	c.next++
	return v
}

func (c *cells) refuse(v any, want string) {
	if c.err == nil {
		c.err = fmt.Errorf("column %d is stored as %T, want %s", c.next, v, want)
	}
}

// text takes a text, or NULL for the empty one.
func (c *cells) text() string {
	switch v := c.take().(type) {
	case nil:
	case string:
		return v
	default:
		c.refuse(v, "a text")
	}
	return ""
}

// number takes a number, or NULL for 0.
func (c *cells) number() int64 {
	switch v := c.take().(type) {
	case nil:
	case int64:
		return v
	default:
		c.refuse(v, "a number")
	}
	return 0
}

func (c *cells) int() int { return int(c.number()) }

func (c *cells) truth() bool { return c.number() != 0 }

// instant takes microseconds, or NULL for the zero time.
func (c *cells) instant() (t time.Time) {
	switch v := c.take().(type) {
	case nil:
	case int64:
		return time.UnixMicro(v).UTC()
	default:
		c.refuse(v, "a time")
	}
	return t
}

func (c *cells) bytes() []byte {
	switch v := c.take().(type) {
	case nil:
	case []byte:
		return v
	default:
		c.refuse(v, "bytes")
	}
	return nil
}

// document takes JSON, or NULL for the zero value.
func document[V any](c *cells) (out V) {
	s := c.text()
	if s == "" {
		return out
	}
	if err := json.Unmarshal([]byte(s), &out); err != nil && c.err == nil {
		c.err = fmt.Errorf("column %d: %w", c.next, err)
	}
	return out
}
