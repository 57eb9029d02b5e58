package livedesk_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// via lets a carrier post a customer's text to an address of an engine, and returns the status of the answer.
func (w *world) via(c fake, e *livedesk.Engine, url, body string) int {
	w.t.Helper()
	c.SetWebhooks(url, smstest.HandlerTransport(e.Webhooks()))
	d, err := c.Deliver(w.ctx(), smstest.Text{From: alice, Body: body})
	require.NoError(w.t, err)
	return d.Status
}

// A key is rotated while texts and receipts are under way: the old address counts for the window, then it is unknown.
func TestWebhookKeyRotates(t *testing.T) {
	t.Parallel()
	quiet := func(smstest.Sent) []smstest.Step { return nil }
	onBoth(t, func(t *testing.T, w *world) {
		second := w.open()
		m := w.start(alice, "sent before")
		w.settle()
		old := w.url
		told, err := w.desk.RotateWebhookKey(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		fresh, err := w.desk.WebhookURL(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		require.NotEqual(t, old, fresh)
		require.Regexp(t, "^"+publicURL+"/[A-Z2-7]{26}$", fresh)
		require.True(t, strings.HasPrefix(told[0].URL, fresh), "it returns what the carrier must be told")

		for i, e := range []*livedesk.Engine{w.engine, second} {
			require.Equal(t, 204, w.via(w.carrier, e, fresh, fmt.Sprint("new ", i)))
			require.Equal(t, 204, w.via(w.carrier, e, old, fmt.Sprint("old ", i)))
		}
		require.Len(t, w.incoming(alice), 4)
		sent := w.carrier.Sent()[0]
		require.NoError(t, w.carrier.Report(w.ctx(), sent.ID, smstest.Step{Status: "delivered"}))
		require.Equal(t, livedesk.Delivered, w.state(m.ID), "its receipt comes to the old address")
		n := w.reply(w.only().ID, "sent after")
		w.settle()
		w.carrier.SetWebhooks(fresh, smstest.HandlerTransport(second.Webhooks()))
		require.NoError(t, w.carrier.Report(w.ctx(), w.carrier.Sent()[1].ID, smstest.Step{Status: "delivered"}))
		require.Equal(t, livedesk.Delivered, w.state(n.ID))

		w.advance(2*time.Hour - time.Second)
		require.NoError(t, w.engine.Settle(w.ctx()))
		require.Equal(t, 204, w.via(w.carrier, w.engine, old, "just in time"))
		w.advance(time.Second)
		for i, e := range []*livedesk.Engine{w.engine, second} {
			require.NoError(t, e.Settle(w.ctx()))
			require.Equal(t, 404, w.via(w.carrier, e, old, "too late"))
			require.Equal(t, 204, w.via(w.carrier, e, fresh, fmt.Sprint("in time ", i)))
		}
		require.Equal(t, 404, w.via(w.carrier, w.open(), old, "to a process that just began"))
		require.Len(t, w.incoming(alice), 7)
	}, func(s *settings) {
		s.Twilio.Receipts, s.Bandwidth.Receipts, s.RotationWindow = quiet, quiet, 2*time.Hour
	})
}

// Two channels on one account and application work behind one address: what comes in, what goes out, and the receipts.
func TestTwoChannelsBehindOneURL(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"twilio", "bandwidth"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			add, numbers := w.twilioChannel, []string{"+15105550100", "+15105550101"}
			if provider == "bandwidth" {
				add, numbers = w.bandwidthChannel, []string{"+19195550100", "+19195550101"}
			}
			var channels []livedesk.Channel
			var urls []string
			for _, n := range numbers {
				channels = append(channels, add(func(c *livedesk.Channel) { c.Values["phone_number"] = n }))
				urls = append(urls, w.url)
			}
			require.Equal(t, urls[0], urls[1])
			_, err := w.desk.RotateWebhookKey(w.ctx(), channels[0].ID)
			require.NoError(t, err)
			for _, c := range channels {
				u, err := w.desk.WebhookURL(w.ctx(), c.ID)
				require.NoError(t, err)
				require.NotEqual(t, urls[0], u, "both have the new address")
				urls[1] = u
			}
			for _, u := range urls {
				w.carrier.SetWebhooks(u, smstest.HandlerTransport(w.engine.Webhooks()))
				for i, n := range numbers {
					w.deliver(smstest.Text{From: alice, To: addr(n), Body: fmt.Sprint("to ", i)})
				}
			}
			require.Len(t, w.of(alice), 2)
			for _, c := range w.of(alice) {
				texts := w.texts(c.ID)
				require.Len(t, texts, 2)
				i := 0
				if c.Channel == channels[1].ID {
					i = 1
				}
				require.Equal(t, fmt.Sprint("to ", i), texts[1].Text)
				m := w.reply(c.ID, fmt.Sprint("from ", i))
				w.settle()
				require.Equal(t, livedesk.Delivered, w.state(m.ID))
				sent := w.carrier.Sent()
				require.EqualValues(t, numbers[i], sent[len(sent)-1].From)
			}
		})
	}
}

// What leaked counts no longer, at once.
func TestEndRotation(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		old := w.url
		renewed, values := w.rotated(t)
		w.change(func(c *livedesk.Channel) {
			for k, v := range values {
				c.Values[k] = v
			}
		})
		_, err := w.desk.RotateWebhookKey(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		fresh, err := w.desk.WebhookURL(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		require.Equal(t, 204, w.via(w.carrier, w.engine, old, "old and old"))
		require.NoError(t, w.desk.EndRotation(w.ctx(), w.ch.ID))
		require.Contains(t, []int{401, 403}, w.via(w.carrier, w.engine, fresh, "old credentials"))
		require.Equal(t, 404, w.via(renewed, w.engine, old, "old key"))
		require.Equal(t, 204, w.via(renewed, w.engine, fresh, "new and new"))
	})
}

// Without a window what is replaced counts no longer at once. Only so many replaced ones count, the newest.
func TestRotationWindow(t *testing.T) {
	t.Parallel()
	none := newWorld(t, func(s *settings) { s.RotationWindow = -1 })
	none.twilioChannel(nil)
	_, values := none.rotated(t)
	none.change(func(c *livedesk.Channel) { c.Values["auth_token"] = values["auth_token"] })
	require.Equal(t, 403, none.via(none.twilio, none.engine, none.url, "old"))
	old := none.url
	_, err := none.desk.RotateWebhookKey(none.ctx(), none.ch.ID)
	require.NoError(t, err)
	require.Equal(t, 404, none.via(none.twilio, none.engine, old, "old"))

	w := newWorld(t)
	w.twilioChannel(nil)
	for i := range 9 {
		if i == 8 {
			require.Equal(t, 204, w.via(w.twilio, w.engine, w.url, "eight ago"))
		}
		w.change(func(c *livedesk.Channel) { c.Values["auth_token"] = fmt.Sprintf("7e57a0000000000000000000000%05d", i) })
	}
	require.Equal(t, 403, w.via(w.twilio, w.engine, w.url, "nine ago"))
}

// A process that hasn't read the new credentials yet looks before it refuses what is signed with them: nothing is lost in
// the second that it takes to get around.
func TestNewCredentialsAreFoundAtOnce(t *testing.T) { // F8
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		second := w.open()
		require.Equal(t, 204, w.via(w.carrier, second, w.url, "known"))
		renewed, values := w.rotated(t)
		w.change(func(c *livedesk.Channel) {
			for k, v := range values {
				c.Values[k] = v
			}
		})
		require.Equal(t, 204, w.via(renewed, second, w.url, "signed with what second doesn't know"))
		require.Len(t, w.incoming(alice), 2)
		stranger := smstest.NewTwilio(t, smstest.TwilioConfig{AuthToken: "7e57a0000000000000000000000000ee"})
		if w.carrier == fake(w.twilio) {
			for range 100 { // costs the store 20 reads a second at most
				require.Equal(t, 403, w.via(stranger, second, w.url, "forged"))
			}
		}
	})
}

// On Run's own clock: within a second every process has stopped to accept what EndRotation ended.
func TestRotationGetsAroundWithinASecond(t *testing.T) { // F8
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, realTime)
		w.twilioChannel(nil)
		second := w.open()
		stop := running(t, second)
		_, err := w.desk.RotateWebhookKey(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, 204, w.via(w.twilio, second, w.url, "old key"))
		require.NoError(t, w.desk.EndRotation(w.ctx(), w.ch.ID))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, 404, w.via(w.twilio, second, w.url, "old key"))
		require.NoError(t, stop())
	})
}

// switching is a transport to whichever carrier there is at the moment.
type switching struct {
	mu sync.Mutex
	to http.RoundTripper
}

func (s *switching) set(to http.RoundTripper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
}

func (s *switching) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	to := s.to
	s.mu.Unlock()
	return to.RoundTrip(r)
}

// The carrier renews the credentials first: texts wait, and none is lost or sent twice, until somebody stores the new ones.
func TestSendingCredentialsRotate(t *testing.T) { // F8, F48
	t.Parallel()
	for _, provider := range []string{"twilio", "bandwidth"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			var line switching
			w := newWorld(t, func(s *settings) {
				s.Providers = []sms.Provider{twilio.New(twilio.Config{Transport: &line}), bandwidth.New(bandwidth.Config{Transport: &line})}
			})
			var renewed fake
			values := map[string]string{}
			if provider == "twilio" {
				w.twilioChannel(nil)
				renewed, values = w.rotated(t)
				line.set(w.twilio.Transport())
			} else {
				w.bandwidthChannel(nil)
				values["api_secret"] = "renewed-7e57a0-secret"
				renewed = smstest.NewBandwidth(t, smstest.BandwidthConfig{ClientSecret: "renewed-7e57a0-secret"})
				line.set(w.bandwidth.Transport())
			}
			m := w.start(alice, "before")
			w.settle()
			require.Equal(t, livedesk.Delivered, w.state(m.ID))
			line.set(renewed.(interface{ Transport() http.RoundTripper }).Transport())
			n := w.start(bob, "meanwhile")
			w.settle()
			require.Equal(t, livedesk.Queued, w.state(n.ID))
			require.Equal(t, livedesk.HealthRefused, w.health(w.engine).State)
			w.change(func(c *livedesk.Channel) {
				for k, v := range values {
					c.Values[k] = v
				}
			})
			renewed.SetWebhooks(w.url, smstest.HandlerTransport(w.engine.Webhooks()))
			w.later(time.Minute)
			require.NoError(t, renewed.Wait(w.ctx()))
			require.Equal(t, livedesk.Delivered, w.state(n.ID))
			require.Len(t, renewed.Sent(), 1)
			require.Equal(t, livedesk.HealthOK, w.health(w.engine).State)
		})
	}
}

// The host's key changes while the desk works: the old one still opens, Reseal writes everything under the new one, and
// afterwards the old one can go.
func TestReseal(t *testing.T) { // F149
	t.Parallel()
	key := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	ring := func(keys ...[]byte) option {
		return func(s *settings) { s.Sealer, _ = livedesk.NewKeyRing(keys...) }
	}
	onBoth(t, func(t *testing.T, w *world) {
		other := w.engine.Desk("other")
		_, err := other.PutChannel(w.ctx(), livedesk.Channel{Provider: "twilio", Values: twilio.Setup{Name: "x", PhoneNumber: "+15105550101",
			AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}.Values()})
		require.NoError(t, err)
		renewed, values := w.rotated(t)
		w.change(func(c *livedesk.Channel) {
			for k, v := range values {
				c.Values[k] = v
			}
		})
		both := w.open(ring(key(2), key(1)))
		n, err := both.Reseal(w.ctx())
		require.NoError(t, err)
		require.Equal(t, 2, n)
		only := w.open(ring(key(2)))
		for _, e := range []*livedesk.Engine{both, only} {
			require.Equal(t, 204, w.via(renewed, e, w.url, "new"))
			require.Equal(t, 204, w.via(w.carrier, e, w.url, "replaced, but in its window"))
			require.Equal(t, livedesk.HealthOK, w.health(e).State)
		}
		for _, o := range w.everyObject() {
			requireNoCanary(t, "store", string(o.Data))
		}
		n, err = w.engine.Reseal(w.ctx()) // this one still has the old key alone
		require.Zero(t, n)
		require.ErrorContains(t, err, "other")
		require.ErrorContains(t, err, "key")
		requireNoCanary(t, "error", err.Error())
	}, ring(key(1)))

	_, err := newWorld(t).engine.Reseal(t.Context())
	require.Equal(t, []string{"Sealer"}, fields(err))
}

// Whoever stores a channel while Reseal runs wins: nothing of theirs is undone.
func TestResealRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.Sealer, _ = livedesk.NewKeyRing(bytes.Repeat([]byte{1}, 32)) })
	w.twilioChannel(nil)
	var all sync.WaitGroup
	var errs [2]error
	for i := range 2 {
		e := w.open()
		all.Go(func() {
			for range 20 {
				_, err := e.Reseal(w.ctx())
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	for i := range 20 {
		w.change(func(c *livedesk.Channel) {
			c.Values["auth_token"], c.Version = fmt.Sprintf("7e57a0000000000000000000000%05d", i), 0
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil { // lost too often: may be run again
			require.ErrorIs(t, err, livedesk.ErrConflict)
		}
	}
	last := smstest.NewTwilio(t, smstest.TwilioConfig{AuthToken: "7e57a000000000000000000000000019"})
	require.Equal(t, 204, w.via(last, w.open(), w.url, "the last one counts"))
}

// Replaced credentials whose key is gone don't take the current ones with them.
func TestLostKeyOfReplacedCredentials(t *testing.T) {
	t.Parallel()
	key := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	w := newWorld(t, func(s *settings) { s.Sealer, _ = livedesk.NewKeyRing(key(1)) })
	w.twilioChannel(nil)
	renewed, values := w.rotated(t)
	both := w.open(func(s *settings) { s.Sealer, _ = livedesk.NewKeyRing(key(2), key(1)) })
	c, err := both.Desk("main").Channel(w.ctx(), w.ch.ID)
	require.NoError(t, err)
	c.Values["auth_token"] = values["auth_token"]
	_, err = both.Desk("main").PutChannel(w.ctx(), c)
	require.NoError(t, err)
	log := &logBuffer{}
	only := w.open(func(s *settings) {
		s.Sealer, _ = livedesk.NewKeyRing(key(2))
		s.Logger = log.logger()
	})
	require.Equal(t, 204, w.via(renewed, only, w.url, "new"))
	require.Equal(t, 403, w.via(w.twilio, only, w.url, "old"))
	require.Contains(t, log.String(), "don't count any more")
	requireNoCanary(t, "log", log.String())
}

// Who lost the host's key mends a channel by giving its credentials anew, all of them; nothing else is lost.
func TestLostHostKey(t *testing.T) {
	t.Parallel()
	key := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	onBoth(t, func(t *testing.T, w *world) {
		values := w.given
		w.text(alice, "before")
		e := w.open(func(s *settings) { s.Sealer, _ = livedesk.NewKeyRing(key(2)) })
		desk := e.Desk("main")
		require.Equal(t, livedesk.HealthCannotOpen, w.health(e).State)
		c, err := desk.Channel(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		for _, err := range []error{desk.Verify(w.ctx(), c), func() error { _, err := desk.PutChannel(w.ctx(), c); return err }()} {
			require.NotEmpty(t, fields(err))
			for _, f := range livedesk.FieldErrors(err) {
				require.Contains(t, f.Problem, "can't be opened", f.Field)
			}
		}
		c.Values = values
		_, err = desk.PutChannel(w.ctx(), c)
		require.NoError(t, err)
		require.Equal(t, livedesk.HealthOK, w.health(e).State)
		require.Equal(t, 204, w.via(w.carrier, e, w.url, "after"))
		require.Len(t, w.incoming(alice), 2)
	}, func(s *settings) { s.Sealer, _ = livedesk.NewKeyRing(key(1)) })
}
