package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// Rules are data: they are stored, edited and in force in every process without a restart.
func ExampleDesk_PutRules() {
	ctx := context.Background()
	_, desk, _, carrier := exampleDesk(livedesk.Config{})
	_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: "ada"})
	_ = desk.SetTeam(ctx, "billing", []string{"ada"})
	_ = desk.SetPresence(ctx, "ada", livedesk.Online, 5*time.Minute)

	set, err := desk.PutRules(ctx, livedesk.RuleSet{Rules: []routing.Rule{{
		ID: "invoices", Name: "Invoices go to billing",
		Condition: routing.Condition{Text: &routing.Text{Keyword: []string{"invoice", "refund"}}},
		Targets:   []routing.Target{{Kind: routing.ToTeam, ID: "billing"}},
		AddLabels: []string{"billing"},
	}}})
	fmt.Println(len(set.Rules), err)

	_, _ = carrier.Deliver(ctx, smstest.Text{Body: "Where is my invoice?"})
	for c, err := range desk.AllConversations(ctx, livedesk.List{}) {
		fmt.Println(c.Assignee, c.Labels, err)
	}

	_, err = desk.PutRules(ctx, livedesk.RuleSet{Version: "an older one", Rules: set.Rules})
	fmt.Println(errors.Is(err, livedesk.ErrConflict))
	// Output:
	// 1 <nil>
	// ada [billing] <nil>
	// true
}

// What can't be used is refused when it is saved, with its path.
func ExampleDesk_PutRule() {
	ctx := context.Background()
	_, desk, _, _ := exampleDesk(livedesk.Config{})
	_, err := desk.PutRule(ctx, routing.Rule{
		Condition: routing.Condition{Any: []routing.Condition{{Text: &routing.Text{Regexp: "(order"}}}},
		Targets:   []routing.Target{{Kind: routing.ToTeam, ID: "orders"}},
	})
	for _, f := range livedesk.FieldErrors(err) {
		fmt.Println(f.Field)
	}
	// Output: condition.any[0].text.regexp
}

// Why did this customer get that agent?
func ExampleDesk_Explain() {
	ctx := context.Background()
	_, desk, ch, carrier := exampleDesk(livedesk.Config{})
	for _, a := range []string{"ada", "bo"} {
		_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: a, Capacity: 2})
	}
	_ = desk.SetMembers(ctx, ch.ID, []string{"ada", "bo"})
	_ = desk.SetPresence(ctx, "bo", livedesk.Online, 5*time.Minute)
	_, _ = desk.PutRule(ctx, routing.Rule{
		ID: "vip", Condition: routing.Condition{ContactLabel: []string{"vip"}}, Targets: []routing.Target{{Kind: routing.ToAgent, ID: "ada"}},
	})
	_, _ = carrier.Deliver(ctx, smstest.Text{Body: "Hello"})
	for c := range desk.AllConversations(ctx, livedesk.List{}) {
		list, err := desk.Explain(ctx, c.ID)
		d := list[0]
		fmt.Println(d.Tier, d.Agent, err)
		fmt.Println(d.Rules[0].Rule, d.Rules[0].Outcome, "because", d.Rules[0].Failed[0].Why)
		fmt.Println(d.Skipped[0].Agent, d.Skipped[0].Why)
	}
	// Output:
	// humans bo <nil>
	// vip failed because contact doesn't have the label
	// ada offline
}

// What would happen to this text on Sunday, with only bo on line?
func ExampleDesk_Simulate() {
	ctx := context.Background()
	_, desk, ch, _ := exampleDesk(livedesk.Config{})
	for _, a := range []string{"ada", "bo"} {
		_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: a, Capacity: 2})
	}
	_ = desk.SetMembers(ctx, ch.ID, []string{"ada", "bo"})
	would, err := desk.Simulate(ctx, livedesk.Simulation{
		Channel: ch.ID, Text: "Anybody there?", At: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		Agents: []livedesk.Agent{{ID: "bo", Presence: livedesk.Online, Capacity: 2}},
	})
	fmt.Println(would.Decision.Agent, err)
	// Output: bo <nil>
}

// Customers get somebody who speaks their language where it is known, else anybody; refunds need who may grant them.
func ExampleDesk_PutAgent() {
	ctx := context.Background()
	_, desk, ch, carrier := exampleDesk(livedesk.Config{})
	_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: "ada", Languages: []string{"en", "fr-CA"}})
	_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: "bo", Languages: []string{"en"}, Skills: []string{"refunds"}})
	_ = desk.SetMembers(ctx, ch.ID, []string{"bo", "ada"})
	for _, a := range []string{"ada", "bo"} {
		_ = desk.SetPresence(ctx, a, livedesk.Online, 5*time.Minute)
	}
	humans := routing.Target{Kind: routing.ToHumans}
	refunds, language := humans, humans
	refunds.Skills, language.Language = []string{"refunds"}, routing.ContactLanguage
	_, err := desk.PutRules(ctx, livedesk.RuleSet{Rules: []routing.Rule{
		{ID: "refunds", Condition: routing.Condition{Text: &routing.Text{Keyword: []string{"refund"}}}, Targets: []routing.Target{refunds}},
		{ID: "language", Order: 1, Condition: routing.Condition{Always: true}, Targets: []routing.Target{language, humans}},
	}})
	fmt.Println(err)

	_, _ = desk.PutContact(ctx, livedesk.Contact{Address: "+15145550123", Language: "fr-FR"})
	_, _ = carrier.Deliver(ctx, smstest.Text{From: "+15145550123", Body: "Bonjour"})
	_, _ = carrier.Deliver(ctx, smstest.Text{From: "+14155550124", Body: "I want a refund"})
	for c := range desk.AllConversations(ctx, livedesk.List{}) {
		list, err := desk.Explain(ctx, c.ID)
		fmt.Println(c.Assignee, "needs", list[0].Needs.Language(), list[0].Needs.Skills(), err)
	}
	// Output:
	// <nil>
	// bo needs  [refunds] <nil>
	// ada needs fr [] <nil>
}

func ExampleDesk_Transfer() {
	ctx := context.Background()
	_, desk, _, carrier := exampleDesk(livedesk.Config{})
	_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: "ada"})
	_ = desk.SetTeam(ctx, "billing", []string{"ada"})
	_, _ = carrier.Deliver(ctx, smstest.Text{Body: "Hello"})
	for c := range desk.AllConversations(ctx, livedesk.List{}) {
		c, err := desk.Transfer(ctx, c.ID, routing.Target{Kind: routing.ToTeam, ID: "billing"}, livedesk.AgentActor("bo"))
		fmt.Println(c.Queue, err)
	}
	_ = desk.SetPresence(ctx, "ada", livedesk.Online, 5*time.Minute) // serves who waits
	for c := range desk.AllConversations(ctx, livedesk.List{}) {
		fmt.Println(c.Assignee)
	}
	// Output:
	// team:billing <nil>
	// ada
}

func ExampleDesk_Waiting() {
	ctx := context.Background()
	_, desk, ch, carrier := exampleDesk(livedesk.Config{})
	_, _ = carrier.Deliver(ctx, smstest.Text{From: "+14155550123", Body: "Hello"})
	_, _ = carrier.Deliver(ctx, smstest.Text{From: "+14155550124", Body: "Hello"})
	line, err := desk.Waiting(ctx, livedesk.ChannelQueue(ch.ID))
	fmt.Println(len(line), err)
	for _, p := range line {
		fmt.Println(p.Position, p.Conversation.Address == "+14155550123")
	}
	// Output:
	// 2 <nil>
	// 1 true
	// 2 false
}
