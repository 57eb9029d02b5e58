package pgstore

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// found are the threads that keys name: by address in $1 to $3, by conversation in $4 and $5. Which thread a conversation
// belongs to never changes, so it needs no lock to ask. It is MATERIALIZED because PostgreSQL, when it has waited for a
// row lock and evaluates the query again for the new row, finds nothing through a UNION ALL that it inlined: the
// thread then seemed not to exist.
const found = `WITH found AS MATERIALIZED (
		SELECT c.workspace, u.channel, c.id AS contact, u.address
		FROM unnest($1::text[], $2::text[], $3::text[]) AS u(workspace, channel, address)
		JOIN {s}.contacts AS c ON c.workspace = u.workspace AND c.address = u.address
		UNION ALL
		SELECT v.workspace, v.channel, v.contact, NULL
		FROM unnest($4::text[], $5::text[]) AS u(workspace, id)
		JOIN {s}.conversations AS v ON v.workspace = u.workspace AND v.id = u.id) `

var (
	// Contacts are locked in the order of their ids, each before its thread.
	sqlThreads = found + `SELECT ` + contacts.list() + `, coalesce(f.address, ''), ` + aliased(threads.list(), "h") + `
		FROM found AS f
		JOIN {s}.contacts AS t ON t.workspace = f.workspace AND t.id = f.contact
		JOIN {s}.threads AS h ON h.workspace = f.workspace AND h.contact = f.contact AND h.channel = f.channel
		ORDER BY t.workspace, t.id, h.channel`

	sqlLockThreads = sqlThreads + ` FOR NO KEY UPDATE OF t, h`

	// A statement of its own, with a newer view than the one that waited for the threads.
	sqlThreadConversations = found + `SELECT ` + conversations.list() + ` FROM {s}.conversations AS t
		JOIN (
			SELECT h.workspace, h.conversation AS id FROM found AS f
			JOIN {s}.threads AS h ON h.workspace = f.workspace AND h.contact = f.contact AND h.channel = f.channel
			UNION
			SELECT u.workspace, u.id FROM unnest($4::text[], $5::text[]) AS u(workspace, id)
		) AS w ON t.workspace = w.workspace AND t.id = w.id
		ORDER BY t.workspace, t.id`

	sqlLockThreadConversations = sqlThreadConversations + ` FOR NO KEY UPDATE OF t`

	sqlContacts = `SELECT ` + contacts.list() + ` FROM {s}.contacts AS t WHERE t.workspace = $1 AND t.id = ANY($2::text[])`

	sqlInsertContact = contacts.insert()
	sqlUpdateContact = contacts.update()
	sqlUpdateThread  = threads.update()
)

// threadID names a thread.
type threadID struct{ workspace, channel, contact string }

// loadedThreads is what one call of Threads found.
type loadedThreads struct {
	rows map[threadID]livedesk.LoadedThread
	at   map[meeting]threadID
	talk map[rowKey]livedesk.Conversation
	gone bool // a contact moved to another address while it was waited for
}

// Threads implements [livedesk.ReadTx]. It costs one round trip of two statements, whatever the number of keys.
func (t *tx) Threads(ctx context.Context, keys []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	out := make([]livedesk.LoadedThread, len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	l := loadedThreads{
		rows: map[threadID]livedesk.LoadedThread{}, at: map[meeting]threadID{}, talk: map[rowKey]livedesk.Conversation{},
	}
	args := threadArgs(keys)
	err := t.send(ctx, "load threads", func(b *pgx.Batch) {
		b.Queue(t.s.sql(t.pick(sqlThreads, sqlLockThreads)), args...).Query(l.scanThreads)
		b.Queue(t.s.sql(t.pick(sqlThreadConversations, sqlLockThreadConversations)), args...).Query(l.scanConversations)
	})
	if err != nil {
		return nil, err
	}
	if l.gone {
		t.failed = &failure{"pgstore: load threads: a contact moved meanwhile", []error{livedesk.ErrSerialization}}
		return nil, t.failed
	}
	for i, k := range keys {
		out[i] = l.thread(k)
	}
	return out, nil
}

// pick returns the statement that locks inside Update, and the other one in a View.
func (t *tx) pick(view, update string) string {
	if t.write {
		return update
	}
	return view
}

// threadArgs are the parameters of found, each key once.
func threadArgs(keys []livedesk.ThreadKey) []any {
	meetings, talks := map[meeting]bool{}, map[rowKey]bool{}
	for _, k := range keys {
		if k.Conversation != "" {
			talks[rowKey{k.Workspace, k.Conversation}] = true
		} else {
			meetings[meeting{k.Workspace, k.Channel, k.Address}] = true
		}
	}
	a, b := intake{meetings: slices.Collect(maps.Keys(meetings))}, keyArgs(slices.Collect(maps.Keys(talks)))
	return append(a.threads(), b...)
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
		targets := append(contacts.targets(nil, &r.Contact), &asked)
		if err := rows.Scan(threads.targets(targets, &r.Thread)...); err != nil {
			return err
		}
		id := threadID{r.Thread.Workspace, r.Thread.Channel, r.Thread.Contact}
		l.rows[id] = r
		if asked == "" { // by conversation
			continue
		}
		l.at[meeting{id.workspace, id.channel, asked}] = id
		l.gone = l.gone || asked != r.Contact.Address
	}
	return rows.Err()
}

func (l *loadedThreads) scanConversations(rows pgx.Rows) error {
	return scanAll(rows, &conversations, func(c livedesk.Conversation) { l.talk[rowKey{c.Workspace, c.ID}] = c })
}

// scanAll scans rows that list selected.
func scanAll[T any](rows pgx.Rows, t *table[T], got func(T)) error {
	for rows.Next() {
		var row T
		if err := t.scan(rows, &row); err != nil {
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
	r.Contact = cloneContact(r.Contact)
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
