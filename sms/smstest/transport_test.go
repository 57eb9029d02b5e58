package smstest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
)

// twilioForm is a request that nothing is wrong with.
func twilioForm() url.Values {
	return url.Values{"To": {string(Customer)}, "From": {string(TwilioNumber)}, "Body": {"hello"},
		"StatusCallback": {"https://desk.example.com/sms/k/status/ref-1#rc=5&rp=all"}}
}

// twilioRequest makes a request to send, to a base URL.
func twilioRequest(ctx context.Context, base string, form url.Values) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/2010-04-01/Accounts/"+TwilioAccountSID+"/Messages.json",
		strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(TwilioAccountSID, TwilioAuthToken)
	return req
}

func newTransport(t *testing.T) *http.Transport {
	via := &http.Transport{}
	t.Cleanup(via.CloseIdleConnections)
	return via
}

// overBoth runs a test over a socket and in process.
func overBoth(t *testing.T, test func(t *testing.T, f *Twilio, base string, via http.RoundTripper)) {
	for _, way := range []string{"socket", "in_process"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			f := NewTwilio(t, TwilioConfig{Receipts: func(Sent) []Step { return nil }})
			if way == "socket" {
				test(t, f, f.URL(), newTransport(t))
			} else {
				test(t, f, "https://api.twilio.com", f.Transport())
			}
		})
	}
}

func TestFaultsAreTheSameOverBoth(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, f *Twilio, base string, via http.RoundTripper) {
		for _, c := range []struct {
			fault  Fault
			status int    // 0: no answer
			body   string // part of the answer
			header string
		}{
			{Fault{}, 201, `"status":"queued"`, ""},
			{Fault{Kind: FaultReset}, 0, "", ""},
			{Fault{Kind: FaultReset, Accept: true}, 0, "", ""},
			{Fault{Kind: FaultHang}, 0, "", ""},
			{Fault{Kind: FaultSlow, Accept: true}, 201, "", ""},
			{Fault{Kind: FaultSlow}, 201, "", ""},
			{Fault{Kind: FaultStatus}, 500, `"code":20500`, ""},
			{Fault{Kind: FaultStatus, Status: 429, RetryAfter: 3 * time.Second}, 429, `"code":20429`, "Retry-After: 3"},
			{Fault{Kind: FaultStatus, Status: 400, Code: "21408"}, 400, `"code":21408`, ""},
			{Fault{Kind: FaultStatus, Status: 504}, 504, "", ""},
			{Fault{Kind: FaultHTML}, 502, "<html>", "Content-Type: text/html"},
			{Fault{Kind: FaultHTML, Status: 503, RetryAfter: time.Minute}, 503, "<html>", "Retry-After: 60"},
			{Fault{Kind: FaultRedirect}, 307, "", "Location: "},
			{Fault{Kind: FaultNoID, Accept: true}, 201, `{"status":"queued"}`, ""},
			{Fault{Kind: FaultGarbage}, 201, "no JSON", ""},
		} {
			before := len(f.Sent())
			f.Fail(c.fault)
			ctx, cancel := context.WithCancel(t.Context())
			if c.fault.Kind == FaultHang {
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			}
			res, err := via.RoundTrip(twilioRequest(ctx, base, twilioForm()))
			if c.status == 0 {
				require.Error(t, err, "%+v", c.fault)
				if c.fault.Kind == FaultReset {
					require.ErrorIs(t, err, syscall.ECONNRESET)
				} else {
					require.ErrorIs(t, err, context.DeadlineExceeded)
				}
			} else {
				require.NoError(t, err, "%+v", c.fault)
				require.Equal(t, c.status, res.StatusCode)
				checkAnswer(t, res, c.fault, c.body, c.header, cancel)
			}
			cancel()
			taken := len(f.Sent()) - before
			require.Equal(t, c.fault.Kind == FaultNone || c.fault.Accept, taken == 1, "%+v took %d", c.fault, taken)
			last := f.Requests()[len(f.Requests())-1]
			require.Equal(t, c.fault, last.Fault)
			require.Equal(t, taken == 1, last.ID != "")
		}
	})
}

func checkAnswer(t *testing.T, res *http.Response, fault Fault, body, header string, cancel context.CancelFunc) {
	if fault.Kind == FaultSlow {
		one := make([]byte, 1)
		_, err := io.ReadFull(res.Body, one)
		require.NoError(t, err)
		cancel()
		_, err = io.ReadAll(res.Body)
		require.ErrorIs(t, err, context.Canceled)
		return
	}
	got, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Contains(t, string(got), body)
	if name, value, ok := strings.Cut(header, ": "); ok {
		require.Contains(t, res.Header.Get(name), value)
	}
	if fault.Kind == FaultRedirect {
		to, err := url.Parse(res.Header.Get("Location"))
		require.NoError(t, err)
		require.NotEqual(t, res.Request.URL.Hostname(), to.Hostname(), "a redirect must lead to another host")
	}
}

func TestDownRefusesAndComesBack(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, f *Twilio, base string, via http.RoundTripper) {
		send := func() error {
			res, err := via.RoundTrip(twilioRequest(t.Context(), base, twilioForm()))
			if err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
			return err
		}
		require.NoError(t, send())
		f.SetDown(true)
		require.Eventually(t, func() bool { return errors.Is(send(), syscall.ECONNREFUSED) }, time.Minute, time.Millisecond)
		require.Len(t, f.Sent(), 1)
		f.SetDown(false)
		require.NoError(t, send())
		require.Len(t, f.Sent(), 2)
	})
}

// Adapters tell a text that was never sent by a body that nobody read, and by the hooks of httptrace: a refused
// connection may touch neither.
func TestRefusedTouchesNothing(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{})
	var hooks []string
	trace := &httptrace.ClientTrace{
		GetConn:      func(string) { hooks = append(hooks, "get") },
		GotConn:      func(httptrace.GotConnInfo) { hooks = append(hooks, "got") },
		WroteHeaders: func() { hooks = append(hooks, "headers") },
		WroteRequest: func(httptrace.WroteRequestInfo) { hooks = append(hooks, "request") },
		GotFirstResponseByte: func() {
			hooks = append(hooks, "first byte")
		},
	}
	req := twilioRequest(httptrace.WithClientTrace(t.Context(), trace), "https://api.twilio.com", twilioForm())
	req.GetBody = func() (io.ReadCloser, error) { t.Error("GetBody was called"); return nil, io.EOF }
	body := req.Body
	req.Body = struct {
		io.Reader
		io.Closer
	}{readerFunc(func([]byte) (int, error) { t.Error("the body was read"); return 0, io.EOF }), body}
	f.Fail(Fault{Kind: FaultRefuse, Accept: true})
	_, err := f.Transport().RoundTrip(req)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, []string{"get"}, hooks)
	require.Empty(t, f.Requests())
	require.Empty(t, f.Sent())

	hooks = nil
	req.Body = body
	_, err = f.Transport().RoundTrip(req)
	require.NoError(t, err)
	require.Equal(t, []string{"get", "got", "headers", "request", "first byte"}, hooks)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestFailFuncChoosesByRequest(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{Receipts: func(Sent) []Step { return nil }})
	f.FailFunc(func(r Request) Fault {
		if strings.Contains(string(r.Body), "unlucky") {
			return Fault{Kind: FaultHTML}
		}
		return Fault{}
	})
	for body, want := range map[string]int{"lucky": 201, "unlucky": 502} {
		form := twilioForm()
		form.Set("Body", body)
		res, err := f.Transport().RoundTrip(twilioRequest(t.Context(), "https://api.twilio.com", form))
		require.NoError(t, err)
		require.Equal(t, want, res.StatusCode)
	}
	f.FailFunc(nil)
}

func TestHandlerTransportShowsWhatAServerSees(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Seen", strings.Join([]string{r.Method, r.Host, r.URL.String(), r.RequestURI, r.RemoteAddr, string(body)}, " "))
		if r.TLS != nil {
			w.Header().Set("Tls", "yes")
		}
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("Late", "too late")
		_, _ = io.WriteString(w, "short and stout")
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://desk.example.com/a%2Fb/c?x=1#frag", strings.NewReader("in"))
	require.NoError(t, err)
	res, err := HandlerTransport(handler).RoundTrip(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusTeapot, res.StatusCode)
	require.Equal(t, "POST desk.example.com /a%2Fb/c?x=1 /a%2Fb/c?x=1 192.0.2.1:1234 in", res.Header.Get("Seen"))
	require.Equal(t, "yes", res.Header.Get("Tls"))
	require.Empty(t, res.Header.Get("Late"))
	body, _ := io.ReadAll(res.Body)
	require.Equal(t, "short and stout", string(body))
}

func TestHandlerTransportEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		panics := HandlerTransport(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://desk.example.com/", nil)
		_, err := panics.RoundTrip(req)
		require.Error(t, err)

		slow := HandlerTransport(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err = slow.RoundTrip(req.Clone(ctx))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
		_, err = slow.RoundTrip(req.Clone(ctx)) // already over
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(2 * time.Hour) // the handler goes on by itself; a bubble wants it to end
	})
}

// Receipts with pauses, deliveries and waits cost no time in a bubble, and leave no goroutine there.
func TestInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var posted []time.Duration
		began := time.Now()
		desk := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			posted = append(posted, time.Since(began))
			w.WriteHeader(http.StatusNoContent)
		})
		f := NewTwilio(t, TwilioConfig{WebhookTransport: HandlerTransport(desk), Receipts: func(Sent) []Step {
			return []Step{{Status: channel.StatusSent, BeforeAnswer: true}, {Status: channel.StatusDelivered, After: time.Hour}}
		}})
		_, err := f.Transport().RoundTrip(twilioRequest(t.Context(), "https://api.twilio.com", twilioForm()))
		require.NoError(t, err)
		require.Equal(t, []time.Duration{0}, posted, "a receipt before the answer")
		require.NoError(t, f.Wait(t.Context()))
		require.Equal(t, []time.Duration{0, time.Hour}, posted)
		require.Equal(t, channel.StatusDelivered, f.Sent()[0].Status)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = f.WaitSent(ctx, 2)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		go func() {
			time.Sleep(time.Second)
			_, _ = f.Transport().RoundTrip(twilioRequest(t.Context(), "https://api.twilio.com", twilioForm()))
		}()
		sent, err := f.WaitSent(t.Context(), 2)
		require.NoError(t, err)
		require.Len(t, sent, 2)
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	f, err := OpenTwilio(TwilioConfig{WebhookURL: "https://desk.example.com/"})
	require.NoError(t, err)
	base := f.URL()
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	_, err = f.Transport().RoundTrip(twilioRequest(t.Context(), base, twilioForm()))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	_, err = newTransport(t).RoundTrip(twilioRequest(t.Context(), base, twilioForm()))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	_, err = f.Deliver(t.Context(), Text{})
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestOpenReportsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := OpenTwilio(TwilioConfig{Numbers: []channel.Address{"+1"}, WebhookURL: "/relative", Services: map[string][]channel.Address{"MG1": {"+15105550199"}}})
	require.ErrorContains(t, err, "numbers")
	require.ErrorContains(t, err, "webhook URL")
	require.ErrorContains(t, err, "MG1")
	_, err = OpenBandwidth(BandwidthConfig{Numbers: []channel.Address{""}, StatusURL: "x"})
	require.ErrorContains(t, err, "numbers")
	require.ErrorContains(t, err, "status URL")
}

func TestTheLogIsBounded(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{Keep: 3, Receipts: func(Sent) []Step { return nil }})
	for range 20 {
		_, err := f.Transport().RoundTrip(twilioRequest(t.Context(), "https://api.twilio.com", twilioForm()))
		require.NoError(t, err)
	}
	sent, err := f.WaitSent(t.Context(), 20)
	require.NoError(t, err)
	require.Len(t, sent, 3)
	require.Len(t, f.Requests(), 3)
	require.Less(t, len(f.byID), 6)
	require.Error(t, f.Report(t.Context(), "SM-long-gone", Step{Status: channel.StatusSent}))
	all := ring[int]{}
	for i := range 100 {
		all.add(i, -1)
	}
	require.Len(t, all.last(-1), 100)
}

// Nobody may get webhooks because a test uses their host's name.
func TestWebhooksStayOnThisMachine(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{WebhookURL: "https://desk.example.com/sms/k"})
	_, err := f.Deliver(t.Context(), Text{})
	require.ErrorIs(t, err, errNotLocal)

	d := &desk{}
	srv := httptest.NewServer(d)
	t.Cleanup(srv.Close)
	got, err := f.Deliver(t.Context(), Text{URL: srv.URL + "/here"})
	require.NoError(t, err)
	require.Equal(t, 204, got.Status)
	require.Equal(t, "/here", d.got[0].RequestURI)
}

func TestNoWebhookURL(t *testing.T) {
	t.Parallel()
	_, err := NewTwilio(t, TwilioConfig{}).Deliver(t.Context(), Text{})
	require.ErrorIs(t, err, errNoTarget)
	_, err = NewBandwidth(t, BandwidthConfig{}).Deliver(t.Context(), Text{})
	require.ErrorIs(t, err, errNoTarget)
}
