package pgstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	// ranks are those of livedesk.Class.Rank, most urgent first.
	ranks = `(VALUES (0::bigint), (1), (2), (3)) AS r(rank)`

	// ready are texts of rank r that are due and first of their conversation, the longest due first. What somebody else
	// has locked is passed over.
	ready = `SELECT m.workspace, m.channel, m.id, m.rank, m.due FROM {s}.messages AS m
		WHERE m.rank = r.rank AND m.due <= $1 AND m.due IS NOT NULL`

	first = ` AND NOT EXISTS (SELECT 1 FROM {s}.messages AS e WHERE e.workspace = m.workspace
			AND e.conversation = m.conversation AND e.seq < m.seq AND e.due IS NOT NULL)
		ORDER BY m.due, m.id `

	skip = ` FOR NO KEY UPDATE OF m SKIP LOCKED`

	// budgets are the senders with a budget of their own.
	budgets = `unnest($4::text[], $5::text[], $6::bigint[]) AS s(workspace, channel, budget)`
)

var (
	// Of the first $2 that are ready, those that are within their sender's budget. The outer LIMIT stops the walk, so no more
	// than that are locked.
	sqlClaim = `WITH front AS MATERIALIZED (
			SELECT x.* FROM ` + ranks + ` CROSS JOIN LATERAL (` + ready + first + `LIMIT $2` + skip + `) AS x LIMIT $2
		), numbered AS (
			SELECT f.*, row_number() OVER (PARTITION BY f.workspace, f.channel ORDER BY f.rank, f.due, f.id) AS place FROM front AS f
		), chosen AS (
			SELECT n.* FROM numbered AS n LEFT JOIN ` + budgets + ` ON s.workspace = n.workspace AND s.channel = n.channel
			WHERE n.place <= coalesce(s.budget, $3)
		) ` + lease

	// The same choice by asking each sender that has budget left for its first texts. A sender that is paused with a long
	// backlog then costs a step and not a walk over all of it.
	sqlClaimBySender = `WITH RECURSIVE senders AS (
			(SELECT m.workspace, m.channel FROM {s}.messages AS m WHERE m.due IS NOT NULL ORDER BY m.workspace, m.channel LIMIT 1)
			UNION ALL
			SELECT n.workspace, n.channel FROM senders AS p CROSS JOIN LATERAL (
				SELECT m.workspace, m.channel FROM {s}.messages AS m
				WHERE m.due IS NOT NULL AND (m.workspace, m.channel) > (p.workspace, p.channel)
				ORDER BY m.workspace, m.channel LIMIT 1) AS n
		), open AS (
			SELECT p.workspace, p.channel, least(coalesce(s.budget, $3), $2) AS budget
			FROM senders AS p LEFT JOIN ` + budgets + ` ON s.workspace = p.workspace AND s.channel = p.channel
			WHERE coalesce(s.budget, $3) > 0
		), front AS MATERIALIZED (
			SELECT y.* FROM open AS o CROSS JOIN LATERAL (
				SELECT x.* FROM ` + ranks + ` CROSS JOIN LATERAL (` + ready + `
					AND m.workspace = o.workspace AND m.channel = o.channel` + first + `LIMIT o.budget` + skip + `) AS x
				LIMIT o.budget) AS y
		), chosen AS (
			SELECT f.* FROM front AS f ORDER BY f.rank, f.due, f.id LIMIT $2
		) ` + lease

	// There is at least one row: its last column is how many texts were looked at, also where none was chosen.
	lease = `, leased AS (
			UPDATE {s}.messages AS t SET delivery = CASE t.delivery WHEN 'queued' THEN 'claimed' ELSE t.delivery END,
				due = $7, fence = t.fence + 1, version = t.version + 1
			FROM chosen AS c WHERE t.workspace = c.workspace AND t.id = c.id
			RETURNING ` + messageList + `, c.rank, c.due AS was
		) SELECT l.*, (SELECT count(*) FROM front)::text FROM (VALUES (1)) AS v LEFT JOIN leased AS l ON true`

	// What has not begun to leave is taken back. History keeps its last notes.
	sqlCancel = `UPDATE {s}.messages AS t SET delivery = 'canceled', reason = u.reason, due = NULL, fence = t.fence + 1,
			version = t.version + 1, history = CASE WHEN jsonb_array_length(t.history) >= $5::bigint
				THEN t.history - 0 ELSE coalesce(t.history, '[]'::jsonb) END || $6::jsonb
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS u(workspace, channel, contact, reason)
		WHERE t.workspace = u.workspace AND t.channel = u.channel AND t.contact = u.contact
			AND t.delivery IN ('queued', 'claimed')`
)

// claim is one claim being made up.
type claim struct {
	livedesk.Claim
	taken  map[livedesk.Sender]int
	got    []claimed
	looked int
}

// claimed is a text that was leased, with what it is sorted by.
type claimed struct {
	livedesk.Message
	rank, was int64
}

// Claim implements [livedesk.Tx]. It costs one round trip, and an index step for each text that is taken, locked by
// somebody else, or blocked by an earlier one of its conversation. When texts of spent senders stand in front it
// costs one more round trip, and an index step for each sender with something in the outbox.
func (t *tx) Claim(ctx context.Context, q livedesk.Claim) ([]livedesk.Message, error) {
	if q.Limit < 1 {
		return nil, errLimit
	}
	c := &claim{Claim: q, taken: map[livedesk.Sender]int{}}
	if err := t.claim(ctx, c, sqlClaim); err != nil {
		return nil, err
	}
	if c.looked > len(c.got) {
		if err := t.claim(ctx, c, sqlClaimBySender); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.got, func(a, b claimed) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.was, b.was), cmp.Compare(a.ID, b.ID))
	})
	out := make([]livedesk.Message, len(c.got))
	for i, m := range c.got {
		out[i] = m.Message
	}
	return out, nil
}

func (t *tx) claim(ctx context.Context, c *claim, statement string) error {
	now := t.Now()
	return t.send(ctx, "claim texts", func(b *pgx.Batch) {
		args := append([]any{now.UnixMicro(), int64(c.Limit - len(c.got))}, c.budgets()...)
		b.Queue(t.s.sql(statement), append(args, now.Add(c.Lease).UnixMicro())...).Query(c.scan)
	})
}

// budgets returns what is left: for a sender that isn't named, and for those that are.
func (c *claim) budgets() []any {
	most := int64(c.Limit)
	if c.PerSender > 0 {
		most = int64(c.PerSender)
	}
	var workspaces, channels []string
	var left []int64
	add := func(s livedesk.Sender, n int64) {
		workspaces, channels, left = append(workspaces, s.Workspace), append(channels, s.Channel), append(left, n)
	}
	for s, n := range c.Senders {
		add(s, int64(n-c.taken[s]))
	}
	for s, n := range c.taken {
		if _, named := c.Senders[s]; !named {
			add(s, most-int64(n))
		}
	}
	return []any{most, workspaces, channels, left}
}

func (c *claim) scan(rows pgx.Rows) (err error) {
	for rows.Next() {
		raw := rows.RawValues()
		if c.looked, err = strconv.Atoi(string(raw[len(raw)-1])); err != nil {
			return err
		}
		if raw[0] == nil { // nothing was chosen
			continue
		}
		var m message
		var state *string
		var one claimed
		if err := messages.scan(rows, &m, &state, &one.rank, &one.was, nil); err != nil {
			return err
		}
		one.Message = m.row(state)
		c.got = append(c.got, one)
		c.taken[livedesk.Sender{Workspace: one.Workspace, Channel: one.Channel}]++
	}
	return rows.Err()
}
