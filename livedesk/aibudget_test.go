package livedesk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
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

// neverReopen lets each text behind a resolved conversation begin a new one.
func neverReopen(s *settings) { s.ReopenWindow = -1 }

// A contact's conversations count together, however many the turns are spread over.
func TestAIBudgetOfManyConversations(t *testing.T) { // FAULTS 165
	t.Parallel()
	w, b := aiWorld(t, neverReopen, func(s *settings) { s.AIReplies = 5 })
	b.say(livedesk.Answer{Text: "x", Then: livedesk.Finish}, nil)
	for i := range 7 {
		w.text(alice, fmt.Sprint(i))
	}
	require.Len(t, w.of(alice), 6, "the last one is a human's")
	require.Len(t, b.taken(), 5)
}

// Only turns count: not the parts of a long answer, nor steps, nor what else has a key.
func TestAIBudgetCountsTurnsAlone(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t, func(s *settings) { s.AIReplies = 2 })
	w.change(func(c *livedesk.Channel) { c.Greeting = "Welcome" })
	b.answer = func(ctx context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
		_, err := turn.Do(ctx, "look", "", func(context.Context, string) (string, error) { return "", nil })
		return livedesk.Answer{Text: strings.Repeat("x", turn.MaxText)}, err
	}
	w.text(alice, "1")
	w.text(alice, "2")
	require.Len(t, b.taken(), 2)
	w.text(alice, "3")
	require.Len(t, b.taken(), 2)
}

// The last turn of the budget is known to routing also where nothing was said, and only for as long as there is a budget.
func TestAIBudgetIsKnownToRouting(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t, func(s *settings) { s.AIReplies = 1 })
	b.say(livedesk.Answer{Then: livedesk.HandOver}, nil)
	w.text(alice, "hello")
	_, err := w.desk.Resolve(w.ctx(), w.only().ID, host)
	require.NoError(t, err)
	again := livedesk.Simulation{Channel: w.ch.ID, From: alice, Text: "again"}
	got, err := w.desk.Simulate(w.ctx(), again)
	require.NoError(t, err)
	require.Equal(t, []livedesk.Skipped{{Agent: "bot", AI: true, Why: livedesk.SkipBudget}}, got.Decision.Skipped)
	lifted := w.open(func(s *settings) { s.AIReplies = -1 })
	got, err = lifted.Desk("main").Simulate(w.ctx(), again)
	require.NoError(t, err)
	require.Equal(t, "bot", got.Decision.AI)
}

// What a turn reads for the budget is the little that it has to.
func TestAIBudgetReadsLittle(t *testing.T) {
	t.Parallel()
	var timelines atomic.Int64
	b := &bot{}
	w, _ := aiWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: b, History: 1}), neverReopen, func(s *settings) {
		s.AIReplies = 3
		s.Wrap = func(inner livedesk.Store) livedesk.Store {
			return &storeWrap{inner, func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
				return inner.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return fn(ctx, timelineTx{tx, &timelines}) })
			}}
		}
	})
	reads := func(want int64) {
		t.Helper()
		require.Equal(t, want, timelines.Swap(0))
	}
	w.text(alice, "the first")
	reads(1)
	_, err := w.desk.Resolve(w.ctx(), w.only().ID, host)
	require.NoError(t, err)
	w.later(time.Hour)
	w.text(alice, "what was an hour ago isn't looked at")
	reads(1)
	for range 170 {
		w.deliver(textFrom(alice, "many"))
	}
	w.settle()
	reads(2)
	w.text(alice, "the last")
	reads(2)
	require.Len(t, b.taken(), 4)
	w.later(time.Hour)
	w.writeMany(w.live(alice).ID, 60)
	for range 3 {
		w.text(alice, "and more")
		reads(2)
	}
	w.text(alice, "too many")
	reads(1)
	require.Len(t, b.taken(), 7)
}

type timelineTx struct {
	livedesk.Tx
	read *atomic.Int64
}

func (t timelineTx) Timeline(ctx context.Context, q livedesk.TimelineQuery) ([]livedesk.Message, error) {
	t.read.Add(1)
	return t.Tx.Timeline(ctx, q)
}

// Who writes so much in another conversation that an hour doesn't fit into what is looked at has no turn left either, and
// turns are found behind whatever fits.
func TestAIBudgetLooksBackInOtherConversations(t *testing.T) {
	t.Parallel()
	for texts, turns := range map[int]int{2_000: 2, 12_000: 1} {
		t.Run(fmt.Sprint(texts), func(t *testing.T) {
			t.Parallel()
			w, b := aiWorld(t, neverReopen, func(s *settings) { s.AIReplies = 2 })
			w.text(alice, "hello")
			first := w.only().ID
			w.writeMany(first, texts)
			_, err := w.desk.Resolve(w.ctx(), first, host)
			require.NoError(t, err)
			w.text(alice, "again")
			w.text(alice, "and again")
			require.Len(t, b.taken(), turns)
			require.Equal(t, livedesk.Open, w.live(alice).State)
			require.Equal(t, []string{"ai budget used up"}, w.causes(w.live(alice).ID, "handed_over"))
		})
	}
}

// writeMany puts texts of the customer's into a conversation, in one transaction.
func (w *world) writeMany(id string, n int) {
	w.t.Helper()
	require.NoError(w.t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		rows, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: "main", Conversation: id}})
		if err != nil {
			return err
		}
		c := *rows[0].Asked
		var texts []livedesk.Message
		for i := range n {
			c.LastSeq++
			texts = append(texts, livedesk.Message{
				Workspace: "main", ID: fmt.Sprintf("%s-%d", id, i), Conversation: id, Channel: c.Channel, Contact: c.Contact,
				Seq: c.LastSeq, Kind: livedesk.Incoming, Text: "x", At: tx.Now(),
			})
		}
		return tx.Apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}, Messages: texts})
	}))
}
