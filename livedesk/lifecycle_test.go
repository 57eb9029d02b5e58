package livedesk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

var host = livedesk.Actor{Kind: livedesk.ActorHost}

// inState makes a conversation of alice's that is in a state, with ada, and returns it. The state "" is none.
func (w *world) inState(s livedesk.State) livedesk.Conversation {
	w.t.Helper()
	w.agents(w.ch.ID, 5, "ada", "bo")
	if s == "" {
		return livedesk.Conversation{}
	}
	w.text(alice, "hello")
	id := w.only().ID
	_, err := w.desk.Assign(w.ctx(), id, "ada", host)
	require.NoError(w.t, err)
	switch s {
	case livedesk.Snoozed:
		_, err = w.desk.Snooze(w.ctx(), id, host, w.clock().Add(time.Hour))
	case livedesk.Resolved:
		_, err = w.desk.Resolve(w.ctx(), id, host)
	case livedesk.Pending: // no AI agent is there to take it
		_, err = w.desk.Unassign(w.ctx(), id, host)
		w.force(id, func(c *livedesk.Conversation) { c.State, c.Assignee = livedesk.Pending, "" })
	}
	require.NoError(w.t, err)
	return w.conversation(id)
}

// event is something that can happen, through the public API.
type event struct {
	name string
	do   func(w *world, id string) error
}

var lifeEvents = []event{
	{"text", func(w *world, _ string) error { w.text(alice, "hi again"); return nil }},
	{"stop", func(w *world, _ string) error { w.text(alice, "STOP"); return nil }},
	{"help", func(w *world, _ string) error { w.text(alice, "HELP"); return nil }},
	{"start", func(w *world, _ string) error {
		_, err := w.desk.Start(w.ctx(), w.ch.ID, alice, livedesk.AgentActor("bo"), livedesk.Draft{Text: "x"})
		return err
	}},
	{"notify", func(w *world, _ string) error {
		_, err := w.desk.Notify(w.ctx(), w.ch.ID, alice, livedesk.Draft{Text: "x"})
		return err
	}},
	{"reply", func(w *world, id string) error {
		_, err := w.desk.Reply(w.ctx(), id, livedesk.AgentActor("bo"), livedesk.Draft{Text: "x"})
		return err
	}},
	{"assign", func(w *world, id string) error { _, err := w.desk.Assign(w.ctx(), id, "bo", host); return err }},
	{"unassign", func(w *world, id string) error { _, err := w.desk.Unassign(w.ctx(), id, host); return err }},
	{"snooze", func(w *world, id string) error {
		_, err := w.desk.Snooze(w.ctx(), id, host, w.clock().Add(time.Minute))
		return err
	}},
	{"time", func(w *world, _ string) error { w.later(2 * time.Hour); return nil }},
	{"resolve", func(w *world, id string) error { _, err := w.desk.Resolve(w.ctx(), id, host); return err }},
	{"reopen", func(w *world, id string) error {
		_, err := w.desk.Reopen(w.ctx(), id, livedesk.AgentActor("bo"))
		return err
	}},
}

// after is what must follow: the state, whether in another conversation, and who has it; or a refusal.
type after struct {
	state   livedesk.State
	other   bool
	agent   string // "*" is anybody
	refused livedesk.State
}

// The table of SPEC section 3, for every state and every event.
func TestLifeOfAConversation(t *testing.T) { // R20
	t.Parallel()
	const no, open, pending, snoozed, resolved = livedesk.State(""), livedesk.Open, livedesk.Pending, livedesk.Snoozed, livedesk.Resolved
	want := map[livedesk.State]map[string]after{
		no: {
			"text": {state: open, other: true, agent: "*"}, "stop": {state: resolved, other: true}, "help": {state: resolved, other: true},
			"start": {state: open, other: true, agent: "bo"}, "notify": {state: resolved, other: true},
		},
		open: {
			"text": {state: open, agent: "ada"}, "stop": {state: open, agent: "ada"}, "help": {state: open, agent: "ada"},
			"start": {state: open, agent: "ada"}, "notify": {state: open, agent: "ada"}, "reply": {state: open, agent: "ada"},
			"assign": {state: open, agent: "bo"}, "unassign": {state: open, agent: "*"}, "snooze": {state: snoozed, agent: "ada"},
			"time": {state: open, agent: "ada"}, "resolve": {state: resolved, agent: "ada"}, "reopen": {refused: open},
		},
		pending: {
			"text": {state: pending}, "stop": {state: pending}, "help": {state: pending}, "start": {state: open, agent: "bo"}, "notify": {state: pending},
			"reply": {state: open, agent: "bo"}, "assign": {state: open, agent: "bo"}, "unassign": {refused: open},
			"snooze": {state: snoozed}, "time": {state: pending}, "resolve": {state: resolved}, "reopen": {refused: open},
		},
		snoozed: {
			"text": {state: open, agent: "ada"}, "stop": {state: snoozed, agent: "ada"}, "help": {state: snoozed, agent: "ada"},
			"start": {state: snoozed, agent: "ada"}, "notify": {state: snoozed, agent: "ada"}, "reply": {state: snoozed, agent: "ada"},
			"assign": {state: snoozed, agent: "bo"}, "unassign": {refused: open}, "snooze": {refused: snoozed},
			"time": {state: open, agent: "ada"}, "resolve": {state: resolved, agent: "ada"}, "reopen": {refused: open},
		},
		resolved: {
			"text": {state: open, agent: "ada"}, "stop": {state: resolved, agent: "ada"}, "help": {state: resolved, agent: "ada"},
			"start": {state: open, other: true, agent: "bo"}, "notify": {state: resolved, other: true}, "reply": {refused: open},
			"assign": {refused: open}, "unassign": {refused: open}, "snooze": {refused: snoozed}, "time": {state: resolved, agent: "ada"},
			"resolve": {refused: resolved}, "reopen": {state: open, agent: "bo"},
		},
	}
	for from, row := range want {
		for _, e := range lifeEvents {
			a, listed := row[e.name]
			if !listed && from == no {
				continue // there is no conversation to name
			}
			require.True(t, listed, "%s on %s is not in the table", e.name, from)
			t.Run(string(from)+" "+e.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.bandwidthChannel(nil)
				testTransition(t, w, w.inState(from), e, a)
			})
		}
	}
}

func testTransition(t *testing.T, w *world, before livedesk.Conversation, e event, want after) {
	var entries int
	if before.ID != "" {
		entries = len(w.timeline(before.ID))
	}
	err := e.do(w, before.ID)
	if want.refused != "" {
		var refused *livedesk.StateError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, before.State, refused.From)
		require.Equal(t, want.refused, refused.To, "the error names both states")
		require.Equal(t, before, w.conversation(before.ID), "nothing is stored")
		require.Len(t, w.timeline(before.ID), entries)
		return
	}
	require.NoError(t, err)
	list := w.of(alice)
	now := list[0]
	if before.ID != "" {
		for _, c := range list {
			if (c.ID != before.ID) == want.other {
				now = c
			}
		}
		require.Equal(t, want.other, now.ID != before.ID)
	}
	require.Equal(t, want.state, now.State)
	switch want.agent {
	case "*":
		require.NotEmpty(t, now.Assignee)
	default:
		if now.State == livedesk.Open {
			require.Equal(t, want.agent, now.Assignee)
		}
	}
	loads := 0
	live := 0
	for _, c := range list {
		if c.State == livedesk.Open && c.Assignee != "" {
			loads++
		}
		if c.State.Live() {
			live++
		}
	}
	require.LessOrEqual(t, live, 1)
	require.Equal(t, loads, w.load("ada")+w.load("bo"), "pending, snoozed and resolved ones don't count")
	require.Equal(t, now.State == livedesk.Resolved, !now.ResolvedAt.IsZero())
	require.Equal(t, now.State == livedesk.Snoozed, now.Before != "")
}

// Every change keeps who did it, and why, in the timeline.
func TestTimelineKeepsWhoDidWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	c := w.inState(livedesk.Open)
	ada := livedesk.AgentActor("ada")
	_, err := w.desk.Assign(w.ctx(), c.ID, "bo", host)
	require.NoError(t, err)
	_, err = w.desk.Snooze(w.ctx(), c.ID, ada, time.Time{})
	require.NoError(t, err)
	w.text(alice, "wake up")
	_, err = w.desk.Resolve(w.ctx(), c.ID, ada)
	require.NoError(t, err)
	w.text(alice, "once more")
	var got []string
	for _, m := range w.timeline(c.ID) {
		if m.Activity != nil {
			require.NotEmpty(t, m.Activity.What)
			got = append(got, m.Activity.What+" "+string(m.By.Kind)+" "+m.By.ID)
		}
	}
	require.Subset(t, got, []string{"snoozed agent ada", "resolved agent ada", "assigned host "})
	require.Contains(t, got, "woken  ", "what the library does by itself is the system's")
	require.Contains(t, got, "reopened  ")
}

func TestReopenWindow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		window time.Duration
		pause  time.Duration
		same   bool
	}{
		"default, just inside":  {0, 24*time.Hour - time.Microsecond, true},
		"default, at its end":   {0, 24 * time.Hour, false},
		"own, just inside":      {time.Hour, time.Hour - time.Microsecond, true},
		"own, at its end":       {time.Hour, time.Hour, false},
		"never":                 {-1, 0, false},
		"never, a moment later": {-time.Hour, time.Microsecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(s *settings) { s.ReopenWindow = c.window })
			w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
			old := w.inState(livedesk.Resolved)
			w.later(c.pause)
			w.text(alice, "me again")
			list := w.of(alice)
			if !c.same {
				require.Len(t, list, 2)
				require.Equal(t, old, w.conversation(old.ID), "what is over stays as it was")
				require.Len(t, w.bodies(), 2, "a new conversation is greeted")
				return
			}
			require.Len(t, list, 1)
			require.Equal(t, 2, list[0].Cycle)
			require.Equal(t, livedesk.Open, list[0].State)
			require.True(t, list[0].ResolvedAt.IsZero())
			require.Len(t, w.bodies(), 1, "not on reopening")
		})
	}
}

// A reopened conversation goes to the agent who had it, if they are still a member, on line and with room.
func TestReopenedGoesToTheSameAgent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w *world)
		agent  string
	}{
		"as it was":    {func(*world) {}, "ada"},
		"off line":     {func(w *world) { w.presence("ada", livedesk.Offline) }, "bo"},
		"busy":         {func(w *world) { w.presence("ada", livedesk.Busy) }, "bo"},
		"full":         {func(w *world) { w.agent("ada", -1) }, "bo"},
		"busy outside": {func(w *world) { require.NoError(w.t, w.desk.SetOutsideLoad(w.ctx(), "ada", 5)) }, "bo"},
		"not a member": {func(w *world) { require.NoError(w.t, w.desk.SetMembers(w.ctx(), w.ch.ID, []string{"bo"})) }, "bo"},
		"removed":      {func(w *world) { require.NoError(w.t, w.desk.RemoveAgent(w.ctx(), "ada")) }, "bo"},
		"nobody there": {func(w *world) {
			w.presence("ada", livedesk.Offline)
			w.presence("bo", livedesk.Offline)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bandwidthChannel(nil)
			// bo would be chosen otherwise: the fewest in hand
			w.inState(livedesk.Resolved)
			w.text(bob, "to ada")
			_, err := w.desk.Assign(w.ctx(), w.of(bob)[0].ID, "ada", host)
			require.NoError(t, err)
			c.change(w)
			w.text(alice, "me again")
			got := w.of(alice)[0]
			require.Equal(t, c.agent, got.Assignee)
			require.Equal(t, c.agent == "", got.Queue != "")
		})
	}
}

// What wakes with its agent may exceed their capacity; with the agent away it is queued.
func TestSnoozeWakes(t *testing.T) {
	t.Parallel()
	for name, wake := range map[string]func(w *world){
		"by a message": func(w *world) { w.text(alice, "hello?") },
		"by the clock": func(w *world) { w.later(time.Hour) },
	} {
		for agent, change := range map[string]func(w *world){
			"ada": func(w *world) { w.agent("ada", -1) },
			"bo":  func(w *world) { w.presence("ada", livedesk.Offline) },
		} {
			t.Run(name+" to "+agent, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.bandwidthChannel(nil)
				c := w.inState(livedesk.Snoozed)
				require.Zero(t, w.load("ada"))
				change(w)
				w.later(time.Hour - time.Microsecond)
				require.Equal(t, livedesk.Snoozed, w.conversation(c.ID).State, "not before its time")
				wake(w)
				got := w.conversation(c.ID)
				require.Equal(t, livedesk.Open, got.State)
				require.Equal(t, agent, got.Assignee)
				require.Equal(t, 1, w.load(agent))
				require.Equal(t, 1, got.Cycle)
			})
		}
	}
}

func TestSnoozeEdges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	c := w.inState(livedesk.Open)
	for _, until := range []time.Time{w.clock(), w.clock().Add(-time.Hour), time.Unix(0, 0)} {
		_, err := w.desk.Snooze(w.ctx(), c.ID, host, until)
		require.NotEmpty(t, field(t, err, "until"))
	}
	// Until the next message: no time wakes it.
	_, err := w.desk.Snooze(w.ctx(), c.ID, host, time.Time{})
	require.NoError(t, err)
	w.later(1000 * time.Hour)
	require.Equal(t, livedesk.Snoozed, w.conversation(c.ID).State)
	w.text(alice, "hello")
	require.Equal(t, livedesk.Open, w.conversation(c.ID).State)
	// Snoozed for an hour, woken, snoozed for three: the first alarm wakes nobody.
	_, err = w.desk.Snooze(w.ctx(), c.ID, host, w.clock().Add(time.Hour))
	require.NoError(t, err)
	w.text(alice, "hello")
	_, err = w.desk.Snooze(w.ctx(), c.ID, host, w.clock().Add(3*time.Hour))
	require.NoError(t, err)
	w.later(2 * time.Hour)
	require.Equal(t, livedesk.Snoozed, w.conversation(c.ID).State)
	w.later(time.Hour)
	require.Equal(t, livedesk.Open, w.conversation(c.ID).State)
	// Resolved meanwhile: the alarm does nothing.
	_, err = w.desk.Snooze(w.ctx(), c.ID, host, w.clock().Add(time.Hour))
	require.NoError(t, err)
	_, err = w.desk.Resolve(w.ctx(), c.ID, host)
	require.NoError(t, err)
	w.later(2 * time.Hour)
	require.Equal(t, livedesk.Resolved, w.conversation(c.ID).State)
}

// A snoozed conversation that an AI agent had wakes as pending.
func TestSnoozedPendingWakesPending(t *testing.T) {
	t.Parallel()
	for name, wake := range map[string]func(w *world){
		"by a message": func(w *world) { w.text(alice, "hello?") },
		"by the clock": func(w *world) { w.later(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bandwidthChannel(nil)
			c := w.inState(livedesk.Pending)
			_, err := w.desk.Snooze(w.ctx(), c.ID, host, w.clock().Add(time.Hour))
			require.NoError(t, err)
			wake(w)
			got := w.conversation(c.ID)
			require.Equal(t, livedesk.Pending, got.State)
			require.Empty(t, got.Assignee, "an AI agent has it, not a human")
			require.Empty(t, got.Queue)
			require.Zero(t, w.load("ada")+w.load("bo"))
		})
	}
}

// A reminder of the host's belongs to nobody until the customer answers it.
func TestNotify(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		window, pause time.Duration
		same          bool
	}{
		"answered in time": {0, 72*time.Hour - time.Microsecond, true}, "answered too late": {0, 72 * time.Hour, false},
		"own window": {time.Hour, 59 * time.Minute, true}, "own window, late": {time.Hour, time.Hour, false}, "never": {-1, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(s *settings) { s.ReplyWindow = c.window })
			w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
			w.agents(w.ch.ID, 5, "ada")
			_, err := w.desk.Notify(w.ctx(), w.ch.ID, alice, livedesk.Draft{Text: "Your table is booked"})
			require.NoError(t, err)
			w.settle()
			note := w.only()
			require.Equal(t, livedesk.Resolved, note.State)
			require.Empty(t, note.Assignee)
			require.Zero(t, w.load("ada"))
			w.later(c.pause)
			w.text(alice, "Thanks, one more person")
			now := w.live(alice)
			if c.same {
				require.Len(t, w.of(alice), 1)
				require.Equal(t, []string{"Your table is booked"}, w.bodies(), "no greeting on reopening")
			} else {
				require.Len(t, w.of(alice), 2)
				require.Equal(t, []string{"Your table is booked", "Hi"}, w.bodies())
			}
			require.Equal(t, livedesk.Open, now.State)
			require.Equal(t, "ada", now.Assignee)
		})
	}
}

func TestNotifyJoinsWithoutChange(t *testing.T) {
	t.Parallel()
	for _, state := range []livedesk.State{livedesk.Open, livedesk.Pending, livedesk.Snoozed} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bandwidthChannel(nil)
			before := w.inState(state)
			w.advance(time.Minute)
			_, err := w.desk.Notify(w.ctx(), w.ch.ID, alice, livedesk.Draft{Text: "reminder"})
			require.NoError(t, err)
			now := w.only()
			require.Equal(t, before.LastSeq+1, now.LastSeq)
			// The inbox's line moves; nothing else does.
			before.LastSeq, before.ActiveAt, before.Preview, before.Version = now.LastSeq, now.ActiveAt, now.Preview, now.Version
			require.Equal(t, before, now)
		})
	}
}
