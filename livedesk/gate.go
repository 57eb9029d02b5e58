package livedesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// The last gate before the first byte. One transaction finds texts that are due, with their threads locked, and decides
// about each: whether it may go, and then its attempt is written down before any byte leaves; or what becomes of it.

// attempt is a text that passed the gate: its attempt is committed, bytes may leave.
type attempt struct {
	m       Message // as stored
	channel *channelInfo
	to      channel.Address
	at      time.Time // when it was decided, by this machine's clock
	now     time.Time // the same by the store's
	// left is how long the text may still wait, by the store's clock; zero for without end.
	left time.Duration
}

// since returns the time by the store's clock, counted on from the gate by this machine's.
func (a *attempt) since() time.Time { return micro(a.now.Add(time.Since(a.at))) }

// claimed is what one claim brought.
type claimed struct {
	texts    int        // texts that it did something about
	attempts []*attempt // those of them that may go
	probed   bool       // the time of a channel's next probe was moved, or is another one than this process knew
	strange  []Message  // those of a channel that this process doesn't know, leased for a moment
	budgets  []Budget   // of their senders
	flooded  []Sender   // whose budget of first replies is used up
	now      time.Time
}

// strangeLease is how long a text of an unknown channel is kept while the configuration is read.
const strangeLease = time.Second

// claim takes texts that are due through the gate, at most limit, and none of the senders that are passed over.
func (e *Engine) claim(ctx context.Context, limit int, passed map[Sender]bool) (claimed, error) {
	snap := e.snap.load()
	for {
		var out claimed
		var u *unit
		guess, allowed := e.allowances(snap)
		for s := range passed {
			allowed[s] = 0
		}
		err := e.update(ctx, func(ctx context.Context, tx Tx) (err error) {
			u = newUnit(e, tx)
			u.snap = snap
			if out, err = u.claim(ctx, Claim{Limit: limit, PerSender: firstClaim, Senders: allowed}); err != nil {
				return err
			}
			return u.finish(ctx)
		})
		if err != nil {
			return claimed{}, fmt.Errorf("claim texts: %w", err)
		}
		e.committed(u)
		for _, a := range out.attempts {
			a.m.Version++ // as it is stored
		}
		e.limits.learn(out)
		if out.probed {
			if err := e.snap.refresh(ctx); err != nil {
				return out, err
			}
		}
		e.settleStrange(ctx, out.strange)
		for _, s := range out.flooded {
			e.flooded(ctx, s, out.now)
		}
		// The store's clock went further than this one: what seemed to have to wait may be due.
		if out.texts > 0 || guess.IsZero() || out.now.Sub(guess) < clockSlack {
			return out, nil
		}
	}
}

// claim decides about texts that are due.
func (u *unit) claim(ctx context.Context, c Claim) (claimed, error) {
	due, err := u.tx.Claim(ctx, c)
	if err != nil {
		return claimed{}, err
	}
	u.begun()
	budgets, err := u.loadBudgets(ctx, due)
	if err != nil {
		return claimed{}, err
	}
	out, at := claimed{now: u.now}, time.Now()
	probes := map[Sender]bool{} // of channels in trouble: whether this transaction may try
	for i := range due {
		m := &due[i].Message
		ch := u.snap.channels[objectKey{m.Workspace, m.Channel}]
		if s := budgets[Sender{m.Workspace, m.Channel}]; s != nil && m.Delivery.toSend() && !s.allows(u.now) {
			continue // stays as it is, for whoever has budget
		}
		var first *spending
		if ch != nil && m.Delivery.toSend() {
			first = firstBudget(budgets, m, ch)
			if away, err := u.turnedAway(ctx, m, due[i], ch, first); err != nil {
				return claimed{}, err
			} else if away {
				out.texts++
				if m.withheldFirst() {
					out.flooded = append(out.flooded, ch.sender())
				}
				u.deliver(m)
				continue
			}
			if held, err := u.held(ctx, ch, probes); err != nil {
				return claimed{}, err
			} else if held {
				continue // likewise
			}
		}
		out.texts++
		m.Delivery.Fence++
		switch {
		case m.Delivery.State == Posting: // its worker died between the first byte and the answer
			u.lost(m, "", "worker lost while posting")
		case m.Delivery.State == Unknown: // and nothing was heard in time
			u.verdict(m, due[i].Thread.Consent)
		case ch == nil:
			m.Delivery.Due = u.now.Add(strangeLease)
			out.strange = append(out.strange, *m)
		case u.passes(m, ch):
			a := &attempt{m: *m, channel: ch, to: due[i].Contact.Address, at: at, now: u.now}
			if !m.Delivery.Expires.IsZero() {
				a.left = m.Delivery.Expires.Sub(u.now)
			}
			if s := budgets[ch.sender()]; s != nil {
				s.spend(u.now, m.Delivery.Segments)
			}
			if first != nil {
				first.spend(u.now, 1)
			}
			out.attempts = append(out.attempts, a)
		}
		u.deliver(m)
	}
	out.probed = len(probes) > 0
	for _, s := range budgets {
		if s.changed {
			u.budgets = append(u.budgets, s.Budget)
		}
		if s.most == 0 { // else it is none of a sender's
			out.budgets = append(out.budgets, s.Budget)
		}
	}
	return out, nil
}

// turnedAway decides about a text that is not to be tried now, or not at all, and reports whether it is one. It comes before the
// channel's health is asked, so that none of them uses up a probe.
func (u *unit) turnedAway(ctx context.Context, m *Message, due DueText, ch *channelInfo, first *spending) (bool, error) {
	d := m.Delivery
	switch {
	case m.At.Before(ch.since): // of an earlier life of the channel
		d.cancel(u.now, channel.ReasonConfig)
		return true, nil
	case due.Thread.Consent.OptedOut && !m.confirmsOptOut():
		d.cancel(u.now, channel.ReasonOptOut)
		return true, nil
	case !d.Expires.IsZero() && !u.now.Before(d.Expires):
		d.cancel(u.now, channel.ReasonExpired)
		return true, nil
	case first != nil && !first.allows(u.now):
		d.withhold(u.now, noFirstReplies)
		return true, nil
	}
	end, quiet, err := u.quietAtGate(ctx, m, due.Contact, ch)
	if quiet {
		u.waitOutQuiet(m, end)
	}
	return quiet, err
}

// passes is the gate: it writes an attempt down, or puts the text off where this process can't send it.
func (u *unit) passes(m *Message, ch *channelInfo) bool {
	if ch.conn == nil || ch.conn.account == nil {
		u.fail(m, &sms.SendError{Provider: "livedesk", Reason: channel.ReasonRetryLater, After: time.Minute, Err: ErrChannelClosed})
		return false
	}
	m.Delivery.begin(u.now, u.e.cfg.Lease)
	return true
}

// settleStrange finds out about channels that this process didn't know: one that another process added is known from now
// on, and the texts of one that was removed are canceled.
func (e *Engine) settleStrange(ctx context.Context, strange []Message) {
	var answers []*answer
	for _, m := range strange {
		if _, err := e.snap.channel(ctx, m.Workspace, m.Channel); errors.Is(err, ErrNotFound) {
			answers = append(answers, &answer{m: m, cancel: channel.ReasonConfig})
		}
	}
	if err := e.answers.joinAll(ctx, answers); err != nil {
		e.logError("texts of a removed channel were left", err, slog.Int("texts", len(answers)))
	}
}
