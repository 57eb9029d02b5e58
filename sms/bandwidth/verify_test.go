package bandwidth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

const deskURL = "https://desk.example.com/sms/3f9a"

// fakeSetup fits a fake with the zero configuration.
func fakeSetup() bandwidth.Setup {
	return bandwidth.Setup{
		Name: "Support", PhoneNumber: smstest.BandwidthNumber, AccountID: smstest.BandwidthAccountID, ApplicationID: smstest.BandwidthApplicationID,
		APIKey: sms.NewSecret(smstest.BandwidthClientID), APISecret: sms.NewSecret(smstest.BandwidthClientSecret),
		WebhookUser: sms.NewSecret(smstest.BandwidthWebhookUser), WebhookPassword: sms.NewSecret(smstest.BandwidthWebhookPassword),
	}
}

// account is everything that an account of this adapter can do.
type account interface {
	sms.Account
	sms.Verifier
	sms.WebhookTeller
	sms.Registrar
}

func openAt(t testing.TB, cfg bandwidth.Config, s bandwidth.Setup) account {
	t.Helper()
	all := settings(s)
	all.WebhookURL = deskURL
	a, err := bandwidth.New(cfg).Open(all)
	require.NoError(t, err)
	return a.(account)
}

// connect opens an account on a fake whose application posts to the desk.
func connect(t testing.TB, change func(*smstest.Bandwidth, *bandwidth.Setup)) (*smstest.Bandwidth, account, map[string]string) {
	t.Helper()
	fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{WebhookURL: deskURL})
	s := fakeSetup()
	if change != nil {
		change(fake, &s)
	}
	return fake, openAt(t, bandwidth.Config{Transport: fake.Transport()}, s), s.Values()
}

func TestVerify(t *testing.T) {
	t.Parallel()
	fake, a, values := connect(t, nil)
	require.NoError(t, a.Verify(t.Context(), values))
	require.Len(t, fake.Requests(), 5, "token, application, messages, number, locations")
	for _, r := range fake.Requests() {
		require.Contains(t, []string{http.MethodGet, http.MethodPost}, r.Method)
		require.Equal(t, r.Method == http.MethodPost, r.Kind == smstest.KindToken, "nothing is written")
	}

	over := smstest.NewBandwidth(t, smstest.BandwidthConfig{WebhookURL: deskURL})
	cfg := bandwidth.Config{BaseURL: over.URL() + "/api/v2", TokenURL: over.URL() + "/api/v1/oauth2/token", DashboardURL: over.URL() + "/api/"}
	require.NoError(t, openAt(t, cfg, fakeSetup()).Verify(t.Context(), values), "over HTTP, and at the older address")
}

func TestVerifyLegacyBasic(t *testing.T) {
	t.Parallel()
	basic := func(_ *smstest.Bandwidth, s *bandwidth.Setup) {
		s.UseBasic, s.APIKey, s.APISecret = true, sms.NewSecret(smstest.BandwidthAPIUser), sms.NewSecret(smstest.BandwidthAPIPassword)
	}
	_, a, values := connect(t, basic)
	requireUnchecked(t, a.Verify(t.Context(), values), "use_basic: 2026-12-02")
	_, a, values = connect(t, func(f *smstest.Bandwidth, s *bandwidth.Setup) {
		basic(f, s)
		s.APISecret = sms.NewSecret("another")
	})
	err := a.Verify(t.Context(), values)
	requireFields(t, err, "use_basic: 2026-12-02", "api_key: API user", "api_secret: password")
}

// requireFields wants these problems and no others, each as "field: part of what it says".
func requireFields(t *testing.T, err error, want ...string) {
	t.Helper()
	requireQuiet(t, err)
	got, ok := errors.AsType[sms.FieldErrors](err)
	require.True(t, ok, "%v", err)
	requireProblems(t, got, want)
}

func requireUnchecked(t *testing.T, err error, want ...string) *sms.UncheckedError {
	t.Helper()
	requireQuiet(t, err)
	got, ok := errors.AsType[*sms.UncheckedError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, bandwidth.Name, got.Provider)
	for _, f := range got.Fields {
		require.True(t, strings.HasPrefix(f.Problem, "could not be checked: "), f.Problem)
	}
	requireProblems(t, got.Fields, want)
	return got
}

func requireProblems(t *testing.T, got []sms.FieldError, want []string) {
	t.Helper()
	require.Len(t, got, len(want), "%v", got)
	for i, w := range want {
		field, part, _ := strings.Cut(w, ": ")
		require.Equal(t, field, got[i].Field, "%v", got)
		require.Contains(t, got[i].Problem, part)
	}
}

// requireQuiet is F149 for what Verify and Register say.
func requireQuiet(t *testing.T, err error) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		printed := fmt.Sprintf(verb, err)
		for _, secret := range []string{smstest.BandwidthClientSecret, smstest.BandwidthClientID, smstest.BandwidthWebhookPassword, smstest.BandwidthWebhookUser,
			smstest.BandwidthAPIPassword, smstest.BandwidthAPIUser, string(smstest.BandwidthNumber), "9195550100"} {
			require.NotContains(t, printed, secret)
		}
	}
}

func TestVerifyProblems(t *testing.T) {
	t.Parallel()
	const otherApp = "00000000-9669-4e07-948d-329f4b722ee2"
	app := func(change func(*smstest.BandwidthApplication)) func(*smstest.Bandwidth, *bandwidth.Setup) {
		return func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
			a := f.Application()
			change(&a)
			f.SetApplication(a)
		}
	}
	phone := func(p smstest.BandwidthPhone) func(*smstest.Bandwidth, *bandwidth.Setup) {
		return func(f *smstest.Bandwidth, _ *bandwidth.Setup) { f.SetPhone(smstest.BandwidthNumber, p) }
	}
	for name, c := range map[string]struct {
		change func(*smstest.Bandwidth, *bandwidth.Setup)
		want   []string
	}{
		"secret": {func(_ *smstest.Bandwidth, s *bandwidth.Setup) { s.APISecret = sms.NewSecret("wrong") },
			[]string{"api_key: is not accepted", "api_secret: expiry date"}},
		"expired secret": {func(f *smstest.Bandwidth, _ *bandwidth.Setup) { f.ExpireSecret() },
			[]string{"api_key: is not accepted", "api_secret: expiry date"}},
		"account": {func(_ *smstest.Bandwidth, s *bandwidth.Setup) { s.AccountID = "9900999" },
			[]string{"phone_number: another Bandwidth account", "account_id: may use for messages"}},
		"no such account": {func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
			f.FailFunc(func(r smstest.Request) smstest.Fault {
				if strings.Contains(r.URL, "/messages") {
					return smstest.Fault{Kind: smstest.FaultStatus, Status: 404}
				}
				return smstest.Fault{}
			})
		}, []string{"account_id: may use for messages"}},
		"application": {func(_ *smstest.Bandwidth, s *bandwidth.Setup) { s.ApplicationID = otherApp },
			[]string{"application_id: is not an application of this account"}},
		"voice application": {app(func(a *smstest.BandwidthApplication) { a.ServiceType = "Voice-V2" }),
			[]string{"application_id: Messaging-V2"}},
		"no location": {func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
			f.SetLocation(smstest.BandwidthLocationID, smstest.BandwidthLocation{})
		}, []string{"application_id: without any callback"}},
		"number on another location": {func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
			f.SetLocation("7", smstest.BandwidthLocation{})
			f.SetPhone(smstest.BandwidthNumber, smstest.BandwidthPhone{LocationID: "7"})
		}, []string{"phone_number: without a messaging application"}},
		"number with another application": {func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
			f.SetLocation("7", smstest.BandwidthLocation{ApplicationID: otherApp})
			f.SetPhone(smstest.BandwidthNumber, smstest.BandwidthPhone{LocationID: "7"})
		}, []string{"phone_number: another messaging application"}},
		"unknown number":            {func(_ *smstest.Bandwidth, s *bandwidth.Setup) { s.PhoneNumber = "+12125550100" }, []string{"phone_number: is not found among"}},
		"number of another account": {phone(smstest.BandwidthPhone{AccountID: "1"}), []string{"phone_number: another Bandwidth account"}},
		"number not in service":     {phone(smstest.BandwidthPhone{Status: "Aging"}), []string{"phone_number: is not in service"}},
		"number without SMS":        {phone(smstest.BandwidthPhone{SMSOff: true}), []string{"phone_number: turn SMS on"}},
		"inbound user":              {app(func(a *smstest.BandwidthApplication) { a.Inbound.User = "another" }), []string{"webhook_user: inbound callbacks"}},
		"status user":               {app(func(a *smstest.BandwidthApplication) { a.Outbound.User = "" }), []string{"webhook_user: status callbacks"}},
		"number":                    {func(_ *smstest.Bandwidth, s *bandwidth.Setup) { s.PhoneNumber = "9195550100" }, []string{"phone_number: E.164"}},
		"everything": {func(f *smstest.Bandwidth, s *bandwidth.Setup) {
			app(func(a *smstest.BandwidthApplication) {
				a.Inbound, a.CallbackTypes = smstest.BandwidthCallback{URL: "https://x.example", User: "another"}, []string{"message-failed", "message-delivered"}
			})(f, s)
			f.SetLocation(smstest.BandwidthLocationID, smstest.BandwidthLocation{})
			f.SetPhone(smstest.BandwidthNumber, smstest.BandwidthPhone{SMSOff: true, Status: "Aging"})
		}, []string{"phone_number: in service", "phone_number: SMS", "application_id: location", "webhook_user: inbound callbacks"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, a, values := connect(t, c.change)
			err := a.Verify(t.Context(), values)
			requireFields(t, err, c.want...)
			_, open := errors.AsType[*sms.UncheckedError](err)
			require.Equal(t, strings.HasPrefix(name, "everything"), open, "only there is something open as well")
		})
	}
}

// What can't be looked at is not a failure.
func TestVerifyUnchecked(t *testing.T) {
	t.Parallel()
	forbidden := smstest.Fault{Kind: smstest.FaultStatus, Status: 403}
	busy := smstest.Fault{Kind: smstest.FaultStatus, Status: 429, RetryAfter: 7 * time.Second}
	broken := smstest.Fault{Kind: smstest.FaultStatus, Status: 500}
	silent := func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
		f.SetPhone(smstest.BandwidthNumber, smstest.BandwidthPhone{Silent: true})
	}
	unlisted := func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
		f.SetLocation(smstest.BandwidthLocationID, smstest.BandwidthLocation{ApplicationID: smstest.BandwidthApplicationID, Unlisted: true})
	}
	for name, c := range map[string]struct {
		path   string // the requests that meet the fault end like that
		fault  smstest.Fault
		change func(*smstest.Bandwidth, *bandwidth.Setup)
		want   []string
	}{
		"no right to applications":       {"/applications/" + smstest.BandwidthApplicationID, forbidden, nil, []string{"application_id: give them a role", "webhook_user: part of the application"}},
		"no right to list messages":      {"/messages?limit=1&sourceTn=%2B19195550100", forbidden, nil, []string{"account_id: role for messaging"}},
		"no right to numbers":            {"/tndetails", forbidden, nil, []string{"phone_number: role for numbers"}},
		"no such list":                   {"/messages?limit=1&sourceTn=%2B19195550100", smstest.Fault{Kind: smstest.FaultGarbage}, nil, []string{"account_id: could not be read"}},
		"locations broken":               {"/associatedsippeers", broken, nil, []string{"application_id: HTTP 500"}},
		"too many lists":                 {"/messages?limit=1&sourceTn=%2B19195550100", busy, nil, []string{"account_id: come back later"}},
		"application broken":             {"/applications/" + smstest.BandwidthApplicationID, broken, nil, []string{"application_id: HTTP 500", "webhook_user: HTTP 500"}},
		"application unreadable":         {"/applications/" + smstest.BandwidthApplicationID, smstest.Fault{Kind: smstest.FaultGarbage}, nil, []string{"application_id: could not be read", "webhook_user: could not be read"}},
		"number unreadable":              {"/tndetails", smstest.Fault{Kind: smstest.FaultNoID}, nil, []string{"phone_number: could not be read"}},
		"gateway":                        {"/tndetails", smstest.Fault{Kind: smstest.FaultHTML}, nil, []string{"phone_number: HTTP 502"}},
		"redirect":                       {"/tndetails", smstest.Fault{Kind: smstest.FaultRedirect}, nil, []string{"phone_number: HTTP 307"}},
		"locations, but the number's is": {"/associatedsippeers", forbidden, nil, nil},
		"location unlisted":              {"", smstest.Fault{}, unlisted, nil},
		"locations and settings":         {"/applicationSettings", forbidden, unlisted, []string{"application_id: number's location"}},
		"nothing said of texts":          {"", smstest.Fault{}, silent, nil},
		"nothing said, no right":         {"/features/sms", forbidden, silent, []string{"phone_number: no right"}},
		"nothing said anywhere": {"", smstest.Fault{}, func(f *smstest.Bandwidth, s *bandwidth.Setup) {
			silent(f, s)
			f.SetLocation(smstest.BandwidthLocationID, smstest.BandwidthLocation{ApplicationID: smstest.BandwidthApplicationID, SMSOff: true})
		}, []string{"phone_number: SMS is on for its location"}},
		"no location and no right to the number": {"/tndetails", forbidden, func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
			f.SetLocation(smstest.BandwidthLocationID, smstest.BandwidthLocation{})
		}, []string{"phone_number: role for numbers", "application_id: lists no location"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, a, values := connect(t, c.change)
			fake.FailFunc(func(r smstest.Request) smstest.Fault {
				if c.path != "" && strings.HasSuffix(r.URL, c.path) {
					return c.fault
				}
				return smstest.Fault{}
			})
			err := a.Verify(t.Context(), values)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			_, wrong := errors.AsType[sms.FieldErrors](err)
			require.False(t, wrong, "%v", err)
			requireUnchecked(t, err, c.want...)
			after, ok := sms.RetryAfter(err)
			require.Equal(t, c.fault.RetryAfter, after)
			require.Equal(t, c.fault.RetryAfter > 0, ok)
		})
	}
}

// A channel is verified before its address is registered, so callbacks that aren't set up are open, not wrong.
func TestVerifyBeforeRegister(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*smstest.BandwidthApplication)
		want   []string
	}{
		"new": {func(a *smstest.BandwidthApplication) {
			*a = smstest.BandwidthApplication{Name: "new", ServiceType: "Messaging-V2", Inbound: smstest.BandwidthCallback{URL: "https://x.example"}}
		}, []string{"application_id: inbound texts", "application_id: receipts, because", "webhook_user: no callback user and password yet"}},
		"another status URL": {func(a *smstest.BandwidthApplication) { a.Outbound.URL += "0" }, []string{"application_id: receipts, because"}},
		"some receipts":      {func(a *smstest.BandwidthApplication) { a.CallbackTypes = []string{"message-failed"} }, []string{"application_id: message-delivered, message-sending"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, a, values := connect(t, nil)
			app := fake.Application()
			c.change(&app)
			fake.SetApplication(app)
			err := a.Verify(t.Context(), values)
			_, wrong := errors.AsType[sms.FieldErrors](err)
			require.False(t, wrong)
			requireUnchecked(t, err, c.want...)
			require.NoError(t, a.Register(t.Context(), values))
			require.NoError(t, a.Verify(t.Context(), values))
		})
	}
}

// Both come in one error.
func TestVerifyWrongAndUnchecked(t *testing.T) {
	t.Parallel()
	fake, a, values := connect(t, func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
		app := f.Application()
		app.Inbound.User = "another"
		f.SetApplication(app)
	})
	fake.FailFunc(func(r smstest.Request) smstest.Fault {
		if strings.HasSuffix(r.URL, "/tndetails") {
			return smstest.Fault{Kind: smstest.FaultStatus, Status: 403}
		}
		return smstest.Fault{}
	})
	err := a.Verify(t.Context(), values)
	requireFields(t, err, "webhook_user: inbound")
	requireUnchecked(t, err, "phone_number: role")
}

// everythingOpen is what Verify can't tell when Bandwidth can't be reached.
var everythingOpen = []string{"phone_number: be reached", "account_id: be reached", "application_id: be reached", "webhook_user: be reached"}

func TestVerifyUnreachable(t *testing.T) {
	t.Parallel()
	fake, a, values := connect(t, nil)
	fake.SetDown(true)
	err := a.Verify(t.Context(), values)
	got := requireUnchecked(t, err, everythingOpen...)
	require.Equal(t, channel.ReasonRetry, sms.ReasonOf(got))
	fake.SetDown(false)
	require.NoError(t, a.Verify(t.Context(), values))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = a.Verify(ctx, values)
	requireUnchecked(t, err, everythingOpen...)
	require.ErrorIs(t, err, context.Canceled)
}

// A token endpoint may refuse a client with 400, 401 or 403 (RFC 6749, 5.2); anything else says nothing about it, and
// without a token nothing else is asked.
func TestVerifyToken(t *testing.T) {
	t.Parallel()
	for status, refused := range map[int]bool{400: true, 401: true, 403: true, 404: false, 429: false, 500: false, 503: false} {
		fake, a, values := connect(t, nil)
		fake.FailFunc(func(r smstest.Request) smstest.Fault {
			if r.Kind == smstest.KindToken {
				return smstest.Fault{Kind: smstest.FaultStatus, Status: status}
			}
			return smstest.Fault{}
		})
		err := a.Verify(t.Context(), values)
		if refused {
			requireFields(t, err, "api_key: not accepted", "api_secret: not accepted")
		} else {
			requireUnchecked(t, err, "phone_number: token", "account_id: token", "application_id: token", "webhook_user: token")
		}
		require.Len(t, fake.Requests(), 1, "%d", status)
		err = a.Register(t.Context(), values)
		_, wrong := errors.AsType[sms.FieldErrors](err)
		require.Equal(t, refused, wrong, "%d", status)
		require.NotErrorIs(t, err, errors.ErrUnsupported)
	}
}

// After a question without an answer there is no other, and each is bounded.
func TestVerifyHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake, a, values := connect(t, nil)
		fake.FailFunc(func(r smstest.Request) smstest.Fault {
			if strings.HasSuffix(r.URL, "/tndetails") {
				return smstest.Fault{Kind: smstest.FaultHang}
			}
			return smstest.Fault{}
		})
		began := time.Now()
		err := a.Verify(t.Context(), values)
		require.Equal(t, 10*time.Second, time.Since(began))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		requireUnchecked(t, err, "phone_number: be reached", "application_id: be reached")
		require.Len(t, fake.Requests(), 4)
	})
}

// A token that was taken back is renewed once, and the question repeated.
func TestVerifyRenewsToken(t *testing.T) {
	t.Parallel()
	fake, a, values := connect(t, nil)
	require.NoError(t, a.Verify(t.Context(), values))
	fake.RevokeTokens()
	require.NoError(t, a.Verify(t.Context(), values))
	fake.RevokeTokens()
	fake.ExpireSecret()
	requireFields(t, a.Verify(t.Context(), values), "api_key: not accepted", "api_secret: expiry")
}

// TestVerifyWithoutAddress: before a channel is stored it has no address, and its application may have no callbacks.
func TestVerifyWithoutAddress(t *testing.T) {
	t.Parallel()
	fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{WebhookURL: "https://elsewhere.example.com/"})
	a, err := bandwidth.New(bandwidth.Config{Transport: fake.Transport()}).Open(settings(fakeSetup()))
	require.NoError(t, err)
	verify := func() error { return a.(sms.Verifier).Verify(t.Context(), fakeSetup().Values()) }
	require.NoError(t, verify())
	fake.SetApplication(smstest.BandwidthApplication{Name: "new", ServiceType: "Messaging-V2"})
	require.NoError(t, verify())
	fake.SetApplication(smstest.BandwidthApplication{Name: "new", ServiceType: "Messaging-V2", Inbound: smstest.BandwidthCallback{User: "another"}})
	requireFields(t, verify(), "webhook_user: inbound callbacks")
	require.Nil(t, a.(sms.WebhookTeller).Webhooks(nil))
}
