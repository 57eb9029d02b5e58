package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
)

// TakeIn implements [livedesk.Tx].
func (t *tx) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]bool, error) {
	fresh := make([]bool, len(arrivals))
	err := t.atomically(ctx, func() error {
		for i := range arrivals {
			made, err := t.state.meet(&arrivals[i])
			if err != nil {
				return fmt.Errorf("take in contact %s: %w", arrivals[i].Contact.ID, err)
			}
			if arrivals[i].Key == "" {
				fresh[i] = made
				continue
			}
			k := key(arrivals[i].Workspace, arrivals[i].Channel, arrivals[i].Key)
			if !t.state.arrived.has(k) {
				t.state.arrived.put(k, struct{}{})
				fresh[i] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return fresh, nil
}

// meet sees to it that an arrival's contact and thread exist, and reports whether it made the contact.
func (s *state) meet(a *livedesk.Arrival) (made bool, err error) {
	id, known := s.addresses.get(key(a.Workspace, string(a.Contact.Address)))
	if !known {
		c := cloneContact(&a.Contact)
		c.Workspace, c.Version = a.Workspace, 1
		id = c.ID
		if s.contacts.has(key(c.Workspace, c.ID)) {
			return false, livedesk.ErrExists
		}
		if err := s.putContact(nil, &c); err != nil {
			return false, err
		}
	}
	k := key(a.Workspace, a.Channel, id)
	if !s.threads.has(k) {
		s.threads.put(k, &livedesk.Thread{Workspace: a.Workspace, Channel: a.Channel, Contact: id, Version: 1})
	}
	return !known, nil
}

// Apply implements [livedesk.Tx]. Unique keys are looked at row by row in the order of c, so a conversation that
// stops being live makes room for one that stands behind it.
func (t *tx) Apply(ctx context.Context, c livedesk.Changes) error {
	return t.atomically(ctx, func() error {
		steps := []func(*livedesk.Changes) error{
			t.applyContacts, t.applyThreads, t.applyConversations, t.applyCancels, t.applyMessages, t.applyAgents,
			t.applyQueues, t.applyDeletedAgents, t.applyJobs, t.applyObjects,
		}
		for _, step := range steps {
			if err := step(&c); err != nil {
				return err
			}
		}
		return nil
	})
}

// check compares the version that a writer has read with the stored one, 0 meaning that there is no row.
func check(read, stored int64) error {
	switch {
	case read == stored:
		return nil
	case read == 0:
		return livedesk.ErrExists
	}
	return livedesk.ErrConflict
}

func (t *tx) applyContacts(c *livedesk.Changes) error {
	for i := range c.Contacts {
		row := cloneContact(&c.Contacts[i])
		old, found := t.state.contacts.get(key(row.Workspace, row.ID))
		var stored int64
		if found {
			stored = old.Version
		}
		if err := check(row.Version, stored); err != nil {
			return fmt.Errorf("contact %s: %w", row.ID, err)
		}
		row.Version++
		if err := t.state.putContact(old, &row); err != nil {
			return fmt.Errorf("contact %s: %w", row.ID, err)
		}
	}
	return nil
}

func (t *tx) applyThreads(c *livedesk.Changes) error {
	for i := range c.Threads {
		row := cloneThread(&c.Threads[i])
		k := key(row.Workspace, row.Channel, row.Contact)
		old, found := t.state.threads.get(k)
		if !found || old.Version != row.Version {
			return fmt.Errorf("thread of contact %s: %w", row.Contact, livedesk.ErrConflict)
		}
		row.Version++
		t.state.threads.put(k, &row)
	}
	return nil
}

func (t *tx) applyConversations(c *livedesk.Changes) error {
	for i := range c.Conversations {
		row := cloneConversation(&c.Conversations[i])
		old, found := t.state.conversations.get(key(row.Workspace, row.ID))
		var stored int64
		if found {
			stored = old.Version
		}
		if err := check(row.Version, stored); err != nil {
			return fmt.Errorf("conversation %s: %w", row.ID, err)
		}
		row.Version++
		if err := t.state.putConversation(old, &row); err != nil {
			return fmt.Errorf("conversation %s: %w", row.ID, err)
		}
	}
	return nil
}

func (t *tx) applyMessages(c *livedesk.Changes) error {
	for i := range c.Messages {
		row := cloneMessage(&c.Messages[i])
		old, found := t.state.messages.get(key(row.Workspace, row.ID))
		var stored int64
		if found {
			stored = old.Version
		}
		if err := check(row.Version, stored); err != nil {
			return fmt.Errorf("message %s: %w", row.ID, err)
		}
		row.Version++
		if err := t.state.putMessage(old, &row); err != nil {
			return fmt.Errorf("message %s: %w", row.ID, err)
		}
	}
	return nil
}

func (t *tx) applyAgents(c *livedesk.Changes) error {
	for i := range c.Agents {
		row := cloneAgent(&c.Agents[i])
		k := key(row.Workspace, row.ID)
		var stored int64
		if old, found := t.state.agents.get(k); found {
			stored = old.Version
		}
		if err := check(row.Version, stored); err != nil {
			return fmt.Errorf("agent %s: %w", row.ID, err)
		}
		row.Version++
		t.state.agents.put(k, &row)
	}
	return nil
}

func (t *tx) applyQueues(c *livedesk.Changes) error {
	for i := range c.Queues {
		row := c.Queues[i]
		row.Members, row.Waiting, row.More = slices.Clone(row.Members), nil, false
		old, found := t.state.queues.get(key(row.Workspace, row.ID))
		var stored int64
		if found {
			stored = old.Version
		}
		if err := check(row.Version, stored); err != nil {
			return fmt.Errorf("queue %s: %w", row.ID, err)
		}
		row.Version++
		t.state.putQueue(old, &row)
	}
	return nil
}

// applyDeletedAgents runs after the queues were written, so that a writer who already took the agent out of them
// isn't in conflict with the store doing the same.
func (t *tx) applyDeletedAgents(c *livedesk.Changes) error {
	for _, a := range c.DeletedAgents {
		t.state.agents.del(key(a.Workspace, a.ID))
		for _, id := range t.state.queuesOf(a.Workspace, a.ID) {
			old, _ := t.state.queues.get(key(a.Workspace, id))
			row := *old
			row.Members = slices.DeleteFunc(slices.Clone(old.Members), func(m livedesk.Member) bool { return m.Agent == a.ID })
			row.Version++
			t.state.putQueue(old, &row)
		}
	}
	return nil
}

func (t *tx) applyObjects(c *livedesk.Changes) error {
	for i := range c.Objects {
		row := cloneObject(&c.Objects[i])
		old, found := t.state.objects.get(key(row.Workspace, row.Kind, row.ID))
		var stored int64
		if found {
			stored = old.Version
		}
		if found && old.Deleted && row.Version == 0 {
			row.Version = stored // nobody sees a tombstone, so making the object again is an insert
		}
		if err := check(row.Version, stored); err != nil {
			return fmt.Errorf("%s %s: %w", row.Kind, row.ID, err)
		}
		row.Version++
		if row.Deleted {
			row.Key, row.Data = "", nil
		}
		if err := t.state.putObject(old, &row); err != nil {
			return fmt.Errorf("%s %s: %w", row.Kind, row.ID, err)
		}
	}
	return nil
}
