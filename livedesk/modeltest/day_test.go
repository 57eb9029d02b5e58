package modeltest

import (
	"flag"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/livedesk/livedesk-go/livedesk"
)

// day is a random day of a desk: whatever happens, desk and model say the same.
type day struct {
	*desk
	m *model
}

var (
	toTeam   = place{to: team}
	toHumans = place{to: humans}
	toBot    = place{to: bot}
)

var staff = []string{"ada", "bo", "cy", "dee"}

// TestModel plays random days. The order of events is all that counts, so there is no other goroutine, and the clock moves by
// a second with each event, and by ten minutes or more now and then.
func TestModel(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open opener) {
		atMost(t, map[string]string{"TestModel/memory": "300", "TestModel/sqlite": "12", "TestModel/postgres": "10"}[t.Name()])
		rapid.Check(t, func(t *rapid.T) { play(t, open) })
	})
}

// atMost is how many days are played, and how much happens in one as a rule, where -rapid.checks and -rapid.steps don't say.
func atMost(t *testing.T, days string) {
	for name, value := range map[string]string{"rapid.checks": days, "rapid.steps": "50"} {
		setting, given := flag.Lookup(name), false
		flag.Visit(func(f *flag.Flag) { given = given || f == setting })
		if !given {
			require.NoError(t, setting.Value.Set(value))
		}
	}
}

func play(t *rapid.T, open opener) {
	c := &clock{}
	d := &day{desk: newDesk(t, open(t, c), c.advance)}
	d.m = newModel(d.channels)
	if c.runs {
		d.m.tick = time.Microsecond
	}
	d.opening(t)
	d.rulesChange(t)
	for ch := range d.channels {
		d.configure(t, ch)
	}
	t.Repeat(map[string]func(*rapid.T){
		"":           func(*rapid.T) { d.agree() },
		"text":       d.customerWrites,
		"text too":   d.customerWrites,
		"text more":  d.customerWrites,
		"text most":  d.customerWrites,
		"text rest":  d.customerWrites,
		"resolve":    d.resolves,
		"reopen":     d.reopens,
		"snooze":     d.snoozes,
		"wake":       d.wakes,
		"assign":     d.assigns,
		"unassign":   d.unassigns,
		"transfer":   d.transfers,
		"to ai":      d.givesToAI,
		"reply":      d.replies,
		"start":      d.starts,
		"priority":   d.prioritizes,
		"presence":   d.comesAndGoes,
		"presence2":  d.comesAndGoes,
		"capacity":   d.hires,
		"abilities":  d.learns,
		"abilities2": d.learns,
		"language":   d.customerSpeaks,
		"hours":      d.opensOrCloses,
		"outside":    d.worksElsewhere,
		"remove":     d.leaves,
		"members":    d.lists,
		"channel":    d.configures,
		"rules":      d.rulesChange,
		"time":       d.timePasses,
		"time too":   d.timePasses,
		"time more":  d.timePasses,
		"restart":    func(t *rapid.T) { d.restart(rapid.IntRange(0, 1).Draw(t, "engine")) },
	})
	d.gapless(d.look())
}

// opening is two agents on line, and customers who speak something, so that days begin with something.
func (d *day) opening(t *rapid.T) {
	for i, id := range staff[:2] {
		a := livedesk.Agent{ID: id, Capacity: i + 1, Skills: d.skills(t), Languages: d.languages(t)}
		_, err := d.desk.desk().PutAgent(d.t.Context(), a)
		require.NoError(d.t, err)
		require.NoError(d.t, d.desk.desk().SetPresence(d.t.Context(), id, livedesk.Online, 0))
		d.m.putAgent(id, a.Capacity, a.Skills, a.Languages)
		d.m.presence(id, livedesk.Online, false)
	}
	for i, c := range d.channels {
		require.NoError(d.t, d.desk.desk().SetMembers(d.t.Context(), c.ID, staff[:2]))
		d.m.list(d.m.queue(i), staff[:2])
	}
	require.NoError(d.t, d.desk.desk().SetTeam(d.t.Context(), "night", staff[:2]))
	d.m.list(team, staff[:2])
	for who := range d.m.speaks {
		d.m.speaks[who] = spoken[who%len(spoken)]
		require.NoError(d.t, d.speaks(d.desk.desk(), who, d.m.speaks[who]))
	}
}

// act lets the clock go on and something happen, on one of the engines and in the model.
func (d *day) act(t *rapid.T, after time.Duration, what string, real func() error, model func() bool) {
	d.turn.Store(rapid.Int32Range(0, 1).Draw(t, "engine"))
	d.advance(after)
	d.m.now += after
	d.m.elapse()
	d.settle()
	err := real()
	if model() {
		require.NoError(d.t, err, what)
	} else {
		require.Error(d.t, err, what)
	}
	d.m.commit()
	d.m.turns()
	d.settle()
}

// now is act with the next second.
func (d *day) now(t *rapid.T, what string, real func() error, model func() bool) {
	d.act(t, time.Second, what, real, model)
}

// a talk that is there; the newest is the likeliest.
func (d *day) talk(t *rapid.T) *talk {
	if len(d.m.talks) == 0 {
		t.Skip("nobody has written yet")
	}
	n := len(d.m.talks)
	return d.m.talks[n-1-min(n-1, rapid.IntRange(0, 8).Draw(t, "talk"))]
}

func (d *day) customer(t *rapid.T) int { return rapid.IntRange(0, regulars-1).Draw(t, "who") }

func (d *day) language(t *rapid.T) string { return rapid.SampledFrom(spoken).Draw(t, "language") }

func (d *day) skills(t *rapid.T) []string { return rapid.SampledFrom(abilities).Draw(t, "skills") }

func (d *day) languages(t *rapid.T) []string { return rapid.SampledFrom(tongues).Draw(t, "languages") }

func (d *day) agent(t *rapid.T) string { return rapid.SampledFrom(staff).Draw(t, "agent") }

func (d *day) timePasses(t *rapid.T) {
	d.act(t, time.Duration(rapid.IntRange(1, 3).Draw(t, "steps"))*10*time.Minute, "time passes", func() error { return nil }, func() bool { return true })
}

func (d *day) customerWrites(t *rapid.T) {
	p := person{rapid.IntRange(0, 1).Draw(t, "channel"), d.customer(t)}
	body := rapid.SampledFrom([]string{"hello", "hello", vip, vip, vip, human, bye, "STOP", "START"}).Draw(t, "body")
	d.now(t, "text", func() error { d.text(p, body); return nil }, func() bool { d.m.text(p, body); return true })
}

func (d *day) resolves(t *rapid.T) {
	it := d.talk(t)
	d.now(t, "resolve", func() error { _, err := d.desk.desk().Resolve(t.Context(), it.id, host); return err },
		func() bool { return d.m.resolve(it) })
}

func (d *day) reopens(t *rapid.T) {
	it, by := d.talk(t), rapid.SampledFrom([]string{"", "", "ada", "bo"}).Draw(t, "by")
	actor := host
	if by != "" {
		actor = livedesk.AgentActor(by)
	}
	d.now(t, "reopen", func() error { _, err := d.desk.desk().Reopen(t.Context(), it.id, actor); return err },
		func() bool { return d.m.reopen(it, by) })
}

func (d *day) snoozes(t *rapid.T) {
	it, timed := d.talk(t), rapid.Bool().Draw(t, "timed")
	d.now(t, "snooze", func() error {
		var until time.Time
		if timed {
			until = began.Add(d.m.now - time.Hour + snoozed)
		}
		_, err := d.desk.desk().Snooze(t.Context(), it.id, host, until)
		return err
	}, func() bool { return d.m.snooze(it, timed) })
}

func (d *day) wakes(t *rapid.T) {
	it := d.talk(t)
	d.now(t, "wake", func() error { _, err := d.desk.desk().Wake(t.Context(), it.id, host); return err },
		func() bool { return d.m.wake(it) })
}

func (d *day) assigns(t *rapid.T) {
	it, id := d.talk(t), d.agent(t)
	by := rapid.SampledFrom([]livedesk.Actor{host, livedesk.AgentActor(id)}).Draw(t, "by")
	d.now(t, "assign", func() error { _, err := d.desk.desk().Assign(t.Context(), it.id, id, by); return err },
		func() bool { return d.m.assign(it, id) })
}

func (d *day) unassigns(t *rapid.T) {
	it := d.talk(t)
	d.now(t, "unassign", func() error { _, err := d.desk.desk().Unassign(t.Context(), it.id, host); return err },
		func() bool { return d.m.unassign(it) })
}

func (d *day) transfers(t *rapid.T) {
	it := d.talk(t)
	to := rapid.SampledFrom([]place{
		toTeam, toHumans, {to: team, skills: "billing"}, {to: humans, skills: "vip"}, {to: team, language: theirs}, {to: humans, language: "fr"},
	}).Draw(t, "to")
	d.now(t, "transfer", func() error { _, err := d.desk.desk().Transfer(t.Context(), it.id, to.stored(), host); return err },
		func() bool { return d.m.transfer(it, to) })
}

func (d *day) givesToAI(t *rapid.T) {
	it := d.talk(t)
	d.now(t, "give to the AI agent", func() error { _, err := d.desk.desk().Transfer(t.Context(), it.id, toBot.stored(), host); return err },
		func() bool { return d.m.toAI(it) })
}

func (d *day) replies(t *rapid.T) {
	it, by := d.talk(t), rapid.SampledFrom([]string{"", "ada", "bo", "cy"}).Draw(t, "by")
	actor := host
	if by != "" {
		actor = livedesk.AgentActor(by)
	}
	d.now(t, "reply", func() error {
		_, err := d.desk.desk().Reply(t.Context(), it.id, actor, livedesk.Draft{Text: "here I am"})
		return err
	}, func() bool { return d.m.write(it, by) })
}

func (d *day) starts(t *rapid.T) {
	p, by := person{rapid.IntRange(0, 1).Draw(t, "channel"), d.customer(t)}, d.agent(t)
	d.now(t, "start", func() error {
		_, err := d.desk.desk().Start(t.Context(), d.channels[p.channel].ID, number(p.who), livedesk.AgentActor(by), livedesk.Draft{Text: "a word"})
		return err
	}, func() bool { return d.m.start(p, by) })
}

func (d *day) prioritizes(t *rapid.T) {
	it, n := d.talk(t), rapid.IntRange(-1, 2).Draw(t, "priority")
	d.now(t, "priority", func() error {
		_, err := d.desk.desk().SetDetails(t.Context(), it.id, host, livedesk.Details{Priority: new(n)})
		return err
	}, func() bool { return d.m.prioritize(it, n) })
}

func (d *day) comesAndGoes(t *rapid.T) {
	id := d.agent(t)
	p := rapid.SampledFrom([]livedesk.Presence{livedesk.Online, livedesk.Online, livedesk.Busy, livedesk.Offline}).Draw(t, "presence")
	lapses := rapid.Bool().Draw(t, "lapses") && p != livedesk.Offline
	d.now(t, "presence", func() error {
		var ttl time.Duration
		if lapses {
			ttl = presenceTTL
		}
		return d.desk.desk().SetPresence(t.Context(), id, p, ttl)
	}, func() bool { return d.m.presence(id, p, lapses) })
}

func (d *day) hires(t *rapid.T) {
	d.putAgent(t, d.agent(t), rapid.SampledFrom([]int{-1, 0, 1, 2, 3, 5}).Draw(t, "capacity"))
}

// learns changes what an agent has who is there, or comes new with one place.
func (d *day) learns(t *rapid.T) {
	id, capacity := d.agent(t), 1
	if a := d.m.agents[id]; a != nil {
		capacity = a.capacity
	}
	d.putAgent(t, id, capacity)
}

func (d *day) putAgent(t *rapid.T, id string, capacity int) {
	a := livedesk.Agent{ID: id, Capacity: capacity, Skills: d.skills(t), Languages: d.languages(t)}
	d.now(t, "put agent", func() error { _, err := d.desk.desk().PutAgent(t.Context(), a); return err },
		func() bool { d.m.putAgent(id, capacity, a.Skills, a.Languages); return true })
}

func (d *day) customerSpeaks(t *rapid.T) {
	who, language := d.customer(t), d.language(t)
	d.now(t, "put contact", func() error { return d.speaks(d.desk.desk(), who, language) },
		func() bool { d.m.speaks[who] = language; return true })
}

func (d *day) opensOrCloses(t *rapid.T) {
	open := rapid.Bool().Draw(t, "open")
	d.now(t, "set team schedule", func() error {
		schedule := never
		if open {
			schedule = ""
		}
		return d.desk.desk().SetTeamSchedule(t.Context(), "night", schedule)
	}, func() bool { return d.m.opens(open) })
}

func (d *day) worksElsewhere(t *rapid.T) {
	id, n := d.agent(t), rapid.IntRange(0, 2).Draw(t, "n")
	d.now(t, "outside load", func() error { return d.desk.desk().SetOutsideLoad(t.Context(), id, n) }, func() bool { return d.m.outside(id, n) })
}

func (d *day) leaves(t *rapid.T) {
	id := d.agent(t)
	d.now(t, "remove agent", func() error { return d.desk.desk().RemoveAgent(t.Context(), id) }, func() bool { return d.m.removeAgent(id) })
}

func (d *day) lists(t *rapid.T) {
	ids := rapid.SliceOfNDistinct(rapid.SampledFrom(staff), 0, 3, rapid.ID).Draw(t, "members")
	ch := rapid.IntRange(0, 2).Draw(t, "line")
	if ch == 2 {
		d.now(t, "set team", func() error { return d.desk.desk().SetTeam(t.Context(), "night", ids) }, func() bool { return d.m.list(team, ids) })
		return
	}
	d.now(t, "set members", func() error { return d.desk.desk().SetMembers(t.Context(), d.channels[ch].ID, ids) },
		func() bool { return d.m.list(d.m.queue(ch), ids) })
}

func (d *day) configures(t *rapid.T) { d.configure(t, rapid.IntRange(0, 1).Draw(t, "channel")) }

func (d *day) configure(t *rapid.T, ch int) {
	a := livedesk.Assignment{
		Mode:   rapid.SampledFrom([]livedesk.Mode{livedesk.LeastLoaded, livedesk.ShareLoaded, livedesk.RoundRobin, livedesk.RoundRobinCapped}).Draw(t, "mode"),
		Manual: rapid.IntRange(0, 3).Draw(t, "manual") == 0,
		Limit:  rapid.IntRange(0, 2).Draw(t, "limit"),

		HostAssigned:        rapid.IntRange(0, 7).Draw(t, "host") == 0,
		OfflineGraceSeconds: rapid.SampledFrom([]int{0, seconds(grace)}).Draw(t, "grace"),
		NoAnswerSeconds:     rapid.SampledFrom([]int{0, seconds(noAnswer)}).Draw(t, "no answer"),
		StickyDays:          rapid.IntRange(0, 1).Draw(t, "sticky"),
	}
	ai := rapid.IntRange(0, 2).Draw(t, "ai") == 0
	d.now(t, "put channel", func() error {
		c, err := d.desk.desk().Channel(t.Context(), d.channels[ch].ID)
		require.NoError(t, err)
		c.Assignment, c.UseAI, c.AIAgents = a, ai, []string{bot}
		_, err = d.desk.desk().PutChannel(t.Context(), c)
		return err
	}, func() bool { d.m.configure(ch, a, ai); return true })
}

func (d *day) rulesChange(t *rapid.T) {
	sets := slices.Sorted(maps.Keys(ruleSets))
	if rapid.Bool().Draw(t, "narrowed") {
		sets = slices.DeleteFunc(sets, func(name string) bool { return !narrowed(ruleSets[name]) })
	}
	set := rapid.SampledFrom(sets).Draw(t, "rules")
	d.now(t, "rules", func() error { d.rules(set); return nil }, func() bool { d.m.rules = set; return true })
}

// agree holds the desk to the model.
func (d *day) agree() {
	s := d.look()
	d.recognize(s)
	for _, c := range s.talks {
		i := slices.IndexFunc(d.m.talks, func(t *talk) bool { return t.id == c.ID })
		require.GreaterOrEqual(d.t, i, 0, "a conversation that the model doesn't have: %s", c.ID)
		t := d.m.talks[i]
		got, want := [3]string{string(c.State), c.Assignee, c.Queue}, [3]string{string(t.state), t.assignee, t.queue}
		require.Equal(d.t, want, got, "state, agent and queue of %s", c.Address)
		require.Equal(d.t, t.priority, int(c.Priority), "priority of %s", c.Address)
		require.Equal(d.t, t.want.needs(), c.Needs, "needs of %s", c.Address)
	}
	require.Len(d.t, s.talks, len(d.m.talks))
	require.Len(d.t, s.agents, len(d.m.agents))
	for _, a := range s.agents {
		require.Equal(d.t, d.m.load(a.ID), a.Load, "load of %s", a.ID)
	}
	for id, l := range d.m.lines {
		var waits []string
		for _, c := range s.lines[id].Waiting {
			waits = append(waits, c.ID)
		}
		var want []string
		for _, t := range d.m.inLine(id) {
			want = append(want, t.id)
		}
		require.Equal(d.t, want, waits, "who waits in %s, in order", id)
		require.Equal(d.t, l.count, s.lines[id].Count, "how many %s gave away", id)
		if len(l.members)+len(s.lines[id].Members) > 0 {
			require.Equal(d.t, l.members, s.lines[id].Members, "turns in %s", id)
		}
	}
	d.m.quiet(d.t)
}

// recognize finds the id of a conversation that has just begun.
func (d *day) recognize(s seen) {
	for _, t := range d.m.talks {
		if t.id != "" {
			continue
		}
		for _, c := range s.talks {
			known := slices.ContainsFunc(d.m.talks, func(o *talk) bool { return o.id == c.ID })
			if !known && c.Address == number(t.who) && c.Channel == d.m.channels[t.channel].ID {
				t.id = c.ID
			}
		}
		require.NotEmpty(d.t, t.id, "no conversation of %s began", number(t.who))
	}
}
