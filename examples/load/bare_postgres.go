package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// barePostgres is a pool of its own, of the same size as the desk's, with commits that wait for the disk.
type barePostgres struct{ pool *pgxpool.Pool }

func openBarePostgres(ctx context.Context, cfg *pgxpool.Config) (*barePostgres, error) {
	cfg = cfg.Copy()
	cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	_, err = pool.Exec(ctx, `DROP TABLE IF EXISTS load_bare;
		CREATE TABLE load_bare (id text PRIMARY KEY, sender text, recipient text, body text, status text, at timestamptz)`)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &barePostgres{pool}, nil
}

func (p *barePostgres) insert(ctx context.Context, id, from, to, body string) error {
	_, err := p.pool.Exec(ctx, `INSERT INTO load_bare (id, sender, recipient, body, at) VALUES ($1, $2, $3, $4, $5)`,
		id, from, to, body, time.Now())
	return err
}

func (p *barePostgres) mark(ctx context.Context, id, status string) error {
	tag, err := p.pool.Exec(ctx, `UPDATE load_bare SET status = $2 WHERE id = $1`, id, status)
	if err == nil && tag.RowsAffected() != 1 {
		err = errNoRow
	}
	return err
}

func (p *barePostgres) fill(ctx context.Context, ids []string) error {
	_, err := p.pool.CopyFrom(ctx, pgx.Identifier{"load_bare"}, []string{"id", "at"},
		pgx.CopyFromSlice(len(ids), func(i int) ([]any, error) { return []any{ids[i], time.Now()}, nil }))
	return err
}

func (p *barePostgres) close(ctx context.Context) error {
	defer p.pool.Close()
	_, err := p.pool.Exec(ctx, `DROP TABLE load_bare`)
	return err
}
