package livedesk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

func fields(err error) []string {
	var out []string
	for _, f := range livedesk.FieldErrors(err) {
		out = append(out, f.Field)
	}
	return out
}

// Every wrong field at once, by name; nothing is stored, and no value is repeated.
func TestWrongFields(t *testing.T) {
	t.Parallel()
	for provider, c := range map[string]struct {
		values livedesk.Values
		want   []string
	}{
		"twilio": {livedesk.Values{"phone_number": "CANARY 415", "account_sid": "CANARY", "auth_token": " ", "bogus": "CANARY"},
			[]string{"name", "phone_number", "account_sid", "auth_token", "bogus"}},
		"bandwidth": {livedesk.Values{"phone_number": "CANARY", "application_id": "CANARY"},
			[]string{"name", "phone_number", "account_id", "application_id", "webhook_user", "webhook_password"}},
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, err := w.desk.PutChannel(w.ctx(), livedesk.Channel{Provider: provider, Values: c.values, Greeting: " ", Language: "?", Assignment: livedesk.Assignment{Mode: "CANARY"}})
			require.Subset(t, fields(err), append(c.want, "greeting", "language", "assignment.mode"))
			require.Equal(t, "invalid", livedesk.ErrorCode(err))
			requireNoCanary(t, "error", err.Error())
			list, err := w.desk.Channels(w.ctx())
			require.NoError(t, err)
			require.Empty(t, list)
		})
	}
	w := newWorld(t)
	_, err := w.desk.PutChannel(w.ctx(), livedesk.Channel{Provider: "carrier pigeon"})
	require.NotEmpty(t, field(t, err, "provider"))
	_, err = w.desk.PutChannel(w.ctx(), livedesk.Channel{ID: "none", Provider: "twilio"})
	require.ErrorIs(t, err, livedesk.ErrNotFound)
}

// Exactly one of number and service, and an API key that is whole (SPEC section 1).
func TestTwilioSwitches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := func() livedesk.Values {
		return livedesk.Values{"name": "x", "account_sid": smstest.TwilioAccountSID, "auth_token": smstest.TwilioAuthToken}
	}
	put := func(more livedesk.Values) error {
		v := base()
		for k, s := range more {
			v[k] = s
		}
		_, err := w.desk.PutChannel(w.ctx(), livedesk.Channel{Provider: "twilio", Values: v})
		return err
	}
	require.Equal(t, []string{"phone_number"}, fields(put(nil)))
	require.Equal(t, []string{"messaging_service_sid"}, fields(put(livedesk.Values{"use_messaging_service": "true", "phone_number": alice})))
	require.Equal(t, []string{"api_key_sid", "api_key_secret"}, fields(put(livedesk.Values{"use_api_key": "true", "phone_number": alice})))
	require.NoError(t, put(livedesk.Values{"use_messaging_service": "true", "messaging_service_sid": smstest.TwilioServiceSID}))
}

// A service receives for every number of its pool, and sends from it.
func TestMessagingService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) {
		c.Values = twilio.Setup{Name: "Pool", MessagingServiceSID: smstest.TwilioServiceSID, AccountSID: smstest.TwilioAccountSID,
			AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}.Values()
	})
	w.deliver(smstest.Text{From: alice, To: "+15105550101", Body: "to one"})
	w.deliver(smstest.Text{From: alice, To: smstest.TwilioNumber, Body: "to the other"})
	w.deliver(smstest.Text{From: alice, To: smstest.TwilioNumber, Body: "the service isn't named", Fields: map[string]string{"MessagingServiceSid": ""}})
	require.Equal(t, []string{"to one", "to the other", "the service isn't named"}, w.incoming(alice))
	w.reply(w.only().ID, "hi")
	w.settle()
	require.Equal(t, smstest.TwilioServiceSID, w.twilio.Sent()[0].Pool)

	// Another service of the account has a channel of its own. Numbers come to a pool whenever somebody adds them at Twilio,
	// and are in no setting here: the service that a text names decides.
	const second = "MG0000000000000000000000000000beef"
	first := w.ch
	other := w.twilioChannel(func(c *livedesk.Channel) {
		c.Values = twilio.Setup{Name: "Second", MessagingServiceSID: second, AccountSID: smstest.TwilioAccountSID,
			AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}.Values()
	})
	for i, c := range []struct{ service, channel string }{{smstest.TwilioServiceSID, first.ID}, {second, other.ID}} {
		w.deliver(smstest.Text{From: addr(phone(i)), To: "+15105550177", Body: "a number of later", Fields: map[string]string{"MessagingServiceSid": c.service}})
		require.Len(t, w.of(phone(i)), 1)
		require.Equal(t, c.channel, w.of(phone(i))[0].Channel)
	}
}

// Credentials never come back, and one that is left empty stays as it was.
func TestCredentialsAreKeptAndNeverRead(t *testing.T) { // F149, F151
	t.Parallel()
	ring, err := livedesk.NewKeyRing(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	onBoth(t, func(t *testing.T, w *world) {
		read, err := w.desk.Channel(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		require.Equal(t, w.ch, read)
		form, err := w.engine.Form(read.Provider)
		require.NoError(t, err)
		for _, f := range form.Fields {
			require.False(t, f.Secret && read.Values[f.Name] != "", f.Name)
		}
		b, err := json.Marshal(read)
		require.NoError(t, err)
		requireNoCanary(t, "json", string(b)+fmt.Sprintf("%+v %#v", read, read))
		w.change(func(c *livedesk.Channel) { c.Values["name"] = "Renamed" })
		require.Equal(t, "Renamed", w.ch.Name())
		w.text(alice, "still verified")
		w.reply(w.only().ID, "still sent")
		w.settle()
		require.Equal(t, []string{"still sent"}, w.bodies())
		// Nothing readable reaches the store.
		require.NoError(t, w.store.View(w.ctx(), func(ctx context.Context, tx livedesk.ReadTx) error {
			objs, err := tx.Objects(ctx, livedesk.ObjectQuery{AfterRevision: new(int64), Limit: 100})
			for _, o := range objs {
				requireNoCanary(t, "store", string(o.Data))
			}
			return err
		}))
	}, func(s *settings) { s.Sealer = ring })
}

func TestChannelVersions(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		old := w.ch
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		_, err := w.desk.PutChannel(w.ctx(), old)
		require.ErrorIs(t, err, livedesk.ErrConflict)
		old.Version = 0
		_, err = w.desk.PutChannel(w.ctx(), old)
		require.NoError(t, err)
	})
}

// A number belongs to one channel; whoever adds it again hears which field is wrong. Removal frees it.
func TestNumberBelongsToOneChannel(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		again := w.ch
		again.ID, again.Version = "", 0
		again.Values = map[string]string{}
		for k, v := range w.ch.Values {
			again.Values[k] = v
		}
		again.Values["name"] = "Second"
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if _, err := w.desk.PutChannel(w.ctx(), again); err == nil || fields(err)[0] != "phone_number" {
					t.Errorf("taken twice, or: %v", err)
				}
			})
		}
		all.Wait()
		require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
		require.ErrorIs(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID), livedesk.ErrNotFound)
		_, err := w.desk.PutChannel(w.ctx(), again)
		require.NoError(t, err)
		w.text(alice, "to the new one")
		require.Equal(t, []string{"to the new one"}, w.incoming(alice))
	})
}

// What names the connection stays; another account is another channel. Channels on one account share their address.
func TestIdentityAndConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.twilioChannel(nil)
	c := first
	c.Values = livedesk.Values{"name": "x", "phone_number": string(smstest.TwilioNumber), "account_sid": "AC" + strings.Repeat("9", 32), "auth_token": smstest.TwilioAuthToken}
	_, err := w.desk.PutChannel(w.ctx(), c)
	require.NotEmpty(t, field(t, err, "account_sid"))
	c.Provider = "bandwidth"
	_, err = w.desk.PutChannel(w.ctx(), c)
	require.NotEmpty(t, field(t, err, "provider"))
	url := w.url
	w.twilioChannel(func(c *livedesk.Channel) { c.Values["phone_number"] = "+15105550101"; c.Values["auth_token"] = "" })
	require.Equal(t, url, w.url)
	w.deliver(smstest.Text{From: alice, To: smstest.TwilioNumber, Body: "to the first"})
	w.deliver(smstest.Text{From: alice, To: "+15105550101", Body: "to the second"})
	list := w.of(alice)
	require.Len(t, list, 2)
	require.NotEqual(t, list[0].Channel, list[1].Channel)
	require.Equal(t, list[0].Contact, list[1].Contact, "one person")
	require.NoError(t, w.desk.RemoveChannel(w.ctx(), first.ID))
	w.deliver(smstest.Text{From: bob, To: "+15105550101", Body: "goes on"})
	require.Len(t, w.of(bob), 1)
}

// What one process adds or changes the others know within a second, and a webhook finds it at once.
func TestTwoEnginesSeeEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := w.open()
	w.twilioChannel(nil)
	w.twilio.SetWebhooks(w.url, smstest.HandlerTransport(second.Webhooks()))
	w.deliver(smstest.Text{From: alice, Body: "to the other process"})
	_, err := second.Desk("main").Reply(w.ctx(), w.only().ID, host, livedesk.Draft{Text: "hi"})
	require.NoError(t, err)
	third := w.open()
	_, err = third.Desk("main").Reply(w.ctx(), w.only().ID, host, livedesk.Draft{Text: "read through"})
	require.NoError(t, err)
	got, err := third.Desk("main").Channel(w.ctx(), w.ch.ID)
	require.NoError(t, err)
	require.Equal(t, w.ch, got)
}

// Every problem of a Config at once, by field.
func TestConfigErrors(t *testing.T) {
	t.Parallel()
	p := twilio.New(twilio.Config{})
	_, err := livedesk.New(memstore.New(), livedesk.Config{
		PublicURL: "ftp://x?y", Providers: []sms.Provider{nil, p, p}, Lease: -1, VerdictAfter: -1, Poll: -1, Refresh: -1, DrainTimeout: -1,
		WebhookTimeout: -1, Workers: -1, MaxWebhookBytes: -1, MaxMediaBytes: -1,
	})
	require.ElementsMatch(t, []string{"PublicURL", "Providers[0]", "Providers[2]", "Lease", "VerdictAfter", "Poll", "Refresh", "DrainTimeout",
		"WebhookTimeout", "Workers", "MaxWebhookBytes", "MaxMediaBytes"}, fields(err))
	for _, u := range []string{"desk.example.com", "https://", "https://a_b.example", "https://u:p@x", "https://x/#y", "https://x?y", "http://x\r\ny", "::"} {
		_, err := livedesk.New(memstore.New(), livedesk.Config{PublicURL: u})
		require.Equal(t, []string{"PublicURL"}, fields(err), u)
	}
	_, err = livedesk.New(nil, livedesk.Config{})
	require.Equal(t, []string{"store"}, fields(err))
	_, err = livedesk.New(memstore.New(), livedesk.Config{Lease: time.Millisecond})
	require.Equal(t, []string{"Lease"}, fields(err))
	_, err = livedesk.New(memstore.New(), livedesk.Config{Providers: []sms.Provider{p}})
	require.Equal(t, []string{"PublicURL"}, fields(err))
	_, err = livedesk.New(memstore.New(), livedesk.Config{})
	require.NoError(t, err, "the zero Config works")
}

// silent is a Store that doesn't say whether it is durable.
type silent struct{ livedesk.Store }

func TestDurableStoreWantsASealer(t *testing.T) {
	t.Parallel()
	cfg := livedesk.Config{PublicURL: publicURL, Providers: []sms.Provider{twilio.New(twilio.Config{})}}
	_, err := livedesk.New(silent{memstore.New()}, cfg)
	require.Equal(t, []string{"Sealer"}, fields(err))
	cfg.Sealer, err = livedesk.NewKeyRing(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	_, err = livedesk.New(silent{memstore.New()}, cfg)
	require.NoError(t, err)
}

func TestKeyRing(t *testing.T) {
	t.Parallel()
	key := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	old, err := livedesk.NewKeyRing(key(1))
	require.NoError(t, err)
	both, err := livedesk.NewKeyRing(key(2), key(1))
	require.NoError(t, err)
	renewed, err := livedesk.NewKeyRing(key(2))
	require.NoError(t, err)
	ctx := t.Context()
	for _, plain := range [][]byte{nil, {}, []byte("secret"), bytes.Repeat([]byte("x"), 1<<16)} {
		a, err := old.Seal(ctx, plain, "about")
		require.NoError(t, err)
		again, err := old.Seal(ctx, plain, "about")
		require.NoError(t, err)
		require.NotEqual(t, a, again, "a fresh nonce each time")
		for _, r := range []*livedesk.KeyRing{old, both} {
			got, err := r.Open(ctx, a, "about")
			require.NoError(t, err)
			require.True(t, bytes.Equal(plain, got))
		}
		_, err = renewed.Open(ctx, a, "about")
		require.ErrorContains(t, err, "key")
		_, err = old.Open(ctx, a, "something else")
		require.Error(t, err)
		for i := range min(len(a), 64) {
			bad := bytes.Clone(a)
			bad[i] ^= 1
			_, err = old.Open(ctx, bad, "about")
			require.Error(t, err)
			_, err = old.Open(ctx, a[:i], "about")
			require.Error(t, err)
		}
		b, err := both.Seal(ctx, plain, "about")
		require.NoError(t, err)
		_, err = renewed.Open(ctx, b, "about")
		require.NoError(t, err, "the first key seals")
	}
	for i, keys := range [][][]byte{nil, {{}}, {key(1), key(1)[:31]}, {bytes.Repeat([]byte{1}, 33)}} {
		_, err := livedesk.NewKeyRing(keys...)
		require.NotEmpty(t, fields(err), i)
	}
}

// A process with the wrong key says so and refuses webhooks as its own fault; the others go on.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	ring := func(b byte) option {
		return func(s *settings) { s.Sealer, _ = livedesk.NewKeyRing(bytes.Repeat([]byte{b}, 32)) }
	}
	log := &logBuffer{}
	onOne(t, func(t *testing.T, w *world) {
		m := w.start(alice, "hello")
		wrong := w.open(ring(2), func(s *settings) { s.Logger = log.logger() })
		require.NoError(t, wrong.Settle(w.ctx()))
		require.Equal(t, livedesk.Queued, w.state(m.ID))
		res, err := smstest.HandlerTransport(wrong.Webhooks()).RoundTrip(request(w.genuine(smstest.Text{From: alice, Body: "x"}), ""))
		require.NoError(t, err)
		require.Equal(t, 503, res.StatusCode)
		require.Contains(t, log.String(), "key")
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
	}, ring(1))
}
