package routing_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

// refusedCase is a rule of testdata/refused.json that must be refused, and the fields that must be named.
type refusedCase struct {
	Name   string          `json:"name"`
	Rule   json.RawMessage `json:"rule"`
	Fields []string        `json:"fields"`
}

func readJSON(t testing.TB, file string, into any) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
	return data
}

func fieldsOf(t testing.TB, err error) []string {
	t.Helper()
	errs, ok := errors.AsType[routing.FieldErrors](err)
	require.True(t, ok, "%v", err)
	require.NotEmpty(t, errs)
	fields := make([]string, len(errs))
	for i, e := range errs {
		require.NotEmpty(t, e.Problem, e.Field)
		require.ErrorIs(t, err, e)
		fields[i] = e.Field
	}
	return fields
}

func TestValidRules(t *testing.T) {
	t.Parallel()
	var raw []json.RawMessage
	data := readJSON(t, "testdata/valid.json", &raw)
	rules, err := routing.ParseRules(data)
	require.NoError(t, err)
	_, err = routing.Compile("1", rules)
	require.NoError(t, err)
	for i, r := range rules {
		require.NoError(t, r.Validate())
		one, err := routing.ParseRule(raw[i])
		require.NoError(t, err)
		require.Equal(t, r, one)
		again, err := json.Marshal(r)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(again, &one))
		require.Equal(t, r, one, "what is written is what was read")
	}
	require.Equal(t, 10, rules[3].Order)
	require.Equal(t, routing.Target{Kind: routing.ToAI, ID: "bot"}, rules[1].Targets[2])
	require.Equal(t, "Europe/Paris", rules[1].Condition.All[14].TimeOfDay.Zone)
}

func TestRefusedRules(t *testing.T) {
	t.Parallel()
	var cases []refusedCase
	readJSON(t, "testdata/refused.json", &cases)
	for _, c := range cases {
		_, err := routing.ParseRule(c.Rule)
		require.Error(t, err, c.Name)
		require.ElementsMatch(t, c.Fields, fieldsOf(t, err), "%s: %v", c.Name, err)
		list := "[" + string(c.Rule) + "]"
		_, err = routing.ParseRules([]byte(list))
		for i, f := range fieldsOf(t, err) {
			require.Contains(t, c.Fields, strings.TrimPrefix(f, "rules[0]."), "%s: %d", c.Name, i)
		}
	}
}

// What a JSON value can't show: names given twice, broken documents.
func TestRefusedDocuments(t *testing.T) {
	t.Parallel()
	const rest = `"condition":{"always":true},"targets":[{"kind":"humans"}]`
	for name, c := range map[string]struct {
		doc    string
		fields []string
	}{
		"nothing":                   {"", []string{""}},
		"blank":                     {" ", []string{""}},
		"cut off":                   {`{"id":"a",`, []string{""}},
		"byte order mark":           {"\ufeff{}", []string{""}},
		"two documents":             {`{"id":"a",` + rest + `} {}`, []string{""}},
		"a comma too many":          {`{"id":"a",` + rest + `,}`, []string{""}},
		"not UTF-8":                 {"{\"id\":\"\xff\"," + rest + "}", []string{""}},
		"null":                      {"null", []string{""}},
		"a list":                    {"[]", []string{""}},
		"a text":                    {`"x"`, []string{""}},
		"id twice":                  {`{"id":"a","id":"b",` + rest + `}`, []string{"id"}},
		"id twice, once escaped":    {`{"id":"a","\u0069d":"b",` + rest + `}`, []string{"id"}},
		"condition twice":           {`{"id":"a","condition":{"hours":"open"},` + rest + `}`, []string{"condition"}},
		"question twice":            {`{"id":"a","condition":{"hours":"open","hours":"closed"},"targets":[{"kind":"humans"}]}`, []string{"condition.hours"}},
		"id in capitals":            {`{"ID":"a",` + rest + `}`, []string{"ID", "id"}},
		"unknown name of a value":   {`{"id":"a","x":{"y":[1,{"z":null}]},` + rest + `}`, []string{"x"}},
		"unknown name of rubbish":   {`{"id":"a","\u0000":1,` + rest + `}`, []string{`"\x00"`}},
		"everything in a wrong way": {`{"id":[],"name":{},"condition":"x","targets":7}`, []string{"id", "name", "condition", "targets"}},
		"brackets": {`{"id":"a","condition":` + strings.Repeat(`{"not":`, 5000) + `{"x":1}` + strings.Repeat(`}`, 5000) + `,"targets":[{"kind":"humans"}]}`,
			[]string{"condition" + strings.Repeat(".not", 33)}},
		"ten thousand brackets": {strings.Repeat("[", 10_001), []string{""}},
	} {
		_, err := routing.ParseRule([]byte(c.doc))
		require.ElementsMatch(t, c.fields, fieldsOf(t, err), "%s: %v", name, err)
		if name != "null" && json.Valid([]byte(c.doc)) { // json.Unmarshal reads as strictly
			var r routing.Rule
			require.Error(t, errors.Join(json.Unmarshal([]byte(c.doc), &r), r.Validate()), name)
		}
	}
	_, err := routing.ParseRules([]byte(`[{"id":"a",` + rest + `}, null]`))
	require.Equal(t, []string{"rules[1]"}, fieldsOf(t, err))
	_, err = routing.ParseRules([]byte(`{}`))
	require.Equal(t, []string{"rules"}, fieldsOf(t, err))
	require.EqualError(t, err, "rules: must be a list")

	var c routing.Condition
	require.NoError(t, json.Unmarshal([]byte(`{"hours":"open"}`), &c))
	require.Equal(t, routing.Condition{Hours: routing.HoursOpen}, c)
	require.Error(t, json.Unmarshal([]byte(`{"Hours":"open"}`), &c))
}

// A set is checked as a whole: ids are unique, places are named.
func TestSetsAreChecked(t *testing.T) {
	t.Parallel()
	bad := rule("c", 3, routing.Condition{Any: []routing.Condition{{Text: &routing.Text{Regexp: "("}}, {Always: true}}})
	list := []routing.Rule{rule("a", 1, routing.Condition{Always: true}), rule("a", 2, routing.Condition{}), bad}
	_, err := routing.Compile("1", list)
	require.EqualError(t, err, `rules[1].condition: asks nothing: a rule for every conversation says {"always": true}; `+
		`rules[1].id: is the id of rules[0] already; rules[2].condition.any[0].text.regexp: is no RE2 pattern: missing closing ) in "("`)
	_, err = routing.Compile("1", slices.Repeat([]routing.Rule{list[0]}, 5001))
	require.Equal(t, []string{"rules"}, fieldsOf(t, err))
	full := rule("full", 1, routing.Condition{Any: slices.Repeat([]routing.Condition{{Always: true}}, 199)})
	_, err = routing.Compile("1", append(numbered(full, 100), list[0]))
	require.EqualError(t, err, "rules[100].condition: is too much: all rules together may have 20000 conditions")
	wordy := rule("wordy", 1, routing.Condition{Text: &routing.Text{Contains: slices.Repeat([]string{strings.Repeat("a", 256)}, 512)}})
	_, err = routing.Compile("1", numbered(wordy, 2))
	require.NoError(t, err)
	_, err = routing.Compile("1", append(numbered(wordy, 2), rule("x", 1, routing.Condition{Text: &routing.Text{Keyword: []string{"a"}}})))
	require.EqualError(t, err, "rules[2].condition.text.keyword[0]: is too much: the words of all rules together may have 256 KiB")
	_, err = routing.Compile("1", slices.Repeat(list[1:2], 1000))
	require.Len(t, fieldsOf(t, err), 100, "rubbish makes an error of bounded size")
}

// numbered returns n copies of a rule with ids of their own.
func numbered(r routing.Rule, n int) []routing.Rule {
	list := slices.Repeat([]routing.Rule{r}, n)
	for i := range list {
		list[i].ID = fmt.Sprint(r.ID, i)
	}
	return list
}

// A short document can't take much memory.
func TestDocumentsAreBounded(t *testing.T) {
	t.Parallel()
	many := func(what string, n int) string { return "[" + strings.Repeat(what+",", n-1) + what + "]" }
	for name, doc := range map[string]string{
		"rules":      many("{}", 400_000),
		"conditions": many(`{"condition":{"any":`+many(`{"any":`+many("{}", 300)+`}`, 300)+`}}`, 4),
		"words":      many(`{"condition":{"text":{"contains":`+many(`"a"`, 6000)+`}}}`, 10),
	} {
		rules, err := routing.ParseRules([]byte(doc))
		require.Error(t, err, name)
		require.Less(t, len(err.Error()), 20_000, name)
		require.LessOrEqual(t, len(rules), 5000, name)
		conditions := 0
		for _, r := range rules {
			for _, c := range r.Condition.Any {
				conditions += 1 + len(c.Any)
			}
		}
		require.Less(t, conditions, 101_000, name)
	}
}

// Errors repeat names, not numbers.
func TestErrorsKeepNumbers(t *testing.T) {
	t.Parallel()
	err := rule("a", 1, routing.Condition{Sender: []string{"+1 415 555 0100"}}).Validate()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "415")
}

func TestReferences(t *testing.T) {
	t.Parallel()
	r := routing.Rule{
		ID: "r", Channels: []string{"c1"}, Targets: []routing.Target{{Kind: routing.ToAI, ID: "bot"}, {Kind: routing.ToHumans}},
		Condition: routing.Condition{All: []routing.Condition{
			{Channel: []string{"c2", "c3"}},
			{Not: &routing.Condition{Any: []routing.Condition{
				{Available: &routing.Target{Kind: routing.ToTeam, ID: "t"}}, {Available: &routing.Target{Kind: routing.ToHumans}},
			}}},
		}},
	}
	require.NoError(t, r.Validate())
	require.Equal(t, []routing.Reference{
		{"channels[0]", "channel", "c1"}, {"condition.all[0].channel[0]", "channel", "c2"}, {"condition.all[0].channel[1]", "channel", "c3"},
		{"condition.all[1].not.any[0].available.id", "team", "t"}, {"targets[0].id", "ai", "bot"},
	}, r.References())
}

func TestSchemaIsACopy(t *testing.T) {
	t.Parallel()
	var doc map[string]any
	require.NoError(t, json.Unmarshal(routing.Schema(), &doc))
	require.Equal(t, "https://json-schema.org/draft/2020-12/schema", doc["$schema"])
	routing.Schema()[0] = 'x'
	require.True(t, json.Valid(routing.Schema()))
}
