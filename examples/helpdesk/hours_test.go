package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// The hours of a channel are filled in, stored, shown again, and count for what customers are told.
func TestBusinessHours(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	require.Contains(t, s.page("/hours").text(), "Support always open open")
	require.Contains(t, s.page("/hours").text(), "Deliveries Office hours")
	path := "/channels/" + s.channel("Support") + "/hours"
	form := []string{"on", "true", "zone", "Europe/Paris", "monday", "09:00-12:00, 14:00–18:00", "tuesday", "closed", "friday", "22:00-06:00",
		"friday_zone", "Asia/Tokyo", "exceptions", "12-25 closed Christmas\n2027-12-24 09:00-10:00, 11:00-12:00 Eve\n",
		"text", "Hi {{contact}}, closed. {{next_open}}", "gap", "1.5", "humans_wait", "true", "with_greeting", "true"}
	require.Equal(t, path, s.done(path, form...))
	page := s.page(path)
	for _, want := range []string{`value="09:00-12:00, 14:00-18:00"`, `value="22:00-06:00"`, `value="Asia/Tokyo"`, `value="1.5"`,
		"12-25 closed Christmas\n2027-12-24 09:00-10:00, 11:00-12:00 Eve", "Hi {{contact}}, closed. {{next_open}}</textarea>"} {
		require.Contains(t, page.body, want)
	}
	require.Contains(t, page.text(), "As a rule 1 segment")
	require.Contains(t, s.page("/hours").text(), "Support Support")
	ch, err := s.h.engine.Desk(workspace).Channel(t.Context(), s.channel("Support"))
	require.NoError(t, err)
	require.Equal(t, livedesk.ClosedHours{Text: "Hi {{contact}}, closed. {{next_open}}", GapSeconds: 5400, HumansWait: true, WithGreeting: true}, ch.ClosedHours)

	// Never open: that is said, and nobody gets it.
	s.done(path, "on", "true", "zone", "UTC", "text", "We are closed for good.", "humans_wait", "true")
	require.Contains(t, s.page("/hours").text(), "Support Support closed")
	s.texts("Support", maya, "Anybody there?")
	require.Contains(t, s.phone("Support", maya).text(), "We are closed for good.")
	page = s.page(s.only())
	require.Contains(t, page.text(), "hours are closed")
	require.NotContains(t, page.text(), "Hi, this is Northwind Support")
	s.done(path, "text", "We are closed for good.")
	require.Contains(t, s.page("/hours").text(), "Support always open open")
	s.settle()
	require.Contains(t, s.page(s.only()).text(), "Ada Okafor", "the line is served at once")
}

// What is wrong stands at its field, and what was typed stays; nothing is stored.
func TestWrongBusinessHours(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	path := "/channels/" + s.channel("Support") + "/hours"
	for _, c := range []struct {
		field, value, want string
	}{
		{"zone", "Mars/Olympus", "ot a usable time zone"},
		{"monday", "9 to 5", "Must be times like"},
		{"monday", "09:00-25:00", "ot a time of day"},
		{"sunday", "10:00-10:00", "re equal"},
		{"wednesday", "08:00-12:00, 11:00-13:00", "verlaps"},
		{"thursday_zone", "Nowhere", "ot a usable time zone"},
		{"exceptions", "christmas", "Must be a date"},
		{"exceptions", "2026-02-30 closed", "ot a date"},
		{"text", "We open {{when}}", "{{when}}"},
		{"gap", "soon", "Must be a number of hours"},
	} {
		fields := []string{"on", "true", c.field, c.value}
		if c.field != "zone" {
			fields = append(fields, "zone", "Europe/Paris")
		}
		a := s.post(path, fields...)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, c.value)
		require.Contains(t, a.text(), c.want, c.value)
		require.Contains(t, a.body, c.value, "what was typed stays")
	}
	list, err := s.h.engine.Desk(workspace).Schedules(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1, "the seed's")
	require.Equal(t, http.StatusNotFound, s.get("/channels/none/hours").status)
	require.Equal(t, http.StatusConflict, s.post(path, "on", "true", "zone", "UTC", "version", "99").status)
	require.Len(t, list, 1)
}

// A form of another session changes nothing.
func TestBusinessHoursNeedTheToken(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	path := "/channels/" + s.channel("Support") + "/hours"
	a := s.send(s.form(path, map[string][]string{"csrf": {"stolen"}, "on": {"true"}, "zone": {"UTC"}}))
	require.Equal(t, http.StatusForbidden, a.status)
	a = s.send(s.form(path, map[string][]string{"on": {"true"}, "zone": {"UTC"}}))
	require.Equal(t, http.StatusForbidden, a.status)
	require.Contains(t, s.page("/hours").text(), "Support always open open")
}
