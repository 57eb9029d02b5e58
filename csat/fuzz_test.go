package csat_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/csat"
)

func FuzzParse(f *testing.F) {
	for _, c := range ratings {
		f.Add(c.language, c.text)
	}
	for _, c := range messages {
		f.Add(c.language, c.text)
	}
	f.Fuzz(func(t *testing.T, language, text string) {
		got, ok := csat.Parse(language, text)
		if !ok {
			if got != (csat.Reply{}) {
				t.Fatalf("a message has a reply: %+v", got)
			}
			return
		}
		if got.Rating < 1 || got.Rating > 5 {
			t.Fatalf("rating %d", got.Rating)
		}
		if !strings.Contains(text, got.Comment) {
			t.Fatalf("comment %q isn't part of the text", got.Comment)
		}
		if strings.ContainsFunc(got.Comment, unicode.IsDigit) {
			t.Fatalf("comment %q has a digit", got.Comment)
		}
		if utf8.ValidString(text) && strings.TrimSpace(got.Comment) != got.Comment {
			t.Fatalf("comment %q has blanks around it", got.Comment)
		}
		// Written plainly, a reply reads as itself, in every language.
		plain := strconv.Itoa(got.Rating) + ". " + got.Comment
		for _, l := range append(csat.Languages(), language) {
			if again, ok := csat.Parse(l, plain); !ok || again != got {
				t.Fatalf("%q read %+v, then %q read %+v, %v", text, got, plain, again, ok)
			}
		}
		if again, ok := csat.Parse(language, "\u200f "+text+"\n"); !ok || again != got {
			t.Fatalf("blanks around %q change it to %+v, %v", text, again, ok)
		}
	})
}

func FuzzSafeCell(f *testing.F) {
	for _, s := range []string{"", "=1+1", " =1", "\t=1", "-", "@a", "+1", "＝1", "a=1", "'=", "\x00=", "\xff=", "\u200e=1", "\r\n="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := csat.SafeCell(s)
		if csat.SafeCell(got) != got {
			t.Fatalf("%q is mended twice", s)
		}
		if !utf8.ValidString(got) || strings.ContainsRune(got, 0) {
			t.Fatalf("%q is no text", got)
		}
		if trimmed := strings.TrimSpace(got); trimmed != "" && strings.ContainsAny(trimmed[:1], "=+-@") {
			t.Fatalf("%q is a formula", got)
		}
	})
}

func FuzzSurveyJSON(f *testing.F) {
	f.Add([]byte(`{"enabled":true,"mode":"link","question":"{{link}}","window_seconds":60,"words":{"top":5}}`))
	f.Add([]byte(`{"window_seconds":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s csat.Survey
		if s.UnmarshalJSON(b) != nil || s.Validate() != nil {
			return
		}
		out, err := s.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var again csat.Survey
		if err := again.UnmarshalJSON(out); err != nil {
			t.Fatal(err)
		}
		out2, _ := again.MarshalJSON()
		if string(out) != string(out2) {
			t.Fatalf("%s became %s", out, out2)
		}
		s.Parse(string(b))
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add("")
	f.Add(csat.NewToken().Reveal())
	f.Fuzz(func(t *testing.T, s string) {
		if token, ok := csat.ParseToken(s); ok && token.Reveal() != s {
			t.Fatal("a token is not what was read")
		}
	})
}
