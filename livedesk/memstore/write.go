package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// TakeIn implements [livedesk.Tx]. It costs O(log n) for each arrival.
func (t *tx) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]livedesk.Arrived, error) {
	out := make([]livedesk.Arrived, len(arrivals))
	err := t.atomically(ctx, func() error {
		for i, a := range arrivals {
			made, err := t.meet(a)
			if err != nil {
				return fmt.Errorf("take in arrival %d: %w", i, err)
			}
			out[i].New = t.state.remember(a, made, t.now)
			out[i].LoadedThread = t.thread(livedesk.ThreadKey{Workspace: a.Workspace, Channel: a.Channel, Address: a.Address})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// meet sees to it that an arrival's contact and thread exist, and reports whether it made the contact.
func (t *tx) meet(a livedesk.Arrival) (made bool, err error) {
	id, known := t.state.addresses.get(key(a.Workspace, string(a.Address)))
	if !known {
		c, err := a.NewContact(t.now).Over(livedesk.Contact{})
		if err == nil {
			err = t.state.putContact(nil, &c)
		}
		if err != nil {
			return false, err
		}
		id = c.ID
	}
	k := key(a.Workspace, a.Channel, id)
	if !t.state.threads.has(k) {
		t.state.threads.put(k, &livedesk.Thread{Workspace: a.Workspace, Channel: a.Channel, Contact: id, Version: 1})
	}
	return !known, nil
}

// remember keeps the key of an arrival and reports whether it is new; one without a key is new when its contact was made.
func (s *state) remember(a livedesk.Arrival, made bool, now time.Time) bool {
	if a.Key == "" {
		return made
	}
	k := key(a.Workspace, a.Channel, a.Key)
	if s.arrived.has(k) {
		return false
	}
	s.arrived.put(k, now)
	s.aged.put(key(a.Workspace)+instant(now)+key(a.Channel, a.Key), k)
	return true
}

// Apply implements [livedesk.Tx]. Unique keys are looked at row by row in the order of c, so a conversation that
// stops being live makes room for one that stands behind it.
func (t *tx) Apply(ctx context.Context, c livedesk.Changes) error {
	if err := t.usable(ctx); err != nil {
		return err
	}
	t.applied = true
	t.refused = t.write(c)
	return t.refused
}

func (t *tx) write(c livedesk.Changes) error {
	s := &t.state
	for _, step := range []func() error{
		func() error { return write(c.Contacts, &s.contacts, s.putContact) },
		func() error { return write(c.Threads, &s.threads, s.putThread) },
		func() error { return write(c.Conversations, &s.conversations, s.putConversation) },
		func() error { return t.applyCancels(&c) },
		func() error { return write(c.Messages, &s.messages, s.putMessage) },
		func() error { return write(c.Deliveries, &s.messages, s.putMessage) },
		func() error { return write(c.Agents, &s.agents, s.putAgent) },
		func() error { return write(c.Queues, &s.queues, s.putQueue) },
		func() error { return t.applyDeletedAgents(&c) },
		func() error { return write(c.Budgets, &s.budgets, s.putBudget) },
		func() error { return t.applyJobs(&c) },
		func() error { return write(c.Objects, &s.objects, s.putObject) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// row is a row that is written by its version.
type row[V any] interface {
	Keys() (livedesk.RowKey, []livedesk.RowKey)
	Over(old V) (V, error)
}

// write lets put replace the stored rows of a kind by what becomes of them; for a new row put gets nil.
func write[V row[V]](rows []V, stored *tree[*V], put func(old, row *V) error) error {
	for i := range rows {
		at, _ := rows[i].Keys()
		old, found := stored.get(place(at))
		var before V
		if found {
			before = *old
		}
		row, err := rows[i].Over(before)
		if err == nil {
			err = put(old, &row)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", at[0], at[2:], err)
		}
	}
	return nil
}

// place returns the key of a row in the tree of its kind.
func place(at livedesk.RowKey) string {
	if at[3] == "" {
		return key(at[1], at[2])
	}
	return key(at[1], at[2], at[3])
}

// applyDeletedAgents runs after the queues were written, so that a writer who already took the agent out of them
// isn't in conflict with the store doing the same.
func (t *tx) applyDeletedAgents(c *livedesk.Changes) error {
	for _, a := range c.DeletedAgents {
		t.state.agents.del(key(a.Workspace, a.ID))
		for _, id := range t.state.queuesOf(a.Workspace, a.ID) {
			old, _ := t.state.queues.get(key(a.Workspace, id))
			row, _ := old.Without(a.ID)
			if err := t.state.putQueue(old, &row); err != nil {
				return fmt.Errorf("queue %s: %w", id, err)
			}
		}
	}
	return nil
}
