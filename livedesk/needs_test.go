package livedesk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

func TestNeeds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		skills          []string
		target, contact string
		want            livedesk.Needs
		language        string
	}{
		{nil, "", "fr", "", ""},
		{[]string{"vip", "billing", "vip"}, "", "fr", ":billing,vip", ""},
		{nil, "fr-CA", "de", "fr-ca:", "fr-ca"},
		{[]string{"vip"}, "fr", "", "fr:vip", "fr"},
		{nil, routing.ContactLanguage, "", "", ""},
		{nil, routing.ContactLanguage, "fr-CA", "fr:", "fr"},
		{nil, routing.ContactLanguage, "PT_br", "pt:", "pt"},
		{[]string{"a:b"}, routing.ContactLanguage, "de", "de:a:b", "de"},
	} {
		got := livedesk.NeedsOf(routing.Target{Kind: routing.ToHumans, Skills: c.skills, Language: c.target}, c.contact)
		require.Equal(t, c.want, got)
		require.Equal(t, c.language, got.Language())
		require.Equal(t, slices.Compact(slices.Sorted(slices.Values(c.skills))), got.Skills())
	}
}

func TestAgentMeets(t *testing.T) {
	t.Parallel()
	ada := livedesk.Agent{Skills: []string{"vip", "a:b", "crème"}, Languages: []string{"fr-CA", "PT", "zh_Hant"}}
	for needs, want := range map[livedesk.Needs]bool{
		"": true, ":vip": true, ":crème,vip": true, ":a:b": true, ":Vip": false, ":creme": false, ":vip,x": false, ":a": false,
		"fr:": true, "fr-ca:": true, "fr-fr:": false, "f:": false, "pt:vip": true, "pt-br:": false, "zh-hant:": true, "de:vip": false, "fr:x": false,
	} {
		require.Equal(t, want, ada.Meets(needs), "%q", needs)
	}
	require.True(t, livedesk.Agent{}.Meets(""))
}

func narrow(t routing.Target, language string, skills ...string) routing.Target {
	t.Language, t.Skills = language, skills
	return t
}

func (w *world) able(id string, capacity int, languages, skills string) {
	w.t.Helper()
	_, err := w.desk.PutAgent(w.ctx(), livedesk.Agent{ID: id, Capacity: capacity, Languages: strings.Fields(languages), Skills: strings.Fields(skills)})
	require.NoError(w.t, err)
}

// ableWorld has, of the channel and of the team "night", ada (fr, en), bo (de; billing), and cy, who only has a skill.
func ableWorld(t *testing.T, opts ...option) *world {
	w := newWorld(t, opts...)
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 5, "ada", "bo", "cy")
	w.able("ada", 5, "fr-CA en", "")
	w.able("bo", 5, "de", "billing")
	w.able("cy", 5, "", "vip")
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"ada", "bo", "cy"}))
	return w
}

func TestNarrowedTargets(t *testing.T) {
	t.Parallel()
	humans, night := routing.Target{Kind: routing.ToHumans}, toTeam("night")
	for name, c := range map[string]struct {
		language string // the contact's
		rules    []routing.Rule
		assignee string
		queue    string
		needs    livedesk.Needs
	}{
		"a skill":               {"", []routing.Rule{says("hi", narrow(night, "", "billing"))}, "bo", "", ":billing"},
		"a skill of humans":     {"", []routing.Rule{says("hi", narrow(humans, "", "vip"))}, "cy", "", ":vip"},
		"a language":            {"", []routing.Rule{says("hi", narrow(night, "FR"))}, "ada", "", "fr:"},
		"both":                  {"", []routing.Rule{says("hi", narrow(night, "de", "billing"))}, "bo", "", "de:billing"},
		"the contact's":         {"de-AT", []routing.Rule{says("hi", narrow(humans, routing.ContactLanguage))}, "bo", "", "de:"},
		"unknown":               {"", []routing.Rule{says("hi", narrow(humans, routing.ContactLanguage))}, "ada", "", ""},
		"nobody has both":       {"", []routing.Rule{says("hi", narrow(night, "fr", "billing"))}, "", "team:night", "fr:billing"},
		"the first, and waits":  {"", []routing.Rule{says("hi", narrow(night, "", "x"), narrow(humans, "", "y"))}, "", "team:night", ":x"},
		"preferred, else any":   {"", []routing.Rule{says("hi", narrow(night, "es"), night)}, "ada", "", ""},
		"preferred":             {"", []routing.Rule{says("hi", narrow(night, "de"), night)}, "bo", "", "de:"},
		"the second":            {"", []routing.Rule{says("hi", narrow(night, "es"), narrow(night, "", "vip"))}, "cy", "", ":vip"},
		"needs end at the rule": {"", []routing.Rule{unavailable(says("hi", narrow(night, "es")), routing.NextTier)}, "ada", "", ""},
		"the next rule has its own": {"", []routing.Rule{
			unavailable(says("hi", narrow(night, "es")), routing.NextRule), {ID: "x", Condition: routing.Condition{Always: true}, Targets: []routing.Target{narrow(humans, "", "vip")}}}, "cy", "", ":vip"},
		"who is available": {"", []routing.Rule{
			{ID: "a", Condition: routing.Condition{Available: new(narrow(night, "es"))}, Targets: []routing.Target{toAgent("ada")}},
			{ID: "b", Condition: routing.Condition{Available: new(narrow(humans, "de", "billing"))}, Targets: []routing.Target{toAgent("cy")}},
		}, "cy", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ableWorld(t)
			w.rules(c.rules...)
			_, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: alice, Language: c.language})
			require.NoError(t, err)
			would, err := w.desk.Simulate(w.ctx(), livedesk.Simulation{Channel: w.ch.ID, From: alice, Text: "hi"})
			require.NoError(t, err)
			w.text(alice, "hi")
			got := w.live(alice)
			require.Equal(t, c.assignee, got.Assignee)
			require.Equal(t, c.queue, got.Queue)
			list, err := w.desk.Explain(w.ctx(), got.ID)
			require.NoError(t, err)
			require.Equal(t, c.needs, list[0].Needs)
			require.Equal(t, list[0].Needs, would.Decision.Needs)
			require.Equal(t, list[0].Agent, would.Decision.Agent)
			if want := c.needs; got.Queue == "" {
				require.Empty(t, got.Needs, "it doesn't wait")
			} else {
				require.Equal(t, want, got.Needs)
				require.Equal(t, []livedesk.Skipped{{Agent: "ada", Why: livedesk.SkipNeeds}, {Agent: "bo", Why: livedesk.SkipNeeds}, {Agent: "cy", Why: livedesk.SkipNeeds}}, list[0].Skipped)
			}
		})
	}
}

// Who waits for somebody with a skill is served by the first who has it and room: who learns it, who comes on line, whose
// conversation ends. Others go on as if nobody waited before them, at any depth.
func TestNeedsHideNobody(t *testing.T) { // I11
	t.Parallel()
	w := ableWorld(t)
	w.rules(says("french", narrow(toTeam("night"), "fr", "billing")), says("spanish", narrow(toTeam("night"), "es")),
		routing.Rule{ID: "all", Condition: routing.Condition{Always: true}, Targets: []routing.Target{toTeam("night")}})
	for i := range 80 {
		w.text(phone(i), []string{"french", "spanish"}[i%2])
		w.advance(time.Second)
	}
	w.text(alice, "hello")
	require.Equal(t, "ada", w.live(alice).Assignee, "nobody before her can be placed")
	for _, id := range []string{"ada", "bo", "cy"} {
		require.NoError(t, w.desk.SetOutsideLoad(w.ctx(), id, 5))
	}
	w.text(bob, "hello")
	require.Equal(t, "team:night", w.live(bob).Queue)
	require.NoError(t, w.desk.SetOutsideLoad(w.ctx(), "cy", 4))
	require.Equal(t, "cy", w.live(bob).Assignee, "behind eighty whom cy can't take")

	require.NoError(t, w.desk.SetOutsideLoad(w.ctx(), "ada", 2))
	require.Equal(t, 1, w.load("ada"))
	w.able("ada", 5, "fr-CA en", "billing")
	require.Equal(t, 3, w.load("ada"))
	for i := range 4 {
		require.Equal(t, i%2 == 0, w.live(phone(i)).Assignee == "ada", "the %dth", i)
		require.Equal(t, i%2 == 0, w.live(phone(i)).Needs == "", "the %dth", i)
	}
	list, err := w.desk.Explain(w.ctx(), w.live(phone(0)).ID)
	require.NoError(t, err)
	last := list[0]
	require.Equal(t, livedesk.TierQueue, last.Tier)
	require.Equal(t, livedesk.Needs("fr:billing"), last.Needs)
	require.Contains(t, last.Skipped, livedesk.Skipped{Agent: "cy", Why: livedesk.SkipNeeds})

	w.able("cy", 9, "es", "vip") // who has bob, and four elsewhere
	w.settle()
	require.Equal(t, 5, w.load("cy"))
	require.Equal(t, "cy", w.live(phone(7)).Assignee)
	require.Empty(t, w.live(phone(9)).Assignee)
	waiting, err := w.desk.Waiting(w.ctx(), "team:night")
	require.NoError(t, err)
	require.Equal(t, phone(4), string(waiting[0].Conversation.Address), "the line is one, whatever they need")
}

// Of a channel whose limit is reached nobody is placed, whatever they need; of another those with needs are.
func TestNeedsAndLimits(t *testing.T) { // I11
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) { c.Assignment.Limit = 1 })
	limited := w.ch.ID
	w.agent("ada", 9)
	w.able("ada", 9, "fr", "")
	w.able("bo", 9, "", "")
	w.presence("ada", livedesk.Online)
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"ada", "bo"}))
	w.rules(says("fr", narrow(toTeam("night"), "fr")), routing.Rule{ID: "all", Condition: routing.Condition{Always: true}, Targets: []routing.Target{toTeam("night")}})
	for i := range 40 {
		w.deliver(textFrom(phone(i), []string{"fr", "hello"}[i%2]))
		w.advance(time.Second)
	}
	require.Equal(t, 1, w.load("ada"))
	w.bandwidthChannel(nil)
	w.text(alice, "fr")
	require.Equal(t, "ada", w.live(alice).Assignee)
	w.presence("bo", livedesk.Online)
	require.Equal(t, 1, w.load("bo"))
	require.Equal(t, "bo", w.live(phone(1)).Assignee, "the first who needs nothing")
	require.Len(t, w.all(livedesk.List{Channel: limited, Assignee: "bo"}), 1)
}

// What a person does by hand, and who had the conversation before, isn't asked for skills; a transfer can ask.
func TestNeedsByHand(t *testing.T) {
	t.Parallel()
	w := ableWorld(t)
	w.rules(says("spanish", narrow(toTeam("night"), "es")))
	w.text(alice, "spanish")
	c, err := w.desk.Assign(w.ctx(), w.live(alice).ID, "cy", livedesk.AgentActor("cy"))
	require.NoError(t, err)
	require.Equal(t, "cy ", c.Assignee+" "+string(c.Needs))
	c, err = w.desk.Transfer(w.ctx(), c.ID, narrow(toTeam("night"), "", "billing"), livedesk.AgentActor("cy"))
	require.NoError(t, err)
	require.Equal(t, "bo ", c.Assignee+" "+string(c.Needs))
	c, err = w.desk.Transfer(w.ctx(), c.ID, narrow(routing.Target{Kind: routing.ToHumans}, "es"), livedesk.AgentActor("bo"))
	require.NoError(t, err)
	require.Equal(t, "channel:"+w.ch.ID+" es:", c.Queue+" "+string(c.Needs))
	c, err = w.desk.Transfer(w.ctx(), c.ID, toTeam("night"), livedesk.AgentActor("bo"))
	require.NoError(t, err)
	require.Equal(t, " ", c.Queue+" "+string(c.Needs))
	require.NotEmpty(t, c.Assignee)
	for _, bad := range []routing.Target{narrow(toTeam("night"), "", "a,b"), narrow(toTeam("night"), "f")} {
		_, err = w.desk.Transfer(w.ctx(), c.ID, bad, livedesk.AgentActor("bo"))
		require.ErrorContains(t, err, "transfer: ")
	}
	c, err = w.desk.Resolve(w.ctx(), c.ID, livedesk.AgentActor("bo"))
	require.NoError(t, err)
	require.Empty(t, c.Needs)
}

// A wait for a skill ends with its limit, and with the conversation.
func TestNeedsEnd(t *testing.T) {
	t.Parallel()
	w := ableWorld(t)
	r := says("spanish", narrow(toTeam("night"), "es"))
	r.Timeout = routing.Timeout{AfterSeconds: 60, Then: routing.NextTier}
	w.rules(r)
	w.text(alice, "spanish")
	w.text(bob, "spanish")
	c, err := w.desk.Resolve(w.ctx(), w.live(bob).ID, livedesk.AgentActor("bo"))
	require.NoError(t, err)
	require.Empty(t, c.Needs)
	w.later(61 * time.Second)
	require.Equal(t, "ada", w.live(alice).Assignee)
	require.Empty(t, w.live(alice).Needs)
}

func TestPutAgentAbilities(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many := func(n int, of string) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprint(of, i))
		}
		return list
	}
	for field, a := range map[string]livedesk.Agent{
		"skills":       {Skills: many(51, "s")},
		"skills[1]":    {Skills: []string{"vip", ""}},
		"skills[0]":    {Skills: []string{"vip,billing"}},
		"languages":    {Languages: many(21, "fr-")},
		"languages[0]": {Languages: []string{""}},
		"languages[1]": {Languages: []string{"en", "french"}},
	} {
		a.ID = "ada"
		_, err := w.desk.PutAgent(w.ctx(), a)
		var invalid *livedesk.ValidationError
		require.ErrorAs(t, err, &invalid, field)
		require.Equal(t, field, invalid.Field)
	}
	a, err := w.desk.PutAgent(w.ctx(), livedesk.Agent{ID: "ada", Skills: append(many(50, "s"), "s0")[1:], Languages: []string{"en", "fr-CA", "en"}})
	require.NoError(t, err)
	require.Len(t, a.Skills, 50)
	require.Equal(t, []string{"en", "fr-CA"}, a.Languages)
	list, err := w.desk.Agents(w.ctx())
	require.NoError(t, err)
	require.Equal(t, a, list[0])
	a, err = w.desk.PutAgent(w.ctx(), livedesk.Agent{ID: "ada", Skills: []string{}})
	require.NoError(t, err)
	require.Nil(t, a.Skills)
	require.Nil(t, a.Languages)
}

// Stand-ins of a simulation have the skills that they are given.
func TestSimulateNeeds(t *testing.T) {
	t.Parallel()
	w := ableWorld(t)
	w.rules(says("spanish", narrow(toTeam("night"), "es")))
	s := livedesk.Simulation{Channel: w.ch.ID, Text: "spanish", Contact: &livedesk.Contact{Language: "es"}}
	got, err := w.desk.Simulate(w.ctx(), s)
	require.NoError(t, err)
	require.Empty(t, got.Decision.Agent)
	s.Agents = []livedesk.Agent{{ID: "cy", Presence: livedesk.Online, Languages: []string{"es-MX"}}}
	got, err = w.desk.Simulate(w.ctx(), s)
	require.NoError(t, err)
	require.Equal(t, "cy", got.Decision.Agent)
}
