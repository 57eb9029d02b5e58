// Package bandwidth is the SMS adapter for Bandwidth's Messaging API v2.
//
// It sends over net/http with an OAuth 2.0 bearer token (client credentials, golang.org/x/oauth2), since Bandwidth
// maintains no SDK for Go. Webhooks prove their origin by the HTTP Basic credentials that are set on the messaging
// application: Bandwidth signs nothing.
//
// Three facts about the carrier shape what a host sees. There is no idempotency key, so a send whose answer was lost
// is [channel.ReasonUnknown] until a callback brings back its tag, which is our Ref. A 202 means queued, no more; an
// application that is not linked to a location swallows texts after it without any callback. And Bandwidth keeps no
// opt-out list for long and short codes, so STOP is the desk's to honour and to confirm.
//
// On the messaging application, set the same user and password for inbound and for status callbacks, and one URL for
// both. Apart from the network, a webhook with one event costs about 10 µs and a send about as much.
package bandwidth

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

// Name is what [Provider.Name] returns.
const Name = "bandwidth"

const (
	defaultBaseURL  = "https://messaging.bandwidth.com/api/v2"
	defaultTokenURL = "https://api.bandwidth.com/api/v1/oauth2/token"
	defaultTimeout  = 10 * time.Second
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
	// Transport carries every request. Nil means a transport of the provider's own, shared by its accounts: TLS 1.2
	// or later, no proxy, no decompression; and another for downloads, which connects to public addresses only. A
	// Transport given here carries downloads too and takes that over. It must be safe for concurrent use, must not
	// repeat a request whose body it has begun to read, and must not follow redirects.
	Transport http.RoundTripper
	// Timeout bounds one Send as a whole, its token request included, and in a download each request until its answer
	// begins. Zero means 10 s; negative means no limit but the caller's context.
	Timeout time.Duration
	// MediaTimeout bounds one download of a file, its reading included, beside the caller's context. Zero means 1 min;
	// negative means none.
	MediaTimeout time.Duration
}

// Provider is Bandwidth as a [sms.Provider]. It is safe for concurrent use.
type Provider struct {
	baseURL, tokenURL string
	client            *http.Client
	timeout           time.Duration
	media             *egress.Client
	err               error // what is wrong with Config, told by Open
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
	}
	p.err = errors.Join(checkURL("BaseURL", p.baseURL), checkURL("TokenURL", p.tokenURL))
	p.media = newMedia(cfg, p.baseURL, p.timeout)
	return p
}

// Name returns "bandwidth".
func (p *Provider) Name() string { return Name }

// Open returns the account of one connection, without any I/O. Its error is a [sms.FieldErrors] where a setting is
// missing or has the wrong form (webhook user and password among them: without both, anybody could write into the
// desk), or says what is wrong with [Config].
//
// The account implements [sms.Describer]: one send takes 2,048 characters, and Bandwidth answers no STOP itself.
func (p *Provider) Open(s sms.Settings) (sms.Account, error) {
	if p.err != nil {
		return nil, fmt.Errorf("%s: %w", Name, p.err)
	}
	v, err := connection(p.Form()).Validate(merge(s))
	if err != nil {
		return nil, err
	}
	a := &account{
		application: strings.ToLower(v[fieldApplication]),
		sendURL:     p.baseURL + "/users/" + url.PathEscape(v[fieldAccount]) + "/messages",
		client:      p.client,
		timeout:     p.timeout,
		media:       p.media,
		mediaPath:   "/users/" + url.PathEscape(v[fieldAccount]) + "/media/",
		webhook:     newGuard(v[fieldWebhookUser], v[fieldWebhookPassword], s.Previous),
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
}

var (
	_ sms.Account   = (*account)(nil)
	_ sms.Describer = (*account)(nil)
)

// Traits implements [sms.Describer].
func (a *account) Traits() sms.Traits { return sms.Traits{MaxText: maxText, Media: mediaLimits} }

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
