package aiagent

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"mvdan.cc/xurls/v2"

	"github.com/livedesk/livedesk-go/livedesk"
)

// LinkConfig sets up a [LinkPolicy]: what an AI agent may send of the things that a phone makes tappable. The zero value
// lets none of them pass.
type LinkConfig struct {
	// Domains are those of links and e-mail addresses that may be sent, with everything below them: "example.com" lets
	// https://www.example.com/help and info@example.com pass. Links are http and https only.
	Domains []string
	// Emails are further e-mail addresses.
	Emails []string
	// Numbers are telephone numbers in E.164 ("+14155550123"). They may be written in national form too.
	Numbers []string
	// Instead stands in the place of what isn't allowed ("[removed]"). Empty holds the whole answer back, for a human.
	Instead string
}

// LinkPolicy is a [livedesk.AIPolicy] that knows links, domain names, e-mail addresses and telephone numbers (7 digits and
// more), whatever Unicode they are dressed in, and holds an answer back that has one which isn't allowed, or takes it out.
// A number that the customer wrote in the conversation may be repeated to them: it is their order, or their own number.
//
// It knows what phones make tappable, and a few ways to write that for people ("evil (dot) com"). It knows no number in words,
// no vanity number and no short code, and nothing of what a text means. It is safe for concurrent use.
type LinkPolicy struct {
	domains, emails, numbers []string
	instead                  string
}

var _ livedesk.AIPolicy = (*LinkPolicy)(nil)

// NewLinkPolicy returns a LinkPolicy. The error holds every problem of cfg, each a [livedesk.ValidationError].
func NewLinkPolicy(cfg LinkConfig) (*LinkPolicy, error) {
	p := &LinkPolicy{instead: cfg.Instead}
	var errs []error
	add := func(to *[]string, field string, list []string, problem string, valid func(s string) bool) {
		for i, s := range list {
			if s = fold(strings.TrimSpace(s)).text; !valid(s) {
				errs = append(errs, &livedesk.ValidationError{Field: fmt.Sprintf("%s[%d]", field, i), Problem: problem})
				continue
			}
			*to = append(*to, s)
		}
	}
	add(&p.domains, "Domains", cfg.Domains, `is not a domain such as "example.com"`, domainName.MatchString)
	add(&p.emails, "Emails", cfg.Emails, `is not an e-mail address`, emailAddress.MatchString)
	add(&p.numbers, "Numbers", cfg.Numbers, `is not a number such as "+14155550123"`, e164.MatchString)
	if len(p.unwanted(fold(cfg.Instead), nil)) > 0 {
		errs = append(errs, &livedesk.ValidationError{Field: "Instead", Problem: "has something that isn't allowed itself"})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

// Review implements [livedesk.AIPolicy].
func (p *LinkPolicy) Review(_ context.Context, t livedesk.Turn, a livedesk.Answer) (string, error) {
	var own []string
	for _, l := range t.Transcript {
		if l.By == livedesk.ActorCustomer && !l.Note && l.Step == "" {
			for _, at := range numbers(fold(l.Text).text) {
				own = append(own, digits(fold(l.Text).text[at.from:at.to]))
			}
		}
	}
	f := fold(a.Text)
	found := p.unwanted(f, own)
	switch {
	case len(found) == 0:
		return a.Text, nil
	case p.instead == "":
		return "", &livedesk.HeldError{Reason: found[0].what + " that isn't allowed"}
	}
	return f.without(a.Text, found, p.instead), nil
}

// span is a piece of a folded text.
type span struct {
	from, to int
	what     string
}

// What is looked for, in folded text.
var (
	domainName   = regexp.MustCompile(`^[\p{L}\p{M}\p{N}]([\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?(\.[\p{L}\p{M}\p{N}]([\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?)+$`)
	emailAddress = regexp.MustCompile(`^[a-z0-9._%+-]+@[^@\s]+\.[^@\s]+$`)
	e164         = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	anyScheme    = regexp.MustCompile(`[a-z][a-z0-9+.\-]*:[/\\]{2}[^\s]*[^\s.,;:!?)\]}>'"]`)
	spelledDot   = regexp.MustCompile(`[\p{L}\p{N}-]+\s*(?:[\[({<]\s*(?:dot|\.)\s*[\])}>]|\s\.\s|\sdot\s)\s*[\p{L}\p{N}-]+`)
	spelledAt    = regexp.MustCompile(`[\p{L}\p{N}._%+-]+\s*[\[({<]\s*(?:at|@)\s*[\])}>]\s*[\p{L}\p{N}-]+`)
	numberRun    = regexp.MustCompile(`\+?\(?[0-9](?:[\s.()\-/_·•*|~]{0,4}[0-9])+`)
	harmless     = regexp.MustCompile(`^(?:\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|(?:[01]?\d|2[0-4])\.[0-5]\d-(?:[01]?\d|2[0-4])\.[0-5]\d)$`)
)

// topLevel are the last parts of domain names that people are told in words ("evil dot com").
var topLevel = []string{"com", "net", "org", "info", "biz", "io", "co", "ru", "cn", "xyz", "top", "app", "link", "shop", "online", "site", "club", "me", "ly"}

const minDigits = 7

// unwanted returns what isn't allowed, in order and apart from each other. own are numbers that the customer wrote.
func (p *LinkPolicy) unwanted(f folded, own []string) (found []span) {
	var links []span // allowed ones too: digits in them are no numbers
	add := func(list [][]int, what string, allowed func(s string) bool) {
		for _, at := range list {
			s := span{at[0], at[1], what}
			links = append(links, s)
			if !allowed(f.text[s.from:s.to]) {
				found = append(found, s)
			}
		}
	}
	never := func(string) bool { return false }
	add(anyScheme.FindAllStringIndex(f.text, -1), "a link", p.allowedLink)
	for _, at := range xurls.Relaxed().FindAllStringIndex(f.text, -1) {
		switch s := f.text[at[0]:at[1]]; {
		case strings.HasPrefix(s, "tel:"), strings.HasPrefix(s, "sms:"):
			add([][]int{at}, "a telephone number", func(s string) bool { return p.allowedNumber(s[len("tel:"):], own) })
		case strings.Contains(s, "@") && !strings.Contains(s, "/"):
			add([][]int{at}, "an e-mail address", p.allowedEmail)
		default:
			add([][]int{at}, "a link", p.allowedLink)
		}
	}
	for _, at := range spelledDot.FindAllStringIndex(f.text, -1) {
		if s := f.text[at[0]:at[1]]; strings.ContainsAny(s, "[({<") || slices.ContainsFunc(topLevel, func(tld string) bool {
			return strings.HasSuffix(s, " "+tld)
		}) {
			add([][]int{at}, "a link", never)
		}
	}
	add(spelledAt.FindAllStringIndex(f.text, -1), "an e-mail address", never)
	for _, s := range numbers(f.text) {
		inLink := slices.ContainsFunc(links, func(l span) bool { return s.from >= l.from && s.to <= l.to })
		if !inLink && !p.allowedNumber(f.text[s.from:s.to], own) {
			found = append(found, s)
		}
	}
	return apart(found)
}

// apart returns spans in order, those that touch made one.
func apart(list []span) (out []span) {
	slices.SortFunc(list, func(a, b span) int { return a.from - b.from })
	for _, s := range list {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

func (p *LinkPolicy) allowedLink(s string) bool {
	if !strings.Contains(s, "://") {
		s = "https://" + s // also of mailto: and the like, whose host is then none
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || strings.Contains(s, `\`) {
		return false
	}
	return p.allowedDomain(u.Hostname())
}

func (p *LinkPolicy) allowedDomain(host string) bool {
	host = strings.TrimSuffix(host, ".")
	return slices.ContainsFunc(p.domains, func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) })
}

func (p *LinkPolicy) allowedEmail(s string) bool {
	s = strings.TrimPrefix(s, "mailto:")
	_, domain, _ := strings.Cut(s, "@")
	return slices.Contains(p.emails, s) || !strings.Contains(domain, "@") && p.allowedDomain(domain)
}

// allowedNumber reports whether a number is one of the host's, in full or without the country, or one of own.
func (p *LinkPolicy) allowedNumber(s string, own []string) bool {
	n := digits(s)
	if slices.Contains(own, n) {
		return true
	}
	bare := strings.TrimLeft(n, "0")
	return slices.ContainsFunc(p.numbers, func(a string) bool {
		a = a[1:]
		return a == n || a == bare || !strings.HasPrefix(s, "+") && len(bare) >= minDigits && strings.HasSuffix(a, bare)
	})
}

// numbers returns the runs of digits that a phone may take for a telephone number. Dates and times aren't.
func numbers(text string) (out []span) {
	for _, at := range numberRun.FindAllStringIndex(text, -1) {
		n := 0
		for _, word := range strings.Fields(strings.ReplaceAll(text[at[0]:at[1]], " - ", "-")) {
			if !harmless.MatchString(word) || !isDate(word) {
				n += len(digits(word))
			}
		}
		if n >= minDigits {
			out = append(out, span{at[0], at[1], "a telephone number"})
		}
	}
	return out
}

// isDate reports whether what looks like a date is one; a time always is.
func isDate(s string) bool {
	s = strings.NewReplacer("/", ".", "-", ".").Replace(s)
	if strings.Count(s, ".") != 2 {
		return true
	}
	for _, layout := range []string{"2006.1.2", "2.1.2006", "1.2.2006", "2.1.06", "1.2.06"} {
		if d, err := time.Parse(layout, s); err == nil && d.Year() >= 1900 && d.Year() < 2100 {
			return true
		}
	}
	return false
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// folded is a text in plain form, and where each of its bytes comes from.
type folded struct {
	text string
	at   []int // of each byte of text, and of its end: the place in the original
}

// fold writes a text in lower case and Unicode's compatibility forms, with ASCII digits, dashes and dots, and without what
// nobody sees: that is how a phone, or a person, reads it.
func fold(s string) folded {
	var b strings.Builder
	f := folded{at: make([]int, 0, len(s)+1)}
	for i, r := range s {
		for _, d := range norm.NFKD.String(string(r)) {
			d, seen := plain(d)
			if !seen {
				continue
			}
			n := b.Len()
			b.WriteRune(d)
			for range b.Len() - n {
				f.at = append(f.at, i)
			}
		}
	}
	f.text, f.at = b.String(), append(f.at, len(s))
	return f
}

// plain returns a character as it is read; seen is false for one that isn't.
func plain(r rune) (out rune, seen bool) {
	switch {
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return 0, false
	case unicode.IsDigit(r):
		return digit(r), true
	case unicode.Is(unicode.Pd, r), r == '−':
		return '-', true
	case r == '。', r == '․': // IDNA takes the first for a dot (UTS 46)
		return '.', true
	case unicode.IsSpace(r):
		return ' ', true
	}
	return unicode.ToLower(r), true
}

// without returns the original with something else in the place of spans.
func (f folded) without(original string, found []span, instead string) string {
	var b strings.Builder
	last := 0
	for _, s := range found {
		from := f.at[s.from]
		if from < last {
			continue
		}
		b.WriteString(original[last:from])
		b.WriteString(instead)
		to := s.to
		for to < len(f.at)-1 && f.at[to] == f.at[to-1] { // a character of several letters goes whole
			to++
		}
		last = f.at[to]
	}
	return b.String() + original[last:]
}
