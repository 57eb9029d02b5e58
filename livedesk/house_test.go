package livedesk_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/livedesk/livedesk-go/"

// The packages of the house and what each may import of ours. Arrows point down only; a new edge is a decision.
var edges = map[string][]string{
	"channel":                      {},
	"routing":                      {},
	"hours":                        {},
	"csat":                         {},
	"sms":                          {"channel"},
	"sms/internal/egress":          {"sms"},
	"sms/twilio":                   {"channel", "sms", "sms/internal/egress"},
	"sms/bandwidth":                {"channel", "sms", "sms/internal/egress"},
	"sms/smstest":                  {"channel", "sms"},
	"livedesk":                     {"channel", "sms", "routing", "hours", "csat"},
	"livedesk/memstore":            {"channel", "livedesk"},
	"livedesk/storetest":           {"channel", "routing", "livedesk"},
	"livedesk/internal/enginetest": {"channel", "hours", "livedesk", "routing", "sms", "sms/bandwidth", "sms/smstest", "sms/twilio"},
	"examples/quickstart":          {"channel", "livedesk", "livedesk/memstore", "sms", "sms/smstest", "sms/twilio"},
	"examples/ownstore":            {"channel", "livedesk"},
}

func TestPackagesImportOnlyDownwards(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	require.NoError(t, err)
	dec := json.NewDecoder(strings.NewReader(string(out)))
	seen := map[string]bool{}
	for dec.More() {
		var p struct {
			ImportPath string
			Imports    []string
		}
		require.NoError(t, dec.Decode(&p))
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := edges[name]
		if !ok {
			continue // a nested module's
		}
		seen[name] = true
		for _, i := range p.Imports {
			if own, ok := strings.CutPrefix(i, module); ok {
				require.Contains(t, allowed, own, "%s imports %s", name, own)
			}
			require.False(t, i == "testing" && !strings.HasSuffix(name, "test"), "%s imports testing", name)
			require.False(t, strings.HasPrefix(i, "github.com/stretchr/"), "%s brings testify into hosts' binaries", name)
			require.False(t, strings.HasPrefix(i, "github.com/twilio/twilio-go") && name != "sms/twilio", "%s links twilio-go", name)
			require.NotEqual(t, "github.com/twilio/twilio-go", i, "the root package of twilio-go takes a minute to compile")
		}
	}
	for name := range edges {
		require.True(t, seen[name], "package %s is gone", name)
	}
}

func TestRootRequiresLittle(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "mod", "edit", "-json", filepath.Join("..", "go.mod")).Output()
	require.NoError(t, err)
	var mod struct {
		Go      string
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(t, json.Unmarshal(out, &mod))
	require.Equal(t, "1.26.0", mod.Go)
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	slices.Sort(direct)
	require.Equal(t, []string{
		"github.com/rivo/uniseg", "github.com/stretchr/testify", "github.com/twilio/twilio-go",
		"golang.org/x/oauth2", "golang.org/x/time",
	}, direct)
}

// A host that imports the desk and one adapter gets no test code and no driver that it did not ask for.
func TestHostsGetNoTestCode(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", module+"livedesk", module+"livedesk/memstore", module+"sms/twilio", module+"sms/bandwidth").Output()
	require.NoError(t, err)
	for _, p := range strings.Fields(string(out)) {
		require.NotEqual(t, "testing", p)
		require.NotContains(t, p, "testify")
		require.NotContains(t, p, "smstest")
		require.NotEqual(t, "database/sql", p)
	}
}

func TestTopLevelHasNothingElse(t *testing.T) {
	t.Parallel()
	want := []string{".ci", ".git", ".gitignore", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "README.md", "channel", "csat",
		"examples", "go.mod", "go.sum", "go.work", "go.work.sum", "hours", "livedesk", "routing", "sms"}
	out, err := exec.Command("git", "-C", "..", "ls-files").Output()
	if err != nil {
		t.Skip("not a git checkout, so the list of files can't be had: run it in a clone")
	}
	for _, f := range strings.Fields(string(out)) {
		top, _, _ := strings.Cut(f, "/")
		require.Contains(t, want, top)
	}
	_, err = os.Stat("../go.work")
	require.NoError(t, err)
}

// Time and chance come from the store and the caller. What is listed here uses the process's clock for durations only.
func TestCoreHasNoClockOfItsOwn(t *testing.T) {
	t.Parallel()
	allowed := map[string]int{
		"gate.go": 2, "outbox.go": 3, // since the gate, and since others were looked for, monotonic
		"limits.go": 2, // how long ago the store told the time
	}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		uses := strings.Count(string(b), "time.Now()") + strings.Count(string(b), "time.Since(")
		require.LessOrEqual(t, uses, allowed[f], "%s reads the process's clock", f)
		require.NotContains(t, string(b), "http.DefaultClient", f)
	}
}
