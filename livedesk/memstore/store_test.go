package memstore_test

import (
	"sync"
	"testing"
	"time"

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
