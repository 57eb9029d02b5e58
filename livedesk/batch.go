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

// batcher lets calls that arrive together share one transaction. A call starts a flight at once when none is in the
// air; those that come meanwhile wait for it to land, and no longer. While many wait, a second flight takes off beside the
// first, and the two share what waits about evenly: one commits while the other is decided. So an idle desk adds no delay
// and a busy one pays for few commits. It has no goroutine while there is nothing to do.
type batcher[T any] struct {
	log *slog.Logger
	max int // values per flight
	// most is how many flights there are at once, at most. Where nobody waits for a value, fewer and larger ones cost less.
	most int
	// key names what a value is about. Values of one key never fly at the same time, so that flights don't wait for
	// each other's rows, and keep their order. nil means that no two values have anything in common.
	key func(T) string
	// do does the work. It reports whether that took locks which most flights take, so that one at a time gets further.
	do func(ctx context.Context, values []T) (alone bool, err error)

	mu       sync.Mutex
	waiting  []*seat[T]
	flights  int
	airborne int             // seats in the air
	keys     map[string]int  // of these
	crowd    int             // about how many wait or fly at once, lately
	alone    bool            // the last flight said so
	slow     map[string]bool // keys whose rows somebody else has locked for long: they fly alone, beside the others
	solos    int
}

// seat is one call's place in a flight.
type seat[T any] struct {
	value T
	key   string
	done  chan error // holds the result
}

const (
	maxFlights    = 4  // one commits while others are decided
	fullFlight    = 32 // values, beyond which a third and a fourth flight pay
	maxWaiting    = 4096
	flightTimeout = 7 * time.Second // below WebhookTimeout, so that a caller learns of a store that hangs
	maxTries      = 16
	maxSolos      = 4
)

func newBatcher[T any](log *slog.Logger, limit int, key func(T) string, do func(context.Context, []T) (bool, error)) *batcher[T] {
	return &batcher[T]{log: log, max: limit, most: maxFlights, key: key, do: do, keys: map[string]int{}, slow: map[string]bool{}}
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
		if b.key != nil {
			seats[i].key = b.key(v)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) > 0 && len(b.waiting)+len(values) > maxWaiting {
		return nil, fmt.Errorf("%w: too many requests wait for the store", ErrBusy)
	}
	b.waiting = append(b.waiting, seats...)
	b.another()
	return seats, nil
}

// another starts a flight where one is free and it pays; mu is held.
func (b *batcher[T]) another() {
	if b.flights < b.fleet() && len(b.waiting) > 0 && b.pays() {
		b.flights++
		go b.fly()
	}
}

// pays reports whether one more flight should take off now: when there is none, or when as many wait as its share is.
func (b *batcher[T]) pays() bool { return b.airborne == 0 || len(b.waiting) >= b.share() }

// fleet is how many flights a crowd is worth: one where they would wait for each other's rows anyway.
func (b *batcher[T]) fleet() int {
	if b.alone {
		return 1
	}
	return min(2+b.crowd/fullFlight, b.most)
}

// share is how many of a crowd one flight takes.
func (b *batcher[T]) share() int { return min(max((b.crowd+b.fleet()-1)/b.fleet(), 1), b.max) }

// fly takes off with those that wait, again and again, until it doesn't pay any more.
func (b *batcher[T]) fly() {
	for {
		crew := b.takeOff()
		if len(crew) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), flightTimeout)
		b.serve(ctx, crew)
		cancel()
		b.land(crew)
	}
}

// takeOff chooses who flies. With nobody to fly, the flight is over.
func (b *batcher[T]) takeOff() []*seat[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	var crew []*seat[T]
	if b.pays() {
		// Who comes back soon counts as well: the crowd is remembered for a few flights.
		b.crowd = max(len(b.waiting)+b.airborne, b.crowd-(b.crowd+7)/8)
		crew = b.choose(b.share())
	}
	if len(crew) == 0 {
		b.flights--
		return nil
	}
	b.airborne += len(crew)
	for _, s := range crew {
		if s.key != "" {
			b.keys[s.key]++
		}
	}
	b.another()
	return crew
}

// choose takes the first n that wait and whose keys aren't in the air, and leaves the others in their order.
func (b *batcher[T]) choose(n int) []*seat[T] {
	crew := make([]*seat[T], 0, min(n, len(b.waiting)))
	var left []*seat[T]
	for i, s := range b.waiting {
		if len(crew) == n {
			left = append(left, b.waiting[i:]...)
			break
		}
		switch {
		case s.key != "" && b.keys[s.key] > 0:
			left = append(left, s)
			continue
		case b.slow[s.key]:
			if b.solos == maxSolos {
				left = append(left, s)
			} else {
				b.solos++
				b.keys[s.key]++
				go b.solo(s)
			}
			continue
		}
		crew = append(crew, s)
	}
	b.waiting = left
	return crew
}

// solo serves a seat whose rows are locked by somebody else, while the others fly on.
func (b *batcher[T]) solo(s *seat[T]) {
	ctx, cancel := context.WithTimeout(context.Background(), flightTimeout)
	defer cancel()
	b.serve(ctx, []*seat[T]{s})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.solos--
	b.free(s.key)
	b.another() // who waited for the key, or for a place
}

func (b *batcher[T]) free(key string) {
	if b.keys[key]--; b.keys[key] <= 0 {
		delete(b.keys, key)
	}
}

func (b *batcher[T]) land(crew []*seat[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.airborne -= len(crew)
	for _, s := range crew {
		b.free(s.key)
	}
}

// serve works a crew off. A failing crew is halved until the one value that makes it fail is alone; one that waits for a
// locked row at once, since the others wait with it.
func (b *batcher[T]) serve(ctx context.Context, crew []*seat[T]) {
	values := make([]T, len(crew))
	for i, s := range crew {
		values[i] = s.value
	}
	err := retry(ctx, func() error {
		err := b.try(ctx, values)
		if errors.Is(err, ErrLocked) && len(crew) > 1 {
			return hopeless{err}
		}
		return err
	})
	b.remember(crew, err)
	if err != nil && len(crew) > 1 && ctx.Err() == nil {
		b.serve(ctx, crew[:len(crew)/2])
		b.serve(ctx, crew[len(crew)/2:])
		return
	}
	for _, s := range crew {
		s.done <- err
	}
}

// remember keeps whose rows are locked for long, until they aren't.
func (b *batcher[T]) remember(crew []*seat[T], err error) {
	if len(crew) != 1 || crew[0].key == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if errors.Is(err, ErrLocked) {
		b.slow[crew[0].key] = true
	} else {
		delete(b.slow, crew[0].key)
	}
}

// hopeless is an error that trying the same again doesn't mend.
type hopeless struct{ error }

// Unwrap returns the cause.
func (h hopeless) Unwrap() error { return h.error }

func (b *batcher[T]) try(ctx context.Context, values []T) (err error) {
	defer func() {
		if r := recover(); r != nil {
			b.log.Error("decision panicked", slog.Any("panic", r))
			err = fmt.Errorf("panic while deciding: %v", r)
		}
	}()
	alone, err := b.do(ctx, values)
	b.mu.Lock()
	b.alone = alone
	b.mu.Unlock()
	return err
}

// retry runs f again while it only lost to others: a few times, a little later each time.
func retry(ctx context.Context, f func() error) error {
	for i := 1; ; i++ {
		err := f()
		if err == nil || i == maxTries || !lostToOthers(err) {
			return err
		}
		pause := time.Duration(rand.Int64N(int64(time.Millisecond) << min(i, 8)))
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
	if _, none := errors.AsType[hopeless](err); none {
		return false
	}
	return errors.Is(err, ErrSerialization) || errors.Is(err, ErrConflict)
}
