package pgstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// column is one column of a table whose rows are of type T: how it goes into a statement, many rows at once, and how it
// comes back.
type column[T any] struct {
	name   string
	kind   string              // type of the array parameter's elements
	cast   string              // type of the column where it is another one
	read   string              // how it is selected where not by its name
	values func(rows []*T) any // the parameter
	target func(row *T) any    // where it is scanned to; nil for one that is only written
}

// table is a table whose rows have a version. Its statements name every column that they know, so that columns of a
// later schema stay as they are.
type table[T any] struct {
	name    string
	keys    int // the first columns are the key
	columns []column[T]
	version func(row *T) *int64
}

// only returns the table with some of its columns, in their order; the key is always among them.
func (t *table[T]) only(names ...string) table[T] {
	return t.filter(func(name string) bool { return slices.Contains(names, name) })
}

// without returns the table without some of its columns.
func (t *table[T]) without(names ...string) table[T] {
	return t.filter(func(name string) bool { return !slices.Contains(names, name) })
}

func (t *table[T]) filter(keep func(name string) bool) table[T] {
	out := *t
	out.columns = nil
	for i, c := range t.columns {
		if i < t.keys || keep(c.name) {
			out.columns = append(out.columns, c)
		}
	}
	return out
}

// text is a column that always has a value.
func text[T any, S ~string](name string, of func(*T) *S) column[T] {
	return column[T]{name: name, kind: "text",
		values: func(rows []*T) any {
			out := make([]string, len(rows))
			for i, r := range rows {
				out[i] = string(*of(r))
			}
			return out
		},
		target: func(r *T) any { return of(r) }}
}

// maybeText is a text that takes part in a unique key or a partial index only where there is one: NULL when empty.
func maybeText[T any, S ~string](name string, of func(*T) *S) column[T] {
	return column[T]{name: name, kind: "text", read: "coalesce(t." + name + ", '')",
		values: func(rows []*T) any {
			out := make([]*string, len(rows))
			for i, r := range rows {
				if s := string(*of(r)); s != "" {
					out[i] = &s
				}
			}
			return out
		},
		target: func(r *T) any { return of(r) }}
}

func number[T any, N ~int | ~int64](name string, of func(*T) *N) column[T] {
	return column[T]{name: name, kind: "bigint",
		values: func(rows []*T) any {
			out := make([]int64, len(rows))
			for i, r := range rows {
				out[i] = int64(*of(r))
			}
			return out
		},
		target: func(r *T) any { return integer[N]{of(r)} }}
}

// flag is a truth value; one without target is computed from the row.
func flag[T any](name string, value func(*T) bool, target func(*T) *bool) column[T] {
	c := column[T]{name: name, kind: "boolean", values: func(rows []*T) any {
		out := make([]bool, len(rows))
		for i, r := range rows {
			out[i] = value(r)
		}
		return out
	}}
	if target != nil {
		c.target = func(r *T) any { return target(r) }
	}
	return c
}

// moment is a time that always has a value: the zero time is a number like any other.
func moment[T any](name string, of func(*T) *time.Time) column[T] {
	return column[T]{name: name, kind: "bigint",
		values: func(rows []*T) any {
			out := make([]int64, len(rows))
			for i, r := range rows {
				out[i] = of(r).UnixMicro()
			}
			return out
		},
		target: func(r *T) any { return instant{of(r)} }}
}

// maybeMoment is a time that may be missing: NULL when zero.
func maybeMoment[T any](name string, of func(*T) *time.Time) column[T] {
	c := moment(name, of)
	c.values = func(rows []*T) any {
		out := make([]*int64, len(rows))
		for i, r := range rows {
			if at := of(r); !at.IsZero() {
				out[i] = new(at.UnixMicro())
			}
		}
		return out
	}
	return c
}

// document is a list, a map or an optional struct, kept as JSON: NULL when nil, so that nil comes back as nil.
func document[T, V any](name string, of func(*T) *V) column[T] {
	return column[T]{name: name, kind: "text", cast: "jsonb",
		values: func(rows []*T) any {
			out := make([]*string, len(rows))
			for i, r := range rows {
				out[i] = encode(of(r))
			}
			return out
		},
		target: func(r *T) any { return of(r) }}
}

// encode returns v as JSON, nil for what JSON calls null.
func encode(v any) *string {
	b, err := json.Marshal(v)
	if err != nil { // the row types hold nothing that JSON can't
		panic(err)
	}
	if s := string(b); s != "null" {
		return &s
	}
	return nil
}

// computed is a column that is derived from the row and only written.
func computed[T, V any](name, kind string, value func(*T) V) column[T] {
	return column[T]{name: name, kind: kind, values: func(rows []*T) any {
		out := make([]V, len(rows))
		for i, r := range rows {
			out[i] = value(r)
		}
		return out
	}}
}

// instant scans microseconds, or NULL, into a time.
type instant struct{ t *time.Time }

// ScanInt64 implements pgtype.Int64Scanner.
func (i instant) ScanInt64(v pgtype.Int8) error {
	*i.t = time.Time{}
	if v.Valid {
		*i.t = time.UnixMicro(v.Int64).UTC()
	}
	return nil
}

// integer scans a number into any integer type.
type integer[N ~int | ~int64] struct{ n *N }

// ScanInt64 implements pgtype.Int64Scanner.
func (i integer[N]) ScanInt64(v pgtype.Int8) error {
	*i.n = N(v.Int64)
	return nil
}

// list is what a SELECT of whole rows names, of the table as t.
func (t *table[T]) list() string {
	return t.eachRead(func(name, read string) string { return read })
}

// listAs is list with names for the columns: their own behind a prefix.
func (t *table[T]) listAs(prefix string) string {
	return t.eachRead(func(name, read string) string { return read + " AS " + prefix + name })
}

// listFrom is listAs of the table under another alias.
func (t *table[T]) listFrom(alias, prefix string) string { return aliased(t.listAs(prefix), alias) }

// names are the columns of list by the names that listAs gave them.
func (t *table[T]) names(prefix string) string {
	return t.eachRead(func(name, _ string) string { return prefix + name })
}

// eachRead joins what fn says of each column that list has; read is how it is selected.
func (t *table[T]) eachRead(fn func(name, read string) string) string {
	var out []string
	for _, c := range t.columns {
		switch {
		case c.target == nil:
		case c.read != "":
			out = append(out, fn(c.name, c.read))
		default:
			out = append(out, fn(c.name, "t."+c.name))
		}
	}
	return strings.Join(append(out, fn("version", "t.version")), ", ")
}

// aliased is a list of the table under another alias.
func aliased(list, alias string) string { return strings.ReplaceAll(list, "t.", alias+".") }

// targets appends where list's columns are scanned to.
func (t *table[T]) targets(out []any, row *T) []any {
	for _, c := range t.columns {
		if c.target != nil {
			out = append(out, c.target(row))
		}
	}
	return append(out, t.version(row))
}

// scan reads one row that list selected, and what stands behind it.
func (t *table[T]) scan(rows pgx.Rows, row *T, more ...any) error {
	return rows.Scan(append(t.targets(make([]any, 0, len(t.columns)+1+len(more)), row), more...)...)
}

// unnest is a FROM item u with one row for each element of the parameters: the columns, with the version where wanted, and
// more.
func (t *table[T]) unnest(version bool, more ...string) string {
	columns := make([]string, 0, len(t.columns)+1+len(more))
	for _, c := range t.columns {
		columns = append(columns, c.name+" "+c.kind)
	}
	if version {
		columns = append(columns, "version bigint")
	}
	return arrays("u", 1, append(columns, more...)...)
}

// arrays is a FROM item with one row for each element of the array parameters from $first on, which are columns called
// "name type", or "name" of type text. The arrays are laid out side by side in a SELECT
// list: in FROM each is copied into a store of its own first, and for 29 of them that takes ten times as long (1.2 ms
// rather than 0.1).
func arrays(alias string, first int, columns ...string) string {
	list := make([]string, 0, len(columns)+1)
	for i, c := range columns {
		name, kind, given := strings.Cut(c, " ")
		if !given {
			kind = "text"
		}
		list = append(list, fmt.Sprintf("unnest($%d::%s[]) AS %s", first+i, kind, name))
	}
	return "(SELECT " + strings.Join(list, ", ") + ") AS " + alias
}

func (c *column[T]) from(alias string) string {
	if c.cast != "" {
		return alias + "." + c.name + "::" + c.cast
	}
	return alias + "." + c.name
}

// insert is a statement that inserts rows as their version 1.
func (t *table[T]) insert() string {
	return "INSERT INTO {s}." + t.name + " AS t (" + t.written() + ", version) SELECT " + t.values() + ", 1 FROM " + t.unnest(false)
}

func (t *table[T]) written() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

func (t *table[T]) values() string {
	values := make([]string, len(t.columns))
	for i, c := range t.columns {
		values[i] = c.from("u")
	}
	return strings.Join(values, ", ")
}

// update is a statement that replaces rows, all of them with the version that the writer has read, see counted.
func (t *table[T]) update() string {
	return counted("UPDATE {s}."+t.name+" AS t SET "+t.assignments()+", version = t.version + 1 FROM "+
		t.unnest(true)+" WHERE "+t.match()+" AND t.version = u.version", len(t.columns)+1)
}

func (t *table[T]) assignments() string {
	sets := make([]string, 0, len(t.columns))
	for _, c := range t.columns[t.keys:] {
		sets = append(sets, c.name+" = "+c.from("u"))
	}
	return strings.Join(sets, ", ")
}

func (t *table[T]) match() string {
	on := make([]string, t.keys)
	for i, c := range t.columns[:t.keys] {
		on[i] = "t." + c.name + " = u." + c.name
	}
	return strings.Join(on, " AND ")
}

// args are the parameters of insert.
func (t *table[T]) args(rows []*T) []any {
	out := make([]any, 0, len(t.columns)+1)
	for _, c := range t.columns {
		out = append(out, c.values(rows))
	}
	return out
}

// versioned are the parameters of update.
func (t *table[T]) versioned(rows []*T) []any {
	versions := make([]int64, len(rows))
	for i, r := range rows {
		versions[i] = *t.version(r)
	}
	return append(t.args(rows), versions)
}
