package contract_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

const twilioMessages = "https://api.twilio.com/2010-04-01/Accounts/" + smstest.TwilioAccountSID + "/Messages.json"

var twilioOutside = []unlisted{
	{"GET", "api.twilio.com", "/2010-04-01/Accounts/AC*.json", "Account: the extract in ../shared has the paths of messages only; sms/twilio TestVerifyAsks"},
	{"GET", "api.twilio.com", "/2010-04-01/Accounts/AC*/IncomingPhoneNumbers.json", "numbers: the same; TestVerifyAsks"},
	{"POST", "api.twilio.com", "/2010-04-01/Accounts/AC*/IncomingPhoneNumbers/PN*.json", "a number's webhook: the same; TestRegisterChangesTheWebhookOnly"},
	{"GET", "messaging.twilio.com", "/v1/Services/MG*", "Messaging API v1 is another document; TestVerifyAsks"},
	{"POST", "messaging.twilio.com", "/v1/Services/MG*", "the same; TestRegisterChangesTheWebhookOnly"},
	{"GET", "messaging.twilio.com", "/v1/Services/MG*/PhoneNumbers", "the same; TestVerifyAsks"},
	{"GET", "messaging.twilio.com", "/v1/Services/MG*/ShortCodes", "the same; TestVerifyTellsWhatItFound"},
	{"GET", "messaging.twilio.com", "/v1/Services/MG*/AlphaSenders", "the same; TestVerifyTellsWhatItFound"},
	{"GET", "api.twilio.com", "/2010-04-01/Accounts/AC*/Messages/*/Media/ME*", "a file as a webhook's MediaUrl names it, without .json (S14); TestFetchMedia"},
	{"GET", "mms.twiliocdn.com", "/2010-04-01/Accounts/AC*/Messages/*/Media/ME*", "where MediaUrl redirects to (S14); TestFetchMediaRedirects"},
}

var twilioSenders = []channel.Address{smstest.TwilioNumber, "72345", "LiveDesk", "My Shop-1_&"}

func newTwilio(t testing.TB) (*smstest.Twilio, *recorder) {
	c := smstest.NewTwilio(t, smstest.TwilioConfig{Numbers: twilioSenders, Services: map[string][]channel.Address{
		smstest.TwilioServiceSID: twilioSenders, "MG000000000000000000000000000000ee": nil}})
	return c, &recorder{next: c.Transport()}
}

func twilioValues(change func(*twilio.Setup)) map[string]string {
	s := twilio.Setup{Name: "Support", PhoneNumber: smstest.TwilioNumber, AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}
	change(&s)
	return s.Values()
}

var (
	withNumber  = func(*twilio.Setup) {}
	withService = func(s *twilio.Setup) { s.MessagingServiceSID = smstest.TwilioServiceSID }
	withKey     = func(s *twilio.Setup) {
		s.APIKeySID, s.APIKeySecret = smstest.TwilioAPIKeySID, sms.NewSecret(smstest.TwilioAPIKeySecret)
	}
)

// Every request that the Twilio adapter sends is as Twilio describes it.
func TestTwilioRequests(t *testing.T) {
	l := &ledger{describe(t, "twilio_messages.openapi.json"), twilioOutside, map[string]int{}}
	c, rec := newTwilio(t)
	provider := twilio.New(twilio.Config{Transport: rec})
	for _, as := range []func(*twilio.Setup){withNumber, withService, withKey} {
		r := connect(t, provider, rec, twilioValues(as))
		sendAll(t, r, outbounds(twilioSenders, []channel.Address{smstest.Customer, "+33612345678", "+1234567"}, []string{smstest.TwilioServiceSID}, twilio.MaxText, 2000))
		useTwilio(t, r, c)
	}
	empty := connect(t, provider, rec, twilioValues(func(s *twilio.Setup) { s.MessagingServiceSID = "MG000000000000000000000000000000ee" }))
	require.ErrorContains(t, empty.account.(sms.Verifier).Verify(t.Context(), empty.values), "no sender")

	described := l.hold(t, rec.exchanges())
	for _, x := range described {
		if err := l.answer(x); err != nil {
			t.Errorf("the fake: %v\n%s", err, x.answer)
		}
	}
	for name, as := range map[string]func(*twilio.Setup){"number": withNumber, "service": withService, "key": withKey} {
		t.Run(name, func(t *testing.T) {
			l.hold(t, suite(t, twilioValues(as), func(t testing.TB, rec *recorder) (sms.Provider, smstest.Carrier) {
				c := smstest.NewTwilio(t, smstest.TwilioConfig{})
				rec.next = c.Transport()
				return twilio.New(twilio.Config{Transport: rec}), c
			}))
		})
	}
	l.complete(t, "POST /2010-04-01/Accounts/{AccountSid}/Messages.json", "GET /2010-04-01/Accounts/{AccountSid}/Messages.json",
		"GET /2010-04-01/Accounts/{AccountSid}/Messages/{MessageSid}/Media.json")
}

// useTwilio does what an account can do beside sending.
func useTwilio(t *testing.T, r rig, c *smstest.Twilio) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, r.account.(sms.Verifier).Verify(ctx, r.values))
	require.NoError(t, r.account.(sms.Registrar).Register(ctx, r.values))
	c.SetWebhooks("https://desk.example.com/sms/3f9a", smstest.HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })))
	file := c.AddMedia(smstest.Media{Body: []byte("\xff\xd8\xff")})
	for _, m := range []smstest.Text{{Body: "hello"}, {Body: "from a short code", From: "72345"}, {Body: "", Media: []string{file}},
		{Body: "from a name", From: "AMAZON", Media: files(10)}} {
		_, err := c.Deliver(ctx, m)
		require.NoError(t, err)
	}
	fetch(t, r, file)
	now := time.Now()
	for _, direction := range []sms.Direction{"", sms.DirectionInbound, sms.DirectionOutbound} {
		for _, since := range []time.Time{{}, now.Add(-time.Hour), now.Add(-400 * 24 * time.Hour)} {
			for _, until := range []time.Time{{}, now, now.Add(-72 * time.Hour)} {
				for _, who := range []channel.Address{"", smstest.Customer, "72345"} {
					_, err := r.account.(sms.Lister).List(ctx, sms.ListQuery{Direction: direction, Since: since, Until: until, From: who,
						To: smstest.TwilioNumber, Limit: 3})
					require.NoError(t, err)
				}
			}
		}
	}
	_, err := r.account.(sms.Lister).List(ctx, sms.ListQuery{}) // over several pages
	require.NoError(t, err)
}

// Twilio describes no error answers. Ours have the fields that its documentation and its SDK read (PROVIDERS.md 1.1).
func TestTwilioErrorAnswers(t *testing.T) {
	c, rec := newTwilio(t)
	r := connect(t, twilio.New(twilio.Config{Transport: rec}), rec, twilioValues(withNumber))
	for _, status := range []int{400, 401, 403, 404, 429, 500, 503} {
		c.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: status})
		_, err := r.account.Send(t.Context(), channel.Outbound{Ref: "a", From: smstest.TwilioNumber, To: smstest.Customer, Text: "x"})
		require.Error(t, err)
	}
	ask(t, rec, "POST", twilioMessages, "", "application/x-www-form-urlencoded", "To=%2B14155550123")
	ask(t, rec, "PUT", twilioMessages, "", "", "")
	ask(t, rec, "GET", "https://api.twilio.com/2010-04-01/Nothing.json", "", "", "")
	for _, x := range rec.exchanges() {
		require.GreaterOrEqual(t, x.status, 400)
		require.Contains(t, x.answerHeader.Get("Content-Type"), "application/json")
		var body map[string]any
		require.NoError(t, json.Unmarshal(x.answer, &body))
		require.Len(t, body, 4)
		require.EqualValues(t, x.status, body["status"])
		require.IsType(t, float64(0), body["code"])
		require.NotEmpty(t, body["message"])
		require.NoError(t, absolute(body["more_info"].(string)))
	}
}
