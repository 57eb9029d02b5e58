package main

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// bareSQLite is one connection that writes, with the settings of the desk's: WAL, synchronous FULL, BEGIN IMMEDIATE.
type bareSQLite struct {
	db             *sql.DB
	insertRow, set *sql.Stmt
}

func openBareSQLite(ctx context.Context, path string) (*bareSQLite, error) {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16384)",
	}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &bareSQLite{db: db}
	if err := s.prepare(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

func (s *bareSQLite) prepare(ctx context.Context) (err error) {
	for _, statement := range []string{
		`DROP TABLE IF EXISTS load_bare`,
		`CREATE TABLE load_bare (id TEXT PRIMARY KEY, sender TEXT, recipient TEXT, body TEXT, status TEXT, at INTEGER)`,
	} {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if s.insertRow, err = s.db.PrepareContext(ctx, `INSERT INTO load_bare (id, sender, recipient, body, at) VALUES (?, ?, ?, ?, ?)`); err != nil {
		return err
	}
	s.set, err = s.db.PrepareContext(ctx, `UPDATE load_bare SET status = ? WHERE id = ?`)
	return err
}

func (s *bareSQLite) insert(ctx context.Context, id, from, to, body string) error {
	return s.commit(ctx, s.insertRow, id, from, to, body, time.Now().UnixMicro())
}

func (s *bareSQLite) mark(ctx context.Context, id, status string) error {
	return s.commit(ctx, s.set, status, id)
}

// commit does one statement, which must touch one row, in one transaction.
func (s *bareSQLite) commit(ctx context.Context, statement *sql.Stmt, args ...any) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing to do after a commit
	result, err := tx.StmtContext(ctx, statement).ExecContext(ctx, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errNoRow
	}
	return tx.Commit()
}

func (s *bareSQLite) fill(ctx context.Context, ids []string) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, id := range ids {
		if _, err := tx.StmtContext(ctx, s.insertRow).ExecContext(ctx, id, "", "", "", time.Now().UnixMicro()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (s *bareSQLite) close() error {
	_, err := s.db.Exec(`DROP TABLE load_bare`)
	if e := s.db.Close(); err == nil {
		err = e
	}
	return err
}
