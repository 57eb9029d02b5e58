package livedesk

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Hooks are told what happened, in the process that committed it, after the commit, one after the other; what one
// commit did in order, two commits of the same moment in either. They are for metrics, for waking the host's own screens and for small bots; a nil hook is off. They may
// call the engine. A hook that panics is recovered and logged. A slow one delays the other hooks and nothing else: when
// more than 4,096 calls wait, further ones are dropped and logged. What must not be missed is read from the store.
type Hooks struct {
	// Message is called for each new timeline entry: texts in and out, notes, activities.
	Message func(ctx context.Context, m Message)
	// Delivery is called when the state of an outgoing text changed after it was stored.
	Delivery func(ctx context.Context, m Message)
	// Conversation is called for each conversation that a commit made or changed.
	Conversation func(ctx context.Context, c Conversation)
	// ChannelHealth is called when a channel's [Health] Warning came or went, and when its State became another: paused or resumed by a person, credentials
	// refused, carrier unreachable, ok again; and when this process can't use a channel (driver missing, can't open),
	// in each process that finds out. Texts isn't counted. A change of [Channel] Disabled is not told.
	ChannelHealth func(ctx context.Context, h Health)
}

const maxHookCalls = 4096

// hookQueue calls hooks from one goroutine that lives only while there is something to call.
type hookQueue struct {
	hooks Hooks
	log   *slog.Logger

	mu      sync.Mutex
	calls   []func(context.Context)
	busy    bool
	dropped int
	done    int           // calls that returned
	idle    chan struct{} // closed when the goroutine ends; nil while none runs
}

func newHookQueue(h Hooks, log *slog.Logger) *hookQueue { return &hookQueue{hooks: h, log: log} }

// tell queues the calls for what a unit wrote, with the versions that are stored now. Where nobody listens nothing is
// copied.
func (q *hookQueue) tell(u *unit) {
	calls := callsFor(u.messages, q.hooks.Message)
	calls = append(calls, callsFor(u.deliveries, q.hooks.Delivery)...)
	if f := q.hooks.Conversation; f != nil {
		for _, c := range u.changes.Conversations {
			c.Version++
			calls = append(calls, func(ctx context.Context) { f(ctx, c) })
		}
	}
	q.queue(calls)
}

func callsFor(messages []*Message, f func(context.Context, Message)) (calls []func(context.Context)) {
	if f == nil {
		return nil
	}
	for _, m := range messages {
		stored := *m
		stored.Version++
		calls = append(calls, func(ctx context.Context) { f(ctx, stored) })
	}
	return calls
}

// tellHealth queues the call for a channel whose state became another.
func (q *hookQueue) tellHealth(h Health) {
	if f := q.hooks.ChannelHealth; f != nil {
		q.queue([]func(context.Context){func(ctx context.Context) { f(ctx, h) }})
	}
}

func (q *hookQueue) queue(calls []func(context.Context)) {
	if len(calls) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.calls)+len(calls) > maxHookCalls {
		if q.dropped == 0 {
			q.log.Warn("hooks are too slow, calls are dropped", slog.Int("waiting", len(q.calls)))
		}
		q.dropped += len(calls)
		return
	}
	q.calls = append(q.calls, calls...)
	if !q.busy {
		q.busy, q.idle = true, make(chan struct{})
		go q.work()
	}
}

func (q *hookQueue) work() {
	for {
		q.mu.Lock()
		if len(q.calls) == 0 {
			if q.dropped > 0 {
				q.log.Warn("hook calls were dropped", slog.Int("calls", q.dropped))
			}
			q.busy, q.dropped, q.calls = false, 0, nil
			close(q.idle)
			q.mu.Unlock()
			return
		}
		call := q.calls[0]
		q.calls = q.calls[1:]
		q.mu.Unlock()
		q.call(call)
		q.mu.Lock()
		q.done++
		q.mu.Unlock()
	}
}

func (q *hookQueue) call(f func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			q.log.Error("hook panicked", slog.Any("panic", r))
		}
	}()
	f(ctx)
}

// returned counts the hook calls that have returned.
func (q *hookQueue) returned() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.done
}

// wait returns when no hook call waits or runs, or ctx ends.
func (q *hookQueue) wait(ctx context.Context) error {
	q.mu.Lock()
	idle, busy := q.idle, q.busy
	q.mu.Unlock()
	if !busy {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
