package livedesk

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The next opening is told as short as it is clear, in the language and on the schedule's clock.
func TestNextOpenWords(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, paris)
		require.NoError(t, err)
		return v
	}
	now := at("2026-03-27 22:00") // a Friday; the clock is put forward on Sunday
	for _, c := range []struct{ language, opens, want string }{
		{"en", "2026-03-27 23:30", "11:30 PM"},
		{"en-GB", "2026-03-28 09:00", "Saturday at 9:00 AM"},
		{"fr-CA", "2026-03-30 09:00", "lundi à 09 h 00"},
		{"es", "2026-04-02 09:05", "el jueves a las 09:05"},
		{"en", "2026-04-03 09:00", "April 3 at 9:00 AM"},
		{"fr", "2026-08-03 09:00", "le 3 aout à 09 h 00"},
		{"es", "2026-04-03 09:00", "el 3 de abril a las 09:00"},
		{"de", "2026-03-28 09:00", "Saturday at 9:00 AM"},
	} {
		require.Equal(t, c.want, nextOpenWords(c.language, now.UTC(), at(c.opens).UTC(), paris))
	}
	require.Empty(t, nextOpenWords("en", now, time.Time{}, paris))
}
