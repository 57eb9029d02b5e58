package storetest

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

func timelineCases() []Case {
	return []Case{
		clause("shows the entries of one conversation, the oldest first", timelineAll),
		clause("selects After < Seq and Seq < Before", timelineBounds),
		clause("with Last shows the newest Limit, still the oldest first", timelineLast),
		clause("can be paged both ways without a gap", timelinePages),
		clause("of an unknown conversation is empty", timelineUnknown),
	}
}

// story stores a conversation of n entries, and another beside it.
func (p *probe) story(ctx context.Context, n int) livedesk.Conversation {
	rows := p.talks(ctx, newSite(), 1, 3)
	var entries []livedesk.Message
	for _, seq := range shuffled(n) {
		entries = append(entries, incoming(rows[0], int64(seq+1)), incoming(rows[1], int64(seq+1)))
	}
	p.apply(ctx, livedesk.Changes{Messages: entries})
	return rows[0]
}

// shuffled returns 0 to n-1 in an order that isn't sorted, the same each time.
func shuffled(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	for i := range out {
		j := (i*7919 + 13) % n
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func (p *probe) seqs(ctx context.Context, q livedesk.TimelineQuery) []int64 {
	var out []int64
	for _, m := range p.timeline(ctx, q) {
		p.that(m.Conversation == q.Conversation, "an entry is of the conversation")
		out = append(out, m.Seq)
	}
	return out
}

func span(from, to int64) (out []int64) {
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

func timelineAll(ctx context.Context, p *probe) {
	c := p.story(ctx, 30)
	p.same(p.seqs(ctx, livedesk.TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, Limit: 1000}), span(1, 30), "the timeline")
	p.same(p.seqs(ctx, livedesk.TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, Limit: 7}), span(1, 7), "its beginning")
}

func timelineBounds(ctx context.Context, p *probe) {
	c := p.story(ctx, 12)
	for _, t := range []struct {
		after, before int64
		want          []int64
	}{{0, 0, span(1, 12)}, {4, 0, span(5, 12)}, {4, 9, span(5, 8)}, {0, 3, span(1, 2)}, {4, 5, nil}, {12, 0, nil}, {0, 1, nil}, {9, 4, nil}, {11, 99, span(12, 12)}} {
		q := livedesk.TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, After: t.after, Before: t.before, Limit: 100}
		p.same(p.seqs(ctx, q), t.want, "the part of the timeline")
		q.Last = true
		p.same(p.seqs(ctx, q), t.want, "the last part of the timeline")
	}
}

func timelineLast(ctx context.Context, p *probe) {
	c := p.story(ctx, 20)
	q := livedesk.TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, Last: true, Limit: 6}
	p.same(p.seqs(ctx, q), span(15, 20), "the newest six")
	q.Before = 10
	p.same(p.seqs(ctx, q), span(4, 9), "the newest six before 10")
	q.After = 6
	p.same(p.seqs(ctx, q), span(7, 9), "those between")
}

func timelinePages(ctx context.Context, p *probe) {
	c := p.story(ctx, 25)
	var forth, back []int64
	after, before := int64(0), int64(0)
	for range 26 { // a store that pays no heed to After would go on for ever
		page := p.seqs(ctx, livedesk.TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, After: after, Limit: 4})
		if len(page) == 0 {
			break
		}
		forth = append(forth, page...)
		after = page[len(page)-1]
	}
	for range 26 {
		page := p.seqs(ctx, livedesk.TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, Before: before, Last: true, Limit: 4})
		if len(page) == 0 {
			break
		}
		back = append(page, back...)
		before = page[0]
	}
	p.same(forth, span(1, 25), "the pages forward")
	p.same(back, span(1, 25), "the pages backward")
}

func timelineUnknown(ctx context.Context, p *probe) {
	c := p.story(ctx, 2)
	p.that(len(p.timeline(ctx, livedesk.TimelineQuery{Workspace: c.Workspace, Conversation: newID(), Limit: 9})) == 0, "it is empty")
	p.that(len(p.timeline(ctx, livedesk.TimelineQuery{Workspace: "beta", Conversation: c.ID, Limit: 9})) == 0, "it is empty in another workspace")
}
