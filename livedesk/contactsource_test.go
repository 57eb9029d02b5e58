package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms/smstest"
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
	var asked sync.Map // by contact, since the worlds share the source
	times := func(contact string) int64 {
		n, _ := asked.LoadOrStore(contact, new(atomic.Int64))
		return n.(*atomic.Int64).Load()
	}
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
		before := times(c.Contact)
		require.Positive(t, before)
		w.text(alice, "again")
		require.Equal(t, before, times(c.Contact))
		require.Equal(t, "bo", w.live(alice).Assignee)
	}, withSource(func(_ context.Context, workspace string, c livedesk.Contact) (livedesk.Contact, error) {
		n, _ := asked.LoadOrStore(c.ID, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
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

// The first conversation that is routed is the one before which the host is asked, whatever came before it.
func TestContactSourceIsAskedWhenFirstRouted(t *testing.T) {
	t.Parallel()
	gold := livedesk.Contact{Attributes: map[string]string{"plan": "gold"}}
	for name, c := range map[string]struct {
		before    func(w *world) error
		returning bool
		cause     routing.Cause
	}{
		"STOP": {func(w *world) error { w.text(alice, "STOP"); w.text(alice, "START"); return nil }, true, routing.CauseNew},
		"HELP": {func(w *world) error { w.text(alice, "HELP"); return nil }, true, routing.CauseNew},
		"a notification": {func(w *world) error {
			_, err := w.desk.Notify(w.ctx(), w.ch.ID, addr(alice), livedesk.Draft{Text: "your table is ready"})
			return err
		}, true, routing.CauseReopened},
		"an agent's text": {func(w *world) error {
			m := w.start(alice, "hello")
			_, err := w.desk.Resolve(w.ctx(), m.Conversation, host)
			w.later(25 * time.Hour)
			return err
		}, true, routing.CauseNew},
		"an import": {func(w *world) error {
			_, err := w.desk.OptIn(w.ctx(), w.ch.ID, addr(alice), host, "")
			return err
		}, false, routing.CauseNew},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []livedesk.Contact
			w := newWorld(t, withSource(func(_ context.Context, _ string, c livedesk.Contact) (livedesk.Contact, error) {
				asked = append(asked, c)
				return gold, nil
			}))
			w.twilioChannel(nil)
			w.vips()
			require.NoError(t, c.before(w))
			w.settle()
			require.Empty(t, asked, "nothing was routed")
			w.advance(time.Second)
			w.text(alice, "hello")
			require.Len(t, asked, 1)
			now := w.live(alice)
			require.Equal(t, "bo", now.Assignee, "the rules know")
			require.Equal(t, c.cause, w.explained(now.ID).Cause)
			contact, err := w.desk.Contact(w.ctx(), now.Contact)
			require.NoError(t, err)
			require.Equal(t, "US", contact.Country, "as the carrier says")

			_, err = w.desk.PutRule(w.ctx(), routing.Rule{
				ID: "again", Condition: routing.Condition{Contact: routing.ReturningContact}, Targets: []routing.Target{{Kind: routing.ToAgent, ID: "ada"}},
			})
			require.NoError(t, err)
			_, err = w.desk.Resolve(w.ctx(), now.ID, host)
			require.NoError(t, err)
			w.later(25 * time.Hour)
			w.text(alice, "hello again")
			require.Len(t, asked, 1, "once")
		})
	}
}

// Who came back is a returning contact, also when the host is asked only then; the agent of the last time isn't forgotten.
func TestContactSourceOfWhoCameBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) { c.Assignment.StickyDays = 7 })
	w.agents(w.ch.ID, 5, "ada", "bo", "cy")
	w.text(alice, "hello")
	_, err := w.desk.Assign(w.ctx(), w.live(alice).ID, "cy", host)
	require.NoError(t, err)
	_, err = w.desk.Resolve(w.ctx(), w.live(alice).ID, host)
	require.NoError(t, err)
	w.text(bob, "hello")
	_, err = w.desk.Resolve(w.ctx(), w.live(bob).ID, host)
	require.NoError(t, err)
	w.later(25 * time.Hour)
	later := w.open(withSource(func(context.Context, string, livedesk.Contact) (livedesk.Contact, error) {
		return livedesk.Contact{}, livedesk.ErrNotFound
	}))
	w.carrier.SetWebhooks(w.url+"#rc=5&rp=all", smstest.HandlerTransport(later.Webhooks()))
	w.deliver(textFrom(alice, "again"))
	w.settleOn(later)
	require.Equal(t, "cy", w.live(alice).Assignee)
	_, err = w.desk.PutRule(w.ctx(), routing.Rule{
		ID: "again", Condition: routing.Condition{Contact: routing.ReturningContact}, Targets: []routing.Target{{Kind: routing.ToAgent, ID: "bo"}},
	})
	require.NoError(t, err)
	w.deliver(textFrom(bob, "again"))
	w.settleOn(later)
	require.Equal(t, "bo", w.live(bob).Assignee)
}

// A source that failed is asked again with the next conversation; one that knew nothing isn't.
func TestContactSourceIsAskedAgainAfterFailure(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	w := newWorld(t, withSource(func(_ context.Context, _ string, c livedesk.Contact) (livedesk.Contact, error) {
		asked[string(c.Address)]++
		if c.Address == addr(alice) && asked[alice] == 1 {
			return livedesk.Contact{}, errBroken
		}
		return livedesk.Contact{}, livedesk.ErrNotFound
	}))
	w.bandwidthChannel(nil)
	w.vips()
	for range 3 {
		for _, from := range []string{alice, bob} {
			w.text(from, "hello")
			_, err := w.desk.Resolve(w.ctx(), w.live(from).ID, host)
			require.NoError(t, err)
		}
		w.later(25 * time.Hour)
	}
	require.Equal(t, map[string]int{alice: 2, bob: 1}, asked)
}

// What a source says is checked like what a host puts: nothing of rubbish is stored.
func TestContactSourceTalksRubbish(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = "x"
	}
	var endless []string
	for i := range 300_000 {
		endless = append(endless, fmt.Sprint(i))
	}
	for name, c := range map[string]livedesk.Contact{
		"endless labels":  {Labels: endless},
		"a mebibyte":      {Attributes: map[string]string{"plan": strings.Repeat("x", 1<<20)}},
		"a long key":      {Attributes: map[string]string{strings.Repeat("x", 129): "x"}},
		"key, not UTF-8":  {Attributes: map[string]string{"\xff": "x", "\xff\xfe": "y"}},
		"id, not UTF-8":   {ExternalID: "\xff"},
		"label, a NUL":    {Labels: []string{"\x00"}},
		"51 attributes":   {Attributes: many},
		"a zone of Mars":  {Zone: "Mars/Base"},
		"a path, no zone": {Zone: "../../etc/passwd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withSource(func(context.Context, string, livedesk.Contact) (livedesk.Contact, error) { return c, nil }))
			w.bandwidthChannel(nil)
			w.vips()
			w.text(alice, "hello")
			require.Equal(t, "ada", w.only().Assignee)
			require.Equal(t, []string{"contact source failed: not valid"}, w.causes(w.only().ID, "contact_unknown"))
			got, err := w.desk.Contact(w.ctx(), w.only().Contact)
			require.NoError(t, err)
			require.Empty(t, fmt.Sprint(got.Name, got.ExternalID, got.Zone)+strings.Join(got.Labels, ""))
			require.Nil(t, got.Attributes)
		})
	}
	w := newWorld(t, withSource(func(context.Context, string, livedesk.Contact) (livedesk.Contact, error) {
		return livedesk.Contact{Name: "Zo\xff\x00", Attributes: map[string]string{"plan": "gold\xff"}}, nil
	}))
	w.bandwidthChannel(nil)
	w.text(alice, "hello")
	got, err := w.desk.Contact(w.ctx(), w.only().Contact)
	require.NoError(t, err)
	require.Equal(t, []string{"Zo\ufffd\ufffd", "gold\ufffd"}, []string{got.Name, got.Attributes["plan"]})
}

// A contact whom the host made is on no channel: in no list, count, line or ledger, until a text comes; then everything is
// that channel's.
func TestPutContactIsOnNoChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twilioChannel(func(c *livedesk.Channel) { c.OptOutScope = livedesk.ScopeWorkspace })
	made, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: addr(alice)})
	require.NoError(t, err)
	require.Empty(t, made.Country)
	w.settle()
	require.Empty(t, w.all(livedesk.List{}))
	require.Empty(t, w.all(livedesk.List{Channel: "contacts"}))
	n, err := w.desk.Counts(w.ctx(), livedesk.CountQuery{})
	require.NoError(t, err)
	require.Zero(t, n)
	channels, err := w.desk.Channels(w.ctx())
	require.NoError(t, err)
	require.Len(t, channels, 1)
	_, err = w.desk.Channel(w.ctx(), "contacts")
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	_, err = w.desk.OptOut(w.ctx(), "contacts", addr(alice), host, "")
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	_, err = w.desk.Start(w.ctx(), "contacts", addr(alice), host, livedesk.Draft{Text: "x"})
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	_, err = w.engine.Desk("other").Contact(w.ctx(), made.ID)
	require.ErrorIs(t, err, livedesk.ErrNotFound)
	export := func() (out []livedesk.ConsentLine) {
		for l, err := range w.desk.ExportConsents(w.ctx(), livedesk.ConsentExport{}) {
			require.NoError(t, err)
			out = append(out, l)
		}
		return out
	}
	require.Empty(t, export())
	w.text(alice, "STOP")
	lines := export()
	require.Len(t, lines, 1)
	require.Equal(t, w.ch.ID, lines[0].Channel)
	same, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: addr(alice), Name: "Alice"})
	require.NoError(t, err)
	require.Equal(t, made.ID, same.ID)
	require.Equal(t, "US", same.Country, "the carrier said so with the text")
	require.Len(t, export(), 1)
	for _, a := range []channel.Address{"+1 415 555 0101", "4155550101 x", "whatsapp:+14155550101", "+0123"} {
		_, err = w.desk.PutContact(w.ctx(), livedesk.Contact{Address: a})
		require.Contains(t, field(t, err, "address"), "+14155550123")
	}
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
		w.advance(time.Second)
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
	_, err = w.desk.PutContact(w.ctx(), livedesk.Contact{Zone: "Local"})
	require.NotEmpty(t, field(t, err, "zone"), "of which machine?")
	require.Contains(t, field(t, err, "address"), "required")
}

// Each fact alone makes a new version, and what is as it was makes none; as much as may be said is kept, and the host's own
// values stay as they are.
func TestPutContactFactByFact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: addr(alice)})
	require.NoError(t, err)
	most, labels := map[string]string{"long": strings.Repeat("x", 1024)}, []string{"vip"}
	for i := range 49 {
		most[fmt.Sprint(i)], labels = "x", append(labels, fmt.Sprint(i))
	}
	for name, say := range map[string]func(c *livedesk.Contact){
		"name": func(c *livedesk.Contact) { c.Name = strings.Repeat("x", 256) }, "id": func(c *livedesk.Contact) { c.ExternalID = "crm-7" },
		"language": func(c *livedesk.Contact) { c.Language = "fr" }, "zone": func(c *livedesk.Contact) { c.Zone = "Europe/Paris" },
		"attributes": func(c *livedesk.Contact) { c.Attributes = most }, "labels": func(c *livedesk.Contact) { c.Labels = labels },
	} {
		said := now
		say(&said)
		said.Version = 0
		got, err := w.desk.PutContact(w.ctx(), said)
		require.NoError(t, err, name)
		said.Version = now.Version + 1
		require.Equal(t, said, got, name)
		now, err = w.desk.Contact(w.ctx(), now.ID)
		require.NoError(t, err)
		require.Equal(t, said, now, name)
		got, err = w.desk.PutContact(w.ctx(), said)
		require.NoError(t, err)
		require.Equal(t, now, got, name)
	}
	mine := map[string]string{"plan": "go\x00ld"}
	got, err := w.desk.PutContact(w.ctx(), livedesk.Contact{ID: now.ID, Attributes: mine})
	require.NoError(t, err)
	require.Equal(t, "go\ufffdld", got.Attributes["plan"])
	require.Equal(t, "go\x00ld", mine["plan"])
	got, err = w.desk.PutContact(w.ctx(), livedesk.Contact{ID: now.ID, Attributes: map[string]string{}, Labels: []string{}})
	require.NoError(t, err)
	require.Nil(t, got.Attributes)
	require.Nil(t, got.Labels)
}

// A contact who was made without a country has that of the first text that tells one, whether the host knows them or not;
// no later one changes it.
func TestCountryOfTheFirstText(t *testing.T) {
	t.Parallel()
	put := func(w *world) error {
		_, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: alice, Name: "Alice"})
		return err
	}
	write := func(w *world) error { w.start(alice, "hello"); return nil }
	known := func(w *world) error { _, err := w.desk.OptIn(w.ctx(), w.ch.ID, alice, host, ""); return err }
	nobody := withSource(func(context.Context, string, livedesk.Contact) (livedesk.Contact, error) {
		return livedesk.Contact{}, livedesk.ErrNotFound
	})
	for name, c := range map[string]struct {
		made func(w *world) error
		opts []option
	}{
		"the host's": {put, nil}, "the host's, with a source": {put, []option{nobody}},
		"written to": {write, nil}, "opted in, with a source": {known, []option{nobody}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onTwilio(t, c.opts...)
			require.NoError(t, c.made(w))
			for _, country := range []string{"", "CA", "FR"} {
				w.deliver(smstest.Text{From: alice, Body: "hello", Fields: map[string]string{"FromCountry": country}})
				w.settle()
			}
			contact, err := w.desk.Contact(w.ctx(), w.live(alice).Contact)
			require.NoError(t, err)
			require.Equal(t, "CA", contact.Country)
		})
	}
}

// Neither what the host said without a word, nor the country of a text, counts as an answer of the source, or for one.
func TestContactSourceAndOtherFacts(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	w := onTwilio(t, withSource(func(_ context.Context, _ string, c livedesk.Contact) (livedesk.Contact, error) {
		asked[string(c.Address)]++
		return livedesk.Contact{}, errBroken
	}))
	_, err := w.desk.PutContact(w.ctx(), livedesk.Contact{Address: bob})
	require.NoError(t, err)
	_, err = w.desk.OptIn(w.ctx(), w.ch.ID, alice, host, "")
	require.NoError(t, err)
	for range 2 {
		for _, from := range []string{alice, bob} {
			w.text(from, "hello")
			_, err = w.desk.Resolve(w.ctx(), w.live(from).ID, host)
			require.NoError(t, err)
		}
		w.later(25 * time.Hour)
	}
	require.Equal(t, map[string]int{alice: 2}, asked)
}
