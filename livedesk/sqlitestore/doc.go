// Package sqlitestore keeps a desk in one SQLite file.
package sqlitestore

import (
	_ "github.com/pressly/goose/v3"
	_ "modernc.org/sqlite"
)
