package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // for machines without zone files

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

func schema(t *testing.T, at string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(routing.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("rules.json", doc))
	s, err := c.Compile("rules.json" + at)
	require.NoError(t, err)
	return s
}

func instance(t *testing.T, data []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return v
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile("../testdata/" + file)
	require.NoError(t, err)
	return data
}

type refusedCase struct {
	Name         string
	Rule         json.RawMessage
	BeyondSchema bool `json:"beyond_schema"`
}

// The schema and the decoder take and refuse the same examples.
func TestSchemaAgreesOnExamples(t *testing.T) {
	list, one := schema(t, ""), schema(t, "#/$defs/rule")
	valid := read(t, "valid.json")
	require.NoError(t, list.Validate(instance(t, valid)))
	var cases []refusedCase
	require.NoError(t, json.Unmarshal(read(t, "refused.json"), &cases))
	for _, c := range cases {
		err := one.Validate(instance(t, c.Rule))
		require.Equal(t, !c.BeyondSchema, err != nil, "%s: %v", c.Name, err)
	}
}

// Valid rules are altered at random: what the schema refuses the decoder refuses, and the other way round but for what
// a schema can't say.
func TestSchemaAgreesOnAlteredExamples(t *testing.T) {
	one := schema(t, "#/$defs/rule")
	var rules []any
	require.NoError(t, json.Unmarshal(read(t, "valid.json"), &rules))
	refused, beyond := 0, 0
	for seed := range uint64(20_000) {
		r := altering{rand.New(rand.NewPCG(seed, 1))}
		doc, err := json.Marshal(r.alter(rules[r.IntN(len(rules))], 3))
		require.NoError(t, err)
		bySchema := one.Validate(instance(t, doc))
		_, byDecoder := routing.ParseRule(doc)
		switch {
		case bySchema != nil:
			refused++
			require.Error(t, byDecoder, "seed %d: the schema refuses, the decoder takes %s: %v", seed, doc, bySchema)
		case byDecoder != nil:
			beyond++
			require.True(t, cannotBeSaid(byDecoder.Error()), "seed %d: the decoder refuses, the schema takes %s: %v", seed, doc, byDecoder)
		}
	}
	t.Logf("%d refused by both, %d beyond the schema", refused, beyond)
	require.Greater(t, refused, 5_000)
}

func cannotBeSaid(problem string) bool {
	return slices.ContainsFunc([]string{
		"is unknown: it is an IANA name", "doesn't name a place", "from and to are equal", "min is above max", "looked at at hand-over",
		"the rule doesn't wait", "no target has a queue", "is nested too deeply", "is no RE2 pattern",
	}, func(s string) bool { return strings.Contains(problem, s) })
}

type altering struct{ *rand.Rand }

// alter returns a copy of a JSON value in which about one in chance values is another.
func (r altering) alter(v any, chance int) any {
	if r.IntN(20*chance) == 0 {
		return r.other()
	}
	switch v := v.(type) {
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			if r.IntN(15*chance) > 0 {
				list = append(list, r.alter(e, chance))
			}
		}
		if r.IntN(60*chance) == 0 {
			return []any{}
		}
		return list
	case map[string]any:
		m := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if r.IntN(30*chance) > 0 {
				m[name] = r.alter(v[name], chance)
			}
		}
		if r.IntN(30*chance) == 0 {
			m[r.name()] = r.other()
		}
		return m
	}
	return v
}

func (r altering) name() string {
	names := []string{
		"id", "always", "not", "any", "hours", "contact", "country", "text", "zone", "exists", "equals", "then", "kind", "x", "Id", "regexp",
	}
	return names[r.IntN(len(names))]
}

func (r altering) other() any {
	values := []any{
		nil, true, false, "", "x", "humans", "open", "wait", "next_rule", "FR", "+33612345678", 0, 1, -1, 1.5, 1e10, []any{}, []any{"x"},
		map[string]any{}, map[string]any{"always": true}, map[string]any{"kind": "nobody"}, map[string]any{"kind": "team", "id": "t"},
		strings.Repeat("x", 200), fmt.Sprint(time.Hour),
	}
	return values[r.IntN(len(values))]
}
