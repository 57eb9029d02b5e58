package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

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

// All that is wrong with hours is said at once, also what only the desk sees; without business hours nobody asks for a zone.
func TestWrongHoursAreSaidAtOnce(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	bad := []string{"zone", "Mars/Olympus", "monday", "9 to 5", "tuesday", "09:00-25:00", "exceptions", "2026-02-30 closed\n12-26 maybe"}
	for path, more := range map[string][]string{
		"/channels/" + s.channel("Support") + "/hours": {"on", "true"},
		"/team/hours": {"id", "support"},
	} {
		a := s.post(path, append(more, bad...)...)
		require.Equal(t, http.StatusUnprocessableEntity, a.status)
		for _, want := range []string{"ot a usable time zone", "Must be times like", "ot a time of day", "in each line; “12-26 maybe” isn’t."} {
			require.Contains(t, a.text(), want, path)
		}
		require.Equal(t, 4, strings.Count(a.body, `class="problem"`), path)
		require.Equal(t, 4, strings.Count(a.body, `aria-invalid="true"`), path)
		require.Regexp(t, `name="monday"[^>]* aria-describedby="h-monday"`, a.body)
		require.Contains(t, a.body, `id="h-monday"><span class="problem">Must be times`)
	}
	path := "/channels/" + s.channel("Support") + "/hours"
	require.Equal(t, path, s.done(path, "text", "We are away."))
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

func TestQuietHours(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	path := "/channels/" + s.channel("Support") + "/hours"
	require.NotContains(t, s.page("/hours").text(), "quiet 0")
	s.done(path, "quiet_from", "00:00", "quiet_to", "23:59", "quiet_zone", "UTC")
	ch, err := s.h.engine.Desk(workspace).Channel(t.Context(), s.channel("Support"))
	require.NoError(t, err)
	require.Equal(t, livedesk.QuietHours{From: "00:00", To: "23:59", Zone: "UTC"}, ch.QuietHours)
	require.Contains(t, s.page("/hours").text(), "Support always open quiet 00:00–23:59 open")
	page := s.page(path)
	for _, want := range []string{`name="quiet_from" value="00:00"`, `name="quiet_to" value="23:59"`, `name="quiet_zone" value="UTC"`} {
		require.Contains(t, page.body, want)
	}
	_, quiet := ch.QuietHours.Until(time.Now(), "") // but for the last minute of the day
	require.Equal(t, quiet, strings.Contains(page.text(), "It is quiet now, until"))
	s.done(path, "quiet_zone", "UTC")
	ch, err = s.h.engine.Desk(workspace).Channel(t.Context(), s.channel("Support"))
	require.NoError(t, err)
	require.Equal(t, livedesk.QuietHours{}, ch.QuietHours, "without times there are none")
}

func TestWrongQuietHours(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	path := "/channels/" + s.channel("Support") + "/hours"
	for _, c := range []struct{ from, to, zone, field, want string }{
		{"9 pm", "08:00", "UTC", "quiet_from", `Not a time of day: "9 pm".`},
		{"21:00", "", "UTC", "quiet_to", "Not a time of day"},
		{"", "08:00", "UTC", "quiet_from", "Not a time of day"},
		{"21:00", "08:00", "Mars", "quiet_zone", `Not a usable time zone: "Mars" is unknown.`},
		{"21:00", "08:00", "", "quiet_zone", "Not a usable time zone: missing"},
		{"21:00", "21:00", "UTC", "quiet_to", "From and to are equal"},
		{"00:00", "24:00", "UTC", "quiet_to", "Leaves no hour to speak in."},
	} {
		a := s.post(path, "on", "true", "zone", "UTC", "quiet_from", c.from, "quiet_to", c.to, "quiet_zone", c.zone)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, c)
		require.Regexp(t, `id="h-`+c.field+`"><span class="problem">`, a.body, c)
		require.Contains(t, a.text(), c.want)
		require.Equal(t, 1, strings.Count(a.body, `class="problem"`), "and nowhere else")
		require.Regexp(t, `name="quiet_from" value="`+c.from+`"`, a.body, "what was typed stays")
	}
	list, err := s.h.engine.Desk(workspace).Schedules(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1, "the seed's: nothing is stored")
}
