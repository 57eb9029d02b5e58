package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// lookTimeout is how long an idle connection may take to show that it is alive.
const lookTimeout = time.Second

// acquire takes a connection from the pool. The pool asks one that was idle for a second whether it is still alive, and waits
// for the answer as long as ctx lasts. After a network that swallowed packets all of them may be dead, and each would cost its
// caller the whole time; so as long as there are idle ones, each look into the pool is short.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	for s.pool.Stat().IdleConns() > 0 && ctx.Err() == nil {
		look, cancel := context.WithTimeout(ctx, lookTimeout)
		c, err := s.pool.Acquire(look)
		over := look.Err() != nil
		cancel()
		if err == nil || !over {
			return c, err
		}
	}
	return s.pool.Acquire(ctx)
}
