package sms

import (
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Split cuts a text of more than max code points into several messages of at most max each (Twilio takes 1600,
// Bandwidth 2048; see [Traits]). Joined, the parts are the text, byte for byte: nothing is trimmed or numbered.
//
// A part ends at the last word end that fits: after a blank, before one, or after a character of Chinese or Japanese
// where a line may break (Unicode UAX #14). No-break spaces don't count. A word that doesn't fit into one part is cut
// between grapheme clusters (UAX #29 of Unicode 15.0), never inside one, so that an emoji, a flag or a letter with its
// accents stays whole. Only a cluster longer than max is cut between its code points. Blanks may become a part of
// their own where the text has many in a row or at its end; trim the text first if that matters.
//
// max <= 0 means no limit. A text that fits, the empty one among them, comes back as the only part. Time is linear:
// about 0.2 µs a character where a text is cut, a few ns where it fits.
func Split(text string, max int) []string {
	if max <= 0 || len(text) <= max || utf8.RuneCountInString(text) <= max {
		return []string{text}
	}
	s := splitter{text: text, max: max}
	rest, state := text, -1
	for rest != "" {
		var cluster string
		var breaks int
		cluster, rest, breaks, state = uniseg.StepString(rest, state)
		s.add(cluster, breaks&uniseg.MaskLine != uniseg.LineDontBreak)
	}
	return append(s.parts, text[s.start:])
}

// splitter holds one pass over a text. The open part is text[start:end].
type splitter struct {
	text       string
	max        int
	parts      []string
	start, end int
	length     int // code points in the open part
	word       int // the last word end in the open part; none unless after start
	wordLength int // code points of the open part up to word
}

// add appends a cluster to the open part, and cuts before it when it doesn't fit.
func (s *splitter) add(cluster string, mayBreak bool) {
	first, size := utf8.DecodeRuneInString(cluster)
	blank := breakingBlank(first) && (size == len(cluster) || cluster == "\r\n")
	if blank {
		s.markWord()
	}
	n := utf8.RuneCountInString(cluster)
	if s.length+n > s.max && s.word > s.start {
		s.cut(s.word, s.wordLength)
	}
	if s.length+n > s.max && s.length > 0 {
		s.cut(s.end, s.length)
	}
	for n > s.max { // only a cluster longer than a whole part; the open part is empty here
		s.take(s.text[s.end:], s.max)
		s.cut(s.end, s.max)
		n -= s.max
	}
	s.take(s.text[s.end:], n)
	if blank || mayBreak && unspaced(first) {
		s.markWord()
	}
}

// take moves the end of the open part n code points on.
func (s *splitter) take(rest string, n int) {
	s.length += n
	for range n {
		_, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		s.end += size
	}
}

func (s *splitter) markWord() { s.word, s.wordLength = s.end, s.length }

// cut closes the open part at a byte offset of the text that lies length code points into it.
func (s *splitter) cut(at, length int) {
	s.parts = append(s.parts, s.text[s.start:at])
	s.start = at
	s.length -= length
}

// breakingBlank reports whether a line may break at a blank: not at the no-break spaces, which hold "10 €" together.
func breakingBlank(r rune) bool {
	return unicode.IsSpace(r) && r != '\u00a0' && r != '\u2007' && r != '\u202f'
}

// unspaced reports whether a character belongs to a script that writes no blanks between words and lets lines break
// between most characters. Thai, Lao, Khmer and Burmese need a dictionary for that and are cut between clusters.
func unspaced(r rune) bool {
	if r < 0x2e80 {
		return false
	}
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) ||
		r >= 0x3000 && r <= 0x303f || // CJK punctuation
		r >= 0xff01 && r <= 0xff0f || r == 0xff1a || r == 0xff1b || r == 0xff1f // full-width punctuation
}
