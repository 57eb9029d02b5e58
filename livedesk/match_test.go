package livedesk_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// Which other texts of ours a text in the carrier's list could be, and which it can't.

type asking = func(context.Context, sms.ListQuery) ([]sms.Listed, error)

// loseReply lets an answer be lost.
func (w *world) loseReply(conversation, body string, f smstest.Fault) livedesk.Message {
	w.t.Helper()
	w.carrier.Fail(f)
	m := w.reply(conversation, body)
	w.settle()
	require.Equal(w.t, livedesk.Unknown, w.state(m.ID))
	return m
}

// loseStart lets a text be lost that begins a conversation, after those before it are resolved.
func (w *world) loseStart(to, body string, f smstest.Fault) livedesk.Message {
	w.t.Helper()
	for _, c := range w.of(to) {
		if c.State.Live() {
			_, err := w.desk.Resolve(w.ctx(), c.ID, host)
			require.NoError(w.t, err)
		}
	}
	w.carrier.Fail(f)
	m := w.start(to, body)
	w.settle()
	require.Equal(w.t, livedesk.Unknown, w.state(m.ID))
	return m
}

// What was given up may be what the carrier has all the same: a later text of the same words isn't taken for it.
func TestRivalThatWasGivenUp(t *testing.T) { // R11
	t.Parallel()
	w := onTwilio(t, func(s *settings) { s.VerdictAfter = time.Minute })
	a := w.loseStart(alice, "same words", lostAndGone)
	w.later(time.Minute)
	require.Equal(t, livedesk.Unconfirmed, w.state(a.ID))
	b := w.loseReply(a.Conversation, "same words", lostAndTaken)
	w.later(20 * time.Second)
	require.Equal(t, livedesk.Unknown, w.state(b.ID))
	require.Equal(t, []string{"several that could be it at the carrier"}, notes(w.message(b.ID)))
}

// What is to be sent once more may have left the first time, also after it was taken back before the second.
func TestRivalThatIsRepeated(t *testing.T) { // R11, R12
	t.Parallel()
	for name, c := range map[string]struct {
		after func(w *world, m livedesk.Message) error
		state livedesk.DeliveryState
	}{
		"waiting": {func(*world, livedesk.Message) error { return nil }, livedesk.Queued},
		"taken back": {func(w *world, _ livedesk.Message) error {
			_, err := w.desk.CancelQueued(w.ctx(), livedesk.QueuedQuery{Channel: w.ch.ID}, host)
			return err
		}, livedesk.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			late := true // the carrier's list is
			w := askList(t, func(ctx context.Context, q sms.ListQuery, ask asking) ([]sms.Listed, error) {
				if late {
					return nil, nil
				}
				return ask(ctx, q)
			}, repeatAbsent)
			a := w.loseStart(alice, "same words", lostAndGone)
			w.later(4 * time.Minute)
			b := w.loseStart(alice, "same words", lostAndTaken)
			require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, ""))
			for range 11 {
				w.later(time.Minute)
			}
			require.Equal(t, livedesk.Queued, w.state(a.ID))
			require.NoError(t, c.after(w, a))
			late = false
			for range 60 {
				w.later(20 * time.Second)
			}
			require.Equal(t, c.state, w.state(a.ID))
			require.Equal(t, livedesk.Unconfirmed, w.state(b.ID))
			seen := notes(w.message(b.ID))
			require.Equal(t, "several that could be it at the carrier", seen[len(seen)-1])
		})
	}
}

// A text whose id a receipt told, though nothing else, is no rival of one with the same words.
func TestNoRivalWhoseIDIsKnown(t *testing.T) { // R11
	t.Parallel()
	var sent string
	w := askList(t, func(ctx context.Context, q sms.ListQuery, ask asking) ([]sms.Listed, error) {
		out, err := ask(ctx, q)
		return slices.DeleteFunc(out, func(l sms.Listed) bool { return l.Receipt.ID == sent }), err
	})
	a := w.loseStart(alice, "same words", lostAndTaken)
	sent = w.carrier.Sent()[0].ID
	require.NoError(t, w.carrier.Report(w.ctx(), sent, smstest.Step{Word: "partially_delivered"}))
	require.Equal(t, sent, w.message(a.ID).ProviderID)
	require.Equal(t, livedesk.Unknown, w.state(a.ID))
	b := w.loseStart(alice, "same words", lostAndTaken)
	w.later(20 * time.Second)
	require.Equal(t, livedesk.Accepted, w.state(b.ID), notes(w.message(b.ID)))
	require.Equal(t, w.carrier.Sent()[1].ID, w.message(b.ID).ProviderID)
}

// A text whose id is known is no other one, however alike.
func TestTwinOfAKnownID(t *testing.T) { // R11
	t.Parallel()
	w := askList(t, func(ctx context.Context, q sms.ListQuery, ask asking) ([]sms.Listed, error) {
		out, err := ask(ctx, q)
		for i := range out {
			out[i].Receipt = &channel.Receipt{ID: "SM000000000000000000000000000000ff", Status: channel.StatusSent}
		}
		return out, err
	})
	m := w.loseStart(alice, "hello", lostAndTaken)
	require.NoError(t, w.carrier.Report(w.ctx(), w.carrier.Sent()[0].ID, smstest.Step{Word: "partially_delivered"}))
	w.later(20 * time.Second)
	require.Equal(t, livedesk.Unknown, w.state(m.ID))
	require.Equal(t, w.carrier.Sent()[0].ID, w.message(m.ID).ProviderID)
	require.Equal(t, []string{"not found, but unknown texts to the same number are at the carrier"}, notes(w.message(m.ID)))
}

// A receipt that decides nothing, while the list is read, gives the id to the text that is looked for, and not to another.
func TestOwnIDWhileLooking(t *testing.T) { // F58
	t.Parallel()
	var w *world
	w = askList(t, func(ctx context.Context, q sms.ListQuery, ask asking) ([]sms.Listed, error) {
		out, err := ask(ctx, q)
		if err == nil && len(out) > 0 {
			err = w.carrier.Report(ctx, out[0].Receipt.ID, smstest.Step{Word: "partially_delivered"})
		}
		return out, err
	})
	m := w.loseStart(alice, "hello", lostAndTaken)
	w.later(20 * time.Second)
	require.Equal(t, livedesk.Accepted, w.state(m.ID), notes(w.message(m.ID)))
}

// Ids are the carrier's own: another sender's text with the same one, at another carrier or of another pool, has nothing to do
// with it.
func TestSameIDOfAnotherSender(t *testing.T) { // R11
	t.Parallel()
	t.Run("number", func(t *testing.T) {
		t.Parallel()
		testSameID(t, func(w *world) { w.bandwidthChannel(nil) }, func(w *world) { w.twilioChannel(nil) })
	})
	t.Run("pool", func(t *testing.T) {
		t.Parallel()
		pool := func(service string) func(*world) {
			return func(w *world) {
				w.twilioChannel(func(c *livedesk.Channel) {
					c.Values = twilio.Setup{Name: service, MessagingServiceSID: service,
						AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}.Values()
				})
			}
		}
		testSameID(t, pool("MG00000000000000000000000000000002"), pool(smstest.TwilioServiceSID))
	})
}

func testSameID(t *testing.T, other, channelOf func(w *world)) {
	var known atomic.Value // the id that the other sender's text has
	of := settings{Twilio: smstest.TwilioConfig{Services: map[string][]channel.Address{
		smstest.TwilioServiceSID: {smstest.TwilioNumber}, "MG00000000000000000000000000000002": {"+15105550101"},
	}}}
	quietCarriers(&of)
	texts, sales := smstest.NewTwilio(t, of.Twilio), smstest.NewBandwidth(t, of.Bandwidth)
	w := newWorld(t, func(s *settings) {
		s.Providers = []sms.Provider{
			listing{twilio.New(twilio.Config{Transport: texts.Transport()}), func(ctx context.Context, q sms.ListQuery, ask asking) ([]sms.Listed, error) {
				out, err := ask(ctx, q)
				for i := range out {
					out[i].Receipt.ID = known.Load().(string)
				}
				return out, err
			}},
			bandwidth.New(bandwidth.Config{Transport: sales.Transport()}),
		}
	})
	w.twilio, w.bandwidth = texts, sales
	other(w)
	a := w.start(alice, "other words")
	w.settle()
	known.Store(w.message(a.ID).ProviderID)
	channelOf(w)
	b := w.loseStart(bob, "hello", lostAndTaken)
	w.later(20 * time.Second)
	require.Equal(t, livedesk.Accepted, w.state(b.ID), notes(w.message(b.ID)))
	require.Equal(t, known.Load(), w.message(b.ID).ProviderID)
}

// Another text may get the id that was found, by a receipt that is faster: then that one has it.
func TestIDIsTakenMeanwhile(t *testing.T) { // R11
	t.Parallel()
	looked := &lookedAt{}
	w := onTwilio(t, looked.wrap)
	w.carrier.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: 400, Accept: true}) // refused, says the answer
	a := w.start(alice, "same words")
	w.settle()
	require.Equal(t, livedesk.Failed, w.state(a.ID))
	b := w.loseReply(a.Conversation, "same words", lostAndGone)
	sent := w.carrier.Sent()
	require.Len(t, sent, 1)
	w.carrier.SetWebhooks(w.url, smstest.HandlerTransport(w.open().Webhooks()))
	looked.then = func() error {
		return w.carrier.Report(w.ctx(), sent[0].ID, smstest.Step{Status: channel.StatusDelivered})
	}
	w.later(20 * time.Second)
	require.Equal(t, sent[0].ID, w.message(a.ID).ProviderID)
	require.Equal(t, livedesk.Unknown, w.state(b.ID))
	require.Empty(t, w.message(b.ID).ProviderID)
	require.Equal(t, []string{"several that could be it at the carrier"}, notes(w.message(b.ID)))
}

// lookedAt is a store that counts the timelines that were read, and does something once after some were in a View, which is
// how rivals are looked for.
type lookedAt struct {
	livedesk.Store
	timelines atomic.Int64
	then      func() error
}

func (l *lookedAt) wrap(s *settings) {
	s.Wrap = func(inner livedesk.Store) livedesk.Store {
		l.Store = inner
		return l
	}
}

func (l *lookedAt) Durable() bool { return false }

func (l *lookedAt) View(ctx context.Context, fn func(context.Context, livedesk.ReadTx) error) error {
	before := l.timelines.Load()
	err := l.Store.View(ctx, func(ctx context.Context, tx livedesk.ReadTx) error { return fn(ctx, lookedAtTx{tx, l}) })
	if do := l.then; err == nil && do != nil && l.timelines.Load() > before {
		l.then = nil
		return do()
	}
	return err
}

type lookedAtTx struct {
	livedesk.ReadTx
	of *lookedAt
}

func (t lookedAtTx) Timeline(ctx context.Context, q livedesk.TimelineQuery) ([]livedesk.Message, error) {
	t.of.timelines.Add(1)
	return t.ReadTx.Timeline(ctx, q)
}
