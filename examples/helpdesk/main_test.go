package main

import (
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	maya = "+14155550123"
	otto = "+14155550199" // switched off
)

// site is a desk that serves real HTTP, and a browser that is signed in as Ada.
type site struct {
	t      *testing.T
	h      *helpdesk
	base   string
	client *http.Client
}

// serveDesk runs a desk until the test ends. Without a store it is in memory.
func serveDesk(t *testing.T, o options) *site {
	t.Helper()
	o.addr = "127.0.0.1:0"
	if o.store == "" {
		o.store = "memory"
	}
	h, err := open(t.Context(), o, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- h.serve(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-served)
		h.close()
	})
	s := &site{t: t, h: h, base: "http://" + h.listener.Addr().String(), client: browser(t)}
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Jar: jar, Transport: &http.Transport{}}
}

// signedIn runs a desk with Ada signed in.
func signedIn(t *testing.T) *site {
	t.Helper()
	s := serveDesk(t, options{})
	s.signIn()
	return s
}

func (s *site) signIn() {
	s.t.Helper()
	a := s.send(s.form("/sign-in", url.Values{"agent": {"ada"}}))
	require.Equal(s.t, http.StatusSeeOther, a.status)
	require.Equal(s.t, "/", a.location)
}

// answer is what the browser got.
type answer struct {
	status   int
	header   http.Header
	location string
	body     string
}

// text is the page as a person reads it: without tags, references resolved.
func (a answer) text() string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(a.body, " "))), " ")
}

var tags = regexp.MustCompile(`<[^>]*>`)

func (s *site) send(r *http.Request) answer {
	s.t.Helper()
	resp, err := s.client.Do(r)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return answer{resp.StatusCode, resp.Header, resp.Header.Get("Location"), string(body)}
}

func (s *site) request(method, path string, body io.Reader) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, body)
	require.NoError(s.t, err)
	return r
}

func (s *site) form(path string, v url.Values) *http.Request {
	s.t.Helper()
	r := s.request(http.MethodPost, path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

func (s *site) get(path string) answer {
	s.t.Helper()
	return s.send(s.request(http.MethodGet, path, nil))
}

// page is get for a page that must be there.
func (s *site) page(path string) answer {
	s.t.Helper()
	a := s.get(path)
	require.Equal(s.t, http.StatusOK, a.status, "%s: %s", path, a.text())
	return a
}

// post sends a form with the session's token, as a browser does; fields are name, value, name, value.
func (s *site) post(path string, fields ...string) answer {
	s.t.Helper()
	v := url.Values{"csrf": {s.token()}}
	for i := 0; i < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return s.send(s.form(path, v))
}

// done is post for a form that must be taken; it returns where the browser is sent.
func (s *site) done(path string, fields ...string) string {
	s.t.Helper()
	a := s.post(path, fields...)
	require.Equal(s.t, http.StatusSeeOther, a.status, "%s: %s", path, a.text())
	return a.location
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (s *site) token() string {
	s.t.Helper()
	m := csrfField.FindStringSubmatch(s.get("/agents").body)
	require.NotNil(s.t, m, "page without a token")
	return m[1]
}

// channel returns the id of a channel by name.
func (s *site) channel(name string) string {
	s.t.Helper()
	list, err := s.h.engine.Desk(workspace).Channels(s.t.Context())
	require.NoError(s.t, err)
	for _, c := range list {
		if c.Name() == name {
			return c.ID
		}
	}
	s.t.Fatalf("no channel %q", name)
	return ""
}

// texts lets a customer write, through the page of the phone, and waits until everything that follows is done.
func (s *site) texts(channelName, from, body string) {
	s.t.Helper()
	s.done("/phone", "channel", s.channel(channelName), "customer", from, "text", body)
	s.settle()
}

// settle waits until every text has its verdict. Settle alone does not see what a worker of Run has in flight.
func (s *site) settle() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		return s.h.engine.Settle(s.t.Context()) == nil && s.settled()
	}, time.Minute, 2*time.Millisecond)
}

func (s *site) settled() bool {
	desk := s.h.engine.Desk(workspace)
	for c, err := range desk.AllConversations(s.t.Context(), livedesk.List{}) {
		if err != nil {
			return false
		}
		for m, err := range desk.Messages(s.t.Context(), c.ID, 0) {
			if err != nil || m.Delivery != nil && !m.Delivery.State.Final() {
				return false
			}
		}
	}
	return true
}

// only returns the address of the page of the one conversation that there is.
func (s *site) only() string {
	s.t.Helper()
	list, err := s.h.engine.Desk(workspace).Conversations(s.t.Context(), livedesk.List{})
	require.NoError(s.t, err)
	require.Len(s.t, list.Items, 1)
	return "/conversations/" + list.Items[0].ID
}

var inboxLink = regexp.MustCompile(`href="(/conversations/[^"]+)"`)

func (s *site) phone(channelName, customer string) answer {
	s.t.Helper()
	return s.page("/phone?" + url.Values{"channel": {s.channel(channelName)}, "customer": {customer}}.Encode())
}
