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
func (d *desk) ai(b bot) { d.aiBy(b, nil) }

func (d *desk) aiBy(b bot, p livedesk.AIPolicy) {
	d.Helper()
	d.reopen(func(c *livedesk.Config) {
		c.AIAgents = []livedesk.AIConfig{{Name: "bot", Agent: b, Policy: p}}
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

// Five turns in any hour, whichever engine takes them and in whichever conversation; then a human has it.
func aiBudget(d *desk) {
	var turns atomic.Int64
	d.ai(func(livedesk.Turn) livedesk.Answer { turns.Add(1); return livedesk.Answer{Text: "x"} })
	for range 2 {
		d.text(1, "", "more")
		d.settle()
	}
	_, err := d.Resolve(d.Context(), d.only().ID, host)
	d.must(err)
	_, err = d.Start(d.Context(), d.channel, phone(1), host, livedesk.Draft{Text: "another conversation"})
	d.must(err)
	_, err = d.Resolve(d.Context(), d.of(1).ID, host)
	d.must(err)
	d.later(30 * time.Minute)
	for range 6 {
		d.text(1, "", "more")
		d.settle()
	}
	d.equal(5, turns.Load(), "turns")
	c := d.of(1)
	d.equal("open ada", fmt.Sprint(c.State, " ", c.Assignee), "conversation")
	_, err = d.Resolve(d.Context(), c.ID, host)
	d.must(err)
	d.must(d.RemoveAgent(d.Context(), "ada"))
	d.later(29 * time.Minute)
	d.text(1, "", "again")
	d.settle()
	d.equal(5, turns.Load(), "turns before the first is an hour old")
	_, err = d.Resolve(d.Context(), c.ID, host)
	d.must(err)
	d.later(2 * time.Minute)
	d.text(1, "", "again")
	d.settle()
	d.equal(6, turns.Load(), "turns")
	d.equal("pending", d.of(1).State, "state in the next cycle")
}

// One engine is slow over a turn, as if it had died: the other takes the same turn, finds the step that was finished, takes
// the one that wasn't under the same key, and one answer leaves.
func aiTakenOver(d *desk) {
	var ids, keys []string
	d.ai(func(t livedesk.Turn) livedesk.Answer {
		ids = append(ids, t.ID)
		slow := len(ids) == 1
		var said []string
		for _, what := range []string{"table", "taxi"} {
			got, err := t.Do(d.Context(), "book", what, func(_ context.Context, key string) (string, error) {
				keys = append(keys, key)
				if slow && what == "taxi" {
					d.ahead.Add(int64(time.Minute))
					d.must(d.engines[1].Settle(d.Context()))
				}
				return fmt.Sprint(what, " ", len(keys)), nil
			})
			d.must(err)
			said = append(said, got)
		}
		return livedesk.Answer{Text: strings.Join(said, ", ")}
	})
	d.text(1, "", "please book")
	d.must(d.engines[0].Settle(d.Context()))
	d.settle()
	d.later(time.Hour)
	d.equal(2, len(ids), "calls")
	d.equal(ids[0], ids[1], "id of the turn")
	d.equal(3, len(keys), "steps")
	d.equal(keys[1], keys[2], "key of the step that was in flight")
	d.equal(1, len(d.carrier.Sent()), "texts at the carrier")
	d.equal("table 1, taxi 3", d.carrier.Sent()[0].Body, "answer")
}

// A customer goes on writing while a step is in flight: it is finished and kept, no other turn begins beside it, the next
// step isn't taken, and one answer to everything leaves.
func aiStepInFlight(d *desk) {
	var running, most, taken atomic.Int64
	d.ai(func(t livedesk.Turn) livedesk.Answer {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		step := func(name string, f func(ctx context.Context)) error {
			_, err := t.Do(d.Context(), name, "", func(ctx context.Context, _ string) (string, error) {
				taken.Add(1)
				f(ctx)
				return name, ctx.Err()
			})
			return err
		}
		if taken.Load() > 0 {
			var seen []string
			for _, l := range t.Transcript {
				seen = append(seen, l.Step+l.Text)
			}
			return livedesk.Answer{Text: strings.Join(seen, " ")}
		}
		d.must(step("book", func(context.Context) {
			for i := range 3 {
				d.text(1, "", fmt.Sprint(i))
				d.must(d.engines[1].Settle(d.Context()))
			}
		}))
		d.equal(livedesk.ErrTurnOver, step("pay", func(context.Context) {}), "next step")
		return livedesk.Answer{Text: "too early"}
	})
	d.text(1, "", "go")
	d.must(d.engines[0].Settle(d.Context()))
	d.settle()
	d.equal(1, most.Load(), "turns at a time")
	d.equal(1, taken.Load(), "steps taken")
	d.equal(1, len(d.carrier.Sent()), "texts at the carrier")
	d.equal("go 0 1 2 bookbook", d.carrier.Sent()[0].Body, "answer")
}

type linkless struct{}

func (linkless) Review(_ context.Context, _ livedesk.Turn, a livedesk.Answer) (string, error) {
	if strings.Contains(a.Text, "https://") {
		return "", &livedesk.HeldError{Reason: "a link"}
	}
	return strings.ReplaceAll(a.Text, "evil", "****"), nil
}

// What a policy holds doesn't leave, what it changes leaves changed, and a refused step can be seen.
func aiPolicy(d *desk) {
	d.aiBy(func(t livedesk.Turn) livedesk.Answer {
		if len(t.Transcript) == 1 {
			t.Deny(d.Context(), "pay", "no such thing")
			return livedesk.Answer{Text: "an evil word"}
		}
		return livedesk.Answer{Text: "see https://evil.example", Then: livedesk.Finish}
	}, linkless{})
	d.text(1, "", "one")
	d.settle()
	d.text(1, "", "two")
	d.settle()
	d.equal(1, len(d.carrier.Sent()), "texts at the carrier")
	d.equal("an **** word", d.carrier.Sent()[0].Body, "text")
	c := d.only()
	d.equal("open ada", fmt.Sprint(c.State, " ", c.Assignee), "conversation")
	var seen []string
	for m, err := range d.Messages(d.Context(), c.ID, 0) {
		d.must(err)
		switch {
		case m.Kind == livedesk.Note:
			seen = append(seen, m.Text)
		case m.Activity != nil && m.By.Kind == livedesk.ActorAI:
			seen = append(seen, m.Activity.What+" "+m.Activity.To+" "+m.Activity.Cause+" "+m.Text)
		}
	}
	d.equal([]string{
		"ai_step_denied pay no such thing ", "ai_answer_changed  policy an evil word", "Held back, not sent: see https://evil.example",
		"handed_over open ai answer held: a link ",
	}, seen, "timeline")
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
	d.text(98, "", "STOP")
	d.text(98, "", "START")
	d.settle()
	d.text(98, "", "hello")
	d.settle()
	d.equal("bo", d.of(98).Assignee, "assignee of who began with STOP")
}

type crm struct{}

func (crm) Lookup(context.Context, string, livedesk.Contact) (livedesk.Contact, error) {
	return livedesk.Contact{Attributes: map[string]string{"plan": "gold"}}, nil
}
