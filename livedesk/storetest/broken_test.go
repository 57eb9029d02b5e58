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

// unlocked runs a function on a view that stands still and writes at its end: nobody is locked out.
type unlocked struct{ livedesk.Store }

func (s unlocked) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) error {
	d := &deferred{}
	err := s.Store.View(ctx, func(ctx context.Context, tx livedesk.ReadTx) error {
		d.view = tx
		return fn(ctx, d)
	})
	if err != nil {
		return err
	}
	time.Sleep(time.Millisecond) // room for others
	return s.Store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		for _, c := range d.changes {
			if err := tx.Apply(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// deferred is a transaction that only Queues, Agents and Apply are used of.
type deferred struct {
	livedesk.Tx // nil
	view        livedesk.ReadTx
	changes     []livedesk.Changes
}

func (d *deferred) Now() time.Time { return d.view.Now() }

func (d *deferred) Queues(ctx context.Context, q livedesk.QueueQuery) ([]livedesk.Queue, error) {
	return d.view.Queues(ctx, q)
}

func (d *deferred) Agents(ctx context.Context, workspace string, ids []string) ([]livedesk.Agent, error) {
	return d.view.Agents(ctx, workspace, ids)
}

func (d *deferred) Threads(ctx context.Context, k []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	return d.view.Threads(ctx, k)
}

func (d *deferred) Messages(ctx context.Context, k []livedesk.MessageKey) ([]livedesk.Message, error) {
	return d.view.Messages(ctx, k)
}

func (d *deferred) Conversations(ctx context.Context, q livedesk.ConversationQuery) ([]livedesk.Conversation, error) {
	return d.view.Conversations(ctx, q)
}

func (d *deferred) Apply(_ context.Context, c livedesk.Changes) error {
	d.changes = append(d.changes, c)
	return nil
}

// onlyAssignments is unlocked for what locks queues, and sound for the rest.
type onlyAssignments struct{ livedesk.Store }

func (s onlyAssignments) Update(ctx context.Context, fn func(context.Context, livedesk.Tx) error) (err error) {
	// The calls that deferred lacks panic on its nil transaction; then the sound store does it.
	defer func() {
		if recover() != nil {
			err = s.Store.Update(ctx, fn)
		}
	}()
	return unlocked(s).Update(ctx, fn)
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

// forgetsKeys finds every key new.
type forgetsKeys struct{ livedesk.Tx }

func (t forgetsKeys) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]bool, error) {
	_, err := t.Tx.TakeIn(ctx, arrivals)
	return slices.Repeat([]bool{true}, len(arrivals)), err
}

// missesTwins finds both of two equal keys in one call new.
type missesTwins struct{ livedesk.Tx }

func (t missesTwins) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]bool, error) {
	fresh, err := t.Tx.TakeIn(ctx, arrivals)
	for i := range fresh {
		for j := range i {
			fresh[i] = fresh[i] || fresh[j] && arrivals[i].Key == arrivals[j].Key && arrivals[i].Key != ""
		}
	}
	return fresh, err
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

// manyLive takes a second live conversation of a contact, as one of a contact of another name.
type manyLive struct{ livedesk.Tx }

func (t manyLive) Apply(ctx context.Context, c livedesk.Changes) error {
	err := t.Tx.Apply(ctx, c)
	if !errors.Is(err, livedesk.ErrExists) || len(c.Conversations) == 0 {
		return err
	}
	c.Conversations = slices.Clone(c.Conversations)
	for i := range c.Conversations {
		c.Conversations[i].Contact += " " + c.Conversations[i].ID
	}
	return t.Tx.Apply(ctx, c)
}

// halfApplies leaves behind what it wrote before it failed.
type halfApplies struct{ livedesk.Tx }

func (t halfApplies) Apply(ctx context.Context, c livedesk.Changes) error {
	first := livedesk.Changes{Contacts: c.Contacts}
	c.Contacts = nil
	if err := t.Tx.Apply(ctx, first); err != nil {
		return err
	}
	return t.Tx.Apply(ctx, c)
}

// poisoned answers every call with an error after one failed.
type poisoned struct {
	livedesk.Tx
	failed error
}

func (t *poisoned) Apply(ctx context.Context, c livedesk.Changes) error {
	if t.failed == nil {
		t.failed = t.Tx.Apply(ctx, c)
	}
	return t.failed
}

// staleFences claims without raising the fence.
type staleFences struct{ livedesk.Tx }

func (t staleFences) Claim(ctx context.Context, c livedesk.Claim) ([]livedesk.Message, error) {
	rows, err := t.Tx.Claim(ctx, c)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].Delivery.Fence--
	}
	if err := t.Tx.Apply(ctx, livedesk.Changes{Messages: rows}); err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].Version++
	}
	return rows, nil
}

// greedyClaims takes no notice of budgets.
type greedyClaims struct{ livedesk.Tx }

func (t greedyClaims) Claim(ctx context.Context, c livedesk.Claim) ([]livedesk.Message, error) {
	c.PerSender, c.Senders = 0, nil
	return t.Tx.Claim(ctx, c)
}

// revivesPosting puts what was being posted back to claimed.
type revivesPosting struct{ livedesk.Tx }

func (t revivesPosting) Claim(ctx context.Context, c livedesk.Claim) ([]livedesk.Message, error) {
	rows, err := t.Tx.Claim(ctx, c)
	for i := range rows {
		rows[i].Delivery.State = livedesk.Claimed
	}
	return rows, err
}

// cancelsLate runs Cancels after Messages.
type cancelsLate struct{ livedesk.Tx }

func (t cancelsLate) Apply(ctx context.Context, c livedesk.Changes) error {
	cancels := c.Cancels
	c.Cancels = nil
	if err := t.Tx.Apply(ctx, c); err != nil {
		return err
	}
	return t.Tx.Apply(ctx, livedesk.Changes{Cancels: cancels})
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
