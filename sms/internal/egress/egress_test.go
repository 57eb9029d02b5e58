package egress

import (
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
	"http://api.example.com/v1/me/a", "http://api.example.com:443/v1/me/a", "ftp://api.example.com/v1/me/a", "file:///v1/me/a", "gopher://api.example.com/v1/me/a", "data:image/png,x",
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
