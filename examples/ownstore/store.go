// Package ownstore is a [livedesk.Store] written to show what writing your own takes: the whole contract, without an
// exception, on plain maps and a log file, in at most 600 lines. Each transaction is one record, on the disk before Update
// returns; opening the log plays it back.
//
// It is real, and small. All rows are in memory. Lists and claims look at every row that there is, and each Update
// copies the maps: nearly everything costs O(n), where package memstore pays O(log n) and a database has an index.
// The log only grows, is read whole when it is opened, and is not kept from a second process.
//
// What the contract says of rows and queries is in package livedesk, for every store to use: Keys, which become indexes,
// Over, Clone, NewContact, Choose, Lease, Cancel, Selects and Compare. Write TakeIn and Apply, then the reads, and run storetest
// from the first day: the name of a failing case is the sentence that doesn't hold yet. Writers take turns here. Where they don't,
// lock what TakeIn, Threads, Messages, Senders, Queues and the claims return (SKIP LOCKED for claims and those who wait).
package ownstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

var _ livedesk.Store = (*Store)(nil)

// ErrDamaged means that a file is no log of this package, or has whole records behind one that can't be read: to cut it
// there would lose transactions that were committed.
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
//
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
