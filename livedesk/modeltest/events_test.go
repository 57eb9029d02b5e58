package modeltest

import (
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// What each event does, in the model. Those that the desk refuses return false, and change nothing.

// What customers write, apart from what means nothing.
const (
	vip   = "a vip is here"
	human = "a human, please"
	bye   = "thanks, bye"
)

// text is what a customer writes.
func (m *model) text(p person, body string) {
	t := m.current[p]
	if body == "STOP" || body == "START" && m.optedOut[p] {
		m.optedOut[p] = body == "STOP"
		if t == nil {
			t = m.begin(p, livedesk.Resolved)
		}
		t.lastText = body
		return
	}
	if t == nil || t.state == livedesk.Resolved && m.now >= t.reopenUntil {
		t = m.begin(p, livedesk.Open)
		t.lastText, t.waitingSince = body, m.now
		m.route(t, way{text: body})
		t.sticky = "" // at first only
	} else {
		t.lastText = body
		if t.waitingSince == 0 {
			t.waitingSince = m.now
		}
		if t.state == livedesk.Snoozed || t.state == livedesk.Resolved {
			m.back(t, body)
		}
	}
}

// begin is a new conversation. The agent of the one before is its first choice, if the channel says so.
func (m *model) begin(p person, s livedesk.State) *talk {
	t := &talk{person: p, state: s}
	a := m.channels[p.channel].Assignment
	if last := m.current[p]; last != nil && last.resolvedAt != 0 && a.StickyDays > 0 && !a.Manual {
		t.sticky = last.assignee
	}
	if s == livedesk.Resolved {
		t.resolvedAt = m.now
	}
	m.talks, m.current[p] = append(m.talks, t), t
	return t
}

// back opens what was put aside or resolved, for who had it if that is possible.
func (m *model) back(t *talk, text string) {
	woken, had := t.state == livedesk.Snoozed, t.assignee
	if woken && t.before == livedesk.Pending {
		t.state, t.wakeAt = livedesk.Pending, 0
		return
	}
	t.state, t.assignee, t.wakeAt, t.resolvedAt = livedesk.Open, "", 0, 0
	if !woken {
		t.handedOver = false
	}
	if !m.keeps(t, had, woken) {
		m.route(t, way{text: text})
	}
}

func (m *model) resolve(t *talk) bool {
	if t.state == livedesk.Resolved {
		return false
	}
	had, open := t.assignee, t.state == livedesk.Open
	m.resolved(t)
	if open {
		m.serve(m.linesOf(had)...)
	}
	return true
}

func (m *model) resolved(t *talk) {
	t.state, t.waitingSince = livedesk.Resolved, 0
	t.leaveLine()
	t.resolvedAt, t.reopenUntil = m.now, m.now+reopenWindow
}

func (m *model) snooze(t *talk, timed bool) bool {
	if t.state != livedesk.Open && t.state != livedesk.Pending {
		return false
	}
	t.before, t.state, t.wakeAt = t.state, livedesk.Snoozed, 0
	t.leaveLine()
	if timed {
		t.wakeAt = m.now + snoozed
	}
	m.serve(m.linesOf(t.assignee)...)
	return true
}

func (m *model) wake(t *talk) bool {
	if t.state != livedesk.Snoozed {
		return false
	}
	m.back(t, t.lastText)
	return true
}

// reopen is by an agent, whose it is then, or by the host.
func (m *model) reopen(t *talk, by string) bool {
	now := m.current[t.person]
	if t.state != livedesk.Resolved || now != t && now.state != livedesk.Resolved || by != "" && m.agents[by] == nil {
		return false
	}
	m.current[t.person] = t
	t.state, t.assignee, t.handedOver, t.resolvedAt = livedesk.Open, by, false, 0
	if by == "" {
		m.route(t, way{text: t.lastText})
	}
	return true
}

// write is a reply of an agent, or the host's, or an agent's first text.
func (m *model) write(t *talk, by string) bool {
	if t.state == livedesk.Resolved || m.optedOut[t.person] {
		return false
	}
	pending := t.state == livedesk.Pending
	theirs := t.state == livedesk.Open && t.assignee == "" || pending || t.state == livedesk.Snoozed && t.before == livedesk.Pending
	if by != "" && theirs && m.agents[by] == nil {
		return false
	}
	if pending {
		m.leaveBot(t)
	}
	switch {
	case by != "" && theirs:
		m.giveTo(t, by)
	case pending:
		m.route(t, way{text: t.lastText})
	}
	t.waitingSince = 0
	return true
}

// start is an agent's text to a customer who may have no conversation.
func (m *model) start(p person, by string) bool {
	t := m.current[p]
	if t != nil && t.state != livedesk.Resolved {
		return m.write(t, by)
	}
	if m.optedOut[p] || m.agents[by] == nil {
		return false
	}
	t = m.begin(p, livedesk.Open)
	t.assignee, t.sticky = by, ""
	return true
}

func (m *model) assign(t *talk, id string) bool {
	if t.state == livedesk.Resolved || m.agents[id] == nil {
		return false
	}
	had := t.assignee
	if t.state == livedesk.Pending {
		m.leaveBot(t)
	}
	m.giveTo(t, id)
	if t.state == livedesk.Open && had != id {
		m.serve(m.linesOf(had)...)
	}
	return true
}

// giveTo is by hand: what the AI agent had when it was put aside isn't its any more.
func (m *model) giveTo(t *talk, id string) {
	if t.state == livedesk.Snoozed && t.before == livedesk.Pending {
		t.before, t.handedOver = livedesk.Open, true
	}
	m.give(t, id)
}

func (m *model) unassign(t *talk) bool {
	if t.state != livedesk.Open {
		return false
	}
	if t.assignee != "" {
		m.routeAll([]*talk{t}, func(t *talk) way { return way{text: t.lastText} })
	}
	return true
}

// transfer passes a conversation on; one that waits keeps the time since when it does.
func (m *model) transfer(t *talk, to place) bool {
	if t.state == livedesk.Pending {
		m.leaveBot(t)
	}
	if t.state != livedesk.Open {
		return false
	}
	t.queue = ""
	m.routeAll([]*talk{t}, func(*talk) way { return way{to: to} })
	return true
}

// toAI gives a conversation to the AI agent by hand.
func (m *model) toAI(t *talk) bool {
	if t.state != livedesk.Open || m.optedOut[t.person] {
		return false
	}
	had := t.assignee
	m.toBot(t)
	m.serve(m.linesOf(had)...)
	return true
}

func (m *model) prioritize(t *talk, n int) bool { t.priority = n; return true }

func (m *model) presence(id string, p livedesk.Presence, lapses bool) bool {
	a := m.agents[id]
	if a == nil {
		return false
	}
	since := a.until
	if m.present(id) != livedesk.Offline {
		since = m.now
	}
	a.presence, a.until = p, 0
	switch {
	case p == livedesk.Offline:
		a.until = since
	case lapses:
		a.until = m.now + presenceTTL
	}
	m.serve(m.linesOf(id)...)
	if a.until != 0 && m.channels[0].Assignment.OfflineGraceSeconds+m.channels[1].Assignment.OfflineGraceSeconds > 0 {
		if m.away[id] = a.until; a.until <= m.now {
			m.takeFrom(id)
		}
	}
	return true
}

func (m *model) putAgent(id string, capacity int, skills, languages []string) {
	if m.agents[id] == nil {
		m.agents[id] = &agent{}
	}
	m.agents[id].capacity, m.agents[id].skills, m.agents[id].languages = capacity, skills, languages
	if id == "cy" {
		m.lines[cysOwn].members = []livedesk.Member{{Agent: id}}
	}
	m.serve(m.linesOf(id)...)
}

func (m *model) outside(id string, n int) bool {
	if m.agents[id] == nil {
		return false
	}
	m.agents[id].outside = n
	m.serve(m.linesOf(id)...)
	return true
}

func (m *model) removeAgent(id string) bool {
	if m.agents[id] == nil {
		return false
	}
	m.agents[id].presence = livedesk.Offline
	m.routeAll(m.heldBy(id), func(t *talk) way { return way{text: t.lastText} })
	delete(m.agents, id)
	for _, l := range m.lines {
		l.members = slices.DeleteFunc(l.members, func(x livedesk.Member) bool { return x.Agent == id })
	}
	return true
}

// list sets who is in a line; those who stay keep their turn.
func (m *model) list(queue string, ids []string) bool {
	if slices.ContainsFunc(ids, func(id string) bool { return m.agents[id] == nil }) {
		return false
	}
	var members []livedesk.Member
	for _, id := range ids {
		x := livedesk.Member{Agent: id}
		if i := slices.IndexFunc(m.lines[queue].members, func(o livedesk.Member) bool { return o.Agent == id }); i >= 0 {
			x = m.lines[queue].members[i]
		}
		members = append(members, x)
	}
	m.lines[queue].members = members
	m.serve(queue)
	return true
}

// opens gives the team business hours that are always, or never.
func (m *model) opens(open bool) bool {
	m.lines[team].closed = !open
	m.serve(team)
	return true
}

// configure changes how a channel's conversations are given away; who waits for one of them may fit now.
func (m *model) configure(channel int, a livedesk.Assignment, ai bool) {
	m.channels[channel].Assignment, m.channels[channel].UseAI = a, ai
	m.serve(m.queues()...)
}

// seconds is a duration as settings have it.
func seconds(d time.Duration) int { return int(d / time.Second) }
