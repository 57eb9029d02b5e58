package sqlitestore

import (
	"context"
	"log/slog"
	"os"
	"time"

	"modernc.org/sqlite"
)

// What was committed stands in the write-ahead log until a checkpoint folds it into the file. Left to itself SQLite does
// that inside of a commit, every thousand pages, and everybody waits for it. Here a goroutine does most of it beside
// the work, on a connection of its own, and ends when it is done. As long as others write it never reaches the end of the
// log, and only a log that was folded to its end begins anew (https://sqlite.org/wal.html, 2.3): so the little that is
// left is folded with the turn to write in hand.
const (
	// foldEvery is how many pages are written before they are folded: 48 MB of them. A page that was written often is
	// folded once.
	foldEvery = 12288
	// foldRest is how many pages may be left for the turn.
	foldRest = 256
	// foldPasses is how often what came meanwhile is folded beside the work.
	foldPasses = 3

	sqlFold = `PRAGMA wal_checkpoint(PASSIVE)`
)

// maxLog is the size in bytes of the write-ahead log from which on it is reported: a reader holds an old view.
const maxLog = 256 << 20

// pagesWritten returns how many pages the connection wrote to the log since it was asked last.
func (c *conn) pagesWritten() (pages int) {
	_ = c.sc.Raw(func(driver any) (err error) {
		pages, _, err = driver.(sqlite.DBStatus).Status(sqlite.DBStatusCacheWrite, true)
		return err
	})
	return pages
}

// foldWhenDue begins to fold when the log has grown enough and nobody is at it. The caller has the turn.
func (s *Store) foldWhenDue() {
	n := s.writer.c.pagesWritten()
	s.writer.pages, s.writer.written = s.writer.pages+n, s.writer.written+n
	if s.writer.pages < s.foldEvery || !s.folding.CompareAndSwap(false, true) {
		return
	}
	if !s.gate.TryRLock() { // Close, which folds everything
		return
	}
	s.writer.pages = 0
	go func() {
		defer s.gate.RUnlock()
		defer s.folding.Store(false)
		if err := s.fold(); err != nil {
			s.complain(slog.LevelError, "sqlite log can't be folded", slog.Int("sqlite_code", code(err)))
		}
		s.watchLog()
	}()
}

func (s *Store) fold() (err error) {
	if s.folder == nil {
		if s.folder, err = s.connect(context.Background(), writing); err != nil {
			return err
		}
	}
	for range foldPasses {
		if left, err := s.folder.foldOnce(); err != nil || left <= foldRest {
			break
		}
	}
	if s.line.wait(context.Background(), s.cfg.MaxWaiting, time.Now().Add(s.cfg.LockWait), s.closing) != nil {
		return nil // there is always another time
	}
	defer s.line.leave()
	if g := s.writer.group; g != nil {
		s.commit(g)
	}
	_, err = s.folder.foldOnce()
	return err
}

// foldOnce folds as much as it can without waiting for anybody, and returns how many pages are left.
func (c *conn) foldOnce() (left int, err error) {
	err = c.query(func(row *cells) bool {
		_, log, folded := row.int(), row.int(), row.int() // the first says whether it was disturbed
		left = log - folded
		return true
	}, sqlFold)
	return left, err
}

// watchLog reports a log file that grows since it can't be folded.
func (s *Store) watchLog() {
	if info, err := os.Stat(s.path + "-wal"); err == nil && info.Size() >= s.maxLog {
		s.complain(slog.LevelWarn, "sqlite log grows, a reader holds an old view", slog.Int64("bytes", info.Size()))
	}
}

// complain logs what is wrong with the log, at most once a minute. Only who folds calls it.
func (s *Store) complain(level slog.Level, what string, attrs ...slog.Attr) {
	if now := time.Now(); now.Sub(s.complained) >= time.Minute {
		s.complained = now
		s.cfg.Logger.LogAttrs(context.Background(), level, what, attrs...)
	}
}
