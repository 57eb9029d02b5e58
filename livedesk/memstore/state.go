package memstore

import (
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// state is the whole store: rows, and for each way to find them an index. It is a handful of pointers, so copying it
// is a snapshot. Rows are never changed in place, only replaced.
type state struct {
	contacts  tree[*livedesk.Contact] // workspace, id
	addresses tree[string]            // workspace, address: contact's id
	threads   tree[*livedesk.Thread]  // workspace, channel, contact
	consented tree[*livedesk.Thread]  // likewise, of those that ever had a change of consent
	arrived   tree[time.Time]         // workspace, channel, key of TakeIn: when
	aged      tree[string]            // workspace; when; channel, key: key in arrived

	conversations tree[*livedesk.Conversation] // workspace, id
	live          tree[string]                 // workspace, channel, contact: id of the live conversation
	listed        tree[*livedesk.Conversation] // lists of conversations, see listKeys
	lines         tree[*livedesk.Conversation] // workspace, queue; priority falling, time of queueing, id

	messages   tree[*livedesk.Message] // workspace, id
	timeline   tree[string]            // workspace, conversation; seq: id
	keyed      tree[string]            // workspace, conversation, key: id
	carried    tree[string]            // workspace, channel, carrier's id, of outgoing ones: id
	revocable  tree[string]            // workspace, channel, contact, id, of queued and claimed ones: id
	unfinished tree[string]            // workspace, conversation; seq, of those with a Due: id
	heads      tree[string]            // workspace, conversation: key in ready of its first unfinished text
	counted    tree[time.Time]         // workspace, channel, what it counts as; time, id: time
	ready      tree[string]            // workspace, channel; rank, due, id, of each conversation's first unfinished: key in messages

	agents  tree[*livedesk.Agent] // workspace, id
	queues  tree[*livedesk.Queue] // workspace, id; without Waiting
	members tree[string]          // workspace, agent, queue: queue's id

	budgets tree[*livedesk.Budget] // workspace, channel

	jobs   tree[*livedesk.Job] // workspace, key
	due    tree[string]        // due; workspace, key: key in jobs
	tried  tree[struct{}]      // attempts; workspace, key
	fences int64               // the last fence given to a job; never given again, so no old lease fits a new job

	objects   tree[*livedesk.Object] // workspace, kind, id
	webkeys   tree[string]           // kind, key: key in objects
	changes   tree[string]           // revision: key in objects
	revisions int64
}

// keep takes an index entry from one row to its next form: old and new are its keys before and after, empty for none.
func keep[V any](t *tree[V], old, new string, value V) {
	if old != "" && old != new {
		t.del(old)
	}
	if new != "" {
		t.put(new, value)
	}
}

// free reports whether a unique key that a row wants is its own or nobody's.
func free(t tree[string], want, id string) bool {
	if want == "" {
		return true
	}
	owner, taken := t.get(want)
	return !taken || owner == id
}

func addressKey(c *livedesk.Contact) string {
	if c == nil {
		return ""
	}
	return key(c.Workspace, string(c.Address))
}

// putContact replaces old, which is nil for a new row.
func (s *state) putContact(old, c *livedesk.Contact) error {
	want := addressKey(c)
	if !free(s.addresses, want, c.ID) {
		return livedesk.ErrExists
	}
	keep(&s.addresses, addressKey(old), want, c.ID)
	s.contacts.put(key(c.Workspace, c.ID), c)
	return nil
}

func liveKey(c *livedesk.Conversation) string {
	if c == nil || !c.State.Live() {
		return ""
	}
	return key(c.Workspace, c.Channel, c.Contact)
}

func lineKey(c *livedesk.Conversation) string {
	if c == nil || c.Queue == "" {
		return ""
	}
	return key(c.Workspace, c.Queue) + number(-int64(c.Priority)) + instant(c.QueuedAt) + c.ID
}

// putConversation replaces old, which is nil for a new row.
func (s *state) putConversation(old, c *livedesk.Conversation) error {
	want := liveKey(c)
	if !free(s.live, want, c.ID) {
		return livedesk.ErrExists
	}
	keep(&s.live, liveKey(old), want, c.ID)
	keep(&s.lines, lineKey(old), lineKey(c), c)
	before, after := listKeys(old), listKeys(c)
	for i := range after {
		keep(&s.listed, before[i], after[i], c)
	}
	s.conversations.put(key(c.Workspace, c.ID), c)
	return nil
}

// messageKeys are a message's places in the indexes; empty where it has none.
type messageKeys struct{ timeline, keyed, carried, revocable, unfinished, counted string }

func keysOf(m *livedesk.Message) (k messageKeys) {
	if m == nil {
		return k
	}
	place := key(m.Workspace, m.Conversation)
	k.timeline = place + number(m.Seq)
	if m.Key != "" {
		k.keyed = key(m.Workspace, m.Conversation, m.Key)
	}
	if m.ProviderID != "" && m.Kind == livedesk.Outgoing {
		k.carried = key(m.Workspace, m.Channel, m.ProviderID)
	}
	if m.Delivery != nil {
		if s := m.Delivery.State; s == livedesk.Queued || s == livedesk.Claimed {
			k.revocable = key(m.Workspace, m.Channel, m.Contact, m.ID)
		}
		if !m.Delivery.Due.IsZero() {
			k.unfinished = k.timeline
		}
		if as := m.Delivery.State.Counted(); as != "" {
			k.counted = key(m.Workspace, m.Channel, string(as)) + instant(m.At) + m.ID
		}
	}
	return k
}

// putMessage replaces old, which is nil for a new row.
func (s *state) putMessage(old, m *livedesk.Message) error {
	before, after := keysOf(old), keysOf(m)
	if !free(s.timeline, after.timeline, m.ID) || !free(s.keyed, after.keyed, m.ID) || !free(s.carried, after.carried, m.ID) {
		return livedesk.ErrExists
	}
	s.index(before, after, m)
	s.messages.put(key(m.Workspace, m.ID), m)
	if before.unfinished == "" && after.unfinished == "" {
		return nil
	}
	if old != nil && old.Conversation != m.Conversation {
		s.lineUp(old.Workspace, old.Conversation)
	}
	s.lineUp(m.Workspace, m.Conversation)
	return nil
}

// index takes a message's places from before to after, where either may be none.
func (s *state) index(before, after messageKeys, m *livedesk.Message) {
	keep(&s.timeline, before.timeline, after.timeline, m.ID)
	keep(&s.keyed, before.keyed, after.keyed, m.ID)
	keep(&s.carried, before.carried, after.carried, m.ID)
	keep(&s.revocable, before.revocable, after.revocable, m.ID)
	keep(&s.unfinished, before.unfinished, after.unfinished, m.ID)
	keep(&s.counted, before.counted, after.counted, m.At)
}

// dropMessage removes a message that is finished.
func (s *state) dropMessage(m *livedesk.Message) {
	s.index(keysOf(m), messageKeys{}, m)
	s.messages.del(key(m.Workspace, m.ID))
}

// dropConversation removes a conversation that has no messages, and lets go of it in its thread.
func (s *state) dropConversation(c *livedesk.Conversation) {
	for _, k := range listKeys(c) {
		keep(&s.listed, k, "", nil)
	}
	keep(&s.lines, lineKey(c), "", nil)
	s.conversations.del(key(c.Workspace, c.ID))
	at := key(c.Workspace, c.Channel, c.Contact)
	if t, found := s.threads.get(at); found && t.Conversation == c.ID {
		row := t.Clone()
		row.Conversation = ""
		row.Version++
		s.threads.put(at, &row)
	}
}

// lineUp sees to it that of one conversation's unfinished texts exactly the first can be claimed.
func (s *state) lineUp(workspace, conversation string) {
	place := key(workspace, conversation)
	was, _ := s.heads.get(place)
	_, id, found := s.unfinished.first(place, end(place))
	if !found {
		keep(&s.ready, was, "", "")
		s.heads.del(place)
		return
	}
	at := key(workspace, id)
	m, _ := s.messages.get(at)
	is := readyKey(m)
	keep(&s.ready, was, is, at)
	s.heads.put(place, is)
}

// putQueue replaces old, which is nil for a new row.
func (s *state) putQueue(old, q *livedesk.Queue) error {
	if old != nil {
		for _, m := range old.Members {
			s.members.del(key(q.Workspace, m.Agent, q.ID))
		}
	}
	for _, m := range q.Members {
		s.members.put(key(q.Workspace, m.Agent, q.ID), q.ID)
	}
	s.queues.put(key(q.Workspace, q.ID), q)
	return nil
}

func consentedKey(t *livedesk.Thread) string {
	if t == nil || t.Consent.Since.IsZero() {
		return ""
	}
	return key(t.Workspace, t.Channel, t.Contact)
}

// putThread replaces old, which is never nil: TakeIn makes threads, without any consent.
func (s *state) putThread(old, t *livedesk.Thread) error {
	keep(&s.consented, consentedKey(old), consentedKey(t), t)
	s.threads.put(key(t.Workspace, t.Channel, t.Contact), t)
	return nil
}

// putAgent replaces the old one, which nothing else refers to.
func (s *state) putAgent(_, a *livedesk.Agent) error {
	s.agents.put(key(a.Workspace, a.ID), a)
	return nil
}

// putBudget replaces the old one, which nothing else refers to.
func (s *state) putBudget(_, b *livedesk.Budget) error {
	s.budgets.put(key(b.Workspace, b.Channel), b)
	return nil
}

func dueKey(j *livedesk.Job) string {
	if j == nil {
		return ""
	}
	return instant(j.Due) + key(j.Workspace, j.Key)
}

func triedKey(j *livedesk.Job) string {
	if j == nil {
		return ""
	}
	return number(int64(j.Attempts)) + key(j.Workspace, j.Key)
}

// putJob replaces old; either may be nil.
func (s *state) putJob(old, j *livedesk.Job) {
	keep(&s.tried, triedKey(old), triedKey(j), struct{}{})
	if j == nil {
		keep(&s.due, dueKey(old), "", "")
		s.jobs.del(key(old.Workspace, old.Key))
		return
	}
	at := key(j.Workspace, j.Key)
	keep(&s.due, dueKey(old), dueKey(j), at)
	s.jobs.put(at, j)
}

func webkey(o *livedesk.Object) string {
	if o == nil || o.Key == "" {
		return ""
	}
	return key(o.Kind, o.Key)
}

// putObject replaces old, which is nil for a new row, and stamps the next revision.
func (s *state) putObject(old, o *livedesk.Object) error {
	at := key(o.Workspace, o.Kind, o.ID)
	if !free(s.webkeys, webkey(o), at) {
		return livedesk.ErrExists
	}
	keep(&s.webkeys, webkey(old), webkey(o), at)
	was := ""
	if old != nil {
		was = number(old.Revision)
	}
	s.revisions++
	o.Revision = s.revisions
	keep(&s.changes, was, number(o.Revision), at)
	s.objects.put(at, o)
	return nil
}
