package routing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

// message is a text of 140 characters, which no rule below looks for.
const message = "Hello, I ordered two chairs last week and the parcel still isn't here. Could somebody tell me where it is now? " +
	"Thank you very much, Marie Lefèvre"

func facts() routing.Facts {
	return routing.Facts{
		Workspace: "main", Channel: "ch-last", Conversation: "c1", Cause: routing.CauseNew,
		At: time.Date(2026, 6, 15, 9, 30, 0, 0, time.UTC), Open: true, Text: message,
		Contact: routing.Contact{
			ID: "u1", Address: "+14155550100", Country: "US", Language: "en-US", Returning: true,
			Attributes: map[string]string{"plan": "free", "city": "Oakland", "source": "web"}, Labels: []string{"newsletter"},
		},
	}
}

// Kinds of condition, each with a value of its own, so that no two rules ask the same.

func byCountry(i int) routing.Condition {
	return routing.Condition{All: []routing.Condition{{Country: []string{"FR"}}, {Language: []string{fmt.Sprintf("fr-x-%d", i)}}}}
}

func byPrefix(i int) routing.Condition {
	return routing.Condition{SenderPrefix: []string{fmt.Sprintf("+1212%04d", i)}}
}

func byAttribute(i int) routing.Condition {
	return routing.Condition{ContactAttribute: &routing.Attribute{Name: "plan", Equals: []string{fmt.Sprintf("plan %d", i)}}}
}

func byKeyword(i int) routing.Condition {
	return routing.Condition{Text: &routing.Text{Keyword: []string{fmt.Sprintf("parcels%d", i), fmt.Sprintf("chair number %d", i)}}}
}

func byTime(i int) routing.Condition {
	return routing.Condition{TimeOfDay: &routing.TimeOfDay{From: "22:00", To: fmt.Sprintf("0%d:%02d", i%7, i%60), Zone: "Europe/Paris"}}
}

// byPattern needs words that aren't all in the text, as most patterns do: it isn't run.
func byPattern(i int) routing.Condition {
	return routing.Condition{Text: &routing.Text{Regexp: fmt.Sprintf(`\border[- ]?no\.? ?%d\b`, i)}}
}

// byBoundPattern is run, and fails at the first character.
func byBoundPattern(i int) routing.Condition {
	return routing.Condition{Text: &routing.Text{Regexp: fmt.Sprintf(`^\W{%d}$`, i%50+1)}}
}

// bySearchedPattern is run over the whole text.
func bySearchedPattern(i int) routing.Condition {
	return routing.Condition{Text: &routing.Text{Regexp: fmt.Sprintf(`\b[b-y]{%d}[^a-z]`, i%40+12)}}
}

// mixed is what a large desk might have: of 100 rules 25 by country and language, 20 by prefix, 20 by attribute, 25 by
// keyword, 5 by time, 5 by pattern, of which one has to be run.
func mixed(i int) routing.Condition {
	switch n := i % 100; {
	case n < 25:
		return byCountry(i)
	case n < 45:
		return byPrefix(i)
	case n < 65:
		return byAttribute(i)
	case n < 90:
		return byKeyword(i)
	case n < 95:
		return byTime(i)
	case n < 99:
		return byPattern(i)
	}
	return byBoundPattern(i / 100)
}

// ruleSet has n rules, of which only the last holds.
func ruleSet(tb testing.TB, n int, condition func(i int) routing.Condition) *routing.Rules {
	tb.Helper()
	list := make([]routing.Rule, n)
	for i := range list {
		list[i] = routing.Rule{ID: fmt.Sprintf("rule-%04d", i), Order: i, Condition: condition(i), Targets: toTeam}
	}
	list[n-1].Condition = routing.Condition{Channel: []string{"ch-last"}}
	rules, err := routing.Compile("1", list)
	require.NoError(tb, err)
	return rules
}

func BenchmarkRouteLastMatches(b *testing.B) {
	for _, c := range []struct {
		name      string
		rules     int
		condition func(int) routing.Condition
	}{
		{"mixed", 1000, mixed}, {"mixed", 20, mixed}, {"mixed", 3000, mixed},
		{"country_and_language", 1000, byCountry}, {"prefix", 1000, byPrefix}, {"attribute", 1000, byAttribute},
		{"keyword", 1000, byKeyword}, {"time", 1000, byTime}, {"pattern_not_run", 250, byPattern},
		{"pattern_bound", 100, byBoundPattern}, {"pattern_searched", 10, bySearchedPattern},
	} {
		b.Run(fmt.Sprintf("%s_%d", c.name, c.rules), func(b *testing.B) {
			rules, f := ruleSet(b, c.rules, c.condition), facts()
			if d := rules.Route(f); d.Place.Order != c.rules-1 {
				b.Fatal(d)
			}
			b.ReportAllocs()
			for b.Loop() {
				rules.Route(f)
			}
		})
	}
}

// BenchmarkRouteFirstMatches has the same rules, and stops at the first.
func BenchmarkRouteFirstMatches(b *testing.B) {
	rules, f := ruleSet(b, 1000, mixed), facts()
	f.Contact.Country, f.Contact.Language = "FR", "fr-x-0"
	b.ReportAllocs()
	for b.Loop() {
		rules.Route(f)
	}
}

// BenchmarkRouteHeaviest is the worst that was found: patterns of all the size that is allowed, which almost match
// everywhere in a text that never ends.
func BenchmarkRouteHeaviest(b *testing.B) {
	rules := ruleSet(b, 10, func(i int) routing.Condition {
		return routing.Condition{Text: &routing.Text{Regexp: fmt.Sprintf("[^a%d]{497}[^x]", i)}}
	})
	f := facts()
	f.Text = strings.Repeat("x", 64<<10)
	for b.Loop() {
		rules.Route(f)
	}
}

func BenchmarkExplain1000(b *testing.B) {
	rules, f := ruleSet(b, 1000, mixed), facts()
	b.ReportAllocs()
	for b.Loop() {
		rules.Explain(f)
	}
}

func BenchmarkCompile1000(b *testing.B) {
	list := make([]routing.Rule, 1000)
	for i := range list {
		list[i] = routing.Rule{ID: fmt.Sprint(i), Condition: mixed(i), Targets: toTeam}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := routing.Compile("1", list); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPickAmong100(b *testing.B) {
	members := make([]routing.Member, 100)
	for i := range members {
		members[i] = routing.Member{Load: i % 7, Capacity: 8, Last: int64(i*37%100 + 1), Position: i}
	}
	for name, by := range map[string]routing.Strategy{
		"least_loaded": routing.LeastLoaded{}, "by_share": routing.LeastLoaded{ByShare: true},
		"round_robin": routing.RoundRobin{}, "round_robin_capped": routing.RoundRobin{HonorCapacity: true},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				by.Pick(routing.Facts{}, members)
			}
		})
	}
}

// Neither a walk nor a choice allocates, whatever the rules ask.
func TestNoAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates: run without -race")
	}
	rules, f := ruleSet(t, 1000, mixed), facts()
	everything := compiled(t, rule("r", 1, routing.Condition{All: []routing.Condition{
		{Available: &routing.Target{Kind: routing.ToHumans}}, {Weekday: &routing.Weekday{Days: []string{"monday"}, Zone: "Europe/Paris"}},
		{Language: []string{"en"}}, {Text: &routing.Text{Regexp: `l.st`}}, {Text: &routing.Text{Keyword: []string{"merci", "lefevre"}}},
		{ContactLabel: []string{"newsletter"}}, {ContactAttribute: &routing.Attribute{Name: "city", Equals: []string{"oakland"}}},
	}}))
	f.Available = func(routing.Target) bool { return true }
	members := make([]routing.Member, 100)
	require.Equal(t, "r", everything.Route(f).Place.Rule)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		rules.Route(f)
		rules.After(routing.Place{Order: 500}, f)
		everything.Route(f)
		routing.LeastLoaded{}.Pick(f, members)
		routing.RoundRobin{}.Pick(f, members)
	}))
}
