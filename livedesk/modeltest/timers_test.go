package modeltest

import (
	"cmp"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// What happens because time passes.

// alarm is when an agent should have answered.
type alarm struct {
	due, since time.Duration
	agent      string
}

// elapse does what is due by now, the longest due first.
func (m *model) elapse() {
	type timer struct {
		due time.Duration
		do  func()
	}
	var due []timer
	at := func(when time.Duration, do func()) {
		if when != 0 && when <= m.now {
			due = append(due, timer{when, do})
		}
	}
	for _, t := range m.talks {
		if t.state == livedesk.Snoozed {
			at(t.wakeAt, func() { m.back(t, t.lastText) })
		}
		alarm, limit := t.alarm, t.limit
		at(alarm.due, func() { m.ring(t, alarm) })
		at(limit.due, func() { m.goOn(t, limit) })
	}
	for id, when := range m.away {
		at(when, func() { m.takeFrom(id) })
	}
	slices.SortStableFunc(due, func(a, b timer) int { return cmp.Compare(a.due, b.due) })
	for _, d := range due {
		m.now += m.tick
		d.do()
		m.commit()
	}
	m.turns()
}

// ring gives a conversation to somebody else whose agent didn't answer.
func (m *model) ring(t *talk, a alarm) {
	if t.alarm == a {
		t.alarm = alarm{}
	}
	if t.state != livedesk.Open || t.assignee != a.agent || t.waitingSince != a.since || m.alarmOf(t) == (alarm{}) {
		return
	}
	t.silent, m.freed = a.agent, false
	m.serve(m.queues()...)
	m.route(t, way{text: t.lastText})
	t.silent = ""
	if m.freed {
		m.serve(m.queues()...)
	}
}

// alarmOf returns when the agent of a conversation should have answered, if that counts.
func (m *model) alarmOf(t *talk) alarm {
	if m.channels[t.channel].Assignment.NoAnswerSeconds == 0 {
		return alarm{}
	}
	return alarm{m.now + noAnswer, t.waitingSince, t.assignee}
}

// goOn ends a wait.
func (m *model) goOn(t *talk, l limit) {
	if t.limit == l {
		t.limit = limit{}
	}
	if t.state != livedesk.Open || t.queue != l.queue || t.queuedAt != l.queuedAt {
		return
	}
	t.queue = ""
	m.serve(m.queues()...)
	m.route(t, l.from)
}

// takeFrom gives what an agent has in hand who has been off line for too long to others: the higher priority first, then the
// oldest.
func (m *model) takeFrom(id string) {
	delete(m.away, id)
	a := m.agents[id]
	if a == nil || a.until == 0 {
		return
	}
	if m.present(id) != livedesk.Offline {
		m.away[id] = a.until
		return
	}
	var taken []*talk
	for _, t := range m.heldBy(id) {
		patience := time.Duration(m.channels[t.channel].Assignment.OfflineGraceSeconds) * time.Second
		switch {
		case patience == 0:
		case m.now >= a.until+patience:
			taken = append(taken, t)
		case m.away[id] == 0 || a.until+patience < m.away[id]:
			m.away[id] = a.until + patience
		}
	}
	m.routeAll(taken, func(t *talk) way { return way{text: t.lastText} })
}

// heldBy returns an agent's open conversations, in the order in which they are given to others.
func (m *model) heldBy(id string) []*talk {
	held := slices.DeleteFunc(slices.Clone(m.talks), func(t *talk) bool { return t.state != livedesk.Open || t.assignee != id })
	slices.SortFunc(held, func(a, b *talk) int { return cmp.Or(b.priority-a.priority, cmp.Compare(a.id, b.id)) })
	return held
}

// routeAll takes conversations from their agents, lets those who wait have the places, and finds others for them.
func (m *model) routeAll(list []*talk, by func(*talk) way) {
	for _, t := range list {
		t.assignee = ""
	}
	m.serve(m.queues()...)
	for _, t := range list {
		m.route(t, by(t))
	}
}

// commit sets alarms for what an agent has since, or what a customer wrote since.
func (m *model) commit() {
	for _, t := range m.talks {
		now := held{t.state, t.assignee, t.waitingSince}
		if now != t.was && now.state == livedesk.Open && now.assignee != "" && now.since != 0 {
			if a := m.alarmOf(t); a != (alarm{}) {
				t.alarm = a
			}
		}
		t.was = now
	}
}
