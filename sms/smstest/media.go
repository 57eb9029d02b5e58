package smstest

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// Media is a file that came with a customer's text, as a carrier keeps and serves it. [Twilio.AddMedia] and
// [Bandwidth.AddMedia] give the address to put into a [Text]. The zero value is an empty file.
type Media struct {
	Body []byte
	// ContentType is what the carrier says, true or not. Empty means image/jpeg.
	ContentType string
	// Name ends the address at Bandwidth. Empty means photo.jpg.
	Name string

	// The rest is what is wrong with it; zero is nothing. Faults of a carrier as a whole come by [Fake.FailFunc], for
	// requests of the kind [KindMedia].

	Missing  int    // so many requests are answered 404 before it is there
	Length   int64  // the Content-Length, true or not; negative announces none
	Endless  bool   // Body again and again, without an end; nothing is announced unless Length says so
	Encoding string // the Content-Encoding, true or not
	Location string // redirects there, wherever that is
}

// MediaCarrier is a [Carrier] that keeps files, for the clauses of [RunProvider] about an [sms.MediaFetcher].
type MediaCarrier interface {
	Carrier
	// AddMedia keeps a file and returns its address as the carrier's webhooks tell it.
	AddMedia(m Media) string
}

var (
	_ MediaCarrier = (*Twilio)(nil)
	_ MediaCarrier = (*Bandwidth)(nil)
)

// shelf keeps the files of a carrier by what its addresses know them by. The zero value is empty.
type shelf struct {
	mu    sync.Mutex
	files map[string]*Media
}

// put keeps a copy of m and returns the key.
func (s *shelf) put(key string, m Media) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[string]*Media{}
	}
	m.Body = bytes.Clone(m.Body)
	if m.Endless && len(m.Body) == 0 {
		m.Body = []byte{0}
	}
	m.ContentType = or(m.ContentType, "image/jpeg")
	s.files[key] = &m
	return key
}

// ask returns the file of a request, nil where there is none, or none yet.
func (s *shelf) ask(key string) *Media {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.files[key]
	if m != nil && m.Missing > 0 {
		m.Missing--
		return nil
	}
	return m
}

// contentType returns what the carrier says of a file; empty for one that it doesn't keep.
func (s *shelf) contentType(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.files[key]; m != nil {
		return m.ContentType
	}
	return ""
}

// reply is the answer with the file.
func (m *Media) reply() reply {
	out := reply{status: http.StatusOK, header: http.Header{"Content-Type": {m.ContentType}}, body: m.Body, length: m.Length, endless: m.Endless}
	if m.Encoding != "" {
		out.header.Set("Content-Encoding", m.Encoding)
	}
	return out
}

func redirect(location string) reply {
	return reply{status: http.StatusTemporaryRedirect, header: http.Header{"Location": {location}, "Content-Type": {"application/xml"}}}
}

// announced is the Content-Length; -1 for none.
func (r reply) announced() int64 {
	switch {
	case r.length < 0, r.length == 0 && r.endless:
		return -1
	case r.length > 0:
		return r.length
	}
	return int64(len(r.body))
}

// open returns the body as net/http hands it out: it ends where it was announced to end, or breaks off before.
func (r reply) open() io.ReadCloser {
	var body io.Reader = bytes.NewReader(r.body)
	if r.endless {
		body = &again{r.body, 0}
	}
	if n := r.announced(); n >= 0 {
		body = &exactly{io.LimitReader(body, n), n}
	}
	return io.NopCloser(body)
}

// again is a body that begins anew wherever it ends.
type again struct {
	body []byte
	at   int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.body[a.at:])
	a.at = (a.at + n) % len(a.body)
	return n, nil
}

// exactly is a body that is cut off when it ends before its time.
type exactly struct {
	io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
