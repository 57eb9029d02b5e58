package csat

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxCommentRunes is the longest comment that [Reply.Validate] lets pass.
const MaxCommentRunes = 4000

// Open is what a desk knows about a survey that it sent, when a text of the same contact arrives in the same
// conversation. Which survey that is, and that no other contact answers it, is the desk's to hold.
type Open struct {
	Mode      Mode      `json:"mode,omitempty"`   // as it was when the survey was sent; empty means [ModeReply]
	ClosesAt  time.Time `json:"closes_at"`        // as [Survey.ClosesAt] gave it then
	Rating    int       `json:"rating,omitempty"` // the rating so far, 1 to 5; 0 while there is none
	Commented bool      `json:"commented"`        // a comment came, with the rating or after it
}

// Meaning is what a text is to an open survey.
type Meaning string

// The meanings. The zero value is a normal message, which may reopen the conversation.
const (
	MeansMessage Meaning = ""
	MeansRating  Meaning = "rating"  // a first rating, or one that replaces the rating before
	MeansComment Meaning = "comment" // the comment that the survey asked for
)

// Say is the automatic text that answers an answer. Each is due at most once per survey.
type Say string

// What to say. The zero value is nothing.
const (
	SayNothing    Say = ""
	SayAskComment Say = "ask_comment" // [Survey.AsksComment]
	SayThanks     Say = "thanks"      // [Survey.Thanks]
)

// Answer is what [Survey.Read] made of a text.
type Answer struct {
	Meaning Meaning `json:"meaning"`
	Reply   Reply   `json:"reply"` // Rating is 0 and Comment is the whole text for MeansComment; empty for MeansMessage
	Say     Say     `json:"say"`
}

// Read says what a text that arrived at an instant means for an open survey. It is pure and does not allocate.
//
// A rating counts until the window closes, and the last one wins. The comment that AskComment asks for is the first
// text after a rating without one. Everything else is a normal message: so is any text once the survey is closed, or
// when it is answered by link. Enabled and Mode of the settings are not looked at: a survey that was sent stays
// answerable as it was sent, or the answer to it would reopen the conversation.
//
// The desk reads consent keywords before it calls this: STOP wins over everything.
func (s Survey) Read(o Open, text string, at time.Time) Answer {
	if o.Mode == ModeLink || !at.Before(o.ClosesAt) {
		return Answer{}
	}
	if r, ok := s.Parse(text); ok {
		return Answer{MeansRating, r, s.afterRating(o, r)}
	}
	comment := trimBlank(text)
	if !s.AskComment || o.Rating == 0 || o.Commented || comment == "" {
		return Answer{}
	}
	return Answer{MeansComment, Reply{Comment: comment}, s.thanks()}
}

func (s Survey) afterRating(o Open, r Reply) Say {
	waiting := s.AskComment && !o.Commented
	switch {
	case o.Rating == 0 && waiting && r.Comment == "":
		return SayAskComment
	case o.Rating == 0, waiting && r.Comment != "": // complete now
		return s.thanks()
	}
	return SayNothing // a change of mind; everything was said
}

func (s Survey) thanks() Say {
	if s.Thanks == "" {
		return SayNothing
	}
	return SayThanks
}

// Validate returns every problem of a reply that came from a page as [FieldErrors], or nil: a rating outside of 1 to
// 5, a comment that is too long or ill-formed UTF-8. What [Parse] returns has a rating in range.
func (r Reply) Validate() error {
	var errs FieldErrors
	if r.Rating < 1 || r.Rating > 5 {
		errs = append(errs, FieldError{"rating", "must be 1 to 5"})
	}
	switch {
	case !utf8.ValidString(r.Comment):
		errs = append(errs, FieldError{"comment", "is not valid UTF-8"})
	case utf8.RuneCountInString(r.Comment) > MaxCommentRunes:
		errs = append(errs, FieldError{"comment", fmt.Sprintf("is too long (at most %d characters)", MaxCommentRunes)})
	}
	if errs != nil {
		return errs
	}
	return nil
}
