package livedesk

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/routing"
)

// unit is the work of one transaction: rows are loaded and locked once, decided upon in memory, and written at the end
// by finish. Decisions see what earlier ones of the same unit made of a row. It asks nothing but the transaction and
// the snapshot.
type unit struct {
	e    *Engine
	tx   Tx
	snap *snapshot
	now  time.Time // by the store's clock; zero before something was loaded

	threads    map[threadID]*thread
	convs      map[objectKey]*conv
	order      []*conv    // as first touched
	messages   []*Message // new ones
	deliveries []*Message // changed ones
	cancels    []Cancel
	budgets    []Budget
	placed     bool // queues were locked: who else needs them waits until the commit
	jobs       []JobChange
	expects    []Sender                 // channels whose texts' receipts are waited for by jobs
	agents     map[objectKey]*agentCopy // loaded by assign
	nameless   []nameless               // new texts that name the agent who has their conversation
	changes    Changes                  // what has no working copy

	// What is to be done to queues and agents once assign has locked them; each is served afterwards. A nil change only
	// asks for that.
	queueChanges map[objectKey]func(*Queue)
	agentChanges map[objectKey]func(*Agent) error
}

type threadID struct{ workspace, channel, contact string }

// thread is a working copy of a [Thread] with what belongs to it.
type thread struct {
	contact Contact
	row     Thread
	info    *channelInfo // nil when the snapshot doesn't know the channel
	current *conv        // nil before the first conversation
	changed bool
}

// conv is a working copy of a conversation.
type conv struct {
	was  Conversation // as it was loaded; zero for a new one
	now  Conversation
	wish *wish // somebody is to be chosen for it

	previous *Conversation // the one before a new one; nil for the first
}

// agentCopy is a working copy of an agent.
type agentCopy struct{ was, now Agent }

// changed reports whether there is something to write: the Load is the store's own count.
func (a *agentCopy) changed() bool {
	was := a.was
	was.Load = a.now.Load
	return !reflect.DeepEqual(&a.now, &was)
}

// wish says what is known when somebody is to be chosen.
type wish struct {
	facts  routing.Facts
	thread *thread
	keep   string // agent who had it; first, if that is still possible
	woken  bool   // keep may be over capacity, and need not be a member

	seq      int64            // of the entry that caused it
	recall   bool             // its text isn't at hand
	to       []routing.Target // whom somebody passed it on to
	resume   *resume          // a wait that ended: routing goes on from there
	sticky   string           // agent of the contact's last conversation; first among people
	silent   string           // agent who has it and doesn't answer; keeps it if nobody else can take it
	router   routing.Decision // what the host's router said
	decision *Decision        // what became of it
}

// changed reports whether the working copy differs from what was loaded.
func (c *conv) changed() bool { return c.was.ID == "" || !reflect.DeepEqual(&c.was, &c.now) }

// wanted reports whether somebody is still to be chosen: what came later in the same unit may have settled it.
func (c *conv) wanted() bool {
	return c.wish != nil && c.now.State == Open && c.now.Assignee == c.wish.silent
}

// counts returns the agent in whose load the conversation is, if any.
func counts(c Conversation) string {
	if c.State == Open {
		return c.Assignee
	}
	return ""
}

func newUnit(e *Engine, tx Tx) *unit {
	return &unit{
		e: e, tx: tx, snap: e.snap.load(),
		threads: map[threadID]*thread{}, convs: map[objectKey]*conv{}, agents: map[objectKey]*agentCopy{},
		queueChanges: map[objectKey]func(*Queue){}, agentChanges: map[objectKey]func(*Agent) error{},
	}
}

// begun notes the time of the transaction, which costs nothing once something was loaded.
func (u *unit) begun() {
	if u.now.IsZero() {
		u.now = u.tx.Now()
	}
}

// load locks threads and returns a working copy for each key, nil where there is no such thing, and beside it the
// conversation that the key named.
func (u *unit) load(ctx context.Context, keys []ThreadKey) ([]*thread, []*conv, error) {
	if len(keys) == 0 { // then the time would cost a round trip of its own
		return nil, nil, nil
	}
	rows, err := u.tx.Threads(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	u.begun()
	threads, asked := make([]*thread, len(rows)), make([]*conv, len(rows))
	for i, r := range rows {
		threads[i] = u.thread(r)
		if r.Asked != nil && threads[i] != nil {
			asked[i] = u.conversation(*r.Asked)
		}
	}
	return threads, asked, nil
}

// thread returns the working copy of what was loaded: the one that the unit has already, or a new one; nil where there is
// no such thread.
func (u *unit) thread(r LoadedThread) *thread {
	if r.Contact.ID == "" {
		return nil
	}
	id := threadID{r.Thread.Workspace, r.Thread.Channel, r.Thread.Contact}
	if t, ok := u.threads[id]; ok {
		return t
	}
	t := &thread{contact: r.Contact, row: r.Thread, info: u.snap.channels[objectKey{id.workspace, id.channel}]}
	if r.Current != nil {
		t.current = u.conversation(*r.Current)
	}
	u.threads[id] = t
	return t
}

// conversation returns the working copy of a row: the one that the unit has already, or a new one.
func (u *unit) conversation(row Conversation) *conv {
	key := objectKey{row.Workspace, row.ID}
	if c, ok := u.convs[key]; ok {
		return c
	}
	c := &conv{was: row, now: row}
	u.convs[key] = c
	u.order = append(u.order, c)
	return c
}

// onQueue changes a queue when it is locked, and serves it. fn may be nil; whom it makes a member is to be loaded by onAgent or
// mustExist.
func (u *unit) onQueue(workspace, id string, fn func(*Queue)) {
	u.queueChanges[objectKey{workspace, id}] = fn
}

// onAgent changes an agent when it is locked, and serves the queues that the agent is in. An agent with Version 0
// doesn't exist; fn makes it by returning nil.
func (u *unit) onAgent(workspace, id string, fn func(*Agent) error) {
	u.agentChanges[objectKey{workspace, id}] = fn
}

// mustExist lets the unit fail with ErrNotFound where there is no such agent.
func (u *unit) mustExist(workspace, id string) {
	if _, ok := u.agentChanges[objectKey{workspace, id}]; ok {
		return
	}
	u.onAgent(workspace, id, func(a *Agent) error {
		if a.Version == 0 {
			return fmt.Errorf("agent %s: %w", id, ErrNotFound)
		}
		return nil
	})
}

// begin makes a new conversation the thread's current one.
func (u *unit) begin(t *thread) *conv {
	c := &conv{now: Conversation{
		Workspace: t.row.Workspace, ID: newID(u.now), Channel: t.row.Channel, Contact: t.contact.ID,
		Address: t.contact.Address, Cycle: 1, CreatedAt: u.now, ActiveAt: u.now,
	}}
	u.convs[objectKey{c.now.Workspace, c.now.ID}] = c
	u.order = append(u.order, c)
	u.makeCurrent(t, c)
	return c
}

func (u *unit) makeCurrent(t *thread, c *conv) {
	if t.row.Conversation != c.now.ID {
		t.row.Conversation, t.current, t.changed = c.now.ID, c, true
	}
}

// add appends an entry to a conversation's timeline.
func (u *unit) add(c *conv, m Message) *Message {
	c.now.LastSeq++
	m.Workspace, m.ID, m.Conversation = c.now.Workspace, newID(u.now), c.now.ID
	m.Channel, m.Contact, m.Seq, m.At = c.now.Channel, c.now.Contact, c.now.LastSeq, u.now
	u.messages = append(u.messages, &m)
	return &m
}

// activity appends a change to the timeline.
func (u *unit) activity(c *conv, by Actor, a Activity) {
	u.add(c, Message{Kind: ActivityKind, By: by, Activity: &a})
}

// cancelQueued takes back what has not begun to leave for a thread, in the store and in this unit.
func (u *unit) cancelQueued(t *thread, why channel.Reason) {
	u.cancels = append(u.cancels, Cancel{t.row.Workspace, t.row.Channel, t.contact.ID, why})
	for _, m := range u.messages {
		if m.Delivery != nil && m.Workspace == t.row.Workspace && m.Channel == t.row.Channel && m.Contact == t.contact.ID &&
			m.Delivery.State == Queued {
			m.Delivery.cancel(u.now, why)
		}
	}
}

// finish chooses for those who wait and writes everything.
func (u *unit) finish(ctx context.Context) error {
	if err := u.assign(ctx); err != nil {
		return err
	}
	if err := u.nameAgents(ctx); err != nil {
		return err
	}
	c := u.changes
	for _, t := range u.threads {
		if t.changed {
			c.Threads = append(c.Threads, t.row)
		}
	}
	c.Conversations = slices.Grow(c.Conversations, len(u.order))
	for _, w := range u.order {
		if w.changed() {
			c.Conversations = append(c.Conversations, w.now)
		}
	}
	c.Messages = slices.Grow(c.Messages, len(u.messages))
	for _, m := range u.messages {
		c.Messages = append(c.Messages, *m)
	}
	c.Deliveries = slices.Grow(c.Deliveries, len(u.deliveries))
	for _, m := range u.deliveries {
		c.Deliveries = append(c.Deliveries, *m)
	}
	c.Cancels, c.Jobs, c.Budgets = append(c.Cancels, u.cancels...), append(c.Jobs, u.jobs...), append(c.Budgets, u.budgets...)
	u.changes = c
	if c.empty() {
		return nil
	}
	return u.tx.Apply(ctx, c)
}

func (c Changes) empty() bool {
	return len(c.Contacts)+len(c.Threads)+len(c.Conversations)+len(c.Messages)+len(c.Deliveries)+len(c.Agents)+len(c.DeletedAgents)+
		len(c.Queues)+len(c.Budgets)+len(c.Cancels)+len(c.Jobs)+len(c.Objects) == 0
}

// committed tells hooks and workers of a unit that was committed.
func (e *Engine) committed(u *unit) {
	e.hooks.tell(u)
	if slices.ContainsFunc(u.messages, func(m *Message) bool { return m.Delivery != nil }) {
		signal(e.wakeOutbox)
	}
	if len(u.jobs) > 0 {
		signal(e.wakeJobs)
	}
	for _, s := range u.expects {
		e.news.note(s, u.now)
	}
}

// errUnknownChannel means that this process has not read the conversation's channel yet, or that it was removed.
var errUnknownChannel = errors.New("channel is not in the snapshot")
