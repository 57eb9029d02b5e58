package aiagent

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// How requests are sent: each response bounded, and repeated only where that is safe and can still be in time. A request for
// a completion changes nothing but the bill, so that it is safe as long as the endpoint says that it is its own trouble.

var errTooLong = errors.New("response is too long")

// newDoer returns what go-openai sends with.
func newDoer(cfg Config) *http.Client {
	transport := cfg.Transport
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	c := retryablehttp.NewClient()
	c.Logger = nil // it would log addresses
	c.HTTPClient = &http.Client{
		Transport: bounded{transport, cfg.MaxResponse},
		// A redirect would take the key and the customer's words elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.RetryMax = max(cfg.Retries, 0)
	c.RetryWaitMin, c.RetryWaitMax = 500*time.Millisecond, 5*time.Second
	c.CheckRetry = again
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	out := c.StandardClient()
	out.CheckRedirect = c.HTTPClient.CheckRedirect
	return out
}

// again reports whether a request is worth another try.
func again(ctx context.Context, res *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return retryablehttp.DefaultRetryPolicy(ctx, res, err)
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return inTime(ctx, res), nil
	}
	return false, nil
}

// inTime reports whether a wait that the endpoint asks for is over before the deadline.
func inTime(ctx context.Context, res *http.Response) bool {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return true
	}
	after := res.Header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(after, 64); err == nil {
		return seconds < time.Until(deadline).Seconds()
	}
	if at, err := http.ParseTime(after); err == nil {
		return at.Before(deadline)
	}
	return true
}

// bounded cuts responses off.
type bounded struct {
	http.RoundTripper
	limit int64
}

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = &boundedBody{res.Body, b.limit}
	}
	return res, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read implements [io.Reader].
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}
