package bandwidth

import (
	"io"
	"net/http"

	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

const (
	maxAnswer = 64 << 10 // bytes of an answer that are read; Bandwidth's are below 8 KiB
	maxDrain  = 64 << 10 // bytes beyond that are thrown away to keep the connection
)

// newClient returns the client for all requests of a provider. It follows no redirect: a credential must not leave
// for another host, and a POST must not be repeated.
func newClient(rt http.RoundTripper) *http.Client {
	if rt == nil {
		rt = egress.NewTransport()
	}
	return &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// readAnswer reads what counts of an answer, throws away some of what is left, and closes it.
func readAnswer(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return nil, cause(err)
	}
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	return raw, nil
}

func cause(err error) error { return egress.Cause(err) }
