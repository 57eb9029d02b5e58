package pgstore_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/pgstore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// A fleet is four desk processes on one schema. The carriers live in the test's process, never crash and log every
// request: they judge. The test has an engine of its own on the schema, which is never run, to set up and to look.
//
// What a test leaves to chance follows a seed that it prints. LIVEDESK_TEST_SEED sets it: the same choices are made again,
// though processes and network stay free to meet in another order.

const (
	seedVariable = "LIVEDESK_TEST_SEED"
	fleetSize    = 4
	patience     = 30 * time.Second // for what must happen in the end
)

type fleet struct {
	*testing.T
	order     order
	schema    string
	pool      *pgxpool.Pool
	clock     clock
	engine    *livedesk.Engine
	desk      *livedesk.Desk
	twilio    *smstest.Twilio
	bandwidth *smstest.Bandwidth
	front     *front
	processes []*process
	lost      atomic.Int64 // time for which the machine stood still

	mu     sync.Mutex
	chance *rand.Rand
}

// setting is everything that a test may want otherwise.
type setting struct {
	order
	twilio       smstest.TwilioConfig
	bandwidth    smstest.BandwidthConfig
	FrontTimeout time.Duration // how long the front waits for a process to answer; zero means without end
	Own          string        // where the test itself reaches the database; empty means as the processes do by default
}

// newFleet opens a schema and two carriers. Processes begin with start.
func newFleet(t *testing.T, change func(*setting)) *fleet {
	t.Helper()
	s := setting{order: order{Poll: 50 * time.Millisecond}}
	s.twilio.Keep, s.bandwidth.Keep = -1, -1
	s.twilio.RetryPause, s.bandwidth.RetryPause = 50*time.Millisecond, 50*time.Millisecond
	if change != nil {
		change(&s)
	}
	if s.Own == "" {
		s.Own = url(t)
	}
	s.Database = cmp.Or(s.Database, s.Own)
	f := &fleet{T: t, order: s.order, pool: connect(t, s.Own, nil), front: newFront(t, s.FrontTimeout)}
	f.seed()
	f.schema = newSchema(t, f.pool)
	f.clock.advance(s.Ahead)
	store, err := pgstore.New(f.pool, pgstore.Config{Schema: f.schema, ClockOffset: f.clock.ahead})
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))

	s.twilio.WebhookTransport, s.bandwidth.WebhookTransport = f.front, f.front
	f.twilio, f.bandwidth = smstest.NewTwilio(t, s.twilio), smstest.NewBandwidth(t, s.bandwidth)
	f.order.Schema, f.order.Twilio, f.order.Bandwidth = f.schema, f.twilio.URL(), f.bandwidth.URL()
	f.engine, err = f.order.engine(store, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	f.desk = f.engine.Desk(workspace)
	go f.noticeStalls(t.Context())
	return f
}

func (f *fleet) seed() {
	seed := rand.Uint64() % 1_000_000
	if s := os.Getenv(seedVariable); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(f, err, seedVariable)
	}
	f.chance = rand.New(rand.NewPCG(seed, 0))
	f.Logf("%s=%d makes the same choices again", seedVariable, seed)
}

// any returns a number below n.
func (f *fleet) any(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.chance.IntN(n)
}

// start starts the processes of the fleet.
func (f *fleet) start() {
	f.Helper()
	dir := f.TempDir()
	for n := range fleetSize {
		f.processes = append(f.processes, &process{fleet: f, n: n, log: filepath.Join(dir, fmt.Sprintf("process-%d.log", n))})
	}
	f.Cleanup(f.showLogs)
	f.Cleanup(func() { f.each((*process).stop) })
	f.each((*process).start)
	if f.Failed() {
		f.FailNow()
	}
}

// each does something with all processes at once.
func (f *fleet) each(fn func(*process)) {
	var all sync.WaitGroup
	for _, p := range f.processes {
		all.Go(func() { fn(p) })
	}
	all.Wait()
}

// ahead moves the clock of the store, for all.
func (f *fleet) ahead(d time.Duration) {
	f.Helper()
	f.clock.advance(d)
	f.each(func(p *process) { do(f, p, "SetAhead", f.clock.ahead()) })
}

// showLogs shows what the processes said when the test failed, and looks for what they must never say.
func (f *fleet) showLogs() {
	for _, p := range f.processes {
		said, err := os.ReadFile(p.log)
		if err != nil {
			f.Error(err)
			continue
		}
		for _, never := range []string{
			"DATA RACE", "panic", smstest.TwilioAuthToken, smstest.BandwidthClientSecret, smstest.BandwidthWebhookPassword, "+1415",
		} {
			if bytes.Contains(said, []byte(never)) {
				f.Errorf("process %d says %q", p.n, never) // I18, I19
			}
		}
		if f.Failed() {
			f.Logf("process %d, %s:\n%s", p.n, p.log, said[max(0, len(said)-20_000):])
		}
	}
}

// process is one desk process, seen from outside. It may end and be started again.
type process struct {
	fleet *fleet
	n     int
	log   string
	life  atomic.Pointer[life] // nil while it doesn't run
}

// life is one run of a process.
type life struct {
	cmd     *exec.Cmd
	control *rpc.Client
	address string // where it takes webhooks in
}

// start starts the process. It may be called from any goroutine.
func (p *process) start() {
	l, err := p.begin()
	if err != nil {
		p.fleet.Errorf("start process %d: %v", p.n, err)
		return
	}
	l.address = get[string](p.fleet, p, "Where", 0)
	p.fleet.front.add(p, l)
}

func (p *process) begin() (*life, error) {
	told, err := json.Marshal(p.fleet.order)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), processVariable+"="+string(told),
		"GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0") // the race detector sleeps for a second before it exits
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	l := &life{cmd: cmd, control: rpc.NewClient(stdio{out, in})}
	p.life.Store(l)
	return l, nil
}

// stop ends the process, if it runs, as a host does: it drains, and must say that it left nothing.
func (p *process) stop() {
	l := p.life.Swap(nil)
	if l == nil {
		return
	}
	p.fleet.front.remove(p)
	_ = l.control.Close()
	stuck := time.AfterFunc(patience, func() { _ = l.cmd.Process.Kill() })
	defer stuck.Stop()
	if err := l.cmd.Wait(); err != nil {
		p.fleet.Errorf("process %d did not end well: %v", p.n, err)
	}
}

// kill ends the process with -9.
func (p *process) kill() {
	l := p.life.Swap(nil)
	p.fleet.front.remove(p)
	_ = l.cmd.Process.Kill()
	_ = l.control.Close()
	_ = l.cmd.Wait()
}

// freeze stops the process for a while, as happens to a machine that swaps or is moved.
func (p *process) freeze() { _ = p.life.Load().cmd.Process.Signal(syscall.SIGSTOP) }

func (p *process) thaw() { _ = p.life.Load().cmd.Process.Signal(syscall.SIGCONT) }

// remoteError is an error of a desk in another process.
type remoteError struct{ code, text string }

func (e *remoteError) Error() string { return e.text }

// ask calls a method of [Control] in a process, which may be gone or stand still.
func ask[T any](ctx context.Context, p *process, method string, args any) (T, error) {
	l := p.life.Load()
	if l == nil {
		return *new(T), rpc.ErrShutdown
	}
	ctx, cancel := context.WithTimeout(ctx, patience/3)
	defer cancel()
	out := new(T)
	call := l.control.Go("Desk."+method, args, out, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
	case <-ctx.Done():
		return *new(T), context.Cause(ctx)
	}
	if said, ok := errors.AsType[rpc.ServerError](call.Error); ok {
		code, text, _ := strings.Cut(string(said), codeMark)
		return *out, &remoteError{code, text}
	}
	return *out, call.Error
}

// codeOf is [livedesk.ErrorCode] of an error of another process; "lost" when the process didn't answer.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*remoteError](err); ok {
		return e.code
	}
	return "lost"
}

// insist does again what a crowded desk was too busy for (503), as people do.
func insist(fn func() error) (err error) {
	for range 10 {
		if err = fn(); livedesk.ErrorCode(err) != "busy" && codeOf(err) != "busy" {
			break
		}
	}
	return err
}

// get calls a method that must succeed.
func get[T any](f *fleet, p *process, method string, args any) (out T) {
	f.Helper()
	err := insist(func() (err error) {
		out, err = ask[T](f.Context(), p, method, args)
		return err
	})
	if err != nil {
		f.Errorf("%s in process %d: %v", method, p.n, err)
	}
	return out
}

// do calls a method that must succeed and returns nothing.
func do(f *fleet, p *process, method string, args any) {
	f.Helper()
	get[int](f, p, method, args)
}

// number is a channel with the carrier that it is on.
type number struct {
	livedesk.Channel
	carrier
	url string // of its webhooks
}

type carrier interface {
	smstest.Carrier
	FailFunc(choose func(smstest.Request) smstest.Fault)
	Webhooks() []smstest.Webhook
	WaitSent(ctx context.Context, n int) ([]smstest.Sent, error)
}

func (f *fleet) twilioNumber(change func(*livedesk.Channel)) *number {
	f.Helper()
	n := f.number(f.twilio, livedesk.Channel{Provider: twilio.Name, Values: twilio.Setup{
		Name: "Twilio", PhoneNumber: smstest.TwilioNumber,
		AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken),
	}.Values()}, change)
	n.SetWebhooks(n.url+"#rc=5&rp=all", f.front)
	return n
}

func (f *fleet) bandwidthNumber(change func(*livedesk.Channel)) *number {
	f.Helper()
	n := f.number(f.bandwidth, livedesk.Channel{Provider: bandwidth.Name, Values: bandwidth.Setup{
		Name: "Bandwidth", PhoneNumber: smstest.BandwidthNumber,
		AccountID: smstest.BandwidthAccountID, ApplicationID: smstest.BandwidthApplicationID,
		APIKey: sms.NewSecret(smstest.BandwidthClientID), APISecret: sms.NewSecret(smstest.BandwidthClientSecret),
		WebhookUser: sms.NewSecret(smstest.BandwidthWebhookUser), WebhookPassword: sms.NewSecret(smstest.BandwidthWebhookPassword),
	}.Values()}, change)
	n.SetWebhooks(n.url, f.front)
	return n
}

// number adds a channel, without limit of its rate and with a greeting if change says nothing else.
func (f *fleet) number(c carrier, ch livedesk.Channel, change func(*livedesk.Channel)) *number {
	f.Helper()
	ch.Rate, ch.Greeting = -1, greeting
	if change != nil {
		change(&ch)
	}
	ch, err := f.desk.PutChannel(f.Context(), ch)
	require.NoError(f, err)
	n := &number{Channel: ch, carrier: c}
	n.url, err = f.desk.WebhookURL(f.Context(), ch.ID)
	require.NoError(f, err)
	return n
}

const greeting = "Hello from the desk"
