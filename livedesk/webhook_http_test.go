package livedesk_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// endless is a body without end that counts what is read of it.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	e.read += int64(len(p))
	return len(p), nil
}

func (e *endless) Close() error { return nil }

func TestBodiesAreBounded(t *testing.T) { // F19
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		h := w.genuine(smstest.Text{From: alice, Body: "hello"})
		for _, length := range []int64{-1, 1 << 30} {
			r, body := request(h, ""), &endless{}
			r.Body, r.ContentLength = body, length
			require.Equal(t, http.StatusRequestEntityTooLarge, w.call(r).StatusCode)
			require.LessOrEqual(t, body.read, int64(600<<10), "io.ReadAll's buffer may be asked for more than the limit")
		}
		for _, n := range []int{256<<10 + 1, 1 << 20} {
			h.Body = bytes.Repeat([]byte("&"), n)
			require.Equal(t, http.StatusRequestEntityTooLarge, w.call(request(h, "")).StatusCode)
		}
		require.Empty(t, w.all(livedesk.List{}))
	})
}

func TestEncodingsAreRefused(t *testing.T) { // F24, F25
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		h := w.genuine(smstest.Text{From: alice, Body: "hello"})
		for _, e := range []string{"gzip", "deflate", "br", "x-gzip", "gzip, gzip", "identity, gzip"} {
			r := request(h, "")
			r.Header.Set("Content-Encoding", e)
			require.Equal(t, http.StatusUnsupportedMediaType, w.call(r).StatusCode, e)
		}
		for _, c := range []string{"multipart/form-data; boundary=x", "text/plain", "", "application/xml", "application", ";;", "text/html; charset=utf-8"} {
			r := request(h, "")
			r.Header.Set("Content-Type", c)
			require.Equal(t, http.StatusUnsupportedMediaType, w.call(r).StatusCode, "%q", c)
		}
		require.Empty(t, w.all(livedesk.List{}))
	})
}

// signed is a genuine webhook of Twilio with a body of the caller's.
func signed(target string, form url.Values) *http.Request {
	h := smstest.Webhook{URL: target, Body: []byte(form.Encode()), Header: http.Header{
		"Content-Type":       {"application/x-www-form-urlencoded"},
		"X-Twilio-Signature": {twilio.Signature(smstest.TwilioAuthToken, target, form)},
	}}
	return request(h, "")
}

func TestHostileForms(t *testing.T) { // F21
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	many, long := url.Values{}, url.Values{strings.Repeat("k", 100<<10): {"v"}}
	for i := range 10_001 {
		many.Set(fmt.Sprint("k", i), "v")
	}
	for name, form := range map[string]url.Values{"many": many, "long key": long, "empty": {}, "no id": {"Body": {"x"}}} {
		status := w.call(signed(w.url, form)).StatusCode
		require.Contains(t, []int{http.StatusBadRequest, http.StatusForbidden}, status, name)
	}
	require.Empty(t, w.all(livedesk.List{}))
}

func TestHostileJSON(t *testing.T) { // F16, F23
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	h := w.genuine(smstest.Text{From: alice, Body: "hello"})
	good := string(h.Body)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"deep":             {strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), 400},
		"deep open":        {strings.Repeat(`{"a":`, 10_000), 400},
		"long number":      {`[` + strings.Repeat("9", 200<<10) + `]`, 0},
		"trailing garbage": {good + "x", 400},
		"two documents":    {good + good, 400},
		"bom":              {"\ufeff" + good, 0},
		"empty":            {"", 400},
		"null":             {"null", 400},
		"a string":         {`"hello"`, 400},
		"an object":        {strings.Trim(good, "[]"), 0},
		"too many":         {"[" + strings.Repeat(`{},`, 9_999) + "{}]", 413},
		"no events":        {"[]", 0},
	} {
		h.Body = []byte(c.body)
		got := w.call(request(h, "")).StatusCode
		if c.status == 0 { // ours to define; never our fault, and never a text
			require.Less(t, got, 500, name)
		} else {
			require.Equal(t, c.status, got, name)
		}
		if name != "an object" && name != "bom" {
			require.Empty(t, w.all(livedesk.List{}), name)
		}
	}
}

// events is the body of a Bandwidth webhook, for changing it.
func events(t *testing.T, h smstest.Webhook) []map[string]any {
	t.Helper()
	var out []map[string]any
	require.NoError(t, json.Unmarshal(h.Body, &out))
	return out
}

func (w *world) postEvents(h smstest.Webhook, list ...map[string]any) int {
	w.t.Helper()
	body, err := json.Marshal(list)
	require.NoError(w.t, err)
	h.Body = body
	return w.call(request(h, "")).StatusCode
}

// One bad event of an array spoils nothing; a good one counts once, however often it is there.
func TestMixedArrays(t *testing.T) { // F16, F31
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	first := events(t, w.genuine(smstest.Text{From: alice, Body: "one"}))[0]
	h := w.genuine(smstest.Text{From: alice, Body: "two"})
	second := events(t, h)[0]
	bad := map[string]any{"type": "message-received", "message": "none"}
	odd := map[string]any{"type": "message-teleported", "time": "2026-11-22T05:34:05.000Z", "to": alice, "description": "", "message": map[string]any{}}
	require.Equal(t, http.StatusNoContent, w.postEvents(h, first, bad, first, odd, second, first, map[string]any{}))
	require.Equal(t, http.StatusNoContent, w.postEvents(h, second, first))
	require.Equal(t, []string{"one", "two"}, w.incoming(alice))
	require.GreaterOrEqual(t, w.engine.Ignored(), int64(3))
	w.settle()
	require.Equal(t, []string{"Hi"}, w.bodies())
}

func TestPanicInAHook(t *testing.T) { // F26
	t.Parallel()
	log := &logBuffer{}
	onBoth(t, func(t *testing.T, w *world) {
		w.text(alice, "one")
		w.text(alice, "two")
		require.Equal(t, []string{"one", "two"}, w.incoming(alice))
		require.Contains(t, log.String(), "hook panicked")
	}, func(s *settings) {
		s.Logger = log.logger()
		s.Hooks.Message = func(context.Context, livedesk.Message) { panic("host bug") }
		s.Hooks.Conversation = func(context.Context, livedesk.Conversation) { panic("host bug") }
	})
}

// Customers break off at any byte; what they sent once whole is there once.
func TestCallersWhoHangUp(t *testing.T) { // F27
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		srv := httptest.NewServer(w.engine.Webhooks())
		defer srv.Close()
		h := w.genuine(smstest.Text{From: alice, Body: "once"})
		var raw bytes.Buffer
		r := request(h, "")
		r.RequestURI = ""
		require.NoError(t, r.Write(&raw))
		const cut = 500 // for each carrier
		for range cut {
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			require.NoError(t, err)
			n := rand.IntN(raw.Len() + 1)
			_, err = conn.Write(raw.Bytes()[:n])
			require.NoError(t, err)
			require.NoError(t, conn.Close())
		}
		status := overHTTP(t, srv, raw.Bytes())
		require.Equal(t, http.StatusNoContent, status)
		require.Equal(t, []string{"once"}, w.incoming(alice))
	})
}

// overHTTP sends bytes to a server as they are and returns the status of its first answer, 0 where it hangs up.
func overHTTP(t *testing.T, srv *httptest.Server, raw []byte) int {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(raw)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

func TestSmugglingShapes(t *testing.T) { // F30
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	srv := httptest.NewServer(w.engine.Webhooks())
	defer srv.Close()
	path := strings.TrimPrefix(w.url, "https://desk.example.com")
	inner := "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nBody=x"
	for name, raw := range map[string]string{
		"cl and te":          "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		"two lengths":        "Content-Length: 6\r\nContent-Length: 7\r\n\r\nBody=xy",
		"obs-fold":           "Content-Type: application/x-www-form-urlencoded\r\n X-Twilio-Signature: x\r\nContent-Length: 6\r\n\r\nBody=x",
		"te twice":           "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"blank before colon": "Content-Length : 6\r\n\r\nBody=x",
		"bare lf in length":  "Content-Length: 6\nX: y\r\n\r\nBody=x",
		"negative length":    "Content-Length: -6\r\n\r\nBody=x",
		"signed length":      "Content-Length: +6\r\n\r\nBody=x",
	} {
		status := overHTTP(t, srv, []byte("POST "+path+" HTTP/1.1\r\nHost: desk.example.com\r\n"+raw))
		require.True(t, status == 0 || status >= 400, "%s: %d", name, status)
	}
	require.Empty(t, w.all(livedesk.List{}))
}

// Texts over real sockets, with the carrier calling back over real sockets too.
func TestOverRealHTTP(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		mux := http.NewServeMux()
		mux.Handle("/sms/", w.engine.Webhooks())
		srv := httptest.NewServer(mux)
		defer srv.Close()
		client := srv.Client()
		for i := range 20 {
			h := w.genuine(smstest.Text{From: alice, Body: fmt.Sprint(i)})
			r, err := http.NewRequestWithContext(w.ctx(), http.MethodPost, srv.URL+strings.TrimPrefix(w.url, "https://desk.example.com"), bytes.NewReader(h.Body))
			require.NoError(t, err)
			r.Header = h.Header.Clone()
			res, err := client.Do(r)
			require.NoError(t, err)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, http.StatusNoContent, res.StatusCode)
			require.Empty(t, body)
		}
		require.Len(t, w.incoming(alice), 20)
	})
}

// Whatever a customer writes, the webhook's answer says nothing that a carrier could act on.
func TestAnswersSayNothing(t *testing.T) { // F29
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) { c.Greeting = `Tom & Jerry <Message>"hi"</Message>` })
	for _, body := range []string{"</Message><Dial>+19005550199</Dial>", "<Response><Message>x</Message></Response>", "hello"} {
		w.text(alice, body)
	}
	for _, h := range w.twilio.Webhooks() {
		require.Equal(t, http.StatusNoContent, h.Status)
		require.Empty(t, h.Answer)
	}
	require.Empty(t, w.twilio.Replies())
	require.Equal(t, []string{`Tom & Jerry <Message>"hi"</Message>`}, w.bodies())
}
