package memstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/livedesk/storetest"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestContract(t *testing.T) {
	t.Parallel()
	c := newClock()
	storetest.Run(t, func(*testing.T) livedesk.Store { return memstore.NewAt(c.Now) }, storetest.WithClock(c.advance))
}

// The same on the machine's clock, where leases lapse by waiting.
func TestContractOnRealClock(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) livedesk.Store { return memstore.New() })
}

// With no heads asked for nobody looks at the line.
func TestNoHeadsNoMore(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	apply(t, s, livedesk.Changes{Conversations: []livedesk.Conversation{{Workspace: "main", ID: "c", State: livedesk.Open, Queue: "team:a"}}})
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		for heads, want := range []int{0, 1, 1} {
			found, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "main", IDs: []string{"team:a"}, Heads: heads})
			require.NoError(t, err)
			require.Len(t, found.Queues[0].Waiting, want)
			require.False(t, found.Queues[0].More)
		}
		return nil
	}))
}

func apply(t *testing.T, s livedesk.Store, c livedesk.Changes) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, c) }))
}

// What the store finds by its indexes is what Claim.Choose finds by looking at everything.
func TestClaimIsChoose(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	now := newClock().Now().Truncate(time.Microsecond)
	for range 30 {
		s := memstore.NewAt(func() time.Time { return now })
		var rows []livedesk.Message
		var texts []*livedesk.Message
		for i := range 60 {
			rows = append(rows, livedesk.Message{
				Workspace: "main", ID: fmt.Sprint("m", rng.IntN(1<<30)), Conversation: fmt.Sprint("c", rng.IntN(20)), Seq: int64(i),
				Channel: fmt.Sprint("ch", rng.IntN(3)), Kind: livedesk.Outgoing, Class: []livedesk.Class{livedesk.ClassHuman, livedesk.ClassAI}[rng.IntN(2)],
				Delivery: &livedesk.Delivery{State: livedesk.Queued, Due: now.Add(time.Duration(rng.IntN(5)-3) * time.Second)},
			})
			texts = append(texts, &rows[i])
		}
		apply(t, s, livedesk.Changes{Messages: rows})
		c := livedesk.Claim{Limit: 1 + rng.IntN(20), PerSender: rng.IntN(5)}
		var want, got []string
		for _, m := range c.Choose(texts, now) {
			want = append(want, m.ID)
		}
		require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
			due, err := tx.Claim(ctx, c)
			for _, d := range due {
				got = append(got, d.Message.ID)
			}
			return err
		}))
		require.Equal(t, want, got)
	}
}
