package routing

import "time"

const minutesPerDay = 24 * 60

// parseTime reads "HH:MM", up to "24:00", as minutes since midnight.
func parseTime(s string) (minutes int, ok bool) {
	if len(s) != len("15:04") || s[2] != ':' {
		return 0, false
	}
	var digits [4]int
	for i, at := range [4]int{0, 1, 3, 4} {
		if s[at] < '0' || s[at] > '9' {
			return 0, false
		}
		digits[i] = int(s[at] - '0')
	}
	hour, minute := digits[0]*10+digits[1], digits[2]*10+digits[3]
	minutes = hour*60 + minute
	return minutes, minute < 60 && minutes <= minutesPerDay
}

// weekdays are the days by their names in the JSON form.
var weekdays = map[string]time.Weekday{
	"monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday, "thursday": time.Thursday,
	"friday": time.Friday, "saturday": time.Saturday, "sunday": time.Sunday,
}

// moment is what a wall clock shows.
type moment struct {
	known  bool
	day    time.Weekday
	minute int // of the day
}

func momentOf(t time.Time, zone *time.Location) moment {
	t = t.In(zone)
	hour, minute, _ := t.Clock()
	return moment{true, t.Weekday(), hour*60 + minute}
}

// showsTime reports whether the clock shows a time from l.from up to but not including l.to, over midnight if need be.
func (l *leaf) showsTime(m moment) bool {
	if l.from < l.to {
		return m.minute >= l.from && m.minute < l.to
	}
	return m.minute >= l.from || m.minute < l.to
}
