package ownstore_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/examples/ownstore"
	"github.com/livedesk/livedesk-go/livedesk"
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

func logPath(t *testing.T) string { return filepath.Join(t.TempDir(), "desk.log") }

func open(t *testing.T, path string, clock func() time.Time) *ownstore.Store {
	t.Helper()
	s, err := ownstore.Open(path, clock)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// The whole contract, without an exception.
func TestContract(t *testing.T) {
	t.Parallel()
	c := newClock()
	storetest.Run(t, func(t *testing.T) livedesk.Store { return open(t, logPath(t), c.Now) }, storetest.WithClock(c.advance),
		storetest.WithReopen(func(t *testing.T, s livedesk.Store) livedesk.Store {
			require.NoError(t, s.(*ownstore.Store).Close())
			return open(t, s.(*ownstore.Store).Path(), c.Now)
		}))
}

// The package comment promises how much a store of one's own takes.
func TestAtMost600Lines(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	total := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		total += bytes.Count(text, []byte("\n"))
	}
	require.Greater(t, total, 100, "the files are here")
	require.LessOrEqual(t, total, 600)
}

// With no heads asked for nobody looks at the line.
func TestNoHeadsNoMore(t *testing.T) {
	t.Parallel()
	s := open(t, logPath(t), newClock().Now)
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		return tx.Apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{{Workspace: "main", ID: "c", State: livedesk.Open, Queue: "team:a"}}})
	}))
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

// The same on the machine's clock, where leases lapse by waiting.
func TestContractOnRealClock(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) livedesk.Store { return open(t, logPath(t), nil) })
}

// The contract again, with the log opened anew before every transaction: what isn't in the records, or comes back
// otherwise, fails the clause that it belongs to. Cases in which many write at once are left to the other runs.
func TestContractThroughRestarts(t *testing.T) {
	t.Parallel()
	c := newClock()
	storetest.Run(t, func(t *testing.T) livedesk.Store {
		r := &restarted{path: logPath(t), clock: c.Now}
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		return r
	}, storetest.WithClock(c.advance), storetest.Without(storetest.ConcurrentWriters, storetest.ConcurrentViews))
}

// restarted is a store that serves each transaction from a process that has just begun, as it were.
type restarted struct {
	path   string
	clock  func() time.Time
	now    *ownstore.Store
	busy   bool // inside a transaction
	closed bool
}

// begin opens the log anew, unless a transaction runs.
func (r *restarted) begin() (end func(), err error) {
	if r.busy || r.closed {
		return func() {}, nil
	}
	if r.now != nil {
		err = r.now.Close()
	}
	if err == nil {
		r.now, err = ownstore.Open(r.path, r.clock)
	}
	r.busy = true
	return func() { r.busy = false }, err
}

func (r *restarted) View(ctx context.Context, fn func(ctx context.Context, tx livedesk.ReadTx) error) error {
	end, err := r.begin()
	defer end()
	if err != nil {
		return err
	}
	return r.now.View(ctx, fn)
}

func (r *restarted) Update(ctx context.Context, fn func(ctx context.Context, tx livedesk.Tx) error) error {
	end, err := r.begin()
	defer end()
	if err != nil {
		return err
	}
	return r.now.Update(ctx, fn)
}

func (r *restarted) Close() error {
	r.closed = true
	if r.now == nil {
		return nil
	}
	return r.now.Close()
}
