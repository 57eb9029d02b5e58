package hours_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
)

const scanMinutes = 3 * 24 * 60

// fuzzZones have offsets of whole minutes at the instants below.
var fuzzZones = []string{
	"UTC", "Europe/Paris", "America/New_York", "Africa/Casablanca", "Antarctica/Troll", "Australia/Lord_Howe",
	"Pacific/Apia", "Asia/Kathmandu", "America/Havana", "Africa/Cairo", "Asia/Gaza", "America/Nuuk",
}

// fuzzInstants lie just before a change of the clocks somewhere, before a leap day, before New Year.
var fuzzInstants = []string{
	"2026-03-08T06:00:00Z", "2026-11-01T05:00:00Z", "2026-03-29T00:30:00Z", "2026-10-25T00:30:00Z", "2011-12-30T09:30:00Z",
	"2026-02-15T01:30:00Z", "2026-03-22T01:30:00Z", "2026-04-04T14:30:00Z", "2028-02-28T12:00:00Z", "2048-12-30T20:00:00Z",
	"2026-10-29T20:30:00Z", "2024-11-03T04:30:00Z", "2026-06-15T08:00:00Z",
}

// fuzzInput makes choices out of bytes; when they run out it chooses 0.
type fuzzInput []byte

func (in *fuzzInput) below(n int) int {
	if len(*in) == 0 {
		return 0
	}
	b := int((*in)[0])
	*in = (*in)[1:]
	return b % n
}

func (in *fuzzInput) clock() string {
	quarter := in.below(97)
	return fmt.Sprintf("%02d:%02d", quarter/4, quarter%4*15)
}

func (in *fuzzInput) slots() (out []hours.Slot) {
	for range in.below(3) {
		out = append(out, hours.Slot{From: in.clock(), To: in.clock()})
	}
	return out
}

func (in *fuzzInput) zoneOrNone() string {
	if in.below(6) > 0 {
		return ""
	}
	return fuzzZones[in.below(len(fuzzZones))]
}

func (in *fuzzInput) schedule(at time.Time) hours.Schedule {
	s := hours.Schedule{Zone: fuzzZones[in.below(len(fuzzZones))]}
	w := &s.Week
	for _, d := range []*hours.Day{&w.Monday, &w.Tuesday, &w.Wednesday, &w.Thursday, &w.Friday, &w.Saturday, &w.Sunday} {
		*d = hours.Day{Slots: in.slots(), Zone: in.zoneOrNone()}
	}
	for range in.below(4) {
		date := at.AddDate(0, 0, in.below(5)-2).Format([]string{"2006-01-02", "01-02"}[in.below(2)])
		s.Exceptions = append(s.Exceptions, hours.Exception{Date: date, Slots: in.slots(), Zone: in.zoneOrNone()})
	}
	return s
}

// oracle answers by the words of the rule: it looks at a wall clock and reads the schedule as it was written.
type oracle struct {
	s     hours.Schedule
	zones map[string]*time.Location
	days  map[time.Time]oracleDay // what read returned
}

type oracleDay struct {
	zone  string
	slots [][2]int
}

func newOracle(t testing.TB, s hours.Schedule) oracle {
	o := oracle{s: s, zones: map[string]*time.Location{}, days: map[time.Time]oracleDay{}}
	w := s.Week
	names := []string{s.Zone, w.Monday.Zone, w.Tuesday.Zone, w.Wednesday.Zone, w.Thursday.Zone, w.Friday.Zone, w.Saturday.Zone, w.Sunday.Zone}
	for _, e := range s.Exceptions {
		names = append(names, e.Zone)
	}
	for _, name := range names {
		if name != "" {
			loc, err := time.LoadLocation(name)
			require.NoError(t, err)
			o.zones[name] = loc
		}
	}
	return o
}

func (o oracle) open(at time.Time) bool {
	for name, loc := range o.zones {
		wall := at.In(loc)
		minute := wall.Hour()*60 + wall.Minute()
		year, month, day := wall.Date()
		date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		if o.covers(date, name, minute) || o.covers(date.AddDate(0, 0, -1), name, minute+24*60) {
			return true
		}
	}
	return false
}

func (o oracle) covers(date time.Time, zone string, minute int) bool {
	d, ok := o.days[date]
	if !ok {
		d = o.read(date)
		o.days[date] = d
	}
	for _, s := range d.slots {
		if s[0] <= minute && minute < s[1] {
			return d.zone == zone
		}
	}
	return false
}

// read returns the slots that start on a date, in minutes.
func (o oracle) read(date time.Time) oracleDay {
	day := map[time.Weekday]hours.Day{
		time.Monday: o.s.Week.Monday, time.Tuesday: o.s.Week.Tuesday, time.Wednesday: o.s.Week.Wednesday,
		time.Thursday: o.s.Week.Thursday, time.Friday: o.s.Week.Friday, time.Saturday: o.s.Week.Saturday, time.Sunday: o.s.Week.Sunday,
	}[date.Weekday()]
	weekdayZone := cmp.Or(day.Zone, o.s.Zone)
	day.Zone = weekdayZone
	for _, layout := range []string{"01-02", "2006-01-02"} { // the dated one comes last and wins
		for _, e := range o.s.Exceptions {
			if e.Date == date.Format(layout) {
				day = hours.Day{Slots: e.Slots, Zone: cmp.Or(e.Zone, weekdayZone)}
			}
		}
	}
	out := oracleDay{zone: day.Zone}
	for _, s := range day.Slots {
		var fh, fm, th, tm int
		_, _ = fmt.Sscanf(s.From+" "+s.To, "%d:%d %d:%d", &fh, &fm, &th, &tm)
		from, to := fh*60+fm, th*60+tm
		if to < from {
			to += 24 * 60
		}
		out.slots = append(out.slots, [2]int{from, to})
	}
	return out
}

// closedSince is the closing before at, by the same scan; where the main zone repeats an hour, its first showing.
func (o oracle) closedSince(at time.Time) (time.Time, bool) {
	if first := o.firstShowing(at); !o.open(first) {
		at = first
	}
	for range scanMinutes {
		before := at.Add(-time.Minute)
		if o.open(before) {
			if first := o.firstShowing(at); !o.open(first) && o.open(first.Add(-time.Minute)) {
				at = first
			}
			return at, true
		}
		at = before
	}
	return time.Time{}, false
}

func (o oracle) firstShowing(at time.Time) time.Time {
	first, shown := at, at.In(o.zones[o.s.Zone]).Format(time.DateTime)
	for n := range 180 {
		if t := at.Add(-time.Duration(n) * time.Minute); t.In(o.zones[o.s.Zone]).Format(time.DateTime) == shown {
			first = t
		}
	}
	return first
}

// checkAgainstScan compares one schedule at one instant with the scan, minute by minute.
func checkAgainstScan(t testing.TB, data []byte) (valid bool) {
	in := fuzzInput(data)
	at, err := time.Parse(time.RFC3339, fuzzInstants[in.below(len(fuzzInstants))])
	require.NoError(t, err)
	at = at.Add(time.Duration(in.below(256)) * time.Minute)
	s := in.schedule(at)
	table, err := s.Compile()
	if err != nil {
		require.True(t, errors.Is(err, hours.ErrOverlap) || errors.Is(err, hours.ErrEmpty) || errors.Is(err, hours.ErrTime) ||
			errors.Is(err, hours.ErrDuplicate), "%v", err)
		return false
	}
	o := newOracle(t, s)
	text, _ := json.Marshal(s)
	require.Equal(t, o.open(at), table.IsOpen(at), "open at %s: %s", at, text)

	for _, c := range []struct {
		name string
		open bool
		next func(time.Time) (time.Time, bool)
	}{{"NextOpen", true, table.NextOpen}, {"NextClose", false, table.NextClose}} {
		got, ok := c.next(at)
		want, end := at, at.Add(scanMinutes*time.Minute)
		for want.Before(end) && o.open(want) != c.open {
			want = want.Add(time.Minute)
		}
		if want.Before(end) {
			require.True(t, ok && got.Equal(want), "%s(%s) = %s, not %s: %s", c.name, at, got, want, text)
		} else {
			require.True(t, !ok || !got.Before(end), "%s(%s) = %s, too early: %s", c.name, at, got, text)
		}
	}
	got, ok := table.ClosedSince(at)
	if o.open(at) {
		require.False(t, ok)
	} else if want, found := o.closedSince(at); found {
		require.True(t, ok && got.Equal(want), "ClosedSince(%s) = %s, not %s: %s", at, got, want, text)
	}
	return true
}

func FuzzNext(f *testing.F) {
	for n := range len(fuzzInstants) {
		f.Add([]byte{byte(n), 30, byte(n), 1, 8, 9, 1, 1, 88, 10, 1, 1, 8, 9, 1, 1, 88, 10, 1, 1, 8, 9})
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkAgainstScan(t, data) })
}

// TestAgainstScan runs the fuzz target's check over a fixed choice of schedules.
func TestAgainstScan(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 2026))
	valid := 0
	for valid < 200 {
		data := make([]byte, 80)
		for i := range data {
			data[i] = byte(random.UintN(256))
		}
		if checkAgainstScan(t, data) {
			valid++
		}
	}
}

func FuzzScheduleJSON(f *testing.F) {
	f.Add([]byte(`{"zone":"Europe/Paris","week":{"monday":{"slots":[{"from":"22:00","to":"06:00"}]}},"exceptions":[{"date":"12-25"}]}`))
	f.Add([]byte(`{"zone":"UTC","exceptions":[{"date":"0000-02-29","slots":[{"from":"00:00","to":"24:00"}],"zone":"Asia/Tokyo"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s hours.Schedule
		if json.Unmarshal(data, &s) != nil {
			return
		}
		table, err := s.Compile()
		require.Equal(t, err == nil, table != nil)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		for _, at := range []time.Time{{}, time.Unix(0, 0), time.Date(2026, 12, 25, 0, 0, 0, 0, time.UTC)} {
			opens, ok := table.NextOpen(at)
			require.True(t, !ok || table.IsOpen(opens))
			closes, ok := table.NextClose(at)
			require.True(t, !ok || !table.IsOpen(closes))
		}
	})
}
