package csat_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/csat"
)

// ratings has, for each sentence of the grammar, texts that are a rating. F156 and F92 are among them.
var ratings = []struct {
	language, text string
	rating         int
	comment        string
}{
	// 1 to 5 alone
	{"en", "1", 1, ""}, {"en", "2", 2, ""}, {"en", "3", 3, ""}, {"en", "4", 4, ""}, {"en", "5", 5, ""},
	{"en", " 5 ", 5, ""}, {"en", "\n5\r\n", 5, ""}, {"en", "5.", 5, ""}, {"en", "5!!!", 5, ""}, {"en", "5 !", 5, ""},
	{"", "5", 5, ""}, {"ja", "5", 5, ""}, {"en", "\u200f5\u200e", 5, ""}, {"en", "\ufeff4", 4, ""},
	{"en", `"5"`, 5, ""}, {"en", "“4”", 4, ""}, {"fr", "« 3 »", 3, ""}, {"de", "„3“", 3, ""}, {"de", "»3«", 3, ""},
	{"en", "‘3’", 3, ""}, {"en", "'3' ok", 3, "ok"}, {"en", "[3]", 3, ""}, {"en", "(2)", 2, ""}, {"en", "\u20665\u2069", 5, ""}, {"en", "5)", 5, ""},
	// out of five
	{"en", "4/5", 4, ""}, {"en", "5/5", 5, ""}, {"en", "4 / 5", 4, ""}, {"en", "4/5 thanks", 4, "thanks"},
	{"en", "1/5: rude", 1, "rude"}, {"en", "4 out of 5", 4, ""}, {"en", "four out of five!", 4, ""},
	{"en", "4  OUT OF  5, ok", 4, "ok"}, {"en", "3 of 5", 3, ""}, {"fr", "4 sur 5", 4, ""}, {"fr", "cinq sur cinq", 5, ""},
	{"fr", "un sur cinq", 1, ""}, {"es", "4 de 5", 4, ""}, {"es", "cuatro sobre cinco", 4, ""}, {"de", "4 von 5", 4, ""},
	{"it", "quattro su cinque", 4, ""}, {"pt", "4 em 5", 4, ""}, {"pt", "um de cinco", 1, ""}, {"nl", "4 van de 5", 4, ""},
	{"nl", "vier op vijf", 4, ""}, {"en", "5️⃣/5️⃣", 5, ""}, {"en", "4／5", 4, ""},
	// keycap emoji
	{"en", "1️⃣", 1, ""}, {"en", "5️⃣", 5, ""}, {"en", "5\u20e3", 5, ""}, {"en", "3️⃣ meh", 3, "meh"}, {"en", "4️⃣👍", 4, "👍"},
	{"en", "④", 4, ""}, {"en", "❺", 5, ""}, {"en", "➀", 1, ""}, {"en", "➎", 5, ""},
	// number words of the language
	{"en", "one", 1, ""}, {"en", "Two", 2, ""}, {"en", "THREE", 3, ""}, {"en", " four ", 4, ""}, {"en", " five ", 5, ""},
	{"en-GB", "ｆｉｖｅ", 5, ""}, {"EN", "five.", 5, ""}, {"", "five", 5, ""},
	{"fr", "un", 1, ""}, {"fr", "Une", 1, ""}, {"fr", "deux", 2, ""}, {"fr-CA", "trois", 3, ""}, {"fr", "Quatre", 4, ""},
	{"fr", "CINQ", 5, ""}, {"es", "uno", 1, ""}, {"es", "una", 1, ""}, {"es", "dos", 2, ""}, {"es", "tres", 3, ""},
	{"es-MX", "cuatro", 4, ""}, {"es", "cinco", 5, ""}, {"de", "eins", 1, ""}, {"de", "ein", 1, ""}, {"de", "zwei", 2, ""},
	{"de", "zwo", 2, ""}, {"de", "drei", 3, ""}, {"de", "vier", 4, ""}, {"de", "fünf", 5, ""}, {"de", "FÜNF", 5, ""},
	{"de", "fu\u0308nf", 5, ""}, {"de", "fuenf", 5, ""}, {"de", "funf", 5, ""}, {"it", "uno", 1, ""}, {"it", "due", 2, ""},
	{"it", "tre", 3, ""}, {"it", "quattro", 4, ""}, {"it", "cinque", 5, ""}, {"pt", "um", 1, ""}, {"pt", "uma", 1, ""},
	{"pt", "dois", 2, ""}, {"pt", "duas", 2, ""}, {"pt-BR", "três", 3, ""}, {"pt", "tre\u0302s", 3, ""}, {"pt", "quatro", 4, ""},
	{"pt", "cinco", 5, ""}, {"nl", "één", 1, ""}, {"nl", "een", 1, ""}, {"nl", "twee", 2, ""}, {"nl", "drie", 3, ""},
	{"nl", "vier", 4, ""}, {"nl", "vijf", 5, ""},
	// digits of other scripts
	{"ar", "٥", 5, ""}, {"fa", "۴", 4, ""}, {"hi", "३", 3, ""}, {"th", "๒", 2, ""}, {"bn", "৫", 5, ""}, {"ja", "５", 5, ""},
	{"en", "𝟓", 5, ""}, {"ar", "٤/٥", 4, ""}, {"ar", "٥ شكرا", 5, "شكرا"}, {"ar", "٥، شكرا", 5, "شكرا"},
	// followed by a space, punctuation or emoji and a rest without any digit
	{"en", "5 thanks", 5, "thanks"}, {"en", "5 but slow", 5, "but slow"}, {"en", "5, but slow", 5, "but slow"},
	{"en", "5 - slow", 5, "slow"}, {"en", "5 \u2014 slow", 5, "slow"}, {"en", "5-slow", 5, "slow"}, {"en", "2: nobody called", 2, "nobody called"},
	{"en", "1.\nNever again.", 1, "Never again."}, {"en", "5...great", 5, "great"}, {"en", "5.Great", 5, "Great"}, {"en", "5,thx", 5, "thx"}, {"en", "4) fine", 4, "fine"},
	{"en", "5😀", 5, "😀"}, {"en", "5 😀 thanks", 5, "😀 thanks"}, {"en", "1 👎🏽", 1, "👎🏽"}, {"en", "5 :)", 5, ":)"},
	{"en", "2 :-( sad", 2, ":-( sad"}, {"en", "5💯", 5, "💯"}, {"en", "5↗", 5, "↗"}, {"en", "5❤️", 5, "❤️"}, {"en", "1⌛", 1, "⌛"}, {"en", "5■", 5, "■"},
	{"en", "5⬆️", 5, "⬆️"}, {"en", "5㊗️", 5, "㊗️"}, {"en", "5+", 5, ""}, {"en", "5 = great", 5, "great"},
	{"en", "five, thank you", 5, "thank you"}, {"en", "five thanks", 5, "thanks"}, {"en", "One. Rude!", 1, "Rude!"},
	{"en", "one terrible", 1, "terrible"}, {"fr", "cinq merci", 5, "merci"}, {"fr", "Un !", 1, ""}, {"fr", "un, nul", 1, "nul"},
	{"de", "eins, leider", 1, "leider"}, {"de", "5 der Service war toll", 5, "der Service war toll"}, {"en", `"5" great`, 5, "great"},
	{"en", `"5 but slow"`, 5, "but slow"}, {"en", "5 (slow)", 5, "(slow)"}, {"en", "5 don't change", 5, "don't change"},
	// stars and points belong to the rating
	{"en", "5 stars", 5, ""}, {"en", "1 star, awful", 1, "awful"}, {"en", "five-star service", 5, "service"},
	{"en", "5⭐", 5, ""}, {"en", "4 ⭐⭐⭐⭐ nice", 4, "nice"}, {"fr", "5 étoiles", 5, ""}, {"fr", "une étoile", 1, ""},
	{"de", "ein Stern", 1, ""}, {"de", "4 Sterne!", 4, ""}, {"nl", "vijf sterren", 5, ""}, {"it", "una stella", 1, ""},
	{"es", "cinco estrellas", 5, ""}, {"pt", "uma estrela", 1, ""}, {"en", "⭐⭐⭐⭐", 4, ""}, {"en", "★★★☆☆", 3, ""},
	{"en", "★☆☆☆☆", 1, ""}, {"en", "🌟🌟🌟🌟🌟 great", 5, "great"}, {"en", "⭐️⭐️", 2, ""},
}

func TestParseRatings(t *testing.T) {
	t.Parallel()
	for _, c := range ratings {
		got, ok := csat.Parse(c.language, c.text)
		require.True(t, ok, "%s %q", c.language, c.text)
		require.Equal(t, csat.Reply{Rating: c.rating, Comment: c.comment}, got, "%s %q", c.language, c.text)
	}
}

// messages has texts that are no rating, with the language in which they might look like one.
var messages = []struct{ language, text string }{
	{"en", ""}, {"en", "   "}, {"en", "\u200f"}, {"en", "hello"}, {"en", "."}, {"en", "\xff"}, {"en", "5\xff"},
	// those that the rule names
	{"en", "4:30 works"}, {"en", "2,500 euros"}, {"en", "55"}, {"en", "10"}, {"en", "0"}, {"en", "-1"},
	// out of range
	{"en", "6"}, {"en", "9"}, {"en", "00"}, {"en", "05"}, {"en", "0/5"}, {"en", "6/5"}, {"en", "0️⃣"}, {"en", "🔟"},
	{"en", "1️⃣0️⃣"}, {"ar", "٠"}, {"ar", "٥٥"}, {"ar", "٦"}, {"en", "⑥"}, {"en", "⑩"}, {"en", "Ⅴ"}, {"en", "⁵"}, {"en", "½"},
	// a digit in the rest
	{"en", "4/10"}, {"en", "4.5"}, {"en", "4,5"}, {"en", "5.0"}, {"en", "4-5"}, {"en", "4 or 5"}, {"en", "5 5"}, {"en", "4/5/2026"},
	{"en", "5 call me at 0612345678"}, {"en", "3 see room ٤"}, {"en", "5 m²"}, {"en", "5 of ②"}, {"en", "five 5"}, {"en", "five5"},
	{"en", "5 🔟"}, {"en", "1-5"}, {"en", "2+2"}, {"en", "5½"}, {"en", "4 out of 10"}, {"en", "5 <3"},
	// nothing that ends a rating follows
	{"en", "5th"}, {"en", "5pm"}, {"en", "5min"}, {"en", "5x"}, {"en", "fiver"}, {"en", "onestly"}, {"en", "4you"}, {"en", "5\u0301"},
	{"en", "5€"}, {"en", "5$"}, {"en", "5°"}, {"en", "5'"}, {"en", "5's"}, {"en", "5\" screen"}, {"en", "5@example.com"},
	{"fr", "cinquante"}, {"fr", "une'"}, {"it", "un'altra cosa"}, {"de", "einmal"}, {"de", "vierzig"},
	// something before it
	{"en", ".5"}, {"en", "+5"}, {"en", "#5"}, {"en", "$5"}, {"en", "I give 5"}, {"en", "Rating: 5"}, {"en", "- 5"}, {"en", "(5"},
	{"en", `"5`}, {"en", "v5"},
	// it counts something else
	{"en", "5 minutes late"}, {"en", "5 pm works"}, {"en", "4 p.m. is fine"}, {"en", "5 o'clock"}, {"en", "2 questions"},
	{"en", "one of your agents was rude"}, {"en", "One more thing"}, {"en", "one-time code missing"}, {"en", "three weeks!"},
	{"en", "4 of 5 items missing"}, {"en", "4/5 items missing"}, {"en", "4 out of 5 parcels"}, {"en", "5 %"}, {"en", "5%"}, {"en", "5 €"},
	{"en", "5 $ off?"}, {"fr", "5 heures"}, {"fr", "2 de mes colis"}, {"fr", "deux d'autres"}, {"de", "5 Uhr passt"}, {"es", "5 días"},
	{"it", "due domande"}, {"pt", "três dias"}, {"nl", "vier uur"},
	// an article
	{"fr", "Un grand merci"}, {"fr", "une question"}, {"de", "Ein Problem"}, {"de", "eine Frage"}, {"es", "una pregunta"},
	{"es", "un momento"}, {"it", "uno sconto"}, {"pt", "um abraço"}, {"nl", "een vraag"}, {"nl", "een-op-een"},
	// a word of another language
	{"fr", "five"}, {"en", "cinq"}, {"ja", "five"}, {"de", "cinco"},
	// a single star is praise as often as a rating
	{"en", "⭐"}, {"en", "⭐ thanks"}, {"en", "⭐⭐⭐⭐⭐⭐"}, {"en", "★☆"}, {"en", "☆☆☆☆☆"}, {"en", "★☆★☆★"},
	// consent keywords are never ratings (F82)
	{"en", "STOP"}, {"en", "START"}, {"en", "HELP"}, {"en", "YES"}, {"fr", "ARRET"}, {"en", "STOP 5"},
}

func TestParseMessages(t *testing.T) {
	t.Parallel()
	for _, c := range messages {
		got, ok := csat.Parse(c.language, c.text)
		require.False(t, ok, "%s %q: %+v", c.language, c.text, got)
		require.Zero(t, got, "%s %q", c.language, c.text)
	}
}

// Every decimal digit of Unicode has its value, whatever the script.
func TestParseEveryScript(t *testing.T) {
	t.Parallel()
	digits := 0
	check := func(lo, hi, stride rune) {
		require.EqualValues(t, 1, stride)
		require.Zero(t, (hi-lo+1)%10, "%U", lo)
		for r := lo; r <= hi; r++ {
			want := int(r-lo) % 10
			got, ok := csat.Parse("en", string(r))
			require.Equal(t, want >= 1 && want <= 5, ok, "%U", r)
			if ok {
				require.Equal(t, want, got.Rating, "%U", r)
			}
			_, ok = csat.Parse("en", "5 "+string(r))
			require.False(t, ok, "%U", r)
			digits++
		}
	}
	for _, x := range unicode.Nd.R16 {
		check(rune(x.Lo), rune(x.Hi), rune(x.Stride))
	}
	for _, x := range unicode.Nd.R32 {
		check(rune(x.Lo), rune(x.Hi), rune(x.Stride))
	}
	require.Greater(t, digits, 600)
}

func TestParseHostWords(t *testing.T) {
	t.Parallel()
	s := csat.Survey{Language: "tr", Words: map[string]int{"beş": 5, "Süper": 5, "Отлично": 5, "kötü": 1, "zéro": 0,
		"maçã": 4, "señor": 3, "naïve": 2, "aÿ": 1}}
	for text, want := range map[string]int{"BEŞ": 5, "super!": 5, "отлично": 5, "KOTU": 1, "beş, teşekkürler": 5,
		"MACA": 4, "senor": 3, "NAI\u0308VE": 2, "ay": 1} {
		got, ok := s.Parse(text)
		require.True(t, ok, text)
		require.Equal(t, want, got.Rating, text)
	}
	for _, text := range []string{"superb", "zéro", "five", ""} {
		_, ok := s.Parse(text)
		require.False(t, ok, text)
	}
	got, ok := csat.Survey{Words: map[string]int{"one": 5}}.Parse("one")
	require.True(t, ok)
	require.Equal(t, 5, got.Rating, "the host's words win")
}

// A hostile text costs no more than reading it.
func TestParseLongTexts(t *testing.T) {
	t.Parallel()
	rest := strings.Repeat("a", 1<<20)
	got, ok := csat.Parse("en", "5 "+rest)
	require.True(t, ok)
	require.Equal(t, rest, got.Comment)
	for _, text := range []string{
		strings.Repeat(" ", 1<<20), strings.Repeat("5", 1<<20), strings.Repeat("⭐", 1<<18), "5" + strings.Repeat("\u0301", 1<<18),
		strings.Repeat("(", 1<<20) + "5", "five" + strings.Repeat("\u0301", 1<<18) + "s", "5 " + rest + "5",
	} {
		_, ok := csat.Parse("en", text)
		require.False(t, ok)
	}
	_, ok = csat.Parse("en", "5"+strings.Repeat(".", 1<<20))
	require.True(t, ok)
}

func TestParseDoesNotAllocate(t *testing.T) {
	for _, text := range []string{"Hello, where is my parcel?", "4:30 works", "5 but slow", "Été pourri", "٥", "five-star service", ""} {
		require.Zero(t, testing.AllocsPerRun(100, func() { csat.Parse("fr", text) }), text)
	}
}
