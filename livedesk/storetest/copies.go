package storetest

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/livedesk/livedesk-go/livedesk"
)

func copyCases() []Case {
	return []Case{
		clause("what goes in is copied", copiesIn),
		clause("what comes out is a copy", copiesOut),
		clause("two results of one call share nothing", copiesOfTwins),
		clause("what Claim and TakeIn return is a copy", copiesOfClaims),
	}
}

// Each scrawl writes over everything that a row refers to.

func scrawlContact(c *livedesk.Contact) {
	c.Attributes["a"], c.Labels[0] = "scrawl", "scrawl"
}

func scrawlConversation(c *livedesk.Conversation) {
	c.Attributes["a"], c.Labels[0] = "scrawl", "scrawl"
}

func scrawlMessage(m *livedesk.Message) {
	if m.Activity != nil {
		m.Activity.What = "scrawl"
		if d := m.Activity.Decision; d != nil {
			d.Looked[0].Rule, d.Skipped[0].Agent = "scrawl", "scrawl"
		}
		return
	}
	m.Media[0].URL, m.Delivery.Code, m.Delivery.History[0].Code = "scrawl", "scrawl", "scrawl"
}

// scrawlable is a set of rows with something to write over in each.
func (p *probe) scrawlable(ctx context.Context) (site, livedesk.Changes) {
	at := newSite()
	l := p.meet(ctx, at, 1, 2)[0]
	c := fullConversation(l)
	c.Attributes, c.State = map[string]string{"a": "1"}, livedesk.Open
	l.Contact.Attributes, l.Contact.Labels = map[string]string{"a": "1"}, []string{"one"}
	l.Thread.Conversation = c.ID
	rows := fullMessages(c)
	m, activity := rows[1], rows[3]
	m.Delivery.State, m.Delivery.Due = livedesk.Queued, p.now(ctx)
	return at, livedesk.Changes{
		Contacts: []livedesk.Contact{l.Contact}, Threads: []livedesk.Thread{l.Thread}, Conversations: []livedesk.Conversation{c},
		Messages: []livedesk.Message{m, activity},
		Queues:   []livedesk.Queue{{Workspace: c.Workspace, ID: c.Queue, Members: []livedesk.Member{{Agent: "ann"}}}},
		Objects:  []livedesk.Object{{Workspace: c.Workspace, Kind: "channel", ID: at.channel, Key: "hook", Data: []byte(`{"a":1}`)}},
	}
}

// loaded is all that can be read about what scrawlable made, each as often as there is a way to read it.
type loaded struct {
	Threads       []livedesk.LoadedThread
	Contacts      []livedesk.Contact
	Conversations []livedesk.Conversation
	Messages      []livedesk.Message
	Timeline      []livedesk.Message
	Queues        []livedesk.Queue
	Objects       []livedesk.Object
}

func (p *probe) load(ctx context.Context, at site, c livedesk.Changes) loaded {
	conv, m := c.Conversations[0], c.Messages[0]
	return loaded{
		Threads:       p.threads(ctx, at.key(1), livedesk.ThreadKey{Workspace: at.workspace, Conversation: conv.ID}),
		Contacts:      p.contacts(ctx, at.workspace, conv.Contact, conv.Contact),
		Conversations: append(p.list(ctx, livedesk.ConversationQuery{Workspace: at.workspace, Limit: 9}), p.conversation(ctx, at.workspace, conv.ID)),
		Messages: p.messages(ctx, livedesk.MessageKey{Workspace: at.workspace, ID: m.ID}, livedesk.MessageKey{Workspace: at.workspace, ID: m.ID},
			livedesk.MessageKey{Workspace: at.workspace, Conversation: conv.ID, Key: m.Key},
			livedesk.MessageKey{Workspace: at.workspace, Channel: at.channel, ProviderID: m.ProviderID},
			livedesk.MessageKey{Workspace: at.workspace, ID: c.Messages[1].ID}),
		Timeline: p.timeline(ctx, livedesk.TimelineQuery{Workspace: at.workspace, Conversation: conv.ID, Limit: 9}),
		Queues:   []livedesk.Queue{p.queue(ctx, at.workspace, conv.Queue, 9)},
		Objects: append(p.objects(ctx, livedesk.ObjectQuery{Workspace: at.workspace, Kind: "channel"}),
			append(p.objects(ctx, livedesk.ObjectQuery{Kind: "channel", Key: "hook"}), p.objects(ctx, livedesk.ObjectQuery{AfterRevision: new(int64), Limit: 9})...)...),
	}
}

func (l *loaded) scrawl() {
	for i := range l.Threads {
		scrawlContact(&l.Threads[i].Contact)
		scrawlConversation(l.Threads[i].Current)
		l.Threads[i].Current.Preview = "scrawl"
		if l.Threads[i].Asked != nil {
			scrawlConversation(l.Threads[i].Asked)
			l.Threads[i].Asked.ExternalID = "scrawl"
		}
	}
	for i := range l.Contacts {
		scrawlContact(&l.Contacts[i])
	}
	for i := range l.Conversations {
		scrawlConversation(&l.Conversations[i])
	}
	for i := range l.Messages {
		scrawlMessage(&l.Messages[i])
	}
	for i := range l.Timeline {
		scrawlMessage(&l.Timeline[i])
	}
	for i := range l.Queues {
		l.Queues[i].Members[0].Agent = "scrawl"
		scrawlConversation(&l.Queues[i].Waiting[0])
	}
	for i := range l.Objects {
		l.Objects[i].Data[0] = 'X'
	}
}

// copiesIn writes over the changes as soon as Apply has returned: a store that sends them later has to have its own.
func copiesIn(ctx context.Context, p *probe) {
	where, c := p.scrawlable(ctx)
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		given := snapshot(c)
		err := tx.Apply(ctx, given)
		scrawlContact(&given.Contacts[0])
		scrawlConversation(&given.Conversations[0])
		scrawlMessage(&given.Messages[0])
		scrawlMessage(&given.Messages[1])
		given.Queues[0].Members[0].Agent = "scrawl"
		copy(given.Objects[0].Data, `"scrawl"`)
		return err
	})
	got := p.load(ctx, where, c)
	text, err := json.Marshal(got)
	p.must(err, "encode")
	for _, o := range got.Objects {
		text = append(text, o.Data...) // which is base64 in JSON
	}
	at := bytes.Index(text, []byte("scrawl"))
	p.that(at < 0, "what the caller wrote over its own isn't in the store: …%s", text[max(0, at-200):max(0, at+6)])
}

func copiesOut(ctx context.Context, p *probe) {
	at, c := p.scrawlable(ctx)
	p.apply(ctx, c)
	before, got := snapshot(p.load(ctx, at, c)), p.load(ctx, at, c)
	got.scrawl()
	p.same(p.load(ctx, at, c), before, "the store after the caller wrote over what it was given")
}

func copiesOfTwins(ctx context.Context, p *probe) {
	at, c := p.scrawlable(ctx)
	p.apply(ctx, c)
	got := p.load(ctx, at, c)
	want := snapshot(got)
	scrawlContact(&got.Contacts[0])
	p.same(got.Contacts[1], want.Contacts[1], "the second of two equal contacts")
	scrawlMessage(&got.Messages[0])
	p.same(got.Messages[1], want.Messages[1], "the second of two equal messages")
	asked := got.Threads[1]
	scrawlConversation(asked.Asked)
	asked.Asked.Preview = "scrawl"
	p.same(asked.Current, want.Threads[1].Current, "Current beside Asked")
}

func copiesOfClaims(ctx context.Context, p *probe) {
	at, c := p.scrawlable(ctx)
	p.apply(ctx, c)
	got := p.due(ctx, anything)
	p.that(len(got) == 1, "the text is found")
	want := snapshot(got)
	scrawlMessage(&got[0].Message)
	scrawlContact(&got[0].Contact)
	p.same(p.due(ctx, anything), want, "what is found after the caller wrote over what was found before")
	before := snapshot(p.load(ctx, at, c))
	arrived := p.takeIn(ctx, at.arrival(1, "k"), at.arrival(1, "k"))
	twin := snapshot(arrived[1])
	scrawlContact(&arrived[0].Contact)
	scrawlConversation(arrived[0].Current)
	p.same(arrived[1], twin, "the second of two arrivals of one contact")
	p.same(p.load(ctx, at, c), before, "the store after the caller wrote over what TakeIn returned")
}
