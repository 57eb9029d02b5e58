package bench_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

const message = "Hello, I ordered two chairs last week and the parcel still isn't here. Could somebody tell me where it is now? " +
	"Thank you very much, Marie Lefèvre"

// env is what an expression may know. The text is in small letters once for all rules; accents count, which is less
// than package routing does.
type env struct {
	Channel, Text, Sender, Country, Language string
	Attributes                               map[string]string
}

// pair is one rule for both.
type pair struct {
	condition  routing.Condition
	expression string
}

func asked(i int) pair {
	switch i % 5 {
	case 0:
		return pair{routing.Condition{All: []routing.Condition{{Country: []string{"FR"}}, {Language: []string{fmt.Sprintf("fr-x-%d", i)}}}},
			fmt.Sprintf(`Country == "FR" && Language startsWith "fr-x-%d"`, i)}
	case 1:
		return pair{routing.Condition{SenderPrefix: []string{fmt.Sprintf("+1212%04d", i)}}, fmt.Sprintf(`Sender startsWith "+1212%04d"`, i)}
	case 2:
		return pair{routing.Condition{ContactAttribute: &routing.Attribute{Name: "plan", Equals: []string{fmt.Sprintf("plan %d", i)}}},
			fmt.Sprintf(`Attributes["plan"] == "plan %d"`, i)}
	case 3:
		return pair{routing.Condition{Text: &routing.Text{Contains: []string{fmt.Sprintf("chair no %d", i)}}}, fmt.Sprintf(`Text contains "chair no %d"`, i)}
	}
	if i%50 == 4 {
		return pair{routing.Condition{Text: &routing.Text{Regexp: fmt.Sprintf(`\border\s*#?%d\b`, i)}}, fmt.Sprintf(`Text matches "\\border\\s*#?%d\\b"`, i)}
	}
	return pair{routing.Condition{Country: []string{"DE", "AT", "CH"}}, `Country in ["DE", "AT", "CH"]`}
}

const many = 1000

func ours(tb testing.TB) *routing.Rules {
	list := make([]routing.Rule, many)
	for i := range list {
		list[i] = routing.Rule{ID: fmt.Sprintf("%04d", i), Order: i, Condition: asked(i).condition, Targets: []routing.Target{{Kind: routing.ToHumans}}}
	}
	list[many-1].Condition = routing.Condition{Channel: []string{"last"}}
	rules, err := routing.Compile("1", list)
	require.NoError(tb, err)
	return rules
}

func theirs(tb testing.TB) []*vm.Program {
	programs := make([]*vm.Program, many)
	for i := range programs {
		source := asked(i).expression
		if i == many-1 {
			source = `Channel == "last"`
		}
		p, err := expr.Compile(source, expr.Env(env{}), expr.AsBool())
		require.NoError(tb, err)
		programs[i] = p
	}
	return programs
}

func factsOf(e env) routing.Facts {
	return routing.Facts{Channel: e.Channel, Text: e.Text, Contact: routing.Contact{
		Address: e.Sender, Country: e.Country, Language: e.Language, Attributes: e.Attributes,
	}}
}

func firstOf(tb testing.TB, machine *vm.VM, programs []*vm.Program, e env) int {
	for i, p := range programs {
		out, err := machine.Run(p, e)
		if err != nil {
			tb.Fatal(err)
		}
		if out.(bool) {
			return i
		}
	}
	return -1
}

func unmatched() env {
	return env{
		Channel: "last", Text: strings.ToLower(message), Sender: "+14155550100", Country: "US", Language: "en-US",
		Attributes: map[string]string{"plan": "free", "city": "Oakland", "source": "web"},
	}
}

// Both come to the same decision, so that their times can be compared.
func TestSameDecisionsAsExpr(t *testing.T) {
	rules, programs, machine := ours(t), theirs(t), &vm.VM{}
	for name, change := range map[string]func(*env){
		"last": func(*env) {}, "country": func(e *env) { e.Country = "CH" }, "none": func(e *env) { e.Channel = "x" },
		"language": func(e *env) { e.Country, e.Language = "FR", "fr-x-45" }, "sender": func(e *env) { e.Sender = "+12120301" },
		"attribute": func(e *env) { e.Attributes = map[string]string{"plan": "plan 302"} },
		"text":      func(e *env) { e.Text = "the chair no 303 please" }, "pattern": func(e *env) { e.Text = "my order #354!" },
	} {
		e := unmatched()
		change(&e)
		got := -1
		if d := rules.Route(factsOf(e)); d.Targets != nil {
			got = d.Place.Order
		}
		require.Equal(t, firstOf(t, machine, programs, e), got, name)
	}
}

func BenchmarkRouting(b *testing.B) {
	rules, f := ours(b), factsOf(unmatched())
	b.ReportAllocs()
	for b.Loop() {
		rules.Route(f)
	}
}

func BenchmarkExpr(b *testing.B) {
	programs, e, machine := theirs(b), unmatched(), &vm.VM{}
	b.ReportAllocs()
	for b.Loop() {
		firstOf(b, machine, programs, e)
	}
}
