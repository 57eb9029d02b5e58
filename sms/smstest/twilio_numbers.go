package smstest

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/livedesk/livedesk-go/channel"
)

// What can be set of a number and of a Messaging Service (twilio_api_v2010.json and twilio_messaging_v1.json).
var (
	numberParams = []string{"FriendlyName", "ApiVersion", "SmsApplicationSid", "SmsFallbackMethod", "SmsFallbackUrl", "SmsMethod",
		"SmsUrl", "StatusCallback", "StatusCallbackMethod", "VoiceApplicationSid", "VoiceCallerIdLookup", "VoiceFallbackMethod",
		"VoiceFallbackUrl", "VoiceMethod", "VoiceUrl", "EmergencyStatus", "EmergencyAddressSid", "TrunkSid", "VoiceReceiveMode",
		"IdentitySid", "AddressSid", "BundleSid"}
	serviceParams = []string{"FriendlyName", "InboundRequestUrl", "InboundMethod", "FallbackUrl", "FallbackMethod", "StatusCallback",
		"StickySender", "MmsConverter", "SmartEncoding", "ScanMessageContent", "FallbackToLongCode", "AreaCodeGeomatch",
		"ValidityPeriod", "SynchronousValidation", "Usecase", "UseInboundWebhookOnNumber"}
)

// numbers are the account's phone numbers: no short codes and no sender ids.
func (t *Twilio) numbers() (out []channel.Address) {
	for _, n := range slices.Concat(t.cfg.Numbers, t.cfg.VoiceOnly) {
		if n.Kind() == channel.KindE164 {
			out = append(out, n)
		}
	}
	return out
}

// numberSID is the number's place among the account's.
func (t *Twilio) numberSID(n channel.Address) string {
	return fmt.Sprintf("PN%032x", slices.Index(t.numbers(), n)+1)
}

// inboundURL is where a text to a number is posted: to the address of its service, unless that leaves it to its
// numbers, and else to its own.
func (t *Twilio) inboundURL(to channel.Address) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sid := t.service(to); sid != "" && t.settings[sid].Get("UseInboundWebhookOnNumber") == "false" {
		return t.settings[sid].Get("InboundRequestUrl")
	}
	return t.target(t.settings[t.numberSID(to)].Get("SmsUrl"))
}

// set keeps parameters of a number or service, or says what is wrong with them.
func (t *Twilio) set(sid string, form url.Values, known []string) *apiError {
	for _, name := range slices.Sorted(maps.Keys(form)) {
		v := form.Get(name)
		switch {
		case !slices.Contains(known, name):
			return refuse(20001, "Parameter '"+name+"' is not known")
		case strings.HasSuffix(name, "Url") && v != "" && !webURL(v):
			return refuse(21502, "Invalid "+name)
		case strings.HasSuffix(name, "Method") && v != http.MethodGet && v != http.MethodPost:
			return refuse(21403, "Invalid "+name)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.settings[sid] == nil {
		t.settings[sid] = url.Values{}
	}
	maps.Copy(t.settings[sid], form)
	return nil
}

// with puts what was set into a resource; the names differ in their case only.
func (t *Twilio) with(resource map[string]any, sid string) map[string]any {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.settings[sid] {
		v := t.settings[sid].Get(name)
		switch resource[snake(name)].(type) {
		case bool:
			resource[snake(name)] = v == "true"
		case int:
			resource[snake(name)], _ = strconv.Atoi(v)
		default:
			resource[snake(name)] = v
		}
	}
	return resource
}

func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func (p *twilioProtocol) listNumbers(q twilioCall) reply {
	t := (*Twilio)(p)
	found := []map[string]any{}
	for _, n := range t.numbers() {
		if strings.Contains(string(n), q.form.Get("PhoneNumber")) { // Twilio finds parts of numbers too
			found = append(found, t.number(n))
		}
	}
	return p.json(http.StatusOK, p.paged(q, "incoming_phone_numbers", found))
}

func (p *twilioProtocol) fetchNumber(q twilioCall) reply {
	t := (*Twilio)(p)
	for _, n := range t.numbers() {
		if t.numberSID(n) == q.sid {
			return p.json(http.StatusOK, t.number(n))
		}
	}
	return p.error(notFound(q.path))
}

func (p *twilioProtocol) updateNumber(q twilioCall) reply {
	if found := p.fetchNumber(q); found.status != http.StatusOK {
		return found
	}
	if e := (*Twilio)(p).set(q.sid, q.form, numberParams); e != nil {
		return p.error(e)
	}
	return p.fetchNumber(q)
}

func (t *Twilio) number(n channel.Address) map[string]any {
	sid, texts := t.numberSID(n), owned(t.cfg.Numbers, n)
	began := twilioDate(t.began)
	return t.with(map[string]any{
		"account_sid": t.cfg.AccountSID, "address_sid": nil, "address_requirements": "none", "api_version": "2010-04-01",
		"beta": false, "capabilities": map[string]bool{"voice": true, "sms": texts, "mms": texts, "fax": false},
		"date_created": began, "date_updated": began, "friendly_name": string(n), "identity_sid": nil, "phone_number": n,
		"origin": "twilio", "sid": sid, "sms_application_sid": "", "sms_fallback_method": "POST", "sms_fallback_url": "",
		"sms_method": "POST", "sms_url": t.target(""), "status_callback": "", "status_callback_method": "POST", "trunk_sid": nil,
		"uri":                twilioAccounts + t.cfg.AccountSID + "/IncomingPhoneNumbers/" + sid + ".json",
		"voice_receive_mode": "voice", "voice_application_sid": nil, "voice_caller_id_lookup": false, "voice_fallback_method": "POST",
		"voice_fallback_url": nil, "voice_method": "POST", "voice_url": nil, "emergency_status": "Inactive",
		"emergency_address_sid": nil, "emergency_address_status": "unregistered", "bundle_sid": nil, "status": "in-use", "type": "local",
	}, sid)
}

func (p *twilioProtocol) fetchService(q twilioCall) reply {
	t := (*Twilio)(p)
	if _, ok := t.cfg.Services[q.sid]; !ok {
		return p.error(notFound(q.path))
	}
	began := t.began.Format("2006-01-02T15:04:05Z")
	return p.json(http.StatusOK, t.with(map[string]any{
		"account_sid": t.cfg.AccountSID, "area_code_geomatch": true, "date_created": began, "date_updated": began,
		"fallback_method": "POST", "fallback_to_long_code": false, "fallback_url": nil, "friendly_name": "Fake service",
		"inbound_method": "POST", "inbound_request_url": nil, "links": map[string]string{}, "mms_converter": true,
		"scan_message_content": "inherit", "sid": q.sid, "smart_encoding": false, "status_callback": nil, "sticky_sender": true,
		"synchronous_validation": false, "url": "https://messaging.twilio.com/v1/Services/" + q.sid, "us_app_to_person_registered": false,
		"use_inbound_webhook_on_number": true, "usecase": "undeclared", "validity_period": 36000,
	}, q.sid))
}

func (p *twilioProtocol) updateService(q twilioCall) reply {
	if found := p.fetchService(q); found.status != http.StatusOK {
		return found
	}
	if e := (*Twilio)(p).set(q.sid, q.form, serviceParams); e != nil {
		return p.error(e)
	}
	return p.fetchService(q)
}

// pools are the lists of a service's senders by kind: what the list and the sender are called in JSON.
var pools = map[string]struct {
	kind         channel.AddressKind
	list, sender string
}{
	"PhoneNumbers": {channel.KindE164, "phone_numbers", "phone_number"},
	"ShortCodes":   {channel.KindShortCode, "short_codes", "short_code"},
	"AlphaSenders": {channel.KindAlphanumeric, "alpha_senders", "alpha_sender"},
}

func (p *twilioProtocol) listPool(q twilioCall) reply {
	pool, ok := p.cfg.Services[q.sid]
	if !ok {
		return p.error(notFound(q.path))
	}
	name := q.path[strings.LastIndexByte(q.path, '/')+1:]
	as := pools[name]
	found := []map[string]any{}
	for _, n := range pool {
		if n.Kind() == as.kind {
			found = append(found, map[string]any{"sid": (*Twilio)(p).numberSID(n), "account_sid": p.cfg.AccountSID, "service_sid": q.sid,
				as.sender: n, "capabilities": []string{"SMS", "MMS"}})
		}
	}
	size := pageSize(q)
	return p.json(http.StatusOK, map[string]any{as.list: found[:min(size, len(found))], "meta": map[string]any{
		"page": 0, "page_size": size, "key": as.list, "next_page_url": nil, "previous_page_url": nil,
		"first_page_url": "https://messaging.twilio.com" + q.path + "?PageSize=" + strconv.Itoa(size) + "&Page=0"}})
}
