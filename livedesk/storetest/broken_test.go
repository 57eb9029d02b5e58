package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Stores that break one clause each, around a sound one.

// keepsFailures commits whatever the function answers.
type keepsFailures struct{ livedesk.Store }

func (s keepsFailures) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	var failed error
	err := s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		failed = fn(ctx, tx)
		return nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// keepsPanics commits what a function did before it panicked.
type keepsPanics struct{ livedesk.Store }

func (s keepsPanics) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	var raised any
	err := s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		defer func() { raised = recover() }()
		return fn(ctx, tx)
	})
	if raised != nil {
		panic(raised)
	}
	return err
}

// swallowsPanics turns a panic into an error.
type swallowsPanics struct{ livedesk.Store }

func (s swallowsPanics) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	return s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("recovered: %v", r)
			}
		}()
		return fn(ctx, tx)
	})
}

// ignoresContext commits although ctx ended.
type ignoresContext struct{ livedesk.Store }

func (s ignoresContext) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	return s.Store.Update(context.WithoutCancel(ctx), fn)
}

// wrapsErrors answers with errors of its own.
type wrapsErrors struct{ livedesk.Store }

func (s wrapsErrors) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	if err := s.Store.Update(ctx, fn); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return nil
}

// sharesFate fails every closure that waited while another failed, as a group commit without savepoints does.
type sharesFate struct {
	livedesk.Store
	failures atomic.Int64
}

func (s *sharesFate) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	before := s.failures.Load()
	return s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) (err error) {
		ended := false
		defer func() {
			if !ended || err != nil {
				s.failures.Add(1)
			}
		}()
		err = fn(ctx, tx)
		ended = true
		if err == nil && s.failures.Load() != before {
			err = errors.New("somebody else failed")
		}
		return err
	})
}

// nests takes a transaction inside a transaction for another one.
type nests struct {
	livedesk.Store
	spare livedesk.Store
}

func (s nests) View(ctx context.Context, fn func(context.Context, livedesk.ReadTx) error) error {
	if err := s.Store.View(ctx, fn); !errors.Is(err, livedesk.ErrNested) {
		return err
	}
	return s.spare.View(ctx, fn)
}

// unlocked runs a function on a view that stands still and writes at its end: transactions run side by side, and nobody is
// locked out. What TakeIn does is committed at once.
type unlocked struct{ livedesk.Store }

func (s unlocked) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	d := &deferred{s: s.Store, outside: ctx}
	err := s.Store.View(ctx, func(ctx context.Context, tx livedesk.ReadTx) error {
		d.ReadTx = tx
		return fn(ctx, d)
	})
	if err != nil || d.changes == nil {
		return err
	}
	time.Sleep(time.Millisecond) // room for others
	return s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, *d.changes) })
}

// deferred is a transaction of an unlocked store.
type deferred struct {
	livedesk.ReadTx
	s       livedesk.Store
	outside context.Context
	changes *livedesk.Changes
}

// apart runs what a ReadTx can't in a transaction of its own.
func (d *deferred) apart(fn func(ctx context.Context, tx livedesk.Tx) error) error {
	return d.s.Update(d.outside, fn)
}

func (d *deferred) TakeIn(_ context.Context, arrivals []livedesk.Arrival) (out []livedesk.Arrived, err error) {
	err = d.apart(func(ctx context.Context, tx livedesk.Tx) error {
		out, err = tx.TakeIn(ctx, arrivals)
		return err
	})
	return out, err
}

func (d *deferred) Claim(_ context.Context, c livedesk.Claim) (out []livedesk.DueText, err error) {
	err = d.apart(func(ctx context.Context, tx livedesk.Tx) error {
		out, err = tx.Claim(ctx, c)
		return err
	})
	return out, err
}

func (d *deferred) Senders(_ context.Context, keys []livedesk.Sender) (out []livedesk.Budget, err error) {
	err = d.apart(func(ctx context.Context, tx livedesk.Tx) error {
		out, err = tx.Senders(ctx, keys)
		return err
	})
	return out, err
}

func (d *deferred) ClaimJobs(_ context.Context, limit int, lease time.Duration) (out []livedesk.Job, err error) {
	err = d.apart(func(ctx context.Context, tx livedesk.Tx) error {
		out, err = tx.ClaimJobs(ctx, limit, lease)
		return err
	})
	return out, err
}

func (d *deferred) Prune(_ context.Context, p livedesk.Prune) (out livedesk.Pruned, err error) {
	err = d.apart(func(ctx context.Context, tx livedesk.Tx) error {
		out, err = tx.Prune(ctx, p)
		return err
	})
	return out, err
}

func (d *deferred) Apply(_ context.Context, c livedesk.Changes) error {
	d.changes = &c
	return nil
}

// altered is a store whose transactions are changed on the way.
type altered struct {
	livedesk.Store
	read  func(livedesk.ReadTx) livedesk.ReadTx
	write func(livedesk.Tx) livedesk.Tx
}

func (s altered) View(ctx context.Context, fn func(context.Context, livedesk.ReadTx) error) error {
	if s.read == nil {
		return s.Store.View(ctx, fn)
	}
	return s.Store.View(ctx, func(ctx context.Context, tx livedesk.ReadTx) error { return fn(ctx, s.read(tx)) })
}

func (s altered) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	if s.write == nil {
		return s.Store.Update(ctx, fn)
	}
	return s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return fn(ctx, s.write(tx)) })
}

// ignoresVersions writes whatever the version.
type ignoresVersions struct{ livedesk.Tx }

func (t ignoresVersions) Apply(ctx context.Context, c livedesk.Changes) error {
	c.Conversations = slices.Clone(c.Conversations)
	for i := range c.Conversations {
		row := &c.Conversations[i]
		if row.Version == 0 {
			continue
		}
		stored, err := t.Conversations(ctx, livedesk.ConversationQuery{Workspace: row.Workspace, IDs: []string{row.ID}})
		if err != nil {
			return err
		}
		if len(stored) == 1 {
			row.Version = stored[0].Version
		}
	}
	return t.Tx.Apply(ctx, c)
}

// again is a store that does something with the changes of an Update when that has ended: a second one of its own, say.
type again struct {
	livedesk.Store
	before func(c livedesk.Changes) livedesk.Changes // what the Update applies instead; may be nil
	after  func(ctx context.Context, s livedesk.Store, c livedesk.Changes, err error) error
}

func (s again) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	spy := &spied{before: s.before}
	err := s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		spy.Tx = tx
		return fn(ctx, spy)
	})
	if spy.applied == nil || ctx.Err() != nil {
		return err
	}
	return s.after(ctx, s.Store, *spy.applied, err)
}

type spied struct {
	livedesk.Tx
	before  func(c livedesk.Changes) livedesk.Changes
	applied *livedesk.Changes
}

func (t *spied) Apply(ctx context.Context, c livedesk.Changes) error {
	t.applied = &c
	if t.before != nil {
		c = t.before(c)
	}
	return t.Tx.Apply(ctx, c)
}

func apply(ctx context.Context, s livedesk.Store, c livedesk.Changes) error {
	return s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, c) })
}

// manyLive takes a second live conversation of a contact, as one of a contact of another name.
func manyLive(s livedesk.Store) livedesk.Store {
	return again{Store: s, after: func(ctx context.Context, s livedesk.Store, c livedesk.Changes, err error) error {
		if !errors.Is(err, livedesk.ErrExists) || len(c.Conversations) == 0 {
			return err
		}
		c.Conversations = slices.Clone(c.Conversations)
		for i := range c.Conversations {
			c.Conversations[i].Contact += " " + c.Conversations[i].ID
		}
		return apply(ctx, s, c)
	}}
}

// halfApplies leaves behind what it wrote before it was refused.
func halfApplies(s livedesk.Store) livedesk.Store {
	return again{Store: s, after: func(ctx context.Context, s livedesk.Store, c livedesk.Changes, err error) error {
		if errors.Is(err, livedesk.ErrExists) || errors.Is(err, livedesk.ErrConflict) {
			_ = apply(ctx, s, livedesk.Changes{Contacts: c.Contacts})
		}
		return err
	}}
}

// picky looks before it applies, so that the store behind it has nothing to refuse, and commits what came before.
type picky struct{ livedesk.Tx }

func (t picky) Apply(ctx context.Context, c livedesk.Changes) error {
	for _, row := range c.Conversations {
		stored, err := t.Conversations(ctx, livedesk.ConversationQuery{Workspace: row.Workspace, IDs: []string{row.ID}})
		if err != nil {
			return err
		}
		if len(stored) == 1 && stored[0].Version != row.Version {
			return livedesk.ErrConflict
		}
	}
	return t.Tx.Apply(ctx, c)
}

// cancelsLate runs Cancels after Messages.
func cancelsLate(s livedesk.Store) livedesk.Store {
	return again{Store: s, before: func(c livedesk.Changes) livedesk.Changes {
		c.Cancels = nil
		return c
	}, after: func(ctx context.Context, s livedesk.Store, c livedesk.Changes, err error) error {
		if err != nil || len(c.Cancels) == 0 {
			return err
		}
		return apply(ctx, s, livedesk.Changes{Cancels: c.Cancels})
	}}
}

// forgivesFences ends jobs under any fence.
type forgivesFences struct{ livedesk.Tx }

func (t forgivesFences) Apply(ctx context.Context, c livedesk.Changes) error {
	c.Jobs = slices.Clone(c.Jobs)
	for i := range c.Jobs {
		if c.Jobs[i].Done {
			c.Jobs[i].Fence = 0
		}
	}
	return t.Tx.Apply(ctx, c)
}

// skipsRevisions hides an object that changed just now from whoever follows the revisions, until another changed: as a
// store does that numbers changes before it commits them.
type skipsRevisions struct{ livedesk.ReadTx }

func (t skipsRevisions) Objects(ctx context.Context, q livedesk.ObjectQuery) ([]livedesk.Object, error) {
	rows, err := t.ReadTx.Objects(ctx, q)
	if q.AfterRevision != nil && len(rows) > 1 {
		rows = append(rows[:len(rows)-2], rows[len(rows)-1])
	}
	return rows, err
}

// crossesWorkspaces finds contacts of another workspace.
type crossesWorkspaces struct{ livedesk.ReadTx }

func (t crossesWorkspaces) Contacts(ctx context.Context, workspace string, ids []string) ([]livedesk.Contact, error) {
	rows, err := t.ReadTx.Contacts(ctx, workspace, ids)
	for i := range rows {
		if rows[i].ID == "" {
			other, err := t.ReadTx.Contacts(ctx, "acme", ids[i:i+1])
			if err != nil {
				return nil, err
			}
			rows[i] = other[0]
		}
	}
	return rows, err
}

// dropsEqualTimes goes on behind a mark's time, and so loses those of the same time.
type dropsEqualTimes struct{ livedesk.ReadTx }

func (t dropsEqualTimes) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	rows, err := t.ReadTx.Conversations(ctx, q)
	if q.After != nil {
		rows = slices.DeleteFunc(rows, func(c livedesk.Conversation) bool { return c.ActiveAt.Equal(q.After.At) })
	}
	return rows, err
}

// miscounts counts texts as queued whose outcome is open, and as parked only what is due.
type miscounts struct {
	livedesk.Store
	sound livedesk.MeasuredStore
}

func (s miscounts) CountTexts(ctx context.Context, workspace, channel string) (livedesk.TextCounts, error) {
	n, err := s.sound.CountTexts(ctx, workspace, channel)
	n.Queued += n.Unknown + n.Unconfirmed
	return n, err
}

func (s miscounts) CountJobs(ctx context.Context, parked int) (livedesk.JobCounts, error) {
	n, err := s.sound.CountJobs(ctx, parked)
	n.Parked = min(n.Parked, n.Due)
	return n, err
}

// lendsRows gives out the caller's own labels and attributes again.
type lendsRows struct {
	mu     sync.Mutex
	labels map[string][]string
	maps   map[string]map[string]string
}

func (l *lendsRows) remember(c livedesk.Changes) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, row := range c.Conversations {
		l.labels[row.ID], l.maps[row.ID] = row.Labels, row.Attributes
	}
}

type lendingTx struct {
	livedesk.Tx
	l *lendsRows
}

func (t lendingTx) Apply(ctx context.Context, c livedesk.Changes) error {
	t.l.remember(c)
	return t.Tx.Apply(ctx, c)
}

type lendingView struct {
	livedesk.ReadTx
	l *lendsRows
}

func (t lendingView) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	rows, err := t.ReadTx.Conversations(ctx, q)
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	for i := range rows {
		if _, known := t.l.labels[rows[i].ID]; known {
			rows[i].Labels, rows[i].Attributes = t.l.labels[rows[i].ID], t.l.maps[rows[i].ID]
		}
	}
	return rows, err
}

// lends returns a store whose rows share slices and maps with those who wrote them.
func lends(s livedesk.Store) livedesk.Store {
	l := &lendsRows{labels: map[string][]string{}, maps: map[string]map[string]string{}}
	return altered{
		Store: s,
		read:  func(tx livedesk.ReadTx) livedesk.ReadTx { return lendingView{tx, l} },
		write: func(tx livedesk.Tx) livedesk.Tx { return lendingTx{tx, l} },
	}
}
