package livedesk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/livedesk/livedesk-go/routing"
)

// Transfer passes a conversation that is not resolved on by hand: to an agent, whatever their capacity, as [Desk.Assign]
// does; or to a team or all of the channel's human agents, of whom the one who is next by the channel's mode gets it as
// soon as there is room. Who had it may be next. Errors: [ErrNotFound], a [StateError] (a snoozed one goes to an agent
// only), a [ValidationError], and [errors.ErrUnsupported] for an AI agent, which the desk doesn't run yet.
func (d *Desk) Transfer(ctx context.Context, conversation string, to routing.Target, by Actor) (Conversation, error) {
	switch to.Kind {
	case routing.ToAgent:
		return d.Assign(ctx, conversation, to.ID, by)
	case routing.ToAI:
		return Conversation{}, fmt.Errorf("transfer to an AI agent: %w", errors.ErrUnsupported)
	case routing.ToTeam:
		if err := checkID("id", to.ID); err != nil {
			return Conversation{}, fmt.Errorf("transfer: %w", err)
		}
	case routing.ToHumans:
	default:
		return Conversation{}, fmt.Errorf("transfer: %w", invalid("kind", "must be agent, team or humans"))
	}
	return d.change(ctx, "transfer", conversation, humanTakes, by, func(u *unit, t *thread, c *conv, tr transition) error {
		if c.now.State != Open {
			return &StateError{From: c.now.State, To: Open, What: "transfer"}
		}
		u.activity(c, by, Activity{What: "transferred", From: c.now.Assignee, To: linesTo([]routing.Target{to}, c.now.Channel)[0], Cause: "by hand"})
		c.now.Queue = ""
		u.want(t, c, tr, "", 0)
		c.wish.to = []routing.Target{to}
		return nil
	})
}

// InLine is a conversation with its place in a line, from 1.
type InLine struct {
	Position     int          `json:"position"`
	Conversation Conversation `json:"conversation"`
}

// maxInLine bounds what Waiting returns.
const maxInLine = 1000

// Waiting returns the conversations that wait in a queue ([ChannelQueue], [TeamQueue], [AgentQueue]; the Queue of a
// [Conversation]), in the order in which they will be served: the higher priority first, then the longest waiting. It
// returns the first 1,000, none for a queue that doesn't exist, and costs time in proportion to them.
func (d *Desk) Waiting(ctx context.Context, queue string) ([]InLine, error) {
	kind, id, _ := strings.Cut(queue, ":")
	if err := checkID("queue", id); err != nil || kind != "channel" && kind != "team" && kind != "agent" {
		return nil, fmt.Errorf("waiting: %w", invalid("queue", "is not the id of a queue"))
	}
	var line []InLine
	err := d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		found, err := tx.Queues(ctx, QueueQuery{Workspace: d.workspace, IDs: []string{queue}, Heads: maxInLine})
		if err != nil {
			return err
		}
		for i, c := range found.Queues[0].Waiting {
			line = append(line, InLine{i + 1, c})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("waiting: %w", err)
	}
	return line, nil
}
