package livedesk_test

import (
	"fmt"
	"testing"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// A decision with its record, by the number of rules that were looked at before people got it.
func BenchmarkSimulate(b *testing.B) {
	for _, n := range []int{0, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, desk, ch, _ := exampleDesk(livedesk.Config{})
			var rules []routing.Rule
			for i := range n {
				r := says(fmt.Sprintf("word%04d", i), toTeam("a"))
				r.Order = i
				rules = append(rules, r)
			}
			if _, err := desk.PutRules(b.Context(), livedesk.RuleSet{Rules: rules}); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := desk.Simulate(b.Context(), livedesk.Simulation{Channel: ch.ID, Text: "hello there, is my order on its way?"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
