package console

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// conversationPage is one conversation with its newest entries, and what an agent can do with it.
type conversationPage struct {
	livedesk.Conversation
	ChannelName string
	Channel     livedesk.Channel
	Contact     livedesk.Contact
	Consent     livedesk.ConsentState
	Ledger      livedesk.ConsentLedger
	Agent       string // name of the assignee
	WaitsFor    string // who may get it from where it waits; empty when it doesn't
	Mine        bool
	Agents      []livedesk.Agent
	AIs         []livedesk.AIHealth
	Teams       []string // that rules name
	Entries     []entry
	Decisions   []decisionRow
	Earlier     string // address of the entries before these; empty at the beginning
	Replyable   bool
	Key         string // makes a form that is sent twice one text
	Draft       draft
}

// draft is a form as it was sent, shown again with what is wrong.
type draft struct {
	Text, Problem string // of the reply
	Size          string // what the reply takes to send
	Note          string // of the private note
	NoteProblem   string
}

type entry struct {
	livedesk.Message
	Speaker string
	Line    string // of an activity
	Again   bool   // it may be sent again
	Late    string // how much later it came, or left, than it was written; empty when it was in time
}

const (
	timelinePage = 50
	maxDecisions = 3
)

func (c *console) showConversation(w http.ResponseWriter, r *http.Request, s *session) error {
	return c.conversation(w, r, s, http.StatusOK, draft{})
}

func (c *console) conversation(w http.ResponseWriter, r *http.Request, s *session, status int, d draft) error {
	ctx, id := r.Context(), r.PathValue("id")
	conv, err := c.Desk.Conversation(ctx, id)
	if err != nil {
		return err
	}
	if conv.Assignee == s.agent && conv.Unread > 0 { // whose it is has it on the screen
		if err := c.Desk.MarkRead(ctx, id); err != nil {
			return err
		}
		conv.Unread = 0
	}
	data := conversationPage{Conversation: conv, Mine: conv.Assignee == s.agent, Key: rand.Text(), Draft: d}
	if err := c.loadAround(r, &data); err != nil {
		return err
	}
	c.render(w, r, s, status, "conversation", data)
	return nil
}

// loadAround loads what belongs to a conversation.
func (c *console) loadAround(r *http.Request, p *conversationPage) (err error) {
	ctx := r.Context()
	if p.Agents, err = c.Desk.Agents(ctx); err != nil {
		return err
	}
	p.AIs = c.Engine.Health(ctx).AIAgents
	if p.Teams, err = c.teams(r); err != nil {
		return err
	}
	channels, err := c.Desk.Channels(ctx) // not Channel: a conversation outlives its channel
	if err != nil {
		return err
	}
	for _, ch := range channels {
		if ch.ID == p.Conversation.Channel {
			p.Channel, p.ChannelName = ch, ch.Name()
		}
	}
	if p.Contact, err = c.Desk.Contact(ctx, p.Conversation.Contact); err != nil {
		return err
	}
	if p.Consent, err = c.Desk.Consent(ctx, p.ID); err != nil {
		return err
	}
	if p.Ledger, err = c.Desk.ConsentHistory(ctx, p.Conversation.Channel, p.Address); err != nil {
		return err
	}
	who := nameIn(names(p.Agents))
	p.Agent = who(p.Assignee)
	if p.Queue != "" {
		p.WaitsFor = waitsFor(p.Queue, p.Needs, who)
	}
	decisions, err := c.Desk.Explain(ctx, p.ID)
	if err != nil {
		return err
	}
	p.Decisions = decisionRows(decisions[:min(len(decisions), maxDecisions)], who)
	p.Replyable = p.Channel.ID != "" && !p.Channel.Disabled && !p.Consent.OptedOut && p.State != livedesk.Resolved
	return c.loadEntries(r, p, who)
}

func (c *console) loadEntries(r *http.Request, p *conversationPage, who func(string) string) error {
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64) // nonsense means the newest
	list, err := c.Desk.Latest(r.Context(), p.ID, max(before, 0), timelinePage)
	if err != nil {
		return err
	}
	for _, m := range livedesk.ReadingOrder(list) {
		again := p.Replyable && m.Delivery != nil && m.Delivery.State.Resendable() && !sentAgain(list, m.ID)
		p.Entries = append(p.Entries, entry{m, speaker(m, who), activityLine(m, who), again, lateness(m)})
	}
	if len(list) > 0 && list[0].Seq > 1 {
		p.Earlier = "/conversations/" + p.ID + "?before=" + strconv.FormatInt(list[0].Seq, 10)
	}
	return nil
}

func sentAgain(list []livedesk.Message, id string) bool {
	return slices.ContainsFunc(list, func(m livedesk.Message) bool { return m.ResendOf == id })
}

// resend sends a text again that did not arrive, or may not have.
func (c *console) resend(w http.ResponseWriter, r *http.Request, s *session) error {
	if _, err := c.Desk.Resend(r.Context(), r.PostFormValue("message"), s.actor()); err != nil {
		return err
	}
	s.say("Sent again.")
	back(w, r, r.PathValue("id"))
	return nil
}

func (c *console) reply(w http.ResponseWriter, r *http.Request, s *session) error {
	id, text := r.PathValue("id"), r.PostFormValue("text")
	if r.PostFormValue("do") == "measure" {
		return c.measure(w, r, s, id, text)
	}
	_, err := c.Desk.Reply(r.Context(), id, s.actor(), livedesk.Draft{Text: text, Key: r.PostFormValue("key")})
	if err != nil {
		return c.conversation(w, r, s, statusOf(err), draft{Text: text, Problem: plainError(err)})
	}
	back(w, r, id)
	return nil
}

// measure says what a reply takes, without sending it.
func (c *console) measure(w http.ResponseWriter, r *http.Request, s *session, id, text string) error {
	conv, err := c.Desk.Conversation(r.Context(), id)
	if err != nil {
		return err
	}
	size, err := c.Desk.Preview(r.Context(), conv.Channel, livedesk.Draft{Text: text})
	if err != nil {
		return c.conversation(w, r, s, statusOf(err), draft{Text: text, Problem: plainError(err)})
	}
	return c.conversation(w, r, s, http.StatusOK, draft{Text: text, Size: sizeOf(size)})
}

func (c *console) note(w http.ResponseWriter, r *http.Request, s *session) error {
	id, text := r.PathValue("id"), r.PostFormValue("note")
	if _, err := c.Desk.AddNote(r.Context(), id, s.actor(), text); err != nil {
		return c.conversation(w, r, s, statusOf(err), draft{Note: text, NoteProblem: plainError(err)})
	}
	back(w, r, id)
	return nil
}

// change does one of the things that a button of the conversation asks for.
func (c *console) change(w http.ResponseWriter, r *http.Request, s *session) (err error) {
	ctx, id, said := r.Context(), r.PathValue("id"), ""
	switch do := r.PostFormValue("do"); do {
	case "resolve":
		_, err = c.Desk.Resolve(ctx, id, s.actor())
		said = "Resolved."
	case "reopen":
		_, err = c.Desk.Reopen(ctx, id, s.actor())
		said = "Reopened; it is yours."
	case "take":
		_, err = c.Desk.Assign(ctx, id, s.agent, s.actor())
		said = "It is yours."
	case "assign":
		_, err = c.Desk.Assign(ctx, id, r.PostFormValue("agent"), s.actor())
		said = "Assigned."
	case "give_ai":
		_, err = c.Desk.Transfer(ctx, id, routing.Target{Kind: routing.ToAI, ID: r.PostFormValue("ai")}, s.actor())
		said = "The AI agent has it."
	case "give_team":
		_, err = c.Desk.Transfer(ctx, id, routing.Target{Kind: routing.ToTeam, ID: r.PostFormValue("team")}, s.actor())
		said = "The team has it."
	case "unassign":
		_, err = c.Desk.Unassign(ctx, id, s.actor())
		said = "Given back to the team."
	case "snooze":
		var until time.Time // zero: until the customer writes
		if d := snoozes[r.PostFormValue("for")]; d > 0 {
			until = time.Now().Add(d)
		}
		_, err = c.Desk.Snooze(ctx, id, s.actor(), until)
		said = "Snoozed."
	case "opt_out", "opt_in":
		said, err = c.setConsent(r, s, id, do == "opt_out")
	default:
		return errForm
	}
	if err != nil {
		return err
	}
	s.say(said)
	back(w, r, id)
	return nil
}

// setConsent writes into the opt-out ledger what a customer asked for in another way than by a text.
func (c *console) setConsent(r *http.Request, s *session, id string, out bool) (said string, err error) {
	conv, err := c.Desk.Conversation(r.Context(), id)
	if err != nil {
		return "", err
	}
	set, said := c.Desk.OptIn, "Opted in again. Texts may be sent."
	if out {
		set, said = c.Desk.OptOut, "Opted out. Nothing is sent from now on, and what was queued is canceled."
	}
	_, err = set(r.Context(), conv.Channel, conv.Address, s.actor(), r.PostFormValue("cause"))
	return said, err
}

var snoozes = map[string]time.Duration{"1h": time.Hour, "4h": 4 * time.Hour, "1d": 24 * time.Hour, "7d": 7 * 24 * time.Hour}

func back(w http.ResponseWriter, r *http.Request, id string) {
	http.Redirect(w, r, "/conversations/"+id, http.StatusSeeOther)
}
