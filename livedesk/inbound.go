package livedesk

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/routing"
)

// arrival is a customer's text that was verified and has a channel.
type arrival struct {
	channel *channelInfo
	in      channel.Inbound
}

// takeIn takes a batch of texts in, in one transaction: those that are known already change nothing.
func (e *Engine) takeIn(ctx context.Context, batch []arrival) error {
	var u *unit
	err := e.store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u = newUnit(e, tx)
		if err := u.takeIn(ctx, batch); err != nil {
			return err
		}
		return u.finish(ctx)
	})
	if err != nil {
		return err
	}
	e.committed(u)
	return nil
}

func (u *unit) takeIn(ctx context.Context, batch []arrival) error {
	rows := make([]Arrival, len(batch))
	for i, a := range batch {
		rows[i] = u.arrivalFrom(a.channel, address(a.in.From), inboundKey(a.in.ID), a.in.Country)
	}
	isNew, err := u.tx.TakeIn(ctx, rows)
	if err != nil {
		return err
	}
	var fresh []arrival
	var keys []ThreadKey
	for i, a := range batch {
		if isNew[i] {
			fresh = append(fresh, a)
			keys = append(keys, ThreadKey{Workspace: rows[i].Workspace, Channel: rows[i].Channel, Address: rows[i].Contact.Address})
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	threads, _, err := u.load(ctx, keys)
	if err != nil {
		return err
	}
	for i, a := range fresh {
		threads[i].info = a.channel // the webhook's snapshot may be newer than the unit's
		u.inbound(threads[i], a.in)
	}
	return nil
}

// arrivalFrom is the row that sees to it that an address has a contact and a thread.
func (u *unit) arrivalFrom(ch *channelInfo, from channel.Address, key, country string) Arrival {
	return Arrival{
		Workspace: ch.channel.Workspace, Channel: ch.channel.ID, Key: key,
		Contact: Contact{
			Workspace: ch.channel.Workspace, ID: newID(u.now), Address: from, Country: country, CreatedAt: u.now,
		},
	}
}

// inboundKey is the carrier's id, hashed: the key outlives the message, and tells nothing about it.
func inboundKey(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// maxAddressBytes bounds what a carrier may call a sender.
const maxAddressBytes = 128

// address returns a sender as it is kept: text without control characters, never empty.
func address(a channel.Address) channel.Address {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.TrimSpace(channel.Clean(string(a))))
	if s == "" {
		s = "anonymous"
	}
	return channel.Address(truncate(s, maxAddressBytes))
}

// truncate cuts s to at most n bytes, at the end of a character.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// inbound decides what one text of a customer does.
func (u *unit) inbound(t *thread, in channel.Inbound) {
	word, meaning := u.meaning(t, in)
	on := customerWrites
	if meaning != channel.ConsentNone {
		on = keywordArrives
	}
	c, tr := u.happen(t, on)
	text := channel.Clean(in.Text)
	u.add(c, Message{
		Kind: Incoming, By: Actor{Kind: ActorCustomer}, Text: text, Media: in.Media, Others: in.Others,
		ProviderID: in.ID, ProviderAt: in.At,
	})
	c.now.ActiveAt, c.now.Preview = u.now, preview(text, len(in.Media))
	if on == keywordArrives {
		u.consent(t, c, meaning, word, "keyword")
		return
	}
	c.now.Unread++
	if c.now.WaitingSince.IsZero() {
		c.now.WaitingSince = u.now
	}
	u.after(t, c, tr, text, len(in.Media))
}

// meaning returns what a text means for consent. START and YES are texts like any other unless they lift a STOP.
func (u *unit) meaning(t *thread, in channel.Inbound) (word string, meaning channel.Consent) {
	word, meaning = t.info.keywords.Match(in.Text)
	if in.Consent != channel.ConsentNone {
		meaning = in.Consent
	}
	if meaning == channel.OptIn && !t.row.Consent.OptedOut {
		return "", channel.ConsentNone
	}
	return word, meaning
}

// happen applies what happened to the thread's conversation, and returns the one that it belongs to now.
func (u *unit) happen(t *thread, on occurrence) (*conv, transition) {
	from := u.stateFor(t, on)
	tr, err := follow(from, on)
	if err != nil {
		panic(err) // the table has a row for every state of what customers and hosts can start
	}
	c := t.current
	if tr.has(creates) {
		c = u.begin(t)
	}
	u.enter(c, tr, Actor{}, string(on))
	return c, tr
}

// stateFor returns the state that counts for what happens: a conversation that was resolved long ago is none, and so
// is any resolved one for those who write first.
func (u *unit) stateFor(t *thread, on occurrence) State {
	if t.current == nil {
		return none
	}
	c := t.current.now
	if c.State != Resolved {
		return c.State
	}
	switch on {
	case agentStarts, hostNotifies:
		return none
	case customerWrites:
		if !u.now.Before(c.ReopenUntil) {
			return none
		}
	}
	return Resolved
}

// enter puts a conversation into the state that a transition leads to.
func (u *unit) enter(c *conv, tr transition, by Actor, cause string) {
	from := c.now.State
	to := tr.to
	switch to {
	case "":
		return
	case asRouted:
		to = Open
	case asBefore:
		to = c.now.Before
	}
	c.now.State = to
	if from == Snoozed {
		c.now.Before, c.now.SnoozeUntil = "", time.Time{}
	}
	if tr.has(newCycle) {
		c.now.Cycle++
	}
	if to == Resolved {
		c.now.ResolvedAt, c.now.ResolvedBy, c.now.ReopenUntil = u.now, by, u.reopenUntil(tr.on)
		c.now.Unread, c.now.WaitingSince = 0, time.Time{}
	} else {
		c.now.ResolvedAt, c.now.ResolvedBy, c.now.ReopenUntil = time.Time{}, Actor{}, time.Time{}
	}
	if tr.has(leaves) {
		c.now.Queue, c.now.QueuedAt = "", time.Time{}
	}
	u.activity(c, by, Activity{What: tr.name(from, to), From: string(from), To: string(to), Cause: cause})
}

// reopenUntil returns until when a customer's message reopens what is resolved now.
func (u *unit) reopenUntil(on occurrence) time.Time {
	window := u.e.cfg.ReopenWindow
	switch on {
	case hostNotifies:
		window = u.e.cfg.ReplyWindow
	case keywordArrives: // nothing to come back to
		return time.Time{}
	}
	if window < 0 {
		return time.Time{}
	}
	return u.now.Add(window)
}

// name is how the timeline calls what a transition did.
func (t transition) name(from, to State) string {
	switch {
	case t.has(creates):
		return "created"
	case t.has(newCycle):
		return "reopened"
	case to == Resolved:
		return "resolved"
	case to == Snoozed:
		return "snoozed"
	case from == Snoozed:
		return "woken"
	case to == Pending:
		return "given_to_ai"
	}
	return "taken_over"
}

// after does what a customer's message takes with it: somebody is chosen, and the greeting goes out.
func (u *unit) after(t *thread, c *conv, tr transition, text string, media int) {
	if tr.has(routes) {
		u.want(t, c, tr, text, media)
	}
	if tr.has(greets) {
		u.greet(t, c)
	}
}

// want notes that somebody is to be chosen for a conversation; not for one that an AI agent has.
func (u *unit) want(t *thread, c *conv, tr transition, text string, media int) {
	if c.now.State != Open {
		return
	}
	w := &wish{facts: u.facts(t, c, tr, text, media)}
	if tr.has(keepAgent) {
		w.keep, w.woken = c.now.Assignee, tr.to == asBefore
	}
	c.now.Assignee = ""
	c.wish = w
}

func (u *unit) facts(t *thread, c *conv, tr transition, text string, media int) routing.Facts {
	cause := routing.CauseNew
	switch {
	case tr.has(newCycle):
		cause = routing.CauseReopened
	case tr.to == asBefore:
		cause = routing.CauseUnsnooze
	case tr.on == aiHandsOver:
		cause = routing.CauseHandOver
	case !tr.has(creates):
		cause = routing.CauseRequeue
	}
	return routing.Facts{
		Workspace: c.now.Workspace, Channel: c.now.Channel, Conversation: c.now.ID, Cause: cause, At: u.now, Open: true,
		Contact: routing.Contact{
			ID: t.contact.ID, Address: string(t.contact.Address), Country: t.contact.Country, Language: t.contact.Language,
			ExternalID: t.contact.ExternalID, Attributes: t.contact.Attributes,
			Returning: !tr.has(creates) || t.contact.CreatedAt.Before(u.now),
		},
		Text: text, Media: media, Labels: c.now.Labels, Priority: c.now.Priority,
	}
}

// consent changes the ledger in the transaction that stores the message that did it.
func (u *unit) consent(t *thread, c *conv, meaning channel.Consent, word, source string) {
	switch {
	case meaning == channel.OptOut && !t.row.Consent.OptedOut:
		t.row.Consent = ConsentState{OptedOut: true, Since: u.now, Source: source, Keyword: truncate(word, 32)}
		t.changed = true
		u.activity(c, Actor{Kind: ActorCustomer}, Activity{What: "opted_out", Cause: source})
	case meaning == channel.OptIn && t.row.Consent.OptedOut:
		t.row.Consent = ConsentState{Since: u.now, Source: source, Keyword: truncate(word, 32)}
		t.changed = true
		u.activity(c, Actor{Kind: ActorCustomer}, Activity{What: "opted_in", Cause: source})
	}
	if meaning == channel.OptOut {
		u.cancelQueued(t, channel.ReasonOptOut)
	}
}

func preview(text string, media int) string {
	if text == "" && media > 0 {
		return "📎"
	}
	return truncate(strings.Join(strings.Fields(truncate(text, 480)), " "), 120)
}
