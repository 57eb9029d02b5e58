package twilio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

func list(t testing.TB, a sms.Account, q sms.ListQuery) ([]sms.Listed, error) {
	t.Helper()
	l, ok := a.(sms.Lister)
	require.True(t, ok)
	return l.List(t.Context(), q)
}

// row is a Message as Twilio lists it, with some of its fields changed.
func row(change map[string]any) map[string]any {
	r := map[string]any{
		"account_sid": testAccount, "api_version": "2010-04-01", "body": "canary hello", "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
		"date_sent": "Thu, 24 Aug 2023 05:01:46 +0000", "date_updated": "Thu, 24 Aug 2023 05:01:50 +0000", "direction": "inbound",
		"error_code": nil, "error_message": nil, "from": "+14155550123", "to": "+15105550100", "messaging_service_sid": nil,
		"num_media": "0", "num_segments": "1", "price": nil, "price_unit": "USD", "sid": "SM00000000000000000000000000000001", "status": "received",
	}
	for k, v := range change {
		r[k] = v
	}
	return r
}

func answer(next any, rows ...map[string]any) string {
	b, err := json.Marshal(map[string]any{"messages": rows, "next_page_uri": next, "page": 0, "page_size": 200})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// listRows lists what one page of the carrier has.
func listRows(t *testing.T, q sms.ListQuery, rows ...map[string]any) []sms.Listed {
	t.Helper()
	out, err := list(t, open(t, twilio.Config{Transport: answers(200, nil, answer(nil, rows...))}, settings()), q)
	require.NoError(t, err)
	return out
}

var created2023 = time.Date(2023, 8, 24, 5, 1, 45, 0, time.UTC)

func TestListInbound(t *testing.T) {
	t.Parallel()
	want := sms.Listed{Text: "canary hello", From: "+14155550123", To: "+15105550100", Pool: testService, Created: created2023,
		Inbound: &channel.Inbound{ID: "SM00000000000000000000000000000001", From: "+14155550123", To: "+15105550100", Pool: testService,
			Text: "canary hello", At: created2023, Segments: 3}}
	require.Equal(t, []sms.Listed{want}, listRows(t, sms.ListQuery{}, row(map[string]any{"messaging_service_sid": testService, "num_segments": "3"})))
}

// What Twilio kept from the webhook on purpose, is still receiving, or can't name the sender of, is no customer's text.
func TestListLeavesOut(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]any{
		"machine-made":         {"error_code": 30039},
		"half received":        {"status": "receiving"},
		"redacted sender":      {"from": "+1415555XXXX"},
		"sender with a break":  {"from": "+1\r\n"},
		"long recipient":       {"to": strings.Repeat("1", 300)},
		"no SID":               {"sid": nil},
		"another resource":     {"sid": "CA00000000000000000000000000000001"},
		"a path for a SID":     {"sid": "SM0000000000000000000000000000/../"},
		"no date":              {"date_created": nil},
		"a date of the future": {"date_created": "2031-01-01T00:00:00Z"}, // of another API
		"an unknown direction": {"direction": "sideways"},
	} {
		require.Empty(t, listRows(t, sms.ListQuery{}, row(change)), name)
	}
	require.Len(t, listRows(t, sms.ListQuery{}, row(map[string]any{"error_code": 11200})), 1, "a webhook that failed is what lists are for")
	require.Len(t, listRows(t, sms.ListQuery{}, row(map[string]any{"from": ""})), 1, "anonymous")
}

func TestListOutbound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change map[string]any
		want   channel.Receipt
	}{
		{map[string]any{"status": "queued", "date_sent": nil}, channel.Receipt{Status: channel.StatusAccepted, Word: "queued"}},
		{map[string]any{"status": "sent", "direction": "outbound-reply"}, channel.Receipt{Status: channel.StatusSent, Word: "sent"}},
		{map[string]any{"status": "delivered", "direction": "outbound-call"}, channel.Receipt{Status: channel.StatusDelivered, Word: "delivered"}},
		{map[string]any{"status": "failed", "error_code": 30034}, channel.Receipt{Status: channel.StatusFailed, Word: "failed", Code: "30034", Reason: channel.ReasonConfig}},
		{map[string]any{"status": "undelivered", "error_code": 30005}, channel.Receipt{Status: channel.StatusUndelivered, Word: "undelivered", Code: "30005", Reason: channel.ReasonRecipient}},
		{map[string]any{"status": "undelivered", "error_code": 30004, "from": "+18885550100"}, channel.Receipt{Status: channel.StatusUndelivered, Word: "undelivered", Code: "30004", Reason: channel.ReasonOptOut}},
		{map[string]any{"status": "failed", "error_code": 99999}, channel.Receipt{Status: channel.StatusFailed, Word: "failed", Code: "99999", Reason: channel.ReasonOther}},
		{map[string]any{"status": "undelivered"}, channel.Receipt{Status: channel.StatusUndelivered, Word: "undelivered", Reason: channel.ReasonOther}},
		{map[string]any{"status": "delivered", "error_code": 30003}, channel.Receipt{Status: channel.StatusDelivered, Word: "delivered", Code: "30003"}},
		{map[string]any{"status": "partially_delivered"}, channel.Receipt{Word: "partially_delivered"}},
	} {
		change := map[string]any{"direction": "outbound-api", "from": "+15105550100", "to": "+14155550123", "num_media": "2"}
		for k, v := range c.change {
			change[k] = v
		}
		out := listRows(t, sms.ListQuery{}, row(change))
		require.Len(t, out, 1, "%v", c.change)
		c.want.ID, c.want.At = "SM00000000000000000000000000000001", created2023.Add(5*time.Second)
		require.Equal(t, &c.want, out[0].Receipt)
		require.Nil(t, out[0].Inbound)
		require.Equal(t, "canary hello", out[0].Text)
		require.Equal(t, channel.Address("+14155550123"), out[0].To)
	}
	out := listRows(t, sms.ListQuery{}, row(map[string]any{"direction": "outbound-api", "from": nil, "messaging_service_sid": testService}))
	require.Empty(t, out[0].From, "not picked yet")
	require.Equal(t, testService, out[0].Pool)
}

// The same codes mean the same in a list as in a receipt's webhook.
func TestListErrorCodes(t *testing.T) {
	t.Parallel()
	var data struct{ Codes []struct{ Code int } }
	testdata(t, "twilio_error_codes.json", &data)
	for _, c := range data.Codes {
		raw := receiptForm("MessageStatus", "failed", "ErrorCode", strconv.Itoa(c.Code))
		events, err := open(t, twilio.Config{}, settings()).Parse(webhook(testWebhook+"/status/r", raw), []byte(raw))
		require.NoError(t, err)
		want := events[0].(channel.Receipt)
		got := listRows(t, sms.ListQuery{}, row(map[string]any{"direction": "outbound-api", "status": "failed", "error_code": c.Code, "from": "+15105550100"}))
		require.Equal(t, want.Reason, got[0].Receipt.Reason, c.Code)
		require.Equal(t, want.Code, got[0].Receipt.Code)
	}
}

// queries are what a carrier was asked for, first page first, without the page size.
func queries(t *testing.T, q sms.ListQuery) (out []url.Values) {
	t.Helper()
	_, err := list(t, open(t, twilio.Config{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		require.Equal(t, http.MethodGet, r.Method)
		require.Equal(t, "https://api.twilio.com/2010-04-01/Accounts/"+testAccount+"/Messages.json", strings.TrimSuffix(r.URL.String(), "?"+r.URL.RawQuery))
		query := r.URL.Query()
		require.Equal(t, "200", query.Get("PageSize"))
		query.Del("PageSize")
		out = append(out, query)
		return answers(200, nil, answer(nil))(r)
	})}, settings()), q)
	require.NoError(t, err)
	return out
}

// Twilio filters by the day of sending, which messages still queued don't have: R11.
func TestListFiltersWhereThatIsSafe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // on 2000-01-01
		time.Sleep(30 * 24 * time.Hour)
		now := time.Now().UTC() // 2000-01-31
		for name, c := range map[string]struct {
			q    sms.ListQuery
			want url.Values
		}{
			"all":       {sms.ListQuery{}, url.Values{}},
			"addresses": {sms.ListQuery{From: "+15105550100", To: "rcs:brand.1_agent"}, url.Values{"From": {"+15105550100"}, "To": {"rcs:brand.1_agent"}}},
			"both ways": {sms.ListQuery{Since: now.AddDate(0, 0, -5), Until: now.AddDate(0, 0, -4)}, url.Values{}},
			"outbound":  {sms.ListQuery{Direction: sms.DirectionOutbound, Since: now.AddDate(0, 0, -5), Until: now.AddDate(0, 0, -4)}, url.Values{}},
			"inbound": {sms.ListQuery{Direction: sms.DirectionInbound, Since: now.AddDate(0, 0, -5), Until: now.AddDate(0, 0, -4)},
				url.Values{"DateSent>": {"2000-01-26"}, "DateSent<": {"2000-01-29"}}},
			"inbound until now": {sms.ListQuery{Direction: sms.DirectionInbound, Since: now.Add(-time.Minute), Until: now}, url.Values{"DateSent>": {"2000-01-30"}}},
			"inbound, open":     {sms.ListQuery{Direction: sms.DirectionInbound}, url.Values{}},
			"inbound, elsewhere": {sms.ListQuery{Direction: sms.DirectionInbound, Since: now.AddDate(0, 0, -5).In(time.FixedZone("", 14*3600))},
				url.Values{"DateSent>": {"2000-01-26"}}},
		} {
			require.Equal(t, []url.Values{c.want}, queries(t, c.q), name)
		}
	})
}

// Twilio keeps whole seconds, so the second that Since falls in counts.
func TestListTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		since, until time.Time
		want         int
	}{
		{created2023, created2023.Add(time.Second), 1},
		{created2023.Add(999 * time.Millisecond), time.Time{}, 1},
		{created2023.Add(time.Second), time.Time{}, 0},
		{time.Time{}, created2023, 0},
		{time.Time{}, created2023.Add(time.Nanosecond), 1},
	} {
		require.Len(t, listRows(t, sms.ListQuery{Since: c.since, Until: c.until}, row(nil)), c.want, "[%v, %v)", c.since, c.until)
	}
}

// Against a carrier that filters as coarsely as Twilio's documentation allows, nothing is lost.
func TestListLosesNothingAtTheEdges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := carrier(t, smstest.TwilioConfig{Receipts: func(smstest.Sent) []smstest.Step { return nil }})
		at.SetWebhooks(testWebhook, smstest.HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })))
		a := openAt(t, at, settings())
		start := time.Now()
		for range 16 { // one of each in three hours
			_, err := at.Deliver(t.Context(), smstest.Text{Body: "x"})
			require.NoError(t, err)
			_, err = a.Send(t.Context(), outbound()) // stays queued, and so without a time of sending
			require.NoError(t, err)
			time.Sleep(3 * time.Hour)
		}
		time.Sleep(72 * time.Hour)
		for from := range 16 {
			for _, n := range []int{1, 24} {
				for direction, want := range map[sms.Direction]int{sms.DirectionInbound: 1, sms.DirectionOutbound: 1, "": 2} {
					since := start.Add(time.Duration(3*from) * time.Hour)
					out, err := list(t, a, sms.ListQuery{Direction: direction, Since: since, Until: since.Add(time.Duration(3*n) * time.Hour)})
					require.NoError(t, err)
					require.Len(t, out, want*min(n, 16-from), "%q from text %d, %d texts", direction, from, n)
				}
			}
		}
	})
}

// pages is a carrier with these pages, and notes what it was asked.
func pages(asked *[]string, bodies ...string) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		*asked = append(*asked, r.URL.String())
		return answers(200, nil, bodies[min(len(*asked), len(bodies))-1])(r)
	}
}

const messagesPath = "/2010-04-01/Accounts/" + testAccount + "/Messages.json"

func sid(n int) string { return fmt.Sprintf("SM%032x", n) }

func TestListFollowsPages(t *testing.T) {
	t.Parallel()
	var asked []string
	rt := pages(&asked, answer(messagesPath+"?PageSize=1000&From=%2B1999&Page=1&PageToken=PASM7.5x", row(map[string]any{"sid": sid(1)})),
		answer(nil, row(map[string]any{"sid": sid(2)})))
	out, err := list(t, open(t, twilio.Config{Transport: rt}, settings()), sms.ListQuery{To: "+15105550100"})
	require.NoError(t, err)
	require.Len(t, out, 2)
	second, err := url.Parse(asked[1])
	require.NoError(t, err)
	require.Equal(t, "api.twilio.com"+messagesPath, second.Host+second.Path)
	require.Equal(t, url.Values{"To": {"+15105550100"}, "PageSize": {"200"}, "Page": {"1"}, "PageToken": {"PASM7.5x"}}, second.Query(),
		"what was asked stays; the SDK would cut .5 out of the token")
}

// A next page may send us nowhere else, nor round in circles.
func TestListRefusesStrangePages(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]string{
		"elsewhere":       "https://evil.example" + messagesPath + "?PageToken=PA1",
		"no scheme":       "//evil.example" + messagesPath + "?PageToken=PA1",
		"another account": "/2010-04-01/Accounts/AC00000000000000000000000000000002/Messages.json?PageToken=PA1",
		"another list":    "/2010-04-01/Accounts/" + testAccount + "/Calls.json?PageToken=PA1",
		"no token":        messagesPath + "?Page=1",
		"no URL":          "://",
	} {
		var asked []string
		a := open(t, twilio.Config{Transport: pages(&asked, answer(next, row(nil)))}, settings())
		out, err := list(t, a, sms.ListQuery{})
		require.Nil(t, out)
		requireNotAsked(t, err, channel.ReasonRetry)
		require.Len(t, asked, 1, name)
	}
	var asked []string
	a := open(t, twilio.Config{Transport: pages(&asked, answer(messagesPath+"?PageToken=PA1", row(nil)))}, settings())
	_, err := list(t, a, sms.ListQuery{})
	requireNotAsked(t, err, channel.ReasonRetry)
	require.Len(t, asked, 2, "the same token again")
}

func TestListIsBounded(t *testing.T) {
	t.Parallel()
	n := 0
	a := open(t, twilio.Config{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		n++
		return answers(200, nil, answer(messagesPath+"?PageToken=PA"+strconv.Itoa(n), row(nil)))(r)
	})}, settings())
	out, err := list(t, a, sms.ListQuery{Direction: sms.DirectionOutbound})
	require.ErrorIs(t, err, sms.ErrListTooLong)
	requireNotAsked(t, err, channel.ReasonOther)
	require.Nil(t, out)
	require.Equal(t, 250, n)
}

// The order is that of sending. A text that was queued for hours stands before ones that were created after it.
func TestListStopsOnlyWhereNothingCanFollow(t *testing.T) {
	t.Parallel()
	at := func(h int) string { return time.Date(2026, 11, 22, h, 0, 0, 0, time.UTC).Format(time.RFC1123Z) }
	out := func(n, created, sent int) map[string]any {
		r := row(map[string]any{"sid": sid(n), "direction": "outbound-api", "date_created": at(created), "date_sent": at(sent), "status": "sent"})
		if sent == 0 {
			r["date_sent"], r["status"] = nil, "queued"
		}
		return r
	}
	since := sms.ListQuery{Since: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	next := func(n int) string { return messagesPath + "?PageToken=PA" + strconv.Itoa(n) }
	for name, c := range map[string]struct {
		pages []string
		asked int
		want  []string
	}{
		"created before, sent after": {[]string{answer(next(1), out(1, 2, 12)), answer(next(2), out(2, 11, 11)), answer(next(3), out(3, 9, 9))}, 3, []string{sid(2)}},
		"old and still queued":       {[]string{answer(next(1), out(1, 2, 0)), answer(next(2), out(2, 11, 11))}, 1, nil},
		"old ones among new":         {[]string{answer(next(1), out(1, 2, 0), out(2, 11, 11)), answer(nil, out(3, 10, 10))}, 2, []string{sid(2), sid(3)}},
		"an empty page":              {[]string{answer(next(1)), answer(nil, out(1, 11, 11))}, 2, []string{sid(1)}},
		"newest first by creation":   {[]string{answer(nil, out(1, 10, 14), out(2, 13, 13), out(3, 11, 12))}, 1, []string{sid(2), sid(3), sid(1)}},
	} {
		var asked []string
		got, err := list(t, open(t, twilio.Config{Transport: pages(&asked, c.pages...)}, settings()), since)
		require.NoError(t, err, name)
		var ids []string
		for _, l := range got {
			ids = append(ids, l.Receipt.ID)
		}
		require.Equal(t, c.want, ids, name)
		require.Len(t, asked, c.asked, name)
	}
}

func TestListStopsAtLimit(t *testing.T) {
	t.Parallel()
	var rows []map[string]any
	for n := range 200 {
		rows = append(rows, row(map[string]any{"sid": sid(n), "num_media": "1"}))
	}
	asked := 0
	a := open(t, twilio.Config{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		asked++
		if strings.Contains(r.URL.Path, "/Media.json") {
			return answers(200, nil, `{"media_list":[]}`)(r)
		}
		return answers(200, nil, answer(messagesPath+"?PageToken=PA1", rows...))(r)
	})}, settings())
	out, err := list(t, a, sms.ListQuery{Limit: 3})
	require.NoError(t, err)
	require.Len(t, out, 3)
	require.Equal(t, 1+3, asked, "no attachments are loaded for what isn't wanted")
}

func TestListLimitIs1000(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, -1} {
		asked := 0
		a := open(t, twilio.Config{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			asked++
			rows := slices.Repeat([]map[string]any{row(nil)}, 200)
			return answers(200, nil, answer(messagesPath+"?PageToken=PA"+strconv.Itoa(asked), rows...))(r)
		})}, settings())
		out, err := list(t, a, sms.ListQuery{Limit: limit})
		require.NoError(t, err)
		require.Len(t, out, 1000)
		require.Equal(t, 5, asked)
	}
}

func TestListMedia(t *testing.T) {
	t.Parallel()
	const mm = "MM00000000000000000000000000000009"
	media := func(base, answer string, status int) ([]sms.Listed, error) {
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/Media.json") {
				require.Equal(t, "/Messages/"+mm+"/Media.json", r.URL.Path[strings.LastIndex(r.URL.Path, "/Messages"):])
				return answers(status, nil, answer)(r)
			}
			return answers(200, nil, answerOf(mm))(r)
		})
		return list(t, open(t, twilio.Config{BaseURL: base, Transport: rt}, settings()), sms.ListQuery{})
	}
	const two = `{"media_list":[{"sid":"ME00000000000000000000000000000001","content_type":"image/png"},
		{"sid":"ME00000000000000000000000000000002","content_type":"text/x-vcard\u0000"},{"sid":"../../x","content_type":"a/b"}]}`
	for _, base := range []string{"", "https://carrier.example/fake/"} { // as the webhook writes them, whoever is asked
		out, err := media(base, two, 200)
		require.NoError(t, err)
		below := "https://api.twilio.com/2010-04-01/Accounts/" + testAccount + "/Messages/" + mm + "/Media/"
		require.Equal(t, []channel.Attachment{{URL: below + "ME00000000000000000000000000000001", ContentType: "image/png"},
			{URL: below + "ME00000000000000000000000000000002", ContentType: "text/x-vcard\uFFFD"}}, out[0].Inbound.Media)
	}
	out, err := media("", `{"code":20404}`, 404)
	require.NoError(t, err)
	require.Empty(t, out[0].Inbound.Media, "deleted since")
	_, err = media("", "<html>", 502)
	requireNotAsked(t, err, channel.ReasonRetry)
	_, err = media("", "<html>", 200)
	requireNotAsked(t, err, channel.ReasonRetry)
}

func answerOf(mm string) string {
	return answer(nil, row(map[string]any{"sid": mm, "num_media": "2"}))
}

// Answers are typed as for sends, but nothing was sent.
func TestListErrors(t *testing.T) {
	t.Parallel()
	wait := map[string]string{"Retry-After": "7"}
	for _, c := range []struct {
		status int
		header map[string]string
		body   string
		want   channel.Reason
	}{
		{401, nil, `{"code":20003,"message":"+14155550123 canary"}`, channel.ReasonCredentials},
		{403, nil, `{"code":20003}`, channel.ReasonCredentials},
		{404, nil, `{"code":20404}`, channel.ReasonConfig},
		{400, nil, `{"code":20001}`, channel.ReasonOther},
		{429, wait, `{"code":20429}`, channel.ReasonRetry},
		{500, wait, `{"code":20500}`, channel.ReasonRetry},
		{503, nil, "<html>", channel.ReasonRetry},
		{307, map[string]string{"Location": "https://evil.example/"}, answer(nil), channel.ReasonRetry},
		{200, nil, "<html>canary</html>", channel.ReasonRetry},
		{200, nil, "", channel.ReasonRetry},
		{200, nil, `{"messages":[{"error_code":"+14155550123"}]}`, channel.ReasonRetry},
		{200, nil, `{"messages":[` + strings.Repeat(" ", 9<<20) + `]}`, channel.ReasonRetry},
	} {
		out, err := list(t, open(t, twilio.Config{Transport: answers(c.status, c.header, c.body)}, settings()), sms.ListQuery{To: "+14155550123"})
		require.Nil(t, out)
		requireNotAsked(t, err, c.want)
		_, told := sms.RetryAfter(err)
		require.Equal(t, c.header != nil && c.status != 307, told)
	}
}

// A page of the longest texts, as JSON writes them at its longest, is read whole.
func TestListReadsTheLongestPage(t *testing.T) {
	t.Parallel()
	emoji := `"` + strings.Repeat(`\ud83d\ude00`, 1600) + `"`
	var rows []string
	for n := range 200 {
		b, err := json.Marshal(row(map[string]any{"sid": sid(n), "body": json.RawMessage(emoji)}))
		require.NoError(t, err)
		rows = append(rows, string(b))
	}
	body := `{"messages":[` + strings.Join(rows, ",") + `]}`
	require.Greater(t, len(body), 3<<20)
	out, err := list(t, open(t, twilio.Config{Transport: answers(200, nil, body)}, settings()), sms.ListQuery{})
	require.NoError(t, err)
	require.Len(t, out, 200)
	require.Equal(t, strings.Repeat("😀", 1600), out[7].Text)
}

// Backfill with an API key, over real HTTP.
func TestListOverHTTP(t *testing.T) {
	t.Parallel()
	at := carrier(t, smstest.TwilioConfig{})
	at.SetWebhooks("http://127.0.0.1:1", nil)
	d, err := at.Deliver(t.Context(), smstest.Text{Body: "hi", Media: []string{"https://m.example/1.png"}})
	require.Error(t, err)
	out, err := list(t, open(t, twilio.Config{BaseURL: at.URL()}, withKey(settings())), sms.ListQuery{Direction: sms.DirectionInbound})
	require.NoError(t, err)
	require.Equal(t, d.ID, out[0].Inbound.ID)
	require.Equal(t, testService, out[0].Pool)
	require.Equal(t, "image/png", out[0].Inbound.Media[0].ContentType)
}

// FuzzList reads what a carrier that has lost its mind may answer.
func FuzzList(f *testing.F) {
	f.Add([]byte(answer(nil, row(nil), row(map[string]any{"direction": "outbound-api"}))))
	f.Add([]byte(answer(messagesPath + "?PageToken=PA1")))
	f.Add([]byte(`{"messages":[{}],"next_page_uri":"//x"}`))
	f.Add([]byte(`{"messages":[{"sid":"SM00000000000000000000000000000001","num_media":"9"}],"media_list":[{"sid":7}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := open(t, twilio.Config{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body))), Request: r}, nil
		})}, settings())
		out, err := list(t, a, sms.ListQuery{Limit: 10})
		if err != nil {
			if _, ok := errors.AsType[*sms.SendError](err); !ok || out != nil {
				t.Fatalf("%T beside %d messages", err, len(out))
			}
			return
		}
		if len(out) > 10 || !slices.IsSortedFunc(out, func(x, y sms.Listed) int { return y.Created.Compare(x.Created) }) {
			t.Fatalf("%d messages, or out of order", len(out))
		}
		for _, l := range out {
			if (l.Inbound == nil) == (l.Receipt == nil) || l.Created.IsZero() {
				t.Fatalf("%+v", l)
			}
		}
	})
}
