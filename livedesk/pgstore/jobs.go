package pgstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

// A fence grows with every claim and every put, and is at least the time in microseconds: a job that is put in place again
// after it was removed has a higher one than any that its key ever had, so a worker who lost it can't end the new
// one. That takes no counter that all transactions would wait for, and no sequence.
var (
	// What is claimed is found once: a subquery in FROM may be planned to be asked again for each row, and then claims more.
	sqlClaimJobs = `WITH d AS MATERIALIZED (
			SELECT j.workspace, j.key, j.due FROM {s}.jobs AS j WHERE j.due <= $1
			ORDER BY j.due, j.workspace, j.key LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
		) UPDATE {s}.jobs AS t SET due = $3, attempts = t.attempts + 1, fence = greatest(t.fence + 1, $1)
		FROM d WHERE t.workspace = d.workspace AND t.key = d.key
		RETURNING ` + jobColumns + `, d.due`

	// Jobs are locked in one order before they are changed in another.
	sqlLockJobs = `SELECT FROM {s}.jobs AS t JOIN ` + arrays("u", 1, "workspace", "key") + `
		ON t.workspace = u.workspace AND t.key = u.key ORDER BY t.workspace, t.key FOR NO KEY UPDATE OF t`

	sqlPutJobs = `INSERT INTO {s}.jobs AS t (workspace, key, kind, subject, due, fence, attempts)
		SELECT u.workspace, u.key, u.kind, u.subject, u.due, $6, 0
		FROM ` + arrays("u", 1, "workspace", "key", "kind", "subject", "due bigint") + `
		ON CONFLICT (workspace, key) DO UPDATE SET kind = excluded.kind, subject = excluded.subject, due = excluded.due,
			fence = greatest(t.fence + 1, excluded.fence), attempts = 0`

	sqlMoveJobs = `UPDATE {s}.jobs AS t SET due = u.due
		FROM ` + arrays("u", 1, "workspace", "key", "fence bigint", "due bigint") + `
		WHERE t.workspace = u.workspace AND t.key = u.key AND t.fence = u.fence`

	// A fence of 0 removes whatever is there.
	sqlEndJobs = `DELETE FROM {s}.jobs AS t USING ` + arrays("u", 1, "workspace", "key", "fence bigint") + `
		WHERE t.workspace = u.workspace AND t.key = u.key AND (u.fence = 0 OR t.fence = u.fence)`
)

// ClaimJobs implements [livedesk.Tx]. It costs one round trip and an index step for each job that is taken or passed over.
func (t *tx) ClaimJobs(ctx context.Context, limit int, lease time.Duration) ([]livedesk.Job, error) {
	if limit < 1 {
		return nil, errLimit
	}
	type claimed struct {
		livedesk.Job
		was int64 // due before
	}
	var got []claimed
	now := t.Now()
	err := t.send(ctx, "claim jobs", func(b *pgx.Batch) {
		byIndex(b, t.s.sql(sqlClaimJobs), now.UnixMicro(), int64(limit), now.Add(lease).UnixMicro()).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var c claimed
				if err := rows.Scan(append(jobTargets(&c.Job), &c.was)...); err != nil {
					return err
				}
				got = append(got, c)
			}
			return rows.Err()
		})
	})
	if err != nil || len(got) == 0 {
		return nil, err
	}
	slices.SortFunc(got, func(a, b claimed) int {
		return cmp.Or(cmp.Compare(a.was, b.was), cmp.Compare(a.Workspace, b.Workspace), cmp.Compare(a.Key, b.Key))
	})
	out := make([]livedesk.Job, len(got))
	for i, c := range got {
		out[i] = c.Job
	}
	return out, nil
}

// applyJobs queues what puts, moves and ends jobs. Changes of the same job count one after the other, so they go into as many
// rounds; nearly always there is one.
func (t *tx) applyJobs(b *pgx.Batch, changes []livedesk.JobChange) {
	if len(changes) == 0 {
		return
	}
	all := sorted(changes, func(j *livedesk.JobChange) string { return j.Workspace }, func(j *livedesk.JobChange) string { return j.Key })
	if len(all) > 1 {
		keys := make([]rowKey, len(all))
		for i, j := range all {
			keys[i] = rowKey{j.Workspace, j.Key}
		}
		b.Queue(t.s.sql(sqlLockJobs), keyArgs(slices.Compact(keys))...)
	}
	for len(all) > 0 {
		var round, rest []*livedesk.JobChange
		for i, j := range all {
			if i > 0 && all[i-1].Workspace == j.Workspace && all[i-1].Key == j.Key {
				rest = append(rest, j)
			} else {
				round = append(round, j)
			}
		}
		t.jobRound(b, round)
		all = rest
	}
}

func (t *tx) jobRound(b *pgx.Batch, round []*livedesk.JobChange) {
	var puts, moves, ends jobArgs
	for _, j := range round {
		switch {
		case j.Done:
			ends.add(j)
		case j.Fence == 0:
			puts.add(j)
		default:
			moves.add(j)
		}
	}
	if len(ends.keys) > 0 {
		b.Queue(t.s.sql(sqlEndJobs), ends.workspaces, ends.keys, ends.fences)
	}
	if len(moves.keys) > 0 {
		b.Queue(t.s.sql(sqlMoveJobs), moves.workspaces, moves.keys, moves.fences, moves.dues)
	}
	if len(puts.keys) > 0 {
		b.Queue(t.s.sql(sqlPutJobs), puts.workspaces, puts.keys, puts.kinds, puts.subjects, puts.dues, t.now.UnixMicro())
	}
}

// jobArgs are jobs as parameters.
type jobArgs struct {
	workspaces, keys, kinds, subjects []string
	fences, dues                      []int64
}

func (a *jobArgs) add(j *livedesk.JobChange) {
	a.workspaces, a.keys = append(a.workspaces, j.Workspace), append(a.keys, j.Key)
	a.kinds, a.subjects = append(a.kinds, j.Kind), append(a.subjects, j.Subject)
	a.fences, a.dues = append(a.fences, j.Fence), append(a.dues, j.Due.UnixMicro())
}
