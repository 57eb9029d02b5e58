package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms/smstest"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	for args, problem := range map[string]string{
		"":                                      "",
		"-addr localhost:0 -store memory":       "",
		"-addr [::1]:8080":                      "",
		"-addr 0.0.0.0:8080":                    "-listen-publicly",
		"-addr :8080":                           "-listen-publicly",
		"-addr 192.0.2.7:8080":                  "-listen-publicly",
		"-addr 192.0.2.7:8080 -listen-publicly": "",
		"-addr 0.0.0.0:8080 -listen-publicly":   "-public-url",
		"-addr :80 -listen-publicly -public-url https://d.example": "",
		"-addr 8080":     "host:port",
		"-carriers real": "-public-url",
		"-carriers real -public-url https://d.example": "",
		"-carriers real -public-url d.example":         "-public-url",
		"-carriers pigeon":                             "simulated or real",
		"serve":                                        "unexpected",
	} {
		_, err := parse(strings.Fields(args), io.Discard)
		if problem == "" {
			require.NoError(t, err, args)
		} else {
			require.ErrorContains(t, err, problem, args)
		}
	}
}

func TestRealAndSimulatedDesksHaveFilesOfTheirOwn(t *testing.T) {
	t.Parallel()
	simulated, err := parse(nil, io.Discard)
	require.NoError(t, err)
	real, err := parse([]string{"-carriers", "real", "-public-url", "https://d.example"}, io.Discard)
	require.NoError(t, err)
	require.NotEqual(t, simulated.store, real.store)
}

// With real carriers there are neither phones nor channels that nobody asked for.
func TestRealCarriers(t *testing.T) {
	t.Parallel()
	s := serveDesk(t, options{real: true, publicURL: "https://desk.example.com"})
	s.signIn0(t)
	require.Equal(t, http.StatusNotFound, s.get("/phone").status)
	require.NotContains(t, s.page("/").body, "/phone")
	for page, want := range map[string]string{
		"/channels": "There are no channels yet.",
		"/hours":    "No channel yet.",
		"/new":      "There is no channel to write over.",
		"/rules":    "There is no channel that a text could come in on.",
	} {
		require.Contains(t, s.page(page).text(), want)
		require.NotContains(t, s.page(page).body, `<select id="channel"`, "a choice of nothing")
	}
}

// signIn0 signs in where the cookie is for https only, which the jar would not send back.
func (s *site) signIn0(t *testing.T) {
	t.Helper()
	r := s.form("/sign-in", map[string][]string{"agent": {"ada"}})
	resp, err := s.client.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, resp.Header.Get("Set-Cookie"), "Secure")
	cookie := resp.Cookies()[0]
	s.client.Transport = withCookie{s.client.Transport, cookie}
}

type withCookie struct {
	next   http.RoundTripper
	cookie *http.Cookie
}

func (w withCookie) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.AddCookie(w.cookie)
	return w.next.RoundTrip(r)
}

// The file holds conversations over a restart, and no credential in the clear.
func TestTheFileOutlivesTheProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "desk.db")
	t.Run("first start", func(t *testing.T) {
		s := serveDesk(t, options{store: path})
		s.signIn()
		s.texts("Support", maya, "Remember me")
		s.texts("Deliveries", maya, "And me")
	})
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		require.False(t, bytes.Contains(b, []byte(smstest.TwilioAuthToken)), f)
		require.False(t, bytes.Contains(b, []byte(smstest.BandwidthClientSecret)), f)
	}
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path + ".key")
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	t.Run("second start", func(t *testing.T) {
		s := serveDesk(t, options{store: path})
		s.signIn()
		require.Contains(t, s.page("/inbox").text(), "+1 415 555 0123")
		require.Equal(t, 2, strings.Count(s.page("/channels").text(), "In service"), "seeded once")
		s.texts("Support", maya, "The credentials still open")
		require.Contains(t, s.page("/inbox").text(), "The credentials still open")
	})
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := filepath.Join(dir, "desk.db")
	_, err := sealerFor(store)
	require.NoError(t, err)
	key, err := os.ReadFile(store + ".key")
	require.NoError(t, err)
	_, err = sealerFor(store)
	require.NoError(t, err)
	again, err := os.ReadFile(store + ".key")
	require.NoError(t, err)
	require.Equal(t, key, again, "made once")

	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(store+".key", 0o644))
		_, err = sealerFor(store)
		require.ErrorContains(t, err, "chmod 600")
		require.NoError(t, os.Chmod(store+".key", 0o600))
	}
	require.NoError(t, os.WriteFile(store+".key", key[:16], 0o600))
	_, err = sealerFor(store)
	require.ErrorContains(t, err, "32 bytes")

	require.NoError(t, os.Remove(store+".key"))
	require.NoError(t, os.WriteFile(store, nil, 0o600))
	_, err = sealerFor(store)
	require.ErrorContains(t, err, "is missing")
}

// run says where everything is, serves, and ends cleanly when it is told to.
func TestRunStopsCleanly(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, logs lockedBuffer
	ended := make(chan error, 1)
	store := filepath.Join(t.TempDir(), "desk.db")
	go func() { ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-store", store}, &out, &logs) }()
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "Ctrl-C") }, time.Minute, 5*time.Millisecond, "%s", &logs)
	require.Contains(t, out.String(), store)
	base := regexp.MustCompile(`http://\S+`).FindString(out.String())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"sign-in", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	stop()
	require.NoError(t, <-ended)
	require.Empty(t, logs.String())
}

func TestAnAddressInUseIsSaid(t *testing.T) {
	t.Parallel()
	s := serveDesk(t, options{})
	err := run(t.Context(), []string{"-addr", s.h.listener.Addr().String(), "-store", "memory"}, io.Discard, io.Discard)
	require.ErrorContains(t, err, "choose another -addr")
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
