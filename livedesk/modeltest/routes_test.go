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
	to         []string // lines, "" for nobody, or bot
	asks       string   // a line; the rule holds only while somebody there has room
	then       routing.Fallback
	limited    bool             // it waits for ruleLimit
	afterwards routing.Fallback // ... and then
	priority   int
	atHandOver bool // also
}

// ruleSets are what the rules may be.
var ruleSets = map[string][]rule{
	"":          nil,
	"wait":      {{to: []string{team}, priority: 2}},
	"next tier": {{to: []string{team}, then: routing.NextTier}},
	"next rule": {{to: []string{cysOwn}, then: routing.NextRule, priority: 1}, {to: []string{team}}},
	"either":    {{to: []string{cysOwn, team}}},
	"asks":      {{to: []string{team}, asks: team}, {to: []string{cysOwn}, asks: cysOwn, then: routing.NextTier}},
	"ai":        {{to: []string{bot}, then: routing.NextRule}, {to: []string{team}, then: routing.NextTier, atHandOver: true}},
	"nobody":    {{to: []string{""}}},
	"in time":   {{to: []string{cysOwn}, limited: true, afterwards: routing.NextRule}, {to: []string{team}, limited: true, afterwards: routing.NextTier}},
	"on time":   {{to: []string{team}, limited: true, afterwards: routing.NextTier, atHandOver: true}},
}

// stored is the rule as the desk gets it.
func (r rule) stored(place int) routing.Rule {
	out := routing.Rule{
		ID: fmt.Sprint("r", place), Order: place, Condition: routing.Condition{Text: &routing.Text{Keyword: []string{"vip"}}},
		Unavailable: r.then, AlsoAtHandOver: r.atHandOver,
	}
	for _, q := range r.to {
		out.Targets = append(out.Targets, target(q))
	}
	if r.asks != "" {
		out.Condition = routing.Condition{All: []routing.Condition{out.Condition, {Available: new(target(r.asks))}}}
	}
	if r.limited {
		out.Timeout = routing.Timeout{AfterSeconds: int(ruleLimit / time.Second), Then: r.afterwards}
	}
	if r.priority != 0 {
		out.SetPriority = new(routing.Priority(r.priority))
	}
	return out
}

func target(queue string) routing.Target {
	switch queue {
	case team:
		return routing.Target{Kind: routing.ToTeam, ID: "night"}
	case cysOwn:
		return routing.Target{Kind: routing.ToAgent, ID: "cy"}
	case bot:
		return routing.Target{Kind: routing.ToAI, ID: bot}
	}
	return routing.Target{Kind: routing.ToNobody}
}

// stop is where a conversation may get somebody: in lines, by the AI agent, or by the agent of the last time.
type stop struct {
	to    []string
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
	after      int // rules before this place aren't looked at
	to         string
}

// stops returns where a conversation may go; at the last it waits.
func (m *model) stops(t *talk, w way) (list []stop) {
	people := stop{to: []string{m.queue(t.channel)}}
	ch := m.channels[t.channel]
	switch {
	case w.to != "":
		return []stop{{to: []string{w.to}}}
	case ch.Assignment.HostAssigned:
		return []stop{people}
	}
	for i, r := range ruleSets[m.rules] {
		if i < w.after || w.text != vip || w.atHandOver && !r.atHandOver || r.asks != "" && !m.somebody(r.asks, t) {
			continue
		}
		list = append(list, stop{to: r.to, rule: r, place: i})
		if r.then == "" && r.to[0] != bot {
			return list
		}
		if r.then == routing.NextTier {
			break
		}
	}
	if ch.UseAI {
		list = append(list, stop{to: []string{bot}})
	}
	if t.sticky != "" {
		list = append(list, stop{agent: t.sticky})
	}
	return append(list, people)
}

// somebody reports whether a rule that asks finds somebody on line with room.
func (m *model) somebody(queue string, t *talk) bool {
	return slices.ContainsFunc(m.lines[queue].members, func(x livedesk.Member) bool {
		return m.online(x.Agent) && m.room(x.Agent) && !m.limited(t.channel, x.Agent) && x.Agent != t.silent
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
	case last.to[0] == "":
		t.queue, t.queuedAt = "", 0
	default:
		m.wait(t, last, w)
	}
}

func (m *model) stopsAt(t *talk, s stop) bool {
	if s.agent != "" {
		return m.keeps(t, s.agent, false)
	}
	for _, q := range s.to {
		switch {
		case q == "":
		case q == bot && !t.handedOver && !m.optedOut[t.person]:
			m.freed = m.freed || t.assignee != ""
			m.toBot(t)
			return true
		case q != bot && m.place(q, t):
			return true
		}
	}
	return false
}

// wait puts a conversation into the first line of a stop; who waited before keeps the time since when.
func (m *model) wait(t *talk, s stop, w way) {
	if t.queue, t.assignee = s.to[0], ""; t.queuedAt == 0 {
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
	t.state, t.assignee, t.queue, t.queuedAt = livedesk.Pending, "", "", 0
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
