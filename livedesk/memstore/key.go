package memstore

import (
	"encoding/binary"
	"strings"
	"time"
)

// Keys are strings that compare byte by byte in the order that is wanted. Each part of a key ends with a mark, so
// that no part can run into the next one: ("a", "bc") and ("ab", "c") are different keys, in every workspace.
const (
	partEnd  = "\x00\x01"
	rangeEnd = "\x00\x02" // behind everything that begins with a part
	nul      = "\x00"
	nulByte  = "\x00\xff" // a NUL inside of a part
)

// key joins parts. The result is a prefix of every key that has the same first parts.
func key(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p) + len(partEnd)
	}
	var b strings.Builder
	b.Grow(n + 24)
	for _, p := range parts {
		if strings.Contains(p, nul) {
			p = strings.ReplaceAll(p, nul, nulByte)
		}
		b.WriteString(p)
		b.WriteString(partEnd)
	}
	return b.String()
}

// end returns the first key behind all that begin with prefix, which key made.
func end(prefix string) string { return prefix[:len(prefix)-len(partEnd)] + rangeEnd }

// number encodes n so that smaller numbers come first.
func number(n int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)^1<<63)
	return string(b[:])
}

// micro returns a time as the contract keeps it.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func instant(t time.Time) string { return number(t.UnixMicro()) }

// newest encodes t so that later times come first.
func newest(t time.Time) string { return invert(instant(t)) }

// backwards encodes an id so that greater ids come first.
func backwards(id string) string { return invert(key(id)) }

func invert(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = ^b[i]
	}
	return string(b)
}
