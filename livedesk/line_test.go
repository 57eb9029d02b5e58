package livedesk_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// Many who can't be placed because of their channel's limit stand before one of another channel who can: that one is found,
// at once, however many they are.
func TestLimitedHeadsStarveNobody(t *testing.T) { // I11
	t.Parallel()
	many := 1100
	if testing.Short() {
		many = 120
	}
	w := newWorld(t)
	limited := w.twilioChannel(func(c *livedesk.Channel) { c.Assignment.Limit = 1 })
	w.agent("ada", 2)
	w.presence("ada", livedesk.Online)
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"ada"}))
	_, err := w.desk.PutRules(w.ctx(), livedesk.RuleSet{Rules: []routing.Rule{{ID: "all", Condition: routing.Condition{Always: true},
		Targets: []routing.Target{{Kind: routing.ToTeam, ID: "night"}}}}})
	require.NoError(t, err)
	require.NoError(t, w.desk.SetOutsideLoad(w.ctx(), "ada", 1))
	for i := range many {
		w.deliver(helloFrom(fmt.Sprintf("+1415556%04d", i)))
		w.advance(time.Second)
	}
	w.bandwidthChannel(nil)
	w.text(alice, "hello")
	require.Equal(t, "team:night", w.live(alice).Queue, "ada has no room")
	w.agent("ada", 3) // for alice, without going on later
	require.Equal(t, "ada", w.live(alice).Assignee)
	w.agent("ada", 9)
	w.text(bob, "hello")
	require.Equal(t, "ada", w.live(bob).Assignee, "nobody before bob can be placed")
	require.Len(t, w.all(livedesk.List{Channel: limited.ID, Assignee: "ada"}), 1)
}

// Who is found behind those whom a limit bars has waited as long as before: nobody of another line who came later goes first.
func TestFoundBehindOthersKeepsTheirTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) { c.Assignment.Limit = 1 })
	w.agent("ada", 2)
	w.presence("ada", livedesk.Online)
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"ada"}))
	w.rules(says("hello", toTeam("night")))
	require.NoError(t, w.desk.SetOutsideLoad(w.ctx(), "ada", 1))
	for i := range 50 {
		w.deliver(helloFrom(phone(i)))
		w.advance(time.Second)
	}
	require.Equal(t, 1, w.load("ada"))
	w.bandwidthChannel(nil)
	require.NoError(t, w.desk.SetMembers(w.ctx(), w.ch.ID, []string{"ada"}))
	w.text(alice, "hello")
	w.advance(time.Second)
	w.text(bob, "for anybody")
	require.Equal(t, "team:night", w.live(alice).Queue)
	require.Equal(t, livedesk.ChannelQueue(w.ch.ID), w.live(bob).Queue)
	w.agent("ada", 3)
	require.Equal(t, "ada", w.live(alice).Assignee)
	require.Empty(t, w.live(bob).Assignee)
}

// Those who wait for their channel's opening hide nobody of an open channel in a line that both share.
func TestClosedChannelStarvesNobody(t *testing.T) { // I11
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	w.agent("cy", 3)
	w.presence("cy", livedesk.Online)
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"cy"}))
	w.rules(routing.Rule{ID: "all", Condition: routing.Condition{Always: true}, Targets: []routing.Target{toTeam("night")}})
	w.closes(office(), livedesk.ClosedHours{HumansWait: true})
	w.paris("2026-03-06 20:00")
	for i := range 80 {
		w.deliver(textFrom(phone(i), "hello"))
	}
	w.settle()
	w.bandwidthChannel(nil)
	require.NoError(t, w.desk.SetPresence(w.ctx(), "cy", livedesk.Offline, 0))
	w.text(alice, "hello")
	require.Equal(t, "team:night", w.live(alice).Queue)
	require.NoError(t, w.desk.SetPresence(w.ctx(), "cy", livedesk.Online, 30*24*time.Hour))
	require.Equal(t, "cy", w.live(alice).Assignee)
	w.text(bob, "hello")
	require.Equal(t, "cy", w.live(bob).Assignee)
	require.Equal(t, 2, w.load("cy"))
	w.paris("2026-03-09 09:00")
	require.Equal(t, 3, w.load("cy"), "and then it is their turn")
}

// Who comes while a long line is being served goes behind those who wait in it.
func TestNewcomersDontOvertake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 1, "ada")
	for i := range 100 {
		w.deliver(smstest.Text{From: addr(phone(i)), Body: "hello"})
		w.advance(time.Second)
	}
	w.settle()
	w.agent("ada", 60) // of whom one transaction gives some
	require.Less(t, w.load("ada"), 60)
	w.deliver(smstest.Text{From: alice, Body: "hello"})
	require.Empty(t, w.live(alice).Assignee)
	w.settle()
	require.Equal(t, 60, w.load("ada"))
	for i := range 100 {
		require.Equal(t, i < 60, w.live(phone(i)).Assignee == "ada", "the %dth", i)
	}
	require.Empty(t, w.live(alice).Assignee)
	w.agent("ada", 0)
	w.settle()
	require.Equal(t, "ada", w.live(alice).Assignee)
}

// locksHeads has the waiting conversations locked by somebody else, as a customer's text does who writes while waiting.
type locksHeads struct {
	livedesk.Store
	on atomic.Bool
}

func (s *locksHeads) Durable() bool { return false }

func (s *locksHeads) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	return s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return fn(ctx, &headless{tx, s}) })
}

type headless struct {
	livedesk.Tx
	s *locksHeads
}

func (t *headless) Queues(ctx context.Context, q livedesk.QueueQuery) (livedesk.Roster, error) {
	found, err := t.Tx.Queues(ctx, q)
	for i := range found.Queues {
		if row := &found.Queues[i]; t.s.on.Load() && len(row.Waiting) > 0 {
			row.Waiting, row.More = nil, true
		}
	}
	return found, err
}

// Who is locked at the moment when a place comes free is looked at again.
func TestLockedHeadsAreServedLater(t *testing.T) {
	t.Parallel()
	var store locksHeads
	w := newWorld(t, func(s *settings) {
		s.Wrap = func(s livedesk.Store) livedesk.Store { store.Store = s; return &store }
	})
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 1, "ada")
	w.presence("ada", livedesk.Offline)
	w.text(alice, "hello")
	store.on.Store(true)
	w.presence("ada", livedesk.Online)
	w.settle()
	require.Empty(t, w.live(alice).Assignee)
	w.later(time.Second)
	require.Empty(t, w.live(alice).Assignee, "still locked")
	store.on.Store(false)
	w.later(time.Second)
	require.Equal(t, "ada", w.live(alice).Assignee)
}

func helloFrom(from string) smstest.Text { return smstest.Text{From: addr(from), Body: "hello"} }
