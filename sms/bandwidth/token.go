package bandwidth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

const (
	tokenEarly = 60 * time.Second // renewed this long before its end, as Bandwidth's own SDKs do
	tokenLife  = time.Hour        // assumed when the answer has no expires_in; so do they
	maxToken   = 16 << 10
)

// tokens keeps one bearer token and renews it: on demand, once for all callers that wait. It is safe for concurrent
// use. It keeps no goroutine beyond a request that somebody waits for.
type tokens struct {
	conf    clientcredentials.Config
	client  *http.Client
	timeout time.Duration // at most this for one request; not positive means no limit

	mu      sync.Mutex
	value   string
	renewAt time.Time
	fetch   *fetch // in flight, or nil
}

// fetch is one token request and those who wait for it.
type fetch struct {
	cancel  context.CancelFunc
	waiting int           // guarded by tokens.mu
	done    chan struct{} // closed when value and err are set
	value   string
	err     *sms.SendError
}

func newTokens(client *http.Client, tokenURL, id, secret string, timeout time.Duration) *tokens {
	bounded := *client
	bounded.Transport = tokenTransport{client.Transport, basicHeader(id, secret)}
	return &tokens{
		conf: clientcredentials.Config{
			ClientID: id, ClientSecret: secret, TokenURL: tokenURL,
			AuthStyle: oauth2.AuthStyleInHeader, // not probed: a probe would double every refused request
		},
		client:  &bounded,
		timeout: timeout,
	}
}

// get returns a token that is good for a while, from memory or from Bandwidth. It returns early when ctx ends, which
// leaves the request to the others that wait; it is given up when the last of them has gone. The error is a
// [*sms.SendError] of a text that was not sent.
func (t *tokens) get(ctx context.Context) (string, error) {
	if ctx.Err() != nil {
		return "", notSent(ctx.Err())
	}
	t.mu.Lock()
	if t.value != "" && time.Now().Before(t.renewAt) {
		defer t.mu.Unlock()
		return t.value, nil
	}
	f := t.join(ctx)
	t.mu.Unlock()
	select {
	case <-f.done:
		if f.err != nil {
			e := *f.err // a copy each: an error belongs to who got it
			return "", &e
		}
		return f.value, nil
	case <-ctx.Done():
		t.leave(f)
		return "", notSent(ctx.Err())
	}
}

// drop forgets value after a 401, unless a newer token has taken its place.
func (t *tokens) drop(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == value {
		t.value = ""
	}
}

// join needs t.mu.
func (t *tokens) join(ctx context.Context) *fetch {
	if t.fetch == nil {
		ctx, cancel := t.detach(ctx)
		t.fetch = &fetch{cancel: cancel, done: make(chan struct{})}
		go t.run(ctx, t.fetch)
	}
	t.fetch.waiting++
	return t.fetch
}

// detach keeps the values of ctx, for tracing, but neither its end nor its deadline: the request is everybody's.
func (t *tokens) detach(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	if t.timeout > 0 {
		return context.WithTimeout(ctx, t.timeout)
	}
	return context.WithCancel(ctx)
}

func (t *tokens) leave(f *fetch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.waiting--; f.waiting > 0 {
		return
	}
	f.cancel()
	if t.fetch == f {
		t.fetch = nil // whoever comes next must not join a request that was given up
	}
}

func (t *tokens) run(ctx context.Context, f *fetch) {
	defer f.cancel()
	began := time.Now()
	token, err := t.conf.Token(context.WithValue(ctx, oauth2.HTTPClient, t.client))
	if err == nil && !usable(token.AccessToken) {
		err = errors.New("token can't be sent in a header")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	defer close(f.done)
	if err != nil {
		f.err = tokenError(err)
	} else {
		f.value = token.AccessToken
	}
	if t.fetch != f {
		return
	}
	t.fetch = nil
	if err == nil {
		t.value, t.renewAt = f.value, renewal(began, token.Expiry)
	}
}

// renewal returns when to renew a token that was asked for at began: a minute before it ends, or after half its life
// where that is longer away from the end than the life allows. So a token of 30 s serves for 15 s and not for none.
func renewal(began, expiry time.Time) time.Time {
	life := expiry.Sub(began)
	if expiry.IsZero() || life <= 0 { // a token that never lived is a broken field, and a 401 would tell
		life = tokenLife
	}
	return began.Add(life - min(tokenEarly, life/2))
}

// usable reports whether token fits in a header line: RFC 6750 allows less, but no blank and nothing outside ASCII.
func usable(token string) bool {
	return token != "" && len(token) <= maxToken &&
		!slices.ContainsFunc([]byte(token), func(c byte) bool { return c <= ' ' || c >= 0x7f })
}

// credentials return the value of the header Authorization: at once in the legacy Basic mode, else as soon as there is a
// token. Their error is a [*sms.SendError] of a request that was not made.
type credentials func(ctx context.Context) (string, error)

// authorized runs do with the account's credentials, and once more with a fresh token after a 401: that proves that the
// request was not taken. do asks for them once, when it knows that it has something to ask the carrier.
func authorized[T any](a *account, do func(credentials) (T, error)) (T, error) {
	for try := 1; ; try++ {
		token := ""
		v, err := do(func(ctx context.Context) (_ string, err error) {
			if a.tokens == nil {
				return a.basic, nil
			}
			token, err = a.tokens.get(ctx)
			return "Bearer " + token, err
		})
		if a.tokens == nil {
			return v, endedBasic(err)
		}
		if token == "" || !unauthorized(err) {
			return v, err
		}
		a.tokens.drop(token) // also in the end: the next request asks for one again, which is how mended rights are noticed
		if try == 2 {
			return v, err
		}
	}
}

var errBasic = errors.New("the carrier accepts no API user (Basic) from 2026-12-02 on: turn the legacy switch off and enter API credentials")

// endedBasic says of a 401 in the legacy Basic mode what is the likeliest reason.
func endedBasic(err error) error {
	if e, ok := errors.AsType[*sms.SendError](err); ok && e.Status == http.StatusUnauthorized && e.Err == nil {
		e.Err = errBasic
	}
	return err
}

// errNoToken is in every error of a token request, whose status is not that of the request it was for.
// errClientRefused: the client ID or its secret is wrong, or the secret has expired.
var (
	errNoToken       = errors.New("no token")
	errClientRefused = fmt.Errorf("%w: client credentials refused", errNoToken)
)

// tokenError never wraps what oauth2 returns: its error quotes the answer, which may echo what we sent.
func tokenError(err error) *sms.SendError {
	e := notSent(errNoToken)
	r, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case ok && r.Response != nil:
		e.Status = r.Response.StatusCode
		e.After, _ = retryAfter(r.Response.Header)
		if refusesClient(e.Status, r.ErrorCode) {
			e.Reason, e.Err = channel.ReasonCredentials, errClientRefused
		}
	case isTransport(err):
		e.Err = fmt.Errorf("%w: %w", errNoToken, cause(err))
	}
	return e
}

// refusesClient: RFC 6749, section 5.2, says 400 or 401 with a code; Bandwidth documents neither body nor code.
func refusesClient(status int, code string) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return true
	}
	return code == "invalid_client" || code == "unauthorized_client"
}

func basicHeader(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// tokenTransport does what oauth2 leaves to its caller's client: it bounds the answer and drains it, and it writes the
// client's credentials as Bandwidth documents them. oauth2 escapes both like a form first (RFC 6749, 2.3.1), which
// changes any secret with a character such as '+' or '/'; Bandwidth's own SDKs don't.
type tokenTransport struct {
	next          http.RoundTripper
	authorization string
}

func (t tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context()) // a RoundTripper must not change the request it was given
	r.Header.Set("Authorization", t.authorization)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", userAgent)
	res, err := t.next.RoundTrip(r)
	if err == nil && res.Body != nil {
		res.Body = &drained{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}

type drained struct {
	io.Reader
	body io.ReadCloser
}

func (d *drained) Close() error {
	_, _ = io.CopyN(io.Discard, d.body, maxDrain)
	return d.body.Close()
}
