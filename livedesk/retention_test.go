package livedesk_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

const dave = "+14155550104"

const month = 30 * 24 * time.Hour

func retaining(d time.Duration) option { return func(s *settings) { s.Retention = d } }

// resolve resolves a conversation.
func (w *world) resolveNow(id string) {
	w.t.Helper()
	_, err := w.desk.Resolve(w.ctx(), id, host)
	require.NoError(w.t, err)
}

// What was resolved long ago is deleted, and nothing else: who writes again begins anew, and who opted out stays so.
func TestRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t, retaining(month))
	w.twilioChannel(nil)
	w.text(alice, "hello")
	old := w.only()
	w.resolveNow(old.ID)
	w.text(bob, "STOP")
	w.text(carol, "is anybody there?")
	live := w.live(carol)
	w.later(month - 25*time.Hour)
	w.text(dave, "hello")
	young := w.live(dave)
	w.resolveNow(young.ID)
	require.Len(t, w.all(livedesk.List{}), 4)
	w.later(48 * time.Hour)
	left := map[string]bool{}
	for _, c := range w.all(livedesk.List{}) {
		left[c.ID] = true
	}
	require.Equal(t, map[string]bool{live.ID: true, young.ID: true}, left)
	_, err := w.desk.Conversation(w.ctx(), old.ID)
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	require.NotEmpty(t, w.timeline(live.ID))

	w.text(alice, "me again")
	again := w.live(alice)
	require.NotEqual(t, old.ID, again.ID)
	require.Equal(t, old.Contact, again.Contact, "the contact was kept")
	require.Equal(t, []string{"me again"}, w.incoming(alice))
	require.Equal(t, int64(1), w.timeline(again.ID)[0].Seq)
	_, err = w.desk.Start(w.ctx(), w.ch.ID, addr(bob), host, livedesk.Draft{Text: "an offer"})
	require.ErrorIs(t, err, livedesk.ErrOptedOut)
}

// A text that comes again is known by its key long after the conversation is gone, for 400 days, with and without retention.
func TestRetentionOfKeys(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, month} {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, retaining(d))
			w.twilioChannel(nil)
			w.text(alice, "hello")
			first := w.twilio.Webhooks()[0]
			w.resolveNow(w.only().ID)
			replay := func() {
				d, err := w.twilio.Replay(w.ctx(), first)
				require.NoError(t, err)
				require.True(t, d.OK())
				w.settle()
			}
			kept := 1
			if d > 0 {
				kept = 0
			}
			w.later(390 * 24 * time.Hour)
			replay()
			require.Len(t, w.all(livedesk.List{}), kept)
			w.later(12 * 24 * time.Hour)
			replay()
			require.Len(t, w.all(livedesk.List{}), kept+1, "after 400 days nobody knows it any more")
		})
	}
}

// Much is deleted slice by slice, as one piece of work, by whatever process comes.
func TestRetentionOfMuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, retaining(month))
	w.twilioChannel(nil)
	w.text(alice, "hello")
	c := w.only()
	w.resolveNow(c.ID)
	require.NoError(t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		var changes livedesk.Changes
		for i := range 2500 {
			changes.Messages = append(changes.Messages, livedesk.Message{Workspace: "main", ID: fmt.Sprint("note-", i), Conversation: c.ID,
				Channel: c.Channel, Contact: c.Contact, Seq: int64(100 + i), Kind: livedesk.Note})
		}
		return tx.Apply(ctx, changes)
	}))
	w.advance(month + 24*time.Hour)
	e := w.open()
	w.settleOn(e) // puts the work in place, for within ten minutes
	w.advance(time.Hour)
	w.settleOn(e)
	require.Empty(t, w.all(livedesk.List{}))
	require.NoError(t, w.store.View(w.ctx(), func(ctx context.Context, tx livedesk.ReadTx) error {
		rest, err := tx.Timeline(ctx, livedesk.TimelineQuery{Workspace: "main", Conversation: c.ID, Limit: 9})
		require.Empty(t, rest)
		return err
	}))
}

// A workspace without any news has its turn too, when a process begins; another workspace's is its own.
func TestRetentionAfterRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	w.text(alice, "hello")
	w.resolveNow(w.only().ID)
	w.later(2 * month)
	require.Len(t, w.all(livedesk.List{}), 1, "kept for ever")
	e := w.open(retaining(month))
	w.settleOn(e)
	require.Len(t, w.all(livedesk.List{}), 1)
	w.advance(time.Hour)
	w.settleOn(e)
	require.Empty(t, w.all(livedesk.List{}))
}

func TestRetentionIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, cfg := range []livedesk.Config{
		{Retention: -time.Second}, {Retention: 48 * time.Hour}, {Retention: time.Hour, ReopenWindow: -1},
		{Retention: month, ReopenWindow: 2 * month},
	} {
		_, err := livedesk.New(w.store, cfg)
		require.ErrorContains(t, err, "Retention")
	}
	_, err := livedesk.New(w.store, livedesk.Config{Retention: time.Second, ReopenWindow: -1, ReplyWindow: -1})
	require.NoError(t, err)
}
