package storetest

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

func agentCases() []Case {
	return []Case{
		clause("are loaded by id in the order of the ids, zero where there is none", agentsByID),
		clause("are loaded all, ordered by id, when ids is nil", agentsAll),
		clause("a row of another Version is ErrConflict, of a known id ErrExists", agentVersions),
		clause("have as Load the open conversations assigned to them", agentLoad),
		clause("have a Load whatever was written", agentLoadWritten),
		clause("who are put after a conversation was assigned have it in their Load", agentLoadLate),
	}
}

func agentIDs(rows []livedesk.Agent) []string {
	out := make([]string, len(rows))
	for i, a := range rows {
		out[i] = a.ID
	}
	return out
}

// hire puts agents of a workspace.
func (p *probe) hire(ctx context.Context, workspace string, ids ...string) {
	var c livedesk.Changes
	for _, id := range ids {
		c.Agents = append(c.Agents, livedesk.Agent{Workspace: workspace, ID: id, Presence: livedesk.Online})
	}
	p.apply(ctx, c)
}

func agentsByID(ctx context.Context, p *probe) {
	p.hire(ctx, "acme", "zoe", "ann", "ben")
	got := agentIDs(p.agents(ctx, "acme", "zoe", "nobody", "ann", "zoe"))
	p.same(got, []string{"zoe", "", "ann", "zoe"}, "the agents")
	p.that(len(p.agents(ctx, "acme", []string{}...)) == 0, "an empty list of ids, which isn't nil, finds nobody")
}

func agentsAll(ctx context.Context, p *probe) {
	p.hire(ctx, "acme", "zoe", "ann", "Ben", "ben")
	p.hire(ctx, "beta", "carl")
	p.same(agentIDs(p.agents(ctx, "acme")), []string{"Ben", "ann", "ben", "zoe"}, "all agents")
	p.that(len(p.agents(ctx, "gamma")) == 0, "a workspace without agents has none")
}

func agentVersions(ctx context.Context, p *probe) {
	p.hire(ctx, "acme", "ann")
	a := p.agents(ctx, "acme", "ann")[0]
	p.apply(ctx, livedesk.Changes{Agents: []livedesk.Agent{a}})
	p.is(p.tryApply(ctx, livedesk.Changes{Agents: []livedesk.Agent{a}}), livedesk.ErrConflict, "an old version")
	a.Version = 0
	p.is(p.tryApply(ctx, livedesk.Changes{Agents: []livedesk.Agent{a}}), livedesk.ErrExists, "an insert of a known id")
	a.ID, a.Version = "ben", 1
	p.is(p.tryApply(ctx, livedesk.Changes{Agents: []livedesk.Agent{a}}), livedesk.ErrConflict, "a change of an agent who isn't there")
}

// loads returns the loads of ann and ben.
func (p *probe) loads(ctx context.Context) (ann, ben int) {
	rows := p.agents(ctx, "acme", "ann", "ben")
	return rows[0].Load, rows[1].Load
}

func agentLoad(ctx context.Context, p *probe) {
	at := newSite()
	p.hire(ctx, "acme", "ann", "ben")
	rows := p.talks(ctx, at, 1, 4)
	step := func(i int, s livedesk.State, who string, wantAnn, wantBen int) {
		rows[i].State, rows[i].Assignee = s, who
		p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{rows[i]}})
		rows[i].Version++
		ann, ben := p.loads(ctx)
		p.that(ann == wantAnn && ben == wantBen, "after %s of %q the loads are %d and %d, not %d and %d", s, who, wantAnn, wantBen, ann, ben)
	}
	step(0, livedesk.Open, "ann", 1, 0)
	step(0, livedesk.Open, "ann", 1, 0)
	step(1, livedesk.Open, "ann", 2, 0)
	step(1, livedesk.Open, "ben", 1, 1)
	step(2, livedesk.Pending, "ann", 1, 1)
	step(0, livedesk.Snoozed, "ann", 0, 1)
	step(0, livedesk.Open, "ann", 1, 1)
	step(1, livedesk.Open, "", 1, 0)
	step(0, livedesk.Resolved, "ann", 0, 0)
	p.talksAs(ctx, site{"beta", at.channel}, 1, 2, func(_ int, c *livedesk.Conversation) { c.Assignee = "ann" })
	p.talksAs(ctx, site{"acme", newID()}, 1, 2, func(_ int, c *livedesk.Conversation) { c.Assignee = "ann" })
	ann, _ := p.loads(ctx)
	p.that(ann == 1, "load counts all channels of the workspace and no other: %d", ann)
	p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		rows[0].State = livedesk.Open
		return tx.Apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{rows[0]}})
	})
	ann, _ = p.loads(ctx)
	p.that(ann == 1, "load is as it was after a transaction was rolled back: %d", ann)
}

func agentLoadWritten(ctx context.Context, p *probe) {
	p.hire(ctx, "acme", "ann", "ben")
	c := p.talk(ctx, newSite(), 1)
	c.Assignee = "ann"
	a := p.agents(ctx, "acme", "ann")[0]
	a.Load = 1
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}, Agents: []livedesk.Agent{a}})
	ann, _ := p.loads(ctx)
	p.that(ann == 1, "load is 1 when the writer counted too, not %d", ann)
	a = p.agents(ctx, "acme", "ann")[0]
	a.Load = 40
	p.apply(ctx, livedesk.Changes{Agents: []livedesk.Agent{a}})
	ann, _ = p.loads(ctx)
	p.that(ann == 1, "load is 1 when the writer counted wrong, not %d", ann)
}

func agentLoadLate(ctx context.Context, p *probe) {
	p.talksAs(ctx, newSite(), 1, 3, func(_ int, c *livedesk.Conversation) { c.Assignee = "ann" })
	p.hire(ctx, "acme", "ann")
	p.that(p.agents(ctx, "acme", "ann")[0].Load == 2, "load counts what was assigned before")
	p.apply(ctx, livedesk.Changes{DeletedAgents: []livedesk.Agent{{Workspace: "acme", ID: "ann"}}})
	p.hire(ctx, "acme", "ann")
	p.that(p.agents(ctx, "acme", "ann")[0].Load == 2, "load counts them after the agent came back")
}
