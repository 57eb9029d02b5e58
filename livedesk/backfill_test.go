package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// lose lets the webhooks of customers' texts be refused.
func (w *world) lose(texts ...smstest.Text) {
	w.t.Helper()
	w.carrier.SetWebhooks(w.url, smstest.HandlerTransport(refusing))
	defer w.carrier.SetWebhooks(w.url, smstest.HandlerTransport(w.engine.Webhooks()))
	for _, m := range texts {
		d, err := w.carrier.Deliver(w.ctx(), m)
		require.NoError(w.t, err)
		require.False(w.t, d.OK())
	}
}

func (w *world) backfill(since time.Duration) livedesk.Backfilled {
	w.t.Helper()
	out, err := w.desk.Backfill(w.ctx(), w.ch.ID, w.clock().Add(-since))
	require.NoError(w.t, err)
	w.settle()
	return out
}

// A thousand texts whose webhooks were refused come in by the list, each once, in their order; the webhook that comes after
// all changes nothing, and neither does a list after the webhook.
func TestBackfill(t *testing.T) { // I1, I2
	t.Parallel()
	w := onTwilio(t)
	const n, people = 1000, 20
	from := func(i int) channel.Address { return channel.Address(fmt.Sprintf("+1415555%04d", i%people)) }
	var texts []smstest.Text
	for i := range n {
		m := smstest.Text{From: from(i), Body: fmt.Sprint("text ", i)}
		if i%100 == 0 {
			m.Media = []string{"https://media.example.com/1.png"}
		}
		texts = append(texts, m)
	}
	w.text(string(from(3)), "came by webhook")
	w.lose(texts...)
	w.deliver(smstest.Text{From: from(4), Body: "came by webhook"})
	require.Equal(t, livedesk.Backfilled{Texts: n + 2, New: n}, w.backfill(time.Hour))
	require.Equal(t, livedesk.Backfilled{Texts: n + 2}, w.backfill(time.Hour))

	for i := range people {
		var got []string
		for _, m := range w.texts(w.live(string(from(i))).ID) {
			if m.Text != "came by webhook" {
				got = append(got, m.Text)
				require.False(t, m.ProviderAt.IsZero())
			}
		}
		var want []string
		for k := i; k < n; k += people {
			want = append(want, texts[k].Body)
		}
		require.Equal(t, want, got)
	}
	for _, h := range w.carrier.Webhooks() { // each once more
		d, err := w.carrier.Replay(w.ctx(), h)
		require.NoError(t, err)
		require.True(t, d.OK())
	}
	w.settle()
	require.Equal(t, livedesk.Backfilled{Texts: n + 2}, w.backfill(time.Hour))
	total := 0
	for _, c := range w.all(livedesk.List{}) {
		total += len(w.texts(c.ID))
	}
	require.Equal(t, n+2, total)
	m := w.texts(w.live(string(from(0))).ID)[0]
	require.Len(t, m.Media, 1, "files are listed too")
}

// Two processes fill one gap at once, beside the webhooks of the same texts.
func TestBackfillTogether(t *testing.T) { // F31
	t.Parallel()
	w := onTwilio(t)
	var texts []smstest.Text
	for i := range 300 {
		texts = append(texts, smstest.Text{From: channel.Address(fmt.Sprintf("+1415555%04d", i%30)), Body: fmt.Sprint(i)})
	}
	w.lose(texts...)
	other := w.open().Desk("main")
	var all sync.WaitGroup
	var fresh atomic.Int64
	for _, d := range []*livedesk.Desk{w.desk, other} {
		all.Go(func() {
			out, err := d.Backfill(w.ctx(), w.ch.ID, w.clock().Add(-time.Hour))
			if err == nil {
				fresh.Add(int64(out.New))
			}
		})
	}
	all.Go(func() {
		for _, h := range w.carrier.Webhooks() {
			_, _ = w.carrier.Replay(w.ctx(), h)
		}
	})
	all.Wait()
	w.settle()
	require.LessOrEqual(t, fresh.Load(), int64(300))
	total := 0
	for i := range 30 {
		total += len(w.incoming(fmt.Sprintf("+1415555%04d", i)))
	}
	require.Equal(t, 300, total)
}

// archive is a carrier's list that a test fills, newest first as [sms.Lister] has it.
type archive struct {
	mu      sync.Mutex
	texts   []channel.Inbound // oldest first
	queries []sms.ListQuery
	fail    func(sms.ListQuery) error
}

func (a *archive) add(at time.Time, from, body string) channel.Inbound {
	a.mu.Lock()
	defer a.mu.Unlock()
	in := channel.Inbound{ID: fmt.Sprintf("SM%032x", len(a.texts)), From: addr(from), To: smstest.TwilioNumber, Text: body, At: at.Truncate(time.Second)}
	a.texts = append(a.texts, in)
	return in
}

func (a *archive) list(_ context.Context, q sms.ListQuery) ([]sms.Listed, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queries = append(a.queries, q)
	if a.fail != nil {
		if err := a.fail(q); err != nil {
			return nil, err
		}
	}
	var out []sms.Listed
	byAge := slices.Clone(a.texts)
	slices.SortStableFunc(byAge, func(x, y channel.Inbound) int { return x.At.Compare(y.At) })
	for _, in := range slices.Backward(byAge) {
		if len(out) < q.Limit && !in.At.Before(q.Since.Truncate(time.Second)) && (q.Until.IsZero() || in.At.Before(q.Until)) {
			out = append(out, sms.Listed{Inbound: &in, Text: in.Text, From: in.From, To: in.To, Created: in.At})
		}
	}
	return out, nil
}

// onArchive is a world whose carrier lists what the test put there.
func onArchive(t *testing.T, opts ...option) (*world, *archive) {
	t.Helper()
	a := &archive{}
	w := askList(t, func(ctx context.Context, q sms.ListQuery, _ func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
		return a.list(ctx, q)
	}, opts...)
	return w, a
}

// However many there are, and however unevenly spread, all come in, in order, with no list longer than it must be.
func TestBackfillPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at   func(i int) time.Duration // before now
		n    int
		fail func(sms.ListQuery) error
	}{
		"spread":            {at: func(i int) time.Duration { return 20 * time.Hour * time.Duration(12000-i) / 12000 }, n: 12000},
		"all in one second": {at: func(int) time.Duration { return time.Hour }, n: 3500},
		"none":              {n: 0},
		"exactly a page":    {at: func(i int) time.Duration { return time.Duration(1000-i) * time.Second }, n: 1000},
		"a list is too long": {at: func(i int) time.Duration { return time.Duration(6000-i) * 5 * time.Second }, n: 6000,
			fail: func(q sms.ListQuery) error {
				if q.Until.Sub(q.Since) > 2*time.Hour {
					return fmt.Errorf("list: %w", sms.ErrListTooLong)
				}
				return nil
			}},
		"a list takes too long": {at: func(i int) time.Duration { return time.Duration(600-i) * time.Second }, n: 600,
			fail: func(q sms.ListQuery) error {
				if q.Limit > 100 {
					return &sms.SendError{Provider: "twilio", Reason: channel.ReasonRetry, Err: context.DeadlineExceeded}
				}
				return nil
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, a := onArchive(t)
			a.fail = c.fail
			for i := range c.n {
				a.add(w.clock().Add(-c.at(i)), alice, fmt.Sprint(i))
			}
			require.Equal(t, livedesk.Backfilled{Texts: c.n, New: c.n}, w.backfill(24*time.Hour))
			got := w.incoming(alice)
			require.Len(t, got, c.n)
			for i := range got {
				require.Equal(t, fmt.Sprint(i), got[i])
			}
		})
	}
}

// However large the gap, a text is listed twice at the most: on the way back to the oldest, and when its turn comes.
func TestBackfillListsNothingAgainAndAgain(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("left out by -short; run without it")
	}
	w, a := onArchive(t)
	const n = 30_000
	for i := range n {
		a.add(w.clock().Add(-time.Duration(n-i)*time.Second), phone(i%500), "late")
	}
	require.Equal(t, livedesk.Backfilled{Texts: n, New: n}, w.backfill(24*time.Hour))
	require.LessOrEqual(t, len(a.queries), 2*n/1000+15)
}

func TestBackfillRefuses(t *testing.T) {
	t.Parallel()
	w, a := onArchive(t)
	a.add(w.clock(), alice, "hello")
	for name, c := range map[string]struct {
		since time.Time
		fail  error
		is    error
		code  string
	}{
		"no time":      {time.Time{}, nil, nil, "invalid"},
		"the future":   {w.clock().Add(time.Minute), nil, nil, "invalid"},
		"too long ago": {w.clock().Add(-401 * 24 * time.Hour), nil, nil, "invalid"},
		"carrier away": {w.clock().Add(-time.Hour), &sms.SendError{Provider: "twilio", Reason: channel.ReasonRetry, Err: errors.New("no route")},
			livedesk.ErrCarrierUnavailable, "carrier_unavailable"},
	} {
		a.fail = func(sms.ListQuery) error { return c.fail }
		out, err := w.desk.Backfill(w.ctx(), w.ch.ID, c.since)
		require.Error(t, err, name)
		require.Equal(t, c.code, livedesk.ErrorCode(err), name)
		if c.is != nil {
			require.ErrorIs(t, err, c.is)
		}
		require.Zero(t, out)
	}
	_, err := w.desk.Backfill(w.ctx(), "nothing", w.clock().Add(-time.Hour))
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	b := newWorld(t)
	b.bandwidthChannel(nil)
	_, err = b.desk.Backfill(b.ctx(), b.ch.ID, b.clock().Add(-time.Hour))
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

// STOP and START count by when they were written.
func TestLateKeywords(t *testing.T) { // F31, I8
	t.Parallel()
	const stop, start = "STOP", "START"
	type text struct {
		ago  time.Duration
		body string
	}
	for name, c := range map[string]struct {
		known []string // by webhook, an hour ago
		late  []text
		out   bool
	}{
		"STOP alone":                       {nil, []text{{30 * time.Minute, stop}}, true},
		"STOP, then START":                 {nil, []text{{30 * time.Minute, stop}, {20 * time.Minute, start}}, false},
		"START, then STOP":                 {nil, []text{{30 * time.Minute, start}, {20 * time.Minute, stop}}, true},
		"within one second":                {nil, []text{{30 * time.Minute, stop}, {30 * time.Minute, start}}, false},
		"STOP before a known START":        {[]string{stop, start}, []text{{2 * time.Hour, stop}}, false},
		"STOP before a plain START":        {[]string{start}, []text{{2 * time.Hour, stop}}, false},
		"STOP after a known START":         {[]string{stop, start}, []text{{30 * time.Minute, stop}}, true},
		"STOP at about the time of START":  {[]string{stop, start}, []text{{time.Hour + 2*time.Second, stop}}, true},
		"START before a known STOP":        {[]string{stop}, []text{{2 * time.Hour, start}}, true},
		"START after a known STOP":         {[]string{stop}, []text{{30 * time.Minute, start}}, false},
		"STOP and START before known STOP": {[]string{stop}, []text{{3 * time.Hour, stop}, {2 * time.Hour, start}}, true},
		"STOP before a plain text":         {[]string{"hello again"}, []text{{2 * time.Hour, stop}}, true},
		"STOP, START, STOP":                {nil, []text{{30 * time.Minute, stop}, {20 * time.Minute, start}, {10 * time.Minute, stop}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, a := onArchive(t)
			w.text(alice, "hello")
			for _, body := range c.known {
				w.text(alice, body)
			}
			w.advance(time.Hour)
			for _, m := range c.late {
				a.add(w.clock().Add(-m.ago), alice, m.body)
			}
			require.Equal(t, len(c.late), w.backfill(4*time.Hour).New)
			consent, err := w.desk.Consent(w.ctx(), w.of(alice)[0].ID)
			require.NoError(t, err)
			require.Equal(t, c.out, consent.OptedOut)
			require.Len(t, w.incoming(alice), 1+len(c.known)+len(c.late), "kept in any case")
			for _, conv := range w.of(alice) {
				require.Equal(t, "hello", w.texts(conv.ID)[0].Text, "nothing is opened by a keyword")
			}
		})
	}
}

// A late text opens a conversation and waits from when it was written; greeted is only what an automatic text may still
// answer.
func TestLateTexts(t *testing.T) {
	t.Parallel()
	for age, greeted := range map[time.Duration]bool{time.Minute: true, 3 * time.Hour: true, 4 * time.Hour: false, 30 * time.Hour: false} {
		t.Run(age.String(), func(t *testing.T) {
			t.Parallel()
			w, a := onArchive(t)
			w.change(func(c *livedesk.Channel) { c.Greeting = "Welcome" })
			w.agents(w.ch.ID, 3, "ada")
			in := a.add(w.clock().Add(-age), alice, "hello?")
			w.backfill(48 * time.Hour)
			c := w.live(alice)
			require.Equal(t, "ada", c.Assignee)
			require.Equal(t, 1, c.Unread)
			require.Equal(t, in.At, c.WaitingSince)
			require.Equal(t, in.At, w.texts(c.ID)[0].ProviderAt)
			require.Equal(t, w.clock(), w.texts(c.ID)[0].At)
			if greeted {
				require.Equal(t, []string{"Welcome"}, w.bodies())
			} else {
				require.Empty(t, w.bodies())
			}
		})
	}
}

// While Run is going, gaps are filled when it begins and then every hour; what is new to the desk has no past.
func TestBackfillByItself(t *testing.T) { // I1
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, realTime, quietCarriers)
		w.twilioChannel(nil)
		w.lose(smstest.Text{From: alice, Body: "before anybody ran"})
		time.Sleep(time.Hour)
		stop := running(t, w.engine)
		time.Sleep(time.Second)
		require.Empty(t, w.incoming(alice))
		require.NoError(t, stop())

		time.Sleep(time.Minute)
		w.lose(smstest.Text{From: alice, Body: "while nobody ran"}, smstest.Text{From: bob, Body: "me too"})
		time.Sleep(2 * time.Hour)
		stop = running(t, w.engine)
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"while nobody ran"}, w.incoming(alice))
		require.Equal(t, []string{"me too"}, w.incoming(bob))

		before := w.lists()
		w.lose(smstest.Text{From: alice, Body: "refused while it ran"})
		time.Sleep(30 * time.Minute)
		require.Equal(t, before, w.lists())
		time.Sleep(31 * time.Minute)
		require.Equal(t, []string{"while nobody ran", "refused while it ran"}, w.incoming(alice))
		require.Equal(t, before+1, w.lists())
		require.NoError(t, stop())
	})
}

// A channel that is added while the engine runs is looked after too; one that is removed no more.
func TestBackfillFollowsTheChannels(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("left out by -short; run without it")
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, realTime, quietCarriers, func(s *settings) { s.RotationWindow = -1 })
		stop := running(t, w.engine)
		time.Sleep(time.Minute)
		w.twilioChannel(nil)
		time.Sleep(2 * time.Second)
		w.lose(smstest.Text{From: alice, Body: "missed"})
		time.Sleep(time.Hour + time.Minute)
		require.Equal(t, []string{"missed"}, w.incoming(alice))
		require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
		before := w.lists()
		time.Sleep(5 * time.Hour)
		require.Equal(t, before, w.lists())
		require.NoError(t, stop())
	})
}

// However many processes begin at once, one of them asks.
func TestBackfillOnceInTheFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, realTime, quietCarriers)
		w.twilioChannel(nil)
		stop := running(t, w.engine)
		time.Sleep(time.Second)
		require.NoError(t, stop())
		w.lose(smstest.Text{From: alice, Body: "missed"})
		time.Sleep(time.Hour / 2)
		w.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
			if isList(r) {
				time.Sleep(3 * time.Second) // long enough for all to want it
			}
			return smstest.Fault{}
		})
		var stops []func() error
		for range 4 {
			stops = append(stops, running(t, w.open()))
		}
		time.Sleep(10 * time.Minute)
		require.Equal(t, 1, w.lists())
		require.Equal(t, []string{"missed"}, w.incoming(alice))
		for _, stop := range stops {
			require.NoError(t, stop())
		}
	})
}

// A process that dies in the middle of a gap leaves it to the next, which goes on where it was; errors of the carrier only put
// it off.
func TestBackfillGoesOn(t *testing.T) { // F54
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a archive
		carrier := smstest.NewTwilio(t, smstest.TwilioConfig{})
		w := newWorld(t, realTime, func(s *settings) {
			s.Providers = []sms.Provider{listing{twilio.New(twilio.Config{Transport: carrier.Transport()}),
				func(ctx context.Context, q sms.ListQuery, _ func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
					return a.list(ctx, q)
				}}}
		})
		w.twilio = carrier
		w.twilioChannel(nil)
		stop := running(t, w.engine)
		time.Sleep(time.Second)
		require.NoError(t, stop())
		const n = 12000
		for i := range n {
			a.add(time.Now().Add(time.Duration(i)*time.Second), alice, fmt.Sprint(i))
		}
		time.Sleep((n + 60) * time.Second)

		asked := 0
		dying := make(chan struct{}, 1)
		a.fail = func(sms.ListQuery) error {
			if asked++; asked == 14 { // the first slice is in by then
				dying <- struct{}{}
				return context.Canceled
			}
			if asked == 18 {
				return &sms.SendError{Provider: "twilio", Reason: channel.ReasonRetry, Err: errors.New("no route")}
			}
			return nil
		}
		first := w.open()
		ctx, die := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = first.Run(ctx) })
		<-dying
		die()
		all.Wait()
		begun := len(w.incoming(alice))
		require.NotZero(t, begun)
		require.Less(t, begun, n)
		stop = running(t, w.open())
		time.Sleep(20 * time.Minute)
		got := w.incoming(alice)
		require.Len(t, got, n)
		for i := range got {
			require.Equal(t, fmt.Sprint(i), got[i])
		}
		require.NoError(t, stop())
	})
}

// Processes that begin together with a new connection don't ask at all: one makes the mark, and it is fresh for the others too,
// whatever they had read before.
func TestBackfillBeginsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var both sync.WaitGroup // holds each back between its read of the configuration and its first Update
		w := newWorld(t, realTime, quietCarriers)
		w.twilioChannel(nil)
		both.Add(2)
		store := w.store
		for range 2 {
			var once sync.Once
			w.store = heldBack{store, func() { once.Do(func() { both.Done(); both.Wait() }) }}
			stop := running(t, w.open())
			defer func() { require.NoError(t, stop()) }()
		}
		time.Sleep(10 * time.Minute)
		require.Zero(t, w.lists())
	})
}

type heldBack struct {
	livedesk.Store
	before func()
}

func (heldBack) Durable() bool { return false }

func (h heldBack) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	h.before()
	return h.Store.Update(ctx, fn)
}

// Each Run looks at once for what came since, also of an engine that ran before, and long before the hour is over.
func TestBackfillAtEachStart(t *testing.T) { // I1
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, realTime, quietCarriers)
		w.twilioChannel(nil)
		var want []string
		for i := range 3 {
			stop := running(t, w.engine)
			time.Sleep(5 * time.Second)
			require.Equal(t, want, w.incoming(alice))
			require.NoError(t, stop())
			want = append(want, fmt.Sprint(i))
			w.lose(smstest.Text{From: alice, Body: fmt.Sprint(i)})
			time.Sleep(5 * time.Minute)
		}
	})
}

// A list may have texts that are none of the channel's; a carrier may have a clock that is ahead, and never give a list at all.
func TestBackfillOfOddLists(t *testing.T) {
	t.Parallel()
	t.Run("another channel's, and nobody's", func(t *testing.T) {
		t.Parallel()
		w, a := onArchive(t)
		other, _ := w.filledIn("twilio")
		other.Values["phone_number"] = "+14155550199"
		second, err := w.desk.PutChannel(w.ctx(), other)
		require.NoError(t, err)
		a.add(w.clock().Add(-3*time.Minute), alice, "ours")
		a.add(w.clock().Add(-2*time.Minute), alice, "theirs")
		a.add(w.clock().Add(-time.Minute), alice, "nobody's")
		a.texts[1].To, a.texts[2].To = "+14155550199", "+14155550198"
		require.Equal(t, livedesk.Backfilled{Texts: 1, New: 1}, w.backfill(time.Hour))
		require.Equal(t, []string{"ours"}, w.incoming(alice))
		out, err := w.desk.Backfill(w.ctx(), second.ID, w.clock().Add(-time.Hour))
		require.NoError(t, err)
		require.Equal(t, livedesk.Backfilled{Texts: 1, New: 1}, out)
	})
	t.Run("from the future", func(t *testing.T) {
		t.Parallel()
		w, a := onArchive(t)
		a.add(w.clock().Add(2*time.Minute), alice, "hello")
		require.Equal(t, 1, w.backfill(time.Hour).New)
		require.Equal(t, w.clock(), w.live(alice).WaitingSince)
	})
	t.Run("always too long", func(t *testing.T) {
		t.Parallel()
		w, a := onArchive(t)
		a.add(w.clock().Add(-time.Minute), alice, "hello")
		a.fail = func(sms.ListQuery) error { return sms.ErrListTooLong }
		_, err := w.desk.Backfill(w.ctx(), w.ch.ID, w.clock().Add(-time.Hour))
		require.ErrorIs(t, err, livedesk.ErrCarrierUnavailable)
		require.ErrorIs(t, err, sms.ErrListTooLong)
	})
}
