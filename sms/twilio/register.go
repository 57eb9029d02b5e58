package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/livedesk/livedesk-go/sms"
)

// Where the webhook is entered in Twilio's console.
var (
	whereNumber = sms.Text{
		EN: "In the Twilio console under Phone Numbers, Manage, Active numbers, open the number. In its messaging configuration, " +
			"for \"A message comes in\", choose Webhook, enter this address and choose HTTP POST. Enter it whole: " +
			"\"#rc=5&rp=all\" at its end makes Twilio repeat a webhook that failed, up to five times; without it Twilio " +
			"gives up at the first failure. Where the number is in a Messaging Service, " +
			"choose \"Defer to sender's webhook\" there.",
		FR: "Dans la console Twilio, sous Phone Numbers, Manage, Active numbers, ouvrez le numéro. Dans sa configuration de messagerie, " +
			"pour « A message comes in », choisissez Webhook, saisissez cette adresse et choisissez HTTP POST. Saisissez-la entière : " +
			"« #rc=5&rp=all » à la fin fait répéter par Twilio, jusqu'à cinq fois, un webhook qui a échoué ; sans cela, Twilio " +
			"abandonne au premier échec. Si le numéro est dans un Messaging Service, " +
			"choisissez-y « Defer to sender's webhook ».",
	}
	whereService = sms.Text{
		EN: "In the Twilio console under Messaging, Services, open the service, then Integration. Choose \"Send a webhook\", " +
			"enter this address as Request URL and choose HTTP POST. Enter it whole: \"#rc=5&rp=all\" at its end makes Twilio " +
			"repeat a webhook that failed, up to five times; without it Twilio gives up at the first failure. " +
			"Don't choose \"Defer to sender's webhook\": Twilio may then not say that a text is the service's.",
		FR: "Dans la console Twilio, sous Messaging, Services, ouvrez le service, puis Integration. Choisissez « Send a webhook », " +
			"saisissez cette adresse comme Request URL et choisissez HTTP POST. Saisissez-la entière : « #rc=5&rp=all » à la fin fait " +
			"répéter par Twilio, jusqu'à cinq fois, un webhook qui a échoué ; sans cela, Twilio abandonne " +
			"au premier échec. Ne choisissez pas « Defer to sender's webhook » : Twilio peut alors ne pas dire qu'un texte est celui du service.",
	}
)

// Webhooks implements [sms.WebhookTeller] with one address, for texts that come in; each text that goes out names the
// address of its receipts itself. It is nil without a Settings.WebhookURL.
func (a *account) Webhooks(values map[string]string) []sms.Webhook {
	if a.callback == "" {
		return nil
	}
	w := sms.Webhook{Purpose: "inbound", URL: a.inboundURL(), Where: whereNumber}
	if values["use_messaging_service"] == "true" {
		w.Where = whereService
	}
	return []sms.Webhook{w}
}

func (a *account) inboundURL() string { return a.callback + overrides }

const (
	problemApplication = "hands its texts to a TwiML app, which Twilio prefers to any webhook: choose Webhook for the number in the Twilio console, then register again"
	mayNotChange       = "this login may not read and change the sender's webhook; enter it in the Twilio console"
)

var errNoWebhookURL = errors.New("twilio: Settings.WebhookURL is not set")

// Register implements [sms.Registrar] in one or two requests: it reads the number or the Messaging Service and changes
// it only where it differs. It sets the URL and method for texts that come in, and has a service take the texts of its
// numbers rather than defer to their own webhooks; everything else stays as it is, the fallback URL among it.
func (a *account) Register(ctx context.Context, values map[string]string) error {
	e164, sid, problem := senderOf(values)
	if problem != nil {
		return problem
	}
	if a.callback == "" {
		return errNoWebhookURL
	}
	var err error
	if sid != "" {
		problem, err = a.registerService(ctx, sid)
	} else {
		problem, err = a.registerNumber(ctx, e164)
	}
	switch {
	case problem != nil:
		return problem
	case answered(err, http.StatusForbidden): // a restricted key
		return fmt.Errorf("twilio: %s: %w: %w", mayNotChange, errors.ErrUnsupported, err)
	}
	return err
}

func (a *account) registerNumber(ctx context.Context, e164 string) (sms.FieldErrors, error) {
	n, problem, err := a.ownNumber(ctx, e164)
	switch {
	case problem != nil || err != nil:
		return problem, err
	case n.SMSApplication != "":
		return wrong("phone_number", problemApplication), nil
	case n.SMSURL == a.inboundURL() && isPost(n.SMSMethod):
		return nil, nil
	}
	form := url.Values{"SmsUrl": {a.inboundURL()}, "SmsMethod": {http.MethodPost}}
	path := a.path("/IncomingPhoneNumbers/" + n.SID + ".json")
	return nil, a.ask(ctx, question{login: a.rest(), base: a.base, path: path, form: form}, &number{})
}

func (a *account) registerService(ctx context.Context, sid string) (sms.FieldErrors, error) {
	s, problem, err := a.ownService(ctx, sid)
	switch {
	case problem != nil || err != nil:
		return problem, err
	case s.InboundURL == a.inboundURL() && isPost(s.InboundMethod) && !s.Defers:
		return nil, nil
	}
	form := url.Values{"InboundRequestUrl": {a.inboundURL()}, "InboundMethod": {http.MethodPost}, "UseInboundWebhookOnNumber": {"false"}}
	return nil, a.ask(ctx, question{login: a.rest(), base: a.messaging, path: servicePath(sid), form: form}, &service{})
}

func isPost(method string) bool { return strings.EqualFold(method, http.MethodPost) }
