package livedesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
)

// The ledger as people and hosts see it: what it says, and changes by hand.

// Consent returns the ledger's present entry for the contact of a conversation on its channel.
func (d *Desk) Consent(ctx context.Context, conversation string) (ConsentState, error) {
	l, err := d.loadThread(ctx, ThreadKey{Workspace: d.workspace, Conversation: conversation})
	if err != nil {
		return ConsentState{}, err
	}
	if l.Contact.ID == "" {
		return ConsentState{}, fmt.Errorf("conversation %s: %w", conversation, ErrNotFound)
	}
	return l.Thread.Consent, nil
}

// ConsentLedger is everything that is known of one address's consent on one channel.
type ConsentLedger struct {
	Channel string          `json:"channel"`
	Address channel.Address `json:"address"`
	State   ConsentState    `json:"state"`
	Changes []ConsentChange `json:"changes,omitempty"` // the oldest first, at most [MaxConsentHistory]
	Dropped int             `json:"dropped,omitempty"` // how many older ones are not kept
}

// ConsentHistory returns the ledger of an address on a channel, also on one that was removed. Who never said anything, and who
// is unknown, may be written to and has an empty one.
func (d *Desk) ConsentHistory(ctx context.Context, channelID string, to channel.Address) (ConsentLedger, error) {
	l, err := d.loadThread(ctx, ThreadKey{Workspace: d.workspace, Channel: channelID, Address: to})
	if err != nil {
		return ConsentLedger{}, fmt.Errorf("consent history: %w", err)
	}
	out := ConsentLedger{Channel: channelID, Address: to, State: l.Thread.Consent, Dropped: l.Thread.ConsentDropped}
	if out.Changes = l.Thread.ConsentHistory; out.Changes == nil && !out.State.Since.IsZero() {
		out.Changes = []ConsentChange{l.Thread.last()}
	}
	return out, nil
}

func (d *Desk) loadThread(ctx context.Context, k ThreadKey) (LoadedThread, error) {
	var list []LoadedThread
	err := d.view(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		list, err = tx.Threads(ctx, []ThreadKey{k})
		return err
	})
	if err != nil || len(list) == 0 {
		return LoadedThread{}, err
	}
	return list[0], nil
}

// OptOut opts an address out of a channel by hand, for who asked for it in another way than by a text: by phone, in a letter.
// cause says how, in at most 200 bytes, and may be empty. It counts like a STOP, on all channels where the channel's
// OptOutScope says so: what is queued is canceled, and nothing goes out from then on. But the customer's START doesn't lift
// it; that takes [Desk.OptIn]. An address that is unknown becomes a contact. Doing it again changes nothing. Errors:
// [ErrNotFound], a [ValidationError].
func (d *Desk) OptOut(ctx context.Context, channelID string, to channel.Address, by Actor, cause string) (ConsentState, error) {
	return d.setConsent(ctx, "opt out", channelID, to, ConsentChange{OptedOut: true, By: by, Cause: cause})
}

// OptIn lifts an opt-out by hand, whatever made it, for who asked for it in another way than by START. It revives no text
// that was canceled. The carrier may keep a block of its own that only the customer's START lifts: then the next text is
// refused, and teaches the ledger again. Otherwise it is like [Desk.OptOut].
func (d *Desk) OptIn(ctx context.Context, channelID string, to channel.Address, by Actor, cause string) (ConsentState, error) {
	return d.setConsent(ctx, "opt in", channelID, to, ConsentChange{By: by, Cause: cause})
}

// maxCause is the longest Cause of a [ConsentChange], in bytes.
const maxCause = 200

func (d *Desk) setConsent(ctx context.Context, what, channelID string, to channel.Address, c ConsentChange) (ConsentState, error) {
	c.Cause, c.Source = channel.Clean(strings.TrimSpace(c.Cause)), sourceOf(c.By)
	var wrong error
	switch {
	case to.Kind() == channel.KindOther:
		wrong = invalid("address", "is not a number, a short code or a sender's name")
	case len(c.Cause) > maxCause:
		wrong = invalid("cause", "is too long (at most 200 bytes)")
	case c.By.ID != "":
		wrong = checkID("by", c.By.ID)
	}
	if wrong != nil {
		return ConsentState{}, fmt.Errorf("%s: %w", what, wrong)
	}
	info, err := d.e.snap.channel(ctx, d.workspace, channelID)
	if err == nil && info.wide() {
		err = d.e.snap.refresh(ctx) // a channel that another process added just now counts too
	}
	if err != nil {
		return ConsentState{}, fmt.Errorf("%s: %w", what, err)
	}
	var state ConsentState
	err = d.act(ctx, what, func(ctx context.Context, u *unit) error {
		t, err := u.meetForConsent(ctx, info, to)
		if err != nil {
			return err
		}
		c.At = u.now
		u.changeConsent(t, c)
		state = t.row.Consent
		return nil
	})
	return state, err
}

// meetForConsent locks, and makes, an address's thread, with those that a change of its consent counts for.
func (u *unit) meetForConsent(ctx context.Context, ch *channelInfo, to channel.Address) (*thread, error) {
	rows := []Arrival{arrivalFrom(ch, to, "", "")}
	if ch.wide() {
		rows = append(rows, u.siblings(ch, to)...)
	}
	threads, err := u.meet(ctx, rows)
	if err != nil {
		return nil, err
	}
	threads[0].info = ch
	return threads[0], nil
}

// auditRefusal notes in the ledger that somebody tried to write to who has opted out: how often, and when last. The first try
// against an opt-out stands in the timeline, so that no number of them floods it.
func (d *Desk) auditRefusal(ctx context.Context, refused error, by Actor, find func(context.Context, *unit) (*thread, error)) {
	if !errors.Is(refused, ErrOptedOut) {
		return
	}
	err := d.act(ctx, "audit", func(ctx context.Context, u *unit) error {
		t, err := find(ctx, u)
		if err != nil || t == nil || !t.row.Consent.OptedOut {
			return err
		}
		last := t.row.last()
		last.Refused, last.LastRefused = last.Refused+1, u.now
		t.row.amend(last)
		t.changed = true
		if last.Refused == 1 && t.current != nil {
			u.activity(t.current, by, Activity{What: "send_refused", Cause: "opted out"})
		}
		return nil
	})
	if err != nil {
		d.e.logError("a refused text was not noted", err, slog.String("workspace", d.workspace))
	}
}
