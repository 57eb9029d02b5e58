package twilio

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// senderOf returns the number or the Messaging Service that a channel sends with, or what is wrong with it.
func senderOf(values map[string]string) (e164, serviceSid string, problem sms.FieldErrors) {
	if values["use_messaging_service"] == "true" {
		v := values["messaging_service_sid"]
		return "", v, misshapen("messaging_service_sid", v, problemServiceSID, serviceSID.MatchString(v))
	}
	v := values["phone_number"]
	return v, "", misshapen("phone_number", v, problemNumber, channel.Address(v).Kind() == channel.KindE164)
}

func misshapen(field, v, problem string, proper bool) sms.FieldErrors {
	switch {
	case v == "":
		return wrong(field, problemRequired)
	case !proper:
		return wrong(field, problem)
	}
	return nil
}

// number is what counts of an IncomingPhoneNumber. null reads as zero.
type number struct {
	SID            string `json:"sid"`
	PhoneNumber    string `json:"phone_number"`
	SMSURL         string `json:"sms_url"`
	SMSMethod      string `json:"sms_method"`
	SMSApplication string `json:"sms_application_sid"`
	Capabilities   struct {
		SMS bool `json:"sms"`
	} `json:"capabilities"`
}

// ownNumber finds a number among the account's. Twilio's filter finds those too that only contain the digits.
func (a *account) ownNumber(ctx context.Context, e164 string) (number, sms.FieldErrors, error) {
	var answer struct {
		Numbers []number `json:"incoming_phone_numbers"`
	}
	path := a.path("/IncomingPhoneNumbers.json?") + url.Values{"PhoneNumber": {e164}}.Encode()
	err := a.ask(ctx, question{login: a.rest(), base: a.base, path: path, limit: maxList}, &answer)
	if err != nil && !answered(err, http.StatusNotFound) {
		return number{}, nil, err
	}
	i := slices.IndexFunc(answer.Numbers, func(n number) bool { return n.PhoneNumber == e164 && numberSID.MatchString(n.SID) })
	if i < 0 {
		return number{}, wrong("phone_number", problemNotOurs), nil
	}
	return answer.Numbers[i], nil, nil
}

// path is a path of the REST API, below the account.
func (a *account) path(below string) string { return "/2010-04-01/Accounts/" + a.sid + below }

// service is what counts of a Messaging Service. null reads as zero.
type service struct {
	Account       string `json:"account_sid"`
	InboundURL    string `json:"inbound_request_url"`
	InboundMethod string `json:"inbound_method"`
	Defers        bool   `json:"use_inbound_webhook_on_number"`
}

// ownService finds a Messaging Service of the account.
func (a *account) ownService(ctx context.Context, sid string) (service, sms.FieldErrors, error) {
	var s service
	err := a.ask(ctx, question{login: a.rest(), base: a.messaging, path: servicePath(sid)}, &s)
	switch {
	case answered(err, http.StatusNotFound):
		return s, wrong("messaging_service_sid", problemNoService), nil
	case err != nil:
		return s, nil, err
	case s.Account != a.sid:
		return s, wrong("messaging_service_sid", problemOtherService), nil
	}
	return s, nil, nil
}

func servicePath(sid string) string { return "/v1/Services/" + sid }
