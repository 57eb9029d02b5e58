package livedesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/hours"
)

// QuietHours are the hours in which a channel doesn't speak first. In them an automatic text waits until they end, and so does
// the text that begins a conversation ([Desk.Start], [Desk.Notify]); one that isn't good for so long ([Config]
// ExpireAutomatic, ExpireHuman) isn't sent at all. A reply of a human or of an AI agent goes out at any hour, and so does what
// answers STOP, START or HELP. An automatic text that waits is forgotten when somebody has answered by then.
//
// They are looked at when a text is stored, and again when its turn comes, however long it was kept by a rate, a pause or an
// outage. A greeting or a closed-hours text that comes into them there is taken back ([channel.ReasonWithheld]) and said anew when they end, with
// the time that an automatic text is good for counted from then.
//
// The clock that counts is the contact's, by [Contact] Zone; where that is empty or unknown, it is that of Zone. US rules
// are 21:00 to 08:00 (47 CFR 64.1200(c)(1)); some states are stricter. The zero value means none.
type QuietHours struct {
	// From and To are local times on a 24-hour clock, "21:00" and "08:00". The hours are [From, To), past midnight where To
	// is before From, and exact when clocks change (see package hours).
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	Zone string `json:"zone,omitempty"` // IANA zone for contacts without one; required where From is given
}

func (q QuietHours) off() bool { return q == QuietHours{} }

// in returns the quiet hours on the clock of a zone.
func (q QuietHours) in(zone string) (*hours.Timetable, error) {
	return hours.Schedule{Zone: zone, Week: hours.EveryDay(hours.Slot{From: q.From, To: q.To})}.Compile()
}

// Until returns when the quiet hours end that a contact in a zone has at now; ok is false outside of them, and where q can't be
// used. It is exact when clocks change. It compiles q each time, which takes some 10 µs and reads the zone's file.
func (q QuietHours) Until(now time.Time, zone string) (end time.Time, ok bool) {
	return (&quietClocks{hours: q}).until(now, zone)
}

func (q QuietHours) check() error {
	if q.off() {
		return nil
	}
	if _, err := q.in(q.Zone); err != nil {
		return invalid("quiet_hours", errors.Join(err).Error())
	}
	if q.From == "00:00" && q.To == "24:00" {
		return invalid("quiet_hours", "leave no hour to speak in")
	}
	return nil
}

// quietClocks are a channel's quiet hours by zone, compiled when they are first asked for.
type quietClocks struct {
	hours QuietHours
	zones sync.Map // of *hours.Timetable
}

// until returns when the quiet hours end for a contact in a zone; ok is false when there are none now.
func (q *quietClocks) until(now time.Time, zone string) (end time.Time, ok bool) {
	if q == nil {
		return time.Time{}, false
	}
	t := q.clock(zone)
	if t == nil {
		t = q.clock(q.hours.Zone)
	}
	if t == nil || !t.IsOpen(now) { // "open" is quiet
		return time.Time{}, false
	}
	return t.NextClose(now)
}

func (q *quietClocks) clock(zone string) *hours.Timetable {
	if zone == "" {
		return nil
	}
	if t, known := q.zones.Load(zone); known {
		return t.(*hours.Timetable)
	}
	t, err := q.hours.in(zone)
	if err != nil { // not kept: hosts may write anything there
		return nil
	}
	q.zones.Store(zone, t)
	return t
}

// quietUntil returns until when nothing may be begun with a thread.
func (t *thread) quietUntil(now time.Time) (time.Time, bool) {
	if t.info == nil {
		return time.Time{}, false
	}
	return t.info.quiet.until(now, t.contact.Zone)
}

// quietAtGate returns until when a text whose turn has come must wait because of quiet hours. Whether a human's text begins a
// conversation is read only in quiet hours, and only of texts that stand near enough to the beginning.
func (u *unit) quietAtGate(ctx context.Context, m *Message, to Contact, ch *channelInfo) (end time.Time, quiet bool, err error) {
	if m.Class != ClassAutomatic && m.Class != ClassHuman {
		return time.Time{}, false, nil
	}
	if end, quiet = ch.quiet.until(u.now, to.Zone); !quiet || m.Class == ClassAutomatic {
		return end, quiet, nil
	}
	quiet, err = u.begins(ctx, m)
	return end, quiet, err
}

// firstEntries is among how many entries of a conversation the text is that begins it, with all of its parts.
const firstEntries = maxParts + 5

// begins reports whether a human's text is the one that began its conversation: nothing was said before it, but for the parts
// that were stored with it.
func (u *unit) begins(ctx context.Context, m *Message) (bool, error) {
	if m.Seq > firstEntries {
		return false, nil
	}
	before, err := u.tx.Timeline(ctx, TimelineQuery{
		Workspace: m.Workspace, Conversation: m.Conversation, Before: m.Seq, Limit: firstEntries,
	})
	for _, e := range before {
		if e.Kind == Incoming || e.Kind == Outgoing && !e.At.Equal(m.At) {
			return false, err
		}
	}
	return err == nil, err
}

// waitOutQuiet puts a text off until quiet hours end, if it is good for so long. One that answers a customer who waits must not
// stand before a human's reply meanwhile, so it makes way, and a job says it anew.
func (u *unit) waitOutQuiet(m *Message, end time.Time) {
	d := m.Delivery
	switch {
	case !d.Expires.IsZero() && !end.Before(d.Expires):
		d.cancel(u.now, channel.ReasonExpired)
	case m.Class == ClassAutomatic && answersCustomer(m.Key):
		d.withhold(u.now, "quiet hours: it is said when they end")
		u.sayLater(m.Workspace, end, sayLater{
			Conversation: m.Conversation, Kind: strings.TrimPrefix(m.Key, autoKeyPrefix) + "+", Text: m.Text, Literal: true, Waits: true,
		})
	default:
		d.putOff(u.now, end)
	}
}

// kindGreeting is the key of the greeting, without its prefix.
const kindGreeting = "greeting"

// answersCustomer reports by its key whether an automatic text answers a customer who is waiting for a human.
func answersCustomer(key string) bool {
	return strings.HasPrefix(key, autoKeyPrefix+kindGreeting) || strings.HasPrefix(key, autoKeyPrefix+closedKey)
}

// jobSay says an automatic text whose quiet hours are over. It is a job and no text that waits, so that a reply of a human's
// has nothing to wait for.
const jobSay = "say"

type sayLater struct {
	Conversation string `json:"conversation"`
	Kind         string `json:"kind"`
	Text         string `json:"text"`              // as it was saved, with its variables
	Literal      bool   `json:"literal,omitempty"` // Text is what leaves: the variables are filled in
	Waits        bool   `json:"waits,omitempty"`   // the customer waited for an answer
}

// words are the text cut at its variables.
func (s sayLater) words() []piece {
	if s.Literal {
		return []piece{{literal: s.Text}}
	}
	return words(s.Text)
}

// sayAfter lets an automatic text wait until quiet hours end, if it is good for so long.
func (u *unit) sayAfter(c *conv, end time.Time, s sayLater) {
	if exp := u.e.expiry(ClassAutomatic, u.now); exp.IsZero() || end.Before(exp) {
		s.Waits = !c.now.WaitingSince.IsZero()
		u.sayLater(c.now.Workspace, end, s)
	}
}

func (u *unit) sayLater(workspace string, due time.Time, s sayLater) {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // of strings
	}
	u.jobs = append(u.jobs, JobChange{Job: Job{
		Workspace: workspace, Key: jobSay + ":" + s.Conversation + ":" + s.Kind, Kind: jobSay, Subject: string(data), Due: due,
	}})
}

// sayNow says what has waited, unless it has been overtaken.
func (u *unit) sayNow(ctx context.Context, j Job) error {
	var s sayLater
	if err := json.Unmarshal([]byte(j.Subject), &s); err != nil {
		return fmt.Errorf("stored text: %w", err)
	}
	threads, asked, err := u.load(ctx, []ThreadKey{{Workspace: j.Workspace, Conversation: s.Conversation}})
	if err != nil {
		return err
	}
	t, c := threads[0], asked[0]
	if c == nil || t.info == nil || c.now.State == Resolved && s.Waits || s.Waits && c.now.WaitingSince.IsZero() {
		return nil
	}
	u.sayOrWait(t, c, s)
	return nil
}
