package smstest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

const twilioPatience = 15 * time.Second

// Deliver posts a customer's text as Twilio does: it answers STOP, START and HELP itself, then posts the signed
// webhook, then sends what the answer asks for (TwiML, or text/plain). See [Carrier.Deliver].
func (t *Twilio) Deliver(ctx context.Context, m Text) (Delivery, error) {
	if len(m.Others) > 0 {
		return Delivery{}, fmt.Errorf("smstest: group texts at Twilio: %w", errors.ErrUnsupported)
	}
	m.From = or(m.From, Customer)
	m.To = or(m.To, t.cfg.Numbers[0])
	m.ID = or(m.ID, twilioID(m.Media))
	target := or(m.URL, t.inboundURL(m.To))
	optOut := ""
	if m.Damage == "" {
		t.receive(m)
		optOut = t.keyword(m)
	}
	form := t.inbound(m, optOut)
	p := (*twilioProtocol)(t)
	h, err := p.hook(HookInbound, m.ID, target, form, m.Damage)
	if err != nil {
		return Delivery{ID: m.ID}, err
	}
	d, res, err := t.post(ctx, h)
	if err == nil && d.OK() {
		t.obey(m, res)
	}
	return d, err
}

func twilioID(media []string) string {
	if len(media) > 0 {
		return "MM" + randomHex(16)
	}
	return "SM" + randomHex(16)
}

// inbound are the parameters of the webhook for a customer's text.
func (t *Twilio) inbound(m Text, optOut string) url.Values {
	form := url.Values{
		"MessageSid": {m.ID}, "SmsSid": {m.ID}, "SmsMessageSid": {m.ID}, "AccountSid": {t.cfg.AccountSID},
		"ApiVersion": {"2010-04-01"}, "From": {string(m.From)}, "To": {string(m.To)}, "Body": {m.Body},
		"NumSegments": {strconv.Itoa(segments(m.Body))}, "NumMedia": {strconv.Itoa(len(m.Media))}, "SmsStatus": {"received"},
		"FromCity": {"SAN FRANCISCO"}, "FromState": {"CA"}, "FromZip": {"94105"}, "FromCountry": {"US"},
		"ToCity": {"OAKLAND"}, "ToState": {"CA"}, "ToZip": {""}, "ToCountry": {"US"},
	}
	if sid := t.service(m.To); sid != "" {
		form.Set("MessagingServiceSid", sid)
	}
	if optOut != "" && t.cfg.AdvancedOptOut {
		form.Set("OptOutType", optOut)
	}
	for i, u := range m.Media {
		form.Set("MediaUrl"+strconv.Itoa(i), u)
		form.Set("MediaContentType"+strconv.Itoa(i), t.contentType(u))
	}
	for name, value := range m.Fields {
		form.Set(name, value)
	}
	return form
}

// contentType guesses by the ending, without the tables of the machine it runs on.
func contentType(u string) string {
	switch strings.ToLower(path.Ext(u)) {
	case ".png":
		return "image/png"
	case ".gif":
		return "image/gif"
	case ".vcf":
		return "text/x-vcard"
	case ".mp4":
		return "video/mp4"
	case ".pdf":
		return "application/pdf"
	}
	return "image/jpeg"
}

// receipt builds a status callback; without a StatusCallback there is none.
func (p *twilioProtocol) receipt(s Sent, step Step) (hook, error) {
	form := url.Values{"MessageSid": {s.ID}, "SmsSid": {s.ID}, "MessageStatus": {step.Word}, "SmsStatus": {step.Word},
		"AccountSid": {p.cfg.AccountSID}, "ApiVersion": {"2010-04-01"}, "From": {string(s.From)}, "To": {string(s.To)}}
	if s.Pool != "" {
		form.Set("MessagingServiceSid", s.Pool)
	}
	if step.Code != "" {
		form.Set("ErrorCode", step.Code)
	}
	if step.Word == "delivered" || step.Word == "undelivered" {
		form.Set("RawDlrDoneDate", time.Now().UTC().Format("0601021504"))
	}
	h, err := p.hook(HookStatus, s.ID, s.Callback, form, step.Damage)
	h.word = step.Word
	return h, err
}

// usual is what Twilio reports of a text that gets through: queued only where a service was used.
func (p *twilioProtocol) usual(s Sent) []Step {
	steps := []Step{{Status: channel.StatusSent}, {Status: channel.StatusDelivered}}
	if s.Pool != "" {
		return append([]Step{{Word: "queued"}}, steps...)
	}
	return steps
}

var twilioWords = map[channel.DeliveryStatus]string{
	channel.StatusAccepted: "queued", channel.StatusSent: "sent", channel.StatusDelivered: "delivered", channel.StatusRead: "read",
	channel.StatusUndelivered: "undelivered", channel.StatusFailed: "failed", channel.StatusCanceled: "canceled",
}

// word fills in the carrier's word, its common meaning and a usual error code.
func (p *twilioProtocol) word(step Step) Step { return translate(step, twilioWords, "30005") }

func translate(step Step, words map[channel.DeliveryStatus]string, code string) Step {
	if step.Word == "" {
		step.Word = words[step.Status]
	} else if step.Status == "" {
		for _, status := range slices.Sorted(maps.Keys(words)) {
			if words[status] == step.Word {
				step.Status = status
				break
			}
		}
	}
	if step.Code == "" && (step.Status == channel.StatusFailed || step.Status == channel.StatusUndelivered) {
		step.Code = code
	}
	return step
}

// hook signs a form for an address and damages it as asked.
func (p *twilioProtocol) hook(kind HookKind, id, target string, form url.Values, damage Damage) (hook, error) {
	form, secret := p.signed(form, damage)
	h := hook{kind: kind, id: id, url: target, damage: damage, limit: twilioPatience, body: []byte(form.Encode()), header: http.Header{
		"Content-Type":               {"application/x-www-form-urlencoded; charset=UTF-8"},
		"User-Agent":                 {"TwilioProxy/1.1"},
		"Accept":                     {"*/*"},
		"I-Twilio-Idempotency-Token": {randomUUID()},
		"X-Twilio-Signature":         {twilioSignature(secret, target, form)},
	}}
	h.retries, h.again = retryRules(target)
	switch damage {
	case Unsigned:
		h.header.Del("X-Twilio-Signature")
	case FlippedBit:
		h.header.Set("X-Twilio-Signature", flipBit(h.header.Get("X-Twilio-Signature")))
	case AlteredBody:
		form.Set("From", form.Get("From")+"9")
		h.body = []byte(form.Encode())
	case CutBody:
		h.body = h.body[:len(h.body)/2]
	case PlainType:
		h.header.Set("Content-Type", "text/plain; charset=UTF-8")
	case NoType:
		h.header.Del("Content-Type")
	case "", WrongSecret, EmptySecret, Unreadable, Flood:
	default:
		return hook{}, fmt.Errorf("smstest: damage %q at Twilio: %w", damage, errors.ErrUnsupported)
	}
	return h, nil
}

// signed returns what is signed and with what, where the damage lies in that.
func (p *twilioProtocol) signed(form url.Values, damage Damage) (url.Values, string) {
	switch damage {
	case Unreadable:
		return url.Values{"AccountSid": {p.cfg.AccountSID}, "Body": {"no id"}}, p.cfg.AuthToken
	case Flood:
		for i := range flood {
			form.Set("P"+strconv.Itoa(i), "")
		}
	case WrongSecret:
		return form, strings.Repeat("0", len(p.cfg.AuthToken))
	case EmptySecret:
		return form, ""
	}
	return form, p.cfg.AuthToken
}

// twilioSignature signs as Twilio documents it: HMAC-SHA1 over the URL as it is configured, without fragment and user,
// and every parameter in byte order, each of its different values once.
func twilioSignature(token, target string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = mac.Write([]byte(bare(target)))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(form[name]))) {
			_, _ = mac.Write([]byte(name + value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// bare drops fragment and user from a URL and leaves every other byte alone.
func bare(target string) string {
	target, _, _ = strings.Cut(target, "#")
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok {
		return target
	}
	host, tail := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, tail = rest[:i], rest[i:]
	}
	return scheme + "://" + host[strings.LastIndexByte(host, '@')+1:] + tail
}

// retryRules reads Twilio's connection overrides, which ride in the fragment: rc is the number of retries (0 to 5),
// rp what is retried. Without them Twilio retries once, and only where it could not connect.
func retryRules(target string) (retries int, again func(status int, err error) bool) {
	_, fragment, _ := strings.Cut(target, "#")
	set, _ := url.ParseQuery(fragment)
	retries = 1
	if n, err := strconv.Atoi(set.Get("rc")); err == nil {
		retries = min(max(n, 0), 5)
	}
	causes := strings.Split(or(set.Get("rp"), "ct"), ",")
	on := func(cause string) bool { return slices.Contains(causes, cause) || slices.Contains(causes, "all") }
	return retries, func(status int, err error) bool {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return on("rt")
		case err != nil:
			return on("ct")
		case status >= 500:
			return on("5xx")
		default:
			return status >= 400 && on("4xx")
		}
	}
}

func flipBit(proof string) string {
	raw, err := base64.StdEncoding.DecodeString(proof)
	if err != nil || len(raw) == 0 {
		return proof + "A"
	}
	raw[len(raw)-1] ^= 1
	return base64.StdEncoding.EncodeToString(raw)
}

func randomUUID() string {
	h := randomHex(16)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:]
}
