package livedesk_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// orderly is a store that fails the test when a transaction doesn't call the verbs that lock in the order of the contract,
// each once: where transactions run side by side that would deadlock, now and then.
type orderly struct {
	livedesk.Store
	t *testing.T
}

func (s orderly) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	return s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return fn(ctx, &orderlyTx{Tx: tx, t: s.t}) })
}

func (s orderly) Durable() bool { return false }

func (s orderly) Check(ctx context.Context) error {
	if c, ok := s.Store.(livedesk.CheckedStore); ok {
		return c.Check(ctx)
	}
	return nil
}

// verbs that lock, in their order; Claim, ClaimJobs, Prune and TakeIn are the first of a transaction.
var verbs = []string{"", "first", "Threads", "Messages", "Senders", "Queues", "Apply"}

type orderlyTx struct {
	livedesk.Tx
	t         *testing.T
	last      string
	early     bool     // Now was the first
	workspace string   // of the last Queues
	locked    []string // the queues that it locked
}

// Now may be asked for by itself, or behind a verb: before one it costs a round trip of its own.
func (t *orderlyTx) Now() time.Time {
	t.early = t.early || t.last == ""
	return t.Tx.Now()
}

// calls notes a verb; one without keys locks nothing.
func (t *orderlyTx) calls(verb string, keys int) {
	if keys == 0 {
		return
	}
	if t.early && verb == "Messages" { // receipts and answers; jobs and what an administrator does may cost one
		t.t.Errorf("%s is called behind Now", verb)
	}
	if slices.Index(verbs, verb) <= slices.Index(verbs, t.last) {
		t.t.Errorf("%s is called behind %s", verb, t.last)
	}
	t.last = verb
}

func (t *orderlyTx) Claim(ctx context.Context, c livedesk.Claim) ([]livedesk.DueText, error) {
	t.calls("first", 1)
	return t.Tx.Claim(ctx, c)
}

func (t *orderlyTx) ClaimJobs(ctx context.Context, limit int, lease time.Duration) ([]livedesk.Job, error) {
	t.calls("first", 1)
	return t.Tx.ClaimJobs(ctx, limit, lease)
}

func (t *orderlyTx) Prune(ctx context.Context, p livedesk.Prune) (livedesk.Pruned, error) {
	t.calls("first", 1)
	return t.Tx.Prune(ctx, p)
}

func (t *orderlyTx) TakeIn(ctx context.Context, a []livedesk.Arrival) ([]livedesk.Arrived, error) {
	t.calls("first", len(a))
	return t.Tx.TakeIn(ctx, a)
}

func (t *orderlyTx) Threads(ctx context.Context, k []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	t.calls("Threads", len(k))
	return t.Tx.Threads(ctx, k)
}

func (t *orderlyTx) Messages(ctx context.Context, k []livedesk.MessageKey) ([]livedesk.Message, error) {
	t.calls("Messages", len(k))
	return t.Tx.Messages(ctx, k)
}

func (t *orderlyTx) Senders(ctx context.Context, k []livedesk.Sender) ([]livedesk.Budget, error) {
	t.calls("Senders", len(k))
	return t.Tx.Senders(ctx, k)
}

func (t *orderlyTx) Queues(ctx context.Context, q livedesk.QueueQuery) (livedesk.Roster, error) {
	again := q.Workspace == t.workspace && t.last == "Queues" // for more of those who wait, in queues that are locked
	switch {
	case t.last != "Queues":
		t.calls("Queues", 1)
	case again && len(q.Agents)+len(q.Loads) == 0:
	case q.Workspace <= t.workspace: // of several workspaces in their order
		t.t.Errorf("the queues of %q are locked behind those of %q", q.Workspace, t.workspace)
	}
	found, err := t.Tx.Queues(ctx, q)
	var ids []string
	for _, row := range found.Queues {
		if ids = append(ids, row.ID); again && !slices.Contains(t.locked, row.ID) {
			t.t.Errorf("queue %s is locked behind others", row.ID)
		}
	}
	if !again {
		t.workspace, t.locked = q.Workspace, ids
	}
	return found, err
}

func (t *orderlyTx) Apply(ctx context.Context, c livedesk.Changes) error {
	for _, gone := range c.DeletedAgents {
		for _, q := range c.Queues {
			if q.Workspace == gone.Workspace && slices.ContainsFunc(q.Members, func(m livedesk.Member) bool { return m.Agent == gone.ID }) {
				t.t.Errorf("queue %s is written with agent %s, who is deleted", q.ID, gone.ID)
			}
		}
	}
	t.calls("Apply", 1)
	return t.Tx.Apply(ctx, c)
}
