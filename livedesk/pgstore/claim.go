package pgstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

var (
	// ranks are those of livedesk.Class.Rank, most urgent first.
	ranks = `(VALUES (0::bigint), (1), (2), (3)) AS r(rank)`

	// first are those texts that no earlier one of their conversation stands before.
	first = ` AND t.seq <= (SELECT e.seq FROM {s}.messages AS e WHERE e.workspace = t.workspace
			AND e.conversation = t.conversation AND e.due IS NOT NULL ORDER BY e.seq LIMIT 1)
		ORDER BY t.due, t.id `

	skip = ` FOR NO KEY UPDATE OF t SKIP LOCKED`

	// others are those that this transaction has not claimed already.
	others = ` AND NOT EXISTS (SELECT 1 FROM ` + arrays("g", 8, "workspace", "id") + `
			WHERE g.workspace = t.workspace AND g.id = t.id)`

	// claimNow is the time of the transaction: as it was read, or as the server has it now that it begins.
	claimNow = `coalesce($1::bigint, ` + sqlBegan + ` + $7::bigint)`

	// allowances are the senders with one of their own.
	allowances = arrays("s", 4, "workspace", "channel", "allowed bigint")
)

// ready are texts of rank r that are due and first of their conversation, the longest due first. What somebody else
// has locked is passed over. Columns have names of their own, so that they can be passed on.
var ready = `SELECT ` + messages.listAs("m_") + `, t.delivery AS m_delivery, r.rank AS m_rank
	FROM {s}.messages AS t WHERE t.rank = r.rank AND t.due <= ` + claimNow + ` AND t.due IS NOT NULL`

var (
	// Of the first $2 that are ready, those that are within their sender's allowance. The outer LIMIT stops the walk, so no
	// more than that are locked.
	sqlClaim = `WITH front AS MATERIALIZED (
			SELECT x.* FROM ` + ranks + ` CROSS JOIN LATERAL (` + ready + first + `LIMIT $2` + skip + `) AS x LIMIT $2
		), numbered AS MATERIALIZED (
			SELECT f.*, row_number() OVER (PARTITION BY f.m_workspace, f.m_channel ORDER BY f.m_rank, f.m_due, f.m_id) AS place FROM front AS f
		), chosen AS (
			SELECT n.* FROM numbered AS n LEFT JOIN ` + allowances + ` ON s.workspace = n.m_workspace AND s.channel = n.m_channel
			WHERE n.place <= coalesce(s.allowed, $3)
		) ` + gated

	// The same choice by asking each sender that has some left for its first texts. A sender that is paused with a long
	// backlog then costs a step and not a walk over all of it.
	sqlClaimBySender = `WITH RECURSIVE senders AS (
			(SELECT m.workspace, m.channel FROM {s}.messages AS m WHERE m.due IS NOT NULL ORDER BY m.workspace, m.channel LIMIT 1)
			UNION ALL
			SELECT n.workspace, n.channel FROM senders AS p CROSS JOIN LATERAL (
				SELECT m.workspace, m.channel FROM {s}.messages AS m
				WHERE m.due IS NOT NULL AND (m.workspace, m.channel) > (p.workspace, p.channel)
				ORDER BY m.workspace, m.channel LIMIT 1) AS n
		), open AS (
			SELECT p.workspace, p.channel, least(coalesce(s.allowed, $3), $2) AS allowed
			FROM senders AS p LEFT JOIN ` + allowances + ` ON s.workspace = p.workspace AND s.channel = p.channel
			WHERE coalesce(s.allowed, $3) > 0
		), front AS MATERIALIZED (
			SELECT y.* FROM open AS o CROSS JOIN LATERAL (
				SELECT x.* FROM ` + ranks + ` CROSS JOIN LATERAL (` + ready + `
					AND t.workspace = o.workspace AND t.channel = o.channel ` + others + first + `LIMIT o.allowed` + skip + `) AS x
				LIMIT o.allowed) AS y
		), chosen AS MATERIALIZED (
			SELECT f.* FROM front AS f ORDER BY f.m_rank, f.m_due, f.m_id LIMIT $2
		) ` + gated

	// The thread is locked after the text, so it isn't waited for. There is at least one row: its last column is how many
	// texts were looked at, also where none was chosen.
	gated = `, gated AS MATERIALIZED (
			SELECT ` + messages.names("c.m_") + `, c.m_delivery, c.m_rank, ` + contacts.listFrom("p", "p_") + `, ` + threads.listFrom("h", "h_") + `
			FROM chosen AS c
			JOIN {s}.threads AS h ON h.workspace = c.m_workspace AND h.channel = c.m_channel AND h.contact = c.m_contact
			JOIN {s}.contacts AS p ON p.workspace = c.m_workspace AND p.id = c.m_contact
			FOR NO KEY UPDATE OF h SKIP LOCKED
		) SELECT l.*, (SELECT count(*) FROM front)::text FROM (VALUES (1)) AS v LEFT JOIN gated AS l ON true`

	// What has not begun to leave is taken back. History keeps its last notes.
	sqlCancel = `UPDATE {s}.messages AS t SET delivery = 'canceled', stage = NULL, reason = u.reason, due = NULL,
			fence = t.fence + 1, version = t.version + 1, history = CASE WHEN jsonb_array_length(t.history) >= $5::bigint
				THEN t.history - 0 ELSE coalesce(t.history, '[]'::jsonb) END || ($6::jsonb ||
				CASE WHEN u.reason = '' THEN '{}'::jsonb ELSE jsonb_build_object('detail', u.reason) END)
		FROM (
			SELECT m.workspace, m.id, w.reason FROM ` + arrays("w", 1, "workspace", "channel", "contact", "reason") + `
			CROSS JOIN LATERAL (SELECT n.workspace, n.id FROM {s}.messages AS n
				WHERE n.workspace = w.workspace AND n.channel = w.channel AND n.contact = w.contact AND n.stage = 'queued' OFFSET 0) AS m
		) AS u WHERE t.workspace = u.workspace AND t.id = u.id AND t.delivery IN ('queued', 'claimed')`
)

// claim is one claim being made up.
type claim struct {
	livedesk.Claim
	taken  map[livedesk.Sender]int
	got    []claimed
	looked int
}

// claimed is a text that was found, with the rank that it is sorted by.
type claimed struct {
	livedesk.DueText
	rank int64
}

// Claim implements [livedesk.Tx]. It costs one round trip, however long the backlog, and an index step for each text that is taken, locked by
// somebody else, or blocked by an earlier one of its conversation. When texts of senders who may send nothing stand in
// front it costs one more round trip, and an index step for each sender with something in the outbox.
func (t *tx) Claim(ctx context.Context, q livedesk.Claim) ([]livedesk.DueText, error) {
	if q.Limit < 1 {
		return nil, errLimit
	}
	c := &claim{Claim: q, taken: map[livedesk.Sender]int{}}
	if err := t.claim(ctx, c, sqlClaim); err != nil {
		return nil, err
	}
	if c.looked > len(c.got) {
		var workspaces, ids []string
		for _, d := range c.got {
			workspaces, ids = append(workspaces, d.Message.Workspace), append(ids, d.Message.ID)
		}
		if err := t.claim(ctx, c, sqlClaimBySender, workspaces, ids); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.got, func(a, b claimed) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), a.Message.Delivery.Due.Compare(b.Message.Delivery.Due),
			cmp.Compare(a.Message.ID, b.Message.ID))
	})
	out := make([]livedesk.DueText, len(c.got))
	for i, d := range c.got {
		out[i] = d.DueText
	}
	return out, nil
}

func (t *tx) claim(ctx context.Context, c *claim, statement string, more ...any) error {
	now, offset := t.clock()
	return t.send(ctx, "claim texts", func(b *pgx.Batch) {
		args := append([]any{now, int64(c.Limit - len(c.got))}, c.allowances()...)
		byIndex(b, t.s.sql(statement), append(append(args, offset), more...)...).Query(c.scan)
	})
}

// allowances returns what is left: for a sender that isn't named, and for those that are.
func (c *claim) allowances() []any {
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
		targets := append(messages.targets(make([]any, 0, 64), &m), &state, &one.rank)
		targets = threads.targets(contacts.targets(targets, &one.Contact), &one.Thread)
		if err := rows.Scan(append(targets, nil)...); err != nil {
			return err
		}
		one.Message = m.row(state)
		c.got = append(c.got, one)
		c.taken[livedesk.Sender{Workspace: one.Message.Workspace, Channel: one.Message.Channel}]++
	}
	return rows.Err()
}
