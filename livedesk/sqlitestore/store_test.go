package sqlitestore_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

func TestStoreIsDurableAndReady(t *testing.T) {
	t.Parallel()
	s := open(t, sqlitestore.Config{})
	require.True(t, s.Durable())
	require.NoError(t, s.Check(t.Context()))
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Check(t.Context()), livedesk.ErrClosed)
}

// Everything that was stored is there after the file was closed and opened again.
func TestReopenKeepsEverything(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/desk.db"
	s := openAt(t, path, sqlitestore.Config{})
	update(t, s, func(ctx context.Context, tx livedesk.Tx) error {
		_, err := takeIn(ctx, tx, 1, "one")
		return err
	})
	now := time.Now().UTC().Truncate(time.Microsecond)
	apply(t, s, livedesk.Changes{
		Agents:  []livedesk.Agent{{Workspace: "w", ID: "ann", Name: "Ann", PresenceUntil: now}},
		Queues:  []livedesk.Queue{{Workspace: "w", ID: "team:one", Members: []livedesk.Member{{Agent: "ann", Last: 3}}}},
		Jobs:    []livedesk.JobChange{{Job: livedesk.Job{Workspace: "w", Key: "k", Due: now}}},
		Objects: []livedesk.Object{{Workspace: "w", Kind: "channel", ID: "sms", Key: "hook", Data: []byte(`{}`)}},
	})
	before := everything(t, s)
	require.NoError(t, s.Close())

	s = openAt(t, path, sqlitestore.Config{})
	require.Equal(t, before, everything(t, s))
	update(t, s, func(ctx context.Context, tx livedesk.Tx) error {
		arrived, err := tx.TakeIn(ctx, []livedesk.Arrival{arrival(1, "one")})
		require.NoError(t, err)
		require.False(t, arrived[0].New)
		return nil
	})
}

// everything reads one row of each kind.
func everything(t *testing.T, s *sqlitestore.Store) (all []any) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		threads, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: "w", Channel: "sms", Address: address(1)}})
		require.NoError(t, err)
		require.NotNil(t, threads[0].Current)
		messages, err := tx.Timeline(ctx, livedesk.TimelineQuery{Workspace: "w", Conversation: threads[0].Current.ID, Limit: 10})
		require.NoError(t, err)
		require.Len(t, messages, 1)
		agents, err := tx.Agents(ctx, "w", nil)
		require.NoError(t, err)
		queues, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "w", Agents: []string{"ann"}})
		require.NoError(t, err)
		require.Len(t, queues.Queues, 1)
		objects, err := tx.Objects(ctx, livedesk.ObjectQuery{Kind: "channel", Key: "hook"})
		require.NoError(t, err)
		all = []any{threads, messages, agents, queues, objects}
		return nil
	}))
	return all
}
