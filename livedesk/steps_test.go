package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Of two processes that take the same turn each finds the steps that the other has finished; one that wasn't is taken again
// under the same key.
func TestStepsAreTakenOnce(t *testing.T) {
	t.Parallel()
	var w *world
	var second *livedesk.Engine
	var taken, keys []string
	process := func(name string) *bot {
		return &bot{answer: func(ctx context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
			var said []string
			for _, input := range []string{"table", "taxi", "taxi"} {
				got, err := turn.Do(ctx, "book", input, func(_ context.Context, key string) (string, error) {
					taken, keys = append(taken, name+": "+input), append(keys, key)
					if len(taken) == 2 { // is so slow that the other one takes over
						w.advance(time.Minute)
						w.settleOn(second)
					}
					return fmt.Sprintf("no. %d by %s", len(keys), name), nil
				})
				if err != nil {
					return livedesk.Answer{}, err
				}
				said = append(said, got)
			}
			return livedesk.Answer{Text: strings.Join(said, ", ")}, nil
		}}
	}
	w, _ = aiWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: process("first")}))
	other := process("second")
	second = w.open(withBots(livedesk.AIConfig{Name: "bot", Agent: other}))
	w.text(alice, "please book")
	require.Equal(t, []string{"first: table", "first: taxi", "second: taxi", "second: taxi"}, taken)
	require.Equal(t, keys[1], keys[2], "the same step, the same key")
	require.NotEqual(t, keys[2], keys[3], "the second taxi is another step")
	require.Equal(t, []string{"no. 1 by first, no. 3 by second, no. 4 by second"}, w.bodies())
	var kept []string
	for _, m := range w.timeline(w.only().ID) {
		if m.Activity != nil && m.Activity.What == "ai_step" {
			kept = append(kept, m.Activity.To+" "+m.Text)
			require.Equal(t, livedesk.AIActor("bot"), m.By)
		}
	}
	require.Equal(t, []string{"book no. 1 by first", "book no. 3 by second", "book no. 4 by second"}, kept)
}

// A customer who writes again doesn't break a step off: it is kept, and the turn takes no other.
func TestStepsOfTurnThatIsOver(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	var taken int
	b.answer = func(ctx context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
		if len(turn.Transcript) > 1 {
			return livedesk.Answer{Text: "done"}, nil
		}
		_, err := turn.Do(ctx, "book", "1", func(ctx context.Context, _ string) (string, error) {
			taken++
			w.deliver(textFrom(alice, "wait!"))
			return "booked\x00", ctx.Err()
		})
		require.NoError(t, err)
		_, err = turn.Do(ctx, "book", "2", func(context.Context, string) (string, error) {
			taken++
			return "", nil
		})
		require.ErrorIs(t, err, livedesk.ErrTurnOver)
		return livedesk.Answer{}, err
	}
	w.text(alice, "please book")
	require.Equal(t, 1, taken)
	require.Equal(t, []string{"done"}, w.bodies())
	require.True(t, w.engine.Health(w.ctx()).AIAgents[0].Healthy)
	require.Zero(t, w.engine.Health(w.ctx()).AIAgents[0].Failures)
	var seen []string
	for _, l := range b.taken()[1].Transcript {
		seen = append(seen, l.Step+": "+l.Text)
	}
	require.Equal(t, []string{": please book", ": wait!", "book: booked\ufffd"}, seen)
}

func TestStepsAreBounded(t *testing.T) { // FAULTS 160
	t.Parallel()
	w, b := aiWorld(t)
	taken := 0
	step := func(context.Context, string) (string, error) { taken++; return strings.Repeat("é", 1<<20), nil }
	b.answer = func(ctx context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
		_, err := turn.Do(ctx, "", "x", step)
		require.NotEmpty(t, field(t, err, "name"))
		_, err = turn.Do(ctx, "x", strings.Repeat("x", 1<<20), step)
		require.NotEmpty(t, field(t, err, "input"))
		_, err = turn.Do(ctx, "x", "fails", func(context.Context, string) (string, error) { return "", errBroken })
		require.ErrorIs(t, err, errBroken)
		for {
			got, err := turn.Do(ctx, "x", "same", step)
			if err != nil {
				return livedesk.Answer{}, err
			}
			require.LessOrEqual(t, len(got), 16<<10)
		}
	}
	w.text(alice, "go")
	require.Equal(t, 31, taken, "one of 32 failed")
	require.Equal(t, []string{"ai agent failed: error"}, w.causes(w.only().ID, "handed_over"))
}

// A Turn of a host's own test has steps too.
func TestStepsWithoutEngine(t *testing.T) {
	t.Parallel()
	turn := livedesk.Turn{ID: "c.1"}
	got, err := turn.Do(t.Context(), "x", "y", func(_ context.Context, key string) (string, error) { return key, nil })
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(got, "c.1."))
	_, err = turn.Do(t.Context(), "x", "y", func(context.Context, string) (string, error) { return "", errors.New("no") })
	require.EqualError(t, err, "no")
}
