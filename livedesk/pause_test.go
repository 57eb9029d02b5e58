package livedesk_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/sms"
)

// A person pauses a channel: texts go on to be accepted and wait, in every process, until it is resumed.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		var heard told
		first := w.open(heard.option)
		desk := first.Desk("main")
		ada := livedesk.AgentActor("ada")
		m := w.start(alice, "before")
		require.NoError(t, desk.PauseChannel(w.ctx(), w.ch.ID, ada, "  carrier maintenance "))
		began := w.clock()
		w.settleAll(w.fleet(3))
		w.later(time.Minute)
		n := w.start(bob, "meanwhile")
		w.text(carol, "are you there?")
		w.later(time.Minute)
		require.Zero(t, w.sends())
		require.Equal(t, livedesk.Queued, w.state(m.ID))
		require.Equal(t, livedesk.Queued, w.state(n.ID))
		require.Equal(t, []string{"are you there?"}, w.incoming(carol))
		h := w.health(w.engine)
		require.Equal(t, livedesk.Health{Workspace: "main", Channel: w.ch.ID, Name: w.ch.Name(), State: livedesk.HealthPaused,
			Reason: "carrier maintenance", Since: began, By: ada}, h)

		require.NoError(t, desk.PauseChannel(w.ctx(), w.ch.ID, host, ""))
		h = w.health(w.engine)
		require.Equal(t, began, h.Since, "it was paused all the time")
		require.Equal(t, host, h.By)
		require.NotEmpty(t, h.Reason)
		require.NoError(t, first.Settle(w.ctx()))
		require.Equal(t, []livedesk.HealthState{livedesk.HealthPaused}, heard.states(), "told once")

		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		require.Equal(t, livedesk.HealthPaused, w.health(w.engine).State, "settings don't resume it")
		require.NoError(t, desk.ResumeChannel(w.ctx(), w.ch.ID, ada))
		require.NoError(t, desk.ResumeChannel(w.ctx(), w.ch.ID, host), "again changes nothing")
		h = w.health(w.engine)
		require.Equal(t, livedesk.HealthOK, h.State)
		require.Equal(t, ada, h.By)
		require.Equal(t, w.clock(), h.Since)
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
		require.Equal(t, livedesk.Delivered, w.state(n.ID))
		require.NoError(t, first.Settle(w.ctx()))
		require.Equal(t, []livedesk.HealthState{livedesk.HealthOK}, heard.states())
		err := desk.PauseChannel(w.ctx(), w.ch.ID, ada, strings.Repeat("x", 201))
		require.NotEmpty(t, field(t, err, "why"))
	})
}

// A pause and trouble at the same time: the person's word stands, and what is behind it comes to light afterwards.
func TestPauseOverTrouble(t *testing.T) {
	t.Parallel()
	p := &paper{}
	w := onPaper(t, p)
	w.ch = w.put(paperChannel(nil))
	p.answer(func(channel.Outbound) error { return refusedCredentials() })
	w.start(alice, "hello")
	w.settle()
	since := w.health(w.engine).Since
	w.advance(5 * time.Second)
	require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, "x"))
	require.Equal(t, livedesk.HealthPaused, w.health(w.engine).State)
	require.Zero(t, w.health(w.engine).NextProbe)
	for range 5 {
		w.later(time.Minute)
	}
	require.Len(t, p.tried(), 1, "a paused channel isn't probed")
	require.NoError(t, w.desk.ResumeChannel(w.ctx(), w.ch.ID, host))
	h := w.health(w.engine)
	require.Equal(t, livedesk.HealthRefused, h.State)
	require.Equal(t, since, h.Since)
	require.Equal(t, "20003", h.Code)
	w.settle()
	require.Len(t, p.tried(), 2)
	// Whoever mended the account at the carrier needn't wait for the minute.
	p.answer(nil)
	w.settle()
	require.Len(t, p.tried(), 2)
	require.NoError(t, w.desk.ResumeChannel(w.ctx(), w.ch.ID, host))
	w.later(time.Minute)
	require.Equal(t, livedesk.HealthOK, w.health(w.engine).State)
}

// manyChannels is a desk with n channels on one account, and the id of one of them.
func manyChannels(b *testing.B, n int) (*livedesk.Desk, string) {
	e, err := livedesk.New(memstore.New(), livedesk.Config{PublicURL: publicURL, Providers: []sms.Provider{&paper{}},
		Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	d, id := e.Desk("main"), ""
	for i := range n {
		c, err := d.PutChannel(b.Context(), paperChannel(func(v livedesk.Values) { v["phone_number"] = fmt.Sprintf("+1510555%04d", i) }))
		require.NoError(b, err)
		id = c.ID
	}
	return d, id
}

// A change of one channel's health costs the same however many there are: a carrier that breaks down concerns them all.
func BenchmarkPause(b *testing.B) {
	for _, n := range []int{1, 500} {
		b.Run(fmt.Sprint("of ", n), func(b *testing.B) {
			d, id := manyChannels(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if errors.Join(d.PauseChannel(b.Context(), id, host, ""), d.ResumeChannel(b.Context(), id, host)) != nil {
					b.Fatal("failed")
				}
			}
		})
	}
}
