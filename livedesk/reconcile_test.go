package livedesk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// listing is the real Twilio adapter with a test between the engine and its lists.
type listing struct {
	sms.Provider
	list func(ctx context.Context, q sms.ListQuery, ask func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error)
}

type listingAccount struct {
	sms.Account
	of listing
}

func (l listing) Open(s sms.Settings) (sms.Account, error) {
	a, err := l.Provider.Open(s)
	return listingAccount{a, l}, err
}

func (a listingAccount) Traits() sms.Traits { return a.Account.(sms.Describer).Traits() }

func (a listingAccount) List(ctx context.Context, q sms.ListQuery) ([]sms.Listed, error) {
	return a.of.list(ctx, q, a.Account.(sms.Lister).List)
}

// askList is a world on Twilio whose lists go through fn.
func askList(t *testing.T, fn func(context.Context, sms.ListQuery, func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error),
	opts ...option) *world {
	t.Helper()
	carrier := smstest.NewTwilio(t, smstest.TwilioConfig{Receipts: func(smstest.Sent) []smstest.Step { return nil }})
	w := newWorld(t, append(opts, quietCarriers, func(s *settings) {
		s.Providers = []sms.Provider{listing{twilio.New(twilio.Config{Transport: carrier.Transport()}), fn}}
	})...)
	w.twilio = carrier
	w.twilioChannel(nil)
	return w
}

// onTwilio is a world with a channel on a Twilio that posts no receipts by itself.
func onTwilio(t *testing.T, opts ...option) *world {
	t.Helper()
	w := newWorld(t, append(opts, quietCarriers)...)
	w.twilioChannel(nil)
	return w
}

// lists counts the requests for a list of messages.
func (w *world) lists() (n int) {
	for _, r := range w.carrier.Requests() {
		if r.Kind == smstest.KindOther && strings.Contains(r.URL, "/Messages.json") {
			n++
		}
	}
	return n
}

func isList(r smstest.Request) bool {
	return r.Kind == smstest.KindOther && strings.Contains(r.URL, "/Messages.json")
}

var (
	lostAndTaken = smstest.Fault{Kind: smstest.FaultReset, Accept: true}
	lostAndGone  = smstest.Fault{Kind: smstest.FaultReset}
)

// notes returns what the history says of looking for a text.
func notes(m livedesk.Message) (out []string) {
	for _, n := range m.Delivery.History {
		if n.Source == "search" {
			out = append(out, n.Detail)
		}
	}
	return out
}

// What nobody knows is looked up at the carrier: it is there, or it ends unconfirmed, and never leaves twice.
func TestReconciliation(t *testing.T) { // F50, F51, F52, F53, R11, I5, I6
	t.Parallel()
	for _, f := range faults() {
		if !lost(f) {
			continue
		}
		t.Run(fmt.Sprintf("%s %d accept=%v", f.Kind, f.Status, f.Accept), func(t *testing.T) {
			t.Parallel()
			w := onTwilio(t, func(s *settings) { s.SendTimeout = 500 * time.Millisecond })
			w.carrier.Fail(f)
			m := w.start(alice, "hello")
			w.settle()
			if w.state(m.ID) == livedesk.Failed {
				require.Equal(t, smstest.FaultRedirect, f.Kind)
				return
			}
			require.Equal(t, livedesk.Unknown, w.state(m.ID))
			require.Zero(t, w.lists(), "receipts get their time")
			w.later(20 * time.Second)
			if f.Accept {
				got := w.message(m.ID)
				require.Equal(t, livedesk.Accepted, got.Delivery.State)
				require.Equal(t, w.carrier.Sent()[0].ID, got.ProviderID)
				require.Empty(t, got.Delivery.Reason)
				require.Zero(t, got.Delivery.Due)
				require.Equal(t, []string{"found at the carrier"}, notes(got))
			} else {
				w.later(verdict - 21*time.Second)
				require.Equal(t, livedesk.Unknown, w.state(m.ID))
				w.later(time.Second)
				require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
				require.Equal(t, channel.ReasonUnknown, w.message(m.ID).Delivery.Reason)
			}
			w.later(time.Hour)
			require.Equal(t, 1, w.sends())
			require.LessOrEqual(t, len(w.carrier.Sent()), 1)
		})
	}
}

// It is looked for soon, then with growing gaps, and no more after the verdict.
func TestReconciliationSchedule(t *testing.T) {
	t.Parallel()
	w := onTwilio(t)
	w.carrier.Fail(lostAndGone)
	m := w.start(alice, "hello")
	w.settle()
	began := w.clock()
	var at []time.Duration
	for seen := 0; w.clock().Sub(began) < time.Hour; {
		w.later(10 * time.Second)
		if n := w.lists(); n > seen {
			seen = n
			at = append(at, w.clock().Sub(began))
		}
	}
	require.Equal(t, []time.Duration{20 * time.Second, time.Minute, 3 * time.Minute, 9 * time.Minute, 810 * time.Second}, at)
	got := w.message(m.ID)
	require.Equal(t, livedesk.Unconfirmed, got.Delivery.State)
	require.Equal(t, slices.Repeat([]string{"not at the carrier"}, 5), notes(got))
}

// The carrier's state counts as a receipt's would, also when it says no.
func TestReconciliationMergesTheState(t *testing.T) { // R13
	t.Parallel()
	for status, want := range map[channel.DeliveryStatus]livedesk.DeliveryState{
		channel.StatusSent: livedesk.Sent, channel.StatusDelivered: livedesk.Delivered, channel.StatusFailed: livedesk.Failed,
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			w := onTwilio(t)
			w.carrier.Fail(lostAndTaken)
			m := w.start(alice, "hello")
			w.settle()
			w.carrier.SetWebhooks(w.url, smstest.HandlerTransport(refusing))
			require.NoError(t, w.carrier.Report(w.ctx(), w.carrier.Sent()[0].ID, smstest.Step{Status: status}))
			w.later(20 * time.Second)
			require.Equal(t, want, w.state(m.ID))
			require.Equal(t, w.carrier.Sent()[0].ID, w.message(m.ID).ProviderID)
		})
	}
}

// Two lost texts with the same words to one customer, of which the carrier has one or both: nobody can tell which.
func TestAmbiguousMatchIsNone(t *testing.T) { // R11, I7
	t.Parallel()
	for _, both := range []bool{true, false} {
		t.Run(fmt.Sprint("both taken: ", both), func(t *testing.T) {
			t.Parallel()
			w := onTwilio(t, repeatAbsent)
			second := lostAndGone
			if both {
				second = lostAndTaken
			}
			w.carrier.Fail(lostAndTaken, second)
			a := w.start(alice, "same words")
			w.settle()
			_, err := w.desk.Resolve(w.ctx(), w.only().ID, host)
			require.NoError(t, err)
			b := w.start(alice, "same words")
			w.settle()
			require.Equal(t, livedesk.Unknown, w.state(a.ID))
			require.Equal(t, livedesk.Unknown, w.state(b.ID))
			for range 100 {
				w.later(20 * time.Second)
			}
			for _, m := range []livedesk.Message{w.message(a.ID), w.message(b.ID)} {
				require.Equal(t, livedesk.Unconfirmed, m.Delivery.State)
				require.Empty(t, m.ProviderID)
				require.Contains(t, notes(m), "several that could be it at the carrier")
			}
			require.Equal(t, 2, w.sends(), "and none is repeated")
		})
	}
}

// A text that another of ours is known to be is no candidate.
func TestMatchIsExclusive(t *testing.T) { // R11
	t.Parallel()
	for _, f := range []smstest.Fault{lostAndGone, lostAndTaken} {
		t.Run(fmt.Sprint("taken: ", f.Accept), func(t *testing.T) {
			t.Parallel()
			w := onTwilio(t)
			a := w.start(alice, "same words")
			w.settle()
			w.carrier.Fail(f)
			b := w.reply(a.Conversation, "same words")
			w.settle()
			w.later(20 * time.Second)
			if !f.Accept {
				require.Equal(t, livedesk.Unknown, w.state(b.ID))
				require.Equal(t, []string{"not at the carrier"}, notes(w.message(b.ID)))
				return
			}
			require.Equal(t, livedesk.Accepted, w.state(b.ID))
			require.NotEqual(t, w.message(a.ID).ProviderID, w.message(b.ID).ProviderID)
		})
	}
}

// Texts of another sender, to somebody else, with other words, of another time, or that came in, are none of it.
func TestWhatIsNoMatch(t *testing.T) { // R11
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*sms.Listed)
		note   string
	}{
		"other sender": {func(l *sms.Listed) { l.From = "+15105550101" }, "not at the carrier"},
		"other person": {func(l *sms.Listed) { l.To = addr(bob) }, "not at the carrier"},
		"inbound":      {func(l *sms.Listed) { l.Receipt, l.Inbound = nil, &channel.Inbound{ID: "SM1"} }, "not at the carrier"},
		"long before":  {func(l *sms.Listed) { l.Created = l.Created.Add(-2 * time.Hour) }, "not at the carrier"},
		"other words":  {func(l *sms.Listed) { l.Text = "something else" }, "not found, but unknown texts to the same number are at the carrier"},
		"redacted":     {func(l *sms.Listed) { l.Text = "" }, "not found, but unknown texts to the same number are at the carrier"},
		"before":       {func(l *sms.Listed) { l.Created = l.Created.Add(-6 * time.Minute) }, "not found, but unknown texts to the same number are at the carrier"},
		"after":        {func(l *sms.Listed) { l.Created = l.Created.Add(6 * time.Minute) }, "not found, but unknown texts to the same number are at the carrier"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := askList(t, func(ctx context.Context, q sms.ListQuery, ask func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
				out, err := ask(ctx, q)
				for i := range out {
					c.change(&out[i])
				}
				return out, err
			}, repeatAbsent)
			w.carrier.Fail(lostAndTaken)
			m := w.start(alice, "hello")
			w.settle()
			w.later(20 * time.Second)
			require.Equal(t, livedesk.Unknown, w.state(m.ID))
			require.Equal(t, []string{c.note}, notes(w.message(m.ID)))
			for range 60 {
				w.later(20 * time.Second)
			}
			if c.note != "not at the carrier" {
				require.Equal(t, livedesk.Unconfirmed, w.state(m.ID), "what may be it keeps it from being repeated")
				require.Equal(t, 1, w.sends())
			}
		})
	}
}

// The words count as the carrier is known to change them, and clocks may differ by minutes.
func TestWhatIsAMatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent   string
		change func(*sms.Listed)
	}{
		"smart encoding":   {"it’s “ready” – now…", func(l *sms.Listed) { l.Text = `it's "ready" - now...` }},
		"trial account":    {"hello", func(l *sms.Listed) { l.Text = "Sent from your Twilio trial account - " + l.Text }},
		"blanks":           {" hello\n", func(l *sms.Listed) { l.Text = "hello" }},
		"carrier's clock":  {"hello", func(l *sms.Listed) { l.Created = l.Created.Add(-4 * time.Minute) }},
		"unknown to us":    {"hello", func(l *sms.Listed) { l.Receipt.Status, l.Receipt.Word = "", "partially_delivered" }},
		"default service":  {"hello", func(l *sms.Listed) { l.Pool = "MG0000000000000000000000000000dead" }},
		"characters of it": {"日本語 😀", func(*sms.Listed) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := askList(t, func(ctx context.Context, q sms.ListQuery, ask func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
				out, err := ask(ctx, q)
				for i := range out {
					c.change(&out[i])
				}
				return out, err
			})
			w.carrier.Fail(lostAndTaken)
			m := w.start(alice, c.sent)
			w.settle()
			w.later(20 * time.Second)
			require.Equal(t, livedesk.Accepted, w.state(m.ID), notes(w.message(m.ID)))
		})
	}
}

// A pool's texts are found by the pool, also before the carrier picked a number.
func TestReconciliationOfAPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quietCarriers)
	w.twilioChannel(func(c *livedesk.Channel) {
		c.Values = twilio.Setup{Name: "Pool", MessagingServiceSID: smstest.TwilioServiceSID,
			AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}.Values()
	})
	w.carrier.Fail(lostAndTaken)
	m := w.start(alice, "hello")
	w.settle()
	w.later(20 * time.Second)
	require.Equal(t, livedesk.Accepted, w.state(m.ID))
}

// A picture without words has nothing to be known by but its time: it is found where it is alone there, and only then.
func TestReconciliationOfAPicture(t *testing.T) { // R11
	t.Parallel()
	for _, alone := range []bool{true, false} {
		t.Run(fmt.Sprint("alone: ", alone), func(t *testing.T) {
			t.Parallel()
			w := askList(t, func(ctx context.Context, q sms.ListQuery, ask func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
				out, err := ask(ctx, q)
				if len(out) > 0 && !alone { // something that nobody here sent, with words
					other := out[0]
					other.Text, other.Receipt = "from another desk", &channel.Receipt{ID: "SM000000000000000000000000000000ff", Status: channel.StatusSent}
					out = append(out, other)
				}
				return out, err
			})
			w.carrier.Fail(lostAndTaken)
			m, err := w.desk.Start(w.ctx(), w.ch.ID, alice, host, livedesk.Draft{Media: []string{"https://files.example.com/1.png"}})
			require.NoError(t, err)
			w.settle()
			w.later(20 * time.Second)
			if alone {
				require.Equal(t, livedesk.Accepted, w.state(m.ID))
				return
			}
			require.Equal(t, livedesk.Unknown, w.state(m.ID))
			require.Equal(t, []string{"several that could be it at the carrier"}, notes(w.message(m.ID)))
		})
	}
}

// A receipt that decides nothing tells the carrier's id all the same: then the list is asked for that, whatever else is in it.
func TestReconciliationByTheCarriersID(t *testing.T) { // R10, R11
	t.Parallel()
	w := askList(t, func(ctx context.Context, q sms.ListQuery, ask func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
		out, err := ask(ctx, q)
		if len(out) > 0 {
			twin := out[0]
			twin.Receipt = &channel.Receipt{ID: "SM000000000000000000000000000000ff", Status: channel.StatusSent}
			out[0].Text = "" // redacted
			out = append([]sms.Listed{twin}, out...)
		}
		return out, err
	})
	w.carrier.Fail(lostAndTaken)
	m := w.start(alice, "hello")
	w.settle()
	sent := w.carrier.Sent()[0]
	require.NoError(t, w.carrier.Report(w.ctx(), sent.ID, smstest.Step{Word: "partially_delivered"}))
	require.Equal(t, livedesk.Unknown, w.state(m.ID))
	require.Equal(t, sent.ID, w.message(m.ID).ProviderID)
	w.later(20 * time.Second)
	require.Equal(t, livedesk.Accepted, w.state(m.ID))
	require.Equal(t, sent.ID, w.message(m.ID).ProviderID)
}

// Many that were lost together share lists.
func TestManyLostShareAList(t *testing.T) {
	t.Parallel()
	w := onTwilio(t)
	w.change(func(c *livedesk.Channel) { c.Rate = -1 })
	const n = 100
	var sent []livedesk.Message
	for i := range n {
		w.carrier.Fail(lostAndTaken)
		sent = append(sent, w.start(fmt.Sprintf("+1415555%04d", i), "hello"))
	}
	w.settle()
	for range 6 {
		w.later(10 * time.Second)
	}
	for _, m := range sent {
		require.Equal(t, livedesk.Accepted, w.state(m.ID))
	}
	require.LessOrEqual(t, w.lists(), 5)
	require.Equal(t, n, w.sends())
}

// A carrier that gives no list loses nothing: the texts wait on, and end by time.
func TestNoList(t *testing.T) { // I6
	t.Parallel()
	for name, f := range map[string]smstest.Fault{
		"credentials": {Kind: smstest.FaultStatus, Status: 401},
		"broken":      {Kind: smstest.FaultStatus, Status: 500},
		"cut off":     {Kind: smstest.FaultReset},
		"garbage":     {Kind: smstest.FaultGarbage},
		"rate limit":  {Kind: smstest.FaultStatus, Status: 429, RetryAfter: 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onTwilio(t, repeatAbsent)
			w.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
				if isList(r) {
					return f
				}
				return smstest.Fault{}
			})
			w.carrier.Fail(lostAndTaken)
			m := w.start(alice, "hello")
			w.settle()
			w.later(20 * time.Second)
			before := w.lists()
			require.NotZero(t, before)
			if f.RetryAfter > 0 {
				w.later(f.RetryAfter - 2*time.Second)
				require.Equal(t, before, w.lists(), "not before the carrier's time")
			}
			for range 60 {
				w.later(20 * time.Second)
			}
			got := w.message(m.ID)
			require.Equal(t, livedesk.Unconfirmed, got.Delivery.State)
			require.Contains(t, notes(got), "carrier could not be asked")
			require.Equal(t, 1, w.sends())
			h, err := w.desk.Health(w.ctx(), w.ch.ID)
			require.NoError(t, err)
			require.Equal(t, livedesk.HealthOK, h.State, "sends say how a channel is, not lists")
		})
	}
	t.Run("too long", func(t *testing.T) {
		t.Parallel()
		w := askList(t, func(context.Context, sms.ListQuery, func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
			return nil, sms.ErrListTooLong
		}, repeatAbsent)
		testNoWholeList(t, w)
	})
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		w := askList(t, func(context.Context, sms.ListQuery, func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
			panic("adapter")
		}, repeatAbsent)
		testNoWholeList(t, w)
	})
}

func testNoWholeList(t *testing.T, w *world) {
	var sent []livedesk.Message
	for i := range 5 {
		w.carrier.Fail(lostAndGone)
		sent = append(sent, w.start(fmt.Sprintf("+1415555%04d", i), "hello"))
	}
	w.settle()
	for range 60 {
		w.later(20 * time.Second)
	}
	for _, m := range sent {
		require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
	}
	require.Equal(t, 5, w.sends())
}

// A receipt that comes while the carrier is asked wins.
func TestReceiptWhileLooking(t *testing.T) { // F58
	t.Parallel()
	var w *world
	w = askList(t, func(ctx context.Context, q sms.ListQuery, ask func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
		out, err := ask(ctx, q)
		if err == nil && len(out) > 0 {
			err = w.carrier.Report(ctx, out[0].Receipt.ID, smstest.Step{Status: channel.StatusDelivered})
		}
		return out, err
	})
	w.carrier.Fail(lostAndTaken)
	m := w.start(alice, "hello")
	w.settle()
	w.later(20 * time.Second)
	require.Equal(t, livedesk.Delivered, w.state(m.ID), "the list said no more than accepted")
	w.later(time.Hour)
	require.Equal(t, livedesk.Delivered, w.state(m.ID))
}

func repeatAbsent(s *settings) { s.RepeatAbsent = true }

// By choice a human's text goes out again once the carrier showed twice that it has nothing; nothing else ever does.
func TestRepeatAbsent(t *testing.T) { // R12, F52
	t.Parallel()
	t.Run("human", func(t *testing.T) {
		t.Parallel()
		w := onTwilio(t, repeatAbsent)
		w.carrier.Fail(lostAndGone)
		m := w.start(alice, "hello")
		w.settle()
		for w.clock(); w.state(m.ID) == livedesk.Unknown; w.later(10 * time.Second) {
			require.Equal(t, 1, w.sends())
		}
		require.Equal(t, livedesk.Accepted, w.state(m.ID))
		require.GreaterOrEqual(t, len(notes(w.message(m.ID))), 2)
		require.Len(t, w.carrier.Sent(), 1)
		require.Equal(t, 2, w.sends())
	})
	t.Run("automatic", func(t *testing.T) {
		t.Parallel()
		w := onTwilio(t, repeatAbsent)
		w.change(func(c *livedesk.Channel) { c.Greeting = "Welcome" })
		w.carrier.Fail(lostAndGone)
		w.text(alice, "hi")
		for range 60 {
			w.later(20 * time.Second)
		}
		texts := w.texts(w.only().ID)
		require.Equal(t, livedesk.Unconfirmed, texts[1].Delivery.State)
		require.Equal(t, 1, w.sends())
	})
	t.Run("opted out meanwhile", func(t *testing.T) {
		t.Parallel()
		w := onTwilio(t, repeatAbsent)
		w.carrier.Fail(lostAndGone)
		m := w.start(alice, "hello")
		w.settle()
		_, err := w.desk.OptOut(w.ctx(), w.ch.ID, alice, host, "") // STOP would leave the carrier's own answer in the list
		require.NoError(t, err)
		for range 60 {
			w.later(20 * time.Second)
		}
		require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
		require.Equal(t, 1, w.sends())
	})
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		w := onTwilio(t, repeatAbsent, func(s *settings) { s.ExpireHuman = 10 * time.Minute })
		w.carrier.Fail(lostAndGone)
		m := w.start(alice, "hello")
		w.settle()
		for range 60 {
			w.later(20 * time.Second)
		}
		require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
		require.Equal(t, 1, w.sends())
	})
	t.Run("a carrier that can't list", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, repeatAbsent, quietCarriers)
		w.bandwidthChannel(nil)
		w.carrier.Fail(lostAndGone)
		m := w.start(alice, "hello")
		w.settle()
		for range 60 {
			w.later(20 * time.Second)
		}
		require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
		require.Equal(t, 1, w.sends())
	})
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		w := onTwilio(t)
		w.carrier.Fail(lostAndGone)
		m := w.start(alice, "hello")
		w.settle()
		for range 60 {
			w.later(20 * time.Second)
		}
		require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
		require.Equal(t, 1, w.sends())
	})
}

// What stands behind a text that nobody knows waits for its verdict, and goes in order.
func TestTextsBehindAnUnknownOne(t *testing.T) { // F66, I15
	t.Parallel()
	for _, f := range []smstest.Fault{lostAndTaken, lostAndGone} {
		t.Run(fmt.Sprint("taken: ", f.Accept), func(t *testing.T) {
			t.Parallel()
			w := onTwilio(t)
			w.carrier.Fail(f)
			a := w.start(alice, "first")
			b := w.reply(a.Conversation, "second")
			w.settle()
			require.Equal(t, livedesk.Queued, w.state(b.ID))
			w.later(20 * time.Second)
			if f.Accept {
				require.Equal(t, []string{"first", "second"}, w.bodies())
				return
			}
			require.Equal(t, livedesk.Queued, w.state(b.ID))
			w.later(verdict)
			require.Equal(t, []string{"second"}, w.bodies())
		})
	}
}

// A process that dies at any point of looking leaves the text to the next.
func TestDeathWhileLooking(t *testing.T) { // F54, F61
	t.Parallel()
	t.Run("before the list is read", func(t *testing.T) {
		t.Parallel()
		ctx, die := context.WithCancel(t.Context())
		var dead atomic.Bool
		w := askList(t, func(ctx context.Context, q sms.ListQuery, ask func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
			if !dead.Swap(true) {
				die()
				return nil, ctx.Err()
			}
			return ask(ctx, q)
		})
		w.carrier.Fail(lostAndTaken)
		m := w.start(alice, "hello")
		w.settle()
		w.advance(20 * time.Second)
		require.Error(t, w.engine.Settle(ctx))
		require.Equal(t, livedesk.Unknown, w.state(m.ID))
		second := w.open()
		require.NoError(t, second.Settle(w.ctx()))
		require.Equal(t, livedesk.Unknown, w.state(m.ID), "not before the lease is over")
		w.advance(61 * time.Second)
		w.settleOn(second)
		require.Equal(t, livedesk.Accepted, w.state(m.ID))
		require.Equal(t, 1, w.sends())
	})
	t.Run("before what was found is stored", func(t *testing.T) {
		t.Parallel()
		var down atomic.Bool
		w := onTwilio(t, func(s *settings) {
			s.Wrap = func(inner livedesk.Store) livedesk.Store {
				return &storeWrap{inner, func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
					return inner.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
						err := fn(ctx, spyTx{tx, func(s livedesk.DeliveryState) {
							if s == livedesk.Accepted && down.Load() {
								panic("process died")
							}
						}})
						return err
					})
				}}
			}
		})
		w.carrier.Fail(lostAndTaken)
		m := w.start(alice, "hello")
		w.settle()
		down.Store(true)
		w.advance(20 * time.Second)
		_ = w.engine.Settle(w.ctx())
		down.Store(false)
		require.Equal(t, livedesk.Unknown, w.state(m.ID))
		second := w.open()
		for range 8 {
			w.advance(20 * time.Second)
			w.settleOn(second)
		}
		require.Equal(t, livedesk.Accepted, w.state(m.ID))
		require.Equal(t, 1, w.sends())
	})
}

// After a time when no process ran, a text is looked for before it is given up.
func TestLookAfterALongPause(t *testing.T) { // F54
	t.Parallel()
	for _, f := range []smstest.Fault{lostAndTaken, lostAndGone} {
		w := onTwilio(t)
		w.carrier.Fail(f)
		m := w.start(alice, "hello")
		w.settle()
		w.advance(10 * time.Hour)
		w.settleOn(w.open())
		if f.Accept {
			require.Equal(t, livedesk.Accepted, w.state(m.ID))
			continue
		}
		require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
		require.Equal(t, []string{"not at the carrier"}, notes(w.message(m.ID)))
	}
}

// A list that is as long as it may be says nothing of what it left out.
func TestListIsNotWhole(t *testing.T) { // R11
	t.Parallel()
	w := askList(t, func(_ context.Context, q sms.ListQuery, _ func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
		var out []sms.Listed
		for i := range q.Limit {
			out = append(out, sms.Listed{Receipt: &channel.Receipt{ID: fmt.Sprint("SM", i)}, From: smstest.TwilioNumber, To: addr(bob), Created: q.Since})
		}
		return out, nil
	}, repeatAbsent)
	w.carrier.Fail(lostAndGone)
	m := w.start(alice, "hello")
	w.settle()
	for range 60 {
		w.later(20 * time.Second)
	}
	require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
	require.Contains(t, notes(w.message(m.ID)), "not found, and the carrier's list was not whole")
	require.Equal(t, 1, w.sends())
}

// Lost texts with words of their own don't stand in each other's way.
func TestLostTextsWithOtherWords(t *testing.T) { // R11
	t.Parallel()
	w := onTwilio(t)
	w.carrier.Fail(lostAndTaken, lostAndTaken)
	a := w.start(alice, "one thing")
	w.settle()
	_, err := w.desk.Resolve(w.ctx(), w.only().ID, host)
	require.NoError(t, err)
	b := w.start(alice, "another thing")
	w.settle()
	w.later(20 * time.Second)
	require.Equal(t, livedesk.Accepted, w.state(a.ID))
	require.Equal(t, livedesk.Accepted, w.state(b.ID))
}

// A text of the same words that is being posted may be the one in the list.
func TestRivalInTheAir(t *testing.T) { // R11
	t.Parallel()
	w := onTwilio(t)
	w.carrier.Fail(lostAndGone)
	a := w.start(alice, "same words")
	w.settle()
	_, err := w.desk.Resolve(w.ctx(), w.only().ID, host)
	require.NoError(t, err)
	w.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
		if r.Kind != smstest.KindSend {
			return smstest.Fault{}
		}
		return smstest.Fault{Kind: smstest.FaultHang, Accept: true}
	})
	b := w.start(alice, "same words")
	ctx, cancel := context.WithCancel(w.ctx())
	var slow sync.WaitGroup
	slow.Go(func() { _ = w.engine.Settle(ctx) })
	_, err = w.twilio.WaitSent(w.ctx(), 1)
	require.NoError(t, err)
	require.Equal(t, livedesk.Posting, w.state(b.ID))
	w.advance(20 * time.Second)
	require.NoError(t, w.open().Settle(w.ctx()))
	require.Equal(t, livedesk.Unknown, w.state(a.ID))
	require.Equal(t, []string{"several that could be it at the carrier"}, notes(w.message(a.ID)))
	cancel()
	slow.Wait()
}

// A text of another pool is none of this one's.
func TestWhatIsNoMatchOfAPool(t *testing.T) { // R11
	t.Parallel()
	carrier := smstest.NewTwilio(t, smstest.TwilioConfig{Receipts: func(smstest.Sent) []smstest.Step { return nil }})
	w := newWorld(t, quietCarriers, func(s *settings) {
		s.Providers = []sms.Provider{listing{twilio.New(twilio.Config{Transport: carrier.Transport()}),
			func(ctx context.Context, q sms.ListQuery, ask func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
				out, err := ask(ctx, q)
				for i := range out {
					out[i].Pool = "MG0000000000000000000000000000dead"
				}
				return out, err
			}}}
	})
	w.twilio = carrier
	w.twilioChannel(func(c *livedesk.Channel) {
		c.Values = twilio.Setup{Name: "Pool", MessagingServiceSID: smstest.TwilioServiceSID,
			AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}.Values()
	})
	w.carrier.Fail(lostAndTaken)
	m := w.start(alice, "hello")
	w.settle()
	w.later(20 * time.Second)
	require.Equal(t, livedesk.Unknown, w.state(m.ID))
	require.Equal(t, []string{"not at the carrier"}, notes(w.message(m.ID)))
}

// Whatever once spoke for the carrier having the text keeps it from being sent again, however often it isn't found later.
func TestDoubtKeepsFromRepeating(t *testing.T) { // R11, R12
	t.Parallel()
	t.Run("something that could be it", func(t *testing.T) {
		t.Parallel()
		var asked atomic.Int64
		w := askList(t, func(_ context.Context, q sms.ListQuery, _ func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
			if asked.Add(1) > 1 {
				return nil, nil
			}
			return []sms.Listed{{Receipt: &channel.Receipt{ID: "SM1"}, From: smstest.TwilioNumber, To: addr(alice), Text: "other words",
				Created: q.Since.Add(time.Hour)}}, nil
		}, repeatAbsent)
		w.carrier.Fail(lostAndGone)
		m := w.start(alice, "hello")
		w.settle()
		for range 60 {
			w.later(20 * time.Second)
		}
		require.Greater(t, len(notes(w.message(m.ID))), 2)
		require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
		require.Equal(t, 1, w.sends())
	})
	t.Run("a receipt that decided nothing", func(t *testing.T) {
		t.Parallel()
		w := askList(t, func(context.Context, sms.ListQuery, func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
			return nil, nil
		}, repeatAbsent)
		w.carrier.Fail(lostAndTaken)
		m := w.start(alice, "hello")
		w.settle()
		require.NoError(t, w.carrier.Report(w.ctx(), w.carrier.Sent()[0].ID, smstest.Step{Word: "partially_delivered"}))
		for range 60 {
			w.later(20 * time.Second)
		}
		require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
		require.Equal(t, 1, w.sends())
	})
	t.Run("a text without an end is repeated", func(t *testing.T) {
		t.Parallel()
		w := onTwilio(t, repeatAbsent, func(s *settings) { s.ExpireHuman = -1 })
		w.carrier.Fail(lostAndGone)
		m := w.start(alice, "hello")
		w.settle()
		for range 60 {
			w.later(20 * time.Second)
		}
		require.Equal(t, livedesk.Accepted, w.state(m.ID))
		require.Equal(t, 2, w.sends())
	})
}

// The history tells people what was found, and neither the words nor the number.
func TestSearchNotesHoldNothingSecret(t *testing.T) { // I18
	t.Parallel()
	logs := &logBuffer{}
	w := onTwilio(t, func(s *settings) { s.Logger = logs.logger() })
	w.carrier.Fail(lostAndTaken, lostAndGone)
	a := w.start(alice, "canary words")
	w.settle()
	w.later(20 * time.Second)
	b := w.reply(a.Conversation, "canary words")
	w.settle()
	w.later(time.Hour)
	for _, m := range []livedesk.Message{w.message(a.ID), w.message(b.ID)} {
		data, err := json.Marshal(m.Delivery)
		require.NoError(t, err)
		require.NotContains(t, string(data), "canary")
		require.NotContains(t, string(data), alice[1:])
	}
	require.NotContains(t, logs.String(), "canary words")
	require.NotContains(t, logs.String(), alice)
}

// refusing answers every webhook as a desk does that is down.
var refusing = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
