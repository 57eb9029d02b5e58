package livedesk

import (
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// DeliveryState is how far an outgoing text has come.
type DeliveryState string

// The states of an outgoing text, in the order in which they are usually passed.
const (
	Queued      DeliveryState = "queued"      // stored, waiting for its turn
	Claimed     DeliveryState = "claimed"     // in a worker's hands, nothing was sent; passed within the gate's transaction, so not seen outside
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

// rank is how certain a state is about what the carrier did. A receipt counts only if it raises the rank, so that
// receipts may come in any order, and often, and the first verdict stands.
func (s DeliveryState) rank() int {
	switch s {
	case Accepted:
		return 1
	case Sent:
		return 2
	case Unconfirmed:
		return 3
	case Delivered, Undelivered, Failed, Canceled:
		return 4
	case Read:
		return 5
	}
	return 0
}

// Final reports whether nothing but a receipt of reading can follow.
func (s DeliveryState) Final() bool { return s.rank() >= Delivered.rank() }

// What changes a delivery is in this file and nowhere else:
//
//	queued, claimed → posting    begin: the gate before the first byte
//	queued, claimed → canceled   Cancel: STOP (Changes.Cancels); cancel: expiry, channel closed; withhold: an automatic text
//	queued, claimed → queued     putOff: quiet hours
//	posting → accepted …         accept: the carrier's answer, also a late one after unknown
//	posting → queued             putBack: known not to have been sent
//	posting → failed             refuse: a definite no
//	posting → unknown            lose: anything else, and a lease that ran out after begin
//	unknown → unconfirmed        giveUp: nothing was heard or found for VerdictAfter
//	unknown → queued             repeat: a human's, not at the carrier, and only by Config.RepeatAbsent
//	any → by rank                receive: a receipt of the carrier, or what its list says (find)

func (d *Delivery) note(now time.Time, source, word, code, detail string) {
	d.History = append(d.History, DeliveryNote{At: now, State: d.State, Source: source, Word: word, Code: code, Detail: detail})
	if n := len(d.History) - MaxHistory; n > 0 {
		d.History = d.History[n:]
	}
}

// begin writes an attempt down before its first byte.
func (d *Delivery) begin(now time.Time, lease time.Duration) {
	d.State, d.Due = Posting, now.Add(lease)
	d.Attempts++
	d.note(now, "attempt", "", "", "")
}

// Unfinished reports whether there is something left to do about the text: it has a Due. The texts behind it in its
// conversation wait for it. A nil Delivery has nothing left to do.
func (d *Delivery) Unfinished() bool { return d != nil && !d.Due.IsZero() }

// toSend reports whether the text waits to be sent.
func (d *Delivery) toSend() bool { return d.State == Queued || d.State == Claimed }

// revocable reports whether nothing has left yet. A nil Delivery isn't.
func (d *Delivery) revocable() bool { return d != nil && d.toSend() }

// Cancel takes an outgoing text back that has not begun to leave, as [Changes] Cancels do, and reports whether it did:
// [Queued] and [Claimed] become [Canceled] with the reason, a note at now in the last [MaxHistory] of the History, no Due,
// and a higher Fence, so that a worker that has the text loses it. The Version grows by one. Any other message stays as it
// is. Cancel writes into the Delivery and its History, so give it a [Message.Clone] of what others hold.
func (m *Message) Cancel(now time.Time, why channel.Reason) bool {
	if !m.Delivery.revocable() {
		return false
	}
	m.Delivery.cancel(now, why)
	m.Version++
	return true
}

func (d *Delivery) cancel(now time.Time, why channel.Reason) {
	d.State, d.Due, d.Reason = Canceled, time.Time{}, why
	d.Fence++
	d.note(now, "desk", "", "", string(why))
}

// withhold takes an automatic text back that has not begun to leave; why is for people.
func (d *Delivery) withhold(now time.Time, why string) {
	d.cancel(now, channel.ReasonWithheld)
	d.History[len(d.History)-1].Detail = why
}

// putOff lets a text wait until quiet hours end.
func (d *Delivery) putOff(now, end time.Time) {
	d.State, d.Due = Queued, end
	d.Fence++
	d.note(now, "desk", "", "", "waits for the end of quiet hours")
}

func (d *Delivery) accept(now time.Time, a channel.Accepted) {
	if a.Segments > 0 {
		d.Segments = a.Segments
	}
	to := stateOf(a.Status)
	if to.rank() == 0 {
		to = Accepted
	}
	if to.rank() > d.State.rank() || d.State == Unconfirmed { // an answer that came very late after all
		d.State, d.Code, d.Reason = to, "", ""
	}
	d.Due = time.Time{}
	d.note(now, "answer", string(a.Status), "", "")
}

func (d *Delivery) putBack(now, due time.Time, code string, why channel.Reason, detail string) {
	d.State, d.Due, d.Code, d.Reason = Queued, due, code, why
	d.note(now, "answer", "", code, detail)
}

func (d *Delivery) refuse(now time.Time, code string, why channel.Reason, detail string) {
	d.State, d.Due, d.Code, d.Reason = Failed, time.Time{}, code, why
	d.note(now, "answer", "", code, detail)
}

func (d *Delivery) lose(now time.Time, verdictAfter time.Duration, code, detail string) {
	d.State, d.Due, d.Code, d.Reason = Unknown, now.Add(verdictAfter), code, channel.ReasonUnknown
	d.note(now, "answer", "", code, detail)
}

func (d *Delivery) giveUp(now time.Time) {
	d.State, d.Due = Unconfirmed, time.Time{}
	d.note(now, "desk", "", "", "no receipt in time")
}

// repeat lets a text be sent again that the carrier doesn't have.
func (d *Delivery) repeat(now time.Time) {
	d.State, d.Due = Queued, now
	d.note(now, "desk", "", "", repeatsAbsent)
}

// searched notes what a look into the carrier's list brought, other than the text itself.
func (d *Delivery) searched(now time.Time, f finding) { d.note(now, sourceSearch, "", "", string(f)) }

// find merges what the carrier's list says of the text, as a receipt is merged. That it is there also ends what the desk
// had given up; what the carrier itself gave up stays.
func (d *Delivery) find(now time.Time, r channel.Receipt) {
	to := stateOf(r.Status)
	if to.rank() == 0 {
		to = Accepted // it is in the list
	}
	if to.rank() > d.State.rank() && d.State != Canceled || d.State == Unconfirmed && d.gaveUp() {
		d.State, d.Due = to, time.Time{}
		d.Code, d.Reason = r.Code, r.Reason
	}
	d.note(now, sourceSearch, r.Word, r.Code, string(foundIt))
}

// gaveUp reports whether it was the desk, not the carrier, that gave the text up.
func (d *Delivery) gaveUp() bool {
	for _, n := range slices.Backward(d.History) {
		if n.Source == "receipt" && n.State == Unconfirmed {
			return false
		}
		if n.Source == "desk" && n.State == Unconfirmed {
			return true
		}
	}
	return false
}

// wait puts the verdict off, once.
func (d *Delivery) wait(now time.Time, pause time.Duration) {
	d.Due = now.Add(pause)
	d.note(now, "desk", "", "", waitsForLook)
}

const (
	// waitsForLook is the note of a verdict that was put off.
	waitsForLook = "not yet looked for at the carrier"
	// repeatsAbsent is the note of a text that is to be sent once more.
	repeatsAbsent = "not at the carrier: to be sent again"
)

// sourceSearch is the Source of what the carrier's list told.
const sourceSearch = "search"

// repeated reports whether the text was to be sent once more, and was not since, although its last attempt may have left
// after all.
func (d *Delivery) repeated() bool {
	for _, n := range slices.Backward(d.History) {
		if n.Source == "attempt" {
			return false
		}
		if n.Source == "desk" && n.Detail == repeatsAbsent {
			return true
		}
	}
	return false
}

// loss is what the history tells of a text whose outcome is unknown.
type loss struct {
	began  time.Time // when its last attempt began
	lost   time.Time // when its outcome was lost; zero while that isn't so
	empty  int       // whole lists of the carrier since, in which nothing could be it
	doubt  bool      // in one there was something that could be it; or the history doesn't reach back so far
	asked  bool      // the carrier was asked for it, or was to be
	waited bool      // the verdict was put off
}

// loss reads the history back to the last attempt.
func (d *Delivery) loss() (l loss) {
	for _, n := range slices.Backward(d.History) {
		l.asked = l.asked || n.Source == sourceSearch
		l.waited = l.waited || n.Detail == waitsForLook
		switch {
		case n.Source == "attempt":
			l.began = n.At
			return l
		case n.Source == sourceSearch && n.Detail == string(foundNothing):
			l.empty++
		case n.Source == sourceSearch && (n.Detail == string(foundSeveral) || n.Detail == string(foundOthers)):
			l.doubt = true
		case n.Source == "answer" && n.State == Unknown:
			l.lost = n.At
		}
	}
	l.doubt = true
	if len(d.History) > 0 {
		l.began = d.History[0].At
	}
	return l
}

// receive merges a receipt and reports whether it changed the state. It is commutative but for the first of two
// contradicting verdicts, and idempotent but for the history.
func (d *Delivery) receive(now time.Time, r channel.Receipt) bool {
	to := stateOf(r.Status)
	if to == "" && r.Reason == channel.ReasonUnknown { // the carrier's last word is that it can't tell (Bandwidth's 9902)
		to = Unconfirmed
	}
	changed := to.rank() > d.State.rank() && d.State != Canceled
	if changed {
		d.State, d.Due = to, time.Time{}
		d.Code, d.Reason = r.Code, r.Reason
	}
	d.note(now, "receipt", r.Word, r.Code, "")
	return changed
}

func stateOf(s channel.DeliveryStatus) DeliveryState {
	switch s {
	case channel.StatusAccepted:
		return Accepted
	case channel.StatusSent:
		return Sent
	case channel.StatusDelivered:
		return Delivered
	case channel.StatusRead:
		return Read
	case channel.StatusUndelivered:
		return Undelivered
	case channel.StatusFailed:
		return Failed
	case channel.StatusCanceled:
		return Canceled
	}
	return ""
}
