package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

var _ livedesk.MeasuredStore = (*Store)(nil)

const (
	sqlCountTexts = `SELECT s.stage, c.n, c.oldest FROM (VALUES ('queued'), ('unknown'), ('unconfirmed')) AS s(stage)
		CROSS JOIN LATERAL (SELECT count(*) AS n, min(x.at) AS oldest FROM (
			SELECT m.at FROM {s}.messages AS m WHERE m.workspace = $1 AND m.channel = $2 AND m.stage = s.stage AND m.stage IS NOT NULL
			ORDER BY m.at LIMIT $3) AS x) AS c`

	sqlCountJobs = `SELECT count(*), min(x.due), (
			SELECT count(*) FROM (SELECT 1 FROM {s}.jobs AS j WHERE j.attempts >= $2 AND j.attempts > 1 LIMIT $3) AS y)
		FROM (SELECT j.due FROM {s}.jobs AS j WHERE j.due <= $1 ORDER BY j.due LIMIT $3) AS x`
)

// CountTexts implements [livedesk.MeasuredStore]. It costs two round trips, and an index entry for each text that is counted.
func (s *Store) CountTexts(ctx context.Context, workspace, channel string) (n livedesk.TextCounts, err error) {
	err = s.run(ctx, false, func(ctx context.Context, t *tx) error {
		return t.send(ctx, "count texts", func(b *pgx.Batch) {
			b.Queue(s.sql(sqlCountTexts), workspace, channel, int64(livedesk.MaxCounted)).Query(func(rows pgx.Rows) error {
				return scanTextCounts(rows, &n)
			})
		})
	})
	return n, err
}

func scanTextCounts(rows pgx.Rows, n *livedesk.TextCounts) error {
	var stage livedesk.DeliveryState
	var count int
	var oldest time.Time // of each stage; only that of the queued is told
	return each(rows, []any{&stage, &count, instant{&oldest}}, func() {
		switch stage {
		case livedesk.Queued:
			n.Queued, n.Oldest = count, oldest
		case livedesk.Unknown:
			n.Unknown = count
		case livedesk.Unconfirmed:
			n.Unconfirmed = count
		}
	})
}

// CountJobs implements [livedesk.MeasuredStore]. It costs three round trips, and an index entry for each job that is counted.
func (s *Store) CountJobs(ctx context.Context, parked int) (n livedesk.JobCounts, err error) {
	err = s.run(ctx, false, func(ctx context.Context, t *tx) error {
		now := t.Now().UnixMicro()
		return t.send(ctx, "count jobs", func(b *pgx.Batch) {
			b.Queue(s.sql(sqlCountJobs), now, int64(parked), int64(livedesk.MaxCounted)).QueryRow(func(r pgx.Row) error {
				return r.Scan(&n.Due, instant{&n.Oldest}, &n.Parked)
			})
		})
	})
	return n, err
}
