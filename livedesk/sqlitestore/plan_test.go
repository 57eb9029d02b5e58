package sqlitestore

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Every statement of the package finds its rows by an index: none walks a table.
func TestEveryStatementUsesAnIndex(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "desk.db"), Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	statements := constants(t)
	require.Greater(t, len(statements), 35, "the statements weren't found")
	for name, text := range statements {
		if !isQuery(text) || strings.HasPrefix(text, "(") || name == "sqlSchemaVersion" {
			continue
		}
		sorted := name == "sqlTimeline" || name == "sqlTimelineLast" || name == "sqlReady" || name == "sqlReadyOfSender" ||
			name == "sqlLine" || name == "sqlDueJobs" || name == "sqlAllAgents" || name == "sqlChangedObjects" || name == "sqlNextSender"
		checkPlan(t, s, name, text, sorted)
		if strings.HasPrefix(name, "sqlCounts") {
			require.Contains(t, plan(t, s, text), "COVERING INDEX conversations_live", name)
		}
	}
	require.Contains(t, plan(t, s, sqlAgents), "COVERING INDEX conversations_live", "an agent's load")
	for _, text := range []string{
		messages.update(update{columns: messages.all()}), messages.update(update{columns: deliveries, byRowid: true}),
		conversations.update(update{columns: 1}), conversations.update(update{columns: conversations.all(), byRowid: true}),
	} {
		checkPlan(t, s, text, text, true)
	}
}

// The lists that are made up for a query too, in all combinations of conditions, and a single condition never sorts.
func TestEveryListUsesAnIndex(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "desk.db"), Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for bits := range 64 {
		q := livedesk.ConversationQuery{Workspace: "w", Limit: 10, Unassigned: bits&1 != 0, Unread: bits&2 != 0}
		if bits&4 != 0 {
			q.Channel = "c"
		}
		if bits&8 != 0 {
			q.Contact = "p"
		}
		if bits&16 != 0 {
			q.Assignee = "a"
		}
		if bits&32 != 0 {
			q.After = &livedesk.Mark{At: time.Now(), ID: "x"}
		}
		for _, state := range allStates {
			text, args := activeQuery(q, state)
			require.Equal(t, strings.Count(text, "?"), len(args))
			bounded := q.Contact != "" || state != livedesk.Resolved // few rows, sorting them is fine
			checkPlan(t, s, fmt.Sprintf("%+v %s", q, state), text, !bounded)
		}
		for _, states := range [][]livedesk.State{nil, {livedesk.Open}, allStates} {
			q.States = states
			text, args := waitingQuery(q)
			require.Equal(t, strings.Count(text, "?"), len(args))
			checkPlan(t, s, fmt.Sprintf("waiting %+v", q), text, true)
		}
	}
}

func isQuery(text string) bool {
	for _, verb := range []string{"SELECT", "INSERT", "UPDATE", "DELETE"} {
		if strings.HasPrefix(text, verb) {
			return true
		}
	}
	return false
}

func checkPlan(t *testing.T, s *Store, name, text string, sorted bool) {
	t.Helper()
	p := strings.ReplaceAll(plan(t, s, text), "SCAN k VIRTUAL TABLE", "keys of a batch")
	p = strings.ReplaceAll(p, "SCAN (subquery-1)", "what a LIMIT left, to be counted")
	require.NotContains(t, p, "SCAN", "%s\n%s", name, p)
	require.NotContains(t, p, "AUTOMATIC", "%s\n%s", name, p)
	if sorted {
		require.NotContains(t, p, "TEMP B-TREE", "%s\n%s", name, p)
	}
}

func plan(t *testing.T, s *Store, text string) string {
	t.Helper()
	rows, err := s.db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+text, make([]any, strings.Count(text, "?"))...)
	require.NoError(t, err, text)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		all = append(all, detail)
	}
	require.NoError(t, rows.Err())
	return strings.Join(all, "\n")
}

// constants reads the package's own string constants whose names begin with sql, put together from their parts.
func constants(t *testing.T) map[string]string {
	t.Helper()
	exprs := map[string]ast.Expr{}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		src, err := os.ReadFile(name)
		require.NoError(t, err)
		f, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
				for i, id := range v.Names {
					exprs[id.Name] = v.Values[i]
				}
			}
			return true
		})
	}
	out := map[string]string{}
	for name, e := range exprs {
		if strings.HasPrefix(name, "sql") {
			out[name] = evaluate(t, exprs, e)
		}
	}
	return out
}

func evaluate(t *testing.T, exprs map[string]ast.Expr, e ast.Expr) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		require.NoError(t, err)
		return s
	case *ast.Ident:
		return evaluate(t, exprs, exprs[e.Name])
	case *ast.BinaryExpr:
		return evaluate(t, exprs, e.X) + evaluate(t, exprs, e.Y)
	}
	require.Failf(t, "not a constant", "%T", e)
	return ""
}
