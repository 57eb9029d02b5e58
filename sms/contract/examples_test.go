package contract_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// canned answers every request of one method and path ending with a body.
type canned struct {
	status int
	body   []byte
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(c.body)), Request: r}, nil
}

func (d *description) examples(t *testing.T, path, method, status string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for name, e := range d.doc.Paths.Value(path).GetOperation(method).Responses.Value(status).Value.Content["application/json"].Examples {
		b, err := json.Marshal(e.Value.Value)
		require.NoError(t, err)
		out[name] = b
	}
	require.NotEmpty(t, out)
	return out
}

// Every answer that Twilio gives as an example is read: a text that was taken as accepted, a list as a list.
func TestTwilioExamples(t *testing.T) {
	d := describe(t, "twilio_messages.openapi.json")
	const messages = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
	open := func(c canned) sms.Account {
		return connect(t, twilio.New(twilio.Config{Transport: c}), nil, twilioValues(withNumber)).account
	}
	for name, body := range d.examples(t, messages, "POST", "201") {
		got, err := open(canned{201, body}).Send(t.Context(), channel.Outbound{Ref: "a", From: smstest.TwilioNumber, To: smstest.Customer, Text: "x"})
		require.NoError(t, err, name)
		require.Len(t, got.ID, 34, name)
		require.Equal(t, channel.StatusAccepted, got.Status, name)
	}
	read := 0
	for name, body := range d.examples(t, messages, "GET", "200") {
		body = bytes.ReplaceAll(body, []byte(`"next_page_uri":"`), []byte(`"was_next":"`)) // one page is enough
		list, err := open(canned{200, body}).(sms.Lister).List(t.Context(), sms.ListQuery{})
		require.NoError(t, err, name)
		read += len(list)
	}
	require.NotZero(t, read)
}

// Every word for a state in Twilio's description is known, but for those that say nothing about a text that went out.
func TestTwilioStatusWords(t *testing.T) {
	d := describe(t, "twilio_messages.openapi.json")
	without := []string{"partially_delivered", "receiving", "received"}
	account := connect(t, twilio.New(twilio.Config{}), nil, twilioValues(withNumber)).account
	const target = "https://desk.example.com/sms/3f9a/status/ref-1"
	for _, word := range d.doc.Components.Schemas["message_enum_status"].Value.Enum {
		word := word.(string)
		form := url.Values{"AccountSid": {smstest.TwilioAccountSID}, "MessageSid": {"SM" + strings.Repeat("1", 32)}, "MessageStatus": {word},
			"From": {string(smstest.TwilioNumber)}, "To": {string(smstest.Customer)}}
		events := parse(t, account, target, http.Header{"Content-Type": {"application/x-www-form-urlencoded"},
			"X-Twilio-Signature": {twilio.Signature(smstest.TwilioAuthToken, target, form)}}, []byte(form.Encode()))
		r := events[0].(channel.Receipt)
		require.Equal(t, slices.Contains(without, word), r.Status == channel.StatusUnknown, word)
		require.Equal(t, word, r.Word)
	}
}

func parse(t *testing.T, account sms.Account, target string, header http.Header, body []byte) []channel.Event {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", target, http.NoBody)
	require.NoError(t, err)
	req.Header = header
	events, err := account.Parse(req, body)
	require.NoError(t, err)
	require.NotEmpty(t, events)
	return events
}

// An answer with every field that Bandwidth describes, or with the fewest, is a text that was taken.
func TestBandwidthExamples(t *testing.T) {
	d := describe(t, "bandwidth_messages.openapi.json")
	s := d.doc.Components.Schemas["message"].Value
	fewest, err := json.Marshal(map[string]any{"id": "1589228074636lm4k2je7j7jklbn2"})
	require.NoError(t, err)
	for _, all := range []bool{true, false} {
		body := fewest
		if all {
			v := instance(s, func(string) bool { return true }).(map[string]any)
			v["tag"] = "ref-1"
			body, err = json.Marshal(v)
			require.NoError(t, err)
			require.Empty(t, undocumented(body, s))
		}
		account := connect(t, bandwidth.New(bandwidth.Config{Transport: canned{202, body}}), nil, bandwidthValues(true)).account
		got, err := account.Send(t.Context(), channel.Outbound{Ref: "ref-1", From: smstest.BandwidthNumber, To: smstest.Customer, Text: "x"})
		require.NoError(t, err)
		require.Equal(t, "1589228074636lm4k2je7j7jklbn2", got.ID)
	}
}

// Every callback that Bandwidth's description allows is read: with each type, and any of the optional fields or none.
func TestBandwidthDescribedCallbacks(t *testing.T) {
	d := describe(t, "bandwidth_messages.openapi.json")
	account := connect(t, bandwidth.New(bandwidth.Config{}), nil, bandwidthValues(false)).account
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Authorization": {"Basic " +
		base64.StdEncoding.EncodeToString([]byte(smstest.BandwidthWebhookUser+":"+smstest.BandwidthWebhookPassword))}}
	r := seeded()
	kinds := map[string]int{}
	for schema, direction := range map[string]string{"inboundCallback": "in", "statusCallback": "out"} {
		s := d.doc.Components.Schemas[schema].Value
		for _, word := range s.Properties["type"].Value.Enum {
			for range 200 {
				e := instance(s, func(string) bool { return r.IntN(2) == 0 }).(map[string]any)
				e["type"] = word
				about := e["message"].(map[string]any)
				about["direction"], about["applicationId"] = direction, smstest.BandwidthApplicationID
				raw, err := json.Marshal(e)
				require.NoError(t, err)
				require.NoError(t, d.callback(schema, raw), "%s", raw)
				events := parse(t, account, "https://desk.example.com/sms/3f9a", header, []byte("["+string(raw)+"]"))
				require.Len(t, events, 1)
				kinds[word.(string)+" "+what(t, events[0])]++
			}
		}
	}
	require.Equal(t, map[string]int{"message-received inbound": 200, "requested-location-response ignored": 200, "suggestion-response ignored": 200,
		"message-sending receipt": 200, "message-sent receipt": 200, "message-delivered receipt": 200, "message-failed receipt": 200, "message-read receipt": 200}, kinds)
}

func what(t *testing.T, e channel.Event) string {
	t.Helper()
	switch e := e.(type) {
	case channel.Inbound:
		return "inbound"
	case channel.Receipt:
		require.NotEqual(t, channel.StatusUnknown, e.Status)
		return "receipt"
	case channel.Unread:
		require.NoError(t, e.Err)
		return "ignored"
	}
	return "nothing"
}

// instance makes a value of a schema out of its examples, with all required fields and those optional ones that are wanted.
func instance(s *openapi3.Schema, want func(name string) bool) any {
	known := properties(s)
	switch {
	case len(known) > 0:
		out := map[string]any{}
		for name, p := range known {
			if slices.Contains(required(s), name) || want(name) {
				out[name] = instance(p, want)
			}
		}
		return out
	case s.Example != nil:
		return s.Example
	case s.Items != nil:
		return []any{instance(s.Items.Value, want)}
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Is("integer"):
		return 1
	}
	return "x"
}

func required(s *openapi3.Schema) []string {
	out := slices.Clone(s.Required)
	for _, part := range s.AllOf {
		out = append(out, required(part.Value)...)
	}
	return out
}
