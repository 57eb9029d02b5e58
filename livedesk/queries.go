package livedesk

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// This file has the parts of the [Store] contract that are pure logic, so that no store has to guess at them. A store that
// keeps rows in memory uses them as they are. One that asks a database has them in its own tests, as the oracle.
//
// None of them changes its arguments or keeps them, and all are safe for concurrent use. They allocate nothing unless
// they say so.

// Selects reports whether the query lists c: all of its conditions hold, and, unless it names IDs, the Order has a place
// for c, behind After. Limit is left to the caller.
func (q ConversationQuery) Selects(c Conversation) bool {
	return c.Workspace == q.Workspace &&
		(len(q.States) == 0 || slices.Contains(q.States, c.State)) &&
		(q.Channel == "" || c.Channel == q.Channel) &&
		(q.Contact == "" || c.Contact == q.Contact) &&
		(q.Assignee == "" || c.Assignee == q.Assignee) &&
		(!q.Unassigned || c.Assignee == "") &&
		(!q.Unread || c.Unread > 0) &&
		q.hasPlace(c)
}

func (q ConversationQuery) hasPlace(c Conversation) bool {
	if len(q.IDs) > 0 {
		return slices.Contains(q.IDs, c.ID)
	}
	return (q.Order != LongestWaiting || !c.WaitingSince.IsZero()) && q.Behind(c)
}

// Compare returns a negative number when the query lists a before b, a positive one when it lists b first, and 0 only for
// one and the same ID: by ID where the query names IDs; else by ActiveAt, newest first, and of equal times the higher ID
// first; in [LongestWaiting] by WaitingSince, oldest first, and of equal times the lower ID first. IDs compare byte by byte.
func (q ConversationQuery) Compare(a, b Conversation) int {
	switch {
	case len(q.IDs) > 0:
		return cmp.Compare(a.ID, b.ID)
	case q.Order == LongestWaiting:
		return cmp.Or(a.WaitingSince.Compare(b.WaitingSince), cmp.Compare(a.ID, b.ID))
	}
	return cmp.Or(b.ActiveAt.Compare(a.ActiveAt), cmp.Compare(b.ID, a.ID))
}

// Behind reports whether c stands behind After in the query's order; without After everything does. The mark's own
// conversation doesn't, and it need not exist any more.
func (q ConversationQuery) Behind(c Conversation) bool {
	if q.After == nil {
		return true
	}
	at := micro(q.After.At)
	return q.Compare(Conversation{ID: q.After.ID, ActiveAt: at, WaitingSince: at}, c) < 0
}

// Selects reports whether the query names row: by its ID, or by one of its members. A queue of IDs is part of the answer even
// where the store has none, see [ReadTx].
func (q QueueQuery) Selects(row Queue) bool {
	return row.Workspace == q.Workspace && (slices.Contains(q.IDs, row.ID) ||
		slices.ContainsFunc(row.Members, func(m Member) bool { return slices.Contains(q.Agents, m.Agent) }))
}

// CompareWaiting orders conversations as [Queue] Waiting has them: the higher Priority first, then the earlier QueuedAt,
// then the lower ID.
func CompareWaiting(a, b Conversation) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.QueuedAt.Compare(b.QueuedAt), cmp.Compare(a.ID, b.ID))
}

// Waits reports whether c is one of those who wait in q, [Queue] Waiting.
func (q Queue) Waits(c Conversation) bool { return c.Workspace == q.Workspace && c.Queue == q.ID }

// Shows reports whether c is loaded where it waits: it isn't one of those that the query leaves out.
func (q QueueQuery) Shows(c Conversation) bool {
	return !slices.ContainsFunc(q.Without, func(a Alike) bool { return a.Channel == c.Channel && (a.Needs == "" || a.Needs == c.Needs) })
}

// Selects reports whether c is counted: it is live, and of the workspace and the channel that the query names.
func (q CountQuery) Selects(c Conversation) bool {
	return c.Workspace == q.Workspace && c.State.Live() && (q.Channel == "" || c.Channel == q.Channel)
}

// Add counts c, of which agent's conversations Mine counts; an empty agent has none. A conversation that isn't live adds
// nothing. Add isn't safe for concurrent use on one Counts.
func (n *Counts) Add(c Conversation, agent string) {
	if !c.State.Live() {
		return
	}
	open := c.State == Open
	n.Open += one(open)
	n.Pending += one(c.State == Pending)
	n.Snoozed += one(c.State == Snoozed)
	n.Unassigned += one(open && c.Assignee == "")
	n.Waiting += one(open && !c.WaitingSince.IsZero())
	n.Unread += one(c.Unread > 0)
	n.Mine += one(open && agent != "" && c.Assignee == agent)
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// Selects reports whether m is an entry of the conversation between After and Before. Last and Limit are left to the
// caller.
func (q TimelineQuery) Selects(m Message) bool {
	return m.Workspace == q.Workspace && m.Conversation == q.Conversation && m.Seq > q.After && (q.Before == 0 || m.Seq < q.Before)
}

// Compare orders entries as the query takes them until it has Limit: by Seq, with Last the highest first. The answer is by
// Seq, the lowest first, in either case.
func (q TimelineQuery) Compare(a, b Message) int {
	if q.Last {
		a, b = b, a
	}
	return cmp.Compare(a.Seq, b.Seq)
}

// Selects reports whether the query lists t, behind its mark. Limit is left to the caller.
func (q ConsentQuery) Selects(t Thread) bool {
	return t.Workspace == q.Workspace && !t.Consent.Since.IsZero() && (q.Channel == "" || t.Channel == q.Channel) &&
		(q.Contact == "" || t.Contact == q.Contact) && q.Compare(Thread{Channel: q.AfterChannel, Contact: q.AfterContact}, t) < 0
}

// Goes returns behind which contact a query of one Channel goes on, and false where its mark is behind the whole channel.
func (q ConsentQuery) Goes() (behind string, on bool) {
	switch c := cmp.Compare(q.AfterChannel, q.Channel); {
	case c < 0:
		return "", true
	case c > 0:
		return "", false
	}
	return q.AfterContact, true
}

// Compare orders threads as the query lists them: by Channel, and then by Contact, byte by byte.
func (q ConsentQuery) Compare(a, b Thread) int {
	return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Contact, b.Contact))
}

// Selects reports whether the query is answered with o. A tombstone is part of no answer but that to AfterRevision. Limit,
// and the order of the result, are left to the caller.
func (q ObjectQuery) Selects(o Object) bool {
	switch {
	case q.AfterRevision != nil:
		return o.Revision > *q.AfterRevision
	case q.Key != "":
		return o.Kind == q.Kind && o.Key == q.Key && !o.Deleted
	}
	return o.Workspace == q.Workspace && o.Kind == q.Kind && !o.Deleted && (q.IDs == nil || slices.Contains(q.IDs, o.ID))
}

// Budget returns how many texts of a sender the claim takes at most: what Senders says, else PerSender, and never more than
// Limit. 0 means none.
func (c Claim) Budget(s Sender) int {
	budget, given := c.Senders[s]
	if !given {
		budget = c.PerSender
		if budget < 1 {
			budget = c.Limit
		}
	}
	return max(0, min(budget, c.Limit))
}

// Choose returns what the claim takes of texts at now, in the order in which it does: of each conversation the first text
// that is unfinished (see [Delivery.Unfinished]), if it is due; the lowest rank of the Class first, then the longest due,
// then the lower ID; within the budgets. texts must hold all unfinished ones and may hold others, in any order. It allocates, and costs O(n log n); a store with an index does better.
func (c Claim) Choose(texts []*Message, now time.Time) (chosen []*Message) {
	first := map[[2]string]*Message{}
	for _, m := range texts {
		at := [2]string{m.Workspace, m.Conversation}
		if m.Delivery.Unfinished() && (first[at] == nil || m.Seq < first[at].Seq) {
			first[at] = m
		}
	}
	ready := slices.SortedFunc(maps.Values(first), func(a, b *Message) int {
		return cmp.Or(a.Class.Rank()-b.Class.Rank(), a.Delivery.Due.Compare(b.Delivery.Due), cmp.Compare(a.ID, b.ID))
	})
	taken := map[Sender]int{}
	for _, m := range ready {
		s := Sender{m.Workspace, m.Channel}
		if !m.Delivery.Due.After(now) && len(chosen) < c.Limit && taken[s] < c.Budget(s) {
			taken[s]++
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// Selects reports whether the cancel takes m back: a text of the thread that has not begun to leave. Then
// [Message.Cancel] is what becomes of it.
func (c Cancel) Selects(m Message) bool {
	return m.Workspace == c.Workspace && m.Channel == c.Channel && m.Contact == c.Contact && m.Delivery.revocable()
}
