package sqlitestore

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// A group is closed to newcomers when it has this many closures or is this old, so that the first of them doesn't wait
// for ever under load.
const (
	maxGroup    = 128
	maxGroupAge = 30 * time.Millisecond
)

// writer is the one connection that writes. Whoever has the turn in the line has the writer.
type writer struct {
	c     *conn  // nil after it was discarded
	group *group // of the transaction that is open; nil when none is
	alone int    // how many closures still run one per commit, after a group was lost
	count int    // of commits

	written int // pages, to the log
	pages   int // of these, since it was last folded
}

// group is the closures that share one transaction.
type group struct {
	began time.Time
	size  int           // closures that were kept
	dirty bool          // one of them wrote
	done  chan struct{} // closed when the outcome is known
	err   error         // set before done is closed
}

// Update implements [livedesk.Store], see the package's documentation for how concurrent Updates share a commit. It
// answers an error that wraps [livedesk.ErrBusy] when the turn or the file's lock doesn't come within
// [Config].LockWait or too many wait, and [livedesk.ErrSerialization] when the transaction was lost by another's fault.
//
// ctx counts until fn's work is done and accepted into the commit; from then on Update waits for the commit and reports
// what became of it.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx livedesk.Tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.RUnlock()
	deadline := time.Now().Add(s.cfg.LockWait)
	if err := s.line.wait(ctx, s.cfg.MaxWaiting, deadline, s.closing); err != nil {
		return err
	}
	g, err := s.run(ctx, deadline, fn)
	if err != nil {
		return err
	}
	<-g.done
	return g.err
}

// run runs one closure with the writer and passes the turn on, whatever happens in fn.
func (s *Store) run(ctx context.Context, deadline time.Time, fn func(context.Context, livedesk.Tx) error) (*group, error) {
	defer s.passOn()
	if err := s.begin(ctx, deadline); err != nil {
		return nil, err
	}
	t := &tx{reader: reader{c: s.writer.c, now: s.now(), seen: newSeen()}, nested: s.writer.group.dirty}
	inner, cancel := s.within(ctx)
	finished := false
	defer func() {
		cancel()
		t.over.Store(true)
		if !finished { // fn panicked or ended its goroutine
			s.takeBack(t)
		}
	}()
	err := fn(inner, t)
	finished = true
	t.over.Store(true)
	return s.keep(ctx, t, err)
}

// keep accepts what a closure did into its group, or takes it back.
func (s *Store) keep(ctx context.Context, t *tx, err error) (*group, error) {
	err = cmp.Or(err, t.broken, t.failed, ctx.Err())
	if err == nil && t.wrote && t.nested {
		if _, err = t.c.exec(sqlRelease); err != nil {
			t.broken = err
		}
	}
	if err != nil {
		s.takeBack(t)
		return nil, err
	}
	g := s.writer.group
	g.size++
	g.dirty = g.dirty || t.wrote
	return g, nil
}

// begin opens a transaction unless one is open. Another process may hold the lock: then it asks again until the
// deadline or the end of ctx, without holding up anybody but those who wait for the same lock.
func (s *Store) begin(ctx context.Context, deadline time.Time) error {
	if err := ctx.Err(); err != nil || s.writer.group != nil {
		return err
	}
	for {
		err := s.beginOnce()
		switch {
		case err == nil:
			s.writer.group = &group{began: time.Now(), done: make(chan struct{})}
			s.writer.alone = max(0, s.writer.alone-1)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !busy(err):
			s.discardWriter()
			return fmt.Errorf("sqlitestore: begin: %w", err)
		case !time.Now().Before(deadline):
			return fmt.Errorf("sqlitestore: another process holds the file's lock: %w", livedesk.ErrBusy)
		}
	}
}

func (s *Store) beginOnce() (err error) {
	if s.writer.c == nil {
		if s.writer.c, err = s.connect(context.Background(), writing); err != nil {
			return err
		}
	}
	_, err = s.writer.c.exec(sqlBegin)
	return err
}

// takeBack undoes what one closure did, and only that where SQLite still can.
func (s *Store) takeBack(t *tx) {
	g := s.writer.group
	if !t.nested { // nobody else's changes are in the transaction
		_, err := t.c.exec(sqlRollback)
		s.writer.group = nil
		close(g.done) // those in it only read
		if err != nil || t.broken != nil {
			s.discardWriter()
		}
		return
	}
	if t.broken == nil && !t.wrote {
		return // it changed nothing
	}
	if t.broken == nil || harmless(t.broken) {
		if t.rollBack() == nil {
			return
		}
	}
	s.lose(t.broken)
}

// lose gives up a transaction that others had finished work in: their changes are gone with it.
func (s *Store) lose(cause error) {
	g := s.writer.group
	s.writer.group = nil
	s.writer.alone = 2 * (g.size + 1)
	s.discardWriter()
	s.cfg.Logger.LogAttrs(context.Background(), slog.LevelWarn, "sqlite transaction lost", slog.Int("updates", g.size),
		slog.Int("sqlite_code", code(cause)))
	g.err = fmt.Errorf("sqlitestore: transaction lost: %w", livedesk.ErrSerialization)
	close(g.done)
}

// discardWriter closes the writing connection, and with it whatever it had open; the next transaction gets a fresh one.
func (s *Store) discardWriter() {
	if s.writer.c != nil {
		s.writer.c.discard()
		s.writer.c = nil
	}
}

// passOn gives the turn to the next in line: inside of the same transaction while it may grow, else after its commit.
func (s *Store) passOn() {
	g := s.writer.group
	if g != nil && s.writer.alone == 0 && g.size < maxGroup && time.Since(g.began) < s.maxAge && s.line.pass() {
		return
	}
	if g != nil {
		s.commit(g)
	}
	s.line.leave()
}

// commit ends a transaction and tells everybody in it. When SQLite refuses, all of them fail; whether the log on the
// disk holds the commit all the same can't be known when the refusal came from the sync.
func (s *Store) commit(g *group) {
	s.writer.group = nil
	s.writer.count++
	_, err := s.writer.c.exec(sqlCommit)
	if err != nil {
		s.discardWriter()
		g.err = fmt.Errorf("sqlitestore: commit: %w", err)
		s.cfg.Logger.LogAttrs(context.Background(), slog.LevelError, "sqlite commit refused",
			slog.Int("updates", g.size), slog.Int("sqlite_code", code(err)))
	}
	close(g.done)
	if err == nil && g.dirty {
		s.foldWhenDue()
	}
}

// View implements [livedesk.Store]. fn sees the file as it was when it first read. It waits for a free reader, of which
// there are [Config].Readers, and for no Update. A View that stays open for long keeps the write-ahead log from being
// folded into the file, which then grows.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx livedesk.ReadTx) error) (err error) {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.RUnlock()
	c, err := s.borrow(ctx)
	if err != nil {
		return err
	}
	r := &reader{c: c, now: s.now()}
	inner, cancel := s.within(ctx)
	defer func() {
		cancel()
		r.over.Store(true)
		s.giveBack(r)
	}()
	if err := fn(inner, r); err != nil {
		return err
	}
	return r.broken
}

// borrow returns a reader in a transaction.
func (s *Store) borrow(ctx context.Context) (*conn, error) {
	var c *conn
	select {
	case c = <-s.readers:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closing:
		return nil, livedesk.ErrClosed
	}
	var err error
	if c == nil {
		c, err = s.connect(ctx, reading)
	}
	if err == nil {
		if _, err = c.exec(sqlBeginRead); err == nil {
			return c, nil
		}
		c.discard()
	}
	s.readers <- nil
	return nil, fmt.Errorf("sqlitestore: read: %w", err)
}

func (s *Store) giveBack(r *reader) {
	if _, err := r.c.exec(sqlRollback); err != nil || r.broken != nil {
		r.c.discard()
		r.c = nil
	}
	s.readers <- r.c
}

// now returns the store's time as transactions tell it.
func (s *Store) now() time.Time { return time.UnixMicro(s.cfg.Clock().UnixMicro()).UTC() }
