package enginetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// bot is an AI agent by a function.
type bot func(t livedesk.Turn) livedesk.Answer

func (b bot) Answer(_ context.Context, t livedesk.Turn) (livedesk.Answer, error) { return b(t), nil }

// ai gives both engines an AI agent, and the channel its use.
func (d *desk) ai(b bot) {
	d.Helper()
	d.reopen(func(c *livedesk.Config) {
		c.AIAgents = []livedesk.AIConfig{{Name: "bot", Agent: b}}
		c.AIReplies, c.AIWorkers = 5, 2
	})
	c, err := d.Channel(d.Context(), d.channel)
	d.must(err)
	c.UseAI, c.AIAgents, c.Greeting = true, []string{"bot"}, ""
	_, err = d.PutChannel(d.Context(), c)
	d.must(err)
	d.settle()
	d.agents(0, "ada")
}

// Twelve customers write three texts each: twelve answers leave, each to all three texts.
func aiAnswers(d *desk) {
	d.ai(func(t livedesk.Turn) livedesk.Answer {
		var heard []string
		for _, l := range t.Transcript {
			heard = append(heard, l.Text)
		}
		return livedesk.Answer{Text: strings.Join(heard, " ")}
	})
	for n := range 3 {
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() { d.text(i, "", fmt.Sprint(n)) })
		}
		all.Wait()
	}
	d.settle()
	sent := d.carrier.Sent()
	d.equal(12, len(sent), "answers at the carrier")
	for _, s := range sent {
		d.equal("0 1 2", s.Body, "answer")
	}
	for _, c := range d.conversations() {
		d.equal("pending bot 0 0", fmt.Sprint(c.State, " ", c.AI, " ", c.AITurn, " ", c.Unread), "conversation")
	}
	agents, err := d.Agents(d.Context())
	d.must(err)
	d.equal(0, agents[0].Load, "load")
	list, err := d.Explain(d.Context(), d.of(1).ID)
	d.must(err)
	d.equal("ai bot", fmt.Sprint(list[0].Tier, " ", list[0].AI), "decision")
}

// Five turns in an hour, whichever engine takes them; then a human has it.
func aiBudget(d *desk) {
	var turns atomic.Int64
	d.ai(func(livedesk.Turn) livedesk.Answer { turns.Add(1); return livedesk.Answer{Text: "x"} })
	for range 8 {
		d.text(1, "", "more")
		d.settle()
	}
	d.equal(5, turns.Load(), "turns")
	c := d.only()
	d.equal("open ada 1", fmt.Sprint(c.State, " ", c.Assignee, " ", c.HandedOver), "conversation")
	_, err := d.Resolve(d.Context(), c.ID, host)
	d.must(err)
	d.must(d.RemoveAgent(d.Context(), "ada"))
	d.later(12 * time.Minute)
	d.text(1, "", "again")
	d.settle()
	d.equal(6, turns.Load(), "turns")
	d.equal("pending", d.only().State, "state in the next cycle")
}

// A newer text is answered instead; after a human took it, and after STOP, nothing is.
func aiTooLate(d *desk) {
	var meanwhile func(t livedesk.Turn)
	d.ai(func(t livedesk.Turn) livedesk.Answer {
		meanwhile(t)
		return livedesk.Answer{Text: fmt.Sprint(len(t.Transcript))}
	})
	meanwhile = func(t livedesk.Turn) {
		if len(t.Transcript) == 1 {
			d.text(1, "", "and this")
		}
	}
	d.text(1, "", "this")
	d.settle()
	d.equal(1, len(d.carrier.Sent()), "texts at the carrier")
	d.equal("2", d.carrier.Sent()[0].Body, "answer")
	meanwhile = func(t livedesk.Turn) {
		_, err := d.Assign(d.Context(), t.Conversation, "ada", host)
		d.must(err)
	}
	d.text(2, "", "hello")
	d.settle()
	d.equal("open ada", fmt.Sprint(d.of(2).State, " ", d.of(2).Assignee), "conversation")
	meanwhile = func(livedesk.Turn) { d.text(3, "", "STOP") }
	d.text(3, "", "hello")
	d.settle()
	d.later(time.Hour)
	for _, m := range d.carrier.Sent()[1:] { // the confirmation of STOP, where the desk says it
		d.equal(true, m.To == phone(3) && m.Body != "1", "another text than an AI agent's answer: "+m.Body)
	}
}

// Forty new customers at once, all known to the host: each is asked about, and routed by it.
func contactFacts(d *desk) {
	d.reopen(func(c *livedesk.Config) { c.ContactSource = crm{} })
	d.agents(0, "ada", "bo")
	_, err := d.PutRule(d.Context(), routing.Rule{
		ID: "gold", Condition: routing.Condition{ContactAttribute: &routing.Attribute{Name: "plan", Equals: []string{"gold"}}},
		Targets: []routing.Target{{Kind: routing.ToAgent, ID: "bo"}},
	})
	d.must(err)
	d.settle()
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() { d.text(i, "", "hello") })
	}
	all.Wait()
	d.settle()
	list := d.conversations()
	d.equal(40, len(list), "conversations")
	for _, c := range list {
		d.equal("bo", c.Assignee, "assignee")
	}
	d.equal(40, len(d.carrier.Sent()), "greetings")
	contact, err := d.PutContact(d.Context(), livedesk.Contact{Address: phone(99), Name: "Zoë", Attributes: map[string]string{"plan": "gold"}})
	d.must(err)
	stored, err := d.engines[1].Desk(workspace).Contact(d.Context(), contact.ID)
	d.must(err)
	d.equal(contact, stored, "contact")
	d.text(99, "", "hello")
	d.equal("bo", d.of(99).Assignee, "assignee of who is known")
}

type crm struct{}

func (crm) Lookup(context.Context, string, livedesk.Contact) (livedesk.Contact, error) {
	return livedesk.Contact{Attributes: map[string]string{"plan": "gold"}}, nil
}
