package livedesk_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// decided returns a conversation's newest decision.
func (w *world) decided(id string) livedesk.Decision {
	w.t.Helper()
	list, err := w.desk.Explain(w.ctx(), id)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, list)
	return list[0]
}

// What an agent who is off line has in hand goes to others after the channel's grace, by rules as when it came.
func TestOfflineGrace(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(w *world){
		"signs off": func(w *world) { w.presence("ada", livedesk.Offline) },
		"lapses": func(w *world) {
			require.NoError(w.t, w.desk.SetPresence(w.ctx(), "ada", livedesk.Online, time.Minute))
			w.later(time.Minute)
		},
		"signs off after a lapse": func(w *world) {
			require.NoError(w.t, w.desk.SetPresence(w.ctx(), "ada", livedesk.Online, time.Second))
			w.later(time.Second)
			w.presence("ada", livedesk.Offline)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			other := w.twilioChannel(nil)
			w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.OfflineGraceSeconds = 300 })
			w.agents(w.ch.ID, 0, "ada")
			w.agents(other.ID, 0, "ada")
			for i := range 150 {
				w.deliver(smstest.Text{From: addr(phone(i)), Body: "hello"})
			}
			_, err := w.desk.Start(w.ctx(), other.ID, bob, livedesk.AgentActor("ada"), livedesk.Draft{Text: "hi"})
			require.NoError(t, err)
			require.Equal(t, 151, w.load("ada"))
			leave(w)
			w.later(299 * time.Second)
			require.Equal(t, 151, w.load("ada"))
			w.agent("bo", 100)
			w.presence("bo", livedesk.Online)
			require.NoError(t, w.desk.SetMembers(w.ctx(), w.ch.ID, []string{"ada", "bo"}))
			w.later(time.Second)
			w.settle()
			require.Equal(t, 1, w.load("ada"), "the other channel has no grace")
			require.Equal(t, 100, w.load("bo"))
			line, err := w.desk.Waiting(w.ctx(), livedesk.ChannelQueue(w.ch.ID))
			require.NoError(t, err)
			require.Len(t, line, 50)
		})
	}
}

// Who is back in time keeps everything.
func TestBackWithinGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.OfflineGraceSeconds = 300 })
	w.agents(w.ch.ID, 0, "ada")
	w.text(alice, "hello")
	w.presence("ada", livedesk.Offline)
	w.later(299 * time.Second)
	require.NoError(t, w.desk.SetPresence(w.ctx(), "ada", livedesk.Online, 10*time.Minute))
	w.later(2 * time.Minute)
	require.Equal(t, "ada", w.live(alice).Assignee)
	w.later(8*time.Minute + 299*time.Second)
	require.Equal(t, "ada", w.live(alice).Assignee)
	w.later(time.Second)
	require.Empty(t, w.live(alice).Assignee, "lapsed five minutes ago")
	require.Equal(t, livedesk.ChannelQueue(w.ch.ID), w.live(alice).Queue)
}

// A customer who gets no answer in time is given to somebody else, and to nobody twice while there is another.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.Wrap = audit(t, 2) })
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.NoAnswerSeconds = 60 })
	w.agents(w.ch.ID, 2, "ada", "bo")
	w.text(alice, "hello")
	c := w.live(alice)
	require.Equal(t, "ada", c.Assignee)
	w.later(59 * time.Second)
	require.Equal(t, c, w.live(alice))
	w.later(time.Second)
	require.Equal(t, "bo", w.live(alice).Assignee)
	d := w.decided(c.ID)
	require.Equal(t, []livedesk.Skipped{{Agent: "ada", Why: livedesk.SkipSilent}}, d.Skipped)
	require.Equal(t, 0, w.load("ada"))

	_, err := w.desk.Reply(w.ctx(), c.ID, livedesk.AgentActor("bo"), livedesk.Draft{Text: "hi"})
	require.NoError(t, err)
	w.later(10 * time.Minute)
	require.Equal(t, "bo", w.live(alice).Assignee, "answered")
	w.text(alice, "and now?")
	w.presence("ada", livedesk.Offline)
	w.later(time.Minute)
	require.Equal(t, "bo", w.live(alice).Assignee, "nobody else")
	require.Empty(t, w.live(alice).Queue)
	w.presence("ada", livedesk.Online)
	w.later(time.Minute)
	require.Equal(t, "ada", w.live(alice).Assignee, "tried again")
}

// Once the limit is taken away nobody loses anything to it any more.
func TestNoAnswerIsSwitchedOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.NoAnswerSeconds = 60 })
	w.agents(w.ch.ID, 2, "ada", "bo")
	w.text(alice, "hello")
	w.change(func(c *livedesk.Channel) { c.Assignment.NoAnswerSeconds = 0 })
	w.later(time.Hour)
	require.Equal(t, "ada", w.live(alice).Assignee)
}

// How long somebody is off line counts from the first moment: signing off later, or again, gives no time more.
func TestGraceCountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.OfflineGraceSeconds = 300 })
	w.agents(w.ch.ID, 0, "ada")
	w.text(alice, "hello")
	require.NoError(t, w.desk.SetPresence(w.ctx(), "ada", livedesk.Online, time.Minute))
	for range 2 {
		w.later(2 * time.Minute)
		w.presence("ada", livedesk.Offline)
	}
	w.later(2*time.Minute - time.Second)
	require.Equal(t, "ada", w.live(alice).Assignee)
	w.later(time.Second)
	require.Empty(t, w.live(alice).Assignee)
	list := w.timeline(w.live(alice).ID)
	require.Equal(t, &livedesk.Activity{What: "unassigned", From: "ada", Cause: "agent off line"}, list[len(list)-2].Activity)
	w.presence("ada", livedesk.Online)
	w.presence("ada", livedesk.Offline)
	w.later(time.Minute)
	w.presence("ada", livedesk.Online) // and stays
	w.later(time.Hour)
	require.Equal(t, "ada", w.live(alice).Assignee)
}

// Each channel has its own grace, and none waits for another's.
func TestGracesOfTwoChannels(t *testing.T) {
	t.Parallel()
	for name, graces := range map[string][]int{"the shorter first": {60, 300}, "the longer first": {300, 60}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			first := w.twilioChannel(func(c *livedesk.Channel) { c.Assignment.OfflineGraceSeconds = graces[0] })
			second := w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.OfflineGraceSeconds = graces[1] })
			if graces[0] == 60 {
				testGraces(t, w, first, second)
			} else {
				testGraces(t, w, second, first)
			}
		})
	}
}

func testGraces(t *testing.T, w *world, short, long livedesk.Channel) {
	names := []string{"ada", "bo", "cy", "di", "ed", "flo", "gil", "hu"}
	w.agents(short.ID, 0, names...)
	for i, name := range names {
		for _, ch := range []livedesk.Channel{short, long} {
			_, err := w.desk.Start(w.ctx(), ch.ID, addr(phone(i)), livedesk.AgentActor(name), livedesk.Draft{Text: "hi"})
			require.NoError(t, err)
		}
		w.presence(name, livedesk.Offline)
	}
	held := func(ch livedesk.Channel) (n int) {
		for _, c := range w.all(livedesk.List{Channel: ch.ID}) {
			if c.Assignee != "" {
				n++
			}
		}
		return n
	}
	for _, want := range []struct {
		after       time.Duration
		short, long int
	}{{59 * time.Second, 8, 8}, {time.Second, 0, 8}, {239 * time.Second, 0, 8}, {time.Second, 0, 0}} {
		w.later(want.after)
		require.Equal(t, []int{want.short, want.long}, []int{held(short), held(long)})
	}
}

// Of an agent with more conversations than one transaction takes, those that are asleep or over hide none.
func TestGraceOfWhoHadMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.OfflineGraceSeconds = 60 })
	w.agents(w.ch.ID, 0, "ada")
	w.text(alice, "hello")
	for i := range 100 {
		w.deliver(smstest.Text{From: addr(phone(i)), Body: "hello"})
		_, err := w.desk.Resolve(w.ctx(), w.live(phone(i)).ID, host)
		require.NoError(t, err)
	}
	w.presence("ada", livedesk.Offline)
	w.later(time.Minute)
	require.Empty(t, w.live(alice).Assignee)
}

// Each of several customers who get no answer is given to somebody else, again and again; who waits in line isn't touched.
func TestNoAnswerToMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.NoAnswerSeconds = 60 })
	w.text(phone(1), "nobody is here")
	line := w.timeline(w.only().ID)
	w.later(10 * time.Minute)
	require.Equal(t, line, w.timeline(w.only().ID))
	_, err := w.desk.Resolve(w.ctx(), w.only().ID, host)
	require.NoError(t, err)
	w.agents(w.ch.ID, 2, "bo", "ada")
	w.presence("bo", livedesk.Offline)
	w.text(alice, "hello")
	w.text(bob, "hello")
	w.presence("bo", livedesk.Online)
	for _, c := range []struct{ from, to string }{{"ada", "bo"}, {"bo", "ada"}} {
		require.Equal(t, []string{c.from, c.from}, []string{w.live(alice).Assignee, w.live(bob).Assignee})
		w.later(time.Minute)
		for _, who := range []string{alice, bob} {
			require.Equal(t, c.to, w.live(who).Assignee)
			list := w.timeline(w.live(who).ID)
			a := list[len(list)-1].Activity
			a.Decision = nil
			require.Equal(t, &livedesk.Activity{What: "assigned", From: c.from, To: c.to, Cause: "no answer"}, a)
		}
	}
}

// Who sleeps has no agent who is silent; from the awakening on the agent's time counts anew.
func TestNoAnswerAfterSnooze(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.NoAnswerSeconds = 60 })
	w.agents(w.ch.ID, 2, "ada", "bo")
	w.text(alice, "hello")
	_, err := w.desk.Snooze(w.ctx(), w.live(alice).ID, host, w.clock().Add(time.Hour))
	require.NoError(t, err)
	w.later(time.Hour)
	require.Equal(t, livedesk.Open, w.live(alice).State)
	w.later(59 * time.Second)
	require.Equal(t, "ada", w.live(alice).Assignee)
	w.later(time.Second)
	require.Equal(t, "bo", w.live(alice).Assignee)
}

// What an agent off line had goes to others by priority, then by age, whatever channel it is of.
func TestOrderOfWhatIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	graceful := func(c *livedesk.Channel) { c.Assignment.OfflineGraceSeconds = 60 }
	other := w.twilioChannel(graceful)
	w.agents(other.ID, 0, "ada", "bo")
	w.bandwidthChannel(graceful)
	w.agents(w.ch.ID, 0, "ada", "bo")
	w.presence("bo", livedesk.Offline)
	for i := range 6 {
		if i%2 == 0 {
			w.text(phone(i), "hello")
		} else {
			w.deliver(helloFrom(phone(i)))
			_, err := w.twilio.Deliver(w.ctx(), smstest.Text{From: addr(phone(10 + i)), Body: "hello"})
			require.NoError(t, err)
		}
		w.advance(time.Second)
	}
	all := w.all(livedesk.List{})
	slices.Reverse(all) // the oldest first
	for i, c := range []int{4, 7} {
		_, err := w.desk.SetDetails(w.ctx(), all[c].ID, host, livedesk.Details{Priority: new(2 - i)})
		require.NoError(t, err)
	}
	w.agent("bo", 4)
	w.presence("bo", livedesk.Online)
	w.presence("ada", livedesk.Offline)
	w.later(time.Minute)
	var got []string
	for _, c := range w.all(livedesk.List{Assignee: "bo"}) {
		got = append(got, c.ID)
	}
	require.ElementsMatch(t, []string{all[4].ID, all[7].ID, all[0].ID, all[1].ID}, got)
}

// The place that a silent agent lost goes to who waits.
func TestNoAnswerFreesAPlace(t *testing.T) { // I11
	t.Parallel()
	w := newWorld(t, func(s *settings) {
		s.Wrap = audit(t, 1)
		s.Router = routing.RouterFunc(func(f routing.Facts) routing.Decision {
			if f.Text == "for ada" {
				return routing.Decision{Targets: []routing.Target{toAgent("ada")}}
			}
			return routing.Decision{}
		})
	})
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.NoAnswerSeconds = 60 })
	w.agents(w.ch.ID, 1, "ada")
	w.text(alice, "hello")
	w.text(bob, "for ada")
	require.Equal(t, "agent:ada", w.live(bob).Queue)
	w.agents(w.ch.ID, 1, "ada", "bo")
	w.later(time.Minute)
	require.Equal(t, "bo", w.live(alice).Assignee)
	require.Equal(t, "ada", w.live(bob).Assignee)
}

// A customer who comes back finds the agent of the last time, if that one can.
func TestStickyAgent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		days   int
		after  time.Duration
		before func(w *world)
		want   string
		why    livedesk.SkipReason // of the agent of the last time
	}{
		"off":             {0, 25 * time.Hour, func(*world) {}, "ada", ""},
		"in time":         {2, 47 * time.Hour, func(*world) {}, "bo", ""},
		"too late":        {2, 49 * time.Hour, func(*world) {}, "ada", ""},
		"off line":        {2, 25 * time.Hour, func(w *world) { w.presence("bo", livedesk.Offline) }, "ada", livedesk.SkipOffline},
		"full":            {2, 25 * time.Hour, func(w *world) { w.agent("bo", -1) }, "ada", livedesk.SkipFull},
		"no member":       {2, 25 * time.Hour, func(w *world) { require.NoError(w.t, w.desk.SetMembers(w.ctx(), w.ch.ID, []string{"ada"})) }, "ada", livedesk.SkipNoMember},
		"a rule is first": {2, 25 * time.Hour, func(w *world) { w.rules(says("again", toAgent("ada"))) }, "ada", ""},
		"a rule passes":   {2, 25 * time.Hour, func(w *world) { w.rules(unavailable(says("again", toAgent("away")), routing.NextTier)) }, "bo", ""},
		"busy":            {2, 25 * time.Hour, func(w *world) { w.presence("bo", livedesk.Busy) }, "ada", livedesk.SkipBusy},
		"removed":         {2, 25 * time.Hour, func(w *world) { require.NoError(w.t, w.desk.RemoveAgent(w.ctx(), "bo")) }, "ada", livedesk.SkipUnknown},
		"at the channel's limit": {2, 25 * time.Hour, func(w *world) {
			_, err := w.desk.Assign(w.ctx(), w.live(bob).ID, "bo", host)
			require.NoError(w.t, err)
			w.change(func(c *livedesk.Channel) { c.Assignment.Limit = 1 })
		}, "ada", livedesk.SkipLimit},
		"closed": {2, 25 * time.Hour, func(w *world) {
			w.closes(hours.Schedule{Zone: "UTC"}, livedesk.ClosedHours{HumansWait: true})
		}, "", livedesk.SkipClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bandwidthChannel(func(ch *livedesk.Channel) { ch.Assignment.StickyDays = c.days })
			w.agents(w.ch.ID, 5, "ada", "bo")
			w.text(alice, "hello")
			id := w.only().ID
			_, err := w.desk.Assign(w.ctx(), id, "bo", host)
			require.NoError(t, err)
			_, err = w.desk.Resolve(w.ctx(), id, host)
			require.NoError(t, err)
			w.advance(c.after)
			w.text(bob, "hello")
			require.NoError(t, w.desk.SetOutsideLoad(w.ctx(), "bo", 3)) // others would be first
			c.before(w)
			would, err := w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID, From: alice, Text: "again"})
			require.NoError(t, err)
			w.text(alice, "again")
			require.NotEqual(t, id, w.live(alice).ID)
			require.Equal(t, c.want, w.live(alice).Assignee)
			require.Equal(t, c.want, would.Decision.Agent)
			d := w.decided(w.live(alice).ID)
			require.Equal(t, w.clock(), d.At)
			if c.why != "" {
				require.Equal(t, livedesk.Skipped{Agent: "bo", Why: c.why}, d.Skipped[0])
			}
			if c.want == "bo" {
				require.Equal(t, livedesk.TierBefore, d.Tier)
				require.Equal(t, livedesk.Look{Tier: livedesk.TierBefore, Result: livedesk.LookDecided}, d.Looked[len(d.Looked)-1])
				require.Equal(t, []string{"had it before"}, w.causes(w.live(alice).ID, "assigned"))
			}
		})
	}
}

// A channel's own limit is below the capacity, and holds for its own conversations only.
func TestChannelLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.twilioChannel(nil)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.Limit = 2 })
	w.agents(w.ch.ID, 5, "ada", "bo")
	w.agents(other.ID, 5, "ada", "bo")
	for i := range 2 {
		_, err := w.desk.Start(w.ctx(), other.ID, addr(phone(50+i)), livedesk.AgentActor("ada"), livedesk.Draft{Text: "hi"})
		require.NoError(t, err)
	}
	var all sync.WaitGroup
	for i := range 12 {
		h := w.genuine(smstest.Text{From: addr(phone(i)), Body: "hello"})
		all.Go(func() { w.call(request(h, "")) })
	}
	all.Wait()
	w.settle()
	require.Equal(t, 4, w.load("ada"))
	require.Equal(t, 2, w.load("bo"))
	line, err := w.desk.Waiting(w.ctx(), livedesk.ChannelQueue(w.ch.ID))
	require.NoError(t, err)
	require.Len(t, line, 8)
	require.Contains(t, w.decided(line[0].Conversation.ID).Skipped, livedesk.Skipped{Agent: "bo", Why: livedesk.SkipLimit})
	mine := w.all(livedesk.List{Assignee: "bo", States: []livedesk.State{livedesk.Open}})
	_, err = w.desk.Resolve(w.ctx(), mine[0].ID, host)
	require.NoError(t, err)
	require.Equal(t, "bo", w.conversation(line[0].Conversation.ID).Assignee)
	w.change(func(c *livedesk.Channel) { c.Assignment.Limit = 0 })
	w.later(time.Second)
	require.Equal(t, 10, w.load("ada")+w.load("bo"))
}

// Who waits only because of a channel's limit holds nobody else up.
func TestChannelLimitHoldsNobodyElseUp(t *testing.T) { // I11
	t.Parallel()
	w := newWorld(t)
	other := w.twilioChannel(nil)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.Limit = 1 })
	w.agent("ada", 5)
	w.presence("ada", livedesk.Online)
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"ada"}))
	w.rules(routing.Rule{ID: "all", Condition: routing.Condition{Always: true}, Targets: []routing.Target{toTeam("night")}})
	w.text(alice, "hello")
	w.text(bob, "hello")
	require.Equal(t, "team:night", w.live(bob).Queue)
	_, err := w.twilio.Deliver(w.ctx(), smstest.Text{From: addr(phone(1)), Body: "hello"})
	require.NoError(t, err)
	require.Equal(t, other.ID, w.live(phone(1)).Channel)
	require.Equal(t, "ada", w.live(phone(1)).Assignee)
}

func TestAssignmentIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.bandwidthChannel(nil)
	c.Values = w.given
	c.Assignment = livedesk.Assignment{Mode: "x", Limit: -1, OfflineGraceSeconds: -1, NoAnswerSeconds: 1 << 30, StickyDays: 366}
	_, err := w.desk.PutChannel(w.ctx(), c)
	for _, f := range []string{"mode", "limit", "offline_grace_seconds", "no_answer_seconds", "sticky_days"} {
		require.NotEmpty(t, field(t, err, "assignment."+f))
	}
}

func TestTransfer(t *testing.T) {
	t.Parallel()
	w := ruledWorld(t)
	w.agents(w.ch.ID, 5, "ada")
	for _, from := range []string{alice, bob} {
		w.text(from, "hello")
	}
	id := w.live(alice).ID
	c, err := w.desk.Transfer(w.ctx(), id, toTeam("night"), livedesk.AgentActor("ada"))
	require.NoError(t, err)
	require.Equal(t, "cy", c.Assignee)
	require.Equal(t, livedesk.TierHand, w.decided(id).Tier)
	require.Equal(t, 1, w.load("ada"))
	c, err = w.desk.Transfer(w.ctx(), w.live(bob).ID, toTeam("night"), livedesk.AgentActor("ada"))
	require.NoError(t, err)
	require.Equal(t, "team:night", c.Queue, "cy is full")
	c, err = w.desk.Transfer(w.ctx(), w.live(bob).ID, toAgent("cy"), livedesk.AgentActor("ada"))
	require.NoError(t, err)
	require.Equal(t, "cy", c.Assignee, "by hand, whatever the capacity")
	c, err = w.desk.Transfer(w.ctx(), id, routing.Target{Kind: routing.ToHumans}, host)
	require.NoError(t, err)
	require.Equal(t, "ada", c.Assignee)

	_, err = w.desk.Transfer(w.ctx(), id, routing.Target{Kind: routing.ToAI, ID: "bot"}, host)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = w.desk.Transfer(w.ctx(), id, routing.Target{Kind: routing.ToNobody}, host)
	require.NotEmpty(t, field(t, err, "kind"))
	_, err = w.desk.Transfer(w.ctx(), id, toTeam(""), host)
	require.NotEmpty(t, field(t, err, "id"))
	for _, do := range []func() error{
		func() error { _, err := w.desk.Snooze(w.ctx(), id, host, time.Time{}); return err },
		func() error { _, err := w.desk.Resolve(w.ctx(), id, host); return err },
	} {
		require.NoError(t, do())
		_, err = w.desk.Transfer(w.ctx(), id, toTeam("night"), host)
		_, ok := errors.AsType[*livedesk.StateError](err)
		require.True(t, ok, "%v", err)
	}
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	for i := range 3 {
		w.text(phone(i), "hello")
		w.advance(time.Second)
	}
	_, err := w.desk.SetDetails(w.ctx(), w.live(phone(2)).ID, host, livedesk.Details{Priority: new(1)})
	require.NoError(t, err)
	line, err := w.desk.Waiting(w.ctx(), livedesk.ChannelQueue(w.ch.ID))
	require.NoError(t, err)
	for i, from := range []int{2, 0, 1} {
		require.Equal(t, i+1, line[i].Position)
		require.Equal(t, addr(phone(from)), line[i].Conversation.Address)
	}
	none, err := w.desk.Waiting(w.ctx(), "team:none")
	require.NoError(t, err)
	require.Empty(t, none)
	for _, bad := range []string{"", "team:", "channel", "x:y"} {
		_, err := w.desk.Waiting(w.ctx(), bad)
		require.NotEmpty(t, field(t, err, "queue"))
	}
}

// Customers, presence, rules, transfers and time at once over two engines: at no commit has anybody more than their
// capacity, nobody is lost, and in the end nobody waits while somebody who fits has room.
func TestRoutingHoldsUnderLoad(t *testing.T) { // F97, F99, F100, F104, F105, I9, I10, I11
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.Wrap = audit(t, 4) })
	w.bandwidthChannel(func(c *livedesk.Channel) {
		c.Assignment.OfflineGraceSeconds, c.Assignment.NoAnswerSeconds, c.Assignment.Limit = 1, 1, 3
	})
	names := []string{"ada", "bo", "cy", "di"}
	w.agents(w.ch.ID, 4, names...)
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"cy", "di"}))
	limited := unavailable(says("night", toTeam("night")), routing.NextRule)
	asks := routing.Rule{ID: "asks", Condition: routing.Condition{Available: &routing.Target{Kind: routing.ToAgent, ID: "ada"}}, Targets: []routing.Target{toAgent("ada")}}
	w.rules(limited, asks)
	second := w.open()
	require.NoError(t, second.Settle(w.ctx()))
	var hooks []smstest.Webhook
	for i := range 96 {
		hooks = append(hooks, w.genuine(smstest.Text{From: addr(phone(i)), Body: []string{"night", "hello"}[i%2]}))
	}
	var all sync.WaitGroup
	for g := range 32 {
		all.Go(func() {
			desk, engine := w.desk, w.engine
			if g%2 == 1 {
				desk, engine = second.Desk("main"), second
			}
			for i := range 8 {
				name := names[rand.IntN(4)]
				switch i {
				case 0, 2, 4:
					w.call(request(hooks[g*3+i/2], ""))
				case 1:
					_ = desk.SetPresence(w.ctx(), name, []livedesk.Presence{livedesk.Online, livedesk.Offline}[rand.IntN(2)], time.Minute)
				case 3:
					w.advance(100 * time.Millisecond)
					_ = engine.Settle(w.ctx())
				case 5:
					_, _ = desk.PutRule(w.ctx(), says(fmt.Sprint("r", g%4), toTeam("night")))
				default:
					p, err := desk.Conversations(w.ctx(), livedesk.List{States: []livedesk.State{livedesk.Open}, Limit: 5})
					if err != nil {
						t.Error(err)
					}
					for i, c := range p.Items {
						if i%2 == 0 {
							_, _ = desk.Resolve(w.ctx(), c.ID, host)
						} else {
							_, _ = desk.Transfer(w.ctx(), c.ID, toTeam("night"), host)
						}
					}
				}
			}
		})
	}
	all.Wait()
	for _, n := range names {
		w.presence(n, livedesk.Online)
	}
	w.later(2 * time.Second)
	list := w.all(livedesk.List{})
	require.Len(t, list, 96)
	held, waits := map[string]int{}, map[string]int{}
	for _, c := range list {
		if c.State == livedesk.Open {
			require.True(t, (c.Queue == "") != (c.Assignee == ""), "%+v", c)
			held[c.Assignee]++
			waits[c.Queue]++
		}
	}
	for _, a := range []string{"cy", "di"} {
		require.True(t, waits["team:night"] == 0 || held[a] >= 3, "%v wait, %v held", waits, held)
	}
	for _, a := range names {
		require.True(t, waits[livedesk.ChannelQueue(w.ch.ID)] == 0 || held[a] >= 3, "%v wait, %v held", waits, held)
		require.LessOrEqual(t, held[a], 3)
	}
}
