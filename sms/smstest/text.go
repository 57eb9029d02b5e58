package smstest

import (
	"context"
	"net/http"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// Carrier is a fake as [RunProvider] needs it. [Twilio] and [Bandwidth] are Carriers; a host that writes an adapter
// for a third carrier writes one beside it. All methods are safe for concurrent use.
type Carrier interface {
	// Deliver posts a customer's text to the webhook, genuine or with the damage that it asks for, and returns when
	// the carrier would try no more. A status other than 2xx is no error. [errors.ErrUnsupported] means that this
	// carrier knows no such damage, or no such feature of a text.
	Deliver(ctx context.Context, m Text) (Delivery, error)
	// Report posts delivery receipts for a text that the carrier took, in the order given.
	Report(ctx context.Context, id string, steps ...Step) error
	// Wait waits until the receipts that the carrier posts by itself are posted.
	Wait(ctx context.Context) error
	// SetWebhooks says where webhooks go, and through what.
	SetWebhooks(url string, via http.RoundTripper)
	// Fail gives the next requests to send a text these faults, one each.
	Fail(faults ...Fault)
	// SetDown makes the carrier refuse connections, so that no byte of a request arrives, until it is called again.
	SetDown(down bool)
	// Requests returns what arrived, oldest first; requests to send a text have the kind [KindSend].
	Requests() []Request
	// Sent returns the texts that were taken, oldest first.
	Sent() []Sent
}

// Text is one text from a customer, as [Twilio.Deliver] and [Bandwidth.Deliver] post it. The zero value is an empty
// text from [Customer] to the carrier's first number.
type Text struct {
	ID     string          // the carrier's id; empty means a new one, an old one repeats a delivery
	From   channel.Address // empty means [Customer]
	To     channel.Address // empty means the first own number
	Body   string
	At     time.Time         // when it was written; zero means now. Bandwidth only: Twilio's webhooks don't say
	Media  []string          // URLs; their content type is guessed by their ending
	Others []channel.Address // further participants; Bandwidth only
	Fields map[string]string // parameters beside the usual, or instead of them; Twilio only
	URL    string            // where this one goes; empty means the carrier's webhook URL
	Damage Damage            // what is wrong with the webhook; empty means nothing
}

// Customer is the number that a [Text] without a sender comes from. It is of the range kept for fiction.
const Customer channel.Address = "+14155550123"

// Delivery is what became of a webhook.
type Delivery struct {
	ID       string // the carrier's id of the text
	Status   int    // HTTP status of the last attempt; 0 when there was no answer
	Attempts int    // how often it was posted
}

// OK reports whether the last attempt was answered with 2xx, so that the carrier is done.
func (d Delivery) OK() bool { return d.Status >= 200 && d.Status < 300 }

// Damage is something wrong with a webhook, for tests of those who receive it.
type Damage string

// The kinds of damage. The first six leave a webhook that must not be believed; the others are genuine.
const (
	Unsigned    Damage = "unsigned"     // no proof of origin at all
	WrongSecret Damage = "wrong_secret" // proof made with another secret of the same shape
	EmptySecret Damage = "empty_secret" // proof made with an empty secret
	FlippedBit  Damage = "flipped_bit"  // one bit of the proof is wrong
	AlteredBody Damage = "altered_body" // one value changed after signing; not where the body isn't signed
	CutBody     Damage = "cut_body"     // the body stops early, its proof is of the whole
	Unreadable  Damage = "unreadable"   // genuine, but not what a webhook of this carrier must hold
	PlainType   Damage = "plain_type"   // genuine, but announced as text/plain
	NoType      Damage = "no_type"      // genuine, without a content type
	OddEvents   Damage = "odd_events"   // genuine, with events beside the good one that nobody documents; not where there is one event each
	Flood       Damage = "flood"        // genuine, with 10,000 further parameters or events
)

// Step is one delivery receipt: the state in the common words, or a word of the carrier's own.
type Step struct {
	Status channel.DeliveryStatus // translated to the carrier's word
	Word   string                 // the carrier's own word; beats Status
	Code   string                 // the carrier's error code; empty on a failure means a usual one
	After  time.Duration          // pause before it is posted; zero means none
	// BeforeAnswer posts it before the request that sends the text is answered: carriers do that. It counts only in
	// the script of a carrier's configuration, and only for steps at its beginning.
	BeforeAnswer bool
	Damage       Damage // what is wrong with the webhook; empty means nothing
}

// Sent is one text that a carrier took.
type Sent struct {
	ID       string            // the carrier's id
	Ref      string            // our id, found where the carrier gives it back (Twilio: last part of the callback's path)
	From, To channel.Address   // From is the sender that the carrier picked, if it had to
	Others   []channel.Address // further recipients; Bandwidth only, and receipts are for To alone
	Pool     string            // the group of senders asked for
	Body     string
	Media    []string
	Callback string // Twilio: the StatusCallback URL as given, with its fragment
	Segments int    // as this carrier counts them
	At       time.Time
	Expires  time.Time              // zero when the request gave no limit
	Status   channel.DeliveryStatus // how far it is, as the last receipt that was posted says
	Word     string                 // the same in the carrier's word
	Code     string                 // the error code of the last receipt
}

// RequestKind says what a request asked for.
type RequestKind string

// The kinds of request.
const (
	KindSend  RequestKind = "send"  // a text to send, well formed or not
	KindToken RequestKind = "token" // Bandwidth's access token
	KindMedia RequestKind = "media" // a file to download
	KindOther RequestKind = "other" // anything else: questions about the account, and paths that don't exist
)

// Request is one request that reached a carrier.
type Request struct {
	At     time.Time
	Kind   RequestKind
	Method string
	URL    string      // absolute, as far as the request says it
	Header http.Header // the Authorization is cut to its scheme
	Body   []byte      // at most 64 KiB of it
	Fault  Fault       // what was done to it
	Status int         // HTTP status of the answer; 0 when there was none
	Code   string      // the carrier's error code in the answer
	ID     string      // the text that was taken
}

// HookKind says what a webhook tells.
type HookKind string

// The kinds of webhook.
const (
	HookInbound HookKind = "inbound" // a customer's text
	HookStatus  HookKind = "status"  // a delivery receipt
)

// Webhook is one attempt of a carrier to post a webhook.
type Webhook struct {
	At      time.Time
	Kind    HookKind
	ID      string      // the text it is about
	Word    string      // the state that a receipt told
	URL     string      // with its fragment, as configured
	Header  http.Header // with the proof of origin, which for Bandwidth is the password itself
	Body    []byte      // at most 64 KiB of it
	Damage  Damage
	Attempt int    // 1 for the first
	Status  int    // HTTP status of the answer; 0 when there was none
	Err     string // why there was none
	Answer  string // at most 4 KiB of the answer's body
}
