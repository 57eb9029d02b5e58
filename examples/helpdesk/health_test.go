package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPauseAndResumeAChannel(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	path := "/channels/" + s.channel("Support")
	require.Contains(t, s.page("/channels").text(), "In service")
	require.Equal(t, path, s.done(path+"/pause", "do", "pause", "why", "we move house"))
	require.Contains(t, s.page("/channels").text(), "Paused")
	page := s.page(path).text()
	require.Contains(t, page, "We move house.")
	require.Contains(t, page, "Resume")
	s.done(path+"/pause", "do", "resume")
	require.NotContains(t, s.page("/channels").text(), "Paused")
	require.Equal(t, http.StatusBadRequest, s.post(path+"/pause", "do", "explode").status)
	require.Equal(t, http.StatusNotFound, s.post("/channels/nope/pause", "do", "pause").status)
}
