package modeltest

import (
	"cmp"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
)

// What each event does, in the model. Those that the desk refuses return false, and change nothing.

const vip = "a vip is here"

// text is what a customer writes.
func (m *model) text(p person, body string) {
	t := m.current[p]
	if body == "STOP" || body == "START" && m.optedOut[p] {
		m.optedOut[p] = body == "STOP"
		if t == nil {
			t = m.begin(p, livedesk.Resolved)
		}
		t.activeAt = m.now
		return
	}
	if t == nil || t.state == livedesk.Resolved && m.now >= t.reopenUntil {
		t = m.begin(p, livedesk.Open)
		m.settle(t, m.routed(p.channel, body)...)
		return
	}
	t.activeAt = m.now
	if t.state != livedesk.Open {
		m.back(t, body)
	}
}

func (m *model) begin(p person, s livedesk.State) *talk {
	t := &talk{person: p, state: s, activeAt: m.now}
	m.talks, m.current[p] = append(m.talks, t), t
	return t
}

// back opens what was put aside or resolved, for the agent who had it if that is possible.
func (m *model) back(t *talk, text string) {
	woken, had := t.state == livedesk.Snoozed, t.assignee
	t.state, t.assignee, t.wakeAt = livedesk.Open, "", 0
	if !m.keeps(t, had, woken) {
		m.settle(t, m.routed(t.channel, text)...)
	}
}

// elapse does what is due by now.
func (m *model) elapse() {
	due := slices.DeleteFunc(slices.Clone(m.talks), func(t *talk) bool {
		return t.state != livedesk.Snoozed || t.wakeAt == 0 || t.wakeAt > m.now
	})
	slices.SortFunc(due, func(a, b *talk) int { return cmp.Compare(a.wakeAt, b.wakeAt) })
	for _, t := range due {
		m.back(t, "")
	}
}

func (m *model) resolve(t *talk) bool {
	if t.state == livedesk.Resolved {
		return false
	}
	had := t.assignee
	open := t.state == livedesk.Open
	t.state, t.queue, t.queuedAt, t.reopenUntil = livedesk.Resolved, "", 0, m.now+reopenWindow
	if open {
		m.serve(m.linesOf(had)...)
	}
	return true
}

func (m *model) snooze(t *talk, timed bool) bool {
	if t.state != livedesk.Open {
		return false
	}
	t.state, t.queue, t.queuedAt, t.wakeAt = livedesk.Snoozed, "", 0, 0
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
	m.back(t, "")
	return true
}

// reopen is by an agent, whose it is then, or by the host.
func (m *model) reopen(t *talk, by string) bool {
	now := m.current[t.person]
	if t.state != livedesk.Resolved || now != t && now.state != livedesk.Resolved || by != "" && m.agents[by] == nil {
		return false
	}
	m.current[t.person] = t
	t.state, t.assignee = livedesk.Open, by
	if by == "" {
		m.settle(t, m.queue(t.channel))
	}
	return true
}

func (m *model) assign(t *talk, id string) bool {
	if t.state == livedesk.Resolved || m.agents[id] == nil {
		return false
	}
	had := t.assignee
	m.give(t, id)
	if t.state == livedesk.Open && had != id {
		m.serve(m.linesOf(had)...)
	}
	return true
}

func (m *model) unassign(t *talk) bool {
	if t.state != livedesk.Open {
		return false
	}
	if had := t.assignee; had != "" {
		t.assignee = ""
		m.serve(append(m.linesOf(had), m.queue(t.channel))...)
		m.settle(t, m.queue(t.channel))
	}
	return true
}

// transfer passes a conversation on; one that waits keeps the time since when it does.
func (m *model) transfer(t *talk, to string) bool {
	if t.state != livedesk.Open {
		return false
	}
	had := t.assignee
	t.assignee, t.queue = "", ""
	m.serve(append(m.linesOf(had), to)...)
	m.settle(t, to)
	return true
}

func (m *model) presence(id string, p livedesk.Presence, lapses bool) bool {
	a := m.agents[id]
	if a == nil {
		return false
	}
	a.presence, a.until = p, 0
	if lapses {
		a.until = m.now + presenceTTL
	}
	m.serve(m.linesOf(id)...)
	return true
}

func (m *model) putAgent(id string, capacity int) {
	if m.agents[id] == nil {
		m.agents[id] = &agent{}
	}
	m.agents[id].capacity = capacity
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

// removeAgent gives what the agent has in hand to others, the conversation with the latest activity first.
func (m *model) removeAgent(id string) bool {
	if m.agents[id] == nil {
		return false
	}
	held := slices.DeleteFunc(slices.Clone(m.talks), func(t *talk) bool { return t.state != livedesk.Open || t.assignee != id })
	slices.SortFunc(held, func(a, b *talk) int { return cmp.Compare(b.activeAt, a.activeAt) })
	m.agents[id].presence = livedesk.Offline
	for _, t := range held {
		t.assignee = ""
	}
	for _, t := range held {
		m.settle(t, m.queue(t.channel))
	}
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

// configure changes how a channel's conversations are given away; who waits for one of them may fit now.
func (m *model) configure(channel int, a livedesk.Assignment) {
	m.channels[channel].Assignment = a
	m.serve(m.queue(channel), team)
}
