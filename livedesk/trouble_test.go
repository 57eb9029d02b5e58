package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// tryouts counts the texts that were tried, whatever number of requests that took.
func (w *world) tryouts(msgs []livedesk.Message) (n int) {
	for _, m := range msgs {
		n += w.message(m.ID).Delivery.Attempts
	}
	return n
}

func (w *world) startMany(n int) (out []livedesk.Message) {
	for i := range n {
		out = append(out, w.start(fmt.Sprintf("+1415555%04d", i), "hello"))
	}
	return out
}

// While the carrier refuses the credentials every process pauses and one of them probes, once a minute; the host is told,
// and the channel goes on by itself.
func TestRefusedCredentialsInAFleet(t *testing.T) { // F48
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Rate = -1 })
		var heard told
		engines := append([]*livedesk.Engine{w.open(heard.option)}, w.fleet(3)...)
		w.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
			if r.Kind != smstest.KindSend {
				return smstest.Fault{}
			}
			return smstest.Fault{Kind: smstest.FaultStatus, Status: 401}
		})
		queued := w.startMany(30)
		began := w.clock()
		require.NoError(t, engines[0].Settle(w.ctx()))
		require.Equal(t, []livedesk.HealthState{livedesk.HealthRefused}, heard.states())
		for _, e := range engines {
			require.NoError(t, e.Settle(w.ctx())) // knows of it, and tries nothing
			h := w.health(e)
			require.Equal(t, livedesk.HealthRefused, h.State)
			require.Equal(t, began, h.Since)
			require.Equal(t, began.Add(time.Minute), h.NextProbe)
			require.Contains(t, h.Reason, "credentials")
		}
		before := w.tryouts(queued)
		require.LessOrEqual(t, before, 10, "what was claimed together")
		for range 5 {
			for range 6 {
				w.advance(10 * time.Second)
				w.settleAll(engines)
			}
			require.Equal(t, before+1, w.tryouts(queued), "one probe a minute, in the whole fleet")
			before++
		}
		require.Empty(t, heard.states(), "nothing became another")
		for _, m := range queued {
			require.Equal(t, livedesk.Queued, w.state(m.ID), "the queue is kept")
		}
		require.Equal(t, began, w.health(w.engine).Since)

		w.text(bob, "are you there?") // is taken in
		w.carrier.FailFunc(nil)
		w.advance(time.Minute)
		for range 4 {
			w.settleAll(engines)
			w.advance(time.Minute)
		}
		for _, m := range queued {
			require.Equal(t, livedesk.Delivered, w.state(m.ID), "nobody waits for longer than the channel")
		}
		require.Equal(t, livedesk.HealthOK, w.health(engines[2]).State)
		require.Empty(t, w.health(engines[2]).Reason)
	})
}

// A carrier that can't be reached pauses the channel after a while, in all processes; a moment without network doesn't.
func TestUnreachableCarrier(t *testing.T) { // F49, F48
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Rate = -1 })
		engines := w.fleet(3)
		w.carrier.SetDown(true)
		queued := w.startMany(20)
		w.settleAll(engines)
		require.Equal(t, livedesk.HealthOK, w.health(w.engine).State, "twenty failures in one moment are one moment")
		for range 20 {
			w.advance(2 * time.Second)
			w.settle()
		}
		h := w.health(engines[2])
		require.Equal(t, livedesk.HealthUnreachable, h.State)
		require.Contains(t, h.Reason, "reached")
		w.settleAll(engines)
		before := w.tryouts(queued)
		for range 5 {
			for range 6 {
				w.advance(10 * time.Second)
				w.settleAll(engines)
			}
		}
		require.LessOrEqual(t, w.tryouts(queued), before+5, "one probe a minute, in the whole fleet")
		require.Greater(t, w.tryouts(queued), before)
		w.carrier.SetDown(false)
		w.advance(time.Minute)
		for range 5 {
			w.settleAll(engines)
			w.advance(time.Minute)
		}
		require.Equal(t, livedesk.HealthOK, w.health(engines[2]).State)
		for _, m := range queued {
			require.Equal(t, livedesk.Delivered, w.state(m.ID))
		}
	})
}

// Failures hours apart are no row: a process that seldom sends doesn't remember yesterday's against the carrier.
func TestMissesFarApart(t *testing.T) {
	t.Parallel()
	p := &paper{}
	w := onPaper(t, p)
	w.ch = w.put(paperChannel(nil))
	once := func(i int) {
		failed := false
		p.answer(func(channel.Outbound) error {
			if failed {
				return &sms.SendError{Provider: "paper", Reason: channel.ReasonUnknown} // no sign of anything
			}
			failed = true
			return notReached()
		})
		w.start(fmt.Sprintf("+1415555%04d", i), "hello")
		w.settle()
		w.later(time.Hour)
	}
	for i := range 12 {
		once(i)
		require.Equal(t, livedesk.HealthOK, w.health(w.engine).State)
	}
	require.Len(t, p.tried(), 24)
}

// An adapter that opens nothing, without an error, has a channel that can't be opened, and no crash.
func TestAdapterWithoutAccount(t *testing.T) {
	t.Parallel()
	p := &paper{nothing: true}
	w := onPaper(t, p)
	w.ch = w.put(paperChannel(nil))
	require.Equal(t, livedesk.HealthCannotOpen, w.health(w.engine).State)
	m := w.start(alice, "hello")
	w.later(time.Minute)
	require.Equal(t, livedesk.Queued, w.state(m.ID))
}

// What each outcome of a send says about its channel.
func TestSigns(t *testing.T) {
	t.Parallel()
	says := func(status int, r channel.Reason) func() error {
		return func() error { return &sms.SendError{Provider: "paper", Status: status, Reason: r} }
	}
	fine := func() error { return nil }
	ok, refused, unreachable := livedesk.HealthOK, livedesk.HealthRefused, livedesk.HealthUnreachable
	for name, c := range map[string]struct {
		answer                               func() error
		whenOK, whenRefused, whenUnreachable livedesk.HealthState
	}{
		"accepted":             {fine, ok, ok, ok},
		"refused credentials":  {refusedCredentials, refused, refused, refused},
		"not reached":          {notReached, unreachable, refused, unreachable},
		"wrong recipient":      {says(400, channel.ReasonRecipient), ok, ok, ok},
		"too many requests":    {says(429, channel.ReasonRetry), ok, ok, ok},
		"broken server":        {says(500, channel.ReasonUnknown), ok, refused, ok},
		"busy server":          {says(503, channel.ReasonRetry), ok, refused, ok},
		"no answer":            {says(0, channel.ReasonUnknown), ok, refused, unreachable},
		"refused before a try": {says(0, channel.ReasonContent), ok, refused, unreachable},
		"untyped":              {func() error { return errors.New("x") }, ok, refused, unreachable},
		"worker slept": {func() error { return &sms.SendError{Provider: "livedesk", Reason: channel.ReasonRetry} },
			ok, refused, unreachable},
		"worker stopped": {func() error {
			return &sms.SendError{Provider: "paper", Reason: channel.ReasonRetry, Err: context.Canceled}
		}, ok, refused, unreachable},
	} {
		for _, from := range []struct{ in, want livedesk.HealthState }{{ok, c.whenOK}, {refused, c.whenRefused}, {unreachable, c.whenUnreachable}} {
			t.Run(fmt.Sprint(name, " when ", from.in), func(t *testing.T) {
				t.Parallel()
				p := &paper{}
				w := onPaper(t, p)
				w.ch = w.put(paperChannel(nil))
				switch from.in {
				case refused:
					w.make(p, refusedCredentials, refused)
				case unreachable:
					w.make(p, notReached, unreachable)
				}
				w.make(p, c.answer, from.want)
			})
		}
	}
}

// make lets texts be answered like that, for some minutes, and looks at the state after it.
func (w *world) make(p *paper, answer func() error, want livedesk.HealthState) {
	w.t.Helper()
	p.answer(func(channel.Outbound) error { return answer() })
	before := len(p.tried())
	for i := range 8 {
		w.start(fmt.Sprintf("+1415555%04d", before*10+i), "hello")
		w.later(31 * time.Second)
	}
	require.Greater(w.t, len(p.tried()), before, "nothing was tried")
	require.Equal(w.t, want, w.health(w.engine).State)
}

// The state is written when it begins and ends, and once for each probe; never for a text.
func TestHealthIsWrittenSeldom(t *testing.T) {
	t.Parallel()
	p := &paper{}
	w := onPaper(t, p)
	w.ch = w.put(paperChannel(nil))
	w.change(func(c *livedesk.Channel) { c.Rate = -1 })
	writes := func() int64 {
		objs := w.everyObject()
		return objs[len(objs)-1].Revision
	}
	before := writes()
	for range 3 {
		w.startMany(10)
		w.later(time.Minute)
	}
	require.Equal(t, before, writes(), "while all is well nothing is written")
	require.Len(t, p.tried(), 30)
	p.answer(func(channel.Outbound) error { return refusedCredentials() })
	queued := w.startMany(30)
	w.settle()
	for range 59 {
		w.later(time.Second)
	}
	require.Equal(t, before+1, writes(), "once")
	versions := func() (out []int64) {
		for _, m := range queued {
			out = append(out, w.message(m.ID).Version)
		}
		return out
	}
	waiting, touched := versions(), 0
	w.later(time.Second)
	require.Equal(t, before+2, writes(), "a probe")
	for i, v := range versions() {
		if v != waiting[i] {
			touched++
		}
	}
	require.Equal(t, 1, touched, "the others aren't even claimed")
	p.answer(nil)
	for range 20 {
		w.later(time.Minute)
	}
	require.Equal(t, before+4, writes(), "a probe, and that it is over")
	require.Equal(t, livedesk.HealthOK, w.health(w.engine).State)
}

// New credentials are tried at once, on every channel of the account, and the host is told.
func TestNewCredentialsEndTheTrouble(t *testing.T) { // F48, F8
	t.Parallel()
	var heard told
	p := &paper{}
	w := onPaper(t, p, heard.option)
	second := w.put(paperChannel(func(v livedesk.Values) { v["phone_number"] = "+15105550178" }))
	w.ch = w.put(paperChannel(nil))
	p.answer(func(channel.Outbound) error { return refusedCredentials() })
	m := w.start(alice, "one")
	n, err := w.desk.Start(w.ctx(), second.ID, bob, host, livedesk.Draft{Text: "two"})
	require.NoError(t, err)
	w.settle()
	require.Equal(t, []livedesk.HealthState{livedesk.HealthRefused, livedesk.HealthRefused}, heard.states())
	p.answer(nil)
	w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	w.settle()
	require.Equal(t, livedesk.HealthRefused, w.health(w.engine).State, "a greeting mends nothing")
	w.change(func(c *livedesk.Channel) { c.Values["token"] = "another" })
	require.Equal(t, livedesk.HealthOK, w.health(w.engine).State)
	w.later(time.Minute)
	require.Equal(t, []livedesk.HealthState{livedesk.HealthOK, livedesk.HealthOK}, heard.states())
	require.Equal(t, livedesk.Delivered, w.state(m.ID))
	require.Equal(t, livedesk.Delivered, w.state(n.ID))
}

// On Run's own clock: paused within a second by what another process found out, and resumed by itself.
func TestFleetPausesWithinASecond(t *testing.T) { // F48
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		w := onPaper(t, p, realTime)
		w.ch = w.put(paperChannel(nil))
		var stops []func() error
		for range 3 {
			stops = append(stops, running(t, w.open()))
		}
		p.answer(func(channel.Outbound) error { return refusedCredentials() })
		time.Sleep(10 * time.Second)
		m := w.start(alice, "hello")
		time.Sleep(1500 * time.Millisecond)
		before := len(p.tried())
		require.Positive(t, before)
		w.startMany(50)
		time.Sleep(57 * time.Second)
		require.Len(t, p.tried(), before)
		time.Sleep(10 * time.Minute)
		require.InDelta(t, before+10, len(p.tried()), 1)
		p.answer(nil)
		time.Sleep(3 * time.Minute)
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
		require.Equal(t, livedesk.HealthOK, w.health(w.engine).State)
		for _, stop := range stops {
			require.NoError(t, stop())
		}
	})
}

// together lets the first n transactions begin only when all n have come.
func together(n int32) func(context.Context, livedesk.Store, func(context.Context, livedesk.Tx) error) error {
	var came atomic.Int32
	all := make(chan struct{})
	return func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
		if c := came.Add(1); c == n {
			close(all)
		} else if c < n {
			<-all
		}
		return inner.Update(ctx, fn)
	}
}

// Processes that come to the next probe in the same moment, each with a text in hand, agree on one.
func TestProbesRace(t *testing.T) { // F48
	t.Parallel()
	var store switchable
	p := &paper{}
	w := onPaper(t, p, func(s *settings) { s.Wrap = store.wrap })
	w.ch = w.put(paperChannel(nil))
	engines := w.fleet(4)
	p.answer(func(channel.Outbound) error { return refusedCredentials() })
	w.startMany(20)
	w.settle()
	w.settleAll(engines) // all know
	before := len(p.tried())
	for i := range 5 {
		w.advance(time.Minute)
		store.set(together(4)) // each begins to claim before any has probed
		w.settleAll(engines)
		store.set(nil)
		require.Len(t, p.tried(), before+i+1)
	}
}

// One text alone probes every minute: it doesn't wait longer each time.
func TestTheOnlyTextProbes(t *testing.T) {
	t.Parallel()
	p := &paper{}
	w := onPaper(t, p)
	w.ch = w.put(paperChannel(nil))
	p.answer(func(channel.Outbound) error { return refusedCredentials() })
	m := w.start(alice, "hello")
	w.settle()
	for range 20 {
		w.later(time.Minute)
	}
	require.Len(t, p.tried(), 21)
	p.answer(nil)
	w.later(time.Minute)
	require.Equal(t, livedesk.Delivered, w.state(m.ID))
}

// taken is a transaction in which somebody else was faster, once.
type taken struct {
	livedesk.Tx
	told *atomic.Bool
}

func (tx taken) Apply(ctx context.Context, c livedesk.Changes) error {
	if len(c.Objects) > 0 && !tx.told.Swap(true) {
		return livedesk.ErrExists
	}
	return tx.Tx.Apply(ctx, c)
}

// That another process wrote the first word about a channel's health just now is nobody's error.
func TestFirstWordsOfTwoProcesses(t *testing.T) {
	t.Parallel()
	var store switchable
	w := newWorld(t, func(s *settings) { s.Wrap = store.wrap })
	w.twilioChannel(nil)
	for _, change := range []func() error{
		func() error { return w.desk.PauseChannel(w.ctx(), w.ch.ID, host, "x") },
		func() error { return w.desk.RemoveChannel(w.ctx(), w.ch.ID) },
	} {
		var told atomic.Bool
		store.set(func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
			return inner.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return fn(ctx, taken{tx, &told}) })
		})
		require.NoError(t, change())
		require.True(t, told.Load())
	}
}
