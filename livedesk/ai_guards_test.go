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
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// One guard each, of those that nothing else would miss.

// quietly runs a test whose engine must have nothing to complain about.
func quietly(t *testing.T) (option, func()) {
	log := &logBuffer{}
	return func(s *settings) { s.Logger = log.logger() }, func() {
		t.Helper()
		require.NotContains(t, log.String(), "job failed")
	}
}

// A human who takes the conversation before its turn began ends the turn with it.
func TestTurnThatNobodyNeeds(t *testing.T) {
	t.Parallel()
	opt, quiet := quietly(t)
	w, b := aiWorld(t, opt)
	w.deliver(textFrom(alice, "hello"))
	_, err := w.desk.Assign(w.ctx(), w.only().ID, "ada", host)
	require.NoError(t, err)
	w.settle()
	w.later(10 * time.Minute)
	require.Empty(t, b.taken())
	require.Equal(t, "ada", w.only().Assignee)
	quiet()
}

// A turn that another process ended leaves nothing to do, and nothing in the timeline, for who comes late.
func TestLateProcessLeavesNoTrace(t *testing.T) {
	t.Parallel()
	opt, quiet := quietly(t)
	w, b := aiWorld(t, opt)
	second := w.open(withBots(livedesk.AIConfig{Name: "bot", Agent: &bot{}}))
	b.answer = func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
		w.advance(time.Minute)
		w.settleOn(second)
		return livedesk.Answer{Text: "too late"}, nil
	}
	w.text(alice, "hello")
	w.later(time.Hour)
	require.Equal(t, []string{"bot 1"}, w.bodies())
	require.Empty(t, w.causes(w.only().ID, "ai_answer_dropped"))
	quiet()
}

// A turn that was over by no fault of the AI agent's is none.
func TestTurnThatIsOverIsNoFailure(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	b.answer = func(ctx context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
		_, err := w.desk.Assign(w.ctx(), turn.Conversation, "ada", host)
		require.NoError(t, err)
		_, err = turn.Do(ctx, "x", "", func(context.Context, string) (string, error) { return "", nil })
		require.ErrorIs(t, err, livedesk.ErrTurnOver)
		return livedesk.Answer{}, err
	}
	w.text(alice, "hello")
	require.Zero(t, w.engine.Health(w.ctx()).AIAgents[0].Failures)
}

// An AI agent that fails gets no turn of the conversations that it has either.
func TestUnhealthyAIGetsNoTurn(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	w.text(alice, "hello")
	b.say(livedesk.Answer{}, errors.New("down"))
	for i := range 3 {
		w.text(fmt.Sprintf("+1415555020%d", i), "hello")
	}
	turns := len(b.taken())
	w.text(alice, "still there?")
	require.Len(t, b.taken(), turns)
	require.Equal(t, []string{"ai agent unhealthy"}, w.causes(w.live(alice).ID, "handed_over"))
	require.Equal(t, "ada", w.live(alice).Assignee)
}

// A transcript is bounded in bytes too, but for its last line.
func TestTranscriptIsBounded(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	for i := range 4 {
		w.deliver(textFrom(alice, fmt.Sprint(i)+strings.Repeat("x", 30_000)))
	}
	w.settle()
	lines := b.taken()[0].Transcript
	require.Len(t, lines, 2)
	require.Equal(t, byte('3'), lines[1].Text[0])
	w.text(alice, strings.Repeat("é", 50_000))
	lines = b.taken()[1].Transcript
	require.Len(t, lines, 1)
	require.Len(t, lines[0].Text, 64<<10)
}

// No AI agent talks to a number of our own: it would be talking to itself.
func TestAINeverAnswersOurselves(t *testing.T) { // FAULTS 89
	t.Parallel()
	w := newWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: &bot{}}))
	w.twilioChannel(nil)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bot"} })
	w.deliver(smstest.Text{From: smstest.TwilioNumber, Body: "hello"})
	w.settle()
	require.Empty(t, w.bodies())
	require.Equal(t, livedesk.Open, w.only().State)
	require.Equal(t, []livedesk.Skipped{{Agent: "bot", AI: true, Why: livedesk.SkipNotWritable}}, w.explained(w.only().ID).Skipped)
}
