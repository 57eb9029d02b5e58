package memstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
)

// A test that moves time gives the store a clock of its own: due times and leases follow it.
func ExampleNewAt() {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	store := memstore.NewAt(func() time.Time { return now })
	ctx := context.Background()

	job := livedesk.Job{Workspace: "acme", Key: "snooze:1", Kind: "snooze", Due: now.Add(time.Hour)}
	err := store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		return tx.Apply(ctx, livedesk.Changes{Jobs: []livedesk.JobChange{{Job: job}}})
	})
	if err != nil {
		fmt.Println(err)
	}
	for range 2 {
		err := store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
			due, err := tx.ClaimJobs(ctx, 10, time.Minute)
			fmt.Println(len(due), "due at", tx.Now().Format(time.TimeOnly))
			return err
		})
		if err != nil {
			fmt.Println(err)
		}
		now = now.Add(time.Hour)
	}
	// Output:
	// 0 due at 09:00:00
	// 1 due at 10:00:00
}
