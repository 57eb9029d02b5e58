package storetest_test

import (
	"context"
	"slices"
	"sync"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Stores that break one clause of TakeIn, Claim or Senders each.

// forgetsKeys finds every key new.
type forgetsKeys struct{ livedesk.Tx }

func (t forgetsKeys) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]livedesk.Arrived, error) {
	arrived, err := t.Tx.TakeIn(ctx, arrivals)
	for i := range arrived {
		arrived[i].New = true
	}
	return arrived, err
}

// missesTwins finds both of two equal keys in one call new.
type missesTwins struct{ livedesk.Tx }

func (t missesTwins) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]livedesk.Arrived, error) {
	arrived, err := t.Tx.TakeIn(ctx, arrivals)
	for i := range arrived {
		for j := range i {
			twins := arrivals[i].Key == arrivals[j].Key && arrivals[i].Key != ""
			arrived[i].New = arrived[i].New || arrived[j].New && twins
		}
	}
	return arrived, err
}

// seen is what a store of one of these kinds remembers.
type seen[K comparable, V any] struct {
	mu   sync.Mutex
	rows map[K]V
}

// swap keeps a row, and returns the one before.
func (s *seen[K, V]) swap(k K, v V) (before V, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known = s.rows[k]
	if s.rows == nil {
		s.rows = map[K]V{}
	}
	s.rows[k] = v
	return before, known
}

// staleThreads has the thread of a known key from the time when there was a new one.
type staleThreads struct {
	livedesk.Tx
	seen *seen[livedesk.ThreadKey, livedesk.LoadedThread]
}

func (t staleThreads) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]livedesk.Arrived, error) {
	arrived, err := t.Tx.TakeIn(ctx, arrivals)
	for i, a := range arrived {
		k := livedesk.ThreadKey{Workspace: arrivals[i].Workspace, Channel: arrivals[i].Channel, Address: arrivals[i].Address}
		if was, known := t.seen.swap(k, a.LoadedThread.Clone()); known && !a.New {
			arrived[i].LoadedThread = was.Clone()
			t.seen.swap(k, was)
		}
	}
	return arrived, err
}

func seesOldThreads(s livedesk.Store) livedesk.Store {
	all := &seen[livedesk.ThreadKey, livedesk.LoadedThread]{}
	return altered{Store: s, write: func(tx livedesk.Tx) livedesk.Tx { return staleThreads{tx, all} }}
}

// missesThreads returns threads for new keys only.
type missesThreads struct{ livedesk.Tx }

func (t missesThreads) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]livedesk.Arrived, error) {
	arrived, err := t.Tx.TakeIn(ctx, arrivals)
	for i := range arrived {
		if !arrived[i].New {
			arrived[i].LoadedThread = livedesk.LoadedThread{}
		}
	}
	return arrived, err
}

// losesDeliveries writes everything but deliveries.
type losesDeliveries struct{ livedesk.Tx }

func (t losesDeliveries) Apply(ctx context.Context, c livedesk.Changes) error {
	c.Deliveries = nil
	return t.Tx.Apply(ctx, c)
}

// losesBudgets writes everything but budgets.
type losesBudgets struct{ livedesk.Tx }

func (t losesBudgets) Apply(ctx context.Context, c livedesk.Changes) error {
	c.Budgets = nil
	return t.Tx.Apply(ctx, c)
}

// sharesBudgets takes a channel's budget for that of the channel of the same id in another workspace.
type sharesBudgets struct{ livedesk.Tx }

func (t sharesBudgets) Senders(ctx context.Context, keys []livedesk.Sender) ([]livedesk.Budget, error) {
	rows, err := t.Tx.Senders(ctx, keys)
	for i := range rows {
		if rows[i].Version == 0 {
			other, err := t.Tx.Senders(ctx, []livedesk.Sender{{Workspace: "acme", Channel: keys[i].Channel}})
			if err != nil {
				return nil, err
			}
			rows[i] = other[0]
			rows[i].Sender = keys[i]
		}
	}
	return rows, err
}

// leases finds a text once and for all.
type leases struct {
	livedesk.Tx
	seen *seen[string, bool]
}

func (t leases) Claim(ctx context.Context, c livedesk.Claim) ([]livedesk.DueText, error) {
	due, err := t.Tx.Claim(ctx, c)
	return slices.DeleteFunc(due, func(d livedesk.DueText) bool {
		_, known := t.seen.swap(d.Message.ID, true)
		return known
	}), err
}

func leasesTexts(s livedesk.Store) livedesk.Store {
	all := &seen[string, bool]{}
	return altered{Store: s, write: func(tx livedesk.Tx) livedesk.Tx { return leases{tx, all} }}
}

// staleConsent finds texts with the thread that the claim before found.
type staleConsent struct {
	livedesk.Tx
	seen *seen[livedesk.RowKey, livedesk.Thread]
}

func (t staleConsent) Claim(ctx context.Context, c livedesk.Claim) ([]livedesk.DueText, error) {
	due, err := t.Tx.Claim(ctx, c)
	for i := range due {
		at, _ := due[i].Thread.Keys()
		if was, known := t.seen.swap(at, due[i].Thread); known {
			due[i].Thread = was
		}
	}
	return due, err
}

func seesOldConsent(s livedesk.Store) livedesk.Store {
	all := &seen[livedesk.RowKey, livedesk.Thread]{}
	return altered{Store: s, write: func(tx livedesk.Tx) livedesk.Tx { return staleConsent{tx, all} }}
}

// greedyClaims takes no notice of budgets.
type greedyClaims struct{ livedesk.Tx }

func (t greedyClaims) Claim(ctx context.Context, c livedesk.Claim) ([]livedesk.DueText, error) {
	c.PerSender, c.Senders = 0, nil
	return t.Tx.Claim(ctx, c)
}

// revivesPosting finds what was being posted as if it waited.
type revivesPosting struct{ livedesk.Tx }

func (t revivesPosting) Claim(ctx context.Context, c livedesk.Claim) ([]livedesk.DueText, error) {
	due, err := t.Tx.Claim(ctx, c)
	for i := range due {
		due[i].Message.Delivery.State = livedesk.Queued
	}
	return due, err
}

// prunes is a store that prunes something else than it is asked to.
func prunes(change func(q *livedesk.Prune)) func(livedesk.Store) livedesk.Store {
	return writer(func(tx livedesk.Tx) livedesk.Tx { return prunesOther{tx, change} })
}

type prunesOther struct {
	livedesk.Tx
	change func(q *livedesk.Prune)
}

func (t prunesOther) Prune(ctx context.Context, q livedesk.Prune) (livedesk.Pruned, error) {
	t.change(&q)
	return t.Tx.Prune(ctx, q)
}

// namesTheGone goes on to name in a thread the conversation that it had last.
func namesTheGone(s livedesk.Store) livedesk.Store {
	last := &seen[string, string]{}
	return altered{Store: s, read: func(tx livedesk.ReadTx) livedesk.ReadTx { return readsTheGone{tx, last} }}
}

type readsTheGone struct {
	livedesk.ReadTx
	last *seen[string, string]
}

func (t readsTheGone) Threads(ctx context.Context, keys []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	out, err := t.ReadTx.Threads(ctx, keys)
	for i := range out {
		row := &out[i].Thread
		at := row.Channel + " " + row.Contact
		if was, known := t.last.swap(at, row.Conversation); known && row.Conversation == "" {
			row.Conversation = was
			t.last.swap(at, was)
		}
	}
	return out, err
}
