package livedesk

import (
	"context"
	"fmt"
)

// maxDecisions bounds what Explain returns, and maxExplained how many entries of a timeline it looks at.
const (
	maxDecisions = 100
	maxExplained = 10_000
)

// Explain returns how a conversation came to those who had it: the decisions of routing, the newest first, at most 100.
// One stands for every time that somebody was chosen, or nobody could be. It reads the timeline in pages of 1,000, and
// looks at its newest 10,000 entries. The error is [ErrNotFound] where there is no such conversation.
func (d *Desk) Explain(ctx context.Context, conversation string) ([]Decision, error) {
	if _, err := d.Conversation(ctx, conversation); err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	q := TimelineQuery{Workspace: d.workspace, Conversation: conversation, Last: true, Limit: 1000}
	var out []Decision
	for range maxExplained / q.Limit {
		var page []Message
		err := d.view(ctx, func(ctx context.Context, tx ReadTx) (err error) {
			page, err = tx.Timeline(ctx, q)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("explain: %w", err)
		}
		for i := len(page) - 1; i >= 0 && len(out) < maxDecisions; i-- {
			if a := page[i].Activity; a != nil && a.Decision != nil {
				out = append(out, *a.Decision)
			}
		}
		if len(page) < q.Limit || len(out) == maxDecisions {
			break
		}
		q.Before = page[0].Seq
	}
	return out, nil
}
