package sqlitestore

import (
	"context"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlDueJobs = `SELECT ` + jobColumns + ` FROM jobs WHERE due <= ? ORDER BY due, workspace, key LIMIT ?`

	sqlLeaseJob = `UPDATE jobs SET due = ?, fence = ?, attempts = ? WHERE workspace = ? AND key = ?`

	sqlPutJob = `INSERT INTO jobs (workspace, key, kind, subject, due, fence, attempts) VALUES (?, ?, ?, ?, ?, ?, 0)
		ON CONFLICT (workspace, key) DO UPDATE SET kind = excluded.kind, subject = excluded.subject, due = excluded.due,
		fence = excluded.fence, attempts = 0`

	sqlMoveJob = `UPDATE jobs SET due = ? WHERE workspace = ? AND key = ? AND fence = ?`

	sqlEndJob = `DELETE FROM jobs WHERE workspace = ? AND key = ? AND fence = ?`

	sqlRemoveJob = `DELETE FROM jobs WHERE workspace = ? AND key = ?`

	sqlCount = `UPDATE counters SET value = value + ? WHERE name = ? RETURNING value`
)

// next reserves n numbers of a counter and returns the first.
func (t *tx) next(counter string, n int) (int64, error) {
	last, found, err := one(&t.reader, scanNumber, sqlCount, n, counter)
	if err == nil && !found {
		err = fmt.Errorf("counter %s is missing", counter)
	}
	return last - int64(n) + 1, err
}

// ClaimJobs implements [livedesk.Tx]. It costs two statements and one for each job. Fences come from one counter of the
// file, so that no job, not even one that is put in place again under the same key, ever has a fence for the second
// time.
func (t *tx) ClaimJobs(ctx context.Context, limit int, lease time.Duration) (out []livedesk.Job, err error) {
	if limit < 1 {
		return nil, errLimit
	}
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	out, err = all(&t.reader, nil, scanJob, sqlDueJobs, micros(t.now), limit)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	err = t.change(ctx, func() error {
		fence, err := t.next("fence", len(out))
		if err != nil {
			return fmt.Errorf("claim jobs: %w", err)
		}
		for i := range out {
			j := &out[i]
			j.Lease(t.now, lease, fence+int64(i))
			if _, err := t.exec(sqlLeaseJob, micros(j.Due), j.Fence, j.Attempts, j.Workspace, j.Key); err != nil {
				return fmt.Errorf("claim job %s: %w", j.Key, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// applyJobs puts, moves and ends jobs. Done with Fence 0 removes whatever is there.
func (t *tx) applyJobs(jobs []livedesk.JobChange) error {
	puts := 0
	for i := range jobs {
		if jobs[i].Fence == 0 && !jobs[i].Done {
			puts++
		}
	}
	var fence int64
	if puts > 0 {
		var err error
		if fence, err = t.next("fence", puts); err != nil {
			return err
		}
	}
	for i := range jobs {
		j := &jobs[i]
		var err error
		switch {
		case j.Fence == 0 && j.Done:
			_, err = t.exec(sqlRemoveJob, j.Workspace, j.Key)
		case j.Fence == 0:
			_, err = t.exec(sqlPutJob, j.Workspace, j.Key, j.Kind, j.Subject, micros(j.Due), fence)
			fence++
		case j.Done:
			_, err = t.exec(sqlEndJob, j.Workspace, j.Key, j.Fence)
		default:
			_, err = t.exec(sqlMoveJob, micros(j.Due), j.Workspace, j.Key, j.Fence)
		}
		if err != nil {
			return fmt.Errorf("job %s: %w", j.Key, err)
		}
	}
	return nil
}
