package livedesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// What is in a carrier's list of texts that came in, and how it is taken in: from the oldest on, in slices that fit in
// memory, through the same take-in as webhooks and under the same keys, so that it makes no difference which of the two is
// first, or how often either comes.

const (
	gapPage  = 1000  // texts that one list asks for
	gapKeep  = 5000  // texts in memory
	gapMost  = 50000 // that a list asks for where more than gapPage came in within one second
	gapLeast = 25    // that it asks for where a list takes too long
	gapBatch = 100   // texts that wait together for their transaction, beside the webhooks'
	// gapList is how long one list may take.
	gapList = 90 * time.Second
)

// gap is a span of time in which texts may have been missed.
type gap struct {
	e            *Engine
	conn         *connectionInfo
	only         *channelInfo // whose texts are taken in; nil means all of the connection's channels
	since, until time.Time
	limit        int // of the next list
	// alive is called before each list, and done after each slice, with the time up to which nothing is missing.
	alive func(ctx context.Context) error
	done  func(ctx context.Context, good time.Time) error

	// ends are where slices end that wait for their turn, the oldest last: what was listed on the way to the oldest texts, and
	// forgotten.
	ends []time.Time

	found, fresh int
	failed       []error // of texts that could not be taken in although others could
	held         bool    // one of them is to be tried again: the mark stays before it
}

// left is why the gap isn't filled although all of it was listed; nil when it is.
func (g *gap) left() error {
	if len(g.failed) == 0 {
		return nil
	}
	return fmt.Errorf("%d texts could not be taken in, the first: %w", len(g.failed), g.failed[0])
}

// fill takes in what is missing, at most about so many texts, and reports whether that was all.
func (g *gap) fill(ctx context.Context, most int) (all bool, err error) {
	for g.since.Before(g.until) {
		if g.found >= most {
			return false, nil
		}
		texts, end, err := g.oldest(ctx)
		if err != nil {
			return false, err
		}
		if err := g.takeIn(ctx, texts); err != nil {
			return false, err
		}
		if g.since = end; g.held {
			continue
		}
		if err := g.done(ctx, end); err != nil {
			return false, err
		}
	}
	return true, nil
}

// oldest lists the first texts of the gap, the oldest first, and returns up to when they are all there are. Carriers list the
// newest first, so it goes back page by page, and forgets the newer ones where they are too many: their turn comes, from the
// ends that were noted on the way, so that no text is listed more than twice.
func (g *gap) oldest(ctx context.Context) (texts []sms.Listed, end time.Time, err error) {
	if len(g.ends) == 0 {
		g.ends = append(g.ends, g.until)
	}
	for upper := g.ends[len(g.ends)-1]; ; {
		list, err := g.list(ctx, upper)
		switch {
		case errors.Is(err, sms.ErrListTooLong):
			half := g.since.Add(upper.Sub(g.since) / 2).Truncate(time.Second)
			if !half.After(g.since) {
				return nil, g.since, err
			}
			texts, upper = nil, half
			g.ends = append(g.ends, half)
			continue
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && g.limit > gapLeast:
			g.limit = max(g.limit/4, gapLeast)
			continue
		case err != nil:
			return nil, g.since, err
		}
		if len(list) < g.limit {
			last := len(g.ends) - 1
			end, g.ends = g.ends[last], g.ends[:last]
			return inOrder(append(texts, list...)), end, nil
		}
		next := list[len(list)-1].Created.Add(time.Second)
		if !next.Before(upper) {
			if g.limit >= gapMost {
				return nil, g.since, fmt.Errorf("more than %d texts in one second: %w", gapMost, sms.ErrListTooLong)
			}
			g.limit *= 2
			continue
		}
		texts, upper = append(texts, list...), next
		if len(texts) > gapKeep {
			texts = nil
			g.ends = append(g.ends, next)
		}
	}
}

func (g *gap) list(ctx context.Context, upper time.Time) ([]sms.Listed, error) {
	if err := g.alive(ctx); err != nil {
		return nil, err
	}
	turn, err := g.e.listings.enter(ctx, g.conn)
	if err != nil {
		return nil, err
	}
	defer turn.leave()
	q := sms.ListQuery{Direction: sms.DirectionInbound, To: g.number(), Since: g.since, Until: upper, Limit: g.limit}
	return g.e.list(ctx, g.conn, q, gapList)
}

// number is the one number whose texts are wanted; empty where there are several, or a pool.
func (g *gap) number() channel.Address {
	only := g.only
	if only == nil && len(g.conn.channels) == 1 {
		only = g.conn.channels[0]
	}
	if only == nil || only.pool != "" {
		return ""
	}
	return only.number
}

// inOrder returns texts as they came in, each once: pages repeat some.
func inOrder(newestFirst []sms.Listed) (out []sms.Listed) {
	seen := map[string]bool{}
	for _, l := range slices.Backward(newestFirst) {
		if l.Inbound != nil && l.Inbound.ID != "" && !seen[l.Inbound.ID] {
			seen[l.Inbound.ID] = true
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b sms.Listed) int { return a.Created.Compare(b.Created) })
	return out
}

// takeIn takes texts in, in their order, together with what webhooks bring at the moment.
func (g *gap) takeIn(ctx context.Context, texts []sms.Listed) error {
	for slice := range slices.Chunk(texts, gapBatch) {
		var batch []arrival
		for _, l := range slice {
			in := *l.Inbound
			if in.At.IsZero() {
				in.At = l.Created
			}
			if ch := g.conn.channelOf(in); ch != nil && (g.only == nil || ch.channel.ID == g.only.channel.ID) {
				batch = append(batch, arrival{channel: ch, in: in, listed: &listed{}})
			}
		}
		if err := g.e.intake.joinAll(ctx, batch); err != nil && !g.others(ctx, batch) {
			return fmt.Errorf("take listed texts in: %w", err)
		}
		g.count(batch)
	}
	return nil
}

// others reports whether it is the fault of some texts alone that a batch didn't come in as a whole.
func (g *gap) others(ctx context.Context, batch []arrival) bool {
	if ctx.Err() != nil { // some are still on their way
		return false
	}
	failed := 0
	for _, a := range batch {
		failed += one(a.listed.err != nil)
	}
	return failed > 0 && failed < len(batch)
}

// count counts what became of a batch.
func (g *gap) count(batch []arrival) {
	for _, a := range batch {
		g.found++
		switch {
		case a.listed.err != nil:
			g.failed = append(g.failed, a.listed.err)
			g.held = g.held || !g.e.stuck.passedOver(a.key())
		case a.listed.fresh:
			g.fresh++
		}
	}
}

// told logs what a gap brought.
func (g *gap) told(ctx context.Context) {
	if g.fresh > 0 {
		g.e.log.LogAttrs(ctx, slog.LevelInfo, "texts that no webhook brought were taken in", slog.String("connection", g.conn.id),
			slog.Int("texts", g.fresh))
	}
}
