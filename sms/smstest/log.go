package smstest

import (
	"context"
	"slices"
)

// ring keeps at least the newest keep entries, and never more than twice as many.
type ring[T any] struct{ items []T }

// add appends v and returns the entries that it dropped. A negative keep drops nothing.
func (r *ring[T]) add(v T, keep int) (dropped []T) {
	r.items = append(r.items, v)
	if keep < 0 || len(r.items) < 2*keep {
		return nil
	}
	cut := len(r.items) - keep
	dropped = r.items[:cut:cut]
	r.items = append(make([]T, 0, 2*keep), r.items[cut:]...)
	return dropped
}

func (r *ring[T]) last(keep int) []T {
	if keep >= 0 && len(r.items) > keep {
		return r.items[len(r.items)-keep:]
	}
	return r.items
}

// Requests returns the requests that were kept, in the order in which they were answered or broken off. The caller
// owns the slice, not what its entries point to.
func (f *Fake) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests.last(f.keep))
}

// Sent returns the texts that were kept, in the order in which they were taken, each as far as it is now.
func (f *Fake) Sent() []Sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.sent.last(f.keep)
	out := make([]Sent, len(kept))
	for i, s := range kept {
		out[i] = *s
	}
	return out
}

// Find returns the text with this id of the carrier, if it is still kept.
func (f *Fake) Find(id string) (Sent, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.byID[id]; s != nil {
		return *s, true
	}
	return Sent{}, false
}

// Webhooks returns the webhooks that were posted and kept, one entry for each attempt, in the order of their answers.
func (f *Fake) Webhooks() []Webhook {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.webhooks.last(f.keep))
}

// Replies returns what customers got from the carrier itself rather than from a request: its answers to STOP, START
// and HELP, and what a webhook's answer made it send. They have no Ref, and they aren't in Sent.
func (f *Fake) Replies() []Sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.replies.last(f.keep))
}

// WaitSent waits until the carrier has taken n texts since its start and returns those that are kept. It fails with
// the cause of ctx.
func (f *Fake) WaitSent(ctx context.Context, n int) ([]Sent, error) {
	if err := f.until(ctx, func() bool { return f.taken >= n }); err != nil {
		return f.Sent(), err
	}
	return f.Sent(), nil
}

// Wait waits until every receipt that is due by itself has been posted and answered, pauses included. It fails with
// the cause of ctx.
func (f *Fake) Wait(ctx context.Context) error {
	return f.until(ctx, func() bool { return f.working == 0 })
}

// until waits for a condition that holds under the lock. The channel is made by the one who waits, so that a wait
// in a synctest bubble is one that the bubble sees.
func (f *Fake) until(ctx context.Context, holds func() bool) error {
	for {
		f.mu.Lock()
		if holds() {
			f.mu.Unlock()
			return nil
		}
		woken := make(chan struct{})
		f.waiting = append(f.waiting, woken)
		f.mu.Unlock()
		select {
		case <-woken:
		case <-ctx.Done():
			f.forget(woken)
			return context.Cause(ctx)
		}
	}
}

// wake lets all who wait look again; the lock is held.
func (f *Fake) wake() {
	for _, c := range f.waiting {
		close(c)
	}
	f.waiting = nil
}

func (f *Fake) forget(c chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = slices.DeleteFunc(f.waiting, func(w chan struct{}) bool { return w == c })
}
