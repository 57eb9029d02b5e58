package livedesk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
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
		require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, "x"))
		health, err := w.desk.AllHealth(w.ctx())
		require.NoError(t, err)
		for _, v := range []any{w.ch, &w.ch, read, list, ring, cfg, *ring, given, given.Values, &given, []livedesk.Channel{given},
			map[string]livedesk.Channel{"x": given}, struct{ C livedesk.Channel }{given}, health, w.engine.Health(w.ctx())} {
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
		for _, v := range []any{w.ch, read, list, health, w.engine.Health(w.ctx())} {
			b, err := json.Marshal(v)
			require.NoError(t, err)
			requireNoCanary(t, "json", string(b))
		}
		var b bytes.Buffer
		for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&b, nil)), slog.New(slog.NewJSONHandler(&b, nil))} {
			for _, v := range []any{given, &given, given.Values, w.ch, cfg.Sealer} {
				log.Info("x", "v", v)
			}
		}
		require.Contains(t, b.String(), w.ch.ID)
		requireNoCanary(t, "slog", b.String())
	})
}

// Whatever a person does with a channel's credentials, and whatever the carrier and the store make of it, nothing readable
// is left of them: not in the log, not in an error, not in a row.
func TestSetUpLeavesNoSecrets(t *testing.T) { // F149, I18
	t.Parallel()
	log := &logBuffer{}
	var heard told
	ring, err := livedesk.NewKeyRing(bytes.Repeat([]byte{3}, 32))
	require.NoError(t, err)
	p := &paper{
		verify:   func(context.Context, map[string]string) error { return errors.New("token CANARY-paper-token is bad") },
		register: func(context.Context, map[string]string) error { return errors.New("token CANARY-paper-token is bad") },
		webhooks: func(url string, _ map[string]string) []sms.Webhook { return []sms.Webhook{{URL: url}} },
	}
	w := onPaper(t, p, heard.option, func(s *settings) { s.Logger, s.Sealer = log.logger(), ring })
	var said []error
	say := func(err error) { said = append(said, err) }
	say(w.desk.Verify(w.ctx(), paperChannel(func(v livedesk.Values) { v["phone_number"] = "CANARY" })))
	say(w.desk.Verify(w.ctx(), paperChannel(nil)))
	w.ch = w.put(paperChannel(nil))
	say(w.desk.Register(w.ctx(), w.ch.ID))
	for i := range 3 {
		w.change(func(c *livedesk.Channel) { c.Values["token"] = fmt.Sprintf("CANARY-%d", i) })
	}
	_, err = w.desk.RotateWebhookKey(w.ctx(), w.ch.ID)
	require.NoError(t, err)
	_, err = w.engine.Reseal(w.ctx())
	require.NoError(t, err)
	p.answer(func(channel.Outbound) error { return refusedCredentials() })
	w.start(alice, "hello")
	w.settle()
	other, err := livedesk.NewKeyRing(bytes.Repeat([]byte{4}, 32))
	require.NoError(t, err)
	locked := w.open(func(s *settings) { s.Sealer = other })
	_, err = locked.Reseal(w.ctx())
	say(err)
	say(w.desk.RemoveChannel(w.ctx(), "none"))
	for _, err := range said {
		require.Error(t, err)
		requireNoCanary(t, "error", fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	for _, o := range w.everyObject() {
		requireNoCanary(t, "store", string(o.Data)+o.Key+o.ID)
	}
	require.NoError(t, locked.Settle(w.ctx())) // waits for the hook
	require.NotEmpty(t, heard.all())
	requireNoCanary(t, "hook", fmt.Sprintf("%+v", heard.all()))
	require.Contains(t, log.String(), "credentials_refused")
	requireNoCanary(t, "log", log.String())
}
