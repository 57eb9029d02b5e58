package sqlitestore_test

import (
	"database/sql"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// raw opens the file as a stranger does.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// integrity returns what SQLite itself says about the file.
func integrity(t testing.TB, path string) string {
	t.Helper()
	db := raw(t, path)
	defer db.Close()
	return ask(t, db, "PRAGMA integrity_check")
}

func ask(t testing.TB, db *sql.DB, query string) (answer string) {
	t.Helper()
	require.NoError(t, db.QueryRow(query).Scan(&answer))
	return answer
}
