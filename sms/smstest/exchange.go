package smstest

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxRequest = 1 << 20  // what a carrier reads of a request
	maxKept    = 64 << 10 // what the log keeps of a body
)

// redirectHost stands for another machine; no fake is there.
const redirectHost = "elsewhere.example"

// exchange answers one request that arrived whole. elsewhere is where a redirect points.
func (f *Fake) exchange(r *http.Request, body []byte, rec Request, elsewhere string) reply {
	fault := rec.Fault
	var good reply
	if fault.Kind == FaultNone || fault.Accept {
		good = f.protocol.serve(r, body)
	}
	out := f.spoil(good, fault, rec.Kind, elsewhere)
	if fault.RetryAfter > 0 && out.status != 0 {
		out.header.Set("Retry-After", strconv.Itoa(int(fault.RetryAfter/time.Second)))
	}
	rec.Status, rec.Code, rec.ID = out.status, out.code, good.id
	f.record(rec)
	return out
}

// spoil turns the right answer into the one that the fault gives; status 0 means that there is none.
func (f *Fake) spoil(good reply, fault Fault, kind RequestKind, elsewhere string) reply {
	switch fault.Kind {
	case FaultStatus:
		return f.protocol.failure(fault.status(http.StatusInternalServerError), fault.Code)
	case FaultHTML:
		return reply{status: fault.status(http.StatusBadGateway), header: http.Header{"Content-Type": {"text/html"}},
			body: []byte("<html><head><title>Bad gateway</title></head><body>" + strings.Repeat("<p>sorry</p>\n", 800) + "</body></html>")}
	case FaultRedirect:
		return reply{status: fault.status(http.StatusTemporaryRedirect), header: http.Header{"Location": {elsewhere}}}
	case FaultNoID:
		return f.protocol.shell(kind, `{"status":"queued"}`)
	case FaultGarbage:
		return f.protocol.shell(kind, "\x16\x03\x01 this is no JSON")
	case FaultSlow:
		if good.status == 0 {
			return f.protocol.shell(kind, `{"status":"queued","direction":"outbound"}`)
		}
	case FaultReset, FaultHang, FaultRefuse:
		return reply{header: http.Header{}}
	}
	return good
}

// arrival is the log's entry for a request, before anything is done to it.
func (f *Fake) arrival(r *http.Request, url string, body []byte) Request {
	rec := Request{At: time.Now().UTC(), Kind: f.protocol.kind(r), Method: r.Method, URL: url, Header: r.Header.Clone(),
		Body: bytes.Clone(body[:min(len(body), maxKept)])}
	if a := rec.Header.Get("Authorization"); a != "" {
		scheme, _, _ := strings.Cut(a, " ")
		rec.Header.Set("Authorization", scheme)
	}
	return rec
}

func (f *Fake) record(rec Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests.add(rec, f.keep)
	f.wake()
}

// mediaType returns the media type of a request, lower case and without parameters.
func mediaType(h http.Header) string {
	t, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// owned reports whether a number is one of the account's.
func owned[T comparable](numbers []T, n T) bool { return slices.Contains(numbers, n) }
