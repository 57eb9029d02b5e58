package livedesk

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
)

// arrival is a customer's text that was verified and has a channel.
type arrival struct {
	channel *channelInfo
	in      channel.Inbound
	listed  *listed // where the carrier's list brought it; else nil
}

// key names a text, wherever and however often it comes.
func (a arrival) key() textKey { return textKey{a.channel.key(), inboundKey(a.in.ID)} }

// takeIn takes a batch of texts in, in one transaction: those that are known already change nothing.
func (e *Engine) takeIn(ctx context.Context, batch []arrival) (alone bool, err error) {
	var u *unit
	readings, err := e.read(ctx, batch)
	if err != nil {
		return false, err
	}
	err = e.store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u = newUnit(e, tx)
		if err := u.takeIn(ctx, batch, readings); err != nil {
			return err
		}
		return u.finish(ctx)
	})
	if err != nil {
		return false, err
	}
	e.committed(u)
	return u.placed, nil
}

// thread names the thread of a text.
func (a arrival) thread() string {
	return a.channel.channel.Workspace + "\x00" + a.channel.channel.ID + "\x00" + string(a.in.From)
}

func (u *unit) takeIn(ctx context.Context, batch []arrival, readings []reading) error {
	rows := make([]Arrival, len(batch))
	for i, a := range batch {
		rows[i] = arrivalFrom(a.channel, address(a.in.From), inboundKey(a.in.ID), a.in.Country)
	}
	for i, a := range batch {
		if readings[i].changes() && a.channel.wide() {
			rows = append(rows, u.siblings(a.channel, rows[i].Address)...)
		}
	}
	arrived, err := u.meet(ctx, rows)
	if err != nil {
		return err
	}
	if err := u.holdSuspects(ctx, arrived, readings); err != nil {
		return err
	}
	for i, a := range batch {
		t := arrived[i]
		if a.listed != nil {
			a.listed.fresh = t != nil
		}
		if t == nil {
			continue
		}
		t.info = a.channel // the webhook's snapshot may be newer than the unit's
		u.placeContact(t, a.in.Country)
		outdated, err := u.outdated(ctx, t, a, readings[i])
		if err != nil {
			return err
		}
		u.inbound(t, a, readings[i], outdated)
	}
	return nil
}

// meet takes arrivals in, and returns a working copy of the thread of each that is new or has no key, nil for the others.
func (u *unit) meet(ctx context.Context, rows []Arrival) ([]*thread, error) {
	arrived, err := u.tx.TakeIn(ctx, rows)
	if err != nil {
		return nil, err
	}
	u.begun()
	threads := make([]*thread, len(rows))
	for i, a := range arrived {
		if a.New || rows[i].Key == "" {
			threads[i] = u.thread(a.LoadedThread)
			if err := u.inherit(ctx, threads[i]); err != nil {
				return nil, err
			}
		}
	}
	return threads, nil
}

// arrivalFrom is the row that sees to it that an address has a contact and a thread.
func arrivalFrom(ch *channelInfo, from channel.Address, key, country string) Arrival {
	return Arrival{Workspace: ch.channel.Workspace, Channel: ch.channel.ID, Key: key, Address: from, Country: country}
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

// inbound decides what one text of a customer does. outdated says that it is a keyword that doesn't count any more.
func (u *unit) inbound(t *thread, a arrival, r reading, outdated bool) {
	in, at := a.in, u.written(a)
	on := customerWrites
	if r.means(t) != channel.ConsentNone {
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
		if !outdated {
			u.hear(t, c, r, at)
		}
		return
	}
	if r.suspect && !t.row.Consent.OptedOut {
		u.suspect(c)
	}
	c.now.Unread++
	if c.now.WaitingSince.IsZero() || at.Before(c.now.WaitingSince) {
		c.now.WaitingSince = at
	}
	u.after(t, c, tr, a, text)
}

// after does what a customer's message takes with it: somebody is chosen, and the greeting goes out, or in closed hours what
// takes its place.
func (u *unit) after(t *thread, c *conv, tr transition, a arrival, text string) {
	later := false
	switch {
	case !tr.has(routes):
		u.dueTurn(c)
	case u.lookFirst(t, c, tr, a.in.Country):
		later = true // as want does it then
	default:
		u.want(t, c, tr, text, len(a.in.Media))
	}
	switch {
	case u.tooLate(u.written(a)):
	case u.closedSpeaks(t) && !later:
		u.dueClosed(t, c, tr.has(greets))
	case tr.has(greets) && !u.closedSpeaks(t):
		u.greet(t, c)
	}
}

func preview(text string, media int) string {
	if text == "" && media > 0 {
		return "📎"
	}
	return truncate(strings.Join(strings.Fields(truncate(text, 480)), " "), 120)
}
