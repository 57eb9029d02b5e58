package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms"
)

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
		var asked context.Context
		client := New(Config{Provider: "test", API: api(t), Places: places, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			asked = r.Context()
			res := respond(c.status, -1, nil, c.header...)
			res.Body = closed
			return res, nil
		})})
		_, err := client.Get(t.Context(), request("https://api.example.com/v1/me/a"))
		c.want.Provider, c.want.Err = "test", c.is
		require.Equal(t, &c.want, err, name)
		require.NotContains(t, err.Error(), "canary")
		require.True(t, closed.closed, name)
		require.Error(t, asked.Err(), "nothing of the request is left")
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
