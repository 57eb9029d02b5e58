package csat

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"
)

// ErrQuery is wrapped when reports are merged that were made for different queries, or figures are added for an
// instant outside of the query.
var ErrQuery = errors.New("csat: not of this query")

// Report is the figures that a [Query] asked for, as data.
type Report struct {
	Query Query   `json:"query"`
	Total Figures `json:"total"`
	// Rows are the figures by span and key, sorted by both. A span or key without any survey has no row; a chart takes
	// its axis from [Query.Spans].
	Rows []Row `json:"rows"`
}

// Row is the figures of one span and key.
type Row struct {
	Span    Span    `json:"span"`
	Key     Key     `json:"key,omitzero"`
	Figures Figures `json:"figures"`
}

// Tally makes a [Report]: out of single results, out of counts that a store grouped, or out of the reports of several
// parts. The order doesn't matter. It holds one entry for each row and no result. Make one with [NewTally]. It is not
// safe for concurrent use: give each goroutine its own and merge the reports.
type Tally struct {
	query Query
	spans []Span
	rows  map[cell]Figures
}

type cell struct {
	span int
	key  Key
}

// NewTally returns an empty tally. The error is that of [Query.Validate].
func NewTally(q Query) (*Tally, error) {
	spans, err := q.Spans()
	if err != nil {
		return nil, err
	}
	q.From, q.To = q.From.UTC(), q.To.UTC()
	q.By = slices.Clone(q.By)
	return &Tally{query: q, spans: spans, rows: map[cell]Figures{}}, nil
}

// Add counts one result. A result outside of the query's time or filter is left out without an error. The error
// wraps [ErrFigures] when the rating is outside of 0 to 5.
func (t *Tally) Add(r Result) error {
	f, err := FiguresOf(r.Rating)
	if err != nil {
		return fmt.Errorf("survey %s: %w", r.Survey, err)
	}
	i, ok := t.span(r.SentAt)
	if k := r.Key(); ok && k.matches(t.query.Filter) {
		t.plus(cell{i, k.only(t.query.By)}, f)
	}
	return nil
}

// AddFigures counts the surveys of a key that were sent in the span that holds an instant, as a store counted them.
// The caller has applied the query's filter; ids of dimensions outside of the query are ignored. The error wraps
// [ErrQuery] or [ErrFigures], and nothing is counted then.
func (t *Tally) AddFigures(at time.Time, k Key, f Figures) error {
	if err := f.Validate(); err != nil {
		return err
	}
	i, ok := t.span(at)
	if !ok {
		return ErrQuery
	}
	t.plus(cell{i, k.only(t.query.By)}, f)
	return nil
}

// Merge counts a report of the same query over other surveys: of another shard, or of another part of the results. The
// error wraps [ErrQuery] or [ErrFigures], and nothing is counted then.
func (t *Tally) Merge(r Report) error {
	if !t.query.equal(r.Query) {
		return ErrQuery
	}
	var total Figures
	for _, row := range r.Rows {
		i, ok := t.span(row.Span.From)
		if !ok || !t.spans[i].equal(row.Span) || row.Key != row.Key.only(t.query.By) {
			return ErrQuery
		}
		if err := row.Figures.Validate(); err != nil {
			return err
		}
		total = total.Plus(row.Figures)
	}
	if total != r.Total {
		return ErrFigures
	}
	for _, row := range r.Rows {
		i, _ := t.span(row.Span.From)
		t.plus(cell{i, row.Key}, row.Figures)
	}
	return nil
}

// Report returns what was counted so far. It shares nothing with the tally.
func (t *Tally) Report() Report {
	r := Report{Query: t.query, Rows: make([]Row, 0, len(t.rows))}
	r.Query.By = slices.Clone(t.query.By)
	for _, c := range slices.SortedFunc(maps.Keys(t.rows), compareCells) {
		f := t.rows[c]
		r.Total = r.Total.Plus(f)
		r.Rows = append(r.Rows, Row{t.spans[c.span], c.key, f})
	}
	return r
}

// plus keeps no row without a survey, so that adding nothing leaves the report as it was.
func (t *Tally) plus(c cell, f Figures) {
	if f != (Figures{}) {
		t.rows[c] = t.rows[c].Plus(f)
	}
}

// span finds the span that holds an instant.
func (t *Tally) span(at time.Time) (int, bool) {
	i := sort.Search(len(t.spans), func(i int) bool { return at.Before(t.spans[i].To) })
	return i, i < len(t.spans) && !at.Before(t.spans[i].From)
}

func compareCells(a, b cell) int {
	return cmp.Or(cmp.Compare(a.span, b.span), cmp.Compare(a.key.Channel, b.key.Channel),
		cmp.Compare(a.key.Team, b.key.Team), cmp.Compare(a.key.Agent, b.key.Agent), cmp.Compare(a.key.AI, b.key.AI))
}

func (q Query) equal(o Query) bool {
	return q.From.Equal(o.From) && q.To.Equal(o.To) && q.Zone == o.Zone && q.Every == o.Every && q.Filter == o.Filter &&
		slices.Equal(slices.Sorted(slices.Values(q.By)), slices.Sorted(slices.Values(o.By)))
}

func (s Span) equal(o Span) bool { return s.From.Equal(o.From) && s.To.Equal(o.To) }
