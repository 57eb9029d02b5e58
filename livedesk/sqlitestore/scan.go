package sqlitestore

import (
	"encoding/json"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// micros is a time that always has a value. The zero time is a number like any other and comes back as zero.
func micros(t time.Time) int64 { return t.UnixMicro() }

// maybeMicros is a time that may be missing: NULL when zero.
func maybeMicros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// maybeText is a text that takes part in a unique key or a partial index only where there is one: NULL when empty.
func maybeText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// array and dict are the stored forms of a slice and a map: NULL when nil, so that nil comes back as nil.
func array[E any](l []E) any {
	if l == nil {
		return nil
	}
	return encode(l)
}

func dict(m map[string]string) any {
	if m == nil {
		return nil
	}
	return encode(m)
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // the row types hold nothing that JSON can't
		panic(err)
	}
	return string(b)
}

// Each list of columns has the function that takes them beside it. A join that finds nothing gives NULL for everything.
const contactColumns = `c.workspace, c.id, c.address, c.name, c.external_id, c.language, c.zone, c.country, c.attributes,
	c.labels, c.created_at, c.version`

func scanContact(c *cells) livedesk.Contact {
	return livedesk.Contact{
		Workspace: c.text(), ID: c.text(), Address: channel.Address(c.text()), Name: c.text(), ExternalID: c.text(),
		Language: c.text(), Zone: c.text(), Country: c.text(), Attributes: document[map[string]string](c),
		Labels: document[[]string](c), CreatedAt: c.instant(), Version: c.number(),
	}
}

const threadColumns = `t.workspace, t.channel, t.contact, t.conversation, t.opted_out, t.consent_since, t.consent_source,
	t.consent_keyword, t.consents, t.consents_lost, t.automatic, t.ai_next, t.version`

func scanThread(c *cells) livedesk.Thread {
	return livedesk.Thread{
		Workspace: c.text(), Channel: c.text(), Contact: c.text(), Conversation: c.text(),
		Consent:        livedesk.ConsentState{OptedOut: c.truth(), Since: c.instant(), Source: c.text(), Keyword: c.text()},
		ConsentHistory: document[[]livedesk.ConsentChange](c), ConsentDropped: c.int(),
		Automatic: c.int(), AINext: c.instant(), Version: c.number(),
	}
}

const conversationColumns = `v.rowid, v.workspace, v.id, v.channel, v.contact, v.address, v.state, v.before, v.snooze_until,
	v.cycle, v.assignee, v.ai, v.ai_turn, v.handed_over, v.queue, v.queued_at, v.needs, v.priority, v.labels, v.attributes, v.external_id, v.created_at, v.active_at,
	v.waiting_since, v.first_response_at, v.resolved_at, v.resolved_by_kind, v.resolved_by_id, v.reopen_until, v.last_seq,
	v.unread, v.preview, v.version`

func (r *reader) scanConversation(c *cells) livedesk.Conversation {
	rowid := c.number()
	row := livedesk.Conversation{
		Workspace: c.text(), ID: c.text(), Channel: c.text(), Contact: c.text(), Address: channel.Address(c.text()),
		State: livedesk.State(c.text()), Before: livedesk.State(c.text()), SnoozeUntil: c.instant(), Cycle: c.int(),
		Assignee: c.text(), AI: c.text(), AITurn: c.number(), HandedOver: c.int(), Queue: c.text(), QueuedAt: c.instant(), Needs: livedesk.Needs(c.text()), Priority: routing.Priority(c.number()),
		Labels: document[[]string](c), Attributes: document[map[string]string](c), ExternalID: c.text(),
		CreatedAt: c.instant(), ActiveAt: c.instant(), WaitingSince: c.instant(), FirstResponseAt: c.instant(),
		ResolvedAt: c.instant(), ResolvedBy: livedesk.Actor{Kind: livedesk.ActorKind(c.text()), ID: c.text()},
		ReopenUntil: c.instant(), LastSeq: c.number(), Unread: c.int(), Preview: c.text(), Version: c.number(),
	}
	r.seen.conversation(rowid, &row)
	return row
}

// loadedColumns are those of a contact with its thread and the thread's conversation, as far as there are any.
const loadedColumns = contactColumns + `, ` + threadColumns + `, ` + conversationColumns

func (r *reader) scanLoaded(c *cells) livedesk.LoadedThread {
	l := livedesk.LoadedThread{Contact: scanContact(c), Thread: scanThread(c)}
	if l.Thread.Conversation != "" {
		if row := r.scanConversation(c); row.ID != "" {
			l.Current = &row
		}
	}
	return l
}

const messageColumns = `m.rowid, m.workspace, m.id, m.conversation, m.channel, m.contact, m.seq, m.kind, m.class, m.by_kind,
	m.by_id, m.text, m.media, m.others, m.key, m.provider_id, m.at, m.provider_at, m.resend_of, m.activity, m.version, m.delivery, m.due,
	m.expires, m.fence, m.attempts, m.segments, m.code, m.reason, m.history`

func (r *reader) scanMessage(c *cells) livedesk.Message {
	rowid := c.number()
	row := livedesk.Message{
		Workspace: c.text(), ID: c.text(), Conversation: c.text(), Channel: c.text(), Contact: c.text(), Seq: c.number(),
		Kind: livedesk.MessageKind(c.text()), Class: livedesk.Class(c.text()),
		By: livedesk.Actor{Kind: livedesk.ActorKind(c.text()), ID: c.text()}, Text: c.text(),
		Media: document[[]channel.Attachment](c), Others: document[[]channel.Address](c), Key: c.text(), ProviderID: c.text(),
		At: c.instant(), ProviderAt: c.instant(), ResendOf: c.text(), Activity: document[*livedesk.Activity](c), Version: c.number(),
	}
	d := livedesk.Delivery{
		State: livedesk.DeliveryState(c.text()), Due: c.instant(), Expires: c.instant(), Fence: c.number(), Attempts: c.int(),
		Segments: c.int(), Code: c.text(), Reason: channel.Reason(c.text()), History: document[[]livedesk.DeliveryNote](c),
	}
	if d.State != "" {
		row.Delivery = &d
	}
	r.seen.message(rowid, &row)
	return row
}

func (r *reader) scanDueText(c *cells) livedesk.DueText {
	return livedesk.DueText{Message: r.scanMessage(c), Contact: scanContact(c), Thread: scanThread(c)}
}

// notes is the stored form of a history: times as the store keeps all of them.
func notes(h []livedesk.DeliveryNote) any {
	if h == nil {
		return nil
	}
	out := make([]livedesk.DeliveryNote, len(h))
	for i, n := range h {
		n.At = n.At.UTC().Truncate(time.Microsecond)
		out[i] = n
	}
	return encode(out)
}

func activity(a *livedesk.Activity) any {
	if a == nil {
		return nil
	}
	return encode(a)
}

const agentColumns = `a.workspace, a.id, a.name, a.skills, a.languages, a.capacity, a.presence, a.presence_until, a.outside_load, a.version, ` + sqlLoad

func scanAgent(c *cells) livedesk.Agent {
	return livedesk.Agent{
		Workspace: c.text(), ID: c.text(), Name: c.text(), Skills: document[[]string](c), Languages: document[[]string](c), Capacity: c.int(), Presence: livedesk.Presence(c.text()),
		PresenceUntil: c.instant(), OutsideLoad: c.int(), Version: c.number(), Load: c.int(),
	}
}

const jobColumns = `workspace, key, kind, subject, due, fence, attempts`

func scanJob(c *cells) livedesk.Job {
	return livedesk.Job{
		Workspace: c.text(), Key: c.text(), Kind: c.text(), Subject: c.text(), Due: c.instant(), Fence: c.number(), Attempts: c.int(),
	}
}

const objectColumns = `workspace, kind, id, key, data, deleted, version, revision`

func scanObject(c *cells) livedesk.Object {
	return livedesk.Object{
		Workspace: c.text(), Kind: c.text(), ID: c.text(), Key: c.text(), Data: c.bytes(), Deleted: c.truth(),
		Version: c.number(), Revision: c.number(),
	}
}

func scanText(c *cells) string { return c.text() }

func scanNumber(c *cells) int64 { return c.number() }
