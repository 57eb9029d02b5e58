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
		clause("a transaction reads what it wrote", readsOwnWrites),
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
		clause("ErrConflict leaves the transaction usable", conflictLeavesUsable),
		clause("ErrExists leaves the transaction usable", existsLeavesUsable),
		clause("an Apply that fails writes nothing of its changes", applyIsWhole),
		clause("a closed store answers ErrClosed", closed, Closing),
	}
}

func keptIsSeen(ctx context.Context, p *probe) {
	w := p.world(ctx)
	before := w.picture(ctx, p)
	p.that(len(before.Due) == 1 && before.Due[0].ID == w.text.ID, "the queued text can be claimed")
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
	p.that(after.Queues[0].Count == 5, "the queue's change is seen")
	p.that(len(before.Queues[0].Waiting) == 1 && len(after.Queues[0].Waiting) == 0, "the line's change is seen")
	p.that(len(after.Objects) == 1 && after.Objects[0].Deleted, "the object's change is seen")
	p.that(len(after.Due) == 0 && len(after.Jobs) == 0, "nothing is due any more")
	p.same(after.New, []bool{false, false}, "whether the keys are new")
}

func readsOwnWrites(ctx context.Context, p *probe) {
	w := p.world(ctx)
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		if err := w.changeAll(ctx, tx); err != nil {
			return err
		}
		l, err := tx.Threads(ctx, []livedesk.ThreadKey{w.at.key(1), w.at.key(2)})
		if err != nil {
			return err
		}
		if l[0].Contact.Name != "Zoe" || l[0].Thread.Automatic != 7 || l[0].Current.State != livedesk.Resolved || l[1].Contact.ID == "" {
			return errors.New("what Threads returns isn't what was written")
		}
		m, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: w.at.workspace, ID: w.text.ID}})
		if err != nil {
			return err
		}
		if m[0].Delivery.State != livedesk.Canceled {
			return errors.New("what Messages returns isn't what was written")
		}
		counts, err := tx.Counts(ctx, livedesk.CountQuery{Workspace: w.at.workspace})
		if err != nil {
			return err
		}
		if counts.Open != 0 {
			return errors.New("what Counts returns isn't what was written")
		}
		agents, err := tx.Agents(ctx, w.at.workspace, []string{"ann"})
		if err != nil {
			return err
		}
		if agents[0].Name != "Anna" {
			return errors.New("what Agents returns isn't what was written")
		}
		fresh, err := tx.TakeIn(ctx, []livedesk.Arrival{w.at.arrival(1, "later")})
		if err != nil {
			return err
		}
		if fresh[0] {
			return errors.New("what TakeIn took in is new to it")
		}
		return nil
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
	if _, err := tx.Claim(ctx, livedesk.Claim{Limit: 9, Lease: long}); err != nil {
		return err
	}
	_, err := tx.ClaimJobs(ctx, 9, long)
	return err
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
	p.that(!p.takeIn(ctx, at.arrival(1, "key"))[0], "the outer Update was kept")
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

// usableAfter runs an Apply that must answer want, then goes on in the same transaction.
func (p *probe) usableAfter(ctx context.Context, w *world, spoilt livedesk.Changes, want error) {
	contact := w.known.Contact
	contact.Name = "kept"
	p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		for range 2 { // once more, in case the first left something behind
			if err := tx.Apply(ctx, spoilt); !errors.Is(err, want) {
				return fmt.Errorf("an Apply answers %v, not %w", err, want)
			}
		}
		if _, err := tx.Agents(ctx, w.at.workspace, nil); err != nil {
			return fmt.Errorf("read after %w: %w", want, err)
		}
		if err := tx.Apply(ctx, livedesk.Changes{Contacts: []livedesk.Contact{contact}}); err != nil {
			return fmt.Errorf("apply after %w: %w", want, err)
		}
		return nil
	})
	p.that(p.contacts(ctx, w.at.workspace, contact.ID)[0].Name == "kept", "what was written afterwards is kept")
}

func conflictLeavesUsable(ctx context.Context, p *probe) {
	w := p.world(ctx)
	stale := *w.known.Current
	stale.Version = 99
	p.usableAfter(ctx, w, livedesk.Changes{Conversations: []livedesk.Conversation{stale}}, livedesk.ErrConflict)
}

func existsLeavesUsable(ctx context.Context, p *probe) {
	w := p.world(ctx)
	second := newConversation(w.known)
	p.usableAfter(ctx, w, livedesk.Changes{Conversations: []livedesk.Conversation{second}}, livedesk.ErrExists)
	p.that(p.conversation(ctx, second.Workspace, second.ID).ID == "", "what was refused isn't stored")
}

func applyIsWhole(ctx context.Context, p *probe) {
	w := p.world(ctx)
	c := *w.known.Current
	good := incoming(c, 2)
	contact := w.known.Contact
	contact.Name = "half"
	taken := incoming(c, 1)
	stale := w.object
	stale.Version = 77
	for _, spoilt := range []livedesk.Changes{
		{Contacts: []livedesk.Contact{contact}, Messages: []livedesk.Message{good, taken}},
		{Contacts: []livedesk.Contact{contact}, Messages: []livedesk.Message{good}, Objects: []livedesk.Object{stale}},
	} {
		p.update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			if err := tx.Apply(ctx, spoilt); err == nil {
				return errors.New("an Apply takes a row that it must refuse")
			}
			return nil
		})
		p.that(p.contacts(ctx, c.Workspace, contact.ID)[0].Name == "", "the contact before the refused row isn't written")
		p.that(p.message(ctx, c.Workspace, good.ID).ID == "", "the message before the refused row isn't written")
	}
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
