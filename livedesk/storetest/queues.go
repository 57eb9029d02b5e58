package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

func queueCases() []Case {
	return []Case{
		clause("an unknown one is empty", queueUnknown),
		clause("are loaded by id and by member, each once, sorted by id", queueSelection),
		clause("come with the agents who are members, and those of Agents and Loads, each once, sorted by id", queueRoster),
		clause("come with agents who have their Load", queueLoads),
		clause("Members are replaced as a whole, in order", queueMembers),
		clause("have heads by priority, then the longest waiting, then id", queueOrder),
		clause("show as many heads as asked for and whether there are more", queueHeads),
		clause("pass over those who are alike to some of Without, and count them for nothing", queueWithout),
		clause("can be loaded again for more of those who wait", queueAgain),
		clause("show a conversation where it waits now", queueFollows),
		clause("of one workspace show nothing of another", queueScopes),
		clause("a row of another Version is ErrConflict, of a known id ErrExists", queueVersions),
		clause("that are empty can be written again", queueEmptied),
		clause("lose an agent who is deleted", queueLosesAgent),
		clause("can be written without an agent who is deleted in the same Apply", queueWrittenWithDeletion),
	}
}

func queueUnknown(ctx context.Context, p *probe) {
	p.same(p.queue(ctx, "acme", "team:none", 9), livedesk.Queue{Workspace: "acme", ID: "team:none"}, "an unknown queue")
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		found, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "acme", IDs: []string{"team:none"}, Heads: 1})
		if err != nil {
			return err
		}
		rows := found.Queues
		if len(rows) != 1 || rows[0].ID != "team:none" || rows[0].Version != 0 {
			return fmt.Errorf("an unknown queue inside Update is %+v", rows)
		}
		rows[0].Count = 1
		return tx.Apply(ctx, livedesk.Changes{Queues: rows})
	})
	p.that(p.queue(ctx, "acme", "team:none", 0).Count == 1, "it was written")
}

func members(agents ...string) (out []livedesk.Member) {
	for _, a := range agents {
		out = append(out, livedesk.Member{Agent: a})
	}
	return out
}

func queueIDs(rows []livedesk.Queue) []string {
	out := make([]string, len(rows))
	for i, q := range rows {
		out[i] = q.ID
	}
	return out
}

func queueSelection(ctx context.Context, p *probe) {
	p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{
		{Workspace: "acme", ID: "team:c", Members: members("zoe", "ann")},
		{Workspace: "acme", ID: "team:a", Members: members("ann")},
		{Workspace: "acme", ID: "team:b", Members: members("ben")},
		{Workspace: "beta", ID: "team:d", Members: members("ann")},
	}})
	load := func(ids, agents []string) []string {
		return queueIDs(p.queues(ctx, livedesk.QueueQuery{Workspace: "acme", IDs: ids, Agents: agents}))
	}
	p.same(load([]string{"team:b", "team:a"}, nil), []string{"team:a", "team:b"}, "two by id")
	p.same(load([]string{"team:b", "team:b", "team:0"}, nil), []string{"team:0", "team:b"}, "two by id, one twice")
	p.same(load(nil, []string{"ann"}), []string{"team:a", "team:c"}, "those of one agent")
	p.same(load(nil, []string{"zoe", "ann", "nobody"}), []string{"team:a", "team:c"}, "those of three agents")
	p.same(load([]string{"team:c", "team:b"}, []string{"ann"}), []string{"team:a", "team:b", "team:c"}, "by id and by agent")
	p.that(len(load(nil, nil)) == 0, "nothing selects nothing")
}

func queueRoster(ctx context.Context, p *probe) {
	p.hire(ctx, "acme", "zoe", "ann", "ben", "carl", "Dora")
	p.hire(ctx, "beta", "ann", "eve")
	p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{
		{Workspace: "acme", ID: "team:a", Members: members("zoe", "gone", "ann")},
		{Workspace: "acme", ID: "team:b", Members: members("ann", "ben")},
		{Workspace: "beta", ID: "team:a", Members: members("eve")},
	}})
	for what, q := range map[string]struct {
		livedesk.QueueQuery
		queues, agents []string
	}{
		"by id":              {livedesk.QueueQuery{IDs: []string{"team:a"}}, []string{"team:a"}, []string{"ann", "zoe"}},
		"by two ids":         {livedesk.QueueQuery{IDs: []string{"team:b", "team:a", "team:b"}}, []string{"team:a", "team:b"}, []string{"ann", "ben", "zoe"}},
		"by an unknown id":   {livedesk.QueueQuery{IDs: []string{"team:c"}}, []string{"team:c"}, nil},
		"by agent":           {livedesk.QueueQuery{Agents: []string{"ben"}}, []string{"team:b"}, []string{"ann", "ben"}},
		"by who is in none":  {livedesk.QueueQuery{Agents: []string{"carl", "nobody"}}, nil, []string{"carl"}},
		"by who isn't there": {livedesk.QueueQuery{Agents: []string{"gone"}}, []string{"team:a"}, []string{"ann", "zoe"}},
		"with loads":         {livedesk.QueueQuery{Loads: []string{"zoe", "Dora", "zoe", "eve"}}, nil, []string{"Dora", "zoe"}},
		"with everything": {
			livedesk.QueueQuery{IDs: []string{"team:b"}, Agents: []string{"carl", "ben"}, Loads: []string{"Dora", "ann"}},
			[]string{"team:b"}, []string{"Dora", "ann", "ben", "carl"},
		},
		"with nothing": {},
	} {
		q.Workspace, q.Heads = "acme", 1
		got := p.roster(ctx, q.QueueQuery)
		p.same(queueIDs(got.Queues), q.queues, "the queues "+what)
		p.same(agentIDs(got.Agents), q.agents, "the agents "+what)
		p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			locked, err := tx.Queues(ctx, q.QueueQuery)
			return errors.Join(err, differ(locked, got, "what an Update finds "+what))
		})
	}
	for _, a := range p.roster(ctx, livedesk.QueueQuery{Workspace: "acme", IDs: []string{"team:a"}}).Agents {
		p.same(a, p.agents(ctx, "acme", a.ID)[0], "an agent")
	}
}

func queueLoads(ctx context.Context, p *probe) {
	p.hire(ctx, "acme", "ann", "ben")
	p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{{Workspace: "acme", ID: "team:a", Members: members("ann")}}})
	rows := p.talksAs(ctx, newSite(), 0, 3, func(n int, c *livedesk.Conversation) { c.Assignee = []string{"ann", "ben", "ann"}[n] })
	q := livedesk.QueueQuery{Workspace: "acme", IDs: []string{"team:a"}, Loads: []string{"ben"}}
	check := func(want ...int) {
		look := func(got livedesk.Roster, err error) error {
			if err == nil && len(got.Agents) != 2 {
				err = fmt.Errorf("%d agents are loaded, not 2", len(got.Agents))
			}
			if err != nil {
				return err
			}
			return differ([]int{got.Agents[0].Load, got.Agents[1].Load}, want, "the loads of ann and ben")
		}
		p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) error { return look(tx.Queues(ctx, q)) })
		p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return look(tx.Queues(ctx, q)) })
	}
	check(2, 1)
	rows[0].Assignee, rows[1].State = "ben", livedesk.Snoozed
	p.apply(ctx, livedesk.Changes{Conversations: rows})
	check(1, 1)
}

func queueMembers(ctx context.Context, p *probe) {
	q := livedesk.Queue{Workspace: "acme", ID: "team:a"}
	for i, who := range [][]string{{"zoe", "ann", "ben"}, {"ann", "zoe"}, {"carl", "ann"}, {}, {"ben"}} {
		q.Members, q.Count = members(who...), int64(i)
		for j := range q.Members {
			q.Members[j].Last = int64(i * j)
		}
		q.Waiting = []livedesk.Conversation{{ID: "doesn't count"}}
		p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{q}})
		got := p.queue(ctx, "acme", "team:a", 3)
		p.same(got.Members, q.Members, "the members")
		p.that(len(got.Waiting) == 0 && !got.More, "nobody waits")
		for _, a := range []string{"zoe", "ann", "ben", "carl"} {
			found := p.queues(ctx, livedesk.QueueQuery{Workspace: "acme", Agents: []string{a}})
			p.that((len(found) == 1) == slices.Contains(who, a), "the queue is found by %s if and only if a member", a)
		}
		q.Version = got.Version
	}
}

func queueOrder(ctx context.Context, p *probe) {
	at := newSite()
	id := livedesk.ChannelQueue(at.channel)
	rows := p.talksAs(ctx, at, 0, 24, func(n int, c *livedesk.Conversation) {
		c.Queue, c.Priority = id, routing.Priority(n%4-2)
		c.QueuedAt = origin.Add(time.Duration(n*5%3) * time.Microsecond)
	})
	slices.SortFunc(rows, func(a, b livedesk.Conversation) int {
		if a.Priority != b.Priority {
			return int(b.Priority - a.Priority)
		}
		if d := a.QueuedAt.Compare(b.QueuedAt); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	p.same(p.queue(ctx, at.workspace, id, 100).Waiting, rows, "the line")
	p.same(p.queue(ctx, at.workspace, id, 5).Waiting, rows[:5], "the head of the line")
}

func queueHeads(ctx context.Context, p *probe) {
	at := newSite()
	id := livedesk.ChannelQueue(at.channel)
	p.talksAs(ctx, at, 0, 3, func(n int, c *livedesk.Conversation) { c.Queue, c.QueuedAt = id, origin })
	for heads, want := range map[int]int{0: 0, 1: 1, 2: 2, 3: 3, 4: 3} {
		q := p.queue(ctx, at.workspace, id, heads)
		p.that(len(q.Waiting) == want, "with %d heads %d are shown, not %d", heads, want, len(q.Waiting))
		p.that(q.More == (heads > 0 && want < 3), "with %d heads of 3, More is %v", heads, q.More)
	}
}

func queueWithout(ctx context.Context, p *probe) {
	at, other := newSite(), newSite()
	waits := func(needs ...livedesk.Needs) func(n int, c *livedesk.Conversation) {
		return func(n int, c *livedesk.Conversation) {
			c.Queue, c.QueuedAt, c.Needs = "team:a", origin.Add(time.Duration(n)*time.Microsecond), needs[n]
		}
	}
	first, second := p.talksAs(ctx, at, 0, 3, waits("", "fr:", ":vip")), p.talksAs(ctx, other, 0, 2, waits("fr:", ""))
	load := func(heads int, without ...livedesk.Alike) livedesk.Queue {
		return p.queues(ctx, livedesk.QueueQuery{Workspace: at.workspace, IDs: []string{"team:a"}, Heads: heads, Without: without})[0]
	}
	of := func(s site, needs livedesk.Needs) livedesk.Alike {
		return livedesk.Alike{Channel: s.channel, Needs: needs}
	}
	p.that(len(load(9).Waiting) == 5, "all five are shown")
	p.same(load(9, of(at, "")).Waiting, second, "those of the other channel")
	p.same(load(9, of(other, ""), of(newSite(), "")).Waiting, first, "those of the first channel")
	p.that(load(1, of(at, "")).More && !load(2, of(at, "")).More, "More counts those who are shown")
	p.that(len(load(9, of(at, ""), of(other, "")).Waiting) == 0, "without both nobody waits")
	p.same(load(9, of(other, ""), of(at, "fr:")).Waiting, []livedesk.Conversation{first[0], first[2]}, "those who need something else")
	p.same(load(9, of(at, ""), of(at, "fr:")).Waiting, second, "those of the other channel, whatever they need")
	p.that(len(load(9, of(at, ":vip"), of(other, ":vip"), of(other, "vip")).Waiting) == 4, "needs are compared as a whole")
	p.that(load(3, of(at, ":vip")).More && !load(4, of(at, ":vip")).More, "More counts those who are shown, by need")
}

func queueAgain(ctx context.Context, p *probe) {
	at := newSite()
	p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{{Workspace: at.workspace, ID: "team:a", Members: members("ann")}}})
	p.talksAs(ctx, at, 0, 3, func(_ int, c *livedesk.Conversation) { c.Queue, c.QueuedAt = "team:a", origin })
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		q := livedesk.QueueQuery{Workspace: at.workspace, Agents: []string{"ann"}, Heads: 1}
		first, err := tx.Queues(ctx, q)
		if err != nil {
			return err
		}
		second, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: at.workspace, IDs: []string{"team:a"}, Heads: 3})
		if err != nil {
			return err
		}
		rows := first.Queues
		if len(rows) != 1 || len(rows[0].Waiting) != 1 || len(second.Queues[0].Waiting) != 3 || second.Queues[0].More {
			return fmt.Errorf("at first %+v, and then %+v", rows, second.Queues)
		}
		rows[0].Count = 7
		return tx.Apply(ctx, livedesk.Changes{Queues: rows})
	})
	p.that(p.queue(ctx, at.workspace, "team:a", 0).Count == 7, "it was written")
}

func queueFollows(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	line := func(id string) int { return len(p.queue(ctx, at.workspace, id, 9).Waiting) }
	for _, id := range []string{"team:a", "team:b", "", "team:a"} {
		c.Queue, c.QueuedAt = id, origin
		p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
		c.Version++
		for _, q := range []string{"team:a", "team:b"} {
			p.that((line(q) == 1) == (q == id), "after it went to %q, %d wait in %s", id, line(q), q)
		}
	}
	c.Unread = 3
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
	c.Version++
	p.same(p.queue(ctx, at.workspace, "team:a", 1).Waiting, []livedesk.Conversation{c}, "the line after a change of the row")
}

func queueScopes(ctx context.Context, p *probe) {
	at := newSite()
	p.talksAs(ctx, at, 1, 2, func(_ int, c *livedesk.Conversation) { c.Queue, c.QueuedAt = "team:a", origin })
	p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{{Workspace: at.workspace, ID: "team:a", Members: members("ann")}}})
	p.same(p.queue(ctx, "beta", "team:a", 9), livedesk.Queue{Workspace: "beta", ID: "team:a"}, "another workspace's queue")
	p.that(len(p.queues(ctx, livedesk.QueueQuery{Workspace: "beta", Agents: []string{"ann"}})) == 0, "another workspace's agent is no member")
}

func queueVersions(ctx context.Context, p *probe) {
	q := livedesk.Queue{Workspace: "acme", ID: "team:a", Count: 1, Members: members("ann")}
	p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{q}})
	p.is(p.tryApply(ctx, livedesk.Changes{Queues: []livedesk.Queue{q}}), livedesk.ErrExists, "an insert of a known id")
	q.Version = 1
	p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{q}})
	p.is(p.tryApply(ctx, livedesk.Changes{Queues: []livedesk.Queue{q}}), livedesk.ErrConflict, "an old version")
}

func queueEmptied(ctx context.Context, p *probe) {
	q := livedesk.Queue{Workspace: "acme", ID: "team:a", Count: 1, Members: members("ann")}
	for range 3 {
		p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{q}})
		q = p.queue(ctx, "acme", "team:a", 0)
		q.Members, q.Count = nil, 0
		p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{q}})
		q = p.queue(ctx, "acme", "team:a", 0) // the store may have forgotten it: Version is what it says
		p.that(len(q.Members) == 0 && q.ID == "team:a", "it is empty")
		q.Members, q.Count = members("ben"), 1
	}
}

// staffed puts ann and ben, and ann in two of three queues.
func (p *probe) staffed(ctx context.Context) {
	p.apply(ctx, livedesk.Changes{
		Agents: []livedesk.Agent{{Workspace: "acme", ID: "ann"}, {Workspace: "acme", ID: "ben"}, {Workspace: "beta", ID: "ann"}},
		Queues: []livedesk.Queue{
			{Workspace: "acme", ID: "team:a", Count: 7, Members: members("ben", "ann", "zoe")},
			{Workspace: "acme", ID: "team:b", Members: members("ann")},
			{Workspace: "acme", ID: "team:c", Members: members("ben")},
			{Workspace: "beta", ID: "team:a", Members: members("ann")},
		},
	})
}

func queueLosesAgent(ctx context.Context, p *probe) {
	p.staffed(ctx)
	p.apply(ctx, livedesk.Changes{DeletedAgents: []livedesk.Agent{{Workspace: "acme", ID: "ann"}}})
	got := p.agents(ctx, "acme", "ann", "ben")
	p.that(got[0].ID == "" && got[1].ID == "ben", "ann is gone and ben is not")
	a := p.queue(ctx, "acme", "team:a", 0)
	p.same(a.Members, members("ben", "zoe"), "the members who stay")
	p.that(a.Count == 7, "the count stays")
	p.that(len(p.queue(ctx, "acme", "team:b", 0).Members) == 0, "the other queue is empty")
	p.that(len(p.queues(ctx, livedesk.QueueQuery{Workspace: "acme", Agents: []string{"ann"}})) == 0, "no queue is found by ann")
	p.that(p.agents(ctx, "beta", "ann")[0].ID == "ann", "another workspace's ann stays")
	p.same(p.queue(ctx, "beta", "team:a", 0).Members, members("ann"), "another workspace's members")
	a.Count++
	p.apply(ctx, livedesk.Changes{Queues: []livedesk.Queue{a}})
	p.apply(ctx, livedesk.Changes{Agents: []livedesk.Agent{{Workspace: "acme", ID: "ann"}}})
	p.that(len(p.queues(ctx, livedesk.QueueQuery{Workspace: "acme", Agents: []string{"ann"}})) == 0, "who comes back has no places")
	p.apply(ctx, livedesk.Changes{DeletedAgents: []livedesk.Agent{{Workspace: "acme", ID: "nobody"}}})
}

func queueWrittenWithDeletion(ctx context.Context, p *probe) {
	p.staffed(ctx)
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		found, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: "acme", Agents: []string{"ann"}})
		if err != nil {
			return err
		}
		rows := found.Queues
		for i := range rows {
			rows[i].Members = slices.DeleteFunc(rows[i].Members, func(m livedesk.Member) bool { return m.Agent == "ann" })
		}
		return tx.Apply(ctx, livedesk.Changes{Queues: rows, DeletedAgents: []livedesk.Agent{{Workspace: "acme", ID: "ann"}}})
	})
	p.same(p.queue(ctx, "acme", "team:a", 0).Members, members("ben", "zoe"), "the members who stay")
	p.that(p.agents(ctx, "acme", "ann")[0].ID == "", "ann is gone")
}
