package sqlitestore

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Waiting returns how many Updates wait for their turn.
func (s *Store) Waiting() int { return s.line.length() }

// Commits returns how many transactions were committed. Nothing else runs.
func (s *Store) Commits() int { return s.writer.count }

// LimitPages leaves the writer's connection, until it is replaced, room for so many more pages.
func (s *Store) LimitPages(t *testing.T, more int) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(context.Context, livedesk.Tx) error {
		var pages int
		require.NoError(t, s.writer.c.sc.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
		_, err := s.writer.c.sc.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+more))
		return err
	}))
}

// ExecForTest runs a statement on a reader.
func (r *reader) ExecForTest(text string) (int64, error) { return r.c.exec(text) }

// Settings reads the pragmas of the writer and of every reader.
func (s *Store) Settings(t *testing.T) (all []map[string]string) {
	t.Helper()
	conns := []*conn{s.writer.c}
	for range s.cfg.Readers {
		c, err := s.borrow(t.Context())
		require.NoError(t, err)
		conns = append(conns, c)
		defer s.giveBack(&reader{c: c})
	}
	for _, c := range conns {
		settings := map[string]string{}
		for _, p := range reading.settings() {
			var v string
			require.NoError(t, c.sc.QueryRowContext(t.Context(), "PRAGMA "+p.name).Scan(&v))
			settings[p.name] = v
		}
		all = append(all, settings)
	}
	return all
}

// CheckSetting tells what is thought of a setting that was read back.
func CheckSetting(name, got string) error {
	for _, p := range writing.settings() {
		if p.name == name {
			return p.check(got)
		}
	}
	return nil
}

// ReportLogFrom sets the size of the log from which on it is reported. Nothing else runs.
func (s *Store) ReportLogFrom(bytes int64) { s.maxLog = bytes }

// FoldEvery sets how many pages are written before they are folded. Nothing else runs.
func (s *Store) FoldEvery(pages int) { s.foldEvery = pages }

// PagesWritten returns how many pages were written to the log. Nothing else runs.
func (s *Store) PagesWritten() int { return s.writer.written }

// Folding reports whether the log is being folded.
func (s *Store) Folding() bool { return s.folding.Load() }

// KeepGroups lets groups take newcomers however slow the machine is. Nothing else runs.
func (s *Store) KeepGroups() { s.maxAge = time.Hour }

// PassedOver returns how many texts of spent senders a claim of one rank walks over.
func (s *Store) PassedOver(ctx context.Context, q livedesk.Claim, rank int) (passed int, err error) {
	err = s.Update(ctx, func(_ context.Context, t livedesk.Tx) error {
		c := &claim{Claim: q, taken: map[livedesk.Sender]int{}}
		defer func() { passed = c.passed }()
		return t.(*tx).chooseOfRank(c, rank)
	})
	return passed, err
}
