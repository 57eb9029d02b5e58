package memstore

import (
	"context"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Each conversation stands in a few lists, one per facet that an inbox selects by. A list is split by state, so that
// a query merges those of the states that it wants and counts them without walking them. The lists by activity are in
// the order of [livedesk.LatestActivity] (of equal times the greater id first), the one of the waiting is in the order of
// [livedesk.LongestWaiting] (of equal times the smaller id first).
const (
	byWorkspace = "w"
	byChannel   = "c"
	byContact   = "p"
	byAssignee  = "a" // empty for nobody's
	byUnread    = "u"
	byWaiting   = "t"
)

var (
	allStates  = []livedesk.State{livedesk.Open, livedesk.Pending, livedesk.Snoozed, livedesk.Resolved}
	liveStates = allStates[:3]
)

// facet is one property of a conversation and its value.
type facet struct{ by, value string }

func (f facet) prefix(workspace string, s livedesk.State) string {
	return key(workspace, f.by, f.value, string(s))
}

// listKeys returns a conversation's places in the lists; empty where it has none.
func listKeys(c *livedesk.Conversation) (keys [6]string) {
	if c == nil {
		return keys
	}
	place := newest(c.ActiveAt) + backwards(c.ID)
	at := func(by, value string) string { return facet{by, value}.prefix(c.Workspace, c.State) + place }
	keys[0] = at(byWorkspace, "")
	keys[1] = at(byChannel, c.Channel)
	keys[2] = at(byContact, c.Contact)
	keys[3] = at(byAssignee, c.Assignee)
	if c.Unread > 0 {
		keys[4] = at(byUnread, "")
	}
	if !c.WaitingSince.IsZero() {
		keys[5] = facet{byWaiting, ""}.prefix(c.Workspace, c.State) + instant(c.WaitingSince) + key(c.ID)
	}
	return keys
}

// Conversations implements [livedesk.ReadTx]. A page costs O(log n) and a step for each conversation of the shortest
// list that fits the query, from the mark to the end of the page: a query with one condition beside States steps over
// nothing.
func (v *view) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	if len(q.IDs) > 0 {
		return v.conversationsByID(q), nil
	}
	if q.Limit < 1 || q.Limit > 1000 {
		return nil, errLimit
	}
	var out []livedesk.Conversation
	for lists := v.open(q); len(out) < q.Limit; {
		c, found := lists.next()
		if !found {
			break
		}
		if q.Selects(*c) {
			out = append(out, c.Clone())
		}
	}
	return out, nil
}

func (v *view) conversationsByID(q livedesk.ConversationQuery) (out []livedesk.Conversation) {
	ids := slices.Clone(q.IDs)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if c, found := v.state.conversations.get(key(q.Workspace, id)); found && q.Selects(*c) {
			out = append(out, c.Clone())
		}
	}
	return out
}

// facetOf returns the facet with the fewest conversations among those that a query by activity names.
func (v *view) facetOf(q livedesk.ConversationQuery, states []livedesk.State) facet {
	if q.Order == livedesk.LongestWaiting {
		return facet{by: byWaiting}
	}
	named := []facet{{by: byWorkspace}}
	if q.Channel != "" {
		named = append(named, facet{byChannel, q.Channel})
	}
	if q.Contact != "" {
		named = append(named, facet{byContact, q.Contact})
	}
	if q.Assignee != "" || q.Unassigned {
		named = append(named, facet{byAssignee, q.Assignee})
	}
	if q.Unread {
		named = append(named, facet{by: byUnread})
	}
	return slices.MinFunc(named, func(a, b facet) int { return v.length(q.Workspace, a, states) - v.length(q.Workspace, b, states) })
}

func (v *view) length(workspace string, f facet, states []livedesk.State) (n int) {
	for _, s := range states {
		p := f.prefix(workspace, s)
		n += v.state.listed.count(p, end(p))
	}
	return n
}

// open returns the lists of a query, at its mark.
func (v *view) open(q livedesk.ConversationQuery) *merged {
	states := q.States
	if len(states) == 0 {
		states = allStates
	}
	f := v.facetOf(q, states)
	m := &merged{}
	for i, s := range states {
		if slices.Contains(states[:i], s) {
			continue
		}
		p := f.prefix(q.Workspace, s)
		m.add(v.state.listed.seek(p+mark(q), end(p)), len(p))
	}
	return m
}

// mark returns where a query goes on behind a list's prefix; empty at the beginning.
func mark(q livedesk.ConversationQuery) string {
	if q.After == nil {
		return ""
	}
	at := micro(q.After.At)
	if q.Order == livedesk.LongestWaiting {
		return instant(at) + key(q.After.ID) + nul
	}
	return newest(at) + backwards(q.After.ID) + nul
}

// merged is several lists as one.
type merged struct{ lists []list }

type list struct {
	cursor cursor[*livedesk.Conversation]
	skip   int    // length of the prefix of its keys
	place  string // of the next, without the prefix
	next   *livedesk.Conversation
}

func (l *list) advance() bool {
	k, c, found := l.cursor.next()
	if found {
		l.place, l.next = k[l.skip:], c
	}
	return found
}

func (m *merged) add(c cursor[*livedesk.Conversation], skip int) {
	l := list{cursor: c, skip: skip}
	if l.advance() {
		m.lists = append(m.lists, l)
	}
}

func (m *merged) next() (*livedesk.Conversation, bool) {
	if len(m.lists) == 0 {
		return nil, false
	}
	first := 0
	for i := range m.lists {
		if m.lists[i].place < m.lists[first].place {
			first = i
		}
	}
	c := m.lists[first].next
	if !m.lists[first].advance() {
		m.lists = slices.Delete(m.lists, first, first+1)
	}
	return c, true
}

// Counts implements [livedesk.ReadTx]. For a workspace it takes O(log n); for a channel it walks that channel's live
// conversations.
func (v *view) Counts(ctx context.Context, q livedesk.CountQuery) (livedesk.Counts, error) {
	var out livedesk.Counts
	if err := v.usable(ctx); err != nil {
		return out, err
	}
	if q.Channel == "" {
		return v.countAll(q), nil
	}
	lists := v.open(livedesk.ConversationQuery{Workspace: q.Workspace, Channel: q.Channel, States: liveStates})
	for {
		c, found := lists.next()
		if !found {
			return out, nil
		}
		if q.Selects(*c) { // the list that was chosen may be the workspace's
			out.Add(*c, q.Agent)
		}
	}
}

// countAll reads the counts of a workspace off the sizes of its lists.
func (v *view) countAll(q livedesk.CountQuery) livedesk.Counts {
	n := func(f facet, states ...livedesk.State) int { return v.length(q.Workspace, f, states) }
	out := livedesk.Counts{
		Open:       n(facet{by: byWorkspace}, livedesk.Open),
		Pending:    n(facet{by: byWorkspace}, livedesk.Pending),
		Snoozed:    n(facet{by: byWorkspace}, livedesk.Snoozed),
		Unassigned: n(facet{by: byAssignee}, livedesk.Open),
		Waiting:    n(facet{by: byWaiting}, livedesk.Open),
		Unread:     n(facet{by: byUnread}, liveStates...),
	}
	if q.Agent != "" {
		out.Mine = n(facet{byAssignee, q.Agent}, livedesk.Open)
	}
	return out
}

// Timeline implements [livedesk.ReadTx]. A page costs O(log n) for each entry.
func (v *view) Timeline(ctx context.Context, q livedesk.TimelineQuery) ([]livedesk.Message, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	if q.Limit < 1 || q.Limit > 1000 {
		return nil, errLimit
	}
	place := key(q.Workspace, q.Conversation)
	lo, hi := place+number(q.After)+nul, end(place)
	if q.Before != 0 {
		hi = place + number(q.Before)
	}
	if n := v.state.timeline.count(lo, hi); q.Last && n > q.Limit {
		lo = v.state.timeline.at(v.state.timeline.rank(lo) + n - q.Limit)
	}
	var out []livedesk.Message
	for cur := v.state.timeline.seek(lo, hi); len(out) < q.Limit; {
		_, id, found := cur.next()
		if !found {
			break
		}
		m, _ := v.state.messages.get(key(q.Workspace, id))
		out = append(out, m.Clone())
	}
	return out, nil
}
