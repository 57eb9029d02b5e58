package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// What a set-up page does on "Confirm": ask first, store then.
func ExampleDesk_Verify() {
	ctx := context.Background()
	_, desk, _, _ := exampleDesk(livedesk.Config{})
	confirm := func(filledIn livedesk.Channel) {
		err := desk.Verify(ctx, filledIn)
		switch {
		case err == nil:
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, livedesk.ErrCarrierUnavailable):
			// Nothing is known to be wrong. Store it, and say that it was not checked.
		default:
			for _, f := range livedesk.FieldErrors(err) { // show each beside its field
				fmt.Printf("%s %s\n", f.Field, f.Problem)
			}
			return
		}
		ch, err := desk.PutChannel(ctx, filledIn)
		fmt.Println("stored:", ch.Name(), err)
	}
	values := livedesk.Values{"name": "Sales", "phone_number": "510 555 0101", "account_sid": smstest.TwilioAccountSID,
		"auth_token": smstest.TwilioAuthToken}
	confirm(livedesk.Channel{Provider: "twilio", Values: values})
	values["phone_number"] = "+15105550101"
	confirm(livedesk.Channel{Provider: "twilio", Values: values})
	// Output:
	// phone_number must be "+", the country code and the number, digits only (E.164)
	// stored: Sales <nil>
}

// The addresses that somebody enters at the carrier, where Register can't do it.
func ExampleDesk_Webhooks() {
	ctx := context.Background()
	_, desk, ch, _ := exampleDesk(livedesk.Config{})
	list, err := desk.Webhooks(ctx, ch.ID)
	fmt.Println(err)
	for _, h := range list[:1] {
		address, key := h.URL[:len("https://desk.example.com/sms/")], h.URL[len("https://desk.example.com/sms/"):]
		fmt.Println(address, len(key) >= 26, h.Where.In("fr") != "")
	}
	// Output:
	// <nil>
	// https://desk.example.com/sms/ true true
}

// A carrier whose API takes webhook addresses is told them without anybody's help.
func ExampleDesk_Register() {
	ctx := context.Background()
	carrier := &paper{register: func(context.Context, map[string]string) error { return nil }}
	_, desk, _, _ := exampleDesk(livedesk.Config{Providers: []sms.Provider{carrier}})
	ch, _ := desk.PutChannel(ctx, paperChannel(nil))
	err := desk.Register(ctx, ch.ID)
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Println("show desk.Webhooks to a person")
	}
	fmt.Println(err)
	// Output: <nil>
}

// A key that leaked is rotated: the carrier is told the new address while the old one still counts.
func ExampleDesk_RotateWebhookKey() {
	ctx := context.Background()
	engine, desk, ch, carrier := exampleDesk(livedesk.Config{})
	before, _ := desk.WebhookURL(ctx, ch.ID)
	list, err := desk.RotateWebhookKey(ctx, ch.ID)
	fmt.Println(err, strings.HasPrefix(list[0].URL, before))

	d, _ := carrier.Deliver(ctx, smstest.Text{Body: "to the old address"})
	fmt.Println(d.Status)
	carrier.SetWebhooks(list[0].URL, smstest.HandlerTransport(engine.Webhooks()))
	_ = desk.EndRotation(ctx, ch.ID) // or wait for Config.RotationWindow
	d, _ = carrier.Deliver(ctx, smstest.Text{Body: "to the new one"})
	fmt.Println(d.Status)
	// Output:
	// <nil> false
	// 204
	// 204
}

// What the person on call sees while a carrier refuses the credentials, and does about it.
func ExampleDesk_Health() {
	ctx := context.Background()
	engine, desk, ch, carrier := exampleDesk(livedesk.Config{})
	carrier.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: 401})
	_, _ = desk.Notify(ctx, ch.ID, "+14155550123", livedesk.Draft{Text: "Your table is ready."})
	_ = engine.Settle(ctx)
	h, err := desk.Health(ctx, ch.ID)
	fmt.Println(h.State, h.Code, err)
	fmt.Println(h.Reason)
	fmt.Println("next probe after", h.NextProbe.Sub(h.Since))

	_ = desk.ResumeChannel(ctx, ch.ID, livedesk.AgentActor("ada")) // mended at the carrier: try now
	_, _ = desk.Notify(ctx, ch.ID, "+14155550124", livedesk.Draft{Text: "Yours too."})
	_ = engine.Settle(ctx)
	h, _ = desk.Health(ctx, ch.ID)
	fmt.Println(h.State)
	// Output:
	// credentials_refused 20003 <nil>
	// the carrier refuses the credentials; mend them with the carrier, or store new ones
	// next probe after 1m0s
	// ok
}

func ExampleDesk_PauseChannel() {
	ctx := context.Background()
	_, desk, ch, _ := exampleDesk(livedesk.Config{})
	_ = desk.PauseChannel(ctx, ch.ID, livedesk.AgentActor("ada"), "number is being ported")
	h, _ := desk.Health(ctx, ch.ID)
	fmt.Println(h.State, "by", h.By.ID+":", h.Reason)
	_ = desk.ResumeChannel(ctx, ch.ID, livedesk.AgentActor("ada"))
	h, _ = desk.Health(ctx, ch.ID)
	fmt.Println(h.State)
	// Output:
	// paused by ada: number is being ported
	// ok
}

func ExampleEngine_Readiness() {
	engine, _, _, _ := exampleDesk(livedesk.Config{})
	mux := http.NewServeMux()
	mux.Handle("/livez", engine.Liveness())   // for restarting: the process alone
	mux.Handle("/readyz", engine.Readiness()) // for routing: the store too
	h := engine.Health(context.Background())
	fmt.Println(h.Ready, h.Running, h.Channels[livedesk.HealthOK])
	// Output: true false 1
}
