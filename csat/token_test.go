package csat_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/csat"
)

// R29, F154: no token, another's, a flipped bit, 10,000 guesses.
func TestTokenMatches(t *testing.T) {
	t.Parallel()
	token := csat.NewToken()
	require.Len(t, token.Reveal(), 26, "5 bits each: 130")
	hash := token.Hash()
	require.True(t, hash.Matches(token))
	require.False(t, hash.Matches(""))
	require.False(t, csat.TokenHash{}.Matches(""))
	require.False(t, csat.TokenHash{}.Matches(token))
	require.False(t, csat.Token("").Hash().Matches(""), "no token is no key, whatever was stored")
	for i := range hash {
		for bit := range 8 {
			flipped := hash
			flipped[i] ^= 1 << bit
			require.False(t, flipped.Matches(token))
		}
	}
	seen := map[csat.TokenHash]bool{}
	for range 10_000 {
		guess := csat.NewToken()
		require.False(t, hash.Matches(guess))
		require.False(t, seen[guess.Hash()])
		seen[guess.Hash()] = true
	}
}

func TestParseToken(t *testing.T) {
	t.Parallel()
	token := csat.NewToken()
	got, ok := csat.ParseToken(token.Reveal())
	require.True(t, ok)
	require.Equal(t, token, got)
	s := token.Reveal()
	for _, bad := range []string{"", s[1:], s + "A", " " + s[1:], strings.ToLower(s[:25]) + "a", s[:25] + "1", s[:25] + "\x00", s[:24] + "é"} {
		got, ok := csat.ParseToken(bad)
		require.False(t, ok, bad)
		require.Empty(t, got.Reveal())
	}
}

func TestTokenStaysSecret(t *testing.T) {
	t.Parallel()
	token := csat.NewToken()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("rated", "token", token, "in", struct{ T csat.Token }{token})
	wire, err := json.Marshal(map[string]any{"t": token})
	require.NoError(t, err)
	for _, out := range []string{log.String(), string(wire), token.String(), fmt.Sprintf("%s %v %+v %#v %q %x %d", token, token, token,
		token, token, token, token), fmt.Sprint(struct{ T csat.Token }{token})} {
		require.NotContains(t, out, token.Reveal())
		require.NotContains(t, out, fmt.Sprintf("%x", token.Reveal()))
		require.Contains(t, out, "[redacted]")
	}
}

func TestTokenHashText(t *testing.T) {
	t.Parallel()
	hash := csat.Token("ABCDEFGHIJKLMNOPQRSTUVWXYZ").Hash()
	// Stored hashes outlive versions: this value must never change.
	require.Equal(t, "e4ec5e6586fa08f1e0740faa5c22681238c5cb48138a5cadfc7280dd9a80a2c1", hash.String())
	require.False(t, hash.IsZero())
	require.True(t, csat.TokenHash{}.IsZero())
	b, err := json.Marshal(hash)
	require.NoError(t, err)
	var got csat.TokenHash
	require.NoError(t, json.Unmarshal(b, &got))
	require.Equal(t, hash, got)
	for _, bad := range []string{`""`, `"00"`, `"` + strings.Repeat("g", 64) + `"`, `"` + strings.Repeat("0", 66) + `"`} {
		err := json.Unmarshal([]byte(bad), &got)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "ggg")
		require.Equal(t, hash, got, "an error changes nothing")
	}
}
