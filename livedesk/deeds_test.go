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
			held, release := make(chan struct{}, 10), make(chan struct{})
			store.set(func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
				held <- struct{}{}
				<-release
				return inner.Update(ctx, fn)
			})
			var all sync.WaitGroup
			for _, id := range others { // both flights are in the air, so that the next two wait and board together
				all.Go(func() { _ = w.desk.MarkRead(w.ctx(), id) })
				<-held
			}
			all.Go(func() { _, _ = w.desk.Unassign(w.ctx(), talk, host) })
			time.Sleep(20 * time.Millisecond)
			var got livedesk.Conversation
			all.Go(func() { got, _ = later(w, talk) })
			time.Sleep(20 * time.Millisecond)
			close(release)
			all.Wait()
			require.Empty(t, got.Queue)
			require.Equal(t, map[string]string{"resolved": "", "assigned": "bo"}[name], got.Assignee)
			stored, err := w.desk.Conversation(w.ctx(), talk)
			require.NoError(t, err)
			require.Equal(t, got, stored)
		})
	}
}
