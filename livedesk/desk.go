package livedesk

import (
	"context"
	"errors"
	"fmt"
)

// Desk is one workspace of an [Engine]: its channels, agents, conversations. It is safe for concurrent use. Who may do
// what is the host's decision; every change takes the [Actor] that the timeline keeps.
//
// Changes are committed when a method returns nil. Where a method's comment says nothing else, its errors are
// [ErrNotFound] for an id that the workspace doesn't have, be it another workspace's (lists have nothing of it, and no
// error); a [ValidationError] for a value that can't be kept; a [StateError] for a change that the conversation's state
// doesn't allow; and [ErrBusy] or [ErrSerialization] where the store didn't get to it in time, or others went first too
// often, and it may be tried again. An error that wraps nothing of this package's comes from the Store; then the change may
// or may not have been made. [ErrorCode], [HTTPStatus] and [FieldErrors] make answers of a host's own API of all of them.
type Desk struct {
	e         *Engine
	workspace string
}

// Workspace returns the id that the desk was made with.
func (d *Desk) Workspace() string { return d.workspace }

// update runs fn in a transaction, again if it only lost to others.
func (d *Desk) update(ctx context.Context, fn func(context.Context, Tx) error) error {
	if err := checkID("workspace", d.workspace); err != nil {
		return err
	}
	return retry(ctx, maxTries, func() error { return d.e.store.Update(ctx, fn) })
}

// updateObjects is update for objects of which some are made where there were none: that another process made one first is
// no more than a conflict.
func (d *Desk) updateObjects(ctx context.Context, fn func(context.Context, Tx) error) error {
	if err := checkID("workspace", d.workspace); err != nil {
		return err
	}
	return retry(ctx, maxTries, func() error {
		err := d.e.store.Update(ctx, fn)
		if errors.Is(err, ErrExists) {
			return ErrConflict
		}
		return err
	})
}

func (d *Desk) view(ctx context.Context, fn func(context.Context, ReadTx) error) error {
	if err := checkID("workspace", d.workspace); err != nil {
		return err
	}
	return d.e.store.View(ctx, fn)
}

// act runs fn on a unit of work, and tells hooks and workers what it did.
func (d *Desk) act(ctx context.Context, what string, fn func(ctx context.Context, u *unit) error) error {
	var u *unit
	err := d.update(ctx, func(ctx context.Context, tx Tx) error {
		u = newUnit(d.e, tx)
		if err := fn(ctx, u); err != nil {
			return err
		}
		return u.finish(ctx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	d.e.committed(u)
	return nil
}
