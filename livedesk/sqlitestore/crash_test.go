package sqlitestore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// Where a child process of these tests learns what it is for.
const (
	crashFile = "LIVEDESK_CRASH_FILE"
	crashWork = "LIVEDESK_CRASH_WORK"
)

// TestCrashChild isn't a test of its own: it is what the child processes of the others run.
func TestCrashChild(t *testing.T) {
	path := os.Getenv(crashFile)
	if path == "" {
		t.Skip("runs only as the child process that the crash test starts")
	}
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Config{})
	if err != nil {
		fmt.Println("error", err)
		t.FailNow()
	}
	prefix := os.Getenv(crashWork)
	if prefix == "open" {
		fmt.Println("open")
		require.NoError(t, s.Close())
		return
	}
	var all sync.WaitGroup
	for w := range 16 {
		all.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%s-%d-%d", prefix, w, i)
				err := s.Update(context.Background(), func(ctx context.Context, tx livedesk.Tx) error {
					_, err := takeIn(ctx, tx, w*3+i%3, key)
					return err
				})
				if err == nil {
					_, _ = os.Stdout.WriteString("ack " + key + "\n") // one write: it is out before the kill or not at all
				}
			}
		})
	}
	all.Wait()
}

func child(t *testing.T, path, work string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, "-test.run=^TestCrashChild$")
	cmd.Env = append(os.Environ(), crashFile+"="+path, crashWork+"="+work)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// F116: a process is killed with -9 under load, again and again on the same file. What it acknowledged is there, each
// conversation's numbers have no gap, and the file is whole (R22, I1, I4, I22).
func TestKillLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	var acked []string
	for round := range 4 {
		cmd, out := child(t, path, fmt.Sprintf("r%d", round))
		for n := 0; n < 150+37*round && out.Scan(); n++ {
			acked = append(acked, ackOf(t, out.Text()))
		}
		require.NoError(t, cmd.Process.Kill())
		for out.Scan() { // what was on its way
			if strings.HasPrefix(out.Text(), "ack ") {
				acked = append(acked, ackOf(t, out.Text()))
			}
		}
		_ = cmd.Wait()
		require.Equal(t, "ok", integrity(t, path), "round %d", round)
	}
	require.Greater(t, len(acked), 700)
	s := openAt(t, path, sqlitestore.Config{})
	require.Equal(t, acked, has(t, s, acked...), "acknowledged and lost")
	gapless(t, s)
}

func ackOf(t *testing.T, line string) string {
	t.Helper()
	key, ok := strings.CutPrefix(line, "ack ")
	require.True(t, ok, line)
	return key
}

// gapless checks that every conversation's entries are numbered from 1 to LastSeq.
func gapless(t *testing.T, s *sqlitestore.Store) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		convs, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "w", Limit: 1000})
		require.NoError(t, err)
		require.NotEmpty(t, convs)
		for _, c := range convs {
			after := int64(0)
			for after < c.LastSeq {
				page, err := tx.Timeline(ctx, livedesk.TimelineQuery{Workspace: "w", Conversation: c.ID, After: after, Limit: 1000})
				require.NoError(t, err)
				require.NotEmpty(t, page, "%s ends at %d of %d", c.ID, after, c.LastSeq)
				for _, m := range page {
					after++
					require.Equal(t, after, m.Seq, c.ID)
				}
			}
		}
		return nil
	}))
}

// F126: processes that open the same new file at once all succeed, and the schema is there once.
func TestManyProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	outs := make([]*bufio.Scanner, 4)
	for i := range outs {
		_, outs[i] = child(t, path, "open")
	}
	for _, out := range outs {
		require.True(t, out.Scan())
		require.Equal(t, "open", out.Text())
	}
	s := openAt(t, path, sqlitestore.Config{})
	update(t, s, taking(1, "one"))
	require.Equal(t, "1", ask(t, raw(t, path), "SELECT count(*) FROM livedesk_schema WHERE version_id = 1"))
}

// F126: a process is killed at some instant of its first opening; the next one completes what it began.
func TestKilledMigrationIsCompleted(t *testing.T) {
	t.Parallel()
	for wait := range 6 {
		path := filepath.Join(t.TempDir(), "desk.db")
		cmd, _ := child(t, path, "open")
		for { // from the instant that the file is there
			if _, err := os.Stat(path); err == nil {
				break
			}
			time.Sleep(100 * time.Microsecond)
		}
		time.Sleep(time.Duration(wait*wait) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		s := openAt(t, path, sqlitestore.Config{})
		update(t, s, taking(1, "one"))
		require.Equal(t, []string{"one"}, has(t, s, "one"))
	}
}
