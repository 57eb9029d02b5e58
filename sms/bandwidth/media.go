package bandwidth

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

var _ sms.MediaFetcher = (*account)(nil)

// apiURL is the root of the API in the addresses that Bandwidth writes.
var apiURL = &url.URL{Scheme: "https", Host: "messaging.bandwidth.com", Path: "/api/v2"}

// newMedia follows no redirect: Bandwidth documents none.
func newMedia(cfg Config, base string, head time.Duration) *egress.Client {
	root, err := url.Parse(base)
	if err != nil {
		return nil // no account opens with such a base
	}
	return egress.New(egress.Config{Provider: Name, API: apiURL, Base: root, Transport: cfg.Transport,
		Head: head, Total: cfg.MediaTimeout})
}

// FetchMedia implements [sms.MediaFetcher]. The credentials go to the account's own media on the API's host, and no
// redirect is followed. A 401 with a bearer token is asked again once, with a fresh one. Bandwidth keeps a file for 48
// hours.
func (a *account) FetchMedia(ctx context.Context, address string, max int64) (*sms.Media, error) {
	return authorized(a, func(get credentials) (*sms.Media, error) {
		return a.media.Get(ctx, egress.Request{Address: address, Owns: a.ownsMedia, Max: max,
			Authorize: func(ctx context.Context) (string, error) {
				authorization, err := get(ctx)
				if err != nil {
					return "", noMediaToken(err)
				}
				return authorization, nil
			}})
	})
}

func noMediaToken(err error) *sms.MediaError {
	e := &sms.MediaError{Provider: Name, Err: err}
	if s, ok := errors.AsType[*sms.SendError](err); ok {
		e.Status, e.After, e.Err = s.Status, s.After, s.Err
	}
	return e
}

// ownsMedia reports a path of one of the account's own files: "/users/{account}/media/{id}/{n}/{name}", where an id may
// hold slashes.
func (a *account) ownsMedia(path string) bool {
	file, ok := strings.CutPrefix(path, a.mediaPath)
	return ok && file != ""
}

// mediaLimits are Bandwidth's: 10 files, addresses of 4,096 characters (bandwidth.yml, messageMedia), 3.75 MB for one
// file, the larger of the two figures that its pages give. It recommends 500 KB for all together, and networks of
// toll-free numbers take 525 KB; more than that is taken, and may not arrive.
var mediaLimits = sms.MediaLimits{Files: 10, URL: 4096, File: 3_750_000}

// refuseMedia is what needs no request to be known of files that Bandwidth is to fetch.
func refuseMedia(urls []string) error {
	if err := mediaLimits.CheckURLs(urls); err != nil {
		return &sms.SendError{Provider: Name, Reason: channel.ReasonContent, Err: err}
	}
	return nil
}
