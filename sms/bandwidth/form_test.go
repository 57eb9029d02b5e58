package bandwidth_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
)

func TestForm(t *testing.T) {
	t.Parallel()
	p := bandwidth.New(bandwidth.Config{})
	f := p.Form()
	require.Equal(t, "bandwidth", f.Provider)
	require.Equal(t, f.Provider, p.Name())
	scopes := map[string]sms.Scope{
		"name": sms.ScopeChannel, "phone_number": sms.ScopeChannel,
		"account_id": sms.ScopeIdentity, "application_id": sms.ScopeIdentity,
		"use_basic": sms.ScopeConnection, "api_key": sms.ScopeConnection, "api_secret": sms.ScopeConnection,
		"webhook_user": sms.ScopeConnection, "webhook_password": sms.ScopeConnection,
	}
	require.Len(t, f.Fields, len(scopes))
	for _, d := range f.Fields {
		require.Equal(t, scopes[d.Name], d.Scope, d.Name)
		for _, s := range []string{d.Label.EN, d.Label.FR, d.Help.EN, d.Help.FR} {
			require.NotEmpty(t, s, d.Name)
		}
		require.Equal(t, d.Pattern == "", d.PatternHelp == sms.Text{}, d.Name)
		require.Equal(t, d.Kind != sms.FieldBool, d.Required, d.Name)
	}
	basic, _ := f.Field("use_basic")
	require.Contains(t, basic.Help.EN, "2026-12-02")
	require.Contains(t, basic.Help.FR, "2026-12-02")
	f.Fields[0].Name = "changed"
	require.Equal(t, "name", bandwidth.New(bandwidth.Config{}).Form().Fields[0].Name, "a copy each")
}

func TestFormValidate(t *testing.T) {
	t.Parallel()
	f := bandwidth.New(bandwidth.Config{}).Form()
	_, err := f.Validate(setup().Values())
	require.NoError(t, err)
	_, err = f.Validate(nil)
	require.Len(t, err, 8, "all at once")
	for field, values := range map[string][]string{ // F139 among them
		"phone_number":     {"9195550100", "+0195550100", "+1919 555 0100", "+1919555\r\n0100", "+1"},
		"account_id":       {"acme", "99/../1", "99 00", "99\n"[:2] + "\r\nX"},
		"application_id":   {"93de2206", "93de2206-9669-4e07-948d-329f4b722eeg", testApp + "/x", strings.ToUpper(testApp)},
		"use_basic":        {"yes"},
		"api_key":          {"a:b", "a\r\nb"},
		"api_secret":       {"a\r\nb", strings.Repeat("a", 513)},
		"webhook_user":     {"a:b", " "},
		"webhook_password": {"\x00", " "},
	} {
		for _, v := range values {
			all := setup().Values()
			all[field] = v
			_, err := f.Validate(all)
			require.Len(t, err, 1, "%s %q", field, v)
			require.Equal(t, field, err.(sms.FieldErrors)[0].Field)
		}
	}
}

// TestOpen is F7: no account without proof of origin.
func TestOpen(t *testing.T) {
	t.Parallel()
	p := bandwidth.New(bandwidth.Config{})
	for _, field := range []string{"api_key", "api_secret", "webhook_user", "webhook_password"} {
		for _, blank := range []sms.Secret{sms.NewSecret(""), sms.NewSecret(" \t")} {
			s := settings(setup())
			s.Secrets[field] = blank
			_, err := p.Open(s)
			require.Len(t, err, 1, field)
			require.Equal(t, field, err.(sms.FieldErrors)[0].Field)
			requireNoCanary(t, err)
		}
	}
	_, err := p.Open(sms.Settings{})
	require.Len(t, err, 6)
	s := settings(setup())
	s.Values["webhook_user"], s.Secrets["webhook_user"] = hookUser, sms.NewSecret("")
	s.Values["name"], s.Values["retired_field"] = "ignored", "ignored"
	_, err = p.Open(s)
	require.NoError(t, err, "the webhook user may come with the plain values")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"http://messaging.bandwidth.com/api/v2", "messaging.bandwidth.com", "ftp://localhost", "https://", "://",
		"https://user:canary-token@messaging.bandwidth.com", "https://messaging.bandwidth.com?x=canary-token",
		"https://messaging.bandwidth.com/\r\nX", "http://127.0.0.1.evil.example",
	} {
		for _, cfg := range []bandwidth.Config{{BaseURL: bad}, {TokenURL: bad}} {
			_, err := bandwidth.New(cfg).Open(settings(setup()))
			require.ErrorContains(t, err, "config", bad)
			requireNoCanary(t, err)
		}
	}
	for _, good := range []string{"https://example.com/x/", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost"} {
		_, err := bandwidth.New(bandwidth.Config{BaseURL: good, TokenURL: good}).Open(settings(setup()))
		require.NoError(t, err, good)
	}
}

// TestNothingShows is F151.
func TestNothingShows(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{})
	plain, err := json.Marshal(setup())
	require.NoError(t, err)
	shown := string(plain)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		shown += fmt.Sprintf(verb, a) + fmt.Sprintf(verb, setup()) + fmt.Sprintf(verb, bandwidth.New(bandwidth.Config{}))
	}
	for _, c := range canaries[:4] {
		require.NotContains(t, shown, c)
	}
}
