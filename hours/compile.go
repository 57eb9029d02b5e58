package hours

import (
	"fmt"
	"time"
)

const minutesPerDay = 24 * 60

// Compile checks the whole schedule and returns it in a form that answers quickly. The lists are those that the
// schedule may name in Holidays; lists that it doesn't name are ignored, so a caller may pass all it has. The error is
// an [*InvalidError] with every problem and its place. The Timetable shares no memory with s.
//
// Compile reads each zone from the host's zone data once, which takes tens of microseconds: compile when a schedule
// changes, not for each question.
func (s Schedule) Compile(lists ...Holidays) (*Timetable, error) {
	return s.compile(time.LoadLocation, lists)
}

// Check reports what is wrong with a list on its own, before any schedule names it: the error is an [*InvalidError]
// or nil.
func (h Holidays) Check() error {
	c := newCompiler(time.LoadLocation)
	c.layer("days", h.Days)
	return c.err()
}

func (s Schedule) compile(load func(string) (*time.Location, error), lists []Holidays) (*Timetable, error) {
	c := newCompiler(load)
	base := c.zone("zone", s.Zone)
	c.week(s.Week, base)
	c.layer("exceptions", s.Exceptions)
	for i, id := range s.Holidays {
		if list, ok := c.list(fmt.Sprintf("holidays[%d]", i), id, s.Holidays[:i], lists); ok {
			c.layer(fmt.Sprintf("holidays[%q].days", id), list.Days)
		}
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	c.table.zones = c.zones.locs
	return &c.table, nil
}

// compiler builds one Timetable and gathers what is wrong on the way.
type compiler struct {
	zones    zoneLoader
	table    Timetable
	problems []Problem
}

func newCompiler(load func(string) (*time.Location, error)) *compiler {
	return &compiler{
		zones: zoneLoader{load: load, known: map[string]int{}},
		table: Timetable{dated: map[int64]day{}, yearly: map[int]day{}},
	}
}

func (c *compiler) problem(place string, err error) {
	c.problems = append(c.problems, Problem{Place: place, Err: err})
}

func (c *compiler) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return &InvalidError{Problems: c.problems}
}

// zone returns the index of a zone, or inherited and a problem.
func (c *compiler) zone(place, name string) int {
	i, err := c.zones.index(name)
	if err != nil {
		c.problem(place, err)
	}
	return i
}

// week fills the seven days and refuses slots that overlap, on one day, over midnight, or from Sunday to Monday.
func (c *compiler) week(w Week, base int) {
	var line []placed
	days := w.days()
	for i := range days {
		weekday := (i + 1) % 7 // Monday first, as people read a week and expect its problems
		place := "week." + dayNames[weekday]
		zone := base
		if name := days[weekday].Zone; name != "" {
			zone = c.zone(place+".zone", name)
		}
		slots := c.slots(place, days[weekday].Slots)
		c.table.week[weekday] = day{zone: zone, spans: spansOf(slots)}
		line = append(line, shifted(slots, zone, int64(i)*minutesPerDay)...)
	}
	c.refuseOverlaps(line, 7*minutesPerDay)
}

// list finds the list that a schedule names.
func (c *compiler) list(place, id string, before []string, lists []Holidays) (found Holidays, ok bool) {
	for _, other := range before {
		if other == id {
			c.problem(place, fmt.Errorf("%w: %s", ErrDuplicate, quote(id)))
			return found, false
		}
	}
	for _, l := range lists {
		if l.ID != id {
			continue
		}
		if ok {
			c.problem(place, fmt.Errorf("%w: two lists have the id %s", ErrDuplicate, quote(id)))
			return found, false
		}
		found, ok = l, true
	}
	if !ok {
		c.problem(place, fmt.Errorf("%w: %s", ErrHolidays, quote(id)))
	}
	return found, ok
}

// slots parses the slots of one day and leaves out those that are wrong.
func (c *compiler) slots(place string, slots []Slot) []placed {
	out := make([]placed, 0, len(slots))
	for i, s := range slots {
		at := fmt.Sprintf("%s.slots[%d]", place, i)
		from, okFrom := parseTime(s.From)
		to, okTo := parseTime(s.To)
		if !okFrom || from == minutesPerDay {
			c.problem(at+".from", fmt.Errorf("%w: %s", ErrTime, quote(s.From)))
		}
		if !okTo {
			c.problem(at+".to", fmt.Errorf("%w: %s", ErrTime, quote(s.To)))
		}
		switch {
		case !okFrom || !okTo || from == minutesPerDay:
			continue
		case from == to:
			c.problem(at, fmt.Errorf("%w: 24 hours are 00:00 to 24:00", ErrEmpty))
			continue
		case to < from:
			to += minutesPerDay
		}
		out = append(out, placed{from: from, to: to, place: at})
	}
	return out
}

// parseTime reads "HH:MM", up to "24:00", as minutes since midnight.
func parseTime(s string) (int64, bool) {
	if len(s) != len("15:04") || s[2] != ':' {
		return 0, false
	}
	var digits [4]int64
	for i, at := range [4]int{0, 1, 3, 4} {
		if s[at] < '0' || s[at] > '9' {
			return 0, false
		}
		digits[i] = int64(s[at] - '0')
	}
	hour, minute := digits[0]*10+digits[1], digits[2]*10+digits[3]
	total := hour*60 + minute
	return total, minute < 60 && total <= minutesPerDay
}
