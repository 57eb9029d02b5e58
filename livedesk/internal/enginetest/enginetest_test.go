package enginetest_test

import (
	"testing"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/internal/enginetest"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
)

func TestMemory(t *testing.T) {
	enginetest.Run(t, func(_ *testing.T, ahead func() time.Duration) livedesk.Store {
		return memstore.NewAt(func() time.Time { return time.Now().Add(ahead()) })
	})
}
