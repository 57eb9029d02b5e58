package main

import (
	"html"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// The set-up page shows whatever the provider's form holds, in both languages.
func TestSetupPageIsTheProvidersForm(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	for _, provider := range s.h.engine.Providers() {
		form, err := s.h.engine.Form(provider)
		require.NoError(t, err)
		en, fr := s.page("/add-channel/"+provider), s.page("/add-channel/"+provider+"?lang=fr")
		for _, f := range form.Fields {
			require.Contains(t, en.body, `name="`+f.Name+`"`)
			require.Contains(t, html.UnescapeString(en.body), f.Label.EN)
			require.Contains(t, html.UnescapeString(en.body), f.Help.EN)
			require.Contains(t, html.UnescapeString(fr.body), f.Label.FR)
			require.Contains(t, html.UnescapeString(fr.body), f.Help.FR)
		}
	}
	require.Equal(t, http.StatusNotFound, s.get("/add-channel/pigeon").status)
}

func TestSetupSaysEveryWrongFieldAtOnce(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	a := s.post("/add-channel/twilio", "name", "Second", "phone_number", "12", "account_sid", "AC1", "lang", "fr")
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.body, `value="Second"`, "what was typed stays")
	require.Contains(t, a.text(), "L'indicatif du pays"[2:])
	require.Contains(t, a.text(), "Doit être « AC » et 32 chiffres hexadécimaux")
	require.Contains(t, a.text(), "Est obligatoire", "the auth token")
}

// The carrier is asked before anything is stored, and what it says stands at the field.
func TestSetupAsksTheCarrier(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	a := s.post("/add-channel/twilio", "name", "Not ours", "phone_number", "+15105550199",
		"account_sid", smstest.TwilioAccountSID, "auth_token", smstest.TwilioAuthToken)
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.body, `value="Not ours"`)
	require.NotContains(t, s.page("/channels").text(), "Not ours")
	path := s.done("/add-channel/twilio", "name", "Ours", "phone_number", "+15105550101",
		"account_sid", smstest.TwilioAccountSID, "auth_token", smstest.TwilioAuthToken)
	require.Contains(t, s.page(path).text(), "The carrier knows where its webhooks go.")
}

func TestAddChangeAndRemoveAChannel(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	path := s.done("/add-channel/twilio", "name", "Second", "phone_number", "+15105550101",
		"account_sid", smstest.TwilioAccountSID, "auth_token", smstest.TwilioAuthToken)
	page := s.page(path)
	require.Contains(t, page.text(), "/sms/")
	require.Contains(t, page.text(), "#rc=5&rp=all")

	s.done(path+"/settings", "greeting", "Welcome!", "mode", "round_robin", "member", "chloe", "language", "fr")
	require.Contains(t, s.page(path).body, "Welcome!</textarea>")
	s.texts("Second", maya, "Bonjour")
	require.Contains(t, s.page(s.only()).text(), "Chloé Martin")
	require.Contains(t, s.phone("Second", maya).text(), "Welcome!")

	a := s.post(path+"/settings", "greeting", "Welcome!", "language", "not a language")
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.text(), "Is not a language tag")
	a = s.post(path+"/settings", "greeting", "Old", "version", "1")
	require.Equal(t, http.StatusConflict, a.status)
	require.Contains(t, a.text(), "Somebody else changed this")

	s.done(path+"/connection", "name", "Renamed", "phone_number", "+15105550101", "account_sid", smstest.TwilioAccountSID)
	require.Contains(t, s.page("/channels").text(), "Renamed")
	s.texts("Renamed", maya, "Still with the stored token")

	s.done(path+"/settings", "disabled", "true", "member", "chloe")
	require.Contains(t, s.page(s.only()).text(), "This channel is not in service.")
	s.done(path + "/remove")
	require.NotContains(t, s.page("/channels").text(), "Renamed")
	require.Contains(t, s.page(s.only()).text(), "Removed channel")
}

// A form that was refused doesn't turn a new agent into one that there is; whose form it is can't be changed.
func TestAgentFormSaysWhetherThereIsOne(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	a := s.post("/agents", "id", "dee", "name", "Dee Novak", "capacity", "many")
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.text(), "Add an agent")
	require.NotContains(t, a.text(), "Remove Dee Novak")
	require.NotContains(t, a.body, "readonly")
	a = s.page("/agents?edit=ben")
	require.Contains(t, a.text(), "Change Ben Larsen")
	require.Contains(t, a.text(), "Remove Ben Larsen What they have in hand goes to the others. Yes, remove Ben Larsen", "asks once more")
	require.Contains(t, a.body, `name="id" value="ben" readonly`)
}

func TestAgents(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.done("/agents", "id", "dee", "name", "Dee Novak", "capacity", "4")
	require.Contains(t, s.page("/agents").text(), "Dee Novak dee Offline 0 of 4")
	s.done("/agents/dee/presence", "presence", "busy")
	require.Contains(t, s.page("/agents").text(), "Dee Novak dee Busy")
	require.Equal(t, http.StatusUnprocessableEntity, s.post("/agents/dee/presence", "presence", "dancing").status)
	a := s.post("/agents", "id", "", "name", "Nobody", "capacity", "many")
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.text(), "Must be a whole number")
	require.Contains(t, a.body, `value="Nobody"`)
	require.Equal(t, http.StatusUnprocessableEntity, s.post("/agents", "id", "", "capacity", "1").status)
	s.done("/agents/dee/remove")
	require.NotContains(t, s.page("/agents").text(), "Dee Novak")
}

// Nobody on line: a text waits, and goes to the first who comes.
func TestWaitingIsServedWhenAnAgentComesOnLine(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	for _, id := range []string{"ada", "ben", "chloe"} {
		s.done("/agents/"+id+"/presence", "presence", "offline")
	}
	s.texts("Support", maya, "Hello")
	require.Contains(t, s.page("/inbox?tab=unassigned").text(), "+1 415 555 0123")
	require.Contains(t, s.page("/").text(), "1 unassigned")
	s.done("/agents/ben/presence", "presence", "online")
	s.settle()
	list, err := s.h.engine.Desk(workspace).Conversations(t.Context(), livedesk.List{})
	require.NoError(t, err)
	require.Equal(t, "ben", list.Items[0].Assignee)
}
