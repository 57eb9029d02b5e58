package livedesk

// DeliveryState is how far an outgoing text has come.
type DeliveryState string

// The states of an outgoing text, in the order in which they are usually passed.
const (
	Queued      DeliveryState = "queued"      // stored, waiting for its turn
	Claimed     DeliveryState = "claimed"     // a worker has it, nothing was sent
	Posting     DeliveryState = "posting"     // an attempt was begun: bytes may have left
	Accepted    DeliveryState = "accepted"    // the carrier has it
	Sent        DeliveryState = "sent"        // the next carrier has it
	Delivered   DeliveryState = "delivered"   // the handset, or the last carrier, has it
	Read        DeliveryState = "read"        // never on SMS
	Undelivered DeliveryState = "undelivered" // the last carrier or the handset refused it
	Failed      DeliveryState = "failed"      // it did not leave, for good
	Unknown     DeliveryState = "unknown"     // an attempt was begun and its outcome isn't known; never repeated blindly
	Unconfirmed DeliveryState = "unconfirmed" // the outcome could not be found out; may or may not have arrived
	Canceled    DeliveryState = "canceled"    // taken back before it left
)
