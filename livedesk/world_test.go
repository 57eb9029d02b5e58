package livedesk_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

const publicURL = "https://desk.example.com/sms"

// world is a desk on a memory store with both fake carriers in process, and a clock that tests move.
type world struct {
	t         *testing.T
	store     livedesk.Store
	engine    *livedesk.Engine
	desk      *livedesk.Desk
	twilio    *smstest.Twilio
	bandwidth *smstest.Bandwidth

	mu  sync.Mutex
	now time.Time
}

type option func(*livedesk.Config)

func newWorld(t *testing.T, opts ...option) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	w.store = memstore.NewAt(w.clock)
	w.twilio = smstest.NewTwilio(t, smstest.TwilioConfig{})
	w.bandwidth = smstest.NewBandwidth(t, smstest.BandwidthConfig{})
	w.engine = w.open(opts...)
	w.desk = w.engine.Desk("main")
	return w
}

// open returns another engine on the same store, as another process would have it.
func (w *world) open(opts ...option) *livedesk.Engine {
	w.t.Helper()
	cfg := livedesk.Config{
		PublicURL: publicURL,
		Providers: []sms.Provider{
			twilio.New(twilio.Config{Transport: w.twilio.Transport()}),
			bandwidth.New(bandwidth.Config{Transport: w.bandwidth.Transport()}),
		},
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, o := range opts {
		o(&cfg)
	}
	e, err := livedesk.New(w.store, cfg)
	require.NoError(w.t, err)
	return e
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) ctx() context.Context { return w.t.Context() }

// twilioChannel adds a channel on the fake Twilio and connects its webhooks.
func (w *world) twilioChannel(change func(*livedesk.Channel)) livedesk.Channel {
	w.t.Helper()
	c := livedesk.Channel{Provider: "twilio", Values: twilio.Setup{
		Name: "Support", PhoneNumber: smstest.TwilioNumber,
		AccountSID: smstest.TwilioAccountSID, AuthToken: smstest.TwilioAuthToken,
	}.Values()}
	if change != nil {
		change(&c)
	}
	c = w.put(c)
	url, err := w.desk.WebhookURL(w.ctx(), c.ID)
	require.NoError(w.t, err)
	w.twilio.SetWebhooks(url+"#rc=5&rp=all", smstest.HandlerTransport(w.engine.Webhooks()))
	return c
}

// bandwidthChannel adds a channel on the fake Bandwidth and connects its webhooks.
func (w *world) bandwidthChannel(change func(*livedesk.Channel)) livedesk.Channel {
	w.t.Helper()
	c := livedesk.Channel{Provider: "bandwidth", Values: bandwidth.Setup{
		Name: "Sales", PhoneNumber: string(smstest.BandwidthNumber),
		AccountID: smstest.BandwidthAccountID, ApplicationID: smstest.BandwidthApplicationID,
		APIKey: smstest.BandwidthClientID, APISecret: smstest.BandwidthClientSecret,
		WebhookUser: smstest.BandwidthWebhookUser, WebhookPassword: smstest.BandwidthWebhookPassword,
	}.Values()}
	if change != nil {
		change(&c)
	}
	c = w.put(c)
	url, err := w.desk.WebhookURL(w.ctx(), c.ID)
	require.NoError(w.t, err)
	w.bandwidth.SetWebhooks(url, smstest.HandlerTransport(w.engine.Webhooks()))
	return c
}

func (w *world) put(c livedesk.Channel) livedesk.Channel {
	w.t.Helper()
	out, err := w.desk.PutChannel(w.ctx(), c)
	require.NoError(w.t, err)
	return out
}

// agents adds agents on line with that capacity as the human agents of a channel.
func (w *world) agents(channelID string, capacity int, ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		_, err := w.desk.PutAgent(w.ctx(), livedesk.Agent{ID: id, Capacity: capacity})
		require.NoError(w.t, err)
		require.NoError(w.t, w.desk.SetPresence(w.ctx(), id, livedesk.Online, 0))
	}
	require.NoError(w.t, w.desk.SetMembers(w.ctx(), channelID, ids))
}

// text lets a customer write over the fake Twilio, and works everything off.
func (w *world) text(from, body string) smstest.Delivery {
	w.t.Helper()
	d, err := w.twilio.Deliver(w.ctx(), smstest.Text{From: addr(from), Body: body})
	require.NoError(w.t, err)
	require.True(w.t, d.OK(), "webhook answered %d", d.Status)
	w.settle()
	return d
}

func (w *world) settle() {
	w.t.Helper()
	require.NoError(w.t, w.engine.Settle(w.ctx()))
	require.NoError(w.t, w.twilio.Wait(w.ctx()))
	require.NoError(w.t, w.bandwidth.Wait(w.ctx()))
	require.NoError(w.t, w.engine.Settle(w.ctx()))
}

// all returns the whole list of conversations.
func (w *world) all(l livedesk.List) []livedesk.Conversation {
	w.t.Helper()
	var out []livedesk.Conversation
	for c, err := range w.desk.AllConversations(w.ctx(), l) {
		require.NoError(w.t, err)
		out = append(out, c)
	}
	return out
}

// only returns the one conversation that there is.
func (w *world) only() livedesk.Conversation {
	w.t.Helper()
	list := w.all(livedesk.List{})
	require.Len(w.t, list, 1)
	return list[0]
}

// texts returns the timeline without activities.
func (w *world) texts(conversation string) []livedesk.Message {
	w.t.Helper()
	var out []livedesk.Message
	for m, err := range w.desk.Messages(w.ctx(), conversation, 0) {
		require.NoError(w.t, err)
		if m.Kind != livedesk.ActivityKind {
			out = append(out, m)
		}
	}
	return out
}
