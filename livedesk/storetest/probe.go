package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// snapshot returns a deep copy, which stays what it is when a store has lent its rows.
func snapshot[T any](v T) T { return normal(reflect.ValueOf(v)).Interface().(T) }

// probe is the store under test with what the cases share. The first failure counts; it is kept beside the panic that
// ends the case, so that a store that swallows panics can't hide it.
type probe struct {
	livedesk.Store
	advance func(time.Duration)
	reopen  func(livedesk.Store) (livedesk.Store, error)

	mu     sync.Mutex
	failed error
}

func (p *probe) fail(err error) {
	p.mu.Lock()
	if p.failed == nil {
		p.failed = err
	}
	p.mu.Unlock()
}

func (p *probe) verdict() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

func (p *probe) broken() bool { return p.verdict() != nil }

// must ends the case when err isn't nil.
func (p *probe) must(err error, doing string) {
	if err != nil {
		p.fail(fmt.Errorf("%s: %w", doing, err))
		panic(p.verdict())
	}
}

// that ends the case when ok is false.
func (p *probe) that(ok bool, format string, args ...any) {
	if !ok {
		p.must(fmt.Errorf(format, args...), "expected")
	}
}

// is ends the case when err isn't want.
func (p *probe) is(err, want error, doing string) {
	p.that(errors.Is(err, want), "%s answers %q, not %v", doing, want, err)
}

// same ends the case when two rows differ; empty and nil collections are the same.
func (p *probe) same(got, want any, what string) {
	p.must(differ(got, want, what), "expected")
}

func differ(got, want any, what string) error {
	if g, w := normal(reflect.ValueOf(got)), normal(reflect.ValueOf(want)); !reflect.DeepEqual(g.Interface(), w.Interface()) {
		return fmt.Errorf("%s is\n\t%s, not\n\t%s", what, short(g.Interface()), short(w.Interface()))
	}
	return nil
}

// short prints a value, cut where a large text would hide the rest.
func short(v any) string {
	s := fmt.Sprintf("%+v", v)
	if len(s) > 2000 {
		return s[:2000] + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return s
}

// normal returns a deep copy of v in which empty slices and maps are nil.
func normal(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		if v.Len() == 0 {
			out.SetZero()
			return out
		}
		if v.Kind() == reflect.Map {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for k, e := range v.Seq2() {
				out.SetMapIndex(k, normal(e))
			}
			return out
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(normal(v.Index(i)))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(normal(v.Elem()))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return out
		}
		for i := range v.NumField() {
			out.Field(i).Set(normal(v.Field(i)))
		}
	}
	return out
}

// retries is how often a transaction that lost to others is tried again before the case gives up.
const retries = 200

// try runs an Update as the engine does: again after ErrSerialization.
func (p *probe) try(ctx context.Context, fn func(ctx context.Context, tx livedesk.Tx) error) error {
	for i := range retries {
		err := p.Update(ctx, fn)
		if !errors.Is(err, livedesk.ErrSerialization) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(i%10) * time.Millisecond):
		}
	}
	return fmt.Errorf("lost %d times: %w", retries, livedesk.ErrSerialization)
}

// update is try for what must succeed.
func (p *probe) update(ctx context.Context, fn func(ctx context.Context, tx livedesk.Tx) error) {
	p.must(p.try(ctx, fn), "update")
}

// apply writes changes in a transaction of their own.
func (p *probe) apply(ctx context.Context, c livedesk.Changes) { p.must(p.tryApply(ctx, c), "apply") }

func (p *probe) tryApply(ctx context.Context, c livedesk.Changes) error {
	return p.try(ctx, func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, c) })
}

// read runs a View that must succeed.
func (p *probe) read(ctx context.Context, fn func(ctx context.Context, tx livedesk.ReadTx) error) {
	p.must(p.View(ctx, fn), "view")
}

// errBack ends a transaction that is only meant to look.
var errBack = errors.New("storetest: rolled back on purpose")

// peek runs an Update and rolls it back.
func (p *probe) peek(ctx context.Context, fn func(ctx context.Context, tx livedesk.Tx) error) {
	err := p.try(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return errBack
	})
	if !errors.Is(err, errBack) {
		p.must(fmt.Errorf("answers %w", err), "an update that is rolled back")
	}
}

// parallel runs fn n times at once and waits; a failure in one ends the case.
func (p *probe) parallel(n int, fn func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			defer func() {
				if r := recover(); r != nil && !p.broken() {
					p.fail(fmt.Errorf("panic: %v", r))
				}
			}()
			<-start
			fn(i)
		})
	}
	close(start)
	all.Wait()
	p.must(p.verdict(), "at once")
}

// now returns the store's time.
func (p *probe) now(ctx context.Context) (now time.Time) {
	p.read(ctx, func(_ context.Context, tx livedesk.ReadTx) error {
		now = tx.Now()
		return nil
	})
	return now
}

// brief is a lease that lapse can outlast.
func (p *probe) brief() time.Duration {
	if p.advance != nil {
		return time.Minute
	}
	return 100 * time.Millisecond
}

// long is a lease that no case outlives.
const long = time.Hour

// lapse lets the store's clock pass by more than a brief lease.
func (p *probe) lapse(ctx context.Context) {
	if p.advance != nil {
		p.advance(p.brief() + time.Millisecond)
		return
	}
	until := p.now(ctx).Add(p.brief() + time.Millisecond)
	for range 100 {
		time.Sleep(p.brief())
		if !p.now(ctx).Before(until) {
			return
		}
	}
	p.must(errors.New("its time stands still; pass WithClock"), "the store's clock")
}
