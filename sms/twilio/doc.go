// Package twilio is the sms adapter for Twilio Programmable Messaging (REST API 2010-04-01).
//
// [New] returns a provider for livedesk.Config; its zero [Config] works. Texts go out through twilio-go's generated
// client, with what that client lacks added around it: the caller's context, bounded and closed answers, Retry-After,
// no redirects, and the knowledge whether a request can have reached Twilio at all. Webhooks are verified by our own
// check of X-Twilio-Signature ([Signature], [ValidSignature]), because the SDK's looks at the first value of a
// repeated key only and takes a blank token for a key.
//
// # What the signature can't see
//
// Twilio signs the URL followed by every key and value, sorted and written without any separator. The same bytes can
// be cut differently: "Body" and "hi" sign like "Bod" and "yhi", and a customer can type text that reads like further
// parameters. Whoever sees one signed webhook of a text that he wrote himself could so replay it under another sender
// or message id. After the signature the webhook is therefore read strictly, and refused where it is in doubt: names
// are of letters, digits, '.', '_' and '-' only; nothing that we use may be missing or given twice; ids have their
// exact shape and agree with each other; the account is the connection's; and no parameter but the text may hold
// another that matters, with its border in another place. What remains is a replay with the text cut short where it reads like
// one more parameter. It has the id of the genuine webhook, so it counts only where that one never arrived.
//
// # Setting up, and looking back
//
// Beside sending and parsing an account describes itself ([sms.Describer]), asks Twilio whether it will work ([sms.Verifier]),
// tells and registers its webhooks ([sms.WebhookTeller], [sms.Registrar]), lists ([sms.Lister]), downloads
// ([sms.MediaFetcher]), knows which keywords Twilio answers ([sms.AutoResponder]), and refuses webhooks by their headers
// ([sms.HeaderChecker]). The address of every webhook ends in "#rc=5&rp=all", because by default Twilio doesn't repeat a
// webhook that was answered with 5xx. What was missed all the same, and what became of a send without an answer, List finds
// at Twilio.
//
// # Numbers in a Messaging Service
//
// A Messaging Service names itself in the texts that it posts, so [channel.Inbound] has its Pool, whichever of its
// numbers was written to. Whether a service that defers to its numbers' own webhooks is named too isn't documented, and
// Parse can't ask; Register therefore sets the service to post the texts itself. A text without a Pool belongs to the
// channel that has its number. Where none has, somebody entered the webhook by hand at a number of a service, and with
// one such service on the connection it is its text. In lists Pool may be a default service that nobody set up, so it
// is to be looked for before the number, not instead of it.
package twilio
