package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheScriptedExchange(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, func(string) string { return "" }))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Equal(t, "customer: Is my order on its way?", lines[0])
	require.Equal(t, "desk: Thanks, we are looking into it. (delivered)", lines[len(lines)-1])
	require.NotContains(t, out.String(), "not answered")
}
