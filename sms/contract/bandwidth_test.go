package contract_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

const bandwidthUser = "https://messaging.bandwidth.com/api/v2/users/" + smstest.BandwidthAccountID

const dashboard = "the Dashboard API speaks XML and has no OpenAPI description in ../shared; "

var bandwidthOutside = []unlisted{
	{"POST", "api.bandwidth.com", "/api/v1/oauth2/token", "the token endpoint is in the description as a tokenUrl only (RFC 6749, 4.4; S19); sms/bandwidth TestTokenRequest"},
	{"GET", "api.bandwidth.com", "/api/v2/accounts/*/applications/*", dashboard + "TestVerify"},
	{"PUT", "api.bandwidth.com", "/api/v2/accounts/*/applications/*", dashboard + "TestRegister"},
	{"GET", "api.bandwidth.com", "/api/v2/accounts/*/applications/*/associatedsippeers", dashboard + "TestVerify"},
	{"GET", "api.bandwidth.com", "/api/v2/accounts/*/sites/*/sippeers/*/products/messaging/applicationSettings", dashboard + "TestVerifyProblems"},
	{"GET", "api.bandwidth.com", "/api/v2/accounts/*/sites/*/sippeers/*/products/messaging/features/sms", dashboard + "TestVerify"},
	{"GET", "api.bandwidth.com", "/api/v2/tns/*/tndetails", dashboard + "TestVerify"},
}

var bandwidthSenders = []channel.Address{smstest.BandwidthNumber, "72345", "LiveDesk", "My Shop-1_&"}

func newBandwidth(t testing.TB) (*smstest.Bandwidth, *recorder) {
	c := smstest.NewBandwidth(t, smstest.BandwidthConfig{Numbers: bandwidthSenders})
	return c, &recorder{next: c.Transport()}
}

func bandwidthValues(basic bool) map[string]string {
	s := bandwidth.Setup{Name: "Support", PhoneNumber: smstest.BandwidthNumber, AccountID: smstest.BandwidthAccountID,
		ApplicationID: smstest.BandwidthApplicationID, APIKey: sms.NewSecret(smstest.BandwidthClientID), APISecret: sms.NewSecret(smstest.BandwidthClientSecret),
		WebhookUser: sms.NewSecret(smstest.BandwidthWebhookUser), WebhookPassword: sms.NewSecret(smstest.BandwidthWebhookPassword)}
	if basic {
		s.UseBasic, s.APIKey, s.APISecret = true, sms.NewSecret(smstest.BandwidthAPIUser), sms.NewSecret(smstest.BandwidthAPIPassword)
	}
	return s.Values()
}

// Every request that the Bandwidth adapter sends is as Bandwidth describes it.
func TestBandwidthRequests(t *testing.T) {
	l := &ledger{describe(t, "bandwidth_messages.openapi.json"), bandwidthOutside, map[string]int{}}
	c, rec := newBandwidth(t)
	provider := bandwidth.New(bandwidth.Config{Transport: rec})
	for _, basic := range []bool{false, true} {
		r := connect(t, provider, rec, bandwidthValues(basic))
		sendAll(t, r, outbounds(bandwidthSenders, []channel.Address{smstest.Customer, "+33612345678", "+1234567"}, nil, 2048, 4096))
		for _, name := range []string{"", "a b.png", "é+&;,.jpg", "100%.gif"} {
			fetch(t, r, c.AddMedia(smstest.Media{Body: []byte("\xff\xd8\xff"), Name: name, ContentType: "application/octet-stream"}))
		}
		require.NoError(t, r.account.(sms.Registrar).Register(t.Context(), r.values))
		err := r.account.(sms.Verifier).Verify(t.Context(), r.values)
		if basic {
			require.ErrorContains(t, err, "use_basic: could not be checked: whether it still works from 2026-12-02 on")
		} else {
			require.NoError(t, err)
		}
	}
	// What is asked only where the first answers leave something open.
	c.SetLocation(smstest.BandwidthLocationID, smstest.BandwidthLocation{ApplicationID: smstest.BandwidthApplicationID, Unlisted: true})
	c.SetPhone(smstest.BandwidthNumber, smstest.BandwidthPhone{Silent: true})
	r := connect(t, provider, rec, bandwidthValues(false))
	require.NoError(t, r.account.(sms.Verifier).Verify(t.Context(), r.values))

	described := l.hold(t, rec.exchanges())
	for _, x := range described {
		if err := l.answer(x); err != nil {
			t.Errorf("the fake: %v\n%s", err, x.answer)
		}
	}
	for name, basic := range map[string]bool{"token": false, "basic": true} {
		t.Run(name, func(t *testing.T) {
			l.hold(t, suite(t, bandwidthValues(basic), func(t testing.TB, rec *recorder) (sms.Provider, smstest.Carrier) {
				c := smstest.NewBandwidth(t, smstest.BandwidthConfig{})
				rec.next = c.Transport()
				return bandwidth.New(bandwidth.Config{Transport: rec}), c
			}))
		})
	}
	l.complete(t, "POST /users/{accountId}/messages", "GET /users/{accountId}/messages", "GET /users/{accountId}/media/{mediaId}")
}

// What the fake answers to requests that are wrong, and to those that no adapter sends, has the shape that Bandwidth
// describes for the status.
func TestBandwidthAnswers(t *testing.T) {
	d := describe(t, "bandwidth_messages.openapi.json")
	c, rec := newBandwidth(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(smstest.BandwidthAPIUser+":"+smstest.BandwidthAPIPassword))
	good := `{"applicationId":"` + smstest.BandwidthApplicationID + `","to":["+14155550123"],"from":"+19195550100","text":"hi"}`
	const j = "application/json"
	for _, status := range []int{400, 401, 403, 404, 405, 406, 415, 429, 500} {
		c.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: status})
		ask(t, rec, "POST", bandwidthUser+"/messages", basic, j, good)
	}
	ask(t, rec, "POST", bandwidthUser+"/messages", basic, j, good)
	ask(t, rec, "POST", bandwidthUser+"/messages", basic, j, strings.Replace(good, `"hi"`, `"hi","priority":"high","media":["https://media.example.com/a.png"],"tag":"t","expiration":"2096-02-01T11:29:18-05:00"`, 1))
	ask(t, rec, "POST", bandwidthUser+"/messages", "", j, good)
	ask(t, rec, "POST", bandwidthUser+"/messages", basic, "text/plain", good)
	ask(t, rec, "POST", bandwidthUser+"/messages", basic, j, `{"to":["x"],"txt":""}`)
	ask(t, rec, "POST", strings.Replace(bandwidthUser, "9900901", "1", 1)+"/messages", basic, j, good)
	require.NoError(t, c.Wait(t.Context()))
	for _, query := range []string{"?sourceTn=%2B19195550100", "?destinationTn=%2B14155550123&limit=1", "?messageId=none", "", "?limit=0&sourceTn=%2B19195550100"} {
		ask(t, rec, "GET", bandwidthUser+"/messages"+query, basic, "", "")
	}
	ask(t, rec, "GET", bandwidthUser+"/media/none/0/a.png", basic, "", "")
	ask(t, rec, "GET", bandwidthUser+"/media/none/0/a.png", "", "", "")
	statuses := map[int]bool{}
	for _, x := range rec.exchanges() {
		statuses[x.status] = true
		if err := d.answer(x); err != nil {
			t.Errorf("the fake: %v\n%s", err, x.answer)
		}
	}
	require.Len(t, statuses, 11, "%v", statuses)
}

// The callbacks of the fake, those of texts and those of receipts, are as Bandwidth describes them.
func TestBandwidthCallbacks(t *testing.T) {
	d := describe(t, "bandwidth_messages.openapi.json")
	c, rec := newBandwidth(t)
	c.SetWebhooks("https://desk.example.com/sms/3f9a", smstest.HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })))
	r := connect(t, bandwidth.New(bandwidth.Config{Transport: rec}), rec, bandwidthValues(false))
	for _, m := range []smstest.Text{{Body: "hello"}, {}, {Body: "😀", From: "72345"}, {From: "AMAZON", Body: "code 1"},
		{Media: []string{c.AddMedia(smstest.Media{Name: "a b.png"})}}, {Body: "group", Others: []channel.Address{"+14155550124", "+19195550101"}}} {
		_, err := c.Deliver(t.Context(), m)
		require.NoError(t, err)
	}
	sendAll(t, r, outbounds(bandwidthSenders, []channel.Address{smstest.Customer}, nil, 2048, 4096)[:40])
	require.NoError(t, c.Wait(t.Context()))
	last := c.Sent()[0]
	for _, status := range []channel.DeliveryStatus{channel.StatusFailed, channel.StatusUndelivered, channel.StatusRead, channel.StatusSent} {
		require.NoError(t, c.Report(t.Context(), last.ID, smstest.Step{Status: status}))
	}
	schema := map[smstest.HookKind]string{smstest.HookInbound: "inboundCallback", smstest.HookStatus: "statusCallback"}
	words := map[string]bool{}
	for _, w := range c.Webhooks() {
		var events []json.RawMessage
		require.NoError(t, json.Unmarshal(w.Body, &events))
		require.NotEmpty(t, events)
		for _, e := range events {
			if err := d.callback(schema[w.Kind], e); err != nil {
				t.Errorf("the fake's %s %s: %v\n%s", w.Kind, w.Word, err, e)
			}
		}
		words[w.Word] = true
	}
	require.Len(t, words, 6, "%v", words) // a text's has none
}
