package sqlitestore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// A count stops, its oldest doesn't.
func TestCountsStop(t *testing.T) {
	t.Parallel()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "desk.db"), sqlitestore.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	began := time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Microsecond)
	var c livedesk.Changes
	for i := range livedesk.MaxCounted + 1 {
		at := began.Add(time.Duration(i) * time.Second)
		c.Jobs = append(c.Jobs, livedesk.JobChange{Job: livedesk.Job{Workspace: "w", Key: fmt.Sprint(i), Due: at}})
		c.Messages = append(c.Messages, livedesk.Message{Workspace: "w", ID: fmt.Sprint(i), Conversation: "c", Channel: "sms", Contact: "p",
			Seq: int64(i + 1), Kind: livedesk.Outgoing, At: at, Delivery: &livedesk.Delivery{State: livedesk.Queued, Due: at}})
	}
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, c) }))
	texts, err := s.CountTexts(t.Context(), "w", "sms")
	require.NoError(t, err)
	require.Equal(t, livedesk.TextCounts{Queued: livedesk.MaxCounted, Oldest: began}, texts)
	jobs, err := s.CountJobs(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, livedesk.JobCounts{Due: livedesk.MaxCounted, Oldest: began}, jobs)
}
