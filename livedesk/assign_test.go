package livedesk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

func phone(i int) string { return fmt.Sprintf("+1415555%04d", i) }

// audit checks at every commit that each agent's load is what a recount gives, and at most limit, and that nobody waits
// who is assigned.
func audit(t *testing.T, limit int) func(livedesk.Store) livedesk.Store {
	check := func(ctx context.Context, tx livedesk.ReadTx) error {
		agents, err := tx.Agents(ctx, "main", nil)
		if err != nil {
			return err
		}
		open, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "main", Limit: 1000})
		if err != nil {
			return err
		}
		held := map[string]int{}
		for _, c := range open {
			if c.State == livedesk.Open && c.Assignee != "" {
				held[c.Assignee]++
			}
			if c.Queue != "" && (c.Assignee != "" || c.State != livedesk.Open) {
				t.Errorf("conversation is %s, with %q, and waits", c.State, c.Assignee)
			}
		}
		for _, a := range agents {
			if a.Load != held[a.ID] || a.Load > limit {
				t.Errorf("agent %s: load %d, recount %d, limit %d", a.ID, a.Load, held[a.ID], limit)
			}
		}
		return nil
	}
	var one sync.Mutex // no commit between a commit and its check
	return func(inner livedesk.Store) livedesk.Store {
		return &storeWrap{inner, func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
			one.Lock()
			defer one.Unlock()
			if err := inner.Update(ctx, fn); err != nil {
				return err
			}
			return inner.View(context.WithoutCancel(ctx), check)
		}}
	}
}

// Customers, agents and presence at once, over two engines: at no commit has anybody more than their capacity.
func TestCapacityHoldsUnderLoad(t *testing.T) { // F97, F99, F100, I9, I10, I11
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.Wrap = audit(t, 3) })
	w.bandwidthChannel(nil)
	names := []string{"ada", "bo", "cy", "di"}
	w.agents(w.ch.ID, 3, names...)
	second := w.open()
	require.NoError(t, second.Settle(w.ctx()))
	var hooks []smstest.Webhook
	for i := range 96 {
		hooks = append(hooks, w.genuine(smstest.Text{From: addr(phone(i)), Body: "hello"}))
	}
	var all sync.WaitGroup
	for g := range 32 {
		all.Go(func() {
			desk := w.desk
			if g%2 == 1 {
				desk = second.Desk("main")
			}
			for i := range 6 {
				switch {
				case i < 3:
					if s := w.call(request(hooks[g*3+i], "")).StatusCode; s != 204 {
						t.Errorf("status %d", s)
					}
				case i == 3:
					if err := desk.SetPresence(w.ctx(), names[rand.IntN(4)], []livedesk.Presence{livedesk.Online, livedesk.Offline, livedesk.Busy}[rand.IntN(3)], 0); err != nil {
						t.Error(err)
					}
				default:
					p, err := desk.Conversations(w.ctx(), livedesk.List{States: []livedesk.State{livedesk.Open}, Assignee: names[rand.IntN(4)]})
					if err != nil {
						t.Error(err)
					}
					for _, c := range p.Items {
						_, _ = desk.Resolve(w.ctx(), c.ID, host)
					}
				}
			}
		})
	}
	all.Wait()
	for _, n := range names {
		w.presence(n, livedesk.Online)
	}
	w.settle()
	waiting, held := 0, 0
	for _, c := range w.all(livedesk.List{States: []livedesk.State{livedesk.Open}}) {
		if c.Queue != "" {
			waiting++
		} else {
			held++
		}
	}
	require.True(t, waiting == 0 || held == 12, "%d wait while %d places of 12 are taken", waiting, held)
}

// Every event that can free a place serves those who wait, at once.
func TestWaitingAreServedAtOnce(t *testing.T) { // R19, I11
	t.Parallel()
	for name, c := range map[string]struct {
		before func(w *world) // makes sure that the text waits
		free   func(w *world)
	}{
		"an agent comes on line": {
			func(w *world) { w.presence("ada", livedesk.Offline) }, func(w *world) { w.presence("ada", livedesk.Online) }},
		"an agent is back from busy": {
			func(w *world) { w.presence("ada", livedesk.Busy) }, func(w *world) { w.presence("ada", livedesk.Online) }},
		"a conversation is resolved": {
			func(w *world) { w.text(bob, "hi") }, func(w *world) { _, err := w.desk.Resolve(w.ctx(), w.live(bob).ID, host); require.NoError(w.t, err) }},
		"a conversation is snoozed": {
			func(w *world) { w.text(bob, "hi") },
			func(w *world) {
				_, err := w.desk.Snooze(w.ctx(), w.live(bob).ID, host, time.Time{})
				require.NoError(w.t, err)
			}},
		"a conversation is given to somebody else": {
			func(w *world) { w.text(bob, "hi"); w.agent("bo", 1) },
			func(w *world) {
				_, err := w.desk.Assign(w.ctx(), w.live(bob).ID, "bo", host)
				require.NoError(w.t, err)
			}},
		"capacity is raised": {
			func(w *world) { w.text(bob, "hi") }, func(w *world) { w.agent("ada", 2) }},
		"capacity is taken away as a limit": {
			func(w *world) { w.text(bob, "hi") }, func(w *world) { w.agent("ada", 0) }},
		"a member is added": {
			func(w *world) {
				require.NoError(w.t, w.desk.SetMembers(w.ctx(), w.ch.ID, nil))
			}, func(w *world) { require.NoError(w.t, w.desk.SetMembers(w.ctx(), w.ch.ID, []string{"ada"})) }},
		"outside load falls": {
			func(w *world) { require.NoError(w.t, w.desk.SetOutsideLoad(w.ctx(), "ada", 1)) },
			func(w *world) { require.NoError(w.t, w.desk.SetOutsideLoad(w.ctx(), "ada", 0)) }},
		"automatic assignment is switched on": {
			func(w *world) { w.change(func(c *livedesk.Channel) { c.Assignment.Manual = true }) },
			func(w *world) {
				w.change(func(c *livedesk.Channel) { c.Assignment.Manual = false })
				w.later(time.Second)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bandwidthChannel(nil)
			w.agents(w.ch.ID, 1, "ada")
			c.before(w)
			w.text(alice, "hello")
			waiting := w.live(alice)
			require.Empty(t, waiting.Assignee)
			require.Equal(t, livedesk.ChannelQueue(w.ch.ID), waiting.Queue)
			require.False(t, waiting.QueuedAt.IsZero())
			c.free(w)
			now := w.live(alice)
			require.Equal(t, "ada", now.Assignee)
			require.Empty(t, now.Queue)
			require.True(t, now.QueuedAt.IsZero())
			d := w.decided(now.ID)
			require.Equal(t, []any{w.clock(), livedesk.TierQueue, livedesk.ChannelQueue(w.ch.ID), "ada"}, []any{d.At, d.Tier, d.Queue, d.Agent})
			require.Equal(t, []string{"least_loaded"}, w.causes(now.ID, "assigned"))
		})
	}
}

// Priority first, then who waits longest.
func TestOrderOfTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 1)
	for i := range 6 {
		w.text(phone(i), "hello")
		w.advance(time.Minute)
	}
	for i, p := range map[int]int{1: -1, 3: 2, 4: 2, 5: 1} {
		_, err := w.desk.SetDetails(w.ctx(), w.live(phone(i)).ID, host, livedesk.Details{Priority: new(p)})
		require.NoError(t, err)
	}
	w.agents(w.ch.ID, 1, "ada")
	for _, want := range []int{3, 4, 5, 0, 2, 1} {
		mine := w.all(livedesk.List{Assignee: "ada", States: []livedesk.State{livedesk.Open}})
		require.Len(t, mine, 1)
		require.Equal(t, addr(phone(want)), mine[0].Address)
		w.advance(time.Second)
		_, err := w.desk.Resolve(w.ctx(), mine[0].ID, host)
		require.NoError(t, err)
	}
	require.Zero(t, w.load("ada"))
}

// Who waits is ordered by when the wait began, not by when the conversation did.
func TestOrderOfWhoIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 1, "ada")
	w.text(alice, "hello")
	w.text(bob, "hello")
	w.presence("ada", livedesk.Offline)
	w.advance(time.Second)
	_, err := w.desk.Unassign(w.ctx(), w.live(alice).ID, host)
	require.NoError(t, err)
	w.presence("ada", livedesk.Online)
	require.Equal(t, "ada", w.live(bob).Assignee)
	require.Empty(t, w.live(alice).Assignee)
}

// A turn is a turn whatever somebody has in hand, unless the capacity is to be honoured; nobody who had room, or needs none, is
// said to be full.
func TestRoundRobinAndCapacity(t *testing.T) {
	t.Parallel()
	for mode, want := range map[livedesk.Mode][]int{livedesk.RoundRobin: {2, 2}, livedesk.RoundRobinCapped: {1, 1}} {
		w := newWorld(t)
		w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.Mode = mode })
		w.agents(w.ch.ID, 1, "ada", "bo")
		for i := range 4 {
			w.text(phone(i), "hello")
		}
		require.Equal(t, want, []int{w.load("ada"), w.load("bo")}, mode)
		full := []livedesk.Skipped{{Agent: "ada", Why: livedesk.SkipFull}, {Agent: "bo", Why: livedesk.SkipFull}}
		if mode == livedesk.RoundRobin {
			full = nil
		}
		require.Equal(t, full, w.decided(w.live(phone(3)).ID).Skipped, mode)
	}
}

// A team's line goes by who has least in hand, whatever the channel's mode.
func TestTeamsAreLeastLoaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.Mode = livedesk.RoundRobin })
	for id, n := range map[string]int{"ada": 10, "bo": 2} {
		w.agent(id, n)
		w.presence(id, livedesk.Online)
	}
	require.NoError(t, w.desk.SetOutsideLoad(w.ctx(), "ada", 2))
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"ada", "bo"}))
	w.rules(says("hello", toTeam("night")))
	for i := range 2 { // the second is bo's again: one is less than two, though half is more than a fifth
		w.text(phone(i), "hello")
		require.Equal(t, "bo", w.live(phone(i)).Assignee)
	}
	require.Equal(t, []string{"least_loaded"}, w.causes(w.live(phone(0)).ID, "assigned"))
}

// Who gets the same conversation back is explained like any other.
func TestKeptConversationIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 1, "ada")
	w.text(alice, "hello")
	_, err := w.desk.Resolve(w.ctx(), w.live(alice).ID, host)
	require.NoError(t, err)
	w.advance(time.Minute)
	w.text(alice, "again")
	require.Equal(t, livedesk.Decision{
		At: w.clock(), Cause: routing.CauseReopened, Tier: livedesk.TierBefore, Agent: "ada",
		Looked: []livedesk.Look{{Tier: livedesk.TierBefore, Result: livedesk.LookDecided}},
	}, w.decided(w.live(alice).ID))
}

// While nobody can be served there is nothing to do, however many wait.
func TestNothingIsDueWhileNobodyCanBeServed(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(w *world){
		"full":   func(w *world) { w.agent("ada", 1) },
		"manual": func(w *world) { w.change(func(c *livedesk.Channel) { c.Assignment.Manual = true }) },
		"closed": func(w *world) { w.closes(hours.Schedule{Zone: "UTC"}, livedesk.ClosedHours{HumansWait: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withCounts)
			w.bandwidthChannel(nil)
			w.agents(w.ch.ID, 1, "ada")
			w.presence("ada", livedesk.Offline)
			for i := range 50 {
				w.deliver(helloFrom(phone(i)))
			}
			stop(w)
			w.later(time.Hour)
			w.presence("ada", livedesk.Online)
			w.settle()
			w.deliver(helloFrom(alice))
			w.advance(time.Second)
			require.Equal(t, &livedesk.JobCounts{}, w.engine.Health(w.ctx()).Jobs)
		})
	}
}

// Who is in two lines takes the longest waiting of both, whichever line it is in.
func TestOrderOverLines(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]bool{"of the first channel": true, "of the second channel": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			other := w.twilioChannel(nil)
			w.agents(other.ID, 1, "ada")
			w.bandwidthChannel(nil)
			w.agents(w.ch.ID, 1, "ada")
			w.presence("ada", livedesk.Offline)
			for i := range 2 {
				if (i == 0) == first {
					_, err := w.twilio.Deliver(w.ctx(), helloFrom(phone(i)))
					require.NoError(t, err)
				} else {
					w.deliver(helloFrom(phone(i)))
				}
				w.advance(time.Second)
			}
			w.presence("ada", livedesk.Online)
			require.Equal(t, "ada", w.live(phone(0)).Assignee)
			require.Empty(t, w.live(phone(1)).Assignee)
		})
	}
}

// More wait than one transaction looks at: all are served, none is forgotten.
func TestLongQueue(t *testing.T) { // I11
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.Wrap = audit(t, 200) })
	w.bandwidthChannel(nil)
	for i := range 100 {
		w.deliver(smstest.Text{From: addr(phone(i)), Body: "hello"})
	}
	w.agents(w.ch.ID, 90, "ada")
	w.settle()
	require.Equal(t, 90, w.load("ada"))
	n, err := w.desk.Counts(w.ctx(), livedesk.CountQuery{Agent: "ada"})
	require.NoError(t, err)
	require.Equal(t, 10, n.Unassigned)
	require.Equal(t, 90, n.Mine)
}

// A channel may be the host's to assign: nothing else chooses, and what the host does works as everywhere.
func TestHostAssignedChannel(t *testing.T) {
	t.Parallel()
	asked := false
	w := newWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: echo{}}), func(s *settings) {
		s.Router = routing.RouterFunc(func(routing.Facts) routing.Decision { asked = true; return routing.Decision{} })
	})
	w.bandwidthChannel(func(c *livedesk.Channel) {
		c.UseAI, c.AIAgents = true, []string{"bot"}
		c.Assignment = livedesk.Assignment{HostAssigned: true, StickyDays: 9}
	})
	w.agents(w.ch.ID, 1, "ada")
	w.agent("bo", 1)
	w.presence("bo", livedesk.Online)
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"bo"}))
	rule := routing.Rule{ID: "all", Condition: routing.Condition{Always: true}, Targets: []routing.Target{{Kind: routing.ToTeam, ID: "night"}}, AddLabels: []string{"seen"}}
	_, err := w.desk.PutRules(w.ctx(), livedesk.RuleSet{Rules: []routing.Rule{rule}})
	require.NoError(t, err)
	waits := func() {
		t.Helper()
		c := w.live(alice)
		require.Equal(t, livedesk.Open, c.State)
		require.Empty(t, c.Assignee)
		require.Equal(t, livedesk.ChannelQueue(w.ch.ID), c.Queue)
		require.Empty(t, c.Labels)
	}
	w.text(alice, "hello")
	waits()
	d := w.decided(w.live(alice).ID)
	require.Equal(t, []livedesk.Look{{Tier: livedesk.TierHumans, Result: livedesk.LookWaits}}, d.Looked)
	would, err := w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID, Text: "hello"})
	require.NoError(t, err)
	require.Empty(t, would.Decision.Agent+would.Decision.AI)
	w.presence("ada", livedesk.Offline)
	w.presence("ada", livedesk.Online)
	waits()
	c, err := w.desk.Assign(w.ctx(), w.live(alice).ID, "ada", host)
	require.NoError(t, err)
	require.Equal(t, "ada", c.Assignee)
	_, err = w.desk.Unassign(w.ctx(), c.ID, host)
	require.NoError(t, err)
	waits()
	c, err = w.desk.Transfer(w.ctx(), c.ID, routing.Target{Kind: routing.ToTeam, ID: "night"}, host)
	require.NoError(t, err)
	require.Equal(t, "bo", c.Assignee)
	require.False(t, asked)
	w.change(func(c *livedesk.Channel) { c.Assignment.HostAssigned = false })
	w.text(bob, "hello")
	require.Equal(t, "team:night", w.live(bob).Queue)
	require.True(t, asked)
}

// A channel may leave the choice to people.
func TestManualChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.Manual = true })
	w.agents(w.ch.ID, 1, "ada")
	w.text(alice, "hello")
	w.text(bob, "hello")
	require.Empty(t, w.live(alice).Assignee)
	for _, from := range []string{alice, bob} { // what a person assigns may exceed the capacity
		c, err := w.desk.Assign(w.ctx(), w.live(from).ID, "ada", host)
		require.NoError(t, err)
		require.Equal(t, "ada", c.Assignee)
		require.Empty(t, c.Queue)
	}
	require.Equal(t, 2, w.load("ada"))
	c, err := w.desk.Unassign(w.ctx(), w.live(alice).ID, host)
	require.NoError(t, err)
	require.Empty(t, c.Assignee)
	require.Equal(t, 1, w.load("ada"))
	_, err = w.desk.Assign(w.ctx(), c.ID, "nobody", host)
	require.ErrorIs(t, err, livedesk.ErrNotFound)
}

// Presence is leased: a lapse is off line, without anybody saying so.
func TestPresenceLapses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 5, "ada")
	require.NoError(t, w.desk.SetPresence(w.ctx(), "ada", livedesk.Online, time.Minute))
	w.text(alice, "hello")
	require.Equal(t, "ada", w.live(alice).Assignee)
	w.later(time.Minute)
	w.text(bob, "hello")
	require.Empty(t, w.live(bob).Assignee)
	require.Equal(t, "ada", w.live(alice).Assignee, "what is held stays")
	require.NoError(t, w.desk.SetPresence(w.ctx(), "ada", livedesk.Online, time.Minute))
	require.Equal(t, "ada", w.live(bob).Assignee)
	list, err := w.desk.Agents(w.ctx())
	require.NoError(t, err)
	require.Equal(t, livedesk.Online, list[0].PresentAt(w.clock()))
	require.Equal(t, livedesk.Offline, list[0].PresentAt(w.clock().Add(time.Minute)))
}

// Who leaves gives back what they had, however much it is.
func TestRemoveAgent(t *testing.T) { // F104, I10
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 0, "ada")
	for i := range 150 {
		w.deliver(smstest.Text{From: addr(phone(i)), Body: "hello"})
	}
	require.Equal(t, 150, w.load("ada"))
	w.agent("bo", 40)
	w.presence("bo", livedesk.Online)
	require.NoError(t, w.desk.SetMembers(w.ctx(), w.ch.ID, []string{"ada", "bo"}))
	_, err := w.desk.Snooze(w.ctx(), w.live(phone(0)).ID, host, w.clock().Add(time.Hour))
	require.NoError(t, err)
	require.NoError(t, w.desk.RemoveAgent(w.ctx(), "ada"))
	require.ErrorIs(t, w.desk.RemoveAgent(w.ctx(), "ada"), livedesk.ErrNotFound)
	w.settle()
	require.Equal(t, 40, w.load("bo"))
	require.Empty(t, w.all(livedesk.List{Assignee: "ada", States: []livedesk.State{livedesk.Open}}))
	require.Len(t, w.all(livedesk.List{Unassigned: true, States: []livedesk.State{livedesk.Open}}), 109)
	members, err := w.desk.Members(w.ctx(), w.ch.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"bo"}, members)
	w.later(time.Hour) // what slept with ada wakes to nobody
	require.Empty(t, w.live(phone(0)).Assignee)
	require.NotEmpty(t, w.live(phone(0)).Queue)
}

// Who leaves is out of the list also where others get what they had in the same moment.
func TestRemovedAgentIsOutOfTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 1, "ada", "bo")
	w.text(alice, "hello")
	require.Equal(t, "ada", w.live(alice).Assignee)
	require.NoError(t, w.desk.RemoveAgent(w.ctx(), "ada"))
	require.Equal(t, "bo", w.live(alice).Assignee)
	members, err := w.desk.Members(w.ctx(), w.ch.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"bo"}, members)
}

// Lowering a capacity moves nobody, and adds nobody until there is room.
func TestLoweredCapacity(t *testing.T) { // F104
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 3, "ada")
	for i := range 3 {
		w.text(phone(i), "hello")
	}
	w.agent("ada", 1)
	require.Equal(t, 3, w.load("ada"))
	w.text(alice, "hello")
	for i := range 3 {
		require.Empty(t, w.live(alice).Assignee)
		_, err := w.desk.Resolve(w.ctx(), w.live(phone(i)).ID, host)
		require.NoError(t, err)
	}
	require.Equal(t, "ada", w.live(alice).Assignee)
}

func TestPutAgentKeepsPresenceAndLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 3, "ada")
	w.text(alice, "hello")
	a, err := w.desk.PutAgent(w.ctx(), livedesk.Agent{ID: "ada", Name: "Ada", Capacity: 7, Load: 99, OutsideLoad: 99, Presence: livedesk.Busy})
	require.NoError(t, err)
	require.Equal(t, livedesk.Online, a.Presence)
	require.Equal(t, 1, a.Load)
	list, err := w.desk.Agents(w.ctx())
	require.NoError(t, err)
	require.Equal(t, []livedesk.Agent{a}, list)
	for id, bad := range map[string]string{"": "id", "a\nb": "id", string(make([]byte, 200)): "id", "\xff": "id"} {
		_, err := w.desk.PutAgent(w.ctx(), livedesk.Agent{ID: id})
		require.NotEmpty(t, field(t, err, bad))
	}
	require.NotEmpty(t, field(t, w.desk.SetPresence(w.ctx(), "ada", "asleep", 0), "presence"))
	require.NotEmpty(t, field(t, w.desk.SetPresence(w.ctx(), "ada", livedesk.Online, -1), "ttl"))
	require.NotEmpty(t, field(t, w.desk.SetOutsideLoad(w.ctx(), "ada", -1), "n"))
	require.ErrorIs(t, w.desk.SetPresence(w.ctx(), "zoe", livedesk.Online, 0), livedesk.ErrNotFound)
	require.ErrorIs(t, w.desk.SetMembers(w.ctx(), w.ch.ID, []string{"ada", "zoe"}), livedesk.ErrNotFound)
	require.NotEmpty(t, field(t, w.desk.SetMembers(w.ctx(), w.ch.ID, []string{"ada", "ada"}), "agents[1]"))
	members, err := w.desk.Members(w.ctx(), w.ch.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"ada"}, members)
}

// Who stays in the list keeps their turn; who is new comes first.
func TestSetMembersKeepsTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.Mode = livedesk.RoundRobin })
	w.agents(w.ch.ID, 0, "ada", "bo")
	w.text(phone(0), "hello")
	w.text(phone(1), "hello")
	w.text(phone(2), "hello")
	w.agents(w.ch.ID, 0, "ada", "bo", "cy")
	var got []string
	for i := range 3 {
		w.text(phone(10+i), "hello")
		got = append(got, w.live(phone(10+i)).Assignee)
	}
	require.Equal(t, []string{"cy", "bo", "ada"}, got)
}
