package routing

// Condition is what has to hold of a conversation. Exactly one of its fields is set: it is either a group of further
// conditions (All, Any, Not), or it asks one thing. A list of values holds if one of them does. What isn't known
// never holds: with no country told, Country doesn't hold, and a Not around it does.
//
// Texts are compared as people read them; see "Comparing texts" in the package comment. Ids, labels, numbers and the
// names of attributes are compared byte by byte.
type Condition struct {
	// Always holds for every conversation: the condition of a catch-all.
	Always bool `json:"always,omitzero"`

	All []Condition `json:"all,omitzero"` // every one holds
	Any []Condition `json:"any,omitzero"` // at least one holds
	Not *Condition  `json:"not,omitzero"` // it doesn't hold

	// Channel asks for the channel's id.
	Channel []string `json:"channel,omitzero"`
	// Sender asks for the customer's number in E.164 ("+14155550100"), short code or sender id, whole.
	Sender []string `json:"sender,omitzero"`
	// SenderPrefix asks how the sender begins: "+33", "+1415".
	SenderPrefix []string `json:"sender_prefix,omitzero"`
	// Country asks for the sender's country, ISO 3166-1 alpha-2 in capitals ("CA"). Carriers don't always tell it;
	// SenderPrefix always works.
	Country []string `json:"country,omitzero"`
	// Text asks about the message. A conversation that is routed without one has an empty text.
	Text *Text `json:"text,omitzero"`
	// ContactAttribute asks about one attribute of the contact.
	ContactAttribute *Attribute `json:"contact_attribute,omitzero"`
	// ContactLabel and ConversationLabel hold if one of the labels is there.
	ContactLabel      []string `json:"contact_label,omitzero"`
	ConversationLabel []string `json:"conversation_label,omitzero"`
	// Contact asks whether the contact had a conversation before.
	Contact ContactState `json:"contact,omitzero"`
	// Language asks for the contact's language as a range of RFC 4647, section 3.3.1: "fr" holds for "fr" and "fr-CA",
	// "fr-CA" doesn't hold for "fr". Case doesn't count.
	Language []string `json:"language,omitzero"`
	// Hours asks whether the channel's business hours are open.
	Hours HoursState `json:"hours,omitzero"`
	// TimeOfDay and Weekday ask what the wall clock and the calendar of a zone show.
	TimeOfDay *TimeOfDay `json:"time_of_day,omitzero"`
	Weekday   *Weekday   `json:"weekday,omitzero"`
	// Media asks for the number of attachments of the message.
	Media *Count `json:"media,omitzero"`
	// Available asks whether somebody behind an agent, a team or the channel's humans is on line with room
	// ([Facts].Available). ID is empty for humans.
	Available *Target `json:"available,omitzero"`
	// AtHandOver holds when an AI agent has just given the conversation up. The rule has to be AlsoAtHandOver.
	AtHandOver bool `json:"at_hand_over,omitzero"`
}

// Text is a question about the message. Exactly one field is set; of a list one entry has to be found. Entries have 1
// to 256 characters and no blanks at their ends.
type Text struct {
	Contains   []string `json:"contains,omitzero"`    // anywhere, also inside a word
	StartsWith []string `json:"starts_with,omitzero"` // at the start, not counting blanks
	Equals     []string `json:"equals,omitzero"`      // the whole message, not counting blanks at its ends
	// Keyword is found as a whole word, or as several: where it begins or ends with a letter or digit, no other may touch
	// it. "pay" is found in "Pay!" and "pre-pay", not in "payment". Languages written without blanks need Contains.
	Keyword []string `json:"keyword,omitzero"`
	// Regexp is a pattern in RE2 syntax (package [regexp]) of at most 1,024 bytes, searched anywhere in the message as it
	// was written, whatever its case; (?-i) makes case count, ^ and $ bind it to the ends. Accents count.
	Regexp string `json:"regexp,omitzero"`
}

// Attribute is a question about one attribute of the contact. One of Equals and Exists is set.
type Attribute struct {
	Name   string   `json:"name"`            // as the host wrote it, byte by byte
	Equals []string `json:"equals,omitzero"` // the whole value is one of these, compared like texts
	Exists bool     `json:"exists,omitzero"` // it is set, to whatever value
}

// ContactState says whether a contact is known.
type ContactState string

// The states of a contact.
const (
	NewContact       ContactState = "new"       // this is the first conversation
	ReturningContact ContactState = "returning" // had one before
)

// HoursState says whether business hours are open.
type HoursState string

// The states of business hours.
const (
	HoursOpen   HoursState = "open"
	HoursClosed HoursState = "closed"
)

// TimeOfDay holds while the wall clock of Zone shows a time from From up to but not including To, both "HH:MM". To may
// be "24:00". A To before From is on the next day: 22:00 to 06:00 is the night. The two must differ. An hour that
// the clock shows twice counts twice, one that it skips never.
type TimeOfDay struct {
	From string `json:"from"`
	To   string `json:"to"`
	Zone string `json:"zone"` // IANA name, "Europe/Paris"; UTC has to be written
}

// Weekday holds on days of the calendar in Zone: "monday" to "sunday". At 02:00 on Saturday it is Saturday, also for
// a night that began on Friday: "Friday night" is Friday from 22:00 to 24:00 or Saturday from 00:00 to 06:00.
type Weekday struct {
	Days []string `json:"days"`
	Zone string   `json:"zone"`
}

// Count is a range of whole numbers from 0, both ends included; a nil end is open. At least one is set.
type Count struct {
	Min *int `json:"min,omitzero"`
	Max *int `json:"max,omitzero"`
}

// walk calls fn for the condition and all under it, with where they are.
func (c *Condition) walk(field string, fn func(field string, c *Condition)) {
	fn(field, c)
	for i := range c.All {
		c.All[i].walk(item(field+".all", i), fn)
	}
	for i := range c.Any {
		c.Any[i].walk(item(field+".any", i), fn)
	}
	if c.Not != nil {
		c.Not.walk(field+".not", fn)
	}
}
