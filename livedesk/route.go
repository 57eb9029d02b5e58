package livedesk

import (
	"log/slog"
	"slices"

	"github.com/livedesk/livedesk-go/routing"
)

// maxStops bounds how many rules with nobody behind their targets are gone through before people are asked.
const maxStops = 32

// stop is one place where a conversation may end up: what a tier decided, and the queues and AI agents of its targets.
type stop struct {
	tier   Tier
	d      routing.Decision
	spots  []spot
	agent  string        // instead of spots: who had the contact's last conversation
	nobody bool          // it is to stay unassigned
	asked  bool          // the rules were walked to get here
	from   routing.Place // ... behind this one
}

// lines are the queues of a stop; AI agents have none.
func (s stop) lines() (lines []string) {
	for _, sp := range s.spots {
		if sp.line != "" {
			lines = append(lines, sp.line)
		}
	}
	return lines
}

// waits reports whether a conversation waits at the stop when nobody there can take it.
func (s stop) waits() bool {
	return s.nobody || len(s.lines()) > 0 && s.d.Unavailable != routing.NextRule && s.d.Unavailable != routing.NextTier
}

// routed is a wish with the stops where it may be fulfilled, in order.
type routed struct {
	c        *conv
	stops    []stop
	asks     bool // the rules ask who is available, so that the stops are known only under the locks
	panicked bool // the host's router did
}

// route finds out which queues a wish needs. Rules that ask nobody's availability are walked once, here, and only the
// queues behind their targets are locked; with others it is those of all rules of the channel.
func (p *placing) route(c *conv) {
	r := routed{c: c}
	w := c.wish
	if w.resume == nil && w.to == nil && !p.hostAssigned(c) {
		w.router, r.panicked = p.u.e.ask(w.facts)
	}
	w.facts.Available = func(routing.Target) bool { r.asks = true; return false }
	r.stops = p.stops(c)
	for _, s := range r.stops {
		p.need(s.lines())
	}
	if r.asks {
		p.needAsked(c.now.Channel)
	}
	for _, agent := range []string{w.keep, w.sticky, w.silent} {
		if agent != "" {
			p.ids[ChannelQueue(c.now.Channel)] = true // to see whether that agent is still a member
			p.delta[agent] += 0                       // and on line
		}
	}
	if w.silent != "" {
		p.free[w.silent] = true // may get a free place
	}
	p.wishes = append(p.wishes, r)
}

func (p *placing) need(lines []string) {
	for _, id := range lines {
		p.ids[id] = true
	}
}

// needAsked needs the queues of everybody whom rules for a channel name.
func (p *placing) needAsked(channelID string) {
	set := p.u.snap.rules[p.workspace]
	p.need(append(linesTo(set.walk.Asks(), channelID), ChannelQueue(channelID)))
	for _, r := range set.list {
		if !r.Disabled && (len(r.Channels) == 0 || slices.Contains(r.Channels, channelID)) {
			p.need(linesTo(r.Targets, channelID))
		}
	}
}

// linesTo returns the queues of targets, in their order. AI agents have none.
func linesTo(targets []routing.Target, channelID string) []string {
	return stop{spots: spotsTo(targets, channelID, "")}.lines()
}

// spotsTo returns the queues and AI agents of targets, in their order, for a contact of a language.
func spotsTo(targets []routing.Target, channelID, language string) (spots []spot) {
	for _, t := range targets {
		switch t.Kind {
		case routing.ToAgent:
			spots = append(spots, spot{line: AgentQueue(t.ID)})
		case routing.ToTeam:
			spots = append(spots, spot{line: TeamQueue(t.ID), needs: NeedsOf(t, language)})
		case routing.ToAI:
			spots = append(spots, spot{ai: t.ID})
		case routing.ToHumans:
			spots = append(spots, spot{line: ChannelQueue(channelID), needs: NeedsOf(t, language)})
		}
	}
	return spots
}

// spots are the places of targets for a conversation that is routed.
func (c *conv) spots(targets []routing.Target) []spot {
	return spotsTo(targets, c.now.Channel, c.wish.facts.Contact.Language)
}

// stops returns where a wish may be fulfilled: the host's router first, then the rules, then the channel's AI agents, then
// its human agents.
// The last is where it waits.
func (p *placing) stops(c *conv) (list []stop) {
	for s := p.first(c); ; s = p.behind(c, s) {
		if list = append(list, s); s.waits() {
			return list
		}
		if len(list) == maxStops {
			return append(list, people(c)) // a wait like any other
		}
	}
}

func (p *placing) first(c *conv) stop {
	w := c.wish
	switch {
	case w.to != nil:
		return stop{tier: TierHand, spots: c.spots(w.to)}
	case p.hostAssigned(c):
		return people(c)
	case w.resume != nil:
		return p.behind(c, stop{d: routing.Decision{Unavailable: w.resume.Then, Place: w.resume.Place}})
	case len(w.router.Targets) > 0:
		return newStop(TierRouter, w.router, c)
	}
	return p.rules(c, routing.Place{})
}

// behind returns the stop after one where nobody is.
func (p *placing) behind(c *conv, s stop) stop {
	switch {
	case s.d.Unavailable == routing.NextRule:
		return p.rules(c, s.d.Place)
	case s.agent != "":
		return people(c)
	case s.tier == TierAI:
		return humans(c)
	}
	return tiers(c)
}

// humans returns the first stop among the channel's human agents.
func humans(c *conv) stop {
	if c.wish.sticky != "" {
		return stop{tier: TierBefore, agent: c.wish.sticky}
	}
	return people(c)
}

// rules walks the rules behind a place.
func (p *placing) rules(c *conv, from routing.Place) stop {
	d := p.u.snap.rulesOf(p.workspace).After(from, c.wish.facts)
	s := tiers(c)
	if len(d.Targets) > 0 {
		s = newStop(TierRules, d, c)
	}
	s.asked, s.from = true, from
	return s
}

func newStop(t Tier, d routing.Decision, c *conv) stop {
	nobody := slices.ContainsFunc(d.Targets, func(t routing.Target) bool { return t.Kind == routing.ToNobody })
	if nobody {
		return stop{tier: t, d: d, nobody: true}
	}
	return stop{tier: t, d: d, spots: c.spots(d.Targets)}
}

func people(c *conv) stop {
	return stop{tier: TierHumans, spots: []spot{{line: ChannelQueue(c.now.Channel)}}}
}

// ask calls the host's router; a panic is a pass, and is told.
func (e *Engine) ask(f routing.Facts) (d routing.Decision, panicked bool) {
	if e.cfg.Router == nil {
		return routing.Decision{}, false
	}
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("router panicked", slog.Any("panic", r), slog.String("conversation", f.Conversation))
			d, panicked = routing.Decision{}, true
		}
	}()
	return e.cfg.Router.Route(f), false
}

// available says whether somebody behind a target is on line and has room, from what is locked.
func (p *placing) available(t routing.Target, c *conv) bool {
	for _, sp := range c.spots([]routing.Target{t}) {
		if q := p.queues[sp.line]; q != nil && !p.shut(q, c) && slices.ContainsFunc(q.row.Members, func(m Member) bool {
			a := p.agent(m.Agent)
			return p.absent(a) == "" && a.Meets(sp.needs) && roomFor(*a) && p.barred(c, a.ID) == ""
		}) {
			return true
		}
	}
	return false
}

// settle goes from stop to stop until somebody can take the conversation, or it waits.
func (p *placing) settle(r routed) {
	c, w := r.c, r.c.wish
	if r.asks {
		w.facts.Available = func(t routing.Target) bool { return p.available(t, c) }
		r.stops = p.stops(c)
	}
	d := p.decide(r)
	for i, s := range r.stops {
		p.visit(c, d, s)
		if p.fulfil(c, d, s, i == len(r.stops)-1) {
			return
		}
		result := LookNobody
		if p.shutStop(s, c) {
			result = LookClosed
		}
		d.look(s.tier, ruleOf(s), result)
	}
}

// fulfil ends the walk at a stop where somebody can take the conversation, and at the last one in any case.
func (p *placing) fulfil(c *conv, d *Decision, s stop, last bool) bool {
	if s.agent != "" {
		if why := p.unfit(c, s.agent); why != "" {
			d.skip(s.agent, why)
			return false
		}
		p.giveBack(c, s.agent, d)
		return true
	}
	at, ai := p.open(s, c, d)
	switch {
	case ai != "":
		d.Tier, d.Rule, d.Reason = s.tier, ruleOf(s), truncate(s.d.Reason, 256)
		d.look(s.tier, ruleOf(s), LookDecided)
		p.giveAI(c, ai, d)
	case at == nil && !last:
		return false
	case at == nil && c.wish.silent != "":
		p.u.setAlarm(c.now) // stays, and is looked at again
	default:
		d.Tier, d.Rule, d.Reason = s.tier, ruleOf(s), truncate(s.d.Reason, 256)
		p.end(c, d, s, at)
	}
	return true
}

// decide begins the record of a decision.
func (p *placing) decide(r routed) *Decision {
	d := &Decision{At: p.u.now, Cause: r.c.wish.facts.Cause}
	switch {
	case p.u.e.cfg.Router == nil || p.hostAssigned(r.c) || r.c.wish.resume != nil || r.c.wish.to != nil || len(r.c.wish.router.Targets) > 0:
	case r.panicked:
		d.look(TierRouter, "", LookPanicked)
	default:
		d.look(TierRouter, "", LookPassed)
	}
	return d
}

// visit notes how the walk came to a stop, and does its side effects.
func (p *placing) visit(c *conv, d *Decision, s stop) {
	if rules := p.u.snap.rulesOf(p.workspace); s.asked && rules != nil {
		d.walked(rules.ExplainAfter(s.from, c.wish.facts))
		if s.tier != TierRules {
			d.look(TierRules, "", LookPassed)
		}
	}
	for _, l := range s.d.Labels {
		if !slices.Contains(c.now.Labels, l) {
			c.now.Labels = append(slices.Clone(c.now.Labels), l)
		}
	}
	if s.d.Priority != nil {
		c.now.Priority = min(max(*s.d.Priority, -100), 100)
	}
}

func ruleOf(s stop) string {
	if s.tier == TierRules {
		return s.d.Place.Rule
	}
	return ""
}

// open returns the first place of a stop where somebody can take the conversation now, or the AI agent that can, or
// neither. Who waited there was served before.
func (p *placing) open(s stop, c *conv, d *Decision) (at *spot, ai string) {
	for i, sp := range s.spots {
		if sp.ai != "" {
			why := p.unfitAI(c, sp.ai)
			if why == "" {
				return nil, sp.ai
			}
			d.skipAI(sp.ai, why)
			continue
		}
		q := p.queues[sp.line]
		if _, found, _ := p.pick(q, c, sp.needs); found && !q.behind && !p.manual(q) {
			return &s.spots[i], ""
		}
	}
	return nil, ""
}

// end gives the conversation to somebody at one of the stop's places, or lets it wait at the stop, or leaves it to nobody.
func (p *placing) end(c *conv, d *Decision, s stop, at *spot) {
	c.wish.decision = d
	open := at != nil
	if !open && len(s.lines()) > 0 {
		at = p.waitingSpot(s)
	}
	if at != nil {
		d.Queue, c.now.Needs = at.line, at.needs
	}
	if s.d.Reason != "" || s.nobody {
		a := Activity{What: "routed", To: d.Queue, Cause: d.Reason}
		if s.nobody {
			a.Decision = d
		}
		p.u.activity(c, Actor{}, a)
	}
	switch {
	case s.nobody:
		d.look(s.tier, ruleOf(s), LookDecided)
		c.leaveLine()
	case open:
		d.look(s.tier, ruleOf(s), LookDecided)
		p.place(p.queues[at.line], c)
	default:
		d.look(s.tier, ruleOf(s), LookWaits)
		p.wait(c, s, p.queues[at.line])
	}
}

// wait puts a conversation into a line of a stop.
func (p *placing) wait(c *conv, s stop, q *line) {
	if c.now.QueuedAt.IsZero() {
		c.now.QueuedAt = p.u.now
	}
	c.now.Queue, c.now.Assignee = q.row.ID, ""
	p.skipped(c.wish.decision, q, c, "")
	c.wish.decision.Needs, c.wish.decision.Opens = c.now.Needs, p.awaitOpenings(c)
	p.waiting = append(p.waiting, c)
	p.setTimeout(c, s)
}
