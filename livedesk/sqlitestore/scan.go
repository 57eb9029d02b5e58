package sqlitestore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
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

const contactColumns = `c.workspace, c.id, c.address, c.name, c.external_id, c.language, c.zone, c.country, c.attributes,
	c.labels, c.created_at, c.version`

// The destinations of a contact, a thread and a conversation take NULL for everything: a join finds them together.
func contactFields(c *livedesk.Contact) []any {
	return []any{txt(&c.Workspace), txt(&c.ID), txt(&c.Address), txt(&c.Name), txt(&c.ExternalID), txt(&c.Language),
		txt(&c.Zone), txt(&c.Country), doc(&c.Attributes), doc(&c.Labels), instant{&c.CreatedAt}, num(&c.Version)}
}

func scanContact(rows *sql.Rows, lead ...any) (c livedesk.Contact, err error) {
	err = rows.Scan(append(lead, contactFields(&c)...)...)
	return c, err
}

const threadColumns = `t.workspace, t.channel, t.contact, t.conversation, t.opted_out, t.consent_since, t.consent_source,
	t.consent_keyword, t.automatic, t.version`

func threadFields(t *livedesk.Thread) []any {
	return []any{txt(&t.Workspace), txt(&t.Channel), txt(&t.Contact), txt(&t.Conversation), truth{&t.Consent.OptedOut},
		instant{&t.Consent.Since}, txt(&t.Consent.Source), txt(&t.Consent.Keyword), num(&t.Automatic), num(&t.Version)}
}

const conversationColumns = `v.rowid, v.workspace, v.id, v.channel, v.contact, v.address, v.state, v.before, v.snooze_until,
	v.cycle, v.assignee, v.queue, v.queued_at, v.priority, v.labels, v.attributes, v.external_id, v.created_at, v.active_at,
	v.waiting_since, v.first_response_at, v.resolved_at, v.resolved_by_kind, v.resolved_by_id, v.reopen_until, v.last_seq,
	v.unread, v.preview, v.version`

func conversationFields(rowid *int64, c *livedesk.Conversation) []any {
	return []any{num(rowid), txt(&c.Workspace), txt(&c.ID), txt(&c.Channel), txt(&c.Contact), txt(&c.Address), txt(&c.State),
		txt(&c.Before), instant{&c.SnoozeUntil}, num(&c.Cycle), txt(&c.Assignee), txt(&c.Queue), instant{&c.QueuedAt},
		num(&c.Priority), doc(&c.Labels), doc(&c.Attributes), txt(&c.ExternalID), instant{&c.CreatedAt},
		instant{&c.ActiveAt}, instant{&c.WaitingSince}, instant{&c.FirstResponseAt}, instant{&c.ResolvedAt},
		txt(&c.ResolvedBy.Kind), txt(&c.ResolvedBy.ID), instant{&c.ReopenUntil}, num(&c.LastSeq), num(&c.Unread),
		txt(&c.Preview), num(&c.Version)}
}

func (r *reader) scanConversation(rows *sql.Rows, lead ...any) (c livedesk.Conversation, err error) {
	var rowid int64
	err = rows.Scan(append(lead, conversationFields(&rowid, &c)...)...)
	r.seen.conversation(rowid, &c)
	return c, err
}

// loadedColumns are those of a contact with its thread and the thread's conversation, as far as there are any.
const loadedColumns = contactColumns + `, ` + threadColumns + `, ` + conversationColumns

func (r *reader) scanLoaded(rows *sql.Rows, lead ...any) (l livedesk.LoadedThread, err error) {
	var rowid int64
	var c livedesk.Conversation
	fields := slices.Concat(lead, contactFields(&l.Contact), threadFields(&l.Thread), conversationFields(&rowid, &c))
	err = rows.Scan(fields...)
	if c.ID != "" {
		l.Current = &c
		r.seen.conversation(rowid, &c)
	}
	return l, err
}

const messageColumns = `m.rowid, m.workspace, m.id, m.conversation, m.channel, m.contact, m.seq, m.kind, m.class, m.by_kind,
	m.by_id, m.text, m.media, m.others, m.key, m.provider_id, m.at, m.provider_at, m.activity, m.delivery, m.due, m.expires,
	m.fence, m.attempts, m.segments, m.code, m.reason, m.history, m.version`

// messageScan is where the columns of a message go.
type messageScan struct {
	rowid int64
	row   livedesk.Message
	state livedesk.DeliveryState // empty where there is no delivery
	livedesk.Delivery
}

func (s *messageScan) fields() []any {
	m, d := &s.row, &s.Delivery
	return []any{&s.rowid, &m.Workspace, &m.ID, &m.Conversation, &m.Channel, &m.Contact, &m.Seq, txt(&m.Kind), txt(&m.Class),
		txt(&m.By.Kind), &m.By.ID, &m.Text, doc(&m.Media), doc(&m.Others), txt(&m.Key), txt(&m.ProviderID), instant{&m.At},
		instant{&m.ProviderAt}, doc(&m.Activity), txt(&s.state), instant{&d.Due}, instant{&d.Expires}, &d.Fence, &d.Attempts,
		&d.Segments, &d.Code, txt(&d.Reason), doc(&d.History), &m.Version}
}

// message returns the row that was scanned.
func (s *messageScan) message(r *reader) livedesk.Message {
	if s.state != "" {
		s.State = s.state
		s.row.Delivery = &s.Delivery
	}
	r.seen.message(s.rowid, &s.row)
	return s.row
}

func (r *reader) scanMessage(rows *sql.Rows, lead ...any) (livedesk.Message, error) {
	var s messageScan
	err := rows.Scan(append(lead, s.fields()...)...)
	return s.message(r), err
}

// scanDueText puts a text with whom it goes to in its place.
func (t *tx) scanDueText(rows *sql.Rows, out []livedesk.DueText) error {
	var s messageScan
	var d livedesk.DueText
	var place int
	err := rows.Scan(slices.Concat([]any{&place}, s.fields(), contactFields(&d.Contact), threadFields(&d.Thread))...)
	if err == nil {
		d.Message = s.message(&t.reader)
		out[place] = d
	}
	return err
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

const agentColumns = `a.workspace, a.id, a.name, a.capacity, a.presence, a.presence_until, a.outside_load, a.version`

func scanAgent(rows *sql.Rows, lead ...any) (a livedesk.Agent, err error) {
	err = rows.Scan(append(lead, &a.Workspace, &a.ID, &a.Name, &a.Capacity, txt(&a.Presence), instant{&a.PresenceUntil},
		&a.OutsideLoad, &a.Version, &a.Load)...)
	return a, err
}

const jobColumns = `workspace, key, kind, subject, due, fence, attempts`

func scanJob(rows *sql.Rows, _ ...any) (j livedesk.Job, err error) {
	err = rows.Scan(&j.Workspace, &j.Key, &j.Kind, &j.Subject, instant{&j.Due}, &j.Fence, &j.Attempts)
	return j, err
}

const objectColumns = `workspace, kind, id, key, data, deleted, version, revision`

func scanObject(rows *sql.Rows, _ ...any) (o livedesk.Object, err error) {
	err = rows.Scan(&o.Workspace, &o.Kind, &o.ID, txt(&o.Key), &o.Data, &o.Deleted, &o.Version, &o.Revision)
	return o, err
}
