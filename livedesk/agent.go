package livedesk

import "time"

// Agent is a human who answers. Its id is the host's own: 1 to 128 bytes of UTF-8 without control characters.
type Agent struct {
	Workspace string `json:"workspace"`
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"`
	// Skills and Languages (BCP 47) are what a [routing.Target] can ask for: at most 50 skills of the host's naming, without
	// commas, and 20 languages. Languages only count where a target asks for one.
	Skills    []string `json:"skills,omitempty"`
	Languages []string `json:"languages,omitempty"`
	// Capacity is how many conversations automatic assignment may give at once, over all channels. Zero means no
	// limit, negative means none.
	Capacity int `json:"capacity"`
	// Presence is what SetPresence said; it holds until PresenceUntil, then the agent is offline. A zero
	// PresenceUntil means without end. Of one who went off line it is since when.
	Presence      Presence  `json:"presence"`
	PresenceUntil time.Time `json:"presence_until,omitzero"`
	// Load is how many open conversations are assigned to the agent; the store's own count, kept with each change.
	Load int `json:"load"`
	// OutsideLoad is what the host reported for its other channels.
	OutsideLoad int   `json:"outside_load"`
	Version     int64 `json:"version"`
}

// Presence is whether an agent can be given conversations. The zero value is [Offline].
type Presence string

// The presences. Only [Online] takes automatic assignments.
const (
	Offline Presence = ""
	Online  Presence = "online"
	Busy    Presence = "busy"
)

// PresentAt returns the presence that holds at t: what was set, or [Offline] once it lapsed.
func (a Agent) PresentAt(t time.Time) Presence {
	if !a.PresenceUntil.IsZero() && !t.Before(a.PresenceUntil) {
		return Offline
	}
	return a.Presence
}
