package enginetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
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

// readingOrder lets one customer's texts come in with every tenth delayed by up to ten minutes.
func readingOrder(d *desk) {
	const texts = 100
	type coming struct {
		i       int
		written time.Duration
		arrives time.Duration
	}
	var all []coming
	for i := range texts {
		c := coming{i: i, written: time.Duration(i) * 10 * time.Second}
		if c.arrives = c.written; i%10 == 3 {
			c.arrives += time.Duration(1+i*6) * time.Second
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b coming) int { return cmp.Compare(a.arrives, b.arrives) })
	began := time.Now()
	for _, c := range all {
		d.ahead.Store(int64(c.arrives))
		got, err := d.carrier.Deliver(d.Context(), smstest.Text{From: phone(1), Body: fmt.Sprint(c.i), At: began.Add(c.written)})
		d.must(err)
		d.equal(true, got.OK(), "webhook")
	}
	d.settle()
	var arrived []livedesk.Message
	for m, err := range d.Messages(d.Context(), d.only().ID, 0) {
		d.must(err)
		arrived = append(arrived, m)
		d.equal(len(arrived), m.Seq, "place in the timeline")
	}
	order := func(entries []livedesk.Message) (texts string) {
		for _, m := range livedesk.ReadingOrder(entries) {
			if m.Kind == livedesk.Incoming {
				texts += m.Text + " "
			}
		}
		return texts
	}
	want := ""
	for i := range texts {
		want += fmt.Sprint(i) + " "
	}
	d.equal(want, order(arrived), "order")
	rand.Shuffle(len(arrived), func(i, j int) { arrived[i], arrived[j] = arrived[j], arrived[i] })
	d.equal(want, order(arrived), "order of what was loaded in another")
}
