package twilio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

const (
	testAccount = "AC00000000000000000000000000000001"
	testService = "MG00000000000000000000000000000001"
	testKey     = "SK00000000000000000000000000000001"
	testToken   = "canary0token0aaaaaaaaaaaaaaaaaaa"
	testSecret  = "canary0secret0bbbbbbbbbbbbbbbbbb"
	testWebhook = "https://desk.example/sms/k3y0k3y0k3y0k3y0"
)

// settings are those of an account that sends with its auth token.
func settings() sms.Settings {
	return sms.Settings{
		Values:     map[string]string{"account_sid": testAccount},
		Secrets:    map[string]sms.Secret{"auth_token": sms.NewSecret(testToken)},
		WebhookURL: testWebhook,
	}
}

func withKey(s sms.Settings) sms.Settings {
	s.Values["use_api_key"], s.Values["api_key_sid"] = "true", testKey
	s.Secrets["api_key_secret"] = sms.NewSecret(testSecret)
	return s
}

func open(t testing.TB, cfg twilio.Config, s sms.Settings) sms.Account {
	t.Helper()
	a, err := twilio.New(cfg).Open(s)
	require.NoError(t, err)
	return a
}

// roundTripper is a carrier inside the process.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answers is a carrier that reads every request and gives the same answer.
func answers(status int, header map[string]string, body string) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		h := http.Header{}
		for k, v := range header {
			h.Set(k, v)
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func outbound() channel.Outbound {
	return channel.Outbound{Ref: "0192f0c1-ref", From: "+15105550100", To: "+14155550123", Text: "canary text of a reply"}
}

// testdata reads a file of this package.
func testdata(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}

// shared reads a file of the reference data that is kept beside the repository, because its licence isn't ours.
func shared(t testing.TB, name string, into any) {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for !isRoot(dir) {
		require.NotEqual(t, dir, filepath.Dir(dir), "no go.mod of this module above")
		dir = filepath.Dir(dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, "..", "shared", "data", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the reference data is missing: put %s into ../shared/data beside the repository to run this", name)
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}

func isRoot(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && strings.HasPrefix(string(b), "module github.com/livedesk/livedesk-go\n")
}

// F7: no account opens without what verifies its webhooks, and every wrong field is named at once.
func TestOpenNamesEveryWrongField(t *testing.T) {
	t.Parallel()
	with := func(change func(*sms.Settings)) sms.Settings {
		s := withKey(settings())
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		s     sms.Settings
		wrong []string
	}{
		"nothing":           {sms.Settings{}, []string{"account_sid", "auth_token"}},
		"blank token":       {with(func(s *sms.Settings) { s.Secrets["auth_token"] = sms.NewSecret("  ") }), []string{"auth_token"}},
		"no token":          {with(func(s *sms.Settings) { delete(s.Secrets, "auth_token") }), []string{"auth_token"}},
		"token with break":  {with(func(s *sms.Settings) { s.Secrets["auth_token"] = sms.NewSecret("abc\r\nX: y") }), []string{"auth_token"}},
		"no API key":        {with(func(s *sms.Settings) { s.Values["api_key_sid"] = "" }), []string{"api_key_sid"}},
		"no secret":         {with(func(s *sms.Settings) { s.Secrets["api_key_secret"] = sms.NewSecret("") }), []string{"api_key_secret"}},
		"account of others": {with(func(s *sms.Settings) { s.Values["account_sid"] = "PN" + testAccount[2:] }), []string{"account_sid"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := twilio.New(twilio.Config{}).Open(c.s)
			fields, ok := errors.AsType[sms.FieldErrors](err)
			require.True(t, ok, "%v", err)
			var got []string
			for _, f := range fields {
				got = append(got, f.Field)
			}
			require.Equal(t, c.wrong, got)
		})
	}
}

func TestOpenRefusesURLs(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"desk.example/x", "ftp://desk.example/x", "https://desk.example/x/", "https://desk.example/x?y",
		"https://desk.example/x#y", "https://desk.example/x\r\nEvil: 1", "https:///x", "https://desk.example/a b", "https://my_desk.example/x"} {
		s := settings()
		s.WebhookURL = u
		_, err := twilio.New(twilio.Config{}).Open(s)
		require.Error(t, err, u)
	}
	for _, u := range []string{"api.twilio.com", "https://user:pass@api.twilio.com", "https://api.twilio.com?x=y", "https://api.twilio.com#x", "://"} {
		_, err := twilio.New(twilio.Config{BaseURL: u}).Open(settings())
		require.ErrorContains(t, err, "BaseURL", u)
		require.NotContains(t, err.Error(), "pass")
	}
}

func TestOpenWithoutTokenNeedsTheNameThatSaysSo(t *testing.T) {
	t.Parallel()
	s := withKey(settings())
	delete(s.Secrets, "auth_token")
	_, err := twilio.New(twilio.Config{InsecureSkipSignature: true}).Open(s)
	require.NoError(t, err)
	s = settings() // without a key the token also sends
	delete(s.Secrets, "auth_token")
	_, err = twilio.New(twilio.Config{InsecureSkipSignature: true}).Open(s)
	require.Error(t, err)
}

// F151: no verb prints a secret.
func TestAccountPrintsNoSecret(t *testing.T) {
	t.Parallel()
	s := withKey(settings())
	s.Previous = []map[string]sms.Secret{{"auth_token": sms.NewSecret("canary0previous")}}
	a := open(t, twilio.Config{}, s)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "account", a)
	b, err := json.Marshal(a)
	require.NoError(t, err)
	setup := twilio.Setup{AuthToken: sms.NewSecret(testToken), APIKeySecret: sms.NewSecret(testSecret)}
	for _, out := range []string{fmt.Sprintf("%v|%+v|%#v|%s|%q|%x|%d", a, a, a, a, a, a, a), log.String(), string(b),
		fmt.Sprintf("%v|%+v|%#v", setup, setup, setup)} {
		require.NotContains(t, out, "canary")
		require.NotContains(t, out, fmt.Sprintf("%x", "canary"))
	}
	require.Contains(t, fmt.Sprint(a), testAccount)
}

func TestTraits(t *testing.T) {
	t.Parallel()
	d, ok := open(t, twilio.Config{}, settings()).(sms.Describer)
	require.True(t, ok)
	require.Equal(t, 1600, d.Traits().MaxText)
	require.True(t, d.Traits().ConfirmsOptOut)
}

// encode writes a form with its parameters in the order given.
func encode(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(pairs[i]) + "=" + url.QueryEscape(pairs[i+1]))
	}
	return b.String()
}
