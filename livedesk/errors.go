package livedesk

import (
	"errors"
	"fmt"
)

// Errors that a caller branches on. Match with errors.Is.
var (
	// ErrNotFound means that the workspace has no such thing. An id of another workspace answers the same.
	ErrNotFound = errors.New("not found")
	// ErrExists means that a unique key is taken.
	ErrExists = errors.New("exists already")
	// ErrConflict means that somebody else changed the row since it was read; read it again.
	ErrConflict = errors.New("changed by somebody else")
	// ErrOptedOut means that the contact has opted out of this channel: nothing may be sent until START, or until somebody
	// lifts it by hand. Each try is noted in the ledger, see [ConsentChange] Refused.
	ErrOptedOut = errors.New("contact has opted out")
	// ErrNotReplyable means that the address can't be written to (a short code, a name, an anonymous sender).
	ErrNotReplyable = errors.New("address can't be replied to")
	// ErrChannelClosed means that the channel is disabled or removed, or can't be used by this process (its provider isn't
	// in Config.Providers, its credentials can't be opened).
	ErrChannelClosed = errors.New("channel is not in service")
	// ErrKeyReused means that an idempotency key came back with another text.
	ErrKeyReused = errors.New("key was used for another text")
	// ErrCarrierUnavailable means that the carrier could not be reached, or would not say everything that it was asked.
	ErrCarrierUnavailable = errors.New("carrier gave no full answer")
	// ErrBusy means that the desk could not take the work in time; the caller may try again.
	ErrBusy = errors.New("too busy")
)

// Errors of a [Store].
var (
	// ErrSerialization means that the transaction lost to another and was rolled back; the engine runs it again.
	ErrSerialization = errors.New("livedesk: transaction must be tried again")
	// ErrLocked means that a row was locked by somebody else for too long: an [ErrSerialization] (stores return both) that
	// is not over in a moment. Who does the work of many in one transaction finds out whose row it is, and lets it wait alone.
	ErrLocked = errors.New("livedesk: row is locked")
	// ErrNested means that View or Update was called inside a transaction of the same Store.
	ErrNested = errors.New("livedesk: transaction inside a transaction")
	// ErrClosed means that the Store is closed.
	ErrClosed = errors.New("livedesk: store is closed")
)

// StateError means that the conversation's state doesn't allow the change.
type StateError struct {
	From State  // the state it is in
	To   State  // the state that was asked for; empty where the event has no state of its own
	What string // the change that was asked for ("resolve")
}

// Error implements error.
func (e *StateError) Error() string {
	if e.To == "" || e.To == e.From {
		return fmt.Sprintf("can't %s a conversation that is %s", e.What, e.From)
	}
	return fmt.Sprintf("can't %s: conversation is %s, would become %s", e.What, e.From, e.To)
}

// ValidationError says what is wrong with one field of what the caller gave. It never repeats the value.
type ValidationError struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// Error implements error.
func (e *ValidationError) Error() string { return e.Field + ": " + e.Problem }

func invalid(field, problem string) error { return &ValidationError{field, problem} }
