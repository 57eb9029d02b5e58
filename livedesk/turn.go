package livedesk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
)

// An AI agent's turn: one transaction decides that there is one to take and what the agent may see of it, then the agent is
// asked with no transaction open, and another one decides whether its answer still counts, and what follows from it.

// turn is one in hand.
type turn struct {
	job     Job
	seq     int64       // of the entry up to which it answers
	spent   []time.Time // when turns before it ended, see turnsTaken
	ai      AIConfig
	channel *channelInfo
	Turn
}

// takeTurn takes the turn of a conversation, if there is one. The AI agent may outlive it; hosts waits for that.
func (e *Engine) takeTurn(ctx context.Context, hosts *sync.WaitGroup, j Job) error {
	var s turnSubject
	if err := json.Unmarshal([]byte(j.Subject), &s); err != nil {
		return fmt.Errorf("job's subject: %w", err)
	}
	t, err := e.beginTurn(ctx, j, s, false)
	if errors.Is(err, errUnknownChannel) { // another process added it just now, or it is gone
		if err := e.snap.refresh(ctx); err != nil {
			return err
		}
		t, err = e.beginTurn(ctx, j, s, true)
	}
	if err != nil || t == nil {
		return err
	}
	t.steps = &steps{e: e, t: t, taken: map[string]int{}}
	a, why := t.ask(ctx, e, hosts)
	if ctx.Err() != nil { // Run is over: whoever has the job next takes the turn again
		return nil
	}
	var now time.Time
	err = e.Desk(j.Workspace).act(ctx, "end a turn", func(ctx context.Context, u *unit) error {
		defer func() { now = u.now }()
		return u.endTurn(ctx, t, a, why)
	})
	if err == nil && why != "over" {
		e.aiHealths.note(t.ai.Name, now, why)
	}
	return err
}

func (e *Engine) beginTurn(ctx context.Context, j Job, s turnSubject, fresh bool) (t *turn, err error) {
	err = e.Desk(j.Workspace).act(ctx, "begin a turn", func(ctx context.Context, u *unit) (err error) {
		t, err = u.beginTurn(ctx, j, s, fresh)
		return err
	})
	return t, err
}

// beginTurn returns the turn that there is to take; nil where there is none, or humans have to. fresh says that the
// configuration was read just now.
func (u *unit) beginTurn(ctx context.Context, j Job, s turnSubject, fresh bool) (*turn, error) {
	threads, asked, err := u.load(ctx, []ThreadKey{{Workspace: j.Workspace, Conversation: s.Conversation}})
	if err != nil {
		return nil, err
	}
	t, c := threads[0], asked[0]
	if c == nil || c.now.AITurn == 0 { // humans have it, or it was answered
		u.jobs = append(u.jobs, JobChange{Job: j, Done: true})
		return nil, nil
	}
	if t.info == nil && !fresh {
		return nil, errUnknownChannel
	}
	ai, known := u.e.ais[c.now.AI]
	late := !u.now.Before(s.Since.Add(2 * ai.withDefaults().lease()))
	if !known && !late { // another process may have it
		u.jobs = append(u.jobs, JobChange{Job: moved(j, u.now.Add(crowdedPause))})
		return nil, nil
	}
	why := u.noTurn(t, ai, known, late)
	var list []Message
	var spent []time.Time
	if why == "" {
		var left bool
		if list, spent, left, err = u.look(ctx, c, ai); err != nil {
			return nil, err
		}
		if !left {
			why = "ai budget used up"
		}
	}
	if why != "" {
		u.jobs = append(u.jobs, JobChange{Job: j, Done: true})
		return nil, u.handOver(t, c, why)
	}
	u.jobs = append(u.jobs, JobChange{Job: moved(j, u.now.Add(ai.lease()))})
	return &turn{job: j, seq: c.now.AITurn, spent: spent, ai: ai, channel: t.info, Turn: show(t, c, ai, list)}, nil
}

// look reads the newest entries of a conversation, and whether the contact's budget has a turn left.
func (u *unit) look(ctx context.Context, c *conv, ai AIConfig) (list []Message, spent []time.Time, left bool, err error) {
	q := TimelineQuery{
		Workspace: c.now.Workspace, Conversation: c.now.ID, Last: true, Limit: 2*ai.History + 50,
	}
	if list, err = u.tx.Timeline(ctx, q); err != nil {
		return nil, nil, false, err
	}
	spent, left, err = u.turnsTaken(ctx, c, q, list)
	return list, spent, left, err
}

// noTurn says why humans have to answer instead; empty if the AI agent may.
func (u *unit) noTurn(t *thread, ai AIConfig, known, late bool) string {
	switch {
	case !known:
		return "ai agent unknown"
	case late: // processes died over it
		return "ai agent took too long"
	case u.maySpeak(t) != nil:
		return "ai agent may not write"
	case !u.e.aiHealths.fit(ai.Name, u.now):
		return "ai agent unhealthy"
	}
	return ""
}

// giveUpTurn lets humans answer, since no worker of this process has time for the AI agent, nor had others.
func (e *Engine) giveUpTurn(ctx context.Context, j Job) error {
	var s turnSubject
	if err := json.Unmarshal([]byte(j.Subject), &s); err != nil {
		return fmt.Errorf("job's subject: %w", err)
	}
	return e.Desk(j.Workspace).act(ctx, "give a turn up", func(ctx context.Context, u *unit) error {
		threads, asked, err := u.load(ctx, []ThreadKey{{Workspace: j.Workspace, Conversation: s.Conversation}})
		if err != nil {
			return err
		}
		u.jobs = append(u.jobs, JobChange{Job: j, Done: true})
		if c := asked[0]; c != nil && c.now.AITurn != 0 {
			return u.handOver(threads[0], c, "ai agents busy")
		}
		return nil
	})
}

// maxShown bounds the texts of a turn together, in bytes.
const maxShown = 64 << 10

// show returns what an AI agent may see.
func show(t *thread, c *conv, ai AIConfig, list []Message) Turn {
	return Turn{
		ID: fmt.Sprintf("%s.%d", c.now.ID, c.now.AITurn), Workspace: c.now.Workspace, Conversation: c.now.ID,
		Channel: t.info.channel.Name(), Language: t.info.channel.Language,
		Contact:    TurnContact{t.contact.Name, t.contact.Language, t.contact.Attributes},
		Transcript: transcript(list, ai), MaxText: maxParts * t.info.maxText(),
	}
}

// transcript returns the newest texts among entries, as far as an AI agent may see them.
func transcript(list []Message, ai AIConfig) []Line {
	lines, room := make([]Line, 0, min(len(list), ai.History)), maxShown
	first := len(list)
	for n := 0; first > 0 && n < ai.History; first-- {
		m := list[first-1]
		if !shown(m, ai.Notes) {
			continue
		}
		n++
		if room -= len(m.Text); room < 0 && n > 1 {
			break
		}
	}
	for _, m := range list[first:] {
		if shown(m, ai.Notes) {
			lines = append(lines, Line{
				By: m.By.Kind, Note: m.Kind == Note, Step: stepOf(m), Text: truncate(m.Text, maxShown), Media: len(m.Media), At: m.At,
			})
		}
	}
	return lines
}

func shown(m Message, notes bool) bool {
	return m.Kind == Incoming || m.Kind == Outgoing || m.Kind == Note && notes || stepOf(m) != ""
}

// stepOf names the step whose result an entry has; empty for other entries.
func stepOf(m Message) string {
	if m.Activity == nil || m.Activity.What != stepTaken {
		return ""
	}
	return m.Activity.To
}

// ask asks the AI agent, and returns its answer, or why it has none that can be used.
func (t *turn) ask(ctx context.Context, e *Engine, hosts *sync.WaitGroup) (a Answer, why string) {
	ctx, cancel := context.WithTimeout(ctx, t.ai.Timeout)
	defer cancel()
	a, why = asked(ctx, e.log, hosts, "ai agent "+t.ai.Name, func() (Answer, error) { return t.ai.Agent.Answer(ctx, t.Turn) })
	if why == "" {
		a, why = a.clean(t.channel)
	}
	if why == "" {
		a = t.review(ctx, e, hosts, a)
	}
	return a, why
}

const (
	maxNote   = 8 << 10
	maxReason = 256
)

// clean returns the answer as it is used, or why it can't be.
func (a Answer) clean(ch *channelInfo) (Answer, string) {
	switch {
	case len(a.Text) > 4*maxParts*ch.maxText():
		return Answer{}, "answer too long"
	case !utf8.ValidString(a.Text):
		return Answer{}, "answer not UTF-8"
	case a.Then != Stay && a.Then != HandOver && a.Then != Finish:
		return Answer{}, "answer unclear"
	}
	if a.Text = channel.Clean(a.Text); strings.TrimSpace(a.Text) == "" {
		a.Text = ""
	}
	if a.Text == "" && a.Then == Stay {
		return Answer{}, "answer empty"
	}
	if _, err := (Draft{Text: a.Text}).parts(ch); err != nil {
		return Answer{}, "answer too long"
	}
	a.Reason = short(a.Reason)
	a.Note = strings.TrimSpace(channel.Clean(truncate(a.Note, maxNote)))
	return a, ""
}

// endTurn lets an answer count, if it still does, or hands over. why says that there is none.
func (u *unit) endTurn(ctx context.Context, t *turn, a Answer, why string) error {
	threads, asked, err := u.load(ctx, []ThreadKey{{Workspace: t.Workspace, Conversation: t.Conversation}})
	if err != nil {
		return err
	}
	th, c := threads[0], asked[0]
	switch {
	case c == nil:
		u.jobs = append(u.jobs, JobChange{Job: t.job, Done: true})
		return nil
	case c.now.AI != t.ai.Name || c.now.AITurn == 0: // humans have it, or it was answered
		u.jobs = append(u.jobs, JobChange{Job: t.job, Done: true})
		return u.drop(ctx, th, c, t, "too late")
	case c.now.AITurn != t.seq:
		u.jobs = append(u.jobs, JobChange{Job: u.turnJob(c.now)})
		return u.drop(ctx, th, c, t, "the customer wrote again")
	}
	u.jobs = append(u.jobs, JobChange{Job: t.job, Done: true})
	c.now.AITurn = 0
	if why != "" {
		err = u.handOver(th, c, "ai agent failed: "+why)
	} else {
		err = u.follow(ctx, th, c, t, a)
	}
	if err == nil {
		u.ended(th, t)
	}
	return err
}

// drop notes that a turn's answer doesn't count any more, unless the turn has ended in another way.
func (u *unit) drop(ctx context.Context, th *thread, c *conv, t *turn, why string) error {
	kept, err := u.tx.Messages(ctx, []MessageKey{{Workspace: t.Workspace, Conversation: t.Conversation, Key: turnKey(t.seq)}})
	if err != nil || kept[0].ID != "" {
		return err
	}
	u.activity(c, AIActor(t.ai.Name), Activity{What: "ai_answer_dropped", Cause: why})
	u.ended(th, t)
	return nil
}

// follow does what an answer says.
func (u *unit) follow(ctx context.Context, th *thread, c *conv, t *turn, a Answer) error {
	if a.Note != "" {
		u.add(c, Message{Kind: Note, By: AIActor(t.ai.Name), Text: a.Note})
	}
	if a.held != "" {
		u.add(c, Message{Kind: Note, By: AIActor(t.ai.Name), Text: "Held back, not sent: " + a.Text})
		return u.handOver(th, c, "ai answer held: "+a.held)
	}
	if a.was != "" {
		u.add(c, Message{Kind: ActivityKind, By: AIActor(t.ai.Name), Text: a.was, Activity: &Activity{What: "ai_answer_changed", Cause: "policy"}})
	}
	if a.Text != "" {
		if err := u.sayAI(th, c, t, a); err != nil {
			return u.handOver(th, c, "ai agent failed: answer too long")
		}
	}
	switch a.Then {
	case HandOver:
		return u.handOver(th, c, cmp.Or(a.Reason, "ai agent hands over"))
	case Finish:
		tr, err := follow(c.now.State, closes)
		if err != nil {
			return err
		}
		u.enter(c, tr, AIActor(t.ai.Name), cmp.Or(a.Reason, "ai agent resolves"))
	}
	return nil
}

// sayAI stores an AI agent's text. Where nothing may be said any more it is dropped, and the timeline says why.
func (u *unit) sayAI(th *thread, c *conv, t *turn, a Answer) error {
	if err := u.maySpeak(th); err != nil {
		u.activity(c, AIActor(t.ai.Name), Activity{What: "ai_answer_dropped", Cause: unspoken(err)})
		return nil
	}
	if _, err := u.send(th, c, ClassAI, AIActor(t.ai.Name), Draft{Text: a.Text, Key: turnKey(t.seq)}); err != nil {
		return err // the carrier takes less than it did when the turn began
	}
	if a.Then != HandOver { // else the customer waits on, for a human
		c.now.Unread, c.now.WaitingSince = 0, time.Time{}
	}
	return nil
}

func unspoken(err error) string {
	if errors.Is(err, ErrOptedOut) {
		return "opted out"
	}
	return "nothing may be sent"
}
