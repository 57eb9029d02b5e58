package channel_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) { // F132, F133
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "hé 😀 \r\n\t\x1b\x7f", "hé 😀 \r\n\t\x1b\x7f"},
		{"NUL", "a\x00b\x00", "a\ufffdb\ufffd"},
		{"U+FFFD stays", "\ufffd", "\ufffd"},
		{"byte order mark stays", "\ufeffa", "\ufeffa"},
		{"noncharacters stay", "\uffff\U0010ffff", "\uffff\U0010ffff"},
		{"each ill-formed byte for itself", "\xff\xfe", "\ufffd\ufffd"},
		{"cut sequence", "a\xf0\x9f\x98", "a\ufffd\ufffd\ufffd"},
		{"continuation alone", "\x80", "\ufffd"},
		{"overlong NUL", "\xc0\x80", "\ufffd\ufffd"},
		{"overlong slash", "\xe0\x80\xaf", "\ufffd\ufffd\ufffd"},
		{"lone surrogate", "\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
		{"beyond Unicode", "\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
		{"Latin-1", "caf\xe9", "caf\ufffd"},
	} {
		require.Equal(t, c.want, channel.Clean(c.in), c.name)
	}
}

func TestCleanDoesNotAllocateForCleanText(t *testing.T) {
	text := strings.Repeat("hé 😀 ", 100)
	require.Zero(t, testing.AllocsPerRun(10, func() { channel.Clean(text) }))
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\x00", "\xff", "\xed\xa0\x80", "\xc0\x80", "\ufeff\ufffd😀", "e\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := channel.Clean(s)
		require.True(t, utf8.ValidString(got))
		require.NotContains(t, got, "\x00")
		require.Equal(t, got, channel.Clean(got), "idempotent")
		require.Equal(t, utf8.RuneCountInString(s), utf8.RuneCountInString(got), "one character for each")
		if utf8.ValidString(s) {
			require.Equal(t, strings.ReplaceAll(s, "\x00", "\ufffd"), got)
		}
	})
}

func BenchmarkClean(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"clean", strings.Repeat("Hello, wörld. ", 10)},
		{"dirty", strings.Repeat("Hello, w\xf6rld. ", 10)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				channel.Clean(c.text)
			}
		})
	}
}

func ExampleClean() {
	fmt.Println(channel.Clean("caf\xe9\x00"))
	// Output: caf��
}
