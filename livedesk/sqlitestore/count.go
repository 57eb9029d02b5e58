package sqlitestore

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

var _ livedesk.MeasuredStore = (*Store)(nil)

const (
	sqlCountTexts = `SELECT count(*) FROM (SELECT 1 FROM messages INDEXED BY messages_stage
		WHERE workspace = ? AND channel = ? AND stage = ? AND stage IS NOT NULL LIMIT ?)`

	sqlOldestText = `SELECT at FROM messages INDEXED BY messages_stage
		WHERE workspace = ? AND channel = ? AND stage = ? AND stage IS NOT NULL ORDER BY at LIMIT 1`

	sqlCountJobs = `SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_due WHERE due <= ? LIMIT ?)`

	sqlOldestJob = `SELECT due FROM jobs INDEXED BY jobs_due WHERE due <= ? ORDER BY due LIMIT 1`

	sqlCountParked = `SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_tried WHERE attempts >= ? AND attempts > 1 LIMIT ?)`
)

// CountTexts implements [livedesk.MeasuredStore]. It costs four reads, and an index entry for each text that is counted.
func (s *Store) CountTexts(ctx context.Context, workspace, channel string) (n livedesk.TextCounts, err error) {
	err = s.View(ctx, func(_ context.Context, tx livedesk.ReadTx) error {
		r := tx.(*reader)
		for _, c := range []struct {
			as livedesk.DeliveryState
			to *int
		}{{livedesk.Queued, &n.Queued}, {livedesk.Unknown, &n.Unknown}, {livedesk.Unconfirmed, &n.Unconfirmed}} {
			count, _, err := one(r, scanNumber, sqlCountTexts, workspace, channel, string(c.as), livedesk.MaxCounted)
			if *c.to = int(count); err != nil {
				return err
			}
		}
		n.Oldest, _, err = one(r, (*cells).instant, sqlOldestText, workspace, channel, string(livedesk.Queued))
		return err
	})
	return n, err
}

// CountJobs implements [livedesk.MeasuredStore]. It costs three reads, and an index entry for each job that is counted.
func (s *Store) CountJobs(ctx context.Context, parked int) (n livedesk.JobCounts, err error) {
	err = s.View(ctx, func(_ context.Context, tx livedesk.ReadTx) error {
		r := tx.(*reader)
		due, _, err := one(r, scanNumber, sqlCountJobs, micros(r.now), livedesk.MaxCounted)
		if err != nil {
			return err
		}
		if n.Oldest, _, err = one(r, (*cells).instant, sqlOldestJob, micros(r.now)); err != nil {
			return err
		}
		tried, _, err := one(r, scanNumber, sqlCountParked, parked, livedesk.MaxCounted)
		n.Due, n.Parked = int(due), int(tried)
		return err
	})
	return n, err
}
