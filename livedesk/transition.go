package livedesk

import (
	"context"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/routing"
)

// How the table of lifecycle.go is applied to a conversation in hand.

// happen applies what happened to the thread's conversation, and returns the one that it belongs to now.
func (u *unit) happen(t *thread, on occurrence) (*conv, transition) {
	from := u.stateFor(t, on)
	tr, err := follow(from, on)
	if err != nil {
		panic(err) // the table has a row for every state of what customers and hosts can start
	}
	c := t.current
	if tr.has(creates) {
		previous := t.current
		if c = u.begin(t); previous != nil {
			c.previous = &previous.now
		}
	}
	u.enter(c, tr, Actor{}, string(on))
	return c, tr
}

// stateFor returns the state that counts for what happens: a conversation that was resolved long ago is none, and so
// is any resolved one for those who write first.
func (u *unit) stateFor(t *thread, on occurrence) State {
	if t.current == nil {
		return none
	}
	c := t.current.now
	if c.State != Resolved {
		return c.State
	}
	switch on {
	case agentStarts, hostNotifies:
		return none
	case customerWrites:
		if !u.now.Before(c.ReopenUntil) {
			return none
		}
	}
	return Resolved
}

// enter puts a conversation into the state that a transition leads to.
func (u *unit) enter(c *conv, tr transition, by Actor, cause string) {
	from := c.now.State
	to := tr.to
	switch to {
	case "":
		return
	case asRouted:
		to = Open
	case asBefore:
		to = c.now.Before
	}
	c.now.State = to
	if from == Snoozed {
		c.now.Before, c.now.SnoozeUntil = "", time.Time{}
	}
	c.leaveAI(from, to)
	if tr.has(newCycle) {
		c.now.Cycle++
	}
	if to == Resolved {
		c.now.ResolvedAt, c.now.ResolvedBy, c.now.ReopenUntil = u.now, by, u.reopenUntil(tr.on)
		c.now.Unread, c.now.WaitingSince = 0, time.Time{}
	} else {
		c.now.ResolvedAt, c.now.ResolvedBy, c.now.ReopenUntil = time.Time{}, Actor{}, time.Time{}
	}
	if tr.has(leaves) {
		c.leaveLine()
	}
	u.activity(c, by, Activity{What: tr.name(from, to), From: string(from), To: string(to), Cause: cause})
}

// reopenUntil returns until when a customer's message reopens what is resolved now.
func (u *unit) reopenUntil(on occurrence) time.Time {
	window := u.e.cfg.ReopenWindow
	switch on {
	case hostNotifies:
		window = u.e.cfg.ReplyWindow
	case keywordArrives: // nothing to come back to
		return time.Time{}
	}
	if window < 0 {
		return time.Time{}
	}
	return u.now.Add(window)
}

// name is how the timeline calls what a transition did.
func (t transition) name(from, to State) string {
	switch {
	case t.has(creates):
		return "created"
	case t.has(newCycle):
		return "reopened"
	case to == Resolved:
		return "resolved"
	case to == Snoozed:
		return "snoozed"
	case from == Snoozed:
		return "woken"
	case t.on == aiHandsOver:
		return "handed_over"
	}
	return "taken_over"
}

// want notes that somebody is to be chosen for a conversation. One that an AI agent has already is that one's to answer.
func (u *unit) want(t *thread, c *conv, tr transition, text string, media int) {
	u.dueTurn(c)
	if c.now.State != Open {
		return
	}
	if asked := tr.has(greets) && c.was.ID != ""; asked || tr.on == aiHandsOver {
		u.dueClosed(t, c, asked) // the host was asked about the contact first; or humans are needed now
	}
	w := &wish{facts: u.facts(t, c, tr, text, media), thread: t, seq: c.now.LastSeq}
	if tr.has(keepAgent) {
		w.keep, w.woken = c.now.Assignee, tr.to == asBefore
	}
	w.sticky = u.stickyAgent(c)
	c.now.Assignee = ""
	c.wish = w
}

// wantAgain is want where the text isn't at hand: the customer's last one counts, see recall.
func (u *unit) wantAgain(t *thread, c *conv, tr transition) {
	u.want(t, c, tr, "", 0)
	if c.wish != nil {
		c.wish.recall = true
	}
}

// recall finds the customer's last text for a conversation that is routed again, where anything may ask for it. It reads the
// newest 20 entries, and where all of these are the desk's, up to 600 before them.
func (u *unit) recall(ctx context.Context, c *conv) error {
	if !c.wish.recall || u.e.cfg.Router == nil && u.snap.rulesOf(c.now.Workspace) == nil {
		return nil
	}
	q := TimelineQuery{Workspace: c.now.Workspace, Conversation: c.now.ID, Last: true}
	for q.Limit = 20; q.Limit <= 500; q.Limit *= 5 {
		list, err := u.tx.Timeline(ctx, q)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(list) {
			if m.Kind == Incoming {
				c.wish.facts.Text, c.wish.facts.Media, c.wish.seq = m.Text, len(m.Media), m.Seq
				return nil
			}
		}
		if len(list) < q.Limit {
			return nil
		}
		q.Before = list[0].Seq
	}
	return nil
}

// stickyAgent returns who had the contact's last conversation, if that counts for a new one on this channel.
func (u *unit) stickyAgent(c *conv) string {
	ch, last := u.snap.channels[objectKey{c.now.Workspace, c.now.Channel}], c.previous
	if ch == nil || last == nil || ch.channel.Assignment.Manual || last.ResolvedAt.IsZero() ||
		!u.now.Before(last.ResolvedAt.AddDate(0, 0, ch.channel.Assignment.StickyDays)) {
		return ""
	}
	return last.Assignee
}

func (u *unit) facts(t *thread, c *conv, tr transition, text string, media int) routing.Facts {
	cause := routing.CauseNew
	switch {
	case tr.has(newCycle):
		cause = routing.CauseReopened
	case tr.to == asBefore:
		cause = routing.CauseUnsnooze
	case tr.on == aiHandsOver:
		cause = routing.CauseHandOver
	case !tr.has(creates):
		cause = routing.CauseRequeue
	}
	return routing.Facts{
		Workspace: c.now.Workspace, Channel: c.now.Channel, Conversation: c.now.ID, Cause: cause, At: u.now, Open: t.info.openAt(u.now),
		Contact: routing.Contact{
			ID: t.contact.ID, Address: string(t.contact.Address), Country: t.contact.Country, Language: t.contact.Language,
			ExternalID: t.contact.ExternalID, Attributes: t.contact.Attributes, Labels: t.contact.Labels,
			Returning: !tr.has(creates) || t.contact.CreatedAt.Before(u.now),
		},
		Text: text, Media: media, Labels: c.now.Labels, Priority: c.now.Priority,
	}
}
