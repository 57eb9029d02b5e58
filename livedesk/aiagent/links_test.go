package aiagent_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/aiagent"
)

var allowed = aiagent.LinkConfig{
	Domains: []string{"Example.com", "bücher.example"}, Emails: []string{"bella@mail.test"}, Numbers: []string{"+14155550123", "+33142685300"},
}

func review(t *testing.T, cfg aiagent.LinkConfig, text string, customer ...string) (string, error) {
	t.Helper()
	p, err := aiagent.NewLinkPolicy(cfg)
	require.NoError(t, err)
	turn := livedesk.Turn{}
	for _, c := range customer {
		turn.Transcript = append(turn.Transcript, livedesk.Line{By: livedesk.ActorCustomer, Text: c})
	}
	turn.Transcript = append(turn.Transcript, livedesk.Line{By: livedesk.ActorAI, Text: "call 2025550199"})
	return p.Review(t.Context(), turn, livedesk.Answer{Text: text})
}

func TestLinkPolicyLetsPass(t *testing.T) { // FAULTS 162
	t.Parallel()
	for _, text := range []string{
		"", "Hello! We're open.", "See https://www.example.com/help?q=12345678901#x.", "HTTP://EXAMPLE.COM", "at example.com, or shop.example.com.",
		"Write to info@example.com or bella@mail.test", "mailto:bella@mail.test", "https://bücher.example/x", "https://bu\u0308cher.example/x",
		"Call +1 (415) 555-0123 or 415 555 0123.", "Appelez le 01 42 68 53 00 ou 00 33 1 42 68 53 00.", "tel:+14155550123",
		"On 2026-11-27 from 9.30-17.30", "le 27/11/2026, 9h30-17h30", "27.11.2026 09.00 - 18.00", "It costs 1,250.00 euros, 3 of 10.",
		"Done.The rest is ready...Thanks.Yours", "Text STOP to 72345, call 911", "5 to 7, 10 to 12, 14 to 16", "version 2.0.1", "e.g. this, i.e. that",
		"polka dot dress", "meet at (the) bar",
	} {
		got, err := review(t, allowed, text)
		require.NoError(t, err, text)
		require.Equal(t, text, got)
	}
	got, err := review(t, allowed, "Order 2025550199 is on its way.", "where is my order ２０２-555 0199 ?")
	require.NoError(t, err)
	require.Equal(t, "Order 2025550199 is on its way.", got, "the customer wrote it")
}

func TestLinkPolicyHolds(t *testing.T) { // FAULTS 162
	t.Parallel()
	for _, text := range []string{
		// Links.
		"https://evil.test/x", "evil.com", "go to EVIL.COM now", "evil.com/pay", "www.evil.co.uk", "ftp://example.com", "javascript://example.com/%0aalert(1)",
		"https://example.com.evil.com", "https://notexample.com", "https://example.com@evil.com", "https://evil.com/example.com", "https://evil.com#example.com",
		"https://example.com\\@evil.com", "https:\\\\evil.com", "http://2130706433/", "http://127.0.0.1", "http://[::1]/", "1.2.3.4/x", "https://x:y@example.com/",
		"intent://evil#Intent", "hxxps://evil.com", "[pay](https://evil.com)", "<https://evil.com>", "example.com evil.com", "bit.ly/abc", "https://xn--80ak6aa92e.com",
		// In Unicode's clothes.
		"ｅｖｉｌ．ｃｏｍ", "evil。com", "evil｡com", "evil\u200b.com", "e\u00advil.c\u200dom", "evil․com", "𝐞𝐯𝐢𝐥.𝐜𝐨𝐦", "ⓔⓥⓘⓛ.com", "https://ехаmple.com", "evil\u2060.\u2060com",
		"\u202emoc.live evil.com", "evil\ufe0f.com", "https：//evil.test", "exаmple.com",
		// For people to put together.
		"evil (dot) com", "evil[.]com", "evil dot com", "evil . com", "evil {dot} net", "evil(.)com", "me [at] evil.test",
		// Addresses.
		"x@evil.com", "mailto:x@evil.com", "x@example.com.evil.com", "info@example.com@evil.com", "x＠evil.com", "bella (at) mail.test",
		// Numbers.
		"+1 202 555 0199", "call 202-555-0199", "(202) 555.0199", "2025550199", "+44 20 7946 0958", "555-0199", "٢٠٢٥٥٥٠١٩٩", "２０２５５５０１９９", "2 0 2 5 5 5 0 1 9 9",
		"202\u200b555\u200b0199", "202–555–0199", "202·555·0199", "tel:112", "sms:72345", "+2025550123", "+415 555 0123", "01.42.68.53.01", "202 555 0199 9.30-17.30",
	} {
		got, err := review(t, allowed, text, "call me: 2025550100")
		held := new(livedesk.HeldError)
		require.ErrorAs(t, err, &held, text)
		require.Empty(t, got)
		require.Contains(t, held.Reason, "that isn't allowed", text)
		require.NotContains(t, held.Reason, "evil")
	}
	_, err := review(t, aiagent.LinkConfig{}, "See example.com")
	require.Error(t, err, "the zero value lets nothing pass")
}

func TestLinkPolicyTakesOut(t *testing.T) { // FAULTS 162
	t.Parallel()
	cfg := allowed
	cfg.Instead = "[…]"
	for text, want := range map[string]string{
		"Pay at https://evil.test/x, then write to x@evil.com or call 202-555-0199!": "Pay at […], then write to […] or call […]!",
		"Zoë, see ｅｖｉｌ．ｃｏｍ and example.com":                                          "Zoë, see […] and example.com",
		"évil\u200b.com": "[…]",
		"nothing here":   "nothing here",
		"ﬁ ﬃ evil.com ﬁ": "ﬁ ﬃ […] ﬁ",
		"evil (dot) com": "[…]",
		"2025550199":     "[…]",
	} {
		got, err := review(t, cfg, text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestLinkPolicyIsChecked(t *testing.T) {
	t.Parallel()
	_, err := aiagent.NewLinkPolicy(aiagent.LinkConfig{
		Domains: []string{"example.com", "https://example.com", "com", ""}, Emails: []string{"x"}, Numbers: []string{"4155550123"}, Instead: "evil.com",
	})
	var fields []string
	for _, f := range livedesk.FieldErrors(err) {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{"Domains[1]", "Domains[2]", "Domains[3]", "Emails[0]", "Numbers[0]", "Instead"}, fields)
}

// Whatever the text, what is left after taking out holds nothing that would be held.
func FuzzLinkPolicy(f *testing.F) {
	for _, s := range []string{"see evil.com", "ｅｖｉｌ．ｃｏｍ", "202-555 0199", "a\xff.com", "evil (dot) com", "ﬁ.com", strings.Repeat("1 ", 40), "x@y.com@z.com"} {
		f.Add(s)
	}
	hold, err := aiagent.NewLinkPolicy(aiagent.LinkConfig{Domains: []string{"example.com"}})
	if err != nil {
		f.Fatal(err)
	}
	strip, err := aiagent.NewLinkPolicy(aiagent.LinkConfig{Domains: []string{"example.com"}, Instead: " … "})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := livedesk.Answer{Text: text}
		kept, err := hold.Review(t.Context(), livedesk.Turn{}, a)
		if err == nil && kept != text {
			t.Fatalf("changed to %q", kept)
		}
		out, stripErr := strip.Review(t.Context(), livedesk.Turn{}, a)
		if stripErr != nil || err == nil && out != text {
			t.Fatalf("stripped to %q, %v", out, stripErr)
		}
	})
}
