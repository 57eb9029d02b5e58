package livedesk_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// removeAndAdd takes the world's channel away and adds its number again.
func (w *world) removeAndAdd(c livedesk.Channel) livedesk.Channel {
	w.t.Helper()
	require.NoError(w.t, w.desk.RemoveChannel(w.ctx(), c.ID))
	c.ID, c.Version = "", 0
	return w.put(c)
}

// A number that is added again is the channel that it was: above all, who said STOP to it stays opted out.
func TestOptOutSurvivesTheChannel(t *testing.T) { // F83
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.agents(w.ch.ID, 5, "ada")
		w.text(alice, "hello")
		w.text(alice, "STOP")
		w.text(bob, "hello")
		waits := w.reply(w.live(bob).ID, "not from an earlier life")
		before := w.ch
		require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, "x"))
		w.advance(time.Minute)
		w.ch = w.removeAndAdd(w.ch)
		require.Equal(t, before.ID, w.ch.ID)
		got, err := w.desk.Channel(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		require.Equal(t, w.ch, got, "the version too")
		require.Equal(t, livedesk.HealthOK, w.health(w.engine).State, "a pause doesn't survive it")
		_, err = w.desk.Start(w.ctx(), w.ch.ID, alice, host, livedesk.Draft{Text: "come back"})
		require.ErrorIs(t, err, livedesk.ErrOptedOut)
		w.later(time.Minute)
		require.Equal(t, livedesk.Canceled, w.state(waits.ID))
		members, err := w.desk.Members(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"ada"}, members)
		m := w.reply(w.live(bob).ID, "here we are again")
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		m = w.reply(w.live(bob).ID, "and a setting later")
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
		w.ch = w.removeAndAdd(w.ch)
		require.Equal(t, before.ID, w.ch.ID, "as often as one likes")
	})
}

// The number counts, not the account that it is on.
func TestOptOutSurvivesTheAccount(t *testing.T) { // F83
	t.Parallel()
	w := newWorld(t)
	first := w.twilioChannel(nil)
	w.text(alice, "STOP")
	require.NoError(t, w.desk.RemoveChannel(w.ctx(), first.ID))
	other, err := w.engine.Desk("other").PutChannel(w.ctx(), livedesk.Channel{Provider: "twilio", Values: twilio.Setup{Name: "x",
		PhoneNumber: smstest.TwilioNumber, AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken)}.Values()})
	require.NoError(t, err)
	require.NotEqual(t, first.ID, other.ID, "nothing crosses between workspaces")
	c := w.bandwidthChannel(func(c *livedesk.Channel) { c.Values["phone_number"] = string(smstest.TwilioNumber) })
	require.Equal(t, first.ID, c.ID)
	_, err = w.desk.Start(w.ctx(), c.ID, alice, host, livedesk.Draft{Text: "come back"})
	require.ErrorIs(t, err, livedesk.ErrOptedOut)
	third := w.twilioChannel(nil)
	require.NotEqual(t, first.ID, third.ID, "while that one lives, the number on another account is another channel")
}

// Two who add a removed number at once make one channel of it.
func TestReturningChannelRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.twilioChannel(nil)
	require.NoError(t, w.desk.RemoveChannel(w.ctx(), c.ID))
	c.ID, c.Version = "", 0
	var all sync.WaitGroup
	var mu sync.Mutex
	var won []string
	for range 8 {
		e := w.open()
		all.Go(func() {
			got, err := e.Desk("main").PutChannel(context.Background(), c)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, got.ID)
			} else if fields(err)[0] != "phone_number" {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Len(t, won, 1)
}

// Credentials outlive the last channel of their account for the window, and no longer.
func TestCredentialsAreForgotten(t *testing.T) { // F149
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		connections := func() (n int) {
			for _, o := range w.everyObject() {
				if o.Kind == "connection" && !o.Deleted {
					n++
				}
			}
			return n
		}
		w.ch = w.removeAndAdd(w.ch)
		w.later(25 * time.Hour)
		require.Equal(t, 1, connections(), "it has a channel again")
		w.text(alice, "still there?")
		require.Len(t, w.incoming(alice), 1)

		require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
		w.later(24*time.Hour - time.Second)
		require.Equal(t, 204, w.via(w.carrier, w.engine, w.url, "acknowledged"), "so that the carrier doesn't repeat it")
		require.Equal(t, 1, connections())
		w.later(time.Second)
		require.Zero(t, connections())
		require.Equal(t, 404, w.via(w.carrier, w.engine, w.url, "unknown"))
		require.Equal(t, 404, w.via(w.carrier, w.open(), w.url, "unknown"))
		again := w.ch
		again.ID, again.Version = "", 0
		_, err := w.desk.PutChannel(w.ctx(), again)
		require.NotEmpty(t, fields(err), "credentials are required anew")
	})
}

// A channel that is added in the moment in which its account is forgotten is told to bring credentials; it is never left
// without an account.
func TestForgettingRacesWithAdding(t *testing.T) {
	t.Parallel()
	var store switchable
	w := newWorld(t, func(s *settings) { s.Wrap = store.wrap })
	c := w.twilioChannel(nil)
	second := w.open()
	require.NoError(t, w.desk.RemoveChannel(w.ctx(), c.ID))
	w.advance(24 * time.Hour)
	c.ID, c.Version = "", 0
	store.set(func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
		store.set(nil) // PutChannel has read what there is, and is about to write
		w.settleOn(second)
		return inner.Update(ctx, fn)
	})
	_, err := w.desk.PutChannel(w.ctx(), c)
	require.Equal(t, []string{"auth_token"}, fields(err))
	list, err := w.desk.Channels(w.ctx())
	require.NoError(t, err)
	require.Empty(t, list)

	// The other way round the account stays.
	c = w.twilioChannel(nil)
	require.NoError(t, w.desk.RemoveChannel(w.ctx(), c.ID))
	w.advance(24 * time.Hour)
	c.ID, c.Version = "", 0
	w.ch = w.put(c)
	w.settleOn(second)
	require.Equal(t, livedesk.HealthOK, w.health(second).State)
}

// A channel's settings are edited while it works: its number too, and the other processes follow.
func TestChannelIsEditedAtRunTime(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		second := w.open()
		w.text(alice, "hello")
		before, number := w.ch, map[string]string{"twilio": "+15105550101", "bandwidth": "+19195550101"}[w.ch.Provider]
		w.change(func(c *livedesk.Channel) { c.Values["phone_number"], c.Values["name"] = number, "Moved" })
		require.Equal(t, before.ID, w.ch.ID)
		m := w.reply(w.only().ID, "from the new number")
		require.NoError(t, second.Settle(w.ctx()))
		require.NoError(t, w.carrier.Wait(w.ctx()))
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
		require.EqualValues(t, number, w.carrier.Sent()[0].From)
		w.deliver(smstest.Text{From: alice, To: addr(number), Body: "to the new number"})
		require.Len(t, w.incoming(alice), 2)
		w.deliver(smstest.Text{From: alice, To: addr(before.Values["phone_number"]), Body: "to nobody's number"})
		require.EqualValues(t, 1, w.engine.Ignored())
		again := before
		again.ID, again.Version = "", 0
		require.NotEqual(t, before.ID, w.put(again).ID, "the old number is free")
		h, err := second.Desk("main").Health(w.ctx(), w.ch.ID)
		require.NoError(t, err)
		require.Equal(t, "Moved", h.Name)
	})
}

// What was queued when a channel is removed is canceled, with its reason.
func TestRemovedChannelCancelsItsQueue(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Disabled = false })
		queued := w.startMany(30)
		require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
		_, err := w.desk.Health(w.ctx(), w.ch.ID)
		require.ErrorIs(t, err, livedesk.ErrNotFound)
		w.settle()
		for _, m := range queued {
			d := w.message(m.ID).Delivery
			require.Equal(t, livedesk.Canceled, d.State)
			require.EqualValues(t, "config", d.Reason)
			require.Zero(t, d.Attempts)
		}
		require.Zero(t, w.sends())
	})
}

// A provider whose channels have no number has nothing to come back by.
func TestRemovedChannelWithoutNumber(t *testing.T) {
	t.Parallel()
	w := onPaper(t, &paper{noNumber: true})
	first := w.put(paperChannel(nil))
	require.NoError(t, w.desk.RemoveChannel(w.ctx(), first.ID))
	require.NotEqual(t, first.ID, w.put(paperChannel(nil)).ID)
}
