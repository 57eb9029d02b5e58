package pgstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// A sender hands no more segments to its carrier than its rate and one burst, whatever the number of processes (F64, R17).
func TestFleetSenderRate(t *testing.T) {
	t.Parallel()
	const rate, burst, watched = 5, 10, 2 * time.Second
	f := newFleet(t, idle)
	n := f.twilioNumber(func(c *livedesk.Channel) { c.Rate = rate })
	f.queue(n, 0, 150, 1)
	f.start()
	f.run(f.processes...)
	f.eventually(patience, "to send", func() bool { return len(posts(n)) > 0 })
	time.Sleep(watched)
	seen := posts(n)
	require.Greater(t, len(seen), burst, "nothing moves")
	require.Empty(t, tooFast(seen, rate, burst))
}

// tooFast says where posts came faster than rate and burst allow, at its worst. The way to the carrier, which takes now more
// and now less time, may shift five texts.
func tooFast(seen []post, rate, burst int) (worst string) {
	excess := 5
	for i := range seen {
		for k := i; k < len(seen); k++ {
			took := seen[k].At.Sub(seen[i].At)
			n, most := k-i+1, burst+int(took.Seconds()*float64(rate))
			if n-most > excess {
				excess = n - most
				worst = fmt.Sprintf("%d texts within %s, where %d are allowed", n, took.Round(time.Millisecond), most)
			}
		}
	}
	return worst
}

// A pause that the carrier asked one process for is kept by all (R8: 429, Retry-After).
func TestFleetSenderPause(t *testing.T) {
	t.Parallel()
	f := newFleet(t, idle)
	n := f.twilioNumber(nil)
	f.queue(n, 0, 200, 1)
	n.FailFunc(func(smstest.Request) smstest.Fault {
		wait := tooMany
		wait.RetryAfter = 10 * time.Minute // longer than any machine takes
		return wait
	})
	f.start()
	heard := f.firstHears(n)
	f.run(f.processes[1:]...)
	if more := f.more(n, heard); more > 0 {
		t.Errorf("%d texts were posted in the pause", more)
	}
}

// more waits for texts beyond those that were posted before, and returns how many came.
func (f *fleet) more(n *number, before int) int {
	f.Helper()
	for took := f.watch(); len(posts(n)) == before && took() < 3*time.Second; time.Sleep(100 * time.Millisecond) {
	}
	time.Sleep(500 * time.Millisecond) // for those beside the first
	return len(posts(n)) - before
}

// A channel whose credentials are refused knocks once a minute, from one process (F48).
func TestFleetProbes(t *testing.T) {
	t.Parallel()
	f := newFleet(t, idle)
	n := f.twilioNumber(nil)
	f.queue(n, 0, 100, 1)
	n.FailFunc(func(smstest.Request) smstest.Fault { return refused })
	f.start()
	heard := f.firstHears(n)
	f.run(f.processes[1:]...)
	early := f.more(n, heard)
	f.ahead(61 * time.Second)
	probes := f.more(n, heard+early)
	require.Positive(t, probes, "the channel never tries again")
	if early > 0 || probes > 1 {
		t.Errorf("%d texts were posted within the minute, and %d after it", early, probes)
	}
}

// firstHears lets one process work until it has stored what the carrier says, also what the other processes are to know of it,
// which stands behind the answers; and returns how many texts it had posted.
func (f *fleet) firstHears(n *number) int {
	f.Helper()
	f.run(f.processes[0])
	seen := 0
	f.eventually(patience, "to store the answers", func() bool {
		was := seen
		seen = len(posts(n))
		return seen > 0 && seen == was && f.count(`SELECT count(*) FROM {s}.objects WHERE kind = 'health'`) > 0 &&
			f.count(`SELECT count(*) FROM {s}.messages WHERE delivery IN ('claimed', 'posting')`) == 0
	})
	return seen
}
