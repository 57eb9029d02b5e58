package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// Builders of valid rows. Ids of contacts, conversations, messages and channels are UUIDv7, as the engine makes them;
// those of workspaces, agents, teams and other objects are the host's own strings.

var ids atomic.Uint64

// newID returns a UUIDv7 that is greater than those before.
func newID() string {
	n := ids.Add(1)
	at := uint64(1_700_000_000_000) + n>>12
	return fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", at>>16, at&0xffff, n&0xfff, 0x8000|rand.N(0x4000), rand.N(int64(1)<<48))
}

// site is a channel of a workspace.
type site struct{ workspace, channel string }

func newSite() site { return site{"acme", newID()} }

func phone(n int) channel.Address { return channel.Address(fmt.Sprintf("+1415%07d", n)) }

// origin is a time that every store keeps whole.
var origin = time.Date(2026, 2, 3, 4, 5, 6, 789_012_000, time.UTC)

func newContact(workspace string, address channel.Address) livedesk.Contact {
	return livedesk.Contact{Workspace: workspace, ID: newID(), Address: address, CreatedAt: origin}
}

// arrival is a text with a key from person n.
func (at site) arrival(n int, key string) livedesk.Arrival {
	return livedesk.Arrival{Workspace: at.workspace, Channel: at.channel, Key: key, Address: phone(n), Country: "US"}
}

func (at site) key(n int) livedesk.ThreadKey {
	return livedesk.ThreadKey{Workspace: at.workspace, Channel: at.channel, Address: phone(n)}
}

// meet makes the threads of persons from to to-1 and returns them.
func (p *probe) meet(ctx context.Context, at site, from, to int) []livedesk.LoadedThread {
	var arrivals []livedesk.Arrival
	for n := from; n < to; n++ {
		arrivals = append(arrivals, at.arrival(n, ""))
	}
	var out []livedesk.LoadedThread
	for i, a := range p.takeIn(ctx, arrivals...) {
		p.that(a.Contact.ID != "", "thread %d exists after TakeIn", i)
		out = append(out, a.LoadedThread)
	}
	return out
}

// newConversation is an open conversation of a thread, not yet stored.
func newConversation(l livedesk.LoadedThread) livedesk.Conversation {
	return livedesk.Conversation{
		Workspace: l.Thread.Workspace, ID: newID(), Channel: l.Thread.Channel, Contact: l.Contact.ID, Address: l.Contact.Address,
		State: livedesk.Open, Cycle: 1, CreatedAt: origin, ActiveAt: origin,
	}
}

// talk starts a conversation with person n and returns it as it is stored.
func (p *probe) talk(ctx context.Context, at site, n int) livedesk.Conversation {
	return p.talks(ctx, at, n, n+1)[0]
}

// talks starts conversations with persons from to to-1.
func (p *probe) talks(ctx context.Context, at site, from, to int) []livedesk.Conversation {
	return p.talksAs(ctx, at, from, to, func(int, *livedesk.Conversation) {})
}

// talksAs starts conversations as shape changes them.
func (p *probe) talksAs(ctx context.Context, at site, from, to int, shape func(n int, c *livedesk.Conversation)) []livedesk.Conversation {
	var c livedesk.Changes
	for i, l := range p.meet(ctx, at, from, to) {
		row := newConversation(l)
		shape(from+i, &row)
		l.Thread.Conversation = row.ID
		c.Conversations = append(c.Conversations, row)
		c.Threads = append(c.Threads, l.Thread)
	}
	p.apply(ctx, c)
	for i := range c.Conversations {
		c.Conversations[i].Version++
	}
	return c.Conversations
}

// incoming is a customer's text, not yet stored.
func incoming(c livedesk.Conversation, seq int64) livedesk.Message {
	return livedesk.Message{
		Workspace: c.Workspace, ID: newID(), Conversation: c.ID, Channel: c.Channel, Contact: c.Contact, Seq: seq,
		Kind: livedesk.Incoming, By: livedesk.Actor{Kind: livedesk.ActorCustomer}, Text: "hello", At: origin,
	}
}

// outgoing is an agent's text that is queued, due at a time, not yet stored.
func outgoing(c livedesk.Conversation, seq int64, due time.Time) livedesk.Message {
	m := incoming(c, seq)
	m.Kind, m.Class, m.By = livedesk.Outgoing, livedesk.ClassHuman, livedesk.AgentActor("ann")
	m.Delivery = &livedesk.Delivery{State: livedesk.Queued, Due: due, Segments: 1}
	return m
}

// conversation loads one; the zero value when there is none.
func (p *probe) conversation(ctx context.Context, workspace, id string) (out livedesk.Conversation) {
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) error {
		rows, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: workspace, IDs: []string{id}})
		if len(rows) > 0 {
			out = rows[0]
		}
		return err
	})
	return out
}

// messages loads by key; as many as keys, or the case ends.
func (p *probe) messages(ctx context.Context, keys ...livedesk.MessageKey) (out []livedesk.Message) {
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		out, err = tx.Messages(ctx, keys)
		return err
	})
	p.that(len(out) == len(keys), "%d messages are loaded for %d keys", len(out), len(keys))
	return out
}

func (p *probe) message(ctx context.Context, workspace, id string) livedesk.Message {
	return p.messages(ctx, livedesk.MessageKey{Workspace: workspace, ID: id})[0]
}

func (p *probe) threads(ctx context.Context, keys ...livedesk.ThreadKey) (out []livedesk.LoadedThread) {
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		out, err = tx.Threads(ctx, keys)
		return err
	})
	p.that(len(out) == len(keys), "%d threads are loaded for %d keys", len(out), len(keys))
	return out
}

func (p *probe) agents(ctx context.Context, workspace string, ids ...string) (out []livedesk.Agent) {
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		out, err = tx.Agents(ctx, workspace, ids)
		return err
	})
	p.that(ids == nil || len(out) == len(ids), "%d agents are loaded for %d ids", len(out), len(ids))
	return out
}

func (p *probe) contacts(ctx context.Context, workspace string, ids ...string) (out []livedesk.Contact) {
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		out, err = tx.Contacts(ctx, workspace, ids)
		return err
	})
	p.that(len(out) == len(ids), "%d contacts are loaded for %d ids", len(out), len(ids))
	return out
}

func (p *probe) roster(ctx context.Context, q livedesk.QueueQuery) (out livedesk.Roster) {
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		out, err = tx.Queues(ctx, q)
		return err
	})
	return out
}

func (p *probe) queues(ctx context.Context, q livedesk.QueueQuery) []livedesk.Queue {
	return p.roster(ctx, q).Queues
}

func (p *probe) queue(ctx context.Context, workspace, id string, heads int) livedesk.Queue {
	out := p.queues(ctx, livedesk.QueueQuery{Workspace: workspace, IDs: []string{id}, Heads: heads})
	p.that(len(out) == 1, "one queue is loaded for one id, not %d", len(out))
	return out[0]
}

func (p *probe) objects(ctx context.Context, q livedesk.ObjectQuery) (out []livedesk.Object) {
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		out, err = tx.Objects(ctx, q)
		return err
	})
	return out
}

func (p *probe) list(ctx context.Context, q livedesk.ConversationQuery) (out []livedesk.Conversation) {
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		out, err = tx.Conversations(ctx, q)
		return err
	})
	return out
}

func (p *probe) timeline(ctx context.Context, q livedesk.TimelineQuery) (out []livedesk.Message) {
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		out, err = tx.Timeline(ctx, q)
		return err
	})
	return out
}

func (p *probe) takeIn(ctx context.Context, arrivals ...livedesk.Arrival) (out []livedesk.Arrived) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		out, err = tx.TakeIn(ctx, arrivals)
		return err
	})
	p.that(len(out) == len(arrivals), "TakeIn answers %d times for %d arrivals", len(out), len(arrivals))
	return out
}

// fresh takes arrivals in and returns which of them were new.
func (p *probe) fresh(ctx context.Context, arrivals ...livedesk.Arrival) []bool {
	return news(p.takeIn(ctx, arrivals...))
}

func news(arrived []livedesk.Arrived) []bool {
	out := make([]bool, len(arrived))
	for i, a := range arrived {
		out[i] = a.New
	}
	return out
}

// due claims, and writes nothing.
func (p *probe) due(ctx context.Context, c livedesk.Claim) (out []livedesk.DueText) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		out, err = tx.Claim(ctx, c)
		return err
	})
	return out
}

// post claims and writes down, in the same transaction, that the texts are being posted, as the engine does. It returns
// them as they are stored.
func (p *probe) post(ctx context.Context, c livedesk.Claim) (out []livedesk.Message) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		due, err := tx.Claim(ctx, c)
		out = textsOf(due) // the function runs again when the transaction lost to another
		for i := range out {
			d := out[i].Delivery
			d.State, d.Due, d.Fence = livedesk.Posting, tx.Now().Add(long), d.Fence+1
		}
		if err != nil || len(out) == 0 {
			return err
		}
		return tx.Apply(ctx, livedesk.Changes{Deliveries: out})
	})
	for i := range out {
		out[i].Version++
	}
	return out
}

func textsOf(due []livedesk.DueText) []livedesk.Message {
	out := make([]livedesk.Message, len(due))
	for i, d := range due {
		out[i] = d.Message
	}
	return out
}

func dueIDs(due []livedesk.DueText) []string { return messageIDs(textsOf(due)) }

func (p *probe) budgets(ctx context.Context, keys ...livedesk.Sender) (out []livedesk.Budget) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		out, err = tx.Senders(ctx, keys)
		return err
	})
	p.that(len(out) == len(keys), "%d budgets are loaded for %d senders", len(out), len(keys))
	return out
}

func (p *probe) claimJobs(ctx context.Context, limit int, lease time.Duration) (out []livedesk.Job) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		out, err = tx.ClaimJobs(ctx, limit, lease)
		return err
	})
	return out
}

func idsOf(rows []livedesk.Conversation) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.ID
	}
	return out
}

func messageIDs(rows []livedesk.Message) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.ID
	}
	return out
}
