package storetest

import (
	"context"
	"fmt"
	"strings"

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
		p.same(p.takeIn(ctx, at.arrival(1, key)), []bool{true}, "whether a key is new the first time")
		p.same(p.takeIn(ctx, at.arrival(1, key)), []bool{false}, "whether a key is new the second time")
		p.same(p.takeIn(ctx, at.arrival(2, key)), []bool{false}, "whether a key is new from another address")
	}
}

func takeInTwins(ctx context.Context, p *probe) {
	at := newSite()
	got := p.takeIn(ctx, at.arrival(1, "a"), at.arrival(1, "a"), at.arrival(1, "b"), at.arrival(2, "a"), at.arrival(1, "b"))
	p.same(got, []bool{true, false, true, false, false}, "whether a, a, b, a, b are new")
}

func takeInScopes(ctx context.Context, p *probe) {
	at := newSite()
	other, foreign := site{at.workspace, newID()}, site{"beta", at.channel}
	got := p.takeIn(ctx, at.arrival(1, "a"), other.arrival(1, "a"), foreign.arrival(1, "a"))
	p.same(got, []bool{true, true, true}, "whether a key is new on another channel and in another workspace")
	got = p.takeIn(ctx, at.arrival(1, "a"), other.arrival(1, "a"), foreign.arrival(1, "a"))
	p.same(got, []bool{false, false, false}, "whether they are the second time")
	// Parts of a key must not run together.
	split, joined := site{"ab", "c" + at.channel}, site{"abc", at.channel}
	got = p.takeIn(ctx, split.arrival(1, "x"), joined.arrival(1, "x"))
	p.same(got, []bool{true, true}, "whether a key is new in a workspace whose name is longer")
}

func takeInMakes(ctx context.Context, p *probe) {
	at := newSite()
	a := at.arrival(1, "k")
	a.Contact.Name, a.Contact.Country, a.Contact.Labels = "Zoe", "US", []string{"vip"}
	p.takeIn(ctx, a)
	l := p.threads(ctx, at.key(1))[0]
	p.that(l.Contact.Version > 0 && l.Thread.Version > 0, "contact and thread have a version")
	want := a.Contact
	want.Version = l.Contact.Version
	p.same(l.Contact, want, "the contact")
	p.same(l.Thread, livedesk.Thread{
		Workspace: at.workspace, Channel: at.channel, Contact: a.Contact.ID, Version: l.Thread.Version,
	}, "the thread")
	p.that(l.Current == nil && l.Asked == nil, "a new thread has no conversation")
}

func takeInKnownKey(ctx context.Context, p *probe) {
	at := newSite()
	p.takeIn(ctx, at.arrival(1, "k"))
	p.takeIn(ctx, at.arrival(2, "k"))
	p.that(p.threads(ctx, at.key(2))[0].Contact.ID != "", "the second arrival's contact exists")
}

func takeInKnownContact(ctx context.Context, p *probe) {
	at := newSite()
	first := p.meet(ctx, at, 1, 2)[0]
	again := at.arrival(1, "k")
	again.Contact.Name = "somebody else"
	p.takeIn(ctx, again)
	p.same(p.threads(ctx, at.key(1))[0], first, "the thread")
	p.that(p.contacts(ctx, at.workspace, again.Contact.ID)[0].ID == "", "the arrival's contact isn't stored")
}

func takeInKeyless(ctx context.Context, p *probe) {
	at := newSite()
	other := site{at.workspace, newID()}
	got := p.takeIn(ctx, at.arrival(1, ""), at.arrival(1, ""), other.arrival(1, ""), at.arrival(2, ""))
	p.same(got, []bool{true, false, false, true}, "whether keyless arrivals are new")
	p.same(p.takeIn(ctx, at.arrival(1, "")), []bool{false}, "whether one is the second time")
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
	upper.Contact.Address, lower.Contact.Address = "AMAZON", "amazon"
	p.takeIn(ctx, upper, lower)
	rows := p.contacts(ctx, at.workspace, upper.Contact.ID, lower.Contact.ID)
	p.that(rows[0].ID != "" && rows[1].ID != "", "addresses compare byte by byte")
}

func takeInRollback(ctx context.Context, p *probe) {
	at := newSite()
	p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		_, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(1, "k")})
		return err
	})
	p.that(p.threads(ctx, at.key(1))[0].Contact.ID == "", "no contact is left")
	p.same(p.takeIn(ctx, at.arrival(1, "k")), []bool{true}, "whether the key is new afterwards")
}

func takeInBatch(ctx context.Context, p *probe) {
	at := newSite()
	var batch []livedesk.Arrival
	var want []bool
	for i := range 500 {
		batch = append(batch, at.arrival(i%37, fmt.Sprint("k", i/2)))
		want = append(want, i%2 == 0)
	}
	p.same(p.takeIn(ctx, batch...), want, "whether the keys of a batch are new")
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
