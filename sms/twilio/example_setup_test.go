package twilio_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// What a set-up page does before it stores a channel: ask Twilio whether it will work, tell what to enter in the
// console, or enter it. The fake carrier stands for Twilio; leave Transport out to ask the real one.
func Example_setup() {
	ctx := context.Background()
	desk := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // engine.Webhooks() in a real one
		fmt.Println("a text arrives at", r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	})
	carrier, err := smstest.OpenTwilio(smstest.TwilioConfig{WebhookTransport: smstest.HandlerTransport(desk)})
	if err != nil {
		panic(err)
	}
	defer carrier.Close()

	provider := twilio.New(twilio.Config{Transport: carrier.Transport()})
	account, err := provider.Open(sms.Settings{
		Values:     map[string]string{"account_sid": smstest.TwilioAccountSID},
		Secrets:    map[string]sms.Secret{"auth_token": sms.NewSecret(smstest.TwilioAuthToken)},
		WebhookURL: "https://desk.example/sms/Yw3k0fKxPq7uT2vB",
	})
	if err != nil {
		panic(err)
	}

	values := map[string]string{"name": "Support", "phone_number": "+15005550006"}
	fmt.Println(account.(sms.Verifier).Verify(ctx, values))
	values["phone_number"] = string(smstest.TwilioNumber)
	fmt.Println(account.(sms.Verifier).Verify(ctx, values))

	for _, w := range account.(sms.WebhookTeller).Webhooks(values) {
		fmt.Println(w.Purpose, w.URL)
	}

	fmt.Println(account.(sms.Registrar).Register(ctx, values))
	_, err = carrier.Deliver(ctx, smstest.Text{Body: "Is the 2 pm slot still free?"})
	fmt.Println(err)
	// Output:
	// phone_number: is not a number of this account: buy or port it at Twilio, or enter the SID of the account or subaccount that has it
	// <nil>
	// inbound https://desk.example/sms/Yw3k0fKxPq7uT2vB#rc=5&rp=all
	// <nil>
	// a text arrives at /sms/Yw3k0fKxPq7uT2vB
	// <nil>
}
