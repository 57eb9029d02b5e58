package pgstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// ErrNewerSchema means that the schema was migrated by a version of the library that this one can't work beside: two
// schema versions ahead or more.
var ErrNewerSchema = errors.New("schema is newer than this version of the library")

// ErrOldSchema means that migrations are missing; run [Store.Migrate].
var ErrOldSchema = errors.New("schema is older than this version of the library")

// schemaVersion is the number of the newest migration.
const schemaVersion = 1

// versionTable is where the versions that ran are remembered, in the schema.
const versionTable = "schema_versions"

const (
	sqlSchemaVersion = `SELECT coalesce(max(version_id), 0) FROM {s}.` + versionTable

	sqlMakeSchema = `CREATE SCHEMA IF NOT EXISTS {s}`

	sqlSchemaExists = `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1)`

	sqlEncoding = `SELECT current_setting('server_encoding')`
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations returns the schema as numbered SQL files with goose annotations, with the name of the schema in them, for a
// host that runs migrations with a tool of its own. They are never edited once released, only added to. They don't make
// the schema itself. A host that runs them must record them in goose's way in the table schema_versions of the schema
// (version_id, is_applied, tstamp), or call [Store.Migrate] instead. The error is that of [New] for the same cfg.
func Migrations(cfg Config) (fs.FS, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("pgstore: %w", err)
	}
	return render(quote(cfg.Schema)), nil
}

func render(schema string) fs.FS {
	sub, err := fs.Sub(migrationFiles, "migrations")
	if err != nil { // the name is valid
		panic(err)
	}
	return rendered{sub, schema}
}

// Migrate makes the schema if it is missing and brings it up to date, with goose as a library: its Provider, no globals.
// Each migration is one transaction: one that is killed leaves nothing behind and runs again. Several processes may call it at once; those
// that lose the race find the work done. It needs the right to create tables in the schema, which the Store itself does not.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	// No lock keeps two processes apart: a lock of the session would not outlive PgBouncer's transactions. Both then
	// find a migration pending, the one that comes second fails on what exists already, and looks again.
	const attempts = 10
	for attempt := 1; ; attempt++ {
		err := s.migrate(ctx)
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

func (s *Store) migrate(ctx context.Context) error {
	if err := s.makeSchema(ctx); err != nil {
		return explain("make schema", err)
	}
	db := stdlib.OpenDBFromPool(s.pool)
	defer db.Close()
	p, err := goose.NewProvider("", db, render(s.schema), goose.WithStore(versions{s}),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("pgstore: migrate: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("pgstore: migrate: %w", err)
	}
	return nil
}

// makeSchema doesn't ask for the right to make a schema where there is one.
func (s *Store) makeSchema(ctx context.Context) error {
	var exists bool
	if err := s.pool.QueryRow(ctx, sqlSchemaExists, s.cfg.Schema).Scan(&exists); err != nil || exists {
		return err
	}
	_, err := s.pool.Exec(ctx, s.sql(sqlMakeSchema))
	return err
}

// Check implements [livedesk.CheckedStore]: the database can be reached, keeps text as UTF-8, and its schema is one that
// this version can use: its own or the next one, which only adds to it. The error wraps [ErrNewerSchema], [ErrOldSchema] or
// [livedesk.ErrClosed] where it is one of these. It costs one or two small reads.
func (s *Store) Check(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	var encoding string
	if err := s.pool.QueryRow(ctx, sqlEncoding).Scan(&encoding); err != nil {
		return explain("check", err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("pgstore: check: the database's encoding is %s, want UTF8", encoding)
	}
	var version int64
	err := s.pool.QueryRow(ctx, s.sql(sqlSchemaVersion)).Scan(&version)
	switch {
	case missing(err):
		return fmt.Errorf("pgstore: check: no schema %s: %w", s.schema, ErrOldSchema)
	case err != nil:
		return explain("check", err)
	case version > schemaVersion+1:
		return fmt.Errorf("pgstore: check: version %d, want %d: %w", version, schemaVersion, ErrNewerSchema)
	case version < schemaVersion:
		return fmt.Errorf("pgstore: check: version %d, want %d: %w", version, schemaVersion, ErrOldSchema)
	}
	return nil
}

// versions is goose's record of what ran. Goose's own for PostgreSQL writes the table's name unquoted and numbers rows by
// a sequence.
type versions struct{ s *Store }

var _ database.StoreExtender = versions{}

// Tablename implements database.Store.
func (v versions) Tablename() string { return v.s.schema + "." + versionTable }

// TableExists implements database.StoreExtender.
func (v versions) TableExists(ctx context.Context, db database.DBTxConn) (exists bool, err error) {
	const text = `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2)`
	return exists, db.QueryRowContext(ctx, text, v.s.cfg.Schema, versionTable).Scan(&exists)
}

// CreateVersionTable implements database.Store.
func (v versions) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	_, err := db.ExecContext(ctx, v.s.sql(`CREATE TABLE {s}.`+versionTable+` (
		version_id bigint NOT NULL PRIMARY KEY,
		is_applied boolean NOT NULL,
		tstamp timestamptz NOT NULL DEFAULT now())`))
	return err
}

// Insert implements database.Store.
func (v versions) Insert(ctx context.Context, db database.DBTxConn, r database.InsertRequest) error {
	_, err := db.ExecContext(ctx, v.s.sql(`INSERT INTO {s}.`+versionTable+` (version_id, is_applied) VALUES ($1, true)`), r.Version)
	return err
}

// Delete implements database.Store.
func (v versions) Delete(ctx context.Context, db database.DBTxConn, version int64) error {
	_, err := db.ExecContext(ctx, v.s.sql(`DELETE FROM {s}.`+versionTable+` WHERE version_id = $1`), version)
	return err
}

// GetMigration implements database.Store.
func (v versions) GetMigration(ctx context.Context, db database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	var r database.GetMigrationResult
	err := db.QueryRowContext(ctx, v.s.sql(`SELECT tstamp, is_applied FROM {s}.`+versionTable+` WHERE version_id = $1`), version).
		Scan(&r.Timestamp, &r.IsApplied)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: %d", database.ErrVersionNotFound, version)
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// GetLatestVersion implements database.Store.
func (v versions) GetLatestVersion(ctx context.Context, db database.DBTxConn) (int64, error) {
	var latest sql.NullInt64
	if err := db.QueryRowContext(ctx, v.s.sql(`SELECT max(version_id) FROM {s}.`+versionTable)).Scan(&latest); err != nil {
		return 0, err
	}
	if !latest.Valid {
		return 0, database.ErrVersionNotFound
	}
	return latest.Int64, nil
}

// ListMigrations implements database.Store.
func (v versions) ListMigrations(ctx context.Context, db database.DBTxConn) (out []*database.ListMigrationsResult, err error) {
	rows, err := db.QueryContext(ctx, v.s.sql(`SELECT version_id, is_applied FROM {s}.`+versionTable+` ORDER BY version_id DESC`))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r database.ListMigrationsResult
		if err := rows.Scan(&r.Version, &r.IsApplied); err != nil {
			return nil, err
		}
		out = append(out, &r)
	}
	return out, rows.Err()
}
