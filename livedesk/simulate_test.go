package livedesk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// A simulation says what then really happens, word for word, and changes nothing.
func TestSimulateIsWhatHappens(t *testing.T) {
	t.Parallel()
	w := ruledWorld(t)
	first := unavailable(says("vip", toAgent("away")), routing.NextRule)
	first.AddLabels, first.SetPriority = []string{"vip"}, new(routing.Urgent)
	w.rules(first, says("billing", toTeam("night")), says("later", toAgent("away")))
	w.text(alice, "hello")
	for i, text := range []string{"hello", "vip billing", "later", "vip", "billing", "hello"} {
		from := addr(phone(i))
		before := w.all(livedesk.List{})
		would, err := w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID, From: from, Text: text})
		require.NoError(t, err)
		require.Equal(t, before, w.all(livedesk.List{}))
		w.text(string(from), text)
		c := w.live(string(from))
		list, err := w.desk.Explain(w.ctx(), c.ID)
		require.NoError(t, err)
		require.Equal(t, list[len(list)-1], would.Decision, text)
		require.Equal(t, c.Assignee, would.Decision.Agent)
		require.Equal(t, c.Labels, would.Labels)
		require.Equal(t, c.Priority, would.Priority)
		w.advance(time.Second)
	}
}

// Time, contact and roster may be other than they are.
func TestSimulateWhatIf(t *testing.T) {
	t.Parallel()
	w := ruledWorld(t)
	w.rules(
		routing.Rule{ID: "night", Condition: routing.Condition{TimeOfDay: &routing.TimeOfDay{From: "22:00", To: "06:00", Zone: "Europe/Paris"}},
			Targets: []routing.Target{toTeam("night")}},
		routing.Rule{ID: "gold", Condition: routing.Condition{ContactLabel: []string{"gold"}}, Targets: []routing.Target{toAgent("away")}},
	)
	noon, night := time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC), time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)
	gold := &livedesk.Contact{Labels: []string{"gold"}}
	for name, c := range map[string]struct {
		s     livedesk.Simulation
		agent string
		queue string
	}{
		"at noon":       {livedesk.Simulation{At: noon}, "ada", livedesk.ChannelQueue(w.ch.ID)},
		"at night":      {livedesk.Simulation{At: night}, "cy", "team:night"},
		"gold":          {livedesk.Simulation{At: noon, Contact: gold}, "", "agent:away"},
		"gold, on line": {livedesk.Simulation{At: noon, Contact: gold, Agents: []livedesk.Agent{{ID: "away", Presence: livedesk.Online}}}, "away", "agent:away"},
		"ada is away":   {livedesk.Simulation{At: noon, Agents: []livedesk.Agent{{ID: "ada"}}}, "bo", livedesk.ChannelQueue(w.ch.ID)},
		"lapsed": {livedesk.Simulation{At: noon, Agents: []livedesk.Agent{
			{ID: "ada", Presence: livedesk.Online, PresenceUntil: noon}}}, "bo", livedesk.ChannelQueue(w.ch.ID)},
		"all are full": {livedesk.Simulation{At: noon, Agents: []livedesk.Agent{
			{ID: "ada", Presence: livedesk.Online, Capacity: 1, Load: 1}, {ID: "bo", Presence: livedesk.Online, Capacity: -1}}},
			"", livedesk.ChannelQueue(w.ch.ID)},
	} {
		c.s.Channel = w.ch.ID
		got, err := w.desk.Simulate(w.ctx(), c.s)
		require.NoError(t, err, name)
		require.Equal(t, c.agent, got.Decision.Agent, name)
		require.Equal(t, c.queue, got.Decision.Queue, name)
	}
	_, err := w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: "none"})
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	_, err = w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID, Media: -1})
	require.NotEmpty(t, field(t, err, "media"))
	require.Empty(t, w.all(livedesk.List{}))
}

// Who waits goes first on the desk as it is, and isn't there with a roster of one's own.
func TestSimulateBehindTheLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 1, "ada")
	w.text(alice, "hello")
	w.text(bob, "hello")
	s := livedesk.Simulation{Channel: w.ch.ID, Text: "hello"}
	got, err := w.desk.Simulate(w.ctx(), s)
	require.NoError(t, err)
	require.Empty(t, got.Decision.Agent)
	s.Agents = []livedesk.Agent{{ID: "ada", Presence: livedesk.Online, Capacity: 1}}
	got, err = w.desk.Simulate(w.ctx(), s)
	require.NoError(t, err)
	require.Equal(t, "ada", got.Decision.Agent)
}

// Who is known from another channel, or by the host alone, is known here.
func TestSimulateKnowsContacts(t *testing.T) {
	t.Parallel()
	w := ruledWorld(t)
	w.rules(routing.Rule{ID: "gold", Condition: routing.Condition{ContactLabel: []string{"gold"}}, Targets: []routing.Target{toTeam("night")}})
	first := w.ch.ID
	w.text(alice, "hello")
	_, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: alice, Labels: []string{"gold"}})
	require.NoError(t, err)
	_, err = w.desk.PutContact(w.ctx(), livedesk.Contact{Address: bob, Labels: []string{"gold"}})
	require.NoError(t, err)
	w.text(phone(1), "hello")
	second := w.twilioChannel(nil).ID
	for _, from := range []channel.Address{alice, bob} {
		for _, ch := range []string{first, second} {
			got, err := w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: ch, From: from})
			require.NoError(t, err)
			require.Equal(t, "cy", got.Decision.Agent, "%s on %s", from, ch)
		}
	}
	w.rules(routing.Rule{ID: "back", Condition: routing.Condition{Contact: routing.ReturningContact}, Targets: []routing.Target{toTeam("night")}})
	w.advance(time.Second)
	for from, want := range map[string]string{phone(1): "back", phone(2): ""} {
		got, err := w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: second, From: channel.Address(from)})
		require.NoError(t, err)
		require.Equal(t, want, got.Decision.Rule, "who wrote on the other channel only, and who never did")
	}
}
