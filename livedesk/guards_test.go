package livedesk_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
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

// A carrier that never gives a list in time is asked for less and less, and then no more.
func TestListThatNeverComes(t *testing.T) {
	t.Parallel()
	w, a := onArchive(t)
	a.fail = func(sms.ListQuery) error {
		if len(a.queries) > 20 {
			return errBroken
		}
		return fmt.Errorf("list: %w", context.DeadlineExceeded)
	}
	_, err := w.desk.Backfill(w.ctx(), w.ch.ID, w.clock().Add(-time.Hour))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, []int{1000, 250, 62, 25}, limitsOf(a.queries))
}

// More texts within one second than a list can have are told of, instead of being asked for with ever longer lists.
func TestMoreThanAListInOneSecond(t *testing.T) {
	t.Parallel()
	var asked []sms.ListQuery
	w := askList(t, func(_ context.Context, q sms.ListQuery, _ func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
		if asked = append(asked, q); len(asked) > 10 {
			return nil, nil
		}
		in := channel.Inbound{From: bob, To: smstest.TwilioNumber}
		return slices.Repeat([]sms.Listed{{Inbound: &in, Created: q.Since.Add(time.Minute)}}, q.Limit), nil
	})
	_, err := w.desk.Backfill(w.ctx(), w.ch.ID, w.clock().Add(-time.Hour))
	require.ErrorIs(t, err, livedesk.ErrCarrierUnavailable)
	require.ErrorContains(t, err, "more than 50000 texts in one second")
	limits := limitsOf(asked)
	require.Equal(t, []int{1000, 1000, 2000, 4000, 8000, 16000, 32000, 64000}, limits)
}

func limitsOf(queries []sms.ListQuery) (limits []int) {
	for _, q := range queries {
		limits = append(limits, q.Limit)
	}
	return limits
}

// Where automatic texts never expire, however late a text comes it is greeted.
func TestLateTextIsGreetedWhereNothingExpires(t *testing.T) {
	t.Parallel()
	w, a := onArchive(t, func(s *settings) { s.ExpireAutomatic = -1 })
	w.change(func(c *livedesk.Channel) { c.Greeting = "Welcome" })
	a.add(w.clock().Add(-30*time.Hour), alice, "hello?")
	w.backfill(48 * time.Hour)
	require.Equal(t, []string{"Welcome"}, w.bodies())
}

// Whoever has probed knows it at once, and not only when it reads the configuration next: until the next probe is due its
// claims ask for nothing of the channel, however often new texts wake it.
func TestProbeIsKnownAtOnce(t *testing.T) { // F48
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64 // claims that would take a text of the channel
		p := &paper{}
		w := onPaper(t, p, realTime, func(s *settings) {
			s.Refresh = 30 * time.Second
			s.Wrap = func(inner livedesk.Store) livedesk.Store {
				return &storeWrap{inner, func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
					return inner.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
						return fn(ctx, claimTx{tx, func(q livedesk.Claim) {
							for _, allowed := range q.Senders {
								open.Add(int64(allowed))
							}
						}})
					})
				}}
			}
		})
		w.ch = w.put(paperChannel(nil))
		p.answer(func(channel.Outbound) error { return refusedCredentials() })
		w.startMany(20)
		stop := running(t, w.engine)
		time.Sleep(10 * time.Second)
		before := len(p.tried())
		open.Store(0)
		for i := range 5 * 60 {
			w.start(phone(100+i), "hello")
			time.Sleep(time.Second)
		}
		require.Equal(t, before+5, len(p.tried()))
		require.EqualValues(t, 5, open.Load())
		require.NoError(t, stop())
	})
}

// Where the carrier says the same as the customer's word, the ledger has the word.
func TestLedgerHasTheWord(t *testing.T) { // F83
	t.Parallel()
	w := onTwilio(t)
	w.deliver(smstest.Text{From: alice, Body: "Stop", Fields: map[string]string{"OptOutType": "STOP"}})
	ledger, err := w.desk.ConsentHistory(w.ctx(), w.ch.ID, alice)
	require.NoError(t, err)
	require.Len(t, ledger.Changes, 1)
	require.Equal(t, livedesk.ConsentByKeyword, ledger.Changes[0].Source)
	require.NotEmpty(t, ledger.Changes[0].Keyword)

	w.deliver(smstest.Text{From: bob, Body: "leave me be", Fields: map[string]string{"OptOutType": "STOP"}})
	ledger, err = w.desk.ConsentHistory(w.ctx(), w.ch.ID, bob)
	require.NoError(t, err)
	require.Len(t, ledger.Changes, 1)
	require.Equal(t, livedesk.ConsentByType, ledger.Changes[0].Source)
	require.Empty(t, ledger.Changes[0].Keyword)
}

// One text whose recipient's list is too long was not found, which is not to say that the carrier doesn't have it.
func TestOwnListIsTooLong(t *testing.T) { // R11
	t.Parallel()
	w := askList(t, func(context.Context, sms.ListQuery, func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
		return nil, sms.ErrListTooLong
	})
	w.carrier.Fail(lostAndTaken)
	m := w.start(alice, "hello")
	w.settle()
	w.later(20 * time.Second)
	require.Equal(t, []string{"not found, and the carrier's list was not whole"}, notes(w.message(m.ID)))
}

// A second STOP is no START that is refused; a START that is refused is not confirmed.
func TestKeywordsThatChangeNothing(t *testing.T) { // F83
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.text(alice, "hello")
	w.text(alice, "STOP")
	w.text(alice, "STOP")
	require.Empty(t, w.causes(w.only().ID, "opt_in_refused"))
	require.Len(t, w.bodies(), 1, "the confirmation")
	_, err := w.desk.OptOut(w.ctx(), w.ch.ID, alice, host, "by phone")
	require.NoError(t, err)
	before := len(w.texts(w.only().ID))
	w.text(alice, "START")
	require.Len(t, w.causes(w.only().ID, "opt_in_refused"), 1)
	require.Len(t, w.texts(w.only().ID), before+1, "the START alone")
}

// STOP that comes later than its confirmation may is not confirmed.
func TestLateStopIsNotConfirmed(t *testing.T) { // F79
	t.Parallel()
	for age, texts := range map[time.Duration]int{3 * time.Minute: 2, 6 * time.Minute: 1} {
		w := onTwilio(t)
		w.lose(smstest.Text{From: alice, Body: "opt-out"}) // a word that Twilio itself knows nothing of
		w.advance(age)
		require.Equal(t, 1, w.backfill(time.Hour).New)
		require.Len(t, w.texts(w.only().ID), texts, age)
	}
}

// START takes back what was still to confirm the STOP; an opt-out by hand over one by STOP is no second opt-out in the timeline.
func TestKeywordsInARow(t *testing.T) { // F83
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.text(alice, "hello")
	w.deliver(textFrom(alice, "STOP"))
	w.text(alice, "START")
	require.Len(t, w.bodies(), 1, "the confirmation of the START")
	w.text(alice, "STOP")
	_, err := w.desk.OptOut(w.ctx(), w.ch.ID, alice, host, "by phone")
	require.NoError(t, err)
	require.Len(t, w.causes(w.only().ID, "opted_out"), 2, "one for each STOP")
}

// STOP for all channels is one workspace's: nobody else gets to know the customer by it.
func TestStopForAllChannelsCrossesNothing(t *testing.T) { // I17
	t.Parallel()
	w := newWorld(t)
	wide := func(c *livedesk.Channel) { c.OptOutScope = livedesk.ScopeWorkspace }
	w.bandwidthChannel(wide)
	theirs, _ := w.filledIn("twilio")
	wide(&theirs)
	others := w.engine.Desk("others")
	_, err := others.PutChannel(w.ctx(), theirs)
	require.NoError(t, err)
	w.text(alice, "STOP")
	w.advance(time.Hour)
	c, err := others.PutContact(w.ctx(), livedesk.Contact{Address: alice, Name: "Alice"})
	require.NoError(t, err)
	require.Equal(t, w.clock(), c.CreatedAt, "they didn't know her before")
}
