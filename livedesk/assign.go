package livedesk

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/routing"
)

// servedHeads is how many waiting conversations of a queue one transaction looks at.
const servedHeads = 32

// assign chooses for every wish of the unit, and serves the queues of every agent who has a free place since. It is the
// only place where the store's queues are locked, and it does nothing when nobody is to be chosen.
func (u *unit) assign(ctx context.Context) error {
	plans := map[string]*placing{}
	plan := func(workspace string) *placing {
		if plans[workspace] == nil {
			plans[workspace] = &placing{u: u, workspace: workspace, delta: map[string]int{}, ids: map[string]bool{},
				free: map[string]bool{}, queues: map[string]*line{}}
		}
		return plans[workspace]
	}
	for _, c := range slices.Clone(u.order) {
		if before, after := counts(c.was), counts(c.now); before != after {
			p := plan(c.now.Workspace)
			p.move(before, after)
		}
		if c.wish != nil {
			plan(c.now.Workspace).route(c)
		}
	}
	for k := range u.queueChanges {
		plan(k.workspace).ids[k.id] = true
	}
	for k := range u.agentChanges {
		plan(k.workspace).free[k.id] = true
	}
	for _, ws := range slices.Sorted(maps.Keys(plans)) {
		if err := plans[ws].run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// placing gives places in one workspace.
type placing struct {
	u         *unit
	workspace string
	ids       map[string]bool // queues that are needed
	free      map[string]bool // agents who may have a free place
	delta     map[string]int  // change of load that the unit's own decisions made
	wishes    []routed
	queues    map[string]*line
	waiting   []*conv // who waits by a decision of this unit
}

// line is a working copy of a queue.
type line struct {
	row     Queue
	changed bool
	full    bool // nobody can take one more
	waits   bool // somebody waits whom nobody can take
}

func (p *placing) move(before, after string) {
	if before != "" {
		p.delta[before]--
		p.free[before] = true
	}
	if after != "" {
		p.delta[after]++
	}
}

func (p *placing) run(ctx context.Context) error {
	if len(p.ids)+len(p.free)+len(p.delta) > 0 {
		if err := p.lock(ctx); err != nil {
			return err
		}
	}
	left := slices.DeleteFunc(p.wishes, func(r routed) bool { return p.keep(r.c) })
	p.serve() // those who came before go first
	for _, r := range left {
		p.settle(r)
	}
	p.collect()
	return nil
}

// lock loads the queues and everybody in them, and changes them as the unit wants.
func (p *placing) lock(ctx context.Context) error {
	heads := 1 // who arrives only has to know whether others wait before it
	if len(p.free)+len(p.u.queueChanges) > 0 {
		heads = servedHeads
	}
	q := QueueQuery{
		Workspace: p.workspace, IDs: slices.Sorted(maps.Keys(p.ids)), Agents: slices.Sorted(maps.Keys(p.free)),
		Loads: slices.Collect(maps.Keys(p.delta)), Heads: heads,
	}
	for id := range p.ids {
		q.Loads = append(q.Loads, p.u.queueChanges[objectKey{p.workspace, id}].agents...)
	}
	found, err := p.u.tx.Queues(ctx, q)
	if err != nil {
		return err
	}
	p.u.begun()
	p.u.placed = len(found.Agents) > 0
	for _, q := range found.Queues {
		l := &line{row: q}
		if change := p.u.queueChanges[objectKey{p.workspace, q.ID}].do; change != nil {
			change(&l.row)
			l.changed = true
		}
		p.queues[q.ID] = l
	}
	for _, a := range found.Agents {
		if err := p.take(a.ID, a); err != nil {
			return err
		}
	}
	return p.makeNew()
}

// makeNew makes the agents who are to be changed and don't exist.
func (p *placing) makeNew() error {
	for k := range p.u.agentChanges {
		if k.workspace == p.workspace && p.u.agents[k] == nil {
			if err := p.take(k.id, Agent{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// take makes a working copy of an agent, with the load that the unit's own decisions gave or took.
func (p *placing) take(id string, a Agent) error {
	key := objectKey{p.workspace, id}
	change := p.u.agentChanges[key]
	w := &agentCopy{was: a, now: a}
	w.now.Workspace, w.now.ID = p.workspace, id
	w.now.Load = max(w.now.Load+p.delta[id], 0)
	p.u.agents[key] = w
	if change != nil {
		return change(&w.now)
	}
	return nil
}

// agent returns the working copy of an agent, nil for one who doesn't exist.
func (p *placing) agent(id string) *Agent {
	if a := p.u.agents[objectKey{p.workspace, id}]; a != nil {
		return &a.now
	}
	return nil
}

// keep gives a conversation back to the agent who had it, if that is still possible.
func (p *placing) keep(c *conv) bool {
	if c.wish.keep == "" {
		return false
	}
	a, why := p.agent(c.wish.keep), p.unfit(c)
	if why != "" {
		return false
	}
	c.wish.decision = &Decision{At: p.u.now, Cause: c.wish.facts.Cause, Tier: TierBefore, Agent: a.ID}
	c.wish.decision.look(TierBefore, "", LookDecided)
	p.give(c, a, "had it before", c.wish.decision)
	return true
}

// unfit says why the agent who had a conversation can't have it again; empty if they can.
func (p *placing) unfit(c *conv) SkipReason {
	a := p.agent(c.wish.keep)
	if why := p.absent(a); why != "" || c.wish.woken {
		return why
	}
	q := p.queues[ChannelQueue(c.now.Channel)]
	switch {
	case q == nil || !slices.ContainsFunc(q.row.Members, func(m Member) bool { return m.Agent == a.ID }):
		return SkipNoMember
	case !roomFor(*a):
		return SkipFull
	}
	return ""
}

// absent says why an agent takes nothing now, whatever the load; empty for one on line.
func (p *placing) absent(a *Agent) SkipReason {
	if a == nil {
		return SkipUnknown
	}
	switch a.PresentAt(p.u.now) {
	case Online:
		return ""
	case Busy:
		return SkipBusy
	}
	return SkipOffline
}

// serve gives free places to those who wait, over all locked queues: priority first, then the longest waiting.
func (p *placing) serve() {
	type head struct {
		q *line
		c *conv
	}
	var heads []head
	for _, id := range slices.Sorted(maps.Keys(p.queues)) {
		q := p.queues[id]
		for _, row := range q.row.Waiting {
			c := p.u.conversation(row)
			if c.now.Queue == id && c.now.State == Open { // this unit may have taken it out already
				heads = append(heads, head{q, c})
			}
		}
	}
	slices.SortStableFunc(heads, func(a, b head) int { return waitingOrder(a.c.now, b.c.now) })
	placed := map[*line]bool{}
	for _, h := range heads {
		switch {
		case h.c.now.Queue != h.q.row.ID || p.manual(h.q):
		case h.q.full || !p.place(h.q, h.c):
			h.q.full, h.q.waits = true, true
		default:
			placed[h.q] = true
		}
	}
	for q := range placed {
		if q.row.More && !q.full {
			p.u.jobs = append(p.u.jobs, JobChange{Job: serveJob(q.row, p.u.now)})
		}
	}
}

// place gives a conversation to whom the queue's strategy picks, if anybody.
func (p *placing) place(q *line, c *conv) bool {
	i := p.pick(q, c)
	if i < 0 {
		return false
	}
	m := &q.row.Members[i]
	q.row.Count++
	m.Last, q.changed = q.row.Count, true
	d := p.decisionOf(c, q)
	d.Agent = m.Agent
	p.skipped(d, q, m.Agent)
	p.give(c, p.agent(m.Agent), strategyName(p.mode(q)), d)
	return true
}

// decisionOf returns the record of what is being decided about a conversation: routing's own, or that a place came free.
func (p *placing) decisionOf(c *conv, q *line) *Decision {
	if c.wish == nil || c.wish.decision == nil {
		return &Decision{At: p.u.now, Tier: TierQueue, Queue: q.row.ID}
	}
	return c.wish.decision
}

// skipped notes who of a queue could not take a conversation.
func (p *placing) skipped(d *Decision, q *line, winner string) {
	capped := p.mode(q) != RoundRobin
	for _, m := range q.row.Members {
		a := p.agent(m.Agent)
		why := p.absent(a)
		if why == "" && capped && !roomFor(*a) {
			why = SkipFull
		}
		if m.Agent != winner {
			d.skip(m.Agent, why)
		}
	}
}

func waitingOrder(a, b Conversation) int {
	return cmp.Or(-cmp.Compare(a.Priority, b.Priority), a.QueuedAt.Compare(b.QueuedAt), cmp.Compare(a.ID, b.ID))
}

// pick returns the place in q.row.Members of who takes c, or -1.
func (p *placing) pick(q *line, c *conv) int {
	members, index := make([]routing.Member, 0, len(q.row.Members)), make([]int, 0, len(q.row.Members))
	for i, m := range q.row.Members {
		a := p.agent(m.Agent)
		if a == nil || a.PresentAt(p.u.now) != Online {
			continue
		}
		members = append(members, routing.Member{
			Agent: a.ID, Load: a.Load + a.OutsideLoad, Capacity: a.Capacity, Last: m.Last, Position: i,
		})
		index = append(index, i)
	}
	f := routing.Facts{Workspace: p.workspace, Channel: c.now.Channel, Conversation: c.now.ID}
	if c.wish != nil {
		f = c.wish.facts
	}
	i := strategy(p.mode(q)).Pick(f, members)
	if i < 0 || i >= len(members) {
		return -1
	}
	return index[i]
}

func (p *placing) give(c *conv, a *Agent, cause string, d *Decision) {
	c.now.Queue, c.now.Assignee = "", a.ID
	c.now.QueuedAt = time.Time{}
	if counts(c.now) != "" {
		a.Load++
	}
	p.u.activity(c, Actor{}, Activity{What: "assigned", To: a.ID, Cause: cause, Decision: d})
}

// collect hands the changed rows over, and notes who waits now.
func (p *placing) collect() {
	gone := map[string]bool{}
	for _, a := range p.u.changes.DeletedAgents {
		if a.Workspace == p.workspace {
			gone[a.ID] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.queues)) {
		if q := p.queues[id]; q.changed {
			row := q.row
			row.Waiting = nil
			row.Members = slices.DeleteFunc(row.Members, func(m Member) bool { return gone[m.Agent] })
			p.u.changes.Queues = append(p.u.changes.Queues, row)
		}
	}
	for _, c := range p.waiting {
		p.u.activity(c, Actor{}, Activity{What: "waiting", To: c.now.Queue, Decision: c.wish.decision})
	}
	for key, a := range p.u.agents {
		if key.workspace == p.workspace && a.now != a.was && !gone[key.id] {
			p.u.changes.Agents = append(p.u.changes.Agents, a.now)
		}
	}
}

// manual reports whether a queue is served by people only.
func (p *placing) manual(q *line) bool {
	ch := p.channelOf(q)
	return ch != nil && ch.channel.Assignment.Manual
}

func (p *placing) mode(q *line) Mode {
	if ch := p.channelOf(q); ch != nil {
		return ch.channel.Assignment.Mode
	}
	return LeastLoaded
}

func (p *placing) channelOf(q *line) *channelInfo {
	id, ok := strings.CutPrefix(q.row.ID, "channel:")
	if !ok {
		return nil
	}
	return p.u.snap.channels[objectKey{p.workspace, id}]
}

func strategy(m Mode) routing.Strategy {
	switch m {
	case ShareLoaded:
		return routing.LeastLoaded{ByShare: true}
	case RoundRobin:
		return routing.RoundRobin{}
	case RoundRobinCapped:
		return routing.RoundRobin{HonorCapacity: true}
	}
	return routing.LeastLoaded{}
}

func strategyName(m Mode) string { return cmp.Or(string(m), "least_loaded") }

func roomFor(a Agent) bool {
	return routing.Member{Load: a.Load + a.OutsideLoad, Capacity: a.Capacity}.Room()
}
