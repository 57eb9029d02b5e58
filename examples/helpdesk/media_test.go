package main

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

var mediaLink = regexp.MustCompile(`/media/[^"]+`)

// A customer's photo is something to save, fetched from the carrier only when somebody asks for it.
func TestPhotosAreSavedAndNeverShown(t *testing.T) {
	t.Parallel()
	for _, channel := range []string{"Support", "Deliveries"} {
		s := signedIn(t)
		s.done("/phone", "channel", s.channel(channel), "customer", maya, "text", "", "do", "photo")
		s.settle()
		page := s.page(s.only())
		require.NotContains(t, page.body, "<img")
		link := mediaLink.FindString(page.body)
		require.NotEmpty(t, link)
		a := s.page(link)
		require.Equal(t, "image/png", a.header.Get("Content-Type"))
		require.Contains(t, a.header.Get("Content-Disposition"), "attachment")
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
		require.Equal(t, "\x89PNG", a.body[:4])
		require.Equal(t, http.StatusNotFound, s.get(link[:len(link)-1]+"1").status, "there is one file")
	}
}
