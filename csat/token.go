package csat

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
)

const (
	tokenLen      = 26 // of [rand.Text]: 130 random bits in base32
	tokenRedacted = "[redacted]"
	// tokenPurpose keeps the hash of a rating token from being that of any other secret.
	tokenPurpose = "livedesk csat token 1\x00"
)

// Token is the unguessable part of a rating link: 130 random bits, as 26 letters and digits that
// need no escaping in a URL. A desk puts it into the link and stores only its [Token.Hash]. It prints as "[redacted]"
// in every fmt verb, in JSON and in slog. The zero Token matches nothing.
type Token string

// NewToken returns a fresh token from the system's random source. It is safe for concurrent use.
func NewToken() Token { return Token(rand.Text()) }

// ParseToken reads a token out of a link. It reports false for anything that [NewToken] can't have made, so that most
// guesses cost no look-up.
func ParseToken(s string) (Token, bool) {
	if len(s) != tokenLen {
		return "", false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return "", false
		}
	}
	return Token(s), true
}

// Reveal returns the token itself, for the link.
func (t Token) Reveal() string { return string(t) }

// Hash returns what a store keeps and looks up. SHA-256 without salt is enough for a random value of this length.
func (t Token) Hash() TokenHash { return sha256.Sum256([]byte(tokenPurpose + string(t))) }

// Format implements [fmt.Formatter]: every verb prints "[redacted]".
func (t Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(tokenRedacted)) }

// String returns "[redacted]".
func (t Token) String() string { return tokenRedacted }

// LogValue implements [slog.LogValuer] with "[redacted]".
func (t Token) LogValue() slog.Value { return slog.StringValue(tokenRedacted) }

// MarshalText implements [encoding.TextMarshaler] with "[redacted]", and so covers JSON.
func (t Token) MarshalText() ([]byte, error) { return []byte(tokenRedacted), nil }

// TokenHash is the hash of a [Token]. It is comparable and reads and writes as 64 hexadecimal digits. The zero value
// matches no token.
type TokenHash [sha256.Size]byte

var errTokenHash = errors.New("csat: token hash must be 64 hexadecimal digits")

// Matches reports whether h is the hash of t, in constant time.
func (h TokenHash) Matches(t Token) bool {
	got := t.Hash()
	return subtle.ConstantTimeCompare(got[:], h[:]) == 1 && t != ""
}

// IsZero reports whether there is no hash.
func (h TokenHash) IsZero() bool { return h == TokenHash{} }

// String returns the hash in lower-case hexadecimal.
func (h TokenHash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements [encoding.TextMarshaler]: the hash in hexadecimal.
func (h TokenHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText wrote. The error never holds the input.
func (h *TokenHash) UnmarshalText(b []byte) error {
	var got TokenHash
	if len(b) != hex.EncodedLen(len(got)) {
		return errTokenHash
	}
	if _, err := hex.Decode(got[:], b); err != nil {
		return errTokenHash
	}
	*h = got
	return nil
}
