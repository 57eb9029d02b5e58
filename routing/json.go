package routing

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of a list of rules; one rule is its "#/$defs/rule". It says all that a
// schema can say: zones, patterns, ids that occur twice and bounds in bytes are left to [ParseRules].
func Schema() []byte { return bytes.Clone(schema) }

// ParseRules reads a JSON list of rules and checks it as [Compile] does. The error is a [FieldErrors] with
// everything that is wrong, in form and in meaning.
//
// The form is strict, unlike that of [json.Unmarshal]: names that aren't known, written in another case, or given twice,
// null, and anything after the list are refused.
func ParseRules(data []byte) ([]Rule, error) {
	var rules []Rule
	errs := decode(data, &rules, "rules")
	c := newChecker()
	c.set(rules)
	return rules, merge(errs, c.errs).err()
}

// ParseRule reads one rule as strictly, and checks it as [Rule.Validate] does.
func ParseRule(data []byte) (Rule, error) {
	var r Rule
	errs := decode(data, &r, "")
	c := newChecker()
	c.rule("", &r)
	return r, merge(errs, c.errs).err()
}

// UnmarshalJSON reads the strict form; the error is a [FieldErrors]. It doesn't [Rule.Validate].
func (r *Rule) UnmarshalJSON(data []byte) error {
	type plain Rule
	var p plain
	if err := decode(data, &p, "").err(); err != nil {
		return err
	}
	*r = Rule(p)
	return nil
}

// UnmarshalJSON reads the strict form; the error is a [FieldErrors].
func (c *Condition) UnmarshalJSON(data []byte) error {
	var p Condition
	if err := decode(data, &p, "").err(); err != nil {
		return err
	}
	*c = p
	return nil
}

// merge adds the mistakes in meaning to those in form, without those that only follow from them.
func merge(form, meaning FieldErrors) FieldErrors {
	out := form
	for _, m := range meaning {
		if !form.about(m.Field) {
			out.add(m.Field, m.Problem)
		}
	}
	return out
}

// about reports whether one of the errors is about a field, something in it, or something that it is in.
func (e FieldErrors) about(field string) bool {
	for _, f := range e {
		if within(f.Field, field) || within(field, f.Field) {
			return true
		}
	}
	return false
}

func within(inner, outer string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (outer == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// maxNesting bounds the documents that are read, in brackets; rules need less than three for each group.
const maxNesting = 3*maxDepth + 10

// maxOpened bounds what a document makes in memory, in lists and objects, where "{}" takes a hundred times its length.
const maxOpened = 4*maxAllConditions + 4*maxRules

// decoder fills Go values from JSON by their struct tags, and gathers what doesn't fit. The document is valid JSON, so
// tokens come as they must.
type decoder struct {
	json   *json.Decoder
	depth  int // of brackets
	opened int // brackets so far
	errs   FieldErrors
}

// decode fills what into points to. field names the document.
func decode(data []byte, into any, field string) FieldErrors {
	d := &decoder{json: json.NewDecoder(bytes.NewReader(data))}
	d.json.UseNumber()
	if problem := notJSON(data); problem != "" {
		d.errs.add(field, problem)
		return d.errs
	}
	d.value(reflect.ValueOf(into).Elem(), d.token(), field)
	return d.errs
}

// notJSON says why data is not one JSON document, if so.
func notJSON(data []byte) string {
	if !utf8.Valid(data) {
		return "is not UTF-8"
	}
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("is not JSON: %v, at byte %d", e, e.Offset)
	}
	return ""
}

func (d *decoder) token() json.Token {
	t, _ := d.json.Token()
	return t
}

// value puts the value that begins with t into v.
func (d *decoder) value(v reflect.Value, t json.Token, field string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(v.Elem(), t, field)
	case reflect.Struct:
		d.nested(t, '{', field, "an object", func() { d.object(v, field) })
	case reflect.Slice:
		d.nested(t, '[', field, "a list", func() { d.array(v, field) })
	case reflect.String:
		s, ok := t.(string)
		v.SetString(s)
		d.unless(ok, t, field, "a text")
	case reflect.Bool:
		b, ok := t.(bool)
		v.SetBool(b)
		d.unless(ok, t, field, "true or false")
	default: // int
		n, ok := whole(t)
		v.SetInt(n)
		d.unless(ok, t, field, "a whole number")
	}
}

// whole reads a number without fraction: 10, and also 10.0 and 1e1, as JSON Schema has it.
func whole(t json.Token) (int64, bool) {
	n, _ := t.(json.Number)
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i, true
	}
	f, err := n.Float64()
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// unless notes a value of the wrong kind, and passes over it.
func (d *decoder) unless(fits bool, t json.Token, field, want string) {
	if fits {
		return
	}
	if t == nil {
		d.errs.add(field, "is null: leave it out")
	} else {
		d.errs.add(field, "must be "+want)
	}
	d.pass(t)
}

// pass reads up to the end of the value that begins with t.
func (d *decoder) pass(t json.Token) {
	for depth := 0; ; t = d.token() {
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

// nested reads a list or an object with read, and its closing bracket.
func (d *decoder) nested(t json.Token, opens json.Delim, field, want string, read func()) {
	if t != opens {
		d.unless(false, t, field, want)
		return
	}
	if d.depth == maxNesting || d.opened == maxOpened {
		d.errs.add(field, "is nested too deeply, or the document has too much in it")
		d.pass(t)
		return
	}
	d.depth++
	d.opened++
	read()
	d.depth--
	d.token()
}

func (d *decoder) array(v reflect.Value, field string) {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for i := 0; d.json.More(); i++ {
		if i == maxRules { // no list may be longer
			d.errs.add(field, "has too many entries")
		}
		if i >= maxRules {
			d.pass(d.token())
			continue
		}
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(e, d.token(), item(field, i))
		v.Set(reflect.Append(v, e))
	}
}

func (d *decoder) object(v reflect.Value, field string) {
	seen := map[string]bool{}
	for d.json.More() {
		name := d.token().(string)
		d.member(v, name, sub(field, shown(name)), seen[name])
		seen[name] = true
	}
}

// member reads the value of one name of an object.
func (d *decoder) member(v reflect.Value, name, field string, twice bool) {
	t, f := d.token(), member(v, name)
	switch {
	case !f.IsValid():
		d.errs.add(field, "is unknown")
		d.pass(t)
	case twice:
		d.errs.add(field, "is given twice")
		d.pass(t)
	default:
		before := len(d.errs)
		d.value(f, t, field)
		if f.IsZero() && (saysNothing[v.Type()] || f.Type() == reflect.TypeFor[Timeout]()) && len(d.errs) == before {
			d.errs.add(field, "says nothing: leave it out")
		}
	}
}

// saysNothing are the types in which a name alone seems to say something, as in "always": false.
var saysNothing = map[reflect.Type]bool{
	reflect.TypeFor[Condition](): true, reflect.TypeFor[Text](): true, reflect.TypeFor[Attribute](): true,
	reflect.TypeFor[Timeout](): true,
}

// member returns the field of a struct by its JSON name, or the zero Value.
func member(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if jsonName(v.Type().Field(i)) == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// shown returns a name that may be anything in a form that can stand in a field's name.
func shown(name string) string {
	if len(name) > 40 || hasControl(name) {
		return quote(name)
	}
	return name
}
