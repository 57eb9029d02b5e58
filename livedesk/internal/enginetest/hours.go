package enginetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
)

// now is the store's clock.
func (d *desk) now() (now time.Time) {
	d.Helper()
	d.must(d.store.View(d.Context(), func(_ context.Context, tx livedesk.ReadTx) error {
		now = tx.Now()
		return nil
	}))
	return now
}

// closes gives the channel business hours, and what it does while they are closed.
func (d *desk) closes(s hours.Schedule, c livedesk.ClosedHours) {
	d.Helper()
	_, err := d.PutSchedule(d.Context(), livedesk.Schedule{ID: "office", Hours: s})
	d.must(err)
	ch, err := d.Channel(d.Context(), d.channel)
	d.must(err)
	ch.Schedule, ch.ClosedHours = "office", c
	_, err = d.PutChannel(d.Context(), ch)
	d.must(err)
	d.settle()
}

// loads returns what two agents have in hand.
func (d *desk) loads() string {
	d.Helper()
	list, err := d.Agents(d.Context())
	d.must(err)
	return fmt.Sprint(list[0].Load, " ", list[1].Load)
}

// Twelve customers write to both engines while it is closed: each is told once, and nothing gives them to anybody. At the
// opening, after a restart, the agents have what they can take, and the others follow in the order in which they came.
func servedAtTheOpening(d *desk) {
	d.agents(3, "ada", "bo")
	clock := func(in time.Duration) string { return d.now().Add(in).Format("15:04") }
	d.closes(hours.Schedule{Zone: "UTC", Week: hours.EveryDay(hours.Slot{From: clock(2 * time.Hour), To: clock(6 * time.Hour)})},
		livedesk.ClosedHours{Text: "Closed", HumansWait: true})
	for range 2 {
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() { d.text(i, "", "hello") })
		}
		all.Wait()
	}
	d.settle()
	sent := map[string]int{}
	for _, s := range d.carrier.Sent() {
		d.equal("Closed", s.Body, "text")
		sent[string(s.To)]++
	}
	d.equal(12, len(sent), "customers who were told")
	d.equal(12, len(d.carrier.Sent()), "texts at the carrier")
	for _, e := range d.engines {
		d.must(e.Desk(workspace).SetPresence(d.Context(), "ada", livedesk.Offline, 0))
		d.must(e.Desk(workspace).SetPresence(d.Context(), "ada", livedesk.Online, 0))
	}
	d.later(110 * time.Minute)
	d.equal("0 0", d.loads(), "loads before the opening")
	line, err := d.Waiting(d.Context(), livedesk.ChannelQueue(d.channel))
	d.must(err)
	d.equal(12, len(line), "in line")
	d.reopen(func(*livedesk.Config) {})
	d.later(10 * time.Minute)
	d.equal("3 3", d.loads(), "loads at the opening")
	for _, c := range d.conversations() {
		early := false
		for _, l := range line[:6] {
			early = early || l.Conversation.ID == c.ID
		}
		d.equal(early, c.Assignee != "", "the oldest first")
	}
}

// clockGoesBack is when a zone's clock goes back next.
func clockGoesBack(zone *time.Location, after time.Time) time.Time {
	offset := func(t time.Time) int { _, s := t.In(zone).Zone(); return s }
	for t := after.Truncate(time.Hour); ; t = t.Add(time.Hour) {
		if offset(t.Add(time.Hour)) < offset(t) {
			return t.Add(time.Hour)
		}
	}
}

// It closes at 01:30, on the day on which that comes twice.
func closingShownTwice(d *desk) {
	zone, err := time.LoadLocation("America/New_York")
	d.must(err)
	back := clockGoesBack(zone, d.now().Add(24*time.Hour)) // at 02:00 it is 01:00
	d.closes(hours.Schedule{Zone: zone.String(), Week: hours.EveryDay(hours.Slot{From: "20:00", To: "01:30"})},
		livedesk.ClosedHours{Text: "Closed"})
	for _, step := range []struct {
		at   time.Duration
		told int
	}{
		{-40 * time.Minute, 0}, // 01:20, open; greeted
		{-15 * time.Minute, 1}, // 01:45, closed
		{10 * time.Minute, 1},  // 01:10 again, open
		{45 * time.Minute, 1},  // 01:45 again
		{9 * time.Hour, 1},
		{24*time.Hour + 45*time.Minute, 2},
	} {
		d.later(back.Add(step.at).Sub(d.now()))
		d.text(1, "", "hello")
		d.settle()
		told := 0
		for m, err := range d.Messages(d.Context(), d.of(1).ID, 0) {
			d.must(err)
			if m.Class == livedesk.ClassAutomatic && m.Text == "Closed" {
				told++
			}
		}
		d.equal(step.told, told, "told "+step.at.String()+" from the change")
	}
}

// A schedule is removed on one engine while it is named on the other, by a team and by a channel: one of the two is told no.
func namedSchedules(d *desk) {
	removed, named := 0, 0
	for i := range 24 {
		id := fmt.Sprint("s", i)
		_, err := d.PutSchedule(d.Context(), livedesk.Schedule{ID: id, Hours: hours.Schedule{Zone: "UTC"}})
		d.must(err)
		var all sync.WaitGroup
		var remove, name error
		all.Go(func() { remove = d.engines[0].Desk(workspace).RemoveSchedule(d.Context(), id) })
		all.Go(func() {
			other := d.engines[1].Desk(workspace)
			if i%2 == 0 {
				name = other.SetTeamSchedule(d.Context(), "night", id)
				return
			}
			var c livedesk.Channel
			if c, name = other.Channel(d.Context(), d.channel); name == nil {
				c.Schedule, c.Version = id, 0
				_, name = other.PutChannel(d.Context(), c)
			}
		})
		all.Wait()
		switch {
		case remove == nil && (errors.Is(name, livedesk.ErrNotFound) || len(livedesk.FieldErrors(name)) == 1):
			removed++
		case name == nil && len(livedesk.FieldErrors(remove)) == 1:
			named++
		default:
			d.Fatalf("remove: %v, name: %v", remove, name)
		}
	}
	d.Logf("%d were removed, %d named", removed, named)
	list, err := d.Schedules(d.Context())
	d.must(err)
	d.equal(named, len(list), "schedules")
	d.settle()
}
