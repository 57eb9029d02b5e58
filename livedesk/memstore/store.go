package memstore

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

var (
	_ livedesk.Store        = (*Store)(nil)
	_ livedesk.DurableStore = (*Store)(nil)
	_ livedesk.CheckedStore = (*Store)(nil)
)

var (
	// errOver is the answer of a transaction that is used after its function returned.
	errOver = errors.New("memstore: transaction is over")
	// errApplied is the answer of every verb behind Apply, which the contract has as the last: another store may have
	// sent it together with its commit.
	errApplied = errors.New("memstore: Apply was the last verb of the transaction")
)

// Store is a [livedesk.Store] in memory. Make one with [New] or [NewAt]; the zero Store can't be used. It is safe for
// concurrent use.
type Store struct {
	clock     func() time.Time
	committed atomic.Pointer[state]
	writer    chan struct{} // holds one token while an Update runs; a channel, so that a waiter can give up
	closed    atomic.Bool
}

// New returns an empty Store on the machine's clock.
func New() *Store { return NewAt(time.Now) }

// NewAt returns an empty Store on a clock of the caller's, for tests: it is asked once at the start of each
// transaction, from the goroutine that runs it. The clock must be safe for concurrent use.
func NewAt(clock func() time.Time) *Store {
	s := &Store{clock: clock, writer: make(chan struct{}, 1)}
	s.committed.Store(&state{})
	return s
}

// Durable implements [livedesk.DurableStore]: false, everything ends with the process.
func (s *Store) Durable() bool { return false }

// Check implements [livedesk.CheckedStore]. It answers [livedesk.ErrClosed] after Close, else nil.
func (s *Store) Check(context.Context) error {
	if s.closed.Load() {
		return livedesk.ErrClosed
	}
	return nil
}

// Close waits for the Update that runs, if one does, and closes the store: from then on View and Update answer
// [livedesk.ErrClosed]. A View that runs goes on with what it sees. The error is always nil; closing
// again has no effect. Called from inside an Update of this store it would wait for itself.
func (s *Store) Close() error {
	s.writer <- struct{}{}
	defer func() { <-s.writer }()
	s.closed.Store(true)
	return nil
}

// View implements [livedesk.Store]. fn sees the last commit before it began. It waits for nobody, and nobody waits
// for it: an Update that runs at the same time, however long, is neither seen nor noticed.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx livedesk.ReadTx) error) error {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	v := &view{now: micro(s.clock()), state: *s.committed.Load()}
	defer v.over.Store(true)
	return fn(ctx, v)
}

// Update implements [livedesk.Store]. Updates run one after the other, in the order in which they came; one that waits
// for its turn gives up when ctx ends. It never answers [livedesk.ErrSerialization].
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx livedesk.Tx) error) error {
	inner, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.writer }()
	if err := s.Check(ctx); err != nil {
		return err
	}
	t := &tx{view: view{now: micro(s.clock()), state: *s.committed.Load()}}
	defer t.over.Store(true)
	// fn works on a copy of the roots. Whoever leaves before the last line, by an error, a panic or runtime.Goexit,
	// leaves the committed state as it was.
	err = fn(inner, t)
	if err = cmp.Or(err, t.refused, ctx.Err()); err != nil {
		return err
	}
	s.committed.Store(&t.state)
	return nil
}

// inside marks the contexts of a store's transactions.
type inside struct{ store *Store }

// begin refuses what can't start and returns the context of a transaction, which ends with it.
func (s *Store) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if ctx.Value(inside{s}) != nil {
		return nil, nil, livedesk.ErrNested
	}
	if err := s.Check(ctx); err != nil {
		return nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.WithValue(ctx, inside{s}, true))
	return ctx, cancel, nil
}

// view is a transaction that reads.
type view struct {
	now     time.Time
	over    atomic.Bool
	applied bool
	state   state
}

// tx is a transaction that writes. Its state is its own until Update publishes it.
type tx struct {
	view
	refused error // what Apply answered: then nothing is kept, whatever fn returns
}

// Now implements [livedesk.ReadTx].
func (v *view) Now() time.Time { return v.now }

// usable is asked first by every method.
func (v *view) usable(ctx context.Context) error {
	switch {
	case v.over.Load():
		return errOver
	case v.applied:
		return errApplied
	}
	return ctx.Err()
}

// atomically runs one change; when it fails, the transaction is as it was before it.
func (t *tx) atomically(ctx context.Context, change func() error) error {
	if err := t.usable(ctx); err != nil {
		return err
	}
	before := t.state
	if err := change(); err != nil {
		t.state = before
		return err
	}
	return nil
}
