package routing

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
)

// Bounds of patterns. Go's regexp takes time in proportion to text times steps, so these bound a walk.
const (
	maxPatternBytes    = 1024
	maxPatternSteps    = 500   // of one pattern, as size counts them
	maxAllPatternSteps = 5_000 // of all rules of a set
)

// pattern is a regular expression that was found fit.
type pattern struct {
	re    *regexp.Regexp
	steps int
	needs [][]string // of each list one word, folded, is in every text that matches; the most telling first
}

// parsePattern compiles a pattern that somebody wrote, and says in plain words why it can't be used.
func parsePattern(source string) (*pattern, error) {
	if len(source) > maxPatternBytes {
		return nil, fmt.Errorf("is too long (at most %d bytes)", maxPatternBytes)
	}
	tree, err := syntax.Parse(source, syntax.Perl|syntax.FoldCase)
	if err != nil {
		return nil, fmt.Errorf("is no RE2 pattern: %s", mistake(err))
	}
	steps := size(tree)
	if steps > maxPatternSteps {
		return nil, fmt.Errorf("is too big: with its repetitions written out it has %d steps, at most %d are allowed", steps, maxPatternSteps)
	}
	re, err := regexp.Compile("(?i)" + source)
	if err != nil {
		return nil, fmt.Errorf("is no RE2 pattern: %s", mistake(err))
	}
	return &pattern{re, steps, needed(tree)}, nil
}

// mistake says what is wrong with a pattern, and what people expect that RE2 doesn't have.
func mistake(err error) string {
	e, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		return "it can't be compiled"
	}
	text := string(e.Code) + " in " + quote(e.Expr)
	switch e.Code {
	case syntax.ErrInvalidPerlOp, syntax.ErrInvalidEscape, syntax.ErrInvalidNamedCapture:
		text += " (look-around and back-references don't exist)"
	case syntax.ErrInvalidRepeatSize:
		text += " (repetitions inside each other multiply, up to 1,000)"
	}
	return text
}

// size returns about how many instructions a pattern compiles to, without compiling it: a short pattern can stand for a
// huge program. Large classes such as \pL count for more, since they take memory.
func size(re *syntax.Regexp) int {
	n := 1
	for _, s := range re.Sub {
		n += size(s)
	}
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpCharClass:
		n += len(re.Rune) / 32
	case syntax.OpRepeat:
		n = (n-1)*max(re.Max, re.Min, 1) + 1
	}
	return n
}

// needed returns what every match holds: of each list at least one word, folded. It lets most patterns be passed over
// without being run. Folding a text never hides a word that a pattern found there: it goes character by character, and
// all cases of a letter fold to one.
func needed(re *syntax.Regexp) [][]string {
	switch re.Op {
	case syntax.OpLiteral:
		if word := folded(string(re.Rune)); word != "" {
			return [][]string{{word}}
		}
	case syntax.OpCharClass:
		return classWords(re.Rune)
	case syntax.OpCapture, syntax.OpPlus:
		return needed(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needed(re.Sub[0])
		}
	case syntax.OpConcat:
		var all [][]string
		for _, s := range re.Sub {
			all = append(all, needed(s)...)
		}
		slices.SortStableFunc(all, func(a, b []string) int { return cmp.Compare(shortest(b), shortest(a)) })
		return all
	case syntax.OpAlternate:
		return neededOfAny(re.Sub)
	}
	return nil
}

// neededOfAny takes the most telling list of each alternative.
func neededOfAny(subs []*syntax.Regexp) [][]string {
	var all []string
	for _, s := range subs {
		lists := needed(s)
		if len(lists) == 0 {
			return nil
		}
		all = append(all, lists[0]...)
	}
	return [][]string{all}
}

// classWords returns the characters of a small class, such as the digits.
func classWords(ranges []rune) [][]string {
	const most = 10
	var words []string
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			word := folded(string(r))
			if len(words) == most || word == "" {
				return nil
			}
			words = append(words, word)
		}
	}
	if words == nil {
		return nil
	}
	return [][]string{words}
}

// shortest returns how telling words are: the length of the shortest.
func shortest(words []string) int {
	return len(slices.MinFunc(words, func(a, b string) int { return cmp.Compare(len(a), len(b)) }))
}
