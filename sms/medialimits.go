package sms

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
)

// MediaLimits is what a carrier takes of the files of one text. A zero field is a limit that nobody knows; it refuses
// nothing.
type MediaLimits struct {
	Files int   // most files
	URL   int   // longest address, in bytes
	File  int64 // most bytes of one file
	Total int64 // most bytes of all files together
	// Types are the media types that are taken, in lower case, each with the most bytes of one file; there 0 means File.
	Types map[string]int64
}

// CheckURLs checks the addresses that a carrier is to fetch, before anything is sent: how many, and that each is an
// absolute http or https URL with a host, without user and password, without blanks and control characters. The error
// is a [FieldErrors] with every problem. It costs no I/O: whether there is a file, only the carrier finds out.
func (l MediaLimits) CheckURLs(urls []string) error {
	errs := l.count(len(urls))
	for i, u := range urls {
		if p := l.problem(u); p != "" {
			errs = append(errs, FieldError{fmt.Sprintf("media[%d]", i), p})
		}
	}
	return errs.orNil()
}

// Check checks files before a host puts them where a carrier can fetch them, as far as their fields say: what is
// empty or 0 is not looked at. The error is a [FieldErrors] with every problem.
func (l MediaLimits) Check(files []channel.Attachment) error {
	errs := l.count(len(files))
	var total int64
	for i, f := range files {
		errs = append(errs, l.file(fmt.Sprintf("media[%d]", i), f)...)
		total += max(f.Size, 0)
	}
	if l.Total > 0 && total > l.Total {
		errs = append(errs, FieldError{"media", fmt.Sprintf("is too large together (at most %d bytes)", l.Total)})
	}
	return errs.orNil()
}

func (l MediaLimits) count(n int) FieldErrors {
	if l.Files > 0 && n > l.Files {
		return FieldErrors{{"media", fmt.Sprintf("has more than %d files", l.Files)}}
	}
	return nil
}

func (l MediaLimits) file(name string, f channel.Attachment) (errs FieldErrors) {
	if f.URL != "" {
		if p := l.problem(f.URL); p != "" {
			errs = append(errs, FieldError{name + ".url", p})
		}
	}
	most := l.File
	if f.ContentType != "" && l.Types != nil {
		n, ok := l.Types[mediaType(f.ContentType)]
		if !ok {
			errs = append(errs, FieldError{name + ".content_type", "is not a media type that the carrier takes"})
		}
		if n > 0 {
			most = n
		}
	}
	if most > 0 && f.Size > most {
		errs = append(errs, FieldError{name + ".size", fmt.Sprintf("is too large (at most %d bytes)", most)})
	}
	return errs
}

// problem says what is wrong with an address. It repeats nothing of it: an address may hold a signature.
func (l MediaLimits) problem(address string) string {
	switch {
	case address == "":
		return "is empty"
	case l.URL > 0 && len(address) > l.URL:
		return fmt.Sprintf("is longer than %d bytes", l.URL)
	case strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "holds a blank or a control character"
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return "is not an absolute http or https URL"
	case u.User != nil:
		return "holds a user or a password"
	}
	return ""
}

// orNil keeps an empty list from becoming an error that isn't nil.
func (e FieldErrors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}
