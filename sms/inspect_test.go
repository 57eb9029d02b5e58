package sms_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms"
)

func TestInspectNamesWhatForcesUCS2(t *testing.T) { // F134
	t.Parallel()
	for text, want := range map[string][]sms.Foreign{
		"":                 nil,
		"plain €{}":        nil,
		"“Hi” – it’s “me”": {{Character: "“", Count: 2, Instead: `"`}, {Character: "”", Count: 2, Instead: `"`}, {Character: "–", Count: 1, Instead: "-"}, {Character: "’", Count: 1, Instead: "'"}},
		"👩‍👩‍👧 and 👩‍👩‍👧, 🇫🇷": {{Character: "👩‍👩‍👧", Count: 2}, {Character: "🇫🇷", Count: 1}},
		"ça, forêt, e\u0301":  {{Character: "ç", Count: 1}, {Character: "ê", Count: 1}, {Character: "e\u0301", Count: 1, Instead: "é"}},
		"\xff":                {{Character: "\xff", Count: 1}},
	} {
		got := sms.Inspect(text, 1600)
		require.Equal(t, want, got.Foreign, "%q", text)
		require.Equal(t, len(want) > 0, got.Encoding == sms.UCS2, "%q", text)
	}
	var all strings.Builder
	for r := range rune(40) {
		all.WriteRune('一' + r)
	}
	require.Len(t, sms.Inspect(all.String(), 0).Foreign, 20)
}

func TestInspectCountsEveryPart(t *testing.T) {
	t.Parallel()
	got := sms.Inspect(strings.Repeat("word ", 40)+"ê", 160)
	require.Len(t, got.Parts, 2)
	require.Equal(t, sms.GSM7, got.Parts[0].Encoding)
	require.Equal(t, sms.UCS2, got.Parts[1].Encoding)
	require.Equal(t, sms.UCS2, got.Encoding)
	require.Equal(t, 2, got.Segments)
	require.Equal(t, 201, got.Units)
}

// The parts are the text, each measured as if it were alone, and what is foreign is in the text.
func FuzzInspect(f *testing.F) {
	for _, s := range []string{"", "Hi", "“Hi” 👩‍👩‍👧", "e\u0301\u0300", strings.Repeat("ab ", 700), "\xff\x00", "a\u0300\u0301b"} {
		f.Add(s, 160)
	}
	f.Fuzz(func(t *testing.T, text string, max int) {
		got := sms.Inspect(text, max)
		var joined strings.Builder
		n := 0
		for _, p := range got.Parts {
			joined.WriteString(p.Text)
			require.Equal(t, sms.Measure(p.Text), p.Size)
			n += p.Segments
		}
		require.Equal(t, text, joined.String())
		require.Equal(t, n, got.Segments)
		require.Equal(t, sms.Measure(text).Encoding == sms.UCS2, len(got.Foreign) > 0)
		for _, c := range got.Foreign {
			require.Contains(t, text, c.Character)
			require.Equal(t, sms.UCS2, sms.Measure(c.Character).Encoding)
		}
	})
}

func ExampleInspect() {
	got := sms.Inspect("It’s ready – come by!", 1600)
	fmt.Println(got.Encoding, got.Segments)
	for _, f := range got.Foreign {
		fmt.Printf("%s could be %q\n", f.Character, f.Instead)
	}
	// Output:
	// ucs2 1
	// ’ could be "'"
	// – could be "-"
}
