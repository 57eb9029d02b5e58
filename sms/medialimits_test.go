package sms_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

func TestCheckURLs(t *testing.T) {
	t.Parallel()
	limits := sms.MediaLimits{Files: 2, URL: 60}
	require.NoError(t, limits.CheckURLs(nil))
	require.NoError(t, limits.CheckURLs([]string{"https://a.example/x?y=z&a=b#c", "HTTP://a.example:8080/%20é"}))
	for _, c := range []struct{ url, want string }{
		{"", "is empty"},
		{"https://a.example/" + strings.Repeat("a", 60), "is longer than 60 bytes"},
		{"https://a.example/a b", "holds a blank or a control character"},
		{"https://a.example/a\r\nX: y", "holds a blank or a control character"},
		{"https://a.example/\x00", "holds a blank or a control character"},
		{" https://a.example/", "holds a blank or a control character"},
		{"https://u:canary@a.example/", "holds a user or a password"},
		{"https://canary@a.example/", "holds a user or a password"},
		{"a.example/x", "is not an absolute http or https URL"},
		{"//a.example/x", "is not an absolute http or https URL"},
		{"https:///x", "is not an absolute http or https URL"},
		{"https://:443/x", "is not an absolute http or https URL"},
		{"https:a.example", "is not an absolute http or https URL"},
		{"ftp://a.example/x", "is not an absolute http or https URL"},
		{"file:///etc/passwd", "is not an absolute http or https URL"},
		{"javascript:alert(1)", "is not an absolute http or https URL"},
		{"data:image/png;base64,AAAA", "is not an absolute http or https URL"},
		{"https://a.example/%zz", "is not an absolute http or https URL"},
		{"https://[::1/x", "is not an absolute http or https URL"},
	} {
		err := limits.CheckURLs([]string{"https://a.example/", c.url})
		require.Equal(t, sms.FieldErrors{{Field: "media[1]", Problem: c.want}}, err, "%q", c.url)
		require.NotContains(t, err.Error(), "canary")
	}
	err := limits.CheckURLs([]string{"", "https://a.example", "x"})
	require.Equal(t, sms.FieldErrors{{Field: "media", Problem: "has more than 2 files"}, {Field: "media[0]", Problem: "is empty"},
		{Field: "media[2]", Problem: "is not an absolute http or https URL"}}, err, "every problem at once")
	require.NoError(t, sms.MediaLimits{}.CheckURLs(make([]string, 0, 4)))
}

func TestCheckFiles(t *testing.T) {
	t.Parallel()
	limits := sms.MediaLimits{Files: 3, File: 1000, Total: 2000, Types: map[string]int64{"image/png": 0, "video/mp4": 100}}
	file := func(kind string, size int64) channel.Attachment {
		return channel.Attachment{ContentType: kind, Size: size}
	}
	for name, c := range map[string]struct {
		files []channel.Attachment
		want  sms.FieldErrors
	}{
		"none":              {},
		"nothing known":     {files: make([]channel.Attachment, 3)},
		"at the limits":     {files: []channel.Attachment{file("image/png", 1000), file("Image/PNG; x=y", 900), file("video/mp4", 100)}},
		"too many":          {make([]channel.Attachment, 4), sms.FieldErrors{{Field: "media", Problem: "has more than 3 files"}}},
		"too large":         {[]channel.Attachment{file("image/png", 1001)}, sms.FieldErrors{{Field: "media[0].size", Problem: "is too large (at most 1000 bytes)"}}},
		"too large a film":  {[]channel.Attachment{{}, file("video/mp4", 101)}, sms.FieldErrors{{Field: "media[1].size", Problem: "is too large (at most 100 bytes)"}}},
		"of no known type":  {[]channel.Attachment{file("", 1001)}, sms.FieldErrors{{Field: "media[0].size", Problem: "is too large (at most 1000 bytes)"}}},
		"a type refused":    {[]channel.Attachment{file("text/html", 1)}, sms.FieldErrors{{Field: "media[0].content_type", Problem: "is not a media type that the carrier takes"}}},
		"no type":           {[]channel.Attachment{file("nonsense", 1)}, sms.FieldErrors{{Field: "media[0].content_type", Problem: "is not a media type that the carrier takes"}}},
		"together":          {[]channel.Attachment{file("image/png", 1000), file("image/png", 1000), file("image/png", 1)}, sms.FieldErrors{{Field: "media", Problem: "is too large together (at most 2000 bytes)"}}},
		"a negative size":   {files: []channel.Attachment{file("image/png", -5000), file("image/png", 1000)}},
		"an address, wrong": {[]channel.Attachment{{URL: "x", Size: 1}}, sms.FieldErrors{{Field: "media[0].url", Problem: "is not an absolute http or https URL"}}},
	} {
		err := limits.Check(c.files)
		if c.want == nil {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, c.want, err, name)
	}
	require.NoError(t, sms.MediaLimits{}.Check([]channel.Attachment{file("a/b", 1<<60), file("c/d", 1)}), "no limit is known")
}
