package smstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// registerClauses hold an account that is a [sms.WebhookTeller] or a [sms.Registrar] to these interfaces.
var registerClauses = []clause{
	{"webhooks", "Webhooks are addresses below the connection's, each with its purpose and where it is entered; one is for texts that come in.", checkWebhooks},
	{"register", "Once registered, a customer's text arrives.", checkRegister},
	{"register_again", "Registering again changes nothing.", checkRegisterAgain},
	{"register_sender", "A number or pool that the account doesn't have is a FieldErrors that names its field, unless it has no part in what is registered.", checkRegisterSender},
	{"register_credentials", "With credentials that the carrier refuses, nothing is registered.", checkRegisterCredentials},
	{"register_down", "A carrier that can't be reached says nothing about the values.", checkRegisterDown},
	{"register_503", "Nor does one that is out of order, at whichever request.", checkRegisterFaults},
}

func checkWebhooks(_ context.Context, r *rig) error {
	teller, err := capability[sms.WebhookTeller](r)
	if err != nil {
		return err
	}
	hooks := teller.Webhooks(r.values(nil))
	inbound := false
	for _, w := range hooks {
		inbound = inbound || w.Purpose == "inbound" || w.Purpose == "all"
		switch {
		case !slices.Contains([]string{"inbound", "status", "all"}, w.Purpose):
			return fmt.Errorf("the purpose is %q", w.Purpose)
		case !strings.HasPrefix(w.URL, r.settings.WebhookURL):
			return fmt.Errorf("the %s address is not below the connection's", w.Purpose)
		case w.Where.EN == "" || w.Where.FR == "":
			return fmt.Errorf("the %s address lacks a language of where it is entered", w.Purpose)
		}
		_ = r.seen(errors.New(w.URL + w.Where.EN + w.Where.FR))
	}
	if !inbound {
		return errors.New("no address is for texts that come in")
	}
	if n := len(r.carrier.Requests()); n > 0 {
		return fmt.Errorf("the carrier saw %d requests", n)
	}
	if again := teller.Webhooks(r.values(nil)); !reflect.DeepEqual(again, hooks) {
		return errors.New("another call returned others")
	}
	return nil
}

// register has the carrier forget where webhooks go, and then told.
func (r *rig) register(ctx context.Context, change map[string]string) error {
	reg, err := capability[sms.Registrar](r)
	if err != nil {
		return err
	}
	err = r.seen(reg.Register(ctx, r.values(change)))
	if errors.Is(err, errors.ErrUnsupported) {
		return absent("the carrier's API can't do it with these credentials")
	}
	return err
}

// forget makes the carrier know no address, so that a text that arrives shows that it was told one.
func (r *rig) forget() { r.carrier.SetWebhooks("", HandlerTransport(r)) }

func checkRegister(ctx context.Context, r *rig) error {
	r.forget()
	if err := r.register(ctx, nil); err != nil {
		return err
	}
	if n := r.sends(); n > 0 {
		return fmt.Errorf("the carrier saw %d requests to send", n)
	}
	return checkInbound(ctx, r)
}

func checkRegisterAgain(ctx context.Context, r *rig) error {
	r.forget()
	for range 2 {
		if err := r.register(ctx, nil); err != nil {
			return err
		}
	}
	events, err := r.deliver(ctx, Text{To: r.from, Body: canary})
	if err == nil && len(events) != 1 {
		err = fmt.Errorf("%d events came of one text", len(events))
	}
	return err
}

func checkRegisterSender(ctx context.Context, r *rig) error {
	err := r.register(ctx, map[string]string{r.senderField(): r.foreign()})
	if err == nil {
		return nil
	}
	return r.wantSenderNamed(err)
}

func checkRegisterCredentials(ctx context.Context, r *rig) error {
	r.forget()
	if err := r.reopen(r.rotated()); err != nil {
		return err
	}
	err := r.register(ctx, nil)
	if errors.As(err, new(absent)) {
		return err
	}
	if err == nil {
		return errors.New("it was reported as done")
	}
	if _, err := r.carrier.Deliver(ctx, Text{Body: canary}); err == nil {
		return errors.New("the carrier knows an address")
	}
	return nil
}

func checkRegisterDown(ctx context.Context, r *rig) error {
	r.carrier.SetDown(true)
	defer r.carrier.SetDown(false)
	return wantFailed(r.register(ctx, nil))
}

func checkRegisterFaults(ctx context.Context, r *rig) error {
	return r.everyRequest(Fault{Kind: FaultStatus, Status: 503}, func() error {
		r.forget() // so that there is something to change
		return r.register(ctx, nil)
	}, wantFailed)
}

// wantFailed wants the error of a request that sends no text and failed: a SendError, but not of unknown outcome.
func wantFailed(err error) error {
	if err == nil {
		return errors.New("it was reported as done")
	}
	if errors.As(err, new(absent)) {
		return err
	}
	if _, ok := errors.AsType[sms.FieldErrors](err); ok {
		return fmt.Errorf("the values are blamed: %w", err)
	}
	e, ok := errors.AsType[*sms.SendError](err)
	if !ok {
		return fmt.Errorf("%T is no *sms.SendError", err)
	}
	if e.Reason == channel.ReasonUnknown || e.Reason == channel.ReasonNone {
		return fmt.Errorf("the reason is %q, though no text was sent", e.Reason)
	}
	return nil
}
