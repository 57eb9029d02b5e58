package twilio_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

func TestFormIsComplete(t *testing.T) {
	t.Parallel()
	f := twilio.New(twilio.Config{}).Form()
	require.Equal(t, "twilio", f.Provider)
	scopes := map[string]sms.Scope{}
	for _, d := range f.Fields {
		scopes[d.Name] = d.Scope
		for _, text := range []sms.Text{f.Title, d.Label, d.Help} {
			require.NotEmpty(t, text.EN, d.Name)
			require.NotEmpty(t, text.FR, d.Name)
		}
		_, err := regexp.Compile(d.Pattern)
		require.NoError(t, err)
		require.Equal(t, d.Pattern != "", d.PatternHelp.EN != "" && d.PatternHelp.FR != "", d.Name)
	}
	require.Equal(t, map[string]sms.Scope{
		"name": sms.ScopeChannel, "phone_number": sms.ScopeChannel, "use_messaging_service": sms.ScopeChannel,
		"messaging_service_sid": sms.ScopeChannel, "account_sid": sms.ScopeIdentity, "use_api_key": sms.ScopeConnection,
		"api_key_sid": sms.ScopeConnection, "api_key_secret": sms.ScopeConnection, "auth_token": sms.ScopeConnection,
	}, scopes)
	for name, secret := range map[string]bool{"auth_token": true, "api_key_secret": true, "api_key_sid": false} {
		d, _ := f.Field(name)
		require.Equal(t, secret, d.Secret, name)
	}
	f.Fields[0].Name = "changed"
	require.Equal(t, "name", twilio.New(twilio.Config{}).Form().Fields[0].Name, "the same on every call")
}

func TestSetupFillsTheForm(t *testing.T) {
	t.Parallel()
	f := twilio.New(twilio.Config{}).Form()
	number := twilio.Setup{Name: "Support", PhoneNumber: "+14155550123", AccountSID: testAccount, AuthToken: sms.NewSecret(testToken)}
	got, err := f.Validate(number.Values())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"name": "Support", "phone_number": "+14155550123", "account_sid": testAccount, "auth_token": testToken}, got)

	pool := number
	pool.MessagingServiceSID, pool.APIKeySID, pool.APIKeySecret = testService, testKey, sms.NewSecret(testSecret)
	got, err = f.Validate(pool.Values())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"name": "Support", "use_messaging_service": "true", "messaging_service_sid": testService,
		"account_sid": testAccount, "use_api_key": "true", "api_key_sid": testKey, "api_key_secret": testSecret, "auth_token": testToken}, got)
}

func TestFormNamesEveryWrongField(t *testing.T) {
	t.Parallel()
	f := twilio.New(twilio.Config{}).Form()
	wrong := func(values map[string]string) []string {
		_, err := f.Validate(values)
		fields, _ := errors.AsType[sms.FieldErrors](err)
		var names []string
		for _, e := range fields {
			names = append(names, e.Field)
		}
		return names
	}
	require.Equal(t, []string{"name", "phone_number", "account_sid", "auth_token"}, wrong(nil))
	require.Equal(t, []string{"name", "messaging_service_sid", "account_sid", "api_key_sid", "api_key_secret", "auth_token"},
		wrong(map[string]string{"use_messaging_service": "true", "use_api_key": "true"}))
	for _, number := range []string{"4155550123", "+0155550123", "+1 415 555 0123", "+123456", "+1234567890123456", "+1415555O123"} {
		require.Contains(t, wrong(map[string]string{"phone_number": number}), "phone_number", number)
	}
	// What webhooks name is compared with it, and two spellings would be two connections.
	for field, v := range map[string]string{"account_sid": "AC" + strings.Repeat("aB", 16), "messaging_service_sid": "MG" + strings.Repeat("F", 32)} {
		values := map[string]string{"use_messaging_service": "true", field: v}
		require.Contains(t, wrong(values), field)
		values[field] = v[:2] + strings.ToLower(v[2:])
		require.NotContains(t, wrong(values), field)
	}
}
