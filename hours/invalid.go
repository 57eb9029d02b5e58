package hours

import (
	"errors"
	"strings"
)

// What can be wrong with a schedule. Match the error of [Schedule.Compile] or one [Problem] with [errors.Is], for
// instance to show a text in the user's language.
var (
	ErrZone      = errors.New("not a usable time zone")              // missing, unknown, or no zone data on this host
	ErrTime      = errors.New("not a time of day")                   // not "HH:MM", or not on a 24-hour clock
	ErrDate      = errors.New("not a date")                          // not "YYYY-MM-DD" or "MM-DD", or no such day
	ErrEmpty     = errors.New("from and to are equal")               // ambiguous: nothing, or 24 hours
	ErrOverlap   = errors.New("overlaps another slot")               // touching is fine
	ErrDuplicate = errors.New("occurs twice")                        // a date or an id of a list
	ErrHolidays  = errors.New("no holiday list of this id is given") // never a silent open day
)

// InvalidError is what [Schedule.Compile] and [Holidays.Check] return: everything that is wrong, not just the first.
type InvalidError struct {
	Problems []Problem // never empty; in the order of the schedule's fields
}

// Problem is one mistake in a schedule.
type Problem struct {
	// Place is where it is, in the words of the JSON form: "week.monday.slots[1].to", "exceptions[0].date",
	// "holidays[0]". Inside a shared list it starts with the list: `holidays["fr"].days[3].date`.
	Place string
	// Err says what is wrong and wraps one of this package's Err values. It quotes what was written.
	Err error
}

// Error returns the place and what is wrong there.
func (p Problem) Error() string { return p.Place + ": " + p.Err.Error() }

// Unwrap returns Err.
func (p Problem) Unwrap() error { return p.Err }

// Error returns all problems, separated by "; ".
func (e *InvalidError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Error()
	}
	return "hours: " + strings.Join(texts, "; ")
}

// Unwrap returns the problems, so that [errors.Is] finds what each wraps.
func (e *InvalidError) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}
