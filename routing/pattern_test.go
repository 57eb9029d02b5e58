package routing_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/routing"
)

func regexpRule(id string, pattern string) routing.Rule {
	return rule(id, 1, routing.Condition{Text: &routing.Text{Regexp: pattern}})
}

// Patterns that would be slow elsewhere are harmless, those that would be slow here are refused when they are saved.
func TestHeavyPatterns(t *testing.T) { // F96
	t.Parallel()
	for name, c := range map[string]struct{ pattern, problem string }{
		"64 KiB":                {strings.Repeat("a", 64<<10), "too long"},
		"just too long":         {strings.Repeat("a", 1025), "too long"},
		"repeats too often":     {strings.Repeat("(", 11) + "x" + strings.Repeat("){2,2}", 11), "up to 1,000"},
		"repetitions":           {"(ab{1,30}){1,30}", "steps"},
		"a long one that works": {"a{499}", ""},
		"one step too many":     {"a{500}", "501 steps"},
		"many big classes":      {strings.Repeat(`[\pL\pN]`, 100), "steps"},
		"catastrophe elsewhere": {`(a+)+$`, ""},
		"unbalanced":            {`(a`, "missing closing )"},
		"not RE2":               {`(?<!a)b`, "look-around"},
		"not UTF-8":             {"a\xff", "invalid UTF-8"},
		"repeats too much":      {`a{1001}`, "up to 1,000"},
		"deep":                  {strings.Repeat("(", 500) + strings.Repeat(")", 500), ""},
	} {
		_, err := routing.Compile("1", []routing.Rule{regexpRule("r", c.pattern)})
		switch {
		case c.problem != "":
			require.ErrorContains(t, err, c.problem, name)
			require.Equal(t, []string{"rules[0].condition.text.regexp"}, fieldsOf(t, err), name)
			require.Less(t, len(err.Error()), 300, name)
		case name == "deep":
			_ = err // either way, as long as it comes back
		default:
			require.NoError(t, err, name)
		}
	}
}

// All patterns of a set have a bound together.
func TestManyPatterns(t *testing.T) { // F96
	t.Parallel()
	list := make([]routing.Rule, 11)
	for i := range list {
		list[i] = regexpRule(fmt.Sprint(i), fmt.Sprintf("[^a%d]{497}b", i))
	}
	_, err := routing.Compile("1", list[:10])
	require.NoError(t, err)
	_, err = routing.Compile("1", list)
	require.ErrorContains(t, err, "5000 steps")

	stored := []routing.Stored{{ID: "renamed", Data: store(t, list[0]).Data}}
	for _, r := range list {
		stored = append(stored, store(t, r))
	}
	_, broken := routing.CompileStored("1", stored)
	require.Len(t, broken, 2, "a broken one uses up nothing")
	require.Equal(t, "10", broken[1].ID)
}

// The texts that backtracking engines take for ever on take as long here as any other.
func TestHeavyTexts(t *testing.T) { // F96, F135
	t.Parallel()
	r := compiled(t, regexpRule("a", `^(a+)+$`), regexpRule("b", `(x+x+)+y`), rule("c", 2, routing.Condition{Text: &routing.Text{
		Contains: []string{strings.Repeat("a", 200) + "b", "aab"}, // each position begins the word again
	}}))
	for _, text := range []string{
		strings.Repeat("a", 64<<10) + "!", strings.Repeat("x", 64<<10), strings.Repeat("\u0301", 10_000), strings.Repeat("\u202e", 64<<10),
		strings.Repeat("\xff", 64<<10),
	} {
		d := r.Route(routing.Facts{Text: text})
		if text[0] == 'a' {
			require.Equal(t, "a", d.Place.Rule, "what is behind the first 2,048 characters isn't looked at")
		} else {
			require.Nil(t, d.Targets)
		}
	}
}

// A pattern is passed over only if it can't match, whatever forms its letters come in.
func TestPatternsInEveryCase(t *testing.T) {
	t.Parallel()
	letters := 0
	for r := rune('A'); r < 0x1F000; r++ {
		if unicode.SimpleFold(r) == r {
			continue
		}
		letters++
		rules := compiled(t, regexpRule("word", "x"+string(r)+" y"), regexpRule("z class", "^["+string(r)+"]$"))
		for other := unicode.SimpleFold(r); ; other = unicode.SimpleFold(other) {
			require.Equal(t, "word", rules.Route(routing.Facts{Text: "x" + string(other) + " y"}).Place.Rule, "%q, %q", string(r), string(other))
			require.Equal(t, "z class", rules.Route(routing.Facts{Text: string(other)}).Place.Rule, "%q, %q", string(r), string(other))
			if other == r {
				break
			}
		}
	}
	require.Greater(t, letters, 2000)
}
