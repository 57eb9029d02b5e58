package hours

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// placed is a parsed slot on a line of minutes, with the place where it was written.
type placed struct {
	from, to int64 // minutes; on its own day, or on the line that shifted put it on
	zone     int
	place    string
}

// shifted returns the slots moved along the line, in their zone.
func shifted(slots []placed, zone int, minutes int64) []placed {
	out := slices.Clone(slots)
	for i := range out {
		out[i].from += minutes
		out[i].to += minutes
		out[i].zone = zone
	}
	return out
}

// spansOf returns the slots of one day as the table keeps them.
func spansOf(slots []placed) []span {
	spans := make([]span, 0, len(slots))
	for _, s := range slots {
		spans = append(spans, span{from: s.from * 60, to: s.to * 60})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return spans
}

// refuseOverlaps adds a problem for each slot that begins while an earlier one of the same zone lasts. A cycle above
// zero bends the line into a circle of so many minutes. Slots of different zones may overlap: whether they do can
// change with each clock change.
func (c *compiler) refuseOverlaps(line []placed, cycle int64) {
	slices.SortStableFunc(line, func(a, b placed) int { return cmp.Compare(a.from, b.from) })
	if cycle > 0 {
		// No slot reaches more than a day past the end of the line.
		for _, s := range line {
			if s.from < minutesPerDay {
				s.from += cycle
				s.to += cycle
				line = append(line, s)
			}
		}
	}
	last := map[int]placed{} // per zone, the slot that ends last so far
	for _, s := range line {
		prev, ok := last[s.zone]
		if ok && s.from < prev.to && s.place != prev.place {
			c.overlap(s.place, prev.place)
		}
		if !ok || s.to > prev.to {
			last[s.zone] = s
		}
	}
}

// overlap adds the problem once, however many lines show it.
func (c *compiler) overlap(place, other string) {
	for _, p := range c.problems {
		if p.Place == place && errors.Is(p.Err, ErrOverlap) {
			return
		}
	}
	c.problem(place, fmt.Errorf("%w: %s", ErrOverlap, other))
}
