package livedesk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

func addr(s string) channel.Address { return channel.Address(s) }

const (
	alice = "+14155550101"
	bob   = "+14155550102"
)

// The whole path: a customer writes, is greeted and given to an agent, who answers; the phone gets it; it is resolved.
func TestOneTextInOneReplyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ch := w.twilioChannel(func(c *livedesk.Channel) { c.Greeting = "Hi! An agent will be with you shortly." })
	w.agents(ch.ID, 2, "ada")

	w.text(alice, "Is the 2 pm slot still free?")

	c := w.only()
	require.Equal(t, livedesk.Open, c.State)
	require.Equal(t, "ada", c.Assignee)
	require.Equal(t, 1, c.Unread)
	_, err := w.desk.Reply(w.ctx(), c.ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "Yes, shall I book it?"})
	require.NoError(t, err)
	w.settle()

	sent := w.twilio.Sent()
	require.Len(t, sent, 2)
	require.Equal(t, "Hi! An agent will be with you shortly.", sent[0].Body)
	require.Equal(t, "Yes, shall I book it?", sent[1].Body)
	for _, m := range w.texts(c.ID)[1:] {
		require.Equal(t, livedesk.Delivered, m.Delivery.State)
	}
	c, err = w.desk.Resolve(w.ctx(), c.ID, livedesk.AgentActor("ada"))
	require.NoError(t, err)
	require.Equal(t, livedesk.Resolved, c.State)
	agents, err := w.desk.Agents(w.ctx())
	require.NoError(t, err)
	require.Zero(t, agents[0].Load)
	_, err = w.desk.Resolve(w.ctx(), c.ID, livedesk.AgentActor("ada"))
	require.ErrorAs(t, err, new(*livedesk.StateError))
}

func TestBandwidthTakesTheSamePath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ch := w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hello!" })
	w.agents(ch.ID, 2, "ada")

	d, err := w.bandwidth.Deliver(w.ctx(), smstest.Text{From: alice, Body: "Hello"})
	require.NoError(t, err)
	require.True(t, d.OK())
	w.settle()

	c := w.only()
	require.Equal(t, "ada", c.Assignee)
	require.Len(t, w.bandwidth.Sent(), 1)
	require.Equal(t, livedesk.Delivered, w.texts(c.ID)[1].Delivery.State)
}
