package twilio_test

import (
	"context"
	"fmt"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// Texts that came in while the desk could not be reached are still at Twilio.
func Example_list() {
	ctx := context.Background()
	carrier, err := smstest.OpenTwilio(smstest.TwilioConfig{})
	if err != nil {
		panic(err)
	}
	defer carrier.Close()
	_, err = carrier.Deliver(ctx, smstest.Text{Body: "Anybody there?"})
	fmt.Println(err)

	account, err := twilio.New(twilio.Config{Transport: carrier.Transport()}).Open(sms.Settings{
		Values:  map[string]string{"account_sid": smstest.TwilioAccountSID},
		Secrets: map[string]sms.Secret{"auth_token": sms.NewSecret(smstest.TwilioAuthToken)},
	})
	if err != nil {
		panic(err)
	}
	texts, err := account.(sms.Lister).List(ctx, sms.ListQuery{Direction: sms.DirectionInbound, To: smstest.TwilioNumber})
	for _, text := range texts {
		fmt.Println(text.Inbound.Text, text.From.Masked())
	}
	fmt.Println(err)
	// Output:
	// smstest: no webhook URL is set
	// Anybody there? …0123
	// <nil>
}
