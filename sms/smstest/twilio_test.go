package smstest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
)

const webhookURL = "https://desk.example.com/sms/k#rc=5&rp=all"

func newDesk(t *testing.T, cfg TwilioConfig) (*Twilio, *desk) {
	d := &desk{}
	cfg.WebhookURL, cfg.WebhookTransport = or(cfg.WebhookURL, webhookURL), HandlerTransport(d)
	return NewTwilio(t, cfg), d
}

func (t *Twilio) ask(test *testing.T, change func(*http.Request, url.Values)) *http.Response {
	form := twilioForm()
	probe := twilioRequest(test.Context(), "https://api.twilio.com", form)
	if change != nil {
		change(probe, form)
	}
	req := twilioRequest(test.Context(), "https://api.twilio.com", form)
	req.Method, req.URL, req.Header = probe.Method, probe.URL, probe.Header
	res, err := t.Transport().RoundTrip(req)
	require.NoError(test, err)
	return res
}

func TestTwilioAnswersInTheRealShape(t *testing.T) {
	t.Parallel()
	want := samples(t, "twilio_api_responses.json")
	f := NewTwilio(t, TwilioConfig{Receipts: func(Sent) []Step { return nil }})
	got := requireShape(t, want["created-from"], f.ask(t, nil))
	require.Equal(t, "queued", got["status"])
	require.Equal(t, "1", got["num_segments"])
	require.Equal(t, string(Customer), got["to"])
	require.Regexp(t, `^SM[0-9a-f]{32}$`, got["sid"])
	_, err := time.Parse(time.RFC1123Z, got["date_created"].(string))
	require.NoError(t, err)

	got = requireShape(t, want["created-scheduled"], f.ask(t, func(_ *http.Request, form url.Values) {
		form.Del("From")
		form.Set("MessagingServiceSid", TwilioServiceSID)
	}))
	require.Equal(t, "accepted", got["status"])
	require.Equal(t, "0", got["num_segments"])
	require.Equal(t, TwilioNumber, f.Sent()[1].From, "the service picks")
}

func TestTwilioRefuses(t *testing.T) {
	t.Parallel()
	set := func(pairs ...string) func(*http.Request, url.Values) {
		return func(_ *http.Request, form url.Values) {
			for i := 0; i < len(pairs); i += 2 {
				form.Del(pairs[i])
				if pairs[i+1] != "" {
					form.Set(pairs[i], pairs[i+1])
				}
			}
		}
	}
	path := func(p string) func(*http.Request, url.Values) {
		return func(r *http.Request, _ url.Values) { r.URL.Path = p }
	}
	for name, c := range map[string]struct {
		change       func(*http.Request, url.Values)
		status, code int
	}{
		"no credentials":        {func(r *http.Request, _ url.Values) { r.Header.Del("Authorization") }, 401, 20003},
		"wrong token":           {func(r *http.Request, _ url.Values) { r.SetBasicAuth(TwilioAccountSID, "x") }, 401, 20003},
		"token with key's name": {func(r *http.Request, _ url.Values) { r.SetBasicAuth(TwilioAPIKeySID, TwilioAuthToken) }, 401, 20003},
		"another account":       {path("/2010-04-01/Accounts/AC00000000000000000000000000000002/Messages.json"), 401, 20003},
		"no such path":          {path("/2010-04-01/Nothing.json"), 404, 20404},
		"method":                {func(r *http.Request, _ url.Values) { r.Method = http.MethodPut }, 405, 20004},
		"JSON":                  {func(r *http.Request, _ url.Values) { r.Header.Set("Content-Type", "application/json") }, 400, 21604},
		"unknown parameter":     {set("Txt", "x"), 400, 20001},
		"a parameter twice":     {func(_ *http.Request, form url.Values) { form.Add("To", "+14155550124") }, 400, 20001},
		"no To":                 {set("To", ""), 400, 21604},
		"To not E.164":          {set("To", "4155550123"), 400, 21211},
		"no From":               {set("From", ""), 400, 21603},
		"From not a number":     {set("From", "+1 510"), 400, 21212},
		"From not ours":         {set("From", "+15005550006"), 400, 21606},
		"From is To":            {set("To", string(TwilioNumber)), 400, 21266},
		"no such service":       {set("MessagingServiceSid", "MG00000000000000000000000000000009"), 404, 21701},
		"no text":               {set("Body", ""), 400, 21602},
		"long text":             {set("Body", strings.Repeat("é", 1601)), 400, 21617},
		"11 media": {func(_ *http.Request, form url.Values) {
			form["MediaUrl"] = slices.Repeat([]string{"https://a.example/x"}, 11)
		}, 400, 21623},
		"media without scheme": {set("MediaUrl", "a.png"), 400, 21620},
		"callback with _":      {set("StatusCallback", "https://my_host.example/x"), 400, 21609},
		"callback relative":    {set("StatusCallback", "/status"), 400, 21609},
		"validity 0":           {set("ValidityPeriod", "0"), 400, 21624},
		"validity too long":    {set("ValidityPeriod", "36001"), 400, 21624},
		"SendAt with From":     {set("SendAt", "2030-01-01T00:00:00Z"), 400, 35118},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := NewTwilio(t, TwilioConfig{})
			res := f.ask(t, c.change)
			require.Equal(t, c.status, res.StatusCode)
			got := readJSON(t, res)
			require.EqualValues(t, c.code, got["code"])
			require.EqualValues(t, c.status, got["status"])
			require.Equal(t, "https://www.twilio.com/docs/errors/"+strconv.Itoa(c.code), got["more_info"])
			require.NotEmpty(t, got["message"])
			require.Empty(t, f.Sent())
			require.Equal(t, strconv.Itoa(c.code), f.Requests()[0].Code)
		})
	}
}

func TestTwilioTakesWhatIsAllowed(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{Receipts: func(Sent) []Step { return nil }})
	res := f.ask(t, func(r *http.Request, form url.Values) {
		r.SetBasicAuth(TwilioAPIKeySID, TwilioAPIKeySecret)
		form.Set("Body", strings.Repeat("é", 1600))
		form["MediaUrl"] = slices.Repeat([]string{"https://a.example/x"}, 10)
		form.Set("ValidityPeriod", "36000")
		form.Set("MessagingServiceSid", TwilioServiceSID)
	})
	require.Equal(t, 201, res.StatusCode)
	s := f.Sent()[0]
	require.Equal(t, "ref-1", s.Ref)
	require.Len(t, s.Media, 10)
	require.True(t, strings.HasPrefix(s.ID, "MM"))
	require.WithinDuration(t, time.Now().Add(10*time.Hour), s.Expires, time.Minute)
	require.Equal(t, 201, f.Requests()[0].Status)
	require.Equal(t, "Basic", f.Requests()[0].Header.Get("Authorization"), "the log keeps no credentials")
}

// The worked example of Twilio's own page on webhook security, and the SDKs' vectors.
func TestTwilioSignature(t *testing.T) {
	t.Parallel()
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675310"}, "Digits": {"1234"}, "From": {"+14158675310"}, "To": {"+18005551212"}}
	require.Equal(t, "L/OH5YylLD5NRKLltdqwSvS0BnU=", twilioSignature("12345", "https://example.com/myapp.php?foo=1&bar=2", form))
	require.Equal(t, "L/OH5YylLD5NRKLltdqwSvS0BnU=", twilioSignature("12345", "https://u:p@example.com/myapp.php?foo=1&bar=2#rc=5&rp=all", form))

	var file struct {
		Vectors []struct {
			ID, URL, Signature string
			Token              string      `json:"auth_token"`
			Params             [][2]string `json:"params"`
			Body               *string     `json:"body"`
			Forms              []string    `json:"matches_url_form"`
		}
	}
	require.NoError(t, json.Unmarshal(sharedFile(t, "twilio_signature_vectors_sdk.json"), &file))
	checked := 0
	for _, v := range file.Vectors {
		if !slices.Contains(v.Forms, "as-is") || v.Body != nil || strings.Contains(v.URL, "@") {
			continue // receivers' guesses are none of ours; the SDKs sign a user in the URL, Twilio drops it
		}
		form := url.Values{}
		for _, p := range v.Params {
			form.Add(p[0], p[1])
		}
		require.Equal(t, v.Signature, twilioSignature(v.Token, v.URL, form), v.ID)
		checked++
	}
	require.Greater(t, checked, 10)
}

func TestTwilioDelivers(t *testing.T) {
	t.Parallel()
	f, d := newDesk(t, TwilioConfig{Services: map[string][]channel.Address{}})
	got, err := f.Deliver(t.Context(), Text{Body: " a+b %2B\r\n", Media: []string{"https://m.example/1.png"}, Fields: map[string]string{"Extra": "1"}})
	require.NoError(t, err)
	require.Equal(t, Delivery{ID: got.ID, Status: 204, Attempts: 1}, got)
	require.True(t, got.OK())
	r := d.got[0]
	form, err := url.ParseQuery(d.bodies[0])
	require.NoError(t, err)
	require.Equal(t, twilioSignature(TwilioAuthToken, "https://desk.example.com/sms/k", form), r.Header.Get("X-Twilio-Signature"))
	require.Equal(t, "/sms/k", r.RequestURI)
	for name, want := range map[string]string{"MessageSid": got.ID, "AccountSid": TwilioAccountSID, "From": string(Customer), "To": string(TwilioNumber),
		"Body": " a+b %2B\r\n", "NumMedia": "1", "MediaUrl0": "https://m.example/1.png", "MediaContentType0": "image/png", "Extra": "1"} {
		require.Equal(t, want, form.Get(name), name)
	}
	require.NotContains(t, form, "MessagingServiceSid")

	again, err := f.Replay(t.Context(), f.Webhooks()[0])
	require.NoError(t, err)
	require.True(t, again.OK())
	require.Equal(t, d.bodies[0], d.bodies[1])
	require.Equal(t, d.got[0].Header, d.got[1].Header)
}

// The parameters are those of the samples made from Twilio's tables.
func TestTwilioInboundParameters(t *testing.T) {
	t.Parallel()
	var file struct{ Payloads []map[string]any }
	require.NoError(t, json.Unmarshal(sharedFile(t, "twilio_inbound.json"), &file))
	f, d := newDesk(t, TwilioConfig{AdvancedOptOut: true})
	_, err := f.Deliver(t.Context(), Text{Body: "START"})
	require.NoError(t, err)
	form, err := url.ParseQuery(d.bodies[0])
	require.NoError(t, err)
	i := slices.IndexFunc(file.Payloads, func(p map[string]any) bool { return p["id"] == "advanced-optout-start-2" })
	require.GreaterOrEqual(t, i, 0)
	want := file.Payloads[i]["form"].(map[string]any)
	require.Len(t, form, len(want))
	for name := range want {
		require.Contains(t, form, name)
	}
}

func TestTwilioRetries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fragment string
		answers  []int
		attempts int
		status   int
	}{
		{"", []int{500}, 1, 500}, // by default a 5xx is not retried: the text is lost to the webhook
		{"#rc=5&rp=all", []int{500, 503, 404}, 4, 204},
		{"#rc=2&rp=5xx", []int{500, 500, 500, 500}, 3, 500},
		{"#rc=5&rp=5xx", []int{500, 404}, 2, 404},
		{"#rc=5&rp=4xx,rt", []int{429, 500}, 2, 500},
		{"#rc=99&rp=all", slices.Repeat([]int{500}, 9), 6, 500},
	} {
		f, d := newDesk(t, TwilioConfig{WebhookURL: "https://desk.example.com/"})
		f.SetWebhooks("https://desk.example.com/sms/k"+c.fragment, HandlerTransport(d))
		for _, n := range c.answers {
			d.answers = append(d.answers, status(n))
		}
		got, err := f.Deliver(t.Context(), Text{Body: "x"})
		require.NoError(t, err)
		require.Equal(t, c.attempts, got.Attempts, c.fragment)
		require.Equal(t, c.status, got.Status, c.fragment)
		for _, r := range d.got {
			require.Equal(t, d.got[0].Header.Get("I-Twilio-Idempotency-Token"), r.Header.Get("I-Twilio-Idempotency-Token"))
		}
		require.Len(t, f.Webhooks(), c.attempts)
	}
}

func TestTwilioRetriesWhereNobodyAnswers(t *testing.T) {
	t.Parallel()
	f, _ := newDesk(t, TwilioConfig{})
	f.SetWebhooks("https://desk.example.com/", HandlerTransport(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("down") })))
	got, err := f.Deliver(t.Context(), Text{Body: "x"})
	require.Error(t, err)
	require.Equal(t, 2, got.Attempts)
	require.Zero(t, got.Status)
	require.NotEmpty(t, f.Webhooks()[1].Err)
}

func TestTwilioReceipts(t *testing.T) {
	t.Parallel()
	f, d := newDesk(t, TwilioConfig{})
	f.ask(t, nil)
	f.ask(t, func(_ *http.Request, form url.Values) { form.Set("MessagingServiceSid", TwilioServiceSID) })
	f.ask(t, func(_ *http.Request, form url.Values) { form.Del("StatusCallback") })
	require.NoError(t, f.Wait(t.Context()))
	words := map[string][]string{}
	for _, w := range f.Webhooks() {
		words[w.ID] = append(words[w.ID], w.Word)
	}
	sent := f.Sent()
	require.Equal(t, map[string][]string{sent[0].ID: {"sent", "delivered"}, sent[1].ID: {"queued", "sent", "delivered"}}, words)
	require.Equal(t, channel.StatusDelivered, sent[2].Status, "it goes on where nobody is told")
	form, err := url.ParseQuery(d.bodies[0])
	require.NoError(t, err)
	require.Equal(t, "/sms/k/status/ref-1", d.got[0].RequestURI)
	require.Equal(t, twilioSignature(TwilioAuthToken, "https://desk.example.com/sms/k/status/ref-1", form), d.got[0].Header.Get("X-Twilio-Signature"))

	require.NoError(t, f.Report(t.Context(), sent[0].ID, Step{Word: "undelivered"}, Step{Word: "sent"}, Step{Word: "brand-new", Code: "99999"}))
	last := f.Webhooks()[len(f.Webhooks())-3:]
	require.Contains(t, string(last[0].Body), "ErrorCode=30005")
	require.Equal(t, "sent", last[1].Word)
	require.Contains(t, string(last[2].Body), "ErrorCode=99999")
	s, ok := f.Find(sent[0].ID)
	require.True(t, ok)
	require.Equal(t, "brand-new", s.Word)
	require.ErrorContains(t, f.Report(t.Context(), "SM0", Step{Word: "sent"}), "no text")
}

func TestTwilioOptOut(t *testing.T) {
	t.Parallel()
	f, d := newDesk(t, TwilioConfig{AdvancedOptOut: true, Receipts: func(Sent) []Step { return nil }})
	say := func(body string) url.Values {
		_, err := f.Deliver(t.Context(), Text{Body: body})
		require.NoError(t, err)
		form, err := url.ParseQuery(d.bodies[len(d.bodies)-1])
		require.NoError(t, err)
		return form
	}
	require.Equal(t, "STOP", say(" stopALL ").Get("OptOutType"))
	require.True(t, f.OptedOut(TwilioNumber, Customer))
	require.True(t, f.OptedOut("+15105550101", Customer), "the whole service")
	require.Len(t, f.Replies(), 1)
	require.Contains(t, f.Replies()[0].Body, "unsubscribed")
	got := readJSON(t, f.ask(t, nil))
	require.EqualValues(t, 21610, got["code"])

	require.Empty(t, say("please stop")["OptOutType"])
	require.Empty(t, say("OPT OUT")["OptOutType"])
	require.Equal(t, "HELP", say("info").Get("OptOutType"))
	require.True(t, f.OptedOut(TwilioNumber, Customer))
	require.Equal(t, "START", say("Unstop").Get("OptOutType"))
	require.False(t, f.OptedOut(TwilioNumber, Customer))
	require.Equal(t, 201, f.ask(t, nil).StatusCode)
	require.Len(t, f.Replies(), 3)
	say("yes")
	require.Len(t, f.Replies(), 3, "YES of someone who is opted in is a plain text")
	require.Len(t, d.bodies, 6, "each was posted all the same")
}

func TestTwilioLeavesShortCodesAlone(t *testing.T) {
	t.Parallel()
	f, d := newDesk(t, TwilioConfig{Numbers: []channel.Address{"72345", TwilioNumber}, Services: map[string][]channel.Address{}})
	for _, to := range []channel.Address{"72345", TwilioNumber} {
		_, err := f.Deliver(t.Context(), Text{To: to, Body: "STOP"})
		require.NoError(t, err)
	}
	require.False(t, f.OptedOut("72345", Customer))
	require.True(t, f.OptedOut(TwilioNumber, Customer))
	require.Len(t, f.Replies(), 1)
	require.NotContains(t, d.bodies[1], "OptOutType", "only with Advanced Opt-Out")
}

// What answers a webhook is texted to the customer: empty TwiML and 204 are the only silent answers.
func TestTwilioObeysTheAnswer(t *testing.T) {
	t.Parallel()
	f, d := newDesk(t, TwilioConfig{})
	d.answers = []func(http.ResponseWriter){
		says("text/xml", "<Response/>"), says("text/xml; charset=utf-8", "<Response><Message>one</Message><Message><Body>two</Body></Message></Response>"),
		says("text/plain; charset=utf-8", "OK"), says("application/json", "{}"), says("text/xml", "<Resp"),
	}
	for range 5 {
		_, err := f.Deliver(t.Context(), Text{Body: "hi"})
		require.NoError(t, err)
	}
	var texts []string
	for _, s := range f.Replies() {
		require.Equal(t, Customer, s.To)
		texts = append(texts, s.Body)
	}
	require.Equal(t, []string{"one", "two", "OK"}, texts)
}

func TestTwilioDamage(t *testing.T) {
	t.Parallel()
	f, d := newDesk(t, TwilioConfig{WebhookURL: "https://desk.example.com/sms/k"})
	valid := func() bool {
		r := d.got[len(d.got)-1]
		form, err := url.ParseQuery(d.bodies[len(d.bodies)-1])
		return err == nil && r.Header.Get("X-Twilio-Signature") == twilioSignature(TwilioAuthToken, "https://desk.example.com/sms/k", form)
	}
	for _, damage := range []Damage{Unsigned, WrongSecret, EmptySecret, FlippedBit, AlteredBody, CutBody} {
		_, err := f.Deliver(t.Context(), Text{Body: "STOP", Damage: damage})
		require.NoError(t, err)
		require.False(t, valid(), damage)
	}
	require.False(t, f.OptedOut(TwilioNumber, Customer), "what Twilio never posted has no effect there")
	for _, damage := range []Damage{"", Unreadable, PlainType, NoType} {
		_, err := f.Deliver(t.Context(), Text{Body: "x", Damage: damage})
		require.NoError(t, err)
		require.True(t, valid(), damage)
	}
	_, err := f.Deliver(t.Context(), Text{Damage: Flood})
	require.NoError(t, err)
	require.Greater(t, strings.Count(d.bodies[len(d.bodies)-1], "&"), flood) // more than url.ParseQuery takes
	for _, damage := range []Damage{"rusty", OddEvents} {
		_, err := f.Deliver(t.Context(), Text{Damage: damage})
		require.ErrorIs(t, err, errors.ErrUnsupported)
	}
	_, err = f.Deliver(t.Context(), Text{Others: []channel.Address{Customer}})
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

func TestFlipBit(t *testing.T) {
	t.Parallel()
	proof := base64.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	require.NotEqual(t, proof, flipBit(proof))
	require.Equal(t, proof, flipBit(flipBit(proof)))
}

func TestSegments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 1, strings.Repeat("a", 160): 1, strings.Repeat("a", 161): 2, strings.Repeat("a", 306): 2,
		strings.Repeat("€", 80): 1, strings.Repeat("€", 81): 2, strings.Repeat("ł", 70): 1, strings.Repeat("ł", 71): 2, strings.Repeat("👍", 36): 2} {
		require.Equal(t, want, segments(text), "%d runes", len([]rune(text)))
	}
}
