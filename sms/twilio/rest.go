package twilio

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/twilio/twilio-go/client"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

const userAgent = "livedesk-go" // added to the SDK's own

// login is one pair of credentials of the REST API.
type login struct{ user, password string }

// basic is the login as the header Authorization has it.
func (l login) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(l.user + ":" + l.password))
}

// rest is the login of the REST API.
func (a *account) rest() login { return login{a.user, a.password} }

// question is a request that sends no text: it reads something, or sets a setting to what it should be, so that
// asking twice does no harm.
type question struct {
	login login
	base  *url.URL
	path  string     // with its query
	form  url.Values // makes it a POST
	limit int64      // bytes of the answer; zero means maxAnswer
}

// ask asks a question and decodes the answer. Every error is a [sms.SendError]; none is ReasonUnknown, since nothing
// can have been sent. It goes through the SDK's client but not through its methods, because those alter some queries:
// a '.' with digits behind it is cut out of every value.
func (a *account) ask(ctx context.Context, q question, answer any) error {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	c := &call{ctx: ctx, base: q.base, next: a.transport, limit: maxAnswer}
	if q.limit > 0 {
		c.limit = q.limit
	}
	method := http.MethodGet
	if q.form != nil {
		method = http.MethodPost
	}
	header := map[string]any{"Content-Type": formType}
	resp, err := a.client(c, q.login).SendRequest(method, defaultBaseURL+q.path, q.form, header) // call puts the base in
	if err == nil && c.ok() {
		if json.NewDecoder(resp.Body).Decode(answer) == nil {
			return nil
		}
		err = errUnreadable // its own words quote the answer
	}
	e := a.failure(c, err, q.told()...)
	if e.Reason == channel.ReasonUnknown {
		e.Reason = channel.ReasonRetry
	}
	return e
}

// told is what the question tells Twilio, which no error may repeat: numbers, and the key in a webhook's address.
func (q question) told() (out []string) {
	_, query, _ := strings.Cut(q.path, "?")
	asked, _ := url.ParseQuery(query)
	for _, values := range []url.Values{asked, q.form} {
		for _, v := range values {
			out = append(out, v...)
		}
	}
	return out
}

// bounded bounds one request, answer included.
func (a *account) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.timeout > 0 {
		return context.WithTimeout(ctx, a.timeout)
	}
	return context.WithCancel(ctx)
}

// client is the SDK's client for one call, since the context is in its transport. It is a few small structs; the
// connections are the account's.
func (a *account) client(c *call, as login) *client.Client {
	tc := &client.Client{
		Credentials: client.NewCredentials(as.user, as.password),
		HTTPClient: &http.Client{
			Transport:     c,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		UserAgentExtensions: []string{userAgent},
	}
	tc.SetAccountSid(a.sid)
	return tc
}

// failure says what it means that a request got no answer, or one that is of no use. told is what an error of the
// transport must not repeat.
func (a *account) failure(c *call, err error, told ...string) *sms.SendError {
	if c.status == 0 {
		e := &sms.SendError{Provider: Name, Reason: channel.ReasonUnknown, Err: a.cause(err, told)}
		if c.notSent() {
			e.Reason = channel.ReasonRetry
		}
		return e
	}
	e := &sms.SendError{Provider: Name, Status: c.status, After: c.after}
	code := 0
	// Only the code is kept of what Twilio says: its message may quote the number.
	if rest, ok := errors.AsType[*client.TwilioRestError](err); ok && rest.Code > 0 {
		code, e.Code = rest.Code, strconv.Itoa(rest.Code)
	}
	e.Reason = answerReason(c.status, code, c.told)
	if code == codeQueueFull && e.After == 0 {
		e.After = queueFullPause
	}
	if errors.Is(err, errUnreadable) {
		e.Err = errUnreadable
	}
	return e
}

// cause is err without the URL that net/http puts around it. A transport of the host's may say anything, so an error
// that repeats a secret or what it was told is withheld.
func (a *account) cause(err error, told []string) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return ended
		}
	}
	text := err.Error()
	repeats := func(s string) bool { return strings.Contains(text, s) }
	long := func(s string) bool { return len(s) > 3 && repeats(s) } // "to" is in every other error
	if slices.ContainsFunc(a.withheld, repeats) || slices.ContainsFunc(told, long) {
		return errWithheld
	}
	return err
}

var (
	errWithheld   = errors.New("transport error withheld")
	errUnreadable = errors.New("the answer can't be read")
)

// answered reports that Twilio answered with this status.
func answered(err error, status int) bool {
	e, ok := errors.AsType[*sms.SendError](err)
	return ok && e.Status == status
}

func codeOf(err error) string {
	if e, ok := errors.AsType[*sms.SendError](err); ok {
		return e.Code
	}
	return ""
}
