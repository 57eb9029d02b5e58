package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Feature is something that a store may lack. A store that does is no store for production; the exception is for one
// that is being written, or that serves a single purpose.
type Feature string

// The features that can be left out with [Without].
const (
	// ConcurrentWriters means that Update may be called from many goroutines at once.
	ConcurrentWriters Feature = "concurrent writers"
	// ConcurrentViews means that a View neither waits for an Update nor makes one wait, and keeps its moment.
	ConcurrentViews Feature = "concurrent views"
	// Closing means that the store has a method Close() error. A store without one is skipped by itself.
	Closing Feature = "closing"
	// Reopening means that what is stored outlives the store's Close. Without [WithReopen] it is left out by itself.
	Reopening Feature = "reopening"
	// LargeTexts means that a text of a mebibyte is kept.
	LargeTexts Feature = "large texts"
)

// Option changes how [Run] treats a store.
type Option func(*config)

type config struct {
	without []Feature
	advance func(time.Duration)
	reopen  func(t *testing.T, s livedesk.Store) livedesk.Store
}

// Without leaves out the cases that need one of these features. They are reported as skipped.
func Without(features ...Feature) Option {
	return func(c *config) { c.without = append(c.without, features...) }
}

// WithClock says how to move the clock of the stores that open returns: advance is called with how far, while no
// transaction runs. With it nothing waits for a lease to lapse; without it such cases use short leases and wait.
// One clock may serve all stores, since [Run] opens one at a time.
func WithClock(advance func(d time.Duration)) Option {
	return func(c *config) { c.advance = advance }
}

// WithReopen says how to close a store that open returned and to open what it stored again, as after a restart of the
// process. reopen is called while no transaction runs; it returns the new Store, which it cleans up after by itself, and
// ends the test when it can't. With it Run also tests what must survive: among others the fences, which a row's JSON leaves
// out, and the counters.
func WithReopen(reopen func(t *testing.T, s livedesk.Store) livedesk.Store) Option {
	return func(c *config) { c.reopen = reopen }
}

func configure(opts []Option) (c config) {
	for _, o := range opts {
		o(&c)
	}
	return c
}

// caseTimeout bounds one case; the slowest takes seconds on a slow disk, and minutes where many suites share a machine.
const caseTimeout = 10 * time.Minute

// Run tests whether the stores that open returns keep the contract. open must return a fresh and empty store for each
// call and clean up after it by itself (t.Cleanup). Cases run one after the other.
func Run(t *testing.T, open func(t *testing.T) livedesk.Store, opts ...Option) {
	t.Helper()
	cfg := configure(opts)
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.Clause, func(t *testing.T) { runCase(t, c, open, cfg) })
			}
		})
	}
}

func runCase(t *testing.T, c Case, open func(t *testing.T) livedesk.Store, cfg config) {
	for _, f := range c.Needs {
		if slices.Contains(cfg.without, f) {
			t.Skipf("left out: the store is tested without %s", f)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	defer cancel()
	var reopen func(livedesk.Store) (livedesk.Store, error)
	if cfg.reopen != nil {
		reopen = func(s livedesk.Store) (livedesk.Store, error) { return cfg.reopen(t, s), nil }
	}
	err := c.CheckReopening(ctx, open(t), cfg.advance, reopen)
	if skipped := new(SkipError); errors.As(err, &skipped) {
		t.Skip(skipped.Why)
	}
	if err != nil {
		t.Errorf("%s: %s doesn't hold: %v", c.Group, c.Clause, err)
	}
}

// Case is one clause of the contract.
type Case struct {
	Group  string    // what it is about: "TakeIn"
	Clause string    // the clause as a sentence, unique in its group
	Needs  []Feature // features without which it can't be tested

	run func(ctx context.Context, p *probe)
}

// SkipError is the answer of a case that doesn't apply to a store.
type SkipError struct{ Why string }

// Error implements error.
func (e *SkipError) Error() string { return "skipped: " + e.Why }

// Check runs the case on a fresh and empty store and returns what is wrong, or nil, or a [*SkipError]. advance moves the
// store's clock and may be nil, see [WithClock]. A panic on the calling goroutine is an error too. A case that needs
// [Reopening] is skipped, see CheckReopening.
func (c Case) Check(ctx context.Context, s livedesk.Store, advance func(time.Duration)) error {
	return c.CheckReopening(ctx, s, advance, nil)
}

// CheckReopening is like Check for a store that reopen closes and opens again, see [WithReopen]; nil means that it can't be.
func (c Case) CheckReopening(ctx context.Context, s livedesk.Store, advance func(time.Duration),
	reopen func(livedesk.Store) (livedesk.Store, error)) (err error) {
	p := &probe{Store: s, advance: advance, reopen: reopen}
	defer func() {
		if r := recover(); r != nil && !p.broken() {
			err = fmt.Errorf("panic: %v", r)
			return
		}
		err = p.verdict()
	}()
	c.run(ctx, p)
	return nil
}

type group struct {
	name  string
	cases []Case
}

// clause makes a case; its group is filled in by groups.
func clause(sentence string, run func(ctx context.Context, p *probe), needs ...Feature) Case {
	return Case{Clause: sentence, Needs: needs, run: run}
}

func groups() []group {
	all := []group{
		{"transactions", transactionCases()},
		{"rows", rowCases()},
		{"copies", copyCases()},
		{"TakeIn", takeInCases()},
		{"Threads", threadCases()},
		{"conversations", conversationCases()},
		{"messages", messageCases()},
		{"Deliveries", deliveryCases()},
		{"Claim", claimCases()},
		{"Cancels", cancelCases()},
		{"jobs", jobCases()},
		{"agents", agentCases()},
		{"queues", queueCases()},
		{"budgets", budgetCases()},
		{"objects", objectCases()},
		{"lists", listCases()},
		{"timeline", timelineCases()},
		{"counts", countCases()},
		{"consents", consentCases()},
		{"Prune", pruneCases()},
		{"workspaces", workspaceCases()},
		{"reopening", reopenCases()},
		{"locks", lockCases()},
		{"concurrency", concurrencyCases()},
	}
	for _, g := range all {
		for i := range g.cases {
			g.cases[i].Group = g.name
		}
	}
	return all
}

// Cases returns all clauses.
func Cases() []Case {
	var all []Case
	for _, g := range groups() {
		all = append(all, g.cases...)
	}
	return all
}
