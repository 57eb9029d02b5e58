package smstest

import (
	"net/http"
	"net/url"
	"strings"
)

// AddMedia keeps a file as Bandwidth does, and returns its address, for [Text] Media. The address wants the account's
// credentials every time, and answers with the file itself.
func (b *Bandwidth) AddMedia(m Media) string {
	path := bandwidthUsers + b.cfg.AccountID + "/media/" + bandwidthID() + "/0/" + url.PathEscape(or(m.Name, "photo.jpg"))
	return "https://messaging.bandwidth.com" + b.media.put(path, m)
}

func isBandwidthMedia(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, bandwidthUsers) && strings.Contains(r.URL.Path, "/media/")
}

func (p *bandwidthProtocol) file(r *http.Request) reply {
	switch {
	case !p.admitted(r):
		return p.failure(http.StatusUnauthorized, "")
	case !strings.HasPrefix(r.URL.Path, bandwidthUsers+p.cfg.AccountID+"/"):
		return p.failure(http.StatusForbidden, "")
	case r.Method != http.MethodGet:
		return p.failure(http.StatusMethodNotAllowed, "")
	}
	m := p.media.ask(r.URL.EscapedPath())
	switch {
	case m == nil:
		return p.failure(http.StatusNotFound, "")
	case m.Location != "":
		return redirect(m.Location)
	}
	return m.reply()
}
