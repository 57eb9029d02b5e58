package hours_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
)

func slots(fromTo ...string) (out []hours.Slot) {
	for i := 0; i < len(fromTo); i += 2 {
		out = append(out, hours.Slot{From: fromTo[i], To: fromTo[i+1]})
	}
	return out
}

// TestSlots is the valid half of F110: each case lists the flips of one week from Monday 5 January 2026.
func TestSlots(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		week  hours.Week
		flips []string
	}{
		"night": {hours.Week{Monday: hours.Day{Slots: slots("22:00", "06:00")}},
			[]string{"05T22:00", "06T06:00"}},
		"Sunday night into Monday": {hours.Week{Sunday: hours.Day{Slots: slots("22:00", "06:00")}},
			[]string{"05T06:00", "11T22:00"}},
		"24 hours": {hours.Week{Tuesday: hours.Day{Slots: slots("00:00", "24:00")}},
			[]string{"06T00:00", "07T00:00"}},
		"24 hours from the morning": {hours.Week{Tuesday: hours.Day{Slots: slots("09:00", "08:59")}},
			[]string{"06T09:00", "07T08:59"}},
		"midnight written as 00:00": {hours.Week{Tuesday: hours.Day{Slots: slots("20:00", "00:00")}},
			[]string{"06T20:00", "07T00:00"}},
		"two ranges, unsorted": {hours.Week{Friday: hours.Day{Slots: slots("14:00", "18:00", "09:00", "12:00")}},
			[]string{"09T09:00", "09T12:00", "09T14:00", "09T18:00"}},
		"touching, also over midnight": {hours.Week{
			Friday: hours.Day{Slots: slots("09:00", "12:00", "12:00", "24:00")}, Saturday: hours.Day{Slots: slots("00:00", "01:00")}},
			[]string{"09T09:00", "10T01:00"}},
		"empty week": {hours.Week{}, nil},
		"always":     {hours.EveryDay(slots("00:00", "24:00")...), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := compiled(t, hours.Schedule{Zone: "UTC", Week: c.week})
			at, end := instant(t, "2026-01-05T00:00:00Z"), instant(t, "2026-01-12T00:00:00Z")
			var flips []string
			for {
				change := table.NextOpen
				if table.IsOpen(at) {
					change = table.NextClose
				}
				next, ok := change(at)
				if !ok || !next.Before(end) {
					break
				}
				flips = append(flips, next.Format("02T15:04"))
				at = next
			}
			require.Equal(t, c.flips, flips)
		})
	}
}

// TestRefused is the other half of F110 and of F111: everything wrong is named, with its place, at once.
func TestRefused(t *testing.T) {
	t.Parallel()
	_, err := hours.Schedule{
		Zone: "Mars/Olympus",
		Week: hours.Week{
			Monday:    hours.Day{Slots: slots("09:00", "12:00", "11:00", "13:00")},
			Tuesday:   hours.Day{Slots: slots("9:00", "12:00", "13:00", "24:01", "24:00", "02:00", "10:00", "10:00")},
			Wednesday: hours.Day{Slots: slots("22:00", "06:00"), Zone: "Local"},
			Thursday:  hours.Day{Slots: slots("22:00", "06:00")},
			Friday:    hours.Day{Slots: slots("05:59", "07:00")},
			Sunday:    hours.Day{Slots: slots("23:00", "09:01")},
		},
		Exceptions: []hours.Exception{
			{Date: "2026-02-29"}, {Date: "12-25"}, {Date: "12-25"}, {Date: "2026-12-25"}, {Date: "25.12.2026"},
			{Date: "2026-05-01", Slots: slots("09:00", "12:00", "10:00", "11:00"), Zone: "Nowhere"},
			{Date: "", Slots: slots("00:00", "00:00")},
		},
		Holidays: []string{"fr", "fr", "de"},
	}.Compile(hours.Holidays{ID: "fr", Days: []hours.Exception{{Date: "07-14"}, {Date: "13-01"}}},
		hours.Holidays{ID: "not named", Days: []hours.Exception{{Date: "wrong"}}})

	invalid, ok := errors.AsType[*hours.InvalidError](err)
	require.True(t, ok)
	var places []string
	for _, p := range invalid.Problems {
		places = append(places, p.Error())
	}
	require.Equal(t, []string{
		`zone: not a usable time zone: "Mars/Olympus" is unknown`,
		`week.tuesday.slots[0].from: not a time of day: "9:00"`,
		`week.tuesday.slots[1].to: not a time of day: "24:01"`,
		`week.tuesday.slots[2].from: not a time of day: "24:00"`,
		`week.tuesday.slots[3]: from and to are equal: 24 hours are 00:00 to 24:00`,
		`week.wednesday.zone: not a usable time zone: "Local" doesn't name a place`,
		`week.monday.slots[1]: overlaps another slot: week.monday.slots[0]`,
		`week.friday.slots[0]: overlaps another slot: week.thursday.slots[0]`,
		`week.monday.slots[0]: overlaps another slot: week.sunday.slots[0]`,
		`exceptions[0].date: not a date: "2026-02-29"`,
		`exceptions[2].date: occurs twice: "12-25"`,
		`exceptions[4].date: not a date: "25.12.2026"`,
		`exceptions[5].zone: not a usable time zone: "Nowhere" is unknown`,
		`exceptions[6].slots[0]: from and to are equal: 24 hours are 00:00 to 24:00`,
		`exceptions[6].date: not a date: ""`,
		`exceptions[5].slots[1]: overlaps another slot: exceptions[5].slots[0]`,
		`holidays["fr"].days[1].date: not a date: "13-01"`,
		`holidays[1]: occurs twice: "fr"`,
		`holidays[2]: no holiday list of this id is given: "de"`,
	}, places)
	for _, want := range []error{hours.ErrZone, hours.ErrTime, hours.ErrDate, hours.ErrEmpty, hours.ErrOverlap, hours.ErrDuplicate, hours.ErrHolidays} {
		require.ErrorIs(t, err, want)
	}
}

func TestTimesOfDay(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"", "9", "09", "0900", "09:60", "25:00", "24:30", "-1:00", "09:00 ", "09:00:00", "09.00", "٠٩:٠٠", "99:99"} {
		_, err := hours.Schedule{Zone: "UTC", Week: hours.EveryDay(hours.Slot{From: "01:00", To: wrong})}.Compile()
		require.ErrorIs(t, err, hours.ErrTime, "%q", wrong)
	}
}

func TestLongSlotOverlapsMoreThanItsNeighbour(t *testing.T) {
	t.Parallel()
	_, err := hours.Schedule{Zone: "UTC", Week: hours.Week{
		Monday: hours.Day{Slots: slots("08:00", "20:00", "09:00", "10:00", "11:00", "12:00")},
	}}.Compile()
	require.EqualError(t, err, "hours: week.monday.slots[1]: overlaps another slot: week.monday.slots[0]; "+
		"week.monday.slots[2]: overlaps another slot: week.monday.slots[0]")
}

func TestOverlapsBetweenExceptions(t *testing.T) {
	t.Parallel()
	night, early := slots("22:00", "06:00"), slots("05:00", "12:00")
	for name, c := range map[string]struct {
		first, second hours.Exception
		refused       bool
	}{
		"dated":                    {hours.Exception{Date: "2026-12-24", Slots: night}, hours.Exception{Date: "2026-12-25", Slots: early}, true},
		"dated, a day between":     {hours.Exception{Date: "2026-12-24", Slots: night}, hours.Exception{Date: "2026-12-26", Slots: early}, false},
		"yearly":                   {hours.Exception{Date: "12-24", Slots: night}, hours.Exception{Date: "12-25", Slots: early}, true},
		"yearly over New Year":     {hours.Exception{Date: "12-31", Slots: night}, hours.Exception{Date: "01-01", Slots: early}, true},
		"28 February, leap year":   {hours.Exception{Date: "02-28", Slots: night}, hours.Exception{Date: "02-29", Slots: early}, true},
		"28 February, other years": {hours.Exception{Date: "02-28", Slots: night}, hours.Exception{Date: "03-01", Slots: early}, true},
		"yearly, then dated":       {hours.Exception{Date: "12-24", Slots: night}, hours.Exception{Date: "2026-12-25", Slots: early}, true},
		"dated, then yearly":       {hours.Exception{Date: "2026-12-24", Slots: night}, hours.Exception{Date: "12-25", Slots: early}, true},
		"same date, dated counts":  {hours.Exception{Date: "2026-12-25", Slots: night}, hours.Exception{Date: "12-25", Slots: early}, false},
		"different zones":          {hours.Exception{Date: "12-24", Slots: night}, hours.Exception{Date: "12-25", Slots: early, Zone: "Asia/Tokyo"}, false},
	} {
		_, err := hours.Schedule{Zone: "UTC", Exceptions: []hours.Exception{c.first, c.second}}.Compile()
		require.Equal(t, c.refused, errors.Is(err, hours.ErrOverlap), "%s: %v", name, err)
	}
	// The night slot of the week can't be shortened for one date: whoever opens at 05:00 that day opens once.
	table := compiled(t, hours.Schedule{
		Zone: "UTC", Week: hours.EveryDay(night...), Exceptions: []hours.Exception{{Date: "2026-12-25", Slots: early}},
	})
	closes, ok := table.NextClose(instant(t, "2026-12-24T23:00:00Z"))
	requireNext(t, "2026-12-25T12:00:00Z", closes, ok)
	since, ok := table.ClosedSince(instant(t, "2026-12-25T13:00:00Z"))
	requireNext(t, "2026-12-25T12:00:00Z", since, ok)
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	table := compiled(t, hours.Schedule{
		Zone: "Europe/Paris",
		Week: hours.EveryDay(slots("22:00", "06:00")...),
		Exceptions: []hours.Exception{
			{Date: "12-25", Name: "Christmas"},
			{Date: "2027-12-25", Slots: slots("10:00", "11:00")},
			{Date: "02-29", Slots: slots("12:00", "13:00")},
		},
		Holidays: []string{"fr", "bridge"},
	}, hours.Holidays{ID: "bridge", Days: []hours.Exception{{Date: "2026-07-14", Slots: slots("08:00", "09:00")}, {Date: "2026-07-13"}}},
		hours.Holidays{ID: "fr", Days: []hours.Exception{{Date: "07-14"}, {Date: "2026-12-25", Slots: slots("15:00", "16:00")}}})

	for at, open := range map[string]bool{
		"2026-12-25T05:59:59+01:00": true,  // the night from the 24th runs to its end
		"2026-12-25T06:00:00+01:00": false, // the schedule's own yearly day goes before the list's dated one
		"2026-12-25T15:30:00+01:00": false,
		"2026-12-25T23:00:00+01:00": false, // no slot starts on the 25th
		"2026-12-26T03:00:00+01:00": false,
		"2026-12-26T22:00:00+01:00": true,
		"2027-12-25T10:30:00+01:00": true, // dated before yearly
		"2027-12-25T23:00:00+01:00": false,
		"2028-02-29T12:30:00+01:00": true,
		"2027-03-01T12:30:00+01:00": false, // 29 February doesn't move to 1 March
		"2026-07-14T08:30:00+02:00": false, // the list named first goes before the second
		"2026-07-13T23:00:00+02:00": false,
	} {
		require.Equal(t, open, table.IsOpen(instant(t, at)), at)
	}
}

func TestZonesOfDays(t *testing.T) {
	t.Parallel()
	nine := slots("09:00", "17:00")
	table := compiled(t, hours.Schedule{
		Zone: "Europe/Paris",
		Week: hours.Week{Monday: hours.Day{Slots: nine}, Tuesday: hours.Day{Slots: nine, Zone: "America/New_York"}},
		Exceptions: []hours.Exception{
			{Date: "2026-01-13", Slots: slots("12:00", "13:00")},
			{Date: "2026-01-20", Slots: slots("12:00", "13:00"), Zone: "Asia/Tokyo"},
		},
	})
	for at, want := range map[string][2]string{
		"2026-01-05T00:00:00Z": {"2026-01-05T09:00:00+01:00", "2026-01-05T17:00:00+01:00"},
		"2026-01-06T00:00:00Z": {"2026-01-06T15:00:00+01:00", "2026-01-06T23:00:00+01:00"}, // 09:00 in New York
		"2026-01-13T00:00:00Z": {"2026-01-13T18:00:00+01:00", "2026-01-13T19:00:00+01:00"}, // the weekday's zone
		"2026-01-20T00:00:00Z": {"2026-01-20T04:00:00+01:00", "2026-01-20T05:00:00+01:00"}, // the exception's own
	} {
		opens, ok := table.NextOpen(instant(t, at))
		requireNext(t, want[0], opens, ok)
		closes, ok := table.NextClose(opens)
		requireNext(t, want[1], closes, ok)
	}
	// Where two zones' days meet the openings are one: New York's Tuesday ends as Tokyo's Wednesday lasts.
	meeting := compiled(t, hours.Schedule{Zone: "Asia/Tokyo", Week: hours.Week{
		Tuesday: hours.Day{Slots: nine, Zone: "America/New_York"}, Wednesday: hours.Day{Slots: slots("00:00", "12:00")},
	}})
	closes, ok := meeting.NextClose(instant(t, "2026-01-06T14:00:00Z"))
	requireNext(t, "2026-01-07T12:00:00+09:00", closes, ok)
	since, ok := meeting.ClosedSince(instant(t, "2026-01-08T00:00:00Z"))
	requireNext(t, "2026-01-07T12:00:00+09:00", since, ok)
}

func TestJSON(t *testing.T) {
	t.Parallel()
	const text = `{"zone":"Europe/Paris","week":{"monday":{"slots":[{"from":"09:00","to":"18:00"}],"zone":"Europe/London"}},` +
		`"exceptions":[{"date":"12-25","name":"Christmas"},{"date":"2026-12-24","slots":[{"from":"09:00","to":"12:00"}]}],` +
		`"holidays":["fr"]}`
	var s hours.Schedule
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	again, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(t, text, string(again))
	zero, err := json.Marshal(hours.Schedule{})
	require.NoError(t, err)
	require.JSONEq(t, `{"zone":""}`, string(zero))
}

func TestHolidaysCheck(t *testing.T) {
	t.Parallel()
	require.NoError(t, hours.Holidays{ID: "fr", Days: []hours.Exception{{Date: "07-14"}}}.Check())
	err := hours.Holidays{ID: "fr", Days: []hours.Exception{{Date: "2026-06-31"}}}.Check()
	require.EqualError(t, err, `hours: days[0].date: not a date: "2026-06-31"`)

	same := hours.Holidays{ID: "fr"}
	_, err = hours.Schedule{Zone: "UTC", Holidays: []string{"fr"}}.Compile(same, same)
	require.ErrorIs(t, err, hours.ErrDuplicate)
}

// TestTimetableSharesNothing changes the data after it was compiled.
func TestTimetableSharesNothing(t *testing.T) {
	t.Parallel()
	s := hours.Schedule{Zone: "UTC", Week: hours.EveryDay(slots("09:00", "17:00")...), Exceptions: []hours.Exception{{Date: "01-01"}}}
	table := compiled(t, s)
	s.Week.Monday.Slots[0] = hours.Slot{From: "00:00", To: "00:01"}
	s.Exceptions[0].Date = "06-01"
	require.True(t, table.IsOpen(instant(t, "2026-06-01T12:00:00Z")))
	require.False(t, table.IsOpen(instant(t, "2026-01-01T12:00:00Z")))
}

func TestFixedAndZeroValues(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-01-01T12:00:00Z")
	for _, c := range []struct {
		desk hours.BusinessHours
		open bool
	}{{hours.Always, true}, {hours.Never, false}, {new(hours.Timetable), false}} {
		require.Equal(t, c.open, c.desk.IsOpen(at))
		opens, ok := c.desk.NextOpen(at)
		require.Equal(t, c.open, ok)
		closes, okClose := c.desk.NextClose(at)
		require.Equal(t, !c.open, okClose)
		if c.open {
			closes = opens
		}
		require.Equal(t, at, closes)
	}
	_, ok := new(hours.Timetable).ClosedSince(at)
	require.False(t, ok)
}
