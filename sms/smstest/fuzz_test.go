package smstest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzTwilioRequest: whatever an adapter sends is answered, in JSON, and taken only with 201 and an id.
func FuzzTwilioRequest(f *testing.F) {
	for _, body := range []string{twilioForm().Encode(), "", "To=%zz", "To=+1&From=&StatusCallback=%00", "MediaUrl=::&To=%2B14155550123",
		"StatusCallback=http://[::1", "Body=x;y&To=a&To=b"} {
		f.Add(body)
	}
	fake, err := OpenTwilio(TwilioConfig{Keep: 10})
	require.NoError(f, err)
	f.Cleanup(func() { _ = fake.Close() })
	f.Fuzz(func(t *testing.T, body string) {
		req := twilioRequest(t.Context(), "https://api.twilio.com", nil)
		req.Body, req.GetBody = http.NoBody, nil
		got := fake.exchange(req, []byte(body), Request{Kind: KindSend}, "")
		requireAnswer(t, got, http.StatusCreated)
	})
}

// FuzzBandwidthRequest: the same for Bandwidth.
func FuzzBandwidthRequest(f *testing.F) {
	for _, body := range []string{bandwidthBody(nil), "", "{}", "[]", "null", `{"to":[null],"from":1}`, `{"to":["+1"],"to":[]}`, strings.Repeat("[", 1000)} {
		f.Add(body)
	}
	fake, err := OpenBandwidth(BandwidthConfig{Keep: 10})
	require.NoError(f, err)
	f.Cleanup(func() { _ = fake.Close() })
	f.Fuzz(func(t *testing.T, body string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, bandwidthAPI, nil)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth(BandwidthAPIUser, BandwidthAPIPassword)
		got := fake.exchange(req, []byte(body), Request{Kind: KindSend}, "")
		requireAnswer(t, got, http.StatusAccepted)
	})
}

func requireAnswer(t *testing.T, got reply, good int) {
	t.Helper()
	require.True(t, json.Valid(got.body), "%q", got.body)
	require.Equal(t, got.id != "", got.status == good)
	if got.id == "" {
		require.NotEmpty(t, got.code)
		require.GreaterOrEqual(t, got.status, 400)
	}
}
