package routing_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

func store(t testing.TB, r routing.Rule) routing.Stored {
	t.Helper()
	data, err := json.Marshal(r)
	require.NoError(t, err)
	return routing.Stored{ID: r.ID, Data: data}
}

// A stored rule that can't be used is passed over and reported; the others work.
func TestBrokenStoredRules(t *testing.T) { // F96
	t.Parallel()
	yes := routing.Condition{Always: true}
	pattern, zone := regexpRule("pattern", "("), rule("zone", 3, routing.Condition{Weekday: &routing.Weekday{Days: []string{"monday"}, Zone: "X/Y"}})
	stored := []routing.Stored{
		store(t, rule("good", 5, yes)),
		store(t, pattern), store(t, zone),
		{ID: "garbage", Data: []byte("{")}, {ID: "empty"},
		{ID: "newer", Data: []byte(`{"id":"newer","order":1,"condition":{"moon":"full"},"targets":[{"kind":"humans"}]}`)},
		{ID: "renamed", Data: store(t, rule("other", 1, yes)).Data},
		store(t, rule("good", 0, yes)),
	}
	rules, broken := routing.CompileStored("9", stored)
	got := map[string][]string{}
	for _, b := range broken {
		got[b.ID] = fieldsOf(t, b.Err)
	}
	require.Equal(t, map[string][]string{
		"pattern": {"condition.text.regexp"}, "zone": {"condition.weekday.zone"}, "garbage": {""}, "empty": {""},
		"newer": {"condition.moon"}, "renamed": {"id"}, "good": {"id"},
	}, got)
	d := rules.Route(routing.Facts{})
	require.Equal(t, routing.Place{Order: 5, Rule: "good"}, d.Place)
	require.Equal(t, "9", d.Version)

	told := map[string]routing.Outcome{}
	for _, s := range rules.Explain(routing.Facts{}).Steps {
		told[s.Rule] = s.Outcome
		if s.Outcome == routing.OutcomeBroken {
			require.NotEmpty(t, s.Problem)
		}
	}
	require.Equal(t, routing.OutcomeBroken, told["garbage"])
	require.Equal(t, routing.OutcomeBroken, told["newer"])
	require.Equal(t, routing.OutcomeMatched, told["good"])

	rules, broken = routing.CompileStored("9", nil)
	require.Empty(t, broken)
	require.Equal(t, routing.Decision{Version: "9"}, rules.Route(routing.Facts{}))
}

// What was saved compiles the same from its stored form.
func TestStoredIsAsGood(t *testing.T) {
	t.Parallel()
	var list []routing.Rule
	var stored []routing.Stored
	for i := range 200 {
		r := routing.Rule{ID: "r" + string(rune('a'+i%26)) + string(rune('a'+i/26)), Order: i / 3, Condition: mixed(i), Targets: toTeam}
		list, stored = append(list, r), append(stored, store(t, r))
	}
	fresh, err := routing.Compile("1", list)
	require.NoError(t, err)
	kept, broken := routing.CompileStored("1", stored)
	require.Empty(t, broken)
	f := facts()
	f.Text = "parcels40 order no 95 please"
	require.NotNil(t, fresh.Route(f).Targets)
	require.Equal(t, fresh.Explain(f), kept.Explain(f))
}
