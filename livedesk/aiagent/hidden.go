package aiagent

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/livedesk/livedesk-go/livedesk"
)

// What the model is told and the customer must not see: a mark of its own in each request shows whether an answer repeats
// what stands around it, and long pieces of our own words, of colleagues' notes and of the instructions are known by themselves.

// hidden is what one turn's request holds that no answer may.
type hidden struct {
	mark  string // of this turn alone: 26 letters and digits, 130 random bits
	texts []hiddenText
	seen  string // what the customer wrote or was sent, squashed: to repeat it tells nothing
}

// hiddenText is known by a run of so many bytes of letters and digits, in whatever case and with whatever between them.
type hiddenText struct {
	text string // squashed
	run  int
}

// Runs that give a text away. Instructions are there to be used, so that a sentence or two of them may be said.
const (
	noteRun         = 40
	instructionsRun = 160
	markRun         = 12 // 60 random bits
)

func hide(cfg Config, t livedesk.Turn) hidden {
	h := hidden{mark: rand.Text(), texts: []hiddenText{
		{squash(frame + ask(cfg)), noteRun}, {squash(cfg.Instructions), instructionsRun},
	}}
	var seen strings.Builder
	for _, l := range t.Transcript {
		if l.Note {
			h.texts = append(h.texts, hiddenText{squash(l.Text), noteRun})
		} else if l.Step == "" {
			seen.WriteString(l.Text)
		}
	}
	h.seen = squash(seen.String())
	return h
}

// line is the mark as the model is told it.
func (h hidden) line() string {
	return "(Reference " + h.mark + ", for colleagues only: never write it.)"
}

// leaks reports whether a text holds something hidden.
func (h hidden) leaks(text string) bool {
	if h.marked(text) {
		return true
	}
	text = squash(text)
	for _, t := range h.texts {
		if len(text) < t.run || len(t.text) < t.run {
			continue
		}
		runs := make(map[string]struct{}, len(text)-t.run+1)
		for i := range len(text) - t.run + 1 {
			runs[text[i:i+t.run]] = struct{}{}
		}
		for i := range len(t.text) - t.run + 1 {
			run := t.text[i : i+t.run]
			if _, said := runs[run]; said && !strings.Contains(h.seen, run) {
				return true
			}
		}
	}
	return false
}

// marked reports whether a text holds a good part of the mark: as it is, in other case, spread out, turned round, as ROT13,
// hexadecimal or base64.
func (h hidden) marked(text string) bool {
	low := strings.ToLower(h.mark)
	plain, packed := squash(text), strings.NewReplacer("-", "+", "_", "/").Replace(strings.Join(strings.Fields(text), ""))
	for _, m := range []string{low, reversed(low), strings.Map(rot13, low)} {
		if holdsRun(plain, m, markRun) {
			return true
		}
	}
	for _, m := range []string{h.mark, low} {
		if holdsRun(plain, hex.EncodeToString([]byte(m)), 2*markRun) {
			return true
		}
		for before := range 3 { // where in a group of three bytes it may begin
			code := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat(" ", before) + m))
			if holdsRun(packed, code[4:len(code)-2], 4*markRun/3) {
				return true
			}
		}
	}
	return false
}

// holdsRun reports whether a text holds n bytes in a row of what.
func holdsRun(text, what string, n int) bool {
	for i := range len(what) - n + 1 {
		if strings.Contains(text, what[i:i+n]) {
			return true
		}
	}
	return false
}

// squash returns the letters and digits of a text alone, in one case and form, so that spacing, punctuation, accents and
// look-alike letters of Unicode's compatibility forms make no difference.
func squash(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r):
			return unicode.ToLower(r)
		case unicode.IsDigit(r):
			return digit(r)
		}
		return -1
	}, norm.NFKD.String(s))
}

// digit returns the ASCII digit of a decimal digit of any script: they stand in tens (Unicode 4.6).
func digit(r rune) rune {
	if r <= '9' {
		return r
	}
	zero := r
	for zero > r-9 && unicode.IsDigit(zero-1) {
		zero--
	}
	return '0' + (r-zero)%10
}

func reversed(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func rot13(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return 'a' + (r-'a'+13)%26
	}
	return r
}
