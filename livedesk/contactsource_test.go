package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
)

// source is a ContactSource by a function.
type source func(ctx context.Context, workspace string, c livedesk.Contact) (livedesk.Contact, error)

func (f source) Lookup(ctx context.Context, workspace string, c livedesk.Contact) (livedesk.Contact, error) {
	return f(ctx, workspace, c)
}

func withSource(f source) option { return func(s *settings) { s.ContactSource = f } }

// vips sends gold customers to bo.
func (w *world) vips() {
	w.t.Helper()
	w.agents(w.ch.ID, 5, "ada", "bo")
	_, err := w.desk.PutRule(w.ctx(), routing.Rule{
		ID:        "gold",
		Condition: routing.Condition{ContactAttribute: &routing.Attribute{Name: "plan", Equals: []string{"gold"}}},
		Targets:   []routing.Target{{Kind: routing.ToAgent, ID: "bo"}},
	})
	require.NoError(w.t, err)
}

func TestContactSource(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	onBoth(t, func(t *testing.T, w *world) {
		w.change(func(c *livedesk.Channel) { c.Greeting = "Hi" })
		w.vips()
		w.deliver(textFrom(alice, "one"))
		w.deliver(textFrom(alice, "two"))
		c := w.only()
		require.Empty(t, c.Assignee+c.Queue, "it is routed when the host was asked")
		w.settle()
		c = w.only()
		require.Equal(t, "bo", c.Assignee)
		require.Equal(t, []string{"Hi"}, w.bodies())
		d := w.explained(c.ID)
		require.Equal(t, "gold", d.Rule)
		require.Equal(t, routing.CauseNew, d.Cause)
		contact, err := w.desk.Contact(w.ctx(), c.Contact)
		require.NoError(t, err)
		require.Equal(t, "Zoë", contact.Name)
		require.Equal(t, []string{"vip"}, contact.Labels)
		require.Equal(t, addr(alice), contact.Address, "other fields don't count")
		// Known from now on.
		_, err = w.desk.Resolve(w.ctx(), c.ID, host)
		require.NoError(t, err)
		w.later(25 * time.Hour)
		before := asked.Load()
		w.text(alice, "again")
		require.Equal(t, before, asked.Load())
		require.Equal(t, "bo", w.live(alice).Assignee)
	}, withSource(func(_ context.Context, workspace string, c livedesk.Contact) (livedesk.Contact, error) {
		asked.Add(1)
		if workspace != "main" || c.Address != addr(alice) || c.ID == "" {
			return livedesk.Contact{}, errors.New("asked about somebody else")
		}
		return livedesk.Contact{
			ID: "x", Address: "+1", Name: "Zoë", Attributes: map[string]string{"plan": "gold"}, Labels: []string{"vip", "vip"},
		}, nil
	}))
}

// Whatever becomes of the question, the conversation is routed, and the timeline says what went wrong.
func TestContactSourceFails(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	for name, c := range map[string]struct {
		answer source
		causes []string
	}{
		"not known": {func(context.Context, string, livedesk.Contact) (livedesk.Contact, error) {
			return livedesk.Contact{Name: "not this"}, fmt.Errorf("crm: %w", livedesk.ErrNotFound)
		}, nil},
		"error": {func(context.Context, string, livedesk.Contact) (livedesk.Contact, error) {
			return livedesk.Contact{Name: "not this"}, errors.New("down")
		}, []string{"contact source failed: error"}},
		"panic": {func(context.Context, string, livedesk.Contact) (livedesk.Contact, error) { panic("oops") },
			[]string{"contact source failed: panic"}},
		"not valid": {func(context.Context, string, livedesk.Contact) (livedesk.Contact, error) {
			return livedesk.Contact{Name: strings.Repeat("x", 257)}, nil
		}, []string{"contact source failed: not valid"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withSource(c.answer))
			w.bandwidthChannel(nil)
			w.vips()
			w.text(alice, "hello")
			now := w.only()
			require.Equal(t, "ada", now.Assignee)
			require.Equal(t, c.causes, w.causes(now.ID, "contact_unknown"))
			contact, err := w.desk.Contact(w.ctx(), now.Contact)
			require.NoError(t, err)
			require.Empty(t, contact.Name)
		})
	}
}

// A source that hangs is left alone after two seconds.
func TestContactSourceHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withSource(func(ctx context.Context, _ string, _ livedesk.Contact) (livedesk.Contact, error) {
		deadline, bounded := ctx.Deadline()
		require.True(t, bounded)
		require.LessOrEqual(t, time.Until(deadline), 2*time.Second)
		<-ctx.Done()
		return livedesk.Contact{Name: "late"}, nil
	}))
	w.bandwidthChannel(nil)
	w.vips()
	w.text(alice, "hello")
	require.Equal(t, "ada", w.only().Assignee)
	require.Equal(t, []string{"contact source failed: timeout"}, w.causes(w.only().ID, "contact_unknown"))
}

// What happens while the host is asked is not undone by its answer.
func TestContactSourceMeanwhile(t *testing.T) {
	t.Parallel()
	var w *world
	meanwhile := func(livedesk.Conversation) {}
	w = newWorld(t, withSource(func(_ context.Context, _ string, c livedesk.Contact) (livedesk.Contact, error) {
		meanwhile(w.live(string(c.Address)))
		return livedesk.Contact{Name: "CRM", Language: "fr", Attributes: map[string]string{"plan": "gold", "since": "2019"}}, nil
	}))
	w.bandwidthChannel(nil)
	w.vips()
	meanwhile = func(c livedesk.Conversation) {
		_, err := w.desk.Assign(w.ctx(), c.ID, "bo", host)
		require.NoError(t, err)
		_, err = w.desk.PutContact(w.ctx(), livedesk.Contact{Address: addr(alice), Name: "Alice", Attributes: map[string]string{"plan": "free"}})
		require.NoError(t, err)
	}
	w.text(alice, "hello")
	require.Equal(t, "bo", w.live(alice).Assignee, "routing would have chosen ada")
	require.Len(t, w.causes(w.live(alice).ID, "assigned"), 1)
	got, err := w.desk.Contact(w.ctx(), w.live(alice).Contact)
	require.NoError(t, err)
	require.Equal(t, []any{"Alice", "fr", "free", "2019"}, []any{got.Name, got.Language, got.Attributes["plan"], got.Attributes["since"]})
	meanwhile = func(c livedesk.Conversation) {
		_, err := w.desk.Snooze(w.ctx(), c.ID, host, w.clock().Add(time.Hour))
		require.NoError(t, err)
	}
	w.text(bob, "hello")
	require.Equal(t, livedesk.Snoozed, w.live(bob).State)
	w.later(time.Hour)
	require.Equal(t, "bo", w.live(bob).Assignee, "it is routed when it wakes")
}

// A process that dies after the commit leaves the rest to others; nobody is greeted twice.
func TestContactSourceOfAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withSource(func(context.Context, string, livedesk.Contact) (livedesk.Contact, error) {
		return livedesk.Contact{Attributes: map[string]string{"plan": "gold"}}, nil
	}))
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Greeting = "Hi" })
	w.vips()
	w.deliver(textFrom(alice, "hello"))
	w.settleOn(w.open())
	require.Equal(t, "bo", w.only().Assignee)
	require.Equal(t, []string{"Hi"}, w.bodies())
}

func TestPutContact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.vips()
	made, err := w.desk.PutContact(w.ctx(), livedesk.Contact{
		Address: addr(alice), Name: " Zoë\x00 ", ExternalID: "crm-7", Language: "fr-CA", Zone: "America/Toronto",
		Attributes: map[string]string{"plan": "gold"}, Labels: []string{"a", "b", "a"},
	})
	require.NoError(t, err)
	require.Equal(t, "Zoë\ufffd", made.Name)
	require.Equal(t, []string{"a", "b"}, made.Labels)
	stored, err := w.desk.Contact(w.ctx(), made.ID)
	require.NoError(t, err)
	require.Equal(t, made, stored)
	w.text(alice, "hello")
	require.Equal(t, made.ID, w.only().Contact)
	require.Equal(t, "bo", w.only().Assignee, "the rules know")
	for from, want := range map[string]string{bob: "ada", "+14155550199": "bo"} { // known to the host, and new to the desk
		_, err = w.desk.PutRule(w.ctx(), routing.Rule{
			ID: "again", Condition: routing.Condition{Contact: routing.ReturningContact},
			Targets: []routing.Target{{Kind: routing.ToAgent, ID: "bo"}}, Order: 1,
		})
		require.NoError(t, err)
		_, err = w.desk.PutContact(w.ctx(), livedesk.Contact{Address: addr(from), Name: "Bob"})
		require.NoError(t, err)
		if want == "bo" {
			w.text(from, "first")
			_, err = w.desk.Resolve(w.ctx(), w.live(from).ID, host)
			require.NoError(t, err)
			w.later(25 * time.Hour)
		}
		w.text(from, "hello")
		require.Equal(t, want, w.live(from).Assignee)
	}

	same, err := w.desk.PutContact(w.ctx(), stored)
	require.NoError(t, err)
	require.Equal(t, stored, same, "nothing changed")
	changed := stored
	changed.Attributes, changed.Address, changed.Country = map[string]string{"plan": "free"}, "+1", "XX"
	changed, err = w.desk.PutContact(w.ctx(), changed)
	require.NoError(t, err)
	require.Equal(t, stored.Version+1, changed.Version)
	require.Equal(t, []any{stored.Address, stored.Country}, []any{changed.Address, changed.Country})
	_, err = w.desk.PutContact(w.ctx(), stored)
	require.ErrorIs(t, err, livedesk.ErrConflict)
	cleared, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: addr(alice)})
	require.NoError(t, err)
	require.Equal(t, made.ID, cleared.ID)
	require.Empty(t, cleared.Name+cleared.ExternalID+cleared.Language+cleared.Zone)
	require.Nil(t, cleared.Attributes)

	_, err = w.engine.Desk("other").PutContact(w.ctx(), livedesk.Contact{ID: made.ID})
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	many := map[string]string{"long": strings.Repeat("x", 1025)}
	for i := range 50 {
		many[fmt.Sprint(i)] = "x"
	}
	_, err = w.desk.PutContact(w.ctx(), livedesk.Contact{
		Name: strings.Repeat("x", 257), ExternalID: "a\n", Language: "french", Zone: "Mars/Base", Attributes: many, Labels: []string{""},
	})
	for _, f := range []string{"name", "external_id", "language", "zone", "attributes", "attributes.long", "labels[0]", "address"} {
		require.NotEmpty(t, field(t, err, f))
	}
	_, err = w.desk.PutContact(w.ctx(), livedesk.Contact{Address: "  "})
	require.NotEmpty(t, field(t, err, "address"))
}
