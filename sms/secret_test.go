package sms_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/stretchr/testify/require"
)

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const token = "s3cret-token"
	s := sms.NewSecret(token)
	settings := sms.Settings{Secrets: map[string]sms.Secret{"token": s}, Previous: []map[string]sms.Secret{{"token": s}}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%.3s", "%T%v"} {
		for _, v := range []any{s, &s, []sms.Secret{s}, map[string]sms.Secret{"k": s}, map[sms.Secret]int{s: 1}, settings, &settings} {
			out := fmt.Sprintf(verb, v)
			require.NotContains(t, out, "s3c", verb)
			require.NotContains(t, out, "733363", verb) // in hexadecimal
		}
	}
	require.Equal(t, "[redacted]", fmt.Sprint(s))
	require.Equal(t, "[redacted]", s.String())
	b, err := json.Marshal(settings)
	require.NoError(t, err)
	require.NotContains(t, string(b), "s3c")
	for _, h := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var out bytes.Buffer
		slog.New(h(&out)).Info("x", "secret", s, "settings", settings)
		require.Contains(t, out.String(), "[redacted]")
		require.NotContains(t, out.String(), "s3c")
	}
}

func TestSecretReadsAndReveals(t *testing.T) {
	t.Parallel()
	var v struct{ Token sms.Secret }
	require.NoError(t, json.Unmarshal([]byte(`{"Token":"s3cret"}`), &v))
	require.Equal(t, "s3cret", v.Token.Reveal())
	require.Empty(t, sms.NewSecret("").Reveal())
}
