package smstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

var webhookClauses = []clause{
	{"inbound", "Parse returns what a genuine webhook reports, under the public URL and whatever Host says.", checkInbound},
	{"inbound_text", "A text comes in as the customer typed it.", checkInboundText},
	{"inbound_media", "Media come in as attachments with their URLs.", checkInboundMedia},
	{"inbound_sender", "The sender may be a short code or a name.", checkInboundSender},
	{"inbound_again", "A repeated delivery has the same id.", checkInboundAgain},
	{"inbound_unknown_field", "A field that carriers add without notice does no harm.", checkUnknownField},
	{"inbound_batch", "An event of a batch that can't be read is an Unread and doesn't spoil the others.", checkBatch},
	{"receipt_failed", "A failed text has the carrier's code and a reason.", checkReceiptFailed},
	{"receipt_unknown_word", "A word for a state that is new is no error and has no effect.", checkReceiptWord},
	{"forged_unsigned", "Without proof of origin a webhook is refused with ErrForged or ErrUnauthenticated.", forged(Unsigned)},
	{"forged_secret", "Proof made with another secret is refused.", forged(WrongSecret)},
	{"forged_empty", "Proof made with an empty secret is refused.", forged(EmptySecret)},
	{"forged_bit", "Proof with one wrong bit is refused.", forged(FlippedBit)},
	{"forged_body", "A body that was altered after signing is refused.", forged(AlteredBody)},
	{"forged_receipt", "A receipt without proof of origin is refused.", checkForgedReceipt},
	{"cut_body", "A body that stops early is refused.", refusedWith(CutBody, channel.ErrForged, channel.ErrUnauthenticated, channel.ErrMalformed)},
	{"malformed", "A genuine webhook that can't be read is ErrMalformed.", refusedWith(Unreadable, channel.ErrMalformed)},
	{"flood", "A webhook that holds far too much is refused.", refusedWith(Flood, channel.ErrTooLarge, channel.ErrMalformed)},
	{"media_type", "A content type that is not the carrier's is ErrMediaType.", refusedWith(PlainType, channel.ErrMediaType)},
	{"media_type_missing", "So is none.", refusedWith(NoType, channel.ErrMediaType)},
	{"headers", "What has no proof of origin, or another content type, is refused by its headers alone.", checkHeaders},
	{"rotation", "A secret that was replaced counts while it is in Previous, and not afterwards.", checkRotation},
	{"rotation_blank", "A blank secret in Previous proves nothing.", checkRotationBlank},
}

// inbound delivers a text and returns the one event that it became.
func (r *rig) inbound(ctx context.Context, m Text) (channel.Inbound, error) {
	events, err := r.deliver(ctx, m)
	if err != nil {
		return channel.Inbound{}, fmt.Errorf("a genuine webhook: %w", err)
	}
	if len(events) != 1 {
		return channel.Inbound{}, fmt.Errorf("%d events came, not 1", len(events))
	}
	in, ok := events[0].(channel.Inbound)
	if !ok {
		return channel.Inbound{}, fmt.Errorf("a %T came, not a channel.Inbound", events[0])
	}
	if in.ID == "" {
		return in, errors.New("the event has no id")
	}
	return in, nil
}

func checkInbound(ctx context.Context, r *rig) error {
	in, err := r.inbound(ctx, Text{From: Customer, To: r.from, Body: canary})
	if err != nil {
		return err
	}
	if in.From != Customer || r.from != "" && in.To != r.from || in.To == "" || in.Text != canary || len(in.Media) > 0 || in.Consent != "" {
		return fmt.Errorf("the event is %+v", in)
	}
	return nil
}

func checkInboundText(ctx context.Context, r *rig) error {
	var errs []error
	for _, text := range append([]string{"", "   ", strings.Repeat("é", 1000)}, oddTexts...) {
		in, err := r.inbound(ctx, Text{Body: text})
		if err == nil && in.Text != text {
			err = fmt.Errorf("came in as %q", in.Text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", text, err))
		}
	}
	return errors.Join(errs...)
}

func checkInboundMedia(ctx context.Context, r *rig) error {
	urls := []string{"https://media.example.com/1.png", "https://media.example.com/2.jpg?a=1&b=2"}
	in, err := r.inbound(ctx, Text{Media: urls})
	if err != nil {
		return err
	}
	var got []string
	for _, a := range in.Media {
		got = append(got, a.URL)
	}
	if !slices.Equal(got, urls) {
		return fmt.Errorf("the attachments are %q", got)
	}
	return nil
}

func checkInboundSender(ctx context.Context, r *rig) error {
	for _, from := range []channel.Address{"72345", "AMAZON"} {
		in, err := r.inbound(ctx, Text{From: from, Body: canary})
		if err != nil {
			return fmt.Errorf("from %s: %w", from, err)
		}
		if in.From != from {
			return fmt.Errorf("from %s: came in as from %s", from, in.From)
		}
	}
	return nil
}

func checkInboundAgain(ctx context.Context, r *rig) error {
	d, err := r.carrier.Deliver(ctx, Text{Body: canary})
	if err != nil || !d.OK() {
		return fmt.Errorf("delivery ended with %d, %v", d.Status, err)
	}
	in, err := r.inbound(ctx, Text{ID: d.ID, Body: canary})
	if err == nil && in.ID != d.ID {
		err = errors.New("the second delivery has another id")
	}
	return err
}

func checkUnknownField(ctx context.Context, r *rig) error {
	_, err := r.inbound(ctx, Text{Body: canary, Fields: map[string]string{"FieldOfNextYear": "a b", "another": ""}})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

func checkBatch(ctx context.Context, r *rig) error {
	events, err := r.deliver(ctx, Text{Body: canary, Damage: OddEvents})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the whole batch was refused: %w", err)
	}
	good := 0
	for _, e := range events {
		switch e := e.(type) {
		case channel.Inbound:
			if good++; e.Text != canary {
				return fmt.Errorf("an event that can't be read became %+v", e)
			}
		case channel.Unread:
			_ = r.seen(e.Err)
		default:
			return fmt.Errorf("an event that can't be read became a %T", e)
		}
	}
	if good != 1 || len(events) < 2 {
		return fmt.Errorf("%d events came, %d of them good", len(events), good)
	}
	return nil
}

// receipts returns the receipts that came after the first n events.
func (r *rig) receipts(n int) (out []channel.Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events[n:] {
		if receipt, ok := e.(channel.Receipt); ok {
			out = append(out, receipt)
		}
	}
	return out
}

// report has the carrier post receipts, after those that it posts by itself, and returns what came.
func (r *rig) report(ctx context.Context, id string, steps ...Step) ([]channel.Receipt, error) {
	if err := r.carrier.Wait(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	before, posted := len(r.events), r.posted
	r.refusal = nil
	r.mu.Unlock()
	if err := r.carrier.Report(ctx, id, steps...); err != nil {
		return nil, err
	}
	r.mu.Lock()
	arrived, refusal := r.posted-posted, r.refusal
	r.mu.Unlock()
	if arrived == 0 {
		return nil, errors.New("no receipt arrived: was the carrier told where to?")
	}
	return r.receipts(before), refusal
}

func checkReceiptFailed(ctx context.Context, r *rig) error {
	s, err := r.accepted(ctx, r.text())
	if err != nil {
		return err
	}
	got, err := r.report(ctx, s.ID, Step{Status: channel.StatusFailed})
	if err != nil {
		return err
	}
	if len(got) != 1 || got[0].Status != channel.StatusFailed && got[0].Status != channel.StatusUndelivered ||
		got[0].Code == "" || got[0].Reason == channel.ReasonNone {
		return fmt.Errorf("the receipts are %+v", got)
	}
	return nil
}

func checkReceiptWord(ctx context.Context, r *rig) error {
	s, err := r.accepted(ctx, r.text())
	if err != nil {
		return err
	}
	got, err := r.report(ctx, s.ID, Step{Word: "message-teleported"})
	if err != nil {
		return fmt.Errorf("it was refused: %w", err)
	}
	for _, e := range got { // an Unread instead is as good
		if e.Status != channel.StatusUnknown || e.Word != "message-teleported" {
			return fmt.Errorf("it became %+v", e)
		}
	}
	return nil
}

var unproven = []error{channel.ErrForged, channel.ErrUnauthenticated}

func forged(d Damage) func(context.Context, *rig) error { return refusedWith(d, unproven...) }

// refusedWith wants a damaged webhook refused with one of the errors. A carrier that can't damage it so proves nothing.
func refusedWith(d Damage, wanted ...error) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error {
		_, err := r.deliver(ctx, Text{Body: canary, Damage: d})
		if errors.Is(err, errors.ErrUnsupported) {
			return nil
		}
		return wantError(err, wanted)
	}
}

func wantError(err error, wanted []error) error {
	for _, w := range wanted {
		if errors.Is(err, w) {
			return nil
		}
	}
	if err == nil {
		return errors.New("it was believed")
	}
	return fmt.Errorf("it was refused with %v, right would be one of %v", err, wanted)
}

// checkHeaders wants CheckHeader to refuse what headers show. That it says what Parse says, ServeHTTP sees to.
func checkHeaders(ctx context.Context, r *rig) error {
	for _, d := range []Damage{"", Unsigned, PlainType, NoType} {
		_, err := r.deliver(ctx, Text{Body: canary, Damage: d})
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		r.mu.Lock()
		early, checks := r.early, r.checks
		r.mu.Unlock()
		switch {
		case !checks:
			return absent("the account has no CheckHeader")
		case d == "" && early != nil:
			return fmt.Errorf("a genuine one is refused: %w", early)
		case d != "" && early == nil:
			return fmt.Errorf("one that is %s passes", d)
		}
	}
	return nil
}

func checkForgedReceipt(ctx context.Context, r *rig) error {
	s, err := r.accepted(ctx, r.text())
	if err != nil {
		return err
	}
	for _, d := range []Damage{Unsigned, WrongSecret, EmptySecret} {
		if _, err := r.report(ctx, s.ID, Step{Status: channel.StatusFailed, Damage: d}); !errors.Is(err, errors.ErrUnsupported) {
			if err := wantError(err, unproven); err != nil {
				return fmt.Errorf("%s: %w", d, err)
			}
		}
	}
	return nil
}

func checkRotation(ctx context.Context, r *rig) error {
	old := r.settings.Secrets // the carrier goes on with these
	if err := r.reopen(r.rotated(), r.rotatedTwice(), old); err != nil {
		return err
	}
	if _, err := r.inbound(ctx, Text{Body: canary}); err != nil {
		return fmt.Errorf("with the old secrets in Previous: %w", err)
	}
	if err := r.reopen(r.rotated()); err != nil {
		return err
	}
	_, err := r.deliver(ctx, Text{Body: canary})
	return wantError(err, unproven)
}

// rotatedTwice returns secrets that are neither the case's nor the rotated ones.
func (r *rig) rotatedTwice() map[string]sms.Secret {
	out := map[string]sms.Secret{}
	for name, secret := range r.rotated() {
		s := secret.Reveal()
		out[name] = sms.NewSecret(s[:len(s)-1] + "2")
	}
	return out
}

func checkRotationBlank(ctx context.Context, r *rig) error {
	for _, b := range []sms.Secret{sms.NewSecret(""), sms.NewSecret(" ")} {
		blank := map[string]sms.Secret{}
		for name := range r.settings.Secrets {
			blank[name] = b
		}
		if err := r.reopen(r.settings.Secrets, blank, map[string]sms.Secret{}); err != nil {
			return err
		}
		_, err := r.deliver(ctx, Text{Body: canary, Damage: EmptySecret})
		if errors.Is(err, errors.ErrUnsupported) {
			return nil
		}
		if err := wantError(err, unproven); err != nil {
			return err
		}
		if _, err := r.inbound(ctx, Text{Body: canary}); err != nil {
			return err
		}
	}
	return nil
}
