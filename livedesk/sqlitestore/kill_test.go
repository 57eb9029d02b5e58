package sqlitestore_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// A desk is killed with -9 at a named point, in a process of its own, and started again. The fake carrier lives in
// this process and judges: it knows what was posted.

// killPoint is where the child kills itself, once.
type killPoint string

const (
	afterTakeIn     killPoint = "after take-in, before the webhook is answered"
	atTheGate       killPoint = "at the gate, before its commit"
	afterGate       killPoint = "after the gate's commit"
	beforeFirstByte killPoint = "before the first byte"
	afterFirstByte  killPoint = "after the carrier took it, before its answer is read"
	beforeStored    killPoint = "before the answer is stored"
)

const (
	killEnv      = "LIVEDESK_KILL_POINT"
	killPath     = "LIVEDESK_KILL_PATH"
	killListen   = "LIVEDESK_KILL_LISTEN"
	killCarrier  = "LIVEDESK_KILL_CARRIER"
	killGreeting = "Hello from the desk"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(killPath); path != "" {
		if err := deskProcess(path); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestKilledDeskLosesNothingAndSendsNothingTwice(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		at killPoint
		// sent is how many greetings the carrier must have taken in the end.
		sent int
		// state is where the greeting must end.
		state livedesk.DeliveryState
	}{
		{afterTakeIn, 1, livedesk.Delivered},
		{atTheGate, 1, livedesk.Delivered},
		{afterGate, 0, livedesk.Unconfirmed},
		{beforeFirstByte, 0, livedesk.Unconfirmed}, // nobody can tell whether bytes left: at most once
		{afterFirstByte, 1, livedesk.Delivered},    // closed by the receipt that carries our id
		{beforeStored, 1, livedesk.Delivered},
	} {
		t.Run(string(tc.at), func(t *testing.T) {
			t.Parallel()
			k := newKilled(t)
			first := k.start(tc.at)
			inbound := smstest.Text{ID: "SM" + strings.Repeat("7", 32), From: "+14155550123", Body: "Anybody there?"}
			_, _ = k.carrier.Deliver(t.Context(), inbound) // may get no answer
			require.Error(t, first.Wait(), "the desk was to kill itself")
			require.Equal(t, syscall.SIGKILL, first.ProcessState.Sys().(syscall.WaitStatus).Signal())

			k.start("")
			d, err := k.carrier.Deliver(t.Context(), inbound) // the carrier tries again
			require.NoError(t, err)
			require.True(t, d.OK(), "webhook answered %d", d.Status)
			require.NoError(t, k.carrier.Wait(t.Context()))

			var out []livedesk.Message
			ended := func() bool {
				for _, s := range k.carrier.Sent() { // receipts that came while nobody listened come again
					require.NoError(t, k.carrier.Report(t.Context(), s.ID, smstest.Step{Status: "delivered"}))
				}
				out = k.timeline()
				return len(out) == 2 && out[1].Delivery.State == tc.state
			}
			for end := time.Now().Add(2 * time.Minute); !ended(); time.Sleep(50 * time.Millisecond) {
				require.Less(t, time.Now(), end, "the greeting must end %s, is %+v: %s", tc.state, out, k.stderr())
			}
			require.Equal(t, "Anybody there?", out[0].Text)
			require.Len(t, k.carrier.Sent(), tc.sent)
			require.LessOrEqual(t, k.posts(), 1, "posted twice")
		})
	}
}

// killed is one desk that is killed and started again.
type killed struct {
	t       *testing.T
	dir     string
	listen  string
	carrier *smstest.Twilio
	errs    string // file of what the processes say
}

func newKilled(t *testing.T) *killed {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port for the desk, the same after its restart
	require.NoError(t, err)
	k := &killed{t: t, dir: t.TempDir(), listen: l.Addr().String(), errs: filepath.Join(t.TempDir(), "stderr")}
	require.NoError(t, l.Close())
	k.carrier = smstest.NewTwilio(t, smstest.TwilioConfig{})
	return k
}

// start runs the desk in a process of its own until it serves.
func (k *killed) start(at killPoint) *exec.Cmd {
	k.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), killEnv+"="+string(at), killPath+"="+filepath.Join(k.dir, "desk.db"),
		killListen+"="+k.listen, killCarrier+"="+k.carrier.URL())
	errs, err := os.OpenFile(k.errs, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(k.t, err)
	defer errs.Close() // the child has its own
	cmd.Stderr = errs
	out, err := cmd.StdoutPipe()
	require.NoError(k.t, err)
	require.NoError(k.t, cmd.Start())
	k.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(k.t, err, k.stderr())
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	require.True(k.t, ok, line)
	k.carrier.SetWebhooks(url, nil)
	return cmd
}

func (k *killed) stderr() string {
	b, err := os.ReadFile(k.errs)
	require.NoError(k.t, err)
	return string(b)
}

// posts is how many requests to send the greeting reached the carrier.
func (k *killed) posts() (n int) {
	for _, r := range k.carrier.Requests() {
		if r.Kind == smstest.KindSend {
			n++
		}
	}
	return n
}

// timeline reads the only conversation's texts from the file, beside the desk that runs.
func (k *killed) timeline() []livedesk.Message {
	store, err := sqlitestore.Open(k.t.Context(), filepath.Join(k.dir, "desk.db"), sqlitestore.Config{})
	require.NoError(k.t, err)
	defer store.Close()
	engine, err := livedesk.New(store, livedesk.Config{})
	require.NoError(k.t, err)
	desk := engine.Desk("main")
	var texts []livedesk.Message
	for c, err := range desk.AllConversations(k.t.Context(), livedesk.List{}) {
		require.NoError(k.t, err)
		for m, err := range desk.Messages(k.t.Context(), c.ID, 0) {
			require.NoError(k.t, err)
			if m.Kind != livedesk.ActivityKind {
				texts = append(texts, m)
			}
		}
	}
	return texts
}

// deskProcess is the child: a desk with one channel, on real HTTP, that runs until it is killed.
func deskProcess(path string) error {
	ctx := context.Background()
	store, err := sqlitestore.Open(ctx, path, sqlitestore.Config{})
	if err != nil {
		return err
	}
	f := &failpoints{Store: store, at: killPoint(os.Getenv(killEnv))}
	ring, err := livedesk.NewKeyRing(make([]byte, 32))
	if err != nil {
		return err
	}
	engine, err := livedesk.New(f, livedesk.Config{
		PublicURL: "http://" + os.Getenv(killListen) + "/sms",
		Providers: []sms.Provider{twilio.New(twilio.Config{BaseURL: os.Getenv(killCarrier), Transport: f.transport()})},
		Sealer:    ring,
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Lease:     time.Second, VerdictAfter: 3 * time.Second, Poll: 20 * time.Millisecond, FirstReplies: -1,
	})
	if err != nil {
		return err
	}
	url, err := webhookOf(ctx, engine.Desk("main"))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", os.Getenv(killListen))
	if err != nil {
		return err
	}
	if f.at != afterTakeIn { // else a worker may be faster than the kill, and post what nobody then knows about
		go engine.Run(ctx)
	}
	fmt.Println("ready", url+"#rc=5&rp=all")
	return http.Serve(l, engine.Webhooks())
}

// webhookOf adds the channel at the first start, and returns its webhook address.
func webhookOf(ctx context.Context, desk *livedesk.Desk) (string, error) {
	list, err := desk.Channels(ctx)
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		c, err := desk.PutChannel(ctx, livedesk.Channel{Provider: "twilio", Greeting: killGreeting, Values: twilio.Setup{
			Name: "Support", PhoneNumber: smstest.TwilioNumber,
			AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken),
		}.Values()})
		if err != nil {
			return "", err
		}
		list = append(list, c)
	}
	return desk.WebhookURL(ctx, list[0].ID)
}

// failpoints kills the process at a point between the engine and what it stands on.
type failpoints struct {
	livedesk.Store
	at     killPoint
	posted atomic.Bool
}

func (f *failpoints) reach(p killPoint) {
	if f.at == p {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (f *failpoints) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	if f.posted.Load() {
		f.reach(beforeStored)
	}
	var tookIn, claimed bool
	err := f.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		err := fn(ctx, watchedTx{tx, &tookIn, &claimed})
		if err == nil && claimed {
			f.reach(atTheGate)
		}
		return err
	})
	if err == nil && tookIn {
		f.reach(afterTakeIn)
	}
	if err == nil && claimed {
		f.reach(afterGate)
	}
	return err
}

// watchedTx tells what a transaction did.
type watchedTx struct {
	livedesk.Tx
	tookIn, claimed *bool
}

func (w watchedTx) TakeIn(ctx context.Context, a []livedesk.Arrival) ([]livedesk.Arrived, error) {
	*w.tookIn = true
	return w.Tx.TakeIn(ctx, a)
}

func (w watchedTx) Claim(ctx context.Context, c livedesk.Claim) ([]livedesk.DueText, error) {
	list, err := w.Tx.Claim(ctx, c)
	*w.claimed = len(list) > 0
	return list, err
}

func (f *failpoints) transport() http.RoundTripper {
	base := http.DefaultTransport.(*http.Transport).Clone()
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		f.reach(beforeFirstByte)
		resp, err := base.RoundTrip(r)
		f.reach(afterFirstByte)
		f.posted.Store(true)
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
