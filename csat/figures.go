package csat

import (
	"encoding/json"
	"errors"
	"time"
)

// ErrFigures is wrapped by errors about figures or results that can't be: a rating outside of 1 to 5, a negative
// count, more answers than surveys.
var ErrFigures = errors.New("csat: impossible figures")

// Result is one survey that was sent and what came back, as a store keeps it. Agent and Team are those that were
// credited when it was sent; AI is the AI agent's id where an AI was credited.
type Result struct {
	Survey       string    `json:"survey"`
	Conversation string    `json:"conversation"`
	Contact      string    `json:"contact"`
	Channel      string    `json:"channel"`
	Agent        string    `json:"agent,omitempty"`
	AI           string    `json:"ai,omitempty"`
	Team         string    `json:"team,omitempty"`
	SentAt       time.Time `json:"sent_at"`
	AnsweredAt   time.Time `json:"answered_at,omitzero"`
	Rating       int       `json:"rating,omitempty"` // 1 to 5, the last one in the window; 0 while there is none
	Comment      string    `json:"comment,omitempty"`
}

// Key returns what the result counts for.
func (r Result) Key() Key { return Key{Channel: r.Channel, Agent: r.Agent, AI: r.AI, Team: r.Team} }

// Figures is the counts of a set of surveys. Only whole numbers are kept, so that partial figures add up exactly in
// any order; rates are computed when they are read. The zero value is no surveys. Figures is comparable.
//
// Its JSON form has the rates beside the counts, null where they don't exist.
type Figures struct {
	Sent int64 // surveys sent
	// Distribution is the number of answers by rating: Distribution[0] counts ratings of 1, Distribution[4] of 5.
	Distribution [5]int64
}

// FiguresOf returns the figures of one survey that was sent: rating 1 to 5, or 0 when it has no answer. The error
// wraps [ErrFigures].
func FiguresOf(rating int) (Figures, error) {
	f := Figures{Sent: 1}
	if rating < 0 || rating > 5 {
		return Figures{}, ErrFigures
	}
	if rating > 0 {
		f.Distribution[rating-1] = 1
	}
	return f, nil
}

// Plus returns the sum of two figures. It is exact, commutative and associative.
func (f Figures) Plus(g Figures) Figures {
	f.Sent += g.Sent
	for i, n := range g.Distribution {
		f.Distribution[i] += n
	}
	return f
}

// Answered returns the number of surveys with a rating.
func (f Figures) Answered() int64 {
	var n int64
	for _, m := range f.Distribution {
		n += m
	}
	return n
}

// ResponseRate returns the share of surveys that were answered, 0 to 1; false when none was sent.
func (f Figures) ResponseRate() (float64, bool) { return ratio(f.Answered(), f.Sent) }

// Mean returns the mean rating, 1 to 5; false when there is no answer.
func (f Figures) Mean() (float64, bool) {
	var sum int64
	for i, n := range f.Distribution {
		sum += int64(i+1) * n
	}
	return ratio(sum, f.Answered())
}

// CSAT returns the share of answers that are 4 or 5, 0 to 1; false when there is no answer.
func (f Figures) CSAT() (float64, bool) {
	return ratio(f.Distribution[3]+f.Distribution[4], f.Answered())
}

// Validate returns an error that wraps [ErrFigures] when a count is negative or there are more answers than surveys.
func (f Figures) Validate() error {
	for _, n := range f.Distribution {
		if n < 0 {
			return ErrFigures
		}
	}
	if f.Sent < 0 || f.Answered() > f.Sent || f.Answered() < 0 {
		return ErrFigures
	}
	return nil
}

func ratio(a, b int64) (float64, bool) {
	if b <= 0 {
		return 0, false
	}
	return float64(a) / float64(b), true
}

type figuresJSON struct {
	Sent         int64    `json:"sent"`
	Answered     int64    `json:"answered"`
	ResponseRate *float64 `json:"response_rate"`
	Mean         *float64 `json:"mean"`
	CSAT         *float64 `json:"csat"`
	Distribution [5]int64 `json:"distribution"`
}

// MarshalJSON implements [json.Marshaler].
func (f Figures) MarshalJSON() ([]byte, error) {
	return json.Marshal(figuresJSON{f.Sent, f.Answered(), orNull(f.ResponseRate()), orNull(f.Mean()), orNull(f.CSAT()),
		f.Distribution})
}

// UnmarshalJSON reads the counts and ignores the rates, which follow from them. The error wraps [ErrFigures] when the
// counts can't be.
func (f *Figures) UnmarshalJSON(b []byte) error {
	var w figuresJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	got := Figures{w.Sent, w.Distribution}
	if err := got.Validate(); err != nil {
		return err
	}
	*f = got
	return nil
}

func orNull(v float64, ok bool) *float64 {
	if !ok {
		return nil
	}
	return &v
}
