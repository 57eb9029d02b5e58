package csat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// cutWord cuts a word from the start of s, whatever its case, accents and width, if no letter follows. It does not
// allocate, which is why it folds while it compares.
func cutWord(s, word string) (rest string, ok bool) {
	rest, ok = cutPhrase(s, word)
	return rest, ok && !letterNext(rest)
}

// cutPhrase is cutWord without the look at what follows. A blank in the phrase stands for any blanks.
func cutPhrase(s, phrase string) (rest string, ok bool) {
	for phrase != "" {
		var want, got rune
		want, phrase = nextFolded(phrase)
		if want == ' ' {
			t := trimBlankLeft(s)
			if len(t) == len(s) {
				return "", false
			}
			s = t
			continue
		}
		if s == "" {
			return "", false
		}
		got, s = nextFolded(s)
		if got != want {
			return "", false
		}
	}
	return s, true
}

// sameWord reports whether two words are one to cutWord.
func sameWord(a, b string) bool {
	rest, ok := cutPhrase(a, b)
	return ok && rest == ""
}

// singleWord reports whether w can be found by cutWord in every text: letters and their marks, and nothing else.
func singleWord(w string) bool {
	r, _ := utf8.DecodeRuneInString(w)
	return len(w) <= 64 && utf8.ValidString(w) && unicode.IsLetter(r) &&
		!strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
}

// nextFolded returns the first character of s in the form that is compared, and the rest without the accents that
// follow it.
func nextFolded(s string) (rune, string) {
	r, size := utf8.DecodeRuneInString(s)
	s = s[size:]
	for s != "" && s[0] >= 0xCC && s[0] <= 0xCD { // U+0300 to U+037F
		m, size := utf8.DecodeRuneInString(s)
		if m < 0x0300 || m > 0x036F {
			break
		}
		s = s[size:]
	}
	return fold(r), s
}

// fold makes lower case, full-width Latin letters ASCII, and letters with the accents of western Europe plain.
func fold(r rune) rune {
	if r >= 0xFF21 && r <= 0xFF5A {
		r -= 0xFEE0
	}
	if r < 0x80 {
		if r >= 'A' && r <= 'Z' {
			r |= 0x20
		}
		return r
	}
	r = unicode.ToLower(r)
	switch r {
	case 'à', 'á', 'â', 'ã', 'ä', 'å':
		return 'a'
	case 'ç':
		return 'c'
	case 'è', 'é', 'ê', 'ë':
		return 'e'
	case 'ì', 'í', 'î', 'ï':
		return 'i'
	case 'ñ':
		return 'n'
	case 'ò', 'ó', 'ô', 'õ', 'ö':
		return 'o'
	case 'ù', 'ú', 'û', 'ü':
		return 'u'
	case 'ý', 'ÿ':
		return 'y'
	}
	return r
}
