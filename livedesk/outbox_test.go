package livedesk_test

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// What waited too long is not sent: automatic texts after 4 h, a human's after 24 h, each at its very instant.
func TestExpiry(t *testing.T) { // F65, F115
	t.Parallel()
	for name, c := range map[string]struct {
		change option
		down   time.Duration
		sent   []string
	}{
		"just in time":         {nil, 4*time.Hour - time.Second, []string{"Hi", "from a human"}},
		"automatic too late":   {nil, 4 * time.Hour, []string{"from a human"}},
		"human just in time":   {nil, 24*time.Hour - time.Second, []string{"from a human"}},
		"all too late":         {nil, 24 * time.Hour, nil},
		"three days":           {nil, 72 * time.Hour, nil},
		"automatic, own limit": {func(s *settings) { s.ExpireAutomatic = time.Minute }, time.Minute, []string{"from a human"}},
		"human, own limit":     {func(s *settings) { s.ExpireHuman = time.Minute }, time.Minute, []string{"Hi"}},
		"without end":          {func(s *settings) { s.ExpireHuman, s.ExpireAutomatic = -1, -1 }, 1000 * time.Hour, []string{"Hi", "from a human"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opts []option
			if c.change != nil {
				opts = append(opts, c.change)
			}
			onBoth(t, func(t *testing.T, w *world) {
				w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
				w.deliver(smstest.Text{From: alice, Body: "hello"}) // and nobody works: the processes are down
				human := w.start(bob, "from a human")
				w.later(c.down)
				w.later(time.Second)
				require.ElementsMatch(t, c.sent, w.bodies())
				for _, m := range append(w.texts(w.live(alice).ID)[1:], w.message(human.ID)) {
					d := w.message(m.ID).Delivery
					if d.State == livedesk.Canceled {
						require.Equal(t, channel.ReasonExpired, d.Reason)
						require.Zero(t, d.Attempts)
						require.NotContains(t, c.sent, m.Text)
					} else {
						require.Equal(t, livedesk.Delivered, d.State)
					}
				}
			}, opts...)
		})
	}
}

// The carrier is told for how long a text is good from now on, so that its own queue doesn't outlast ours.
func TestExpiryIsHandedOver(t *testing.T) { // F65, R17
	t.Parallel()
	for name, c := range map[string]struct {
		change   option
		validity int
	}{
		"what is left": {func(*settings) {}, 3 * 3600},
		"without end":  {func(s *settings) { s.ExpireAutomatic = -1 }, 36000}, // Twilio's own default
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.change)
			w.twilioChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
			w.deliver(smstest.Text{From: alice, Body: "hello"}) // and nobody works for an hour
			w.later(time.Hour)
			for _, r := range w.carrier.Requests() {
				if r.Kind != smstest.KindSend {
					continue
				}
				form, err := url.ParseQuery(string(r.Body))
				require.NoError(t, err)
				got := 36000
				if v := form.Get("ValidityPeriod"); v != "" {
					got, err = strconv.Atoi(v)
					require.NoError(t, err)
				}
				require.InDelta(t, c.validity, got, 60)
			}
			require.Len(t, w.bodies(), 1)
		})
	}
}

// The order of a conversation is the order at the carrier, whatever happens to single texts.
func TestOrderWithFaults(t *testing.T) { // R16, I15, F66
	t.Parallel()
	for name, f := range map[string][]smstest.Fault{
		"none":          nil,
		"first refused": {{Kind: smstest.FaultRefuse}},
		"too many":      {{Kind: smstest.FaultStatus, Status: 429}, {Kind: smstest.FaultStatus, Status: 429}},
		"answer lost":   {{}, {Kind: smstest.FaultReset, Accept: true}, {}, {Kind: smstest.FaultGarbage, Accept: true}},
		"mixed":         {{Kind: smstest.FaultRefuse}, {}, {Kind: smstest.FaultStatus, Status: 429}, {Kind: smstest.FaultNoID, Accept: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, w *world) {
				w.text(alice, "hello")
				w.carrier.Fail(f...)
				var want []string
				for i := range 6 {
					want = append(want, fmt.Sprint("text ", i))
					w.reply(w.only().ID, want[i])
				}
				for range 20 {
					w.later(30 * time.Second)
				}
				require.Equal(t, want, w.bodies())
			})
		})
	}
}

// What follows a text whose outcome nobody knows waits for its verdict, for a bounded time.
func TestWaitsForTheVerdict(t *testing.T) { // F66
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.carrier.Fail(smstest.Fault{Kind: smstest.FaultReset})
		w.start(alice, "A")
		b := w.start(alice, "B")
		w.settle()
		other := w.start(bob, "C")
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(other.ID), "other conversations don't wait")
		w.later(verdict - time.Second)
		require.Equal(t, livedesk.Queued, w.state(b.ID))
		w.later(time.Second)
		require.Equal(t, livedesk.Delivered, w.state(b.ID))
	})
	t.Run("a receipt ends the wait", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, w *world) {
			w.carrier.Fail(smstest.Fault{Kind: smstest.FaultReset, Accept: true})
			w.start(alice, "A")
			b := w.start(alice, "B")
			w.settle()
			require.Equal(t, livedesk.Queued, w.state(b.ID))
			require.NoError(t, w.carrier.Report(w.ctx(), w.carrier.Sent()[0].ID, smstest.Step{Status: channel.StatusSent}))
			w.settle()
			require.Equal(t, []string{"A", "B"}, w.bodies())
		}, quietCarriers)
	})
}

// A burst, then the pace of the sender, in segments.
func TestRate(t *testing.T) { // F64, R17
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Rate = 1 })
		for i := range 20 {
			w.start(phone(i), "hello")
		}
		w.settle()
		burst := len(w.bodies())
		require.LessOrEqual(t, burst, 10)
		require.Positive(t, burst)
		for i := range 10 {
			w.later(time.Second)
			require.LessOrEqual(t, len(w.bodies()), burst+i+1)
		}
		require.GreaterOrEqual(t, len(w.bodies()), burst+9)
	})
	t.Run("long texts count more", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, w *world) {
			w.change(func(c *livedesk.Channel) { c.Rate = 1 })
			for i := range 12 {
				w.start(phone(i), strings.Repeat("x", 5*153))
			}
			w.settle()
			require.LessOrEqual(t, len(w.bodies()), 3)
			before := len(w.bodies())
			for range 10 {
				w.later(time.Second)
			}
			require.LessOrEqual(t, len(w.bodies())-before, 3, "5 segments each at 1 a second")
			require.Positive(t, len(w.bodies())-before)
		})
	})
	t.Run("no limit", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, w *world) {
			w.change(func(c *livedesk.Channel) { c.Rate = -1 })
			for i := range 60 {
				w.start(phone(i), "hello")
			}
			w.settle()
			require.Len(t, w.bodies(), 60)
		})
	})
}

// A person's reply overtakes the greetings that wait.
func TestHumanBeforeAutomatic(t *testing.T) { // F64
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Rate, c.Greeting = 1, "Hi" })
		for i := range 30 {
			w.deliver(smstest.Text{From: addr(phone(i)), Body: "hello"})
		}
		w.settle()
		before := len(w.bodies())
		w.start(alice, "from a human")
		w.later(time.Second)
		w.later(time.Second)
		require.Contains(t, w.bodies()[before:], "from a human")
		require.LessOrEqual(t, len(w.bodies()), before+2)
	})
}

// The same key again returns the first text; with another text it is an error.
func TestKeys(t *testing.T) { // F69
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.text(alice, "hello")
		w.text(bob, "hello")
		id := w.of(alice)[0].ID
		send := func(id string, d livedesk.Draft) (livedesk.Message, error) { return w.desk.Reply(w.ctx(), id, host, d) }
		first, err := send(id, livedesk.Draft{Text: "yes", Key: "k1"})
		require.NoError(t, err)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				again, err := send(id, livedesk.Draft{Text: "yes", Key: "k1"})
				if err != nil || again.ID != first.ID {
					t.Errorf("%v, %v", again.ID, err)
				}
			})
		}
		all.Wait()
		w.settle()
		again, err := send(id, livedesk.Draft{Text: "yes", Key: "k1"})
		require.NoError(t, err)
		require.Equal(t, w.message(first.ID), again, "as it is now")
		for _, d := range []livedesk.Draft{{Text: "no", Key: "k1"}, {Text: "yes ", Key: "k1"}, {Text: "yes", Key: "k1", Media: []string{"https://x.example/a.png"}}} {
			_, err = send(id, d)
			require.ErrorIs(t, err, livedesk.ErrKeyReused)
		}
		other, err := send(w.of(bob)[0].ID, livedesk.Draft{Text: "no", Key: "k1"})
		require.NoError(t, err, "unique per conversation")
		require.NotEqual(t, first.ID, other.ID)
		_, err = w.desk.Resolve(w.ctx(), id, host)
		require.NoError(t, err)
		again, err = send(id, livedesk.Draft{Text: "yes", Key: "k1"})
		require.NoError(t, err, "also when it is resolved by now")
		require.Equal(t, first.ID, again.ID)
		w.settle()
		require.Len(t, w.bodies(), 2)
		for _, key := range []string{"auto:greeting", strings.Repeat("k", 129), "a\x00b", "\xff"} {
			_, err = send(id, livedesk.Draft{Text: "yes", Key: key})
			require.NotEmpty(t, field(t, err, "key"))
		}
	})
}

func TestKeysOfStartAndNotify(t *testing.T) { // F69
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		for name, send := range map[string]func(string) (livedesk.Message, error){
			"start": func(text string) (livedesk.Message, error) {
				return w.desk.Start(w.ctx(), w.ch.ID, alice, host, livedesk.Draft{Text: text, Key: "k"})
			},
			"notify": func(text string) (livedesk.Message, error) {
				return w.desk.Notify(w.ctx(), w.ch.ID, bob, livedesk.Draft{Text: text, Key: "k"})
			},
		} {
			first, err := send("hello")
			require.NoError(t, err)
			again, err := send("hello")
			require.NoError(t, err, name)
			require.Equal(t, first.ID, again.ID, name)
			_, err = send("other")
			require.ErrorIs(t, err, livedesk.ErrKeyReused, name)
		}
		w.settle()
		require.Len(t, w.bodies(), 2)
	})
}

// Longer than the carrier takes: several messages in order, nothing lost, and one key for all.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Rate = -1 })
		w.text(alice, "hello")
		id := w.only().ID
		for i, text := range []string{
			strings.Repeat("word ", 1000), strings.Repeat("x", 5000), strings.Repeat("👩‍👩‍👧 ", 900), strings.Repeat("é\n", 2000), "  " + strings.Repeat(" lots  of   blanks ", 300),
		} {
			before := len(w.bodies())
			d := livedesk.Draft{Text: text, Key: fmt.Sprint("k", i)}
			first, err := w.desk.Reply(w.ctx(), id, host, d)
			require.NoError(t, err)
			w.settle()
			parts := w.bodies()[before:]
			require.Greater(t, len(parts), 1)
			require.True(t, first.Text == parts[0])
			require.True(t, squeeze(text) == squeeze(strings.Join(parts, "")), "nothing but blanks is lost")
			again, err := w.desk.Reply(w.ctx(), id, host, d)
			require.NoError(t, err, "the same text under the same key")
			require.Equal(t, first.ID, again.ID)
			d.Text += "!"
			_, err = w.desk.Reply(w.ctx(), id, host, d)
			require.ErrorIs(t, err, livedesk.ErrKeyReused)
		}
		sent := len(w.bodies())
		_, err := w.desk.Reply(w.ctx(), id, host, livedesk.Draft{Text: strings.Repeat("x", 50_000)})
		require.NotEmpty(t, field(t, err, "text"))
		for _, text := range []string{"", " ", "\n\t "} {
			_, err = w.desk.Reply(w.ctx(), id, host, livedesk.Draft{Text: text})
			require.NotEmpty(t, field(t, err, "text"))
		}
		_, err = w.desk.Reply(w.ctx(), id, host, livedesk.Draft{Media: []string{"http://x.example/a.png"}})
		require.NotEmpty(t, field(t, err, "media[0]"))
		w.settle()
		require.Len(t, w.bodies(), sent)
	})
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// Many engines, many texts: each leaves once, in the order of its conversation.
func TestManyWorkers(t *testing.T) { // F67, I5, I15
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Rate = -1 })
		const conversations, each = 60, 5
		for n := range each {
			for i := range conversations {
				w.start(phone(i), fmt.Sprint(n))
			}
		}
		var all sync.WaitGroup
		for range 4 {
			e := w.open()
			all.Go(func() {
				if err := e.Settle(w.ctx()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.settle()
		require.Equal(t, conversations*each, w.sends())
		got := map[channel.Address]string{}
		refs := map[string]bool{}
		for _, s := range w.carrier.Sent() {
			got[s.To] += s.Body
			require.False(t, refs[s.Ref], "sent twice")
			refs[s.Ref] = true
		}
		for i := range conversations {
			require.Equal(t, "01234", got[addr(phone(i))])
		}
	})
}

// A worker is free as soon as the carrier has answered: a store that is slow to keep the answer doesn't hold up other
// texts, until as many answers wait for it as there are workers.
func TestWorkersDoNotWaitForTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const workers, texts = 5, 50
		slow := make(chan struct{})
		w := newWorld(t, realTime, quietCarriers, func(s *settings) {
			s.Workers = workers
			s.Wrap = atState(livedesk.Accepted, nil, func() error { <-slow; return nil })
		})
		w.twilioChannel(func(c *livedesk.Channel) { c.Rate = -1 })
		var last livedesk.Message
		for i := range texts {
			last = w.start(phone(i), "hello")
		}
		stop := running(t, w.engine)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, 2*workers, w.sends())
		close(slow)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, texts, w.sends())
		require.Equal(t, livedesk.Accepted, w.state(last.ID))
		require.NoError(t, stop())
	})
}
