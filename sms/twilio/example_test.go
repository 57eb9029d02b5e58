package twilio_test

import (
	"fmt"
	"net/url"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// A channel written in Go: Setup fills in the form, the form says what is wrong with it.
func ExampleSetup() {
	setup := twilio.Setup{
		Name:        "Support",
		PhoneNumber: "+14155550123",
		AccountSID:  "AC00000000000000000000000000000001",
	}
	_, err := twilio.New(twilio.Config{}).Form().Validate(setup.Values())
	fmt.Println(err)
	// Output: auth_token: is required
}

// An account is opened for each connection. Its secrets print as nothing.
func ExampleProvider_Open() {
	account, err := twilio.New(twilio.Config{}).Open(sms.Settings{
		Values:     map[string]string{"account_sid": "AC00000000000000000000000000000001"},
		Secrets:    map[string]sms.Secret{"auth_token": sms.NewSecret("0123456789abcdef0123456789abcdef")},
		WebhookURL: "https://desk.example/sms/Yw3k0fKxPq7uT2vB",
	})
	fmt.Println(account, err)
	// Output: twilio account AC00000000000000000000000000000001 <nil>
}

// The example of Twilio's own documentation.
func ExampleSignature() {
	form := url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675310"}, "Digits": {"1234"},
		"From": {"+14158675310"}, "To": {"+18005551212"},
	}
	fmt.Println(twilio.Signature("12345", "https://example.com/myapp.php?foo=1&bar=2", form))
	// Output: L/OH5YylLD5NRKLltdqwSvS0BnU=
}
