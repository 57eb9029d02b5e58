package livedesk_test

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// A host's router decides first, and the engine takes the place.
func TestHostRouter(t *testing.T) { // F95 in part
	t.Parallel()
	agent := func(id string) routing.Target { return routing.Target{Kind: routing.ToAgent, ID: id} }
	humans := routing.Target{Kind: routing.ToHumans}
	for name, c := range map[string]struct {
		decide   routing.Decision
		panics   bool
		assignee string
		queue    string // with "CH" for the channel's id
	}{
		"pass":                              {assignee: "ada"},
		"panic":                             {panics: true, assignee: "ada"},
		"an agent":                          {decide: routing.Decision{Targets: []routing.Target{agent("bo")}}, assignee: "bo"},
		"an agent who is no member":         {decide: routing.Decision{Targets: []routing.Target{agent("guest")}}, assignee: "guest"},
		"an agent who is away":              {decide: routing.Decision{Targets: []routing.Target{agent("away")}}, queue: "agent:away"},
		"an agent who is away, then humans": {decide: routing.Decision{Targets: []routing.Target{agent("away"), humans}}, assignee: "ada"},
		"two who are away":                  {decide: routing.Decision{Targets: []routing.Target{agent("away"), agent("full")}}, queue: "agent:away"},
		"an agent who is full":              {decide: routing.Decision{Targets: []routing.Target{agent("full")}}, queue: "agent:full"},
		"an agent who isn't there":          {decide: routing.Decision{Targets: []routing.Target{agent("zoe")}}, queue: "agent:zoe"},
		"humans":                            {decide: routing.Decision{Targets: []routing.Target{humans}}, assignee: "ada"},
		"a team":                            {decide: routing.Decision{Targets: []routing.Target{{Kind: routing.ToTeam, ID: "night"}}}, assignee: "guest"},
		"a team without anybody":            {decide: routing.Decision{Targets: []routing.Target{{Kind: routing.ToTeam, ID: "none"}}}, queue: "team:none"},
		"nobody":                            {decide: routing.Decision{Targets: []routing.Target{{Kind: routing.ToNobody}}}},
		"nobody before humans":              {decide: routing.Decision{Targets: []routing.Target{{Kind: routing.ToNobody}, humans}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []routing.Facts
			var mu sync.Mutex
			w := newWorld(t, func(s *settings) {
				s.Router = routing.RouterFunc(func(f routing.Facts) routing.Decision {
					mu.Lock()
					defer mu.Unlock()
					seen = append(seen, f)
					if c.panics {
						panic("host bug")
					}
					d := c.decide
					if len(d.Targets) > 0 {
						d.Reason, d.Labels, d.Priority = "because", []string{"vip", "vip"}, new(routing.Priority(700))
					}
					return d
				})
			})
			w.bandwidthChannel(nil)
			w.agents(w.ch.ID, 5, "bo", "ada")
			for id, n := range map[string]int{"guest": 5, "away": 5, "full": -1} {
				w.agent(id, n)
			}
			w.presence("guest", livedesk.Online)
			w.presence("full", livedesk.Online)
			require.NoError(t, w.desk.SetOutsideLoad(w.ctx(), "bo", 1))
			w.team("night", "guest")
			w.text(alice, "hello")
			got := w.only()
			require.Equal(t, livedesk.Open, got.State)
			require.Equal(t, c.assignee, got.Assignee)
			require.Equal(t, c.queue, got.Queue)
			if c.panics {
				require.Equal(t, livedesk.Look{Tier: livedesk.TierRouter, Result: livedesk.LookPanicked}, w.decided(got.ID).Looked[0])
			}
			if len(c.decide.Targets) > 0 {
				require.Equal(t, []string{"vip"}, got.Labels)
				require.Equal(t, routing.Priority(100), got.Priority, "as far as it goes")
			} else {
				require.Empty(t, got.Labels)
			}
			mu.Lock()
			defer mu.Unlock()
			require.NotEmpty(t, seen)
			f := seen[0]
			require.Equal(t, "main", f.Workspace)
			require.Equal(t, w.ch.ID, f.Channel)
			require.Equal(t, routing.CauseNew, f.Cause)
			require.Equal(t, "hello", f.Text)
			require.Equal(t, alice, f.Contact.Address)
			require.Equal(t, w.clock(), f.At)
			require.False(t, f.Contact.Returning, "their first text")
		})
	}
}

// team puts agents into a team's queue.
func (w *world) team(id string, agents ...string) {
	w.t.Helper()
	require.NoError(w.t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		found, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "main", IDs: []string{livedesk.TeamQueue(id)}})
		if err != nil {
			return err
		}
		for _, a := range agents {
			found.Queues[0].Members = append(found.Queues[0].Members, livedesk.Member{Agent: a})
		}
		return tx.Apply(ctx, livedesk.Changes{Queues: found.Queues})
	}))
}

// What waits in an agent's own queue goes to that agent when they come, and to nobody else.
func TestAgentsOwnQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) {
		s.Router = routing.RouterFunc(func(f routing.Facts) routing.Decision {
			if !strings.Contains(f.Text, "for bo") {
				return routing.Decision{}
			}
			return routing.Decision{Targets: []routing.Target{{Kind: routing.ToAgent, ID: "bo"}}}
		})
	})
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 1, "ada", "bo")
	w.presence("bo", livedesk.Offline)
	w.text(alice, "for bo")
	require.Empty(t, w.live(alice).Assignee)
	w.advance(time.Minute)
	w.text(bob, "for anybody")
	require.Equal(t, "ada", w.live(bob).Assignee)
	w.presence("bo", livedesk.Online)
	require.Equal(t, "bo", w.live(alice).Assignee)
}

// Why a conversation is routed again reaches the router.
func TestRoutingCauses(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var causes []routing.Cause
	w := newWorld(t, func(s *settings) {
		s.Router = routing.RouterFunc(func(f routing.Facts) routing.Decision {
			mu.Lock()
			defer mu.Unlock()
			causes = append(causes, f.Cause)
			return routing.Decision{}
		})
	})
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 5, "ada")
	w.text(alice, "new")
	id := w.only().ID
	w.text(alice, "more")
	_, err := w.desk.Snooze(w.ctx(), id, host, time.Time{})
	require.NoError(t, err)
	w.presence("ada", livedesk.Offline)
	w.text(alice, "wake")
	_, err = w.desk.Resolve(w.ctx(), id, host)
	require.NoError(t, err)
	w.text(alice, "again")
	w.presence("ada", livedesk.Online)
	_, err = w.desk.Unassign(w.ctx(), id, host)
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []routing.Cause{routing.CauseNew, routing.CauseUnsnooze, routing.CauseReopened, routing.CauseRequeue}, causes)
}

type assignFile struct {
	Cases []struct {
		ID     string
		Agents []struct {
			ID       string
			Capacity *int
			Load     int
			Online   bool
		}
		Events []struct {
			Type, Conversation, Agent string
			Capacity                  *int
		}
		Expect map[string]struct {
			Assigned [][][2]string  `json:"assigned_after_each_event"`
			Waiting  []string       `json:"waiting_at_end"`
			Loads    map[string]int `json:"loads_at_end"`
		}
	}
}

// The reference scenarios, through the public API: a conversation is a customer, its starting load is load outside.
func TestAssignmentScenarios(t *testing.T) { // F101
	t.Parallel()
	var file assignFile
	require.NoError(t, json.Unmarshal(sharedFile(t, "assignment.json"), &file))
	for reading, mode := range map[string]livedesk.Mode{
		"least_loaded_ties_oldest_assignment": livedesk.LeastLoaded, "round_robin_oldest_assignment": livedesk.RoundRobinCapped,
		"least_percent_of_capacity": livedesk.ShareLoaded,
	} {
		for i, c := range file.Cases {
			if testing.Short() && len(c.Events) > 100 {
				continue
			}
			t.Run(reading+" "+c.ID, func(t *testing.T) {
				t.Parallel()
				testScenario(t, &file, i, reading, mode)
			})
		}
	}
}

func capacity(n *int) int {
	switch {
	case n == nil:
		return 0
	case *n == 0:
		return -1
	}
	return *n
}

func testScenario(t *testing.T, file *assignFile, n int, reading string, mode livedesk.Mode) {
	c := file.Cases[n]
	want := c.Expect[reading]
	w := newWorld(t, func(s *settings) { s.ReopenWindow = -1 })
	w.bandwidthChannel(func(ch *livedesk.Channel) { ch.Assignment.Mode = mode })
	var members []string
	for _, a := range c.Agents {
		w.agent(a.ID, capacity(a.Capacity))
		if a.Online {
			w.presence(a.ID, livedesk.Online)
		}
		require.NoError(t, w.desk.SetOutsideLoad(w.ctx(), a.ID, a.Load))
		members = append(members, a.ID)
	}
	require.NoError(t, w.desk.SetMembers(w.ctx(), w.ch.ID, members))
	numbers, ids, had := map[string]string{}, map[string]string{}, map[string]string{}
	for i, e := range c.Events {
		w.advance(time.Millisecond)
		switch e.Type {
		case "arrive":
			if numbers[e.Conversation] == "" {
				numbers[e.Conversation] = phone(len(numbers))
			}
			w.deliver(smstest.Text{From: addr(numbers[e.Conversation]), Body: "hello"})
			for _, got := range w.of(numbers[e.Conversation]) {
				if got.State.Live() {
					ids[e.Conversation] = got.ID
				}
			}
		case "close":
			if ids[e.Conversation] != "" {
				_, _ = w.desk.Resolve(w.ctx(), ids[e.Conversation], host)
				delete(had, e.Conversation)
			}
		case "online", "offline":
			w.presence(e.Agent, map[string]livedesk.Presence{"online": livedesk.Online, "offline": livedesk.Offline}[e.Type])
		case "capacity":
			w.agent(e.Agent, capacity(e.Capacity))
		}
		var got [][2]string
		for _, name := range slices.Sorted(maps.Keys(ids)) {
			conv := w.conversation(ids[name])
			if conv.State == livedesk.Open && conv.Assignee != had[name] {
				got = append(got, [2]string{name, conv.Assignee})
				had[name] = conv.Assignee
			}
		}
		expected := slices.Clone(want.Assigned[i])
		slices.SortFunc(expected, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
		require.ElementsMatch(t, expected, got, "event %d: %+v", i, e)
	}
	var waiting []string
	for name, id := range ids {
		if conv := w.conversation(id); conv.State == livedesk.Open && conv.Assignee == "" {
			waiting = append(waiting, name)
		}
	}
	require.ElementsMatch(t, want.Waiting, waiting)
	if want.Loads == nil {
		return
	}
	list, err := w.desk.Agents(w.ctx())
	require.NoError(t, err)
	for _, a := range list {
		require.Equal(t, want.Loads[a.ID], a.Load+a.OutsideLoad, a.ID)
	}
}
