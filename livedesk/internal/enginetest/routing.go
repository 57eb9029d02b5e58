package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

func toTeam(id string) routing.Target { return routing.Target{Kind: routing.ToTeam, ID: id} }

func says(word string, to routing.Target) routing.Rule {
	return routing.Rule{ID: word, Condition: routing.Condition{Text: &routing.Text{Keyword: []string{word}}}, Targets: []routing.Target{to}}
}

// option changes how the channel assigns.
func (d *desk) option(change func(*livedesk.Assignment)) {
	d.Helper()
	c, err := d.Channel(d.Context(), d.channel)
	d.must(err)
	change(&c.Assignment)
	_, err = d.PutChannel(d.Context(), c)
	d.must(err)
	d.settle()
}

// of returns the live conversation of a customer.
func (d *desk) of(from int) livedesk.Conversation {
	d.Helper()
	for _, c := range d.conversations() {
		if c.Address == phone(from) && c.State.Live() {
			return c
		}
	}
	d.Fatalf("no live conversation of %d", from)
	return livedesk.Conversation{}
}

// Rules that one engine stores decide on both, and every decision is there to be read.
func rules(d *desk) {
	d.agents(5, "ada", "bo")
	d.must(d.SetTeam(d.Context(), "night", []string{"bo"}))
	first := says("later", routing.Target{Kind: routing.ToAgent, ID: "zoe"})
	first.Timeout = routing.Timeout{AfterSeconds: 60, Then: routing.NextRule}
	first.AddLabels = []string{"patient"}
	second := says("billing", toTeam("night"))
	second.Order = 1
	set, err := d.PutRules(d.Context(), livedesk.RuleSet{Rules: []routing.Rule{first, second}})
	d.must(err)
	_, err = d.engines[1].Desk(workspace).PutRules(d.Context(), livedesk.RuleSet{Version: "x", Rules: set.Rules})
	if !errors.Is(err, livedesk.ErrConflict) {
		d.Fatalf("want ErrConflict, got %v", err)
	}
	d.settle()
	for i := range 4 {
		d.text(i, "", "billing")
		d.equal("bo", d.of(i).Assignee, "assignee")
	}
	d.text(9, "", "billing, later")
	d.equal("agent:zoe", d.of(9).Queue, "queue")
	d.equal([]string{"patient"}, d.of(9).Labels, "labels")
	would, err := d.Simulate(d.Context(), livedesk.Simulation{Channel: d.channel, Text: "billing"})
	d.must(err)
	d.equal("bo", would.Decision.Agent, "simulated")
	d.later(61 * time.Second)
	d.equal("bo", d.of(9).Assignee, "assignee after the limit")
	list, err := d.Explain(d.Context(), d.of(9).ID)
	d.must(err)
	d.equal(2, len(list), "decisions")
	d.equal("billing later", list[0].Rule+" "+list[1].Rule, "rules")
	for _, x := range list {
		d.equal(set.Version, x.Version, "version")
	}
	d.must(d.RemoveRule(d.Context(), "billing"))
	d.settle()
	d.text(10, "", "billing")
	d.equal("ada", d.of(10).Assignee, "assignee without the rule")
}

// Two engines edit rules at once: none is lost, and of two over one version one is told.
func ruleEdits(d *desk) {
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			r := says(fmt.Sprintf("w%02d", i), toTeam("night"))
			if _, err := d.engines[i%2].Desk(workspace).PutRule(d.Context(), r); err != nil {
				d.Error(err)
			}
		})
	}
	all.Wait()
	set, err := d.Rules(d.Context())
	d.must(err)
	d.equal(12, len(set.Rules), "rules")
	won := make(chan bool, 8)
	for i := range 8 {
		all.Go(func() {
			edit := livedesk.RuleSet{Version: set.Version, Rules: append(slices.Clone(set.Rules), says(fmt.Sprint("x", i), toTeam("day")))}
			_, err := d.engines[i%2].Desk(workspace).PutRules(d.Context(), edit)
			won <- err == nil
			if err != nil && !errors.Is(err, livedesk.ErrConflict) {
				d.Error(err)
			}
		})
	}
	all.Wait()
	n := 0
	for range 8 {
		if <-won {
			n++
		}
	}
	d.equal(1, n, "edits that won")
}

// What an agent off line has in hand goes to who is there, and so does what an agent doesn't answer.
func absence(d *desk) {
	d.option(func(a *livedesk.Assignment) { a.OfflineGraceSeconds, a.NoAnswerSeconds = 60, 600 })
	d.agents(0, "ada", "bo")
	d.must(d.SetPresence(d.Context(), "bo", livedesk.Offline, 0))
	d.must(d.SetPresence(d.Context(), "ada", livedesk.Online, time.Minute))
	for i := range 3 {
		d.text(i, "", "hello")
		d.equal("ada", d.of(i).Assignee, "assignee")
	}
	d.must(d.SetPresence(d.Context(), "bo", livedesk.Online, 0))
	d.later(61 * time.Second)
	d.equal("ada", d.of(0).Assignee, "assignee within the grace")
	d.later(60 * time.Second)
	for i := range 3 {
		d.equal("bo", d.of(i).Assignee, "assignee after the grace")
	}
	d.must(d.SetPresence(d.Context(), "ada", livedesk.Online, 0))
	_, err := d.Reply(d.Context(), d.of(0).ID, livedesk.AgentActor("bo"), livedesk.Draft{Text: "hi"})
	d.must(err)
	d.later(601 * time.Second)
	d.equal("bo", d.of(0).Assignee, "assignee who answered")
	for i := 1; i < 3; i++ {
		d.equal("ada", d.of(i).Assignee, "assignee after no answer")
	}
}

// Who waits for what nobody has is passed over, on two engines, and served at once when an agent has learned it.
func skills(d *desk) {
	d.agents(9, "ada", "bo")
	french := says("french", routing.Target{Kind: routing.ToHumans, Language: "fr", Skills: []string{"billing"}})
	_, err := d.PutRules(d.Context(), livedesk.RuleSet{Rules: []routing.Rule{french}})
	d.must(err)
	d.settle()
	for i := range 40 {
		d.text(i, "", "french")
		d.equal(livedesk.Needs("fr:billing"), d.of(i).Needs, "needs")
	}
	d.text(40, "", "hello")
	d.equal("ada", d.of(40).Assignee, "assignee behind those who need more")
	_, err = d.engines[1].Desk(workspace).PutAgent(d.Context(), livedesk.Agent{ID: "bo", Capacity: 2, Languages: []string{"fr-CA"}, Skills: []string{"billing", "vip"}})
	d.must(err)
	for i := range 3 {
		d.equal(i < 2, d.of(i).Assignee == "bo", "given to bo")
		d.equal(i < 2, d.of(i).Needs == "", "needs nothing")
	}
	list, err := d.Explain(d.Context(), d.of(0).ID)
	d.must(err)
	d.equal(livedesk.Needs("fr:billing"), list[0].Needs, "needs of the decision")
	d.equal([]livedesk.Skipped{{Agent: "ada", Why: livedesk.SkipNeeds}}, list[0].Skipped, "skipped")
}

// A channel's limit holds over two engines, and who comes back finds their agent.
func limitAndSticky(d *desk) {
	d.option(func(a *livedesk.Assignment) { a.Limit, a.StickyDays = 2, 7 })
	d.agents(9, "ada", "bo")
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() { d.text(i, "", "hello") })
	}
	all.Wait()
	agents, err := d.Agents(d.Context())
	d.must(err)
	for _, a := range agents {
		d.equal(2, a.Load, "load of "+a.ID)
	}
	line, err := d.Waiting(d.Context(), livedesk.ChannelQueue(d.channel))
	d.must(err)
	d.equal(6, len(line), "in line")
	for _, c := range d.conversations() {
		_, err := d.Resolve(d.Context(), c.ID, host)
		d.must(err)
	}
	d.later(25 * time.Hour)
	d.text(20, "", "hello")
	_, err = d.Assign(d.Context(), d.of(20).ID, "bo", host)
	d.must(err)
	_, err = d.Resolve(d.Context(), d.of(20).ID, host)
	d.must(err)
	d.later(25 * time.Hour)
	d.must(d.SetOutsideLoad(d.Context(), "bo", 5))
	d.text(20, "", "again")
	d.equal("bo", d.of(20).Assignee, "assignee of the last time")
	c, err := d.Transfer(d.Context(), d.of(20).ID, routing.Target{Kind: routing.ToHumans}, host)
	d.must(err)
	d.equal("ada", c.Assignee, "assignee by transfer")
}

// Rules that ask who is there, on both engines at once: nobody gets more than the capacity, nobody is lost, and nobody
// waits while somebody who fits has room.
func rulesUnderLoad(d *desk) {
	d.agents(2, "ada", "bo", "cy")
	d.must(d.SetTeam(d.Context(), "night", []string{"bo", "cy"}))
	ada := routing.Target{Kind: routing.ToAgent, ID: "ada"}
	asks := routing.Rule{ID: "asks", Condition: routing.Condition{Available: &ada}, Targets: []routing.Target{ada}}
	next := says("night", toTeam("night"))
	next.Order, next.Unavailable = 1, routing.NextTier
	_, err := d.PutRules(d.Context(), livedesk.RuleSet{Rules: []routing.Rule{asks, next}})
	d.must(err)
	d.settle()
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() { d.text(i, "", []string{"night", "hello"}[i%2]) })
	}
	all.Wait()
	for {
		var held []livedesk.Conversation
		waits := 0
		for _, c := range d.conversations() {
			if c.State == livedesk.Open && c.Assignee != "" {
				held = append(held, c)
			} else if c.State == livedesk.Open {
				waits++
			}
		}
		agents, err := d.Agents(d.Context())
		d.must(err)
		for _, a := range agents {
			if a.Load > 2 || waits > 0 && a.Load < 2 {
				d.Fatalf("%d wait, %s has %d", waits, a.ID, a.Load)
			}
		}
		if len(held) == 0 {
			return
		}
		for i, c := range held {
			all.Go(func() {
				_, err := d.engines[i%2].Desk(workspace).Resolve(d.Context(), c.ID, host)
				if err != nil {
					d.Error(err)
				}
			})
		}
		all.Wait()
		d.settle()
	}
}
