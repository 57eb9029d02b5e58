package sms

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a credential that prints as "[redacted]" in every fmt verb, in JSON and in slog. It reads from JSON as a
// plain string. An empty Secret means that there is none.
type Secret string

// Reveal returns the credential itself.
func (s Secret) Reveal() string { return string(s) }

// Format implements [fmt.Formatter]: every verb prints "[redacted]".
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// LogValue implements [slog.LogValuer] with "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler] with "[redacted]", and so covers JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText reads the credential as it is.
func (s *Secret) UnmarshalText(b []byte) error { *s = Secret(b); return nil }
