package main

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

const invoices = `[{"id": "billing", "name": "Invoices", "order": 1, "condition": {"text": {"contains": ["invoice"]}},
	"targets": [{"kind": "agent", "id": "chloe"}], "add_labels": ["billed"], "set_priority": 1}]`

func TestRulesAreSavedTriedAndExplained(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	require.Contains(t, s.page("/rules").text(), "An example")
	require.Equal(t, "/rules", s.done("/rules", "rules", invoices))
	require.Contains(t, s.page("/rules").text(), "1 rule, version")
	try := func(text string) string {
		q := url.Values{"channel": {s.channel("Support")}, "from": {maya}, "text": {text}}
		return s.page("/rules?" + q.Encode()).text()
	}
	require.Contains(t, try("My invoice is wrong"), "Chloé Martin by a routing rule: Invoices")
	require.Contains(t, try("Hello"), "by the channel’s agents Invoices: doesn’t hold")

	s.texts("Support", maya, "My invoice is wrong")
	page := s.page(s.only())
	require.Contains(t, page.text(), "Chloé Martin by a routing rule: Invoices")
	require.Contains(t, page.text(), "billed High priority")
}

func TestWrongRulesAreRefusedWithTheirPath(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	for rules, want := range map[string]string{
		`[{"id": "a", "order": 1, "condition": {}, "targets": [{"kind": "humans"}]}]`: "rules[0].condition",
		`[{"id": "a", "order": 1, "condition": {"always": true}, "targets": []}]`:     "rules[0].targets",
		`no JSON`: "Nothing was saved",
	} {
		a := s.post("/rules", "rules", rules)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, rules)
		require.Contains(t, a.text(), want)
		require.Contains(t, a.text(), rules, "what was typed stays")
	}
	s.done("/rules", "rules", invoices)
	require.Equal(t, http.StatusConflict, s.post("/rules", "rules", invoices, "version", "of yesterday").status)
}

// Who saves rules that somebody else changed meanwhile keeps what they typed, is told so, and may save it all the same.
func TestRulesThatTwoPeopleChange(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.done("/rules", "rules", invoices)
	a := s.post("/rules", "rules", "[]", "version", "of yesterday")
	require.Equal(t, http.StatusConflict, a.status)
	require.Contains(t, a.text(), "Nothing was saved: somebody else saved rules in the meantime")
	require.Contains(t, a.body, ">[]</textarea>")
	require.Contains(t, s.page("/rules").text(), "Invoices")
	version := ruleVersion.FindStringSubmatch(a.body)[1]
	s.done("/rules", "rules", "[]", "version", version)
	require.NotContains(t, s.page("/rules").text(), "1 rule, version")
}

var ruleVersion = regexp.MustCompile(`name="version" value="([^"]*)"`)

func TestSchemaOfRules(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	a := s.page("/rules/schema.json")
	require.Equal(t, "application/schema+json", a.header.Get("Content-Type"))
	require.Contains(t, a.body, "also_at_hand_over")
}
