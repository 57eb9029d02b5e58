package smstest

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
)

const accountPath = "/2010-04-01/Accounts/" + TwilioAccountSID

// call asks a fake Twilio as the account itself, by a form where there is one.
func (t *Twilio) call(test *testing.T, target string, form url.Values) (*http.Response, map[string]any) {
	return t.callAs(test, TwilioAccountSID, TwilioAuthToken, target, form)
}

func (t *Twilio) callAs(test *testing.T, user, password, target string, form url.Values) (*http.Response, map[string]any) {
	test.Helper()
	if strings.HasPrefix(target, "/") {
		target = "https://api.twilio.com" + target
	}
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(test.Context(), method, target, body)
	require.NoError(test, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(user, password)
	res, err := t.Transport().RoundTrip(req)
	require.NoError(test, err)
	return res, readJSON(test, res)
}

func TestTwilioAccount(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{})
	res, got := f.call(t, accountPath+".json", nil)
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "active", got["status"])
	require.Equal(t, TwilioAccountSID, got["sid"])
	require.NotContains(t, got["auth_token"], TwilioAuthToken)

	res, got = f.callAs(t, TwilioAPIKeySID, TwilioAPIKeySecret, accountPath+".json", nil)
	require.Equal(t, 401, res.StatusCode, "a Standard key may not read accounts")
	require.EqualValues(t, 20003, got["code"])

	f = NewTwilio(t, TwilioConfig{AccountStatus: "suspended"})
	_, got = f.call(t, accountPath+".json", nil)
	require.Equal(t, "suspended", got["status"])
	res, _ = f.call(t, accountPath+"/Messages.json", url.Values{"To": {string(Customer)}, "From": {string(TwilioNumber)}, "Body": {"x"}})
	require.Equal(t, 401, res.StatusCode)
	require.Empty(t, f.Sent())

	_, err := OpenTwilio(TwilioConfig{AccountStatus: "asleep", VoiceOnly: []channel.Address{"+"}})
	require.ErrorContains(t, err, "account status")
	require.ErrorContains(t, err, "voice only: entry 0")
}

// Each part of the API has a host of its own.
func TestTwilioHosts(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{})
	for target, want := range map[string]int{
		"https://messaging.twilio.com" + accountPath + ".json":                      404,
		"https://api.twilio.com/v1/Services/" + TwilioServiceSID:                    404,
		"https://messaging.twilio.com/v1/Services/" + TwilioServiceSID:              200,
		"https://messaging.dublin.ie1.twilio.com/v1/Services/" + TwilioServiceSID:   200,
		"http://127.0.0.1:1/v1/Services/" + TwilioServiceSID:                        200,
		"http://127.0.0.1:1" + accountPath + ".json":                                200,
		"https://messaging.twilio.com/v1/Services/" + TwilioServiceSID + "/Nothing": 404,
		"https://messaging.twilio.com/v1/Services/MG00":                             404,
		accountPath + "/IncomingPhoneNumbers/PN00.json":                             404,
		accountPath + "/Messages/SM00/Media.json":                                   404,
	} {
		res, _ := f.call(t, target, nil)
		require.Equal(t, want, res.StatusCode, target)
	}
}

func TestTwilioNumbers(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{Numbers: []channel.Address{"+15105550100", "+151055501001", "72345", "ACME"}, VoiceOnly: []channel.Address{"+15105550102"}})
	list := func(query string) (out []map[string]any) {
		_, got := f.call(t, accountPath+"/IncomingPhoneNumbers.json"+query, nil)
		for _, n := range got["incoming_phone_numbers"].([]any) {
			out = append(out, n.(map[string]any))
		}
		return out
	}
	require.Len(t, list(""), 3, "no short code and no name")
	require.Len(t, list("?PhoneNumber=%2B15105550100"), 2, "the filter finds parts of numbers")
	require.Len(t, list("?PhoneNumber=%2B15105550100&PageSize=1"), 1)
	require.Empty(t, list("?PhoneNumber=%2B15105550109"))
	voice := list("?PhoneNumber=%2B15105550102")[0]
	require.Equal(t, map[string]any{"voice": true, "sms": false, "mms": false, "fax": false}, voice["capabilities"])

	before := list("?PhoneNumber=%2B15105550100")[0]
	path := accountPath + "/IncomingPhoneNumbers/" + before["sid"].(string) + ".json"
	for name, v := range map[string]string{"SmsUrl": "nowhere", "SmsMethod": "PUT", "SmsURL": "https://desk.example/"} {
		res, _ := f.call(t, path, url.Values{name: {v}})
		require.Equal(t, 400, res.StatusCode, name)
	}
	res, after := f.call(t, path, url.Values{"SmsUrl": {"https://desk.example/x"}, "VoiceCallerIdLookup": {"true"}})
	require.Equal(t, 200, res.StatusCode)
	before["sms_url"], before["voice_caller_id_lookup"] = "https://desk.example/x", true
	require.Equal(t, before, after)
	_, again := f.call(t, path, nil)
	require.Equal(t, after, again)
}

func TestTwilioServices(t *testing.T) {
	t.Parallel()
	f := NewTwilio(t, TwilioConfig{Numbers: []channel.Address{TwilioNumber, "72345", "ACME"},
		Services: map[string][]channel.Address{"MG1": {TwilioNumber, "72345", "ACME"}, "MG2": nil}})
	const base = "https://messaging.twilio.com/v1/Services/"
	pool := func(sid, kind, list string) int {
		res, got := f.call(t, base+sid+"/"+kind, nil)
		require.Equal(t, 200, res.StatusCode)
		return len(got[list].([]any))
	}
	for kind, list := range map[string]string{"PhoneNumbers": "phone_numbers", "ShortCodes": "short_codes", "AlphaSenders": "alpha_senders"} {
		require.Equal(t, 1, pool("MG1", kind, list))
		require.Equal(t, 0, pool("MG2", kind, list))
	}
	_, before := f.call(t, base+"MG1", nil)
	require.Nil(t, before["inbound_request_url"])
	require.Equal(t, true, before["use_inbound_webhook_on_number"])
	_, after := f.call(t, base+"MG1", url.Values{"InboundRequestUrl": {"https://desk.example/x"}, "UseInboundWebhookOnNumber": {"false"}, "ValidityPeriod": {"60"}})
	before["inbound_request_url"], before["use_inbound_webhook_on_number"], before["validity_period"] = "https://desk.example/x", false, 60.0
	require.Equal(t, before, after)
	_, other := f.call(t, base+"MG2", nil)
	require.Nil(t, other["inbound_request_url"])
	res, _ := f.call(t, base+"MG3", url.Values{})
	require.Equal(t, 404, res.StatusCode)
	res, _ = f.call(t, base+"MG1", url.Values{"SmsUrl": {"https://desk.example/x"}})
	require.Equal(t, 400, res.StatusCode)
}

// Where a text is posted is what was set last: through the API or by SetWebhooks.
func TestTwilioPostsWhereItWasTold(t *testing.T) {
	t.Parallel()
	f, d := newDesk(t, TwilioConfig{WebhookURL: "https://desk.example.com/console"})
	last := func() string {
		_, err := f.Deliver(t.Context(), Text{Body: "x"})
		require.NoError(t, err)
		return d.got[len(d.got)-1].RequestURI
	}
	require.Equal(t, "/console", last())
	number := accountPath + "/IncomingPhoneNumbers/" + f.numberSID(TwilioNumber) + ".json"
	service := "https://messaging.twilio.com/v1/Services/" + TwilioServiceSID
	f.call(t, number, url.Values{"SmsUrl": {"https://desk.example.com/number"}})
	require.Equal(t, "/number", last(), "the service leaves it to its numbers")
	f.call(t, service, url.Values{"InboundRequestUrl": {"https://desk.example.com/service"}})
	require.Equal(t, "/number", last())
	f.call(t, service, url.Values{"UseInboundWebhookOnNumber": {"false"}})
	require.Equal(t, "/service", last())
	require.Contains(t, d.bodies[len(d.bodies)-1], "MessagingServiceSid="+TwilioServiceSID)
	f.SetWebhooks("https://desk.example.com/again", HandlerTransport(d))
	require.Equal(t, "/again", last())
}

func TestTwilioListsMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // on 2000-01-01
		f, _ := newDesk(t, TwilioConfig{Receipts: func(Sent) []Step { return nil }})
		in, err := f.Deliver(t.Context(), Text{Body: "help", Media: []string{"https://m.example/1.png", "https://m.example/Media/ME00000000000000000000000000000007"}})
		require.NoError(t, err)
		_, err = f.Deliver(t.Context(), Text{ID: in.ID, Body: "help"})
		require.NoError(t, err)
		time.Sleep(25 * time.Hour)
		require.Equal(t, 201, f.ask(t, nil).StatusCode)
		require.Equal(t, 201, f.ask(t, nil).StatusCode)
		queued, sent := f.Sent()[0], f.Sent()[1]
		require.NoError(t, f.Report(t.Context(), sent.ID, Step{Word: "failed", Code: "30034"}))

		list := func(query string) (ids []string) {
			res, got := f.call(t, accountPath+"/Messages.json"+query, nil)
			require.Equal(t, 200, res.StatusCode)
			for _, m := range got["messages"].([]any) {
				ids = append(ids, m.(map[string]any)["sid"].(string))
			}
			return ids
		}
		reply := f.Replies()[0].ID
		require.Equal(t, []string{sent.ID, queued.ID, f.Replies()[1].ID, reply, in.ID}, list(""), "newest first, a repeated delivery once")
		require.Equal(t, []string{in.ID}, list("?From="+url.QueryEscape(string(Customer))))
		require.Equal(t, []string{in.ID}, list("?To="+url.QueryEscape(string(TwilioNumber))))
		require.Equal(t, []string{sent.ID}, list("?DateSent%3E=2000-01-02"), "what is queued has no time of sending")
		require.Equal(t, []string{sent.ID}, list("?DateSent=2000-01-02T12:00:00Z"))
		require.NotContains(t, list("?DateSent%3C=2000-01-02"), sent.ID, "until that midnight")
		require.Contains(t, list("?DateSent%3C=2000-01-02"), in.ID)
		for _, query := range []string{"?DateSent%3E=yesterday", "?Status=sent"} {
			res, _ := f.call(t, accountPath+"/Messages.json"+query, nil)
			require.Equal(t, 400, res.StatusCode, query)
		}

		_, got := f.call(t, accountPath+"/Messages.json", nil)
		want := samples(t, "twilio_api_responses.json")["created-from"]
		rows := got["messages"].([]any)
		for _, m := range rows {
			row := m.(map[string]any)
			require.Len(t, row, len(want.Body))
			for name := range want.Body {
				require.Contains(t, row, name)
			}
		}
		first, second, last := rows[0].(map[string]any), rows[1].(map[string]any), rows[4].(map[string]any)
		require.Equal(t, []any{"failed", 30034.0, "outbound-api"}, []any{first["status"], first["error_code"], first["direction"]})
		require.Equal(t, []any{"queued", nil}, []any{second["status"], second["date_sent"]})
		require.Equal(t, []any{"received", "inbound", "2", TwilioServiceSID, "Sat, 01 Jan 2000 00:00:00 +0000"},
			[]any{last["status"], last["direction"], last["num_media"], last["messaging_service_sid"], last["date_sent"]})
		require.Equal(t, "outbound-reply", rows[3].(map[string]any)["direction"])

		_, got = f.call(t, accountPath+"/Messages/"+in.ID+"/Media.json", nil)
		files := got["media_list"].([]any)
		require.Len(t, files, 2)
		require.Equal(t, "image/png", files[0].(map[string]any)["content_type"])
		require.Regexp(t, `^ME[0-9a-f]{32}$`, files[0].(map[string]any)["sid"])
		require.Equal(t, "ME00000000000000000000000000000007", files[1].(map[string]any)["sid"], "a URL of Twilio's own keeps its SID")
	})
}

// A page's successor is found by what it ended with, so what comes in meanwhile moves nothing.
func TestTwilioPages(t *testing.T) {
	t.Parallel()
	f, _ := newDesk(t, TwilioConfig{})
	var want []string
	for range 7 {
		d, err := f.Deliver(t.Context(), Text{Body: "x"})
		require.NoError(t, err)
		want = append([]string{d.ID}, want...)
	}
	var got []string
	next := any(accountPath + "/Messages.json?PageSize=3&To=" + url.QueryEscape(string(TwilioNumber)))
	for page := 0; next != nil; page++ {
		_, answer := f.call(t, next.(string), nil)
		require.EqualValues(t, page, answer["page"])
		require.EqualValues(t, 3, answer["page_size"])
		for _, m := range answer["messages"].([]any) {
			got = append(got, m.(map[string]any)["sid"].(string))
		}
		next = answer["next_page_uri"]
		_, err := f.Deliver(t.Context(), Text{Body: strconv.Itoa(page)})
		require.NoError(t, err)
	}
	require.Equal(t, want, got)
}

func TestTwilioForgetsOldMessages(t *testing.T) {
	t.Parallel()
	f, _ := newDesk(t, TwilioConfig{Keep: 2})
	for range 9 {
		_, err := f.Deliver(t.Context(), Text{Body: "x"})
		require.NoError(t, err)
		require.Equal(t, 201, f.ask(t, nil).StatusCode)
	}
	_, got := f.call(t, accountPath+"/Messages.json", nil)
	require.Len(t, got["messages"].([]any), 2)
	require.LessOrEqual(t, len(f.received), 4)
}
