package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms"
)

func statusOf(err error) int {
	switch {
	case errors.Is(err, errStaleForm):
		return http.StatusForbidden
	case errors.Is(err, errForm):
		return http.StatusBadRequest
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	}
	return livedesk.HTTPStatus(err)
}

// errorTitle is the heading over an error.
func errorTitle(status int) string {
	if status == http.StatusNotFound {
		return "Not found"
	}
	return "That was not done"
}

// plainError says an error to an agent. What the desk can't name stays out of the page: it is for the log.
func plainError(err error) string {
	switch {
	case errors.Is(err, errStaleForm):
		return "This form is out of date, because you signed in again since. Go back, reload the page, and try once more."
	case errors.Is(err, errForm):
		return "The form could not be read."
	case errors.Is(err, errTooLarge):
		return "That is too long."
	}
	if state, ok := errors.AsType[*livedesk.StateError](err); ok {
		return fmt.Sprintf("That is not possible now: the conversation is %s.", stateWord(state.From))
	}
	if d, ok := errors.AsType[*livedesk.DeliveryError](err); ok && d.State != "" {
		return fmt.Sprintf("That is not possible now. The text: %s.", strings.ToLower(deliveryWord(&livedesk.Delivery{State: d.State})))
	}
	if fields := livedesk.FieldErrors(err); len(fields) > 0 {
		problems := make([]string, len(fields))
		for i, f := range fields {
			problems[i] = strings.ReplaceAll(f.Field, "_", " ") + " " + f.Problem
		}
		return upperFirst(strings.Join(problems, "; ")) + "."
	}
	if s, ok := plainErrors[livedesk.ErrorCode(err)]; ok {
		return s
	}
	return "Something went wrong on our side. Nothing is lost; try again, and look into the log if it stays."
}

var plainErrors = map[string]string{
	"not_found":      "There is nothing here. It may have been removed.",
	"conflict":       "Somebody else changed this in the meantime. Have a look at it as it is now, and try again.",
	"exists":         "That exists already.",
	"opted_out":      "This customer has opted out: nothing may be sent until they text START.",
	"not_replyable":  "This sender can't be written to.",
	"channel_closed": "This channel is not in service, so nothing can be sent over it.",
	"key_reused":     "This form was sent before with another text. Check the conversation, then send again.",
	"busy":           "The desk is very busy. Try again in a moment.",
}

func stateWord(s livedesk.State) string {
	if s == livedesk.Pending {
		return "with an AI agent"
	}
	return string(s)
}

// priorityWord names a priority that isn't the normal one.
func priorityWord(p routing.Priority) string {
	switch {
	case p >= routing.Urgent:
		return "Urgent"
	case p > routing.Normal:
		return "High priority"
	case p < routing.Normal:
		return "Low priority"
	}
	return ""
}

// deliveryWord says how far an outgoing text has come.
func deliveryWord(d *livedesk.Delivery) string {
	switch d.State {
	case livedesk.Queued, livedesk.Claimed:
		if d.Attempts > 0 {
			return "Queued, will be tried again"
		}
		return "Queued"
	case livedesk.Posting:
		return "Sending"
	case livedesk.Accepted:
		if d.NoReceipt {
			return "Accepted by the carrier, which never spoke of it again: it may be lost"
		}
		return "Accepted by the carrier"
	case livedesk.Sent:
		return "Sent"
	case livedesk.Delivered:
		return "Delivered"
	case livedesk.Read:
		return "Read"
	case livedesk.Unknown:
		return "Not known yet whether it left; waiting for the carrier"
	case livedesk.Unconfirmed:
		return "Not confirmed: it may or may not have arrived"
	case livedesk.Canceled:
		return "Not sent" + because(d)
	case livedesk.Undelivered:
		return "Not delivered" + because(d)
	}
	return "Failed" + because(d)
}

func because(d *livedesk.Delivery) string {
	s := ""
	if why := reasons[d.Reason]; why != "" {
		s = ": " + why
	}
	if d.Code != "" {
		s += " (carrier code " + d.Code + ")"
	}
	return s
}

var reasons = map[channel.Reason]string{
	channel.ReasonRecipient:   "the number can't be reached",
	channel.ReasonOptOut:      "the customer has opted out",
	channel.ReasonContent:     "the carrier refused the text",
	channel.ReasonConfig:      "the number or account needs mending",
	channel.ReasonCredentials: "the carrier refused our credentials",
	channel.ReasonExpired:     "it waited too long",
	channel.ReasonCanceled:    "somebody took it back",
	channel.ReasonWithheld:    "the desk held it back",
}

// lateAfter is how late a text may be before the timeline says so.
const lateAfter = 15 * time.Minute

// lateness says that a customer's text came late, or that ours waited before it left, or still does.
func lateness(m livedesk.Message) string {
	if late := m.At.Sub(m.WrittenAt()); late >= lateAfter {
		return "came " + span(late) + " late"
	}
	switch waited := m.Waited(time.Now()); {
	case waited < lateAfter:
		return ""
	case m.Delivery.State == livedesk.Queued:
		return "late: has waited " + span(waited)
	default:
		return "late: waited " + span(waited)
	}
}

// noteWord says one thing that happened to an outgoing text: an attempt, an answer, a receipt.
func noteWord(n livedesk.DeliveryNote) string {
	word := noteSources[n.Source]
	if word == "" {
		word = upperFirst(n.Source)
	}
	word += ", " + strings.ToLower(deliveryWord(&livedesk.Delivery{State: n.State}))
	for _, more := range []string{n.Word, n.Detail} {
		if more != "" {
			word += ": " + more
		}
	}
	if n.Code != "" {
		word += " (carrier code " + n.Code + ")"
	}
	return word
}

var noteSources = map[string]string{
	"attempt": "Attempt", "answer": "Carrier’s answer", "receipt": "Receipt", "search": "Carrier’s list", "desk": "The desk",
}

// deliveryTone picks the colour of a delivery state.
func deliveryTone(d *livedesk.Delivery) string {
	switch d.State {
	case livedesk.Delivered, livedesk.Read:
		return "good"
	case livedesk.Failed, livedesk.Undelivered, livedesk.Canceled:
		return "bad"
	case livedesk.Unknown, livedesk.Unconfirmed:
		return "warn"
	case livedesk.Accepted:
		if d.NoReceipt {
			return "warn"
		}
	}
	return "quiet"
}

// activityLine says what a timeline's activity means; who names agents by id.
func activityLine(m livedesk.Message, who func(string) string) string {
	a := m.Activity
	if a == nil {
		return ""
	}
	by := actorName(m.By, who)
	switch a.What {
	case "created":
		return "Conversation began"
	case "assigned":
		if a.Cause == "by hand" && m.By.ID == a.To {
			return by + " took the conversation"
		} else if a.Cause == "by hand" {
			return by + " assigned it to " + who(a.To)
		}
		return "Assigned to " + who(a.To) + cause(a.Cause)
	case "unassigned":
		return "Taken from " + who(a.From) + cause(a.Cause)
	case "waiting":
		if a.Decision != nil {
			return "Waiting for " + waitsFor(a.To, a.Decision.Needs, who)
		}
		return "Waiting for an agent"
	case "routed":
		return "Routed" + cause(a.Cause)
	case "opted_out":
		if m.By.Kind == livedesk.ActorAgent {
			return by + " opted the customer out"
		}
		return "Customer opted out" + cause(a.Cause)
	case "opted_in":
		if m.By.Kind == livedesk.ActorAgent {
			return by + " opted the customer in again"
		}
		return "Customer opted in again" + cause(a.Cause)
	case "opt_in_refused":
		return "Customer texted START, which doesn’t lift this opt-out" + cause(a.Cause)
	case "flagged":
		if a.Cause == livedesk.LabelSilenced {
			return "No more automatic texts to this customer until an agent has written: it may be a machine"
		}
		return "The customer may want no more texts: automatic ones are held back until an agent has answered"
	case "send_refused":
		return "A text by " + by + " was refused: the customer has opted out"
	case "transferred":
		return by + " gave it to " + waitsFor(a.To, "", who)
	case "given_to_ai":
		return "Given to AI agent " + a.To + cause(a.Cause)
	case "handed_over":
		return upperFirst(by) + " handed over" + cause(a.Cause)
	case "ai_answer_dropped":
		return "An answer of " + by + " was dropped" + cause(a.Cause)
	case "ai_answer_changed":
		return "The policy changed what " + by + " wrote: “" + m.Text + "”"
	case "ai_step":
		return by + " did “" + a.To + "”: " + m.Text
	case "ai_step_denied":
		return by + " was refused “" + a.To + "”" + cause(a.Cause)
	case "contact_unknown":
		return "Nothing more is known of this customer" + cause(a.Cause)
	case "details":
		return by + " changed the details"
	}
	return upperFirst(strings.ReplaceAll(a.What, "_", " ")) + " by " + by + cause(a.Cause)
}

// cause adds why something happened, where the line does not say it already.
func cause(s string) string {
	switch s {
	case "", "by hand", "resolve", "snooze", "reopen", string(livedesk.TierAI):
		return ""
	}
	if i := slices.IndexFunc(modes, func(m modeRow) bool { return string(m.Mode) == s }); i >= 0 {
		s = strings.ToLower(modes[i].Label)
	}
	return " (" + strings.ReplaceAll(s, "_", " ") + ")"
}

func actorName(a livedesk.Actor, who func(string) string) string {
	switch a.Kind {
	case livedesk.ActorAgent:
		return who(a.ID)
	case livedesk.ActorAI:
		return "AI agent " + a.ID
	case livedesk.ActorCustomer:
		return "the customer"
	case livedesk.ActorHost:
		return "the host"
	}
	return "the desk"
}

// speaker says who wrote a text.
func speaker(m livedesk.Message, who func(string) string) string {
	switch {
	case m.Kind == livedesk.Incoming:
		return "Customer"
	case m.Class == livedesk.ClassAutomatic || m.Class == livedesk.ClassConfirmation:
		return "Automatic"
	}
	return upperFirst(actorName(m.By, who))
}

// aiWord says how an AI agent is doing.
func aiWord(r aiRow) string {
	switch {
	case r.Gone:
		return "not in this program: passed over"
	case !r.Healthy:
		return fmt.Sprintf("failing (%s): passed over until %s", r.Reason, zonedMoment(r.Until))
	case r.Failures > 0:
		return fmt.Sprintf("failed %d times just now (%s)", r.Failures, r.Reason)
	}
	return "healthy"
}

func presenceWord(p livedesk.Presence) string {
	if p == livedesk.Offline {
		return "offline"
	}
	return string(p)
}

// number writes an address for people: numbers of North America in their groups, any other as it is.
func number(a channel.Address) string {
	s := string(a)
	if len(s) == 12 && strings.HasPrefix(s, "+1") && a.Kind() == channel.KindE164 {
		return s[:2] + " " + s[2:5] + " " + s[5:8] + " " + s[8:]
	}
	return s
}

// sizeWord says what a text costs to send.
func sizeWord(text string) string { return strings.TrimSuffix(sizeOf(sms.Inspect(text, 0)), ".") }

// sizeOf says what a text takes, and which characters make it dear.
func sizeOf(in sms.Inspection) string {
	var b strings.Builder
	if n := len(in.Parts); n > 1 {
		fmt.Fprintf(&b, "%d messages, ", n)
	}
	unit := "segments"
	if in.Segments == 1 {
		unit = "segment"
	}
	fmt.Fprintf(&b, "%d SMS %s, %d units in ", in.Segments, unit, in.Units)
	if in.Encoding != sms.UCS2 {
		return b.String() + "GSM-7."
	}
	b.WriteString("Unicode, because of ")
	for i, f := range in.Foreign[:min(len(in.Foreign), 5)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.Character)
	}
	return b.String() + "."
}

// reportWord says what an automatic text takes, and how much more when its variables are long.
func reportWord(r livedesk.TextReport) string {
	s := strings.TrimSuffix(sizeOf(r.Typical), ".")
	if r.Longest.Segments > r.Typical.Segments {
		s += fmt.Sprintf("; up to %d segments with long or foreign names", r.Longest.Segments)
	}
	return s
}

// consentWord says where a change of consent comes from.
func consentWord(c livedesk.ConsentChange) string {
	words := []string{strings.ReplaceAll(c.Source, "_", " ")}
	for _, more := range []string{c.Keyword, c.Code, c.Cause} {
		if more != "" {
			words = append(words, more)
		}
	}
	return strings.Join(words, ": ")
}

// since says how long ago something was, roughly.
func since(t time.Time) string { return span(time.Since(t)) }

// span writes a duration as short as it is clear.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "a moment"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// moment writes a time as short as it is clear, in the zone of the machine; the script turns it into the viewer's.
func moment(t time.Time) string {
	t = t.Local()
	now := time.Now()
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan, 15:04")
	}
	return t.Format("2 Jan 2006, 15:04")
}

// zonedMoment is moment with the zone, for a time inside of a text, which the script leaves as it is.
func zonedMoment(t time.Time) string { return moment(t) + " " + t.Local().Format("MST") }

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(string(r)) + s[n:]
}

func initial(s string) string {
	r, _ := utf8.DecodeRuneInString(s)
	return strings.ToUpper(string(r))
}
