package livedesk_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

func (w *world) consent(conversation string) livedesk.ConsentState {
	w.t.Helper()
	s, err := w.desk.Consent(w.ctx(), conversation)
	require.NoError(w.t, err)
	return s
}

// STOP takes back everything that waits, refuses what is written after it, and START revives none of it.
func TestStopCancelsEverything(t *testing.T) { // F72, F76, F84, I8
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		w.carrier.SetDown(true)
		w.text(alice, "hello")
		id := w.only().ID
		var queued []livedesk.Message
		for i := range 100 {
			queued = append(queued, w.reply(id, fmt.Sprint(i)))
		}
		other := w.start(bob, "not theirs")
		w.deliver(smstest.Text{From: alice, Body: "Stop."})
		for _, m := range queued {
			d := w.message(m.ID).Delivery
			require.Equal(t, livedesk.Canceled, d.State)
			require.Equal(t, channel.ReasonOptOut, d.Reason)
			require.True(t, d.Due.IsZero())
		}
		require.Equal(t, livedesk.Canceled, w.texts(id)[1].Delivery.State, "the greeting too")
		state := w.consent(id)
		require.True(t, state.OptedOut)
		require.Equal(t, "keyword", state.Source)
		require.Equal(t, w.clock(), state.Since)
		require.NotEmpty(t, state.Keyword)

		_, err := w.desk.Reply(w.ctx(), id, host, livedesk.Draft{Text: "please"})
		require.ErrorIs(t, err, livedesk.ErrOptedOut)
		_, err = w.desk.Start(w.ctx(), w.ch.ID, alice, host, livedesk.Draft{Text: "please"})
		require.ErrorIs(t, err, livedesk.ErrOptedOut)
		_, err = w.desk.Notify(w.ctx(), w.ch.ID, alice, livedesk.Draft{Text: "please"})
		require.ErrorIs(t, err, livedesk.ErrOptedOut)
		_, err = w.desk.AddNote(w.ctx(), id, host, "they said stop")
		require.NoError(t, err, "a note goes nowhere")

		w.carrier.SetDown(false)
		w.later(10 * time.Minute)
		require.Equal(t, livedesk.Delivered, w.state(other.ID))
		w.text(alice, "START")
		require.False(t, w.consent(id).OptedOut)
		w.later(10 * time.Minute)
		for _, s := range w.carrier.Sent() {
			require.False(t, s.To == addr(alice) && s.Body != "" && s.Body[0] >= '0' && s.Body[0] <= '9', "revived")
		}
		m := w.reply(id, "welcome back")
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
	})
}

// While STOP races with the workers: whatever began after its commit didn't leave.
func TestStopRacesWithWorkers(t *testing.T) { // F71, I8
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Rate, c.ConsentTexts.Off = -1, true })
	engines := []*livedesk.Engine{w.open(), w.open(), w.open(), w.open()}
	contacts := 60
	if !testing.Short() {
		contacts = 1000
	}
	var hooks []smstest.Webhook
	for i := range contacts {
		hooks = append(hooks, w.genuine(smstest.Text{From: addr(phone(i)), Body: "STOP"}))
	}
	for i := range contacts {
		for range 4 {
			w.start(phone(i), "text")
		}
	}
	var all sync.WaitGroup
	for _, e := range engines {
		all.Go(func() {
			if err := e.Settle(w.ctx()); err != nil {
				t.Error(err)
			}
		})
	}
	stopped := make([]int, contacts)
	all.Go(func() {
		for i, h := range hooks {
			if s := w.call(request(h, "")).StatusCode; s != 204 {
				t.Errorf("status %d", s)
			}
			// At most the one that was being written when STOP was committed may still come.
			n := 0
			for _, s := range w.bandwidth.Sent() {
				if s.To == addr(phone(i)) {
					n++
				}
			}
			stopped[i] = n + 1
		}
	})
	all.Wait()
	w.settle()
	w.later(5 * time.Second) // what a slow worker put back, since its first byte came too late, is looked at once more
	got := map[channel.Address]int{}
	for _, s := range w.bandwidth.Sent() {
		got[s.To]++
	}
	for i := range contacts {
		require.LessOrEqual(t, got[addr(phone(i))], stopped[i])
		for _, c := range w.of(phone(i)) {
			for _, m := range w.texts(c.ID) {
				if m.Kind == livedesk.Outgoing {
					require.Contains(t, []livedesk.DeliveryState{livedesk.Canceled, livedesk.Delivered}, m.Delivery.State)
				}
			}
		}
	}
}

// What the carrier knows of a STOP that we never saw is learned: from an answer (21610), or from a receipt (4475).
func TestCarrierTeachesTheLedger(t *testing.T) { // F75
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		var source string
		w.text(alice, "hello")
		id := w.only().ID
		if w.carrier == fake(w.twilio) {
			w.twilio.SetOptedOut(smstest.TwilioNumber, alice, true)
			source = "carrier"
		} else {
			w.bandwidth.SetOptedOut(smstest.BandwidthNumber, alice, true)
			source = "receipt"
		}
		first := w.reply(id, "first")
		second := w.reply(id, "second")
		w.settle()
		d := w.message(first.ID).Delivery
		require.Equal(t, livedesk.Failed, d.State)
		require.Equal(t, channel.ReasonOptOut, d.Reason)
		state := w.consent(id)
		require.True(t, state.OptedOut)
		require.Equal(t, source, state.Source)
		if source == "carrier" {
			require.Equal(t, livedesk.Canceled, w.state(second.ID))
			require.Equal(t, 1, w.sends())
		}
		_, err := w.desk.Reply(w.ctx(), id, host, livedesk.Draft{Text: "third"})
		require.ErrorIs(t, err, livedesk.ErrOptedOut)
	})
}

// Consent is per channel: STOP to one number says nothing to the other.
func TestConsentIsPerChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	w.text(alice, "STOP")
	w.bandwidthChannel(nil)
	m := w.start(alice, "hello")
	w.settle()
	require.Equal(t, livedesk.Delivered, w.state(m.ID))
}

// What Twilio itself made of a text counts (OptOutType), whatever the words.
func TestCarriersOwnReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	w.deliver(smstest.Text{From: alice, Body: "genug jetzt", Fields: map[string]string{"OptOutType": "STOP"}})
	require.True(t, w.consent(w.only().ID).OptedOut)
	w.deliver(smstest.Text{From: alice, Body: "doch wieder", Fields: map[string]string{"OptOutType": "START"}})
	require.False(t, w.consent(w.only().ID).OptedOut)
	require.Equal(t, livedesk.Resolved, w.only().State)
}

// The words of the channel's language count beside the English ones.
func TestStopInTheChannelsLanguage(t *testing.T) { // F78
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Language = "fr-CA" })
		for i, word := range []string{"ARRET", "arrêt", "Arrêt !", "STOP"} {
			w.text(phone(i), word)
			require.True(t, w.consent(w.of(phone(i))[0].ID).OptedOut, word)
		}
		w.text(alice, "arrêt de bus")
		require.False(t, w.consent(w.live(alice).ID).OptedOut)
	})
}

// The last gate looks at the ledger itself: a text that somehow still waits after STOP is taken back there.
func TestGateLooksAtTheLedger(t *testing.T) { // R15, F71
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		m := w.start(alice, "hello")
		require.NoError(t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
			rows, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: "main", Conversation: m.Conversation}})
			if err != nil {
				return err
			}
			thread := rows[0].Thread
			thread.Consent = livedesk.ConsentState{OptedOut: true, Since: tx.Now(), Source: "host"}
			return tx.Apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{thread}})
		}))
		w.settle()
		require.Zero(t, w.sends())
		d := w.message(m.ID).Delivery
		require.Equal(t, livedesk.Canceled, d.State)
		require.Equal(t, channel.ReasonOptOut, d.Reason)
		require.Zero(t, d.Attempts)
	})
}

// STOP takes back 500 texts of every class at once, and nothing leaves but what confirms it.
func TestStopWithFiveHundredQueued(t *testing.T) { // F72, F79, I8
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Greeting, c.UseAI, c.AIAgents = "Hi", true, []string{"bot"} })
		w.carrier.SetDown(true)
		w.text(alice, "hello")
		id := w.only().ID
		for i := range 498 {
			w.reply(id, fmt.Sprint(i))
		}
		classes := map[livedesk.Class]int{}
		for _, m := range w.texts(id) {
			if m.Delivery != nil {
				require.Equal(t, livedesk.Queued, m.Delivery.State)
				classes[m.Class]++
			}
		}
		require.Equal(t, map[livedesk.Class]int{livedesk.ClassAutomatic: 1, livedesk.ClassAI: 1, livedesk.ClassHuman: 498}, classes)
		w.deliver(smstest.Text{From: alice, Body: "STOP"})
		for _, m := range w.texts(id) {
			if m.Delivery != nil && m.Class != livedesk.ClassConfirmation {
				require.Equal(t, livedesk.Canceled, m.Delivery.State)
				require.Equal(t, channel.ReasonOptOut, m.Delivery.Reason)
			}
		}
		w.carrier.SetDown(false)
		for range 10 {
			w.later(time.Minute)
		}
		want := 0
		if w.carrier == fake(w.bandwidth) { // Twilio has answered by itself
			want = 1
		}
		require.Len(t, w.bodies(), want)
	}, withBots(livedesk.AIConfig{Name: "bot", Agent: &bot{}}))
}

// However often the STOP comes, to however many processes, on a channel alone or on all: one confirmation leaves.
func TestOneConfirmation(t *testing.T) { // F79
	t.Parallel()
	for _, scope := range []livedesk.ConsentScope{livedesk.ScopeChannel, livedesk.ScopeWorkspace} {
		t.Run("scope "+string(scope), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(s *settings) { s.Bandwidth.Numbers = []channel.Address{smstest.BandwidthNumber, "+19195550777"} })
			w.bandwidthChannel(func(c *livedesk.Channel) { c.OptOutScope, c.Values["phone_number"] = scope, "+19195550777" })
			w.bandwidthChannel(func(c *livedesk.Channel) { c.OptOutScope = scope })
			h := w.genuine(smstest.Text{From: alice, Body: "STOP"})
			engines := []*livedesk.Engine{w.engine, w.open()}
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					rec := httptest.NewRecorder()
					engines[i%2].Webhooks().ServeHTTP(rec, request(h, ""))
					if rec.Code != 204 {
						t.Errorf("status %d", rec.Code)
					}
				})
			}
			all.Wait()
			for _, e := range engines {
				all.Go(func() {
					if err := e.Settle(w.ctx()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			w.text(alice, "STOP")
			w.text(alice, "unsubscribe")
			w.later(time.Hour)
			require.Len(t, w.bodies(), 1)
			require.Contains(t, w.bodies()[0], "you have opted out")
		})
	}
}
