package smstest

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// sharedFile reads a file of others' test data, which is not part of this repository: it lies beside it.
func sharedFile(t *testing.T, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/livedesk/livedesk-go\n") {
			break
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "the module's root was not found")
		dir = parent
	}
	data, err := os.ReadFile(filepath.Join(dir, "../shared/data", name))
	if os.IsNotExist(err) {
		t.Skipf("../shared/data/%s is not there", name)
	}
	require.NoError(t, err)
	return data
}

// sample is one answer of testdata/*_api_responses.json.
type sample struct {
	ID     string            `json:"id"`
	Status int               `json:"http_status"`
	Header map[string]string `json:"headers"`
	Body   map[string]any    `json:"body"`
}

func samples(t *testing.T, name string) map[string]sample {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	var file struct {
		Token     []sample `json:"token_responses"`
		Responses []sample `json:"responses"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	out := map[string]sample{}
	for _, s := range append(file.Token, file.Responses...) {
		out[s.ID] = s
	}
	return out
}

// requireShape wants an answer to have the sample's status, content type, and fields with values of the same kind.
func requireShape(t *testing.T, want sample, res *http.Response) map[string]any {
	t.Helper()
	require.Equal(t, want.Status, res.StatusCode)
	for name, value := range want.Header {
		if name == "Content-Type" {
			require.Equal(t, value, res.Header.Get(name))
		} else {
			require.NotEmpty(t, res.Header.Get(name), name)
		}
	}
	got := readJSON(t, res)
	require.Len(t, got, len(want.Body), "%v", got)
	for name, value := range want.Body {
		require.IsType(t, value, got[name], name)
	}
	return got
}

func readJSON(t *testing.T, res *http.Response) map[string]any {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	got := map[string]any{}
	require.NoError(t, json.Unmarshal(body, &got), "%s", body)
	return got
}

// desk is a host's webhook handler that answers with what it is told and keeps what it got.
type desk struct {
	mu      sync.Mutex
	answers []func(http.ResponseWriter) // for the next requests; then 204
	got     []*http.Request
	bodies  []string
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got, d.bodies = append(d.got, r), append(d.bodies, string(body))
	if len(d.answers) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer := d.answers[0]
	d.answers = d.answers[1:]
	answer(w)
}

func status(n int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(n) }
}

func says(contentType, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	}
}
