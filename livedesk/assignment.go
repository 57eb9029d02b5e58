package livedesk

// Assignment is how a channel's conversations are given to its human agents. The zero value gives each one at once to
// the member on line and with room who has the fewest conversations in hand, and leaves it there.
type Assignment struct {
	Mode Mode `json:"mode,omitempty"`
	// Manual turns automatic assignment off: conversations wait for a person to take or assign them.
	Manual bool `json:"manual,omitempty"`
	// HostAssigned leaves the choice to the host, which calls [Desk.Assign] or [Desk.Transfer]: its router, the workspace's
	// rules, AI agents and human agents aren't asked, and conversations wait in the channel's line. What comes back to the
	// agent who had it does so all the same.
	HostAssigned bool `json:"host_assigned,omitempty"`
	// Limit is the most conversations of this channel that an agent is given at once, below the capacity. Zero means no
	// further limit. It costs a read for each assignment.
	Limit int `json:"limit,omitempty"`
	// OfflineGraceSeconds is how long an agent may be off line before the conversations in hand are routed again. Zero
	// means that they stay. A change counts for agents who go off line after it.
	OfflineGraceSeconds int `json:"offline_grace_seconds,omitempty"`
	// NoAnswerSeconds is how long a customer may wait for an answer of the agent who has the conversation, from the
	// message or the assignment on, whichever is later, before it is given to somebody else. Where nobody else can take it,
	// it stays, and is tried again after as long. Zero means that it stays.
	NoAnswerSeconds int `json:"no_answer_seconds,omitempty"`
	// StickyDays is for how many days after a conversation was resolved a new one of the same contact goes to the same
	// agent, if that one is on the channel's list, on line and has room, and no rule says otherwise. Zero means that it
	// doesn't.
	StickyDays int `json:"sticky_days,omitempty"`
}

// Mode is the order in which human agents get conversations.
type Mode string

// The modes.
const (
	LeastLoaded      Mode = ""                   // the fewest conversations in hand first
	ShareLoaded      Mode = "share_loaded"       // the smallest share of the capacity first
	RoundRobin       Mode = "round_robin"        // in even turn, whatever the capacity
	RoundRobinCapped Mode = "round_robin_capped" // in even turn among those with room
)

// maxAssignmentSeconds is 30 days, as for the timeout of a rule.
const maxAssignmentSeconds = 30 * 24 * 60 * 60

// check returns what is wrong, by field.
func (a Assignment) check() (errs []error) {
	switch a.Mode {
	case LeastLoaded, ShareLoaded, RoundRobin, RoundRobinCapped:
	default:
		errs = append(errs, invalid("assignment.mode", "is not a mode"))
	}
	for _, n := range []struct {
		field    string
		value    int
		most     int
		mostText string
	}{
		{"limit", a.Limit, 1000, "1000"},
		{"offline_grace_seconds", a.OfflineGraceSeconds, maxAssignmentSeconds, "2592000 (30 days)"},
		{"no_answer_seconds", a.NoAnswerSeconds, maxAssignmentSeconds, "2592000 (30 days)"},
		{"sticky_days", a.StickyDays, 365, "365"},
	} {
		if n.value < 0 || n.value > n.most {
			errs = append(errs, invalid("assignment."+n.field, "must be between 0 and "+n.mostText))
		}
	}
	return errs
}
