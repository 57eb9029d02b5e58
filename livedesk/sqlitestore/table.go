package sqlitestore

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// table writes rows of one kind that are changed often, a few columns at a time. SQLite rewrites the entries of every
// index that holds a column which an UPDATE sets, changed or not, so a row that the transaction has read is written in
// the columns that differ and in no others.
type table[R any] struct {
	name    string
	columns []column[R] // at most 64; the last two name the row and never change
	insert  string
}

// column is one column of a row.
type column[R any] struct {
	name  string
	value func(*R) any // as it is stored
	same  func(a, b *R) bool
}

func newTable[R any](name string, columns ...column[R]) *table[R] {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return &table[R]{
		name: name, columns: columns,
		insert: `INSERT INTO ` + name + ` (` + strings.Join(names, `, `) + `, version) VALUES (` + strings.Repeat(`?, `, len(names)) + `1)`,
	}
}

// read is a row as a transaction has read it, and where.
type read[R any] struct {
	rowid   int64
	version int64
	row     R
}

// put writes a row over the one that was read; was is zero when none was, and then the columns that may have changed are
// written. It returns [livedesk.ErrExists] and [livedesk.ErrConflict] as Apply does.
func (b *table[R]) put(t *tx, row *R, version int64, was read[R], may columns) error {
	last := len(b.columns) - 2
	if version == 0 {
		args := make([]any, len(b.columns))
		for i := range b.columns {
			args[i] = b.columns[i].value(row)
		}
		return t.write(b.insert, args...)
	}
	u := update{table: b.name, columns: may}
	if was.version == version {
		u = update{table: b.name, columns: b.differ(&was.row, row), byRowid: true}
	}
	args := make([]any, 0, 16)
	for i := range b.columns[:last] {
		if u.columns.has(i) {
			args = append(args, b.columns[i].value(row))
		}
	}
	if u.byRowid {
		args = append(args, was.rowid, version)
	} else {
		args = append(args, b.columns[last].value(row), b.columns[last+1].value(row), version)
	}
	return t.write(t.c.text(u, b.update), args...)
}

// differ returns the columns in which two versions of a row differ.
func (b *table[R]) differ(was, is *R) (out columns) {
	for i := range b.columns[:len(b.columns)-2] {
		if !b.columns[i].same(was, is) {
			out |= 1 << i
		}
	}
	return out
}

// all returns all columns but those that name the row.
func (b *table[R]) all() columns { return 1<<(len(b.columns)-2) - 1 }

// only returns the columns with these names.
func (b *table[R]) only(names ...string) (out columns) {
	for i, c := range b.columns {
		if slices.Contains(names, c.name) {
			out |= 1 << i
		}
	}
	return out
}

// columns are some of a table's, as bits.
type columns uint64

func (c columns) has(i int) bool { return c&(1<<i) != 0 }

// update names a statement that sets some columns of a row.
type update struct {
	table   string
	columns columns
	byRowid bool // of a row that was read, else by workspace and id
}

// update builds a statement.
func (b *table[R]) update(u update) string {
	var s strings.Builder
	s.WriteString(`UPDATE ` + b.name + ` SET `)
	for i, c := range b.columns {
		if u.columns.has(i) {
			s.WriteString(c.name + ` = ?, `)
		}
	}
	s.WriteString(`version = version + 1 WHERE `)
	if u.byRowid {
		s.WriteString(`rowid = ? AND version = ?`)
	} else {
		s.WriteString(`workspace = ? AND id = ? AND version = ?`)
	}
	return s.String()
}

// columnOf is a column whose values are comparable as they stand in the row.
func columnOf[R any, V comparable](name string, get func(*R) V, stored func(V) any) column[R] {
	return column[R]{name, func(r *R) any { return stored(get(r)) }, func(a, b *R) bool { return get(a) == get(b) }}
}

func textColumn[R any, S ~string](name string, get func(*R) S) column[R] {
	return columnOf(name, get, func(s S) any { return string(s) })
}

// maybeColumn is NULL when empty.
func maybeColumn[R any, S ~string](name string, get func(*R) S) column[R] {
	return columnOf(name, get, func(s S) any { return maybeText(string(s)) })
}

func numberColumn[R any, N ~int | ~int64](name string, get func(*R) N) column[R] {
	return columnOf(name, get, func(n N) any { return int64(n) })
}

func flagColumn[R any](name string, get func(*R) bool) column[R] {
	return columnOf(name, get, func(b bool) any { return b })
}

// maybeFlagColumn is NULL when false.
func maybeFlagColumn[R any](name string, get func(*R) bool) column[R] {
	return columnOf(name, get, func(b bool) any {
		if b {
			return int64(1)
		}
		return nil
	})
}

func timeColumn[R any](name string, get func(*R) time.Time) column[R] {
	return columnOf(name, func(r *R) int64 { return micros(get(r)) }, func(n int64) any { return n })
}

// maybeTimeColumn is NULL when zero.
func maybeTimeColumn[R any](name string, get func(*R) time.Time) column[R] {
	zero := micros(time.Time{})
	return columnOf(name, func(r *R) int64 { return micros(get(r)) }, func(n int64) any {
		if n == zero {
			return nil
		}
		return n
	})
}

// listColumn and dictColumn hold JSON, NULL when nil.
func listColumn[R any, E comparable](name string, get func(*R) []E) column[R] {
	return column[R]{name, func(r *R) any { return array(get(r)) }, func(a, b *R) bool { return sameList(get(a), get(b)) }}
}

func sameList[E comparable](a, b []E) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }

func dictColumn[R any](name string, get func(*R) map[string]string) column[R] {
	return column[R]{name, func(r *R) any { return dict(get(r)) }, func(a, b *R) bool {
		return (get(a) == nil) == (get(b) == nil) && maps.Equal(get(a), get(b))
	}}
}

// seen is what a transaction that writes has read of the rows that are changed often.
type seen struct {
	conversations map[rowKey]read[livedesk.Conversation]
	messages      map[rowKey]read[livedesk.Message]
}

func newSeen() *seen {
	return &seen{map[rowKey]read[livedesk.Conversation]{}, map[rowKey]read[livedesk.Message]{}}
}

// rowKey names a row.
type rowKey struct{ workspace, id string }

// conversation remembers a row as it is: the caller may change its own. In a View nothing is remembered.
func (s *seen) conversation(rowid int64, c *livedesk.Conversation) {
	if s != nil {
		s.conversations[rowKey{c.Workspace, c.ID}] = read[livedesk.Conversation]{rowid, c.Version, c.Clone()}
	}
}

func (s *seen) message(rowid int64, m *livedesk.Message) {
	if s != nil {
		s.messages[rowKey{m.Workspace, m.ID}] = read[livedesk.Message]{rowid, m.Version, m.Clone()}
	}
}
