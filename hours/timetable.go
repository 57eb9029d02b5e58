package hours

import "time"

// Timetable is a checked [Schedule]. It is immutable and safe for concurrent use; the zero value is never open.
//
// The times it returns are in the schedule's zone, without a monotonic reading. No method allocates. IsOpen
// takes 50 ns for each zone in the schedule, or 200 ns with the embedded zone data, which holds rules in place of a
// table. The others walk day by day: about a microsecond when the change is near, some 10 when there is none within
// the [Horizon].
type Timetable struct {
	zones  []*time.Location // the schedule's zone first, then those of single days
	week   [7]day           // by time.Weekday
	dated  map[int64]day    // exceptions by date, in days since 1970-01-01
	yearly map[int]day      // exceptions by month*100 + day
}

// day is the openings that start on one date, sorted by from.
type day struct {
	zone  int // index in zones, or inherited
	spans []span
}

// inherited marks an exception that counts in the zone of its weekday.
const inherited = -1

// span is one opening in seconds since the midnight on which its date starts, by the wall clock. It may run into the
// next date.
type span struct{ from, to int64 }

const (
	horizonSeconds = int64(Horizon / time.Second)

	// farthest is how many seconds from 1970 a desk may be open, some 35 million years: sums stay far from overflow.
	farthest = 1 << 50
)

// IsOpen implements [BusinessHours].
func (t *Timetable) IsOpen(at time.Time) bool { return t.openAt(at.Unix()) }

// NextOpen implements [BusinessHours]: at itself when the desk is open at that instant.
func (t *Timetable) NextOpen(at time.Time) (time.Time, bool) {
	now := at.Unix()
	if t.openAt(now) {
		return t.given(at), true
	}
	if !inReach(now) {
		return time.Time{}, false
	}
	limit := now + horizonSeconds + 1
	next := limit
	for zone := range t.zones {
		next = min(next, t.opening(zone, now, next))
	}
	return t.instant(next, next < limit)
}

// NextClose implements [BusinessHours]: at itself when the desk is closed at that instant.
func (t *Timetable) NextClose(at time.Time) (time.Time, bool) {
	now := at.Unix()
	if !t.openAt(now) {
		return t.given(at), true
	}
	limit := now + horizonSeconds + 1
	next := now
	for next < limit {
		reached := next
		for zone := range t.zones {
			reached = max(reached, t.runEnd(zone, reached, limit))
		}
		if reached == next {
			break
		}
		next = reached
	}
	return t.instant(next, next < limit)
}

// ClosedSince returns the closing with which the closed period that holds at began. It returns false, and the zero
// time, when the desk is open at that instant or was never open within the [Horizon] before it.
//
// It is made to be the name of a closed period, for whoever does something once per period. Where the clock
// of the schedule's zone goes back, a closing that it shows twice is one: 01:30 in the repeated hour names the first
// 01:30, for the half hour after it and for the night after the second. So it is not always the very last closing
// before that instant.
func (t *Timetable) ClosedSince(at time.Time) (time.Time, bool) {
	now := at.Unix()
	if len(t.zones) == 0 || !inReach(now) || t.openAt(now) {
		return time.Time{}, false
	}
	if first := firstShowing(t.zones[0], now); !t.openAt(first) {
		now = first
	}
	limit := now - horizonSeconds - 1
	last := limit
	for zone := range t.zones {
		last = max(last, t.closingBefore(zone, now, last))
	}
	if last == limit {
		return time.Time{}, false
	}
	if first := firstShowing(t.zones[0], last); !t.openAt(first) && t.openAt(first-1) {
		last = first
	}
	return t.instant(last, true)
}

// given returns the caller's own instant the way the other results are returned.
func (t *Timetable) given(at time.Time) time.Time {
	if len(t.zones) == 0 {
		return at.Round(0)
	}
	return at.Round(0).In(t.zones[0])
}

func (t *Timetable) instant(unix int64, ok bool) (time.Time, bool) {
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(unix, 0).In(t.zones[0]), true
}

// on returns the openings that start on a date, given in days since 1970-01-01, and their zone.
func (t *Timetable) on(date int64) (zone int, spans []span) {
	weekday := &t.week[((date+4)%7+7)%7] // 1 January 1970 was a Thursday
	d, ok := t.dated[date]
	if !ok && len(t.yearly) > 0 {
		d, ok = t.yearly[monthDay(date)]
	}
	if !ok {
		return weekday.zone, weekday.spans
	}
	if d.zone == inherited {
		return weekday.zone, d.spans
	}
	return d.zone, d.spans
}

// inReach reports whether the instant is one at which a desk can be open at all.
func inReach(unix int64) bool { return -farthest < unix && unix < farthest }

// openAt reports whether any zone's wall clock shows a time inside a slot.
func (t *Timetable) openAt(unix int64) bool {
	if !inReach(unix) {
		return false
	}
	for zone, loc := range t.zones {
		wall := unix + offsetAt(loc, unix)
		today := floorDiv(wall, daySeconds)
		if t.covers(zone, today, wall) || t.covers(zone, today-1, wall) {
			return true
		}
	}
	return false
}

// covers reports whether a slot of the date holds wall, a time of the zone's wall clock in seconds since 1970.
func (t *Timetable) covers(zone int, date, wall int64) bool {
	z, spans := t.on(date)
	if z != zone {
		return false
	}
	at := wall - date*daySeconds
	for _, s := range spans {
		if s.from <= at && at < s.to {
			return true
		}
	}
	return false
}

// opening returns the first instant in [unix, limit) at which the zone has the desk open, or limit.
func (t *Timetable) opening(zone int, unix, limit int64) int64 {
	for unix < limit {
		offset, end := stretch(t.zones[zone], unix, limit)
		if at := t.firstOpen(zone, unix+offset, end+offset); at < end+offset {
			return at - offset
		}
		unix = end
	}
	return limit
}

// firstOpen returns the first time in [wall, top), on a wall clock that isn't changed meanwhile, at which a slot lasts,
// or top. Slots are visited in the order of their start, so the first that isn't over is the one.
func (t *Timetable) firstOpen(zone int, wall, top int64) int64 {
	for date := floorDiv(wall, daySeconds) - 1; date*daySeconds < top; date++ {
		z, spans := t.on(date)
		if z != zone {
			continue
		}
		midnight := date * daySeconds
		for _, s := range spans {
			if midnight+s.to > wall {
				return min(top, max(wall, midnight+s.from))
			}
		}
	}
	return top
}

// runEnd returns the first instant in [unix, limit) at which the zone doesn't have the desk open, or limit.
func (t *Timetable) runEnd(zone int, unix, limit int64) int64 {
	for unix < limit {
		offset, end := stretch(t.zones[zone], unix, limit)
		if at := t.firstClosed(zone, unix+offset, end+offset); at < end+offset {
			return at - offset
		}
		unix = end
	}
	return limit
}

// firstClosed returns the first time in [wall, top), on a wall clock that isn't changed meanwhile, at which no slot
// lasts, or top. Each slot that has begun carries wall to its end.
func (t *Timetable) firstClosed(zone int, wall, top int64) int64 {
	for date := floorDiv(wall, daySeconds) - 1; wall < top && date*daySeconds <= wall; date++ {
		z, spans := t.on(date)
		if z != zone {
			continue
		}
		midnight := date * daySeconds
		for _, s := range spans {
			if midnight+s.from <= wall {
				wall = max(wall, midnight+s.to)
			}
		}
	}
	return min(wall, top)
}

// closingBefore returns the last instant in (limit, unix] up to which the zone had the desk open, or limit.
func (t *Timetable) closingBefore(zone int, unix, limit int64) int64 {
	for unix > limit {
		offset, start := stretchBack(t.zones[zone], unix, limit)
		if at := t.lastOpen(zone, start+offset, unix+offset); at > start+offset {
			return at - offset
		}
		unix = start
	}
	return limit
}

// lastOpen returns the end of the last time in (bottom, wall] up to which a slot lasted, or bottom.
func (t *Timetable) lastOpen(zone int, bottom, wall int64) int64 {
	last := bottom
	for date := floorDiv(wall, daySeconds); (date+2)*daySeconds > last; date-- {
		z, spans := t.on(date)
		if z != zone {
			continue
		}
		midnight := date * daySeconds
		for _, s := range spans {
			if midnight+s.from < wall {
				last = max(last, min(wall, midnight+s.to))
			}
		}
	}
	return last
}
