package csat

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// DefaultWindow is how long a survey stays open when [Survey.Window] is zero.
const DefaultWindow = 24 * time.Hour

// The bounds that [Survey.Validate] keeps.
const (
	MinWindow    = time.Minute
	MaxWindow    = 30 * 24 * time.Hour
	MaxTextRunes = 1600 // the longest text that Twilio takes in one message
	MaxWords     = 100
)

// LinkName is the name that stands for the rating link in [Survey.Question].
const LinkName = "{{link}}"

// Mode is how a customer answers a survey.
type Mode string

// The modes. The zero value is ModeReply.
const (
	ModeReply Mode = "reply" // a text with a rating in the same thread
	ModeLink  Mode = "link"  // a link with a [Token] to a rating page; texts stay normal messages
)

// Survey is the satisfaction survey of one channel, as settings. The zero value is switched off and valid; with only
// Enabled set it asks in English for a reply from 1 to 5. A Survey is a value: copy it freely, but do not change Words
// while another goroutine reads it.
//
// Its JSON form is snake_case, with the window in whole seconds ("window_seconds").
type Survey struct {
	// Enabled is the channel's switch for the survey.
	Enabled bool
	// Mode is how customers answer. Empty means [ModeReply].
	Mode Mode
	// Language is the BCP 47 tag of the texts and of the number words that count as ratings ("en", "fr-CA"). Only
	// the first subtag matters. Empty means "en". A language outside of [Languages] has no number words of its own
	// (see Words) and English texts; digits count in every language.
	Language string
	// Question is the text that is sent. Empty means a default text in Language. With [ModeLink] it names the link
	// as {{link}}; with ModeReply it must not. The desk replaces this and all other names.
	Question string
	// Thanks is sent once, when the answer is complete. Empty means that nothing is sent.
	Thanks string
	// AskComment asks for the reason after a rating that came without a comment, and takes the next text in the
	// window as the comment. ModeLink ignores it: the page has a field of its own.
	AskComment bool
	// CommentQuestion is the text of that second question. Empty means a default text in Language.
	CommentQuestion string
	// Window is how long answers count after the survey was sent, in whole seconds. Zero means [DefaultWindow].
	Window time.Duration
	// Words are further words of the host that count as a rating of 1 to 5 ("great": 5), each a single word without
	// digits. Case, accents and full-width forms don't matter. Words win over those of Language.
	Words map[string]int
}

// Asks returns the text of the question: Question, or the default text of the language and mode.
func (s Survey) Asks() string {
	if s.Question != "" {
		return s.Question
	}
	if s.Mode == ModeLink {
		return wordingOf(s.Language).link
	}
	return wordingOf(s.Language).question
}

// AsksComment returns the text of the second question: CommentQuestion, or the default text of the language.
func (s Survey) AsksComment() string {
	if s.CommentQuestion != "" {
		return s.CommentQuestion
	}
	return wordingOf(s.Language).comment
}

// ClosesAt returns the instant from which answers to a survey sent at that time no longer count. A desk stores it with
// the survey, so that a later change of Window moves nothing.
func (s Survey) ClosesAt(sent time.Time) time.Time {
	if s.Window <= 0 {
		return sent.Add(DefaultWindow)
	}
	return sent.Add(s.Window)
}

// Validate returns every problem of the settings as [FieldErrors], or nil. A survey that is switched off is checked
// too, because its settings are stored. Names other than {{link}} are the desk's to check.
func (s Survey) Validate() error {
	var errs FieldErrors
	add := func(field, problem string) { errs = append(errs, FieldError{field, problem}) }
	if s.Mode != "" && s.Mode != ModeReply && s.Mode != ModeLink {
		add("mode", `must be "reply" or "link"`)
	}
	if !languageTag(s.Language) {
		add("language", `must be a language tag such as "en" or "fr-CA"`)
	}
	s.validateTexts(add)
	switch {
	case s.Window == 0:
	case s.Window < MinWindow || s.Window > MaxWindow:
		add("window_seconds", "must be between one minute and 30 days; 0 means 24 hours")
	case s.Window%time.Second != 0:
		add("window_seconds", "must be whole seconds")
	}
	s.validateWords(add)
	if errs != nil {
		return errs
	}
	return nil
}

func (s Survey) validateTexts(add func(field, problem string)) {
	for _, f := range []struct{ name, text string }{
		{"question", s.Question}, {"thanks", s.Thanks}, {"comment_question", s.CommentQuestion},
	} {
		if p := textProblem(f.text); p != "" {
			add(f.name, p)
		}
	}
	named := strings.Contains(s.Question, LinkName)
	switch {
	case s.Question == "":
	case s.Mode == ModeLink && !named:
		add("question", "must name the rating link as {{link}}")
	case s.Mode != ModeLink && named:
		add("question", `names {{link}}, which only mode "link" has`)
	}
}

func (s Survey) validateWords(add func(field, problem string)) {
	if len(s.Words) > MaxWords {
		add("words", fmt.Sprintf("has more than %d words", MaxWords))
		return
	}
	keys := slices.Sorted(maps.Keys(s.Words))
	for i, w := range keys {
		if !singleWord(w) {
			add("words", fmt.Sprintf("word %d in order must be one word of letters only", i+1))
		}
		if v := s.Words[w]; v < 1 || v > 5 {
			add("words", fmt.Sprintf("word %d in order must have a rating from 1 to 5", i+1))
		}
		if slices.ContainsFunc(keys[:i], func(o string) bool { return s.Words[o] != s.Words[w] && sameWord(o, w) }) {
			add("words", fmt.Sprintf("word %d in order repeats another one with a different rating", i+1))
		}
	}
}

func textProblem(text string) string {
	switch {
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case utf8.RuneCountInString(text) > MaxTextRunes:
		return fmt.Sprintf("is too long (at most %d characters)", MaxTextRunes)
	case text != "" && strings.TrimSpace(text) == "":
		return "has only blanks"
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }):
		return "holds a control character"
	}
	return ""
}

func languageTag(tag string) bool {
	if tag == "" {
		return true
	}
	for i, sub := range strings.Split(tag, "-") {
		if len(sub) == 0 || len(sub) > 8 || i == 0 && len(sub) < 2 || len(tag) > 35 {
			return false
		}
		if strings.ContainsFunc(sub, func(r rune) bool {
			letter := r|0x20 >= 'a' && r|0x20 <= 'z'
			return !letter && (i == 0 || r < '0' || r > '9')
		}) {
			return false
		}
	}
	return true
}

// FieldError says what is wrong with one setting, by its JSON name. It never repeats the value.
type FieldError struct {
	Field   string `json:"field"`
	Problem string `json:"problem"` // in English, says what would be right
}

// Error implements error.
func (e FieldError) Error() string { return e.Field + ": " + e.Problem }

// FieldErrors is every wrong setting at once, in the order of the fields.
type FieldErrors []FieldError

// Error implements error.
func (e FieldErrors) Error() string {
	s := make([]string, len(e))
	for i, f := range e {
		s[i] = f.Error()
	}
	return strings.Join(s, "; ")
}

// surveyJSON is the wire form of a Survey: a duration has none of its own that other languages read.
type surveyJSON struct {
	Enabled         bool           `json:"enabled"`
	Mode            Mode           `json:"mode,omitempty"`
	Language        string         `json:"language,omitempty"`
	Question        string         `json:"question,omitempty"`
	Thanks          string         `json:"thanks,omitempty"`
	AskComment      bool           `json:"ask_comment"`
	CommentQuestion string         `json:"comment_question,omitempty"`
	WindowSeconds   int64          `json:"window_seconds,omitempty"`
	Words           map[string]int `json:"words,omitempty"`
}

// MarshalJSON implements [json.Marshaler]. A fraction of a second in Window is lost; Validate refuses it.
func (s Survey) MarshalJSON() ([]byte, error) {
	return json.Marshal(surveyJSON{s.Enabled, s.Mode, s.Language, s.Question, s.Thanks, s.AskComment,
		s.CommentQuestion, int64(s.Window / time.Second), s.Words})
}

// UnmarshalJSON implements [json.Unmarshaler]. It replaces the whole Survey: a member that is missing takes its zero
// value. It does not validate, but a window too long for a [time.Duration] is an error.
func (s *Survey) UnmarshalJSON(b []byte) error {
	var w surveyJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	const most = int64(1<<63-1) / int64(time.Second)
	if w.WindowSeconds > most || w.WindowSeconds < -most {
		return FieldError{"window_seconds", "is out of range"}
	}
	*s = Survey{w.Enabled, w.Mode, w.Language, w.Question, w.Thanks, w.AskComment,
		w.CommentQuestion, time.Duration(w.WindowSeconds) * time.Second, w.Words}
	return nil
}
