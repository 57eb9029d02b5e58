package twilio_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

func without(names ...string) []string {
	pairs := []string{"AccountSid", testAccount, "Body", "hi", "From", "+14155550123", "FromCountry", "US", "MessageSid", messageID,
		"NumMedia", "0", "SmsStatus", "received", "To", "+15105550100"}
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		if !slices.Contains(names, pairs[i]) {
			out = append(out, pairs[i], pairs[i+1])
		}
	}
	return out
}

// R1: with a good signature, what is in doubt is still refused.
func TestParseRefusesWhatIsInDoubt(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	with := func(replace string, pairs ...string) string { return encode(append(without(replace), pairs...)...) }
	for name, raw := range map[string]string{
		"no id":                 with("MessageSid"),
		"no text":               with("Body"),
		"no sender":             with("From"),
		"no recipient":          with("To"),
		"short id":              with("MessageSid", "MessageSid", "SM00"),
		"id of a call":          with("MessageSid", "MessageSid", "CA"+messageID[2:]),
		"id with more":          with("MessageSid", "MessageSid", messageID+"\n"),
		"two ids":               with("", "SmsSid", "SM"+strings.Repeat("1", 32)),
		"id twice":              with("", "MessageSid", messageID),
		"sender twice":          with("", "From", "+14155550199"),
		"text twice":            with("", "Body", "ho"),
		"account twice":         with("", "AccountSid", testAccount),
		"status of a receipt":   with("SmsStatus", "SmsStatus", "sent"),
		"count of files":        with("NumMedia", "NumMedia", "one"),
		"file missing":          with("NumMedia", "NumMedia", "1", "MediaUrl1", "https://api.twilio.com/1"),
		"file not counted":      with("", "MediaUrl0", "https://api.twilio.com/0"),
		"count too high":        with("NumMedia", "NumMedia", "101"),
		"count out of range":    with("NumMedia", "NumMedia", "99999999999999999999"),
		"negative count":        with("", "NumSegments", "-1"),
		"service":               with("", "MessagingServiceSid", "MG1"),
		"sender with a break":   with("From", "From", "+1415\r\n"),
		"sender not UTF-8":      with("From", "From", "\xff"),
		"sender too long":       with("From", "From", "whatsapp:"+strings.Repeat("1", 300)),
		"sender takes the city": with("From", "From", "+14155550123FromCityX"),
		"city as sender":        with("From", "From", "CityX", "X", "y") + "&Body=",
		"improper name":         with("", "A+1", "x"),
		"name with a break":     with("", "A\n", "x"),
		"no name":               with("", "", "x"),
		"long name":             with("", strings.Repeat("k", 129), "x"),
		"bad escape":            encode(without()...) + "&Z=%zz",
		"cut escape":            encode(without()...) + "&Z=%4",
		"raw semicolon":         encode(without()...) + "&Z=a;b",
	} {
		_, err := a.Parse(webhook(testWebhook, raw), []byte(raw))
		require.ErrorIs(t, err, channel.ErrMalformed, name)
	}
	raw := receiptForm()
	_, err := a.Parse(webhook(testWebhook+"/status/r", raw), []byte(raw))
	require.ErrorIs(t, err, channel.ErrMalformed, "no state")
	raw = receiptForm("MessageStatus", "sent", "MessageStatus", "delivered")
	_, err = a.Parse(webhook(testWebhook+"/status/r", raw), []byte(raw))
	require.ErrorIs(t, err, channel.ErrMalformed, "two states")

	raw = encode(without()...)
	_, err = a.Parse(webhook(testWebhook, raw), []byte(raw))
	require.NoError(t, err)
}

// The HMAC covers names and values without anything in between, so each of these has a good signature.
func TestParseCustomerWritesParameters(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	// The customer's own text; he then sees the signature (in a log, at a proxy) and cuts the webhook anew.
	const forgedID = "SM99999999999999999999999999999999"
	text := "hiFrom+33600000000FromCityX"
	genuine := encode("AccountSid", testAccount, "Body", text, "From", "+14155550123", "MessageSid", messageID, "To", "+15105550100")
	signed := webhook(testWebhook, genuine)
	_, err := a.Parse(signed, []byte(genuine))
	require.NoError(t, err, "people may write what they like")
	cut := encode("AccountSid", testAccount, "Body", "hi", "From", "+33600000000", "FromCity", "XFrom+14155550123",
		"MessageSid", messageID, "To", "+15105550100")
	refusedThough(t, a.Parse, signed, cut)

	text = "hiFrom+33600000000MessageSid" + forgedID + "To+15105550100Z"
	genuine = encode("AccountSid", testAccount, "Body", text, "From", "72345", "MessageSid", messageID, "To", "+15105550100")
	cut = encode("AccountSid", testAccount, "Body", "hi", "From", "+33600000000", "MessageSid", forgedID,
		"To", "+15105550100", "Z", "From72345MessageSid"+messageID+"To+15105550100")
	refusedThough(t, a.Parse, webhook(testWebhook, genuine), cut)

	genuine = encode("AccountSid", testAccount, "Body", "hi", "From", "+14155550123", "FromCity", "PARIS",
		"MessageSid", messageID, "To", "+15105550100")
	cut = encode("AccountSid", testAccount, "Body", "hiFrom+14155550123", "From", "CityPARIS",
		"MessageSid", messageID, "To", "+15105550100")
	refusedThough(t, a.Parse, webhook(testWebhook, genuine), cut)
}

type parseFunc func(*http.Request, []byte) ([]channel.Event, error)

// refusedThough wants a body refused that its signature fits.
func refusedThough(t *testing.T, parse parseFunc, signed *http.Request, body string) {
	t.Helper()
	form, err := url.ParseQuery(body)
	require.NoError(t, err)
	require.True(t, twilio.ValidSignature(testToken, signed.URL.String(), form, signed.Header.Get("X-Twilio-Signature")), "the test is wrong")
	_, err = parse(signed, []byte(body))
	require.ErrorIs(t, err, channel.ErrMalformed)
}

// Moves every border between a name and its value, and between a value and the next name, to every other place, and
// lets every value swallow the parameters behind it. The signature fits most of them; none may change who wrote what.
func TestParseBordersCantMove(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	fits := 0
	for _, c := range inboundData(t) {
		if c.Expect.Kind == "reject" {
			continue
		}
		r := webhook(testWebhook, c.Raw)
		want, err := a.Parse(r, []byte(c.Raw))
		require.NoError(t, err)
		for _, body := range recuts(c.Form) {
			events, err := a.Parse(r, []byte(body))
			if err != nil {
				if !strings.Contains(err.Error(), channel.ErrForged.Error()) {
					fits++
				}
				continue
			}
			fits++
			require.Equal(t, essence(want[0]), essence(events[0]), "%s: %s", c.ID, body)
		}
	}
	require.Greater(t, fits, 1000)
}

func essence(e channel.Event) string {
	in, ok := e.(channel.Inbound)
	if !ok {
		return fmt.Sprintf("%T", e)
	}
	return fmt.Sprintf("%s|%s|%s|%s|%s|%s|%d", in.ID, in.From, in.To, in.Pool, in.Text, in.Consent, len(in.Media))
}

func recuts(form map[string]string) []string {
	keys := slices.Sorted(maps.Keys(form))
	var flat []string // name, value, name, value
	for _, k := range keys {
		flat = append(flat, k, form[k])
	}
	var out []string
	for i := range len(flat) - 1 {
		both := flat[i] + flat[i+1]
		for at := range len(both) + 1 {
			moved := slices.Clone(flat)
			moved[i], moved[i+1] = both[:at], both[at:]
			out = append(out, encode(moved...))
		}
	}
	for i := 1; i < len(flat); i += 2 {
		for j := i + 2; j < len(flat); j += 2 {
			joined := append(slices.Clone(flat[:i]), strings.Join(flat[i:j+1], ""))
			out = append(out, encode(append(joined, flat[j+1:]...)...))
			// And back into two, at each name that the joined value holds by chance.
			for k := range len(joined[i]) {
				for _, name := range []string{"From", "To"} {
					if rest, ok := strings.CutPrefix(joined[i][k:], name); ok && k > 0 {
						two := append(slices.Clone(flat[:i]), joined[i][:k], name, rest)
						out = append(out, encode(append(two, flat[j+1:]...)...))
					}
				}
			}
		}
	}
	return out
}

// F21: refused before anything is signed or sorted.
func TestParseBounds(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	raw := encode(without()...)
	many := raw + strings.Repeat("&a=1", 1000-strings.Count(raw, "&")-1)
	_, err := a.Parse(webhook(testWebhook, many), []byte(many))
	require.NoError(t, err, "1,000 parameters")
	for name, body := range map[string]string{
		"1,001 parameters":  many + "&a=1",
		"10,001 parameters": strings.Repeat("a=1&", 10_001),
		"1 MiB of &":        strings.Repeat("&", 1<<20),
		"key of 100 KiB":    strings.Repeat("k", 100<<10) + "=v",
	} {
		_, err := a.Parse(webhook(testWebhook, raw), []byte(body))
		require.ErrorIs(t, err, channel.ErrMalformed, name)
	}
}

// F21: what it costs to refuse too many parameters.
func BenchmarkParseBounds(b *testing.B) {
	a := open(b, twilio.Config{}, settings())
	body := []byte(strings.Repeat("a=1&", 10_001))
	r := webhook(testWebhook, encode(without()...))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Parse(r, body); err == nil {
			b.Fatal("accepted")
		}
	}
}

func TestParseBoundsFields(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	pairs := append(without(), "Huge", strings.Repeat("é", 9000), "Nul", "a\x00b", "Bad", "\xff", "Many", "1", "Many", "2")
	for i := range 20 {
		pairs = append(pairs, fmt.Sprintf("X%02d", i), strings.Repeat("x", 3000))
	}
	raw := encode(pairs...)
	events, err := a.Parse(webhook(testWebhook, raw), []byte(raw))
	require.NoError(t, err)
	f := events[0].(channel.Inbound).Fields
	require.Equal(t, strings.Repeat("é", 8192), f["Huge"])
	require.Equal(t, "a\uFFFDb", f["Nul"])
	require.Equal(t, "\uFFFD", f["Bad"])
	require.Equal(t, "1\n2", f["Many"])
	require.NotContains(t, f, "X19")
	total := 0
	for k, v := range f {
		total += len(k) + len(v)
	}
	require.LessOrEqual(t, total, 32<<10)
}

func TestParseMedia(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	pairs := append(without("NumMedia"), "NumMedia", "10")
	for i := range 10 {
		pairs = append(pairs, fmt.Sprintf("MediaUrl%d", i), fmt.Sprintf("https://api.twilio.com/%d", i))
	}
	raw := encode(pairs...)
	events, err := a.Parse(webhook(testWebhook, raw), []byte(raw))
	require.NoError(t, err)
	media := events[0].(channel.Inbound).Media
	require.Len(t, media, 10)
	require.Equal(t, channel.Attachment{URL: "https://api.twilio.com/9"}, media[9])
}

// Every parameter that Twilio documents for a text, of SMS and of the other channels, is kept as it came, together with those
// of a call to the fallback URL (twilio.com/docs/messaging/guides/webhook-request).
func TestParseKeepsEveryDocumentedParameter(t *testing.T) {
	t.Parallel()
	a := open(t, twilio.Config{}, settings())
	form := url.Values{"MessageSid": {messageID}, "SmsSid": {messageID}, "SmsMessageSid": {messageID}, "AccountSid": {testAccount}, "ApiVersion": {"2010-04-01"},
		"MessagingServiceSid": {"MG" + strings.Repeat("0", 32)}, "From": {"whatsapp:+14155550123"}, "To": {"whatsapp:+15105550100"}, "Body": {"Hi from From+1"},
		"NumSegments": {"2"}, "SmsStatus": {"received"}, "NumMedia": {"1"}, "MediaUrl0": {"https://api.twilio.com/2010-04-01/Accounts/" + testAccount + "/Messages/" + messageID + "/Media/ME1"},
		"MediaContentType0": {"image/jpeg"}, "OptOutType": {"HELP"}, "AddOns": {`{"status":"successful","message":null,"code":null,"results":{"x":"` + strings.Repeat("y", 9000) + `"}}`}}
	for _, place := range []string{"From", "To"} {
		for part, value := range map[string]string{"City": "SAN FRANCISCO", "State": "CA", "Zip": "", "Country": "US"} {
			form.Set(place+part, value)
		}
	}
	for name, value := range map[string]string{
		"ErrorCode": "11200", "ErrorUrl": "https://desk.example.com/sms/3f9a?From=%2B1&MessageSid=x",
		"ButtonPayload": `{"id":1}`, "ButtonText": "Yes, please", "ButtonType": "QUICK_REPLY", "InteractiveData": `{"a":[1]}`, "FlowData": `{"screen":"A"}`,
		"ChannelMetadata": `{"type":"whatsapp","data":{"context":{"ProfileName":"Fromm, 5"}}}`, "Latitude": "37.7749", "Longitude": "-122.4194", "Address": "1 Main St, Tofino",
		"Label": "Office", "ProfileName": "Fromage & Co", "WaId": "14155550123", "Forwarded": "true", "FrequentlyForwarded": "false", "ExternalUserId": "US.123",
		"ReferralBody": "20% off, from $5", "ReferralHeadline": "Sale", "ReferralSourceId": "1", "ReferralSourceType": "ad", "ReferralSourceUrl": "https://fb.me/1",
		"ReferralMediaId": "1", "ReferralMediaContentType": "image/png", "ReferralMediaUrl": "https://fb.me/1.png", "ReferralNumMedia": "1", "ReferralCtwaClid": "abc",
		"OriginalRepliedMessageSender": "whatsapp:+15105550100", "OriginalRepliedMessageSid": "SM" + strings.Repeat("2", 32),
	} {
		form.Set(name, value)
	}
	raw := form.Encode()
	events, err := a.Parse(webhook(testWebhook, raw), []byte(raw))
	require.NoError(t, err)
	in := events[0].(channel.Inbound)
	require.Equal(t, "Hi from From+1", in.Text)
	require.Equal(t, channel.Help, in.Consent)
	require.Len(t, in.Media, 1)
	form.Del("Body")
	require.Len(t, in.Fields, len(form))
	for name := range form {
		require.Equal(t, form.Get(name), in.Fields[name], name)
	}
}
