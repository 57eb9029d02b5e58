package twilio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// carrier is a fake Twilio with the test account.
func carrier(t testing.TB, cfg smstest.TwilioConfig) *smstest.Twilio {
	cfg.AuthToken, cfg.APIKeySecret = testToken, testSecret
	return smstest.NewTwilio(t, cfg)
}

func openAt(t testing.TB, c *smstest.Twilio, s sms.Settings) sms.Account {
	return open(t, twilio.Config{Transport: c.Transport()}, s)
}

// number and service are the values of channels at a fresh carrier.
func number() map[string]string {
	return map[string]string{"name": "Support", "account_sid": testAccount, "phone_number": string(smstest.TwilioNumber)}
}

func service() map[string]string {
	return map[string]string{"name": "Support", "account_sid": testAccount, "use_messaging_service": "true", "messaging_service_sid": testService}
}

func changed(values map[string]string, field, value string) map[string]string {
	values[field] = value
	return values
}

func verify(t *testing.T, a sms.Account, values map[string]string) error {
	t.Helper()
	v, ok := a.(sms.Verifier)
	require.True(t, ok)
	return v.Verify(t.Context(), values)
}

// asked is what a carrier was asked, as "GET path".
func asked(c *smstest.Twilio) (out []string) {
	for _, r := range c.Requests() {
		_, path, _ := strings.Cut(strings.TrimPrefix(r.URL, "https://"), ".twilio.com")
		host, _, _ := strings.Cut(strings.TrimPrefix(r.URL, "https://"), ".")
		out = append(out, r.Method+" "+host+" "+path)
	}
	return out
}

func TestVerifyAsks(t *testing.T) {
	t.Parallel()
	account := "GET api /2010-04-01/Accounts/" + testAccount + ".json"
	theNumber := "GET api /2010-04-01/Accounts/" + testAccount + "/IncomingPhoneNumbers.json?PhoneNumber=%2B15105550100"
	theService := "GET messaging /v1/Services/" + testService
	codes := map[string][]channel.Address{testService: {"72345"}}
	names := map[string][]channel.Address{testService: {"ACME"}}
	for name, c := range map[string]struct {
		settings sms.Settings
		values   map[string]string
		services map[string][]channel.Address
		asks     []string
	}{
		"number":                 {settings(), number(), nil, []string{account, theNumber}},
		"number with a key":      {withKey(settings()), number(), nil, []string{account, theNumber}},
		"service":                {settings(), service(), nil, []string{account, theService, theService + "/PhoneNumbers?PageSize=1"}},
		"service with a key":     {withKey(settings()), service(), nil, []string{account, theService, theService + "/PhoneNumbers?PageSize=1"}},
		"service of a code":      {settings(), service(), codes, []string{account, theService, theService + "/PhoneNumbers?PageSize=1", theService + "/ShortCodes?PageSize=1"}},
		"service of a sender id": {settings(), service(), names, []string{account, theService, theService + "/PhoneNumbers?PageSize=1", theService + "/ShortCodes?PageSize=1", theService + "/AlphaSenders?PageSize=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := carrier(t, smstest.TwilioConfig{Numbers: []channel.Address{smstest.TwilioNumber, "72345", "ACME"}, Services: c.services})
			require.NoError(t, verify(t, openAt(t, at, c.settings), c.values))
			require.Equal(t, c.asks, asked(at))
		})
	}
}

// A subaccount is an account like any other, with a token of its own.
func TestVerifySubaccount(t *testing.T) {
	t.Parallel()
	const sub = "AC00000000000000000000000000000042"
	at := carrier(t, smstest.TwilioConfig{AccountSID: sub})
	s := settings()
	s.Values["account_sid"] = sub
	require.NoError(t, verify(t, openAt(t, at, s), number()))
	require.Equal(t, []string{"account_sid"}, named(t, verify(t, openAt(t, carrier(t, smstest.TwilioConfig{AccountSID: sub, AccountStatus: "closed"}), s), number())))
}

// named are the fields that an error names; it must be fit for a person to see.
func named(t *testing.T, err error) (out []string) {
	t.Helper()
	fields, ok := errors.AsType[sms.FieldErrors](err)
	require.True(t, ok, "%v", err)
	b, _ := json.Marshal(err)
	for _, secret := range []string{"canary", "5105550", "5005550", "k3y0", testAccount, testKey} {
		require.NotContains(t, fmt.Sprintf("%v|%+v|%#v|%s", err, err, err, b), secret)
	}
	for _, f := range fields {
		require.Greater(t, len(f.Problem), 10, f.Field)
		out = append(out, f.Field)
	}
	return out
}

func TestVerifyNamesEveryProblem(t *testing.T) {
	t.Parallel()
	badToken := settings()
	badToken.Secrets["auth_token"] = sms.NewSecret("canary0other0token")
	badTokenWithKey := withKey(settings())
	badTokenWithKey.Secrets["auth_token"] = sms.NewSecret("canary0other0token")
	badKey := withKey(settings())
	badKey.Secrets["api_key_secret"] = sms.NewSecret("canary0other0secret")
	badBoth := withKey(settings())
	badBoth.Secrets["auth_token"], badBoth.Secrets["api_key_secret"] = sms.NewSecret("canary0other0token"), sms.NewSecret("canary0other0secret")
	// "+1510555010" is part of the account's numbers, which is what Twilio's filter looks for.
	foreign, part, voice := changed(number(), "phone_number", "+15005550006"), changed(number(), "phone_number", "+1510555010"), changed(number(), "phone_number", "+15105550102")
	notActive := func(r smstest.Request) smstest.Fault {
		return smstest.Fault{Kind: smstest.FaultStatus, Status: http.StatusUnauthorized, Code: "20005"}
	}
	gone := func(r smstest.Request) smstest.Fault {
		if strings.HasSuffix(r.URL, testAccount+".json") {
			return smstest.Fault{Kind: smstest.FaultStatus, Status: http.StatusNotFound}
		}
		return smstest.Fault{}
	}
	for name, c := range map[string]struct {
		cfg      smstest.TwilioConfig
		fail     func(smstest.Request) smstest.Fault
		settings sms.Settings
		values   map[string]string
		want     []string
		says     string
	}{
		"token":                      {settings: badToken, values: number(), want: []string{"auth_token"}, says: "primary auth token"},
		"token beside a good key":    {settings: badTokenWithKey, values: number(), want: []string{"auth_token"}},
		"token and number":           {settings: badTokenWithKey, values: foreign, want: []string{"phone_number", "auth_token"}},
		"key":                        {settings: badKey, values: number(), want: []string{"api_key_secret"}, says: "create an API key"},
		"key and token":              {settings: badBoth, values: service(), want: []string{"api_key_secret", "auth_token"}},
		"suspended":                  {cfg: smstest.TwilioConfig{AccountStatus: "suspended"}, settings: settings(), values: number(), want: []string{"account_sid"}, says: "suspended"},
		"suspended, with a key":      {cfg: smstest.TwilioConfig{AccountStatus: "suspended"}, settings: withKey(settings()), values: service(), want: []string{"account_sid"}},
		"closed":                     {cfg: smstest.TwilioConfig{AccountStatus: "closed"}, settings: settings(), values: number(), want: []string{"account_sid"}, says: "closed"},
		"not active":                 {settings: settings(), fail: notActive, values: number(), want: []string{"account_sid"}, says: "not an active account"},
		"no account":                 {settings: settings(), fail: gone, values: number(), want: []string{"account_sid"}, says: "no account"},
		"number of nobody":           {settings: settings(), values: foreign, want: []string{"phone_number"}, says: "not a number of this account"},
		"number within another":      {settings: settings(), values: part, want: []string{"phone_number"}},
		"number without SMS":         {cfg: smstest.TwilioConfig{VoiceOnly: []channel.Address{"+15105550102"}}, settings: settings(), values: voice, want: []string{"phone_number"}, says: "SMS capability"},
		"no number":                  {settings: settings(), values: changed(number(), "phone_number", ""), want: []string{"phone_number"}, says: "is required"},
		"no E.164":                   {settings: settings(), values: changed(number(), "phone_number", "5105550100"), want: []string{"phone_number"}, says: "E.164"},
		"no number, suspended":       {cfg: smstest.TwilioConfig{AccountStatus: "suspended"}, settings: settings(), values: changed(number(), "phone_number", ""), want: []string{"phone_number", "account_sid"}},
		"service of nobody":          {settings: settings(), values: changed(service(), "messaging_service_sid", "MG00000000000000000000000000000009"), want: []string{"messaging_service_sid"}, says: "no Messaging Service of this account"},
		"service without a sender":   {cfg: smstest.TwilioConfig{Services: map[string][]channel.Address{testService: nil}}, settings: settings(), values: service(), want: []string{"messaging_service_sid"}, says: "no sender in its pool"},
		"service that is none":       {settings: settings(), values: changed(service(), "messaging_service_sid", "MG1/../x"), want: []string{"messaging_service_sid"}, says: "32 hexadecimal"},
		"service not given":          {settings: settings(), values: changed(service(), "messaging_service_sid", ""), want: []string{"messaging_service_sid"}},
		"service with an odd number": {settings: settings(), values: changed(service(), "phone_number", "x"), want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := carrier(t, c.cfg)
			at.FailFunc(c.fail)
			err := verify(t, openAt(t, at, c.settings), c.values)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.want, named(t, err))
			require.ErrorContains(t, err, c.says)
			_, open := errors.AsType[*sms.UncheckedError](err)
			require.False(t, open, "what follows from a fault is no news")
		})
	}
}

func TestVerifyServiceOfAnotherAccount(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "messaging.twilio.com" {
			return answers(200, nil, `{"sid":"`+testService+`","account_sid":"AC00000000000000000000000000000002"}`)(r)
		}
		return answers(200, nil, `{"status":"active"}`)(r)
	})}, settings())
	err := verify(t, a, service())
	require.Equal(t, []string{"messaging_service_sid"}, named(t, err))
	require.ErrorContains(t, err, "another account")
}

// Without an auth token, which needs the name that says so, the key tells what it can.
func TestVerifyWithoutToken(t *testing.T) {
	t.Parallel()
	s := withKey(settings())
	delete(s.Secrets, "auth_token")
	at := carrier(t, smstest.TwilioConfig{})
	a := open(t, twilio.Config{Transport: at.Transport(), InsecureSkipSignature: true}, s)
	require.NoError(t, verify(t, a, number()))
	require.Equal(t, []string{"phone_number"}, named(t, verify(t, a, changed(number(), "phone_number", "+15005550006"))))
}

// unchecked are the fields that an error leaves open; nothing in it is wrong, and nothing is given away.
func unchecked(t *testing.T, err error) (out []string) {
	t.Helper()
	open, ok := errors.AsType[*sms.UncheckedError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "twilio", open.Provider)
	for _, f := range open.Fields {
		require.True(t, strings.HasPrefix(f.Problem, "could not be checked: "), f.Problem)
		out = append(out, f.Field)
	}
	printed := fmt.Sprintf("%v|%+v|%#v|%#v", err, err, err, open)
	for _, secret := range []string{"canary", "5105550", "k3y0", "Basic ", "/2010-04-01/"} {
		require.NotContains(t, printed, secret)
	}
	return out
}

// requireNotAsked holds an error to: the carrier is at fault, not a value, and nothing is given away.
func requireNotAsked(t *testing.T, err error, want channel.Reason) {
	t.Helper()
	requireNoCanary(t, err)
	require.NotContains(t, fmt.Sprintf("%+v", err), "k3y0", "the key in the webhook's address")
	_, blamed := errors.AsType[sms.FieldErrors](err)
	require.False(t, blamed)
	require.Equal(t, want, sms.ReasonOf(err), "%v", err)
}

// A restricted key may still send, so it is no fault that it may not tell about the senders.
func TestVerifyMayNotRead(t *testing.T) {
	t.Parallel()
	forbidden := func(r smstest.Request) smstest.Fault {
		if strings.Contains(r.URL, "/IncomingPhoneNumbers") || strings.Contains(r.URL, "/v1/") {
			return smstest.Fault{Kind: smstest.FaultStatus, Status: http.StatusForbidden}
		}
		return smstest.Fault{}
	}
	for name, c := range map[string]struct {
		settings sms.Settings
		values   map[string]string
		field    string
		says     string
	}{
		"key, number":   {withKey(settings()), number(), "phone_number", "restricted"},
		"key, service":  {withKey(settings()), service(), "messaging_service_sid", "restricted"},
		"token, number": {settings(), number(), "phone_number", "refused"},
	} {
		at := carrier(t, smstest.TwilioConfig{})
		at.FailFunc(forbidden)
		err := verify(t, openAt(t, at, c.settings), c.values)
		require.Equal(t, []string{c.field}, unchecked(t, err), name)
		require.ErrorContains(t, err, c.says, name)
		_, wrong := errors.AsType[sms.FieldErrors](err)
		require.False(t, wrong, name)
		_, failed := errors.AsType[*sms.SendError](err)
		require.False(t, failed, "the carrier answered")
	}
}

func TestVerifyCannotAsk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault smstest.Fault
		want  channel.Reason
	}{
		"429":      {smstest.Fault{Kind: smstest.FaultStatus, Status: 429, RetryAfter: 3 * time.Second}, channel.ReasonRetry},
		"500":      {smstest.Fault{Kind: smstest.FaultStatus}, channel.ReasonRetry},
		"502":      {smstest.Fault{Kind: smstest.FaultHTML}, channel.ReasonRetry},
		"503":      {smstest.Fault{Kind: smstest.FaultHTML, Status: 503, RetryAfter: 3 * time.Second}, channel.ReasonRetry},
		"reset":    {smstest.Fault{Kind: smstest.FaultReset}, channel.ReasonRetry},
		"redirect": {smstest.Fault{Kind: smstest.FaultRedirect}, channel.ReasonRetry},
		"garbage":  {smstest.Fault{Kind: smstest.FaultGarbage}, channel.ReasonRetry},
		"400":      {smstest.Fault{Kind: smstest.FaultStatus, Status: 400}, channel.ReasonOther},
	} {
		for n := range 3 {
			t.Run(fmt.Sprint(name, " at request ", n+1), func(t *testing.T) {
				t.Parallel()
				at := carrier(t, smstest.TwilioConfig{})
				seen := 0
				at.FailFunc(func(smstest.Request) smstest.Fault {
					if seen++; seen == n+1 {
						return c.fault
					}
					return smstest.Fault{}
				})
				err := verify(t, openAt(t, at, settings()), service())
				requireNotAsked(t, err, c.want)
				require.Equal(t, [][]string{{"messaging_service_sid", "account_sid"}, {"messaging_service_sid"}, {"messaging_service_sid"}}[n], unchecked(t, err))
				after, ok := sms.RetryAfter(err)
				require.Equal(t, c.fault.RetryAfter > 0, ok)
				require.Equal(t, c.fault.RetryAfter, after)
				require.Len(t, at.Requests(), n+1, "it stops there")
			})
		}
	}
	t.Run("down", func(t *testing.T) {
		t.Parallel()
		at := carrier(t, smstest.TwilioConfig{})
		at.SetDown(true)
		requireNotAsked(t, verify(t, openAt(t, at, settings()), number()), channel.ReasonRetry)
	})
	t.Run("canceled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		at := carrier(t, smstest.TwilioConfig{})
		err := openAt(t, at, settings()).(sms.Verifier).Verify(ctx, number())
		require.ErrorIs(t, err, context.Canceled)
		requireNotAsked(t, err, channel.ReasonRetry)
	})
	t.Run("hangs", func(t *testing.T) {
		t.Parallel()
		at := carrier(t, smstest.TwilioConfig{})
		at.FailFunc(func(smstest.Request) smstest.Fault { return smstest.Fault{Kind: smstest.FaultHang} })
		a := open(t, twilio.Config{Transport: at.Transport(), Timeout: 20 * time.Millisecond}, settings())
		err := verify(t, a, number())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		requireNotAsked(t, err, channel.ReasonRetry)
	})
	t.Run("tells what it was asked", func(t *testing.T) {
		t.Parallel()
		a := open(t, twilio.Config{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.RawQuery == "" {
				return answers(200, nil, `{"status":"active"}`)(r)
			}
			return nil, fmt.Errorf("asking for %s", r.URL.Query().Get("PhoneNumber"))
		})}, settings())
		requireNotAsked(t, verify(t, a, number()), channel.ReasonRetry)
	})
	t.Run("tells its credentials", func(t *testing.T) {
		t.Parallel()
		a := open(t, twilio.Config{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("asking with %v", r.Header)
		})}, withKey(settings()))
		requireNotAsked(t, verify(t, a, number()), channel.ReasonRetry)
	})
}

// What was found is told even where the rest could not be asked, and what needs no question always.
func TestVerifyTellsWhatItFound(t *testing.T) {
	t.Parallel()
	at := carrier(t, smstest.TwilioConfig{AccountStatus: "suspended"})
	at.FailFunc(func(r smstest.Request) smstest.Fault {
		if strings.Contains(r.URL, "IncomingPhoneNumbers") {
			return smstest.Fault{Kind: smstest.FaultHTML}
		}
		return smstest.Fault{}
	})
	err := verify(t, openAt(t, at, settings()), number())
	require.Equal(t, []string{"account_sid"}, named(t, err))
	require.Equal(t, []string{"phone_number"}, unchecked(t, err))

	at.SetDown(true)
	err = verify(t, openAt(t, at, settings()), changed(number(), "phone_number", "x"))
	require.Equal(t, []string{"phone_number"}, named(t, err))
	require.Equal(t, []string{"account_sid"}, unchecked(t, err))
}

// The Messaging API has a host of its own at Twilio, and shares the base URL elsewhere.
func TestMessagingHost(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"":                                  "https://messaging.twilio.com/v1/",
		"https://api.twilio.com":            "https://messaging.twilio.com/v1/",
		"https://api.twilio.com:443":        "https://messaging.twilio.com:443/v1/",
		"https://api.dublin.ie1.twilio.com": "https://messaging.dublin.ie1.twilio.com/v1/",
		"https://api.example.com/twilio":    "https://api.example.com/twilio/v1/",
		"http://127.0.0.1:8080":             "http://127.0.0.1:8080/v1/",
	} {
		var urls []string
		a := open(t, twilio.Config{BaseURL: base, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			urls = append(urls, r.URL.String())
			require.Equal(t, r.URL.Host, r.Host)
			require.True(t, r.Body == nil || r.Body == http.NoBody, "a wrapped one would be sent in chunks")
			return answers(200, nil, `{"status":"active","account_sid":"`+testAccount+`","phone_numbers":[{}]}`)(r)
		})}, settings())
		require.NoError(t, verify(t, a, service()))
		require.Equal(t, want+"Services/"+testService, urls[1])
		require.True(t, slices.ContainsFunc(urls, func(u string) bool { return strings.HasPrefix(u, want) }))
	}
}
