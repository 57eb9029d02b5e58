package sms_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/stretchr/testify/require"
)

// readTestdata decodes a file of testdata; they were calculated apart from this library.
func readTestdata(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}

var encodings = map[string]sms.Encoding{"GSM-7": sms.GSM7, "UCS-2": sms.UCS2}

type segmentCase struct {
	ID, Category, Text, Encoding string
	Units                        int
	Segments                     int `json:"segments_code_points_kept_whole"`
	Smart                        struct {
		Encoding string
		Segments int
	}
	Billed *struct {
		Encoding string
		Segments int
	}
}

func segmentCases(t testing.TB) []segmentCase {
	var f struct{ Cases []segmentCase }
	readTestdata(t, "segments.json", &f)
	require.NotEmpty(t, f.Cases)
	return f.Cases
}

func TestMeasureReference(t *testing.T) { // F134
	t.Parallel()
	for _, c := range segmentCases(t) {
		require.Equal(t, sms.Size{Encoding: encodings[c.Encoding], Segments: c.Segments, Units: c.Units}, sms.Measure(c.Text), c.ID)
		if c.Billed != nil {
			require.Equal(t, c.Billed.Segments, sms.Measure(c.Text).Segments, "%s as billed", c.ID)
		}
	}
}

func TestMeasureAlphabet(t *testing.T) {
	t.Parallel()
	var f struct{ Default, Extension []struct{ Code, Char string } }
	readTestdata(t, "sms_gsm7.json", &f)
	want := map[rune]int{}
	for _, c := range f.Default {
		if c.Code != "0x1B" {
			want[[]rune(c.Char)[0]] = 1
		}
	}
	for _, c := range f.Extension {
		want[[]rune(c.Char)[0]] = 2
	}
	require.Len(t, want, 137)
	for r := range rune(0x110000) {
		if r >= 0xd800 && r < 0xe000 {
			continue
		}
		got := sms.Measure(string(r))
		if n := want[r]; n > 0 {
			require.Equal(t, sms.Size{Encoding: sms.GSM7, Segments: 1, Units: n}, got, "%U", r)
		} else if got.Encoding != sms.UCS2 || got.Units != len(utf16.Encode([]rune{r})) {
			require.Failf(t, "wrong size", "%U: %+v", r, got)
		}
	}
}

func size(e sms.Encoding, segments, units int) sms.Size {
	return sms.Size{Encoding: e, Segments: segments, Units: units}
}

func TestMeasureBorders(t *testing.T) { // F134
	t.Parallel()
	for _, c := range []struct {
		name string
		text string
		want sms.Size
	}{
		{"empty", "", size(sms.GSM7, 1, 0)},
		{"one full", strings.Repeat("a", 160), size(sms.GSM7, 1, 160)},
		{"one more", strings.Repeat("a", 161), size(sms.GSM7, 2, 161)},
		{"two full", strings.Repeat("a", 306), size(sms.GSM7, 2, 306)},
		{"three", strings.Repeat("a", 307), size(sms.GSM7, 3, 307)},
		{"escape at the border", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), size(sms.GSM7, 3, 306)},
		{"escapes alone", strings.Repeat("[", 80), size(sms.GSM7, 1, 160)},
		{"escapes waste a septet each part", strings.Repeat("[", 153), size(sms.GSM7, 3, 306)},
		{"one full UCS-2", strings.Repeat("я", 70), size(sms.UCS2, 1, 70)},
		{"two UCS-2", strings.Repeat("я", 71), size(sms.UCS2, 2, 71)},
		{"two full UCS-2", strings.Repeat("я", 134), size(sms.UCS2, 2, 134)},
		{"pair at the border", strings.Repeat("я", 66) + "😀" + strings.Repeat("я", 66), size(sms.UCS2, 3, 134)},
		{"ill-formed byte", "a\xff", size(sms.UCS2, 1, 2)},
	} {
		require.Equal(t, c.want, sms.Measure(c.text), c.name)
	}
}

func TestMeasureDoesNotAllocate(t *testing.T) {
	for _, text := range []string{strings.Repeat("a", 160), strings.Repeat("€", 900), strings.Repeat("日本😀", 500)} {
		require.Zero(t, testing.AllocsPerRun(10, func() { sms.Measure(text) }))
	}
}

// slowMeasure is the rule written a second time: characters as lists of units, parts as lists of characters.
func slowMeasure(text, basic, extension string) sms.Size {
	chars := [][]uint16{}
	size, single, part := sms.Size{Encoding: sms.GSM7}, 160, 153
	for _, r := range text {
		switch {
		case strings.ContainsRune(basic, r):
			chars = append(chars, make([]uint16, 1))
		case strings.ContainsRune(extension, r):
			chars = append(chars, make([]uint16, 2))
		default:
			size.Encoding, single, part = sms.UCS2, 70, 67
		}
	}
	if size.Encoding == sms.UCS2 {
		chars = chars[:0]
		for _, r := range text {
			chars = append(chars, utf16.Encode([]rune{r}))
		}
	}
	for _, c := range chars {
		size.Units += len(c)
	}
	for size.Segments = 1; size.Units > single && len(chars) > 0; size.Segments++ {
		room := part
		for len(chars) > 0 && room >= len(chars[0]) {
			room -= len(chars[0])
			chars = chars[1:]
		}
		if len(chars) == 0 {
			break
		}
	}
	return size
}

// Long texts of every mixture come to what the plain rule says, wherever their wide characters fall.
func TestMeasureMixtures(t *testing.T) { // F134
	t.Parallel()
	basic, extension := alphabets(t)
	for _, wide := range []int{0, 1, 3, 50, 100} { // of a hundred characters
		for _, alphabet := range [][2]string{{"a1 ", "[]"}, {"aé ", "[€"}, {"aж", "😀"}} {
			for seed := range uint64(40) {
				r := rand.New(rand.NewPCG(seed, 7))
				var text strings.Builder
				for range 140 + r.IntN(600) {
					from := []rune(alphabet[0])
					if r.IntN(100) < wide {
						from = []rune(alphabet[1])
					}
					text.WriteRune(from[r.IntN(len(from))])
				}
				require.Equal(t, slowMeasure(text.String(), basic, extension), sms.Measure(text.String()), text.String())
			}
		}
	}
}

// alphabets are GSM-7's two tables.
func alphabets(t testing.TB) (basic, extension string) {
	var tables struct{ Default, Extension []struct{ Code, Char string } }
	readTestdata(t, "sms_gsm7.json", &tables)
	for _, c := range tables.Default {
		basic += c.Char
	}
	for _, c := range tables.Extension {
		extension += c.Char
	}
	return basic, extension
}

func FuzzMeasure(f *testing.F) {
	basic, extension := alphabets(f)
	for _, c := range segmentCases(f) {
		f.Add(c.Text)
	}
	f.Add("\xed\xa0\x80\xc0\x80\xef\xbb\xbf") // a lone surrogate, an overlong NUL, a byte order mark (F133)
	f.Fuzz(func(t *testing.T, text string) {
		got := sms.Measure(text)
		require.Equal(t, slowMeasure(text, basic, extension), got)
		if !strings.Contains(text, "\x00") {
			require.Equal(t, got, sms.Measure(channel.Clean(text)), "cleaning changes no count")
		}
	})
}

// BenchmarkMeasure has the rule as one would write it plainly beside ours.
func BenchmarkMeasure(b *testing.B) {
	b.Run("gsm7 160, plainly", func(b *testing.B) {
		basic, extension := alphabets(b)
		text := strings.Repeat("Thanks, we are on it! ", 8)[:160]
		b.ReportAllocs()
		for b.Loop() {
			slowMeasure(text, basic, extension)
		}
	})
	for _, c := range []struct{ name, text string }{
		{"gsm7 160", strings.Repeat("Thanks, we are on it! ", 8)[:160]},
		{"gsm7 1600", strings.Repeat("Thanks, we are on it [1]", 67)[:1600]},
		{"ucs2 70", strings.Repeat("日本語 ", 18)[:180]},
		{"ucs2 1600", strings.Repeat("日本😀 ", 400)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sms.Measure(c.text)
			}
		})
	}
}
