package livedesk_test

import (
	"context"
	"fmt"
	"testing"
	"time"

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
	require.Equal(t, "Is the 2 pm slot still free?", c.Preview, "not the greeting")
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

// A verdict that comes before the carrier's answer keeps its reason.
func TestEarlyFailureKeepsItsReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilio = smstest.NewTwilio(t, smstest.TwilioConfig{Receipts: func(smstest.Sent) []smstest.Step {
		return []smstest.Step{{Status: channel.StatusUndelivered, Code: "30005", BeforeAnswer: true}}
	}})
	w.engine = w.open()
	w.desk = w.engine.Desk("main")
	ch := w.twilioChannel(nil)
	m, err := w.desk.Start(w.ctx(), ch.ID, alice, livedesk.Actor{Kind: livedesk.ActorHost}, livedesk.Draft{Text: "Hello"})
	require.NoError(t, err)
	w.settle()
	m, err = w.desk.Message(w.ctx(), m.ID)
	require.NoError(t, err)
	require.Equal(t, livedesk.Undelivered, m.Delivery.State)
	require.Equal(t, "30005", m.Delivery.Code)
	require.Equal(t, channel.ReasonRecipient, m.Delivery.Reason)
}

// A hook that answers leaves a text behind; Settle delivers it, too.
func TestSettleDeliversWhatHooksWrite(t *testing.T) {
	t.Parallel()
	var desk *livedesk.Desk
	w := newWorld(t, func(s *settings) {
		s.Hooks.Message = func(ctx context.Context, m livedesk.Message) {
			if m.Kind == livedesk.Incoming {
				_, err := desk.Reply(ctx, m.Conversation, livedesk.Actor{Kind: livedesk.ActorHost}, livedesk.Draft{Text: "Got it."})
				require.NoError(t, err)
			}
		}
	})
	desk = w.desk
	w.twilioChannel(nil)
	for i := range 50 {
		_, err := w.twilio.Deliver(w.ctx(), smstest.Text{From: addr(fmt.Sprintf("+1415555%04d", i)), Body: "Hello"})
		require.NoError(t, err)
		w.advance(time.Minute)
		require.NoError(t, w.engine.Settle(w.ctx()))
		require.Len(t, w.twilio.Sent(), i+1)
	}
}
