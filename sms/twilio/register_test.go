package twilio_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

const registered = testWebhook + "#rc=5&rp=all"

func TestWebhooks(t *testing.T) {
	t.Parallel()
	teller := open(t, twilio.Config{}, settings()).(sms.WebhookTeller)
	for name, c := range map[string]struct {
		values map[string]string
		en, fr string
	}{
		"number":  {number(), "A message comes in", "A message comes in"},
		"service": {service(), "Request URL", "Request URL"},
	} {
		got := teller.Webhooks(c.values)
		require.Len(t, got, 1, name)
		require.Equal(t, "inbound", got[0].Purpose, name)
		require.Equal(t, registered, got[0].URL, name)
		for _, where := range []string{got[0].Where.EN, got[0].Where.FR} {
			require.Contains(t, where, "#rc=5&rp=all", name)
			require.Contains(t, where, "HTTP POST", name)
			require.Contains(t, where, "Defer to sender's webhook", name)
		}
		require.Contains(t, got[0].Where.EN, c.en, name)
		require.Contains(t, got[0].Where.FR, c.fr, name)
		require.NotEqual(t, got[0].Where.EN, got[0].Where.FR, name)
	}
	s := settings()
	s.WebhookURL = ""
	require.Empty(t, open(t, twilio.Config{}, s).(sms.WebhookTeller).Webhooks(number()))
}

// The address that Webhooks tells and the one that receipts are asked for have the overrides, and the form says why.
func TestOverridesAreEverywhere(t *testing.T) {
	t.Parallel()
	require.True(t, strings.HasSuffix(post(t, twilio.Config{}, settings(), outbound()).Form.Get("StatusCallback"), "#rc=5&rp=all"))
	for _, name := range []string{"phone_number", "messaging_service_sid"} {
		f, ok := twilio.New(twilio.Config{}).Form().Field(name)
		require.True(t, ok)
		require.Contains(t, f.Help.EN, "#rc=5&rp=all", name)
		require.Contains(t, f.Help.FR, "#rc=5&rp=all", name)
	}
}

func register(t *testing.T, a sms.Account, values map[string]string) error {
	t.Helper()
	r, ok := a.(sms.Registrar)
	require.True(t, ok)
	return r.Register(t.Context(), values)
}

// writes are the forms that a carrier was posted.
func writes(t *testing.T, c *smstest.Twilio) (out []url.Values) {
	t.Helper()
	for _, r := range c.Requests() {
		if r.Method == http.MethodPost {
			form, err := url.ParseQuery(string(r.Body))
			require.NoError(t, err)
			out = append(out, form)
		}
	}
	return out
}

// ask gets or sets a resource at a carrier as the account's owner does in the console.
func ask(t *testing.T, c *smstest.Twilio, target string, form url.Values) (got map[string]any) {
	t.Helper()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(testAccount, testToken)
	res, err := c.Transport().RoundTrip(req)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode, target)
	require.NoError(t, json.NewDecoder(res.Body).Decode(&got))
	return got
}

const (
	numberURL  = "https://api.twilio.com/2010-04-01/Accounts/" + testAccount + "/IncomingPhoneNumbers/PN00000000000000000000000000000001.json"
	serviceURL = "https://messaging.twilio.com/v1/Services/" + testService
)

// The owner's settings stay: nothing but the webhook's is posted, and only where it differs.
func TestRegisterChangesTheWebhookOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values map[string]string
		url    string
		owners url.Values // set before
		want   url.Values // posted
		after  map[string]any
	}{
		"number": {number(), numberURL,
			url.Values{"FriendlyName": {"Line"}, "VoiceUrl": {"https://a.example/v"}, "SmsFallbackUrl": {"https://a.example/f"}, "StatusCallback": {"https://a.example/s"}, "SmsUrl": {"https://a.example/old"}, "SmsMethod": {"GET"}},
			url.Values{"SmsUrl": {registered}, "SmsMethod": {"POST"}},
			map[string]any{"sms_url": registered, "sms_method": "POST"}},
		"service": {service(), serviceURL,
			url.Values{"FriendlyName": {"Pool"}, "StickySender": {"false"}, "FallbackUrl": {"https://a.example/f"}, "StatusCallback": {"https://a.example/s"}, "InboundMethod": {"GET"}, "ValidityPeriod": {"60"}},
			url.Values{"InboundRequestUrl": {registered}, "InboundMethod": {"POST"}, "UseInboundWebhookOnNumber": {"false"}},
			map[string]any{"inbound_request_url": registered, "inbound_method": "POST", "use_inbound_webhook_on_number": false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := carrier(t, smstest.TwilioConfig{})
			want := ask(t, at, c.url, c.owners)
			for name, v := range c.after {
				want[name] = v
			}
			before := len(writes(t, at))
			a := openAt(t, at, settings())
			for range 3 {
				require.NoError(t, register(t, a, c.values))
				require.Equal(t, want, ask(t, at, c.url, nil))
			}
			require.Equal(t, []url.Values{c.want}, writes(t, at)[before:], "once")

			for name, v := range map[string]string{"SmsUrl": "https://a.example/other", "SmsMethod": "GET", "InboundRequestUrl": "https://a.example/other",
				"InboundMethod": "GET", "UseInboundWebhookOnNumber": "true"} {
				if c.want.Has(name) {
					ask(t, at, c.url, url.Values{name: {v}})
					require.NoError(t, register(t, a, c.values))
					require.Equal(t, want, ask(t, at, c.url, nil), "after the owner changed %s", name)
				}
			}
		})
	}
}

// Register, then a text: the whole way, with an API key too.
func TestRegisterThenDeliver(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]map[string]string{"number": number(), "service": service()} {
		at := carrier(t, smstest.TwilioConfig{})
		a := openAt(t, at, withKey(settings()))
		var events []channel.Event
		at.SetWebhooks("", smstest.HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			r.URL.Scheme, r.URL.Host = "https", "desk.example"
			got, err := a.Parse(r, body)
			require.NoError(t, err)
			events = append(events, got...)
			w.WriteHeader(http.StatusNoContent)
		})))
		_, err := at.Deliver(t.Context(), smstest.Text{Body: "too early"})
		require.Error(t, err, name)
		require.NoError(t, register(t, a, values), name)
		_, err = at.Deliver(t.Context(), smstest.Text{Body: "hi"})
		require.NoError(t, err, name)
		require.Len(t, events, 1, name)
		require.Equal(t, "hi", events[0].(channel.Inbound).Text)
		require.Equal(t, testService, events[0].(channel.Inbound).Pool)
		require.Equal(t, registered, at.Webhooks()[0].URL, "with the overrides")
	}
}

func TestRegisterNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	at := carrier(t, smstest.TwilioConfig{})
	a := openAt(t, at, settings())
	for field, values := range map[string]map[string]string{
		"phone_number":          changed(number(), "phone_number", "+15005550006"),
		"messaging_service_sid": changed(service(), "messaging_service_sid", "MG00000000000000000000000000000009"),
	} {
		require.Equal(t, []string{field}, named(t, register(t, a, values)))
		require.Equal(t, []string{field}, named(t, register(t, a, changed(values, field, ""))))
	}
	ask(t, at, numberURL, url.Values{"SmsApplicationSid": {"AP00000000000000000000000000000001"}})
	err := register(t, a, number())
	require.Equal(t, []string{"phone_number"}, named(t, err), "Twilio would go on asking the app")
	require.ErrorContains(t, err, "TwiML app")
	require.Len(t, writes(t, at), 1, "the one above")

	s := settings()
	s.WebhookURL = ""
	require.ErrorContains(t, register(t, openAt(t, at, s), number()), "WebhookURL")
}

func TestRegisterCannot(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]map[string]string{"number": number(), "service": service()} {
		for n := range 2 {
			at := carrier(t, smstest.TwilioConfig{})
			seen, fault := 0, smstest.Fault{}
			at.FailFunc(func(smstest.Request) smstest.Fault {
				if seen++; seen == n+1 {
					return fault
				}
				return smstest.Fault{}
			})
			a := openAt(t, at, withKey(settings()))
			for f, want := range map[smstest.Fault]channel.Reason{
				{Kind: smstest.FaultStatus, Status: 403}: channel.ReasonCredentials,
				{Kind: smstest.FaultStatus, Status: 401}: channel.ReasonCredentials,
				{Kind: smstest.FaultStatus, Status: 429}: channel.ReasonRetry,
				{Kind: smstest.FaultStatus, Status: 500}: channel.ReasonRetry,
				{Kind: smstest.FaultReset}:               channel.ReasonRetry, // set or not: doing it again changes nothing
				{Kind: smstest.FaultGarbage}:             channel.ReasonRetry,
			} {
				seen, fault = 0, f
				err := register(t, a, values)
				requireNotAsked(t, err, want)
				require.Equal(t, f.Status == 403, errors.Is(err, errors.ErrUnsupported), "%s at request %d: a key that may not", name, n+1)
			}
			seen = 99
			require.NoError(t, register(t, a, values), name)
		}
	}
}
