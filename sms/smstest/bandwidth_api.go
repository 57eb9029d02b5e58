package smstest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	bandwidthTokenPath = "/api/v1/oauth2/token"
	bandwidthUsers     = "/api/v2/users/"
)

func (p *bandwidthProtocol) kind(r *http.Request) RequestKind {
	switch {
	case r.URL.Path == bandwidthTokenPath:
		return KindToken
	case isMessages(r.URL.Path) && r.Method != http.MethodGet:
		return KindSend
	case isBandwidthMedia(r):
		return KindMedia
	}
	return KindOther
}

func isMessages(path string) bool {
	return strings.HasPrefix(path, bandwidthUsers) && strings.HasSuffix(path, "/messages")
}

func (p *bandwidthProtocol) serve(r *http.Request, body []byte) reply {
	switch p.kind(r) {
	case KindToken:
		return p.token(r, body)
	case KindSend:
		return p.message(r, body)
	case KindMedia:
		return p.file(r)
	}
	if isMessages(r.URL.Path) {
		return p.list(r)
	}
	if out, ok := p.dashboard(r, body); ok {
		return out
	}
	return p.missing(r.URL.Path)
}

// token gives an access token for client credentials (RFC 6749, 4.4).
func (p *bandwidthProtocol) token(r *http.Request, body []byte) reply {
	form, err := url.ParseQuery(string(body))
	id, secret, _ := r.BasicAuth() // the client id and secret come form-encoded (RFC 6749, 2.3.1)
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	switch {
	case r.Method != http.MethodPost:
		return p.failure(http.StatusMethodNotAllowed, "")
	case id != p.cfg.ClientID || !same(secret, p.cfg.ClientSecret) || p.secretExpired():
		return oauthError(http.StatusUnauthorized, "invalid_client")
	case err != nil || mediaType(r.Header) != "application/x-www-form-urlencoded":
		return oauthError(http.StatusBadRequest, "invalid_request")
	case form.Get("grant_type") != "client_credentials":
		return oauthError(http.StatusBadRequest, "unsupported_grant_type")
	}
	token, life := "eyJ.fake."+randomHex(16), max(p.cfg.TokenLife, 0)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetTokens()
	p.tokens[token] = time.Now().Add(or(life, time.Hour))
	answer := map[string]any{"access_token": token, "token_type": "Bearer"}
	if life > 0 {
		answer["expires_in"] = int(life / time.Second)
	}
	out, _ := json.Marshal(answer)
	return reply{status: http.StatusOK, header: jsonHeader(), body: out}
}

func (p *bandwidthProtocol) secretExpired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.expired
}

func oauthError(status int, code string) reply {
	return reply{status: status, header: jsonHeader(), body: []byte(`{"error":"` + code + `"}`), code: code}
}

// forgetTokens drops what has ended, so that a long run doesn't grow.
func (p *bandwidthProtocol) forgetTokens() {
	now := time.Now()
	for token, end := range p.tokens {
		if now.After(end) {
			delete(p.tokens, token)
		}
	}
}

// admitted checks the credentials of an API call.
func (p *bandwidthProtocol) admitted(r *http.Request) bool {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		end, known := p.tokens[token]
		return known && time.Now().Before(end)
	}
	user, password, ok := r.BasicAuth()
	return ok && !p.cfg.RefuseBasic && user == p.cfg.APIUser && same(password, p.cfg.APIPassword)
}

// list answers GET messages: what was sent, without a text, newest first. Bandwidth wants at least one filter.
func (p *bandwidthProtocol) list(r *http.Request) reply {
	q := r.URL.Query()
	limit, err := strconv.Atoi(or(q.Get("limit"), "100"))
	switch {
	case !p.admitted(r):
		return p.failure(http.StatusUnauthorized, "")
	case r.URL.Path != bandwidthUsers+p.cfg.AccountID+"/messages":
		return p.failure(http.StatusForbidden, "")
	case err != nil || limit < 1 || q.Get("sourceTn") == "" && q.Get("destinationTn") == "" && q.Get("messageId") == "":
		return p.failure(http.StatusBadRequest, "")
	}
	items := []map[string]any{}
	for _, s := range slices.Backward(p.Sent()) {
		if anyOf(q.Get("sourceTn"), string(s.From)) && anyOf(q.Get("destinationTn"), string(s.To)) && anyOf(q.Get("messageId"), s.ID) {
			items = append(items, map[string]any{"messageId": s.ID, "accountId": p.cfg.AccountID, "sourceTn": s.From, "destinationTn": s.To,
				"messageDirection": "OUTBOUND", "messageStatus": strings.ToUpper(string(s.Status)), "messageType": "sms",
				"segmentCount": s.Segments, "receiveTime": stamp(s.At)})
		}
	}
	body, _ := json.Marshal(map[string]any{"totalCount": len(items), "pageInfo": map[string]any{}, "messages": items[:min(limit, len(items))]})
	return reply{status: http.StatusOK, header: jsonHeader(), body: body}
}

func anyOf(filter, value string) bool { return filter == "" || filter == value }

// fieldError is one entry of fieldErrors.
type fieldError struct {
	FieldName   string `json:"fieldName"`
	Description string `json:"description"`
}

func (p *bandwidthProtocol) invalid(fields []fieldError) reply {
	body, _ := json.Marshal(map[string]any{"type": "request-validation", "description": "Your request could not be accepted.",
		"fieldErrors": fields})
	return reply{status: http.StatusBadRequest, header: jsonHeader(), body: body, code: "request-validation"}
}

var bandwidthTypes = map[int][2]string{
	400: {"request-validation", "Your request could not be accepted."},
	401: {"unauthorized", "Authentication Failed"},
	403: {"forbidden", "Access Denied"},
	404: {"not-found", "Not Found"},
	405: {"method-not-allowed", "Method Not Allowed"},
	406: {"not-acceptable", "Not Acceptable"},
	415: {"unsupported-media-type", "Content-Type must be application/json"},
	429: {"max-message-queue-size-exceeded", "The SMS queue for your account is full and cannot accept more messages right now."},
	500: {"internal-server-error", "Internal server error"},
}

// failure implements protocol: an error in Bandwidth's shape; code beats the usual type. Statuses without a
// documented shape come without a body, as gateways answer.
func (p *bandwidthProtocol) failure(status int, code string) reply {
	known, ok := bandwidthTypes[status]
	if !ok && code == "" {
		return reply{status: status, header: http.Header{"Content-Type": {"text/plain"}}}
	}
	code = or(code, known[0])
	body, _ := json.Marshal(map[string]string{"type": code, "description": or(known[1], http.StatusText(status))})
	return reply{status: status, header: jsonHeader(), body: body, code: code}
}

// missing is the other shape of errors, for a path that doesn't exist.
func (p *bandwidthProtocol) missing(path string) reply {
	body, _ := json.Marshal(map[string]any{"timestamp": stamp(time.Now()), "status": 404, "error": "Not Found",
		"message": "No message available", "path": path})
	return reply{status: http.StatusNotFound, header: jsonHeader(), body: body}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
