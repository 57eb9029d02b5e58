package livedesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// batcher lets calls that arrive together share one transaction. A call starts a flight at once when one is free; the
// calls that come while all are under way wait, and go together with the next one. So an idle desk adds no delay and
// a busy one pays for few commits. It has no goroutine while there is nothing to do.
type batcher[T any] struct {
	log *slog.Logger
	max int // values per flight
	do  func(ctx context.Context, values []T) error

	mu      sync.Mutex
	waiting []*seat[T]
	flights int
}

// seat is one call's place in a flight.
type seat[T any] struct {
	value T
	done  chan error // holds the result
}

const (
	maxFlights    = 2 // one commits while the next is decided
	maxWaiting    = 4096
	flightTimeout = 7 * time.Second // below WebhookTimeout, so that a caller learns of a store that hangs
	maxTries      = 8
)

func newBatcher[T any](log *slog.Logger, limit int, do func(context.Context, []T) error) *batcher[T] {
	return &batcher[T]{log: log, max: limit, do: do}
}

// join does the value's work together with others and returns its own result. When ctx ends first the work may still
// be done.
func (b *batcher[T]) join(ctx context.Context, v T) error { return b.joinAll(ctx, []T{v}) }

// joinAll does the work of several values, which board together and keep their order. It returns their errors joined.
func (b *batcher[T]) joinAll(ctx context.Context, values []T) error {
	if len(values) == 0 {
		return nil
	}
	seats, err := b.board(values)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range seats {
		if err := s.wait(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

func (s *seat[T]) wait(ctx context.Context) error {
	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
}

func (b *batcher[T]) board(values []T) ([]*seat[T], error) {
	seats := make([]*seat[T], len(values))
	for i, v := range values {
		seats[i] = &seat[T]{value: v, done: make(chan error, 1)}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) > 0 && len(b.waiting)+len(values) > maxWaiting {
		return nil, fmt.Errorf("%w: too many requests wait for the store", ErrBusy)
	}
	b.waiting = append(b.waiting, seats...)
	if b.flights < maxFlights {
		b.flights++
		go b.fly()
	}
	return seats, nil
}

// fly takes off with all that wait, again and again, until nobody waits.
func (b *batcher[T]) fly() {
	for {
		b.mu.Lock()
		n := min(len(b.waiting), b.max)
		if n == 0 {
			b.flights--
			b.mu.Unlock()
			return
		}
		crew := b.waiting[:n:n]
		b.waiting = b.waiting[n:]
		b.mu.Unlock()

		ctx, cancel := context.WithTimeout(context.Background(), flightTimeout)
		b.serve(ctx, crew)
		cancel()
	}
}

// serve works a crew off. A failing crew is halved until the one value that makes it fail is alone.
func (b *batcher[T]) serve(ctx context.Context, crew []*seat[T]) {
	values := make([]T, len(crew))
	for i, s := range crew {
		values[i] = s.value
	}
	err := retry(ctx, func() error { return b.try(ctx, values) })
	if err != nil && len(crew) > 1 && ctx.Err() == nil {
		b.serve(ctx, crew[:len(crew)/2])
		b.serve(ctx, crew[len(crew)/2:])
		return
	}
	for _, s := range crew {
		s.done <- err
	}
}

func (b *batcher[T]) try(ctx context.Context, values []T) (err error) {
	defer func() {
		if r := recover(); r != nil {
			b.log.Error("decision panicked", slog.Any("panic", r))
			err = fmt.Errorf("panic while deciding: %v", r)
		}
	}()
	return b.do(ctx, values)
}

// retry runs f again while it only lost to others: a few times, a little later each time.
func retry(ctx context.Context, f func() error) error {
	for i := 1; ; i++ {
		err := f()
		if err == nil || i == maxTries || !lostToOthers(err) {
			return err
		}
		pause := time.Duration(rand.Int64N(int64(time.Millisecond) << i))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// lostToOthers reports whether the same work may succeed when it is done again.
func lostToOthers(err error) bool {
	if _, stale := errors.AsType[*staleError](err); stale {
		return false
	}
	return errors.Is(err, ErrSerialization) || errors.Is(err, ErrConflict)
}
