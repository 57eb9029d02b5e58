package livedesk_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// What must not be believed leaves nothing behind, not even the key of the message: the genuine one counts afterwards.
func TestForgedWebhooks(t *testing.T) { // F1, F2, F3, F25
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		refused := http.StatusForbidden
		if w.carrier == fake(w.bandwidth) {
			refused = http.StatusUnauthorized
		}
		for damage, status := range map[smstest.Damage]int{
			smstest.Unsigned: refused, smstest.WrongSecret: refused, smstest.EmptySecret: refused, smstest.FlippedBit: refused,
			smstest.AlteredBody: refused, smstest.CutBody: 0, smstest.Unreadable: http.StatusBadRequest,
			smstest.PlainType: http.StatusUnsupportedMediaType, smstest.NoType: http.StatusUnsupportedMediaType,
		} {
			w.carrier.SetWebhooks(w.url, smstest.HandlerTransport(w.engine.Webhooks()))
			id := fmt.Sprintf("SM%032d", len(damage))
			d, err := w.carrier.Deliver(w.ctx(), smstest.Text{ID: id, From: alice, Body: "forged", Damage: damage})
			if errors.Is(err, errors.ErrUnsupported) {
				continue
			}
			require.NoError(t, err)
			if status == 0 { // a body that breaks off: refused, in whichever order the carrier's proof allows
				require.Contains(t, []int{refused, http.StatusBadRequest}, d.Status, damage)
			} else {
				require.Equal(t, status, d.Status, damage)
			}
			require.Empty(t, w.all(livedesk.List{}), damage)
			hooks := w.carrier.Webhooks()
			require.Empty(t, hooks[len(hooks)-1].Answer, "an answer's body could be taken for a reply")
		}
		w.text(alice, "genuine")
		require.Equal(t, []string{"genuine"}, w.incoming(alice))
	})
}

func TestEveryPartOfTheSignatureCounts(t *testing.T) { // F2
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	h := w.genuine(smstest.Text{From: alice, Body: "hello"})
	good := h.Header.Get("X-Twilio-Signature")
	require.Len(t, good, 28)
	bad := []string{"", good[:27], good[:14], good + good, strings.ToLower(good), strings.ToUpper(good), " " + good, good + "\n", "="}
	for i := range good {
		for bit := range 7 {
			b := []byte(good)
			b[i] ^= 1 << bit
			raw, err := base64.StdEncoding.DecodeString(string(b))
			if want, _ := base64.StdEncoding.DecodeString(good); err == nil && string(raw) == string(want) {
				continue // other padding bits of the same 20 bytes
			}
			bad = append(bad, string(b))
		}
	}
	for _, s := range bad {
		r := request(h, "")
		r.Header.Set("X-Twilio-Signature", s)
		require.Equal(t, http.StatusForbidden, w.call(r).StatusCode, "%q", s)
	}
	require.Empty(t, w.all(livedesk.List{}))
	require.Equal(t, http.StatusNoContent, w.call(request(h, "")).StatusCode)
}

// Another tenant's secret opens nothing, even where both name the same carrier account.
func TestAnotherTenantsToken(t *testing.T) { // F3
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	other := smstest.NewTwilio(t, smstest.TwilioConfig{AuthToken: "7e57a0000000000000000000000000ff"})
	mallory := w.engine.Desk("mallory")
	ch, err := mallory.PutChannel(w.ctx(), livedesk.Channel{Provider: "twilio", Values: twilio.Setup{Name: "M",
		PhoneNumber: "+15105550101", AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret("7e57a0000000000000000000000000ff")}.Values()})
	require.NoError(t, err)
	theirs, err := mallory.WebhookURL(w.ctx(), ch.ID)
	require.NoError(t, err)
	require.NotEqual(t, w.url, theirs)
	other.SetWebhooks(w.url, smstest.HandlerTransport(w.engine.Webhooks()))
	d, err := other.Deliver(w.ctx(), smstest.Text{From: alice, Body: "let me in"})
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, d.Status)

	// Over their own address they reach their own channels only, whatever number they name.
	other.SetWebhooks(theirs, smstest.HandlerTransport(w.engine.Webhooks()))
	d, err = other.Deliver(w.ctx(), smstest.Text{From: alice, To: smstest.TwilioNumber, Body: "let me in"})
	require.NoError(t, err)
	require.True(t, d.OK())
	require.EqualValues(t, 1, w.engine.Ignored())
	require.Empty(t, w.all(livedesk.List{}))
}

// What a request says of its own address counts for nothing: proxies rewrite it, and attackers write it.
func TestOnlyThePublicURLCounts(t *testing.T) { // F6
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		key := w.url[strings.LastIndexByte(w.url, '/')+1:]
		for i, target := range []string{
			w.url, "http://10.0.0.7:8443/sms/" + key, "https://evil.example/" + key, "/a/b/c/" + key, "//" + key,
			"https://desk.example.com:8443/sms/" + key,
		} {
			h := w.genuine(smstest.Text{From: alice, Body: fmt.Sprint("via ", i)})
			r := request(h, target)
			r.Header.Set("X-Forwarded-Host", "evil.example")
			r.Header.Set("X-Forwarded-Proto", "http")
			r.Header.Set("Forwarded", "host=evil.example;proto=http")
			require.Equal(t, http.StatusNoContent, w.call(r).StatusCode, target)
			require.Len(t, w.incoming(alice), i+1)
		}
	})
}

func TestASignatureOverAnotherURL(t *testing.T) { // F6
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	key := w.url[strings.LastIndexByte(w.url, '/')+1:]
	h := w.genuine(smstest.Text{From: alice, Body: "hello"})
	form, err := url.ParseQuery(string(h.Body))
	require.NoError(t, err)
	for _, signed := range []string{
		"https://evil.example/sms/" + key, "http://desk.example.com/sms/" + key, "https://desk.example.com:8443/sms/" + key,
		"https://desk.example.com/" + key, "https://desk.example.com/sms/" + key + "/", "https://desk.example.com/SMS/" + key,
		"https://desk.example.com/sms/" + key + "?a=b",
	} {
		r := request(h, signed)
		r.Header.Set("X-Twilio-Signature", twilio.Signature(smstest.TwilioAuthToken, signed, form))
		r.Header.Set("X-Forwarded-Host", r.Host)
		if strings.HasSuffix(signed, "/") || strings.Contains(signed, "?") {
			continue // is below the public URL: its own signature is genuine
		}
		require.Equal(t, http.StatusForbidden, w.call(r).StatusCode, signed)
	}
	for _, called := range []string{w.url + "/", w.url + "/x", w.url + "?a=b", w.url + "//", w.url + "/%2e%2e/" + key} {
		require.Equal(t, http.StatusForbidden, w.call(request(h, called)).StatusCode, called)
	}
	require.Equal(t, http.StatusNotFound, w.call(request(h, strings.Replace(w.url, key[:1], fmt.Sprintf("%%%02X", key[0]), 1))).StatusCode)
	require.Empty(t, w.all(livedesk.List{}))
}

func TestHandlerUnderAnyPrefix(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		for i, mount := range []func(*http.ServeMux){
			func(m *http.ServeMux) { m.Handle("/sms/", w.engine.Webhooks()) },
			func(m *http.ServeMux) { m.Handle("/sms/", http.StripPrefix("/sms", w.engine.Webhooks())) },
			func(m *http.ServeMux) { m.Handle("/sms/", http.StripPrefix("/sms/", w.engine.Webhooks())) },
			func(m *http.ServeMux) { m.Handle("POST desk.example.com/sms/{rest...}", w.engine.Webhooks()) },
			func(m *http.ServeMux) { m.Handle("/", w.engine.Webhooks()) },
		} {
			mux := http.NewServeMux()
			mount(mux)
			w.carrier.SetWebhooks(w.url, smstest.HandlerTransport(mux))
			w.text(alice, fmt.Sprint("mount ", i))
			require.Len(t, w.incoming(alice), i+1)
		}
		w.reply(w.only().ID, "receipts find their way too")
		w.settle()
		texts := w.texts(w.only().ID)
		require.Equal(t, livedesk.Delivered, texts[len(texts)-1].Delivery.State)
	})
}

func TestReplay(t *testing.T) { // F9
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		w.text(alice, "the one")
		h := w.carrier.Webhooks()[0]
		c := w.only()
		_, err := w.desk.Resolve(w.ctx(), c.ID, livedesk.Actor{Kind: livedesk.ActorHost})
		require.NoError(t, err)
		before, sent := w.conversation(c.ID), w.sends()
		for _, pause := range []time.Duration{0, time.Second, 24 * time.Hour, 398 * 24 * time.Hour} {
			w.advance(pause)
			d, err := w.carrier.Replay(w.ctx(), h)
			require.NoError(t, err)
			require.Equal(t, http.StatusNoContent, d.Status)
			w.settle()
			require.Equal(t, before, w.only())
			require.Equal(t, sent, w.sends())
		}
	})
}

func TestOnlyPOST(t *testing.T) { // F12
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		h := w.genuine(smstest.Text{From: alice, Body: "hello"})
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "POSTS"} {
			r := request(h, "")
			r.Method = method
			res := w.call(r)
			require.Equal(t, http.StatusMethodNotAllowed, res.StatusCode, method)
			require.Equal(t, "POST", res.Header.Get("Allow"))
		}
		r := request(h, w.url+"?"+url.QueryEscape(string(h.Body)))
		r.Body = http.NoBody
		require.GreaterOrEqual(t, w.call(r).StatusCode, 400)
		require.Empty(t, w.all(livedesk.List{}))
	})
}

func TestWrongWebhookCredentials(t *testing.T) { // F13
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	h := w.genuine(smstest.Text{From: alice, Body: "hello"})
	const user, pass = smstest.BandwidthWebhookUser, smstest.BandwidthWebhookPassword
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, a := range []string{
		"", "Basic", "Basic ", "Basic !!!", basic(""), basic(":"), basic(user), basic(user + ":"), basic(":" + pass),
		basic("wrong:" + pass), basic(user + ":wrong"), basic(pass + ":" + user), basic(user + ":" + pass + "x"),
		basic(user + "x:" + pass), basic(user + "::" + pass), basic(strings.ToUpper(user) + ":" + pass), basic(" " + user + ":" + pass),
		basic(strings.Repeat("a", 64<<10) + ":" + pass), basic(user + ":" + strings.Repeat("a", 64<<10)),
		basic("é:" + pass), basic(user + ":\xff\xfe"), basic(user + "\x00:" + pass), "Bearer " + user + ":" + pass, "Digest " + basic(user+":"+pass),
	} {
		r := request(h, "")
		r.Header.Set("Authorization", a)
		res := w.call(r)
		require.Equal(t, http.StatusUnauthorized, res.StatusCode, "%.60q", a)
		require.NotEmpty(t, res.Header.Get("WWW-Authenticate"))
	}
	require.Empty(t, w.all(livedesk.List{}))
	require.Equal(t, http.StatusNoContent, w.call(request(h, "")).StatusCode)
}

// A receipt moves only what went out over the connection that it came in on.
func TestReceiptsOfOthers(t *testing.T) { // F14
	t.Parallel()
	quiet := func(smstest.Sent) []smstest.Step { return nil }
	w := newWorld(t, func(s *settings) { s.Twilio.Receipts, s.Bandwidth.Receipts = quiet, quiet })
	w.twilioChannel(nil)
	victim := w.start(alice, "mine")
	w.settle()
	before := w.message(victim.ID)
	require.Equal(t, livedesk.Accepted, before.Delivery.State)
	w.bandwidthChannel(nil)
	status := func(ref, id string) *http.Request {
		body, err := json.Marshal([]any{map[string]any{"time": "2026-11-22T05:34:05.000Z", "type": "message-failed", "to": alice,
			"description": "x", "errorCode": 4720, "message": map[string]any{"id": id, "owner": smstest.BandwidthNumber,
				"applicationId": smstest.BandwidthApplicationID, "time": "2026-11-22T05:34:01.000Z", "segmentCount": 1,
				"direction": "out", "to": []string{alice}, "from": smstest.BandwidthNumber, "text": "", "tag": ref}}})
		require.NoError(t, err)
		h := w.genuine(smstest.Text{From: bob, Body: "template"})
		h.Body = body
		return request(h, "")
	}
	for i, r := range []*http.Request{
		status(victim.ID, "1700000000000aaaaaaaaaa"), status("", before.ProviderID), status("", "1700000000000unknownxx"),
		status("00000000-0000-7000-8000-000000000000", "1700000000000unknownxy"),
	} {
		require.Equal(t, http.StatusNoContent, w.call(r).StatusCode)
		require.Equal(t, before, w.message(victim.ID))
		require.EqualValues(t, i+1, w.engine.Ignored())
	}
	require.Len(t, w.all(livedesk.List{}), 1)
}

// The same over Twilio, between two tenants who both have a genuine signature of their own.
func TestReceiptsOfAnotherTenant(t *testing.T) { // F14
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.Twilio.Receipts = func(smstest.Sent) []smstest.Step { return nil } })
	w.twilioChannel(nil)
	victim := w.start(alice, "mine")
	w.settle()
	before := w.message(victim.ID)
	const token = "7e57a0000000000000000000000000ff"
	mallory := w.engine.Desk("mallory")
	ch, err := mallory.PutChannel(w.ctx(), livedesk.Channel{Provider: "twilio", Values: twilio.Setup{Name: "M",
		PhoneNumber: "+15105550101", AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(token)}.Values()})
	require.NoError(t, err)
	theirs, err := mallory.WebhookURL(w.ctx(), ch.ID)
	require.NoError(t, err)
	form := url.Values{"MessageSid": {before.ProviderID}, "SmsSid": {before.ProviderID}, "MessageStatus": {"failed"}, "SmsStatus": {"failed"},
		"ErrorCode": {"30005"}, "AccountSid": {smstest.TwilioAccountSID}, "From": {string(smstest.TwilioNumber)}, "To": {alice}}
	for _, target := range []string{theirs + "/status/" + victim.ID, theirs} {
		h := smstest.Webhook{URL: target, Body: []byte(form.Encode()), Header: http.Header{
			"Content-Type":       {"application/x-www-form-urlencoded"},
			"X-Twilio-Signature": {twilio.Signature(token, target, form)},
		}}
		require.Equal(t, http.StatusNoContent, w.call(request(h, "")).StatusCode, target)
		require.Equal(t, before, w.message(victim.ID))
	}
	require.EqualValues(t, 2, w.engine.Ignored())
}

func TestUnknownParametersAreTaken(t *testing.T) { // F17
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	w.deliver(smstest.Text{From: alice, Body: "hi", Fields: map[string]string{
		"ChannelMetadata": `{"type":"x"}`, "NewThing": "1", "empty": "", "Snake_case-1.2": "y"}})
	require.Equal(t, []string{"hi"}, w.incoming(alice))
}

// Whatever a customer types is stored as it was typed, blanks and all, and changes nothing about the proof.
func TestTextsArriveAsTyped(t *testing.T) { // F18, F133
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		for _, body := range []string{
			"  blanks  ", "\tTab\t", "two\r\nlines\r\n", "a+b", "a%2Bb", "100 % & more = <b>", "日本語 🇫🇷 👩‍👩‍👧", "\u200f\u202eevil",
			"</Message><Dial>+19005550199</Dial>", strings.Repeat("é", 1600), " ", "'; DROP TABLE messages; --", "{{contact}}",
		} {
			w.deliver(smstest.Text{From: alice, Body: body})
			list := w.incoming(alice)
			require.Equal(t, body, list[len(list)-1])
		}
		require.Empty(t, w.bodies())
	})
}

// Credentials are changed while texts come in: for a day both count, then only the new ones.
func TestCredentialsRotate(t *testing.T) { // F8
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		second := w.open()
		renewed, values := w.rotated(t)
		w.change(func(c *livedesk.Channel) {
			for k, v := range values {
				c.Values[k] = v
			}
		})
		require.NoError(t, second.Settle(w.ctx()))
		for _, e := range []*livedesk.Engine{w.engine, second} {
			for _, c := range []fake{w.carrier, renewed} {
				c.SetWebhooks(w.url, smstest.HandlerTransport(e.Webhooks()))
				d, err := c.Deliver(w.ctx(), smstest.Text{From: alice, Body: "hi"})
				require.NoError(t, err)
				require.True(t, d.OK(), "status %d", d.Status)
			}
		}
		w.later(24*time.Hour - time.Second)
		require.NoError(t, second.Settle(w.ctx()))
		w.deliver(smstest.Text{From: alice, Body: "old, just in time"})
		w.later(time.Second)
		require.NoError(t, second.Settle(w.ctx()))
		for _, e := range []*livedesk.Engine{w.engine, second} {
			w.carrier.SetWebhooks(w.url, smstest.HandlerTransport(e.Webhooks()))
			d, err := w.carrier.Deliver(w.ctx(), smstest.Text{From: alice, Body: "too late"})
			require.NoError(t, err)
			require.Contains(t, []int{http.StatusForbidden, http.StatusUnauthorized}, d.Status)
			renewed.SetWebhooks(w.url, smstest.HandlerTransport(e.Webhooks()))
			d, err = renewed.Deliver(w.ctx(), smstest.Text{From: alice, Body: "new"})
			require.NoError(t, err)
			require.True(t, d.OK())
		}
		require.NotContains(t, w.incoming(alice), "too late")
		require.Len(t, w.incoming(alice), 7)
	})
}

// rotated opens the world's carrier as it is with new credentials, and the values that a person would fill in then.
func (w *world) rotated(t *testing.T) (fake, map[string]string) {
	t.Helper()
	if w.carrier == fake(w.twilio) {
		const token = "7e57a0000000000000000000000000b7"
		return smstest.NewTwilio(t, smstest.TwilioConfig{AuthToken: token}), map[string]string{"auth_token": token}
	}
	c := smstest.NewBandwidth(t, smstest.BandwidthConfig{WebhookUser: "renewed", WebhookPassword: "renewed-7e57a0-password"})
	return c, map[string]string{"webhook_user": "renewed", "webhook_password": "renewed-7e57a0-password"}
}

func TestAddressesThatNobodyHas(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		number := addr("+15105550101")
		if w.carrier == fake(w.bandwidth) {
			number = "+19195550101"
		}
		w.deliver(smstest.Text{From: alice, To: number, Body: "nobody's number"})
		require.EqualValues(t, 1, w.engine.Ignored())

		h := w.genuine(smstest.Text{From: alice, Body: "hello"})
		unknown := strings.Repeat("A", 26)
		for target, status := range map[string]int{
			publicURL + "/" + unknown: 404, publicURL: 404, publicURL + "/": 404, publicURL + "/" + strings.ToLower(unknown): 404,
			publicURL + "/../../etc/passwd": 404, publicURL + "/" + unknown + unknown: 404,
		} {
			require.Equal(t, status, w.call(request(h, target)).StatusCode, target)
		}
		require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
		w.deliver(smstest.Text{From: alice, Body: "nobody's any more"})
		require.EqualValues(t, 2, w.engine.Ignored())
		require.Empty(t, w.all(livedesk.List{}))
	})
}
