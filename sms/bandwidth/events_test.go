package bandwidth_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
)

// event is a good message-received with these members of the event and of its message replaced; nil removes one.
func event(outer, message map[string]any) string {
	m := map[string]any{
		"id": "id-1", "owner": "+19195550100", "applicationId": testApp, "time": "2026-11-22T05:34:01.123456Z",
		"segmentCount": 1, "direction": "in", "to": []any{"+19195550100"}, "from": "+14155550123", "text": "canary text",
	}
	patch(m, message)
	e := map[string]any{
		"time": "2026-11-22T05:34:02Z", "type": "message-received", "to": "+19195550100",
		"description": "Incoming message received", "message": m,
	}
	patch(e, outer)
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func patch(into, from map[string]any) {
	maps.Copy(into, from)
	maps.DeleteFunc(into, func(_ string, v any) bool { return v == nil })
}

func receipt(outer, message map[string]any) string {
	o := map[string]any{"type": "message-delivered", "to": "+14155550123"}
	m := map[string]any{"direction": "out", "to": []any{"+14155550123"}, "from": "+19195550100", "text": "", "tag": "msg-42", "id": goodID}
	maps.Copy(o, outer)
	maps.Copy(m, message)
	return event(o, m)
}

func one[E channel.Event](t *testing.T, body string) E {
	t.Helper()
	events := parse(t, open(t, bandwidth.Config{}), "["+body+"]")
	require.Len(t, events, 1)
	e, ok := events[0].(E)
	require.True(t, ok, "%#v", events[0])
	return e
}

func TestInbound(t *testing.T) {
	t.Parallel()
	require.Equal(t, channel.Inbound{
		ID: "id-1", From: "+14155550123", To: "+19195550100", Text: "canary text", Segments: 1,
		At: time.Date(2026, 11, 22, 5, 34, 1, 123456000, time.UTC),
	}, one[channel.Inbound](t, event(nil, nil)))
}

func TestInboundTime(t *testing.T) {
	t.Parallel()
	sent := time.Date(2026, 11, 22, 5, 34, 1, 0, time.UTC)
	for word, want := range map[any]time.Time{
		"2026-11-22T05:34:01Z":        sent,
		"2026-11-22T05:34:01.5Z":      sent.Add(5e8),
		"2026-11-22T05:34:01.123456Z": sent.Add(123456000),
		"2026-11-22T06:34:01+01:00":   sent,
		"2026-11-22":                  sent.Add(time.Second), // then the event's own time
		7:                             sent.Add(time.Second),
		nil:                           sent.Add(time.Second),
	} {
		require.Equal(t, want, one[channel.Inbound](t, event(nil, map[string]any{"time": word})).At, word)
	}
	in := one[channel.Inbound](t, event(map[string]any{"time": "soon"}, map[string]any{"time": "later"}))
	require.True(t, in.At.IsZero())
}

// TestInboundSenders is F40.
func TestInboundSenders(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]channel.Address{
		"+14155550123":           "+14155550123",
		"14155550123":            "+14155550123",
		"447700900123":           "+447700900123",
		"72345":                  "72345",
		"12345678":               "12345678",
		"04155550123":            "04155550123",
		"1234567890123456":       "1234567890123456",
		"AMAZON":                 "AMAZON",
		"Grüße":                  "Grüße",
		"":                       "",
		"anonymous":              "anonymous",
		"whatsapp:+14155550123":  "whatsapp:+14155550123",
		"+19195550100":           "+19195550100",
		"'; DROP TABLE texts;--": "'; DROP TABLE texts;--",
	} {
		require.Equal(t, want, one[channel.Inbound](t, event(nil, map[string]any{"from": from})).From, from)
	}
}

// TestInboundGroup is the second half of F42.
func TestInboundGroup(t *testing.T) {
	t.Parallel()
	in := one[channel.Inbound](t, event(nil, map[string]any{
		"owner": "19195550100",
		"to":    []any{"19195550100", "+12025550188", "+14155550123", "12025550188", "", "+12025550189"},
	}))
	require.Equal(t, channel.Address("+19195550100"), in.To)
	require.Equal(t, []channel.Address{"+12025550188", "+12025550189"}, in.Others)
	in = one[channel.Inbound](t, event(nil, map[string]any{"owner": nil, "to": nil}))
	require.Equal(t, channel.Address("+19195550100"), in.To, "the event's own to")
	require.Empty(t, in.Others)
}

// TestInboundMedia is the first half of F42.
func TestInboundMedia(t *testing.T) {
	t.Parallel()
	in := one[channel.Inbound](t, event(nil, map[string]any{
		"text":  nil,
		"media": []any{"https://x/0/a.JPG", "https://x/1/b.smil", "https://x/2/c", "https://x/3/d.exe", "", "javascript:alert(1)"},
	}))
	require.Empty(t, in.Text)
	require.Equal(t, []channel.Attachment{
		{URL: "https://x/0/a.JPG", ContentType: "image/jpeg"},
		{URL: "https://x/1/b.smil", ContentType: "application/smil"},
		{URL: "https://x/2/c"},
		{URL: "https://x/3/d.exe"},
		{URL: "javascript:alert(1)"}, // a reference; who fetches decides
	}, in.Media)
	require.Nil(t, one[channel.Inbound](t, event(nil, map[string]any{"media": []any{}})).Media)
}

// TestInboundText is F18, F132, F133 and F138: the text is what the customer typed.
func TestInboundText(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`"  a\r\n\tb+%2B  "`:     "  a\r\n\tb+%2B  ",
		`"\u0000x"`:              "\x00x",
		`"\ud83d\ude00"`:         "😀",
		`"\ud83d"`:               "\uFFFD",
		`"\ude00\ud83d"`:         "\uFFFD\uFFFD",
		"\"a\xffb\xc0\xaf\"":     "a\uFFFDb\uFFFD\uFFFD",
		"\"\xef\xbb\xbfx\"":      "\uFEFFx",
		`"\u202egnp.\u001b[31m"`: "\u202egnp.\x1b[31m",
		`"</Message><Dial>"`:     "</Message><Dial>",
		`"\"\\\/"`:               `"\/`,
		`null`:                   "",
	} {
		body := strings.Replace(event(nil, nil), `"canary text"`, raw, 1)
		in := one[channel.Inbound](t, body)
		require.Equal(t, want, in.Text, raw)
		require.Equal(t, channel.Clean(want), channel.Clean(in.Text))
	}
}

func TestInboundExtras(t *testing.T) {
	t.Parallel()
	in := one[channel.Inbound](t, event(
		map[string]any{"carrierName": "AT&T", "novelty": []any{1}},
		map[string]any{"channel": "rbm", "segmentCount": "many", "novelty": map[string]any{"a": 1}}))
	require.Equal(t, map[string]string{"carrierName": "AT&T", "channel": "rbm"}, in.Fields)
	require.Zero(t, in.Segments)
	require.Zero(t, one[channel.Inbound](t, event(nil, map[string]any{"segmentCount": -1})).Segments)
}

func TestApplicationCase(t *testing.T) {
	t.Parallel()
	s := setup()
	s.ApplicationID = strings.ToUpper(testApp)
	a, err := bandwidth.New(bandwidth.Config{}).Open(settings(s))
	require.NoError(t, err)
	events := parse(t, a, "["+event(nil, nil)+"]")
	require.IsType(t, channel.Inbound{}, events[0])
}

func TestReceipt(t *testing.T) {
	t.Parallel()
	want := channel.Receipt{
		Ref: "msg-42", ID: goodID, Status: channel.StatusDelivered, Word: "message-delivered",
		At: time.Date(2026, 11, 22, 5, 34, 2, 0, time.UTC),
	}
	require.Equal(t, want, one[channel.Receipt](t, receipt(nil, nil)))
	for word, status := range map[string]channel.DeliveryStatus{
		"message-sending": channel.StatusAccepted,
		"message-sent":    channel.StatusSent,
		"message-read":    channel.StatusRead,
	} {
		want.Word, want.Status = word, status
		require.Equal(t, want, one[channel.Receipt](t, receipt(map[string]any{"type": word}, nil)))
	}
	read := one[channel.Receipt](t, receipt(map[string]any{"type": "message-read", "eventTime": "2026-11-22T05:33:00.1Z"}, nil))
	require.Equal(t, time.Date(2026, 11, 22, 5, 33, 0, 1e8, time.UTC), read.At)
}

// TestReceiptTag: a tag that isn't one of ours is nobody's Ref.
func TestReceiptTag(t *testing.T) {
	t.Parallel()
	for tag, want := range map[any]string{
		"msg-42":                "msg-42",
		strings.Repeat("a", 64): strings.Repeat("a", 64),
		strings.Repeat("a", 65): "",
		"your tag here":         "",
		"a_b":                   "",
		"é":                     "",
		"":                      "",
		7:                       "",
		nil:                     "",
	} {
		require.Equal(t, want, one[channel.Receipt](t, receipt(nil, map[string]any{"tag": tag})).Ref, tag)
	}
}

// TestErrorCodes runs all codes of the reference list.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	var data struct {
		Codes []struct {
			Code  int
			Class string
		}
	}
	load(t, "error_codes.json", &data)
	require.Len(t, data.Codes, 83)
	reasons := map[string]channel.Reason{
		"config": channel.ReasonConfig, "content": channel.ReasonContent, "expired": channel.ReasonExpired,
		"opt-out": channel.ReasonOptOut, "permanent-other": channel.ReasonOther, "permanent-recipient": channel.ReasonRecipient,
		"retry-later": channel.ReasonRetryLater, "unknown-outcome": channel.ReasonUnknown,
	}
	for _, c := range data.Codes {
		want, ok := reasons[c.Class]
		require.True(t, ok, c.Class)
		requireFailure(t, c.Code, strconv.Itoa(c.Code), want)
	}
}

func TestErrorCodesUnknown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code   any
		want   string
		reason channel.Reason
	}{
		{4999, "4999", channel.ReasonOther},
		{4799, "4799", channel.ReasonOther},
		{5999, "5999", channel.ReasonRetryLater},
		{5699, "5699", channel.ReasonRetryLater},
		{9001, "9001", channel.ReasonUnknown},
		{7, "7", channel.ReasonOther},
		{"4775", "4775", channel.ReasonOptOut},
		{"canary text", "", channel.ReasonOther},
		{-4775, "", channel.ReasonOther},
		{1e300, "", channel.ReasonOther},
		{[]any{4775}, "", channel.ReasonOther},
		{nil, "", channel.ReasonOther},
	} {
		requireFailure(t, c.code, c.want, c.reason)
	}
	r := one[channel.Receipt](t, receipt(map[string]any{"errorCode": 4775}, nil))
	require.Empty(t, r.Reason, "only message-failed is a failure")
}

func requireFailure(t *testing.T, code any, want string, reason channel.Reason) {
	t.Helper()
	r := one[channel.Receipt](t, receipt(map[string]any{"type": "message-failed", "errorCode": code}, nil))
	status := channel.StatusFailed
	if reason == channel.ReasonUnknown {
		status = channel.StatusUnknown
	}
	require.Equal(t, want, r.Code, "%v", code)
	require.Equal(t, reason, r.Reason, "%v", code)
	require.Equal(t, status, r.Status, "%v", code)
}

// TestReferenceInbound runs the reference callbacks, from the bytes as they are on the wire.
func TestReferenceInbound(t *testing.T) {
	t.Parallel()
	var data struct {
		Payloads []struct {
			ID     string
			Raw    string `json:"raw_body"`
			Expect []struct {
				Kind, Text string
				Media      int
				Group      bool
			}
		}
	}
	load(t, "inbound.json", &data)
	require.NotEmpty(t, data.Payloads)
	a := open(t, bandwidth.Config{})
	for _, p := range data.Payloads {
		events := parse(t, a, p.Raw)
		require.Len(t, events, len(p.Expect), p.ID)
		for i, want := range p.Expect {
			switch e := events[i].(type) {
			case channel.Inbound:
				require.Equal(t, "message", want.Kind, p.ID)
				require.Equal(t, want.Text, e.Text, p.ID)
				require.Len(t, e.Media, want.Media, p.ID)
				require.Equal(t, want.Group, len(e.Others) > 0, p.ID)
				require.Equal(t, channel.KindE164, e.From.Kind(), p.ID)
			case channel.Receipt:
				require.Equal(t, "status", want.Kind, p.ID)
			case channel.Unread:
				require.Equal(t, "ignore", want.Kind, p.ID)
				require.NoError(t, e.Err, p.ID)
			}
		}
	}
}

// TestReferenceSequences runs the reference receipts.
func TestReferenceSequences(t *testing.T) {
	t.Parallel()
	var data struct {
		Sequences []struct {
			ID       string
			Arrivals []json.RawMessage
			Final    struct {
				Status string
				Error  *int
			}
		}
	}
	load(t, "status_callbacks.json", &data)
	require.NotEmpty(t, data.Sequences)
	a := open(t, bandwidth.Config{})
	for _, s := range data.Sequences {
		var last channel.Receipt
		for _, body := range s.Arrivals {
			for _, e := range parse(t, a, string(body)) {
				r, ok := e.(channel.Receipt)
				require.True(t, ok, s.ID)
				last = r
			}
		}
		require.Equal(t, goodID, last.ID, s.ID)
		require.Equal(t, s.ID != "no-tag", last.Ref == "msg-42", s.ID)
		require.Equal(t, s.Final.Status, cmpStatus(last.Status), s.ID)
		code := ""
		if s.Final.Error != nil {
			code = strconv.Itoa(*s.Final.Error)
		}
		require.Equal(t, code, last.Code, s.ID)
	}
}

func cmpStatus(s channel.DeliveryStatus) string {
	if s == channel.StatusUnknown {
		return "unknown"
	}
	return string(s)
}

// TestPublishedExamples reads the callbacks of Bandwidth's own OpenAPI document.
func TestPublishedExamples(t *testing.T) {
	t.Parallel()
	var data struct {
		Examples []struct {
			ID   string
			Body json.RawMessage
		} `json:"published_examples"`
	}
	shared(t, "bandwidth_inbound.json", &data)
	want := map[string]string{
		"smsMessageReceived":       "in +12345678901 +12345678902 [] 0",
		"mmsMessageReceived":       "in +12345678901 +12345678902 [+12345678903] 1",
		"messageSending":           "out accepted",
		"messageSent":              "out sent",
		"smsMessageDelivered":      "out delivered",
		"mmsMessageDelivered":      "out delivered",
		"groupMmsMessageDelivered": "out delivered",
		"messageFailed":            "out failed 4432 config",
	}
	require.Len(t, data.Examples, len(want))
	for _, x := range data.Examples {
		var apps []struct {
			Message struct{ ApplicationID string }
		}
		require.NoError(t, json.Unmarshal(x.Body, &apps))
		s := setup()
		s.ApplicationID = apps[0].Message.ApplicationID
		a, err := bandwidth.New(bandwidth.Config{}).Open(settings(s))
		require.NoError(t, err)
		events := parse(t, a, string(x.Body))
		require.Len(t, events, 1)
		require.Equal(t, want[x.ID], outline(events[0]), x.ID)
	}
}

func outline(e channel.Event) string {
	switch e := e.(type) {
	case channel.Inbound:
		return fmt.Sprintf("in %s %s %s %d", string(e.From), string(e.To), e.Others, len(e.Media))
	case channel.Receipt:
		return strings.TrimSpace(fmt.Sprintf("out %s %s %s", e.Status, e.Code, e.Reason))
	}
	return fmt.Sprintf("%+v", e)
}
