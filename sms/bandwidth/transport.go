package bandwidth

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

const (
	maxAnswer = 64 << 10 // bytes of an answer that are read; Bandwidth's are below 8 KiB
	maxDrain  = 64 << 10 // bytes beyond that are thrown away to keep the connection
)

// newClient returns the client for all requests of a provider. It follows no redirect: a credential must not leave
// for another host, and a POST must not be repeated.
func newClient(rt http.RoundTripper) *http.Client {
	if rt == nil {
		rt = newTransport()
	}
	return &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// newTransport inherits nothing from [http.DefaultTransport], which the process or its environment may have changed.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true, // an answer is small; a gzip bomb is not
	}
}

// gate knows whether a request's body was ever asked for, and can forbid it afterwards.
//
// The server can't act on a request without its body, so as long as nobody read from it the text was not sent. The
// hooks of httptrace can't say as much: a connection's writer may still be about to write when RoundTrip has returned
// on a cancelled context. Here the question and the answer are one atomic step.
type gate struct {
	state  atomic.Int32
	before time.Time // it shuts then, unless somebody entered; zero for never
}

const (
	gateFresh int32 = iota
	gateRead
	gateShut
)

var errGateShut = errors.New("bandwidth: request was given up before it was written")

// shut reports whether the body was never read, and sees to it that it never will be.
func (g *gate) shut() bool {
	return g.state.CompareAndSwap(gateFresh, gateShut) || g.state.Load() == gateShut
}

func (g *gate) enter() bool {
	if !g.before.IsZero() && time.Now().After(g.before) {
		g.state.CompareAndSwap(gateFresh, gateShut)
	}
	return g.state.CompareAndSwap(gateFresh, gateRead) || g.state.Load() == gateRead
}

// attach makes body the request's body, behind the gate also when the transport rewinds it: http.Transport does so on
// its own when a kept connection turns out to be closed before anything was written to it.
func (g *gate) attach(req *http.Request, body []byte) {
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return &gatedBody{gate: g, r: bytes.NewReader(body)}, nil }
	req.Body, _ = req.GetBody()
}

type gatedBody struct {
	gate *gate
	r    *bytes.Reader
}

func (b *gatedBody) Read(p []byte) (int, error) {
	if !b.gate.enter() {
		return 0, errGateShut
	}
	return b.r.Read(p)
}

func (b *gatedBody) Close() error { return nil }

// readAnswer reads what counts of an answer, throws away some of what is left, and closes it.
func readAnswer(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return nil, cause(err)
	}
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	return raw, nil
}

func cause(err error) error { return egress.Cause(err) }
