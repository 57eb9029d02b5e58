package livedesk

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// The outbox: texts that are due pass the last gate in one transaction (gate.go), are posted without any transaction being
// open, and the answer is stored in another (answers.go). What a worker that died had in hand comes back when its lease
// runs out, as unknown.

// gateToByte is how much time may pass between the gate and the first byte: a worker that slept longer has lost.
const gateToByte = 2 * time.Second

// post hands a text whose attempt was written down to its carrier, and returns what is to be stored of it.
func (e *Engine) post(ctx context.Context, a *attempt) *answer {
	out := &answer{m: a.m, of: a}
	if time.Since(a.at) > gateToByte {
		out.err = &sms.SendError{Provider: "livedesk", Reason: channel.ReasonRetry, Err: errors.New("worker slept before the first byte")}
	} else {
		out.accepted, out.err = e.send(ctx, a)
	}
	e.heard(ctx, a.channel, a.now, out.err)
	return out
}

// send hands one text to the carrier. A panic of the adapter leaves the outcome unknown.
func (e *Engine) send(ctx context.Context, a *attempt) (accepted channel.Accepted, err error) {
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("provider panicked", slog.Any("panic", r), slog.String("message", a.m.ID))
			err = errors.New("provider panicked")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Lease/2) // well before anybody else may look at it
	defer cancel()
	out := channel.Outbound{
		Before: a.at.Add(gateToByte),
		Ref:    a.m.ID, From: a.channel.number, Pool: a.channel.pool, To: a.to, Text: a.m.Text,
	}
	if a.left > 0 { // the carrier's clock and this machine's are not the store's: hand over what is left
		out.Expires = a.at.Add(a.left)
	}
	for _, f := range a.m.Media {
		out.Media = append(out.Media, f.URL)
	}
	if accepted, err = a.channel.conn.account.Send(ctx, out); err == nil && accepted.ID == "" {
		err = errors.New("provider gave no message id")
	}
	return accepted, err
}

// workers post texts, at most as many at a time as Config.Workers. A worker is free again as soon as the carrier has
// answered: the answer is stored together with others', while the worker has the next text in hand.
type workers struct {
	e       *Engine
	busy    chan struct{} // texts in their carriers' hands
	open    chan struct{} // these, and those whose answers are being stored
	all     sync.WaitGroup
	backlog atomic.Bool // the last claim came back full

	full   int             // how many claims in a row came back full
	filled map[Sender]bool // who filled them
	looked time.Time       // when a claim that passed over these last found nobody else
}

// fairAfter is how many full claims in a row are followed by one that passes over whoever filled them: a workspace with
// thousands of texts, on one channel or on many, delays others by so many claims and no more, and so does a channel within
// its workspace.
const fairAfter = 3

// fairEvery is how long such a claim that found nobody else isn't repeated: with a carrier that is quick there are hundreds
// of claims in a second.
const fairEvery = 100 * time.Millisecond

// gather is how long a claim waits for more workers to be free while there is a backlog: a larger batch is worth it.
const gather = 3 * time.Millisecond

// newWorkers lets as many answers wait for the store as there are workers: one that is slower than the carrier stops the
// claims then, and a process that dies leaves no more than twice as many texts whose outcome isn't known.
func (e *Engine) newWorkers() *workers {
	n := e.cfg.Workers
	return &workers{e: e, busy: make(chan struct{}, n), open: make(chan struct{}, max(n, min(2*n, maxWaiting)))}
}

// round claims once, as many texts as there are free workers, and starts those that may go. It returns how many texts it
// did something about.
func (w *workers) round(ctx, work context.Context) (int, error) {
	if w.backlog.Load() {
		w.gather(ctx)
	}
	n := w.free()
	if n == 0 || ctx.Err() != nil {
		return 0, nil
	}
	out, err := w.claim(ctx, n)
	w.backlog.Store(out.texts == n)
	for _, a := range out.attempts {
		w.open <- struct{}{}
		w.busy <- struct{}{}
		w.all.Go(func() { w.work(work, a) })
	}
	return out.texts, err
}

// gather waits until half of the workers are free, or for a moment.
func (w *workers) gather(ctx context.Context) {
	over := time.NewTimer(gather)
	defer over.Stop()
	for w.free() < cap(w.busy)/2 {
		select {
		case <-w.e.wakeOutbox: // the claim that follows is what it asks for
		case <-over.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// claim claims for n workers. Claims take what is due longest, so who has much that is due would fill all of them.
func (w *workers) claim(ctx context.Context, n int) (claimed, error) {
	if w.full >= fairAfter && time.Since(w.looked) >= fairEvery {
		turns := w.turns()
		w.full, w.filled = 0, nil
		for _, passed := range turns {
			if out, err := w.e.claim(ctx, n, passed); err != nil || out.texts > 0 {
				return out, err
			}
		}
		w.looked = time.Now()
	}
	out, err := w.e.claim(ctx, n, nil)
	if err != nil || out.texts < n {
		w.full, w.filled = 0, nil
		return out, err
	}
	w.full++
	if w.filled == nil {
		w.filled = map[Sender]bool{}
	}
	for _, a := range out.attempts {
		w.filled[a.channel.sender()] = true
	}
	return out, nil
}

// turns returns who is to be passed over: first all senders of the workspaces that filled the last claims, so that others
// get their turn, and if there are none, the senders that did.
func (w *workers) turns() []map[Sender]bool {
	crowds, wide, others := map[string]bool{}, map[Sender]bool{}, false
	for s := range w.filled {
		crowds[s.Workspace] = true
	}
	for key, ch := range w.e.snap.load().channels {
		if crowds[key.workspace] {
			wide[ch.sender()] = true
		} else {
			others = true
		}
	}
	switch {
	case !others:
		return []map[Sender]bool{w.filled}
	case len(wide) <= len(w.filled): // they are the same
		return []map[Sender]bool{wide}
	}
	return []map[Sender]bool{wide, w.filled}
}

func (w *workers) free() int { return min(cap(w.busy)-len(w.busy), cap(w.open)-len(w.open)) }

func (w *workers) work(ctx context.Context, a *attempt) {
	defer func() {
		<-w.open
		w.next()
	}()
	out := w.post(ctx, a)
	if err := w.e.answers.join(context.WithoutCancel(ctx), out); err != nil {
		w.e.logError("text was left to its lease", err, slog.String("message", a.m.ID))
	}
}

// post has a worker busy for as long as the carrier has the text in hand.
func (w *workers) post(ctx context.Context, a *attempt) *answer {
	defer func() {
		<-w.busy
		w.next()
	}()
	return w.e.post(ctx, a)
}

// next lets the loop claim again, if there was more than the last claim took. What an answer makes due is told when that
// is stored.
func (w *workers) next() {
	if w.backlog.Load() {
		signal(w.e.wakeOutbox)
	}
}
