package pgstore_test

import (
	"context"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// The invariants of a chaos run, by the public API where it tells, and by reading the tables where it doesn't.

func (c *chaos) check() {
	c.keeps(c.taken)                                                                                   // I1, I2
	c.oneLiveConversation(c.Context())                                                                 // I3
	c.postedOnce(c.numbers...)                                                                         // I5
	c.gatesHeld()                                                                                      // I8
	c.placesHeld()                                                                                     // I9, I10
	c.eventually(5*time.Second, "to give all free places", func() bool { return c.besideRoom() == 0 }) // I11
	c.nothingForged()
	c.repliesKept()
	texts := c.timelines()
	c.silencesHeld(texts)
	c.ordered(texts)
	c.verdicts(texts)
}

// oneLiveConversation holds every contact to one live conversation on a channel (I3).
func (c *chaos) oneLiveConversation(context.Context) {
	n := c.count(`SELECT count(*) FROM (SELECT 1 FROM {s}.conversations WHERE state <> 'resolved'
		GROUP BY workspace, channel, contact HAVING count(*) > 1) AS twice`)
	if n > 0 {
		c.Errorf("%d contacts have two live conversations", n)
	}
}

// timelines holds every conversation to a timeline without gaps, to one greeting, and to it that nothing is on a closed one
// (I4, I12). It returns the texts to customers by id.
func (c *chaos) timelines() map[string]livedesk.Message {
	out := map[string]livedesk.Message{}
	for _, talk := range c.conversations(livedesk.List{}) {
		c.nothingOnClosed(talk)
		greetings := 0
		for _, m := range ofKind(c.timeline(talk), livedesk.Outgoing) {
			out[m.ID] = m
			if m.Class == livedesk.ClassAutomatic {
				greetings++
			}
		}
		if greetings > 1 {
			c.Errorf("conversation %s was greeted %d times", talk.ID, greetings)
		}
	}
	return out
}

// silencesHeld says that nothing was posted to who had sent STOP. What passed the gate before has two seconds to begin (I8);
// what confirms the STOP, where the carrier doesn't, may leave at any time.
func (c *chaos) silencesHeld(texts map[string]livedesk.Message) {
	for _, s := range c.silent {
		for _, p := range posts(s.number) {
			late := p.At.Sub(s.since)
			if p.to == s.to && late > 3*time.Second && texts[p.ref].Class != livedesk.ClassConfirmation && (s.until.IsZero() || p.At.Before(s.until)) {
				c.Errorf("message %s was posted %s after STOP was acknowledged", p.ref, late)
			}
		}
	}
}

// ordered says that texts of a conversation reached the carrier in the order in which they were written (I15).
func (c *chaos) ordered(texts map[string]livedesk.Message) {
	last := map[string]int64{}
	for _, p := range posts(c.numbers...) {
		m := texts[p.ref]
		if p.knownNotSent() {
			continue
		}
		if m.Seq <= last[m.Conversation] {
			c.Errorf("conversation %s: text %d came after text %d", m.Conversation, m.Seq, last[m.Conversation])
		}
		last[m.Conversation] = m.Seq
	}
}

// verdicts holds every text to a verdict, and to one that fits what the carriers did and what they could report (I5, I6, I14).
func (c *chaos) verdicts(texts map[string]livedesk.Message) {
	taken, told := c.takenByCarriers(), c.toldByCarriers()
	share := map[livedesk.DeliveryState]int{}
	for id, m := range texts {
		state := m.Delivery.State
		share[state]++
		sent := taken[id]
		if len(sent) > 1 {
			c.Errorf("message %s was taken %d times", id, len(sent))
		}
		switch state {
		case livedesk.Accepted, livedesk.Sent, livedesk.Delivered, livedesk.Undelivered:
			if len(sent) != 1 {
				c.Errorf("message %s is %s, and no carrier took it", id, state)
			}
		case livedesk.Canceled:
			if len(sent) > 0 {
				c.Errorf("message %s is canceled, and a carrier took it", id)
			}
		case livedesk.Failed, livedesk.Unconfirmed:
		default:
			c.Errorf("message %s has no verdict: %s", id, state)
		}
		for _, s := range sent {
			if last := told[s.ID]; last != "" && !slices.Contains(meaning(last), state) {
				c.Errorf("message %s is %s, and the carrier said %s", id, state, last)
			}
		}
	}
	c.Logf("texts to customers: %v", share)
}

// takenByCarriers are the texts that carriers took, by message.
func (c *chaos) takenByCarriers() map[string][]smstest.Sent {
	out := map[string][]smstest.Sent{}
	for _, n := range c.numbers {
		for _, s := range n.Sent() {
			out[s.Ref] = append(out[s.Ref], s)
		}
	}
	return out
}

// toldByCarriers is the last word on each text that a carrier took, if the desk acknowledged it.
func (c *chaos) toldByCarriers() map[string]string {
	out := map[string]string{}
	for _, n := range c.numbers {
		for _, w := range n.Webhooks() {
			if w.Kind == smstest.HookStatus && w.Status/100 == 2 && len(meaning(w.Word)) > 0 {
				out[w.ID] = w.Word
			}
		}
	}
	return out
}

// meaning returns what a carrier's last word may make of a text.
func meaning(word string) []livedesk.DeliveryState {
	switch word {
	case "delivered", "message-delivered":
		return []livedesk.DeliveryState{livedesk.Delivered}
	case "undelivered", "message-failed":
		return []livedesk.DeliveryState{livedesk.Undelivered, livedesk.Failed}
	}
	return nil
}

// nothingForged says that no webhook without proof left anything (I16).
func (c *chaos) nothingForged() {
	if n := c.count(`SELECT count(*) FROM {s}.messages WHERE provider_id = ANY($1)`, c.forged); n > 0 {
		c.Errorf("%d forged texts were taken in", n)
	}
}

// repliesKept says that every reply that a process acknowledged is there, once for its key.
func (c *chaos) repliesKept() {
	for key, id := range c.stored {
		m, err := c.desk.Message(c.Context(), id)
		require.NoError(c, err)
		require.Equal(c, key, m.Key)
	}
	n := c.count(`SELECT count(*) FROM (SELECT 1 FROM {s}.messages WHERE key LIKE 'reply-%' GROUP BY key HAVING count(*) > 1) AS twice`)
	require.Zero(c, n, "replies stored twice")
}
