package bandwidth_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// A host lists the provider once; channels are data. In code, a channel is a Setup.
func ExampleSetup() {
	provider := bandwidth.New(bandwidth.Config{})
	channel := bandwidth.Setup{
		Name:            "Support",
		PhoneNumber:     "+19195550100",
		AccountID:       "9900902",
		ApplicationID:   "93de2206-9669-4e07-948d-329f4b722ee2",
		APIKey:          sms.NewSecret("client-id"),
		APISecret:       sms.NewSecret("client-secret"),
		WebhookUser:     sms.NewSecret("livedesk"),
		WebhookPassword: sms.NewSecret(""),
	}
	_, err := provider.Form().Validate(channel.Values())
	fmt.Println(err)
	fmt.Println(channel.APISecret)
	// Output:
	// webhook_password: is required
	// [redacted]
}

// Setting up a channel: tell the person where the address goes, or register it, and ask whether all fits.
func Example_setUp() {
	ctx := context.Background()
	carrier, err := smstest.OpenBandwidth(smstest.BandwidthConfig{})
	if err != nil {
		panic(err)
	}
	defer carrier.Close()
	provider := bandwidth.New(bandwidth.Config{Transport: carrier.Transport()}) // without Transport, the real one

	account, err := provider.Open(sms.Settings{
		Values: map[string]string{"account_id": smstest.BandwidthAccountID, "application_id": smstest.BandwidthApplicationID},
		Secrets: map[string]sms.Secret{
			"api_key": sms.NewSecret(smstest.BandwidthClientID), "api_secret": sms.NewSecret(smstest.BandwidthClientSecret),
			"webhook_user": sms.NewSecret("livedesk"), "webhook_password": sms.NewSecret("correct horse battery"),
		},
		WebhookURL: "https://desk.example.com/sms/3f9a",
	})
	if err != nil {
		panic(err)
	}
	channel := map[string]string{"phone_number": string(smstest.BandwidthNumber)}

	for _, hook := range account.(sms.WebhookTeller).Webhooks(channel) {
		fmt.Println(hook.Purpose, hook.URL)
	}
	verifier := account.(sms.Verifier)
	ask := func() {
		err := verifier.Verify(ctx, channel)
		if wrong, ok := errors.AsType[sms.FieldErrors](err); ok {
			fmt.Println("mend:", wrong)
		} else if open, ok := errors.AsType[*sms.UncheckedError](err); ok {
			fmt.Println("open:", len(open.Fields), "things")
		} else {
			fmt.Println("all fits")
		}
	}
	ask()
	app := carrier.Application() // somebody sets the user on the application
	app.Inbound.User, app.Outbound.User = "livedesk", "livedesk"
	carrier.SetApplication(app)
	ask()
	fmt.Println(account.(sms.Registrar).Register(ctx, channel))
	ask()
	// Output:
	// all https://desk.example.com/sms/3f9a
	// mend: webhook_user: differs from the user that the application sends with inbound callbacks: enter the same one in both places
	// open: 2 things
	// <nil>
	// all fits
}
