package hours

import (
	"fmt"
	"strings"
	"time"
)

const (
	daySeconds = 24 * 60 * 60
	maxQuoted  = 40 // bytes of a user's text that an error repeats
)

// zoneLoader loads the zones of one schedule, each once.
type zoneLoader struct {
	load  func(name string) (*time.Location, error)
	locs  []*time.Location
	known map[string]int // name to index in locs
}

// index returns the place of the named zone in locs.
func (z *zoneLoader) index(name string) (int, error) {
	if i, ok := z.known[name]; ok {
		return i, nil
	}
	loc, err := z.location(name)
	if err != nil {
		return inherited, err
	}
	z.known[name] = len(z.locs)
	z.locs = append(z.locs, loc)
	return len(z.locs) - 1, nil
}

// location loads a zone by its IANA name. It refuses what LoadLocation would take silently: "" (UTC), names that mean
// another zone on another machine, Factory (UTC under the name "unset"), and the copies that count leap seconds.
func (z *zoneLoader) location(name string) (*time.Location, error) {
	switch {
	case name == "":
		return nil, fmt.Errorf("%w: missing (write UTC if that is meant)", ErrZone)
	case name == "Local", name == "localtime", name == "posixrules", name == "Factory",
		strings.HasPrefix(name, "posix/"), strings.HasPrefix(name, "right/"):
		return nil, fmt.Errorf("%w: %s doesn't name a place", ErrZone, quote(name))
	}
	loc, err := z.load(name)
	if err == nil {
		return loc, nil
	}
	if _, err := z.load("Etc/UTC"); err != nil {
		return nil, fmt.Errorf("%w: no zone data on this host, import time/tzdata", ErrZone)
	}
	return nil, fmt.Errorf("%w: %s is unknown", ErrZone, quote(name))
}

// quote returns what a user wrote, cut so that an error stays readable.
func quote(s string) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%q…", s[:maxQuoted])
	}
	return fmt.Sprintf("%q", s)
}

// offsetAt returns by how many seconds the zone's wall clock is ahead of UTC.
func offsetAt(loc *time.Location, unix int64) int64 {
	_, offset := time.Unix(unix, 0).In(loc).Zone()
	return int64(offset)
}

// stretch returns the offset at unix and an instant after it up to which, exclusively, the offset holds, at most lim.
// The offset may well go on after that.
func stretch(loc *time.Location, unix, lim int64) (offset, end int64) {
	t := time.Unix(unix, 0).In(loc)
	_, bound := t.ZoneBounds()
	if bound.IsZero() {
		return offsetAt(loc, unix), lim
	}
	end = bound.Unix()
	if end <= unix {
		// Past the last transition of its table, Go counts every year as 365 days, so on 31 December of a leap year
		// ZoneBounds gives an end in the past (time/zoneinfo.go, tzset). No rule in use changes clocks on that day.
		end = (floorDiv(unix, daySeconds) + 1) * daySeconds
	}
	return offsetAt(loc, unix), min(end, lim)
}

// stretchBack returns the offset at unix-1 and the first instant, at least lim, from which it holds up to unix.
func stretchBack(loc *time.Location, unix, lim int64) (offset, start int64) {
	last := unix - 1
	start = lim
	if bound, _ := time.Unix(last, 0).In(loc).ZoneBounds(); !bound.IsZero() {
		start = max(lim, bound.Unix())
	}
	// ZoneBounds may name the start of the year though the table has a later transition: go on to the last one.
	for {
		_, end := stretch(loc, start, unix)
		if end > last {
			return offsetAt(loc, last), start
		}
		start = end
	}
}

// firstShowing returns the instant at which the wall clock first showed what it shows at unix: earlier than unix only
// in an hour that is repeated because clocks went back.
func firstShowing(loc *time.Location, unix int64) int64 {
	offset, start := stretchBack(loc, unix+1, unix-2*daySeconds)
	back := offsetAt(loc, start-1) - offset
	if back > 0 && unix-start < back {
		return unix - back
	}
	return unix
}

// floorDiv divides rounding down, for instants before 1970.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
