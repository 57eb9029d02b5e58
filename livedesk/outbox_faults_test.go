package livedesk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

const verdict = 15 * time.Minute // Config.VerdictAfter where nothing is said

// faults is every way in which a carrier of smstest can break, with the text taken and without.
func faults() []smstest.Fault {
	var out []smstest.Fault
	for _, accept := range []bool{false, true} {
		for _, kind := range []smstest.FaultKind{smstest.FaultReset, smstest.FaultHang, smstest.FaultSlow, smstest.FaultHTML,
			smstest.FaultRedirect, smstest.FaultNoID, smstest.FaultGarbage} {
			out = append(out, smstest.Fault{Kind: kind, Accept: accept})
		}
		for _, status := range []int{500, 502, 504} {
			out = append(out, smstest.Fault{Kind: smstest.FaultStatus, Status: status, Accept: accept})
		}
		// A gateway's page: Twilio's own 503 has a code that says to try again.
		out = append(out, smstest.Fault{Kind: smstest.FaultHTML, Status: 503, Accept: accept})
	}
	for _, status := range []int{429, 503} {
		out = append(out, smstest.Fault{Kind: smstest.FaultStatus, Status: status, RetryAfter: 37 * time.Second})
	}
	return append(out, smstest.Fault{Kind: smstest.FaultRefuse}, smstest.Fault{Kind: smstest.FaultStatus, Status: 429})
}

// lost reports whether nobody can know what a fault did with the text.
func lost(f smstest.Fault) bool {
	return f.Kind != smstest.FaultRefuse && (f.Kind != smstest.FaultStatus || f.Status != 429 && f.RetryAfter == 0)
}

// Every fault leads to the state that it proves, and to no second request where the text may have left.
func TestEveryFault(t *testing.T) { // F45, F47, F49, F50, F51, F52, F53, F62, I5, I6
	t.Parallel()
	for _, f := range faults() {
		t.Run(fmt.Sprintf("%s %d accept=%v after=%s", f.Kind, f.Status, f.Accept, f.RetryAfter), func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, w *world) {
				w.carrier.Fail(f)
				m := w.start(alice, "hello")
				w.settle()
				switch {
				case !lost(f):
					testKnownNotSent(t, w, m, f)
				case f.Accept: // its receipts closed it
					require.Equal(t, livedesk.Delivered, w.state(m.ID))
				default:
					testNobodyKnows(t, w, m, f)
				}
				w.later(time.Hour)
				require.LessOrEqual(t, len(w.carrier.Sent()), 1)
				if lost(f) {
					require.Equal(t, 1, w.sends(), "a text that may have left is never sent again")
				}
			}, func(s *settings) { s.SendTimeout = 500 * time.Millisecond })
		})
	}
}

func testKnownNotSent(t *testing.T, w *world, m livedesk.Message, f smstest.Fault) {
	require.Equal(t, livedesk.Queued, w.state(m.ID))
	before := w.sends()
	if f.RetryAfter > 0 {
		w.later(f.RetryAfter - time.Second)
		require.Equal(t, before, w.sends(), "not before the carrier's time")
		w.later(time.Second)
	} else {
		w.later(time.Minute)
	}
	require.Equal(t, livedesk.Delivered, w.state(m.ID))
	require.Equal(t, before+1, w.sends())
	require.Equal(t, 2, w.message(m.ID).Delivery.Attempts)
}

func testNobodyKnows(t *testing.T, w *world, m livedesk.Message, f smstest.Fault) {
	if f.Kind == smstest.FaultRedirect && w.state(m.ID) == livedesk.Failed {
		return // that a redirect proves a no is another good reading
	}
	require.Equal(t, livedesk.Unknown, w.state(m.ID))
	w.later(verdict - time.Second)
	require.Equal(t, livedesk.Unknown, w.state(m.ID))
	w.later(time.Second)
	require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
	require.Equal(t, channel.ReasonUnknown, w.message(m.ID).Delivery.Reason)
}

// A definite no is final at once, with its reason.
func TestRefusals(t *testing.T) { // F46
	t.Parallel()
	for code, reason := range map[string]channel.Reason{
		"21211": channel.ReasonRecipient, "21408": channel.ReasonConfig, "21606": channel.ReasonConfig, "21612": "",
		"21614": channel.ReasonRecipient, "21617": channel.ReasonContent, "21610": channel.ReasonOptOut,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.twilioChannel(nil)
			w.twilio.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: 400, Code: code})
			m := w.start(alice, "hello")
			w.settle()
			w.later(time.Hour)
			d := w.message(m.ID).Delivery
			require.Equal(t, livedesk.Failed, d.State)
			require.Equal(t, code, d.Code)
			require.True(t, d.Reason.Final())
			if reason != "" {
				require.Equal(t, reason, d.Reason)
			}
			require.Equal(t, 1, w.sends())
		})
	}
	t.Run("bandwidth", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.bandwidthChannel(nil)
		w.bandwidth.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: 400})
		m := w.start(alice, "hello")
		w.settle()
		w.later(time.Hour)
		require.Equal(t, livedesk.Failed, w.state(m.ID))
		require.Equal(t, 1, w.sends())
	})
}

// While the carrier refuses the credentials the queue is kept, and somebody knocks once a minute; it goes on by itself.
func TestRefusedCredentials(t *testing.T) { // F48
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
			if r.Kind != smstest.KindSend {
				return smstest.Fault{}
			}
			return smstest.Fault{Kind: smstest.FaultStatus, Status: 401}
		})
		var queued []livedesk.Message
		for i := range 5 {
			queued = append(queued, w.start(fmt.Sprintf("+1415555%04d", i), "hello"))
		}
		w.settle()
		for range 10 {
			before := w.sends()
			for range 6 {
				w.later(10 * time.Second)
			}
			require.LessOrEqual(t, w.sends(), before+2, "one probe a minute (Bandwidth's may ask twice, with a fresh token)")
		}
		for _, m := range queued {
			require.Equal(t, livedesk.Queued, w.state(m.ID))
		}
		w.carrier.FailFunc(nil)
		for range 40 {
			w.later(time.Minute)
		}
		for _, m := range queued {
			require.Equal(t, livedesk.Delivered, w.state(m.ID))
		}
	})
}

// Retry-After holds for the sender, not only for the text that heard it.
func TestRetryAfterPausesTheSender(t *testing.T) { // F47
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.carrier.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: 429, RetryAfter: 30 * time.Second})
		w.start(alice, "first")
		w.settle()
		w.start(bob, "second")
		w.later(29 * time.Second)
		require.Empty(t, w.bodies())
		w.later(2 * time.Second)
		require.ElementsMatch(t, []string{"first", "second"}, w.bodies())
	})
}

func TestCarrierDown(t *testing.T) { // F49, F65
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.carrier.SetDown(true)
		m := w.start(alice, "hello")
		w.settle()
		for range 12 {
			w.later(time.Hour)
		}
		require.Equal(t, livedesk.Queued, w.state(m.ID))
		w.carrier.SetDown(false)
		w.later(time.Hour)
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
		require.Equal(t, 1, w.sends())
	})
}

// blind lets the carrier give no lists, so that only receipts tell what became of a text.
func (w *world) blind() {
	w.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
		if isList(r) {
			return smstest.Fault{Kind: smstest.FaultReset}
		}
		return smstest.Fault{}
	})
}

// A receipt closes what nobody knew, also after the desk had given up.
func TestLateReceipts(t *testing.T) { // F51, R10
	t.Parallel()
	quiet := func(smstest.Sent) []smstest.Step { return nil }
	for _, after := range []time.Duration{time.Minute, time.Hour} {
		for status, want := range map[channel.DeliveryStatus]livedesk.DeliveryState{
			channel.StatusDelivered: livedesk.Delivered, channel.StatusFailed: livedesk.Failed,
		} {
			t.Run(fmt.Sprint(after, " ", status), func(t *testing.T) {
				t.Parallel()
				onBoth(t, func(t *testing.T, w *world) {
					w.blind()
					w.carrier.Fail(smstest.Fault{Kind: smstest.FaultReset, Accept: true})
					m := w.start(alice, "hello")
					w.settle()
					w.later(after)
					require.Contains(t, []livedesk.DeliveryState{livedesk.Unknown, livedesk.Unconfirmed}, w.state(m.ID))
					sent := w.carrier.Sent()[0]
					require.NoError(t, w.carrier.Report(w.ctx(), sent.ID, smstest.Step{Status: status}))
					w.settle()
					require.Equal(t, want, w.state(m.ID))
					require.Equal(t, sent.ID, w.message(m.ID).ProviderID)
					require.Equal(t, 1, w.sends())
				}, func(s *settings) { s.Twilio.Receipts, s.Bandwidth.Receipts = quiet, quiet })
			})
		}
	}
}

// Receipts overtake the answer to the request that they are about.
func TestReceiptsBeforeTheAnswer(t *testing.T) { // F58
	t.Parallel()
	for name, f := range map[string]smstest.Fault{"answer": {}, "answer lost": {Kind: smstest.FaultReset, Accept: true}} {
		for _, last := range []channel.DeliveryStatus{channel.StatusSent, channel.StatusDelivered, channel.StatusFailed} {
			t.Run(name+" "+string(last), func(t *testing.T) {
				t.Parallel()
				early := func(smstest.Sent) []smstest.Step {
					return []smstest.Step{{Status: channel.StatusSent, BeforeAnswer: true}, {Status: last, BeforeAnswer: true}}
				}
				onBoth(t, func(t *testing.T, w *world) {
					w.carrier.Fail(f)
					m := w.start(alice, "hello")
					w.settle()
					require.EqualValues(t, last, w.state(m.ID))
					require.Equal(t, w.carrier.Sent()[0].ID, w.message(m.ID).ProviderID)
					w.later(time.Hour)
					require.EqualValues(t, last, w.state(m.ID))
					require.Equal(t, 1, w.sends())
				}, func(s *settings) { s.Twilio.Receipts, s.Bandwidth.Receipts = early, early })
			})
		}
	}
}

// The store's clock decides, not the machine's: a machine that runs two days ahead of the database fails nothing.
func TestMachineClockAhead(t *testing.T) { // F112, R14
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.advance(-48 * time.Hour)
		m := w.start(alice, "hello")
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(m.ID), "reason %q", w.message(m.ID).Delivery.Reason)
	})
}

// A sender whose queue at the carrier is full waits as a whole: one text a minute tries, and all leave in the end.
func TestSendersQueueIsFull(t *testing.T) { // F64
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) { c.Rate = 100 })
	w.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
		if r.Kind != smstest.KindSend {
			return smstest.Fault{}
		}
		return smstest.Fault{Kind: smstest.FaultStatus, Status: 429, Code: "21611"}
	})
	const n = 200
	for i := range n {
		w.start(phone(i), "hello")
	}
	w.settle()
	for range 30 {
		before := w.sends()
		for range 6 {
			w.later(10 * time.Second)
		}
		require.LessOrEqual(t, w.sends(), before+2)
	}
	for _, c := range w.all(livedesk.List{}) {
		require.Equal(t, livedesk.Queued, w.texts(c.ID)[0].Delivery.State)
	}
	w.carrier.FailFunc(nil)
	for range 40 {
		w.later(time.Minute)
	}
	require.Len(t, w.bodies(), n)
}

// Twelve hours without the carrier: what the desk would have said by itself is too old, what people wrote leaves, and
// meanwhile the channel says why it waits, and how much of it.
func TestLongOutage(t *testing.T) { // F65
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		w.carrier.SetDown(true)
		var want []string
		for i := range 20 {
			w.text(phone(i), "hello")
			for n := range 2 {
				want = append(want, fmt.Sprint(i, " ", n))
				w.reply(w.live(phone(i)).ID, fmt.Sprint(i, " ", n))
			}
		}
		for range 12 {
			w.later(10 * time.Second)
		}
		for range 72 {
			w.later(10 * time.Minute)
		}
		require.Zero(t, w.sends())
		h := w.health(w.engine)
		require.Equal(t, livedesk.HealthUnreachable, h.State)
		require.GreaterOrEqual(t, h.Texts.Queued, 40) // greetings that are too old leave the queue as their turn comes
		require.Equal(t, 12*time.Hour, w.clock().Sub(h.Texts.Oldest).Truncate(time.Hour))
		w.carrier.SetDown(false)
		for range 60 {
			w.later(10 * time.Second)
		}
		require.ElementsMatch(t, want, w.bodies())
		for i := range 20 {
			texts := w.texts(w.live(phone(i)).ID)
			require.Equal(t, channel.ReasonExpired, texts[1].Delivery.Reason, "the greeting")
			require.Equal(t, livedesk.Delivered, texts[3].Delivery.State)
		}
	}, withCounts)
}
