package livedesk

import (
	"context"
	"fmt"
	"slices"
)

// DeliveryError means that how far a text has come doesn't allow the change. Its [ErrorCode] is "wrong_state".
type DeliveryError struct {
	State DeliveryState // of the text; empty for an entry that is no outgoing text
	What  string        // the change that was asked for ("resend")
}

// Error implements error.
func (e *DeliveryError) Error() string {
	if e.State == "" {
		return fmt.Sprintf("can't %s what is no outgoing text", e.What)
	}
	return fmt.Sprintf("can't %s a text that is %s", e.What, e.State)
}

// Resendable reports whether [Desk.Resend] takes a text in this state: it did not arrive for all that is known
// ([Failed], [Undelivered]), or nobody could find out ([Unconfirmed]), and then the customer may get it twice, so ask whoever
// wants it.
func (s DeliveryState) Resendable() bool {
	return s == Failed || s == Undelivered || s == Unconfirmed
}

// Resend sends a text again that is [Failed], [Undelivered] or [Unconfirmed]: as a new text of the human who asks, with
// the same words and media, whose ResendOf is the id of the first. The first stays as it is, and a receipt that still comes
// for it counts for it alone. Ask before you resend an unconfirmed text: it may have arrived.
//
// Doing it again, by whomever, returns the text that the first call made; that one can be resent in its turn. It is a reply
// like any other: in a conversation that isn't resolved, which becomes the agent's if nobody has it, and not to somebody who
// opted out. Errors: a [DeliveryError] that names the state where that is another, [ErrNotFound], and those of [Desk.Reply].
func (d *Desk) Resend(ctx context.Context, messageID string, by Actor) (Message, error) {
	first, err := d.Message(ctx, messageID)
	if err != nil {
		return Message{}, fmt.Errorf("resend: %w", err)
	}
	again := Draft{Key: resendKey(first.ID)}
	keys := append([]MessageKey{{Workspace: d.workspace, ID: first.ID}}, again.keys(d.workspace, first.Conversation)...)
	var out Message
	err = d.knowing(ctx, "resend", func() error {
		return d.doDeed(ctx, "resend", &deed{
			conversation: first.Conversation, keys: keys,
			do: func(u *unit, t *thread, c *conv, stored []Message) (err error) {
				out, err = u.resend(t, c, by, stored)
				return err
			},
		})
	})
	if err != nil {
		return Message{}, err
	}
	return out, nil
}

// resendKey is the key of the text that one is sent again with, so that two clicks make one.
func resendKey(id string) string { return autoKeyPrefix + "resend:" + id }

// resend stores a text again, unless that was done before. stored are the text and what was made of it.
func (u *unit) resend(t *thread, c *conv, by Actor, stored []Message) (Message, error) {
	first := stored[0]
	if i := slices.IndexFunc(stored[1:], func(m Message) bool { return m.ID != "" }); i >= 0 {
		return stored[1+i], nil
	}
	switch {
	case first.Kind != Outgoing || first.Delivery == nil:
		return Message{}, &DeliveryError{What: "resend"}
	case !first.Delivery.State.Resendable():
		return Message{}, &DeliveryError{first.Delivery.State, "resend"}
	}
	tr, err := follow(c.now.State, humanReplies)
	if err != nil {
		return Message{}, err
	}
	draft := Draft{Text: first.Text, Key: resendKey(first.ID), resendOf: first.ID}
	for _, a := range first.Media {
		draft.Media = append(draft.Media, a.URL)
	}
	return u.reply(t, c, tr, by, draft)
}
