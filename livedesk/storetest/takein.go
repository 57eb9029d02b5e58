package storetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func takeInCases() []Case {
	return []Case{
		clause("reports a key as new once", takeInOnce),
		clause("of equal keys in one call the first is new", takeInTwins),
		clause("counts a key within its workspace and channel only", takeInScopes),
		clause("sees to it that contact and thread exist", takeInMakes),
		clause("makes contact and thread for a key that it knows too", takeInKnownKey),
		clause("leaves a contact whose address is known as it is", takeInKnownContact),
		clause("returns each arrival's thread as Threads does, in the order of the arrivals", takeInReturns),
		clause("returns the thread as it is now, also for a key that it knows", takeInNewest),
		clause("without a key an arrival is new when it made the contact", takeInKeyless),
		clause("makes one contact for one address in a workspace", takeInAddresses),
		clause("forgets the keys of a transaction that was rolled back", takeInRollback),
		clause("answers in the order of a long batch", takeInBatch),
		clause("answers nothing to nothing", takeInNothing),
	}
}

func takeInOnce(ctx context.Context, p *probe) {
	at := newSite()
	long := strings.Repeat("k", 64)
	for _, key := range []string{"SM1", long, "sm1", " SM1"} {
		p.same(p.fresh(ctx, at.arrival(1, key)), []bool{true}, "whether a key is new the first time")
		p.same(p.fresh(ctx, at.arrival(1, key)), []bool{false}, "whether a key is new the second time")
		p.same(p.fresh(ctx, at.arrival(2, key)), []bool{false}, "whether a key is new from another address")
	}
}

func takeInTwins(ctx context.Context, p *probe) {
	at := newSite()
	got := p.fresh(ctx, at.arrival(1, "a"), at.arrival(1, "a"), at.arrival(1, "b"), at.arrival(2, "a"), at.arrival(1, "b"))
	p.same(got, []bool{true, false, true, false, false}, "whether a, a, b, a, b are new")
}

func takeInScopes(ctx context.Context, p *probe) {
	at := newSite()
	other, foreign := site{at.workspace, newID()}, site{"beta", at.channel}
	got := p.fresh(ctx, at.arrival(1, "a"), other.arrival(1, "a"), foreign.arrival(1, "a"))
	p.same(got, []bool{true, true, true}, "whether a key is new on another channel and in another workspace")
	got = p.fresh(ctx, at.arrival(1, "a"), other.arrival(1, "a"), foreign.arrival(1, "a"))
	p.same(got, []bool{false, false, false}, "whether they are the second time")
	// Parts of a key must not run together.
	split, joined := site{"ab", "c" + at.channel}, site{"abc", at.channel}
	got = p.fresh(ctx, split.arrival(1, "x"), joined.arrival(1, "x"))
	p.same(got, []bool{true, true}, "whether a key is new in a workspace whose name is longer")
}

func takeInMakes(ctx context.Context, p *probe) {
	at := newSite()
	a := at.arrival(1, "k")
	var got []livedesk.Arrived
	var now time.Time
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		got, err = tx.TakeIn(ctx, []livedesk.Arrival{a, at.arrival(2, "")})
		now = tx.Now()
		return err
	})
	l := p.threads(ctx, at.key(1), at.key(2))
	p.that(l[0].Contact.ID != "" && l[1].Contact.ID != "" && l[0].Contact.ID != l[1].Contact.ID, "each contact has an id of its own")
	p.that(l[0].Contact.Version > 0 && l[0].Thread.Version > 0, "contact and thread have a version")
	want := a.NewContact(now)
	want.ID, want.Version = l[0].Contact.ID, l[0].Contact.Version
	p.same(l[0].Contact, want, "the contact")
	p.same(l[0].Thread, livedesk.Thread{
		Workspace: at.workspace, Channel: at.channel, Contact: want.ID, Version: l[0].Thread.Version,
	}, "the thread")
	p.that(l[0].Current == nil && l[0].Asked == nil, "a new thread has no conversation")
	p.same([]livedesk.LoadedThread{got[0].LoadedThread, got[1].LoadedThread}, l, "what TakeIn returned")
	p.same(p.contacts(ctx, at.workspace, want.ID)[0], want, "the contact by its id")
}

func takeInKnownKey(ctx context.Context, p *probe) {
	at := newSite()
	p.takeIn(ctx, at.arrival(1, "k"))
	p.takeIn(ctx, at.arrival(2, "k"))
	p.that(p.threads(ctx, at.key(2))[0].Contact.ID != "", "the second arrival's contact exists")
}

func takeInKnownContact(ctx context.Context, p *probe) {
	at := newSite()
	c := p.meet(ctx, at, 1, 2)[0].Contact
	c.Name, c.Country = "Zoe", "CA"
	p.apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{c}})
	c.Version++
	p.same(p.takeIn(ctx, at.arrival(1, "k"))[0].Contact, c, "the contact that TakeIn returns")
	p.same(p.threads(ctx, at.key(1))[0].Contact, c, "the contact")
}

func takeInReturns(ctx context.Context, p *probe) {
	at := newSite()
	other := site{at.workspace, newID()}
	p.talks(ctx, at, 0, 9)
	var batch []livedesk.Arrival
	var keys []livedesk.ThreadKey
	for i := range 40 { // nine with a conversation, some who are new, many of them often, and on two channels
		n := i * 7 % 13
		on := []site{at, other}[i%2]
		batch, keys = append(batch, on.arrival(n, fmt.Sprint("k", i/3))), append(keys, on.key(n))
	}
	for _, when := range []string{"the first", "the second"} {
		arrived := p.takeIn(ctx, batch...)
		for i, l := range p.threads(ctx, keys...) {
			p.same(arrived[i].LoadedThread, l, fmt.Sprintf("%s time, the thread of arrival %d", when, i))
		}
	}
}

func takeInNewest(ctx context.Context, p *probe) {
	at := newSite()
	p.that(p.takeIn(ctx, at.arrival(1, "k"))[0].Current == nil, "a new thread has no conversation")
	for i := range 3 {
		l := p.threads(ctx, at.key(1))[0]
		if l.Current == nil {
			l.Current = new(newConversation(l))
			l.Thread.Conversation = l.Current.ID
		}
		l.Thread.Automatic++
		l.Current.Unread++
		p.apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{l.Thread}, Conversations: []livedesk.Conversation{*l.Current}})
		for _, key := range []string{"k", fmt.Sprint("k", i), ""} {
			got := p.takeIn(ctx, at.arrival(1, key))[0]
			p.that(got.Thread.Automatic == i+1, "after %d changes the thread of key %q shows %d", i+1, key, got.Thread.Automatic)
			p.that(got.Current != nil && got.Current.Unread == i+1, "after %d changes the conversation of key %q shows them", i+1, key)
		}
	}
}

func takeInKeyless(ctx context.Context, p *probe) {
	at := newSite()
	other := site{at.workspace, newID()}
	got := p.fresh(ctx, at.arrival(1, ""), at.arrival(1, ""), other.arrival(1, ""), at.arrival(2, ""))
	p.same(got, []bool{true, false, false, true}, "whether keyless arrivals are new")
	p.same(p.fresh(ctx, at.arrival(1, "")), []bool{false}, "whether one is the second time")
	p.that(p.threads(ctx, other.key(1))[0].Thread.Version > 0, "the thread on the other channel exists")
}

func takeInAddresses(ctx context.Context, p *probe) {
	at := newSite()
	other, foreign := site{at.workspace, newID()}, site{"beta", at.channel}
	p.takeIn(ctx, at.arrival(1, "a"), at.arrival(1, "b"), other.arrival(1, "c"), foreign.arrival(1, "d"))
	l := p.threads(ctx, at.key(1), other.key(1), foreign.key(1))
	p.that(l[0].Contact.ID == l[1].Contact.ID, "two channels of a workspace share the contact")
	p.that(l[0].Thread.Channel != l[1].Thread.Channel, "each channel has its own thread")
	p.that(l[0].Contact.ID != l[2].Contact.ID, "another workspace has its own contact")
	upper, lower := at.arrival(3, "e"), at.arrival(3, "f")
	upper.Address, lower.Address = "AMAZON", "amazon"
	got := p.takeIn(ctx, upper, lower)
	p.that(got[0].Contact.ID != got[1].Contact.ID, "addresses compare byte by byte")
	p.that(got[0].Contact.Address == "AMAZON" && got[1].Contact.Address == "amazon", "each contact has its own address")
}

func takeInRollback(ctx context.Context, p *probe) {
	at := newSite()
	p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(1, "k")})
		return err
	})
	p.that(p.threads(ctx, at.key(1))[0].Contact.ID == "", "no contact is left")
	p.same(p.fresh(ctx, at.arrival(1, "k")), []bool{true}, "whether the key is new afterwards")
}

func takeInBatch(ctx context.Context, p *probe) {
	at := newSite()
	var batch []livedesk.Arrival
	var want []bool
	for i := range 500 {
		batch = append(batch, at.arrival(i%37, fmt.Sprint("k", i/2)))
		want = append(want, i%2 == 0)
	}
	p.same(p.fresh(ctx, batch...), want, "whether the keys of a batch are new")
	var keys []livedesk.ThreadKey
	for i := range 37 {
		keys = append(keys, at.key(i))
	}
	for i, l := range p.threads(ctx, keys...) {
		p.that(l.Contact.Address == phone(i), "thread %d stands in its place", i)
	}
}

func takeInNothing(ctx context.Context, p *probe) {
	p.that(len(p.takeIn(ctx)) == 0, "no answers to no arrivals")
}
