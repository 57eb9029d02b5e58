package pgstore_test

import (
	"context"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

func TestMigrationsNameTheSchema(t *testing.T) {
	t.Parallel()
	files, err := pgstore.Migrations(pgstore.Config{Schema: "desk_7"})
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(files, "00001_desk.sql"))
	b, err := fs.ReadFile(files, "00001_desk.sql")
	require.NoError(t, err)
	require.Contains(t, string(b), `CREATE TABLE "desk_7".contacts`)
	require.NotContains(t, string(b), "{{")
	_, err = pgstore.Migrations(pgstore.Config{Schema: "Robert'; --"})
	require.ErrorContains(t, err, "Config.Schema")
}

func TestCheckKnowsTheSchema(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	name := newSchema(t, pool)
	s, err := pgstore.New(pool, pgstore.Config{Schema: name})
	require.NoError(t, err)
	require.ErrorIs(t, s.Check(t.Context()), pgstore.ErrOldSchema, "no schema")
	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, s.Check(t.Context()))
	require.NoError(t, s.Migrate(t.Context()), "a second time")
	record := func(version int) {
		_, err := pool.Exec(t.Context(), "INSERT INTO "+name+".schema_versions (version_id, is_applied) VALUES ($1, true)", version)
		require.NoError(t, err)
	}
	record(2)
	require.NoError(t, s.Check(t.Context()), "version N works on schema N+1")
	record(3)
	require.ErrorIs(t, s.Check(t.Context()), pgstore.ErrNewerSchema)
	_, err = pool.Exec(t.Context(), "DELETE FROM "+name+".schema_versions WHERE version_id > 0")
	require.NoError(t, err)
	require.ErrorIs(t, s.Check(t.Context()), pgstore.ErrOldSchema)
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Check(t.Context()), livedesk.ErrClosed)
	require.ErrorIs(t, s.Migrate(t.Context()), livedesk.ErrClosed)
}

// Processes that start together migrate together.
func TestMigrateFromSeveralProcesses(t *testing.T) {
	t.Parallel()
	main := connect(t, url(t), nil)
	name := newSchema(t, main)
	var all sync.WaitGroup
	for range 6 {
		pool := connect(t, url(t), nil) // as another process has
		all.Go(func() {
			s, err := pgstore.New(pool, pgstore.Config{Schema: name})
			if err == nil {
				err = s.Migrate(t.Context())
			}
			if err == nil {
				err = s.Check(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var n int
	require.NoError(t, main.QueryRow(t.Context(), "SELECT count(*) FROM "+name+".schema_versions").Scan(&n))
	require.Equal(t, 2, n, "version 0, which goose begins with, and version 1")
}

// A process that is killed in the middle of a migration leaves nothing behind (F126).
func TestMigrateAfterAKill(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	name := newSchema(t, pool)
	files, err := pgstore.Migrations(pgstore.Config{Schema: name})
	require.NoError(t, err)
	b, err := fs.ReadFile(files, "00001_desk.sql")
	require.NoError(t, err)
	up, _, _ := strings.Cut(string(b), "-- +goose Down")
	statements := strings.SplitAfter(up, ";\n")
	_, err = pool.Exec(t.Context(), "CREATE SCHEMA "+name)
	require.NoError(t, err)
	for n := 1; n < len(statements); n += 5 {
		c, err := pgx.Connect(t.Context(), url(t))
		require.NoError(t, err)
		_, err = c.Exec(t.Context(), "BEGIN; "+strings.Join(statements[:n], ""))
		require.NoError(t, err)
		require.NoError(t, c.PgConn().Conn().Close()) // no goodbye
	}
	s, err := pgstore.New(pool, pgstore.Config{Schema: name})
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, s.Check(t.Context()))
}

// A version that runs on the next schema leaves alone what it doesn't know, and a newer one can add columns while it runs.
func TestUnknownColumnsAreLeftAlone(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	name := newSchema(t, pool)
	s, err := pgstore.New(pool, pgstore.Config{Schema: name})
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))

	changeAll := func() livedesk.Changes {
		var c livedesk.Changes
		require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			l, err := tx.TakeIn(ctx, []livedesk.Arrival{arrival(1, "k")})
			require.NoError(t, err)
			m, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: "w", ID: "out-conv-000001-000001"}})
			require.NoError(t, err)
			q, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "w", IDs: []string{"team:one"}})
			require.NoError(t, err)
			budgets, err := tx.Senders(ctx, []livedesk.Sender{{Workspace: "w", Channel: "sms"}})
			require.NoError(t, err)
			a, err := tx.Agents(ctx, "w", []string{"ann"})
			require.NoError(t, err)
			o, err := tx.Objects(ctx, livedesk.ObjectQuery{Workspace: "w", Kind: "channel", IDs: []string{"sms"}})
			require.NoError(t, err)
			c = livedesk.Changes{Contacts: []livedesk.Contact{l[0].Contact}, Threads: []livedesk.Thread{l[0].Thread},
				Messages: m, Queues: q.Queues, Budgets: budgets, Agents: a, Objects: o, Conversations: []livedesk.Conversation{conversation(1)}}
			if l[0].Current != nil {
				c.Conversations[0] = *l[0].Current
			} else {
				c.Threads[0].Conversation = c.Conversations[0].ID
				c.Conversations[0].Contact = l[0].Contact.ID
				c.Messages[0] = outgoing(c.Conversations[0], 1, time.Now())
				c.Agents[0] = livedesk.Agent{Workspace: "w", ID: "ann"}
				c.Objects[0] = livedesk.Object{Workspace: "w", Kind: "channel", ID: "sms", Data: []byte("{}")}
			}
			c.Jobs = []livedesk.JobChange{{Job: livedesk.Job{Workspace: "w", Key: "k", Due: time.Now()}}}
			return tx.Apply(ctx, c)
		}))
		return c
	}
	changeAll()
	tables := []string{"contacts", "threads", "conversations", "inbox", "messages", "agents", "queues", "budgets", "jobs", "objects"}
	for _, table := range tables {
		_, err := pool.Exec(t.Context(), "ALTER TABLE "+name+"."+table+" ADD COLUMN later text NOT NULL DEFAULT 'before'")
		require.NoError(t, err)
		_, err = pool.Exec(t.Context(), "UPDATE "+name+"."+table+" SET later = 'kept'")
		require.NoError(t, err)
	}
	c := changeAll()
	require.EqualValues(t, 2, changeAll().Agents[0].Version, "each change was kept")
	require.EqualValues(t, 1, c.Agents[0].Version)
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		got, err := tx.Claim(ctx, livedesk.Claim{Limit: 1})
		require.Len(t, got, 1)
		return err
	}))
	for _, table := range tables {
		var later string
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT later FROM "+name+"."+table).Scan(&later), table)
		require.Equal(t, "kept", later, table)
	}
}
