package livedesk_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

const publicURL = "https://desk.example.com/sms"

// fake is what both carriers of smstest can do.
type fake interface {
	smstest.Carrier
	Replay(ctx context.Context, w smstest.Webhook) (smstest.Delivery, error)
	Webhooks() []smstest.Webhook
	FailFunc(choose func(smstest.Request) smstest.Fault)
}

// world is a desk with both fake carriers in process, and a clock that tests move.
type world struct {
	t         *testing.T
	store     livedesk.Store
	engine    *livedesk.Engine
	desk      *livedesk.Desk
	twilio    *smstest.Twilio
	bandwidth *smstest.Bandwidth
	opts      []option

	// Of the channel that was added last.
	ch      livedesk.Channel
	given   livedesk.Values // what it was filled in with, credentials and all
	carrier fake
	url     string // of its webhooks

	mu  sync.Mutex
	now time.Time
}

// settings is everything that a test may want otherwise.
type settings struct {
	livedesk.Config
	Twilio      smstest.TwilioConfig
	Bandwidth   smstest.BandwidthConfig
	SendTimeout time.Duration // of the adapters; zero means theirs
	// Store makes the store on the world's clock. nil means memory.
	Store func(clock func() time.Time) livedesk.Store
	// Wrap puts something around the store.
	Wrap func(livedesk.Store) livedesk.Store
	// RealTime lets the store use package time: for synctest.
	RealTime bool
}

type option func(*settings)

// newWorld opens a world on a memory store.
func newWorld(t *testing.T, opts ...option) *world {
	t.Helper()
	// Near the machine's time: carriers are told until when a text is good, and adapters compare that with the machine.
	w := &world{t: t, now: time.Now().UTC().Truncate(time.Second), opts: opts}
	s := w.settings(opts)
	clock := w.clock
	if s.RealTime {
		clock = time.Now
	}
	if s.Store == nil {
		s.Store = func(clock func() time.Time) livedesk.Store { return memstore.NewAt(clock) }
	}
	if w.store = (orderly{s.Store(clock), t}); s.Wrap != nil {
		w.store = s.Wrap(w.store)
	}
	w.twilio = smstest.NewTwilio(t, s.Twilio)
	w.bandwidth = smstest.NewBandwidth(t, s.Bandwidth)
	w.engine = w.open()
	w.desk = w.engine.Desk("main")
	return w
}

func (w *world) settings(opts []option) settings {
	s := settings{Config: livedesk.Config{PublicURL: publicURL, Logger: slog.New(slog.DiscardHandler)}}
	for _, o := range opts {
		o(&s)
	}
	return s
}

// open returns another engine on the same store, as another process would have it.
func (w *world) open(opts ...option) *livedesk.Engine {
	w.t.Helper()
	s := w.settings(append(append([]option{}, w.opts...), opts...))
	if s.Providers == nil {
		s.Providers = []sms.Provider{
			twilio.New(twilio.Config{Transport: w.twilio.Transport(), Timeout: s.SendTimeout}),
			bandwidth.New(bandwidth.Config{Transport: w.bandwidth.Transport(), Timeout: s.SendTimeout}),
		}
	}
	e, err := livedesk.New(w.store, s.Config)
	require.NoError(w.t, err)
	return e
}

// onBoth runs a test once with a channel on each carrier.
func onBoth(t *testing.T, test func(t *testing.T, w *world), opts ...option) {
	t.Helper()
	t.Run("twilio", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, opts...)
		w.twilioChannel(nil)
		test(t, w)
	})
	t.Run("bandwidth", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, opts...)
		w.bandwidthChannel(nil)
		test(t, w)
	})
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// later moves the clock and works everything off that is due by then.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	w.advance(d)
	w.settle()
}

func (w *world) ctx() context.Context { return w.t.Context() }

// twilioChannel adds a channel on the fake Twilio and connects its webhooks.
func (w *world) twilioChannel(change func(*livedesk.Channel)) livedesk.Channel {
	w.t.Helper()
	c := livedesk.Channel{Provider: "twilio", Values: twilio.Setup{
		Name: "Support", PhoneNumber: smstest.TwilioNumber,
		AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken),
	}.Values()}
	return w.add(c, change, w.twilio, "#rc=5&rp=all")
}

// bandwidthChannel adds a channel on the fake Bandwidth and connects its webhooks.
func (w *world) bandwidthChannel(change func(*livedesk.Channel)) livedesk.Channel {
	w.t.Helper()
	c := livedesk.Channel{Provider: "bandwidth", Values: bandwidth.Setup{
		Name: "Sales", PhoneNumber: smstest.BandwidthNumber,
		AccountID: smstest.BandwidthAccountID, ApplicationID: smstest.BandwidthApplicationID,
		APIKey: sms.NewSecret(smstest.BandwidthClientID), APISecret: sms.NewSecret(smstest.BandwidthClientSecret),
		WebhookUser: sms.NewSecret(smstest.BandwidthWebhookUser), WebhookPassword: sms.NewSecret(smstest.BandwidthWebhookPassword),
	}.Values()}
	return w.add(c, change, w.bandwidth, "")
}

func (w *world) add(c livedesk.Channel, change func(*livedesk.Channel), at fake, overrides string) livedesk.Channel {
	w.t.Helper()
	if change != nil {
		change(&c)
	}
	w.ch, w.given, w.carrier = w.put(c), c.Values, at
	url, err := w.desk.WebhookURL(w.ctx(), w.ch.ID)
	require.NoError(w.t, err)
	w.url = url
	at.SetWebhooks(url+overrides, smstest.HandlerTransport(w.engine.Webhooks()))
	return w.ch
}

func (w *world) put(c livedesk.Channel) livedesk.Channel {
	w.t.Helper()
	out, err := w.desk.PutChannel(w.ctx(), c)
	require.NoError(w.t, err)
	return out
}

// change stores the world's channel with something changed.
func (w *world) change(fn func(*livedesk.Channel)) {
	w.t.Helper()
	c, err := w.desk.Channel(w.ctx(), w.ch.ID)
	require.NoError(w.t, err)
	fn(&c)
	w.ch = w.put(c)
}

// agents adds agents on line with that capacity as the human agents of a channel.
func (w *world) agents(channelID string, capacity int, ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		w.agent(id, capacity)
		w.presence(id, livedesk.Online)
	}
	require.NoError(w.t, w.desk.SetMembers(w.ctx(), channelID, ids))
}

func (w *world) agent(id string, capacity int) {
	w.t.Helper()
	_, err := w.desk.PutAgent(w.ctx(), livedesk.Agent{ID: id, Capacity: capacity})
	require.NoError(w.t, err)
}

func (w *world) presence(id string, p livedesk.Presence) {
	w.t.Helper()
	require.NoError(w.t, w.desk.SetPresence(w.ctx(), id, p, 0))
}

// load returns what the store counts for an agent.
func (w *world) load(id string) int {
	w.t.Helper()
	list, err := w.desk.Agents(w.ctx())
	require.NoError(w.t, err)
	for _, a := range list {
		if a.ID == id {
			return a.Load
		}
	}
	w.t.Fatalf("no agent %s", id)
	return 0
}

// deliver lets a customer write to the world's channel; the webhook must be taken.
func (w *world) deliver(m smstest.Text) smstest.Delivery {
	w.t.Helper()
	d, err := w.carrier.Deliver(w.ctx(), m)
	require.NoError(w.t, err)
	require.True(w.t, d.OK(), "webhook answered %d", d.Status)
	return d
}

// text lets a customer write, and works everything off.
func (w *world) text(from, body string) smstest.Delivery {
	w.t.Helper()
	d := w.deliver(smstest.Text{From: addr(from), Body: body})
	w.settle()
	return d
}

// reply lets an agent write, without working it off.
func (w *world) reply(conversation, body string) livedesk.Message {
	w.t.Helper()
	m, err := w.desk.Reply(w.ctx(), conversation, livedesk.Actor{Kind: livedesk.ActorHost}, livedesk.Draft{Text: body})
	require.NoError(w.t, err)
	return m
}

// start opens a conversation by writing first, without working it off.
func (w *world) start(to, body string) livedesk.Message {
	w.t.Helper()
	m, err := w.desk.Start(w.ctx(), w.ch.ID, addr(to), livedesk.Actor{Kind: livedesk.ActorHost}, livedesk.Draft{Text: body})
	require.NoError(w.t, err)
	return m
}

func (w *world) settle() {
	w.t.Helper()
	w.settleOn(w.engine)
}

func (w *world) settleOn(e *livedesk.Engine) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx(), 2*time.Minute) // work that never ends must not hang the suite
	defer cancel()
	require.NoError(w.t, e.Settle(ctx))
	require.NoError(w.t, w.twilio.Wait(ctx))
	require.NoError(w.t, w.bandwidth.Wait(ctx))
	require.NoError(w.t, e.Settle(ctx))
}

// all returns the whole list of conversations.
func (w *world) all(l livedesk.List) []livedesk.Conversation {
	w.t.Helper()
	var out []livedesk.Conversation
	for c, err := range w.desk.AllConversations(w.ctx(), l) {
		require.NoError(w.t, err)
		out = append(out, c)
	}
	return out
}

// of returns a contact's conversations, the latest first.
func (w *world) of(address string) []livedesk.Conversation {
	w.t.Helper()
	var out []livedesk.Conversation
	for _, c := range w.all(livedesk.List{}) {
		if c.Address == addr(address) {
			out = append(out, c)
		}
	}
	return out
}

// only returns the one conversation that there is.
func (w *world) only() livedesk.Conversation {
	w.t.Helper()
	list := w.all(livedesk.List{})
	require.Len(w.t, list, 1)
	return list[0]
}

// live returns a contact's live conversation; there must be one, and only one.
func (w *world) live(address string) livedesk.Conversation {
	w.t.Helper()
	var out []livedesk.Conversation
	for _, c := range w.of(address) {
		if c.State.Live() {
			out = append(out, c)
		}
	}
	require.Len(w.t, out, 1)
	return out[0]
}

func (w *world) conversation(id string) livedesk.Conversation {
	w.t.Helper()
	c, err := w.desk.Conversation(w.ctx(), id)
	require.NoError(w.t, err)
	return c
}

// message returns a message as it is now.
func (w *world) message(id string) livedesk.Message {
	w.t.Helper()
	m, err := w.desk.Message(w.ctx(), id)
	require.NoError(w.t, err)
	return m
}

// state returns how far an outgoing text is.
func (w *world) state(id string) livedesk.DeliveryState {
	w.t.Helper()
	return w.message(id).Delivery.State
}

// timeline returns a conversation's entries, and sees to it that they are numbered without gaps (I4).
func (w *world) timeline(conversation string) []livedesk.Message {
	w.t.Helper()
	var out []livedesk.Message
	for m, err := range w.desk.Messages(w.ctx(), conversation, 0) {
		require.NoError(w.t, err)
		out = append(out, m)
		require.EqualValues(w.t, len(out), m.Seq)
	}
	return out
}

// texts returns the timeline without activities.
func (w *world) texts(conversation string) []livedesk.Message {
	w.t.Helper()
	var out []livedesk.Message
	for _, m := range w.timeline(conversation) {
		if m.Kind != livedesk.ActivityKind {
			out = append(out, m)
		}
	}
	return out
}

// incoming returns the texts of all of a contact's conversations, the latest conversation first.
func (w *world) incoming(address string) []string {
	w.t.Helper()
	var out []string
	for _, c := range w.of(address) {
		for _, m := range w.texts(c.ID) {
			if m.Kind == livedesk.Incoming {
				out = append(out, m.Text)
			}
		}
	}
	return out
}

// sends counts the requests to send a text that reached the carrier.
func (w *world) sends() int {
	n := 0
	for _, r := range w.carrier.Requests() {
		if r.Kind == smstest.KindSend {
			n++
		}
	}
	return n
}

// bodies returns what the carrier took, in order.
func (w *world) bodies() []string {
	var out []string
	for _, s := range w.carrier.Sent() {
		out = append(out, s.Body)
	}
	return out
}

// genuine returns a webhook as the carrier posts it for a customer's text, without the engine having seen it.
func (w *world) genuine(m smstest.Text) smstest.Webhook {
	w.t.Helper()
	nobody := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNoContent) })
	w.carrier.SetWebhooks(w.url, smstest.HandlerTransport(nobody))
	defer w.carrier.SetWebhooks(w.url, smstest.HandlerTransport(w.engine.Webhooks()))
	w.deliver(m)
	hooks := w.carrier.Webhooks()
	return hooks[len(hooks)-1]
}

// call hands the engine's handler a request and returns the answer.
func (w *world) call(r *http.Request) *http.Response {
	rec := httptest.NewRecorder()
	w.engine.Webhooks().ServeHTTP(rec, r)
	return rec.Result()
}

// request builds a webhook's request as a server would see it.
func request(h smstest.Webhook, target string) *http.Request {
	if target == "" {
		target, _, _ = strings.Cut(h.URL, "#")
	}
	r := httptest.NewRequest(http.MethodPost, target, bytes.NewReader(h.Body))
	r.Header = h.Header.Clone()
	return r
}

// force puts a conversation into a shape that the public API can't reach yet.
func (w *world) force(id string, fn func(*livedesk.Conversation)) {
	w.t.Helper()
	require.NoError(w.t, w.store.Update(w.ctx(), func(ctx context.Context, tx livedesk.Tx) error {
		rows, err := tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: "main", Conversation: id}})
		if err != nil {
			return err
		}
		c := *rows[0].Asked
		fn(&c)
		return tx.Apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
	}))
}

// field finds what an error says about a field.
func field(t *testing.T, err error, name string) string {
	t.Helper()
	for _, f := range livedesk.FieldErrors(err) {
		if f.Field == name {
			return f.Problem
		}
	}
	t.Fatalf("no problem of field %s in: %v", name, err)
	return ""
}

// storeWrap is a store with something in front of Update.
type storeWrap struct {
	livedesk.Store
	update func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error
}

func (s *storeWrap) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	return s.update(ctx, s.Store, fn)
}

// Durable says that nothing outlives the process, as the memory store behind it does.
func (s *storeWrap) Durable() bool { return false }

var errBroken = errors.New("disk on fire")

// logBuffer keeps what was logged, at every level.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// sharedFile reads a file of the reference data, which lies beside the repository and is not part of it.
func sharedFile(t *testing.T, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/livedesk/livedesk-go\n") {
			break
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "the module's root was not found")
		dir = parent
	}
	data, err := os.ReadFile(filepath.Join(dir, "../shared/data", name))
	if os.IsNotExist(err) {
		t.Skipf("../shared/data/%s is not there", name)
	}
	require.NoError(t, err)
	return data
}
