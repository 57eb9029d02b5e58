package sms

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Form describes what a person fills in to add a channel of a provider, so that a host can render the page without
// knowing the provider.
type Form struct {
	Provider string  `json:"provider"`
	Title    Text    `json:"title"`
	Fields   []Field `json:"fields"` // in the order in which they are shown
}

// Field is one input of a [Form].
type Field struct {
	Name     string    `json:"name"` // stable, snake_case
	Kind     FieldKind `json:"kind"`
	Scope    Scope     `json:"scope"`
	Label    Text      `json:"label"`
	Help     Text      `json:"help"`
	Required bool      `json:"required"` // counts only while the field is shown
	Secret   bool      `json:"secret"`   // never read back
	// When names the switch ([FieldBool]) that this field depends on; a leading '!' means "while it is off". Empty
	// means that the field is always shown. A field that isn't shown is ignored and not stored.
	When string `json:"when,omitempty"`
	// Pattern is what a value must match whole, in RE2 syntax; empty means any text. PatternHelp says it in words.
	Pattern     string `json:"pattern,omitempty"`
	PatternHelp Text   `json:"pattern_help,omitzero"`
}

// Text is a text in the languages that forms come in.
type Text struct {
	EN string `json:"en"`
	FR string `json:"fr"`
}

// In returns the text in the language of a BCP 47 tag: French for "fr" and "fr-…", else English.
func (t Text) In(tag string) string {
	if base, _, _ := strings.Cut(strings.ToLower(tag), "-"); base == "fr" && t.FR != "" {
		return t.FR
	}
	return t.EN
}

// FieldKind says what a [Field] holds; a host picks its widget by it, and the engine finds the sender by it.
type FieldKind string

// The kinds of field.
const (
	FieldText   FieldKind = "text"
	FieldName   FieldKind = "name"   // the channel's name; one in each form, named "name"
	FieldBool   FieldKind = "bool"   // a switch: "true" or "false"; empty counts as "false"
	FieldNumber FieldKind = "number" // the E.164 number that sends and receives
	FieldPool   FieldKind = "pool"   // a group of senders at the carrier
)

// Scope says what a field belongs to. Channels whose identity fields are equal share one connection.
type Scope string

// The scopes of a field.
const (
	ScopeChannel    Scope = "channel"    // this channel only (name, number)
	ScopeIdentity   Scope = "identity"   // names the connection (account, application)
	ScopeConnection Scope = "connection" // belongs to the connection (credentials)
)

// MaxFieldBytes is the longest value that a field takes.
const MaxFieldBytes = 512

// FieldError says what is wrong with one field. It never repeats the value.
type FieldError struct {
	Field   string `json:"field"`
	Problem string `json:"problem"` // in English, says what would be right
}

// Error implements error.
func (e FieldError) Error() string { return e.Field + ": " + e.Problem }

// FieldErrors is every wrong field at once, in the order of the form.
type FieldErrors []FieldError

// Error implements error.
func (e FieldErrors) Error() string {
	s := make([]string, len(e))
	for i, f := range e {
		s[i] = f.Error()
	}
	return strings.Join(s, "; ")
}

// Validate checks values by field name (secrets among them) and returns those that count, with blanks at both ends
// removed and fields that aren't shown left out. The error is a [FieldErrors] with every problem, an unknown name
// among them. It does no I/O.
func (f Form) Validate(values map[string]string) (map[string]string, error) {
	var errs FieldErrors
	out := make(map[string]string, len(values))
	known := make(map[string]bool, len(f.Fields))
	for _, d := range f.Fields {
		known[d.Name] = true
		if !d.shown(values) {
			continue
		}
		v := strings.TrimSpace(values[d.Name])
		if p := d.problem(v); p != "" {
			errs = append(errs, FieldError{d.Name, p})
		} else if v != "" {
			out[d.Name] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !known[name] {
			errs = append(errs, FieldError{name, "is not a field of this provider"})
		}
	}
	if errs != nil {
		return nil, errs
	}
	return out, nil
}

// Field returns the field of that name.
func (f Form) Field(name string) (Field, bool) {
	i := slices.IndexFunc(f.Fields, func(d Field) bool { return d.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return f.Fields[i], true
}

func (d Field) shown(values map[string]string) bool {
	name, off := strings.CutPrefix(d.When, "!")
	return name == "" || (strings.TrimSpace(values[name]) == "true") != off
}

func (d Field) problem(v string) string {
	switch {
	case v == "" && d.Required:
		return "is required"
	case v == "":
		return ""
	case len(v) > MaxFieldBytes:
		return "is too long (at most 512 bytes)"
	case strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "holds a control character"
	case d.Kind == FieldBool && v != "true" && v != "false":
		return `must be "true" or "false"`
	case d.Pattern != "" && !regexp.MustCompile(`^(?:`+d.Pattern+`)$`).MatchString(v):
		if d.PatternHelp.EN != "" {
			return d.PatternHelp.EN
		}
		return "does not have the right form"
	}
	return ""
}
