package main

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheScriptedExchange(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out output
	require.NoError(t, run(ctx, stop, &out, func(string) string { return "" }))
	said := out.String()
	require.True(t, strings.HasPrefix(said, "customer: Is my order on its way?\ndesk: Thanks, we are looking into it. ("), said)
	require.Contains(t, said, "desk: Thanks, we are looking into it. (delivered)\n")
	require.NotContains(t, said, "not answered")
}

func TestARealAccountIsChecked(t *testing.T) {
	t.Parallel()
	env := map[string]string{"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "canary", "TWILIO_NUMBER": "12", "PUBLIC_URL": "https://desk.example.com"}
	err := run(t.Context(), func() {}, new(output), func(name string) string { return env[name] })
	require.ErrorContains(t, err, "account_sid")
	require.ErrorContains(t, err, "phone_number")
	require.NotContains(t, err.Error(), "canary")
}

// output is written by hooks while the test reads.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
