package livedesk

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
)

// First replies are the texts by which a channel answers who waits for a human: greetings and closed-hours texts. Whoever pumps
// texts through a desk (10,000 new numbers of one range in an hour) makes it pay for one each, so they have a budget by channel,
// for all processes together, kept beside that of the sender and spent at the gate. Replies of humans and of AI agents aren't
// touched.

// firstReplies ends the name of their budget.
const firstReplies = "/first"

func (s Sender) firstReplies() Sender {
	s.Channel += firstReplies
	return s
}

// firstReply reports whether a text is one.
func (m *Message) firstReply() bool { return m.Class == ClassAutomatic && answersCustomer(m.Key) }

// allowance is what a budget has per second, negative for without limit, and how much of it may go at once; zero means the
// usual burst. ok is false for a channel that nobody knows.
func (u *unit) allowance(s Sender) (rate, most float64, ok bool) {
	id, first := strings.CutSuffix(s.Channel, firstReplies)
	ch := u.snap.channels[objectKey{s.Workspace, id}]
	switch {
	case ch == nil:
		return 0, 0, false
	case first:
		n := float64(u.e.cfg.FirstReplies)
		return n / time.Hour.Seconds(), n, true
	}
	return ch.rate(), 0, true
}

// firstBudget is the budget that a text spends as a first reply; nil where it is none, or there is no limit.
func firstBudget(all map[Sender]*spending, m *Message, ch *channelInfo) *spending {
	if !m.firstReply() {
		return nil
	}
	return all[ch.sender().firstReplies()]
}

// floodEvery is how often it is told that a channel's budget of first replies is used up, and for how long its health says so.
const floodEvery = time.Hour

const floodWarning = "so many new customers write that not all were answered automatically: somebody may be pumping texts through the " +
	"channel. See whether their numbers are of one range, and have them blocked by the carrier"

// flooded tells the person on call that first replies were withheld.
func (e *Engine) flooded(ctx context.Context, of Sender, now time.Time) {
	key := objectKey{of.Workspace, of.Channel}
	if now.Sub(e.healths.of(key).Flood) < floodEvery {
		return
	}
	err := e.changeHealth(ctx, key, func(r *healthRecord, now time.Time) bool {
		if now.Sub(r.Flood) < floodEvery {
			return false
		}
		r.Flood = now
		return true
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		e.logError("health of a channel was not stored", err, slog.String("channel", of.Channel))
	}
}

// noFirstReplies is the note of a first reply that had no budget left.
const noFirstReplies = "the channel's budget of first replies is used up"

// withheldFirst reports whether a text was taken back for that.
func (m *Message) withheldFirst() bool {
	h := m.Delivery.History
	return len(h) > 0 && h[len(h)-1].Detail == noFirstReplies
}
