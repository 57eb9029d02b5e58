package smstest

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// twilioCall is a request that was let in.
type twilioCall struct {
	ctx  context.Context
	path string
	form url.Values // of the body, or of the query of a GET
	sid  string     // of the number, service or message that the path names
}

// twilioRoute is a path of the API, with '*' for a SID, and what answers a method there.
type twilioRoute struct {
	method, path string
	answer       func(*twilioProtocol, twilioCall) reply
}

const twilioAccounts = "/2010-04-01/Accounts/"

var twilioRoutes = []twilioRoute{
	{http.MethodPost, twilioAccounts + "*/Messages.json", (*twilioProtocol).send},
	{http.MethodGet, twilioAccounts + "*/Messages.json", (*twilioProtocol).listMessages},
	{http.MethodGet, twilioAccounts + "*/Messages/*/Media.json", (*twilioProtocol).listMedia},
	{http.MethodGet, twilioAccounts + "*/IncomingPhoneNumbers.json", (*twilioProtocol).listNumbers},
	{http.MethodGet, twilioAccounts + "*/IncomingPhoneNumbers/*.json", (*twilioProtocol).fetchNumber},
	{http.MethodPost, twilioAccounts + "*/IncomingPhoneNumbers/*.json", (*twilioProtocol).updateNumber},
	{http.MethodGet, twilioAccounts + "*.json", (*twilioProtocol).fetchAccount},
	{http.MethodGet, "/v1/Services/*", (*twilioProtocol).fetchService},
	{http.MethodPost, "/v1/Services/*", (*twilioProtocol).updateService},
	{http.MethodGet, "/v1/Services/*/PhoneNumbers", (*twilioProtocol).listPool},
	{http.MethodGet, "/v1/Services/*/ShortCodes", (*twilioProtocol).listPool},
	{http.MethodGet, "/v1/Services/*/AlphaSenders", (*twilioProtocol).listPool},
}

func (route twilioRoute) serves(p string) bool {
	ok, _ := path.Match(route.path, p)
	return ok
}

func (p *twilioProtocol) kind(r *http.Request) RequestKind {
	if twilioRoutes[0].serves(r.URL.Path) && r.Method != http.MethodGet {
		return KindSend
	}
	if isTwilioMedia(r) {
		return KindMedia
	}
	return KindOther
}

func (p *twilioProtocol) serve(r *http.Request, body []byte) reply {
	if p.kind(r) == KindMedia {
		return p.file(r)
	}
	route, e := p.admit(r)
	if e != nil {
		return p.error(e)
	}
	q := twilioCall{ctx: r.Context(), path: r.URL.Path, form: r.URL.Query(), sid: sidIn(r.URL.Path)}
	if r.Method == http.MethodPost {
		q.form = url.Values{}
		if mediaType(r.Header) == "application/x-www-form-urlencoded" { // anything else has no parameters for Twilio
			parsed, err := url.ParseQuery(string(body))
			if err != nil {
				return p.error(refuse(20001, "The request body can't be decoded"))
			}
			q.form = parsed
		}
	}
	return route.answer(p, q)
}

// sidIn is the SID after the account's in a path, or the service's.
func sidIn(p string) string {
	parts := strings.Split(strings.TrimSuffix(p, ".json"), "/")
	switch {
	case parts[1] == "v1":
		return parts[3]
	case len(parts) > 5:
		return parts[5]
	}
	return ""
}

// apiError is an error answer before it has its shape.
type apiError struct {
	status, code int
	message      string
}

func refuse(code int, message string) *apiError {
	return &apiError{http.StatusBadRequest, code, message}
}

func notFound(p string) *apiError {
	return &apiError{http.StatusNotFound, 20404, "The requested resource " + p + " was not found"}
}

var unauthorized = &apiError{http.StatusUnauthorized, 20003, "Authenticate"}

// admit checks what comes before the parameters: host, path, credentials, account and method.
func (p *twilioProtocol) admit(r *http.Request) (twilioRoute, *apiError) {
	there, allowed := false, twilioRoute{}
	for _, route := range twilioRoutes {
		if route.serves(r.URL.Path) {
			there = true
			if route.method == r.Method {
				allowed = route
			}
		}
	}
	account, ofAccount := strings.CutPrefix(r.URL.Path, twilioAccounts)
	if !there || !rightHost(r, ofAccount) {
		return allowed, notFound(r.URL.Path)
	}
	account, below, _ := strings.Cut(strings.TrimSuffix(account, ".json"), "/")
	fetch := ofAccount && below == ""
	switch {
	case !p.admitted(r), ofAccount && account != p.cfg.AccountSID:
		return allowed, unauthorized
	case fetch && !p.byToken(r): // only Main keys may (twilio.com/docs/errors/20003)
		return allowed, unauthorized
	case !fetch && p.status() != "active":
		return allowed, unauthorized
	case allowed.answer == nil:
		return allowed, &apiError{http.StatusMethodNotAllowed, 20004, "Method not allowed"}
	}
	return allowed, nil
}

// rightHost reports a request that real hosts' names lead to this part of the API. Other names prove nothing.
func rightHost(r *http.Request, ofAccount bool) bool {
	host := or(r.Host, r.URL.Host)
	return !strings.HasSuffix(host, ".twilio.com") || strings.HasPrefix(host, "api.") == ofAccount
}

// admitted checks the credentials of an API call.
func (p *twilioProtocol) admitted(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	return p.byToken(r) || user == p.cfg.APIKeySID && same(password, p.cfg.APIKeySecret)
}

// byToken reports a call with the account's own credentials.
func (p *twilioProtocol) byToken(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	return user == p.cfg.AccountSID && same(password, p.cfg.AuthToken)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (p *twilioProtocol) status() string { return or(p.cfg.AccountStatus, "active") }

func (p *twilioProtocol) fetchAccount(q twilioCall) reply {
	return p.json(http.StatusOK, map[string]any{
		"auth_token": "[not given by the fake]", "date_created": twilioDate(p.began), "date_updated": twilioDate(p.began),
		"friendly_name": "Fake", "owner_account_sid": p.cfg.AccountSID, "sid": p.cfg.AccountSID, "status": p.status(),
		"type": "Full", "uri": q.path, "subresource_uris": map[string]string{},
	})
}

func (p *twilioProtocol) header() http.Header {
	return http.Header{"Content-Type": {"application/json;charset=utf-8"},
		"Twilio-Request-Id": {"RQ" + randomHex(16)}, "Twilio-Concurrent-Requests": {"1"}}
}

func (p *twilioProtocol) json(status int, v any) reply {
	body, _ := json.Marshal(v)
	return reply{status: status, header: p.header(), body: body}
}

func (p *twilioProtocol) error(e *apiError) reply {
	out := p.json(e.status, map[string]any{"code": e.code, "message": e.message, "status": e.status,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", e.code)})
	out.code = strconv.Itoa(e.code)
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

func (p *twilioProtocol) shell(kind RequestKind, body string) reply {
	status := http.StatusOK
	if kind == KindSend {
		status = http.StatusCreated
	}
	return reply{status: status, header: p.header(), body: []byte(body)}
}
