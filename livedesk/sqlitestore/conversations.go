package sqlitestore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlConversations = `SELECT k.key, ` + conversationColumns + ` FROM json_each(?) AS k
		CROSS JOIN conversations AS v ON v.workspace = ? AND v.id = k.value`

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
		return all(r, nil, r.scanConversation, text, args...)
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
		if out, err = all(r, out, r.scanConversation, text, args...); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, q.Compare)
	return slices.Clip(out[:min(len(out), q.Limit)]), nil
}

func (r *reader) conversationsByID(q livedesk.ConversationQuery) (out []livedesk.Conversation, err error) {
	keys := batches{}
	for i, id := range distinct(slices.Clone(q.IDs)) {
		keys.add(scope{workspace: q.Workspace}, id, i)
	}
	for _, b := range keys {
		err = lookUp(r, b, r.scanConversation, func(_ int, c livedesk.Conversation) {
			if q.Selects(c) {
				out = append(out, c)
			}
		}, sqlConversations, q.Workspace)
	}
	slices.SortFunc(out, q.Compare)
	return out, err
}

// activeQuery is a page of one state by activity. The history is named in words and not as a parameter, because the
// indexes over it hold nothing else; live ones say so for the same reason.
func activeQuery(q livedesk.ConversationQuery, state livedesk.State) (string, []any) {
	var b strings.Builder
	b.WriteString(`SELECT ` + conversationColumns + ` FROM conversations AS v WHERE workspace = ?`)
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
	b.WriteString(`SELECT ` + conversationColumns + ` FROM conversations AS v INDEXED BY conversations_waiting
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
	out, _, err = one(r, scanCounts, text, args...)
	return out, err
}

func scanCounts(c *cells) livedesk.Counts {
	return livedesk.Counts{
		Open: c.int(), Pending: c.int(), Snoozed: c.int(), Unassigned: c.int(), Waiting: c.int(), Unread: c.int(), Mine: c.int(),
	}
}

var conversations = newTable("conversations",
	textColumn("state", func(c *livedesk.Conversation) livedesk.State { return c.State }),
	maybeFlagColumn("live", func(c *livedesk.Conversation) bool { return c.State.Live() }),
	flagColumn("waits", func(c *livedesk.Conversation) bool { return !c.WaitingSince.IsZero() }),
	flagColumn("unseen", func(c *livedesk.Conversation) bool { return c.Unread > 0 }),
	textColumn("channel", func(c *livedesk.Conversation) string { return c.Channel }),
	textColumn("contact", func(c *livedesk.Conversation) string { return c.Contact }),
	textColumn("address", func(c *livedesk.Conversation) channel.Address { return c.Address }),
	textColumn("before", func(c *livedesk.Conversation) livedesk.State { return c.Before }),
	maybeTimeColumn("snooze_until", func(c *livedesk.Conversation) time.Time { return c.SnoozeUntil }),
	numberColumn("cycle", func(c *livedesk.Conversation) int { return c.Cycle }),
	textColumn("assignee", func(c *livedesk.Conversation) string { return c.Assignee }),
	textColumn("ai", func(c *livedesk.Conversation) string { return c.AI }),
	numberColumn("ai_turn", func(c *livedesk.Conversation) int64 { return c.AITurn }),
	numberColumn("handed_over", func(c *livedesk.Conversation) int { return c.HandedOver }),
	maybeColumn("queue", func(c *livedesk.Conversation) string { return c.Queue }),
	maybeTimeColumn("queued_at", func(c *livedesk.Conversation) time.Time { return c.QueuedAt }),
	textColumn("needs", func(c *livedesk.Conversation) livedesk.Needs { return c.Needs }),
	numberColumn("priority", func(c *livedesk.Conversation) int { return int(c.Priority) }),
	listColumn("labels", func(c *livedesk.Conversation) []string { return c.Labels }),
	dictColumn("attributes", func(c *livedesk.Conversation) map[string]string { return c.Attributes }),
	textColumn("external_id", func(c *livedesk.Conversation) string { return c.ExternalID }),
	timeColumn("created_at", func(c *livedesk.Conversation) time.Time { return c.CreatedAt }),
	timeColumn("active_at", func(c *livedesk.Conversation) time.Time { return c.ActiveAt }),
	maybeTimeColumn("waiting_since", func(c *livedesk.Conversation) time.Time { return c.WaitingSince }),
	maybeTimeColumn("first_response_at", func(c *livedesk.Conversation) time.Time { return c.FirstResponseAt }),
	maybeTimeColumn("resolved_at", func(c *livedesk.Conversation) time.Time { return c.ResolvedAt }),
	textColumn("resolved_by_kind", func(c *livedesk.Conversation) livedesk.ActorKind { return c.ResolvedBy.Kind }),
	textColumn("resolved_by_id", func(c *livedesk.Conversation) string { return c.ResolvedBy.ID }),
	maybeTimeColumn("reopen_until", func(c *livedesk.Conversation) time.Time { return c.ReopenUntil }),
	numberColumn("last_seq", func(c *livedesk.Conversation) int64 { return c.LastSeq }),
	numberColumn("unread", func(c *livedesk.Conversation) int { return c.Unread }),
	textColumn("preview", func(c *livedesk.Conversation) string { return c.Preview }),
	textColumn("workspace", func(c *livedesk.Conversation) string { return c.Workspace }),
	textColumn("id", func(c *livedesk.Conversation) string { return c.ID }),
)

func (t *tx) putConversation(c *livedesk.Conversation) error {
	key := rowKey{c.Workspace, c.ID}
	was := t.seen.conversations[key]
	delete(t.seen.conversations, key)
	return conversations.put(t, c, c.Version, was, conversations.all())
}
