package livedesk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/routing"
)

// jobTimeout ends a wait that a rule gave a limit.
const jobTimeout = "wait"

// resume is a wait with a limit: what routing needs to go on when it is over.
type resume struct {
	Conversation string           `json:"conversation"`
	Queue        string           `json:"queue"`
	QueuedAt     time.Time        `json:"queued_at"`
	Then         routing.Fallback `json:"then"`
	Place        routing.Place    `json:"place"`
	Cause        routing.Cause    `json:"cause"`
	Seq          int64            `json:"seq"` // of the text that was routed
}

// setTimeout lets a wait end where the decision says so.
func (p *placing) setTimeout(c *conv, s stop) {
	limit := s.d.Timeout.Duration()
	if limit <= 0 {
		return
	}
	w := c.wish
	w.decision.Until = p.u.now.Add(limit)
	data, err := json.Marshal(resume{
		Conversation: c.now.ID, Queue: c.now.Queue, QueuedAt: c.now.QueuedAt, Then: s.d.Timeout.Then, Place: s.d.Place,
		Cause: w.facts.Cause, Seq: w.seq,
	})
	if err != nil {
		panic(err) // of strings and numbers
	}
	p.u.jobs = append(p.u.jobs, JobChange{Job: Job{
		Workspace: p.workspace, Key: jobTimeout + ":" + c.now.ID, Kind: jobTimeout, Subject: string(data), Due: w.decision.Until,
	}})
}

// endWait moves a conversation on that still waits where it did when the limit was set.
func (u *unit) endWait(ctx context.Context, j Job) error {
	var r resume
	if err := json.Unmarshal([]byte(j.Subject), &r); err != nil {
		return fmt.Errorf("job's subject: %w", err)
	}
	threads, asked, err := u.load(ctx, []ThreadKey{{Workspace: j.Workspace, Conversation: r.Conversation}})
	if err != nil {
		return err
	}
	t, c := threads[0], asked[0]
	if c == nil || c.now.State != Open || c.now.Queue != r.Queue || !c.now.QueuedAt.Equal(r.QueuedAt) {
		return nil
	}
	text, media, err := u.textAt(ctx, c, r.Seq)
	if err != nil {
		return err
	}
	c.now.Queue, c.now.Needs = "", "" // so that nobody serves it from there
	u.want(t, c, transition{on: humanTakes}, text, media)
	c.wish.resume, c.wish.seq, c.wish.facts.Cause = &r, r.Seq, r.Cause
	return nil
}

// textAt returns the customer's text at a place of the timeline; empty where there is another entry.
func (u *unit) textAt(ctx context.Context, c *conv, seq int64) (string, int, error) {
	list, err := u.tx.Timeline(ctx, TimelineQuery{
		Workspace: c.now.Workspace, Conversation: c.now.ID, After: seq - 1, Before: seq + 1, Limit: 1,
	})
	if err != nil || len(list) == 0 || list[0].Kind != Incoming {
		return "", 0, err
	}
	return list[0].Text, len(list[0].Media), nil
}
