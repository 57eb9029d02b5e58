package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// open returns a store in a file of its own, closed and checked for damage when the test ends.
func open(t testing.TB, cfg sqlitestore.Config) *sqlitestore.Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "desk.db"), cfg)
}

func openAt(t testing.TB, path string, cfg sqlitestore.Config) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.Equal(t, "ok", integrity(t, path))
	})
	return s
}

func arrival(n int, key string) livedesk.Arrival {
	return livedesk.Arrival{Workspace: "w", Channel: "sms", Key: key, Address: address(n)}
}

func address(n int) channel.Address { return channel.Address(fmt.Sprintf("+1415%07d", n)) }

// takeIn takes one text in as the engine does: remember the key, load the thread, write what was decided. It reports
// whether the text was new.
func takeIn(ctx context.Context, tx livedesk.Tx, n int, key string) (bool, error) {
	arrived, err := tx.TakeIn(ctx, []livedesk.Arrival{arrival(n, key)})
	if err != nil || !arrived[0].New {
		return false, err
	}
	return true, tx.Apply(ctx, decide(arrived[0].LoadedThread, key, tx.Now()))
}

// talk is the id of the conversation that decide begins with an address.
func talk(a channel.Address) string { return "conv-" + string(a) }

func decide(l livedesk.LoadedThread, key string, now time.Time) livedesk.Changes {
	c := livedesk.Changes{}
	var conv livedesk.Conversation
	if l.Current != nil {
		conv = *l.Current
	} else {
		conv = livedesk.Conversation{Workspace: "w", ID: talk(l.Contact.Address), Channel: "sms", Contact: l.Contact.ID,
			Address: l.Contact.Address, State: livedesk.Open, Cycle: 1, CreatedAt: now, WaitingSince: now}
		l.Thread.Conversation = conv.ID
		c.Threads = []livedesk.Thread{l.Thread}
	}
	conv.LastSeq++
	conv.Unread++
	conv.ActiveAt, conv.Preview = now, text(key)
	c.Conversations = []livedesk.Conversation{conv}
	c.Messages = []livedesk.Message{{Workspace: "w", ID: "msg-" + key, Conversation: conv.ID, Channel: "sms",
		Contact: conv.Contact, Seq: conv.LastSeq, Kind: livedesk.Incoming, By: livedesk.Actor{Kind: livedesk.ActorCustomer},
		Text: text(key), ProviderID: key, At: now}}
	return c
}

func text(key string) string { return "Where is my order? It was promised for today. " + key }

// outgoing makes a queued text of a conversation.
func outgoing(conv livedesk.Conversation, seq int64, class livedesk.Class, due time.Time) livedesk.Message {
	return livedesk.Message{Workspace: conv.Workspace, ID: fmt.Sprintf("out-%s-%03d", conv.ID, seq), Conversation: conv.ID,
		Channel: conv.Channel, Contact: conv.Contact, Seq: seq, Kind: livedesk.Outgoing, Class: class,
		By: livedesk.AgentActor("ann"), Text: "On its way.", At: due, Delivery: &livedesk.Delivery{State: livedesk.Queued, Due: due}}
}

func conversation(n int, state livedesk.State, at time.Time) livedesk.Conversation {
	return livedesk.Conversation{Workspace: "w", ID: fmt.Sprintf("conv-%06d", n), Channel: "sms",
		Contact: fmt.Sprintf("contact-%06d", n), Address: address(n), State: state, Cycle: 1, CreatedAt: at, ActiveAt: at}
}

func update(t testing.TB, s *sqlitestore.Store, fn func(ctx context.Context, tx livedesk.Tx) error) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), fn))
}

func apply(t testing.TB, s *sqlitestore.Store, c livedesk.Changes) {
	t.Helper()
	update(t, s, func(ctx context.Context, tx livedesk.Tx) error { return tx.Apply(ctx, c) })
}

// has returns which of the keys' messages are stored.
func has(t testing.TB, s *sqlitestore.Store, keys ...string) (found []string) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		for _, k := range keys {
			m, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: "w", ID: "msg-" + k}})
			if err != nil {
				return err
			}
			if m[0].ID != "" {
				found = append(found, strings.TrimPrefix(m[0].ID, "msg-"))
			}
		}
		return nil
	}))
	return found
}

var errTest = errors.New("test")
