package enginetest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// onTwilio makes a channel on the fake Twilio the desk's.
func (d *desk) onTwilio() {
	d.Helper()
	c, err := d.PutChannel(d.Context(), livedesk.Channel{Provider: twilio.Name, Rate: -1, Values: twilio.Setup{
		Name: "Lists", PhoneNumber: smstest.TwilioNumber, AccountSID: smstest.TwilioAccountSID,
		AuthToken: sms.NewSecret(smstest.TwilioAuthToken),
	}.Values()})
	d.must(err)
	d.channel = c.ID
	d.url, err = d.WebhookURL(d.Context(), c.ID)
	d.must(err)
	d.twilio.SetWebhooks(d.url, either(d.engines))
	d.settle()
}

// twilioSends counts the requests to send a text that reached Twilio.
func (d *desk) twilioSends() (n int) {
	for _, r := range d.twilio.Requests() {
		if r.Kind == smstest.KindSend {
			n++
		}
	}
	return n
}

func foundInTheList(d *desk) { // F51, F66, I5
	d.onTwilio()
	d.twilio.Fail(smstest.Fault{Kind: smstest.FaultReset, Accept: true})
	found := d.start(1, "taken")
	next := d.start(1, "in order")
	d.settle()
	d.twilio.Fail(smstest.Fault{Kind: smstest.FaultReset})
	gone := d.start(2, "not taken")
	d.settle()
	d.equal(livedesk.Unknown, d.state(found.ID), "state")
	d.equal(livedesk.Unknown, d.state(gone.ID), "state")
	d.equal(livedesk.Queued, d.state(next.ID), "state of the next")
	d.later(20 * time.Second)
	d.equal(livedesk.Accepted, d.state(found.ID), "state of the one that is in the list")
	m, err := d.Message(d.Context(), found.ID)
	d.must(err)
	d.equal(d.twilio.Sent()[0].ID, m.ProviderID, "carrier's id")
	d.equal(livedesk.Accepted, d.state(next.ID), "state of the next")
	d.equal(livedesk.Unknown, d.state(gone.ID), "state of the one that isn't")
	d.later(15 * time.Minute)
	d.equal(livedesk.Unconfirmed, d.state(gone.ID), "state of the one that isn't")
}

func resentOnce(d *desk) { // R12
	d.onTwilio()
	d.twilio.Fail(smstest.Fault{Kind: smstest.FaultReset})
	first := d.start(1, "hello")
	d.settle()
	d.later(16 * time.Minute)
	d.equal(livedesk.Unconfirmed, d.state(first.ID), "state")
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			m, err := d.engines[i%2].Desk(workspace).Resend(d.Context(), first.ID, host)
			if err != nil {
				d.Error(err)
			}
			ids[i] = m.ID
		})
	}
	all.Wait()
	d.equal(strings.Repeat(ids[0]+" ", len(ids)), strings.Join(ids, " ")+" ", "ids")
	d.settle()
	m, err := d.Message(d.Context(), ids[0])
	d.must(err)
	d.equal(first.ID, m.ResendOf, "what it repeats")
	d.equal(livedesk.Accepted, m.Delivery.State, "state")
	d.equal(2, d.twilioSends(), "requests")
}

func takenBack(d *desk) {
	d.onTwilio()
	d.must(d.PauseChannel(d.Context(), d.channel, host, ""))
	d.settle()
	for i := range 120 {
		d.start(i, "sale")
	}
	n, err := d.CancelQueued(d.Context(), livedesk.QueuedQuery{Channel: d.channel}, host)
	d.must(err)
	d.equal(120, n, "texts taken back")
	d.must(d.ResumeChannel(d.Context(), d.channel, host))
	d.later(time.Minute)
	d.equal(0, d.twilioSends(), "requests")
}

func gapFilled(d *desk) { // F31, I1, I2
	const texts, people = 400, 20
	d.onTwilio()
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	d.twilio.SetWebhooks(d.url, smstest.HandlerTransport(refuse))
	for i := range texts {
		_, err := d.twilio.Deliver(d.Context(), smstest.Text{From: phone(i % people), Body: fmt.Sprint(i / people)})
		d.must(err)
	}
	missed := d.twilio.Webhooks()
	d.twilio.SetWebhooks(d.url, either(d.engines))
	var all sync.WaitGroup
	for _, e := range d.engines {
		all.Go(func() {
			if _, err := e.Desk(workspace).Backfill(d.Context(), d.channel, time.Now().Add(-time.Hour)); err != nil {
				d.Error(err)
			}
		})
	}
	all.Go(func() {
		for _, h := range missed[:texts/4] { // and some come by webhook after all
			if got, err := d.twilio.Replay(d.Context(), h); err != nil || !got.OK() {
				d.Errorf("webhook: status %d, error %v", got.Status, err)
			}
		}
	})
	all.Wait()
	d.settle()
	for i := range people {
		d.equal(texts/people, len(d.received(phone(i))), "texts of one customer")
	}
}

// received returns the texts that came from an address.
func (d *desk) received(from channel.Address) (texts []string) {
	d.Helper()
	for _, c := range d.conversations() {
		if c.Address != from {
			continue
		}
		for m, err := range d.Messages(d.Context(), c.ID, 0) {
			d.must(err)
			if m.Kind == livedesk.Incoming {
				texts = append(texts, m.Text)
			}
		}
	}
	return texts
}
