package modeltest

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// BenchmarkAssignment is a new customer's text from the signed webhook on to the agent who has it, on SQLite, committed: by
// 8 and by 64 customers at once, to the least loaded of eight agents.
func BenchmarkAssignment(b *testing.B) {
	for _, workers := range []int{8, 64} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { assigns(b, workers) })
	}
}

func assigns(b *testing.B, workers int) {
	s, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "desk.db"), sqlitestore.Config{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	d := newDesk(b, s, nil)
	var ids []string
	for i := range 8 {
		ids = append(ids, fmt.Sprint("agent-", i))
		_, err := d.desk().PutAgent(b.Context(), livedesk.Agent{ID: ids[i]})
		require.NoError(b, err)
		require.NoError(b, d.desk().SetPresence(b.Context(), ids[i], livedesk.Online, 0))
	}
	require.NoError(b, d.desk().SetMembers(b.Context(), d.channels[1].ID, ids))
	d.settle()
	work := make(chan int, workers)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for n := range work {
				got, err := d.carriers[1].Deliver(b.Context(), smstest.Text{From: channel.Address(fmt.Sprintf("+1415%07d", n)), Body: "hello"})
				assert.True(b, err == nil && got.OK(), "webhook answered %d %v", got.Status, err)
			}
		})
	}
	var n atomic.Int64
	start := time.Now()
	for b.Loop() {
		work <- int(n.Add(1))
	}
	close(work)
	all.Wait()
	b.ReportMetric(float64(n.Load())/time.Since(start).Seconds(), "assignments/s")
	agents, err := d.desk().Agents(b.Context())
	require.NoError(b, err)
	held := 0
	for _, a := range agents {
		held += a.Load
	}
	require.Equal(b, int(n.Load()), held, "each has one agent")
}
