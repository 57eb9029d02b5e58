package twilio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

const (
	maxAnswer = 64 << 10 // bytes of a REST answer that are read; Twilio's have about 1 KiB
	maxList   = 8 << 20  // the same of a list; 200 messages with 1,600 escaped emoji each have 4 MiB
)

// call is the http.RoundTripper of exactly one request. twilio-go has no context, no base URL and no headers on
// errors, and leaves the bodies of failed requests open (a page of HTML then costs a connection each), so all of that
// happens here, and the call remembers what the SDK forgets.
type call struct {
	ctx   context.Context
	base  *url.URL
	next  http.RoundTripper
	limit int64 // bytes of the answer that are read

	gate   egress.Gate // shut, no body is begun any more
	asked  bool        // the SDK has made a request
	status int         // 0 while there is no answer
	after  time.Duration
	told   bool // the answer had a Retry-After that can be read
}

// RoundTrip implements [http.RoundTripper].
func (c *call) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(c.ctx)
	out.URL.Scheme, out.URL.Host, out.Host = c.base.Scheme, c.base.Host, c.base.Host
	out.URL.Path = c.base.Path + out.URL.Path
	c.asked = true
	c.gate.Guard(out)
	resp, err := c.next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	if resp == nil {
		return nil, errNoAnswer
	}
	c.status = resp.StatusCode
	c.after, c.told = retryAfter(resp.Header)
	if resp.Body != nil {
		// One that breaks off is served as far as it came: it then fails to decode, and the status says the rest.
		body, _ := io.ReadAll(io.LimitReader(resp.Body, c.limit))
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	return resp, nil
}

// ok reports an answer that says yes. The SDK takes a redirect for one.
func (c *call) ok() bool { return c.status >= 200 && c.status < 300 }

// notSent reports that the request can't have been processed, and makes sure that it stays so.
func (c *call) notSent() bool { return !c.asked || c.gate.Shut() }

var errNoAnswer = errors.New("twilio: transport returned neither an answer nor an error")

func retryAfter(h http.Header) (time.Duration, bool) { return egress.RetryAfter(h) }
