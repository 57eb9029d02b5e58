package memstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
)

// BenchmarkLargeInbox measures lists and counts over 100,000 live conversations, 50 of which fit the query.
func BenchmarkLargeInbox(b *testing.B) {
	const conversations = 100_000
	s := memstore.New()
	var c livedesk.Changes
	for i := range conversations {
		at := time.Unix(int64(i), 0)
		row := livedesk.Conversation{
			Workspace: "acme", ID: fmt.Sprintf("c%06d", i), Channel: fmt.Sprint("channel ", i%3), Contact: fmt.Sprint("p", i),
			State: livedesk.Open, ActiveAt: at, WaitingSince: at, Assignee: fmt.Sprint("agent ", i%2000),
		}
		c.Conversations = append(c.Conversations, row)
	}
	if err := s.Update(b.Context(), func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, c) }); err != nil {
		b.Fatal(err)
	}
	measure := func(name string, fn func(ctx context.Context, tx livedesk.ReadTx) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.View(b.Context(), fn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	measure("PageOfAgent", func(ctx context.Context, tx livedesk.ReadTx) error {
		rows, err := tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: "acme", Channel: "channel 1", Assignee: "agent 7", Limit: 50})
		if err == nil && len(rows) == 0 {
			b.Fatal("nothing is listed")
		}
		return err
	})
	measure("Counts", func(ctx context.Context, tx livedesk.ReadTx) error {
		counts, err := tx.Counts(ctx, livedesk.CountQuery{Workspace: "acme", Agent: "agent 7"})
		if err == nil && counts.Open != conversations {
			b.Fatal("not all are counted")
		}
		return err
	})
}
