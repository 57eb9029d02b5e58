package smstest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// The identity of a [Twilio] whose configuration says nothing else. None of it exists.
const (
	TwilioAccountSID   = "AC00000000000000000000000000000001"
	TwilioAuthToken    = "7e57a0000000000000000000000000a1"
	TwilioAPIKeySID    = "SK00000000000000000000000000000001"
	TwilioAPIKeySecret = "7e57a000000000000000000000000b2c"
	TwilioServiceSID   = "MG00000000000000000000000000000001"

	TwilioNumber channel.Address = "+15105550100"
)

// TwilioConfig sets up a [Twilio]. The zero value works: every field has a default.
type TwilioConfig struct {
	AccountSID   string // zero means [TwilioAccountSID]
	AuthToken    string // checks requests and signs webhooks; zero means [TwilioAuthToken]
	APIKeySID    string // also checks requests; zero means [TwilioAPIKeySID]
	APIKeySecret string // zero means [TwilioAPIKeySecret]
	// Numbers are the account's senders. Zero means [TwilioNumber] and +15105550101.
	Numbers []channel.Address
	// Services are the Messaging Services by SID with the senders in their pools. Zero means one,
	// [TwilioServiceSID], with all Numbers.
	Services map[string][]channel.Address
	// AdvancedOptOut makes the services tell the webhook what Twilio made of STOP, START and HELP (OptOutType).
	AdvancedOptOut bool
	// WebhookURL is where customers' texts go; a fragment such as #rc=5&rp=all sets the retries. Empty means that
	// Deliver fails until SetWebhooks is called.
	WebhookURL string
	// WebhookTransport posts every webhook. Zero means real HTTP to loopback addresses, and an error for every other
	// host; see [HandlerTransport] for https://desk.example.com in a test.
	WebhookTransport http.RoundTripper
	// Receipts is the script of a text that was taken: which receipts are posted by themselves, and when. Zero means
	// the usual ones without a pause: queued (with a service), sent, delivered. A func that returns nil posts none.
	Receipts func(Sent) []Step
	// RetryPause is the pause before a webhook is posted again. Zero means none.
	RetryPause time.Duration
	// Keep is how many of the newest requests, texts and webhooks the log keeps of each. Zero means 10,000; negative
	// means all. An entry is 1 to 2 KiB, and up to twice as many are held. Receipts of a text that the log has
	// dropped can't be reported any more.
	Keep int
}

// Twilio is a fake of Twilio's Messages API and of its webhooks. It also answers STOP, START and HELP as Twilio does,
// and refuses texts to those who opted out (21610). It is safe for concurrent use.
//
// It differs from the real one on purpose: a parameter that Twilio doesn't know is refused with 20001 where Twilio
// ignores it, and nothing is ever queued, filtered or charged.
type Twilio struct {
	*Fake
	cfg TwilioConfig

	mu      sync.Mutex
	blocked map[block]bool
}

// block says that a customer opted out of a number or of a whole service.
type block struct{ owner, customer string }

var _ Carrier = (*Twilio)(nil)

// NewTwilio opens a [Twilio] that is closed when the test ends, and fails the test where that isn't possible.
func NewTwilio(t testing.TB, cfg TwilioConfig) *Twilio {
	t.Helper()
	c, err := OpenTwilio(cfg)
	if err != nil {
		t.Fatalf("open fake Twilio: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close fake Twilio: %v", err)
		}
	})
	return c
}

// OpenTwilio opens a [Twilio] for a program; Close it in the end. It listens on nothing before URL is called. The
// error names everything that is wrong with the configuration.
func OpenTwilio(cfg TwilioConfig) (*Twilio, error) {
	cfg.AccountSID = or(cfg.AccountSID, TwilioAccountSID)
	cfg.AuthToken = or(cfg.AuthToken, TwilioAuthToken)
	cfg.APIKeySID = or(cfg.APIKeySID, TwilioAPIKeySID)
	cfg.APIKeySecret = or(cfg.APIKeySecret, TwilioAPIKeySecret)
	cfg.Numbers = slices.Clone(cfg.Numbers)
	if len(cfg.Numbers) == 0 {
		cfg.Numbers = []channel.Address{TwilioNumber, "+15105550101"}
	}
	if cfg.Services == nil {
		cfg.Services = map[string][]channel.Address{TwilioServiceSID: cfg.Numbers}
	}
	if err := errors.Join(cfg.problems()...); err != nil {
		return nil, fmt.Errorf("smstest: %w", err)
	}
	t := &Twilio{cfg: cfg, blocked: map[block]bool{}}
	t.Fake = newFake((*twilioProtocol)(t), settings{keep: cfg.Keep, pause: cfg.RetryPause, script: cfg.Receipts,
		hookURL: cfg.WebhookURL, hookVia: cfg.WebhookTransport})
	return t, nil
}

func (cfg TwilioConfig) problems() []error {
	errs := append(badSenders("numbers", cfg.Numbers), badURL("webhook URL", cfg.WebhookURL)...)
	for sid, pool := range cfg.Services {
		for _, n := range pool {
			if !owned(cfg.Numbers, n) {
				errs = append(errs, fmt.Errorf("services: %s holds a number that isn't one of the account's", sid))
			}
		}
	}
	return errs
}

func badSenders(field string, senders []channel.Address) (errs []error) {
	for i, n := range senders {
		if n.Kind() == channel.KindOther {
			errs = append(errs, fmt.Errorf("%s: entry %d is no number and no sender id", field, i))
		}
	}
	return errs
}

func badURL(field, s string) []error {
	if s != "" && !webURL(s) {
		return []error{fmt.Errorf("%s: is not an absolute http or https URL", field)}
	}
	return nil
}

func or[T comparable](v, zero T) T {
	var none T
	if v == none {
		return zero
	}
	return v
}

// SetOptedOut puts a customer on the list of those who opted out of a number, or takes them off, as STOP and START
// do. A number in a service's pool blocks the whole service. Texts to them are refused with 21610.
func (t *Twilio) SetOptedOut(number, customer channel.Address, out bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.blocked[block{t.owner(number), string(customer)}] = out
}

// OptedOut reports whether texts from that number to that customer are refused.
func (t *Twilio) OptedOut(number, customer channel.Address) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.blocked[block{t.owner(number), string(customer)}]
}

// owner names what a customer opts out of by writing to a number: its service, or the number alone.
func (t *Twilio) owner(number channel.Address) string {
	return or(t.service(number), string(number))
}

// service returns the Messaging Service that a number is in; with several, the first by name.
func (t *Twilio) service(number channel.Address) string {
	found := ""
	for sid, pool := range t.cfg.Services {
		if owned(pool, number) && (found == "" || sid < found) {
			found = sid
		}
	}
	return found
}

// twilioProtocol keeps the protocol's methods out of Twilio's documentation.
type twilioProtocol Twilio

func (p *twilioProtocol) kind(r *http.Request) RequestKind {
	if strings.HasPrefix(r.URL.Path, "/2010-04-01/Accounts/") && strings.HasSuffix(r.URL.Path, "/Messages.json") && r.Method != http.MethodGet {
		return KindSend
	}
	if isTwilioMedia(r) {
		return KindMedia
	}
	return KindOther
}

func (p *twilioProtocol) shell(_ RequestKind, body string) reply {
	return reply{status: http.StatusCreated, header: p.header(), body: []byte(body)}
}

func (p *twilioProtocol) header() http.Header {
	return http.Header{"Content-Type": {"application/json;charset=utf-8"},
		"Twilio-Request-Id": {"RQ" + randomHex(16)}, "Twilio-Concurrent-Requests": {"1"}}
}

// ref finds our id where the adapter put it: the last part of the status callback's path.
func ref(callback string) string {
	u, err := url.Parse(callback)
	if err != nil || callback == "" {
		return ""
	}
	return u.Path[strings.LastIndexByte(u.Path, '/')+1:]
}
