package livedesk

import (
	"cmp"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// The opt-out ledger: who may be written to on a channel, since when, and how it came to that. It is part of the thread's
// row, so it is locked and written with it. This file has what is pure logic.

// ConsentState is the opt-out ledger's present entry for one contact on one channel. The zero value: may be written to.
type ConsentState struct {
	OptedOut bool      `json:"opted_out"`
	Since    time.Time `json:"since,omitzero"`
	Source   string    `json:"source,omitempty"`  // see [ConsentChange]
	Keyword  string    `json:"keyword,omitempty"` // the folded word that did it, at most 32 bytes
}

// MaxConsentHistory is how many changes the ledger keeps of one contact on one channel; of older ones only the number.
const MaxConsentHistory = 64

// What changed a consent: the Source of a [ConsentChange].
const (
	ConsentByKeyword = "keyword"  // a word of the customer's, with its language
	ConsentByType    = "opt_type" // the carrier said what the customer's text means (Twilio's OptOutType)
	ConsentByCarrier = "carrier"  // the carrier refused a text because of an opt-out (21610), with its code
	ConsentByReceipt = "receipt"  // a receipt said so (4775), with the carrier's code
	ConsentByImport  = "import"   // it came from elsewhere, see [Desk.ImportConsents]
	ConsentByAgent   = "agent"    // an agent did it by hand
	ConsentByHost    = "host"     // the host did it by hand
)

// consentSources are all of them.
var consentSources = []string{
	ConsentByKeyword, ConsentByType, ConsentByCarrier, ConsentByReceipt, ConsentByImport, ConsentByAgent, ConsentByHost,
}

// ConsentChange is one change of consent in the ledger.
type ConsentChange struct {
	OptedOut bool      `json:"opted_out"`
	At       time.Time `json:"at"`
	Source   string    `json:"source"`             // ConsentByKeyword and its kin
	Keyword  string    `json:"keyword,omitempty"`  // the folded word that did it, at most 32 bytes
	Language string    `json:"language,omitempty"` // of the channel when the word was read (BCP 47); empty for English
	Code     string    `json:"code,omitempty"`     // the carrier's error code
	By       Actor     `json:"by,omitzero"`        // who did it by hand; else zero
	Cause    string    `json:"cause,omitempty"`    // in the words of who did it by hand, at most 200 bytes
	// From is the channel that it was said on, where that is another one; see [ScopeWorkspace].
	From string `json:"from,omitempty"`
	// Everywhere says that it counts on every channel of the workspace, also on one that is added later.
	Everywhere bool `json:"everywhere,omitempty"`
	// Refused counts the texts that somebody tried to write against this opt-out, and LastRefused is when the last one was.
	Refused     int       `json:"refused,omitempty"`
	LastRefused time.Time `json:"last_refused,omitzero"`
}

// byHand reports whether a person or the host decided it, for reasons that the customer's keywords know nothing of.
func (c ConsentChange) byHand() bool { return c.Source == ConsentByAgent || c.Source == ConsentByHost }

// state is the change as the present entry.
func (c ConsentChange) state() ConsentState {
	return ConsentState{OptedOut: c.OptedOut, Since: c.At, Source: c.Source, Keyword: c.Keyword}
}

// last returns the newest change, or a zero one. A row of an older version of the library has a state without history.
func (t *Thread) last() ConsentChange {
	if n := len(t.ConsentHistory); n > 0 {
		return t.ConsentHistory[n-1]
	}
	s := t.Consent
	return ConsentChange{OptedOut: s.OptedOut, At: s.Since, Source: s.Source, Keyword: s.Keyword}
}

// record puts a change into the ledger at its place in time, and reports whether the ledger is another one after it. The
// newest change is the state; of several at one instant an opt-out. A change that is there already is none.
func (t *Thread) record(c ConsentChange) bool {
	c.At = micro(c.At)
	h := t.ConsentHistory
	if len(h) == 0 && !t.Consent.Since.IsZero() {
		h = []ConsentChange{t.last()}
	}
	at, found := slices.BinarySearchFunc(h, c, compareChanges)
	switch {
	case found:
		return false
	case at == 0 && len(h) >= MaxConsentHistory: // older than all that is kept: maybe one of those that were dropped
		return false
	}
	h = slices.Insert(slices.Clone(h), at, c)
	if n := len(h) - MaxConsentHistory; n > 0 {
		h, t.ConsentDropped = h[n:], t.ConsentDropped+n
	}
	t.ConsentHistory, t.Consent = h, h[len(h)-1].state()
	return true
}

// compareChanges orders changes by time, and of one instant an opt-in before an opt-out.
func compareChanges(a, b ConsentChange) int {
	return cmp.Or(a.At.Compare(b.At), one(a.OptedOut)-one(b.OptedOut))
}

// at returns the newest change that was made up to an instant; zero where there was none, or none is kept.
func (t *Thread) at(when time.Time) ConsentChange {
	for _, c := range slices.Backward(t.ConsentHistory) {
		if !c.At.After(when) {
			return c
		}
	}
	return ConsentChange{}
}

// lifts reports whether a change of consent counts over the newest one. START lifts what STOP, the carrier or an import set,
// and never what a person decided by hand; that takes a person (or the host) again. An opt-out by hand counts over one that
// START would lift.
func (c ConsentChange) lifts(last ConsentChange) bool {
	if c.OptedOut == last.OptedOut {
		return c.OptedOut && c.byHand() && !last.byHand()
	}
	return c.OptedOut || c.byHand() || !last.byHand()
}

// sourceOf is the source of what somebody does by hand.
func sourceOf(by Actor) string {
	if by.Kind == ActorAgent {
		return ConsentByAgent
	}
	return ConsentByHost
}

// meant is the change that a customer's text makes.
func meant(meaning channel.Consent, word, language, source string, at time.Time) ConsentChange {
	c := ConsentChange{OptedOut: meaning == channel.OptOut, At: at, Source: source}
	if word != "" {
		c.Keyword, c.Language = truncate(word, 32), language
	}
	return c
}

// amend replaces the newest change.
func (t *Thread) amend(c ConsentChange) {
	if len(t.ConsentHistory) == 0 {
		t.ConsentHistory = []ConsentChange{c}
		return
	}
	t.ConsentHistory = slices.Clone(t.ConsentHistory)
	t.ConsentHistory[len(t.ConsentHistory)-1] = c
}
