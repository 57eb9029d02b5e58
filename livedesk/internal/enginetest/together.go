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

// The scenarios in which two engines have to agree by the store alone.

// pace limits the channel, in segments per second.
func (d *desk) pace(rate float64) {
	d.Helper()
	c, err := d.Channel(d.Context(), d.channel)
	d.must(err)
	c.Rate = rate
	_, err = d.PutChannel(d.Context(), c)
	d.must(err)
	d.settle()
}

// rateHolds: a burst of ten segments and then one a second, for both engines together.
func rateHolds(d *desk) {
	d.pace(1)
	for i := range 40 {
		d.start(i, "hello")
	}
	began := time.Now()
	d.settle()
	for step := range 4 {
		sent, passed := len(d.carrier.Sent()), int(time.Since(began).Seconds())+step*5
		if sent < 10+step*5 || sent > 11+passed {
			d.Fatalf("of a burst of 10 and one a second, %d texts left within %d s", sent, passed)
		}
		d.later(5 * time.Second)
	}
	d.later(time.Minute)
	d.later(time.Minute)
	d.equal(40, len(d.carrier.Sent()), "texts at the carrier")
	d.equal(40, d.sends(), "requests")
}

// carrierAsksToWait: whoever is told to wait, both do.
func carrierAsksToWait(d *desk) {
	d.pace(5)
	d.start(0, "hello")
	d.settle() // both have seen the sender's budget
	d.carrier.Fail(smstest.Fault{Kind: smstest.FaultStatus, Status: 429, RetryAfter: 5 * time.Minute})
	first := d.start(1, "too many")
	d.settle()
	d.equal(livedesk.Queued, d.state(first.ID), "state of the text that was put back")
	before := d.sends()
	var queued []livedesk.Message
	for i := range 8 {
		queued = append(queued, d.start(10+i, "hello"))
	}
	d.later(4 * time.Minute)
	d.equal(before, d.sends(), "requests before the carrier's time")
	d.later(2 * time.Minute)
	d.later(time.Minute)
	for _, m := range append(queued, first) {
		d.equal(livedesk.Delivered, d.state(m.ID), "state")
	}
}

// stopRaces: while both engines send, customers opt out. What was begun when a STOP was answered is the last that leaves.
func stopRaces(d *desk) {
	const customers = 20
	for i := range customers {
		for n := range 4 {
			d.start(i, fmt.Sprint(n))
		}
	}
	at := func() map[channel.Address]int {
		n := map[channel.Address]int{}
		for _, s := range d.carrier.Sent() {
			if len(s.Body) == 1 { // and not what confirms the STOP
				n[s.To]++
			}
		}
		return n
	}
	most := map[channel.Address]int{}
	var all sync.WaitGroup
	all.Go(func() {
		for i := range customers {
			d.text(i, "", "STOP")
			most[phone(i)] = at()[phone(i)] + 1
		}
	})
	for _, e := range d.engines {
		all.Go(func() {
			if err := e.Settle(d.Context()); err != nil {
				d.Error(err)
			}
		})
	}
	all.Wait()
	d.settle()
	d.later(5 * time.Second) // what a slow worker put back is looked at once more
	for to, n := range at() {
		if n > most[to] {
			d.Fatalf("%d texts left for a customer who had %d when the STOP was answered", n, most[to]-1)
		}
	}
	for _, c := range d.conversations() {
		for m, err := range d.Messages(d.Context(), c.ID, 0) {
			d.must(err)
			if m.Kind == livedesk.Outgoing && m.Delivery.State != livedesk.Canceled && m.Delivery.State != livedesk.Delivered {
				d.Fatalf("a text ends as %s", m.Delivery.State)
			}
		}
	}
}

// deedsAtOnce: of many who resolve one conversation one does, and what others did to it meanwhile stays.
func deedsAtOnce(d *desk) {
	d.text(1, "", "hello")
	id := d.only().ID
	var all sync.WaitGroup
	var mu sync.Mutex
	resolved, refused := 0, 0
	for i := range 30 {
		desk := d.engines[i%2].Desk(workspace)
		all.Go(func() {
			if i%3 > 0 {
				if _, err := desk.AddNote(d.Context(), id, host, fmt.Sprint(i)); err != nil {
					d.Error(err)
				}
				return
			}
			_, err := desk.Resolve(d.Context(), id, host)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				resolved++
			} else if state := new(livedesk.StateError); errors.As(err, &state) {
				refused++
			} else {
				d.Error(err)
			}
		})
	}
	all.Wait()
	d.equal([]int{1, 9}, []int{resolved, refused}, "how often it was resolved and refused")
	notes, seq := 0, int64(0)
	for m, err := range d.Messages(d.Context(), id, 0) {
		d.must(err)
		seq++
		d.equal(seq, m.Seq, "place in the timeline")
		if m.Kind == livedesk.Note {
			notes++
		}
	}
	d.equal(20, notes, "notes")
}
