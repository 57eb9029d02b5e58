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
	name     string
	columns  []column[R] // at most 64; the last two name the row and never change
	insert   string
	override string // all columns of a row that wasn't read
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
	n := len(names) - 2
	return &table[R]{
		name: name, columns: columns,
		insert: `INSERT INTO ` + name + ` (` + strings.Join(names, `, `) + `, version) VALUES (` + strings.Repeat(`?, `, len(names)) + `1)`,
		override: `UPDATE ` + name + ` SET ` + strings.Join(names[:n], ` = ?, `) +
			` = ?, version = version + 1 WHERE workspace = ? AND id = ? AND version = ?`,
	}
}

// read is a row as a transaction has read it, and where.
type read[R any] struct {
	rowid   int64
	version int64
	row     R
}

// put writes a row over the one that was read; was is zero when none was. It returns [livedesk.ErrExists] and
// [livedesk.ErrConflict] as Apply does.
func (b *table[R]) put(t *tx, row *R, version int64, was read[R]) error {
	switch {
	case version == 0:
		return t.write(b.insert, b.values(row, len(b.columns))...)
	case was.version != version:
		return t.write(b.override, append(b.values(row, len(b.columns)+1), version)...)
	}
	var changed uint64
	args := make([]any, 0, 16)
	for i := range b.columns[:len(b.columns)-2] {
		if c := &b.columns[i]; !c.same(&was.row, row) {
			changed |= 1 << i
			args = append(args, c.value(row))
		}
	}
	text := t.c.text(update{b.name, changed}, func() string { return b.update(changed) })
	return t.write(text, append(args, was.rowid, version)...)
}

// values are those of all columns, with room for so many.
func (b *table[R]) values(row *R, room int) []any {
	out := make([]any, 0, room)
	for i := range b.columns {
		out = append(out, b.columns[i].value(row))
	}
	return out
}

// update is the statement that sets some columns of a row that was read.
func (b *table[R]) update(changed uint64) string {
	var s strings.Builder
	s.WriteString(`UPDATE ` + b.name + ` SET `)
	for i, c := range b.columns {
		if changed&(1<<i) != 0 {
			s.WriteString(c.name + ` = ?, `)
		}
	}
	s.WriteString(`version = version + 1 WHERE rowid = ? AND version = ?`)
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
