package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
)

// TestScenarios plays everything for a moment on the stores that need no server, so that the program can't rot. What it
// measures in so short a time means nothing; that nothing fails, and nothing is wrong, does.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]string{
		"memory": "memory", "sqlite": "sqlite:" + filepath.Join(t.TempDir(), "load.db"), "postgres": os.Getenv("LIVEDESK_TEST_POSTGRES"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if store == "" {
				if os.Getenv("LIVEDESK_TEST_REQUIRED") != "" {
					t.Fatal("no LIVEDESK_TEST_POSTGRES, and this run requires it")
				}
				t.Skip("no LIVEDESK_TEST_POSTGRES; for example: LIVEDESK_TEST_POSTGRES=$(.ci/postgres start /tmp/livedesk-pg) go test ./examples/load")
			}
			r := play(t, "-store", store, "-workers", "3", "-seed-conversations", "50", "-seed-messages", "3")
			require.Len(t, r.Results, len(scenarioNames()))
			for i, x := range r.Results {
				require.Equal(t, scenarioNames()[i], x.Scenario)
				require.Positive(t, x.Bare.Rate, x.Scenario)
				require.Positive(t, x.Ratio, x.Scenario)
			}
		})
	}
}

// What is below half of the promise is told, by scenario and number of workers.
func TestPromise(t *testing.T) {
	t.Parallel()
	r := report{Store: "PostgreSQL", Results: []result{
		{Scenario: "known", Workers: 16, Ratio: 0.38}, {Scenario: "known", Workers: 64, Ratio: 0.2},
		{Scenario: "outbound", Workers: 16, Ratio: 0.1}, {Scenario: "new", Workers: 3, Ratio: 0.1, Wrong: 2},
	}}
	require.EqualError(t, r.broken(), "known with 64 workers: ratio 0.20, want at least 0.55\nnew with 3 workers: 0 failed, 2 wrong")
	r.Store, r.Results = "memory", r.Results[:3]
	require.NoError(t, r.broken())
}

// Several engines share the work, and what they do together is right.
func TestDesks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-store", "memory", "-scenario", "all", "-desks", "3", "-workers", "4", "-rounds", "1",
		"-duration", "50ms", "-seed-conversations", "20", "-check"}, &out, io.Discard))
	require.Error(t, run(t.Context(), []string{"-store", "memory", "-desks", "0"}, &out, io.Discard))
}

// TestSockets takes the way over loopback.
func TestSockets(t *testing.T) {
	t.Parallel()
	r := play(t, "-store", "memory", "-sockets", "-scenario", "known,receipts", "-workers", "2", "-seed-conversations", "10")
	require.True(t, r.Sockets)
	require.Len(t, r.Results, 2)
}

// play runs the program and returns its report, in which nothing may be wrong.
func play(t *testing.T, args ...string) report {
	t.Helper()
	var out bytes.Buffer
	args = append(args, "-duration", "60ms", "-rounds", "1", "-json")
	require.NoError(t, run(t.Context(), args, &out, io.Discard))
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	for _, x := range r.Results {
		require.Positive(t, x.Desk.Rate, x.Scenario)
		require.Zero(t, x.Wrong, x.Scenario)
		require.Zero(t, x.Desk.Failed+x.Bare.Failed, "%s: %s%s", x.Scenario, x.Desk.Error, x.Bare.Error)
	}
	return r
}

// TestSameSeedAgain sees to it that a database is not measured on texts that it knows already: it would only find
// duplicates, and be very fast.
func TestSameSeedAgain(t *testing.T) {
	t.Parallel()
	args := []string{"-store", "sqlite:" + filepath.Join(t.TempDir(), "load.db"), "-seed", "7", "-scenario", "new", "-workers", "1",
		"-duration", "10ms", "-rounds", "1"}
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard))
	require.ErrorContains(t, run(t.Context(), args, io.Discard, io.Discard), "-seed")
	args[3] = "8"
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard), "another run in the same database")
}

// TestProfile writes a profile and the table.
func TestProfile(t *testing.T) {
	var out bytes.Buffer
	profile := filepath.Join(t.TempDir(), "cpu.prof")
	require.NoError(t, run(t.Context(), []string{"-store", "memory", "-scenario", "new", "-only", "desk", "-workers", "1",
		"-duration", "20ms", "-rounds", "1", "-cpuprofile", profile}, &out, io.Discard))
	require.FileExists(t, profile)
	require.Contains(t, out.String(), "desk/s")
	require.Contains(t, out.String(), "new         texts of customers who never wrote before")
}

// TestFlags says no to what can't be measured.
func TestFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-store", "nothing"}, {}, {"-store", "memory", "-workers", "0"}, {"-store", "memory", "-workers", "4;5"},
		{"-store", "memory", "-rounds", "0"}, {"-store", "memory", "-duration", "0s"}, {"-store", "memory", "-scenario", "dance"},
		{"-store", "memory", "-only", "both"}, {"-store", "memory", "-seed-conversations", "0"}, {"-store", "memory", "more"},
		{"-store", "memory", "-seed-messages", "0"}, {"-store", "memory", "-connections", "0"},
	} {
		require.Error(t, run(t.Context(), args, io.Discard, io.Discard), "%q", args)
	}
	err := run(t.Context(), []string{"-store", "postgres://desk:secret@[/load"}, io.Discard, io.Discard)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}

// TestCarrier counts what comes out of order, again, or with a gap.
func TestCarrier(t *testing.T) {
	t.Parallel()
	b := &bench{options: options{seed: 1}}
	b.carrier = newCarrier(ids{1}, &b.sids)
	done := b.carrier.expect(4)
	for _, place := range []int{1, 3, 2, 2} {
		require.NoError(t, b.send(t.Context(), "+15105550100", "+12025550147", numbered(place)))
	}
	<-done
	taken, disordered := b.carrier.count()
	require.Equal(t, 4, taken)
	require.Equal(t, 3, disordered)
	require.Error(t, b.send(t.Context(), "+15105550100", "+12025550147", "no place"))

	b.carrier.expect(1)
	require.NoError(t, b.send(t.Context(), "+15105550100", "+12025550147", numbered(1)))
	_, disordered = b.carrier.count()
	require.Zero(t, disordered, "counting begins anew")
}

// TestIDs: no two are the same, and the same seed makes the same.
func TestIDs(t *testing.T) {
	t.Parallel()
	a, b := ids{1}, ids{2}
	now := time.UnixMilli(1_790_000_000_000)
	seen := map[string]bool{}
	for n := range uint64(20_000) {
		for _, id := range []string{a.sid(n), b.sid(n), a.row(now, n), b.row(now, n), string(address(n))} {
			require.False(t, seen[id], id)
			seen[id] = true
		}
		require.Equal(t, channel.KindE164, address(n).Kind())
	}
	require.Equal(t, a.sid(5), ids{1}.sid(5))
	require.Len(t, a.sid(5), 34)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, a.row(now, 5))
}

// TestStep: every text is reported sent once and, later, delivered once.
func TestStep(t *testing.T) {
	t.Parallel()
	last := map[int]string{}
	for n := range uint64(4 * window) {
		i, word := step(n)
		require.Equal(t, map[string]string{"": "sent", "sent": "delivered"}[last[i]], word)
		last[i] = word
	}
	require.Len(t, last, 2*window)
}

// TestMedian is of an odd and of an even number.
func TestMedian(t *testing.T) {
	t.Parallel()
	of := func(done ...int) float64 {
		var turns []turn
		for _, n := range done {
			turns = append(turns, turn{done: n, elapsed: time.Second})
		}
		return median(turns, turn.rate)
	}
	require.InDelta(t, 0, of(), 0)
	require.InDelta(t, 3, of(9, 1, 3), 0)
	require.InDelta(t, 2.5, of(3, 2, 9, 1), 0)
}

// TestBareWebhooks: the reference answers as a careful handler would, or its ratio would mean nothing.
func TestBareWebhooks(t *testing.T) {
	t.Parallel()
	db := newBareMemory()
	c := newClient(nil, bareWebhooks(db))
	ctx := context.Background()
	require.NoError(t, c.post(ctx, bare, publicURL+"/KEY", inboundForm("AC1", "SM1", "+12025550147", "+15105550100", "Hi")))
	require.Equal(t, []string{"+12025550147", "+15105550100", "Hi"}, db.rows["SM1"])
	require.NoError(t, c.post(ctx, bare, publicURL+"/KEY/status/1", statusForm("AC1", "SM1", "+15105550100", "+12025550147", "sent")))
	require.ErrorContains(t, c.post(ctx, bare, publicURL+"/KEY/status/2", url.Values{"MessageSid": {"SM2"}}), "503")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/KEY", strings.NewReader("%zz"))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, err := c.do(bare, r)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, status)
}
