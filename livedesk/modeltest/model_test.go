package modeltest

import (
	"cmp"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// model is what the documentation says of assignment, as plainly as it can be said.
type model struct {
	// tick is how much time passes from one timer to the next: something where the store's clock goes on by itself, so that
	// who began to wait first is first whatever the ids.
	tick     time.Duration
	now      time.Duration
	agents   map[string]*agent
	lines    map[string]*line
	channels [2]livedesk.Channel
	talks    []*talk
	current  map[person]*talk
	optedOut map[person]bool
	speaks   [customers]string // languages, by who it is
	rules    string            // which of ruleSets
	// away is when it is looked whether who is off line still has something in hand, by agent.
	away map[string]time.Duration

	freed bool // a place came free while conversations were being given away
}

type agent struct {
	capacity, outside int
	presence          livedesk.Presence
	until             time.Duration // 0 for without end; of who is off line since when
	skills, languages []string
}

// line is a queue; the turn of its members is a count.
type line struct {
	members []livedesk.Member
	count   int64
	closed  bool // its business hours are
}

// person is a customer on a channel.
type person struct{ channel, who int }

// talk is a conversation.
type talk struct {
	id string // empty until the desk has told it
	person
	state           livedesk.State
	before          livedesk.State // the snooze
	assignee, queue string
	priority        int
	queuedAt        time.Duration // 0 for never: time begins later
	want            want          // of who takes it from the queue
	waitingSince    time.Duration // 0 when the customer has an answer
	resolvedAt      time.Duration
	reopenUntil     time.Duration
	wakeAt          time.Duration // 0 for when the customer writes
	handedOver      bool          // the AI agent had it in this cycle
	lastText        string        // the customer's
	sticky          string        // agent of the conversation before, for a new one

	silent string // agent who has it, didn't answer, and keeps it if nobody else can take it
	alarm  alarm
	limit  limit
	was    held // at the last commit
}

// held is what lets an alarm be set anew.
type held struct {
	state    livedesk.State
	assignee string
	since    time.Duration
}

const (
	reopenWindow = 35 * time.Minute
	presenceTTL  = 1600 * time.Second
	snoozed      = 15 * time.Minute
	grace        = 1400 * time.Second
	noAnswer     = 1100 * time.Second
	ruleLimit    = 700 * time.Second
	team         = "team:night"
	cysOwn       = "agent:cy"
	bot          = "bot"
	customers    = 20
	regulars     = 5 // customers who do most of it
)

// The instants at which these end are never the same: events happen at whole seconds, and ten minutes apart.

func newModel(channels [2]livedesk.Channel) *model {
	m := &model{
		now: time.Hour, agents: map[string]*agent{}, lines: map[string]*line{}, channels: channels,
		current: map[person]*talk{}, optedOut: map[person]bool{}, away: map[string]time.Duration{},
	}
	for _, q := range m.queues() {
		m.lines[q] = &line{}
	}
	return m
}

func (m *model) queue(channel int) string { return livedesk.ChannelQueue(m.channels[channel].ID) }

// queues are all lines in which somebody may wait.
func (m *model) queues() []string { return []string{m.queue(0), m.queue(1), team, cysOwn} }

// assignment returns the settings of a queue: a team has none.
func (m *model) assignment(queue string) livedesk.Assignment {
	for i := range m.channels {
		if m.queue(i) == queue {
			return m.channels[i].Assignment
		}
	}
	return livedesk.Assignment{}
}

// byHand reports whether a line is served by people only.
func (m *model) byHand(queue string) bool {
	a := m.assignment(queue)
	return a.Manual || a.HostAssigned
}

// present is what holds now of what an agent said.
func (m *model) present(id string) livedesk.Presence {
	a := m.agents[id]
	if a == nil || a.until != 0 && m.now >= a.until {
		return livedesk.Offline
	}
	return a.presence
}

func (m *model) online(id string) bool { return m.present(id) == livedesk.Online }

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

// fitting returns who of a line can be given a conversation that wants something, the best first.
func (m *model) fitting(queue string, t *talk, w want) []livedesk.Member {
	mode := m.assignment(queue).Mode
	l := m.lines[queue]
	if l.closed {
		return nil
	}
	fit := slices.DeleteFunc(slices.Clone(l.members), func(x livedesk.Member) bool {
		return !m.online(x.Agent) || m.limited(t.channel, x.Agent) || x.Agent == t.silent || !m.agents[x.Agent].has(w) ||
			mode != livedesk.RoundRobin && !m.room(x.Agent)
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

// place gives a conversation to the next of a line who has what it wants, if there is anybody.
func (m *model) place(queue string, t *talk, w want) bool {
	fit := m.fitting(queue, t, w)
	if len(fit) == 0 || m.byHand(queue) {
		return false
	}
	l := m.lines[queue]
	l.count++
	i := slices.IndexFunc(l.members, func(x livedesk.Member) bool { return x.Agent == fit[0].Agent })
	l.members[i].Last = l.count
	m.freed = m.freed || t.assignee != ""
	m.give(t, fit[0].Agent)
	return true
}

func (m *model) give(t *talk, id string) {
	t.assignee = id
	t.leaveLine()
}

func (t *talk) leaveLine() { t.queue, t.queuedAt, t.want = "", 0, want{} }

// serve lets those who wait in these lines have what is free, the longest waiting first.
func (m *model) serve(queues ...string) {
	for _, t := range m.inLine(queues...) {
		m.place(t.queue, t, t.want)
	}
}

// inLine returns who waits, in the order in which they are served.
func (m *model) inLine(queues ...string) []*talk {
	var waiting []*talk
	for _, t := range m.talks {
		if t.queue != "" && slices.Contains(queues, t.queue) {
			waiting = append(waiting, t)
		}
	}
	slices.SortFunc(waiting, func(a, b *talk) int {
		return cmp.Or(b.priority-a.priority, cmp.Compare(a.queuedAt, b.queuedAt), cmp.Compare(a.id, b.id))
	})
	return waiting
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
