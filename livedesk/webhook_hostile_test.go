package livedesk_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// wire is a webhook's request as it goes over a connection, its head and its body.
func wire(t *testing.T, h smstest.Webhook, change func(*http.Request)) (head, body []byte) {
	t.Helper()
	r := request(h, "")
	r.RequestURI = ""
	if change != nil {
		change(r)
	}
	var raw bytes.Buffer
	require.NoError(t, r.Write(&raw))
	head, body, _ = bytes.Cut(raw.Bytes(), []byte("\r\n\r\n"))
	return append(head, "\r\n\r\n"...), body
}

// A caller who stops in the middle of a body holds nothing for longer than a webhook may take, however patient the host's
// server is; genuine webhooks pass him meanwhile.
func TestBodiesThatStall(t *testing.T) { // F20
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		srv := httptest.NewServer(w.engine.Webhooks()) // without any limit of time
		defer srv.Close()
		h := w.genuine(smstest.Text{From: alice, Body: "slow"})
		head, body := wire(t, h, nil)
		var stalled []net.Conn
		for i := range 20 {
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.Write(append(bytes.Clone(head), body[:i*len(body)/20]...))
			require.NoError(t, err)
			stalled = append(stalled, conn)
		}
		for status := 0; status != http.StatusNoContent; { // once more where the machine was too slow, as carriers do
			status = overHTTP(t, srv, append(bytes.Clone(head), body...))
			require.Contains(t, []int{http.StatusNoContent, http.StatusServiceUnavailable}, status)
		}
		for _, conn := range stalled { // this waits until the server gives up
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
			require.NoError(t, res.Body.Close())
		}
		require.Equal(t, []string{"slow"}, w.incoming(alice))
	}, func(s *settings) { s.WebhookTimeout = 2 * time.Second })
}

// A thousand callers who send a byte of a header, or of a body, now and then are gone once the limits of time are over that
// Webhooks asks of the host's server and has itself. Genuine webhooks pass them all the while.
func TestSlowloris(t *testing.T) { // F20
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		srv := httptest.NewUnstartedServer(w.engine.Webhooks())
		srv.Config.ReadHeaderTimeout = 5 * time.Second
		srv.Start()
		defer srv.Close()
		h := w.genuine(smstest.Text{From: alice, Body: "slow"})
		head, body := wire(t, h, nil)
		const callers = 500 // of each carrier's test, which run side by side
		slow := make([]*slowCaller, callers)
		for i := range slow {
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			slow[i] = &slowCaller{conn: conn, rest: append(bytes.Clone(head), body...)}
			if i%2 == 1 { // in the middle of its body
				slow[i].send(len(head))
			}
		}
		var gone sync.WaitGroup
		for _, s := range slow {
			gone.Go(s.drip)
		}
		all := make(chan struct{})
		go func() { gone.Wait(); close(all) }()
		for i, busy := 0, true; busy; i++ {
			h := w.genuine(smstest.Text{From: alice, Body: fmt.Sprint(i)})
			head, body := wire(t, h, nil)
			began := time.Now()
			require.Equal(t, http.StatusNoContent, overHTTP(t, srv, append(head, body...)))
			require.Less(t, time.Since(began), 8*time.Second, "far above what is aimed at: nothing here is timed")
			select {
			case <-all:
				busy = false
			case <-time.After(50 * time.Millisecond):
			}
		}
		for i, s := range slow {
			require.NotEmpty(t, s.rest, "caller %d got through", i)
		}
		require.NotContains(t, w.incoming(alice), "slow")
	})
}

// slowCaller sends a request so slowly that it never ends.
type slowCaller struct {
	conn net.Conn
	rest []byte // that it hasn't sent
}

func (s *slowCaller) send(n int) bool {
	sent, err := s.conn.Write(s.rest[:n])
	s.rest = s.rest[sent:]
	return err == nil
}

// drip sends a byte a second, and the last one never, until the server hangs up.
func (s *slowCaller) drip() {
	answer := make([]byte, 1)
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return
		}
		if _, err := s.conn.Read(answer); !errors.Is(err, os.ErrDeadlineExceeded) { // an answer, or the end
			return
		}
		if len(s.rest) > 1 && !s.send(1) {
			return
		}
	}
}

// What the headers tell is told before a body is read: nobody has to be let in to be refused.
func TestRefusedByTheHeaders(t *testing.T) { // F1, F19, F25
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		h := w.genuine(smstest.Text{From: alice, Body: "hello"})
		unproven := http.StatusForbidden
		if w.carrier == fake(w.bandwidth) {
			unproven = http.StatusUnauthorized
		}
		for _, length := range []int64{-1, int64(len(h.Body)), 1 << 30} {
			for _, c := range []struct {
				header, value string
				status        int
			}{
				{"X-Twilio-Signature", "", unproven},
				{"Authorization", "", unproven},
				{"Content-Type", "multipart/form-data; boundary=x", http.StatusUnsupportedMediaType},
				{"Content-Type", "text/plain", http.StatusUnsupportedMediaType},
				{"Content-Type", "", http.StatusUnsupportedMediaType},
				{"Content-Encoding", "gzip", http.StatusUnsupportedMediaType},
			} {
				r, body := request(h, ""), &endless{}
				if r.Header.Get(c.header) == "" && c.value == "" {
					continue // the other carrier's
				}
				r.Body, r.ContentLength = body, length
				if r.Header.Set(c.header, c.value); c.value == "" {
					r.Header.Del(c.header)
				}
				require.Equal(t, c.status, w.call(r).StatusCode, "%s %q %d", c.header, c.value, length)
				require.Zero(t, body.read, "%s %q %d", c.header, c.value, length)
			}
		}
		require.Empty(t, w.all(livedesk.List{}))
	})
}

// A compressed body is never inflated, and no part of a multipart body is looked at.
func TestCompressedAndMultipartBodies(t *testing.T) { // F24, F25
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		srv := httptest.NewServer(w.engine.Webhooks())
		defer srv.Close()
		var bomb bytes.Buffer
		z := gzip.NewWriter(&bomb)
		for range 64 {
			_, err := z.Write(make([]byte, 1<<20))
			require.NoError(t, err)
		}
		require.NoError(t, z.Close())
		h := w.genuine(smstest.Text{From: alice, Body: "hello"})
		genuine := h.Body
		send := func(body []byte, header, value string) int {
			h.Body = body
			head, body := wire(t, h, func(r *http.Request) { r.Header.Set(header, value) })
			return overHTTP(t, srv, append(head, body...))
		}
		require.Equal(t, http.StatusUnsupportedMediaType, send(bomb.Bytes(), "Content-Encoding", "gzip"))
		require.Equal(t, http.StatusUnsupportedMediaType, send(genuine, "Content-Encoding", "gzip"))
		const multipart = "multipart/form-data; boundary=x"
		parts := func(n int) []byte { return []byte(strings.Repeat("--x\r\n\r\n\r\n", n) + "--x--\r\n") }
		require.Equal(t, http.StatusUnsupportedMediaType, send(parts(20_000), "Content-Type", multipart))
		require.Equal(t, http.StatusUnsupportedMediaType, send(parts(100_000), "Content-Type", multipart), "far over the cap, but its type is known before")
		require.Empty(t, w.all(livedesk.List{}))
	})
}

// A body without end costs no more memory than the cap allows.
func TestEndlessBodiesCostLittle(t *testing.T) { // F19: not parallel, because it counts what the process allocates
	for _, carrier := range []string{"twilio", "bandwidth"} {
		t.Run(carrier, func(t *testing.T) {
			w := newWorld(t)
			if carrier == "twilio" {
				w.twilioChannel(nil)
			} else {
				w.bandwidthChannel(nil)
			}
			h := w.genuine(smstest.Text{From: alice, Body: "hello"})
			const requests = 20
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range requests {
				r := request(h, "")
				r.Body, r.ContentLength = &endless{}, -1
				require.Equal(t, http.StatusRequestEntityTooLarge, w.call(r).StatusCode)
			}
			runtime.ReadMemStats(&after)
			require.Less(t, (after.TotalAlloc-before.TotalAlloc)/requests, uint64(2<<20))
		})
	}
}

// What a stranger puts into names, words and types is one record of the log each, and drives no terminal.
func TestHostileWordsInLogs(t *testing.T) { // F138
	t.Parallel()
	log := &logBuffer{}
	w := newWorld(t, func(s *settings) { s.Logger = log.logger() })
	w.bandwidthChannel(nil)
	h := w.genuine(smstest.Text{From: alice, Body: "hello"})
	const evil = "x\r\n\x1b[2J\x1b[31m{\"level\":\"ERROR\",\"msg\":\"forged\"}\u202e\u2028"
	first := events(t, h)[0]
	for _, change := range []func(e, about map[string]any){
		func(e, _ map[string]any) { e["type"] = evil },
		func(_, about map[string]any) { about["id"] = evil },
		func(_, about map[string]any) { about["from"] = evil },
		func(_, about map[string]any) { about["owner"] = evil },
		func(_, about map[string]any) { about["applicationId"] = evil },
		func(e, _ map[string]any) { e["errorCode"], e["type"] = evil, "message-failed" },
		func(_, about map[string]any) { about["text"] = evil },
	} {
		var e map[string]any
		raw, err := json.Marshal(first)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &e))
		change(e, e["message"].(map[string]any))
		require.Equal(t, http.StatusNoContent, w.postEvents(h, e))
	}
	r := request(h, w.url+"/%1b[31m%0d%0a")
	r.Header.Set("Authorization", evil)
	require.Equal(t, http.StatusUnauthorized, w.call(r).StatusCode)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Greater(t, len(lines), 3)
	for _, line := range lines {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record), line)
		require.NotEqual(t, "forged", record["msg"])
		require.NotContains(t, line, "\x1b")
	}
}

// The credentials of one tenant's application open no other's address.
func TestAnotherTenantsCredentials(t *testing.T) { // F3
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	mallory := w.engine.Desk("mallory")
	ch, err := mallory.PutChannel(w.ctx(), livedesk.Channel{Provider: "bandwidth", Values: bandwidth.Setup{Name: "M", PhoneNumber: "+19195550101",
		AccountID: "1", ApplicationID: "00000000-9669-4e07-948d-329f4b722ee2", APIKey: sms.NewSecret("k"), APISecret: sms.NewSecret("s"),
		WebhookUser: sms.NewSecret("mallory"), WebhookPassword: sms.NewSecret("mallorys")}.Values()})
	require.NoError(t, err)
	theirs, err := mallory.WebhookURL(w.ctx(), ch.ID)
	require.NoError(t, err)
	h := w.genuine(smstest.Text{From: alice, Body: "let me in"})
	r := request(h, "")
	r.SetBasicAuth("mallory", "mallorys")
	require.Equal(t, http.StatusUnauthorized, w.call(r).StatusCode)
	require.Equal(t, http.StatusUnauthorized, w.call(request(h, theirs)).StatusCode)

	// With their own credentials over their own address: another application's event is nobody's.
	r = request(h, theirs)
	r.SetBasicAuth("mallory", "mallorys")
	require.Equal(t, http.StatusNoContent, w.call(r).StatusCode)
	require.EqualValues(t, 1, w.engine.Ignored())
	require.Empty(t, w.all(livedesk.List{}))
}

// Carriers and attackers that pipeline, keep connections and break them get an answer each, and the good ones count.
func TestGoodAndBadOnOneConnection(t *testing.T) { // F27, F30
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		srv := httptest.NewServer(w.engine.Webhooks())
		defer srv.Close()
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for i := range 10 {
			h := w.genuine(smstest.Text{From: alice, Body: fmt.Sprint(i)})
			want := http.StatusNoContent
			if i%3 == 2 {
				h.Header.Set("Content-Encoding", "gzip")
				want = http.StatusUnsupportedMediaType
			}
			head, body := wire(t, h, nil)
			_, err := conn.Write(append(head, body...))
			require.NoError(t, err)
			res, err := http.ReadResponse(answers, nil)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, res.Body)
			require.NoError(t, err)
			require.Equal(t, want, res.StatusCode)
		}
		require.Equal(t, []string{"0", "1", "3", "4", "6", "7", "9"}, w.incoming(alice))
	})
}
