package egress

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Gate knows whether a request's body was ever asked for, and can forbid it afterwards. Its zero value is open.
//
// A server can't act on a POST without its body, so as long as nobody read from it the text was not sent, for every
// transport and protocol. The hooks of httptrace can't say as much: a connection's writer may still be about to write when
// RoundTrip has returned on a cancelled context. Here the question and the answer are one atomic step.
type Gate struct {
	// Before is when it shuts by itself, unless somebody has begun to read; zero means never.
	Before time.Time

	state atomic.Int32
}

const (
	gateFresh int32 = iota
	gateRead
	gateShut
)

// ErrGateShut is what reading a body behind a shut [Gate] says.
var ErrGateShut = errors.New("request was given up before it was written")

// Shut reports whether the body was never read, and sees to it that it never will be.
func (g *Gate) Shut() bool {
	return g.state.CompareAndSwap(gateFresh, gateShut) || g.state.Load() == gateShut
}

func (g *Gate) enter() bool {
	if !g.Before.IsZero() && time.Now().After(g.Before) {
		g.state.CompareAndSwap(gateFresh, gateShut)
	}
	return g.state.CompareAndSwap(gateFresh, gateRead) || g.state.Load() == gateRead
}

// Guard puts the request's body behind the gate, also where the transport rewinds it: http.Transport does so on its own when
// a kept connection turns out to be closed before anything was written to it.
func (g *Gate) Guard(req *http.Request) {
	req.Body = g.behind(req.Body)
	if again := req.GetBody; again != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			b, err := again()
			if err != nil {
				return nil, err
			}
			return g.behind(b), nil
		}
	}
}

func (g *Gate) behind(b io.ReadCloser) io.ReadCloser {
	if b == nil || b == http.NoBody { // net/http knows NoBody by its address; wrapped, a GET would get a length
		return b
	}
	return &gatedBody{b, g}
}

type gatedBody struct {
	io.ReadCloser
	gate *Gate
}

func (b *gatedBody) Read(p []byte) (int, error) {
	if !b.gate.enter() {
		return 0, ErrGateShut
	}
	return b.ReadCloser.Read(p)
}

// NewTransport returns a transport for the carrier's API: 5 s to connect, TLS 1.2 or later, and nothing taken from
// [http.DefaultTransport] or the environment. Idle connections end by themselves, so it needs no closing.
func NewTransport() *http.Transport {
	t := newTransport((&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext)
	t.MaxIdleConnsPerHost = 16
	return t
}
