package sqlitestore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// A random outbox: senders with backlogs of very different lengths, conversations with several texts, all classes.
func outbox(rnd *rand.Rand, now time.Time) (c livedesk.Changes) {
	classes := []livedesk.Class{livedesk.ClassConfirmation, livedesk.ClassHuman, livedesk.ClassAI, livedesk.ClassAutomatic}
	for sender := range 6 {
		for n := range []int{1, 3, 10, 40, 150, 500}[sender] {
			conv := livedesk.Conversation{Workspace: fmt.Sprint("w", sender%3), ID: fmt.Sprintf("conv-%d-%d", sender, n),
				Channel: fmt.Sprint("sms", sender), Contact: fmt.Sprint("contact", n), State: livedesk.Open}
			c.Conversations = append(c.Conversations, conv)
			for seq := range 1 + rnd.IntN(3) {
				due := now.Add(time.Duration(rnd.IntN(2000)-1500) * time.Second)
				m := outgoing(conv, int64(seq+1), classes[rnd.IntN(4)], due)
				if rnd.IntN(5) == 0 {
					m.Delivery.State = livedesk.Posting
				}
				c.Messages = append(c.Messages, m)
			}
		}
	}
	return c
}

// What a claim takes, and in which order, is the same as in memory, which looks at each sender by itself; also when
// senders without budget have long backlogs in front of the others (R17).
func TestClaimIsTheSameAsInMemory(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for seed := range uint64(4) {
		c := &clock{}
		now := func() time.Time { return start.Add(time.Duration(c.offset.Load())) }
		s, mem := open(t, sqlitestore.Config{Clock: now}), memstore.NewAt(now)
		rnd := rand.New(rand.NewPCG(seed, 1))
		rows := outbox(rnd, start)
		for _, store := range []livedesk.Store{s, mem} {
			require.NoError(t, store.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, rows) }))
		}
		for range 12 {
			claim := livedesk.Claim{Limit: 1 + rnd.IntN(60), PerSender: rnd.IntN(12), Senders: map[livedesk.Sender]int{}}
			lease := time.Duration(rnd.IntN(300)) * time.Second
			for sender := range 6 {
				if rnd.IntN(3) == 0 {
					claim.Senders[livedesk.Sender{Workspace: fmt.Sprint("w", sender%3), Channel: fmt.Sprint("sms", sender)}] = rnd.IntN(3) * 5
				}
			}
			if rnd.IntN(2) == 0 { // the long ones are paused
				claim.Senders[livedesk.Sender{Workspace: "w2", Channel: "sms5"}] = 0
				claim.Senders[livedesk.Sender{Workspace: "w1", Channel: "sms4"}] = 0
			}
			require.Equal(t, claimed(t, mem, claim, lease), claimed(t, s, claim, lease))
			c.advance(time.Duration(rnd.IntN(200)) * time.Second)
		}
	}
}

// claimed claims and leases what comes.
func claimed(t testing.TB, s livedesk.Store, c livedesk.Claim, lease time.Duration) (out []livedesk.DueText) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) (err error) {
		if out, err = tx.Claim(ctx, c); err != nil {
			return err
		}
		var all livedesk.Changes
		for _, d := range out {
			m := d.Message.Clone()
			m.Delivery.Due = tx.Now().Add(lease)
			m.Delivery.Fence++
			all.Messages = append(all.Messages, m)
		}
		return tx.Apply(ctx, all)
	}))
	return out
}

// A paused sender's long backlog is looked at and not walked.
func TestPausedBacklogIsNotWalked(t *testing.T) {
	t.Parallel()
	s := open(t, sqlitestore.Config{})
	now := time.Now().Add(-time.Hour)
	var rows livedesk.Changes
	for n := range 2000 {
		rows.Messages = append(rows.Messages, outgoing(conversation(n, livedesk.Open, now), 1, livedesk.ClassHuman, now))
	}
	other := outgoing(conversation(99_999, livedesk.Open, now), 1, livedesk.ClassHuman, now.Add(time.Minute))
	other.Channel = "other"
	rows.Messages = append(rows.Messages, other)
	apply(t, s, rows)
	claim := livedesk.Claim{Limit: 10, Senders: map[livedesk.Sender]int{{Workspace: "w", Channel: "sms"}: 0}}
	passed, err := s.PassedOver(t.Context(), claim, livedesk.ClassHuman.Rank())
	require.NoError(t, err)
	require.Positive(t, passed)
	require.Less(t, passed, 300)
	require.Equal(t, other.ID, claimed(t, s, claim, time.Minute)[0].Message.ID)
}

// A claim that has to pass over so many texts of a paused sender costs about the same for all of them: the backlog is
// looked at and not walked, see TestPausedBacklogIsNotWalked.
func BenchmarkClaimPastPaused(b *testing.B) {
	for _, paused := range []int{200, 5000} {
		b.Run(fmt.Sprint(paused), func(b *testing.B) {
			s := open(b, sqlitestore.Config{})
			now := time.Now().Add(-time.Hour)
			var rows livedesk.Changes
			for n := range paused {
				rows.Messages = append(rows.Messages, outgoing(conversation(n, livedesk.Open, now), 1, livedesk.ClassHuman, now))
			}
			apply(b, s, rows)
			claim := livedesk.Claim{Limit: 10, Senders: map[livedesk.Sender]int{{Workspace: "w", Channel: "sms"}: 0}}
			b.ReportAllocs()
			for b.Loop() {
				require.Empty(b, claimed(b, s, claim, time.Minute))
			}
		})
	}
}

func BenchmarkClaim(b *testing.B) {
	c := &clock{}
	s := open(b, sqlitestore.Config{Clock: c.now})
	apply(b, s, outbox(rand.New(rand.NewPCG(1, 1)), time.Now().Add(-time.Hour)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n += len(claimed(b, s, livedesk.Claim{Limit: 50}, time.Minute))
		c.advance(time.Minute)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "texts/s")
}
