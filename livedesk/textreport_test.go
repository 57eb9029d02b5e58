package livedesk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// name gives a customer a name.
func (w *world) name(address, name string) {
	w.t.Helper()
	_, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: addr(address), Name: name})
	require.NoError(w.t, err)
}

// What a text names is put in when it is sent; what is missing leaves no hole; what is put in means nothing by itself.
func TestVariablesOfAutomaticTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ greeting, name, want string }{
		{"Hi {{contact}}! This is {{channel}}.", "Zoë", "Hi Zoë! This is Sales."},
		{"Hi {{ contact }}!", "", "Hi!"},
		{"{{contact}}, hi", "", ", hi"},
		{"Hi {{contact}}", "{{agent}} {{contact}} }} {{", "Hi {{agent}} {{contact}} }} {{"},
		{"{{agent}} is here", "", "Sales is here"},
		{"Open {{next_open}}.", "", "Open."},
		{"Hi {{contact}}", " a\n\tb\x00 ", "Hi a b\ufffd"},
		{"Hi {{contact}}", strings.Repeat("x", 100), "Hi " + strings.Repeat("x", 60)},
		{"}} and { { are text", "", "}} and { { are text"},
	} {
		w := newWorld(t)
		w.bandwidthChannel(func(ch *livedesk.Channel) { ch.Greeting = c.greeting })
		if c.name != "" {
			w.name(alice, c.name)
		}
		w.text(alice, "hello")
		w.settle()
		require.Equal(t, []string{c.want}, w.bodies(), c.greeting)
	}
}

// A text that names the agent names who has the conversation, also where the very text gives it to them; else the channel.
func TestAgentInAutomaticTexts(t *testing.T) {
	t.Parallel()
	const greeting = "{{agent}} is with you"
	named := func(t *testing.T, opts ...option) *world {
		w := newWorld(t, opts...)
		w.bandwidthChannel(func(c *livedesk.Channel) {
			c.Greeting, c.ConsentTexts.Help = greeting, "{{agent}} helps"
		})
		w.agents(w.ch.ID, 1, "ada", "bo")
		for id, name := range map[string]string{"ada": "Ada Okafor", "bo": ""} {
			_, err := w.desk.PutAgent(w.ctx(), livedesk.Agent{ID: id, Capacity: 1, Name: name})
			require.NoError(t, err)
		}
		return w
	}
	t.Run("who gets it", func(t *testing.T) {
		t.Parallel()
		w := named(t)
		w.text(alice, "hello")
		require.Equal(t, "ada", w.only().Assignee)
		require.Equal(t, []string{"Ada Okafor is with you"}, w.bodies())
		w.text(bob, "hello")
		require.Equal(t, "bo", w.live(bob).Assignee)
		require.Equal(t, "Sales is with you", w.bodies()[1], "bo has no name")
		w.text(carol, "hello")
		require.Empty(t, w.live(carol).Assignee)
		require.Equal(t, "Sales is with you", w.bodies()[2], "nobody is free")
	})
	t.Run("who has it", func(t *testing.T) {
		t.Parallel()
		w := named(t)
		w.text(alice, "hello")
		w.text(alice, "HELP")
		require.Equal(t, "Ada Okafor helps", w.bodies()[1])
		require.Equal(t, 1, w.texts(w.only().ID)[3].Delivery.Segments)
	})
	t.Run("together", func(t *testing.T) {
		t.Parallel()
		w := named(t)
		first, second := w.genuine(smstest.Text{From: alice, Body: "hello"}), w.genuine(smstest.Text{From: bob, Body: "hello"})
		require.Equal(t, 204, w.postEvents(second, append(events(t, first), events(t, second)...)...))
		w.settle()
		require.ElementsMatch(t, []string{"Ada Okafor is with you", "Sales is with you"}, w.bodies())
	})
	t.Run("when quiet hours end", func(t *testing.T) {
		t.Parallel()
		w := named(t)
		w.change(func(c *livedesk.Channel) { c.QuietHours = w.quiet(time.Hour) })
		w.presence("ada", livedesk.Offline)
		w.presence("bo", livedesk.Offline)
		w.text(alice, "hello")
		w.presence("ada", livedesk.Online)
		w.settle()
		require.Equal(t, "ada", w.only().Assignee)
		require.Empty(t, w.bodies())
		w.later(time.Hour)
		require.Equal(t, []string{"Ada Okafor is with you"}, w.bodies())
	})
	t.Run("a name that would make two of one", func(t *testing.T) {
		t.Parallel()
		w := named(t)
		w.change(func(c *livedesk.Channel) { c.Greeting = strings.Repeat("x", 1600-len("{{agent}}")) + "{{agent}}" })
		_, err := w.desk.PutAgent(w.ctx(), livedesk.Agent{ID: "ada", Capacity: 1, Name: strings.Repeat("Ada", 20)})
		require.NoError(t, err)
		w.text(alice, "hello")
		require.Len(t, w.bodies(), 1)
	})
}

// What can't be used is refused when it is saved, by its field.
func TestTextsAreCheckedWhenSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	for problem, text := range map[string]string{
		"there are only {{contact}}, {{channel}}, {{agent}}, {{next_open}}": "Hi {{nmae}}",
		"names {{}}": "Hi {{}}", "has {{ without }}": "Hi {{contact", "too long": strings.Repeat("x", 1601), "is blank": " \n",
	} {
		c := w.ch
		c.Greeting, c.ConsentTexts = text, livedesk.ConsentTexts{OptOut: text, OptIn: text, Help: text}
		_, err := w.desk.PutChannel(w.ctx(), c)
		var fields []string
		for _, f := range livedesk.FieldErrors(err) {
			fields = append(fields, f.Field)
			require.Contains(t, f.Problem, problem)
		}
		require.Equal(t, []string{"greeting", "consent_texts.opt_out", "consent_texts.opt_in", "consent_texts.help"}, fields)
		_, err = w.desk.ReportText(w.ctx(), w.ch.ID, text)
		require.Equal(t, "text", livedesk.FieldErrors(err)[0].Field)
	}
}

// A console shows what a text will cost while it is written.
func TestReportText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(nil)
	r, err := w.desk.ReportText(w.ctx(), w.ch.ID, "Hi {{contact}}, {{contact}}: we open {{next_open}}.")
	require.NoError(t, err)
	require.Equal(t, []string{"contact", "next_open"}, r.Variables)
	require.Equal(t, "Hi,: we open.", r.Shortest.Parts[0].Text)
	require.Equal(t, "Hi Maria Garcia, Maria Garcia: we open Monday at 9:00 AM.", r.Typical.Parts[0].Text)
	require.Equal(t, sms.GSM7, r.Typical.Encoding)
	require.Equal(t, sms.UCS2, r.Longest.Encoding)
	require.Greater(t, r.Longest.Segments, 1)
	r, err = w.desk.ReportText(w.ctx(), w.ch.ID, "It’s open")
	require.NoError(t, err)
	require.Equal(t, []sms.Foreign{{Character: "’", Count: 1, Instead: "'"}}, r.Longest.Foreign)
	w.change(func(c *livedesk.Channel) { c.Transliterate = true })
	r, err = w.desk.ReportText(w.ctx(), w.ch.ID, "It’s open")
	require.NoError(t, err)
	require.Empty(t, r.Longest.Foreign)
}

// The defaults are plain text of one segment, in every language, with every usual name.
func TestDefaultConfirmationsAreCheap(t *testing.T) { // F79
	t.Parallel()
	for _, language := range []string{"en", "fr", "es", "de"} {
		w := newWorld(t)
		w.bandwidthChannel(func(c *livedesk.Channel) { c.Language = language; c.Values["name"] = strings.Repeat("N", 30) })
		for i, word := range []string{"HELP", "STOP", "START"} {
			w.text(alice, word)
			w.settle()
			require.Len(t, w.bodies(), i+1)
			require.Equal(t, sms.Size{Encoding: sms.GSM7, Segments: 1, Units: sms.Measure(w.bodies()[i]).Units}, sms.Measure(w.bodies()[i]))
		}
	}
}

// Before a draft is sent, everybody can see what it takes; and it takes that.
func TestPreview(t *testing.T) { // F134
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		for _, text := range []string{"hi", strings.Repeat("long text ", 300), "“quoted”", strings.Repeat("👩‍👩‍👧", 500)} {
			for _, on := range []bool{false, true} {
				w.change(func(c *livedesk.Channel) { c.Transliterate = on })
				p, err := w.desk.Preview(w.ctx(), w.ch.ID, livedesk.Draft{Text: text})
				require.NoError(t, err)
				m := w.start(alice, text)
				var got []string
				segments := 0
				for _, s := range w.texts(m.Conversation) {
					if s.Seq >= m.Seq {
						got, segments = append(got, s.Text), segments+s.Delivery.Segments
					}
				}
				var want []string
				for _, part := range p.Parts {
					want = append(want, part.Text)
				}
				require.Equal(t, want, got)
				require.Equal(t, p.Segments, segments)
			}
		}
		for _, text := range []string{"", strings.Repeat("x", 30000)} {
			_, err := w.desk.Preview(w.ctx(), w.ch.ID, livedesk.Draft{Text: text})
			require.Equal(t, "text", livedesk.FieldErrors(err)[0].Field)
			_, err = w.desk.Start(w.ctx(), w.ch.ID, alice, host, livedesk.Draft{Text: text})
			require.Equal(t, "text", livedesk.FieldErrors(err)[0].Field, "over-long is refused before anything is posted")
		}
	})
}

// A channel may replace look-alikes; the same draft under the same key is the same text, also after the setting changed.
func TestTransliterationOfAChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) { c.Transliterate = true; c.Greeting = "It’s {{contact}}" })
	w.name(alice, "“Al”")
	w.text(alice, "hello")
	id := w.only().ID
	draft := livedesk.Draft{Text: "“so” – what’s up…", Key: "k"}
	m, err := w.desk.Reply(w.ctx(), id, host, draft)
	require.NoError(t, err)
	w.change(func(c *livedesk.Channel) { c.Transliterate = false })
	again, err := w.desk.Reply(w.ctx(), id, host, draft)
	require.NoError(t, err)
	require.Equal(t, m.ID, again.ID)
	w.settle()
	require.Equal(t, []string{`"so" - what's up...`, `It's "Al"`}, slices.Sorted(slices.Values(w.bodies())))
}
