package sms_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"
)

func TestSplit(t *testing.T) { // F134
	t.Parallel()
	family := "👩‍👩‍👧‍👦" // 7 code points, one cluster
	for _, c := range []struct {
		name string
		text string
		max  int
		want []string
	}{
		{"empty", "", 10, []string{""}},
		{"no limit", "a b c", 0, []string{"a b c"}},
		{"negative is no limit", "a b c", -1, []string{"a b c"}},
		{"fits exactly", "ééééé", 5, []string{"ééééé"}},
		{"after a blank", "hello big world", 8, []string{"hello ", "big ", "world"}},
		{"word end at the limit", "hello world", 5, []string{"hello", " ", "world"}},
		{"before a blank", "hello world again", 11, []string{"hello world", " again"}},
		{"word too long", "hi incomprehensible", 6, []string{"hi ", "incomp", "rehens", "ible"}},
		{"line ends", "one\r\ntwo\r\nthree", 7, []string{"one\r\n", "two\r\n", "three"}},
		{"CRLF is never parted", "abc\r\ndef", 4, []string{"abc", "\r\n", "def"}},
		{"no-break space holds", "pay 10\u00a0€ now", 7, []string{"pay ", "10\u00a0€ ", "now"}},
		{"link stays whole", "see https://x.io/a-b/c-d now", 21, []string{"see ", "https://x.io/a-b/c-d ", "now"}},
		{"Chinese", "你好。世界很大。再见", 7, []string{"你好。世界很", "大。再见"}},
		{"family", "ab" + family + "c", 8, []string{"ab", family + "c"}},
		{"flags", "🇩🇪🇫🇷🇨🇦", 3, []string{"🇩🇪", "🇫🇷", "🇨🇦"}},
		{"accent stays on its letter", "abe\u0301", 3, []string{"ab", "e\u0301"}},
		{"cluster longer than max", "ab e" + strings.Repeat("\u0301", 5) + " c", 3, []string{"ab ", "e\u0301\u0301", "\u0301\u0301\u0301", " c"}},
		{"ill-formed bytes count one each", "\xff\xfe\xfd", 2, []string{"\xff\xfe", "\xfd"}},
		{"prefix before a flag, cut inside", strings.Repeat("\u0600", 3) + "🇩🇪🇫🇷🇨🇦", 4, []string{strings.Repeat("\u0600", 3) + "🇩", "🇪🇫🇷", "🇨🇦"}},
	} {
		require.Equal(t, c.want, sms.Split(c.text, c.max), c.name)
	}
}

// With more than linear work these texts would take longer than the whole suite may.
func TestSplitIsLinear(t *testing.T) { // F135
	t.Parallel()
	for _, text := range []string{
		"a" + strings.Repeat("\u0301", 500_000),
		strings.Repeat("x", 1<<20),
		strings.Repeat(" ", 1<<20),
		strings.Repeat("🇩🇪", 100_000),
	} {
		parts := sms.Split(text, 10)
		require.Equal(t, text, strings.Join(parts, ""))
	}
}

// clusterEnds maps each offset of text where a part may end: cluster borders, and all of a cluster longer than max.
func clusterEnds(text string, max int) map[int]bool {
	ends, at := map[int]bool{}, 0
	for g := uniseg.NewGraphemes(text); g.Next(); at += len(g.Str()) {
		ends[at] = true
		if c := g.Str(); utf8.RuneCountInString(c) > max {
			for i := range c {
				ends[at+i] = true
			}
		}
	}
	return ends
}

func FuzzSplit(f *testing.F) {
	f.Add("hello big world", 8)
	f.Add("👩‍👩‍👧‍👦🇩🇪🇫🇷 e\u0301\u0301\u0301\u0301", 3)
	f.Add("\u0600\u0600🇩🇪🇫🇷🇨🇦", 3)
	f.Add("你好。世界 \r\n\xff\xf0\x9f", 2)
	f.Fuzz(func(t *testing.T, text string, max int) {
		max %= 64
		parts := sms.Split(text, max)
		require.Equal(t, text, strings.Join(parts, ""))
		if max <= 0 || utf8.RuneCountInString(text) <= max {
			require.Len(t, parts, 1)
			return
		}
		ends, at := clusterEnds(text, max), 0
		for i, p := range parts {
			require.NotEmpty(t, p)
			require.LessOrEqual(t, utf8.RuneCountInString(p), max)
			require.True(t, ends[at], "part %d begins inside a cluster", i)
			at += len(p)
			if i+1 < len(parts) && midWord(p, parts[i+1]) {
				require.NotContains(t, strings.TrimLeft(p, " "), "x x", "a word was cut though a blank came before")
			}
		}
		if max > 1 {
			require.LessOrEqual(t, len(parts), utf8.RuneCountInString(text))
		}
	})
}

// midWord reports whether a cut between two parts lies between two letters.
func midWord(a, b string) bool { return strings.HasSuffix(a, "x") && strings.HasPrefix(b, "x") }

func BenchmarkSplit(b *testing.B) {
	for _, c := range []struct {
		name string
		text string
	}{
		{"fits", strings.Repeat("word ", 40)},
		{"two parts", strings.Repeat("word ", 400)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sms.Split(c.text, 1600)
			}
		})
	}
}
