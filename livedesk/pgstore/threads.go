package pgstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// A statement that waits for a row lock is evaluated again with the newest version of the rows that it locks, and the old
// one of all others. So a thread that got another conversation meanwhile falls out of the statements that load both, and
// is asked for once more, with a newer view.
var (
	byAddress = ` FROM ` + arrays("u", 1, "workspace", "channel", "address") + `
		JOIN {s}.contacts AS t ON t.workspace = u.workspace AND t.address = u.address
		JOIN {s}.threads AS h ON h.workspace = u.workspace AND h.channel = u.channel AND h.contact = t.id`

	byConversation = ` FROM ` + arrays("u", 1, "workspace", "id") + `
		JOIN {s}.conversations AS v ON v.workspace = u.workspace AND v.id = u.id
		JOIN {s}.threads AS h ON h.workspace = v.workspace AND h.channel = v.channel AND h.contact = v.contact
		JOIN {s}.contacts AS t ON t.workspace = v.workspace AND t.id = v.contact`

	current = ` JOIN {s}.conversations AS v ON v.workspace = h.workspace AND v.id = h.conversation`

	byThread = ` ORDER BY h.workspace, h.contact, h.channel`

	// found are the threads that keys of both kinds name: by address in $1 to $3, by conversation in $4 and $5. It is
	// MATERIALIZED because PostgreSQL, when it evaluates the query again for a row that it waited for, finds nothing
	// through a UNION ALL that it inlined.
	found = `WITH found AS MATERIALIZED (
		SELECT c.workspace, u.channel, c.id AS contact, u.address
		FROM ` + arrays("u", 1, "workspace", "channel", "address") + `
		JOIN {s}.contacts AS c ON c.workspace = u.workspace AND c.address = u.address
		UNION ALL
		SELECT v.workspace, v.channel, v.contact, NULL
		FROM ` + arrays("u", 4, "workspace", "id") + `
		JOIN {s}.conversations AS v ON v.workspace = u.workspace AND v.id = u.id) `
)

var (
	threadList = contacts.list() + `, u.address, ` + aliased(threads.list(), "h")
	wholeList  = threadList + `, ` + aliased(conversations.list(), "v")

	// Threads that have a conversation, with it: by address, and by the conversation where that is the current one.
	sqlMeetings     = `SELECT ` + wholeList + byAddress + current + byThread
	sqlLockMeetings = sqlMeetings + ` FOR NO KEY UPDATE OF h, v`
	sqlTalks        = `SELECT ` + strings.Replace(wholeList, "u.address", "''", 1) + byConversation + ` WHERE h.conversation = v.id` + byThread
	sqlLockTalks    = sqlTalks + ` FOR NO KEY UPDATE OF h, v`

	// Threads that were made just now, maybe by somebody else who has them locked: then it is tried again.
	sqlLockMet              = `SELECT ` + threadList + byAddress + byThread + ` FOR NO KEY UPDATE OF h NOWAIT`
	sqlLockMetConversations = `SELECT ` + aliased(conversations.list(), "v") + byAddress + current + byThread + ` FOR NO KEY UPDATE OF v`

	// Any threads, in two statements.
	sqlThreads = found + `SELECT ` + contacts.list() + `, coalesce(f.address, ''), ` + aliased(threads.list(), "h") + `
		FROM found AS f
		JOIN {s}.contacts AS t ON t.workspace = f.workspace AND t.id = f.contact
		JOIN {s}.threads AS h ON h.workspace = f.workspace AND h.contact = f.contact AND h.channel = f.channel` + byThread

	sqlLockThreads = sqlThreads + ` FOR NO KEY UPDATE OF h`

	// A statement of its own, with a newer view than the one that waited for the threads.
	sqlThreadConversations = found + `SELECT ` + conversations.list() + ` FROM {s}.conversations AS t
		JOIN (
			SELECT h.workspace, h.conversation AS id FROM found AS f
			JOIN {s}.threads AS h ON h.workspace = f.workspace AND h.contact = f.contact AND h.channel = f.channel
			UNION
			SELECT u.workspace, u.id FROM ` + arrays("u", 4, "workspace", "id") + `
		) AS w ON t.workspace = w.workspace AND t.id = w.id
		ORDER BY t.workspace, t.id`

	sqlLockThreadConversations = sqlThreadConversations + ` FOR NO KEY UPDATE OF t`

	sqlContacts = `SELECT ` + contacts.list() + ` FROM {s}.contacts AS t WHERE t.workspace = $1 AND t.id = ANY($2::text[])`

	// The ledger of a workspace, of a channel or of a contact.
	sqlConsents = `SELECT ` + threads.list() + ` FROM {s}.threads AS t WHERE t.workspace = $1 AND (t.channel, t.contact) > ($2, $3)
		AND t.consent_since IS NOT NULL ORDER BY t.channel, t.contact LIMIT $4`

	sqlConsentsOfChannel = `SELECT ` + threads.list() + ` FROM {s}.threads AS t WHERE t.workspace = $1 AND t.channel = $2
		AND t.contact > $3 AND t.consent_since IS NOT NULL ORDER BY t.contact LIMIT $4`

	sqlConsentsOfContact = `SELECT ` + threads.list() + ` FROM {s}.threads AS t WHERE t.workspace = $1 AND t.contact = $2
		AND ($3 = '' OR t.channel = $3) AND (t.channel, t.contact) > ($4, $5) AND t.consent_since IS NOT NULL
		ORDER BY t.channel, t.contact LIMIT $6`

	sqlInsertContact = contacts.insert()
	sqlUpdateContact = contacts.update()
	sqlUpdateThread  = threads.update()

	// Those of contacts that the transaction made, with the version that they have at last.
	sqlInsertThread = "INSERT INTO {s}.threads (" + threads.written() + ", version) SELECT " + threads.values() + ", u.version FROM " + threads.unnest(true)
)

// threadID names a thread.
type threadID struct{ workspace, channel, contact string }

// loadedThreads is what one call of Threads found.
type loadedThreads struct {
	rows map[threadID]livedesk.LoadedThread
	at   map[meeting]threadID
	talk map[rowKey]livedesk.Conversation
}

func newLoadedThreads() *loadedThreads {
	return &loadedThreads{
		rows: map[threadID]livedesk.LoadedThread{}, at: map[meeting]threadID{}, talk: map[rowKey]livedesk.Conversation{},
	}
}

// Threads implements [livedesk.ReadTx]. It costs one round trip of one statement, whatever the number of keys, where these
// are all of one kind and name current conversations; else one more of two statements.
func (t *tx) Threads(ctx context.Context, keys []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	out := make([]livedesk.LoadedThread, len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	l := newLoadedThreads()
	meetings, talks := sortKeys(keys)
	var err error
	switch {
	case len(talks) == 0:
		err = t.send(ctx, "load threads", func(b *pgx.Batch) {
			b.Queue(t.s.sql(t.pick(sqlMeetings, sqlLockMeetings)), meetingArgs(meetings)...).Query(l.scanWhole)
		})
	case len(meetings) == 0:
		err = t.send(ctx, "load threads", func(b *pgx.Batch) {
			b.Queue(t.s.sql(t.pick(sqlTalks, sqlLockTalks)), keyArgs(talks)...).Query(l.scanWhole)
		})
	}
	if err == nil {
		err = t.otherThreads(ctx, keys, l)
	}
	if err != nil {
		return nil, err
	}
	t.saw(l)
	for i, k := range keys {
		out[i] = l.thread(k)
	}
	return out, nil
}

// saw keeps the conversations that were loaded, so that Apply can tell what changed.
func (t *tx) saw(l *loadedThreads) {
	switch {
	case !t.write:
	case t.talks == nil:
		t.talks = l.talk
	default:
		maps.Copy(t.talks, l.talk)
	}
}

// otherThreads loads what was not found, if there is anything.
func (t *tx) otherThreads(ctx context.Context, keys []livedesk.ThreadKey, l *loadedThreads) error {
	var left []livedesk.ThreadKey
	for _, k := range keys {
		if !l.has(k) {
			left = append(left, k)
		}
	}
	if len(left) == 0 {
		return nil
	}
	meetings, talks := sortKeys(left)
	args := append(meetingArgs(meetings), keyArgs(talks)...)
	return t.send(ctx, "load threads", func(b *pgx.Batch) {
		b.Queue(t.s.sql(t.pick(sqlThreads, sqlLockThreads)), args...).Query(l.scanThreads)
		b.Queue(t.s.sql(t.pick(sqlThreadConversations, sqlLockThreadConversations)), args...).Query(l.scanConversations)
	})
}

// has reports whether a key was found with its thread.
func (l *loadedThreads) has(k livedesk.ThreadKey) bool {
	if k.Conversation != "" {
		_, ok := l.talk[rowKey{k.Workspace, k.Conversation}]
		return ok
	}
	_, ok := l.at[meeting{k.Workspace, k.Channel, k.Address}]
	return ok
}

// pick returns the statement that locks inside Update, and the other one in a View.
func (t *tx) pick(view, update string) string {
	if t.write {
		return update
	}
	return view
}

// sortKeys returns what keys name, each once and in order.
func sortKeys(keys []livedesk.ThreadKey) (meetings []meeting, talks []rowKey) {
	for _, k := range keys {
		if k.Conversation != "" {
			talks = append(talks, rowKey{k.Workspace, k.Conversation})
		} else {
			meetings = append(meetings, meeting{k.Workspace, k.Channel, k.Address})
		}
	}
	slices.SortFunc(meetings, meeting.compare)
	slices.SortFunc(talks, func(a, b rowKey) int { return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.id, b.id)) })
	return slices.Compact(meetings), slices.Compact(talks)
}

// keyArgs returns keys as the parameters (workspaces, ids).
func keyArgs(keys []rowKey) []any {
	workspaces, ids := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		workspaces[i], ids[i] = k.workspace, k.id
	}
	return []any{workspaces, ids}
}

func (l *loadedThreads) scanThreads(rows pgx.Rows) error {
	for rows.Next() {
		var r livedesk.LoadedThread
		var asked channel.Address
		targets := append(contacts.targets(make([]any, 0, 32), &r.Contact), &asked)
		if err := rows.Scan(threads.targets(targets, &r.Thread)...); err != nil {
			return err
		}
		l.add(r, asked)
	}
	return rows.Err()
}

// scanWhole scans threads with their current conversation.
func (l *loadedThreads) scanWhole(rows pgx.Rows) error {
	var r livedesk.LoadedThread
	var c livedesk.Conversation
	var asked channel.Address
	targets := threads.targets(append(contacts.targets(make([]any, 0, 64), &r.Contact), &asked), &r.Thread)
	targets = conversations.targets(targets, &c)
	for rows.Next() {
		r, c = livedesk.LoadedThread{}, livedesk.Conversation{}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		l.add(r, asked)
		l.talk[rowKey{c.Workspace, c.ID}] = c
	}
	return rows.Err()
}

// add keeps a thread; asked is the address that it was found by, empty for none.
func (l *loadedThreads) add(r livedesk.LoadedThread, asked channel.Address) {
	id := threadID{r.Thread.Workspace, r.Thread.Channel, r.Thread.Contact}
	l.rows[id] = r
	if asked != "" {
		l.at[meeting{id.workspace, id.channel, asked}] = id
	}
}

func (l *loadedThreads) scanConversations(rows pgx.Rows) error {
	return scanAll(rows, &conversations, func(c livedesk.Conversation) { l.talk[rowKey{c.Workspace, c.ID}] = c })
}

// scanAll scans rows that list selected.
func scanAll[T any](rows pgx.Rows, t *table[T], got func(T)) error {
	var row, none T
	targets := t.targets(make([]any, 0, len(t.columns)+1), &row)
	for rows.Next() {
		row = none
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		got(row)
	}
	return rows.Err()
}

// thread returns what a key found, as copies: two keys may name the same.
func (l *loadedThreads) thread(k livedesk.ThreadKey) (out livedesk.LoadedThread) {
	var id threadID
	var asked *livedesk.Conversation
	if k.Conversation != "" {
		asked = l.conversation(k.Workspace, k.Conversation)
		if asked == nil {
			return out
		}
		id = threadID{k.Workspace, asked.Channel, asked.Contact}
	} else {
		id = l.at[meeting{k.Workspace, k.Channel, k.Address}]
	}
	r, ok := l.rows[id]
	if !ok {
		return out
	}
	r.Contact, r.Thread = cloneContact(r.Contact), r.Thread.Clone()
	r.Asked = asked
	if r.Thread.Conversation != "" {
		r.Current = l.conversation(id.workspace, r.Thread.Conversation)
	}
	return r
}

func (l *loadedThreads) conversation(workspace, id string) *livedesk.Conversation {
	c, ok := l.talk[rowKey{workspace, id}]
	if !ok {
		return nil
	}
	return new(cloneConversation(c))
}

func cloneContact(c livedesk.Contact) livedesk.Contact {
	c.Attributes, c.Labels = maps.Clone(c.Attributes), slices.Clone(c.Labels)
	return c
}

func cloneConversation(c livedesk.Conversation) livedesk.Conversation {
	c.Attributes, c.Labels = maps.Clone(c.Attributes), slices.Clone(c.Labels)
	return c
}

// Consents implements [livedesk.ReadTx]. A page costs one round trip, and a step for each thread, found by an index of those
// alone that have a change of consent, or by the contact.
func (t *tx) Consents(ctx context.Context, q livedesk.ConsentQuery) (out []livedesk.Thread, err error) {
	if q.Limit < 1 || q.Limit > 1000 {
		return nil, errLimit
	}
	statement, args := sqlConsents, []any{q.Workspace, q.AfterChannel, q.AfterContact, q.Limit}
	switch {
	case q.Contact != "":
		statement, args = sqlConsentsOfContact, []any{q.Workspace, q.Contact, q.Channel, q.AfterChannel, q.AfterContact, q.Limit}
	case q.Channel != "":
		behind, more := q.Goes()
		if !more {
			return nil, ctx.Err()
		}
		statement, args = sqlConsentsOfChannel, []any{q.Workspace, q.Channel, behind, q.Limit}
	}
	err = t.send(ctx, "load consents", func(b *pgx.Batch) {
		b.Queue(t.s.sql(statement), args...).Query(func(rows pgx.Rows) error {
			return scanAll(rows, &threads, func(t livedesk.Thread) { out = append(out, t) })
		})
	})
	return out, err
}

// Contacts implements [livedesk.ReadTx]. It costs one round trip.
func (t *tx) Contacts(ctx context.Context, workspace string, ids []string) ([]livedesk.Contact, error) {
	out := make([]livedesk.Contact, len(ids))
	if len(ids) == 0 {
		return out, ctx.Err()
	}
	got := make(map[string]livedesk.Contact, len(ids))
	err := t.send(ctx, "load contacts", func(b *pgx.Batch) {
		b.Queue(t.s.sql(sqlContacts), workspace, ids).Query(func(rows pgx.Rows) error {
			return scanAll(rows, &contacts, func(c livedesk.Contact) { got[c.ID] = c })
		})
	})
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		out[i] = cloneContact(got[id])
	}
	return out, nil
}
