// Package sqlitestore keeps a desk in one SQLite file: the durable [livedesk.Store] for a host that runs in one process
// and wants no database server. It uses database/sql with modernc.org/sqlite, which needs no C compiler.
//
//	store, err := sqlitestore.Open(ctx, "/var/lib/helpdesk/desk.db", sqlitestore.Config{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	engine, err := livedesk.New(store, livedesk.Config{Sealer: ring}) // and what a desk needs otherwise
//
// # Durability
//
// The file is in WAL mode with synchronous=FULL; these and some further settings are made and read back on every
// connection, and Open refuses a file or file system that doesn't take them. Update returns nil only after the commit is
// synced to the disk, so whatever was acknowledged outlives kill -9 and the loss of power, as far as the disk keeps
// its word. When SQLite refuses a commit, all that share it get the same error, which wraps nothing of ours: the sync
// may have failed after the data was written, so read again by a unique key before doing it again.
//
// # Group commit
//
// A sync costs far more than the work of one text. Updates that wait together therefore share a transaction: they run
// one after the other, each on its caller's goroutine and each in a savepoint, and one commit acknowledges all of them.
// One that fails, panics or whose context ends takes back its own changes only. An idle desk adds no delay: an Update that
// finds nobody waiting commits alone.
//
// SQLite may drop a whole transaction after a full disk or an I/O error. Those whose finished work went with it get
// [livedesk.ErrSerialization], and the next ones run alone, one commit each, until as many have passed, so that an
// Update that breaks its transaction breaks nobody else's twice.
//
// # Several processes
//
// Other processes may use the file at the same time. Only one can write: an Update waits for the lock for
// [Config].LockWait at most, and at most [Config].MaxWaiting wait in one process; more answer [livedesk.ErrBusy]. For a
// desk that runs in several processes as a rule, use pgstore.
//
// # Size
//
// What retention deletes leaves pages free in the file, which later rows use again; the file itself doesn't shrink. To give
// the room back to the disk, run VACUUM with the sqlite3 shell while no process has the file open: it needs as much room again
// for as long as it takes. Pages aren't given back bit by bit (auto_vacuum), since that moves pages with every slice.
//
// # Schema
//
// Open migrates. [Migrations] gives the numbered SQL files to a host that has a tool of its own; [Migrate] runs them
// alone. A version of the library runs on its own schema and on the next one, and writes only the columns that it knows.
package sqlitestore
