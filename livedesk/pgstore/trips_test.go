package pgstore_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
)

// trips counts round trips that carry statements.
type trips struct{ n atomic.Int64 }

func (c *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (c *trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (c *trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
func (c *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (c *trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// counted returns a fresh store, and a function that returns how many round trips fn took.
func counted(t *testing.T) (*pgstore.Store, func(fn func() error) int) {
	c := &trips{}
	s := open(t, connect(t, url(t), func(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = c }), pgstore.Config{})
	return s, func(fn func() error) int {
		before := c.n.Load()
		require.NoError(t, fn())
		return int(c.n.Load() - before)
	}
}

// A batch of texts costs two round trips, of senders who are known and, while there are new ones in every batch, of new ones.
func TestRoundTripsOfABatch(t *testing.T) {
	t.Parallel()
	s, trips := counted(t)
	take := func(senders ...int) func() error {
		return func() error { return takeBatch(t.Context(), s, senders) }
	}
	require.Equal(t, 3, trips(take(1, 2)), "the first new ones")
	require.Equal(t, 2, trips(take(3, 4)), "new ones")
	require.Equal(t, 2, trips(take(1, 5)), "a known one and a new one")
	require.Equal(t, 2, trips(take(1, 2)), "known ones")
	for range 16 {
		require.Equal(t, 2, trips(take(1, 2)), "known ones")
	}
	require.Equal(t, 3, trips(take(6)), "a new one that wasn't reckoned with")
	require.Equal(t, 1, trips(func() error {
		return s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
			rows, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: "w", Channel: "sms", Address: address(6)}, {Workspace: "w", Channel: "sms", Address: address(4)}})
			for _, r := range rows {
				require.NotNil(t, r.Current)
				require.EqualValues(t, 2, r.Thread.Version, "made, and written once")
				require.Equal(t, r.Current.ID, r.Thread.Conversation)
			}
			return err
		})
	}))
}

// A contact that is made at once is like one that isn't, and so are its threads, whatever follows in the transaction.
func TestMadeAtOnce(t *testing.T) {
	t.Parallel()
	s, _ := counted(t)
	keys := func(n int) []livedesk.ThreadKey {
		return []livedesk.ThreadKey{{Workspace: "w", Channel: "sms", Address: address(n)}, {Workspace: "w", Channel: "chat", Address: address(n)}}
	}
	for n, then := range []func(ctx context.Context, tx livedesk.Tx, l livedesk.LoadedThread) error{
		func(context.Context, livedesk.Tx, livedesk.LoadedThread) error { return nil },
		func(ctx context.Context, tx livedesk.Tx, _ livedesk.LoadedThread) error {
			_, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "w", IDs: []string{"q"}, Heads: 1})
			return err
		},
		func(ctx context.Context, tx livedesk.Tx, _ livedesk.LoadedThread) error {
			return tx.Apply(ctx, hire("ann"))
		},
		func(ctx context.Context, tx livedesk.Tx, l livedesk.LoadedThread) error {
			again, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: "w", Channel: "sms", Address: l.Contact.Address}})
			require.Equal(t, l, again[0])
			return err
		},
	} {
		n++
		require.NoError(t, takeBatch(t.Context(), s, []int{1000 + n}))
		var made []livedesk.Arrived
		require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) (err error) {
			other := arrival(n, "")
			other.Channel = "chat"
			if made, err = tx.TakeIn(ctx, []livedesk.Arrival{arrival(n, fmt.Sprint("once", n)), other}); err != nil {
				return err
			}
			require.Equal(t, tx.Now(), made[0].Contact.CreatedAt)
			return then(ctx, tx, made[0].LoadedThread)
		}))
		require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
			rows, err := tx.Threads(ctx, keys(n))
			require.Equal(t, []livedesk.LoadedThread{made[0].LoadedThread, made[1].LoadedThread}, rows)
			return err
		}))
	}
	err := s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		rows, err := tx.TakeIn(ctx, []livedesk.Arrival{arrival(99, "k99")})
		require.NoError(t, err)
		rows[0].Thread.Version++ // there is no such version yet
		require.NoError(t, tx.Apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{rows[0].Thread}}))
		return err
	})
	require.ErrorIs(t, err, livedesk.ErrConflict)
}

// The inbox follows what comes in, also where a transaction writes a conversation twice.
func TestInboxFollowsOrdinaryTexts(t *testing.T) {
	t.Parallel()
	s, _ := counted(t)
	first := func(unread bool) (out []livedesk.Conversation) {
		require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) (err error) {
			out, err = tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "w", States: []livedesk.State{livedesk.Open}, Unread: unread, Limit: 10})
			return err
		}))
		return out
	}
	require.NoError(t, takeBatch(t.Context(), s, []int{1, 2}))
	for _, n := range []int{1, 2, 1} {
		require.NoError(t, takeBatch(t.Context(), s, []int{n}))
		require.Equal(t, address(n), first(true)[0].Address)
	}
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		rows, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: "w", Channel: "sms", Address: address(2)}})
		require.NoError(t, err)
		c := *rows[0].Current
		c.ActiveAt = tx.Now()
		require.NoError(t, tx.Apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}}))
		c.Version++
		c.ActiveAt, c.Unread = c.ActiveAt.Add(1000), 0
		return tx.Apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
	}))
	require.Equal(t, address(2), first(false)[0].Address)
	require.Len(t, first(true), 1)
}
