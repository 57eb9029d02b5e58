package twilio

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

// Name is the provider's stable id, stored with every channel.
const Name = "twilio"

// MaxText is the longest text that Twilio takes, in Unicode code points (error 21617 above it).
const MaxText = 1600

const (
	defaultBaseURL = "https://api.twilio.com"
	defaultTimeout = 10 * time.Second
)

// Config configures a [Provider]. The zero value talks to Twilio and verifies every webhook. Nothing is read from
// the environment, neither a proxy nor Twilio's own variables.
type Config struct {
	// BaseURL is the root of the REST API. Empty means https://api.twilio.com. Credentials are sent to whatever
	// stands here: another host is for Twilio's regional hosts, tests and fake carriers only. A value that isn't an
	// absolute http or https URL without user, query and fragment is reported by Open. What is asked about Messaging
	// Services goes to the same URL, but to messaging.… where this one is an api.… of twilio.com.
	BaseURL string
	// Transport carries the requests. Nil means one of our own for each account: TLS 1.2 or later, no proxy, 5 s to
	// connect; and another for downloads, which connects to public addresses only. A Transport given here carries
	// downloads too and takes that over. It must not retry a request whose body it has begun to read, nor follow
	// redirects.
	Transport http.RoundTripper
	// Timeout bounds one request, answer included, beside the caller's context; of a download each request until its
	// answer begins. Zero means 10 s; negative means none.
	Timeout time.Duration
	// MediaTimeout bounds one download of a file, its reading included, beside the caller's context. Zero means 1 min;
	// negative means none.
	MediaTimeout time.Duration
	// InsecureSkipSignature accepts webhooks without looking at their signature, so that anyone who knows a webhook
	// URL can write as any customer. It also lets an account open without its auth token where an API key sends.
	InsecureSkipSignature bool
}

// Provider is the Twilio [sms.Provider]. It is safe for concurrent use and holds no connection.
type Provider struct {
	cfg Config
}

var (
	_ sms.Provider      = (*Provider)(nil)
	_ sms.Account       = (*account)(nil)
	_ sms.Describer     = (*account)(nil)
	_ sms.Verifier      = (*account)(nil)
	_ sms.WebhookTeller = (*account)(nil)
	_ sms.Registrar     = (*account)(nil)
	_ sms.Lister        = (*account)(nil)
	_ sms.AutoResponder = (*account)(nil)
	_ sms.HeaderChecker = (*account)(nil)
)

// New returns the provider. It does no I/O and starts nothing.
func New(cfg Config) *Provider { return &Provider{cfg: cfg} }

// Name returns [Name].
func (p *Provider) Name() string { return Name }

// Form returns the set-up form; see [Setup] for the same fields in Go.
func (p *Provider) Form() sms.Form { return form() }

// Open returns the account behind one connection. It does no I/O. The error is an [sms.FieldErrors] where a field is
// missing or misshapen, a blank auth token among them; else it says what is wrong with the webhook URL or with
// Config.BaseURL. An empty Settings.WebhookURL is allowed: texts then go out without a status callback.
func (p *Provider) Open(s sms.Settings) (sms.Account, error) {
	base, err := parseBase(p.cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	webhook, err := parseWebhook(s.WebhookURL)
	if err != nil {
		return nil, err
	}
	a := &account{
		sid:       s.Values["account_sid"],
		base:      base,
		messaging: messagingBase(base),
		transport: p.cfg.Transport,
		timeout:   p.cfg.Timeout,
		insecure:  p.cfg.InsecureSkipSignature,
		webhook:   webhook,
		callback:  s.WebhookURL,
	}
	if errs := a.credentials(s); errs != nil {
		return nil, errs
	}
	if a.transport == nil {
		t := egress.NewTransport()
		t.DisableCompression = false // lists are long; what is read of an answer is bounded in any case
		a.transport = t
	}
	if a.timeout == 0 {
		a.timeout = defaultTimeout
	}
	a.media = newMedia(p.cfg, base, a.timeout)
	return a, nil
}

// account is one Twilio account. All fields but trails are set by Open and only read afterwards. The secrets are plain strings,
// so it must never be printed field by field: Format sees to that.
type account struct {
	sid            string   // AC…
	user, password string   // of the REST API
	key            bool     // these are an API key
	token          login    // the account itself; without a password where it has no auth token
	tokens         []string // that verify webhooks, the current one first
	withheld       []string // what no error may repeat
	base           *url.URL
	messaging      *url.URL // base of the Messaging API
	transport      http.RoundTripper
	timeout        time.Duration
	media          *egress.Client
	insecure       bool
	webhook        *url.URL // nil when there is none
	callback       string   // Settings.WebhookURL
	trails         trails
}

// Traits implements [sms.Describer]. ConfirmsOptOut is true because Twilio answers STOP, START and HELP itself on
// long codes, toll-free numbers and Messaging Services. A short code outside of a service has no such handling.
func (a *account) Traits() sms.Traits {
	return sms.Traits{MaxText: MaxText, ConfirmsOptOut: true, Media: mediaLimits}
}

// defaultWords are the words that Twilio acts on, and answers, by default; the French ones are what its services were seen to act
// on. It takes the whole text, in any case, without gaps inside.
var defaultWords = map[string]bool{
	"STOP": true, "STOPALL": true, "UNSUBSCRIBE": true, "CANCEL": true, "END": true, "QUIT": true, "REVOKE": true, "OPTOUT": true,
	"START": true, "YES": true, "UNSTOP": true, "HELP": true, "INFO": true,
	"ARRET": true, "ARRETE": true, "ARRETT": true,
}

// Answers implements [sms.AutoResponder]. Where Twilio says what a text means (OptOutType), it has answered it, in the words
// of Advanced Opt-Out. Else it answers its default words alone, and none on a short code outside of a service; that "opt out"
// or "Stop!" mean the same is for the desk to see, and to confirm.
func (a *account) Answers(in channel.Inbound) bool {
	if in.Consent != channel.ConsentNone {
		return true
	}
	if in.Pool == "" && in.To.Kind() == channel.KindShortCode {
		return false
	}
	return defaultWords[strings.ToUpper(strings.TrimSpace(in.Text))]
}

// Format implements [fmt.Formatter]: every verb prints the provider and the account SID, and no secret.
func (a *account) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%s account %s", Name, a.sid) }

// LogValue implements [slog.LogValuer] with the text of Format.
func (a *account) LogValue() slog.Value { return slog.StringValue(Name + " account " + a.sid) }

var (
	accountSID = regexp.MustCompile(`^AC[0-9a-f]{32}$`)
	keySID     = regexp.MustCompile(`^SK[0-9a-fA-F]{32}$`)
	serviceSID = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
	numberSID  = regexp.MustCompile(`^PN[0-9a-fA-F]{32}$`)
	mediaSID   = regexp.MustCompile(`^ME[0-9a-fA-F]{32}$`)
	messageSID = regexp.MustCompile(`^(?:SM|MM)[0-9a-fA-F]{32}$`)
	// twilio-go refuses any other character in credentials, with an invented error 21222 or 21224.
	credential = regexp.MustCompile(`^[0-9A-Za-z]+$`)
	reference  = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)
)

// credentials fills in who sends and which tokens verify, and returns every field that is wrong, in form order.
func (a *account) credentials(s sms.Settings) error {
	var errs sms.FieldErrors
	check := func(ok bool, field, problem string) {
		if !ok {
			errs = append(errs, sms.FieldError{Field: field, Problem: problem})
		}
	}
	token := s.Secrets["auth_token"].Reveal()
	check(accountSID.MatchString(a.sid), "account_sid", problemAccountSID)
	a.user, a.password = a.sid, token
	if a.key = s.Values["use_api_key"] == "true"; a.key {
		a.user, a.password = s.Values["api_key_sid"], s.Secrets["api_key_secret"].Reveal()
		check(keySID.MatchString(a.user), "api_key_sid", problemKeySID)
		check(credential.MatchString(a.password), "api_key_secret", problemCredential)
	}
	if !(token == "" && a.key && a.insecure) {
		check(credential.MatchString(token), "auth_token", problemCredential)
	}
	if errs != nil {
		return errs
	}
	a.tokens = tokens(token, s.Previous)
	a.token = login{a.sid, token}
	a.withheld = append([]string{a.password, a.rest().basic(), a.token.basic()}, a.tokens...)
	return nil
}

// tokens lists the auth tokens that verify a webhook, the current one first. A blank one is never a key.
func tokens(current string, previous []map[string]sms.Secret) []string {
	var out []string
	if current != "" {
		out = append(out, current)
	}
	for _, p := range previous {
		if t := p["auth_token"].Reveal(); strings.TrimSpace(t) != "" {
			out = append(out, t)
		}
	}
	return out
}

func parseBase(s string) (*url.URL, error) {
	if s == "" {
		s = defaultBaseURL
	}
	u, err := url.Parse(s)
	if err != nil || !absolute(u) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("twilio: Config.BaseURL is not an absolute http or https URL without user, query and fragment")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

func parseWebhook(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil
	}
	u, err := url.Parse(s) // refuses control characters, and so a header in disguise
	if err != nil || !absolute(u) || strings.ContainsAny(s, "?# ") || strings.HasSuffix(s, "/") {
		return nil, errors.New("twilio: Settings.WebhookURL is not an absolute http or https URL without query, fragment and trailing slash")
	}
	if strings.Contains(u.Host, "_") {
		return nil, errors.New("twilio: the host of Settings.WebhookURL holds '_', for which Twilio refuses every text (error 21609)")
	}
	return u, nil
}

// messagingBase is where the Messaging API lives: beside the REST API on Twilio's own hosts
// (messaging.twilio.com, messaging.dublin.ie1.twilio.com), under the same URL everywhere else.
func messagingBase(base *url.URL) *url.URL {
	if name, ok := strings.CutPrefix(base.Host, "api."); ok && strings.HasSuffix(base.Hostname(), ".twilio.com") {
		other := *base
		other.Host = "messaging." + name
		return &other
	}
	return base
}

func absolute(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
