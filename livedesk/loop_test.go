package livedesk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// bridge carries what two deployments text each other, each on a carrier of its own.
type bridge struct {
	left, right *world
	read        map[*world]int // of what each sent
}

func newBridge(t *testing.T, change func(*livedesk.Channel), opts ...option) *bridge {
	b := &bridge{left: newWorld(t, opts...), right: newWorld(t, opts...), read: map[*world]int{}}
	b.left.twilioChannel(change)
	b.right.bandwidthChannel(change)
	return b
}

// pass delivers what is new, and reports whether anything was.
func (b *bridge) pass() (passed bool) {
	numbers := map[*world]channel.Address{b.left: smstest.TwilioNumber, b.right: smstest.BandwidthNumber}
	for from, to := range map[*world]*world{b.left: b.right, b.right: b.left} {
		sent := from.carrier.Sent()
		for _, s := range sent[b.read[from]:] {
			require.Equal(to.t, numbers[to], s.To)
			to.deliver(smstest.Text{From: numbers[from], Body: s.Body})
			passed = true
		}
		b.read[from] = len(sent)
	}
	return passed
}

// work works both off.
func (b *bridge) work() {
	b.left.settle()
	b.right.settle()
}

func (b *bridge) minute() {
	b.left.advance(time.Minute)
	b.right.advance(time.Minute)
}

// Two desks that greet each other fall silent, also where each text opens a conversation anew, and people are told.
func TestTwoDesksTextEachOther(t *testing.T) { // F85, I13, R18
	t.Parallel()
	b := newBridge(t, func(c *livedesk.Channel) { c.Greeting = "Hello, this is {{channel}}" }, func(s *settings) { s.ReopenWindow, s.ReplyWindow = -1, -1 })
	_, err := b.left.desk.Notify(t.Context(), b.left.ch.ID, smstest.BandwidthNumber, livedesk.Draft{Text: "your parcel is here"})
	require.NoError(t, err)
	for range 24 * 60 {
		for _, w := range []*world{b.left, b.right} { // so that what comes next begins a new one
			for _, c := range w.all(livedesk.List{}) {
				if c.State.Live() {
					_, err := w.desk.Resolve(t.Context(), c.ID, host)
					require.NoError(t, err)
				}
			}
		}
		b.work()
		b.pass()
		b.minute()
	}
	require.Len(t, b.left.bodies(), 1+5, "and the notification")
	require.Len(t, b.right.bodies(), 5)
	flagged := 0
	for _, c := range append(b.left.all(livedesk.List{}), b.right.all(livedesk.List{})...) {
		for _, l := range c.Labels {
			require.Equal(t, livedesk.LabelSilenced, l)
			flagged++
		}
	}
	require.Equal(t, 1, flagged, "who wrote last was not answered, and is the only one who noticed")
}

// Two AI agents talk until the budget of one is used up; then people have it.
func TestTwoAIAgentsTextEachOther(t *testing.T) { // F85, R17
	t.Parallel()
	b := newBridge(t, func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bot"} },
		withBots(livedesk.AIConfig{Name: "bot", Agent: &bot{}}))
	_, err := b.left.desk.Notify(t.Context(), b.left.ch.ID, smstest.BandwidthNumber, livedesk.Draft{Text: "your parcel is here"})
	require.NoError(t, err)
	for range 24 * 60 {
		for b.work(); b.pass(); b.work() {
		}
		b.minute()
	}
	require.LessOrEqual(t, len(b.left.bodies()), 1+20)
	require.LessOrEqual(t, len(b.right.bodies()), 20)
	require.GreaterOrEqual(t, len(b.right.bodies()), 5, "they did talk")
	open := 0
	for _, w := range []*world{b.left, b.right} {
		if w.only().State == livedesk.Open {
			open++
		}
	}
	require.NotZero(t, open, "a person sees it")
}

// A machine that writes the same every two seconds for an hour is answered five times at most, and a person is told once; an
// agent's text ends that.
func TestMachineThatWritesOn(t *testing.T) { // F86, R18
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		w.agent("ada", 5)
		for i := range 1800 {
			w.deliver(smstest.Text{From: alice, Body: "ALERT disk full"})
			if i%30 == 0 {
				w.settle()
				_, err := w.desk.Resolve(w.ctx(), w.live(alice).ID, host)
				require.NoError(t, err)
			}
			w.advance(2 * time.Second)
		}
		w.settle()
		require.LessOrEqual(t, len(w.bodies()), 5)
		require.NotEmpty(t, w.bodies())
	}, func(s *settings) { s.ReopenWindow = -1 })
	t.Run("told", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(s *settings) { s.ReopenWindow = -1 })
		w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		w.agent("ada", 5)
		open := func() livedesk.Conversation {
			for _, c := range w.of(alice) {
				if c.State.Live() {
					_, err := w.desk.Resolve(w.ctx(), c.ID, host)
					require.NoError(t, err)
				}
			}
			w.advance(time.Minute)
			w.text(alice, "hello")
			return w.live(alice)
		}
		for range 5 {
			require.Empty(t, open().Labels)
		}
		sixth := open()
		require.Equal(t, []string{livedesk.LabelSilenced}, sixth.Labels)
		what := []string{}
		for _, m := range w.timeline(sixth.ID) {
			if m.Activity != nil {
				what = append(what, m.Activity.What+" "+m.Activity.Cause)
			}
		}
		require.Contains(t, what, "flagged "+livedesk.LabelSilenced)
		require.Empty(t, open().Labels, "told once")
		_, err := w.desk.Reply(w.ctx(), w.live(alice).ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "who is this?"})
		require.NoError(t, err)
		w.settle()
		before := len(w.bodies())
		require.Empty(t, open().Labels)
		require.Equal(t, "Hi", w.bodies()[len(w.bodies())-1])
		require.Greater(t, len(w.bodies()), before)
	})
	t.Run("an agent's text takes the label off", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.bandwidthChannel(nil)
		w.agent("ada", 5)
		w.text(alice, "hello")
		for range 6 {
			w.text(alice, "HELP")
		}
		require.Equal(t, []string{livedesk.LabelSilenced}, w.live(alice).Labels)
		_, err := w.desk.SetDetails(w.ctx(), w.only().ID, host, livedesk.Details{Labels: []string{livedesk.LabelSilenced, "vip"}})
		require.NoError(t, err)
		_, err = w.desk.Reply(w.ctx(), w.only().ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "yes?"})
		require.NoError(t, err)
		require.Equal(t, []string{"vip"}, w.only().Labels)
	})
}

// A number of ours gets no automatic text, whichever channel or tenant has it.
func TestNumbersOfOtherTenantsAreOurs(t *testing.T) { // F89
	t.Parallel()
	ai := &bot{}
	w := newWorld(t, withBots(livedesk.AIConfig{Name: "bot", Agent: ai}))
	theirs, _ := w.filledIn("bandwidth")
	theirs.Disabled = true
	_, err := w.engine.Desk("other").PutChannel(w.ctx(), theirs)
	require.NoError(t, err)
	w.twilioChannel(func(c *livedesk.Channel) { c.Greeting, c.UseAI, c.AIAgents = "Hi", true, []string{"bot"} })
	w.text(string(smstest.BandwidthNumber), "hello")
	require.Empty(t, w.bodies())
	require.Empty(t, ai.taken())
	require.Equal(t, livedesk.Open, w.only().State, "people see it, and may answer")
	w.reply(w.only().ID, "who are you?")
	w.text(alice, "hello")
	require.Len(t, w.bodies(), 3, "the reply; and a customer is greeted and answered")
}

// However many new customers write, only so many are answered automatically in an hour; people answer everybody, and the channel
// says what happens.
func TestPumping(t *testing.T) { // F91, R17
	t.Parallel()
	for name, workers := range map[string]int{"one process": 1, "two processes": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var heard heardHealth
			w := newWorld(t, func(s *settings) { s.FirstReplies, s.Hooks.ChannelHealth = 50, heard.hook })
			w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting, c.Rate = "Hi", -1 })
			engines := []*livedesk.Engine{w.engine}
			for range workers - 1 {
				engines = append(engines, w.open())
			}
			const n = 300
			for i := range n {
				w.deliver(smstest.Text{From: addr(fmt.Sprintf("+1415666%04d", i)), Body: "hello"})
				if i%50 == 49 {
					for _, e := range engines {
						w.settleOn(e)
					}
				}
			}
			require.Len(t, w.bodies(), 50)
			withheld := 0
			for _, c := range w.all(livedesk.List{}) {
				for _, m := range w.texts(c.ID) {
					if m.Kind == livedesk.Outgoing && m.Delivery.State == livedesk.Canceled {
						require.Equal(t, channel.ReasonWithheld, m.Delivery.Reason)
						require.Contains(t, m.Delivery.History[len(m.Delivery.History)-1].Detail, "budget of first replies")
						withheld++
					}
				}
			}
			require.Equal(t, n-50, withheld)
			require.Contains(t, w.health(w.engine).Warning, "pumping")
			require.Equal(t, livedesk.HealthOK, w.health(w.engine).State)
			require.Equal(t, []bool{true}, heard.warnings(), "told once")

			for _, c := range w.all(livedesk.List{Limit: 1000})[:100] {
				w.reply(c.ID, "from a human")
			}
			w.settle()
			require.Len(t, w.bodies(), 50+100)
			w.later(12 * time.Minute) // ten more by then
			for i := range 20 {
				w.text(fmt.Sprintf("+1415777%04d", i), "hello")
			}
			require.Len(t, w.bodies(), 50+100+10)
			w.later(2 * time.Hour)
			require.Empty(t, w.health(w.engine).Warning)
			w.text(alice, "hello")
			require.Len(t, w.bodies(), 50+100+10+1)
		})
	}
	t.Run("no limit", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(s *settings) { s.FirstReplies = -1 })
		w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting, c.Rate = "Hi", -1 })
		for i := range 1100 {
			w.deliver(smstest.Text{From: addr(fmt.Sprintf("+1415666%04d", i)), Body: "hello"})
		}
		w.settle()
		require.Len(t, w.bodies(), 1100)
	})
	t.Run("default", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting, c.Rate = "Hi", -1 })
		for i := range 1100 {
			w.deliver(smstest.Text{From: addr(fmt.Sprintf("+1415666%04d", i)), Body: "hello"})
		}
		w.settle()
		require.Len(t, w.bodies(), 1000)
	})
}
