package pgstore_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// chaosVariable says for how long TestFleetChaos makes trouble, as in LIVEDESK_TEST_CHAOS=5m (with -timeout); it goes on for
// some seconds after that, to become quiet and to check. Other tests of fleets do more, too, when it is set.
const chaosVariable = "LIVEDESK_TEST_CHAOS"

func long() bool { return os.Getenv(chaosVariable) != "" }

func longOnly(t *testing.T) {
	t.Helper()
	if !long() {
		t.Skipf("left out to save time; set %s=1m", chaosVariable)
	}
}

// Everything at once: customers write, often twice and out of order, and send STOP and START; agents answer, resolve, come and
// go; carriers answer wrongly, late or not at all; strangers forge webhooks; processes are killed, frozen and stopped; the
// network to the database breaks. Then it becomes quiet, and the invariants are checked.
func TestFleetChaos(t *testing.T) {
	t.Parallel()
	duration := 6 * time.Second
	if text := os.Getenv(chaosVariable); text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		require.NoError(t, err, chaosVariable)
	}
	c := newChaos(t)
	c.trouble(duration)
	c.calm()
	c.check()
}

// chaos is the load, what troubles it, and what both remember.
type chaos struct {
	*fleet
	numbers []*number
	agents  []string
	wire    *wire

	mu     sync.Mutex
	done   map[string]int    // what was done, for the log
	taken  map[string]bool   // texts that were delivered, by the carrier's id: whether one attempt was acknowledged
	unread []delivery        // those that have to be delivered again
	forged []string          // ids of webhooks that must leave nothing
	stored map[string]string // replies that a process acknowledged, by key: the message's id
	silent []silence
	starts map[talk]time.Time // when START was last under way
}

// delivery is a text of a customer on its way to a number.
type delivery struct {
	*number
	smstest.Text
}

// talk is a contact at a number.
type talk struct {
	number *number
	to     channel.Address
}

// silence is the time for which nothing may be posted: since STOP was acknowledged, until START is under way; for ever while
// until is zero.
type silence struct {
	talk
	since, until time.Time
}

func newChaos(t *testing.T) *chaos {
	c := &chaos{
		done: map[string]int{}, taken: map[string]bool{}, stored: map[string]string{}, starts: map[talk]time.Time{},
		agents: []string{"ada", "bo", "cy", "di", "ed", "flo", "gil", "hal"},
	}
	var on func(*setting)
	c.wire, on = wired(t)
	c.fleet = newFleet(t, func(s *setting) {
		on(s)
		brisk(s)
		s.Idle, s.VerdictAfter, s.FrontTimeout, s.bandwidth.Retries = false, 3*time.Second, 3*time.Second, 10
		s.twilio.Receipts, s.bandwidth.Receipts = c.receipts, c.receipts
	})
	c.audit()
	c.numbers = []*number{c.twilioNumber(nil), c.bandwidthNumber(nil)}
	for _, n := range c.numbers {
		c.fleet.agents(n, 3, c.agents...)
		n.FailFunc(c.carrierFault)
	}
	c.start()
	return c
}

func (c *chaos) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done[what]++
}

// receipts come in any order, and one in ten twice.
func (c *chaos) receipts(smstest.Sent) []smstest.Step {
	last := channel.StatusDelivered
	if c.any(10) == 0 {
		last = channel.StatusUndelivered
	}
	steps := []smstest.Step{{Status: channel.StatusSent}, {Status: last}}
	if c.any(10) == 0 {
		steps = append(steps, steps[c.any(2)])
	}
	for i := range steps {
		j := i + c.any(len(steps)-i)
		steps[i], steps[j] = steps[j], steps[i]
		steps[i].After = time.Duration(c.any(100)) * time.Millisecond
	}
	if c.any(5) == 0 {
		steps[0].After, steps[0].BeforeAnswer = 0, true
	}
	return steps
}

// carrierFault is what a carrier does with a request: one in six goes wrong.
func (c *chaos) carrierFault(r smstest.Request) (f smstest.Fault) {
	if r.Kind != smstest.KindSend {
		return f
	}
	switch n := c.any(100); {
	case n < 5:
		f = smstest.Fault{Kind: smstest.FaultReset, Accept: c.any(2) == 0}
	case n < 8:
		f = smstest.Fault{Kind: smstest.FaultHang, Accept: true}
	case n < 10:
		f = smstest.Fault{Kind: smstest.FaultHang}
	case n < 13:
		f = smstest.Fault{Kind: smstest.FaultStatus, Status: 500, Accept: c.any(2) == 0}
	case n < 14:
		f = smstest.Fault{Kind: smstest.FaultStatus, Status: 429, RetryAfter: time.Second}
	case n < 15:
		f = smstest.Fault{Kind: smstest.FaultGarbage, Accept: true}
	}
	if f.Kind != "" {
		c.note("carrier: " + string(f.Kind))
	}
	return f
}

// trouble lets everybody do what they do.
func (c *chaos) trouble(d time.Duration) {
	ctx, cancel := context.WithTimeout(c.Context(), d)
	defer cancel()
	var all sync.WaitGroup
	for _, who := range []struct {
		many int
		pace time.Duration // between two acts, twice that at most
		act  func(context.Context)
	}{
		{12, 40 * time.Millisecond, c.customerWrites},
		{8, 40 * time.Millisecond, c.agentReplies},
		{3, 60 * time.Millisecond, c.agentResolves},
		{1, 100 * time.Millisecond, c.agentMoves},
		{1, 150 * time.Millisecond, c.strangerForges},
		{1, 300 * time.Millisecond, c.processFails},
		{1, time.Second, c.networkFails},
		{1, 200 * time.Millisecond, c.oneLiveConversation},
	} {
		for range who.many {
			all.Go(func() {
				for pause(ctx, time.Duration(c.any(int(2*who.pace)))) {
					who.act(ctx)
				}
			})
		}
	}
	all.Wait()
}

func (c *chaos) somebody() *process { return c.processes[c.any(len(c.processes))] }

// customerWrites lets one of 40 contacts write to one of the numbers: three in a hundred STOP, one START, one in ten twice, and
// one in twenty late.
func (c *chaos) customerWrites(ctx context.Context) {
	d := delivery{c.numbers[c.any(len(c.numbers))], smstest.Text{From: address(c.any(40)), Body: "hello"}}
	switch n := c.any(100); {
	case n < 3:
		d.Body = "STOP"
	case n < 4:
		d.Body = "START"
	}
	c.mu.Lock()
	d.ID = fmt.Sprintf("SM%032x", len(c.taken)+1)
	c.taken[d.ID] = false
	c.mu.Unlock()
	if c.any(20) == 0 && !pause(ctx, time.Duration(c.any(1000))*time.Millisecond) {
		c.later(d)
		return
	}
	if c.any(10) == 0 {
		c.note("text twice")
		together(2, func(int) { c.deliver(ctx, d) })
		return
	}
	c.deliver(ctx, d)
}

func (c *chaos) later(d delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread = append(c.unread, d)
}

// deliver delivers a text; one that isn't acknowledged comes again later, as carriers do it.
func (c *chaos) deliver(ctx context.Context, d delivery) {
	began := time.Now()
	if d.Body == "START" {
		c.endSilence(talk{d.number, d.From})
	}
	got, err := d.Deliver(ctx, d.Text)
	if err != nil || !got.OK() {
		c.note("text not acknowledged")
		c.later(d)
		return
	}
	c.note("text " + d.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken[d.ID] = true
	if at := (talk{d.number, d.From}); d.Body == "STOP" && c.starts[at].Before(began) {
		c.silent = append(c.silent, silence{talk: at, since: time.Now()})
	}
}

func (c *chaos) endSilence(at talk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starts[at] = time.Now()
	for i, s := range c.silent {
		if s.talk == at && s.until.IsZero() {
			c.silent[i].until = time.Now()
		}
	}
}

// pick returns an open conversation, nil where there is none.
func (c *chaos) pick(ctx context.Context) *livedesk.Conversation {
	p, err := c.desk.Conversations(ctx, livedesk.List{States: []livedesk.State{livedesk.Open}, Limit: 100})
	if err != nil || len(p.Items) == 0 {
		return nil
	}
	return &p.Items[c.any(len(p.Items))]
}

// agentReplies lets an agent answer, with a key: who doesn't hear from a process asks another one.
func (c *chaos) agentReplies(ctx context.Context) {
	open := c.pick(ctx)
	if open == nil {
		return
	}
	say := Say{Conversation: open.ID, Agent: open.Assignee, Key: fmt.Sprintf("reply-%d", c.any(1<<40))}
	if say.Agent == "" {
		say.Agent = c.agents[c.any(len(c.agents))]
	}
	say.Text = say.Key
	for range 5 {
		m, err := ask[livedesk.Message](ctx, c.somebody(), "Reply", say)
		code := codeOf(err)
		c.note("reply " + code)
		if err == nil {
			c.mu.Lock()
			c.stored[say.Key] = m.ID
			c.mu.Unlock()
		}
		if code != "lost" && code != "busy" && code != "internal" || !pause(ctx, 100*time.Millisecond) {
			return
		}
	}
}

func (c *chaos) agentResolves(ctx context.Context) {
	if open := c.pick(ctx); open != nil {
		_, err := ask[livedesk.Conversation](ctx, c.somebody(), "Resolve", open.ID)
		c.note("resolve " + codeOf(err))
	}
}

func (c *chaos) agentMoves(ctx context.Context) {
	p := []livedesk.Presence{livedesk.Online, livedesk.Online, livedesk.Busy, livedesk.Offline}[c.any(4)]
	_, err := ask[int](ctx, c.somebody(), "SetPresence", Present{Agent: c.agents[c.any(len(c.agents))], Presence: p})
	c.note("presence " + codeOf(err))
}

func (c *chaos) strangerForges(ctx context.Context) {
	n := c.numbers[c.any(len(c.numbers))]
	damage := []smstest.Damage{smstest.WrongSecret, smstest.Unsigned, smstest.FlippedBit, smstest.Unreadable, smstest.CutBody}[c.any(5)]
	c.mu.Lock()
	id := fmt.Sprintf("SMf%031x", len(c.forged))
	c.forged = append(c.forged, id)
	c.mu.Unlock()
	_, _ = n.Deliver(ctx, smstest.Text{ID: id, From: address(c.any(40)), Body: "STOP", Damage: damage})
	c.note("forged " + string(damage))
}

// processFails kills, freezes or stops a process, and starts it again.
func (c *chaos) processFails(ctx context.Context) {
	p := c.somebody()
	switch c.any(3) {
	case 0:
		c.note("killed")
		p.kill()
		pause(ctx, time.Duration(c.any(400))*time.Millisecond)
		p.start()
	case 1:
		c.note("frozen")
		p.freeze()
		pause(ctx, time.Second+time.Duration(c.any(600))*time.Millisecond)
		p.thaw()
	case 2:
		c.note("stopped")
		p.stop()
		p.start()
	}
}

func (c *chaos) networkFails(ctx context.Context) {
	what := []string{"reset", "slow", "thin"}[c.any(3)]
	c.note("network " + what)
	c.wire.set(map[string]fault{"reset": {refuse: true}, "slow": {delay: 20 * time.Millisecond}, "thin": {rate: 20 << 10}}[what])
	pause(ctx, time.Duration(c.any(300))*time.Millisecond)
	c.wire.set(fault{})
}

// calm ends all trouble and waits until nothing is left to do: carriers deliver again what wasn't acknowledged.
func (c *chaos) calm() {
	for _, n := range c.numbers {
		n.FailFunc(nil)
	}
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		c.mu.Lock()
		again := c.unread
		c.unread = nil
		c.mu.Unlock()
		if len(again) == 0 {
			break
		}
		together(len(again), func(i int) { c.deliver(ctx, again[i]) })
		pause(ctx, 50*time.Millisecond)
	}
	c.mu.Lock()
	require.Empty(c, c.unread, "texts that are not acknowledged")
	c.mu.Unlock()
	for _, a := range c.agents {
		do(c.fleet, c.processes[0], "SetPresence", Present{Agent: a, Presence: livedesk.Online})
	}
	c.quiet(2 * patience)
	for _, what := range slices.Sorted(maps.Keys(c.done)) {
		c.Logf("%6d %s", c.done[what], what)
	}
}
