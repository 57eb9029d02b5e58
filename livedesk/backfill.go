package livedesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/sms"
)

// Backfill: where the carrier lists what came in, a job per connection sees to it that texts whose webhooks failed come in all
// the same. An Object beside the connection, the mark, says up to when nothing is missing; only a whole list moves it on. It
// also says who is at work, so that it is one process of the fleet at a time: the job alone doesn't, for every process that
// starts wants it done now.

const (
	kindBackfill = "backfill" // an Object by the connection's id
	jobBackfill  = "backfill" // its Subject is the connection's id

	// backfillMargin is how much of what the mark covers is listed again: clocks differ, and lists lag.
	backfillMargin = 5 * time.Minute
	// backfillFresh is how young a mark may be that a process that starts leaves alone.
	backfillFresh = time.Minute
	// backfillMost is how far back a gap is filled by itself. What is older is for a person to ask for.
	backfillMost = 7 * 24 * time.Hour
	// backfillTexts is how many texts one round takes in before others get their turn.
	backfillTexts = 10_000
	// backfillLease is how long a process has a connection's gap to itself, renewed before each list. It is above gapList.
	backfillLease = 3 * time.Minute
	// backfillKeys is for how long stores keep the keys of texts: what is older might come in twice.
	backfillKeys = 400 * 24 * time.Hour
)

// backfillMark is what is kept.
type backfillMark struct {
	Good time.Time `json:"good"`           // nothing from before is missing
	Busy time.Time `json:"busy,omitzero"`  // until when By has it
	By   string    `json:"by,omitempty"`   // a name made for one round
	Miss int       `json:"miss,omitempty"` // rounds in a row that failed
}

// fresh reports whether nothing can be missing, or somebody is at work: whoever starts then leaves it alone.
func (m backfillMark) fresh(now time.Time) bool {
	return !m.Good.IsZero() && (now.Sub(m.Good) < backfillFresh || now.Before(m.Busy))
}

var errBackfillLost = errors.New("another process fills the gap")

// backfills is what this process knows of the marks.
type backfills struct {
	mu      sync.Mutex
	marks   map[objectKey]backfillMark
	watched map[objectKey]bool // since Run began
	snap    *snapshot          // whose connections are all watched
	paused  time.Time          // until when nothing is, after an error
}

// take takes over what was read from the store.
func (b *backfills) take(o Object) error {
	var m backfillMark
	if !o.Deleted {
		if err := json.Unmarshal(o.Data, &m); err != nil {
			return fmt.Errorf("stored mark of connection %s: %w", o.ID, err)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.marks == nil {
		b.marks = map[objectKey]backfillMark{}
	}
	b.marks[objectKey{o.Workspace, o.ID}] = m
	if o.Deleted {
		delete(b.marks, objectKey{o.Workspace, o.ID})
	}
	return nil
}

// begin forgets what was watched: Run begins.
func (b *backfills) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watched, b.snap = map[objectKey]bool{}, nil
}

// unwatched returns the connections of a snapshot whose gap nobody has looked at since Run began, with their marks.
func (b *backfills) unwatched(snap *snapshot, now time.Time) map[*connectionInfo]backfillMark {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.snap == snap || now.Before(b.paused) {
		return nil
	}
	out := map[*connectionInfo]backfillMark{}
	for key, conn := range snap.connections {
		if conn.lister() != nil && len(conn.channels) > 0 && !b.watched[key] {
			out[conn] = b.marks[key]
		}
	}
	if len(out) == 0 {
		b.snap = snap
	}
	return out
}

// pause lets nothing be watched before a time.
func (b *backfills) pause(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paused = until
}

func (b *backfills) watch(conn *connectionInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watched == nil {
		b.watched = map[objectKey]bool{}
	}
	b.watched[objectKey{conn.workspace, conn.id}] = true
}

// configure reads what changed in the configuration, and sees to it that each connection's gaps are filled.
func (e *Engine) configure(ctx context.Context) error {
	if err := e.snap.refresh(ctx); err != nil {
		return err
	}
	if e.cfg.BackfillEvery < 0 {
		return nil
	}
	for conn, mark := range e.backfills.unwatched(e.snap.load(), e.snap.seen()) {
		err := e.watchBackfill(ctx, conn, mark)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil { // the configuration itself was read
			e.logError("filling gaps was not scheduled", err, slog.String("connection", conn.id))
			e.backfills.pause(e.snap.seen().Add(probeEvery))
			return nil
		}
		e.backfills.watch(conn)
	}
	return nil
}

// watchBackfill schedules a connection's job: now, if the mark says that something may be missing. A connection without a
// mark is new to the desk, and its past isn't missing.
func (e *Engine) watchBackfill(ctx context.Context, conn *connectionInfo, mark backfillMark) error {
	if mark.fresh(e.snap.seen()) {
		return nil
	}
	err := e.update(ctx, func(ctx context.Context, tx Tx) error {
		obj, m, err := loadMark(ctx, tx, conn)
		if err != nil || m.fresh(tx.Now()) { // by another process, which began together with this one
			return err
		}
		c := Changes{Jobs: []JobChange{{Job: backfillJob(conn, tx.Now())}}}
		if m.Good.IsZero() {
			m.Good = tx.Now()
			c.Jobs[0].Due = tx.Now().Add(e.cfg.BackfillEvery)
			if obj.Data, err = json.Marshal(m); err != nil {
				return err
			}
			c.Objects = []Object{obj}
		}
		return tx.Apply(ctx, c)
	})
	if errors.Is(err, ErrExists) { // another process was first
		return nil
	}
	if err == nil {
		signal(e.wakeJobs)
	}
	return err
}

func backfillJob(conn *connectionInfo, due time.Time) Job {
	return Job{Workspace: conn.workspace, Key: jobBackfill + ":" + conn.id, Kind: jobBackfill, Subject: conn.id, Due: due}
}

// loadMark loads a connection's mark; a fresh object where there is none.
func loadMark(ctx context.Context, tx ReadTx, conn *connectionInfo) (Object, backfillMark, error) {
	var m backfillMark
	objs, err := tx.Objects(ctx, ObjectQuery{Workspace: conn.workspace, Kind: kindBackfill, IDs: []string{conn.id}})
	if err != nil {
		return Object{}, m, err
	}
	if len(objs) == 0 || objs[0].ID == "" {
		return Object{Workspace: conn.workspace, Kind: kindBackfill, ID: conn.id}, m, nil
	}
	if err := json.Unmarshal(objs[0].Data, &m); err != nil {
		return Object{}, m, fmt.Errorf("stored mark of connection %s: %w", conn.id, err)
	}
	return objs[0], m, nil
}

// changeMark changes a connection's mark in a transaction, with what fn wants beside. fn may run again.
func (e *Engine) changeMark(ctx context.Context, conn *connectionInfo, fn func(m *backfillMark, now time.Time) ([]JobChange, error)) error {
	err := e.update(ctx, func(ctx context.Context, tx Tx) error {
		obj, m, err := loadMark(ctx, tx, conn)
		if err != nil {
			return err
		}
		was := m
		jobs, err := fn(&m, tx.Now())
		if err != nil {
			return err
		}
		c := Changes{Jobs: jobs}
		if m != was || obj.Version == 0 {
			if obj.Data, err = json.Marshal(m); err != nil {
				return err
			}
			c.Objects = []Object{obj}
		}
		if c.empty() {
			return nil
		}
		return tx.Apply(ctx, c)
	})
	if errors.Is(err, ErrExists) {
		return ErrConflict
	}
	return err
}

// workBackfill does a connection's job: it fills the gap since the mark, and comes back.
func (e *Engine) workBackfill(ctx context.Context, j Job) {
	conn := e.snap.load().connections[objectKey{j.Workspace, j.Subject}]
	if conn == nil || conn.lister() == nil || len(conn.channels) == 0 {
		e.leaveBackfill(ctx, j, conn)
		return
	}
	g := &gap{e: e, conn: conn, limit: gapPage}
	me := newID(e.snap.seen())
	mine := false
	err := e.changeMark(ctx, conn, func(m *backfillMark, now time.Time) ([]JobChange, error) {
		if mine = !now.Before(m.Busy); !mine {
			return []JobChange{{Job: moved(j, m.Busy)}}, nil
		}
		if m.Good.IsZero() {
			m.Good = now
		}
		m.Busy, m.By = now.Add(backfillLease), me
		g.since, g.until = m.Good.Add(-backfillMargin), now
		if first := now.Add(-backfillMost); g.since.Before(first) {
			g.since = first
		}
		return nil, nil
	})
	if err != nil || !mine {
		if err != nil {
			e.ended(ctx, fmt.Errorf("begin to fill a gap: %w", err), j)
		}
		return
	}
	g.alive = func(ctx context.Context) error { return e.keepMark(ctx, conn, me, time.Time{}) }
	g.done = func(ctx context.Context, good time.Time) error { return e.keepMark(ctx, conn, me, good) }
	all, err := g.fill(ctx, backfillTexts)
	if err == nil && g.held {
		err = g.left()
	}
	g.told(ctx)
	e.endBackfill(ctx, j, conn, me, all, err)
}

// leaveBackfill ends the job of a connection that is gone, and puts off that of one that this process can't use.
func (e *Engine) leaveBackfill(ctx context.Context, j Job, conn *connectionInfo) {
	err := e.update(ctx, func(ctx context.Context, tx Tx) error {
		c := JobChange{Job: moved(j, tx.Now().Add(probeEvery)), Done: conn == nil || conn.account != nil && conn.lister() == nil}
		if conn != nil && conn.account != nil && len(conn.channels) == 0 {
			c.Due = tx.Now().Add(max(e.cfg.BackfillEvery, probeEvery))
		}
		return tx.Apply(ctx, Changes{Jobs: []JobChange{c}})
	})
	if err != nil {
		e.logError("job was left to its lease", err, slog.String("kind", j.Kind))
	}
}

// keepMark renews the lease on a gap, and moves the mark on where there is a new one.
func (e *Engine) keepMark(ctx context.Context, conn *connectionInfo, me string, good time.Time) error {
	return e.changeMark(ctx, conn, func(m *backfillMark, now time.Time) ([]JobChange, error) {
		if m.By != me {
			return nil, errBackfillLost
		}
		m.Busy = now.Add(backfillLease)
		if good.After(m.Good) {
			m.Good = good
		}
		return nil, nil
	})
}

// endBackfill gives the gap back and schedules the next round.
func (e *Engine) endBackfill(ctx context.Context, j Job, conn *connectionInfo, me string, all bool, failed error) {
	if failed != nil {
		e.log.LogAttrs(ctx, slog.LevelWarn, "texts of a gap were not all taken in", slog.String("connection", conn.id), slog.Any("error", failed))
	}
	err := e.changeMark(context.WithoutCancel(ctx), conn, func(m *backfillMark, now time.Time) ([]JobChange, error) {
		if m.By != me {
			due := m.Busy
			if due.Before(now) {
				due = now
			}
			return []JobChange{{Job: moved(j, due)}}, nil
		}
		m.Busy, m.By = time.Time{}, ""
		pause := max(e.cfg.BackfillEvery, probeEvery)
		if m.Miss++; failed == nil {
			m.Miss = 0
			if !all {
				pause = 0
			}
		} else {
			after, _ := sms.RetryAfter(failed)
			pause = max(min(probeEvery<<min(m.Miss-1, 10), pause), min(after, time.Hour))
		}
		return []JobChange{{Job: j, Done: true}, {Job: backfillJob(conn, now.Add(pause))}}, nil
	})
	if err != nil {
		e.logError("mark of a connection was not stored", err, slog.String("connection", conn.id))
	}
}

// Backfilled is what [Desk.Backfill] found.
type Backfilled struct {
	Texts int `json:"texts"` // that the carrier lists for the channel
	New   int `json:"new"`   // of these, that were not known
}

// Backfill takes in what customers wrote to a channel from since on and no webhook brought, by the carrier's own list of
// messages: after an outage that was longer than the engine fills by itself, or with texts from before the channel was added.
// What is known already changes nothing, also when it comes again by webhook afterwards. Late texts open conversations, wait for
// an answer from when they were written, and opt out and in by the carrier's times; they aren't greeted when they are
// older than Config.ExpireAutomatic. Files that came with them are listed too, while the carrier keeps them.
//
// Only webhooks tell what the carrier itself made of a text (Twilio's OptOutType). Of a late one the words of the desk count:
// STOP and its kin opt out as ever, and somebody who opted out in words that only the carrier knows is learned from its
// refusal of the next text (21610).
//
// It asks the carrier once for each 1000 texts or so, blocks until all are committed, and may be repeated after an error: what
// it took in until then counts in its result and is committed. A text that can't be stored while others can is passed over, and
// the error tells of it at the end. since is at most 400 days ago, for which the keys are kept.
// While [Engine.Run] is going the engine does the same by itself, see Config.BackfillEvery. Errors: [ErrNotFound],
// [ErrChannelClosed] where this process can't open the channel, [errors.ErrUnsupported] where its carrier can't list,
// [ErrCarrierUnavailable], [ErrBusy], a [ValidationError].
func (d *Desk) Backfill(ctx context.Context, channelID string, since time.Time) (Backfilled, error) {
	out, err := d.backfill(ctx, channelID, since)
	if err != nil {
		return out, fmt.Errorf("backfill: %w", err)
	}
	return out, nil
}

func (d *Desk) backfill(ctx context.Context, channelID string, since time.Time) (Backfilled, error) {
	if err := d.e.snap.refresh(ctx); err != nil {
		return Backfilled{}, err
	}
	ch, err := d.e.snap.channel(ctx, d.workspace, channelID)
	now := d.e.snap.seen()
	switch {
	case err != nil:
		return Backfilled{}, err
	case since.IsZero() || since.After(now):
		return Backfilled{}, invalid("since", "is not in the past")
	case now.Sub(since) > backfillKeys:
		return Backfilled{}, invalid("since", "is more than 400 days ago")
	case ch.fault() != nil:
		return Backfilled{}, fmt.Errorf("%w: %w", ErrChannelClosed, ch.fault())
	case ch.conn.lister() == nil:
		return Backfilled{}, fmt.Errorf("provider %q lists no messages: %w", ch.channel.Provider, errors.ErrUnsupported)
	}
	g := &gap{
		e: d.e, conn: ch.conn, only: ch, since: since.UTC(), until: now.Add(clockMargin), limit: gapPage,
		alive: func(ctx context.Context) error { return ctx.Err() },
		done:  func(context.Context, time.Time) error { return nil },
	}
	for all := false; !all && err == nil; {
		all, err = g.fill(ctx, g.found+backfillTexts)
	}
	if err == nil {
		err = g.left()
	}
	g.told(ctx)
	out := Backfilled{Texts: g.found, New: g.fresh}
	if _, carriers := errors.AsType[*sms.SendError](err); carriers || errors.Is(err, sms.ErrListTooLong) {
		err = fmt.Errorf("%w: %w", ErrCarrierUnavailable, err)
	}
	return out, err
}
