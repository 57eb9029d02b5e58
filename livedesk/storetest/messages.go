package storetest

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

func messageCases() []Case {
	return []Case{
		clause("are found by id, by carrier's id and by key, in the order of the keys", messagesFound),
		clause("a carrier's id finds outgoing messages only", incomingNotFound),
		clause("are unique by place in the conversation", messageSeq),
		clause("are unique by key in the conversation", messageKey),
		clause("are unique by carrier's id among a channel's outgoing ones", messageProviderID),
		clause("a row of another Version is ErrConflict, of a known id ErrExists", messageVersions),
	}
}

func messagesFound(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	out := outgoing(c, 1, p.now(ctx))
	out.Key, out.ProviderID = "k", "SM1"
	in := incoming(c, 2)
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{out, in}})
	got := messageIDs(p.messages(ctx,
		livedesk.MessageKey{Workspace: at.workspace, Conversation: c.ID, Key: "k"},
		livedesk.MessageKey{Workspace: at.workspace, ID: newID()},
		livedesk.MessageKey{Workspace: at.workspace, ID: in.ID},
		livedesk.MessageKey{Workspace: at.workspace, Channel: at.channel, ProviderID: "SM1"},
		livedesk.MessageKey{Workspace: at.workspace, Channel: newID(), ProviderID: "SM1"},
		livedesk.MessageKey{Workspace: at.workspace, Conversation: newID(), Key: "k"},
		livedesk.MessageKey{Workspace: at.workspace, ID: in.ID},
	))
	p.same(got, []string{out.ID, "", in.ID, out.ID, "", "", in.ID}, "the ids found")
}

func incomingNotFound(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	in := incoming(c, 1)
	in.ProviderID = "SM1"
	key := livedesk.MessageKey{Workspace: at.workspace, Channel: at.channel, ProviderID: "SM1"}
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{in}})
	p.that(p.messages(ctx, key)[0].ID == "", "an incoming message isn't found by the carrier's id")
	out := outgoing(c, 2, p.now(ctx))
	out.ProviderID = "SM1"
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{out}})
	p.that(p.messages(ctx, key)[0].ID == out.ID, "the outgoing one of the same id is")
}

func messageSeq(ctx context.Context, p *probe) {
	at := newSite()
	rows := p.talks(ctx, at, 1, 3)
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{incoming(rows[0], 1), incoming(rows[0], 2), incoming(rows[1], 1)}})
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{incoming(rows[0], 2)}}), livedesk.ErrExists, "a second entry of a place")
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{incoming(rows[0], 3), incoming(rows[0], 3)}}), livedesk.ErrExists,
		"two entries of a place in one Apply")
}

func messageKey(ctx context.Context, p *probe) {
	at := newSite()
	rows := p.talks(ctx, at, 1, 3)
	keyed := func(c livedesk.Conversation, seq int64) livedesk.Message {
		m := incoming(c, seq)
		m.Key = "greeting:1"
		return m
	}
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{keyed(rows[0], 1), keyed(rows[1], 1)}})
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{keyed(rows[0], 2)}}), livedesk.ErrExists, "a second message of a key")
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{incoming(rows[0], 2), incoming(rows[0], 3)}}) // many without a key
}

func messageProviderID(ctx context.Context, p *probe) {
	at := newSite()
	other, foreign := site{at.workspace, newID()}, site{"beta", at.channel}
	a, b, c := p.talk(ctx, at, 1), p.talk(ctx, other, 1), p.talk(ctx, foreign, 1)
	d := p.talk(ctx, at, 2)
	carried := func(c livedesk.Conversation, seq int64) livedesk.Message {
		m := outgoing(c, seq, origin)
		m.ProviderID = "SM1"
		return m
	}
	in := incoming(a, 2)
	in.ProviderID = "SM1"
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{carried(a, 1), carried(b, 1), carried(c, 1), in}})
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{carried(d, 1)}}), livedesk.ErrExists, "a second text of a carrier's id")
	plain := outgoing(d, 1, origin)
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{plain, outgoing(d, 2, origin)}}) // many without
	plain.Version, plain.ProviderID = 1, "SM1"
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{plain}}), livedesk.ErrExists, "giving a text the id of another")
}

func messageVersions(ctx context.Context, p *probe) {
	c := p.talk(ctx, newSite(), 1)
	m := incoming(c, 1)
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}})
	twin := incoming(c, 2)
	twin.ID = m.ID
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{twin}}), livedesk.ErrExists, "an insert of a known id")
	m.Version = 1
	p.apply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}})
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}}), livedesk.ErrConflict, "an old version")
	m.ID, m.Seq = newID(), 3
	p.is(p.tryApply(ctx, livedesk.Changes{Messages: []livedesk.Message{m}}), livedesk.ErrConflict, "a change of a message that isn't there")
}
