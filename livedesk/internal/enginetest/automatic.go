package enginetest

import (
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// set changes the channel.
func (d *desk) set(change func(*livedesk.Channel)) {
	d.Helper()
	c, err := d.Channel(d.Context(), d.channel)
	d.must(err)
	change(&c)
	_, err = d.PutChannel(d.Context(), c)
	d.must(err)
	d.settle()
}

func firstReplies(d *desk) { // F91, R17
	d.reopen(func(c *livedesk.Config) { c.FirstReplies = 20 })
	for i := range 60 {
		d.text(i, "", "hello")
	}
	d.settle()
	d.equal(20, len(d.carrier.Sent()), "greetings")
	h, err := d.Health(d.Context(), d.channel)
	d.must(err)
	d.equal(true, h.Warning != "", "warning")
	d.later(6 * time.Minute) // two more
	for i := range 10 {
		d.text(100+i, "", "hello")
	}
	d.settle()
	d.equal(22, len(d.carrier.Sent()), "greetings")
}

func heldBack(d *desk) { // F78
	d.carrier.SetDown(true)
	d.text(1, "", "hello")
	d.text(2, "", "hello")
	d.settle()
	_, err := d.Reply(d.Context(), d.with(phone(1)).ID, host, livedesk.Draft{Text: "from a human"})
	d.must(err)
	d.text(1, "", "please stop texting me")
	d.carrier.SetDown(false)
	for range 5 {
		d.later(time.Minute)
	}
	got := map[string]int{}
	for _, s := range d.carrier.Sent() {
		got[fmt.Sprint(s.To, " ", s.Body)]++
	}
	d.equal(map[string]int{fmt.Sprint(phone(1), " from a human"): 1, fmt.Sprint(phone(2), " Hi"): 1}, got, "texts at the carrier")
}

func quietAtTheGate(d *desk) {
	now := time.Now().UTC()
	d.set(func(c *livedesk.Channel) {
		c.QuietHours = livedesk.QuietHours{From: now.Add(time.Hour).Format("15:04"), To: now.Add(3 * time.Hour).Format("15:04"), Zone: "UTC"}
	})
	d.text(1, "", "hello")
	d.must(d.PauseChannel(d.Context(), d.channel, host, ""))
	first := d.start(2, "first")
	d.settle()
	sent := len(d.carrier.Sent())
	d.later(90 * time.Minute)
	d.must(d.ResumeChannel(d.Context(), d.channel, host))
	d.settle()
	d.equal(livedesk.Queued, d.state(first.ID), "state in quiet hours")
	reply, err := d.Reply(d.Context(), d.with(phone(1)).ID, host, livedesk.Draft{Text: "a reply"})
	d.must(err)
	d.settle()
	d.equal(livedesk.Delivered, d.state(reply.ID), "state of a reply in quiet hours")
	d.equal(sent+1, len(d.carrier.Sent()), "texts at the carrier")
	d.later(2 * time.Hour)
	d.equal(livedesk.Delivered, d.state(first.ID), "state when they are over")
}

func agentNamed(d *desk) {
	d.set(func(c *livedesk.Channel) { c.Greeting = "{{agent}} is with you" })
	d.agents(1, "ada")
	_, err := d.PutAgent(d.Context(), livedesk.Agent{ID: "ada", Name: "Ada Okafor", Capacity: 1})
	d.must(err)
	d.text(1, "", "hello")
	d.text(1, "", "HELP")
	d.text(2, "", "hello")
	d.settle()
	got := map[string]int{}
	for _, s := range d.carrier.Sent() {
		got[fmt.Sprint(s.To, " ", s.Body)]++
	}
	d.equal(1, got[fmt.Sprint(phone(1), " Ada Okafor is with you")], "greeting of who has an agent")
	d.equal(1, got[fmt.Sprint(phone(2), " Support is with you")], "greeting of who waits")
}
