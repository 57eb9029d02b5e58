package livedesk_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// simpleRule is a rule as the oracle knows it.
type simpleRule struct {
	word    int // holds for texts of this number; -1 for all
	targets []int
	then    routing.Fallback
}

// The engine decides like an oracle of a few lines: rules in order, first match wins, then people.
func TestRulesAgainstAnOracle(t *testing.T) { // F95
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	names := []string{"a0", "a1", "a2", "a3"}
	w.agents(w.ch.ID, 0, names[0])
	for _, n := range names[1:] {
		w.agent(n, 0)
	}
	sets := 300
	if testing.Short() {
		sets = 30
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range sets {
		simple := make([]simpleRule, r.IntN(6))
		stored := make([]routing.Rule, len(simple))
		for i := range simple {
			simple[i] = simpleRule{r.IntN(4) - 1, r.Perm(4)[:1+r.IntN(2)], []routing.Fallback{routing.Wait, routing.NextRule, routing.NextTier}[r.IntN(3)]}
			stored[i] = simple[i].stored(i)
		}
		w.rules(stored...)
		for range 10 {
			var free [4]bool
			var roster []livedesk.Agent
			for i, name := range names {
				a := livedesk.Agent{ID: name, Presence: livedesk.Online, Capacity: 1, Load: r.IntN(2)}
				free[i] = a.Load == 0
				roster = append(roster, a)
			}
			word := r.IntN(3)
			rule, agent, queue := oracle(simple, word, free, w.ch.ID)
			got, err := w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID, Text: fmt.Sprint("word", word), Agents: roster})
			require.NoError(t, err)
			d := got.Decision
			require.Equal(t, []string{rule, agent, queue}, []string{d.Rule, d.Agent, d.Queue}, "set %d: %+v, word %d, free %v", n, simple, word, free)
		}
	}
}

func (s simpleRule) stored(i int) routing.Rule {
	out := routing.Rule{ID: fmt.Sprint("r", i), Condition: routing.Condition{Always: true}, Unavailable: s.then}
	if s.word >= 0 {
		out.Condition = routing.Condition{Text: &routing.Text{Keyword: []string{fmt.Sprint("word", s.word)}}}
	}
	for _, t := range s.targets {
		out.Targets = append(out.Targets, toAgent(fmt.Sprint("a", t)))
	}
	return out
}

func oracle(rules []simpleRule, word int, free [4]bool, channelID string) (rule, agent, queue string) {
	for i, r := range rules {
		if r.word >= 0 && r.word != word {
			continue
		}
		id := fmt.Sprint("r", i)
		for _, t := range r.targets {
			if free[t] {
				return id, fmt.Sprint("a", t), fmt.Sprint("agent:a", t)
			}
		}
		if r.then == routing.Wait {
			return id, "", fmt.Sprint("agent:a", r.targets[0])
		}
		if r.then == routing.NextTier {
			break
		}
	}
	if free[0] {
		return "", "a0", livedesk.ChannelQueue(channelID)
	}
	return "", "", livedesk.ChannelQueue(channelID)
}
