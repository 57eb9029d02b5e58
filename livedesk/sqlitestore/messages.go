package sqlitestore

import (
	"context"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlMessage = `SELECT ` + messageColumns + ` FROM messages WHERE workspace = ? AND id = ?`

	sqlMessageOfCarrier = `SELECT ` + messageColumns + ` FROM messages
		WHERE workspace = ? AND channel = ? AND provider_id = ? AND kind = 'outgoing'`

	sqlMessageOfKey = `SELECT ` + messageColumns + ` FROM messages WHERE workspace = ? AND conversation = ? AND key = ?`

	sqlTimeline = `SELECT ` + messageColumns + ` FROM messages WHERE workspace = ? AND conversation = ? AND seq > ?
		AND seq < ? ORDER BY seq LIMIT ?`

	sqlTimelineLast = `SELECT ` + messageColumns + ` FROM messages WHERE workspace = ? AND conversation = ? AND seq > ?
		AND seq < ? ORDER BY seq DESC LIMIT ?`

	sqlInsertMessage = `INSERT INTO messages (conversation, channel, contact, seq, kind, key, provider_id, class, by_kind,
		by_id, text, media, others, at, provider_at, activity, delivery, rank, due, expires, fence, attempts, segments, code,
		reason, history, workspace, id, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`

	sqlUpdateMessage = `UPDATE messages SET conversation = ?, channel = ?, contact = ?, seq = ?, kind = ?, key = ?,
		provider_id = ?, class = ?, by_kind = ?, by_id = ?, text = ?, media = ?, others = ?, at = ?, provider_at = ?, activity = ?,
		delivery = ?, rank = ?, due = ?, expires = ?, fence = ?, attempts = ?, segments = ?, code = ?, reason = ?,
		history = ?, version = version + 1 WHERE workspace = ? AND id = ? AND version = ?`

	// Of a text whose delivery goes on: nothing else of it changes, and the indexes over the rest stay as they are.
	sqlDeliverMessage = `UPDATE messages SET delivery = ?, rank = ?, due = ?, expires = ?, fence = ?, attempts = ?,
		segments = ?, code = ?, reason = ?, history = ?, version = version + 1
		WHERE workspace = ? AND id = ? AND version = ?`
)

// Messages implements [livedesk.ReadTx]. Each costs one read by key.
func (r *reader) Messages(ctx context.Context, keys []livedesk.MessageKey) ([]livedesk.Message, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	out := make([]livedesk.Message, len(keys))
	for i, k := range keys {
		var err error
		switch {
		case k.ID != "":
			out[i], _, err = one(r, scanMessage, sqlMessage, k.Workspace, k.ID)
		case k.ProviderID != "":
			out[i], _, err = one(r, scanMessage, sqlMessageOfCarrier, k.Workspace, k.Channel, k.ProviderID)
		case k.Key != "":
			out[i], _, err = one(r, scanMessage, sqlMessageOfKey, k.Workspace, k.Conversation, k.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Messages implements [livedesk.ReadTx].
func (t *tx) Messages(ctx context.Context, keys []livedesk.MessageKey) ([]livedesk.Message, error) {
	out, err := t.reader.Messages(ctx, keys)
	for i := range out {
		t.noteMessage(&out[i])
	}
	return out, err
}

// Timeline implements [livedesk.ReadTx]. A page costs an index range of its own length.
func (r *reader) Timeline(ctx context.Context, q livedesk.TimelineQuery) ([]livedesk.Message, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	if q.Limit < 1 || q.Limit > 1000 {
		return nil, errLimit
	}
	before := q.Before
	if before == 0 {
		before = 1<<63 - 1
	}
	text := sqlTimeline
	if q.Last {
		text = sqlTimelineLast
	}
	out, err := all(r, nil, scanMessage, text, q.Workspace, q.Conversation, q.After, before, q.Limit)
	if q.Last {
		slices.Reverse(out)
	}
	return out, err
}

// messagePlace is everything of a message but its delivery.
type messagePlace struct {
	conversation, channel, contact, key, providerID string
	seq                                             int64
	kind                                            livedesk.MessageKind
	class                                           livedesk.Class
	by                                              livedesk.Actor
	text                                            string
	media, others                                   string
	at, providerAt                                  int64
	activity                                        livedesk.Activity
	delivered                                       bool
}

func placeOfMessage(m *livedesk.Message) messagePlace {
	p := messagePlace{m.Conversation, m.Channel, m.Contact, m.Key, m.ProviderID, m.Seq, m.Kind, m.Class, m.By, m.Text,
		"", "", micros(m.At), micros(m.ProviderAt), livedesk.Activity{}, m.Delivery != nil}
	if m.Media != nil {
		p.media = encode(m.Media)
	}
	if m.Others != nil {
		p.others = encode(m.Others)
	}
	if m.Activity != nil {
		p.activity = *m.Activity
	}
	return p
}

// noteMessage remembers what a text was like when the transaction read it.
func (t *tx) noteMessage(m *livedesk.Message) {
	if m.ID == "" || m.Delivery == nil {
		return
	}
	if t.seen == nil {
		t.seen = make(map[rowKey]placement, 8)
	}
	t.seen[rowKey{m.Workspace, m.ID}] = placement{m.Version, placeOfMessage(m)}
}

func (t *tx) putMessage(m *livedesk.Message) error {
	delivery := deliveryValues(m)
	key := rowKey{m.Workspace, m.ID}
	old := t.seen[key]
	delete(t.seen, key)
	if m.Version != 0 && old.version == m.Version && old.row == placeOfMessage(m) {
		return t.put(m.Version, "", sqlDeliverMessage, delivery, m.Workspace, m.ID)
	}
	values := append([]any{m.Conversation, m.Channel, m.Contact, m.Seq, string(m.Kind), maybeText(m.Key),
		maybeText(m.ProviderID), string(m.Class), string(m.By.Kind), m.By.ID, m.Text, array(m.Media), array(m.Others), micros(m.At),
		maybeMicros(m.ProviderAt), activity(m.Activity)}, delivery...)
	if m.Version == 0 {
		values = append(values, m.Workspace, m.ID)
	}
	return t.put(m.Version, sqlInsertMessage, sqlUpdateMessage, values, m.Workspace, m.ID)
}

// deliveryValues are the columns of a delivery: the state is NULL where there is none.
func deliveryValues(m *livedesk.Message) []any {
	d := m.Delivery
	if d == nil {
		return []any{nil, 0, nil, nil, 0, 0, 0, "", "", nil}
	}
	return []any{string(d.State), m.Class.Rank(), maybeMicros(d.Due), maybeMicros(d.Expires), d.Fence, d.Attempts,
		d.Segments, d.Code, string(d.Reason), notes(d.History)}
}
