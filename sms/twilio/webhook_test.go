package twilio_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// webhook is a form posted to target, signed with the test account's token where it can be read as a form.
func webhook(target, raw string) *http.Request { return webhookSigned(testToken, target, raw) }

func webhookSigned(token, target, raw string) *http.Request {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	return webhookAt(token, u, raw)
}

func webhookAt(token string, u *url.URL, raw string) *http.Request {
	r := &http.Request{Method: http.MethodPost, URL: u, Header: http.Header{}, Body: http.NoBody}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	form, _ := url.ParseQuery(raw)
	r.Header.Set("X-Twilio-Signature", twilio.Signature(token, u.String(), form))
	return r
}

type inboundCase struct {
	ID     string
	Form   map[string]string
	Raw    string `json:"raw_body"`
	Expect struct {
		Kind, Text string
		Media      []string
	}
}

func inboundData(t testing.TB) []inboundCase {
	t.Helper()
	var data struct{ Payloads []inboundCase }
	testdata(t, "twilio_inbound.json", &data)
	require.NotEmpty(t, data.Payloads)
	return data.Payloads
}

func TestParseInbound(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	for _, c := range inboundData(t) {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			events, err := a.Parse(webhook(testWebhook, c.Raw), []byte(c.Raw))
			if c.Expect.Kind == "reject" {
				require.ErrorIs(t, err, channel.ErrMalformed)
				return
			}
			require.NoError(t, err)
			require.Len(t, events, 1)
			in, ok := events[0].(channel.Inbound)
			require.True(t, ok)
			require.Equal(t, c.Form["MessageSid"], in.ID)
			require.Equal(t, channel.Address(c.Form["From"]), in.From)
			require.Equal(t, channel.Address(c.Form["To"]), in.To)
			require.Equal(t, c.Expect.Text, in.Text)
			require.Equal(t, c.Form["MessagingServiceSid"], in.Pool)
			require.Equal(t, "US", in.Country)
			require.Equal(t, 1, in.Segments)
			require.True(t, in.At.IsZero())
			require.Len(t, in.Media, len(c.Expect.Media))
			for i, m := range in.Media {
				require.Equal(t, c.Expect.Media[i], m.ContentType)
				require.Equal(t, c.Form["MediaUrl"+strconv.Itoa(i)], m.URL)
			}
			want := map[string]channel.Consent{"STOP": channel.OptOut, "START": channel.OptIn, "HELP": channel.Help}
			require.Equal(t, want[c.Form["OptOutType"]], in.Consent)
			delete(c.Form, "Body")
			require.Equal(t, c.Form, in.Fields)
		})
	}
}

func TestParseReceipts(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	var data struct {
		Sequences []struct {
			ID       string
			Arrivals []struct {
				Form map[string]string
				Raw  string `json:"raw_body"`
			}
		}
	}
	testdata(t, "twilio_status_callbacks.json", &data)
	words := map[string]channel.DeliveryStatus{
		"queued": channel.StatusAccepted, "sent": channel.StatusSent, "delivered": channel.StatusDelivered,
		"undelivered": channel.StatusUndelivered, "failed": channel.StatusFailed,
	}
	reasons := map[string]channel.Reason{"30034": channel.ReasonConfig, "30005": channel.ReasonRecipient,
		"30008": channel.ReasonRetryLater, "63036": channel.ReasonRecipient, "": channel.ReasonNone}
	for _, s := range data.Sequences {
		for _, c := range s.Arrivals {
			want := channel.Receipt{
				Ref: "0192-ref", ID: c.Form["MessageSid"], Status: words[c.Form["MessageStatus"]],
				Word: c.Form["MessageStatus"], Code: c.Form["ErrorCode"], Reason: reasons[c.Form["ErrorCode"]],
			}
			if c.Form["RawDlrDoneDate"] != "" {
				want.At = time.Date(2026, 11, 22, 5, 34, 0, 0, time.UTC)
			}
			events, err := a.Parse(webhook(testWebhook+"/status/0192-ref", c.Raw), []byte(c.Raw))
			require.NoError(t, err, s.ID)
			require.Equal(t, []channel.Event{want}, events, s.ID)

			want.Ref = "" // a service-level callback comes to the webhook URL itself
			events, err = a.Parse(webhook(testWebhook, c.Raw), []byte(c.Raw))
			require.NoError(t, err, s.ID)
			require.Equal(t, []channel.Event{want}, events, s.ID)
		}
	}
}

const messageID = "SM000000000000000000000000000001f4"

func receiptForm(pairs ...string) string {
	return encode(append([]string{"MessageSid", messageID, "AccountSid", testAccount, "From", "+15105550100", "To", "+14155550123"}, pairs...)...)
}

// F59, F60: every word Twilio has, and those that it doesn't have yet.
func TestParseReceiptWords(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	long := strings.Repeat("é", 50)
	for word, want := range map[string]channel.Receipt{
		"accepted":            {Status: channel.StatusAccepted, Word: "accepted"},
		"scheduled":           {Status: channel.StatusAccepted, Word: "scheduled"},
		"sending":             {Status: channel.StatusAccepted, Word: "sending"},
		"read":                {Status: channel.StatusRead, Word: "read"},
		"canceled":            {Status: channel.StatusCanceled, Word: "canceled"},
		"failed":              {Status: channel.StatusFailed, Word: "failed", Reason: channel.ReasonOther},
		"undelivered":         {Status: channel.StatusUndelivered, Word: "undelivered", Reason: channel.ReasonOther},
		"partially_delivered": {Word: "partially_delivered"},
		"DELIVERED":           {Word: "DELIVERED"},
		"a\x00b":              {Word: "a\uFFFDb"},
		long:                  {Word: long[:64]},
	} {
		raw := receiptForm("MessageStatus", word)
		events, err := a.Parse(webhook(testWebhook+"/status/r", raw), []byte(raw))
		require.NoError(t, err, word)
		want.Ref, want.ID = "r", messageID
		require.Equal(t, []channel.Event{want}, events, word)
	}
}

func TestParseReceiptDetails(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	parse := func(path string, pairs ...string) channel.Receipt {
		raw := receiptForm(append([]string{"MessageStatus", "undelivered"}, pairs...)...)
		events, err := a.Parse(webhook(testWebhook+path, raw), []byte(raw))
		require.NoError(t, err)
		return events[0].(channel.Receipt)
	}
	for _, date := range []string{"", "261122", "2613220534", "2611320534", "26112205345", "abcdefghij", "2611222534", "+611220534"} {
		require.Zero(t, parse("/status/r", "RawDlrDoneDate", date).At, date)
	}
	require.Equal(t, time.Date(2099, 12, 31, 23, 59, 0, 0, time.UTC), parse("/status/r", "RawDlrDoneDate", "9912312359").At)
	for code, want := range map[string]string{"": "", "0": "", "-1": "", "x": "", "99999999": "", "30003": "30003", "12345": "12345"} {
		require.Equal(t, want, parse("/status/r", "ErrorCode", code).Code, code)
	}
	require.Equal(t, channel.ReasonOther, parse("/status/r", "ErrorCode", "12345").Reason)
	for path, ref := range map[string]string{
		"/status/a-B-9": "a-B-9", "/status/": "", "/status/a/b": "", "/status/a_b": "",
		"/status/" + strings.Repeat("x", 64): strings.Repeat("x", 64), "/status/" + strings.Repeat("x", 65): "",
	} {
		require.Equal(t, ref, parse(path).Ref, path)
	}
}

// 30004 from a toll-free number is that network's word for an earlier STOP.
func TestParseTollFreeBlockIsAnOptOut(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	for from, want := range map[string]channel.Reason{
		"+18885550100": channel.ReasonOptOut, "+18005550100": channel.ReasonOptOut,
		"+15105550100": channel.ReasonRecipient, "+18225550100": channel.ReasonRecipient, "+1888555010": channel.ReasonRecipient,
	} {
		raw := encode("MessageSid", messageID, "AccountSid", testAccount, "From", from, "To", "+14155550123",
			"MessageStatus", "undelivered", "ErrorCode", "30004")
		events, err := a.Parse(webhook(testWebhook+"/status/r", raw), []byte(raw))
		require.NoError(t, err)
		require.Equal(t, want, events[0].(channel.Receipt).Reason, from)
	}
}

// The address that Twilio was told may carry an older key than the account knows.
func TestParseFindsThePathBelowAnyKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ webhook, target, ref string }{
		{"https://h.example/sms/newkey", "https://h.example/sms/oldkey/status/r1", "r1"},
		{"https://h.example/status/newkey", "https://h.example/status/oldkey/status/r1", "r1"},
		{"https://h.example/newkey", "https://h.example/oldkey/status/r1", "r1"},
		{"https://h.example", "https://h.example/any/status/r1", "r1"},
		{"https://h.example/a/newkey", "https://h.example/b/status/x/status/r1", "r1"},
		{"", "https://h.example/x/status/r1", "r1"},
	} {
		s := settings()
		s.WebhookURL = c.webhook
		raw := receiptForm("MessageStatus", "sent")
		events, err := open(t, twilio.Config{}, s).Parse(webhook(c.target, raw), []byte(raw))
		require.NoError(t, err, c.target)
		require.Equal(t, c.ref, events[0].(channel.Receipt).Ref, c.target)
	}
	// Without this a base path that ends in "/status" would turn each text into a receipt.
	s := settings()
	s.WebhookURL = "https://h.example/status/newkey"
	raw := inboundData(t)[0].Raw
	events, err := open(t, twilio.Config{}, s).Parse(webhook("https://h.example/status/oldkey", raw), []byte(raw))
	require.NoError(t, err)
	require.IsType(t, channel.Inbound{}, events[0])
	_, err = open(t, twilio.Config{}, s).Parse(webhook("https://h.example/status/oldkey/other", raw), []byte(raw))
	require.ErrorIs(t, err, channel.ErrMalformed)
}

// F1, F3, F6, F8: who may speak to us.
func TestParseOrigin(t *testing.T) {
	t.Parallel()
	raw := inboundData(t)[0].Raw
	s := settings()
	s.Previous = []map[string]sms.Secret{{"auth_token": sms.NewSecret("previous1")}, {"auth_token": sms.NewSecret("")}, {"auth_token": sms.NewSecret("  ")}, {}, {"auth_token": sms.NewSecret("previous2")}}
	a := open(t, twilio.Config{}, s)
	genuine := func() *http.Request { return webhook(testWebhook, raw) }

	for _, token := range []string{testToken, "previous1", "previous2"} {
		_, err := a.Parse(webhookSigned(token, testWebhook, raw), []byte(raw))
		require.NoError(t, err, token)
	}
	_, err := open(t, twilio.Config{}, settings()).Parse(webhookSigned("previous1", testWebhook, raw), []byte(raw))
	require.ErrorIs(t, err, channel.ErrForged, "the rotation has ended")

	for name, change := range map[string]func(r *http.Request) string{
		"no signature": func(r *http.Request) string { r.Header.Del("X-Twilio-Signature"); return raw },
		"two signatures": func(r *http.Request) string {
			r.Header.Add("X-Twilio-Signature", r.Header.Get("X-Twilio-Signature"))
			return raw
		},
		"other tenant": func(r *http.Request) string { r.Header = webhookSigned("other1", testWebhook, raw).Header; return raw },
		"empty key": func(r *http.Request) string {
			form, _ := url.ParseQuery(raw)
			r.Header.Set("X-Twilio-Signature", macOf("", testWebhook, form))
			return raw
		},
		"blank key":       func(r *http.Request) string { r.Header = webhookSigned("  ", testWebhook, raw).Header; return raw },
		"other path":      func(r *http.Request) string { r.URL.Path += "/status/r"; return raw },
		"other scheme":    func(r *http.Request) string { r.URL.Scheme = "http"; return raw },
		"other host":      func(r *http.Request) string { r.URL.Host = "evil.example"; return raw },
		"query added":     func(r *http.Request) string { r.URL.RawQuery = "x=y"; return raw },
		"parameter added": func(*http.Request) string { return raw + "&Z=1" },
		"value repeated":  func(*http.Request) string { return raw + "&Body=more" },
		"other text":      func(*http.Request) string { return strings.Replace(raw, "slot", "spot", 1) },
		"trimmed text":    func(*http.Request) string { return strings.Replace(raw, "free%3F", "free%3F+", 1) },
		"nothing":         func(*http.Request) string { return "" },
	} {
		r := genuine()
		body := change(r)
		_, err := a.Parse(r, []byte(body))
		require.ErrorIs(t, err, channel.ErrForged, name)
	}

	// Headers of a proxy have no say.
	r := genuine()
	r.Host = "evil.example"
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header.Set("X-Forwarded-Proto", "http")
	_, err = a.Parse(r, []byte(raw))
	require.NoError(t, err)
}

func macOf(token, target string, form url.Values) string {
	// Signature refuses the empty token; a token of HMAC's block size in zero bytes is the same key.
	if token == "" {
		token = strings.Repeat("\x00", 64)
	}
	return twilio.Signature(token, target, form)
}

func TestParseForeignAccount(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	for _, account := range []string{"AC00000000000000000000000000000002", "", strings.ToLower(testAccount)} {
		raw := encode("MessageSid", messageID, "AccountSid", account, "From", "+1", "To", "+1", "Body", "x")
		_, err := a.Parse(webhook(testWebhook, raw), []byte(raw))
		require.ErrorIs(t, err, channel.ErrForged, account)
	}
}

func TestParseWithoutSignatureByName(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{InsecureSkipSignature: true}, settings())
	raw := inboundData(t)[0].Raw
	r := webhook(testWebhook, raw)
	r.Header.Del("X-Twilio-Signature")
	_, err := a.Parse(r, []byte(raw))
	require.NoError(t, err)
	raw = strings.ReplaceAll(raw, testAccount, "AC00000000000000000000000000000002")
	_, err = a.Parse(r, []byte(raw))
	require.ErrorIs(t, err, channel.ErrForged)
}

// F25.
func TestParseMediaType(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	raw := inboundData(t)[0].Raw
	for kind, want := range map[string]error{
		"application/x-www-form-urlencoded":                nil,
		"Application/X-WWW-Form-Urlencoded; charset=utf-8": nil,
		"":                                     channel.ErrMediaType,
		"text/plain":                           channel.ErrMediaType,
		"multipart/form-data; boundary=x":      channel.ErrMediaType,
		"application/json":                     channel.ErrMediaType, // without bodySHA256
		"application/x-www-form-urlencodedx":   channel.ErrMediaType,
		"application/x-www-form-urlencoded; ;": channel.ErrMediaType,
	} {
		r := webhook(testWebhook, raw)
		r.Header.Set("Content-Type", kind)
		_, err := a.Parse(r, []byte(raw))
		if want == nil {
			require.NoError(t, err, kind)
		} else {
			require.ErrorIs(t, err, want, kind)
		}
	}
}

func TestParseJSON(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	const target = testWebhook + "?bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	r := webhook(target, "")
	r.Header.Set("Content-Type", "application/json")
	events, err := a.Parse(r, []byte("{}"))
	require.NoError(t, err)
	require.Equal(t, []channel.Event{channel.Unread{Type: "application/json"}}, events)
	_, err = a.Parse(r, []byte(`{"a":1}`))
	require.ErrorIs(t, err, channel.ErrForged)
}

// F18: what is verified is what is stored, to the last blank.
func TestParseKeepsTheTextAsTyped(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	for _, text := range []string{"  a  ", "a\r\nb\t", "1+1 %2B &=;", "\x00\xff\xed\xa0\x80", "\uFEFFé🇫🇷", "", "From +1 to me", "From+1 or MessageSidSM"} {
		raw := encode("AccountSid", testAccount, "MessageSid", messageID, "From", "+14155550123", "To", "+15105550100", "Body", text, "New", "x")
		events, err := a.Parse(webhook(testWebhook, raw), []byte(raw))
		require.NoError(t, err, "%q", text)
		require.Equal(t, text, events[0].(channel.Inbound).Text)
		require.Equal(t, "x", events[0].(channel.Inbound).Fields["New"], "F17")
	}
}

// F40, F42.
func TestParseSenders(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	for _, from := range []string{"72345", "AMAZON", "", "+266696687", "whatsapp:+33612345678", "rcs:brand_x_agent", "Citybank", "unknown"} {
		raw := encode("AccountSid", testAccount, "MessageSid", messageID, "From", from, "To", "+15105550100", "Body", "x")
		events, err := a.Parse(webhook(testWebhook, raw), []byte(raw))
		require.NoError(t, err, from)
		require.Equal(t, channel.Address(from), events[0].(channel.Inbound).From)
	}
}
