package sms_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/stretchr/testify/require"
)

func newKeywords(t testing.TB, c sms.KeywordConfig) *sms.Keywords {
	t.Helper()
	k, err := sms.NewKeywords(c)
	require.NoError(t, err)
	return k
}

func TestKeywordsReference(t *testing.T) {
	t.Parallel()
	var f struct {
		Sources map[string][]string
		Cases   []struct{ Text, Is string } `json:"message_cases"`
	}
	readTestdata(t, "consent_keywords.json", &f)
	var k sms.Keywords
	meanings := map[string]channel.Consent{"opt-out": channel.OptOut, "opt-in": channel.OptIn, "help": channel.Help}
	require.NotEmpty(t, f.Cases)
	for _, c := range f.Cases {
		require.Equal(t, meanings[c.Is], k.Meaning(c.Text), c.Text)
		require.Equal(t, c.Is == "opt-out-plain-language", k.Suspect(c.Text), c.Text)
	}
	french := newKeywords(t, sms.KeywordConfig{Languages: []string{"fr-CA"}})
	for source, words := range f.Sources {
		for _, w := range words {
			switch {
			case strings.Contains(source, "opt_in"):
				require.Equal(t, channel.OptIn, k.Meaning(w), w)
			case strings.Contains(source, "help"):
				require.Equal(t, channel.Help, k.Meaning(w), w)
			case strings.Contains(source, "french"):
				require.Equal(t, channel.OptOut, french.Meaning(w), w)
			case w == "please opt me out": // plain language, for a person
				require.True(t, k.Suspect(w), w)
			default:
				require.Equal(t, channel.OptOut, k.Meaning(w), "%s: %s", source, w)
			}
		}
	}
}

func TestKeywordsFolding(t *testing.T) { // F70, F76, F80
	t.Parallel()
	var k *sms.Keywords // a nil pointer knows English
	for text, want := range map[string]channel.Consent{
		"STOP":                      channel.OptOut,
		"stop":                      channel.OptOut,
		" \t\r\nStop! \n":           channel.OptOut,
		"\u00a0STOP\u3000":          channel.OptOut,
		"“STOP”":                    channel.OptOut,
		"STOP\u200b\ufeff":          channel.OptOut,
		"STOP\ufffd":                channel.OptOut, // a NUL, cleaned (F132)
		"STOP\xff":                  channel.OptOut,
		"STOP 🛑":                    channel.OptOut,
		"S.T.O.P.":                  channel.OptOut,
		"S T O P":                   channel.OptOut,
		"ＳＴＯＰ！":                     channel.OptOut,
		"𝐒𝐓𝐎𝐏":                      channel.OptOut,
		"𝓼𝓽𝓸𝓹":                      channel.OptOut,
		"Ⓢⓣⓞⓟ":                      channel.OptOut,
		"ştöp":                      channel.OptOut,
		"sto\u0301p":                channel.OptOut,
		"ſtop":                      channel.OptOut,
		"opt-out":                   channel.OptOut,
		"Opt Out.":                  channel.OptOut,
		"opt_out":                   channel.OptOut,
		"OPTOUT":                    channel.OptOut,
		"stop all":                  channel.OptOut,
		"un-subscribe":              channel.OptOut,
		"Start":                     channel.OptIn,
		"YES!":                      channel.OptIn,
		"unstop":                    channel.OptIn,
		"un stop":                   channel.ConsentNone, // French for "a stop": gaps count for opt-in
		"he\u200blp":                channel.Help,        // zero-width characters are no gap
		"\u200f\u00adINFO\u200e":    channel.Help,
		"help?":                     channel.Help,
		"info":                      channel.Help,
		"":                          channel.ConsentNone,
		"...":                       channel.ConsentNone,
		"🛑":                         channel.ConsentNone,
		"STOP1":                     channel.ConsentNone,
		"stop please":               channel.ConsentNone,
		"stopp":                     channel.ConsentNone,
		"arret":                     channel.ConsentNone, // not without French
		"alto":                      channel.ConsentNone,
		"unsubscribes":              channel.ConsentNone,
		strings.Repeat("stop", 1e4): channel.ConsentNone,
		strings.Repeat(" ", 1e4) + "stop" + strings.Repeat(".", 1e4): channel.OptOut,
	} {
		require.Equal(t, want, k.Meaning(text), "%.40q", text)
	}
}

func TestKeywordsLanguages(t *testing.T) { // F78
	t.Parallel()
	k := newKeywords(t, sms.KeywordConfig{Languages: []string{"fr-CA", "ES", "en"}})
	for text, want := range map[string]channel.Consent{
		"ARRÊT":          channel.OptOut,
		"arrête":         channel.OptOut,
		"arre\u0302te.":  channel.OptOut,
		"ARRETT":         channel.OptOut,
		"Désabonner":     channel.OptOut,
		"désinscription": channel.OptOut,
		"alto":           channel.OptOut,
		"¡Alto!":         channel.OptOut,
		"STOP":           channel.OptOut,
		"aide":           channel.Help,
		"AYUDA":          channel.Help,
		"información":    channel.Help,
		"Débuter":        channel.OptIn,
		"comenzar":       channel.OptIn,
		"oui":            channel.ConsentNone,
		"sí":             channel.ConsentNone,
	} {
		require.Equal(t, want, k.Meaning(text), text)
	}
	word, c := k.Match(" arrête ! ")
	require.Equal(t, "ARRETE", word)
	require.Equal(t, channel.OptOut, c)
	word, c = k.Match("bonjour")
	require.Empty(t, word)
	require.Equal(t, channel.ConsentNone, c)
}

func TestKeywordsOfTheHost(t *testing.T) {
	t.Parallel()
	k := newKeywords(t, sms.KeywordConfig{
		OptOut:  []string{"Kündigen", "Abmelden", "dừng lại", "СТОП"},
		OptIn:   []string{"sign me up"},
		Help:    []string{"C'est quoi?"},
		Suspect: []string{"Keine Nachrichten"},
	})
	for text, want := range map[string]channel.Consent{
		"ABMELDEN!":     channel.OptOut,
		"\u212aUNDIGEN": channel.OptOut, // the kelvin sign
		"dung lai":      channel.OptOut,
		"стоп":          channel.OptOut,
		"Sign me up!":   channel.OptIn,
		"signmeup":      channel.OptIn, // joined is fine, parted further is not
		"si gn me up":   channel.ConsentNone,
		"cest quoi":     channel.Help,
		"STOP":          channel.OptOut,
	} {
		require.Equal(t, want, k.Meaning(text), text)
	}
	require.True(t, k.Suspect("bitte keine Nachrichten mehr"))
	require.False(t, k.Suspect("bitte keine Nachrichtensendung"))
	long := newKeywords(t, sms.KeywordConfig{OptOut: []string{strings.Repeat("ж", 32)}})
	require.Equal(t, channel.OptOut, long.Meaning(strings.Repeat("Ж", 32)))
	require.Equal(t, channel.ConsentNone, long.Meaning(strings.Repeat("Ж", 33)))
	require.Equal(t, channel.ConsentNone, long.Meaning(strings.Repeat("𐐀", 64)))
}

func TestNewKeywordsErrors(t *testing.T) {
	t.Parallel()
	_, err := sms.NewKeywords(sms.KeywordConfig{
		Languages: []string{"xx"},
		OptOut:    []string{"yes", "🛑", ""},
		Help:      []string{strings.Repeat("a", 65)},
		Suspect:   []string{"?!"},
	})
	for _, want := range []string{
		`language "xx"`, `"yes" means both opt_in and opt_out`, `"🛑" must have letters`, `"" must have letters`, "longer than 64", `"?!" has no letter`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestSuspect(t *testing.T) { // F78
	t.Parallel()
	var k sms.Keywords
	for _, text := range []string{
		"please stop texting me", "Stop texting me", "STOP TEXTING", "don't text me again", "Don’t text me", "do not contact me",
		"wrong number, remove me", "please opt me out", "I want to unsubscribe", "how do I opt-out of this", "take me off your list",
		"cancel my subscription", "unsub", "unsub please", "can you unsub me?", "Quit texting me", "do not text me again", "lose my number",
		"I revoke my consent", "stop please", "STOP 1", "stop stop stop", "Please stop.", "leave me alone", "no more texts", "🛑", "🛑🛑", "🛑 texts", "⛔",
		"arrête", "ARRET", "arrête de m'écrire", "Arrêtez de m’envoyer des textos", "ne m'écrivez plus", "désabonnez-moi svp",
		"je ne veux plus recevoir vos messages", "alto", "no mas", "No más", "no más mensajes por favor", "dejen de mandarme mensajes",
		"quiero darme de baja", "número equivocado",
	} {
		require.True(t, k.Suspect(text), text)
	}
	for _, text := range []string{
		"", "   ", "!!!", "bus stop", "Please cancel my Tuesday appointment", "stop", "STOP.", "help", "YES", "the printer stopped sending",
		"Can you stop by at 5 tomorrow?", "my screen won't start", "Mon ordinateur s'arrête tout seul", "Ya no funciona mi internet",
		"mi teléfono deja de funcionar", "the nonstop textings", "I'd like to end my lease", "👍", "unstop", "I'll quit my job", "the end", "don't stop", "in the end it worked",
		"cancel my order", "when does the offer end?", "thanks, no more questions", "help me", "how do I remove men at work from the map",
	} {
		require.False(t, k.Suspect(text), text)
	}
}

// With more than linear work these texts would take longer than the whole suite may.
func TestSuspectIsLinear(t *testing.T) { // F135
	t.Parallel()
	var k sms.Keywords
	for _, unit := range []string{"stop textin ", "x", " ", "🛑", "\u0301", "^ $ "} {
		text := strings.Repeat(unit, 1<<20/len(unit))
		k.Suspect(text)
		k.Meaning(text)
	}
}

func TestMeaningDoesNotAllocate(t *testing.T) {
	var k sms.Keywords
	for _, text := range []string{"STOP", "ＳＴＯＰ", "arrêté", "Hello, my order hasn't come yet", strings.Repeat(" ", 1000)} {
		require.Zero(t, testing.AllocsPerRun(10, func() { k.Meaning(text) }), text)
	}
}

func FuzzKeywords(f *testing.F) {
	for _, s := range []string{"STOP", "opt-out", "ＳＴＯＰ", "arrête!", "un stop", "stop texting me", "🛑", "\xff\x00", "s\u0301top", "ǅ ß İ ı"} {
		f.Add(s)
	}
	k := newKeywords(f, sms.KeywordConfig{Languages: []string{"fr", "es"}})
	f.Fuzz(func(t *testing.T, text string) {
		word, meaning := k.Match(text)
		require.Equal(t, word == "", meaning == channel.ConsentNone)
		require.Equal(t, meaning, k.Meaning(text))
		require.Equal(t, meaning, k.Meaning(" "+text+"\u200b.\n"), "blanks and punctuation around change nothing")
		require.Equal(t, meaning, k.Meaning(channel.Clean(text)), "cleaning changes nothing")
		if meaning != channel.ConsentNone {
			require.Equal(t, meaning, k.Meaning(word))
			require.False(t, k.Suspect(text))
			again, _ := k.Match(word)
			require.Equal(t, word, again)
		}
		if isASCII(text) {
			require.Equal(t, meaning, k.Meaning(strings.ToLower(text)))
			require.Equal(t, meaning == channel.OptOut, asciiOptOut(text))
		}
		k.Suspect(text)
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// asciiOptOut is the rule for opt-out written a second time: only letters and digits count.
func asciiOptOut(text string) bool {
	squeezed := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, text)
	return strings.Contains(" STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT ARRET ARRETE ARRETT ARRETER ARRETEZ STOPPER ANNULER"+
		" QUITTER FIN RESILIER REVOQUER DESABONNER DESABONNEMENT DESINSCRIRE DESINSCRIPTION ALTO PARAR PARE DETENER CANCELAR BAJA"+
		" TERMINAR SALIR REVOCAR DESUSCRIBIR ", " "+squeezed+" ") && squeezed != ""
}

// BenchmarkMeaning has the rule as one would write it plainly beside ours.
func BenchmarkMeaning(b *testing.B) {
	b.Run("keyword, plainly", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			asciiOptOut("STOP")
		}
	})
	for _, c := range []struct{ name, text string }{
		{"ordinary", "Hello, my order hasn't come yet. Can you look into it?"},
		{"long", strings.Repeat("Hello, my order hasn't come yet. ", 50)},
		{"short", "thanks"},
		{"keyword", "STOP"},
		{"accents", "Bonjour, j'ai été débité deux fois"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var k sms.Keywords
			b.ReportAllocs()
			for b.Loop() {
				k.Meaning(c.text)
			}
		})
	}
}

func BenchmarkSuspect(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"160", strings.Repeat("Hello, my order is late. ", 7)[:160]},
		{"64 KiB", strings.Repeat("Hello, my order is late. ", 2622)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var k sms.Keywords
			b.ReportAllocs()
			for b.Loop() {
				k.Suspect(c.text)
			}
		})
	}
}

func BenchmarkNewKeywords(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = sms.NewKeywords(sms.KeywordConfig{Languages: []string{"fr", "es"}})
	}
}
