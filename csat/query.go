package csat

import (
	"fmt"
	"slices"
	"time"
)

// MaxSpans is the most intervals that a [Query] may cut its time into: 27 years of days.
const MaxSpans = 10_000

// Dimension is something that a report tells figures apart by.
type Dimension string

// The dimensions.
const (
	ByChannel Dimension = "channel"
	ByAgent   Dimension = "agent"
	ByAI      Dimension = "ai"
	ByTeam    Dimension = "team"
)

// Key names what figures are of, by id. An empty id in the key of a row means either that the report doesn't tell
// that dimension apart, or that nobody of that kind was credited.
type Key struct {
	Channel string `json:"channel,omitempty"`
	Agent   string `json:"agent,omitempty"`
	AI      string `json:"ai,omitempty"`
	Team    string `json:"team,omitempty"`
}

// only returns k with the ids of other dimensions than by cleared.
func (k Key) only(by []Dimension) Key {
	var out Key
	for _, d := range by {
		switch d {
		case ByChannel:
			out.Channel = k.Channel
		case ByAgent:
			out.Agent = k.Agent
		case ByAI:
			out.AI = k.AI
		case ByTeam:
			out.Team = k.Team
		}
	}
	return out
}

// matches reports whether k has every id that the filter names.
func (k Key) matches(filter Key) bool {
	return (filter.Channel == "" || filter.Channel == k.Channel) && (filter.Agent == "" || filter.Agent == k.Agent) &&
		(filter.AI == "" || filter.AI == k.AI) && (filter.Team == "" || filter.Team == k.Team)
}

// Interval is how a report cuts time.
type Interval string

// The intervals, in the query's zone. The zero value doesn't cut.
const (
	Whole   Interval = ""
	Daily   Interval = "day"
	Weekly  Interval = "week" // from Monday (ISO 8601)
	Monthly Interval = "month"
)

// Query says what a [Report] is about. A survey belongs to the instant at which it was sent, whenever it was
// answered, so that no response rate exceeds 1 and figures of a past day still grow while its surveys are open.
type Query struct {
	From   time.Time   `json:"from"`            // inclusive
	To     time.Time   `json:"to"`              // exclusive
	Zone   string      `json:"zone,omitempty"`  // IANA zone of the intervals and of the CSV's times; empty means UTC
	Every  Interval    `json:"every,omitempty"` // how time is cut
	By     []Dimension `json:"by,omitempty"`    // what rows are told apart by, besides time
	Filter Key         `json:"filter,omitzero"` // only surveys of these ids; an empty id matches all
}

// Span is a half-open stretch of time, [From, To), in UTC.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Validate returns every problem of the query as [FieldErrors], or nil. It may read the zone from the system's
// database; it does no other I/O.
func (q Query) Validate() error {
	_, err := q.Spans()
	return err
}

// Spans returns the intervals of the query in order, without gaps, the first and last cut to From and To. A store that
// groups in SQL counts per span. An interval begins at the first instant at which the clocks of the zone show its
// first day or a later one: a day may last 23 or 25 hours, and one that the zone skipped has no span.
//
// The error is that of [Query.Validate]. The slice is the caller's.
func (q Query) Spans() ([]Span, error) {
	loc, errs := q.location()
	switch {
	case q.From.IsZero() || q.To.IsZero():
		errs = append(errs, FieldError{"from", "and to are required"})
	case !q.From.Before(q.To):
		errs = append(errs, FieldError{"to", "must be after from"})
	}
	if !slices.Contains([]Interval{Whole, Daily, Weekly, Monthly}, q.Every) {
		errs = append(errs, FieldError{"every", `must be "day", "week", "month" or empty`})
	}
	errs = append(errs, q.dimensionErrors()...)
	if errs != nil {
		return nil, errs
	}
	spans := cut(q.From, q.To, loc, q.Every)
	if spans == nil {
		return nil, FieldErrors{{"every", fmt.Sprintf("makes more than %d intervals", MaxSpans)}}
	}
	return spans, nil
}

func (q Query) location() (*time.Location, FieldErrors) {
	if q.Zone == "Local" { // the machine's own zone would make the figures depend on who computes them
		return nil, FieldErrors{{"zone", "must be an IANA zone"}}
	}
	loc, err := time.LoadLocation(q.Zone)
	if err != nil {
		return nil, FieldErrors{{"zone", "is not a zone that this system knows"}}
	}
	return loc, nil
}

func (q Query) dimensionErrors() (errs FieldErrors) {
	for i, d := range q.By {
		switch {
		case !slices.Contains([]Dimension{ByChannel, ByAgent, ByAI, ByTeam}, d):
			errs = append(errs, FieldError{"by", `must be of "channel", "agent", "ai" and "team"`})
		case slices.Contains(q.By[:i], d):
			errs = append(errs, FieldError{"by", "names a dimension twice"})
		}
	}
	return errs
}

// cut returns nil when there would be more than MaxSpans.
func cut(from, to time.Time, loc *time.Location, every Interval) []Span {
	from, to = from.UTC(), to.UTC()
	if every == Whole {
		return []Span{{from, to}}
	}
	spans := []Span{}
	day := firstDay(from.In(loc), every)
	for start := from; start.Before(to); {
		day = nextDay(day, every)
		end := dayStart(day, loc)
		if !end.After(start) {
			continue // a day that the zone skipped, or from lies in an hour before a clock set back
		}
		if end.After(to) {
			end = to
		}
		if len(spans) == MaxSpans {
			return nil
		}
		spans = append(spans, Span{start, end})
		start = end
	}
	return spans
}

// firstDay returns the date, as midnight UTC, on which the interval around t begins.
func firstDay(t time.Time, every Interval) time.Time {
	y, m, d := t.Date()
	switch every {
	case Weekly:
		d -= (int(t.Weekday()) + 6) % 7
	case Monthly:
		d = 1
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func nextDay(day time.Time, every Interval) time.Time {
	switch every {
	case Weekly:
		return day.AddDate(0, 0, 7)
	case Monthly:
		return day.AddDate(0, 1, 0)
	}
	return day.AddDate(0, 0, 1)
}

// dayStart returns the first instant at which the clocks in loc show the date of day, or a later one. time.Date would
// do except where midnight is skipped or repeated (Beirut, Havana, Samoa at the date line): it doesn't say which
// instant it takes then. So this walks the stretches of constant offset around that midnight.
func dayStart(day time.Time, loc *time.Location) time.Time {
	for t := day.Add(-26 * time.Hour).In(loc); ; {
		start, end := t.ZoneBounds()
		_, offset := t.Zone()
		at := day.Add(-time.Duration(offset) * time.Second)
		if !start.IsZero() && at.Before(start) { // the clocks jumped past midnight
			at = start
		}
		if end.IsZero() || at.Before(end) {
			return at.UTC()
		}
		t = end
	}
}
