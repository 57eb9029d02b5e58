package twilio

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// Parse implements [channel.Channel]. It takes one event per webhook: a text that came in, posted to the webhook URL
// itself, or a receipt, posted to "/status/" and the Ref below it (a receipt posted to the webhook URL is known by
// its MessageStatus and has no Ref). JSON that Twilio signed holds nothing for us and becomes a [channel.Unread].
//
// The error wraps [channel.ErrMediaType], [channel.ErrForged] or [channel.ErrMalformed]. See the package comment for
// what is refused in spite of a good signature.
func (a *account) Parse(r *http.Request, body []byte) ([]channel.Event, error) {
	target := r.URL.String()
	kind, signature, err := a.header(r, target)
	if err != nil {
		return nil, err
	}
	if kind == jsonType {
		if !a.insecure && !validBody(a.tokens, target, body, signature) {
			return nil, forged("signature doesn't match")
		}
		return []channel.Event{channel.Unread{Type: jsonType}}, nil
	}
	p, err := parseForm(body)
	if err != nil {
		return nil, err
	}
	if !a.insecure && !valid(a.tokens, target, flatten(p.values), signature) {
		return nil, forged("signature doesn't match")
	}
	p.borders()
	if p.one("AccountSid") != a.sid && p.err == nil {
		return nil, forged("not the account of this connection")
	}
	e, err := a.event(r, p)
	if err != nil {
		return nil, err
	}
	return []channel.Event{e}, nil
}

// CheckHeader implements [sms.HeaderChecker]: what isn't a form (or JSON with its hash in the URL) is
// [channel.ErrMediaType], and what has no signature [channel.ErrForged].
func (a *account) CheckHeader(r *http.Request) error {
	_, _, err := a.header(r, r.URL.String())
	return err
}

// header returns the content type and the signature of a webhook.
func (a *account) header(r *http.Request, target string) (kind, signature string, err error) {
	if kind, err = mediaType(r, target); err == nil {
		signature, err = a.signature(r)
	}
	return kind, signature, err
}

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// mediaType comes before the signature because it decides what was signed.
func mediaType(r *http.Request, target string) (string, error) {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && len(r.Header.Values("Content-Type")) == 1 {
		if t == formType {
			return t, nil
		}
		if _, ok := bodyHash(target); ok && t == jsonType {
			return t, nil
		}
	}
	return "", fmt.Errorf("twilio: %w", channel.ErrMediaType)
}

// signature returns the one signature of the request.
func (a *account) signature(r *http.Request) (string, error) {
	v := r.Header.Values("X-Twilio-Signature")
	if a.insecure {
		return "", nil
	}
	if len(v) != 1 || len(v[0]) != signatureLen {
		return "", forged("no signature")
	}
	return v[0], nil
}

func forged(why string) error    { return fmt.Errorf("twilio: %s: %w", why, channel.ErrForged) }
func malformed(why string) error { return fmt.Errorf("twilio: %s: %w", why, channel.ErrMalformed) }

func (a *account) event(r *http.Request, p *params) (channel.Event, error) {
	suffix := a.suffix(r.URL.Path)
	ref, isStatus := strings.CutPrefix(suffix, statusPath)
	if suffix == "" || suffix == "/" {
		isStatus = p.has("MessageStatus") && p.one("SmsStatus") != "received"
	} else if !isStatus {
		return nil, malformed("nothing is served at this path")
	}
	var e channel.Event
	if isStatus {
		e = receipt(p, ref)
	} else {
		e = inbound(p)
	}
	return e, p.err
}

// suffix is what follows the connection's address in a webhook's path. That address ends in a key which may have
// been renewed since Open, so only the path before the key has to agree; where even that doesn't, the last
// "/status/" decides.
func (a *account) suffix(path string) string {
	if a.webhook != nil {
		prefix := a.webhook.Path[:strings.LastIndexByte(a.webhook.Path, '/')+1]
		if rest, ok := strings.CutPrefix(path, prefix); ok && prefix != "" {
			if i := strings.IndexByte(rest, '/'); i >= 0 {
				return rest[i:]
			}
			return ""
		}
	}
	if i := strings.LastIndex(path, statusPath); i >= 0 {
		return path[i:]
	}
	return ""
}

func inbound(p *params) channel.Inbound {
	if s := p.one("SmsStatus"); s != "" && s != "received" && s != "receiving" {
		p.fail("SmsStatus is not that of a received text")
	}
	in := channel.Inbound{
		ID:       p.messageID(),
		From:     p.address("From"),
		To:       p.address("To"),
		Pool:     p.service(),
		Text:     p.one("Body"),
		Media:    p.media(),
		Consent:  p.consent(),
		Country:  p.country("FromCountry"),
		Segments: p.count("NumSegments"),
		Fields:   p.fields(),
	}
	if !p.has("Body") { // a text without words has an empty one
		p.fail("Body is missing")
	}
	return in
}

func receipt(p *params, ref string) channel.Receipt {
	word := p.one("MessageStatus")
	if word == "" {
		p.fail("MessageStatus is missing")
	}
	if !reference.MatchString(ref) {
		ref = "" // not one of ours; the message's id still finds it
	}
	out := channel.Receipt{
		Ref:    ref,
		ID:     p.messageID(),
		Status: deliveryStatus(word),
		Word:   cut(channel.Clean(word), maxWord),
		At:     carrierTime(p.one("RawDlrDoneDate")),
	}
	code, err := strconv.Atoi(p.one("ErrorCode"))
	if err == nil && code > 0 && code < 1e6 {
		out.Code = strconv.Itoa(code)
	} else {
		code = 0
	}
	out.Reason = failureReason(out.Status, code, p.one("From"))
	return out
}

// failureReason is what the code of a text in this state means; there is none where it didn't fail.
func failureReason(status channel.DeliveryStatus, code int, from string) channel.Reason {
	switch {
	case !failed(status):
		return channel.ReasonNone
	case code == blocked && tollFree(from):
		return channel.ReasonOptOut
	}
	return receiptReason(code)
}

// blocked on a toll-free number of the US and Canada means an earlier STOP: that network keeps its own list, which
// can't be turned off and which answers with 30004 rather than 21610.
const blocked = 30004

// tollFree reports a toll-free number of the North American Numbering Plan.
func tollFree(number string) bool {
	if len(number) != len("+18005550100") {
		return false
	}
	switch number[:5] {
	case "+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888":
		return true
	}
	return false
}

// deliveryStatus reads Twilio's word for a state (twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks).
func deliveryStatus(word string) channel.DeliveryStatus {
	switch word {
	case "accepted", "scheduled", "queued", "sending":
		return channel.StatusAccepted
	case "sent":
		return channel.StatusSent
	case "delivered":
		return channel.StatusDelivered
	case "read":
		return channel.StatusRead
	case "undelivered":
		return channel.StatusUndelivered
	case "failed":
		return channel.StatusFailed
	case "canceled":
		return channel.StatusCanceled
	}
	return channel.StatusUnknown
}

func failed(s channel.DeliveryStatus) bool {
	return s == channel.StatusUndelivered || s == channel.StatusFailed
}

// carrierTime reads RawDlrDoneDate (YYMMDDhhmm). It is the last carrier's clock, without a zone; we take it for UTC,
// so it may be half a day off, and it must never put events in order. What is no minute of this century is no time.
func carrierTime(s string) time.Time {
	if len(s) != len("0601021504") {
		return time.Time{}
	}
	t, err := time.Parse("200601021504", "20"+s)
	if err != nil {
		return time.Time{}
	}
	return t
}
