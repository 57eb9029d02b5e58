package smstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
)

// bandwidthMessage is the body of a request to send.
type bandwidthMessage struct {
	ApplicationID string            `json:"applicationId"`
	To            []channel.Address `json:"to"`
	From          channel.Address   `json:"from"`
	Text          string            `json:"text"`
	Media         []string          `json:"media"`
	Tag           string            `json:"tag"`
	Priority      string            `json:"priority"`
	Expiration    string            `json:"expiration"`
}

func (p *bandwidthProtocol) message(r *http.Request, body []byte) reply {
	switch {
	case !p.admitted(r):
		return p.failure(http.StatusUnauthorized, "")
	case r.URL.Path != bandwidthUsers+p.cfg.AccountID+"/messages":
		return p.failure(http.StatusForbidden, "")
	case r.Method != http.MethodPost:
		return p.failure(http.StatusMethodNotAllowed, "")
	case mediaType(r.Header) != "application/json":
		return p.failure(http.StatusUnsupportedMediaType, "")
	}
	m, bad := decode(body)
	if bad == nil {
		bad = p.check(m)
	}
	if bad != nil {
		return p.invalid(bad)
	}
	s := p.text(m)
	out := p.accepted(m, s)
	out.id = s.ID
	p.take(r.Context(), s)
	return out
}

// decode reads the body strictly: one JSON object with known fields.
func decode(body []byte) (bandwidthMessage, []fieldError) {
	var m bandwidthMessage
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, []fieldError{{"body", err.Error()}}
	}
	if _, err := d.Token(); err != io.EOF {
		return m, []fieldError{{"body", "holds more than one document"}}
	}
	return m, nil
}

// check applies Bandwidth's rules and reports every field at once, as Bandwidth does.
func (p *bandwidthProtocol) check(m bandwidthMessage) (bad []fieldError) {
	fault := func(name, problem string) { bad = append(bad, fieldError{name, problem}) }
	if m.ApplicationID != p.cfg.ApplicationID {
		fault("applicationId", "'applicationId' must be an application of this account")
	}
	p.checkParties(m, fault)
	if m.Text == "" && len(m.Media) == 0 {
		fault("text", "Either 'text' or 'media' must be present")
	}
	if utf8.RuneCountInString(m.Text) > 2048 {
		fault("text", "'text' must be no longer than 2048 characters")
	}
	if len(m.Media) > 10 {
		fault("media", "'media' must hold at most 10 files")
	}
	for i, u := range m.Media {
		if len(u) > 4096 || !webURL(u) {
			fault(fmt.Sprintf("media[%d]", i), "'"+strconv.Itoa(i)+"' is not a valid URL")
		}
	}
	p.checkOptions(m, fault)
	return bad
}

func (p *bandwidthProtocol) checkParties(m bandwidthMessage, fault func(name, problem string)) {
	if m.From == "" {
		fault("from", "'from' is required")
	} else if !owned(p.cfg.Numbers, m.From) {
		fault("from", "'from' must be a number of this account")
	}
	if len(m.To) == 0 {
		fault("to", "'to' is required")
	}
	if len(m.To) > 10 {
		fault("to", "'to' must hold at most 10 numbers")
	}
	seen := map[channel.Address]bool{m.From: true}
	for i, to := range m.To {
		if to.Kind() != channel.KindE164 {
			fault(fmt.Sprintf("to[%d]", i), "'"+to.Masked()+"' must be replaced with a valid E164 formatted telephone number")
		} else if seen[to] {
			fault(fmt.Sprintf("to[%d]", i), "numbers must be unique and not the sender's")
		}
		seen[to] = true
	}
}

func (p *bandwidthProtocol) checkOptions(m bandwidthMessage, fault func(name, problem string)) {
	if utf8.RuneCountInString(m.Tag) > 1024 {
		fault("tag", "'tag' must be no longer than 1024 characters")
	}
	if m.Priority != "" && m.Priority != "default" && m.Priority != "high" {
		fault("priority", "'priority' must be default or high")
	}
	if m.Expiration != "" {
		if at, err := time.Parse(time.RFC3339, m.Expiration); err != nil || !at.After(time.Now()) {
			fault("expiration", "'expiration' must be a date-time in the future")
		}
	}
}

func (p *bandwidthProtocol) text(m bandwidthMessage) Sent {
	s := Sent{ID: bandwidthID(), Ref: m.Tag, From: m.From, To: m.To[0], Others: m.To[1:], Body: m.Text, Media: m.Media,
		Segments: segments(m.Text), Status: channel.StatusAccepted}
	s.Expires, _ = time.Parse(time.RFC3339, m.Expiration)
	return s
}

// bandwidthID makes an id as Bandwidth does: milliseconds and random letters.
func bandwidthID() string { return strconv.FormatInt(time.Now().UnixMilli(), 10) + randomHex(8) }

func (p *bandwidthProtocol) accepted(m bandwidthMessage, s Sent) reply {
	answer := map[string]any{"id": s.ID, "owner": m.From, "applicationId": m.ApplicationID, "time": stamp(time.Now()),
		"segmentCount": s.Segments, "direction": "out", "to": m.To, "from": m.From, "text": m.Text,
		"priority": or(m.Priority, "default")}
	if len(m.Media) > 0 {
		answer["media"] = m.Media
	}
	if m.Tag != "" {
		answer["tag"] = m.Tag
	}
	if m.Expiration != "" {
		answer["expiration"] = m.Expiration
	}
	body, _ := json.Marshal(answer)
	return reply{status: http.StatusAccepted, header: jsonHeader(), body: body}
}
