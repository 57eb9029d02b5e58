package livedesk

import (
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/routing"
)

// State is where a conversation is in its life. What can follow what is one table, in lifecycle.go.
type State string

// The states. All but resolved are live: a contact has at most one live conversation on a channel.
const (
	Open     State = "open"     // humans have it, or it waits for one
	Pending  State = "pending"  // an AI agent has it
	Snoozed  State = "snoozed"  // put aside until a time or the next message
	Resolved State = "resolved" // done; a message soon after reopens it
)

// Live reports whether a conversation in this state takes the contact's next message as it is.
func (s State) Live() bool { return s == Open || s == Pending || s == Snoozed }

// Actor is who did something. The zero Actor is the system.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id,omitempty"` // the host's id of the agent or AI agent; empty for the others
}

// ActorKind is what an [Actor] is.
type ActorKind string

// The kinds of actor.
const (
	ActorSystem   ActorKind = ""         // the library itself
	ActorAgent    ActorKind = "agent"    // a human agent
	ActorAI       ActorKind = "ai"       // an AI agent
	ActorHost     ActorKind = "host"     // the host application
	ActorCustomer ActorKind = "customer" // the person with the phone
)

// AgentActor returns the Actor of a human agent.
func AgentActor(id string) Actor { return Actor{ActorAgent, id} }

// Contact is a person, known by an address: one per address and workspace.
type Contact struct {
	Workspace  string            `json:"workspace"`
	ID         string            `json:"id"` // UUIDv7
	Address    channel.Address   `json:"address"`
	Name       string            `json:"name,omitempty"`
	ExternalID string            `json:"external_id,omitempty"` // the host's own id
	Language   string            `json:"language,omitempty"`    // BCP 47
	Zone       string            `json:"zone,omitempty"`        // IANA time zone
	Country    string            `json:"country,omitempty"`     // ISO 3166-1 alpha-2, as the carrier said
	Attributes map[string]string `json:"attributes,omitempty"`
	Labels     []string          `json:"labels,omitempty"`
	CreatedAt  time.Time         `json:"created_at"`
	Version    int64             `json:"version"`
}

// Thread is what a desk keeps of one contact on one channel, across conversations: consent, and which conversation
// takes the next message. Its row is the lock under which anything about the pair is decided.
type Thread struct {
	Workspace string `json:"workspace"`
	Channel   string `json:"channel"`
	Contact   string `json:"contact"` // the contact's id
	// Conversation takes the contact's next message: the live one, or the last that was. Empty before the first.
	Conversation string       `json:"conversation,omitempty"`
	Consent      ConsentState `json:"consent"`
	// ConsentHistory is the ledger behind Consent: its changes, the oldest first, at most [MaxConsentHistory]. nil for who
	// never said anything, which is nearly everybody.
	ConsentHistory []ConsentChange `json:"consent_history,omitempty"`
	// ConsentDropped counts older changes that are not kept any more.
	ConsentDropped int `json:"consent_dropped,omitempty"`
	// Automatic counts automatic texts since an agent's last one; one above five says that a person was told, see
	// [LabelSilenced].
	Automatic int `json:"automatic"`
	// AINext is when the contact's budget of AI replies ([Config] AIReplies) has one again; zero, and the past, mean that it
	// has. Until then no AI agent is chosen on this channel.
	AINext  time.Time `json:"ai_next,omitzero"`
	Version int64     `json:"version"`
}

// Conversation is one exchange with a contact on a channel, from the first message until it is resolved and not
// reopened.
type Conversation struct {
	Workspace string          `json:"workspace"`
	ID        string          `json:"id"` // UUIDv7
	Channel   string          `json:"channel"`
	Contact   string          `json:"contact"`
	Address   channel.Address `json:"address"` // the contact's
	State     State           `json:"state"`
	// Before is the state that a snoozed conversation wakes to; empty otherwise.
	Before      State     `json:"before,omitempty"`
	SnoozeUntil time.Time `json:"snooze_until,omitzero"`
	// Cycle counts how often it was opened: 1 at first, one more with each reopening.
	Cycle int `json:"cycle"`
	// Assignee is the human agent who has it; empty while nobody does.
	Assignee string `json:"assignee,omitempty"`
	// AI is the AI agent who has it while it is pending (or snoozed from there), or had it when it was resolved.
	AI string `json:"ai,omitempty"`
	// AITurn is the Seq of the timeline entry up to which an answer of the AI agent is due; 0 when none is, as in every state
	// but [Pending].
	AITurn int64 `json:"ai_turn,omitempty"`
	// HandedOver is the Cycle in which an AI agent last gave it up, or a human took it from one; 0 for never. In that
	// cycle no AI agent is chosen any more.
	HandedOver int `json:"handed_over,omitempty"`
	// Queue is where it waits for an agent ("channel:…", "team:…", "agent:…"); empty when it doesn't.
	Queue    string    `json:"queue,omitempty"`
	QueuedAt time.Time `json:"queued_at,omitzero"`
	// Needs is what the agent who gets it from there must have; empty for anybody.
	Needs    Needs            `json:"needs,omitempty"`
	Priority routing.Priority `json:"priority"`
	Labels   []string         `json:"labels,omitempty"`
	// Attributes and ExternalID are the host's.
	Attributes map[string]string `json:"attributes,omitempty"`
	ExternalID string            `json:"external_id,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	// ActiveAt is when the last message came or went: the inbox's order.
	ActiveAt time.Time `json:"active_at"`
	// WaitingSince is when the oldest customer message without an answer came; zero when the desk spoke last.
	WaitingSince    time.Time `json:"waiting_since,omitzero"`
	FirstResponseAt time.Time `json:"first_response_at,omitzero"` // first text of a human agent
	ResolvedAt      time.Time `json:"resolved_at,omitzero"`       // zero while live
	ResolvedBy      Actor     `json:"resolved_by,omitzero"`
	// ReopenUntil is until when the customer's message reopens it; zero while live, or for never.
	ReopenUntil time.Time `json:"reopen_until,omitzero"`
	LastSeq     int64     `json:"last_seq"`          // of the newest timeline entry
	Unread      int       `json:"unread"`            // customer messages since MarkRead or the last reply
	Preview     string    `json:"preview,omitempty"` // beginning of the last text that a person wrote, at most 120 bytes
	Version     int64     `json:"version"`
}
