package livedesk

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// answerFlights is how many transactions that store answers are open at once, at most.
const answerFlights = 2

// answer is what became of a claimed text.
type answer struct {
	m        Message
	of       *attempt // nil when nothing was tried
	accepted channel.Accepted
	err      error
	cancel   channel.Reason
}

// storeAnswers writes what became of a batch of texts. Nearly always the carrier took them all and nothing else happened
// to them since the gate: that is tried first, with the rows in hand.
func (e *Engine) storeAnswers(ctx context.Context, batch []*answer) (alone bool, err error) {
	for _, a := range batch {
		if a.of == nil || a.err != nil {
			return e.answerFromStore(ctx, batch)
		}
	}
	err = e.answerFromHand(ctx, batch)
	if errors.Is(err, ErrConflict) { // a receipt was faster, or another process took over
		return e.answerFromStore(ctx, batch)
	}
	return false, err
}

// answerFromHand writes that the carrier took texts, over their rows as the gate stored them.
func (e *Engine) answerFromHand(ctx context.Context, batch []*answer) error {
	var u *unit
	err := e.store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u = newUnit(e, tx)
		for _, a := range batch {
			m := a.m.Clone()
			u.now = a.of.since()
			u.answer(&m, a)
		}
		return u.finish(ctx)
	})
	if err == nil {
		e.committed(u)
		signal(e.wakeOutbox) // the next text of the conversation may go
	}
	return err
}

// answerFromStore writes what became of texts over their newest rows.
func (e *Engine) answerFromStore(ctx context.Context, batch []*answer) (alone bool, err error) {
	var u *unit
	err = e.store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u = newUnit(e, tx)
		var teach []ThreadKey
		var others []taught
		keys := make([]MessageKey, len(batch))
		for i, a := range batch {
			keys[i] = MessageKey{Workspace: a.m.Workspace, ID: a.m.ID}
			if sms.ReasonOf(a.err) == channel.ReasonOptOut {
				teach = append(teach, ThreadKey{Workspace: a.m.Workspace, Conversation: a.m.Conversation})
				if a.of != nil && a.of.channel.wide() {
					others = append(others, taught{a.of.channel, a.of.to})
				}
			}
		}
		if err := u.loadTaught(ctx, teach, others); err != nil {
			return err
		}
		msgs, err := u.loadMessages(ctx, keys)
		if err != nil {
			return err
		}
		for i, a := range batch {
			if m := msgs[i]; m != nil {
				u.answer(m, a)
			}
		}
		if err := u.pauseSenders(ctx, batch); err != nil {
			return err
		}
		return u.finish(ctx)
	})
	if err != nil {
		return false, err
	}
	e.committed(u)
	signal(e.wakeOutbox) // the next text of the conversation may go
	return false, nil
}

// answer decides what an answer does to a text.
func (u *unit) answer(m *Message, a *answer) {
	d := m.Delivery
	mine := d.Fence == a.m.Delivery.Fence
	switch {
	case a.accepted.ID != "" && a.err == nil: // counts even when it comes late
		if m.ProviderID == "" {
			m.ProviderID = a.accepted.ID
		}
		d.accept(u.now, a.accepted)
		u.expectReceipt(m)
	case !mine || d.State.rank() > 0: // somebody else has it, or a receipt was faster
		return
	case a.cancel != "":
		d.cancel(u.now, a.cancel)
	case !d.Expires.IsZero() && !u.now.Before(d.Expires) && notSent(a.err):
		d.cancel(u.now, channel.ReasonExpired)
	default:
		u.fail(m, a.err)
	}
	u.deliver(m)
}

// fail decides by the reason of a send that was not accepted.
func (u *unit) fail(m *Message, err error) {
	d, reason := m.Delivery, sms.ReasonOf(err)
	code, detail := "", truncate(err.Error(), 200)
	if e, ok := errors.AsType[*sms.SendError](err); ok {
		code = e.Code
	}
	switch {
	case notSent(err):
		due := u.now.Add(backoff(reason, d.Attempts))
		if after, ok := sms.RetryAfter(err); ok {
			due = u.now.Add(min(after, time.Hour))
		}
		if !d.Expires.IsZero() && due.After(d.Expires) {
			due = d.Expires // the gate takes it back then
		}
		d.putBack(u.now, due, code, reason, detail)
	case reason.Final():
		d.refuse(u.now, code, reason, detail)
		if reason == channel.ReasonOptOut {
			u.learnOptOut(m, ConsentByCarrier, code)
		}
	default:
		u.lost(m, code, detail)
	}
}

// notSent reports whether a send is known not to have happened, so that it may be tried again.
func notSent(err error) bool {
	switch sms.ReasonOf(err) {
	case channel.ReasonRetry, channel.ReasonRetryLater, channel.ReasonCredentials:
		return true
	}
	return false
}

// backoff is how long to wait before a text that is known not to have left is tried again, with jitter: 1 s, doubled
// each time up to 1 min; a minute to half an hour where the carrier needs longer; until the next probe, without jitter, where
// it refused our credentials.
func backoff(reason channel.Reason, attempts int) time.Duration {
	first, most := time.Second, time.Minute
	switch reason {
	case channel.ReasonCredentials: // the channel as a whole waits for its next probe, and no text longer than it
		return probeEvery
	case channel.ReasonRetry:
	default:
		first, most = time.Minute, 30*time.Minute
	}
	d := min(first<<min(max(attempts-1, 0), 16), most)
	return d/2 + rand.N(d/2+1)
}
