package bandwidth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

var errBadAnswer = errors.New("answer can't be read")

// notSent is a text of which the carrier can't have anything.
func notSent(err error) *sms.SendError {
	return &sms.SendError{Provider: Name, Reason: channel.ReasonRetry, Err: err}
}

// unknown is a text that the carrier may have.
func unknown(status int, err error) *sms.SendError {
	return &sms.SendError{Provider: Name, Status: status, Reason: channel.ReasonUnknown, Err: err}
}

// refused is a text that we didn't even try.
func refused(r channel.Reason, why string) *sms.SendError {
	return &sms.SendError{Provider: Name, Reason: r, Err: errors.New(why)}
}

// unauthorized reports that the carrier answered a text, a question or a download with 401.
func unauthorized(err error) bool {
	if m, ok := errors.AsType[*sms.MediaError](err); ok {
		return m.Status == http.StatusUnauthorized
	}
	e, ok := errors.AsType[*sms.SendError](err)
	return ok && e.Status == http.StatusUnauthorized
}

// isTransport reports whether err came from the connection rather than from what was on it.
func isTransport(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// answerError is what an answer other than 2xx means. 4xx is a refusal; 429, and 503 with a Retry-After, say that
// nothing was done and when to come again. Everything else, redirects among it, leaves the outcome open: a gateway
// answers 502 for a request that the server behind it went on to serve.
func answerError(status int, h http.Header, raw []byte) *sms.SendError {
	e := &sms.SendError{Provider: Name, Status: status, Reason: channel.ReasonUnknown}
	after, told := retryAfter(h)
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && told:
		e.Reason, e.After = channel.ReasonRetry, after
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Reason = channel.ReasonCredentials
	case status == http.StatusRequestTimeout: // some proxy lost patience; who knows with whom
	case status == http.StatusRequestEntityTooLarge:
		e.Reason = channel.ReasonContent
	case status == http.StatusBadRequest:
		e.Reason = channel.ReasonOther
	case status/100 == 4:
		e.Reason = channel.ReasonConfig // 404, 405, 406, 415: a wrong account or a wrong address
	}
	var body refusal
	if json.Unmarshal(raw, &body) != nil {
		return e
	}
	e.Code = word(body.Type)
	if status == http.StatusBadRequest {
		e.Reason, e.Err = body.reason()
	}
	return e
}

// refusal is the body of a 4xx. Descriptions are left out: they quote numbers and texts.
type refusal struct {
	Type        string `json:"type"`
	FieldErrors []struct {
		FieldName string `json:"fieldName"`
	} `json:"fieldErrors"`
}

// fieldReasons says what a wrong field means, the one that outweighs the others first: what is wrong for every text
// comes before what is wrong with this one.
var fieldReasons = []struct {
	field  string
	reason channel.Reason
}{
	{"applicationId", channel.ReasonConfig},
	{"from", channel.ReasonConfig},
	{"priority", channel.ReasonConfig},
	{"tag", channel.ReasonConfig},
	{"to", channel.ReasonRecipient},
	{"text", channel.ReasonContent},
	{"media", channel.ReasonContent},
	{"expiration", channel.ReasonExpired},
}

// reason classifies a 400 by the fields that it names, and names those that we know.
func (r refusal) reason() (channel.Reason, error) {
	var known []string
	reason := channel.ReasonOther
	for _, f := range fieldReasons {
		if !slices.ContainsFunc(r.FieldErrors, func(e struct {
			FieldName string `json:"fieldName"`
		}) bool {
			return baseName(e.FieldName) == f.field
		}) {
			continue
		}
		if known == nil {
			reason = f.reason
		}
		known = append(known, f.field)
	}
	if known == nil {
		return reason, nil
	}
	return reason, errors.New("refused fields: " + strings.Join(known, ", "))
}

// baseName turns "to[0]" and "to.0" into "to".
func baseName(field string) string {
	if i := strings.IndexAny(field, "[."); i >= 0 {
		return field[:i]
	}
	return field
}

// word returns s if it is one of the carrier's types ("request-validation"), else nothing: an error must not carry
// whatever a stranger wrote.
func word(s string) string {
	ok := len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
	if !ok {
		return ""
	}
	return s
}

func retryAfter(h http.Header) (time.Duration, bool) { return egress.RetryAfter(h) }
