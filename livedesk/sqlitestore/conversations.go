package sqlitestore

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlConversation = `SELECT ` + conversationColumns + ` FROM conversations WHERE workspace = ? AND id = ?`

	sqlInsertConversation = `INSERT INTO conversations (state, live, waits, unseen, channel, contact, address, before, assignee, queue,
		queued_at, priority, waiting_since, created_at, active_at, snooze_until, cycle, labels, attributes, external_id,
		first_response_at, resolved_at, resolved_by_kind, resolved_by_id, reopen_until, last_seq, unread, preview,
		workspace, id, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`

	sqlUpdateConversation = `UPDATE conversations SET state = ?, live = ?, waits = ?, unseen = ?, channel = ?, contact = ?, address = ?,
		before = ?, assignee = ?, queue = ?, queued_at = ?, priority = ?, waiting_since = ?, created_at = ?, active_at = ?,
		snooze_until = ?, cycle = ?, labels = ?, attributes = ?, external_id = ?, first_response_at = ?, resolved_at = ?,
		resolved_by_kind = ?, resolved_by_id = ?, reopen_until = ?, last_seq = ?, unread = ?, preview = ?, version = version + 1
		WHERE workspace = ? AND id = ? AND version = ?`

	// Of a conversation that stays in its places: SQLite rewrites the entries of every index that holds a column which
	// is set, changed or not.
	sqlTouchConversation = `UPDATE conversations SET active_at = ?, snooze_until = ?, cycle = ?, labels = ?,
		attributes = ?, external_id = ?, first_response_at = ?, resolved_at = ?, resolved_by_kind = ?, resolved_by_id = ?,
		reopen_until = ?, last_seq = ?, unread = ?, preview = ?, version = version + 1 WHERE workspace = ? AND id = ? AND version = ?`

	// One pass over the workspace's live conversations, in an index that holds all it needs.
	sqlCounts = `SELECT ` + countColumns + ` FROM conversations INDEXED BY conversations_live
		WHERE workspace = ? AND live IS NOT NULL`

	sqlCountsOfChannel = sqlCounts + ` AND channel = ?`

	countColumns = `coalesce(sum(state = 'open'), 0), coalesce(sum(state = 'pending'), 0),
		coalesce(sum(state = 'snoozed'), 0), coalesce(sum(state = 'open' AND assignee = ''), 0),
		coalesce(sum(state = 'open' AND waits), 0), coalesce(sum(unseen), 0),
		coalesce(sum(state = 'open' AND assignee <> '' AND assignee = ?), 0)`
)

var allStates = []livedesk.State{livedesk.Open, livedesk.Pending, livedesk.Snoozed, livedesk.Resolved}

// conversation returns one, or nil.
func (r *reader) conversation(workspace, id string) (*livedesk.Conversation, error) {
	c, found, err := one(r, scanConversation, sqlConversation, workspace, id)
	if err != nil || !found {
		return nil, err
	}
	return &c, nil
}

// Conversations implements [livedesk.ReadTx]. Of equal times the greater id comes first by activity, the smaller by
// waiting. A page costs an index range of its own length for each state that it asks for. Where several conditions
// are given, those that the index doesn't hold are looked up row by row: among the live, or in the history of one
// channel or assignee.
func (r *reader) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	switch {
	case len(q.IDs) > 0:
		return r.conversationsByID(q)
	case q.Limit < 1 || q.Limit > 1000:
		return nil, errLimit
	case q.Order == livedesk.LongestWaiting:
		text, args := waitingQuery(q)
		return all(r, nil, scanConversation, text, args...)
	}
	states := q.States
	if len(states) == 0 {
		states = allStates
	}
	var out []livedesk.Conversation
	for i, state := range states {
		if slices.Contains(states[:i], state) {
			continue
		}
		var err error
		text, args := activeQuery(q, state)
		if out, err = all(r, out, scanConversation, text, args...); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, q.Compare)
	return slices.Clip(out[:min(len(out), q.Limit)]), nil
}

func (r *reader) conversationsByID(q livedesk.ConversationQuery) (out []livedesk.Conversation, err error) {
	ids := slices.Clone(q.IDs)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		c, err := r.conversation(q.Workspace, id)
		if err != nil {
			return nil, err
		}
		if c != nil && q.Selects(*c) {
			out = append(out, *c)
		}
	}
	return out, nil
}

// activeQuery is a page of one state by activity. The history is named in words and not as a parameter, because the
// indexes over it hold nothing else; live ones say so for the same reason.
func activeQuery(q livedesk.ConversationQuery, state livedesk.State) (string, []any) {
	var b strings.Builder
	b.WriteString(`SELECT ` + conversationColumns + ` FROM conversations WHERE workspace = ?`)
	args := []any{q.Workspace}
	if state == livedesk.Resolved {
		b.WriteString(` AND state = 'resolved'`)
	} else {
		b.WriteString(` AND state = ? AND live IS NOT NULL`)
		args = append(args, string(state))
	}
	args = conditions(&b, q, args)
	if q.After != nil {
		b.WriteString(` AND (active_at, id) < (?, ?)`)
		args = append(args, micros(q.After.At), q.After.ID)
	}
	b.WriteString(` ORDER BY active_at DESC, id DESC LIMIT ?`)
	return b.String(), append(args, q.Limit)
}

// waitingQuery is a page of those who wait.
func waitingQuery(q livedesk.ConversationQuery) (string, []any) {
	var b strings.Builder
	b.WriteString(`SELECT ` + conversationColumns + ` FROM conversations INDEXED BY conversations_waiting
		WHERE workspace = ? AND waiting_since IS NOT NULL`)
	args := []any{q.Workspace}
	if len(q.States) > 0 {
		b.WriteString(` AND state IN (?` + strings.Repeat(`, ?`, len(q.States)-1) + `)`)
		for _, s := range q.States {
			args = append(args, string(s))
		}
	}
	args = conditions(&b, q, args)
	if q.After != nil {
		b.WriteString(` AND (waiting_since, id) > (?, ?)`)
		args = append(args, micros(q.After.At), q.After.ID)
	}
	b.WriteString(` ORDER BY waiting_since, id LIMIT ?`)
	return b.String(), append(args, q.Limit)
}

func conditions(b *strings.Builder, q livedesk.ConversationQuery, args []any) []any {
	add := func(given bool, condition string, arg ...any) {
		if given {
			b.WriteString(condition)
			args = append(args, arg...)
		}
	}
	add(q.Channel != "", ` AND channel = ?`, q.Channel)
	add(q.Contact != "", ` AND contact = ?`, q.Contact)
	add(q.Assignee != "", ` AND assignee = ?`, q.Assignee)
	add(q.Unassigned, ` AND assignee = ''`)
	add(q.Unread, ` AND unseen = 1`)
	return args
}

// Counts implements [livedesk.ReadTx]. It walks the index entries of the workspace's live conversations.
func (r *reader) Counts(ctx context.Context, q livedesk.CountQuery) (out livedesk.Counts, err error) {
	if err := r.usable(ctx); err != nil {
		return out, err
	}
	text, args := sqlCounts, []any{q.Agent, q.Workspace}
	if q.Channel != "" {
		text, args = sqlCountsOfChannel, append(args, q.Channel)
	}
	out, _, err = one(r, func(rows *sql.Rows) (n livedesk.Counts, err error) {
		err = rows.Scan(&n.Open, &n.Pending, &n.Snoozed, &n.Unassigned, &n.Waiting, &n.Unread, &n.Mine)
		return n, err
	}, text, args...)
	return out, err
}

// rowKey names a row, placement is what of it stands in indexes.
type rowKey struct{ workspace, id string }

type placement struct {
	version int64
	row     any // comparable: the columns that indexes hold
}

// conversationPlace is everything of a conversation that stands in an index and moves less often than each message.
type conversationPlace struct {
	state, before              livedesk.State
	channel, contact, address  string
	assignee, queue            string
	queuedAt, waiting, created int64
	priority                   int
	unseen                     bool
}

func placeOf(c *livedesk.Conversation) conversationPlace {
	return conversationPlace{c.State, c.Before, c.Channel, c.Contact, string(c.Address), c.Assignee, c.Queue,
		micros(c.QueuedAt), micros(c.WaitingSince), micros(c.CreatedAt), int(c.Priority), c.Unread > 0}
}

// noteConversation remembers where a conversation stood when the transaction read it.
func (t *tx) noteConversation(c *livedesk.Conversation) {
	if c == nil {
		return
	}
	if t.seen == nil {
		t.seen = make(map[rowKey]placement, 8)
	}
	t.seen[rowKey{c.Workspace, c.ID}] = placement{c.Version, placeOf(c)}
}

func (t *tx) putConversation(c *livedesk.Conversation) error {
	rest := []any{micros(c.ActiveAt), maybeMicros(c.SnoozeUntil), c.Cycle, array(c.Labels), dict(c.Attributes),
		c.ExternalID, maybeMicros(c.FirstResponseAt), maybeMicros(c.ResolvedAt), string(c.ResolvedBy.Kind),
		c.ResolvedBy.ID, maybeMicros(c.ReopenUntil), c.LastSeq, c.Unread, c.Preview}
	key := rowKey{c.Workspace, c.ID}
	old := t.seen[key]
	delete(t.seen, key)
	if c.Version != 0 && old.version == c.Version && old.row == placeOf(c) {
		return t.put(c.Version, "", sqlTouchConversation, rest, c.Workspace, c.ID)
	}
	var live any
	if c.State.Live() {
		live = 1
	}
	values := append([]any{string(c.State), live, !c.WaitingSince.IsZero(), c.Unread > 0, c.Channel, c.Contact,
		string(c.Address), string(c.Before), c.Assignee, maybeText(c.Queue), maybeMicros(c.QueuedAt), int(c.Priority),
		maybeMicros(c.WaitingSince), micros(c.CreatedAt)}, rest...)
	if c.Version == 0 {
		values = append(values, c.Workspace, c.ID)
	}
	return t.put(c.Version, sqlInsertConversation, sqlUpdateConversation, values, c.Workspace, c.ID)
}
