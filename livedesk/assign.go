package livedesk

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// servedHeads is how many waiting conversations of a queue one transaction looks at, at most, but for those of channels of
// which nobody there may have more. spareHeads is how many it looks at beyond the places that came free.
const (
	servedHeads = 32
	spareHeads  = 8
)

// serveAgainAfter is after what time a queue is served again of which somebody else had a waiting conversation locked.
const serveAgainAfter = 250 * time.Millisecond

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
		if c.wanted() {
			if err := u.lookBack(ctx, c); err != nil {
				return err
			}
			if err := u.recall(ctx, c); err != nil {
				return err
			}
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
	for _, c := range u.order {
		u.watch(c)
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
	heads     int             // how many were looked at; 1 where nobody was to be served
	wishes    []routed
	queues    map[string]*line
	waiting   []*conv // who waits by a decision of this unit

	held  map[placeOn]int            // open conversations as they are stored; of whom it was asked
	load  func(placeOn) (int, error) // asks
	err   error                      // of load
	freed bool                       // a conversation went from one agent to another
}

// line is a working copy of a queue.
type line struct {
	row     Queue
	changed bool
	full    bool           // nobody can take one more
	stuck   map[Alike]bool // those of whom nobody can take one more, or not before their channel opens
	left    int            // of row.Waiting that serve has not looked at
	placed  bool           // somebody got one of them
	behind  bool           // others wait behind them, who go before whoever comes now
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
	p.held, p.load = map[placeOn]int{}, func(at placeOn) (int, error) { return p.u.countOpen(ctx, p.workspace, at) }
	left := slices.DeleteFunc(p.wishes, func(r routed) bool { return p.keep(r.c) })
	if err := p.serve(ctx); err != nil { // those who came before go first
		return err
	}
	for _, r := range left {
		p.settle(r)
	}
	if p.freed {
		if err := p.serveAgain(ctx); err != nil {
			return err
		}
	}
	p.collect()
	return p.err
}

// lock loads the queues and everybody in them, and changes them as the unit wants.
func (p *placing) lock(ctx context.Context) error {
	p.heads = p.wantedHeads()
	q := QueueQuery{
		Workspace: p.workspace, IDs: slices.Sorted(maps.Keys(p.ids)), Agents: slices.Sorted(maps.Keys(p.free)),
		Loads: slices.Collect(maps.Keys(p.delta)), Heads: p.heads,
	}
	found, err := p.u.tx.Queues(ctx, q)
	if err != nil {
		return err
	}
	p.u.begun()
	p.u.placed = len(found.Queues) > 0
	for _, q := range found.Queues {
		l := &line{row: q}
		if change := p.u.queueChanges[objectKey{p.workspace, q.ID}]; change != nil {
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

// wantedHeads is how many who wait to load of each queue.
func (p *placing) wantedHeads() int {
	switch {
	case len(p.u.queueChanges)+len(p.u.agentChanges) > 0: // any number of places may be free since
		return servedHeads
	case len(p.free) == 0: // who arrives only has to know whether others wait before it
		return 1
	}
	places := 0
	for _, n := range p.delta {
		places += max(-n, 0)
	}
	return min(places+spareHeads, servedHeads)
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

// head is a conversation that waits in a line.
type head struct {
	q *line
	c *conv
}

// serve gives free places to those who wait, over all locked queues: priority first, then the longest waiting.
func (p *placing) serve(ctx context.Context) error {
	var heads []head
	for _, id := range slices.Sorted(maps.Keys(p.queues)) {
		heads = append(heads, p.headsOf(p.queues[id])...)
	}
	for sorted := false; len(heads) > 0; heads = heads[1:] {
		if !sorted {
			slices.SortStableFunc(heads, func(a, b head) int { return waitingOrder(a.c.now, b.c.now) })
			sorted = true
		}
		h := heads[0]
		h.q.left--
		switch {
		case h.c.now.Queue != h.q.row.ID || p.manual(h.q):
		case p.shutLine(h.q): // it was open, maybe, when they began to wait
			p.u.awaitOpening(p.workspace, h.q.row.ID)
		case h.q.full || h.q.isStuck(h.c):
		case p.place(h.q, h.c):
			h.q.placed = true
		}
		if h.q.hides() {
			more, err := p.lookBehind(ctx, h.q)
			if err != nil {
				return err
			}
			heads, sorted = append(heads, more...), false
		}
	}
	for _, q := range p.queues {
		if q.row.More && !q.full && !p.manual(q) && !p.shutLine(q) && (p.heads > 1 || q.placed) {
			p.serveLater(q)
		}
	}
	return nil
}

// headsOf returns who waits in a line, as far as it was loaded.
func (p *placing) headsOf(q *line) (heads []head) {
	for _, row := range q.row.Waiting {
		c := p.u.conversation(row)
		if c.now.Queue == q.row.ID && c.now.State == Open && !q.isStuck(c) { // this unit may have taken it out already
			heads = append(heads, head{q, c})
		}
	}
	q.left = len(heads)
	return heads
}

// hides reports whether those who were looked at, of whom nobody could be placed because of their channel's limit or hours,
// or of what they need, hide others.
func (q *line) hides() bool {
	return q.left == 0 && q.row.More && len(q.stuck) > 0 && !q.full && !q.placed
}

// lookBehind loads those who wait behind, of other channels or with other needs. Whatever is hidden is found, in as many
// steps as there are channels that are at their limit, or closed, and needs that nobody meets. Those who were looked at stay,
// for serveAgain.
func (p *placing) lookBehind(ctx context.Context, q *line) ([]head, error) {
	found, err := p.u.tx.Queues(ctx, QueueQuery{
		Workspace: p.workspace, IDs: []string{q.row.ID}, Heads: p.heads, Without: slices.SortedFunc(maps.Keys(q.stuck), func(a, b Alike) int {
			return cmp.Compare(a.Key(), b.Key())
		}),
	})
	if err != nil {
		return nil, err
	}
	q.row.Waiting, q.row.More = append(q.row.Waiting, found.Queues[0].Waiting...), found.Queues[0].More
	return p.headsOf(q), nil
}

// serveLater goes on with a line that has more than was looked at, and somebody who may have room: behind those who were
// placed; and where others had them locked, when they are likely to be free.
func (p *placing) serveLater(q *line) {
	job := serveJob(q.row, p.u.now)
	if q.behind = q.placed; !q.placed {
		job.Due = job.Due.Add(serveAgainAfter)
	}
	p.u.jobs = append(p.u.jobs, JobChange{Job: job})
}

// place gives a conversation to whom the queue's strategy picks, if anybody.
func (p *placing) place(q *line, c *conv) bool {
	i, found, alike := p.pick(q, c, c.now.Needs)
	switch {
	case found:
	case alike.Channel != "":
		q.stick(alike)
		p.u.awaitOpening(p.workspace, ChannelQueue(c.now.Channel))
		return false
	default:
		q.full = true
		return false
	}
	m := &q.row.Members[i]
	q.row.Count++
	m.Last, q.changed = q.row.Count, true
	d := p.decisionOf(c, q)
	d.Agent, d.Needs = m.Agent, c.now.Needs
	p.skipped(d, q, c, m.Agent)
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
func (p *placing) skipped(d *Decision, q *line, c *conv, winner string) {
	capped := p.mode(q) != RoundRobin
	for _, m := range q.row.Members {
		if m.Agent == winner {
			continue
		}
		a := p.agent(m.Agent)
		why := p.absent(a)
		switch {
		case why != "":
		case p.shut(q, c):
			why = SkipClosed
		case !a.Meets(c.now.Needs):
			why = SkipNeeds
		case capped && !roomFor(*a):
			why = SkipFull
		default:
			why = p.knownBar(c, m.Agent)
		}
		d.skip(m.Agent, why)
	}
}

// stick notes that nobody of a line can take one more of those who are alike.
func (q *line) stick(a Alike) {
	if q.stuck == nil {
		q.stuck = map[Alike]bool{}
	}
	q.stuck[a] = true
}

func (q *line) isStuck(c *conv) bool {
	return q.stuck[Alike{Channel: c.now.Channel}] || q.stuck[Alike{c.now.Channel, c.now.Needs}]
}

// serveAgain serves once more, since a place came free meanwhile.
func (p *placing) serveAgain(ctx context.Context) error {
	for _, q := range p.queues {
		q.full, q.stuck = false, nil
	}
	return p.serve(ctx)
}

func waitingOrder(a, b Conversation) int {
	return cmp.Or(-cmp.Compare(a.Priority, b.Priority), a.QueuedAt.Compare(b.QueuedAt), cmp.Compare(a.ID, b.ID))
}

func (p *placing) give(c *conv, a *Agent, cause string, d *Decision) {
	from := c.now.Assignee // who keeps it until now; nobody, as a rule
	if from != "" {
		p.freed, cause = true, "no answer"
		if a := p.agent(from); a != nil {
			a.Load--
		}
	}
	c.now.Assignee = a.ID
	c.leaveLine()
	a.Load++
	p.u.activity(c, Actor{}, Activity{What: "assigned", From: from, To: a.ID, Cause: cause, Decision: d})
}

// leaveLine ends a wait, as far as the conversation knows.
func (c *conv) leaveLine() {
	c.now.Queue, c.now.QueuedAt, c.now.Needs = "", time.Time{}, ""
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
		if key.workspace == p.workspace && a.changed() && !gone[key.id] {
			p.u.changes.Agents = append(p.u.changes.Agents, a.now)
		}
	}
}
