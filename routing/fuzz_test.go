package routing_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

// FuzzParseRules: whatever it is given, the decoder comes back; what it takes is written and read again as the same, and
// compiles; what it refuses is refused with a field.
func FuzzParseRules(f *testing.F) {
	var valid, refused []json.RawMessage
	whole := readJSON(f, "testdata/valid.json", &valid)
	readJSON(f, "testdata/refused.json", &refused)
	f.Add(whole)
	for _, doc := range append(valid, refused...) {
		f.Add([]byte("[" + string(doc) + "]"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := routing.ParseRules(data)
		if err != nil {
			errs, ok := errors.AsType[routing.FieldErrors](err)
			require.True(t, ok && len(errs) > 0)
			return
		}
		written, err := json.Marshal(rules)
		require.NoError(t, err)
		again, err := routing.ParseRules(written)
		require.NoError(t, err)
		require.Equal(t, rules, again)
		compiled, err := routing.Compile("1", rules)
		require.NoError(t, err)
		compiled.Route(facts())
		for _, r := range rules {
			var one routing.Rule
			data, err := json.Marshal(r)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(data, &one))
			require.Equal(t, r, one)
		}
	})
}

// FuzzText: any pattern and any word against any text decides as a plain search does, by Route and by Explain.
func FuzzText(f *testing.F) {
	for _, w := range someWords {
		for _, text := range someTexts {
			f.Add(w, text, uint8(0))
			f.Add(w, text, uint8(3))
		}
	}
	for _, p := range somePatterns {
		f.Add(p, "pay 12 café été caféb a", uint8(4))
	}
	f.Fuzz(func(t *testing.T, asked, text string, how uint8) {
		words := []string{asked}
		q := []routing.Text{{Contains: words}, {StartsWith: words}, {Equals: words}, {Keyword: words}, {Regexp: asked}}[how%5]
		r := rule("r", 1, routing.Condition{Text: &q})
		if r.Validate() != nil {
			return
		}
		got := holds(t, r.Condition, routing.Facts{Text: text})
		if len(text) > 2000 {
			return // not all of it is looked at
		}
		if how%5 == 4 || ascii(asked) && ascii(text) {
			require.Equal(t, oracleText(q, text), got, "%+v in %q", q, text)
		}
		if got && how%5 == 2 { // what equals also is contained, begins, and is a keyword
			for _, q := range []routing.Text{{Contains: words}, {StartsWith: words}, {Keyword: words}} {
				require.True(t, holds(t, routing.Condition{Text: &q}, routing.Facts{Text: text}), "%+v in %q", q, text)
			}
		}
	})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && (s[i] < '\t' || s[i] > '\r') || s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// FuzzDecision is TestSameDecisionAsOracle with a seed of the fuzzer's.
func FuzzDecision(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		r := random{rand.New(rand.NewPCG(a, b))}
		rules, f := r.rules(), r.facts()
		compiled, err := routing.Compile("v", rules)
		require.NoError(t, err)
		require.Equal(t, oracle(inOrder(rules), routing.Place{}, f), compiled.Route(f).Place.Rule)
	})
}
