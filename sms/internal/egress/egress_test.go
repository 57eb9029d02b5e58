package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms"
)

const canary = "Basic canary-credential"

func api(t testing.TB) *url.URL {
	u, err := url.Parse("https://api.example.com/v1")
	require.NoError(t, err)
	return u
}

func request(address string) Request {
	return Request{Address: address, Owns: func(path string) bool { return strings.HasPrefix(path, "/me/") },
		Authorize: func(context.Context) (string, error) { return canary, nil }}
}

var places = []Place{{Host: "cdn.example.com"}, {Host: ".edge.example.com"}, {Host: "bucket.example.com", Path: "/ours/"}}

// roundTripper is a carrier inside the process.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(status int, length int64, body io.Reader, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, ContentLength: length, Body: io.NopCloser(body)}
}

// carrier is a client of a real TLS server that answers to every name below example.com.
func carrier(t *testing.T, cfg Config, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	transport := newTransport(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
	})
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(srv.Certificate())
	t.Cleanup(transport.CloseIdleConnections)
	cfg.Provider, cfg.API, cfg.Transport = "test", api(t), transport
	return New(cfg)
}

func TestFileComesAlongRedirects(t *testing.T) {
	t.Parallel()
	var seen []*http.Request
	along := []Place{{Host: "cdn.example.com"}, {Host: "bucket.example.com", Path: "/ours/"}, {Host: ".example.com", Path: "/z"}}
	c := carrier(t, Config{Places: along}, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r)
		next := map[string]string{
			"api.example.com/v1/me/a%20b.png": "https://CDN.example.com:443/x?Signature=s%2Fs&Expires=1#part",
			"cdn.example.com/x":               "https://edge.example.com/z",
			"edge.example.com/z":              "//bucket.example.com/ours/1",
		}[strings.ToLower(strings.TrimSuffix(r.Host, ":443"))+r.URL.EscapedPath()]
		if next != "" {
			w.Header().Set("Set-Cookie", "a=b")
			http.Redirect(w, r, next, []int{301, 302, 307}[len(seen)-1])
			return
		}
		w.Header().Set("Content-Type", "Image/JPEG; charset=x")
		_, _ = io.WriteString(w, "\x89PNG\r\n\x1a\nand the rest")
	})
	m, err := c.Get(t.Context(), request("https://API.example.com:443/v1/me/a%20b.png"))
	require.NoError(t, err)
	b, err := io.ReadAll(m)
	require.NoError(t, err)
	require.NoError(t, m.Close())
	require.Equal(t, "\x89PNG\r\n\x1a\nand the rest", string(b))
	require.Equal(t, []any{"image/png", "image/jpeg", int64(len(b))}, []any{m.Type, m.Told, m.Size})
	require.Len(t, seen, 4)
	for i, r := range seen {
		require.Equal(t, http.MethodGet, r.Method)
		require.Equal(t, "livedesk-go", r.UserAgent())
		require.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
		require.GreaterOrEqual(t, r.TLS.Version, uint16(tls.VersionTLS12))
		for _, h := range []string{"Cookie", "Referer"} {
			require.Empty(t, r.Header.Get(h))
		}
		require.Equal(t, i == 0, r.Header.Get("Authorization") == canary, "credentials at hop %d", i)
		require.Equal(t, i > 0, r.Header.Get("Authorization") == "")
	}
	require.Equal(t, "Signature=s%2Fs&Expires=1", seen[1].URL.RawQuery)
}

// Nothing is sent to an address that isn't the account's own at the carrier, and nobody is asked for credentials.
func TestForeignAddresses(t *testing.T) { // F141, F144, F145
	t.Parallel()
	c := New(Config{Provider: "test", API: api(t), Places: places, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		t.Errorf("a request was made to %s", r.URL)
		return nil, errors.New("x")
	})})
	for _, address := range foreign {
		r := request(address)
		r.Authorize = func(context.Context) (string, error) {
			t.Error("credentials were asked for")
			return "", errors.New("x")
		}
		_, err := c.Get(t.Context(), r)
		require.ErrorIs(t, err, sms.ErrMediaAddress, address)
		e, ok := errors.AsType[*sms.MediaError](err)
		require.True(t, ok)
		require.Equal(t, &sms.MediaError{Provider: "test", Err: sms.ErrMediaAddress}, e)
	}
}

var foreign = []string{
	"", "/v1/me/a", "v1/me/a", "https:", "https:///v1/me/a", "https:/api.example.com/v1/me/a", "https:api.example.com/v1/me/a", "//api.example.com/v1/me/a",
	"http://api.example.com/v1/me/a", "ftp://api.example.com/v1/me/a", "file:///v1/me/a", "gopher://api.example.com/v1/me/a", "data:image/png,x",
	"https://api.example.com:8443/v1/me/a", "https://api.example.com:80/v1/me/a", "https://api.example.com:0443/v1/me/a",
	"https://u:p@api.example.com/v1/me/a", "https://api.example.com@evil.example/v1/me/a", "https://@api.example.com/v1/me/a/..",
	"https://api.example.com/v1/me/a?x=y", "https://api.example.com/v1/me/a#x", "https://api.example.com/v1/me/a?",
	"https://api.example.com/v1/you/a", "https://api.example.com/v1", "https://api.example.com/v1/", "https://api.example.com/v1x/me/a", "https://api.example.com/v2/me/a",
	"https://api.example.com/v1/me/../you/a", "https://api.example.com/v1/me/%2e%2e/you", "https://api.example.com/v1/me/.", "https://api.example.com/v1/me/a%2fb",
	`https://api.example.com/v1/me/a%5cb`, `https://api.example.com/v1/me/a\b`, "https://api.example.com/v1/me/%00", "https://api.example.com/v1/me/%zz",
	"https://api.example.com./v1/me/a", "https://api.example.com.evil.example/v1/me/a", "https://xapi.example.com/v1/me/a", "https://evil.example/v1/me/a",
	"https://cdn.example.com/v1/me/a", "https://127.0.0.1/v1/me/a", "https://[::1]/v1/me/a", "https://169.254.169.254/latest/meta-data", "https://0x7f000001/v1/me/a",
	"https://2130706433/v1/me/a", "https://0177.0.0.1/v1/me/a", "https://127.1/v1/me/a", "https://localhost/v1/me/a",
	"https://api.example.com/v1/me/a\r\nX: y", "https://api.example.com/v1/me/a b\n", " https://api.example.com/v1/me/a", "https://api.example.com\x00/v1/me/a",
	"https://api.example.com/v1/me/" + strings.Repeat("a", 4096),
}

func TestForeignRedirects(t *testing.T) { // F141, F144, F145
	t.Parallel()
	for _, location := range []string{
		"", "/", "/v1/me/b", "https://api.example.com/v1/me/a", "https://api.example.com/v1/me/b", "http://cdn.example.com/x", "//evil.example/x",
		"https://cdn.example.com:8443/x", "https://cdn.example.com:22/", "https://u@cdn.example.com/x", "https://u:p@cdn.example.com/x", "https://cdn.example.com@evil.example/x",
		"https://cdn.example.com.evil.example/x", "https://xcdn.example.com/x", "https://cdn.example.com./x", "https://edge.example.com/x", "https://evil-edge.example.com/x",
		"https://bucket.example.com/theirs/x", "https://bucket.example.com/ours", "https://bucket.example.com/ours/../theirs/x", "https://bucket.example.com/ours/%2e%2e/theirs",
		"https://bucket.example.com/ours/..%2ftheirs", `https://bucket.example.com/ours/..%5ctheirs`, "https://bucket.example.com//ours/x", "https://bucket.example.com/%6furs/x",
		"https://10.0.0.1/x", "https://127.0.0.1/x", "https://[::1]/x", "https://[::ffff:127.0.0.1]/x", "https://169.254.169.254/latest/meta-data", "https://2130706433/",
		"https://0x7f.1/", "https://localhost/x", "file:///etc/passwd", "gopher://cdn.example.com/x", "data:image/png,x", "javascript:alert(1)", "https:cdn.example.com", "%zz",
		"https://cdn.example.com/x\r\nX: y", "https://cdn.example.com/" + strings.Repeat("a", 4096), "https://cdn.example.com\\@evil.example/",
	} {
		var n atomic.Int32
		c := New(Config{Provider: "test", API: api(t), Places: places, Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			n.Add(1)
			res := respond(307, 0, http.NoBody)
			res.Header["Location"] = []string{location}
			return res, nil
		})})
		_, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a"))
		require.Equal(t, &sms.MediaError{Provider: "test", Status: 307, Err: sms.ErrMediaAddress}, err, location)
		require.EqualValues(t, 1, n.Load(), location)
	}
	c := New(Config{Provider: "test", API: api(t), Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return respond(302, 0, http.NoBody, "Location", "https://cdn.example.com/x"), nil
	})})
	_, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a"))
	require.ErrorIs(t, err, sms.ErrMediaAddress, "without places no redirect is followed")
}

// Not even to the host that they are for.
func TestCredentialsNeverCrossARedirect(t *testing.T) {
	t.Parallel()
	var seen []string
	c := New(Config{Provider: "test", API: api(t), Places: []Place{{Host: "api.example.com"}}, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.Header.Get("Authorization"))
		if len(seen) == 1 {
			return respond(308, 0, http.NoBody, "Location", "/v1/me/b"), nil
		}
		return respond(200, 1, strings.NewReader("x")), nil
	})})
	m, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a"))
	require.NoError(t, err)
	require.NoError(t, m.Close())
	require.Equal(t, []string{canary, ""}, seen)
}

func TestRedirectsEnd(t *testing.T) {
	t.Parallel()
	var n int
	c := New(Config{Provider: "test", API: api(t), Places: places, Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		n++
		return respond(302, 0, http.NoBody, "Location", "https://cdn.example.com/again"), nil
	})})
	_, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a"))
	require.EqualError(t, err, "test: fetch media: more than 3 redirects")
	require.Equal(t, 4, n)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		header []string
		want   sms.MediaError
		is     error
	}{
		"not there":        {404, nil, sms.MediaError{Status: 404}, sms.ErrMediaNotFound},
		"not any more":     {410, nil, sms.MediaError{Status: 410}, sms.ErrMediaNotFound},
		"unauthorized":     {401, nil, sms.MediaError{Status: 401}, errAnswer},
		"forbidden":        {403, nil, sms.MediaError{Status: 403}, errAnswer},
		"too many":         {429, []string{"Retry-After", "7"}, sms.MediaError{Status: 429, After: 7 * time.Second}, errAnswer},
		"broken":           {500, nil, sms.MediaError{Status: 500}, errAnswer},
		"a date":           {503, []string{"Retry-After", "Wed, 21 Oct 2026 07:28:30 GMT", "Date", "Wed, 21 Oct 2026 07:28:00 GMT"}, sms.MediaError{Status: 503, After: 30 * time.Second}, errAnswer},
		"never":            {503, []string{"Retry-After", "99999999"}, sms.MediaError{Status: 503, After: 24 * time.Hour}, errAnswer},
		"no content":       {204, nil, sms.MediaError{Status: 204}, errAnswer},
		"a part":           {206, nil, sms.MediaError{Status: 206}, errAnswer},
		"not modified":     {304, nil, sms.MediaError{Status: 304}, errAnswer},
		"many choices":     {300, []string{"Location", "https://cdn.example.com/x"}, sms.MediaError{Status: 300}, errAnswer},
		"a compressed one": {200, []string{"Content-Encoding", "gzip"}, sms.MediaError{Status: 200}, errEncoded},
		"a larger one":     {200, []string{"Content-Encoding", "br, identity"}, sms.MediaError{Status: 200}, errEncoded},
	} {
		closed := &closing{Reader: strings.NewReader("canary of the carrier")}
		client := New(Config{Provider: "test", API: api(t), Places: places, Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			res := respond(c.status, -1, nil, c.header...)
			res.Body = closed
			return res, nil
		})})
		_, err := client.Get(t.Context(), request("https://api.example.com/v1/me/a"))
		c.want.Provider, c.want.Err = "test", c.is
		require.Equal(t, &c.want, err, name)
		require.NotContains(t, err.Error(), "canary")
		require.True(t, closed.closed, name)
		after, told := sms.RetryAfter(err)
		require.Equal(t, c.want.After, after)
		require.Equal(t, c.want.After > 0, told)
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

// F146: what a file may cost.
func TestSizes(t *testing.T) {
	t.Parallel()
	const max = 1000
	c := carrier(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		n, length := 0, ""
		_, _ = fmt.Sscanf(strings.TrimPrefix(r.URL.Path, "/v1/me/"), "%d/%s", &n, &length)
		if length != "none" && length != "" {
			w.Header().Set("Content-Length", length)
		}
		for range n / 100 {
			if _, err := w.Write(bytes.Repeat([]byte{'x'}, 100)); err != nil {
				return
			}
			if length == "none" {
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	read := func(path string) (int, error) {
		r := request("https://api.example.com/v1/me/" + path)
		r.Max = max
		m, err := c.Get(t.Context(), r)
		if err != nil {
			return 0, err
		}
		defer m.Close()
		b, err := io.ReadAll(m)
		return len(b), err
	}
	for _, path := range []string{"1000/1000", "1000/none", "500/500", "900/none"} {
		n, err := read(path)
		require.NoError(t, err, path)
		require.Equal(t, path[:strings.Index(path, "/")], fmt.Sprint(n))
	}
	for _, path := range []string{"1100/none", "100000000/none"} {
		n, err := read(path)
		require.ErrorIs(t, err, sms.ErrMediaTooLarge, path)
		require.LessOrEqual(t, n, max)
	}
	for _, path := range []string{"100/1001", "1100/1100", "0/9000000000"} { // the announcement is enough
		n, err := read(path)
		require.ErrorIs(t, err, sms.ErrMediaTooLarge, path)
		require.Equal(t, 200, status(err))
		require.Zero(t, n)
	}
	for _, path := range []string{"100/900", "700/900", "0/1"} { // a lying Content-Length
		_, err := read(path)
		require.ErrorIs(t, err, sms.ErrMediaBroken, path)
	}
	n, err := read("900/100") // HTTP itself ends a body where it was announced to end, or breaks it off
	require.True(t, n == 100 && err == nil || errors.Is(err, sms.ErrMediaBroken), "%d %v", n, err)
}

func status(err error) int {
	if e, ok := errors.AsType[*sms.MediaError](err); ok {
		return e.Status
	}
	return 0
}

// Gzip is neither asked for nor unpacked.
func TestNothingIsInflated(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 8<<20))
	_ = z.Close()
	for _, encoding := range []string{"gzip", ""} {
		c := carrier(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
			if encoding != "" {
				w.Header().Set("Content-Encoding", encoding)
			}
			_, _ = w.Write(bomb.Bytes())
		})
		m, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a"))
		if encoding != "" {
			require.ErrorIs(t, err, errEncoded)
			continue
		}
		require.NoError(t, err)
		b, err := io.ReadAll(m)
		require.NoError(t, err)
		require.Len(t, b, bomb.Len())
		require.Equal(t, "application/octet-stream", m.Type)
		require.NoError(t, m.Close())
	}
}

// F148: whatever hangs, hangs for a known time.
func TestTimes(t *testing.T) {
	t.Parallel()
	hang := func(r *http.Request) error { <-r.Context().Done(); return r.Context().Err() }
	for name, c := range map[string]struct {
		cfg   Config
		trip  func(r *http.Request) (*http.Response, error)
		limit time.Duration // of the caller; 0 for none
		took  time.Duration
	}{
		"no head":        {Config{Head: 3 * time.Second}, func(r *http.Request) (*http.Response, error) { return nil, hang(r) }, 0, 3 * time.Second},
		"no head, ever":  {Config{Head: -1, Total: -1}, func(r *http.Request) (*http.Response, error) { return nil, hang(r) }, time.Hour, time.Hour},
		"total":          {Config{}, func(r *http.Request) (*http.Response, error) { return nil, hang(r) }, 0, time.Minute},
		"total of a set": {Config{Head: time.Hour, Total: 7 * time.Second}, func(r *http.Request) (*http.Response, error) { return nil, hang(r) }, 0, 7 * time.Second},
		"caller":         {Config{Head: 3 * time.Second}, func(r *http.Request) (*http.Response, error) { return nil, hang(r) }, time.Second, time.Second},
		"body": {Config{Head: 3 * time.Second, Total: 20 * time.Second}, func(r *http.Request) (*http.Response, error) {
			return respond(200, -1, io.MultiReader(strings.NewReader(strings.Repeat("x", 600)), hanging(func() error { return hang(r) }))), nil
		}, 0, 20 * time.Second},
		"body's first bytes": {Config{Total: 20 * time.Second}, func(r *http.Request) (*http.Response, error) {
			return respond(200, 5, hanging(func() error { return hang(r) })), nil
		}, 0, 20 * time.Second},
		"drops": {Config{Head: 3 * time.Second}, func(r *http.Request) (*http.Response, error) {
			return respond(200, -1, hanging(func() error {
				select {
				case <-time.After(time.Second):
				case <-r.Context().Done():
				}
				return r.Context().Err()
			})), nil
		}, 0, time.Minute},
		"hops": {Config{Head: 3 * time.Second, Total: 5 * time.Second}, func(r *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second)
			if r.Context().Err() != nil {
				return nil, r.Context().Err()
			}
			return respond(307, 0, http.NoBody, "Location", "https://cdn.example.com/x"), nil
		}, 0, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c.cfg.Provider, c.cfg.API, c.cfg.Places, c.cfg.Transport = "test", api(t), places, roundTripper(c.trip)
				ctx, began := t.Context(), time.Now()
				if c.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.limit)
					defer cancel()
				}
				m, err := New(c.cfg).Get(ctx, request("https://api.example.com/v1/me/a"))
				if err == nil {
					_, err = io.ReadAll(m)
					require.ErrorIs(t, err, sms.ErrMediaBroken)
					require.NoError(t, m.Close())
				}
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, c.took, time.Since(began))
			})
		})
	}
}

// hanging is a body whose Read takes its time.
type hanging func() error

func (f hanging) Read(p []byte) (int, error) {
	if err := f(); err != nil {
		return 0, err
	}
	return copy(p, "x"), nil
}

// A file that is read slowly is whole all the same, as long as the caller's and the client's time lasts: the limit for the
// head is no limit for the body.
func TestHeadLimitEndsWithTheHead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{Provider: "test", API: api(t), Head: time.Second, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return respond(200, 3, io.LimitReader(hanging(func() error { time.Sleep(10 * time.Second); return r.Context().Err() }), 3)), nil
		})})
		m, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a"))
		require.NoError(t, err)
		b, err := io.ReadAll(m)
		require.NoError(t, err)
		require.Equal(t, "xxx", string(b))
		require.NoError(t, m.Close())
	})
}

func TestCloseEndsTheRequest(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	c := carrier(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 4096))
		}
	})
	m, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a"))
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, m, 1<<20)
	require.NoError(t, err)
	require.NoError(t, m.Close())
	<-gone
	_, err = m.Read(make([]byte, 1))
	require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
}

// Nothing of an error comes from the carrier, the network or the credentials.
func TestErrorsTellNothing(t *testing.T) {
	t.Parallel()
	secret := "canary-in-a-url"
	for _, err := range []error{
		&url.Error{Op: "Get", URL: "https://cdn.example.com/?sig=" + secret, Err: errors.New("malformed HTTP response " + secret)},
		fmt.Errorf("sending %s: %w", canary, errors.New(secret)), &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}, io.ErrUnexpectedEOF,
	} {
		c := New(Config{Provider: "test", API: api(t), Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })})
		_, got := c.Get(t.Context(), request("https://api.example.com/v1/me/"+secret))
		require.Error(t, got)
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			require.NotContains(t, fmt.Sprintf(verb, got), "canary")
		}
	}
	for _, none := range []*http.Response{nil, {StatusCode: 404}, {StatusCode: 200}} {
		c := New(Config{Provider: "test", API: api(t), Transport: roundTripper(func(*http.Request) (*http.Response, error) { return none, nil })})
		m, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a"))
		if none == nil || none.StatusCode != 200 {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, m.Close())
	}
}

// R25: nothing is inherited.
func TestOwnTransport(t *testing.T) {
	proxy := listen(t, "127.0.0.1:0")
	for _, k := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(k, "http://"+proxy.Addr().String())
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }))
	defer srv.Close()
	base, err := url.Parse(srv.URL)
	require.NoError(t, err)
	c := New(Config{Provider: "test", API: api(t), Base: base})
	m, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a"))
	require.NoError(t, err)
	require.NoError(t, m.Close())
	require.Zero(t, proxy.n.Load())

	own := c.cfg.Transport.(*http.Transport)
	require.Nil(t, own.Proxy)
	require.True(t, own.DisableCompression)
	own.CloseIdleConnections()
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	transport := newTransport(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
	})
	transport.TLSClientConfig.InsecureSkipVerify = true
	c := New(Config{Provider: "test", API: api(t), Transport: transport})
	_, err := c.Get(t.Context(), request("https://api.example.com/v1/me/a"))
	require.Error(t, err)
	require.Zero(t, status(err))
}

func TestConcurrentDownloads(t *testing.T) {
	t.Parallel()
	c := carrier(t, Config{}, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			m, err := c.Get(t.Context(), request(fmt.Sprintf("https://api.example.com/v1/me/%d", i)))
			if err != nil {
				t.Error(err)
				return
			}
			defer m.Close()
			if b, err := io.ReadAll(m); err != nil || string(b) != fmt.Sprintf("/v1/me/%d", i) {
				t.Errorf("%q %v", b, err)
			}
		})
	}
	wg.Wait()
}

// FuzzLocate: whatever the address, a request goes below the base and to a path that is owned, or nowhere.
func FuzzLocate(f *testing.F) {
	f.Add("https://api.example.com/v1/me/a%20b/c.png")
	for _, s := range foreign {
		f.Add(s)
	}
	c := New(Config{Provider: "test", API: api(f), Transport: roundTripper(nil)})
	f.Fuzz(func(t *testing.T, address string) {
		u, err := c.locate(request(address))
		if err != nil {
			return
		}
		require.Equal(t, "https", u.Scheme)
		require.Equal(t, "api.example.com", u.Host)
		require.Nil(t, u.User)
		require.Empty(t, u.RawQuery+u.Fragment)
		require.True(t, strings.HasPrefix(u.Path, "/v1/me/"), u.Path)
		require.NotContains(t, "/"+u.Path+"/", "/../")
	})
}

// FuzzRedirected: whatever the Location, a request goes to one of the places over https, or nowhere.
func FuzzRedirected(f *testing.F) {
	for _, s := range append([]string{"https://cdn.example.com/x?sig=1", "//x.edge.example.com", "/x", "https://bucket.example.com/ours/1"}, foreign...) {
		f.Add(s)
	}
	c := New(Config{Provider: "test", API: api(f), Places: places, Transport: roundTripper(nil)})
	from, _ := url.Parse("https://cdn.example.com/a/b")
	f.Fuzz(func(t *testing.T, location string) {
		u, err := c.redirected(from, location)
		if err != nil {
			return
		}
		host := strings.ToLower(u.Hostname())
		require.True(t, host == "cdn.example.com" || host == "bucket.example.com" || strings.HasSuffix(host, ".edge.example.com"), host)
		require.Equal(t, "https", u.Scheme)
		require.Nil(t, u.User)
		require.Contains(t, []string{"", "443"}, u.Port())
	})
}
