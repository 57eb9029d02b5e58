package livedesk_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// On a channel that sends nothing, every text that may have left gets its verdict all the same, behind whatever is queued.
func TestVerdictsOnClosedChannels(t *testing.T) { // I6
	t.Parallel()
	for name, close := range map[string]func(w *world){
		"disabled": func(w *world) { w.change(func(c *livedesk.Channel) { c.Disabled = true }) },
		"paused":   func(w *world) { require.NoError(w.t, w.desk.PauseChannel(w.ctx(), w.ch.ID, host, "")) },
		"removed":  func(w *world) { require.NoError(w.t, w.desk.RemoveChannel(w.ctx(), w.ch.ID)) },
	} {
		for _, carrier := range []string{"twilio", "bandwidth"} {
			t.Run(name+" "+carrier, func(t *testing.T) {
				t.Parallel()
				var dead atomic.Bool
				w := newWorld(t, quietCarriers, func(s *settings) {
					s.Wrap = atState(livedesk.Posting, nil, func() error {
						if dead.Load() {
							return errors.New("process died")
						}
						return nil
					})
				})
				if carrier == "twilio" {
					w.twilioChannel(nil)
				} else {
					w.bandwidthChannel(nil)
				}
				testVerdictsOn(t, w, &dead, func() { close(w) }, name == "removed")
			})
		}
	}
}

func testVerdictsOn(t *testing.T, w *world, dead *atomic.Bool, close func(), removed bool) {
	w.blind()
	w.carrier.Fail(lostAndGone)
	unknown := w.start(alice, "outcome unknown")
	w.settle()
	require.Equal(t, livedesk.Unknown, w.state(unknown.ID))
	dead.Store(true)
	posting := w.start(bob, "its worker died")
	_ = w.engine.Settle(w.ctx())
	dead.Store(false)
	require.Equal(t, livedesk.Posting, w.state(posting.ID))
	for range 100 { // what waits stands before them
		w.reply(unknown.Conversation, "behind it")
	}
	queued := w.start("+14155550177", "waits")
	close()
	w.settle()
	for range 100 {
		w.later(20 * time.Second)
	}
	require.Equal(t, livedesk.Unconfirmed, w.state(unknown.ID))
	require.Equal(t, livedesk.Unconfirmed, w.state(posting.ID))
	want := livedesk.Queued
	if removed {
		want = livedesk.Canceled
	}
	require.Equal(t, want, w.state(queued.ID))
}

// A store that counts says which closed channels have something to settle: a text that its worker left in posting is enough.
func TestVerdictsOnClosedChannelsThatAreCounted(t *testing.T) { // I6
	t.Parallel()
	require.Equal(t, livedesk.Unknown, livedesk.Posting.Counted())
	var dead atomic.Bool
	w := newWorld(t, quietCarriers, func(s *settings) {
		s.Wrap = func(inner livedesk.Store) livedesk.Store {
			return counted{atState(livedesk.Posting, nil, func() error {
				if dead.Load() {
					return errors.New("process died")
				}
				return nil
			})(inner), inner.(orderly).Store.(livedesk.MeasuredStore)}
		}
	})
	w.twilioChannel(nil)
	dead.Store(true)
	m := w.start(alice, "its worker died")
	_ = w.engine.Settle(w.ctx())
	dead.Store(false)
	require.Equal(t, livedesk.Posting, w.state(m.ID))
	w.change(func(c *livedesk.Channel) { c.Disabled = true })
	for range 100 {
		w.later(20 * time.Second)
	}
	require.Equal(t, livedesk.Unconfirmed, w.state(m.ID))
	require.Zero(t, w.sends())
}
