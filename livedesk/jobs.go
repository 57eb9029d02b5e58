package livedesk

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Jobs are rows: something to do later, once, by whoever comes first.
const (
	jobSnooze = "snooze" // wake a conversation
	jobServe  = "serve"  // look at a queue again
	// jobSettings: look at the queues again in which a channel's conversations wait, for its settings have changed.
	jobSettings = "settings"
	jobForget   = "forget" // forget a connection that has no channel any more
	jobRetain   = "retain" // delete what is old
)

// decisions are what the jobs decide that ask nobody but the store, by kind.
var decisions = map[string]func(u *unit, ctx context.Context, j Job) error{
	jobSnooze:   (*unit).wake,
	jobServe:    (*unit).serveLine,
	jobSettings: (*unit).serveLines,
	jobTimeout:  (*unit).endWait,
	jobAway:     (*unit).takeFromAway,
	jobAnswer:   (*unit).endSilence,
	jobSay:      (*unit).sayNow,
	jobRetain:   (*unit).retain,
	jobForget:   (*unit).forgetConnection,
	jobOpen:     (*unit).openLine,
	jobClosed:   (*unit).sayClosed,
}

// maxJobAttempts is how often a job that fails is tried; then it is parked for a day at a time, and told each time.
const maxJobAttempts = 10

func snoozeJob(c Conversation) Job {
	return Job{Workspace: c.Workspace, Key: jobSnooze + ":" + c.ID, Kind: jobSnooze, Subject: c.ID, Due: c.SnoozeUntil}
}

func serveJob(q Queue, due time.Time) Job {
	return Job{Workspace: q.Workspace, Key: jobServe + ":" + q.ID, Kind: jobServe, Subject: q.ID, Due: due}
}

func settingsJob(workspace, channelID string, due time.Time) Job {
	return Job{Workspace: workspace, Key: jobSettings + ":" + channelID, Kind: jobSettings, Subject: channelID, Due: due}
}

// workJobs claims the jobs that are due, does them, which goes on for as long as work does, and returns how many there were.
// Those that ask code of the host's, or a carrier, are left to calls.
func (e *Engine) workJobs(ctx, work context.Context, c *calls) (int, error) {
	if err := e.retainAll(ctx); err != nil {
		return 0, err
	}
	var jobs []Job
	var now time.Time
	err := e.update(ctx, func(ctx context.Context, tx Tx) (err error) {
		now = tx.Now()
		jobs, err = tx.ClaimJobs(ctx, 32, e.cfg.Lease)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("claim jobs: %w", err)
	}
	var crowded, unknown []Job
	for _, j := range jobs {
		switch {
		case j.Kind == jobUnknown: // together: they share lists
			unknown = append(unknown, j)
		case j.Kind == jobSilent:
			e.ended(work, e.workSilent(work, j), j)
		case j.Kind == jobBackfill: // may take long, so it ends with ctx, and goes on elsewhere
			if !c.beside(ctx, j.Kind, func(*sync.WaitGroup) { e.workBackfill(ctx, j) }) {
				crowded = append(crowded, j)
			}
		case c.slots[j.Kind] == nil:
			e.ended(work, e.workJob(work, j), j)
		case c.start(work, j):
		case e.tooCrowded(j, now):
			e.ended(work, e.unserved(work, j), j)
		default:
			crowded = append(crowded, j)
		}
	}
	if len(unknown) > 0 {
		e.ended(work, c.workUnknown(work, unknown), unknown...)
	}
	return len(jobs), e.putBack(ctx, now, crowded)
}

// ended sees to jobs that failed.
func (e *Engine) ended(ctx context.Context, err error, jobs ...Job) {
	if err == nil {
		return
	}
	for _, j := range jobs {
		e.logError("job failed", err, slog.String("kind", j.Kind), slog.String("key", j.Key), slog.Int("attempt", j.Attempts))
		e.postpone(ctx, j)
	}
}

// workJob does one job and removes it, in one transaction.
func (e *Engine) workJob(ctx context.Context, j Job) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if j.Kind == jobSettings || j.Kind == jobOpen { // which another process may have changed just now
		if err := e.snap.refresh(ctx); err != nil {
			return err
		}
	}
	return e.Desk(j.Workspace).act(ctx, "job "+j.Key, func(ctx context.Context, u *unit) error {
		if j.Kind != jobClosed { // which has something to load, and then the time costs nothing
			u.begun()
		}
		decide, known := decisions[j.Kind]
		if !known { // of a newer version of the library: left to it
			u.jobs = append(u.jobs, JobChange{Job: moved(j, u.now.Add(time.Minute))})
			return nil
		}
		// A job that the work itself schedules again has another fence by then, and stays.
		u.jobs = append(u.jobs, JobChange{Job: j, Done: true})
		return decide(u, ctx, j)
	})
}

// postpone puts a job off that failed.
func (e *Engine) postpone(ctx context.Context, j Job) {
	pause := time.Second << min(j.Attempts, 12)
	if j.Attempts >= maxJobAttempts {
		pause = 24 * time.Hour
	}
	e.putOff(ctx, j, pause)
}

func (e *Engine) putOff(ctx context.Context, j Job, pause time.Duration) {
	err := e.update(ctx, func(ctx context.Context, tx Tx) error {
		return tx.Apply(ctx, Changes{Jobs: []JobChange{{Job: moved(j, tx.Now().Add(pause))}}})
	})
	if err != nil {
		e.logError("job was left to its lease", err, slog.String("kind", j.Kind))
	}
}

func moved(j Job, due time.Time) Job {
	j.Due = due
	return j
}

// wake ends a snooze whose time has come. One that was moved or ended since is left alone.
func (u *unit) wake(ctx context.Context, j Job) error {
	threads, asked, err := u.load(ctx, []ThreadKey{{Workspace: j.Workspace, Conversation: j.Subject}})
	if err != nil {
		return err
	}
	t, c := threads[0], asked[0]
	if c == nil || c.now.State != Snoozed || c.now.SnoozeUntil.IsZero() || u.now.Before(c.now.SnoozeUntil) {
		return nil
	}
	tr, err := follow(c.now.State, wakes)
	if err != nil {
		return err
	}
	u.enter(c, tr, Actor{}, "time reached")
	u.wantAgain(t, c, tr)
	return nil
}

// serveLine gives places to those who wait in a line, if there are any.
func (u *unit) serveLine(_ context.Context, j Job) error {
	u.onQueue(j.Workspace, j.Subject, nil)
	return nil
}

// serveLines serves the lines in which conversations of a channel wait: its limit and its mode count for them wherever they do.
func (u *unit) serveLines(ctx context.Context, j Job) error {
	u.onQueue(j.Workspace, ChannelQueue(j.Subject), nil)
	u.awaitOpening(j.Workspace, ChannelQueue(j.Subject)) // where its humans wait for one since, or for another
	q := ConversationQuery{Workspace: j.Workspace, Channel: j.Subject, States: []State{Open}, Unassigned: true, Limit: 1000}
	for {
		list, err := u.tx.Conversations(ctx, q)
		for _, c := range list {
			if c.Queue != "" {
				u.onQueue(j.Workspace, c.Queue, nil)
			}
		}
		if err != nil || len(list) < q.Limit {
			return err
		}
		last := list[len(list)-1]
		q.After = &Mark{last.ActiveAt, last.ID}
	}
}
