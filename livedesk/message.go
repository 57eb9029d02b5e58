package livedesk

import (
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// Message is one entry of a conversation's timeline: a text in or out, a private note, or an activity (a change that
// somebody made). Entries are numbered from 1 without gaps.
type Message struct {
	Workspace    string      `json:"workspace"`
	ID           string      `json:"id"` // UUIDv7
	Conversation string      `json:"conversation"`
	Channel      string      `json:"channel"`
	Contact      string      `json:"contact"` // the contact's id
	Seq          int64       `json:"seq"`
	Kind         MessageKind `json:"kind"`
	// Class says who speaks in an outgoing text, and so how urgent it is and how long it may wait.
	Class Class  `json:"class,omitempty"`
	By    Actor  `json:"by"`
	Text  string `json:"text,omitempty"`
	// Media of an incoming text are the carrier's references; of an outgoing one, URLs that the carrier fetches.
	Media []channel.Attachment `json:"media,omitempty"`
	// Others are the further participants of a group message, beside the contact and us. A reply goes to the contact.
	Others []channel.Address `json:"others,omitempty"`
	// Key is unique in the conversation: the caller's idempotency key, or the engine's own for an automatic text.
	Key string `json:"key,omitempty"`
	// ProviderID is the carrier's id of the message; unique among a channel's messages of one direction.
	ProviderID string `json:"provider_id,omitempty"`
	// ResendOf is the id of the text that a person had sent again with this one, see [Desk.Resend]; empty otherwise.
	ResendOf   string    `json:"resend_of,omitempty"`
	At         time.Time `json:"at"`                   // when the desk took it in or stored it
	ProviderAt time.Time `json:"provider_at,omitzero"` // the carrier's time, if it gave one
	Activity   *Activity `json:"activity,omitempty"`   // of an activity; else nil
	Delivery   *Delivery `json:"delivery,omitempty"`   // of an outgoing text; else nil
	Version    int64     `json:"version"`
}

// MessageKind is what a timeline entry is.
type MessageKind string

// The kinds of timeline entry.
const (
	Incoming     MessageKind = "incoming" // a customer's text
	Outgoing     MessageKind = "outgoing" // a text to the customer
	Note         MessageKind = "note"     // for the desk only, never leaves
	ActivityKind MessageKind = "activity" // a change of state, owner or settings
)

// Class is who speaks in an outgoing text.
type Class string

// The classes, most urgent first.
const (
	ClassConfirmation Class = "confirmation" // the one answer to STOP, START or HELP
	ClassHuman        Class = "human"        // a human agent or the host
	ClassAI           Class = "ai"           // an AI agent
	ClassAutomatic    Class = "automatic"    // greeting, closed hours
)

// Rank orders classes for delivery: the lower first.
func (c Class) Rank() int {
	switch c {
	case ClassConfirmation:
		return 0
	case ClassHuman:
		return 1
	case ClassAI:
		return 2
	}
	return 3
}

// Activity is a change that the timeline keeps: who, what, from where to where, and why.
type Activity struct {
	What  string `json:"what"`            // "created", "assigned", "waiting", "transferred", "resolved", "reopened", "snoozed", "woken", "opted_out", …
	From  string `json:"from,omitempty"`  // state or owner before
	To    string `json:"to,omitempty"`    // state or owner after
	Cause string `json:"cause,omitempty"` // what made it so ("customer message", "agent on line")
	// Decision says how it came to that, where routing chose ("assigned", "waiting", "routed"); else nil.
	Decision *Decision `json:"decision,omitempty"`
}

// Clone returns a copy of a that shares no memory with it.
func (a Activity) Clone() Activity {
	a.Decision = clonePtr(a.Decision, Decision.clone)
	return a
}

// Delivery is what becomes of an outgoing text. Its changes are one table, in delivery.go.
type Delivery struct {
	State DeliveryState `json:"state"`
	// Due is when there is something to do about it: send, look again after a lease, reach a verdict. Zero when
	// there is nothing left to do but to wait for receipts.
	Due     time.Time `json:"due,omitzero"`
	Expires time.Time `json:"expires,omitzero"` // not sent after this; zero means never
	// Fence grows with each claim and cancel; a worker with an older one has lost the text. It is no client's business and
	// so not in the JSON: a Store that keeps rows as JSON must keep it beside, or every lease is lost on the way.
	Fence    int64          `json:"-"`
	Attempts int            `json:"attempts"`          // sends begun, also those that History has no more
	Segments int            `json:"segments"`          // as we count them until the carrier says
	Code     string         `json:"code,omitempty"`    // the carrier's last error code
	Reason   channel.Reason `json:"reason,omitempty"`  // what it means
	History  []DeliveryNote `json:"history,omitempty"` // oldest first, the last MaxHistory of them
	// NoReceipt flags an accepted text of which the carrier never spoke again, within the time in which it has told of every
	// text ([sms.Traits] ReceiptWithin): it may be lost. A desk's reads set it; a Store needn't keep it.
	NoReceipt bool `json:"no_receipt,omitempty"`
}

// MaxHistory is how many notes a [Delivery] keeps, the newest: each attempt is one, and so are its answer and each receipt.
const MaxHistory = 32

// DeliveryNote is one thing that happened to an outgoing text.
type DeliveryNote struct {
	At     time.Time     `json:"at"`
	State  DeliveryState `json:"state"`            // the state after it
	Source string        `json:"source"`           // "desk", "attempt", "answer", "receipt", "search" (in the carrier's list)
	Word   string        `json:"word,omitempty"`   // the carrier's own word
	Code   string        `json:"code,omitempty"`   // the carrier's code
	Detail string        `json:"detail,omitempty"` // for people, never the text or a number
}
