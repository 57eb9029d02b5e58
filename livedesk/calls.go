package livedesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// calls do what takes its time beside the loop of jobs, so many of a kind at the same time: the jobs that ask code of the
// host's, and those that ask a carrier.
type calls struct {
	e     *Engine
	slots map[string]chan struct{} // by kind of job: holds a token for each call that runs
	wait  bool                     // for a free slot
	all   sync.WaitGroup
}

// crowdedPause is when a job is looked at again for which no slot was free; other processes may have one.
const crowdedPause = time.Second

// maxAsking is how many carriers' lists a process asks for at the same time.
const maxAsking = 8

// newCalls makes calls that wait for a free slot, or put back what finds none.
func (e *Engine) newCalls(wait bool) *calls {
	return &calls{e: e, wait: wait, slots: map[string]chan struct{}{
		jobTurn: make(chan struct{}, e.cfg.AIWorkers), jobMeet: make(chan struct{}, maxLookups),
		jobUnknown: make(chan struct{}, maxAsking), jobBackfill: make(chan struct{}, maxAsking),
	}}
}

// running is how many slots are in use.
func (c *calls) running() (n int) {
	for _, s := range c.slots {
		n += len(s)
	}
	return n
}

// start does a job that asks code of the host's, if there is a slot.
func (c *calls) start(ctx context.Context, j Job) bool {
	do := c.e.takeTurn
	if j.Kind == jobMeet {
		do = c.e.lookUp
	}
	return c.beside(ctx, j.Kind, func(hosts *sync.WaitGroup) {
		_, err := c.e.safely("job "+j.Kind, func() (int, error) { return 0, do(ctx, hosts, j) })
		c.e.ended(ctx, err, j)
	})
}

// beside runs do in a goroutine of its own if there is a slot of the kind, which is free again when the code of the host's
// that do leaves to hosts has returned too.
func (c *calls) beside(ctx context.Context, kind string, do func(hosts *sync.WaitGroup)) bool {
	slots := c.slots[kind]
	select {
	case slots <- struct{}{}:
	default:
		if !c.wait {
			return false
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return false
		}
	}
	c.all.Go(func() {
		var hosts sync.WaitGroup
		defer func() {
			go func() {
				hosts.Wait()
				<-slots
				signal(c.e.wakeJobs)
			}()
		}()
		do(&hosts)
	})
	return true
}

// tooCrowded reports whether a job has waited for a slot for so long that it is done without the host's code.
func (e *Engine) tooCrowded(j Job, now time.Time) bool {
	if j.Kind == jobMeet {
		return j.Attempts > lookupTries
	}
	var s turnSubject
	return json.Unmarshal([]byte(j.Subject), &s) == nil && !now.Before(s.Since.Add(defaultAITimeout))
}

// unserved does a job without the host's code.
func (e *Engine) unserved(ctx context.Context, j Job) error {
	if j.Kind == jobMeet {
		return e.unasked(ctx, j)
	}
	return e.giveUpTurn(ctx, j)
}

// putBack leaves jobs that were claimed at now to whoever has a slot for them in a moment.
func (e *Engine) putBack(ctx context.Context, now time.Time, jobs []Job) error {
	if len(jobs) == 0 {
		return nil
	}
	err := e.update(ctx, func(ctx context.Context, tx Tx) error {
		var c Changes
		for _, j := range jobs {
			c.Jobs = append(c.Jobs, JobChange{Job: moved(j, now.Add(crowdedPause))})
		}
		return tx.Apply(ctx, c)
	})
	if err != nil {
		return fmt.Errorf("put jobs back: %w", err)
	}
	return nil
}

// asked runs a call of the host's code and returns its result, or why there is none: it panicked, or ctx ended first. Then
// the call is left to itself; hosts waits for it.
func asked[T any](ctx context.Context, log *slog.Logger, hosts *sync.WaitGroup, what string, f func() (T, error)) (out T, why string) {
	type result struct {
		out T
		err error
		why string
	}
	done := make(chan result, 1)
	hosts.Go(func() {
		r := result{why: "panic"}
		defer func() {
			if p := recover(); p != nil {
				log.Error(what+" panicked", slog.Any("panic", p))
			}
			done <- r
		}()
		r.out, r.err = f()
		r.why = ""
	})
	select {
	case r := <-done:
		switch {
		case r.why != "":
		case ctx.Err() != nil: // it noticed in time, and came too late all the same
			r.why = "timeout"
		case errors.Is(r.err, ErrTurnOver):
			r.why = "over"
		case r.err != nil:
			log.Warn(what+" failed", slog.Any("error", r.err))
			r.why = "error"
		}
		return r.out, r.why
	case <-ctx.Done():
		return out, "timeout"
	}
}
