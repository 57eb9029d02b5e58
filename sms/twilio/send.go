package twilio

import (
	"context"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

const (
	maxValidity = 10 * time.Hour // Twilio's own limit and default, in seconds on the wire
	overrides   = "#rc=5&rp=all" // five retries for every kind of failure; by default Twilio repeats no 5xx
	statusPath  = "/status/"     // below the webhook URL, followed by the Ref
)

// Send implements [channel.Channel]. Every error is a [sms.SendError]. Twilio has no idempotency key, so a send whose
// answer was lost has [channel.ReasonUnknown] and must not be repeated blindly; the Ref in the status callback's path
// settles it. One send makes at most one request.
func (a *account) Send(ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
	params, refused := a.message(m, time.Now())
	if refused != nil {
		return channel.Accepted{}, refused
	}
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	c := &call{ctx: ctx, base: a.base, next: a.transport, limit: maxAnswer, gate: egress.Gate{Before: m.Before}}
	// Not NewRequestHandler: it reads TWILIO_EDGE and TWILIO_REGION from the environment.
	service := api.NewApiService(&client.RequestHandler{Client: a.client(c, a.rest())})
	msg, err := service.CreateMessage(params)
	if c.ok() {
		return taken(c, msg, err)
	}
	return channel.Accepted{}, a.failure(c, err, string(m.To), string(m.From), m.Text)
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
	case m.Pool == "" && m.From.Kind() == channel.KindOther: // error 21212
		return notSent(channel.ReasonConfig, "From is not a number, short code or name")
	case m.Pool != "" && !serviceSID.MatchString(m.Pool):
		return notSent(channel.ReasonConfig, "Pool "+problemServiceSID)
	case m.To.Kind() != channel.KindE164 && m.To.Kind() != channel.KindShortCode: // error 21211
		return notSent(channel.ReasonRecipient, "To is not a number")
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
	return channel.Accepted{ID: value(msg.Sid), Status: status, Segments: natural(value(msg.NumSegments))}, nil
}

// stillborn is a message that Twilio created in a final state. No callback will come: none is sent for a first state.
func stillborn(status int, code *int) *sms.SendError {
	e := &sms.SendError{Provider: Name, Status: status, Reason: channel.ReasonOther}
	if code != nil && *code > 0 {
		e.Code, e.Reason = strconv.Itoa(*code), receiptReason(*code)
	}
	return e
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
