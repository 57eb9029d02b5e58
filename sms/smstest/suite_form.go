package smstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/livedesk/livedesk-go/sms"
)

var formClauses = []clause{
	{"name", "Name is stable, lower case, and the Form says the same.", checkName},
	{"form", "The form describes what a person fills in: field names unique, labels in both languages, one name.", checkForm},
	{"form_secrets", "Credentials are secret, and what names the connection is not.", checkSecrets},
	{"form_pure", "Form is the same on every call, whatever was done to an earlier one.", checkPure},
	{"validate_all", "Validate reports every problem at once, an unknown name among them.", checkValidate},
	{"open_without_io", "Open does no I/O.", checkOpenQuiet},
	{"open_blank_secret", "An account does not open without its secrets; the error is a FieldErrors that names the field.", checkBlankSecrets},
}

var (
	nameShape  = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	fieldShape = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

func checkName(_ context.Context, r *rig) error {
	if n := r.provider.Name(); !nameShape.MatchString(n) || n != r.provider.Name() || n != r.form.Provider {
		return fmt.Errorf("the Name is %q, Form.Provider is %q", n, r.form.Provider)
	}
	return nil
}

func checkForm(_ context.Context, r *rig) error {
	var errs []error
	if r.form.Title.EN == "" || r.form.Title.FR == "" {
		errs = append(errs, errors.New("title: lacks a language"))
	}
	seen, names, senders := map[string]sms.Field{}, 0, 0
	for _, f := range r.form.Fields {
		if _, twice := seen[f.Name]; twice {
			errs = append(errs, fmt.Errorf("%s: there twice", f.Name))
		}
		seen[f.Name] = f
		errs = append(errs, checkField(f))
		switch f.Kind {
		case sms.FieldName:
			names++
		case sms.FieldNumber, sms.FieldPool:
			senders++
		}
	}
	for _, f := range r.form.Fields {
		if on := strings.TrimPrefix(f.When, "!"); on != "" && seen[on].Kind != sms.FieldBool {
			errs = append(errs, fmt.Errorf("%s: depends on %q, which is no switch of this form", f.Name, on))
		}
	}
	if names != 1 || seen["name"].Kind != sms.FieldName || !seen["name"].Required {
		errs = append(errs, errors.New(`the form has not exactly one required name field, named "name"`))
	}
	if senders == 0 {
		errs = append(errs, errors.New("the form has no number and no pool"))
	}
	return errors.Join(errs...)
}

func checkField(f sms.Field) error {
	var errs []error
	fault := func(problem string) { errs = append(errs, fmt.Errorf("%s: %s", f.Name, problem)) }
	if !fieldShape.MatchString(f.Name) {
		fault("name is not snake_case")
	}
	if f.Label.EN == "" || f.Label.FR == "" || f.Help.EN == "" || f.Help.FR == "" {
		fault("label or help lacks a language")
	}
	if !slices.Contains([]sms.FieldKind{sms.FieldText, sms.FieldName, sms.FieldBool, sms.FieldNumber, sms.FieldPool}, f.Kind) {
		fault("kind is unknown")
	}
	if !slices.Contains([]sms.Scope{sms.ScopeChannel, sms.ScopeIdentity, sms.ScopeConnection}, f.Scope) {
		fault("scope is unknown")
	}
	if _, err := regexp.Compile(f.Pattern); err != nil {
		fault("pattern does not compile")
	}
	if f.Pattern != "" && (f.PatternHelp.EN == "" || f.PatternHelp.FR == "") {
		fault("pattern is not said in words in both languages")
	}
	if f.Kind == sms.FieldBool && (f.Required || f.Secret) {
		fault("a switch is required or secret")
	}
	return errors.Join(errs...)
}

func checkSecrets(_ context.Context, r *rig) error {
	if len(r.settings.Secrets) == 0 {
		return errors.New("no field of the case is secret")
	}
	for _, f := range r.form.Fields {
		if f.Secret && f.Scope != sms.ScopeConnection {
			return fmt.Errorf("%s: a secret that is not of the connection", f.Name)
		}
		looks := strings.Contains(f.Name, "secret") || strings.Contains(f.Name, "token") || strings.Contains(f.Name, "password")
		if looks && !f.Secret && f.Kind != sms.FieldBool {
			return fmt.Errorf("%s: is not secret", f.Name)
		}
	}
	if !slices.ContainsFunc(r.form.Fields, func(f sms.Field) bool { return f.Scope == sms.ScopeIdentity && f.Required }) {
		return errors.New("no required field names the connection")
	}
	return nil
}

func checkPure(_ context.Context, r *rig) error {
	first := r.provider.Form()
	first.Fields[0].Name = "changed"
	first.Fields = append(first.Fields[:1], first.Fields[2:]...)
	if again := r.provider.Form(); !reflect.DeepEqual(again, r.form) {
		return errors.New("another call returned another form")
	}
	return nil
}

func checkValidate(_ context.Context, r *rig) error {
	_, err := r.form.Validate(map[string]string{"no_such_field": "x"})
	errs, ok := errors.AsType[sms.FieldErrors](err)
	if !ok {
		return fmt.Errorf("an empty form: %v is no FieldErrors", err)
	}
	want := []string{"no_such_field"}
	for _, f := range r.form.Fields {
		if f.Required && (f.When == "" || strings.HasPrefix(f.When, "!")) { // all switches are off
			want = append(want, f.Name)
		}
	}
	got := map[string]bool{}
	for _, e := range errs {
		got[e.Field] = true
	}
	for _, name := range want {
		if !got[name] {
			return fmt.Errorf("an empty form: %s is not reported", name)
		}
	}
	return nil
}

func checkOpenQuiet(_ context.Context, r *rig) error {
	if _, err := r.provider.Open(r.settings); err != nil {
		return err
	}
	if n := len(r.carrier.Requests()); n > 0 {
		return fmt.Errorf("the carrier saw %d requests", n)
	}
	return nil
}

func checkBlankSecrets(_ context.Context, r *rig) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(r.settings.Secrets)) {
		for _, blank := range []string{"", "  \t"} {
			s := r.settings
			s.Secrets = maps.Clone(s.Secrets)
			s.Secrets[name] = sms.NewSecret(blank)
			_, err := r.provider.Open(s)
			fields, ok := errors.AsType[sms.FieldErrors](r.seen(err))
			if !ok || !slices.ContainsFunc(fields, func(f sms.FieldError) bool { return f.Field == name }) {
				errs = append(errs, fmt.Errorf("%s is %q: Open returned %v", name, blank, err))
			}
		}
	}
	return errors.Join(errs...)
}
