package livedesk

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// PutAgent adds a human agent, or changes name, capacity, skills and languages of the one with that id. Presence and load
// are not touched; a new agent is offline. Those who wait for what the agent has now are served. The error is a
// [ValidationError] for a skill or a language that no target could ask for.
func (d *Desk) PutAgent(ctx context.Context, a Agent) (Agent, error) {
	if err := checkID("id", a.ID); err != nil {
		return Agent{}, fmt.Errorf("put agent: %w", err)
	}
	if len(a.Name) > 256 {
		return Agent{}, fmt.Errorf("put agent: %w", invalid("name", "is too long (at most 256 bytes)"))
	}
	skills, languages, err := a.cleanAbilities()
	if err != nil {
		return Agent{}, fmt.Errorf("put agent: %w", err)
	}
	var out *Agent
	err = d.act(ctx, "put agent", func(_ context.Context, u *unit) error {
		u.onQueue(d.workspace, AgentQueue(a.ID), func(q *Queue) { q.Members = []Member{{Agent: a.ID}} })
		u.onAgent(d.workspace, a.ID, func(w *Agent) error {
			w.Name, w.Capacity, w.Skills, w.Languages = a.Name, a.Capacity, skills, languages
			out = w
			return nil
		})
		return nil
	})
	if err != nil {
		return Agent{}, err
	}
	stored := out.Clone()
	stored.Version++
	return stored, nil
}

// SetPresence says whether an agent is there. It holds for ttl and lapses to offline then, so that a browser that
// vanished doesn't hold customers up; zero means without end. Coming on line serves those who wait. Who goes
// off line keeps the conversations in hand, unless the channel says otherwise ([Assignment] OfflineGraceSeconds).
func (d *Desk) SetPresence(ctx context.Context, agent string, p Presence, ttl time.Duration) error {
	switch {
	case p != Online && p != Busy && p != Offline:
		return fmt.Errorf("set presence: %w", invalid("presence", `must be "online", "busy" or empty`))
	case ttl < 0:
		return fmt.Errorf("set presence: %w", invalid("ttl", "is negative"))
	}
	return d.changeAgent(ctx, "set presence", agent, func(u *unit, a *Agent) {
		u.setPresence(a, p, ttl)
	})
}

// SetOutsideLoad tells how many conversations an agent has on the host's other channels; they count as load here.
func (d *Desk) SetOutsideLoad(ctx context.Context, agent string, n int) error {
	if n < 0 {
		return fmt.Errorf("set outside load: %w", invalid("n", "is negative"))
	}
	return d.changeAgent(ctx, "set outside load", agent, func(_ *unit, a *Agent) { a.OutsideLoad = n })
}

// changeAgent changes one agent and serves the queues that the agent is in.
func (d *Desk) changeAgent(ctx context.Context, what, id string, fn func(*unit, *Agent)) error {
	if err := checkID("agent", id); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return d.act(ctx, what, func(_ context.Context, u *unit) error {
		u.onAgent(d.workspace, id, func(a *Agent) error {
			if a.Version == 0 {
				return fmt.Errorf("agent %s: %w", id, ErrNotFound)
			}
			fn(u, a)
			return nil
		})
		return nil
	})
}

// RemoveAgent removes an agent from the desk and from all lists. The conversations in hand go back to those who may get
// one.
func (d *Desk) RemoveAgent(ctx context.Context, id string) error {
	if err := checkID("agent", id); err != nil {
		return fmt.Errorf("remove agent: %w", err)
	}
	for gone := false; !gone; {
		held, err := d.heldBy(ctx, id)
		if err != nil {
			return fmt.Errorf("remove agent: %w", err)
		}
		err = d.act(ctx, "remove agent", func(ctx context.Context, u *unit) error {
			return u.release(ctx, d.workspace, id, held, &gone)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// heldBy returns some of the open conversations that an agent has.
func (d *Desk) heldBy(ctx context.Context, agent string) (keys []ThreadKey, err error) {
	err = d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		list, err := tx.Conversations(ctx, ConversationQuery{
			Workspace: d.workspace, Assignee: agent, States: []State{Open}, Limit: 100,
		})
		keys = keysOf(list)
		return err
	})
	return keys, err
}

// release takes conversations from an agent who leaves: first offline, so that none come back, and gone once none are
// left.
func (u *unit) release(ctx context.Context, workspace, id string, held []ThreadKey, gone *bool) error {
	threads, asked, err := u.load(ctx, held)
	if err != nil {
		return err
	}
	for i, c := range asked {
		if c != nil && c.now.State == Open && c.now.Assignee == id {
			u.activity(c, Actor{}, Activity{What: "unassigned", From: id, Cause: "agent removed"})
			u.wantAgain(threads[i], c, transition{on: humanTakes})
		}
	}
	u.onAgent(workspace, id, func(a *Agent) error {
		if a.Version == 0 {
			return fmt.Errorf("agent %s: %w", id, ErrNotFound)
		}
		a.Presence = Offline
		if *gone = a.Load == 0; *gone {
			u.changes.DeletedAgents = append(u.changes.DeletedAgents, *a)
		}
		return nil
	})
	return nil
}

// Agents returns the workspace's agents, by id.
func (d *Desk) Agents(ctx context.Context) (list []Agent, err error) {
	err = d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		list, err = tx.Agents(ctx, d.workspace, nil)
		return err
	})
	return list, err
}

// SetMembers sets who answers on a channel: the human agents in the order of the list. Those who stay keep their turn;
// who is new comes first in an even turn. Those who wait are served.
func (d *Desk) SetMembers(ctx context.Context, channelID string, agents []string) error {
	if _, err := d.e.snap.channel(ctx, d.workspace, channelID); err != nil {
		return fmt.Errorf("set members: %w", err)
	}
	return d.setList(ctx, "set members", ChannelQueue(channelID), agents)
}

// Members returns the ids of the human agents of a channel, in list order.
func (d *Desk) Members(ctx context.Context, channelID string) ([]string, error) {
	if _, err := d.e.snap.channel(ctx, d.workspace, channelID); err != nil {
		return nil, err
	}
	return d.list(ctx, ChannelQueue(channelID))
}

// SetTeam sets the human agents of a team, which rules, a [routing.Router] and [Desk.Transfer] can send conversations to.
// The id is the host's; a team exists as soon as it has members. Otherwise it is as SetMembers.
func (d *Desk) SetTeam(ctx context.Context, team string, agents []string) error {
	if err := checkID("team", team); err != nil {
		return fmt.Errorf("set team: %w", err)
	}
	return d.setList(ctx, "set team", TeamQueue(team), agents)
}

// Team returns the ids of the human agents of a team, in list order; none for a team that doesn't exist.
func (d *Desk) Team(ctx context.Context, team string) ([]string, error) {
	return d.list(ctx, TeamQueue(team))
}

func (d *Desk) setList(ctx context.Context, what, queue string, agents []string) error {
	for i, id := range agents {
		field := fmt.Sprintf("agents[%d]", i)
		if err := checkID(field, id); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if slices.Contains(agents[:i], id) {
			return fmt.Errorf("%s: %w", what, invalid(field, "is in the list twice"))
		}
	}
	return d.act(ctx, what, func(_ context.Context, u *unit) error {
		u.onQueue(d.workspace, queue, func(q *Queue) { q.Members = relist(q.Members, agents) })
		for _, id := range agents {
			u.mustExist(d.workspace, id)
		}
		return nil
	})
}

func (d *Desk) list(ctx context.Context, queue string) (ids []string, err error) {
	err = d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		found, err := tx.Queues(ctx, QueueQuery{Workspace: d.workspace, IDs: []string{queue}})
		if err == nil {
			for _, m := range found.Queues[0].Members {
				ids = append(ids, m.Agent)
			}
		}
		return err
	})
	return ids, err
}

// relist returns the list of agents in a new order; those who were in the old one keep their turn.
func relist(old []Member, agents []string) []Member {
	list := make([]Member, len(agents))
	for i, id := range agents {
		list[i].Agent = id
		if j := slices.IndexFunc(old, func(m Member) bool { return m.Agent == id }); j >= 0 {
			list[i] = old[j]
		}
	}
	return list
}
