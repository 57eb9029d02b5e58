package modeltest

import (
	"cmp"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// model is what the documentation says of assignment, as plainly as it can be said.
type model struct {
	now      time.Duration
	agents   map[string]*agent
	lines    map[string]*line
	channels [2]livedesk.Channel
	talks    []*talk
	current  map[person]*talk
	optedOut map[person]bool
	rule     string // what happens to a text with "vip" in it: "" (no rule), "wait" for the team, or "next_tier"
}

type agent struct {
	capacity, outside int
	presence          livedesk.Presence
	until             time.Duration // 0 for without end
}

// line is a queue; the turn of its members is a count.
type line struct {
	members []livedesk.Member
	count   int64
}

// person is a customer on a channel.
type person struct{ channel, who int }

// talk is a conversation.
type talk struct {
	id string // empty until the desk has told it
	person
	state           livedesk.State
	assignee, queue string
	queuedAt        time.Duration // 0 for never: time begins later
	activeAt        time.Duration
	reopenUntil     time.Duration
	wakeAt          time.Duration // 0 for when the customer writes
}

const (
	reopenWindow = 35 * time.Minute
	presenceTTL  = 25 * time.Minute
	snoozed      = 15 * time.Minute
	team         = "team:night"
)

func newModel(channels [2]livedesk.Channel) *model {
	m := &model{
		now: time.Hour, agents: map[string]*agent{}, lines: map[string]*line{}, channels: channels,
		current: map[person]*talk{}, optedOut: map[person]bool{},
	}
	for i := range channels {
		m.lines[m.queue(i)] = &line{}
	}
	m.lines[team] = &line{}
	return m
}

func (m *model) queue(channel int) string { return livedesk.ChannelQueue(m.channels[channel].ID) }

// assignment returns the settings of a queue: a team has none.
func (m *model) assignment(queue string) livedesk.Assignment {
	for i := range m.channels {
		if m.queue(i) == queue {
			return m.channels[i].Assignment
		}
	}
	return livedesk.Assignment{}
}

func (m *model) online(id string) bool {
	a := m.agents[id]
	return a != nil && a.presence == livedesk.Online && (a.until == 0 || m.now < a.until)
}

func (m *model) load(id string) (n int) {
	for _, t := range m.talks {
		if t.state == livedesk.Open && t.assignee == id {
			n++
		}
	}
	return n
}

func (m *model) busy(id string) int { return m.load(id) + m.agents[id].outside }

func (m *model) room(id string) bool {
	c := m.agents[id].capacity
	return c == 0 || m.busy(id) < c
}

// limited reports whether an agent has as many of the channel's conversations as one may be given.
func (m *model) limited(channel int, id string) bool {
	n := 0
	for _, t := range m.talks {
		if t.state == livedesk.Open && t.assignee == id && t.channel == channel {
			n++
		}
	}
	limit := m.channels[channel].Assignment.Limit
	return limit > 0 && n >= limit
}

// fitting returns who of a line can be given a conversation of a channel, the best first.
func (m *model) fitting(queue string, channel int) []livedesk.Member {
	mode := m.assignment(queue).Mode
	l := m.lines[queue]
	fit := slices.DeleteFunc(slices.Clone(l.members), func(x livedesk.Member) bool {
		return !m.online(x.Agent) || m.limited(channel, x.Agent) || mode != livedesk.RoundRobin && !m.room(x.Agent)
	})
	slices.SortStableFunc(fit, func(a, b livedesk.Member) int { // of equals the list's order counts
		switch mode {
		case livedesk.RoundRobin, livedesk.RoundRobinCapped:
			return cmp.Compare(a.Last, b.Last)
		case livedesk.ShareLoaded:
			return cmp.Compare(m.share(a.Agent), m.share(b.Agent))
		}
		return cmp.Or(m.busy(a.Agent)-m.busy(b.Agent), cmp.Compare(a.Last, b.Last))
	})
	return fit
}

// share is exact for small numbers: a common multiple of all capacities.
func (m *model) share(id string) int {
	if c := m.agents[id].capacity; c != 0 {
		return m.busy(id) * 60 / c
	}
	return 0
}

// place gives a conversation to the next of a line, if there is anybody.
func (m *model) place(queue string, t *talk) bool {
	fit := m.fitting(queue, t.channel)
	if len(fit) == 0 || m.assignment(queue).Manual {
		return false
	}
	l := m.lines[queue]
	l.count++
	i := slices.IndexFunc(l.members, func(x livedesk.Member) bool { return x.Agent == fit[0].Agent })
	l.members[i].Last = l.count
	m.give(t, fit[0].Agent)
	return true
}

func (m *model) give(t *talk, id string) { t.assignee, t.queue, t.queuedAt = id, "", 0 }

// serve lets those who wait in these lines have what is free, the longest waiting first.
func (m *model) serve(queues ...string) {
	var waiting []*talk
	for _, t := range m.talks {
		if t.queue != "" && slices.Contains(queues, t.queue) {
			waiting = append(waiting, t)
		}
	}
	slices.SortFunc(waiting, func(a, b *talk) int { return cmp.Or(cmp.Compare(a.queuedAt, b.queuedAt), cmp.Compare(a.id, b.id)) })
	for _, t := range waiting {
		m.place(t.queue, t)
	}
}

// linesOf returns all lines that an agent is in.
func (m *model) linesOf(id string) (out []string) {
	for q, l := range m.lines {
		if slices.ContainsFunc(l.members, func(x livedesk.Member) bool { return x.Agent == id }) {
			out = append(out, q)
		}
	}
	return out
}

// settle gives a conversation to the first line where somebody fits, or lets it wait in the last.
func (m *model) settle(t *talk, queues ...string) {
	for _, q := range queues {
		if m.place(q, t) {
			return
		}
	}
	t.queue = queues[len(queues)-1]
	if t.queuedAt == 0 {
		t.queuedAt = m.now
	}
}

// routed returns where a text leads: the rule's lines, then the channel's people.
func (m *model) routed(channel int, text string) []string {
	switch {
	case text != vip || m.rule == "":
		return []string{m.queue(channel)}
	case m.rule == "wait":
		return []string{team}
	}
	return []string{team, m.queue(channel)}
}

// keeps gives a conversation back to who had it: one who is woken needs an agent on line, one who comes back later a member
// of the channel with room.
func (m *model) keeps(t *talk, id string, woken bool) bool {
	if id == "" || !m.online(id) {
		return false
	}
	member := slices.ContainsFunc(m.lines[m.queue(t.channel)].members, func(x livedesk.Member) bool { return x.Agent == id })
	if !woken && (!member || !m.room(id) || m.limited(t.channel, id)) {
		return false
	}
	m.give(t, id)
	return true
}
