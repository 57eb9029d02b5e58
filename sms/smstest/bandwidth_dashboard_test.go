package smstest

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
)

const (
	dashboardAPI   = "https://api.bandwidth.com/api/v2"
	applicationAPI = dashboardAPI + "/accounts/" + BandwidthAccountID + "/applications/" + BandwidthApplicationID
	locationAPI    = dashboardAPI + "/accounts/" + BandwidthAccountID + "/sites/" + BandwidthSiteID + "/sippeers/"
	apiAuth        = "" // stands for the API user
)

func (b *Bandwidth) manage(t *testing.T, method, target, auth, body string) (status int, answer string) {
	t.Helper()
	if auth == apiAuth {
		auth = basic(BandwidthAPIUser, BandwidthAPIPassword)
	}
	res := b.do(t, method, target, "application/xml; charset=utf-8", auth, body)
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, strings.TrimPrefix(string(raw), `<?xml version="1.0" encoding="UTF-8"?>`+"\n")
}

// The documents are those of dev.bandwidth.com/docs/account/applications and of the Numbers API pages.
func TestBandwidthDashboardShapes(t *testing.T) {
	t.Parallel()
	b, _ := newBandwidthDesk(t, BandwidthConfig{StatusURL: "https://desk.example.com/bw/status"})
	for target, want := range map[string]string{
		applicationAPI: `<ApplicationProvisioningResponse><Application><ApplicationId>` + BandwidthApplicationID + `</ApplicationId>` +
			`<ServiceType>Messaging-V2</ServiceType><AppName>Desk</AppName>` +
			`<InboundCallbackUrl>https://desk.example.com/bw/k</InboundCallbackUrl><OutboundCallbackUrl>https://desk.example.com/bw/status</OutboundCallbackUrl>` +
			`<InboundCallbackCreds><UserId>desk-callbacks</UserId></InboundCallbackCreds><OutboundCallbackCreds><UserId>desk-callbacks</UserId></OutboundCallbackCreds>` +
			`<RequestedCallbackTypes><CallbackType>message-delivered</CallbackType><CallbackType>message-failed</CallbackType><CallbackType>message-sending</CallbackType></RequestedCallbackTypes>` +
			`</Application></ApplicationProvisioningResponse>`,
		applicationAPI + "/associatedsippeers": `<AssociatedSipPeersResponse><AssociatedSipPeers><AssociatedSipPeer><SiteId>13651</SiteId><SiteName>Desk</SiteName>` +
			`<PeerId>540341</PeerId><PeerName>Location 540341</PeerName></AssociatedSipPeer></AssociatedSipPeers></AssociatedSipPeersResponse>`,
		locationAPI + "540341/products/messaging/applicationSettings": `<ApplicationsSettingsResponse><ApplicationsSettings>` +
			`<HttpMessagingV2AppId>` + BandwidthApplicationID + `</HttpMessagingV2AppId></ApplicationsSettings></ApplicationsSettingsResponse>`,
		locationAPI + "540341/products/messaging/features/sms": `<SipPeerSmsFeatureResponse><SipPeerSmsFeature><SipPeerSmsFeatureSettings><TollFree>false</TollFree>` +
			`<ShortCode>false</ShortCode><Protocol>HTTP</Protocol><Zone1>true</Zone1></SipPeerSmsFeatureSettings></SipPeerSmsFeature></SipPeerSmsFeatureResponse>`,
		dashboardAPI + "/tns/9195550100/tndetails": `<TelephoneNumberResponse><TelephoneNumberDetails><FullNumber>9195550100</FullNumber><Status>Inservice</Status>` +
			`<AccountId>9900901</AccountId><Site><Id>13651</Id></Site><SipPeer><PeerId>540341</PeerId><PeerName>Location 540341</PeerName></SipPeer>` +
			`<MessagingSettings><SmsEnabled>true</SmsEnabled></MessagingSettings></TelephoneNumberDetails></TelephoneNumberResponse>`,
	} {
		for _, at := range []string{target, strings.Replace(target, "/api/v2/", "/api/", 1)} { // both addresses are documented
			status, got := b.manage(t, http.MethodGet, at, apiAuth, "")
			require.Equal(t, 200, status, at)
			require.Equal(t, want, got, at)
		}
	}
	_, one := b.manage(t, http.MethodGet, dashboardAPI+"/tns/%2B19195550100/tndetails", b.askToken(t), "")
	require.Contains(t, one, "<FullNumber>9195550100</FullNumber>", "E.164 names a number too")
}

func TestBandwidthDashboardRefuses(t *testing.T) {
	t.Parallel()
	b := NewBandwidth(t, BandwidthConfig{})
	b.SetLocation("2", BandwidthLocation{SMSOff: true})
	for _, c := range []struct {
		method, target, auth string
		status               int
		code                 string
	}{
		{http.MethodGet, applicationAPI, "Bearer x", 401, ""},
		{http.MethodGet, strings.Replace(applicationAPI, BandwidthAccountID, "1", 1), apiAuth, 403, ""},
		{http.MethodGet, strings.Replace(applicationAPI, "93de", "0000", 1), apiAuth, 404, "13629"},
		{http.MethodPut, strings.Replace(applicationAPI, "93de", "0000", 1), apiAuth, 404, "13629"},
		{http.MethodGet, strings.Replace(applicationAPI, "93de", "0000", 1) + "/associatedsippeers", apiAuth, 404, "13629"},
		{http.MethodDelete, applicationAPI, apiAuth, 405, ""},
		{http.MethodGet, locationAPI + "1/products/messaging/applicationSettings", apiAuth, 404, "13563"},
		{http.MethodGet, locationAPI + "1/products/messaging/features/sms", apiAuth, 404, "13563"},
		{http.MethodGet, locationAPI + "2/products/messaging/features/sms", apiAuth, 404, "13511"},
		{http.MethodGet, dashboardAPI + "/tns/2125550100/tndetails", apiAuth, 404, "12512"},
		{http.MethodGet, dashboardAPI + "/accounts/" + BandwidthAccountID, apiAuth, 404, ""},
		{http.MethodGet, "https://api.bandwidth.com/elsewhere", apiAuth, 404, ""},
		{http.MethodGet, strings.Replace(bandwidthAPI, BandwidthAccountID, "1", 1) + "?messageId=x", apiAuth, 403, ""},
	} {
		status, body := b.manage(t, c.method, c.target, c.auth, "")
		require.Equal(t, c.status, status, c.target)
		if c.code != "" {
			require.Contains(t, body, "<ResponseStatus><ErrorCode>"+c.code+"</ErrorCode>", c.target)
		}
	}
}

// A PUT replaces the whole document, and where the application posts.
func TestBandwidthPutApplication(t *testing.T) {
	t.Parallel()
	b, d := newBandwidthDesk(t, BandwidthConfig{})
	app := b.Application()
	app.Extra = map[string]string{"Novelty": "yes"}
	b.SetApplication(app)
	creds := `<UserId>someone</UserId><Password>a-password</Password>`
	status, body := b.manage(t, http.MethodPut, applicationAPI, apiAuth, `<Application><AppName>New</AppName>`+
		`<InboundCallbackUrl>https://desk.example.com/in</InboundCallbackUrl><InboundCallbackCreds>`+creds+`</InboundCallbackCreds>`+
		`<OutboundCallbackUrl>https://desk.example.com/out</OutboundCallbackUrl>`+
		`<RequestedCallbackTypes><CallbackType>message-delivered</CallbackType></RequestedCallbackTypes></Application>`)
	require.Equal(t, 200, status, body)
	require.NotContains(t, body, "Novelty", "what is left out is gone")
	require.NotContains(t, body, "a-password")
	require.Equal(t, BandwidthApplication{
		Name: "New", ServiceType: "Messaging-V2", Extra: map[string]string{}, CallbackTypes: []string{"message-delivered"},
		Inbound: BandwidthCallback{"https://desk.example.com/in", "someone", "a-password"}, Outbound: BandwidthCallback{URL: "https://desk.example.com/out"},
	}, b.Application())

	_, err := b.Deliver(t.Context(), Text{})
	require.NoError(t, err)
	require.Equal(t, "/in", d.got[0].RequestURI)
	user, password, _ := d.got[0].BasicAuth()
	require.Equal(t, "someone a-password", user+" "+password)
	require.Equal(t, 202, b.ask(t, nil).StatusCode)
	require.NoError(t, b.Wait(t.Context()))
	require.Len(t, d.got, 3, "message-sending was not asked for")
	require.Equal(t, "/out", d.got[1].RequestURI)
	require.Empty(t, d.got[1].Header["Authorization"], "no credentials were set")

	status, _ = b.manage(t, http.MethodPut, applicationAPI, apiAuth, `<Application><AppName>New</AppName><MsgCallbackUrl>https://desk.example.com/both</MsgCallbackUrl>`+
		`<InboundCallbackUrl>https://desk.example.com/in</InboundCallbackUrl></Application>`)
	require.Equal(t, 200, status)
	require.Equal(t, "https://desk.example.com/both", b.Application().Inbound.URL, "the deprecated name sets both")
	require.Equal(t, "https://desk.example.com/both", b.Application().Outbound.URL)
}

func TestBandwidthPutRefuses(t *testing.T) {
	t.Parallel()
	b := NewBandwidth(t, BandwidthConfig{})
	before := b.Application()
	for _, body := range []string{
		"", "<Application>", `<Application><InboundCallbackUrl>https://a.example</InboundCallbackUrl></Application>`,
		`<Application><AppName>x</AppName></Application>`,
		`<Application><ServiceType>Voice-V2</ServiceType><AppName>x</AppName><InboundCallbackUrl>https://a.example</InboundCallbackUrl></Application>`,
		`<Application><AppName>x</AppName><InboundCallbackUrl>https://a.example</InboundCallbackUrl><InboundCallbackCreds><UserId>only-user</UserId></InboundCallbackCreds></Application>`,
		`<Application><AppName>x</AppName><InboundCallbackUrl>https://a.example</InboundCallbackUrl><OutboundCallbackCreds><UserId>short</UserId><Password>long-enough</Password></OutboundCallbackCreds></Application>`,
	} {
		status, _ := b.manage(t, http.MethodPut, applicationAPI, apiAuth, body)
		require.Equal(t, 400, status, body)
	}
	require.Equal(t, before, b.Application())
}

// An application without a location takes texts, and nobody hears of them.
func TestBandwidthSwallows(t *testing.T) {
	t.Parallel()
	b, d := newBandwidthDesk(t, BandwidthConfig{})
	b.SetLocation(BandwidthLocationID, BandwidthLocation{})
	require.Equal(t, 202, b.ask(t, nil).StatusCode)
	require.NoError(t, b.Wait(t.Context()))
	require.NoError(t, b.Report(t.Context(), b.Sent()[0].ID, Step{Status: channel.StatusDelivered}))
	_, err := b.Deliver(t.Context(), Text{})
	require.ErrorIs(t, err, errNotLinked)
	require.Empty(t, d.got)
	b.SetLocation("7", BandwidthLocation{ApplicationID: BandwidthApplicationID})
	b.SetPhone(BandwidthNumber, BandwidthPhone{LocationID: "7"})
	_, err = b.Deliver(t.Context(), Text{})
	require.NoError(t, err)
	require.Len(t, d.got, 1)
}

func TestBandwidthSecretExpires(t *testing.T) {
	t.Parallel()
	b := NewBandwidth(t, BandwidthConfig{})
	token := b.askToken(t)
	b.ExpireSecret()
	require.Equal(t, 202, b.do(t, http.MethodPost, bandwidthAPI, "application/json", token, bandwidthBody(nil)).StatusCode, "until it ends")
	res := b.do(t, http.MethodPost, "https://api.bandwidth.com/api/v1/oauth2/token", "application/x-www-form-urlencoded",
		basic(BandwidthClientID, BandwidthClientSecret), "grant_type=client_credentials")
	require.Equal(t, 401, res.StatusCode)
}

// The list has no text and no tag, and wants a filter.
func TestBandwidthLists(t *testing.T) {
	t.Parallel()
	b := NewBandwidth(t, BandwidthConfig{Receipts: func(Sent) []Step { return nil }})
	for range 3 {
		require.Equal(t, 202, b.ask(t, nil).StatusCode)
	}
	list := func(query, auth string) (int, map[string]any) {
		res := b.do(t, http.MethodGet, bandwidthAPI+query, "", auth, "")
		return res.StatusCode, readJSON(t, res)
	}
	status, got := list("?sourceTn=%2B19195550100&limit=2", b.askToken(t))
	require.Equal(t, 200, status)
	require.EqualValues(t, 3, got["totalCount"])
	items := got["messages"].([]any)
	require.Len(t, items, 2)
	require.Equal(t, b.Sent()[2].ID, items[0].(map[string]any)["messageId"], "newest first")
	require.NotContains(t, items[0], "text")
	require.NotContains(t, items[0], "tag")
	_, got = list("?sourceTn=%2B19195550101", b.askToken(t))
	require.Empty(t, got["messages"])
	for _, query := range []string{"", "?limit=1", "?sourceTn=%2B19195550100&limit=0", "?sourceTn=%2B19195550100&limit=x"} {
		status, _ = list(query, b.askToken(t))
		require.Equal(t, 400, status, query)
	}
	status, _ = list("?sourceTn=%2B19195550100", "Bearer x")
	require.Equal(t, 401, status)
}
