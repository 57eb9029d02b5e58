package sms

import (
	"mime"
	"net/http"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
)

const unknownType = "application/octet-stream"

// extensions are the media types that a file may be served under, with the ending of its name. A browser runs nothing
// of any of them in the page's name, whatever else the bytes may mean to somebody.
var extensions = map[string]string{
	"application/ogg": ".ogg", "application/pdf": ".pdf",
	"audio/aac": ".aac", "audio/aiff": ".aiff", "audio/amr": ".amr", "audio/amr-wb": ".awb", "audio/midi": ".mid",
	"audio/mp4": ".m4a", "audio/mpeg": ".mp3", "audio/wave": ".wav",
	"image/bmp": ".bmp", "image/gif": ".gif", "image/heic": ".heic", "image/jpeg": ".jpg", "image/png": ".png",
	"image/tiff": ".tif", "image/webp": ".webp",
	"text/calendar": ".ics", "text/plain": ".txt", "text/vcard": ".vcf",
	"video/3gpp": ".3gp", "video/3gpp2": ".3g2", "video/avi": ".avi", "video/mp4": ".mp4", "video/quicktime": ".mov",
	"video/webm": ".webm",
}

// signatures are what phones send and [http.DetectContentType] doesn't know, or takes for something else.
var signatures = []struct {
	at          int
	magic, kind string
}{
	{0, "#!AMR-WB\n", "audio/amr-wb"}, {0, "#!AMR\n", "audio/amr"}, // RFC 4867, 5.1
	{4, "ftyp3gp", "video/3gpp"},  // 3GPP TS 26.244, 5.4
	{4, "ftyp3g2", "video/3gpp2"}, // 3GPP2 C.S0050
	{4, "ftypM4A ", "audio/mp4"},  // the brands that mp4ra.org registers
	{4, "ftypM4V ", "video/mp4"},
	{4, "ftypisom", "video/mp4"},
	{4, "ftypiso2", "video/mp4"},
	{4, "ftypqt  ", "video/quicktime"},
	{4, "ftypheic", "image/heic"}, {4, "ftypheix", "image/heic"}, {4, "ftypmif1", "image/heic"}, // ISO/IEC 23008-12
	{0, "II*\x00", "image/tiff"}, {0, "MM\x00*", "image/tiff"},
	{0, "\xff\xfb", "audio/mpeg"}, {0, "\xff\xf3", "audio/mpeg"}, {0, "\xff\xf2", "audio/mpeg"}, // layer III without ID3
	{0, "\xff\xf1", "audio/aac"}, {0, "\xff\xf9", "audio/aac"}, // ADTS
	{0, "BEGIN:VCARD", "text/vcard; charset=utf-8"},        // RFC 6350
	{0, "BEGIN:VCALENDAR", "text/calendar; charset=utf-8"}, // RFC 5545
}

// SafeMediaType returns the media type that a file can be stored and served under without harm, by its first bytes,
// of which it looks at 512. It is one of a short list of images, sounds, films, PDF and plain texts. Anything else, HTML,
// SVG, archives and programs among it, is application/octet-stream, whatever the file is called and whatever its sender
// says. It proves nothing about the rest of the file.
func SafeMediaType(head []byte) string {
	head = head[:min(len(head), sniffed)]
	for _, s := range signatures {
		if end := s.at + len(s.magic); len(head) >= end && string(head[s.at:end]) == s.magic {
			return s.kind
		}
	}
	kind := http.DetectContentType(head)
	if kind == "text/plain; charset=utf-8" && markup(head) {
		return unknownType
	}
	return servable(kind)
}

// markup reports a text that begins like SVG or another document of tags.
func markup(head []byte) bool {
	s := strings.TrimPrefix(string(head), "\ufeff")
	return strings.HasPrefix(strings.TrimLeftFunc(s, unicode.IsSpace), "<")
}

// servable returns kind if it is on the list, without parameters other than the character set.
func servable(kind string) string {
	t := mediaType(kind)
	if _, ok := extensions[t]; !ok {
		return unknownType
	}
	_, params, _ := mime.ParseMediaType(kind)
	switch c := strings.ToLower(params["charset"]); c {
	case "utf-8", "utf-16le", "utf-16be":
		return t + "; charset=" + c
	}
	return t
}

// mediaType returns the media type of a Content-Type, in lower case and without parameters; empty when it is none.
func mediaType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil && err != mime.ErrInvalidMediaParameter || !strings.Contains(t, "/") {
		return ""
	}
	return t
}

// SetAttachmentHeader sets what an answer with a customer's file must say, so that a browser saves or shows it and
// never runs it: it is an attachment, its type is not to be guessed (nosniff), and should it be opened as a page after
// all, it may do nothing (Content-Security-Policy). An image can still be shown by an <img> element.
//
// contentType is a [Media] Type, or what a host stored of it; one that [SafeMediaType] can't return becomes
// application/octet-stream. Of name, which may come from anywhere and may be empty, the stem is used; the ending is
// that of the type, so that no "photo.jpg.exe" is saved.
func SetAttachmentHeader(h http.Header, contentType, name string) {
	contentType = servable(contentType)
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(name, contentType)}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}

// maxStem is how many bytes of a file's name are kept.
const maxStem = 100

func fileName(name, contentType string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	stem := strings.Map(func(r rune) rune {
		// Cf holds what turns the direction of writing, so that "gpj.exe" reads "exe.jpg".
		if r < ' ' || r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || strings.ContainsRune(`<>:"|?*%`, r) {
			return -1
		}
		return r
	}, channel.Clean(strings.TrimSuffix(name, path.Ext(name))))
	if len(stem) > maxStem {
		stem = strings.ToValidUTF8(stem[:maxStem], "")
	}
	if stem = strings.Trim(stem, ". "); stem == "" {
		stem = "attachment"
	}
	ending, ok := extensions[mediaType(contentType)]
	if !ok {
		ending = ".bin"
	}
	return stem + ending
}
