package bandwidth_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// pages answers the Dashboard's questions with documents, by the end of the path, and lists no message.
type pages map[string]string

func (p pages) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case r.URL.String() == tokenURL:
		return answer(r, 200, tokenOK), nil
	case strings.HasSuffix(r.URL.Path, "/messages"):
		return answer(r, 200, `{"messages":[]}`), nil
	}
	for end, doc := range p {
		if strings.HasSuffix(r.URL.Path, end) {
			return answer(r, 200, doc, "Content-Type", "application/xml"), nil
		}
	}
	return answer(r, 404, ""), nil
}

// documented are the documents of the Numbers API pages, which write every value on a line of its own and some names in
// small letters, with our values in them.
func documented() pages {
	return pages{
		"/applications/" + smstest.BandwidthApplicationID: applicationDoc("<AppName>\n  qMmmTT\n</AppName><InboundCallbackUrl>" + deskURL + "</InboundCallbackUrl><OutboundCallbackUrl>\n" +
			deskURL + "\n</OutboundCallbackUrl><InboundCallbackCreds><UserId>desk-callbacks</UserId></InboundCallbackCreds><OutboundCallbackCreds><UserId>desk-callbacks</UserId></OutboundCallbackCreds>"),
		"/associatedsippeers": "<AssociatedSipPeersResponse>\n<AssociatedSipPeers><AssociatedSipPeer>\n<siteId>\n 482 \n</siteId><siteName>site</siteName><peerId>\n500018\n</peerId></AssociatedSipPeer>" +
			"<AssociatedSipPeer><siteId>483</siteId><peerId>500019</peerId></AssociatedSipPeer></AssociatedSipPeers></AssociatedSipPeersResponse>",
		"/tns/9195550100/tndetails": "<TelephoneNumberResponse><TelephoneNumberDetails><FullNumber>\n9195550100\n</FullNumber><Status>\nInservice\n</Status><AccountId>\n9900901\n</AccountId>" +
			"<Site><Id>\n483\n</Id></Site><SipPeer><PeerId>\n500019\n</PeerId></SipPeer><MessagingSettings><SmsEnabled>\ntrue\n</SmsEnabled></MessagingSettings></TelephoneNumberDetails></TelephoneNumberResponse>",
	}
}

func TestVerifyDocuments(t *testing.T) {
	t.Parallel()
	verify := func(p pages, s bandwidth.Setup) error {
		return openAt(t, bandwidth.Config{Transport: p}, s).Verify(t.Context(), s.Values())
	}
	require.NoError(t, verify(documented(), fakeSetup()))

	abroad, uk := documented(), fakeSetup()
	uk.PhoneNumber = "+442071838750"
	abroad["/tns/+442071838750/tndetails"] = strings.Replace(abroad["/tns/9195550100/tndetails"], "9195550100", "+442071838750", 1)
	require.NoError(t, verify(abroad, uk), "outside of North America a number is written in full")

	delete(abroad, "/tns/+442071838750/tndetails")
	requireUnchecked(t, verify(abroad, uk), "phone_number: North America only")

	old := documented()
	old["/applications/"+smstest.BandwidthApplicationID] = applicationDoc("<MsgCallbackUrl>" + deskURL + "</MsgCallbackUrl><CallbackCreds><UserId>desk-callbacks</UserId></CallbackCreds>")
	require.NoError(t, verify(old, fakeSetup()), "the deprecated names stand for both")

	shown := documented()
	shown["/applications/"+smstest.BandwidthApplicationID] = strings.Replace(shown["/applications/"+smstest.BandwidthApplicationID], "</UserId>", "</UserId><Password>another</Password>", 1)
	requireFields(t, verify(shown, fakeSetup()), "webhook_password: differs from the password")

	unlisted := documented()
	unlisted["/associatedsippeers"] = "<AssociatedSipPeersResponse/>"
	unlisted["/sites/483/sippeers/500019/products/messaging/applicationSettings"] = "<ApplicationsSettingsResponse><ApplicationsSettings><HttpMessagingV2AppId>\n" +
		strings.ToUpper(smstest.BandwidthApplicationID) + "\n</HttpMessagingV2AppId></ApplicationsSettings></ApplicationsSettingsResponse>"
	require.NoError(t, verify(unlisted, fakeSetup()), "what the location says decides")

	smpp := documented()
	smpp["/tns/9195550100/tndetails"] = strings.Replace(smpp["/tns/9195550100/tndetails"], "SmsEnabled", "Other", 2)
	feature := "<SipPeerSmsFeatureResponse><SipPeerSmsFeature><SipPeerSmsFeatureSettings><Protocol>\nSMPP\n</Protocol></SipPeerSmsFeatureSettings></SipPeerSmsFeature></SipPeerSmsFeatureResponse>"
	smpp["/sites/483/sippeers/500019/products/messaging/features/sms"] = feature
	requireFields(t, verify(smpp, fakeSetup()), "phone_number: another protocol than HTTP")
	smpp["/sites/483/sippeers/500019/products/messaging/features/sms"] = strings.Replace(feature, "SMPP", "HTTP", 1)
	require.NoError(t, verify(smpp, fakeSetup()))

	nowhere := documented()
	nowhere["/tns/9195550100/tndetails"] = "<R><TelephoneNumberDetails><AccountId>9900901</AccountId><Site><Id>../1</Id></Site><SipPeer><PeerId>2</PeerId></SipPeer></TelephoneNumberDetails></R>"
	requireUnchecked(t, verify(nowhere, fakeSetup()), "phone_number: doesn't say whether it can text")
	nowhere["/associatedsippeers"] = ""
	requireUnchecked(t, verify(nowhere, fakeSetup()), "phone_number: can text", "application_id: could not be read")
}

// What is no document of Bandwidth's is an open question, quickly and within bounds.
func TestVerifyHostileXML(t *testing.T) {
	t.Parallel()
	good := applicationDoc("<AppName>a</AppName>")
	for name, doc := range map[string]string{
		"nothing":         "",
		"text":            "canary text",
		"json":            `{"a":1}`,
		"html":            "<html><body><p>bad gateway<br></body></html>",
		"cut":             good[:len(good)-5],
		"two documents":   good + good,
		"trailing":        good + "<",
		"doctype":         `<!DOCTYPE a [<!ENTITY b "canary text">]>` + good,
		"entity":          applicationDoc("<AppName>&b;</AppName>"),
		"other charset":   strings.Replace(good, "UTF-8", "ISO-8859-1", 1),
		"ill-formed":      applicationDoc("<AppName>\xff</AppName>"),
		"24 deeper":       applicationDoc(strings.Repeat("<a>", 24) + strings.Repeat("</a>", 24)),
		"long at the end": good + strings.Repeat(" ", 1<<20),
		"deep":            strings.Repeat("<a>", 10_000) + strings.Repeat("</a>", 10_000),
		"long":            applicationDoc("<AppName>" + strings.Repeat("a", 1<<20) + "</AppName>"),
		"many texts":      applicationDoc(strings.Repeat("a<!---->", 100_000)),
		"no type":         "<ApplicationProvisioningResponse><Application></Application></ApplicationProvisioningResponse>",
		"error with 200":  "<ApplicationProvisioningResponse><ResponseStatus><ErrorCode>13629</ErrorCode></ResponseStatus></ApplicationProvisioningResponse>",
	} {
		p := documented()
		p["/applications/"+smstest.BandwidthApplicationID] = doc
		err := openAt(t, bandwidth.Config{Transport: p}, fakeSetup()).Verify(t.Context(), fakeSetup().Values())
		if name == "many texts" { // a document like others, without callbacks
			require.ErrorContains(t, err, "still posts them to another address", name)
			continue
		}
		requireUnchecked(t, err, "application_id: could not be read", "webhook_user: could not be read")
		requireNoCanary(t, err)
	}
}

// FuzzVerify: whatever the Dashboard answers, Verify and Register end in one of their errors, and Register puts a document
// only when it has read one.
func FuzzVerify(f *testing.F) {
	p := documented()
	app, tn, peers := p["/applications/"+smstest.BandwidthApplicationID], p["/tns/9195550100/tndetails"], p["/associatedsippeers"]
	f.Add(app, tn, peers)
	f.Add("", "<a/>", "<a><b/></a>")
	f.Add(strings.Replace(app, deskURL, "https://x.example", 2), strings.Replace(tn, "483", "7", 1), "<x>\xff</x>")
	s := fakeSetup()
	s.UseBasic = true // no token, so that a run depends on its input alone
	f.Fuzz(func(t *testing.T, app, tn, peers string) {
		a := openAt(t, bandwidth.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut {
				raw, err := io.ReadAll(r.Body)
				if err != nil || !strings.Contains(string(raw), "<InboundCallbackUrl>"+deskURL+"</InboundCallbackUrl>") {
					t.Fatalf("put %q, %v", raw, err)
				}
				return answer(r, 200, "<R>"+strings.TrimPrefix(string(raw), `<?xml version="1.0" encoding="UTF-8"?>`)+"</R>"), nil
			}
			return pages{"/applications/" + smstest.BandwidthApplicationID: app, "tndetails": tn, "/associatedsippeers": peers, "/applicationSettings": tn, "/sms": tn}.RoundTrip(r)
		})}, s)
		err := a.Verify(t.Context(), fakeSetup().Values())
		_, wrong := errors.AsType[sms.FieldErrors](err)
		_, open := errors.AsType[*sms.UncheckedError](err)
		if (err != nil) != (wrong || open) {
			t.Fatalf("%T", err)
		}
		if err == nil && !strings.Contains(strings.ToLower(app), "messaging-v2") {
			t.Fatal("verified without an application")
		}
		err = a.Register(t.Context(), s.Values())
		_, wrong = errors.AsType[sms.FieldErrors](err)
		_, asked := errors.AsType[*sms.SendError](err)
		if err != nil && !wrong && !asked {
			t.Fatalf("%T: %v", err, err)
		}
	})
}
