package livedesk_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

func quietCarriers(s *settings) {
	quiet := func(smstest.Sent) []smstest.Step { return nil }
	s.Twilio.Receipts, s.Bandwidth.Receipts = quiet, quiet
}

// accepted is a text that the carrier has taken and says nothing more about.
func (w *world) accepted() (livedesk.Message, smstest.Sent) {
	w.t.Helper()
	m := w.start(alice, "hello")
	w.settle()
	require.Equal(w.t, livedesk.Accepted, w.state(m.ID))
	sent := w.carrier.Sent()
	return m, sent[len(sent)-1]
}

func permutations[T any](list []T) [][]T {
	if len(list) < 2 {
		return [][]T{slices.Clone(list)}
	}
	var out [][]T
	for i := range list {
		rest := slices.Delete(slices.Clone(list), i, i+1)
		for _, p := range permutations(rest) {
			out = append(out, append([]T{list[i]}, p...))
		}
	}
	return out
}

// Receipts in any order, and twice, end in the same state: the most certain one.
func TestReceiptsInAnyOrder(t *testing.T) { // F59, R13, I14
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Rate = -1 })
		for _, set := range [][]channel.DeliveryStatus{
			{channel.StatusAccepted, channel.StatusSent, channel.StatusDelivered},
			{channel.StatusAccepted, channel.StatusSent, channel.StatusFailed},
			{channel.StatusSent, channel.StatusDelivered, channel.StatusRead},
			{channel.StatusDelivered, channel.StatusDelivered, channel.StatusSent, channel.StatusSent},
		} {
			last := set[len(set)-1]
			if last == channel.StatusSent {
				last = channel.StatusDelivered
			}
			if last == channel.StatusRead && w.carrier == fake(w.bandwidth) {
				continue
			}
			for _, order := range permutations(set) {
				m, sent := w.accepted()
				for _, s := range append(slices.Clone(order), order...) {
					before := w.message(m.ID).Delivery
					require.NoError(t, w.carrier.Report(w.ctx(), sent.ID, smstest.Step{Status: s}))
					if before.State.Final() && before.State != livedesk.Delivered {
						require.Equal(t, before.State, w.state(m.ID), "a final state stays")
					}
				}
				require.EqualValues(t, last, w.state(m.ID), "%v", order)
				require.Equal(t, 1, w.message(m.ID).Delivery.Attempts)
				require.True(t, w.message(m.ID).Delivery.Due.IsZero())
			}
		}
	}, quietCarriers)
}

// Every word that a carrier has, in hundreds of orders, some of them twice: what stands in the end is the first verdict, or
// what was read.
func TestReceiptsOfEveryWord(t *testing.T) { // F59, R13
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Rate = -1 })
		words := map[string]livedesk.DeliveryState{"queued": "accepted", "sending": "accepted", "sent": "sent", "delivered": "delivered",
			"undelivered": "undelivered", "failed": "failed", "read": "read"}
		if w.carrier == fake(w.bandwidth) {
			words = map[string]livedesk.DeliveryState{"message-sending": "accepted", "message-sent": "sent", "message-delivered": "delivered",
				"message-failed": "failed", "message-read": "read"}
		}
		rank := map[livedesk.DeliveryState]int{"accepted": 1, "sent": 2, "delivered": 4, "undelivered": 4, "failed": 4, "read": 5}
		r := rand.New(rand.NewPCG(59, 13))
		for range 100 {
			order := slices.Sorted(maps.Keys(words))
			order = append(order, order[r.IntN(len(order))], order[r.IntN(len(order))])
			r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			order = order[:1+r.IntN(len(order))]
			m, sent := w.accepted()
			want := livedesk.Accepted
			for _, word := range order {
				require.NoError(t, w.carrier.Report(w.ctx(), sent.ID, smstest.Step{Word: word}))
				if rank[words[word]] > rank[want] {
					want = words[word]
				}
				require.Equal(t, want, w.state(m.ID), "%s of %v", word, order)
			}
			notes := 0
			for _, n := range w.message(m.ID).Delivery.History {
				if n.Source == "receipt" {
					notes++
				}
			}
			require.Equal(t, len(order), notes, "each is kept")
		}
	}, quietCarriers)
}

// Of two verdicts that contradict each other the first stands; both are kept.
func TestContradictingVerdicts(t *testing.T) { // F59
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		for _, order := range [][]channel.DeliveryStatus{
			{channel.StatusDelivered, channel.StatusFailed}, {channel.StatusFailed, channel.StatusDelivered},
		} {
			m, sent := w.accepted()
			for _, s := range order {
				require.NoError(t, w.carrier.Report(w.ctx(), sent.ID, smstest.Step{Status: s}))
			}
			d := w.message(m.ID).Delivery
			require.EqualValues(t, order[0], d.State)
			receipts := 0
			for _, n := range d.History {
				if n.Source == "receipt" {
					receipts++
					require.NotEmpty(t, n.Word)
				}
			}
			require.Equal(t, 2, receipts)
		}
	}, quietCarriers)
}

// Words of the future change nothing and are kept as they came.
func TestUnknownWords(t *testing.T) { // F60
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		m, sent := w.accepted()
		word := "partially_delivered"
		if w.carrier == fake(w.bandwidth) {
			word = "message-partially-delivered"
		}
		require.NoError(t, w.carrier.Report(w.ctx(), sent.ID, smstest.Step{Word: word}))
		require.Equal(t, livedesk.Accepted, w.state(m.ID))
		hooks := w.carrier.Webhooks()
		require.Equal(t, http.StatusNoContent, hooks[len(hooks)-1].Status)
		require.NoError(t, w.carrier.Report(w.ctx(), sent.ID, smstest.Step{Status: channel.StatusFailed, Code: "99999"}))
		require.Equal(t, livedesk.Failed, w.state(m.ID))
		require.Equal(t, "99999", w.message(m.ID).Delivery.Code)
	}, quietCarriers)
}

// The history is bounded, however long a carrier goes on.
func TestHistoryIsBounded(t *testing.T) { // R31
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		m, sent := w.accepted()
		for range 2 * livedesk.MaxHistory {
			require.NoError(t, w.carrier.Report(w.ctx(), sent.ID, smstest.Step{Status: channel.StatusSent}))
		}
		require.LessOrEqual(t, len(w.message(m.ID).Delivery.History), livedesk.MaxHistory)
	}, quietCarriers)
}

// What was taken back before it left stays so, whatever somebody reports.
func TestReceiptForACanceledText(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.carrier.SetDown(true)
		m := w.start(alice, "hello")
		w.settle()
		w.text(alice, "STOP")
		require.Equal(t, livedesk.Canceled, w.state(m.ID))
		w.carrier.SetDown(false)
		w.later(time.Hour)
		require.Equal(t, livedesk.Canceled, w.state(m.ID))
		require.Zero(t, w.sends())
	}, quietCarriers)
}

type final struct {
	Status string
	Error  *int
}

func (f final) check(t *testing.T, w *world, m livedesk.Message) {
	t.Helper()
	d := w.message(m.ID).Delivery
	want := livedesk.DeliveryState(f.Status)
	if f.Status == "unknown" {
		want = livedesk.Unconfirmed // the carrier's last word is that it can't tell
	}
	require.Equal(t, want, d.State)
	if f.Error != nil {
		require.Equal(t, fmt.Sprint(*f.Error), d.Code)
	}
}

// The reference sequences of Twilio, byte for byte but for the ids of the text.
func TestTwilioStatusSequences(t *testing.T) { // F59, I14
	t.Parallel()
	var file struct {
		Sequences []struct {
			ID       string
			Arrivals []struct{ Form map[string]string }
			Final    final
		}
	}
	require.NoError(t, json.Unmarshal(sharedFile(t, "twilio_status_callbacks.json"), &file))
	require.NotEmpty(t, file.Sequences)
	for _, s := range file.Sequences {
		t.Run(s.ID, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quietCarriers)
			w.twilioChannel(nil)
			m, sent := w.accepted()
			target, _, _ := strings.Cut(sent.Callback, "#")
			for _, a := range s.Arrivals {
				form := url.Values{}
				for k, v := range a.Form {
					form.Set(k, v)
				}
				for k, v := range map[string]string{"MessageSid": sent.ID, "SmsSid": sent.ID, "To": string(sent.To), "From": string(sent.From),
					"AccountSid": smstest.TwilioAccountSID} {
					if form.Has(k) {
						form.Set(k, v)
					}
				}
				require.Equal(t, http.StatusNoContent, w.call(signed(target, form)).StatusCode)
			}
			s.Final.check(t, w, m)
		})
	}
}

// The same for Bandwidth, with the tag and without.
func TestBandwidthStatusSequences(t *testing.T) { // F59, I14
	t.Parallel()
	var file struct {
		Sequences []struct {
			ID       string
			Arrivals [][]map[string]any
			Final    final
		}
	}
	require.NoError(t, json.Unmarshal(sharedFile(t, "bandwidth_status_callbacks.json"), &file))
	require.NotEmpty(t, file.Sequences)
	for _, s := range file.Sequences {
		t.Run(s.ID, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quietCarriers)
			w.bandwidthChannel(nil)
			m, sent := w.accepted()
			h := w.genuine(smstest.Text{From: bob, Body: "template"})
			for _, list := range s.Arrivals {
				for _, e := range list {
					about := e["message"].(map[string]any)
					about["id"], about["owner"], about["from"] = sent.ID, smstest.BandwidthNumber, smstest.BandwidthNumber
					about["to"], e["to"] = []string{alice}, alice
					about["applicationId"] = smstest.BandwidthApplicationID
					if about["tag"] != nil && about["tag"] != "" {
						about["tag"] = m.ID
					}
				}
				require.Equal(t, http.StatusNoContent, w.postEvents(h, list...))
			}
			s.Final.check(t, w, m)
		})
	}
}
