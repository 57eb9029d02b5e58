package livedesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
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
	// ended is told what became of each value, before who brought it is; nil means that nobody wants to know.
	ended func(value T, err error)

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
	crewTries     = 5 // of those that fly together: eight halvings of a full crew then take a quarter of a second
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
		b.land(ctx, crew, b.halve(ctx, crew, nil))
		cancel()
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
				go b.solo([]*seat[T]{s})
			}
			continue
		}
		crew = append(crew, s)
	}
	b.waiting = left
	return crew
}

// solo serves seats whose rows are locked by somebody else, or that only lose to others, one after the other and beside the
// flights.
func (b *batcher[T]) solo(seats []*seat[T]) {
	ctx, cancel := context.WithTimeout(context.Background(), flightTimeout)
	defer cancel()
	b.each(ctx, seats)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.solos--
	for _, s := range seats {
		b.free(s.key)
	}
	b.another() // who waited for a key, or for a place
}

// each serves seats one by one, and tries for longer.
func (b *batcher[T]) each(ctx context.Context, seats []*seat[T]) {
	for i := range seats {
		b.end(seats[i:i+1], b.insist(ctx, seats[i:i+1], true))
	}
}

func (b *batcher[T]) free(key string) {
	if b.keys[key]--; b.keys[key] <= 0 {
		delete(b.keys, key)
	}
}

// land ends a flight. Those who are late go on alone, so that the next flight needn't wait for them, or where too many do so
// already, before it ends.
func (b *batcher[T]) land(ctx context.Context, crew, late []*seat[T]) {
	b.mu.Lock()
	solo := len(late) > 0 && b.solos < maxSolos
	if solo {
		b.solos++
		for _, s := range late {
			b.keys[s.key]++ // beside the flight's, which it gives back
		}
		go b.solo(late)
	}
	b.mu.Unlock()
	if !solo {
		b.each(ctx, late)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.airborne -= len(crew)
	for _, s := range crew {
		b.free(s.key)
	}
}

// halve serves a crew: one that fails is halved until the value that makes it fail is alone. Those who lost to others alone it
// adds to late, with those who come behind one of these.
func (b *batcher[T]) halve(ctx context.Context, crew, late []*seat[T]) []*seat[T] {
	crew, late = behind(crew, late)
	if len(crew) == 0 {
		return late
	}
	err := b.insist(ctx, crew, false)
	switch {
	case err == nil || ctx.Err() != nil:
	case len(crew) > 1:
		late = b.halve(ctx, crew[:len(crew)/2], late)
		return b.halve(ctx, crew[len(crew)/2:], late)
	case lostToOthers(err):
		return append(late, crew...)
	}
	b.end(crew, err)
	return late
}

// behind moves from a crew to those who are late whoever has a key of theirs: values of one key keep their order.
func behind[T any](crew, late []*seat[T]) (rest, all []*seat[T]) {
	if len(late) == 0 {
		return crew, late
	}
	for _, s := range crew {
		if s.key != "" && slices.ContainsFunc(late, func(l *seat[T]) bool { return l.key == s.key }) {
			late = append(late, s)
		} else {
			rest = append(rest, s)
		}
	}
	return rest, late
}

// insist tries a crew while it only loses to others: a few times, and a locked row once, since others wait with it; more
// often whoever goes beside the flights.
func (b *batcher[T]) insist(ctx context.Context, crew []*seat[T], beside bool) error {
	tries := crewTries
	if beside {
		tries = maxTries
	}
	values := make([]T, len(crew))
	for i, s := range crew {
		values[i] = s.value
	}
	err := retry(ctx, tries, func() error {
		err := b.try(ctx, values)
		if errors.Is(err, ErrLocked) && !beside {
			return hopeless{err}
		}
		return err
	})
	if h, ok := errors.AsType[hopeless](err); ok {
		err = h.error
	}
	b.remember(crew, err)
	return err
}

// end tells a crew what became of it.
func (b *batcher[T]) end(crew []*seat[T], err error) {
	for _, s := range crew {
		if b.ended != nil {
			b.ended(s.value, err)
		}
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

// retry runs f again while it only lost to others: so many times at most, a little later each time.
func retry(ctx context.Context, tries int, f func() error) error {
	for i := 1; ; i++ {
		err := f()
		if err == nil || i == tries || !lostToOthers(err) {
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
