package smstest_test

import (
	"testing"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

func twilioSetup() twilio.Setup {
	return twilio.Setup{Name: "Support", PhoneNumber: smstest.TwilioNumber, AccountSID: smstest.TwilioAccountSID,
		AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}
}

func bandwidthSetup() bandwidth.Setup {
	return bandwidth.Setup{Name: "Support", PhoneNumber: smstest.BandwidthNumber, AccountID: smstest.BandwidthAccountID,
		ApplicationID: smstest.BandwidthApplicationID, APIKey: sms.NewSecret(smstest.BandwidthClientID), APISecret: sms.NewSecret(smstest.BandwidthClientSecret),
		WebhookUser: sms.NewSecret(smstest.BandwidthWebhookUser), WebhookPassword: sms.NewSecret(smstest.BandwidthWebhookPassword)}
}

func twilioInProcess(t testing.TB) (sms.Provider, smstest.Carrier) {
	c := smstest.NewTwilio(t, smstest.TwilioConfig{})
	return twilio.New(twilio.Config{Transport: c.Transport()}), c
}

func twilioOverHTTP(t testing.TB) (sms.Provider, smstest.Carrier) {
	c := smstest.NewTwilio(t, smstest.TwilioConfig{})
	return twilio.New(twilio.Config{BaseURL: c.URL()}), c
}

func bandwidthInProcess(t testing.TB) (sms.Provider, smstest.Carrier) {
	c := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
	return bandwidth.New(bandwidth.Config{Transport: c.Transport()}), c
}

func bandwidthOverHTTP(t testing.TB) (sms.Provider, smstest.Carrier) {
	c := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
	return bandwidth.New(bandwidth.Config{BaseURL: c.URL() + "/api/v2", TokenURL: c.URL() + "/api/v1/oauth2/token", DashboardURL: c.URL() + "/api/v2"}), c
}

func TestTwilio(t *testing.T) {
	t.Parallel()
	number, service, key := twilioSetup(), twilioSetup(), twilioSetup()
	service.MessagingServiceSID = smstest.TwilioServiceSID
	key.APIKeySID, key.APIKeySecret = smstest.TwilioAPIKeySID, sms.NewSecret(smstest.TwilioAPIKeySecret)
	for name, setup := range map[string]twilio.Setup{"number": number, "service": service, "api_key": key} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			smstest.RunProvider(t, smstest.Case{Connect: twilioInProcess, Values: setup.Values()})
		})
	}
	t.Run("over_http", func(t *testing.T) {
		t.Parallel()
		smstest.RunProvider(t, smstest.Case{Connect: twilioOverHTTP, Values: number.Values()})
	})
}

func TestBandwidth(t *testing.T) {
	t.Parallel()
	token, basic := bandwidthSetup(), bandwidthSetup()
	basic.UseBasic, basic.APIKey, basic.APISecret = true, sms.NewSecret(smstest.BandwidthAPIUser), sms.NewSecret(smstest.BandwidthAPIPassword)
	t.Run("token", func(t *testing.T) {
		t.Parallel()
		smstest.RunProvider(t, smstest.Case{Connect: bandwidthInProcess, Values: token.Values()})
	})
	t.Run("basic", func(t *testing.T) {
		t.Parallel()
		open := map[string]string{}
		for _, clause := range []string{"verify", "verify_503", "verify_429", "verify_garbage"} {
			open[clause] = "how long Bandwidth accepts API users is always left open"
		}
		smstest.RunProvider(t, smstest.Case{Connect: bandwidthInProcess, Values: basic.Values(), Except: open})
	})
	t.Run("over_http", func(t *testing.T) {
		t.Parallel()
		smstest.RunProvider(t, smstest.Case{Connect: bandwidthOverHTTP, Values: token.Values()})
	})
}
