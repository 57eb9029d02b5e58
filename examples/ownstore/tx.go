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

var errOver = errors.New("ownstore: transaction is over")

// tx is a transaction; a View's is never committed.
type tx struct {
	now  time.Time
	over atomic.Bool
	state
}

// change runs one method that writes; when it fails, the transaction is as it was before and goes on.
func (t *tx) change(ctx context.Context, fn func() error) error {
	before := t.state
	t.own = false
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
		return errOver
	}
	return ctx.Err()
}

// inOrder looks up what keys name: as many results, in their order, zero where there is none, and all of them copies.
func inOrder[K, V any](ctx context.Context, t *tx, keys []K, find func(K) *V) ([]V, error) {
	out := make([]V, len(keys))
	for i, k := range keys {
		if row := find(k); row != nil {
			out[i] = *copyOf(row)
		}
	}
	return out, t.usable(ctx)
}

// page returns copies of the rows that fit, sorted, at most limit of them.
func page[V any](ctx context.Context, t *tx, limit int, order func(a, b *V) int, fits func(*V) bool) ([]V, error) {
	found := where(t, fits)
	slices.SortFunc(found, order)
	return inOrder(ctx, t, found[:max(0, min(limit, len(found)))], func(row *V) *V { return row })
}

// all is the limit of a list that has none.
const all = 1 << 30

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
			Thread: *thread, Contact: *get[livedesk.Contact](t, key{"contact", k.Workspace, contact}), Asked: asked,
			Current: get[livedesk.Conversation](t, key{"conversation", k.Workspace, thread.Conversation}),
		}
	})
}

// Messages implements [livedesk.ReadTx].
func (t *tx) Messages(ctx context.Context, keys []livedesk.MessageKey) ([]livedesk.Message, error) {
	return inOrder(ctx, t, keys, func(k livedesk.MessageKey) *livedesk.Message {
		at := key{"message", k.Workspace, k.ID}
		if k.ProviderID != "" {
			at = t.unique[key{"carried", k.Workspace, k.Channel, k.ProviderID}]
		} else if k.Key != "" {
			at = t.unique[key{"key", k.Workspace, k.Conversation, k.Key}]
		}
		return get[livedesk.Message](t, at)
	})
}

// Contacts implements [livedesk.ReadTx].
func (t *tx) Contacts(ctx context.Context, workspace string, ids []string) ([]livedesk.Contact, error) {
	return inOrder(ctx, t, ids, func(id string) *livedesk.Contact { return get[livedesk.Contact](t, key{"contact", workspace, id}) })
}

// Agents implements [livedesk.ReadTx]. Load is counted when it is asked for, so it can't be wrong.
func (t *tx) Agents(ctx context.Context, workspace string, ids []string) ([]livedesk.Agent, error) {
	order := func(a, b *livedesk.Agent) int { return cmp.Compare(a.ID, b.ID) }
	out, err := page(ctx, t, all, order, func(a *livedesk.Agent) bool { return a.Workspace == workspace })
	if ids != nil {
		out, err = inOrder(ctx, t, ids, func(id string) *livedesk.Agent { return get[livedesk.Agent](t, key{"agent", workspace, id}) })
	}
	for i := range out {
		out[i].Load = len(where(t, func(c *livedesk.Conversation) bool {
			return c.Workspace == workspace && c.State == livedesk.Open && c.Assignee == out[i].ID && c.Assignee != ""
		}))
	}
	return out, err
}

// Queues implements [livedesk.ReadTx].
func (t *tx) Queues(ctx context.Context, q livedesk.QueueQuery) ([]livedesk.Queue, error) {
	ids := slices.Clone(q.IDs)
	asked := func(m livedesk.Member) bool { return slices.Contains(q.Agents, m.Agent) }
	for _, row := range where(t, func(row *livedesk.Queue) bool {
		return row.Workspace == q.Workspace && slices.ContainsFunc(row.Members, asked)
	}) {
		ids = append(ids, row.ID)
	}
	slices.Sort(ids)
	return inOrder(ctx, t, slices.Compact(ids), func(id string) *livedesk.Queue {
		out := livedesk.Queue{Workspace: q.Workspace, ID: id}
		if stored := get[livedesk.Queue](t, key{"queue", q.Workspace, id}); stored != nil {
			out = *stored
		}
		line, _ := page(ctx, t, all, func(a, b *livedesk.Conversation) int {
			return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.QueuedAt.Compare(b.QueuedAt), cmp.Compare(a.ID, b.ID))
		}, func(c *livedesk.Conversation) bool { return c.Workspace == q.Workspace && c.Queue == id })
		out.Waiting, out.More = line[:min(q.Heads, len(line))], len(line) > q.Heads
		return &out
	})
}

// Objects implements [livedesk.ReadTx].
func (t *tx) Objects(ctx context.Context, q livedesk.ObjectQuery) ([]livedesk.Object, error) {
	if q.IDs != nil {
		return inOrder(ctx, t, q.IDs, func(id string) *livedesk.Object {
			o := get[livedesk.Object](t, key{"object", q.Workspace, q.Kind, id})
			if o != nil && o.Deleted {
				return nil
			}
			return o
		})
	}
	limit, fits := all, func(o *livedesk.Object) bool { return o.Workspace == q.Workspace && o.Kind == q.Kind && !o.Deleted }
	if q.Key != "" {
		fits = func(o *livedesk.Object) bool { return o.Kind == q.Kind && o.Key == q.Key }
	} else if q.AfterRevision != nil {
		limit, fits = q.Limit, func(o *livedesk.Object) bool { return o.Revision > *q.AfterRevision }
	}
	return page(ctx, t, limit, func(a, b *livedesk.Object) int { return cmp.Compare(a.Revision, b.Revision) }, fits)
}

// Conversations implements [livedesk.ReadTx]. Among equal times the id decides, so that pages meet without a gap.
func (t *tx) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	order := func(a, b *livedesk.Conversation) int {
		if q.Order == livedesk.LongestWaiting {
			return cmp.Or(a.WaitingSince.Compare(b.WaitingSince), cmp.Compare(a.ID, b.ID))
		}
		return cmp.Or(b.ActiveAt.Compare(a.ActiveAt), cmp.Compare(a.ID, b.ID))
	}
	if len(q.IDs) > 0 {
		q.Order, q.After, q.Limit = livedesk.LatestActivity, nil, all
		order = func(a, b *livedesk.Conversation) int { return cmp.Compare(a.ID, b.ID) }
	}
	behind := func(c *livedesk.Conversation) bool {
		return q.After == nil || order(c, &livedesk.Conversation{ID: q.After.ID, ActiveAt: q.After.At, WaitingSince: q.After.At}) > 0
	}
	return page(ctx, t, q.Limit, order, func(c *livedesk.Conversation) bool {
		return c.Workspace == q.Workspace && behind(c) &&
			(len(q.IDs) == 0 || slices.Contains(q.IDs, c.ID)) &&
			(len(q.States) == 0 || slices.Contains(q.States, c.State)) &&
			(q.Channel == "" || c.Channel == q.Channel) &&
			(q.Contact == "" || c.Contact == q.Contact) &&
			(q.Assignee == "" || c.Assignee == q.Assignee) &&
			(!q.Unassigned || c.Assignee == "") &&
			(!q.Unread || c.Unread > 0) &&
			(q.Order != livedesk.LongestWaiting || !c.WaitingSince.IsZero())
	})
}

// Counts implements [livedesk.ReadTx].
func (t *tx) Counts(ctx context.Context, q livedesk.CountQuery) (n livedesk.Counts, err error) {
	for _, c := range where(t, func(c *livedesk.Conversation) bool { return c.Workspace == q.Workspace && c.State.Live() }) {
		open := c.State == livedesk.Open
		for count, is := range map[*int]bool{
			&n.Open: open, &n.Pending: c.State == livedesk.Pending, &n.Snoozed: c.State == livedesk.Snoozed,
			&n.Unassigned: open && c.Assignee == "", &n.Mine: open && q.Agent != "" && c.Assignee == q.Agent,
			&n.Waiting: open && !c.WaitingSince.IsZero(), &n.Unread: c.Unread > 0,
		} {
			if is && (q.Channel == "" || c.Channel == q.Channel) {
				*count++
			}
		}
	}
	return n, t.usable(ctx)
}

// Timeline implements [livedesk.ReadTx].
func (t *tx) Timeline(ctx context.Context, q livedesk.TimelineQuery) ([]livedesk.Message, error) {
	direction := 1
	if q.Last {
		direction = -1
	}
	out, err := page(ctx, t, q.Limit, func(a, b *livedesk.Message) int { return direction * cmp.Compare(a.Seq, b.Seq) },
		func(m *livedesk.Message) bool {
			return m.Workspace == q.Workspace && m.Conversation == q.Conversation && m.Seq > q.After && (q.Before == 0 || m.Seq < q.Before)
		})
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
		return cmp.Or(write(t, c.Contacts), write(t, c.Threads), write(t, c.Conversations), t.cancel(c.Cancels), write(t, c.Messages),
			write(t, c.Agents), write(t, c.Queues), t.deleteAgents(c.DeletedAgents), t.changeJobs(c.Jobs), write(t, c.Objects))
	})
}

// deleteAgents runs behind the queues, whose writer may have taken the agents out already.
func (t *tx) deleteAgents(rows []livedesk.Agent) error {
	for _, a := range rows {
		t.put(key{"agent", a.Workspace, a.ID}, nil)
		theirs := func(m livedesk.Member) bool { return m.Agent == a.ID }
		for _, q := range where(t, func(q *livedesk.Queue) bool {
			return q.Workspace == a.Workspace && slices.ContainsFunc(q.Members, theirs)
		}) {
			q = copyOf(q)
			q.Members = slices.DeleteFunc(q.Members, theirs)
			q.Version++
			t.put(key{"queue", q.Workspace, q.ID}, q)
		}
	}
	return nil
}

func (t *tx) changeJobs(changes []livedesk.JobChange) error {
	for _, c := range changes {
		at, row := key{"job", c.Workspace, c.Key}, c.Job
		old := get[livedesk.Job](t, at)
		switch {
		case c.Fence == 0 && !c.Done:
			t.serial++
			row.Attempts, row.Fence = 0, t.serial
			t.put(at, copyOf(&row))
		case old == nil || c.Fence != 0 && c.Fence != old.Fence: // it is gone, or somebody else's
		case c.Done:
			t.put(at, nil)
		default:
			row = *old
			row.Due = c.Due
			t.put(at, copyOf(&row))
		}
	}
	return nil
}

// ClaimJobs implements [livedesk.Tx].
func (t *tx) ClaimJobs(ctx context.Context, limit int, lease time.Duration) (out []livedesk.Job, err error) {
	err = t.change(ctx, func() error {
		out, err = page(ctx, t, limit, func(a, b *livedesk.Job) int { return a.Due.Compare(b.Due) },
			func(j *livedesk.Job) bool { return !j.Due.After(t.now) })
		for i := range out {
			t.serial++
			j := &out[i]
			j.Fence, j.Due, j.Attempts = t.serial, micro(t.now.Add(lease)), j.Attempts+1
			t.put(key{"job", j.Workspace, j.Key}, copyOf(j))
		}
		return err
	})
	return out, err
}

// Claim implements [livedesk.Tx].
func (t *tx) Claim(ctx context.Context, c livedesk.Claim) (out []livedesk.Message, err error) {
	err = t.change(ctx, func() error {
		first := map[key]int64{} // the place of each conversation's first unfinished text
		unfinished := func(m *livedesk.Message) bool { return m.Delivery != nil && !m.Delivery.Due.IsZero() }
		for _, m := range where(t, unfinished) {
			at := key{m.Workspace, m.Conversation}
			first[at] = min(m.Seq, cmp.Or(first[at], m.Seq))
		}
		ready := where(t, func(m *livedesk.Message) bool {
			return unfinished(m) && m.Seq == first[key{m.Workspace, m.Conversation}] && !m.Delivery.Due.After(t.now)
		})
		slices.SortFunc(ready, func(a, b *livedesk.Message) int {
			return cmp.Or(a.Class.Rank()-b.Class.Rank(), a.Delivery.Due.Compare(b.Delivery.Due))
		})
		taken := map[livedesk.Sender]int{}
		for _, m := range ready {
			sender := livedesk.Sender{Workspace: m.Workspace, Channel: m.Channel}
			budget, given := c.Senders[sender]
			if !given {
				budget = cmp.Or(c.PerSender, c.Limit)
			}
			if len(out) >= c.Limit || taken[sender] >= budget {
				continue
			}
			taken[sender]++
			out = append(out, *t.revise(m, func(d *livedesk.Delivery) {
				d.Due = micro(t.now.Add(c.Lease))
				if d.State == livedesk.Queued {
					d.State = livedesk.Claimed
				}
			}))
		}
		return nil
	})
	return out, err
}

// revise puts a text with a changed delivery, under a higher version and fence, and returns a copy.
func (t *tx) revise(m *livedesk.Message, change func(d *livedesk.Delivery)) *livedesk.Message {
	m = copyOf(m)
	m.Version++
	m.Delivery.Fence++
	change(m.Delivery)
	t.put(key{"message", m.Workspace, m.ID}, m)
	return copyOf(m)
}

// cancel takes back what has not begun to leave.
func (t *tx) cancel(cancels []livedesk.Cancel) error {
	for _, c := range cancels {
		for _, m := range where(t, func(m *livedesk.Message) bool {
			return m.Workspace == c.Workspace && m.Channel == c.Channel && m.Contact == c.Contact &&
				m.Delivery != nil && (m.Delivery.State == livedesk.Queued || m.Delivery.State == livedesk.Claimed)
		}) {
			t.revise(m, func(d *livedesk.Delivery) {
				d.State, d.Reason, d.Due = livedesk.Canceled, c.Reason, time.Time{}
				d.History = append(d.History, livedesk.DeliveryNote{At: t.now, State: livedesk.Canceled, Source: "desk"})
				d.History = d.History[max(0, len(d.History)-livedesk.MaxHistory):]
			})
		}
	}
	return nil
}
