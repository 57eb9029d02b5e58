package ownstore

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
)

// key is a primary or a unique key; livedesk.RowKey says which there are.
type key = livedesk.RowKey

// keyed is a row of the contract. What that says of keys, copies and versions is in package livedesk for every store.
type keyed interface{ Keys() (key, []key) }

// kinds are the rows by their name in a key. An arrival is a key that TakeIn has seen.
var kinds = map[string]any{
	"contact": new(livedesk.Contact), "thread": new(livedesk.Thread), "conversation": new(livedesk.Conversation),
	"message": new(livedesk.Message), "agent": new(livedesk.Agent), "queue": new(livedesk.Queue), "job": new(livedesk.Job),
	"object": new(livedesk.Object), "budget": new(livedesk.Budget), "arrival": new(bool),
}

// state is the whole store. A copy of it with maps of its own is a snapshot, since rows are only replaced.
type state struct {
	rows    map[key]any // pointers to rows, by primary key
	unique  map[key]key // unique keys, and whose they are
	serial  int64       // the number given last, as a revision or as a job's fence; none is given twice
	changed []key       // for the log
}

// get returns a row, or nil.
func get[V any](t *tx, at key) *V {
	r, _ := t.rows[at].(*V)
	return r
}

// value returns a row, or the zero value.
func value[V any](t *tx, at key) V { return *cmp.Or(get[V](t, at), new(V)) }

// where returns the rows of a kind that fit, in no order.
func where[V any](t *tx, fits func(V) bool) (found []*V) {
	for _, r := range t.rows {
		if r, is := r.(*V); is && fits(*r) {
			found = append(found, r)
		}
	}
	return found
}

// put replaces a row, or removes it with nil.
func (s *state) put(at key, row any) {
	for _, u := range unique(s.rows[at]) {
		if s.unique[u] == at {
			delete(s.unique, u)
		}
	}
	if s.rows[at] = row; row == nil {
		delete(s.rows, at)
	}
	for _, u := range unique(row) {
		s.unique[u] = at
	}
	s.changed = append(s.changed, at)
}

func unique(row any) (keys []key) {
	if r, is := row.(keyed); is {
		_, keys = r.Keys()
	}
	return keys
}

// next returns a number that was never given before.
func (s *state) next() int64 {
	s.serial++
	return s.serial
}

// write puts rows, each over the version that its writer has read. Unique keys are looked at row by row.
func write[V interface {
	keyed
	Over(old V) (V, error)
}](t *tx, rows []V) error {
	for _, r := range rows {
		at, _ := r.Keys()
		r, err := r.Over(value[V](t, at))
		if err == nil && slices.ContainsFunc(unique(r), func(u key) bool { owner, is := t.unique[u]; return is && owner != at }) {
			err = livedesk.ErrExists
		}
		if err != nil {
			return fmt.Errorf("%v: %w", at, err)
		}
		if o, is := any(&r).(*livedesk.Object); is {
			o.Revision = t.next()
		}
		t.put(at, &r)
	}
	return nil
}

// record is a transaction in the log: serial, and for each row that changed its key, its last form, which is null for one
// that was removed, and its fence, since the JSON of a message is made for clients and leaves it out.
func (s *state) record() ([]byte, error) {
	var buf bytes.Buffer
	log := json.NewEncoder(&buf)
	err := log.Encode(s.serial)
	for _, at := range s.changed {
		err = cmp.Or(err, log.Encode(at), log.Encode(s.rows[at]), log.Encode(fence(s.rows[at])))
	}
	return buf.Bytes(), err
}

func (s *state) replay(record []byte) error {
	log := json.NewDecoder(bytes.NewReader(record))
	err := log.Decode(&s.serial)
	for err == nil && log.More() {
		var at key
		if err = log.Decode(&at); kinds[at[0]] == nil {
			return cmp.Or(err, fmt.Errorf("unknown kind %q", at[0]))
		}
		row := reflect.New(reflect.TypeOf(kinds[at[0]])).Elem() // a pointer, which null makes nil
		err = cmp.Or(log.Decode(row.Addr().Interface()), log.Decode(fence(row.Interface())))
		if s.put(at, nil); !row.IsNil() {
			s.put(at, row.Interface())
		}
	}
	s.changed = nil
	return err
}

// fence is where a row has what its JSON leaves out; all but texts have it nowhere.
func fence(row any) *int64 {
	if m, is := row.(*livedesk.Message); is && m != nil && m.Delivery != nil {
		return &m.Delivery.Fence
	}
	return new(int64)
}
