package pgstore_test

import (
	"context"
	"encoding/base64"
	"errors"
	"log"
	"os"
	"os/signal"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

// A process of a host: it migrates, which any number of processes may do at once, and delivers until it is told to end.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := func() error {
		pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
		if err != nil {
			return err
		}
		defer pool.Close()
		store, err := pgstore.New(pool, pgstore.Config{})
		if err != nil {
			return err
		}
		if err := store.Migrate(ctx); err != nil {
			return err
		}
		key, err := base64.StdEncoding.DecodeString(os.Getenv("DESK_KEY")) // 32 bytes, kept apart from the database
		if err != nil {
			return err
		}
		ring, err := livedesk.NewKeyRing(key)
		if err != nil {
			return err
		}
		engine, err := livedesk.New(store, livedesk.Config{Sealer: ring})
		if err != nil {
			return err
		}
		return engine.Run(ctx)
	}
	if err := run(); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
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
