package storetest

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// world is a store with one row of each kind, and a change of every one of them.
type world struct {
	at     site
	known  livedesk.LoadedThread
	text   livedesk.Message // queued
	agent  livedesk.Agent
	queue  livedesk.Queue
	job    livedesk.Job
	object livedesk.Object
	budget livedesk.Budget
}

func (at site) sender() livedesk.Sender {
	return livedesk.Sender{Workspace: at.workspace, Channel: at.channel}
}

func (p *probe) world(ctx context.Context) *world {
	w := &world{at: newSite()}
	c := p.talksAs(ctx, w.at, 1, 2, func(_ int, c *livedesk.Conversation) {
		c.Queue, c.QueuedAt = livedesk.TeamQueue("one"), origin
	})[0]
	w.text = outgoing(c, 1, p.now(ctx))
	w.agent = livedesk.Agent{Workspace: c.Workspace, ID: "ann", Name: "Ann", Capacity: 3}
	w.queue = livedesk.Queue{Workspace: c.Workspace, ID: livedesk.TeamQueue("one"), Count: 4, Members: []livedesk.Member{{Agent: "ann", Last: 4}}}
	w.job = livedesk.Job{Workspace: c.Workspace, Key: "snooze:1", Kind: "snooze", Subject: c.ID, Due: p.now(ctx)}
	w.object = livedesk.Object{Workspace: c.Workspace, Kind: "channel", ID: w.at.channel, Key: "webhook-1", Data: []byte(`{"a":1}`)}
	w.budget = livedesk.Budget{Sender: w.at.sender(), Next: origin}
	p.apply(ctx, livedesk.Changes{
		Messages: []livedesk.Message{w.text}, Agents: []livedesk.Agent{w.agent}, Queues: []livedesk.Queue{w.queue},
		Budgets: []livedesk.Budget{w.budget}, Jobs: []livedesk.JobChange{{Job: w.job}}, Objects: []livedesk.Object{w.object},
	})
	p.takeIn(ctx, w.at.arrival(1, "seen"))
	w.known = p.threads(ctx, w.at.key(1))[0]
	return w
}

// picture is everything that a world can show.
type picture struct {
	Threads  []livedesk.LoadedThread
	Contacts []livedesk.Contact
	Messages []livedesk.Message
	Entries  []livedesk.Message
	Agents   []livedesk.Agent
	Roster   livedesk.Roster
	Budgets  []livedesk.Budget
	Listed   []livedesk.Conversation
	Counts   livedesk.Counts
	Objects  []livedesk.Object
	Due      []livedesk.DueText
	Jobs     []livedesk.Job
	New      []bool // whether the keys "seen" and "later" are new
}

func (w *world) picture(ctx context.Context, p *probe) (out picture) {
	ws := w.at.workspace
	p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		if out.Due, err = tx.Claim(ctx, anything); err == nil {
			out.Budgets, err = tx.Senders(ctx, []livedesk.Sender{w.at.sender()})
		}
		return err
	})
	p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		out.Jobs, err = tx.ClaimJobs(ctx, 9, long)
		for i := range out.Jobs { // leases start at Now, which moves between two pictures
			out.Jobs[i].Due, out.Jobs[i].Fence = origin, 0
		}
		return err
	})
	p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		arrived, err := tx.TakeIn(ctx, []livedesk.Arrival{w.at.arrival(1, "seen"), w.at.arrival(1, "later")})
		out.New = news(arrived)
		return err
	})
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		collect := func(load func() error) {
			if err == nil {
				err = load()
			}
		}
		collect(func() error {
			out.Threads, err = tx.Threads(ctx, []livedesk.ThreadKey{w.at.key(1), w.at.key(2)})
			return err
		})
		collect(func() error {
			out.Contacts, err = tx.Contacts(ctx, ws, []string{w.known.Contact.ID})
			return err
		})
		collect(func() error {
			out.Messages, err = tx.Messages(ctx, []livedesk.MessageKey{{Workspace: ws, ID: w.text.ID}})
			return err
		})
		collect(func() error {
			out.Entries, err = tx.Timeline(ctx, livedesk.TimelineQuery{Workspace: ws, Conversation: w.text.Conversation, Limit: 9})
			return err
		})
		collect(func() error { out.Agents, err = tx.Agents(ctx, ws, nil); return err })
		collect(func() error {
			out.Roster, err = tx.Queues(ctx, livedesk.QueueQuery{Workspace: ws, IDs: []string{w.queue.ID, "team:two"}, Heads: 9})
			return err
		})
		collect(func() error {
			out.Listed, err = tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: ws, Limit: 9})
			return err
		})
		collect(func() error {
			out.Counts, err = tx.Counts(ctx, livedesk.CountQuery{Workspace: ws, Agent: "ann"})
			return err
		})
		collect(func() error {
			out.Objects, err = tx.Objects(ctx, livedesk.ObjectQuery{AfterRevision: new(int64), Limit: 9})
			return err
		})
		return err
	})
	return out
}

// changeAll changes a row of every kind and adds one where it can.
func (w *world) changeAll(ctx context.Context, tx livedesk.Tx) error {
	known, err := tx.TakeIn(ctx, []livedesk.Arrival{w.at.arrival(1, "later"), w.at.arrival(2, "")})
	if err != nil {
		return err
	}
	contact, thread, c := known[0].Contact, known[0].Thread, *known[0].Current
	contact.Name, thread.Automatic = "Zoe", 7
	c.State, c.Assignee, c.Queue, c.QueuedAt = livedesk.Resolved, "ann", "", time.Time{}
	object, queue, agent, budget := w.object, w.queue, w.agent, w.budget
	object.Version, object.Deleted = 1, true
	queue.Version, queue.Count = 1, 5
	agent.Version, agent.Name = 1, "Anna"
	budget.Version, budget.Next = 1, origin.Add(time.Minute)
	moved := livedesk.JobChange{Job: w.job}
	moved.Due = tx.Now().Add(long)
	return tx.Apply(ctx, livedesk.Changes{
		Contacts: []livedesk.Contact{contact}, Threads: []livedesk.Thread{thread}, Conversations: []livedesk.Conversation{c},
		Cancels:  []livedesk.Cancel{{Workspace: c.Workspace, Channel: c.Channel, Contact: c.Contact, Reason: channel.ReasonOptOut}},
		Messages: []livedesk.Message{incoming(c, 2)}, Agents: []livedesk.Agent{agent}, Queues: []livedesk.Queue{queue},
		Budgets: []livedesk.Budget{budget}, Jobs: []livedesk.JobChange{moved}, Objects: []livedesk.Object{object},
	})
}
