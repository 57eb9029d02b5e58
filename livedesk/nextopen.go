package livedesk

import (
	"fmt"
	"strings"
	"time"
)

// When the desk opens next, in words.

// openingWords are how a language says it. A time of the same day is told by its time alone, one of the next six days with
// the weekday, any other with the date.
type openingWords struct {
	days          [7]string // from Sunday
	months        [12]string
	clock         string // for time.Format
	onDay, onDate string // weekday or day and month, and time
}

var openings = map[string]openingWords{
	"en": {
		[7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		[12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
		"3:04 PM", "%s at %s", "%[2]s %[1]d at %[3]s",
	},
	"fr": {
		[7]string{"dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"},
		// Without the accents that GSM-7 lacks: one of them would double the price of the text.
		[12]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "aout", "septembre", "octobre", "novembre", "décembre"},
		"15 h 04", "%s à %s", "le %d %s à %s",
	},
	"es": {
		[7]string{"domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sabado"},
		[12]string{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"},
		"15:04", "el %s a las %s", "el %d de %s a las %s",
	},
}

// nextOpenWords says when the desk opens next, for somebody who reads it at now, both in the zone of the schedule. It is empty
// for a zero time: the desk is open, or doesn't open again. English serves languages without words of their own.
func nextOpenWords(language string, now, opens time.Time, zone *time.Location) string {
	if opens.IsZero() {
		return ""
	}
	base, _, _ := strings.Cut(strings.ToLower(language), "-")
	w, ok := openings[base]
	if !ok {
		w = openings["en"]
	}
	now, opens = now.In(zone), opens.In(zone)
	clock := opens.Format(w.clock)
	switch days := daysBetween(now, opens); {
	case days == 0:
		return clock
	case days < 7:
		return fmt.Sprintf(w.onDay, w.days[opens.Weekday()], clock)
	}
	return fmt.Sprintf(w.onDate, opens.Day(), w.months[opens.Month()-1], clock)
}

// daysBetween counts the midnights between two times of one zone, by the calendar: no clock change counts.
func daysBetween(a, b time.Time) int {
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return int(day(b).Sub(day(a)) / (24 * time.Hour))
}

// openingSamples are an opening as it mostly is, and a long one.
func openingSamples(language string) (typical, longest string) {
	monday := time.Date(2026, 9, 21, 9, 0, 0, 0, time.UTC)
	late := time.Date(2026, 9, 30, 22, 30, 0, 0, time.UTC)
	typical = nextOpenWords(language, monday.AddDate(0, 0, -2), monday, time.UTC)
	longest = nextOpenWords(language, monday, late, time.UTC)
	if on := nextOpenWords(language, late.AddDate(0, 0, -2), late, time.UTC); len(on) > len(longest) {
		longest = on
	}
	return typical, longest
}
