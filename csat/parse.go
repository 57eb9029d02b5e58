package csat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reply is a rating that was read out of a text.
type Reply struct {
	Rating  int    `json:"rating"`            // 1 to 5
	Comment string `json:"comment,omitempty"` // what followed, without the marks between; a part of the text itself
}

// Parse reads a rating out of a text whose number words are in the language of a BCP 47 tag (empty means English; see
// [Languages]). It reports false for a normal message. It is pure, never panics, does not allocate, and reads the text
// once or twice.
//
// A rating is one of these, alone or followed by a blank, punctuation or an emoji and a rest without any digit:
//
//   - a digit 1 to 5 of any script, also as keycap emoji or in a circle: "5", "٥", "5️⃣", "⑤";
//   - a number word of the language, in any case, with or without its accents: "five", "Trois", "FUNF";
//   - either of them out of five: "4/5", "4 out of 5", "cinq sur cinq";
//   - two to five star emoji, or one to five filled up to five with hollow ones: "⭐⭐⭐⭐", "★☆☆☆☆". A single star
//     alone is a normal message, because it is praise as often as the worst rating.
//
// The words for stars and points belong to the rating ("5 stars, great" has the comment "great"); quotes or brackets
// around it are dropped.
//
// Some texts that begin like a rating count something else and are normal messages: "4:30 works", "2,500 euros", "55",
// "10", "-1", "5pm", "5 pm works", "5 minutes late", "5%", "5 €", "one of your agents", "5'". A word that is an article
// too ("un", "ein", "um") is a rating only where no noun can follow it: "Un !" is one, "Un grand merci" isn't.
func Parse(language, text string) (Reply, bool) {
	return grammar{vocabularyOf(language), nil}.parse(text)
}

// Parse reads a rating out of a text as [Parse] does, in the survey's language and with its own Words. It ignores
// Enabled, Mode and Window; see [Survey.Read].
func (s Survey) Parse(text string) (Reply, bool) {
	return grammar{vocabularyOf(s.Language), s.Words}.parse(text)
}

// grammar is the words of a language and those of a host.
type grammar struct {
	*vocabulary
	extra map[string]int
}

func (g grammar) parse(text string) (Reply, bool) {
	s, opened := unquote(trimBlank(text))
	n, s, article := g.number(s)
	if n == 0 {
		return Reply{}, false
	}
	s, scaled, ok := g.scale(s)
	if !ok {
		return Reply{}, false
	}
	s, starred := g.starWord(s)
	if opened != 0 {
		// The closing quote is either here or was at the end of the text and is gone already.
		s = strings.TrimPrefix(s, string(opened))
	}
	if article && !scaled && !starred && nounFollows(s) {
		return Reply{}, false
	}
	if !boundary(s) || g.counts(s) || hasNumber(s) {
		return Reply{}, false
	}
	return Reply{Rating: n, Comment: comment(s)}, true
}

// number reads the rating at the start of s: 0 when there is none. article says that the word may be one.
func (g grammar) number(s string) (n int, rest string, article bool) {
	r, size := utf8.DecodeRuneInString(s)
	if d, ok := digit(r); ok {
		return inRange(d), keycap(s[size:]), false
	}
	if n, rest := stars(s); n != 0 {
		return n, rest, false
	}
	for w, n := range g.extra {
		if rest, ok := cutWord(s, w); ok {
			return inRange(n), rest, false
		}
	}
	for i := range g.numbers {
		w := &g.numbers[i]
		if rest, ok := cutWord(s, w.word); ok {
			return w.rating, rest, w.article
		}
	}
	return 0, s, false
}

func inRange(n int) int {
	if n < 1 || n > 5 {
		return 0
	}
	return n
}

// keycap drops what makes a digit an emoji: variation selectors and U+20E3.
func keycap(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "\ufe0f"), "\ufe0e")
	return strings.TrimPrefix(s, "\u20e3")
}

// stars counts the star emoji at the start of s; n is 0 where they are no rating.
func stars(s string) (n int, rest string) {
	full, hollow := 0, 0
	for rest = s; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case filledStar(r) && hollow == 0:
			full++
		case r == '☆' && full > 0:
			hollow++
		case r == 0xFE0F:
		default:
			return starCount(full, hollow), rest
		}
		rest = rest[size:]
	}
	return starCount(full, hollow), ""
}

func starCount(full, hollow int) int {
	if hollow == 0 && full >= 2 && full <= 5 || hollow > 0 && full+hollow == 5 {
		return full
	}
	return 0
}

func filledStar(r rune) bool { return r == '⭐' || r == '★' || r == '🌟' }

// scale cuts "/5", "out of 5" and the like. ok is false where "4 of 5" goes on with what it counts.
func (g grammar) scale(s string) (rest string, scaled, ok bool) {
	t := trimBlankLeft(s)
	if r, size := utf8.DecodeRuneInString(t); r == '/' || r == '／' || r == '⁄' {
		if rest, five := g.five(trimBlankLeft(t[size:])); five {
			return rest, true, true
		}
		return s, false, true
	}
	if len(t) == len(s) { // a spelled scale needs a blank before it
		return s, false, true
	}
	for _, p := range g.outOf {
		if t, found := cutPhrase(t, p); found {
			if rest, five := g.five(trimBlankLeft(t)); five {
				return rest, true, !letterNext(trimBlankLeft(rest))
			}
		}
	}
	return s, false, true
}

func (g grammar) five(s string) (rest string, ok bool) {
	if r, _ := utf8.DecodeRuneInString(s); filledStar(r) {
		return s, false
	}
	n, rest, _ := g.number(s)
	return rest, n == 5
}

// starWord cuts "stars", "points" or star emoji after blanks or one hyphen.
func (g grammar) starWord(s string) (rest string, found bool) {
	t := gap(s)
	if u := strings.TrimLeftFunc(t, func(r rune) bool { return filledStar(r) || r == 0xFE0F }); len(u) < len(t) {
		return u, true
	}
	if len(t) == len(s) {
		return s, false
	}
	for _, w := range g.stars {
		if rest, ok := cutWord(t, w); ok {
			return rest, true
		}
	}
	return s, false
}

// counts reports that s goes on with something that the number counts, so that it rates nothing.
func (g grammar) counts(s string) bool {
	t := gap(s)
	r, _ := utf8.DecodeRuneInString(t)
	if unicode.Is(unicode.Sc, r) || strings.ContainsRune("%‰٪°", r) && t != "" {
		return true
	}
	if len(t) == len(s) {
		return false
	}
	for _, w := range g.counted {
		if _, ok := cutWord(t, w); ok {
			return true
		}
	}
	return false
}

// gap skips blanks, or one hyphen that joins two words.
func gap(s string) string {
	if t, ok := strings.CutPrefix(s, "-"); ok && letterNext(t) {
		return t
	}
	return trimBlankLeft(s)
}

// nounFollows reports that s goes on with a word, so that an article before it is no number.
func nounFollows(s string) bool { return letterNext(gap(s)) }

func letterNext(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && (unicode.IsLetter(r) || unicode.IsMark(r))
}

// boundary reports whether a rating may end before s: at the end, a blank, punctuation or an emoji.
func boundary(s string) bool {
	if s == "" {
		return true
	}
	r, _ := utf8.DecodeRuneInString(s)
	switch {
	case blank(r), emoji(r):
		return true
	case strings.ContainsRune("'’′\"″@", r): // feet, inches, "5's", an address
		return false
	case strings.ContainsRune("+=~|<>^", r): // punctuation to those who type it, if not to Unicode
		return true
	}
	return unicode.IsPunct(r)
}

// hasNumber reports whether s holds a digit, or anything else that Unicode counts as a number (½, ², Ⅴ), or 🔟.
func hasNumber(s string) bool {
	for _, r := range s {
		if r >= '0' && r <= '9' || r > 0x7f && (unicode.IsNumber(r) || r == '🔟') {
			return true
		}
	}
	return false
}

// unquote drops a quote or bracket at the start whose partner follows at the end of the text. opened is the partner
// that is still to be found, 0 when there is none.
func unquote(s string) (rest string, opened rune) {
	r, size := utf8.DecodeRuneInString(s)
	closer := partner(r)
	if closer == 0 || !strings.ContainsRune(s[size:], closer) {
		return s, 0
	}
	if t, ok := strings.CutSuffix(s[size:], string(closer)); ok && !strings.ContainsRune(t, closer) {
		return trimBlank(t), 0
	}
	return s[size:], closer
}

func partner(r rune) rune {
	switch r {
	case '"', '\'':
		return r
	case '“':
		return '”'
	case '„':
		return '“'
	case '‘':
		return '’'
	case '«':
		return '»'
	case '»':
		return '«'
	case '(':
		return ')'
	case '[':
		return ']'
	}
	return 0
}

// digit returns the value of a decimal digit of any script, or of a digit in a circle.
func digit(r rune) (int, bool) {
	switch {
	case r >= '0' && r <= '9':
		return int(r - '0'), true
	case r < 0x80:
		return 0, false
	case r >= '①' && r <= '⑨':
		return int(r-'①') + 1, true
	case r >= '❶' && r <= '❾':
		return int(r-'❶') + 1, true
	case r >= '➀' && r <= '➈':
		return int(r-'➀') + 1, true
	case r >= '➊' && r <= '➒':
		return int(r-'➊') + 1, true
	}
	return decimal(r)
}

// decimal finds r among Unicode's decimal digits (Nd), which come in runs of ten from 0 to 9, some runs side by side.
func decimal(r rune) (int, bool) {
	for _, t := range unicode.Nd.R16 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10, true
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10, true
		}
	}
	return 0, false
}
