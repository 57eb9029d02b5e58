package pgstore_test

import (
	"context"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return
	}
	defer pool.Close()
	store, err := pgstore.New(pool, pgstore.Config{})
	if err != nil {
		return
	}
	if err := store.Migrate(ctx); err != nil {
		return
	}
	engine, err := livedesk.New(store, livedesk.Config{})
	if err != nil {
		return
	}
	_ = engine.Run(ctx)
}

// An agent is made in the transaction that makes the host's own user.
func ExampleStore_Join() {
	var ctx context.Context
	var pool *pgxpool.Pool
	var store *pgstore.Store

	_ = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO users (id) VALUES ($1)", "ann"); err != nil {
			return err
		}
		return store.Join(tx).Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			return tx.Apply(ctx, livedesk.Changes{Agents: []livedesk.Agent{{Workspace: "acme", ID: "ann"}}})
		})
	})
}
