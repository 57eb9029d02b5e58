package channel

// DeliveryStatus is how far a text has come, in the carriers' common words. The desk has further states of its own
// before [StatusAccepted]; see livedesk.
type DeliveryStatus string

// The states that a carrier can report. Twilio's accepted, scheduled, queued and sending are [StatusAccepted].
const (
	StatusUnknown     DeliveryStatus = ""            // a word that we don't know
	StatusAccepted    DeliveryStatus = "accepted"    // the carrier has it
	StatusSent        DeliveryStatus = "sent"        // the next carrier has it
	StatusDelivered   DeliveryStatus = "delivered"   // the handset, or the last carrier, has it
	StatusRead        DeliveryStatus = "read"        // only on channels other than SMS
	StatusUndelivered DeliveryStatus = "undelivered" // final: the last carrier or the handset refused it
	StatusFailed      DeliveryStatus = "failed"      // final: it never left the carrier
	StatusCanceled    DeliveryStatus = "canceled"    // final: taken back before it left
)

// Reason classifies why a text didn't go through, the same for an answer to a send and for a receipt.
type Reason string

// The reasons. Retry and RetryLater mean, in the answer to a send, that the text is known not to have been sent.
const (
	ReasonNone        Reason = ""
	ReasonRetry       Reason = "retry"           // not processed; repeat after a short pause
	ReasonRetryLater  Reason = "retry_later"     // temporary, needs minutes to hours
	ReasonRecipient   Reason = "recipient"       // this number can't be reached; final
	ReasonOptOut      Reason = "opt_out"         // the recipient revoked consent; final, taught to the ledger
	ReasonContent     Reason = "content"         // this text can't be sent as it is; final
	ReasonConfig      Reason = "config"          // the account, sender or registration needs mending; final for the text
	ReasonCredentials Reason = "credentials"     // the carrier refused our credentials; the channel is at fault, not the text
	ReasonUnknown     Reason = "unknown_outcome" // may have been accepted; never repeated blindly
	ReasonExpired     Reason = "expired"         // too late to be useful; final
	ReasonCanceled    Reason = "canceled"        // a person took it back before it left; final
	ReasonWithheld    Reason = "withheld"        // the desk itself held an automatic text back before it left; final
	ReasonOther       Reason = "other"           // final, for a cause that we don't know
)

// Final reports whether a text refused for this reason is never tried again by itself.
func (r Reason) Final() bool {
	switch r {
	case ReasonRecipient, ReasonOptOut, ReasonContent, ReasonConfig, ReasonExpired, ReasonCanceled, ReasonWithheld, ReasonOther:
		return true
	}
	return false
}
