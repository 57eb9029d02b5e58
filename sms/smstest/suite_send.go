package smstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

var sendClauses = []clause{
	{"send", "Send hands one text to the carrier and returns its id.", checkSend},
	{"send_text", "A text arrives as it was written, every character of it.", checkSendText},
	{"send_media", "A text with media is an MMS; the media are URLs that the carrier fetches.", checkSendMedia},
	{"send_longest", "A text of Traits.MaxText code points goes in one send.", checkSendLongest},
	{"send_expires", "Expires is when the carrier should give up.", checkSendExpires},
	{"send_ref", "The Ref comes back with the receipt.", checkSendRef},
	{"send_bad_recipient", "A number that can't be reached is final.", checkBadRecipient},
	{"send_bad_sender", "A sender that the account doesn't own is final.", checkBadSender},
	{"send_opted_out", "A text to somebody who opted out ends as opt_out, in the answer or in a receipt.", checkOptedOut},
	{"send_wrong_credentials", "Credentials that the carrier refuses are ReasonCredentials, and nothing is sent.", checkWrongCredentials},
	{"send_concurrent", "An account is safe for concurrent use: each text is sent once.", checkConcurrent},
	{"send_canceled_before", "Send honours a context that has ended before it began: nothing is sent.", checkCanceledBefore},
	{"send_canceled_during", "Send honours a context that ends while it waits; the outcome is unknown.", checkCanceledDuring},
}

// accepted sends a text that nothing is wrong with and returns what the carrier has of it.
func (r *rig) accepted(ctx context.Context, m channel.Outbound) (Sent, error) {
	before := r.sends()
	a, err := r.send(ctx, m)
	if err != nil {
		return Sent{}, fmt.Errorf("a good text was refused: %w", err)
	}
	if n := r.sends() - before; n != 1 {
		return Sent{}, fmt.Errorf("the carrier saw %d requests, not 1", n)
	}
	sent := r.carrier.Sent()
	i := slices.IndexFunc(sent, func(s Sent) bool { return s.ID == a.ID })
	switch {
	case a.ID == "" || i < 0:
		return Sent{}, fmt.Errorf("the id %q is not the carrier's", a.ID)
	case !slices.Contains([]channel.DeliveryStatus{channel.StatusAccepted, channel.StatusSent, channel.StatusDelivered}, a.Status):
		return Sent{}, fmt.Errorf("the status is %q", a.Status)
	case a.Segments < 0:
		return Sent{}, fmt.Errorf("%d segments", a.Segments)
	}
	return sent[i], nil
}

func checkSend(ctx context.Context, r *rig) error {
	m := r.text()
	s, err := r.accepted(ctx, m)
	if err != nil {
		return err
	}
	if s.To != m.To || s.Pool != m.Pool || s.Body != m.Text || m.From != "" && s.From != m.From || len(s.Media) > 0 {
		return errors.New("the carrier got another text, sender, pool or recipient")
	}
	return nil
}

// oddTexts are texts that encoders get wrong.
var oddTexts = []string{
	" blanks at both ends ", "line\r\nline\ttab", "50% + 50% = a%20b %2B & c=d;e#f?", `quotes "double" 'single' \back <b>&amp;</b>`,
	"Ça coûte 5 € à l'été", "👩‍👩‍👧 𝒳 é", "مرحبا", "\u2028 \u00a0", "+14155550100",
}

func checkSendText(ctx context.Context, r *rig) error {
	var errs []error
	for _, text := range oddTexts {
		m := r.text()
		m.Text = text
		s, err := r.accepted(ctx, m)
		if err == nil && s.Body != text {
			err = fmt.Errorf("arrived as %q", s.Body)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", text, err))
		}
	}
	return errors.Join(errs...)
}

func checkSendMedia(ctx context.Context, r *rig) error {
	m := r.text()
	m.Media = []string{"https://media.example.com/a.png?x=1&y=2", "https://media.example.com/b.jpg"}
	s, err := r.accepted(ctx, m)
	if err == nil && !reflect.DeepEqual(s.Media, m.Media) {
		err = fmt.Errorf("the media arrived as %q", s.Media)
	}
	if err != nil {
		return err
	}
	m = r.text()
	m.Text, m.Media = "", m.Media[:0]
	m.Media = append(m.Media, "https://media.example.com/c.gif")
	if _, err = r.accepted(ctx, m); err != nil {
		return fmt.Errorf("media without a text: %w", err)
	}
	return nil
}

func checkSendLongest(ctx context.Context, r *rig) error {
	d, ok := r.current().(sms.Describer)
	if !ok {
		return nil
	}
	traits := d.Traits()
	if traits.MaxText < 0 {
		return fmt.Errorf("MaxText is %d", traits.MaxText)
	}
	m := r.text()
	m.Text = strings.Repeat("é", or(traits.MaxText, 1600))
	s, err := r.accepted(ctx, m)
	if err == nil && s.Body != m.Text {
		err = errors.New("it was cut")
	}
	return err
}

func checkSendExpires(ctx context.Context, r *rig) error {
	m := r.text()
	m.Expires = time.Now().Add(2 * time.Hour)
	s, err := r.accepted(ctx, m)
	if err != nil {
		return err
	}
	if d := s.Expires.Sub(m.Expires); !s.Expires.IsZero() && (d < -time.Minute || d > time.Minute) {
		return fmt.Errorf("the carrier was told another instant, off by %v", d)
	}
	return nil
}

func checkSendRef(ctx context.Context, r *rig) error {
	m := r.text()
	s, err := r.accepted(ctx, m)
	if err != nil {
		return err
	}
	receipts, err := r.report(ctx, s.ID, Step{Status: channel.StatusSent}, Step{Status: channel.StatusDelivered})
	if err != nil {
		return err
	}
	for i, want := range []channel.DeliveryStatus{channel.StatusSent, channel.StatusDelivered} {
		if i >= len(receipts) {
			return fmt.Errorf("%d receipts came, not 2", len(receipts))
		}
		if got := receipts[i]; got.Ref != m.Ref || got.ID != s.ID || got.Status != want || got.Word == "" || got.Reason != "" {
			return fmt.Errorf("receipt %d: %+v", i+1, got)
		}
	}
	return nil
}

// refused sends a text and wants it refused for one of the reasons, with at most max requests and nothing sent.
func (r *rig) refused(ctx context.Context, m channel.Outbound, max int, reasons ...channel.Reason) error {
	before := r.sends()
	a, err := r.send(ctx, m)
	switch {
	case err == nil:
		return fmt.Errorf("it was reported as accepted with id %q", a.ID)
	case a != channel.Accepted{}:
		return errors.New("an acceptance came beside the error")
	case len(r.carrier.Sent()) > 0:
		return errors.New("the carrier took it")
	}
	if n := r.sends() - before; n > max {
		return fmt.Errorf("the carrier saw %d requests, at most %d are right", n, max)
	}
	return wantReason(r.provider.Name(), err, reasons)
}

func wantReason(provider string, err error, reasons []channel.Reason) error {
	e, ok := errors.AsType[*sms.SendError](err)
	if !ok {
		return fmt.Errorf("%T is no *sms.SendError", err)
	}
	if e.Provider != provider {
		return fmt.Errorf("SendError.Provider is %q", e.Provider)
	}
	if !slices.Contains(reasons, e.Reason) {
		return fmt.Errorf("the reason is %q, right would be one of %q (%v)", e.Reason, reasons, err)
	}
	return nil
}

var final = []channel.Reason{channel.ReasonRecipient, channel.ReasonOptOut, channel.ReasonContent, channel.ReasonConfig, channel.ReasonOther}

func checkBadRecipient(ctx context.Context, r *rig) error {
	m := r.text()
	m.To = "+12"
	return r.refused(ctx, m, 1, final...)
}

func checkBadSender(ctx context.Context, r *rig) error {
	m := r.text()
	m.From, m.Pool = foreignNumber, ""
	return r.refused(ctx, m, 1, final...)
}

func checkOptedOut(ctx context.Context, r *rig) error {
	list, ok := r.carrier.(interface {
		SetOptedOut(number, customer channel.Address, out bool)
	})
	if !ok {
		return nil // this carrier has no list
	}
	m := r.text()
	first, err := r.accepted(ctx, m) // shows which number a pool sends from
	if err != nil {
		return err
	}
	list.SetOptedOut(first.From, m.To, true)
	m = r.text()
	a, err := r.send(ctx, m)
	if err != nil {
		return wantReason(r.provider.Name(), err, []channel.Reason{channel.ReasonOptOut})
	}
	if err := r.carrier.Wait(ctx); err != nil {
		return err
	}
	for _, e := range r.receipts(0) {
		if e.ID == a.ID && e.Ref == m.Ref && e.Reason == channel.ReasonOptOut {
			return nil
		}
	}
	return errors.New("neither the answer nor a receipt says opt_out")
}

func checkWrongCredentials(ctx context.Context, r *rig) error {
	if err := r.reopen(r.rotated()); err != nil {
		return err
	}
	return r.refused(ctx, r.text(), 2, channel.ReasonCredentials) // a token may be renewed once
}

func checkConcurrent(ctx context.Context, r *rig) error {
	const senders, each = 8, 5
	var wg sync.WaitGroup
	errs := make(chan error, senders*each*2)
	for range senders {
		wg.Go(func() {
			for range each {
				_, err := r.send(ctx, r.text())
				errs <- err
				_, err = r.carrier.Deliver(ctx, Text{Body: canary})
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	refs, ids := map[string]bool{}, map[string]bool{}
	for _, s := range r.carrier.Sent() {
		refs[s.Ref], ids[s.ID] = true, true
	}
	if n := len(r.carrier.Sent()); n != senders*each || len(refs) != n || len(ids) != n {
		return fmt.Errorf("%d texts with %d refs and %d ids were taken, not %d", n, len(refs), len(ids), senders*each)
	}
	return nil
}

func checkCanceledBefore(ctx context.Context, r *rig) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	before := len(r.carrier.Sent())
	_, err := r.send(ctx, r.text())
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%v does not wrap context.Canceled", err)
	}
	if len(r.carrier.Sent()) != before {
		return errors.New("the carrier took it")
	}
	return wantReason(r.provider.Name(), err, []channel.Reason{channel.ReasonRetry, channel.ReasonUnknown})
}

func checkCanceledDuring(ctx context.Context, r *rig) error {
	if _, err := r.accepted(ctx, r.text()); err != nil { // so that a token is there
		return err
	}
	r.carrier.Fail(Fault{Kind: FaultHang})
	ctx, cancel := context.WithTimeout(ctx, hangs)
	defer cancel()
	began := time.Now()
	_, err := r.send(ctx, r.text())
	if took := time.Since(began); took > hangs+5*time.Second {
		return fmt.Errorf("it took %v to notice", took)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%v does not wrap context.DeadlineExceeded", err)
	}
	return wantReason(r.provider.Name(), err, []channel.Reason{channel.ReasonUnknown})
}
