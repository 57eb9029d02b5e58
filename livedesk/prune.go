package livedesk

import (
	"cmp"
	"slices"
	"time"
)

// Prune asks a [Tx] to delete one slice of what is old: content, which is resolved conversations with their timelines, and
// keys of TakeIn. Contacts and threads stay, with their consent, so who opted out stays opted out.
type Prune struct {
	Workspace string
	// Before selects content: conversations that are resolved, were last active before this, and have no unfinished text. Zero
	// selects none.
	Before time.Time
	// KeysBefore selects keys that TakeIn took in before this. Zero selects none. A store may keep them for a day longer.
	KeysBefore time.Time
	Limit      int // at least 1: of messages, of conversations and of keys each no more than this
}

// Pruned is what was deleted.
type Pruned struct {
	Messages, Conversations, Keys int
	// More reports that something was deleted, and that there may be more to delete now. What others had locked isn't more.
	More bool
}

// Selects reports whether c is old enough for the slice: of the Workspace, resolved, and last active before Before. Whether it
// has unfinished texts is left to the store.
func (p Prune) Selects(c Conversation) bool {
	return c.Workspace == p.Workspace && c.State == Resolved && c.ActiveAt.Before(p.Before)
}

// Seen is a key that TakeIn took in, for stores that keep it as a row.
type Seen struct {
	Workspace string
	Channel   string
	Key       string
	At        time.Time
}

// Keys returns the primary key of s; it holds no unique ones.
func (s Seen) Keys() (primary RowKey, unique []RowKey) {
	return RowKey{"arrival", s.Workspace, s.Channel, s.Key}, nil
}

// Choose returns what the slice deletes, by primary keys, and the threads that lose their conversation by it, to be written as
// they are: the conversations that were inactive for longest first, of each the oldest messages first, so that what is left has
// no gap, and a conversation with its last message. The rows must be all of the Workspace's, and may be others' too, in any
// order. It allocates, and costs O(n log n); a store with an index does better.
func (p Prune) Choose(conversations []*Conversation, messages []*Message, threads []*Thread, keys []*Seen) (
	gone []RowKey, freed []Thread, out Pruned) {
	its := p.timelines(messages)
	of := map[string]*Thread{}
	for _, t := range threads {
		if t.Workspace == p.Workspace {
			of[t.Conversation] = t
		}
	}
	for _, c := range p.old(conversations, its) {
		n := min(len(its[c.ID]), p.Limit-out.Messages)
		for _, m := range its[c.ID][:n] {
			gone = append(gone, rowKey(m))
		}
		out.Messages += n
		if out.More = n < len(its[c.ID]) || out.Conversations == p.Limit; out.More {
			break
		}
		gone = append(gone, rowKey(c))
		out.Conversations++
		if t := of[c.ID]; t != nil {
			free := t.Clone()
			free.Conversation = ""
			freed = append(freed, free)
		}
	}
	for _, s := range keys {
		if s.Workspace == p.Workspace && s.At.Before(p.KeysBefore) && out.Keys < p.Limit {
			gone = append(gone, rowKey(s))
			out.Keys++
		}
	}
	out.More = out.More || out.Keys == p.Limit
	return gone, freed, out
}

func rowKey(r interface{ Keys() (RowKey, []RowKey) }) RowKey {
	at, _ := r.Keys()
	return at
}

// timelines returns the workspace's messages by conversation, in their order.
func (p Prune) timelines(messages []*Message) map[string][]*Message {
	out := map[string][]*Message{}
	for _, m := range messages {
		if m.Workspace == p.Workspace {
			out[m.Conversation] = append(out[m.Conversation], m)
		}
	}
	for _, its := range out {
		slices.SortFunc(its, func(a, b *Message) int { return cmp.Compare(a.Seq, b.Seq) })
	}
	return out
}

// old returns the conversations that may go, the first to go first.
func (p Prune) old(conversations []*Conversation, its map[string][]*Message) []*Conversation {
	out := slices.DeleteFunc(slices.Clone(conversations), func(c *Conversation) bool {
		return !p.Selects(*c) || slices.ContainsFunc(its[c.ID], func(m *Message) bool { return m.Delivery.Unfinished() })
	})
	slices.SortFunc(out, func(a, b *Conversation) int {
		return cmp.Or(a.ActiveAt.Compare(b.ActiveAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}
