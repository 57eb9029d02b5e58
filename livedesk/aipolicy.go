package livedesk

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/livedesk/livedesk-go/channel"
)

// AIPolicy looks at what an AI agent is about to say, before it is stored: links, numbers, promises, words that a business
// doesn't use. It is what holds whatever a model does, for the model may do what the customer tells it. With
// [AIConfig] Policy each text passes it; package aiagent ships one that knows links, addresses and telephone numbers.
//
// It must be safe for concurrent use. It is asked within the turn, with no transaction open, and ends with the turn's deadline.
type AIPolicy interface {
	// Review returns the text that leaves: a.Text as it is, or another one, such as with a link taken out; the timeline then
	// keeps what it was. An error holds it back: nothing is said, people find the text as a private note, and they get the
	// conversation. A [HeldError] tells them why; any other error, a panic, silence, and a text that can't be sent (blank,
	// though the AI agent stays; too long; not UTF-8) hold it back too. Errors are logged, so they must not repeat the text.
	Review(ctx context.Context, t Turn, a Answer) (string, error)
}

// HeldError is the error of an [AIPolicy] that holds an answer back.
type HeldError struct {
	Reason string // for people, in the timeline; at most 256 bytes of it are kept
}

// Error implements error.
func (e *HeldError) Error() string { return "held back: " + e.Reason }

// reviewed is what a policy said.
type reviewed struct{ text, held string }

// review lets the policy look at an answer that has a text.
func (t *turn) review(ctx context.Context, e *Engine, hosts *sync.WaitGroup, a Answer) Answer {
	if t.ai.Policy == nil || a.Text == "" {
		return a
	}
	shown, answer := t.Turn, a // which a policy that comes too late may still be looking at
	shown.steps = nil
	r, why := asked(ctx, e.log, hosts, "policy of ai agent "+t.ai.Name, func() (reviewed, error) {
		text, err := t.ai.Policy.Review(ctx, shown, answer)
		if h, ok := errors.AsType[*HeldError](err); ok {
			return reviewed{held: cmp.Or(short(h.Reason), "policy")}, nil
		}
		return reviewed{text: text}, err
	})
	switch {
	case why != "":
		a.held = "policy failed: " + why
	case r.held != "":
		a.held = r.held
	case r.text != a.Text:
		changed := a
		changed.Text = r.text
		if changed, why = changed.clean(t.channel); why != "" {
			a.held = "policy failed: " + why
			return a
		}
		changed.was = truncate(a.Text, maxNote)
		return changed
	}
	return a
}

// short returns a reason as it is kept.
func short(s string) string {
	return strings.TrimSpace(truncate(channel.Clean(s), maxReason))
}
