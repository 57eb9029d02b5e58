package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

const toSupport = `[{"id": "a", "order": 1, "condition": {"always": true}, "targets": [{"kind": "team", "id": "support"}]},
	{"id": "b", "order": 2, "condition": {"available": {"kind": "team", "id": "support"}}, "targets": [{"kind": "humans"}]}]`

// A team has hours of its own and members: while it is closed its conversations wait, whoever is online.
func TestHoursOfATeam(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	require.Contains(t, s.page("/hours").text(), "No rule names a team yet.")
	require.NotContains(t, s.page("/agents").text(), "Teams:")
	s.done("/rules", "rules", toSupport)
	require.Contains(t, s.page("/hours").text(), "support always open open")
	require.Contains(t, s.page("/agents").body, `Teams: <a href="/team?id=support">support</a>.`)

	require.Contains(t, s.page("/team?id=support").text(), "This team is always open.")
	require.Equal(t, "/team?id=support", s.done("/team/members", "id", "support", "member", "chloe", "member", "ben"))
	s.done("/team/hours", "id", "support", "zone", "Europe/Paris", "exceptions", "2020-05-01 09:00-10:00 Long ago")
	page := s.page("/team?id=support")
	require.Contains(t, page.body, `name="zone" value="Europe/Paris"`)
	require.Contains(t, page.body, "2020-05-01 09:00-10:00 Long ago\n</textarea>")
	require.Contains(t, page.body, `value="ben" checked`)
	require.NotContains(t, page.body, `value="ada" checked`)
	require.Contains(t, s.page("/hours").text(), "support Team support closed")

	s.texts("Support", maya, "Hello")
	waits := s.page(s.only()).text()
	require.Contains(t, waits, "Waits for somebody in support by a routing rule")
	require.Contains(t, waits, "Ben Larsen: hours are closed")

	s.done("/team/schedule", "id", "support", "schedule", "")
	s.settle()
	require.Contains(t, s.page("/hours").text(), "support always open open")
	require.Contains(t, s.page(s.only()).text(), "Chloé Martin by a place came free")
	s.done("/team/members", "id", "support", "member", "ada", "member", "ben", "member", "chloe")
	members, err := s.h.engine.Desk(workspace).Team(t.Context(), "support")
	require.NoError(t, err)
	require.Equal(t, []string{"chloe", "ben", "ada"}, members, "who stays keeps the place")
}

// An agent passes a conversation on to a team, and the timeline says so. Where no rule names a team nothing of it is shown.
func TestAConversationIsGivenToATeam(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "Hello")
	path := s.only()
	require.NotContains(t, s.page(path).text(), "Give to a team")
	s.done("/rules", "rules", strings.ReplaceAll(toSupport, `"always": true`, `"text": {"contains": ["complaint"]}`))
	s.done("/team/members", "id", "support", "member", "chloe")
	require.Contains(t, s.page(path).body, `<option value="support">support</option>`)
	s.done(path+"/change", "do", "give_team", "team", "support")
	page := s.page(path).text()
	require.Contains(t, page, "The team has it.")
	require.Contains(t, page, "Ada Okafor gave it to somebody in support")
	require.Contains(t, page, "Assigned to Chloé Martin")

	s.done(path+"/change", "do", "snooze", "for", "1h")
	require.NotContains(t, s.page(path).text(), "Give to a team")
	a := s.post(path+"/change", "do", "give_team", "team", "support")
	require.Equal(t, http.StatusConflict, a.status)
	require.Equal(t, http.StatusUnprocessableEntity, s.post(path+"/change", "do", "give_team").status)
}

// Hours that are shared say so on both sides, and are changed for both.
func TestATeamSharesHours(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.done("/rules", "rules", toSupport)
	s.done("/team/schedule", "id", "support", "schedule", officeHours.ID)
	page := s.page("/team?id=support")
	require.Contains(t, page.text(), "Also the hours of Deliveries: a change counts there too.")
	require.Contains(t, page.body, `<option value="office" selected>Office hours</option>`)
	deliveries := "/channels/" + s.channel("Deliveries") + "/hours"
	require.Contains(t, s.page(deliveries).text(), "Also the hours of the team support: a change counts there too.")
	s.done("/team/hours", "id", "support", "schedule", "office", "zone", "Asia/Tokyo", "monday", "09:00-10:00")
	require.Contains(t, s.page(deliveries).body, `name="zone" value="Asia/Tokyo"`)
	require.Equal(t, http.StatusNotFound, s.post("/team/schedule", "id", "support", "schedule", "none").status)
}

// What is wrong stands at its field, and what was typed stays; nothing is stored.
func TestWrongHoursOfATeam(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	desk := s.h.engine.Desk(workspace)
	for _, c := range []struct{ field, value, want string }{
		{"zone", "Mars/Olympus", "ot a usable time zone"},
		{"monday", "9 to 5", "Must be times like"},
		{"sunday", "10:00-10:00", "re equal"},
		{"exceptions", "christmas", "Must be a date"},
	} {
		fields := []string{"id", "support", c.field, c.value}
		if c.field != "zone" {
			fields = append(fields, "zone", "Europe/Paris")
		}
		a := s.post("/team/hours", fields...)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, c.value)
		require.Contains(t, a.text(), c.want)
		require.Equal(t, 1, strings.Count(a.body, `class="problem"`))
		require.Contains(t, a.body, c.value, "what was typed stays")
	}
	list, err := desk.Schedules(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1, "the seed's")

	for id, want := range map[string]string{"": "Is required.", strings.Repeat("x", 129): "128"} {
		a := s.get("/team?" + url.Values{"id": {id}}.Encode())
		require.Equal(t, http.StatusUnprocessableEntity, a.status)
		require.Regexp(t, `id="h-team"><span class="problem">`, a.body)
		require.Contains(t, a.text(), want)
		require.Equal(t, http.StatusUnprocessableEntity, s.post("/team/hours", "id", id, "zone", "UTC").status)
	}
	list, err = desk.Schedules(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1, "none without a team")
}

func TestHoursOfATeamThatSomebodyChanged(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.done("/team/schedule", "id", "support", "schedule", "office")
	a := s.post("/team/hours", "id", "support", "schedule", "", "zone", "UTC")
	require.Equal(t, http.StatusConflict, a.status, "the form was made while it had none")
	a = s.post("/team/hours", "id", "support", "schedule", "office", "schedule_version", "99", "zone", "UTC")
	require.Equal(t, http.StatusConflict, a.status)
	id, err := s.h.engine.Desk(workspace).TeamSchedule(t.Context(), "support")
	require.NoError(t, err)
	require.Equal(t, "office", id)
}

// Ids are the host's own: any text.
func TestATeamOfAnOddID(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	const odd = "night & day/../<b>?"
	s.done("/rules", "rules", strings.ReplaceAll(toSupport, "support", odd))
	at := "/team?" + url.Values{"id": {odd}}.Encode()
	require.Equal(t, at, s.done("/team/members", "id", odd, "member", "ben"))
	require.Contains(t, s.page(at).text(), odd+" team")
	require.Contains(t, s.page("/hours").body, `<a href="/team?id=night&#43;%26&#43;day%2F..%2F%3Cb%3E%3F">night &amp; day/../&lt;b&gt;?</a>`)
}

// A form of another session changes nothing.
func TestATeamNeedsTheToken(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	for path, v := range map[string]url.Values{
		"/team/hours":    {"zone": {"UTC"}},
		"/team/schedule": {"schedule": {"office"}},
		"/team/members":  {"member": {"ben"}},
	} {
		v.Set("id", "support")
		require.Equal(t, http.StatusForbidden, s.send(s.form(path, v)).status, path)
		v.Set("csrf", "stolen")
		require.Equal(t, http.StatusForbidden, s.send(s.form(path, v)).status, path)
	}
	desk := s.h.engine.Desk(workspace)
	id, err := desk.TeamSchedule(t.Context(), "support")
	require.NoError(t, err)
	members, err := desk.Team(t.Context(), "support")
	require.NoError(t, err)
	require.Empty(t, id)
	require.Empty(t, members)
	list, err := desk.Schedules(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{officeHours.ID}, scheduleIDs(list))
}

func scheduleIDs(list []livedesk.Schedule) (ids []string) {
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	return ids
}
