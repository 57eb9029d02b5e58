package livedesk_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// hoursAgent is an AI agent that knows one thing. Package aiagent has one that asks a language model.
type hoursAgent struct{}

func (hoursAgent) Answer(_ context.Context, t livedesk.Turn) (livedesk.Answer, error) {
	last := t.Transcript[len(t.Transcript)-1]
	if strings.Contains(last.Text, "open") {
		return livedesk.Answer{Text: "From nine to five."}, nil
	}
	return livedesk.Answer{Then: livedesk.HandOver, Reason: "not about our hours"}, nil
}

func ExampleAIAgent() {
	ctx := context.Background()
	engine, desk, ch, carrier := exampleDesk(livedesk.Config{
		AIAgents: []livedesk.AIConfig{{Name: "hours", Agent: hoursAgent{}}},
	})
	ch.UseAI, ch.AIAgents = true, []string{"hours"}
	_, _ = desk.PutChannel(ctx, ch)
	for _, text := range []string{"Are you open?", "I want my money back"} {
		_, _ = carrier.Deliver(ctx, smstest.Text{Body: text})
		_ = engine.Settle(ctx)
		for c := range desk.AllConversations(ctx, livedesk.List{}) {
			fmt.Println(c.State, c.Queue == livedesk.ChannelQueue(ch.ID))
		}
	}
	fmt.Println(carrier.Sent()[0].Body)
	// Output:
	// pending false
	// open true
	// From nine to five.
}

// crm is the host's customer data.
type crm map[string]livedesk.Contact

func (c crm) Lookup(_ context.Context, _ string, who livedesk.Contact) (livedesk.Contact, error) {
	known, ok := c[string(who.Address)]
	if !ok {
		return livedesk.Contact{}, livedesk.ErrNotFound
	}
	return known, nil
}

func ExampleContactSource() {
	ctx := context.Background()
	engine, desk, _, carrier := exampleDesk(livedesk.Config{ContactSource: crm{
		"+14155550123": {Name: "Zoe", Attributes: map[string]string{"plan": "gold"}},
	}})
	_, _ = desk.PutRule(ctx, routing.Rule{
		Condition: routing.Condition{ContactAttribute: &routing.Attribute{Name: "plan", Equals: []string{"gold"}}},
		Targets:   []routing.Target{{Kind: routing.ToTeam, ID: "vip"}},
	})
	_, _ = carrier.Deliver(ctx, smstest.Text{From: "+14155550123", Body: "Hello"})
	_ = engine.Settle(ctx)
	for c := range desk.AllConversations(ctx, livedesk.List{}) {
		fmt.Println(c.Queue)
	}
	// Output: team:vip
}

func ExampleDesk_PutContact() {
	ctx := context.Background()
	_, desk, _, _ := exampleDesk(livedesk.Config{})
	c, err := desk.PutContact(ctx, livedesk.Contact{Address: "+14155550123", Name: "Zoe", Language: "fr-CA"})
	fmt.Println(c.Name, c.Language, err)

	c.Zone = "Mars/Base"
	_, err = desk.PutContact(ctx, c)
	fmt.Println(err)
	// Output:
	// Zoe fr-CA <nil>
	// put contact: zone: is not a time zone such as "Europe/Paris"
}
