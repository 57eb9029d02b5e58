package sms

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
)

// Keywords finds the texts that ask for consent or for help with one word: STOP, START, HELP and their kin. The zero
// value, and a nil pointer, know the English words; [NewKeywords] adds languages and words. It never changes after
// that and is safe for concurrent use.
//
// A keyword is the whole text. Case, accents, full-width and other styled letters, blanks at both ends, punctuation
// and emoji don't count: "STOP.", "Stop!", "ＳＴＯＰ" and "arrêt" are the words themselves. Gaps inside don't count for
// opt-out ("opt-out", "OPT OUT", "S.T.O.P."), where a miss is worse than a false hit (CTIA 2023, 5.1.3); opt-in and
// help words must stand as they are listed, so that "un stop" is no UNSTOP.
//
//	English  opt-out STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT (47 CFR 64.1200(a)(10), Twilio's defaults),
//	         opt-in START YES UNSTOP, help HELP INFO
//	French   opt-out ARRET ARRETE ARRETT ARRETER ARRETEZ STOPPER ANNULER QUITTER FIN RESILIER REVOQUER DESABONNER
//	         DESABONNEMENT DESINSCRIRE DESINSCRIPTION, opt-in COMMENCER DEBUTER REPRENDRE, help AIDE
//	Spanish  opt-out ALTO PARAR PARE DETENER CANCELAR BAJA TERMINAR FIN SALIR REVOCAR DESUSCRIBIR, opt-in COMENZAR
//	         EMPEZAR INICIAR REANUDAR, help AYUDA INFORMACION
//
// OUI and SI are no opt-in words: people answer questions with them, and no carrier lifts a block for them. For YES
// and START it is the engine that tells an answer from an opt-in.
type Keywords struct {
	lists   [][]keyword // of words that begin with the same byte; the first is empty
	first   [256]uint8  // which of them, by that byte. A look into a map takes longer than all the rest
	reach   [256]uint8  // bytes of the longest key, by its first byte: how far a text is read
	phrases phraseIndex // of the host; see Suspect
}

type keyword struct {
	key     string // folded, without gaps
	word    string // as listed, folded, with its gaps
	gaps    int
	consent channel.Consent
}

// find returns the keyword with this key, nil where there is none.
func (k *Keywords) find(key []byte) *keyword {
	if len(key) == 0 {
		return nil
	}
	list := k.lists[k.first[key[0]]]
	for i := range list {
		if list[i].key == string(key) {
			return &list[i]
		}
	}
	return nil
}

func (k *Keywords) insert(w keyword) {
	i := &k.first[w.key[0]]
	if *i == 0 {
		*i = uint8(len(k.lists)) // UTF-8 has fewer first bytes
		k.lists = append(k.lists, nil)
	}
	k.lists[*i] = append(k.lists[*i], w)
}

// KeywordConfig is what [NewKeywords] is built with. The zero value means the English words.
type KeywordConfig struct {
	// Languages are BCP 47 tags of word lists beside the English one, which always counts: "fr", "es", with any region
	// ("fr-CA"). "en" is allowed and changes nothing.
	Languages []string
	// OptOut, OptIn and Help are further words of the host, of at most 64 bytes each when folded.
	OptOut, OptIn, Help []string
	// Suspect are further phrases for [Keywords.Suspect]. They count anywhere in a text, at word ends.
	Suspect []string
}

// maxKeywordBytes is the longest keyword; the compare buffer lives on the stack.
const maxKeywordBytes = 64

// NewKeywords returns the words of the languages and of the host. Nothing that is built in can be taken away: carriers
// block on the English words whatever the host thinks of them.
//
// The error joins every problem: a language without a list, a word without a letter or digit or with a stop-sign
// emoji, one that is too long, one with two meanings. It costs some 20 µs; keep the result.
func NewKeywords(c KeywordConfig) (*Keywords, error) {
	k := &Keywords{lists: make([][]keyword, 1), phrases: make(phraseIndex)}
	lists := []wordList{wordLists["en"]}
	var errs []error
	for _, tag := range c.Languages {
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		list, ok := wordLists[base]
		if !ok {
			errs = append(errs, fmt.Errorf("sms: no keywords for language %q, only for %v", tag, slices.Sorted(maps.Keys(wordLists))))
		}
		lists = append(lists, list)
	}
	for _, l := range append(lists, wordList{c.OptOut, c.OptIn, c.Help}) {
		errs = append(errs, k.add(l.optOut, channel.OptOut), k.add(l.optIn, channel.OptIn), k.add(l.help, channel.Help))
	}
	for _, p := range c.Suspect {
		f := foldPhrase(p)
		if f == "" {
			errs = append(errs, fmt.Errorf("sms: phrase %q has no letter", p))
		}
		k.phrases.add(f)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *Keywords) add(words []string, meaning channel.Consent) error {
	var errs []error
	for _, w := range words {
		spaced := foldPhrase(w)
		key := strings.ReplaceAll(spaced, " ", "")
		old := k.find([]byte(key))
		switch {
		case key == "" || strings.ContainsFunc(key, stopSign):
			errs = append(errs, fmt.Errorf("sms: keyword %q must have letters and no emoji", w))
		case len(key) > maxKeywordBytes:
			errs = append(errs, fmt.Errorf("sms: keyword %.16q… is longer than %d bytes", w, maxKeywordBytes))
		case old != nil && old.consent != meaning:
			errs = append(errs, fmt.Errorf("sms: keyword %q means both %s and %s", w, old.consent, meaning))
		default:
			gaps := strings.Count(spaced, " ")
			if old == nil {
				k.insert(keyword{key, spaced, gaps, meaning})
			} else if gaps > old.gaps {
				old.word, old.gaps = spaced, gaps
			}
			k.reach[key[0]] = max(k.reach[key[0]], uint8(len(key)))
		}
	}
	return errors.Join(errs...)
}

// Meaning returns what a text means for consent; [channel.ConsentNone] for all that isn't a keyword. It doesn't
// allocate. It reads no further than the longest keyword reaches, so that an ordinary text takes 10 to 20 ns
// whatever its length; a keyword takes some 40 ns.
func (k *Keywords) Meaning(text string) channel.Consent {
	_, c := k.Match(text)
	return c
}

// Match is [Keywords.Meaning] and also returns the keyword itself, folded ("OPTOUT" for "opt-out."), for the ledger.
// The word is empty where the meaning is [channel.ConsentNone].
func (k *Keywords) Match(text string) (word string, meaning channel.Consent) {
	k = k.orEnglish()
	var buf [maxKeywordBytes + utf8.UTFMax]byte
	n, gaps, gap := 0, 0, false
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r < utf8.RuneSelf {
			r = rune(asciiFolds[r])
		} else {
			r, size = utf8.DecodeRuneInString(text[i:])
			r = fold(r)
		}
		i += size
		if r < 0 {
			gap = gap || r == foldGap && n > 0
			continue
		}
		if gap {
			gap = false
			gaps++
		}
		if r < utf8.RuneSelf {
			buf[n] = byte(r)
			n++
		} else {
			n += utf8.EncodeRune(buf[n:], r)
		}
		if n > int(k.reach[buf[0]]) {
			return "", channel.ConsentNone
		}
	}
	w := k.find(buf[:n])
	if w == nil || gaps > w.gaps && w.consent != channel.OptOut {
		return "", channel.ConsentNone
	}
	return w.word, w.consent
}

// asciiFolds is fold for ASCII.
var asciiFolds = func() (t [utf8.RuneSelf]int8) {
	for r := range rune(utf8.RuneSelf) {
		t[r] = int8(foldASCII(r))
	}
	return t
}()

var englishKeywords = sync.OnceValue(func() *Keywords { return mustKeywords(KeywordConfig{}) })

// mustKeywords builds from the built-in lists alone; a mistake in them shows in every test.
func mustKeywords(c KeywordConfig) *Keywords {
	k, err := NewKeywords(c)
	if err != nil {
		panic(err)
	}
	return k
}

func (k *Keywords) orEnglish() *Keywords {
	if k == nil || k.lists == nil {
		return englishKeywords()
	}
	return k
}

// foldPhrase folds a text into words with one blank between them.
func foldPhrase(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	gap := false
	for _, r := range text {
		if !stopSign(r) {
			r = fold(r)
		} else {
			gap = true // a word of its own, however many stand together
		}
		if r < 0 {
			gap = gap || r == foldGap
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = stopSign(r)
		b.WriteRune(r)
	}
	return b.String()
}
