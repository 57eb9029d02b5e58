package hours

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// exceptions are the parsed days of one list: a schedule's own or a shared one.
type exceptions struct {
	dated  map[int64]exception // by date, in days since 1970-01-01
	yearly map[int]exception   // by month*100 + day
}

type exception struct {
	zone  int
	slots []placed
}

// on returns the exception that counts on a date: the dated one before the yearly one.
func (e exceptions) on(date int64) (exception, bool) {
	if x, ok := e.dated[date]; ok {
		return x, true
	}
	x, ok := e.yearly[monthDay(date)]
	return x, ok
}

// layer adds a list of exceptions under those that were added before it.
func (c *compiler) layer(place string, days []Exception) {
	list := exceptions{dated: map[int64]exception{}, yearly: map[int]exception{}}
	for i, e := range days {
		c.exception(fmt.Sprintf("%s[%d]", place, i), e, list)
	}
	c.refuseExceptionOverlaps(list)

	// Dated days first: a yearly day of this list must not hide them, one of an earlier list must.
	for date, x := range list.dated {
		_, dated := c.table.dated[date]
		if _, yearly := c.table.yearly[monthDay(date)]; !dated && !yearly {
			c.table.dated[date] = day{zone: x.zone, spans: spansOf(x.slots)}
		}
	}
	for key, x := range list.yearly {
		if _, ok := c.table.yearly[key]; !ok {
			c.table.yearly[key] = day{zone: x.zone, spans: spansOf(x.slots)}
		}
	}
}

// exception parses one day into list.
func (c *compiler) exception(place string, e Exception, list exceptions) {
	x := exception{zone: inherited, slots: c.slots(place, e.Slots)}
	if e.Zone != "" {
		x.zone = c.zone(place+".zone", e.Zone)
	}
	date, yearly, ok := parseDate(e.Date)
	if !ok {
		c.problem(place+".date", fmt.Errorf("%w: %s", ErrDate, quote(e.Date)))
		c.refuseOverlaps(shifted(x.slots, x.zone, 0), 0)
		return
	}
	var twice bool
	if yearly {
		_, twice = list.yearly[monthDay(date)]
	} else {
		_, twice = list.dated[date]
	}
	switch {
	case twice:
		c.problem(place+".date", fmt.Errorf("%w: %s", ErrDuplicate, quote(e.Date)))
		c.refuseOverlaps(shifted(x.slots, x.zone, 0), 0)
	case yearly:
		list.yearly[monthDay(date)] = x
	default:
		list.dated[date] = x
	}
}

// refuseExceptionOverlaps refuses slots that overlap on one date or run into the exception of the next.
func (c *compiler) refuseExceptionOverlaps(list exceptions) {
	dates := map[int64]bool{}
	for date := range list.dated {
		dates[date-1], dates[date], dates[date+1] = true, true, true
	}
	c.refuseOverlaps(list.line(dates), 0)

	// Two years hold every pair of neighbours: with and without 29 February, and over New Year.
	clear(dates)
	for key := range list.yearly {
		for _, year := range [2]int{2000, 2001} {
			t := time.Date(year, time.Month(key/100), key%100, 0, 0, 0, 0, time.UTC)
			if date := t.Unix() / daySeconds; monthDay(date) == key {
				dates[date] = true
			}
		}
	}
	c.refuseOverlaps(exceptions{yearly: list.yearly}.line(dates), 0)
}

// line lays the exceptions of some dates on one line of minutes.
func (e exceptions) line(dates map[int64]bool) []placed {
	var line []placed
	for _, date := range slices.Sorted(maps.Keys(dates)) {
		if x, ok := e.on(date); ok {
			line = append(line, shifted(x.slots, x.zone, date*minutesPerDay)...)
		}
	}
	return line
}

// parseDate reads "2026-12-25" or, for every year, "12-25", as days since 1970-01-01. A yearly date is returned in
// 2000, which has a 29 February.
func parseDate(s string) (date int64, yearly, ok bool) {
	if yearly = len(s) == len("01-02"); yearly {
		s = "2000-" + s
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, yearly, false
	}
	return floorDiv(t.Unix(), daySeconds), yearly, true
}

// monthDay returns the month and day of a date as one number: 1225 for 25 December.
func monthDay(date int64) int {
	_, month, d := time.Unix(date*daySeconds, 0).UTC().Date()
	return int(month)*100 + d
}
