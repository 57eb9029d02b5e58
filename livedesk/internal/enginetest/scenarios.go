package enginetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

func textInReplyOut(d *desk) {
	d.agents(1, "ada")
	d.text(1, "", "Is 2 pm free?")
	d.settle()
	c := d.only()
	d.equal("ada", c.Assignee, "assignee")
	m, err := d.Reply(d.Context(), c.ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "Yes"})
	d.must(err)
	d.settle()
	d.equal(livedesk.Delivered, d.state(m.ID), "state")
	d.equal(2, len(d.carrier.Sent()), "texts at the carrier")
	seq := int64(0)
	for m, err := range d.Messages(d.Context(), c.ID, 0) {
		d.must(err)
		seq++
		d.equal(seq, m.Seq, "place in the timeline")
	}
}

func duplicates(d *desk) {
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { d.text(1, "1700000000000abcdefghij", "hello") })
	}
	all.Wait()
	d.settle()
	d.equal(1, d.only().Unread, "unread")
	d.equal(1, len(d.carrier.Sent()), "greetings")
}

func firstMessages(d *desk) {
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() { d.text(i/3, "", fmt.Sprint(i)) })
	}
	all.Wait()
	list := d.conversations()
	d.equal(20, len(list), "conversations")
	for _, c := range list {
		d.equal(3, c.Unread, "unread")
	}
}

func stop(d *desk) {
	d.carrier.SetDown(true)
	var queued []livedesk.Message
	for i := range 10 {
		queued = append(queued, d.start(1, fmt.Sprint(i)))
	}
	d.settle()
	d.text(1, "", "STOP")
	for _, m := range queued {
		d.equal(livedesk.Canceled, d.state(m.ID), "state")
	}
	_, err := d.Reply(d.Context(), d.only().ID, host, livedesk.Draft{Text: "please"})
	if !errors.Is(err, livedesk.ErrOptedOut) {
		d.Fatalf("want ErrOptedOut, got %v", err)
	}
	d.carrier.SetDown(false)
	d.text(1, "", "START")
	d.later(time.Hour)
	d.equal(0, len(d.carrier.Sent()), "texts at the carrier")
}

func keys(d *desk) {
	d.text(1, "", "hello")
	id := d.only().ID
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			_, err := d.engines[i%2].Desk(workspace).Reply(d.Context(), id, host, livedesk.Draft{Text: "once", Key: "k"})
			if err != nil {
				d.Error(err)
			}
		})
	}
	all.Wait()
	_, err := d.Reply(d.Context(), id, host, livedesk.Draft{Text: "other", Key: "k"})
	if !errors.Is(err, livedesk.ErrKeyReused) {
		d.Fatalf("want ErrKeyReused, got %v", err)
	}
	d.settle()
	d.equal(2, len(d.carrier.Sent()), "texts at the carrier: the greeting and one reply")
}

func lostAnswer(d *desk) {
	d.carrier.Fail(smstest.Fault{Kind: smstest.FaultReset})
	m := d.start(1, "hello")
	next := d.start(1, "in order")
	d.settle()
	d.equal(livedesk.Unknown, d.state(m.ID), "state")
	d.equal(livedesk.Queued, d.state(next.ID), "state of the next")
	d.later(16 * time.Minute)
	d.equal(livedesk.Unconfirmed, d.state(m.ID), "state")
	d.equal(livedesk.Delivered, d.state(next.ID), "state of the next")
	d.equal(2, d.sends(), "requests")
}

func retried(d *desk) {
	d.carrier.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: 429, RetryAfter: 30 * time.Second})
	m := d.start(1, "hello")
	d.settle()
	d.equal(livedesk.Queued, d.state(m.ID), "state")
	d.later(31 * time.Second)
	d.equal(livedesk.Delivered, d.state(m.ID), "state")
	d.equal(2, d.sends(), "requests")
}

func capacity(d *desk) {
	names := []string{"ada", "bo", "cy"}
	d.agents(2, names...)
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() { d.text(i, "", "hello") })
	}
	all.Wait()
	for left := 30; left > 0; {
		held := map[string]int{}
		var open []livedesk.Conversation
		for _, c := range d.conversations() {
			if c.State == livedesk.Open && c.Assignee != "" {
				held[c.Assignee]++
				open = append(open, c)
			}
		}
		d.equal(min(left, 6), len(open), "conversations in hand")
		agents, err := d.Agents(d.Context())
		d.must(err)
		for _, a := range agents {
			d.equal(held[a.ID], a.Load, "load of "+a.ID)
			if a.Load > 2 {
				d.Fatalf("%s has %d", a.ID, a.Load)
			}
		}
		for _, c := range open {
			all.Go(func() {
				if _, err := d.Resolve(d.Context(), c.ID, host); err != nil {
					d.Error(err)
				}
			})
		}
		all.Wait()
		d.settle()
		left -= len(open)
	}
}

func order(d *desk) {
	for n := range 4 {
		for i := range 20 {
			d.start(i, fmt.Sprint(n))
		}
	}
	d.settle()
	got := map[channel.Address]string{}
	for _, s := range d.carrier.Sent() {
		got[s.To] += s.Body
	}
	for i := range 20 {
		d.equal("0123", got[phone(i)], "order at the carrier")
	}
	d.equal(80, d.sends(), "requests")
}

func snoozeAndReopen(d *desk) {
	d.text(1, "", "hello")
	id := d.only().ID
	c, err := d.Snooze(d.Context(), id, host, d.only().ActiveAt.Add(time.Hour))
	d.must(err)
	d.equal(livedesk.Snoozed, c.State, "state")
	d.later(30 * time.Minute)
	d.equal(livedesk.Snoozed, d.only().State, "state before its time")
	d.later(31 * time.Minute)
	d.equal(livedesk.Open, d.only().State, "state after its time")
	_, err = d.Resolve(d.Context(), id, host)
	d.must(err)
	d.later(23 * time.Hour)
	d.text(1, "", "again")
	d.equal(2, d.only().Cycle, "cycle")
	_, err = d.Resolve(d.Context(), id, host)
	d.must(err)
	d.later(25 * time.Hour)
	d.text(1, "", "much later")
	d.equal(2, len(d.conversations()), "conversations")
}

func refusedCredentials(d *desk) {
	d.carrier.FailFunc(func(r smstest.Request) smstest.Fault {
		if r.Kind != smstest.KindSend {
			return smstest.Fault{}
		}
		return smstest.Fault{Kind: smstest.FaultStatus, Status: 401}
	})
	var queued []livedesk.Message
	for i := range 20 {
		queued = append(queued, d.start(i, "hello"))
	}
	tries := func() (n int) {
		for _, q := range queued {
			m, err := d.Message(d.Context(), q.ID)
			d.must(err)
			n += m.Delivery.Attempts
		}
		return n
	}
	d.settle()
	before := tries()
	for i := range 3 {
		d.later(61 * time.Second)
		d.equal(before+i+1, tries(), "tries")
	}
	for _, e := range d.engines {
		h, err := e.Desk(workspace).Health(d.Context(), d.channel)
		d.must(err)
		d.equal(livedesk.HealthRefused, h.State, "health")
	}
	d.must(d.PauseChannel(d.Context(), d.channel, host, "x"))
	d.carrier.FailFunc(nil)
	d.later(61 * time.Second)
	d.equal(before+3, tries(), "tries while paused")
	d.must(d.engines[1].Desk(workspace).ResumeChannel(d.Context(), d.channel, host))
	for range 3 {
		d.later(61 * time.Second)
	}
	for _, m := range queued {
		d.equal(livedesk.Delivered, d.state(m.ID), "state")
	}
}

func numberComesBack(d *desk) {
	d.text(1, "", "STOP")
	for range 2 { // a second time: over tombstones of everything
		c, err := d.Channel(d.Context(), d.channel)
		d.must(err)
		d.must(d.RemoveChannel(d.Context(), d.channel))
		c.ID, c.Version = "", 0
		back, err := d.engines[1].Desk(workspace).PutChannel(d.Context(), c)
		d.must(err)
		d.equal(d.channel, back.ID, "channel")
		d.settle()
		c, err = d.Channel(d.Context(), d.channel)
		d.must(err)
		d.equal(c.Version, back.Version, "version")
		_, err = d.Start(d.Context(), d.channel, phone(1), host, livedesk.Draft{Text: "come back"})
		if !errors.Is(err, livedesk.ErrOptedOut) {
			d.Fatalf("want an opted-out contact, got %v", err)
		}
	}
}
