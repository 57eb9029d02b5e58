package livedesk_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// lastError is a log that keeps the latest error.
type lastError struct{ atomic.Pointer[string] }

func (l *lastError) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}
func (l *lastError) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *lastError) WithGroup(string) slog.Handler      { return l }
func (l *lastError) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "error" {
			l.Store(new(a.Value.String()))
		}
		return true
	})
	return nil
}

// fuzzed is an engine with a channel on each carrier, and the paths of their webhooks.
func fuzzed(f *testing.F, log slog.Handler) (e *livedesk.Engine, urls [2]string) {
	e, err := livedesk.New(memstore.New(), livedesk.Config{
		PublicURL: publicURL, Providers: []sms.Provider{twilio.New(twilio.Config{}), bandwidth.New(bandwidth.Config{})},
		Logger: slog.New(log),
	})
	require.NoError(f, err)
	desk := e.Desk("main")
	for i, c := range []livedesk.Channel{
		{Provider: "twilio", Greeting: "Hi", Values: livedesk.Values{"name": "t", "phone_number": string(smstest.TwilioNumber),
			"account_sid": smstest.TwilioAccountSID, "auth_token": smstest.TwilioAuthToken}},
		{Provider: "bandwidth", Greeting: "Hi", Values: livedesk.Values{"name": "b", "phone_number": string(smstest.BandwidthNumber),
			"account_id": smstest.BandwidthAccountID, "application_id": smstest.BandwidthApplicationID,
			"api_key": smstest.BandwidthClientID, "api_secret": smstest.BandwidthClientSecret,
			"webhook_user": smstest.BandwidthWebhookUser, "webhook_password": smstest.BandwidthWebhookPassword}},
	} {
		c, err := desk.PutChannel(context.Background(), c)
		require.NoError(f, err)
		urls[i], err = desk.WebhookURL(context.Background(), c.ID)
		require.NoError(f, err)
	}
	return e, urls
}

// Whatever a carrier, or one who knows its secrets, posts: no panic, never our fault, no answer with words in it, and a
// replay changes nothing. Only who speaks of unknown numbers many times a second is asked to come again later.
//
// Run it with -fuzzminimizetime 1x. What a webhook reaches depends on those before it, so Go's minimizer finds nothing to
// leave out, tries for a minute each time, and shows 0 execs/sec meanwhile; with it a tenth of the ways is found.
func FuzzWebhook(f *testing.F) {
	var log lastError
	e, urls := fuzzed(f, &log)
	f.Add(false, "", []byte("MessageSid=SM00000000000000000000000000000001&AccountSid="+smstest.TwilioAccountSID+"&From=%2B14155550101&To=%2B15105550100&Body=hi"))
	f.Add(false, "/status/01a20256-0000-7000-8000-000000000000", []byte("MessageSid=SM00000000000000000000000000000001&AccountSid="+smstest.TwilioAccountSID+"&MessageStatus=delivered"))
	f.Add(true, "", []byte(`[{"type":"message-received","time":"2026-11-22T05:34:05.000Z","to":"+19195550100","description":"x","message":{"id":"1","owner":"+19195550100","applicationId":"`+
		smstest.BandwidthApplicationID+`","time":"2026-11-22T05:34:05.000Z","segmentCount":1,"direction":"in","to":["+19195550100"],"from":"+14155550101","text":"hi"}}]`))
	f.Add(true, "", []byte(`[{"type":"message-delivered"}]`))
	f.Add(true, "/x", []byte("\x00\xff"))
	f.Add(false, "", []byte("Body=%00%ff&From=STOP"))
	f.Fuzz(func(t *testing.T, second bool, rest string, body []byte) {
		target := urls[0]
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		u, err := url.Parse(target + (&url.URL{Path: rest}).EscapedPath())
		if err != nil || u.Host != "desk.example.com" {
			u, err = url.Parse(target)
			require.NoError(t, err)
		}
		if second {
			u, err = url.Parse(urls[1])
			require.NoError(t, err)
			header = http.Header{"Content-Type": {"application/json"}}
		} else if form, err := url.ParseQuery(string(body)); err == nil {
			header.Set("X-Twilio-Signature", twilio.Signature(smstest.TwilioAuthToken, u.String(), form))
		}
		for range 2 {
			r := &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Header: header.Clone(), ContentLength: int64(len(body)),
				Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
			r = r.WithContext(t.Context())
			r.Body = readCloser{bytes.NewReader(body)}
			if second {
				r.SetBasicAuth(smstest.BandwidthWebhookUser, smstest.BandwidthWebhookPassword)
			}
			rec := httptest.NewRecorder()
			e.Webhooks().ServeHTTP(rec, r)
			if rec.Code == http.StatusServiceUnavailable {
				require.Contains(t, *log.Load(), "too many webhooks with unknown keys or numbers")
			} else {
				require.Less(t, rec.Code, 500)
			}
			require.Empty(t, rec.Body.String())
		}
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// A cursor of anybody's is refused or leads on; it never panics, and never leaves the workspace.
func FuzzCursor(f *testing.F) {
	e, _ := fuzzed(f, slog.DiscardHandler)
	for _, s := range []string{"", "x", "eyJ2IjoxLCJ0IjoxLCJpZCI6IngifQ", "eyJ2IjoxLCJvIjoid2FpdGluZyIsInQiOi05MjIzMzcyMDM2ODU0Nzc1ODA4LCJpZCI6IngifQ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, o := range []livedesk.Order{livedesk.LatestActivity, livedesk.LongestWaiting} {
			p, err := e.Desk("main").Conversations(t.Context(), livedesk.List{After: livedesk.Cursor(s), Order: o})
			if err != nil {
				require.Equal(t, "invalid", livedesk.ErrorCode(err))
			}
			require.Empty(t, p.Items)
		}
	})
}
