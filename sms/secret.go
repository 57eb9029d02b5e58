package sms

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a credential that prints as "[redacted]" in every fmt verb, in JSON and in slog; inside a struct whose
// fields fmt can't ask it prints as an address. It reads from JSON as a plain string. The zero Secret is empty. Secrets
// are compared with [Secret.Equal], not with ==, and are no map keys.
type Secret struct{ s *string }

// NewSecret returns the credential s; an empty s gives the zero Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&s}
}

// Reveal returns the credential itself.
func (s Secret) Reveal() string {
	if s.s == nil {
		return ""
	}
	return *s.s
}

// Equal reports whether two secrets are the same credential. It takes no constant time: it is for settings, not for
// what strangers send.
func (s Secret) Equal(o Secret) bool { return s.Reveal() == o.Reveal() }

// IsZero reports whether there is no credential.
func (s Secret) IsZero() bool { return s.s == nil }

// Format implements [fmt.Formatter]: every verb prints "[redacted]".
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// LogValue implements [slog.LogValuer] with "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler] with "[redacted]", and so covers JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText reads the credential as it is.
func (s *Secret) UnmarshalText(b []byte) error { *s = NewSecret(string(b)); return nil }
