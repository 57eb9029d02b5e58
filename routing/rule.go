package routing

import (
	"cmp"
	"time"
)

// Rule sends the conversations for which its condition holds somewhere. It is plain data, to be stored, sent as JSON
// and edited by people, right or wrong: [Rule.Validate] says what is wrong with one, [Compile] with a set. The JSON
// form is strict; [Schema] describes it. A struct that embeds a Rule is read as a Rule: give the field a name.
//
// Rules are walked in order ([Rule.Place]); the first that is on, covers the channel and whose condition holds decides.
// At hand-over from an AI agent only rules with AlsoAtHandOver are looked at.
type Rule struct {
	// ID is unique in a set: 1 to 128 bytes.
	ID string `json:"id"`
	// Name is for people, at most 128 bytes. It is the reason that a decision gives; the id where it is empty.
	Name string `json:"name,omitzero"`
	// Channels are the ids of the channels that the rule is for; none means all.
	Channels []string `json:"channels,omitzero"`
	// Order is the place in the walk, from 0, lowest first; rules of equal order go by id.
	Order int `json:"order"`
	// Disabled switches the rule off.
	Disabled bool `json:"disabled,omitzero"`
	// Condition is required. A rule for every conversation has to say so: Condition{Always: true}.
	Condition Condition `json:"condition"`
	// Targets are where the conversation goes, in order of preference: the first behind which somebody is available
	// gets it. 1 to 10; [ToNobody] stands alone.
	Targets []Target `json:"targets"`
	// AddLabels and SetPriority are side effects: they are due when the condition holds, whatever becomes of the
	// targets. At most 20 labels; nil leaves the priority.
	AddLabels   []string  `json:"add_labels,omitzero"`
	SetPriority *Priority `json:"set_priority,omitzero"`
	// Unavailable says what happens when nobody is available behind any target. Zero means [Wait], or [NextTier]
	// where all targets are AI agents, which have no queue to wait in.
	Unavailable Fallback `json:"unavailable,omitzero"`
	// Timeout says how long to wait, and what then; zero means for ever. Only for a rule that waits.
	Timeout Timeout `json:"timeout,omitzero"`
	// AlsoAtHandOver lets the rule be looked at when an AI agent gives a conversation up.
	AlsoAtHandOver bool `json:"also_at_hand_over,omitzero"`
}

// Fallback says what happens when nobody is available behind the targets of a matched rule: all are off line, full,
// or their team is closed.
type Fallback string

// The fallbacks.
const (
	Wait     Fallback = "wait"      // in the queue of the first target that has one
	NextRule Fallback = "next_rule" // the rules after this one are walked: [Rules.After]
	NextTier Fallback = "next_tier" // AI agents, then the channel's human agents
)

// Timeout ends a wait. The zero value is none.
type Timeout struct {
	AfterSeconds int      `json:"after_seconds"` // 1 to 2,592,000 (30 days)
	Then         Fallback `json:"then"`          // [NextRule] or [NextTier]
}

// Duration returns how long to wait; 0 means for ever.
func (t Timeout) Duration() time.Duration { return time.Duration(t.AfterSeconds) * time.Second }

// Place is a rule's place in the walk. It keeps its meaning when rules are added, edited or removed, so that a walk can
// go on later, with another version of the rules. The zero value is before every rule.
type Place struct {
	Order int    `json:"order"`
	Rule  string `json:"rule"` // its id
}

// Place returns the rule's place in the walk.
func (r Rule) Place() Place { return Place{r.Order, r.ID} }

// Compare orders places as the walk does: by order, then by id, byte by byte.
func (p Place) Compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Order, q.Order), cmp.Compare(p.Rule, q.Rule))
}

// Reference is something of the host's that a rule names. Whether it exists only the host can say.
type Reference struct {
	Field string // where, in the words of the JSON form: "targets[0].id"
	Kind  string // "channel", "agent", "team" or "ai"
	ID    string
}

// References returns everything that the rule names, in the order of its fields, so that a host can refuse a rule that
// names what isn't there, and find the rules that name what is to be removed.
func (r Rule) References() []Reference {
	var refs []Reference
	for i, id := range r.Channels {
		refs = append(refs, Reference{item("channels", i), "channel", id})
	}
	r.Condition.walk("condition", func(field string, c *Condition) {
		for i, id := range c.Channel {
			refs = append(refs, Reference{item(field+".channel", i), "channel", id})
		}
		if c.Available != nil && c.Available.ID != "" {
			refs = append(refs, Reference{field + ".available.id", string(c.Available.Kind), c.Available.ID})
		}
	})
	for i, t := range r.Targets {
		if t.ID != "" {
			refs = append(refs, Reference{item("targets", i) + ".id", string(t.Kind), t.ID})
		}
	}
	return refs
}
