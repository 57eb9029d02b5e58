package pgstore_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// back is how long a fleet may take to work again after its database is back (F130).
const back = 10 * time.Second

// wired puts a wire before the database of every process; the test's own engine goes past it.
func wired(t *testing.T) (*wire, func(*setting)) {
	w := newWire(t, url(t))
	return w, func(s *setting) {
		s.Database = w.reach(s.Database)
		s.Idle, s.WebhookTimeout, s.bandwidth.Retries = true, 2*time.Second, -1
	}
}

// The network to the database breaks: webhooks are answered 503 in time, what was acknowledged is there, and a process goes on
// by itself within ten seconds after it is back: with webhooks, texts, jobs and configuration (F127, F130, I1).
func TestFleetNetworkFaults(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]fault{
		"reset":     {refuse: true},
		"half open": {hole: true},
		"slow":      {delay: 300 * time.Millisecond},
		"thin":      {rate: 1 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, on := wired(t)
			f := newFleet(t, on)
			n := f.bandwidthNumber(nil)
			f.start()
			f.run(f.processes[0]) // alone, so that nobody does its work
			c := &customers{fleet: f, number: n, taken: map[string]bool{}}
			together(3*fleetSize, func(i int) { require.True(t, c.write(f.processes[i%fleetSize])) })
			w.set(broken)
			for range 2 {
				f.each(func(p *process) { c.write(p) })
			}
			w.set(fault{})
			f.recovers(c)
			f.keeps(c.taken)
			f.postedOnce(n)
		})
	}
}

// customers write, and remember what was acknowledged.
type customers struct {
	*fleet
	*number
	mu    sync.Mutex
	wrote int
	taken map[string]bool
}

// write lets another one write to a process. It must be answered in time, by 204 or 503.
func (c *customers) write(p *process) (ok bool) {
	c.Helper()
	c.mu.Lock()
	c.wrote++
	n := c.wrote
	c.mu.Unlock()
	began := time.Now()
	d, err := c.Deliver(to(c.Context(), p), smstest.Text{ID: fmt.Sprintf("text-%05d", n), From: address(n), Body: "hello"})
	if !d.OK() && d.Status != http.StatusServiceUnavailable {
		c.Errorf("status %d, error %v", d.Status, err)
	}
	if took := time.Since(began); took > 2*time.Second+slack {
		c.Errorf("answered after %s: a carrier waits for ten", took)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken[d.ID] = d.OK()
	return d.OK()
}

// recovers says that the processes take texts in again, and that the first one does everything else, in time.
func (f *fleet) recovers(c *customers) {
	f.Helper()
	began := time.Now()
	in := func() time.Duration { return back - time.Since(began) }
	late := f.queue(c.number, 50_000, 1, 1) // nobody tells the process of it
	talk, err := f.desk.Conversation(f.Context(), late[0].Conversation)
	require.NoError(f, err)
	_, err = f.desk.Snooze(f.Context(), talk.ID, Say{}.by(), time.Now().Add(f.clock.ahead()+time.Second))
	require.NoError(f, err)
	ch := c.Channel
	ch.Greeting = "Here again"
	_, err = f.desk.PutChannel(f.Context(), ch)
	require.NoError(f, err)
	for _, p := range f.processes {
		f.eventually(in(), "to take texts in again", func() bool { return c.write(p) })
	}
	f.eventually(in(), "to send again", func() bool { return f.states(late)[livedesk.Delivered] == 1 })
	f.eventually(in(), "to do jobs again", func() bool {
		talk, err := f.desk.Conversation(f.Context(), talk.ID)
		return err == nil && talk.State == livedesk.Open
	})
	f.eventually(in(), "to read the configuration again", func() bool {
		return get[livedesk.Channel](f, f.processes[0], "Channel", ch.ID).Greeting == "Here again"
	})
	f.Logf("back after %s", time.Since(began).Round(time.Millisecond))
}

// keeps says that every acknowledged text is there, once (I1, I2).
func (f *fleet) keeps(taken map[string]bool) {
	f.Helper()
	have := map[string]int{}
	for _, id := range rows[struct{ ID string }](f, `SELECT provider_id FROM {s}.messages WHERE kind = 'incoming'`) {
		have[id.ID]++
	}
	for id, ok := range taken {
		if ok && have[id] == 0 {
			f.Errorf("text %s was acknowledged and is lost", id)
		}
	}
	for id, n := range have {
		if n > 1 {
			f.Errorf("text %s is there %d times", id, n)
		}
	}
}
