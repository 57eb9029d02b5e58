package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // for machines without zone files

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
)

// office is open from Monday to Friday, 09:00 to 18:00 in Paris.
func office() hours.Schedule {
	return hours.Schedule{Zone: "Europe/Paris", Week: hours.MondayToFriday(hours.Slot{From: "09:00", To: "18:00"})}
}

// paris sets the world's clock to a time in Paris. It may be long ago: then nothing is really sent any more.
func (w *world) paris(local string) {
	w.t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	require.NoError(w.t, err)
	at, err := time.ParseInLocation("2006-01-02 15:04", local, zone)
	require.NoError(w.t, err)
	w.utc(at)
}

func (w *world) utc(at time.Time) {
	w.t.Helper()
	w.mu.Lock()
	w.now = at.UTC()
	w.mu.Unlock()
	w.settle()
}

func (w *world) schedule(id string, s hours.Schedule) livedesk.Schedule {
	w.t.Helper()
	out, err := w.desk.PutSchedule(w.ctx(), livedesk.Schedule{ID: id, Hours: s})
	require.NoError(w.t, err)
	return out
}

// closes gives the world's channel a schedule and what it does while that is closed.
func (w *world) closes(s hours.Schedule, c livedesk.ClosedHours) {
	w.t.Helper()
	w.schedule("office", s)
	w.change(func(ch *livedesk.Channel) { ch.Schedule, ch.ClosedHours = "office", c })
	w.settle()
}

// said returns the automatic texts that were stored for an address, in the order of conversations, the newest first.
func (w *world) said(address string) (out []string) {
	w.t.Helper()
	for _, c := range w.of(address) {
		for _, m := range w.texts(c.ID) {
			if m.Class == livedesk.ClassAutomatic {
				out = append(out, m.Text)
			}
		}
	}
	return out
}

const weOpen = "We open {{next_open}}."

// However often a customer writes while it is closed, and whatever conversations that makes, it is said once; it stands for the
// greeting, and comes again in the next closed period.
func TestClosedTextOncePerPeriod(t *testing.T) { // F94, I12
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.closes(office(), livedesk.ClosedHours{Text: weOpen})
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		w.paris("2026-03-06 17:59")
		w.text(bob, "just in time")
		require.Equal(t, []string{"Hi"}, w.said(bob))
		w.paris("2026-03-06 18:00")
		w.text(bob, "still there?")
		require.Equal(t, []string{"Hi", "We open Monday at 9:00 AM."}, w.said(bob))
		for i := range 50 {
			w.text(alice, fmt.Sprint(i))
			w.advance(time.Hour)
			if i%10 == 9 { // another conversation
				_, err := w.desk.Resolve(w.ctx(), w.live(alice).ID, host)
				require.NoError(t, err)
			}
		}
		require.Greater(t, len(w.of(alice)), 3)
		require.Equal(t, []string{"We open Monday at 9:00 AM."}, w.said(alice))
		w.paris("2026-03-09 18:30")
		w.text(alice, "again")
		require.ElementsMatch(t, []string{"We open Tuesday at 9:00 AM.", "We open Monday at 9:00 AM."}, w.said(alice))
	}, func(s *settings) { s.ReopenWindow = -1 })
}

// It goes out like any text, and not any more once the channel is open.
func TestClosedTextIsDeliveredWhileClosed(t *testing.T) { // F65
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		now := w.clock()
		slot := hours.Slot{From: now.Add(time.Hour).Format("15:04"), To: now.Add(2 * time.Hour).Format("15:04")}
		w.closes(hours.Schedule{Zone: "UTC", Week: hours.EveryDay(slot)}, livedesk.ClosedHours{Text: "We are closed."})
		w.text(alice, "hello")
		require.Equal(t, []string{"We are closed."}, w.bodies())
		w.twilio.SetDown(true)
		w.bandwidth.SetDown(true)
		w.text(bob, "hello")
		w.later(time.Hour)
		w.twilio.SetDown(false)
		w.bandwidth.SetDown(false)
		w.later(10 * time.Minute)
		require.Equal(t, []string{"We are closed."}, w.bodies())
		for _, m := range w.texts(w.live(bob).ID) {
			if m.Class == livedesk.ClassAutomatic {
				require.Equal(t, livedesk.Canceled, m.Delivery.State)
			}
		}
	})
}

// Whoever talks to an agent isn't told that nobody is there, nor who was written to first.
func TestClosedTextWhereItWouldBeOdd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 0, "ada")
	w.closes(office(), livedesk.ClosedHours{Text: weOpen})
	w.paris("2026-03-06 17:58")
	w.text(alice, "hello")
	_, err := w.desk.Reply(w.ctx(), w.live(alice).ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "one moment"})
	require.NoError(t, err)
	w.paris("2026-03-06 18:02")
	w.text(alice, "fine")
	require.Empty(t, w.said(alice), "4 minutes after an agent's text")
	w.paris("2026-03-06 18:03")
	w.text(alice, "still there?")
	require.Len(t, w.said(alice), 1, "5 minutes after it")

	_, err = w.desk.Start(w.ctx(), w.ch.ID, bob, livedesk.AgentActor("ada"), livedesk.Draft{Text: "your order"})
	require.NoError(t, err)
	_, err = w.desk.Notify(w.ctx(), w.ch.ID, carol, livedesk.Draft{Text: "your appointment"})
	require.NoError(t, err)
	w.paris("2026-03-06 20:00")
	w.text(bob, "what of it?")
	w.text(carol, "can't come")
	require.Empty(t, w.said(bob))
	require.Empty(t, w.said(carol))

	w.text(phone(1), "STOP")
	w.text(phone(2), "please stop texting me")
	require.Empty(t, w.said(phone(1)))
	require.Empty(t, w.said(phone(2)), "a person has to look first")
	w.change(func(c *livedesk.Channel) { c.ClosedHours.Text = "" })
	w.text(phone(3), "hello")
	require.Empty(t, w.said(phone(3)), "off")
}

// The text and the greeting may both go out; by default a new conversation in closed hours has no greeting, also where the
// text was said before.
func TestClosedTextWithGreeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	w.closes(office(), livedesk.ClosedHours{Text: weOpen, WithGreeting: true})
	w.paris("2026-03-06 20:00")
	w.deliver(textFrom(alice, "one"))
	w.text(alice, "two") // before anything was said
	require.Equal(t, []string{"Hi", "We open Monday at 9:00 AM."}, w.said(alice))
	w.change(func(c *livedesk.Channel) { c.ClosedHours.WithGreeting = false })
	w.deliver(textFrom(bob, "one"))
	w.text(bob, "two")
	require.Equal(t, []string{"We open Monday at 9:00 AM."}, w.said(bob))
}

// The least time between two counts over closed periods.
func TestClosedTextGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	short := hours.EveryDay(hours.Slot{From: "12:00", To: "12:10"}, hours.Slot{From: "12:20", To: "12:30"})
	w.closes(hours.Schedule{Zone: "Europe/Paris", Week: short}, livedesk.ClosedHours{Text: weOpen, GapSeconds: 3600})
	for at, n := range map[string][2]int{"2026-03-06 ": {1, 2}} {
		w.paris(at + "12:10")
		w.text(alice, "hello")
		require.Len(t, w.said(alice), n[0])
		w.paris(at + "12:30")
		w.text(alice, "hello")
		require.Len(t, w.said(alice), n[0], "another period, within the gap")
		w.paris(at + "13:10")
		w.text(alice, "hello")
		require.Len(t, w.said(alice), n[1])
	}
}

// While an AI agent talks, nothing is said of closed hours; once humans are needed, it is.
func TestClosedTextIsHeldWhileAnAIAgentTalks(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		a   livedesk.Answer
		err error
	}{
		"hand-over": {livedesk.Answer{Text: "A colleague takes over", Then: livedesk.HandOver}, nil},
		"failure":   {livedesk.Answer{}, errors.New("model is down")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := aiWorld(t)
			w.closes(office(), livedesk.ClosedHours{Text: weOpen, HumansWait: true})
			w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
			w.paris("2026-03-06 20:00")
			w.text(alice, "hello")
			w.text(alice, "are you open?")
			require.Equal(t, []string{"Hi"}, w.said(alice), "the AI agent goes on, and the greeting is there")
			b.say(answer.a, answer.err)
			w.text(alice, "a human, please")
			require.Equal(t, []string{"Hi", "We open Monday at 9:00 AM."}, w.said(alice))
			require.Equal(t, livedesk.ChannelQueue(w.ch.ID), w.live(alice).Queue, "humans wait for the opening")
			w.paris("2026-03-09 09:00")
			require.Equal(t, "ada", w.live(alice).Assignee)
		})
	}
}

// A contact whom the host is asked about first is told once it was routed.
func TestClosedTextBehindContactSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withSource(func(context.Context, string, livedesk.Contact) (livedesk.Contact, error) {
		return livedesk.Contact{Name: "Al"}, nil
	}))
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	w.closes(office(), livedesk.ClosedHours{Text: "{{contact}}, we open {{next_open}}.", WithGreeting: true})
	w.paris("2026-03-06 20:00")
	w.text(alice, "hello")
	require.Equal(t, []string{"Hi", "Al, we open Monday at 9:00 AM."}, w.said(alice))
}

// In quiet hours it waits like any automatic text, and isn't said any more to who was answered, or when it is open.
func TestClosedTextInQuietHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) {
		c.QuietHours = livedesk.QuietHours{From: "21:00", To: "08:00", Zone: "Europe/Paris"}
	})
	w.closes(office(), livedesk.ClosedHours{Text: weOpen})
	w.paris("2026-03-06 03:00")
	w.text(carol, "hello") // no automatic text is good for 5 hours
	w.paris("2026-03-06 07:00")
	w.text(alice, "hello")
	w.text(bob, "hello")
	require.Empty(t, w.said(alice))
	w.reply(w.live(bob).ID, "early bird")
	w.paris("2026-03-06 08:00")
	require.Equal(t, []string{"We open 9:00 AM."}, w.said(alice))
	require.Empty(t, w.said(bob))
	require.Empty(t, w.said(carol))
	w.change(func(c *livedesk.Channel) { c.QuietHours.To = "09:00" })
	w.paris("2026-03-07 07:00")
	w.schedule("office", hours.Schedule{Zone: "Europe/Paris", Week: hours.EveryDay(hours.Slot{From: "08:30", To: "18:00"})})
	w.text(carol, "hello")
	w.paris("2026-03-07 09:00")
	require.Empty(t, w.said(carol), "it is open by now")
}

// One that was stored before quiet hours began, and whose turn comes in them, stands before no reply and is said when they end.
func TestClosedTextWaitsOutQuietHoursAtTheGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) {
		c.QuietHours = livedesk.QuietHours{From: "21:00", To: "22:00", Zone: "Europe/Paris"}
	})
	w.closes(office(), livedesk.ClosedHours{Text: weOpen})
	w.paris("2026-03-05 20:30")
	require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, ""))
	w.text(alice, "hello")
	w.text(bob, "hello")
	require.Len(t, w.said(bob), 1)
	w.paris("2026-03-05 21:10")
	require.NoError(t, w.desk.ResumeChannel(w.ctx(), w.ch.ID, host))
	m := w.reply(w.live(bob).ID, "at night")
	w.later(time.Minute)
	require.Equal(t, livedesk.Delivered, w.state(m.ID))
	require.Equal(t, []string{"at night"}, w.bodies())
	w.paris("2026-03-05 22:00")
	require.Equal(t, []string{"at night", "We open Friday at 9:00 AM."}, w.bodies())
	w.text(alice, "anybody?")
	require.Len(t, w.bodies(), 2, "once in the closed period")
}

// They are first replies as greetings are, and have a budget with them.
func TestClosedTextsAreFirstReplies(t *testing.T) { // F91
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.FirstReplies = 2 })
	w.bandwidthChannel(nil)
	w.closes(office(), livedesk.ClosedHours{Text: "closed"})
	w.paris("2026-03-06 20:00")
	for i := range 4 {
		w.text(phone(i), "hello")
	}
	require.Equal(t, []string{"closed", "closed"}, w.bodies())
}

// Where clocks change: an opening in the gap is at the jump and told so, and a closing that the clock shows twice is one.
func TestClosedTextAcrossClockChanges(t *testing.T) { // F107, F108
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 0, "ada")
	early := hours.Schedule{Zone: "Europe/Paris", Week: hours.EveryDay(hours.Slot{From: "02:30", To: "12:00"})}
	w.closes(early, livedesk.ClosedHours{Text: weOpen, HumansWait: true})
	w.utc(time.Date(2026, 3, 29, 0, 45, 0, 0, time.UTC)) // 01:45; at 02:00 it is 03:00
	w.text(alice, "hello")
	require.Equal(t, []string{"We open 3:00 AM."}, w.said(alice))
	w.utc(time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC))
	require.Empty(t, w.live(alice).Assignee, "never an hour early")
	w.utc(time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC))
	require.Equal(t, "ada", w.live(alice).Assignee)

	night := hours.Schedule{Zone: "Europe/Paris", Week: hours.EveryDay(hours.Slot{From: "20:00", To: "02:30"})}
	w.closes(night, livedesk.ClosedHours{Text: weOpen})
	for _, at := range []struct {
		utc  time.Time
		said int
	}{
		{time.Date(2026, 10, 25, 0, 29, 0, 0, time.UTC), 0}, // 02:29, open
		{time.Date(2026, 10, 25, 0, 45, 0, 0, time.UTC), 1}, // 02:45, closed
		{time.Date(2026, 10, 25, 1, 10, 0, 0, time.UTC), 1}, // 02:10 again, open
		{time.Date(2026, 10, 25, 1, 45, 0, 0, time.UTC), 1}, // 02:45 again, closed, as it was
		{time.Date(2026, 10, 25, 15, 0, 0, 0, time.UTC), 1},
		{time.Date(2026, 10, 26, 1, 45, 0, 0, time.UTC), 2}, // the next night
	} {
		w.utc(at.utc)
		w.text(bob, "hello")
		require.Len(t, w.said(bob), at.said, "%s", at.utc)
	}
}

// A clock that is set back or ahead makes no second one.
func TestClosedTextWithAMovedClock(t *testing.T) { // F112
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 0, "ada")
	w.closes(office(), livedesk.ClosedHours{Text: weOpen, HumansWait: true})
	w.paris("2026-03-06 20:00")
	w.text(alice, "hello")
	w.advance(-time.Hour)
	w.text(alice, "hello")
	w.advance(3 * time.Hour)
	w.text(alice, "hello")
	require.Len(t, w.said(alice), 1)
	w.advance(10 * 365 * 24 * time.Hour)
	w.settle()
	w.paris("2026-03-09 10:00")
	w.presence("ada", livedesk.Online)
	require.Equal(t, "ada", w.live(alice).Assignee, "nothing is stuck")
}

// {{next_open}} is in the schedule's zone and the channel's language, and nothing while it is open.
func TestNextOpenInAText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi {{next_open}}" })
	w.closes(office(), livedesk.ClosedHours{})
	for i, c := range []struct{ at, language, want string }{
		{"2026-03-06 20:00", "", "Hi Monday at 9:00 AM"},
		{"2026-03-06 20:00", "fr-CA", "Hi lundi à 09 h 00"},
		{"2026-03-09 08:00", "es", "Hi 09:00"},
		{"2026-03-09 10:00", "", "Hi"},
	} {
		w.paris(c.at)
		w.change(func(ch *livedesk.Channel) { ch.Language = c.language })
		w.text(phone(i), "hello")
		require.Equal(t, []string{c.want}, w.said(phone(i)))
	}
	w.schedule("office", hours.Schedule{Zone: "UTC"})
	w.text(phone(9), "hello")
	require.Equal(t, []string{"Hi"}, w.said(phone(9)), "it never opens")
}

func TestClosedHoursAreCheckedWhenSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	c := w.ch
	c.Schedule = "none"
	c.ClosedHours = livedesk.ClosedHours{Text: "{{when}}", GapSeconds: -1}
	_, err := w.desk.PutChannel(w.ctx(), c)
	var fields []string
	for _, f := range livedesk.FieldErrors(err) {
		fields = append(fields, f.Field)
	}
	require.ElementsMatch(t, []string{"schedule", "closed_hours.text", "closed_hours.gap_seconds"}, fields)
	c.Schedule, c.ClosedHours = "", livedesk.ClosedHours{Text: strings.Repeat("x", 1600), GapSeconds: 604800}
	w.put(c)
	report, err := w.desk.ReportText(w.ctx(), w.ch.ID, weOpen)
	require.NoError(t, err)
	require.Equal(t, []string{livedesk.VarNextOpen}, report.Variables)
	require.Equal(t, 1, report.Typical.Segments)
}
