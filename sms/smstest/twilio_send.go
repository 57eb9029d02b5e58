package smstest

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
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

// apiError is an error answer before it has its shape.
type apiError struct {
	status, code int
	message      string
}

func refuse(code int, message string) *apiError {
	return &apiError{http.StatusBadRequest, code, message}
}

func (p *twilioProtocol) serve(r *http.Request, body []byte) reply {
	if p.kind(r) == KindMedia {
		return p.file(r)
	}
	if e := p.admit(r); e != nil {
		return p.error(e)
	}
	form := url.Values{}
	if mediaType(r.Header) == "application/x-www-form-urlencoded" { // anything else has no parameters for Twilio
		parsed, err := url.ParseQuery(string(body))
		if err != nil {
			return p.error(refuse(20001, "The request body can't be decoded"))
		}
		form = parsed
	}
	m := twilioText(form)
	if e := p.check(form, &m); e != nil {
		return p.error(e)
	}
	m.ID = "SM" + randomHex(16)
	if len(m.Media) > 0 {
		m.ID = "MM" + m.ID[2:]
	}
	out := p.created(m)
	out.id = m.ID
	p.take(r.Context(), m)
	return out
}

// admit checks what comes before the parameters: path, credentials and method.
func (p *twilioProtocol) admit(r *http.Request) *apiError {
	if p.kind(r) != KindSend && r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/2010-04-01/Accounts/") {
		return &apiError{404, 20404, "The requested resource " + r.URL.Path + " was not found"}
	}
	if !p.admitted(r) || r.URL.Path != "/2010-04-01/Accounts/"+p.cfg.AccountSID+"/Messages.json" {
		return &apiError{401, 20003, "Authenticate"}
	}
	if r.Method != http.MethodPost {
		return &apiError{405, 20004, "Method not allowed"}
	}
	return nil
}

// admitted checks the credentials of an API call.
func (p *twilioProtocol) admitted(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	return user == p.cfg.AccountSID && same(password, p.cfg.AuthToken) || user == p.cfg.APIKeySID && same(password, p.cfg.APIKeySecret)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func twilioText(form url.Values) Sent {
	m := Sent{From: channel.Address(form.Get("From")), To: channel.Address(form.Get("To")), Pool: form.Get("MessagingServiceSid"),
		Body: form.Get("Body"), Media: form["MediaUrl"], Callback: form.Get("StatusCallback")}
	m.Ref = ref(m.Callback)
	m.Segments = segments(m.Body)
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

// created is the answer to a text that was taken, in the fields and their types that Twilio documents.
func (p *twilioProtocol) created(m Sent) reply {
	uri := "/2010-04-01/Accounts/" + p.cfg.AccountSID + "/Messages/" + m.ID
	now := time.Now().UTC().Format(time.RFC1123Z)
	from, pool, parts := any(m.From), any(nil), strconv.Itoa(m.Segments)
	if m.Pool != "" { // the sender is picked later
		from, pool, parts = nil, m.Pool, "0"
	}
	body, _ := json.Marshal(map[string]any{
		"account_sid": p.cfg.AccountSID, "api_version": "2010-04-01", "body": m.Body,
		"date_created": now, "date_updated": now, "date_sent": nil, "direction": "outbound-api",
		"error_code": nil, "error_message": nil, "from": from, "to": m.To, "messaging_service_sid": pool,
		"num_media": strconv.Itoa(len(m.Media)), "num_segments": parts, "price": nil, "price_unit": "USD",
		"sid": m.ID, "status": m.Word, "uri": uri + ".json", "subresource_uris": map[string]string{"media": uri + "/Media.json"},
	})
	return reply{status: http.StatusCreated, header: p.header(), body: body}
}

func (p *twilioProtocol) error(e *apiError) reply {
	body, _ := json.Marshal(map[string]any{"code": e.code, "message": e.message, "status": e.status,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", e.code)})
	out := reply{status: e.status, header: p.header(), body: body, code: strconv.Itoa(e.code)}
	if e.status == http.StatusUnauthorized {
		out.header.Set("WWW-Authenticate", `Basic realm="Twilio API"`)
	}
	return out
}

// failure implements protocol: an error that a test asked for.
func (p *twilioProtocol) failure(status int, code string) reply {
	n, err := strconv.Atoi(code)
	if err != nil {
		n = map[int]int{401: 20003, 403: 20003, 404: 20404, 429: 20429, 500: 20500, 503: 20503}[status]
	}
	if n == 0 && status >= 500 { // a gateway's: no envelope
		return reply{status: status, header: http.Header{"Content-Type": {"text/plain"}}}
	}
	return p.error(&apiError{status, or(n, 20001), http.StatusText(status)})
}
