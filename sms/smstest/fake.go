package smstest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// Fake is what all carriers of this package have in common: how they are reached, their faults, their log and where
// they post webhooks. It comes inside [Twilio] and [Bandwidth] and is safe for concurrent use.
type Fake struct {
	protocol protocol
	keep     int
	pause    time.Duration
	script   func(Sent) []Step
	life     context.Context // ends with Close
	end      context.CancelFunc
	server   server

	mu       sync.Mutex
	closed   bool
	down     bool
	hookURL  string
	hookVia  http.RoundTripper
	faults   []Fault
	choose   func(Request) Fault
	requests ring[Request]
	webhooks ring[Webhook]
	sent     ring[*Sent]
	replies  ring[Sent]
	byID     map[string]*Sent
	media    shelf
	taken    int // texts taken since the start
	working  int // scripts of receipts that are still being posted
	waiting  []chan struct{}
}

// protocol is what differs between carriers.
type protocol interface {
	kind(r *http.Request) RequestKind
	// serve answers a good or bad request; it calls Fake.take for a text that it accepts.
	serve(r *http.Request, body []byte) reply
	// failure is the carrier's error answer; shell is its good answer with these bytes as body.
	failure(status int, code string) reply
	shell(kind RequestKind, body string) reply
	// receipt builds the webhook of a step.
	receipt(s Sent, step Step) (hook, error)
	word(step Step) Step
	usual(s Sent) []Step
}

// reply is an answer of a carrier.
type reply struct {
	status int
	header http.Header
	body   []byte
	code   string // the carrier's error code
	id     string // the text that was taken

	length  int64 // announced; 0 means that of body, negative none
	endless bool  // body again and again
}

type settings struct {
	keep    int
	pause   time.Duration
	script  func(Sent) []Step
	hookURL string
	hookVia http.RoundTripper
}

// defaultKeep is how many entries of each kind the log keeps where the configuration says nothing.
const defaultKeep = 10_000

func newFake(p protocol, s settings) *Fake {
	life, end := context.WithCancel(context.Background())
	if s.keep == 0 {
		s.keep = defaultKeep
	}
	f := &Fake{protocol: p, keep: s.keep, pause: s.pause, script: s.script, life: life, end: end,
		hookURL: s.hookURL, hookVia: s.hookVia, byID: map[string]*Sent{}}
	f.server.handler = http.HandlerFunc(f.serveHTTP)
	if f.script == nil {
		f.script = p.usual
	}
	return f
}

// Close stops the fake: it hangs up on callers, stops posting and waits for what is being posted. Calling it again
// does nothing. After Close, Transport refuses connections and Deliver fails with [net.ErrClosed].
func (f *Fake) Close() error {
	f.mu.Lock()
	f.closed, f.down = true, true
	f.mu.Unlock()
	f.end()
	err := f.server.stop()
	return errors.Join(err, f.Wait(context.Background()))
}

// SetDown makes the carrier refuse connections until it is called with false. Over sockets it closes the listener and
// every open connection, and listens on the same port again afterwards; it panics when that port is taken by then.
func (f *Fake) SetDown(down bool) {
	f.mu.Lock()
	f.down = down || f.closed
	down = f.down
	f.mu.Unlock()
	f.server.setDown(down)
}

// SetWebhooks says where webhooks go that have no URL of their own, and through what every webhook goes; nil is real
// HTTP to loopback addresses, and an error for every other host. Status callbacks of Twilio have a URL of their own.
func (f *Fake) SetWebhooks(url string, via http.RoundTripper) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hookURL, f.hookVia = url, via
}

// URL returns the base URL of the fake on 127.0.0.1, without a trailing slash, and starts listening on the first
// call. It panics where no port can be had. Don't call it in a synctest bubble.
func (f *Fake) URL() string { return f.server.url() }

// take keeps a text that the carrier accepted, posts the receipts that come before the answer and starts the others.
func (f *Fake) take(ctx context.Context, s Sent) {
	s.At = time.Now().UTC()
	f.mu.Lock()
	kept := s
	f.byID[s.ID] = &kept
	for _, old := range f.sent.add(&kept, f.keep) {
		delete(f.byID, old.ID)
	}
	f.taken++
	f.working++
	f.wake()
	f.mu.Unlock()

	steps := f.script(s)
	for len(steps) > 0 && steps[0].BeforeAnswer {
		_ = f.Report(ctx, s.ID, steps[0])
		steps = steps[1:]
	}
	go func() {
		defer f.finished()
		_ = f.Report(f.life, s.ID, steps...) // each attempt is in the log
	}()
}

func (f *Fake) finished() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.working--
	f.wake()
}

// setStatus notes how far a text is.
func (f *Fake) setStatus(id string, status channel.DeliveryStatus, word, code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.byID[id]; s != nil {
		if status != channel.StatusUnknown {
			s.Status = status
		}
		s.Word, s.Code = word, code
		f.wake()
	}
}

// randomHex returns n random bytes in hexadecimal.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
