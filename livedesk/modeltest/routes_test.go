package modeltest

import (
	"fmt"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// Where a conversation may go: rules in order, then the AI agent, then who had the last one, then the channel's people.

// rule is for texts with "vip" in them.
type rule struct {
	to         []place
	asks       place // if it is one, the rule holds only while somebody there has room
	then       routing.Fallback
	limited    bool             // it waits for ruleLimit
	afterwards routing.Fallback // ... and then
	priority   int
	atHandOver bool // also
}

// ruleSets are what the rules may be.
var ruleSets = map[string][]rule{
	"":          nil,
	"wait":      {{to: []place{{to: team}}, priority: 2}},
	"next tier": {{to: []place{{to: team}}, then: routing.NextTier}},
	"next rule": {{to: []place{{to: cysOwn}}, then: routing.NextRule, priority: 1}, {to: []place{{to: team}}}},
	"either":    {{to: []place{{to: cysOwn}, {to: team}}}},
	"asks":      {{to: []place{{to: team}}, asks: place{to: team}}, {to: []place{{to: cysOwn}}, asks: place{to: cysOwn}, then: routing.NextTier}},
	"ai":        {{to: []place{{to: bot}}, then: routing.NextRule}, {to: []place{{to: team}}, then: routing.NextTier, atHandOver: true}},
	"nobody":    {{to: []place{{}}}},
	"in time": {
		{to: []place{{to: cysOwn}}, limited: true, afterwards: routing.NextRule},
		{to: []place{{to: team}}, limited: true, afterwards: routing.NextTier},
	},
	"on time": {{to: []place{{to: team}}, limited: true, afterwards: routing.NextTier, atHandOver: true}},

	// Targets that ask for something.
	"crowd":  {{to: []place{{to: team, language: theirs}, {to: team, skills: certified}, {to: humans, skills: "billing"}}, priority: 2}},
	"skill":  {{to: []place{{to: team, skills: "vip"}}, priority: 1}},
	"French": {{to: []place{{to: team, language: "fr"}, {to: team}}}},
	"theirs": {{to: []place{{to: team, language: theirs}, {to: humans, skills: "billing"}, {to: humans, language: theirs}}}},
	"best first": {
		{to: []place{{to: humans, skills: "vip billing", language: theirs}, {to: team, skills: "vip"}}, then: routing.NextRule},
		{to: []place{{to: humans, language: "FR-ca"}, {to: cysOwn}}, then: routing.NextTier, atHandOver: true},
	},
	"asks for": {
		{to: []place{{to: humans, skills: "vip"}}, asks: place{to: team, skills: "vip", language: theirs}},
		{to: []place{{to: team, skills: "billing"}}, asks: place{to: humans, language: "fr"}, then: routing.NextTier, atHandOver: true},
	},
	"skill in time": {
		{to: []place{{to: team, skills: "vip billing"}}, limited: true, afterwards: routing.NextRule, atHandOver: true},
		{to: []place{{to: humans, language: theirs}}, limited: true, afterwards: routing.NextRule, priority: 1},
		{to: []place{{to: team, skills: "billing"}, {to: humans}}, limited: true, afterwards: routing.NextTier},
	},
	"AI, then theirs": {
		{to: []place{{to: bot}}, then: routing.NextRule},
		{to: []place{{to: team, language: theirs}, {to: humans, language: "en"}}, atHandOver: true},
	},
}

// narrowed reports whether some rule asks for more than a place.
func narrowed(set []rule) bool {
	return slices.ContainsFunc(set, func(r rule) bool {
		return slices.ContainsFunc(r.to, func(p place) bool { return p != place{to: p.to} })
	})
}

// stored is the rule as the desk gets it.
func (r rule) stored(place int) routing.Rule {
	out := routing.Rule{
		ID: fmt.Sprint("r", place), Order: place, Condition: routing.Condition{Text: &routing.Text{Keyword: []string{"vip"}}},
		Unavailable: r.then, AlsoAtHandOver: r.atHandOver,
	}
	for _, p := range r.to {
		out.Targets = append(out.Targets, p.stored())
	}
	if r.asks.to != "" {
		out.Condition = routing.Condition{All: []routing.Condition{out.Condition, {Available: new(r.asks.stored())}}}
	}
	if r.limited {
		out.Timeout = routing.Timeout{AfterSeconds: int(ruleLimit / time.Second), Then: r.afterwards}
	}
	if r.priority != 0 {
		out.SetPriority = new(routing.Priority(r.priority))
	}
	return out
}

// stop is where a conversation may get somebody: in lines, by the AI agent, or by the agent of the last time.
type stop struct {
	to    []place
	agent string
	rule  rule
	place int // of the rule
}

// limit is the end of a wait.
type limit struct {
	due, queuedAt time.Duration
	queue         string
	from          way
}

// way is how a conversation is routed: by a text, from a place of the rules on.
type way struct {
	text       string
	atHandOver bool
	after      int   // rules before this place aren't looked at
	to         place // by hand
}

// stops returns where a conversation may go; at the last it waits.
func (m *model) stops(t *talk, w way) (list []stop) {
	people := stop{to: []place{{to: humans}}}
	ch := m.channels[t.channel]
	switch {
	case w.to.to != "":
		return []stop{{to: []place{w.to}}}
	case ch.Assignment.HostAssigned:
		return []stop{people}
	}
	for i, r := range ruleSets[m.rules] {
		if i < w.after || w.text != vip || w.atHandOver && !r.atHandOver || r.asks.to != "" && !m.somebody(r.asks, t) {
			continue
		}
		list = append(list, stop{to: r.to, rule: r, place: i})
		if r.then == "" && r.to[0].to != bot {
			return list
		}
		if r.then == routing.NextTier {
			break
		}
	}
	if ch.UseAI {
		list = append(list, stop{to: []place{{to: bot}}})
	}
	if t.sticky != "" {
		list = append(list, stop{agent: t.sticky})
	}
	return append(list, people)
}

// somebody reports whether a rule that asks finds somebody on line with room who has what it asks for.
func (m *model) somebody(p place, t *talk) bool {
	l, w := m.lines[m.line(p, t)], m.asked(p, t)
	return !l.closed && slices.ContainsFunc(l.members, func(x livedesk.Member) bool {
		return m.online(x.Agent) && m.room(x.Agent) && !m.limited(t.channel, x.Agent) && x.Agent != t.silent && m.agents[x.Agent].has(w)
	})
}

// route gives a conversation to whom it finds first, or lets it wait.
func (m *model) route(t *talk, w way) {
	stops := m.stops(t, w)
	for _, s := range stops {
		if s.rule.priority != 0 {
			t.priority = s.rule.priority
		}
		if m.stopsAt(t, s) {
			return
		}
	}
	last := stops[len(stops)-1]
	switch {
	case t.silent != "":
		t.alarm = m.alarmOf(t)
	case last.to[0].to == "":
		t.leaveLine()
	default:
		m.wait(t, last, w)
	}
}

func (m *model) stopsAt(t *talk, s stop) bool {
	if s.agent != "" {
		return m.keeps(t, s.agent, false)
	}
	for _, p := range s.to {
		switch {
		case p.to == "":
		case p.to == bot && !t.handedOver && !m.optedOut[t.person]:
			m.freed = m.freed || t.assignee != ""
			m.toBot(t)
			return true
		case p.to != bot && m.place(m.line(p, t), t, m.asked(p, t)):
			return true
		}
	}
	return false
}

// wait puts a conversation into the first line of a stop that isn't closed, or the first; who waited before keeps the time
// since when.
func (m *model) wait(t *talk, s stop, w way) {
	at := s.to[max(0, slices.IndexFunc(s.to, func(p place) bool { return !m.lines[m.line(p, t)].closed }))]
	t.queue, t.assignee, t.want = m.line(at, t), "", m.asked(at, t)
	if t.queuedAt == 0 {
		t.queuedAt = m.now
	}
	if s.rule.limited {
		w.after = s.place + 1
		if s.rule.afterwards == routing.NextTier {
			w.after = 1000
		}
		t.limit = limit{due: m.now + ruleLimit, queuedAt: t.queuedAt, queue: t.queue, from: w}
	}
}

func (m *model) toBot(t *talk) {
	t.state, t.assignee = livedesk.Pending, ""
	t.leaveLine()
}

// turns is what the AI agent does about customers who wait: "human" hands over, "bye" ends it, all else has an answer.
func (m *model) turns() {
	for _, t := range m.talks {
		switch {
		case t.state != livedesk.Pending || t.waitingSince == 0:
		case m.optedOut[t.person], t.lastText == human:
			m.leaveBot(t)
			m.route(t, way{text: t.lastText, atHandOver: true})
		case t.lastText == bye:
			m.resolved(t)
		default:
			t.waitingSince = 0
		}
		m.commit()
	}
}

// leaveBot lets people have it, for this cycle.
func (m *model) leaveBot(t *talk) { t.state, t.handedOver = livedesk.Open, true }
