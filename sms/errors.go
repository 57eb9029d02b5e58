package sms

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// ErrListTooLong is wrapped by the error of a [Lister] that gave up because the carrier has too many messages before those
// that were asked for, or among them. Ask for a shorter time, or for an earlier one: a Lister that remembers how far it got
// goes on from there.
var ErrListTooLong = errors.New("sms: more messages than one list looks through")

// SendError is what [Account] Send returns when a text was not accepted, or when nobody can know. Other requests to a
// carrier ([Verifier], [Registrar], [Lister]) fail with it too. It never holds the text, a full number or a credential.
type SendError struct {
	Provider string         // the provider's Name
	Code     string         // the carrier's own code ("21610", "request-validation"); empty when there is none
	Status   int            // HTTP status; 0 when there was no answer
	Reason   channel.Reason // what it means for the text; [channel.ReasonUnknown] when in doubt, never ReasonNone
	After    time.Duration  // the carrier's Retry-After; 0 when it gave none
	Err      error          // the cause, if any, already free of secrets
}

// Error implements error.
func (e *SendError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Provider, e.Reason)
	if e.Code != "" {
		fmt.Fprintf(&b, " (code %s)", e.Code)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *SendError) Unwrap() error { return e.Err }

// ReasonOf returns what err means for the text that was being sent: the Reason of a [SendError] in its chain,
// [channel.ReasonUnknown] for any other error, [channel.ReasonNone] for nil.
func ReasonOf(err error) channel.Reason {
	if err == nil {
		return channel.ReasonNone
	}
	if e, ok := errors.AsType[*SendError](err); ok && e.Reason != channel.ReasonNone {
		return e.Reason
	}
	return channel.ReasonUnknown
}

// RetryAfter returns how long the carrier asked to wait before the next send or the next try at a file, if it did.
func RetryAfter(err error) (time.Duration, bool) {
	if e, ok := errors.AsType[*SendError](err); ok && e.After > 0 {
		return e.After, true
	}
	if e, ok := errors.AsType[*MediaError](err); ok && e.After > 0 {
		return e.After, true
	}
	return 0, false
}
