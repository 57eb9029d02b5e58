package pgstore_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// agents puts agents on line, as the number's human agents.
func (f *fleet) agents(n *number, capacity int, names ...string) {
	f.Helper()
	for _, a := range names {
		_, err := f.desk.PutAgent(f.Context(), livedesk.Agent{ID: a, Capacity: capacity})
		require.NoError(f, err)
		require.NoError(f, f.desk.SetPresence(f.Context(), a, livedesk.Online, 0))
	}
	require.NoError(f, f.desk.SetMembers(f.Context(), n.ID, names))
}

// held returns the open conversations that somebody has, by agent.
func (f *fleet) held() map[string][]livedesk.Conversation {
	f.Helper()
	out := map[string][]livedesk.Conversation{}
	for _, c := range f.conversations(livedesk.List{States: []livedesk.State{livedesk.Open}}) {
		if c.Assignee != "" {
			out[c.Assignee] = append(out[c.Assignee], c)
		}
	}
	return out
}

func silent(c *livedesk.Channel) { c.Greeting = "" }

// A hundred texts at once to three agents with three places each: nobody gets a fourth, and nobody waits beside a free
// place, neither then nor while places are freed in all processes at once (F97, I9, I11).
func TestFleetCapacity(t *testing.T) {
	t.Parallel()
	const customers, capacity = 100, 3
	names := []string{"ada", "bo", "cy"}
	f := newFleet(t, nil)
	f.audit()
	n := f.twilioNumber(silent)
	f.agents(n, capacity, names...)
	f.start()
	together(customers, func(i int) {
		n.text(f, to(t.Context(), f.processes[i%fleetSize]), smstest.Text{From: address(i), Body: "hello"})
	})
	for left := customers; left > 0; {
		f.quiet(patience)
		require.Zero(t, f.besideRoom())
		held := f.held()
		var open []livedesk.Conversation
		for _, name := range names {
			require.LessOrEqual(t, len(held[name]), capacity)
			open = append(open, held[name]...)
		}
		require.Len(t, open, min(left, capacity*len(names)))
		together(len(open), func(i int) {
			get[livedesk.Conversation](f, f.processes[f.any(fleetSize)], "Resolve", open[i].ID)
		})
		left -= len(open)
	}
	f.placesHeld()
	for _, c := range f.conversations(livedesk.List{}) {
		require.Equal(t, 1, assignments(f.timeline(c)), "assignments of one conversation")
	}
}

// assignments counts how often a conversation was given to somebody.
func assignments(list []livedesk.Message) (n int) {
	for _, m := range list {
		if m.Kind == livedesk.ActivityKind && m.Activity.What == "assigned" {
			n++
		}
	}
	return n
}

// Conversations that arrive at all processes go to the agents in even turn, or to those who have the fewest; places are given
// one after the other, so neither is off by more than one (F101).
func TestFleetSpreadsEvenly(t *testing.T) {
	t.Parallel()
	const customers = 80
	names := []string{"ada", "bo", "cy", "di", "ed"}
	f := newFleet(t, nil)
	numbers := map[livedesk.Mode]*number{
		livedesk.RoundRobin:  f.twilioNumber(func(c *livedesk.Channel) { c.Greeting, c.Assignment.Mode = "", livedesk.RoundRobin }),
		livedesk.LeastLoaded: f.bandwidthNumber(silent),
	}
	f.start()
	for mode, n := range numbers {
		f.agents(n, 0, names...)
		before := f.held()
		together(customers, func(i int) {
			n.text(f, to(t.Context(), f.processes[i%fleetSize]), smstest.Text{From: address(i), Body: "hello"})
		})
		f.quiet(patience)
		var got []int
		for name, list := range f.held() {
			got = append(got, len(list)-len(before[name]))
		}
		require.Len(t, got, len(names))
		require.LessOrEqual(t, slices.Max(got)-slices.Min(got), 1, "%q: %v", mode, got)
	}
}

// Two agents come on line in two processes at the same moment, and one conversation waits: one of them gets it, once (F100).
func TestFleetGivesOnce(t *testing.T) {
	t.Parallel()
	const rounds = 15
	f := newFleet(t, nil)
	f.audit()
	n := f.twilioNumber(silent)
	f.agents(n, 1, "ada", "bo")
	f.start()
	presence := func(p livedesk.Presence) {
		together(2, func(i int) {
			do(f, f.processes[i], "SetPresence", Present{Agent: []string{"ada", "bo"}[i], Presence: p})
		})
	}
	for i := range rounds {
		presence(livedesk.Offline)
		n.text(f, t.Context(), smstest.Text{From: address(i), Body: "hello"})
		presence(livedesk.Online)
		held := f.held()
		require.Len(t, held, 1)
		for _, list := range held {
			require.Len(t, list, 1)
			require.Equal(t, 1, assignments(f.timeline(list[0])))
			get[livedesk.Conversation](f, f.processes[f.any(fleetSize)], "Resolve", list[0].ID)
		}
	}
	f.placesHeld()
}

// Two processes give one conversation to two agents by hand: the last one has it, the first one has it no more, and the
// timeline tells both in the order in which they came about (F100, I10).
func TestFleetAssignsByHand(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	n := f.twilioNumber(silent)
	f.agents(n, 0, "ada", "bo", "cy", "di")
	require.NoError(t, f.desk.SetMembers(t.Context(), n.ID, nil))
	f.start()
	n.text(f, t.Context(), smstest.Text{From: address(1), Body: "hello"})
	id := f.conversations(livedesk.List{})[0].ID
	for range 5 {
		together(fleetSize, func(i int) {
			get[livedesk.Conversation](f, f.processes[i], "Assign", Say{Conversation: id, Agent: []string{"ada", "bo", "cy", "di"}[i]})
		})
	}
	c, err := f.desk.Conversation(t.Context(), id)
	require.NoError(t, err)
	owner := ""
	for _, m := range f.timeline(c) {
		if m.Kind == livedesk.ActivityKind && m.Activity.What == "assigned" {
			require.Equal(t, owner, m.Activity.From)
			owner = m.Activity.To
		}
	}
	require.Equal(t, owner, c.Assignee)
	agents, err := f.desk.Agents(t.Context())
	require.NoError(t, err)
	for _, a := range agents {
		require.Equal(t, a.ID == owner, a.Load == 1, "load of %s", a.ID)
	}
}

// Agents come and go in all processes while texts come in: nobody is given anything after they went, and in the end nobody
// waits beside a free place (F99, I10, I11).
func TestFleetAgentsComeAndGo(t *testing.T) {
	t.Parallel()
	const customers = 100
	names := []string{"ada", "bo", "cy", "di"}
	f := newFleet(t, nil)
	f.audit()
	n := f.twilioNumber(silent)
	f.agents(n, 20, names...)
	f.start()
	together(customers+len(names), func(i int) {
		if i < customers {
			n.text(f, t.Context(), smstest.Text{From: address(i), Body: fmt.Sprint(i)})
			return
		}
		for k := range 20 {
			p := []livedesk.Presence{livedesk.Offline, livedesk.Busy, livedesk.Online}[k%3]
			do(f, f.processes[f.any(fleetSize)], "SetPresence", Present{Agent: names[i-customers], Presence: p})
		}
	})
	f.quiet(patience)
	f.placesHeld()
	require.Zero(t, f.besideRoom())
}

// Everything that gives and takes places at once, in four processes: two channels with a mode each, one with a limit of its
// own, a team, rules that wait, go on, ask who is there and for skills and languages, and meanwhile presence, capacities, what
// agents know, members and the rules change, and conversations are passed on and resolved. Nobody gets more than the capacity
// or the limit, or what they lack the skill for, nobody who isn't there gets anything, nothing has two owners, and when it is
// quiet nobody waits while somebody who fits has room (F97, F99, F100, F104, F105, I9, I10, I11).
func TestFleetRoutes(t *testing.T) {
	t.Parallel()
	const customers, limit = 96, 2
	names := []string{"ada", "bo", "cy", "di", "ed", "flo"}
	f := newFleet(t, nil)
	f.audit()
	turns := f.twilioNumber(func(c *livedesk.Channel) {
		c.Greeting, c.Assignment = "", livedesk.Assignment{Mode: livedesk.RoundRobinCapped, Limit: limit}
	})
	least := f.bandwidthNumber(silent)
	f.agents(turns, 3, names...)
	require.NoError(t, f.desk.SetMembers(t.Context(), turns.ID, names[:4]))
	require.NoError(t, f.desk.SetMembers(t.Context(), least.ID, names[2:]))
	team := func(ids ...string) {
		require.NoError(t, insist(func() error { return f.desk.SetTeam(t.Context(), "night", ids) }))
	}
	team(names[:3]...)
	f.fleetRules(0)
	together(customers, func(i int) {
		_, err := f.desk.PutContact(t.Context(), livedesk.Contact{Address: address(i), Language: []string{"fr-CA", "de", ""}[i%3]})
		require.NoError(t, err)
	})
	f.start()
	var edits atomic.Int64
	together(customers+4*len(names), func(i int) {
		if i < customers {
			n := []*number{turns, least}[i%2]
			n.text(f, to(t.Context(), f.processes[i%fleetSize]), smstest.Text{From: address(i), Body: []string{"hello", "night", "ask", "ada", "vip", "theirs"}[i/2%6]})
			return
		}
		name := names[i%len(names)]
		for k := range 10 {
			switch p := f.processes[f.any(fleetSize)]; (i + k) % 5 {
			case 0:
				do(f, p, "SetPresence", Present{Agent: name, Presence: []livedesk.Presence{livedesk.Offline, livedesk.Busy, livedesk.Online}[f.any(3)]})
			case 1:
				a := f.able(name)
				require.NoError(t, insist(func() error {
					_, err := f.desk.PutAgent(t.Context(), a)
					return err
				}))
			case 2:
				if n := f.any(4); k%2 == 0 {
					team(names[n : n+3]...)
				} else {
					f.fleetRules(int(edits.Add(1)))
				}
			default:
				list := f.conversations(livedesk.List{States: []livedesk.State{livedesk.Open}, Assignee: name})
				for j, c := range list {
					if j%2 == 0 {
						_, _ = ask[livedesk.Conversation](t.Context(), p, "Resolve", c.ID) // somebody else may have
					} else {
						to := routing.Target{Kind: routing.ToTeam, ID: "night", Language: []string{"", "fr"}[f.any(2)]}
						_, _ = f.desk.Transfer(t.Context(), c.ID, to, livedesk.Actor{Kind: livedesk.ActorHost})
					}
				}
			}
		}
	})
	f.quiet(patience)
	f.placesHeld()
	f.owners()
	taught := false
	for {
		together(len(names), func(i int) {
			do(f, f.processes[i%fleetSize], "SetPresence", Present{Agent: names[i], Presence: livedesk.Online})
		})
		f.quiet(patience)
		f.eventually(patience, "to give all free places", func() bool { return f.besideRoom(turns) == 0 })
		var open []livedesk.Conversation
		for name, list := range f.held() {
			of := 0
			for _, c := range list {
				if c.Channel == turns.ID {
					of++
				}
			}
			require.LessOrEqual(t, of, limit, "of the limited channel with %s", name)
			open = append(open, list...)
		}
		if len(open) == 0 && taught {
			break
		}
		if len(open) == 0 { // who is left needs what nobody knows
			f.teach(names)
			taught = true
		}
		together(len(open), func(i int) { get[livedesk.Conversation](f, f.processes[i%fleetSize], "Resolve", open[i].ID) })
	}
	f.placesHeld()
	require.NotZero(t, f.count(`SELECT count(*) FROM {s}.audit_assignments WHERE needs <> ''`))
	require.Empty(t, f.conversations(livedesk.List{States: []livedesk.State{livedesk.Open}}), "all had their turn")
	f.decidedByRules(names)
}

// knowledge is all skills that rules ask for.
var knowledge = []string{"vip", "billing"}

// able returns an agent with a few places and some of what agents may know.
func (f *fleet) able(name string) livedesk.Agent {
	return livedesk.Agent{
		ID: name, Capacity: 2 + f.any(3), Skills: knowledge[:f.any(3)], Languages: []string{"fr-FR", "de"}[:f.any(3)],
	}
}

// teach lets agents know everything that rules ask for.
func (f *fleet) teach(names []string) {
	f.Helper()
	for _, name := range names {
		a := f.able(name)
		a.Skills, a.Languages = knowledge, []string{"FR", "de-AT"}
		_, err := f.desk.PutAgent(f.Context(), a)
		require.NoError(f, err)
	}
}

// fleetRules puts the nth version of the rules in place: what differs is who gets "ask".
func (f *fleet) fleetRules(n int) {
	f.Helper()
	says := func(word string, to ...routing.Target) routing.Rule {
		return routing.Rule{ID: word, Condition: routing.Condition{Text: &routing.Text{Keyword: []string{word}}}, Targets: to}
	}
	vip := routing.Target{Kind: routing.ToTeam, ID: "night", Skills: []string{"vip"}}
	theirs := routing.Target{Kind: routing.ToHumans, Language: routing.ContactLanguage}
	billing := routing.Target{Kind: routing.ToTeam, ID: "night", Skills: []string{"billing"}}
	night, ada := routing.Target{Kind: routing.ToTeam, ID: "night"}, routing.Target{Kind: routing.ToAgent, ID: "ada"}
	mine := says("ada", ada)
	mine.Unavailable = routing.NextTier
	asks := says("ask", vip, night)
	asks.Name = fmt.Sprint("version ", n)
	asks.Condition = routing.Condition{All: []routing.Condition{asks.Condition, {Available: &vip}}}
	require.NoError(f, insist(func() error {
		_, err := f.desk.PutRules(f.Context(), livedesk.RuleSet{Rules: []routing.Rule{
			says("night", night), asks, mine, says("vip", vip), says("theirs", theirs, billing),
		}})
		return err
	}))
}

// decidedByRules holds every decision to one version of the rules, and to who was there (I10, F105).
func (f *fleet) decidedByRules(names []string) {
	f.Helper()
	decisions, versions := 0, map[string]bool{}
	for _, c := range f.conversations(livedesk.List{}) {
		list, err := f.desk.Explain(f.Context(), c.ID)
		require.NoError(f, err)
		for _, d := range list {
			decisions++
			versions[d.Version] = true
			require.True(f, d.Agent == "" || slices.Contains(names, d.Agent))
			require.Equal(f, d.Tier == livedesk.TierRules, d.Rule != "", "%+v", d)
			if len(d.Rules) > 0 {
				require.NotEmpty(f, d.Version)
			}
		}
	}
	require.NotZero(f, decisions)
	require.NotEmpty(f, versions)
}
