package livedesk

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// This file has what the [Store] contract says of single rows: how they are copied, which keys they hold, and what one
// becomes when it is written over another. It is pure logic, for every store to use: none of it changes its arguments, and
// all of it is safe for concurrent use.

// micro returns a time as stores keep it: whole microseconds, UTC, without a monotonic reading.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// clonePtr returns a pointer to a copy; nil stays nil.
func clonePtr[T any](p *T, clone func(T) T) *T {
	if p == nil {
		return nil
	}
	return new(clone(*p))
}

// Clone returns a copy of c as a [Store] keeps and returns it: it shares no map and no slice with c, and its times are in
// whole microseconds, UTC. It costs an allocation for each map or slice that isn't nil.
func (c Contact) Clone() Contact {
	c.Attributes, c.Labels = maps.Clone(c.Attributes), slices.Clone(c.Labels)
	c.CreatedAt = micro(c.CreatedAt)
	return c
}

// Clone returns a copy of t as a [Store] keeps and returns it: it shares no slice with t, and its times are in whole
// microseconds, UTC. It costs an allocation for a history that isn't nil.
func (t Thread) Clone() Thread {
	t.Consent.Since, t.AINext = micro(t.Consent.Since), micro(t.AINext)
	t.ConsentHistory = slices.Clone(t.ConsentHistory)
	for i := range t.ConsentHistory {
		c := &t.ConsentHistory[i]
		c.At, c.LastRefused = micro(c.At), micro(c.LastRefused)
	}
	return t
}

// Clone returns a copy of c as a [Store] keeps and returns it: it shares no map and no slice with c, and its times are in
// whole microseconds, UTC. It costs an allocation for each map or slice that isn't nil.
func (c Conversation) Clone() Conversation {
	c.Attributes, c.Labels = maps.Clone(c.Attributes), slices.Clone(c.Labels)
	for _, t := range []*time.Time{
		&c.SnoozeUntil, &c.QueuedAt, &c.CreatedAt, &c.ActiveAt, &c.WaitingSince, &c.FirstResponseAt, &c.ResolvedAt, &c.ReopenUntil,
	} {
		*t = micro(*t)
	}
	return c
}

// Clone returns a copy of l whose rows are clones. Current and Asked are two copies even where they are one conversation.
func (l LoadedThread) Clone() LoadedThread {
	l.Contact, l.Thread = l.Contact.Clone(), l.Thread.Clone()
	l.Current, l.Asked = clonePtr(l.Current, Conversation.Clone), clonePtr(l.Asked, Conversation.Clone)
	return l
}

// Clone returns a copy of m as a [Store] keeps and returns it: it shares no slice, no Activity and no Delivery with m, and
// its times are in whole microseconds, UTC. It costs an allocation for each of these that isn't nil.
func (m Message) Clone() Message {
	m.Media, m.Others = slices.Clone(m.Media), slices.Clone(m.Others)
	m.At, m.ProviderAt = micro(m.At), micro(m.ProviderAt)
	m.Activity = clonePtr(m.Activity, Activity.Clone)
	m.Delivery = clonePtr(m.Delivery, Delivery.clone)
	return m
}

func (d Delivery) clone() Delivery {
	d.Due, d.Expires = micro(d.Due), micro(d.Expires)
	d.History = slices.Clone(d.History)
	for i := range d.History {
		d.History[i].At = micro(d.History[i].At)
	}
	return d
}

// Clone returns a copy of a as a [Store] keeps and returns it, with its times in whole microseconds, UTC.
func (a Agent) Clone() Agent {
	a.PresenceUntil = micro(a.PresenceUntil)
	a.Skills, a.Languages = slices.Clone(a.Skills), slices.Clone(a.Languages)
	return a
}

// Clone returns a copy of q that shares no slice with it, and whose Waiting are clones. It costs O(n) for n who wait.
func (q Queue) Clone() Queue {
	q.Members, q.Waiting = slices.Clone(q.Members), slices.Clone(q.Waiting)
	for i := range q.Waiting {
		q.Waiting[i] = q.Waiting[i].Clone()
	}
	return q
}

// Clone returns a copy of b as a [Store] keeps and returns it, with its times in whole microseconds, UTC.
func (b Budget) Clone() Budget {
	b.Next = micro(b.Next)
	return b
}

// Clone returns a copy of j as a [Store] keeps and returns it, with its times in whole microseconds, UTC.
func (j Job) Clone() Job {
	j.Due = micro(j.Due)
	return j
}

// Clone returns a copy of o that shares no Data with it.
func (o Object) Clone() Object {
	o.Data = slices.Clone(o.Data)
	return o
}

// RowKey is a primary or a unique key of a row: what it is a key of, the workspace, and up to two parts more. It is
// comparable, so that it can be the key of a map.
//
//	Contact       contact, workspace, id             address, workspace, address
//	Thread        thread, workspace, channel, contact
//	Conversation  conversation, workspace, id        live, workspace, channel, contact: while live
//	Message       message, workspace, id             seq, workspace, conversation, seq in decimals
//	                                                 key, workspace, conversation, key: where there is one
//	                                                 provider, workspace, channel, provider id: of an outgoing one that has it
//	Agent         agent, workspace, id
//	Queue         queue, workspace, id
//	Budget        budget, workspace, channel
//	Job           job, workspace, key
//	Object        object, workspace, kind, id        hook, (empty), kind, key: where there is one
type RowKey [4]string

// Keys returns the primary key of c and the unique keys that it holds, as [RowKey] has them.
func (c Contact) Keys() (primary RowKey, unique []RowKey) {
	return RowKey{"contact", c.Workspace, c.ID}, []RowKey{{"address", c.Workspace, string(c.Address)}}
}

// Keys returns the primary key of t; it holds no unique ones.
func (t Thread) Keys() (primary RowKey, unique []RowKey) {
	return RowKey{"thread", t.Workspace, t.Channel, t.Contact}, nil
}

// Keys returns the primary key of c and the unique keys that it holds, as [RowKey] has them.
func (c Conversation) Keys() (primary RowKey, unique []RowKey) {
	if c.State.Live() {
		unique = []RowKey{{"live", c.Workspace, c.Channel, c.Contact}}
	}
	return RowKey{"conversation", c.Workspace, c.ID}, unique
}

// Keys returns the primary key of m and the unique keys that it holds, as [RowKey] has them.
func (m Message) Keys() (primary RowKey, unique []RowKey) {
	unique = []RowKey{{"seq", m.Workspace, m.Conversation, strconv.FormatInt(m.Seq, 10)}}
	if m.Key != "" {
		unique = append(unique, RowKey{"key", m.Workspace, m.Conversation, m.Key})
	}
	if m.ProviderID != "" && m.Kind == Outgoing {
		unique = append(unique, RowKey{"provider", m.Workspace, m.Channel, m.ProviderID})
	}
	return RowKey{"message", m.Workspace, m.ID}, unique
}

// Keys returns the primary key of a; it holds no unique ones.
func (a Agent) Keys() (primary RowKey, unique []RowKey) {
	return RowKey{"agent", a.Workspace, a.ID}, nil
}

// Keys returns the primary key of q; it holds no unique ones.
func (q Queue) Keys() (primary RowKey, unique []RowKey) {
	return RowKey{"queue", q.Workspace, q.ID}, nil
}

// Keys returns the primary key of b; it holds no unique ones.
func (b Budget) Keys() (primary RowKey, unique []RowKey) {
	return RowKey{"budget", b.Workspace, b.Channel}, nil
}

// Keys returns the primary key of j; it holds no unique ones.
func (j Job) Keys() (primary RowKey, unique []RowKey) { return RowKey{"job", j.Workspace, j.Key}, nil }

// Keys returns the primary key of o and the unique keys that it holds, as [RowKey] has them.
func (o Object) Keys() (primary RowKey, unique []RowKey) {
	if o.Key != "" {
		unique = []RowKey{{"hook", "", o.Kind, o.Key}}
	}
	return RowKey{"object", o.Workspace, o.Kind, o.ID}, unique
}

// nextVersion returns the version that a row has after it was written over the stored one.
func nextVersion(written, stored int64) (int64, error) {
	switch {
	case written == stored:
		return stored + 1, nil
	case written == 0:
		return written, ErrExists
	}
	return written, ErrConflict
}

// Over returns a copy of c as [Tx] Apply writes it over old, the stored row of its key, which is zero where there is none:
// under the next Version. The error is [ErrExists] for an insert of an id that is taken, and [ErrConflict] when another
// version is stored. Unique keys are left to the store, see Keys.
func (c Contact) Over(old Contact) (row Contact, err error) {
	row = c.Clone()
	row.Version, err = nextVersion(c.Version, old.Version)
	return row, err
}

// Over is like [Contact.Over], but that a thread of Version 0 is [ErrConflict] always: only [Tx] TakeIn makes threads.
func (t Thread) Over(old Thread) (row Thread, err error) {
	row = t.Clone()
	if t.Version == 0 {
		return row, ErrConflict
	}
	row.Version, err = nextVersion(t.Version, old.Version)
	return row, err
}

// Over is like [Contact.Over].
func (c Conversation) Over(old Conversation) (row Conversation, err error) {
	row = c.Clone()
	row.Version, err = nextVersion(c.Version, old.Version)
	return row, err
}

// Over is like [Contact.Over].
func (m Message) Over(old Message) (row Message, err error) {
	row = m.Clone()
	row.Version, err = nextVersion(m.Version, old.Version)
	return row, err
}

// Over is like [Contact.Over]. Load is as the writer has it; it is for the store to count.
func (a Agent) Over(old Agent) (row Agent, err error) {
	row = a.Clone()
	row.Version, err = nextVersion(a.Version, old.Version)
	return row, err
}

// Over is like [Contact.Over], without Waiting and More, which aren't the queue's own.
func (q Queue) Over(old Queue) (row Queue, err error) {
	q.Waiting, q.More = nil, false
	row = q.Clone()
	row.Version, err = nextVersion(q.Version, old.Version)
	return row, err
}

// Over is like [Contact.Over].
func (b Budget) Over(old Budget) (row Budget, err error) {
	row = b.Clone()
	row.Version, err = nextVersion(b.Version, old.Version)
	return row, err
}

// Over is like [Contact.Over], but for tombstones: a deleted object loses Key and Data, and an insert over a tombstone is
// none of a taken id, since nobody sees tombstones. Revision is as the writer has it; it is for the store to give the next.
func (o Object) Over(old Object) (row Object, err error) {
	if o.Deleted {
		o.Key, o.Data = "", nil
	}
	if o.Version == 0 && old.Deleted {
		o.Version = old.Version
	}
	row = o.Clone()
	row.Version, err = nextVersion(o.Version, old.Version)
	return row, err
}

// NewContact returns the contact that an arrival's address gets, at now by the store's clock, when it is unknown in the
// workspace: a row to insert, under a new id.
func (a Arrival) NewContact(now time.Time) Contact {
	return Contact{
		Workspace: a.Workspace, ID: newID(now), Address: a.Address, Country: a.Country, CreatedAt: micro(now),
	}
}

// Without returns a copy of q without the agent's place, under the next Version, and whether the agent had one. That is what
// becomes of a queue when the agent is deleted.
func (q Queue) Without(agent string) (row Queue, had bool) {
	row = q.Clone()
	row.Members = slices.DeleteFunc(row.Members, func(m Member) bool { return m.Agent == agent })
	if len(row.Members) == len(q.Members) {
		return row, false
	}
	row.Version++
	return row, true
}

// Over returns the job that is to stand under the Key when c is applied over old, and whether there is one; old is the
// stored job, or zero when there is none. fresh is a Fence that the Key never had: it is used up when the result has it, and
// may be left unused otherwise.
func (c JobChange) Over(old Job, fresh int64) (Job, bool) {
	switch {
	case c.Fence == 0 && !c.Done: // put in place, whatever was there
		out := c.Clone()
		out.Fence, out.Attempts = fresh, 0
		return out, true
	case old.Key == "":
		return Job{}, false
	case c.Fence != 0 && c.Fence != old.Fence: // the lease was lost to another, who decides
		return old, true
	case c.Done:
		return Job{}, false
	}
	old.Due = micro(c.Due)
	return old, true
}

// Lease gives the job to a worker until now+d, as [Tx] ClaimJobs does: under the Fence fresh, one attempt more. fresh must
// be higher than every Fence that the job's Key ever had, also before it was last ended or scheduled again, or a worker
// that was gone for long would end a job that isn't its own. One counter for all jobs of the store will do.
func (j *Job) Lease(now time.Time, d time.Duration, fresh int64) {
	j.Fence, j.Due = fresh, micro(now.Add(d))
	j.Attempts++
}
