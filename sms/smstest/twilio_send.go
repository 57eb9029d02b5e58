package smstest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
)

// twilioParams are the parameters of POST Messages.json (twilio_api_v2010.json of 2026-04-14).
var twilioParams = []string{"To", "From", "MessagingServiceSid", "Body", "MediaUrl", "ContentSid", "ContentVariables",
	"StatusCallback", "ApplicationSid", "MaxPrice", "ProvideFeedback", "Attempt", "ValidityPeriod", "ForceDelivery",
	"ContentRetention", "AddressRetention", "SmartEncoded", "PersistentAction", "TrafficType", "ShortenUrls",
	"ScheduleType", "SendAt", "SendAsMms", "RiskCheck", "FallbackFrom"}

// send takes a text, or says why not.
func (p *twilioProtocol) send(q twilioCall) reply {
	m := twilioText(q.form)
	if e := p.check(q.form, &m); e != nil {
		return p.error(e)
	}
	m.ID = twilioID(m.Media)
	out := p.created(m)
	out.id = m.ID
	(*Twilio)(p).note(twilioMessage{Sent: m, direction: "outbound-api"})
	p.take(q.ctx, m)
	return out
}

func twilioText(form url.Values) Sent {
	m := Sent{From: channel.Address(form.Get("From")), To: channel.Address(form.Get("To")), Pool: form.Get("MessagingServiceSid"),
		Body: form.Get("Body"), Media: form["MediaUrl"], Callback: form.Get("StatusCallback")}
	m.Ref = ref(m.Callback)
	m.Segments = segments(m.Body)
	m.At = time.Now().UTC()
	m.Status, m.Word = channel.StatusAccepted, "queued"
	if m.Pool != "" {
		m.Word = "accepted"
	}
	return m
}

// check applies Twilio's rules in the order in which it reports them.
func (p *twilioProtocol) check(form url.Values, m *Sent) *apiError {
	for name, values := range form {
		if !slices.Contains(twilioParams, name) {
			return refuse(20001, "Parameter '"+name+"' is not known")
		}
		if len(values) > 1 && name != "MediaUrl" && name != "PersistentAction" {
			return refuse(20001, "Parameter '"+name+"' is given twice")
		}
	}
	if e := p.checkParties(m); e != nil {
		return e
	}
	if e := p.checkContent(form, m); e != nil {
		return e
	}
	if e := p.checkOptions(form, m); e != nil {
		return e
	}
	if (*Twilio)(p).OptedOut(m.From, m.To) {
		return refuse(21610, "Attempt to send to unsubscribed recipient")
	}
	return nil
}

func (p *twilioProtocol) checkParties(m *Sent) *apiError {
	switch {
	case m.To == "":
		return refuse(21604, "A 'To' phone number is required.")
	case m.To.Kind() != channel.KindE164:
		return refuse(21211, "Invalid 'To' Phone Number: "+m.To.Masked())
	case m.From == "" && m.Pool == "":
		return refuse(21603, "A 'From' phone number is required.")
	case m.From == m.To:
		return refuse(21266, "'To' and 'From' number cannot be the same")
	case m.From != "" && m.From.Kind() == channel.KindOther:
		return refuse(21212, "Invalid 'From' Number")
	case m.From != "" && !owned(p.cfg.Numbers, m.From):
		return refuse(21606, "The 'From' phone number is not a valid, message-capable number for your account")
	}
	return p.pick(m)
}

// pick chooses the sender out of a service's pool, as Twilio does once it has taken the text.
func (p *twilioProtocol) pick(m *Sent) *apiError {
	if m.Pool == "" {
		return nil
	}
	pool, ok := p.cfg.Services[m.Pool]
	switch {
	case !ok:
		return &apiError{404, 21701, "The Messaging Service does not exist"}
	case len(pool) == 0:
		return refuse(21704, "The Messaging Service contains no phone numbers")
	case m.From == "":
		m.From = pool[0]
	case !owned(pool, m.From):
		return refuse(21711, "The 'From' number is not a sender of the Messaging Service")
	}
	return nil
}

func (p *twilioProtocol) checkContent(form url.Values, m *Sent) *apiError {
	switch {
	case m.Body == "" && len(m.Media) == 0 && form.Get("ContentSid") == "":
		return refuse(21602, "Message body is required")
	case utf8.RuneCountInString(m.Body) > 1600:
		return refuse(21617, "The concatenated message body exceeds the 1600 character limit")
	case len(m.Media) > 10:
		return refuse(21623, "Number of media files exceeds allowed limit")
	}
	for _, u := range m.Media {
		if !webURL(u) {
			return refuse(21620, "Invalid media URL(s)")
		}
	}
	return nil
}

func (p *twilioProtocol) checkOptions(form url.Values, m *Sent) *apiError {
	if m.Callback != "" {
		u, err := url.Parse(m.Callback)
		if err != nil || !webURL(m.Callback) || strings.Contains(u.Hostname(), "_") {
			return refuse(21609, "The 'StatusCallback' URL is not a valid URL")
		}
	}
	if v := form.Get("ValidityPeriod"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 36000 {
			return refuse(21624, "The ValidityPeriod must be a whole number between 1 and 36000")
		}
		m.Expires = time.Now().Add(time.Duration(n) * time.Second).UTC()
	}
	if form.Has("SendAt") && m.Pool == "" {
		return refuse(35118, "MessagingServiceSid is required to schedule a message")
	}
	return nil
}

func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != ""
}

// created is the answer to a text that was taken: a service picks the sender and counts the segments later.
func (p *twilioProtocol) created(m Sent) reply {
	body := p.message(m, "outbound-api")
	if m.Pool != "" {
		body["from"], body["num_segments"] = nil, "0"
	}
	return p.json(http.StatusCreated, body)
}
