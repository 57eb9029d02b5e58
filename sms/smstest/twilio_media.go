package smstest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	twilioHost = "api.twilio.com"
	twilioCDN  = "mms.twiliocdn.com"
	// twilioMediaLife is how long an address at the file servers is good.
	twilioMediaLife = 4 * time.Hour
)

// AddMedia keeps a file as Twilio does, and returns its address, for [Text] Media. The address is at api.twilio.com,
// wants the account's credentials, and redirects to mms.twiliocdn.com with a signature that is good for four hours;
// credentials are refused there, as file servers refuse two proofs at once. Over a socket there is no such host: the API
// itself answers with the file. A file is found by its own SID, whichever message the address names, because the text that
// brings it gets its SID later.
func (t *Twilio) AddMedia(m Media) string {
	sid := t.media.put("ME"+randomHex(16), m)
	return "https://" + twilioHost + twilioAccounts + t.cfg.AccountSID + "/Messages/MM" + randomHex(16) + "/Media/" + sid
}

func isTwilioMedia(r *http.Request) bool {
	return r.URL.Host == twilioCDN ||
		strings.HasPrefix(r.URL.Path, twilioAccounts) && strings.Contains(r.URL.Path, "/Media/ME")
}

// twilioMediaSID is the SID at the end of the address or path of a file of Twilio's own; empty for any other.
func twilioMediaSID(address string) string {
	if m := mediaPath.FindStringSubmatch(address); m != nil {
		return m[1]
	}
	return ""
}

// contentType is what Twilio says of a file that it brings or lists.
func (t *Twilio) contentType(address string) string {
	return or(t.media.contentType(twilioMediaSID(address)), contentType(address))
}

// file answers a request for a file at the API or at the file servers.
func (p *twilioProtocol) file(r *http.Request) reply {
	if r.URL.Host == twilioCDN {
		return p.served(r)
	}
	switch {
	case !p.admitted(r), !strings.HasPrefix(r.URL.Path, twilioAccounts+p.cfg.AccountSID+"/"), p.status() != "active":
		return p.error(unauthorized)
	case r.Method != http.MethodGet:
		return p.error(&apiError{405, 20004, "Method not allowed"})
	}
	m := p.media.ask(twilioMediaSID(r.URL.Path))
	switch {
	case m == nil:
		return p.error(notFound(r.URL.Path))
	case m.Location != "":
		return redirect(m.Location)
	case r.URL.Host == "": // over a socket
		return m.reply()
	}
	return redirect(p.signed4h(r.URL.EscapedPath(), time.Now().Add(twilioMediaLife)))
}

// signed4h is a file's address at the file servers.
func (p *twilioProtocol) signed4h(path string, until time.Time) string {
	expires := strconv.FormatInt(until.Unix(), 10)
	return "https://" + twilioCDN + path + "?Expires=" + expires + "&Signature=" + p.mediaSignature(path, expires)
}

// mediaSignature proves that the API gave an address out; how Twilio makes it, nobody needs to know.
func (p *twilioProtocol) mediaSignature(path, expires string) string {
	return url.QueryEscape(twilioSignature(p.cfg.AuthToken, path, url.Values{"Expires": {expires}}))
}

// served is the answer of the file servers.
func (p *twilioProtocol) served(r *http.Request) reply {
	q, path := r.URL.Query(), r.URL.EscapedPath()
	until, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	switch {
	case r.Header.Get("Authorization") != "":
		return cdnError(http.StatusBadRequest, "InvalidArgument")
	case err != nil || !time.Now().Before(time.Unix(until, 0)) || url.QueryEscape(q.Get("Signature")) != p.mediaSignature(path, q.Get("Expires")):
		return cdnError(http.StatusForbidden, "AccessDenied")
	}
	m := p.media.ask(twilioMediaSID(r.URL.Path))
	if m == nil || r.Method != http.MethodGet {
		return cdnError(http.StatusNotFound, "NoSuchKey")
	}
	return m.reply()
}

func cdnError(status int, code string) reply {
	return reply{status: status, code: code, header: http.Header{"Content-Type": {"application/xml"}}, body: []byte("<Error><Code>" + code + "</Code></Error>")}
}
