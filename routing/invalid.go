package routing

import (
	"fmt"
	"strings"
)

// FieldError says what is wrong with one field of a rule. It repeats names that were written, never a number, a text or
// a value of the customer's.
type FieldError struct {
	// Field is where, in the words of the JSON form: "condition.any[0].text.regexp", in a set with the rule before it:
	// "rules[2].condition". It is empty where the document as a whole is meant.
	Field   string `json:"field"`
	Problem string `json:"problem"` // in English, says what would be right
}

// Error implements error.
func (e FieldError) Error() string {
	if e.Field == "" {
		return e.Problem
	}
	return e.Field + ": " + e.Problem
}

// FieldErrors is everything that is wrong, at most 100 of it: first what doesn't fit the JSON form, then the rest in the
// order of the fields. Match it with [errors.AsType].
type FieldErrors []FieldError

// maxProblems bounds what a document of rubbish can make.
const maxProblems = 100

// Error implements error.
func (e FieldErrors) Error() string {
	texts := make([]string, len(e))
	for i, f := range e {
		texts[i] = f.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the problems one by one.
func (e FieldErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, f := range e {
		errs[i] = f
	}
	return errs
}

func (e *FieldErrors) add(field, problem string) {
	if len(*e) < maxProblems {
		*e = append(*e, FieldError{field, problem})
	}
}

func (e FieldErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// item names one entry of a list.
func item(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// sub names a field inside another; the document as a whole has no name.
func sub(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

// quote returns what somebody wrote, cut so that an error stays readable.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
