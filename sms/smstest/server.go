package smstest

import (
	"bytes"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// server listens on 127.0.0.1 from the first need of a URL on.
type server struct {
	handler http.Handler

	mu      sync.Mutex
	addr    string // kept while down
	down    bool
	stopped bool
	http    *http.Server
	served  chan struct{}
}

func (s *server) url() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == "" {
		s.listen("127.0.0.1:0")
		if s.down || s.stopped {
			_ = s.hangUp()
		}
	}
	return "http://" + s.addr
}

func (s *server) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	if s.addr == "" || s.stopped {
		return
	}
	if down {
		_ = s.hangUp()
	} else if s.http == nil {
		s.listen(s.addr)
	}
}

func (s *server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	return s.hangUp()
}

func (s *server) listen(addr string) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		panic("smstest: " + err.Error())
	}
	s.addr, s.served = l.Addr().String(), make(chan struct{})
	s.http = &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func(srv *http.Server, served chan struct{}) {
		defer close(served)
		_ = srv.Serve(l) // always ErrServerClosed
	}(s.http, s.served)
}

func (s *server) hangUp() error {
	if s.http == nil {
		return nil
	}
	err := s.http.Close()
	<-s.served
	s.http = nil
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// serveHTTP is the carrier behind a socket.
func (f *Fake) serveHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := f.arrival(r, "http://"+r.Host+r.URL.String(), body)
	var queued bool
	if rec.Fault, queued = f.queued(rec.Kind); !queued {
		rec.Fault = f.chosen(rec)
	}
	out := f.exchange(r, body, rec, "http://"+otherName(r.Host)+r.URL.Path)
	switch rec.Fault.Kind {
	case FaultReset, FaultRefuse:
		reset(w)
	case FaultHang:
		f.hang(r)
		panic(http.ErrAbortHandler)
	case FaultSlow:
		write(w, out, int64(len(out.body)/2))
		_ = http.NewResponseController(w).Flush()
		f.hang(r)
		panic(http.ErrAbortHandler)
	default:
		write(w, out, math.MaxInt64)
	}
}

func (f *Fake) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-f.life.Done():
	}
}

// otherName names the same listener by another host name, so that a client that follows a redirect is seen.
func otherName(host string) string {
	_, port, err := net.SplitHostPort(host)
	if err != nil || strings.HasPrefix(host, "localhost:") {
		return redirectHost
	}
	return "localhost:" + port
}

// write sends the head and at most n bytes of the body.
func write(w http.ResponseWriter, out reply, n int64) {
	for k, v := range out.header {
		w.Header()[k] = v
	}
	length := out.announced()
	if length >= 0 && length != int64(len(out.body)) {
		w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	}
	w.WriteHeader(out.status)
	if length < 0 {
		_ = http.NewResponseController(w).Flush() // else the server counts for us
	}
	_, _ = io.CopyN(w, out.open(), n)
}

// reset breaks the connection so that the caller sees a reset rather than an orderly end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
