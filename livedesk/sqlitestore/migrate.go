package sqlitestore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// ErrNewerSchema means that the file was migrated by a version of the library that this one can't work beside: two
// schema versions ahead or more.
var ErrNewerSchema = errors.New("schema is newer than this version of the library")

// ErrOldSchema means that migrations are missing; run [Migrate], or [Open] the file.
var ErrOldSchema = errors.New("schema is older than this version of the library")

// schemaVersion is the number of the newest migration.
const schemaVersion = 1

// versionTable is where goose remembers which migrations ran. Its name leaves a host's own goose table alone.
const versionTable = "livedesk_schema"

const sqlSchemaVersion = `SELECT coalesce(max(version_id), 0) FROM ` + versionTable

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations returns the schema as numbered SQL files with goose annotations, for a host that runs migrations with a
// tool of its own. They are never edited once released, only added to. A host that runs them must record them in
// goose's way in the table livedesk_schema, or call [Migrate] instead.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrationFiles, "migrations")
	if err != nil { // the name is valid
		panic(err)
	}
	return sub
}

// Migrate brings the schema up to date; [Open] does it too. db is a handle of the driver modernc.org/sqlite. Each
// migration is one transaction: one that is killed leaves nothing behind and runs again. Several processes may call it
// at once; those that lose the race wait for the winner.
func Migrate(ctx context.Context, db *sql.DB) error {
	// Two at once can both find a migration pending; the one that comes second to the lock then fails on a table that
	// exists already. What counts is whether anything is left to do.
	const attempts = 10
	for attempt := 1; ; attempt++ {
		err := migrateOnce(ctx, db)
		if err == nil || ctx.Err() != nil || attempt == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(attempt) * 20 * time.Millisecond):
		}
	}
}

func migrateOnce(ctx context.Context, db *sql.DB) error {
	store, err := database.NewStore(database.DialectSQLite3, versionTable)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider("", db, Migrations(), goose.WithStore(store), goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// querier is what *sql.DB and *sql.Conn have in common.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// checkSchema tells whether this version can use the schema: its own, and the next one, which only adds to it.
func checkSchema(ctx context.Context, q querier) error {
	var version int64
	if err := q.QueryRowContext(ctx, sqlSchemaVersion).Scan(&version); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	switch {
	case version > schemaVersion+1:
		return fmt.Errorf("version %d, want %d: %w", version, schemaVersion, ErrNewerSchema)
	case version < schemaVersion:
		return fmt.Errorf("version %d, want %d: %w", version, schemaVersion, ErrOldSchema)
	}
	return nil
}

// Check implements [livedesk.CheckedStore]: the file can be read and its schema is one that this version can use. The
// error wraps [ErrNewerSchema], [ErrOldSchema] or [livedesk.ErrClosed] where it is one of these. It costs two small reads.
func (s *Store) Check(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.RUnlock()
	if err := checkSchema(ctx, s.db); err != nil {
		return fmt.Errorf("sqlitestore: check: %w", explain(err))
	}
	return nil
}
