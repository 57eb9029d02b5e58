package smstest

import (
	"cmp"
	"encoding/xml"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
)

// bandwidthResources are what the Dashboard API serves, below /api and /api/v2 alike. A '*' is one part of the path.
var bandwidthResources = []struct {
	method, pattern string
	serve           func(p *bandwidthProtocol, parts []string, body []byte) reply
}{
	{http.MethodGet, "accounts/*/applications/*", (*bandwidthProtocol).getApplication},
	{http.MethodPut, "accounts/*/applications/*", (*bandwidthProtocol).putApplication},
	{http.MethodGet, "accounts/*/applications/*/associatedsippeers", (*bandwidthProtocol).getPeers},
	{http.MethodGet, "accounts/*/sites/*/sippeers/*/products/messaging/applicationSettings", (*bandwidthProtocol).getSettings},
	{http.MethodGet, "accounts/*/sites/*/sippeers/*/products/messaging/features/sms", (*bandwidthProtocol).getFeature},
	{http.MethodGet, "tns/*/tndetails", (*bandwidthProtocol).getPhone},
}

// dashboard answers a request to the Dashboard API; false means that there is no such resource.
func (p *bandwidthProtocol) dashboard(r *http.Request, body []byte) (reply, bool) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok {
		return reply{}, false
	}
	rest = strings.TrimPrefix(rest, "v2/")
	found := false
	for _, res := range bandwidthResources {
		if match, _ := path.Match(res.pattern, rest); !match {
			continue
		}
		found = true
		if res.method != r.Method {
			continue
		}
		parts := strings.Split(rest, "/")
		switch {
		case !p.admitted(r):
			return reply{status: http.StatusUnauthorized, header: xmlHeader(), code: "401"}, true
		case parts[0] == "accounts" && parts[1] != p.cfg.AccountID:
			return reply{status: http.StatusForbidden, header: xmlHeader(), code: "403"}, true
		}
		return res.serve(p, parts, body), true
	}
	return reply{status: http.StatusMethodNotAllowed, header: xmlHeader(), code: "405"}, found
}

func xmlHeader() http.Header { return http.Header{"Content-Type": {"application/xml"}} }

func xmlReply(status int, root string, v any) reply {
	type document struct {
		XMLName xml.Name
		Value   any
	}
	body, _ := xml.Marshal(document{XMLName: xml.Name{Local: root}, Value: v})
	return reply{status: status, header: xmlHeader(), body: append([]byte(xml.Header), body...)}
}

// xmlFailure is an error in the Dashboard's shape.
func xmlFailure(status int, root, code, description string) reply {
	out := xmlReply(status, root, struct {
		XMLName     xml.Name `xml:"ResponseStatus"`
		ErrorCode   string
		Description string
	}{ErrorCode: code, Description: description})
	out.code = code
	return out
}

// applicationXML is the document of an application. Passwords go in and never come out.
type applicationXML struct {
	XMLName             xml.Name          `xml:"Application"`
	ApplicationID       string            `xml:"ApplicationId,omitempty"`
	ServiceType         string            `xml:",omitempty"`
	AppName             string            `xml:",omitempty"`
	CallbackURL         string            `xml:"CallbackUrl,omitempty"`
	MsgCallbackURL      string            `xml:"MsgCallbackUrl,omitempty"`
	InboundCallbackURL  string            `xml:"InboundCallbackUrl,omitempty"`
	OutboundCallbackURL string            `xml:"OutboundCallbackUrl,omitempty"`
	InboundCreds        *credsXML         `xml:"InboundCallbackCreds"`
	OutboundCreds       *credsXML         `xml:"OutboundCallbackCreds"`
	CallbackTypes       *callbackTypesXML `xml:"RequestedCallbackTypes"`
	Extra               []extraXML        `xml:",any"`
}

type callbackTypesXML struct{ CallbackType []string }

type credsXML struct {
	UserID   string `xml:"UserId"`
	Password string `xml:"Password,omitempty"`
}

type extraXML struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
}

func applicationDocument(id string, app BandwidthApplication) applicationXML {
	doc := applicationXML{ApplicationID: id, ServiceType: app.ServiceType, AppName: app.Name,
		InboundCallbackURL: app.Inbound.URL, OutboundCallbackURL: app.Outbound.URL}
	if app.Inbound.URL == app.Outbound.URL { // the deprecated names for both
		doc.CallbackURL, doc.MsgCallbackURL = app.Inbound.URL, app.Inbound.URL
	}
	if len(app.CallbackTypes) > 0 {
		doc.CallbackTypes = &callbackTypesXML{app.CallbackTypes}
	}
	if app.Inbound.User != "" {
		doc.InboundCreds = &credsXML{UserID: app.Inbound.User}
	}
	if app.Outbound.User != "" {
		doc.OutboundCreds = &credsXML{UserID: app.Outbound.User}
	}
	for _, name := range slices.Sorted(maps.Keys(app.Extra)) {
		doc.Extra = append(doc.Extra, extraXML{xml.Name{Local: name}, app.Extra[name]})
	}
	return doc
}

const applicationRoot = "ApplicationProvisioningResponse"

func (p *bandwidthProtocol) getApplication(parts []string, _ []byte) reply {
	if parts[3] != p.cfg.ApplicationID {
		return noApplication(applicationRoot)
	}
	return xmlReply(http.StatusOK, applicationRoot, applicationDocument(p.cfg.ApplicationID, (*Bandwidth)(p).Application()))
}

func noApplication(root string) reply {
	return xmlFailure(http.StatusNotFound, root, "13629", "Application with this id not found")
}

// putApplication replaces every field, as Bandwidth does: what a document leaves out is gone.
func (p *bandwidthProtocol) putApplication(parts []string, body []byte) reply {
	if parts[3] != p.cfg.ApplicationID {
		return noApplication(applicationRoot)
	}
	refuse := func(why string) reply { return xmlFailure(http.StatusBadRequest, applicationRoot, "12026", why) }
	var doc applicationXML
	if err := xml.Unmarshal(body, &doc); err != nil {
		return refuse("the document can't be read")
	}
	b := (*Bandwidth)(p)
	app := BandwidthApplication{Name: doc.AppName, ServiceType: b.Application().ServiceType, CallbackTypes: callbackTypes}
	if doc.ServiceType != "" && doc.ServiceType != app.ServiceType {
		return refuse("ServiceType can't be changed")
	}
	app.Inbound.URL, app.Outbound.URL = doc.InboundCallbackURL, doc.OutboundCallbackURL
	if both := cmp.Or(doc.MsgCallbackURL, doc.CallbackURL); both != "" { // deprecated: "updates both"
		app.Inbound.URL, app.Outbound.URL = both, both
	}
	if app.Name == "" || app.Inbound.URL == "" {
		return refuse("AppName and InboundCallbackUrl are required")
	}
	if !doc.InboundCreds.into(&app.Inbound) || !doc.OutboundCreds.into(&app.Outbound) {
		return refuse("UserId and Password must both have 6 to 63 symbols")
	}
	if doc.CallbackTypes != nil {
		app.CallbackTypes = doc.CallbackTypes.CallbackType
	}
	app.Extra = make(map[string]string, len(doc.Extra))
	for _, e := range doc.Extra {
		app.Extra[e.XMLName.Local] = e.Text
	}
	b.SetApplication(app)
	return p.getApplication(parts, nil)
}

func (c *credsXML) into(to *BandwidthCallback) bool {
	if c == nil {
		return true
	}
	to.User, to.Password = c.UserID, c.Password
	fits := func(s string) bool { n := utf8.RuneCountInString(s); return n >= 6 && n <= 63 }
	return fits(c.UserID) && fits(c.Password)
}

type peerXML struct {
	XMLName                            xml.Name `xml:"AssociatedSipPeer"`
	SiteId, SiteName, PeerId, PeerName string
}

func (p *bandwidthProtocol) getPeers(parts []string, _ []byte) reply {
	const root = "AssociatedSipPeersResponse"
	if parts[3] != p.cfg.ApplicationID {
		return noApplication(root)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var list struct {
		XMLName xml.Name `xml:"AssociatedSipPeers"`
		Peers   []peerXML
	}
	for _, id := range slices.Sorted(maps.Keys(p.locations)) {
		if l := p.locations[id]; l.ApplicationID == p.cfg.ApplicationID && !l.Unlisted {
			list.Peers = append(list.Peers, peerXML{SiteId: BandwidthSiteID, SiteName: "Desk", PeerId: id, PeerName: "Location " + id})
		}
	}
	return xmlReply(http.StatusOK, root, list)
}

// at returns the location of a path, or the answer that there is none.
func (p *bandwidthProtocol) at(parts []string, root string) (BandwidthLocation, *reply) {
	l, known := (*Bandwidth)(p).location(parts[5])
	if !known || parts[3] != BandwidthSiteID {
		out := xmlFailure(http.StatusNotFound, root, "13563", "Sip Peer does not exist")
		return l, &out
	}
	return l, nil
}

func (p *bandwidthProtocol) getSettings(parts []string, _ []byte) reply {
	const root = "ApplicationsSettingsResponse"
	l, missing := p.at(parts, root)
	if missing != nil {
		return *missing
	}
	return xmlReply(http.StatusOK, root, struct {
		XMLName              xml.Name `xml:"ApplicationsSettings"`
		HttpMessagingV2AppId string   `xml:",omitempty"`
	}{HttpMessagingV2AppId: l.ApplicationID})
}

func (p *bandwidthProtocol) getFeature(parts []string, _ []byte) reply {
	const root = "SipPeerSmsFeatureResponse"
	l, missing := p.at(parts, root)
	if missing != nil {
		return *missing
	}
	if l.SMSOff {
		return xmlFailure(http.StatusNotFound, root, "13511", "no SMS feature on this Sip Peer")
	}
	var feature struct {
		XMLName  xml.Name `xml:"SipPeerSmsFeature"`
		Settings struct {
			TollFree, ShortCode bool
			Protocol            string
			Zone1               bool
		} `xml:"SipPeerSmsFeatureSettings"`
	}
	feature.Settings.Protocol, feature.Settings.Zone1 = "HTTP", true
	return xmlReply(http.StatusOK, root, feature)
}

func (p *bandwidthProtocol) getPhone(parts []string, _ []byte) reply {
	const root = "TelephoneNumberResponse"
	number := parts[1]
	if !strings.HasPrefix(number, "+") { // ten digits are a number of North America
		number = "+1" + number
	}
	phone, known := (*Bandwidth)(p).phone(channel.Address(number))
	if !known {
		return xmlFailure(http.StatusNotFound, root, "12512", "Telephone number is not valid")
	}
	var v struct {
		XMLName    xml.Name `xml:"TelephoneNumberDetails"`
		FullNumber string
		Status     string
		AccountId  string
		SiteID     string `xml:"Site>Id"`
		PeerID     string `xml:"SipPeer>PeerId"`
		PeerName   string `xml:"SipPeer>PeerName"`
		Messaging  *struct {
			SmsEnabled bool
		} `xml:"MessagingSettings"`
	}
	v.FullNumber, v.Status, v.AccountId = strings.TrimPrefix(number, "+1"), phone.Status, phone.AccountID
	v.SiteID, v.PeerID, v.PeerName = BandwidthSiteID, phone.LocationID, "Location "+phone.LocationID
	if !phone.Silent {
		v.Messaging = &struct{ SmsEnabled bool }{!phone.SMSOff}
	}
	return xmlReply(http.StatusOK, root, v)
}
