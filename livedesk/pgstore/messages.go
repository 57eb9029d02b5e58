package pgstore

import (
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

var messageList = messages.list() + ", t.delivery"

var (
	// By id in $1 and $2.
	sqlMessages = `SELECT ` + messageList + ` FROM ` + arrays("u", 1, "workspace", "id") + `
		JOIN {s}.messages AS t ON t.workspace = u.workspace AND t.id = u.id ORDER BY t.workspace, t.id`

	sqlLockMessages = sqlMessages + ` FOR NO KEY UPDATE OF t`

	// By id in $1 and $2, by the carrier's id in $3 to $5, by key in $6 to $8. Each is looked for by itself: a join may be
	// planned, for the few that there were once, as a walk over all.
	sqlAnyMessages = `SELECT ` + messageList + ` FROM (
			SELECT u.workspace, u.id FROM ` + arrays("u", 1, "workspace", "id") + `
			UNION
			SELECT u.workspace, x.id FROM ` + arrays("u", 3, "workspace", "channel", "provider_id") + `
			CROSS JOIN LATERAL (SELECT m.id FROM {s}.messages AS m WHERE m.workspace = u.workspace AND m.channel = u.channel
				AND m.provider_id = u.provider_id AND m.provider_id IS NOT NULL AND m.kind = 'outgoing' LIMIT 1) AS x
			UNION
			SELECT u.workspace, x.id FROM ` + arrays("u", 6, "workspace", "conversation", "key") + `
			CROSS JOIN LATERAL (SELECT m.id FROM {s}.messages AS m WHERE m.workspace = u.workspace
				AND m.conversation = u.conversation AND m.key = u.key AND m.key IS NOT NULL LIMIT 1) AS x
		) AS w JOIN {s}.messages AS t ON t.workspace = w.workspace AND t.id = w.id
		ORDER BY t.workspace, t.id`

	sqlLockAnyMessages = sqlAnyMessages + ` FOR NO KEY UPDATE OF t`

	sqlTimeline = `SELECT ` + messageList + ` FROM {s}.messages AS t
		WHERE t.workspace = $1 AND t.conversation = $2 AND t.seq > $3 AND t.seq < $4 ORDER BY t.seq LIMIT $5`

	sqlTimelineLast = `SELECT ` + messageList + ` FROM {s}.messages AS t
		WHERE t.workspace = $1 AND t.conversation = $2 AND t.seq > $3 AND t.seq < $4 ORDER BY t.seq DESC LIMIT $5`

	sqlInsertMessage  = messages.insert()
	sqlInsertEntry    = entries.insert()
	sqlUpdateMessage  = messages.update()
	sqlUpdateDelivery = deliveries.update()
)

// Messages implements [livedesk.ReadTx]. It costs one round trip, whatever the number of keys.
func (t *tx) Messages(ctx context.Context, keys []livedesk.MessageKey) ([]livedesk.Message, error) {
	out := make([]livedesk.Message, len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	found := make(map[livedesk.MessageKey]livedesk.Message, 2*len(keys))
	statement, args := t.pick(sqlAnyMessages, sqlLockAnyMessages), messageArgs(keys)
	if !slices.ContainsFunc(keys, func(k livedesk.MessageKey) bool { return k.ID == "" }) {
		statement, args = t.pick(sqlMessages, sqlLockMessages), args[:2]
	}
	err := t.send(ctx, "load messages", func(b *pgx.Batch) {
		b.Queue(t.s.sql(statement), args...).Query(func(rows pgx.Rows) error {
			return scanMessages(rows, func(m livedesk.Message) {
				found[livedesk.MessageKey{Workspace: m.Workspace, ID: m.ID}] = m
				if m.ProviderID != "" && m.Kind == livedesk.Outgoing {
					found[livedesk.MessageKey{Workspace: m.Workspace, Channel: m.Channel, ProviderID: m.ProviderID}] = m
				}
				if m.Key != "" {
					found[livedesk.MessageKey{Workspace: m.Workspace, Conversation: m.Conversation, Key: m.Key}] = m
				}
			})
		})
	})
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		out[i] = cloneMessage(found[plain(k)])
	}
	return out, nil
}

// plain returns a key with the fields of its kind only.
func plain(k livedesk.MessageKey) livedesk.MessageKey {
	switch {
	case k.ID != "":
		return livedesk.MessageKey{Workspace: k.Workspace, ID: k.ID}
	case k.ProviderID != "":
		return livedesk.MessageKey{Workspace: k.Workspace, Channel: k.Channel, ProviderID: k.ProviderID}
	}
	return livedesk.MessageKey{Workspace: k.Workspace, Conversation: k.Conversation, Key: k.Key}
}

func messageArgs(keys []livedesk.MessageKey) []any {
	var args [8][]string
	add := func(first int, values ...string) {
		for i, v := range values {
			args[first+i] = append(args[first+i], v)
		}
	}
	for _, k := range keys {
		switch {
		case k.ID != "":
			add(0, k.Workspace, k.ID)
		case k.ProviderID != "":
			add(2, k.Workspace, k.Channel, k.ProviderID)
		case k.Key != "":
			add(5, k.Workspace, k.Conversation, k.Key)
		}
	}
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
	}
	return out
}

// scanMessages scans rows of messageList, and what stands behind it.
func scanMessages(rows pgx.Rows, got func(livedesk.Message), more ...any) error {
	var m message
	var state *string
	targets := append(append(messages.targets(make([]any, 0, 64), &m), &state), more...)
	for rows.Next() {
		m, state = message{}, nil
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		got(m.row(state))
	}
	return rows.Err()
}

func cloneMessage(m livedesk.Message) livedesk.Message {
	m.Media, m.Others = slices.Clone(m.Media), slices.Clone(m.Others)
	if m.Activity != nil {
		m.Activity = new(m.Activity.Clone())
	}
	if m.Delivery != nil {
		m.Delivery = new(*m.Delivery)
		m.Delivery.History = slices.Clone(m.Delivery.History)
	}
	return m
}

// Timeline implements [livedesk.ReadTx]. It costs one round trip and an index range of the page's own length.
func (t *tx) Timeline(ctx context.Context, q livedesk.TimelineQuery) (out []livedesk.Message, err error) {
	if q.Limit < 1 || q.Limit > 1000 {
		return nil, errLimit
	}
	before := q.Before
	if before == 0 {
		before = math.MaxInt64
	}
	statement := sqlTimeline
	if q.Last {
		statement = sqlTimelineLast
	}
	err = t.send(ctx, "load timeline", func(b *pgx.Batch) {
		b.Queue(t.s.sql(statement), q.Workspace, q.Conversation, q.After, before, int64(q.Limit)).Query(func(rows pgx.Rows) error {
			return scanMessages(rows, func(m livedesk.Message) { out = append(out, m) })
		})
	})
	if err != nil {
		return nil, err
	}
	if q.Last {
		slices.Reverse(out)
	}
	return out, nil
}
