package sms

import "strings"

// UncheckedError is what [Verifier] Verify returns for what it could not find out: the network or the carrier failed, or
// the credentials lack the right to read something. Nothing in it is known to be wrong, so a host may store the channel
// all the same and say what was left open. It holds no credential and no full number.
type UncheckedError struct {
	Provider string
	// Fields says what could not be checked, by the field that it is about, in the order of the form; never empty. A
	// Problem begins with "could not be checked".
	Fields []FieldError
	// Err is the cause where there is one, mostly a [*SendError]: so [RetryAfter] says when to ask again. Nil means that
	// the carrier answered, and would not say.
	Err error
}

// Error implements error.
func (e *UncheckedError) Error() string {
	var b strings.Builder
	b.WriteString(e.Provider + ": ")
	b.WriteString(FieldErrors(e.Fields).Error())
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns Err. Fields is no cause: [errors.AsType] finds a [FieldErrors] only where something is wrong.
func (e *UncheckedError) Unwrap() error { return e.Err }
