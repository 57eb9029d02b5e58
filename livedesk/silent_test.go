package livedesk_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// heardHealth keeps what the hook was told.
type heardHealth struct {
	mu   sync.Mutex
	told []livedesk.Health
}

func (h *heardHealth) warnings() (out []bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.told {
		out = append(out, t.Warning != "")
	}
	return out
}

// silentWorld is a desk on Bandwidth whose carrier posts the receipts that it is told to.
func silentWorld(t *testing.T, script func(smstest.Sent) []smstest.Step) (*world, *heardHealth) {
	var heard heardHealth
	w := newWorld(t, func(s *settings) {
		s.Bandwidth.Receipts = script
		s.Hooks.ChannelHealth = heard.hook
	})
	w.bandwidthChannel(nil)
	return w, &heard
}

func noReceipts(smstest.Sent) []smstest.Step { return nil }

// A text of which the carrier never speaks again is flagged wherever the desk shows it, whatever becomes of its neighbours,
// until a receipt comes after all.
func TestTextWithoutAnyReceipt(t *testing.T) {
	t.Parallel()
	w, _ := silentWorld(t, func(s smstest.Sent) []smstest.Step {
		if s.Body == "lost" {
			return nil
		}
		return []smstest.Step{{Status: channel.StatusSent}}
	})
	lost, sent := w.start(alice, "lost"), w.start(bob, "sent")
	w.settle()
	flagged := func(m livedesk.Message) []bool {
		one, err := w.desk.Message(w.ctx(), m.ID)
		require.NoError(t, err)
		out := []bool{one.Delivery.NoReceipt}
		latest, err := w.desk.Latest(w.ctx(), m.Conversation, 0, 0)
		require.NoError(t, err)
		for _, l := range append(latest, w.timeline(m.Conversation)...) {
			if l.ID == m.ID {
				out = append(out, l.Delivery.NoReceipt)
			}
		}
		return out
	}
	w.later(2*time.Hour + 59*time.Minute)
	require.Equal(t, []bool{false, false, false}, flagged(lost), "not before the carrier's time")
	w.later(2 * time.Minute)
	require.Equal(t, []bool{true, true, true}, flagged(lost))
	require.Equal(t, []bool{false, false, false}, flagged(sent))
	data, err := json.Marshal(w.message(lost.ID).Delivery)
	require.NoError(t, err)
	require.Contains(t, string(data), `"no_receipt":true`)
	err = w.bandwidth.Report(w.ctx(), w.message(lost.ID).ProviderID, smstest.Step{Word: "message-sending"})
	require.NoError(t, err)
	require.Equal(t, []bool{false, false, false}, flagged(lost), "it spoke, if only to say that it is sending")
}

// A carrier that accepts texts and never says another word is told of; texts go on, and the first receipt ends it.
func TestSilentCarrier(t *testing.T) {
	t.Parallel()
	w, heard := silentWorld(t, noReceipts)
	m := w.start(alice, "hello")
	w.settle()
	w.later(2*time.Hour + 59*time.Minute)
	require.Empty(t, w.health(w.engine).Warning, "not before the carrier's time")
	w.later(time.Hour + time.Minute)
	h := w.health(w.engine)
	require.Equal(t, livedesk.HealthOK, h.State)
	require.Contains(t, h.Warning, "within 3 h no receipt came for any")
	require.Equal(t, []bool{true}, heard.warnings())
	data, err := json.Marshal(h)
	require.NoError(t, err)
	require.Contains(t, string(data), `"warning":"the carrier accepts texts`)

	b := w.start(bob, "still sent")
	w.settle()
	require.Equal(t, livedesk.Accepted, w.state(b.ID), "it stops nothing")
	for range 5 {
		w.later(time.Hour)
		w.start(bob, "more")
	}
	w.settle()
	require.Equal(t, []bool{true}, heard.warnings(), "told once")
	require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, ""))
	require.NotEmpty(t, w.health(w.engine).Warning)
	require.NoError(t, w.desk.ResumeChannel(w.ctx(), w.ch.ID, host))

	require.NoError(t, w.carrier.Report(w.ctx(), w.message(m.ID).ProviderID, smstest.Step{Status: channel.StatusDelivered}))
	w.settle()
	require.Empty(t, w.health(w.engine).Warning)
	told := heard.warnings()
	require.False(t, told[len(told)-1])
}

// One text without a receipt among others that have theirs is bad luck; a carrier with receipts costs no job.
func TestNotSilent(t *testing.T) {
	t.Parallel()
	t.Run("receipts", func(t *testing.T) {
		t.Parallel()
		w, heard := silentWorld(t, nil)
		for range 10 {
			w.start(alice, "hello")
			w.settle()
			w.later(time.Hour)
		}
		require.Empty(t, w.health(w.engine).Warning)
		require.Empty(t, heard.warnings())
	})
	t.Run("one without", func(t *testing.T) {
		t.Parallel()
		w, heard := silentWorld(t, func(s smstest.Sent) []smstest.Step {
			if strings.Contains(s.Body, "unlucky") {
				return nil
			}
			return []smstest.Step{{Status: channel.StatusDelivered}}
		})
		w.start(alice, "unlucky")
		w.settle()
		w.later(time.Minute)
		w.start(bob, "hello")
		w.settle()
		w.later(10 * time.Hour)
		require.Empty(t, w.health(w.engine).Warning)
		require.Empty(t, heard.warnings())
	})
	t.Run("a carrier that promises none", func(t *testing.T) {
		t.Parallel()
		w := onTwilio(t)
		w.start(alice, "hello")
		w.settle()
		w.later(100 * time.Hour)
		require.Empty(t, w.health(w.engine).Warning)
	})
	t.Run("removed meanwhile", func(t *testing.T) {
		t.Parallel()
		w, heard := silentWorld(t, noReceipts)
		w.start(alice, "hello")
		w.settle()
		require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
		w.later(10 * time.Hour)
		require.Empty(t, heard.warnings())
	})
}

// Processes that begin anew each hour, and know nothing of each other, don't put it off.
func TestSilentCarrierAndManyProcesses(t *testing.T) {
	t.Parallel()
	w, _ := silentWorld(t, noReceipts)
	for range 5 {
		w.start(alice, "hello")
		w.settleOn(w.open())
		w.advance(time.Hour)
	}
	w.settleOn(w.open())
	require.NotEmpty(t, w.health(w.engine).Warning)
}

func (h *heardHealth) hook(_ context.Context, now livedesk.Health) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, now)
}
