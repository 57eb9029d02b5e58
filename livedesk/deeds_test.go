package livedesk_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// What one deed asked for is over when a later one of the same transaction decides otherwise: nobody is chosen for a
// conversation that is resolved or assigned by then.
func TestLaterDeedOfAFlightWins(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]func(w *world, id string) (livedesk.Conversation, error){
		"resolved": func(w *world, id string) (livedesk.Conversation, error) { return w.desk.Resolve(w.ctx(), id, host) },
		"assigned": func(w *world, id string) (livedesk.Conversation, error) {
			return w.desk.Assign(w.ctx(), id, "bo", host)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var store switchable
			w := newWorld(t, func(s *settings) { s.Wrap = store.wrap })
			w.twilioChannel(nil)
			w.agents(w.ch.ID, 3, "ada", "bo")
			w.text(alice, "hello")
			w.text(phone(1), "hello")
			w.text(phone(2), "hello")
			talk := w.live(alice).ID
			others := []string{w.live(phone(1)).ID, w.live(phone(2)).ID}
			var got livedesk.Conversation
			inOneFlight(w, &store, others,
				func() { _, _ = w.desk.Unassign(w.ctx(), talk, host) },
				func() { got, _ = later(w, talk) })
			require.Empty(t, got.Queue)
			require.Equal(t, map[string]string{"resolved": "", "assigned": "bo"}[name], got.Assignee)
			stored, err := w.desk.Conversation(w.ctx(), talk)
			require.NoError(t, err)
			require.Equal(t, got, stored)
		})
	}
}

// inOneFlight lets deeds share a transaction, in their order: they wait while two flights are in the air that are about others'
// conversations, and board when the first of these lands.
func inOneFlight(w *world, store *switchable, others []string, deeds ...func()) {
	held := make(chan chan struct{})
	store.set(func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
		landing := make(chan struct{})
		held <- landing
		<-landing
		return inner.Update(ctx, fn)
	})
	var before, all sync.WaitGroup
	var landings []chan struct{}
	for _, id := range others {
		before.Go(func() { _ = w.desk.MarkRead(w.ctx(), id) })
		landings = append(landings, <-held)
	}
	for _, do := range deeds {
		all.Go(do)
		time.Sleep(20 * time.Millisecond)
	}
	store.set(nil)
	close(landings[0])
	all.Wait()
	close(landings[1])
	before.Wait()
}

// Workspaces that share a transaction share nothing else: each one's agents stay its own.
func TestFlightOfTwoWorkspaces(t *testing.T) { // I10
	t.Parallel()
	var store switchable
	w := newWorld(t, func(s *settings) { s.Wrap = store.wrap })
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 3, "ada")
	theirs, _ := w.filledIn("twilio")
	desk := w.engine.Desk("others")
	ch, err := desk.PutChannel(w.ctx(), theirs)
	require.NoError(t, err)
	_, err = desk.PutAgent(w.ctx(), livedesk.Agent{ID: "zoe", Capacity: 3})
	require.NoError(t, err)
	m, err := desk.Start(w.ctx(), ch.ID, alice, host, livedesk.Draft{Text: "hello"})
	require.NoError(t, err)
	for i := range 3 {
		w.start(phone(i), "hello")
	}
	mine := w.live(phone(0)).ID
	inOneFlight(w, &store, []string{w.live(phone(1)).ID, w.live(phone(2)).ID},
		func() { _, _ = w.desk.Assign(w.ctx(), mine, "ada", host) },
		func() { _, _ = desk.Assign(w.ctx(), m.Conversation, "zoe", host) })
	for d, want := range map[*livedesk.Desk]string{w.desk: "ada", desk: "zoe"} {
		list, err := d.Agents(w.ctx())
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, want, list[0].ID)
		require.Equal(t, 1, list[0].Load)
	}
}
