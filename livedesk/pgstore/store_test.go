package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

const (
	postgresVariable  = "LIVEDESK_TEST_POSTGRES"
	pgbouncerVariable = "LIVEDESK_TEST_PGBOUNCER"
)

// url returns where the tests' PostgreSQL is.
func url(t testing.TB) string {
	t.Helper()
	return variable(t, postgresVariable, "set it to the URL of a PostgreSQL, for example: "+
		postgresVariable+"=$(.ci/postgres start /tmp/livedesk-pg) go test ./livedesk/pgstore/...")
}

func variable(t testing.TB, name, how string) string {
	t.Helper()
	u := os.Getenv(name)
	if u == "" && os.Getenv("LIVEDESK_TEST_REQUIRED") != "" {
		t.Fatalf("no %s, and this run requires it; %s", name, how)
	}
	if u == "" {
		t.Skipf("no %s; %s", name, how)
	}
	return u
}

// connect returns a pool that is closed when the test ends.
func connect(t testing.TB, url string, change func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	cfg.MaxConns = 16
	if change != nil {
		change(cfg)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

var schemas atomic.Int64

// newSchema returns the name of a schema that is dropped when the test ends.
func newSchema(t testing.TB, pool *pgxpool.Pool) string {
	t.Helper()
	name := fmt.Sprintf("livedesk_test_%d_%d", os.Getpid(), schemas.Add(1))
	t.Cleanup(func() {
		_, err := pool.Exec(context.WithoutCancel(t.Context()), `DROP SCHEMA IF EXISTS `+name+` CASCADE`)
		require.NoError(t, err)
	})
	return name
}

// open returns a fresh store.
func open(t testing.TB, pool *pgxpool.Pool, cfg pgstore.Config) *pgstore.Store {
	t.Helper()
	cfg.Schema = newSchema(t, pool)
	s, err := pgstore.New(pool, cfg)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// mode makes a pool use one of pgx's ways to execute.
func mode(m pgx.QueryExecMode) func(*pgxpool.Config) {
	return func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = m }
}

// clock is what tests add to the database's time.
type clock struct{ offset atomic.Int64 }

func (c *clock) ahead() time.Duration    { return time.Duration(c.offset.Load()) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func arrival(n int, key string) livedesk.Arrival {
	return livedesk.Arrival{Workspace: "w", Channel: "sms", Key: key, Address: address(n)}
}

func address(n int) channel.Address { return channel.Address(fmt.Sprintf("+1415%07d", n)) }

func conversation(n int) livedesk.Conversation {
	now := time.Now()
	return livedesk.Conversation{Workspace: "w", ID: fmt.Sprintf("conv-%06d", n), Channel: "sms",
		Contact: fmt.Sprintf("contact-%06d", n), Address: address(n), State: livedesk.Open, Cycle: 1, CreatedAt: now, ActiveAt: now}
}

// outgoing makes a queued text of a conversation.
func outgoing(c livedesk.Conversation, seq int64, due time.Time) livedesk.Message {
	return livedesk.Message{Workspace: c.Workspace, ID: fmt.Sprintf("out-%s-%06d", c.ID, seq), Conversation: c.ID,
		Channel: c.Channel, Contact: c.Contact, Seq: seq, Kind: livedesk.Outgoing, Class: livedesk.ClassHuman,
		By: livedesk.AgentActor("ann"), Text: "On its way.", At: due, Delivery: &livedesk.Delivery{State: livedesk.Queued, Due: due}}
}

func apply(t testing.TB, s livedesk.Store, c livedesk.Changes) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, c) }))
}

// agentNames returns the ids of a workspace's agents.
func agentNames(t testing.TB, s livedesk.Store) (out []string) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		rows, err := tx.Agents(ctx, "w", nil)
		for _, a := range rows {
			out = append(out, a.ID)
		}
		return err
	}))
	return out
}

func hire(names ...string) (c livedesk.Changes) {
	for _, n := range names {
		c.Agents = append(c.Agents, livedesk.Agent{Workspace: "w", ID: n})
	}
	return c
}

var errTest = errors.New("test")

// Lists that ask for no state share the slice of all states: nobody may sort it in place.
func TestListsLeaveTheirStatesAlone(t *testing.T) {
	t.Parallel()
	s := open(t, connect(t, url(t), nil), pgstore.Config{})
	asked := []livedesk.State{livedesk.Snoozed, livedesk.Open, livedesk.Open}
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		for _, states := range [][]livedesk.State{nil, asked} {
			if _, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "w", States: states, Limit: 1}); err != nil {
				return err
			}
		}
		return nil
	}))
	require.Equal(t, []livedesk.State{livedesk.Open, livedesk.Pending, livedesk.Snoozed, livedesk.Resolved}, pgstore.AllStates)
	require.Equal(t, []livedesk.State{livedesk.Snoozed, livedesk.Open, livedesk.Open}, asked)
}
