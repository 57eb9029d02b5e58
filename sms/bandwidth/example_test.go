package bandwidth_test

import (
	"fmt"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
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
