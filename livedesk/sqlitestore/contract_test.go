package sqlitestore_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/internal/enginetest"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
	"github.com/livedesk/livedesk-go/livedesk/storetest"
)

// clock is a clock that tests move.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func TestContract(t *testing.T) {
	t.Parallel()
	c := &clock{}
	path := ""
	storetest.Run(t, func(t *testing.T) livedesk.Store { // one case after the other
		path = filepath.Join(t.TempDir(), "desk.db")
		return openAt(t, path, sqlitestore.Config{Clock: c.now})
	}, storetest.WithClock(c.advance), storetest.WithReopen(func(t *testing.T, s livedesk.Store) livedesk.Store {
		require.NoError(t, s.(*sqlitestore.Store).Close())
		return openAt(t, path, sqlitestore.Config{Clock: c.now})
	}))
}

// The engine on this store: what a customer and an agent would see.
func TestEngine(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, func(t *testing.T, ahead func() time.Duration) livedesk.Store {
		return open(t, sqlitestore.Config{Clock: func() time.Time { return time.Now().Add(ahead()) }})
	})
}
