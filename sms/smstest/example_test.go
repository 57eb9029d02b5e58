package smstest_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// A program that simulates its carrier: no socket, no account, no phone.
func Example() {
	ctx := context.Background()
	desk := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // engine.Webhooks() in a real one
		w.WriteHeader(http.StatusNoContent)
	})
	carrier, err := smstest.OpenTwilio(smstest.TwilioConfig{
		WebhookURL:       "https://desk.example.com/sms/3f9a",
		WebhookTransport: smstest.HandlerTransport(desk),
	})
	if err != nil {
		panic(err)
	}
	defer carrier.Close()

	provider := twilio.New(twilio.Config{Transport: carrier.Transport()})
	account, err := provider.Open(sms.Settings{
		Values:     map[string]string{"account_sid": smstest.TwilioAccountSID},
		Secrets:    map[string]sms.Secret{"auth_token": sms.NewSecret(smstest.TwilioAuthToken)},
		WebhookURL: "https://desk.example.com/sms/3f9a",
	})
	if err != nil {
		panic(err)
	}

	delivery, err := carrier.Deliver(ctx, smstest.Text{Body: "Is the 2 pm slot still free?"})
	fmt.Println(delivery.OK(), err)

	_, err = account.Send(ctx, channel.Outbound{Ref: "m-1", From: smstest.TwilioNumber, To: smstest.Customer, Text: "It is."})
	fmt.Println(err)
	fmt.Println(carrier.Wait(ctx)) // until sent and delivered are posted
	text := carrier.Sent()[0]
	fmt.Println(text.Ref, text.Body, text.Status)
	for _, w := range carrier.Webhooks() {
		fmt.Println(w.Kind, w.Word, w.Status)
	}
	// Output:
	// true <nil>
	// <nil>
	// <nil>
	// m-1 It is. delivered
	// inbound  204
	// status sent 204
	// status delivered 204
}

// A send whose answer is lost although the carrier took the text.
func ExampleFault() {
	carrier, err := smstest.OpenTwilio(smstest.TwilioConfig{})
	if err != nil {
		panic(err)
	}
	defer carrier.Close()
	account, err := twilio.New(twilio.Config{Transport: carrier.Transport()}).Open(sms.Settings{
		Values:  map[string]string{"account_sid": smstest.TwilioAccountSID},
		Secrets: map[string]sms.Secret{"auth_token": sms.NewSecret(smstest.TwilioAuthToken)},
	})
	if err != nil {
		panic(err)
	}
	carrier.Fail(smstest.Fault{Kind: smstest.FaultReset, Accept: true})
	_, err = account.Send(context.Background(), channel.Outbound{Ref: "m-1", From: smstest.TwilioNumber, To: smstest.Customer, Text: "hi"})
	fmt.Println(sms.ReasonOf(err), len(carrier.Sent()))
	// Output: unknown_outcome 1
}

// Hold an adapter to the contract, in its own tests.
func ExampleRunProvider() {
	_ = func(t *testing.T) { // func TestProvider(t *testing.T)
		smstest.RunProvider(t, smstest.Case{
			Values: twilio.Setup{Name: "Support", PhoneNumber: smstest.TwilioNumber, AccountSID: smstest.TwilioAccountSID,
				AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}.Values(),
			Connect: func(t testing.TB) (sms.Provider, smstest.Carrier) {
				carrier := smstest.NewTwilio(t, smstest.TwilioConfig{})
				return twilio.New(twilio.Config{Transport: carrier.Transport()}), carrier
			},
		})
	}
}
