package livedesk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

const carol = "+14155550103"

// told keeps what the ChannelHealth hook was told.
type told struct {
	mu   sync.Mutex
	list []livedesk.Health
}

func (h *told) option(s *settings) {
	s.Hooks.ChannelHealth = func(_ context.Context, now livedesk.Health) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.list = append(h.list, now)
	}
}

// states returns the states in the order in which they were told, and forgets them.
func (h *told) states() (out []livedesk.HealthState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, now := range h.list {
		out = append(out, now.State)
	}
	h.list = nil
	return out
}

func (h *told) all() []livedesk.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.list)
}

// health returns how the world's channel is doing, as an engine sees it.
func (w *world) health(e *livedesk.Engine) livedesk.Health {
	w.t.Helper()
	h, err := e.Desk("main").Health(w.ctx(), w.ch.ID)
	require.NoError(w.t, err)
	return h
}

// fleet opens n engines in all, on the world's store.
func (w *world) fleet(n int) []*livedesk.Engine {
	engines := []*livedesk.Engine{w.engine}
	for len(engines) < n {
		engines = append(engines, w.open())
	}
	return engines
}

// settleAll lets all engines work at once.
func (w *world) settleAll(engines []*livedesk.Engine) {
	w.t.Helper()
	var all sync.WaitGroup
	for _, e := range engines {
		all.Go(func() {
			if err := e.Settle(w.ctx()); err != nil {
				w.t.Error(err)
			}
		})
	}
	all.Wait()
	require.NoError(w.t, w.twilio.Wait(w.ctx()))
	require.NoError(w.t, w.bandwidth.Wait(w.ctx()))
}

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
	w.startMany(30)
	w.settle()
	for range 59 {
		w.later(time.Second)
	}
	require.Equal(t, before+1, writes(), "once")
	w.later(time.Second)
	require.Equal(t, before+2, writes(), "a probe")
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

// A person pauses a channel: texts go on to be accepted and wait, in every process, until it is resumed.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		var heard told
		first := w.open(heard.option)
		desk := first.Desk("main")
		ada := livedesk.AgentActor("ada")
		m := w.start(alice, "before")
		require.NoError(t, desk.PauseChannel(w.ctx(), w.ch.ID, ada, "  carrier maintenance "))
		began := w.clock()
		w.settleAll(w.fleet(3))
		w.later(time.Minute)
		n := w.start(bob, "meanwhile")
		w.text(carol, "are you there?")
		w.later(time.Minute)
		require.Zero(t, w.sends())
		require.Equal(t, livedesk.Queued, w.state(m.ID))
		require.Equal(t, livedesk.Queued, w.state(n.ID))
		require.Equal(t, []string{"are you there?"}, w.incoming(carol))
		h := w.health(w.engine)
		require.Equal(t, livedesk.Health{Workspace: "main", Channel: w.ch.ID, Name: w.ch.Name(), State: livedesk.HealthPaused,
			Reason: "carrier maintenance", Since: began, By: ada}, h)

		require.NoError(t, desk.PauseChannel(w.ctx(), w.ch.ID, host, ""))
		h = w.health(w.engine)
		require.Equal(t, began, h.Since, "it was paused all the time")
		require.Equal(t, host, h.By)
		require.NotEmpty(t, h.Reason)
		require.NoError(t, first.Settle(w.ctx()))
		require.Equal(t, []livedesk.HealthState{livedesk.HealthPaused}, heard.states(), "told once")

		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		require.Equal(t, livedesk.HealthPaused, w.health(w.engine).State, "settings don't resume it")
		require.NoError(t, desk.ResumeChannel(w.ctx(), w.ch.ID, ada))
		require.NoError(t, desk.ResumeChannel(w.ctx(), w.ch.ID, host), "again changes nothing")
		h = w.health(w.engine)
		require.Equal(t, livedesk.HealthOK, h.State)
		require.Equal(t, ada, h.By)
		require.Equal(t, w.clock(), h.Since)
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
		require.Equal(t, livedesk.Delivered, w.state(n.ID))
		require.NoError(t, first.Settle(w.ctx()))
		require.Equal(t, []livedesk.HealthState{livedesk.HealthOK}, heard.states())
		err := desk.PauseChannel(w.ctx(), w.ch.ID, ada, strings.Repeat("x", 201))
		require.NotEmpty(t, field(t, err, "why"))
	})
}

// A pause and trouble at the same time: the person's word stands, and what is behind it comes to light afterwards.
func TestPauseOverTrouble(t *testing.T) {
	t.Parallel()
	p := &paper{}
	w := onPaper(t, p)
	w.ch = w.put(paperChannel(nil))
	p.answer(func(channel.Outbound) error { return refusedCredentials() })
	w.start(alice, "hello")
	w.settle()
	since := w.health(w.engine).Since
	w.advance(5 * time.Second)
	require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, "x"))
	require.Equal(t, livedesk.HealthPaused, w.health(w.engine).State)
	require.Zero(t, w.health(w.engine).NextProbe)
	for range 5 {
		w.later(time.Minute)
	}
	require.Len(t, p.tried(), 1, "a paused channel isn't probed")
	require.NoError(t, w.desk.ResumeChannel(w.ctx(), w.ch.ID, host))
	h := w.health(w.engine)
	require.Equal(t, livedesk.HealthRefused, h.State)
	require.Equal(t, since, h.Since)
	require.Equal(t, "20003", h.Code)
	w.settle()
	require.Len(t, p.tried(), 2)
	// Whoever mended the account at the carrier needn't wait for the minute.
	p.answer(nil)
	w.settle()
	require.Len(t, p.tried(), 2)
	require.NoError(t, w.desk.ResumeChannel(w.ctx(), w.ch.ID, host))
	w.later(time.Minute)
	require.Equal(t, livedesk.HealthOK, w.health(w.engine).State)
}

// A process without the driver, or with the wrong key, says so for itself; the others aren't concerned. What can't be
// opened is tried again.
func TestHealthOfOneProcess(t *testing.T) {
	t.Parallel()
	ring := func(b byte) livedesk.Sealer {
		r, err := livedesk.NewKeyRing(bytes.Repeat([]byte{b}, 32))
		require.NoError(t, err)
		return r
	}
	w := newWorld(t, func(s *settings) { s.Sealer = ring(1) })
	w.twilioChannel(nil)
	var heard told
	poor := w.open(heard.option, func(s *settings) { s.Providers = []sms.Provider{&paper{}} })
	h := w.health(poor)
	require.Equal(t, livedesk.HealthDriverMissing, h.State)
	require.Contains(t, h.Reason, "twilio")
	require.Equal(t, w.clock(), h.Since)
	require.NoError(t, poor.Settle(w.ctx()))
	require.Equal(t, []livedesk.HealthState{livedesk.HealthDriverMissing}, heard.states())
	require.Equal(t, map[livedesk.HealthState]int{livedesk.HealthDriverMissing: 1}, poor.Health(w.ctx()).Channels)

	away := &moody{Sealer: ring(1)}
	away.broken.Store(true)
	locked := w.open(heard.option, func(s *settings) { s.Sealer = away })
	m := w.start(alice, "hello")
	began := w.clock()
	require.NoError(t, locked.Settle(w.ctx()))
	for range 3 {
		h = w.health(locked)
		require.Equal(t, livedesk.HealthCannotOpen, h.State)
		require.Equal(t, began, h.Since)
		require.Equal(t, w.clock().Add(time.Minute), h.NextProbe)
		w.advance(time.Minute)
	}
	require.Equal(t, livedesk.HealthOK, w.health(w.engine).State)
	away.broken.Store(false)
	require.NoError(t, locked.Settle(w.ctx()))
	require.Equal(t, livedesk.HealthOK, w.health(locked).State, "it resumes by itself")
	require.NoError(t, w.twilio.Wait(w.ctx()))
	require.Equal(t, livedesk.Delivered, w.state(m.ID))
	require.Equal(t, []livedesk.HealthState{livedesk.HealthCannotOpen, livedesk.HealthOK}, heard.states())
}

// moody is a key service that is away at times.
type moody struct {
	livedesk.Sealer
	broken atomic.Bool
}

func (m *moody) Open(ctx context.Context, sealed []byte, about string) ([]byte, error) {
	if m.broken.Load() {
		return nil, errors.New("key service is away")
	}
	return m.Sealer.Open(ctx, sealed, about)
}

// measured is a store that counts.
type measured struct{ livedesk.Store }

func (measured) Durable() bool { return false }

func (measured) CountTexts(_ context.Context, workspace, channel string) (livedesk.TextCounts, error) {
	if workspace != "main" || channel == "" {
		return livedesk.TextCounts{}, errBroken
	}
	return livedesk.TextCounts{Queued: 3, Oldest: time.Unix(1e9, 0).UTC(), Unknown: 2, Unconfirmed: 1}, nil
}

func (measured) CountJobs(_ context.Context, parked int) (livedesk.JobCounts, error) {
	return livedesk.JobCounts{Due: parked, Parked: 1}, nil
}

func TestHealthOfAllWithCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.Wrap = func(s livedesk.Store) livedesk.Store { return measured{s} } })
	w.twilioChannel(func(c *livedesk.Channel) { c.Values["name"], c.Disabled = "B", true })
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Values["name"] = "A" })
	require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, ""))
	list, err := w.desk.AllHealth(w.ctx())
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, []any{"A", livedesk.HealthPaused, "B", livedesk.HealthDisabled}, []any{list[0].Name, list[0].State, list[1].Name, list[1].State})
	require.Equal(t, &livedesk.TextCounts{Queued: 3, Oldest: time.Unix(1e9, 0).UTC(), Unknown: 2, Unconfirmed: 1}, list[0].Texts)
	b, err := json.Marshal(list[0])
	require.NoError(t, err)
	require.Contains(t, string(b), `"state":"paused"`)
	require.Contains(t, string(b), `"texts":{"queued":3,"oldest":"2001-09-09T01:46:40Z","unknown":2,"unconfirmed":1}`)
	require.Equal(t, &livedesk.JobCounts{Due: 10, Parked: 1}, w.engine.Health(w.ctx()).Jobs)
	require.Nil(t, newWorld(t).engine.Health(w.ctx()).Jobs)
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

// A hundred channels without trouble cost a claim nothing; measured where one is in trouble.
func BenchmarkHealth(b *testing.B) {
	e, err := livedesk.New(memstore.New(), livedesk.Config{PublicURL: publicURL, Providers: []sms.Provider{&paper{}}})
	require.NoError(b, err)
	d := e.Desk("main")
	for i := range 100 {
		_, err := d.PutChannel(b.Context(), paperChannel(func(v livedesk.Values) { v["phone_number"] = fmt.Sprintf("+1510555%04d", i) }))
		require.NoError(b, err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if list, err := d.AllHealth(b.Context()); err != nil || len(list) != 100 {
			b.Fatal(len(list), err)
		}
	}
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
