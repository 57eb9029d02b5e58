package bandwidth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/sms"
)

// Webhooks implements [sms.WebhookTeller]: one address for texts and for receipts, whatever the values, since an
// application has one pair of them for all its numbers. Nil without an [sms.Settings] WebhookURL.
func (a *account) Webhooks(map[string]string) []sms.Webhook {
	if a.callback.url == "" {
		return nil
	}
	return []sms.Webhook{{Purpose: "all", URL: a.callback.url, Where: sms.Text{
		EN: "In the Bandwidth App, open Applications and your messaging application. Enter this address as the callback URL, " +
			"for inbound messages and for status callbacks alike, and beside it the webhook user and password as callback user " +
			"ID and password.",
		FR: "Dans l’application Bandwidth, ouvrez Applications puis votre application de messagerie. Saisissez cette adresse " +
			"comme URL de callback, pour les messages entrants comme pour les statuts, et à côté l’utilisateur et le mot de " +
			"passe du webhook comme identifiant et mot de passe de callback.",
	}}}
}

// What Bandwidth takes as user and password of a callback (site/docs/numbers/applications.mdx).
const minCreds, maxCreds = 6, 63

// errRights: 403 for credentials that may send and may not configure, 405 and 501 where this API is gone. A person can
// still enter the address by hand, so it is no fault of a field.
var errRights = fmt.Errorf("these credentials can't change the application; enter the callbacks in the Bandwidth App: %w", errors.ErrUnsupported)

// Register implements [sms.Registrar]: it sets the application's inbound and status callbacks to the address of
// Webhooks, with the webhook user and password, and asks for every receipt. It reads the application first and writes
// it only where something differs; everything else in it stays. As Bandwidth doesn't show the password, an account
// also writes once where all that can be seen is right, so that a rotated password gets there.
//
// The callbacks are those of all numbers on the application; that the channel's number is the account's is checked
// first, where the credentials may read it.
//
// The error is an [sms.FieldErrors] where credentials, number, application, user or password are wrong; it wraps
// [errors.ErrUnsupported] where these credentials may send texts and may not change applications; otherwise it is a
// [*sms.SendError] whose Reason says whether asking again helps. It may be repeated in every case.
func (a *account) Register(ctx context.Context, values map[string]string) error {
	number, err := phoneOf(values)
	if err != nil {
		return err
	}
	if err := a.registrable(); err != nil {
		return err
	}
	if err := a.askPhone(ctx, number); err != nil {
		return err
	}
	app, err := a.readApplication(ctx)
	if err != nil {
		return a.registerError(err)
	}
	if !app.isMessaging() {
		return sms.FieldErrors{{Field: fieldApplication, Problem: problemNoMessaging}}
	}
	if same, shown := app.posts(a.callback); same && (shown || a.registered.Load()) {
		return nil
	}
	if app, err = a.writeApplication(ctx, app.with(a.callback)); err != nil {
		return a.registerError(err)
	}
	if same, _ := app.posts(a.callback); !same {
		return a.registerError(unreadable(http.StatusOK, errors.New("the application shows other callbacks than were set")))
	}
	a.registered.Store(true)
	return nil
}

// writeApplication replaces the application and returns it as it is then: as the answer shows it, or as it is read again
// where the answer has none.
func (a *account) writeApplication(ctx context.Context, doc element) (application, error) {
	raw, err := a.ask(ctx, http.MethodPut, a.dashboardURL+a.applicationPath(), "application/xml", doc.encode())
	if err != nil {
		return application{}, err
	}
	if answer, err := parseXML(raw); err == nil {
		if app, err := applicationOf(answer); err == nil {
			return app, nil
		}
	}
	return a.readApplication(ctx)
}

// registrable checks what Bandwidth would refuse.
func (a *account) registrable() error {
	if a.callback.url == "" {
		return fmt.Errorf("%s: the connection has no WebhookURL", Name)
	}
	var errs sms.FieldErrors
	for _, f := range []struct {
		name  string
		value sms.Secret
	}{{fieldWebhookUser, a.callback.user}, {fieldWebhookPassword, a.callback.password}} {
		if n := utf8.RuneCountInString(f.value.Reveal()); n < minCreds || n > maxCreds {
			errs = append(errs, sms.FieldError{Field: f.name, Problem: "must have 6 to 63 characters to be registered at Bandwidth"})
		}
	}
	if errs != nil {
		return errs
	}
	return nil
}

// askPhone refuses a number that isn't the account's, and passes one that the credentials may not look at.
func (a *account) askPhone(ctx context.Context, number string) error {
	doc, err := a.dashboard(ctx, phonePath(number))
	if p := a.phoneProblem(number, doc, err); p != "" {
		return sms.FieldErrors{{Field: fieldPhone, Problem: p}}
	}
	switch statusOf(err) {
	case http.StatusForbidden, http.StatusNotFound, http.StatusBadRequest:
		return nil
	}
	if err != nil {
		return a.registerError(err)
	}
	return nil
}

func (a *account) registerError(err error) error {
	switch status := statusOf(err); {
	case refusesCredentials(err):
		return a.badCredentials()
	case status == http.StatusNotFound:
		return sms.FieldErrors{{Field: fieldApplication, Problem: problemNoApplication}}
	case status == http.StatusForbidden, status == http.StatusMethodNotAllowed, status == http.StatusNotImplemented:
		return fmt.Errorf("%s: register webhooks: %w: %w", Name, errRights, err)
	}
	return fmt.Errorf("register webhooks: %w", err)
}
