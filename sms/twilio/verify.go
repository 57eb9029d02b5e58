package twilio

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/livedesk/livedesk-go/sms"
)

// What Verify and Register say about a field. Each says what to mend.
const (
	problemRequired     = "is required"
	problemNoAccount    = "is no account at Twilio: copy the Account SID from the Twilio console"
	problemSuspended    = "is a suspended account, which can't text: open the Twilio console and settle what it asks for, or write to Twilio's support"
	problemClosed       = "is a closed account: enter the SID of one that is open"
	problemInactive     = "is not an active account: open the Twilio console and see what it asks for"
	problemToken        = "was refused by Twilio for this account SID: copy the Account SID and the primary auth token anew from the Twilio console; both must be of the same account, and the account must not be suspended"
	problemTokenMayNot  = "may not read the senders of this account: check in the Twilio console that the account is active"
	problemKey          = "was refused by Twilio together with the API key SID: the key may be deleted, of another account or region, or a restricted one that may not read phone numbers and Messaging Services; create an API key in the Twilio console and copy both"
	problemKeyMayNot    = "is a restricted key that may not read the account's senders: allow it to read phone numbers and Messaging Services in the Twilio console, or use a Standard key"
	problemNotOurs      = "is not a number of this account: buy or port it at Twilio, or enter the SID of the account or subaccount that has it"
	problemNoSMS        = "can't send and receive SMS: choose a number with the SMS capability"
	problemNoService    = "is no Messaging Service of this account: copy its SID from the Twilio console under Messaging, Services"
	problemOtherService = "is a Messaging Service of another account: enter the SID of that account, or of a service of this one"
	problemEmptyPool    = "has no sender in its pool: add a phone number, a short code or a sender ID to it in the Twilio console"
)

// Verify implements [sms.Verifier] in two to five requests, one after the other.
//
// The account is asked for with its auth token, also where an API key sends: nothing else tells that webhooks will
// verify, and only Main keys may read an account (twilio.com/docs/errors/20003). The key is tried on the number, which
// must be an SMS-capable one of the account, or on the Messaging Service, which must have a sender. A subaccount is an
// account like any other. What it can't see: whether the token is the primary one (a secondary one may ask, but signs
// no webhook), and a Messaging Service that takes a number's texts for itself.
func (a *account) Verify(ctx context.Context, values map[string]string) error {
	found, err := a.verifyAccount(ctx)
	if err != nil {
		return err
	}
	more, err := a.verifySender(ctx, values)
	if refused(err) {
		more, err = a.mayNotRead(err, found), nil
	}
	if found = append(found, more...); len(found) > 0 {
		return inFormOrder(found)
	}
	return err
}

// verifyAccount returns what is wrong with the account or with its auth token.
func (a *account) verifyAccount(ctx context.Context) (sms.FieldErrors, error) {
	as, tokenless := a.token, a.token.password == ""
	if tokenless {
		as = a.rest
	}
	var answer struct {
		Status string `json:"status"`
	}
	err := a.ask(ctx, question{login: as, base: a.base, path: a.path(".json")}, &answer)
	switch {
	case err == nil:
		return accountProblem(answer.Status), nil
	case answered(err, http.StatusNotFound):
		return wrong("account_sid", problemNoAccount), nil
	case codeOf(err) == "20005": // account not active
		return wrong("account_sid", problemInactive), nil
	case !refused(err):
		return nil, err
	case tokenless:
		return nil, nil // a key that may not read the account is nothing bad; what it is asked next tells more
	}
	return wrong("auth_token", problemToken), nil
}

func accountProblem(status string) sms.FieldErrors {
	switch status {
	case "active":
		return nil
	case "suspended":
		return wrong("account_sid", problemSuspended)
	case "closed":
		return wrong("account_sid", problemClosed)
	}
	return wrong("account_sid", problemInactive)
}

// verifySender returns what is wrong with the number or the Messaging Service.
func (a *account) verifySender(ctx context.Context, values map[string]string) (sms.FieldErrors, error) {
	e164, sid, problem := senderOf(values)
	switch {
	case problem != nil:
		return problem, nil
	case sid != "":
		return a.verifyService(ctx, sid)
	}
	n, problem, err := a.ownNumber(ctx, e164)
	if err == nil && problem == nil && !n.Capabilities.SMS {
		problem = wrong("phone_number", problemNoSMS)
	}
	return problem, err
}

// verifyService wants the service to be there with anything in its pool.
func (a *account) verifyService(ctx context.Context, sid string) (sms.FieldErrors, error) {
	if _, problem, err := a.ownService(ctx, sid); problem != nil || err != nil {
		return problem, err
	}
	for _, kind := range []string{"PhoneNumbers", "ShortCodes", "AlphaSenders"} {
		var pool struct {
			Numbers []json.RawMessage `json:"phone_numbers"`
			Codes   []json.RawMessage `json:"short_codes"`
			Names   []json.RawMessage `json:"alpha_senders"`
		}
		err := a.ask(ctx, question{login: a.rest, base: a.messaging, path: servicePath(sid) + "/" + kind + "?PageSize=1"}, &pool)
		if err != nil && !answered(err, http.StatusNotFound) {
			return nil, err
		}
		if len(pool.Numbers)+len(pool.Codes)+len(pool.Names) > 0 {
			return nil, nil
		}
	}
	return wrong("messaging_service_sid", problemEmptyPool), nil
}

// mayNotRead says what it means that Twilio refused to tell about the sender. It is no news where the account is at
// fault, or the same login was refused before.
func (a *account) mayNotRead(err error, found sms.FieldErrors) sms.FieldErrors {
	ofAccount := func(f sms.FieldError) bool { return f.Field == "account_sid" }
	switch {
	case slices.ContainsFunc(found, ofAccount), !a.key && len(found) > 0:
		return nil
	case !a.key:
		return wrong("auth_token", problemTokenMayNot)
	case answered(err, http.StatusForbidden):
		return wrong("api_key_sid", problemKeyMayNot)
	}
	return wrong("api_key_secret", problemKey)
}

func wrong(field, problem string) sms.FieldErrors {
	return sms.FieldErrors{{Field: field, Problem: problem}}
}

func inFormOrder(errs sms.FieldErrors) sms.FieldErrors {
	fields := form().Fields
	place := func(e sms.FieldError) int {
		return slices.IndexFunc(fields, func(f sms.Field) bool { return f.Name == e.Field })
	}
	slices.SortStableFunc(errs, func(x, y sms.FieldError) int { return cmp.Compare(place(x), place(y)) })
	return errs
}
