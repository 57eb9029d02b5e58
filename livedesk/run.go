package livedesk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Run delivers texts, asks AI agents and does what is due, until ctx ends. Then it begins nothing new, finishes what is in flight for
// at most Config.DrainTimeout, and returns nil, or an error that says how much it left; nothing is lost then, it is
// taken over when its lease runs out. Any number of processes may run on one store; a second Run of the same engine
// returns an error at once. Run first asks a [CheckedStore] whether it is ready, and returns its error.
func (e *Engine) Run(ctx context.Context) error {
	if !e.running.CompareAndSwap(false, true) {
		return errors.New("livedesk: this engine is running already")
	}
	defer e.running.Store(false)
	if s, ok := e.store.(CheckedStore); ok {
		if err := s.Check(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("store is not ready: %w", err)
		}
	}
	e.backfills.begin()
	if err := e.configure(ctx); err != nil && ctx.Err() == nil { // the loop goes on trying
		e.logError("configuration was not read", err)
	}
	if err := e.lookAtOwn(ctx); err != nil && ctx.Err() == nil {
		e.logError("business hours of Config were not looked at", err)
	}
	// Work in flight outlives ctx, for as long as draining may take.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	w, c := e.newWorkers(), e.newCalls(false)
	var loops sync.WaitGroup
	loops.Go(func() {
		e.loop(ctx, "outbox", e.wakeOutbox, e.cfg.Poll, func() (int, error) { return w.round(ctx, work) })
	})
	loops.Go(func() {
		e.loop(ctx, "jobs", e.wakeJobs, e.cfg.Poll, func() (int, error) { return e.workJobs(ctx, work, c) })
	})
	loops.Go(func() {
		e.loop(ctx, "configuration", nil, e.cfg.Refresh, func() (int, error) { return 0, e.configure(ctx) })
	})
	loops.Go(func() {
		e.loop(ctx, "verdicts", nil, sweepEvery, func() (int, error) { return e.settleClosed(ctx) })
	})
	<-ctx.Done()
	return e.drain(w, c, &loops, stop)
}

func (e *Engine) drain(w *workers, c *calls, loops *sync.WaitGroup, stop context.CancelFunc) error {
	done := make(chan struct{})
	go func() {
		loops.Wait() // they may be about to start workers
		w.all.Wait()
		c.all.Wait()
		close(done)
	}()
	t := time.NewTimer(e.cfg.DrainTimeout)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-t.C:
		texts, turns := len(w.open), c.running()
		stop()
		return fmt.Errorf("livedesk: %d texts were still in flight after %s, and %d calls of the host's code", texts, e.cfg.DrainTimeout, turns)
	}
}

// longestPause is how long a loop waits at most before it tries again what failed: a store that is back must not be left
// alone for long.
const longestPause = 8 * time.Second

// loop calls round again at once while there is work, else when it is woken or every pause. After errors it waits
// longer, up to longestPause.
func (e *Engine) loop(ctx context.Context, name string, wake <-chan struct{}, pause time.Duration, round func() (int, error)) {
	failures := 0
	for ctx.Err() == nil {
		n, err := e.safely(name, round)
		if ctx.Err() == nil {
			e.loops.note(name, err)
		}
		wait := pause
		switch {
		case err != nil && ctx.Err() == nil:
			failures++
			e.logError("background work failed: "+name, err)
			wait = max(pause, min(pause<<min(failures, 8), longestPause))
		case n > 0:
			failures = 0
			continue
		default:
			failures = 0
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-t.C:
		}
		t.Stop()
	}
}

func (e *Engine) safely(name string, round func() (int, error)) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s panicked: %v", name, r)
		}
	}()
	return round()
}

// Settle works everything off that is due, until nothing is, and until every hook has returned; for tests of hosts.
// What becomes due later (a retry, a snooze, a sender's next second) is left. Beside a Run it doesn't wait for what
// that one has in hand.
func (e *Engine) Settle(ctx context.Context) error {
	w, c := e.newWorkers(), e.newCalls(true)
	for {
		told := e.hooks.returned()
		if err := e.snap.refresh(ctx); err != nil {
			return err
		}
		texts, err := w.round(ctx, ctx)
		w.all.Wait()
		if err != nil {
			return err
		}
		jobs, err := e.workJobs(ctx, ctx, c)
		c.all.Wait()
		if err != nil {
			return err
		}
		verdicts, err := e.settleClosed(ctx)
		if err != nil {
			return err
		}
		if err := e.hooks.wait(ctx); err != nil {
			return err
		}
		if texts+jobs+verdicts == 0 && e.hooks.returned() == told { // a hook may have left work
			return ctx.Err()
		}
	}
}
