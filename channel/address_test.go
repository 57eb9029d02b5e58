package channel_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/stretchr/testify/require"
)

func TestAddressKind(t *testing.T) {
	t.Parallel()
	for a, want := range map[channel.Address]channel.AddressKind{
		"+14155550123":          channel.KindE164,
		"+1234567":              channel.KindE164,
		"+123456789012345":      channel.KindE164,
		"+123456":               channel.KindOther, // too short
		"+1234567890123456":     channel.KindOther, // too long
		"+04155550123":          channel.KindOther, // no country code begins with 0
		"+1415555012a":          channel.KindOther,
		"+1 415 555 0123":       channel.KindOther,
		"+１４１５５５５０１２３":          channel.KindOther, // full-width digits
		"+":                     channel.KindOther,
		"123":                   channel.KindShortCode,
		"72345":                 channel.KindShortCode,
		"12345678":              channel.KindShortCode,
		"12":                    channel.KindOther,
		"123456789":             channel.KindOther,
		"14155550123":           channel.KindOther,
		"AMAZON":                channel.KindAlphanumeric,
		"a":                     channel.KindAlphanumeric,
		"My Shop-1_&":           channel.KindAlphanumeric,
		"ABCDEFGHIJK":           channel.KindAlphanumeric,
		"ABCDEFGHIJKL":          channel.KindOther,
		"- -":                   channel.KindOther, // no letter
		"Café":                  channel.KindOther,
		"A\nB":                  channel.KindOther,
		"":                      channel.KindOther,
		"anonymous@x":           channel.KindOther,
		"whatsapp:+14155550123": channel.KindOther,
	} {
		require.Equal(t, want, a.Kind(), "%q", string(a))
	}
}

func TestTollFree(t *testing.T) {
	t.Parallel()
	for a, want := range map[channel.Address]bool{
		"+18005550100": true, "+18335550100": true, "+18445550100": true, "+18555550100": true, "+18665550100": true,
		"+18775550100": true, "+18885550100": true, "+18225550100": false, "+14155550100": false, "+1800555010": false,
		"+180055501000": false, "+448005550100": false, "8005550100": false, "+1800555010x": false, "": false,
	} {
		require.Equal(t, want, a.TollFree(), "%q", string(a))
	}
}

func TestAddressMasksItselfInLogs(t *testing.T) { // F138
	t.Parallel()
	for a, want := range map[channel.Address]string{
		"+14155550123":          "…0123",
		"72345":                 "72345",
		"AMAZON":                "AMAZON",
		"":                      "",
		"whatsapp:+14155550123": "…(21 bytes)",
		"+1415\nlevel=ERROR":    "…(17 bytes)",
		"14155550123":           "…(11 bytes)",
	} {
		require.Equal(t, want, a.Masked(), "%q", string(a))
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Info("text_in", "from", a)
		require.Contains(t, b.String(), `"from":"`+want+`"`)
		require.NotContains(t, b.String(), "4155550")
		require.Equal(t, 1, strings.Count(b.String(), "\n"))
	}
}

func TestAddressKindDoesNotAllocate(t *testing.T) {
	for _, a := range []channel.Address{"+14155550123", "72345", "AMAZON", "whatsapp:+14155550123"} {
		var kind channel.AddressKind
		require.Zero(t, testing.AllocsPerRun(10, func() { kind = a.Kind() }))
		require.Equal(t, a.Kind(), kind)
	}
}

var addressPatterns = map[channel.AddressKind]*regexp.Regexp{
	channel.KindE164:         regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`),
	channel.KindShortCode:    regexp.MustCompile(`^[0-9]{3,8}$`),
	channel.KindAlphanumeric: regexp.MustCompile(`^[A-Za-z0-9 _&-][A-Za-z0-9 +_&-]{0,10}$`),
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"+14155550123", "72345", "AMAZON", "", "+0123456", "A\nB", "+\xff", "whatsapp:+14155550123", "+123456789012345"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := channel.Address(s)
		want := channel.KindOther
		for k, p := range addressPatterns {
			if p.MatchString(s) && (k != channel.KindAlphanumeric || strings.ContainsFunc(s, asciiLetter)) {
				want = k
			}
		}
		require.Equal(t, want, a.Kind())
		m := a.Masked()
		require.Equal(t, m, a.LogValue().String())
		require.NotContains(t, m, "\n")
		switch a.Kind() {
		case channel.KindE164:
			require.Equal(t, "…"+s[len(s)-4:], m)
		case channel.KindOther:
			require.True(t, s == "" || m == fmt.Sprintf("…(%d bytes)", len(s)))
		}
	})
}

func asciiLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func BenchmarkAddressKind(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		channel.Address("+14155550123").Kind()
	}
}

func ExampleAddress() {
	a := channel.Address("+14155550123")
	fmt.Println(a.Kind(), a.Masked())
	// Output: e164 …0123
}
