package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func consentCases() []Case {
	return []Case{
		clause("a ledger comes back as it was written", ledgerComesBack),
		clause("list the threads that have a change of consent, and no other", consentsListed),
		clause("select by workspace, channel and contact, and by all together", consentsSelected),
		clause("can be paged without a gap or a repetition, in the order of channel and contact", consentsPaged),
		clause("have no more than Limit", consentsLimit),
		clause("are copies", consentsCopied),
		clause("are read inside the transaction that locked threads, and lock nothing themselves", consentsUnlocked),
	}
}

func (p *probe) consents(ctx context.Context, q livedesk.ConsentQuery) (out []livedesk.Thread) {
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		out, err = tx.Consents(ctx, q)
		return err
	})
	return out
}

// fullLedger is a history with every field in use.
func fullLedger() []livedesk.ConsentChange {
	return []livedesk.ConsentChange{
		{OptedOut: true, At: origin, Source: livedesk.ConsentByKeyword, Keyword: "ARRET", Language: "fr-CA", Everywhere: true},
		{At: origin.Add(time.Microsecond), Source: livedesk.ConsentByAgent, By: livedesk.AgentActor("zoë"), Cause: "« au téléphone »"},
		{OptedOut: true, At: origin.Add(time.Hour), Source: livedesk.ConsentByCarrier, Code: "21610", From: newID(), Refused: 3,
			LastRefused: origin.Add(2 * time.Hour)},
	}
}

// optOut writes a thread that has opted out, and returns it as it is stored.
func (p *probe) optOut(ctx context.Context, th livedesk.Thread) livedesk.Thread {
	h := fullLedger()
	last := h[len(h)-1]
	th.ConsentHistory, th.ConsentDropped = h, 1<<40
	th.Consent = livedesk.ConsentState{OptedOut: true, Since: last.At, Source: last.Source}
	p.apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{th}})
	th.Version++
	return th
}

func ledgerComesBack(ctx context.Context, p *probe) {
	at := newSite()
	p.meet(ctx, at, 1, 2)
	p.talk(ctx, at, 1)
	th := p.optOut(ctx, p.threads(ctx, at.key(1))[0].Thread)
	p.same(p.threads(ctx, at.key(1))[0].Thread, th, "the thread by address")
	p.same(p.threads(ctx, livedesk.ThreadKey{Workspace: at.workspace, Conversation: th.Conversation})[0].Thread, th, "the thread by conversation")
	p.same(p.takeIn(ctx, at.arrival(1, "k"))[0].Thread, th, "the thread of an arrival")
	th.ConsentHistory, th.ConsentDropped = nil, 0
	p.apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{th}})
	th.Version++
	p.same(p.threads(ctx, at.key(1))[0].Thread, th, "the thread without its history")
}

// ledger stores threads on several channels and in two workspaces, every third with a change of consent, and returns those
// of "acme" in the order of the list.
func (p *probe) ledger(ctx context.Context) (all []livedesk.Thread, sites []site) {
	sites = []site{newSite(), newSite(), newSite()}
	for s, at := range append(slices.Clone(sites), site{"beta", sites[0].channel}) {
		for i, l := range p.meet(ctx, at, 0, 12) {
			if i%3 != s%3 {
				continue
			}
			if th := p.optOut(ctx, l.Thread); at.workspace == "acme" {
				all = append(all, th)
			}
		}
	}
	slices.SortFunc(all, func(a, b livedesk.Thread) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Contact, b.Contact))
	})
	return all, sites
}

func consentsListed(ctx context.Context, p *probe) {
	all, sites := p.ledger(ctx)
	q := livedesk.ConsentQuery{Workspace: "acme", Limit: 1000}
	p.same(p.consents(ctx, q), all, "the ledger")
	back := all[1] // an opt-in is a change too
	back.Consent = livedesk.ConsentState{Since: origin, Source: livedesk.ConsentByKeyword, Keyword: "START"}
	p.apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{back}})
	back.Version++
	all[1] = back
	p.same(p.consents(ctx, q), all, "the ledger after a START")
	none := all[2] // whoever gives up a change of consent
	none.Consent, none.ConsentHistory, none.ConsentDropped = livedesk.ConsentState{}, nil, 0
	p.apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{none}})
	p.same(p.consents(ctx, q), slices.Delete(all, 2, 3), "the ledger without what was taken out of it")
	p.that(len(p.threads(ctx, sites[0].key(0), sites[1].key(0))) == 2, "threads without consent are where they were")
}

func consentsSelected(ctx context.Context, p *probe) {
	all, sites := p.ledger(ctx)
	for name, q := range map[string]livedesk.ConsentQuery{
		"of a channel":                 {Channel: sites[1].channel},
		"of an unknown channel":        {Channel: newID()},
		"of a contact":                 {Contact: all[0].Contact},
		"of an unknown contact":        {Contact: newID()},
		"of a contact on a channel":    {Contact: all[0].Contact, Channel: all[0].Channel},
		"of a contact on another":      {Contact: all[0].Contact, Channel: newID()},
		"of a channel behind another":  {Channel: sites[1].channel, AfterChannel: sites[0].channel, AfterContact: "x"},
		"of a channel behind the mark": {Channel: sites[0].channel, AfterChannel: sites[1].channel},
		"of a contact behind the mark": {Contact: all[0].Contact, AfterChannel: all[0].Channel, AfterContact: all[0].Contact},
	} {
		q.Workspace, q.Limit = "acme", 1000
		var want []livedesk.Thread
		for _, th := range all {
			after := cmp.Or(cmp.Compare(q.AfterChannel, th.Channel), cmp.Compare(q.AfterContact, th.Contact)) < 0
			if (q.Channel == "" || th.Channel == q.Channel) && (q.Contact == "" || th.Contact == q.Contact) && after {
				want = append(want, th)
			}
		}
		p.same(p.consents(ctx, q), want, "the ledger "+name)
	}
	p.that(len(p.consents(ctx, livedesk.ConsentQuery{Workspace: "beta", Limit: 9})) == 4, "another workspace has its own ledger")
}

func consentsPaged(ctx context.Context, p *probe) {
	all, sites := p.ledger(ctx)
	for _, only := range []string{"", sites[2].channel} {
		for limit := 1; limit < 6; limit++ {
			q := livedesk.ConsentQuery{Workspace: "acme", Channel: only, Limit: limit}
			var got, want []livedesk.Thread
			for _, th := range all {
				if only == "" || th.Channel == only {
					want = append(want, th)
				}
			}
			for range len(all) + 1 {
				page := p.consents(ctx, q)
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
				last := page[len(page)-1]
				q.AfterChannel, q.AfterContact = last.Channel, last.Contact
			}
			p.same(got, want, fmt.Sprintf("the ledger in pages of %d", limit))
		}
	}
}

func consentsLimit(ctx context.Context, p *probe) {
	all, _ := p.ledger(ctx)
	p.same(p.consents(ctx, livedesk.ConsentQuery{Workspace: "acme", Limit: 3}), all[:3], "a page of 3")
	p.same(p.consents(ctx, livedesk.ConsentQuery{Workspace: "acme", Contact: all[0].Contact, Limit: 1}), all[:1], "a page of 1")
}

func consentsCopied(ctx context.Context, p *probe) {
	all, sites := p.ledger(ctx)
	q := livedesk.ConsentQuery{Workspace: "acme", Limit: 1000}
	p.consents(ctx, q)[0].ConsentHistory[0].Code = "scrawl"
	p.same(p.consents(ctx, q), all, "the ledger after the caller wrote over what it was given")
	twins := p.threads(ctx, sites[0].key(0), sites[0].key(0))
	before := snapshot(twins[1])
	twins[0].Thread.ConsentHistory[0].Code = "scrawl"
	p.same(twins[1], before, "the second of two equal threads")
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		given := snapshot(all[0])
		err := tx.Apply(ctx, livedesk.Changes{Threads: []livedesk.Thread{given}})
		given.ConsentHistory[0].Code = "scrawl"
		return err
	})
	all[0].Version++
	p.same(p.consents(ctx, q), all, "the ledger after the caller wrote over what it gave")
}

func consentsUnlocked(ctx context.Context, p *probe) {
	all, sites := p.ledger(ctx)
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		if _, err := tx.TakeIn(ctx, []livedesk.Arrival{sites[0].arrival(0, "")}); err != nil {
			return err
		}
		got, err := tx.Consents(ctx, livedesk.ConsentQuery{Workspace: "acme", Contact: all[0].Contact, Limit: 9})
		if err == nil && (len(got) == 0 || got[0].Contact != all[0].Contact) {
			err = fmt.Errorf("%d threads are found", len(got))
		}
		return err
	})
}
