package bench_test

import (
	"fmt"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/livedesk/livedesk-go/routing"
)

// equal says whether routing takes two texts for the same.
func equal(t *testing.T, a, b string) bool {
	t.Helper()
	rules, err := routing.Compile("", []routing.Rule{{
		ID: "r", Targets: []routing.Target{{Kind: routing.ToHumans}},
		Condition: routing.Condition{Text: &routing.Text{Equals: []string{a}}},
	}})
	require.NoError(t, err, "%q", a)
	return rules.Route(routing.Facts{Text: b}).Targets != nil
}

// Every Latin and Greek letter equals the letter below its accents, and every letter its other case, as the tables of
// Unicode have them.
func TestFoldingAgreesWithUnicode(t *testing.T) {
	letters := 0
	for r := rune(0xC0); r < 0x1F00; r++ {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		text := "x" + string(r)
		require.True(t, equal(t, text, text), "%q", text)
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			require.True(t, equal(t, text, "x"+string(other)), "%q in another case, %q", text, string(other))
		}
		if parts := []rune(norm.NFD.String(string(r))); len(parts) > 1 && unicode.Is(unicode.Latin, r) && parts[0] < 0x80 {
			require.True(t, equal(t, "x"+string(parts[0]), text), "%q without accents", text)
			require.True(t, equal(t, text, "x"+string(parts)), "%q with its accents apart", text)
		}
	}
	require.Greater(t, letters, 4000)
}

// Modern Greek is written with and without its accents.
func TestGreekAccents(t *testing.T) {
	for _, r := range "άέήίϊΐόύϋΰώΆΈΉΊΪΌΎΫΏ" {
		base := string([]rune(norm.NFD.String(string(r)))[0])
		require.True(t, equal(t, "x"+base, "x"+string(r)), fmt.Sprintf("%c", r))
	}
}
