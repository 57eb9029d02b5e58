package memstore

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

var _ livedesk.MeasuredStore = (*Store)(nil)

// CountTexts implements [livedesk.MeasuredStore]. It costs O(log n), however many there are.
func (s *Store) CountTexts(ctx context.Context, workspace, channel string) (n livedesk.TextCounts, err error) {
	err = s.View(ctx, func(_ context.Context, tx livedesk.ReadTx) error {
		counted := tx.(*view).state.counted
		count := func(as livedesk.DeliveryState) int {
			place := key(workspace, channel, string(as))
			return min(counted.count(place, end(place)), livedesk.MaxCounted)
		}
		n.Queued, n.Unknown, n.Unconfirmed = count(livedesk.Queued), count(livedesk.Unknown), count(livedesk.Unconfirmed)
		place := key(workspace, channel, string(livedesk.Queued))
		_, n.Oldest, _ = counted.first(place, end(place))
		return nil
	})
	return n, err
}

// CountJobs implements [livedesk.MeasuredStore]. It costs O(log n), however many there are.
func (s *Store) CountJobs(ctx context.Context, parked int) (n livedesk.JobCounts, err error) {
	err = s.View(ctx, func(_ context.Context, tx livedesk.ReadTx) error {
		v := tx.(*view)
		behind := instant(v.now.Add(time.Microsecond))
		n.Due = min(v.state.due.count("", behind), livedesk.MaxCounted)
		if _, at, found := v.state.due.first("", behind); found {
			j, _ := v.state.jobs.get(at)
			n.Oldest = j.Due
		}
		n.Parked = min(v.state.tried.count(number(int64(parked)), last), livedesk.MaxCounted)
		return nil
	})
	return n, err
}
