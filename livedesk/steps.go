package livedesk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/livedesk/livedesk-go/channel"
)

// Steps of a turn that have an effect elsewhere are kept in the conversation's timeline, one entry for each that is
// finished, so that a turn that is taken again doesn't take them again.

// ErrTurnOver means that a turn's answer can't count any more: the customer wrote again, a human has the conversation, or it
// is resolved. An [AIAgent] that gets it from [Turn.Do] should return it.
var ErrTurnOver = errors.New("turn is over")

// errTooManySteps means that a turn doesn't come to an end.
var errTooManySteps = fmt.Errorf("turn has more than %d steps", maxTurnSteps)

const (
	maxTurnSteps  = 32       // of one turn
	maxStepInput  = 16 << 10 // bytes
	maxStepResult = 16 << 10
)

// stepTaken is the activity of a finished step: To is its name, and the entry's Text its result. stepDenied is that of one
// that was refused: To is its name, and Cause says why.
const (
	stepTaken  = "ai_step"
	stepDenied = "ai_step_denied"
)

// maxDenied is how many refused steps of one turn the timeline keeps; the last of them says that there were more.
const maxDenied = 8

// Do takes one step of the turn that has an effect elsewhere (a booking, a look into the host's systems): f does it, and its
// result is kept with the timeline, where people can read it, and where later turns see it as a [Line] with Step. When the
// turn is taken again after a crash, a step that was finished isn't taken again: its result is returned. One that wasn't is,
// with the same key, so f must be idempotent by key.
//
// Steps are told apart by name, input, and how often the turn has taken the same before. A step that was begun isn't broken
// off when the customer writes again; the next one is [ErrTurnOver] then, before f is called. f must end with ctx, the
// turn's; what an ended f did is kept all the same. An error of f's is returned and not kept. name has 1 to 128 bytes,
// input at most 16 KiB, a turn 32 steps; of a result the first 16 KiB count. What is beyond is refused, as by [Turn.Deny]. A
// Turn that no engine made keeps nothing.
func (t Turn) Do(ctx context.Context, name, input string, f func(ctx context.Context, key string) (string, error)) (string, error) {
	s, err := t.step(name, input)
	if err != nil {
		t.Deny(ctx, name, err.Error())
		return "", err
	}
	if result, done, err := t.steps.find(ctx, s); done || err != nil {
		return result, err
	}
	result, err := f(ctx, s.id)
	if err != nil {
		return "", err
	}
	return t.steps.keep(ctx, s, truncate(channel.Clean(truncate(result, maxStepResult)), maxStepResult))
}

// Deny notes in the timeline, for people and [Hooks], that the AI agent wanted a step which it may not take: one that there
// isn't, or that is about somebody else. name and why are kept to 128 and 256 bytes, and a turn has 8 such entries at most,
// the last of which says that there were more. A Turn that no engine made notes nothing.
func (t Turn) Deny(ctx context.Context, name, why string) {
	if t.steps != nil {
		t.steps.deny(ctx, truncate(channel.Clean(truncate(name, maxID)), maxID), short(why))
	}
}

func (t Turn) step(name, input string) (step, error) {
	if err := checkID("name", name); err != nil {
		return step{}, err
	}
	if len(input) > maxStepInput {
		return step{}, invalid("input", "is too long (at most 16 KiB)")
	}
	return t.steps.next(t.ID, name, input)
}

// steps are those of one turn in hand; nil for a Turn that no engine made.
type steps struct {
	e *Engine
	t *turn

	mu     sync.Mutex
	taken  map[string]int // by name and input
	all    int
	denied int
}

// step is one of them.
type step struct{ name, id, key string }

// next names a step.
func (s *steps) next(turn, name, input string) (step, error) {
	if s != nil {
		turn = s.t.ID // whatever became of the copy
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", name, input))
	what := hex.EncodeToString(sum[:12])
	if s == nil {
		return step{name: name, id: turn + "." + what}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == maxTurnSteps {
		return step{}, errTooManySteps
	}
	s.all++
	s.taken[what]++
	what = fmt.Sprintf("%s.%d", what, s.taken[what])
	return step{name, turn + "." + what, fmt.Sprintf("%sdo:%d.%s", autoKeyPrefix, s.t.seq, what)}, nil
}

// find returns the result of a step that was finished before. The error is ErrTurnOver where there is none, and the turn's
// answer can't count any more.
func (s *steps) find(ctx context.Context, st step) (result string, done bool, err error) {
	if s == nil {
		return "", false, nil
	}
	err = s.e.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		kept, err := tx.Messages(ctx, s.keys(st))
		if err != nil {
			return err
		}
		if done = kept[0].ID != ""; done {
			result = kept[0].Text
			return nil
		}
		l, err := tx.Threads(ctx, []ThreadKey{{Workspace: s.t.Workspace, Conversation: s.t.Conversation}})
		if err == nil && (l[0].Asked == nil || !s.t.counts(*l[0].Asked)) {
			err = ErrTurnOver
		}
		return err
	})
	return result, done, err
}

// keep stores the result of a step, also of a turn whose time is over, and returns it; the one that is stored already where
// another process was faster.
func (s *steps) keep(ctx context.Context, st step, result string) (string, error) {
	if s == nil {
		return result, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	err := s.e.Desk(s.t.Workspace).act(ctx, "keep a step", func(ctx context.Context, u *unit) error {
		_, asked, err := u.load(ctx, []ThreadKey{{Workspace: s.t.Workspace, Conversation: s.t.Conversation}})
		if err != nil || asked[0] == nil {
			return err
		}
		kept, err := u.tx.Messages(ctx, s.keys(st))
		if err != nil {
			return err
		}
		if kept[0].ID != "" {
			result = kept[0].Text
			return nil
		}
		u.add(asked[0], Message{
			Kind: ActivityKind, By: AIActor(s.t.ai.Name), Key: st.key, Text: result, Activity: &Activity{What: stepTaken, To: st.name},
		})
		return nil
	})
	return result, err
}

// deny keeps that a step was refused. What can't be kept is logged.
func (s *steps) deny(ctx context.Context, name, why string) {
	s.mu.Lock()
	s.denied++
	n := s.denied
	s.mu.Unlock()
	if n > maxDenied {
		return
	}
	if n == maxDenied {
		name, why = "", "and more"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	err := s.e.Desk(s.t.Workspace).act(ctx, "note a denied step", func(ctx context.Context, u *unit) error {
		_, asked, err := u.load(ctx, []ThreadKey{{Workspace: s.t.Workspace, Conversation: s.t.Conversation}})
		if err == nil && asked[0] != nil {
			u.activity(asked[0], AIActor(s.t.ai.Name), Activity{What: stepDenied, To: name, Cause: why})
		}
		return err
	})
	if err != nil {
		s.e.logError("a denied step was not noted", err)
	}
}

func (s *steps) keys(st step) []MessageKey {
	return []MessageKey{{Workspace: s.t.Workspace, Conversation: s.t.Conversation, Key: st.key}}
}

// counts reports whether the turn's answer still counts.
func (t *turn) counts(c Conversation) bool {
	return c.State == Pending && c.AI == t.ai.Name && c.AITurn == t.seq
}
