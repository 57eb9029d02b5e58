package contract_test

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// exchange is one request that left an adapter whole, with the carrier's answer as far as it was read.
type exchange struct {
	method, url  string
	header       http.Header
	body         []byte
	status       int // 0 where there was no answer
	answerHeader http.Header
	answer       []byte
}

// recorder is a transport that keeps what passes. It reads no request ahead of the next transport, since adapters look at
// whether anybody read theirs. It is safe for concurrent use.
type recorder struct {
	next http.RoundTripper

	mu   sync.Mutex
	kept []*exchange
}

// RoundTrip implements [http.RoundTripper].
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &exchange{method: req.Method, url: req.URL.String(), header: req.Header.Clone()}
	seen := &seenBody{whole: req.Body == nil || req.Body == http.NoBody}
	if !seen.whole {
		seen.body = req.Body
		req = req.Clone(req.Context())
		req.Body = seen
	}
	res, err := r.next.RoundTrip(req)
	if x.body = seen.read.Bytes(); !seen.whole && int64(len(x.body)) != req.ContentLength {
		return res, err // it was broken off, so nobody got it
	}
	r.mu.Lock()
	r.kept = append(r.kept, x)
	r.mu.Unlock()
	if res != nil {
		x.status, x.answerHeader = res.StatusCode, res.Header.Clone()
		if res.Body != nil {
			res.Body = &answerBody{ReadCloser: res.Body, mu: &r.mu, to: &x.answer}
		}
	}
	return res, err
}

// exchanges returns what passed so far. Nothing may be under way.
func (r *recorder) exchanges() []exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]exchange, len(r.kept))
	for i, x := range r.kept {
		out[i] = *x
	}
	return out
}

// seenBody keeps what is read of a request's body.
type seenBody struct {
	body  io.ReadCloser
	read  bytes.Buffer
	whole bool
}

func (b *seenBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.read.Write(p[:n])
	b.whole = b.whole || err == io.EOF
	return n, err
}

func (b *seenBody) Close() error { return b.body.Close() }

// answerBody keeps what is read of an answer.
type answerBody struct {
	io.ReadCloser
	mu *sync.Mutex
	to *[]byte
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	*b.to = append(*b.to, p[:n]...)
	b.mu.Unlock()
	return n, err
}
