package smstest

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// HandlerTransport returns a RoundTripper that gives every request to h, whatever host it is for, without a socket:
// a fake then posts webhooks to https://desk.example.com/… straight into an engine. h sees the request as a server
// does (path and query in the URL, the name in Host, TLS set for https). The answer is held in memory until h has
// returned, so Flush and Hijack don't work. A call ends with its context even while h goes on; a panic of h ends the
// call with an error, as net/http breaks the connection. It may be used in a [testing/synctest] bubble.
func HandlerTransport(h http.Handler) http.RoundTripper { return handlerTransport{h} }

type handlerTransport struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t handlerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if ctx.Err() != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, ctx.Err()
	}
	body, err := readBody(req)
	if req.Body != nil {
		_ = req.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	w := &memoryWriter{header: http.Header{}}
	served, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		defer end()
		done <- serve(t.handler, w, asServerSees(req.Clone(served), body))
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
		return response(req, w.reply()), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("smstest: handler broke off: %v", v)
		}
	}()
	h.ServeHTTP(w, r)
	return nil
}

func asServerSees(r *http.Request, body []byte) *http.Request {
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	if r.URL.Scheme == "https" {
		r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: r.URL.Hostname()}
	}
	r.RequestURI = r.URL.RequestURI()
	r.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery}
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.RemoteAddr = "192.0.2.1:1234" // a range kept for documentation
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.Header == nil {
		r.Header = http.Header{}
	}
	return r
}

// memoryWriter is a ResponseWriter that keeps everything.
type memoryWriter struct {
	header http.Header
	sent   http.Header // as it was when the head went out
	status int
	body   bytes.Buffer
}

func (w *memoryWriter) Header() http.Header { return w.header }

func (w *memoryWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 { // the 1xx are no answers
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *memoryWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		if w.header.Get("Content-Type") == "" {
			w.header.Set("Content-Type", http.DetectContentType(p)) // as net/http does
		}
		w.WriteHeader(http.StatusOK)
	}
	return w.body.Write(p)
}

func (w *memoryWriter) reply() reply {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return reply{status: w.status, header: w.sent, body: w.body.Bytes()}
}
