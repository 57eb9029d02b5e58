package smstest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"syscall"
)

// Transport returns the carrier without a socket: a RoundTripper that answers a request to any host in the caller's
// own goroutine. It calls the hooks of [net/http/httptrace] as a real connection does, so that an adapter sees
// whether bytes were written, breaks with the errors that a real one breaks with, and honours the request's context.
func (f *Fake) Transport() http.RoundTripper { return inProcess{f} }

type inProcess struct{ fake *Fake }

// RoundTrip implements [http.RoundTripper].
func (t inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if req.Body != nil {
		defer req.Body.Close()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil {
		trace = &httptrace.ClientTrace{}
	}
	rec, body, err := t.arrive(req, trace)
	if err != nil {
		return nil, err
	}
	out := t.fake.exchange(req, body, rec, "https://"+redirectHost+req.URL.Path)
	switch rec.Fault.Kind {
	case FaultReset, FaultRefuse:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case FaultHang:
		return nil, t.hang(ctx)
	}
	if trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	res := response(req, out)
	if rec.Fault.Kind == FaultSlow {
		half := bytes.NewReader(out.body[:len(out.body)/2])
		res.Body = &slowBody{half, func() error { return t.hang(ctx) }}
	}
	return res, nil
}

// arrive takes the request in, or refuses it as a dial does that finds nobody: then nothing may have touched its body,
// because adapters look at that.
func (t inProcess) arrive(req *http.Request, trace *httptrace.ClientTrace) (rec Request, body []byte, err error) {
	f := t.fake
	called(trace.GetConn, req.URL.Host)
	if f.isDown() {
		return rec, nil, refused()
	}
	fault, queued := f.queued(f.protocol.kind(req))
	if fault.Kind == FaultRefuse {
		return rec, nil, refused()
	}
	called(trace.GotConn, httptrace.GotConnInfo{})
	if trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	body, err = readBody(req)
	called(trace.WroteRequest, httptrace.WroteRequestInfo{Err: err})
	if err != nil {
		return rec, nil, err
	}
	rec = f.arrival(req, req.URL.String(), body)
	if rec.Fault = fault; !queued {
		rec.Fault = f.chosen(rec)
	}
	return rec, body, nil
}

func (f *Fake) isDown() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down
}

func (t inProcess) hang(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.fake.life.Done():
		return io.ErrUnexpectedEOF
	}
}

// called runs a trace hook, if it is there.
func called[T any](hook func(T), arg T) {
	if hook != nil {
		hook(arg)
	}
}

func refused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(req.Body, maxRequest+1))
	if err == nil && len(b) > maxRequest {
		err = fmt.Errorf("smstest: request body over %d bytes", maxRequest)
	}
	return b, err
}

func response(req *http.Request, out reply) *http.Response {
	return &http.Response{
		StatusCode: out.status, Status: fmt.Sprintf("%d %s", out.status, http.StatusText(out.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: out.header.Clone(), Request: req,
		Body: out.open(), ContentLength: out.announced(),
	}
}

// slowBody gives what it has and then blocks until the caller gives up.
type slowBody struct {
	head *bytes.Reader
	hang func() error
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.head.Len() > 0 {
		return b.head.Read(p)
	}
	return 0, b.hang()
}

func (b *slowBody) Close() error { return nil }
