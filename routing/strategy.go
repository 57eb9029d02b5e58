package routing

import mathbits "math/bits"

// LeastLoaded gives a conversation to the member with room who has the fewest in hand; ties go to the one whose last
// assignment is oldest (never assigned first), then to list order. It takes one pass and doesn't allocate.
type LeastLoaded struct {
	// ByShare compares load divided by capacity instead, exactly, and ties go to list order; a member without limit
	// counts as 0.
	ByShare bool
}

// Pick implements [Strategy].
func (s LeastLoaded) Pick(_ Facts, members []Member) int {
	if s.ByShare {
		return leastShare(members)
	}
	best, load := -1, 0
	for i := range members {
		m := &members[i]
		if best >= 0 && m.Load > load || m.Capacity != 0 && m.Load >= m.Capacity {
			continue
		}
		if best < 0 || m.Load < load || m.earlier(&members[best]) {
			best, load = i, m.Load
		}
	}
	return best
}

// leastShare takes the first of those with the smallest share: members are in list order.
func leastShare(members []Member) int {
	best, load, capacity := -1, 0, 1
	for i := range members {
		m := &members[i]
		l, c := m.Load, m.Capacity
		if c != 0 && (l >= c || best >= 0 && l >= load && c <= capacity) {
			continue // full, or more in hand with less room
		}
		if c == 0 {
			l, c = 0, 1
		}
		if best < 0 || smaller(l, c, load, capacity) {
			best, load, capacity = i, l, c
		}
	}
	return best
}

// smaller reports whether a/b < c/d, without division, and in 128 bits since a host may report any load.
func smaller(a, b, c, d int) bool {
	high, low := mathbits.Mul64(uint64(max(a, 0)), uint64(d))
	otherHigh, otherLow := mathbits.Mul64(uint64(max(c, 0)), uint64(b))
	return high < otherHigh || high == otherHigh && low < otherLow
}

// RoundRobin gives conversations in even turn: to the member whose last assignment is oldest (never assigned first),
// then in list order. A member that was skipped keeps the place. It takes one pass and doesn't allocate.
type RoundRobin struct {
	// HonorCapacity skips members without room. By default capacity is ignored: even turn is what the mode is for.
	HonorCapacity bool
}

// Pick implements [Strategy].
func (s RoundRobin) Pick(_ Facts, members []Member) int {
	best, last := -1, int64(0)
	for i := range members {
		m := &members[i]
		if best >= 0 && m.Last > last || s.HonorCapacity && m.Capacity != 0 && m.Load >= m.Capacity {
			continue
		}
		if best < 0 || m.earlier(&members[best]) {
			best, last = i, m.Last
		}
	}
	return best
}

// earlier reports whether m's last assignment is older, or m is listed before where both are as old.
func (m *Member) earlier(o *Member) bool {
	return m.Last < o.Last || m.Last == o.Last && m.Position < o.Position
}
