package pgstore_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

func idle(s *setting) { s.Idle = true }

// brisk is for tests in which leases and waits for a verdict run out.
func brisk(s *setting) {
	s.Idle, s.Lease, s.VerdictAfter, s.IdleTimeout, s.FrontTimeout = true, time.Second, 2*time.Second, time.Second, time.Second
}

// queue lets the host write texts to many contacts, numbered from 0 for each.
func (f *fleet) queue(n *number, from, contacts, each int) []livedesk.Message {
	f.Helper()
	list := make([][]livedesk.Message, contacts)
	together(8, func(lane int) {
		for i := lane; i < contacts; i += 8 {
			for k := range each {
				m, err := f.desk.Start(f.Context(), n.ID, address(from+i), Say{}.by(), livedesk.Draft{Text: fmt.Sprint(k)})
				if err != nil {
					f.Errorf("start: %v", err)
					return
				}
				list[i] = append(list[i], m)
			}
		}
	})
	if f.Failed() {
		f.FailNow()
	}
	return slices.Concat(list...)
}

// run lets processes work that were idle.
func (f *fleet) run(list ...*process) {
	f.Helper()
	together(len(list), func(i int) { do(f, list[i], "Run", 0) })
}

// inOrder holds the numbers to the order in which the texts of queue were written, to each contact (I15).
func (f *fleet) inOrder(numbers ...*number) {
	f.Helper()
	next := map[channel.Address]int{}
	for _, p := range posts(numbers...) {
		if p.knownNotSent() {
			continue
		}
		if want := fmt.Sprint(next[p.to]); p.text != want {
			f.Errorf("text %s came where text %s was due", p.text, want)
		}
		next[p.to]++
	}
}

// states counts the messages by state.
func (f *fleet) states(list []livedesk.Message) map[livedesk.DeliveryState]int {
	f.Helper()
	n := map[livedesk.DeliveryState]int{}
	for _, m := range list {
		m, err := f.desk.Message(f.Context(), m.ID)
		require.NoError(f, err)
		n[m.Delivery.State]++
	}
	return n
}

// A thousand queued texts, four processes that begin at once: each is posted once, after its attempt was written down, in
// order for each contact, and gets its verdict, also where receipts come to another process before the answer to this one (F58,
// F67, I5, I15).
func TestFleetOutbox(t *testing.T) {
	t.Parallel()
	f := newFleet(t, func(s *setting) {
		idle(s)
		s.bandwidth.Receipts = func(smstest.Sent) []smstest.Step {
			return []smstest.Step{{Status: channel.StatusDelivered, BeforeAnswer: true}, {Status: channel.StatusSent, BeforeAnswer: true}}
		}
	})
	a, b := f.twilioNumber(nil), f.bandwidthNumber(nil)
	list := append(f.queue(a, 0, 50, 10), f.queue(b, 50, 50, 10)...)
	f.writtenDownFirst(a, nil)
	f.writtenDownFirst(b, nil)
	f.start()
	f.run(f.processes...)
	f.quiet(2 * patience)
	require.Len(t, byRef(posts(a, b)), 1000)
	f.postedOnce(a, b)
	f.inOrder(a, b)
	require.Equal(t, map[livedesk.DeliveryState]int{livedesk.Delivered: 1000}, f.states(list))
}

// STOP while texts to the same contact are on their way in four processes: once it was answered, no gate opens any more, and
// what is queued is taken back (F71, F72, I8).
func TestFleetStop(t *testing.T) {
	t.Parallel()
	const contacts, each = 40, 12
	f := newFleet(t, idle)
	f.audit()
	n := f.bandwidthNumber(func(c *livedesk.Channel) { c.ConsentTexts.Off = true }) // it has no list of its own: only the desk keeps texts back
	list := f.queue(n, 0, contacts, each)
	n.FailFunc(func(r smstest.Request) smstest.Fault {
		time.Sleep(10 * time.Millisecond)
		return smstest.Fault{}
	})
	f.start()
	f.run(f.processes...)
	stopped := make([]time.Time, contacts)
	together(contacts, func(i int) {
		time.Sleep(time.Duration(f.any(1000)) * time.Millisecond)
		n.text(f, t.Context(), smstest.Text{From: address(i), Body: "STOP"})
		stopped[i] = time.Now()
	})
	f.quiet(patience)
	f.gatesHeld()
	f.postedOnce(n)
	f.inOrder(n)
	after := map[channel.Address]time.Time{}
	for i, at := range stopped {
		after[address(i)] = at
	}
	for _, p := range posts(n) {
		// What passed the gate before STOP has 2 s to begin; what is written down beside shows that there was no other.
		require.Less(t, p.At.Sub(after[p.to]), 10*time.Second, "posted after STOP was answered")
	}
	states := f.states(list)
	require.NotZero(t, states[livedesk.Canceled], "the test was too slow: %v", states)
	require.Equal(t, contacts*each, states[livedesk.Canceled]+states[livedesk.Delivered], "%v", states)
}

// A text is at the gate, and then the carrier's token takes long. STOP is answered meanwhile: the text must not leave, for more
// than two seconds have passed since the gate (R15, I8).
func TestFleetStopMeetsASlowToken(t *testing.T) {
	t.Parallel()
	f := newFleet(t, idle)
	f.audit()
	n := f.bandwidthNumber(func(c *livedesk.Channel) { c.ConsentTexts.Off = true }) // or the STOP would be confirmed
	f.queue(n, 0, 1, 1)
	n.FailFunc(func(r smstest.Request) smstest.Fault {
		if r.Kind == smstest.KindToken {
			time.Sleep(4 * time.Second)
		}
		return smstest.Fault{}
	})
	f.start()
	f.run(f.processes...)
	f.eventually(patience, "to open the gate", func() bool { return f.count(`SELECT count(*) FROM {s}.audit_gates`) == 1 })
	n.text(f, t.Context(), smstest.Text{From: address(0), Body: "STOP"})
	answered := time.Now()
	time.Sleep(5 * time.Second)
	for _, p := range posts(n) {
		t.Errorf("posted %s after STOP was answered", p.At.Sub(answered).Round(10*time.Millisecond))
	}
}

// An entry of the ledger that came another way than by STOP, as with an import, cancels nothing by itself: the gate looks
// again.
func TestFleetGateLooksAtTheLedger(t *testing.T) {
	t.Parallel()
	f := newFleet(t, idle)
	f.audit()
	n := f.bandwidthNumber(nil)
	list := f.queue(n, 0, 10, 2)
	_, err := f.pool.Exec(t.Context(), "UPDATE "+f.schema+".threads SET opted_out = true, version = version + 1")
	require.NoError(t, err)
	f.start()
	f.run(f.processes...)
	f.quiet(patience)
	require.Empty(t, posts(n))
	require.Equal(t, map[livedesk.DeliveryState]int{livedesk.Canceled: 20}, f.states(list))
}

// A process that is killed while it posts leaves texts of which nobody knows whether they left: others take them over as
// unknown, a receipt closes those that were taken, the rest ends unconfirmed, and nothing is posted twice (F54, F61).
func TestFleetKilledWhilePosting(t *testing.T) {
	t.Parallel()
	lostWhilePosting(t, func(f *fleet, p *process) (back func()) {
		p.kill()
		return func() {}
	})
}

// The same with a process that stands still until its lease is over, and then goes on.
func TestFleetFrozenWhilePosting(t *testing.T) {
	t.Parallel()
	lostWhilePosting(t, func(f *fleet, p *process) (back func()) {
		p.freeze()
		f.front.remove(p)
		return p.thaw
	})
}

func lostWhilePosting(t *testing.T, lose func(*fleet, *process) (back func())) {
	const contacts = 8
	f := newFleet(t, brisk)
	n := f.twilioNumber(nil)
	list := f.queue(n, 0, contacts, 2)
	f.writtenDownFirst(n, func(p post) smstest.Fault {
		switch {
		case p.text != "0":
			return smstest.Fault{}
		case p.to < address(contacts/2):
			return taken202
		}
		return hangs
	})
	f.start()
	f.run(f.processes[0])
	f.eventually(patience, "to post", func() bool { return len(posts(n)) == contacts })
	back := lose(f, f.processes[0])
	f.run(f.processes[1:]...)
	f.quiet(patience)
	back()
	time.Sleep(300 * time.Millisecond) // for what the lost one would do
	f.quiet(patience)
	require.Len(t, byRef(posts(n)), 2*contacts)
	f.postedOnce(n)
	f.inOrder(n)
	require.Equal(t, map[livedesk.DeliveryState]int{livedesk.Delivered: contacts + contacts/2, livedesk.Unconfirmed: contacts / 2}, f.states(list))
}

// A process that is killed at the gate leaves texts that have not left: others send them, once (F54). While somebody else
// holds their threads it waits for nobody and takes nothing.
func TestFleetKilledAtTheGate(t *testing.T) {
	t.Parallel()
	lostAtTheGate(t, func(f *fleet, p *process) (back func()) {
		p.kill()
		return func() {}
	})
}

// The same with a process that stands still and wakes when others have its texts.
func TestFleetFrozenAtTheGate(t *testing.T) {
	t.Parallel()
	lostAtTheGate(t, func(f *fleet, p *process) (back func()) {
		p.freeze()
		f.front.remove(p)
		return p.thaw
	})
}

func lostAtTheGate(t *testing.T, lose func(*fleet, *process) (back func())) {
	const contacts = 8
	f := newFleet(t, brisk)
	n := f.twilioNumber(nil)
	list := f.queue(n, 0, contacts, 2)
	f.writtenDownFirst(n, nil)
	f.start()
	var back func()
	f.holdThreads(func() { // nobody passes the gate meanwhile
		f.run(f.processes[0])
		time.Sleep(300 * time.Millisecond)
		require.Equal(f, 2*contacts, f.count(`SELECT count(*) FROM {s}.messages WHERE delivery = 'queued' AND attempts = 0`))
		back = lose(f, f.processes[0])
	})
	f.run(f.processes[1:]...)
	f.quiet(patience)
	back()
	time.Sleep(300 * time.Millisecond)
	f.quiet(patience)
	require.Len(t, byRef(posts(n)), 2*contacts)
	f.postedOnce(n)
	f.inOrder(n)
	require.Equal(t, map[livedesk.DeliveryState]int{livedesk.Delivered: 2 * contacts}, f.states(list))
}

// holdThreads runs fn while a transaction of somebody else holds every thread.
func (f *fleet) holdThreads(fn func()) {
	f.Helper()
	tx, err := f.pool.Begin(f.Context())
	require.NoError(f, err)
	defer func() { require.NoError(f, tx.Rollback(context.WithoutCancel(f.Context()))) }()
	_, err = tx.Exec(f.Context(), "SELECT 1 FROM "+f.schema+".threads FOR UPDATE")
	require.NoError(f, err)
	fn()
}
