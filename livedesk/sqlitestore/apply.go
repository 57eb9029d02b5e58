package sqlitestore

import (
	"context"
	"fmt"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Apply implements [livedesk.Tx]. Unique keys are looked at row by row in the order of c, so a conversation that stops
// being live makes room for one that stands behind it. Each row costs one statement; a queue a few more.
func (t *tx) Apply(ctx context.Context, c livedesk.Changes) error {
	return t.change(ctx, func() error {
		t.applied = true
		steps := []func(*livedesk.Changes) error{t.applyThreads, t.applyMessages, t.applyQueues, t.applyObjects}
		for _, step := range steps {
			if err := step(&c); err != nil {
				return err
			}
		}
		return nil
	})
}

// each writes rows of one kind and names the one that fails.
func each[T any](rows []T, what string, id func(*T) string, put func(*T) error) error {
	for i := range rows {
		if err := put(&rows[i]); err != nil {
			return fmt.Errorf("%s %s: %w", what, id(&rows[i]), err)
		}
	}
	return nil
}

func (t *tx) applyThreads(c *livedesk.Changes) error {
	err := each(c.Contacts, "contact", func(r *livedesk.Contact) string { return r.ID }, t.putContact)
	if err == nil {
		err = each(c.Threads, "thread of contact", func(r *livedesk.Thread) string { return r.Contact }, t.putThread)
	}
	if err == nil {
		err = each(c.Conversations, "conversation", func(r *livedesk.Conversation) string { return r.ID }, t.putConversation)
	}
	return err
}

func (t *tx) applyMessages(c *livedesk.Changes) error {
	for _, cancel := range c.Cancels {
		if err := t.cancel(cancel); err != nil {
			return fmt.Errorf("cancel for contact %s: %w", cancel.Contact, err)
		}
	}
	id := func(r *livedesk.Message) string { return r.ID }
	err := each(c.Messages, "message", id, t.putMessage)
	if err == nil {
		err = each(c.Deliveries, "delivery of message", id, t.putDelivery)
	}
	return err
}

func (t *tx) applyQueues(c *livedesk.Changes) error {
	id := func(r *livedesk.Agent) string { return r.ID }
	err := each(c.Agents, "agent", id, t.putAgent)
	if err == nil {
		err = each(c.Queues, "queue", func(r *livedesk.Queue) string { return r.ID }, t.putQueue)
	}
	if err == nil {
		err = each(c.DeletedAgents, "agent", id, t.deleteAgent)
	}
	if err == nil {
		err = each(c.Budgets, "budget of channel", func(r *livedesk.Budget) string { return r.Channel }, t.putBudget)
	}
	return err
}

func (t *tx) applyObjects(c *livedesk.Changes) error {
	if err := t.applyJobs(c.Jobs); err != nil {
		return err
	}
	return each(c.Objects, "object", func(r *livedesk.Object) string { return r.Kind + " " + r.ID }, t.putObject)
}
