package channel

import (
	"log/slog"
	"strconv"
	"strings"
)

// Address is where a text comes from or goes to: an E.164 number ("+14155550123"), a short code ("72345"), an
// alphanumeric sender id ("AMAZON"), or whatever else a carrier wrote. It compares byte by byte. In a log it masks
// itself; String is the full address, for storing and dialling only.
type Address string

// AddressKind says what an [Address] is by its shape.
type AddressKind string

// The kinds of address.
const (
	KindOther        AddressKind = ""             // empty, anonymous, "whatsapp:+…": stored, never written to
	KindE164         AddressKind = "e164"         // '+' and 7 to 15 digits, the first not 0 (ITU-T E.164)
	KindShortCode    AddressKind = "short_code"   // 3 to 8 digits
	KindAlphanumeric AddressKind = "alphanumeric" // 1 to 11 of letters, digits and " -+_&", at least one letter (3GPP TS 23.040)
)

// Kind returns the kind of address by its shape alone. It does not allocate.
func (a Address) Kind() AddressKind {
	s := string(a)
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		if digits(rest) && len(rest) >= 7 && len(rest) <= 15 && rest[0] != '0' {
			return KindE164
		}
		return KindOther
	}
	if digits(s) && len(s) >= 3 && len(s) <= 8 {
		return KindShortCode
	}
	if alphanumeric(s) {
		return KindAlphanumeric
	}
	return KindOther
}

// TollFree reports whether the address is a toll-free number of the North American Numbering Plan (800, 833, 844, 855, 866,
// 877, 888). It does not allocate.
func (a Address) TollFree() bool {
	rest, us := strings.CutPrefix(string(a), "+1")
	if !us || len(rest) != 10 || !digits(rest) {
		return false
	}
	switch rest[:3] {
	case "800", "833", "844", "855", "866", "877", "888":
		return true
	}
	return false
}

// Masked returns the address for a person who reads a log: the last four characters of a number ("…0123"), the whole
// of a short code or a sender id, and only the length of anything else ("…(21 bytes)"). Empty stays empty.
func (a Address) Masked() string {
	switch a.Kind() {
	case KindE164:
		return "…" + string(a[len(a)-4:])
	case KindShortCode, KindAlphanumeric:
		return string(a)
	}
	if a == "" {
		return ""
	}
	return "…(" + strconv.Itoa(len(a)) + " bytes)"
}

// LogValue implements [slog.LogValuer] with [Address.Masked].
func (a Address) LogValue() slog.Value { return slog.StringValue(a.Masked()) }

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func alphanumeric(s string) bool {
	if len(s) == 0 || len(s) > 11 {
		return false
	}
	letter := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
			letter = true
		case c >= '0' && c <= '9', c == ' ', c == '-', c == '+', c == '_', c == '&':
		default:
			return false
		}
	}
	return letter
}
