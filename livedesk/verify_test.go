package livedesk_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// onPaper opens a world whose one provider is paper.
func onPaper(t *testing.T, p *paper, opts ...option) *world {
	t.Helper()
	return newWorld(t, append(opts, func(s *settings) { s.Providers = []sms.Provider{p} })...)
}

// paperChannel is a channel as a person fills it in.
func paperChannel(change func(livedesk.Values)) livedesk.Channel {
	v := livedesk.Values(maps.Clone(paperValues))
	if change != nil {
		change(v)
	}
	return livedesk.Channel{Provider: "paper", Values: v}
}

// everyObject returns every configuration row of the store, tombstones too.
func (w *world) everyObject() (objs []livedesk.Object) {
	w.t.Helper()
	require.NoError(w.t, w.store.View(w.ctx(), func(ctx context.Context, tx livedesk.ReadTx) error {
		var err error
		objs, err = tx.Objects(ctx, livedesk.ObjectQuery{AfterRevision: new(int64), Limit: 10000})
		return err
	}))
	return objs
}

// The carrier is asked with what was filled in, before anything is stored.
func TestVerifyAsksTheCarrier(t *testing.T) {
	t.Parallel()
	var asked map[string]string
	p := &paper{verify: func(_ context.Context, values map[string]string) error {
		asked = values
		return nil
	}}
	w := onPaper(t, p)
	require.NoError(t, w.desk.Verify(w.ctx(), paperChannel(func(v livedesk.Values) { v["region"], v["name"] = "eu", " Paper " })))
	require.Equal(t, map[string]string{"name": "Paper", "phone_number": "+15105550177"}, asked, "the channel's own fields")
	set := p.last()
	require.Equal(t, map[string]string{"account": "A1", "region": "eu"}, set.Values)
	require.Equal(t, paperValues["token"], set.Secrets["token"].Reveal())
	require.Empty(t, set.WebhookURL, "it has none yet, so the carrier can't know it")
	require.Empty(t, w.everyObject(), "nothing is stored")
}

// A credential that is left empty while a channel is edited means the stored one.
func TestVerifyWithStoredCredentials(t *testing.T) {
	t.Parallel()
	p := &paper{verify: func(context.Context, map[string]string) error { return nil }}
	w := onPaper(t, p)
	c := w.put(paperChannel(nil))
	before := w.everyObject()
	require.Empty(t, c.Values["token"])
	c.Values["region"] = "us"
	require.NoError(t, w.desk.Verify(w.ctx(), c))
	require.Equal(t, paperValues["token"], p.last().Secrets["token"].Reveal())
	c.Values["token"] = "another-token"
	require.NoError(t, w.desk.Verify(w.ctx(), c))
	require.Equal(t, "another-token", p.last().Secrets["token"].Reveal())
	require.Equal(t, before, w.everyObject(), "nothing is stored")

	second := paperChannel(func(v livedesk.Values) { v["phone_number"], v["token"] = "+15105550178", "" })
	require.NoError(t, w.desk.Verify(w.ctx(), second), "the account's other channel brought them")
	require.Contains(t, p.last().WebhookURL, publicURL, "whether the carrier knows the address may be asked, too")
	c.Version = 7
	require.ErrorIs(t, w.desk.Verify(w.ctx(), c), livedesk.ErrConflict)
	c.ID = "none"
	require.ErrorIs(t, w.desk.Verify(w.ctx(), c), livedesk.ErrNotFound)
}

// What the form can tell is told without the carrier, all of it at once.
func TestVerifyLooksAtTheFormFirst(t *testing.T) {
	t.Parallel()
	p := &paper{verify: func(context.Context, map[string]string) error { panic("was asked") }}
	w := onPaper(t, p)
	c := paperChannel(func(v livedesk.Values) {
		v["name"], v["phone_number"], v["token"], v["bogus"] = "", "CANARY 12", "", "CANARY"
	})
	c.Language = "?"
	err := w.desk.Verify(w.ctx(), c)
	require.ElementsMatch(t, []string{"name", "phone_number", "token", "bogus", "language"}, fields(err))
	requireNoCanary(t, "error", err.Error())
	w.put(paperChannel(nil))
	err = w.desk.Verify(w.ctx(), paperChannel(nil))
	require.Contains(t, field(t, err, "phone_number"), "another channel")
	err = w.desk.Verify(w.ctx(), livedesk.Channel{Provider: "pigeon"})
	require.NotEmpty(t, field(t, err, "provider"))
	require.NotEmpty(t, field(t, w.engine.Desk("").Verify(w.ctx(), paperChannel(nil)), "workspace"))

	both := newWorld(t)
	for _, provider := range []string{"twilio", "bandwidth"} {
		err := both.desk.Verify(both.ctx(), livedesk.Channel{Provider: provider, Values: livedesk.Values{"phone_number": "CANARY"}})
		require.Subset(t, fields(err), []string{"name", "phone_number"}, provider)
	}
}

func TestVerifyErrors(t *testing.T) {
	t.Parallel()
	wrong := sms.FieldErrors{{Field: "token", Problem: "is not this account's"}, {Field: "phone_number", Problem: "is not on this account"}}
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		answer error
		is     error
		fields []string
		code   string
	}{
		"nothing is wrong": {},
		"fields":           {answer: wrong, fields: []string{"token", "phone_number"}, code: "invalid"},
		"network":          {answer: boom, is: livedesk.ErrCarrierUnavailable, code: "carrier_unavailable"},
		"send error":       {answer: notReached(), is: livedesk.ErrCarrierUnavailable, code: "carrier_unavailable"},
		"in part":          {answer: errors.Join(wrong, boom), is: boom, fields: []string{"token", "phone_number"}, code: "invalid"},
		"unsupported":      {answer: errors.ErrUnsupported, is: errors.ErrUnsupported, code: "unsupported"},
		"unchecked": {answer: &sms.UncheckedError{Provider: "paper", Fields: []sms.FieldError{{Field: "token", Problem: "could not be checked"}}},
			is: livedesk.ErrCarrierUnavailable, code: "carrier_unavailable"},
		"repeats a secret": {answer: errors.New("bad header: Basic CANARY-paper-token"), is: livedesk.ErrCarrierUnavailable, code: "carrier_unavailable"},
		"field repeats a secret": {answer: sms.FieldErrors{{Field: "token", Problem: "CANARY-paper-token is wrong"}},
			is: livedesk.ErrCarrierUnavailable, code: "carrier_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &logBuffer{}
			w := onPaper(t, &paper{verify: func(context.Context, map[string]string) error { return c.answer }},
				func(s *settings) { s.Logger = log.logger() })
			err := w.desk.Verify(w.ctx(), paperChannel(nil))
			if c.answer == nil {
				require.NoError(t, err)
				return
			}
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.Equal(t, c.fields, fields(err))
			require.Equal(t, c.code, livedesk.ErrorCode(err))
			require.NotEqual(t, 500, livedesk.HTTPStatus(err))
			requireNoCanary(t, "error", err.Error()+log.String())
		})
	}
	t.Run("no verifier", func(t *testing.T) {
		t.Parallel()
		w := onPaper(t, &paper{})
		require.ErrorIs(t, w.desk.Verify(w.ctx(), paperChannel(nil)), errors.ErrUnsupported)
	})
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		w := onPaper(t, &paper{verify: func(context.Context, map[string]string) error { panic("adapter bug") }})
		require.ErrorIs(t, w.desk.Verify(w.ctx(), paperChannel(nil)), livedesk.ErrCarrierUnavailable)
	})
	t.Run("provider refuses to open", func(t *testing.T) {
		t.Parallel()
		w := onPaper(t, &paper{open: func(sms.Settings) error { return sms.FieldErrors{{Field: "region", Problem: "is unknown"}} }})
		require.Equal(t, []string{"region"}, fields(w.desk.Verify(w.ctx(), paperChannel(nil))))
	})
}

// A carrier that hangs is given up after 20 s, or when the person leaves.
func TestVerifyIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := onPaper(t, &paper{verify: func(ctx context.Context, _ map[string]string) error {
			<-ctx.Done()
			return ctx.Err()
		}}, realTime)
		began := time.Now()
		err := w.desk.Verify(w.ctx(), paperChannel(nil))
		require.ErrorIs(t, err, livedesk.ErrCarrierUnavailable)
		require.Equal(t, "carrier_unavailable", livedesk.ErrorCode(err))
		require.Equal(t, 20*time.Second, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = w.desk.Verify(ctx, paperChannel(nil))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, livedesk.ErrCarrierUnavailable)
		require.Equal(t, 21*time.Second, time.Since(began))
	})
}

// Where the account knows its addresses it tells them; else one address serves for everything.
func TestWebhooksAndRegister(t *testing.T) {
	t.Parallel()
	var registered []map[string]string
	p := &paper{
		verify: func(context.Context, map[string]string) error { return nil },
		register: func(_ context.Context, values map[string]string) error {
			registered = append(registered, values)
			return nil
		},
		webhooks: func(url string, values map[string]string) []sms.Webhook {
			return []sms.Webhook{{Purpose: "inbound", URL: url + "#for=" + values["phone_number"]}, {Purpose: "status", URL: url + "/status"}}
		},
	}
	w := onPaper(t, p)
	c := w.put(paperChannel(nil))
	url, err := w.desk.WebhookURL(w.ctx(), c.ID)
	require.NoError(t, err)
	list, err := w.desk.Webhooks(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Equal(t, []sms.Webhook{{Purpose: "inbound", URL: url + "#for=+15105550177"}, {Purpose: "status", URL: url + "/status"}}, list)
	require.NoError(t, w.desk.Register(w.ctx(), c.ID))
	require.NoError(t, w.desk.Register(w.ctx(), c.ID))
	require.Equal(t, "+15105550177", registered[1]["phone_number"])
	require.NotContains(t, registered[1], "token")

	p.register = func(context.Context, map[string]string) error { return errors.New("got CANARY-paper-token") }
	err = w.desk.Register(w.ctx(), c.ID)
	require.ErrorIs(t, err, livedesk.ErrCarrierUnavailable)
	requireNoCanary(t, "error", err.Error())
	p.register = func(context.Context, map[string]string) error {
		return sms.FieldErrors{{Field: "account", Problem: "is closed"}}
	}
	require.Equal(t, []string{"account"}, fields(w.desk.Register(w.ctx(), c.ID)))

	plain := onPaper(t, &paper{})
	c = plain.put(paperChannel(nil))
	url, err = plain.desk.WebhookURL(plain.ctx(), c.ID)
	require.NoError(t, err)
	list, err = plain.desk.Webhooks(plain.ctx(), c.ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "all", list[0].Purpose)
	require.Equal(t, url, list[0].URL)
	require.NotEmpty(t, list[0].Where.EN)
	require.NotEmpty(t, list[0].Where.FR)
	require.ErrorIs(t, plain.desk.Register(plain.ctx(), c.ID), errors.ErrUnsupported)
}

// Without its driver a channel has no addresses to tell.
func TestWebhooksWithoutTheDriver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	poor := w.open(func(s *settings) { s.Providers = []sms.Provider{&paper{}} }).Desk("main")
	_, err := poor.Webhooks(w.ctx(), w.ch.ID)
	require.ErrorIs(t, err, livedesk.ErrChannelClosed)
	require.ErrorIs(t, poor.Register(w.ctx(), w.ch.ID), livedesk.ErrChannelClosed)
	_, err = poor.RotateWebhookKey(w.ctx(), w.ch.ID)
	require.ErrorIs(t, err, livedesk.ErrChannelClosed)
	url, err := w.desk.WebhookURL(w.ctx(), w.ch.ID)
	require.NoError(t, err)
	require.Equal(t, w.url, url, "nothing was rotated")
}

// A line break or any other control character is no part of any field, so that none ends up in a header.
func TestControlCharactersInFields(t *testing.T) { // F139
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	w.bandwidthChannel(nil)
	complete := map[string]livedesk.Values{
		"twilio": {"name": "Support", "use_messaging_service": "false", "phone_number": "+15105550101", "account_sid": smstest.TwilioAccountSID,
			"use_api_key": "true", "api_key_sid": smstest.TwilioAPIKeySID, "api_key_secret": smstest.TwilioAPIKeySecret, "auth_token": smstest.TwilioAuthToken},
		"bandwidth": {"name": "Support", "phone_number": "+19195550101", "account_id": smstest.BandwidthAccountID, "application_id": smstest.BandwidthApplicationID,
			"use_basic": "false", "api_key": smstest.BandwidthClientID, "api_secret": smstest.BandwidthClientSecret,
			"webhook_user": smstest.BandwidthWebhookUser, "webhook_password": smstest.BandwidthWebhookPassword},
	}
	for provider, values := range complete {
		for name, good := range values {
			for _, bad := range []string{good + "\r\nX-Evil: 1", good[:1] + "\n" + good[1:], good + "\x00x", good + "\x7fx"} {
				v := maps.Clone(values)
				v[name] = bad
				err := w.desk.Verify(w.ctx(), livedesk.Channel{Provider: provider, Values: v})
				require.NotEmpty(t, field(t, err, name), "%s %q", name, bad)
			}
		}
	}
	require.NotEmpty(t, field(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, "a\r\nb"), "why"))
}
