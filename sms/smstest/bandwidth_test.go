package smstest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
)

const bandwidthAPI = "https://messaging.bandwidth.com/api/v2/users/" + BandwidthAccountID + "/messages"

func newBandwidthDesk(t *testing.T, cfg BandwidthConfig) (*Bandwidth, *desk) {
	d := &desk{}
	cfg.WebhookURL, cfg.WebhookTransport = "https://desk.example.com/bw/k", HandlerTransport(d)
	return NewBandwidth(t, cfg), d
}

func (b *Bandwidth) do(t *testing.T, method, target, contentType, auth, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", auth)
	res, err := b.Transport().RoundTrip(req)
	require.NoError(t, err)
	return res
}

func (b *Bandwidth) askToken(t *testing.T) string {
	t.Helper()
	res := b.do(t, http.MethodPost, "https://api.bandwidth.com/api/v1/oauth2/token", "application/x-www-form-urlencoded",
		basic(url.QueryEscape(BandwidthClientID), url.QueryEscape(BandwidthClientSecret)), "grant_type=client_credentials")
	return "Bearer " + requireShape(t, samples(t, "bandwidth_api_responses.json")["token"], res)["access_token"].(string)
}

// bandwidthBody is a request that nothing is wrong with, changed.
func bandwidthBody(change map[string]any) string {
	m := map[string]any{"applicationId": BandwidthApplicationID, "to": []string{string(Customer)}, "from": BandwidthNumber,
		"text": "hello", "tag": "ref-1"}
	for name, value := range change {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
	body, _ := json.Marshal(m)
	return string(body)
}

func (b *Bandwidth) ask(t *testing.T, change map[string]any) *http.Response {
	t.Helper()
	return b.do(t, http.MethodPost, bandwidthAPI, "application/json", basic(BandwidthAPIUser, BandwidthAPIPassword), bandwidthBody(change))
}

func TestBandwidthAnswersInTheRealShape(t *testing.T) {
	t.Parallel()
	want := samples(t, "bandwidth_api_responses.json")
	b := NewBandwidth(t, BandwidthConfig{})
	token := b.askToken(t)
	got := requireShape(t, want["accepted"], b.do(t, http.MethodPost, bandwidthAPI, "application/json; charset=utf-8", token, bandwidthBody(nil)))
	require.Equal(t, "ref-1", got["tag"])
	require.Equal(t, b.Sent()[0].ID, got["id"])
	requireShape(t, want["accepted-expiring"], b.ask(t, map[string]any{"expiration": time.Now().Add(time.Hour).Format(time.RFC3339)}))
	requireShape(t, want["unauthorized"], b.do(t, http.MethodPost, bandwidthAPI, "application/json", "Bearer x", bandwidthBody(nil)))
	requireShape(t, want["method-not-allowed"], b.do(t, http.MethodPut, bandwidthAPI, "application/json", token, bandwidthBody(nil)))
	b.Fail(Fault{Kind: FaultStatus, Status: 429})
	requireShape(t, want["queue-full"], b.ask(t, nil))
}

func TestBandwidthTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBandwidth(t, BandwidthConfig{TokenLife: time.Minute, RefuseBasic: true, Receipts: func(Sent) []Step { return nil }})
		send := func(auth string) int {
			return b.do(t, http.MethodPost, bandwidthAPI, "application/json", auth, bandwidthBody(nil)).StatusCode
		}
		token := b.askToken(t)
		require.Equal(t, 202, send(token))
		time.Sleep(time.Minute)
		require.Equal(t, 401, send(token), "it ended")
		token = b.askToken(t)
		require.Equal(t, 202, send(token))
		require.Len(t, b.tokens, 2)
		time.Sleep(time.Second)
		b.askToken(t)
		require.Len(t, b.tokens, 2, "an ended token is forgotten")
		b.RevokeTokens()
		require.Equal(t, 401, send(token))
		require.Equal(t, 401, send(basic(BandwidthAPIUser, BandwidthAPIPassword)))
	})
}

func TestBandwidthTokenEndpointRefuses(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	good := basic(BandwidthClientID, BandwidthClientSecret)
	for _, c := range []struct {
		method, contentType, auth, body string
		status                          int
	}{
		{"POST", form, basic(BandwidthClientID, "x"), "grant_type=client_credentials", 401},
		{"POST", form, "", "grant_type=client_credentials", 401},
		{"POST", form, good, "grant_type=password", 400},
		{"POST", "application/json", good, "{}", 400},
		{"GET", form, good, "", 405},
	} {
		b := NewBandwidth(t, BandwidthConfig{})
		require.Equal(t, c.status, b.do(t, c.method, "https://api.bandwidth.com/api/v1/oauth2/token", c.contentType, c.auth, c.body).StatusCode)
		require.Equal(t, KindToken, b.Requests()[0].Kind)
	}
	b := NewBandwidth(t, BandwidthConfig{TokenLife: -1})
	got := readJSON(t, b.do(t, "POST", "https://api.bandwidth.com/api/v1/oauth2/token", form, good, "grant_type=client_credentials"))
	require.NotContains(t, got, "expires_in")
	b.FailFunc(func(r Request) Fault {
		if r.Kind == KindToken {
			return Fault{Kind: FaultNoID}
		}
		return Fault{}
	})
	res := b.do(t, "POST", "https://api.bandwidth.com/api/v1/oauth2/token", form, good, "grant_type=client_credentials")
	require.Equal(t, 200, res.StatusCode)
	require.NotContains(t, readJSON(t, res), "access_token")
}

func TestBandwidthRefusesFields(t *testing.T) {
	t.Parallel()
	b := NewBandwidth(t, BandwidthConfig{})
	for field, change := range map[string]map[string]any{
		"applicationId": {"applicationId": "93de2206-9669-4e07-948d-000000000000"},
		"to":            {"to": nil},
		"to[0]":         {"to": []string{"4155550123"}},
		"to[1]":         {"to": []string{string(Customer), string(Customer)}},
		"from":          {"from": "+15005550006"},
		"text":          {"text": nil},
		"media":         {"media": slices.Repeat([]string{"https://a.example/x"}, 11)},
		"media[0]":      {"media": []string{"x.png"}},
		"tag":           {"tag": strings.Repeat("x", 1025)},
		"priority":      {"priority": "now"},
		"expiration":    {"expiration": "2020-01-01T00:00:00Z"},
		"body":          {"txt": "unknown field"},
	} {
		res := b.ask(t, change)
		require.Equal(t, 400, res.StatusCode, field)
		got := readJSON(t, res)
		require.Equal(t, "request-validation", got["type"])
		require.Equal(t, field, got["fieldErrors"].([]any)[0].(map[string]any)["fieldName"])
	}
	got := readJSON(t, b.ask(t, map[string]any{"to": nil, "from": nil, "text": strings.Repeat("x", 2049), "applicationId": nil}))
	require.Len(t, got["fieldErrors"], 4, "all at once")
	require.Empty(t, b.Sent())
	require.Equal(t, 202, b.ask(t, map[string]any{"text": strings.Repeat("é", 2048), "tag": strings.Repeat("x", 1024)}).StatusCode)
}

func TestBandwidthRefusesRequests(t *testing.T) {
	t.Parallel()
	b := NewBandwidth(t, BandwidthConfig{})
	good := basic(BandwidthAPIUser, BandwidthAPIPassword)
	for _, c := range []struct {
		target, contentType, auth, body string
		status                          int
	}{
		{bandwidthAPI, "text/plain", good, bandwidthBody(nil), 415},
		{bandwidthAPI, "application/json", "", bandwidthBody(nil), 401},
		{strings.Replace(bandwidthAPI, BandwidthAccountID, "1", 1), "application/json", good, bandwidthBody(nil), 403},
		{"https://messaging.bandwidth.com/api/v2/messages", "application/json", good, bandwidthBody(nil), 404},
		{bandwidthAPI, "application/json", good, bandwidthBody(nil) + "{}", 400},
		{bandwidthAPI, "application/json", good, "[", 400},
	} {
		require.Equal(t, c.status, b.do(t, http.MethodPost, c.target, c.contentType, c.auth, c.body).StatusCode)
	}
	require.Empty(t, b.Sent())
}

func TestBandwidthDelivers(t *testing.T) {
	t.Parallel()
	b, d := newBandwidthDesk(t, BandwidthConfig{})
	d.answers = []func(http.ResponseWriter){status(500), status(401)}
	got, err := b.Deliver(t.Context(), Text{Body: "hi", Media: []string{"https://m.example/1.png"}, Others: []channel.Address{"+19195550101", "+14155550199"}})
	require.NoError(t, err)
	require.Equal(t, Delivery{ID: got.ID, Status: 204, Attempts: 3}, got)
	r := d.got[2]
	user, password, _ := r.BasicAuth()
	require.Equal(t, BandwidthWebhookUser+" "+BandwidthWebhookPassword, user+" "+password)
	require.Equal(t, "BandwidthAPI/v2", r.UserAgent())
	require.Equal(t, "application/json; charset=utf-8", r.Header.Get("Content-Type"))
	var events []map[string]any
	require.NoError(t, json.Unmarshal([]byte(d.bodies[2]), &events))
	require.Len(t, events, 2, "one for each own number")
	require.Equal(t, got.ID, events[0]["message"].(map[string]any)["id"])
	require.Equal(t, "+19195550101", events[1]["message"].(map[string]any)["owner"])
	require.Len(t, events[1]["message"].(map[string]any)["to"], 3)

	stubborn, d := newBandwidthDesk(t, BandwidthConfig{Retries: -1})
	d.answers = []func(http.ResponseWriter){status(503)}
	got, err = stubborn.Deliver(t.Context(), Text{})
	require.NoError(t, err)
	require.Equal(t, 1, got.Attempts)
	require.False(t, got.OK())
}

// The events have the fields of the samples made from Bandwidth's schema.
func TestBandwidthEventFields(t *testing.T) {
	t.Parallel()
	var inbound struct {
		Payloads []struct{ Body []map[string]any }
	}
	require.NoError(t, json.Unmarshal(sharedFile(t, "bandwidth_inbound.json"), &inbound))
	var receipts struct {
		Sequences []struct {
			ID       string
			Arrivals [][]map[string]any
		}
	}
	require.NoError(t, json.Unmarshal(sharedFile(t, "bandwidth_status_callbacks.json"), &receipts))
	b, d := newBandwidthDesk(t, BandwidthConfig{Receipts: func(Sent) []Step { return []Step{{Status: channel.StatusFailed, Code: "4476"}} }})
	same := func(want map[string]any) {
		var got []map[string]any
		require.NoError(t, json.Unmarshal([]byte(d.bodies[len(d.bodies)-1]), &got))
		require.Len(t, got[0], len(want))
		for name, value := range want["message"].(map[string]any) {
			require.IsType(t, value, got[0]["message"].(map[string]any)[name], name)
		}
		require.Len(t, got[0]["message"], len(want["message"].(map[string]any)))
		require.Equal(t, want["type"], got[0]["type"])
		require.Equal(t, want["errorCode"], got[0]["errorCode"])
	}
	_, err := b.Deliver(t.Context(), Text{Body: "Hello"})
	require.NoError(t, err)
	same(inbound.Payloads[0].Body[0])
	require.Equal(t, 202, b.ask(t, nil).StatusCode)
	require.NoError(t, b.Wait(t.Context()))
	for _, sequence := range receipts.Sequences {
		if sequence.ID == "failed-4476" {
			same(sequence.Arrivals[0][0])
		}
	}
}

func TestBandwidthReceipts(t *testing.T) {
	t.Parallel()
	b, d := newBandwidthDesk(t, BandwidthConfig{StatusURL: "https://desk.example.com/bw/status"})
	require.Equal(t, 202, b.ask(t, nil).StatusCode)
	require.NoError(t, b.Wait(t.Context()))
	var words []string
	for _, w := range b.Webhooks() {
		words = append(words, w.Word)
	}
	require.Equal(t, []string{"message-sending", "message-sent", "message-delivered"}, words)
	require.Equal(t, "/bw/status", d.got[0].RequestURI)
	require.Contains(t, d.bodies[0], `"tag":"ref-1"`)
	require.NotContains(t, d.bodies[0], "hello", "Bandwidth keeps no text")
	require.Error(t, b.Report(t.Context(), b.Sent()[0].ID, Step{Word: "message-failed", Code: "many"}))
}

func TestBandwidthTollFreeOptOut(t *testing.T) {
	t.Parallel()
	const tollFreeNumber channel.Address = "+18005550100"
	b, d := newBandwidthDesk(t, BandwidthConfig{Numbers: []channel.Address{BandwidthNumber, tollFreeNumber}})
	for _, to := range []channel.Address{BandwidthNumber, tollFreeNumber} {
		_, err := b.Deliver(t.Context(), Text{To: to, Body: "Stop"})
		require.NoError(t, err)
	}
	require.False(t, b.OptedOut(BandwidthNumber, Customer), "on a long code the desk keeps the list")
	require.True(t, b.OptedOut(tollFreeNumber, Customer))
	require.Equal(t, 202, b.ask(t, map[string]any{"from": tollFreeNumber}).StatusCode)
	require.NoError(t, b.Wait(t.Context()))
	require.Contains(t, d.bodies[len(d.bodies)-1], `"errorCode":4475`)
	_, err := b.Deliver(t.Context(), Text{To: tollFreeNumber, Body: "UNSTOP"})
	require.NoError(t, err)
	require.False(t, b.OptedOut(tollFreeNumber, Customer))
	require.Empty(t, b.Replies())
}
