package livedesk

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/livedesk/livedesk-go/sms"
)

// Engine runs the desks of one Store: it takes webhooks in, decides, and delivers. Any number of engines, in any
// number of processes, may share a Store that allows it. It is safe for concurrent use.
type Engine struct {
	store     Store
	cfg       Config
	log       *slog.Logger
	providers map[string]sms.Provider
	ais       map[string]AIConfig
	own       map[string]*opening // Config.BusinessHours

	snap      *snapshots
	hooks     *hookQueue
	intake    *batcher[arrival]
	receipts  *batcher[receipt]
	deeds     *batcher[*deed]
	answers   *batcher[*answer]
	limits    *limits
	healths   *healths
	listings  *listings
	backfills backfills

	aiHealths  aiHealths
	wakeOutbox chan struct{}
	wakeJobs   chan struct{}
	running    atomic.Bool
	loops      loopStates
	ignored    atomic.Int64
	sweeps     sweeper
	retained   retained
	news       receiptNews
	stuck      stuck
}

// New returns an engine on the store. It starts no goroutine and asks the store nothing. The error holds every problem
// of cfg, each a [ValidationError].
func New(store Store, cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	if store == nil {
		return nil, invalid("store", "is nil")
	}
	if err := cfg.check(durable(store)); err != nil {
		return nil, err
	}
	e := &Engine{
		store:      store,
		cfg:        cfg,
		log:        cfg.Logger,
		providers:  make(map[string]sms.Provider, len(cfg.Providers)),
		ais:        make(map[string]AIConfig, len(cfg.AIAgents)),
		own:        make(map[string]*opening, len(cfg.BusinessHours)),
		limits:     newLimits(),
		healths:    newHealths(),
		listings:   newListings(),
		wakeOutbox: make(chan struct{}, 1),
		wakeJobs:   make(chan struct{}, 1),
	}
	for _, p := range cfg.Providers {
		e.providers[p.Name()] = p
	}
	for _, a := range cfg.AIAgents {
		e.ais[a.Name] = a
	}
	for id, h := range cfg.BusinessHours {
		e.own[id] = &opening{e: e, id: id, hours: h}
	}
	e.snap = newSnapshots(e)
	e.hooks = newHookQueue(cfg.Hooks, e.log)
	e.intake = newBatcher(e.log, maxTakeIn, arrival.thread, e.takeIn)
	e.intake.ended = e.arrived
	e.receipts = newBatcher(e.log, maxTakeIn, receipt.message, e.receive)
	e.deeds = newBatcher(e.log, maxTakeIn, (*deed).about, e.doDeeds)
	e.answers = newBatcher(e.log, maxTakeIn, nil, e.storeAnswers)
	e.answers.most = answerFlights
	return e, nil
}

// storeTimeout is how long one transaction of the background's may take.
const storeTimeout = 5 * time.Second

// update runs fn in a transaction of the background's, again if it only lost to others. Each try has a time limit: one
// over a connection that is dead without anybody having noticed must not hold a loop up for ever.
func (e *Engine) update(ctx context.Context, fn func(context.Context, Tx) error) error {
	return retry(ctx, maxTries, func() error {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		return e.store.Update(ctx, fn)
	})
}

// Desk returns the handle of one workspace (a tenant; "main" will do where there is only one). It costs nothing and
// asks nothing: a workspace exists as soon as something is put into it. Nothing crosses between workspaces.
func (e *Engine) Desk(workspace string) *Desk { return &Desk{e: e, workspace: workspace} }

// Ignored returns how many events of webhooks were acknowledged without effect since the engine began: receipts for
// texts that aren't ours, numbers that no channel has, kinds of event that we don't know.
func (e *Engine) Ignored() int64 { return e.ignored.Load() }

func durable(s Store) bool {
	d, ok := s.(DurableStore)
	return !ok || d.Durable()
}

// signal wakes a loop that waits on c; a wake-up that is pending is enough for all.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// logError is the one place where background failures are told.
func (e *Engine) logError(msg string, err error, attrs ...slog.Attr) {
	if errors.Is(err, ErrClosed) {
		return
	}
	e.log.LogAttrs(context.Background(), slog.LevelError, msg, append(attrs, slog.Any("error", err))...)
}

// maxTakeIn is how many waiting requests share one transaction.
const maxTakeIn = 256
