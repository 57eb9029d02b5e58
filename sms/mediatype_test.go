package sms_test

import (
	"archive/zip"
	"bytes"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms"
)

func TestSafeMediaType(t *testing.T) { // F146
	t.Parallel()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	_, err := z.Create("a.html")
	require.NoError(t, err)
	require.NoError(t, z.Close())
	const none = "application/octet-stream"
	for name, c := range map[string]struct{ head, want string }{
		"jpeg":                {"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"},
		"a huge jpeg":         {"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03", "image/jpeg"}, // 65,535 by 65,535: nobody looks
		"png":                 {"\x89PNG\r\n\x1a\n", "image/png"},
		"gif":                 {"GIF87a", "image/gif"},
		"gif with a script":   {"GIF89a=1;<script>alert(1)</script>", "image/gif"}, // with nosniff no browser runs it
		"webp":                {"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"},
		"heic":                {"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "image/heic"},
		"tiff":                {"II*\x00\x08\x00\x00\x00", "image/tiff"},
		"bmp":                 {"BM\x00\x00", "image/bmp"},
		"3gp":                 {"\x00\x00\x00\x18ftyp3gp4\x00\x00\x00\x00isommp42", "video/3gpp"},
		"3g2":                 {"\x00\x00\x00\x18ftyp3g2a\x00\x00\x00\x00", "video/3gpp2"},
		"mp4":                 {"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42", "video/mp4"},
		"mp4 of a phone":      {"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isom3gp4", "video/mp4"},
		"mov":                 {"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ", "video/quicktime"},
		"m4a":                 {"\x00\x00\x00\x1cftypM4A \x00\x00\x00\x00M4A mp42isom", "audio/mp4"},
		"amr":                 {"#!AMR\n\x3c\x91\x17", "audio/amr"},
		"wide amr":            {"#!AMR-WB\n\x3c", "audio/amr-wb"},
		"mp3":                 {"ID3\x03\x00", "audio/mpeg"},
		"mp3 without a tag":   {"\xff\xfb\x90\x64\x00", "audio/mpeg"},
		"aac":                 {"\xff\xf1\x50\x80\x00", "audio/aac"},
		"ogg":                 {"OggS\x00\x02", "application/ogg"},
		"wav":                 {"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wave"},
		"pdf":                 {"%PDF-1.7\n", "application/pdf"},
		"vcard":               {"BEGIN:VCARD\r\nVERSION:3.0\r\n", "text/vcard; charset=utf-8"},
		"calendar":            {"BEGIN:VCALENDAR\r\n", "text/calendar; charset=utf-8"},
		"text":                {"Bonjour, ça va ?", "text/plain; charset=utf-8"},
		"text of UTF-16":      {"\xff\xfeh\x00i\x00", "text/plain; charset=utf-16le"},
		"empty":               {"", "text/plain; charset=utf-8"},
		"zip":                 {archive.String(), none},
		"apk, docx":           {"PK\x03\x04\x14\x00", none},
		"gzip":                {"\x1f\x8b\x08\x00", none},
		"html":                {"<!DOCTYPE html><script>alert(1)</script>", none},
		"html after blanks":   {"\n\t <html>", none},
		"html of one tag":     {"<b onmouseover=alert(1)>hi", none},
		"unheard-of tag":      {"<x-y onclick=alert(1)>hi", none},
		"svg":                 {`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, none},
		"svg with a prolog":   {`<?xml version="1.0"?><svg/>`, none},
		"svg behind a mark":   {"\ufeff<svg onload=alert(1)>", none},
		"svg behind comment":  {"<!-- x --><svg onload=alert(1)>", none},
		"xhtml":               {`<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">`, none},
		"program":             {"MZ\x90\x00\x03", none},
		"elf":                 {"\x7fELF\x02\x01\x01", none},
		"wasm":                {"\x00asm\x01\x00\x00\x00", none},
		"font":                {"wOFF\x00\x01", none},
		"postscript":          {"%!PS-Adobe-3.0", none},
		"icon":                {"\x00\x00\x01\x00", none},
		"unknown":             {"\x00\x01\x02\x03\x04", none},
		"mp4 box of no brand": {"\x00\x00\x00\x18ftypzzzz", none},
	} {
		got := sms.SafeMediaType([]byte(c.head))
		require.Equal(t, c.want, got, name)
	}
	far := append([]byte("plain text "), bytes.Repeat([]byte{'x'}, 600)...)
	require.Equal(t, sms.SafeMediaType(far), sms.SafeMediaType(append(far, 0, 0, 0)), "512 bytes count")
}

func TestSetAttachmentHeader(t *testing.T) { // F146
	t.Parallel()
	for _, c := range []struct{ contentType, name, wantType, wantName string }{
		{"image/png", "photo.png", "image/png", "photo.png"},
		{"image/jpeg", "photo.JPEG", "image/jpeg", "photo.jpg"},
		{"image/jpeg", "", "image/jpeg", "attachment.jpg"},
		{"text/plain; charset=utf-8", "note", "text/plain; charset=utf-8", "note.txt"},
		{"Image/JPEG; name=x", "x", "image/jpeg", "x.jpg"},
		{"image/jpeg\r\n", "x", "image/jpeg", "x.jpg"},
		{"text/plain; charset=evil", "x", "text/plain", "x.txt"},
		{"text/plain; charset", "x", "text/plain", "x.txt"},
		{"", "x", "application/octet-stream", "x.bin"},
		{"text/html", "x.html", "application/octet-stream", "x.bin"},
		{"TEXT/HTML; charset=utf-8", "x.html", "application/octet-stream", "x.bin"},
		{"image/svg+xml", "x.svg", "application/octet-stream", "x.bin"},
		{"application/xhtml+xml", "x", "application/octet-stream", "x.bin"},
		{"text/javascript", "x.js", "application/octet-stream", "x.bin"},
		{"image/jpeg\r\nX-Evil: 1", "x", "application/octet-stream", "x.bin"},
		{"image/jpeg", "virus.jpg.exe", "image/jpeg", "virus.jpg.jpg"},
		{"application/octet-stream", "setup.exe", "application/octet-stream", "setup.bin"},
		{"image/jpeg", "../../etc/passwd", "image/jpeg", "passwd.jpg"},
		{"image/jpeg", `C:\Users\x\me.png`, "image/jpeg", "me.jpg"},
		{"image/jpeg", "a\r\nSet-Cookie: x=y.jpg", "image/jpeg", "aSet-Cookie x=y.jpg"},
		{"image/jpeg", "a\x00b\x1b[31m.jpg", "image/jpeg", "ab[31m.jpg"},
		{"image/jpeg", "cute\u202egpj.exe", "image/jpeg", "cutegpj.jpg"},
		{"image/jpeg", "...", "image/jpeg", "attachment.jpg"},
		{"image/jpeg", ".htaccess", "image/jpeg", "attachment.jpg"},
		{"image/jpeg", "été à la mer ☀.png", "image/jpeg", "été à la mer ☀.jpg"},
		{"image/jpeg", `"quoted" & <b>.png`, "image/jpeg", "quoted & b.jpg"},
		{"image/jpeg", "\xff\xfebad.png", "image/jpeg", "bad.jpg"},
		{"image/jpeg", strings.Repeat("é", 200) + ".png", "image/jpeg", strings.Repeat("é", 50) + ".jpg"},
		{"video/3gpp", "x", "video/3gpp", "x.3gp"},
	} {
		h := http.Header{"Content-Type": {"text/html"}, "X-Content-Type-Options": {"a", "b"}, "Etag": {"kept"}}
		sms.SetAttachmentHeader(h, c.contentType, c.name)
		require.Equal(t, []string{c.wantType}, h["Content-Type"], "%q", c.contentType)
		require.Equal(t, []string{"nosniff"}, h["X-Content-Type-Options"])
		require.Equal(t, []string{"default-src 'none'; sandbox"}, h["Content-Security-Policy"])
		require.Equal(t, "kept", h.Get("Etag"))
		disposition, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
		require.NoError(t, err, h.Get("Content-Disposition"))
		require.Equal(t, "attachment", disposition)
		require.Equal(t, map[string]string{"filename": c.wantName}, params, "%q", c.name)
	}
}

// Whatever the bytes and the name, an answer has one line a header, an attachment, and a type that can be served.
func FuzzAttachment(f *testing.F) {
	f.Add([]byte("<svg>"), "a.svg", "image/svg+xml")
	f.Add([]byte("\xff\xd8\xff"), "../\u202ea\r\n.exe", "image/jpeg; a=\"b\"")
	unsafe := []string{"html", "xml", "svg", "script", "css", "flash", "wasm", "font"}
	f.Fuzz(func(t *testing.T, head []byte, name, told string) {
		for _, kind := range []string{sms.SafeMediaType(head), told} {
			h := http.Header{}
			sms.SetAttachmentHeader(h, kind, name)
			for k, v := range h {
				require.Len(t, v, 1)
				require.False(t, strings.ContainsFunc(v[0], func(r rune) bool { return r < ' ' || r >= 0x7f }), "%s: %q", k, v[0])
			}
			for _, u := range unsafe {
				require.NotContains(t, strings.ToLower(h.Get("Content-Type")), u)
			}
			disposition, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
			require.NoError(t, err)
			require.Equal(t, "attachment", disposition)
			require.True(t, utf8.ValidString(params["filename"]))
			require.False(t, slices.ContainsFunc([]byte(params["filename"]), func(c byte) bool { return strings.IndexByte("/\\\x00\r\n", c) >= 0 }))
		}
	})
}
