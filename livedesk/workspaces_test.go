package livedesk_test

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/hours"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// ids are what a method may be given of somebody else.
type ids struct{ conversation, message, contact, channel, agent string }

var nobodys = ids{"01a20256-0000-7000-8000-000000000000", "01a20256-0000-7000-8000-000000000001",
	"01a20256-0000-7000-8000-000000000002", "01a20256-0000-7000-8000-000000000003", "zoe"}

// crossing calls each method of Desk with ids. nil: it takes no id that exists beforehand; harmless: lists answer
// with nothing.
var crossing = map[string]func(ctx context.Context, d *livedesk.Desk, x ids) (found any, err error){
	"AddNote": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.AddNote(ctx, x.conversation, host, "x")
	},
	"Agents": func(ctx context.Context, d *livedesk.Desk, _ ids) (any, error) { return d.Agents(ctx) },
	"AllConversations": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		var out []livedesk.Conversation
		for _, l := range []livedesk.List{{}, {Channel: x.channel}, {Contact: x.contact}, {Assignee: x.agent}} {
			for c, err := range d.AllConversations(ctx, l) {
				if err != nil {
					return nil, err
				}
				out = append(out, c)
			}
		}
		return out, nil
	},
	"AllHealth": func(ctx context.Context, d *livedesk.Desk, _ ids) (any, error) { return d.AllHealth(ctx) },
	"Assign": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Assign(ctx, x.conversation, "mallory", host)
	},
	"Backfill": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Backfill(ctx, x.channel, time.Now().Add(-time.Hour))
	},
	"CancelQueued": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		for _, q := range []livedesk.QueuedQuery{{Channel: x.channel}, {Contact: x.contact}} {
			if n, err := d.CancelQueued(ctx, q, host); n != 0 || err != nil {
				return n, err
			}
		}
		return d.CancelQueued(ctx, livedesk.QueuedQuery{Conversation: x.conversation}, host)
	},
	"Channel":  func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) { return d.Channel(ctx, x.channel) },
	"Channels": func(ctx context.Context, d *livedesk.Desk, _ ids) (any, error) { return d.Channels(ctx) },
	"CheckMedia": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.CheckMedia(ctx, x.channel, nil)
	},
	"Consent": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) { return d.Consent(ctx, x.conversation) },
	"Contact": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) { return d.Contact(ctx, x.contact) },
	"Conversation": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Conversation(ctx, x.conversation)
	},
	"Conversations": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		p, err := d.Conversations(ctx, livedesk.List{Channel: x.channel})
		return p.Items, err
	},
	"Counts": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		n, err := d.Counts(ctx, livedesk.CountQuery{Workspace: "main", Agent: x.agent})
		if n == (livedesk.Counts{}) {
			return nil, err
		}
		return n, err
	},
	"ConsentHistory": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		l, err := d.ConsentHistory(ctx, x.channel, alice)
		return l.Changes, err
	},
	"ExportConsents": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		var out []livedesk.ConsentLine
		for l, err := range d.ExportConsents(ctx, livedesk.ConsentExport{Channel: x.channel, Contact: x.contact}) {
			if err != nil {
				return nil, err
			}
			out = append(out, l)
		}
		return out, nil
	},
	"ImportConsents": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		lines := []livedesk.ConsentLine{{Channel: x.channel, Address: alice, ConsentChange: livedesk.ConsentChange{OptedOut: true, At: time.Unix(1, 0)}}}
		im, err := d.ImportConsents(ctx, given(lines))
		if im.Refused != 1 || im.Wrong[0].Fields[0].Field != "channel" {
			return im, err
		}
		return nil, err
	},
	"OptIn": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.OptIn(ctx, x.channel, alice, host, "")
	},
	"OptOut": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.OptOut(ctx, x.channel, alice, host, "")
	},
	"EndRotation": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.EndRotation(ctx, x.channel)
	},
	"Explain": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) { return d.Explain(ctx, x.conversation) },
	"Health":  func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) { return d.Health(ctx, x.channel) },
	"FetchMedia": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.FetchMedia(ctx, x.message, 0)
	},
	"Latest": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Latest(ctx, x.conversation, 0, 0)
	},
	"MarkRead": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.MarkRead(ctx, x.conversation)
	},
	"Members": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) { return d.Members(ctx, x.channel) },
	"Message": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) { return d.Message(ctx, x.message) },
	"Messages": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		var out []livedesk.Message
		for m, err := range d.Messages(ctx, x.conversation, 0) {
			if err != nil {
				return nil, err
			}
			out = append(out, m)
		}
		return out, nil
	},
	"Notify": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Notify(ctx, x.channel, alice, livedesk.Draft{Text: "x"})
	},
	"PauseChannel": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.PauseChannel(ctx, x.channel, host, "x")
	},
	"Preview": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Preview(ctx, x.channel, livedesk.Draft{Text: "x"})
	},
	"ReportText": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.ReportText(ctx, x.channel, "x")
	},
	"PutAgent": nil, // an upsert of the desk's own
	"PutChannel": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.PutChannel(ctx, livedesk.Channel{ID: x.channel, Provider: "bandwidth", Values: livedesk.Values{"name": "x"}})
	},
	"PutContact": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.PutContact(ctx, livedesk.Contact{ID: x.contact})
	},
	"PutRule":  nil, // upserts of the desk's own
	"PutRules": nil,
	// Likewise.
	"PutSchedule": nil,
	"RemoveSchedule": func(ctx context.Context, d *livedesk.Desk, _ ids) (any, error) {
		return nil, d.RemoveSchedule(ctx, "office")
	},
	"Schedules": func(ctx context.Context, d *livedesk.Desk, _ ids) (any, error) { return d.Schedules(ctx) },
	"SetTeamSchedule": func(ctx context.Context, d *livedesk.Desk, _ ids) (any, error) {
		return nil, d.SetTeamSchedule(ctx, "night", "office")
	},
	"TeamSchedule": func(ctx context.Context, d *livedesk.Desk, _ ids) (any, error) { return d.TeamSchedule(ctx, "night") },
	"Register": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.Register(ctx, x.channel)
	},
	"RemoveAgent": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.RemoveAgent(ctx, x.agent)
	},
	"RemoveChannel": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.RemoveChannel(ctx, x.channel)
	},
	"RemoveRule": func(ctx context.Context, d *livedesk.Desk, _ ids) (any, error) {
		return nil, d.RemoveRule(ctx, "night")
	},
	"Rules": func(ctx context.Context, d *livedesk.Desk, _ ids) (any, error) {
		set, err := d.Rules(ctx)
		return set.Rules, err
	},
	"Waiting": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Waiting(ctx, livedesk.ChannelQueue(x.channel))
	},
	"Wake": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Wake(ctx, x.conversation, host)
	},
	"Reopen": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Reopen(ctx, x.conversation, host)
	},
	"Reply": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Reply(ctx, x.conversation, host, livedesk.Draft{Text: "x"})
	},
	"Resend": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Resend(ctx, x.message, host)
	},
	"Resolve": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Resolve(ctx, x.conversation, host)
	},
	"ResumeChannel": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.ResumeChannel(ctx, x.channel, host)
	},
	"RotateWebhookKey": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.RotateWebhookKey(ctx, x.channel)
	},
	"SetDetails": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.SetDetails(ctx, x.conversation, host, livedesk.Details{Labels: []string{"x"}})
	},
	"SetMembers": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.SetMembers(ctx, x.channel, []string{"mallory"})
	},
	"SetOutsideLoad": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.SetOutsideLoad(ctx, x.agent, 1)
	},
	"SetPresence": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.SetPresence(ctx, x.agent, livedesk.Busy, 0)
	},
	"SetTeam": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.SetTeam(ctx, "team", []string{x.agent})
	},
	"Simulate": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Simulate(ctx, livedesk.Simulation{Channel: x.channel})
	},
	"Snooze": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Snooze(ctx, x.conversation, host, time.Time{})
	},
	"Start": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Start(ctx, x.channel, alice, host, livedesk.Draft{Text: "x"})
	},
	"Team": func(ctx context.Context, d *livedesk.Desk, _ ids) (any, error) { return d.Team(ctx, "night") },
	"Transfer": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Transfer(ctx, x.conversation, toTeam("night"), host)
	},
	"Unassign": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.Unassign(ctx, x.conversation, host)
	},
	"Verify": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return nil, d.Verify(ctx, livedesk.Channel{ID: x.channel, Provider: "bandwidth", Values: livedesk.Values{"name": "x"}})
	},
	"WebhookURL": func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) {
		return d.WebhookURL(ctx, x.channel)
	},
	"Webhooks":  func(ctx context.Context, d *livedesk.Desk, x ids) (any, error) { return d.Webhooks(ctx, x.channel) },
	"Workspace": nil,
}

// lists answer an id that isn't there with nothing rather than with an error.
var lists = []string{"Agents", "AllHealth", "AllConversations", "Channels", "ConsentHistory", "Conversations", "Counts", "ExportConsents", "ImportConsents", "Latest", "Messages", "Rules", "Schedules", "Team", "TeamSchedule", "Waiting"}

// An id of another workspace answers exactly like one that doesn't exist, for every method that there is.
func TestWorkspacesNeverCross(t *testing.T) { // F152, F153, I17, R27
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.ConsentTexts.Off = true })
	w.agents(w.ch.ID, 5, "ada")
	require.NoError(t, w.desk.SetTeam(w.ctx(), "night", []string{"ada"}))
	w.rules(says("night", toTeam("night")))
	w.schedule("office", hours.Schedule{Zone: "UTC", Week: hours.EveryDay(hours.Slot{From: "00:00", To: "24:00"})})
	require.NoError(t, w.desk.SetTeamSchedule(w.ctx(), "night", "office"))
	w.text(alice, "hello")
	c := w.only()
	m := w.reply(c.ID, "hi")
	w.settle()
	w.text(alice, "STOP")
	w.text(alice, "START")
	foreign := ids{c.ID, m.ID, c.Contact, w.ch.ID, "ada"}
	mallory := w.engine.Desk("mallory")
	before := w.everything(foreign)
	typ := reflect.TypeFor[*livedesk.Desk]()
	for i := range typ.NumMethod() {
		name := typ.Method(i).Name
		call, listed := crossing[name]
		require.True(t, listed, "Desk.%s has no row in this table", name)
		if call == nil {
			continue
		}
		got, foreignErr := call(w.ctx(), mallory, foreign)
		_, missingErr := call(w.ctx(), mallory, nobodys)
		require.Equal(t, livedesk.ErrorCode(missingErr), livedesk.ErrorCode(foreignErr), name)
		if slices.Contains(lists, name) {
			require.NoError(t, foreignErr, name)
			require.Empty(t, got, name)
			continue
		}
		require.ErrorIs(t, foreignErr, livedesk.ErrNotFound, name)
		require.ErrorIs(t, missingErr, livedesk.ErrNotFound, name)
		require.Equal(t, livedesk.HTTPStatus(missingErr), livedesk.HTTPStatus(foreignErr), name)
	}
	require.Equal(t, before, w.everything(foreign), "nothing was changed")
	w.settle()
	require.Len(t, w.bodies(), 1)
	for _, id := range []string{"", "\x00", string(make([]byte, 500)), "' OR 1=1 --", "%", "_", "../x"} {
		_, err := w.desk.Conversation(w.ctx(), id)
		require.ErrorIs(t, err, livedesk.ErrNotFound, "%q", id)
		_, err = w.desk.Resolve(w.ctx(), id, host)
		require.ErrorIs(t, err, livedesk.ErrNotFound, "%q", id)
		_, err = w.desk.Message(w.ctx(), id)
		require.ErrorIs(t, err, livedesk.ErrNotFound, "%q", id)
	}
}

// everything is everything that an intruder could have changed.
func (w *world) everything(x ids) []any {
	agents, err := w.desk.Agents(w.ctx())
	require.NoError(w.t, err)
	members, err := w.desk.Members(w.ctx(), x.channel)
	require.NoError(w.t, err)
	ch, err := w.desk.Channel(w.ctx(), x.channel)
	require.NoError(w.t, err)
	health, err := w.desk.Health(w.ctx(), x.channel)
	require.NoError(w.t, err)
	url, err := w.desk.WebhookURL(w.ctx(), x.channel)
	require.NoError(w.t, err)
	return []any{w.all(livedesk.List{}), w.timeline(x.conversation), agents, members, ch, health, url}
}

// A workspace without a proper name can't be used.
func TestWorkspaceNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"", "\x00", "a\nb", string(make([]byte, 129)), "\xff"} {
		_, err := w.engine.Desk(name).PutAgent(w.ctx(), livedesk.Agent{ID: "x"})
		require.NotEmpty(t, field(t, err, "workspace"))
		_, err = w.engine.Desk(name).Agents(w.ctx())
		require.NotEmpty(t, field(t, err, "workspace"))
	}
}

// No tenant can take another one's number, or learn of it: both may name the same account, each has its own webhooks.
func TestTwoWorkspacesMayNameOneNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ours := w.twilioChannel(nil)
	other := w.engine.Desk("other")
	theirs, err := other.PutChannel(w.ctx(), livedesk.Channel{Provider: "twilio", Values: twilio.Setup{
		Name: "Theirs", PhoneNumber: smstest.TwilioNumber, AccountSID: smstest.TwilioAccountSID,
		AuthToken: sms.NewSecret(smstest.TwilioAuthToken),
	}.Values()})
	require.NoError(t, err)
	a, err := w.desk.WebhookURL(w.ctx(), ours.ID)
	require.NoError(t, err)
	b, err := other.WebhookURL(w.ctx(), theirs.ID)
	require.NoError(t, err)
	require.NotEqual(t, a, b)
}
