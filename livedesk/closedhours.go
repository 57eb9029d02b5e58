package livedesk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ClosedHours is what a channel does while its [Channel] Schedule says that it is closed. The zero value: nothing is said, and
// conversations are given to agents who are on line as at any hour. AI agents go on in any case.
type ClosedHours struct {
	// Text is said to a customer who writes while the channel is closed, once in a closed period: not again until it has
	// been open, whatever conversations begin meanwhile. It may name the variables of automatic texts, {{next_open}} above
	// all. Empty means off.
	//
	// It isn't said to who got a text of an agent's within the last 5 minutes, nor in a conversation that an agent or
	// [Desk.Notify] began. While an AI agent has the conversation it is held until a human is needed. It waits for the end of
	// quiet hours like any automatic text, and isn't sent any more once the channel is open.
	Text string `json:"text,omitempty"`
	// GapSeconds is the least time from one to the next that a contact gets on the channel, for schedules that open for a
	// short while. Zero means none; at most 604800 (7 days).
	GapSeconds int `json:"gap_seconds,omitempty"`
	// WithGreeting lets a new conversation get the greeting too. By default the Text replaces it: who begins a conversation
	// in closed hours isn't greeted, also where the Text was said before.
	WithGreeting bool `json:"with_greeting,omitempty"`
	// HumansWait lets conversations wait for the opening instead of giving them to human agents who are on line: in the line
	// where routing puts them, which is served the moment the channel opens. What a person assigns isn't held up, and what an
	// agent has put aside wakes with that agent.
	HumansWait bool `json:"humans_wait,omitempty"`
}

// maxClosedGap is 7 days.
const maxClosedGap = 7 * 24 * 60 * 60

// closedAfterAgent is how long after a text of an agent's nothing is said of closed hours.
const closedAfterAgent = 5 * time.Minute

// jobClosed says that the channel is closed, to a customer who has just written. It is a job, so that what it has to look up
// holds no webhook up, and so that it comes after routing, which may have found an AI agent.
const jobClosed = "closed"

// closedKey leads the keys of closed-hours texts; the name of the closed period stands behind it.
const closedKey = "closed:"

// closedSubject is what such a job is about.
type closedSubject struct {
	Conversation string `json:"conversation"`
	Greets       bool   `json:"greets,omitempty"` // it decides about the greeting too
}

// closedSpeaks reports whether a channel says now that it is closed.
func (u *unit) closedSpeaks(t *thread) bool {
	return t.info != nil && t.info.channel.ClosedHours.Text != "" && !t.info.openAt(u.now)
}

// dueClosed lets the customer be told that the channel is closed, if it is; greets says that no greeting was decided upon.
func (u *unit) dueClosed(t *thread, c *conv, greets bool) {
	if !u.closedSpeaks(t) || c.now.State == Pending && !greets {
		return
	}
	u.jobs = append(u.jobs, JobChange{Job: closedJob(c, greets, u.now)})
}

func closedJob(c *conv, greets bool, due time.Time) Job {
	data, err := json.Marshal(closedSubject{c.now.ID, greets})
	if err != nil {
		panic(err) // of a string and a truth value
	}
	key := jobClosed + ":" + c.now.ID
	if greets { // so that a second text doesn't take its place; it sorts before that one's
		key = jobClosed + "-first:" + c.now.ID
	}
	return Job{Workspace: c.now.Workspace, Key: key, Kind: jobClosed, Subject: string(data), Due: due}
}

// sayClosed says that the channel is closed, or greets, whichever is due.
func (u *unit) sayClosed(ctx context.Context, j Job) error {
	var s closedSubject
	if err := json.Unmarshal([]byte(j.Subject), &s); err != nil {
		return fmt.Errorf("job's subject: %w", err)
	}
	threads, asked, err := u.load(ctx, []ThreadKey{{Workspace: j.Workspace, Conversation: s.Conversation}})
	if err != nil {
		return err
	}
	t, c := threads[0], asked[0]
	if c == nil || t.info == nil || c.now.State == Resolved || c.now.WaitingSince.IsZero() { // it was answered
		return nil
	}
	speaks := c.now.State == Open && u.closedSpeaks(t)
	b, err := u.before(ctx, t, c)
	if err != nil {
		return err
	}
	if s.Greets && !b.greeted && (!speaks || t.info.channel.ClosedHours.WithGreeting) {
		u.greet(t, c)
	}
	if !speaks || b.said {
		return nil
	}
	if end, quiet := t.quietUntil(u.now); quiet {
		if exp := u.e.expiry(ClassAutomatic, u.now); exp.IsZero() || end.Before(exp) {
			u.jobs = append(u.jobs, JobChange{Job: closedJob(c, false, end)})
		}
		return nil
	}
	if no, err := u.unwelcome(ctx, t, c, b); no || err != nil {
		return err
	}
	said := len(u.messages)
	u.sayAutomatically(t, c, closedKey+b.period, t.info.channel.ClosedHours.Text)
	if opens, ok := t.info.hours.next(u.now); ok {
		for _, m := range u.messages[said:] {
			if d := m.Delivery; d != nil && (d.Expires.IsZero() || opens.Before(d.Expires)) {
				d.Expires = micro(opens)
			}
		}
	}
	return nil
}

// beforeClosed is what was said to a contact before.
type beforeClosed struct {
	period        string // name of the closed period
	greeted, said bool   // the conversation has its greeting; the period has its text
	talks         []Conversation
}

// maxTalks bounds how many conversations of a contact in one closed period are looked through.
const maxTalks = 1000

// before looks up what was said to a contact. The thread is locked, so nobody says anything meanwhile.
func (u *unit) before(ctx context.Context, t *thread, c *conv) (b beforeClosed, err error) {
	period, since := t.info.hours.period(u.now)
	b.period = period
	if lately := u.lately(t); lately.Before(since) {
		since = lately
	}
	q := ConversationQuery{Workspace: c.now.Workspace, Channel: c.now.Channel, Contact: c.now.Contact, Limit: 100}
	for more := true; more && len(b.talks) < maxTalks; {
		list, err := u.tx.Conversations(ctx, q)
		if err != nil {
			return b, err
		}
		more = len(list) == q.Limit
		for _, talk := range list {
			if more = more && !talk.ActiveAt.Before(since); talk.ActiveAt.Before(since) {
				break
			}
			b.talks = append(b.talks, talk)
			q.After = &Mark{talk.ActiveAt, talk.ID}
		}
	}
	keys := []MessageKey{{Workspace: c.now.Workspace, Conversation: c.now.ID, Key: autoKeyPrefix + kindGreeting}}
	for _, talk := range b.talks {
		keys = append(keys, MessageKey{Workspace: talk.Workspace, Conversation: talk.ID, Key: autoKeyPrefix + closedKey + b.period})
	}
	stored, err := u.tx.Messages(ctx, keys)
	if err != nil {
		return b, err
	}
	b.greeted = stored[0].ID != ""
	b.said = slices.ContainsFunc(stored[1:], func(m Message) bool { return m.ID != "" })
	return b, nil
}

// lately is since when what was said counts against saying that the channel is closed.
func (u *unit) lately(t *thread) time.Time { return u.now.Add(-max(t.closedGap(), closedAfterAgent)) }

func (t *thread) closedGap() time.Duration {
	return time.Duration(t.info.channel.ClosedHours.GapSeconds) * time.Second
}

// unwelcome reports whether something but the period's text itself stands against telling a contact that the channel is closed.
func (u *unit) unwelcome(ctx context.Context, t *thread, c *conv, b beforeClosed) (bool, error) {
	if no, err := u.begunByUs(ctx, c); no || err != nil {
		return no, err
	}
	for _, talk := range b.talks {
		if talk.ActiveAt.Before(u.lately(t)) {
			break
		}
		if no, err := u.saidLately(ctx, talk, t.closedGap(), u.lately(t)); no || err != nil {
			return no, err
		}
	}
	return false, nil
}

// begunByUs reports whether an agent or a notification of the host's began a conversation.
func (u *unit) begunByUs(ctx context.Context, c *conv) (bool, error) {
	first, err := u.tx.Timeline(ctx, TimelineQuery{Workspace: c.now.Workspace, Conversation: c.now.ID, Before: 2, Limit: 1})
	if err != nil || len(first) == 0 || first[0].Activity == nil {
		return false, err
	}
	cause := first[0].Activity.Cause
	return cause == string(agentStarts) || cause == string(hostNotifies), nil
}

// saidLately reports whether an agent wrote in a conversation within the last minutes, or closed hours were told within the
// gap. It looks at no more than the newest 1,000 entries.
func (u *unit) saidLately(ctx context.Context, talk Conversation, gap time.Duration, lately time.Time) (bool, error) {
	q := TimelineQuery{Workspace: talk.Workspace, Conversation: talk.ID, Last: true, Limit: 100}
	for range 10 {
		page, err := u.tx.Timeline(ctx, q)
		if err != nil {
			return false, err
		}
		for _, m := range page {
			ago := u.now.Sub(m.At)
			switch {
			case m.Kind != Outgoing:
			case m.By.Kind == ActorAgent && ago < closedAfterAgent,
				strings.HasPrefix(m.Key, autoKeyPrefix+closedKey) && ago < gap:
				return true, nil
			}
		}
		if len(page) < q.Limit || page[0].At.Before(lately) {
			return false, nil
		}
		q.Before = page[0].Seq
	}
	return false, nil
}

// check returns what is wrong, by field; the text is checked with the others.
func (c ClosedHours) check() error {
	if c.GapSeconds < 0 || c.GapSeconds > maxClosedGap {
		return invalid("closed_hours.gap_seconds", "must be between 0 and 604800 (7 days)")
	}
	return nil
}
