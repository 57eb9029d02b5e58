package livedesk

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// Texts in the hands of a worker that died, on a channel that sends nothing now (disabled, paused, in trouble): no claim finds
// them, for a closed channel's queue stands before them. They get their verdict all the same (I6).

const (
	// sweepEvery is how often each process looks for them, where there are such channels.
	sweepEvery = time.Minute
	// sweepClean is after how many looks that found nothing a channel is left alone while it stays closed: what another
	// process that hadn't heard of it claimed is due by then.
	sweepClean = 3
	// sweepMost is how many conversations of a channel are looked through, the latest activity first, where the Store can't
	// say how many texts there are to be found.
	sweepMost = 200
)

// sweeper is what this process knows of such channels.
type sweeper struct {
	mu    sync.Mutex
	last  time.Time      // by the store's clock
	clean map[Sender]int // looks in a row that found nothing
}

// begin reports at which of the closed channels to look now: at none before it is time. One that was open meanwhile is looked at
// anew.
func (s *sweeper) begin(closed map[Sender]bool, now time.Time) (due []Sender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.clean, func(sender Sender, _ int) bool { _, still := closed[sender]; return !still })
	if since := now.Sub(s.last); len(closed) == 0 || since >= 0 && since < sweepEvery {
		return nil
	}
	s.last = now
	for sender, probed := range closed {
		if probed || s.clean[sender] < sweepClean {
			due = append(due, sender)
		}
	}
	return due
}

func (s *sweeper) end(sender Sender, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clean == nil {
		s.clean = map[Sender]int{}
	}
	s.clean[sender]++
	if found {
		delete(s.clean, sender)
	}
}

// settleClosed gives verdicts on closed channels.
func (e *Engine) settleClosed(ctx context.Context) (settled int, err error) {
	for _, s := range e.sweeps.begin(e.closedChannels(), e.snap.seen()) {
		n, found, err := e.settleChannel(ctx, s)
		if err != nil {
			return settled, fmt.Errorf("verdicts of channel %s: %w", s.Channel, err)
		}
		settled += n
		e.sweeps.end(s, found)
	}
	return settled, nil
}

// closedChannels returns the channels of which claims take nothing, or, where the value says so, a probe now and then.
func (e *Engine) closedChannels() map[Sender]bool {
	snap, out := e.snap.load(), map[Sender]bool{}
	for _, s := range snap.closed {
		out[s] = false
	}
	e.healths.blocked(e.snap.seen(), func(key objectKey, probed bool) {
		if snap.channels[key] != nil {
			out[Sender{key.workspace, key.id}] = probed
		}
	})
	return out
}

// settleChannel settles what was lost on one channel: how many texts that were, and whether there are any that may be.
func (e *Engine) settleChannel(ctx context.Context, s Sender) (settled int, found bool, err error) {
	left, seen := math.MaxInt, 0
	w := textWalk{workspace: s.Workspace, channel: s.Channel, most: sweepMost}
	if store, ok := e.store.(MeasuredStore); ok {
		n, err := store.CountTexts(ctx, s.Workspace, s.Channel)
		// Unknown counts Posting too, see [DeliveryState.Counted]: a worker that died left its text in that.
		if err != nil || n.Unknown == 0 {
			return 0, false, err
		}
		left, w.most = n.Unknown, 0
	}
	err = e.walkTexts(ctx, w, func(texts []Message) (bool, error) {
		texts = slices.DeleteFunc(texts, func(m Message) bool { return m.Delivery.toSend() })
		n, err := e.settleLost(ctx, texts)
		settled += n
		seen += len(texts)
		return seen < left, err
	})
	return settled, seen > 0, err
}

// settleLost does with texts what a claim would, and returns how many changed.
func (e *Engine) settleLost(ctx context.Context, texts []Message) (int, error) {
	if len(texts) == 0 {
		return 0, nil
	}
	var u *unit
	err := e.update(ctx, func(ctx context.Context, tx Tx) error {
		u = newUnit(e, tx)
		keys, threads := make([]MessageKey, len(texts)), make([]ThreadKey, len(texts))
		for i, m := range texts {
			keys[i] = MessageKey{Workspace: m.Workspace, ID: m.ID}
			threads[i] = ThreadKey{Workspace: m.Workspace, Conversation: m.Conversation}
		}
		if _, _, err := u.load(ctx, threads); err != nil {
			return err
		}
		msgs, err := u.loadMessages(ctx, keys)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			if m != nil {
				u.settleLost(m)
			}
		}
		return u.finish(ctx)
	})
	if err != nil {
		return 0, err
	}
	e.committed(u)
	return len(u.deliveries), nil
}

// settleLost settles a text whose lease, or time for a verdict, is over.
func (u *unit) settleLost(m *Message) {
	d := m.Delivery
	if u.now.Before(d.Due) {
		return
	}
	switch d.State {
	case Posting:
		u.lost(m, "", "worker lost while posting")
	case Unknown:
		u.verdict(m, u.consentOf(m))
	default: // it was settled meanwhile
		return
	}
	d.Fence++
	u.deliver(m)
}
