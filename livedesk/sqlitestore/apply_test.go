package sqlitestore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// A text that is taken back by the store becomes what [livedesk.Message.Cancel] makes of it, in every field.
func TestCancelLeavesWhatMessageCancelDoes(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Microsecond)
	s := open(t, sqlitestore.Config{Clock: func() time.Time { return now }})
	n := 0
	var rows []livedesk.Message
	for seq, state := range []livedesk.DeliveryState{livedesk.Queued, livedesk.Claimed, livedesk.Posting} {
		m := filled[livedesk.Message](&n)
		m.Workspace, m.Conversation, m.Channel, m.Contact, m.Version = "w", "conv", "sms", "contact", 0
		m.Seq, m.Delivery.State = int64(seq), state
		rows = append(rows, m)
	}
	rows[0].Delivery.Due = time.Time{} // queued without a time: nobody claims it, and still it hasn't left
	apply(t, s, livedesk.Changes{Messages: rows, Conversations: []livedesk.Conversation{{
		Workspace: "w", ID: "conv", Channel: "sms", Contact: "contact", State: livedesk.Resolved}}})
	apply(t, s, livedesk.Changes{Cancels: []livedesk.Cancel{
		{Workspace: "w", Channel: "sms", Contact: "contact", Reason: channel.ReasonOptOut}}})

	got, err := messages(t, s, rows)
	require.NoError(t, err)
	for i, m := range rows {
		m.Version = 1
		m.Cancel(now, channel.ReasonOptOut)
		require.Equal(t, m, got[i])
	}
	require.Equal(t, string(channel.ReasonOptOut), got[0].Delivery.History[2].Detail)
	require.Equal(t, livedesk.Posting, got[2].Delivery.State)
}

func messages(t *testing.T, s *sqlitestore.Store, rows []livedesk.Message) (out []livedesk.Message, err error) {
	keys := make([]livedesk.MessageKey, len(rows))
	for i, m := range rows {
		keys[i] = livedesk.MessageKey{Workspace: m.Workspace, ID: m.ID}
	}
	err = s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		out, err = tx.Messages(ctx, keys)
		return err
	})
	return out, err
}

// Nothing is kept of an Update whose Apply was refused, not even when its function doesn't care, and nothing is lost of
// those that share its commit.
func TestRefusedApplyKeepsNothing(t *testing.T) {
	t.Parallel()
	for place := range 3 {
		t.Run(fmt.Sprint(place), func(t *testing.T) {
			t.Parallel()
			s := open(t, sqlitestore.Config{})
			apply(t, s, livedesk.Changes{Agents: []livedesk.Agent{{Workspace: "w", ID: "ann"}}})
			fns := []func(context.Context, livedesk.Tx) error{taking(0, "k0"), taking(1, "k1"), taking(2, "k2")}
			fns[place] = func(ctx context.Context, tx livedesk.Tx) error {
				arrived, err := tx.TakeIn(ctx, []livedesk.Arrival{arrival(place, fmt.Sprint("k", place))})
				require.NoError(t, err)
				require.True(t, arrived[0].New)
				require.ErrorIs(t, tx.Apply(ctx, livedesk.Changes{Agents: []livedesk.Agent{{Workspace: "w", ID: "ann"}}}), livedesk.ErrExists)
				return nil
			}
			errs := together(s, contexts(t, 3), fns...)
			for i, err := range errs {
				if i == place {
					require.ErrorIs(t, err, livedesk.ErrExists)
				} else {
					require.NoError(t, err)
				}
			}
			update(t, s, func(ctx context.Context, tx livedesk.Tx) error {
				arrived, err := tx.TakeIn(ctx, []livedesk.Arrival{arrival(0, "k0"), arrival(1, "k1"), arrival(2, "k2")})
				require.NoError(t, err)
				for i, a := range arrived {
					require.Equal(t, i == place, a.New, "the key of the refused one counts as new")
				}
				return nil
			})
		})
	}
}

// Whoever goes on behind Apply finds out, as on the store in memory.
func TestApplyIsTheLastVerb(t *testing.T) {
	t.Parallel()
	s := open(t, sqlitestore.Config{})
	err := s.Update(t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		require.NoError(t, tx.Apply(ctx, livedesk.Changes{Agents: []livedesk.Agent{{Workspace: "w", ID: "ann"}}}))
		_, err := tx.Agents(ctx, "w", nil)
		require.Error(t, err)
		return tx.Apply(ctx, livedesk.Changes{})
	})
	require.ErrorContains(t, err, "last verb")
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		all, err := tx.Agents(ctx, "w", nil)
		require.Empty(t, all)
		return err
	}))
}
