package sms_test

import (
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// secretName is how what must not be guessed byte by byte is called in our code.
var secretName = regexp.MustCompile(`(?i)token|secret|passw|signature|credential|hmac|\bmac\b|digest|\bproof\b|authorization|webhookkey`)

// comparisons that stop at the first difference.
var leaky = []string{"bytes.Equal", "bytes.Compare", "bytes.HasPrefix", "bytes.Contains", "strings.EqualFold", "strings.Compare", "strings.HasPrefix",
	"strings.Contains", "slices.Equal", "slices.Contains", "slices.Index", "reflect.DeepEqual", "maps.Equal"}

// told are the comparisons of a word like that which tell nobody anything, each with the reason.
var told = map[string]string{
	`token == query.Get("PageToken")`:       "Twilio's token of a page of a list, which only a broken list repeats",
	"e.Reason == channel.ReasonCredentials": "a constant that is called so",
}

// F2: nothing that a stranger could guess byte by byte is compared with ==, bytes.Equal or strings.EqualFold; only
// crypto/hmac and crypto/subtle compare secrets.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	unseen := map[string]bool{}
	for c := range told {
		unseen[c] = true
	}
	for _, dir := range []string{".", "twilio", "bandwidth", "internal/egress", "../channel", "../livedesk"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			for at, c := range comparisons(t, f) {
				if told[c] == "" {
					t.Errorf("%s: %s: compare secrets with crypto/subtle, or say in this test why this is none", at, c)
				}
				delete(unseen, c)
			}
		}
	}
	require.Empty(t, unseen, "no such comparison any more")
}

// comparisons finds those in a file that a secret may be part of, by their place.
func comparisons(t *testing.T, file string) map[token.Position]string {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, 0)
	require.NoError(t, err)
	out := map[token.Position]string{}
	print := func(n ast.Node) string {
		var b strings.Builder
		require.NoError(t, printer.Fprint(&b, set, n))
		return b.String()
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.EQL || n.Op == token.NEQ) && !plain(n.X) && !plain(n.Y) && secretName.MatchString(print(n)) {
				out[set.Position(n.Pos())] = print(n)
			}
		case *ast.CallExpr:
			if slices.Contains(leaky, print(n.Fun)) && secretName.MatchString(print(n)) {
				out[set.Position(n.Pos())] = print(n)
			}
		}
		return true
	})
	return out
}

// plain is an operand that makes a comparison harmless: nil, a constant, a length.
func plain(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "nil" || e.Name == "true" || e.Name == "false"
	case *ast.CallExpr:
		name, ok := e.Fun.(*ast.Ident)
		return ok && (name.Name == "len" || name.Name == "cap")
	}
	return false
}
