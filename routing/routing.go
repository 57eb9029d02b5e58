package routing

import "time"

// Router says where a conversation goes. It must be pure and safe for concurrent use; it may be called again for the
// same facts. A panic counts as a pass.
type Router interface {
	// Route returns the targets in order of preference. The zero Decision passes: the tiers behind this router decide.
	Route(Facts) Decision
}

// RouterFunc is a function as a [Router].
type RouterFunc func(Facts) Decision

// Route calls f.
func (f RouterFunc) Route(facts Facts) Decision { return f(facts) }

// Cause is why a conversation is being routed.
type Cause string

// The causes.
const (
	CauseNew      Cause = "new"       // the first message of a conversation
	CauseReopened Cause = "reopened"  // a customer wrote after it was resolved
	CauseHandOver Cause = "hand_over" // an AI agent gave it up
	CauseUnsnooze Cause = "unsnooze"  // it woke, and its agent is away
	CauseRequeue  Cause = "requeue"   // its agent or queue went away
)

// Facts is what a [Router] may know. Maps and slices are shared: read them only.
type Facts struct {
	Workspace    string
	Channel      string // the channel's id
	Conversation string
	Cause        Cause
	At           time.Time // the store's clock, UTC
	Open         bool      // business hours of the channel
	Contact      Contact
	Text         string   // of the message that caused it; empty when none did
	Media        int      // attachments of that message
	Labels       []string // of the conversation
	Priority     Priority
	// Available says whether somebody behind an agent, a team or the channel's humans is on line and has room. It must
	// answer from what the caller holds already, without I/O, and the same for one target as long as a walk lasts; it is
	// called at most once for each target that the rules get to ([Rules.Asks] names them beforehand). nil means that
	// nobody is.
	Available func(Target) bool
}

// Contact is what a [Router] may know of the customer.
type Contact struct {
	ID         string
	Address    string
	Country    string // ISO 3166-1 alpha-2 as the carrier says; empty when it doesn't
	Language   string // BCP 47; empty when unknown
	ExternalID string
	Returning  bool // had a conversation before
	Attributes map[string]string
	Labels     []string
}

// Priority orders those who wait: the higher first. Zero is normal.
type Priority int

// The usual priorities. Any value from -100 to 100 may be used.
const (
	Low    Priority = -1
	Normal Priority = 0
	High   Priority = 1
	Urgent Priority = 2
)

// Decision is a [Router]'s answer. Without targets it passes, and the other fields but Version are ignored.
type Decision struct {
	Targets  []Target  `json:"targets,omitzero"`
	Reason   string    `json:"reason,omitzero"`   // for people, kept with the decision; at most 256 bytes of it
	Labels   []string  `json:"labels,omitzero"`   // to add
	Priority *Priority `json:"priority,omitzero"` // to set; nil leaves it
	// Unavailable says what happens when nobody is available behind any target. Zero means [Wait].
	Unavailable Fallback `json:"unavailable,omitzero"`
	// Timeout ends the wait; zero means never.
	Timeout Timeout `json:"timeout,omitzero"`
	// Place is where to go on for [NextRule]: behind the rule that decided. Zero where no rule did.
	Place Place `json:"place,omitzero"`
	// Version is that of the rules, also when none of them held; empty where no rules were asked.
	Version string `json:"version,omitzero"`
}

// Target is where a conversation may go.
type Target struct {
	Kind TargetKind `json:"kind"`
	ID   string     `json:"id,omitempty"` // of the agent, team or AI agent; empty for the other kinds
	// Skills narrow a team, or the channel's humans, to the agents who have all of them; none asks for nothing. The names
	// are the host's: at most 10, of at most 128 bytes, without commas, compared byte by byte.
	Skills []string `json:"skills,omitzero"`
	// Language narrows a team, or the channel's humans, to the agents who speak it: a range of RFC 4647, section 3.3.1, so
	// that "fr" finds who speaks "fr" or "fr-CA". Case doesn't count. [ContactLanguage] stands for the customer's.
	Language string `json:"language,omitzero"`
}

// ContactLanguage is the Language of a [Target] that means the customer's own: the first subtag of [Contact] Language ("fr"
// for "fr-CA"), or any language where that is unknown.
const ContactLanguage = "contact"

// TargetKind says what a [Target] is.
type TargetKind string

// The kinds of target.
const (
	ToAgent  TargetKind = "agent"  // one human agent
	ToTeam   TargetKind = "team"   // the human agents of a team
	ToAI     TargetKind = "ai"     // one AI agent; passed over while the desk runs none
	ToHumans TargetKind = "humans" // all human agents of the channel
	ToNobody TargetKind = "nobody" // stays unassigned, outside any queue
)

// Member is a human agent on line behind a target, as a [Strategy] sees it.
type Member struct {
	Agent    string // the host's id
	Load     int    // conversations in hand, on all channels, with what the host reports for its others
	Capacity int    // most conversations at once; zero means no limit, negative means none
	Last     int64  // position of the last automatic assignment in this queue's count; 0 means never
	Position int    // place in the list, from 0
}

// Room reports whether the member may take one more.
func (m Member) Room() bool { return m.Capacity == 0 || m.Load < m.Capacity }

// Strategy chooses among the members of a queue that are on line. It must be pure, and safe for concurrent use.
type Strategy interface {
	// Pick returns the index of the member that takes the conversation, or -1 for nobody: it waits. members is in
	// list order and must not be changed.
	Pick(f Facts, members []Member) int
}
