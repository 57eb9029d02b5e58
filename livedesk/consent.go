package livedesk

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// What STOP, START and HELP do, and what the carrier teaches: changes of the ledger in the transaction that stores what made
// them, on one channel or on all.

// ConsentScope is where an opt-out counts.
type ConsentScope string

// The scopes of an opt-out.
const (
	// ScopeChannel means the channel that it was said on.
	ScopeChannel ConsentScope = ""
	// ScopeWorkspace means every channel of the workspace: the contact opts out of all of them in one transaction, which
	// takes back what is queued on each, and a channel that is added later honours it from its first text on. START on
	// any channel of this scope lifts what came with it, everywhere; what was said to one channel alone stays.
	ScopeWorkspace ConsentScope = "workspace"
)

// LabelPossibleOptOut is set on a conversation when the customer wrote something that may revoke consent and is no keyword
// ("please stop texting me", see [sms.Keywords] Suspect). As long as it is there no automatic text goes out and no AI agent
// answers: one that has the conversation hands it over, and what waits to be sent and isn't by a human is taken back
// ([channel.ReasonWithheld]). It goes with the next text of an agent, who has then looked, and can be taken off like any label.
const LabelPossibleOptOut = "possible-opt-out"

// reading is what can be told of a customer's text without the ledger.
type reading struct {
	meaning  channel.Consent
	word     string
	source   string
	suspect  bool // it may revoke consent in other words
	answered bool // the carrier answers it itself
}

// read reads a batch before its transaction: an adapter has a say in it.
func (e *Engine) read(ctx context.Context, batch []arrival) ([]reading, error) {
	out := make([]reading, len(batch))
	wide := false
	for i, a := range batch {
		out[i] = a.channel.read(a.in)
		wide = wide || out[i].changes() && a.channel.wide()
	}
	if !wide {
		return out, nil
	}
	return out, e.snap.refresh(ctx) // a channel that another process added just now counts too
}

func (c *channelInfo) read(in channel.Inbound) reading {
	r := reading{source: ConsentByKeyword}
	r.word, r.meaning = c.keywords.Match(in.Text)
	if in.Consent != channel.ConsentNone && in.Consent != r.meaning {
		r.word, r.meaning = "", in.Consent
	}
	if r.word == "" { // then only the carrier can have said it
		r.source = ConsentByType
	}
	if r.meaning == channel.ConsentNone {
		r.suspect = c.keywords.Suspect(in.Text)
		return r
	}
	r.answered = c.answers(in)
	return r
}

// changes reports whether the text is meant to change a consent.
func (r reading) changes() bool { return r.meaning == channel.OptOut || r.meaning == channel.OptIn }

// answers reports whether the carrier answers a keyword by itself. An adapter that panics is taken to do so: one answer too
// few is better than two.
func (c *channelInfo) answers(in channel.Inbound) (does bool) {
	if c.conn == nil || c.conn.account == nil {
		return true
	}
	defer func() {
		if recover() != nil {
			does = true
		}
	}()
	if a, ok := c.conn.account.(sms.AutoResponder); ok {
		return a.Answers(in)
	}
	return c.conn.traits.ConfirmsOptOut
}

// wide reports whether what is said to the channel counts on all.
func (c *channelInfo) wide() bool { return c.channel.OptOutScope == ScopeWorkspace }

// means returns what a text means for consent here. START and YES are texts like any other unless they lift a STOP.
func (r reading) means(t *thread) channel.Consent {
	if r.meaning == channel.OptIn && !t.row.Consent.OptedOut {
		return channel.ConsentNone
	}
	return r.meaning
}

// hear does what a keyword of that time is there for. It has been stored in c.
func (u *unit) hear(t *thread, c *conv, r reading, at time.Time) {
	var changed bool
	if r.changes() {
		changed = u.changeConsent(t, meant(r.meaning, r.word, t.info.channel.Language, r.source, at))
		if !changed && r.meaning == channel.OptIn {
			u.activity(c, Actor{Kind: ActorCustomer}, Activity{What: "opt_in_refused", Cause: t.row.Consent.Source})
		}
	}
	texts := t.info.channel.ConsentTexts.withDefaults(t.info.channel.Language)
	if r.answered || texts.Off || u.now.Sub(at) >= confirmWithin {
		return
	}
	// The sequence number is that of the keyword: one answer to each, whatever happens.
	key := "consent:" + strconv.FormatInt(c.now.LastSeq, 10)
	switch {
	case r.meaning == channel.OptOut && changed:
		u.confirm(t, c, optOutKey+strconv.FormatInt(c.now.LastSeq, 10), texts.OptOut)
	case r.meaning == channel.OptIn && changed:
		u.confirm(t, c, key, texts.OptIn)
	case r.meaning == channel.Help && !t.row.Consent.OptedOut:
		u.confirm(t, c, key, texts.Help)
	}
}

// changeConsent writes a change into a thread's ledger and, where it counts everywhere, into those of the contact's other
// threads, which must be loaded. It reports whether the thread's own was changed.
func (u *unit) changeConsent(t *thread, c ConsentChange) bool {
	c.Everywhere = t.info != nil && t.info.wide()
	changed := u.record(t, c)
	if !c.Everywhere {
		return changed
	}
	other := c
	other.From = t.row.Channel
	for _, s := range u.threadsOf(t.contact) {
		if s != t && (c.OptedOut || s.row.last().Everywhere) {
			u.record(s, other)
		}
	}
	return changed
}

// threadsOf returns the loaded threads of a contact, by channel.
func (u *unit) threadsOf(c Contact) (out []*thread) {
	for id, t := range u.threads {
		if id.workspace == c.Workspace && id.contact == c.ID {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *thread) int { return cmp.Compare(a.row.Channel, b.row.Channel) })
	return out
}

// record writes a change that is made now into one thread's ledger, unless the newest one stands against it.
func (u *unit) record(t *thread, c ConsentChange) bool {
	last := t.row.last()
	if !c.lifts(last) {
		return false
	}
	if !c.At.After(last.At) { // two of one transaction, or a clock that was set back
		c.At = last.At.Add(time.Microsecond)
	}
	was := t.row.Consent.OptedOut
	if !t.row.record(c) {
		return false
	}
	t.changed = true
	u.consentChanged(t, was, c)
	return true
}

// consentChanged does what goes with a change of a thread's state.
func (u *unit) consentChanged(t *thread, was bool, c ConsentChange) {
	is := t.row.Consent.OptedOut
	if is || was {
		u.cancelQueued(t, channel.ReasonOptOut) // after a START only the confirmation of the STOP can be left
	}
	if t.current == nil || was == is {
		return
	}
	by, what := c.By, "opted_in"
	if is {
		what = "opted_out"
	}
	if by == (Actor{}) {
		by.Kind = ActorCustomer
	}
	u.activity(t.current, by, Activity{What: what, Cause: c.Source})
}

// siblings are the arrivals without key that lock, and make, a contact's threads on all other channels of the workspace.
func (u *unit) siblings(ch *channelInfo, to channel.Address) (rows []Arrival) {
	for key, other := range u.snap.channels {
		if key.workspace == ch.channel.Workspace && key.id != ch.channel.ID {
			rows = append(rows, arrivalFrom(other, to, "", ""))
		}
	}
	slices.SortFunc(rows, func(a, b Arrival) int { return cmp.Compare(a.Channel, b.Channel) })
	return rows
}

// inherit opts a contact out of a channel that it meets for the first time, where it has said so elsewhere: for all channels,
// or to the number that the channel has now.
func (u *unit) inherit(ctx context.Context, t *thread) error {
	fresh := t.row.Version == 1 && t.row.Conversation == "" && t.row.Consent.Since.IsZero()
	if !fresh || t.info == nil || !u.snap.wide[t.row.Workspace] && len(t.info.heirOf) == 0 {
		return nil
	}
	rows, err := u.tx.Consents(ctx, ConsentQuery{Workspace: t.row.Workspace, Contact: t.row.Contact, Limit: MaxLimit})
	if err != nil {
		return err
	}
	for _, r := range rows {
		c := r.last()
		counts := c.OptedOut && c.Everywhere
		for _, h := range t.info.heirOf {
			if h.Channel == r.Channel && !counts {
				c = r.at(h.Until)
				counts = c.OptedOut
			}
		}
		if counts {
			c.From, c.Refused, c.LastRefused = r.Channel, 0, time.Time{}
			t.changed = t.row.record(c) || t.changed
		}
	}
	return nil
}

// learnOptOut writes down that the carrier knows of a STOP that we don't. The thread must be loaded.
func (u *unit) learnOptOut(m *Message, source, code string) {
	if t := u.threads[threadID{m.Workspace, m.Channel, m.Contact}]; t != nil {
		u.changeConsent(t, ConsentChange{OptedOut: true, At: u.now, Source: source, Code: truncate(channel.Clean(code), 32)})
	}
}

// Confirmations.

// optOutKey leads the keys of what confirms an opt-out: the one text that may go to who opted out.
const optOutKey = "opted_out:"

// confirmWithin is how late an answer to a keyword may leave (47 CFR 64.1200(a)(12)).
const confirmWithin = 5 * time.Minute

// confirm answers a keyword.
func (u *unit) confirm(t *thread, c *conv, key, text string) {
	u.sayAs(t, c, ClassConfirmation, key, words(text))
}

// confirmsOptOut reports whether a text is what confirms an opt-out.
func (m *Message) confirmsOptOut() bool {
	return m.Class == ClassConfirmation && strings.HasPrefix(m.Key, autoKeyPrefix+optOutKey)
}

// errFlagged keeps AI agents from a conversation that a person is to look at.
var errFlagged = fmt.Errorf("customer may have opted out, and nobody has looked: %w", ErrOptedOut)

// flagged reports whether a person is to look whether the customer has opted out.
func (c *conv) flagged() bool { return slices.Contains(c.now.Labels, LabelPossibleOptOut) }

// flag sets a label by which a person is told of a conversation.
func (u *unit) flag(c *conv, label string) {
	if slices.Contains(c.now.Labels, label) {
		return
	}
	c.now.Labels = append(slices.Clone(c.now.Labels), label)
	u.activity(c, Actor{}, Activity{What: "flagged", Cause: label})
}

// lookedAt takes the labels of flag off again.
func (c *conv) lookedAt() {
	left := slices.DeleteFunc(slices.Clone(c.now.Labels), func(l string) bool { return l == LabelPossibleOptOut || l == LabelSilenced })
	switch {
	case len(left) == len(c.now.Labels):
	case len(left) == 0:
		c.now.Labels = nil
	default:
		c.now.Labels = left
	}
}

// suspect flags a conversation for a person, see [LabelPossibleOptOut], and takes back what waits in this unit and was not
// written by a human.
func (u *unit) suspect(c *conv) {
	u.flag(c, LabelPossibleOptOut)
	for _, m := range u.messages {
		if m.Workspace == c.now.Workspace && m.Conversation == c.now.ID {
			u.holdBack(m)
		}
	}
}

// holdBack takes a text back that is queued and not by a human.
func (u *unit) holdBack(m *Message) bool {
	if !m.Delivery.revocable() || m.Class != ClassAutomatic && m.Class != ClassAI {
		return false
	}
	m.Delivery.withhold(u.now, "the customer may have opted out")
	return true
}

// suspectEntries is how far back a conversation is looked through for texts that wait when its customer may have opted out.
const suspectEntries = 50

// holdSuspects takes back what waits for customers who may revoke consent in other words than STOP, as far as no human wrote it.
// It is for before the batch is decided: its messages are locked behind their threads.
func (u *unit) holdSuspects(ctx context.Context, arrived []*thread, readings []reading) error {
	var keys []MessageKey
	for i, r := range readings {
		t := arrived[i]
		if !r.suspect || t == nil || t.current == nil || t.current.was.ID == "" {
			continue
		}
		c := t.current.was
		list, err := u.tx.Timeline(ctx, TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, Last: true, Limit: suspectEntries})
		if err != nil {
			return err
		}
		for _, m := range list {
			if m.Class != ClassHuman && m.Delivery.revocable() {
				keys = append(keys, MessageKey{Workspace: m.Workspace, ID: m.ID})
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	waiting, err := u.loadMessages(ctx, keys)
	for _, m := range waiting {
		if m != nil && u.holdBack(m) {
			u.deliver(m)
		}
	}
	return err
}

// sortedThreads returns all loaded threads, in order.
func (u *unit) sortedThreads() []*thread {
	return slices.SortedFunc(maps.Values(u.threads), func(a, b *thread) int {
		return cmp.Or(cmp.Compare(a.row.Channel, b.row.Channel), cmp.Compare(a.row.Contact, b.row.Contact))
	})
}
