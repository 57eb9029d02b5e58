package twilio

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

const (
	maxValidity = 10 * time.Hour // Twilio's own limit and default, in seconds on the wire
	overrides   = "#rc=5&rp=all" // five retries for every kind of failure; by default Twilio repeats no 5xx
	statusPath  = "/status/"     // below the webhook URL, followed by the Ref
	userAgent   = "livedesk-go"  // added to the SDK's own
)

// Send implements [channel.Channel]. Every error is a [sms.SendError]. Twilio has no idempotency key, so a send whose
// answer was lost has [channel.ReasonUnknown] and must not be repeated blindly; the Ref in the status callback's path
// settles it. One send makes at most one request.
func (a *account) Send(ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
	params, refused := a.message(m, time.Now())
	if refused != nil {
		return channel.Accepted{}, refused
	}
	if a.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.timeout)
		defer cancel()
	}
	c := &call{ctx: ctx, base: a.base, next: a.transport}
	msg, err := a.api(c).CreateMessage(params)
	if c.status >= 200 && c.status < 300 {
		return taken(c, msg, err)
	}
	return channel.Accepted{}, a.failure(c, err, m)
}

// api is the SDK's client for one call, since the context is in its transport. It is a few small structs; the
// connections are the account's.
func (a *account) api(c *call) *api.ApiService {
	tc := &client.Client{
		Credentials: client.NewCredentials(a.user, a.password),
		HTTPClient: &http.Client{
			Transport:     c,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		UserAgentExtensions: []string{userAgent},
	}
	tc.SetAccountSid(a.sid)
	// Not NewRequestHandler: it reads TWILIO_EDGE and TWILIO_REGION from the environment.
	return api.NewApiService(&client.RequestHandler{Client: tc})
}

// message turns m into the SDK's parameters, or says why Twilio could never take it.
func (a *account) message(m channel.Outbound, now time.Time) (*api.CreateMessageParams, error) {
	if err := refuse(m); err != nil {
		return nil, err
	}
	p := &api.CreateMessageParams{}
	p.SetTo(string(m.To))
	if m.Pool != "" {
		p.SetMessagingServiceSid(m.Pool)
	} else {
		p.SetFrom(string(m.From))
	}
	if m.Text != "" {
		p.SetBody(m.Text)
	}
	if len(m.Media) > 0 {
		p.SetMediaUrl(m.Media)
	}
	if a.callback != "" {
		p.SetStatusCallback(a.callback + statusPath + m.Ref + overrides)
	}
	if !m.Expires.IsZero() {
		left := min(m.Expires.Sub(now), maxValidity)
		if left <= 0 {
			return nil, notSent(channel.ReasonExpired, "the text expired before it was sent")
		}
		// Rounded up: 0 is out of Twilio's range, and a second too late is nearer than one too early.
		p.SetValidityPeriod(int((left + time.Second - 1) / time.Second))
	}
	return p, nil
}

// refuse is what needs no request to be known.
func refuse(m channel.Outbound) error {
	switch {
	case !reference.MatchString(m.Ref):
		return notSent(channel.ReasonOther, "Ref is not 1 to 64 of A-Z a-z 0-9 and '-'")
	case m.From == "" && m.Pool == "":
		return notSent(channel.ReasonConfig, "neither From nor Pool is set")
	case m.Pool != "" && !serviceSID.MatchString(m.Pool):
		return notSent(channel.ReasonConfig, "Pool "+problemServiceSID)
	case m.To == "":
		return notSent(channel.ReasonRecipient, "To is empty")
	case m.Text == "" && len(m.Media) == 0:
		return notSent(channel.ReasonContent, "neither text nor media")
	case utf8.RuneCountInString(m.Text) > MaxText:
		return notSent(channel.ReasonContent, "text is longer than 1600 code points")
	}
	return refuseMedia(m.Media)
}

func notSent(r channel.Reason, why string) *sms.SendError {
	return &sms.SendError{Provider: Name, Reason: r, Err: errors.New(why)}
}

// taken reads an answer of 2xx. Without an id to match receipts by, nobody can know what Twilio did.
func taken(c *call, msg *api.ApiV2010Message, err error) (channel.Accepted, error) {
	if err != nil || msg == nil || !messageSID.MatchString(value(msg.Sid)) {
		return channel.Accepted{}, &sms.SendError{
			Provider: Name, Status: c.status, Reason: channel.ReasonUnknown,
			Err: errors.New("the answer holds no message SID"),
		}
	}
	status := deliveryStatus(value(msg.Status))
	if failed(status) || status == channel.StatusCanceled {
		return channel.Accepted{}, stillborn(c.status, msg.ErrorCode)
	}
	if status == channel.StatusUnknown {
		status = channel.StatusAccepted // it has an id, so Twilio has it
	}
	segments, convErr := strconv.Atoi(value(msg.NumSegments))
	if convErr != nil || segments < 0 {
		segments = 0
	}
	return channel.Accepted{ID: value(msg.Sid), Status: status, Segments: segments}, nil
}

// stillborn is a message that Twilio created in a final state. No callback will come: none is sent for a first state.
func stillborn(status int, code *int) *sms.SendError {
	e := &sms.SendError{Provider: Name, Status: status, Reason: channel.ReasonOther}
	if code != nil && *code > 0 {
		e.Code, e.Reason = strconv.Itoa(*code), receiptReason(*code)
	}
	return e
}

// failure says what an answer other than 2xx, or none at all, means for the text.
func (a *account) failure(c *call, err error, m channel.Outbound) *sms.SendError {
	if c.status == 0 {
		e := &sms.SendError{Provider: Name, Reason: channel.ReasonUnknown, Err: a.cause(err, m)}
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
	return e
}

// cause is err without the URL that net/http puts around it. A transport of the host's may say anything, so an error
// that repeats a secret, the recipient or the text is withheld.
func (a *account) cause(err error, m channel.Outbound) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return ended
		}
	}
	text := err.Error()
	repeats := func(s string) bool { return s != "" && strings.Contains(text, s) }
	if slices.ContainsFunc(a.withheld, repeats) || repeats(string(m.To)) || len(m.Text) > 3 && repeats(m.Text) {
		return errWithheld
	}
	return err
}

var errWithheld = errors.New("transport error withheld")

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
