package livedesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// The outbox: texts are claimed in batches by lease, pass the last gate, are posted without any transaction being open,
// and the answer is stored. What a worker that died had in hand comes back when its lease runs out: as it was when
// nothing had left, as unknown when an attempt was begun.

// gateToByte is how much time may pass between the gate and the first byte: a worker that slept longer has lost.
const gateToByte = 2 * time.Second

// claim leases texts that are due, at most limit.
func (e *Engine) claim(ctx context.Context, limit int) ([]Message, time.Time, error) {
	var msgs []Message
	var now time.Time
	snap := e.snap.load()
	err := retry(ctx, func() error {
		return e.store.Update(ctx, func(ctx context.Context, tx Tx) error {
			now = tx.Now()
			var err error
			msgs, err = tx.Claim(ctx, Claim{
				Limit: limit, Lease: e.cfg.Lease, PerSender: firstClaim, Senders: e.budgets(now, snap),
			})
			return err
		})
	})
	if err != nil {
		return nil, now, fmt.Errorf("claim texts: %w", err)
	}
	return msgs, now, nil
}

// work does what a claimed text needs next: one that is open to go is posted, the others get their answer.
func (e *Engine) work(ctx context.Context, m Message, pass *gatePass, now time.Time) error {
	switch {
	case m.Delivery.State == Posting: // its worker died between the first byte and the answer
		return e.answers.join(ctx, &answer{m: m, err: errWorkerLost})
	case m.Delivery.State != Claimed: // unknown, and nothing was heard in time
		return e.answers.join(ctx, &answer{m: m, giveUp: true})
	case !pass.open:
		return nil
	}
	a := &answer{m: pass.m}
	if time.Since(pass.at) > gateToByte {
		a.err = &sms.SendError{Provider: "livedesk", Reason: channel.ReasonRetry, Err: errors.New("worker slept before the first byte")}
	} else {
		a.accepted, a.err = e.post(ctx, pass.channel, pass)
	}
	e.heard(ctx, pass.channel, now, a.err)
	return e.answers.join(context.WithoutCancel(ctx), a)
}

var errWorkerLost = errors.New("worker lost while posting")

// ready returns what a claimed text needs at the gate, or why it can't go there.
func (e *Engine) ready(ctx context.Context, m Message, now time.Time) (*gatePass, *answer) {
	ch, err := e.snap.channel(ctx, m.Workspace, m.Channel)
	switch {
	case errors.Is(err, ErrNotFound): // removed for good
		return nil, &answer{m: m, cancel: channel.ReasonConfig}
	case err != nil:
		return nil, &answer{m: m, putOff: time.Second}
	case ch.conn == nil || ch.conn.account == nil:
		return nil, &answer{m: m, err: &sms.SendError{Provider: "livedesk", Reason: channel.ReasonRetryLater,
			After: time.Minute, Err: ErrChannelClosed}}
	}
	if m.At.Before(ch.since) { // of an earlier life of the channel
		return nil, &answer{m: m, cancel: channel.ReasonConfig}
	}
	if wait := e.limits.take(ch, now, m.Delivery.Segments); wait > 0 {
		return nil, &answer{m: m, putOff: wait}
	}
	if wait := e.held(ctx, ch, now); wait > 0 {
		return nil, &answer{m: m, putOff: wait}
	}
	return &gatePass{m: m, channel: ch}, nil
}

// post hands one text to the carrier. A panic of the adapter leaves the outcome unknown.
func (e *Engine) post(ctx context.Context, ch *channelInfo, p *gatePass) (a channel.Accepted, err error) {
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("provider panicked", slog.Any("panic", r), slog.String("message", p.m.ID))
			err = errors.New("provider panicked")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Lease/2) // well before anybody else may look at it
	defer cancel()
	out := channel.Outbound{
		Ref: p.m.ID, From: ch.number, Pool: ch.pool, To: p.to, Text: p.m.Text,
	}
	if p.left > 0 { // the carrier's clock and this machine's are not the store's: hand over what is left
		out.Expires = p.at.Add(p.left)
	}
	for _, f := range p.m.Media {
		out.Media = append(out.Media, f.URL)
	}
	if a, err = ch.conn.account.Send(ctx, out); err == nil && a.ID == "" {
		err = errors.New("provider gave no message id")
	}
	return a, err
}

// gatePass is one text at the last gate before its first byte.
type gatePass struct {
	m       Message // as claimed; as stored once the gate is open
	channel *channelInfo
	to      channel.Address
	passed  bool      // decided, not yet committed
	open    bool      // the attempt is committed: bytes may leave
	at      time.Time // when it was decided, by this machine's clock
	// left is how long the text may still wait, by the store's clock; zero for without end.
	left time.Duration
}

// passGate writes attempts down, for those texts that may still be sent: claimed by the same worker, not expired, to
// somebody who has not opted out. After this commit bytes may leave.
func (e *Engine) passGate(ctx context.Context, batch []*gatePass) error {
	var u *unit
	var at time.Time
	err := e.store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, at = newUnit(e, tx), time.Now()
		threads, msgs, err := u.lockForDelivery(ctx, func(i int) Message { return batch[i].m }, len(batch))
		if err != nil {
			return err
		}
		for i, p := range batch {
			p.passed = false
			m := msgs[i]
			if m == nil || threads[i] == nil || m.Delivery.State != Claimed || m.Delivery.Fence != p.m.Delivery.Fence {
				continue // somebody else has it, or it was taken back
			}
			u.decideGate(p, threads[i], m)
		}
		return u.finish(ctx)
	})
	if err != nil {
		return err
	}
	for _, p := range batch {
		p.at, p.open = at, p.passed
	}
	e.committed(u)
	return nil
}

func (u *unit) decideGate(p *gatePass, t *thread, m *Message) {
	d := m.Delivery
	switch {
	case t.row.Consent.OptedOut && m.Class != ClassConfirmation:
		d.cancel(u.now, channel.ReasonOptOut)
	case !d.Expires.IsZero() && !u.now.Before(d.Expires):
		d.cancel(u.now, channel.ReasonExpired)
	default:
		d.begin(u.now, u.e.cfg.Lease)
		p.passed, p.to = true, t.contact.Address
		if !d.Expires.IsZero() {
			p.left = d.Expires.Sub(u.now)
		}
	}
	u.deliver(m)
	p.m = *m
}

// lockForDelivery locks the threads, then the messages, of a batch.
func (u *unit) lockForDelivery(ctx context.Context, of func(int) Message, n int) ([]*thread, []*Message, error) {
	threadKeys, keys := make([]ThreadKey, n), make([]MessageKey, n)
	for i := range n {
		m := of(i)
		threadKeys[i] = ThreadKey{Workspace: m.Workspace, Conversation: m.Conversation}
		keys[i] = MessageKey{Workspace: m.Workspace, ID: m.ID}
	}
	threads, _, err := u.load(ctx, threadKeys)
	if err != nil {
		return nil, nil, err
	}
	msgs, err := u.loadMessages(ctx, keys)
	return threads, msgs, err
}

// answer is what became of a claimed text.
type answer struct {
	m        Message
	accepted channel.Accepted
	err      error
	putOff   time.Duration // not tried: the sender's budget is spent
	giveUp   bool          // unknown for too long
	cancel   channel.Reason
}

// storeAnswers writes what became of a batch of texts.
func (e *Engine) storeAnswers(ctx context.Context, batch []*answer) error {
	var u *unit
	err := e.store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u = newUnit(e, tx)
		var teach []ThreadKey
		keys := make([]MessageKey, len(batch))
		for i, a := range batch {
			keys[i] = MessageKey{Workspace: a.m.Workspace, ID: a.m.ID}
			if sms.ReasonOf(a.err) == channel.ReasonOptOut {
				teach = append(teach, ThreadKey{Workspace: a.m.Workspace, Conversation: a.m.Conversation})
			}
		}
		if _, _, err := u.load(ctx, teach); err != nil {
			return err
		}
		msgs, err := u.loadMessages(ctx, keys)
		if err != nil {
			return err
		}
		for i, a := range batch {
			if m := msgs[i]; m != nil {
				u.answer(m, a)
			}
		}
		return u.finish(ctx)
	})
	if err != nil {
		return err
	}
	e.committed(u)
	signal(e.wakeOutbox) // the next text of the conversation may go
	return nil
}

// answer decides what an answer does to a text.
func (u *unit) answer(m *Message, a *answer) {
	d := m.Delivery
	mine := d.Fence == a.m.Delivery.Fence
	switch {
	case a.accepted.ID != "" && a.err == nil: // counts even when it comes late
		if m.ProviderID == "" {
			m.ProviderID = a.accepted.ID
		}
		d.accept(u.now, a.accepted)
	case !mine || d.State.rank() > 0: // somebody else has it, or a receipt was faster
		return
	case a.putOff > 0:
		d.State, d.Due = Queued, u.now.Add(a.putOff)
	case a.giveUp:
		d.giveUp(u.now)
	case a.cancel != "":
		d.cancel(u.now, a.cancel)
	case !d.Expires.IsZero() && !u.now.Before(d.Expires) && notSent(a.err):
		d.cancel(u.now, channel.ReasonExpired)
	default:
		u.fail(m, a)
	}
	u.deliver(m)
}

// fail decides by the reason of a send that was not accepted.
func (u *unit) fail(m *Message, a *answer) {
	d, reason := m.Delivery, sms.ReasonOf(a.err)
	code, detail := "", truncate(a.err.Error(), 200)
	if e, ok := errors.AsType[*sms.SendError](a.err); ok {
		code = e.Code
	}
	switch {
	case notSent(a.err):
		due := u.now.Add(backoff(reason, d.Attempts))
		if after, ok := sms.RetryAfter(a.err); ok {
			due = u.now.Add(min(after, time.Hour))
		}
		if !d.Expires.IsZero() && due.After(d.Expires) {
			due = d.Expires // the gate takes it back then
		}
		d.putBack(u.now, due, code, reason, detail)
	case reason.Final():
		d.refuse(u.now, code, reason, detail)
		if reason == channel.ReasonOptOut {
			u.learnOptOut(m, "carrier")
		}
	default:
		d.lose(u.now, u.e.cfg.VerdictAfter, code, detail)
	}
}

// notSent reports whether a send is known not to have happened, so that it may be tried again.
func notSent(err error) bool {
	switch sms.ReasonOf(err) {
	case channel.ReasonRetry, channel.ReasonRetryLater, channel.ReasonCredentials:
		return true
	}
	return false
}

// backoff is how long to wait before a text that is known not to have left is tried again, with jitter: 1 s, doubled
// each time up to 1 min; a minute to half an hour where the carrier needs longer; until the next probe, without jitter, where
// it refused our credentials.
func backoff(reason channel.Reason, attempts int) time.Duration {
	first, most := time.Second, time.Minute
	switch reason {
	case channel.ReasonCredentials: // the channel as a whole waits for its next probe, and no text longer than it
		return probeEvery
	case channel.ReasonRetry:
	default:
		first, most = time.Minute, 30*time.Minute
	}
	d := min(first<<min(max(attempts-1, 0), 16), most)
	return d/2 + rand.N(d/2+1)
}

// workers post claimed texts, at most as many at a time as Config.Workers.
type workers struct {
	e       *Engine
	busy    chan struct{}
	all     sync.WaitGroup
	backlog bool // the last claim came back full
}

// gather is how long a claim waits for more workers to be free while there is a backlog: a larger batch is worth it.
const gather = 3 * time.Millisecond

func (e *Engine) newWorkers() *workers {
	return &workers{e: e, busy: make(chan struct{}, e.cfg.Workers)}
}

// round claims once, as many texts as there are free workers, and starts them. It returns how many.
func (w *workers) round(ctx, work context.Context) (int, error) {
	if w.backlog && w.free() < cap(w.busy)/2 {
		select {
		case <-time.After(gather):
		case <-ctx.Done():
			return 0, nil
		}
	}
	n := w.free()
	if n == 0 {
		return 0, nil
	}
	msgs, now, err := w.e.claim(ctx, n)
	w.backlog = len(msgs) == n
	if len(msgs) > 0 {
		for range msgs {
			w.busy <- struct{}{}
		}
		w.all.Go(func() { w.start(work, msgs, now) })
	}
	return len(msgs), err
}

func (w *workers) free() int { return cap(w.busy) - len(w.busy) }

// start takes claimed texts through the gate together, then works each off on its own.
func (w *workers) start(ctx context.Context, msgs []Message, now time.Time) {
	passes := make([]*gatePass, len(msgs))
	var waiting []*gatePass
	var answers []*answer
	for i, m := range msgs {
		if m.Delivery.State != Claimed {
			continue
		}
		pass, refusal := w.e.ready(ctx, m, now)
		if refusal != nil {
			answers, pass = append(answers, refusal), &gatePass{}
		} else {
			waiting = append(waiting, pass)
		}
		passes[i] = pass
	}
	err := errors.Join(w.e.gate.joinAll(ctx, waiting), w.e.answers.joinAll(ctx, answers))
	if err != nil {
		w.e.logError("texts were left to their lease", err, slog.Int("texts", len(waiting)+len(answers)))
	}
	for i, m := range msgs {
		w.all.Go(func() {
			defer func() {
				<-w.busy
				signal(w.e.wakeOutbox)
			}()
			if err := w.e.work(ctx, m, passes[i], now); err != nil {
				w.e.logError("text was left to its lease", err, slog.String("message", m.ID))
			}
		})
	}
}
