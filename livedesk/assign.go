package livedesk

import (
	"cmp"
	"context"
	"log/slog"
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
}

// routed is a wish with the queues where it may be fulfilled, in order of preference.
type routed struct {
	c     *conv
	lines []string
	why   string
}

// line is a working copy of a queue.
type line struct {
	row     Queue
	changed bool
	full    bool // nobody can take one more
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

// route asks the host's router, then falls back on the channel's human agents.
func (p *placing) route(c *conv) {
	r := routed{c: c}
	d := p.u.e.ask(c.wish.facts)
	for _, t := range d.Targets {
		switch t.Kind {
		case routing.ToAgent:
			r.lines = append(r.lines, AgentQueue(t.ID))
		case routing.ToTeam:
			r.lines = append(r.lines, TeamQueue(t.ID))
		case routing.ToHumans:
			r.lines = append(r.lines, ChannelQueue(c.now.Channel))
		case routing.ToNobody:
			p.label(c, d)
			return
		}
	}
	if len(r.lines) > 0 {
		p.label(c, d)
		r.why = d.Reason
	} else {
		r.lines = []string{ChannelQueue(c.now.Channel)}
	}
	for _, id := range r.lines {
		p.ids[id] = true
	}
	if c.wish.keep != "" {
		p.ids[ChannelQueue(c.now.Channel)] = true // to see whether that agent is still a member
		p.delta[c.wish.keep] += 0                 // and on line
	}
	p.wishes = append(p.wishes, r)
}

func (p *placing) label(c *conv, d routing.Decision) {
	for _, l := range d.Labels {
		if !slices.Contains(c.now.Labels, l) {
			c.now.Labels = append(slices.Clone(c.now.Labels), l)
		}
	}
	if d.Priority != nil {
		c.now.Priority = min(max(*d.Priority, -100), 100)
	}
}

// ask calls the host's router; a panic is a pass, and is told.
func (e *Engine) ask(f routing.Facts) (d routing.Decision) {
	if e.cfg.Router == nil {
		return routing.Decision{}
	}
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("router panicked", slog.Any("panic", r), slog.String("conversation", f.Conversation))
			d = routing.Decision{}
		}
	}()
	return e.cfg.Router.Route(f)
}

func (p *placing) run(ctx context.Context) error {
	if len(p.ids)+len(p.free)+len(p.delta) == 0 {
		return nil
	}
	if err := p.lock(ctx); err != nil {
		return err
	}
	for _, r := range p.wishes {
		if !p.keep(r.c) {
			p.enqueue(r)
		}
	}
	p.serve()
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
	a := p.agent(c.wish.keep)
	if c.wish.keep == "" || a == nil || a.PresentAt(p.u.now) != Online {
		return false
	}
	if !c.wish.woken {
		q := p.queues[ChannelQueue(c.now.Channel)]
		member := q != nil && slices.ContainsFunc(q.row.Members, func(m Member) bool { return m.Agent == a.ID })
		if !member || !roomFor(*a) {
			return false
		}
	}
	p.give(c, a, "had it before")
	return true
}

// enqueue puts a conversation into the first line where somebody can take it now, else into the first.
func (p *placing) enqueue(r routed) {
	id := r.lines[0]
	for _, l := range r.lines {
		if q := p.queues[l]; len(q.row.Waiting) == 0 && p.pick(q, r.c) >= 0 {
			id = l
			break
		}
	}
	c := r.c
	c.now.Queue, c.now.QueuedAt, c.now.Assignee = id, p.u.now, ""
	p.queues[id].row.Waiting = append(p.queues[id].row.Waiting, c.now)
	if r.why != "" {
		p.u.activity(c, Actor{}, Activity{What: "routed", To: id, Cause: truncate(r.why, 256)})
	}
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
	placed := map[*line]int{}
	for _, h := range heads {
		if h.q.full || h.c.now.Queue != h.q.row.ID || p.manual(h.q) {
			continue
		}
		i := p.pick(h.q, h.c)
		if i < 0 {
			h.q.full = true
			continue
		}
		m := &h.q.row.Members[i]
		h.q.row.Count++
		m.Last, h.q.changed = h.q.row.Count, true
		p.give(h.c, p.agent(m.Agent), strategyName(p.mode(h.q)))
		placed[h.q]++
	}
	for q, n := range placed {
		if q.row.More && n > 0 && !q.full {
			p.u.jobs = append(p.u.jobs, JobChange{Job: serveJob(q.row, p.u.now)})
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

func (p *placing) give(c *conv, a *Agent, cause string) {
	c.now.Queue, c.now.Assignee = "", a.ID
	c.now.QueuedAt = time.Time{}
	if counts(c.now) != "" {
		a.Load++
	}
	p.u.activity(c, Actor{}, Activity{What: "assigned", To: a.ID, Cause: cause})
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
	for _, r := range p.wishes {
		if q := r.c.now.Queue; q != "" && r.c.was.Queue != q {
			p.u.activity(r.c, Actor{}, Activity{What: "waiting", To: q})
		}
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
