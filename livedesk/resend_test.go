package livedesk_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// become brings a new text into a state.
func (w *world) become(state livedesk.DeliveryState, to string) livedesk.Message {
	w.t.Helper()
	report := map[livedesk.DeliveryState]channel.DeliveryStatus{
		livedesk.Sent: channel.StatusSent, livedesk.Delivered: channel.StatusDelivered, livedesk.Undelivered: channel.StatusUndelivered,
	}
	switch state {
	case livedesk.Unknown, livedesk.Unconfirmed:
		w.carrier.Fail(lostAndGone)
	case livedesk.Failed:
		w.carrier.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: 400})
	}
	m, err := w.desk.Start(w.ctx(), w.ch.ID, addr(to), livedesk.AgentActor("ada"), livedesk.Draft{
		Text: "the words", Media: []string{"https://files.example.com/1.png"},
	})
	require.NoError(w.t, err)
	if state == livedesk.Queued {
		return m
	}
	w.settle()
	if status := report[state]; status != "" {
		require.NoError(w.t, w.carrier.Report(w.ctx(), w.message(m.ID).ProviderID, smstest.Step{Status: status}))
	}
	if state == livedesk.Unconfirmed {
		w.later(time.Hour)
	}
	if state == livedesk.Canceled {
		w.t.Fatal("not here")
	}
	require.Equal(w.t, state, w.state(m.ID))
	return m
}

// Only what failed, or nobody could confirm, is sent again; anything else is refused with its state.
func TestResend(t *testing.T) { // R12
	t.Parallel()
	for state, may := range map[livedesk.DeliveryState]bool{
		livedesk.Failed: true, livedesk.Undelivered: true, livedesk.Unconfirmed: true,
		livedesk.Queued: false, livedesk.Accepted: false, livedesk.Sent: false, livedesk.Delivered: false, livedesk.Unknown: false,
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w := onTwilio(t)
			w.agent("ada", 5)
			w.agent("bo", 5)
			first := w.become(state, alice)
			require.Equal(t, may, state.Resendable())
			again, err := w.desk.Resend(w.ctx(), first.ID, livedesk.AgentActor("bo"))
			if !may {
				e, ok := errors.AsType[*livedesk.DeliveryError](err)
				require.True(t, ok, "%v", err)
				require.Equal(t, state, e.State)
				require.Contains(t, err.Error(), "can't resend a text that is "+string(state))
				require.Equal(t, "wrong_state", livedesk.ErrorCode(err))
				require.Equal(t, http.StatusConflict, livedesk.HTTPStatus(err))
				return
			}
			require.NoError(t, err)
			require.NotEqual(t, first.ID, again.ID)
			require.Equal(t, first.ID, again.ResendOf)
			require.Equal(t, livedesk.ClassHuman, again.Class)
			require.Equal(t, livedesk.AgentActor("bo"), again.By)
			require.Equal(t, first.Text, again.Text)
			require.Equal(t, first.Media, again.Media)
			before := w.sends()
			w.settle()
			require.Equal(t, before+1, w.sends())
			require.Equal(t, livedesk.Accepted, w.state(again.ID))
			require.Equal(t, state, w.state(first.ID), "the first stays as it is")
			data, err := json.Marshal(w.message(again.ID))
			require.NoError(t, err)
			require.Contains(t, string(data), `"resend_of":"`+first.ID+`"`)
		})
	}
}

// Two clicks make one text, whoever clicks; the one that was made can be sent again when it fails too.
func TestResendTwice(t *testing.T) {
	t.Parallel()
	w := onTwilio(t)
	w.agent("ada", 5)
	first := w.become(livedesk.Unconfirmed, alice)
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			m, err := w.desk.Resend(w.ctx(), first.ID, livedesk.AgentActor("ada"))
			if err == nil {
				ids[i] = m.ID
			}
		})
	}
	all.Wait()
	w.carrier.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: 400})
	w.settle()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
		require.NotEmpty(t, id)
	}
	require.Equal(t, 2, w.sends())
	late, err := w.desk.Resend(w.ctx(), first.ID, livedesk.AgentActor("ada"))
	require.NoError(t, err)
	require.Equal(t, ids[0], late.ID)
	third, err := w.desk.Resend(w.ctx(), late.ID, livedesk.AgentActor("ada"))
	require.NoError(t, err)
	require.Equal(t, late.ID, third.ResendOf)
	w.settle()
	require.Len(t, w.carrier.Sent(), 1)
}

func TestResendRefuses(t *testing.T) {
	t.Parallel()
	w := onTwilio(t)
	w.agent("ada", 5)
	first := w.become(livedesk.Failed, alice)
	_, err := w.desk.Resend(w.ctx(), "nothing", host)
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	_, err = w.engine.Desk("other").Resend(w.ctx(), first.ID, host)
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	note, err := w.desk.AddNote(w.ctx(), first.Conversation, host, "a note")
	require.NoError(t, err)
	_, err = w.desk.Resend(w.ctx(), note.ID, host)
	_, ok := errors.AsType[*livedesk.DeliveryError](err)
	require.True(t, ok)

	_, err = w.desk.Resolve(w.ctx(), first.Conversation, host)
	require.NoError(t, err)
	_, err = w.desk.Resend(w.ctx(), first.ID, host)
	_, ok = errors.AsType[*livedesk.StateError](err)
	require.True(t, ok, "as a reply")
	_, err = w.desk.Reopen(w.ctx(), first.Conversation, host)
	require.NoError(t, err)
	w.text(alice, "STOP")
	_, err = w.desk.Resend(w.ctx(), first.ID, host)
	require.ErrorIs(t, err, livedesk.ErrOptedOut)
	w.text(alice, "START")
	w.change(func(c *livedesk.Channel) { c.Disabled = true })
	_, err = w.desk.Resend(w.ctx(), first.ID, host)
	require.ErrorIs(t, err, livedesk.ErrChannelClosed)
}
