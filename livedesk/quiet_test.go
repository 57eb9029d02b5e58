package livedesk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// quiet makes it quiet for the next d, by UTC.
func (w *world) quiet(d time.Duration) livedesk.QuietHours {
	now := w.clock()
	return livedesk.QuietHours{From: now.Add(-time.Hour).Format("15:04"), To: now.Add(d).Format("15:04"), Zone: "UTC"}
}

// The hours are those of the contact's clock, or else of the channel's, also on the days when clocks change.
func TestQuietHoursByTheContactsClock(t *testing.T) {
	t.Parallel()
	us := livedesk.QuietHours{From: "21:00", To: "08:00", Zone: "America/New_York"}
	gap := livedesk.QuietHours{From: "22:00", To: "02:30", Zone: "America/New_York"} // 02:30 is skipped on March 8
	for _, c := range []struct {
		hours           livedesk.QuietHours
		now, zone, want string // empty for none
	}{
		{us, "2026-01-10T01:59:59Z", "", ""}, // 20:59 in New York
		{us, "2026-01-10T02:00:00Z", "", "2026-01-10T13:00:00Z"},
		{us, "2026-01-10T12:59:59Z", "", "2026-01-10T13:00:00Z"},
		{us, "2026-01-10T13:00:00Z", "", ""},
		{us, "2026-01-10T13:00:00Z", "America/Los_Angeles", "2026-01-10T16:00:00Z"},
		{us, "2026-01-10T13:00:00Z", "Nowhere/At_All", ""}, // the channel's clock counts
		{us, "2026-01-10T03:00:00Z", "Nowhere/At_All", "2026-01-10T13:00:00Z"},
		{us, "2026-03-08T04:00:00Z", "", "2026-03-08T12:00:00Z"}, // an hour shorter
		{us, "2026-11-01T03:00:00Z", "", "2026-11-01T13:00:00Z"}, // an hour longer
		{gap, "2026-03-08T05:00:00Z", "", "2026-03-08T07:00:00Z"},
		{livedesk.QuietHours{}, "2026-01-10T03:00:00Z", "", ""},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		require.NoError(t, err)
		end, ok := c.hours.Until(now, c.zone)
		require.Equal(t, c.want != "", ok, "%v", c)
		if ok {
			require.Equal(t, c.want, end.UTC().Format(time.RFC3339), "%v", c)
		}
	}
}

func TestQuietHoursAreCheckedWhenSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	for i, q := range []livedesk.QuietHours{
		{From: "21:00", To: "08:00"}, {From: "21:00", Zone: "UTC"}, {From: "25:00", To: "08:00", Zone: "UTC"},
		{From: "21:00", To: "21:00", Zone: "UTC"}, {From: "21:00", To: "08:00", Zone: "Mars"}, {Zone: "UTC"}, {From: "00:00", To: "24:00", Zone: "UTC"},
	} {
		c := w.ch
		c.QuietHours = q
		_, err := w.desk.PutChannel(w.ctx(), c)
		require.Len(t, livedesk.FieldErrors(err), 1, "%d", i)
		require.Equal(t, "quiet_hours", livedesk.FieldErrors(err)[0].Field)
	}
}

// What begins a conversation waits until the hours are over; replies don't.
func TestQuietHoursHoldFirstTexts(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.text(carol, "are you there?")
		w.change(func(c *livedesk.Channel) { c.QuietHours = w.quiet(2 * time.Hour) })
		first := w.start(alice, "first")
		note, err := w.desk.Notify(w.ctx(), w.ch.ID, bob, livedesk.Draft{Text: "reminder"})
		require.NoError(t, err)
		reply := w.reply(w.live(carol).ID, "reply")
		joined, err := w.desk.Start(w.ctx(), w.ch.ID, carol, host, livedesk.Draft{Text: "joins what is there"})
		require.NoError(t, err)
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(reply.ID))
		require.Equal(t, livedesk.Delivered, w.state(joined.ID))
		require.Equal(t, livedesk.Queued, w.state(first.ID))
		require.Equal(t, livedesk.Queued, w.state(note.ID))
		w.later(time.Hour)
		require.Equal(t, 2, w.sends())
		w.later(time.Hour)
		require.Equal(t, livedesk.Delivered, w.state(first.ID))
		require.Equal(t, livedesk.Delivered, w.state(note.ID))
	})
}

// A greeting waits as a job: whoever answers meanwhile doesn't wait for it, and makes it needless. One that isn't good for so
// long is none, and STOP is confirmed at any hour.
func TestQuietHoursHoldAutomaticTexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi {{contact}}" })
	w.change(func(c *livedesk.Channel) { c.QuietHours = w.quiet(2 * time.Hour) })
	w.text(alice, "hello")
	w.text(bob, "hello")
	w.text(carol, "hello")
	require.Empty(t, w.bodies())
	w.reply(w.live(bob).ID, "at night")
	w.text(carol, "STOP")
	w.settle()
	require.ElementsMatch(t, []string{"at night", "Sales: you have opted out and will get no more messages. Reply START to get them again."}, w.bodies())
	w.later(2 * time.Hour)
	require.Equal(t, []string{"Hi"}, w.bodies()[2:])
	w.change(func(c *livedesk.Channel) { c.QuietHours = w.quiet(5 * time.Hour) })
	w.text(phone(1), "hello")
	for range 6 {
		w.later(time.Hour)
	}
	require.Len(t, w.bodies(), 3, "a greeting is good for 4 hours")
}

// The contact's own zone counts.
func TestQuietHoursInTheContactsZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.change(func(c *livedesk.Channel) { c.QuietHours = w.quiet(2 * time.Hour) })
	_, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: alice, Zone: "Asia/Tokyo"}) // 9 hours on
	require.NoError(t, err)
	there, here := w.start(alice, "hello"), w.start(bob, "hello")
	w.settle()
	require.Equal(t, livedesk.Delivered, w.state(there.ID))
	require.Equal(t, livedesk.Queued, w.state(here.ID))
}

// A text that was stored in time and whose turn comes in quiet hours waits too: for the rate, a pause, an outage, a retry.
func TestQuietHoursHoldAtTheGate(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]struct{ hold, let func(w *world) }{
		"pause": {
			func(w *world) { require.NoError(w.t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, "")) },
			func(w *world) { require.NoError(w.t, w.desk.ResumeChannel(w.ctx(), w.ch.ID, host)) },
		},
		"outage":       {func(w *world) { w.carrier.SetDown(true) }, func(w *world) { w.carrier.SetDown(false) }},
		"nobody works": {func(*world) {}, func(*world) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, w *world) {
				w.text(carol, "are you there?")
				begin := w.clock().Add(30 * time.Minute).Truncate(time.Minute)
				end := begin.Add(3 * time.Hour)
				w.change(func(c *livedesk.Channel) {
					c.Rate = -1
					c.QuietHours = livedesk.QuietHours{From: begin.Format("15:04"), To: end.Format("15:04"), Zone: "UTC"}
				})
				wait.hold(w)
				first := w.start(alice, "first")
				behind := w.reply(first.Conversation, "behind it")
				note, err := w.desk.Notify(w.ctx(), w.ch.ID, bob, livedesk.Draft{Text: "reminder"})
				require.NoError(t, err)
				long := w.start(phone(1), strings.Repeat("word ", 500)) // in parts
				reply := w.reply(w.live(carol).ID, "reply")
				if name == "outage" {
					w.settle()
				}
				w.advance(time.Hour)
				wait.let(w)
				for range 3 {
					w.later(20 * time.Minute)
				}
				require.Equal(t, []string{"reply"}, w.bodies())
				require.Equal(t, livedesk.Delivered, w.state(reply.ID), "a reply leaves at any hour")
				for _, m := range []livedesk.Message{first, note, long} {
					d := w.message(m.ID).Delivery
					require.Equal(t, livedesk.Queued, d.State)
					require.Equal(t, end, d.Due)
					require.Equal(t, "waits for the end of quiet hours", d.History[len(d.History)-1].Detail)
				}
				w.later(end.Sub(w.clock()) - time.Second)
				require.Equal(t, 1, len(w.bodies()))
				w.later(time.Second)
				for range 3 {
					w.later(time.Second)
				}
				for _, m := range []livedesk.Message{first, behind, note, long} {
					require.Equal(t, livedesk.Delivered, w.state(m.ID))
				}
			}, func(s *settings) { s.BackfillEvery = -1 })
		})
	}
}

// A greeting whose turn comes in quiet hours makes way for who answers meanwhile, and is said in the morning where nobody did.
func TestQuietHoursHoldGreetingsAtTheGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi {{contact}}, {{channel}} here" })
	begin := w.clock().Add(30 * time.Minute).Truncate(time.Minute)
	end := begin.Add(2 * time.Hour)
	w.change(func(c *livedesk.Channel) {
		c.QuietHours = livedesk.QuietHours{From: begin.Format("15:04"), To: end.Format("15:04"), Zone: "UTC"}
	})
	_, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: alice, Name: "{{channel}}"}) // braces in a value mean nothing
	require.NoError(t, err)
	w.deliver(smstest.Text{From: alice, Body: "hello"}) // and nobody works
	w.deliver(smstest.Text{From: bob, Body: "hello"})
	w.later(time.Hour)
	require.Empty(t, w.bodies())
	greeting := w.texts(w.live(alice).ID)[1]
	require.Equal(t, livedesk.Canceled, greeting.Delivery.State)
	require.Equal(t, channel.ReasonWithheld, greeting.Delivery.Reason)
	m := w.reply(w.live(bob).ID, "at night")
	w.settle()
	require.Equal(t, livedesk.Delivered, w.state(m.ID), "nothing stands before a reply")
	w.later(end.Sub(w.clock()))
	require.Equal(t, []string{"at night", "Hi {{channel}}, Sales here"}, w.bodies())
	w.later(time.Hour)
	require.Len(t, w.bodies(), 2)
}

// What isn't good until the hours end isn't sent, also when that turns out late.
func TestQuietHoursOutlastAText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.ExpireHuman, s.ExpireAutomatic = 2*time.Hour, 2*time.Hour })
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	begin := w.clock().Add(30 * time.Minute).Truncate(time.Minute)
	end := begin.Add(3 * time.Hour)
	w.change(func(c *livedesk.Channel) {
		c.QuietHours = livedesk.QuietHours{From: begin.Format("15:04"), To: end.Format("15:04"), Zone: "UTC"}
	})
	first := w.start(alice, "first")
	w.deliver(smstest.Text{From: bob, Body: "hello"})
	w.later(time.Hour)
	for _, m := range []livedesk.Message{first, w.texts(w.live(bob).ID)[1]} {
		d := w.message(m.ID).Delivery
		require.Equal(t, livedesk.Canceled, d.State)
		require.Equal(t, channel.ReasonExpired, d.Reason)
	}
	for range 5 {
		w.later(time.Hour)
	}
	require.Empty(t, w.bodies())
}

// While a channel is probed once a minute, what waits for quiet hours to end uses up none of the probes.
func TestQuietHoursUseUpNoProbe(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.text(carol, "are you there?")
		begin := w.clock().Add(30 * time.Minute).Truncate(time.Minute)
		w.change(func(c *livedesk.Channel) {
			c.QuietHours = livedesk.QuietHours{From: begin.Format("15:04"), To: begin.Add(3 * time.Hour).Format("15:04"), Zone: "UTC"}
		})
		w.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
			if r.Kind == smstest.KindSend {
				return smstest.Fault{Kind: smstest.FaultStatus, Status: 401}
			}
			return smstest.Fault{}
		})
		for i := range 20 {
			w.start(phone(i), "first")
		}
		w.settle()
		require.Equal(t, livedesk.HealthRefused, w.health(w.engine).State)
		w.advance(time.Hour)
		reply := w.reply(w.live(carol).ID, "reply")
		w.carrier.FailFunc(nil)
		w.later(time.Minute)
		require.Equal(t, livedesk.Delivered, w.state(reply.ID))
		require.Equal(t, []string{"reply"}, w.bodies())
	}, func(s *settings) { s.BackfillEvery = -1 })
}
