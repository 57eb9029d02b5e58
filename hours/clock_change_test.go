package hours_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
)

func compiled(t testing.TB, s hours.Schedule, lists ...hours.Holidays) *hours.Timetable {
	t.Helper()
	table, err := s.Compile(lists...)
	require.NoError(t, err)
	return table
}

func everyDay(t testing.TB, zone, from, to string) *hours.Timetable {
	t.Helper()
	return compiled(t, hours.Schedule{Zone: zone, Week: hours.EveryDay(hours.Slot{From: from, To: to})})
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(t, err)
	return at
}

// requireNext checks a result of NextOpen, NextClose or ClosedSince; "" expects none.
func requireNext(t testing.TB, want string, got time.Time, ok bool) {
	t.Helper()
	if want == "" {
		require.False(t, ok, "got %s", got)
		require.True(t, got.IsZero())
		return
	}
	require.True(t, ok)
	require.Equal(t, want, got.Format(time.RFC3339Nano))
}

// TestGap is F107: New York skips 02:00 to 03:00 on 8 March 2026, at 07:00 UTC.
func TestGap(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to, opens, closes string }{
		"start is skipped: opens at the jump":  {"02:30", "05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T05:00:00-04:00"},
		"all of it is skipped: not that day":   {"02:10", "02:50", "2026-03-09T02:10:00-04:00", "2026-03-09T02:50:00-04:00"},
		"end is skipped: closes at the jump":   {"00:00", "02:30", "2026-03-08T00:00:00-05:00", "2026-03-08T03:00:00-04:00"},
		"starts as the gap does: at the jump":  {"02:00", "04:00", "2026-03-08T03:00:00-04:00", "2026-03-08T04:00:00-04:00"},
		"starts as the gap ends: at the jump":  {"03:00", "04:00", "2026-03-08T03:00:00-04:00", "2026-03-08T04:00:00-04:00"},
		"over the gap: an hour shorter":        {"01:00", "04:00", "2026-03-08T01:00:00-05:00", "2026-03-08T04:00:00-04:00"},
		"ends as the gap starts: nothing lost": {"01:00", "02:00", "2026-03-08T01:00:00-05:00", "2026-03-08T03:00:00-04:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := everyDay(t, "America/New_York", c.from, c.to)
			opens, ok := table.NextOpen(instant(t, "2026-03-08T05:00:00Z")) // midnight
			requireNext(t, c.opens, opens, ok)
			require.False(t, table.IsOpen(opens.Add(-time.Second)), "never early")
			closes, ok := table.NextClose(opens)
			requireNext(t, c.closes, closes, ok)
		})
	}
}

// TestOverlap is F108: New York shows 01:00 to 02:00 twice on 1 November 2026, until 06:00 UTC and after it.
func TestOverlap(t *testing.T) {
	t.Parallel()
	table := everyDay(t, "America/New_York", "18:00", "01:30")
	at := instant(t, "2026-11-01T01:00:00Z")
	var flips []string
	for range 4 {
		closes, ok := table.NextClose(at)
		require.True(t, ok)
		opens, ok := table.NextOpen(closes)
		require.True(t, ok)
		flips = append(flips, closes.Format(time.RFC3339), opens.Format(time.RFC3339))
		at = opens
	}
	require.Equal(t, []string{
		"2026-11-01T01:30:00-04:00", "2026-11-01T01:00:00-05:00", // half an hour, then the clock goes back
		"2026-11-01T01:30:00-05:00", "2026-11-01T18:00:00-05:00",
		"2026-11-02T01:30:00-05:00", "2026-11-02T18:00:00-05:00",
		"2026-11-03T01:30:00-05:00", "2026-11-03T18:00:00-05:00",
	}, flips)
}

// TestClosedPeriodIsNamedOnce is the other half of F108: a second closed-hours text would need a second name.
func TestClosedPeriodIsNamedOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, at, want string }{
		{"18:00", "01:30", "2026-11-01T01:29:59-04:00", ""},
		{"18:00", "01:30", "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-04:00"},
		{"18:00", "01:30", "2026-11-01T01:59:00-04:00", "2026-11-01T01:30:00-04:00"},
		{"18:00", "01:30", "2026-11-01T01:15:00-05:00", ""},
		{"18:00", "01:30", "2026-11-01T01:45:00-05:00", "2026-11-01T01:30:00-04:00"},
		{"18:00", "01:30", "2026-11-01T17:59:59-05:00", "2026-11-01T01:30:00-04:00"},
		{"18:00", "01:30", "2026-11-02T02:00:00-05:00", "2026-11-02T01:30:00-05:00"},
		// Opens, is thrown out when the clock goes back, opens again: the night before goes on.
		{"01:30", "04:00", "2026-11-01T01:15:00-04:00", "2026-10-31T04:00:00-04:00"},
		{"01:30", "04:00", "2026-11-01T01:15:00-05:00", "2026-10-31T04:00:00-04:00"},
		{"01:30", "04:00", "2026-11-01T04:00:00-05:00", "2026-11-01T04:00:00-05:00"},
		// Clocks go forward: the jump is the closing.
		{"00:00", "02:30", "2026-03-08T03:00:00-04:00", "2026-03-08T03:00:00-04:00"},
		{"00:00", "02:30", "2026-03-08T12:00:00-04:00", "2026-03-08T03:00:00-04:00"},
	} {
		got, ok := everyDay(t, "America/New_York", c.from, c.to).ClosedSince(instant(t, c.at))
		requireNext(t, c.want, got, ok)
	}
}

// TestClosingInAnotherZone closes by Paris while New York's clock repeats an hour: nothing closed at its first showing.
func TestClosingInAnotherZone(t *testing.T) {
	t.Parallel()
	table := compiled(t, hours.Schedule{Zone: "America/New_York", Week: hours.Week{
		Sunday: hours.Day{Zone: "Europe/Paris", Slots: []hours.Slot{{From: "07:10", To: "07:30"}}},
	}})
	since, ok := table.ClosedSince(instant(t, "2026-11-01T07:30:00Z"))
	requireNext(t, "2026-11-01T01:30:00-05:00", since, ok)
}

func TestDateLineSkip(t *testing.T) {
	t.Parallel()
	table := compiled(t, hours.Schedule{Zone: "Pacific/Apia", Week: hours.Week{
		Thursday: hours.Day{Slots: []hours.Slot{{From: "09:00", To: "17:00"}}},
		Friday:   hours.Day{Slots: []hours.Slot{{From: "09:00", To: "17:00"}, {From: "22:00", To: "03:00"}}},
	}})
	// Thursday 29 December 2011 is followed by Saturday the 31st: no Friday service, but the end of Friday's night.
	closes, ok := table.NextClose(instant(t, "2011-12-29T12:00:00-10:00"))
	requireNext(t, "2011-12-29T17:00:00-10:00", closes, ok)
	opens, ok := table.NextOpen(closes)
	requireNext(t, "2011-12-31T00:00:00+14:00", opens, ok)
	closes, ok = table.NextClose(opens)
	requireNext(t, "2011-12-31T03:00:00+14:00", closes, ok)
}

func TestOddOffsets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, at, want string }{
		{"Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-01-01T03:15:00Z"},
		{"Australia/Eucla", "2026-01-01T04:00:00Z", "2026-01-02T00:15:00Z"},
		{"Africa/Monrovia", "1971-06-01T00:00:00Z", "1971-06-01T09:44:30Z"},     // 44 minutes 30 seconds behind
		{"Europe/Amsterdam", "1930-01-01T20:00:00Z", "1930-01-02T08:40:28Z"},    // 19 minutes 32 seconds ahead
		{"Australia/Lord_Howe", "2026-04-04T14:00:00Z", "2026-04-04T22:30:00Z"}, // half an hour back that night
		{"America/New_York", "1800-01-01T00:00:00Z", "1800-01-01T13:56:02Z"},    // local mean time
	} {
		opens, ok := everyDay(t, c.zone, "09:00", "09:10").NextOpen(instant(t, c.at))
		require.True(t, ok)
		require.Equal(t, c.want, opens.UTC().Format(time.RFC3339), c.zone)
	}
}

// TestLastDayOfLeapYear covers years beyond a zone's table, where time.Time.ZoneBounds ends the year a day early.
func TestLastDayOfLeapYear(t *testing.T) {
	t.Parallel()
	table := everyDay(t, "Europe/Paris", "09:00", "18:00")
	opens, ok := table.NextOpen(instant(t, "2048-12-31T17:30:00Z"))
	requireNext(t, "2049-01-01T09:00:00+01:00", opens, ok)
	since, ok := table.ClosedSince(instant(t, "2048-12-31T17:30:00Z"))
	requireNext(t, "2048-12-31T18:00:00+01:00", since, ok)
	_, ok = everyDay(t, "Europe/Paris", "00:00", "24:00").NextClose(instant(t, "2048-12-31T17:30:00Z"))
	require.False(t, ok)
}

func TestFractionsOfASecond(t *testing.T) {
	t.Parallel()
	table := everyDay(t, "UTC", "09:00", "17:00")
	require.False(t, table.IsOpen(instant(t, "2026-01-01T08:59:59.999999999Z")))
	require.True(t, table.IsOpen(instant(t, "2026-01-01T16:59:59.999999999Z")))
	require.False(t, table.IsOpen(instant(t, "2026-01-01T17:00:00Z")))

	opens, ok := table.NextOpen(instant(t, "2026-01-01T08:59:59.5Z"))
	requireNext(t, "2026-01-01T09:00:00Z", opens, ok)
	same, ok := table.NextOpen(instant(t, "2026-01-01T10:00:00.5Z"))
	requireNext(t, "2026-01-01T10:00:00.5Z", same, ok)
	same, ok = table.NextClose(instant(t, "1969-12-31T23:00:00.25Z"))
	requireNext(t, "1969-12-31T23:00:00.25Z", same, ok)
}

func TestHorizon(t *testing.T) {
	t.Parallel()
	table := compiled(t, hours.Schedule{
		Zone:       "UTC",
		Exceptions: []hours.Exception{{Date: "2028-06-01", Slots: []hours.Slot{{From: "09:00", To: "10:00"}}}},
	})
	day := instant(t, "2028-06-01T09:00:00Z")
	opens, ok := table.NextOpen(day.Add(-hours.Horizon))
	requireNext(t, "2028-06-01T09:00:00Z", opens, ok)
	opens, ok = table.NextOpen(day.Add(-hours.Horizon - time.Nanosecond))
	requireNext(t, "", opens, ok)

	since, ok := table.ClosedSince(day.Add(time.Hour + hours.Horizon))
	requireNext(t, "2028-06-01T10:00:00Z", since, ok)
	since, ok = table.ClosedSince(day.Add(time.Hour + hours.Horizon + time.Second))
	requireNext(t, "", since, ok)
	since, ok = table.ClosedSince(day.Add(-time.Hour))
	requireNext(t, "", since, ok)
}

func TestDistantInstants(t *testing.T) {
	t.Parallel()
	table := everyDay(t, "Europe/Paris", "22:00", "06:00")
	for _, at := range []time.Time{
		{}, time.Unix(-1<<62, 0), time.Unix(1<<62, 0), time.Unix(1<<63-1, 0), time.Unix(-1<<63, 0),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(-9999, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		table.IsOpen(at) // it answers, without a panic and at once
		table.NextOpen(at)
		table.NextClose(at)
		table.ClosedSince(at)
	}
}
