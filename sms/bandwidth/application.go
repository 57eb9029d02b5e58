package bandwidth

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/livedesk/livedesk-go/sms"
)

// application is the document of a messaging application, as the Dashboard shows it.
type application struct{ element }

// callback is where an application posts events, and the Basic credentials that it sends along.
type callback struct {
	url      string
	user     sms.Secret
	password sms.Secret // Bandwidth's answers mostly leave it out
}

// The events that we need, all that Bandwidth documents for RequestedCallbackTypes. A list that is absent means the
// usual ones; message-sent and message-read can't be chosen.
var neededTypes = []string{"message-delivered", "message-failed", "message-sending"}

const typesName = "RequestedCallbackTypes"

func (a *account) readApplication(ctx context.Context) (application, error) {
	doc, err := a.dashboard(ctx, a.applicationPath())
	if err != nil {
		return application{}, err
	}
	return applicationOf(doc)
}

func applicationOf(doc element) (application, error) {
	app := doc.child("Application")
	if app.child("ServiceType").value == "" {
		return application{}, unreadable(http.StatusOK, errXML)
	}
	return application{app}, nil
}

func (x application) isMessaging() bool {
	return strings.EqualFold(x.child("ServiceType").value, "Messaging-V2")
}

// callback returns what the application does with "Inbound" or "Outbound" events. Old documents have only the deprecated
// names, which stand for both.
func (x application) callback(direction string) callback {
	c := callback{url: x.child(direction + "CallbackUrl").value}
	if x.child("InboundCallbackUrl").name == "" {
		c.url = firstValue(x.child("MsgCallbackUrl"), x.child("CallbackUrl"))
	}
	creds := x.child(direction + "CallbackCreds")
	if x.child("InboundCallbackCreds").name == "" && x.child("OutboundCallbackCreds").name == "" {
		creds = x.child("CallbackCreds")
	}
	c.user = sms.NewSecret(creds.child("UserId").value)
	c.password = sms.NewSecret(creds.child("Password").value)
	return c
}

func firstValue(list ...element) string {
	for _, e := range list {
		if e.value != "" {
			return e.value
		}
	}
	return ""
}

// missingTypes returns the events that the application's list leaves out.
func (x application) missingTypes() []string {
	list := x.child(typesName)
	if list.name == "" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(neededTypes), func(t string) bool {
		return slices.ContainsFunc(list.children, func(c element) bool { return c.value == t })
	})
}

// posts reports whether all events go to c with its credentials, as far as the document shows, and whether it shows
// the passwords.
func (x application) posts(c callback) (same, shown bool) {
	same, shown = len(x.missingTypes()) == 0, true
	for _, direction := range []string{"Inbound", "Outbound"} {
		is := x.callback(direction)
		shown = shown && !is.password.IsZero()
		same = same && is.url == c.url && is.user.Equal(c.user) && (is.password.IsZero() || is.password.Equal(c.password))
	}
	return same, shown
}

// with returns the whole document with our callbacks in it, for a PUT, which replaces every field. What we don't know
// stays as it is. Left out are the id, which the path has, and the deprecated names that stand for both directions:
// Bandwidth would let them override what we set (site/docs/numbers/applications.mdx: MsgCallbackUrl "updates both").
func (x application) with(c callback) element {
	doc := x.without("ApplicationId", "MsgCallbackUrl", "CallbackUrl", "CallbackCreds")
	doc.name = "Application"
	for _, direction := range []string{"Inbound", "Outbound"} {
		doc.set(element{name: direction + "CallbackUrl", value: c.url})
	}
	for _, direction := range []string{"Inbound", "Outbound"} {
		doc.set(element{name: direction + "CallbackCreds", children: []element{
			{name: "UserId", value: c.user.Reveal()}, {name: "Password", value: c.password.Reveal()},
		}})
	}
	types := element{name: typesName, children: slices.Clone(x.child(typesName).children)}
	missing := x.missingTypes()
	if len(types.children) == 0 {
		missing = neededTypes
	}
	for _, t := range missing {
		types.children = append(types.children, element{name: "CallbackType", value: t})
	}
	doc.set(types)
	return doc
}
