package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

func testDB(t *testing.T) *sql.DB {
	t.Helper()
	path, err := prepareFile(filepath.Join(t.TempDir(), "desk.db"))
	require.NoError(t, err)
	db, err := openDB(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// statements are the parts of the first migration, as they are run one by one.
func statements(t *testing.T) []string {
	t.Helper()
	text, err := fs.ReadFile(Migrations(), "00001_desk.sql")
	require.NoError(t, err)
	_, up, found := strings.Cut(string(text), "-- +goose Up")
	require.True(t, found)
	up, _, found = strings.Cut(up, "-- +goose Down")
	require.True(t, found)
	var all []string
	for s := range strings.SplitSeq(up, ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// F126: a migration that ends behind any of its statements leaves nothing of itself, since all of them are one
// transaction, and the next attempt completes it.
func TestMigrationInterruptedAtEachStatement(t *testing.T) {
	t.Parallel()
	all := statements(t)
	require.Greater(t, len(all), 15)
	for n := range len(all) + 1 {
		db := testDB(t)
		func() {
			sc, err := db.Conn(t.Context())
			require.NoError(t, err)
			defer sc.Close()
			c := newConn(sc)
			_, err = c.exec(sqlBegin)
			require.NoError(t, err)
			for _, s := range all[:n] {
				_, err := sc.ExecContext(t.Context(), s)
				require.NoError(t, err, s)
			}
			c.discard() // what is left of a process that was killed
		}()
		require.NoError(t, Migrate(t.Context(), db), "after %d statements", n)
		require.NoError(t, checkSchema(t.Context(), db))
	}
}

// A migration whose context ends rolls back, and runs when it is called again.
func TestMigrationIsTwiceTheSame(t *testing.T) {
	t.Parallel()
	db := testDB(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, Migrate(ctx, db), context.Canceled)
	require.ErrorContains(t, checkSchema(t.Context(), db), "read schema version")
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() { errs[i] = Migrate(t.Context(), db) })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, Migrate(t.Context(), db))
	require.NoError(t, checkSchema(t.Context(), db))
}

// A version of the library works on its own schema and on the next one, and refuses what is beyond.
func TestSchemaOfOtherVersions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	for _, c := range []struct {
		version int
		want    error
	}{{schemaVersion, nil}, {schemaVersion + 1, nil}, {schemaVersion + 2, ErrNewerSchema}} {
		s, err := Open(t.Context(), path, Config{})
		require.NoError(t, err)
		_, err = s.db.Exec(fmt.Sprintf("DELETE FROM %s WHERE version_id > %d", versionTable, schemaVersion))
		require.NoError(t, err)
		for v := schemaVersion + 1; v <= c.version; v++ {
			_, err = s.db.Exec("INSERT INTO "+versionTable+" (version_id, is_applied) VALUES (?, 1)", v)
			require.NoError(t, err)
		}
		require.ErrorIs(t, s.Check(t.Context()), c.want)
		require.NoError(t, s.Close())
	}
	_, err := Open(t.Context(), path, Config{})
	require.ErrorIs(t, err, ErrNewerSchema)
	require.ErrorContains(t, err, "newer")

	db, err := openDB(path)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec("DELETE FROM " + versionTable + " WHERE version_id > 0")
	require.NoError(t, err)
	require.ErrorIs(t, checkSchema(t.Context(), db), ErrOldSchema)
}

// An older version of the library leaves alone what a newer one added to its rows.
func TestColumnsOfTheNextVersionAreLeftAlone(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "desk.db"), Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	row := livedesk.Contact{Workspace: "w", ID: "c", Address: "+14155550123"}
	write := func() {
		require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			return tx.Apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{row}})
		}))
	}
	write()
	for _, q := range []string{"ALTER TABLE contacts ADD COLUMN pronoun TEXT", "UPDATE contacts SET pronoun = 'they'"} {
		_, err := s.db.Exec(q)
		require.NoError(t, err)
	}
	row.Version, row.Name = 1, "Zoe"
	write()
	var name, pronoun string
	require.NoError(t, s.db.QueryRow("SELECT name, pronoun FROM contacts").Scan(&name, &pronoun))
	require.Equal(t, "Zoe they", name+" "+pronoun)
}
