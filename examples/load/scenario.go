package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// contest is one kind of work that both sides do in turn.
type contest interface {
	// turn does one side's work with so many workers for about d. What has to be prepared is prepared before the clock
	// starts.
	turn(ctx context.Context, to side, workers int, d time.Duration) (turn, error)
	// wrong counts what the desk acknowledged and then had not, or not as it should be, since the contest began.
	wrong(ctx context.Context) (int, error)
}

// scenario is a contest by its name.
type scenario struct {
	name     string
	about    string
	workers  []int   // where -workers doesn't say
	requests float64 // webhooks in one unit of work
	open     func(ctx context.Context, b *bench) (contest, error)
}

func scenarios() []scenario {
	usual := []int{4, 16, 64}
	return []scenario{
		{"known", "texts of customers with an open conversation; bare: one INSERT", usual, 1, openKnown},
		{"new", "texts of customers who never wrote before; bare: one INSERT", usual, 1, openNew},
		{"receipts", "status callbacks; bare: one UPDATE", usual, 1, openReceipts},
		{"outbound", "a backlog of texts to the carrier; bare: post, then one UPDATE", usual, 0, openOutbound},
		{"assignment", "a new conversation, its agent, its end; bare: one INSERT and one UPDATE", []int{8}, 1, openAssignment},
	}
}

func scenarioNames() (names []string) {
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

// measure plays every scenario that was asked for.
func (b *bench) measure(ctx context.Context, progress io.Writer) (report, error) {
	r := b.newReport(ctx)
	for _, s := range scenarios() {
		if !slices.Contains(b.scenarios, s.name) {
			continue
		}
		if b.workers != nil {
			s.workers = b.workers
		}
		results, err := b.play(ctx, s, r.Carrier, progress)
		r.Results = append(r.Results, results...)
		if err != nil {
			return r, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return r, nil
}

// play measures one scenario with each number of workers.
func (b *bench) play(ctx context.Context, s scenario, carrierCost float64, progress io.Writer) ([]result, error) {
	c, err := s.open(ctx, b)
	if err != nil {
		return nil, err
	}
	var out []result
	for _, workers := range s.workers {
		fmt.Fprintf(progress, "%s with %d workers\n", s.name, workers)
		turns, err := b.takeTurns(ctx, c, workers)
		if err != nil {
			return out, err
		}
		out = append(out, newResult(s, workers, turns, carrierCost*s.requests))
	}
	wrong, err := c.wrong(ctx)
	for i := range out {
		out[i].Wrong = wrong
	}
	return out, err
}

// takeTurns lets both sides work in turn: a round that doesn't count, and then those that do.
func (b *bench) takeTurns(ctx context.Context, c contest, workers int) (map[side][]turn, error) {
	turns := map[side][]turn{}
	for round := range b.rounds + 1 {
		for _, s := range []side{desk, bare} {
			if b.only != "" && b.only != s {
				continue
			}
			t, err := c.turn(ctx, s, workers, b.duration)
			if err := errors.Join(err, ctx.Err()); err != nil {
				return nil, fmt.Errorf("%s: %w", s, err)
			}
			if t.done == 0 {
				return nil, fmt.Errorf("%s did nothing: %w", s, errors.Join(t.first, errSpent))
			}
			if round > 0 {
				slices.Sort(t.delays)
				turns[s] = append(turns[s], t)
			}
		}
		if round == 0 {
			if err := b.db.analyze(ctx); err != nil {
				return nil, err
			}
		}
	}
	return turns, nil
}
