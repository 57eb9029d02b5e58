package bandwidth_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
)

func TestSendRequest(t *testing.T) {
	t.Parallel()
	var got map[string]any
	var header http.Header
	var where string
	a := open(t, bandwidth.Config{Transport: carrier(func(r *http.Request, body []byte) (*http.Response, error) {
		header, where = r.Header, r.Method+" "+r.URL.String()
		if err := json.Unmarshal(body, &got); err != nil {
			return nil, err
		}
		return answer(r, 202, `{"id":"`+goodID+`","segmentCount":3,"tag":"msg-42"}`), nil
	})})
	m := text
	m.Text = "1 < 2 & \"ж\"\n\x00\xff"
	m.Media = []string{"https://example.com/a.jpg?x=1&y=2"}
	m.Expires = time.Date(2026, 11, 22, 7, 34, 1, 5e8, time.FixedZone("", 3600))
	acc, err := a.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, channel.Accepted{ID: goodID, Status: channel.StatusAccepted, Segments: 3}, acc)
	require.Equal(t, "POST "+sendURL, where)
	require.Equal(t, "Bearer canary-token", header.Get("Authorization"))
	require.Equal(t, "application/json", header.Get("Content-Type"))
	require.Equal(t, map[string]any{
		"applicationId": testApp,
		"from":          "+19195550100",
		"to":            []any{"+14155550123"},
		"text":          "1 < 2 & \"ж\"\n\x00�",
		"media":         []any{"https://example.com/a.jpg?x=1&y=2"},
		"tag":           "msg-42",
		"expiration":    "2026-11-22T06:34:01Z",
	}, got)
}

// TestSendAnswers runs the reference answers.
func TestSendAnswers(t *testing.T) {
	t.Parallel()
	var data struct {
		Responses []struct {
			ID      string
			Status  int `json:"http_status"`
			Headers map[string]string
			Body    json.RawMessage
			Raw     *string `json:"raw_body"`
			Outcome string
		}
	}
	load(t, "api_responses.json", &data)
	require.NotEmpty(t, data.Responses)
	classes := map[string][]channel.Reason{
		"accepted":        {channel.ReasonNone},
		"config":          {channel.ReasonConfig, channel.ReasonCredentials},
		"retry":           {channel.ReasonRetry},
		"unknown-outcome": {channel.ReasonUnknown},
	}
	for _, c := range data.Responses {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			body := string(c.Body)
			if c.Raw != nil {
				body = *c.Raw
			}
			a := open(t, bandwidth.Config{Transport: carrier(func(r *http.Request, _ []byte) (*http.Response, error) {
				return answer(r, c.Status, body, "Content-Type", c.Headers["Content-Type"]), nil
			})})
			acc, err := a.Send(t.Context(), text)
			require.Contains(t, classes[c.Outcome], sms.ReasonOf(err))
			if c.Outcome == "accepted" {
				require.Equal(t, channel.Accepted{ID: goodID, Status: channel.StatusAccepted, Segments: 1}, acc)
			} else {
				require.Equal(t, channel.Accepted{}, acc)
				require.Equal(t, c.Status, asSendError(t, err).Status)
			}
		})
	}
}

func TestSendRefusals(t *testing.T) { // F46, F47, F48, F53
	t.Parallel()
	field := func(names ...string) string {
		var b strings.Builder
		for i, n := range names {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"fieldName":%q,"description":"'+14155550123' canary text"}`, n)
		}
		return `{"type":"request-validation","description":"'+14155550123' is bad","fieldErrors":[` + b.String() + `]}`
	}
	tests := []struct {
		name   string
		status int
		body   string
		header []string
		reason channel.Reason
		code   string
		after  time.Duration
	}{
		{"to", 400, field("to"), nil, channel.ReasonRecipient, "request-validation", 0},
		{"to with index", 400, field("to[0]"), nil, channel.ReasonRecipient, "request-validation", 0},
		{"from", 400, field("from"), nil, channel.ReasonConfig, "request-validation", 0},
		{"application", 400, field("applicationId"), nil, channel.ReasonConfig, "request-validation", 0},
		{"text", 400, field("text"), nil, channel.ReasonContent, "request-validation", 0},
		{"media", 400, field("media.0"), nil, channel.ReasonContent, "request-validation", 0},
		{"expiration", 400, field("expiration"), nil, channel.ReasonExpired, "request-validation", 0},
		{"from outweighs to", 400, field("text", "to", "from"), nil, channel.ReasonConfig, "request-validation", 0},
		{"unknown field", 400, field("canary text"), nil, channel.ReasonOther, "request-validation", 0},
		{"no fields", 400, `{"type":"request-validation","description":"canary text"}`, nil, channel.ReasonOther, "request-validation", 0},
		{"no type", 400, `{"type":"canary text","fieldErrors":7}`, nil, channel.ReasonOther, "", 0},
		{"strange type", 400, `{"type":"canary text"}`, nil, channel.ReasonOther, "", 0},
		{"no json", 400, `canary text`, nil, channel.ReasonOther, "", 0},
		{"401", 401, `{"type":"unauthorized","description":"x"}`, nil, channel.ReasonCredentials, "unauthorized", 0},
		{"403", 403, `{"type":"forbidden","description":"x"}`, nil, channel.ReasonCredentials, "forbidden", 0},
		{"404", 404, `{"timestamp":"2026","status":404,"error":"Not Found","message":"","path":"/canary"}`, nil, channel.ReasonConfig, "", 0},
		{"408", 408, ``, nil, channel.ReasonUnknown, "", 0},
		{"413", 413, ``, nil, channel.ReasonContent, "", 0},
		{"415", 415, `{"type":"unsupported-media-type","description":"x"}`, nil, channel.ReasonConfig, "unsupported-media-type", 0},
		{"429", 429, `{}`, []string{"Retry-After", "7"}, channel.ReasonRetry, "", 7 * time.Second},
		{"429 without", 429, `{}`, nil, channel.ReasonRetry, "", 0},
		{"429 endless", 429, `{}`, []string{"Retry-After", "999999999"}, channel.ReasonRetry, "", 24 * time.Hour},
		{"503 with", 503, `{}`, []string{"Retry-After", "0"}, channel.ReasonRetry, "", 0},
		{"503 date", 503, `{}`, []string{"Retry-After", "Sun, 22 Nov 2026 05:35:00 GMT", "Date", "Sun, 22 Nov 2026 05:34:00 GMT"}, channel.ReasonRetry, "", time.Minute},
		{"503 date gone", 503, `{}`, []string{"Retry-After", "Sun, 22 Nov 2026 05:33:00 GMT", "Date", "Sun, 22 Nov 2026 05:34:00 GMT"}, channel.ReasonRetry, "", 0},
		{"503 without", 503, `{}`, nil, channel.ReasonUnknown, "", 0},
		{"503 nonsense", 503, `{}`, []string{"Retry-After", "soon"}, channel.ReasonUnknown, "", 0},
		{"500", 500, `{"type":"internal-server-error","description":"x"}`, []string{"Retry-After", "5"}, channel.ReasonUnknown, "internal-server-error", 0},
		{"504", 504, `<html>`, nil, channel.ReasonUnknown, "", 0},
		{"302", 302, ``, []string{"Location", "https://evil.example/"}, channel.ReasonUnknown, "", 0},
		{"202 no json", 202, `canary text`, nil, channel.ReasonUnknown, "", 0},
		{"202 bad id", 202, `{"id":"a b"}`, nil, channel.ReasonUnknown, "", 0},
		{"202 number id", 202, `{"id":7}`, nil, channel.ReasonUnknown, "", 0},
		{"202 of another text", 202, `{"id":"x","tag":"msg-43"}`, nil, channel.ReasonUnknown, "", 0},
		{"202 too long", 202, `{"id":"x","text":"` + strings.Repeat("a", 1<<20) + `"}`, nil, channel.ReasonUnknown, "", 0},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := open(t, bandwidth.Config{Transport: carrier(func(r *http.Request, _ []byte) (*http.Response, error) {
				return answer(r, c.status, c.body, c.header...), nil
			})})
			_, err := a.Send(t.Context(), text)
			e := asSendError(t, err)
			require.Equal(t, c.reason, e.Reason)
			require.Equal(t, c.code, e.Code)
			require.Equal(t, c.after, e.After)
			require.Equal(t, c.status, e.Status)
		})
	}
}

// TestSendChecks: what Bandwidth would refuse doesn't leave.
func TestSendChecks(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
		t.Error("a request left")
		return nil, errors.ErrUnsupported
	})})
	tests := []struct {
		name   string
		change func(*channel.Outbound)
		reason channel.Reason
	}{
		{"no sender", func(m *channel.Outbound) { m.From = "" }, channel.ReasonConfig},
		{"pool", func(m *channel.Outbound) { m.From, m.Pool = "", "MG0" }, channel.ReasonConfig},
		{"bad sender", func(m *channel.Outbound) { m.From = "+1\r\n2" }, channel.ReasonConfig},
		{"bad ref", func(m *channel.Outbound) { m.Ref = "a\r\nb" }, channel.ReasonConfig},
		{"long ref", func(m *channel.Outbound) { m.Ref = strings.Repeat("a", 65) }, channel.ReasonConfig},
		{"no recipient", func(m *channel.Outbound) { m.To = "" }, channel.ReasonRecipient},
		{"name as recipient", func(m *channel.Outbound) { m.To = "AMAZON" }, channel.ReasonRecipient},
		{"nothing", func(m *channel.Outbound) { m.Text = "" }, channel.ReasonContent},
		{"too long", func(m *channel.Outbound) { m.Text = strings.Repeat("é", 2049) }, channel.ReasonContent},
		{"many media", func(m *channel.Outbound) { m.Media = make([]string, 11) }, channel.ReasonContent},
		{"long media", func(m *channel.Outbound) { m.Media = []string{"https://x/" + strings.Repeat("a", 4096)} }, channel.ReasonContent},
	}
	for _, c := range tests {
		m := text
		c.change(&m)
		_, err := a.Send(t.Context(), m)
		require.Equal(t, c.reason, asSendError(t, err).Reason, c.name)
	}
}

func TestSendLongestText(t *testing.T) {
	t.Parallel()
	a := open(t, bandwidth.Config{Transport: carrier(func(r *http.Request, _ []byte) (*http.Response, error) {
		return answer(r, 202, sendOK), nil
	})})
	m := text
	m.Text = strings.Repeat("é", 2048)
	_, err := a.Send(t.Context(), m)
	require.NoError(t, err)
	traits := a.(sms.Describer).Traits()
	require.Equal(t, 2048, traits.MaxText)
	require.Equal(t, 3*time.Hour, traits.ReceiptWithin)
	require.False(t, traits.ConfirmsOptOut)
}

// TestSendConnectionRefused is F49: nothing was written, so the text may be sent again.
func TestSendConnectionRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dead := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	live := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, tokenOK)
	}))
	defer live.Close()

	_, err = open(t, bandwidth.Config{BaseURL: dead, TokenURL: live.URL}).Send(t.Context(), text)
	require.Equal(t, channel.ReasonRetry, asSendError(t, err).Reason)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	_, err = open(t, bandwidth.Config{BaseURL: live.URL, TokenURL: dead}).Send(t.Context(), text)
	require.Equal(t, channel.ReasonRetry, asSendError(t, err).Reason)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

// TestSendReset is F50: the whole request was read before the connection broke.
func TestSendReset(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, tokenOK)
			return
		}
		posts.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}))
	defer srv.Close()
	a := open(t, bandwidth.Config{BaseURL: srv.URL, TokenURL: srv.URL + "/token"})
	for range 3 { // also on a kept connection
		_, err := a.Send(t.Context(), text)
		require.Equal(t, channel.ReasonUnknown, asSendError(t, err).Reason)
	}
	require.EqualValues(t, 3, posts.Load(), "one POST for each Send")
}

// TestSendHTTP2: what was sent and what was not is the same over HTTP/2, which the real carrier may speak.
func TestSendHTTP2(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("%s", r.Proto)
		}
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, tokenOK)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if posts.Add(1) == 2 {
			panic(http.ErrAbortHandler) // resets the stream
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, sendOK)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	a := open(t, bandwidth.Config{BaseURL: srv.URL, TokenURL: srv.URL + "/token", Transport: srv.Client().Transport})
	_, err := a.Send(t.Context(), text)
	require.NoError(t, err)
	_, err = a.Send(t.Context(), text)
	require.Equal(t, channel.ReasonUnknown, asSendError(t, err).Reason)
	require.EqualValues(t, 2, posts.Load())
	srv.Close()
	_, err = a.Send(t.Context(), text)
	require.Equal(t, channel.ReasonRetry, asSendError(t, err).Reason)
}

// TestSendGarbledAnswer: net/http quotes what a broken server sent, which may be our own text.
func TestSendGarbledAnswer(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"HTTP/1.1 canary text\r\n\r\n",
		"HTTP/1.1 202 Accepted\r\ncanary text\r\n\r\n",
		"HTTP/1.1 202 Accepted\r\nContent-Length: canary text\r\n\r\n",
		"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: canary text\r\n\r\n",
		"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\ncanary text\r\n",
		"HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\n" + sendOK[:20],
		"HTTP/1.1 202 Accepted\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
		"HTTP/1.1 202 Accepted\r\nContent-Length: 999\r\n\r\n" + sendOK, // may be of any length, and may go on
		"",
	} {
		s := setup()
		s.UseBasic = true
		a, err := bandwidth.New(bandwidth.Config{BaseURL: "http://" + rawServer(t, raw)}).Open(settings(s))
		require.NoError(t, err)
		_, err = a.Send(t.Context(), text)
		require.Equal(t, channel.ReasonUnknown, asSendError(t, err).Reason, "%.60q", raw)
	}
}

// rawServer reads a whole request on each connection and writes raw to it.
func rawServer(t *testing.T, raw string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, raw)
			}
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// TestSendOldTLS is F63: no request leaves over TLS 1.1 or to a certificate that nobody vouches for.
func TestSendOldTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	srv.StartTLS()
	defer srv.Close()
	strange := httptest.NewUnstartedServer(srv.Config.Handler)
	strange.Config.ErrorLog = srv.Config.ErrorLog
	strange.StartTLS()
	defer strange.Close()
	for _, u := range []string{srv.URL, strange.URL} {
		_, err := open(t, bandwidth.Config{BaseURL: u, TokenURL: u}).Send(t.Context(), text)
		require.Equal(t, channel.ReasonRetry, asSendError(t, err).Reason)
	}
}

// TestSendNeverFollows is F62, for texts and for tokens.
func TestSendNeverFollows(t *testing.T) {
	t.Parallel()
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request left for another host") }))
	defer evil.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		where := ""
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == where {
				http.Redirect(w, r, evil.URL, status)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, tokenOK)
		}))
		a := open(t, bandwidth.Config{BaseURL: srv.URL, TokenURL: srv.URL + "/token"})
		where = "/token"
		_, err := a.Send(t.Context(), text)
		require.Equal(t, channel.ReasonRetry, asSendError(t, err).Reason, "no token, nothing sent")
		where = "/users/9900902/messages"
		_, err = a.Send(t.Context(), text)
		require.Equal(t, channel.ReasonUnknown, asSendError(t, err).Reason)
		srv.Close()
	}
}

// TestSendTimeout: the limit is Config's, and what it means depends on what had left by then.
func TestSendTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := func(read bool) transport {
			return func(r *http.Request) (*http.Response, error) {
				if r.URL.String() == tokenURL {
					return answer(r, 200, tokenOK), nil
				}
				if read {
					_, _ = io.Copy(io.Discard, r.Body)
				}
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
		}
		for _, c := range []struct {
			cfg    bandwidth.Config
			limit  time.Duration
			reason channel.Reason
		}{
			{bandwidth.Config{Transport: hang(false)}, 10 * time.Second, channel.ReasonRetry},
			{bandwidth.Config{Transport: hang(true)}, 10 * time.Second, channel.ReasonUnknown},
			{bandwidth.Config{Transport: hang(true), Timeout: time.Second}, time.Second, channel.ReasonUnknown},
			{bandwidth.Config{Transport: hang(true), Timeout: -1}, time.Hour, channel.ReasonUnknown},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			start := time.Now()
			_, err := open(t, c.cfg).Send(ctx, text)
			cancel()
			require.Equal(t, c.reason, asSendError(t, err).Reason)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, c.limit, time.Since(start))
		}
	})
}

// TestSendGivenUp: once Send has said that nothing left, nothing leaves any more, however late the transport is.
func TestSendGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		late := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		a := open(t, bandwidth.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.URL.String() == tokenURL {
				return answer(r, 200, tokenOK), nil
			}
			go func() {
				time.Sleep(time.Second)
				_, err := io.ReadAll(r.Body)
				late <- err
			}()
			cancel()
			return nil, ctx.Err()
		})})
		_, err := a.Send(ctx, text)
		require.Equal(t, channel.ReasonRetry, asSendError(t, err).Reason)
		require.Error(t, <-late, "the body must be shut")
	})
}

// TestAnswersAreClosed: every answer is read to its end, within bounds, and closed.
func TestAnswersAreClosed(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 100, 100 << 10, 10 << 20} {
		var bodies []*watched
		watch := func(res *http.Response) *http.Response {
			w := &watched{ReadCloser: res.Body}
			bodies, res.Body = append(bodies, w), w
			return res
		}
		pad := strings.Repeat(" ", size)
		a := open(t, bandwidth.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.URL.String() == tokenURL {
				return watch(answer(r, 200, tokenOK+pad)), nil
			}
			return watch(answer(r, 401, pad)), nil
		})})
		_, err := a.Send(t.Context(), text)
		require.Equal(t, channel.ReasonCredentials, asSendError(t, err).Reason)
		require.Len(t, bodies, 4)
		for _, w := range bodies {
			require.Equal(t, 1, w.closed)
			require.GreaterOrEqual(t, w.read, min(size, 128<<10))
			require.Less(t, w.read, 256<<10)
		}
	}
}

type watched struct {
	io.ReadCloser
	read, closed int
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.read += n
	return n, err
}

func (w *watched) Close() error {
	w.closed++
	return w.ReadCloser.Close()
}

func TestSendLegacyBasic(t *testing.T) {
	t.Parallel()
	var headers []string
	s := setup()
	s.UseBasic = true
	a, err := bandwidth.New(bandwidth.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
		headers = append(headers, r.URL.String()+" "+r.Header.Get("Authorization"))
		_, _ = io.Copy(io.Discard, r.Body)
		return answer(r, 401, `{"type":"unauthorized"}`), nil
	})}).Open(settings(s))
	require.NoError(t, err)
	_, err = a.Send(t.Context(), text)
	require.Equal(t, channel.ReasonCredentials, asSendError(t, err).Reason)
	require.ErrorContains(t, err, "enter API credentials", "what to mend stands with the text")
	require.Equal(t, []string{sendURL + " " + basic(clientID, clientSecret)}, headers, "no token, no second try")
}

// asSendError returns the typed error and sees to F149 on the way.
func asSendError(t *testing.T, err error) *sms.SendError {
	t.Helper()
	e, ok := errors.AsType[*sms.SendError](err)
	require.True(t, ok, "%T", err)
	require.Equal(t, "bandwidth", e.Provider)
	require.NotEqual(t, channel.ReasonNone, e.Reason)
	requireNoCanary(t, err)
	return e
}

func requireNoCanary(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			s := fmt.Sprintf(verb, e)
			for _, c := range canaries {
				require.NotContains(t, s, c)
			}
		}
	}
}
