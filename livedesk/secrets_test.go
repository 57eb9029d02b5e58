package livedesk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// canaries are what no log and no error may hold: credentials, texts, full numbers.
var canaries = []string{
	smstest.TwilioAuthToken, smstest.BandwidthClientID, smstest.BandwidthClientSecret, smstest.BandwidthWebhookUser,
	smstest.BandwidthWebhookPassword, "CANARY", "4155550101", "4155550102", "4155550103",
}

func requireNoCanary(t *testing.T, where, text string) {
	t.Helper()
	for _, c := range canaries {
		require.NotContains(t, text, c, where)
	}
}

// Everything that goes wrong is told at debug level, and none of it tells a secret, a text or a number.
func TestLogsHoldNoSecrets(t *testing.T) { // F149, F150, I18
	t.Parallel()
	for _, carrier := range []string{"twilio", "bandwidth"} {
		t.Run(carrier, func(t *testing.T) {
			t.Parallel()
			testLogsHoldNoSecrets(t, carrier)
		})
	}
}

func testLogsHoldNoSecrets(t *testing.T, carrier string) {
	log := &logBuffer{}
	var store switchable
	w := newWorld(t, func(s *settings) {
		s.Logger, s.Wrap = log.logger(), store.wrap
		s.Hooks.Message = func(context.Context, livedesk.Message) {}
	})
	if carrier == "twilio" {
		w.twilioChannel(nil)
	} else {
		w.bandwidthChannel(nil)
	}
	body := func(what string) string { return what + " CANARY " + bob }
	w.text(alice, body("hello"))
	c := w.only()
	for _, damage := range []smstest.Damage{smstest.Unsigned, smstest.WrongSecret, smstest.FlippedBit, smstest.CutBody, smstest.Unreadable, smstest.PlainType} {
		_, err := w.carrier.Deliver(w.ctx(), smstest.Text{From: alice, Body: body("bad"), Damage: damage})
		require.NoError(t, err)
	}
	for _, f := range faults() {
		if f.Kind == smstest.FaultHang || f.Kind == smstest.FaultSlow {
			continue
		}
		w.carrier.Fail(f)
		w.reply(c.ID, body(fmt.Sprint(f)))
		w.settle()
		for range 5 {
			w.later(16 * time.Minute)
		}
	}
	_, err := w.desk.Reply(w.ctx(), c.ID, livedesk.AgentActor("nobody"), livedesk.Draft{Text: body("x")})
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	requireNoCanary(t, "error", err.Error())
	_, err = w.desk.Start(w.ctx(), w.ch.ID, channel.Address("CANARY"+bob), livedesk.Actor{}, livedesk.Draft{Text: body("x")})
	require.Error(t, err)
	requireNoCanary(t, "error", err.Error())
	_, err = w.desk.Reply(w.ctx(), c.ID, livedesk.Actor{}, livedesk.Draft{Text: strings.Repeat(body("x"), 2000)})
	require.Error(t, err)
	requireNoCanary(t, "error", err.Error())
	h := w.genuine(smstest.Text{From: bob, Body: body("unlucky")})
	store.set(func(context.Context, livedesk.Store, func(context.Context, livedesk.Tx) error) error {
		return errBroken
	})
	require.Equal(t, http.StatusServiceUnavailable, w.call(request(h, "")).StatusCode)
	_, err = w.desk.Reply(w.ctx(), c.ID, livedesk.Actor{}, livedesk.Draft{Text: body("x")})
	require.ErrorIs(t, err, errBroken)
	requireNoCanary(t, "error", err.Error())
	store.set(nil)
	require.Greater(t, strings.Count(log.String(), "\n"), 10, "a silent log proves nothing")
	requireNoCanary(t, "log", log.String())
}

// What is printed, marshalled or logged whole shows no credential either.
func TestPrintedValuesHoldNoSecrets(t *testing.T) { // F151
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		read, err := w.desk.Channel(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		list, err := w.desk.Channels(w.ctx())
		require.NoError(t, err)
		ring, err := livedesk.NewKeyRing(bytes.Repeat([]byte("K"), 32))
		require.NoError(t, err)
		cfg := livedesk.Config{Sealer: ring}
		given := w.ch
		given.Values = livedesk.Values{"auth_token": smstest.TwilioAuthToken, "api_secret": smstest.BandwidthClientSecret}
		for _, v := range []any{w.ch, &w.ch, read, list, ring, cfg, *ring, given, given.Values, &given} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
				s := fmt.Sprintf(verb, v)
				requireNoCanary(t, verb, s)
				require.NotContains(t, s, strings.Repeat("K", 8), verb)
				require.NotContains(t, s, "75, 75, 75", verb)
			}
			var b bytes.Buffer
			slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", slog.AnyValue(fmt.Sprint(v)))
			requireNoCanary(t, "slog", b.String())
		}
		for _, v := range []any{w.ch, read, list} {
			b, err := json.Marshal(v)
			require.NoError(t, err)
			requireNoCanary(t, "json", string(b))
		}
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", given.Values)
		requireNoCanary(t, "slog", b.String())
	})
}
