package livedesk_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// asked is a condition with what makes it hold on a desk, and what doesn't.
type asked struct {
	condition  routing.Condition
	holds, not func(w *world) // each ends with a conversation of alice's
}

// writes is a text of alice's.
func writes(m smstest.Text) func(w *world) {
	return func(w *world) {
		if m.From == "" {
			m.From = addr(alice)
		}
		w.deliver(m)
	}
}

func hears(body string) func(w *world) { return writes(smstest.Text{Body: body}) }

// known makes alice known to the desk before she writes.
func known(c livedesk.Contact) func(w *world) {
	return func(w *world) {
		c.Address = addr(alice)
		_, err := w.desk.PutContact(w.ctx(), c)
		require.NoError(w.t, err)
		hears("hello")(w)
	}
}

// before has alice write, and her conversation resolved long ago, before she writes again.
func before(w *world) {
	hears("hello")(w)
	_, err := w.desk.Resolve(w.ctx(), w.live(alice).ID, host)
	require.NoError(w.t, err)
	w.advance(48 * time.Hour)
	hears("hello")(w)
}

// from has the carrier say where alice's number is from.
func from(country string) func(w *world) {
	return func(w *world) {
		w.twilioChannel(nil)
		w.agents(w.ch.ID, 5, "ada")
		writes(smstest.Text{Body: "hello", Fields: map[string]string{"FromCountry": country}})(w)
	}
}

func is(p livedesk.Presence) func(w *world) {
	return func(w *world) { w.presence("cy", p); hears("hello")(w) }
}

func full(w *world) {
	require.NoError(w.t, w.desk.SetOutsideLoad(w.ctx(), "cy", 1))
	hears("hello")(w)
}

// labelled is routed again with a label.
func labelled(label string) func(w *world) {
	return func(w *world) {
		hears("hello")(w)
		id := w.live(alice).ID
		_, err := w.desk.SetDetails(w.ctx(), id, host, livedesk.Details{Labels: []string{label}})
		require.NoError(w.t, err)
		_, err = w.desk.Unassign(w.ctx(), id, host)
		require.NoError(w.t, err)
	}
}

// handsOver has an AI agent answer, or hand over.
func handsOver(then livedesk.Then) func(w *world) {
	return func(w *world) {
		w.change(func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bot"} })
		hears("hello " + string(then))(w)
		w.settle()
	}
}

func reads(t routing.Text) routing.Condition { return routing.Condition{Text: &t} }

func available(t routing.Target) routing.Condition { return routing.Condition{Available: &t} }

// Every condition that rules know, but for hours and the clock's, through a desk: it holds, and it doesn't.
func TestConditions(t *testing.T) {
	t.Parallel()
	yes := reads(routing.Text{Keyword: []string{"yes"}})
	please := reads(routing.Text{Keyword: []string{"please"}})
	for name, c := range map[string]asked{
		"always":                    {routing.Condition{Always: true}, hears("hello"), nil},
		"all":                       {routing.Condition{All: []routing.Condition{yes, please}}, hears("yes, please"), hears("yes")},
		"any":                       {routing.Condition{Any: []routing.Condition{yes, please}}, hears("please"), hears("no")},
		"not":                       {routing.Condition{Not: &yes}, hears("no"), hears("yes")},
		"nested":                    {routing.Condition{All: []routing.Condition{{Any: []routing.Condition{yes, {Not: &please}}}, {Not: &routing.Condition{Not: &please}}}}, hears("yes, please"), hears("please")},
		"channel":                   {routing.Condition{Channel: []string{"CH"}}, hears("hello"), func(w *world) { w.twilioChannel(nil); w.agents(w.ch.ID, 5, "ada"); hears("hello")(w) }},
		"sender":                    {routing.Condition{Sender: []string{"AMAZON", alice}}, hears("hello"), writes(smstest.Text{From: addr(bob), Body: "hello"})},
		"sender_prefix":             {routing.Condition{SenderPrefix: []string{alice[:8]}}, hears("hello"), writes(smstest.Text{From: "+33612345678", Body: "hello"})},
		"country":                   {routing.Condition{Country: []string{"FR", "US"}}, from("US"), from("CA")},
		"text.contains":             {reads(routing.Text{Contains: []string{"ÉCLAIR"}}), hears("two eclairs"), hears("two donuts")},
		"text.starts_with":          {reads(routing.Text{StartsWith: []string{"order"}}), hears("  Order 66"), hears("my order")},
		"text.equals":               {reads(routing.Text{Equals: []string{"order"}}), hears(" ORDER "), hears("order it")},
		"text.keyword":              {reads(routing.Text{Keyword: []string{"pay"}}), hears("pre-pay!"), hears("payment")},
		"text.regexp":               {reads(routing.Text{Regexp: `\bno\.? ?\d{3}\b`}), hears("about No. 123"), hears("about no. 1234")},
		"contact_attribute.equals":  {routing.Condition{ContactAttribute: &routing.Attribute{Name: "plan", Equals: []string{"gold"}}}, known(livedesk.Contact{Attributes: map[string]string{"plan": "Gold"}}), known(livedesk.Contact{Attributes: map[string]string{"plan": "golden"}})},
		"contact_attribute.exists":  {routing.Condition{ContactAttribute: &routing.Attribute{Name: "plan", Exists: true}}, known(livedesk.Contact{Attributes: map[string]string{"plan": "none"}}), known(livedesk.Contact{Attributes: map[string]string{"Plan": "none"}})},
		"contact_label":             {routing.Condition{ContactLabel: []string{"vip"}}, known(livedesk.Contact{Labels: []string{"a", "vip"}}), known(livedesk.Contact{Labels: []string{"VIP"}})},
		"conversation_label":        {routing.Condition{ConversationLabel: []string{"vip"}}, labelled("vip"), labelled("other")},
		"contact new":               {routing.Condition{Contact: routing.NewContact}, known(livedesk.Contact{Name: "Alice"}), before},
		"contact returning":         {routing.Condition{Contact: routing.ReturningContact}, before, known(livedesk.Contact{Name: "Alice"})},
		"language":                  {routing.Condition{Language: []string{"fr"}}, known(livedesk.Contact{Language: "fr-CA"}), known(livedesk.Contact{Language: "en-CA"})},
		"media":                     {routing.Condition{Media: &routing.Count{Min: new(1), Max: new(2)}}, writes(smstest.Text{Media: []string{"https://x.example/a.png", "https://x.example/b.png"}}), hears("hello")},
		"media more":                {routing.Condition{Media: &routing.Count{Max: new(1)}}, hears("hello"), writes(smstest.Text{Media: []string{"https://x.example/a.png", "https://x.example/b.png"}})},
		"available agent":           {available(toAgent("cy")), is(livedesk.Online), is(livedesk.Busy)},
		"available team":            {available(toTeam("night")), is(livedesk.Online), is(livedesk.Offline)},
		"available team, with room": {available(toTeam("night")), is(livedesk.Online), full},
		"available humans":          {available(routing.Target{Kind: routing.ToHumans}), hears("hello"), func(w *world) { w.agents(w.ch.ID, -1, "ada", "bo"); hears("hello")(w) }},
		"at_hand_over":              {routing.Condition{AtHandOver: true}, handsOver(livedesk.HandOver), handsOver(livedesk.Stay)},
	} {
		for what, do := range map[string]func(w *world){"holds": c.holds, "doesn't": c.not} {
			if do == nil {
				continue
			}
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				w := ruledWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: echo{}}))
				r := routing.Rule{ID: "r", Condition: c.condition, Targets: []routing.Target{{Kind: routing.ToNobody}}, AddLabels: []string{"held"},
					AlsoAtHandOver: c.condition.AtHandOver}
				if c.condition.Channel != nil {
					r.Condition.Channel = []string{w.ch.ID}
				}
				w.rules(r)
				do(w)
				list := w.all(livedesk.List{})
				require.Equal(t, what == "holds", strings.Contains(strings.Join(list[0].Labels, " "), "held"), "%+v", list[0])
			})
		}
	}
}

// echo is an AI agent that hands over when it is told so.
type echo struct{}

// Answer implements [livedesk.AIAgent].
func (echo) Answer(_ context.Context, t livedesk.Turn) (livedesk.Answer, error) {
	a := livedesk.Answer{Text: "as you wish"}
	if t.Transcript[len(t.Transcript)-1].Text == "hello "+string(livedesk.HandOver) {
		a.Then = livedesk.HandOver
	}
	return a, nil
}

// A condition that is added needs a row in TestConditions, or, of the clock's, a test in package routing.
func TestConditionsAreAll(t *testing.T) {
	t.Parallel()
	var names []string
	for f := range reflect.TypeFor[routing.Condition]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	require.Equal(t, []string{
		"always", "all", "any", "not", "channel", "sender", "sender_prefix", "country", "text", "contact_attribute", "contact_label",
		"conversation_label", "contact", "language", "hours", "time_of_day", "weekday", "media", "available", "at_hand_over",
	}, names)
}
