package routing

// LeastLoaded gives a conversation to the member with room who has the fewest in hand; ties go to the one whose last
// assignment is oldest (never assigned first), then to list order. It takes one pass and doesn't allocate.
type LeastLoaded struct {
	// ByShare compares load divided by capacity instead, and ties go to list order; a member without limit counts
	// as 0.
	ByShare bool
}

// Pick implements [Strategy].
func (s LeastLoaded) Pick(_ Facts, members []Member) int {
	best := -1
	for i, m := range members {
		if m.Room() && (best < 0 || s.less(m, members[best])) {
			best = i
		}
	}
	return best
}

func (s LeastLoaded) less(a, b Member) bool {
	if s.ByShare { // a.Load/a.Capacity < b.Load/b.Capacity without division; no limit counts as 0
		al, bl := share(a, b), share(b, a)
		return al < bl || al == bl && a.Position < b.Position
	}
	return a.Load < b.Load || a.Load == b.Load && earlier(a, b)
}

func share(a, b Member) int {
	if a.Capacity == 0 {
		return 0
	}
	return a.Load * max(b.Capacity, 1)
}

// RoundRobin gives conversations in even turn: to the member whose last assignment is oldest (never assigned first),
// then in list order. A member that was skipped keeps the place. It takes one pass and doesn't allocate.
type RoundRobin struct {
	// HonorCapacity skips members without room. By default capacity is ignored: even turn is what the mode is for.
	HonorCapacity bool
}

// Pick implements [Strategy].
func (s RoundRobin) Pick(_ Facts, members []Member) int {
	best := -1
	for i, m := range members {
		if (!s.HonorCapacity || m.Room()) && (best < 0 || earlier(m, members[best])) {
			best = i
		}
	}
	return best
}

func earlier(a, b Member) bool {
	if a.Last != b.Last {
		return a.Last < b.Last
	}
	return a.Position < b.Position
}
