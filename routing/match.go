package routing

import (
	mathbits "math/bits"
	"slices"
	"sync"
)

// Route returns the decision of the first rule that holds, or one without targets, which passes. Its time grows with
// what the conversation has (the text, labels, attributes) and with the rules that may hold, hardly with those that
// can't; it doesn't allocate. The slices of the decision are shared: read them only.
func (r *Rules) Route(f Facts) Decision { return r.After(Place{}, f) }

// After returns the decision of the first rule behind a place that holds. With the place of a decision whose targets
// have nobody it goes on with the walk; the rules may be of another version by then. Places only grow, so going on
// comes to an end.
func (r *Rules) After(p Place, f Facts) Decision {
	if r == nil {
		return Decision{}
	}
	s := scratches.Get().(*scratch)
	w := walk{r: r, f: &f, s: s}
	i := w.first(p)
	scratches.Put(s)
	if i < 0 {
		return Decision{Version: r.version}
	}
	return r.list[i].decision
}

// walk answers the questions of rules about one conversation. It begins with what the conversation has: each value leads
// to the questions that it answers, and those to the rules that may hold because of it. Only these are looked at.
type walk struct {
	r *Rules
	f *Facts
	s *scratch
}

// scratch is the memory of a walk, used again by later ones.
type scratch struct {
	truth bits     // leaves that hold
	asked bits     // leaves that were dear to answer and are answered
	found bits     // words in the text
	may   bits     // rules that may hold
	text  []byte   // folded
	clock []moment // by zone
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// begin answers all questions but the dear ones.
func (w *walk) begin() {
	s, ix := w.s, &w.r.index
	s.truth = s.truth.cleared(len(ix.leaves))
	s.asked = s.asked.cleared(len(ix.leaves))
	s.found = s.found.cleared(ix.words)
	s.may = append(s.may[:0], w.r.ungated...)
	s.clock = slices.Grow(s.clock[:0], len(ix.zones))[:len(ix.zones)]
	clear(s.clock)
	for _, ask := range ix.used {
		w.answer(ask)
	}
}

// first returns the first rule behind p that holds, as a place in the list, or -1.
func (w *walk) first(p Place) int {
	w.begin()
	from := w.r.behind(p)
	own := w.r.scoped[w.f.Channel]
	handOver := w.f.Cause == CauseHandOver
	for i := from >> 6; i < len(w.s.may); i++ {
		rules := w.r.everywhere[i]
		if own != nil {
			rules |= own[i]
		}
		rules &= w.s.may[i]
		if handOver {
			rules &= w.r.handOver[i]
		}
		if i == from>>6 {
			rules &= ^uint64(0) << (from & 63)
		}
		for ; rules != 0; rules &= rules - 1 {
			if rule := i<<6 + mathbits.TrailingZeros64(rules); w.holds(w.r.entry[rule]) {
				return rule
			}
		}
	}
	return -1
}

// behind returns the first rule of the list that comes after p.
func (r *Rules) behind(p Place) int {
	if p == (Place{}) {
		return 0
	}
	i, found := slices.BinarySearchFunc(r.list, p, func(c compiled, p Place) int { return c.place.Compare(p) })
	if found {
		i++
	}
	return i
}

// holds runs the tests of a rule.
func (w *walk) holds(at int32) bool {
	for at >= 0 {
		t := &w.r.tests[at]
		if w.s.truth.has(t.leaf) || t.dear && w.dear(t.leaf) {
			at = t.yes
		} else {
			at = t.no
		}
	}
	return at == holds
}

// hold notes that questions are answered with yes, and which rules may hold now.
func (w *walk) hold(leaves []int32) {
	for _, id := range leaves {
		w.s.truth.set(id)
		for _, rule := range w.r.index.leaves[id].opens {
			w.s.may.set(rule)
		}
	}
}

// answer answers all questions of a kind.
func (w *walk) answer(ask kind) {
	switch ask {
	case askChannel:
		w.value(ask, w.f.Channel)
	case askSender:
		w.value(ask, w.f.Contact.Address)
	case askSenderPrefix:
		w.senderPrefix()
	case askCountry:
		w.country()
	case askLanguage:
		w.language()
	case askContactLabel:
		w.labels(ask, w.f.Contact.Labels)
	case askConversationLabel:
		w.labels(ask, w.f.Labels)
	case askAttribute:
		w.attributes()
	case askWord:
		w.words()
	default:
		w.direct(ask)
	}
}

// value answers the questions for which a value was asked.
func (w *walk) value(ask kind, v string) { w.hold(w.r.index.values[ask][v]) }

func (w *walk) labels(ask kind, labels []string) {
	for _, l := range labels {
		w.value(ask, l)
	}
}

func (w *walk) senderPrefix() {
	sender := w.f.Contact.Address
	for _, n := range w.r.index.prefixes {
		if n > len(sender) {
			return
		}
		w.value(askSenderPrefix, sender[:n])
	}
}

// country takes small letters too: some hosts write them.
func (w *walk) country() {
	code := w.f.Contact.Country
	if len(code) != 2 {
		return
	}
	upper := [2]byte{upper(code[0]), upper(code[1])}
	w.hold(w.r.index.values[askCountry][string(upper[:])])
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// maxTagBytes is the longest language tag that is looked at; RFC 5646 gives 35 as the longest in practice.
const maxTagBytes = 64

// language asks for the tag and for everything before one of its hyphens. "fr_CA" counts as "fr-CA".
func (w *walk) language() {
	tag := w.f.Contact.Language
	if tag == "" || len(tag) > maxTagBytes {
		return
	}
	var buf [maxTagBytes]byte
	lower := buf[:len(tag)]
	for i := range lower {
		switch c := tag[i]; {
		case c == '-' || c == '_':
			w.hold(w.r.index.values[askLanguage][string(lower[:i])])
			lower[i] = '-'
		case c >= 'A' && c <= 'Z':
			lower[i] = c - 'A' + 'a'
		default:
			lower[i] = c
		}
	}
	w.hold(w.r.index.values[askLanguage][string(lower)])
}

// attributes goes through what the rules ask or through what the contact has, whichever is less.
func (w *walk) attributes() {
	have, asked := w.f.Contact.Attributes, w.r.index.attributes
	if len(asked) < len(have) {
		for name, a := range asked {
			if v, ok := have[name]; ok {
				w.attribute(a, v)
			}
		}
		return
	}
	for name, v := range have {
		if a := asked[name]; a != nil {
			w.attribute(a, v)
		}
	}
}

func (w *walk) attribute(a *attribute, value string) {
	w.hold(a.exists)
	if len(a.values) == 0 {
		return
	}
	end := len(w.s.text) // the text may be there already
	w.s.text = appendFolded(w.s.text, value, maxTextChars)
	w.hold(a.values[string(w.s.text[end:])])
	w.s.text = w.s.text[:end]
}

// words looks for all words in one pass over the text.
func (w *walk) words() {
	w.s.text = appendFolded(w.s.text[:0], w.f.Text, maxTextChars)
	f, at := w.r.index.finder, int32(0)
	for i, c := range w.s.text {
		at = f.next(at, c)
		end := at
		if f.states[at].ends == 0 {
			end = f.states[at].suffix
		}
		for end != 0 {
			w.found(&f.states[end], i+1)
			end = f.states[end].suffix
		}
	}
}

// found notes the words that end in a state and before text[to].
func (w *walk) found(s *state, to int) {
	words := w.r.index.finder.words[s.words : s.words+uint32(s.ends)]
	for i := range words {
		word := &words[i]
		if w.s.found.has(word.id) || !word.counts(w.s.text, to-int(s.depth), to) {
			continue
		}
		w.s.found.set(word.id)
		w.hold(word.leaves)
	}
}

// direct answers the questions that are about numbers and states.
func (w *walk) direct(ask kind) {
	direct := w.r.index.direct[ask]
	for i := range direct {
		if w.directHolds(&w.r.index.leaves[direct[i]]) {
			w.hold(direct[i : i+1])
		}
	}
}

func (w *walk) directHolds(l *leaf) bool {
	switch l.ask {
	case askHandOver:
		return w.f.Cause == CauseHandOver
	case askHours:
		return w.f.Open == l.wants
	case askContact:
		return w.f.Contact.Returning == l.wants
	case askMedia:
		return w.f.Media >= l.from && w.f.Media <= l.to
	case askTime:
		return l.showsTime(w.moment(l.zone))
	default: // askWeekday
		return l.days&(1<<w.moment(l.zone).day) != 0
	}
}

// moment returns what the clock of a zone shows.
func (w *walk) moment(zone int) moment {
	m := &w.s.clock[zone]
	if !m.known {
		*m = momentOf(w.f.At, w.r.index.zones[zone])
	}
	return *m
}

// dear answers a question that takes a call of the caller's or the run of a pattern, once and only when it is needed.
func (w *walk) dear(id int32) bool {
	if w.s.asked.has(id) {
		return false // the answer was no, or truth would have it
	}
	w.s.asked.set(id)
	l := &w.r.index.leaves[id]
	holds := false
	if l.ask == askAvailable {
		holds = w.f.Available != nil && w.f.Available(l.target)
	} else {
		holds = w.mayMatch(l) && l.re.MatchString(firstChars(w.f.Text, maxTextChars))
	}
	if holds {
		w.s.truth.set(id)
	}
	return holds
}

// mayMatch reports whether the text has all that a pattern needs.
func (w *walk) mayMatch(l *leaf) bool {
	for _, id := range l.needs {
		if !w.s.truth.has(id) {
			return false
		}
	}
	return true
}

// firstChars returns the beginning of s, at most n characters.
func firstChars(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
