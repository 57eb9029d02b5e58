package livedesk

import (
	"context"
	"fmt"
	"slices"
)

// deed is something that a person or the host does to one conversation. Those that come together share a transaction.
type deed struct {
	workspace, conversation string
	keys                    []MessageKey // messages that it wants to see
	// do decides. stored answers keys. It may run again, and what it changed counts only when it returned nil.
	do func(u *unit, t *thread, c *conv, stored []Message) error

	refused error // why it was not done, when its flight came home well
}

func (d *deed) about() string { return d.workspace + "\x00" + d.conversation }

// actOn does something to one conversation, and tells hooks and workers of it.
func (d *Desk) actOn(ctx context.Context, what, conversation string, do func(u *unit, t *thread, c *conv) error) error {
	return d.doDeed(ctx, what, &deed{
		conversation: conversation, do: func(u *unit, t *thread, c *conv, _ []Message) error { return do(u, t, c) },
	})
}

func (d *Desk) doDeed(ctx context.Context, what string, it *deed) error {
	it.workspace = d.workspace
	err := checkID("workspace", d.workspace)
	switch {
	case err != nil:
	case checkID("conversation", it.conversation) != nil:
		err = fmt.Errorf("%w: %w", ErrNotFound, checkID("conversation", it.conversation))
	case ctx.Err() != nil:
		err = ctx.Err()
	default:
		if err = d.e.deeds.join(ctx, it); err == nil {
			err = it.refused
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// doDeeds does a batch of deeds in one transaction. One that is refused takes it back, and the others are done without it.
func (e *Engine) doDeeds(ctx context.Context, batch []*deed) (alone bool, err error) {
	for _, d := range batch {
		d.refused = nil
	}
	for left := slices.Clone(batch); len(left) > 0; {
		var u *unit
		var refused *deed
		err := e.store.Update(ctx, func(ctx context.Context, tx Tx) (err error) {
			u = newUnit(e, tx)
			if refused, err = u.doDeeds(ctx, left); err != nil {
				return err
			}
			return u.finish(ctx)
		})
		switch {
		case err == nil:
			e.committed(u)
			return u.placed, nil
		case refused == nil:
			return false, err
		}
		refused.refused = err
		left = slices.DeleteFunc(left, func(d *deed) bool { return d == refused })
	}
	return false, nil
}

// doDeeds returns the deed that was refused, with why.
func (u *unit) doDeeds(ctx context.Context, batch []*deed) (*deed, error) {
	threadKeys, keys := make([]ThreadKey, len(batch)), []MessageKey(nil)
	for i, d := range batch {
		threadKeys[i] = ThreadKey{Workspace: d.workspace, Conversation: d.conversation}
		keys = append(keys, d.keys...)
	}
	threads, asked, err := u.load(ctx, threadKeys)
	if err != nil {
		return nil, err
	}
	stored, err := u.tx.Messages(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, d := range batch {
		n := len(d.keys)
		if threads[i] == nil || asked[i] == nil {
			d.refused = fmt.Errorf("conversation %s: %w", d.conversation, ErrNotFound)
		} else if err := d.do(u, threads[i], asked[i], stored[:n:n]); err != nil {
			return d, err
		}
		stored = stored[n:]
	}
	return nil, nil
}
