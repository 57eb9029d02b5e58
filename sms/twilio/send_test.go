package twilio_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

const created = `{"sid":"SM00000000000000000000000000000384","status":"queued","num_segments":"2","error_code":null}`

// posted is what one send puts on the wire.
type posted struct {
	URL, Host, User, Password, Agent string
	Form                             url.Values
}

func post(t *testing.T, cfg twilio.Config, s sms.Settings, m channel.Outbound) posted {
	t.Helper()
	var got posted
	cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		got.URL, got.Host, got.Agent = r.Method+" "+r.URL.String(), r.Host, r.Header.Get("User-Agent")
		got.User, got.Password, _ = r.BasicAuth()
		got.Form, err = url.ParseQuery(string(b))
		if err != nil {
			return nil, err
		}
		return answers(201, nil, created)(r)
	})
	a, err := open(t, cfg, s).Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, channel.Accepted{ID: "SM00000000000000000000000000000384", Status: channel.StatusAccepted, Segments: 2}, a)
	return got
}

func TestSendRequest(t *testing.T) {
	t.Parallel()
	got := post(t, twilio.Config{}, settings(), outbound())
	require.Equal(t, "POST https://api.twilio.com/2010-04-01/Accounts/"+testAccount+"/Messages.json", got.URL)
	require.Equal(t, "api.twilio.com", got.Host)
	require.Equal(t, testAccount, got.User)
	require.Equal(t, testToken, got.Password)
	require.Regexp(t, `^twilio-go/\S+ .* livedesk-go$`, got.Agent)
	require.Equal(t, url.Values{"To": {"+14155550123"}, "From": {"+15105550100"}, "Body": {"canary text of a reply"},
		"StatusCallback": {testWebhook + "/status/0192f0c1-ref#rc=5&rp=all"}}, got.Form)

	m := outbound()
	m.From, m.Pool, m.Text, m.Media = "+1999", testService, "", []string{"https://a.example/1", "https://a.example/2"}
	s := withKey(settings())
	s.WebhookURL = ""
	got = post(t, twilio.Config{BaseURL: "http://carrier.example:8080/fake/"}, s, m)
	require.Equal(t, "POST http://carrier.example:8080/fake/2010-04-01/Accounts/"+testAccount+"/Messages.json", got.URL)
	require.Equal(t, "carrier.example:8080", got.Host)
	require.Equal(t, testKey, got.User)
	require.Equal(t, testSecret, got.Password)
	require.Equal(t, url.Values{"To": {"+14155550123"}, "MessagingServiceSid": {testService}, "MediaUrl": m.Media}, got.Form)
}

func TestSendReadsNoEnvironment(t *testing.T) {
	for k, v := range map[string]string{"TWILIO_EDGE": "sydney", "TWILIO_REGION": "au1", "TWILIO_ACCOUNT_SID": "ACx", "TWILIO_AUTH_TOKEN": "x",
		"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"} {
		t.Setenv(k, v)
	}
	require.Equal(t, "api.twilio.com", post(t, twilio.Config{}, settings(), outbound()).Host)
	var seen atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen.Add(1)
		w.WriteHeader(201)
		_, _ = io.WriteString(w, created)
	}))
	defer srv.Close()
	_, err := open(t, twilio.Config{BaseURL: srv.URL}, settings()).Send(t.Context(), outbound())
	require.NoError(t, err)
	require.EqualValues(t, 1, seen.Load())
}

func TestSendValidityPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for left, want := range map[time.Duration]string{
			time.Nanosecond: "1", time.Second: "1", 1500 * time.Millisecond: "2", time.Hour: "3600", 10 * time.Hour: "36000", 1000 * time.Hour: "36000", math.MaxInt64: "36000",
		} {
			m := outbound()
			m.Expires = time.Now().Add(left)
			require.Equal(t, want, post(t, twilio.Config{}, settings(), m).Form.Get("ValidityPeriod"), left)
		}
	})
}

// What Twilio could never take makes no request.
func TestSendRefuses(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("a request was made")
		return nil, errors.New("x")
	})}, settings())
	for name, c := range map[string]struct {
		change func(*channel.Outbound)
		want   channel.Reason
	}{
		"no ref":     {func(m *channel.Outbound) { m.Ref = "" }, channel.ReasonOther},
		"ref path":   {func(m *channel.Outbound) { m.Ref = "../x" }, channel.ReasonOther},
		"ref break":  {func(m *channel.Outbound) { m.Ref = "x\r\n" }, channel.ReasonOther},
		"long ref":   {func(m *channel.Outbound) { m.Ref = strings.Repeat("x", 65) }, channel.ReasonOther},
		"no sender":  {func(m *channel.Outbound) { m.From = "" }, channel.ReasonConfig},
		"bad pool":   {func(m *channel.Outbound) { m.Pool = "MG1" }, channel.ReasonConfig},
		"no one":     {func(m *channel.Outbound) { m.To = "" }, channel.ReasonRecipient},
		"national":   {func(m *channel.Outbound) { m.To = "4155550123" }, channel.ReasonRecipient},
		"a name":     {func(m *channel.Outbound) { m.To = "AMAZON" }, channel.ReasonRecipient},
		"to break":   {func(m *channel.Outbound) { m.To = "+14155550123\r\n" }, channel.ReasonRecipient},
		"from break": {func(m *channel.Outbound) { m.From = "+15105550100\r\n" }, channel.ReasonConfig},
		"nothing":    {func(m *channel.Outbound) { m.Text = "" }, channel.ReasonContent},
		"too long":   {func(m *channel.Outbound) { m.Text = strings.Repeat("é", 1601) }, channel.ReasonContent},
		"many files": {func(m *channel.Outbound) { m.Media = make([]string, 11) }, channel.ReasonContent},
		"expired":    {func(m *channel.Outbound) { m.Expires = time.Unix(1, 0) }, channel.ReasonExpired},
	} {
		m := outbound()
		c.change(&m)
		_, err := a.Send(t.Context(), m)
		require.Equal(t, c.want, sms.ReasonOf(err), name)
		requireNoCanary(t, err)
	}
}

// requireNoCanary holds an error to: no secret, no text, no full number, in any verb.
func requireNoCanary(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	s, ok := errors.AsType[*sms.SendError](err)
	require.True(t, ok)
	require.Equal(t, "twilio", s.Provider)
	require.NotEqual(t, channel.ReasonNone, s.Reason)
	b, _ := json.Marshal(err)
	out := fmt.Sprintf("%v|%+v|%#v|%s|%q|%v|%+v|%#v|%s", err, err, err, err, err, s.Err, s.Err, s.Err, b)
	// Nor the URL of the request, which names the account.
	for _, secret := range []string{"/2010-04-01/", "canary", "4155550123", "5105550100", "Basic ", "+1415"} {
		require.NotContains(t, out, secret)
	}
}

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
	testdata(t, "twilio_api_responses.json", &data)
	for _, c := range data.Responses {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			body := string(c.Body)
			if c.Raw != nil {
				body = *c.Raw
			}
			got, err := open(t, twilio.Config{Transport: answers(c.Status, c.Headers, body)}, settings()).Send(t.Context(), outbound())
			if c.Outcome == "accepted" {
				require.NoError(t, err)
				require.Equal(t, "SM00000000000000000000000000000384", got.ID)
				require.Equal(t, channel.StatusAccepted, got.Status)
				return
			}
			requireNoCanary(t, err)
			want := classes[c.Outcome]
			if c.Status == 401 {
				want = channel.ReasonCredentials
			}
			require.Equal(t, want, sms.ReasonOf(err))
			e, _ := errors.AsType[*sms.SendError](err)
			require.Equal(t, c.Status, e.Status)
			if _, code, ok := strings.Cut(c.ID, "error-"); ok {
				require.Equal(t, code, e.Code)
			}
		})
	}
}

// classes are the reference data's words for our reasons.
var classes = map[string]channel.Reason{
	"retry": channel.ReasonRetry, "retry-later": channel.ReasonRetryLater, "permanent-recipient": channel.ReasonRecipient,
	"opt-out": channel.ReasonOptOut, "content": channel.ReasonContent, "config": channel.ReasonConfig,
	"unknown-outcome": channel.ReasonUnknown, "expired": channel.ReasonExpired, "info": channel.ReasonOther,
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	var data struct {
		Codes []struct {
			Code         int
			Where, Class string
		}
	}
	testdata(t, "twilio_error_codes.json", &data)
	require.Len(t, data.Codes, 111)
	for _, c := range data.Codes {
		want := classes[c.Class]
		if c.Code == 20003 {
			want = channel.ReasonCredentials // the channel is at fault, not the text
		}
		body := fmt.Sprintf(`{"code":%d,"message":"the number +14155550123 canary","more_info":"x","status":400}`, c.Code)
		_, err := open(t, twilio.Config{Transport: answers(400, nil, body)}, settings()).Send(t.Context(), outbound())
		require.Equal(t, want, sms.ReasonOf(err), c.Code)
		requireNoCanary(t, err)

		raw := receiptForm("MessageStatus", "failed", "ErrorCode", strconv.Itoa(c.Code))
		events, err := open(t, twilio.Config{}, settings()).Parse(webhook(testWebhook+"/status/r", raw), []byte(raw))
		require.NoError(t, err)
		require.Equal(t, want, events[0].(channel.Receipt).Reason, c.Code)
	}
}

// Answers that no table has: by status, and by status against code.
func TestSendAnswersByStatus(t *testing.T) {
	t.Parallel()
	const html = "<html>canary +14155550123</html>"
	wait := map[string]string{"Retry-After": "7"}
	for _, c := range []struct {
		status int
		header map[string]string
		body   string
		want   channel.Reason
	}{
		{400, nil, html, channel.ReasonOther},
		{400, nil, `{"code":29999,"message":"new"}`, channel.ReasonOther},
		{400, nil, "", channel.ReasonOther},
		{401, nil, html, channel.ReasonCredentials},
		{403, nil, html, channel.ReasonCredentials},
		{403, nil, `{"code":20006}`, channel.ReasonCredentials},
		{403, nil, `{"code":21610}`, channel.ReasonOptOut},
		{404, nil, html, channel.ReasonConfig},
		{408, nil, html, channel.ReasonUnknown},
		{413, nil, html, channel.ReasonContent},
		{429, nil, html, channel.ReasonRetry},
		{429, wait, `{"code":21611}`, channel.ReasonRetryLater},
		{500, wait, html, channel.ReasonUnknown},
		{502, nil, html, channel.ReasonUnknown},
		{503, nil, html, channel.ReasonUnknown},
		{503, wait, html, channel.ReasonRetry},
		{503, map[string]string{"Retry-After": "0"}, "", channel.ReasonRetry},
		{503, map[string]string{"Retry-After": "soon"}, "", channel.ReasonUnknown},
		{503, nil, `{"code":20503}`, channel.ReasonRetry},
		{500, nil, `{"code":30001}`, channel.ReasonUnknown},
		{500, nil, `{"code":21211}`, channel.ReasonRecipient},
		{504, nil, "", channel.ReasonUnknown},
		{302, map[string]string{"Location": "://"}, created, channel.ReasonUnknown},
		{304, nil, "", channel.ReasonUnknown},
		{200, nil, html, channel.ReasonUnknown},
		{201, nil, "", channel.ReasonUnknown},
		{201, nil, `{"sid":null}`, channel.ReasonUnknown},
		{201, nil, `{"sid":"SM1"}`, channel.ReasonUnknown},
		{201, nil, `{"sid":"SM00000000000000000000000000000384","x":"` + strings.Repeat("x", 70<<10) + `"}`, channel.ReasonUnknown},
		{201, nil, strings.Replace(created, `"queued"`, `"failed"`, 1), channel.ReasonOther},
		{201, nil, strings.Replace(strings.Replace(created, `"queued"`, `"failed"`, 1), "null", "21610", 1), channel.ReasonOptOut},
	} {
		_, err := open(t, twilio.Config{Transport: answers(c.status, c.header, c.body)}, settings()).Send(t.Context(), outbound())
		require.Equal(t, c.want, sms.ReasonOf(err), "%d %v %.60s", c.status, c.header, c.body)
		requireNoCanary(t, err)
	}
	got, err := open(t, twilio.Config{Transport: answers(200, nil, strings.Replace(created, "queued", "newword", 1))}, settings()).Send(t.Context(), outbound())
	require.NoError(t, err)
	require.Equal(t, channel.StatusAccepted, got.Status)
}

func TestSendRetryAfter(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "-7": 0, "": 0, "soon": 0, "1e3": 0, "4000000000": 24 * time.Hour, "99999999999999999999": 0,
		"Sun, 22 Nov 2026 05:00:30 GMT": 30 * time.Second, "Sun, 22 Nov 2026 04:00:00 GMT": 0, "Fri, 31 Dec 2027 23:59:59 GMT": 24 * time.Hour,
	} {
		h := map[string]string{"Retry-After": header, "Date": "Sun, 22 Nov 2026 05:00:00 GMT"}
		_, err := open(t, twilio.Config{Transport: answers(429, h, "")}, settings()).Send(t.Context(), outbound())
		got, _ := sms.RetryAfter(err)
		require.Equal(t, want, got, header)
	}
}

// quiet keeps handshakes that are meant to fail out of the output.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// F49: nothing was written, so nothing was sent.
func TestSendKnownNotSent(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = quiet()
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		base string
	}{
		"refused":          {t.Context(), refused},
		"no such host":     {t.Context(), "https://nowhere.invalid"},
		"unknown CA":       {t.Context(), untrusted.URL},
		"no TLS":           {t.Context(), "https" + strings.TrimPrefix(plain.URL, "http")},
		"already given up": {canceled, plain.URL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, twilio.Config{BaseURL: c.base}, settings()).Send(c.ctx, outbound())
			require.Equal(t, channel.ReasonRetry, sms.ReasonOf(err), "%v", err)
			requireNoCanary(t, err)
		})
	}
}

// F63.
func TestSendWantsTLS12(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = quiet()
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	_, err := open(t, twilio.Config{BaseURL: srv.URL}, settings()).Send(t.Context(), outbound())
	require.ErrorContains(t, err, "protocol version")
	require.Equal(t, channel.ReasonRetry, sms.ReasonOf(err))
}

// F50: the request was written, so nobody knows.
func TestSendUnknownAfterWrite(t *testing.T) {
	t.Parallel()
	breakOff := func(beforeHeader bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if !beforeHeader {
				w.Header().Set("Content-Length", "1000")
				w.WriteHeader(201)
				_, _ = io.WriteString(w, created[:20])
			}
			panic(http.ErrAbortHandler)
		}
	}
	for name, h := range map[string]http.HandlerFunc{"no answer": breakOff(true), "half an answer": breakOff(false), "reset": reset} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(h)
			t.Cleanup(srv.Close)
			_, err := open(t, twilio.Config{BaseURL: srv.URL}, settings()).Send(t.Context(), outbound())
			require.Equal(t, channel.ReasonUnknown, sms.ReasonOf(err), "%v", err)
			requireNoCanary(t, err)
		})
	}
}

func reset(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestSendHonoursContextAndTimeout(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := open(t, twilio.Config{BaseURL: srv.URL, Timeout: -1}, settings()).Send(ctx, outbound())
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, channel.ReasonUnknown, sms.ReasonOf(err))
	requireNoCanary(t, err)

	_, err = open(t, twilio.Config{BaseURL: srv.URL, Timeout: 50 * time.Millisecond}, settings()).Send(t.Context(), outbound())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, channel.ReasonUnknown, sms.ReasonOf(err))
	<-arrived
}

func TestSendDefaultTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs := roundTripper(func(r *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		start := time.Now()
		_, err := open(t, twilio.Config{Transport: hangs}, settings()).Send(t.Context(), outbound())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

// F62: the credentials go nowhere else.
func TestSendFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	var here, elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			here.Add(1)
			w.Header().Set("Location", other.URL+r.URL.Path)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, created) // the SDK takes a 3xx for a success
		}))
		_, err := open(t, twilio.Config{BaseURL: srv.URL}, settings()).Send(t.Context(), outbound())
		require.Equal(t, channel.ReasonUnknown, sms.ReasonOf(err), status)
		srv.Close()
	}
	require.Zero(t, elsewhere.Load())
	require.EqualValues(t, 5, here.Load(), "one request for each send")
}

// The SDK leaves the bodies of failed requests open, at a connection each.
func TestSendLeaksNoConnection(t *testing.T) {
	t.Parallel()
	page := "<html>" + strings.Repeat("x", 4<<10) + "</html>"
	var opened atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(502)
		_, _ = io.WriteString(w, page)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	a := open(t, twilio.Config{BaseURL: srv.URL}, settings())
	for range 50 {
		_, err := a.Send(t.Context(), outbound())
		require.Equal(t, channel.ReasonUnknown, sms.ReasonOf(err))
	}
	require.LessOrEqual(t, opened.Load(), int32(2))
}

// spy is an answer's body that has no end and knows whether it was closed.
type spy struct {
	read   int
	closed bool
}

func (s *spy) Read(p []byte) (int, error) { s.read += len(p); return len(p), nil }
func (s *spy) Close() error               { s.closed = true; return nil }

func TestSendBoundsAndClosesAnswers(t *testing.T) {
	t.Parallel()
	for _, status := range []int{201, 302, 400, 500} {
		body := &spy{}
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, r.Body)
			return &http.Response{StatusCode: status, Body: body}, nil
		})
		_, err := open(t, twilio.Config{Transport: rt}, settings()).Send(t.Context(), outbound())
		require.Error(t, err)
		require.True(t, body.closed, status)
		require.LessOrEqual(t, body.read, 128<<10, status)
	}
}

// A transport of the host's may say anything, and may break its contract.
func TestSendWithholdsWhatATransportSays(t *testing.T) {
	t.Parallel()
	for name, rt := range map[string]roundTripper{
		"header": func(r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("sending %v", r.Header) },
		"token":  func(*http.Request) (*http.Response, error) { return nil, errors.New("with " + testToken) },
		"body": func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			form, _ := url.ParseQuery(string(b))
			return nil, fmt.Errorf("sending %q to %s", form.Get("Body"), form.Get("To"))
		},
		"nothing": func(*http.Request) (*http.Response, error) { return nil, nil },
		"no body": func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 500}, nil },
	} {
		_, err := open(t, twilio.Config{Transport: rt}, settings()).Send(t.Context(), outbound())
		require.Error(t, err, name)
		requireNoCanary(t, err)
	}
}

// A body that nobody read is sealed: what a stray goroutine of the transport does later can't send it.
func TestSendSealsWhatItCallsNotSent(t *testing.T) {
	t.Parallel()
	var late io.ReadCloser
	rt := roundTripper(func(r *http.Request) (*http.Response, error) {
		again, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		late = again
		return nil, errors.New("connection refused")
	})
	_, err := open(t, twilio.Config{Transport: rt}, settings()).Send(t.Context(), outbound())
	require.Equal(t, channel.ReasonRetry, sms.ReasonOf(err))
	_, err = io.ReadAll(late)
	require.Error(t, err)
}

// F67, with the race detector: concurrent sends share an account and nothing else.
func TestSendConcurrently(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		callback := r.PostFormValue("StatusCallback")
		mu.Lock()
		seen[callback]++
		mu.Unlock()
		if strings.Contains(callback, "odd") {
			http.Error(w, `{"code":20429}`, http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(201)
		_, _ = io.WriteString(w, created)
	}))
	t.Cleanup(srv.Close)
	a := open(t, twilio.Config{BaseURL: srv.URL}, settings())
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			m := outbound()
			want := channel.ReasonNone
			if m.Ref = "even-" + strconv.Itoa(i); i%2 == 1 {
				m.Ref, want = "odd-"+strconv.Itoa(i), channel.ReasonRetry
			}
			if _, err := a.Send(t.Context(), m); sms.ReasonOf(err) != want {
				t.Errorf("%s: %v", m.Ref, err)
			}
		})
	}
	wg.Wait()
	require.Len(t, seen, 100)
	for n := range maps.Values(seen) {
		require.Equal(t, 1, n)
	}
}
