package sms_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where the tests are that README.md names.
var testDirs = map[string]string{"sms": ".", "twilio": "twilio", "bandwidth": "bandwidth", "smstest": "smstest", "contract": "contract",
	"egress": "internal/egress", "livedesk": "../livedesk", "channel": "../channel", "routing": "../routing", "csat": "../csat"}

var (
	testName   = regexp.MustCompile("`(" + `[a-z]+\.Test\w+|suite\.\w+` + ")`")
	testFunc   = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	scenario   = regexp.MustCompile(`(?m)^\t\{"([a-zA-Z][^"]+)", \w+\},`)
	clauseName = regexp.MustCompile(`(?m)^\t\{"([a-z0-9_]+)", "`)
)

// known are the names that README.md and the faults may use.
func known(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	add := func(prefix, pattern string, find *regexp.Regexp) {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, f := range files {
			b, err := os.ReadFile(f)
			require.NoError(t, err)
			for _, m := range find.FindAllSubmatch(b, -1) {
				names[prefix+"."+string(m[1])] = true
			}
		}
	}
	for pkg, dir := range testDirs {
		add(pkg, filepath.Join(dir, "*_test.go"), testFunc)
	}
	add("engine", "../livedesk/internal/enginetest/enginetest.go", scenario)
	add("suite", "smstest/suite_*.go", clauseName)
	return names
}

// The tables of what is supported say what they mean, and name tests that are there.
func TestFeaturesAreShown(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	tests := known(t)
	for _, m := range testName.FindAllStringSubmatch(string(readme), -1) {
		require.True(t, tests[m[1]], "README.md names %s, which isn't there", m[1])
	}
	rows := 0
	for line := range strings.Lines(string(readme)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| feature ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		require.Len(t, cells, 4, line)
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if strings.HasPrefix(cells[0], "**") { // a heading
			require.Empty(t, strings.Join(cells[1:], ""), line)
			continue
		}
		rows++
		require.Contains(t, []string{"yes", "partly", "no"}, cells[1], line)
		require.NotEmpty(t, cells[2], line)
		leftOver := strings.TrimSpace(testName.ReplaceAllString(cells[3], ""))
		require.Empty(t, leftOver, line)
		if cells[1] != "no" {
			require.NotEmpty(t, cells[3], "nothing shows it: %s", line)
		}
	}
	require.Greater(t, rows, 60)
}
