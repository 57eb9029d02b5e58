package sqlitestore

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlMessages = `SELECT k.key, ` + messageColumns + ` FROM json_each(?) AS k
		CROSS JOIN messages AS m ON m.workspace = ? AND m.id = k.value`

	sqlMessagesOfCarrier = `SELECT k.key, ` + messageColumns + ` FROM json_each(?) AS k
		CROSS JOIN messages AS m ON m.workspace = ? AND m.channel = ? AND m.provider_id = k.value AND m.kind = 'outgoing'`

	sqlMessagesOfKeys = `SELECT k.key, ` + messageColumns + ` FROM json_each(?) AS k
		CROSS JOIN messages AS m ON m.workspace = ? AND m.conversation = ? AND m.key = k.value`

	sqlTimeline = `SELECT ` + messageColumns + ` FROM messages AS m WHERE m.workspace = ? AND m.conversation = ? AND m.seq > ?
		AND m.seq < ? ORDER BY m.seq LIMIT ?`

	sqlTimelineLast = `SELECT ` + messageColumns + ` FROM messages AS m WHERE m.workspace = ? AND m.conversation = ? AND m.seq > ?
		AND m.seq < ? ORDER BY m.seq DESC LIMIT ?`
)

// Messages implements [livedesk.ReadTx]. It costs one read for each workspace, channel or conversation that keys are of.
func (r *reader) Messages(ctx context.Context, keys []livedesk.MessageKey) ([]livedesk.Message, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	ids, carriers, own := batches{}, batches{}, batches{}
	for i, k := range keys {
		switch {
		case k.ID != "":
			ids.add(scope{workspace: k.Workspace}, k.ID, i)
		case k.ProviderID != "":
			carriers.add(scope{k.Workspace, k.Channel}, k.ProviderID, i)
		case k.Key != "":
			own.add(scope{k.Workspace, k.Conversation}, k.Key, i)
		}
	}
	out := make([]livedesk.Message, len(keys))
	found := func(i int, m livedesk.Message) { out[i] = m }
	for s, b := range ids {
		if err := lookUp(r, b, r.scanMessage, found, sqlMessages, s.workspace); err != nil {
			return nil, err
		}
	}
	for s, b := range carriers {
		if err := lookUp(r, b, r.scanMessage, found, sqlMessagesOfCarrier, s.workspace, s.within); err != nil {
			return nil, err
		}
	}
	for s, b := range own {
		if err := lookUp(r, b, r.scanMessage, found, sqlMessagesOfKeys, s.workspace, s.within); err != nil {
			return nil, err
		}
	}
	return out, nil
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
	out, err := all(r, nil, r.scanMessage, text, q.Workspace, q.Conversation, q.After, before, q.Limit)
	if q.Last {
		slices.Reverse(out)
	}
	return out, err
}

var messages = newTable("messages",
	textColumn("conversation", func(m *livedesk.Message) string { return m.Conversation }),
	textColumn("channel", func(m *livedesk.Message) string { return m.Channel }),
	textColumn("contact", func(m *livedesk.Message) string { return m.Contact }),
	numberColumn("seq", func(m *livedesk.Message) int64 { return m.Seq }),
	textColumn("kind", func(m *livedesk.Message) livedesk.MessageKind { return m.Kind }),
	maybeColumn("key", func(m *livedesk.Message) string { return m.Key }),
	maybeColumn("provider_id", func(m *livedesk.Message) string { return m.ProviderID }),
	textColumn("class", func(m *livedesk.Message) livedesk.Class { return m.Class }),
	textColumn("by_kind", func(m *livedesk.Message) livedesk.ActorKind { return m.By.Kind }),
	textColumn("by_id", func(m *livedesk.Message) string { return m.By.ID }),
	textColumn("text", func(m *livedesk.Message) string { return m.Text }),
	listColumn("media", func(m *livedesk.Message) []channel.Attachment { return m.Media }),
	listColumn("others", func(m *livedesk.Message) []channel.Address { return m.Others }),
	timeColumn("at", func(m *livedesk.Message) time.Time { return m.At }),
	maybeTimeColumn("provider_at", func(m *livedesk.Message) time.Time { return m.ProviderAt }),
	maybeColumn("resend_of", func(m *livedesk.Message) string { return m.ResendOf }),
	column[livedesk.Message]{"activity", func(m *livedesk.Message) any { return activity(m.Activity) }, sameActivity},
	maybeColumn("delivery", func(m *livedesk.Message) livedesk.DeliveryState { return delivery(m).State }),
	numberColumn("rank", func(m *livedesk.Message) int { return m.Class.Rank() }),
	maybeTimeColumn("due", func(m *livedesk.Message) time.Time { return delivery(m).Due }),
	maybeFlagColumn("unfinished", unfinished),
	maybeColumn("stage", func(m *livedesk.Message) livedesk.DeliveryState { return delivery(m).State.Counted() }),
	maybeTimeColumn("expires", func(m *livedesk.Message) time.Time { return delivery(m).Expires }),
	numberColumn("fence", func(m *livedesk.Message) int64 { return delivery(m).Fence }),
	numberColumn("attempts", func(m *livedesk.Message) int { return delivery(m).Attempts }),
	numberColumn("segments", func(m *livedesk.Message) int { return delivery(m).Segments }),
	textColumn("code", func(m *livedesk.Message) string { return delivery(m).Code }),
	textColumn("reason", func(m *livedesk.Message) channel.Reason { return delivery(m).Reason }),
	column[livedesk.Message]{"history", func(m *livedesk.Message) any { return notes(delivery(m).History) },
		func(a, b *livedesk.Message) bool { return sameList(delivery(a).History, delivery(b).History) }},
	textColumn("workspace", func(m *livedesk.Message) string { return m.Workspace }),
	textColumn("id", func(m *livedesk.Message) string { return m.ID }),
)

var noDelivery livedesk.Delivery

// delivery returns a text's delivery, an empty one where there is none.
func delivery(m *livedesk.Message) *livedesk.Delivery {
	if m.Delivery == nil {
		return &noDelivery
	}
	return m.Delivery
}

// unfinished reports whether there is something left to do about a text, or to take back.
func unfinished(m *livedesk.Message) bool {
	d := delivery(m)
	return d.Unfinished() || d.State == livedesk.Queued || d.State == livedesk.Claimed
}

func sameActivity(a, b *livedesk.Message) bool {
	if a.Activity == nil || b.Activity == nil {
		return a.Activity == b.Activity
	}
	return reflect.DeepEqual(a.Activity, b.Activity)
}

// deliveries are the columns that may change in Changes.Deliveries.
var deliveries = messages.only("provider_id", "delivery", "due", "unfinished", "stage", "expires", "fence", "attempts", "segments", "code",
	"reason", "history")

func (t *tx) putMessage(m *livedesk.Message) error { return t.putColumns(m, messages.all()) }

func (t *tx) putDelivery(m *livedesk.Message) error { return t.putColumns(m, deliveries) }

// putColumns writes a message: what differs from what was read, or, if it wasn't read, what may have changed.
func (t *tx) putColumns(m *livedesk.Message, may columns) error {
	key := rowKey{m.Workspace, m.ID}
	was := t.seen.messages[key]
	delete(t.seen.messages, key)
	return messages.put(t, m, m.Version, was, may)
}
