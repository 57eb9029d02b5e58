package sms

import (
	"context"
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
// [WebhookTeller], [Registrar], [Lister], [MediaFetcher]. A missing one counts as [errors.ErrUnsupported].
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
	WebhookURL string
}

// Traits says what a carrier does by itself. The zero value is the most careful guess.
type Traits struct {
	// MaxText is the longest text that one send takes, in Unicode code points. Zero means 1600.
	MaxText int
	// ConfirmsOptOut reports that the carrier answers STOP, START and HELP itself, so that we must not.
	ConfirmsOptOut bool
	// Media is what one send takes of files.
	Media MediaLimits
}

// Describer is an [Account] that knows its [Traits].
type Describer interface{ Traits() Traits }

// Verifier is an [Account] that can ask the carrier whether credentials, number and application work. values are the
// channel's fields. The error is a [FieldErrors] with plain words on what to mend, or says that the carrier could not
// be asked.
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
// channel with these values. Doing it again changes nothing. The error is a [FieldErrors] where a value is wrong, and
// [errors.ErrUnsupported] where this carrier's API can't do it with these credentials.
type Registrar interface {
	Register(ctx context.Context, values map[string]string) error
}

// Lister is an [Account] that can list messages at the carrier, for texts missed while webhooks failed and for sends
// whose outcome is unknown. It yields at most limit messages created in [since, until), newest first.
type Lister interface {
	List(ctx context.Context, q ListQuery) ([]Listed, error)
}

// ListQuery selects messages at the carrier. Empty addresses match all.
type ListQuery struct {
	From, To     channel.Address
	Since, Until time.Time
	Limit        int // zero means 1000
}

// Listed is a message as the carrier keeps it. Exactly one of Inbound and Receipt is set.
type Listed struct {
	Inbound *channel.Inbound
	Receipt *channel.Receipt // with Text beside it, to match a send by
	Text    string
	From    channel.Address
	To      channel.Address
	Created time.Time
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
