package ownstore_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/examples/ownstore"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

const customer = "+14155550101"

// desk is an engine on a log, with a fake Twilio that outlives it.
type desk struct {
	*livedesk.Desk
	t       *testing.T
	path    string
	store   *ownstore.Store
	engine  *livedesk.Engine
	carrier *smstest.Twilio
}

// start opens the log and an engine on it, as a process does when it begins.
func (d *desk) start() {
	d.t.Helper()
	var err error
	d.store, err = ownstore.Open(d.path, nil)
	require.NoError(d.t, err)
	ring, err := livedesk.NewKeyRing(make([]byte, 32))
	require.NoError(d.t, err)
	d.engine, err = livedesk.New(d.store, livedesk.Config{
		PublicURL: "https://desk.example.com/sms", Sealer: ring, Logger: slog.New(slog.DiscardHandler),
		Providers: []sms.Provider{twilio.New(twilio.Config{Transport: d.carrier.Transport()})},
	})
	require.NoError(d.t, err)
	d.Desk = d.engine.Desk("main")
	list, err := d.Channels(d.t.Context())
	require.NoError(d.t, err)
	if len(list) == 0 {
		support, err := d.PutChannel(d.t.Context(), livedesk.Channel{
			Provider: twilio.Name, Greeting: "Hi! An agent will be with you shortly.", Values: twilio.Setup{
				Name: "Support", PhoneNumber: smstest.TwilioNumber,
				AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken),
			}.Values()})
		require.NoError(d.t, err)
		list = append(list, support)
	}
	url, err := d.WebhookURL(d.t.Context(), list[0].ID)
	require.NoError(d.t, err)
	d.carrier.SetWebhooks(url+"#rc=5&rp=all", smstest.HandlerTransport(d.engine.Webhooks()))
}

func (d *desk) stop() {
	d.t.Helper()
	require.NoError(d.t, d.store.Close())
}

func (d *desk) settle() {
	d.t.Helper()
	require.NoError(d.t, d.engine.Settle(d.t.Context()))
	require.NoError(d.t, d.carrier.Wait(d.t.Context()))
	require.NoError(d.t, d.engine.Settle(d.t.Context()))
}

// text lets the customer write, and works everything off.
func (d *desk) text(id, body string) {
	d.t.Helper()
	took, err := d.carrier.Deliver(d.t.Context(), smstest.Text{ID: id, From: customer, Body: body})
	require.NoError(d.t, err)
	require.True(d.t, took.OK(), "webhook answered %d", took.Status)
	d.settle()
}

// everything is the whole of a desk that has one conversation.
func (d *desk) everything() (c livedesk.Conversation, texts []livedesk.Message) {
	d.t.Helper()
	for row, err := range d.AllConversations(d.t.Context(), livedesk.List{}) {
		require.NoError(d.t, err)
		require.Empty(d.t, c.ID, "there is one conversation")
		c = row
	}
	for m, err := range d.Messages(d.t.Context(), c.ID, 0) {
		require.NoError(d.t, err)
		texts = append(texts, m)
	}
	return c, texts
}

// A customer writes, is greeted, given to an agent and answered, and the process is started anew between any two steps.
func TestDeskThroughRestarts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := &desk{t: t, path: logPath(t), carrier: smstest.NewTwilio(t, smstest.TwilioConfig{})}
	again := func() {
		t.Helper()
		c, texts := d.everything()
		agents, err := d.Agents(ctx)
		require.NoError(t, err)
		d.stop()
		d.start()
		c2, texts2 := d.everything()
		agents2, err := d.Agents(ctx)
		require.NoError(t, err)
		require.Equal(t, c, c2)
		require.Equal(t, texts, texts2)
		require.Equal(t, agents, agents2)
	}
	d.start()
	list, err := d.Channels(ctx)
	require.NoError(t, err)
	_, err = d.PutAgent(ctx, livedesk.Agent{ID: "ada", Capacity: 2})
	require.NoError(t, err)
	require.NoError(t, d.SetPresence(ctx, "ada", livedesk.Online, time.Hour))
	require.NoError(t, d.SetMembers(ctx, list[0].ID, []string{"ada"}))

	d.stop()
	d.start()
	const id = "SM00000000000000000000000000000007"
	d.text(id, "Is the 2 pm slot still free?")
	again()
	d.text(id, "Is the 2 pm slot still free?") // the carrier tries again
	c, _ := d.everything()
	require.Equal(t, "ada", c.Assignee)
	require.Equal(t, 1, c.Unread)
	_, err = d.Reply(ctx, c.ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "Yes, shall I book it?"})
	require.NoError(t, err)
	again() // with the answer still in the outbox
	d.settle()
	again()
	sent := d.carrier.Sent()
	require.Len(t, sent, 2)
	require.Equal(t, "Hi! An agent will be with you shortly.", sent[0].Body)
	require.Equal(t, "Yes, shall I book it?", sent[1].Body)
	c, texts := d.everything()
	require.Zero(t, c.Unread)
	require.Equal(t, livedesk.Delivered, texts[len(texts)-1].Delivery.State)

	d.text("", "STOP")
	_, err = d.Reply(ctx, c.ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "Are you there?"})
	require.ErrorIs(t, err, livedesk.ErrOptedOut)
	again()
	_, err = d.Reply(ctx, c.ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "Are you there?"})
	require.ErrorIs(t, err, livedesk.ErrOptedOut, "a restart doesn't forget a STOP")
	_, err = d.Resolve(ctx, c.ID, livedesk.AgentActor("ada"))
	require.NoError(t, err)
	again()
	agents, err := d.Agents(ctx)
	require.NoError(t, err)
	require.Zero(t, agents[0].Load)
	d.stop()
	require.ErrorIs(t, d.store.View(context.Background(), nil), livedesk.ErrClosed)
}
