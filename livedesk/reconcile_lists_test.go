package livedesk_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// carrierLists is a carrier whose lists a test counts and changes.
type carrierLists struct {
	together, each int                                                            // lists that many share, and lists of one recipient
	shared         func(q sms.ListQuery, list []sms.Listed) ([]sms.Listed, error) // what becomes of the shared ones; nil leaves them
}

func onLists(t *testing.T, opts ...option) (*world, *carrierLists) {
	t.Helper()
	l := &carrierLists{}
	w := askList(t, func(ctx context.Context, q sms.ListQuery, ask func(context.Context, sms.ListQuery) ([]sms.Listed, error)) ([]sms.Listed, error) {
		list, err := ask(ctx, q)
		if q.To != "" {
			l.each++
			return list, err
		}
		if l.together++; l.shared != nil && err == nil {
			return l.shared(q, list)
		}
		return list, err
	}, opts...)
	return w, l
}

// loseOutgoing lets n texts to as many customers be lost, from the first number on.
func (w *world) loseOutgoing(first, n int, f smstest.Fault) (lost []livedesk.Message) {
	w.t.Helper()
	w.carrier.Fail(slices.Repeat([]smstest.Fault{f}, n)...)
	for i := range n {
		lost = append(lost, w.start(phone(first+i), "hello"))
	}
	w.settle()
	return lost
}

func (w *world) allIn(state livedesk.DeliveryState, list []livedesk.Message) {
	w.t.Helper()
	for _, m := range list {
		require.Equal(w.t, state, w.state(m.ID))
	}
}

// Many texts cost one list, where nothing hangs on their not being in it, and no look at what else we sent.
func TestManyLostTextsShareAList(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opt  option
		lose func(w *world)
	}{
		"never repeated": {func(*settings) {}, func(w *world) { w.loseOutgoing(0, 20, lostAndGone) }},
		"automatic":      {repeatAbsent, (*world).loseGreetings},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			looked := &lookedAt{}
			w, l := onLists(t, c.opt, looked.wrap)
			c.lose(w)
			before := looked.timelines.Load()
			w.later(20 * time.Second)
			require.Equal(t, carrierLists{together: 1}, *l)
			require.Equal(t, before, looked.timelines.Load())
		})
	}
}

// loseGreetings lets what twenty customers are greeted with be lost.
func (w *world) loseGreetings() {
	w.change(func(c *livedesk.Channel) { c.Greeting = "Welcome" })
	w.carrier.Fail(slices.Repeat([]smstest.Fault{lostAndGone}, 20)...)
	for i := range 20 {
		w.deliver(textFrom(phone(i), "hello"))
	}
	w.settle()
}

// The list that many share serves for seconds: what shows up later is found at the next look.
func TestSharedListGrowsOld(t *testing.T) {
	t.Parallel()
	w, l := onLists(t)
	l.shared = func(_ sms.ListQuery, list []sms.Listed) ([]sms.Listed, error) {
		if l.together == 1 {
			list = nil
		}
		return list, nil
	}
	lost := w.loseOutgoing(0, 5, lostAndTaken)
	w.later(20 * time.Second)
	w.allIn(livedesk.Unknown, lost)
	w.later(40 * time.Second)
	w.allIn(livedesk.Accepted, lost)
}

// A list that goes back less far than a text needs doesn't serve for it, however fresh it is.
func TestSharedListMustGoBackFarEnough(t *testing.T) {
	t.Parallel()
	w, l := onLists(t, func(s *settings) { s.VerdictAfter = 3 * time.Hour })
	hidden := true
	l.shared = func(_ sms.ListQuery, list []sms.Listed) ([]sms.Listed, error) {
		if hidden {
			list = nil
		}
		return list, nil
	}
	old := w.loseOutgoing(0, 4, lostAndTaken)
	at := time.Duration(0)
	to := func(then time.Duration) {
		w.later(then - at)
		at = then
	}
	for _, look := range []time.Duration{20, 60, 180, 540, 1620} {
		to(look * time.Second)
	}
	to(4835 * time.Second)
	w.loseOutgoing(10, 4, lostAndGone)
	to(4855 * time.Second)
	before := l.together
	hidden = false
	to(4860 * time.Second)
	require.Equal(t, before+1, l.together)
	w.allIn(livedesk.Accepted, old)
}

// Where a shared list is too long, or not whole, each text is asked for by its recipient.
func TestSharedListIsTooLong(t *testing.T) { // R11
	t.Parallel()
	for name, shared := range map[string]func(sms.ListQuery, []sms.Listed) ([]sms.Listed, error){
		"an error": func(sms.ListQuery, []sms.Listed) ([]sms.Listed, error) { return nil, sms.ErrListTooLong },
		"full of others": func(q sms.ListQuery, _ []sms.Listed) ([]sms.Listed, error) {
			return slices.Repeat([]sms.Listed{{Receipt: &channel.Receipt{ID: "SM1"}, From: smstest.TwilioNumber, To: addr(bob), Created: q.Since}}, q.Limit), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, l := onLists(t)
			l.shared = shared
			lost := w.loseOutgoing(0, 5, lostAndTaken)
			w.later(20 * time.Second)
			w.allIn(livedesk.Accepted, lost)
			require.Equal(t, carrierLists{together: 1, each: 5}, carrierLists{together: l.together, each: l.each})
		})
	}
}

// However many texts are to be asked for one by one, the carrier hears of ten at once; the others follow.
func TestListsAreRationed(t *testing.T) {
	t.Parallel()
	w, l := onLists(t, repeatAbsent)
	lost := w.loseOutgoing(0, 20, lostAndGone)
	w.later(20 * time.Second)
	require.Equal(t, 10, l.together+l.each)
	looks := 0
	for _, m := range lost {
		looks += len(notes(w.message(m.ID)))
	}
	require.Equal(t, 9, looks, "who has to wait was not looked for")
	for range 60 {
		w.later(20 * time.Second)
	}
	w.allIn(livedesk.Accepted, lost)
	require.Equal(t, 40, w.sends())
}

// A shared list counts as well: where nothing is left for one, those who need it follow soon, and not at their next look.
func TestSharedListsAreRationed(t *testing.T) {
	t.Parallel()
	w, l := onLists(t)
	l.shared = func(_ sms.ListQuery, list []sms.Listed) ([]sms.Listed, error) {
		switch l.together {
		case 1:
			return nil, nil
		case 2:
			return nil, sms.ErrListTooLong
		}
		return list, nil
	}
	first := w.loseOutgoing(0, 4, lostAndTaken)
	w.later(20 * time.Second)
	w.later(19600 * time.Millisecond)
	second := w.loseOutgoing(10, 10, lostAndTaken)
	w.later(20 * time.Second)
	require.Equal(t, 10, l.together-1+l.each)
	w.later(400 * time.Millisecond) // the time of the first ones' second look
	require.Equal(t, 2, l.together)
	w.allIn(livedesk.Unknown, first)
	w.later(5 * time.Second)
	w.allIn(livedesk.Accepted, append(first, second...))
}

// Lists begin an hour before the texts that they are for, and have what went out of their number alone: what is in them from
// before could be none of these, and makes the desk careful all the same.
func TestListsGoBackAnHour(t *testing.T) { // R11
	t.Parallel()
	for _, n := range []int{1, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			var asked []sms.ListQuery
			w := askList(t, func(_ context.Context, q sms.ListQuery, _ asking) (out []sms.Listed, err error) {
				asked = append(asked, q)
				return nil, nil
			})
			began := w.clock()
			w.loseOutgoing(0, n, lostAndGone)
			w.later(20 * time.Second)
			want := sms.ListQuery{Direction: sms.DirectionOutbound, Since: began.Add(-time.Hour), Limit: 1000}
			if n == 1 {
				want.From, want.To, want.Limit = smstest.TwilioNumber, addr(phone(0)), 200
			}
			require.Equal(t, []sms.ListQuery{want}, asked)
		})
	}
}

// Who was looked for keeps what that brought, also where the carrier gives no list for the next.
func TestCarrierFailsOnTheWay(t *testing.T) {
	t.Parallel()
	logs := &logBuffer{}
	lists := 0
	w := askList(t, func(context.Context, sms.ListQuery, asking) ([]sms.Listed, error) {
		if lists++; lists > 1 {
			return nil, errBroken
		}
		return nil, nil
	}, func(s *settings) { s.Logger = logs.logger() })
	lost := w.loseOutgoing(0, 3, lostAndGone)
	w.later(20 * time.Second)
	seen := map[string]int{}
	for _, m := range lost {
		seen[fmt.Sprint(notes(w.message(m.ID)))]++
	}
	require.Equal(t, map[string]int{"[not at the carrier]": 1, "[carrier could not be asked]": 2}, seen)
	require.Contains(t, logs.String(), `"texts":2`)
}

// A carrier that wants to be left alone for hours is asked again after one.
func TestCarrierThatWantsHours(t *testing.T) {
	t.Parallel()
	w := onTwilio(t, func(s *settings) { s.VerdictAfter = 5 * time.Hour })
	w.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
		if isList(r) {
			return smstest.Fault{Kind: smstest.FaultStatus, Status: 429, RetryAfter: 2 * time.Hour}
		}
		return smstest.Fault{}
	})
	w.loseOutgoing(0, 1, lostAndGone)
	w.later(20 * time.Second)
	before := w.lists()
	w.later(time.Hour - time.Second)
	require.Equal(t, before, w.lists())
	w.later(time.Second)
	require.Greater(t, w.lists(), before)
}
