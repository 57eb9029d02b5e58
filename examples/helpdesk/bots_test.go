package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// A newcomer switches an AI agent on, sees what it does, takes over, and gives a conversation back to it.
func TestAIAgentsInTheConsole(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	path := "/channels/" + s.channel("Support")
	require.Contains(t, s.page(path).text(), "AI agents of this channel")
	s.done(path+"/settings", "use_ai", "true", "ai", "nora", "ai", "reception",
		"ai_name", "nora", "ai_place", "2", "ai_name", "reception", "ai_place", "1", "member", "ada")
	c, err := s.h.engine.Desk(workspace).Channel(t.Context(), path[len("/channels/"):])
	require.NoError(t, err)
	require.Equal(t, []string{"reception", "nora"}, c.AIAgents)
	s.done(path+"/settings", "use_ai", "true", "ai", "nora",
		"ai_name", "reception", "ai_place", "1", "ai_name", "nora", "ai_place", "2", "member", "ada")
	s.done(path+"/settings", "use_ai", "true", "ai", "reception", "ai", "nora",
		"ai_name", "reception", "ai_place", "1", "ai_name", "nora", "ai_place", "first", "member", "ada")
	c, err = s.h.engine.Desk(workspace).Channel(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"reception", "nora"}, c.AIAgents, "nonsense leaves it where it stood")
	s.done(path+"/settings", "use_ai", "true", "ai", "nora",
		"ai_name", "reception", "ai_place", "1", "ai_name", "nora", "ai_place", "2", "member", "ada")
	a := s.post(path+"/settings", "use_ai", "true", "ai", "mallory", "ai_name", "mallory", "ai_place", "1")
	require.Equal(t, 422, a.status)

	s.texts("Support", maya, "Where is my order 4711?")
	conversation := s.only()
	s.shows(conversation, "Order 4711 was packed this morning")
	page := s.page(conversation).text()
	require.Contains(t, page, "AI agent nora did “look up order”")
	require.Contains(t, page, "With an AI agent")
	require.Contains(t, page, "Given to AI agent nora ·")
	require.Contains(t, s.page("/inbox").text(), "Support nora with an AI agent")
	s.texts("Support", maya, "I want a human")
	s.shows(conversation, "AI agent nora handed over (asks for a person)")
	page = s.page(conversation).text()
	require.Contains(t, page, "They wrote: I want a human")
	require.Contains(t, page, "Assigned to Ada Okafor")

	s.done(conversation+"/change", "do", "give_ai", "ai", "nora")
	s.texts("Support", maya, "when are you open?")
	s.shows(conversation, "Monday to Friday from 9 to 5")
	s.done(conversation+"/change", "do", "take")
	page = s.page(conversation).text()
	require.Contains(t, page, "Ada Okafor took the conversation")
	require.Contains(t, page, "Give to an AI agent")
}

// shows waits until a page says something.
func (s *site) shows(path, what string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return strings.Contains(s.page(path).text(), what) }, time.Minute, 2*time.Millisecond, what)
}

func TestBots(t *testing.T) {
	t.Parallel()
	customer := func(texts ...string) (lines []livedesk.Line) {
		for _, s := range texts {
			lines = append(lines, livedesk.Line{By: livedesk.ActorCustomer, Text: s})
		}
		return lines
	}
	ask := func(b livedesk.AIAgent, lines []livedesk.Line) livedesk.Answer {
		a, err := b.Answer(t.Context(), livedesk.Turn{ID: "c.1", Transcript: lines})
		require.NoError(t, err)
		return a
	}
	require.Contains(t, ask(nora{}, customer("hello")).Text, "I'm Nora")
	require.Contains(t, ask(nora{}, customer("Are you open?", "today")).Text, "9 to 5")
	require.Contains(t, ask(nora{}, customer("my parcel")).Text, "number")
	require.Contains(t, ask(nora{}, customer("4711")).Text, "4711")
	require.Equal(t, livedesk.Finish, ask(nora{}, customer("Thanks!")).Then)
	require.Equal(t, livedesk.HandOver, ask(nora{}, customer("order 4711", "no, a person please")).Then)
	first := customer("hello")
	a := ask(reception{}, first)
	require.Equal(t, livedesk.Stay, a.Then)
	a = ask(reception{}, append(append(first, livedesk.Line{By: livedesk.ActorAI, Text: a.Text}), customer("a", "broken fridge")...))
	require.Equal(t, "It is about: a broken fridge", a.Note)
	require.Equal(t, livedesk.HandOver, a.Then)
}
