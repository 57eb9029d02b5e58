package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// role is what a connection is for.
type role int

const (
	reading role = iota
	writing
)

// busyWait is how long SQLite itself waits for a lock, in milliseconds. A writer asks again in a loop of our own, which
// looks at the caller's context between; a reader waits only while another process recovers or closes the file.
func (r role) busyWait() string {
	if r == writing {
		return "100"
	}
	return "5000"
}

// setting is a pragma with the value that must be read back. synchronous 2 is FULL, temp_store 2 is MEMORY.
type setting struct{ name, set, want string }

// settings are what durability and safety rest on, in the order in which they are made. A file may bring other values
// with it (journal_mode is kept in it) and a host's build of SQLite other defaults.
func (r role) settings() []setting {
	return []setting{
		{"busy_timeout", r.busyWait(), r.busyWait()},
		{"journal_mode", "WAL", "wal"},
		{"synchronous", "FULL", "2"},
		{"foreign_keys", "ON", "1"},
		// What a savepoint may have to take back is kept in memory: a temporary file would be written for nothing.
		{"temp_store", "MEMORY", "2"},
		// Who folds does it sooner; this is for when that fails.
		{"wal_autocheckpoint", "16384", "16384"},
		// A log that grew under a long reader shrinks again at the next checkpoint that empties it.
		{"journal_size_limit", "67108864", "67108864"},
		// Pages that a sync wrote are read again by the next transaction: kept, they cost no system call. In KiB.
		{"cache_size", "-16384", "-16384"},
		{"query_only", map[role]string{reading: "ON", writing: "OFF"}[r], map[role]string{reading: "1", writing: "0"}[r]},
	}
}

// openDB returns a handle whose connections begin transactions with BEGIN IMMEDIATE and have the writer's settings,
// for the migrations. Connections of our own are made by connect.
func openDB(path string) (*sql.DB, error) {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/desk.db
	}
	query := url.Values{
		"mode":          {"rw"}, // the file was made before, with narrow permissions
		"_txlock":       {"immediate"},
		"_busy_timeout": {"5000"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"ON"},
		"_dqs":          {"false"},
		"_defensive":    {"true"},
		"_error_rc":     {"true"}, // no stale "out of memory" beside a file that can't be opened
	}
	connector, err := sqlite.NewConnector((&url.URL{Scheme: "file", Path: slashed, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// connect opens a connection and makes its settings.
func (s *Store) connect(ctx context.Context, r role) (*conn, error) {
	sc, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := newConn(sc)
	for _, p := range r.settings() {
		if err := apply(ctx, sc, p); err != nil {
			c.discard()
			return nil, err
		}
	}
	return c, nil
}

// apply makes one setting and reads it back.
func apply(ctx context.Context, sc *sql.Conn, p setting) error {
	if _, err := sc.ExecContext(ctx, "PRAGMA "+p.name+" = "+p.set); err != nil {
		return fmt.Errorf("set %s: %w", p.name, err)
	}
	var got string
	if err := sc.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&got); err != nil {
		return fmt.Errorf("read %s: %w", p.name, err)
	}
	return p.check(got)
}

func (p setting) check(got string) error {
	switch {
	case strings.EqualFold(got, p.want):
		return nil
	case p.name == "journal_mode":
		return fmt.Errorf("the file system refuses the write-ahead log (journal_mode is %s); keep the file on a local disk", got)
	}
	return fmt.Errorf("%s is %s, must be %s", p.name, got, p.want)
}
