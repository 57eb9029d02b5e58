package ownstore

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// key is a primary or a unique key: what it is of, mostly the workspace, and the rest.
type key [4]string

// state is the whole store. A copy of it is a snapshot: rows are only replaced, and the first put makes own maps.
type state struct {
	rows    map[key]any // pointers to rows, by primary key
	unique  map[key]key // unique keys, and whose they are
	serial  int64       // the number given last, as a revision or as a job's fence; none is given twice
	own     bool        // the maps are nobody else's
	changed []key       // for the log
}

// kinds are the rows by their name in a key. An arrival is a key that TakeIn has seen.
var kinds = map[string]any{
	"contact": livedesk.Contact{}, "thread": livedesk.Thread{}, "conversation": livedesk.Conversation{}, "arrival": true,
	"message": livedesk.Message{}, "agent": livedesk.Agent{}, "queue": livedesk.Queue{}, "object": livedesk.Object{}, "job": livedesk.Job{},
}

// schema is what a database knows of a row: the primary key, the version, and the unique keys that the row holds.
func schema(row any) (at key, version *int64, unique []key) {
	switch r := row.(type) {
	case *livedesk.Contact:
		return key{"contact", r.Workspace, r.ID}, &r.Version, []key{{"address", r.Workspace, string(r.Address)}}
	case *livedesk.Thread:
		return key{"thread", r.Workspace, r.Channel, r.Contact}, &r.Version, nil
	case *livedesk.Conversation:
		if r.State.Live() {
			unique = []key{{"live", r.Workspace, r.Channel, r.Contact}}
		}
		return key{"conversation", r.Workspace, r.ID}, &r.Version, unique
	case *livedesk.Message:
		unique = []key{{"seq", r.Workspace, r.Conversation, strconv.FormatInt(r.Seq, 10)}}
		if r.Key != "" {
			unique = append(unique, key{"key", r.Workspace, r.Conversation, r.Key})
		}
		if r.ProviderID != "" && r.Kind == livedesk.Outgoing {
			unique = append(unique, key{"carried", r.Workspace, r.Channel, r.ProviderID})
		}
		return key{"message", r.Workspace, r.ID}, &r.Version, unique
	case *livedesk.Agent:
		return key{"agent", r.Workspace, r.ID}, &r.Version, nil
	case *livedesk.Queue:
		return key{"queue", r.Workspace, r.ID}, &r.Version, nil
	case *livedesk.Object:
		if r.Key != "" {
			unique = []key{{"hook", r.Kind, r.Key}}
		}
		return key{"object", r.Workspace, r.Kind, r.ID}, &r.Version, unique
	}
	return at, nil, nil // a job, an arrival, or nothing
}

// get returns a row, or nil.
func get[V any](t *tx, at key) *V {
	row, _ := t.rows[at].(*V)
	return row
}

// where returns the rows of a kind that fit, in no order.
func where[V any](t *tx, fits func(*V) bool) (found []*V) {
	for _, row := range t.rows {
		if r, is := row.(*V); is && fits(r) {
			found = append(found, r)
		}
	}
	return found
}

// put replaces a row, or removes it with nil.
func (s *state) put(at key, row any) {
	if !s.own {
		s.rows, s.unique, s.own = maps.Clone(s.rows), maps.Clone(s.unique), true
	}
	_, _, before := schema(s.rows[at])
	for _, u := range before {
		if s.unique[u] == at {
			delete(s.unique, u)
		}
	}
	if s.rows[at] = row; row == nil {
		delete(s.rows, at)
	}
	_, _, after := schema(row)
	for _, u := range after {
		s.unique[u] = at
	}
	s.changed = append(s.changed, at)
}

// write puts copies of rows, each over the version that its writer has read.
func write[V any](t *tx, rows []V) error {
	for i := range rows {
		row := copyOf(&rows[i])
		t.prepare(row)
		at, version, unique := schema(row)
		var stored int64
		if _, v, _ := schema(t.rows[at]); v != nil {
			stored = *v
		}
		taken := func(u key) bool { owner, is := t.unique[u]; return is && owner != at }
		switch {
		case *version != stored && *version != 0:
			return fmt.Errorf("%v: %w", at, livedesk.ErrConflict)
		case *version != stored, slices.ContainsFunc(unique, taken):
			return fmt.Errorf("%v: %w", at, livedesk.ErrExists)
		}
		*version++
		t.put(at, row)
	}
	return nil
}

// prepare does what is particular to a kind.
func (t *tx) prepare(row any) {
	switch r := row.(type) {
	case *livedesk.Thread:
		if r.Version == 0 { // only TakeIn makes them: no row has this version
			r.Version = -1
		}
	case *livedesk.Queue:
		r.Waiting, r.More = nil, false
	case *livedesk.Object:
		old := get[livedesk.Object](t, key{"object", r.Workspace, r.Kind, r.ID})
		if r.Version == 0 && old != nil && old.Deleted { // nobody sees a tombstone, so this is an insert
			r.Version = old.Version
		}
		if r.Deleted {
			r.Key, r.Data = "", nil
		}
		t.serial++
		r.Revision = t.serial
	}
}

// record is a transaction in the log, with rows in their last form; null is one that was removed. Fence is here because the
// JSON of a message is made for clients and leaves it out.
type record[R any] struct {
	Serial int64      `json:"serial"`
	Rows   []entry[R] `json:"rows"`
}

type entry[R any] struct {
	At    key   `json:"at"`
	Row   R     `json:"row"`
	Fence int64 `json:"fence,omitempty"`
}

func (s *state) record() ([]byte, error) {
	r := record[any]{Serial: s.serial}
	for _, at := range s.changed {
		e := entry[any]{At: at, Row: s.rows[at]}
		if m, is := e.Row.(*livedesk.Message); is && m.Delivery != nil {
			e.Fence = m.Delivery.Fence
		}
		r.Rows = append(r.Rows, e)
	}
	return json.Marshal(r)
}

func (s *state) replay(data []byte) error {
	var r record[json.RawMessage]
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	for _, e := range r.Rows {
		if string(e.Row) == "null" {
			s.put(e.At, nil)
			continue
		}
		kind, known := kinds[e.At[0]]
		if !known {
			return fmt.Errorf("unknown kind %q", e.At[0])
		}
		row := reflect.New(reflect.TypeOf(kind)).Interface()
		if err := json.Unmarshal(e.Row, row); err != nil {
			return err
		}
		if m, is := row.(*livedesk.Message); is && m.Delivery != nil {
			m.Delivery.Fence = e.Fence
		}
		s.put(e.At, row)
	}
	s.serial, s.changed = r.Serial, nil
	return nil
}

// micro returns a time as the contract keeps it.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// copyOf returns a deep copy with such times. It serves both ways, so that a stored row shares nothing with anybody. Who
// writes rows into columns needs none of this.
func copyOf[V any](row *V) *V { return deep(reflect.ValueOf(row)).Interface().(*V) }

func deep(v reflect.Value) reflect.Value {
	if v.IsZero() {
		return v
	}
	if t, is := v.Interface().(time.Time); is {
		return reflect.ValueOf(micro(t))
	}
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(deep(v.Elem()))
	case reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(deep(v.Field(i)))
		}
	case reflect.Slice:
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(deep(v.Index(i)))
		}
	case reflect.Map:
		out.Set(reflect.MakeMap(v.Type()))
		for k, e := range v.Seq2() {
			out.SetMapIndex(k, deep(e))
		}
	default:
		return v
	}
	return out
}
