package livedesk

import (
	"cmp"
	"slices"
	"time"
)

// A timeline is numbered as texts arrive, which is what cursors and unread counts go by. Webhooks overtake each other, and
// come late; who reads a conversation wants to see it as it was written.

// maxDelay is how late a text may come to be put where it was written. Bandwidth repeats a webhook for that long.
const maxDelay = 24 * time.Hour

// WrittenAt returns when the entry was written: for a customer's text the carrier's time, if it gave one that makes sense,
// which is not after At and at most 24 h before it; for all others At.
func (m Message) WrittenAt() time.Time {
	if m.Kind != Incoming || m.ProviderAt.IsZero() || m.ProviderAt.After(m.At) || m.At.Sub(m.ProviderAt) > maxDelay {
		return m.At
	}
	return m.ProviderAt
}

// ReadingOrder returns entries of one conversation in the order in which they were written, see [Message.WrittenAt]; those of
// one instant as they arrived. It is the same order whatever part of the timeline is given, in whatever order: pages that
// were loaded one by one may be put together. Seq stays as it is, so the last of the result isn't always the newest arrival:
// page and mark read by Seq.
//
// Of what carriers send by webhook only Bandwidth's texts have a time. Twilio's are ordered by their arrival, but for those
// that its list brought.
func ReadingOrder(entries []Message) []Message {
	return slices.SortedStableFunc(slices.Values(entries), func(a, b Message) int {
		return cmp.Or(a.WrittenAt().Compare(b.WrittenAt()), cmp.Compare(a.Seq, b.Seq))
	})
}

// Waited returns how long an outgoing text waited before it left: from when it was stored to its last attempt, or to now while
// the next is still to come. An outage, a pause, quiet hours and a long queue all count: an answer that a customer gets
// hours later may not be one any more. It is zero for a text that was taken back, and for all other entries.
func (m Message) Waited(now time.Time) time.Duration {
	d := m.Delivery
	switch {
	case d == nil:
		return 0
	case d.toSend():
		return max(now.Sub(m.At), 0)
	}
	for _, n := range slices.Backward(d.History) {
		if n.Source == "attempt" {
			return max(n.At.Sub(m.At), 0)
		}
	}
	return 0
}
