package storetest

import (
	"context"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

func rowCases() []Case {
	return []Case{
		clause("a contact comes back as it was written", contactComesBack),
		clause("a conversation comes back as it was written", conversationComesBack),
		clause("a message of every kind comes back as it was written", messageComesBack),
		clause("an agent and a queue come back as they were written", agentComesBack),
		clause("an object and a job come back as they were written", objectComesBack),
		clause("a budget comes back as it was written", budgetComesBack),
		clause("text of every plane of Unicode is kept to the byte", textIsKept),
		clause("a text of a mebibyte is kept", largeTextIsKept, LargeTexts),
		clause("times are kept in whole microseconds, UTC", timesAreKept),
		clause("ids of 128 bytes are kept apart", longIDs),
		clause("ids compare byte by byte", idsAreExact),
	}
}

func contactComesBack(ctx context.Context, p *probe) {
	at := newSite()
	c := p.meet(ctx, at, 1, 2)[0].Contact
	full := livedesk.Contact{
		Workspace: c.Workspace, ID: c.ID, Address: phone(8), Name: "Zoë", ExternalID: "crm-7", Language: "fr-CA", Zone: "America/Toronto",
		Country: "CA", Attributes: map[string]string{"plan": "gold", "": "empty key", "empty": ""}, Labels: []string{"b", "a", "b", ""},
		CreatedAt: origin, Version: c.Version,
	}
	p.apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{full}})
	full.Version++
	p.same(p.contacts(ctx, at.workspace, c.ID)[0], full, "the contact")
	l := p.threads(ctx, at.key(1), at.key(8))
	p.that(l[0].Contact.ID == "" && l[1].Contact.ID == c.ID, "the contact is found by its new address only")
	bare := livedesk.Contact{Workspace: c.Workspace, ID: c.ID, Address: phone(1), Version: full.Version}
	p.apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{bare}})
	bare.Version++
	p.same(p.contacts(ctx, at.workspace, c.ID)[0], bare, "the emptied contact")
}

func fullConversation(l livedesk.LoadedThread) livedesk.Conversation {
	c := newConversation(l)
	c.State, c.Before, c.SnoozeUntil, c.Cycle = livedesk.Snoozed, livedesk.Pending, origin.Add(time.Hour), 3
	c.Assignee, c.Queue, c.QueuedAt, c.Priority = "ann", livedesk.ChannelQueue(c.Channel), origin.Add(time.Microsecond), -100
	c.Needs = "fr:billing,vip"
	c.Labels, c.Attributes, c.ExternalID = []string{"vip", "late"}, map[string]string{"a": "1", "b": ""}, "ticket-9"
	c.ActiveAt, c.WaitingSince = origin.Add(2*time.Minute), origin.Add(3*time.Minute)
	c.FirstResponseAt, c.ResolvedAt, c.ReopenUntil = origin.Add(4*time.Minute), origin.Add(5*time.Minute), origin.Add(6*time.Minute)
	c.ResolvedBy, c.LastSeq, c.Unread = livedesk.Actor{Kind: livedesk.ActorAI, ID: "bot"}, 1<<40, 17
	c.AI, c.AITurn, c.HandedOver, c.Preview = "bot", 1<<40+1, 2, "the last words"
	return c
}

func conversationComesBack(ctx context.Context, p *probe) {
	l := p.meet(ctx, newSite(), 1, 2)[0]
	for _, c := range []livedesk.Conversation{fullConversation(l), {
		Workspace: l.Contact.Workspace, Channel: l.Thread.Channel, Contact: l.Contact.ID, State: livedesk.Resolved,
	}} {
		if c.ID == "" {
			c.ID = newID()
		}
		p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
		c.Version = 1
		p.same(p.conversation(ctx, c.Workspace, c.ID), c, "the conversation")
		c.Labels, c.Attributes, c.Assignee, c.Queue = nil, nil, "", ""
		c.AI, c.AITurn, c.HandedOver = "", 0, 0
		p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
		c.Version = 2
		p.same(p.conversation(ctx, c.Workspace, c.ID), c, "the emptied conversation")
	}
}

// fullMessages are messages with every field in use.
func fullMessages(c livedesk.Conversation) []livedesk.Message {
	in := incoming(c, 1)
	in.ProviderID, in.ProviderAt, in.Key = "SM1", origin.Add(-time.Second), "in-1"
	in.Others = []channel.Address{"+14155550199", "72345"}
	in.Media = []channel.Attachment{{URL: "https://x/1", ContentType: "image/png", Size: 1 << 40}, {URL: "https://x/2"}}
	out := outgoing(c, 2, origin.Add(time.Hour))
	out.Key, out.ProviderID, out.ResendOf, out.Media = "key-1", "SM2", in.ID, []channel.Attachment{{URL: "https://x/3"}}
	out.Delivery = &livedesk.Delivery{
		State: livedesk.Posting, Due: origin.Add(time.Hour), Expires: origin.Add(2 * time.Hour), Fence: 7, Attempts: 2, Segments: 3,
		Code: "30007", Reason: channel.ReasonContent, History: []livedesk.DeliveryNote{
			{At: origin, State: livedesk.Queued, Source: "desk"},
			{At: origin.Add(time.Microsecond), State: livedesk.Posting, Source: "attempt", Word: "sending", Code: "1", Detail: "try 2"},
		},
	}
	note := incoming(c, 3)
	note.Kind, note.By = livedesk.Note, livedesk.AgentActor("ann")
	act := incoming(c, 4)
	act.Kind, act.By, act.Text = livedesk.ActivityKind, livedesk.Actor{}, ""
	act.Activity = &livedesk.Activity{What: "assigned", From: "", To: "ann", Cause: "agent on line", Decision: &livedesk.Decision{
		At: origin, Tier: livedesk.TierRules, Rule: "r", Version: "v", Queue: "team:a", Agent: "ann", Until: origin.Add(time.Hour),
		Looked:  []livedesk.Look{{Tier: livedesk.TierRules, Rule: "r", Result: livedesk.LookDecided}},
		Skipped: []livedesk.Skipped{{Agent: "bob", Why: livedesk.SkipFull}},
	}}
	return []livedesk.Message{in, out, note, act}
}

func messageComesBack(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	rows := fullMessages(c)
	p.apply(ctx, livedesk.Changes{Messages: rows})
	var keys []livedesk.MessageKey
	for i := range rows {
		rows[i].Version++
		keys = append(keys, livedesk.MessageKey{Workspace: c.Workspace, ID: rows[i].ID})
	}
	p.same(p.messages(ctx, keys...), rows, "the messages")
	p.same(p.timeline(ctx, livedesk.TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, Limit: 9}), rows, "the timeline")
	out := rows[1]
	out.Delivery = &livedesk.Delivery{State: livedesk.Delivered, Fence: 8}
	out.Text, out.Media = "", nil
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{out}})
	out.Version++
	p.same(p.message(ctx, c.Workspace, out.ID), out, "the changed message")
}

func agentComesBack(ctx context.Context, p *probe) {
	a := livedesk.Agent{
		Workspace: "acme", ID: "ann", Name: "Ann É", Skills: []string{"vip", "crème"}, Languages: []string{"fr-CA"}, Capacity: -1,
		Presence: livedesk.Busy, PresenceUntil: origin, OutsideLoad: 4,
	}
	bare := livedesk.Agent{Workspace: "acme", ID: "ben"}
	q := livedesk.Queue{Workspace: "acme", ID: "team:one", Count: 1 << 40, Members: []livedesk.Member{
		{Agent: "zoe", Last: 1 << 40}, {Agent: "ann"}, {Agent: "ben"},
	}}
	p.apply(ctx, livedesk.Changes{Agents: []livedesk.Agent{a, bare}, Queues: []livedesk.Queue{q}})
	a.Version, bare.Version, q.Version = 1, 1, 1
	p.same(p.agents(ctx, "acme", "ann", "ben"), []livedesk.Agent{a, bare}, "the agents")
	p.same(p.queue(ctx, "acme", "team:one", 0), q, "the queue")
}

func objectComesBack(ctx context.Context, p *probe) {
	o := livedesk.Object{Workspace: "acme", Kind: "channel", ID: newID(), Key: "hook", Data: []byte(`{"z":1,  "a":[true,null,"\u00e9 é"]}`)}
	p.apply(ctx, livedesk.Changes{Objects: []livedesk.Object{o}})
	got := p.objects(ctx, livedesk.ObjectQuery{Workspace: "acme", Kind: "channel", IDs: []string{o.ID}})
	p.that(len(got) == 1 && got[0].Revision > 0, "one object with a revision is found")
	o.Version, o.Revision = 1, got[0].Revision
	p.same(got[0], o, "the object")
	j := livedesk.Job{Workspace: "acme", Key: "snooze:1", Kind: "snooze", Subject: "1", Due: p.now(ctx).Add(-time.Second)}
	p.apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: j}}})
	jobs := p.claimJobs(ctx, 9, long)
	p.that(len(jobs) == 1, "the job is claimed")
	j.Due, j.Fence, j.Attempts = jobs[0].Due, jobs[0].Fence, 1
	p.same(jobs[0], j, "the job")
}

func budgetComesBack(ctx context.Context, p *probe) {
	at, other := newSite(), newSite()
	full, bare := livedesk.Budget{Sender: at.sender(), Next: origin}, livedesk.Budget{Sender: other.sender()}
	for v := range int64(2) {
		full.Version, bare.Version = v, v
		p.apply(ctx, livedesk.Changes{Budgets: []livedesk.Budget{full, bare}})
		full.Version, bare.Version = v+1, v+1
		p.same(p.budgets(ctx, full.Sender, bare.Sender), []livedesk.Budget{full, bare}, "the budgets")
		full.Next, bare.Next = bare.Next, origin.Add(time.Microsecond)
	}
}

// hardText has what stores trip over: controls, every plane, noncharacters, what SQL and LIKE treat specially.
func hardText() string {
	var b strings.Builder
	b.WriteString("  \r\n\t\x01\x1f\x7f'\";--%_\\$1 ?{}[] e\u0301 \u00e9 \ufeff\u200b\u202e\u2028 ")
	for r := rune(0x80); r <= 0x10ffff; r += 0x3fd {
		if r < 0xd800 || r > 0xdfff {
			b.WriteRune(r)
		}
	}
	for plane := range rune(17) {
		b.WriteRune(plane<<16 | 0xffff)
		b.WriteRune(plane<<16 | 0xfffd)
	}
	b.WriteString("👩‍👩‍👧‍👦🇫🇷 ")
	return b.String()
}

func textIsKept(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	text := hardText()
	m := incoming(c, 1)
	m.Text, m.Key = text, "k\u0301"
	c.Labels, c.Attributes, c.Preview = []string{text}, map[string]string{text: text}, strings.ToValidUTF8(text[:120], "")
	l := p.threads(ctx, at.key(1))[0]
	l.Contact.Name, l.Contact.Address, l.Contact.Attributes = text, channel.Address(strings.ToValidUTF8(text[:64], "")), map[string]string{"a": text}
	p.apply(ctx, livedesk.Changes{
		Contacts: []livedesk.Contact{l.Contact}, Conversations: []livedesk.Conversation{c}, Messages: []livedesk.Message{m},
	})
	m.Version++
	c.Version++
	l.Contact.Version++
	p.same(p.message(ctx, c.Workspace, m.ID), m, "the message")
	p.same(p.conversation(ctx, c.Workspace, c.ID), c, "the conversation")
	p.same(p.contacts(ctx, c.Workspace, l.Contact.ID)[0], l.Contact, "the contact")
	p.that(p.messages(ctx, livedesk.MessageKey{Workspace: c.Workspace, Conversation: c.ID, Key: "\u1e31"})[0].ID == "",
		"a key that only looks the same finds nothing")
}

func largeTextIsKept(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := incoming(c, 1)
	m.Text = strings.Repeat("0123456789abcdé\n", 1<<16)
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}})
	p.that(p.message(ctx, c.Workspace, m.ID).Text == m.Text, "the text of %d bytes is the same", len(m.Text))
}

func timesAreKept(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	east := time.FixedZone("east", 9*3600)
	for i, at := range []struct{ in, out time.Time }{
		{origin, origin},
		{origin.In(east).Add(999 * time.Nanosecond), origin},
		{time.Unix(0, 0), time.Unix(0, 0).UTC()},
		{time.Unix(0, -1000), time.Unix(0, -1000).UTC()},
		{time.Unix(0, 1000), time.Unix(0, 1000).UTC()},
		{time.Date(1901, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(1901, 1, 1, 0, 0, 0, 1000, time.UTC)},
		{time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)},
		{time.Time{}, time.Time{}},
	} {
		m := incoming(c, int64(i+1))
		m.ProviderAt = at.in
		p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}})
		got := p.message(ctx, c.Workspace, m.ID).ProviderAt
		p.that(got.Equal(at.out) && got.IsZero() == at.out.IsZero(), "%v comes back as %v, not %v", at.in, at.out, got)
		p.that(got.Location() == time.UTC, "%v comes back in UTC, not in %v", at.in, got.Location())
	}
}

func longIDs(ctx context.Context, p *probe) {
	stem := strings.Repeat("é", 63) + "i" // 127 bytes
	at := site{stem + "w", newID()}
	p.takeIn(ctx, at.arrival(1, "k"))
	p.same(p.fresh(ctx, site{stem + "x", at.channel}.arrival(1, "k")), []bool{true}, "whether a key is new in a workspace that differs in its last byte")
	queue := livedesk.TeamQueue(stem + "t")
	c := livedesk.Changes{
		Agents: []livedesk.Agent{{Workspace: at.workspace, ID: stem + "a"}, {Workspace: at.workspace, ID: stem + "b"}},
		Queues: []livedesk.Queue{{Workspace: at.workspace, ID: queue, Members: []livedesk.Member{{Agent: stem + "b"}}}},
		Objects: []livedesk.Object{
			{Workspace: at.workspace, Kind: "schedule", ID: stem + "a", Data: []byte("{}")},
			{Workspace: at.workspace, Kind: "schedule", ID: stem + "b", Data: []byte("[]")},
		},
		Jobs: []livedesk.JobChange{{Job: livedesk.Job{Workspace: at.workspace, Key: "presence:" + stem + "a", Kind: "presence", Due: origin}}},
	}
	p.apply(ctx, c)
	got := p.agents(ctx, at.workspace, stem+"b", stem+"a")
	p.that(got[0].ID == stem+"b" && got[1].ID == stem+"a", "the agents are kept apart")
	found := p.queues(ctx, livedesk.QueueQuery{Workspace: at.workspace, Agents: []string{stem + "b"}})
	p.that(len(found) == 1 && found[0].ID == queue, "the queue is found by its member")
	objs := p.objects(ctx, livedesk.ObjectQuery{Workspace: at.workspace, Kind: "schedule", IDs: []string{stem + "b"}})
	p.that(len(objs) == 1 && string(objs[0].Data) == "[]", "the objects are kept apart")
	jobs := p.claimJobs(ctx, 1, long)
	p.that(len(jobs) == 1 && jobs[0].Key == "presence:"+stem+"a", "the job is found")
}

func idsAreExact(ctx context.Context, p *probe) {
	names := []string{"ann", "Ann", "ann ", " ann", "e\u0301", "\u00e9", "a%", "a_", "ANN"}
	var rows []livedesk.Agent
	for i, id := range names {
		rows = append(rows, livedesk.Agent{Workspace: "acme", ID: id, Capacity: i})
	}
	p.apply(ctx, livedesk.Changes{Agents: rows})
	for i, a := range p.agents(ctx, "acme", names...) {
		p.that(a.ID == names[i] && a.Capacity == i, "agent %q is itself", names[i])
	}
	p.that(p.agents(ctx, "acme", "aNN")[0].ID == "", "another spelling finds nobody")
	p.that(p.agents(ctx, "Acme", "ann")[0].ID == "", "another spelling of the workspace finds nobody")
}
