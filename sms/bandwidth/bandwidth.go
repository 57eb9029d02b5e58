// Package bandwidth is the SMS adapter for Bandwidth's Messaging API v2.
//
// It sends over net/http with an OAuth 2.0 bearer token (client credentials, golang.org/x/oauth2), since Bandwidth
// maintains no SDK for Go. Webhooks prove their origin by the HTTP Basic credentials that are set on the messaging
// application: Bandwidth signs nothing.
//
// Three facts about the carrier shape what a host sees. There is no idempotency key, so a send whose answer was lost
// is [channel.ReasonUnknown] until a callback brings back its tag, which is our Ref. A 202 means queued, no more; an
// application that is not linked to the number's location swallows texts after it without any callback, which Verify
// finds out, and [sms.Traits] ReceiptWithin lets an engine notice. And Bandwidth keeps no opt-out list for long and
// short codes, so STOP is the desk's to honour and to confirm.
//
// # Setting up
//
// The messaging application needs the same user and password for inbound and for status callbacks, and one URL for both.
// An account says so in words as an [sms.WebhookTeller], and sets them through Bandwidth's Dashboard API as an
// [sms.Registrar], which reads the application first, changes nothing else in it, and needs no more than a read where all
// is right already. As an [sms.Verifier] it asks whether the credentials are accepted and may use the account, whether the
// application is one for messages and linked to the location of the number, whether the number is the account's, in
// service and able to text, and whether the webhook user is the one that the application sends; its password nobody can
// read back. Each takes some requests, one after the other.
//
// What can't be found out is an [sms.UncheckedError] and no failure: callbacks that aren't registered yet, since a channel
// is verified before it has an address; what the credentials have no right to see; everything while Bandwidth can't be
// reached. To send, credentials need the role for messaging; to verify in full those that read applications, locations
// and numbers; to register the one that changes applications. Without that one Register is
// [errors.ErrUnsupported], and a person enters the address.
//
// # Legacy credentials
//
// API users (name and password, HTTP Basic) count by explicit choice only, the switch use_basic. Bandwidth ends them all on
// 2026-12-02. Nothing here looks at the calendar: until then Verify leaves open whether they will do, and from then on
// Bandwidth's 401 is [channel.ReasonCredentials] with words that say what to mend, so an engine pauses the channel, keeps
// its queue, and goes on once the switch is off and API credentials are entered.
//
// # What is left out
//
// [sms.Lister]: GET /users/{accountId}/messages lists neither text nor tag, only id, numbers, time, status and length.
// For texts that came in during a gap that is not enough to take them in. For a send whose outcome is unknown there is
// no id to ask for, and by numbers and time two texts to one customer can't be told apart; a match that may be another
// text's is no match. So such a send waits for a callback with its tag, which Bandwidth repeats for 24 hours, and is
// unconfirmed without one. Texts that came in meanwhile are repeated for as long.
//
// Apart from the network, a webhook with one event costs about 10 µs and a send about as much.
package bandwidth

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

// Name is what [Provider.Name] returns.
const Name = "bandwidth"

const (
	defaultBaseURL      = "https://messaging.bandwidth.com/api/v2"
	defaultTokenURL     = "https://api.bandwidth.com/api/v1/oauth2/token"
	defaultDashboardURL = "https://api.bandwidth.com/api/v2"
	defaultTimeout      = 10 * time.Second

	// receiptWithin: a text waits in the account's queue for 15 minutes at most (support.bandwidth.com 360014275073), and
	// two hours after it left, one without a receipt is reported as 9902. The rest is for webhooks that had to be
	// repeated. Accounts whose queue was raised to 4 hours are later.
	receiptWithin = 3 * time.Hour
)

// Config is how a [Provider] reaches Bandwidth. The zero value works. Nothing is read from the environment, the
// proxy variables included.
type Config struct {
	// BaseURL is the Messaging API without a trailing slash. Empty means https://messaging.bandwidth.com/api/v2.
	// It must be https, or http on a loopback host (for tests), and hold no user, query or fragment.
	BaseURL string
	// TokenURL is where tokens are asked for. Empty means https://api.bandwidth.com/api/v1/oauth2/token. The same
	// rules hold as for BaseURL.
	TokenURL string
	// DashboardURL is the API for applications, locations and numbers, without a trailing slash; only Verify and Register
	// use it. Empty means https://api.bandwidth.com/api/v2, which takes bearer tokens. The same rules hold as for BaseURL.
	DashboardURL string
	// Transport carries every request. Nil means a transport of the provider's own, shared by its accounts: TLS 1.2
	// or later, no proxy, no decompression; and another for downloads, which connects to public addresses only. A
	// Transport given here carries downloads too and takes that over. It must be safe for concurrent use, must not
	// repeat a request whose body it has begun to read, and must not follow redirects.
	Transport http.RoundTripper
	// Timeout bounds one Send as a whole, its token request included, each request of Verify and Register, and in a
	// download each request until its answer begins. Zero means 10 s; negative means no limit but the caller's context.
	Timeout time.Duration
	// MediaTimeout bounds one download of a file, its reading included, beside the caller's context. Zero means 1 min;
	// negative means none.
	MediaTimeout time.Duration
}

// Provider is Bandwidth as an [sms.Provider]. It is safe for concurrent use.
type Provider struct {
	baseURL, tokenURL string
	client            *http.Client
	timeout           time.Duration
	media             *egress.Client
	err               error // what is wrong with Config, told by Open

	dashboardURL string
}

var _ sms.Provider = (*Provider)(nil)

// New returns the provider. It does no I/O and starts no goroutine. A wrong URL in cfg is reported by every
// [Provider.Open].
func New(cfg Config) *Provider {
	p := &Provider{
		baseURL:  strings.TrimRight(cmp.Or(cfg.BaseURL, defaultBaseURL), "/"),
		tokenURL: cmp.Or(cfg.TokenURL, defaultTokenURL),
		client:   newClient(cfg.Transport),
		timeout:  cmp.Or(cfg.Timeout, defaultTimeout),

		dashboardURL: strings.TrimRight(cmp.Or(cfg.DashboardURL, defaultDashboardURL), "/"),
	}
	p.err = errors.Join(checkURL("BaseURL", p.baseURL), checkURL("TokenURL", p.tokenURL), checkURL("DashboardURL", p.dashboardURL))
	p.media = newMedia(cfg, p.baseURL, p.timeout)
	return p
}

// Name returns "bandwidth".
func (p *Provider) Name() string { return Name }

// Open returns the account of one connection, without any I/O. Its error is an [sms.FieldErrors] where a setting is
// missing or has the wrong form (webhook user and password among them: without both, anybody could write into the
// desk), or says what is wrong with [Config].
//
// The account implements [sms.Describer] (one send takes 2,048 characters, Bandwidth answers no STOP itself, and every
// text has a receipt within three hours), [sms.Verifier], [sms.WebhookTeller], [sms.Registrar], [sms.MediaFetcher],
// [sms.AutoResponder] and [sms.HeaderChecker].
func (p *Provider) Open(s sms.Settings) (sms.Account, error) {
	if p.err != nil {
		return nil, fmt.Errorf("%s: %w", Name, p.err)
	}
	given := merge(s)
	given[fieldApplication] = strings.ToLower(given[fieldApplication]) // as callbacks have it; the form wants no other
	v, err := connection(p.Form()).Validate(given)
	if err != nil {
		return nil, err
	}
	a := &account{
		application: v[fieldApplication],
		sendURL:     p.baseURL + "/users/" + url.PathEscape(v[fieldAccount]) + "/messages",
		client:      p.client,
		timeout:     p.timeout,
		media:       p.media,
		mediaPath:   "/users/" + url.PathEscape(v[fieldAccount]) + "/media/",
		webhook:     newGuard(v[fieldWebhookUser], v[fieldWebhookPassword], s.Previous),

		id:           v[fieldAccount],
		dashboardURL: p.dashboardURL,
		callback:     callback{s.WebhookURL, sms.NewSecret(v[fieldWebhookUser]), sms.NewSecret(v[fieldWebhookPassword])},
	}
	if v[fieldBasic] == "true" {
		a.basic = basicHeader(v[fieldKey], v[fieldSecret])
	} else {
		a.tokens = newTokens(p.client, p.tokenURL, v[fieldKey], v[fieldSecret], p.timeout)
	}
	return a, nil
}

// account is one Bandwidth account with one messaging application.
type account struct {
	application string // lower case
	sendURL     string
	client      *http.Client
	timeout     time.Duration
	media       *egress.Client
	mediaPath   string  // of all of the account's files, below the API's root
	tokens      *tokens // nil in the legacy Basic mode
	basic       string  // the Authorization header of the legacy Basic mode
	webhook     guard

	// For Verify, Webhooks and Register.
	id           string // digits
	dashboardURL string
	callback     callback    // what the application has to be told; its url may be empty
	registered   atomic.Bool // the application got our password from here
}

var (
	_ sms.Account       = (*account)(nil)
	_ sms.Describer     = (*account)(nil)
	_ sms.Verifier      = (*account)(nil)
	_ sms.WebhookTeller = (*account)(nil)
	_ sms.Registrar     = (*account)(nil)
	_ sms.AutoResponder = (*account)(nil)
	_ sms.HeaderChecker = (*account)(nil)
)

// Traits implements [sms.Describer].
func (a *account) Traits() sms.Traits {
	return sms.Traits{MaxText: maxText, ReceiptWithin: receiptWithin, Media: mediaLimits}
}

// Answers implements [sms.AutoResponder]: Bandwidth itself answers nothing, but the toll-free network does, to the one word
// STOP, and to START and UNSTOP, which lift its block.
func (a *account) Answers(in channel.Inbound) bool {
	switch strings.ToUpper(strings.TrimSpace(in.Text)) {
	case "STOP", "START", "UNSTOP":
		return in.To.TollFree()
	}
	return false
}

// String keeps credentials out of %v and %+v of an account.
func (a *account) String() string { return "bandwidth account" }

// GoString keeps them out of %#v.
func (a *account) GoString() string { return a.String() }

// checkURL refuses addresses that could carry credentials over a plain or a wrong connection.
func checkURL(field, raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return fmt.Errorf("config %s is not a URL", field) // the cause would repeat it, password and all
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("config %s must be absolute, without user, query or fragment", field)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("config %s must be https (http on a loopback host only)", field)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// merge puts values and secrets into one map, as [sms.Form.Validate] takes them. A field may come either way, so that
// a host that keeps the webhook user with its plain values is understood too.
func merge(s sms.Settings) map[string]string {
	all := make(map[string]string, len(s.Values)+len(s.Secrets))
	for _, name := range connectionFields {
		all[name] = s.Values[name]
		if secret := s.Secrets[name].Reveal(); secret != "" {
			all[name] = secret
		}
	}
	return all
}
