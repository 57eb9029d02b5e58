package twilio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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
	problemKey          = "was refused by Twilio together with the API key SID: the key may be deleted, or of another account or region; create an API key in the Twilio console and copy both"
	problemNotOurs      = "is not a number of this account: buy or port it at Twilio, or enter the SID of the account or subaccount that has it"
	problemNoSMS        = "can't send and receive SMS: choose a number with the SMS capability"
	problemNoService    = "is no Messaging Service of this account: copy its SID from the Twilio console under Messaging, Services"
	problemOtherService = "is a Messaging Service of another account: enter the SID of that account, or of a service of this one"
	problemEmptyPool    = "has no sender in its pool: add a phone number, a short code or a sender ID to it in the Twilio console"

	uncheckedNoAnswer   = "could not be checked: Twilio could not be asked"
	uncheckedRestricted = "could not be checked: the API key is a restricted one that may not read the account's senders; allow it to read phone numbers and Messaging Services in the Twilio console, or use a Standard key"
	uncheckedRefused    = "could not be checked: Twilio refused to tell the account's senders"
)

// Verify implements [sms.Verifier] in two to five requests, one after the other, and no more after one that got no
// answer.
//
// The account is asked for with its auth token, also where an API key sends: nothing else tells that webhooks will
// verify, and only Main keys may read an account (twilio.com/docs/errors/20003). The key is tried on the number, which
// must be an SMS-capable one of the account, or on the Messaging Service, which must have a sender. A restricted key
// that may not read these may still send, so that is a [*sms.UncheckedError]. A subaccount is an account like any
// other. What it can't see: whether the token is the primary one (a secondary one may ask, but signs no webhook), and a
// Messaging Service that takes a number's texts for itself.
func (a *account) Verify(ctx context.Context, values map[string]string) error {
	v := verification{account: a}
	v.askAccount(ctx)
	v.askSender(ctx, values)
	return v.result()
}

// verification collects what is wrong and what is open.
type verification struct {
	*account
	wrong, open sms.FieldErrors
	cause       error // why Twilio could not be asked
}

func (v *verification) result() error {
	faults := inFormOrder(v.wrong)
	unchecked := &sms.UncheckedError{Provider: Name, Fields: inFormOrder(v.open), Err: v.cause}
	switch {
	case len(faults) > 0 && len(v.open) > 0:
		return errors.Join(faults, unchecked)
	case len(faults) > 0:
		return faults
	case len(v.open) > 0:
		return unchecked
	}
	return nil
}

func (v *verification) fault(field, problem string) {
	v.wrong = append(v.wrong, wrong(field, problem)...)
}
func (v *verification) leave(field, why string) { v.open = append(v.open, wrong(field, why)...) }

// askAccount looks at the account and its auth token.
func (v *verification) askAccount(ctx context.Context) {
	as, tokenless := v.token, v.token.password == ""
	if tokenless {
		as = v.rest()
	}
	var answer struct {
		Status string `json:"status"`
	}
	err := v.ask(ctx, question{login: as, base: v.base, path: v.path(".json")}, &answer)
	refused := answered(err, http.StatusUnauthorized) || answered(err, http.StatusForbidden)
	switch {
	case err == nil:
		v.checkStatus(answer.Status)
	case answered(err, http.StatusNotFound):
		v.fault("account_sid", problemNoAccount)
	case codeOf(err) == "20005": // account not active
		v.fault("account_sid", problemInactive)
	case refused && tokenless: // nothing bad in a key; what it is asked next tells more
	case refused:
		v.fault("auth_token", problemToken)
	default:
		v.cause = err
		v.leave("account_sid", uncheckedNoAnswer)
	}
}

func (v *verification) checkStatus(status string) {
	switch status {
	case "active":
	case "suspended":
		v.fault("account_sid", problemSuspended)
	case "closed":
		v.fault("account_sid", problemClosed)
	default:
		v.fault("account_sid", problemInactive)
	}
}

// askSender looks at the number or the Messaging Service, and so at an API key.
func (v *verification) askSender(ctx context.Context, values map[string]string) {
	e164, sid, problem := senderOf(values)
	field, err := "phone_number", error(nil)
	if sid != "" {
		field = "messaging_service_sid"
	}
	switch {
	case problem != nil:
	case v.cause != nil:
		err = v.cause
	case sid != "":
		problem, err = v.verifyService(ctx, sid)
	default:
		problem, err = v.verifyNumber(ctx, e164)
	}
	v.wrong = append(v.wrong, problem...)
	switch {
	case err == nil:
	case answered(err, http.StatusUnauthorized), answered(err, http.StatusForbidden):
		v.refusedSender(err, field)
	default:
		v.cause = err
		v.leave(field, uncheckedNoAnswer)
	}
}

// refusedSender says what it means that Twilio refused to tell about the sender. It is no news where the account is at
// fault, or the same login was refused before.
func (v *verification) refusedSender(err error, field string) {
	ofAccount := func(f sms.FieldError) bool { return f.Field == "account_sid" }
	switch {
	case slices.ContainsFunc(v.wrong, ofAccount), !v.key && len(v.wrong) > 0:
	case v.key && answered(err, http.StatusUnauthorized):
		v.fault("api_key_secret", problemKey)
	case v.key:
		v.leave(field, uncheckedRestricted)
	default:
		v.leave(field, uncheckedRefused)
	}
}

func (a *account) verifyNumber(ctx context.Context, e164 string) (sms.FieldErrors, error) {
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
		err := a.ask(ctx, question{login: a.rest(), base: a.messaging, path: servicePath(sid) + "/" + kind + "?PageSize=1"}, &pool)
		if err != nil && !answered(err, http.StatusNotFound) {
			return nil, err
		}
		if len(pool.Numbers)+len(pool.Codes)+len(pool.Names) > 0 {
			return nil, nil
		}
	}
	return wrong("messaging_service_sid", problemEmptyPool), nil
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
