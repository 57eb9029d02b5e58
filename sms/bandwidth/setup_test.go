package bandwidth_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
)

const (
	testApp  = "93de2206-9669-4e07-948d-329f4b722ee2"
	tokenURL = "https://api.bandwidth.com/api/v1/oauth2/token"
	sendURL  = "https://messaging.bandwidth.com/api/v2/users/9900902/messages"

	clientID     = "canary-client-id"
	clientSecret = "canary-client+secret/="
	hookUser     = "canary-hook-user"
	hookPassword = "canary-hook-password"
	goodID       = "1700000000000abcdefghij"
)

// canaries must never show up in an error or a log.
var canaries = []string{clientID, clientSecret, hookUser, hookPassword, "canary-token", "canary text", "+14155550123", "4155550123"}

var text = channel.Outbound{Ref: "msg-42", From: "+19195550100", To: "+14155550123", Text: "canary text"}

func setup() bandwidth.Setup {
	return bandwidth.Setup{
		Name: "Support", PhoneNumber: "+19195550100", AccountID: "9900902", ApplicationID: testApp,
		APIKey: sms.NewSecret(clientID), APISecret: sms.NewSecret(clientSecret), WebhookUser: sms.NewSecret(hookUser), WebhookPassword: sms.NewSecret(hookPassword),
	}
}

// settings splits a setup as the engine does: by the form's Secret flag, without the channel's own fields.
func settings(s bandwidth.Setup) sms.Settings {
	out := sms.Settings{Values: map[string]string{}, Secrets: map[string]sms.Secret{}}
	values := s.Values()
	for _, f := range bandwidth.New(bandwidth.Config{}).Form().Fields {
		switch v := values[f.Name]; {
		case f.Scope == sms.ScopeChannel, v == "":
		case f.Secret:
			out.Secrets[f.Name] = sms.NewSecret(v)
		default:
			out.Values[f.Name] = v
		}
	}
	return out
}

func open(tb testing.TB, cfg bandwidth.Config) sms.Account {
	tb.Helper()
	a, err := bandwidth.New(cfg).Open(settings(setup()))
	require.NoError(tb, err)
	return a
}

// transport is a carrier without a socket.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(r *http.Request, status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

const (
	tokenOK = `{"access_token":"canary-token","token_type":"Bearer","expires_in":3600}`
	sendOK  = `{"id":"` + goodID + `","segmentCount":1,"tag":"msg-42"}`
)

// carrier answers token requests itself, the way it should be, and leaves texts to send, which gets the body.
func carrier(send func(*http.Request, []byte) (*http.Response, error)) transport {
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.String() == tokenURL {
			return answer(r, 200, tokenOK), nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return send(r, body)
	}
}

func hook(body string) *http.Request {
	r, err := http.NewRequest(http.MethodPost, "https://desk.example/sms/key", http.NoBody)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "BandwidthAPI/v2")
	r.Header.Set("Authorization", basic(hookUser, hookPassword))
	r.ContentLength = int64(len(body))
	return r
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func parse(tb testing.TB, a sms.Account, body string) []channel.Event {
	tb.Helper()
	events, err := a.Parse(hook(body), []byte(body))
	require.NoError(tb, err)
	return events
}

func load(tb testing.TB, name string, into any) {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(raw, into))
}

// shared reads a file that lies beside the repository and is not part of it.
func shared(tb testing.TB, name string, into any) {
	tb.Helper()
	dir, err := os.Getwd()
	require.NoError(tb, err)
	for !isRoot(dir) {
		up := filepath.Dir(dir)
		if up == dir {
			tb.Skip("the repository's root can't be found")
		}
		dir = up
	}
	raw, err := os.ReadFile(filepath.Join(dir, "..", "shared", "data", name))
	if err != nil {
		tb.Skip("../shared/data is missing: published examples not checked")
	}
	require.NoError(tb, json.Unmarshal(raw, into))
}

func isRoot(dir string) bool {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && bytes.HasPrefix(mod, []byte("module github.com/livedesk/livedesk-go\n"))
}
