package pgstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// The same webhook at all processes at once counts once, with one set of effects, and every answer is 2xx (F31); so does a
// replay later (F9).
func TestFleetTakesInOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, nil)
	numbers := []*number{f.twilioNumber(nil), f.bandwidthNumber(nil)}
	f.start()
	again := func(times int) {
		together(times*len(numbers), func(i int) {
			numbers[i%len(numbers)].text(f, to(t.Context(), f.processes[i/2%fleetSize]),
				smstest.Text{ID: "SM7e57000000000000000000000000000a", From: address(i % len(numbers)), Body: "Anybody there?"})
		})
	}
	again(50)
	f.quiet(patience)
	check := func() {
		list := f.conversations(livedesk.List{})
		require.Len(t, list, len(numbers))
		for _, c := range list {
			require.Equal(t, 1, c.Cycle)
			entries := f.timeline(c)
			require.Len(t, ofKind(entries, livedesk.Incoming), 1)
			require.Len(t, ofKind(entries, livedesk.Outgoing), 1, "greetings")
		}
	}
	check()
	for _, c := range f.conversations(livedesk.List{}) {
		get[livedesk.Conversation](f, f.processes[f.any(fleetSize)], "Resolve", c.ID)
	}
	again(4)
	check()
	require.Empty(t, f.conversations(livedesk.List{States: []livedesk.State{livedesk.Open}}), "a replay reopens nothing")
	for _, n := range numbers {
		require.Len(t, n.Sent(), 1)
	}
	f.postedOnce(numbers...)
}

// The first texts of many new contacts, two to five each and each at another process, all at once: one open conversation
// for each contact with all of them in it (F32, I3, I4).
func TestFleetFirstTexts(t *testing.T) {
	t.Parallel()
	const contacts = 120
	f := newFleet(t, nil)
	n := f.twilioNumber(nil)
	f.start()
	var from []int
	wrote := map[string]int{}
	for i := range contacts {
		for range 2 + f.any(4) {
			from = append(from, i)
			wrote[string(address(i))]++
		}
	}
	together(len(from), func(i int) {
		n.text(f, to(t.Context(), f.processes[i%fleetSize]), smstest.Text{From: address(from[i]), Body: fmt.Sprint(i)})
	})
	list := f.conversations(livedesk.List{})
	require.Len(t, list, contacts)
	for _, c := range list {
		require.Equal(t, livedesk.Open, c.State)
		require.Len(t, ofKind(f.timeline(c), livedesk.Incoming), wrote[string(c.Address)])
	}
	f.quiet(patience)
	require.Len(t, n.Sent(), contacts, "greetings")
	f.postedOnce(n)
}

// A text at the instant of resolve joins the conversation before or after it, and is never left on a closed one (F38).
func TestFleetTextMeetsResolve(t *testing.T) {
	t.Parallel()
	const contacts, rounds = 20, 5
	f := newFleet(t, nil)
	n := f.twilioNumber(func(c *livedesk.Channel) { c.Greeting = "" })
	f.start()
	together(contacts, func(i int) { n.text(f, t.Context(), smstest.Text{From: address(i), Body: "first"}) })
	for range rounds {
		list := f.conversations(livedesk.List{})
		require.Len(t, list, contacts)
		meet := make([]time.Duration, contacts)
		for i := range meet {
			meet[i] = time.Duration(f.any(20)) * time.Millisecond
		}
		together(2*contacts, func(i int) {
			c := list[i/2]
			if i%2 == 0 {
				_, err := ask[livedesk.Conversation](t.Context(), f.processes[i/2%fleetSize], "Resolve", c.ID)
				if err != nil {
					t.Error(err)
				}
				return
			}
			time.Sleep(meet[i/2])
			n.text(f, to(t.Context(), f.processes[(i/2+1)%fleetSize]), smstest.Text{From: c.Address, Body: "again"})
		})
		for _, c := range f.conversations(livedesk.List{}) {
			f.nothingOnClosed(c)
			if c.State == livedesk.Resolved { // the next round wants it open
				n.text(f, t.Context(), smstest.Text{From: c.Address, Body: "open, please"})
			}
		}
	}
}

// nothingOnClosed holds a conversation to it that no text of a customer is behind its end, but for the words that never open
// one.
func (f *fleet) nothingOnClosed(c livedesk.Conversation) {
	f.Helper()
	closed := false
	for _, m := range f.timeline(c) {
		if m.Kind == livedesk.ActivityKind && m.Activity.To == string(livedesk.Resolved) {
			closed = true
		} else if m.Kind == livedesk.ActivityKind && m.Activity.What == "reopened" {
			closed = false
		} else if m.Kind == livedesk.Incoming && closed && m.Text != "STOP" && m.Text != "START" {
			f.Errorf("conversation %s: text %d is on a closed one", c.ID, m.Seq)
		}
	}
	if closed != (c.State == livedesk.Resolved) {
		f.Errorf("conversation %s is %s", c.ID, c.State)
	}
}
