package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	microsADay = `86400000000`

	// Conversations that are old, the longest inactive first, with their threads, so that nobody adds to them meanwhile. They
	// are found in the inbox, one after the other until there are enough, and their threads by them; the conditions on the row
	// itself are those that count after it was locked.
	sqlLockOld = `SELECT x.id, x.channel, x.contact, x.active_at FROM (
			SELECT i.conversation FROM {s}.inbox AS i WHERE i.workspace = $1 AND i.state = 'resolved' AND i.active_at < $2
			ORDER BY i.active_at, i.conversation OFFSET 0
		) AS o CROSS JOIN LATERAL (
			SELECT v.id, v.channel, v.contact, v.active_at FROM {s}.conversations AS v CROSS JOIN LATERAL (
				SELECT h.contact FROM {s}.threads AS h WHERE h.workspace = v.workspace AND h.contact = v.contact AND h.channel = v.channel
				FOR UPDATE SKIP LOCKED
			) AS h
			WHERE v.workspace = $1 AND v.id = o.conversation AND v.state = 'resolved' AND v.active_at < $2
				AND (SELECT m.id FROM {s}.messages AS m WHERE m.workspace = v.workspace AND m.conversation = v.id AND m.due IS NOT NULL
					LIMIT 1) IS NULL
			FOR UPDATE OF v SKIP LOCKED
		) AS x LIMIT $3`

	// The oldest messages of each, up to the first that somebody else has locked.
	sqlDropMessages = `WITH locked AS MATERIALIZED (
			SELECT o.conversation, x.id, x.seq FROM unnest($2::text[]) WITH ORDINALITY AS o(conversation, ord)
			CROSS JOIN LATERAL (SELECT m.id, m.seq FROM {s}.messages AS m WHERE m.workspace = $1 AND m.conversation = o.conversation
				ORDER BY m.seq LIMIT $3 FOR UPDATE SKIP LOCKED) AS x LIMIT $3
		), numbered AS (
			SELECT l.*, row_number() OVER (PARTITION BY l.conversation ORDER BY l.seq) AS place FROM locked AS l
		)
		DELETE FROM {s}.messages AS t WHERE t.workspace = $1 AND t.id = ANY(ARRAY(
			SELECT n.id FROM numbered AS n WHERE n.seq - n.place < (SELECT m.seq FROM {s}.messages AS m
				WHERE m.workspace = $1 AND m.conversation = n.conversation ORDER BY m.seq LIMIT 1)))`

	// Those that have no message any more, with their place in the inbox, and in their thread.
	sqlDropConversations = `WITH empty AS MATERIALIZED (
			SELECT u.* FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) AS u(workspace, id, channel, contact, active_at)
			WHERE (SELECT m.seq FROM {s}.messages AS m WHERE m.workspace = u.workspace AND m.conversation = u.id LIMIT 1) IS NULL
		), unlisted AS (
			DELETE FROM {s}.inbox AS i USING empty AS e WHERE i.workspace = e.workspace AND i.state = 'resolved'
				AND i.active_at = e.active_at AND i.conversation = e.id
		), let_go AS (
			UPDATE {s}.threads AS h SET conversation = '', version = h.version + 1 FROM empty AS e
			WHERE h.workspace = e.workspace AND h.contact = e.contact AND h.channel = e.channel AND h.conversation = e.id
		)
		DELETE FROM {s}.conversations AS t USING empty AS e WHERE t.workspace = e.workspace AND t.id = e.id`

	sqlDropArrivals = `WITH old AS MATERIALIZED (
			SELECT a.workspace, a.channel, a.key FROM {s}.arrivals AS a WHERE a.workspace = $1 AND a.day < $2 ORDER BY a.day LIMIT $3
			FOR UPDATE SKIP LOCKED
		)
		DELETE FROM {s}.arrivals AS t USING old AS o WHERE t.workspace = o.workspace AND t.channel = o.channel AND t.key = o.key`
)

// perConversation is how many messages a conversation is thought to have: of those that can't be emptied in the same slice
// few are locked.
const perConversation = 8

// Prune implements [livedesk.Tx]. It costs two round trips, and an index step for each row that goes and for each conversation
// that others or unfinished texts keep.
func (t *tx) Prune(ctx context.Context, p livedesk.Prune) (out livedesk.Pruned, err error) {
	if p.Limit < 1 {
		return out, errLimit
	}
	var old oldConversations
	many := p.Limit/perConversation + 1
	if !p.Before.IsZero() {
		err = t.send(ctx, "find old conversations", func(b *pgx.Batch) {
			b.Queue(t.s.sql(sqlLockOld), p.Workspace, p.Before.UnixMicro(), int64(many)).Query(func(rows pgx.Rows) error {
				return old.scan(p.Workspace, rows)
			})
		})
	}
	if err != nil {
		return out, err
	}
	err = t.send(ctx, "prune", func(b *pgx.Batch) {
		if len(old.ids) > 0 {
			b.Queue(t.s.sql(sqlDropMessages), p.Workspace, old.ids, int64(p.Limit)).Exec(counts(&out.Messages))
			b.Queue(t.s.sql(sqlDropConversations), old.workspaces, old.ids, old.channels, old.contacts, old.activeAt).Exec(counts(&out.Conversations))
		}
		if !p.KeysBefore.IsZero() {
			b.Queue(t.s.sql(sqlDropArrivals), p.Workspace, p.KeysBefore.Unix()/(24*60*60), int64(p.Limit)).Exec(counts(&out.Keys))
		}
	})
	out.More = out.Messages+out.Conversations > 0 && (len(old.ids) == many || out.Messages == p.Limit) || out.Keys == p.Limit
	return out, err
}

func counts(n *int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		*n = int(tag.RowsAffected())
		return nil
	}
}

// oldConversations are conversations as parameters.
type oldConversations struct {
	workspaces, ids, channels, contacts []string
	activeAt                            []int64
}

func (o *oldConversations) scan(workspace string, rows pgx.Rows) error {
	var id, channel, contact string
	var at int64
	return each(rows, []any{&id, &channel, &contact, &at}, func() {
		o.workspaces, o.ids, o.channels = append(o.workspaces, workspace), append(o.ids, id), append(o.channels, channel)
		o.contacts, o.activeAt = append(o.contacts, contact), append(o.activeAt, at)
	})
}
