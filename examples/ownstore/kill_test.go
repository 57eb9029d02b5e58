package ownstore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/examples/ownstore"
)

// Where a child process learns what it is for.
const killLog, killRound = "OWNSTORE_KILL_LOG", "OWNSTORE_KILL_ROUND"

// TestKillChild isn't a test of its own: it is the process that the other one kills. It says each key that was kept.
func TestKillChild(t *testing.T) {
	path := os.Getenv(killLog)
	if path == "" {
		t.Skip("runs in a child process only")
	}
	s, err := ownstore.Open(path, nil)
	require.NoError(t, err)
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%s-%d-%d", os.Getenv(killRound), w, i)
				if _, err := takeIn(context.Background(), s, w, key); err == nil {
					_, _ = os.Stdout.WriteString(key + "\n") // one write: it is out before the kill or not at all
				}
			}
		})
	}
	all.Wait()
}

// What Update answered nil for is there after kill -9, round after round on the same log. That it was synced too, for
// when the machine dies with the process, is not to be seen from here.
func TestKilledProcessLosesNothing(t *testing.T) {
	t.Parallel()
	path := logPath(t)
	var kept []string
	for round := range 5 {
		child := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
		child.Env = append(os.Environ(), killLog+"="+path, fmt.Sprint(killRound, "=", round))
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for before := len(kept); lines.Scan(); {
			if kept = append(kept, lines.Text()); len(kept) == before+50+7*round {
				require.NoError(t, child.Process.Kill())
			}
		}
		require.Error(t, child.Wait(), "it was to be killed")
		require.Greater(t, len(kept), 50*(round+1)-1, "it died by itself: %v", kept)

		s, err := ownstore.Open(path, nil)
		require.NoError(t, err)
		for _, key := range kept {
			fresh, err := takeIn(t.Context(), s, 0, key)
			require.NoError(t, err)
			require.False(t, fresh, "key %s was kept and is gone", key)
		}
		require.NoError(t, s.Close())
	}
}
