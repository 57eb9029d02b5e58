package livedesk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// Queued texts are taken back by what they have in common, and nothing else is.
func TestCancelQueued(t *testing.T) {
	t.Parallel()
	type texts struct{ early, late, greeting, bobs, gone livedesk.Message }
	for name, c := range map[string]struct {
		query func(w *world, s texts) livedesk.QueuedQuery
		want  func(s texts) []livedesk.Message
	}{
		"channel": {
			func(w *world, _ texts) livedesk.QueuedQuery { return livedesk.QueuedQuery{Channel: w.ch.ID} },
			func(s texts) []livedesk.Message { return []livedesk.Message{s.early, s.late, s.greeting, s.bobs} },
		},
		"conversation": {
			func(_ *world, s texts) livedesk.QueuedQuery {
				return livedesk.QueuedQuery{Conversation: s.bobs.Conversation}
			},
			func(s texts) []livedesk.Message { return []livedesk.Message{s.bobs} },
		},
		"contact": {
			func(_ *world, s texts) livedesk.QueuedQuery { return livedesk.QueuedQuery{Contact: s.early.Contact} },
			func(s texts) []livedesk.Message { return []livedesk.Message{s.early, s.late, s.greeting} },
		},
		"class": {
			func(w *world, _ texts) livedesk.QueuedQuery {
				return livedesk.QueuedQuery{Channel: w.ch.ID, Classes: []livedesk.Class{livedesk.ClassAutomatic}}
			},
			func(s texts) []livedesk.Message { return []livedesk.Message{s.greeting} },
		},
		"older": {
			func(w *world, s texts) livedesk.QueuedQuery {
				return livedesk.QueuedQuery{Channel: w.ch.ID, Before: s.late.At}
			},
			func(s texts) []livedesk.Message { return []livedesk.Message{s.early, s.greeting, s.bobs} },
		},
		"another channel": {
			func(*world, texts) livedesk.QueuedQuery { return livedesk.QueuedQuery{Channel: "nobody's"} },
			func(texts) []livedesk.Message { return nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onTwilio(t)
			gone := w.start(bob, "gone already")
			w.settle()
			w.change(func(c *livedesk.Channel) { c.Greeting = "Welcome" })
			require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, "campaign"))
			w.text(alice, "hi")
			conv := w.live(alice).ID
			s := texts{gone: gone, early: w.reply(conv, "early"), bobs: w.reply(gone.Conversation, "to bob")}
			s.greeting = w.texts(conv)[1]
			require.Equal(t, livedesk.ClassAutomatic, s.greeting.Class)
			w.advance(time.Hour)
			s.late = w.reply(conv, "late")

			q := c.query(w, s)
			n, err := w.desk.CancelQueued(w.ctx(), q, livedesk.AgentActor("ada"))
			require.NoError(t, err)
			require.Equal(t, len(c.want(s)), n)
			canceled := map[string]bool{}
			for _, m := range c.want(s) {
				canceled[m.ID] = true
				d := w.message(m.ID).Delivery
				require.Equal(t, livedesk.Canceled, d.State)
				require.Equal(t, channel.ReasonCanceled, d.Reason)
				entries := w.timeline(m.Conversation)
				last := entries[len(entries)-1]
				require.Equal(t, "canceled", last.Activity.What)
				require.Equal(t, livedesk.AgentActor("ada"), last.By)
			}
			for _, m := range []livedesk.Message{s.early, s.late, s.greeting, s.bobs} {
				require.Equal(t, canceled[m.ID], w.state(m.ID) == livedesk.Canceled, m.Text)
			}
			require.Equal(t, livedesk.Accepted, w.state(gone.ID))
			n, err = w.desk.CancelQueued(w.ctx(), q, livedesk.AgentActor("ada"))
			require.NoError(t, err)
			require.Zero(t, n)
			require.NoError(t, w.desk.ResumeChannel(w.ctx(), w.ch.ID, host))
			w.settle()
			require.Len(t, w.carrier.Sent(), 1+4-len(canceled), "what was taken back never leaves")
		})
	}
}

func TestCancelQueuedRefuses(t *testing.T) {
	t.Parallel()
	w := onTwilio(t)
	_, err := w.desk.CancelQueued(w.ctx(), livedesk.QueuedQuery{}, host)
	require.Contains(t, field(t, err, "channel"), "required")
	_, err = w.desk.CancelQueued(w.ctx(), livedesk.QueuedQuery{Channel: w.ch.ID, Classes: []livedesk.Class{"loud"}}, host)
	require.Contains(t, field(t, err, "classes[0]"), "class")
	_, err = w.desk.CancelQueued(w.ctx(), livedesk.QueuedQuery{Conversation: "nobody's"}, host)
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	other, err := w.engine.Desk("other").CancelQueued(w.ctx(), livedesk.QueuedQuery{Channel: w.ch.ID}, host)
	require.NoError(t, err)
	require.Zero(t, other)
	data, err := json.Marshal(livedesk.QueuedQuery{Channel: "c"})
	require.NoError(t, err)
	require.JSONEq(t, `{"channel":"c"}`, string(data))
}

// counting is a store that can count what waits in one channel.
type counting struct {
	livedesk.Store
	counts livedesk.TextCounts
}

func (c counting) Durable() bool { return false }

func (c counting) CountTexts(context.Context, string, string) (livedesk.TextCounts, error) {
	return c.counts, nil
}

func (c counting) CountJobs(context.Context, int) (livedesk.JobCounts, error) {
	return livedesk.JobCounts{}, nil
}

// Many conversations are worked off in slices, with a store that can count and with one that can't; what is resolved meanwhile
// or has a long history is found too.
func TestCancelQueuedOfMany(t *testing.T) {
	t.Parallel()
	const n = 130
	for name, wrap := range map[string]option{
		"plain store": func(*settings) {},
		"no expiry":   func(s *settings) { s.ExpireHuman = -1 },
		"counting store": func(s *settings) {
			s.Wrap = func(inner livedesk.Store) livedesk.Store {
				return counting{inner, livedesk.TextCounts{Queued: n, Oldest: time.Now().Add(-time.Hour)}}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onTwilio(t, wrap)
			require.NoError(t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, ""))
			for i := range n {
				m := w.start(fmt.Sprintf("+1415555%04d", i), "sale")
				if i == 7 {
					for range 450 {
						_, err := w.desk.AddNote(w.ctx(), m.Conversation, host, "note")
						require.NoError(t, err)
					}
				}
				if i == 9 {
					_, err := w.desk.Resolve(w.ctx(), m.Conversation, host)
					require.NoError(t, err)
				}
			}
			got, err := w.desk.CancelQueued(w.ctx(), livedesk.QueuedQuery{Channel: w.ch.ID}, host)
			require.NoError(t, err)
			require.Equal(t, n, got)
			require.NoError(t, w.desk.ResumeChannel(w.ctx(), w.ch.ID, host))
			w.settle()
			require.Zero(t, w.sends())
		})
	}
}
