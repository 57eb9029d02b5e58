package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms/smstest"
)

// pages are all that there is to look at; a desk with one conversation has them all.
func (s *site) pages() []string {
	s.t.Helper()
	return []string{
		"/", "/inbox?tab=unassigned", "/inbox?tab=mine", "/inbox?tab=open&order=waiting", "/inbox?tab=snoozed",
		"/inbox?tab=resolved&channel=" + s.channel("Support"), s.only(), "/new", "/agents", "/agents?edit=ben", "/channels",
		"/channels/" + s.channel("Support"), "/channels/" + s.channel("Deliveries"), "/add-channel/twilio",
		"/add-channel/twilio?lang=fr", "/add-channel/bandwidth", "/phone",
	}
}

func TestEveryPageRendersUnderStrictHeaders(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "Hello")
	for _, path := range s.pages() {
		a := s.page(path)
		require.Contains(t, a.body, "<main id=\"main\"", path)
		require.Equal(t, 1, strings.Count(a.body, "<h1>"), path)
		require.True(t, strings.HasSuffix(strings.TrimSpace(a.body), "</html>"), path)
		require.NotContains(t, a.body, "ZgotmplZ", path)
		require.NotContains(t, a.body, " style=", path)
		require.NotRegexp(t, `<script[^>]*>[^<]`, a.body, "no inline script in %s", path)
		require.NotRegexp(t, `\son\w+=`, a.body, "no handlers in %s", path)
		policy := a.header.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			require.Contains(t, policy, rule, path)
		}
		require.NotContains(t, policy, "unsafe", path)
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-referrer", a.header.Get("Referrer-Policy"), path)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"), path)
	}
	a := s.get("/conversations/nothing")
	require.Equal(t, http.StatusNotFound, a.status)
	require.Contains(t, a.text(), "There is nothing here.")
	require.Equal(t, http.StatusNotFound, s.get("/nothing").status)
	for _, path := range []string{"/static/", "/static/../main.go", "/static/%2e%2e/render.go"} {
		require.NotEqual(t, http.StatusOK, s.get(path).status, path)
	}
	require.Contains(t, s.page("/static/style.css").header.Get("Content-Type"), "text/css")
}

// F157: what comes from elsewhere, or without a session, is refused.
func TestForeignRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "Hello")
	path, token := s.only(), s.token()
	reply := url.Values{"csrf": {token}, "text": {"forged"}}
	for name, tt := range map[string]struct {
		change func(*http.Request)
		form   url.Values
		status int
	}{
		"cross-site":        {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, reply, http.StatusForbidden},
		"same-site":         {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, reply, http.StatusForbidden},
		"foreign origin":    {func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") }, reply, http.StatusForbidden},
		"no token":          {func(*http.Request) {}, url.Values{"text": {"forged"}}, http.StatusForbidden},
		"empty token":       {func(*http.Request) {}, url.Values{"csrf": {""}, "text": {"forged"}}, http.StatusForbidden},
		"wrong token":       {func(*http.Request) {}, url.Values{"csrf": {token[1:] + "A"}, "text": {"forged"}}, http.StatusForbidden},
		"token in the URL":  {func(r *http.Request) { r.URL.RawQuery = "csrf=" + token }, url.Values{"text": {"forged"}}, http.StatusForbidden},
		"foreign host":      {func(r *http.Request) { r.Host = "rebound.example:8080" }, reply, http.StatusMisdirectedRequest},
		"host without port": {func(r *http.Request) { r.Host = "127.0.0.1" }, reply, http.StatusMisdirectedRequest},
		"PUT":               {func(r *http.Request) { r.Method = http.MethodPut }, reply, http.StatusMethodNotAllowed},
		"too large":         {func(*http.Request) {}, url.Values{"csrf": {token}, "text": {strings.Repeat("x", 70<<10)}}, http.StatusRequestEntityTooLarge},
	} {
		r := s.form(path+"/reply", tt.form)
		tt.change(r)
		require.Equal(t, tt.status, s.send(r).status, name)
	}
	require.Equal(t, http.StatusMethodNotAllowed, s.post("/inbox").status)
	r := s.request(http.MethodGet, path, nil)
	r.Host = "rebound.example"
	require.Equal(t, http.StatusMisdirectedRequest, s.send(r).status, "reading by another name")
	s.settle()
	require.NotContains(t, s.page(path).text(), "forged")
}

func TestWithoutASessionThereIsOnlyTheSignIn(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "Hello")
	pages := s.pages()
	s.client = browser(t)
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range pages {
		a := s.get(path)
		require.Equal(t, http.StatusSeeOther, a.status, path)
		require.Equal(t, "/sign-in", a.location, path)
		require.NotContains(t, a.body, "Hello", path)
	}
	a := s.send(s.form("/agents", url.Values{"id": {"mallory"}}))
	require.Equal(t, http.StatusSeeOther, a.status)
	require.Equal(t, "/sign-in", a.location)
	require.Equal(t, http.StatusUnprocessableEntity, s.send(s.form("/sign-in", url.Values{"agent": {"mallory"}})).status)
}

// A cookie that somebody planted is not the one that the session gets.
func TestSigningInMakesAFreshSession(t *testing.T) {
	t.Parallel()
	s := serveDesk(t, options{})
	base, err := url.Parse(s.base)
	require.NoError(t, err)
	s.client.Jar.SetCookies(base, []*http.Cookie{{Name: "helpdesk_session", Value: "PLANTED", Path: "/"}})
	a := s.send(s.form("/sign-in", url.Values{"agent": {"ada"}}))
	require.Equal(t, http.StatusSeeOther, a.status)
	set := a.header.Get("Set-Cookie")
	require.NotContains(t, set, "PLANTED")
	require.Contains(t, set, "HttpOnly")
	require.Contains(t, set, "SameSite=Strict")
	before := s.client.Jar.Cookies(base)
	require.Equal(t, "/sign-in", s.done("/sign-out"))
	s.client.Jar.SetCookies(base, before)
	require.Equal(t, "/sign-in", s.get("/").location, "an ended session is gone")
}

func TestAPublicConsoleAsksForItsPassphrase(t *testing.T) {
	t.Parallel()
	s := serveDesk(t, options{public: true})
	require.NotEmpty(t, s.h.passphrase)
	require.NotContains(t, s.page("/sign-in").body, s.h.passphrase)
	for _, guess := range []string{"", "guess", s.h.passphrase[1:]} {
		a := s.send(s.form("/sign-in", url.Values{"agent": {"ada"}, "passphrase": {guess}}))
		require.Equal(t, http.StatusForbidden, a.status)
		require.Empty(t, a.header.Get("Set-Cookie"))
	}
	a := s.send(s.form("/sign-in", url.Values{"agent": {"ada"}, "passphrase": {s.h.passphrase}}))
	require.Equal(t, "/", a.location)
	s.page("/")
}

// F157: whatever a customer, an agent or a settings form holds stays text on every page.
func TestMarkupStaysText(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)> javascript:alert(3) {{.}} https://evil.example/`
	s.texts("Support", maya, evil)
	path := s.only()
	s.done(path+"/note", "note", evil)
	s.done(path+"/reply", "text", evil, "key", "k")
	s.done("/agents", "id", evil, "name", evil, "capacity", "1")
	ch := "/channels/" + s.channel("Support")
	require.Equal(t, ch, s.done(ch+"/settings", "greeting", strings.ReplaceAll(evil, "{{.}}", ""), "member", "ada"))
	pages := append(s.pages(), "/phone?customer="+url.QueryEscape(maya)+"&channel="+s.channel("Support"),
		"/agents?edit="+url.QueryEscape(evil), "/inbox?tab="+url.QueryEscape(evil)+"&channel="+url.QueryEscape(evil), "/add-channel/twilio?lang="+url.QueryEscape(evil))
	for _, p := range pages {
		a := s.page(p)
		require.NotContains(t, a.body, "<script>alert", p)
		require.NotContains(t, a.body, "<img", p)
		require.NotContains(t, a.body, `href="https://evil`, "no link of a customer is live (R30): %s", p)
		require.NotContains(t, a.body, `href="javascript:`, p)
	}
	require.Contains(t, s.page(path).text(), "https://evil.example/", "it is shown, as text")
}

// F149: credentials that were stored, or only typed, are on no page.
func TestCredentialsAreNeverShown(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "Hello")
	const typed = "7e57a0cafecafecafecafecafe0000ff"
	secrets := []string{typed, smstest.TwilioAuthToken, smstest.BandwidthClientID, smstest.BandwidthClientSecret,
		smstest.BandwidthWebhookUser, smstest.BandwidthWebhookPassword}
	check := func(where string, a answer) {
		for _, secret := range secrets {
			require.NotContains(t, a.body, secret, where)
		}
	}
	for _, p := range s.pages() {
		check(p, s.page(p))
	}
	a := s.post("/add-channel/twilio", "name", "", "auth_token", typed)
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	check("refused set-up", a)
	ch := "/channels/" + s.channel("Support")
	a = s.post(ch+"/connection", "name", "", "account_sid", smstest.TwilioAccountSID, "auth_token", typed)
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	check("refused change", a)
}
