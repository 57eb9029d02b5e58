package routing_test

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

var (
	_ routing.Strategy = routing.LeastLoaded{}
	_ routing.Strategy = routing.RoundRobin{}
)

func TestLeastLoadedPicks(t *testing.T) {
	t.Parallel()
	share := routing.LeastLoaded{ByShare: true}
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
		{"fewer in hand goes before an older assignment", routing.LeastLoaded{}, []routing.Member{{Load: 1, Last: 1}, {Last: 2, Position: 1}}, 1},
		{"the smallest share", share, []routing.Member{{Load: 1, Capacity: 2}, {Load: 2, Capacity: 8}}, 1},
		{"no limit counts as no share", share, []routing.Member{{Load: 1, Capacity: 9}, {Load: 50, Position: 1}}, 1},
		{"equal shares go by list order", share, []routing.Member{{Load: 1, Capacity: 2, Last: 9}, {Load: 2, Capacity: 4, Last: 1, Position: 1}}, 0},
		{"a huge share", share, []routing.Member{{Load: math.MaxInt - 1, Capacity: math.MaxInt}, {Load: 1, Capacity: 2, Position: 1}}, 1},
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
	require.Equal(t, -1, routing.RoundRobin{HonorCapacity: true}.Pick(routing.Facts{}, full[:1]))
}

// desk plays a queue's part: it hands members to a strategy, in list order, and counts.
type desk struct {
	by      routing.Strategy
	members []routing.Member
	online  []bool
	count   int64
}

func newDesk(by routing.Strategy, n int) *desk {
	d := &desk{by: by, members: make([]routing.Member, n), online: make([]bool, n)}
	for i := range d.members {
		d.members[i].Position, d.online[i] = i, true
	}
	return d
}

// assign gives one conversation away and returns who has it, or -1.
func (d *desk) assign() int {
	var here []routing.Member
	for i, m := range d.members {
		if d.online[i] {
			here = append(here, m)
		}
	}
	i := d.by.Pick(routing.Facts{}, here)
	if i < 0 {
		return -1
	}
	m := &d.members[here[i].Position]
	d.count++
	m.Load, m.Last = m.Load+1, d.count
	return m.Position
}

// Ten thousand conversations among equal agents: nobody has more than one above another, at any time.
func TestFairShares(t *testing.T) { // F101
	t.Parallel()
	for name, by := range map[string]routing.Strategy{
		"least loaded": routing.LeastLoaded{}, "round robin": routing.RoundRobin{}, "round robin, capped": routing.RoundRobin{HonorCapacity: true},
	} {
		for _, k := range []int{1, 2, 3, 7, 50} {
			d := newDesk(by, k)
			got := make([]int, k)
			for n := range 10_000 {
				got[d.assign()]++
				require.LessOrEqual(t, slices.Max(got)-slices.Min(got), 1, "%s, %d agents, after %d", name, k, n+1)
			}
		}
	}
}

// With conversations that end at random, capacities, and agents that come and go: never to a fuller agent, never above
// capacity, and of those who are as free the one who has waited longest.
func TestLeastLoadedIsFair(t *testing.T) { // F101
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 101))
	d := newDesk(routing.LeastLoaded{}, 12)
	for i := range d.members {
		d.members[i].Capacity = []int{0, 2, 5, -1}[i%4]
	}
	assigned := 0
	for range 20_000 {
		i := r.IntN(12)
		d.online[i] = r.IntN(4) > 0
		if m := &d.members[r.IntN(12)]; m.Load > 0 && r.IntN(2) == 0 {
			m.Load--
		}
		before := slices.Clone(d.members)
		got := d.assign()
		free := func(m routing.Member) bool { return d.online[m.Position] && m.Room() }
		if got < 0 {
			require.False(t, slices.ContainsFunc(before, free), "somebody had room")
			continue
		}
		assigned++
		require.True(t, free(before[got]))
		for _, m := range before {
			if free(m) && m.Position != got {
				require.GreaterOrEqual(t, m.Load, before[got].Load, "a freer one was passed over")
				if m.Load == before[got].Load {
					require.True(t, m.Last > before[got].Last || m.Last == 0 && m.Position > got, "one who waits longer was passed over")
				}
			}
		}
	}
	require.Greater(t, assigned, 5_000)
}

// Who is skipped keeps the place: whoever comes back is next, in the order in which they had their turns.
func TestRoundRobinKeepsThePlace(t *testing.T) {
	t.Parallel()
	d := newDesk(routing.RoundRobin{}, 4)
	turn := func(n int) (got []int) {
		for range n {
			got = append(got, d.assign())
		}
		return got
	}
	require.Equal(t, []int{0, 1, 2}, turn(3))
	d.online[3], d.online[0] = false, false
	require.Equal(t, []int{1, 2, 1}, turn(3))
	d.online[3], d.online[0] = true, true
	require.Equal(t, []int{3, 0, 2, 1, 3}, turn(5))
}

// The strategies do what a slow comparison of exact fractions does, whatever the numbers.
func TestStrategiesAgainstOracle(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	number := func() int {
		return []int{r.IntN(4), r.IntN(4), r.IntN(100), math.MaxInt - r.IntN(3), math.MaxInt / (1 + r.IntN(9))}[r.IntN(5)]
	}
	share := func(m routing.Member) *big.Rat {
		if m.Capacity == 0 {
			return new(big.Rat)
		}
		return big.NewRat(int64(m.Load), int64(m.Capacity))
	}
	older := func(a, b routing.Member) bool { return a.Last < b.Last || a.Last == b.Last && a.Position < b.Position }
	better := map[routing.Strategy]func(a, b routing.Member) bool{
		routing.LeastLoaded{}: func(a, b routing.Member) bool { return a.Load < b.Load || a.Load == b.Load && older(a, b) },
		routing.LeastLoaded{ByShare: true}: func(a, b routing.Member) bool {
			c := share(a).Cmp(share(b))
			return c < 0 || c == 0 && a.Position < b.Position
		},
		routing.RoundRobin{HonorCapacity: true}: older,
		routing.RoundRobin{}:                    older,
	}
	for range 5_000 {
		members := make([]routing.Member, r.IntN(8))
		for i := range members {
			members[i] = routing.Member{Load: number(), Capacity: number(), Last: r.Int64N(4), Position: i}
		}
		for by, better := range better {
			want := -1
			for i, m := range members {
				if (m.Room() || by == routing.RoundRobin{}) && (want < 0 || better(m, members[want])) {
					want = i
				}
			}
			require.Equal(t, want, by.Pick(routing.Facts{}, members), "%#v among %+v", by, members)
		}
	}
}

// scenario is a case of the shared reference data.
type scenario struct {
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
		Assigned [][][2]string `json:"assigned_after_each_event"`
		Waiting  []string      `json:"waiting_at_end"`
	}
}

// TestReferenceScenarios plays the scenarios that two independent programs agree on, in the readings that are ours.
func TestReferenceScenarios(t *testing.T) { // F101
	t.Parallel()
	file := filepath.Join("..", "..", "shared", "data", "assignment.json")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("reference data is not here: put it at %s, beside this module", file)
	}
	var doc struct{ Cases []scenario }
	require.NoError(t, json.Unmarshal(data, &doc))
	require.NotEmpty(t, doc.Cases)
	for reading, by := range map[string]routing.Strategy{
		"least_loaded_ties_oldest_assignment": routing.LeastLoaded{}, "round_robin_oldest_assignment": routing.RoundRobin{HonorCapacity: true},
		"least_percent_of_capacity": routing.LeastLoaded{ByShare: true},
	} {
		for _, c := range doc.Cases {
			p := newPlay(c, by)
			want := c.Expect[reading]
			for i := range c.Events {
				require.Equal(t, want.Assigned[i], p.event(c, i), "%s, %s, event %d", reading, c.ID, i)
			}
			require.Equal(t, want.Waiting, append([]string{}, p.waiting...), "%s, %s", reading, c.ID)
		}
	}
}

// play is a desk with conversations that have names.
type play struct {
	*desk
	place   map[string]int // of an agent
	owner   map[string]int // of a conversation
	waiting []string
}

func newPlay(c scenario, by routing.Strategy) *play {
	p := &play{newDesk(by, len(c.Agents)), map[string]int{}, map[string]int{}, nil}
	for i, a := range c.Agents {
		p.place[a.ID], p.online[i] = i, a.Online
		p.members[i].Agent, p.members[i].Load, p.members[i].Capacity = a.ID, a.Load, limit(a.Capacity)
	}
	return p
}

// limit turns the data's capacity (null means none, 0 means never) into ours.
func limit(n *int) int {
	switch {
	case n == nil:
		return 0
	case *n == 0:
		return -1
	}
	return *n
}

// event plays one event and returns who gets what because of it.
func (p *play) event(c scenario, i int) [][2]string {
	e := c.Events[i]
	owner, owned := p.owner[e.Conversation]
	switch e.Type {
	case "arrive":
		if !owned && !slices.Contains(p.waiting, e.Conversation) {
			p.waiting = append(p.waiting, e.Conversation)
		}
	case "close":
		if owned {
			p.members[owner].Load--
			delete(p.owner, e.Conversation)
		}
		p.waiting = slices.DeleteFunc(p.waiting, func(s string) bool { return s == e.Conversation })
	case "online", "offline":
		p.online[p.place[e.Agent]] = e.Type == "online"
	case "capacity":
		p.members[p.place[e.Agent]].Capacity = limit(e.Capacity)
	}
	got := [][2]string{}
	for len(p.waiting) > 0 {
		i := p.assign()
		if i < 0 {
			break
		}
		got = append(got, [2]string{p.waiting[0], p.members[i].Agent})
		p.owner[p.waiting[0]] = i
		p.waiting = p.waiting[1:]
	}
	return got
}
