package main

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// The whole way over each carrier: a customer writes, is greeted and given to an agent, who answers; the phone has it.
func TestTextInReplyOutResolve(t *testing.T) {
	t.Parallel()
	for name, greeting := range map[string]string{
		"Support":    "Hi, this is Northwind Support. An agent will be with you shortly.",
		"Deliveries": "Northwind Deliveries here. We have your text and answer as soon as we can.",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := signedIn(t)
			s.texts(name, maya, "Is my order on its way?")

			list := s.page("/inbox?tab=mine").text()
			require.Contains(t, list, "+1 415 555 0123")
			require.Contains(t, list, "Ada Okafor")
			require.Contains(t, list, name)

			path := s.only()
			require.Equal(t, path, s.done(path+"/reply", "text", "It left an hour ago.", "key", "k1"))
			s.settle()
			page := s.page(path).text()
			require.Contains(t, page, "Is my order on its way?")
			require.Regexp(t, "Automatic .* "+regexp.QuoteMeta(greeting)+" Delivered", page)
			require.Regexp(t, "Ada Okafor .* It left an hour ago. Delivered", page)

			phone := s.phone(name, maya).text()
			require.Regexp(t, `Is my order on its way\? .* taken in by the desk`, phone)
			require.Regexp(t, regexp.QuoteMeta(greeting)+" .* delivered", phone)
			require.Regexp(t, "It left an hour ago. .* delivered", phone)

			s.done(path+"/change", "do", "resolve")
			require.Contains(t, s.page(path).text(), "This conversation is resolved.")
			require.NotContains(t, s.page(path).body, `name="text"`)
			require.Contains(t, s.page("/inbox?tab=resolved").text(), "+1 415 555 0123")
			a := s.post(path+"/change", "do", "resolve")
			require.Equal(t, http.StatusConflict, a.status)
			require.Contains(t, a.text(), "the conversation is resolved")
			s.done(path+"/change", "do", "reopen")
			require.Contains(t, s.page(path).text(), "Reply by SMS")
		})
	}
}

func TestAgentsWorkOnAConversation(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "Hello")
	path := s.only()
	s.done(path+"/change", "do", "assign", "agent", "ben")
	require.Contains(t, s.page(path).text(), "Ada Okafor assigned it to Ben Larsen")
	s.done(path+"/change", "do", "take")
	require.Contains(t, s.page(path).text(), "Ada Okafor took the conversation")
	s.done(path+"/note", "note", "A regular; be quick.")
	require.Contains(t, s.page(path).text(), "private note")
	require.NotContains(t, s.phone("Support", maya).text(), "be quick")
	s.done(path+"/change", "do", "snooze", "for", "1d")
	require.Contains(t, s.page("/inbox?tab=snoozed").text(), "+1 415 555 0123")
	require.Contains(t, s.page(path).text(), "Snoozed until")
	s.texts("Support", maya, "One more thing") // wakes it
	require.Contains(t, s.page("/inbox?tab=mine").text(), "One more thing")
	s.done(path+"/change", "do", "unassign")
	require.Equal(t, http.StatusBadRequest, s.post(path+"/change", "do", "dance").status)
	require.Equal(t, http.StatusNotFound, s.post(path+"/change", "do", "assign", "agent", "nobody").status)
}

func TestAFormSentTwiceIsOneText(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "Hello")
	path := s.only()
	s.done(path+"/reply", "text", "Once only", "key", "same")
	s.done(path+"/reply", "text", "Once only", "key", "same")
	s.settle()
	require.Equal(t, 1, strings.Count(s.phone("Support", maya).body, "Once only"))
	a := s.post(path+"/reply", "text", "Something else", "key", "same")
	require.Equal(t, http.StatusConflict, a.status)
	require.Contains(t, a.body, "Something else</textarea>", "the draft stays")
}

func TestWhoOptedOutIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "Hello")
	s.texts("Support", maya, "STOP")
	path := s.only()
	page := s.page(path)
	require.Contains(t, page.text(), "This customer has opted out. They texted STOP")
	require.NotContains(t, page.body, `name="text"`)
	a := s.post(path+"/reply", "text", "Please stay")
	require.GreaterOrEqual(t, a.status, 400)
	require.Contains(t, s.phone("Support", maya).text(), "from the carrier itself", "Twilio answers STOP by itself")
	require.NotContains(t, s.phone("Support", maya).text(), "Please stay")
	s.texts("Support", maya, "START")
	require.Contains(t, s.page(path).text(), "Reply by SMS")
}

func TestATextThatDoesNotArriveSaysWhy(t *testing.T) {
	t.Parallel()
	s := serveDesk(t, options{pace: 200 * time.Millisecond}) // receipts behind the answer, as carriers usually send them
	s.signIn()
	s.texts("Support", otto, "Hello")
	require.Contains(t, s.page(s.only()).text(), "Not delivered: the number can't be reached (carrier code 30005)")
	require.Contains(t, s.phone("Support", otto).text(), "never arrived")
}

func TestWritingFirst(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	path := s.done("/new", "channel", s.channel("Deliveries"), "to", "+1 (415) 555-0123", "text", "Your parcel is here.", "key", "k")
	s.settle()
	require.Contains(t, s.phone("Deliveries", maya).text(), "Your parcel is here.")
	require.Contains(t, s.page(path).text(), "Ada Okafor")
	a := s.post("/new", "channel", s.channel("Deliveries"), "to", "0155", "text", "Hello")
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.body, "Hello</textarea>")
}

func TestADraftIsMeasuredAndKept(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "Hello")
	path := s.only()
	a := s.post(path+"/reply", "do", "measure", "text", strings.Repeat("a", 161))
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.text(), "2 SMS segments, 161 units in GSM-7")
	a = s.post(path+"/reply", "do", "send", "text", "")
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.body, `role="alert"`)
}

func TestInboxPages(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	desk, ch := s.h.engine.Desk(workspace), s.channel("Support")
	for i := range 30 {
		to := "+1415555" + string([]byte{'1', '0', byte('0' + i/10), byte('0' + i%10)})
		_, err := desk.Start(t.Context(), ch, channel.Address(to), livedesk.AgentActor("ada"), livedesk.Draft{Text: "Hello"})
		require.NoError(t, err)
	}
	seen := map[string]bool{}
	next := "/inbox?tab=mine"
	for pages := 0; next != ""; pages++ {
		require.Less(t, pages, 3)
		a := s.page(next)
		for _, m := range regexp.MustCompile(`/conversations/[0-9a-f-]+`).FindAllString(a.body, -1) {
			require.False(t, seen[m], "listed twice")
			seen[m] = true
		}
		next = ""
		if m := regexp.MustCompile(`href="(/inbox\?[^"]*after=[^"]*)"`).FindStringSubmatch(a.body); m != nil {
			next = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	require.Len(t, seen, 30)
	require.Equal(t, http.StatusUnprocessableEntity, s.get("/inbox?after=nonsense").status)
}

// Who asks by phone for no more texts is opted out by hand, and the ledger says who did it and why.
func TestOptOutByHand(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "hello")
	path := s.only()
	require.Contains(t, s.page(path).text(), "They never said anything about it.")
	s.done(path+"/change", "do", "opt_out", "cause", "by phone")
	page := s.page(path).text()
	require.Contains(t, page, "opted out (agent: by phone)")
	require.Contains(t, page, "until they are opted in again")
	require.Equal(t, http.StatusConflict, s.post(path+"/reply", "text", "hi", "key", "k").status)
	require.Contains(t, s.page(path).text(), "1 refused text since")
	s.done(path+"/change", "do", "opt_in")
	s.done(path+"/reply", "text", "hi", "key", "k")
}

// What an agent typed while the customer opted out, or somebody else resolved it, isn't lost: it says why it wasn't sent.
func TestARefusedReplyIsKept(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "hello")
	path := s.only()
	for _, c := range []struct{ do, why string }{
		{"opt_out", "This customer has opted out"}, {"opt_in", ""}, {"resolve", "the conversation is resolved"},
	} {
		s.done(path+"/change", "do", c.do)
		if c.why == "" {
			continue
		}
		a := s.post(path+"/reply", "text", "A long answer & more", "key", c.do)
		require.Equal(t, http.StatusConflict, a.status)
		require.Regexp(t, `<p class="alert" role="alert">[^<]*`+c.why, a.body)
		require.Regexp(t, `<textarea id="unsent"[^>]*>A long answer &amp; more</textarea>`, a.body)
		require.NotContains(t, a.body, `name="text"`, "it can't be sent")
		require.NotContains(t, s.page(path).body, "unsent")
	}
}

// An error page says in plain words that nothing happened, and leads back to the page whose form it was.
func TestErrorPagesLeadBack(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "hello")
	conversation, support := s.only(), "/channels/"+s.channel("Support")
	for _, c := range []struct {
		path   string
		fields []string
		back   string
	}{
		{conversation + "/change", []string{"do", "nonsense"}, conversation},
		{support + "/settings", []string{"version", "99"}, support},
		{support + "/pause", nil, support},
		{support + "/hours", []string{"version", "99"}, support + "/hours"},
		{"/team/hours", []string{"id", "support", "schedule", "old"}, "/team?id=support"},
		{"/agents/ada/presence", []string{"presence", "asleep"}, "/agents"},
	} {
		a := s.post(c.path, c.fields...)
		require.Contains(t, a.text(), "That was not done", c.path)
		require.Contains(t, a.body, `href="`+c.back+`">Back to the page`, c.path)
		require.Equal(t, http.StatusOK, s.get(c.back).status)
	}
	for _, a := range []answer{s.get("/nowhere"), s.post("/conversations/none/change", "do", "resolve")} {
		require.Contains(t, a.text(), "Not found There is nothing here.")
		require.NotContains(t, a.text(), "Back to the page")
	}
}

func TestCheckLengthNamesWhatMakesATextDear(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "hello")
	a := s.post(s.only()+"/reply", "do", "measure", "text", "Привет 🙂")
	require.Contains(t, a.text(), "1 SMS segment, 9 units in Unicode, because of П, р, и, в, е.")
}

// A text that did not arrive is sent again when somebody asks for it, once.
func TestResend(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", otto, "hello")
	path := s.only()
	s.done(path+"/reply", "text", "Are you there?", "key", "k")
	s.settle()
	page := s.page(path)
	require.Contains(t, page.text(), "It did not arrive.")
	id := resendable.FindAllStringSubmatch(page.body, -1)
	last := id[len(id)-1][1]
	s.done(path+"/resend", "message", last)
	s.settle()
	require.Equal(t, 2, strings.Count(s.page(path).text(), "Are you there?"))
	require.Contains(t, s.page(path).text(), "Sent again")
	s.done(path+"/resend", "message", last)
	require.Equal(t, 2, strings.Count(s.page(path).text(), "Are you there?"))
}

// A text whose outcome stays unknown says so; sending it again asks first; and what happened to it can be read.
func TestUnconfirmedAsksBeforeItIsSentAgain(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Support", maya, "hello")
	path := s.only()
	s.done(path+"/reply", "text", "Are you there?", "key", "k")
	s.settle()
	page := s.page(path)
	require.Contains(t, page.text(), "What happened")
	require.Contains(t, page.text(), "Attempt, sending")
	require.Contains(t, page.text(), "Carrier’s answer, ")
	require.Contains(t, page.text(), "Receipt, delivered: delivered")
	require.NotContains(t, page.text(), "Send it again")
	a := s.post(path+"/resend", "message", s.last(path).ID)
	require.Equal(t, http.StatusConflict, a.status)
	require.Contains(t, a.text(), "That is not possible now. The text: delivered.")

	for _, c := range []struct {
		state livedesk.DeliveryState
		want  string
	}{
		{livedesk.Unknown, "Not known yet whether it left"},
		{livedesk.Unconfirmed, "Not confirmed: it may or may not have arrived"},
	} {
		s.force(c.state, s.last(path))
		page = s.page(path)
		require.Contains(t, page.text(), c.want)
		require.Equal(t, c.state == livedesk.Unconfirmed, strings.Contains(page.text(), "It may have arrived: then the customer gets it twice."))
	}
	s.done(path+"/resend", "message", s.last(path).ID)
	require.Equal(t, 2, strings.Count(s.page(path).text(), "Are you there?"))
}

// last returns the last entry of a conversation.
func (s *site) last(path string) livedesk.Message {
	s.t.Helper()
	list, err := s.h.engine.Desk(workspace).Latest(s.t.Context(), strings.TrimPrefix(path, "/conversations/"), 0, 1)
	require.NoError(s.t, err)
	return list[0]
}

// force makes a text's state what only a carrier that breaks would make it.
func (s *site) force(state livedesk.DeliveryState, m livedesk.Message) {
	s.t.Helper()
	require.NoError(s.t, s.h.store.Update(s.t.Context(), func(ctx context.Context, tx livedesk.Tx) error {
		rows, err := tx.Messages(ctx, []livedesk.MessageKey{{Workspace: workspace, ID: m.ID}})
		if err != nil {
			return err
		}
		rows[0].Delivery.State, rows[0].Delivery.Due = state, time.Time{}
		if state == livedesk.Unknown {
			rows[0].Delivery.Due = tx.Now().Add(time.Hour)
		}
		return tx.Apply(ctx, livedesk.Changes{Deliveries: rows})
	}))
}

var resendable = regexp.MustCompile(`name="message" value="([^"]+)"`)

// A text that comes late stands where it was written, and says so.
func TestLateTextStandsWhereItWasWritten(t *testing.T) {
	t.Parallel()
	s := signedIn(t)
	s.texts("Deliveries", maya, "And one for Friday.")
	d, err := s.h.carriers.bandwidth.Deliver(t.Context(), smstest.Text{From: maya, Body: "I ordered two parcels.", At: time.Now().Add(-40 * time.Minute)})
	require.NoError(t, err)
	require.True(t, d.OK())
	require.Regexp(t, `came 40 min late I ordered two parcels\. .*And one for Friday\.`, s.page(s.only()).text())
}
