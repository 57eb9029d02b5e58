package livedesk

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// EngineHealth is how one engine, in one process, is doing. It is for operators: Problem and Failing may name hosts and
// tables of the store.
type EngineHealth struct {
	// Running reports that Run is going, and hasn't finished to drain. An engine that isn't run takes webhooks in all the
	// same; others deliver.
	Running bool `json:"running"`
	// Ready reports that the store answers and, where it is a [CheckedStore], that it is of the right schema.
	Ready   bool   `json:"ready"`
	Problem string `json:"problem,omitempty"` // why it isn't ready
	// Failing are the loops of Run whose last round failed, by name ("outbox", "jobs", "configuration", "verdicts"), with the error.
	Failing map[string]string `json:"failing,omitempty"`
	// Channels counts the channels of all workspaces by state, as this process knows them; see [Desk.AllHealth].
	Channels map[HealthState]int `json:"channels"`
	Ignored  int64               `json:"ignored"` // as [Engine.Ignored]
	// Stuck are texts of customers that can't be stored although others can, as this process knows them, the oldest first.
	Stuck []StuckText `json:"stuck,omitempty"`
	// AIAgents are those of Config.AIAgents, by name.
	AIAgents []AIHealth `json:"ai_agents,omitempty"`
	// Jobs counts what is due and isn't done, of all workspaces, up to [MaxCounted] of each; nil when the Store can't count it,
	// see [MeasuredStore].
	Jobs *JobCounts `json:"jobs,omitempty"`
}

// readyTimeout is how long the store may take to show that it is there.
const readyTimeout = 2 * time.Second

// Health tells how the engine is doing. It asks the store and no carrier, and answers within a few seconds whatever the
// store does.
func (e *Engine) Health(ctx context.Context) EngineHealth {
	h := EngineHealth{
		Running: e.running.Load(), Failing: e.loops.failing(), Channels: map[HealthState]int{}, Ignored: e.ignored.Load(),
		AIAgents: e.aiHealth(), Stuck: e.stuck.list(e.snap.seen()),
	}
	err := e.storeReady(ctx)
	if err == nil {
		h.Jobs, err = e.countJobs(ctx)
	}
	if h.Ready = err == nil; !h.Ready {
		h.Problem = err.Error()
	}
	for _, ch := range e.snap.load().channels {
		h.Channels[ch.healthNow(e.healths.of(ch.key()), e.snap.seen()).State]++
	}
	return h
}

// storeReady asks the store whether it is there.
func (e *Engine) storeReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if s, ok := e.store.(CheckedStore); ok {
		if err := s.Check(ctx); err != nil {
			return fmt.Errorf("store is not ready: %w", err)
		}
	}
	err := e.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		_, err := tx.Objects(ctx, ObjectQuery{Kind: kindConnection, IDs: []string{"ready"}}) // there is none, but somebody looked
		return err
	})
	if err != nil {
		return fmt.Errorf("store doesn't answer: %w", err)
	}
	return nil
}

func (e *Engine) countJobs(ctx context.Context) (*JobCounts, error) {
	s, ok := e.store.(MeasuredStore)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	n, err := s.CountJobs(ctx, maxJobAttempts)
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	return &n, nil
}

// Liveness returns a handler that answers 204 as long as the process can answer at all. It depends on no provider and no
// database: a process whose database is away must not be killed for it, since it would be no better off afterwards.
func (e *Engine) Liveness() http.Handler {
	return probeHandler(func(context.Context) bool { return true })
}

// Readiness returns a handler that answers 204 while the engine can take webhooks in, and 503 while the store doesn't
// answer within 2 s or isn't of the right schema. Carriers don't count: with one of them away there is still work to do. It
// stays ready while Run drains, for then webhooks are still taken in. It asks the store once a second at most, whoever
// calls, and tells nothing: [Engine.Health] says why.
func (e *Engine) Readiness() http.Handler {
	g := &readyGate{limiter: rate.NewLimiter(rate.Every(time.Second), 1)}
	return probeHandler(func(ctx context.Context) bool { return g.ask(ctx, e.storeReady) })
}

// readyGate keeps the last answer for a second.
type readyGate struct {
	mu      sync.Mutex
	limiter *rate.Limiter
	ready   bool
}

func (g *readyGate) ask(ctx context.Context, ready func(context.Context) error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.limiter.Allow() {
		// Whoever asked first may hang up; the answer is for all.
		g.ready = ready(context.WithoutCancel(ctx)) == nil
	}
	return g.ready
}

func probeHandler(ok func(context.Context) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
		case ok(r.Context()):
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}

// loopStates keeps which of Run's loops fail.
type loopStates struct {
	mu   sync.Mutex
	errs map[string]string
}

// note keeps how a loop's last round ended.
func (l *loopStates) note(name string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		delete(l.errs, name)
		return
	}
	if l.errs == nil {
		l.errs = map[string]string{}
	}
	l.errs[name] = truncate(err.Error(), 500)
}

func (l *loopStates) failing() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.errs)
}
