package pgstore_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
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
		s.Database = w.reach(url(t))
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
			if name == "thin" {
				longOnly(t)
			}
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
	took := c.watch()
	d, err := c.Deliver(to(c.Context(), p), smstest.Text{ID: fmt.Sprintf("text-%05d", n), From: address(n), Body: "hello"})
	if !d.OK() && d.Status != http.StatusServiceUnavailable {
		c.Errorf("status %d, error %v", d.Status, err)
	}
	if took := took(); took > 2*time.Second+slack {
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
	took := f.watch()
	in := func() time.Duration { return back - took() }
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
	f.eventually(in(), "to send again", func() bool { // whatever became of the receipts, which nobody repeats here
		s := f.states(late)
		return s[livedesk.Accepted]+s[livedesk.Sent]+s[livedesk.Delivered] == 1
	})
	f.eventually(in(), "to do jobs again", func() bool {
		talk, err := f.desk.Conversation(f.Context(), talk.ID)
		return err == nil && talk.State == livedesk.Open
	})
	f.eventually(in(), "to read the configuration again", func() bool {
		return get[livedesk.Channel](f, f.processes[0], "Channel", ch.ID).Greeting == "Here again"
	})
	f.Logf("back after %s", took().Round(time.Millisecond))
}

// A process is killed when its commit is on disk and it hasn't learned of it, so that the carrier gets no answer: the repeated
// webhook changes nothing, and what follows from the first one happens once, in another process (F34, F35).
func TestFleetKilledInCommit(t *testing.T) {
	t.Parallel()
	w, on := wired(t)
	f := newFleet(t, func(s *setting) {
		on(s)
		s.Database += "&default_query_exec_mode=exec" // the text of a statement goes with it, so that the wire sees a COMMIT
	})
	n := f.twilioNumber(nil)
	f.agents(n, 1, "ada")
	f.start()
	m := smstest.Text{ID: "SM7e57000000000000000000000000000b", From: address(1), Body: "hello"}
	w.onCommit(f.processes[0].kill) // it is idle: there is no other commit
	d, err := n.Deliver(to(t.Context(), f.processes[0]), m)
	require.True(t, err != nil && d.Status == 0, "status %d", d.Status)
	require.Len(t, f.conversations(livedesk.List{}), 1, "the commit was kept")

	f.run(f.processes[1:]...)
	n.text(f, t.Context(), m)
	f.quiet(patience)
	list := f.conversations(livedesk.List{})
	require.Len(t, list, 1)
	entries := f.timeline(list[0])
	require.Len(t, ofKind(entries, livedesk.Incoming), 1)
	require.Len(t, n.Sent(), 1, "greetings")
	require.Equal(t, "ada", list[0].Assignee)
	require.Equal(t, 1, assignments(entries))
}

// While one process waits for its commit, others take the same webhook, and other texts of the same new contact: the guard is a
// key and not that somebody was faster (F36).
func TestFleetCommitTakesLong(t *testing.T) {
	t.Parallel()
	w, on := wired(t)
	f := newFleet(t, func(s *setting) { on(s); s.WebhookTimeout = 0 })
	n := f.twilioNumber(nil)
	f.start()
	f.run(f.processes...)
	w.onCommit(func() { time.Sleep(time.Second) })
	together(5*fleetSize, func(i int) {
		m := smstest.Text{ID: fmt.Sprintf("SM7e5700000000000000000000000000%02d", i%5), From: address(1), Body: "hello"}
		n.text(f, to(t.Context(), f.processes[i%fleetSize]), m)
	})
	f.quiet(patience)
	list := f.conversations(livedesk.List{})
	require.Len(t, list, 1)
	require.Len(t, ofKind(f.timeline(list[0]), livedesk.Incoming), 5)
	require.Len(t, n.Sent(), 1, "greetings")
}

// A transaction of the host's holds one contact's row for long, as an import does, or a colleague at a console. That contact's
// texts wait; those of others go on to be taken in meanwhile, in all processes.
func TestFleetContactIsHeld(t *testing.T) {
	t.Parallel()
	const others, held = 40, 8 * time.Second
	f := newFleet(t, func(s *setting) { s.twilio.RetryPause = 200 * time.Millisecond })
	n := f.twilioNumber(silent)
	f.start()
	together(others+1, func(i int) { n.text(f, t.Context(), smstest.Text{From: address(i), Body: "first"}) })
	tx, err := f.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	tag, err := tx.Exec(t.Context(), "UPDATE "+f.schema+".contacts SET name = 'Imported' WHERE address = $1", address(0))
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected())
	_, err = tx.Exec(t.Context(), "SELECT FROM "+f.schema+".threads AS h JOIN "+f.schema+".contacts AS c ON c.id = h.contact WHERE c.address = $1 FOR UPDATE", address(0))
	require.NoError(t, err)

	var slowest atomic.Int64
	var refusals atomic.Int64
	var all sync.WaitGroup
	for i := range 2 * fleetSize { // the customer writes on; each process has two of the texts
		all.Go(func() {
			time.Sleep(time.Duration(i) * 50 * time.Millisecond)
			_, _ = n.Deliver(to(t.Context(), f.processes[i%fleetSize]), smstest.Text{From: address(0), Body: "held"})
		})
	}
	for i := 1; i <= others; i++ {
		all.Go(func() {
			time.Sleep(time.Duration(f.any(int(held-time.Second)/1e6)) * time.Millisecond)
			watch := f.watch()
			d, _ := n.Deliver(to(t.Context(), f.processes[i%fleetSize]), smstest.Text{From: address(i), Body: "again"})
			refusals.Add(int64(d.Attempts - 1))
			took := int64(watch())
			for was := slowest.Load(); took > was && !slowest.CompareAndSwap(was, took); was = slowest.Load() {
			}
		})
	}
	time.Sleep(held)
	require.NoError(t, tx.Commit(t.Context()))
	all.Wait()
	require.Equal(t, 2*fleetSize, f.count(`SELECT count(*) FROM {s}.messages WHERE text = 'held'`))
	require.Equal(t, others, f.count(`SELECT count(*) FROM {s}.messages WHERE text = 'again'`))
	t.Logf("of %d other texts the slowest took %s; %d webhooks were refused", others, time.Duration(slowest.Load()).Round(time.Millisecond), refusals.Load())
	if took := time.Duration(slowest.Load()); took > time.Second+slack || refusals.Load() > 0 {
		t.Errorf("others waited up to %s, and %d of their webhooks were refused", took.Round(10*time.Millisecond), refusals.Load())
	}
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
