package storetest_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// More stores that break one clause each: those that settle an open point otherwise, or forget on the way to the disk.

// turnsTies has equal times the other way round.
type turnsTies struct{ livedesk.ReadTx }

func (t turnsTies) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	rows, err := t.ReadTx.Conversations(ctx, q)
	if len(q.IDs) == 0 {
		slices.Reverse(rows)
		slices.SortStableFunc(rows, func(a, b livedesk.Conversation) int {
			if q.Order == livedesk.LongestWaiting {
				return a.WaitingSince.Compare(b.WaitingSince)
			}
			return b.ActiveAt.Compare(a.ActiveAt)
		})
	}
	return rows, err
}

// limitsToNothing takes a Limit of 0 by the letter.
type limitsToNothing struct{ livedesk.ReadTx }

func (t limitsToNothing) Objects(ctx context.Context, q livedesk.ObjectQuery) ([]livedesk.Object, error) {
	if q.AfterRevision != nil && q.Limit == 0 {
		return nil, nil
	}
	return t.ReadTx.Objects(ctx, q)
}

// startsOver answers every page with the first: whoever reads until a page is empty reads for ever.
type startsOver struct{ livedesk.ReadTx }

func (t startsOver) Objects(ctx context.Context, q livedesk.ObjectQuery) ([]livedesk.Object, error) {
	if q.AfterRevision != nil {
		q.AfterRevision = new(int64)
	}
	return t.ReadTx.Objects(ctx, q)
}

func (t startsOver) Timeline(ctx context.Context, q livedesk.TimelineQuery) ([]livedesk.Message, error) {
	q.After, q.Before = 0, 0
	return t.ReadTx.Timeline(ctx, q)
}

// alwaysMore bids whoever looks at a line to look again.
type alwaysMore struct{ livedesk.Tx }

func (t alwaysMore) Queues(ctx context.Context, q livedesk.QueueQuery) (livedesk.Roster, error) {
	found, err := t.Tx.Queues(ctx, q)
	for i := range found.Queues {
		found.Queues[i].More = true
	}
	return found, err
}

// showsAll shows who waits whatever the channel.
type showsAll struct{ livedesk.ReadTx }

func (t showsAll) Queues(ctx context.Context, q livedesk.QueueQuery) (livedesk.Roster, error) {
	q.Without = nil
	return t.ReadTx.Queues(ctx, q)
}

// showsNeeds passes over whole channels only.
type showsNeeds struct{ livedesk.ReadTx }

func (t showsNeeds) Queues(ctx context.Context, q livedesk.QueueQuery) (livedesk.Roster, error) {
	q.Without = slices.DeleteFunc(slices.Clone(q.Without), func(a livedesk.Alike) bool { return a.Needs != "" })
	return t.ReadTx.Queues(ctx, q)
}

// missesLoads finds the agents of queues only.
type missesLoads struct{ livedesk.ReadTx }

func (t missesLoads) Queues(ctx context.Context, q livedesk.QueueQuery) (livedesk.Roster, error) {
	q.Loads = nil
	return t.ReadTx.Queues(ctx, q)
}

// checksLate forgives that a unique key is taken before it is given up.
func checksLate(s livedesk.Store) livedesk.Store {
	return again{Store: s, after: func(ctx context.Context, s livedesk.Store, c livedesk.Changes, err error) error {
		if !errors.Is(err, livedesk.ErrExists) {
			return err
		}
		c.Contacts = slices.Clone(c.Contacts)
		slices.Reverse(c.Contacts)
		return apply(ctx, s, c)
	}}
}

// renumbersJobs gives every job the fence 1 with its first claim.
type renumbersJobs struct{ livedesk.Tx }

func (t renumbersJobs) ClaimJobs(ctx context.Context, limit int, lease time.Duration) ([]livedesk.Job, error) {
	rows, err := t.Tx.ClaimJobs(ctx, limit, lease)
	for i := range rows {
		rows[i].Fence = int64(rows[i].Attempts)
	}
	return rows, err
}

// losesFences reads texts as if they had been through their JSON.
type losesFences struct{ livedesk.ReadTx }

func (t losesFences) Messages(ctx context.Context, keys []livedesk.MessageKey) ([]livedesk.Message, error) {
	rows, err := t.ReadTx.Messages(ctx, keys)
	return withoutFences(rows), err
}

func (t losesFences) Timeline(ctx context.Context, q livedesk.TimelineQuery) ([]livedesk.Message, error) {
	rows, err := t.ReadTx.Timeline(ctx, q)
	return withoutFences(rows), err
}

func withoutFences(rows []livedesk.Message) []livedesk.Message {
	for i := range rows {
		if rows[i].Delivery != nil {
			rows[i].Delivery.Fence = 0
		}
	}
	return rows
}

// losesLedgers keeps the state of a consent and forgets how it came to it.
type losesLedgers struct{ livedesk.Tx }

func (t losesLedgers) Apply(ctx context.Context, c livedesk.Changes) error {
	c.Threads = slices.Clone(c.Threads)
	for i := range c.Threads {
		c.Threads[i].ConsentHistory = nil
	}
	return t.Tx.Apply(ctx, c)
}

// listsOptedOut takes the ledger for the list of those who have opted out.
type listsOptedOut struct{ livedesk.ReadTx }

func (t listsOptedOut) Consents(ctx context.Context, q livedesk.ConsentQuery) ([]livedesk.Thread, error) {
	rows, err := t.ReadTx.Consents(ctx, q)
	return slices.DeleteFunc(rows, func(th livedesk.Thread) bool { return !th.Consent.OptedOut }), err
}

// repeatsContacts goes on behind a channel, whatever the contact.
type repeatsContacts struct{ livedesk.ReadTx }

func (t repeatsContacts) Consents(ctx context.Context, q livedesk.ConsentQuery) ([]livedesk.Thread, error) {
	q.AfterContact = ""
	return t.ReadTx.Consents(ctx, q)
}
