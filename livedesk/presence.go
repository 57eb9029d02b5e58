package livedesk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Jobs about agents who aren't there for their customers.
const (
	jobAway   = "away"   // what an agent who is off line has in hand is routed again
	jobAnswer = "answer" // a customer has waited long enough for an agent
)

// awayBatch is how many conversations of a channel one transaction takes from an agent.
const awayBatch = 100

// setPresence changes what an agent said. Of who is off line, PresenceUntil keeps since when.
func (u *unit) setPresence(a *Agent, p Presence, ttl time.Duration) {
	since := a.PresenceUntil
	if a.PresentAt(u.now) != Offline {
		since = u.now
	}
	a.Presence, a.PresenceUntil = p, time.Time{}
	switch {
	case p == Offline:
		a.PresenceUntil = since
	case ttl > 0:
		a.PresenceUntil = u.now.Add(ttl).Truncate(time.Microsecond)
	}
	if !a.PresenceUntil.IsZero() && u.snap.graceful[a.Workspace] {
		u.jobs = append(u.jobs, JobChange{Job: awayJob(a.Workspace, a.ID, a.PresenceUntil)})
	}
}

func awayJob(workspace, agent string, due time.Time) Job {
	return Job{Workspace: workspace, Key: jobAway + ":" + agent, Kind: jobAway, Subject: agent, Due: due}
}

// takeFromAway routes again what an agent has in hand who has been off line for as long as the channel lets them. It comes
// back when there is more to take, or to look whether a presence lapsed.
func (u *unit) takeFromAway(ctx context.Context, j Job) error {
	list, err := u.tx.Agents(ctx, j.Workspace, []string{j.Subject})
	if err != nil || len(list) == 0 || list[0].PresenceUntil.IsZero() {
		return err
	}
	a := list[0]
	if a.PresentAt(u.now) != Offline {
		u.jobs = append(u.jobs, JobChange{Job: moved(j.anew(), a.PresenceUntil)})
		return nil
	}
	held, next, err := u.heldTooLong(ctx, a)
	if err != nil {
		return err
	}
	if err := u.takeFrom(ctx, a.ID, keysOf(held), "agent off line"); err != nil {
		return err
	}
	if !next.IsZero() {
		u.jobs = append(u.jobs, JobChange{Job: moved(j.anew(), next)})
	}
	return nil
}

// anew returns a job to be put in place whatever is there.
func (j Job) anew() Job {
	j.Fence, j.Attempts = 0, 0
	return j
}

// heldTooLong returns conversations of an agent who is off line whose channel's grace is over, and when to look again;
// zero when nothing will be left.
func (u *unit) heldTooLong(ctx context.Context, a Agent) (held []Conversation, next time.Time, err error) {
	for key, ch := range u.snap.channels {
		grace := time.Duration(ch.channel.Assignment.OfflineGraceSeconds) * time.Second
		if key.workspace != a.Workspace || grace == 0 {
			continue
		}
		list, err := u.tx.Conversations(ctx, ConversationQuery{
			Workspace: a.Workspace, Channel: key.id, Assignee: a.ID, States: []State{Open}, Limit: awayBatch,
		})
		if err != nil {
			return nil, next, err
		}
		due := a.PresenceUntil.Add(grace)
		if over := !u.now.Before(due); over && len(list) < awayBatch || len(list) == 0 {
			due = time.Time{}
		}
		if !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
		if !u.now.Before(a.PresenceUntil.Add(grace)) {
			held = append(held, list...)
		}
	}
	return held, next, nil
}

// keysOf names conversations that are to be routed again together, in the order in which they get what room there is: the
// higher priority first, then the oldest.
func keysOf(list []Conversation) []ThreadKey {
	slices.SortFunc(list, func(a, b Conversation) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.ID, b.ID))
	})
	keys := make([]ThreadKey, len(list))
	for i, c := range list {
		keys[i] = ThreadKey{Workspace: c.Workspace, Conversation: c.ID}
	}
	return keys
}

// takeFrom routes conversations again that an agent still has.
func (u *unit) takeFrom(ctx context.Context, agent string, keys []ThreadKey, cause string) error {
	threads, asked, err := u.load(ctx, keys)
	if err != nil {
		return err
	}
	for i, c := range asked {
		if c == nil || c.now.State != Open || c.now.Assignee != agent {
			continue
		}
		u.activity(c, Actor{}, Activity{What: "unassigned", From: agent, Cause: cause})
		u.wantAgain(threads[i], c, transition{on: humanTakes})
	}
	return nil
}

// silence is a customer who waits for an agent's answer.
type silence struct {
	Conversation string    `json:"conversation"`
	Agent        string    `json:"agent"`
	Since        time.Time `json:"since"`
}

// watch sees to it that an agent who was given a conversation, or a customer's text in it, answers in time.
func (u *unit) watch(c *conv) {
	now := c.now
	if now.State != Open || now.Assignee == "" || now.WaitingSince.IsZero() {
		return
	}
	if c.was.State == Open && c.was.Assignee == now.Assignee && c.was.WaitingSince.Equal(now.WaitingSince) {
		return
	}
	u.setAlarm(now)
}

// setAlarm looks again at a conversation when its agent should have answered.
func (u *unit) setAlarm(c Conversation) {
	limit := u.answersIn(c)
	if limit == 0 {
		return
	}
	data, err := json.Marshal(silence{c.ID, c.Assignee, c.WaitingSince})
	if err != nil {
		panic(err) // of strings and a time
	}
	u.jobs = append(u.jobs, JobChange{Job: Job{
		Workspace: c.Workspace, Key: jobAnswer + ":" + c.ID, Kind: jobAnswer, Subject: string(data),
		Due: u.now.Add(limit),
	}})
}

// answersIn is how long a conversation's customer waits for its agent; 0 means for ever.
func (u *unit) answersIn(c Conversation) time.Duration {
	ch := u.snap.channels[objectKey{c.Workspace, c.Channel}]
	if ch == nil {
		return 0
	}
	return time.Duration(ch.channel.Assignment.NoAnswerSeconds) * time.Second
}

// endSilence gives a conversation to somebody else whose agent has not answered.
func (u *unit) endSilence(ctx context.Context, j Job) error {
	var s silence
	if err := json.Unmarshal([]byte(j.Subject), &s); err != nil {
		return fmt.Errorf("job's subject: %w", err)
	}
	threads, asked, err := u.load(ctx, []ThreadKey{{Workspace: j.Workspace, Conversation: s.Conversation}})
	if err != nil {
		return err
	}
	c := asked[0]
	if c == nil || c.now.State != Open || c.now.Assignee != s.Agent || !c.now.WaitingSince.Equal(s.Since) {
		return nil
	}
	if u.answersIn(c.now) == 0 { // it stays, since somebody said so meanwhile
		return nil
	}
	u.wantAgain(threads[0], c, transition{on: humanTakes})
	c.now.Assignee, c.wish.silent = s.Agent, s.Agent // who has it until somebody else does
	return nil
}
