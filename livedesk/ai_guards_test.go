package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
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
	w.noTurns()
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
	w.deliver(textFrom(bob, strings.Repeat("x", 32<<10)))
	w.text(bob, strings.Repeat("x", 32<<10))
	require.Len(t, b.taken()[2].Transcript, 2, "just fits")
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

// noTurns sees to it that no turn is left to be taken, also once all leases are over.
func (w *world) noTurns() {
	w.t.Helper()
	w.advance(time.Hour)
	var kinds []string
	err := w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		jobs, err := tx.ClaimJobs(ctx, 1000, 0)
		for _, j := range jobs {
			kinds = append(kinds, j.Kind)
		}
		return errors.Join(err, errBroken) // nothing is claimed
	})
	require.ErrorIs(w.t, err, errBroken)
	require.NotContains(w.t, kinds, "turn")
}

// A turn whose conversation was deleted, because it was resolved long ago, is over at whatever point it finds out.
func TestTurnOfNoConversation(t *testing.T) {
	t.Parallel()
	opt, quiet := quietly(t)
	w, b := aiWorld(t, opt)
	w.deliver(textFrom(alice, "before it begins"))
	w.forget(alice)
	w.settle()
	require.Empty(t, b.taken())
	b.answer = func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
		w.forget(alice)
		return livedesk.Answer{Text: "too late"}, nil
	}
	w.text(alice, "before it ends")
	require.Len(t, b.taken(), 1)
	w.noTurns()
	quiet()
}

// forget deletes a live conversation as one that was resolved long ago.
func (w *world) forget(address string) {
	w.t.Helper()
	_, err := w.desk.Resolve(w.ctx(), w.live(address).ID, host)
	require.NoError(w.t, err)
	require.NoError(w.t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.Prune(ctx, livedesk.Prune{Workspace: "main", Before: tx.Now().Add(time.Second), Limit: 100})
		return err
	}))
	require.Empty(w.t, w.of(address))
}

// However often the customer writes meanwhile, a conversation has one turn at a time.
func TestOneTurnAtATime(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	other := &bot{}
	second := w.open(withBots(livedesk.AIConfig{Name: "bot", Agent: other}))
	b.answer = func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
		if len(b.taken()) == 1 {
			w.deliver(textFrom(alice, "and"))
			w.settleOn(second)
		}
		return livedesk.Answer{Text: "x"}, nil
	}
	w.text(alice, "hello")
	require.Len(t, b.taken(), 2)
	require.Empty(t, other.taken())
	require.Equal(t, []string{"x"}, w.bodies())
}

// An AI agent sees who writes, where, when and what with, and its newest texts behind whatever else is in the timeline.
func TestWhatATurnShows(t *testing.T) {
	t.Parallel()
	b := &bot{}
	w, _ := aiWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: b, History: 3}))
	w.change(func(c *livedesk.Channel) { c.Language = "de" })
	_, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: alice, Name: "Alice", Language: "fr", Attributes: map[string]string{"plan": "gold"}})
	require.NoError(t, err)
	w.text(alice, "one")
	for range 50 {
		_, err := w.desk.AddNote(w.ctx(), w.only().ID, host, "a note")
		require.NoError(t, err)
	}
	w.deliver(smstest.Text{From: alice, Body: "two", Media: []string{"https://files.example.com/1.png"}})
	w.settle()
	turn := b.taken()[1]
	require.Equal(t, "de", turn.Language)
	require.Equal(t, livedesk.TurnContact{Name: "Alice", Language: "fr", Attributes: map[string]string{"plan": "gold"}}, turn.Contact)
	require.Equal(t, []livedesk.Line{
		{By: livedesk.ActorCustomer, Text: "one", At: w.clock()},
		{By: livedesk.ActorAI, Text: "bot 1", At: w.clock()},
		{By: livedesk.ActorCustomer, Text: "two", Media: 1, At: w.clock()},
	}, turn.Transcript)
}

// What an AI agent did wrong counts once, also where the turn has to be taken again.
func TestFailureCountsOnce(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	w, b := aiWorld(t, failsOnce(&failing))
	b.answer = func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
		failing.Store(len(b.taken()) == 1)
		return livedesk.Answer{}, errBroken
	}
	w.text(alice, "hello")
	w.later(time.Minute)
	require.Len(t, b.taken(), 2)
	require.Equal(t, 1, w.engine.Health(w.ctx()).AIAgents[0].Failures)
}

// An agent who doesn't answer in time loses the conversation to the AI agent, and has room for who waits.
func TestSilentAgentLosesItToAI(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	w.agent("ada", 1)
	use := func(ai bool) { w.change(func(c *livedesk.Channel) { c.UseAI, c.Assignment.NoAnswerSeconds = ai, 60 }) }
	use(false)
	w.text(alice, "hello")
	w.text(bob, "hello")
	require.Equal(t, "ada", w.live(alice).Assignee)
	require.NotEmpty(t, w.live(bob).Queue)
	use(true)
	w.later(time.Minute)
	require.Equal(t, livedesk.Pending, w.live(alice).State)
	require.Empty(t, w.live(alice).Assignee)
	require.Equal(t, livedesk.Activity{What: "given_to_ai", From: "ada", To: "bot", Cause: "ai"}, w.givenToAI(w.live(alice).ID))
	require.Equal(t, "ada", w.live(bob).Assignee)
	require.Equal(t, 1, w.load("ada"))
	require.Len(t, b.taken(), 1)
}

// givenToAI returns how a conversation came to its AI agent at last.
func (w *world) givenToAI(id string) (last livedesk.Activity) {
	w.t.Helper()
	for _, m := range w.timeline(id) {
		if m.Activity != nil && m.Activity.What == "given_to_ai" {
			last = *m.Activity
		}
	}
	last.Decision = nil
	return last
}

// Who waits in a line and is given to an AI agent waits no more; the timeline has the host's reason.
func TestFromTheLineToAI(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t, func(s *settings) {
		s.Router = routing.RouterFunc(func(f routing.Facts) routing.Decision {
			if f.Text == "vip" {
				return routing.Decision{Targets: []routing.Target{{Kind: routing.ToAI, ID: "bot"}}, Reason: "pays well"}
			}
			return routing.Decision{}
		})
	})
	w.change(func(c *livedesk.Channel) { c.UseAI = false })
	w.presence("ada", livedesk.Offline)
	w.text(alice, "hello")
	id := w.live(alice).ID
	require.NotEmpty(t, w.live(alice).Queue)
	_, err := w.desk.Transfer(w.ctx(), id, routing.Target{Kind: routing.ToAI, ID: "bot"}, host)
	require.NoError(t, err)
	w.settle()
	require.Empty(t, w.live(alice).Queue)
	require.Zero(t, w.live(alice).QueuedAt)
	require.Equal(t, livedesk.Activity{What: "given_to_ai", To: "bot", Cause: "by hand"}, w.givenToAI(id))
	w.text(bob, "vip")
	require.Equal(t, livedesk.Activity{What: "given_to_ai", To: "bot", Cause: "pays well"}, w.givenToAI(w.live(bob).ID))
	require.Len(t, b.taken(), 2)
}

// A turn on a channel that another process added just now is taken.
func TestTurnOfANewChannel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, realTime, withBots(livedesk.AIConfig{Name: "bot", Agent: &bot{}}))
		other := &bot{}
		second := w.open(withBots(livedesk.AIConfig{Name: "bot", Agent: other}), func(s *settings) { s.Refresh = time.Hour })
		stop := running(t, second)
		time.Sleep(time.Minute)
		w.bandwidthChannel(func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bot"} })
		w.deliver(textFrom(alice, "hello"))
		time.Sleep(time.Minute)
		require.Len(t, other.taken(), 1)
		require.Equal(t, livedesk.Pending, w.only().State)
		require.NoError(t, stop())
	})
}

// An answer for an AI agent that hasn't the conversation any more is too late, also where another one has it.
func TestAnswerOfTheFormerAI(t *testing.T) {
	t.Parallel()
	b, next := &bot{}, &bot{}
	w, _ := aiWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: b}, livedesk.AIConfig{Name: "next", Agent: next}))
	b.answer = func(_ context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
		_, err := w.desk.Assign(w.ctx(), turn.Conversation, "ada", host)
		require.NoError(t, err)
		_, err = w.desk.Transfer(w.ctx(), turn.Conversation, routing.Target{Kind: routing.ToAI, ID: "next"}, host)
		return livedesk.Answer{Text: "late"}, err
	}
	w.text(alice, "hello")
	require.Equal(t, []string{"bot 1"}, w.bodies())
	require.Len(t, next.taken(), 1)
	require.Equal(t, []string{"too late"}, w.causes(w.only().ID, "ai_answer_dropped"))
}

// What an AI agent does without a text, and why, is kept as it should be: with words of our own where it has none, bounded,
// clean, and without a change to what the customer said last.
func TestAnswersWithoutText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer livedesk.Answer
		what   string
		cause  string
		notes  []string
	}{
		"hands over":  {livedesk.Answer{Then: livedesk.HandOver, Note: " \n"}, "handed_over", "ai agent hands over", nil},
		"with a note": {livedesk.Answer{Then: livedesk.HandOver, Reason: "r", Note: " order\x007\n"}, "handed_over", "r", []string{"order\ufffd7"}},
		"resolves":    {livedesk.Answer{Then: livedesk.Finish}, "resolved", "ai agent resolves", nil},
		"at length":   {livedesk.Answer{Then: livedesk.Finish, Reason: strings.Repeat("r", 1000)}, "resolved", strings.Repeat("r", 256), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := aiWorld(t)
			b.say(c.answer, nil)
			w.text(alice, "hello")
			now := w.only()
			require.Equal(t, []string{c.cause}, w.causes(now.ID, c.what))
			require.Equal(t, c.notes, w.notes(now.ID))
			require.Equal(t, "hello", now.Preview)
			require.Empty(t, w.bodies())
			require.Zero(t, w.engine.Health(w.ctx()).AIAgents[0].Failures)
		})
	}
}

// MaxText counts characters, not bytes.
func TestLongestAnswer(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	b.answer = func(_ context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
		return livedesk.Answer{Text: strings.Repeat("é", turn.MaxText)}, nil
	}
	w.text(alice, "hello")
	require.Equal(t, livedesk.Pending, w.only().State, w.causes(w.only().ID, "handed_over"))
	require.Len(t, w.texts(w.only().ID), 11)
}

// An answer that can't be sent any more is dropped, whatever keeps it from that.
func TestAnswerOnAChannelThatIsGone(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	b.answer = func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
		return livedesk.Answer{Text: "late"}, w.desk.RemoveChannel(w.ctx(), w.ch.ID)
	}
	w.text(alice, "hello")
	require.Empty(t, w.bodies())
	require.Equal(t, []string{"nothing may be sent"}, w.causes(w.only().ID, "ai_answer_dropped"))
}

// shrinking is a provider whose connections take ever shorter texts: of as many characters as most says when they are opened.
type shrinking struct {
	sms.Provider
	most *atomic.Int64
}

type shrunk struct {
	sms.Account
	traits sms.Traits
}

func (p shrinking) Open(s sms.Settings) (sms.Account, error) {
	a, err := p.Provider.Open(s)
	if err != nil {
		return nil, err
	}
	traits := a.(sms.Describer).Traits()
	traits.MaxText = int(p.most.Load())
	return shrunk{a, traits}, nil
}

func (a shrunk) Traits() sms.Traits { return a.traits }

// A text that got too long for the carrier while the AI agent thought is as good as none.
func TestAnswerThatGotTooLong(t *testing.T) {
	t.Parallel()
	var most atomic.Int64
	most.Store(160)
	carrier := smstest.NewTwilio(t, smstest.TwilioConfig{})
	b := &bot{}
	w := newWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: b}), func(s *settings) {
		s.Providers = []sms.Provider{shrinking{twilio.New(twilio.Config{Transport: carrier.Transport()}), &most}}
	})
	w.twilio = carrier
	w.twilioChannel(func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bot"} })
	w.agents(w.ch.ID, 5, "ada")
	b.answer = func(_ context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
		most.Store(10)
		w.change(func(c *livedesk.Channel) { c.Values["auth_token"] = strings.Repeat("a", 32) })
		return livedesk.Answer{Text: strings.Repeat("x", 500)}, nil
	}
	w.text(alice, "hello")
	require.Empty(t, w.bodies())
	require.Equal(t, "ada", w.only().Assignee)
	require.Equal(t, []string{"ai agent failed: answer too long"}, w.causes(w.only().ID, "handed_over"))
	w.noTurns()
}
