package modeltest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

const (
	crowd   = 32 // goroutines
	crowded = 2  // conversations an agent may have
)

// certified is the skill that those have for good who have it.
const certified = "certified"

var holders = []string{"ada", "dee"}

// TestCrowd lets 32 goroutines do what they like on two engines at once. Nobody can say who has what in the end; but nobody
// is ever given more than the capacity, or what needs something that they lack. When it is quiet nobody waits beside somebody
// who fits, nor while one conversation after the other ends. The targets of the second half ask for skills and languages,
// which change meanwhile.
func TestCrowd(t *testing.T) {
	for _, rules := range []string{"wait", "crowd"} {
		t.Run(rules, func(t *testing.T) { onEveryStore(t, func(t *testing.T, open opener) { crowds(t, open, rules) }) })
	}
}

func crowds(t *testing.T, open opener, rules string) {
	c := &clock{}
	d := newDesk(t, open(t, c), c.advance)
	var turns atomic.Int64
	d.next = func() int { return int(turns.Add(1) % 2) }
	for _, id := range staff {
		_, err := d.desk().PutAgent(t.Context(), able(id, 1))
		require.NoError(t, err)
		require.NoError(t, d.desk().SetPresence(t.Context(), id, livedesk.Online, 0))
	}
	require.NoError(t, d.desk().SetTeam(t.Context(), "night", staff[:3]))
	for i, ch := range d.channels {
		require.NoError(t, d.desk().SetMembers(t.Context(), ch.ID, staff[i:i+2]))
	}
	for who := range customers {
		require.NoError(t, d.speaks(d.desk(), who, spoken[who%len(spoken)]))
	}
	d.rules(rules)
	d.settle()
	var all sync.WaitGroup
	for n := range crowd {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			for range 12 {
				if err := d.anything(r); err != nil && !harmless(err) {
					assert.NoError(t, err)
				}
				for _, a := range d.look().agents {
					assert.LessOrEqual(t, a.Load, crowded, "conversations of %s", a.ID)
				}
			}
		})
	}
	all.Wait()
	d.settle()
	for _, id := range staff {
		require.NoError(t, d.desk().SetPresence(t.Context(), id, livedesk.Online, 0))
	}
	for d.takesOne() {
	}
	d.knows(d.gapless(d.look()), certified, holders)
}

// takesOne holds a desk where nothing happens to what must be so then, and ends one conversation, which lets others have their
// turn. It returns false when nobody has any.
func (d *desk) takesOne() bool {
	d.settle()
	m := d.model(d.look())
	m.quiet(d.t)
	given := ""
	for _, it := range m.talks {
		require.True(d.t, it.state != livedesk.Open || it.assignee+it.queue != "", "nobody has it, and it doesn't wait: %+v", *it)
		if it.state == livedesk.Open && it.assignee != "" {
			given = it.id
		}
	}
	if given != "" {
		_, err := d.desk().Resolve(d.t.Context(), given, host)
		require.NoError(d.t, err)
	}
	return given != ""
}

// able is an agent with some of what agents may have.
func able(id string, n int) livedesk.Agent {
	a := livedesk.Agent{ID: id, Capacity: crowded, Skills: abilities[n%len(abilities)], Languages: tongues[n/len(abilities)%len(tongues)]}
	if slices.Contains(holders, id) {
		a.Skills = append(slices.Clone(a.Skills), certified)
	}
	return a
}

// harmless errors are the answers to things that are no longer possible, or not now.
func harmless(err error) bool {
	var state *livedesk.StateError
	return errors.As(err, &state) || errors.Is(err, livedesk.ErrNotFound) || errors.Is(err, livedesk.ErrBusy) ||
		errors.Is(err, livedesk.ErrSerialization)
}

// anything is one thing that somebody does. None of it takes an agent above capacity by hand.
func (d *desk) anything(r *rand.Rand) error {
	desk := d.engines[r.IntN(2)].Load().Desk(workspace)
	if r.IntN(3) == 0 {
		ch := r.IntN(2)
		body := []string{"hello", vip, "hello", "STOP"}[r.IntN(4)]
		_, err := d.carriers[ch].Deliver(d.t.Context(), smstest.Text{From: number(r.IntN(customers)), Body: body})
		return err
	}
	id := ""
	if talks := d.look().talks; len(talks) > 0 {
		id = talks[r.IntN(len(talks))].ID
	}
	agent := staff[r.IntN(len(staff))]
	var err error
	switch r.IntN(9) {
	case 0, 1:
		_, err = desk.Resolve(d.t.Context(), id, host)
	case 2:
		_, err = desk.Unassign(d.t.Context(), id, host)
	case 3:
		_, err = desk.Transfer(d.t.Context(), id, []place{toTeam, {to: team, skills: certified}}[r.IntN(2)].stored(), host)
	case 4:
		_, err = desk.Transfer(d.t.Context(), id, []place{toHumans, {to: humans, language: theirs}}[r.IntN(2)].stored(), host)
	case 5:
		err = desk.SetPresence(d.t.Context(), agent, []livedesk.Presence{livedesk.Online, livedesk.Offline, livedesk.Online, livedesk.Busy}[r.IntN(4)], 0)
	case 6:
		i := r.IntN(3)
		err = desk.SetMembers(d.t.Context(), d.channels[r.IntN(2)].ID, staff[i:i+2])
	case 7:
		_, err = desk.PutAgent(d.t.Context(), able(agent, r.IntN(len(abilities)*len(tongues))))
	case 8:
		err = d.speaks(desk, r.IntN(customers), spoken[r.IntN(len(spoken))])
	}
	return err
}

// model is the model as the desk is.
func (d *desk) model(s seen) *model {
	m := newModel(d.channels)
	for _, a := range s.agents {
		m.agents[a.ID] = &agent{capacity: a.Capacity, presence: a.Presence, skills: a.Skills, languages: a.Languages}
	}
	for id := range m.lines {
		m.lines[id].members = s.lines[id].Members
	}
	for _, c := range s.talks {
		t := &talk{id: c.ID, state: c.State, assignee: c.Assignee, queue: c.Queue, want: wanted(c.Needs), priority: int(c.Priority)}
		for who := range customers {
			if number(who) == c.Address {
				t.who = who
			}
		}
		if c.Channel == d.channels[1].ID {
			t.channel = 1
		}
		m.talks = append(m.talks, t)
	}
	return m
}

// quiet holds a desk where nothing happens to what must be so then.
func (m *model) quiet(t require.TestingT) {
	live := map[person]int{}
	for _, it := range m.talks {
		if it.state.Live() {
			live[it.person]++
			require.Equal(t, 1, live[it.person], "live conversations of one customer on one channel")
		}
		require.False(t, it.assignee != "" && it.queue != "", "somebody has it, or it waits: %+v", *it)
		if it.queue != "" && !m.byHand(it.queue) {
			require.Empty(t, m.fitting(it.queue, it, it.want), "%s waits in %s beside somebody who fits", number(it.who), it.queue)
		}
	}
}
