package bandwidth_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

func writes(f *smstest.Bandwidth) (n int) {
	for _, r := range f.Requests() {
		if r.Method != http.MethodGet && r.Kind == smstest.KindOther {
			n++
		}
	}
	return n
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	_, a, values := connect(t, nil)
	hooks := a.Webhooks(values)
	require.Len(t, hooks, 1)
	require.Equal(t, "all", hooks[0].Purpose)
	require.Equal(t, deskURL, hooks[0].URL)
	for _, words := range []string{hooks[0].Where.EN, hooks[0].Where.FR} {
		require.Contains(t, words, "Applications")
		require.Contains(t, words, "callback")
		require.NotContains(t, words, smstest.BandwidthWebhookPassword)
	}
	require.Equal(t, hooks, a.Webhooks(nil), "the values don't matter")
}

// deliver posts a text from the fake, at wherever its application points, into the account.
func deliver(t *testing.T, fake *smstest.Bandwidth, a sms.Account) (smstest.Delivery, []channel.Event) {
	t.Helper()
	var got []channel.Event
	fake.SetWebhooks(fake.Application().Inbound.URL, smstest.HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || "https://"+r.Host+r.RequestURI != deskURL {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		events, err := a.Parse(r, body)
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		got = append(got, events...)
		w.WriteHeader(http.StatusNoContent)
	})))
	d, err := fake.Deliver(t.Context(), smstest.Text{Body: "hello"})
	require.NoError(t, err)
	return d, got
}

// TestRegister goes the whole way: what was registered is where texts and receipts come from then on.
func TestRegister(t *testing.T) {
	t.Parallel()
	fake := smstest.NewBandwidth(t, smstest.BandwidthConfig{WebhookURL: "https://old.example.com/", WebhookUser: "old-user"})
	app := fake.Application()
	app.Name, app.CallbackTypes = "Café & <Co>", []string{"message-failed", "message-imagined"}
	app.Extra = map[string]string{"CallbackTimeout": "20", "Novelty": "a < b & c"}
	fake.SetApplication(app)
	s := fakeSetup()
	s.WebhookPassword = sms.NewSecret(`<p&"ss'word>`)
	a, values := openAt(t, bandwidth.Config{Transport: fake.Transport()}, s), s.Values()
	d, _ := deliver(t, fake, a)
	require.False(t, d.OK())

	require.NoError(t, a.Register(t.Context(), values))
	d, events := deliver(t, fake, a)
	require.True(t, d.OK())
	require.IsType(t, channel.Inbound{}, events[0])
	require.NoError(t, a.Verify(t.Context(), values))
	ours := smstest.BandwidthCallback{URL: deskURL, User: smstest.BandwidthWebhookUser, Password: `<p&"ss'word>`}
	require.Equal(t, smstest.BandwidthApplication{
		Name: app.Name, ServiceType: "Messaging-V2", Inbound: ours, Outbound: ours, Extra: app.Extra,
		CallbackTypes: []string{"message-failed", "message-imagined", "message-delivered", "message-sending"},
	}, fake.Application(), "only ours is changed")

	_, err := a.Send(t.Context(), channel.Outbound{Ref: "m-1", From: smstest.BandwidthNumber, To: smstest.Customer, Text: "hi"})
	require.NoError(t, err)
	require.NoError(t, fake.Wait(t.Context()))
	require.Equal(t, channel.StatusDelivered, fake.Sent()[0].Status)
	hooks := fake.Webhooks()
	require.Equal(t, deskURL, hooks[len(hooks)-1].URL)
	require.Equal(t, 204, hooks[len(hooks)-1].Status)
}

// TestRegisterAgain: it reads first and writes where something differs.
func TestRegisterAgain(t *testing.T) {
	t.Parallel()
	fake, a, values := connect(t, nil)
	require.NoError(t, a.Register(t.Context(), values))
	require.Equal(t, 1, writes(fake), "nobody can see whether the password is the same")
	require.NoError(t, a.Register(t.Context(), values))
	require.Equal(t, 1, writes(fake))

	app := fake.Application()
	app.Outbound.URL = "https://elsewhere.example.com/"
	fake.SetApplication(app)
	require.NoError(t, a.Register(t.Context(), values))
	require.Equal(t, 2, writes(fake))
	require.Equal(t, deskURL, fake.Application().Outbound.URL)
	app.Outbound.URL, app.CallbackTypes = deskURL, []string{"message-failed"}
	fake.SetApplication(app)
	require.NoError(t, a.Register(t.Context(), values))
	require.Equal(t, 3, writes(fake))
	require.Len(t, fake.Application().CallbackTypes, 3)

	s := fakeSetup()
	s.WebhookPassword = sms.NewSecret("the-next-password") // rotated: the account is opened again
	b := openAt(t, bandwidth.Config{Transport: fake.Transport()}, s)
	require.NoError(t, b.Register(t.Context(), values))
	require.Equal(t, "the-next-password", fake.Application().Inbound.Password)
	require.Equal(t, "the-next-password", fake.Application().Outbound.Password)
}

func TestRegisterMany(t *testing.T) {
	t.Parallel()
	fake, a, values := connect(t, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := a.Register(t.Context(), values); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, deskURL, fake.Application().Inbound.URL)
	require.NoError(t, a.Verify(t.Context(), values))
}

func TestRegisterRefused(t *testing.T) {
	t.Parallel()
	status := func(method string, n int) func(*smstest.Bandwidth, *bandwidth.Setup) {
		return func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
			f.FailFunc(func(r smstest.Request) smstest.Fault {
				if r.Method == method && strings.Contains(r.URL, "/applications/") {
					return smstest.Fault{Kind: smstest.FaultStatus, Status: n}
				}
				return smstest.Fault{}
			})
		}
	}
	for name, c := range map[string]struct {
		change func(*smstest.Bandwidth, *bandwidth.Setup)
		fields []string
		reason channel.Reason // where no field is wrong
		cannot bool           // errors.ErrUnsupported
	}{
		"application": {change: func(_ *smstest.Bandwidth, s *bandwidth.Setup) {
			s.ApplicationID = "00000000-9669-4e07-948d-329f4b722ee2"
		},
			fields: []string{"application_id: is not an application"}},
		"voice": {change: func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
			app := f.Application()
			app.ServiceType = "Voice-V2"
			f.SetApplication(app)
		}, fields: []string{"application_id: Messaging-V2"}},
		"short": {change: func(_ *smstest.Bandwidth, s *bandwidth.Setup) {
			s.WebhookUser, s.WebhookPassword = sms.NewSecret("short"), sms.NewSecret(strings.Repeat("p", 64))
		}, fields: []string{"webhook_user: 6 to 63", "webhook_password: 6 to 63"}},
		"secret":            {change: func(f *smstest.Bandwidth, _ *bandwidth.Setup) { f.ExpireSecret() }, fields: []string{"api_key: not accepted", "api_secret: not accepted"}},
		"may not read":      {change: status(http.MethodGet, 403), reason: channel.ReasonCredentials, cannot: true},
		"may not write":     {change: status(http.MethodPut, 403), reason: channel.ReasonCredentials, cannot: true},
		"no PUT":            {change: status(http.MethodPut, 405), reason: channel.ReasonConfig, cannot: true},
		"never built":       {change: status(http.MethodPut, 501), reason: channel.ReasonRetry, cannot: true},
		"bad document":      {change: status(http.MethodPut, 400), reason: channel.ReasonConfig},
		"busy":              {change: status(http.MethodPut, 429), reason: channel.ReasonRetry},
		"broken":            {change: status(http.MethodPut, 500), reason: channel.ReasonRetry},
		"down":              {change: func(f *smstest.Bandwidth, _ *bandwidth.Setup) { f.SetDown(true) }, reason: channel.ReasonRetry},
		"another's account": {change: func(_ *smstest.Bandwidth, s *bandwidth.Setup) { s.AccountID = "1" }, fields: []string{"phone_number: another Bandwidth account"}},
		"unknown number":    {change: func(_ *smstest.Bandwidth, s *bandwidth.Setup) { s.PhoneNumber = "+12125550100" }, fields: []string{"phone_number: not found"}},
		"no number":         {change: func(_ *smstest.Bandwidth, s *bandwidth.Setup) { s.PhoneNumber = "" }, fields: []string{"phone_number: is required"}},
		"numbers broken": {change: func(f *smstest.Bandwidth, _ *bandwidth.Setup) {
			f.FailFunc(func(r smstest.Request) smstest.Fault {
				if strings.Contains(r.URL, "/tns/") {
					return smstest.Fault{Kind: smstest.FaultStatus, Status: 503}
				}
				return smstest.Fault{}
			})
		}, reason: channel.ReasonRetry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, a, values := connect(t, c.change)
			before := fake.Application()
			err := a.Register(t.Context(), values)
			require.Error(t, err)
			requireQuiet(t, err)
			require.Equal(t, before, fake.Application())
			if c.fields != nil {
				requireFields(t, err, c.fields...)
				return
			}
			require.Equal(t, c.reason, sms.ReasonOf(err))
			require.Equal(t, c.cannot, errors.Is(err, errors.ErrUnsupported))
		})
	}
	bare, err := bandwidth.New(bandwidth.Config{}).Open(settings(fakeSetup()))
	require.NoError(t, err)
	require.ErrorContains(t, bare.(sms.Registrar).Register(t.Context(), fakeSetup().Values()), "WebhookURL")
}

// An answer that shows something else than what was set is an error, and the next try writes again.
func TestRegisterNotTaken(t *testing.T) {
	t.Parallel()
	fake, _, values := connect(t, nil)
	stubborn := true
	a := openAt(t, bandwidth.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut && stubborn {
			return answer(r, 200, applicationDoc("<InboundCallbackUrl>https://old.example</InboundCallbackUrl>")), nil
		}
		return fake.Transport().RoundTrip(r)
	})}, fakeSetup())
	err := a.Register(t.Context(), values)
	require.ErrorContains(t, err, "other callbacks")
	require.Equal(t, channel.ReasonRetry, sms.ReasonOf(err))
	stubborn = false
	require.NoError(t, a.Register(t.Context(), values))
	require.Equal(t, 1, writes(fake))
}

// An answer without the application is no fault: what was written is read again.
func TestRegisterSilently(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "<ApplicationProvisioningResponse/>", "done"} {
		fake, _, values := connect(t, nil)
		app := fake.Application()
		app.Inbound.URL = "https://old.example.com/"
		fake.SetApplication(app)
		a := openAt(t, bandwidth.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
			res, err := fake.Transport().RoundTrip(r)
			if err == nil && r.Method == http.MethodPut {
				return answer(r, 200, body), nil
			}
			return res, err
		})}, fakeSetup())
		require.NoError(t, a.Register(t.Context(), values), body)
		require.Equal(t, deskURL, fake.Application().Inbound.URL)
	}
}

func applicationDoc(members string) string {
	return xml.Header + "<ApplicationProvisioningResponse><Application><ServiceType>Messaging-V2</ServiceType>" + members + "</Application></ApplicationProvisioningResponse>"
}

// TestRegisterDocuments runs Register over documents as Bandwidth's pages show them, and shows what is put.
func TestRegisterDocuments(t *testing.T) {
	t.Parallel()
	creds := "<UserId>desk-callbacks</UserId><Password>7e57a0-bandwidth-webhook-password</Password>"
	ours := "<InboundCallbackUrl>" + deskURL + "</InboundCallbackUrl><OutboundCallbackUrl>" + deskURL + "</OutboundCallbackUrl>"
	oursCreds := "<InboundCallbackCreds>" + creds + "</InboundCallbackCreds><OutboundCallbackCreds>" + creds + "</OutboundCallbackCreds>"
	types := "<RequestedCallbackTypes><CallbackType>message-delivered</CallbackType><CallbackType>message-failed</CallbackType><CallbackType>message-sending</CallbackType></RequestedCallbackTypes>"
	for name, c := range map[string]struct{ read, put string }{
		"new": {"<ApplicationId>x</ApplicationId><AppName>a</AppName><InboundCallbackUrl>https://example.com</InboundCallbackUrl>",
			"<AppName>a</AppName>" + ours + oursCreds + types},
		"of 2018": {"<AppName>a</AppName><CallbackUrl>" + deskURL + "</CallbackUrl><CallbackCreds><UserId>desk-callbacks</UserId></CallbackCreds>",
			"<AppName>a</AppName>" + ours + oursCreds + types},
		"in its place": {"<OutboundCallbackUrl>https://b.example</OutboundCallbackUrl>" + types + "<AppName>a</AppName><InboundCallbackUrl>https://c.example</InboundCallbackUrl><MsgCallbackUrl>https://c.example</MsgCallbackUrl>",
			"<OutboundCallbackUrl>" + deskURL + "</OutboundCallbackUrl>" + types + "<AppName>a</AppName><InboundCallbackUrl>" + deskURL + "</InboundCallbackUrl>" + oursCreds},
		"strangers": {"<AppName>a</AppName>" + ours + "<x><y>1</y><y/></x>", "<AppName>a</AppName>" + ours + "<x><y>1</y><y></y></x>" + oursCreds + types},
		"password shown": {"<AppName>a</AppName>" + ours + strings.ReplaceAll(oursCreds, "7e57a0", "0000") + types,
			"<AppName>a</AppName>" + ours + oursCreds + types},
		"all right": {"<AppName>a</AppName>" + ours + oursCreds, ""},
	} {
		put := ""
		a := openAt(t, bandwidth.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
			switch {
			case r.URL.String() == tokenURL:
				return answer(r, 200, tokenOK), nil
			case strings.Contains(r.URL.Path, "/tns/"):
				return answer(r, 403, ""), nil // numbers may be hidden, and nothing else needs them
			case r.Method == http.MethodGet:
				return answer(r, 200, applicationDoc(c.read)), nil
			}
			require.Equal(t, "application/xml; charset=utf-8", r.Header.Get("Content-Type"))
			raw, err := io.ReadAll(r.Body)
			put = string(raw)
			return answer(r, 200, strings.Replace(strings.Replace(put, "<Application>", "<R><Application>", 1), "</Application>", "</Application></R>", 1)), err
		})}, fakeSetup())
		require.NoError(t, a.Register(t.Context(), fakeSetup().Values()), name)
		want := ""
		if c.put != "" {
			want = xml.Header + "<Application><ServiceType>Messaging-V2</ServiceType>" + c.put + "</Application>"
		}
		require.Equal(t, want, put, name)
	}
}
