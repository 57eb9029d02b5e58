package storetest

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

func conversationCases() []Case {
	return []Case{
		clause("a row of Version 0 is inserted and a row of the stored Version replaces it", conversationVersions),
		clause("a row of another Version is ErrConflict", conversationConflict),
		clause("a second row of one id is ErrExists", conversationExists),
		clause("a contact has at most one live conversation on a channel", oneLive),
		clause("other contacts, channels and workspaces have live ones of their own", liveScopes),
		clause("what is resolved makes room for another in the same Apply", liveHandedOver),
		clause("reopening beside a live one is ErrExists", liveReopened),
		clause("contacts are unique by address in a workspace", contactAddress),
		clause("unique keys are checked row by row in order, so that who gives one up stands before who takes it", uniqueInOrder),
		clause("a contact of another Version is ErrConflict, of a known id ErrExists", contactVersions),
	}
}

func conversationVersions(ctx context.Context, p *probe) {
	c := newConversation(p.meet(ctx, newSite(), 1, 2)[0])
	for v := range int64(4) {
		p.that(c.Version == v, "the version grows by one")
		p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
		c.Version++
		p.same(p.conversation(ctx, c.Workspace, c.ID), c, "the conversation")
		c.Unread++
	}
}

func conversationConflict(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
	p.is(p.tryApply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}}), livedesk.ErrConflict, "an Apply of an old version")
	c.Version = 9
	p.is(p.tryApply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}}), livedesk.ErrConflict, "an Apply of a version to come")
	c.ID = newID()
	c.State = livedesk.Resolved
	p.is(p.tryApply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}}), livedesk.ErrConflict, "an Apply of a row that isn't there")
}

func conversationExists(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	c.Version, c.State = 0, livedesk.Resolved
	p.is(p.tryApply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}}), livedesk.ErrExists, "an insert of a known id")
	p.that(p.conversation(ctx, c.Workspace, c.ID).State == livedesk.Open, "the stored row stays")
}

func oneLive(ctx context.Context, p *probe) {
	at := newSite()
	states := []livedesk.State{livedesk.Open, livedesk.Pending, livedesk.Snoozed}
	for n, first := range states {
		l := p.meet(ctx, at, n, n+1)[0]
		c := newConversation(l)
		c.State = first
		p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
		for _, second := range states {
			next := newConversation(l)
			next.State = second
			p.is(p.tryApply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{next}}), livedesk.ErrExists, "a second live conversation")
			p.that(p.conversation(ctx, next.Workspace, next.ID).ID == "", "the second one isn't stored")
		}
		done := newConversation(l)
		done.State = livedesk.Resolved
		p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{done}})
	}
	l := p.meet(ctx, at, 8, 9)[0]
	err := p.tryApply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{newConversation(l), newConversation(l)}})
	p.is(err, livedesk.ErrExists, "two live conversations in one Apply")
}

func liveScopes(ctx context.Context, p *probe) {
	at := newSite()
	p.talks(ctx, at, 1, 3)
	p.talk(ctx, site{at.workspace, newID()}, 1)
	p.talk(ctx, site{"beta", at.channel}, 1)
}

func liveHandedOver(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	c.State = livedesk.Resolved
	next := newConversation(p.threads(ctx, at.key(1))[0])
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c, next}})
	p.that(p.conversation(ctx, at.workspace, next.ID).State == livedesk.Open, "the next one is live")
}

func liveReopened(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	c.State = livedesk.Resolved
	next := newConversation(p.threads(ctx, at.key(1))[0])
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c, next}})
	c.Version++
	c.State = livedesk.Open
	p.is(p.tryApply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}}), livedesk.ErrExists, "reopening beside a live one")
	next.Version++
	next.State = livedesk.Resolved
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{next}})
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
}

func contactAddress(ctx context.Context, p *probe) {
	at := newSite()
	met := p.meet(ctx, at, 1, 3)
	moved := met[1].Contact
	moved.Address = met[0].Contact.Address
	p.is(p.tryApply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{moved}}), livedesk.ErrExists, "moving to an address that is taken")
	p.is(p.tryApply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{newContact(at.workspace, phone(1))}}), livedesk.ErrExists,
		"a second contact of an address")
	p.apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{newContact("beta", phone(1)), newContact(at.workspace, phone(7))}})
	p.same(p.threads(ctx, at.key(2))[0], met[1], "the thread")
}

func contactVersions(ctx context.Context, p *probe) {
	c := p.meet(ctx, newSite(), 1, 2)[0].Contact
	p.apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{c}})
	p.is(p.tryApply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{c}}), livedesk.ErrConflict, "an old version")
	c.Version, c.Address = 0, phone(9)
	p.is(p.tryApply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{c}}), livedesk.ErrExists, "an insert of a known id")
	absent := newContact(c.Workspace, phone(8))
	absent.Version = 1
	p.is(p.tryApply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{absent}}), livedesk.ErrConflict, "a change of a contact that isn't there")
}

func uniqueInOrder(ctx context.Context, p *probe) {
	rows := p.meet(ctx, newSite(), 1, 3)
	leaves, comes := rows[0].Contact, rows[1].Contact
	leaves.Address, comes.Address = phone(9), phone(1)
	p.is(p.tryApply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{comes, leaves}}), livedesk.ErrExists, "taking an address before it is given up")
	p.apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{leaves, comes}})
	got := p.contacts(ctx, leaves.Workspace, leaves.ID, comes.ID)
	p.that(got[0].Address == phone(9) && got[1].Address == phone(1), "the address went from one to the other")

	old := p.talk(ctx, newSite(), 1)
	fresh := old
	fresh.ID, fresh.Version, old.State = newID(), 0, livedesk.Resolved
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{old, fresh}})
}
