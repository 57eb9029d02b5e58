package pgstore

import (
	"reflect"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// The rows, column by column.

var contacts = table[livedesk.Contact]{
	name: "contacts", keys: 2, version: func(c *livedesk.Contact) *int64 { return &c.Version },
	columns: []column[livedesk.Contact]{
		text("workspace", func(c *livedesk.Contact) *string { return &c.Workspace }),
		text("id", func(c *livedesk.Contact) *string { return &c.ID }),
		text("address", func(c *livedesk.Contact) *channel.Address { return &c.Address }),
		text("name", func(c *livedesk.Contact) *string { return &c.Name }),
		text("external_id", func(c *livedesk.Contact) *string { return &c.ExternalID }),
		text("language", func(c *livedesk.Contact) *string { return &c.Language }),
		text("zone", func(c *livedesk.Contact) *string { return &c.Zone }),
		text("country", func(c *livedesk.Contact) *string { return &c.Country }),
		document("attributes", func(c *livedesk.Contact) *map[string]string { return &c.Attributes }),
		document("labels", func(c *livedesk.Contact) *[]string { return &c.Labels }),
		moment("created_at", func(c *livedesk.Contact) *time.Time { return &c.CreatedAt }),
	},
}

var threads = table[livedesk.Thread]{
	name: "threads", keys: 3, version: func(t *livedesk.Thread) *int64 { return &t.Version },
	columns: []column[livedesk.Thread]{
		text("workspace", func(t *livedesk.Thread) *string { return &t.Workspace }),
		text("channel", func(t *livedesk.Thread) *string { return &t.Channel }),
		text("contact", func(t *livedesk.Thread) *string { return &t.Contact }),
		text("conversation", func(t *livedesk.Thread) *string { return &t.Conversation }),
		flag("opted_out", func(t *livedesk.Thread) bool { return t.Consent.OptedOut },
			func(t *livedesk.Thread) *bool { return &t.Consent.OptedOut }),
		maybeMoment("consent_since", func(t *livedesk.Thread) *time.Time { return &t.Consent.Since }),
		text("consent_source", func(t *livedesk.Thread) *string { return &t.Consent.Source }),
		text("consent_keyword", func(t *livedesk.Thread) *string { return &t.Consent.Keyword }),
		document("consents", func(t *livedesk.Thread) *[]livedesk.ConsentChange { return &t.ConsentHistory }),
		number("consents_lost", func(t *livedesk.Thread) *int { return &t.ConsentDropped }),
		number("automatic", func(t *livedesk.Thread) *int { return &t.Automatic }),
		maybeMoment("ai_next", func(t *livedesk.Thread) *time.Time { return &t.AINext }),
	},
}

var conversations = table[livedesk.Conversation]{
	name: "conversations", keys: 2, version: func(c *livedesk.Conversation) *int64 { return &c.Version },
	columns: []column[livedesk.Conversation]{
		text("workspace", func(c *livedesk.Conversation) *string { return &c.Workspace }),
		text("id", func(c *livedesk.Conversation) *string { return &c.ID }),
		text("channel", func(c *livedesk.Conversation) *string { return &c.Channel }),
		text("contact", func(c *livedesk.Conversation) *string { return &c.Contact }),
		text("address", func(c *livedesk.Conversation) *channel.Address { return &c.Address }),
		text("state", func(c *livedesk.Conversation) *livedesk.State { return &c.State }),
		computed("live_key", "boolean", func(c *livedesk.Conversation) *bool {
			if c.State.Live() {
				return new(true)
			}
			return nil
		}),
		text("before", func(c *livedesk.Conversation) *livedesk.State { return &c.Before }),
		maybeMoment("snooze_until", func(c *livedesk.Conversation) *time.Time { return &c.SnoozeUntil }),
		number("cycle", func(c *livedesk.Conversation) *int { return &c.Cycle }),
		text("assignee", func(c *livedesk.Conversation) *string { return &c.Assignee }),
		text("ai", func(c *livedesk.Conversation) *string { return &c.AI }),
		number("ai_turn", func(c *livedesk.Conversation) *int64 { return &c.AITurn }),
		number("handed_over", func(c *livedesk.Conversation) *int { return &c.HandedOver }),
		maybeText("queue", func(c *livedesk.Conversation) *string { return &c.Queue }),
		maybeMoment("queued_at", func(c *livedesk.Conversation) *time.Time { return &c.QueuedAt }),
		text("needs", func(c *livedesk.Conversation) *livedesk.Needs { return &c.Needs }),
		number("priority", func(c *livedesk.Conversation) *routing.Priority { return &c.Priority }),
		document("labels", func(c *livedesk.Conversation) *[]string { return &c.Labels }),
		document("attributes", func(c *livedesk.Conversation) *map[string]string { return &c.Attributes }),
		text("external_id", func(c *livedesk.Conversation) *string { return &c.ExternalID }),
		moment("created_at", func(c *livedesk.Conversation) *time.Time { return &c.CreatedAt }),
		moment("active_at", func(c *livedesk.Conversation) *time.Time { return &c.ActiveAt }),
		maybeMoment("waiting_since", func(c *livedesk.Conversation) *time.Time { return &c.WaitingSince }),
		flag("waits", func(c *livedesk.Conversation) bool { return !c.WaitingSince.IsZero() }, nil),
		maybeMoment("first_response_at", func(c *livedesk.Conversation) *time.Time { return &c.FirstResponseAt }),
		maybeMoment("resolved_at", func(c *livedesk.Conversation) *time.Time { return &c.ResolvedAt }),
		text("resolved_by_kind", func(c *livedesk.Conversation) *livedesk.ActorKind { return &c.ResolvedBy.Kind }),
		text("resolved_by_id", func(c *livedesk.Conversation) *string { return &c.ResolvedBy.ID }),
		maybeMoment("reopen_until", func(c *livedesk.Conversation) *time.Time { return &c.ReopenUntil }),
		number("last_seq", func(c *livedesk.Conversation) *int64 { return &c.LastSeq }),
		number("unread", func(c *livedesk.Conversation) *int { return &c.Unread }),
		flag("unseen", func(c *livedesk.Conversation) bool { return c.Unread > 0 }, nil),
		text("preview", func(c *livedesk.Conversation) *string { return &c.Preview }),
	},
}

// activity is what an ordinary text changes in its conversation.
var activity = conversations.only("active_at", "waiting_since", "waits", "last_seq", "unread", "unseen", "preview")

// sameButActivity reports whether two versions of a conversation differ in nothing else.
func sameButActivity(a, b livedesk.Conversation) bool {
	a.ActiveAt, a.WaitingSince, a.LastSeq, a.Unread, a.Preview = b.ActiveAt, b.WaitingSince, b.LastSeq, b.Unread, b.Preview
	return reflect.DeepEqual(&a, &b)
}

// message is a message with its delivery laid open: state is empty where there is none.
type message struct {
	livedesk.Message
	d livedesk.Delivery
}

func openMessage(m *livedesk.Message) message {
	out := message{Message: *m}
	if m.Delivery != nil {
		out.d = *m.Delivery
		out.d.History = make([]livedesk.DeliveryNote, len(m.Delivery.History))
		for i, n := range m.Delivery.History { // times as the store keeps all of them
			n.At = n.At.UTC().Truncate(time.Microsecond)
			out.d.History[i] = n
		}
		if m.Delivery.History == nil {
			out.d.History = nil
		}
	}
	return out
}

// row returns a scanned message in its public form.
func (m *message) row(state *string) livedesk.Message {
	if state != nil {
		d := m.d
		d.State = livedesk.DeliveryState(*state)
		m.Delivery = &d
	}
	return m.Message
}

var messages = table[message]{
	name: "messages", keys: 2, version: func(m *message) *int64 { return &m.Version },
	columns: []column[message]{
		text("workspace", func(m *message) *string { return &m.Workspace }),
		text("id", func(m *message) *string { return &m.ID }),
		text("conversation", func(m *message) *string { return &m.Conversation }),
		text("channel", func(m *message) *string { return &m.Channel }),
		text("contact", func(m *message) *string { return &m.Contact }),
		number("seq", func(m *message) *int64 { return &m.Seq }),
		text("kind", func(m *message) *livedesk.MessageKind { return &m.Kind }),
		text("class", func(m *message) *livedesk.Class { return &m.Class }),
		text("by_kind", func(m *message) *livedesk.ActorKind { return &m.By.Kind }),
		text("by_id", func(m *message) *string { return &m.By.ID }),
		text("text", func(m *message) *string { return &m.Text }),
		document("media", func(m *message) *[]channel.Attachment { return &m.Media }),
		document("others", func(m *message) *[]channel.Address { return &m.Others }),
		maybeText("key", func(m *message) *string { return &m.Key }),
		maybeText("provider_id", func(m *message) *string { return &m.ProviderID }),
		moment("at", func(m *message) *time.Time { return &m.At }),
		maybeMoment("provider_at", func(m *message) *time.Time { return &m.ProviderAt }),
		maybeText("resend_of", func(m *message) *string { return &m.ResendOf }),
		document("activity", func(m *message) **livedesk.Activity { return &m.Activity }),
		computed("delivery", "text", func(m *message) *string {
			if m.Delivery == nil {
				return nil
			}
			return new(string(m.Delivery.State))
		}),
		computed("stage", "text", func(m *message) *string {
			if as := m.d.State.Counted(); as != "" {
				return new(string(as))
			}
			return nil
		}),
		computed("rank", "bigint", func(m *message) int64 {
			if m.Delivery == nil {
				return 0
			}
			return int64(m.Class.Rank())
		}),
		maybeMoment("due", func(m *message) *time.Time { return &m.d.Due }),
		maybeMoment("expires", func(m *message) *time.Time { return &m.d.Expires }),
		number("fence", func(m *message) *int64 { return &m.d.Fence }),
		number("attempts", func(m *message) *int { return &m.d.Attempts }),
		number("segments", func(m *message) *int { return &m.d.Segments }),
		text("code", func(m *message) *string { return &m.d.Code }),
		text("reason", func(m *message) *channel.Reason { return &m.d.Reason }),
		document("history", func(m *message) *[]livedesk.DeliveryNote { return &m.d.History }),
	},
}

// entries are the columns of a message that has no delivery, deliveries those that change when it has one.
var (
	entries    = messages.without(deliveryColumns...)
	deliveries = messages.only(append(deliveryColumns, "provider_id")...)
)

var deliveryColumns = []string{
	"delivery", "stage", "due", "expires", "fence", "attempts", "segments", "code", "reason", "history",
}

// The load of an agent isn't kept: it is counted when it is asked for, see agents.go.
var agents = table[livedesk.Agent]{
	name: "agents", keys: 2, version: func(a *livedesk.Agent) *int64 { return &a.Version },
	columns: []column[livedesk.Agent]{
		text("workspace", func(a *livedesk.Agent) *string { return &a.Workspace }),
		text("id", func(a *livedesk.Agent) *string { return &a.ID }),
		text("name", func(a *livedesk.Agent) *string { return &a.Name }),
		document("skills", func(a *livedesk.Agent) *[]string { return &a.Skills }),
		document("languages", func(a *livedesk.Agent) *[]string { return &a.Languages }),
		number("capacity", func(a *livedesk.Agent) *int { return &a.Capacity }),
		text("presence", func(a *livedesk.Agent) *livedesk.Presence { return &a.Presence }),
		maybeMoment("presence_until", func(a *livedesk.Agent) *time.Time { return &a.PresenceUntil }),
		number("outside_load", func(a *livedesk.Agent) *int { return &a.OutsideLoad }),
	},
}

var queues = table[livedesk.Queue]{
	name: "queues", keys: 2, version: func(q *livedesk.Queue) *int64 { return &q.Version },
	columns: []column[livedesk.Queue]{
		text("workspace", func(q *livedesk.Queue) *string { return &q.Workspace }),
		text("id", func(q *livedesk.Queue) *string { return &q.ID }),
		number("count", func(q *livedesk.Queue) *int64 { return &q.Count }),
		document("members", func(q *livedesk.Queue) *[]livedesk.Member { return &q.Members }),
	},
}

// The revision of an object is given by the statement that writes it.
var objects = table[livedesk.Object]{
	name: "objects", keys: 3, version: func(o *livedesk.Object) *int64 { return &o.Version },
	columns: []column[livedesk.Object]{
		text("workspace", func(o *livedesk.Object) *string { return &o.Workspace }),
		text("kind", func(o *livedesk.Object) *string { return &o.Kind }),
		text("id", func(o *livedesk.Object) *string { return &o.ID }),
		maybeText("key", func(o *livedesk.Object) *string { return &o.Key }),
		{name: "data", kind: "bytea",
			values: func(rows []*livedesk.Object) any {
				out := make([][]byte, len(rows))
				for i, r := range rows {
					out[i] = r.Data
				}
				return out
			},
			target: func(o *livedesk.Object) any { return &o.Data }},
		flag("deleted", func(o *livedesk.Object) bool { return o.Deleted }, func(o *livedesk.Object) *bool { return &o.Deleted }),
	},
}

const jobColumns = `t.workspace, t.key, t.kind, t.subject, t.due, t.fence, t.attempts`

func jobTargets(j *livedesk.Job) []any {
	return []any{&j.Workspace, &j.Key, &j.Kind, &j.Subject, instant{&j.Due}, &j.Fence, integer[int]{&j.Attempts}}
}
