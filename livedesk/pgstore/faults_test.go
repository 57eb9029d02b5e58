package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

// line is a connection to the server that can be told what to do with the next COMMIT.
type line struct {
	net.Conn
	cut *atomic.Value // func(net.Conn, []byte) (int, error), for one COMMIT
}

func (l *line) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("COMMIT\x00")) {
		if f, _ := l.cut.Swap((func(net.Conn, []byte) (int, error))(nil)).(func(net.Conn, []byte) (int, error)); f != nil {
			return f(l.Conn, b)
		}
	}
	return l.Conn.Write(b)
}

// lines returns a pool whose commits can be tampered with.
func lines(t *testing.T) (*pgxpool.Pool, *atomic.Value) {
	t.Helper()
	cut := &atomic.Value{}
	return connect(t, url(t), func(c *pgxpool.Config) {
		dial := c.ConnConfig.DialFunc
		c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // the text of a statement goes with it
		c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			n, err := dial(ctx, network, addr)
			return &line{n, cut}, err
		}
	}), cut
}

// A connection that is lost in a COMMIT leaves the outcome open, and says so; the next transaction has another one (F127, R22).
func TestLostCommitIsUnknown(t *testing.T) {
	t.Parallel()
	pool, cut := lines(t)
	s := open(t, pool, pgstore.Config{})
	for name, c := range map[string]struct {
		cut  func(c net.Conn, b []byte) (int, error)
		kept bool
	}{
		"before it arrived": {func(c net.Conn, b []byte) (int, error) { return len(b), c.Close() }, false},
		"after it arrived": {func(c net.Conn, b []byte) (int, error) {
			n, err := c.Write(b)
			_, _ = c.Read(make([]byte, 1)) // the answer is under way: it is committed
			_ = c.Close()
			return n, err
		}, true},
	} {
		cut.Store(c.cut)
		err := s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, hire(name)) })
		require.ErrorIs(t, err, pgstore.ErrCommitUnknown, name)
		for _, ours := range []error{livedesk.ErrSerialization, livedesk.ErrConflict, livedesk.ErrExists, livedesk.ErrClosed} {
			require.NotErrorIs(t, err, ours)
		}
		apply(t, s, hire("next "+name)) // also waits until the server has noticed
		if c.kept {
			require.Contains(t, agentNames(t, s), name)
		} else {
			require.NotContains(t, agentNames(t, s), name)
		}
	}
}

// The end of ctx doesn't interrupt a COMMIT that is under way: no half commit (F27).
func TestCommitOutlivesItsContext(t *testing.T) {
	t.Parallel()
	pool, cut := lines(t)
	s := open(t, pool, pgstore.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cut.Store(func(c net.Conn, b []byte) (int, error) {
		cancel()
		time.Sleep(20 * time.Millisecond)
		return c.Write(b)
	})
	require.NoError(t, s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, hire("ann")) }))
	require.Error(t, ctx.Err())
	require.Equal(t, []string{"ann"}, agentNames(t, s))
}

// A server that never answers a COMMIT is waited for as long as configured.
func TestCommitTimeout(t *testing.T) {
	t.Parallel()
	pool, cut := lines(t)
	s := open(t, pool, pgstore.Config{CommitTimeout: 50 * time.Millisecond})
	cut.Store(func(_ net.Conn, b []byte) (int, error) { return len(b), nil })
	err := s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, hire("ann")) })
	require.ErrorIs(t, err, pgstore.ErrCommitUnknown)
	apply(t, s, hire("ben"))
}

// A transaction whose connection is killed was not kept, and the pool recovers (F130).
func TestKilledConnection(t *testing.T) {
	t.Parallel()
	u := url(t)
	admin := connect(t, u, nil)
	pool := connect(t, u, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = "victim-" + t.Name() })
	s := open(t, pool, pgstore.Config{})
	err := s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		require.NoError(t, tx.Apply(ctx, hire("ann")))
		_, err := admin.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", "victim-"+t.Name())
		require.NoError(t, err)
		return tx.Apply(ctx, hire("ben"))
	})
	require.Error(t, err)
	require.NotErrorIs(t, err, pgstore.ErrCommitUnknown)
	apply(t, s, hire("carl"))
	require.Equal(t, []string{"carl"}, agentNames(t, s))
}

// Connections that were closed while they lay in the pool cost nobody an answer: whoever meets one may try again at once, as
// the engine does, with another (F130).
func TestConnectionsThatWereClosedIdle(t *testing.T) {
	t.Parallel()
	const connections = 4
	u := url(t)
	admin := connect(t, u, nil)
	pool := connect(t, u, func(c *pgxpool.Config) {
		c.MaxConns, c.ConnConfig.RuntimeParams["application_name"] = connections, "closed-idle"
	})
	s := open(t, pool, pgstore.Config{})
	update := func(do ...func()) error {
		return s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			_, err := tx.Contacts(ctx, "w", []string{"x"})
			for _, f := range do {
				f()
			}
			return err
		})
	}
	var all, held sync.WaitGroup
	held.Add(connections)
	for range connections {
		all.Go(func() {
			assert.NoError(t, update(func() {
				held.Done()
				held.Wait()
			}))
		})
	}
	all.Wait()
	_, err := admin.Exec(t.Context(), "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'closed-idle'")
	require.NoError(t, err)
	closed := 0
	for err = update(); err != nil; err = update() {
		closed++
		require.ErrorIs(t, err, livedesk.ErrSerialization)
		require.LessOrEqual(t, closed, connections)
	}
	require.Positive(t, closed, "the pool noticed by itself, and this test shows nothing")
}

func lockAgent(ctx context.Context, tx livedesk.Tx, id string) (livedesk.Roster, error) {
	return tx.Queues(ctx, livedesk.QueueQuery{Workspace: "w", Loads: []string{id}})
}

// Connections that died while they were idle, without anybody being told, cost a caller a second each, and not its whole
// time (F130).
func TestConnectionsThatDiedIdle(t *testing.T) {
	t.Parallel()
	w := newWire(t, url(t))
	pool := connect(t, w.reach(url(t)), nil)
	t.Cleanup(w.cut) // nobody has to wait for the dead
	s, err := pgstore.New(pool, pgstore.Config{Schema: newSchema(t, connect(t, url(t), nil))})
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	var all, begun sync.WaitGroup
	begun.Add(4)
	for range 4 {
		all.Go(func() {
			require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
				_ = tx.Now()
				begun.Done()
				begun.Wait()
				return nil
			}))
		})
	}
	all.Wait()
	time.Sleep(1100 * time.Millisecond) // the pool trusts those that were used within the second
	w.set(fault{hole: true})
	w.set(fault{})
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	require.NoError(t, s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, hire("ann")) }))
}

// holding runs fn while another transaction has ann's row locked.
func holding(t *testing.T, s *pgstore.Store, fn func()) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		_, err := lockAgent(ctx, tx, "ann")
		fn()
		return err
	}))
}

func TestLockTimeoutIsSerialization(t *testing.T) {
	t.Parallel()
	s := open(t, connect(t, url(t), nil), pgstore.Config{LockTimeout: 30 * time.Millisecond})
	apply(t, s, hire("ann"))
	holding(t, s, func() {
		err := s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			_, err := lockAgent(ctx, tx, "ann")
			require.ErrorIs(t, err, livedesk.ErrSerialization)
			_, err = tx.Contacts(ctx, "w", []string{"x"})
			require.ErrorIs(t, err, livedesk.ErrSerialization, "the transaction is broken")
			return nil // an error that was swallowed is no success
		})
		require.ErrorIs(t, err, livedesk.ErrSerialization)
		require.ErrorContains(t, err, "55P03")
	})
}

func TestStatementTimeoutIsNone(t *testing.T) {
	t.Parallel()
	s := open(t, connect(t, url(t), nil), pgstore.Config{LockTimeout: -1, StatementTimeout: 30 * time.Millisecond})
	apply(t, s, hire("ann"))
	holding(t, s, func() {
		err := s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			_, err := lockAgent(ctx, tx, "ann")
			return err
		})
		require.ErrorContains(t, err, "57014")
		require.NotErrorIs(t, err, livedesk.ErrSerialization)
	})
}

// Whose statement is taken away before its time may try again: it is not what took too long.
func TestCanceledIsSerialization(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]time.Duration{"limited": time.Minute, "unlimited": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := connect(t, url(t), func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = "canceled-" + name })
			s := open(t, pool, pgstore.Config{LockTimeout: -1, StatementTimeout: limit})
			apply(t, s, hire("ann"))
			holding(t, s, func() {
				waited := make(chan error)
				go func() {
					waited <- s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
						_, err := lockAgent(ctx, tx, "ann")
						return err
					})
				}()
				admin := connect(t, url(t), nil)
				for taken := false; !taken; {
					require.NoError(t, admin.QueryRow(t.Context(), `SELECT count(pg_cancel_backend(pid)) > 0 FROM pg_stat_activity
						WHERE application_name = $1 AND wait_event_type = 'Lock'`, "canceled-"+name).Scan(&taken))
				}
				err := <-waited
				require.ErrorIs(t, err, livedesk.ErrSerialization)
				require.ErrorContains(t, err, "57014 (canceled before its time)")
			})
		})
	}
}

// Transactions that break the order of locks deadlock; one of them may be tried again.
func TestDeadlockIsSerialization(t *testing.T) {
	t.Parallel()
	s := open(t, connect(t, url(t), nil), pgstore.Config{LockTimeout: -1})
	apply(t, s, hire("ann", "ben"))
	var both sync.WaitGroup
	var ready sync.WaitGroup
	ready.Add(2)
	errs := make([]error, 2)
	for i, order := range [][]string{{"ann", "ben"}, {"ben", "ann"}} {
		both.Go(func() {
			errs[i] = s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
				_, err := lockAgent(ctx, tx, order[0])
				ready.Done()
				ready.Wait()
				if err == nil {
					_, err = lockAgent(ctx, tx, order[1])
				}
				return err
			})
		})
	}
	both.Wait()
	err := errors.Join(errs...)
	require.ErrorIs(t, err, livedesk.ErrSerialization)
	require.ErrorContains(t, err, "40P01")
	require.True(t, errs[0] == nil || errs[1] == nil)
}

// Who joins a queue while Queues waits for the agents would leave somebody waiting beside a free place (I11).
func TestJoiningAQueueMeanwhileIsSerialization(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	name := newSchema(t, pool)
	s, err := pgstore.New(pool, pgstore.Config{Schema: name, LockTimeout: -1, StatementTimeout: -1}) // it waits until it was seen to wait
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	apply(t, s, hire("ann"))
	join := livedesk.Changes{Queues: []livedesk.Queue{{Workspace: "w", ID: "team:new", Members: []livedesk.Member{{Agent: "ann"}}}}}
	free := func(meanwhile func()) error {
		holder := begin(t, pool, pgx.ReadCommitted)
		_, err := holder.Exec(t.Context(), "SELECT FROM "+name+".agents FOR UPDATE")
		require.NoError(t, err)
		done := make(chan error)
		go func() {
			done <- s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
				_, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "w", Agents: []string{"ann"}, Heads: 9})
				return err
			})
		}()
		waitForWaiter(t, pool, name)
		meanwhile()
		require.NoError(t, holder.Commit(t.Context()))
		return <-done
	}
	require.ErrorIs(t, free(func() { apply(t, s, join) }), livedesk.ErrSerialization)
	require.NoError(t, free(func() {}))
}

// waitForWaiter returns once a statement about a schema waits for a row.
func waitForWaiter(t *testing.T, pool *pgxpool.Pool, schema string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int
		err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'`, schema).Scan(&n)
		return err == nil && n > 0
	}, time.Minute, 5*time.Millisecond)
}

// Errors hold nothing of the rows, whatever the server says about them (R26).
func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	s := open(t, pool, pgstore.Config{})
	secret := livedesk.Contact{Workspace: "w", ID: "one", Address: "+14155550123", Name: "Zoe Secret", CreatedAt: time.Now()}
	apply(t, s, livedesk.Changes{Contacts: []livedesk.Contact{secret}})
	var all []error
	try := func(fn func(ctx context.Context, tx livedesk.Tx) error) {
		err := s.Update(t.Context(), fn)
		require.Error(t, err)
		all = append(all, err)
	}
	try(func(ctx context.Context, tx livedesk.Tx) error { // a unique key
		return tx.Apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{secret}})
	})
	try(func(ctx context.Context, tx livedesk.Tx) error { // what the server can't keep
		bad := secret
		bad.ID, bad.Address, bad.Labels = "two", "+14155550777", []string{"Zoe Secret\x00"}
		return tx.Apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{bad}})
	})
	for _, err := range all {
		require.NotContains(t, err.Error(), "Secret")
		require.NotContains(t, err.Error(), "+1415555")
	}
	require.ErrorIs(t, all[0], livedesk.ErrExists)
	_, ok := errors.AsType[*pgconn.PgError](all[1])
	require.True(t, ok, "the server's own words can be had by who asks for them")
}

func TestClosedPool(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), url(t))
	require.NoError(t, err)
	s, err := pgstore.New(pool, pgstore.Config{})
	require.NoError(t, err)
	pool.Close()
	require.ErrorIs(t, s.Update(t.Context(), nil), livedesk.ErrClosed)
	require.ErrorIs(t, s.View(t.Context(), nil), livedesk.ErrClosed)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := pgstore.New(nil, pgstore.Config{})
	require.Error(t, err)
	pool, err := pgxpool.New(t.Context(), "postgres://nobody@127.0.0.1:1/none") // no I/O before it is used
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	for _, schema := range []string{"Desk", `a"b`, "7desk", "pg_desk", "a.b", "désk", "x23456789012345678901234567890123456789012345678x"} {
		_, err := pgstore.New(pool, pgstore.Config{Schema: schema})
		require.ErrorContains(t, err, "Config.Schema", schema)
	}
	_, err = pgstore.New(pool, pgstore.Config{Schema: "A", LockTimeout: 1, StatementTimeout: 48 * time.Hour})
	for _, field := range []string{"Config.Schema", "Config.LockTimeout", "Config.StatementTimeout"} {
		require.ErrorContains(t, err, field)
	}
	for _, schema := range []string{"", "desk", "order", "_x9"} {
		s, err := pgstore.New(pool, pgstore.Config{Schema: schema})
		require.NoError(t, err)
		require.True(t, s.Durable())
	}
}

// A reserved word is a schema like any other.
func TestReservedWordAsSchema(t *testing.T) {
	t.Parallel()
	pool := connect(t, url(t), nil)
	s, err := pgstore.New(pool, pgstore.Config{Schema: "order"})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := pool.Exec(context.WithoutCancel(t.Context()), `DROP SCHEMA "order" CASCADE`)
		require.NoError(t, err)
	})
	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, s.Check(t.Context()))
	apply(t, s, hire("ann"))
	require.Equal(t, []string{"ann"}, agentNames(t, s))
}
