package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func listCases() []Case {
	return []Case{
		clause("select by each condition and by all together", listFilters),
		clause("come by latest activity, newest first", listActivity),
		clause("come by longest waiting, oldest first, only those who wait", listWaiting),
		clause("have of equal times the higher id first in LatestActivity, the lower in LongestWaiting", listTies),
		clause("can be paged without a gap or a repetition, also among equal times", listPages),
		clause("go on behind a mark whose conversation is gone", listForeignMark),
		clause("by id come in the order of ID, and leave out what isn't there", listByID),
		clause("have no more than Limit", listLimit),
		clause("follow a change", listFollows),
		clause("counts are those of a recount", listCounts),
	}
}

// inbox stores conversations of every kind on two channels and returns them as they are stored. Times come in few
// values, so that many are equal.
func (p *probe) inbox(ctx context.Context) (rows []livedesk.Conversation, channels []site) {
	channels = []site{newSite(), newSite()}
	states := []livedesk.State{livedesk.Open, livedesk.Pending, livedesk.Snoozed, livedesk.Resolved, livedesk.Open}
	agents := []string{"", "ann", "ben"}
	for s, at := range channels {
		rows = append(rows, p.talksAs(ctx, at, 0, 60, func(n int, c *livedesk.Conversation) {
			c.State, c.Assignee = states[n%5], agents[n/5%3]
			c.ActiveAt = origin.Add(time.Duration(n*11%7) * time.Microsecond)
			if n%2 == s {
				c.Unread = n%3 + 1
			}
			if n%3 != 0 {
				c.WaitingSince = origin.Add(time.Duration(n*5%4) * time.Microsecond)
			}
		})...)
	}
	p.talks(ctx, site{"beta", channels[0].channel}, 0, 10)
	return rows, channels
}

// fits is the oracle of a query's conditions.
func fits(q livedesk.ConversationQuery, c livedesk.Conversation) bool {
	switch {
	case len(q.States) > 0 && !slices.Contains(q.States, c.State), q.Channel != "" && c.Channel != q.Channel,
		q.Contact != "" && c.Contact != q.Contact, q.Assignee != "" && c.Assignee != q.Assignee,
		q.Unassigned && c.Assignee != "", q.Unread && c.Unread == 0,
		q.Order == livedesk.LongestWaiting && c.WaitingSince.IsZero():
		return false
	}
	return true
}

func sortedIDs(rows []livedesk.Conversation) []string {
	out := idsOf(rows)
	slices.Sort(out)
	return out
}

// queries are all conditions, one by one and together.
func queries(rows []livedesk.Conversation, channels []site) map[string]livedesk.ConversationQuery {
	live := []livedesk.State{livedesk.Open, livedesk.Pending, livedesk.Snoozed}
	return map[string]livedesk.ConversationQuery{
		"all":                {},
		"open":               {States: live[:1]},
		"resolved":           {States: []livedesk.State{livedesk.Resolved}},
		"live":               {States: live},
		"a state twice":      {States: []livedesk.State{livedesk.Open, livedesk.Open}},
		"channel":            {Channel: channels[1].channel},
		"unknown channel":    {Channel: newID()},
		"contact":            {Contact: rows[7].Contact},
		"agent":              {Assignee: "ann"},
		"unknown agent":      {Assignee: "zoe"},
		"nobody's":           {Unassigned: true},
		"unread":             {Unread: true},
		"open of an agent":   {States: live[:1], Assignee: "ben"},
		"open and nobody's":  {States: live[:1], Unassigned: true},
		"unread of an agent": {Unread: true, Assignee: "ann"},
		"nobody's and ann's": {Unassigned: true, Assignee: "ann"},
		"everything at once": {States: live, Channel: channels[0].channel, Assignee: "ann", Unread: true},
		"contact elsewhere":  {Contact: rows[7].Contact, Channel: channels[1].channel},
	}
}

func listFilters(ctx context.Context, p *probe) {
	rows, channels := p.inbox(ctx)
	for name, q := range queries(rows, channels) {
		for _, order := range []livedesk.Order{livedesk.LatestActivity, livedesk.LongestWaiting} {
			q.Workspace, q.Order, q.Limit = "acme", order, 1000
			var want []string
			for _, c := range rows {
				if fits(q, c) {
					want = append(want, c.ID)
				}
			}
			slices.Sort(want)
			p.same(sortedIDs(p.list(ctx, q)), want, fmt.Sprintf("the list of %s in order %q", name, order))
		}
	}
}

func listActivity(ctx context.Context, p *probe) {
	p.inbox(ctx)
	got := p.list(ctx, livedesk.ConversationQuery{Workspace: "acme", Limit: 1000})
	p.that(len(got) == 120, "all are listed, not %d", len(got))
	for i := range got[1:] {
		p.that(!got[i].ActiveAt.Before(got[i+1].ActiveAt), "place %d is active later than the next", i)
	}
}

func listWaiting(ctx context.Context, p *probe) {
	p.inbox(ctx)
	got := p.list(ctx, livedesk.ConversationQuery{Workspace: "acme", Order: livedesk.LongestWaiting, Limit: 1000})
	p.that(len(got) == 80, "all who wait are listed, not %d", len(got))
	for i := range got[1:] {
		p.that(!got[i].WaitingSince.After(got[i+1].WaitingSince), "place %d waits longer than the next", i)
	}
}

func listTies(ctx context.Context, p *probe) {
	p.inbox(ctx)
	got := p.list(ctx, livedesk.ConversationQuery{Workspace: "acme", Limit: 1000})
	for i := range got[1:] {
		p.that(!got[i].ActiveAt.Equal(got[i+1].ActiveAt) || got[i].ID > got[i+1].ID, "place %d by activity has a higher id than the next", i)
	}
	got = p.list(ctx, livedesk.ConversationQuery{Workspace: "acme", Order: livedesk.LongestWaiting, Limit: 1000})
	for i := range got[1:] {
		p.that(!got[i].WaitingSince.Equal(got[i+1].WaitingSince) || got[i].ID < got[i+1].ID, "place %d by waiting has a lower id than the next", i)
	}
}

// pages reads a list page by page.
func (p *probe) pages(ctx context.Context, q livedesk.ConversationQuery) (out []livedesk.Conversation) {
	for range 200 {
		page := p.list(ctx, q)
		if len(page) == 0 {
			return out
		}
		out = append(out, page...)
		last := page[len(page)-1]
		q.After = &livedesk.Mark{At: last.ActiveAt, ID: last.ID}
		if q.Order == livedesk.LongestWaiting {
			q.After.At = last.WaitingSince
		}
	}
	p.must(fmt.Errorf("a list of 120 doesn't end after 200 pages"), "page")
	return nil
}

func listPages(ctx context.Context, p *probe) {
	rows, channels := p.inbox(ctx)
	for name, q := range queries(rows, channels) {
		for _, order := range []livedesk.Order{livedesk.LatestActivity, livedesk.LongestWaiting} {
			q.Workspace, q.Order, q.Limit = "acme", order, 1000
			whole := idsOf(p.list(ctx, q))
			for _, q.Limit = range []int{3, 8} {
				p.same(idsOf(p.pages(ctx, q)), whole, fmt.Sprintf("%s in order %q by pages of %d", name, order, q.Limit))
			}
		}
	}
}

func listForeignMark(ctx context.Context, p *probe) {
	p.inbox(ctx)
	q := livedesk.ConversationQuery{Workspace: "acme", Limit: 1000, After: &livedesk.Mark{
		At: origin.Add(3 * time.Microsecond), ID: "ffffffff-ffff-7fff-bfff-ffffffffffff",
	}}
	high := p.list(ctx, q)
	q.After.ID = "00000000-0000-7000-8000-000000000000"
	low := p.list(ctx, q)
	equal, behind := 0, 0
	for _, c := range p.list(ctx, livedesk.ConversationQuery{Workspace: "acme", Limit: 1000}) {
		if c.ActiveAt.Equal(q.After.At) {
			equal++
		} else if c.ActiveAt.Before(q.After.At) {
			behind++
		}
	}
	p.same([]int{len(low), len(high)}, []int{behind, behind + equal}, "how many come behind a mark that is none of theirs")
}

func listByID(ctx context.Context, p *probe) {
	rows, channels := p.inbox(ctx)
	asked := []string{rows[70].ID, newID(), rows[3].ID, rows[70].ID, rows[0].ID}
	q := livedesk.ConversationQuery{Workspace: "acme", IDs: asked, Order: livedesk.LongestWaiting, After: &livedesk.Mark{At: origin, ID: rows[50].ID}}
	want := []string{rows[0].ID, rows[3].ID, rows[70].ID}
	slices.Sort(want)
	p.same(idsOf(p.list(ctx, q)), want, "three by id")
	q.Channel = channels[1].channel
	p.same(idsOf(p.list(ctx, q)), []string{rows[70].ID}, "those of one channel among them")
	q.Channel, q.Workspace = "", "beta"
	p.that(len(p.list(ctx, q)) == 0, "another workspace has none of them")
}

func listLimit(ctx context.Context, p *probe) {
	p.inbox(ctx)
	for _, limit := range []int{1, 119, 120, 1000} {
		got := p.list(ctx, livedesk.ConversationQuery{Workspace: "acme", Limit: limit})
		p.that(len(got) == min(limit, 120), "of %d at most there are %d", limit, len(got))
	}
}

func listFollows(ctx context.Context, p *probe) {
	rows, _ := p.inbox(ctx)
	c := rows[1]
	c.ActiveAt, c.Assignee, c.Unread, c.State = origin.Add(time.Hour), "zoe", 0, livedesk.Resolved
	p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{c}})
	c.Version++
	p.same(p.list(ctx, livedesk.ConversationQuery{Workspace: "acme", Limit: 1}), []livedesk.Conversation{c}, "the latest active one")
	p.same(p.list(ctx, livedesk.ConversationQuery{Workspace: "acme", Assignee: "zoe", Limit: 9}), []livedesk.Conversation{c}, "what zoe has")
	rows[1] = c
	for _, q := range []livedesk.ConversationQuery{{Unread: true}, {States: []livedesk.State{livedesk.Resolved}}, {Channel: c.Channel}} {
		q.Workspace, q.Limit = "acme", 1000
		want := 0
		for _, r := range rows {
			if fits(q, r) {
				want++
			}
		}
		p.that(len(p.list(ctx, q)) == want, "%d are listed", want)
	}
}

func listCounts(ctx context.Context, p *probe) {
	rows, channels := p.inbox(ctx)
	check := func() {
		for _, q := range []livedesk.CountQuery{
			{}, {Agent: "ann"}, {Agent: "zoe"}, {Channel: channels[0].channel}, {Channel: channels[1].channel, Agent: "ben"}, {Channel: newID(), Agent: "ann"},
		} {
			q.Workspace = "acme"
			var got livedesk.Counts
			p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) (err error) {
				got, err = tx.Counts(ctx, q)
				return err
			})
			p.same(got, recount(rows, q), fmt.Sprintf("the counts of channel %q, agent %q", q.Channel, q.Agent))
		}
	}
	check()
	for i, s := range map[int]livedesk.State{0: livedesk.Resolved, 3: livedesk.Open, 7: livedesk.Snoozed} {
		rows[i].State, rows[i].Unread, rows[i].Assignee = s, i, "ann"
		p.apply(ctx, livedesk.Changes{Conversations: []livedesk.Conversation{rows[i]}})
		rows[i].Version++
		check()
	}
}

// recount is the oracle of Counts.
func recount(rows []livedesk.Conversation, q livedesk.CountQuery) (out livedesk.Counts) {
	n := map[string]int{}
	for _, c := range rows {
		if q.Channel != "" && c.Channel != q.Channel || !c.State.Live() {
			continue
		}
		n[string(c.State)]++
		if c.Unread > 0 {
			n["unread"]++
		}
		if c.State != livedesk.Open {
			continue
		}
		if c.Assignee == "" {
			n["unassigned"]++
		} else if c.Assignee == q.Agent {
			n["mine"]++
		}
		if !c.WaitingSince.IsZero() {
			n["waiting"]++
		}
	}
	return livedesk.Counts{
		Open: n["open"], Pending: n["pending"], Snoozed: n["snoozed"], Unassigned: n["unassigned"], Waiting: n["waiting"],
		Unread: n["unread"], Mine: n["mine"],
	}
}
