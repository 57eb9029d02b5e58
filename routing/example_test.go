package routing_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/routing"
)

// A host's own router, before the rules or instead of them.
func ExampleRouterFunc() {
	vip := routing.RouterFunc(func(f routing.Facts) routing.Decision {
		if f.Contact.Attributes["plan"] == "gold" {
			return routing.Decision{Targets: []routing.Target{{Kind: routing.ToTeam, ID: "vip"}}, Reason: "gold plan"}
		}
		return routing.Decision{} // pass: the rules, then AI agents, then the channel's human agents
	})
	d := vip.Route(routing.Facts{Contact: routing.Contact{Attributes: map[string]string{"plan": "gold"}}})
	fmt.Println(d.Targets[0].Kind, d.Targets[0].ID, d.Reason)
	// Output: team vip gold plan
}

func ExampleLeastLoaded() {
	i := routing.LeastLoaded{}.Pick(routing.Facts{}, []routing.Member{
		{Agent: "ada", Load: 3, Capacity: 5},
		{Agent: "ben", Load: 1, Capacity: 5},
	})
	fmt.Println(i)
	// Output: 1
}

// Ben was skipped while he was away, and keeps his place: his last assignment is the oldest.
func ExampleRoundRobin() {
	i := routing.RoundRobin{}.Pick(routing.Facts{}, []routing.Member{
		{Agent: "ada", Last: 41},
		{Agent: "ben", Last: 17, Position: 1},
		{Agent: "cy", Last: 42, Position: 2},
	})
	fmt.Println(i)
	// Output: 1
}

func ExampleCompile() {
	rules, err := routing.Compile("7", []routing.Rule{
		{
			ID: "refunds", Name: "Refunds", Order: 1,
			Condition: routing.Condition{All: []routing.Condition{
				{Text: &routing.Text{Keyword: []string{"refund", "remboursement"}}},
				{Not: &routing.Condition{Contact: routing.NewContact}},
			}},
			Targets:   []routing.Target{{Kind: routing.ToTeam, ID: "billing"}},
			AddLabels: []string{"refund"},
		},
		{
			ID: "rest", Order: 9, Condition: routing.Condition{Always: true},
			Targets: []routing.Target{{Kind: routing.ToHumans}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	d := rules.Route(routing.Facts{Text: "Un REMBOURSEMENT, s'il vous plaît !", Contact: routing.Contact{Returning: true}})
	fmt.Println(d.Reason, d.Targets, d.Labels, "version", d.Version)
	// Output: Refunds [team billing] [refund] version 7
}

// Everything that is wrong is named at once, with where it is.
func ExampleParseRules() {
	_, err := routing.ParseRules([]byte(`[
		{"id": "a", "condition": {}, "targets": [{"kind": "humans"}]},
		{"id": "a", "condition": {"any": [{"text": {"regexp": "(refund"}}, {"country": ["UK"]}]}, "target": []}
	]`))
	for _, e := range err.(routing.FieldErrors) {
		fmt.Println(e)
	}
	// Output:
	// rules[1].target: is unknown
	// rules[0].condition: asks nothing: a rule for every conversation says {"always": true}
	// rules[1].condition.any[0].text.regexp: is no RE2 pattern: missing closing ) in "(refund"
	// rules[1].condition.any[1].country[0]: the United Kingdom is GB
	// rules[1].targets: is required: say where the conversation goes, [{"kind":"nobody"}] leaves it unassigned
	// rules[1].id: is the id of rules[0] already
}

// A rule is plain data with a stable form.
func ExampleRule() {
	r := routing.Rule{
		ID: "night", Order: 2,
		Condition: routing.Condition{TimeOfDay: &routing.TimeOfDay{From: "22:00", To: "06:00", Zone: "Europe/Paris"}},
		Targets:   []routing.Target{{Kind: routing.ToAI, ID: "bot"}},
	}
	data, err := json.Marshal(r)
	fmt.Println(string(data), err)
	// Output: {"id":"night","order":2,"condition":{"time_of_day":{"from":"22:00","to":"06:00","zone":"Europe/Paris"}},"targets":[{"kind":"ai","id":"bot"}]} <nil>
}

// What an engine does with a decision, under the lock of the queues: it asks itself who is available.
func ExampleRules_After() {
	rules, err := routing.Compile("1", []routing.Rule{
		{
			ID: "vip", Order: 1, Condition: routing.Condition{ContactLabel: []string{"vip"}}, AddLabels: []string{"vip"},
			Targets: []routing.Target{{Kind: routing.ToAgent, ID: "ada"}}, Unavailable: routing.NextRule,
		},
		{
			ID: "french", Order: 2, Condition: routing.Condition{Language: []string{"fr"}},
			Targets: []routing.Target{{Kind: routing.ToTeam, ID: "paris"}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	available := func(t routing.Target) bool { return t.ID == "zoe" } // ada is away, and nobody of paris is there

	f := routing.Facts{Contact: routing.Contact{Labels: []string{"vip"}, Language: "fr-CA"}}
	d := rules.Route(f)
walk:
	for d.Targets != nil {
		fmt.Println(d.Place.Rule, "holds: labels", d.Labels)
		for _, t := range d.Targets {
			if available(t) {
				fmt.Println("assigned to", t.ID)
				return
			}
		}
		switch d.Unavailable {
		case routing.NextRule:
			d = rules.After(d.Place, f)
		case routing.NextTier:
			break walk
		default:
			fmt.Println("waits for", d.Targets[0].Kind, d.Targets[0].ID)
			return
		}
	}
	fmt.Println("AI agents, then the channel's people")
	// Output:
	// vip holds: labels [vip]
	// french holds: labels []
	// waits for team paris
}

// A rule that was stored and can't be used any more is passed over, and told.
func ExampleCompileStored() {
	rules, broken := routing.CompileStored("8", []routing.Stored{
		{ID: "a", Data: []byte(`{"id":"a","order":1,"condition":{"text":{"regexp":"("}},"targets":[{"kind":"humans"}]}`)},
		{ID: "b", Data: []byte(`{"id":"b","order":2,"condition":{"always":true},"targets":[{"kind":"nobody"}]}`)},
	})
	for _, b := range broken {
		fmt.Println(b.ID, "is broken:", b.Err)
	}
	fmt.Println(rules.Route(routing.Facts{}).Targets)
	// Output:
	// a is broken: condition.text.regexp: is no RE2 pattern: missing closing ) in "("
	// [nobody]
}

func ExampleRules_Explain() {
	closedAtNight := routing.Condition{All: []routing.Condition{
		{Hours: routing.HoursClosed},
		{TimeOfDay: &routing.TimeOfDay{From: "22:00", To: "06:00", Zone: "Europe/Paris"}},
	}}
	rules, err := routing.Compile("1", []routing.Rule{
		{ID: "night", Order: 1, Condition: closedAtNight, Targets: []routing.Target{{Kind: routing.ToAI, ID: "bot"}}},
		{
			ID: "pictures", Name: "Damaged goods", Order: 2, Condition: routing.Condition{Media: &routing.Count{Min: new(1)}},
			Targets: []routing.Target{{Kind: routing.ToTeam, ID: "returns"}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rules.Explain(routing.Facts{At: time.Date(2026, 6, 15, 18, 0, 0, 0, time.UTC), Media: 2}))
	// Output:
	// night: failed, condition.all[1].time_of_day: it is Monday 20:00 in Europe/Paris
	// pictures (Damaged goods): matched
}

// Whether what a rule names exists only the host knows.
func ExampleRule_References() {
	r := routing.Rule{
		ID: "sales", Channels: []string{"ch-7"}, Targets: []routing.Target{{Kind: routing.ToTeam, ID: "sales"}},
		Condition: routing.Condition{Available: &routing.Target{Kind: routing.ToAgent, ID: "ada"}},
	}
	for _, ref := range r.References() {
		fmt.Println(ref.Field, ref.Kind, ref.ID)
	}
	// Output:
	// channels[0] channel ch-7
	// condition.available.id agent ada
	// targets[0].id team sales
}
