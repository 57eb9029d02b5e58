package storetest

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func threadCases() []Case {
	return []Case{
		clause("stand in the order of the keys, and what doesn't exist is zero", threadsInOrder),
		clause("a contact without a thread on the channel is zero too", threadOnOtherChannel),
		clause("bring the conversation that the thread names", threadBringsCurrent),
		clause("a key by conversation brings the one asked for and the current one", threadByConversation),
		clause("a key of another workspace finds nothing", threadOfOthers),
		clause("a change raises the version by one", threadVersion),
		clause("a change of another version is ErrConflict", threadConflict),
		clause("are never inserted by Apply", threadNeverInserted),
	}
}

func threadsInOrder(ctx context.Context, p *probe) {
	at := newSite()
	met := p.meet(ctx, at, 1, 4)
	got := p.threads(ctx, at.key(3), at.key(9), at.key(1), at.key(3), at.key(2))
	p.same(got, []livedesk.LoadedThread{met[2], {}, met[0], met[2], met[1]}, "the threads")
}

func threadOnOtherChannel(ctx context.Context, p *probe) {
	at := newSite()
	p.meet(ctx, at, 1, 2)
	other := site{at.workspace, newID()}
	p.same(p.threads(ctx, other.key(1))[0], livedesk.LoadedThread{}, "the thread on a channel that the contact never used")
}

func threadBringsCurrent(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	l := p.threads(ctx, at.key(1))[0]
	p.that(l.Current != nil && l.Asked == nil, "Current is set and Asked is not")
	p.same(*l.Current, c, "the current conversation")
	c.State = livedesk.Resolved
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
	l = p.threads(ctx, at.key(1))[0]
	p.that(l.Current != nil && l.Current.State == livedesk.Resolved, "the last conversation stays current")
}

func threadByConversation(ctx context.Context, p *probe) {
	at := newSite()
	old := p.talk(ctx, at, 1)
	old.State = livedesk.Resolved
	l := p.threads(ctx, at.key(1))[0]
	next := newConversation(l)
	l.Thread.Conversation = next.ID
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{old, next}, Threads: []livedesk.Thread{l.Thread}})
	old.Version++
	next.Version++
	got := p.threads(ctx,
		livedesk.ThreadKey{Workspace: at.workspace, Conversation: old.ID},
		livedesk.ThreadKey{Workspace: at.workspace, Conversation: newID()},
		livedesk.ThreadKey{Workspace: at.workspace, Conversation: next.ID})
	for _, i := range []int{0, 2} {
		p.that(got[i].Contact.ID == l.Contact.ID && got[i].Thread.Version > 0, "key %d finds the thread", i)
		p.that(got[i].Current != nil && got[i].Asked != nil, "key %d has Current and Asked", i)
		p.same(*got[i].Current, next, "the current conversation")
	}
	p.same(*got[0].Asked, old, "the conversation asked for")
	p.same(*got[2].Asked, next, "the conversation asked for")
	p.same(got[1], livedesk.LoadedThread{}, "the thread of an unknown conversation")
}

func threadOfOthers(ctx context.Context, p *probe) {
	at := newSite()
	c := p.talk(ctx, at, 1)
	foreign := site{"beta", at.channel}
	got := p.threads(ctx, foreign.key(1), livedesk.ThreadKey{Workspace: "beta", Conversation: c.ID})
	p.same(got, []livedesk.LoadedThread{{}, {}}, "the threads of another workspace")
}

func threadVersion(ctx context.Context, p *probe) {
	at := newSite()
	th := p.meet(ctx, at, 1, 2)[0].Thread
	for range 3 {
		th.Automatic++
		th.AINext = origin.Add(time.Duration(th.Automatic) * time.Microsecond)
		th.Consent = livedesk.ConsentState{OptedOut: true, Since: origin, Source: "keyword", Keyword: "stop"}
		p.apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{th}})
		th.Version++
		p.same(p.threads(ctx, at.key(1))[0].Thread, th, "the thread")
	}
}

func threadConflict(ctx context.Context, p *probe) {
	at := newSite()
	th := p.meet(ctx, at, 1, 2)[0].Thread
	p.apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{th}})
	p.is(p.tryApply(ctx, livedesk.Changes{Threads: []livedesk.Thread{th}}), livedesk.ErrConflict, "an Apply of an old thread")
	th.Version += 2
	p.is(p.tryApply(ctx, livedesk.Changes{Threads: []livedesk.Thread{th}}), livedesk.ErrConflict, "an Apply of a thread that is yet to come")
}

func threadNeverInserted(ctx context.Context, p *probe) {
	at := newSite()
	th := p.meet(ctx, at, 1, 2)[0].Thread
	th.Channel, th.Version = newID(), 0
	p.is(p.tryApply(ctx, livedesk.Changes{Threads: []livedesk.Thread{th}}), livedesk.ErrConflict, "an Apply of a thread that TakeIn didn't make")
}
