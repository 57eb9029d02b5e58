package sms

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/livedesk/livedesk-go/channel"
)

// Suspect reports whether a text that isn't a keyword may still revoke consent, so that automatic texts wait until a
// person has looked: "stop texting me", "please remove me", "arrête de m'écrire", "no más", a stop-sign emoji. Any
// reasonable wording revokes consent in the US (47 CFR 64.1200(a)(10)), so no list can be whole; this one prefers a
// look too many over a miss, but leaves "bus stop" and "please cancel my appointment" alone.
//
// The English, French and Spanish phrases always count, whatever languages the words were built for, and so does an
// opt-out word of a language that was not chosen. It is false for every text that [Keywords.Meaning] knows. The cost
// grows with the text: about 3 µs for 160 characters, 1 ms for 64 KiB, and two allocations.
func (k *Keywords) Suspect(text string) bool {
	k = k.orEnglish()
	if k.Meaning(text) != channel.ConsentNone {
		return false
	}
	if everyLanguage().Meaning(text) == channel.OptOut {
		return true
	}
	f := foldPhrase(text)
	if f == "" {
		return false
	}
	f = "^ " + f + " $"
	return shortStop(f) || builtInPhrases().in(f) || k.phrases.in(f)
}

// phraseIndex holds folded phrases by their first word.
type phraseIndex map[string][]string

func (x phraseIndex) add(folded string) {
	word, _, _ := strings.Cut(folded, " ")
	x[word] = append(x[word], folded)
}

// in reports whether one of the phrases stands in a folded text, at word ends.
func (x phraseIndex) in(folded string) bool {
	for rest := folded; rest != "" && len(x) > 0; {
		word, after, _ := strings.Cut(rest, " ")
		for _, p := range x[word] {
			if tail, ok := strings.CutPrefix(rest, p); ok && (tail == "" || tail[0] == ' ') {
				return true
			}
		}
		rest = after
	}
	return false
}

var builtInPhrases = sync.OnceValue(func() phraseIndex {
	x := make(phraseIndex)
	for _, p := range suspectPhrases {
		x.add(p)
	}
	return x
})

// everyLanguage knows the words of all languages, for those that were not chosen.
var everyLanguage = sync.OnceValue(func() *Keywords {
	return mustKeywords(KeywordConfig{Languages: slices.Collect(maps.Keys(wordLists))})
})

// shortStop reports whether the text is STOP with one more word ("stop thanks", "STOP 1"), or STOP again and again.
func shortStop(folded string) bool {
	rest, ok := strings.CutPrefix(folded, "^ STOP ")
	return ok && (strings.Count(rest, " ") == 1 || strings.HasPrefix(rest, "STOP "))
}

// stopSign reports whether an emoji counts as a word in a phrase. All other symbols part words.
func stopSign(r rune) bool { return r == '🛑' || r == '⛔' || r == '🚫' }
