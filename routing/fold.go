package routing

import (
	"unicode"
	"unicode/utf8"
)

// maxTextChars is how much of a message rules look at, in characters. The longest SMS that a carrier takes has 1,600.
const maxTextChars = 2048

// appendFolded appends s in the form in which texts are compared; the package comment defines it. It reads at most
// limit characters, in linear time, and what it appends has no blanks at its ends.
func appendFolded(dst []byte, s string, limit int) []byte {
	begin, blank := len(dst), false
	for i := 0; i < len(s) && limit > 0; limit-- {
		r, size := rune(s[i]), 1
		if r < utf8.RuneSelf {
			r = rune(foldedASCII[r])
		} else {
			r, size = utf8.DecodeRuneInString(s[i:])
			r = foldRune(r)
		}
		i += size
		if r == ' ' {
			blank = true
			continue
		}
		if r == dropped {
			continue
		}
		if blank && len(dst) > begin {
			dst = append(dst, ' ')
		}
		blank = false
		dst = appendRune(dst, r)
	}
	return dst
}

// folded returns s as appendFolded has it.
func folded(s string) string { return string(appendFolded(nil, s, len(s))) }

const dropped rune = -1

// appendRune appends a folded character: itself, or the letters that it stands for.
func appendRune(dst []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		return append(dst, byte(r))
	}
	switch r {
	case 'ß':
		return append(dst, "ss"...)
	case 'æ', 'ǣ', 'ǽ':
		return append(dst, "ae"...)
	case 'ĳ':
		return append(dst, "ij"...)
	case 'œ':
		return append(dst, "oe"...)
	case 'þ':
		return append(dst, "th"...)
	case '…':
		return append(dst, "..."...)
	}
	return utf8.AppendRune(dst, r)
}

// foldedASCII makes lower case and one kind of blank.
var foldedASCII = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		switch t[c] = byte(c); {
		case c >= 'A' && c <= 'Z':
			t[c] = byte(c) + 'a' - 'A'
		case c >= '\t' && c <= '\r':
			t[c] = ' '
		}
	}
	return t
}()

// foldRune folds a character beyond ASCII.
func foldRune(r rune) rune {
	if plain := plainLetter(r); plain != 0 {
		return plain
	}
	switch {
	case r >= 0x0370 && r < 0x0590: // Greek, Cyrillic, Armenian
		return foldMarked(foldCase(r))
	case r >= 0x0590 && r < 0x10A0, r > 0x3000 && r < 0xA640, r >= 0xAC00 && r < 0xD800:
		return r // scripts without case, from Hebrew to Burmese, and of East Asia
	}
	if sign := foldSign(r); sign != r {
		return sign
	}
	r = foldCase(r)
	if plain := plainLetter(r); plain != 0 { // the Ångström sign
		return plain
	}
	return r
}

// foldCase goes there and back, so that both forms of a small sigma become one.
func foldCase(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

// plainLetter returns the letter below the accent or the stroke of a Latin letter, in lower case, or 0.
func plainLetter(r rune) rune {
	base := byte('.')
	switch {
	case r >= 0xC0 && r < 0xC0+rune(len(plainLatin)):
		base = plainLatin[r-0xC0]
	case r >= 0x1E00 && r < 0x1E00+rune(len(plainLatinAdditional)):
		base = plainLatinAdditional[r-0x1E00]
	}
	if base == '.' {
		return 0
	}
	return rune(base)
}

// foldMarked folds the letters of other alphabets whose marks people leave out. Those that are letters of their own
// stay: й, ї, ў.
func foldMarked(r rune) rune {
	switch r {
	case 'ё', 'ѐ':
		return 'е'
	case 'ѝ':
		return 'и'
	case 'ά':
		return 'α'
	case 'έ':
		return 'ε'
	case 'ή':
		return 'η'
	case 'ί', 'ϊ', 'ΐ':
		return 'ι'
	case 'ό':
		return 'ο'
	case 'ύ', 'ϋ', 'ΰ':
		return 'υ'
	case 'ώ':
		return 'ω'
	}
	return r
}

// foldSign folds what keyboards put in place of plain signs, and drops what nobody sees.
func foldSign(r rune) rune {
	switch r {
	case '‘', '’', 'ʼ', '´':
		return '\''
	case '“', '”', '„', '«', '»':
		return '"'
	case '‐', '‑', '‒', '–', '—', '−':
		return '-'
	case '\u00AD', '\u200B', '\u200C', '\u200D', '\u200E', '\u200F', '\uFEFF':
		return dropped
	}
	switch {
	case r >= 0x0300 && r <= 0x036F && r != 0x0345: // accents on their own, but the one that is a small iota
		return dropped
	case r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x206F, r >= 0xFE00 && r <= 0xFE0F:
		return dropped
	case r >= '！' && r <= '～': // full width
		return rune(foldedASCII[r-'！'+'!'])
	case unicode.IsSpace(r):
		return ' '
	}
	return r
}

// The letters below the accents, in lower case, from U+00C0 on and from U+1E00 on; '.' where there is none. Made from
// the canonical decompositions of Unicode 14, and the strokes of ø, ł, đ, ħ, ŧ and ð.
const (
	plainLatin = "aaaaaa.ceeeeiiiidnooooo.ouuuuy..aaaaaa.ceeeeiiiidnooooo.ouuuuy.yaaaaaaccccccccddddeeeeeeeeeegggg" +
		"gggghhhhiiiiiiiiii..jjkk.llllll..llnnnnnn...oooooo..rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs" +
		"................................oo.............uu............................aaiioouuuuuuuuuu.aa" +
		"aa....ggkkoooo..j...gg..nnaa..ooaaaaeeeeiiiioooorrrruuuusstt..hh......aaeeooooooooyy"
	plainLatinAdditional = "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrr" +
		"ssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwy.s....aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee" +
		"eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy"
)
