package routing_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

func TestLeastLoadedPicks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		by      routing.LeastLoaded
		members []routing.Member
		want    int
	}{
		{"nobody", routing.LeastLoaded{}, nil, -1},
		{"the fewest in hand", routing.LeastLoaded{}, []routing.Member{{Load: 2}, {Load: 1}}, 1},
		{"never a full one", routing.LeastLoaded{}, []routing.Member{{Load: 1, Capacity: 1}, {Load: 5, Capacity: 6}}, 1},
		{"nobody when all are full", routing.LeastLoaded{}, []routing.Member{{Load: 1, Capacity: 1}, {Load: 9, Capacity: 9}}, -1},
		{"negative capacity takes none", routing.LeastLoaded{}, []routing.Member{{Capacity: -1}}, -1},
		{"a tie goes to the oldest assignment", routing.LeastLoaded{}, []routing.Member{{Last: 2}, {Last: 1, Position: 1}}, 1},
		{"never assigned comes first", routing.LeastLoaded{}, []routing.Member{{Last: 1}, {Last: 0, Position: 1}}, 1},
		{"then list order", routing.LeastLoaded{}, []routing.Member{{}, {Position: 1}}, 0},
		{"the smallest share", routing.LeastLoaded{ByShare: true}, []routing.Member{{Load: 1, Capacity: 2}, {Load: 2, Capacity: 8}}, 1},
		{"no limit counts as no share", routing.LeastLoaded{ByShare: true}, []routing.Member{{Load: 1, Capacity: 9}, {Load: 50, Position: 1}}, 1},
	} {
		require.Equal(t, tc.want, tc.by.Pick(routing.Facts{}, tc.members), tc.name)
	}
}

func TestRoundRobinPicks(t *testing.T) {
	t.Parallel()
	full := []routing.Member{{Last: 1, Load: 1, Capacity: 1}, {Last: 2, Position: 1}}
	require.Equal(t, 0, routing.RoundRobin{}.Pick(routing.Facts{}, full), "capacity is ignored")
	require.Equal(t, 1, routing.RoundRobin{HonorCapacity: true}.Pick(routing.Facts{}, full), "unless it is to be honoured")
	require.Equal(t, -1, routing.RoundRobin{}.Pick(routing.Facts{}, nil))
}

func BenchmarkPickAmong100(b *testing.B) {
	members := make([]routing.Member, 100)
	for i := range members {
		members[i] = routing.Member{Load: i % 7, Capacity: 8, Last: int64(i), Position: i}
	}
	b.ReportAllocs()
	for b.Loop() {
		routing.LeastLoaded{}.Pick(routing.Facts{}, members)
	}
}

func ExampleRouterFunc() {
	vip := routing.RouterFunc(func(f routing.Facts) routing.Decision {
		if f.Contact.Attributes["plan"] == "gold" {
			return routing.Decision{Targets: []routing.Target{{Kind: routing.ToTeam, ID: "vip"}}, Reason: "gold plan"}
		}
		return routing.Decision{} // pass: the channel's human agents
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
