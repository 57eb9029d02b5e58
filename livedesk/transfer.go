package livedesk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/livedesk/livedesk-go/routing"
)

// Transfer passes a conversation that is not resolved on by hand: to an agent, whatever their capacity, as [Desk.Assign]
// does; or to a team or all of the channel's human agents, or those of them with skills and a language, of whom the one who
// is next by the channel's mode gets it as soon as there is room; or, when it is open, to an AI agent, also after one handed
// it over. Who had it may be next. An AI agent answers at once where the customer waits, else when they write again. Errors:
// [ErrNotFound], a [StateError] (a snoozed one goes to an agent only), a [ValidationError] or [routing.FieldErrors], also for
// an AI agent that isn't healthy, one of [Desk.Reply]'s where nothing may be said to the customer, and
// [errors.ErrUnsupported] for an AI agent in an engine that has none.
func (d *Desk) Transfer(ctx context.Context, conversation string, to routing.Target, by Actor) (Conversation, error) {
	switch to.Kind {
	case routing.ToAgent:
		return d.Assign(ctx, conversation, to.ID, by)
	case routing.ToAI:
		return d.transferToAI(ctx, conversation, to.ID, by)
	case routing.ToTeam:
		if err := checkID("id", to.ID); err != nil {
			return Conversation{}, fmt.Errorf("transfer: %w", err)
		}
	case routing.ToHumans:
	default:
		return Conversation{}, fmt.Errorf("transfer: %w", invalid("kind", "must be agent, team, ai or humans"))
	}
	if err := to.Validate(); err != nil {
		return Conversation{}, fmt.Errorf("transfer: %w", err)
	}
	return d.change(ctx, "transfer", conversation, humanTakes, by, func(u *unit, t *thread, c *conv, tr transition) error {
		if c.now.State != Open {
			return &StateError{From: c.now.State, To: Open, What: "transfer"}
		}
		u.activity(c, by, Activity{What: "transferred", From: c.now.Assignee, To: linesTo([]routing.Target{to}, c.now.Channel)[0], Cause: "by hand"})
		c.now.Queue, c.now.Needs = "", ""
		u.want(t, c, tr, "", 0)
		c.wish.to = []routing.Target{to}
		return nil
	})
}

func (d *Desk) transferToAI(ctx context.Context, conversation, name string, by Actor) (Conversation, error) {
	if len(d.e.ais) == 0 {
		return Conversation{}, fmt.Errorf("transfer to an AI agent: %w", errors.ErrUnsupported)
	}
	if _, known := d.e.ais[name]; !known {
		return Conversation{}, fmt.Errorf("transfer: %w", invalid("id", "is not one of Config.AIAgents"))
	}
	var stored *conv
	err := d.knowing(ctx, "transfer", func() error {
		return d.actOn(ctx, "transfer", conversation, func(u *unit, t *thread, c *conv) error {
			stored = c
			if _, err := follow(c.now.State, givenToAI); err != nil {
				return err
			}
			if err := u.maySpeak(t); err != nil {
				return err
			}
			if !d.e.aiHealths.fit(name, u.now) {
				return invalid("id", "is an AI agent that isn't healthy now")
			}
			u.toAI(c, name, by, "by hand", nil)
			return nil
		})
	})
	return afterwards(&stored, err)
}

// InLine is a conversation with its place in a line, from 1.
type InLine struct {
	Position     int          `json:"position"`
	Conversation Conversation `json:"conversation"`
}

// maxInLine bounds what Waiting returns.
const maxInLine = 1000

// Waiting returns the conversations that wait in a queue ([ChannelQueue], [TeamQueue], [AgentQueue]; the Queue of a
// [Conversation]), in the order in which they will be served: the higher priority first, then the longest waiting. One is
// passed over while nobody on line with room meets its Needs. It returns the first 1,000, none for a queue that doesn't
// exist, and costs time in proportion to them.
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
