// Package ownstore is a [livedesk.Store] written to show what writing your own takes: the whole contract, without an
// exception, on plain maps and a log file, in at most 600 lines. Each transaction is one record, on the disk before Update
// returns; opening the log plays it back. It is real, and small: all rows are in memory, each Update copies the maps, and
// nearly everything costs O(n), where package memstore pays O(log n) and a database has an index. The log only grows.
// What the contract says of rows and queries is in package livedesk, for every store to use: Keys, which become indexes,
// Over, Clone, NewContact, Choose, Lease, Cancel, Selects and Compare. Write TakeIn and Apply, then the reads, and run
// storetest from the first day: a failing case is named after the sentence that doesn't hold yet. Writers take turns here.
// Where they don't, lock what TakeIn, Threads, Messages, Senders, Queues, Prune and the claims return or delete (SKIP LOCKED
// for Prune, claims and those who wait).
package ownstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

var _ livedesk.Store = (*Store)(nil)

// ErrDamaged means that a file is no log of ours, or has whole records, which were committed, behind one that can't be read.
var ErrDamaged = errors.New("log is damaged")

// Store is a [livedesk.Store] in a log file. Make one with [Open]; the zero Store can't be used. It is safe for
// concurrent use. It has no method Durable and so counts as durable: an engine with providers wants a Sealer.
type Store struct {
	clock     func() time.Time
	committed atomic.Pointer[state] // nil once it is closed
	writer    chan struct{}         // holds one token while an Update runs; a channel, so that a waiter can give up
	file      *os.File
	broken    error // why nothing can be written any more
}

// Open plays back the log at path, which is made if there is none. A last record that a crash cut short is cut off: its
// Update never returned nil. A log that can't be read for another reason is [ErrDamaged] and is left as it is.
// clock is the store's time, asked once in each transaction; nil means time.Now. It must be safe for concurrent use.
func Open(path string, clock func() time.Time) (*Store, error) {
	if clock == nil {
		clock = time.Now
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	s := &Store{clock: clock, writer: make(chan struct{}, 1), file: f}
	played := state{rows: map[key]any{}, unique: map[key]key{}}
	if err := s.play(f, &played); err != nil {
		return nil, errors.Join(fmt.Errorf("ownstore: open: %w", err), f.Close())
	}
	return s, s.commit(played)
}

// Close waits for the Update that runs, if one does, and closes the log. From then on View and Update answer
// [livedesk.ErrClosed]; closing again has no effect.
func (s *Store) Close() error {
	s.writer <- struct{}{}
	defer func() { <-s.writer }()
	if s.committed.Swap(nil) == nil {
		return nil
	}
	return s.file.Close()
}

// View implements [livedesk.Store]. fn sees the last commit before it began, and waits for nobody.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx livedesk.ReadTx) error) error {
	return s.run(ctx, func(ctx context.Context, t *tx) error { return fn(ctx, t) })
}

// Update implements [livedesk.Store]. Updates take turns, so none answers [livedesk.ErrSerialization]. After an error of
// the file system nobody knows what the disk has, and every further Update fails until the log is opened again.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx livedesk.Tx) error) error {
	if ctx.Value(inside{s}) == nil {
		select {
		case s.writer <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-s.writer }()
	}
	return s.run(ctx, func(ctx context.Context, t *tx) error {
		t.rows, t.unique = maps.Clone(t.rows), maps.Clone(t.unique)
		if err := fn(ctx, t); cmp.Or(err, t.refused, ctx.Err()) != nil {
			return cmp.Or(err, t.refused, ctx.Err())
		}
		return s.commit(t.state)
	})
}

// inside marks the contexts of a store's transactions.
type inside struct{ store *Store }

// run gives fn a transaction on a copy of the last commit: whatever it does is gone unless it is committed.
func (s *Store) run(ctx context.Context, fn func(ctx context.Context, t *tx) error) error {
	last := s.committed.Load()
	switch {
	case ctx.Value(inside{s}) != nil:
		return livedesk.ErrNested
	case last == nil:
		return livedesk.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(context.WithValue(ctx, inside{s}, true))
	defer cancel()
	t := &tx{now: s.clock().UTC().Truncate(time.Microsecond), state: *last}
	defer t.over.Store(true)
	return fn(ctx, t)
}

// commit makes a transaction's state the store's once it is on the disk.
func (s *Store) commit(next state) error {
	if len(next.changed) > 0 {
		if err := s.append(&next); err != nil {
			return fmt.Errorf("ownstore: commit: %w", err)
		}
	}
	next.changed = nil
	s.committed.Store(&next)
	return nil
}

const header = 8 // of a record in the log: length and CRC-32C of its JSON, 4 bytes each, big endian
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// append returns when the record is on the disk. A second fsync that succeeds proves nothing about the first.
func (s *Store) append(next *state) error {
	record, err := next.record()
	if err = cmp.Or(s.broken, err); err != nil {
		return err
	}
	head := uint64(len(record))<<32 | uint64(crc32.Checksum(record, castagnoli))
	if _, s.broken = s.file.Write(append(binary.BigEndian.AppendUint64(nil, head), record...)); s.broken == nil {
		s.broken = s.file.Sync()
	}
	return s.broken
}

// play replays all whole records and cuts off what a crash left behind them. Each was on the disk before the next was
// begun, so a crash tears only the last one. A log begins with an empty record: no other file is taken for a torn one.
func (s *Store) play(f *os.File, into *state) error {
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return s.append(into)
	}
	end := 0
	for record := first(data); record != nil; record = first(data[end:]) {
		if err := into.replay(record); err != nil {
			return fmt.Errorf("%w at byte %d: %w", ErrDamaged, end, err)
		}
		end += header + len(record)
	}
	for at := end; at < len(data); at++ {
		if end == 0 || first(data[at:]) != nil {
			return fmt.Errorf("%w at byte %d", ErrDamaged, end)
		}
	}
	return f.Truncate(int64(end))
}

// first returns the record at the beginning of data; nil when there is no whole one. None is empty, so zeros are none.
func first(data []byte) []byte {
	if len(data) <= header {
		return nil
	}
	size, sum, rest := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:]), data[header:]
	if size == 0 || uint64(size) > uint64(len(rest)) || crc32.Checksum(rest[:size], castagnoli) != sum {
		return nil
	}
	return rest[:size]
}

// key is a primary or a unique key; livedesk.RowKey says which there are.
type key = livedesk.RowKey

// keyed is a row of the contract. What that says of keys, copies and versions is in package livedesk for every store.
type keyed interface{ Keys() (key, []key) }

// kinds are the rows by their name in a key.
var kinds = map[string]any{
	"contact": new(livedesk.Contact), "thread": new(livedesk.Thread), "conversation": new(livedesk.Conversation),
	"message": new(livedesk.Message), "agent": new(livedesk.Agent), "queue": new(livedesk.Queue), "job": new(livedesk.Job),
	"object": new(livedesk.Object), "budget": new(livedesk.Budget), "arrival": new(livedesk.Seen),
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

// where returns the rows of a kind that fit, in no order; all of them with nil.
func where[V any](t *tx, fits func(V) bool) (found []*V) {
	for _, r := range t.rows {
		if r, is := r.(*V); is && (fits == nil || fits(*r)) {
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
