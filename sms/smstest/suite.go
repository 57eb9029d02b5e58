package smstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// Case says how [RunProvider] gets at a provider.
type Case struct {
	// Connect returns a new provider and the new carrier that it talks to. It is called once for each subtest, in
	// parallel; what it opens it closes by t.Cleanup. Required.
	Connect func(t testing.TB) (sms.Provider, Carrier)
	// Values fill in the provider's form as a person would, secrets among them, so that the carrier knows the
	// account. Its number or pool sends. Required.
	Values map[string]string
	// WebhookURL is the connection's public address. Zero means https://desk.example.com/sms/3f9a.
	WebhookURL string
	// Except names subtests that this provider can't pass, with the reason. They are skipped, visibly.
	Except map[string]string
}

// RunProvider holds a provider to the contract of [sms.Provider], [sms.Account] and [channel.Channel], one subtest
// for each sentence, against the carrier that it talks to. What an account can do beyond that ([sms.Verifier],
// [sms.WebhookTeller], [sms.Registrar], [sms.Lister], [sms.MediaFetcher], [sms.HeaderChecker]) is held to its contract where it is there, and
// skipped where it isn't. It needs some seconds, most of them waiting for deadlines of 500 ms. Run it with -race: some
// subtests call from many goroutines.
func RunProvider(t *testing.T, c Case) {
	t.Helper()
	if c.Connect == nil || len(c.Values) == 0 {
		t.Fatal("smstest: Case.Connect and Case.Values are required")
	}
	for name := range c.Except {
		if !slices.ContainsFunc(contract, func(cl clause) bool { return cl.name == name }) {
			t.Errorf("Except names no subtest: %s", name)
		}
	}
	for _, cl := range contract {
		t.Run(cl.name, func(t *testing.T) {
			if why, ok := c.Except[cl.name]; ok {
				t.Skip(why)
			}
			t.Parallel()
			err := run(t.Context(), t, c, cl)
			if why, ok := errors.AsType[absent](err); ok {
				t.Skip(string(why))
			}
			if err != nil {
				t.Errorf("%s\n%v", cl.sentence, err)
			}
		})
	}
}

// clause is one sentence of the contract with the check for it.
type clause struct {
	name, sentence string
	check          func(ctx context.Context, r *rig) error
}

var contract = slices.Concat(formClauses, sendClauses, faultClauses, webhookClauses, mediaClauses, verifyClauses, registerClauses, listClauses)

// absent says why a clause about something optional can't be checked.
type absent string

func (a absent) Error() string { return string(a) }

// run checks one clause on a fresh pair. What an error gives away counts against every clause.
func run(ctx context.Context, t testing.TB, c Case, cl clause) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	provider, carrier := c.Connect(t)
	r := &rig{c: c, provider: provider, carrier: carrier, form: provider.Form()}
	if err := r.open(); err != nil {
		return fmt.Errorf("open the case's own values: %w", err)
	}
	err := cl.check(ctx, r)
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(err, r.leak)
}

// rig is a provider and a carrier, connected, with a desk's webhook handler between them.
type rig struct {
	c        Case
	provider sms.Provider
	carrier  Carrier
	form     sms.Form
	settings sms.Settings
	from     channel.Address
	pool     string

	mu      sync.Mutex
	account sms.Account
	refs    int
	events  []channel.Event
	refusal error // of the last webhook
	early   error // what CheckHeader said of it
	checks  bool  // there is a CheckHeader
	posted  int
	leak    error
}

const defaultWebhookURL = "https://desk.example.com/sms/3f9a"

// canary is part of every text of the suite, so that one in an error is seen.
const canary = "cedar 4711 lamp"

func (r *rig) open() error {
	values, err := r.form.Validate(r.c.Values)
	if err != nil {
		return err
	}
	r.settings = sms.Settings{Values: map[string]string{}, Secrets: map[string]sms.Secret{},
		WebhookURL: or(r.c.WebhookURL, defaultWebhookURL)}
	for _, f := range r.form.Fields {
		v, ok := values[f.Name]
		switch {
		case !ok:
		case f.Kind == sms.FieldNumber:
			r.from = channel.Address(v)
		case f.Kind == sms.FieldPool:
			r.pool = v
		}
		switch {
		case !ok || f.Scope == sms.ScopeChannel:
		case f.Secret:
			r.settings.Secrets[f.Name] = sms.NewSecret(v)
		default:
			r.settings.Values[f.Name] = v
		}
	}
	r.carrier.SetWebhooks(r.settings.WebhookURL, HandlerTransport(r)) // first, in case Open sends something
	account, err := r.provider.Open(r.settings)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.account = account
	return err
}

// reopen opens the account again with other secrets.
func (r *rig) reopen(secrets map[string]sms.Secret, previous ...map[string]sms.Secret) error {
	s := r.settings
	s.Values, s.Secrets, s.Previous = maps.Clone(s.Values), secrets, previous
	account, err := r.provider.Open(s)
	if err != nil {
		return fmt.Errorf("open with other secrets: %w", r.seen(err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.account = account
	return nil
}

// rotated returns secrets of the same shape as the case's, each with another last character.
func (r *rig) rotated() map[string]sms.Secret {
	out := map[string]sms.Secret{}
	for name, secret := range r.settings.Secrets {
		s := []byte(secret.Reveal())
		if last := &s[len(s)-1]; *last == '0' {
			*last = '1'
		} else {
			*last = '0'
		}
		out[name] = sms.NewSecret(string(s))
	}
	return out
}

func (r *rig) current() sms.Account {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.account
}

// text returns a text of its own, from the case's sender.
func (r *rig) text() channel.Outbound {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refs++
	m := channel.Outbound{Ref: fmt.Sprintf("0198c3a4-7e57-%d", r.refs), From: r.from, To: Customer, Text: canary}
	if r.pool != "" {
		m.From, m.Pool = "", r.pool
	}
	return m
}

func (r *rig) send(ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
	a, err := r.current().Send(ctx, m)
	return a, r.seen(err)
}

// seen looks at an error for what it must not hold, in every verb that a log may use.
func (r *rig) seen(err error) error {
	if err == nil {
		return nil
	}
	hidden := map[string]string{"a text": canary, "the customer's number": string(Customer), "the sender's number": string(r.from),
		"a number": foreignNumber}
	for name, s := range r.settings.Secrets {
		hidden["the secret "+name] = s.Reveal()
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		printed := fmt.Sprintf(verb, err)
		for what, s := range hidden {
			if s != "" && strings.Contains(printed, s) {
				r.mu.Lock()
				r.leak = fmt.Errorf("an error printed with %s holds %s", verb, what)
				r.mu.Unlock()
			}
		}
	}
	return err
}

// sends counts the requests to send that reached the carrier.
func (r *rig) sends() (n int) {
	for _, q := range r.carrier.Requests() {
		if q.Kind == KindSend {
			n++
		}
	}
	return n
}

// ServeHTTP is the webhook handler of a desk: what arrives is shown to the account under the public URL, with a Host
// and forwarding headers that mean nothing.
func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil || r.current() == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	public, _ := url.Parse(r.settings.WebhookURL)
	shown := req.Clone(req.Context())
	shown.URL.Scheme, shown.URL.Host = public.Scheme, public.Host
	shown.Host, shown.Body = "10.0.0.7:8080", http.NoBody
	shown.Header.Set("X-Forwarded-Host", "evil.example")
	shown.Header.Set("X-Forwarded-Proto", "http")
	early, checks := r.checkHeader(shown)
	events, err := r.current().Parse(shown, body)
	_ = r.seen(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.early, r.checks = early, checks; early != nil && (err == nil || answerTo(early) != answerTo(err)) {
		r.leak = fmt.Errorf("CheckHeader says %w, and Parse %v", early, err)
	}
	r.posted++
	r.refusal = err
	r.events = append(r.events, events...)
	if err != nil && len(events) > 0 {
		r.leak = errors.New("events came beside an error")
	}
	w.WriteHeader(answerTo(err))
}

// checkHeader asks the account what it thinks of the headers alone, where it does.
func (r *rig) checkHeader(req *http.Request) (err error, checks bool) {
	c, ok := r.current().(sms.HeaderChecker)
	if !ok {
		return nil, false
	}
	return r.seen(c.CheckHeader(req)), true
}

// answerTo is the status that the engine gives for what Parse said.
func answerTo(err error) int {
	switch {
	case err == nil:
		return http.StatusNoContent
	case errors.Is(err, channel.ErrForged):
		return http.StatusForbidden
	case errors.Is(err, channel.ErrUnauthenticated):
		return http.StatusUnauthorized
	case errors.Is(err, channel.ErrMediaType):
		return http.StatusUnsupportedMediaType
	case errors.Is(err, channel.ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, channel.ErrMalformed):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// deliver posts a webhook and returns what Parse made of it.
func (r *rig) deliver(ctx context.Context, m Text) ([]channel.Event, error) {
	r.mu.Lock()
	before, posted := len(r.events), r.posted
	r.refusal = nil
	r.mu.Unlock()
	if _, err := r.carrier.Deliver(ctx, m); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.posted == posted {
		return nil, errors.New("no webhook arrived")
	}
	return r.events[before:], r.refusal
}
