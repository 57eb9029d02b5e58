package livedesk_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// filledIn is a channel as a person fills it in for each of the carriers, and the carrier.
func (w *world) filledIn(provider string) (livedesk.Channel, fake) {
	if provider == "twilio" {
		return livedesk.Channel{Provider: provider, Values: twilio.Setup{Name: "Support", PhoneNumber: smstest.TwilioNumber,
			AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}.Values()}, w.twilio
	}
	return livedesk.Channel{Provider: provider, Values: bandwidth.Setup{Name: "Sales", PhoneNumber: smstest.BandwidthNumber,
		AccountID: smstest.BandwidthAccountID, ApplicationID: smstest.BandwidthApplicationID,
		APIKey: sms.NewSecret(smstest.BandwidthClientID), APISecret: sms.NewSecret(smstest.BandwidthClientSecret),
		WebhookUser:     sms.NewSecret(smstest.BandwidthWebhookUser),
		WebhookPassword: sms.NewSecret(smstest.BandwidthWebhookPassword)}.Values()}, w.bandwidth
}

// The whole way, on both carriers' own protocols: asked, stored, registered through the API; a text arrives and one leaves;
// then the key is rotated and registered again, and nothing is lost.
func TestSetUp(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"twilio", "bandwidth"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c, carrier := w.filledIn(provider)
			w.carrier = carrier
			secret, number := "auth_token", "phone_number"
			if provider == "bandwidth" {
				secret = "api_secret"
			}
			with := func(name, value string) livedesk.Channel {
				bad := c
				bad.Values = maps.Clone(c.Values)
				bad.Values[name] = value
				return bad
			}
			wrong := map[string]string{secret: "7e57a000000000000000000000000bad", number: "+14155559999"}
			for name, value := range wrong {
				err := w.desk.Verify(w.ctx(), with(name, value))
				require.Contains(t, fields(err), name)
				require.NotContains(t, err.Error(), value)
				requireNoCanary(t, "error", err.Error())
			}
			carrier.SetDown(true)
			err := w.desk.Verify(w.ctx(), c)
			require.ErrorIs(t, err, livedesk.ErrCarrierUnavailable)
			_, ok := errors.AsType[*sms.UncheckedError](err)
			require.True(t, ok)
			carrier.SetDown(false)
			require.NoError(t, w.desk.Verify(w.ctx(), c))
			require.Empty(t, w.everyObject())

			w.ch = w.put(c)
			carrier.SetWebhooks("", smstest.HandlerTransport(w.engine.Webhooks()))
			require.NoError(t, w.desk.Register(w.ctx(), w.ch.ID))
			w.text(alice, "first")
			_, err = w.desk.RotateWebhookKey(w.ctx(), w.ch.ID)
			require.NoError(t, err)
			w.text(alice, "to the old address")
			require.NoError(t, w.desk.Register(w.ctx(), w.ch.ID))
			require.NoError(t, w.desk.EndRotation(w.ctx(), w.ch.ID))
			w.text(alice, "to the new address")
			require.Equal(t, []string{"first", "to the old address", "to the new address"}, w.incoming(alice))
			m := w.reply(w.only().ID, "hi")
			w.settle()
			require.Equal(t, livedesk.Delivered, w.state(m.ID))
			stored, err := w.desk.Channel(w.ctx(), w.ch.ID)
			require.NoError(t, err)
			require.NoError(t, w.desk.Verify(w.ctx(), stored), "and still, with the stored credentials")
			list, err := w.desk.Webhooks(w.ctx(), w.ch.ID)
			require.NoError(t, err)
			require.NotEmpty(t, list)
			require.Zero(t, w.engine.Ignored())
		})
	}
}
