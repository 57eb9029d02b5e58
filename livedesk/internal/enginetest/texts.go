package enginetest

import (
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// oddTexts are what stores, queries and logs trip over.
var oddTexts = []string{
	"a\x00b\x00", "'; DROP TABLE messages; --", `\'; SELECT 1; --`, `%_[a-z]*?`, "$1 :name @p1 ?1 {{contact}} ${x}", `{"a":"\u0000\ud800"}`, "''\"\"``\\\\",
	"a\r\nb\x1b[31mc\u202egnp.exe\u2066", "\ufeffbom\ufffe\uffff", "x" + strings.Repeat("\u0301", 10_000), strings.Repeat("y", 64<<10), "👩‍👩‍👧🇫🇷\U0010ffff", "\t \u00a0\u3000",
}

// textsAreKept lets each text come in and, as far as a carrier takes it, go out again.
func textsAreKept(d *desk) {
	for i, text := range oddTexts {
		d.text(i, "", text)
	}
	d.settle()
	d.equal(len(oddTexts), len(d.conversations()), "conversations")
	for i, text := range oddTexts {
		c := d.with(phone(i))
		d.equal(true, d.last(c.ID, livedesk.Incoming).Text == channel.Clean(text), "text "+text[:min(len(text), 40)])
		if len([]rune(text)) > 100 {
			continue
		}
		_, err := d.Reply(d.Context(), c.ID, host, livedesk.Draft{Text: text + "."})
		d.must(err)
		d.settle()
		sent := d.carrier.Sent()
		d.equal(channel.Clean(text)+".", sent[len(sent)-1].Body, "reply at the carrier")
		d.equal(channel.Clean(text)+".", d.last(c.ID, livedesk.Outgoing).Text, "reply")
	}
}

func (d *desk) with(address channel.Address) livedesk.Conversation {
	d.Helper()
	for _, c := range d.conversations() {
		if c.Address == address {
			return c
		}
	}
	d.Fatal("no conversation with the customer")
	return livedesk.Conversation{}
}

// last returns the latest text of a conversation that came in, or that went out.
func (d *desk) last(conversation string, kind livedesk.MessageKind) (last livedesk.Message) {
	d.Helper()
	for m, err := range d.Messages(d.Context(), conversation, 0) {
		d.must(err)
		if m.Kind == kind {
			last = m
		}
	}
	return last
}
