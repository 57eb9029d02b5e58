// Package enginetest runs an engine's scenarios on any [livedesk.Store]: what the Store's contract can't say by itself,
// a customer's text in and an agent's answer out, over two engines on one store and a fake carrier. It imports nothing
// but testing and this module, so that nested modules can use it.
package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// Open opens an empty store whose clock is the database's own plus ahead, which must be asked for each transaction.
// It closes the store by t.Cleanup.
type Open func(t *testing.T, ahead func() time.Duration) livedesk.Store

// Run runs every scenario as a subtest on a store of its own. The whole takes a few seconds on a store with a disk.
func Run(t *testing.T, open Open) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.run(newDesk(t, open)) })
	}
}

var scenarios = []struct {
	name string
	run  func(*desk)
}{
	{"text in and reply out", textInReplyOut},
	{"duplicates count once", duplicates},
	{"first messages together make one conversation", firstMessages},
	{"texts are kept as they are", textsAreKept},                  // F132, F133, F135, F140
	{"late texts are read where they were written", readingOrder}, // F37
	{"STOP takes back what waits", stop},
	{"a key sends once", keys},
	{"a lost answer is never sent again", lostAnswer},
	{"a lost text is found in the carrier's list", foundInTheList},
	{"an unconfirmed text is sent again by a person, once", resentOnce},
	{"queued texts are taken back", takenBack},
	{"a gap is filled by the carrier's list, once", gapFilled},
	{"a channel's budget of first replies holds for both engines together", firstReplies},
	{"who may have opted out gets nothing that waits and that no human wrote", heldBack},
	{"quiet hours hold for what comes into them late", quietAtTheGate},
	{"an automatic text names the agent who gets the conversation", agentNamed},
	{"a refused text is sent again", retried},
	{"capacity holds", capacity},
	{"order holds over two engines", order},
	{"a sender's rate holds for both engines together", rateHolds},
	{"a carrier that asks to wait is heard by both engines", carrierAsksToWait},
	{"STOP races with both engines", stopRaces},
	{"many deeds at once on one conversation", deedsAtOnce},
	{"snooze and reopen", snoozeAndReopen},
	{"refused credentials are probed once a minute by one engine", refusedCredentials},
	{"a number that comes back is its old channel", numberComesBack},
	{"rules decide on both engines", rules},
	{"edits of rules don't overwrite each other", ruleEdits},
	{"agents who are away or silent are no dead end", absence},
	{"places hold with rules that ask who is there", rulesUnderLoad},
	{"an AI agent answers each burst once, whoever runs it", aiAnswers},
	{"an AI agent's budget holds for both engines together", aiBudget},
	{"what happens while an AI agent thinks makes its answer late", aiTooLate},
	{"a turn is taken over with its journal", aiTakenOver},
	{"a customer who goes on writing breaks no step off", aiStepInFlight},
	{"a policy holds an AI agent's text, or changes it", aiPolicy},
	{"the host's facts about a new contact come before routing", contactFacts},
	{"who waits for a skill is served by who has it, and hides nobody", skills},
	{"a channel's limit holds, and who comes back finds their agent", limitAndSticky},
	{"what waits for an opening is served then, and told once", servedAtTheOpening},
	{"a closing that the clock shows twice is told once", closingShownTwice}, // F108
	{"a schedule that is named isn't removed, whoever is first", namedSchedules},
}

const workspace = "main"

var host = livedesk.Actor{Kind: livedesk.ActorHost}

// desk is two engines on one store, with one channel on a fake Bandwidth, and a fake Twilio that posts no receipts for
// another.
type desk struct {
	*testing.T
	store   livedesk.Store
	ahead   atomic.Int64
	carrier *smstest.Bandwidth
	twilio  *smstest.Twilio
	engines [2]*livedesk.Engine
	*livedesk.Desk
	channel string
	url     string
}

func newDesk(t *testing.T, open Open) *desk {
	d := &desk{T: t, carrier: smstest.NewBandwidth(t, smstest.BandwidthConfig{}), twilio: smstest.NewTwilio(t, smstest.TwilioConfig{
		Receipts: func(smstest.Sent) []smstest.Step { return nil },
	})}
	d.store = open(t, func() time.Duration { return time.Duration(d.ahead.Load()) })
	d.open(func(*livedesk.Config) {})
	c, err := d.PutChannel(t.Context(), livedesk.Channel{Provider: bandwidth.Name, Greeting: "Hi", Rate: -1, Values: livedesk.Values{
		"name": "Support", "phone_number": string(smstest.BandwidthNumber),
		"account_id": smstest.BandwidthAccountID, "application_id": smstest.BandwidthApplicationID,
		"api_key": smstest.BandwidthClientID, "api_secret": smstest.BandwidthClientSecret,
		"webhook_user": smstest.BandwidthWebhookUser, "webhook_password": smstest.BandwidthWebhookPassword,
	}})
	d.must(err)
	d.channel = c.ID
	d.url, err = d.WebhookURL(t.Context(), c.ID)
	d.must(err)
	d.carrier.SetWebhooks(d.url, either(d.engines))
	d.settle()
	return d
}

// open makes the engines, as change wants them.
func (d *desk) open(change func(*livedesk.Config)) {
	d.Helper()
	ring, err := livedesk.NewKeyRing(bytes.Repeat([]byte{1}, 32))
	d.must(err)
	cfg := livedesk.Config{
		PublicURL: "https://desk.example.com/sms", Sealer: ring, Logger: slog.New(slog.DiscardHandler),
		Providers: []sms.Provider{
			bandwidth.New(bandwidth.Config{Transport: d.carrier.Transport()}),
			twilio.New(twilio.Config{Transport: d.twilio.Transport()}),
		},
	}
	change(&cfg)
	for i := range d.engines {
		d.engines[i], err = livedesk.New(d.store, cfg)
		d.must(err)
	}
	d.Desk = d.engines[0].Desk(workspace)
}

// reopen makes the engines anew on the same store, as after a restart.
func (d *desk) reopen(change func(*livedesk.Config)) {
	d.Helper()
	d.open(change)
	d.carrier.SetWebhooks(d.url, either(d.engines))
	d.settle()
}

// either gives webhooks to the engines in turn.
func either(engines [2]*livedesk.Engine) http.RoundTripper {
	var n atomic.Int64
	return smstest.HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		engines[n.Add(1)%2].Webhooks().ServeHTTP(w, r)
	}))
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) equal(want, got any, what string) {
	d.Helper()
	if fmt.Sprint(want) != fmt.Sprint(got) {
		d.Fatalf("%s: want %v, got %v", what, want, got)
	}
}

// settle works everything off, on both engines at once.
func (d *desk) settle() {
	d.Helper()
	for range 2 {
		var all sync.WaitGroup
		for _, e := range d.engines {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(d.Context(), time.Minute)
				defer cancel()
				if err := e.Settle(ctx); err != nil {
					d.Error(err)
				}
			})
		}
		all.Wait()
		d.must(d.carrier.Wait(d.Context()))
	}
}

func (d *desk) later(by time.Duration) {
	d.Helper()
	d.ahead.Add(int64(by))
	d.settle()
}

func phone(i int) channel.Address { return channel.Address(fmt.Sprintf("+1415555%04d", i)) }

// text lets a customer write; it may be called from many goroutines.
func (d *desk) text(from int, id, body string) {
	got, err := d.carrier.Deliver(d.Context(), smstest.Text{ID: id, From: phone(from), Body: body})
	if err != nil || !got.OK() {
		d.Errorf("webhook: status %d, error %v", got.Status, err)
	}
}

func (d *desk) conversations() []livedesk.Conversation {
	d.Helper()
	p, err := d.Conversations(d.Context(), livedesk.List{Limit: 1000})
	d.must(err)
	return p.Items
}

func (d *desk) only() livedesk.Conversation {
	d.Helper()
	list := d.conversations()
	d.equal(1, len(list), "conversations")
	return list[0]
}

func (d *desk) state(id string) livedesk.DeliveryState {
	d.Helper()
	m, err := d.Message(d.Context(), id)
	d.must(err)
	return m.Delivery.State
}

func (d *desk) start(to int, body string) livedesk.Message {
	d.Helper()
	m, err := d.Start(d.Context(), d.channel, phone(to), host, livedesk.Draft{Text: body})
	d.must(err)
	return m
}

// agents puts agents on line as the channel's members.
func (d *desk) agents(capacity int, names ...string) {
	d.Helper()
	for _, a := range names {
		_, err := d.PutAgent(d.Context(), livedesk.Agent{ID: a, Capacity: capacity})
		d.must(err)
		d.must(d.SetPresence(d.Context(), a, livedesk.Online, 0))
	}
	d.must(d.SetMembers(d.Context(), d.channel, names))
}

func (d *desk) sends() (n int) {
	for _, r := range d.carrier.Requests() {
		if r.Kind == smstest.KindSend {
			n++
		}
	}
	return n
}
