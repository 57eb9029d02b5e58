package bandwidth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/livedesk/livedesk-go/sms"
)

const (
	problemNoApplication = "is not an application of this account: copy the application ID from Applications in the Bandwidth App, and check the account ID"
	problemNoMessaging   = "is not a messaging application (Messaging-V2): create or choose one that carries messages"
	problemNoLocation    = "is not linked to any location: Bandwidth accepts its texts and then drops them without any callback. In the Bandwidth App, open the number's location and choose this application for messaging"
)

// Verify implements [sms.Verifier]. It asks Bandwidth whether
//
//   - the credentials are accepted,
//   - they may use the account,
//   - the application exists in it, is one for messages, and is linked to the location of the number: without that
//     Bandwidth answers 202 to every text and never speaks of it again,
//   - the number is the account's, in service, and may text,
//   - the webhook user is the one that the application sends. Its password can't be read back: a wrong one shows when a
//     webhook is refused.
//
// Where the application posts is no failure, for a channel is verified before its address is known and registered: with
// an [sms.Settings] WebhookURL, callbacks that are not set up for it are part of a [*sms.UncheckedError], and after
// Register they aren't. So is what the credentials have no right to look at, how long legacy ones will do, and everything
// where Bandwidth can't be reached.
//
// Of the values it reads the phone number. It makes up to six requests beside that for a token, one after the other, each
// bounded by [Config] Timeout, and no more after one that got no answer.
func (a *account) Verify(ctx context.Context, values map[string]string) error {
	number, err := phoneOf(values)
	if err != nil {
		return err
	}
	v := &verification{account: a, number: number}
	v.run(ctx)
	return v.result()
}

// phoneOf reads the one field that doesn't belong to the connection and that Bandwidth can say something about.
func phoneOf(values map[string]string) (string, error) {
	fields := slices.DeleteFunc(channelFields(), func(d sms.Field) bool { return d.Name != fieldPhone })
	valid, err := sms.Form{Fields: fields}.Validate(map[string]string{fieldPhone: values[fieldPhone]})
	return valid[fieldPhone], err
}

// verification collects what is wrong and what is open.
type verification struct {
	account *account
	number  string
	wrong   sms.FieldErrors
	open    []sms.FieldError
	cause   error
	down    error // the request that got no answer
}

func (v *verification) fault(field, problem string) {
	v.wrong = append(v.wrong, sms.FieldError{Field: field, Problem: problem})
}

func (v *verification) unknown(field, why string, err error) {
	v.open = append(v.open, sms.FieldError{Field: field, Problem: "could not be checked: " + why})
	v.cause = cmp.Or(v.cause, err)
}

func (v *verification) run(ctx context.Context) {
	v.down = v.account.authenticate(ctx)
	app, appErr := v.readApplication(ctx)
	listErr := v.listMessages(ctx)
	for _, err := range []error{v.down, appErr, listErr} {
		if refusesCredentials(err) {
			v.wrong = v.account.badCredentials()
			return
		}
	}
	if v.account.tokens == nil && v.down == nil {
		v.unknown(fieldBasic, "whether it still works from 2026-12-02 on, when Bandwidth accepts no API user any more: create API credentials in the Bandwidth App, turn this off and enter them before that day", nil)
	}
	v.checkAccount(appErr, listErr)
	known := v.checkApplication(app, appErr)
	at, found := v.checkPhone(ctx)
	if known {
		v.checkLink(ctx, at, found)
	}
}

// get asks the Dashboard, unless a question before got no answer at all.
func (v *verification) get(ctx context.Context, path string) (element, error) {
	if v.down != nil {
		return element{}, v.down
	}
	doc, err := v.account.dashboard(ctx, path)
	v.note(err)
	return doc, err
}

func (v *verification) note(err error) {
	if err != nil && statusOf(err) == 0 {
		v.down = err
	}
}

func (v *verification) readApplication(ctx context.Context) (application, error) {
	doc, err := v.get(ctx, v.account.applicationPath())
	if err != nil {
		return application{}, err
	}
	return applicationOf(doc)
}

// listMessages asks for one message of the number's, which the credentials may do only on an account that is theirs
// for messaging. Nobody needs the message.
func (v *verification) listMessages(ctx context.Context) error {
	if v.down != nil {
		return v.down
	}
	raw, err := v.account.ask(ctx, http.MethodGet, v.account.sendURL+"?limit=1&sourceTn="+url.QueryEscape(v.number), "application/json", nil)
	v.note(err)
	if err == nil && !json.Valid(raw) {
		return unreadable(http.StatusOK, errBadAnswer)
	}
	return err
}

// checkAccount: one 403 may be a role that is missing; refused by both APIs, the account is none of these credentials'.
func (v *verification) checkAccount(appErr, listErr error) {
	app, list := statusOf(appErr), statusOf(listErr)
	hidden := app == http.StatusForbidden || app == http.StatusNotFound
	switch {
	case listErr == nil:
	case list == http.StatusNotFound, list == http.StatusForbidden && hidden:
		v.fault(fieldAccount, "is not an account that these API credentials may use for messages: check the ID, and the accounts and roles of the credentials in the Bandwidth App")
	case list == http.StatusForbidden:
		v.unknown(fieldAccount, "these API credentials may not list messages, so it is open whether they may send; give them the role for messaging", listErr)
	default:
		v.unknown(fieldAccount, why(listErr), listErr)
	}
}

// checkApplication reports whether the application is one for messages.
func (v *verification) checkApplication(x application, err error) bool {
	switch status := statusOf(err); {
	case status == http.StatusNotFound:
		v.fault(fieldApplication, problemNoApplication)
	case status == http.StatusForbidden && len(v.wrong) > 0: // the account's fault, said already
	case status == http.StatusForbidden:
		v.unknown(fieldApplication, "these API credentials may not read applications; give them a role that may", err)
		v.unknown(fieldWebhookUser, "it is part of the application", err)
	case err != nil:
		v.unknown(fieldApplication, why(err), err)
		v.unknown(fieldWebhookUser, why(err), err)
	case !x.isMessaging():
		v.fault(fieldApplication, problemNoMessaging)
	default:
		v.checkCallbacks(x)
		return true
	}
	return false
}

// checkCallbacks compares what the application posts, where and as whom, with what this connection accepts. What isn't
// set up yet is open; what contradicts the form is wrong.
func (v *verification) checkCallbacks(x application) {
	want := v.account.callback
	in, out := x.callback("Inbound"), x.callback("Outbound")
	later := func(open bool, field, what string) {
		if open && want.url != "" {
			v.unknown(field, what, nil)
		}
	}
	later(in.url != want.url, fieldApplication, "inbound texts, because the application still posts them to another address: register the webhook address, or enter it as the application's inbound callback URL")
	later(out.url != want.url, fieldApplication, "receipts, because the application still posts them to another address: register the webhook address, or enter it as the application's status callback URL")
	missing := x.missingTypes()
	later(len(missing) > 0, fieldApplication, "receipts, because the application posts only some of them: register the webhook address, or add these callback types to the application: "+strings.Join(missing, ", "))
	unset := in.user.IsZero() && out.user.IsZero()
	later(unset, fieldWebhookUser, "the application has no callback user and password yet: register the webhook address, or enter both in the application")
	switch {
	case unset:
	case !in.user.Equal(want.user):
		v.fault(fieldWebhookUser, "differs from the user that the application sends with inbound callbacks: enter the same one in both places")
	case !out.user.Equal(want.user):
		v.fault(fieldWebhookUser, "differs from the user that the application sends with status callbacks: enter the same one in both places")
	}
	wrong := func(c callback) bool { return !c.password.IsZero() && !c.password.Equal(want.password) }
	if wrong(in) || wrong(out) {
		v.fault(fieldWebhookPassword, "differs from the password that the application sends with its callbacks: enter the same one in both places")
	}
}

// phoneProblem says what is wrong when the question for a number was answered like that; nothing when it is the
// account's, or nobody knows.
func (a *account) phoneProblem(number string, doc element, err error) string {
	owner := doc.child("TelephoneNumberDetails", "AccountId").value
	switch status := statusOf(err); {
	case isNational(number) && (status == http.StatusNotFound || status == http.StatusBadRequest):
		return "is not found among the account's numbers: check it against Numbers in the Bandwidth App"
	case owner != "" && owner != a.id:
		return "is a number of another Bandwidth account: choose one of this account, or check the account ID"
	}
	return ""
}

// checkPhone looks at the number and returns the location that it is on.
func (v *verification) checkPhone(ctx context.Context) (at peer, found bool) {
	doc, err := v.get(ctx, phonePath(v.number))
	if p := v.account.phoneProblem(v.number, doc, err); p != "" {
		v.fault(fieldPhone, p)
		return at, false
	}
	tn := doc.child("TelephoneNumberDetails")
	if err == nil && tn.child("AccountId").value == "" {
		err = unreadable(http.StatusOK, errXML)
	}
	switch status := statusOf(err); {
	case status == http.StatusNotFound, status == http.StatusBadRequest:
		v.unknown(fieldPhone, "Bandwidth doesn't find it in the form that is documented for North America only", err)
	case status == http.StatusForbidden:
		v.unknown(fieldPhone, "these API credentials may not read it; it is another account's number, or they lack the role for numbers", err)
	case err != nil:
		v.unknown(fieldPhone, why(err), err)
	default:
		return v.checkService(ctx, tn)
	}
	return at, false
}

func (v *verification) checkService(ctx context.Context, tn element) (at peer, found bool) {
	if s := tn.child("Status").value; s != "" && !strings.EqualFold(s, "Inservice") {
		v.fault(fieldPhone, "is not in service: wait until Bandwidth has activated it, or choose another number")
	}
	at, found = peerOf(tn.child("Site", "Id").value, tn.child("SipPeer", "PeerId").value)
	v.checkSMS(ctx, tn.child("MessagingSettings", "SmsEnabled").value, at, found)
	return at, found
}

// checkSMS: a number that can text says so mostly; where nothing is said, its location's settings count. That texts over
// HTTP need the protocol HTTP there is documented, what Bandwidth answers for a location without SMS is not.
func (v *verification) checkSMS(ctx context.Context, enabled string, at peer, found bool) {
	switch {
	case strings.EqualFold(enabled, "true"):
		return
	case strings.EqualFold(enabled, "false"):
		v.fault(fieldPhone, "can't text: turn SMS on for the number and its location in the Bandwidth App")
		return
	case !found:
		v.unknown(fieldPhone, "Bandwidth doesn't say whether it can text", nil)
		return
	}
	doc, err := v.get(ctx, v.account.peerPath(at)+"/products/messaging/features/sms")
	protocol := doc.child("SipPeerSmsFeature", "SipPeerSmsFeatureSettings", "Protocol").value
	switch {
	case err != nil:
		v.unknown(fieldPhone, "whether SMS is on for its location: "+why(err), err)
	case protocol == "":
		v.unknown(fieldPhone, "Bandwidth shows no SMS settings for its location", nil)
	case !strings.EqualFold(protocol, "HTTP"):
		v.fault(fieldPhone, "is on a location that texts by another protocol than HTTP: change its SMS settings in the Bandwidth App, or move the number")
	}
}

// checkLink: the number's location must use the application. The list of the application's locations is not always
// whole (Bandwidth's own tool looks at the locations too), so what the location itself says decides.
func (v *verification) checkLink(ctx context.Context, at peer, found bool) {
	linked, listErr := v.linkedPeers(ctx)
	hidden := statusOf(listErr) == http.StatusForbidden || statusOf(listErr) == http.StatusNotFound
	switch {
	case found && slices.Contains(linked, at), !found && len(linked) > 0:
	case listErr != nil && !(hidden && found):
		v.unknown(fieldApplication, "whether a location is linked to it: "+why(listErr), listErr)
	case !found:
		v.unknown(fieldApplication, "Bandwidth lists no location for it, without which texts vanish", nil)
	default:
		v.checkLocation(ctx, at, listErr == nil && len(linked) == 0)
	}
}

// checkLocation asks the number's location which application it uses. alone says that no other location uses ours.
func (v *verification) checkLocation(ctx context.Context, at peer, alone bool) {
	doc, err := v.get(ctx, v.account.peerPath(at)+"/products/messaging/applicationSettings")
	id := doc.child("ApplicationsSettings", "HttpMessagingV2AppId").value
	switch {
	case err != nil:
		v.unknown(fieldApplication, "whether the number's location is linked to it: "+why(err), err)
	case strings.EqualFold(id, v.account.application):
	case id != "":
		v.fault(fieldPhone, "is on a location that uses another messaging application: link that location to this application, or move the number")
	case alone:
		v.fault(fieldApplication, problemNoLocation)
	default:
		v.fault(fieldPhone, "is on a location without a messaging application: link that location to this application, or texts vanish without any callback")
	}
}

// linkedPeers lists the application's locations. An empty document is an empty list.
func (v *verification) linkedPeers(ctx context.Context) ([]peer, error) {
	doc, err := v.get(ctx, v.account.applicationPath()+"/associatedsippeers")
	if err != nil {
		return nil, err
	}
	var list []peer
	for _, e := range doc.child("AssociatedSipPeers").children {
		if p, ok := peerOf(e.child("SiteId").value, e.child("PeerId").value); ok {
			list = append(list, p)
		}
	}
	return list, nil
}

// result puts what was found in the order of the form.
func (v *verification) result() error {
	byForm := func(x, y sms.FieldError) int {
		return cmp.Compare(slices.Index(fieldOrder, x.Field), slices.Index(fieldOrder, y.Field))
	}
	slices.SortStableFunc(v.wrong, byForm)
	slices.SortStableFunc(v.open, byForm)
	switch open := (&sms.UncheckedError{Provider: Name, Fields: v.open, Err: v.cause}); {
	case len(v.wrong) > 0 && len(v.open) > 0:
		return errors.Join(v.wrong, open)
	case len(v.wrong) > 0:
		return v.wrong
	case len(v.open) > 0:
		return open
	}
	return nil
}

// why says why a question is open.
func why(err error) string {
	switch status := statusOf(err); {
	case status == 0 && errors.Is(err, errNoToken):
		return "Bandwidth could not be reached, or gave no access token"
	case status == 0:
		return "Bandwidth could not be reached"
	case status/100 == 2:
		return "Bandwidth's answer could not be read"
	case status == http.StatusForbidden:
		return "these API credentials have no right to see it"
	case status == http.StatusTooManyRequests:
		return "Bandwidth asks to come back later"
	default:
		return "Bandwidth answered with HTTP " + strconv.Itoa(status)
	}
}
