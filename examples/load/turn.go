package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// turn is what one side did in one round.
type turn struct {
	done    int // units of work that were acknowledged
	failed  int
	first   error // of those that failed
	elapsed time.Duration
	delays  []time.Duration // of each unit, sorted; empty where a unit has none
	cpu     time.Duration   // of this process
	server  time.Duration   // of PostgreSQL's
	memory  int64           // bytes, at the end
}

// errSpent is the answer of work of which nothing is left; the turn ends early.
var errSpent = errors.New("nothing left to do")

// clocked does work and notes what it cost.
func (m meter) clocked(work func() turn) turn {
	start, cpu, server := time.Now(), m.cpu(), m.serverCPU()
	t := work()
	t.elapsed = time.Since(start)
	t.cpu, t.server, t.memory = m.cpu()-cpu, m.serverCPU()-server, m.memory()
	return t
}

// drive lets workers do unit after unit for a time. What is begun is finished.
func drive(ctx context.Context, workers int, d time.Duration, unit func(ctx context.Context, n uint64) error) turn {
	var next atomic.Uint64
	var mu sync.Mutex
	var all turn
	end := time.Now().Add(d)
	var crew sync.WaitGroup
	for range workers {
		crew.Go(func() {
			one := work(ctx, end, &next, unit)
			mu.Lock()
			defer mu.Unlock()
			all.done += one.done
			all.failed += one.failed
			all.first = errors.Join(all.first, one.first)
			all.delays = append(all.delays, one.delays...)
		})
	}
	crew.Wait()
	return all
}

// work is one worker's part of a turn.
func work(ctx context.Context, end time.Time, next *atomic.Uint64, unit func(ctx context.Context, n uint64) error) turn {
	var t turn
	for ctx.Err() == nil {
		start := time.Now()
		if !start.Before(end) && t.done+t.failed > 0 { // on a machine that stalls each worker does one unit all the same
			return t
		}
		switch err := unit(ctx, next.Add(1)-1); {
		case errors.Is(err, errSpent):
			return t
		case err != nil:
			t.failed++
			if t.first == nil {
				t.first = err
			}
		default:
			t.done++
			t.delays = append(t.delays, time.Since(start))
		}
	}
	return t
}

// rate is units per second.
func (t turn) rate() float64 {
	if t.elapsed <= 0 {
		return 0
	}
	return float64(t.done) / t.elapsed.Seconds()
}

// quantile is the delay that the share q of all units did not exceed.
func (t turn) quantile(q float64) time.Duration {
	if len(t.delays) == 0 {
		return 0
	}
	return t.delays[min(int(q*float64(len(t.delays))), len(t.delays)-1)]
}

// per1000 is the processor time of a thousand units, in seconds.
func (t turn) per1000(d time.Duration) float64 {
	if t.done == 0 {
		return 0
	}
	return d.Seconds() * 1000 / float64(t.done)
}

// median returns the middle one of what f says of each turn; of an even number the mean of both.
func median[T ~int64 | ~float64](turns []turn, f func(turn) T) T {
	if len(turns) == 0 {
		return 0
	}
	values := make([]T, len(turns))
	for i, t := range turns {
		values[i] = f(t)
	}
	slices.Sort(values)
	return middle(values)
}

// middle is the median of values in order.
func middle[T ~int64 | ~float64](sorted []T) T {
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
