package storetest

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func budgetCases() []Case {
	return []Case{
		clause("of a sender that has none is zero but for its Sender", budgetUnknown),
		clause("stand in the order of the keys", budgetsInOrder),
		clause("of one workspace are none of another's", budgetScopes),
		clause("a row of another Version is ErrConflict, of a known sender ErrExists", budgetVersions),
		clause("can be written in the transaction that loaded them", budgetWritten),
		clause("are as they were when the transaction is rolled back", budgetRolledBack),
	}
}

// spend lets a sender's budget end at a time.
func (p *probe) spend(ctx context.Context, s livedesk.Sender, next time.Time) {
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		rows, err := tx.Senders(ctx, []livedesk.Sender{s})
		if err != nil {
			return err
		}
		rows[0].Next = next
		return tx.Apply(ctx, livedesk.Changes{Budgets: rows})
	})
}

func budgetUnknown(ctx context.Context, p *probe) {
	s := newSite().sender()
	for range 2 { // having looked makes no row
		p.same(p.budgets(ctx, s)[0], livedesk.Budget{Sender: s}, "the budget")
	}
	p.that(len(p.budgets(ctx)) == 0, "no senders have no budgets")
}

func budgetsInOrder(ctx context.Context, p *probe) {
	var keys []livedesk.Sender
	for i := range 6 {
		keys = append(keys, newSite().sender())
		if i%3 != 0 {
			p.spend(ctx, keys[i], origin.Add(time.Duration(i)*time.Second))
		}
	}
	keys = []livedesk.Sender{keys[4], keys[0], keys[1], keys[5], keys[4], keys[3], keys[2]}
	var want []livedesk.Budget
	for _, k := range keys {
		want = append(want, p.budgets(ctx, k)[0])
	}
	p.same(p.budgets(ctx, keys...), want, "the budgets")
	p.that(want[0].Next.Equal(origin.Add(4*time.Second)) && want[0].Version == 1, "a budget was written")
}

func budgetScopes(ctx context.Context, p *probe) {
	at := newSite()
	other, foreign := site{at.workspace, newID()}, site{"beta", at.channel}
	p.spend(ctx, at.sender(), origin)
	for _, s := range []livedesk.Sender{other.sender(), foreign.sender()} {
		p.same(p.budgets(ctx, s)[0], livedesk.Budget{Sender: s}, "the budget of another channel or workspace")
	}
	p.spend(ctx, foreign.sender(), origin.Add(time.Hour))
	p.that(p.budgets(ctx, at.sender())[0].Next.Equal(origin), "the budget is its own")
}

func budgetVersions(ctx context.Context, p *probe) {
	b := livedesk.Budget{Sender: newSite().sender(), Next: origin}
	p.apply(ctx, livedesk.Changes{Budgets: []livedesk.Budget{b}})
	p.is(p.tryApply(ctx, livedesk.Changes{Budgets: []livedesk.Budget{b}}), livedesk.ErrExists, "an insert of a known sender")
	b.Version = 1
	p.apply(ctx, livedesk.Changes{Budgets: []livedesk.Budget{b}})
	p.is(p.tryApply(ctx, livedesk.Changes{Budgets: []livedesk.Budget{b}}), livedesk.ErrConflict, "an old version")
	b.Sender = newSite().sender()
	p.is(p.tryApply(ctx, livedesk.Changes{Budgets: []livedesk.Budget{b}}), livedesk.ErrConflict, "a change of a budget that isn't there")
	p.budgets(ctx, b.Sender) // nor is it there when somebody has looked
	p.is(p.tryApply(ctx, livedesk.Changes{Budgets: []livedesk.Budget{b}}), livedesk.ErrConflict, "a change of a budget that was only looked at")
}

func budgetWritten(ctx context.Context, p *probe) {
	s := newSite().sender()
	for i := range 4 {
		p.spend(ctx, s, origin.Add(time.Duration(i)*time.Minute))
		got := p.budgets(ctx, s)[0]
		p.same(got, livedesk.Budget{Sender: s, Next: origin.Add(time.Duration(i) * time.Minute), Version: int64(i + 1)}, "the budget")
	}
}

func budgetRolledBack(ctx context.Context, p *probe) {
	s := newSite().sender()
	for range 2 {
		before := p.budgets(ctx, s)
		p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			rows, err := tx.Senders(ctx, []livedesk.Sender{s})
			if err != nil {
				return err
			}
			rows[0].Next = origin.Add(time.Hour)
			return tx.Apply(ctx, livedesk.Changes{Budgets: rows})
		})
		p.same(p.budgets(ctx, s), before, "the budget")
		p.spend(ctx, s, origin)
	}
}
