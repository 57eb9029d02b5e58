package livedesk

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"
)

// keysKept is how long the keys of what came in are kept: no carrier repeats a webhook after that, and backfill doesn't look
// so far back.
const keysKept = 400 * 24 * time.Hour

// pruneSlice is how much one transaction deletes: so little that a text which comes for one of these conversations waits no
// longer than for another text.
const pruneSlice = 1000

// retentionEvery is how often a workspace's old rows are looked for.
const retentionEvery = 24 * time.Hour

// retentionJob is the one that a workspace has for good: after each slice it puts itself in place again.
func retentionJob(workspace string, due time.Time) JobChange {
	return JobChange{Job: Job{Workspace: workspace, Key: jobRetain, Kind: jobRetain, Due: due}}
}

// retained is which workspaces a process has seen to.
type retained struct {
	mu         sync.Mutex
	upTo       *snapshot // whose workspaces all have been
	workspaces map[string]bool
}

// retainAll sees to it that every workspace that has a channel has its job, once in the life of a process: whatever became of
// the one that was put there before, and also where nothing happens any more.
func (e *Engine) retainAll(ctx context.Context) error {
	r, snap := &e.retained, e.snap.load()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.upTo == snap {
		return nil
	}
	fresh := map[string]bool{}
	for key := range snap.channels {
		if !r.workspaces[key.workspace] {
			fresh[key.workspace] = true
		}
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(fresh)), 100) {
		err := e.update(ctx, func(ctx context.Context, tx Tx) error {
			var c Changes
			for _, w := range part {
				c.Jobs = append(c.Jobs, retentionJob(w, tx.Now().Add(spread(w))))
			}
			return tx.Apply(ctx, c)
		})
		if err != nil {
			return fmt.Errorf("schedule retention: %w", err)
		}
	}
	if r.workspaces == nil {
		r.workspaces = map[string]bool{}
	}
	maps.Copy(r.workspaces, fresh)
	r.upTo = snap
	return nil
}

// spread is when within ten minutes of a process's start a workspace has its turn, so that thousands don't have it at once, and
// a fleet that restarts often gets to it all the same.
func spread(workspace string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(workspace))
	return time.Duration(h.Sum32()%600) * time.Second
}

// What a run of the job deletes: content until there is no more, then keys, each in transactions of their own, so that nobody
// waits for keys who only wants to write.
const (
	pruneContent = ""
	pruneKeys    = "keys"
)

// retain deletes one slice of what is old in a workspace. While there is more the next slice is due at once, behind whatever
// else is; else tomorrow.
func (u *unit) retain(ctx context.Context, j Job) error {
	p, next := Prune{Workspace: j.Workspace, Limit: pruneSlice}, retentionJob(j.Workspace, u.now)
	switch keep := u.e.cfg.Retention; {
	case j.Subject == pruneKeys:
		p.KeysBefore = u.now.Add(-keysKept)
	case keep > 0:
		p.Before = u.now.Add(-keep)
	}
	done, err := u.tx.Prune(ctx, p)
	switch next.Subject = j.Subject; {
	case err != nil:
		return err
	case done.More:
	case j.Subject == pruneContent:
		next.Subject = pruneKeys
	default:
		next.Subject, next.Due = pruneContent, u.now.Add(retentionEvery)
	}
	u.jobs = append(u.jobs, next)
	return nil
}
