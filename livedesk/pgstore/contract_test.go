package pgstore_test

import (
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/internal/enginetest"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
	"github.com/livedesk/livedesk-go/livedesk/storetest"
)

// contract runs the suite on one schema that is emptied before each case; making one takes longer than most cases.
func contract(t *testing.T, pool *pgxpool.Pool, opts ...storetest.Option) {
	c := &clock{}
	// A statement may be planned just after the tables were emptied, and analyzed so: then it takes its time.
	cfg := pgstore.Config{ClockOffset: c.ahead, Schema: newSchema(t, pool), StatementTimeout: time.Minute}
	s, err := pgstore.New(pool, cfg)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	storetest.Run(t, func(t *testing.T) livedesk.Store {
		empty(t, pool, cfg.Schema)
		s, err := pgstore.New(pool, cfg)
		require.NoError(t, err)
		return s
	}, append(opts, storetest.WithClock(c.advance), storetest.WithReopen(func(t *testing.T, s livedesk.Store) livedesk.Store {
		require.NoError(t, s.(*pgstore.Store).Close())
		s, err := pgstore.New(pool, cfg)
		require.NoError(t, err)
		return s
	}))...)
}

// empty takes everything out of a schema.
func empty(t *testing.T, pool *pgxpool.Pool, schema string) {
	t.Helper()
	for _, table := range []string{"contacts", "threads", "arrivals", "conversations", "inbox", "messages", "agents", "queues", "queue_agents", "budgets", "jobs", "objects"} {
		_, err := pool.Exec(t.Context(), "DELETE FROM "+schema+"."+table)
		require.NoError(t, err)
	}
	_, err := pool.Exec(t.Context(), "UPDATE "+schema+".counters SET value = 0")
	require.NoError(t, err)
}

func TestContract(t *testing.T) {
	t.Parallel()
	contract(t, connect(t, url(t), nil))
}

// sameLocks leaves out what doesn't depend on how parameters and rows travel: whom the server lets wait for whom.
var sameLocks = storetest.Without(storetest.ConcurrentWriters)

// The ways to execute that a pool behind PgBouncer needs.
func TestContractInOtherModes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("left out by -short; run without it")
	}
	modes := []pgx.QueryExecMode{pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec}
	if os.Getenv(pgbouncerVariable) == "" { // else they are used in TestContractThroughPgBouncer
		modes = append(modes, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol)
	}
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) { contract(t, connect(t, url(t), mode(m)), sameLocks) })
	}
}

// PgBouncer in transaction mode keeps no session.
func TestContractThroughPgBouncer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("left out by -short; run without it")
	}
	u := variable(t, pgbouncerVariable, "set it to the URL of a PgBouncer in transaction mode, before the same database")
	t.Run(pgx.QueryExecModeExec.String(), func(t *testing.T) { contract(t, connect(t, u, mode(pgx.QueryExecModeExec))) })
	t.Run(pgx.QueryExecModeSimpleProtocol.String(), func(t *testing.T) {
		contract(t, connect(t, u, mode(pgx.QueryExecModeSimpleProtocol)), sameLocks)
	})
}

// The engine on this store: what a customer and an agent would see.
func TestEngine(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	enginetest.Run(t, func(t *testing.T, ahead func() time.Duration) livedesk.Store {
		return open(t, pool, pgstore.Config{ClockOffset: ahead})
	})
}
