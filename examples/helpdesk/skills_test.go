package main

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAgentsHaveSkillsAndLanguages(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	dee := []string{"id", "dee", "name", "Dee Novak", "capacity", "4", "skills", " returns , vip,, returns", "languages", "fr-CA,en"}
	s.done("/agents", dee...)
	require.Contains(t, s.page("/agents").text(), "Dee Novak dee returns vip speaks fr-CA speaks en Offline 0 of 4")
	form := s.page("/agents?edit=dee").body
	require.Contains(t, form, `name="skills" value="returns, vip"`)
	require.Contains(t, form, `name="languages" value="fr-CA, en"`)

	for field, c := range map[string]struct{ value, want string }{
		"skills":    {"vip, " + strings.Repeat("x", 129), "x” is too long (at most 128 bytes)."},
		"languages": {"en, français", `“français” is not a language tag such as "en" or "fr-CA".`},
	} {
		a := s.post("/agents", "id", "dee", "name", "Dee Novak", "capacity", "4", field, c.value)
		require.Equal(t, http.StatusUnprocessableEntity, a.status)
		require.Regexp(t, `id="h-`+field+`"><span class="problem">`, a.body)
		require.Contains(t, a.text(), c.want)
		require.Contains(t, a.body, `value="`+c.value+`"`, "what was typed stays")
	}
	a := s.post("/agents", "id", "dee", "capacity", "4", "skills", strings.Repeat("a,b,c,d,e,f,g,h,i,j,", 6))
	require.Contains(t, a.text(), "Has more than 50.")
	require.Contains(t, s.page("/agents?edit=dee").body, `name="skills" value="returns, vip"`, "nothing was stored")

	s.done("/agents", "id", "dee", "name", "Dee Novak", "capacity", "4", "skills", "", "languages", "")
	require.Contains(t, s.page("/agents").text(), "Dee Novak dee Offline 0 of 4")
}

// What the seed brings: a text with French words goes to the agent who speaks French, and waits while there is none.
func TestFrenchInvoicesGoToWhoSpeaksFrench(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "Bonjour, ma facture est fausse.")
	page := s.page(s.only()).text()
	require.Contains(t, page, "Chloé Martin by a routing rule: French invoices")
	require.Contains(t, page, "It took somebody with billing who speaks fr.")

	s.done("/agents/chloe/presence", "presence", "offline")
	s.texts("Deliveries", maya, "Et mon remboursement ?")
	waiting := inboxLink.FindStringSubmatch(s.page("/inbox?tab=unassigned").body)
	require.NotNil(t, waiting)
	page = s.page(waiting[1]).text()
	require.Contains(t, page, "Waiting for somebody on this channel with billing who speaks fr ·", "the timeline")
	require.Contains(t, page, "Waits for somebody on this channel with billing who speaks fr Began", "the details")
	require.Contains(t, page, "Waits for somebody on this channel with billing who speaks fr by a routing rule: French invoices", "the decision")
	require.Contains(t, page, "Ada Okafor: lacks a skill or the language that it takes")
	require.Contains(t, page, "Chloé Martin: offline")

	s.done("/agents", "id", "ada", "name", "Ada Okafor", "capacity", "3", "skills", "billing", "languages", "fr-CA")
	s.settle()
	page = s.page(waiting[1]).text()
	require.Contains(t, page, "Ada Okafor by a place came free")
	require.NotContains(t, page, "Began Waits for")
	require.NotContains(t, page, "Waits for somebody on this channel with billing who speaks fr Began")
}

var ruleExample = regexp.MustCompile(`(?s)<pre class="code">(.*?)</pre>`)

func TestRulesNarrowTheirTargets(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	example := html.UnescapeString(ruleExample.FindStringSubmatch(s.page("/rules").body)[1])
	require.Contains(t, example, `"skills": ["billing"], "language": "contact"`)
	s.done("/rules", "rules", example)
	narrow := `[{"id": "a", "order": 1, "condition": {"always": true},
		"targets": [{"kind": "team", "id": "support", "skills": ["vip", "billing"], "language": "fr"}]}]`
	a := s.post("/rules", "rules", strings.Replace(narrow, `"team"`, `"agent"`, 1))
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.text(), "rules[0].targets[0].skills must be left out: only a team or humans can be narrowed")

	s.done("/rules", "rules", narrow)
	require.NoError(t, s.h.engine.Desk(workspace).SetTeam(t.Context(), "support", []string{"ben"}))
	q := url.Values{"channel": {s.channel("Support")}, "from": {maya}, "text": {"Hello"}}
	tried := s.page("/rules?" + q.Encode()).text()
	require.Contains(t, tried, "Waits for somebody in support with billing and vip who speaks fr by a routing rule")
	require.Contains(t, tried, "Ben Larsen: lacks a skill or the language that it takes")
	s.texts("Support", maya, "Hello")
	require.Contains(t, s.page(s.only()).text(), "Waits for somebody in support with billing and vip who speaks fr Began")
}
