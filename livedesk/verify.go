package livedesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/sms"
)

// askTimeout is how long a carrier may take to answer a person who sets a channel up.
const askTimeout = 20 * time.Second

// Verify asks the carrier whether a channel would work as it is filled in: credentials, number, application. It is what a
// set-up page does on "Confirm", before [Desk.PutChannel]; it stores nothing and takes at most 20 s. A credential that is left
// empty means the stored one, as with PutChannel. What the error is:
//
//   - an [sms.FieldErrors] when a field of the form is wrong, and a [ValidationError] for any other. The form is checked
//     first, all fields at once, and then the carrier is asked, also all at once; [FieldErrors] lists them for showing.
//   - [ErrCarrierUnavailable] when the carrier could not be asked, or not about everything: an [*sms.UncheckedError] in it
//     says about what. Nothing is known to be wrong: a host may store the channel all the same, and say so.
//   - [errors.ErrUnsupported] when the provider has no way to ask.
//   - what PutChannel answers for a channel or version that isn't the stored one.
//
// nil means that nothing is wrong that the carrier could tell. No error holds a credential.
func (d *Desk) Verify(ctx context.Context, c Channel) error {
	put, err := d.putting(c)
	if err == nil {
		err = put.prepare(ctx)
	}
	if err != nil {
		return fmt.Errorf("verify channel: %w", err)
	}
	account, err := put.unregistered()
	if err != nil {
		return fmt.Errorf("verify channel: %w", err)
	}
	v, ok := account.(sms.Verifier)
	if !ok {
		return fmt.Errorf("verify channel: provider %q: %w", c.Provider, errors.ErrUnsupported)
	}
	err = d.e.askCarrier(ctx, put.secrets, func(ctx context.Context) error { return v.Verify(ctx, put.channel) })
	if err != nil {
		return fmt.Errorf("verify channel: %w", err)
	}
	return nil
}

// unregistered returns the account to verify with. A new connection has no address yet, so the carrier can't have been told
// one, and isn't to be found wanting for it.
func (p *channelPut) unregistered() (sms.Account, error) {
	if p.conn.Version != 0 {
		return p.account, nil
	}
	set := p.settings
	set.WebhookURL = ""
	return p.p.Open(set)
}

// Webhooks returns the addresses that the carrier must be told for a channel, and where in its console they are entered.
// Where the provider doesn't know, it is one address for everything. Channels on one connection share their addresses, and
// after verification the number decides. It asks the carrier nothing. Errors: [ErrNotFound], and [ErrChannelClosed] when
// this process can't open the channel's account.
func (d *Desk) Webhooks(ctx context.Context, channelID string) ([]sms.Webhook, error) {
	info, err := d.opened(ctx, channelID)
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	if t, ok := info.conn.account.(sms.WebhookTeller); ok {
		return t.Webhooks(info.channel.Values), nil
	}
	return []sms.Webhook{{Purpose: "all", URL: d.e.webhookURL(info.conn.key), Where: sms.Text{
		EN: "In the carrier's console, wherever it asks for the webhook or callback of incoming messages and of delivery receipts.",
		FR: "Dans la console de l'opérateur, partout où il demande le webhook ou callback des messages entrants et des accusés de réception.",
	}}}, nil
}

// Register tells the carrier the addresses of [Desk.Webhooks] through its API, in at most 20 s. Doing it again changes
// nothing. The error is an [sms.FieldErrors] where a value is wrong, [errors.ErrUnsupported] where this carrier's API can't
// do it, so that a person has to, [ErrCarrierUnavailable] when it could not be asked, else as of Webhooks. No error holds a
// credential.
func (d *Desk) Register(ctx context.Context, channelID string) error {
	info, err := d.opened(ctx, channelID)
	if err != nil {
		return fmt.Errorf("register webhooks: %w", err)
	}
	r, ok := info.conn.account.(sms.Registrar)
	if !ok {
		return fmt.Errorf("register webhooks: provider %q: %w", info.channel.Provider, errors.ErrUnsupported)
	}
	secrets, err := d.e.openSecrets(ctx, info.conn.rec.Sealed, d.workspace, info.conn.id)
	if err == nil {
		err = d.e.askCarrier(ctx, secrets, func(ctx context.Context) error { return r.Register(ctx, info.channel.Values) })
	}
	if err != nil {
		return fmt.Errorf("register webhooks: %w", err)
	}
	return nil
}

// opened returns a channel whose account is open in this process.
func (d *Desk) opened(ctx context.Context, channelID string) (*channelInfo, error) {
	info, err := d.e.snap.channel(ctx, d.workspace, channelID)
	if err != nil {
		return nil, err
	}
	if fault := info.fault(); fault != nil {
		return nil, fmt.Errorf("channel %s: %w: %w", channelID, ErrChannelClosed, fault)
	}
	return info, nil
}

// askCarrier asks the carrier something for a person who waits, and sees to it that the answer can be shown.
func (e *Engine) askCarrier(ctx context.Context, secrets map[string]sms.Secret, question func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := e.guarded(limited, question)
	switch {
	case err == nil:
		return nil
	case repeats(err, secrets):
		return fmt.Errorf("%w: what it said is withheld, for it repeats a credential", ErrCarrierUnavailable)
	case ctx.Err() != nil: // who asked has gone
		return context.Cause(ctx)
	case errors.Is(err, errors.ErrUnsupported):
		return err
	}
	if _, ok := errors.AsType[sms.FieldErrors](err); ok {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCarrierUnavailable, err)
}

// guarded makes an error of an adapter's panic.
func (e *Engine) guarded(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("provider panicked", slog.Any("panic", r))
			err = errors.New("provider panicked")
		}
	}()
	return f(ctx)
}

// repeats reports whether an adapter's error holds a credential, which would be a bug of the adapter; it must not end on a
// screen. Very short ones are no credentials, and would be found in any text.
func repeats(err error, secrets map[string]sms.Secret) bool {
	text := err.Error()
	for _, s := range secrets {
		if v := s.Reveal(); len(v) > 3 && strings.Contains(text, v) {
			return true
		}
	}
	return false
}
