package livedesk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

func TestSchedulesAreObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	made, err := w.desk.PutSchedule(w.ctx(), livedesk.Schedule{Name: "Made", Hours: office()})
	require.NoError(t, err)
	require.NotEmpty(t, made.ID)
	own := w.schedule("office", office())
	require.Equal(t, int64(1), own.Version)
	list, err := w.desk.Schedules(w.ctx())
	require.NoError(t, err)
	require.Equal(t, []livedesk.Schedule{made, own}, list)

	own.Name = "Office"
	changed, err := w.desk.PutSchedule(w.ctx(), own)
	require.NoError(t, err)
	require.Equal(t, int64(2), changed.Version)
	_, err = w.desk.PutSchedule(w.ctx(), own)
	require.ErrorIs(t, err, livedesk.ErrConflict)
	_, err = w.desk.PutSchedule(w.ctx(), livedesk.Schedule{ID: "new", Version: 3, Hours: office()})
	require.ErrorIs(t, err, livedesk.ErrConflict)

	require.NoError(t, w.desk.RemoveSchedule(w.ctx(), made.ID))
	require.ErrorIs(t, w.desk.RemoveSchedule(w.ctx(), made.ID), livedesk.ErrNotFound)
	again, err := w.desk.PutSchedule(w.ctx(), livedesk.Schedule{ID: made.ID, Hours: office()})
	require.NoError(t, err, "over its tombstone")
	require.Empty(t, again.Name)
}

// Everything that is wrong is told at once, with its place.
func TestWrongSchedulesAreRefused(t *testing.T) { // F110, F111
	t.Parallel()
	w := newWorld(t)
	slots := func(s ...hours.Slot) hours.Day { return hours.Day{Slots: s} }
	wrong := hours.Schedule{Zone: "Mars/Olympus", Week: hours.Week{
		Monday:  slots(hours.Slot{From: "09:00", To: "09:00"}),
		Tuesday: slots(hours.Slot{From: "9", To: "25:00"}),
	}, Exceptions: []hours.Exception{{Date: "2026-02-30"}}, Holidays: []string{"fr"}}
	_, err := w.desk.PutSchedule(w.ctx(), livedesk.Schedule{ID: "\x00", Name: strings.Repeat("x", 257), Hours: wrong})
	var fields []string
	for _, f := range livedesk.FieldErrors(err) {
		fields = append(fields, f.Field)
	}
	require.Subset(t, fields, []string{"id", "name", "hours.zone", "hours.week.monday.slots[0]", "hours.week.tuesday.slots[0].from",
		"hours.week.tuesday.slots[0].to", "hours.exceptions[0].date", "hours.holidays[0]"})
	overlap := hours.Schedule{Zone: "UTC", Week: hours.Week{Monday: slots(hours.Slot{From: "22:00", To: "06:00"}), Tuesday: slots(hours.Slot{From: "05:00", To: "08:00"})}}
	for _, s := range []hours.Schedule{overlap, {}} {
		_, err = w.desk.PutSchedule(w.ctx(), livedesk.Schedule{Hours: s})
		require.NotEmpty(t, livedesk.FieldErrors(err))
		require.Equal(t, "invalid", livedesk.ErrorCode(err))
	}
	long := office()
	for i := range 3000 {
		long.Exceptions = append(long.Exceptions, hours.Exception{Date: time.Unix(0, 0).AddDate(0, 0, i).Format(time.DateOnly), Name: strings.Repeat("x", 100)})
	}
	_, err = w.desk.PutSchedule(w.ctx(), livedesk.Schedule{Hours: long})
	require.Equal(t, "hours", livedesk.FieldErrors(err)[0].Field)
	list, err := w.desk.Schedules(w.ctx())
	require.NoError(t, err)
	require.Empty(t, list)
}

// What a channel or a team names stays.
func TestNamedSchedulesStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.closes(office(), livedesk.ClosedHours{})
	require.ErrorIs(t, w.desk.SetTeamSchedule(w.ctx(), "night", "none"), livedesk.ErrNotFound)
	require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", "office"))
	got, err := w.desk.TeamSchedule(w.ctx(), "night")
	require.NoError(t, err)
	require.Equal(t, "office", got)
	require.Equal(t, "is named by channel Sales and 1 more", field(t, w.desk.RemoveSchedule(w.ctx(), "office"), "id"))
	w.change(func(c *livedesk.Channel) { c.Schedule = "" })
	require.Equal(t, "is named by team night", field(t, w.desk.RemoveSchedule(w.ctx(), "office"), "id"))
	require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", ""))
	require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", ""))
	require.NoError(t, w.desk.RemoveSchedule(w.ctx(), "office"))
	w.closes(office(), livedesk.ClosedHours{})
	require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
	require.NoError(t, w.desk.RemoveSchedule(w.ctx(), "office"), "a channel that is gone names nothing")
}

// A team that is closed is nobody behind its target: what happens then is the rule's to say.
func TestClosedTeamIsNobody(t *testing.T) {
	t.Parallel()
	team := says("billing", toTeam("night"))
	wait := team
	wait.Timeout = routing.Timeout{AfterSeconds: 60, Then: routing.NextTier}
	for name, c := range map[string]struct {
		rules           []routing.Rule
		assignee, queue string
	}{
		"waits":                  {[]routing.Rule{team}, "", "team:night"},
		"next rule":              {[]routing.Rule{unavailable(team, routing.NextRule), says("my", toAgent("bo"))}, "bo", ""},
		"next tier":              {[]routing.Rule{unavailable(team, routing.NextTier)}, "ada", ""},
		"another target":         {[]routing.Rule{says("billing", toTeam("night"), toAgent("bo"))}, "bo", ""},
		"waits where it is open": {[]routing.Rule{says("billing", toTeam("night"), toAgent("away"))}, "", "agent:away"},
		"isn't available": {[]routing.Rule{{ID: "a", Condition: routing.Condition{Available: &routing.Target{Kind: routing.ToTeam, ID: "night"}},
			Targets: []routing.Target{toTeam("night")}}}, "ada", ""},
		"closed hours": {[]routing.Rule{{ID: "a", Condition: routing.Condition{Hours: routing.HoursClosed}, Targets: []routing.Target{toAgent("bo")}}}, "bo", ""},
		"open hours":   {[]routing.Rule{{ID: "a", Condition: routing.Condition{Hours: routing.HoursOpen}, Targets: []routing.Target{toAgent("bo")}}}, "ada", ""},
		"with a limit": {[]routing.Rule{wait}, "", "team:night"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ruledWorld(t)
			w.closes(office(), livedesk.ClosedHours{})
			require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", "office"))
			w.rules(c.rules...)
			w.paris("2026-03-06 20:00")
			w.text(alice, "my billing")
			require.Equal(t, c.assignee, w.live(alice).Assignee)
			require.Equal(t, c.queue, w.live(alice).Queue)
			if name == "with a limit" {
				w.later(time.Minute)
				require.Equal(t, "ada", w.live(alice).Assignee)
				return
			}
			if c.queue == "team:night" {
				d := w.explained(w.live(alice).ID)
				require.Equal(t, []livedesk.Skipped{{Agent: "cy", Why: livedesk.SkipClosed}}, d.Skipped)
				require.Equal(t, "2026-03-09T08:00:00Z", d.Opens.Format(time.RFC3339))
				w.paris("2026-03-09 09:00")
				require.Equal(t, "cy", w.live(alice).Assignee)
				require.Equal(t, livedesk.TierQueue, w.explained(w.live(alice).ID).Tier)
			}
			if name == "next tier" {
				require.Contains(t, w.explained(w.live(alice).ID).Looked, livedesk.Look{Tier: livedesk.TierRules, Rule: "billing", Result: livedesk.LookClosed})
			}
			if name == "open hours" {
				require.Equal(t, "hours are closed", w.explained(w.live(alice).ID).Rules[0].Failed[0].Why)
			}
		})
	}
}

// Without the option routing goes on while it is closed. With it nothing gives a closed channel's conversation to anybody
// before the opening; then the most urgent goes first, and of these the oldest.
func TestHumansWaitForTheOpening(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.agents(w.ch.ID, 1, "ada")
		w.closes(office(), livedesk.ClosedHours{})
		w.paris("2026-03-06 20:00")
		w.text(alice, "hello")
		require.Equal(t, "ada", w.live(alice).Assignee)
		w.change(func(c *livedesk.Channel) { c.ClosedHours.HumansWait = true })
		for i := range 4 {
			w.later(time.Minute)
			w.text(phone(i), "hello")
		}
		_, err := w.desk.SetDetails(w.ctx(), w.live(phone(2)).ID, host, livedesk.Details{Priority: new(1)})
		require.NoError(t, err)
		nobody := func(what string) {
			t.Helper()
			w.settle()
			for i := range 4 {
				require.Equal(t, livedesk.ChannelQueue(w.ch.ID), w.live(phone(i)).Queue, what)
			}
		}
		_, err = w.desk.Resolve(w.ctx(), w.live(alice).ID, host)
		require.NoError(t, err)
		nobody("a place came free")
		w.presence("ada", livedesk.Offline)
		w.presence("ada", livedesk.Online)
		nobody("an agent came on line")
		w.agent("ada", 2)
		nobody("the capacity was raised")
		w.agents(w.ch.ID, 2, "ada", "bo")
		nobody("a member was added")
		w.agents(w.ch.ID, 1, "ada")
		w.text(alice, "hello again")
		require.Empty(t, w.live(alice).Assignee, "reopened, and not given back")
		require.Contains(t, w.explained(w.live(alice).ID).Skipped, livedesk.Skipped{Agent: "ada", Why: livedesk.SkipClosed})
		w.paris("2026-03-09 08:59")
		nobody("a minute early")
		_, err = w.desk.Assign(w.ctx(), w.live(phone(3)).ID, "bo", host)
		require.NoError(t, err, "a person may")
		_, err = w.desk.Snooze(w.ctx(), w.live(phone(3)).ID, host, w.clock().Add(time.Second))
		require.NoError(t, err)
		w.later(2 * time.Second)
		require.Equal(t, "bo", w.live(phone(3)).Assignee, "wakes with its agent")
		w.paris("2026-03-09 09:00")
		for _, want := range []string{phone(2), phone(0), phone(1), alice} {
			require.Equal(t, "ada", w.live(want).Assignee, want)
			_, err := w.desk.Resolve(w.ctx(), w.live(want).ID, host)
			require.NoError(t, err)
			w.settle()
		}
	})
}

// A line that is longer than one transaction serves, in lines of other queues too, is served at the opening by another process.
func TestOpeningServesAll(t *testing.T) {
	t.Parallel()
	w := ruledWorld(t)
	w.agents(w.ch.ID, 0, "ada", "bo")
	w.agent("cy", 0)
	w.rules(says("billing", toTeam("night")))
	w.closes(office(), livedesk.ClosedHours{HumansWait: true})
	w.paris("2026-03-06 20:00")
	for i := range 80 {
		w.deliver(textFrom(phone(i), []string{"hello", "billing"}[i%2]))
	}
	w.paris("2026-03-09 08:59")
	require.Zero(t, w.load("ada")+w.load("bo")+w.load("cy"))
	other := w.open()
	w.advance(time.Minute)
	w.settleOn(other)
	require.Equal(t, 40, w.load("ada")+w.load("bo"))
	require.Equal(t, 40, w.load("cy"))
}

// Hours that are changed count at once for who waits.
func TestChangedHoursArePlannedAnew(t *testing.T) {
	t.Parallel()
	week := func(from, to string) hours.Schedule {
		return hours.Schedule{Zone: "Europe/Paris", Week: hours.EveryDay(hours.Slot{From: from, To: to})}
	}
	for name, change := range map[string]func(w *world){
		"opens earlier": func(w *world) {
			w.schedule("office", week("22:00", "23:00"))
			w.schedule("night", week("22:00", "23:00"))
			w.settle()
			w.paris("2026-03-06 21:59")
			require.Empty(w.t, w.live(alice).Assignee)
			w.paris("2026-03-06 22:00")
		},
		"is open": func(w *world) {
			w.schedule("office", week("19:00", "21:00"))
			w.schedule("night", week("19:00", "21:00"))
		},
		"opens later": func(w *world) {
			w.schedule("office", week("12:00", "13:00"))
			w.schedule("night", week("12:00", "13:00"))
			w.paris("2026-03-07 11:59")
			require.Empty(w.t, w.live(alice).Assignee)
			require.Empty(w.t, w.live(bob).Assignee)
			w.paris("2026-03-07 12:00")
		},
		"opens again after all": func(w *world) {
			w.schedule("office", hours.Schedule{Zone: "UTC"})
			w.schedule("night", hours.Schedule{Zone: "UTC"})
			w.paris("2026-03-09 12:00")
			require.Empty(w.t, w.live(alice).Assignee)
			w.schedule("office", week("11:00", "13:00"))
			w.schedule("night", week("11:00", "13:00"))
		},
		"others are named": func(w *world) {
			w.schedule("day", week("19:00", "21:00"))
			w.change(func(c *livedesk.Channel) { c.Schedule = "day" })
			require.NoError(w.t, w.desk.SetTeamSchedule(w.ctx(), "night", "day"))
		},
		"none are named": func(w *world) {
			w.change(func(c *livedesk.Channel) { c.Schedule = "" })
			require.NoError(w.t, w.desk.SetTeamSchedule(w.ctx(), "night", ""))
		},
		"nobody has to wait": func(w *world) {
			w.change(func(c *livedesk.Channel) { c.ClosedHours.HumansWait = false })
			require.NoError(w.t, w.desk.SetTeamSchedule(w.ctx(), "night", ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ruledWorld(t)
			w.rules(says("billing", toTeam("night")))
			w.schedule("night", office())
			w.closes(office(), livedesk.ClosedHours{HumansWait: true})
			require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", "night"))
			w.paris("2026-03-06 20:00")
			w.text(alice, "hello")
			w.text(bob, "billing")
			require.Empty(t, w.live(alice).Assignee)
			require.Empty(t, w.live(bob).Assignee)
			change(w)
			w.settle()
			require.Equal(t, "ada", w.live(alice).Assignee)
			require.Equal(t, "cy", w.live(bob).Assignee)
		})
	}
}

// So do other hours of a team, of which no channel knows.
func TestTeamsOtherHoursCountAtOnce(t *testing.T) {
	t.Parallel()
	for name, schedule := range map[string]string{"others": "day", "none": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ruledWorld(t)
			w.rules(says("billing", toTeam("night")))
			w.schedule("office", office())
			w.schedule("day", hours.Schedule{Zone: "Europe/Paris", Week: hours.EveryDay(hours.Slot{From: "19:00", To: "21:00"})})
			require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", "office"))
			w.paris("2026-03-06 20:00")
			w.text(bob, "billing")
			require.Equal(t, "team:night", w.live(bob).Queue)
			require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", schedule))
			w.settle()
			require.Equal(t, "cy", w.live(bob).Assignee)
		})
	}
}

// The option is switched on while some wait already: they are served at the opening, though it was planned for nobody.
func TestHumansWaitFromNowOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 1, "ada")
	w.presence("ada", livedesk.Offline)
	w.closes(office(), livedesk.ClosedHours{})
	w.paris("2026-03-06 20:00")
	w.text(alice, "hello")
	w.change(func(c *livedesk.Channel) { c.ClosedHours.HumansWait = true })
	w.settle()
	w.presence("ada", livedesk.Online)
	w.settle()
	require.Empty(t, w.live(alice).Assignee)
	w.paris("2026-03-09 09:00")
	require.Equal(t, "ada", w.live(alice).Assignee)
}

// Who has waited since before it closed is served at the opening too: whoever comes on line at night sees to that.
func TestWaitingSinceBeforeTheClosing(t *testing.T) {
	t.Parallel()
	for name, team := range map[string]string{"team with hours": "night", "channel's hours": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ruledWorld(t)
			w.rules(says("billing", toTeam("night")))
			w.closes(office(), livedesk.ClosedHours{HumansWait: true})
			w.schedule("night", office())
			require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", team))
			w.paris("2026-03-06 17:00")
			w.presence("cy", livedesk.Offline)
			w.text(bob, "billing")
			if team != "" {
				for _, a := range []string{"ada", "bo"} {
					w.presence(a, livedesk.Offline)
				}
				w.text(alice, "hello")
			}
			w.paris("2026-03-06 20:00")
			w.presence("ada", livedesk.Online)
			w.presence("cy", livedesk.Online)
			w.settle()
			require.Empty(t, w.live(bob).Assignee)
			w.paris("2026-03-09 09:00")
			require.Equal(t, "cy", w.live(bob).Assignee)
			if team != "" {
				require.Equal(t, "ada", w.live(alice).Assignee)
			}
		})
	}
}

// Run serves at the opening, within Poll of it, and a process that begins with other hours of the host's own looks at once.
func TestRunOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		own := &ownHours{next: time.Now().Add(1000 * time.Hour)}
		w := newWorld(t, realTime, func(s *settings) { s.BusinessHours = map[string]hours.BusinessHours{"own": own} })
		w.twilioChannel(nil)
		w.agents(w.ch.ID, 0, "ada")
		now := time.Now().UTC()
		slot := hours.Slot{From: now.Add(time.Minute).Format("15:04"), To: now.Add(time.Hour).Format("15:04")}
		w.closes(hours.Schedule{Zone: "UTC", Week: hours.EveryDay(slot)}, livedesk.ClosedHours{HumansWait: true})
		stop := running(t, w.engine)
		w.deliver(textFrom(alice, "hello"))
		time.Sleep(time.Until(now.Truncate(time.Minute).Add(time.Minute)) - time.Millisecond)
		synctest.Wait()
		require.Empty(t, w.live(alice).Assignee)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "ada", w.live(alice).Assignee)

		w.change(func(c *livedesk.Channel) { c.Schedule = "own" })
		require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", "own"))
		require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"ada"}))
		w.rules(says("billing", toTeam("night")))
		w.deliver(textFrom(bob, "hello"))
		w.deliver(textFrom(carol, "billing"))
		time.Sleep(time.Minute)
		require.Empty(t, w.live(bob).Assignee)
		require.NoError(t, stop())
		other := w.open(func(s *settings) { s.BusinessHours = map[string]hours.BusinessHours{"own": hours.Always} })
		stop = running(t, other)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "ada", w.live(bob).Assignee)
		require.Equal(t, "ada", w.live(carol).Assignee)
		require.NoError(t, stop())
	})
}

// ownHours are business hours of a host's.
type ownHours struct {
	open      bool
	next      time.Time
	panicking bool
}

func (h *ownHours) IsOpen(time.Time) bool {
	if h.panicking {
		panic("no hours today")
	}
	return h.open
}

func (h *ownHours) NextOpen(t time.Time) (time.Time, bool) { return h.next, !h.next.IsZero() }

func (h *ownHours) NextClose(t time.Time) (time.Time, bool) { return t, true }

// A host's own hours count like a schedule; what is wrong with them stops nobody.
func TestOwnBusinessHours(t *testing.T) {
	t.Parallel()
	_, err := livedesk.New(newWorld(t).store, livedesk.Config{BusinessHours: map[string]hours.BusinessHours{"x": nil, "": hours.Always}})
	require.Len(t, livedesk.FieldErrors(err), 2)

	own, wrong, broken := &ownHours{}, &ownHours{next: time.Unix(1, 0)}, &ownHours{panicking: true}
	var none *ownHours
	log := &logBuffer{}
	w := newWorld(t, func(s *settings) {
		s.BusinessHours = map[string]hours.BusinessHours{"own": own, "wrong": wrong, "broken": broken, "none": none}
		s.Logger = log.logger()
	})
	w.bandwidthChannel(func(c *livedesk.Channel) {
		c.Schedule, c.ClosedHours = "own", livedesk.ClosedHours{HumansWait: true, Text: "Closed. {{next_open}}"}
	})
	w.agents(w.ch.ID, 0, "ada")
	require.Equal(t, "is one of Config.BusinessHours", func() string {
		_, err := w.desk.PutSchedule(w.ctx(), livedesk.Schedule{ID: "own", Hours: office()})
		return field(t, err, "id")
	}())
	own.next = w.clock().Add(time.Hour)
	w.text(alice, "hello")
	w.text(alice, "hello?")
	require.Empty(t, w.live(alice).Assignee)
	require.Len(t, w.said(alice), 1, "the opening names the closed period")
	own.open = true
	w.later(time.Hour)
	require.Equal(t, "ada", w.live(alice).Assignee)

	w.change(func(c *livedesk.Channel) { c.Schedule = "wrong" })
	w.text(bob, "hello")
	require.Empty(t, w.live(bob).Assignee)
	wrong.open = true
	w.later(time.Minute)
	require.Equal(t, "ada", w.live(bob).Assignee, "it was looked at again, and not without end")

	for i, id := range []string{"broken", "none"} {
		w.change(func(c *livedesk.Channel) { c.Schedule = id })
		for n := range 5 {
			w.text(phone(5*i+n), "hello")
			require.Equal(t, "ada", w.live(phone(5*i+n)).Assignee, "open")
		}
		require.Equal(t, 1, strings.Count(log.String(), `"schedule":"`+id+`"`), "told once in a while")
	}
	// A process that wasn't given them.
	w.change(func(c *livedesk.Channel) { c.Schedule = "own" })
	own.open = false
	other := w.open(func(s *settings) { s.BusinessHours = nil })
	got, err := other.Desk("main").Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID})
	require.NoError(t, err)
	require.Equal(t, "ada", got.Decision.Agent)
	require.Contains(t, log.String(), "no such schedule")
	c, err := other.Desk("main").Channel(w.ctx(), w.ch.ID)
	require.NoError(t, err)
	c.Greeting = "Hi"
	_, err = other.Desk("main").PutChannel(w.ctx(), c)
	require.NoError(t, err, "a name that stays isn't asked about")
}

// Every case of the reference data, asked of the desk: what rules know, whether a team is there, and when it opens.
func TestHoursOfTheReferenceThroughTheDesk(t *testing.T) { // F110
	t.Parallel()
	data, err := os.ReadFile("../hours/testdata/hours.json")
	require.NoError(t, err)
	type answer struct {
		Open bool       `json:"open"`
		Next *time.Time `json:"next"`
	}
	var file struct {
		Cases []struct {
			ID, Zone string
			Week     map[string][][2]string
			Holidays []string
			At       time.Time
			Expect   map[string]answer
		}
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.NotEmpty(t, file.Cases)
	w := ruledWorld(t)
	w.rules(routing.Rule{ID: "closed", Condition: routing.Condition{Hours: routing.HoursClosed}, Targets: []routing.Target{toTeam("night")}})
	w.closes(office(), livedesk.ClosedHours{})
	require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", "office"))
	for _, c := range file.Cases {
		s := hours.Schedule{Zone: c.Zone}
		for name, day := range map[string]*hours.Day{"mon": &s.Week.Monday, "tue": &s.Week.Tuesday, "wed": &s.Week.Wednesday,
			"thu": &s.Week.Thursday, "fri": &s.Week.Friday, "sat": &s.Week.Saturday, "sun": &s.Week.Sunday} {
			for _, slot := range c.Week[name] {
				day.Slots = append(day.Slots, hours.Slot{From: slot[0], To: slot[1]})
			}
		}
		for _, date := range c.Holidays {
			s.Exceptions = append(s.Exceptions, hours.Exception{Date: date})
		}
		w.schedule("office", s)
		want, ok := c.Expect["wall/start"]
		if !ok {
			want = c.Expect["all"]
		}
		got, err := w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID, At: c.At})
		require.NoError(t, err)
		if want.Open {
			require.Equal(t, "ada", got.Decision.Agent, c.ID)
			continue
		}
		require.Equal(t, "team:night", got.Decision.Queue, c.ID)
		require.Empty(t, got.Decision.Agent, c.ID)
		next := time.Time{}
		if want.Next != nil {
			next = want.Next.UTC()
		}
		require.Equal(t, fmt.Sprint(next), fmt.Sprint(got.Decision.Opens.UTC()), c.ID)
	}
}

// A stored schedule that this process can't use counts as open, and says what is wrong.
func TestBrokenSchedule(t *testing.T) { // F111
	t.Parallel()
	log := &logBuffer{}
	w := newWorld(t, func(s *settings) { s.Logger = log.logger() })
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 0, "ada")
	w.closes(office(), livedesk.ClosedHours{HumansWait: true, Text: weOpen})
	require.NoError(t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		objs, err := tx.Objects(ctx, livedesk.ObjectQuery{Workspace: "main", Kind: "schedule"})
		require.NoError(t, err)
		objs[0].Data = []byte(strings.ReplaceAll(string(objs[0].Data), "Europe/Paris", "Europe/Atlantis"))
		return tx.Apply(ctx, livedesk.Changes{Objects: objs})
	}))
	w.paris("2026-03-06 20:00")
	w.text(alice, "hello")
	require.Equal(t, "ada", w.live(alice).Assignee)
	require.Empty(t, w.said(alice))
	require.Contains(t, log.String(), "configuration can't be used")
	list, err := w.desk.Schedules(w.ctx())
	require.NoError(t, err)
	require.Contains(t, list[0].Problem, "Europe/Atlantis")
}
