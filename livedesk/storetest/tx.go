package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

func transactionCases() []Case {
	return []Case{
		clause("what an Update kept is seen by the next transaction", keptIsSeen),
		clause("a transaction reads what it took in and what it claimed", readsOwnWrites),
		clause("an Update whose function fails keeps nothing and returns the error as it is", failureKeepsNothing),
		clause("an Update whose function panics keeps nothing and the panic goes on", panicKeepsNothing),
		clause("an Update whose ctx ends before the commit keeps nothing", cancelKeepsNothing),
		clause("an Update whose ctx has ended keeps nothing", deadContextKeepsNothing),
		clause("a View returns its function's error as it is", viewReturnsError),
		clause("a View goes on to work after one that failed or panicked", viewAfterPanic),
		clause("Update runs its function once", runsOnce),
		clause("a transaction inside a transaction is ErrNested and does no harm", nested),
		clause("a transaction is dead when its function returned", deadAfterReturn),
		clause("Now stays the same during a transaction, in whole microseconds UTC", nowStands),
		clause("an Apply that is refused is ErrConflict or ErrExists, and writes nothing of its changes", applyIsWhole),
		clause("an Apply that is refused ends the transaction with nothing kept, whatever the function returns", refusalEnds),
		clause("a transaction that was refused leaves the store usable", refusalLeavesUsable),
		clause("a closed store answers ErrClosed", closed, Closing),
	}
}

func keptIsSeen(ctx context.Context, p *probe) {
	w := p.world(ctx)
	before := w.picture(ctx, p)
	p.that(len(before.Due) == 1 && before.Due[0].Message.ID == w.text.ID, "the queued text can be claimed")
	p.that(len(before.Jobs) == 1 && before.Jobs[0].Key == w.job.Key, "the job can be claimed")
	p.same(before.New, []bool{false, true}, "whether the keys are new")
	p.update(ctx, w.changeAll)
	after := w.picture(ctx, p)
	p.that(after.Threads[0].Contact.Name == "Zoe", "the contact's change is seen")
	p.that(after.Threads[0].Thread.Automatic == 7, "the thread's change is seen")
	p.that(after.Threads[1].Contact.ID != "", "the new thread is seen")
	p.that(after.Listed[0].State == livedesk.Resolved, "the conversation's change is seen")
	p.that(after.Messages[0].Delivery.State == livedesk.Canceled, "the cancel is seen")
	p.that(len(after.Entries) == 2, "the new message is seen")
	p.that(after.Agents[0].Name == "Anna", "the agent's change is seen")
	p.that(after.Roster.Queues[0].Count == 5, "the queue's change is seen")
	p.that(len(before.Roster.Queues[0].Waiting) == 1 && len(after.Roster.Queues[0].Waiting) == 0, "the line's change is seen")
	p.that(after.Roster.Agents[0].Name == "Anna", "the change of a queue's agent is seen")
	p.that(before.Budgets[0].Next.Equal(origin) && after.Budgets[0].Next.After(origin), "the budget's change is seen")
	p.that(len(after.Objects) == 1 && after.Objects[0].Deleted, "the object's change is seen")
	p.that(len(after.Due) == 0 && len(after.Jobs) == 0, "nothing is due any more")
	p.same(after.New, []bool{false, false}, "whether the keys are new")
}

func readsOwnWrites(ctx context.Context, p *probe) {
	w := p.world(ctx)
	var arrived, again []livedesk.Arrived
	var loaded []livedesk.LoadedThread
	var contacts []livedesk.Contact
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		arrivals := []livedesk.Arrival{w.at.arrival(1, "later"), w.at.arrival(2, "")}
		if arrived, err = tx.TakeIn(ctx, arrivals); err != nil {
			return err
		}
		if again, err = tx.TakeIn(ctx, arrivals); err != nil {
			return err
		}
		if loaded, err = tx.Threads(ctx, []livedesk.ThreadKey{w.at.key(1), w.at.key(2)}); err != nil {
			return err
		}
		contacts, err = tx.Contacts(ctx, w.at.workspace, []string{arrived[1].Contact.ID})
		return err
	})
	p.same(news(arrived), []bool{true, true}, "whether what came in is new")
	p.same(news(again), []bool{false, false}, "whether it is new once more")
	p.same(loaded, []livedesk.LoadedThread{arrived[0].LoadedThread, arrived[1].LoadedThread}, "what Threads finds of it")
	p.same(contacts, []livedesk.Contact{arrived[1].Contact}, "what Contacts finds of it")
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		first, err := tx.ClaimJobs(ctx, 9, long)
		if err != nil {
			return err
		}
		second, err := tx.ClaimJobs(ctx, 9, long)
		if err == nil && (len(first) != 1 || len(second) != 0) {
			err = fmt.Errorf("one job is claimed %d times, and then %d", len(first), len(second))
		}
		return err
	})
}

func failureKeepsNothing(ctx context.Context, p *probe) {
	w := p.world(ctx)
	before := w.picture(ctx, p)
	boom := errors.New("boom")
	for _, spoil := range []func(context.Context, livedesk.Tx) error{w.changeAll, claimAll} {
		err := p.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			if err := spoil(ctx, tx); err != nil {
				return err
			}
			return boom
		})
		p.that(err == boom, "Update answers %v, not the error itself", err)
		p.same(w.picture(ctx, p), before, "the store after a failed Update")
	}
}

func claimAll(ctx context.Context, tx livedesk.Tx) error {
	if _, err := tx.ClaimJobs(ctx, 9, long); err != nil {
		return err
	}
	due, err := tx.Claim(ctx, anything)
	if err != nil {
		return err
	}
	for i := range due {
		due[i].Message.Delivery.State = livedesk.Posting
	}
	return tx.Apply(ctx, livedesk.Changes{Messages: textsOf(due)})
}

func panicKeepsNothing(ctx context.Context, p *probe) {
	w := p.world(ctx)
	before := w.picture(ctx, p)
	got := func() (r any) {
		defer func() { r = recover() }()
		err := p.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			if err := w.changeAll(ctx, tx); err != nil {
				return err
			}
			panic("boom")
		})
		return fmt.Errorf("no panic, but %w", err)
	}()
	p.that(got == "boom", "the panic goes on: %v", got)
	p.same(w.picture(ctx, p), before, "the store after a panic")
	p.update(ctx, w.changeAll) // and it takes the next one
}

func cancelKeepsNothing(ctx context.Context, p *probe) {
	w := p.world(ctx)
	before := w.picture(ctx, p)
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	err := p.Update(own, func(ctx context.Context, tx livedesk.Tx) error {
		defer cancel()
		return w.changeAll(ctx, tx)
	})
	p.that(err != nil, "an Update whose ctx ended in its function fails")
	p.that(!errors.Is(err, livedesk.ErrSerialization), "an Update whose ctx ended isn't to be tried again: %v", err)
	p.same(w.picture(ctx, p), before, "the store after a ctx ended")
	p.update(ctx, w.changeAll)
}

func deadContextKeepsNothing(ctx context.Context, p *probe) {
	w := p.world(ctx)
	before := w.picture(ctx, p)
	own, cancel := context.WithCancel(ctx)
	cancel()
	p.that(p.Update(own, w.changeAll) != nil, "an Update with a ctx that has ended fails")
	err := p.View(own, func(ctx context.Context, tx livedesk.ReadTx) error {
		_, err := tx.Agents(ctx, w.at.workspace, nil)
		return err
	})
	p.that(err != nil, "a View with a ctx that has ended fails")
	p.same(w.picture(ctx, p), before, "the store")
}

func viewReturnsError(ctx context.Context, p *probe) {
	boom := errors.New("boom")
	err := p.View(ctx, func(context.Context, livedesk.ReadTx) error { return boom })
	p.that(err == boom, "View answers %v, not the error itself", err)
}

func viewAfterPanic(ctx context.Context, p *probe) {
	for range 50 { // more than a pool of readers has
		func() {
			defer func() { _ = recover() }()
			_ = p.View(ctx, func(context.Context, livedesk.ReadTx) error { panic("boom") })
		}()
		_ = p.View(ctx, func(context.Context, livedesk.ReadTx) error { return errBack })
	}
	p.now(ctx)
}

func runsOnce(ctx context.Context, p *probe) {
	at := newSite()
	for i := range 20 {
		runs := 0
		p.must(p.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			runs++
			_, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(i, "")})
			return err
		}), "an Update with nobody beside it")
		p.that(runs == 1, "the function ran %d times", runs)
	}
}

func nested(ctx context.Context, p *probe) {
	at := newSite()
	inner := func(ctx context.Context) error {
		err := p.Update(ctx, func(context.Context, livedesk.Tx) error { return nil })
		if !errors.Is(err, livedesk.ErrNested) {
			return fmt.Errorf("the inner Update answers %v, not ErrNested", err)
		}
		err = p.View(context.WithValue(ctx, struct{ any }{1}, 1), func(context.Context, livedesk.ReadTx) error { return nil })
		if !errors.Is(err, livedesk.ErrNested) {
			return fmt.Errorf("the inner View answers %v, not ErrNested", err)
		}
		return nil
	}
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		if err := inner(ctx); err != nil {
			return err
		}
		_, err := tx.TakeIn(ctx, []livedesk.Arrival{at.arrival(1, "key")})
		return err
	})
	p.read(ctx, func(ctx context.Context, tx livedesk.ReadTx) error { return inner(ctx) })
	p.that(!p.takeIn(ctx, at.arrival(1, "key"))[0].New, "the outer Update was kept")
}

func deadAfterReturn(ctx context.Context, p *probe) {
	w := p.world(ctx)
	before := w.picture(ctx, p)
	var leaked livedesk.Tx
	var inner context.Context
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		leaked, inner = tx, ctx
		return nil
	})
	p.that(w.changeAll(inner, leaked) != nil, "a transaction that is over refuses its own ctx")
	p.that(w.changeAll(ctx, leaked) != nil, "a transaction that is over refuses another ctx")
	p.that(p.Update(inner, w.changeAll) != nil, "the ctx of a transaction that is over starts no other")
	p.same(w.picture(ctx, p), before, "the store")
	var view livedesk.ReadTx
	p.read(ctx, func(_ context.Context, tx livedesk.ReadTx) error {
		view = tx
		return nil
	})
	_, err := view.Agents(ctx, w.at.workspace, nil)
	p.that(err != nil, "a View that is over refuses to read")
}

func nowStands(ctx context.Context, p *probe) {
	look := func(first time.Time, again func() time.Time) error {
		time.Sleep(2 * time.Millisecond)
		if second := again(); !second.Equal(first) {
			return fmt.Errorf("its time went from %v to %v", first, second)
		}
		if !first.Equal(first.Truncate(time.Microsecond)) || first.Location() != time.UTC || first.IsZero() {
			return fmt.Errorf("its time is %v, not in whole microseconds UTC", first)
		}
		return nil
	}
	p.read(ctx, func(_ context.Context, tx livedesk.ReadTx) error { return look(tx.Now(), tx.Now) })
	p.update(ctx, func(_ context.Context, tx livedesk.Tx) error { return look(tx.Now(), tx.Now) })
}

// refusals are changes of a world that no store may take, by why; each has a change before the one at fault that is sound.
func (w *world) refusals() map[error][]livedesk.Changes {
	contact, c, object, budget := w.known.Contact, *w.known.Current, w.object, w.budget
	contact.Name = "half"
	stale, taken, second, text := c, incoming(c, 1), newConversation(w.known), w.text
	stale.Version, object.Version, budget.Version, text.Version = 99, 77, 55, 33
	all := map[error][]livedesk.Changes{
		livedesk.ErrConflict: {
			{Conversations: []livedesk.Conversation{stale}},
			{Messages: []livedesk.Message{incoming(c, 2)}, Objects: []livedesk.Object{object}},
			{Budgets: []livedesk.Budget{budget}},
			{Deliveries: []livedesk.Message{text}},
		},
		livedesk.ErrExists: {
			{Conversations: []livedesk.Conversation{second}},
			{Messages: []livedesk.Message{incoming(c, 2), taken}},
		},
	}
	for _, list := range all {
		for i := range list {
			list[i].Contacts = []livedesk.Contact{contact}
		}
	}
	return all
}

func applyIsWhole(ctx context.Context, p *probe) {
	w := p.world(ctx)
	before := w.picture(ctx, p)
	for want, list := range w.refusals() {
		for _, c := range list {
			p.is(p.tryApply(ctx, c), want, "an Apply that must be refused")
			p.same(w.picture(ctx, p), before, "the store after it")
		}
	}
}

func refusalEnds(ctx context.Context, p *probe) {
	w := p.world(ctx)
	before := w.picture(ctx, p)
	for want, list := range w.refusals() {
		for _, c := range list {
			err := p.try(ctx, func(ctx context.Context, tx livedesk.Tx) error {
				if _, err := tx.TakeIn(ctx, []livedesk.Arrival{w.at.arrival(1, "later"), w.at.arrival(2, "")}); err != nil {
					return err
				}
				_ = tx.Apply(ctx, c) // the store may answer now or from Update
				return nil
			})
			p.is(err, want, "an Update whose function doesn't heed that Apply was refused")
			p.same(w.picture(ctx, p), before, "the store after it")
		}
	}
}

func refusalLeavesUsable(ctx context.Context, p *probe) {
	w := p.world(ctx)
	for range 3 { // more than once, in case the first left something behind
		for want, list := range w.refusals() {
			for _, c := range list {
				p.is(p.tryApply(ctx, c), want, "an Apply that must be refused")
			}
		}
	}
	p.update(ctx, w.changeAll)
}

func closed(ctx context.Context, p *probe) {
	w := p.world(ctx)
	c, can := p.Store.(interface{ Close() error })
	if !can {
		p.must(&SkipError{"the store has no Close() error"}, "close")
	}
	p.must(c.Close(), "close")
	p.is(p.Update(ctx, w.changeAll), livedesk.ErrClosed, "Update after Close")
	p.is(p.View(ctx, func(context.Context, livedesk.ReadTx) error { return nil }), livedesk.ErrClosed, "View after Close")
}
