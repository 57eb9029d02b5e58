package sms

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// DefaultMaxMedia is how many bytes of one file are read where nobody says otherwise: 10 MiB. An MMS ends far below it
// (at Twilio with 5 MB, at Bandwidth with 3.75 MB).
const DefaultMaxMedia = 10 << 20

// Media is one file that came with a text, on its way from the carrier. It is a stream, so that a file goes to an
// object store or to a browser without being held in memory; [io.ReadAll] makes bytes of it. Nothing in it is decoded:
// an image of 65,535 by 65,535 pixels is a few bytes here. It must be closed, and it isn't safe for concurrent use.
type Media struct {
	// Type is the media type to store and to serve the file under: what its first bytes show, see [SafeMediaType].
	Type string
	// Told is the media type that the carrier says, in lower case and without parameters; empty where it says none.
	// It is for people to read: whoever sent the file chose it, and HTML may call itself image/jpeg.
	Told string
	// Size is how many bytes the carrier announced; -1 where it announced none.
	Size int64

	r    io.Reader // the bytes that were looked at, then the rest
	body io.Closer
	left int64 // that may still be read
	got  int64
	err  error // once it has ended
}

// What is the matter with a file. Match with errors.Is; what FetchMedia returns is a [MediaError].
var (
	// ErrMediaAddress means that an address, or what it redirects to, is none of the account's media at its carrier.
	// Nothing was sent to it. It never gets better.
	ErrMediaAddress = errors.New("address is none of the carrier's media")
	// ErrMediaNotFound means that the carrier has no such file: not any more, or not yet.
	ErrMediaNotFound = errors.New("carrier has no such file")
	// ErrMediaTooLarge means that a file is larger than what was asked for.
	ErrMediaTooLarge = errors.New("file is too large")
	// ErrMediaBroken means that a file broke off, or isn't as long as announced. Another try may help.
	ErrMediaBroken = errors.New("file broke off, or is not as long as announced")
)

// MediaError is what [MediaFetcher] FetchMedia returns when there is no file to read. It never holds an address, a
// credential or what the carrier wrote. Beside the errors above it wraps [context.Canceled] and
// [context.DeadlineExceeded].
type MediaError struct {
	Provider string        // the provider's Name
	Status   int           // HTTP status of the last answer; 0 when there was none
	After    time.Duration // the carrier's Retry-After, see [RetryAfter]; 0 when it gave none
	Err      error         // the cause, if any, already free of secrets
}

// Error implements error.
func (e *MediaError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: fetch media", e.Provider)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *MediaError) Unwrap() error { return e.Err }

// sniffed is how many bytes are looked at for a file's type; [http.DetectContentType] looks at no more.
const sniffed = 512

// NewMedia makes a [Media] of a carrier's answer, for those who write a [MediaFetcher]: told is its Content-Type and
// size its Content-Length, -1 for none. It reads the first 512 bytes. Not more than max bytes come out of it, and not
// more than one is read beyond them; a max below 1 means [DefaultMaxMedia].
//
// The error is [ErrMediaTooLarge] when size is above max, [ErrMediaBroken] when the file ends before its size, or that
// of body. Then body is closed.
func NewMedia(body io.ReadCloser, told string, size, max int64) (*Media, error) {
	if max < 1 {
		max = DefaultMaxMedia
	}
	m := &Media{Told: mediaType(told), Size: size, r: body, body: body, left: max}
	if size > max {
		_ = body.Close()
		return nil, ErrMediaTooLarge
	}
	head := make([]byte, min(sniffed, max))
	n, err := io.ReadFull(m, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		_ = body.Close()
		return nil, err
	}
	m.Type = SafeMediaType(head[:n])
	// What was read is read again: the counters start anew, and an end that was seen is seen again.
	m.r, m.left, m.got, m.err = io.MultiReader(bytes.NewReader(head[:n]), body), max, 0, nil
	return m, nil
}

// Read implements [io.Reader]. A file is whole only when Read has said [io.EOF]: whoever keeps it throws it away after
// any other error. These are [ErrMediaTooLarge] and [ErrMediaBroken], which wraps the end of a context where that is why.
func (m *Media) Read(p []byte) (int, error) {
	if m.err != nil || len(p) == 0 {
		return 0, m.err
	}
	if m.left == 0 {
		return 0, m.beyond()
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.left)])
	m.left -= int64(n)
	m.got += int64(n)
	if m.Size >= 0 && m.got > m.Size {
		err = ErrMediaBroken
	}
	m.err = m.ending(err)
	return n, m.err
}

// beyond looks whether there is more than may be read.
func (m *Media) beyond() error {
	n, err := io.ReadFull(m.r, make([]byte, 1))
	if n > 0 {
		err = ErrMediaTooLarge
	}
	m.err = m.ending(err)
	return m.err
}

// ending is what the end of the carrier's answer means for the file.
func (m *Media) ending(err error) error {
	if err == io.EOF && m.Size >= 0 && m.got < m.Size {
		return ErrMediaBroken
	}
	return err
}

// Close ends the download, whether or not the file was read.
func (m *Media) Close() error {
	if m.err == nil {
		m.err = http.ErrBodyReadAfterClose
	}
	return m.body.Close()
}
