package livedesk_test

import (
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// given is a list as lines that can be read.
func given[T any](rows []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (w *world) history(channelID, address string) []livedesk.ConsentChange {
	w.t.Helper()
	l, err := w.desk.ConsentHistory(w.ctx(), channelID, addr(address))
	require.NoError(w.t, err)
	return l.Changes
}

func (w *world) optedOut(channelID, address string) bool {
	w.t.Helper()
	l, err := w.desk.ConsentHistory(w.ctx(), channelID, addr(address))
	require.NoError(w.t, err)
	return l.State.OptedOut
}

func (w *world) ledger(e livedesk.ConsentExport) (out []livedesk.ConsentLine) {
	w.t.Helper()
	for l, err := range w.desk.ExportConsents(w.ctx(), e) {
		require.NoError(w.t, err)
		out = append(out, l)
	}
	return out
}

func (w *world) imports(lines ...livedesk.ConsentLine) livedesk.ConsentImport {
	w.t.Helper()
	out, err := w.desk.ImportConsents(w.ctx(), given(lines))
	require.NoError(w.t, err)
	return out
}

func line(channelID, address string, out bool, at time.Time) livedesk.ConsentLine {
	return livedesk.ConsentLine{Channel: channelID, Address: addr(address), ConsentChange: livedesk.ConsentChange{OptedOut: out, At: at}}
}

// refused tries to write in every way, and expects to be refused.
func (w *world) refused(channelID, address string) {
	w.t.Helper()
	_, err := w.desk.Start(w.ctx(), channelID, addr(address), host, livedesk.Draft{Text: "please"})
	require.ErrorIs(w.t, err, livedesk.ErrOptedOut)
	_, err = w.desk.Notify(w.ctx(), channelID, addr(address), livedesk.Draft{Text: "please"})
	require.ErrorIs(w.t, err, livedesk.ErrOptedOut)
}

// Every change has its place in the history: what was said, in which language, what the carrier made of it, who did it.
func TestHistoryOfConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) { c.Language = "fr-CA" })
	require.Empty(t, w.history(w.ch.ID, alice))
	w.text(alice, "bonjour")
	require.Empty(t, w.history(w.ch.ID, alice), "an ordinary text costs nothing")
	w.text(alice, "Arrêt.")
	first := w.clock()
	w.advance(time.Minute)
	w.text(alice, "start")
	w.deliver(smstest.Text{From: alice, Body: "genug", Fields: map[string]string{"OptOutType": "STOP"}})
	w.deliver(smstest.Text{From: alice, Body: "STOP"}) // changes nothing
	w.deliver(smstest.Text{From: alice, Body: "ja", Fields: map[string]string{"OptOutType": "START"}})
	w.twilio.SetOptedOut(smstest.TwilioNumber, alice, true)
	w.start(alice, "hello")
	w.settle()
	_, err := w.desk.OptIn(w.ctx(), w.ch.ID, alice, livedesk.AgentActor("ada"), "on the phone")
	require.NoError(t, err)
	got := w.history(w.ch.ID, alice)
	require.Len(t, got, 6)
	require.Equal(t, livedesk.ConsentChange{OptedOut: true, At: first, Source: "keyword", Keyword: "ARRET", Language: "fr-CA"}, got[0])
	require.Equal(t, livedesk.ConsentChange{At: first.Add(time.Minute), Source: "keyword", Keyword: "START", Language: "fr-CA"}, got[1])
	require.Equal(t, "opt_type", got[2].Source)
	require.Empty(t, got[2].Keyword)
	require.Equal(t, []bool{true, false, true, false, true, false}, []bool{
		got[0].OptedOut, got[1].OptedOut, got[2].OptedOut, got[3].OptedOut, got[4].OptedOut, got[5].OptedOut,
	})
	require.Equal(t, "carrier", got[4].Source)
	require.Equal(t, "21610", got[4].Code)
	require.Equal(t, livedesk.AgentActor("ada"), got[5].By)
	require.Equal(t, "on the phone", got[5].Cause)
	require.True(t, slices.IsSortedFunc(got, func(a, b livedesk.ConsentChange) int { return a.At.Compare(b.At) }))
}

// The history is bounded; how much is missing is told.
func TestConsentHistoryIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.ConsentTexts.Off = true })
	for range 50 {
		w.text(alice, "STOP")
		w.text(alice, "START")
	}
	l, err := w.desk.ConsentHistory(w.ctx(), w.ch.ID, alice)
	require.NoError(t, err)
	require.Len(t, l.Changes, livedesk.MaxConsentHistory)
	require.Equal(t, 100-livedesk.MaxConsentHistory, l.Dropped)
	require.False(t, l.State.OptedOut)
	require.Zero(t, w.imports(line(w.ch.ID, alice, true, time.Unix(1, 0))).Changed, "older than all that is kept")
	require.False(t, w.optedOut(w.ch.ID, alice))
}

// STOP, START and STOP again that are taken in together count in their order.
func TestConsentInOneTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	var events []map[string]any
	for _, body := range []string{"STOP", "START", "STOP"} {
		h := w.genuine(smstest.Text{From: alice, Body: body})
		var list []map[string]any
		require.NoError(t, json.Unmarshal(h.Body, &list))
		events = append(events, list...)
	}
	require.Equal(t, 204, w.postEvents(w.genuine(smstest.Text{From: alice, Body: "x"}), events...))
	require.Len(t, w.history(w.ch.ID, alice), 3)
	require.True(t, w.optedOut(w.ch.ID, alice))
}

// By hand: like a STOP at once, but START doesn't lift it.
func TestOptOutByHand(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		queued := w.start(alice, "queued")
		state, err := w.desk.OptOut(w.ctx(), w.ch.ID, alice, livedesk.AgentActor("ada"), "asked on the phone")
		require.NoError(t, err)
		require.True(t, state.OptedOut)
		require.Equal(t, "agent", state.Source)
		require.Equal(t, livedesk.Canceled, w.state(queued.ID))
		w.refused(w.ch.ID, alice)
		w.text(alice, "START")
		require.True(t, w.optedOut(w.ch.ID, alice), "START lifts only what STOP set")
		_, err = w.desk.OptOut(w.ctx(), w.ch.ID, alice, host, "again")
		require.NoError(t, err)
		require.Len(t, w.history(w.ch.ID, alice), 1)
		state, err = w.desk.OptIn(w.ctx(), w.ch.ID, alice, host, "")
		require.NoError(t, err)
		require.False(t, state.OptedOut)
		require.Equal(t, livedesk.Canceled, w.state(queued.ID), "not revived")
		m := w.start(alice, "welcome back")
		w.settle()
		require.Equal(t, livedesk.Delivered, w.state(m.ID))
		require.Equal(t, 1, w.sends())

		w.text(bob, "STOP") // a STOP that a person makes theirs
		_, err = w.desk.OptOut(w.ctx(), w.ch.ID, bob, host, "")
		require.NoError(t, err)
		w.text(bob, "START")
		require.True(t, w.optedOut(w.ch.ID, bob))

		_, err = w.desk.OptOut(w.ctx(), w.ch.ID, "+14155559999", host, "")
		require.NoError(t, err)
		require.Empty(t, w.of("+14155559999"), "no conversation")
		w.refused(w.ch.ID, "+14155559999")
	})
}

func TestOptOutByHandIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	for field, try := range map[string]func() error{
		"address": func() error { _, err := w.desk.OptOut(w.ctx(), w.ch.ID, "nobody@x", host, ""); return err },
		"cause": func() error {
			_, err := w.desk.OptIn(w.ctx(), w.ch.ID, alice, host, strings.Repeat("x", 201))
			return err
		},
		"by": func() error {
			_, err := w.desk.OptIn(w.ctx(), w.ch.ID, alice, livedesk.AgentActor("a\x00"), "")
			return err
		},
	} {
		fields := livedesk.FieldErrors(try())
		require.Len(t, fields, 1)
		require.Equal(t, field, fields[0].Field)
	}
	_, err := w.desk.OptOut(w.ctx(), "nowhere", alice, host, "")
	require.ErrorIs(t, err, livedesk.ErrNotFound)
}

// Whoever tries to write to who has opted out is refused, and that is kept: the first time in the timeline, every time in the
// ledger.
func TestRefusedTextsAreAudited(t *testing.T) { // F84
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	w.text(alice, "STOP")
	id := w.only().ID
	for range 5 {
		_, err := w.desk.Reply(w.ctx(), id, livedesk.AgentActor("ada"), livedesk.Draft{Text: "hm"})
		require.Error(t, err)
		w.advance(time.Second)
		w.refused(w.ch.ID, alice)
	}
	entries := 0
	for _, m := range w.timeline(id) {
		if m.Activity != nil && m.Activity.What == "send_refused" {
			entries++
		}
	}
	require.Equal(t, 1, entries)
	last := w.history(w.ch.ID, alice)[0]
	require.Positive(t, last.Refused)
	require.Equal(t, w.clock(), last.LastRefused)
	w.text(alice, "START")
	w.text(alice, "STOP")
	w.refused(w.ch.ID, alice)
	require.Equal(t, 2, w.history(w.ch.ID, alice)[2].Refused, "counted anew")
}

// What is exported can be imported elsewhere, and once more, and the ledger is the same.
func TestExportAndImportConsents(t *testing.T) { // F83
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	for i := range 250 {
		w.imports(line(w.ch.ID, phone(1000+i), i%2 == 0, w.clock().Add(-time.Hour)))
	}
	w.text(alice, "STOP")
	w.text(alice, "START")
	_, err := w.desk.OptOut(w.ctx(), w.ch.ID, bob, livedesk.AgentActor("ada"), "by letter")
	require.NoError(t, err)
	all := w.ledger(livedesk.ConsentExport{})
	require.Len(t, all, 250+2+1)
	require.Len(t, w.ledger(livedesk.ConsentExport{Latest: true}), 252)
	require.Len(t, w.ledger(livedesk.ConsentExport{Latest: true, OptedOut: true}), 126)
	require.Empty(t, w.ledger(livedesk.ConsentExport{Channel: "nowhere"}))
	for range w.desk.ExportConsents(w.ctx(), livedesk.ConsentExport{}) {
		break
	}

	other := newWorld(t)
	other.twilioChannel(nil)
	other.now = w.clock()
	moved := slices.Clone(all)
	for i := range moved {
		moved[i].Channel = other.ch.ID
	}
	im := other.imports(moved...)
	require.Equal(t, livedesk.ConsentImport{Lines: 253, Changed: 253}, im)
	require.Zero(t, other.imports(moved...).Changed, "again")
	byAddress := func(a, b livedesk.ConsentLine) int {
		if c := strings.Compare(string(a.Address), string(b.Address)); c != 0 {
			return c
		}
		return a.At.Compare(b.At)
	}
	got := other.ledger(livedesk.ConsentExport{})
	require.Equal(t, slices.SortedFunc(slices.Values(moved), byAddress), slices.SortedFunc(slices.Values(got), byAddress))
	require.Empty(t, other.all(livedesk.List{}), "no conversations")
	other.refused(other.ch.ID, phone(1000))
	other.start(phone(1001), "hello")
	other.refused(other.ch.ID, bob)
}

// The time of a change decides, whichever came first.
func TestImportIsDecidedByTime(t *testing.T) { // F83
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	at := w.clock().Add(-time.Hour)
	for _, c := range []struct {
		lines []livedesk.ConsentLine
		out   bool
	}{
		{[]livedesk.ConsentLine{line("", "", true, at), line("", "", false, at.Add(-time.Minute))}, true},
		{[]livedesk.ConsentLine{line("", "", false, at.Add(-time.Minute)), line("", "", true, at)}, true},
		{[]livedesk.ConsentLine{line("", "", true, at), line("", "", false, at)}, true},
		{[]livedesk.ConsentLine{line("", "", false, at), line("", "", true, at)}, true},
		{[]livedesk.ConsentLine{line("", "", true, at), line("", "", false, at.Add(time.Minute))}, false},
	} {
		for _, together := range []bool{false, true} {
			to := string(addr(phone(1000 + len(w.ledger(livedesk.ConsentExport{Latest: true})))))
			for i := range c.lines {
				c.lines[i].Channel, c.lines[i].Address = w.ch.ID, addr(to)
			}
			if together {
				w.imports(c.lines...)
			} else {
				w.imports(c.lines[0])
				w.imports(c.lines[1])
			}
			require.Equal(t, c.out, w.optedOut(w.ch.ID, to))
		}
	}
	queued := w.start(alice, "hello")
	w.imports(line(w.ch.ID, alice, true, at))
	require.Equal(t, livedesk.Canceled, w.state(queued.ID))
	w.text(alice, "START")
	w.imports(line(w.ch.ID, alice, true, at.Add(time.Minute)))
	require.False(t, w.optedOut(w.ch.ID, alice), "START is newer")
}

// Each wrong line is told with its place and all of its fields; the right ones around it count.
func TestImportTellsWrongLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	at := w.clock()
	bad := line("nowhere", "x@y", true, time.Time{})
	bad.Source, bad.Keyword, bad.Language, bad.Cause = "magic", strings.Repeat("k", 33), "??", strings.Repeat("c", 201)
	im := w.imports(line(w.ch.ID, alice, true, at), bad, line(w.ch.ID, bob, true, at), line(w.ch.ID, bob, true, at.Add(time.Hour)))
	require.Equal(t, 4, im.Lines)
	require.Equal(t, 2, im.Changed)
	require.Equal(t, 2, im.Refused)
	require.Equal(t, 1, im.Wrong[0].Index)
	var fields []string
	for _, f := range im.Wrong[0].Fields {
		fields = append(fields, f.Field)
		require.NotContains(t, f.Problem, "x@y")
	}
	require.Equal(t, []string{"channel", "address", "at", "source", "keyword", "cause", "language"}, fields)
	require.Equal(t, 3, im.Wrong[1].Index)
	require.Equal(t, "at", im.Wrong[1].Fields[0].Field)

	broken := errors.New("file ends")
	out, err := w.desk.ImportConsents(w.ctx(), func(yield func(livedesk.ConsentLine, error) bool) {
		_ = yield(line(w.ch.ID, phone(1), true, at), nil) && yield(livedesk.ConsentLine{}, broken)
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, 1, out.Lines)
}

// A line is flat JSON with stable names, and comes back from it.
func TestConsentLineJSON(t *testing.T) {
	t.Parallel()
	l := livedesk.ConsentLine{Channel: "c", Address: "+14155550123", ConsentChange: livedesk.ConsentChange{
		OptedOut: true, At: time.Date(2026, 3, 1, 2, 3, 4, 5000, time.UTC), Source: livedesk.ConsentByKeyword, Keyword: "STOP",
	}}
	b, err := json.Marshal(l)
	require.NoError(t, err)
	require.JSONEq(t, `{"channel":"c","address":"+14155550123","opted_out":true,"at":"2026-03-01T02:03:04.000005Z","source":"keyword","keyword":"STOP"}`, string(b))
	var back livedesk.ConsentLine
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, l, back)
}

// twoChannels adds one channel on each carrier; STOP to a wide one counts on all.
func twoChannels(t *testing.T, opts ...option) (w *world, first, second livedesk.Channel) {
	w = newWorld(t, opts...)
	wide := func(c *livedesk.Channel) { c.OptOutScope = livedesk.ScopeWorkspace }
	second = w.bandwidthChannel(wide)
	first = w.twilioChannel(wide)
	return w, first, second
}

// A STOP on one channel counts on all: in one transaction, also for what is queued there, and START likewise.
func TestStopOnAllChannels(t *testing.T) {
	t.Parallel()
	w, first, second := twoChannels(t)
	w.twilio.SetDown(true)
	w.bandwidth.SetDown(true)
	write := func(id, to string) livedesk.Message {
		m, err := w.desk.Start(w.ctx(), id, addr(to), host, livedesk.Draft{Text: "hello"})
		require.NoError(t, err)
		return m
	}
	there, other := write(second.ID, alice), write(second.ID, bob)
	w.text(alice, "STOP")
	require.Equal(t, livedesk.Canceled, w.state(there.ID))
	require.Equal(t, livedesk.Queued, w.state(other.ID))
	for _, id := range []string{first.ID, second.ID} {
		require.True(t, w.optedOut(id, alice))
		require.False(t, w.optedOut(id, bob))
		w.refused(id, alice)
	}
	h := w.history(second.ID, alice)[0]
	require.Equal(t, first.ID, h.From)
	require.Equal(t, "STOP", h.Keyword)
	require.True(t, h.Everywhere)
	w.text(alice, "START")
	require.False(t, w.optedOut(first.ID, alice))
	require.False(t, w.optedOut(second.ID, alice))
	require.Equal(t, livedesk.Canceled, w.state(there.ID))
}

// A contact that the other channel doesn't know yet, and a channel that is added later.
func TestStopOnAllChannelsCountsLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.twilioChannel(func(c *livedesk.Channel) { c.OptOutScope = livedesk.ScopeWorkspace })
	w.text(alice, "STOP")
	w.text(bob, "hello")
	second := w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	w.refused(second.ID, alice)
	require.Equal(t, first.ID, w.history(second.ID, alice)[0].From)
	w.text(alice, "hello?")
	w.settle()
	require.Empty(t, w.bandwidth.Sent(), "no greeting to who has opted out of everything")
	w.start(bob, "hi")
	// STOP to a channel that is alone in it counts there alone, and START on the wide one leaves it.
	w.text(bob, "STOP")
	require.False(t, w.optedOut(first.ID, bob))
	w.carrier, w.url = w.twilio, must(w.desk.WebhookURL(w.ctx(), first.ID))
	w.text(bob, "STOP")
	w.text(bob, "START")
	require.False(t, w.optedOut(first.ID, bob))
	require.True(t, w.optedOut(second.ID, bob), "what was said to one channel stays")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What a carrier teaches counts on all channels too, and what is done by hand or imported.
func TestLearnedOnAllChannels(t *testing.T) {
	t.Parallel()
	for name, learn := range map[string]func(w *world, first, second livedesk.Channel){
		"answer": func(w *world, first, _ livedesk.Channel) {
			w.twilio.SetOptedOut(smstest.TwilioNumber, alice, true)
			_, err := w.desk.Start(w.ctx(), first.ID, alice, host, livedesk.Draft{Text: "x"})
			require.NoError(w.t, err)
			w.settle()
		},
		"receipt": func(w *world, _, second livedesk.Channel) {
			w.bandwidth.SetOptedOut(smstest.BandwidthNumber, alice, true)
			_, err := w.desk.Start(w.ctx(), second.ID, alice, host, livedesk.Draft{Text: "x"})
			require.NoError(w.t, err)
			w.settle()
		},
		"hand": func(w *world, first, _ livedesk.Channel) {
			_, err := w.desk.OptOut(w.ctx(), first.ID, alice, host, "")
			require.NoError(w.t, err)
		},
		"import": func(w *world, first, _ livedesk.Channel) {
			w.imports(line(first.ID, bob, true, w.clock()), line(first.ID, alice, true, w.clock()))
			require.False(w.t, w.optedOut(first.ID, phone(3)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, first, second := twoChannels(t)
			learn(w, first, second)
			require.True(t, w.optedOut(first.ID, alice))
			require.True(t, w.optedOut(second.ID, alice))
			require.Equal(t, 1, len(w.history(first.ID, alice)))
		})
	}
}

// Two engines, of which one doesn't know the channel yet that the other added.
func TestStopOnAllChannelsKnowsNewOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.twilioChannel(func(c *livedesk.Channel) { c.OptOutScope = livedesk.ScopeWorkspace })
	other := w.open().Desk("main")
	c, _ := w.filledIn("bandwidth")
	second, err := other.PutChannel(w.ctx(), c)
	require.NoError(t, err)
	m, err := other.Start(w.ctx(), second.ID, alice, host, livedesk.Draft{Text: "hi"})
	require.NoError(t, err)
	w.text(alice, "STOP")
	require.True(t, w.optedOut(second.ID, alice))
	require.True(t, w.optedOut(first.ID, alice))
	require.Equal(t, livedesk.Canceled, w.state(m.ID))
}

// A number keeps what was said to it, whichever channel has it next.
func TestNumberKeepsItsOptOuts(t *testing.T) { // F83
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	old, form := w.ch, w.given
	w.text(alice, "STOP")
	w.text(bob, "hello")
	const renumbered = "+14155550777"
	w.change(func(c *livedesk.Channel) { c.Values["phone_number"] = renumbered })
	require.True(t, w.optedOut(old.ID, alice), "the channel keeps its ledger")
	w.advance(time.Minute)
	_, err := w.desk.OptOut(w.ctx(), old.ID, bob, host, "said to the new number")
	require.NoError(t, err)

	w.advance(time.Minute)
	fresh := w.put(livedesk.Channel{Provider: "bandwidth", Values: form})
	require.NotEqual(t, old.ID, fresh.ID)
	w.refused(fresh.ID, alice)
	require.Equal(t, old.ID, w.history(fresh.ID, alice)[0].From)
	_, err = w.desk.Start(w.ctx(), fresh.ID, bob, host, livedesk.Draft{Text: "hi"})
	require.NoError(t, err, "they said it to the other number")

	// It survives that this one is removed and comes back.
	again := w.removeAndAdd(fresh)
	require.Equal(t, fresh.ID, again.ID)
	w.refused(again.ID, alice)
	w.imports(line(old.ID, phone(5), true, w.clock().Add(-time.Hour))) // known late, and from before the number moved
	w.refused(again.ID, phone(5))

	// Nor can a channel be given a number that was another one's.
	require.NoError(t, w.desk.RemoveChannel(w.ctx(), again.ID))
	c, err := w.desk.Channel(w.ctx(), old.ID)
	require.NoError(t, err)
	c.Values["phone_number"] = form["phone_number"]
	_, err = w.desk.PutChannel(w.ctx(), c)
	require.Len(t, livedesk.FieldErrors(err), 1)
	require.Contains(t, livedesk.FieldErrors(err)[0].Problem, "add it as a channel of its own")
}

// A channel can have its old number again.
func TestNumberComesBackToItsChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	number := w.ch.Values["phone_number"]
	for _, n := range []string{"+14155550777", number, "+14155550778", "+14155550777", number} {
		w.change(func(c *livedesk.Channel) { c.Values["phone_number"] = n })
	}
	w.text(alice, "STOP")
	require.True(t, w.optedOut(w.ch.ID, alice))
}

// Where the carrier doesn't answer a keyword, the desk does: once, soon, and nothing else after it.
func TestConfirmations(t *testing.T) { // F79, F80
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	w.text(alice, "STOP")
	w.text(alice, "stop")
	w.settle()
	require.Equal(t, []string{"Sales: you have opted out and will get no more messages. Reply START to get them again."}, w.bodies())
	w.text(alice, "HELP")
	w.settle()
	require.Len(t, w.bodies(), 1, "nothing after it")
	w.text(alice, "START")
	w.text(alice, "info")
	w.settle()
	require.Equal(t, []string{
		"Sales: you will get our messages again. Reply STOP to opt out, HELP for help.",
		"Sales: write to us here and somebody will answer. Reply STOP to opt out.",
	}, w.bodies()[1:])
	for range 10 {
		w.text(alice, "HELP")
	}
	w.settle()
	require.Len(t, w.bodies(), 5, "no more than five in a row")
	require.Equal(t, livedesk.Resolved, w.only().State)
	for _, m := range w.texts(w.only().ID) {
		if m.Kind == livedesk.Outgoing {
			require.Equal(t, livedesk.ClassConfirmation, m.Class)
		}
	}
}

// A confirmation that can't leave within five minutes doesn't leave, nor one of a STOP that was lifted since.
func TestConfirmationExpires(t *testing.T) { // F79
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.carrier.SetDown(true)
	w.text(alice, "STOP")
	w.text(bob, "STOP")
	w.text(bob, "START")
	w.settle()
	w.carrier.SetDown(false)
	w.later(6 * time.Minute)
	require.Empty(t, w.bodies())
	for _, address := range []string{alice, bob} {
		for _, m := range w.texts(w.of(address)[0].ID) {
			if m.Kind == livedesk.Outgoing {
				require.Equal(t, livedesk.Canceled, m.Delivery.State)
			}
		}
	}
}

// The words are the host's or a default in the channel's language, and can be turned off.
func TestConfirmationTexts(t *testing.T) { // F79
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Language = "fr" })
	w.text(phone(1), "ARRÊT")
	w.change(func(c *livedesk.Channel) { c.ConsentTexts.OptOut = "{{ channel }} says bye" })
	w.text(phone(2), "STOP")
	w.change(func(c *livedesk.Channel) { c.ConsentTexts.Off = true })
	w.text(phone(3), "STOP")
	w.text(phone(3), "HELP")
	w.settle()
	require.Equal(t, []string{
		"Sales : vous ne recevrez plus de messages de notre part. Envoyez START pour en recevoir de nouveau.", "Sales says bye",
	}, w.bodies())
}

// Twilio answers its own words itself; what it doesn't act on is ours to confirm.
func TestConfirmationWhereTwilioIsSilent(t *testing.T) { // F79
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	w.text(phone(1), "STOP")
	w.text(phone(1), "START")
	w.text(phone(1), "HELP")
	w.deliver(smstest.Text{From: addr(phone(2)), Body: "basta", Fields: map[string]string{"OptOutType": "STOP"}})
	w.settle()
	require.Empty(t, w.bodies())
	w.text(phone(3), "opt-out")
	w.settle()
	require.Len(t, w.bodies(), 1)
	require.True(t, w.optedOut(w.ch.ID, phone(3)))
}

// In other words: no automatic text, no AI agent, and a person is told. Their answer ends it.
func TestPlainLanguageFlagsAHuman(t *testing.T) { // F78
	t.Parallel()
	for text, label := range map[string]bool{
		"please stop texting me": true, "ALTO": true, "no mas": true, "🛑": true, "arrête": true, "wrong number, remove me": true,
		"bus stop": false, "Please cancel my Tuesday appointment": false,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			ai := &bot{}
			w := newWorld(t, func(s *settings) { s.AIAgents = []livedesk.AIConfig{{Name: "bot", Agent: ai}} })
			w.twilioChannel(func(c *livedesk.Channel) {
				c.Greeting, c.UseAI, c.AIAgents = "Hi", true, []string{"bot"}
			})
			w.text(alice, text)
			w.settle()
			c := w.only()
			require.False(t, w.optedOut(w.ch.ID, alice))
			if !label {
				require.Empty(t, c.Labels)
				require.NotEmpty(t, w.bodies())
				return
			}
			require.Equal(t, []string{livedesk.LabelPossibleOptOut}, c.Labels)
			require.Equal(t, livedesk.Open, c.State)
			require.Empty(t, w.bodies())
			_, err := w.desk.Reply(w.ctx(), c.ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "Shall we stop?"})
			require.Error(t, err, "ada isn't an agent yet")
			w.agent("ada", 3)
			_, err = w.desk.Reply(w.ctx(), c.ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "Shall we stop?"})
			require.NoError(t, err)
			require.Empty(t, w.only().Labels)
		})
	}
}

// What waits to be sent and no human wrote is taken back too, also what came in one batch with it; humans' texts leave.
func TestPlainLanguageTakesBackWhatWaits(t *testing.T) { // F78
	t.Parallel()
	ai := &bot{}
	ai.say(livedesk.Answer{Text: "from a bot"}, nil)
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Greeting, c.UseAI, c.AIAgents = "Hi", true, []string{"bot"} })
		w.carrier.SetDown(true)
		w.text(alice, "hello")
		human := w.reply(w.only().ID, "from a human")
		w.text(bob, "hello")
		w.text(alice, "please stop texting me")
		w.carrier.SetDown(false)
		for range 5 {
			w.later(time.Minute)
		}
		require.Equal(t, livedesk.Delivered, w.state(human.ID))
		for _, m := range w.texts(w.live(alice).ID) {
			if m.Class == livedesk.ClassAutomatic || m.Class == livedesk.ClassAI {
				require.Equal(t, livedesk.Canceled, m.Delivery.State)
				require.Equal(t, channel.ReasonWithheld, m.Delivery.Reason)
			}
		}
		require.ElementsMatch(t, []string{"from a human", "Hi", "from a bot"}, w.bodies(), "bob has said nothing of it")
	}, withBots(livedesk.AIConfig{Name: "bot", Agent: ai}))
	t.Run("one batch", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		first, second := w.genuine(smstest.Text{From: alice, Body: "hello"}), w.genuine(smstest.Text{From: alice, Body: "no more texts"})
		require.Equal(t, 204, w.postEvents(second, append(events(t, first), events(t, second)...)...))
		w.settle()
		require.Empty(t, w.bodies())
		require.Equal(t, []string{livedesk.LabelPossibleOptOut}, w.only().Labels)
	})
}

// A conversation that an AI agent has goes to humans.
func TestPlainLanguageEndsAnAIConversation(t *testing.T) { // F78
	t.Parallel()
	ai := &bot{}
	w := newWorld(t, func(s *settings) { s.AIAgents = []livedesk.AIConfig{{Name: "bot", Agent: ai}} })
	w.twilioChannel(func(c *livedesk.Channel) { c.UseAI, c.AIAgents = true, []string{"bot"} })
	w.text(alice, "hello")
	w.settle()
	require.Equal(t, livedesk.Pending, w.only().State)
	said := len(w.bodies())
	w.text(alice, "stop texting me")
	w.settle()
	require.Equal(t, livedesk.Open, w.only().State)
	require.Len(t, w.bodies(), said)
}

// The host's own words count beside the built-in ones.
func TestKeywordsOfTheHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) {
		c.Keywords = livedesk.Keywords{OptOut: []string{"Genug"}, Suspect: []string{"lass mich"}}
	})
	w.text(phone(1), "genug!")
	require.True(t, w.optedOut(w.ch.ID, phone(1)))
	w.text(phone(2), "Bitte lass mich in Ruhe")
	require.Equal(t, []string{livedesk.LabelPossibleOptOut}, w.of(phone(2))[0].Labels)
	c := w.ch
	c.Keywords = livedesk.Keywords{OptIn: []string{"STOP"}}
	_, err := w.desk.PutChannel(w.ctx(), c)
	require.Equal(t, "keywords", livedesk.FieldErrors(err)[0].Field)
	require.True(t, strings.Contains(err.Error(), "means both"))
}

// Consent of one contact, from one channel to another workspace: nothing crosses.
func TestScopeEndsAtTheWorkspace(t *testing.T) {
	t.Parallel()
	w, first, _ := twoChannels(t)
	other := w.engine.Desk("other")
	c, _ := w.filledIn("bandwidth")
	c.OptOutScope = livedesk.ScopeWorkspace
	c.Values["phone_number"] = "+14155550888"
	there, err := other.PutChannel(w.ctx(), c)
	require.NoError(t, err)
	w.text(alice, "STOP")
	require.True(t, w.optedOut(first.ID, alice))
	_, err = other.Start(w.ctx(), there.ID, channel.Address(alice), host, livedesk.Draft{Text: "hi"})
	require.NoError(t, err)
}
