package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// slack is what a machine under load may add to a time that is promised.
const slack = 4 * time.Second

// What one process is told of agents the others know at once.
func TestFleetPresence(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	n := f.twilioNumber(silent)
	f.agents(n, 1, "ada")
	f.start()
	for i, p := range []livedesk.Presence{livedesk.Busy, livedesk.Offline, livedesk.Online} {
		do(f, f.processes[i], "SetPresence", Present{Agent: "ada", Presence: p, TTL: time.Hour})
		for _, other := range f.processes {
			list := get[[]livedesk.Agent](f, other, "Agents", 0)
			require.Len(t, list, 1)
			require.Equal(t, p, list[0].Presence)
		}
	}
	f.ahead(time.Hour) // it lapses, in all of them
	n.text(f, to(t.Context(), f.processes[3]), smstest.Text{From: address(1), Body: "hello"})
	require.Empty(t, f.held())
	do(f, f.processes[2], "SetPresence", Present{Agent: "ada", Presence: livedesk.Online})
	// At once, or a moment later where somebody looked at the conversation just then.
	f.eventually(patience, "to give ada the conversation", func() bool { return len(f.held()["ada"]) == 1 })
}

// A channel that one process changes is served so by the others within Config.Refresh, which is a second.
func TestFleetChannelChanges(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	n := f.twilioNumber(nil)
	f.start()
	n.text(f, to(t.Context(), f.processes[1]), smstest.Text{From: address(0), Body: "hello"})

	n.Channel.Greeting = "Bonjour"
	get[livedesk.Channel](f, f.processes[0], "PutChannel", n.Channel)
	took := f.watch()
	f.eventually(time.Second+slack, "to serve the change", func() bool {
		for _, p := range f.processes {
			if get[livedesk.Channel](f, p, "Channel", n.ID).Greeting != "Bonjour" {
				return false
			}
		}
		return true
	})
	t.Logf("served everywhere after %s", took().Round(time.Millisecond))
	n.text(f, to(t.Context(), f.processes[1]), smstest.Text{From: address(1), Body: "hello"})
	f.quiet(patience)
	sent := n.Sent()
	require.Len(t, sent, 2)
	require.Equal(t, "Bonjour", sent[1].Body)
}

// A channel that one process has just added takes texts in at another one at once, and sends there too.
func TestFleetChannelIsNew(t *testing.T) {
	t.Parallel()
	f := newFleet(t, func(s *setting) { s.Refresh = time.Hour })
	f.start()
	together(fleetSize, func(i int) { _, _ = ask[livedesk.Channel](t.Context(), f.processes[i], "Channel", "none") }) // they have read what there is
	n := f.twilioNumber(nil)
	n.text(f, to(t.Context(), f.processes[1]), smstest.Text{From: address(0), Body: "hello"})
	m := get[livedesk.Message](f, f.processes[2], "Start", Say{Channel: n.ID, To: address(1), Text: "hello"})
	f.quiet(patience)
	require.Equal(t, map[livedesk.DeliveryState]int{livedesk.Delivered: 1}, f.states([]livedesk.Message{m}))
	require.Len(t, n.Sent(), 2)
}

// So does a second number on a connection that the other process knows already: the address of its webhooks is the same.
func TestFleetNumberIsNew(t *testing.T) {
	t.Parallel()
	const second = channel.Address("+19195550101")
	f := newFleet(t, func(s *setting) { s.Refresh = time.Hour })
	first := f.bandwidthNumber(silent)
	f.start()
	f.each(func(p *process) { get[livedesk.Channel](f, p, "Channel", first.ID) })
	n := f.bandwidthNumber(func(c *livedesk.Channel) { c.Values["phone_number"] = string(second) })
	require.Equal(t, first.url, n.url)
	n.text(f, to(t.Context(), f.processes[1]), smstest.Text{From: address(0), To: second, Body: "hello"})
	require.Len(t, f.conversations(livedesk.List{Channel: n.ID}), 1, "an acknowledged text is lost")
}

// Machines whose clocks are years off, before and after the database's, send what is due, take over what was left, and let
// nothing expire that isn't old: leases and due times are the database's (F112, R14). Moving the store's clock is the same
// as moving those of all machines the other way.
func TestFleetClocks(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-10 * 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, func(s *setting) { brisk(s); s.Ahead, s.FrontTimeout = ahead, 0 })
			n := f.twilioNumber(nil)
			list := f.queue(n, 0, 10, 2)
			f.start()
			f.holdThreads(func() {
				f.run(f.processes[0])
				time.Sleep(300 * time.Millisecond)
				f.processes[0].kill()
			})
			f.run(f.processes[1:]...)
			n.text(f, t.Context(), smstest.Text{From: address(100), Body: "hello"})
			f.quiet(patience)
			f.postedOnce(n)
			require.Equal(t, map[livedesk.DeliveryState]int{livedesk.Delivered: 20}, f.states(list))
			require.Len(t, n.Sent(), 21)
		})
	}
}

// A snooze ends once, whichever process comes first, and so does every other job: its fence sees to it (F115).
func TestFleetJobsRunOnce(t *testing.T) {
	t.Parallel()
	const customers = 30
	f := newFleet(t, nil)
	n := f.twilioNumber(silent)
	f.agents(n, 0, "ada")
	f.start()
	together(customers, func(i int) { n.text(f, t.Context(), smstest.Text{From: address(i), Body: "hello"}) })
	for _, c := range f.conversations(livedesk.List{}) {
		_, err := f.desk.Snooze(t.Context(), c.ID, Say{}.by(), time.Now().Add(time.Hour))
		require.NoError(t, err)
	}
	f.ahead(2 * time.Hour)
	f.eventually(patience, "to wake them", func() bool {
		return f.count(`SELECT count(*) FROM {s}.conversations WHERE state = 'snoozed'`) == 0
	})
	for _, c := range f.conversations(livedesk.List{}) {
		require.Equal(t, livedesk.Open, c.State)
		woken := 0
		for _, m := range ofKind(f.timeline(c), livedesk.ActivityKind) {
			if m.Activity.What == "woken" {
				woken++
			}
		}
		require.Equal(t, 1, woken)
	}
}
