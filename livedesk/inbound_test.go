package livedesk_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// A text that comes while its conversation is resolved joins it or opens a new one; it is never lost, never on a closed
// one, and the timeline has no gap.
func TestTextsDuringResolve(t *testing.T) { // F38, F39, I3, I4
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.ReopenWindow = time.Hour })
	w.bandwidthChannel(nil)
	w.agents(w.ch.ID, 100, "ada")
	w.text(alice, "first")
	var hooks []smstest.Webhook
	for i := range 300 {
		hooks = append(hooks, w.genuine(smstest.Text{From: alice, Body: fmt.Sprint(i)}))
	}
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			for j := i; j < len(hooks); j += 3 {
				if s := w.call(request(hooks[j], "")).StatusCode; s != http.StatusNoContent {
					t.Errorf("status %d", s)
				}
			}
		})
	}
	all.Go(func() {
		for range 200 {
			for _, c := range w.of(alice) {
				switch rand.IntN(3) {
				case 0:
					_, _ = w.desk.Reopen(w.ctx(), c.ID, host)
				case 1:
					_, _ = w.desk.Snooze(w.ctx(), c.ID, host, time.Time{})
				default:
					_, _ = w.desk.Resolve(w.ctx(), c.ID, host)
				}
			}
			w.advance(time.Duration(rand.IntN(40)) * time.Minute)
		}
	})
	all.Wait()
	require.Len(t, w.incoming(alice), 301)
	live, open := 0, 0
	for _, c := range w.of(alice) {
		if c.State.Live() {
			live++
		}
		if c.State == livedesk.Open {
			open++
		}
		require.EqualValues(t, c.LastSeq, len(w.timeline(c.ID)))
	}
	require.LessOrEqual(t, live, 1)
	require.Equal(t, open, w.load("ada"))
}

// Whoever can't be answered is stored and never written to.
func TestOddSenders(t *testing.T) { // F40, F89, F90, R18
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		own := string(smstest.TwilioNumber)
		if w.carrier == fake(w.bandwidth) {
			own = string(smstest.BandwidthNumber)
		}
		for _, from := range []string{"72345", "AMAZON", "My Bank", "anonymous", "whatsapp:+14155550101", "+1", own, "unknown\tname", strings.Repeat("x", 500)} {
			d, err := w.carrier.Deliver(w.ctx(), smstest.Text{From: addr(from), Body: "hello from " + from})
			require.NoError(t, err)
			require.Less(t, d.Status, 500, "%q", from)
			w.settle()
			require.Empty(t, w.bodies(), "%q", from)
		}
		for _, c := range w.all(livedesk.List{}) {
			require.NotEmpty(t, c.Address)
			if string(c.Address) == own {
				continue
			}
			_, err := w.desk.Reply(w.ctx(), c.ID, host, livedesk.Draft{Text: "hi"})
			require.ErrorIs(t, err, livedesk.ErrNotReplyable, "%q", c.Address)
		}
		for _, from := range []string{"72345", "AMAZON"} {
			require.Equal(t, []string{"hello from " + from}, w.incoming(from))
		}
	})
}

func TestSendersWithoutAName(t *testing.T) { // F40
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	h := w.genuine(smstest.Text{From: alice, Body: "hello"})
	for i, from := range []string{"", " ", "\x00", "\u202e"} {
		list := events(t, h)
		list[0]["message"].(map[string]any)["from"] = from
		list[0]["message"].(map[string]any)["id"] = fmt.Sprint("1700000000000abcdefgh", i)
		require.Less(t, w.postEvents(h, list...), 500)
	}
	w.settle()
	require.Empty(t, w.bodies())
}

// NUL and ill-formed UTF-8 become U+FFFD; everything else stays.
func TestIllFormedTexts(t *testing.T) { // F132, F133, R7
	t.Parallel()
	for body, want := range map[string]string{
		"a\x00b": "a\ufffdb", "\xff\xfe": "\ufffd\ufffd", "\xc3\x28": "\ufffd(", "\xed\xa0\x80": "\ufffd\ufffd\ufffd", "\xf8\x88": "\ufffd\ufffd",
		"\ufeffbom": "\ufeffbom", "\xe2\x82": "\ufffd\ufffd",
	} {
		w := newWorld(t)
		w.twilioChannel(nil)
		form, err := url.ParseQuery(string(w.genuine(smstest.Text{From: alice, Body: "x"}).Body))
		require.NoError(t, err)
		form.Set("Body", body)
		require.Equal(t, http.StatusNoContent, w.call(signed(w.url, form)).StatusCode, "%q", body)
		require.Equal(t, []string{want}, w.incoming(alice))
		require.Equal(t, want, w.only().Preview)
	}
	for body, want := range map[string]string{`a\u0000b`: "a\ufffdb", `\ud800`: "\ufffd", `\udc00x`: "\ufffdx", "\xff": "\ufffd", `\ud83d\ude00`: "😀"} {
		w := newWorld(t)
		w.bandwidthChannel(nil)
		h := w.genuine(smstest.Text{From: alice, Body: "MARK"})
		h.Body = []byte(strings.ReplaceAll(string(h.Body), "MARK", body))
		require.Equal(t, http.StatusNoContent, w.call(request(h, "")).StatusCode, "%q", body)
		require.Equal(t, []string{want}, w.incoming(alice))
	}
}

// Attachments are kept as references; nothing is fetched.
func TestMediaWithoutText(t *testing.T) { // F42
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		var media []string
		for i := range 10 {
			media = append(media, fmt.Sprintf("https://media.example.com/%d.png", i))
		}
		before := len(w.carrier.Requests())
		w.deliver(smstest.Text{From: alice, Media: media})
		w.settle()
		texts := w.texts(w.only().ID)
		require.Len(t, texts, 1)
		require.Len(t, texts[0].Media, 10)
		for i, m := range texts[0].Media {
			require.Equal(t, media[i], m.URL)
		}
		require.NotEmpty(t, w.only().Preview)
		require.Len(t, w.carrier.Requests(), before)
	})
}

// A group text is one message, with the others kept; the answer goes to its sender alone.
func TestGroupTexts(t *testing.T) { // F42
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.deliver(smstest.Text{From: alice, Body: "dinner?", Others: []channel.Address{bob, "+14155550103"}})
	w.settle()
	c := w.only()
	require.Equal(t, addr(alice), c.Address)
	w.reply(c.ID, "yes")
	w.settle()
	require.Len(t, w.bandwidth.Sent(), 1)
	require.Equal(t, addr(alice), w.bandwidth.Sent()[0].To)
	require.Empty(t, w.bandwidth.Sent()[0].Others)
	b, err := json.Marshal(w.texts(c.ID)[0])
	require.NoError(t, err)
	require.Contains(t, string(b), bob, "participants are kept")
}

// The keywords of consent never open, wake or reopen anything, and are never greeted.
func TestKeywordsNeverOpen(t *testing.T) { // F70, F80
	t.Parallel()
	for _, word := range []string{"STOP", "stop", " Stop. ", "UNSUBSCRIBE", "cancel", "END", "quit", "STOPALL", "REVOKE", "OPTOUT", "opt out", "HELP", "info"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, w *world) {
				w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
				w.agents(w.ch.ID, 5, "ada")
				w.text(alice, word)
				c := w.only()
				require.Equal(t, livedesk.Resolved, c.State)
				require.Zero(t, c.Unread)
				require.True(t, c.WaitingSince.IsZero())
				require.Empty(t, c.Assignee)
				w.text(alice, word)
				require.Equal(t, livedesk.Resolved, w.only().State)
				require.NotContains(t, w.bodies(), "Hi")
				require.LessOrEqual(t, len(w.bodies()), 2)
				require.Equal(t, []string{word, word}, w.incoming(alice))
			})
		})
	}
}

// YES and START are texts like any other while the contact is opted in.
func TestStartWhileOptedIn(t *testing.T) { // F76
	t.Parallel()
	for _, word := range []string{"YES", "START", "UNSTOP"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, w *world) {
				w.text(alice, word)
				c := w.only()
				require.Equal(t, livedesk.Open, c.State)
				require.Equal(t, 1, c.Unread)
				_, err := w.desk.Resolve(w.ctx(), c.ID, host)
				require.NoError(t, err)
				w.text(alice, word)
				require.Equal(t, livedesk.Open, w.only().State)
			})
		})
	}
}

// Texts of one webhook count one after the other: what the first decides the second sees.
func TestStopInABatch(t *testing.T) { // F70, F71
	t.Parallel()
	for name, c := range map[string]struct {
		texts    []string
		optedOut bool
		state    livedesk.State
	}{
		"STOP then hello":       {[]string{"STOP", "hello"}, true, livedesk.Open},
		"hello then STOP":       {[]string{"hello", "STOP"}, true, livedesk.Open},
		"STOP START hello":      {[]string{"STOP", "START", "hello"}, false, livedesk.Open},
		"hello STOP START":      {[]string{"hello", "STOP", "START"}, false, livedesk.Open},
		"STOP START STOP":       {[]string{"STOP", "START", "STOP"}, true, livedesk.Resolved},
		"hello STOP START STOP": {[]string{"hello", "STOP", "START", "STOP"}, true, livedesk.Open},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
			var list []map[string]any
			var h smstest.Webhook
			for _, text := range c.texts {
				h = w.genuine(smstest.Text{From: alice, Body: text})
				list = append(list, events(t, h)...)
			}
			require.Equal(t, http.StatusNoContent, w.postEvents(h, list...))
			w.settle()
			var got []string
			live := 0
			for _, conv := range w.of(alice) {
				if conv.State.Live() {
					live++
				}
				consent, err := w.desk.Consent(w.ctx(), conv.ID)
				require.NoError(t, err)
				require.Equal(t, c.optedOut, consent.OptedOut)
			}
			got = w.incoming(alice)
			require.ElementsMatch(t, c.texts, got)
			require.Equal(t, c.state == livedesk.Open, live == 1)
			if c.optedOut {
				require.NotContains(t, w.bodies(), "Hi")
			}
			if strings.HasPrefix(name, "hello STOP START") {
				require.NotContains(t, w.bodies(), "Hi", "START revives nothing")
			}
		})
	}
}

// Once per new conversation that the customer starts.
func TestGreeting(t *testing.T) { // I12, F85, F86, R18
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		w.text(alice, "one")
		w.text(alice, "two")
		require.Len(t, w.bodies(), 1)
		for range 10 { // each time a new conversation
			_, err := w.desk.Resolve(w.ctx(), w.of(alice)[0].ID, host)
			require.NoError(t, err)
			w.later(25 * time.Hour)
			w.text(alice, "again")
		}
		require.Len(t, w.of(alice), 11)
		require.Len(t, w.bodies(), 5, "at most five in a row without a human")
		_, err := w.desk.Reply(w.ctx(), w.of(alice)[0].ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "I am here"})
		require.ErrorIs(t, err, livedesk.ErrNotFound, "there is no ada")
		w.agents(w.ch.ID, 5, "ada")
		_, err = w.desk.Reply(w.ctx(), w.of(alice)[0].ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "I am here"})
		require.NoError(t, err)
		w.settle()
		_, err = w.desk.Resolve(w.ctx(), w.of(alice)[0].ID, host)
		require.NoError(t, err)
		w.later(25 * time.Hour)
		w.text(alice, "again")
		require.Len(t, w.bodies(), 7, "a human was there: greeted again")
	})
}

// An agent who writes first is no occasion for a greeting, nor is the answer to them.
func TestNoGreetingAfterAnAgentBegan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	w.agents(w.ch.ID, 5, "ada")
	_, err := w.desk.Start(w.ctx(), w.ch.ID, alice, livedesk.AgentActor("ada"), livedesk.Draft{Text: "Hello, it's Ada"})
	require.NoError(t, err)
	w.settle()
	require.Equal(t, "ada", w.only().Assignee)
	w.text(alice, "Hello Ada")
	require.Equal(t, []string{"Hello, it's Ada"}, w.bodies())
	require.Equal(t, livedesk.Open, w.only().State)
}
