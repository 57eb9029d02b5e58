// Package egress downloads files whose address strangers may have written, for the carriers' adapters, and has what
// they share in sending ([Gate], [NewTransport]) and in reading answers ([Cause], [RetryAfter]).
//
// A download begins at the carrier's API, at a path that the adapter allows, and with the account's credentials. It
// may be redirected to places that the adapter lists, where it has none. Everything else is refused: before a request
// by the address that is written, and before a connection by the one that is dialed. Time and size are bounded
// throughout.
package egress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/sms"
)

const (
	userAgent    = "livedesk-go"
	maxRedirects = 3
	maxAddress   = 4096    // bytes of an address: Bandwidth's own limit
	maxDrain     = 4 << 10 // bytes of an answer that is no file
)

// Place is where a redirect may lead.
type Place struct {
	// Host is a name in lower case; with a leading dot all names below it.
	Host string
	// Path is what the path begins with; empty means any path.
	Path string
}

// Config sets up a [Client].
type Config struct {
	Provider string // of the errors
	// API is the root of the carrier's API as it stands in the addresses that the carrier writes: https, and without
	// a trailing slash, user, query and fragment. Required.
	API *url.URL
	// Base is the root that is asked instead, chosen by the host's programmer; it may be http, on any port and at any
	// address. Nil means API.
	Base *url.URL
	// Places are where redirects may lead. Empty means that none is followed.
	Places []Place
	// Transport carries the requests. Nil means one of our own, which dials public addresses on port 443 only, and
	// Base where that isn't the carrier. It must not follow redirects.
	Transport http.RoundTripper
	// Head bounds one request until its answer begins. Not positive means no limit.
	Head time.Duration
	// Total bounds a download, its reading included. Zero means a minute; negative means no limit.
	Total time.Duration
}

// Client downloads files. It is safe for concurrent use; its idle connections end by themselves.
type Client struct {
	cfg Config
}

// New returns a client. It does no I/O.
func New(cfg Config) *Client {
	cfg.Base = cmp.Or(cfg.Base, cfg.API)
	cfg.Total = cmp.Or(cfg.Total, time.Minute)
	if cfg.Transport == nil {
		own := ""
		if cfg.Base.Host != cfg.API.Host {
			own = hostPort(cfg.Base)
		}
		cfg.Transport = newTransport(newDialer(own).DialContext)
	}
	return &Client{cfg}
}

// Request is one file to download.
type Request struct {
	Address string // as the carrier wrote it
	// Owns reports whether a path, escaped and below the API's root, is one of the account's media.
	Owns func(path string) bool
	// Authorize returns the Authorization header with the account's credentials, for the API alone. It is asked once,
	// and only for an address that is allowed.
	Authorize func(ctx context.Context) (string, error)
	Max       int64 // see [sms.MediaFetcher]
}

// Get opens a file. The error is a [*sms.MediaError], or that of Authorize.
func (c *Client) Get(ctx context.Context, r Request) (*sms.Media, error) {
	target, err := c.locate(r)
	if err != nil {
		return nil, c.failure(0, err)
	}
	authorization, err := r.Authorize(ctx)
	if err != nil {
		return nil, err
	}
	d := c.begin(ctx)
	res, err := d.follow(target, authorization)
	if err != nil {
		d.stop()
		return nil, err
	}
	body := &body{ReadCloser: res.Body, d: d}
	m, err := sms.NewMedia(body, res.Header.Get("Content-Type"), res.ContentLength, r.Max)
	if err != nil {
		return nil, c.failure(res.StatusCode, err)
	}
	return m, nil
}

func (c *Client) failure(status int, err error) *sms.MediaError {
	return &sms.MediaError{Provider: c.cfg.Provider, Status: status, Err: err}
}

// locate returns where to ask for an address: below Base, whatever host of ours the address names.
func (c *Client) locate(r Request) (*url.URL, error) {
	u, err := url.Parse(r.Address) // refuses control characters, and so a header in disguise
	if err != nil || len(r.Address) > maxAddress || strings.ContainsAny(r.Address, "?#") || u.User != nil {
		return nil, sms.ErrMediaAddress
	}
	for _, root := range []*url.URL{c.cfg.API, c.cfg.Base} {
		path, below := strings.CutPrefix(u.EscapedPath(), root.EscapedPath()+"/")
		if below && u.Scheme == root.Scheme && hostPort(u) == hostPort(root) && plain(u) && r.Owns("/"+path) {
			return url.Parse(c.cfg.Base.String() + "/" + path)
		}
	}
	return nil, sms.ErrMediaAddress
}

// redirected returns where an answer of from leads, if it may lead there.
func (c *Client) redirected(from *url.URL, location string) (*url.URL, error) {
	u, err := from.Parse(location)
	if err != nil || len(location) > maxAddress || u.Scheme != "https" || u.User != nil || u.Port() != "" && u.Port() != "443" {
		return nil, sms.ErrMediaAddress
	}
	if !plain(u) || !slices.ContainsFunc(c.cfg.Places, func(p Place) bool { return p.holds(u) }) {
		return nil, sms.ErrMediaAddress
	}
	return u, nil
}

func (p Place) holds(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	return (host == p.Host || p.Host[0] == '.' && strings.HasSuffix(host, p.Host)) && strings.HasPrefix(u.EscapedPath(), p.Path)
}

// plain reports a path that means the same to everybody who reads it: no segment goes up, and none hides a border.
func plain(u *url.URL) bool {
	for s := range strings.SplitSeq(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		d, err := url.PathUnescape(s)
		if err != nil || d == "." || d == ".." || strings.ContainsAny(d, "/\\\x00") {
			return false
		}
	}
	return true
}

// hostPort is where a URL's host is dialed.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// download is one file on its way: all of its requests, and its reading, share one context.
type download struct {
	c       *Client
	ctx     context.Context
	cancel  context.CancelCauseFunc
	unlimit func() // takes the limit of time off
}

func (c *Client) begin(ctx context.Context) *download {
	d := &download{c: c}
	d.ctx, d.cancel = context.WithCancelCause(ctx)
	d.unlimit = d.limit(c.cfg.Total)
	return d
}

// limit ends the download after a time, unless what it returns is called before. Not positive means never.
func (d *download) limit(after time.Duration) (unlimit func()) {
	if after <= 0 {
		return func() {}
	}
	t := time.AfterFunc(after, func() { d.cancel(context.DeadlineExceeded) })
	return func() { t.Stop() }
}

func (d *download) stop() {
	d.unlimit()
	d.cancel(context.Canceled)
}

// follow asks for target, and on along redirects, until there is a file.
func (d *download) follow(target *url.URL, authorization string) (*http.Response, error) {
	for range maxRedirects + 1 {
		res, err := d.ask(target, authorization)
		if err != nil {
			return nil, d.c.failure(0, err)
		}
		if res.StatusCode == http.StatusOK && encoded(res.Header) {
			discard(res)
			return nil, d.c.failure(res.StatusCode, errEncoded)
		}
		if res.StatusCode == http.StatusOK {
			return res, nil
		}
		discard(res)
		if !redirects(res.StatusCode) {
			return nil, d.c.answer(res)
		}
		if target, err = d.c.redirected(target, res.Header.Get("Location")); err != nil {
			return nil, d.c.failure(res.StatusCode, err)
		}
		authorization = "" // never across a redirect, whatever its host
	}
	return nil, d.c.failure(0, errRedirects)
}

var (
	errEncoded   = errors.New("answer has a content encoding")
	errRedirects = errors.New("more than 3 redirects")
	errAnswer    = errors.New("carrier answers an error")
	errNoAnswer  = errors.New("transport returned neither an answer nor an error")
)

func redirects(status int) bool {
	return slices.Contains([]int{301, 302, 303, 307, 308}, status)
}

// encoded reports a body that isn't the file itself. We ask for none, so what is compressed has something to hide.
func encoded(h http.Header) bool {
	e := h.Get("Content-Encoding")
	return e != "" && !strings.EqualFold(e, "identity")
}

// ask makes one request, and waits for its answer's head at most Head.
func (d *download) ask(target *url.URL, authorization string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, sms.ErrMediaAddress
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "identity")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	defer d.limit(d.c.cfg.Head)()
	res, err := d.c.cfg.Transport.RoundTrip(req)
	switch {
	case err != nil:
		return nil, d.cause(err)
	case res == nil:
		return nil, errNoAnswer
	}
	if res.Body == nil {
		res.Body = http.NoBody
	}
	return res, nil
}

// answer is what a status other than 200 means.
func (c *Client) answer(res *http.Response) *sms.MediaError {
	e := c.failure(res.StatusCode, errAnswer)
	e.After, _ = RetryAfter(res.Header)
	if res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone {
		e.Err = sms.ErrMediaNotFound
	}
	return e
}

// cause is why the connection failed: the context's end before anything else.
func (d *download) cause(err error) error {
	if d.ctx.Err() != nil {
		return Cause(context.Cause(d.ctx))
	}
	return Cause(err)
}

// discard throws an answer's body away; a short one by reading it, so that the connection can be used again.
func discard(res *http.Response) {
	if res.ContentLength <= maxDrain {
		_, _ = io.CopyN(io.Discard, res.Body, max(res.ContentLength, 0))
	}
	_ = res.Body.Close()
}

// body is the file's, with errors that tell no secret; closing it ends the download.
type body struct {
	io.ReadCloser
	d *download
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", sms.ErrMediaBroken, b.d.cause(err))
	}
	return n, err
}

func (b *body) Close() error {
	_ = b.ReadCloser.Close() // of a body that was only read
	b.d.stop()
	return nil
}
