package pgstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

var (
	sqlConversationsByID = `SELECT ` + conversations.list() + ` FROM {s}.conversations AS t
		WHERE t.workspace = $1 AND t.id = ANY($2::text[]) ORDER BY t.id`

	// One pass over the workspace's live conversations, in an index that holds all it needs.
	sqlCounts = `SELECT ` + countColumns + ` FROM {s}.conversations AS t WHERE t.workspace = $1 AND t.live_key`

	sqlCountsOfChannel = sqlCounts + ` AND t.channel = $3`

	sqlInsertConversation = `WITH u AS (SELECT * FROM ` + conversations.unnest(false) + `),
		listed AS (
			INSERT INTO {s}.inbox (workspace, state, active_at, conversation, channel, assignee, unseen)
			SELECT u.workspace, u.state, u.active_at, u.id, u.channel, u.assignee, u.unseen FROM u
		)
		INSERT INTO {s}.conversations (` + conversations.written() + `, version) SELECT ` + conversations.values() + `, 1 FROM u`

	// The place in the inbox is found by what the row was before. What stops being live is written before what is live: it
	// makes room in the unique key.
	sqlUpdateConversation = conversationUpdate(&conversations, `(
				SELECT o.state AS was, o.active_at AS at, u.* FROM u
				JOIN {s}.conversations AS o ON o.workspace = u.workspace AND o.id = u.id OFFSET 0 -- first this, by the key
			)`, nil, "state", "active_at", "channel", "assignee", "unseen")

	// What it was is known where it was loaded, and is said by two columns more.
	sqlBumpConversation = conversationUpdate(&activity, "u", []string{"was", "at bigint"}, "active_at", "unseen")
)

// conversationUpdate is a statement that writes the table's columns of conversations, and those that are named into the
// inbox. before is where it finds what they were, with the state and time before as was and at; more are parameters for that.
func conversationUpdate(t *table[livedesk.Conversation], before string, more []string, listed ...string) string {
	var set, was, now []string
	for _, name := range listed {
		set, was, now = append(set, name+" = n."+name), append(was, "i."+name), append(now, "n."+name)
	}
	return `WITH u AS (SELECT * FROM ` + t.unnest(true, more...) + `),
		listed AS (
			UPDATE {s}.inbox AS i SET ` + strings.Join(set, ", ") + ` FROM ` + before + ` AS n
			WHERE i.workspace = n.workspace AND i.state = n.was AND i.active_at = n.at AND i.conversation = n.id
				AND (` + strings.Join(was, ", ") + `) IS DISTINCT FROM (` + strings.Join(now, ", ") + `)
		), written AS (
			UPDATE {s}.conversations AS t SET ` + t.assignments() + `, version = t.version + 1
			FROM u WHERE ` + t.match() + ` AND t.version = u.version RETURNING 1
		) SELECT 1 / (count(*) = $` + strconv.Itoa(len(t.columns)+len(more)+2) + `::bigint)::int FROM written`
}

const countColumns = `count(*) FILTER (WHERE t.state = 'open'), count(*) FILTER (WHERE t.state = 'pending'),
	count(*) FILTER (WHERE t.state = 'snoozed'), count(*) FILTER (WHERE t.state = 'open' AND t.assignee = ''),
	count(*) FILTER (WHERE t.state = 'open' AND t.waits), count(*) FILTER (WHERE t.unseen),
	count(*) FILTER (WHERE t.state = 'open' AND t.assignee <> '' AND t.assignee = $2)`

var allStates = []livedesk.State{livedesk.Open, livedesk.Pending, livedesk.Snoozed, livedesk.Resolved}

// Conversations implements [livedesk.ReadTx]. Of equal times the greater id comes first by activity, the smaller by
// waiting. A page costs one round trip and an index range of its own length for each state that it asks for. Where
// several conditions are given, those that the index doesn't hold are looked up row by row: among the live, or in the
// history of one channel or assignee.
func (t *tx) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	if len(q.IDs) > 0 {
		return t.conversationsByID(ctx, q)
	}
	if q.Limit < 1 || q.Limit > 1000 {
		return nil, errLimit
	}
	if q.Order == livedesk.LongestWaiting {
		p := &page{q: q}
		p.waiting()
		return t.page(ctx, p)
	}
	p := &page{q: q}
	states := q.States
	if len(states) == 0 {
		states = allStates
	}
	for i, state := range slices.Compact(slices.Sorted(slices.Values(states))) {
		if i > 0 {
			p.b.WriteString(" UNION ALL ")
		}
		p.active(state)
	}
	out, err := t.page(ctx, p)
	slices.SortFunc(out, func(a, b livedesk.Conversation) int {
		return cmp.Or(b.ActiveAt.Compare(a.ActiveAt), cmp.Compare(b.ID, a.ID))
	})
	return slices.Clip(out[:min(len(out), q.Limit)]), err
}

func (t *tx) page(ctx context.Context, p *page) (out []livedesk.Conversation, err error) {
	err = t.send(ctx, "list conversations", func(b *pgx.Batch) {
		b.Queue(t.s.sql(p.b.String()), p.args...).Query(func(rows pgx.Rows) error {
			return scanAll(rows, &conversations, func(c livedesk.Conversation) { out = append(out, c) })
		})
	})
	return out, err
}

func (t *tx) conversationsByID(ctx context.Context, q livedesk.ConversationQuery) (out []livedesk.Conversation, err error) {
	err = t.send(ctx, "load conversations", func(b *pgx.Batch) {
		b.Queue(t.s.sql(sqlConversationsByID), q.Workspace, q.IDs).Query(func(rows pgx.Rows) error {
			return scanAll(rows, &conversations, func(c livedesk.Conversation) {
				if selects(q, &c) {
					out = append(out, c)
				}
			})
		})
	})
	return out, err
}

// selects reports whether a conversation of the workspace fits the query.
func selects(q livedesk.ConversationQuery, c *livedesk.Conversation) bool {
	return (len(q.States) == 0 || slices.Contains(q.States, c.State)) &&
		(q.Channel == "" || c.Channel == q.Channel) &&
		(q.Contact == "" || c.Contact == q.Contact) &&
		(q.Assignee == "" || c.Assignee == q.Assignee) &&
		(!q.Unassigned || c.Assignee == "") &&
		(!q.Unread || c.Unread > 0)
}

// page is a page being asked for. Its text depends on which conditions there are and on nothing else, so that there
// are few different ones to prepare.
type page struct {
	q    livedesk.ConversationQuery
	b    strings.Builder
	args []any
}

// arg adds a parameter and returns its place.
func (p *page) arg(v any) string {
	p.args = append(p.args, v)
	return "$" + strconv.Itoa(len(p.args))
}

// active is a page of one state by activity: those of one contact, and the live ones of one assignee or of nobody, are few
// and sorted; others are walked in the inbox. States are named in words and not as parameters, because indexes hold some
// of them only; live ones say so for the same reason.
func (p *page) active(state livedesk.State) {
	at, id := "i.active_at", "i.conversation"
	few := p.q.Contact != "" || state.Live() && (p.q.Assignee != "" || p.q.Unassigned)
	if few {
		at, id = "t.active_at", "t.id"
		p.b.WriteString(`(SELECT ` + conversations.list() + ` FROM {s}.conversations AS t WHERE t.workspace = ` + p.arg(p.q.Workspace))
		p.state("t", state)
		if state.Live() {
			p.b.WriteString(` AND t.live_key`)
		}
		p.conditions("t")
	} else {
		p.b.WriteString(`(SELECT ` + conversations.list() + ` FROM {s}.inbox AS i
			JOIN {s}.conversations AS t ON t.workspace = i.workspace AND t.id = i.conversation WHERE i.workspace = ` + p.arg(p.q.Workspace))
		p.state("i", state)
		p.conditions("i")
	}
	if p.q.After != nil {
		p.b.WriteString(` AND (` + at + `, ` + id + `) < (` + p.arg(p.q.After.At.UnixMicro()) + `, ` + p.arg(p.q.After.ID) + `)`)
	}
	p.b.WriteString(` ORDER BY ` + at + ` DESC, ` + id + ` DESC LIMIT ` + p.arg(int64(p.q.Limit)) + `)`)
}

func (p *page) state(alias string, state livedesk.State) {
	if slices.Contains(allStates, state) {
		p.b.WriteString(` AND ` + alias + `.state = '` + string(state) + `'`)
	} else { // of a newer version of the library
		p.b.WriteString(` AND ` + alias + `.state = ` + p.arg(string(state)))
	}
}

// waiting is a page of those who wait.
func (p *page) waiting() {
	p.b.WriteString(`SELECT ` + conversations.list() + ` FROM {s}.conversations AS t
		WHERE t.workspace = ` + p.arg(p.q.Workspace) + ` AND t.waiting_since IS NOT NULL`)
	if len(p.q.States) > 0 {
		states := make([]string, len(p.q.States))
		for i, s := range p.q.States {
			states[i] = string(s)
		}
		p.b.WriteString(` AND t.state = ANY(` + p.arg(states) + `::text[])`)
	}
	p.conditions("t")
	if p.q.After != nil {
		p.b.WriteString(` AND (t.waiting_since, t.id) > (` + p.arg(p.q.After.At.UnixMicro()) + `, ` + p.arg(p.q.After.ID) + `)`)
	}
	p.b.WriteString(` ORDER BY t.waiting_since, t.id LIMIT ` + p.arg(int64(p.q.Limit)))
}

// conditions are those of the query, on a table that has what they ask for.
func (p *page) conditions(alias string) {
	equal := func(name, value string) {
		if value != "" {
			p.b.WriteString(` AND ` + alias + `.` + name + ` = ` + p.arg(value))
		}
	}
	equal("channel", p.q.Channel)
	equal("contact", p.q.Contact)
	equal("assignee", p.q.Assignee)
	if p.q.Unassigned {
		p.b.WriteString(` AND ` + alias + `.assignee = ''`)
	}
	if p.q.Unread {
		p.b.WriteString(` AND ` + alias + `.unseen`)
	}
}

// Counts implements [livedesk.ReadTx]. It costs one round trip, and walks the index entries of the workspace's live
// conversations.
func (t *tx) Counts(ctx context.Context, q livedesk.CountQuery) (n livedesk.Counts, err error) {
	statement, args := sqlCounts, []any{q.Workspace, q.Agent}
	if q.Channel != "" {
		statement, args = sqlCountsOfChannel, append(args, q.Channel)
	}
	err = t.send(ctx, "count conversations", func(b *pgx.Batch) {
		b.Queue(t.s.sql(statement), args...).QueryRow(func(r pgx.Row) error {
			return r.Scan(&n.Open, &n.Pending, &n.Snoozed, &n.Unassigned, &n.Waiting, &n.Unread, &n.Mine)
		})
	})
	return n, err
}
