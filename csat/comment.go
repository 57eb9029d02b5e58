package csat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// separators stand between a rating and its comment and belong to neither.
const separators = ".,;:!?…-–\u2014―‐‑/|*=+~_&•·،؛؟。、，．！？：；～"

// comment returns what follows a rating, without the marks that part them: ", but slow" is "but slow", " :)" stays.
func comment(s string) string {
	s = strings.TrimLeft(s, ")]”»’\"'") // "5) slow"
	for {
		s = trimBlankLeft(s)
		r, size := utf8.DecodeRuneInString(s)
		if s == "" || emoticon(s) || r != 0xFE0F && !strings.ContainsRune(separators, r) {
			return trimBlank(s)
		}
		s = s[size:]
	}
}

// emoticon reports whether s starts with a face of two or three characters, such as ":)" or ";-P", and then ends or
// goes on with something else than a letter.
func emoticon(s string) bool {
	if s == "" || strings.IndexByte(":;=", s[0]) < 0 {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '-' || s[0] == '\'') {
		s = s[1:]
	}
	return s != "" && strings.IndexByte(`)(DPpOo/\*|][`, s[0]) >= 0 && !letterNext(s[1:])
}

// blank reports white space and what can't be seen: marks of direction, joiners of width zero, byte order marks.
// Phones with right-to-left keyboards put them before a digit.
func blank(r rune) bool {
	switch {
	case r <= 0x20 || r == 0x7f:
		return unicode.IsSpace(r)
	case r < 0x80:
		return false
	case r == 0xAD, r == 0x061C, r == 0x200B, r == 0x200E, r == 0x200F, r == 0x2060, r == 0xFEFF:
		return true
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return unicode.IsSpace(r)
}

func trimBlank(s string) string { return strings.TrimRightFunc(trimBlankLeft(s), blank) }

func trimBlankLeft(s string) string { return strings.TrimLeftFunc(s, blank) }

// emoji reports whether an emoji starts with r: the blocks that hold them, wider than the exact list so that next
// year's emoji count too. Numbers in these blocks (❶) are not meant; hasNumber refuses them.
func emoji(r rune) bool {
	switch {
	case r >= 0x1F000 && r <= 0x1FBFF, // pictographs, faces, flags, transport
		r >= 0x2600 && r <= 0x27BF, // miscellaneous symbols, dingbats
		r >= 0x2190 && r <= 0x21FF, // arrows
		r >= 0x2300 && r <= 0x23FF, // watches, keys
		r >= 0x25A0 && r <= 0x25FF, // squares, triangles
		r >= 0x2900 && r <= 0x297F, r >= 0x2B00 && r <= 0x2BFF,
		r == 0x00A9, r == 0x00AE, r == 0x2122, r == 0x2139, r == 0x3030, r == 0x303D, r == 0x3297, r == 0x3299:
		return true
	case r == 0xFE0F, r == 0x200D:
		return true
	}
	return false
}
