package twilio

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/internal/egress"
)

var _ sms.MediaFetcher = (*account)(nil)

// apiURL is the root of the API in the addresses that Twilio writes.
var apiURL = &url.URL{Scheme: "https", Host: "api.twilio.com"}

// mediaPlaces are where Twilio keeps files. With "Enforce HTTP Auth on Media URLs" it redirects to mms.twiliocdn.com,
// at an address that is good for 4 hours, else to its public bucket (support.twilio.com 223183748); some files were seen
// to pass media.twiliocdn.com on the way (codeforamerica/vita-min#563).
var mediaPlaces = []egress.Place{
	{Host: "mms.twiliocdn.com"},
	{Host: "media.twiliocdn.com"},
	{Host: "s3-external-1.amazonaws.com", Path: "/media.twiliocdn.com/"}, // the host is everybody's, the bucket is Twilio's
}

func newMedia(cfg Config, base *url.URL, head time.Duration) *egress.Client {
	return egress.New(egress.Config{Provider: Name, API: apiURL, Base: base, Places: mediaPlaces, Transport: cfg.Transport,
		Head: head, Total: cfg.MediaTimeout})
}

// mediaPath is what follows the account in the path of a file (twilio.com/docs/messaging/api/media-resource).
var mediaPath = regexp.MustCompile(`^/Messages/(?:SM|MM)[0-9a-fA-F]{32}/Media/ME[0-9a-fA-F]{32}$`)

// missingPauses are the pauses before a file that isn't there is asked for again: the webhook of a message can come
// some seconds before its files can be had (chatwoot/chatwoot#15504).
var missingPauses = []time.Duration{time.Second, 3 * time.Second}

// FetchMedia implements [sms.MediaFetcher]. The credentials go to the account's own media on the API's host; the
// redirect to Twilio's file servers is followed without them. A 404 is asked for again after 1 s and after 3 s more,
// as long as ctx lasts; nothing else is tried again.
func (a *account) FetchMedia(ctx context.Context, address string, max int64) (*sms.Media, error) {
	r := egress.Request{Address: address, Owns: a.ownsMedia, Authorize: a.authorizeMedia, Max: max}
	for _, pause := range missingPauses {
		m, err := a.media.Get(ctx, r)
		if e, ok := errors.AsType[*sms.MediaError](err); !ok || e.Status != http.StatusNotFound {
			return m, err
		}
		if err := mediaPause(ctx, pause); err != nil { // whether it would have come, nobody knows
			return nil, &sms.MediaError{Provider: Name, Status: http.StatusNotFound, Err: err}
		}
	}
	return a.media.Get(ctx, r)
}

// ownsMedia reports a path of one of the account's own files.
func (a *account) ownsMedia(path string) bool {
	prefix := "/2010-04-01/Accounts/" + a.sid
	return len(path) > len(prefix) && path[:len(prefix)] == prefix && mediaPath.MatchString(path[len(prefix):])
}

func (a *account) authorizeMedia(context.Context) (string, error) {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.user+":"+a.password)), nil
}

func mediaPause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mediaLimits are Twilio's for MMS: 10 files (error 21623 above), 5 MB together, and 500 KB for a file of another type
// than the images that it converts (the API's description of MediaUrl). The types are those of
// twilio.com/docs/messaging/guides/accepted-mime-types for MMS.
var mediaLimits = sms.MediaLimits{Files: 10, File: 5 << 20, Total: 5 << 20, Types: mediaTypes()}

func mediaTypes() map[string]int64 {
	const other = 500 << 10
	types := map[string]int64{"image/jpeg": 0, "image/jpg": 0, "image/png": 0, "image/gif": 0}
	for _, t := range []string{
		"image/bmp", "image/heic", "image/heif", "image/tiff",
		"audio/3gpp", "audio/3gpp2", "audio/aac", "audio/ac3", "audio/amr", "audio/amr-nb", "audio/basic", "audio/l24",
		"audio/mp4", "audio/mpeg", "audio/ogg", "audio/vnd.rn-realaudio", "audio/vnd.wave", "audio/webm",
		"video/3gpp", "video/3gpp-tt", "video/3gpp2", "video/h261", "video/h263", "video/h263-1998", "video/h263-2000",
		"video/h264", "video/mp4", "video/mpeg", "video/mpeg4", "video/quicktime", "video/webm",
		"text/calendar", "text/csv", "text/directory", "text/richtext", "text/rtf", "text/vcard", "text/x-vcard",
		"application/pdf", "application/vcard", "application/vnd.apple.pkpass",
	} {
		types[t] = other
	}
	return types
}

// refuseMedia is what needs no request to be known of files that Twilio is to fetch.
func refuseMedia(urls []string) error {
	if err := mediaLimits.CheckURLs(urls); err != nil {
		return &sms.SendError{Provider: Name, Reason: channel.ReasonContent, Err: err}
	}
	return nil
}
