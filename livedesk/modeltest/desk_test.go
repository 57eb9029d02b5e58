package modeltest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

const (
	workspace = "main"
	never     = "never" // a schedule
)

var host = livedesk.Actor{Kind: livedesk.ActorHost}

// tester is what a rapid test and an ordinary one have in common.
type tester interface {
	require.TestingT
	Context() context.Context
	Cleanup(func())
}

// desk is the real thing: two engines on one store, a channel on each of the fake carriers.
type desk struct {
	t        tester
	store    livedesk.Store
	advance  func(time.Duration)
	carriers [2]smstest.Carrier
	engines  [2]atomic.Pointer[livedesk.Engine] // carriers post on goroutines of their own
	turn     atomic.Int32                       // which engine gets the next event
	next     func() int                         // which one gets the next text; turn, if nothing else is said
	channels [2]livedesk.Channel
	cfg      livedesk.Config
}

func newDesk(t tester, s livedesk.Store, advance func(time.Duration)) *desk {
	ring, err := livedesk.NewKeyRing(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	tw, err := smstest.OpenTwilio(smstest.TwilioConfig{})
	require.NoError(t, err)
	bw, err := smstest.OpenBandwidth(smstest.BandwidthConfig{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, tw.Close())
		require.NoError(t, bw.Close())
	})
	d := &desk{t: t, store: s, advance: advance, carriers: [2]smstest.Carrier{tw, bw}, cfg: livedesk.Config{
		PublicURL: "https://desk.example.com/sms", Sealer: ring, Logger: slog.New(slog.DiscardHandler), ReopenWindow: reopenWindow,
		BusinessHours: map[string]hours.BusinessHours{never: hours.Fixed(false)},
		AIAgents:      []livedesk.AIConfig{{Name: bot, Agent: answers{}}}, AIReplies: -1,
		Providers: []sms.Provider{
			twilio.New(twilio.Config{Transport: tw.Transport()}), bandwidth.New(bandwidth.Config{Transport: bw.Transport()}),
		},
	}}
	d.next = func() int { return int(d.turn.Load()) }
	d.restart(0)
	d.restart(1)
	d.channels[0] = d.put(livedesk.Channel{Provider: "twilio", Values: twilio.Setup{
		Name: "Support", PhoneNumber: smstest.TwilioNumber,
		AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken),
	}.Values()})
	d.channels[1] = d.put(livedesk.Channel{Provider: "bandwidth", Values: bandwidth.Setup{
		Name: "Sales", PhoneNumber: smstest.BandwidthNumber,
		AccountID: smstest.BandwidthAccountID, ApplicationID: smstest.BandwidthApplicationID,
		APIKey: sms.NewSecret(smstest.BandwidthClientID), APISecret: sms.NewSecret(smstest.BandwidthClientSecret),
		WebhookUser: sms.NewSecret(smstest.BandwidthWebhookUser), WebhookPassword: sms.NewSecret(smstest.BandwidthWebhookPassword),
	}.Values()})
	for i, at := range d.carriers {
		url, err := d.desk().WebhookURL(t.Context(), d.channels[i].ID)
		require.NoError(t, err)
		at.SetWebhooks(url+[]string{"#rc=5&rp=all", ""}[i], smstest.HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d.engines[d.next()].Load().Webhooks().ServeHTTP(w, r)
		})))
	}
	d.settle()
	return d
}

func (d *desk) desk() *livedesk.Desk { return d.engines[d.turn.Load()].Load().Desk(workspace) }

// restart makes an engine forget everything that it knew.
func (d *desk) restart(i int) {
	e, err := livedesk.New(d.store, d.cfg)
	require.NoError(d.t, err)
	d.engines[i].Store(e)
}

func (d *desk) put(c livedesk.Channel) livedesk.Channel {
	out, err := d.desk().PutChannel(d.t.Context(), c)
	require.NoError(d.t, err)
	return out
}

// settle works everything off, on one engine after the other.
func (d *desk) settle() {
	for range 2 {
		for i := range d.engines {
			require.NoError(d.t, d.engines[i].Load().Settle(d.t.Context()))
		}
	}
}

func number(who int) channel.Address { return channel.Address(fmt.Sprintf("+1415555%04d", 101+who)) }

func (d *desk) text(p person, body string) {
	got, err := d.carriers[p.channel].Deliver(d.t.Context(), smstest.Text{From: number(p.who), Body: body})
	require.NoError(d.t, err)
	require.True(d.t, got.OK(), "webhook answered %d", got.Status)
}

// speaks tells the desk what a customer speaks.
func (d *desk) speaks(desk *livedesk.Desk, who int, language string) error {
	_, err := desk.PutContact(d.t.Context(), livedesk.Contact{Address: number(who), Language: language})
	return err
}

// answers is an AI agent that knows three words.
type answers struct{}

func (answers) Answer(_ context.Context, t livedesk.Turn) (livedesk.Answer, error) {
	last := ""
	for _, l := range t.Transcript {
		if l.By == livedesk.ActorCustomer {
			last = l.Text
		}
	}
	switch last {
	case human:
		return livedesk.Answer{Then: livedesk.HandOver}, nil
	case bye:
		return livedesk.Answer{Then: livedesk.Finish}, nil
	}
	return livedesk.Answer{Text: "I see"}, nil
}

// rules puts one of ruleSets in place.
func (d *desk) rules(name string) {
	var set livedesk.RuleSet
	for i, r := range ruleSets[name] {
		set.Rules = append(set.Rules, r.stored(i))
	}
	_, err := d.desk().PutRules(d.t.Context(), set)
	require.NoError(d.t, err)
}

// seen is everything that the store has about who has what.
type seen struct {
	talks  []livedesk.Conversation
	agents []livedesk.Agent
	lines  map[string]livedesk.Queue
}

func (d *desk) look() (out seen) {
	require.NoError(d.t, d.store.View(d.t.Context(), func(ctx context.Context, tx livedesk.ReadTx) (err error) {
		if out.talks, err = tx.Conversations(ctx, livedesk.ConversationQuery{Workspace: workspace, Limit: 1000}); err != nil {
			return err
		}
		if out.agents, err = tx.Agents(ctx, workspace, nil); err != nil {
			return err
		}
		ids := []string{livedesk.ChannelQueue(d.channels[0].ID), livedesk.ChannelQueue(d.channels[1].ID), team, cysOwn}
		found, err := tx.Queues(ctx, livedesk.QueueQuery{Workspace: workspace, IDs: ids, Heads: 1000})
		out.lines = map[string]livedesk.Queue{}
		for _, q := range found.Queues {
			out.lines[q.ID] = q
		}
		return err
	}))
	return out
}

// gapless holds every timeline to numbers without a gap, and returns all their entries.
func (d *desk) gapless(s seen) (entries []livedesk.Message) {
	for _, c := range s.talks {
		var all []livedesk.Message
		require.NoError(d.t, d.store.View(d.t.Context(), func(ctx context.Context, tx livedesk.ReadTx) (err error) {
			all, err = tx.Timeline(ctx, livedesk.TimelineQuery{Workspace: workspace, Conversation: c.ID, Limit: 1000})
			return err
		}))
		require.Len(d.t, all, int(c.LastSeq))
		require.True(d.t, slices.IsSortedFunc(all, func(a, b livedesk.Message) int { return int(a.Seq - b.Seq) }))
		require.Equal(d.t, c.LastSeq, all[len(all)-1].Seq)
		entries = append(entries, all...)
	}
	return entries
}
