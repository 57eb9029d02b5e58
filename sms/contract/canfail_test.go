package contract_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// spoiled returns the requests that hold old with new instead, as an adapter with a mistake would send them.
func spoiled(all []exchange, old, new string) (out []exchange) {
	for _, x := range all {
		changed := bytes.Replace(x.body, []byte(old), []byte(new), 1)
		if bytes.Equal(changed, x.body) {
			continue
		}
		x.body = changed
		out = append(out, x)
	}
	return out
}

// Mistakes that an adapter or a fake could make are found: what can't fail proves nothing.
func TestMistakesAreFound(t *testing.T) {
	m := channel.Outbound{Ref: "a", To: "+14155550123", Text: "hi", Media: []string{"https://media.example.com/a.png"}}
	t.Run("twilio", func(t *testing.T) {
		d := describe(t, "twilio_messages.openapi.json")
		_, rec := newTwilio(t)
		m := m
		m.From = twilioSenders[0]
		sendAll(t, connect(t, twilio.New(twilio.Config{Transport: rec}), rec, twilioValues(withNumber)), []channel.Outbound{m})
		requireFound(t, d, rec.exchanges(), map[string]string{"Body=": "body=", "To=": "To2=", "To=%2B14155550123": "To=%2B1", "From=": "From=%2B1&From=",
			"MediaUrl=https%3A%2F%2F": "MediaUrl=", "StatusCallback=https%3A": "StatusCallback=", "Body=hi": "Body=hi&MessagingServiceSid=MG1",
			"Body=h": "Body=h&ValidityPeriod=soon&x="})
	})
	t.Run("bandwidth", func(t *testing.T) {
		d := describe(t, "bandwidth_messages.openapi.json")
		_, rec := newBandwidth(t)
		m := m
		m.From = bandwidthSenders[0]
		sendAll(t, connect(t, bandwidth.New(bandwidth.Config{Transport: rec}), rec, bandwidthValues(false)), []channel.Outbound{m})
		var sends []exchange
		for _, x := range rec.exchanges() {
			if name, _ := d.operation(x); name != "" {
				sends = append(sends, x)
			}
		}
		requireFound(t, d, sends, map[string]string{`"text"`: `"txt"`, `"to"`: `"To"`, `["+14155550123"]`: `"+14155550123"`, `"hi"`: "7", `"tag"`: `"expiration"`,
			`"media":["https`: `"media":["httpx`, `"text":`: `"priority":"low","text":`, `{"app`: `[{"app`, `hi"`: string(bytes.Repeat([]byte("x"), 2049)) + `"`})
	})
}

// requireFound wants the sends as they are to pass, and each mistake in them to be found.
func requireFound(t *testing.T, d *description, sends []exchange, mistakes map[string]string) {
	t.Helper()
	require.Len(t, sends, 1)
	require.NoError(t, d.request(sends[0]))
	require.NoError(t, d.answer(sends[0]))
	for old, new := range mistakes {
		wrong := spoiled(sends, old, new)
		require.Len(t, wrong, 1, old)
		require.Error(t, d.request(wrong[0]), "%s became %s", old, new)
	}
	change := func(f func(*exchange)) exchange {
		x := sends[0]
		x.header, x.answerHeader = x.header.Clone(), x.answerHeader.Clone()
		f(&x)
		return x
	}
	for name, x := range map[string]exchange{
		"method":    change(func(x *exchange) { x.method = http.MethodPatch }),
		"path":      change(func(x *exchange) { x.url += "x" }),
		"host":      change(func(x *exchange) { x.url = "https://example.com/" + x.url[len("https://messaging.bandwidth.com/"):] }),
		"plain":     change(func(x *exchange) { x.url = "http" + x.url[len("https"):] }),
		"query":     change(func(x *exchange) { x.url += "?a=b" }),
		"no proof":  change(func(x *exchange) { x.header.Del("Authorization") }),
		"type":      change(func(x *exchange) { x.header.Set("Content-Type", "text/plain") }),
		"no type":   change(func(x *exchange) { x.header.Del("Content-Type") }),
		"nothing":   change(func(x *exchange) { x.body = nil }),
		"two texts": change(func(x *exchange) { x.body = append(bytes.Clone(x.body), "&To=x{}"...) }),
	} {
		require.Error(t, d.request(x), name)
	}
	for name, x := range map[string]exchange{
		"status":  change(func(x *exchange) { x.status = 418 }),
		"type":    change(func(x *exchange) { x.answerHeader.Set("Content-Type", "text/html") }),
		"invents": change(func(x *exchange) { x.answer = bytes.Replace(x.answer, []byte(`{`), []byte(`{"invented":1,`), 1) }),
		"number":  change(func(x *exchange) { x.answer = bytes.Replace(x.answer, []byte(`"from":"`), []byte(`"from":7,"x":"`), 1) }),
		"cut":     change(func(x *exchange) { x.answer = x.answer[:len(x.answer)/2] }),
	} {
		require.Error(t, d.answer(x), name)
	}
}
