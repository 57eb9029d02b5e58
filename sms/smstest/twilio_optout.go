package smstest

import (
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// What Twilio takes for a keyword by default: the whole text in any case, nothing around it but blanks. REVOKE and
// OPTOUT came on 2025-05-14; "OPT OUT" is none.
var twilioKeywords = map[string]string{
	"STOP": "STOP", "STOPALL": "STOP", "UNSUBSCRIBE": "STOP", "CANCEL": "STOP", "END": "STOP", "QUIT": "STOP",
	"REVOKE": "STOP", "OPTOUT": "STOP",
	"START": "START", "YES": "START", "UNSTOP": "START",
	"HELP": "HELP", "INFO": "HELP",
}

var twilioAnswers = map[string]string{
	"STOP":  "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe.",
	"START": "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
	"HELP":  "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}

// keyword does what Twilio does about STOP, START and HELP before the webhook hears of them, and returns which it was.
// A short code outside a service gets no default handling.
func (t *Twilio) keyword(m Text) string {
	meaning := twilioKeywords[strings.ToUpper(strings.TrimSpace(m.Body))]
	if meaning == "" || m.To.Kind() != channel.KindE164 && t.service(m.To) == "" {
		return ""
	}
	was := t.OptedOut(m.To, m.From)
	if meaning != "HELP" {
		t.SetOptedOut(m.To, m.From, meaning == "STOP")
	}
	if meaning != "START" || was { // YES of someone who never opted out is a plain text
		t.reply(m, twilioAnswers[meaning])
	}
	return meaning
}

func (t *Twilio) reply(m Text, text string) {
	s := Sent{ID: twilioID(nil), From: m.To, To: m.From, Pool: t.service(m.To), Body: text, Segments: segments(text),
		At: time.Now().UTC(), Status: channel.StatusDelivered, Word: "delivered"}
	t.note(twilioMessage{Sent: s, direction: "outbound-reply"})
	t.addReply(s)
}

func (f *Fake) addReply(s Sent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replies.add(s, f.keep)
	f.wake()
}

// obey sends what the answer of a webhook asks for. A text/plain answer is sent to the customer as it is: an engine
// that says "OK" texts OK to everybody who writes.
func (t *Twilio) obey(m Text, res *http.Response) {
	answer, _ := io.ReadAll(res.Body)
	if len(answer) == 0 || t.OptedOut(m.To, m.From) {
		return
	}
	switch mediaType(res.Header) {
	case "text/plain":
		t.reply(m, string(answer))
	case "text/xml", "application/xml":
		var doc struct {
			Message []struct {
				Text string `xml:",chardata"`
				Body string `xml:"Body"`
			}
		}
		if xml.Unmarshal(answer, &doc) == nil {
			for _, msg := range doc.Message {
				t.reply(m, or(msg.Body, msg.Text))
			}
		}
	}
}
