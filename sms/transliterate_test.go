package sms_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/stretchr/testify/require"
)

func TestTransliterate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"GSM-7 stays", "Hello [€] é", "Hello [€] é"},
		{"typography", "“It’s 5–6 o’clock…” \u2014 she\u00a0said", `"It's 5-6 o'clock..." - she said`},
		{"full width", "ＡＢＣ１２３！＼", `ABC123!\`},
		{"bullets", "• one\n‣ two", "- one\n- two"},
		{"invisible", "a\u200bb\ufeffc\u00add", "abcd"},
		{"tab", "a\tb", "a b"},
		{"separators", "a\u2028b", "a\nb"},
		{"fraction", "½ day, 1½ days, x½", "1/2 day, 1 1/2 days, x1/2"},
		{"letter and accent apart", "cafe\u0301 man\u0303ana A\u030a", "café mañana Å"},
		{"guillemets", "«a» ‹b›", `"a" 'b'`},
		{"accents stay", "“garçon”", "“garçon”"},
		{"one character without a look-alike keeps all", "it’s 😀", "it’s 😀"},
		{"base letter with another accent stays", "x\u0301 ’", "x\u0301 ’"},
		{"never more segments", strings.Repeat("…", 70), strings.Repeat("…", 70)},
		{"ill-formed", "’\xff", "’\xff"},
		{"replacement character", "’\ufffd", "’\ufffd"},
		{"empty", "", ""},
	} {
		require.Equal(t, c.want, sms.Transliterate(c.in), c.name)
		require.Equal(t, c.want, sms.Transliterate(c.want), "%s, again", c.name)
	}
}

// What Twilio's map replaces and we don't, or replace by something else; the doc comment says why.
var (
	combining = []rune{0x313, 0x314, 0x337, 0x338, 0x20e5, 0x332, 0x20d2, 0x20d3, 0x326, 0x347, 0x302, 0x1dcd, 0x303, 0x330, 0x334}
	controls  = []rune{0, 3, 4, 0x10, 0x11, 0x12, 0x13, 0x14, 0x17, 0x19, 0x80, 0x8d, 0x90, 0x9b, 0x9f}
	others    = map[rune]string{0x2028: "\n", 0x2029: "\n", '‹': "'", '›': "'", '\t': " "}
)

func TestTransliterateAgainstTwilio(t *testing.T) {
	t.Parallel()
	var f struct {
		Map map[string]struct{ Char, Replacement string }
	}
	b, err := os.ReadFile(filepath.Join(sharedData(t), "twilio_smart_encoding_map.json"))
	if os.IsNotExist(err) {
		t.Skip("no reference data beside the checkout")
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &f))
	same := 0
	for code, m := range f.Map {
		n, err := strconv.ParseInt(code[2:], 16, 32)
		require.NoError(t, err)
		r := rune(n)
		got := sms.Transliterate("a" + string(r) + "b")
		switch want, ok := others[r]; {
		case slices.Contains(combining, r), slices.Contains(controls, r):
			want = string(r)
			require.Equal(t, "a"+want+"b", got, code)
		case ok:
			require.Equal(t, "a"+want+"b", got, code)
		case m.Replacement == "  ":
			require.Equal(t, "a b", got, code)
		default:
			require.Equal(t, "a"+m.Replacement+"b", got, code)
			same++
		}
	}
	require.Greater(t, same, 210)
}

// sharedData is the folder of reference data that isn't ours to ship, beside the root of the repository.
func sharedData(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	require.NoError(t, err)
	for {
		b, _ := os.ReadFile(filepath.Join(dir, "go.mod"))
		if strings.HasPrefix(string(b), "module github.com/livedesk/livedesk-go\n") {
			return filepath.Join(dir, "..", "shared", "data")
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "root of the repository")
		dir = parent
	}
}

func TestTransliterateReference(t *testing.T) {
	t.Parallel()
	for _, c := range segmentCases(t) {
		before, after := sms.Measure(c.Text), sms.Measure(sms.Transliterate(c.Text))
		require.LessOrEqual(t, after.Segments, before.Segments, c.ID)
		if before.Encoding == sms.GSM7 {
			require.Equal(t, sms.GSM7, after.Encoding, c.ID)
		}
	}
}

func FuzzTransliterate(f *testing.F) {
	for _, s := range []string{"“It’s”…", "1½\u2028", strings.Repeat("…", 70), "e\u0301\u0301", "ＡＢ\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := sms.Transliterate(text)
		require.LessOrEqual(t, sms.Measure(got).Segments, sms.Measure(text).Segments)
		require.True(t, got == text || sms.Measure(got).Encoding == sms.GSM7, "changed for nothing")
		require.Equal(t, got, sms.Transliterate(got))
	})
}

func BenchmarkTransliterate(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"gsm7", strings.Repeat("Thanks, we are on it! ", 8)[:160]},
		{"typography", strings.Repeat("“It’s fine” – ", 10)},
		{"chinese", strings.Repeat("你好", 80)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sms.Transliterate(c.text)
			}
		})
	}
}
