package ownstore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// tx is a transaction; a View's is never committed.
type tx struct {
	now  time.Time
	over atomic.Bool
	state
}

// change runs one method that writes; when it fails, the transaction is as it was before and goes on.
func (t *tx) change(ctx context.Context, fn func() error) error {
	before := t.state
	t.rows, t.unique = maps.Clone(t.rows), maps.Clone(t.unique)
	err := t.usable(ctx)
	if err == nil {
		err = fn()
	}
	if err != nil {
		t.state = before
	}
	return err
}

func (t *tx) usable(ctx context.Context) error {
	if t.over.Load() {
		return errors.New("ownstore: transaction is over")
	}
	return ctx.Err()
}

// inOrder looks up what keys name: as many results, in their order, zero where there is none, and all of them copies.
func inOrder[K any, V interface{ Clone() V }](ctx context.Context, t *tx, keys []K, find func(K) *V) ([]V, error) {
	out := make([]V, len(keys))
	for i, k := range keys {
		if row := find(k); row != nil {
			out[i] = (*row).Clone()
		}
	}
	return out, t.usable(ctx)
}

// page returns copies of the rows that fit, sorted, at most limit of them; a limit of 0 is none.
func page[V interface{ Clone() V }](ctx context.Context, t *tx, limit int, order func(a, b V) int, fits func(V) bool) ([]V, error) {
	found := where(t, fits)
	slices.SortFunc(found, func(a, b *V) int { return order(*a, *b) })
	if limit > 0 {
		found = found[:min(limit, len(found))]
	}
	return inOrder(ctx, t, found, func(row *V) *V { return row })
}

// Now implements [livedesk.ReadTx].
func (t *tx) Now() time.Time { return t.now }

// Threads implements [livedesk.ReadTx].
func (t *tx) Threads(ctx context.Context, keys []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	return inOrder(ctx, t, keys, func(k livedesk.ThreadKey) *livedesk.LoadedThread {
		contact := t.unique[key{"address", k.Workspace, string(k.Address)}][2]
		asked := get[livedesk.Conversation](t, key{"conversation", k.Workspace, k.Conversation})
		if asked != nil {
			k.Channel, contact = asked.Channel, asked.Contact
		}
		thread := get[livedesk.Thread](t, key{"thread", k.Workspace, k.Channel, contact})
		if thread == nil {
			return nil
		}
		return &livedesk.LoadedThread{
			Thread: *thread, Contact: value[livedesk.Contact](t, key{"contact", k.Workspace, contact}), Asked: asked,
			Current: get[livedesk.Conversation](t, key{"conversation", k.Workspace, thread.Conversation}),
		}
	})
}

// Messages implements [livedesk.ReadTx].
func (t *tx) Messages(ctx context.Context, keys []livedesk.MessageKey) ([]livedesk.Message, error) {
	return inOrder(ctx, t, keys, func(k livedesk.MessageKey) *livedesk.Message {
		return get[livedesk.Message](t, cmp.Or( // an empty carrier's id or key is nobody's
			t.unique[key{"provider", k.Workspace, k.Channel, k.ProviderID}],
			t.unique[key{"key", k.Workspace, k.Conversation, k.Key}], key{"message", k.Workspace, k.ID},
		))
	})
}

// Contacts implements [livedesk.ReadTx].
func (t *tx) Contacts(ctx context.Context, workspace string, ids []string) ([]livedesk.Contact, error) {
	return inOrder(ctx, t, ids, func(id string) *livedesk.Contact { return get[livedesk.Contact](t, key{"contact", workspace, id}) })
}

// Agents implements [livedesk.ReadTx]. Load is counted when it is asked for, so it can't be wrong.
func (t *tx) Agents(ctx context.Context, workspace string, ids []string) ([]livedesk.Agent, error) {
	order := func(a, b livedesk.Agent) int { return cmp.Compare(a.ID, b.ID) }
	out, err := page(ctx, t, 0, order, func(a livedesk.Agent) bool { return a.Workspace == workspace })
	if ids != nil {
		out, err = inOrder(ctx, t, ids, func(id string) *livedesk.Agent { return get[livedesk.Agent](t, key{"agent", workspace, id}) })
	}
	for i := range out {
		n, _ := t.Counts(ctx, livedesk.CountQuery{Workspace: workspace, Agent: out[i].ID})
		out[i].Load = n.Mine
	}
	return out, err
}

// Queues implements [livedesk.ReadTx].
func (t *tx) Queues(ctx context.Context, q livedesk.QueueQuery) ([]livedesk.Queue, error) {
	ids := slices.Clone(q.IDs)
	for _, row := range where(t, q.Selects) {
		ids = append(ids, row.ID)
	}
	slices.Sort(ids)
	return inOrder(ctx, t, slices.Compact(ids), func(id string) *livedesk.Queue {
		out := value[livedesk.Queue](t, key{"queue", q.Workspace, id})
		out.Workspace, out.ID = q.Workspace, id
		line, _ := page(ctx, t, 0, livedesk.CompareWaiting, func(c livedesk.Conversation) bool {
			return c.Workspace == q.Workspace && c.Queue == id
		})
		out.Waiting, out.More = line[:min(q.Heads, len(line))], 0 < q.Heads && q.Heads < len(line)
		return &out
	})
}

// Objects implements [livedesk.ReadTx].
func (t *tx) Objects(ctx context.Context, q livedesk.ObjectQuery) ([]livedesk.Object, error) {
	if q.IDs != nil {
		return inOrder(ctx, t, q.IDs, func(id string) *livedesk.Object {
			if o := get[livedesk.Object](t, key{"object", q.Workspace, q.Kind, id}); o != nil && !o.Deleted {
				return o
			}
			return nil
		})
	}
	if q.AfterRevision == nil {
		q.Limit = 0
	}
	return page(ctx, t, q.Limit, func(a, b livedesk.Object) int { return cmp.Compare(a.Revision, b.Revision) }, q.Selects)
}

// Conversations implements [livedesk.ReadTx].
func (t *tx) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	if len(q.IDs) > 0 {
		q.Limit = 0
	}
	return page(ctx, t, q.Limit, q.Compare, q.Selects)
}

// Counts implements [livedesk.ReadTx].
func (t *tx) Counts(ctx context.Context, q livedesk.CountQuery) (n livedesk.Counts, err error) {
	for _, c := range where(t, q.Selects) {
		n.Add(*c, q.Agent)
	}
	return n, t.usable(ctx)
}

// Timeline implements [livedesk.ReadTx].
func (t *tx) Timeline(ctx context.Context, q livedesk.TimelineQuery) ([]livedesk.Message, error) {
	out, err := page(ctx, t, q.Limit, q.Compare, q.Selects)
	if q.Last {
		slices.Reverse(out)
	}
	return out, err
}

// TakeIn implements [livedesk.Tx].
func (t *tx) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]bool, error) {
	fresh := make([]bool, len(arrivals))
	err := t.change(ctx, func() error {
		for i, a := range arrivals {
			contact, known := t.unique[key{"address", a.Workspace, string(a.Contact.Address)}]
			if !known {
				if err := write(t, []livedesk.Contact{a.Contact}); err != nil {
					return err
				}
				contact[2] = a.Contact.ID
			}
			if at := (key{"thread", a.Workspace, a.Channel, contact[2]}); t.rows[at] == nil {
				t.put(at, &livedesk.Thread{Workspace: a.Workspace, Channel: a.Channel, Contact: contact[2], Version: 1})
			}
			fresh[i] = !known
			if at := (key{"arrival", a.Workspace, a.Channel, a.Key}); a.Key != "" {
				fresh[i] = t.rows[at] == nil
				t.put(at, new(true))
			}
		}
		return nil
	})
	return fresh, err
}

// Apply implements [livedesk.Tx]. A step runs even after one that failed; in the end all of them are undone.
func (t *tx) Apply(ctx context.Context, c livedesk.Changes) error {
	return t.change(ctx, func() error {
		return cmp.Or(write(t, c.Contacts), write(t, c.Threads), write(t, c.Conversations), t.cancel(c.Cancels), write(t, c.Messages), write(t, c.Deliveries),
			write(t, c.Agents), write(t, c.Queues), t.deleteAgents(c.DeletedAgents), t.changeJobs(c.Jobs), write(t, c.Objects))
	})
}

// cancel takes back what has not begun to leave.
func (t *tx) cancel(cancels []livedesk.Cancel) error {
	for _, c := range cancels {
		for _, m := range where(t, c.Selects) {
			row := m.Clone()
			row.Cancel(t.now, c.Reason)
			t.put(key{"message", row.Workspace, row.ID}, &row)
		}
	}
	return nil
}

// deleteAgents runs behind the queues, whose writer may have taken the agents out already.
func (t *tx) deleteAgents(rows []livedesk.Agent) error {
	for _, a := range rows {
		t.put(key{"agent", a.Workspace, a.ID}, nil)
		for _, q := range where(t, livedesk.QueueQuery{Workspace: a.Workspace, Agents: []string{a.ID}}.Selects) {
			row, _ := q.Without(a.ID)
			t.put(key{"queue", q.Workspace, q.ID}, &row)
		}
	}
	return nil
}

func (t *tx) changeJobs(changes []livedesk.JobChange) error {
	for _, c := range changes {
		at := key{"job", c.Workspace, c.Key}
		var row any
		if j, stands := c.Over(value[livedesk.Job](t, at), t.next()); stands {
			row = &j
		}
		t.put(at, row)
	}
	return nil
}

// ClaimJobs implements [livedesk.Tx].
func (t *tx) ClaimJobs(ctx context.Context, limit int, lease time.Duration) (out []livedesk.Job, err error) {
	err = t.change(ctx, func() error {
		out, err = page(ctx, t, limit, func(a, b livedesk.Job) int { return a.Due.Compare(b.Due) },
			func(j livedesk.Job) bool { return !j.Due.After(t.now) })
		for i := range out {
			out[i].Lease(t.now, lease, t.next())
			t.put(key{"job", out[i].Workspace, out[i].Key}, new(out[i]))
		}
		return err
	})
	return out, err
}

// Claim implements [livedesk.Tx].
func (t *tx) Claim(ctx context.Context, c livedesk.Claim) (out []livedesk.Message, err error) {
	err = t.change(ctx, func() error {
		for _, m := range c.Choose(where(t, func(m livedesk.Message) bool { return m.Delivery.Unfinished() }), t.now) {
			row := m.Clone()
			row.Lease(t.now, c.Lease)
			t.put(key{"message", row.Workspace, row.ID}, &row)
			out = append(out, row.Clone())
		}
		return nil
	})
	return out, err
}
