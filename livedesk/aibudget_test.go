package livedesk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// A contact's turns are counted: beyond the budget humans take over, and no call is made.
func TestAIBudget(t *testing.T) { // FAULTS 165
	t.Parallel()
	w, b := aiWorld(t, func(s *settings) { s.AIReplies = 3 })
	require.NoError(t, w.desk.SetMembers(w.ctx(), w.ch.ID, nil))
	for i := range 1000 {
		w.deliver(textFrom(alice, fmt.Sprint(i)))
		if i%100 == 0 {
			w.settle()
		}
	}
	w.settle()
	require.Len(t, b.taken(), 3)
	c := w.only()
	require.Equal(t, livedesk.Open, c.State)
	require.Equal(t, []string{"ai budget used up"}, w.causes(c.ID, "handed_over"))
	w.text(bob, "hello") // has a budget of his own
	require.Equal(t, livedesk.Pending, w.live(bob).State)
	require.Len(t, b.taken(), 4)

	again := func(after time.Duration, turns int) {
		_, err := w.desk.Resolve(w.ctx(), c.ID, host)
		require.NoError(t, err)
		w.later(after)
		w.text(alice, "again")
		require.Len(t, b.taken(), turns)
	}
	again(time.Hour-time.Microsecond, 4)
	require.Equal(t, livedesk.SkipBudget, w.explained(c.ID).Skipped[0].Why, "nobody has to give it up first")
	again(time.Microsecond, 5)
}

// Every turn counts, whatever became of it, and the contact's on all channels.
func TestAIBudgetCountsEveryTurn(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t, func(s *settings) { s.AIReplies = 5 })
	require.NoError(t, w.desk.SetMembers(w.ctx(), w.ch.ID, nil))
	resolve := func() {
		_, err := w.desk.Resolve(w.ctx(), w.live(alice).ID, host)
		require.NoError(t, err)
	}
	b.answer = func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
		switch len(b.taken()) {
		case 1:
			return livedesk.Answer{Then: livedesk.HandOver, Note: "a note alone"}, nil
		case 2:
			w.deliver(textFrom(alice, "wait"))
			return livedesk.Answer{Text: "superseded"}, nil
		case 3:
			resolve()
			return livedesk.Answer{Text: "too late"}, nil
		case 4:
			return livedesk.Answer{}, errBroken
		}
		return livedesk.Answer{Text: "x", Then: livedesk.Finish}, nil
	}
	w.text(alice, "1")
	resolve()
	w.text(alice, "2 and 3")
	require.Equal(t, []string{"the customer wrote again", "too late"}, w.causes(w.only().ID, "ai_answer_dropped"))
	w.text(alice, "4")
	resolve()
	w.twilioChannel(func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bot"} })
	w.text(alice, "5, on another channel")
	require.Equal(t, []string{"x"}, w.bodies())
	require.Len(t, b.taken(), 5)
	w.text(alice, "6")
	require.Len(t, b.taken(), 5)
	require.Equal(t, livedesk.Open, w.live(alice).State)
}

// Over random days there are never more turns in any hour than the budget has, and none is refused that it had.
func TestAIBudgetIsExact(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 6 {
		most := 1 + random.IntN(4)
		w, b := aiWorld(t, func(s *settings) { s.AIReplies = most })
		require.NoError(t, w.desk.SetMembers(w.ctx(), w.ch.ID, nil))
		var turns []time.Time
		left := func() bool {
			n := 0
			for _, at := range turns {
				if at.After(w.clock().Add(-time.Hour)) {
					n++
				}
			}
			return n < most
		}
		b.answer = func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
			require.True(t, left(), "turn %d in an hour with %d", len(turns)+1, most)
			turns = append(turns, w.clock())
			switch random.IntN(4) {
			case 0:
				w.deliver(textFrom(alice, "and"))
				return livedesk.Answer{Text: "superseded"}, nil
			case 1:
				return livedesk.Answer{Then: livedesk.Finish}, nil
			case 2:
				return livedesk.Answer{Then: livedesk.HandOver}, nil
			}
			return livedesk.Answer{Text: "x"}, nil
		}
		for range 60 {
			w.advance(time.Duration(random.Int64N(int64(25 * time.Minute))))
			could, before := left(), len(turns)
			w.text(alice, "hello")
			require.Equal(t, could, len(turns) > before, "a turn was left: %v", could)
			if c := w.only(); c.State == livedesk.Open {
				_, err := w.desk.Resolve(w.ctx(), c.ID, host)
				require.NoError(t, err)
			}
		}
		require.True(t, slices.IsSortedFunc(turns, time.Time.Compare))
	}
}

// Who writes so much that an hour doesn't fit into what is looked at has none left.
func TestAIBudgetLooksBackOnlySoFar(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("left out by -short; run without it")
	}
	w, b := aiWorld(t, func(s *settings) { s.AIReplies = 3 })
	w.text(alice, "hello")
	require.Len(t, b.taken(), 1)
	for i := range 1200 {
		w.deliver(textFrom(alice, fmt.Sprint(i)))
	}
	w.settle()
	require.Len(t, b.taken(), 2, "1200 texts fit")
	for i := range 11_000 {
		w.deliver(textFrom(alice, fmt.Sprint(i)))
	}
	w.settle()
	require.Len(t, b.taken(), 2)
	require.Equal(t, []string{"ai budget used up"}, w.causes(w.only().ID, "handed_over"))
}

func TestAIBudgetWithoutLimit(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t, func(s *settings) { s.AIReplies = -1 })
	for i := range 30 {
		w.text(alice, fmt.Sprint(i))
	}
	require.Len(t, b.taken(), 30)
}
