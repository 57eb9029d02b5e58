package livedesk_test

import (
	"context"
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

// Many texts cost one list, where nothing hangs on their not being in it.
func TestManyLostTextsShareAList(t *testing.T) {
	t.Parallel()
	w, l := onLists(t)
	w.loseOutgoing(0, 20, lostAndGone)
	w.later(20 * time.Second)
	require.Equal(t, carrierLists{together: 1}, *l)
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
	for range 60 {
		w.later(20 * time.Second)
	}
	w.allIn(livedesk.Accepted, lost)
	require.Equal(t, 40, w.sends())
}
