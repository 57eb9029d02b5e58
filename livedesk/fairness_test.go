package livedesk_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// The defaults by kind of number are the carriers', and a channel overrides them (a 10DLC campaign's limit is known to its
// owner alone).
func TestDefaultRates(t *testing.T) {
	t.Parallel()
	for number, want := range map[channel.Address]float64{
		"+14155550100": 1, "+18005550100": 3, "+18885550100": 3, "+447700900123": 10, "+33612345678": 10, "72345": 100, "": 10, "SHOP": 10,
		"+1800555": 1,
	} {
		require.Equal(t, want, livedesk.DefaultRate(number), number)
	}
}

// A channel with thousands of texts and no limit of its own delays another one's by a few claims, also in another workspace;
// and a workspace delays others no longer for having its texts on many channels.
func TestOneChannelDoesNotDelayAnother(t *testing.T) { // F64, R17
	t.Parallel()
	for _, workspace := range []string{"main", "other"} {
		for _, crowds := range []int{1, 5, 100} {
			if workspace == "main" && crowds == 100 {
				continue // a hundred channels with five texts each are no crowd among themselves
			}
			t.Run(fmt.Sprint(workspace, crowds), func(t *testing.T) {
				t.Parallel()
				numbers := []channel.Address{smstest.BandwidthNumber}
				for i := range crowds {
					numbers = append(numbers, channel.Address(fmt.Sprintf("+1919555%04d", 1000+i)))
				}
				w := newWorld(t, func(s *settings) { s.Workers, s.Bandwidth.Numbers = 16, numbers })
				const queued = 500
				for i := range crowds {
					c := w.bandwidthChannel(func(c *livedesk.Channel) {
						c.Rate, c.Values["phone_number"] = -1, string(numbers[1+i])
					})
					for n := range queued / crowds {
						_, err := w.desk.Start(w.ctx(), c.ID, addr(phone(i*queued+n)), host, livedesk.Draft{Text: "crowd"})
						require.NoError(t, err)
					}
				}
				w.advance(1e9)
				quiet, _ := w.filledIn("bandwidth")
				quiet.Values["phone_number"], quiet.Rate = string(smstest.BandwidthNumber), -1
				desk := w.engine.Desk(workspace)
				there, err := desk.PutChannel(w.ctx(), quiet)
				require.NoError(t, err)
				_, err = desk.Start(w.ctx(), there.ID, alice, host, livedesk.Draft{Text: "alone"})
				require.NoError(t, err)
				w.settle()
				require.Len(t, w.bodies(), queued+1)
				place := -1
				for i, b := range w.bodies() {
					if b == "alone" {
						place = i
					}
				}
				require.NotEqual(t, -1, place)
				require.Less(t, place, 150, "of %d", queued)
			})
		}
	}
}

// claimTx tells which claims a transaction makes.
type claimTx struct {
	livedesk.Tx
	seen func(livedesk.Claim)
}

func (c claimTx) Claim(ctx context.Context, q livedesk.Claim) ([]livedesk.DueText, error) {
	c.seen(q)
	return c.Tx.Claim(ctx, q)
}

// Whether anybody else has something to send isn't asked at every turn while nobody has.
func TestOneChannelAloneIsNotPassedOverAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		claims, looks := 0, 0
		w := newWorld(t, realTime, func(s *settings) {
			s.Workers = 4
			s.Wrap = func(inner livedesk.Store) livedesk.Store {
				return &storeWrap{inner, func(ctx context.Context, inner livedesk.Store, fn func(context.Context, livedesk.Tx) error) error {
					return inner.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
						return fn(ctx, claimTx{tx, func(q livedesk.Claim) {
							claims++
							for _, allowed := range q.Senders {
								if allowed == 0 {
									looks++
								}
							}
						}})
					})
				}}
			}
		})
		w.twilioChannel(func(c *livedesk.Channel) { c.Rate = -1 })
		for i := range 100 {
			w.start(phone(i), "crowd")
		}
		w.settle()
		require.Len(t, w.bodies(), 100)
		require.Greater(t, claims, 100/4)
		require.Equal(t, 1, looks)
	})
}

// A reply overtakes what the desk says by itself: ten greetings went at once, and thirty wait.
func TestHumansBeforeAutomaticTexts(t *testing.T) { // F64
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.Workers = 1 }) // so that they come in the order of the claims
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting, c.Rate = "automatic", 1 })
	for i := range 40 {
		w.text(phone(i), "hello")
	}
	w.start(alice, "human")
	for range 60 {
		w.later(1e9)
	}
	require.Len(t, w.bodies(), 41)
	require.Equal(t, "human", w.bodies()[10], "behind what had gone already")
}
