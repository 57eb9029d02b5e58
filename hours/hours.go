package hours

import "time"

// BusinessHours says whether a desk is open. Implementations must be safe for concurrent use, must always give the
// same answer for the same instant, and must not block or do I/O: the engine calls them inside its transactions.
//
// A host that implements it should search as far as [Horizon]. One that can also name a closed period should have
// [Timetable.ClosedSince] too.
type BusinessHours interface {
	// IsOpen reports whether the desk is open at t.
	IsOpen(t time.Time) bool

	// NextOpen returns the first instant at or after t at which the desk is open: t itself when it is open at t. It
	// returns false, and the zero time, when there is none within the horizon.
	NextOpen(t time.Time) (time.Time, bool)

	// NextClose returns the first instant at or after t at which the desk is closed: t itself when it is closed at t.
	// As openings are half-open intervals this is the end of the opening that holds t. It returns false, and the zero
	// time, when there is none within the horizon. The end of the next opening is NextClose of NextOpen.
	NextClose(t time.Time) (time.Time, bool)
}

// Horizon is how far ahead of the given instant a [Timetable] looks for a change, and how far back. A change exactly
// at the horizon counts. It covers everything that repeats each week or each year, but not a desk that opens on
// 29 February only.
const Horizon = 370 * 24 * time.Hour

// Fixed is a desk that never changes: true is always open, false never. The zero value is never open.
type Fixed bool

// The two values of [Fixed]. Always is what a channel without a schedule has.
const (
	Always Fixed = true
	Never  Fixed = false
)

var (
	_ BusinessHours = Always
	_ BusinessHours = (*Timetable)(nil)
)

// IsOpen returns f.
func (f Fixed) IsOpen(time.Time) bool { return bool(f) }

// NextOpen returns t for [Always] and false for [Never].
func (f Fixed) NextOpen(t time.Time) (time.Time, bool) {
	if !f {
		return time.Time{}, false
	}
	return t, true
}

// NextClose returns false for [Always] and t for [Never].
func (f Fixed) NextClose(t time.Time) (time.Time, bool) { return (!f).NextOpen(t) }
