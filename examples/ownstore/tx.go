package ownstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// tx is a transaction; a View's is never committed.
type tx struct {
	now     time.Time
	over    atomic.Bool
	refused error // what Apply answered
	state
}

// usable is asked before anything is changed: the maps of a transaction that is over are the store's.
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
	return inOrder(ctx, t, keys, t.thread)
}

func (t *tx) thread(k livedesk.ThreadKey) *livedesk.LoadedThread {
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
func (t *tx) Queues(ctx context.Context, q livedesk.QueueQuery) (out livedesk.Roster, err error) {
	ids, agents := slices.Clone(q.IDs), append(append([]string{}, q.Agents...), q.Loads...)
	for _, row := range where(t, q.Selects) {
		ids = append(ids, row.ID)
	}
	slices.Sort(ids)
	out.Queues, _ = inOrder(ctx, t, slices.Compact(ids), func(id string) *livedesk.Queue {
		row := value[livedesk.Queue](t, key{"queue", q.Workspace, id})
		row.Workspace, row.ID = q.Workspace, id
		line, _ := page(ctx, t, 0, livedesk.CompareWaiting, func(c livedesk.Conversation) bool { return row.Waits(c) && q.Shows(c) })
		row.Waiting, row.More = line[:min(q.Heads, len(line))], 0 < q.Heads && q.Heads < len(line)
		for _, m := range row.Members {
			agents = append(agents, m.Agent)
		}
		return &row
	})
	slices.Sort(agents)
	out.Agents, err = t.Agents(ctx, q.Workspace, slices.Compact(agents))
	out.Agents = slices.DeleteFunc(out.Agents, func(a livedesk.Agent) bool { return a.ID == "" })
	return out, err
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

// Consents implements [livedesk.ReadTx].
func (t *tx) Consents(ctx context.Context, q livedesk.ConsentQuery) ([]livedesk.Thread, error) {
	return page(ctx, t, q.Limit, q.Compare, q.Selects)
}

// TakeIn implements [livedesk.Tx].
func (t *tx) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]livedesk.Arrived, error) {
	out := make([]livedesk.Arrived, len(arrivals))
	for i, a := range arrivals {
		if err := t.usable(ctx); err != nil {
			return nil, err
		}
		contact, known := t.unique[key{"address", a.Workspace, string(a.Address)}]
		if !known {
			c := a.NewContact(t.now)
			c.Version, contact = 1, key{"contact", c.Workspace, c.ID}
			t.put(contact, &c)
		}
		if at := (key{"thread", a.Workspace, a.Channel, contact[2]}); t.rows[at] == nil {
			t.put(at, &livedesk.Thread{Workspace: a.Workspace, Channel: a.Channel, Contact: contact[2], Version: 1})
		}
		out[i].New = !known
		if at := (key{"arrival", a.Workspace, a.Channel, a.Key}); a.Key != "" {
			out[i].New = t.rows[at] == nil
			t.put(at, cmp.Or(get[livedesk.Seen](t, at), &livedesk.Seen{Workspace: a.Workspace, Channel: a.Channel, Key: a.Key, At: t.now}))
		}
		out[i].LoadedThread = t.thread(livedesk.ThreadKey{Workspace: a.Workspace, Channel: a.Channel, Address: a.Address}).Clone()
	}
	return out, nil
}

// Apply implements [livedesk.Tx]. A step runs even after one that failed: nothing of the transaction is kept then.
func (t *tx) Apply(ctx context.Context, c livedesk.Changes) error {
	if t.refused = cmp.Or(t.refused, t.usable(ctx)); t.refused == nil {
		t.refused = cmp.Or(write(t, c.Contacts), write(t, c.Threads), write(t, c.Conversations), t.cancel(c.Cancels),
			write(t, c.Messages), write(t, c.Deliveries), write(t, c.Agents), write(t, c.Queues), t.deleteAgents(c.DeletedAgents),
			write(t, c.Budgets), t.changeJobs(c.Jobs), write(t, c.Objects))
	}
	return t.refused
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
		row, stands := c.Over(value[livedesk.Job](t, at), t.next())
		if t.put(at, nil); stands {
			t.put(at, &row)
		}
	}
	return nil
}

// ClaimJobs implements [livedesk.Tx].
func (t *tx) ClaimJobs(ctx context.Context, limit int, lease time.Duration) ([]livedesk.Job, error) {
	out, err := page(ctx, t, limit, func(a, b livedesk.Job) int { return a.Due.Compare(b.Due) },
		func(j livedesk.Job) bool { return !j.Due.After(t.now) })
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Lease(t.now, lease, t.next())
		t.put(key{"job", out[i].Workspace, out[i].Key}, new(out[i]))
	}
	return out, nil
}

// Claim implements [livedesk.Tx].
func (t *tx) Claim(ctx context.Context, c livedesk.Claim) (out []livedesk.DueText, err error) {
	for _, m := range c.Choose(where(t, func(m livedesk.Message) bool { return m.Delivery.Unfinished() }), t.now) {
		l := cmp.Or(t.thread(livedesk.ThreadKey{Workspace: m.Workspace, Conversation: m.Conversation}), new(livedesk.LoadedThread)).Clone()
		out = append(out, livedesk.DueText{Message: m.Clone(), Contact: l.Contact, Thread: l.Thread})
	}
	return out, t.usable(ctx)
}

// Prune implements [livedesk.Tx].
func (t *tx) Prune(ctx context.Context, p livedesk.Prune) (livedesk.Pruned, error) {
	if err := t.usable(ctx); err != nil {
		return livedesk.Pruned{}, err
	}
	gone, freed, out := p.Choose(where[livedesk.Conversation](t, nil), where[livedesk.Message](t, nil),
		where[livedesk.Thread](t, nil), where[livedesk.Seen](t, nil))
	for _, at := range gone {
		t.put(at, nil)
	}
	return out, write(t, freed)
}

// Senders implements [livedesk.Tx].
func (t *tx) Senders(ctx context.Context, keys []livedesk.Sender) ([]livedesk.Budget, error) {
	return inOrder(ctx, t, keys, func(s livedesk.Sender) *livedesk.Budget {
		return cmp.Or(get[livedesk.Budget](t, key{"budget", s.Workspace, s.Channel}), &livedesk.Budget{Sender: s})
	})
}
