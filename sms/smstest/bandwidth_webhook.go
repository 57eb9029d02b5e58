package smstest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

const bandwidthPatience = 10 * time.Second

// bandwidthEvent is one element of a webhook.
type bandwidthEvent struct {
	Time        string       `json:"time"`
	Type        string       `json:"type"`
	To          string       `json:"to"`
	Description string       `json:"description"`
	Message     eventMessage `json:"message"`
	ErrorCode   int          `json:"errorCode,omitempty"`
}

type eventMessage struct {
	ID            string   `json:"id"`
	Owner         string   `json:"owner"`
	ApplicationID string   `json:"applicationId"`
	Time          string   `json:"time"`
	SegmentCount  int      `json:"segmentCount"`
	Direction     string   `json:"direction"`
	To            []string `json:"to"`
	From          string   `json:"from"`
	Text          string   `json:"text"`
	Media         []string `json:"media,omitempty"`
	Tag           string   `json:"tag,omitempty"`
}

// Deliver posts a customer's text as Bandwidth does, as an array of one event for each own number that it was for.
// STOP and START count on toll-free numbers only. See [Carrier.Deliver].
func (b *Bandwidth) Deliver(ctx context.Context, m Text) (Delivery, error) {
	if len(m.Fields) > 0 {
		return Delivery{}, fmt.Errorf("smstest: extra fields at Bandwidth: %w", errors.ErrUnsupported)
	}
	m.From = or(m.From, Customer)
	m.To = or(m.To, b.cfg.Numbers[0])
	m.ID = or(m.ID, bandwidthID())
	if !b.linked(m.To) {
		return Delivery{ID: m.ID}, errNotLinked
	}
	if m.Damage == "" {
		b.keyword(m)
	}
	events := []bandwidthEvent{b.received(m, m.To, m.ID)}
	for i, other := range m.Others {
		if owned(b.cfg.Numbers, other) { // each own number gets a copy with an id of its own
			events = append(events, b.received(m, other, fmt.Sprintf("%s-%d", m.ID, i+1)))
		}
	}
	to := b.Application().Inbound
	to.URL = or(m.URL, to.URL)
	h, err := (*bandwidthProtocol)(b).hook(HookInbound, m.ID, to, events, m.Damage)
	if err != nil {
		return Delivery{ID: m.ID}, err
	}
	d, _, err := b.post(ctx, h)
	return d, err
}

func (b *Bandwidth) received(m Text, own channel.Address, id string) bandwidthEvent {
	to := []string{string(m.To)}
	for _, a := range m.Others {
		to = append(to, string(a))
	}
	at := m.At
	if at.IsZero() {
		at = time.Now()
	}
	return bandwidthEvent{Time: stamp(at), Type: "message-received", To: string(own), Description: "Incoming message received",
		Message: eventMessage{ID: id, Owner: string(own), ApplicationID: b.cfg.ApplicationID, Time: stamp(at),
			SegmentCount: segments(m.Body), Direction: "in", To: to, From: string(m.From), Text: m.Body, Media: m.Media}}
}

// keyword does what the networks do for toll-free numbers of North America; Bandwidth itself does nothing.
func (b *Bandwidth) keyword(m Text) {
	switch word := strings.ToUpper(strings.TrimSpace(m.Body)); {
	case !tollFree(m.To):
	case word == "STOP":
		b.SetOptedOut(m.To, m.From, true)
	case word == "START", word == "UNSTOP":
		b.SetOptedOut(m.To, m.From, false)
	}
}

func tollFree(a channel.Address) bool {
	for _, prefix := range []string{"+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888"} {
		if strings.HasPrefix(string(a), prefix) && len(a) == len("+18005550100") {
			return true
		}
	}
	return false
}

// receipt builds a status event. The text is blank in it: Bandwidth doesn't keep it.
func (p *bandwidthProtocol) receipt(s Sent, step Step) (hook, error) {
	e := bandwidthEvent{Time: stamp(time.Now()), Type: step.Word, To: string(s.To), Description: step.Word,
		Message: eventMessage{ID: s.ID, Owner: string(s.From), ApplicationID: p.cfg.ApplicationID, Time: stamp(s.At),
			SegmentCount: s.Segments, Direction: "out", To: []string{string(s.To)}, From: string(s.From), Media: s.Media, Tag: s.Ref}}
	if step.Code != "" {
		if _, err := fmt.Sscan(step.Code, &e.ErrorCode); err != nil {
			return hook{}, fmt.Errorf("smstest: error code %q is no number", step.Code)
		}
	}
	h, err := p.hook(HookStatus, s.ID, (*Bandwidth)(p).statusCallback(s.From, step.Word), []bandwidthEvent{e}, step.Damage)
	h.word = step.Word
	return h, err
}

func (p *bandwidthProtocol) usual(s Sent) []Step {
	switch b := (*Bandwidth)(p); {
	case !b.linked(s.From):
		return nil // taken, and never heard of again
	case b.OptedOut(s.From, s.To):
		return []Step{{Status: channel.StatusFailed, Code: "4475"}}
	}
	return []Step{{Word: "message-sending"}, {Status: channel.StatusSent}, {Status: channel.StatusDelivered}}
}

var bandwidthWords = map[channel.DeliveryStatus]string{
	channel.StatusAccepted: "message-sending", channel.StatusSent: "message-sent", channel.StatusDelivered: "message-delivered",
	channel.StatusRead: "message-read", channel.StatusFailed: "message-failed", channel.StatusUndelivered: "message-failed",
}

func (p *bandwidthProtocol) word(step Step) Step { return translate(step, bandwidthWords, "4720") }

// hook puts the credentials of the application on a webhook and damages it as asked.
func (p *bandwidthProtocol) hook(kind HookKind, id string, to BandwidthCallback, events []bandwidthEvent, damage Damage) (hook, error) {
	body, err := json.Marshal(events)
	if err != nil {
		return hook{}, fmt.Errorf("smstest: %w", err)
	}
	password := to.Password
	switch damage {
	case WrongSecret:
		password = strings.Repeat("0", len(password))
	case EmptySecret:
		password = ""
	case Unreadable:
		body = []byte(`[{"type":"message-received","message":`)
	case CutBody:
		body = body[:len(body)/2]
	case OddEvents:
		body = []byte(`[17,{"type":"message-teleported","message":{}},{"type":"message-received","message":{"id":9}},{"type":"a","type":"b"},` + string(body[1:]))
	case Flood:
		body = []byte(`[` + strings.Repeat("{},", flood) + string(body[1:]))
	}
	h := hook{kind: kind, id: id, url: to.URL, body: body, damage: damage, limit: bandwidthPatience,
		retries: max(p.cfg.Retries, 0), again: func(int, error) bool { return true },
		header: http.Header{"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"BandwidthAPI/v2"}}}
	if to.User != "" {
		h.header.Set("Authorization", basic(to.User, password))
	}
	switch damage {
	case Unsigned:
		h.header.Del("Authorization")
	case FlippedBit:
		flipped := []byte(or(password, "0"))
		flipped[len(flipped)-1] ^= 1
		h.header.Set("Authorization", basic(to.User, string(flipped)))
	case PlainType:
		h.header.Set("Content-Type", "text/plain; charset=utf-8")
	case NoType:
		h.header.Del("Content-Type")
	case "", WrongSecret, EmptySecret, Unreadable, CutBody, OddEvents, Flood:
	default: // nothing covers the body, so nobody can see that it was altered
		return hook{}, fmt.Errorf("smstest: damage %q at Bandwidth: %w", damage, errors.ErrUnsupported)
	}
	return h, nil
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
