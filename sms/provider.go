package sms

import (
	"context"
	"net/http"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// Provider is one kind of SMS carrier. A host lists its providers in livedesk.Config; a stored channel names its
// provider by Name. A Provider is safe for concurrent use and holds no connection of its own.
type Provider interface {
	// Name is the provider's stable id, lower case ("twilio"). It is stored with every channel and never changes.
	Name() string
	// Form describes what a person fills in to add a channel. It is pure, and the same on every call.
	Form() Form
	// Open returns the account behind one connection, without any I/O. It checks what [Form.Validate] can't: the
	// error is a [FieldErrors] where a field is wrong. Without means to verify webhooks an account must not open,
	// unless the host switched verification off in code, by a name that says so.
	Open(s Settings) (Account, error)
}

// Account is a [channel.Channel] that a [Provider] opened: one per connection (a carrier account with its
// application or service), shared by all channels on it. It owns its token and its HTTP client, is safe for
// concurrent use, and needs no closing.
//
// What an account can do beyond that it shows by further methods, found by type assertion: [Describer], [Verifier],
// [WebhookTeller], [Registrar], [Lister], [MediaFetcher], [AutoResponder], [HeaderChecker]. A missing one counts as [errors.ErrUnsupported].
type Account interface {
	channel.Channel
}

// Settings is what an [Account] is opened with. Values and secrets of the fields whose [Field.Scope] is
// [ScopeChannel] are not in it: they reach the account with each text.
type Settings struct {
	Values  map[string]string // by field name, without secrets
	Secrets map[string]Secret // by field name
	// Previous holds secrets that were replaced and still count in webhooks until the rotation ends; newest first.
	Previous []map[string]Secret
	// WebhookURL is the public address of this connection's webhooks, without a trailing slash, query or fragment.
	// What the account adds below it (Twilio's "/status/" and the Ref) comes back to its Parse.
	// It is empty while a new connection is only verified, for then it has none yet.
	WebhookURL string
}

// Traits says what a carrier does by itself. The zero value is the most careful guess.
type Traits struct {
	// MaxText is the longest text that one send takes, in Unicode code points. Zero means 1600.
	MaxText int
	// ConfirmsOptOut reports that the carrier answers STOP, START and HELP itself, so that we must not.
	ConfirmsOptOut bool
	// ReceiptWithin is how long after a text was accepted its last receipt (delivered, undelivered or failed) has come at
	// the latest, while webhooks are answered. A channel whose accepted texts are older than that and have no receipt
	// at all is not set up right: the carrier swallows them. Zero means that the carrier promises no receipt.
	ReceiptWithin time.Duration
	// Media is what one send takes of files.
	Media MediaLimits
}

// Describer is an [Account] that knows its [Traits].
type Describer interface{ Traits() Traits }

// Verifier is an [Account] that can ask the carrier whether credentials, number and application work. values are the
// channel's fields. The error is a [FieldErrors] with every problem at once, in plain words on what to mend, or a
// [*UncheckedError] with what could not be found out, or both joined ([errors.AsType] finds each).
type Verifier interface {
	Verify(ctx context.Context, values map[string]string) error
}

// Webhook is an address that the carrier must be told.
type Webhook struct {
	// Purpose says what the carrier reports there: "inbound", "status", or "all" where one address serves for both.
	Purpose string `json:"purpose"`
	URL     string `json:"url"`
	Where   Text   `json:"where"` // where in the carrier's console it is entered, and what beside it
}

// WebhookTeller is an [Account] that knows which addresses its carrier must be told for a channel with these values.
// It does no I/O. The connection's [Settings] WebhookURL must be set.
type WebhookTeller interface {
	Webhooks(values map[string]string) []Webhook
}

// Registrar is an [Account] that can tell the carrier its webhook addresses itself: those of [WebhookTeller] for a
// channel with these values. Doing it again changes nothing, and settings of the carrier that have no part in it stay as
// they are. The error is a [FieldErrors] where a value is wrong, wraps [errors.ErrUnsupported] where this carrier's API
// can't do it with these credentials, and is otherwise a [SendError]; it may be repeated in every case.
type Registrar interface {
	Register(ctx context.Context, values map[string]string) error
}

// Lister is an [Account] that can list messages at the carrier, for texts missed while webhooks failed (backfill) and for
// sends whose outcome is unknown (reconciliation). It returns what matches the query, newest first by Created.
//
// A list without an error is whole, unless it has Limit entries; the texts that came in before those are had by asking
// again with Until a second past the oldest Created, which repeats some. The error is a [SendError], typed as that of
// a send: rate limits are [channel.ReasonRetry] with the carrier's Retry-After, refused credentials
// [channel.ReasonCredentials]; since a list sends nothing, none is [channel.ReasonUnknown]. It wraps [ErrListTooLong]
// where the carrier has more in between than one list looks through.
type Lister interface {
	List(ctx context.Context, q ListQuery) ([]Listed, error)
}

// ListQuery selects messages at the carrier. The zero value selects the newest 1000.
type ListQuery struct {
	From, To channel.Address // empty matches all
	// Direction narrows to texts that came in, or that went out; empty matches both. Carriers filter better, and loading
	// attachments is spared, where it is set.
	Direction Direction
	// Since and Until are when the carrier created the message: [Since, Until), each open when zero. It is the carrier's
	// clock, in whole seconds: a message of the second that Since falls in is listed. Leave room for clocks that differ.
	Since, Until time.Time
	Limit        int // zero and negative mean 1000
}

// Direction says which way a message went.
type Direction string

// The directions of a message.
const (
	DirectionInbound  Direction = "inbound"  // from a customer (MO)
	DirectionOutbound Direction = "outbound" // to a customer (MT)
)

// Listed is a message as the carrier keeps it. Exactly one of Inbound and Receipt is set.
type Listed struct {
	// Inbound is the text as the webhook would have reported it, with the carrier's id and, where the carrier says, the
	// Pool that received it. What only webhooks tell (Country, Fields, the carrier's own Consent) may be missing.
	Inbound *channel.Inbound
	// Receipt is how far a text that went out is. Its Ref is empty where the carrier keeps none: Text, To, From or Pool,
	// and Created then tell which send it is.
	Receipt *channel.Receipt
	// Text is what the carrier keeps. It may differ from what was sent, where the carrier replaces characters or adds
	// words of its own (Twilio's Smart Encoding, its trial accounts), and be empty where it redacts.
	Text string
	From channel.Address // of a text that went out: empty until the carrier has picked one of the Pool
	To   channel.Address
	// Pool is the group of senders that received or sends it. It may be one that nobody set up: Twilio names a default.
	Pool    string
	Created time.Time // UTC, whole seconds
}

// MediaFetcher is an [Account] that can download a file that came with a text, with its credentials and from the
// carrier's hosts only. address is the [channel.Attachment] URL as the carrier wrote it; it was not to be trusted then
// and isn't now, so one that is none of the account's media is refused before anything is sent. Credentials go to the
// carrier's API alone, never along a redirect.
//
// At most max bytes are read of the file, and below 1 means [DefaultMaxMedia]. The download goes on while the [Media]
// is read: ctx ends it at any time, and the account's own limit of time counts until its Close. The error is a
// [*MediaError].
type MediaFetcher interface {
	FetchMedia(ctx context.Context, address string, max int64) (*Media, error)
}

// AutoResponder is an [Account] whose carrier, or the network behind it, answers some of the STOP, START and HELP texts by
// itself, and knows which. Without it [Traits] ConfirmsOptOut speaks for all of them.
type AutoResponder interface {
	// Answers reports whether the sender of a text that Parse returned gets an answer from the carrier, so that the desk must
	// not send one too; in doubt it says yes. It does no I/O and is fast: it is asked for each such text.
	Answers(in channel.Inbound) bool
}

// HeaderChecker is an [Account] that can refuse some webhooks by their headers alone (another content type, no proof of
// origin), so that nobody makes us read a body who can be told to go at once. r is the request as Parse gets it. The error
// is the one that Parse would return, whatever the body; nil proves nothing yet. It does no I/O.
type HeaderChecker interface {
	CheckHeader(r *http.Request) error
}
