package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// bot is an AI agent by a script, which keeps the turns that it was given.
type bot struct {
	mu     sync.Mutex
	turns  []livedesk.Turn
	answer func(ctx context.Context, t livedesk.Turn) (livedesk.Answer, error) // nil says "bot N" and stays
}

func (b *bot) Answer(ctx context.Context, t livedesk.Turn) (livedesk.Answer, error) {
	b.mu.Lock()
	b.turns = append(b.turns, t)
	n, answer := len(b.turns), b.answer
	b.mu.Unlock()
	if answer == nil {
		return livedesk.Answer{Text: fmt.Sprintf("bot %d", n)}, nil
	}
	return answer(ctx, t)
}

func (b *bot) taken() []livedesk.Turn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]livedesk.Turn{}, b.turns...)
}

func (b *bot) say(a livedesk.Answer, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = func(context.Context, livedesk.Turn) (livedesk.Answer, error) { return a, err }
}

// withBots gives the engine AI agents by name.
func withBots(list ...livedesk.AIConfig) option {
	return func(s *settings) { s.AIAgents = list }
}

// aiWorld is a desk with an AI agent "bot" in use on its channel, and ada behind it with room.
func aiWorld(t *testing.T, opts ...option) (*world, *bot) {
	t.Helper()
	b := &bot{}
	w := newWorld(t, append([]option{withBots(livedesk.AIConfig{Name: "bot", Agent: b})}, opts...)...)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bot"} })
	w.agents(w.ch.ID, 5, "ada")
	return w, b
}

func textFrom(from, body string) smstest.Text { return smstest.Text{From: addr(from), Body: body} }

func (w *world) explained(id string) livedesk.Decision {
	w.t.Helper()
	list, err := w.desk.Explain(w.ctx(), id)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, list)
	return list[0]
}

// causes returns what and why of the activities of one kind.
func (w *world) causes(id, what string) (out []string) {
	w.t.Helper()
	for _, m := range w.timeline(id) {
		if m.Activity != nil && m.Activity.What == what {
			out = append(out, m.Activity.Cause)
		}
	}
	return out
}

func TestAIAnswers(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.agents(w.ch.ID, 5, "ada")
		w.change(func(c *livedesk.Channel) {
			c.UseAI, c.AIAgents, c.Greeting = true, []string{"bot"}, "Welcome"
		})
		w.text(alice, "hello")
		c := w.only()
		require.Equal(t, livedesk.Pending, c.State)
		require.Equal(t, "bot", c.AI)
		require.Empty(t, c.Assignee)
		require.Empty(t, c.Queue)
		require.Zero(t, w.load("ada"))
		require.Zero(t, c.AITurn)
		require.Zero(t, c.Unread)
		require.Zero(t, c.WaitingSince)
		require.Equal(t, []string{"Welcome", "hi from the bot"}, w.bodies())
		texts := w.texts(c.ID)
		require.Equal(t, livedesk.ClassAI, texts[2].Class)
		require.Equal(t, livedesk.AIActor("bot"), texts[2].By)
		d := w.explained(c.ID)
		require.Equal(t, livedesk.TierAI, d.Tier)
		require.Equal(t, "bot", d.AI)
		require.Equal(t, []livedesk.Look{{Tier: livedesk.TierAI, Result: livedesk.LookDecided}}, d.Looked)
	}, func(s *settings) {
		b := &bot{}
		b.say(livedesk.Answer{Text: "hi from the bot"}, nil)
		s.AIAgents = []livedesk.AIConfig{{Name: "bot", Agent: b}}
	})
}

// An AI agent sees this conversation's texts, the newest of them, and no number, note or credential.
func TestAISeesLittle(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	w.text(bob, "secret of bob")
	w.text(alice, "one")
	id := w.live(alice).ID
	_, err := w.desk.AddNote(w.ctx(), id, livedesk.AgentActor("ada"), "a private note")
	require.NoError(t, err)
	w.text(alice, "two")
	turns := b.taken()
	last := turns[len(turns)-1]
	require.Equal(t, "main", last.Workspace)
	require.Equal(t, id, last.Conversation)
	require.Equal(t, "Sales", last.Channel)
	var got []string
	for _, l := range last.Transcript {
		got = append(got, string(l.By)+": "+l.Text)
	}
	require.Equal(t, []string{"customer: one", "ai: bot 2", "customer: two"}, got)
	all := fmt.Sprintf("%+v", last)
	for _, secret := range []string{alice, "secret of bob", "private note"} {
		require.NotContains(t, all, secret)
	}
	require.NotEqual(t, turns[1].ID, last.ID)
}

func TestAISeesNotesWhereAllowedAndOnlyTheNewest(t *testing.T) {
	t.Parallel()
	b := &bot{}
	w := newWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: b, Notes: true, History: 3}))
	w.bandwidthChannel(func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bot"} })
	for i := range 4 {
		w.text(alice, fmt.Sprint("text ", i))
	}
	_, err := w.desk.AddNote(w.ctx(), w.only().ID, livedesk.AgentActor("ada"), "a note")
	require.NoError(t, err)
	w.text(alice, strings.Repeat("x", 100))
	lines := b.taken()[4].Transcript
	require.Len(t, lines, 3)
	require.Equal(t, []string{"bot 4", "a note", strings.Repeat("x", 100)}, []string{lines[0].Text, lines[1].Text, lines[2].Text})
	require.True(t, lines[1].Note)
}

// A burst is one turn, and one answer.
func TestBurstIsOneTurn(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	for i := range 5 {
		w.deliver(textFrom(alice, fmt.Sprint(i)))
	}
	w.settle()
	require.Len(t, b.taken(), 1)
	require.Len(t, b.taken()[0].Transcript, 5)
	require.Equal(t, []string{"bot 1"}, w.bodies())
}

// What the customer writes while the AI agent thinks supersedes what it was about to say.
func TestNewerMessageSupersedes(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	b.answer = func(_ context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
		if len(turn.Transcript) == 1 {
			w.deliver(textFrom(alice, "no, the other one"))
			return livedesk.Answer{Text: "stale"}, nil
		}
		return livedesk.Answer{Text: "fresh"}, nil
	}
	w.text(alice, "the red one")
	require.Equal(t, []string{"fresh"}, w.bodies())
	turns := b.taken()
	require.Len(t, turns, 2)
	require.NotEqual(t, turns[0].ID, turns[1].ID)
	require.Len(t, turns[1].Transcript, 2)
}

// Keywords are no turn, and a turn on a channel that is gone is a human's.
func TestNoTurn(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	w.text(alice, "hello")
	w.text(alice, "HELP")
	w.text(alice, "STOP")
	w.text(alice, "START")
	require.Len(t, b.taken(), 1)
	require.Equal(t, livedesk.Pending, w.only().State)
	w.deliver(textFrom(alice, "more"))
	require.NoError(t, w.desk.RemoveChannel(w.ctx(), w.ch.ID))
	w.settle()
	require.Len(t, b.taken(), 1)
	require.Equal(t, livedesk.Open, w.only().State)
	require.Equal(t, []string{"ai agent may not write"}, w.causes(w.only().ID, "handed_over"))
	w.noTurns()
}

// What happens while the AI agent thinks, after which its answer is not wanted any more.
func TestLateAnswersAreDropped(t *testing.T) { // FAULTS 166
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(w *world, id string) error
		state     livedesk.State
		said      []string
	}{
		"resolved": {func(w *world, id string) error {
			_, err := w.desk.Resolve(w.ctx(), id, host)
			return err
		}, livedesk.Resolved, nil},
		"taken by a human": {func(w *world, id string) error {
			_, err := w.desk.Assign(w.ctx(), id, "ada", host)
			return err
		}, livedesk.Open, nil},
		"answered by a human": {func(w *world, id string) error {
			_, err := w.desk.Reply(w.ctx(), id, livedesk.AgentActor("ada"), livedesk.Draft{Text: "I'm here"})
			return err
		}, livedesk.Open, []string{"I'm here"}},
		"answered by the host": {func(w *world, id string) error {
			_, err := w.desk.Reply(w.ctx(), id, host, livedesk.Draft{Text: "host"})
			return err
		}, livedesk.Open, []string{"host"}},
		"snoozed": {func(w *world, id string) error {
			_, err := w.desk.Snooze(w.ctx(), id, host, time.Time{})
			return err
		}, livedesk.Snoozed, nil},
		"STOP": {func(w *world, _ string) error {
			w.deliver(textFrom(alice, "STOP"))
			return nil
		}, livedesk.Pending, []string{"Sales: you have opted out and will get no more messages. Reply START to get them again."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := aiWorld(t)
			b.answer = func(_ context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
				return livedesk.Answer{Text: "late"}, c.meanwhile(w, turn.Conversation)
			}
			w.text(alice, "hello")
			now := w.only()
			require.Equal(t, c.state, now.State)
			require.Zero(t, now.AITurn)
			require.Equal(t, c.said, w.bodies())
			for _, m := range w.texts(now.ID) {
				require.NotEqual(t, "late", m.Text)
			}
			require.Len(t, b.taken(), 1)
			if c.state == livedesk.Open {
				require.Equal(t, "ada", now.Assignee)
				require.Equal(t, now.Cycle, now.HandedOver)
				require.Empty(t, now.AI)
			}
			if name == "STOP" {
				require.Equal(t, []string{"opted out"}, w.causes(now.ID, "ai_answer_dropped"))
			}
			w.noTurns()
			w.later(time.Hour)
			require.Equal(t, c.said, w.bodies())
		})
	}
}

// Whatever an AI agent does wrong, a human with room has the conversation, and the timeline says why.
func TestAIFailsToHumans(t *testing.T) { // FAULTS 102, 163
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(ctx context.Context, t livedesk.Turn) (livedesk.Answer, error)
		cause  string
	}{
		"error": {func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
			return livedesk.Answer{Text: "not this"}, errors.New("500")
		}, "ai agent failed: error"},
		"panic": {func(context.Context, livedesk.Turn) (livedesk.Answer, error) { panic("oops") }, "ai agent failed: panic"},
		"empty": {func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
			return livedesk.Answer{Text: " \n"}, nil
		}, "ai agent failed: answer empty"},
		"a mebibyte": {func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
			return livedesk.Answer{Text: strings.Repeat("x", 1<<20)}, nil
		}, "ai agent failed: answer too long"},
		"too long before all else": {func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
			return livedesk.Answer{Text: strings.Repeat("\xff", 1<<20)}, nil
		}, "ai agent failed: answer too long"},
		"one character too many": {func(_ context.Context, t livedesk.Turn) (livedesk.Answer, error) {
			return livedesk.Answer{Text: strings.Repeat("x", t.MaxText+1)}, nil
		}, "ai agent failed: answer too long"},
		"not UTF-8": {func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
			return livedesk.Answer{Text: "caf\xe9"}, nil
		}, "ai agent failed: answer not UTF-8"},
		"no such action": {func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
			return livedesk.Answer{Text: "x", Then: "transfer money"}, nil
		}, "ai agent failed: answer unclear"},
		"deadline": {func(ctx context.Context, _ livedesk.Turn) (livedesk.Answer, error) {
			<-ctx.Done()
			return livedesk.Answer{Text: "too late"}, nil
		}, "ai agent failed: timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bot{answer: c.answer}
			cfg := livedesk.AIConfig{Name: "bot", Agent: b}
			if name == "deadline" {
				cfg.Timeout = time.Millisecond
			}
			w, _ := aiWorld(t, withBots(cfg))
			w.text(alice, "hello")
			now := w.only()
			require.Equal(t, livedesk.Open, now.State)
			require.Equal(t, "ada", now.Assignee)
			require.Empty(t, w.bodies())
			require.Equal(t, 1, w.load("ada"))
			require.Equal(t, []string{c.cause}, w.causes(now.ID, "handed_over"))
			require.Equal(t, 1, now.Unread)
			d := w.explained(now.ID)
			require.Equal(t, routing.CauseHandOver, d.Cause)
			require.Equal(t, []livedesk.Skipped{{Agent: "bot", AI: true, Why: livedesk.SkipHandedOver}}, d.Skipped)
			h := w.engine.Health(w.ctx()).AIAgents
			require.Equal(t, []livedesk.AIHealth{{Name: "bot", Healthy: true, Failures: 1, Reason: strings.TrimPrefix(c.cause, "ai agent failed: ")}}, h)
		})
	}
}

// One that ignores its deadline holds up nobody but itself.
func TestAIThatNeverReturns(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	b := &bot{answer: func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
		<-release
		return livedesk.Answer{Text: "much later"}, nil
	}}
	w, _ := aiWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: b, Timeout: time.Millisecond}))
	w.text(alice, "hello")
	require.Equal(t, "ada", w.only().Assignee)
	require.Equal(t, []string{"ai agent failed: timeout"}, w.causes(w.only().ID, "handed_over"))
}

func TestAIHandsOverAndFinishes(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	b.say(livedesk.Answer{Text: "I'll get somebody", Then: livedesk.HandOver, Reason: "wants a refund", Note: "order 7"}, nil)
	w.text(alice, "refund!")
	c := w.only()
	require.Equal(t, "ada", c.Assignee)
	require.Equal(t, []string{"I'll get somebody"}, w.bodies())
	require.Equal(t, []string{"wants a refund"}, w.causes(c.ID, "handed_over"))
	require.Equal(t, 1, c.Unread)
	require.False(t, c.WaitingSince.IsZero(), "the customer waits for a human")
	texts := w.texts(c.ID)
	require.Equal(t, livedesk.Note, texts[1].Kind)
	require.Equal(t, "order 7", texts[1].Text)

	w.text(alice, "anybody?") // stays with the human in this cycle
	require.Len(t, b.taken(), 1)
	_, err := w.desk.Resolve(w.ctx(), c.ID, livedesk.AgentActor("ada"))
	require.NoError(t, err)
	w.presence("ada", livedesk.Offline)
	b.say(livedesk.Answer{Text: "Bye", Then: livedesk.Finish}, nil)
	w.text(alice, "thanks again")
	c = w.only()
	require.Len(t, b.taken(), 2, "a new cycle is the AI agent's again")
	require.Equal(t, livedesk.Resolved, c.State)
	require.Equal(t, livedesk.AIActor("bot"), c.ResolvedBy)
	require.Equal(t, "bot", c.AI)
	require.Equal(t, []string{"I'll get somebody", "Bye"}, w.bodies())
}

// Three failures in a row, and the next in the list has the conversations for a minute.
func TestAIBreaker(t *testing.T) {
	t.Parallel()
	bad, good := &bot{}, &bot{}
	bad.say(livedesk.Answer{}, errors.New("down"))
	w := newWorld(t, withBots(livedesk.AIConfig{Name: "bad", Agent: bad}, livedesk.AIConfig{Name: "good", Agent: good}))
	w.bandwidthChannel(func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bad", "good"} })
	for i := range 3 {
		w.text(fmt.Sprintf("+1415555020%d", i), "hello")
	}
	require.Empty(t, good.taken())
	h := w.engine.Health(w.ctx()).AIAgents
	require.Equal(t, livedesk.AIHealth{Name: "bad", Failures: 3, Reason: "error", Until: w.clock().Add(time.Minute)}, h[0])
	require.True(t, h[1].Healthy)
	w.text(alice, "hello")
	require.Equal(t, "good", w.live(alice).AI)
	require.Equal(t, []livedesk.Skipped{{Agent: "bad", AI: true, Why: livedesk.SkipUnhealthy}}, w.explained(w.live(alice).ID).Skipped)
	_, err := w.desk.Transfer(w.ctx(), w.of("+14155550200")[0].ID, routing.Target{Kind: routing.ToAI, ID: "bad"}, host)
	require.Contains(t, field(t, err, "id"), "healthy")
	w.later(time.Minute)
	w.text(bob, "hello") // tried again; one failure is enough
	w.text("+14155550299", "hello")
	require.Len(t, bad.taken(), 4)
	require.Equal(t, "good", w.live("+14155550299").AI)
	w.later(time.Minute)
	bad.say(livedesk.Answer{Text: "better"}, nil)
	w.text("+14155550298", "hello")
	require.Equal(t, "bad", w.live("+14155550298").AI)
	require.Equal(t, livedesk.AIHealth{Name: "bad", Healthy: true}, w.engine.Health(w.ctx()).AIAgents[0])
}

func TestAIIsPassedOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*livedesk.Channel)
		from   string
		why    []livedesk.Skipped
	}{
		"switched off": {func(c *livedesk.Channel) { c.UseAI = false }, alice, nil},
		"none in use":  {func(c *livedesk.Channel) { c.AIAgents = nil }, alice, nil},
		"a short code": {func(*livedesk.Channel) {}, "72345", []livedesk.Skipped{{Agent: "bot", AI: true, Why: livedesk.SkipNotWritable}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := aiWorld(t)
			w.change(c.change)
			w.text(c.from, "hello")
			require.Empty(t, b.taken())
			require.Equal(t, "ada", w.only().Assignee)
			d := w.explained(w.only().ID)
			require.Equal(t, c.why, d.Skipped)
			if c.why == nil {
				require.Equal(t, []livedesk.Look{{Tier: livedesk.TierHumans, Result: livedesk.LookDecided}}, d.Looked)
			}
		})
	}
}

func TestChannelNamesAIAgents(t *testing.T) {
	t.Parallel()
	w, _ := aiWorld(t)
	c, err := w.desk.Channel(w.ctx(), w.ch.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"bot"}, c.AIAgents)
	for problem, names := range map[string][]string{"is not one of": {"other"}, "twice": {"bot", "bot"}, "required": {""}} {
		c.AIAgents = names
		_, err = w.desk.PutChannel(w.ctx(), c)
		require.Contains(t, field(t, err, fmt.Sprintf("ai_agents[%d]", len(names)-1)), problem)
	}
	// A process that runs none stores what others run, and passes it over.
	admin := w.open(withBots())
	c.AIAgents = []string{"elsewhere"}
	_, err = admin.Desk("main").PutChannel(w.ctx(), c)
	require.NoError(t, err)
	w.settle()
	w.text(alice, "hello")
	require.Equal(t, "ada", w.only().Assignee)
	require.Equal(t, livedesk.SkipUnknown, w.explained(w.only().ID).Skipped[0].Why)
}

// A turn that this process can't take waits for one that can, and not for ever.
func TestTurnOfAnotherProcess(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	without := w.open(withBots())
	w.deliver(textFrom(alice, "hello"))
	require.Equal(t, livedesk.Pending, w.only().State)
	w.settleOn(without)
	require.Equal(t, livedesk.Pending, w.only().State)
	w.advance(time.Second)
	w.settle()
	require.Len(t, b.taken(), 1)
	w.deliver(textFrom(alice, "and?"))
	w.settleOn(without)
	w.advance(time.Minute)
	w.settleOn(without)
	require.Equal(t, livedesk.Pending, w.only().State)
	w.advance(4 * time.Minute)
	w.settleOn(without)
	require.Equal(t, []string{"ai agent unknown"}, w.causes(w.only().ID, "handed_over"))
	require.Equal(t, "ada", w.only().Assignee)
}

func TestRulesNameAIAgents(t *testing.T) {
	t.Parallel()
	b, special := &bot{}, &bot{}
	w := newWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: b}, livedesk.AIConfig{Name: "special", Agent: special}))
	w.bandwidthChannel(func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bot"} })
	w.agents(w.ch.ID, 5, "ada", "bo")
	require.NoError(t, w.desk.SetTeam(w.ctx(), "billing", []string{"bo"}))
	team := says("refund", routing.Target{Kind: routing.ToTeam, ID: "billing"})
	team.AlsoAtHandOver = true
	toAI := says("special", routing.Target{Kind: routing.ToAI, ID: "special"})
	toAI.Order, toAI.AlsoAtHandOver = 1, true
	toHumans := says("human", routing.Target{Kind: routing.ToHumans})
	toHumans.Order = 2
	gone := says("gone", routing.Target{Kind: routing.ToAI, ID: "retired"})
	gone.Order = 3
	_, err := w.desk.PutRules(w.ctx(), livedesk.RuleSet{Rules: []routing.Rule{team, toAI, toHumans, gone}})
	require.NoError(t, err)

	w.text(alice, "special")
	require.Equal(t, "special", w.live(alice).AI)
	require.Equal(t, "special", w.explained(w.live(alice).ID).Rule)
	w.text(bob, "human") // a rule goes before the AI tier
	require.Equal(t, livedesk.Open, w.live(bob).State)
	w.text("+14155550301", "gone") // nobody of the name: the next tier
	d := w.explained(w.live("+14155550301").ID)
	require.Equal(t, "bot", d.AI)
	require.Equal(t, livedesk.TierAI, d.Tier)
	require.Equal(t, []livedesk.Skipped{{Agent: "retired", AI: true, Why: livedesk.SkipUnknown}}, d.Skipped)

	// At hand-over only rules that opted in are looked at, and none of them brings an AI agent back.
	special.say(livedesk.Answer{Then: livedesk.HandOver}, nil)
	w.text(alice, "special refund")
	c := w.live(alice)
	require.Equal(t, "bo", c.Assignee)
	require.Equal(t, "refund", w.explained(c.ID).Rule)
	b.say(livedesk.Answer{Then: livedesk.HandOver}, nil)
	w.text("+14155550302", "hello")
	c = w.live("+14155550302")
	require.Equal(t, livedesk.Open, c.State)
	require.Equal(t, livedesk.TierHumans, w.explained(c.ID).Tier)
	special.say(livedesk.Answer{Then: livedesk.HandOver}, nil)
	w.text("+14155550303", "special")
	c = w.live("+14155550303")
	require.Equal(t, livedesk.Open, c.State)
	require.NotEmpty(t, c.Assignee)
	require.Contains(t, w.explained(c.ID).Skipped, livedesk.Skipped{Agent: "special", AI: true, Why: livedesk.SkipHandedOver})
}

func TestTransferToAI(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	w.change(func(c *livedesk.Channel) { c.UseAI = false })
	w.text(alice, "hello")
	id := w.only().ID
	require.Equal(t, 1, w.load("ada"))
	to := routing.Target{Kind: routing.ToAI, ID: "bot"}
	c, err := w.desk.Transfer(w.ctx(), id, to, livedesk.AgentActor("ada"))
	require.NoError(t, err)
	require.Equal(t, livedesk.Pending, c.State)
	w.settle()
	require.Zero(t, w.load("ada"))
	require.Equal(t, []string{"bot 1"}, w.bodies(), "the customer waited")
	_, err = w.desk.Transfer(w.ctx(), id, to, host)
	var state *livedesk.StateError
	require.ErrorAs(t, err, &state)
	_, err = w.desk.Transfer(w.ctx(), id, routing.Target{Kind: routing.ToAI, ID: "nobody"}, host)
	require.NotEmpty(t, field(t, err, "id"))

	b.say(livedesk.Answer{Then: livedesk.HandOver}, nil)
	w.text(alice, "more")
	require.Equal(t, "ada", w.only().Assignee)
	_, err = w.desk.Reply(w.ctx(), id, livedesk.AgentActor("ada"), livedesk.Draft{Text: "done"})
	require.NoError(t, err)
	_, err = w.desk.Transfer(w.ctx(), id, to, host) // by hand also after it handed over
	require.NoError(t, err)
	w.settle()
	require.Len(t, b.taken(), 2, "nobody waits for an answer")
	b.say(livedesk.Answer{Text: "again"}, nil)
	w.text(alice, "one more thing")
	require.Len(t, b.taken(), 3)
	require.Equal(t, livedesk.Pending, w.only().State)
}

// A conversation that an AI agent has and somebody put aside.
func TestSnoozedWithAI(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	w.text(alice, "hello")
	id := w.only().ID
	_, err := w.desk.Snooze(w.ctx(), id, host, w.clock().Add(time.Hour))
	require.NoError(t, err)
	w.text(alice, "still there?")
	require.Equal(t, livedesk.Pending, w.only().State)
	require.Len(t, b.taken(), 2)
	_, err = w.desk.Snooze(w.ctx(), id, host, w.clock().Add(time.Hour))
	require.NoError(t, err)
	_, err = w.desk.Reply(w.ctx(), id, livedesk.AgentActor("ada"), livedesk.Draft{Text: "me now"})
	require.NoError(t, err)
	w.later(time.Hour)
	c := w.only()
	require.Equal(t, livedesk.Open, c.State)
	require.Equal(t, "ada", c.Assignee)
	require.Empty(t, c.AI)
	require.Equal(t, 1, w.load("ada"))
}

func TestSimulateShowsAI(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	got, err := w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID, Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, "bot", got.Decision.AI)
	require.Equal(t, livedesk.TierAI, got.Decision.Tier)
	got, err = w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID, From: "72345", Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, "ada", got.Decision.Agent)
	got, err = w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID, Cause: routing.CauseHandOver})
	require.NoError(t, err)
	require.Equal(t, "ada", got.Decision.Agent)
	require.Empty(t, w.all(livedesk.List{}))
	w.settle()
	require.Empty(t, b.taken())
}

// A process that is too slow loses the turn to another one, which takes the same; one answer leaves.
func TestTurnIsTakenOver(t *testing.T) {
	t.Parallel()
	w, b := aiWorld(t)
	other := &bot{}
	second := w.open(withBots(livedesk.AIConfig{Name: "bot", Agent: other}))
	b.answer = func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
		w.settleOn(second) // the turn is not to be had yet
		require.Empty(t, other.taken())
		w.advance(time.Minute)
		w.settleOn(second)
		return livedesk.Answer{Text: "too late"}, nil
	}
	w.text(alice, "hello")
	require.Equal(t, []string{"bot 1"}, w.bodies())
	require.Len(t, b.taken(), 1)
	require.Len(t, other.taken(), 1)
	require.Equal(t, b.taken()[0].ID, other.taken()[0].ID)
	w.later(time.Hour)
	require.Len(t, w.bodies(), 1)
}

// failsOnce makes the next Update fail when failing is set.
func failsOnce(failing *atomic.Bool) option {
	return func(s *settings) {
		s.Wrap = func(inner livedesk.Store) livedesk.Store {
			return &storeWrap{inner, func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
				if failing.CompareAndSwap(true, false) {
					return errBroken
				}
				return inner.Update(ctx, fn)
			}}
		}
	}
}

// An answer whose commit fails is asked for again under the same turn.
func TestTurnIsTakenAgain(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	w, b := aiWorld(t, failsOnce(&failing))
	b.answer = func(_ context.Context, turn livedesk.Turn) (livedesk.Answer, error) {
		failing.Store(len(b.taken()) == 1)
		return livedesk.Answer{Text: "once"}, nil
	}
	w.text(alice, "hello")
	require.Empty(t, w.bodies())
	w.later(time.Minute)
	require.Equal(t, []string{"once"}, w.bodies())
	turns := b.taken()
	require.Len(t, turns, 2)
	require.Equal(t, turns[0].ID, turns[1].ID)
}

// Processes that die over a turn, one after the other, don't keep the customer from a human for ever.
func TestTurnThatKills(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	b := &bot{answer: func(ctx context.Context, _ livedesk.Turn) (livedesk.Answer, error) {
		stop()
		<-ctx.Done()
		return livedesk.Answer{}, ctx.Err()
	}}
	opt, quiet := quietly(t)
	w, _ := aiWorld(t, opt, withBots(livedesk.AIConfig{Name: "bot", Agent: b}), func(s *settings) { s.DrainTimeout = time.Millisecond })
	w.deliver(textFrom(alice, "hello"))
	for n := 1; n <= 2; n++ {
		err := w.engine.Run(ctx)
		require.ErrorContains(t, err, "and 1 calls of the host's code")
		require.Len(t, b.taken(), n)
		require.Equal(t, livedesk.Pending, w.only().State)
		require.Equal(t, b.taken()[0].ID, b.taken()[n-1].ID)
		require.Zero(t, w.engine.Health(w.ctx()).AIAgents[0].Failures, "it is not to blame")
		w.advance(45 * time.Second) // its lease
		ctx, stop = context.WithCancel(t.Context())
	}
	stop()
	w.settle()
	require.Len(t, b.taken(), 2)
	require.Equal(t, []string{"ai agent took too long"}, w.causes(w.only().ID, "handed_over"))
	require.Equal(t, "ada", w.only().Assignee)
	w.noTurns()
	quiet()
}

// Turns take no worker away from anything else: where all are busy, a job of another kind is done all the same, and whoever
// would have to wait for too long gets a human.
func TestTurnsHoldNothingUp(t *testing.T) {
	t.Parallel()
	hold, held := make(chan struct{}), make(chan struct{}, 3)
	b := &bot{answer: func(context.Context, livedesk.Turn) (livedesk.Answer, error) {
		held <- struct{}{}
		<-hold
		return livedesk.Answer{Text: "at last"}, nil
	}}
	woken, handedOver := make(chan struct{}), make(chan string, 1)
	opt, quiet := quietly(t)
	w, _ := aiWorld(t, opt, withBots(livedesk.AIConfig{Name: "bot", Agent: b}), func(s *settings) {
		s.AIWorkers, s.Poll = 1, time.Millisecond
		s.Hooks.Message = func(_ context.Context, m livedesk.Message) {
			switch {
			case m.Activity == nil:
			case m.Activity.What == "woken":
				close(woken)
			case m.Activity.What == "handed_over":
				handedOver <- m.Activity.Cause
			}
		}
	})
	m := w.start(bob, "hi")
	_, err := w.desk.Snooze(w.ctx(), m.Conversation, host, w.clock().Add(10*time.Second))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.engine.Run(ctx) }()
	w.deliver(textFrom(alice, "hello"))
	<-held
	w.deliver(textFrom("+14155550133", "hello"))
	w.deliver(textFrom("+14155550134", "hello")) // whom a human takes meanwhile
	_, err = w.desk.Assign(w.ctx(), w.live("+14155550134").ID, "ada", host)
	require.NoError(t, err)
	w.deliver(textFrom("+14155550135", "hello"))
	w.forget("+14155550135")
	w.advance(10 * time.Second)
	<-woken
	w.advance(20 * time.Second)
	require.Equal(t, "ai agents busy", <-handedOver)
	require.Equal(t, "ada", w.live("+14155550133").Assignee)
	close(hold)
	stop()
	require.NoError(t, <-done)
	w.settle()
	require.Len(t, b.taken(), 1)
	require.Equal(t, []string{"hi", "at last"}, w.bodies())
	w.noTurns()
	quiet()
}
