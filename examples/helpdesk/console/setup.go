package console

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
)

// setupForm is a provider's form made ready for a page: the console knows no provider's fields, it shows what the
// provider describes.
type setupForm struct {
	Provider, Title string
	Fields          []setupField
	Lang, Other     string // the form's language, and the one to change to
	Problem         string // of the form as a whole
}

type setupField struct {
	Name, Label, Help string
	Input             string // type of the input
	Value             string // never a secret's
	Problem           string
	Required          bool
	Fixed             bool   // names the connection of a channel that exists
	When              string // the switch that it depends on, with '!' for "while off"
	WhenHelp          string
	Secret            bool
	Keep              bool // empty keeps what is stored
	Checked           bool
}

func newSetupForm(f sms.Form, values livedesk.Values, problems map[string]string, lang string, exists bool) setupForm {
	out := setupForm{Provider: f.Provider, Title: f.Title.In(lang), Lang: lang, Other: "fr"}
	if lang == "fr" {
		out.Other = "en"
	}
	for _, d := range f.Fields {
		s := setupField{
			Name: d.Name, Label: d.Label.In(lang), Help: d.Help.In(lang), Input: "text",
			Required: d.Required && d.When == "" && !(exists && d.Secret), When: d.When, WhenHelp: whenHelp(f, d, lang),
			Problem: inLanguage(d, problems[d.Name], lang), Secret: d.Secret, Keep: d.Secret && exists,
			Fixed: exists && d.Scope == sms.ScopeIdentity,
		}
		switch {
		case d.Secret:
			s.Input = "password" // and no value: what is stored is never read back
		case d.Kind == sms.FieldBool:
			s.Input, s.Checked = "checkbox", values[d.Name] == "true"
		case d.Kind == sms.FieldNumber:
			s.Input, s.Value = "tel", values[d.Name]
		default:
			s.Value = values[d.Name]
		}
		out.Fields = append(out.Fields, s)
	}
	out.Problem = problems[""]
	return out
}

// whenHelp says which switch a field depends on, for browsers without script, where it can't be hidden.
func whenHelp(f sms.Form, d sms.Field, lang string) string {
	name, off := strings.CutPrefix(d.When, "!")
	s, ok := f.Field(name)
	switch {
	case !ok:
		return ""
	case lang == "fr" && off:
		return "Ignoré si « " + s.Label.FR + " » est coché."
	case lang == "fr":
		return "Seulement si « " + s.Label.FR + " » est coché."
	case off:
		return "Ignored while “" + s.Label.EN + "” is on."
	}
	return "Only while “" + s.Label.EN + "” is on."
}

// inLanguage translates a problem as far as the form does.
func inLanguage(d sms.Field, problem, lang string) string {
	switch {
	case lang != "fr":
		return problem
	case problem == "is required":
		return "est obligatoire"
	case problem != "" && problem == d.PatternHelp.EN:
		return d.PatternHelp.In(lang)
	}
	return problem
}

func language(r *http.Request) string {
	if r.FormValue("lang") == "fr" {
		return "fr"
	}
	return "en"
}

func (c *console) showSetup(w http.ResponseWriter, r *http.Request, s *session) error {
	form, err := c.Engine.Form(r.PathValue("provider"))
	if err != nil {
		return err
	}
	c.render(w, r, s, http.StatusOK, "setup", newSetupForm(form, nil, nil, language(r), false))
	return nil
}

// formValues reads the fields of a provider's form, and nothing else.
func formValues(r *http.Request, form sms.Form) livedesk.Values {
	v := livedesk.Values{}
	for _, f := range form.Fields {
		if given := r.PostFormValue(f.Name); given != "" {
			v[f.Name] = given
		}
	}
	return v
}

func (c *console) setup(w http.ResponseWriter, r *http.Request, s *session) error {
	form, err := c.Engine.Form(r.PathValue("provider"))
	if err != nil {
		return err
	}
	values := formValues(r, form)
	ch, unchecked, err := c.confirm(r.Context(), livedesk.Channel{Provider: form.Provider, Values: values})
	if err != nil {
		problems := byField(err)
		if len(problems) == 0 {
			return err
		}
		c.render(w, r, s, statusOf(err), "setup", newSetupForm(form, values, problems, language(r), false))
		return nil
	}
	s.say(added(unchecked, c.Desk.Register(r.Context(), ch.ID)))
	http.Redirect(w, r, "/channels/"+ch.ID, http.StatusSeeOther)
	return nil
}

// confirm asks the carrier whether a channel works as it is filled in, and stores it. What the carrier could not be asked,
// unchecked, keeps nobody from going on.
func (c *console) confirm(ctx context.Context, ch livedesk.Channel) (stored livedesk.Channel, unchecked bool, err error) {
	switch err := c.Desk.Verify(ctx, ch); {
	case len(byField(err)) > 0:
		return ch, false, err
	case errors.Is(err, livedesk.ErrCarrierUnavailable), errors.Is(err, errors.ErrUnsupported):
		unchecked = true
	case err != nil:
		return ch, false, err
	}
	stored, err = c.Desk.PutChannel(ctx, ch)
	return stored, unchecked, err
}

// added says what is left to do once a channel is stored.
func added(unchecked bool, notRegistered error) string {
	said := "Channel added, and the carrier says that it works."
	if unchecked {
		said = "Channel added, but the carrier could not be asked whether all of it works."
	}
	if notRegistered != nil {
		return said + " Give the webhook URL below to the carrier, and choose who answers."
	}
	return said + " The carrier knows where its webhooks go. Choose who answers."
}

// saveConnection changes the name, the number or the credentials. Replaced credentials still count in webhooks for
// a day, so that they can be changed here and at the carrier in either order.
func (c *console) saveConnection(w http.ResponseWriter, r *http.Request, s *session) error {
	ch, err := c.Desk.Channel(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	form, err := c.Engine.Form(ch.Provider)
	if err != nil {
		return err
	}
	changed := ch
	changed.Values = formValues(r, form)
	_, unchecked, err := c.confirm(r.Context(), changed)
	if err != nil {
		problems := byField(err)
		if len(problems) == 0 {
			return err
		}
		return c.channelForms(w, r, s, statusOf(err), changed, nil, problems)
	}
	if unchecked {
		s.say("Saved, but the carrier could not be asked whether all of it works.")
	} else {
		s.say("Saved, and the carrier says that it works.")
	}
	http.Redirect(w, r, "/channels/"+ch.ID, http.StatusSeeOther)
	return nil
}
