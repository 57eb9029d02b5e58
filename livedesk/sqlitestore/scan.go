package sqlitestore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
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

// instant scans microseconds, or NULL, into a time.
type instant struct{ t *time.Time }

// Scan implements sql.Scanner.
func (i instant) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*i.t = time.Time{}
	case int64:
		*i.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

// text scans a text, or NULL, into any string type.
type text[S ~string] struct{ s *S }

// Scan implements sql.Scanner.
func (t text[S]) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t.s = ""
	case string:
		*t.s = S(v)
	default:
		return fmt.Errorf("a text is stored as %T", v)
	}
	return nil
}

func txt[S ~string](s *S) text[S] { return text[S]{s} }

// number scans a number, or NULL, into any integer type or a bool.
type number[N ~int | ~int64] struct{ n *N }

// Scan implements sql.Scanner.
func (n number[N]) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*n.n = 0
	case int64:
		*n.n = N(v)
	default:
		return fmt.Errorf("a number is stored as %T", v)
	}
	return nil
}

func num[N ~int | ~int64](n *N) number[N] { return number[N]{n} }

// truth scans 0, 1 or NULL into a bool.
type truth struct{ b *bool }

// Scan implements sql.Scanner.
func (t truth) Scan(v any) error {
	n, _ := v.(int64)
	*t.b = n != 0
	return nil
}

// document scans JSON, or NULL, into v.
type document[V any] struct{ v *V }

// Scan implements sql.Scanner. NULL leaves v as it is, which is zero.
func (d document[V]) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), d.v)
	default:
		return fmt.Errorf("a document is stored as %T", v)
	}
}

func doc[V any](v *V) document[V] { return document[V]{v} }

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

const contactColumns = `workspace, id, address, name, external_id, language, zone, country, attributes, labels,
	created_at, version`

// The destinations of a contact, a thread and a conversation take NULL for everything: a join finds them together.
func contactFields(c *livedesk.Contact) []any {
	return []any{txt(&c.Workspace), txt(&c.ID), txt(&c.Address), txt(&c.Name), txt(&c.ExternalID), txt(&c.Language),
		txt(&c.Zone), txt(&c.Country), doc(&c.Attributes), doc(&c.Labels), instant{&c.CreatedAt}, num(&c.Version)}
}

func scanContact(r *sql.Rows) (c livedesk.Contact, err error) {
	err = r.Scan(contactFields(&c)...)
	return c, err
}

func threadFields(t *livedesk.Thread) []any {
	return []any{txt(&t.Workspace), txt(&t.Channel), txt(&t.Contact), txt(&t.Conversation), truth{&t.Consent.OptedOut},
		instant{&t.Consent.Since}, txt(&t.Consent.Source), txt(&t.Consent.Keyword), num(&t.Automatic), num(&t.Version)}
}

const conversationColumns = `workspace, id, channel, contact, address, state, before, snooze_until, cycle, assignee,
	queue, queued_at, priority, labels, attributes, external_id, created_at, active_at, waiting_since,
	first_response_at, resolved_at, resolved_by_kind, resolved_by_id, reopen_until, last_seq, unread, preview, version`

func conversationFields(c *livedesk.Conversation) []any {
	return []any{txt(&c.Workspace), txt(&c.ID), txt(&c.Channel), txt(&c.Contact), txt(&c.Address), txt(&c.State),
		txt(&c.Before), instant{&c.SnoozeUntil}, num(&c.Cycle), txt(&c.Assignee), txt(&c.Queue), instant{&c.QueuedAt},
		num(&c.Priority), doc(&c.Labels), doc(&c.Attributes), txt(&c.ExternalID), instant{&c.CreatedAt},
		instant{&c.ActiveAt}, instant{&c.WaitingSince}, instant{&c.FirstResponseAt}, instant{&c.ResolvedAt},
		txt(&c.ResolvedBy.Kind), txt(&c.ResolvedBy.ID), instant{&c.ReopenUntil}, num(&c.LastSeq), num(&c.Unread),
		txt(&c.Preview), num(&c.Version)}
}

func scanConversation(r *sql.Rows) (c livedesk.Conversation, err error) {
	err = r.Scan(conversationFields(&c)...)
	return c, err
}

// loadedColumns are those of a contact c with its thread t and the thread's conversation v, as far as there are any.
const loadedColumns = `c.workspace, c.id, c.address, c.name, c.external_id, c.language, c.zone, c.country, c.attributes,
	c.labels, c.created_at, c.version, t.workspace, t.channel, t.contact, t.conversation, t.opted_out, t.consent_since,
	t.consent_source, t.consent_keyword, t.automatic, t.version, v.workspace, v.id, v.channel, v.contact, v.address,
	v.state, v.before, v.snooze_until, v.cycle, v.assignee, v.queue, v.queued_at, v.priority, v.labels, v.attributes,
	v.external_id, v.created_at, v.active_at, v.waiting_since, v.first_response_at, v.resolved_at, v.resolved_by_kind,
	v.resolved_by_id, v.reopen_until, v.last_seq, v.unread, v.preview, v.version`

func scanLoaded(r *sql.Rows) (l livedesk.LoadedThread, err error) {
	var c livedesk.Conversation
	fields := append(contactFields(&l.Contact), threadFields(&l.Thread)...)
	err = r.Scan(append(fields, conversationFields(&c)...)...)
	if c.ID != "" {
		l.Current = &c
	}
	return l, err
}

const messageColumns = `workspace, id, conversation, channel, contact, seq, kind, class, by_kind, by_id, text, media, others,
	key, provider_id, at, provider_at, activity, delivery, due, expires, fence, attempts, segments, code, reason,
	history, version`

func scanMessage(r *sql.Rows) (m livedesk.Message, err error) {
	var d livedesk.Delivery
	var state sql.NullString
	err = r.Scan(&m.Workspace, &m.ID, &m.Conversation, &m.Channel, &m.Contact, &m.Seq, txt(&m.Kind), txt(&m.Class),
		txt(&m.By.Kind), &m.By.ID, &m.Text, doc(&m.Media), doc(&m.Others), txt(&m.Key), txt(&m.ProviderID), instant{&m.At},
		instant{&m.ProviderAt}, doc(&m.Activity), &state, instant{&d.Due}, instant{&d.Expires}, &d.Fence,
		&d.Attempts, &d.Segments, &d.Code, txt(&d.Reason), doc(&d.History), &m.Version)
	if state.Valid {
		d.State = livedesk.DeliveryState(state.String)
		m.Delivery = &d
	}
	return m, err
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

const agentColumns = `workspace, id, name, capacity, presence, presence_until, outside_load, version`

func scanAgent(r *sql.Rows) (a livedesk.Agent, err error) {
	err = r.Scan(&a.Workspace, &a.ID, &a.Name, &a.Capacity, txt(&a.Presence), instant{&a.PresenceUntil},
		&a.OutsideLoad, &a.Version, &a.Load)
	return a, err
}

const jobColumns = `workspace, key, kind, subject, due, fence, attempts`

func scanJob(r *sql.Rows) (j livedesk.Job, err error) {
	err = r.Scan(&j.Workspace, &j.Key, &j.Kind, &j.Subject, instant{&j.Due}, &j.Fence, &j.Attempts)
	return j, err
}

const objectColumns = `workspace, kind, id, key, data, deleted, version, revision`

func scanObject(r *sql.Rows) (o livedesk.Object, err error) {
	err = r.Scan(&o.Workspace, &o.Kind, &o.ID, txt(&o.Key), &o.Data, &o.Deleted, &o.Version, &o.Revision)
	return o, err
}
