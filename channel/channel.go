package channel

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Channel is one open connection to a carrier: the engine sends texts through it and gives it the webhooks that
// arrive for it. Both methods must be safe for concurrent use, must not retry and must not sleep: the engine owns
// retries, limits and order.
type Channel interface {
	// Send hands one text to the carrier and returns its id. It honours ctx, and it returns only after every byte of
	// the request is either known to be unsent or may have been received.
	//
	// An error that wraps nothing known means that the outcome is unknown: the engine never repeats such a text
	// blindly. Package sms has the typed error that says more.
	Send(ctx context.Context, m Outbound) (Accepted, error)

	// Parse verifies a webhook and returns what it reports, in the order the carrier wrote it. r.URL is absolute and
	// is the address that the carrier was told, built from the configured public URL and never from the Host header;
	// r.Body is spent, body holds it whole. Nothing in r or body may be trusted before the proof of origin holds.
	//
	// The error wraps [ErrForged], [ErrUnauthenticated], [ErrMediaType], [ErrTooLarge] or [ErrMalformed]; any other
	// error counts as ours (500). It never holds a secret, a text or a full number. One event of a batch that can't
	// be read is returned as [Unread] and doesn't spoil the others.
	Parse(r *http.Request, body []byte) ([]Event, error)
}

// What [Channel.Parse] answers about a webhook that it refuses, with the status that the engine gives the caller.
var (
	ErrForged          = errors.New("channel: proof of origin is missing or wrong")         // 403
	ErrUnauthenticated = errors.New("channel: webhook credentials are missing or wrong")    // 401
	ErrMediaType       = errors.New("channel: content type is not the carrier's")           // 415
	ErrTooLarge        = errors.New("channel: webhook holds more events than are accepted") // 413
	ErrMalformed       = errors.New("channel: webhook can't be read")                       // 400
)

// Outbound is one text on its way to a carrier.
type Outbound struct {
	// Ref is our id of the message, 1 to 64 characters of A-Z a-z 0-9 and '-'. The adapter puts it where the carrier
	// gives it back (Twilio: the path of the status callback; Bandwidth: the tag), so that a callback settles a send
	// whose answer was lost.
	Ref string
	// From is the number that sends; empty when Pool is set.
	From Address
	// Pool names a group of senders that the carrier picks from (a Twilio Messaging Service SID); empty otherwise.
	Pool string
	To   Address
	Text string
	// Media are URLs that the carrier fetches; a text with media is an MMS.
	Media []string
	// Expires is when the carrier should give up; zero means the carrier's own limit.
	Expires time.Time
	// Before is until when the first byte of the text may leave, by this machine's clock: a consent that was looked at is
	// not good for ever, whatever a token or a connection takes. A text that is late is not sent, and the error says that it
	// was not. Zero means no limit.
	Before time.Time
}

// Accepted is a carrier's answer to a text that it took.
type Accepted struct {
	ID       string         // the carrier's id of the message, never empty
	Status   DeliveryStatus // [StatusAccepted] or further
	Segments int            // as the carrier counts them; 0 when it doesn't say
}

// Event is something that a webhook reported: an [Inbound], a [Receipt] or an [Unread].
type Event interface{ event() }

// Inbound is one text from a customer.
type Inbound struct {
	ID       string       // the carrier's id of the message, never empty
	From, To Address      // To is the own number that this copy is for
	Pool     string       // the group of senders that received it, if the carrier says (a Messaging Service SID)
	Others   []Address    // further participants of a group message, without From and To
	Text     string       // as the customer typed it; may hold anything, see [Clean]
	Media    []Attachment // never nil-padded; empty for a plain text
	Consent  Consent      // what the carrier itself made of it (Twilio's OptOutType); [ConsentNone] when it says nothing
	At       time.Time    // the carrier's time; zero when it gives none or none that can be read
	Country  string       // ISO 3166-1 alpha-2 of the sender, if the carrier says
	Segments int          // 0 when the carrier doesn't say
	// Fields are what else the carrier told of it, under the carrier's own names, for who calls Parse; may be nil. The engine
	// doesn't keep them.
	Fields map[string]string
}

// Receipt is a delivery receipt (DLR): what became of a text that we sent.
type Receipt struct {
	Ref    string         // our id of the message, where the carrier gave it back; else empty
	ID     string         // the carrier's id of the message
	Status DeliveryStatus // [StatusUnknown] when the carrier's word is new to us: kept, without effect
	Word   string         // the carrier's own word for the state
	Code   string         // the carrier's error code; empty when there is none
	Reason Reason         // what Code means; [ReasonNone] when Status isn't a failure
	At     time.Time      // the carrier's time; zero when it gives none
}

// Unread is an event that a webhook held and that the adapter doesn't know or can't read. It is counted, not stored.
type Unread struct {
	Type string // the carrier's name for it, cut to 64 bytes
	Err  error  // why; nil for a kind of event that is none of ours
}

func (Inbound) event() {}
func (Receipt) event() {}
func (Unread) event()  {}

// Attachment is a reference to a file that came with a text. The engine never fetches it by itself.
type Attachment struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type,omitempty"` // as the carrier says, not to be trusted; may be empty
	Size        int64  `json:"size,omitempty"`         // bytes; 0 when unknown
}

// Consent is what a text means for the permission to write to its sender.
type Consent string

// The meanings of a text for consent. The zero value is a text like any other.
const (
	ConsentNone Consent = ""
	OptOut      Consent = "opt_out" // STOP and its kin
	OptIn       Consent = "opt_in"  // START and its kin
	Help        Consent = "help"    // HELP, INFO
)
