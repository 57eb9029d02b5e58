package modeltest

import (
	"errors"
	"math/rand/v2"
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

// TestCrowd lets 32 goroutines do what they like on two engines at once. Nobody can say who has what in the end; but nobody
// is ever given more than the capacity, and when it is quiet nobody waits beside somebody who fits.
func TestCrowd(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open opener) {
		c := &clock{}
		d := newDesk(t, open(t, c), c.advance)
		var turns atomic.Int64
		d.next = func() int { return int(turns.Add(1) % 2) }
		for _, id := range staff {
			_, err := d.desk().PutAgent(t.Context(), livedesk.Agent{ID: id, Capacity: crowded})
			require.NoError(t, err)
			require.NoError(t, d.desk().SetPresence(t.Context(), id, livedesk.Online, 0))
		}
		require.NoError(t, d.desk().SetTeam(t.Context(), "night", staff[:3]))
		for i, ch := range d.channels {
			require.NoError(t, d.desk().SetMembers(t.Context(), ch.ID, staff[i:i+2]))
		}
		d.rules("wait")
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
		s := d.look()
		d.gapless(s)
		m := d.model(s)
		m.quiet(t)
		for _, it := range m.talks {
			require.True(t, it.state != livedesk.Open || it.assignee+it.queue != "", "nobody has it, and it doesn't wait: %+v", *it)
		}
	})
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
		_, err := d.carriers[ch].Deliver(d.t.Context(), smstest.Text{From: number(r.IntN(20)), Body: body})
		return err
	}
	id := ""
	if talks := d.look().talks; len(talks) > 0 {
		id = talks[r.IntN(len(talks))].ID
	}
	agent := staff[r.IntN(len(staff))]
	var err error
	switch r.IntN(7) {
	case 0, 1:
		_, err = desk.Resolve(d.t.Context(), id, host)
	case 2:
		_, err = desk.Unassign(d.t.Context(), id, host)
	case 3:
		_, err = desk.Transfer(d.t.Context(), id, toTeam, host)
	case 4:
		_, err = desk.Transfer(d.t.Context(), id, toHumans, host)
	case 5:
		err = desk.SetPresence(d.t.Context(), agent, []livedesk.Presence{livedesk.Online, livedesk.Offline, livedesk.Online, livedesk.Busy}[r.IntN(4)], 0)
	case 6:
		i := r.IntN(3)
		err = desk.SetMembers(d.t.Context(), d.channels[r.IntN(2)].ID, staff[i:i+2])
	}
	return err
}

// model is the model as the desk is.
func (d *desk) model(s seen) *model {
	m := newModel(d.channels)
	for _, a := range s.agents {
		m.agents[a.ID] = &agent{capacity: a.Capacity, presence: a.Presence}
	}
	for id := range m.lines {
		m.lines[id].members = s.lines[id].Members
	}
	for _, c := range s.talks {
		t := &talk{id: c.ID, state: c.State, assignee: c.Assignee, queue: c.Queue, priority: int(c.Priority)}
		for who := range 20 {
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
			require.Empty(t, m.fitting(it.queue, it), "%s waits in %s beside somebody who fits", number(it.who), it.queue)
		}
	}
}
