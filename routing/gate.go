package routing

import (
	"cmp"
	"slices"
)

// A gate of a condition is a set of questions of which one holds whenever the condition does. A rule is looked at only
// once a question of its gate has been answered with yes; of a thousand rules that leaves the few that the conversation
// has something to do with. A rule whose condition has no gate is always looked at.

// gate enters a rule under its gate.
func (b *builder) gate(rule int32, root *node) {
	gate := b.gateOf(root)
	if gate == nil {
		b.out.ungated.set(rule)
	}
	for _, id := range gate {
		l := &b.out.index.leaves[id]
		if !slices.Contains(l.opens, rule) {
			l.opens = append(l.opens, rule)
		}
	}
}

// gateOf returns the most telling gate of a condition, nil for none.
func (b *builder) gateOf(n *node) []int32 {
	switch n.op {
	case opQuestion:
		return b.gateOfQuestion(n.leaf)
	case opAll:
		var best []int32
		for i := range n.kids {
			if g := b.gateOf(&n.kids[i]); g != nil && (best == nil || b.compare(g, best) < 0) {
				best = g
			}
		}
		return best
	case opAny:
		var all []int32
		for i := range n.kids {
			g := b.gateOf(&n.kids[i])
			if g == nil {
				return nil
			}
			all = append(all, g...)
		}
		return all
	}
	return nil
}

func (b *builder) gateOfQuestion(id int32) []int32 {
	l := &b.out.index.leaves[id]
	if !l.ask.dear() {
		return []int32{id}
	}
	var best []int32
	for i := range l.needs { // the most telling first
		if g := l.needs[i : i+1]; best == nil || b.compare(g, best) < 0 && b.out.index.leaves[g[0]].count > 1 {
			best = g
		}
	}
	return best
}

// compare puts the more telling gate first: by the least telling question in it, then by how many rules it opens already.
func (b *builder) compare(x, y []int32) int {
	xRank, xOpens := b.rank(x)
	yRank, yOpens := b.rank(y)
	return cmp.Or(cmp.Compare(xRank, yRank), cmp.Compare(xOpens, yOpens))
}

func (b *builder) rank(gate []int32) (rank kind, opens int) {
	for _, id := range gate {
		l := &b.out.index.leaves[id]
		rank = max(rank, l.ask)
		opens += len(l.opens)
	}
	return rank, opens
}
