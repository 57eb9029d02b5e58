package sms

import (
	"unicode"
	"unicode/utf8"
)

// What fold makes of a character that is neither a letter nor a digit.
const (
	foldDrop rune = -1 // no part of the word: apostrophes, accents on their own, zero-width characters
	foldGap  rune = -2 // parts words: blanks, punctuation, symbols, emoji
)

// fold brings a character to the form in which keywords are compared: upper case, without accent, of normal width.
// It does for letters and digits what NFKD and case folding would, without the tables of all of Unicode.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		return foldASCII(r)
	}
	for _, s := range styledLetters {
		if r >= s.first && r <= s.last {
			return 'A' + (r-s.first)%26
		}
	}
	if r >= '０' && r <= '９' {
		return '0' + r - '０'
	}
	if r == '’' || r == '‘' || r == 'ʼ' || unicode.In(r, unicode.Mn, unicode.Cf) {
		return foldDrop
	}
	if !unicode.In(r, unicode.L, unicode.N, unicode.Mc) {
		return foldGap
	}
	return withoutAccent(unicode.ToUpper(unicode.ToLower(r))) // twice, so that U+212A (kelvin) becomes K
}

func foldASCII(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return r - 'a' + 'A'
	case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return r
	case r == '\'' || r == '`':
		return foldDrop
	}
	return foldGap
}

// styledLetters are the alphabets that keyboards and "fancy text" pages put in place of A to Z.
var styledLetters = [...]struct{ first, last rune }{
	{0xff21, 0xff3a}, {0xff41, 0xff5a}, // full width
	{0x24b6, 0x24cf}, {0x24d0, 0x24e9}, // circled
	{0x1d400, 0x1d6a3}, // mathematical: 13 styles of 26 capitals and 26 small letters
}

func withoutAccent(r rune) rune {
	base := byte('.')
	switch {
	case r >= 0xc0 && r < 0xc0+rune(len(baseLatin)):
		base = baseLatin[r-0xc0]
	case r >= 0x1e00 && r < 0x1e00+rune(len(baseLatinAdditional)):
		base = baseLatinAdditional[r-0x1e00]
	}
	if base == '.' {
		return r
	}
	return rune(base)
}

// The letters below the accents, in upper case, from U+00C0 on and from U+1E00 on; '.' where there is none. Made from
// the canonical decompositions of Unicode, and the strokes of Ø, Ł, Đ, Ħ and Ŧ.
const (
	baseLatin = "AAAAAA.CEEEEIIII.NOOOOO.OUUUUY..AAAAAA.CEEEEIIII.NOOOOO.OUUUUY.YAAAAAACCCCCCCCDD" +
		"DDEEEEEEEEEEGGGGGGGGHHHHIIIIIIIII...JJKK.LLLLLL..LLNNNNNN...OOOOOO..RRRRRRSSSSSS" +
		"SSTTTTTTUUUUUUUUUUUUWWYYYZZZZZZ.................................OO.............U" +
		"U............................AAIIOOUUUUUUUUUU.AAAA....GGKKOOOO..J...GG..NNAA...." +
		"AAAAEEEEIIIIOOOORRRRUUUUSSTT..HH......AAEEOOOOOOOOYY............................"
	baseLatinAdditional = "AABBBBBBCCDDDDDDDDDDEEEEEEEEEEFFGGHHHHHHHHHHIIIIKKKKKKLLLLLLLLMMMMMMNNNNNNNNOOOO" +
		"OOOOPPPPRRRRRRRRSSSSSSSSSSTTTTTTTTUUUUUUUUUUVVVVWWWWWWWWWWXXXXYYZZZZZZHTWY......" +
		"AAAAAAAAAAAAAAAAAAAAAAAAEEEEEEEEEEEEEEEEIIIIOOOOOOOOOOOOOOOOOOOOOOOOUUUUUUUUUUUU" +
		"UUYYYYYYYY......"
)
