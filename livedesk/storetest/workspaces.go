package storetest

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

func workspaceCases() []Case {
	return []Case{
		clause("the same ids stand in two workspaces side by side", twinsSideBySide),
		clause("a change in one is no change in the other", twinsApart),
		clause("an id of another workspace answers like one that doesn't exist, in every method", foreignIsMissing),
	}
}

// twin is a world of the same ids in another workspace.
func (p *probe) twin(ctx context.Context, w *world, workspace string) *world {
	out := *w
	out.at.workspace = workspace
	contact := livedesk.Contact{Workspace: workspace, ID: w.known.Contact.ID, Address: w.known.Contact.Address, Name: "twin", CreatedAt: origin}
	p.apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{contact}})
	l := p.takeIn(ctx, out.at.arrival(1, "seen"))[0].LoadedThread
	p.that(l.Contact.ID == contact.ID && l.Contact.Name == "twin", "the twin contact is stored")
	c := *w.known.Current
	c.Workspace, c.Version = workspace, 0
	l.Thread.Conversation = c.ID
	out.text.Workspace, out.agent.Workspace, out.queue.Workspace = workspace, workspace, workspace
	out.job.Workspace, out.object.Workspace, out.object.Key = workspace, workspace, "webhook-"+workspace
	out.budget.Workspace = workspace
	p.apply(ctx, livedesk.Changes{
		Threads: []livedesk.Thread{l.Thread}, Conversations: []livedesk.Conversation{c}, Messages: []livedesk.Message{out.text},
		Agents: []livedesk.Agent{out.agent}, Queues: []livedesk.Queue{out.queue}, Jobs: []livedesk.JobChange{{Job: out.job}},
		Budgets: []livedesk.Budget{out.budget}, Objects: []livedesk.Object{out.object},
	})
	out.known = p.threads(ctx, out.at.key(1))[0]
	return &out
}

// own is a picture with what one workspace shows of the calls that serve all.
func (w *world) own(ctx context.Context, p *probe) picture {
	out := w.picture(ctx, p)
	var due []livedesk.DueText
	for _, d := range out.Due {
		if d.Message.Workspace == w.at.workspace {
			due = append(due, d)
		}
	}
	var jobs []livedesk.Job
	for _, j := range out.Jobs {
		if j.Workspace == w.at.workspace {
			jobs = append(jobs, j)
		}
	}
	var objects []livedesk.Object
	for _, o := range out.Objects {
		if o.Workspace == w.at.workspace {
			objects = append(objects, o)
		}
	}
	out.Due, out.Jobs, out.Objects = due, jobs, objects
	return out
}

func twinsSideBySide(ctx context.Context, p *probe) {
	a := p.world(ctx)
	before := a.own(ctx, p)
	b := p.twin(ctx, a, "beta")
	p.same(a.own(ctx, p), before, "the first workspace after the second came")
	other := b.own(ctx, p)
	p.that(other.Contacts[0].Name == "twin" && len(other.Listed) == 1 && len(other.Due) == 1 && len(other.Jobs) == 1 && len(other.Objects) == 1,
		"the second workspace has rows of its own")
	p.same(other.New, []bool{false, true}, "whether the keys are new in the second workspace")
}

func twinsApart(ctx context.Context, p *probe) {
	a := p.world(ctx)
	b := p.twin(ctx, a, "beta")
	before := a.own(ctx, p)
	p.update(ctx, b.changeAll)
	p.same(a.own(ctx, p), before, "the first workspace after every row of the second changed")
	p.apply(ctx, livedesk.Changes{DeletedAgents: []livedesk.Agent{{Workspace: "beta", ID: "ann"}}})
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: b.job, Done: true}}})
	p.same(a.own(ctx, p), before, "the first workspace after agent and job of the second went")
}

func foreignIsMissing(ctx context.Context, p *probe) {
	a := p.world(ctx)
	text := a.text
	text.Version, text.ProviderID, text.Key = 1, "SM1", "key"
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{text}})
	p.optOut(ctx, a.known.Thread)
	calls := map[string]func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error){
		"Threads by address": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			k := livedesk.ThreadKey{Workspace: "beta", Channel: a.at.channel, Address: phone(77)}
			if foreign {
				k.Address = phone(1)
			}
			return tx.Threads(ctx, []livedesk.ThreadKey{k})
		},
		"Threads by conversation": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Threads(ctx, []livedesk.ThreadKey{{Workspace: "beta", Conversation: pick(foreign, text.Conversation)}})
		},
		"Messages by id": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Messages(ctx, []livedesk.MessageKey{{Workspace: "beta", ID: pick(foreign, text.ID)}})
		},
		"Messages by carrier's id": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Messages(ctx, []livedesk.MessageKey{{Workspace: "beta", Channel: a.at.channel, ProviderID: pick(foreign, "SM1")}})
		},
		"Messages by key": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Messages(ctx, []livedesk.MessageKey{{Workspace: "beta", Conversation: text.Conversation, Key: pick(foreign, "key")}})
		},
		"Queues by agent": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Queues(ctx, livedesk.QueueQuery{Workspace: "beta", Agents: []string{pick(foreign, "ann")}, Heads: 9})
		},
		"Queues by loads": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Queues(ctx, livedesk.QueueQuery{Workspace: "beta", Loads: []string{pick(foreign, "ann")}})
		},
		"Agents": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Agents(ctx, "beta", []string{pick(foreign, "ann")})
		},
		"Contacts": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Contacts(ctx, "beta", []string{pick(foreign, text.Contact)})
		},
		"Conversations by id": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "beta", IDs: []string{pick(foreign, text.Conversation)}})
		},
		"Conversations by contact": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "beta", Contact: pick(foreign, text.Contact), Limit: 9})
		},
		"Counts": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Counts(ctx, livedesk.CountQuery{Workspace: "beta", Channel: pick(foreign, a.at.channel), Agent: "ann"})
		},
		"Consents of a channel": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Consents(ctx, livedesk.ConsentQuery{Workspace: "beta", Channel: pick(foreign, a.at.channel), Limit: 9})
		},
		"Consents of a contact": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Consents(ctx, livedesk.ConsentQuery{Workspace: "beta", Contact: pick(foreign, text.Contact), Limit: 9})
		},
		"Timeline": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Timeline(ctx, livedesk.TimelineQuery{Workspace: "beta", Conversation: pick(foreign, text.Conversation), Limit: 9})
		},
		"Objects by id": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			return tx.Objects(ctx, livedesk.ObjectQuery{Workspace: "beta", Kind: "channel", IDs: []string{pick(foreign, a.object.ID)}})
		},
		"Objects of a kind": func(ctx context.Context, tx livedesk.ReadTx, foreign bool) (any, error) {
			kind := "nothing"
			if foreign {
				kind = "channel"
			}
			return tx.Objects(ctx, livedesk.ObjectQuery{Workspace: "beta", Kind: kind})
		},
	}
	for name, call := range calls {
		p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) error { return likeMissing(ctx, tx, name, call) })
		p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return likeMissing(ctx, tx, name, call) })
	}
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		return tx.Apply(ctx, livedesk.Changes{Cancels: []livedesk.Cancel{{Workspace: "beta", Channel: text.Channel, Contact: text.Contact}}})
	})
	p.that(p.message(ctx, text.Workspace, text.ID).Delivery.State == livedesk.Queued, "a cancel in another workspace takes nothing back")
	c := *a.known.Current
	c.Workspace = "beta"
	p.is(p.tryApply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}}), livedesk.ErrConflict, "a change under another workspace")
}

func likeMissing(ctx context.Context, tx livedesk.ReadTx, name string, call func(context.Context, livedesk.ReadTx, bool) (any, error)) error {
	missing, err := call(ctx, tx, false)
	if err != nil {
		return err
	}
	foreign, err := call(ctx, tx, true)
	if err != nil {
		return err
	}
	return differ(foreign, missing, name+" of a foreign id")
}

// pick returns the foreign id, or one that nobody has.
func pick(foreign bool, id string) string {
	if foreign {
		return id
	}
	return newID()
}
