package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/sms"
)

// newTransport inherits nothing from [http.DefaultTransport] or the environment: no proxy, which would dial for us, and
// no decompression, which would make much of little.
func newTransport(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

// Cause reduces a transport's error to what is known to hold no secret. A request's URL, and what a broken server
// sent back (net/http quotes it, and it may be our own text), stay out.
func Cause(err error) error {
	for _, known := range []error{
		sms.ErrMediaAddress, context.Canceled, context.DeadlineExceeded, os.ErrDeadlineExceeded, io.ErrUnexpectedEOF, io.EOF,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e
	}
	inner := err
	for u := errors.Unwrap(inner); u != nil; u = errors.Unwrap(inner) {
		inner = u
	}
	return fmt.Errorf("connection or answer is broken (%T)", inner)
}

// maxAfter bounds Retry-After: a date far away is a mistake, and a queue that sleeps for a year is a lost queue.
const maxAfter = 24 * time.Hour

// RetryAfter reads Retry-After in both its forms (RFC 9110, 10.2.3), cut to a day. A date counts from the answer's own
// Date, so that a wrong clock of ours doesn't matter. It reports whether the header was there and could be read.
func RetryAfter(h http.Header) (time.Duration, bool) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(v, 10, 32); err == nil {
		return min(time.Duration(n)*time.Second, maxAfter), true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	from, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		from = time.Now()
	}
	return min(max(at.Sub(from), 0), maxAfter), true
}
