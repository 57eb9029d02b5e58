package smstest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// The identity of a [Bandwidth] whose configuration says nothing else. None of it exists.
const (
	BandwidthAccountID       = "9900901"
	BandwidthApplicationID   = "93de2206-9669-4e07-948d-329f4b722ee2"
	BandwidthClientID        = "CLIENT-7e57a0c1"
	BandwidthClientSecret    = "7e57a0-bandwidth-client-secret"
	BandwidthWebhookUser     = "desk-callbacks"
	BandwidthWebhookPassword = "7e57a0-bandwidth-webhook-password"
	BandwidthAPIUser         = "api-user-7e57a0"
	BandwidthAPIPassword     = "7e57a0-bandwidth-api-password"
	BandwidthSiteID          = "13651"
	BandwidthLocationID      = "540341"

	BandwidthNumber channel.Address = "+19195550100"
)

// BandwidthConfig sets up a [Bandwidth]. The zero value works: every field has a default.
type BandwidthConfig struct {
	AccountID       string // zero means [BandwidthAccountID]
	ApplicationID   string // zero means [BandwidthApplicationID]
	ClientID        string // gets access tokens; zero means [BandwidthClientID]
	ClientSecret    string // zero means [BandwidthClientSecret]
	WebhookUser     string // sent with every webhook until another is registered; zero means [BandwidthWebhookUser]
	WebhookPassword string // zero means [BandwidthWebhookPassword]
	// APIUser and APIPassword are the Basic credentials that Bandwidth takes until 2026-12-02. Zero means
	// [BandwidthAPIUser] and [BandwidthAPIPassword].
	APIUser, APIPassword string
	// RefuseBasic refuses Basic credentials, as Bandwidth will.
	RefuseBasic bool
	// Numbers are the account's senders. Zero means [BandwidthNumber] and +19195550101.
	Numbers []channel.Address
	// TokenLife is how long an access token is good. Zero means one hour; negative means one hour without the
	// answer saying so.
	TokenLife time.Duration
	// WebhookURL is where customers' texts and receipts go. Empty means that Deliver fails and receipts are dropped
	// until SetWebhooks is called or an address is registered.
	WebhookURL string
	// StatusURL is where receipts go instead. Empty means WebhookURL.
	StatusURL string
	// WebhookTransport posts every webhook. Zero means real HTTP to loopback addresses, and an error for every other
	// host; see [HandlerTransport] for https://desk.example.com in a test.
	WebhookTransport http.RoundTripper
	// Receipts is the script of a text that was taken: which receipts are posted by themselves, and when. Zero means
	// the usual ones without a pause: message-sending, message-sent, message-delivered, or message-failed with 4475
	// to a customer who opted out. A func that returns nil posts none.
	Receipts func(Sent) []Step
	// Retries is how often a webhook is posted again that is not answered with 2xx; Bandwidth goes on for 24 hours.
	// Zero means 5; negative means none.
	Retries int
	// RetryPause is the pause before a webhook is posted again. Zero means none.
	RetryPause time.Duration
	// Keep is how many of the newest requests, texts and webhooks the log keeps of each. Zero means 10,000; negative
	// means all. An entry is 1 to 2 KiB, and up to twice as many are held. Receipts of a text that the log has
	// dropped can't be reported any more.
	Keep int
}

// Bandwidth is a fake of Bandwidth's Messaging API v2 with its token endpoint, of its webhooks, and of what its
// Dashboard API says about the application, its locations and the numbers. It is safe for concurrent use. Both APIs
// are below URL()+"/api/v2", the token endpoint is URL()+"/api/v1/oauth2/token".
//
// It differs from the real one on purpose: a field that Bandwidth doesn't know is refused, and nothing is ever
// queued, filtered or charged. Faults answer in the shape of the Messaging API, also where the Dashboard was asked.
type Bandwidth struct {
	*Fake
	cfg BandwidthConfig

	mu        sync.Mutex
	tokens    map[string]time.Time // with the instant when they end
	blocked   map[block]bool
	expired   bool                 // the client secret
	app       BandwidthApplication // its Inbound.URL is the Fake's
	together  bool                 // receipts go where customers' texts go
	locations map[string]BandwidthLocation
	phones    map[channel.Address]BandwidthPhone
}

var _ Carrier = (*Bandwidth)(nil)

// NewBandwidth opens a [Bandwidth] that is closed when the test ends, and fails the test where that isn't possible.
func NewBandwidth(t testing.TB, cfg BandwidthConfig) *Bandwidth {
	t.Helper()
	c, err := OpenBandwidth(cfg)
	if err != nil {
		t.Fatalf("open fake Bandwidth: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close fake Bandwidth: %v", err)
		}
	})
	return c
}

// OpenBandwidth opens a [Bandwidth] for a program; Close it in the end. It listens on nothing before URL is called.
// The error names everything that is wrong with the configuration.
func OpenBandwidth(cfg BandwidthConfig) (*Bandwidth, error) {
	cfg.AccountID = or(cfg.AccountID, BandwidthAccountID)
	cfg.ApplicationID = or(cfg.ApplicationID, BandwidthApplicationID)
	cfg.ClientID = or(cfg.ClientID, BandwidthClientID)
	cfg.ClientSecret = or(cfg.ClientSecret, BandwidthClientSecret)
	cfg.WebhookUser = or(cfg.WebhookUser, BandwidthWebhookUser)
	cfg.WebhookPassword = or(cfg.WebhookPassword, BandwidthWebhookPassword)
	cfg.APIUser = or(cfg.APIUser, BandwidthAPIUser)
	cfg.APIPassword = or(cfg.APIPassword, BandwidthAPIPassword)
	cfg.TokenLife = or(cfg.TokenLife, time.Hour)
	cfg.Retries = or(cfg.Retries, 5)
	cfg.Numbers = slices.Clone(cfg.Numbers)
	if len(cfg.Numbers) == 0 {
		cfg.Numbers = []channel.Address{BandwidthNumber, "+19195550101"}
	}
	problems := slices.Concat(badSenders("numbers", cfg.Numbers), badURL("webhook URL", cfg.WebhookURL), badURL("status URL", cfg.StatusURL))
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("smstest: %w", err)
	}
	b := &Bandwidth{cfg: cfg, tokens: map[string]time.Time{}, blocked: map[block]bool{}}
	b.provision()
	b.Fake = newFake((*bandwidthProtocol)(b), settings{keep: cfg.Keep, pause: cfg.RetryPause, script: cfg.Receipts,
		hookURL: cfg.WebhookURL, hookVia: cfg.WebhookTransport})
	return b, nil
}

// SetOptedOut puts a customer on the list of those who opted out of a number, or takes them off. Bandwidth keeps no
// such list; the networks do for toll-free numbers. A text to them is taken and then reported as failed with 4475.
func (b *Bandwidth) SetOptedOut(number, customer channel.Address, out bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blocked[block{string(number), string(customer)}] = out
}

// OptedOut reports whether texts from that number to that customer fail with 4475.
func (b *Bandwidth) OptedOut(number, customer channel.Address) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.blocked[block{string(number), string(customer)}]
}

// ExpireSecret makes the client secret end, as one with an expiry date does: no token is given out for it any more.
// Those that were given out stay good until they end; see RevokeTokens.
func (b *Bandwidth) ExpireSecret() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expired = true
}

// RevokeTokens makes every access token that was given out invalid, as a rotated client secret does.
func (b *Bandwidth) RevokeTokens() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.tokens)
}

// bandwidthProtocol keeps the protocol's methods out of Bandwidth's documentation.
type bandwidthProtocol Bandwidth

func (p *bandwidthProtocol) shell(kind RequestKind, body string) reply {
	status := http.StatusAccepted
	if kind == KindToken {
		status = http.StatusOK
	}
	return reply{status: status, header: jsonHeader(), body: []byte(body)}
}

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json; charset=utf-8"}}
}
