package pgstore_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// server is a PostgreSQL of the test's own, with a wire before it that follows it from port to port.
type server struct {
	t    *testing.T
	dir  string
	wire *wire
	url  string
}

// script starts and stops servers, for the tests of this module.
const script = "../../.ci/postgres"

func newServer(t *testing.T) *server {
	t.Helper()
	binaries, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	require.NoError(t, err)
	if len(binaries) == 0 {
		missing := t.Skip
		if os.Getenv("LIVEDESK_TEST_REQUIRED") != "" {
			missing = t.Fatal
		}
		missing("no server under /usr/lib/postgresql that the test could crash; install PostgreSQL there")
	}
	dir, err := os.MkdirTemp("", "livedesk-pg-") // not t.TempDir: root hands it to the server's user, who must get there
	require.NoError(t, err)
	s := &server{t: t, dir: dir}
	t.Cleanup(func() {
		out, err := exec.Command(script, "stop", s.dir).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.NoError(t, os.RemoveAll(s.dir))
	})
	s.start()
	s.wire = newWire(t, s.url)
	return s
}

func (s *server) start() {
	s.t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(script, "start", s.dir)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(s.t, err, errs.String())
	s.url = strings.TrimSpace(string(out))
	if s.wire != nil {
		s.wire.lead(s.url)
	}
}

// crash stops the server at once, as "pg_ctl stop -m immediate" does: what isn't on disk is lost.
func (s *server) crash() {
	s.t.Helper()
	file := filepath.Join(s.dir, "data", "postmaster.pid")
	text, err := os.ReadFile(file)
	require.NoError(s.t, err)
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	require.NoError(s.t, err)
	require.NoError(s.t, syscall.Kill(pid, syscall.SIGQUIT))
	require.Eventually(s.t, func() bool { // the last thing that it does is to remove it
		_, err := os.Stat(file)
		return os.IsNotExist(err)
	}, patience, 10*time.Millisecond)
}

// loosen lets the server answer commits before they are on disk, as far as nobody asks for more.
func (s *server) loosen() {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.url)
	require.NoError(s.t, err)
	defer conn.Close(s.t.Context())
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_commit = off", "SELECT pg_reload_conf()"} {
		_, err := conn.Exec(s.t.Context(), statement)
		require.NoError(s.t, err)
	}
}

// The server crashes while all write, and its cluster answers commits before they are on disk: nothing that was acknowledged to
// a carrier or to the host is lost, nothing is posted twice, and the fleet goes on by itself when the server is back (F117, I1).
func TestFleetServerCrashes(t *testing.T) {
	t.Parallel()
	const writers = 12
	crashes := 1
	if long() {
		crashes = 5
	}
	s := newServer(t)
	s.loosen()
	f := newFleet(t, func(c *setting) {
		c.Own = s.wire.reach(s.url)
		c.WebhookTimeout, c.bandwidth.Retries = 2*time.Second, -1
		c.Lease, c.VerdictAfter = 2*time.Second, 3*time.Second
	})
	n := f.bandwidthNumber(nil)
	f.start()
	c := &customers{fleet: f, number: n, taken: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var mu sync.Mutex
	var kept []livedesk.Message // what hosts were told is stored
	for i := range writers {
		all.Go(func() {
			for k := 0; ctx.Err() == nil; k++ {
				time.Sleep(10 * time.Millisecond)
				c.write(f.processes[(i+k)%fleetSize])
				m, err := ask[livedesk.Message](ctx, f.processes[i%fleetSize], "Start", Say{Channel: n.ID, To: address(70_000 + i), Text: fmt.Sprint(k)})
				if err == nil {
					mu.Lock()
					kept = append(kept, m)
					mu.Unlock()
				}
			}
		})
	}
	for range crashes {
		time.Sleep(time.Second)
		s.crash()
		s.start()
	}
	time.Sleep(time.Second)
	stop()
	all.Wait()
	f.recovers(c)
	f.quiet(patience)
	f.keeps(c.taken)
	f.states(kept) // fails for one that isn't there
	f.postedOnce(n)
	t.Logf("%d texts in, %d texts out, %d crashes", len(c.taken), len(kept), crashes)
}
