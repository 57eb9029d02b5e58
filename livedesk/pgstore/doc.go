// Package pgstore keeps desks in PostgreSQL: the [livedesk.Store] for a host that runs in several processes. It works on a
// pgx pool of the host's and never through database/sql, except to migrate.
//
//	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
//	if err != nil {
//		return err
//	}
//	defer pool.Close()
//	store, err := pgstore.New(pool, pgstore.Config{})
//	if err != nil {
//		return err
//	}
//	if err := store.Migrate(ctx); err != nil {
//		return err
//	}
//	engine, err := livedesk.New(store, livedesk.Config{Sealer: ring}) // and what a desk needs otherwise
//
// # Transactions
//
// Update is READ COMMITTED with row locks, taken in the order of the keys; View is REPEATABLE READ, READ ONLY and locks
// nothing. Each method costs one round trip whatever the size of its batch, because its statements are pipelined and
// take their rows as arrays; the first goes with BEGIN, and what Apply writes with COMMIT. A batch of texts of known
// senders costs two, of new ones three. What others hold is passed over with SKIP LOCKED where the contract says so, else
// waited for until [Config].LockTimeout.
//
// Update returns nil only when the commit is on disk: each transaction raises synchronous_commit to "on", whatever the
// cluster or the pool say. A COMMIT that was sent is waited for although ctx has ended. A connection that is lost while its
// answer is awaited makes Update answer [ErrCommitUnknown]; livedesk's keys make it safe to do the same work again.
//
// # The pool
//
// The pool may be shared with the rest of the host. A transaction leaves nothing behind on its connection: settings are
// local to it, there are no session locks, no LISTEN, no temporary tables, no search_path. [Store.Join] runs inside a
// transaction of the host's.
//
// Every way of pgx to execute works: with prepared statements that pgx keeps by connection (the default, and the
// fastest), and with QueryExecModeCacheDescribe, QueryExecModeDescribeExec, QueryExecModeExec and
// QueryExecModeSimpleProtocol. Behind PgBouncer in transaction mode use QueryExecModeExec
// (default_query_exec_mode=exec in the URL), or QueryExecModeSimpleProtocol; the default needs PgBouncer 1.21 with
// max_prepared_statements. With the simple protocol texts and numbers are part of the statements, and so of a server's log
// of statements.
//
// An Update or View takes one connection while it runs. The engine runs a few at a time, and one for each call of the
// host's.
//
// # The database
//
// PostgreSQL 12 or later, with encoding UTF8 and any locale: keys compare byte by byte. Tested with 15. With a view to the
// distributed databases that speak its protocol (CockroachDB, YugabyteDB) keys lead with the workspace, one live
// conversation is a plain unique index over a key that may be NULL, and there are no advisory locks, sequences, triggers
// or NOTIFY; partial indexes, savepoints and SKIP LOCKED they have. It has not been run on them.
//
// Tables live in a schema of their own, [Config].Schema. [Store.Migrate] needs the right to create in it; at run time the
// Store needs SELECT, INSERT, UPDATE and DELETE on its tables. A version of the library runs on its own schema and
// on the next one, and writes only the columns that it knows. Times are bigint, microseconds since 1970 UTC.
//
// What retention deletes is room for new rows once autovacuum has been there; the tables don't shrink. Its slices wait for
// nobody, and a text waits for a slice only if it comes for a conversation that the slice is about to delete.
//
// Statements find their rows by the index that is made for them whatever the statistics say, also before autovacuum has
// analyzed fresh tables for the first time; but for retention's, which has nothing to do then.
package pgstore
