package livedesk_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
)

// A late STOP counts on all channels where that is the rule, also one from before an opt-out of which only its own channel
// knows.
func TestLateStopOfSomebodyWhoIsOut(t *testing.T) { // F83
	t.Parallel()
	w, a := onArchive(t)
	other, _ := w.filledIn("twilio")
	other.Values["phone_number"] = "+14155550199"
	second := w.put(other)
	w.text(alice, "hello")
	_, err := w.desk.OptOut(w.ctx(), w.ch.ID, alice, host, "by phone")
	require.NoError(t, err)
	w.change(func(c *livedesk.Channel) { c.OptOutScope = livedesk.ScopeWorkspace })
	a.add(w.clock().Add(-2*time.Hour), alice, "STOP")
	require.Equal(t, 1, w.backfill(4*time.Hour).New)
	ledger, err := w.desk.ConsentHistory(w.ctx(), second.ID, alice)
	require.NoError(t, err)
	require.Len(t, ledger.Changes, 1)
	require.True(t, ledger.Changes[0].OptedOut)
}

// The word START in a text of ours is no opt-in.
func TestLateStopBeforeOurOwnStart(t *testing.T) { // F83
	t.Parallel()
	w, a := onArchive(t)
	w.text(alice, "which word was it?")
	w.reply(w.only().ID, "START")
	w.settle()
	a.add(w.clock().Add(-time.Hour), alice, "STOP")
	require.Equal(t, 1, w.backfill(4*time.Hour).New)
	consent, err := w.desk.Consent(w.ctx(), w.only().ID)
	require.NoError(t, err)
	require.True(t, consent.OptedOut)
}

// What was lost before its channel was removed is given up when the number comes back, and not sent again by the new channel.
func TestRepeatOfAnEarlierLife(t *testing.T) { // R12
	t.Parallel()
	w := onTwilio(t, repeatAbsent)
	w.carrier.Fail(lostAndGone)
	m := w.start(alice, "hello")
	w.settle()
	values := w.given
	require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
	w.advance(time.Second)
	again := w.put(livedesk.Channel{Provider: "twilio", Values: values})
	require.Equal(t, w.ch.ID, again.ID)
	for range 60 {
		w.later(20 * time.Second)
	}
	require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
	require.Equal(t, 1, w.sends())
}

// A text that can't be looked for gets its verdict all the same: it waits for a look once, and not for ever.
func TestVerdictWhileTheListIsTaken(t *testing.T) { // I6
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := askList(t, func(ctx context.Context, q sms.ListQuery, ask func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
			if q.Direction == sms.DirectionInbound {
				<-release
			}
			return ask(ctx, q)
		}, realTime)
		go func() { _, _ = w.desk.Backfill(w.ctx(), w.ch.ID, time.Now().Add(-time.Hour)) }()
		synctest.Wait()
		w.carrier.Fail(lostAndGone)
		m := w.start(alice, "hello")
		stop := running(t, w.engine)
		time.Sleep(verdict + 30*time.Second)
		require.Equal(t, livedesk.Unknown, w.state(m.ID), "it waits for a look")
		time.Sleep(2 * time.Minute)
		require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
		require.Empty(t, notes(w.message(m.ID)), "nobody could look")
		close(release)
		require.NoError(t, stop())
	})
}
