package channel

import (
	"strings"
	"unicode/utf8"
)

// Clean returns s as every store keeps it: NUL and each ill-formed UTF-8 byte become U+FFFD, everything else stays as
// it was typed. It is idempotent and returns s itself, without allocating, when there is nothing to replace.
// (PostgreSQL's text type takes neither; SQLite would keep both.)
func Clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for _, r := range s { // ranging yields U+FFFD for each ill-formed byte
		if r == 0 {
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return b.String()
}
