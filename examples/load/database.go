package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// errNoRow means that a row that was put there is gone.
var errNoRow = errors.New("no row with that id")

// database is where both sides keep what they are told.
type database struct {
	name    string         // without credentials
	store   livedesk.Store // the first of
	stores  []livedesk.Store
	bare    reference
	analyze func(ctx context.Context) error // does what autovacuum does within a minute of a new database
	backend int                             // process id of a PostgreSQL connection, 0 for none
	closers []func() error
}

// tables are those that a desk's work of every second is about.
var tables = []string{
	"livedesk.contacts", "livedesk.threads", "livedesk.arrivals", "livedesk.conversations", "livedesk.inbox", "livedesk.messages",
	"livedesk.queues", "livedesk.queue_agents", "livedesk.agents",
}

// openDatabase opens what -store says and brings its schema up to date.
func openDatabase(ctx context.Context, o options, log *slog.Logger) (*database, error) {
	d := &database{analyze: func(context.Context) error { return nil }}
	var err error
	switch path, isSQLite := strings.CutPrefix(o.store, "sqlite:"); {
	case o.store == "memory":
		d.name, d.store, d.bare = "memory", memstore.New(), newBareMemory()
	case isSQLite && path != "":
		err = d.openSQLite(ctx, path, log)
	case strings.HasPrefix(o.store, "postgres://"), strings.HasPrefix(o.store, "postgresql://"):
		err = d.openPostgres(ctx, o)
	default:
		err = errors.New(`-store must be "memory", "sqlite:PATH" or a postgres:// URL`)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	for len(d.stores) < o.desks { // where they share what is in this process
		d.stores = append(d.stores, d.store)
	}
	return d, nil
}

func (d *database) openSQLite(ctx context.Context, path string, log *slog.Logger) error {
	store, err := sqlitestore.Open(ctx, path, sqlitestore.Config{Logger: log})
	if err != nil {
		return err
	}
	d.name, d.store = "SQLite", store
	d.closers = append(d.closers, store.Close)
	bare, err := openBareSQLite(ctx, path)
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	d.bare = bare
	d.closers = append(d.closers, bare.close)
	return nil
}

func (d *database) openPostgres(ctx context.Context, o options) error {
	cfg, err := pgxpool.ParseConfig(o.store)
	if err != nil {
		return errors.New("-store: the postgres:// URL can't be read") // pgx's own error repeats it
	}
	var pool *pgxpool.Pool
	for range o.desks {
		part := cfg.Copy()
		part.MaxConns = int32(o.connections / o.desks)
		if pool, err = pgxpool.NewWithConfig(ctx, part); err != nil {
			return err
		}
		p := pool
		d.closers = append(d.closers, func() error { p.Close(); return nil })
		store, err := pgstore.New(pool, pgstore.Config{})
		if err == nil {
			err = store.Migrate(ctx)
		}
		if err != nil {
			return err
		}
		d.stores = append(d.stores, store)
	}
	d.name, d.store = "PostgreSQL", d.stores[0]
	if err := pool.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&d.backend); err != nil {
		return err
	}
	d.analyze = func(ctx context.Context) error {
		_, err := pool.Exec(ctx, `ANALYZE `+strings.Join(tables, ", "))
		return err
	}
	cfg.MaxConns = int32(o.connections)
	bare, err := openBarePostgres(ctx, cfg)
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	d.bare = bare
	d.closers = append(d.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return bare.close(ctx)
	})
	return nil
}

// close closes what was opened, the last first.
func (d *database) close() error {
	var errs []error
	for i := len(d.closers) - 1; i >= 0; i-- {
		errs = append(errs, d.closers[i]())
	}
	d.closers = nil
	return errors.Join(errs...)
}
