package sqlitestore

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// line is where Updates wait for the writer, first come, first served. One goroutine has the turn at a time.
type line struct {
	mu      sync.Mutex
	taken   bool
	waiting list.List // of *waiter
}

type waiter struct {
	turn  chan struct{} // closed when the turn is given
	given bool
}

// wait returns when the caller has the turn. The error is ctx's, [livedesk.ErrClosed], or one that wraps
// [livedesk.ErrBusy] when the line is full or the deadline passes; then the caller doesn't have the turn.
func (l *line) wait(ctx context.Context, limit int, deadline time.Time, closing <-chan struct{}) error {
	l.mu.Lock()
	if !l.taken {
		l.taken = true
		l.mu.Unlock()
		return nil
	}
	if l.waiting.Len() >= limit {
		l.mu.Unlock()
		return fmt.Errorf("sqlitestore: %d updates wait already: %w", limit, livedesk.ErrBusy)
	}
	w := &waiter{turn: make(chan struct{})}
	place := l.waiting.PushBack(w)
	l.mu.Unlock()
	return l.await(ctx, w, place, deadline, closing)
}

func (l *line) await(ctx context.Context, w *waiter, place *list.Element, deadline time.Time, closing <-chan struct{}) error {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	var err error
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-closing:
		err = livedesk.ErrClosed
	case <-timer.C:
		err = fmt.Errorf("sqlitestore: no turn to write in time: %w", livedesk.ErrBusy)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.given {
		return nil // the turn came just now: it must be used, or nobody else would get it
	}
	l.waiting.Remove(place)
	return err
}

// pass gives the turn to the next in line and reports whether there is one; if not, the caller keeps it.
func (l *line) pass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	front := l.waiting.Front()
	if front == nil {
		return false
	}
	w := l.waiting.Remove(front).(*waiter)
	w.given = true
	close(w.turn)
	return true
}

// leave gives the turn to the next in line, or to nobody.
func (l *line) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	front := l.waiting.Front()
	if front == nil {
		l.taken = false
		return
	}
	w := l.waiting.Remove(front).(*waiter)
	w.given = true
	close(w.turn)
}

// length returns how many wait.
func (l *line) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting.Len()
}
