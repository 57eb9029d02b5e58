package hours_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
)

// office is a common schedule: two slots on working days, half a day on Saturday, eleven public holidays.
func office() hours.Schedule {
	s := hours.Schedule{Zone: "Europe/Paris", Week: hours.MondayToFriday(slots("08:30", "12:00", "13:30", "17:30")...)}
	s.Week.Saturday.Slots = slots("09:00", "12:30")
	for _, date := range []string{"01-01", "05-01", "05-08", "07-14", "08-15", "11-01", "11-11", "12-25"} {
		s.Exceptions = append(s.Exceptions, hours.Exception{Date: date})
	}
	for _, date := range []string{"2026-04-06", "2026-05-14", "2026-05-25"} {
		s.Exceptions = append(s.Exceptions, hours.Exception{Date: date})
	}
	return s
}

func BenchmarkIsOpen(b *testing.B) {
	table := compiled(b, office())
	for name, at := range map[string]time.Time{
		"now": instant(b, "2026-06-15T08:00:00Z"), "beyond_zone_table": instant(b, "2060-06-15T08:00:00Z"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.IsOpen(at)
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	always := compiled(b, hours.Schedule{Zone: "Europe/Paris", Week: hours.EveryDay(slots("00:00", "24:00")...)})
	closed := compiled(b, hours.Schedule{Zone: "Europe/Paris", Exceptions: office().Exceptions})
	table := compiled(b, office())
	friday := instant(b, "2026-04-03T20:00:00Z") // opens on Saturday
	for name, call := range map[string]func() (time.Time, bool){
		"open":         func() (time.Time, bool) { return table.NextOpen(friday) },
		"close":        func() (time.Time, bool) { return table.NextClose(friday.Add(-8 * time.Hour)) },
		"closed_since": func() (time.Time, bool) { return table.ClosedSince(friday) },
		"never_close":  func() (time.Time, bool) { return always.NextClose(friday) },
		"never_open":   func() (time.Time, bool) { return closed.NextOpen(friday) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	s := office()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Compile()
	}
}

func TestNoAllocations(t *testing.T) {
	table := compiled(t, office())
	at := instant(t, "2026-06-15T08:00:00Z")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		table.IsOpen(at)
		table.NextOpen(at)
		table.NextClose(at)
		table.ClosedSince(at.Add(12 * time.Hour))
	}))
}
